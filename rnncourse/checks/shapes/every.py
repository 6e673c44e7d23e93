"""Task 8, expected_shapes: the shapes of any recurrent layer, from its attributes alone."""

from rnncourse.checks.framework.cases import (
    BATCH,
    SINGLE,
    Case,
    random_module,
    random_numbers,
)
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Shape
from rnncourse.checks.framework.plain import Plain
from rnncourse.checks.framework.use import Problem
from rnncourse.checks.shapes.lesson import LESSON, STEP_TO_LAYER


def _expected_shapes(module, T, B):
    G = {"RNN": 1, "GRU": 3, "LSTM": 4}[type(module).__name__]
    D = 2 if module.bidirectional else 1
    I, H, L = module.input_size, module.hidden_size, module.num_layers
    P = module.proj_size or H  # the width of h
    batch = () if B is None else (B,)
    steps = (*batch, T) if module.batch_first else (T, *batch)
    width = D * P if L > 1 else I  # what the last layer reads
    return {
        "input": (*steps, I),
        "output": (*steps, D * P),
        "h_n": (L * D, *batch, P),
        "c_n": (L * D, *batch, H) if G == 4 else (),
        "weight_ih": (G * H, width),
    }


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.5)
    more = seed % 3  # other sizes for another seed

    def case(name: str, T: int, B: int | None, I: int, H: int, **options: object) -> Case:
        T, I, H = T + more, I + more, H + more
        if "proj_size" in options:
            options["proj_size"] += more
        module = random_module(name, numbers, input_size=I, hidden_size=H, **options)
        sizes = {"T": T, "I": I, "H": H} if B is None else {"T": T, "B": B, "I": I, "H": H}
        traits = frozenset({SINGLE if B is None else BATCH})
        return Case({"module": module, "T": T, "B": B}, sizes, traits)

    return [
        case("RNN", 7, 2, 9, 6),
        case("GRU", 5, 3, 11, 8, batch_first=True),
        case("LSTM", 6, 4, 10, 7, num_layers=3),
        case("RNN", 8, 4, 5, 10, num_layers=3, bidirectional=True, batch_first=True),
        case("LSTM", 9, 2, 7, 12, num_layers=2, proj_size=4),
        case("LSTM", 6, 3, 8, 11, num_layers=2, bidirectional=True, batch_first=True, proj_size=5),
        case("GRU", 8, None, 5, 7, num_layers=2),
        case("LSTM", 6, None, 9, 11, num_layers=2, bidirectional=True, batch_first=True),
    ]


def _as_shapes(returned: Plain, arguments: dict) -> Plain:
    """None for the c of a module that has none is an answer, too; None within a shape is not."""
    if not isinstance(returned, dict | tuple | list):
        return returned
    shapes = list(returned.values()) if isinstance(returned, dict) else returned
    if any(None in shape for shape in shapes if isinstance(shape, tuple | list)):
        raise Problem("a shape has None in it: B is None where there is no batch, and no axis, then.")
    if isinstance(returned, dict) and arguments["module"].name != "LSTM" and returned.get("c_n", 0) is None:
        return returned | {"c_n": ()}
    return returned


wrong = Mistakes(STEP_TO_LAYER, _expected_shapes)

wrong.edits("""
D left out of output | output is as wide as one direction.
    (*steps, D * P) => (*steps, P)
§ Move it
output without the projection | output is H wide in each direction, also where proj_size makes h narrower.
    (*steps, D * P) => (*steps, D * H)
§
D left out of the states | the states have a row for each layer, but a layer has a state for each direction.
    (L * D, *batch, P) => (L, *batch, P)
    (L * D, *batch, H) => (L, *batch, H)
L left out of the states | the states have the rows of one layer, however many there are.
    (L * D, *batch, P) => (D, *batch, P)
    (L * D, *batch, H) => (D, *batch, H)
directions joined in the states | the directions are side by side in your states, as in output. A state has
    rows for them.
    (L * D, *batch, P) => (L, *batch, D * P)
    (L * D, *batch, H) => (L, *batch, D * H)
§ Move it
no proj_size | proj_size is not looked at.
    module.proj_size or H => H
h_n without the projection | h_n is H wide, also where proj_size makes h narrower.
    (L * D, *batch, P) => (L * D, *batch, H)
c projected | c_n is as wide as h: is c projected, too?
    (L * D, *batch, H) => (L * D, *batch, P)
§ What batch_first moves
batch_first not looked at | input and output are time first also where batch_first=True.
    (*batch, T) if module.batch_first else (T, *batch) => (T, *batch)
always batch first | input and output are batch first also where batch_first=False.
    (*batch, T) if module.batch_first else (T, *batch) => (*batch, T)
batch_first turned round | batch_first is turned round: True means (B, T, I).
    if module.batch_first => if not module.batch_first
output time first | batch_first moves your input and leaves your output.
    (*steps, D * P) => (T, *batch, D * P)
states moved by batch_first | batch_first has moved your states. What does it move?
    (L * D, *batch, P) => (*batch, L * D, P) if module.batch_first else (L * D, *batch, P)
    (L * D, *batch, H) => (*batch, L * D, H) if module.batch_first else (L * D, *batch, H)
§
states always batch first | your states begin with the batch. What does the first axis of a state count?
    (L * D, *batch, P) => (*batch, L * D, P)
    (L * D, *batch, H) => (*batch, L * D, H)
§ Without a batch
a batch of one | without a batch your shapes have a batch axis of size 1.
    () if B is None => (1,) if B is None
None as a size | where B is None you have None in your shapes. Without a batch, is there an axis for it?
    () if B is None else (B,) => (B,)
§
the last layer reads the input | weight_ih is as wide as the input in every layer: what does a layer above the
    first read?
    D * P if L > 1 else I => I
the last layer reads one direction | the last layer reads one direction of the layer below. Is that all of it?
    D * P if L > 1 else I => P if L > 1 else I
the only layer reads a layer | weight_ih of a module with one layer reads no layer: there is none below it.
    D * P if L > 1 else I => D * P
§ Move it
the last layer reads H | weight_ih of an upper layer is wider than what comes up to it: proj_size makes h
    narrower.
    D * P if L > 1 else I => D * H if L > 1 else I
§
four blocks | every weight has four blocks: only an LSTM's has.
    (G * H, width) => (4 * H, width)
one block | every weight has one block: only a simple RNN's has.
    (G * H, width) => (H, width)
§ Move it
blocks of P rows | the blocks of weight_ih have P rows; the projection comes after the gates.
    (G * H, width) => (G * P, width)
§
transposed | weight_ih is transposed: it has a row for each number that it computes.
    (G * H, width) => (width, G * H)
c for all | c_n has a shape also where there is no c: only an LSTM has one.
    if G == 4 else () =>
states with time | your states have a time axis: they are from one moment.
    (L * D, *batch, P) => (L * D, T, *batch, P)
    (L * D, *batch, H) => (L * D, T, *batch, H)
""")

expected_shapes = Check(
    name="expected_shapes",
    lesson=LESSON,
    section=STEP_TO_LAYER,
    parts=tuple(Shape(name) for name in ("input", "output", "h_n", "c_n", "weight_ih")),
    criteria=tuple(Criterion(name, 1, (name,)) for name in ("input", "output", "h_n", "c_n", "weight_ih")),
    truth=_expected_shapes,
    cases=_cases,
    example_case=Case(
        {"module": random_module("RNN", random_numbers(0, 1.0), input_size=2, hidden_size=1), "T": 4, "B": 3},
        {"T": 4, "B": 3, "I": 2, "H": 1},
    ),
    mistakes=wrong,
    derive=_as_shapes,
)

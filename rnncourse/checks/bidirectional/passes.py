"""Task 5, two_ways: a bidirectional layer from two cells."""

import torch

from rnncourse.checks.bidirectional.lesson import INTERLEAVE, LESSON, SEEN, TWO_PASSES
from rnncourse.checks.framework.cases import ONE_STEP, Case, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.framework.watch import RECURRENT


def _pass(cell, steps, state=None):
    outputs = []
    for x_t in steps:
        state = cell(x_t, state)
        outputs.append(state[0])
    return torch.stack(outputs), state


def _truth(x, ahead, back):
    forward, state = _pass(ahead, x)
    backward, state_back = _pass(back, x.flip(0))
    output = torch.cat([forward, backward.flip(0)], dim=-1)
    h_n, c_n = (torch.stack(pair) for pair in zip(state, state_back, strict=True))
    return output, h_n, c_n


def _cases(seed):
    numbers = random_numbers(seed, 0.8)

    def case(T, B, I, H, *traits):
        cells = {
            name: random_module("LSTMCell", numbers, input_size=I, hidden_size=H)
            for name in ("ahead", "back")
        }
        return Case({"x": numbers(T, B, I)} | cells, {"T": T, "B": B, "I": I, "H": H}, frozenset(traits))

    return [
        case(5, 3, 2, 4),
        case(4, 2, 5, 3),
        case(3, 3, 4, 2),  # T = B: what runs over the wrong axis fits
        case(1, 4, 3, 2, ONE_STEP),
    ]


wrong = Mistakes(TWO_PASSES, _truth)

wrong.edits("""
not flipped back | the backward half stands in the order in which it was made: each step is beside another
    step's input.
    backward.flip(0) => backward
never flipped | both passes run from the first step to the last.
    x.flip(0) => x
    backward.flip(0) => backward
flipped once, too late | the backward pass runs forward; only its outputs are flipped.
    x.flip(0) => x
flipped along the batch | the batch is flipped, not the time.
    x.flip(0) => x.flip(1)
    backward.flip(0) => backward.flip(1)
one cell for both | both passes use `ahead`: each direction has weights of its own.
    _pass(back, => _pass(ahead,
cells exchanged | `back` runs forward, and `ahead` backward.
    _pass(ahead, x) => _pass(back, x)
    _pass(back, x.flip(0)) => _pass(ahead, x.flip(0))
state handed over | the backward pass starts from the state in which the forward pass ended. Each starts from
    zeros.
    x.flip(0)) => x.flip(0), state)
added | the two halves are added in output. Asked are they side by side.
    torch.cat([forward, backward.flip(0)], dim=-1) => forward + backward.flip(0)
backward first | the backward half stands first in output.
    [forward, backward.flip(0)] => [backward.flip(0), forward]
joined along time | output has 2T steps: the halves are joined along time.
    backward.flip(0)], dim=-1 => backward.flip(0)]
forward only | output has the forward half alone.
    torch.cat([forward, backward.flip(0)], dim=-1) => forward
""")


@wrong(
    "backward state of the last step",
    "the backward rows of the states are taken at the last step, where that direction begins.",
    section=INTERLEAVE,
)
def _(x, ahead, back):
    output, h_n, c_n = _truth(x, ahead, back)
    _, (h, c) = _pass(back, x[-1:])
    return output, torch.stack([h_n[0], h]), torch.stack([c_n[0], c])


@wrong(
    "states at both first steps",
    "the forward rows of the states are taken at the first step, where that direction begins.",
    section=INTERLEAVE,
)
def _(x, ahead, back):
    output, h_n, c_n = _truth(x, ahead, back)
    _, (h, c) = _pass(ahead, x[:1])
    return output, torch.stack([h, h_n[1]]), torch.stack([c, c_n[1]])


@wrong("states exchanged", "the backward state is the first row of h_n and c_n.", section=INTERLEAVE)
def _(x, ahead, back):
    output, h_n, c_n = _truth(x, ahead, back)
    return output, h_n.flip(0), c_n.flip(0)


@wrong(
    "forward state only",
    "h_n and c_n have the forward state alone, without a row for each direction.",
    section=INTERLEAVE,
)
def _(x, ahead, back):
    output, h_n, c_n = _truth(x, ahead, back)
    return output, h_n[0], c_n[0]


@wrong(
    "states side by side", "h_n and c_n are (B, 2H). Asked is a row for each direction.", section=INTERLEAVE
)
def _(x, ahead, back):
    output, *states = _truth(x, ahead, back)
    return output, *(torch.cat([*state], dim=-1) for state in states)


@wrong(
    "h and c mixed",
    "h_n holds h and c of the forward direction, c_n those of the backward one.",
    section=INTERLEAVE,
)
def _(x, ahead, back):
    output, h_n, c_n = _truth(x, ahead, back)
    return output, torch.stack([h_n[0], c_n[0]]), torch.stack([h_n[1], c_n[1]])


@wrong("h for c", "c_n is h_n once more.", section=INTERLEAVE)
def _(x, ahead, back):
    output, h_n, _ = _truth(x, ahead, back)
    return output, h_n, h_n


@wrong("c collected", "output is made of c. What a cell shows is h.")
def _(x, ahead, back):
    def run(cell, steps):
        return torch.stack([_pass(cell, steps[: t + 1])[1][1] for t in range(len(steps))])

    _, *states = _truth(x, ahead, back)
    return torch.cat([run(ahead, x), run(back, x.flip(0)).flip(0)], dim=-1), *states


@wrong("nothing carried", "each step starts from zeros: no state is carried from step to step.", section=SEEN)
def _(x, ahead, back):
    steps = [(ahead(x_t), back(x_t)) for x_t in x]
    output = torch.stack([torch.cat([forward[0], backward[0]], dim=-1) for forward, backward in steps])
    ends = steps[-1][0], steps[0][1]
    return output, *(torch.stack(pair) for pair in zip(*ends, strict=True))


def _example_cell(sign):
    weights = {
        "weight_ih": 4 * [[sign]],
        "weight_hh": 4 * [[1.0]],
        "bias_ih": 4 * [0.0],
        "bias_hh": 4 * [0.0],
    }
    module = random_module("LSTMCell", random_numbers(0, 1.0), input_size=1, hidden_size=1)
    for name, rows in weights.items():
        module.parameters[name] = torch.tensor(rows, dtype=torch.float64)
    return module


two_ways = Check(
    name="two_ways",
    lesson=LESSON,
    section=TWO_PASSES,
    parts=(Part("output", "T B 2H"), Part("h_n", "D B H"), Part("c_n", "D B H")),
    criteria=(
        Criterion("output", 2, ("output",)),
        Criterion("h_n", 1, ("h_n",)),
        Criterion("c_n", 1, ("c_n",)),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "x": torch.tensor([[[1.0]], [[0.0]]], dtype=torch.float64),
            "ahead": _example_cell(1.0),
            "back": _example_cell(-1.0),
        },
        {"T": 2, "B": 1, "I": 1, "H": 1},
    ),
    forbid=RECURRENT - {"torch.nn.LSTMCell", "torch.lstm_cell"},
    agree="two passes lined up in time",
)

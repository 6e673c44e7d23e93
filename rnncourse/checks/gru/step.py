"""Task 1, gru_step: torch's step, the reset gate after the matmul."""

import torch
from torch.nn.functional import linear

from rnncourse.checks.framework.cases import (
    BATCH,
    BIAS_ZERO,
    H_ZERO,
    SINGLE,
    X_ZERO,
    Case,
    Trait,
    random_numbers,
    random_weights,
)
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.gru.lesson import EQUATIONS, LESSON, PENCIL


def step_cases(seed: int) -> list[Case]:
    """One step's arguments: batches, rows without a batch, zeros one at a time, one square case."""
    numbers = random_numbers(seed, 0.8)

    def case(B: int | None, I: int, H: int, zero: Trait | None = None) -> Case:
        rows = () if B is None else (B,)
        arguments = {"x_t": numbers(*rows, I), "h": numbers(*rows, H), **random_weights(numbers, 3, I, H)}
        for name in {H_ZERO: ["h"], X_ZERO: ["x_t"], BIAS_ZERO: ["bias_ih", "bias_hh"]}.get(zero, []):
            arguments[name].zero_()
        sizes = {"I": I, "H": H} if B is None else {"B": B, "I": I, "H": H}
        return Case(arguments, sizes, frozenset({SINGLE if B is None else BATCH, *([zero] if zero else [])}))

    return [
        case(3, 5, 4),
        case(2, 4, 6),
        case(4, 3, 3),  # I = H: exchanged weights run
        case(3, 2, 5, H_ZERO),
        case(5, 4, 3, X_ZERO),
        case(2, 5, 3, BIAS_ZERO),
        case(None, 5, 4),
        case(None, 3, 6, H_ZERO),
        case(None, 4, 2),
    ]


def gru_step_after(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh):
    ih_r, ih_z, ih_n = linear(x_t, weight_ih, bias_ih).chunk(3, dim=-1)
    hh_r, hh_z, hh_n = linear(h, weight_hh, bias_hh).chunk(3, dim=-1)
    r = torch.sigmoid(ih_r + hh_r)
    z = torch.sigmoid(ih_z + hh_z)
    n = torch.tanh(ih_n + r * hh_n)
    return (1 - z) * n + z * h


def common_mistakes(wrong: Mistakes, state_part: str, parts: tuple[str, ...] = ("ih", "hh")) -> None:
    """The mistakes that both variants of the step can have.

    state_part: what n reads of the state. parts: of the names that are cut into three blocks.
    """
    wrong.edits(f"""
§ Which way z points
z the other way | z and 1 - z are exchanged: with z = 1 torch's GRU keeps the old state.
    (1 - z) * n + z * h => (1 - z) * h + z * n
§ What can one leave out of an LSTM?
h not mixed in | the old state is not mixed in: only 1 - z of the candidate is left.
    (1 - z) * n + z * h => (1 - z) * n
old state kept whole | the old state is kept whole, whatever z is.
    (1 - z) * n + z * h => (1 - z) * n + h
candidate written whole | the candidate is written whole: nothing ties what is written to what is kept.
    (1 - z) * n + z * h => n + z * h
§
candidate alone | this is the candidate n: z has no part in it.
    (1 - z) * n + z * h => n
r mixes | r stands where z should: which gate says how much is kept?
    (1 - z) * n + z * h => (1 - r) * n + r * h
reset h kept | what is kept is r * h. The reset gate is for the candidate alone.
    (1 - z) * n + z * h => (1 - z) * n + z * (r * h)
§ What can one leave out of an LSTM?
tanh over the mix | the new state is squashed once more: it has a bound already.
    (1 - z) * n + z * h => torch.tanh((1 - z) * n + z * h)
§
sigmoid for n | n has been through a sigmoid: what range should it have?
    n = torch.tanh => n = torch.sigmoid
n not activated | n is the bare sum: it is not squashed.
    n = torch.tanh => n =
tanh for r | r has been through tanh: a gate lies between 0 and 1.
    r = torch.sigmoid => r = torch.tanh
tanh for z | z has been through tanh: a gate lies between 0 and 1.
    z = torch.sigmoid => z = torch.tanh
tanh for both gates | r and z have been through tanh: a gate lies between 0 and 1.
    r = torch.sigmoid => r = torch.tanh
    z = torch.sigmoid => z = torch.tanh
r over the whole | r multiplies the input's part, too.
    ih_n + {state_part} => r * ih_n + {state_part}
§ Four biases, not three and not six
bias_hh missing | a bias is missing: bias_hh is not added.
    (h, weight_hh, bias_hh) => (h, weight_hh, 0 * bias_hh)
bias_ih missing | a bias is missing: bias_ih is not added.
    (x_t, weight_ih, bias_ih) => (x_t, weight_ih)
bias_ih twice | bias_ih is added twice and bias_hh never: a slip of the keyboard?
    (h, weight_hh, bias_hh) => (h, weight_hh, bias_ih)
bias_hh twice | bias_hh is added twice and bias_ih never: a slip of the keyboard?
    (x_t, weight_ih, bias_ih) => (x_t, weight_ih, bias_hh)
§
x left out | x_t has no part in it.
    (x_t, weight_ih, bias_ih) => (0 * x_t, weight_ih, bias_ih)
""")
    for order in ("zrn", "nrz", "rnz"):
        edits = "\n    ".join(
            " => ".join(", ".join(f"{part}_{gate}" for gate in each) + " =" for each in ("rzn", order))
            for part in parts
        )
        wrong.edits(f"""
§ Equal to torch
order {", ".join(order)} | your numbers are those of blocks in the order {", ".join(order)}. torch stacks
    them r, z, n.
    {edits}
""")


wrong = Mistakes(EQUATIONS, gru_step_after)

wrong.edits("""
§ Four biases, not three and not six
b_hn outside the reset | b_hn is added outside the product with r: it belongs to the part that r multiplies.
    r * hh_n => r * (hh_n - bias_hh.chunk(3)[2]) + bias_hh.chunk(3)[2]
§ Where the reset gate acts
reset before the matmul | your reset gate acts before the matmul, W_hn (r * h): the published paper's GRU.
    torch's acts after it.
    r * hh_n => linear(r * h, weight_hh.chunk(3)[2], bias_hh.chunk(3)[2])
reset before, bias too | your reset gate acts before the matmul, and on the bias after it: it belongs after,
    on both.
    r * hh_n => linear(r * h, weight_hh.chunk(3)[2]) + r * bias_hh.chunk(3)[2]
""")
common_mistakes(wrong, "r * hh_n")
wrong.edits("""
r left out | r has no part in it: the candidate reads the whole old state.
    r * hh_n => hh_n
z for r | z stands where r should: which gate says how much n reads?
    r * hh_n => z * hh_n
r on the input | r multiplies the input's part. It says how much of the old state is read.
    ih_n + r * hh_n => r * ih_n + hh_n
r outside the tanh | r multiplies the tanh, not what goes into it.
    torch.tanh(ih_n + r * hh_n) => r * torch.tanh(ih_n + hh_n)
h left out | the gates and the candidate do not look at h.
    linear(h, weight_hh, bias_hh) => linear(0 * h, weight_hh, bias_hh)
§ Four biases, not three and not six
no bias | neither bias is added.
    (x_t, weight_ih, bias_ih) => (x_t, weight_ih)
    (h, weight_hh, bias_hh) => (h, weight_hh)
§ Equal to torch
weights exchanged | the weights are exchanged: x_t meets weight_hh, h meets weight_ih. Where I = H no shape
    complains.
    (x_t, weight_ih, bias_ih) => (x_t, weight_hh, bias_ih)
    (h, weight_hh, bias_hh) => (h, weight_ih, bias_hh)
every third entry | you take every third entry for a block. The blocks are H neighbours each.
    - ih_r, ih_z, ih_n = linear(x_t, weight_ih, bias_ih).chunk(3, dim=-1)
    - hh_r, hh_z, hh_n = linear(h, weight_hh, bias_hh).chunk(3, dim=-1)
    + ih_r, ih_z, ih_n = linear(x_t, weight_ih, bias_ih).unflatten(-1, (-1, 3)).unbind(-1)
    + hh_r, hh_z, hh_n = linear(h, weight_hh, bias_hh).unflatten(-1, (-1, 3)).unbind(-1)
§
gates not activated | r and z are the bare sums: they are not squashed.
    r = torch.sigmoid => r =
    z = torch.sigmoid => z =
""")

gru_step = Check(
    name="gru_step",
    lesson=LESSON,
    section=EQUATIONS,
    parts=(Part("h", "B H"),),
    criteria=(Criterion("with a batch", 2, where=(BATCH,)), Criterion("without a batch", 1, where=(SINGLE,))),
    truth=gru_step_after,
    mistakes=wrong,
    cases=step_cases,
    example_case=Case(PENCIL, {"I": 2, "H": 1}),
)

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
from rnncourse.checks.gru.lesson import BIASES, DIRECTION, EQUAL, EQUATIONS, LEAVE_OUT, LESSON, PENCIL, RESET


def step_cases(seed: int) -> list[Case]:
    """One step's arguments: batches, rows without a batch, zeros one at a time, one square case."""
    numbers = random_numbers(seed, 0.8)

    def case(B: int | None, I: int, H: int, zero: Trait | None = None) -> Case:
        rows = () if B is None else (B,)
        arguments = {"x_t": numbers(*rows, I), "h": numbers(*rows, H), **random_weights(numbers, 3, I, H)}
        zeroed = {H_ZERO: ["h"], X_ZERO: ["x_t"], BIAS_ZERO: ["bias_ih", "bias_hh"]}
        for name in zeroed[zero] if zero else ():
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


MIX = "(1 - z) * n + z * h"


def common_mistakes(wrong: Mistakes, state_part: str, parts: tuple[str, ...] = ("ih", "hh")) -> None:
    """The mistakes that both variants of the step can have.

    state_part: what n reads of the state. parts: of the names that are cut into three blocks.
    """
    wrong.edit(
        "z the other way",
        "z and 1 - z are exchanged: with z = 1 torch's GRU keeps the old state.",
        MIX,
        "(1 - z) * h + z * n",
        section=DIRECTION,
    )
    wrong.edit(
        "h not mixed in",
        "the old state is not mixed in: only 1 - z of the candidate is left.",
        MIX,
        "(1 - z) * n",
        section=LEAVE_OUT,
    )
    wrong.edit(
        "old state kept whole",
        "the old state is kept whole, whatever z is.",
        MIX,
        "(1 - z) * n + h",
        section=LEAVE_OUT,
    )
    wrong.edit(
        "candidate written whole",
        "the candidate is written whole: nothing ties what is written to what is kept.",
        MIX,
        "n + z * h",
        section=LEAVE_OUT,
    )
    wrong.edit("candidate alone", "this is the candidate n: z has no part in it.", MIX, "n")
    wrong.edit(
        "r mixes", "r stands where z should: which gate says how much is kept?", MIX, "(1 - r) * n + r * h"
    )
    wrong.edit(
        "reset h kept",
        "what is kept is r * h. The reset gate is for the candidate alone.",
        MIX,
        "(1 - z) * n + z * (r * h)",
    )
    wrong.edit(
        "tanh over the mix",
        "the new state is squashed once more: it has a bound already.",
        MIX,
        f"torch.tanh({MIX})",
        section=LEAVE_OUT,
    )
    wrong.edit(
        "sigmoid for n",
        "n has been through a sigmoid: what range should it have?",
        "n = torch.tanh",
        "n = torch.sigmoid",
    )
    wrong.edit("n not activated", "n is the bare sum: it is not squashed.", "n = torch.tanh", "n = ")
    wrong.edit(
        "tanh for r",
        "r has been through tanh: a gate lies between 0 and 1.",
        "r = torch.sigmoid",
        "r = torch.tanh",
    )
    wrong.edit(
        "tanh for z",
        "z has been through tanh: a gate lies between 0 and 1.",
        "z = torch.sigmoid",
        "z = torch.tanh",
    )
    wrong.edit(
        "tanh for both gates",
        "r and z have been through tanh: a gate lies between 0 and 1.",
        "r = torch.sigmoid",
        "r = torch.tanh",
        "z = torch.sigmoid",
        "z = torch.tanh",
    )
    wrong.edit(
        "r over the whole",
        "r multiplies the input's part, too.",
        f"ih_n + {state_part}",
        f"r * ih_n + {state_part}",
    )
    wrong.edit(
        "bias_hh missing",
        "a bias is missing: bias_hh is not added.",
        "(h, weight_hh, bias_hh)",
        "(h, weight_hh, 0 * bias_hh)",
        section=BIASES,
    )
    wrong.edit(
        "bias_ih missing",
        "a bias is missing: bias_ih is not added.",
        "(x_t, weight_ih, bias_ih)",
        "(x_t, weight_ih)",
        section=BIASES,
    )
    wrong.edit(
        "bias_ih twice",
        "bias_ih is added twice and bias_hh never: a slip of the keyboard?",
        "(h, weight_hh, bias_hh)",
        "(h, weight_hh, bias_ih)",
        section=BIASES,
    )
    wrong.edit(
        "bias_hh twice",
        "bias_hh is added twice and bias_ih never: a slip of the keyboard?",
        "(x_t, weight_ih, bias_ih)",
        "(x_t, weight_ih, bias_hh)",
        section=BIASES,
    )
    wrong.edit(
        "x left out", "x_t has no part in it.", "(x_t, weight_ih, bias_ih)", "(0 * x_t, weight_ih, bias_ih)"
    )
    for order in ("zrn", "nrz", "rnz"):
        edits = []
        for part in parts:
            edits += [", ".join(f"{part}_{k}" for k in o) + " = " for o in ("rzn", order)]
        wrong.edit(
            f"order {', '.join(order)}",
            f"your numbers are those of blocks in the order {', '.join(order)}. torch stacks them r, z, n.",
            *edits,
            section=EQUAL,
        )


wrong = Mistakes(EQUATIONS, gru_step_after)

wrong.edit(
    "b_hn outside the reset",
    "b_hn is added outside the product with r: it belongs to the part that r multiplies.",
    "r * hh_n",
    "r * (hh_n - bias_hh.chunk(3)[2]) + bias_hh.chunk(3)[2]",
    section=BIASES,
)
wrong.edit(
    "reset before the matmul",
    "your reset gate acts before the matmul, W_hn (r * h): the published paper's GRU. torch's acts after it.",
    "r * hh_n",
    "linear(r * h, weight_hh.chunk(3)[2], bias_hh.chunk(3)[2])",
    section=RESET,
)
wrong.edit(
    "reset before, bias too",
    "your reset gate acts before the matmul, and on the bias after it: it belongs after, on both.",
    "r * hh_n",
    "linear(r * h, weight_hh.chunk(3)[2]) + r * bias_hh.chunk(3)[2]",
    section=RESET,
)
common_mistakes(wrong, "r * hh_n")
wrong.edit("r left out", "r has no part in it: the candidate reads the whole old state.", "r * hh_n", "hh_n")
wrong.edit("z for r", "z stands where r should: which gate says how much n reads?", "r * hh_n", "z * hh_n")
wrong.edit(
    "r on the input",
    "r multiplies the input's part. It says how much of the old state is read.",
    "ih_n + r * hh_n",
    "r * ih_n + hh_n",
)
wrong.edit(
    "r outside the tanh",
    "r multiplies the tanh, not what goes into it.",
    "torch.tanh(ih_n + r * hh_n)",
    "r * torch.tanh(ih_n + hh_n)",
)
wrong.edit(
    "h left out",
    "the gates and the candidate do not look at h.",
    "linear(h, weight_hh, bias_hh)",
    "linear(0 * h, weight_hh, bias_hh)",
)
wrong.edit(
    "no bias",
    "neither bias is added.",
    "(x_t, weight_ih, bias_ih)",
    "(x_t, weight_ih)",
    "(h, weight_hh, bias_hh)",
    "(h, weight_hh)",
    section=BIASES,
)
wrong.edit(
    "weights exchanged",
    "the weights are exchanged: x_t meets weight_hh, h meets weight_ih. Where I = H no shape complains.",
    "(x_t, weight_ih, bias_ih)",
    "(x_t, weight_hh, bias_ih)",
    "(h, weight_hh, bias_hh)",
    "(h, weight_ih, bias_hh)",
    section=EQUAL,
)
wrong.edit(
    "every third entry",
    "you take every third entry for a block. The blocks are H neighbours each.",
    "linear(x_t, weight_ih, bias_ih).chunk(3, dim=-1)",
    "linear(x_t, weight_ih, bias_ih).unflatten(-1, (-1, 3)).unbind(-1)",
    "linear(h, weight_hh, bias_hh).chunk(3, dim=-1)",
    "linear(h, weight_hh, bias_hh).unflatten(-1, (-1, 3)).unbind(-1)",
    section=EQUAL,
)
wrong.edit(
    "gates not activated",
    "r and z are the bare sums: they are not squashed.",
    "r = torch.sigmoid",
    "r = ",
    "z = torch.sigmoid",
    "z = ",
)

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

"""Task 4, from_cs231n: weights of another layout and order."""

import torch
from torch import Tensor

from rnncourse.checks.framework.cases import Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistake
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.lstm_gates.cutting import blocks_in_order
from rnncourse.checks.lstm_gates.lesson import LESSON, ONE_MATMUL, PEOPLE


def _cs231n_cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(I: int, H: int) -> Case:
        return Case({"Wx": numbers(I, 4 * H), "Wh": numbers(H, 4 * H), "b": numbers(4 * H)}, {"I": I, "H": H})

    return [case(5, 3), case(2, 4), case(8, 2), case(3, 1)]  # I = 4H: a forgotten transposition fits


def _columns(matrix: Tensor, order: str = "ifog") -> Tensor:
    """The last axis put into torch's order, from blocks that lie in the given order."""
    return torch.cat(blocks_in_order(matrix, order), dim=-1)


def _from_cs231n(Wx, Wh, b):
    return _columns(Wx).T, _columns(Wh).T, _columns(b)


from_cs231n = Check(
    name="from_cs231n",
    lesson=LESSON,
    section=ONE_MATMUL,
    parts=(Part("weight_ih", "4H I"), Part("weight_hh", "4H H"), Part("bias_ih", "4H")),
    criteria=tuple(Criterion(name, 1, (name,)) for name in ("weight_ih", "weight_hh", "bias_ih")),
    truth=_from_cs231n,
    cases=_cs231n_cases,
    example_case=Case(
        {
            "Wx": torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]),
            "Wh": torch.tensor([[10.0, 20.0, 30.0, 40.0]]),
            "b": torch.tensor([0.1, 0.2, 0.3, 0.4]),
        },
        {"I": 2, "H": 1},
    ),
    mistakes=(
        Mistake(
            "order kept",
            lambda Wx, Wh, b: (Wx.T, Wh.T, b),
            "the matrices are transposed, but their blocks lie as before, i, f, o, g. torch: i, f, g, o.",
            ONE_MATMUL,
        ),
        Mistake(
            "not transposed",
            lambda Wx, Wh, b: (_columns(Wx), _columns(Wh), _columns(b)),
            "the blocks are in torch's order, but not transposed: cs231n writes x @ Wx, and torch?",
            ONE_MATMUL,
        ),
        Mistake(
            "nothing changed",
            lambda Wx, Wh, b: (Wx, Wh, b),
            "these are cs231n's own: compare the two layouts first, then the two orders.",
            ONE_MATMUL,
        ),
        Mistake(
            "reshaped",
            lambda Wx, Wh, b: (
                _columns(Wx).reshape(-1, len(Wx)),
                _columns(Wh).reshape(-1, len(Wh)),
                _columns(b),
            ),
            "the shapes fit, but reshape keeps the numbers in their row order: that is not a transposition.",
            ONE_MATMUL,
        ),
        Mistake(
            "reshaped, order kept",
            lambda Wx, Wh, b: (Wx.reshape(-1, len(Wx)), Wh.reshape(-1, len(Wh)), b),
            "the shapes fit, but reshape keeps the numbers in their row order: that is not a transposition."
            " And the gates' order is still i, f, o, g.",
            ONE_MATMUL,
        ),
        Mistake(
            "bias in the old order",
            lambda Wx, Wh, b: (_columns(Wx).T, _columns(Wh).T, b),
            "the weights are in torch's order, the bias is not: it has four blocks, too.",
            ONE_MATMUL,
        ),
        Mistake(
            "f and o exchanged",
            lambda Wx, Wh, b: (_columns(Wx, "iofg").T, _columns(Wh, "iofg").T, _columns(b, "iofg")),
            "the wrong blocks change places. Write both orders down, one below the other.",
            ONE_MATMUL,
        ),
        Mistake(
            "f and g exchanged",
            lambda Wx, Wh, b: (_columns(Wx, "igfo").T, _columns(Wh, "igfo").T, _columns(b, "igfo")),
            "the wrong blocks change places. Write both orders down, one below the other.",
            ONE_MATMUL,
        ),
        Mistake(
            "bias halved",
            lambda Wx, Wh, b: (_columns(Wx).T, _columns(Wh).T, _columns(b) / 2),
            "the bias is halved. Here all of it goes into bias_ih; bias_hh stays zero.",
            PEOPLE,
        ),
    ),
)

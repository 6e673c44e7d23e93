"""Task 2, gates: four blocks cut and squashed.

Each wrong order is the letters that the four blocks are taken for, one after the other.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from rnncourse.checks.framework.cases import (
    BATCH,
    SINGLE,
    Case,
    random_numbers,
)
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistake
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.lstm_gates.lesson import EQUATIONS, LESSON, ONE_MATMUL, row

ORDERS = {
    "ifog": "your numbers are those of gates in the order i, f, o, g. torch stacks them i, f, g, o.",
    "figo": "forget and input gate are exchanged: your numbers are those of the order f, i, g, o.",
    "igfo": "your numbers are those of gates in the order i, g, f, o. torch stacks them i, f, g, o.",
    "iofg": "your numbers are those of gates in the order i, o, f, g (ONNX's). torch stacks them i, f, g, o.",
    "fiog": "your numbers are those of gates in the order f, i, o, g. torch stacks them i, f, g, o.",
    "gifo": "your numbers are those of gates in the order g, i, f, o. torch stacks them i, f, g, o.",
    "ofig": "your numbers are those of gates in the order o, f, i, g. torch stacks them i, f, g, o.",
}


def blocks_in_order(a: Tensor, order: str = "ifgo") -> list[Tensor]:
    """The pre-activations a_i, a_f, a_g, a_o of blocks that lie in the given order."""
    blocks = dict(zip(order, a.chunk(4, dim=-1), strict=True))
    return [blocks[gate] for gate in "ifgo"]


def _gates_with(
    split=blocks_in_order, i=torch.sigmoid, f=torch.sigmoid, g=torch.tanh, o=torch.sigmoid
) -> Callable:
    def gates(a):
        a_i, a_f, a_g, a_o = split(a)
        return i(a_i), f(a_f), g(a_g), o(a_o)

    return gates


def _same(a: Tensor) -> Tensor:
    return a


def _in_order(order: str) -> Callable:
    return lambda a: blocks_in_order(a, order)


def _gates_cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(B: int | None, H: int) -> Case:
        rows, sizes = ((), {"H": H}) if B is None else ((B,), {"B": B, "H": H})
        return Case({"a": 2 * numbers(*rows, 4 * H)}, sizes, frozenset({SINGLE if B is None else BATCH}))

    return [
        case(3, 4),
        case(2, 5),
        case(8, 3),
        case(None, 4),
        case(None, 3),
    ]  # B = 8: a cut along the batch runs


def activation_mistakes(build: Callable[..., Callable]) -> tuple[Mistake, ...]:
    """The mistakes in cutting and squashing the gates, for `gates` and for whatever is built on them."""

    def cut(name: str, hint: str, split: Callable) -> Mistake:
        return Mistake(name, build(split), hint, ONE_MATMUL)

    def squashed(name: str, hint: str, **different: Callable) -> Mistake:
        return Mistake(name, build(**different), hint, EQUATIONS)

    return (
        *(cut(f"order {', '.join(order)}", hint, _in_order(order)) for order, hint in ORDERS.items()),
        cut(
            "every fourth entry",
            "you take every fourth entry for a gate. The gates are blocks of H neighbours.",
            lambda a: [a[..., k::4] for k in range(4)],
        ),
        squashed(
            "sigmoid for g", "g has been through a sigmoid: what range should it have?", g=torch.sigmoid
        ),
        squashed("g not activated", "g is the bare pre-activation: it is not squashed.", g=_same),
        squashed("tanh for i", "i has been through tanh: a gate lies between 0 and 1.", i=torch.tanh),
        squashed("tanh for f", "f has been through tanh: a gate lies between 0 and 1.", f=torch.tanh),
        squashed("tanh for o", "o has been through tanh: a gate lies between 0 and 1.", o=torch.tanh),
        squashed(
            "tanh for all",
            "all four have been through tanh: a gate lies between 0 and 1.",
            i=torch.tanh,
            f=torch.tanh,
            o=torch.tanh,
        ),
        squashed(
            "not activated",
            "the gates are the bare pre-activations: nothing is squashed.",
            i=_same,
            f=_same,
            g=_same,
            o=_same,
        ),
    )


gates = Check(
    name="gates",
    lesson=LESSON,
    section=ONE_MATMUL,
    parts=(Part("i", "B H"), Part("f", "B H"), Part("g", "B H"), Part("o", "B H")),
    criteria=tuple(Criterion(gate, 1, (gate,)) for gate in "ifgo"),
    truth=_gates_with(),
    cases=_gates_cases,
    example_case=Case({"a": row(0.0, 0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0)}, {"H": 2}),
    mistakes=(
        *activation_mistakes(_gates_with),
        Mistake(
            "cut along the first axis",
            _gates_with(lambda a: a.chunk(4)),
            "you cut along the first axis, the batch where there is one. Along which axis do the gates lie?",
            ONE_MATMUL,
        ),
        Mistake(
            "softmax over the gates",
            _gates_with(
                i=_same, f=_same, g=_same, o=_same, split=lambda a: torch.stack(blocks_in_order(a)).softmax(0)
            ),
            "your four numbers add up to 1, a softmax. Each gate opens on its own.",
            EQUATIONS,
        ),
    ),
)

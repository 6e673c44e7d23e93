"""Task 4, next_state: a step with the weights of torch's cell."""

from collections.abc import Callable

import torch
from torch import Tensor

from rnncourse.checks.framework.cases import (
    NO_BIAS,
    Case,
    TorchModule,
    Trait,
    random_numbers,
    random_weights,
)
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistake
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.rnn_cell.lesson import (
    EQUAL,
    LESSON,
    RELU,
    TANH,
)
from rnncourse.checks.rnn_cell.step import STEP_MISTAKES, activated
from rnncourse.checks.rnn_cell.summed import wrong
from rnncourse.steps import rnn_step as _rnn_step


def _cell(numbers: Callable[..., Tensor], I: int, H: int, **options: object) -> TorchModule:
    weights = random_weights(numbers, 1, I, H)
    if options.get("bias") is False:
        del weights["bias_ih"], weights["bias_hh"]
    return TorchModule("RNNCell", {"input_size": I, "hidden_size": H, **options}, weights)


def _cell_cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.6)

    def case(B: int, I: int, H: int, *traits: Trait, **options: object) -> Case:
        arguments = {"cell": _cell(numbers, I, H, **options), "x_t": numbers(B, I), "h": numbers(B, H)}
        return Case(arguments, {"B": B, "I": I, "H": H}, frozenset(traits))

    return [
        case(3, 5, 4, TANH),
        case(2, 3, 6, TANH),
        case(4, 3, 3, TANH),
        case(3, 5, 4, RELU, nonlinearity="relu"),
        case(2, 4, 5, RELU, nonlinearity="relu"),
        case(4, 3, 3, RELU, nonlinearity="relu"),
        case(3, 4, 2, NO_BIAS, bias=False),
        case(2, 5, 3, NO_BIAS, bias=False),
    ]


def _next_state_with(step: Callable) -> Callable:
    def next_state(cell, x_t, h):
        zeros = torch.zeros(cell.hidden_size, dtype=h.dtype)
        b, d = (cell.bias_ih, cell.bias_hh) if cell.bias else (zeros, zeros)
        return step(x_t, h, cell.weight_ih, cell.weight_hh, b, d, cell.nonlinearity)

    return next_state


def _from_a_cell(mistake: Mistake) -> Mistake:
    return Mistake(mistake.name, _next_state_with(mistake.function), mistake.hint, mistake.section)


@wrong(
    "needs biases",
    "it fails where the cell was built with bias=False: its bias_ih and bias_hh are None then.",
    EQUAL,
)
def _needs_biases(cell, x_t, h):
    a = x_t @ cell.weight_ih.T + cell.bias_ih + h @ cell.weight_hh.T + cell.bias_hh
    return activated(a, cell.nonlinearity)


@wrong(
    "needs biases, always tanh",
    "cell.nonlinearity is not looked at, and a cell built with bias=False (bias_ih is None then) fails.",
    EQUAL,
)
def _needs_biases_always_tanh(cell, x_t, h):
    return torch.tanh(x_t @ cell.weight_ih.T + cell.bias_ih + h @ cell.weight_hh.T + cell.bias_hh)


# Without biases, or with no part for relu, two of the steps' mistakes would be one.
next_state = Check(
    name="next_state",
    lesson=LESSON,
    section=EQUAL,
    parts=(Part("h", "B H"),),
    criteria=(
        Criterion("tanh", 1, where=(TANH,)),
        Criterion("relu", 1, where=(RELU,)),
        Criterion("bias=False", 1, where=(NO_BIAS,)),
    ),
    truth=_next_state_with(_rnn_step),
    cases=_cell_cases,
    example_case=Case(
        {
            "cell": _cell(random_numbers(2, 0.6), 2, 1),
            "x_t": torch.tensor([[1.0, 2.0]], dtype=torch.float64),
            "h": torch.tensor([[0.5]], dtype=torch.float64),
        },
        {"B": 1, "I": 2, "H": 1},
    ),
    mistakes=(*map(_from_a_cell, STEP_MISTAKES), _needs_biases, _needs_biases_always_tanh),
)

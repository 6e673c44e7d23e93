"""Task 5, MyLSTMCell: a class that torch's weights fit into."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from rnncourse.checks.framework.cases import (
    NO_STATE,
    STATE,
    Case,
    random_numbers,
    random_weights,
)
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistake
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.framework.use import load_and_call
from rnncourse.checks.lstm_gates.lesson import EQUAL, LESSON
from rnncourse.checks.lstm_gates.step import STEP_MISTAKES
from rnncourse.steps import lstm_step as _lstm_step


def _class_cases(seed: int) -> list[Case]:
    # float32, torch's default: a learner's class makes its parameters so.
    numbers = random_numbers(seed, 0.8, torch.float32)

    def case(B: int, I: int, H: int, state: bool) -> Case:
        arguments = {
            "input_size": I,
            "hidden_size": H,
            "parameters": random_weights(numbers, 4, I, H),
            "x_t": numbers(B, I),
            "state": (numbers(B, H), 2 * numbers(B, H)) if state else None,
        }
        return Case(arguments, {"B": B, "I": I, "H": H}, frozenset({STATE if state else NO_STATE}))

    return [
        case(3, 5, 4, True),
        case(2, 4, 6, True),
        case(4, 3, 3, True),
        case(5, 4, 2, True),
        case(3, 2, 4, False),
        case(2, 5, 3, False),
    ]


def _class_with(step: Callable, start: Callable = torch.zeros) -> type[nn.Module]:
    class MyLSTMCell(nn.Module):
        def __init__(self, input_size, hidden_size):
            super().__init__()
            self.hidden_size = hidden_size
            self.weight_ih = nn.Parameter(torch.zeros(4 * hidden_size, input_size))
            self.weight_hh = nn.Parameter(torch.zeros(4 * hidden_size, hidden_size))
            self.bias_ih = nn.Parameter(torch.zeros(4 * hidden_size))
            self.bias_hh = nn.Parameter(torch.zeros(4 * hidden_size))

        def forward(self, x_t, state=None):
            if state is None:
                state = (start(len(x_t), self.hidden_size), start(len(x_t), self.hidden_size))
            return step(x_t, state, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)

    return MyLSTMCell


def _as_class(mistake: Mistake) -> Mistake:
    return Mistake(mistake.name, _class_with(mistake.function), mistake.hint, mistake.section)


_MyLSTMCell: Any = _class_with(_lstm_step)


class _NeedsAState(_MyLSTMCell):
    def forward(self, x_t, state):
        return super().forward(x_t, state)


class _IgnoresTheState(_MyLSTMCell):
    def forward(self, x_t, state=None):
        return super().forward(x_t)


MyLSTMCell = Check(
    name="MyLSTMCell",
    lesson=LESSON,
    section=EQUAL,
    parts=(Part("h", "B H"), Part("c", "B H")),
    criteria=(
        Criterion("h from a given state", 1, ("h",), (STATE,)),
        Criterion("c from a given state", 1, ("c",), (STATE,)),
        # Zeros hide most faults, so these two points want the other cases right, too.
        Criterion("with and without a state", 2),
    ),
    truth=_class_with(_lstm_step),
    cases=_class_cases,
    example_case=Case(
        {
            "input_size": 2,
            "hidden_size": 1,
            "parameters": {
                "weight_ih": torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0], [0.0, 0.0]]),
                "weight_hh": torch.tensor([[0.0], [1.0], [2.0], [2.0]]),
                "bias_ih": torch.tensor([0.0, 2.0, 0.0, 0.0]),
                "bias_hh": torch.tensor([0.0, -1.0, 0.0, 0.0]),
            },
            "x_t": torch.tensor([[1.0, 2.0]]),
            "state": None,
        },
        {"B": 1, "I": 2, "H": 1},
    ),
    mistakes=(
        *map(_as_class, STEP_MISTAKES),
        Mistake(
            "needs a state",
            _NeedsAState,
            "it fails without a state. torch's cell takes x_t alone, too: from which state does it start?",
            EQUAL,
        ),
        Mistake(
            "starts from ones",
            _class_with(_lstm_step, start=torch.ones),
            "without a state it starts from ones. Which states does torch's cell start from?",
            EQUAL,
        ),
        Mistake("state ignored", _IgnoresTheState, "the state that is given has no part in it.", EQUAL),
    ),
    use=load_and_call,
)

"""Task 6, MyGRUCell: a class that torch's weights fit into."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from rnncourse.checks.framework.cases import NO_STATE, STATE, Case, random_numbers, random_weights
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.framework.use import load_and_call
from rnncourse.checks.gru.lesson import EQUAL, LESSON, PENCIL
from rnncourse.checks.gru.step import gru_step_after
from rnncourse.checks.gru.step import wrong as step_wrong


def _cases(seed: int) -> list[Case]:
    # float32, torch's default: a learner's class makes its parameters so.
    numbers = random_numbers(seed, 0.8, torch.float32)

    def case(B: int, I: int, H: int, state: bool) -> Case:
        arguments = {
            "input_size": I,
            "hidden_size": H,
            "parameters": random_weights(numbers, 3, I, H),
            "x_t": numbers(B, I),
            "h": numbers(B, H) if state else None,
        }
        return Case(arguments, {"B": B, "I": I, "H": H}, frozenset({STATE if state else NO_STATE}))

    return [
        case(3, 5, 4, True),
        case(2, 4, 6, True),
        case(4, 3, 3, True),
        case(3, 2, 4, False),
        case(2, 5, 3, False),
    ]


def _class_with(step: Callable, start: Callable = torch.zeros) -> type[nn.Module]:
    class MyGRUCell(nn.Module):
        def __init__(self, input_size, hidden_size):
            super().__init__()
            self.hidden_size = hidden_size
            self.weight_ih = nn.Parameter(torch.zeros(3 * hidden_size, input_size))
            self.weight_hh = nn.Parameter(torch.zeros(3 * hidden_size, hidden_size))
            self.bias_ih = nn.Parameter(torch.zeros(3 * hidden_size))
            self.bias_hh = nn.Parameter(torch.zeros(3 * hidden_size))

        def forward(self, x_t, h=None):
            if h is None:
                h = start(len(x_t), self.hidden_size)
            return step(x_t, h, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)

    return MyGRUCell


wrong = Mistakes(EQUAL)
# The rarer ones are known in gru_step, which comes first.
RARE = (
    "order n, r, z",
    "order r, n, z",
    "reset before, bias too",
    "old state kept whole",
    "candidate written whole",
    "reset h kept",
    "tanh over the mix",
    "tanh for r",
    "tanh for z",
    "r over the whole",
    "r outside the tanh",
    "bias_ih twice",
    "bias_hh twice",
)
wrong.add(step_wrong.through(_class_with, but=RARE, hint="the step in it is not right: {}"))
wrong("starts from ones", "without a state it starts from ones. Which state does torch's cell start from?")(
    _class_with(gru_step_after, start=torch.ones)
)


_MyGRUCell: Any = _class_with(gru_step_after)


@wrong(
    "needs a state",
    "it fails without a state. torch's cell takes x_t alone, too: from which state does it start?",
)
class _NeedsAState(_MyGRUCell):
    def forward(self, x_t, h):
        return super().forward(x_t, h)


@wrong("state ignored", "the state that is given has no part in it.")
class _IgnoresTheState(_MyGRUCell):
    def forward(self, x_t, h=None):
        return super().forward(x_t)


@wrong("a pair returned", "it returns a pair, as an LSTM's cell does. A GRU has one state.")
class _ReturnsAPair(_MyGRUCell):
    def forward(self, x_t, h=None):
        h = super().forward(x_t, h)
        return h, h


MyGRUCell = Check(
    name="MyGRUCell",
    lesson=LESSON,
    section=EQUAL,
    parts=(Part("h", "B H"),),
    criteria=(
        Criterion("from a given state", 2, where=(STATE,)),
        # Zeros hide most faults, so this point wants the other cases right, too.
        Criterion("with and without a state", 1),
    ),
    truth=_class_with(gru_step_after),
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "input_size": 2,
            "hidden_size": 1,
            "parameters": {
                name: PENCIL[name].float() for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            },
            "x_t": PENCIL["x_t"][None].float(),
            "h": None,
        },
        {"B": 1, "I": 2, "H": 1},
    ),
    use=load_and_call,
)

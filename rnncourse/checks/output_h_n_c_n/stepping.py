"""Task 4, every_state: the states that one call does not return."""

import torch

from rnncourse.checks.framework.cases import Case, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.output_h_n_c_n.lesson import ACROSS, LESSON


def _truth(layer, x, state):
    every_h, every_c = [], []
    for x_t in x.split(1):
        _, state = layer(x_t, state)
        every_h.append(state[0])
        every_c.append(state[1])
    return torch.stack(every_h), torch.stack(every_c)


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(T: int, B: int, I: int, H: int, L: int) -> Case:
        arguments = {
            "layer": random_module("LSTM", numbers, input_size=I, hidden_size=H, num_layers=L),
            "x": numbers(T, B, I),
            "state": (numbers(L, B, H), 2 * numbers(L, B, H)),
        }
        return Case(arguments, {"T": T, "B": B, "I": I, "H": H, "L": L})

    return [case(5, 3, 6, 4, 2), case(4, 2, 5, 6, 3), case(3, 5, 2, 4, 1), case(2, 2, 3, 5, 2)]


wrong = Mistakes(ACROSS, _truth)

wrong.edits("""
§ A sequence in pieces
state not carried | each step begins with the state that was given. With which should the second begin?
    - _, state = layer(x_t, state)
    - every_h.append(state[0])
    - every_c.append(state[1])
    + _, after = layer(x_t, state)
    + every_h.append(after[0])
    + every_c.append(after[1])
from zeros at each step | each step begins from zeros: nothing is carried, and the state that is given has no
    part in it.
    layer(x_t, state) => layer(x_t)
given state ignored | you carry the state, but begin from zeros. With what should the first step begin?
    every_h, every_c = [], [] => every_h, every_c, state = [], [], None
h carried without c | each step begins with the right h and with zeros for c.
    layer(x_t, state) => layer(x_t, (state[0], torch.zeros_like(state[1]) if every_h else state[1]))
§ What a call returns
state before the step | these are the states before each step: the first is the one given, and the last is
    missing.
    - _, state = layer(x_t, state)
    - every_h.append(state[0])
    - every_c.append(state[1])
    + every_h.append(state[0])
    + every_c.append(state[1])
    + _, state = layer(x_t, state)
§ A row and a column
top layer alone | this is the last layer alone. Asked are all layers, with an axis for them.
    state[0]) => state[0][-1])
    state[1]) => state[1][-1])
output for h | your h is output: the last layer alone.
    - _, state = layer(x_t, state)
    - every_h.append(state[0])
    + output, state = layer(x_t, state)
    + every_h.append(output)
§
layers before time | your axes are (L, T, B, H). Asked is time first.
    torch.stack(every_h), torch.stack(every_c) => torch.stack(every_h, dim=1), torch.stack(every_c, dim=1)
time and layers in one axis | time and layers share one axis. Which of torch.cat and torch.stack makes a new
    one?
    torch.stack(every_h), torch.stack(every_c) => torch.cat(every_h), torch.cat(every_c)
""")

_example = random_numbers(0, 1.0)

every_state = Check(
    name="every_state",
    lesson=LESSON,
    section=ACROSS,
    parts=(Part("h", "T L B H"), Part("c", "T L B H")),
    criteria=(Criterion("h", 1, ("h",)), Criterion("c", 2, ("c",))),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "layer": random_module("LSTM", _example, input_size=1, hidden_size=1),
            "x": torch.tensor([[[1.0]], [[2.0]]], dtype=torch.float64),
            "state": (
                torch.tensor([[[0.5]]], dtype=torch.float64),
                torch.tensor([[[-1.0]]], dtype=torch.float64),
            ),
        },
        {"T": 2, "B": 1, "I": 1, "H": 1, "L": 1},
    ),
    forbid=frozenset({"rnncourse"}),
    agree="what the layer computes",
)

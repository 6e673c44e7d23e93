"""Task 1, run_cell: the loop over time. The tests compare the right one with torch.nn.LSTM."""

import torch

from rnncourse.checks.framework.cases import (
    C_ZERO,
    H_ZERO,
    MORE_STEPS,
    ONE_STEP,
    Case,
    Trait,
    random_module,
    random_numbers,
)
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.lstmcell_looping.lesson import (
    LAYER,
    LESSON,
    LOOP,
    flat,
    small_cell,
)


def _truth(cell, x, state):
    h, c = state
    outputs = []
    for x_t in x:
        h, c = cell(x_t, (h, c))
        outputs.append(h)
    return torch.stack(outputs), (h, c)


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.7)

    def case(T: int, B: int, I: int, H: int, *zero: Trait) -> Case:
        h, c = numbers(B, H), 2 * numbers(B, H)
        for trait, tensor in {H_ZERO: h, C_ZERO: c}.items():
            if trait in zero:
                tensor.zero_()
        cell = random_module("LSTMCell", numbers, input_size=I, hidden_size=H)
        traits = frozenset({*zero, ONE_STEP if T == 1 else MORE_STEPS})
        return Case(
            {"cell": cell, "x": numbers(T, B, I), "state": (h, c)}, {"T": T, "B": B, "I": I, "H": H}, traits
        )

    return [
        case(4, 3, 2, 5),
        case(3, 2, 5, 4),
        case(3, 3, 4, 5),  # T = B: a loop over the wrong axis runs
        case(3, 2, 4, 5, H_ZERO),
        case(2, 5, 3, 4, C_ZERO),
        case(1, 4, 2, 3),
    ]


wrong = Mistakes(LOOP, _truth)

wrong.edits("""
§ The state is reset at each step
state reset at each step | each step starts from zeros: the state has not been handed in.
    cell(x_t, (h, c)) => cell(x_t)
first state at each step | each step starts from the state that was given. Which one should step 2 start from?
    cell(x_t, (h, c)) => cell(x_t, state)
state ignored | the run starts from zeros, not from the state that is given.
    = state => = (torch.zeros_like(part) for part in state)
§ One step, by hand
c of the first state | h is carried on, c is not: each step takes the c that was given at first.
    (x_t, (h, c)) => (x_t, (h, state[1]))
c zero at each step | h is carried on, c is not: each step starts from c = 0.
    (x_t, (h, c)) => (x_t, (h, torch.zeros_like(c)))
h of the first state | c is carried on, h is not: each step takes the h that was given at first.
    (x_t, (h, c)) => (x_t, (state[0], c))
h zero at each step | c is carried on, h is not: each step starts from h = 0.
    (x_t, (h, c)) => (x_t, (torch.zeros_like(h), c))
§ One tensor instead of (h, c)
h in the place of c | the cell is given h twice. Its state is a pair of two different things.
    (x_t, (h, c)) => (x_t, (h, h))
§ One step, by hand
c collected | output holds c of each step. What a step shows is h.
    append(h) => append(c)
both collected | output holds h and c of each step side by side. What a step shows is h.
    append(h) => append(torch.cat([h, c], dim=-1))
state taken apart as (c, h) | the given state is taken apart as (c, h). It comes as (h, c).
    h, c = state => c, h = state
state handed in as (c, h) | the cell is given (c, h). Its state is (h, c).
    (x_t, (h, c)) => (x_t, (c, h))
the cell's results exchanged | what the cell returns is taken apart as (c, h). It is (h, c).
    h, c = cell => c, h = cell
§ The last step instead of all
last step only | output is the last h alone. Asked is the h of each of the T steps.
    torch.stack(outputs) => h
§
not stacked | output is a list of tensors. Asked is one tensor, (T, B, H).
    torch.stack(outputs) => outputs
joined, not stacked | the steps are joined along the batch, (T*B, H). Time wants an axis of its own.
    torch.stack(outputs) => torch.cat(outputs)
stacked on axis 1 | output is (B, T, H): stacked along the wrong axis. Here time comes first, as in x.
    torch.stack(outputs) => torch.stack(outputs, dim=1)
stacked on the last axis | output is (B, H, T): stacked along the last axis. Time comes first.
    torch.stack(outputs) => torch.stack(outputs, dim=-1)
collected before the step | output begins with the given h: each h is collected before its step, so all come
    one step late.
    - h, c = cell(x_t, (h, c))
    - outputs.append(h)
    + outputs.append(h)
    + h, c = cell(x_t, (h, c))
h_0 among the outputs | output has T + 1 steps: the given h is not the output of a step.
    outputs = [] => outputs = [h]
time backwards | the loop runs from the last step to the first.
    in x: => in x.flip(0):
the first input at each step | each step is given the first input.
    cell(x_t, => cell(x[0],
one step too few | the loop stops one step early.
    in x: => in x[:-1] if len(x) > 1 else x:
§ The loop runs over the batch
loop over the batch | the loop runs over the batch, axis 1 of x: each sequence is taken for a step. It runs
    only where T = B.
    in x: => in x.transpose(0, 1):
§
return inside the loop | the loop ends after its first step. How far is the `return` indented?
    - return torch.stack(outputs), (h, c)
    +     return torch.stack(outputs), (h, c)
§ One step, by hand
(c, h) returned | the state is returned as (c, h). Asked is (h, c), as torch returns it.
    outputs), (h, c) => outputs), (c, h)
§
the given state returned | the state that is returned is the one that was given: a run cannot be continued
    from it.
    outputs), (h, c) => outputs), state
§ Equal to nn.LSTM
state with a layer axis | h and c are (1, B, H), as torch.nn.LSTM returns them. Here there are no layers:
    asked is (B, H).
    outputs), (h, c) => outputs), (h[None], c[None])
""")

run_cell = Check(
    name="run_cell",
    lesson=LESSON,
    section=LOOP,
    parts=(Part("output", "T B H"), Part("h", "B H"), Part("c", "B H")),
    criteria=(
        Criterion("output", 2, ("output",)),
        Criterion("h", 1, ("h",)),
        Criterion("c", 1, ("c",)),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "cell": small_cell(),
            "x": torch.tensor([[[1.0]], [[0.0]], [[-1.0]]], dtype=torch.float64),
            "state": (
                torch.tensor([[0.0]], dtype=torch.float64),
                torch.tensor([[1.0]], dtype=torch.float64),
            ),
        },
        {"T": 3, "B": 1, "I": 1, "H": 1},
    ),
    derive=flat,
    forbid=LAYER,
    agree="torch.nn.LSTM's equations",
)

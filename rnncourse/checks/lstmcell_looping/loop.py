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
    BATCH_AXIS,
    LAST,
    LAYER,
    LESSON,
    LOOP,
    ONE,
    PAIR,
    RESET,
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

wrong.edit(
    "state reset at each step",
    "each step starts from zeros: the state has not been handed in.",
    "cell(x_t, (h, c))",
    "cell(x_t)",
    section=RESET,
)
wrong.edit(
    "first state at each step",
    "each step starts from the state that was given. Which one should step 2 start from?",
    "cell(x_t, (h, c))",
    "cell(x_t, state)",
    section=RESET,
)
wrong.edit(
    "state ignored",
    "the run starts from zeros, not from the state that is given.",
    "= state",
    "= (torch.zeros_like(part) for part in state)",
    section=RESET,
)
wrong.edit(
    "c of the first state",
    "h is carried on, c is not: each step takes the c that was given at first.",
    "(x_t, (h, c))",
    "(x_t, (h, state[1]))",
    section=ONE,
)
wrong.edit(
    "c zero at each step",
    "h is carried on, c is not: each step starts from c = 0.",
    "(x_t, (h, c))",
    "(x_t, (h, torch.zeros_like(c)))",
    section=ONE,
)
wrong.edit(
    "h of the first state",
    "c is carried on, h is not: each step takes the h that was given at first.",
    "(x_t, (h, c))",
    "(x_t, (state[0], c))",
    section=ONE,
)
wrong.edit(
    "h zero at each step",
    "c is carried on, h is not: each step starts from h = 0.",
    "(x_t, (h, c))",
    "(x_t, (torch.zeros_like(h), c))",
    section=ONE,
)
wrong.edit(
    "h in the place of c",
    "the cell is given h twice. Its state is a pair of two different things.",
    "(x_t, (h, c))",
    "(x_t, (h, h))",
    section=PAIR,
)
wrong.edit(
    "c collected",
    "output holds c of each step. What a step shows is h.",
    "append(h)",
    "append(c)",
    section=ONE,
)
wrong.edit(
    "both collected",
    "output holds h and c of each step side by side. What a step shows is h.",
    "append(h)",
    "append(torch.cat([h, c], dim=-1))",
    section=ONE,
)
wrong.edit(
    "state taken apart as (c, h)",
    "the given state is taken apart as (c, h). It comes as (h, c).",
    "h, c = state",
    "c, h = state",
    section=ONE,
)
wrong.edit(
    "state handed in as (c, h)",
    "the cell is given (c, h). Its state is (h, c).",
    "(x_t, (h, c))",
    "(x_t, (c, h))",
    section=ONE,
)
wrong.edit(
    "the cell's results exchanged",
    "what the cell returns is taken apart as (c, h). It is (h, c).",
    "h, c = cell",
    "c, h = cell",
    section=ONE,
)
wrong.edit(
    "last step only",
    "output is the last h alone. Asked is the h of each of the T steps.",
    "torch.stack(outputs)",
    "h",
    section=LAST,
)
wrong.edit(
    "not stacked",
    "output is a list of tensors. Asked is one tensor, (T, B, H).",
    "torch.stack(outputs)",
    "outputs",
)
wrong.edit(
    "joined, not stacked",
    "the steps are joined along the batch, (T*B, H). Time wants an axis of its own.",
    "torch.stack(outputs)",
    "torch.cat(outputs)",
)
wrong.edit(
    "stacked on axis 1",
    "output is (B, T, H): stacked along the wrong axis. Here time comes first, as in x.",
    "torch.stack(outputs)",
    "torch.stack(outputs, dim=1)",
)
wrong.edit(
    "stacked on the last axis",
    "output is (B, H, T): stacked along the last axis. Time comes first.",
    "torch.stack(outputs)",
    "torch.stack(outputs, dim=-1)",
)
wrong.edit(
    "collected before the step",
    "output begins with the given h: each h is collected before its step, so all come one step late.",
    "h, c = cell(x_t, (h, c))\n        outputs.append(h)",
    "outputs.append(h)\n        h, c = cell(x_t, (h, c))",
)
wrong.edit(
    "h_0 among the outputs",
    "output has T + 1 steps: the given h is not the output of a step.",
    "outputs = []",
    "outputs = [h]",
)
wrong.edit("time backwards", "the loop runs from the last step to the first.", "in x:", "in x.flip(0):")
wrong.edit("the first input at each step", "each step is given the first input.", "cell(x_t,", "cell(x[0],")
wrong.edit("one step too few", "the loop stops one step early.", "in x:", "in x[:-1] if len(x) > 1 else x:")
wrong.edit(
    "loop over the batch",
    "the loop runs over the batch, axis 1 of x: each sequence is taken for a step. It runs only where T = B.",
    "in x:",
    "in x.transpose(0, 1):",
    section=BATCH_AXIS,
)
wrong.edit(
    "return inside the loop",
    "the loop ends after its first step. How far is the `return` indented?",
    "    return torch",
    "        return torch",
)
wrong.edit(
    "(c, h) returned",
    "the state is returned as (c, h). Asked is (h, c), as torch returns it.",
    "outputs), (h, c)",
    "outputs), (c, h)",
    section=ONE,
)
wrong.edit(
    "the given state returned",
    "the state that is returned is the one that was given: a run cannot be continued from it.",
    "outputs), (h, c)",
    "outputs), state",
)
wrong.edit(
    "state with a layer axis",
    "h and c are (1, B, H), as torch.nn.LSTM returns them. Here there are no layers: asked is (B, H).",
    "outputs), (h, c)",
    "outputs), (h[None], c[None])",
    section="Equal to nn.LSTM",
)

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

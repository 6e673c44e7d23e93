"""Task 2, run_batch_first: the loop over the right axis, from a state or from none."""

from collections.abc import Callable

import torch

from rnncourse.checks.framework.cases import NO_STATE, STATE, Case, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.lstmcell_looping import loop
from rnncourse.checks.lstmcell_looping.lesson import BATCH_AXIS, LAYER, LESSON, LOOP, flat, small_cell


def _truth(cell, x, state=None):
    if state is None:
        state = (x.new_zeros(len(x), cell.hidden_size), x.new_zeros(len(x), cell.hidden_size))
    h, c = state
    outputs = []
    for x_t in x.unbind(1):
        h, c = cell(x_t, (h, c))
        outputs.append(h)
    return torch.stack(outputs, dim=1), (h, c)


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.7, torch.float32)  # torch's default, as torch.zeros makes a state

    def case(B: int, T: int, I: int, H: int, given: bool) -> Case:
        arguments = {
            "cell": random_module("LSTMCell", numbers, input_size=I, hidden_size=H),
            "x": numbers(B, T, I),
            "state": (numbers(B, H), 2 * numbers(B, H)) if given else None,
        }
        traits = frozenset({STATE if given else NO_STATE})
        return Case(arguments, {"B": B, "T": T, "I": I, "H": H}, traits)

    return [
        case(3, 4, 2, 5, True),
        case(4, 3, 5, 2, True),
        case(3, 3, 2, 4, True),  # T = B: a loop over the batch runs
        case(4, 3, 2, 5, False),
        case(5, 2, 3, 4, False),
    ]


wrong = Mistakes(BATCH_AXIS, _truth)


@wrong(
    "loop over the batch",
    "the loop runs over axis 0, the batch: each sequence is taken for a step, and the state goes from one to"
    " the next. Without a state nothing complains.",
)
def _(cell, x, state=None):
    outputs = []
    for x_t in x:
        state = cell(x_t, state)
        outputs.append(state[0])
    return torch.stack(outputs), state


@wrong(
    "loop over the batch, stacked on axis 1",
    "the loop runs over axis 0, the batch: each sequence is taken for a step, and the state goes from one to"
    " the next. And the result is stacked on axis 1.",
)
def _(cell, x, state=None):
    outputs = []
    for x_t in x:
        state = cell(x_t, state)
        outputs.append(state[0])
    return torch.stack(outputs, dim=1), state


@wrong(
    "a state of zeros for the batch, and a loop over it",
    "the loop runs over axis 0, the batch: its steps are (T, I), and the state has B rows.",
)
def _(cell, x, state=None):
    if state is None:
        state = (x.new_zeros(len(x), cell.hidden_size), x.new_zeros(len(x), cell.hidden_size))
    outputs = []
    for x_t in x:
        state = cell(x_t, state)
        outputs.append(state[0])
    return torch.stack(outputs), state


wrong.edits("""
§ The loop
time first | output is (T, B, H), time first. Asked is the layout of x, (B, T, H).
    (outputs, dim=1) => (outputs)
stacked on the last axis | output is (B, H, T): stacked along the last axis. Time is axis 1.
    dim=1) => dim=-1)
joined along the units | the steps are joined along the units, (B, T*H). Time wants an axis of its own.
    torch.stack(outputs, dim=1) => torch.cat(outputs, dim=1)
§
x reshaped | x is reshaped to time first. That fills the shape with the numbers as they lie, and mixes the
    sequences; it moves no axis.
    x.unbind(1) => x.reshape(x.shape[1], x.shape[0], -1)
output reshaped | output is reshaped from (T, B, H). That fills the shape with the numbers as they lie, and
    mixes the sequences; it moves no axis.
    torch.stack(outputs, dim=1) => torch.stack(outputs).reshape(x.shape[0], x.shape[1], -1)
x and output reshaped | x and output are reshaped. That fills a shape with the numbers as they lie, and mixes
    the sequences; it moves no axis.
    x.unbind(1) => x.reshape(x.shape[1], x.shape[0], -1)
    torch.stack(outputs, dim=1) => torch.stack(outputs).reshape(x.shape[0], x.shape[1], -1)
§ The state is reset at each step
needs a state | it fails without a state: None cannot be taken apart. From which state does torch start then?
    state is None => False
starts from ones | without a state it starts from ones. From which state does torch start?
    - state = (x.new_zeros(len(x), cell.hidden_size), x.new_zeros(len(x), cell.hidden_size))
    + state = (x.new_ones(len(x), cell.hidden_size), x.new_ones(len(x), cell.hidden_size))
""")


def _batch_first(run: Callable) -> Callable:
    """The task on a function of task 1."""

    def run_batch_first(cell, x, state=None):
        if state is None:
            state = (x.new_zeros(len(x), cell.hidden_size), x.new_zeros(len(x), cell.hidden_size))
        output, state = run(cell, x.transpose(0, 1), state)
        return output.transpose(0, 1), state

    return run_batch_first


SAME = (
    "state reset at each step",
    "first state at each step",
    "state ignored",
    "c zero at each step",
    "c collected",
    "state handed in as (c, h)",
    "collected before the step",
    "time backwards",
    "(c, h) returned",
    "state with a layer axis",
)
wrong.add(m for m in loop.wrong.through(_batch_first) if m.name in SAME)


@wrong("last step only", "output is the last h alone. Asked is the h of each of the T steps.", LOOP)
def _(cell, x, state=None):
    _, (h, c) = _truth(cell, x, state)
    return h, (h, c)


@wrong("not stacked", "output is a list of tensors. Asked is one tensor, (B, T, H).", LOOP)
def _(cell, x, state=None):
    output, state = _truth(cell, x, state)
    return list(output.unbind(1)), state


run_batch_first = Check(
    name="run_batch_first",
    lesson=LESSON,
    section=BATCH_AXIS,
    parts=(Part("output", "B T H"), Part("h", "B H"), Part("c", "B H")),
    criteria=(
        Criterion("output from a given state", 1, ("output",), (STATE,)),
        Criterion("h and c from a given state", 1, ("h", "c"), (STATE,)),
        Criterion("without a state, too", 1),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "cell": small_cell(torch.float32),
            "x": torch.tensor([[[1.0], [0.0], [-1.0]], [[0.0], [0.0], [2.0]]]),
            "state": None,
        },
        {"B": 2, "T": 3, "I": 1, "H": 1},
    ),
    derive=flat,
    forbid=LAYER,
    agree="torch.nn.LSTM's equations",
)

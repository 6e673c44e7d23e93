"""Task 5, continue_alone: predictions fed back."""

import torch

from rnncourse.checks.framework.cases import Case, Trait, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.lstmcell_looping.lesson import (
    FEED_BACK,
    LAYER,
    LESSON,
    small_cell,
    small_head,
)

SINGLE_STEP = Trait("one step is asked", "what comes after the first prediction")
MANY_STEPS = Trait("several steps are asked", "when your loop stops")


def _truth(cell, head, seen, steps):
    h = c = seen.new_zeros(seen.shape[1], cell.hidden_size)
    for x_t in seen:
        h, c = cell(x_t, (h, c))
    y = head(h)
    predictions = [y]
    while len(predictions) < steps:
        h, c = cell(y, (h, c))
        y = head(h)
        predictions.append(y)
    return torch.stack(predictions)


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.9, torch.float32)  # torch's default, as torch.zeros makes a state

    def case(steps: int, S: int, B: int, I: int, H: int) -> Case:
        arguments = {
            "cell": random_module("LSTMCell", numbers, input_size=I, hidden_size=H),
            "head": random_module("Linear", numbers, in_features=H, out_features=I),
            "seen": numbers(S, B, I),
            "steps": steps,
        }
        sizes = {"steps": steps, "S": S, "B": B, "I": I, "H": H}
        return Case(arguments, sizes, frozenset({SINGLE_STEP if steps == 1 else MANY_STEPS}))

    return [
        case(4, 2, 3, 1, 5),
        case(3, 4, 5, 2, 6),
        case(4, 3, 2, 3, 3),  # I = H: the state fed back in the place of the prediction runs
        case(1, 4, 3, 2, 5),
    ]


wrong = Mistakes(FEED_BACK, _truth)

wrong.edits("""
the last seen value read twice | the last value seen is read twice: once with the others, and once more to
    make the first prediction.
    - y = head(h)
    - predictions = [y]
    + y = seen[-1]
    + predictions = []
the first prediction missing | the first prediction is missing, and all others come one step early. What
    follows the last value seen?
    predictions = [y] => predictions = []
the last seen value among them | the predictions begin with the last value seen.
    predictions = [y] => predictions = [seen[-1], y]
the last seen value at each step | each step reads the last value seen; the prediction is not fed back.
    cell(y, (h, c)) => cell(seen[-1], (h, c))
the first prediction at each step | each step reads the first prediction. What does step 3 read?
    cell(y, (h, c)) => cell(predictions[0], (h, c))
the prediction before the last | each step reads the prediction before the last: it is fed back one step late.
    cell(y, (h, c)) => cell(predictions[-2] if len(predictions) > 1 else seen[-1], (h, c))
§ The state is reset at each step
state reset at each step | going on alone, each step starts from zeros: the state has not been handed in.
    cell(y, (h, c)) => cell(y)
state not carried | going on alone, each step starts from the state after the last value seen: its own new
    state is lost.
    - h, c = cell(y, (h, c))
    - y = head(h)
    + y = head(cell(y, (h, c))[0])
state thrown away after reading | what was read is forgotten: going on alone begins from zeros.
    - predictions = [y]
    + predictions = [y]
    + h = c = torch.zeros_like(h)
§
only the last value read | of what was seen only the last value counts: was the state reset, or only that one
    read?
    in seen: => in seen[-1:]:
time backwards | what was seen is read from its end to its beginning.
    in seen: => in seen.flip(0):
§ One step, by hand
c zero at each step | going on alone, h is carried and c is not: each step starts from c = 0.
    cell(y, (h, c)) => cell(y, (h, torch.zeros_like(c)))
§
the state fed back | h is fed back in the place of the prediction; only where I = H that runs.
    cell(y, (h, c)) => cell(h, (h, c))
states as predictions | these are the states h, (steps, B, H). What is predicted is what the head makes of
    them.
    - predictions = [y]
    + predictions = [h]
    - predictions.append(y)
    + predictions.append(h)
§ One step, by hand
the head on c | the head is applied to c. What a step shows is h.
    - for x_t in seen:
    -     h, c = cell(x_t, (h, c))
    - y = head(h)
    + for x_t in seen:
    +     h, c = cell(x_t, (h, c))
    + y = head(c)
    - h, c = cell(y, (h, c))
    - y = head(h)
    + h, c = cell(y, (h, c))
    + y = head(c)
§
one step too many | there is one prediction too many: steps + 1.
    < steps => <= steps
one step too few | there is one prediction too few.
    < steps => < steps - 1
predictions while reading, too | the predictions made while reading are there, too: S + steps - 1 in all.
    Asked is what comes after it.
    - h = c = seen.new_zeros(seen.shape[1], cell.hidden_size)
    + h = c = seen.new_zeros(seen.shape[1], cell.hidden_size)
    + predictions = []
    - y = head(h)
    - predictions = [y]
    - while len(predictions) < steps:
    +     y = head(h)
    +     predictions.append(y)
    + while len(predictions) < len(seen) + steps - 1:
§ The last step instead of all
the last only | this is the last prediction alone. Asked are all steps'.
    torch.stack(predictions) => y
§ The loop
not stacked | this is a list of tensors. Asked is one tensor, (steps, B, I).
    torch.stack(predictions) => predictions
stacked on axis 1 | these are (B, steps, I): stacked along the wrong axis. Here time comes first.
    torch.stack(predictions) => torch.stack(predictions, dim=1)
joined, not stacked | the steps are joined along the batch, (steps*B, I). Time wants an axis of its own.
    torch.stack(predictions) => torch.cat(predictions)
""")

continue_alone = Check(
    name="continue_alone",
    lesson=LESSON,
    section=FEED_BACK,
    parts=(Part("predictions", "T B I"),),
    criteria=(Criterion("the first prediction", 1, where=(SINGLE_STEP,)), Criterion("all of them", 2)),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "cell": small_cell(torch.float32),
            "head": small_head(),
            "seen": torch.tensor([[[1.0]], [[0.0]], [[-1.0]]]),
            "steps": 3,
        },
        {"steps": 3, "S": 3, "B": 1, "I": 1, "H": 1},
    ),
    forbid=LAYER,
    agree="a loop over the cell's equations",
)

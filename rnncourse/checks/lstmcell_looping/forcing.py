"""Task 6, mixed: the true value at some steps, the net's own at others, and what the gradient sees of it."""

import dataclasses

import torch

from rnncourse.checks.framework.cases import Case, Trait, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.lstmcell_looping.lesson import (
    DETACH,
    FEED_BACK,
    LAYER,
    LESSON,
    small_cell,
    small_head,
)

ALL_TRUE = Trait("every step reads the true value", "what a step reads in the place of it")
SOME_OWN = Trait("some steps read the net's own prediction", "the steps that read the true value")


def _truth(cell, head, x, forced):
    h = c = x.new_zeros(x.shape[1], cell.hidden_size)
    predictions = []
    for t, x_t in enumerate(x):
        if t > 0 and not forced[t]:
            x_t = predictions[-1].detach()
        h, c = cell(x_t, (h, c))
        predictions.append(head(h))
    predictions = torch.stack(predictions)
    (gradient,) = torch.autograd.grad(predictions.sum(), cell.weight_hh)
    return predictions, gradient


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.9, torch.float32)

    def case(B: int, I: int, H: int, forced: str) -> Case:
        cell = random_module("LSTMCell", numbers, input_size=I, hidden_size=H)
        head = random_module("Linear", numbers, in_features=H, out_features=I)
        arguments = {
            "cell": dataclasses.replace(cell, trains=True),
            "head": dataclasses.replace(head, trains=True),
            "x": numbers(len(forced), B, I),
            "forced": torch.tensor([letter == "x" for letter in forced]),
        }
        sizes = {"T": len(forced), "B": B, "I": I, "H": H}
        return Case(arguments, sizes, frozenset({ALL_TRUE if set(forced) == {"x"} else SOME_OWN}))

    # x: the true value, y: the prediction of the step before.
    return [
        case(3, 2, 4, "xyyxy"),
        case(2, 1, 5, "yxyy"),
        case(4, 3, 2, "yyxxy"),
        case(4, 5, 3, "xx"),
    ]


wrong = Mistakes(FEED_BACK, _truth)

wrong.edits("""
always the true value | each step reads the true value: `forced` has no part in it.
    t > 0 and not forced[t] => False
always its own | after the first step each reads the net's own prediction: `forced` has no part in it.
    and not forced[t] =>
the other way round | the true value is read where `forced` is False, and the net's own where it is True.
    not forced[t] => forced[t]
forced of the step before | `forced` is looked up one step too early: forced[t] says what step t reads.
    forced[t] => forced[t - 1]
zeros at first | where forced[0] is False the first step reads zeros. With no prediction yet, it reads x[0] in
    any case.
    - if t > 0 and not forced[t]:
    -     x_t = predictions[-1].detach()
    + if not forced[t]:
    +     x_t = predictions[-1].detach() if t else torch.zeros_like(x_t)
the true value of the step before | where it should read its own prediction, a step reads the true value of
    the step before.
    predictions[-1].detach() => x[t - 1]
the first prediction | where it should read its own last prediction, a step reads the first.
    predictions[-1] => predictions[0]
§ no_grad or detach
not detached | the gradient goes through the fed-back predictions, too: they are not detached.
    predictions[-1].detach() => predictions[-1]
the state detached, too | the gradient ends at each step: the states are detached. Only what is fed back
    should be.
    cell(x_t, (h, c)) => cell(x_t, (h.detach(), c.detach()))
the state detached, the prediction not | the states are detached, and the prediction that is fed back is not.
    predictions[-1].detach() => predictions[-1]
    cell(x_t, (h, c)) => cell(x_t, (h.detach(), c.detach()))
the state detached where it feeds itself | where a step reads its own prediction, the states are detached,
    too: there the gradient ends.
    x_t = predictions[-1].detach() => x_t, h, c = predictions[-1].detach(), h.detach(), c.detach()
§ The state is reset at each step
state reset at each step | each step starts from zeros: the state has not been handed in.
    cell(x_t, (h, c)) => cell(x_t)
§ One step, by hand
c zero at each step | h is carried on, c is not: each step starts from c = 0.
    (x_t, (h, c)) => (x_t, (h, torch.zeros_like(c)))
§ no_grad or detach
gradient by the head's weight | this is the gradient by head.weight. Asked is that by cell.weight_hh.
    cell.weight_hh) => head.weight)
gradient by weight_ih | this is the gradient by cell.weight_ih. Asked is that by cell.weight_hh.
    cell.weight_hh) => cell.weight_ih)
gradient of the last step | this is the gradient of the last prediction alone. Asked is that of the sum of
    all.
    predictions.sum() => predictions[-1].sum()
gradient of the mean | this is the gradient of the predictions' mean. Asked is that of their sum.
    predictions.sum() => predictions.mean()
the gradient in a tuple | the gradient comes as torch.autograd.grad gives it, a tuple of one. Asked is the
    tensor in it.
    (gradient,) = torch => gradient = torch
§ The loop
not stacked | predictions is a list of tensors. Asked is one tensor, (T, B, I).
    return predictions, => return list(predictions),
""")

mixed = Check(
    name="mixed",
    lesson=LESSON,
    section=DETACH,
    parts=(Part("predictions", "T B I"), Part("gradient", "4H H")),
    criteria=(
        Criterion("predictions", 2, ("predictions",)),
        Criterion("gradient", 1, ("gradient",)),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "cell": small_cell(torch.float32, trains=True),
            "head": small_head(trains=True),
            "x": torch.tensor([[[1.0]], [[0.0]], [[-1.0]]]),
            "forced": torch.tensor([True, True, False]),
        },
        {"T": 3, "B": 1, "I": 1, "H": 1},
    ),
    forbid=LAYER,
    agree="autograd through a loop over the cell",
)

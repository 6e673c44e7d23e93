"""Task 3, h_n_from_output: the last layer's rows of h_n, from output alone."""

import torch

from rnncourse.checks.framework.cases import Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.output_h_n_c_n.lesson import (
    ACROSS,
    BATCH_FIRST,
    LAST_SLICE,
    LESSON,
    ONE_DIRECTION,
    TIME_FIRST,
    TWO_DIRECTIONS,
    counted,
    traits,
)


def _truth(output, D, batch_first):
    if batch_first:
        output = output.transpose(0, 1)
    apart = output.unflatten(-1, (D, -1))  # (T, B, D, H)
    ends = [apart[-1, :, 0], apart[0, :, -1]]
    return torch.stack(ends[:D])


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(T: int, B: int, H: int, D: int, batch_first: bool) -> Case:
        rows = (B, T) if batch_first else (T, B)
        arguments = {"output": numbers(*rows, D * H), "D": D, "batch_first": batch_first}
        return Case(arguments, {"T": T, "B": B, "H": H, "D": D}, traits(D, batch_first))

    return [
        case(4, 3, 5, 1, False),
        case(5, 4, 3, 1, True),
        case(5, 3, 4, 2, False),
        case(3, 5, 4, 2, False),
        case(4, 5, 3, 2, True),
        case(3, 6, 5, 2, True),
        case(4, 4, 3, 2, True),  # T = B: no shape tells time from batch
    ]


wrong = Mistakes(ACROSS, _truth)

wrong.edits("""
§ Is h_n the state at the last time step?
backward at the last step | the backward half is taken at the last step, where that direction has made one
    step.
    apart[0, :, -1] => apart[-1, :, -1]
§ Every index
forward at the first step | the forward half is taken at the first step, where that direction has made one
    step.
    apart[-1, :, 0] => apart[0, :, 0]
ends exchanged | both directions are taken where they begin. Where does each of them end?
    apart[-1, :, 0], apart[0, :, -1] => apart[0, :, 0], apart[-1, :, -1]
directions exchanged | your first row is backward, your second forward: which has the smaller index in h_n?
    ends[:D] => ends[:D][::-1]
§
halves exchanged | the steps are right, the halves are not: which direction lies first in output?
    apart[-1, :, 0], apart[0, :, -1] => apart[-1, :, -1], apart[0, :, 0]
§ Does batch_first move the states?
batch_first ignored | with batch_first you take the last sequence, at every step, for the last step.
    if batch_first => if False
§ `output[:, -1]`, copied from a net with batch_first
always batch first | without batch_first you take the last sequence, at every step, for the last step.
    if batch_first => if True
§ `output.view(seq, batch, D, H)` beside `batch_first=True`
view for transpose | with batch_first the sequences are mixed: a view or reshape renames axes, it does not
    exchange them.
    output.transpose(0, 1) => output.reshape(output.shape[1], output.shape[0], -1)
§
every other number | you give the directions every other number in turn. They lie side by side, one block
    after the other.
    output.unflatten(-1, (D, -1)) => output.unflatten(-1, (-1, D)).transpose(-1, -2)
batch before direction | your axes are (B, D, H). Which axis leads in h_n?
    torch.stack(ends[:D]) => torch.stack(ends[:D], dim=1)
side by side | the directions lie side by side, (B, D*H). In h_n each has a row of its own.
    torch.stack(ends[:D]) => torch.cat(ends[:D], dim=-1)
forward alone | only the forward direction is there. Where is the end of the other?
    ends[:D] => ends[:1]
""")


@wrong("the last slice", "this is the last slice of output, as it is. Of what is it the state?", LAST_SLICE)
def _(output, D, batch_first):
    return (output.transpose(0, 1) if batch_first else output)[-1:]


@wrong(
    "the last slice, without rows",
    "this is the last slice of output, as it is: h_n has a row for each direction. And is each end there?",
    LAST_SLICE,
)
def _(output, D, batch_first):
    return (output.transpose(0, 1) if batch_first else output)[-1]


h_n_from_output = Check(
    name="h_n_from_output",
    lesson=LESSON,
    section=ACROSS,
    parts=(Part("rows", "D B H"),),
    criteria=(
        Criterion("one direction", 1, where=(ONE_DIRECTION,)),
        Criterion("two directions, time first", 1, where=(TWO_DIRECTIONS, TIME_FIRST)),
        Criterion("two directions, batch_first", 2, where=(TWO_DIRECTIONS, BATCH_FIRST)),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {"output": counted(3, 1, 4), "D": 2, "batch_first": False},
        {"T": 3, "B": 1, "H": 2, "D": 2},
        traits(2, False),
    ),
    agree="h_n",
)

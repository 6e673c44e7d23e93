"""Task 2, both_ends: one vector for a whole sequence, out of the output of two directions."""

import torch

from rnncourse.checks.bidirectional.lesson import LESSON, TRAP
from rnncourse.checks.framework.cases import Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part


def _truth(output):
    H = output.shape[-1] // 2
    return torch.cat([output[-1, :, :H], output[0, :, H:]], dim=-1)


def _cases(seed):
    numbers = random_numbers(seed, 1.0)
    sizes = [{"T": 5, "B": 3, "H": 2}, {"T": 4, "B": 2, "H": 5}, {"T": 3, "B": 3, "H": 4}]
    return [Case({"output": numbers(size["T"], size["B"], 2 * size["H"])}, size) for size in sizes]


wrong = Mistakes(TRAP, _truth)


@wrong("the last step", "this is the last step whole. How much has its backward half seen?")
def _(output):
    return output[-1]


@wrong("the first step", "this is the first step whole. How much has its forward half seen?")
def _(output):
    return output[0]


wrong.edits("""
the wrong ends | each half is taken where it has just begun.
    output[-1, :, :H] => output[0, :, :H]
    output[0, :, H:] => output[-1, :, H:]
§ Two passes, lined up in time
halves exchanged | both numbers are the right ones, but the backward half stands first.
    [output[-1, :, :H], output[0, :, H:]] => [output[0, :, H:], output[-1, :, :H]]
halves taken for each other | the first H numbers of a step are its forward half; here they are taken for the
    backward half.
    output[-1, :, :H], output[0, :, H:] => output[-1, :, H:], output[0, :, :H]
""")


@wrong("both ends added", "the two halves are added. Asked are both, side by side.")
def _(output):
    H = output.shape[-1] // 2
    return output[-1, :, :H] + output[0, :, H:]


@wrong("forward only", "this is the forward half alone.")
def _(output):
    return output[-1, :, : output.shape[-1] // 2]


@wrong("batch first", "this takes the last sequence of the batch: `[:, -1]` is for batch_first=True.")
def _(output):
    return output[:, -1]


@wrong("the mean", "this is the mean over all steps. Asked are the two last states.")
def _(output):
    return output.mean(0)


@wrong("stacked", "the two halves are stacked on an axis of their own. Asked are they side by side, (B, 2H).")
def _(output):
    return torch.stack(_truth(output).chunk(2, dim=-1))


@wrong("both steps whole", "these are two whole steps, (B, 4H). Of each, one half has seen everything.")
def _(output):
    return torch.cat([output[-1], output[0]], dim=-1)


both_ends = Check(
    name="both_ends",
    lesson=LESSON,
    section=TRAP,
    parts=(Part("summary", "B 2H"),),
    criteria=(Criterion("summary", 2),),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {"output": torch.tensor([[[1.0, 2.0]], [[3.0, 4.0]], [[5.0, 6.0]]])}, {"T": 3, "B": 1, "H": 1}
    ),
    agree="the last state of each direction",
)

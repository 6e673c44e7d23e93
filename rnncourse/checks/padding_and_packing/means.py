"""Task 3, mean_valid: the mean over the valid steps."""

import torch

from rnncourse.checks.framework.cases import Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.padding_and_packing.batches import FINITE, padded, some_lengths
from rnncourse.checks.padding_and_packing.lesson import LESSON, WITHOUT


def _truth(output, lengths):
    mask = torch.arange(output.shape[1]) < lengths[:, None]
    kept = torch.where(mask[..., None], output, 0)
    return kept.sum(1) / lengths[:, None]


def _cases(seed):
    numbers = random_numbers(seed, 1.0)

    def case(B, longest, T, H, nan):
        lengths = some_lengths(numbers, B, longest)
        arguments = {"output": padded(numbers, lengths, T, H, nan=nan), "lengths": lengths}
        return Case(arguments, {"B": B, "T": T, "H": H}, frozenset(() if nan else {FINITE}))

    return [
        case(3, 6, 6, 4, nan=False),
        case(4, 7, 7, 2, nan=False),
        case(3, 5, 8, 4, nan=False),
        case(4, 7, 7, 3, nan=True),
        case(5, 5, 8, 2, nan=True),
    ]


wrong = Mistakes(WITHOUT, _truth)

wrong.edits("""
§ The mean counts the padding
padding counted | the padding is in the mean.
    kept.sum(1) / lengths[:, None] => output.mean(1)
padding in the sum | each row is divided by its own length, but the padding is in the sum.
    kept.sum(1) => output.sum(1)
divided by T | the sum is right, but it is divided by T in every row. How many numbers were added?
    / lengths[:, None] => / output.shape[1]
divided by the longest | the sum is right, but every row is divided by the longest length.
    / lengths[:, None] => / lengths.max()
§
the sum | this is the sum, not yet the mean.
    / lengths[:, None] =>
§ Poison the padding
multiplied by the mask | right where the padding is finite. Where nan stands in it, it comes through: what is
    0 times nan?
    torch.where(mask[..., None], output, 0) => output * mask[..., None]
§
nanmean | only a nan is left out. Padding may hold any number.
    kept.sum(1) / lengths[:, None] => output.nanmean(1)
nan_to_num | a nan is taken for zero, and any other number of the padding is added. The lengths say what is
    padding.
    kept.sum(1) => output.nan_to_num().sum(1)
§ A mask from the lengths
one step too many | one step of padding is added to each sum.
    < => <=
one step too few | the last step of each sequence is left out of its sum.
    arange(output.shape[1]) < => arange(output.shape[1]) + 1 <
padding instead | the padding is added, and the steps of the sequence are left out.
    < => >=
§
one mean for all | this is one mean over the steps of all sequences. Asked is one for each.
    kept.sum(1) / lengths[:, None] => kept.sum((0, 1)) / lengths.sum()
divided by all steps | every row is divided by the number of steps in the whole batch.
    / lengths[:, None] => / lengths.sum()
over the batch | this adds over the batch, not over time.
    kept.sum(1) / lengths[:, None] => kept.sum(0) / mask.sum(0)[:, None].clamp(min=1)
""")

mean_valid = Check(
    name="mean_valid",
    lesson=LESSON,
    section=WITHOUT,
    parts=(Part("mean", "B H"),),
    criteria=(Criterion("finite padding", 1, where=(FINITE,)), Criterion("nan in the padding", 1)),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "output": torch.tensor([[[1.0], [2.0], [6.0]], [[3.0], [5.0], [9.0]]]),
            "lengths": torch.tensor([3, 2]),
        },
        {"B": 2, "T": 3, "H": 1},
    ),
    agree="the mean of each sequence alone",
)

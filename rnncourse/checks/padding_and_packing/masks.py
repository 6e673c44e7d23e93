"""Task 1, valid: the mask from the lengths."""

import torch

from rnncourse.checks.framework.cases import Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.padding_and_packing.batches import FITTING, some_lengths
from rnncourse.checks.padding_and_packing.lesson import LESSON, MASK


def _truth(lengths, T):
    return torch.arange(T) < lengths[:, None]


def _cases(seed):
    numbers = random_numbers(seed, 1.0)

    def case(B, longest, T):
        traits = frozenset({FITTING} if longest == T else ())
        return Case({"lengths": some_lengths(numbers, B, longest), "T": T}, {"B": B, "T": T}, traits)

    return [case(3, 7, 7), case(4, 9, 9), case(3, 5, 8), case(5, 5, 5)]


wrong = Mistakes(MASK, _truth)

wrong.edits("""
one too many | each sequence has one step too many. Its last step is which, when steps are counted from 0?
    < => <=
one too few | each sequence has one step too few.
    arange(T) < => arange(T) + 1 <
padding marked | true and false are exchanged: the padding is marked.
    < => >=
time first | the mask is (T, B). Asked is (B, T).
    lengths[:, None] => lengths[:, None]).T
    torch => (torch
§ total_length
as long as the longest | the mask ends with the longest sequence. T may be larger.
    arange(T) => arange(int(lengths.max()))
§
no new axis | the lengths are compared along time. A mask has a row for each sequence.
    lengths[:, None] => lengths
padding in front | the valid steps stand at the end of each row: the padding is in front.
    arange(T) => arange(T - 1, -1, -1)
only the last step | one step of each sequence is marked, its last. Asked are all of its steps.
    arange(T) < => arange(T) + 1 ==
""")

valid = Check(
    name="valid",
    lesson=LESSON,
    section=MASK,
    parts=(Part("mask", "B T", dtype="bool"),),
    criteria=(Criterion("mask", 2),),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case({"lengths": torch.tensor([1, 3]), "T": 4}, {"B": 2, "T": 4}),
    agree="the lengths",
)

"""Task 7, unpack: a packed batch back into a padded tensor. The tests compare the right one with torch's."""

import torch

from rnncourse.checks.framework.cases import Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.padding_and_packing.batches import FITTING, some_lengths, staircase
from rnncourse.checks.padding_and_packing.lesson import (
    BY_HAND,
    LESSON,
    UNPACK,
)


def _truth(data, batch_sizes, unsorted_indices, total_length):
    B = len(unsorted_indices)
    padded = data.new_zeros(B, total_length, data.shape[1])
    for t, column in enumerate(data.split(batch_sizes.tolist())):
        padded[: len(column), t] = column
    lengths = (torch.arange(B)[:, None] < batch_sizes).sum(1)
    return padded[unsorted_indices], lengths[unsorted_indices]


def _cases(seed):
    numbers = random_numbers(seed, 1.0)

    def case(lengths, total_length, H):
        sizes, _, back = staircase(lengths)
        arguments = {
            "data": numbers(int(lengths.sum()), H),
            "batch_sizes": sizes,
            "unsorted_indices": back,
            "total_length": total_length,
        }
        traits = frozenset({FITTING} if total_length == int(lengths.max()) else ())
        arguments["data"][-1] = 0  # the longest sequence ends in a step that is zero, and no padding
        return Case(arguments, {"B": len(lengths), "T": total_length, "H": H}, traits)

    return [
        case(torch.tensor([2, 5, 3, 4]), 5, 3),  # the order does not undo itself
        case(some_lengths(numbers, 3, 6), 6, 2),
        case(some_lengths(numbers, 5, 7), 9, 4),
        case(torch.tensor([3, 2, 5]), 8, 4),
        case(torch.tensor([4, 3, 1]), 6, 2),  # sorted already
    ]


wrong = Mistakes(UNPACK, _truth)

wrong.edits("""
§ Sorted and not
order not restored | the rows are still sorted, the longest first, and so are the lengths.
    return padded[unsorted_indices], lengths[unsorted_indices] => return padded, lengths
padded not restored | the rows of padded are still sorted, the longest first.
    padded[unsorted_indices], => padded,
lengths not restored | the lengths are still sorted, the longest first.
    lengths[unsorted_indices] => lengths
sorted once more | the rows are sorted once more, not brought back: unsorted_indices is used the wrong way
    round.
    - lengths = (torch.arange(B)[:, None] < batch_sizes).sum(1)
    + lengths = (torch.arange(B)[:, None] < batch_sizes).sum(1)
    + unsorted_indices = unsorted_indices.argsort()
§ total_length
total_length ignored | padded ends with the longest sequence: total_length asks for more.
    total_length, data => len(batch_sizes), data
total_length more | padded is total_length longer than the longest sequence. total_length is the length of the
    whole.
    total_length, data => len(batch_sizes) + total_length, data
§
time first | padded is (T, B, H). Asked is (B, T, H).
    padded[unsorted_indices] => padded[unsorted_indices].transpose(0, 1)
§ Packing: the staircase
row by row | data is read as if it held sequence after sequence. It holds column after column.
    - for t, column in enumerate(data.split(batch_sizes.tolist())):
    -     padded[: len(column), t] = column
    + for r, row in enumerate(data.split((torch.arange(B)[:, None] < batch_sizes).sum(1).tolist())):
    +     padded[r, : len(row)] = row
from below | each column stands on the bottom of the batch. It hangs from the top, where the longest is.
    padded[: len(column), t] => padded[B - len(column) :, t]
§
padding in front | the steps stand at the end of each row's total_length: the padding is in front.
    len(column), t] => len(column), total_length - len(batch_sizes) + t]
§ From the lengths to batch_sizes
batch_sizes for lengths | the lengths are batch_sizes themselves. Asked is a number for each sequence.
    lengths[unsorted_indices] => batch_sizes
zeros taken for padding | steps that are zero are not counted. A step may be zero and no padding: batch_sizes
    knows.
    (torch.arange(B)[:, None] < batch_sizes).sum(1) => (padded != 0).any(-1).sum(1)
one too many | each length is one too large.
    .sum(1) => .sum(1) + 1
one too few | each length is one too small.
    .sum(1) => .sum(1) - 1
all as long as the longest | all lengths are the longest.
    lengths[unsorted_indices] => lengths.max().expand(B)
§ total_length
total_length for lengths | all lengths are total_length: the padding is counted.
    lengths[unsorted_indices] => torch.full_like(lengths, total_length)
""")

unpack = Check(
    name="unpack",
    lesson=LESSON,
    section=UNPACK,
    parts=(Part("padded", "B T H"), Part("lengths", "B", dtype="int")),
    criteria=(Criterion("padded", 3, ("padded",)), Criterion("lengths", 1, ("lengths",))),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    forbid=BY_HAND,
    example_case=Case(
        {
            "data": torch.tensor([[4.0], [1.0], [3.0], [5.0], [2.0], [6.0]], dtype=torch.float64),
            "batch_sizes": torch.tensor([3, 2, 1]),
            "unsorted_indices": torch.tensor([1, 2, 0]),
            "total_length": 4,
        },
        {"B": 3, "T": 4, "H": 1},
    ),
    agree="torch's pad_packed_sequence",
)

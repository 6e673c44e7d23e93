"""Task 6, pack: a padded batch packed by hand. The tests compare the right one with torch's."""

import torch

from rnncourse.checks.framework.cases import Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.padding_and_packing.batches import FINITE, padded, some_lengths
from rnncourse.checks.padding_and_packing.lesson import BY_HAND, LESSON, STAIRCASE


def _truth(x, lengths):
    order = lengths.argsort(descending=True)
    sizes = (torch.arange(int(lengths.max())) < lengths[:, None]).sum(0)
    data = torch.cat([x[order[:size], t] for t, size in enumerate(sizes)])
    return data, sizes, order, order.argsort()


def _cases(seed):
    numbers = random_numbers(seed, 1.0)

    def case(lengths, T, I, nan):
        sizes = {"B": len(lengths), "T": T, "I": I}
        arguments = {"x": padded(numbers, lengths, T, I, nan=nan), "lengths": lengths}
        return Case(arguments, sizes, frozenset(() if nan else {FINITE}))

    return [
        case(torch.tensor([2, 5, 3, 4]), 5, 3, nan=False),  # the order does not undo itself
        case(some_lengths(numbers, 3, 6), 6, 2, nan=True),
        case(some_lengths(numbers, 5, 7), 7, 4, nan=True),
        case(some_lengths(numbers, 3, 5), 8, 2, nan=True),  # no sequence fills all steps
        case(torch.tensor([4, 3, 1]), 4, 2, nan=False),  # sorted already
    ]


wrong = Mistakes(STAIRCASE, _truth)

wrong.edits("""
§ Sorted and not
not sorted | column t takes the first rows of the batch as it was given: some of them have no step t any more.
    x[order[:size], t] => x[:size, t]
rows in the order given | each column holds the right steps, but in the order of the batch: the longest is not
    on top.
    x[order[:size], t] => x[lengths > t, t]
the shortest first | the shortest sequence is on top.
    lengths.argsort(descending=True) => lengths.argsort()
rows by the other index | the rows are taken by unsorted_indices: it says at which place a sequence stands,
    not which one stands at a place.
    x[order[:size], t] => x[order.argsort()[:size], t]
§
row by row | data holds sequence after sequence. The steps of one time belong together.
    - data = torch.cat([x[order[:size], t] for t, size in enumerate(sizes)])
    + data = torch.cat([x[b, : lengths[b]] for b in order])
row by row, as given | data holds sequence after sequence, in the order of the batch. The steps of one time
    belong together.
    - data = torch.cat([x[order[:size], t] for t, size in enumerate(sizes)])
    + data = torch.cat([x[b, :n] for b, n in enumerate(lengths)])
padding packed | every row is in every column: the padding is packed with the rest.
    < lengths[:, None] => < torch.full_like(lengths, x.shape[1])[:, None]
    int(lengths.max()) => x.shape[1]
§ From the lengths to batch_sizes
one step too many | each sequence goes on for a step of padding.
    int(lengths.max())) < => x.shape[1]) <=
§ total_length
zeros at the end | batch_sizes ends in zeros. It ends with the longest sequence.
    int(lengths.max()) => x.shape[1]
§ Sorted and not
the first for the longest | the first sequence is taken for the longest: the lengths are used before they are
    sorted.
    lengths.max() => lengths[0]
the same index twice | unsorted_indices is sorted_indices once more. One takes a row to its place, the other
    brings it back.
    order.argsort() => order
indices exchanged | sorted_indices and unsorted_indices are exchanged.
    order, order.argsort() => order.argsort(), order
back by turning round | unsorted_indices is sorted_indices turned round. It has to undo it.
    order.argsort() => order.flip(0)
lengths for indices | sorted_indices holds the sorted lengths. Asked is which sequence stands at each place.
    sizes, order, => sizes, lengths[order],
§ From the lengths to batch_sizes
lengths for batch_sizes | batch_sizes holds the sorted lengths. Asked is a number for each time step.
    data, sizes, => data, lengths[order],
§
stacked | data is a list of columns. Asked is one tensor, (N, I).
    torch.cat( => list(
""")

pack = Check(
    name="pack",
    lesson=LESSON,
    section=STAIRCASE,
    parts=(
        Part("data", "N I"),
        Part("batch_sizes", "T", dtype="int"),
        Part("sorted_indices", "B", dtype="int"),
        Part("unsorted_indices", "B", dtype="int"),
    ),
    criteria=(
        Criterion("data", 2, ("data",)),
        Criterion("batch_sizes", 1, ("batch_sizes",)),
        Criterion("the indices", 1, ("sorted_indices", "unsorted_indices")),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    forbid=BY_HAND,
    example_case=Case(
        {
            "x": torch.tensor(
                [[[1.0], [2.0], [0.0]], [[3.0], [0.0], [0.0]], [[4.0], [5.0], [6.0]]], dtype=torch.float64
            ),
            "lengths": torch.tensor([2, 1, 3]),
        },
        {"B": 3, "T": 3, "I": 1},
    ),
    agree="torch's PackedSequence",
)

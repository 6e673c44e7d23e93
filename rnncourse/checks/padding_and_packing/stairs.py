"""Task 5, batch_sizes: the staircase from the lengths."""

import torch

from rnncourse.checks.framework.cases import Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.padding_and_packing.batches import some_lengths
from rnncourse.checks.padding_and_packing.lesson import BY_HAND, LESSON, SIZES


def _truth(lengths):
    t = torch.arange(int(lengths.max()))
    return (t < lengths[:, None]).sum(0)


def _cases(seed):
    numbers = random_numbers(seed, 1.0)

    def case(lengths):
        return Case({"lengths": lengths}, {"B": len(lengths), "T": int(lengths.max())})

    twice = torch.tensor([2, 6, 2, 6, 3])
    return [
        case(some_lengths(numbers, 3, 7)),
        case(some_lengths(numbers, 5, 8)),
        case(some_lengths(numbers, 4, 6)),
        case(twice[[0, *numbers(4).argsort().add(1).tolist()]]),  # two of them twice
    ]


wrong = Mistakes(SIZES, _truth)

wrong.edits("""
ends counted too | each sequence runs one step too long: at its own length it has no step any more.
    < => <=
one step late | step 0 is missing: the counting begins at 1.
    arange(int(lengths.max())) => arange(1, int(lengths.max()) + 1)
a zero at the end | there is an entry too many: at step T no sequence has a step.
    lengths.max()) => lengths.max()) + 1
an entry too few | an entry is missing: the last step of the longest sequence.
    lengths.max()) => lengths.max()) - 1
rising | the sizes rise. At which step are the most sequences running?
    .sum(0) => .sum(0).flip(0)
§ Sorted and not
the first for the longest | the first sequence is taken for the longest: this runs to its length only.
    lengths.max() => lengths[0]
""")


@wrong("the lengths, sorted", "these are the lengths, sorted. Asked is a number for each time step.")
def _(lengths):
    return lengths.sort(descending=True).values


wrong.edits("""
the lengths | these are the lengths. Asked is a number for each time step.
    .sum(0) => .sum(1)
those that end | this counts the sequences that end at each step.
    t < => t + 1 ==
those that have ended | this counts the sequences that have ended.
    < => >=
B at each step | this counts every sequence at every step: it is a dense batch.
    t < lengths => t < lengths.max() + 0 * lengths
added up | the sizes are added up over time: these are places in data.
    .sum(0) => .sum(0).cumsum(0)
""")

batch_sizes = Check(
    name="batch_sizes",
    lesson=LESSON,
    section=SIZES,
    parts=(Part("sizes", "T", dtype="int"),),
    criteria=(Criterion("sizes", 2),),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    forbid=BY_HAND,
    example_case=Case({"lengths": torch.tensor([1, 4, 2])}, {"B": 3, "T": 4}),
    agree="torch's batch_sizes",
)

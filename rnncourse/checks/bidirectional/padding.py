"""Task 4, reverse_padded: each sequence turned round within its own length."""

import torch

from rnncourse.checks.bidirectional.lesson import LESSON, PADDED
from rnncourse.checks.framework.cases import Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part


def _truth(x, lengths):
    reversed_x = x.clone()
    for b, n in enumerate(lengths.tolist()):
        reversed_x[b, :n] = x[b, :n].flip(0)
    return reversed_x


def _cases(seed):
    """The padding is not zero, so that it shows where it goes."""
    numbers = random_numbers(seed, 1.0)

    def case(lengths, T, I):
        sizes = {"B": len(lengths), "T": T, "I": I}
        return Case({"x": numbers(len(lengths), T, I), "lengths": torch.tensor(lengths)}, sizes)

    return [
        case([3, 6, 2, 5], 6, 3),
        case([5, 1, 4], 5, 2),
        case([2, 4, 4, 3, 1], 6, 4),  # no sequence fills all T steps
        case([4, 2, 3, 3], 4, 4),  # all sizes equal: a flip along another axis runs
    ]


wrong = Mistakes(PADDED, _truth)


@wrong(
    "flipped whole", "the padding is turned to the front: every sequence is turned round over all T steps."
)
def _(x, lengths):
    return x.flip(1)


@wrong("flipped along the batch", "this turns the batch round: the sequences change places.")
def _(x, lengths):
    return x.flip(0)


@wrong("nothing turned", "nothing is turned round.")
def _(x, lengths):
    return x


wrong.edits("""
padding set to zero | the padding has become zero. Asked is that it stays.
    x.clone() => x * 0
features flipped | the numbers of each step are turned round, not the steps.
    flip(0) => flip(1)
both flipped | the numbers of each step are turned round, too.
    flip(0) => flip(0, 1)
padding turned, too | the padding stands behind the sequence, but in reverse order.
    - reversed_x[b, :n] = x[b, :n].flip(0)
    + reversed_x[b, :n] = x[b, :n].flip(0)
    + reversed_x[b, n:] = x[b, n:].flip(0)
one step too few | the last step of each sequence has stayed where it was. A slice ends before its end.
    lengths.tolist() => (lengths - 1).tolist()
one step too many | a step of padding is turned, too, where there is one.
    lengths.tolist() => (lengths + 1).tolist()
the longest for all | all sequences are turned over the longest length.
    lengths.tolist() => [int(lengths.max())] * len(x)
the first for all | all sequences are turned over the length of the first.
    lengths.tolist() => [int(lengths[0])] * len(x)
overwritten while read | the second half of each sequence mirrors the first: the tensor is overwritten while
    it is read.
    - reversed_x[b, :n] = x[b, :n].flip(0)
    + for t in range(n):
    +     reversed_x[b, t] = reversed_x[b, n - 1 - t]
    look: Read from the tensor that came in, write to a copy.
""")


@wrong("rolled", "the steps keep their order and are moved along. Asked is the reverse order.")
def _(x, lengths):
    return torch.stack([row.roll(-int(n), 0) for row, n in zip(x, lengths, strict=True)])


@wrong("time first", "the lengths are applied along the batch: x is (B, T, I) here.")
def _(x, lengths):
    reversed_x = x.clone()
    for t, n in enumerate(lengths.tolist()):
        reversed_x[:n, t] = x[:n, t].flip(0)
    return reversed_x


reverse_padded = Check(
    name="reverse_padded",
    lesson=LESSON,
    section=PADDED,
    parts=(Part("reversed", "B T I"),),
    criteria=(Criterion("reversed", 3),),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "x": torch.tensor([[[1.0], [2.0], [3.0], [4.0]], [[5.0], [6.0], [0.0], [0.0]]]),
            "lengths": torch.tensor([4, 2]),
        },
        {"B": 2, "T": 4, "I": 1},
    ),
    agree="each sequence turned round by itself",
)

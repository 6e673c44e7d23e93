"""Task 4, masked_loss: the cross-entropy over the valid steps."""

import torch
import torch.nn.functional as F

from rnncourse.checks.framework.cases import Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.padding_and_packing.batches import FINITE, padded, some_lengths
from rnncourse.checks.padding_and_packing.lesson import LESSON, POISON, WITHOUT


def _truth(logits, targets, lengths):
    mask = torch.arange(logits.shape[1]) < lengths[:, None]
    return F.cross_entropy(logits[mask], targets[mask])


def _cases(seed):
    numbers = random_numbers(seed, 1.0)

    def case(B, longest, T, K, nan):
        lengths = some_lengths(numbers, B, longest)
        logits = padded(numbers, lengths, T, K, nan=nan)
        targets = numbers(B, T, K).argmax(-1)  # in the padding any class
        targets[0, 0] = 0  # class 0 is a class like any other
        arguments = {"logits": logits, "targets": targets, "lengths": lengths}
        return Case(arguments, {"B": B, "T": T, "K": K}, frozenset(() if nan else {FINITE}))

    return [
        case(3, 6, 6, 4, nan=False),
        case(4, 7, 7, 3, nan=False),
        case(5, 6, 8, 4, nan=False),
        case(4, 7, 7, 5, nan=True),
        case(3, 5, 8, 4, nan=True),
    ]


def _steps(logits, targets):
    return F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")  # (B, T)


wrong = Mistakes(WITHOUT, _truth)


@wrong("padding counted", "the padding is in the mean: its classes are learned, too.")
def _(logits, targets, lengths):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


@wrong(
    "multiplied by the mask",
    "right where the padding is finite. Where nan stands in it, it comes through: what is 0 times nan?",
    section=POISON,
)
def _(logits, targets, lengths):
    mask = torch.arange(logits.shape[1]) < lengths[:, None]
    return (_steps(logits, targets) * mask).sum() / mask.sum()


@wrong(
    "logits set to zero",
    "the logits of the padding are zero, and their loss is counted. What is the loss of K equal logits?",
)
def _(logits, targets, lengths):
    mask = torch.arange(logits.shape[1]) < lengths[:, None]
    logits = torch.where(mask[..., None], logits, 0)
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


@wrong(
    "targets set to zero",
    "the targets of the padding are zero, and they are counted: class 0 is learned there.",
)
def _(logits, targets, lengths):
    mask = torch.arange(logits.shape[1]) < lengths[:, None]
    return F.cross_entropy(logits.flatten(0, 1), (targets * mask).flatten())


@wrong(
    "reshaped, not transposed",
    "time and classes are reshaped, not exchanged: the numbers of a step are not its own.",
)
def _(logits, targets, lengths):
    mask = torch.arange(logits.shape[1]) < lengths[:, None]
    logits = logits.reshape(len(lengths), logits.shape[2], -1)  # (B, K, T)
    return F.cross_entropy(logits, targets.masked_fill(~mask, -100))


@wrong("divided by all places", "the sum is right, but it is divided by all B*T places.")
def _(logits, targets, lengths):
    return _truth(logits, targets, lengths) * lengths.sum() / targets.numel()


@wrong(
    "mean of means",
    "this is the mean of the sequences' means: a step of a short sequence counts more. Asked is the mean over"
    " all steps.",
)
def _(logits, targets, lengths):
    each = [F.cross_entropy(a[:n], b[:n]) for a, b, n in zip(logits, targets, lengths, strict=True)]
    return torch.stack(each).mean()


@wrong("sum of means", "this is the sum of the sequences' means. Asked is the mean over all steps.")
def _(logits, targets, lengths):
    return sum(F.cross_entropy(a[:n], b[:n]) for a, b, n in zip(logits, targets, lengths, strict=True))


@wrong("divided by B", "the sum is divided by the number of sequences. Asked is the mean over all steps.")
def _(logits, targets, lengths):
    return _truth(logits, targets, lengths) * lengths.sum() / len(lengths)


wrong.edits("""
the sum | this is the sum over the valid steps. Asked is their mean.
    targets[mask]) => targets[mask], reduction="sum")
class 0 ignored | steps of class 0 are left out. Here it is a class like any other: only the lengths say what
    is padding.
    targets[mask]) => targets[mask], ignore_index=0)
""")


@wrong(
    "class 0 for padding",
    "every target 0 is taken for padding, and nothing else. Here only the lengths say what is padding.",
)
def _(logits, targets, lengths):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=0)


wrong.edits("""
§ A mask from the lengths
one step too many | a step of padding of each sequence is counted.
    < => <=
one step too few | the last step of each sequence is left out.
    arange(logits.shape[1]) < => arange(logits.shape[1]) + 1 <
only the last step | only the last step of each sequence is counted. Asked are all of its steps.
    arange(logits.shape[1]) < => arange(logits.shape[1]) + 1 ==
§
softmax before | softmax is applied before cross_entropy, which applies it too.
    (logits[mask] => (logits[mask].softmax(-1)
one loss for each step | this is the loss of each step. Asked is one number, their mean.
    targets[mask]) => targets[mask], reduction="none")
""")

masked_loss = Check(
    name="masked_loss",
    lesson=LESSON,
    section=WITHOUT,
    parts=(Part("loss"),),
    criteria=(Criterion("finite padding", 1, where=(FINITE,)), Criterion("nan in the padding", 1)),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "logits": torch.tensor([[[0.0, 0.0], [0.0, 1.0]], [[2.0, 0.0], [9.0, 9.0]]]),
            "targets": torch.tensor([[0, 1], [1, 0]]),
            "lengths": torch.tensor([2, 1]),
        },
        {"B": 2, "T": 2, "K": 2},
    ),
    agree="the loss of the valid steps",
)

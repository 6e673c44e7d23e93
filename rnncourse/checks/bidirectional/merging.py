"""Task 3, merged: the states of two directions side by side, layer by layer."""

import torch

from rnncourse.checks.bidirectional.lesson import INTERLEAVE, LESSON
from rnncourse.checks.framework.cases import Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part


def _truth(h_n):
    return torch.cat([h_n[0::2], h_n[1::2]], dim=-1)


def _cases(seed):
    numbers = random_numbers(seed, 1.0)
    sizes = [{"L": 3, "B": 4, "H": 2}, {"L": 2, "B": 3, "H": 5}, {"L": 1, "B": 3, "H": 4}]
    sizes.append({"L": 2, "B": 2, "H": 3})
    return [Case({"h_n": numbers(2 * size["L"], size["B"], size["H"])}, size) for size in sizes]


wrong = Mistakes(INTERLEAVE, _truth)


@wrong(
    "reshaped",
    "the shape is right, but the sequences of the batch are mixed: a row holds numbers of two of them.",
    look="reshape keeps the order of the numbers in memory. Which axes must be neighbours before it?",
)
def _(h_n):
    return h_n.reshape(len(h_n) // 2, h_n.shape[1], -1)


wrong.edits("""
all forward first | this takes the first half of the rows for the forward ones. Which row is layer 0,
    backward?
    h_n[0::2], h_n[1::2] => h_n[: len(h_n) // 2], h_n[len(h_n) // 2 :]
backward first | the backward state stands before the forward one.
    [h_n[0::2], h_n[1::2]] => [h_n[1::2], h_n[0::2]]
""")


@wrong("added", "the two directions are added. Asked are they side by side.")
def _(h_n):
    return h_n[0::2] + h_n[1::2]


@wrong("last layer only", "this is the last layer alone, (B, 2H).")
def _(h_n):
    return torch.cat([h_n[-2], h_n[-1]], dim=-1)


@wrong("last layer only, with an axis", "this is the last layer alone. Asked are all L of them.")
def _(h_n):
    return torch.cat([h_n[-2:-1], h_n[-1:]], dim=-1)


@wrong("forward only", "these are the forward states alone.")
def _(h_n):
    return h_n[0::2]


@wrong(
    "joined along the layers", "the two directions are joined along the layers. Asked are they side by side."
)
def _(h_n):
    return torch.cat([h_n[0::2], h_n[1::2]])


@wrong(
    "joined along the batch", "the two directions are joined along the batch. Asked are they side by side."
)
def _(h_n):
    return torch.cat([h_n[0::2], h_n[1::2]], dim=1)


@wrong("units interleaved", "forward and backward numbers take turns in a row. Asked are two blocks of H.")
def _(h_n):
    return torch.stack([h_n[0::2], h_n[1::2]], dim=-1).flatten(-2)


@wrong("batch first", "the batch stands first. States keep it second, whatever batch_first is.")
def _(h_n):
    return _truth(h_n).transpose(0, 1)


merged = Check(
    name="merged",
    lesson=LESSON,
    section=INTERLEAVE,
    parts=(Part("merged", "L B 2H"),),
    criteria=(Criterion("merged", 2),),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {"h_n": torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]], [[5.0], [6.0]], [[7.0], [8.0]]])},
        {"L": 2, "B": 2, "H": 1},
    ),
    agree="the states, layer by layer",
)

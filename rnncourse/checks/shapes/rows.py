"""Task 6, time_first: from rows stored sequence after sequence to (T, B, I): split an axis, exchange two."""

import torch

from rnncourse.checks.framework.cases import Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.shapes.lesson import LESSON, NAMES, TRANSPOSE


def _time_first(rows, T):
    return rows.unflatten(0, (-1, T)).transpose(0, 1)


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 1.0)
    sizes = [(4, 3, 2), (3, 5, 4), (6, 2, 3), (2, 4, 5), (5, 4, 1)]
    return [Case({"rows": numbers(B * T, I), "T": T}, {"T": T, "B": B, "I": I}) for T, B, I in sizes]


wrong = Mistakes(TRANSPOSE, _time_first)

wrong.edits("""
batch first | the axis is split as it should be, and then left: this is batch first.
    .transpose(0, 1) =>
split by T in front | the shape is right and the sequences are mixed. Which axis do the stored rows walk along
    first?
    (-1, T)).transpose(0, 1) => (T, -1))
    look: Look at result[:, 0]: of how many sequences does it hold rows?
split by T in front, transposed | the rows are split as if all sequences' first steps came first; how are they
    stored?
    (-1, T) => (T, -1)
§ Three axes, three names
features second | the features come last, in the input of every recurrent layer.
    .transpose(0, 1) => .permute(1, 2, 0)
features first | the features are in front; they come last.
    .transpose(0, 1) => .permute(2, 1, 0)
""")


@wrong(
    "transposed, then viewed",
    "you exchange the axes and then cut the numbers anew: one of the two is enough.",
)
def _(rows, T):
    right = _time_first(rows, T)
    return right.reshape(right.shape[1], T, -1)


@wrong("backward in time", "the steps come in reversed order.", NAMES)
def _(rows, T):
    return _time_first(rows, T).flip(0)


@wrong(
    "the batch joined to the features",
    "there are two axes: the batch has become part of the features.",
    NAMES,
)
def _(rows, T):
    return _time_first(rows, T).flatten(1)


@wrong("one sequence", "that is the first sequence alone.", NAMES)
def _(rows, T):
    return rows[:T, None]


time_first = Check(
    name="time_first",
    lesson=LESSON,
    section=TRANSPOSE,
    parts=(Part("x", "T B I"),),
    criteria=(Criterion("x", 2),),
    truth=_time_first,
    cases=_cases,
    example_case=Case(
        {"rows": torch.tensor([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]]), "T": 3},
        {"T": 3, "B": 2, "I": 1},
    ),
    mistakes=wrong,
    agree="the stored sequences",
)

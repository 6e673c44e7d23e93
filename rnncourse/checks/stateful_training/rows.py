"""Task 1, batchify: one long sequence laid out in rows that a chunk after a chunk goes on along."""

import torch

from rnncourse.checks.framework.cases import Case, Trait
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.stateful_training.lesson import LAYOUT, LESSON

EVEN = Trait("the tokens fill the rows", "what you do with tokens that are left over")
LEFT_OVER = Trait("tokens are left over", "which token stands in which row")


def _truth(data, B):
    n = len(data) // B
    return data[: n * B].view(B, n).T


def _cases(seed: int) -> list[Case]:
    numbers = torch.Generator().manual_seed(seed)

    def case(N: int, B: int) -> Case:
        data = torch.randperm(90, generator=numbers)[:N] + 10  # no token twice, none 0
        return Case(
            {"data": data, "B": B}, {"N": N, "B": B, "n": N // B}, frozenset({LEFT_OVER if N % B else EVEN})
        )

    return [case(14, 3), case(12, 2), case(23, 5), case(20, 4), case(10, 3), case(9, 2)]


wrong = Mistakes(LAYOUT, _truth)

wrong.edits("""
every B-th token | each row reads the text with holes: neighbours of the text stand beside each other in the
    batch.
    view(B, n).T => view(n, B)
batch first | the rows are right, and they lie along axis 0: this is (B, n). Time comes first.
    .T =>
the beginning left out | what does not fill the rows is left out at the beginning. It is the end that is
    dropped.
    data[: n * B] => data[len(data) - n * B :]
a step too few | the rows are a step shorter than they can be.
    n = len(data) // B => n = max(len(data) // B - 1, 1)
time backwards | each row runs from its end to its beginning.
    .T => .T.flip(0)
rows in another order | the last stretch of the text stands in row 0.
    view(B, n).T => view(B, n).flip(0).T
""")


@wrong("padded", "the rows are filled up with zeros. What does not fill them is dropped.")
def _(data, B):
    n = -(-len(data) // B)
    return torch.nn.functional.pad(data, (0, n * B - len(data))).view(B, n).T


@wrong(
    "the last token for a target", "the last token of the text is kept back. Targets are not asked for here."
)
def _(data, B):
    n = (len(data) - 1) // B
    return data[: n * B].view(B, n).T


batchify = Check(
    name="batchify",
    lesson=LESSON,
    section=LAYOUT,
    parts=(Part("rows", "n B", "int"),),
    criteria=(
        Criterion("the layout", 1, (), (EVEN,)),
        Criterion("with tokens left over, too", 1),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case({"data": torch.arange(10, 21), "B": 2}, {"N": 11, "B": 2, "n": 5}),
    agree="the layout asked for",
)

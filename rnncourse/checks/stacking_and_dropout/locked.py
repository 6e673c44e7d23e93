"""Task 5, locked_dropout: one mask for the whole sequence."""

import torch
from torch.nn import functional

from rnncourse.checks.framework.cases import Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Flag, Number
from rnncourse.checks.stacking_and_dropout.lesson import DROPOUT, IN_TIME, LESSON
from rnncourse.checks.stacking_and_dropout.probing import described_mask


def _case(seed: int, T: int, B: int, H: int, p: float) -> Case:
    x = random_numbers(seed, 1.0)(T, B, H)
    x = torch.where(x.abs() < 0.1, torch.ones_like(x), x)  # no zero, so that a zero is a dropped number
    return Case({"x": x, "p": p, "seed": seed}, {"T": T, "B": B, "H": H})


def _cases(seed: int) -> list[Case]:
    # So many units that a mask drawn once for the whole batch drops its share, too.
    sizes = [(3, 40, 1500, 0.3), (4, 35, 1600, 0.6), (5, 30, 1700, 0.2), (2, 20, 30, 0.0)]
    return [_case(seed + k, *size) for k, size in enumerate(sizes)]


def _truth(x, p, training):
    if not training:
        return x
    mask = torch.rand_like(x[:1]) >= p
    return x * mask / (1 - p)


wrong = Mistakes(IN_TIME, _truth)

wrong.edits("""
new at each step | each step has a mask of its own. That is nn.LSTM's dropout; locked is one mask for all
    steps.
    rand_like(x[:1]) => rand_like(x)
one for the batch | all sequences of the batch share one mask.
    rand_like(x[:1]) => rand_like(x[:1, :1])
locked over the batch | the mask is the same for all sequences and new at each step: the wrong axis is locked.
    rand_like(x[:1]) => rand_like(x[:, :1])
    look: Which axis of x is time?
whole sequences dropped | all units of a sequence share one number: whole sequences are dropped, not units.
    rand_like(x[:1]) => rand_like(x[:1, :, :1])
steps dropped | all units of a step are dropped together: the mask runs over the steps, not over the units.
    rand_like(x[:1]) => rand_like(x[:, :, :1])
§ Where dropout goes
not scaled | what is kept is not made larger.
    / (1 - p) =>
scaled by 1 - p | what is kept is made smaller.
    / (1 - p) => * (1 - p)
scaled by p | what is kept is multiplied by p.
    / (1 - p) => * p
kept with p | the share that is dropped is 1 - p: p is taken for the probability of being kept.
    >= p => < p
in evaluation too | in evaluation numbers are dropped, too.
    if not training: => if False:
only in evaluation | in training nothing is dropped, and in evaluation something is.
    if not training: => if training:
never | nothing is ever dropped.
    if not training: => if True:
§
drawn once for ever | each call has the same mask: a seed set inside, or a mask kept from the first call?
    torch.rand_like(x[:1]) => torch.rand(x[:1].shape, generator=torch.Generator().manual_seed(0))
§ Where dropout goes
noise, not dropout | nothing is set to zero: x is multiplied by the random numbers themselves.
    >= p =>
""")


@wrong(
    "scaled in evaluation instead",
    "in training nothing is scaled, and in evaluation all is multiplied by 1 - p."
    " That is an old form of dropout; torch scales in training.",
    DROPOUT,
)
def _(x, p, training):
    return x * (torch.rand_like(x[:1]) >= p) if training else x * (1 - p)


@wrong(
    "functional.dropout of x",
    "functional.dropout acts here without `training`: it drops always, at each step anew.",
)
def _(x, p, training):
    return functional.dropout(x, p)


locked_dropout = Check(
    name="locked_dropout",
    lesson=LESSON,
    section=IN_TIME,
    parts=(
        Flag("evaluation"),
        Number("share_dropped", 0.05),
        Number("scale"),
        Flag("steps_share_it"),
        Flag("sequences_share_it"),
        Flag("units_share_it"),
        Flag("calls_share_it"),
    ),
    criteria=(
        Criterion("x itself in evaluation, dropout in training", 1, ("evaluation", "share_dropped")),
        Criterion("scaled", 1, ("scale", "share_dropped")),
        Criterion("one mask for all steps", 1, ("steps_share_it", "share_dropped")),
        Criterion(
            "drawn anew for each sequence, unit and call",
            1,
            ("sequences_share_it", "units_share_it", "calls_share_it"),
        ),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    use=described_mask,
    forbid=frozenset({"rnncourse"}),
)

"""Task 5, first_difference: where the two variants part over a sequence."""

import functools
from typing import Any

import torch

from rnncourse.checks.framework.cases import Case, Trait, random_numbers, random_weights
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.framework.plain import Plain
from rnncourse.checks.framework.use import Problem
from rnncourse.checks.gru.before import reset_before
from rnncourse.checks.gru.lesson import LESSON, PENCIL, RESET
from rnncourse.checks.gru.step import gru_step_after

LATER = Trait("they part later than at the first step", "which step you report")
AT_ONCE = Trait("they part at the first step", "how you count the steps")
NEVER = Trait("they never part so far", "what you report where no step is above the tolerance")


def _truth(x, h_0, weight_ih, weight_hh, bias_ih, bias_hh, tolerance):
    weights = weight_ih, weight_hh, bias_ih, bias_hh
    a = b = h_0
    gap = []
    for x_t in x:
        a = gru_step_after(x_t, a, *weights)
        b = reset_before(x_t, b, *weights)
        gap.append((a - b).abs().max())
    gap = torch.stack(gap)
    above = (gap > tolerance).nonzero().flatten().tolist()
    return gap, torch.tensor(above[0] if above else len(gap))


@functools.cache
def _case(seed: int, trait: Trait, T: int, B: int, I: int, H: int) -> Case:
    """LATER: drawn until the first step above the tolerance is no other one that could be meant."""
    numbers = random_numbers(seed, 1.0)
    while True:
        arguments = {"x": numbers(T, B, I), "h_0": numbers(B, H), **random_weights(numbers, 3, I, H)}
        gap, _ = _truth(*arguments.values(), 0.0)
        first = {AT_ONCE: 0, NEVER: T, LATER: T // 3}[trait]
        before = float(gap[:first].max()) if first else 0.0
        at = float(gap[first]) if first < T else 2 * before
        tolerance = (before + at) / 2
        above = gap > tolerance
        last = above.nonzero().flatten()[-1:].tolist()
        told = gap.argmax() not in (first, *last) and above.sum() not in (1, first)
        if trait is not LATER or (told and at > 1.1 * before):
            sizes = {"T": T, "B": B, "I": I, "H": H}
            return Case(arguments | {"tolerance": tolerance}, sizes, frozenset({trait}))


def _cases(seed: int) -> list[Case]:
    return [
        _case(seed, LATER, 6, 3, 2, 4),
        _case(seed + 100, LATER, 9, 2, 3, 5),
        _case(seed + 200, AT_ONCE, 5, 4, 3, 2),
        _case(seed + 300, NEVER, 4, 2, 5, 3),
    ]


def _derive(returned: Plain, arguments: dict[str, Any]) -> Plain:
    """A whole number in the place of `first` is as good as a tensor."""
    if isinstance(returned, tuple | list) and len(returned) == 2:
        if returned[1] is None:
            raise Problem("first is None; asked is T where no step is above the tolerance.")
        if type(returned[1]) is int:
            return returned[0], torch.tensor(returned[1])
    return returned


wrong = Mistakes(RESET, _truth)
AFTER, BEFORE = "a = gru_step_after(x_t, a, *weights)", "b = reset_before(x_t, b, *weights)"
FIRST = "above[0] if above else len(gap)"

wrong.edits("""
one state for both | both variants go on from one state: these are the errors of single steps. Each has its
    own state.
    b = reset_before(x_t, b, *weights) => b = reset_before(x_t, before, *weights)
    a = gru_step_after(x_t, a, *weights) => before, a = a, gru_step_after(x_t, a, *weights)
one state for both, the other | both variants go on from one state: the other's. Each has its own state.
    a = gru_step_after(x_t, a, *weights) => a = gru_step_after(x_t, b, *weights)
h_0 at each step | each step starts from h_0: nothing is carried.
    a = gru_step_after(x_t, a, *weights) => a = gru_step_after(x_t, h_0, *weights)
    b = reset_before(x_t, b, *weights) => b = reset_before(x_t, h_0, *weights)
h_0 ignored | h_0 has no part in it: the states start from zeros.
    a = b = h_0 => a = b = 0 * h_0
mean | gap is the mean of the differences. Asked is the largest.
    .abs().max() => .abs().mean()
sum | gap is the sum of the differences. Asked is the largest.
    .abs().max() => .abs().sum()
no absolute value | a difference may be negative: its absolute value is missing.
    .abs().max() => .max()
norm | gap is the norm of the differences. Asked is the largest.
    (a - b).abs().max() => (a - b).norm()
first row of the batch | only the first row of the batch is looked at.
    (a - b).abs() => (a - b)[0].abs()
largest so far | each gap is the largest so far: a gap may become smaller again.
    torch.stack(gap) => torch.stack(gap).cummax(0)[0]
added up | the gaps are added up over time.
    torch.stack(gap) => torch.stack(gap).cumsum(0)
counted from 1 | first is one too large: steps are counted from 0.
    above[0] if => above[0] + 1 if
last step above | first is the last step above the tolerance.
    above[0] => above[-1]
number of steps above | first is the number of steps above the tolerance.
    above[0] if above else len(gap) => len(above)
largest gap's step | first is the step of the largest gap.
    above[0] if => int(gap.argmax()) if
0 where none | where no step is above the tolerance, first is 0: argmax of nothing but False is 0.
    else len(gap) => else 0
-1 where none | where no step is above the tolerance, first is -1; asked is T.
    else len(gap) => else -1
T - 1 where none | where no step is above the tolerance, first is the last step; asked is T.
    else len(gap) => else len(gap) - 1
first step below | first is the first step that is not above the tolerance.
    gap > tolerance => gap <= tolerance
one variant twice | gap is zero throughout: the same variant runs twice.
    b = reset_before(x_t, b, *weights) => b = gru_step_after(x_t, b, *weights)
""")
first_difference = Check(
    name="first_difference",
    lesson=LESSON,
    section=RESET,
    parts=(Part("gap", "T"), Part("first", dtype="int")),
    criteria=(Criterion("gap", 2, ("gap",)), Criterion("first", 1, ("first",))),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "x": torch.stack([PENCIL["x_t"], -PENCIL["x_t"], PENCIL["x_t"]])[:, None],
            "h_0": PENCIL["h"][None],
            **{name: PENCIL[name] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")},
            "tolerance": 0.07,
        },
        {"T": 3, "B": 1, "I": 2, "H": 1},
    ),
    derive=_derive,
)

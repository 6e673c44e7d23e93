"""Task 4, running_max: a fold whose step is no sum."""

import torch

from rnncourse.checks.framework.cases import Case, Trait, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.sequences_and_state.lesson import ENOUGH, FOLD, LESSON

BELOW_ZERO = Trait("all inputs are negative", "what your code does with large inputs")
BOTH_SIGNS = Trait("inputs of both signs come", "the state before the first step")


def _truth(x):
    h, states = x[0], []
    for x_t in x:
        h = torch.maximum(h, x_t)
        states.append(h)
    return torch.stack(states)


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 2.0)

    def mixed(T: int) -> Case:
        """Goes down at first, then to a maximum in the middle, then down: each slip shows."""
        x = numbers(T).sort().values
        middle, others = x[-1:], x[:-1]
        half = (T - 1) // 2
        x = torch.cat([others[half : half + 1], others[:half], middle, others[half + 1 :]])
        return Case({"x": x - x.mean()}, {"T": T}, frozenset({BOTH_SIGNS}))

    def negative(T: int) -> Case:
        return Case({"x": -numbers(T).abs() - 0.5}, {"T": T}, frozenset({BELOW_ZERO}))

    return [mixed(7), mixed(9), mixed(6), negative(5), negative(8), negative(1)]


wrong = Mistakes(ENOUGH, _truth)

wrong.edits("""
§ It is a fold
starts from 0 | it starts from 0, so negative inputs never win. What is the largest number after the first
    step?
    h, states = x[0] => h, states = torch.zeros_like(x[0])
§
the smallest | this is the smallest number so far.
    maximum => minimum
§ It is a fold
the larger of first and now | each step compares its input with the first one alone. What is handed on?
    torch.maximum(h, x_t) => torch.maximum(x[0], x_t)
nothing carried | these are the inputs themselves: no state is carried.
    torch.maximum(h, x_t) => x_t
§
absolute values | the sign of the inputs is lost.
    torch.maximum(h, x_t) => torch.maximum(h.abs(), x_t.abs())
added up | these are sums, not the largest number.
    torch.maximum(h, x_t) => h + x_t
§ It is a fold
collected before the step | each state is collected before its step, so all come one step late.
    - h = torch.maximum(h, x_t)
    - states.append(h)
    + states.append(h)
    + h = torch.maximum(h, x_t)
§
time backwards | this is the largest number from the end on.
    in x: => in x.flip(0):
§ It is a fold
the first state missing | there are T - 1 states: none after the first step.
    in x: => in x[1:]:
""")


@wrong(
    "the larger of two neighbours", "each is the larger of two neighbours: a window of 2 steps, not a state."
)
def _(x):
    return torch.maximum(x, torch.cat([x[:1], x[:-1]]))


@wrong(
    "the maximum of all",
    "each step says the maximum of the whole sequence: it knows inputs that are yet to come.",
    FOLD,
)
def _(x):
    return x.max().expand_as(x).clone()


@wrong("the last only", "this is the last state alone. Asked is the state after each of the T steps.", FOLD)
def _(x):
    return x.max()


@wrong("sorted", "these are the inputs in order of size.")
def _(x):
    return x.sort().values


@wrong("where, not what", "these are places, not numbers: the place of the largest so far.")
def _(x):
    return x.cummax(0).indices


running_max = Check(
    name="running_max",
    lesson=LESSON,
    section=FOLD,
    parts=(Part("states", "T"),),
    criteria=(
        Criterion("inputs of both signs", 1, where=(BOTH_SIGNS,)),
        Criterion("negative inputs, too", 1),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case({"x": torch.tensor([2.0, -1.0, 3.0, 1.0])}, {"T": 4}),
    forbid=frozenset({"torch.cummax", "torch.cummin", "rnncourse"}),
    agree="the maximum so far",
)

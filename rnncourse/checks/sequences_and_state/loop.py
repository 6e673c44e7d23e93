"""Task 3, run: the whole recurrence, state by state."""

import torch

from rnncourse.checks.framework.cases import MORE_STEPS, Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.sequences_and_state.lesson import FOLD, LESSON


def _truth(x, h_0, u, w):
    h, states = h_0, []
    for x_t in x:
        h = u * h + w * x_t
        states.append(h)
    return torch.stack(states) if states else torch.empty(0), h


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(T: int) -> Case:
        h_0, u, w = numbers(3)
        arguments = {"x": numbers(T), "h_0": h_0, "u": u, "w": w}
        return Case(arguments, {"T": T}, frozenset({MORE_STEPS} if T > 1 else ()))

    return [case(5), case(4), case(7), case(1), case(0), case(3)]


wrong = Mistakes(FOLD, _truth)

wrong.edits("""
h_0 at each step | each step starts from h_0. Which state should step 2 start from?
    u * h + => u * h_0 +
h_0 ignored | the run starts from 0, not from h_0.
    h, states = h_0 => h, states = 0 * h_0
§ The step as arithmetic
nothing carried | the old state has no part in it: u is not used.
    u * h + =>
u left out | the old state comes in whole, without u.
    u * h => h
w left out | the input comes in without w.
    w * x_t => x_t
x and h exchanged | x and h are exchanged: u multiplies the input, w the old state.
    u * h + w * x_t => u * x_t + w * h
a difference | the input's share is subtracted; the step has a sum.
    + w * x_t => - w * x_t
old state added | the old state is added to the new one. The new state takes its place.
    h = u => h = h + u
tanh applied | the states have been through tanh. This step has none.
    u * h + w * x_t => torch.tanh(u * h + w * x_t)
§
h_0 among the states | states has T + 1 numbers: h_0 is there, too. Asked are the states after each step.
    h_0, [] => h_0, [h_0]
time backwards | the run goes from the last input to the first.
    in x: => in x.flip(0):
one step too few | the last input is not read: T - 1 states.
    in x: => in x[:-1]:
no step at all | it fails where T = 0: there is no state to stack. An empty sequence is one, too.
    torch.stack(states) if states else torch.empty(0) => torch.stack(states)
""")


@wrong(
    "collected before the step",
    "states begins with h_0, so all come one step late: each is collected before its step.",
)
def _(x, h_0, u, w):
    h, states = h_0, []
    for x_t in x:
        states.append(h)
        h = u * h + w * x_t
    return torch.stack(states) if states else torch.empty(0), h


@wrong(
    "the state of two steps ago",
    "from the second step on, each takes the state of two steps ago: an index is one too low.",
)
def _(x, h_0, u, w):
    states = [h_0]
    for t, x_t in enumerate(x):
        states.append(u * states[t - 1] + w * x_t)  # at first -1, the last there is: h_0
    return torch.stack(states[1:]) if len(x) else torch.empty(0), states[-1]


@wrong(
    "the inputs one step late",
    "each step reads the input of the step before, and the first one the last: an index is one too low.",
)
def _(x, h_0, u, w):
    return _truth(x.roll(1), h_0, u, w)


@wrong("last state only", "states is the last state alone. Asked are the states after each of the T steps.")
def _(x, h_0, u, w):
    _, h_T = _truth(x, h_0, u, w)
    return h_T, h_T


@wrong("last state T times", "states holds the last state T times.")
def _(x, h_0, u, w):
    states, h_T = _truth(x, h_0, u, w)
    return h_T.expand_as(states).clone(), h_T


@wrong("not stacked", "states is a list of tensors. Asked is one tensor, (T).")
def _(x, h_0, u, w):
    states, h_T = _truth(x, h_0, u, w)
    return list(states), h_T


@wrong("return inside the loop", "the loop ends after its first step. How far is the `return` indented?")
def _(x, h_0, u, w):
    for x_t in x:
        h = u * h_0 + w * x_t
        return torch.stack([h]), h


@wrong("h_0 returned", "h_T is h_0, unchanged.")
def _(x, h_0, u, w):
    states, _ = _truth(x, h_0, u, w)
    return states, h_0


@wrong("first state returned", "h_T is the state after the first step, not after the last.")
def _(x, h_0, u, w):
    states, _ = _truth(x, h_0, u, w)
    return states, states[0] if len(states) else h_0


@wrong(
    "h_T from the states",
    "it fails where T = 0: there is no last state in `states`. Where are you after no step?",
)
def _(x, h_0, u, w):
    states, _ = _truth(x, h_0, u, w)
    return states, states[-1]


@wrong("0 after no step", "h_T is 0 where T = 0. Where are you after no step?")
def _(x, h_0, u, w):
    states, h_T = _truth(x, h_0, u, w)
    return states, h_T if len(states) else torch.zeros_like(h_0)


run = Check(
    name="run",
    lesson=LESSON,
    section=FOLD,
    parts=(Part("states", "T"), Part("h_T")),
    criteria=(
        Criterion("states", 2, ("states",), (MORE_STEPS,)),
        Criterion("h_T", 1, ("h_T",), (MORE_STEPS,)),
        Criterion("T = 1 and T = 0, too", 1),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "x": torch.tensor([1.0, 2.0, 5.0]),
            "h_0": torch.tensor(0.0),
            "u": torch.tensor(0.5),
            "w": torch.tensor(1.0),
        },
        {"T": 3},
    ),
)

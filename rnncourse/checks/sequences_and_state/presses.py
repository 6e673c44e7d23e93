"""Task 5, alarm: a state of four values, and what leads from one to the other."""

import torch

from rnncourse.checks.framework.cases import Case, Trait
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.sequences_and_state.lesson import ENOUGH, FOLD, LESSON

FRESH = Trait("h_0 is 0", "what you do with h_0")
ONGOING = Trait("h_0 is not 0", "the first step from h_0 = 0")


def _truth(x, h_0):
    h, states = h_0, []
    for x_t in x:
        if h != 3:
            h = h + 1 if x_t else 0 * h
        states.append(h)
    return torch.stack(states)


# Every state is left by a press and by a pause, and the alarm rings before the end, whatever stands before.
TELLING = [1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 1, 1, 1, 0, 1, 0, 0, 1, 1]


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def case(before: int, h_0: int) -> Case:
        random = torch.randint(2, (before,), generator=generator)
        random[2::3] = 0  # no alarm yet
        x = torch.cat([random, torch.tensor(TELLING)])
        return Case({"x": x, "h_0": torch.tensor(h_0)}, {"T": len(x)}, frozenset({ONGOING if h_0 else FRESH}))

    cases = [case(9, 0), case(7, 0), case(11, 0)]
    ongoing = [case(5, 1), case(6, 2), case(4, 3)]
    for last in ongoing:
        last.arguments["x"][:1] = 1  # h_0 counts
    cases[0].arguments["x"][:2] = 1  # h_0 changed in place shows in the first two states
    return ongoing + cases


wrong = Mistakes(ENOUGH, _truth)

wrong.edits("""
the alarm ends | the alarm ends at the next pause. From it, nothing leads away.
    - if h != 3:
    -     h = h + 1 if x_t else 0 * h
    + h = (h + 1).clamp(max=3) if x_t else 0 * h
counted on | the state goes on counting after the alarm, 4 and more, and a pause ends it.
    - if h != 3:
    -     h = h + 1 if x_t else 0 * h
    + h = h + 1 if x_t else 0 * h
counted on, kept | the state goes on counting after the alarm, 4 and more. Does a fourth press tell you
    anything?
    - if h != 3:
    -     h = h + 1 if x_t else 0 * h
    + h = h + 1 if x_t else h if h >= 3 else 0 * h
all presses counted | a pause changes nothing, so all presses are counted. Asked are presses in a row.
    0 * h => h
a pause takes one off | a pause takes one off the count. What is left of a row after a pause?
    0 * h => (h - 1).clamp(min=0)
a pause leaves 1 | after a pause the state is 1, as if that pause were a press.
    0 * h => 0 * h + 1
press and pause exchanged | press and pause are exchanged: 1 is a press.
    if x_t else => if not x_t else
at two | the alarm comes after two presses.
    h != 3 => h != 2
the alarm starts anew | after the alarm the count starts again.
    - if h != 3:
    + if h == 3:
    +     h = x_t
    + else:
§ It is a fold
h_0 ignored | the run starts from 0, not from h_0.
    h, states = h_0 => h, states = 0 * h_0
collected before the step | each state is collected before its step, so all come one step late.
    - for x_t in x:
    + for x_t in x:
    +     states.append(h)
    - states.append(h)
""")


@wrong("only the answer", "these are 0 and 1, the alarm alone. The state must know how far the row has come.")
def _(x, h_0):
    return (_truth(x, h_0) == 3).long()


@wrong(
    "not kept, only the window", "this counts the presses among the last three steps: a window, not a state."
)
def _(x, h_0):
    padded = torch.cat([torch.zeros(2, dtype=x.dtype), x])
    return padded.unfold(0, 3, 1).sum(1)


IN_PLACE = "`h += 1` changes the tensor that is in the list already. What would make a new one?"


@wrong("changed in place", IN_PLACE, FOLD)
def _(x, h_0):
    h, states = h_0.clone(), []
    for x_t in x:
        if h != 3:
            if x_t:
                h += 1
            else:
                h = torch.zeros_like(h)
        states.append(h)
    return torch.stack(states)


@wrong("changed in place, up to a pause", IN_PLACE, FOLD)
def _(x, h_0):
    h, states = h_0.clone(), []
    for x_t in x:
        if h != 3:
            if x_t:
                h += 1
            else:
                h = 0  # a plain number from here on: += no longer reaches into the list
        states.append(h)
    return torch.tensor(states)


@wrong("last state only", "this is the last state alone. Asked is the state after each of the T steps.", FOLD)
def _(x, h_0):
    return _truth(x, h_0)[-1]


@wrong("h_0 among the states", "there are T + 1 states: h_0 is there, too.", FOLD)
def _(x, h_0):
    return torch.cat([h_0[None], _truth(x, h_0)])


alarm = Check(
    name="alarm",
    lesson=LESSON,
    section=ENOUGH,
    parts=(Part("states", "T", dtype="int"),),
    criteria=(Criterion("from h_0 = 0", 2, where=(FRESH,)), Criterion("from any h_0", 1)),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {"x": torch.tensor([1, 0, 1, 1, 1, 0, 1]), "h_0": torch.tensor(0)}, {"T": 7}, frozenset({FRESH})
    ),
    agree="the table",
)

"""The checks of exercise set 01: a recurrence on paper, as a loop, as a fold, and what its weights do."""

import itertools
import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from rnncourse.checks.framework.authoring import (
    MORE_STEPS,
    Case,
    Mistakes,
    Problem,
    Trait,
    predicted,
    random_numbers,
    task,
)

LESSON = "01"


# ---- Tasks 1 and 2, three_steps and with_tanh: a recurrence on paper.
#
# Each wrong way is computed as a learner would: the whole chain with the one slip in it.

NAMES = ("h_1", "h_2", "h_3")
Step = Callable[[float, float], float]


def _chain(step: Step, x: Iterable[float], h_0: float) -> dict[str, float]:
    states = [*itertools.accumulate(x, step, initial=h_0)][1:]
    return dict(zip(NAMES, states, strict=True))


def _differing(wrong: dict[str, float], right: dict[str, float]) -> dict[str, float]:
    return {name: number for name, number in wrong.items() if abs(number - right[name]) > 0.01}


# ---- task 1: h_t = u h_{t-1} + w x_t

U, W, H_0, X = -0.5, 2.0, 6.0, (4.0, -1.0, 3.0)
_right_three_steps = _chain(lambda h, x: U * h + W * x, X, H_0)

wrong = Mistakes("The step as arithmetic", _right_three_steps)


def _slip(name: str, hint: str, step: Step, section: str = "") -> None:
    wrong(name, hint, section)(_differing(_chain(step, X, H_0), _right_three_steps))


wrong(
    "h_0 taken for 0",
    "This is what comes out if h_0 were 0. The state before the first step is given.",
    "It is a fold",
)(_chain(lambda h, x: U * h + W * x, X, 0.0))
wrong(
    "h_0 at each step",
    "Here the step has started from h_0 again. Which state does the step before hand on?",
    "It is a fold",
)(_differing({name: U * H_0 + W * x for name, x in zip(NAMES, X, strict=True)}, _right_three_steps))
wrong.edits("""
nothing carried | The old state has no part in this number: it is the input's share alone.
    h_2 => -2.0
    h_3 => 6.0
""")
_slip("u without its sign", "The sign of u is lost: u is negative.", lambda h, x: -U * h + W * x)
_slip(
    "u and w exchanged",
    "u and w are exchanged. Which of them multiplies the old state?",
    lambda h, x: W * h + U * x,
)
_slip("u left out", "The old state comes in whole, without its weight.", lambda h, x: h + W * x)
_slip("w left out", "The input comes in without its weight.", lambda h, x: U * h + x)
_slip("sign of the input lost", "The sign of an input is lost.", lambda h, x: U * h + W * abs(x))
_slip("a difference", "The input's share is subtracted; the step has a sum.", lambda h, x: U * h - W * x)
_slip("w over the whole sum", "w multiplies the old state, too.", lambda h, x: W * (U * h + x))

three_steps = predicted(
    "three_steps", LESSON, "The step as arithmetic", _right_three_steps, wrong, tolerance=1e-6
)


# ---- task 2: h_t = tanh(u h_{t-1} + w x_t)

U_TANH, W_TANH, H_0_TANH, X_TANH = 0.8, 0.5, -0.5, (2.0, -3.0, 2.0)
_right_tanh = _chain(lambda h, x: math.tanh(U_TANH * h + W_TANH * x), X_TANH, H_0_TANH)
_linear = _chain(lambda h, x: U_TANH * h + W_TANH * x, X_TANH, H_0_TANH)

wrong_tanh = Mistakes("The lamp, answered by a net", _right_tanh)


def _slip_tanh(name: str, hint: str, step: Step, section: str = "") -> None:
    wrong_tanh(name, hint, section)(_differing(_chain(step, X_TANH, H_0_TANH), _right_tanh))


_slip_tanh("no tanh", "This has not been through tanh.", lambda h, x: U_TANH * h + W_TANH * x)
wrong_tanh(
    "tanh at the end only",
    "This is tanh of the chain without tanh. Is the state that is handed on squashed, or the sum before it?",
)(_differing({name: math.tanh(number) for name, number in _linear.items()}, _right_tanh))
wrong_tanh.edits("""
the sum, not its tanh | This is the sum that goes into tanh.
    h_2 => -1.070360346
    h_3 => 0.3683224454
""")
_slip_tanh(
    "tanh of the input only",
    "Only the input's share has been through tanh. What stands inside its brackets?",
    lambda h, x: U_TANH * h + math.tanh(W_TANH * x),
)
_slip_tanh(
    "tanh of the state only",
    "Only the old state's share has been through tanh. What stands inside its brackets?",
    lambda h, x: math.tanh(U_TANH * h) + W_TANH * x,
)
_slip_tanh(
    "tanh inside the sum",
    "Each share has been through tanh, and then they are added. What comes first?",
    lambda h, x: math.tanh(U_TANH * h) + math.tanh(W_TANH * x),
)
_slip_tanh(
    "tan for tanh",
    "This is tan, the tangent. tanh is another function, and stays between -1 and 1.",
    lambda h, x: math.tan(U_TANH * h + W_TANH * x),
)
_slip_tanh(
    "a sigmoid for tanh",
    "This is a sigmoid of the sum, which is never negative.",
    lambda h, x: 1 / (1 + math.exp(-U_TANH * h - W_TANH * x)),
)
wrong_tanh(
    "h_0 taken for 0",
    "This is what comes out if h_0 were 0. The state before the first step is given.",
    "It is a fold",
)(_chain(lambda h, x: math.tanh(U_TANH * h + W_TANH * x), X_TANH, 0.0))
wrong_tanh(
    "h_0 at each step",
    "Here the step has started from h_0 again. Which state does the step before hand on?",
    "It is a fold",
)(
    _differing(
        {name: math.tanh(U_TANH * H_0_TANH + W_TANH * x) for name, x in zip(NAMES, X_TANH, strict=True)},
        _right_tanh,
    )
)
_slip_tanh(
    "u and w exchanged",
    "u and w are exchanged. Which of them multiplies the old state?",
    lambda h, x: math.tanh(W_TANH * h + U_TANH * x),
    "The step as arithmetic",
)
_slip_tanh(
    "u left out",
    "The old state comes in whole, without its weight.",
    lambda h, x: math.tanh(h + W_TANH * x),
    "The step as arithmetic",
)
_slip_tanh(
    "sign of h_0 lost",
    "The sign of h_0 is lost: it is negative.",
    lambda h, x: math.tanh(U_TANH * (abs(h) if h == H_0_TANH else h) + W_TANH * x),
    "The step as arithmetic",
)

wrong_tanh("two digits", "Two digits are not enough: asked are three.")(
    {name: round(_right_tanh[name], 2) for name in ("h_1", "h_3")}  # of h_2 the third is 0
)

with_tanh = predicted(
    "with_tanh", LESSON, "The lamp, answered by a net", _right_tanh, wrong_tanh, tolerance=2e-3
)


# ---- Task 3, run: the whole recurrence, state by state.


def _run(x, h_0, u, w):
    h, states = h_0, []
    for x_t in x:
        h = u * h + w * x_t
        states.append(h)
    return torch.stack(states) if states else torch.empty(0), h


def _run_cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(T: int) -> Case:
        h_0, u, w = numbers(3)
        arguments = {"x": numbers(T), "h_0": h_0, "u": u, "w": w}
        return Case(arguments, {"T": T}, frozenset({MORE_STEPS} if T > 1 else ()))

    return [case(5), case(4), case(7), case(1), case(0), case(3)]


wrong = Mistakes("It is a fold", _run)

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
    return _run(x.roll(1), h_0, u, w)


@wrong("last state only", "states is the last state alone. Asked are the states after each of the T steps.")
def _(x, h_0, u, w):
    _, h_T = _run(x, h_0, u, w)
    return h_T, h_T


@wrong("last state T times", "states holds the last state T times.")
def _(x, h_0, u, w):
    states, h_T = _run(x, h_0, u, w)
    return h_T.expand_as(states).clone(), h_T


@wrong("not stacked", "states is a list of tensors. Asked is one tensor, (T).")
def _(x, h_0, u, w):
    states, h_T = _run(x, h_0, u, w)
    return list(states), h_T


@wrong("return inside the loop", "the loop ends after its first step. How far is the `return` indented?")
def _(x, h_0, u, w):
    for x_t in x:
        h = u * h_0 + w * x_t
        return torch.stack([h]), h


@wrong("h_0 returned", "h_T is h_0, unchanged.")
def _(x, h_0, u, w):
    states, _ = _run(x, h_0, u, w)
    return states, h_0


@wrong("first state returned", "h_T is the state after the first step, not after the last.")
def _(x, h_0, u, w):
    states, _ = _run(x, h_0, u, w)
    return states, states[0] if len(states) else h_0


@wrong(
    "h_T from the states",
    "it fails where T = 0: there is no last state in `states`. Where are you after no step?",
)
def _(x, h_0, u, w):
    states, _ = _run(x, h_0, u, w)
    return states, states[-1]


@wrong("0 after no step", "h_T is 0 where T = 0. Where are you after no step?")
def _(x, h_0, u, w):
    states, h_T = _run(x, h_0, u, w)
    return states, h_T if len(states) else torch.zeros_like(h_0)


run = task(
    "run",
    LESSON,
    "It is a fold",
    returns="states (T), h_T ()",
    points="""
        states 2 where there are several time steps
        h_T 1 where there are several time steps
        T = 1 and T = 0, too 1
    """,
    truth=_run,
    mistakes=wrong,
    cases=_run_cases,
    example={
        "x": torch.tensor([1.0, 2.0, 5.0]),
        "h_0": torch.tensor(0.0),
        "u": torch.tensor(0.5),
        "w": torch.tensor(1.0),
    },
)


# ---- Task 4, running_max: a fold whose step is no sum.

BELOW_ZERO = Trait("all inputs are negative", "what your code does with large inputs")
BOTH_SIGNS = Trait("inputs of both signs come", "the state before the first step")


def _running_max(x):
    h, states = x[0], []
    for x_t in x:
        h = torch.maximum(h, x_t)
        states.append(h)
    return torch.stack(states)


def _running_max_cases(seed: int) -> list[Case]:
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


wrong = Mistakes("What must a state hold?", _running_max)

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
    "It is a fold",
)
def _(x):
    return x.max().expand_as(x).clone()


@wrong(
    "the last only",
    "this is the last state alone. Asked is the state after each of the T steps.",
    "It is a fold",
)
def _(x):
    return x.max()


@wrong("sorted", "these are the inputs in order of size.")
def _(x):
    return x.sort().values


@wrong("where, not what", "these are places, not numbers: the place of the largest so far.")
def _(x):
    return x.cummax(0).indices


running_max = task(
    "running_max",
    LESSON,
    "It is a fold",
    returns="states (T)",
    points="inputs of both signs 1 where inputs of both signs come; negative inputs, too 1",
    truth=_running_max,
    mistakes=wrong,
    cases=_running_max_cases,
    example={"x": torch.tensor([2.0, -1.0, 3.0, 1.0])},
    forbid=frozenset({"torch.cummax", "torch.cummin", "rnncourse"}),
    agree="the maximum so far",
)


# ---- Task 5, alarm: a state of four values, and what leads from one to the other.

FRESH = Trait("h_0 is 0", "what you do with h_0")
ONGOING = Trait("h_0 is not 0", "the first step from h_0 = 0")


def _alarm(x, h_0):
    h, states = h_0, []
    for x_t in x:
        if h != 3:
            h = h + 1 if x_t else 0 * h
        states.append(h)
    return torch.stack(states)


# Every state is left by a press and by a pause, and the alarm rings before the end, whatever stands before.
TELLING = [1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 1, 1, 1, 0, 1, 0, 0, 1, 1]


def _alarm_cases(seed: int) -> list[Case]:
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


wrong = Mistakes("What must a state hold?", _alarm)

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
    return (_alarm(x, h_0) == 3).long()


@wrong(
    "not kept, only the window", "this counts the presses among the last three steps: a window, not a state."
)
def _(x, h_0):
    padded = torch.cat([torch.zeros(2, dtype=x.dtype), x])
    return padded.unfold(0, 3, 1).sum(1)


IN_PLACE = "`h += 1` changes the tensor that is in the list already. What would make a new one?"


@wrong("changed in place", IN_PLACE, "It is a fold")
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


@wrong("changed in place, up to a pause", IN_PLACE, "It is a fold")
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


@wrong(
    "last state only",
    "this is the last state alone. Asked is the state after each of the T steps.",
    "It is a fold",
)
def _(x, h_0):
    return _alarm(x, h_0)[-1]


@wrong("h_0 among the states", "there are T + 1 states: h_0 is there, too.", "It is a fold")
def _(x, h_0):
    return torch.cat([h_0[None], _alarm(x, h_0)])


alarm = task(
    "alarm",
    LESSON,
    "What must a state hold?",
    returns="states (T) int",
    points="from h_0 = 0 2 where h_0 is 0; from any h_0 1",
    truth=_alarm,
    mistakes=wrong,
    cases=_alarm_cases,
    example={"x": torch.tensor([1, 0, 1, 1, 1, 0, 1]), "h_0": torch.tensor(0)},
    agree="the table",
)


# ---- Task 6, parameters: how many numbers are learned, and what T has to do with it.

I, H, SHORT, LONG = 3, 5, 10, 1000


def _both(kind: str, of_T) -> dict[str, int]:
    return {f"{kind}_{T}": of_T(T) for T in (SHORT, LONG)}


_right_parameters = _both("cell", lambda T: H * I + H * H + H) | _both("window", lambda T: T * I * H + H)

wrong = Mistakes("The same weights at each step")

wrong(
    "weights of its own for each step", "This counts weights for each step apart. How many cells are there?"
)(_both("cell", lambda T: T * (H * I + H * H + H)))
wrong("W_hh left out", "W_hh is missing in it.", "Unrolled with letters")(_both("cell", lambda T: H * I + H))
wrong("b left out", "b is missing in it.")(_both("cell", lambda T: H * I + H * H))
wrong("only the matrix W_ih", "This is W_ih alone.", "Unrolled with letters")(_both("cell", lambda T: H * I))
wrong("only the matrix W_hh", "This is W_hh alone.", "Unrolled with letters")(_both("cell", lambda T: H * H))
wrong("two constants", "This counts two constants, as torch's layer has them. The cell here has one b.")(
    _both("cell", lambda T: H * I + H * H + 2 * H)
)
wrong(
    "W_hh (H, I)", "W_hh is counted with the input's width. What does it multiply?", "Unrolled with letters"
)(_both("cell", lambda T: H * I + H * I + H))
wrong("sizes added", "Sizes are added. How many numbers has a matrix (H, I)?", "Unrolled with letters")(
    _both("cell", lambda T: I + H + H)
)
wrong("one number a step", "This counts one number for each step of the window. How many come at each step?")(
    _both("window", lambda T: T * H + H)
)
wrong("window without constants", "The window's five constants are missing: `nn.Linear` has a bias.")(
    _both("window", lambda T: T * I * H)
)
wrong(
    "constants at each step", "The constants are counted at each step. `nn.Linear` has one for each output."
)(_both("window", lambda T: T * (I * H + H)))
wrong("window of one step", "This is a window of one step. T steps lie side by side.")(
    _both("window", lambda T: I * H + H)
)
wrong("a window with a state", "A window has no old state to multiply: no W_hh here.")(
    _both("window", lambda T: T * I * H + H * H + H)
)

parameters = predicted("parameters", LESSON, "The same weights at each step", _right_parameters, wrong)


# ---- Task 7, weight_of: how much of one input is left in the last state.

LAST = Trait("k is T, the last input", "what you do with earlier inputs")
EARLIER = Trait("k is an earlier step", "what you do with the last input")


def _weight_of(k, T, W_ih, W_hh):
    return torch.linalg.matrix_power(W_hh, T - k) @ W_ih


def _weight_of_cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.7)

    def case(k: int, T: int, I: int, H: int) -> Case:
        arguments = {"k": k, "T": T, "W_ih": numbers(H, I), "W_hh": numbers(H, H)}
        return Case(arguments, {"k": k, "T": T, "I": I, "H": H}, frozenset({LAST if k == T else EARLIER}))

    return [
        case(2, 5, 3, 4),
        case(1, 7, 2, 3),
        case(4, 6, 3, 5),
        case(3, 4, 2, 5),
        case(1, 4, 3, 3),  # I = H: matrices in the wrong order run
        case(5, 5, 4, 2),
        case(1, 1, 2, 3),
    ]


wrong = Mistakes("Unrolled with letters", _weight_of)

wrong.edits("""
one W_hh too many | one W_hh too many. The step in which x_k comes in does not multiply it by W_hh.
    T - k => T - k + 1
the power k | the power is k, so later inputs count for less. Which inputs fade?
    T - k => k
the power k - 1 | the power is k - 1, so later inputs count for less. Which inputs fade?
    T - k => k - 1
the power T | every input has the power T: that is h_0's.
    T - k => T
the power T - 1 | every input has the power T - 1: that is the first one's.
    T - k => T - 1
W_hh once | every input is multiplied by W_hh once, however long ago it came.
    T - k => 1
W_ih left out | W_ih is missing: what of x_k comes in at all?
    @ W_ih =>
W_ih alone | this is W_ih, whatever k and T are: nothing fades or grows.
    torch.linalg.matrix_power(W_hh, T - k) @ =>
W_hh transposed | W_hh is transposed. It is square, so no shape complains.
    (W_hh, => (W_hh.T,
elementwise power | each number of W_hh is raised to a power by itself. `**` is no product of matrices.
    torch.linalg.matrix_power(W_hh, T - k) => W_hh ** (T - k)
a factor for a power | W_hh is taken T - k times and added. Each step multiplies.
    torch.linalg.matrix_power(W_hh, T - k) => (T - k) * W_hh
matrices in the wrong order | W_ih stands on the left; only where I = H that runs. Which of the two does x_k
    meet first?
    torch.linalg.matrix_power(W_hh, T - k) @ W_ih => W_ih @ torch.linalg.matrix_power(W_hh, T - k)
W_ih at each step | W_ih comes in at each step. x_k comes in once.
    matrix_power(W_hh, T - k) @ W_ih => matrix_power(W_hh, T - k) @ W_ih * (T - k + 1)
""")


@wrong("one W_hh too few", "one W_hh too few: as if k counted from 0. The first input is x_1.")
def _(k, T, W_ih, W_hh):
    share = W_ih
    for _ in range(T - k - 1):
        share = W_hh @ share
    return share


wrong.edits("""
one W_hh too few, and an inverse | one W_hh too few: as if k counted from 0. The first input is x_1. For k = T
    it comes to an inverse.
    T - k => T - k - 1
""")


@wrong(
    "all inputs up to k", "these are the shares of the inputs 1 to k together. Asked is that of x_k alone."
)
def _(k, T, W_ih, W_hh):
    return sum(_weight_of(j, T, W_ih, W_hh) for j in range(1, k + 1))


@wrong(
    "all inputs from k on", "these are the shares of the inputs k to T together. Asked is that of x_k alone."
)
def _(k, T, W_ih, W_hh):
    return sum(_weight_of(j, T, W_ih, W_hh) for j in range(k, T + 1))


weight_of = task(
    "weight_of",
    LESSON,
    "Unrolled with letters",
    returns="share (H I)",
    points="earlier inputs 2 where k is an earlier step; the last input, too 1",
    truth=_weight_of,
    mistakes=wrong,
    cases=_weight_of_cases,
    example={
        "k": 1,
        "T": 3,
        "W_ih": torch.tensor([[1.0], [2.0]]),
        "W_hh": torch.tensor([[0.5, 0.0], [1.0, -1.0]]),
    },
)


# ---- Task 8, memory_weight: a weight found by hand, judged by what the cell does with it.

PAUSE = [0] * 100
BUTTONS = [*PAUSE, -1, *PAUSE, 1, *PAUSE, 1, 0, 0, -1, *PAUSE, -1, 1, -1, 1, *PAUSE]  # 1: on, -1: off
PARTS = ("pressed_on", "pressed_off", "kept_on", "kept_off")


def _lamp(returned: object, arguments: dict) -> list[Tensor]:
    """Is the lamp on, h > 0.5, after each step of h = tanh(w s + u h), from h = 0?

    Where "on" is pressed, where "off" is, and in the pauses after either.
    """
    u = returned.item() if isinstance(returned, Tensor) and returned.numel() == 1 else returned
    if isinstance(u, bool) or not isinstance(u, int | float):
        raise Problem("asked is one number, u.")
    w, h, last = arguments["w"], 0.0, -1
    found = {part: [] for part in PARTS}
    for button in BUTTONS:
        h, last = math.tanh(w * button + u * h), button or last
        found[f"{'pressed' if button else 'kept'}_{'on' if last == 1 else 'off'}"].append(h > 0.5)
    return [torch.tensor(found[part]) for part in PARTS]


def _memory_weight(w):
    return w / 2


def _memory_weight_cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 1.0)
    sizes = 4 + numbers(5).abs().cumsum(0)  # each larger than the one before
    return [Case({"w": round(w, 2)}, {"w": round(w, 2)}) for w in sizes.tolist()]


wrong = Mistakes("The lamp, answered by a net")

wrong(
    "no memory",
    "each press is forgotten in the next step: the old state weighs too little to keep the lamp on.",
    "The step as arithmetic",
)(lambda w: 0.0)
wrong(
    "it fades",
    "the lamp stays on for a few steps and then fades: tanh makes the state a little smaller each time.",
    "Unrolled with letters",
)(lambda w: 1.0)
wrong(
    "it never gives way",
    "the first press decides for ever: the old state is stronger than any button after it.",
)(lambda w: 2 * w)
wrong(
    "as strong as the button",
    "u is too close to w: a button against the old state leaves h near 0, and the lamp comes on late.",
)(lambda w: w)
wrong(
    "nearly as strong",
    "u is too close to w: a button against the old state wins, but not by enough for h > 0.5 at once.",
)(lambda w: w - 0.5)
wrong("it blinks", "with a negative u the state changes its sign at each step.", "The step as arithmetic")(
    lambda w: -w / 2
)
wrong(
    "it blinks and fades",
    "with a negative u the state changes its sign at each step, and at -1 it also fades.",
    "The step as arithmetic",
)(lambda w: -1.0)

memory_weight = task(
    "memory_weight",
    LESSON,
    "The lamp, answered by a net",
    returns="pressed_on (T) bool, pressed_off (T) bool, kept_on (T) bool, kept_off (T) bool",
    points="the lamp right after each step 3",
    truth=_memory_weight,
    mistakes=wrong,
    cases=_memory_weight_cases,
    derive=_lamp,
    agree="the lamp",
)


CHECKS = (three_steps, with_tanh, run, running_max, alarm, parameters, weight_of, memory_weight)

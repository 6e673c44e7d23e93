"""The checks of exercise set 01: a recurrence on paper, as a loop and as a fold, and what its weights do."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from rnncourse.checks.framework.authoring import (
    MORE_STEPS,
    Case,
    Check,
    ExerciseSet,
    Mistakes,
    Problem,
    Seen,
    Trait,
    cases,
    random_numbers,
    rows,
)
from rnncourse.checks.framework.language import say

CHECKS = ExerciseSet("01", "Sequences and state")


def _calculated(name: str, slips: Mistakes, **more: Any) -> Check:
    """Add a task that asks for values. Each mistake is the calculation with a slip: its wrong values."""
    truth: Any = slips.truth
    right = truth()

    def wrong_values(slip: Callable) -> dict[str, float]:
        return {value: number for value, number in slip().items() if abs(number - right[value]) > 1e-3}

    wrong = Mistakes(slips.section, right)
    wrong.extend(slips.through(wrong_values))
    return CHECKS.predicted(name, wrong, **more)


# ---- Task 1, three_steps: a recurrence on paper, h_t = u h_{t-1} + w x_t.
def _three_steps():
    u, w, h_0 = -0.5, 2.0, 6.0
    h, states = h_0, []
    for x in (4.0, -1.0, 3.0):
        h = u * h + w * x
        states.append(h)
    return {f"h_{t}": h for t, h in enumerate(states, 1)}


slips = Mistakes("The step as arithmetic", _three_steps).edits("""
h_0 assumed to be 0 | This is the result for h_0 = 0. But the state before the first step is given.
    h, states = h_0 => h, states = 0.0 § It is a fold
h_0 at each step | Here the step started from h_0 again. Which state does the previous step pass on?
    u * h => u * h_0 § It is a fold
nothing carried | The old state is not used for this number: it is only the input's share.
    u * h => (0 if states else u * h)
u without its sign | The sign of u is lost: u is negative. | u * h => -u * h
u and w exchanged | u and w are exchanged. Which of them multiplies the old state?
    u * h + w * x => w * h + u * x
u left out | The old state is added without its weight. | u * h => h
w left out | The input is added without its weight. | w * x => x
sign of the input lost | The sign of an input is lost. | w * x => w * abs(x)
a difference | You subtract the input's share; the step has a sum. | + w * x => - w * x
w over the whole sum | w also multiplies the old state. | u * h + w * x => w * (u * h + x)
""")

three_steps = _calculated(
    "three_steps",
    slips,
    tolerance=1e-6,
    follows={"h_2": lambda h_1: -0.5 * h_1 - 2.0, "h_3": lambda h_2: -0.5 * h_2 + 6.0},
)


# ---- Task 2, with_tanh: the same with a squashed state, h_t = tanh(u h_{t-1} + w x_t).
def _with_tanh():
    u, w, h_0 = 0.8, 0.5, -0.5
    h, states = h_0, []
    for x in (2.0, -3.0, 2.0):
        a = u * h + w * x
        h = math.tanh(a)
        states.append(h)
    return {f"h_{t}": h for t, h in enumerate(states, 1)}


slips = Mistakes("The lamp, answered by a net", _with_tanh).edits("""
no tanh | tanh was not applied here. | h = math.tanh(a) => h = a
tanh at the end only | This is the tanh of the chain without tanh. What is passed on: the squashed state, or
    the sum before it?
    h = math.tanh(a) => h = a
    states.append(h) => states.append(math.tanh(h))
the sum, not its tanh | This is the sum that goes into tanh.
    states.append(h) => states.append(a if states else h)
tanh of the input only | tanh was applied only to the input's share. What does the formula have inside its
    tanh?
    w * x => math.tanh(w * x)
    h = math.tanh(a) => h = a
tanh of the state only | tanh was applied only to the old state's share. What does the formula have inside its
    tanh?
    u * h => math.tanh(u * h)
    h = math.tanh(a) => h = a
tanh of the old state | tanh was applied to the old state, and not to the sum.
    u * h => u * math.tanh(h)
    h = math.tanh(a) => h = a
tanh inside the sum | tanh was applied to each share, and then they were added. What comes first?
    u * h + w * x => math.tanh(u * h) + math.tanh(w * x)
    h = math.tanh(a) => h = a
tan for tanh | This is tan, the tangent. tanh is a different function that stays between -1 and 1.
    math.tanh(a) => math.tan(a)
a sigmoid for tanh | This is a sigmoid of the sum, which is never negative.
    math.tanh(a) => 1 / (1 + math.exp(-a))
h_0 assumed to be 0 | This is the result for h_0 = 0. But the state before the first step is given.
    h, states = h_0 => h, states = 0.0 § It is a fold
h_0 at each step | Here the step started from h_0 again. Which state does the previous step pass on?
    u * h => u * h_0 § It is a fold
u and w exchanged | u and w are exchanged. Which of them multiplies the old state? § The step as arithmetic
    u * h + w * x => w * h + u * x
u left out | The old state is added without its weight. § The step as arithmetic | u * h => h
sign of h_0 lost | The sign of h_0 is lost: it is negative. § The step as arithmetic
    h, states = h_0 => h, states = -h_0
two digits | Two digits are not enough: give three. | states.append(h) => states.append(round(h, 2))
""")

with_tanh = _calculated(
    "with_tanh",
    slips,
    tolerance=2e-3,
    follows={
        "h_2": lambda h_1: math.tanh(0.8 * h_1 - 1.5),
        "h_3": lambda h_2: math.tanh(0.8 * h_2 + 1.0),
    },
)


# ---- Task 3, run: the whole recurrence, state by state.
def _run(x, h_0, u, w):
    h, states = h_0, []
    for x_t in x:
        h = u * h + w * x_t
        states.append(h)
    states = torch.stack(states) if states else torch.empty(0)
    return states, h


@cases(0.8, "T5; T4; T7; T1; T0; T3")
def _run_cases(numbers, T):
    h_0, u, w = numbers(3)
    return {"x": numbers(T), "h_0": h_0, "u": u, "w": w}, T > 1 and MORE_STEPS


wrong = Mistakes("It is a fold", _run).edits("""
h_0 at each step | each step starts from h_0. Which state should step 2 start from? | u * h + => u * h_0 +
h_0 ignored | the run starts from 0, not from h_0. | h, states = h_0 => h, states = 0 * h_0
nothing carried | the old state is not used: u is missing. § The step as arithmetic | u * h + =>
u left out | the old state is added without u. § The step as arithmetic | u * h => h
w left out | the input is added without w. § The step as arithmetic | w * x_t => x_t
x and h exchanged | x and h are exchanged: u multiplies the input, w the old state. § The step as arithmetic
    u * h + w * x_t => u * x_t + w * h
a difference | you subtract the input's share; the step has a sum. § The step as arithmetic
    + w * x_t => - w * x_t
old state added | you add the old state to the new one. The new state should replace it.
    h = u => h = h + u § The step as arithmetic
tanh applied | you applied tanh to the states. This step has none. § The step as arithmetic
    u * h + w * x_t => torch.tanh(u * h + w * x_t)
h_0 among the states | states has T + 1 numbers: h_0 is among them. Return the states after each step.
    h_0, [] => h_0, [h_0]
time backwards | the run goes from the last input to the first. | in x: => in x.flip(0):
one step too few | the last input is not read: T - 1 states. | in x: => in x[:-1]:
no step at all | it fails where T = 0: there is no state to stack. An empty sequence is a sequence, too.
    torch.stack(states) if states else torch.empty(0) => torch.stack(states)
collected before the step | states begins with h_0, so everything comes one step late: you append each state
    before its step.
    h = u => states.append(h); h = u
    - states.append(h)
the state of two steps ago | from the second step on, each step uses the state of two steps ago: an index is
    one too low.
    h, states = h_0, [] => h, older, states = h_0, h_0, []
    h = u * h + w * x_t => h, older = u * older + w * x_t, h
the inputs one step late | each step reads the previous step's input, and the first step the last one: an
    index is one too low.
    in x: => in x.roll(1):
last state only | states is only the last state. Return the states after each of the T steps.
    return states, h => return h, h
last state T times | states holds the last state T times.
    return states, h => return h.expand_as(states).clone(), h
not stacked | states is a list of tensors. Return one tensor, (T).
    return states, h => return list(states), h
return inside the loop | the loop ends after its first step. How far is the `return` indented?
    states.append(h) => return torch.stack([h]), h
    - return states, h
h_0 returned | h_T is h_0, unchanged. | return states, h => return states, h_0
first state returned | h_T is the state after the first step, not after the last.
    return states, h => return states, states[0] if len(states) else h_0
h_T from the states | it fails where T = 0: `states` has no last state. What is the state after no step?
    return states, h => return states, states[-1]
0 after no step | h_T is 0 where T = 0. What is the state after no step?
    return states, h => return states, h if len(states) else 0 * h_0
""")

run = CHECKS.task(
    "run",
    wrong,
    returns="states (T), h_T ()",
    points="""
        states 2 where there are several time steps
        h_T 1 where there are several time steps
        T = 1 and T = 0, too 1
    """,
    cases=_run_cases,
    example={
        "x": torch.tensor([1.0, 2.0, 5.0]),
        "h_0": torch.tensor(0.0),
        "u": torch.tensor(0.5),
        "w": torch.tensor(1.0),
    },
)


# ---- Task 4, running_max: a fold whose step is not a sum.
BELOW_ZERO = Trait("all inputs are negative", "what your code does with large inputs")
BOTH_SIGNS = Trait("inputs of both signs occur", "the state before the first step")


def _running_max(x):
    h, states = x[0], []
    for x_t in x:
        h = torch.maximum(h, x_t)
        states.append(h)
    return torch.stack(states)


def _running_max_cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 2.0)

    def mixed(T: int) -> Case:
        """Return a case that falls first, then rises to its maximum, then falls: each slip shows."""
        x = numbers(T).sort().values
        middle, others = x[-1:], x[:-1]
        half = (T - 1) // 2
        x = torch.cat([others[half : half + 1], others[:half], middle, others[half + 1 :]])
        return Case({"x": x - x.mean()}, {"T": T}, frozenset({BOTH_SIGNS}))

    def negative(T: int) -> Case:
        return Case({"x": -numbers(T).abs() - 0.5}, {"T": T}, frozenset({BELOW_ZERO}))

    return [mixed(7), mixed(9), mixed(6), negative(5), negative(8), negative(1)]


wrong = Mistakes("What must a state hold?", _running_max).edits("""
starts from 0 | it starts from 0, so a negative input is never the largest. What is the largest number after
    the step? § It is a fold
    h, states = x[0] => h, states = torch.zeros_like(x[0])
the smallest | this is the smallest number so far. | maximum => minimum
the larger of first and now | each step compares its input only with the first one. What should be passed on?
    torch.maximum(h, x_t) => torch.maximum(x[0], x_t) § It is a fold
nothing carried | these are the inputs themselves: no state is carried. § It is a fold
    torch.maximum(h, x_t) => x_t
absolute values | the sign of the inputs is lost. | torch.maximum(h, x_t) => torch.maximum(h.abs(), x_t.abs())
added up | these are sums, not the largest number. | torch.maximum(h, x_t) => h + x_t
collected before the step | each state is collected before its step, so all come one step late. § It is a fold
    h = torch.maximum => states.append(h); h = torch.maximum
    - states.append(h)
time backwards | this is the largest number from the end on. | in x: => in x.flip(0):
the first state missing | there are T - 1 states: none after the first step. § It is a fold
    in x: => in x[1:]:
the larger of two neighbours | each is the larger of two neighbours: a window of 2 steps, not a state.
    torch.stack(states) => torch.maximum(x, torch.cat([x[:1], x[:-1]]))
the maximum of all | each step returns the maximum of the whole sequence: it knows inputs that are yet to
    come.
    torch.stack(states) => h.expand_as(x).clone() § It is a fold
the last only | this is only the last state. Return the state after each of the T steps. § It is a fold
    torch.stack(states) => h
sorted | these are the inputs in order of size. | torch.stack(states) => x.sort().values
where, not what | these are positions, not numbers: the position of the largest input so far.
    torch.stack(states) => x.cummax(0).indices
""")

running_max = CHECKS.task(
    "running_max",
    wrong,
    returns="states (T)",
    points="inputs of both signs 1 where inputs of both signs occur; negative inputs, too 1",
    section="It is a fold",
    cases=_running_max_cases,
    example={"x": torch.tensor([2.0, -1.0, 3.0, 1.0])},
    forbid=frozenset({"torch.cummax", "torch.cummin", "rnncourse"}),
    agree="the maximum so far",
)


# ---- Task 5, alarm: a state of four values and the transitions between them.
FRESH = Trait("h_0 is 0", "what you do with h_0")
ONGOING = Trait("h_0 is not 0", "the first step from h_0 = 0")


def _alarm(x, h_0):
    h, states = h_0, []
    for x_t in x:
        if h != 3:
            h = h + 1 if x_t else 0 * h
        states.append(h)
    return torch.stack(states)


# Every state is left by a press and by a pause, and the alarm rings before the end, whatever comes before.
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
        last.arguments["x"][:1] = 1  # h_0 matters
    cases[0].arguments["x"][:2] = 1  # an in-place change of h_0 shows in the first two states
    return ongoing + cases


wrong = Mistakes("What must a state hold?", _alarm).edits("""
the alarm ends | the alarm ends at the next pause. No transition should lead away from it.
    if h != 3: => if h != 3 or not x_t:
counted on | the state keeps counting after the alarm, to 4 and more, and a pause ends it.
    if h != 3: => if True:
counted on, kept | the state keeps counting after the alarm, to 4 and more. Does a fourth press tell you
    anything?
    if h != 3: => if h < 3 or x_t:
all presses counted | a pause changes nothing, so all presses are counted. Count presses in a row.
    0 * h => h
a pause takes one off | a pause takes one off the count. How many presses in a row are left after a pause?
    0 * h => (h - 1).clamp(min=0)
a pause leaves 1 | after a pause the state is 1, as if that pause were a press. | 0 * h => 0 * h + 1
press and pause exchanged | press and pause are exchanged: 1 is a press. | if x_t else => if not x_t else
at two | the alarm comes after two presses. | h != 3 => h != 2
the alarm starts again | after the alarm the count starts again.
    if h != 3: => if True:
    h + 1 if => h % 3 + 1 if
h_0 ignored | the run starts from 0, not from h_0. § It is a fold | h, states = h_0 => h, states = 0 * h_0
collected before the step | each state is collected before its step, so all come one step late. § It is a fold
    - for x_t in x:
    + for x_t in x:
    +     states.append(h)
    - states.append(h)
only the answer | these are 0 and 1, only the alarm. The state must know how many presses in a row there were.
    torch.stack(states) => (torch.stack(states) == 3).long()
not kept, only the window | this counts the presses among the last three steps: a window, not a state.
    torch.stack(states) => torch.cat([x.new_zeros(2), x]).unfold(0, 3, 1).sum(1)
changed in place | `h += 1` changes the tensor that is already in the list. What would create a new one?
    h, states = h_0 => h, states = h_0.clone()
    h + 1 if => h.add_(1) if § It is a fold
changed in place, up to a pause | `h += 1` changes the tensor that is already in the list. What would create a
    new one? § It is a fold
    h, states = h_0 => h, states = h_0.clone()
    - h = h + 1 if x_t else 0 * h
    + if x_t: h += 1
    + else: h = 0  # a plain number from here on: += no longer reaches into the list
    torch.stack(states) => torch.tensor(states)
last state only | this is only the last state. Return the state after each of the T steps. § It is a fold
    torch.stack(states) => h
h_0 among the states | there are T + 1 states: h_0 is among them. § It is a fold | h_0, [] => h_0, [h_0]
""")

alarm = CHECKS.task(
    "alarm",
    wrong,
    returns="states (T) int",
    points="from h_0 = 0 2 where h_0 is 0; from any h_0 1",
    cases=_alarm_cases,
    example={"x": torch.tensor([1, 0, 1, 1, 1, 0, 1]), "h_0": torch.tensor(0)},
    agree="the table",
)


# ---- Task 6, parameters: how many numbers are learned, and what T has to do with it.
def _parameters():
    I, H, times = 3, 5, (10, 1000)
    cells = {f"cell_{T}": H * I + H * H + H for T in times}
    windows = {f"window_{T}": T * I * H + H for T in times}
    return cells | windows


slips = Mistakes("The same weights at each step", _parameters).edits("""
weights of its own for each step | This counts separate weights for each step. How many cells are there?
    H * I + H * H + H => T * (H * I + H * H + H)
W_hh left out | W_hh is missing. § The lamp, answered by a net | H * I + H * H + H => H * I + H
b left out | b is missing. | H * I + H * H + H => H * I + H * H
only the matrix W_ih | This is only W_ih. § The lamp, answered by a net | H * I + H * H + H => H * I
only the matrix W_hh | This is only W_hh. § The lamp, answered by a net | H * I + H * H + H => H * H
two constants | This counts two constants, as torch's layer has. The cell here has only one, b.
    H * I + H * H + H => H * I + H * H + 2 * H
W_hh (H, I) | W_hh is counted with the input's size. What does it multiply? § The lamp, answered by a net
    H * I + H * H + H => H * I + H * I + H
sizes added | Sizes are added. How many numbers does a matrix (H, I) have? § The lamp, answered by a net
    H * I + H * H + H => I + H + H
one number a step | This counts one number for each step of the window. How many inputs are there at each
    step?
    T * I * H + H => T * H + H
window without constants | The window's five constants are missing: `nn.Linear` has a bias.
    T * I * H + H => T * I * H
constants at each step | The constants are counted at each step. `nn.Linear` has one for each output.
    T * I * H + H => T * (I * H + H)
window of one step | This is a window of one step. All T steps go in side by side.
    T * I * H + H => I * H + H
a window with a state | A window has no old state to multiply, so there is no W_hh here.
    T * I * H + H => T * I * H + H * H + H
""")

parameters = _calculated("parameters", slips)


# ---- Task 7, weight_of: how much of one input is left in the last state.
LAST = Trait("k is T, the last input", "what you do with earlier inputs")
EARLIER = Trait("k is an earlier step", "what you do with the last input")


def _weight_of(k, T, W_ih, W_hh):
    power = torch.linalg.matrix_power(W_hh, T - k)
    return power @ W_ih


@cases(
    0.7,
    "k2 T5 I3 H4; k1 T7 I2 H3; k4 T6 I3 H5; k3 T4 I2 H5",
    "k1 T4 I3 H3",  # I = H: matrices in the wrong order run
    "k5 T5 I4 H2; k1 T1 I2 H3",
)
def _weight_of_cases(numbers, k, T, I, H):
    return {"k": k, "T": T, "W_ih": numbers(H, I), "W_hh": numbers(H, H)}, LAST if k == T else EARLIER


wrong = Mistakes("Unrolled with matrices", _weight_of).edits("""
one W_hh too many | one W_hh too many. At the step where x_k enters, x_k is not multiplied by W_hh.
    T - k => T - k + 1
the power k | the power is k, so later inputs weigh less. Which inputs fade? | T - k => k
the power k - 1 | the power is k - 1, so later inputs weigh less. Which inputs fade? | T - k => k - 1
the power T | every input has the power T: that is h_0's. | T - k => T
the power T - 1 | every input has the power T - 1: that is the first one's. | T - k => T - 1
W_hh once | every input is multiplied by W_hh once, no matter how long ago it entered. | T - k => 1
W_ih left out | W_ih is missing: how does x_k enter the state? | power @ W_ih => power
W_ih alone | this is W_ih, whatever k and T are: nothing fades or grows. | power @ =>
W_hh transposed | W_hh is transposed. It is square, so no shape complains. | (W_hh, => (W_hh.T,
elementwise power | each number of W_hh is raised to a power on its own. `**` is not a matrix power.
    torch.linalg.matrix_power(W_hh, T - k) => W_hh ** (T - k)
a factor for a power | you multiply W_hh by T - k. Each step should multiply by W_hh once more.
    torch.linalg.matrix_power(W_hh, T - k) => (T - k) * W_hh
matrices in the wrong order | W_ih is on the left, which only runs where I = H. Which of the two multiplies
    x_k first?
    power @ W_ih => W_ih @ power
W_ih at each step | W_ih is applied at each step. x_k enters only once.
    power @ W_ih => power @ W_ih * (T - k + 1)
one W_hh too few | one W_hh too few: as if k counted from 0. The first input is x_1.
    T - k => max(T - k - 1, 0)
one W_hh too few, and an inverse | one W_hh too few: as if k counted from 0. The first input is x_1. For k = T
    you even get an inverse.
    T - k => T - k - 1
all inputs up to k | these are the shares of the inputs 1 to k together. Return only that of x_k.
    power = => power = sum(torch.linalg.matrix_power(W_hh, T - j) for j in range(1, k)) +
all inputs from k on | these are the shares of the inputs k to T together. Return only that of x_k.
    power = => power = sum(torch.linalg.matrix_power(W_hh, T - j) for j in range(k + 1, T + 1)) +
""")

weight_of = CHECKS.task(
    "weight_of",
    wrong,
    returns="share (H I)",
    points="earlier inputs 2 where k is an earlier step; the last input, too 1",
    cases=_weight_of_cases,
    example={"k": 1, "T": 3, "W_ih": rows([1.0], [2.0]), "W_hh": rows([0.5, 0.0], [1.0, -1.0])},
)


# ---- Task 8, memory_weight: a weight found by hand, judged by how the cell behaves with it.
def _memory_weight(w):
    return w / 2


PAUSE = [0] * 100
BUTTONS = [*PAUSE, -1, *PAUSE, 1, *PAUSE, 1, 0, 0, -1, *PAUSE, -1, 1, -1, 1, *PAUSE]  # 1: on, -1: off
PARTS = ("pressed_on", "pressed_off", "kept_on", "kept_off")


def _lamp(returned: object, arguments: dict) -> list[Tensor]:
    """Return whether the lamp is on, h > 0.5, after each step of h = tanh(w s + u h), from h = 0.

    The steps are sorted into those where "on" is pressed, where "off" is, and the pauses after either.
    """
    u = returned.item() if isinstance(returned, Tensor) and returned.numel() == 1 else returned
    if isinstance(u, bool) or not isinstance(u, int | float):
        raise Problem("expected one number, u.")
    w, h, last = arguments["w"], 0.0, -1
    found: dict[str, list[bool]] = {part: [] for part in PARTS}
    for button in BUTTONS:
        h, last = math.tanh(w * button + u * h), button or last
        found[f"{'pressed' if button else 'kept'}_{'on' if last == 1 else 'off'}"].append(h > 0.5)
    return [torch.tensor(found[part]) for part in PARTS]


def _memory_weight_cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 1.0)
    sizes = 4 + numbers(5).abs().cumsum(0)  # each larger than the one before
    return [Case({"w": round(w, 2)}, {"w": round(w, 2)}) for w in sizes.tolist()]


wrong = Mistakes("The lamp, answered by a net", _memory_weight).edits("""
no memory | each press is forgotten at the next step: the old state has too little weight to keep the lamp on.
    w / 2 => 0.0 § The step as arithmetic
it fades | the lamp stays on for a few steps and then fades: tanh makes the state a little smaller each time.
    w / 2 => 1.0 § Unrolled with letters
it never gives way | the first press decides forever: the old state is stronger than any later button.
    w / 2 => 2 * w
as strong as the button | u is too close to w: a button against the old state leaves h near 0, and the lamp
    comes on late.
    w / 2 => w
nearly as strong | u is too close to w: a button wins against the old state, but not by enough for h > 0.5 at
    once.
    w / 2 => w - 0.5
it blinks | with a negative u the state changes its sign at each step. § The step as arithmetic
    w / 2 => -w / 2
it blinks and fades | with a negative u the state changes its sign at each step, and with -1 it also fades.
    w / 2 => -1.0 § The step as arithmetic
""")


def _explain_lamp(seen: Sequence[Seen]) -> str:
    """Say what the lamp does with a u that is none of the mistakes above, in all cases or in some."""
    kept_on, kept_off = ([s.found[PARTS.index(part)] for s in seen] for part in ("kept_on", "kept_off"))
    pressed_on = [bool(s.found[0].all()) for s in seen]
    if any(bool(on.any()) for on in kept_off):
        return say(
            "Where the lamp should stay off it comes on by itself: which sign of u keeps a state as it is?"
        )
    if any(pressed_on) and not all(pressed_on):
        return say("Your u lets the button win for some w but not for others: how large may u be next to w?")
    if all(pressed_on) and all(bool(on[0]) and not bool(on.all()) for on in kept_on):
        return say(
            "The lamp comes on but goes out by itself in the pause, where the state settles below 0.5: too"
            " little of it is kept at each step."
        )
    return ""


memory_weight = CHECKS.task(
    "memory_weight",
    wrong,
    returns="pressed_on (T) bool, pressed_off (T) bool, kept_on (T) bool, kept_off (T) bool",
    points="the lamp right after each step 3",
    cases=_memory_weight_cases,
    derive=_lamp,
    explain=_explain_lamp,
    agree="the lamp",
)

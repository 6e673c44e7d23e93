"""The checks of exercise set 07: h and c, weights set by hand, the whole step's derivative, a strange net."""

from typing import Any

import torch

from rnncourse.checks.framework.authoring import (
    AUTOGRAD,
    RECURRENT,
    Case,
    ExerciseSet,
    Mistakes,
    cases,
    row,
    rows,
)
from rnncourse.checks.given.h_and_c import strange_net
from rnncourse.checks.uses.h_and_c import LONG, SHORT, Memory, memory, unit

CHECKS = ExerciseSet("07", "h and c")


# ---- Task 1, which_state: which of seven sentences are true of h, of c, of both, of neither.
SENTENCES = {
    "next_layer": "h",  # the layer above reads it
    "gates": "h",  # the gates of the next step read it
    "seven": "c",  # it can be 7.3
    "times_f": "c",  # it is multiplied by f
    "every_step": "h",  # `output` of nn.LSTM holds it for every step
    "carry_on": "both",  # it is needed to carry a sequence on
    "learned": "neither",  # training learns its numbers, like those of weight_hh
}

wrong = Mistakes("Who reads which", SENTENCES).edits("""
c goes up | it does not. | next_layer => 'c'
gates read c | they do not. | gates => 'c'
gates read both | they do not. | gates => 'both'
h has no bound | it does. § What each one can hold | seven => 'both'
output holds both | it does not. | every_step => 'both'
h is enough | it is not. § What people get wrong | carry_on => 'h'
states are parameters | they are not. | learned => 'both'
""")

which_state = CHECKS.chosen(
    "which_state",
    wrong,
    choices=("h", "c", "both", "neither"),
    points="all seven 2",
)


# ---- Task 2, latch: weights set by hand, so that c holds the value that was set last.
# Tasks 2 to 4: learners return weights, and the check judges what a unit with them remembers.
BY_HAND: dict[str, Any] = {"use": memory, "forbid": frozenset(), "agree": "the rule"}


def _latch():
    # The weights of value and set, the weight of h, the bias.
    i = 0, 40, 0, -20
    f = 0, -40, 0, 20
    g = 20, 0, 0, 0
    o = 0, 0, 0, 20
    return unit(i, f, g, o)


def _latch_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def case(T: int, trait) -> Case:
        value = 2.0 * torch.randint(2, (T,), generator=generator) - 1
        flag = (torch.rand(T, generator=generator) < 0.25).double()
        flag[:4] = torch.tensor([0.0, 1.0, 1.0, 0.0])  # nothing set yet; set twice in a row, then held
        value[:4] = torch.tensor([-1.0, 1.0, -1.0, 1.0])
        flag[T // 2 :] *= trait is SHORT  # the second half of a long one only holds
        return Case({"x": torch.stack([value.double(), flag], dim=1)}, {"T": T}, frozenset({trait}))

    return [case(8, SHORT), case(12, SHORT), case(16, SHORT), case(150, LONG), case(200, LONG)]


wrong = Mistakes("Weights by hand", _latch).edits("""
f always open | when a value is set, the old value stays: c adds up.
    f = 0, -40, 0, 20 => f = 0, 0, 0, 20
    look: What should f be at a step where a new value is set?
f always shut | one step after it was set, c is 0 again: f is shut when it should keep.
    f = 0, -40, 0, 20 => f = 0, 0, 0, -20
    look: Which sign of a_f keeps?
f at zero | c halves at each step: f is 0.5.
    f = 0, -40, 0, 20 => f = 0, 0, 0, 0
    look: σ(0) is 0.5. Which a_f keeps nearly everything?
f's sign | f does the opposite: it keeps where a value is set, and drops c where nothing is set.
    f = 0, -40, 0, 20 => f = 0, 40, 0, -20
i always open | every step writes its value, whether it should be set or not.
    i = 0, 40, 0, -20 => i = 0, 0, 0, 20
    look: What should i be where the flag is 0?
i's sign | i does the opposite: it writes where nothing should be set, and does not write where something
    should.
    i = 0, 40, 0, -20 => i = 0, -40, 0, 20
i at zero | i is 0.5 at every step, so half of each value is written. | i = 0, 40, 0, -20 => i = 0, 0, 0, 0
nothing written | c is always 0: nothing is written. | i = 0, 40, 0, -20 => i = 0, 0, 0, -20
i and f exchanged | your first row keeps and your second row writes: i and f are exchanged. torch's order is
    i, f, g, o.
    unit(i, f, g, o) => unit(f, i, g, o)
the third row does not read the value | each set writes +1, whatever the value is: your third row does not
    read the value.
    unit(i, f, g, o) => unit(i, f, o, g)
    look: torch's order is i, f, g, o: is your third row g's?
i, g, f, o | your numbers are those of rows in the order i, g, f, o. torch has a different order.
    unit(i, f, g, o) => unit(i, g, f, o)
the value's sign | the opposite of the value is written: what is the sign of your g? | g = 20 => g = -20
columns exchanged | the two inputs are exchanged: your gates read the value as if it were the flag, and g
    writes the flag.
    i = 0, 40 => i = 40, 0
    f = 0, -40 => f = -40, 0
    g = 20, 0 => g = 0, 20
    look: x_t is (value, set): column 0 is for the value.
flag only cancels the bias | where a value is set, i and f are half open: the flag's weights bring a_i and a_f
    to 0, but no further.
    i = 0, 40 => i = 0, 20
    f = 0, -40 => f = 0, -20
    look: A weight as large as the bias cancels it. How large must it be to reverse its effect?
gates and g of ±3 | c leaks while nothing is set: f = σ(3) is 0.953, and i = σ(−3) is not 0 either.
    i = 0, 40, 0, -20 => i = 0, 6, 0, -3
    f = 0, -40, 0, 20 => f = 0, -6, 0, 3
    g = 20 => g = 3
    look: How much of c is left after 100 steps with this f? How large must a_f be?
g not saturated | c becomes ±0.76 = tanh(±1), not ±1: g is not near its bounds. | g = 20 => g = 1
""")
for a, f in (3, "0.953"), (4, "0.98"), (5, "0.993"), (6, "0.998"):
    wrong.edits(f"""
gates of ±{a} | c leaks while nothing is set: f = σ({a}) is {f}, and i = σ(−{a}) is not 0 either.
    i = 0, 40, 0, -20 => i = 0, {2 * a}, 0, -{a}
    f = 0, -40, 0, 20 => f = 0, -{2 * a}, 0, {a}
    look: How much of c is left after 100 steps with this f? How large must a_f be?
f of ±{a} | c leaks while nothing is set: f = σ({a}) is {f}.
    f = 0, -40, 0, 20 => f = 0, -{2 * a}, 0, {a}
    look: How much of c is left after 100 steps with this f? How large must a_f be?
""")

latch = CHECKS.task(
    "latch",
    wrong,
    returns=(Memory("c", "T"),),
    points="c in short sequences 1 where the sequence is short; c in long ones 2 where the sequence is long",
    cases=_latch_cases,
    example={"x": rows([-1.0, 0.0], [1.0, 1.0], [-1.0, 0.0], [-1.0, 1.0], [1.0, 0.0])},
    **BY_HAND,
)


# ---- Task 3, counter: weights set by hand, so that c is the depth of the brackets.
def _counter():
    # The weights of open, close and end, the weight of h, the bias.
    i = 0, 0, 0, 0, 20
    f = 0, 0, -40, 0, 20
    g = 20, -20, 0, 0, 0
    o = 0, 0, 0, 0, 20
    return unit(i, f, g, o)


def _one_hot(kinds) -> torch.Tensor:
    """Return (T, 3) from 0 open, 1 close, 2 end, 3 none of them."""
    return (torch.as_tensor(kinds)[:, None] == torch.arange(3)).double()


def _counter_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def case(T: int, trait) -> Case:
        chances = torch.tensor([0.45, 0.2, 0.05, 0.3])
        kinds = torch.multinomial(chances, T, replacement=True, generator=generator)
        kinds[:7] = torch.tensor([0, 0, 3, 1, 0, 2, 0])  # each of them, and another one after the end
        return Case({"x": _one_hot(kinds)}, {"T": T}, frozenset({trait}))

    return [case(9, SHORT), case(12, SHORT), case(17, SHORT), case(150, LONG), case(200, LONG)]


wrong = Mistakes("Weights by hand", _counter).edits("""
no reset | c keeps counting after the end of a line.
    f = 0, 0, -40, 0, 20 => f = 0, 0, 0, 0, 20
    look: Which of your rows reads the third input? torch's order is i, f, g, o.
f's sign | f does the opposite: it drops c at every step except the end of a line.
    f = 0, 0, -40, 0, 20 => f = 0, 0, 40, 0, -20
f always shut | c only knows the last step: f is shut when it should keep.
    f = 0, 0, -40, 0, 20 => f = 0, 0, 0, 0, -20
f at zero | c halves at each step: f is 0.5.
    f = 0, 0, -40, 0, 20 => f = 0, 0, 0, 0, 0
    look: σ(0) is 0.5. Which a_f keeps nearly everything?
f at zero but for the end | c halves at each step that does not end a line: f is 0.5 there.
    f = 0, 0, -40, 0, 20 => f = 0, 0, -40, 0, 0
    look: σ(0) is 0.5. Which a_f keeps nearly everything?
end only cancels the bias | at the end of a line half of c is left: f is 0.5 there.
    f = 0, 0, -40, 0, 20 => f = 0, 0, -20, 0, 20
    look: A weight as large as the bias brings a_f to 0, but no further. How large must it be to reverse its
    effect?
closing not counted | closing brackets are not counted: c never goes down before the end of a line.
    g = 20, -20 => g = 20, 0
closing counted up | closing brackets count upwards, too.
    g = 20, -20 => g = 20, 20
    look: Which carries the sign: the gate i, or g?
opening not counted | opening brackets are not counted. | g = 20, -20 => g = 0, -20
up and down exchanged | up and down are exchanged: c is the negative of the right number.
    g = 20, -20 => g = -20, 20
every step counts | every step counts 1, whatever it is: your third row does not read the brackets.
    unit(i, f, g, o) => unit(i, f, o, g)
    look: torch's order is i, f, g, o: is your third row g's?
a step without a bracket counts down | every step that does not open a bracket counts down, even the end of a
    line.
    g = 20, -20, 0, 0, 0 => g = 40, 0, 0, 0, -20
    look: What is g where no bracket opens or closes? It has a bias.
g not saturated | a bracket counts 0.76 = tanh(1), not 1: g is not near its bounds. | g = 20, -20 => g = 1, -1
i at zero | a bracket counts as a half: i is 0.5. | i = 0, 0, 0, 0, 20 => i = 0, 0, 0, 0, 0
i shut | c is 0 at every step: i is shut and nothing is written. | i = 0, 0, 0, 0, 20 => i = 0, 0, 0, 0, -20
rows in the order i, g, f, o | your rows are in the order i, g, f, o. torch has a different order.
    unit(i, f, g, o) => unit(i, g, f, o)
tied gates | c lies between −1 and 1: where you write, you drop the old c. A counter has to keep and write at
    once.
    i = 0, 0, 0, 0, 20 => i = 40, 40, 0, 0, -20
    f = 0, 0, -40, 0, 20 => f = -40, -40, -40, 0, 20 § What each one can hold
""")

counter = CHECKS.task(
    "counter",
    wrong,
    returns=(Memory("c", "T"),),
    points="c in short sequences 1 where the sequence is short; c in long ones 2 where the sequence is long",
    cases=_counter_cases,
    example={"x": _one_hot([0, 0, 3, 1, 2, 0])},
    **BY_HAND,
)


# ---- Task 4, toggle: weights set by hand, so that each pulse flips c: g must know what is kept.
def _toggle():
    # The weight of the pulse, the weight of h, the bias.
    i = 40, 0, -20
    f = -40, 0, 20
    g = 0, -100, 20
    o = 0, 0, 20
    return unit(i, f, g, o)


def _toggle_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def case(T: int, trait) -> Case:
        pulse = (torch.rand(T, generator=generator) < 0.3).double()
        pulse[:8] = torch.tensor([0.0, 1, 0, 1, 1, 0, 0, 1])
        pulse[T // 2 :] *= trait is SHORT
        return Case({"x": pulse[:, None]}, {"T": T}, frozenset({trait}))

    return [case(9, SHORT), case(13, SHORT), case(18, SHORT), case(150, LONG), case(200, LONG)]


wrong = Mistakes("Weights by hand", _toggle).edits("""
never −1 | each pulse writes +1, even where c is already +1: g does not become negative when h is positive.
    g = 0, -100, 20 => g = 0, 0, 20
    look: h is at most tanh(1) = 0.76, and 0 if o is shut. Does its weight, in g's row, outweigh the bias?
    § Who reads which
never leaves 0 | c is always 0: at the first pulse h is 0, and nothing else tells g what to write.
    g = 0, -100, 20 => g = 0, -100, 0
    look: What is a_g when h = 0?
begins with −1 | the first pulse writes −1 instead of +1. What is a_g when h = 0?
    g = 0, -100, 20 => g = 0, -100, -20
f always open | c goes 1, 0, 1, 0: where it is 1, a pulse leaves 0 instead of −1.
    f = -40, 0, 20 => f = 0, 0, 20
    look: Either f keeps the 1 and g's −1 is added to it, or f drops it and i writes nothing: which one do you
    have?
f always shut | one step after a pulse c is 0 again: f is shut when it should keep.
    f = -40, 0, 20 => f = 0, 0, -20
f at zero | c halves at each step: f is 0.5.
    f = -40, 0, 20 => f = 0, 0, 0
    look: σ(0) is 0.5. Which a_f keeps nearly everything?
pulse only cancels the bias | at a pulse i and f are half open: the pulse's weights bring a_i and a_f to 0,
    but no further.
    i = 40 => i = 20
    f = -40 => f = -20
    look: A weight as large as the bias cancels it. How large must it be to reverse its effect?
f's sign | f does the opposite: it keeps at a pulse, and drops c where there is no pulse.
    f = -40, 0, 20 => f = 40, 0, -20
i always open | c changes at steps without a pulse: i is open there. | i = 40, 0, -20 => i = 0, 0, 20
i's sign | i does the opposite: it writes where there is no pulse. | i = 40, 0, -20 => i = -40, 0, 20
i and f exchanged | your first row keeps and your second row writes: i and f are exchanged. torch's order is
    i, f, g, o.
    unit(i, f, g, o) => unit(f, i, g, o)
rows in the order i, g, f, o | your rows are in the order i, g, f, o. torch has a different order.
    unit(i, f, g, o) => unit(i, g, f, o)
""")

toggle = CHECKS.task(
    "toggle",
    wrong,
    returns=(Memory("c", "T"),),
    points="c in short sequences 2 where the sequence is short; c in long ones 2 where the sequence is long",
    cases=_toggle_cases,
    example={"x": rows([0.0], [1.0], [0.0], [1.0], [0.0], [1.0])},
    **BY_HAND,
)


# ---- Task 5, forget_bias: how far open a forget gate must be for a memory to last.
def _forget_bias(share, T):
    f = share ** (1 / T)
    return torch.log(f / (1 - f))


def _forget_bias_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def case(T: int, H: int) -> Case:
        share = 0.05 + 0.9 * torch.rand(H, generator=generator, dtype=torch.float64)
        return Case({"share": share, "T": T}, {"T": T, "H": H})

    return [case(10, 3), case(2, 5), case(100, 2), case(37, 4), case(1, 6)]


wrong = Mistakes("Weights by hand", _forget_bias).edits("""
f itself | this is the gate f, not yet the bias that gives it: f = σ(bias). | torch.log(f / (1 - f)) => f
logarithm of f | this is log f. Which function is the inverse of σ? | torch.log(f / (1 - f)) => f.log()
the other way | this is the bias of 1 - f: that gate would forget instead of keeping.
    f / (1 - f) => (1 - f) / f
one step | this much is left after one step: T is not used. | share ** (1 / T) => share
a loss that is shared out | you subtract the same amount at each step. But from step to step c is multiplied.
    share ** (1 / T) => 1 - (1 - share) / T
divided by T | you divide the share by T. What is multiplied T times? | share ** (1 / T) => share / T
to the power T | you raise the share to the power T: that is what is left if each step keeps the share.
    share ** (1 / T) => share ** T
what is lost | you treat the share as what is lost. It is what is left.
    share ** (1 / T) => (1 - share) ** (1 / T)
T + 1 steps | this would last for T + 1 steps. | (1 / T) => (1 / (T + 1))
σ for its inverse | f goes through σ again. Which number does σ turn into f?
    torch.log(f / (1 - f)) => torch.sigmoid(f)
tanh's inverse | you use the inverse of tanh. A forget gate uses σ. | torch.log(f / (1 - f)) => torch.atanh(f)
""")

forget_bias = CHECKS.task(
    "forget_bias",
    wrong,
    returns="bias (H)",
    points="the bias 2",
    cases=_forget_bias_cases,
    example={"share": row(0.5, 0.99), "T": 40},
)


# ---- Task 6, state_jacobian: the whole state's derivative over one step, in four blocks.
def _state_jacobian(i, f, g, o, c_before, weight_hh):
    W_i, W_f, W_g, W_o = weight_hh.chunk(4)
    c = f * c_before + i * g
    seen = o * (1 - torch.tanh(c) ** 2)
    c_by_c = torch.diag(f)
    by_f = torch.diag(c_before * f * (1 - f)) @ W_f
    by_i = torch.diag(g * i * (1 - i)) @ W_i
    by_g = torch.diag(i * (1 - g**2)) @ W_g
    by_o = torch.diag(torch.tanh(c) * o * (1 - o)) @ W_o
    c_by_h = by_f + by_i + by_g
    h_by_c = torch.diag(seen * f)
    h_by_h = torch.diag(seen) @ c_by_h + by_o
    return c_by_c, c_by_h, h_by_c, h_by_h


@cases(1.0, "H3; H4; H2; H5")
def _state_jacobian_cases(numbers, H):
    i, f, o = (torch.sigmoid(numbers(H)) for _ in range(3))
    g, c_before = torch.tanh(numbers(H)), 1.5 * numbers(H)
    return {"i": i, "f": f, "g": g, "o": o, "c_before": c_before, "weight_hh": numbers(4 * H, H)}


wrong = Mistakes("The road along c", _state_jacobian).edits("""
h by c without f | h_by_c is the derivative with respect to the new c. You need the old one: what lies in
    between?
    h_by_c = torch.diag(seen * f) => h_by_c = torch.diag(seen)
h by h without c | h_by_h only takes the path through o. But h_{t−1} also changes c_t.
    torch.diag(seen) @ c_by_h + by_o => by_o
h by h without o | h_by_h only takes the path through c. But h_{t−1} also changes o.
    torch.diag(seen) @ c_by_h + by_o => torch.diag(seen) @ c_by_h
tanh's slope left out | the slope of tanh(c) is missing where h is computed.
    seen = o * (1 - torch.tanh(c) ** 2) => seen = o
o left out | o is missing where h is computed from c.
    seen = o * (1 - torch.tanh(c) ** 2) => seen = 1 - torch.tanh(c) ** 2
tanh not squared | the slope of tanh is not 1 − tanh(c): something is squared.
    (1 - torch.tanh(c) ** 2) => (1 - torch.tanh(c))
old c in h | h is computed from the new c. You take the slope at the old one.
    c = f * c_before + i * g => c = c_before
road through f left out | the path through f is missing: h_{t−1} changes f.
    by_f + by_i + by_g => by_i + by_g
road through i left out | the path through i is missing: h_{t−1} changes i.
    by_f + by_i + by_g => by_f + by_g
road through g left out | the path through g is missing: h_{t−1} changes g.
    by_f + by_i + by_g => by_f + by_i
g's slope | g is a tanh: its slope is not g (1 − g). | (1 - g**2) => g * (1 - g)
g's slope not squared | g is a tanh: something in its slope is squared. | (1 - g**2) => (1 - g)
slopes of i, f and o left out | the slopes of σ are missing: how does a gate change with its pre-activation?
    c_before * f * (1 - f) => c_before
    g * i * (1 - i) => g
    torch.tanh(c) * o * (1 - o) => torch.tanh(c)
new c with f | f multiplies the old c. Your path through f uses the new one.
    torch.diag(c_before * f * (1 - f)) => torch.diag(c * f * (1 - f))
i and g exchanged | in i ⊙ g, the factor of each one's derivative is the other: yours are exchanged.
    g * i * (1 - i) => i * i * (1 - i)
    i * (1 - g**2) => g * (1 - g**2)
order i, f, o, g | you take the blocks of weight_hh in the order i, f, o, g. torch has a different order.
    W_i, W_f, W_g, W_o => W_i, W_f, W_o, W_g
order f, i, g, o | you take the blocks of weight_hh in the order f, i, g, o. torch has a different order.
    W_i, W_f, W_g, W_o => W_f, W_i, W_g, W_o
c in place of tanh(c) | in the path through o, o multiplies tanh(c), but yours has c.
    torch.tanh(c) * o * (1 - o) => c * o * (1 - o)
gates held fixed | your derivatives with respect to h are zero: that is only the direct path. h_{t−1} changes
    all four gates.
    c_by_h = by_f + by_i + by_g => c_by_h = torch.zeros_like(W_i)
    torch.diag(seen) @ c_by_h + by_o => torch.zeros_like(W_i)
blocks transposed | the blocks of weight_hh are transposed. Row: a unit of the result; column: a unit of
    h_{t−1}.
    = weight_hh.chunk(4) => = (W.T for W in weight_hh.chunk(4))
scaled along the columns | your factors scale the columns of the blocks. diag(v) on the left scales rows.
    torch.diag(c_before * f * (1 - f)) @ => c_before * f * (1 - f) *
    torch.diag(g * i * (1 - i)) @ => g * i * (1 - i) *
    torch.diag(i * (1 - g**2)) @ => i * (1 - g**2) *
    torch.diag(torch.tanh(c) * o * (1 - o)) @ => torch.tanh(c) * o * (1 - o) *
    torch.diag(seen) @ => seen *
    look: Which of v[:, None] * W and v * W is diag(v) W?
""")

state_jacobian = CHECKS.task(
    "state_jacobian",
    wrong,
    returns="c_by_c (H H), c_by_h (H H), h_by_c (H H), h_by_h (H H)",
    points="c_by_c 1; c_by_h 1; h_by_c 1; h_by_h 1",
    cases=_state_jacobian_cases,
    example={
        "i": row(0.5),
        "f": row(0.9),
        "g": row(0.5),
        "o": row(0.5),
        "c_before": row(1.0),
        "weight_hh": rows([1.0], [2.0], [3.0], [4.0]),
    },
    forbid=RECURRENT | AUTOGRAD,
)


# ---- Task 7, units: a net of five units (in given/), and what each of them remembers.
WORDS = (
    "last value",
    "value at the pulse",
    "count of pulses",
    "sum of values",
    "fading sum",
    "turned by pulses",
)

TRUTH = {
    "unit_0": "fading sum",
    "unit_1": "turned by pulses",
    "unit_2": "count of pulses",
    "unit_3": "value at the pulse",
    "unit_4": "last value",
}

wrong = Mistakes("A net that remembers", TRUTH).edits("""
a fading sum mistaken for a sum | it fades. | unit_0 => 'sum of values'
a fading sum mistaken for the last value | it fades slowly. | unit_0 => 'last value'
a toggled unit mistaken for a latch | the value is not used. | unit_1 => 'value at the pulse'
a latch mistaken for a toggled unit | look at the value. | unit_3 => 'turned by pulses'
a count read from h | the h of a count soon stops changing. | unit_2 => 'turned by pulses'
the last value mistaken for a latch | it needs no pulse. | unit_4 => 'value at the pulse'
""")

units = CHECKS.chosen(
    "units",
    wrong,
    choices=WORDS,
    points="all five units 3",
    forbid=frozenset(),
)

__all__ = ["CHECKS", "strange_net", *(check.name for check in CHECKS)]

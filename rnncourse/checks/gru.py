"""The checks of exercise set 08: the GRU's step in both variants, two conventions, a cell, the backward
step."""

import functools
from typing import Any

import torch
from torch import nn
from torch.nn.functional import linear

from rnncourse.checks.framework import explain
from rnncourse.checks.framework.authoring import (
    AUTOGRAD,
    BIAS_ZERO,
    FLOAT64,
    H_ZERO,
    NO_STATE,
    RECURRENT,
    STATE,
    X_ZERO,
    Case,
    ExerciseSet,
    Mistakes,
    Plain,
    Problem,
    Trait,
    cases,
    doubled,
    load_and_call,
    random_numbers,
    random_weights,
    row,
    rows,
    step_case,
)
from rnncourse.checks.framework.slips import NEEDS_A_STATE, STATE_IGNORED, WEIGHTS_EXCHANGED
from rnncourse.checks.framework.variants import BIAS_SIGNS, GRU_CANDIDATE, GRU_GATES, GRU_MIX

CHECKS = ExerciseSet("08", "The GRU")


# The lesson's own pencil example: I = 2, H = 1, rows r, z, n.
PENCIL_WEIGHTS = {
    "weight_ih": rows([1.0, 1.0], [0.0, -1.0], [0.5, 1.0]),
    "weight_hh": rows([2.0], [0.0], [1.0]),
    "bias_ih": row(-1.0, 0.0, -1.0),
    "bias_hh": row(0.0, 0.0, 0.5),
}
PENCIL = {"x_t": row(1.0, -1.0), "h": row(0.5), **PENCIL_WEIGHTS}


# ---- Task 1, gru_step: torch's step, the reset gate after the matmul.
def _step_after(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh):
    ih_r, ih_z, ih_n = linear(x_t, weight_ih, bias_ih).chunk(3, dim=-1)
    hh_r, hh_z, hh_n = linear(h, weight_hh, bias_hh).chunk(3, dim=-1)
    r = torch.sigmoid(ih_r + hh_r)
    z = torch.sigmoid(ih_z + hh_z)
    n = torch.tanh(ih_n + r * hh_n)
    return (1 - z) * n + z * h


def _step_cases(seed: int) -> list[Case]:
    case = functools.partial(step_case, random_numbers(seed, 0.8), 3)
    batches = [case(3, 5, 4), case(2, 4, 6), case(4, 3, 3)]  # I = H: exchanged weights run
    zeros = [case(3, 2, 5, H_ZERO), case(5, 4, 3, X_ZERO), case(2, 5, 3, BIAS_ZERO)]
    return batches + zeros + [case(None, 5, 4), case(None, 3, 6, H_ZERO), case(None, 4, 2)]


# For both variants of the step.
COMMON = """
z the other way | z and 1 - z are exchanged: with z = 1 torch's GRU keeps the old state. § Which way z points
    (1 - z) * n + z * h => (1 - z) * h + z * n
h not mixed in | the old state is not mixed in: only 1 - z of the candidate is left.
    + z * h =>
    § What can one leave out of an LSTM?
old state kept whole | all of the old state is kept, whatever z is. § What can one leave out of an LSTM?
    + z * h => + h
candidate written whole | all of the candidate is written: nothing ties what is written to what is kept.
    (1 - z) * n => n § What can one leave out of an LSTM?
candidate alone | this is the candidate n: z is not used. | (1 - z) * n + z * h => n
r mixes | r is where z should be: which gate says how much is kept?
    (1 - z) * n + z * h => (1 - r) * n + r * h
reset h kept | you keep r * h. The reset gate is only for the candidate. | + z * h => + z * r * h
tanh over the mix | the new state is squashed again, although it is already bounded.
    (1 - z) * n + z * h => torch.tanh((1 - z) * n + z * h) § What can one leave out of an LSTM?
sigmoid for n | you apply a sigmoid to n: what range should it have? | n = torch.tanh => n = torch.sigmoid
n not activated | n is the bare sum: it is not squashed. | n = torch.tanh => n =
tanh for r | you apply tanh to r, but a gate lies between 0 and 1. | r = torch.sigmoid => r = torch.tanh
tanh for z | you apply tanh to z, but a gate lies between 0 and 1. | z = torch.sigmoid => z = torch.tanh
tanh for both gates | you apply tanh to r and z, but a gate lies between 0 and 1.
    r = torch.sigmoid => r = torch.tanh
    z = torch.sigmoid => z = torch.tanh
r over the whole | r also multiplies the input's part. | tanh(ih_n => tanh(r * ih_n
bias_hh missing | a bias is missing: bias_hh is not added. § Merging two biases
    (h, weight_hh, bias_hh) => (h, weight_hh)
bias_ih missing | a bias is missing: bias_ih is not added. § Merging two biases
    (x_t, weight_ih, bias_ih) => (x_t, weight_ih)
bias_ih twice | bias_ih is added twice and bias_hh is never added: a typo?
    (h, weight_hh, bias_hh) => (h, weight_hh, bias_ih) § Merging two biases
bias_hh twice | bias_hh is added twice and bias_ih is never added: a typo?
    (x_t, weight_ih, bias_ih) => (x_t, weight_ih, bias_hh) § Merging two biases
x left out | x_t is not used. | (x_t, weight_ih, bias_ih) => (0 * x_t, weight_ih, bias_ih)
order z, r, n | your numbers are those of blocks in the order z, r, n. torch stacks them r, z, n.
    ih_r, ih_z, ih_n = => ih_z, ih_r, ih_n =
    hh_r, hh_z, hh_n = => hh_z, hh_r, hh_n = § Equal to torch
"""

step_mistakes = Mistakes("The equations", _step_after).edits("""
b_hn outside the reset | b_hn is added outside the product with r, but it belongs to the part that r
    multiplies.
    r * hh_n => r * (hh_n - bias_hh.chunk(3)[2]) + bias_hh.chunk(3)[2] § Merging two biases
reset before the matmul | your reset gate acts before the matmul, W_hn (r * h): the published paper's GRU.
    torch's acts after it. § Where the reset gate acts
    r * hh_n => linear(r * h, weight_hh.chunk(3)[2], bias_hh.chunk(3)[2])
reset before, bias too | your reset gate acts before the matmul, and also on the bias: it should act after the
    matmul, on both. § Where the reset gate acts
    r * hh_n => linear(r * h, weight_hh.chunk(3)[2]) + r * bias_hh.chunk(3)[2]
""")
step_mistakes.edits(COMMON)
step_mistakes.edits("""
order n, r, z | your numbers are those of blocks in the order n, r, z. torch stacks them r, z, n.
    ih_r, ih_z, ih_n = => ih_n, ih_r, ih_z =
    hh_r, hh_z, hh_n = => hh_n, hh_r, hh_z = § Equal to torch
order r, n, z | your numbers are those of blocks in the order r, n, z. torch stacks them r, z, n.
    ih_r, ih_z, ih_n = => ih_r, ih_n, ih_z =
    hh_r, hh_z, hh_n = => hh_r, hh_n, hh_z = § Equal to torch
r left out | r is not used: the candidate reads the whole old state. | r * hh_n => hh_n
z for r | z is where r should be: which gate says how much n reads? | r * hh_n => z * hh_n
r on the input | r multiplies the input's part. It should say how much of the old state is read.
    ih_n + r * hh_n => r * ih_n + hh_n
r outside the tanh | r multiplies the tanh, not what goes into it.
    torch.tanh(ih_n + r * hh_n) => r * torch.tanh(ih_n + hh_n)
h left out | the gates and the candidate do not look at h.
    linear(h, weight_hh, bias_hh) => linear(0 * h, weight_hh, bias_hh)
no bias | neither bias is added. § Merging two biases
    (x_t, weight_ih, bias_ih) => (x_t, weight_ih)
    (h, weight_hh, bias_hh) => (h, weight_hh)
""")
step_mistakes.edits(WEIGHTS_EXCHANGED, section="Equal to torch")
step_mistakes.edits("""
every third entry | you treat every third entry as a block. A block is H consecutive entries. § Equal to torch
    bias_ih).chunk(3, dim=-1) => bias_ih).unflatten(-1, (-1, 3)).unbind(-1)
    bias_hh).chunk(3, dim=-1) => bias_hh).unflatten(-1, (-1, 3)).unbind(-1)
gates not activated | r and z are the bare sums: they are not squashed.
    r = torch.sigmoid => r =
    z = torch.sigmoid => z =
""")
SAME = "r from the block of z; z from the block of r"  # the same as z for r, and as r for z
step_mistakes.edits(GRU_GATES + GRU_CANDIDATE + GRU_MIX + BIAS_SIGNS, but=f"{SAME}; candidate squashed twice")

gru_step = CHECKS.task(
    "gru_step",
    step_mistakes,
    returns="h (B H)",
    points="with a batch 2 where there is a batch; without a batch 1 where there is no batch",
    cases=_step_cases,
    explain=explain.gru_step,
    example=PENCIL,
)


# ---- Task 2, gru_step_before: the published paper's step, the reset gate before the matmul.
def _step_before(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh):
    ih_r, ih_z, ih_n = linear(x_t, weight_ih, bias_ih).chunk(3, dim=-1)
    hh_r, hh_z, hh_n = linear(h, weight_hh, bias_hh).chunk(3, dim=-1)  # noqa: RUF059 (for the mistakes)
    r = torch.sigmoid(ih_r + hh_r)
    z = torch.sigmoid(ih_z + hh_z)
    W_n, b_n = weight_hh.chunk(3)[2], bias_hh.chunk(3)[2]
    n = torch.tanh(ih_n + linear(r * h, W_n, b_n))
    return (1 - z) * n + z * h


wrong = Mistakes("Where the reset gate acts", _step_before).edits("""
reset after the matmul | your reset gate acts after the matmul: these are torch's numbers. Compute the other
    variant.
    linear(r * h, W_n, b_n) => r * hh_n
reset after, bias outside | your reset gate acts after the matmul, on everything but the bias. In this variant
    it acts on h.
    linear(r * h, W_n, b_n) => r * linear(h, W_n) + b_n
r on the bias, too | r also multiplies b_hn. Here it acts only on h, before the matmul.
    linear(r * h, W_n, b_n) => linear(r * h, W_n) + r * b_n
reset twice | the reset gate acts twice, before the matmul and after it.
    linear(r * h, W_n, b_n) => r * linear(r * h, W_n, b_n)
b_hn missing | b_hn is not added. § Merging two biases
    linear(r * h, W_n, b_n) => linear(r * h, W_n)
""")
wrong.edits(COMMON)
wrong.edits("""
order n, r, z | your numbers are those of blocks in the order n, r, z. torch stacks them r, z, n.
    ih_r, ih_z, ih_n = => ih_n, ih_r, ih_z =
    hh_r, hh_z, hh_n = => hh_n, hh_r, hh_z =
    weight_hh.chunk(3)[2], bias_hh.chunk(3)[2] => weight_hh.chunk(3)[0], bias_hh.chunk(3)[0] § Equal to torch
order r, n, z | your numbers are those of blocks in the order r, n, z. torch stacks them r, z, n.
    ih_r, ih_z, ih_n = => ih_r, ih_n, ih_z =
    hh_r, hh_z, hh_n = => hh_r, hh_n, hh_z =
    weight_hh.chunk(3)[2], bias_hh.chunk(3)[2] => weight_hh.chunk(3)[1], bias_hh.chunk(3)[1] § Equal to torch
r left out | r is not used: the candidate reads the whole old state. | linear(r * h, W_n, b_n) => hh_n
z for r | z is where r should be: which gate says how much n reads? | r * h, => z * h,
the gates read r * h, too | the gates read r * h as well. z reads the old state as it is.
    sigmoid(ih_z + hh_z) => sigmoid(ih_z + linear(r * h, weight_hh, bias_hh).chunk(3, dim=-1)[1])
W_hr for W_hn | r * h is multiplied by the first block of weight_hh, that of r. Which block is n's?
    weight_hh.chunk(3)[2], bias_hh.chunk(3)[2] => weight_hh.chunk(3)[0], bias_hh.chunk(3)[0]
""")
wrong.edits(GRU_GATES + GRU_MIX, but=SAME)

gru_step_before = CHECKS.task(
    "gru_step_before",
    wrong,
    returns="h (B H)",
    points="with a batch 2 where there is a batch; without a batch 1 where there is no batch",
    cases=_step_cases,
    explain=explain.gru_step_before,
    example=PENCIL,
)


# ---- Task 3, turn_z: weights from the other convention of z.
def _turn_z(weight_ih, weight_hh, bias_ih, bias_hh):
    def turned(weight):
        r, z, n = weight.chunk(3)
        return torch.cat([r, -z, n])

    return turned(weight_ih), turned(weight_hh), turned(bias_ih), turned(bias_hh)


@cases(0.8, "I5 H3; I2 H4; I6 H2; I3 H1")
def _turn_z_cases(numbers, I, H):
    return random_weights(numbers, 3, I, H)


wrong = Mistakes("Which way z points", _turn_z).edits("""
biases as they were | the weights are changed, the biases are not. What else goes into z's sum?
    turned(bias_ih), turned(bias_hh) => bias_ih, bias_hh
one bias as it was | bias_hh is as it was. It goes into z's sum just as bias_ih does.
    turned(bias_hh) => bias_hh
bias_ih as it was | bias_ih is as it was. | turned(bias_ih) => bias_ih
weight_hh as it was | weight_hh is as it was, but z also reads the state. | turned(weight_hh) => weight_hh
weight_ih as it was | weight_ih is as it was, but z also reads the input. | turned(weight_ih) => weight_ih
r's block | you change r's block. In which order do the blocks lie? § Equal to torch
    [r, -z, n] => [-r, z, n]
n's block | you change n's block. In which order do the blocks lie? § Equal to torch
    [r, -z, n] => [r, z, -n]
all blocks | you change all three blocks. Only z changes its meaning. | [r, -z, n] => [-r, -z, -n]
r and z | you also change r's block. Only z changes its meaning. | [r, -z, n] => [-r, -z, n]
1 - weights | you take 1 minus the weights. It is the gate that becomes 1 - z, after the sigmoid. What goes
    into the sigmoid?
    -z => 1 - z
1 - all weights | you take 1 minus all the weights. It is the gate that becomes 1 - z, after the sigmoid.
    [r, -z, n] => [1 - r, 1 - z, 1 - n]
blocks exchanged | you swap r and z. But both conventions have the blocks in the same order.
    [r, -z, n] => [z, r, n]
nothing changed | the weights are as they were. | -z => z
z's block set to zero | z's block is now zero: then z is 0.5 for every input. | -z => 0 * z
""")

turn_z = CHECKS.task(
    "turn_z",
    wrong,
    returns="weight_ih (3H I), weight_hh (3H H), bias_ih (3H), bias_hh (3H)",
    points="the weights 1 = weight_ih, weight_hh, arguments; the biases 1 = bias_ih, bias_hh, arguments",
    cases=_turn_z_cases,
    example={  # no zero: every number that changes is seen to change
        "weight_ih": rows([1.0, 2.0], [3.0, -4.0], [5.0, 6.0]),
        "weight_hh": rows([7.0], [8.0], [9.0]),
        "bias_ih": row(0.1, 0.2, 0.3),
        "bias_hh": row(0.4, -0.5, 0.6),
    },
)


# ---- Task 4, from_keras: weights with a different layout and order.
def _from_keras(kernel, recurrent_kernel, bias):
    def rzn(blocks):
        z, r, n = blocks.chunk(3, dim=-1)
        return torch.cat([r, z, n], dim=-1)

    return rzn(kernel).T, rzn(recurrent_kernel).T, rzn(bias[0]), rzn(bias[1])


@cases(0.8, "I5 H3; I2 H4; I6 H2; I4 H1")  # I = 3H: a forgotten transposition fits
def _from_keras_cases(numbers, I, H):
    kernel, recurrent_kernel, bias = numbers(I, 3 * H), numbers(H, 3 * H), numbers(2, 3 * H)
    return {"kernel": kernel, "recurrent_kernel": recurrent_kernel, "bias": bias}


wrong = Mistakes("Equal to torch", _from_keras).edits("""
order kept | everything is transposed as it should be, but the blocks are still in the order z, r, n.
    [r, z, n] => [z, r, n]
not transposed | the blocks are in torch's order, but not transposed: Keras writes x @ kernel, and torch?
    rzn(kernel).T, rzn(recurrent_kernel).T => rzn(kernel), rzn(recurrent_kernel)
nothing changed | these are still Keras's weights: compare the two layouts first, then the two orders.
    [r, z, n] => [z, r, n]
    rzn(kernel).T, rzn(recurrent_kernel).T => rzn(kernel), rzn(recurrent_kernel)
reshaped | the shapes fit, but reshape keeps the numbers in row order: that is not a transposition.
    rzn(kernel).T => rzn(kernel).reshape(-1, len(kernel))
    rzn(recurrent_kernel).T => rzn(recurrent_kernel).reshape(-1, len(recurrent_kernel))
reshaped first | the shapes fit, but reshape keeps the numbers in row order: that does not transpose.
    rzn(kernel).T => rzn(kernel.reshape(-1, len(kernel)).T).T
    rzn(recurrent_kernel).T => rzn(recurrent_kernel.reshape(-1, len(recurrent_kernel)).T).T
biases in the old order | the weights are in torch's order, the biases are not: they have three blocks, too.
    rzn(bias[0]), rzn(bias[1]) => bias[0], bias[1]
biases exchanged | the two biases are exchanged. That would not matter for r and z, but it does for n.
    rzn(bias[0]), rzn(bias[1]) => rzn(bias[1]), rzn(bias[0]) § Merging two biases
biases added up | you add the biases into one, and the other is zero. For n the two do different things.
    rzn(bias[0]), rzn(bias[1]) => rzn(bias[0] + bias[1]), torch.zeros_like(bias[1])
    § Merging two biases
one bias twice | bias_hh is the input's bias again. § Merging two biases
    rzn(bias[1]) => rzn(bias[0])
z negated | the sign of z's block is changed. But in Keras z keeps, as in torch. § Which way z points
    [r, z, n] => [r, -z, n]
z and n exchanged | you swap the wrong blocks. Write both orders down, one below the other.
    [r, z, n] => [n, r, z]
r and n exchanged | you swap the wrong blocks. Write both orders down, one below the other.
    [r, z, n] => [z, n, r]
blocks reversed | the blocks are now in the order n, z, r. Write both orders down, one below the other.
    [r, z, n] => [n, z, r]
moved on by one | the blocks are now in the order r, n, z. torch has r, z, n. | [r, z, n] => [r, n, z]
""")

from_keras = CHECKS.task(
    "from_keras",
    wrong,
    returns="weight_ih (3H I), weight_hh (3H H), bias_ih (3H), bias_hh (3H)",
    points="weight_ih 1; weight_hh 1; the biases 1 = bias_ih, bias_hh",
    cases=_from_keras_cases,
    example={
        "kernel": rows([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]),
        "recurrent_kernel": rows([10.0, 20.0, 30.0]),
        "bias": rows([0.1, 0.2, 0.3], [0.4, 0.5, 0.6]),
    },
)


# ---- Task 5, first_difference: where the two variants diverge over a sequence.
LATER = Trait("they diverge later than at the first step", "which step you report")
AT_ONCE = Trait("they diverge at the first step", "how you count the steps")
NEVER = Trait("they do not diverge within T steps", "what you report where no step is above the tolerance")


def _first_difference(x, h_0, weight_ih, weight_hh, bias_ih, bias_hh, tolerance):
    weights = weight_ih, weight_hh, bias_ih, bias_hh
    a, b, gap = h_0, h_0, []
    for x_t in x:
        a, b = _step_after(x_t, a, *weights), _step_before(x_t, b, *weights)
        gap.append((a - b).abs().max())
    gap = torch.stack(gap)
    above = (gap > tolerance).nonzero().flatten().tolist()
    first = above[0] if above else len(gap)
    return gap, torch.tensor(first)


@functools.cache
def _case(seed: int, trait: Trait, T: int, B: int, I: int, H: int) -> Case:
    """Return a case. For LATER, draw until all the steps that could be confused are different.

    They are: step 0, the first and the last above the tolerance, the one after that first, the one with the
    largest gap, and the one whose number is how many are above.
    """
    numbers = random_numbers(seed, 1.0)
    while True:
        arguments = {"x": numbers(T, B, I), "h_0": numbers(B, H), **random_weights(numbers, 3, I, H)}
        gap, _ = _first_difference(**arguments, tolerance=0.0)
        first = {AT_ONCE: 0, NEVER: T, LATER: 2}[trait]
        before = float(gap[:first].max()) if first else 0.0
        at = float(gap[first]) if first < T else 2 * before
        tolerance = (before + at) / 2
        above = gap > tolerance
        last = above.nonzero().flatten()[-1:].tolist()
        meant = {0, first, first + 1, *last, int(above.sum()), int(gap.argmax())}
        if trait is not LATER or (len(meant) == 6 and at > 1.1 * before):
            sizes = {"T": T, "B": B, "I": I, "H": H}
            return Case(arguments | {"tolerance": tolerance}, sizes, frozenset({trait}))


def _first_difference_cases(seed: int) -> list[Case]:
    return [
        _case(seed, LATER, 8, 3, 2, 4),
        _case(seed + 100, LATER, 9, 2, 3, 5),
        _case(seed + 200, AT_ONCE, 5, 4, 3, 2),
        _case(seed + 300, NEVER, 4, 2, 5, 3),
    ]


def _derive(returned: Plain, arguments: dict[str, Any]) -> Plain:
    """Accept a whole number as `first` as well as a tensor."""
    if isinstance(returned, tuple | list) and len(returned) == 2:
        if returned[1] is None:
            raise Problem("first is None; expected T where no step is above the tolerance.")
        if type(returned[1]) is int:
            return returned[0], torch.tensor(returned[1])
    return returned


wrong = Mistakes("Where the reset gate acts", _first_difference).edits("""
one state for both | both variants continue from one state: these are the errors of single steps. Each needs a
    state of its own.
    _step_before(x_t, b, => _step_before(x_t, a,
one state for both, the other | both variants continue from the other's state. Each needs a state of its own.
    _step_after(x_t, a, => _step_after(x_t, b,
h_0 at each step | each step starts from h_0: nothing is carried.
    _step_after(x_t, a, => _step_after(x_t, h_0,
    _step_before(x_t, b, => _step_before(x_t, h_0,
h_0 ignored | h_0 is not used: the states start from zeros.
    a, b, gap = h_0, h_0 => a, b, gap = 0 * h_0, 0 * h_0
mean | gap is the mean of the differences. Return the largest. | .abs().max() => .abs().mean()
sum | gap is the sum of the differences. Return the largest. | .abs().max() => .abs().sum()
no absolute value | a difference may be negative: its absolute value is missing. | .abs().max() => .max()
norm | gap is the norm of the differences. Return the largest. | (a - b).abs().max() => (a - b).norm()
first row of the batch | you only look at the first row of the batch. | (a - b).abs() => (a - b)[0].abs()
largest so far | each gap is the largest so far, but a gap may become smaller again.
    torch.stack(gap) => torch.stack(gap).cummax(0)[0]
added up | the gaps are added up over time. | torch.stack(gap) => torch.stack(gap).cumsum(0)
counted from 1 | first is one too large: steps count from 0. | above[0] => above[0] + 1
last step above | first is the last step above the tolerance. | above[0] => above[-1]
number of steps above | first is the number of steps above the tolerance.
    above[0] if above else len(gap) => len(above)
largest gap's step | first is the step of the largest gap. | above[0] if => int(gap.argmax()) if
0 where none | where no step is above the tolerance, first is 0: the argmax of all False is 0.
    else len(gap) => else 0
-1 where none | where no step is above the tolerance, first is -1 instead of T. | else len(gap) => else -1
T - 1 where none | where no step is above the tolerance, first is the last step instead of T.
    else len(gap) => else len(gap) - 1
first step below | first is the first step that is not above the tolerance.
    gap > tolerance => gap <= tolerance
one variant twice | gap is zero throughout: the same variant runs twice. | _step_before => _step_after
""")

first_difference = CHECKS.task(
    "first_difference",
    wrong,
    returns="gap (T), first () int",
    points="gap 2; first 1",
    cases=_first_difference_cases,
    example={
        "x": torch.stack([PENCIL["x_t"], -PENCIL["x_t"], PENCIL["x_t"]])[:, None],
        "h_0": PENCIL["h"][None],
        **PENCIL_WEIGHTS,
        "tolerance": 0.07,
    },
    derive=_derive,
)


# ---- Task 6, MyGRUCell: a class that torch's weights fit into.
class _MyGRUCell(nn.Module):
    step = staticmethod(_step_after)

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.weight_ih = nn.Parameter(torch.zeros(3 * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.zeros(3 * hidden_size, hidden_size))
        self.bias_ih = nn.Parameter(torch.zeros(3 * hidden_size))
        self.bias_hh = nn.Parameter(torch.zeros(3 * hidden_size))

    def forward(self, x_t, state=None):
        if state is None:
            state = x_t.new_zeros(len(x_t), self.hidden_size)
        h = self.step(x_t, state, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return h


# In a learner's class, parameters are float32.
@cases(0.8, "B3 I5 H4 h; B2 I4 H6 h; B4 I3 H3 h; B3 I2 H4; B2 I5 H3; B4 I3 H5 double", dtype=torch.float32)
def _MyGRUCell_cases(numbers, B, I, H, h=False, double=False):
    arguments = {"input_size": I, "hidden_size": H, "parameters": random_weights(numbers, 3, I, H)}
    arguments |= {"x_t": numbers(B, I), "h": numbers(B, H) if h else None}
    return doubled(arguments) if double else arguments, STATE if h else NO_STATE, double and FLOAT64


wrong = Mistakes("Equal to torch", _MyGRUCell)
wrong.extend(
    step_mistakes.through(
        lambda step: type("MyGRUCell", (_MyGRUCell,), {"step": staticmethod(step)}),
        hint="the step in it is not right: {}",
        but=(  # the rarer ones, which gru_step already names
            "order n, r, z",
            "order r, n, z",
            "reset before, bias too",
            "old state kept whole",
            "candidate written whole",
            "reset h kept",
            "tanh over the mix",
            "tanh for r",
            "tanh for z",
            "r over the whole",
            "r outside the tanh",
            "bias_ih twice",
            "bias_hh twice",
        ),
    )
)
wrong.edits("""
starts from ones | without a state it starts from ones. Which state does torch's cell start from?
    x_t.new_zeros => x_t.new_ones
zeros in float32 | where x_t is float64, it starts from zeros of torch's default dtype.
    x_t.new_zeros => torch.zeros
""")
wrong.edits(NEEDS_A_STATE + STATE_IGNORED)
wrong.edits("""
a pair returned | it returns a pair, as an LSTM's cell does. A GRU has one state. | return h => return h, h
""")

MyGRUCell = CHECKS.task(
    "MyGRUCell",
    wrong,
    returns="h (B H)",
    points="from a given state 2 where a state is given; with and without a state 1",
    cases=_MyGRUCell_cases,
    example={
        "input_size": 2,
        "hidden_size": 1,
        "parameters": {name: weight.float() for name, weight in PENCIL_WEIGHTS.items()},
        "x_t": PENCIL["x_t"][None].float(),
        "h": None,
    },
    use=load_and_call,
    explain=explain.gru_step,
)


# ---- Task 7, gru_step_backward: the backward pass through one step.
def _gru_step_backward(dh_t, x_t, h, weight_ih, weight_hh, bias_ih, bias_hh):
    ih_r, ih_z, ih_n = linear(x_t, weight_ih, bias_ih).chunk(3, dim=-1)
    hh_r, hh_z, hh_n = linear(h, weight_hh, bias_hh).chunk(3, dim=-1)
    r, z = torch.sigmoid(ih_r + hh_r), torch.sigmoid(ih_z + hh_z)
    n = torch.tanh(ih_n + r * hh_n)
    dz = dh_t * (h - n)
    dn = dh_t * (1 - z)
    dih_n = dn * (1 - n**2)
    dr = dih_n * hh_n
    dhh_n = dih_n * r
    dih_r = dhh_r = dr * (r * (1 - r))
    dih_z = dhh_z = dz * (z * (1 - z))
    dih = torch.cat([dih_r, dih_z, dih_n], dim=-1)
    dhh = torch.cat([dhh_r, dhh_z, dhh_n], dim=-1)
    dh = dh_t * z + dhh @ weight_hh
    dx_t = dih @ weight_ih
    return dx_t, dh, dih.T @ x_t, dhh.T @ h, dih.sum(0), dhh.sum(0)


@cases(0.8, "B3 I5 H4; B2 I4 H6; B5 I2 H3; B4 I3 H2")
def _gru_step_backward_cases(numbers, B, I, H):
    arguments = {"dh_t": numbers(B, H), "x_t": numbers(B, I), "h": numbers(B, H)}
    return arguments | random_weights(numbers, 3, I, H)


wrong = Mistakes("Backward of one step", _gru_step_backward).edits("""
dz: sign | dz has the wrong sign: z multiplies h, and minus z multiplies n. | (h - n) => (n - h)
dz: h alone | dz forgets the factor of n, 1 - z, which contains z as well. | dh_t * (h - n) => dh_t * h
dz: n alone | dz forgets that z also multiplies h. | dh_t * (h - n) => dh_t * -n
dn: z | dn has the factor z. What multiplies n in the forward step? | dh_t * (1 - z) => dh_t * z
dn: whole | dn is all of dh_t, but n is multiplied by a factor. | dh_t * (1 - z) => dh_t
tanh's slope: 1 - n | you take the slope of tanh as 1 - n. It is 1 - n². | (1 - n**2) => (1 - n)
tanh's slope left out | the tanh's slope is missing on the path to n's sum. | dn * (1 - n**2) => dn
tanh's slope as sigmoid's | n * (1 - n) is the slope of a sigmoid. But n is the result of a tanh.
    (1 - n**2) => (n * (1 - n))
dr: h for hh_n | dr uses h as the other factor. What does r multiply? | dih_n * hh_n => dih_n * h
dr: whole sum | dr uses the whole sum of n as the other factor. r only multiplies one part of it.
    dih_n * hh_n => dih_n * (ih_n + r * hh_n)
dr: before the tanh | dr is computed from dn, but the tanh's slope lies between. | dih_n * hh_n => dn * hh_n
one da for both parts | dih and dhh are the same in your code. In n's block r comes between the sum and the
    state's part.
    dhh_n = dih_n * r => dhh_n = dih_n
r on both parts | both parts of n get the factor r. It multiplies only one of them.
    [dih_r, dih_z, dih_n] => [dih_r, dih_z, dhh_n]
r's slope left out | the sigmoid's slope is missing for r. | dr * (r * (1 - r)) => dr
z's slope left out | the sigmoid's slope is missing for z. | dz * (z * (1 - z)) => dz
both slopes left out | the sigmoid's slope is missing for r and for z.
    dr * (r * (1 - r)) => dr
    dz * (z * (1 - z)) => dz
sigmoid's slopes as tanh's | 1 - r² and 1 - z² are slopes of a tanh. Gates are results of a sigmoid.
    dr * (r * (1 - r)) => dr * (1 - r**2)
    dz * (z * (1 - z)) => dz * (1 - z**2)
dh: no direct path | dh lacks the direct path, from the mix, which reads h as well. | dh_t * z + =>
dh: direct path only | dh is only the direct path, but gates and candidate read h, too. | + dhh @ weight_hh =>
dh: 1 - z | the direct path has the factor 1 - z. By what is h multiplied? | dh_t * z => dh_t * (1 - z)
dh: whole | the direct path has no factor, but h is multiplied by one. | dh_t * z + => dh_t +
dh from dih | dh is computed from dih. Which of the two belongs to the state's part?
    dhh @ weight_hh => dih @ weight_hh
dx_t from dhh | dx_t is computed from dhh. Which of the two belongs to the input's part?
    dih @ weight_ih => dhh @ weight_ih
dh without n's part | dh lacks what the candidate sends back.
    dhh @ weight_hh => dhh[:, : 2 * h.shape[1]] @ weight_hh[: 2 * h.shape[1]]
biases: mean | the biases' gradients are means over the batch. Every row contributes: sum over the batch.
    dih.sum(0), dhh.sum(0) => dih.mean(0), dhh.mean(0)
biases: not summed | the biases' gradients still have a row for each sample: sum over the batch.
    dih.sum(0), dhh.sum(0) => dih, dhh
biases the same | both biases get the same. They do in r's and z's block; in n's? | dhh.sum(0) => dih.sum(0)
weight_hh from dih | dweight_hh is computed from dih. Which of the two belongs to the state's part?
    dhh.T @ h => dih.T @ h
weights transposed | the weights' gradients are transposed, but each has its weight's shape.
    dih.T @ x_t, dhh.T @ h => x_t.T @ dih, h.T @ dhh
blocks z, r, n | the blocks of your gradients are in the order z, r, n. torch stacks them r, z, n.
    [dih_r, dih_z, dih_n] => [dih_z, dih_r, dih_n]
    [dhh_r, dhh_z, dhh_n] => [dhh_z, dhh_r, dhh_n]
weight_hh from the new state | dweight_hh is computed from the new state. Which state did the step read?
    dhh.T @ h, => dhh.T @ ((1 - z) * n + z * h),
""")

gru_step_backward = CHECKS.task(
    "gru_step_backward",
    wrong,
    returns="dx_t (B I), dh (B H), dweight_ih (3H I), dweight_hh (3H H), dbias_ih (3H), dbias_hh (3H)",
    points="dx_t 1; dh 2; the weights 2 = dweight_ih, dweight_hh; the biases 1 = dbias_ih, dbias_hh",
    cases=_gru_step_backward_cases,
    explain=explain.gru_step_backward,
    example={
        "dh_t": row(1.0)[None],
        "x_t": PENCIL["x_t"][None],
        "h": PENCIL["h"][None],
        **PENCIL_WEIGHTS,
    },
    forbid=RECURRENT | AUTOGRAD,
)

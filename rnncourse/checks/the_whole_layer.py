"""The checks of exercise set 16: the pieces of a fast LSTM, and a whole layer judged against torch's."""

import random
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from rnncourse.checks.framework.authoring import (
    AUTOGRAD,
    NO_BIAS,
    ONE_STEP,
    RECURRENT,
    SINGLE,
    STATE,
    ExerciseSet,
    Mistakes,
    Problem,
    Trait,
    cases,
    check_random,
    fresh_case,
    in_float64,
    is_random,
    layer_case,
    masked_case,
    random_numbers,
    random_state,
    row,
    rows,
    small_parameters,
)
from rnncourse.checks.uses.the_whole_layer import EXPECTED, load_call_and_differentiate

CHECKS = ExerciseSet("16", "The whole layer")

BY_HAND = RECURRENT | AUTOGRAD  # what the tasks on the backward pass may not call

AHEAD = Trait("time runs forward", "what changes when time runs backward")
REVERSE = Trait("time runs backward", "what you do when reverse is False")


# ---- Task 1, counted: how the work of a layer is divided into matmuls.
T, B, I, H = 50, 20, 30, 40
TRUTH = {
    "step_by_step": 2 * T,
    "hoisted": T + 1,
    "first_result": (T * B, 4 * H),
    "multiply_adds": T * B * 4 * H * (I + H),
    "share": I / (I + H),
    "backward": T + 3,
}

wrong = Mistakes("The input's part, for all steps at once", TRUTH).edits("""
one a step | A step multiplies two things by a weight: which two? | step_by_step => 50
eight a step | The four gates' weights lie in one matrix: they share a matmul. | step_by_step => 400
four a step | Count a step's matmuls, not its gates: the four share a matrix. | step_by_step => 200
one in all | The input's part is one. What must still be multiplied at each step? | hoisted => 1
input's part forgotten | These are the state's. The input's part is a matmul as well. | hoisted => 50
two before the loop | The biases are added, not multiplied: how many matmuls come before the loop?
    hoisted => 52
nothing hoisted | This is the count of the step-by-step loop. | hoisted => 100
one step's result | This is the part of one step. The hoisted matmul computes it for all.
    first_result => (20, 160)
one gate's result | These are the columns of one gate. How many rows does weight_ih have?
    first_result => (1000, 40)
result transposed | Rows are steps and sequences, columns are the output. | first_result => (160, 1000)
what goes in | This is the shape of the matmul's input. What is the shape of its result?
    first_result => (1000, 30)
batch forgotten in the result | Each step has a row for each sequence of the batch.
    first_result => (50, 160)
steps and batch kept apart | For one matmul the steps and the batch are one axis of rows.
    first_result => (50, 20, 160)
multiplications and additions | A multiply-add counts once: this is twice as many.
    multiply_adds => 22400000
input's work only | This is only the input's part. | multiply_adds => 4800000
state's work only | This is only the state's part. | multiply_adds => 6400000
one gate's work | This is the work of one gate. | multiply_adds => 2800000
one step's work | This is the work of one step. | multiply_adds => 224000
one sequence's work | This is the work of one sequence of the batch. | multiply_adds => 560000
the state's share | This is the share that stays in the loop. | share => 0.5714285714
input over state | This is the input's part over the state's. Give its share of the whole. | share => 0.75
half | It would be half if I were H. | share => 0.5
share of the calls | This is a share of the number of matmuls. Give the share of the multiply-adds.
    share => 0.01960784314
percent | Give a share, a number from 0 to 1. | share => 42.85714286
two per step in the backward pass | Only one product of the backward pass must wait for the next step. The
    others can come after the loop. § The backward of a whole sequence
    backward => 100
all in the loop | This is three per step. Which of them do not need to be in the loop?
    backward => 150 § The backward of a whole sequence
after the loop forgotten | These are the loop's. Some come after it. § The backward of a whole sequence
    backward => 50
one after the loop | After the loop there is more than one gradient to compute.
    backward => 51 § The backward of a whole sequence
two after the loop | One gradient is missing: there are two weights, and the input of the layer.
    backward => 52 § The backward of a whole sequence
bias by a matmul | The biases' gradient is a sum of rows, not a matmul. § The backward of a whole sequence
    backward => 54
""")

counted = CHECKS.predicted(
    "counted",
    wrong,
    tolerance=0.01,
    points="""
        the matmuls 1 = step_by_step, hoisted
        their sizes 1 = first_result, multiply_adds, share
        the backward pass 1 = backward
    """,
)


# ---- Task 2, input_part: everything that reads no state, for all steps at once.
def _input_part(x, weight_ih, bias_ih, bias_hh):
    a = x @ weight_ih.T
    return a + bias_ih + bias_hh


@cases(
    0.8,
    "T5 B3 I2 H4; T3 B4 I6 H2; T2 B2 I5 H3",
    "T4 B3 I8 H2",  # I = 4H: the transposed weight runs as well
)
def _input_part_cases(numbers, T, B, I, H):
    x, weight_ih = numbers(T, B, I), numbers(4 * H, I)
    return {"x": x, "weight_ih": weight_ih, "bias_ih": numbers(4 * H), "bias_hh": numbers(4 * H)}


wrong = Mistakes("The input's part, for all steps at once", _input_part).edits("""
no biases | the biases are missing: they do not read a state either. | + bias_ih + bias_hh =>
bias_hh left out | one of the two biases is missing. | + bias_hh =>
bias_ih left out | one of the two biases is missing. | + bias_ih =>
bias_ih twice | one bias is added twice, the other not at all. | + bias_hh => + bias_ih
bias_hh twice | one bias is added twice, the other not at all. | a + bias_ih => a + bias_hh
biases subtracted | a bias has the wrong sign. | + bias_hh => - bias_hh
rows not brought back | steps and batch are one axis: reshape the result to (T, B, 4H).
    x @ weight_ih.T => x.flatten(0, 1) @ weight_ih.T
first step only | you only compute it for the first step. | x @ => x[0] @
last step only | you only compute it for the last step. | x @ => x[-1] @
summed over time | you sum the steps. Each step has its own part. | x @ => x.sum(0) @
batch first | batch and time are exchanged in the result. | x @ => x.transpose(0, 1) @
rows mixed | the numbers are right, but view has put them into the wrong rows.
    x @ weight_ih.T => (x.transpose(0, 1) @ weight_ih.T).reshape(*x.shape[:2], -1)
squashed | you already apply the gates' nonlinearities. Without the state's part that is too early.
    - return a + bias_ih + bias_hh
    + i, f, g, o = (a + bias_ih + bias_hh).chunk(4, dim=-1)
    + return torch.cat([i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()], dim=-1)
""")

input_part = CHECKS.task(
    "input_part",
    wrong,
    returns="a (T B 4H)",
    points="the input's part 2",
    cases=_input_part_cases,
    example={
        "x": rows([[1.0, 0.0]], [[0.0, 2.0]]),
        "weight_ih": rows([1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]),
        "bias_ih": row(0.5, 0.5, 0.5, 0.5),
        "bias_hh": row(0.0, 0.0, 0.0, 0.0),
    },
    agree="the same step by step",
)


# ---- Task 3, one_way: the loop over time, in either direction, over the hoisted input's part.
def _one_way(a, h_0, c_0, weight_hh, reverse):
    h, c = h_0, c_0
    output = [h] * len(a)
    steps = range(len(a))
    for t in reversed(steps) if reverse else steps:
        i, f, g, o = (a[t] + h @ weight_hh.T).chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        output[t] = h
    return torch.stack(output), h, c


@cases(0.8, "T5 B3 H4; T5 B3 H4 reverse; T4 B4 H2; T3 B3 H5 reverse; T1 B4 H3 reverse; T6 B2 H3")
def _one_way_cases(numbers, T, B, H, reverse=False):
    a, (h_0, c_0), weight_hh = numbers(T, B, 4 * H), random_state(numbers, B, H), numbers(4 * H, H)
    arguments = {"a": a, "h_0": h_0, "c_0": c_0, "weight_hh": weight_hh, "reverse": reverse}
    return arguments, REVERSE if reverse else AHEAD, T == 1 and ONE_STEP


wrong = Mistakes("The loop", _one_way).edits("""
reverse ignored | reverse has no effect: time always runs forward. § Layers, directions, dropout
    reversed(steps) if reverse else steps => steps
reverse the other way round | it runs backward where reverse is False, and forward where it is True.
    if reverse => if not reverse § Layers, directions, dropout
not put back | with reverse, output is in the order in which it was computed, the last step first.
    return torch.stack(output) => return torch.stack(output[::-1] if reverse else output)
    § Layers, directions, dropout
batch reversed | with reverse, you flip the batch instead of time. § Layers, directions, dropout
    steps = range(len(a)) => a, steps, reverse = a.flip(1) if reverse else a, range(len(a)), False
h_n at the last step | h_n is output[-1]. With reverse, at which step does the loop end?
    (output), h, c => (output), output[-1], c § Layers, directions, dropout
h_n at step 0 | h_n is output[0]. Without reverse, at which step does the loop end?
    (output), h, c => (output), output[0], c § Layers, directions, dropout
states exchanged | h_n and c_n are exchanged. | (output), h, c => (output), c, h
h for c | c_n is h_n again. | (output), h, c => (output), h, h
start returned | h_n and c_n are the given states. | (output), h, c => (output), h_0, c_0
c collected | output holds the memories c. What does the layer show? | output[t] = h => output[t] = c
from zeros | the given states are not used. | h, c = h_0, c_0 => h, c = 0 * h_0, 0 * c_0
h_0 at each step | each step reads h_0 instead of the previous step's h. | h @ weight => h_0 @ weight
c_0 at each step | each step uses c_0 instead of the previous step's memory. | (f) * c + => (f) * c_0 +
states given exchanged | you confuse h_0 and c_0. | c = h_0, c_0 => c = c_0, h_0
c from h | the memory is computed from h: f multiplies the wrong state. | (f) * c + => (f) * h +
state's part forgotten | the state's part of the pre-activations is missing: no step reads the previous h.
    a[t] + h @ weight_hh.T => a[t] § The input's part, for all steps at once
input's part forgotten | a is not used: it is the contribution of the inputs.
    a[t] + h => 0 * a[t] + h § The input's part, for all steps at once
one step's input for all | every step reads the input's part of step 0. | a[t] => a[0]
order i f o g | you cut the gates in a different order than torch's. | i, f, g, o = => i, f, o, g =
order f i g o | you cut the gates in a different order than torch's. | i, f, g, o = => f, i, g, o =
g by σ | the new content g is squashed by σ. It may be negative. | torch.tanh(g) => torch.sigmoid(g)
c without tanh | h shows c itself. What should squash it first? | torch.tanh(c) => c
forget as 1 - f | f is what is kept, not what is dropped. | torch.sigmoid(f) => (1 - torch.sigmoid(f))
first step left out | the loop never visits step 0. | range(len(a)) => range(1, len(a))
last step left out | the loop never visits the last step. | range(len(a)) => range(len(a) - 1)
""")

one_way = CHECKS.task(
    "one_way",
    wrong,
    returns="output (T B H), h_n (B H), c_n (B H)",
    points="""
        output, forward 1 = output where time runs forward
        output, backward 1 = output where time runs backward
        h_n 1
        c_n 1
    """,
    cases=_one_way_cases,
    example={
        "a": rows([[0.0, 0.0, 1.0, 0.0]], [[0.0, 0.0, 2.0, 0.0]]),
        "h_0": rows([0.0]),
        "c_0": rows([1.0]),
        "weight_hh": rows([0.0], [0.0], [0.0], [0.0]),
        "reverse": True,
    },
    agree="one direction of torch.nn.LSTM",
)


# ---- Task 4, backward_loop: the backward pass through time, in either direction.
ENDS_ONLY = Trait("only the final states have a loss", "what doutput sends back")


def forward(a, h, c, weight_hh, reverse):
    """Return what the backward pass needs: the gates (T, B, 4H), the outputs and the memories (T, B, H)."""
    kept = [None] * len(a)
    for t in reversed(range(len(a))) if reverse else range(len(a)):
        i, f, g, o = (a[t] + h @ weight_hh.T).chunk(4, dim=-1)
        i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
        c = f * c + i * g
        h = o * torch.tanh(c)
        kept[t] = torch.cat([i, f, g, o], dim=-1), h, c
    return [torch.stack(parts) for parts in zip(*kept, strict=True)]


def _backward_loop(doutput, dh_n, dc_n, gates, c, c_0, weight_hh, reverse):
    i, f, g, o = gates.chunk(4, dim=-1)
    before = torch.cat([c[1:], c_0[None]]) if reverse else torch.cat([c_0[None], c[:-1]])
    shown, da = torch.tanh(c), torch.zeros_like(gates)
    dh, dc, steps = dh_n, dc_n, range(len(c))
    for t in steps if reverse else reversed(steps):
        dh = doutput[t] + dh
        dc = dc + dh * o[t] * (1 - shown[t] ** 2)
        da_i = dc * g[t] * i[t] * (1 - i[t])
        da_f = dc * before[t] * f[t] * (1 - f[t])
        da_g = dc * i[t] * (1 - g[t] ** 2)
        da_o = dh * shown[t] * o[t] * (1 - o[t])
        da[t] = torch.cat([da_i, da_f, da_g, da_o], dim=-1)
        dh = da[t] @ weight_hh
        dc = dc * f[t]
    return da, dh, dc


@cases(0.8, "T3 B2 H4; T2 B3 H5 reverse; T2 B4 H3 ends_only; T3 B2 H4 reverse; T1 B4 H3 reverse")
def _backward_loop_cases(numbers, T, B, H, reverse=False, ends_only=False):
    (h_0, c_0), weight_hh = random_state(numbers, B, H), numbers(4 * H, H)
    gates, _, c = forward(numbers(T, B, 4 * H), h_0, c_0, weight_hh, reverse)
    doutput = numbers(T, B, H) * (not ends_only)
    arguments = {"doutput": doutput, "dh_n": numbers(B, H), "dc_n": numbers(B, H), "gates": gates}
    arguments |= {"c": c, "c_0": c_0, "weight_hh": weight_hh, "reverse": reverse}
    return arguments, REVERSE if reverse else AHEAD, T == 1 and ONE_STEP, ends_only and ENDS_ONLY


wrong = Mistakes("The backward of a whole sequence", _backward_loop).edits("""
reverse ignored | reverse has no effect. The backward pass runs against the time of the forward pass.
    torch.cat([c[1:], c_0[None]]) if reverse else torch.cat => torch.cat
    steps if reverse else reversed(steps) => reversed(steps)
same way as forward | the loop runs in the direction of the forward loop. Which da does dh_t need?
    if reverse else reversed(steps) => if not reverse else reversed(steps)
memory before, always from t - 1 | with reverse, you take the previous memory from the wrong neighbour.
    torch.cat([c[1:], c_0[None]]) if reverse else torch.cat => torch.cat
c_t for the one before | the forget gate's gradient reads the memory after its step. Which memory did f
    multiply?
    dc * before[t] => dc * c[t]
first memory zero | you treat the memory before the first step as zero. It was c_0.
    dh, dc, steps = dh_n => before[-1 if reverse else 0] = 0; dh, dc, steps = dh_n
doutput at the end only | only the last step of the forward loop gets its doutput. Each has one.
    doutput[t] + dh => doutput[t] * (t == (0 if reverse else len(c) - 1)) + dh
doutput left out | doutput is not used. | doutput[t] + dh => dh
dh not carried | each step gets only its own doutput: nothing is carried back along h.
    doutput[t] + dh => doutput[t]
dh_n ignored | dh_n is not used. | dh, dc, steps = dh_n => dh, dc, steps = 0 * dh_n
dc_n ignored | dc_n is not used. | dh_n, dc_n, range => dh_n, 0 * dc_n, range
both ignored | dh_n and dc_n are not used: the loop begins with zeros.
    dh, dc, steps = dh_n, dc_n, range => dh, dc, steps = 0 * dh_n, 0 * dc_n, range
dh_n and dc_n exchanged | you confuse dh_n and dc_n. | dh_n, dc_n, range => dc_n, dh_n, range
dh_n at each step | dh_n is added at every step. Which state is h_n?
    dh = da[t] @ weight_hh => dh = da[t] @ weight_hh + dh_n * (t != (len(c) - 1 if reverse else 0))
dc not carried | nothing is carried back along c: each step's dc comes only from its own h.
    dc = dc + dh => dc = 0 * dc + dh
h's share of dc forgotten | c_t has two readers. What does h_t send back to it?
    dc = dc + dh * o[t] * (1 - shown[t] ** 2) => dc = dc + 0 * dh
tanh of c not derived | on the path from h_t to c_t the slope of the tanh is missing.
    o[t] * (1 - shown[t] ** 2) => o[t]
square forgotten | the slope of the tanh of c_t lacks its square. | (1 - shown[t] ** 2) => (1 - shown[t])
slope from c | the slope of the tanh is computed from c_t instead of tanh(c_t).
    (1 - shown[t] ** 2) => (1 - c[t] ** 2)
o left out of dc | h_t = o tanh(c_t): its o is missing on the path to c_t. | dh * o[t] * (1 => dh * (1
f left out of dc | dc is passed to the previous step as it is. What did the step multiply the memory by?
    dc = dc * f[t] => dc = dc
i for f | dc goes back through i. Which gate keeps the memory? | dc = dc * f[t] => dc = dc * i[t]
dc of the next step for da | the gates get the incoming dc, before h_t's share is added.
    dc = dc + dh * o[t] * (1 - shown[t] ** 2) => dc, late = dc, dh * o[t] * (1 - shown[t] ** 2)
    dc = dc * f[t] => dc = (dc + late) * f[t]
σ' of i forgotten | da_i lacks the slope of its gate. | dc * g[t] * i[t] * (1 - i[t]) => dc * g[t]
σ' of f forgotten | da_f lacks the slope of its gate. | before[t] * f[t] * (1 - f[t]) => before[t]
σ' of o forgotten | da_o lacks the slope of its gate. | shown[t] * o[t] * (1 - o[t]) => shown[t]
tanh' of g forgotten | da_g lacks the slope of its tanh. | i[t] * (1 - g[t] ** 2) => i[t]
σ' for g | da_g has the slope of a σ. g is a tanh. | i[t] * (1 - g[t] ** 2) => i[t] * g[t] * (1 - g[t])
o from dc | da_o is computed from dc. What reads o? | dh * shown[t] => dc * shown[t]
o from c | da_o is computed from c_t itself, not from what h_t shows of it. | dh * shown[t] => dh * c[t]
i and g exchanged | da_i and da_g lack each other's factor: i g was one product.
    dc * g[t] * i[t] * (1 - i[t]) => dc * i[t] * i[t] * (1 - i[t])
    dc * i[t] * (1 - g[t] ** 2) => dc * g[t] * (1 - g[t] ** 2)
order i f o g | da is stacked in a different order than the gates. | da_f, da_g, da_o] => da_f, da_o, da_g]
order f i g o | da is stacked in a different order than the gates. | [da_i, da_f, => [da_f, da_i,
dh_0 before the weight | dh_0 is the first step's dh. It has yet to go through the step.
    return da, dh, dc => return da, doutput[-1 if reverse else 0] + 0 * dh, dc
ends exchanged | dh_0 and dc_0 are exchanged. | return da, dh, dc => return da, dc, dh
dc_0 is dc_n | dc_0 is dc_n, unchanged. | return da, dh, dc => return da, dh, dc_n
dh_0 is dh_n | dh_0 is dh_n, unchanged. | return da, dh, dc => return da, dh_n, dc
da in the order of the loop | da is in the order in which the loop computed it, not in time order.
    return da, dh, dc => return da.flip(0), dh, dc
da in the order of the forward loop | with reverse, da is in the order of the forward loop, not in time order.
    return da, dh, dc => return da.flip(0) if reverse else da, dh, dc
""")

backward_loop = CHECKS.task(
    "backward_loop",
    wrong,
    returns="da (T B 4H), dh_0 (B H), dc_0 (B H)",
    points="""
        da, time forward 2 = da where time runs forward
        da, time backward 1 = da where time runs backward
        dh_0 1
        dc_0 1
    """,
    cases=_backward_loop_cases,
    example={
        "doutput": rows([[1.0]], [[2.0]]),
        "dh_n": rows([0.0]),
        "dc_n": rows([0.0]),
        "gates": rows([[0.5, 0.5, 0.5, 0.5]], [[0.5, 0.5, 0.5, 0.5]]),
        "c": rows([[0.25]], [[0.375]]),
        "c_0": rows([0.0]),
        "weight_hh": rows([0.0], [0.0], [0.0], [0.0]),
        "reverse": False,
    },
    forbid=BY_HAND,
    agree="autograd",
)


# ---- Task 5, after_loop: what comes after the loop of the backward pass, for all steps at once.
def _after_loop(da, x, output, h_0, weight_ih, reverse):
    before = torch.cat([output[1:], h_0[None]]) if reverse else torch.cat([h_0[None], output[:-1]])
    rows, read, kept = da.flatten(0, 1), x.flatten(0, 1), before.flatten(0, 1)
    dweight_ih, dweight_hh, dbias = rows.T @ read, rows.T @ kept, rows.sum(0)
    return da @ weight_ih, dweight_ih, dweight_hh, dbias


@cases(
    0.8,
    "T5 B3 I2 H4; T5 B3 I2 H4 reverse",
    "T3 B3 I8 H2; T3 B3 I8 H2 reverse",  # I = 4H: a transposed weight runs as well
    "T1 B4 I5 H3 reverse; T2 B4 I1 H3",
)
def _after_loop_cases(numbers, T, B, I, H, reverse=False):
    da, x, output = numbers(T, B, 4 * H), numbers(T, B, I), numbers(T, B, H)
    arguments = {"da": da, "x": x, "output": output, "h_0": numbers(B, H), "weight_ih": numbers(4 * H, I)}
    return arguments | {"reverse": reverse}, REVERSE if reverse else AHEAD, T == 1 and ONE_STEP


wrong = Mistakes("The backward of a whole sequence", _after_loop).edits("""
h_t for the one before | dweight_hh pairs da_t with the h that step t computed. Which one did it read?
    before.flatten(0, 1) => output.flatten(0, 1)
reverse ignored | reverse has no effect: with it, which neighbour's output did step t read?
    torch.cat([output[1:], h_0[None]]) if reverse else torch.cat => torch.cat
reverse the other way round | you take step t's neighbour on the wrong side, with and without reverse.
    if reverse => if not reverse
first state zero | you treat the state before the loop's first step as zero. It was h_0.
    h_0[None]]) if reverse => 0 * h_0[None]]) if reverse
    torch.cat([h_0 => torch.cat([0 * h_0
h_0 at the wrong end | with reverse, you put h_0 at step 0. Which step of the loop reads it?
    torch.cat([output[1:], h_0[None]]) => torch.cat([h_0[None], output[1:]])
h_0 for all steps | you treat each step as if it had read h_0. | before.flatten(0, 1) => h_0.repeat(len(x), 1)
last step's share | the weights' gradients are only the last step's share.
    da.flatten(0, 1), x.flatten(0, 1), before.flatten(0, 1) => da[-1], x[-1], before[-1]
first step's share | the weights' gradients are only the first step's share.
    da.flatten(0, 1), x.flatten(0, 1), before.flatten(0, 1) => da[0], x[0], before[0]
means over time | the gradients of weights and bias are means over time. Take a sum: each step uses the same
    weights.
    rows, read, kept = da.flatten(0, 1) => rows, read, kept = da.flatten(0, 1) / len(x)
means over the batch | the gradients of weights and bias are means over the batch.
    rows, read, kept = da.flatten(0, 1) => rows, read, kept = da.flatten(0, 1) / len(h_0)
means over rows | the gradients of weights and bias are means over all rows.
    rows, read, kept = da.flatten(0, 1) => rows, read, kept = da.flatten(0, 1) / before[..., 0].numel()
dbias a mean | dbias is a mean over the rows. | rows.sum(0) => rows.mean(0)
dbias over time only | dbias has a row for each sequence: sum over the batch as well.
    rows.sum(0) => da.sum(0)
dbias over the batch only | dbias has a row for each step: sum over time as well. | rows.sum(0) => da.sum(1)
dbias over the units | dbias is summed over the units: return one number for each.
    rows.sum(0) => rows.sum(1)
dbias twice | dbias is twice too large. There are two biases, each with this gradient.
    rows.sum(0) => 2 * rows.sum(0)
sums of products apart | you multiply the sums. Take the sum of the products.
    rows.T @ read, rows.T @ kept => rows.sum(0)[:, None] * read.sum(0), rows.sum(0)[:, None] * kept.sum(0)
dweights transposed | dweight_ih and dweight_hh are transposed compared with the weights.
    rows.T @ read, rows.T @ kept => read.T @ rows, kept.T @ rows
dweights exchanged | dweight_ih and dweight_hh are exchanged.
    rows.T @ read, rows.T @ kept => rows.T @ kept, rows.T @ read
dx as rows | steps and batch are one axis in dx: reshape it to (T, B, I).
    da @ weight_ih, => rows @ weight_ih,
dx summed | dx is summed over time. Each x_t is used at only one step.
    da @ weight_ih, => (da @ weight_ih).sum(0),
dx reversed | dx is in the order of the backward pass. | da @ weight_ih, => (da @ weight_ih).flip(0),
batch and time exchanged | the rows of x and of da are in different orders: you flatten one time first, the
    other batch first.
    x.flatten(0, 1) => x.transpose(0, 1).flatten(0, 1)
    before.flatten(0, 1) => before.transpose(0, 1).flatten(0, 1)
""")

after_loop = CHECKS.task(
    "after_loop",
    wrong,
    returns="dx (T B I), dweight_ih (4H I), dweight_hh (4H H), dbias (4H)",
    points="""
        dx 1
        dweight_ih and dbias 1 = dweight_ih, dbias
        dweight_hh, time forward 1 = dweight_hh where time runs forward
        dweight_hh, time backward 1 = dweight_hh where time runs backward
    """,
    cases=_after_loop_cases,
    example={
        "da": rows([[1.0, 0.0, 0.0, 0.0]], [[10.0, 0.0, 0.0, 1.0]]),
        "x": rows([[2.0]], [[3.0]]),
        "output": rows([[0.5]], [[0.7]]),
        "h_0": rows([0.2]),
        "weight_ih": rows([1.0], [1.0], [1.0], [2.0]),
        "reverse": False,
    },
    forbid=BY_HAND,
    agree="autograd",
)


# ---- Task 6, MyLSTM: the whole layer, judged by its properties against torch.nn.LSTM.
PLAIN = Trait("there is one layer, one direction and no option", "what the options need")
BATCH_FIRST = Trait("batch_first is set", "what you do where batch_first is False")
LAYERS = Trait("there are several layers", "what goes from one layer to the next")
TWO_WAYS = Trait("there are two directions", "what you do with one direction")
DROPS = Trait("there is dropout", "when dropout is applied, and where")


class _MyLSTM(nn.Module):
    """The right layer in torch's operations. The mistakes are edits of it."""

    def __init__(self, I, H, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False):
        super().__init__()
        self.hidden_size, self.num_layers, self.batch_first = H, num_layers, batch_first
        self.dropout, self.D, self.bias = dropout, 2 if bidirectional else 1, bias
        for layer in range(num_layers):
            width = self.D * H if layer else I
            for end in ("", "_reverse")[: self.D]:
                self.add(f"weight_ih_l{layer}{end}", 4 * H, width)
                self.add(f"weight_hh_l{layer}{end}", 4 * H, H)
                if bias:
                    self.add(f"bias_ih_l{layer}{end}", 4 * H)
                    self.add(f"bias_hh_l{layer}{end}", 4 * H)

    def add(self, name, *shape):
        bound = self.hidden_size**-0.5
        self.register_parameter(name, nn.Parameter(torch.empty(shape).uniform_(-bound, bound)))

    def run(self, x, end, h, c, reverse):
        own = self._parameters
        bias = own["bias_ih" + end] + own["bias_hh" + end] if self.bias else None
        a = F.linear(x, own["weight_ih" + end], bias)
        weight_hh = own["weight_hh" + end]
        output, steps = [h] * len(x), range(len(x))
        for t in reversed(steps) if reverse else steps:
            i, f, g, o = (a[t] + h @ weight_hh.T).chunk(4, dim=-1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            output[t] = h
        return torch.stack(output), h, c

    def forward(self, x, hx=None):
        single = x.dim() == 2
        if single:
            x, hx = x.unsqueeze(1), hx and tuple(s.unsqueeze(1) for s in hx)
        elif self.batch_first:
            x = x.transpose(0, 1)
        zeros = x.new_zeros(self.D * self.num_layers, x.shape[1], self.hidden_size)
        h_0, c_0 = (zeros, zeros) if hx is None else hx
        hs, cs = [], []
        for layer in range(self.num_layers):
            if layer > 0:
                x = F.dropout(x, self.dropout, self.training)
            halves = []
            for d in range(self.D):
                k = self.D * layer + d
                half, h, c = self.run(x, f"_l{layer}" + d * "_reverse", h_0[k], c_0[k], d == 1)
                halves.append(half)
                hs.append(h)
                cs.append(c)
            x = torch.cat(halves, dim=-1)
        h_n, c_n = torch.stack(hs), torch.stack(cs)
        if single:
            return x.squeeze(1), (h_n.squeeze(1), c_n.squeeze(1))
        return (x.transpose(0, 1) if self.batch_first else x), (h_n, c_n)


def _MyLSTM_cases(seed):
    numbers, chance = random_numbers(seed, 0.8, torch.float32), random.Random(seed)
    case = partial(layer_case, numbers)
    T, sizes = chance.choice((2, 3)), chance.sample(range(2, 6), 3)
    by_chance = {name: chance.random() < 0.5 for name in ("single", "train", "bias", "batch_first")}
    by_chance |= {"num_layers": 2, "bidirectional": True, "dropout": float(not by_chance["train"])}
    return [  # in the order in which a layer is built, which a verdict follows
        case((3, 5, 2, 4), PLAIN),
        case((2, 4, 5, 3), STATE, state=True),
        case((2, 4, 3, 5), BATCH_FIRST, batch_first=True, state=True),
        case((2, 4, 3, 5), SINGLE, single=True, batch_first=True, state=True),
        case((4, 2, 5, 3), SINGLE, single=True),
        case((2, 4, 3, 6), LAYERS, num_layers=2, state=True),
        case((2, 4, 5, 3), TWO_WAYS, bidirectional=True, state=True),
        case((2, 3, 4, 5), NO_BIAS, bias=False),
        # Here everything is dropped or nothing, so no random draw matters.
        case((2, 4, 6, 5), DROPS, num_layers=3, dropout=1.0, train=True),
        case((2, 4, 5, 6), DROPS, num_layers=2, dropout=1.0),
        masked_case(numbers, DROPS),
        masked_case(numbers, bidirectional=True),
        fresh_case(numbers, num_layers=2, bidirectional=True),
        in_float64(case((2, 3, 4, 5), num_layers=2)),
        case((3, 4, 2, 5), num_layers=2, batch_first=True, state=True),
        case((T, *sizes), state=True, **by_chance),
    ]


def _checked_results(returned, arguments):
    """Return the results as they are; check random numbers for the properties of torch's."""
    if not is_random(arguments):
        return returned
    if not isinstance(returned, dict):
        raise Problem(EXPECTED)
    check_random(returned if arguments["x"] is None else returned["output"], arguments)
    return dict.fromkeys(("output", "h_n", "c_n", "dx", "dparameters"), torch.zeros(0))


wrong = Mistakes("The contract, as tests", _MyLSTM).edits("""
one direction goes up | nn.LSTM's weights do not fit where there are two directions: a layer reads both
    halves.
    § Names first
    width = self.D * H if => width = H if
biases always | with bias=False there are still biases. § Names first | if bias: => if True:
hx ignored | the given states are not used. § The loop | else hx => else (zeros, zeros)
hx needed | it fails without hx. Which states does nn.LSTM start from? § The loop
    (zeros, zeros) if hx is None else hx => hx
hx exchanged | you confuse h_0 and c_0. § The loop | h_0, c_0 = (zeros => c_0, h_0 = (zeros
states exchanged | h_n and c_n are exchanged. § The loop | x), (h_n, c_n) => x), (c_n, h_n)
batch_first ignored | batch_first has no effect. § Other layouts
    elif self.batch_first: => elif False:
    if self.batch_first else x => if False else x
batch_first the other way round | batch_first has the opposite effect. § Other layouts
    elif self.batch_first: => elif not self.batch_first:
    if self.batch_first else x => if not self.batch_first else x
output not brought back | with batch_first, output is still time first. § Other layouts
    if self.batch_first else x => if False else x
states batch-first | with batch_first, h_n and c_n come batch first. In a state the batch is the second axis.
    else x), (h_n, c_n) => else x), tuple(s.transpose(0, 1) if self.batch_first else s for s in (h_n, c_n))
    § Other layouts
output reshaped | with batch_first, output has the right shape, but each sequence has numbers of others: this
    is a reshape. § Other layouts
    return (x.transpose(0, 1) => return (x.reshape(x.shape[1], x.shape[0], -1)
unbatched not known | you do not recognise a sequence without a batch axis, (T, I). § Other layouts
    single = x.dim() == 2 => single = False
unbatched comes back batched | for a sequence without a batch axis, the results have one. § Other layouts
    x.squeeze(1), (h_n.squeeze(1), c_n.squeeze(1)) => x, (h_n, c_n)
unbatched hx ignored | for a sequence without a batch axis, the given states are not used.
    x.unsqueeze(1), hx and tuple(s.unsqueeze(1) for s in hx) => x.unsqueeze(1), None § Other layouts
unbatched read as one step | you read (T, I) as one step of a batch of T. It is T steps of one sequence.
    - x, hx = x.unsqueeze(1), hx and tuple(s.unsqueeze(1) for s in hx)
    + x, hx = x.unsqueeze(0), hx and tuple(s.unsqueeze(1).expand(-1, len(x), -1) for s in hx)
    - return x.squeeze(1), (h_n.squeeze(1), c_n.squeeze(1))
    + return x.squeeze(0), (h_n[:, -1], c_n[:, -1])
    § Other layouts
states of the last layer only | h_n and c_n are only the last layer's. § Layers, directions, dropout
    torch.stack(hs), torch.stack(cs) => torch.stack(hs[-self.D :]), torch.stack(cs[-self.D :])
first layer's states for all | every layer starts from the states of layer 0. § Layers, directions, dropout
    k = self.D * layer + d => k = d
all forward first | with two directions, the rows of the states are in a different order: all forward ones
    first.
    k = self.D * layer + d => k = self.num_layers * d + layer
    torch.stack(hs) => torch.stack(hs[:: self.D] + hs[1 :: self.D] * (self.D - 1))
    torch.stack(cs) => torch.stack(cs[:: self.D] + cs[1 :: self.D] * (self.D - 1))
    § Layers, directions, dropout
hx all forward first | with two directions, you read the rows of hx in a different order: all forward ones
    first.
    k = self.D * layer + d => k = self.num_layers * d + layer § Layers, directions, dropout
backward outputs not put back | the backward half of output is in the order in which it was computed.
    torch.stack(output), h => torch.stack(output[::-1] if reverse else output), h
    § Layers, directions, dropout
both forward | both directions run from the first step to the last. § Layers, directions, dropout
    reversed(steps) if reverse else steps => steps
flipped along the batch | the backward direction flips the batch instead of time.
    a = F.linear(x, => a = F.linear(x.flip(1) if reverse else x,
    reversed(steps) if reverse else steps => steps
    torch.stack(output), h => torch.stack(output).flip(1) if reverse else torch.stack(output), h
    § Layers, directions, dropout
halves exchanged | the backward half comes first in output. § Layers, directions, dropout
    torch.cat(halves, => torch.cat(halves[::-1],
shared weights | both directions use the forward weights. § Layers, directions, dropout
    "_reverse", h_0 => "", h_0
h_n at the last step | the backward rows of h_n are from the last step. Where does that direction end?
    hs.append(h) => hs.append(half[-1]) § Layers, directions, dropout
no dropout | dropout is not applied anywhere. § Layers, directions, dropout
    self.dropout, self.training) => 0.0)
dropout in eval | dropout is also applied in eval. § Layers, directions, dropout
    self.dropout, self.training) => self.dropout)
dropout on the input | dropout is also applied to the input of layer 0. § Layers, directions, dropout
    if layer > 0: => if True:
dropout on the output | dropout is also applied after the last layer. § Layers, directions, dropout
    h_n, c_n = torch => x = F.dropout(x, self.dropout, self.training); h_n, c_n = torch
nothing made larger | in training, what dropout keeps is not scaled up. nn.LSTM preserves the mean of what
    goes up. § Layers, directions, dropout
    F.dropout(x, self.dropout, self.training) => x * (torch.rand_like(x) >= self.dropout * self.training)
divided by zero | in training with dropout=1.0 there is nan: nothing is left, and 1 - p is 0.
    - x = F.dropout(x, self.dropout, self.training)
    + kept = torch.rand_like(x) >= self.dropout * self.training
    + x = x * kept / (1 - self.dropout * self.training)
    § Layers, directions, dropout
the share that stays | you use dropout as the share that stays. It is the share that is dropped.
    x = F.dropout(x, self.dropout, => x = F.dropout(x, 1 - self.dropout, § Layers, directions, dropout
one mask for all steps | the same units are dropped at all steps. nn.LSTM draws a new mask for each.
    F.dropout(x, => x * F.dropout(torch.ones_like(x[0]), § Layers, directions, dropout
one mask for all sequences | the same units are dropped in all sequences of the batch.
    F.dropout(x, => x * F.dropout(torch.ones_like(x[:, :1]), § Layers, directions, dropout
whole steps dropped | all units of a step are dropped, or none. § Layers, directions, dropout
    F.dropout(x, => x * F.dropout(torch.ones_like(x[..., :1]),
a mask for each direction | each direction reads a mask of its own. nn.LSTM draws one for both.
    - if layer > 0:
    + if False:
    self.run(x, => self.run(F.dropout(x, self.dropout * (layer > 0), self.training),
    § Layers, directions, dropout
zero start | all weights of a new layer are zero. What does layer 1 read then, and which gradient does it send
    down? § Names first
    torch.empty(shape).uniform_(-bound, bound) => torch.zeros(shape)
    look: nn.LSTM draws its weights. Print the largest weight of a new layer, with H = 4 and with H = 100.
biases start at zero | the biases of a new layer are zero. nn.LSTM draws them, too. § Names first
    uniform_(-bound, bound) => uniform_(-bound, bound) * ("bias" not in name)
range too wide | a new layer has numbers that are larger than nn.LSTM's ever are: these depend on H.
    torch.empty(shape).uniform_(-bound, bound) => torch.randn(shape) § Names first
not below zero | no number in a new layer is negative. nn.LSTM's range is as wide below 0 as above.
    uniform_(-bound, bound) => uniform_(0, bound) § Names first
state kept as a parameter | a state is among the parameters: state_dict() has it, and an optimizer would
    change it. § Names first
    super().__init__() => super().__init__(); self.h_0 = nn.Parameter(torch.zeros(1, 1, 1))
zeros in float32 | where x is float64, it starts from zeros of torch's default dtype. § The loop
    x.new_zeros( => torch.zeros(
one gradient cut | the numbers are right, the gradients are not: the state is detached between steps.
    output[t] = h => output[t] = h; c = c.detach()
h cut | the numbers are right, the gradients are not: h is detached on its way to the next step.
    h @ weight_hh.T => h.detach() @ weight_hh.T
layers cut | the numbers are right, the gradients are not: what goes up to the next layer is detached.
    x = F.dropout(x, => x = F.dropout(x.detach(),
order i f o g | you cut the gates in a different order than torch's. § The loop | i, f, g, o = => i, f, o, g =
""")

MyLSTM = CHECKS.task(
    "MyLSTM",
    wrong,
    returns="output (T B D*H), h_n (L*D B H), c_n (L*D B H), dx (T B I) to 1e-4, dparameters (all) to 1e-4",
    points="""
        one layer, no options 1 = output, h_n, c_n where there is one layer, one direction and no option
        hx 1 = output, h_n, c_n where a state is given
        batch_first 1 = output, h_n, c_n where batch_first is set
        without a batch 1 = output, h_n, c_n where there is no batch
        layers 1 = output, h_n, c_n where there are several layers
        directions 1 = output, h_n, c_n where there are two directions
        bias=False 1 = output, h_n, c_n where there are no biases
        dropout only in training 1 = output, h_n, c_n where there is dropout
        drawn parameters 1 = output where it is newly built
        all of it together, gradients too 2
    """,
    truth=nn.LSTM,
    cases=_MyLSTM_cases,
    example={
        "input_size": 1,
        "hidden_size": 1,
        "options": {"batch_first": True},
        "parameters": small_parameters("_l0"),
        "train": False,
        "x": torch.tensor([[[2.0], [1.0], [0.0]]]),
        "hx": None,
    },
    use=load_call_and_differentiate,
    derive=_checked_results,
    agree="torch.nn.LSTM",
)

__all__ = ["CHECKS", *(check.name for check in CHECKS)]

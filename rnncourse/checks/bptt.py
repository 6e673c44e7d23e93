"""The checks of exercise set 04: a gradient carried back through time by hand, and a numerical check of
it."""

import numpy as np
import torch

from rnncourse.checks.framework import explain
from rnncourse.checks.framework.authoring import (
    AUTOGRAD,
    H_ZERO,
    ONE_STEP,
    RECURRENT,
    X_ZERO,
    ExerciseSet,
    Mistakes,
    Trait,
    cases,
    random_weights,
    rows,
)
from rnncourse.checks.framework.variants import RNN_BACK, RNN_SLOPE
from rnncourse.checks.uses.bptt import arrays, call_with_arrays
from rnncourse.steps import rnn_step

BY_HAND = RECURRENT | AUTOGRAD  # what no task may call
CHECKS = ExerciseSet("04", "Backward through time", forbid=BY_HAND)

LAST_LOSS = Trait("only the last step has a loss", "what the losses of the other steps send back")


# ---- Task 1, by_hand: three steps of one unit, on paper.
#
# The states are 0.5, -0.6, 0.8, 0.6, and u is 0.5. The losses send -0.68, 0.84, 0.5 to h_1, h_2, h_3. Then
# da_3 = 0.32, dh_2 = 1, da_2 = 0.36, dh_1 = -0.5, da_1 = -0.32. tests/sets asks autograd for the same.

right = {"dh_2": 1.0, "dh_1": -0.5, "du": -0.12, "dh_0": -0.16}

wrong = Mistakes("Two steps, one number each", right).edits("""
dh_2: next step forgotten | This is only what its own loss sends back. What else reads h_2? | dh_2 => 0.84
dh_2: own loss forgotten | This is only what the next step sends back. What else reads h_2? | dh_2 => 0.16
dh_2: u left out | What step 3 sends back is added as it is. Through what does step 3 read h_2? | dh_2 => 1.16
dh_2: no slope | You used dh_3 where step 3 sends back da_3: the slope of its tanh is missing. | dh_2 => 1.09
dh_2: slope at h_2 | The slope of step 3 is taken at h_2. Which state is the result of step 3's tanh?
    dh_2 => 0.93
dh_2: no square | You take the slope as 1 - h. At h = -1, where tanh is flat, that would be 2. | dh_2 => 0.94
dh_2: da_2 | This is da_2, after the slope. Give dh_2, before it. | dh_2 => 0.36
dh_1: next step forgotten | This is only what its own loss sends back. What else reads h_1? | dh_1 => -0.68
dh_1: own loss forgotten | This is only what the next step sends back. What else reads h_1? | dh_1 => 0.18
dh_1: u left out | What step 2 sends back is added as it is. Through what does step 2 read h_1?
    dh_1 => -0.32
dh_1: no slope | You used dh_2 where step 2 sends back da_2: the slope of its tanh is missing. | dh_1 => -0.18
dh_1: slope at h_1 | The slope of step 2 is taken at h_1. Which state is the result of step 2's tanh?
    dh_1 => -0.36
dh_1: no square | You take the slope as 1 - h. At h = -1, where tanh is flat, that would be 2. | dh_1 => -0.58
dh_1: from an incomplete dh_2 | You computed it from a dh_2 that lacks what step 3 sends back.
    dh_1 => -0.5288
dh_1: carried alone | Its own loss is missing, and it comes from a dh_2 whose own loss is missing, too.
    dh_1 => 0.0288
du: last step only | This is only the share of step 3. At how many steps is u used? | du => 0.256
du: first step only | This is only the share of step 1. At how many steps is u used? | du => -0.16
du: two steps | The share of step 1 is missing: u is used there as well, with h_0. | du => 0.04
du: new states | Each da is multiplied by the state its own step computed. Which state does u multiply?
    du => 0.672
du: dh for da | Each share uses dh. But u enters a, before the tanh. | du => -0.45
du: a mean | This is the mean of the three shares. Do the others count less if u is used once more?
    du => -0.04
du: sum of da | This is the sum of the three da, as for a bias. What is multiplied by u? | du => 0.36
du: next step forgotten | Each dh here has only the part from its own loss: nothing was carried back.
    du => -0.14304
du: the other sign | The size is right, the sign is not. | du => 0.12
dh_0: zero | No loss reads h_0, but something else does. What? | dh_0 => 0.0
dh_0: da_1 | This is da_1. Through what does step 1 read h_0? | dh_0 => -0.32
dh_0: dh_1 | This is dh_1: it has yet to pass through step 1. | dh_0 => -0.5
dh_0: no slope | You used dh_1 where step 1 sends back da_1: the slope of its tanh is missing. | dh_0 => -0.25
dh_0: slope at h_0 | The slope of step 1 is taken at h_0. Which state is the result of step 1's tanh?
    dh_0 => -0.1875
dh_0: next step forgotten | You computed it from a dh_1 that has only the part from its own loss.
    dh_0 => -0.2176
""")

by_hand = CHECKS.predicted(
    "by_hand",
    wrong,
    follows={
        "dh_1": lambda dh_2: -0.68 + 0.5 * 0.36 * dh_2,
        "du": lambda dh_2, dh_1: 0.32 * 0.8 - 0.6 * 0.36 * dh_2 + 0.5 * 0.64 * dh_1,
        "dh_0": lambda dh_1: 0.5 * 0.64 * dh_1,
    },
)


# ---- Task 2, rnn_step_backward: one step, with all its shapes.
def _rnn_step_backward(dh_t, x_t, h, h_t, weight_ih, weight_hh):
    da = dh_t * (1 - h_t**2)
    dx_t, dh = da @ weight_ih, da @ weight_hh
    dweight_ih, dweight_hh, dbias = da.T @ x_t, da.T @ h, da.sum(axis=0)
    return dx_t, dh, dweight_ih, dweight_hh, dbias


@cases(
    0.7,
    "B3 I5 H4; B5 I2 H3; B2 I4 H6",
    "B4 I3 H3",  # I = H: exchanged weights run
    "B3 I4 H5 zero='h'; B4 I5 H2 zero='x_t'; B1 I3 H4",
)
def _rnn_step_backward_cases(numbers, B, I, H, zero=""):
    arguments = {"x_t": numbers(B, I), "h": torch.tanh(numbers(B, H)), "h_t": torch.tanh(numbers(B, H))}
    if zero:
        arguments[zero].zero_()
    arguments = {"dh_t": 2 * numbers(B, H), **arguments}
    arguments |= {"weight_ih": numbers(H, I), "weight_hh": numbers(H, H)}
    return arguments, zero == "h" and H_ZERO, zero == "x_t" and X_ZERO


wrong_step = Mistakes("One step, with all its shapes", _rnn_step_backward).edits("""
no square | the slope is 1 - h_t in your code. Near h_t = -1, where tanh is flat, that is 2. | h_t**2 => h_t
slope left out | nothing has gone back through the tanh: in your code da is dh_t itself. | * (1 - h_t**2) =>
slope at the old state | the slope uses h, the state before the step. Which state is the result of this tanh?
    § Which test would have seen it?
    h_t**2 => h**2
slope is h_t squared | da is dh_t times h_t². But tanh is steepest where h_t is 0. | (1 - h_t**2) => h_t**2
slope's sign | all signs are reversed: is the slope of tanh ever negative? | 1 - h_t**2 => h_t**2 - 1
tanh once more | tanh is applied to h_t in the slope, but h_t is already the result of a tanh.
    h_t**2 => np.tanh(h_t) ** 2
slope of a sigmoid | h_t (1 - h_t) is the slope of a sigmoid. | (1 - h_t**2) => h_t * (1 - h_t)
slope twice | the slope of tanh appears twice. How many tanh does the gradient pass? | h_t**2) => h_t**2) ** 2
dh: weight_hh transposed | dh uses weight_hh the other way round; it is square, so no shape error tells you.
    Over which of its axes does the sum run in the backward pass?
    da @ weight_hh => da @ weight_hh.T
dx_t: weight_ih transposed | you use weight_ih the other way round, which runs only where I = H.
    Compare (B, H) and (H, I).
    da @ weight_ih => da @ weight_ih.T
both weights transposed | you use both weights the other way round, which runs only where I = H.
    Over which of their axes does the sum run in the backward pass?
    da @ weight_ih => da @ weight_ih.T
    da @ weight_hh => da @ weight_hh.T
dh is da | dh is da: where is weight_hh, through which h was read? | da @ weight_hh => da
dh_t added to dh | dh_t is added to dh. Is there a path from h to h_t besides the tanh?
    da @ weight_hh => da @ weight_hh + dh_t
dh has the step before's slope | dh is also multiplied by 1 - h². That slope belongs to the previous step,
    which will apply it itself.
    da @ weight_hh => da @ weight_hh * (1 - h**2)
dh and dx_t from dh_t | dx_t and dh are computed from dh_t. But x_t and h enter before the tanh.
    da @ weight_ih, da @ weight_hh => dh_t @ weight_ih, dh_t @ weight_hh
parameters from dh_t | the parameters' gradients are computed from dh_t. But weights and biases enter before
    the tanh.
    da.T @ x_t, da.T @ h, da.sum => dh_t.T @ x_t, dh_t.T @ h, dh_t.sum
dweight_hh with h_t | dweight_hh uses h_t, the state after the step. Which state did weight_hh multiply?
    § Which test would have seen it?
    da.T @ h, => da.T @ h_t,
dweight_hh transposed | dweight_hh is transposed; it is square, so no shape error tells you. Which unit does
    row k belong to?
    da.T @ h, => h.T @ da,
dweight_ih transposed | dweight_ih is (I, H), but a gradient has the shape of its weight.
    da.T @ x_t => x_t.T @ da
both dweights transposed | both weights' gradients are transposed; that of weight_hh is square, so no shape
    error tells you. Which unit does row k belong to?
    da.T @ x_t, da.T @ h, => x_t.T @ da, h.T @ da,
means over the batch | the gradients of the parameters are means over the rows. Does another row make the
    others count less?
    da.T @ x_t, da.T @ h, da.sum(axis=0) => da.T @ x_t / len(da), da.T @ h / len(da), da.mean(axis=0)
dbias a mean | dbias is a mean over the batch. Does another row make the others count less?
    da.sum(axis=0) => da.mean(axis=0)
dweights a mean | the gradients of the weights are means over the batch; that of the bias is a sum, as it
    should be.
    da.T @ x_t, da.T @ h => da.T @ x_t / len(da), da.T @ h / len(da)
dbias not summed | dbias is (B, H). How many biases are there, and which rows use each? | da.sum(axis=0) => da
dbias summed over the units | dbias is (B): the sum runs over the units. Each unit has a bias of its own.
    da.sum(axis=0) => da.sum(axis=1)
dbias one number | dbias is one number: the sum also runs over the units. | axis=0 =>
dbias with two axes | dbias is (1, H): the summed axis is still there. | axis=0 => axis=0, keepdims=True
a recomputed without biases | the slope uses an a that you recompute without its biases. Which of the given
    numbers has been through the tanh?
    h_t**2 => np.tanh(x_t @ weight_ih.T + h @ weight_hh.T) ** 2
dweights not summed | each row of the batch has its own weight gradients. But the rows share the weights.
    da.T @ x_t, da.T @ h, => da[:, :, None] * x_t[:, None], da[:, :, None] * h[:, None],
""")

wrong_step.edits(RNN_SLOPE + RNN_BACK)

rnn_step_backward = CHECKS.task(
    "rnn_step_backward",
    wrong_step,
    returns=arrays(dx_t="B I", dh="B H", dweight_ih="H I", dweight_hh="H H", dbias="H"),
    points="dx_t 1; dh 1; dweight_ih 1; dweight_hh 1; dbias 1",
    cases=_rnn_step_backward_cases,
    example={
        "dh_t": rows([1, 1], [0, 2]),
        "x_t": rows([1], [-1]),
        "h": rows([0.5, 0], [0, 1]),
        "h_t": rows([0, 0.5], [0.5, 0]),
        "weight_ih": rows([1], [2]),
        "weight_hh": rows([1, 0], [2, -1]),
    },
    use=call_with_arrays,
    explain=explain.rnn_step_backward,
    agree="the derivation",
)


# ---- Task 3, numerical_gradient: a check that needs no calculus.
#
# The loss that the check passes is the length of v, np.linalg.norm: no number of v changes it independently,
# and it is curved, so a step of 0.2 distinguishes a forward difference from a central one.


def _numerical_gradient(loss, v, e):
    gradient = np.zeros_like(v)
    for index in np.ndindex(v.shape):
        up, down = v.copy(), v.copy()
        up[index] += e
        down[index] -= e
        gradient[index] = (loss(up) - loss(down)) / (2 * e)
    return gradient


@cases(0.8, "H4 I3 e=0.2; H5 e=0.1; T2 B4 H3 e=0.3; H2 I5 e=1e-4")
def _numerical_gradient_cases(numbers, e, **sizes):
    return {"loss": "np.linalg.norm", "v": numbers(*sizes.values()), "e": e}


wrong = Mistakes("A witness that knows no calculus", _numerical_gradient).edits("""
forward difference | the loss is taken at v + e and at v itself. The task's quotient looks to both sides.
    loss(down) => loss(v)
    2 * e => e
backward difference | the loss is taken at v and at v - e. The task's quotient looks to both sides.
    loss(up) => loss(v)
    2 * e => e
divided by e | the numbers are twice too large. How far apart are v + e and v - e? | 2 * e => e
not divided | these are differences of the loss: what must they be divided by? | / (2 * e) =>
a missing bracket | `/ 2 * e` divides by 2 and multiplies by e: parentheses are missing.
    / (2 * e) => / 2 * e
moved by half | each number is moved by e / 2. Move it by e to each side.
    += e => += e / 2
    -= e => -= e / 2
    2 * e => e
moved by half, divided by 2 e | each number is moved by e / 2, and the difference is divided by 2 e.
    += e => += e / 2
    -= e => -= e / 2
the other sign | all signs are reversed: which loss is subtracted from which?
    loss(up) - loss(down) => loss(down) - loss(up)
a sum of losses | the two losses are added. You need their difference.
    loss(up) - loss(down) => loss(up) + loss(down)
in proportion | each number is moved by e times itself, but the quotient ignores that.
    up[index] += e => up[index] *= 1 + e
    down[index] -= e => down[index] *= 1 - e
forward, divided by 2 e | the second loss is taken at v itself: the number was moved back to its place, but no
    further.
    loss(down) => loss(v)
one array by two names | it is zero: `up` and `down` are two names for one array, which is moved up and down
    again.
    v.copy(), v.copy() => [v.copy()] * 2
not put back | a number that was moved is not put back, so later ones are measured at a different place.
    up, down = v.copy(), v.copy() => up = v.copy(); v = down = v.copy()
all moved at once | all numbers are moved together. Each has its own gradient: move one at a time.
    up[index] => up
    down[index] => down
one number | you return one number, with all of v moved together. Return one for each number in v.
    up[index] => up
    down[index] => down
    return gradient => return np.array(gradient.flat[0])
row by row | the numbers of a row are moved together: does the loop run only over the first axis?
    np.ndindex(v.shape) => range(len(v))
one number for each row | there is one number for each row: the loop runs only over the first axis.
    np.zeros_like(v) => np.zeros(len(v))
    np.ndindex(v.shape) => range(len(v))
the first number only | only the first number has its quotient. How far is the `return` indented?
    (2 * e) => (2 * e); return gradient
flat | the numbers are right but lie in one row: give them the shape of v.
    return gradient => return gradient.reshape(-1)
a step of its own | the e that is passed in is not used: these are the quotients of a much smaller one.
    gradient = np.zeros_like(v) => gradient, e = np.zeros_like(v), 1e-5
""")

numerical_gradient = CHECKS.task(
    "numerical_gradient",
    wrong,
    returns=arrays(gradient=""),
    points="every quotient 3",
    cases=_numerical_gradient_cases,
    example={"loss": "np.linalg.norm", "v": rows(3, 4), "e": 1.0},
    use=call_with_arrays,
    agree="the quotient",
)


# ---- Task 4, rnn_backward: the backward step inside the loop over time.
def _rnn_backward(x, h, doutput, dh_n, weight_ih, weight_hh):
    T, H = len(x), len(weight_hh)
    dx, dh = np.zeros_like(x), dh_n
    dweight_ih, dweight_hh, dbias = np.zeros_like(weight_ih), np.zeros_like(weight_hh), np.zeros(H)
    for t in reversed(range(T)):
        dh_t = doutput[t] + dh
        da = dh_t * (1 - h[t + 1] ** 2)
        dx[t] = da @ weight_ih
        dh = da @ weight_hh
        dweight_ih += da.T @ x[t]
        dweight_hh += da.T @ h[t]
        dbias += da.sum(axis=0)
    return dx, dh, dweight_ih, dweight_hh, dbias


@cases(
    0.6,
    "T5 B3 I2 H4; T4 B2 I5 H3",
    "T3 B3 I4 H4",  # T = B, I = H: exchanged axes run
    "T6 B4 I3 H5 last_loss; T1 B4 I2 H3",
)
def _rnn_backward_cases(numbers, T, B, I, H, last_loss=False):
    x, h, weights = numbers(T, B, I), [numbers(B, H)], random_weights(numbers, 1, I, H)
    for x_t in x:
        h.append(rnn_step(x_t, h[-1], *weights.values()))
    arguments = {"x": x, "h": torch.stack(h), "doutput": 2 * numbers(T, B, H), "dh_n": 2 * numbers(B, H)}
    if last_loss:
        arguments["doutput"][:-1] = 0
    arguments |= {"weight_ih": weights["weight_ih"], "weight_hh": weights["weight_hh"]}
    return arguments, last_loss and LAST_LOSS, T == 1 and ONE_STEP


def _loop_over(step):
    """Return the loop with a different backward step in it."""

    def rnn_backward(x, h, doutput, dh_n, weight_ih, weight_hh):
        dx, dh, sums = [], dh_n, (0, 0, 0)
        for t in reversed(range(len(x))):
            dx_t, dh, *shares = step(doutput[t] + dh, x[t], h[t], h[t + 1], weight_ih, weight_hh)
            dx.append(dx_t)
            sums = [total + share for total, share in zip(sums, shares, strict=True)]
        return np.stack(dx[::-1]), dh, *sums

    return rnn_backward


wrong = Mistakes("The whole sequence", _rnn_backward)
# What h_t receives, and what is carried.
wrong.edits("""
next step forgotten | each step gets only what its own loss sends back: what is carried back is never added.
    § Which test would have seen it?
    doutput[t] + dh => doutput[t]
own losses forgotten | only the last step's loss is added. Each step has one, and sends something back.
    doutput[t] + dh => doutput[t] * (t == T - 1) + dh § Which test would have seen it?
doutput left out | doutput is not used. | doutput[t] + dh => dh
last loss at each step | each step gets the loss of the last step. | doutput[t] => doutput[-1]
losses summed first | each step gets the sum of all losses' gradients. When does the loss of step t come in?
    doutput[t] => doutput.sum(axis=0)
loss of the step before | step t gets the loss of step t - 1. | doutput[t] => doutput[t - 1]
loss joins after the slope | the loss's gradient is added after the slope. Both readers of h_t read it after
    its tanh.
    doutput[t] + dh => dh
    (1 - h[t + 1] ** 2) => (1 - h[t + 1] ** 2) + doutput[t]
carried twice | dh accumulates from step to step: each step should send back only its own.
    dh = da @ => dh = dh + da @
loss carried past the step | dh_t is also passed on to the previous step, in addition to what went through the
    tanh. Is there such a path?
    dh = da @ weight_hh => dh = dh_t + da @ weight_hh
carried without weight_hh | da is carried back as it is: where is weight_hh? | dh = da @ weight_hh => dh = da
carried without the slope | you carry back dh_t, which has not gone through this step's tanh.
    dh = da @ => dh = dh_t @
weight_hh transposed | what you carry back uses weight_hh the other way round; it is square, so no shape error
    tells you. § Which test would have seen it?
    da @ weight_hh => da @ weight_hh.T
forward in time | the loop runs from the first step to the last. Which da does dh_t need?
    reversed(range(T)) => range(T)
last step left out | the loop never visits the last step. | range(T) => range(T - 1)
first step left out | the loop never visits the first step. | range(T) => range(1, T)
carried part joins after the slope | what the next step sends back is added after the slope: are there
    parentheses around the sum?
    doutput[t] + dh => doutput[t]
    (1 - h[t + 1] ** 2) => (1 - h[t + 1] ** 2) + dh
h mistaken for the output | you read h as if h[t] were the result of step t. h[0] is the initial state: which
    step computes h[1]?
    h[t + 1] => h[t]
    @ h[t] => @ h[t - 1]
# h_n and h_0, the two ends.
dh_n ignored | dh_n is not used: the loop begins with zeros.
    dh = np.zeros_like(x), dh_n => dh = np.zeros_like(x), 0 * dh_n
dh_n at each step | dh_n is added at every step. Which state is h_n?
    doutput[t] + dh => doutput[t] + dh + dh_n
    dh = np.zeros_like(x), dh_n => dh = np.zeros_like(x), 0 * dh_n
dh_n at the last and at each step | dh_n starts the loop, as it should, but is then added at every step as
    well.
    doutput[t] + dh => doutput[t] + dh + dh_n
dh_n for the last loss | at the last step you use dh_n instead of doutput. The last state has readers of both
    kinds.
    doutput[t] + dh => doutput[t] * (t < T - 1) + dh
dh_n added to dh_0 | dh_n is added to dh_0 at the very end. Which state is h_n?
    dh = np.zeros_like(x), dh_n => dh = np.zeros_like(x), 0 * dh_n
    return dx, dh, => return dx, dh + dh_n,
dh_n as dh_0 | dh_0 is dh_n, unchanged. | return dx, dh, => return dx, dh_n,
dh_0 is the first step's dh_t | dh_0 is what h_1 receives. It has yet to pass through the first step.
    return dx, dh, => return dx, dh_t,
dh_0 is the first da | dh_0 is the da of the first step. What lies between it and h_0?
    return dx, dh, => return dx, da,
dh_0 zero | dh_0 is zero. No loss reads h_0, but the first step does. | return dx, dh, => return dx, 0 * dh,
# dx, and the sums over time.
dx backwards | dx is in the order of the loop, last step first. In which order is x?
    dx[t] => dx[T - 1 - t]
dx of the first step only | dx is (B, I), that of the first step. Return all T.
    return dx, => return dx[0],
dx summed | dx is summed over time. Each x_t is used at only one step. | return dx, => return dx.sum(axis=0),
sums forgotten | the gradients of weights and bias are only the first step's: each iteration overwrites the
    previous one. § Which test would have seen it?
    dweight_ih += => dweight_ih =
    dweight_hh += => dweight_hh =
    dbias += => dbias =
sum forgotten for dweight_hh | dweight_hh is only the first step's share: each iteration of the loop
    overwrites the previous one. § Which test would have seen it?
    dweight_hh += => dweight_hh =
sum forgotten for dweight_ih | dweight_ih is only the first step's share: each iteration of the loop
    overwrites the previous one. § Which test would have seen it?
    dweight_ih += => dweight_ih =
sum forgotten for dbias | dbias is only the first step's share: each iteration of the loop overwrites the
    previous one. § Which test would have seen it?
    dbias += => dbias =
last step's share only | the gradients of weights and bias are only the last step's share. Which steps use
    them?
    += da.T @ x[t] => += (t == T - 1) * da.T @ x[t]
    += da.T @ h[t] => += (t == T - 1) * da.T @ h[t]
    += da.sum => += (t == T - 1) * da.sum
means over time | the gradients of weights and bias are means over time. Does another step make the others
    count less?
    - return dx, dh, dweight_ih, dweight_hh, dbias
    + return dx, dh, dweight_ih / T, dweight_hh / T, dbias / T
collected da backwards | the weights' gradients pair the da of one step with the x and h of another: a list
    that the loop appends to is in the order of the loop.
    da.T @ x[t] => da.T @ x[T - 1 - t]
    da.T @ h[t] => da.T @ h[T - 1 - t]
""")

# A wrong step keeps its own hint. Those left out concern the carrying, for which there are mistakes above in
# terms of the whole loop, or are rare ones that task 2 names.
LEFT_OUT = (
    "dh: weight_hh transposed; dh is da; dh_t added to dh; both weights transposed; slope is h_t squared; "
    "slope twice; slope of a sigmoid; tanh once more; dh and dx_t from dh_t; both dweights transposed; "
    "dh from dh_t; dweights a mean; dbias summed over the units; dbias one number; dbias with two axes; "
    "dweights not summed"
)
as_step = {"name": "step: {}", "hint": "the loop is right, but the step in it is not: {}"}
wrong.extend(wrong_step.through(_loop_over, but=tuple(LEFT_OUT.split("; ")), **as_step))

rnn_backward = CHECKS.task(
    "rnn_backward",
    wrong,
    returns=arrays(dx="T B I", dh_0="B H", dweight_ih="H I", dweight_hh="H H", dbias="H"),
    points="dx 1; dh_0 1; dweight_ih 1; dweight_hh 2; dbias 1",
    cases=_rnn_backward_cases,
    example={
        "x": rows([[1]], [[0]], [[-1]]),
        "h": rows([[0.5]], [[0.8]], [[-0.6]], [[0.6]]),
        "doutput": rows([[0.84]], [[0.34]], [[0.2]]),
        "dh_n": rows([0.3]),
        "weight_ih": rows([2]),
        "weight_hh": rows([0.5]),
    },
    use=call_with_arrays,
    explain=explain.loop_backward,
    agree="the derivation",
)


# ---- Task 5, memory_backward: the same two ideas for another recurrence, the path of an LSTM's memory.
#
# Forward c_t = f_t c_{t-1} + i_t g_t and h_t = o_t tanh(c_t), the gates given. Source of the equations:
# Hochreiter & Schmidhuber 1997, with the forget gate of Gers, Schmidhuber & Cummins 2000.


def _memory_backward(dh, f, i, g, o, c):
    T = len(f)
    df, di, dg, do = (np.zeros_like(f) for _ in range(4))
    dc = np.zeros_like(c[0])
    for t in reversed(range(T)):
        shown = np.tanh(c[t + 1])
        do[t] = dh[t] * shown
        dc_t = dh[t] * o[t] * (1 - shown**2) + dc
        df[t] = dc_t * c[t]
        di[t] = dc_t * g[t]
        dg[t] = dc_t * i[t]
        dc = dc_t * f[t]
    return df, di, dg, do, dc


@cases(1.0, "T5 B3 H4; T4 B2 H3; T3 B4 H2; T6 B4 H5 last_loss; T1 B3 H2")
def _memory_backward_cases(numbers, T, B, H, last_loss=False):
    f, i, o = (torch.sigmoid(numbers(T, B, H)) for _ in range(3))
    g, c, dh = torch.tanh(numbers(T, B, H)), [numbers(B, H)], numbers(T, B, H)
    for t in range(T):
        c.append(f[t] * c[-1] + i[t] * g[t])
    if last_loss:
        dh[:-1] = 0
    arguments = {"dh": dh, "f": f, "i": i, "g": g, "o": o, "c": torch.stack(c)}
    return arguments, last_loss and LAST_LOSS, T == 1 and ONE_STEP


wrong = Mistakes("The whole sequence", _memory_backward)
# c_t has two readers.
wrong.edits("""
next step forgotten | each c_t gets only what h_t sends back. What else reads c_t?
    + dc =>
    § Which test would have seen it?
own h forgotten | only the last h sends something to its c. But each h_t has read its own c_t.
    dh[t] * o[t] => (t == T - 1) * dh[t] * o[t] § Which test would have seen it?
carried into the slope | what step t + 1 sends back is multiplied by the slope of tanh. Does that step read
    c_t through a tanh?
    dh[t] * o[t] * (1 - shown**2) + dc => (dh[t] * o[t] + dc) * (1 - shown**2)
carried into the gate | what the next step sends back goes through o and the tanh, as if that step had read
    h_t. It reads c_t itself.
    dh[t] * o[t] * (1 - shown**2) + dc => (dh[t] + dc) * o[t] * (1 - shown**2)
forward in time | the loop runs from the first step to the last. | reversed(range(T)) => range(T)
# What h_t sends back.
o left out | o_t is not used in what h_t sends to its memory. How much of the memory was shown? | * o[t] =>
slope left out | the slope of the tanh in h_t is left out. § Two steps, one number each
    * (1 - shown**2) =>
dh mistaken for dc | c_t receives all of dh_t, as if h_t were c_t: both o_t and the slope are missing.
    dh[t] * o[t] * (1 - shown**2) => dh[t]
no square | the slope is 1 - tanh(c_t) in your code. Where tanh(c_t) is near -1 the curve is flat, but your
    slope is 2. § Two steps, one number each
    shown**2 => shown
slope with c | the slope is 1 - c². It should use the result of the tanh, and c is its input.
    shown**2 => c[t + 1] ** 2 § Two steps, one number each
slope with h | the slope is 1 - h². In h_t the tanh is one factor of a product. § Two steps, one number each
    shown**2 => (o[t] * shown) ** 2
tanh of the old memory | h_t shows the memory after the step. You take the tanh of the one before.
    np.tanh(c[t + 1]) => np.tanh(c[t])
do with c | do uses c itself. What does o_t multiply? | dh[t] * shown => dh[t] * c[t + 1]
do with o | do uses o itself. What does o_t multiply? | dh[t] * shown => dh[t] * shown * o[t]
do from dc | do is computed from dc_t. Where is o_t used?
    do[t] = dh[t] * shown => pass
    df[t] = dc_t * c[t] => do[t], df[t] = dc_t * shown, dc_t * c[t]
# What c_t sends back.
df with the new memory | df uses c_t. Which memory does f_t multiply? § Which test would have seen it?
    dc_t * c[t] => dc_t * c[t + 1]
df a memory too early | df uses c[t - 1]. c[0] is the initial memory: which of them does step t read?
    dc_t * c[t] => dc_t * c[t - 1]
df with f | df uses f_t itself. What does f_t multiply? | dc_t * c[t] => dc_t * f[t]
di and dg exchanged | di and dg are exchanged: in a product each gets the other's value.
    dc_t * g[t] => dc_t * i[t]
    dg[t] = dc_t * i[t] => dg[t] = dc_t * g[t]
carried without f | what c_t sends back to c_{t-1} has not gone through f_t. | dc_t * f[t] => dc_t
f of the step before | what is carried back goes through the f of one step too early. Through which f does
    step t + 1 read c_t?
    + dc => + dc * f[t]
    dc = dc_t * f[t] => dc = dc_t * (f[t] if t == 0 else 1)
1 - f | what is carried back goes through 1 - f. In the forward pass, f is what is kept.
    dc_t * f[t] => dc_t * (1 - f[t])
carried twice | dc accumulates: the result of a step still contains what went into it.
    dc = dc_t * f[t] => dc = dc + dc_t * f[t]
dh for dc | df, di and dg are computed from dh. But these gates enter c, and c has more readers than h.
    dc_t * c[t] => dh[t] * c[t]
    dc_t * g[t] => dh[t] * g[t]
    dg[t] = dc_t => dg[t] = dh[t]
carried one step only | what h_t sends to its memory reaches only the previous memory. From which steps should
    that one receive something?
    dc = dc_t * f[t] => dc = (dc_t - dc) * f[t]
    do, dc => do, dc_t * f[0]
# The end, and the order.
dc_0 before the first step | dc_0 is what c_1 receives. It has yet to pass through the first step.
    do, dc => do, dc_t
dc_0 zero | dc_0 is zero. But the first step has read c_0. | do, dc => do, 0 * dc
all backwards | the four gates' gradients are in the order of the loop, last step first.
    return df, di, dg, do => return df[::-1], di[::-1], dg[::-1], do[::-1]
pre-activations | these are the gradients with respect to the gates' pre-activations. The gates are given
    already activated.
    return df, di, dg, do => return df * f * (1 - f), di * i * (1 - i), dg * (1 - g**2), do * o * (1 - o)
""")

memory_backward = CHECKS.task(
    "memory_backward",
    wrong,
    returns=arrays(df="T B H", di="T B H", dg="T B H", do="T B H", dc_0="B H"),
    points="df 1; di 1; dg 1; do 1; dc_0 1",
    cases=_memory_backward_cases,
    explain=explain.memory_backward,
    example={
        "dh": rows([[1]], [[0]], [[2]]),
        "f": rows([[0.5]], [[0.8]], [[1]]),
        "i": rows([[0.2]], [[0.2]], [[0.5]]),
        "g": rows([[-0.5]], [[0.4]], [[-0.64]]),
        "o": rows([[1]], [[0.5]], [[0.5]]),
        "c": rows([[1]], [[0.4]], [[0.4]], [[0.08]]),
    },
    use=call_with_arrays,
    agree="the chain rule",
)

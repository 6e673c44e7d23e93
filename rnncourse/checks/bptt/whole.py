"""Task 4, rnn_backward: the step backward inside the loop over time."""

from collections.abc import Callable

import numpy as np
import torch

from rnncourse.checks.bptt.arrays import Array, call_with_arrays
from rnncourse.checks.bptt.lesson import BY_HAND, LAST_LOSS, LESSON, WHOLE, numbers_of
from rnncourse.checks.bptt.step import wrong as wrong_steps
from rnncourse.checks.framework.cases import ONE_STEP, Case, Trait, random_numbers, random_weights
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.steps import rnn_step


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.6)

    def case(T: int, B: int, I: int, H: int, *traits: Trait) -> Case:
        x, h, weights = numbers(T, B, I), [numbers(B, H)], random_weights(numbers, 1, I, H)
        for x_t in x:
            h.append(rnn_step(x_t, h[-1], *weights.values()))
        arguments = {"x": x, "h": torch.stack(h), "doutput": 2 * numbers(T, B, H), "dh_n": 2 * numbers(B, H)}
        if LAST_LOSS in traits:
            arguments["doutput"][:-1] = 0
        arguments |= {"weight_ih": weights["weight_ih"], "weight_hh": weights["weight_hh"]}
        return Case(arguments, {"T": T, "B": B, "I": I, "H": H}, frozenset(traits))

    return [
        case(5, 3, 2, 4),
        case(4, 2, 5, 3),
        case(3, 3, 4, 4),  # T = B, I = H: exchanged axes and weights run
        case(6, 4, 3, 5, LAST_LOSS),
        case(1, 4, 2, 3, ONE_STEP),
    ]


def _truth(x, h, doutput, dh_n, weight_ih, weight_hh):
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


def _loop_over(step: Callable) -> Callable:
    """The loop, with another step backward in it."""

    def rnn_backward(x, h, doutput, dh_n, weight_ih, weight_hh):
        dx, dh, sums = [], dh_n, (0, 0, 0)
        for t in reversed(range(len(x))):
            dx_t, dh, *shares = step(doutput[t] + dh, x[t], h[t], h[t + 1], weight_ih, weight_hh)
            dx.append(dx_t)
            sums = [total + share for total, share in zip(sums, shares, strict=True)]
        return np.stack(dx[::-1]), dh, *sums

    return rnn_backward


wrong = Mistakes(WHOLE, _truth)

# What h_t is sent, and what is carried.
wrong.edits("""
§ Which test would have seen it?
next step forgotten | each step gets what its own loss sends back and nothing else: what is carried back is
    never added.
    doutput[t] + dh => doutput[t]
own losses forgotten | the loss is added at the last step alone. Each step has one, and sends something back.
    doutput[t] + dh => doutput[t] * (t == T - 1) + dh
§
doutput left out | doutput has no part in it.
    doutput[t] + dh => dh
last loss at each step | each step gets the loss of the last step.
    doutput[t] => doutput[-1]
losses summed first | each step gets the sum of all losses' gradients. When may the loss of step t join in?
    doutput[t] => doutput.sum(axis=0)
loss of the step before | step t gets the loss of step t - 1.
    doutput[t] => doutput[t - 1]
loss joins after the slope | the loss's gradient is added after the slope. h_t's two readers both read it
    after its tanh.
    doutput[t] + dh => dh
    (1 - h[t + 1] ** 2) => (1 - h[t + 1] ** 2) + doutput[t]
carried twice | dh piles up from step to step: each step should send back its own.
    dh = da @ => dh = dh + da @
loss carried past the step | dh_t travels on to the step before, beside what passed the tanh. Is there such a
    way?
    dh = da @ weight_hh => dh = dh_t + da @ weight_hh
carried without weight_hh | da is carried back as it is: what of weight_hh?
    dh = da @ weight_hh => dh = da
carried without the slope | what is carried back is made with dh_t: it has not passed this step's tanh.
    dh = da @ => dh = dh_t @
§ Which test would have seen it?
weight_hh transposed | what is carried back is made with weight_hh the other way round; it is square, so no
    shape complains.
    da @ weight_hh => da @ weight_hh.T
§
forward in time | the loop runs from the first step to the last. Which da does dh_t need?
    reversed(range(T)) => range(T)
last step left out | the loop never visits the last step.
    range(T) => range(T - 1)
first step left out | the loop never visits the first step.
    range(T) => range(1, T)
carried part joins after the slope | what the next step sends back is added after the slope: is there a
    bracket round the sum?
    doutput[t] + dh => doutput[t]
    (1 - h[t + 1] ** 2) => (1 - h[t + 1] ** 2) + dh
h taken for the output | h is read as if h[t] came out of step t. h[0] is the initial state: which step makes
    h[1]?
    h[t + 1] => h[t]
    @ h[t] => @ h[t - 1]
# h_n and h_0, the two ends.
dh_n ignored | dh_n has no part in it: the loop begins with zeros.
    dh = np.zeros_like(x), dh_n => dh = np.zeros_like(x), 0 * dh_n
dh_n at each step | dh_n is added at every step. Which state is h_n?
    doutput[t] + dh => doutput[t] + dh + dh_n
    dh = np.zeros_like(x), dh_n => dh = np.zeros_like(x), 0 * dh_n
dh_n at the last and at each step | dh_n begins the loop, as it should, and then is added at every step as
    well.
    doutput[t] + dh => doutput[t] + dh + dh_n
dh_n for the last loss | at the last step dh_n stands in the place of doutput. The last state has readers of
    both kinds.
    doutput[t] + dh => doutput[t] * (t < T - 1) + dh
dh_n added to dh_0 | dh_n is added to dh_0 at the very end. Which state is h_n?
    dh = np.zeros_like(x), dh_n => dh = np.zeros_like(x), 0 * dh_n
    return dx, dh, => return dx, dh + dh_n,
dh_n as dh_0 | dh_0 is dh_n, unchanged.
    return dx, dh, => return dx, dh_n,
dh_0 is the first step's dh_t | dh_0 is what h_1 is sent. It has yet to pass the first step.
    return dx, dh, => return dx, dh_t,
dh_0 is the first da | dh_0 is the da of the first step. What lies between it and h_0?
    return dx, dh, => return dx, da,
dh_0 zero | dh_0 is zero. No loss reads h_0, but the first step does.
    return dx, dh, => return dx, 0 * dh,
# dx, and the sums over time.
dx backwards | dx lies in the order of the loop, last step first. In which order is x?
    dx[t] => dx[T - 1 - t]
dx of the first step only | dx is (B, I), that of the first step. Asked are all T.
    return dx, => return dx[0],
dx summed | dx is summed over time. Each x_t is read at one step alone.
    return dx, => return dx.sum(axis=0),
§ Which test would have seen it?
sums forgotten | the gradients of weights and bias are the first step's alone: each turn overwrites the one
    before.
    dweight_ih += => dweight_ih =
    dweight_hh += => dweight_hh =
    dbias += => dbias =
sum forgotten for dweight_hh | dweight_hh is the first step's share alone: each turn of the loop overwrites
    the last.
    dweight_hh += => dweight_hh =
sum forgotten for dweight_ih | dweight_ih is the first step's share alone: each turn of the loop overwrites
    the last.
    dweight_ih += => dweight_ih =
sum forgotten for dbias | dbias is the first step's share alone: each turn of the loop overwrites the last.
    dbias += => dbias =
§
last step's share only | the gradients of weights and bias are the last step's share alone. Which steps read
    them?
    += da.T @ x[t] => += (t == T - 1) * da.T @ x[t]
    += da.T @ h[t] => += (t == T - 1) * da.T @ h[t]
    += da.sum => += (t == T - 1) * da.sum
means over time | the gradients of weights and bias are means over time. Does one more step make the others
    count less?
    - return dx, dh, dweight_ih, dweight_hh, dbias
    + return dx, dh, dweight_ih / T, dweight_hh / T, dbias / T
""")


@wrong(
    "collected da backwards",
    "the weights' gradients pair the da of one step with the x and h of another: a list that the loop appends"
    " to lies in the order of the loop.",
)
def _(x, h, doutput, dh_n, weight_ih, weight_hh):
    dx, dh, all_da = np.zeros_like(x), dh_n, []
    for t in reversed(range(len(x))):
        da = (doutput[t] + dh) * (1 - h[t + 1] ** 2)
        dx[t], dh = da @ weight_ih, da @ weight_hh
        all_da.append(da)
    all_da = np.stack(all_da)
    dweight_ih, dweight_hh = (np.einsum("tbh,tbn->hn", all_da, read) for read in (x, h[:-1]))
    return dx, dh, dweight_ih, dweight_hh, all_da.sum(axis=(0, 1))


# A wrong step keeps its own hint. Left out are those that concern the carrying, which are above in words of
# the whole loop, and the rarer ones, which task 2 names.
_LEFT_OUT = (
    "dh: weight_hh transposed",
    "dh is da",
    "dh_t added to dh",
    "both weights transposed",
    "slope is h_t squared",
    "slope twice",
    "slope of a sigmoid",
    "tanh once more",
    "dh and dx_t from dh_t",
    "both dweights transposed",
    "dweights a mean",
    "dbias summed over the units",
    "dbias one number",
    "dbias with two axes",
    "dweights not summed",
)
wrong.add(
    wrong_steps.through(
        _loop_over,
        but=_LEFT_OUT,
        name="step: {}",
        hint="the loop is right, the step in it is not: {}",
    )
)

NAMES = ("dx", "dh_0", "dweight_ih", "dweight_hh", "dbias")

rnn_backward = Check(
    name="rnn_backward",
    lesson=LESSON,
    section=WHOLE,
    parts=tuple(
        Array(name, axes) for name, axes in zip(NAMES, ("T B I", "B H", "H I", "H H", "H"), strict=True)
    ),
    criteria=tuple(Criterion(name, 2 if name == "dweight_hh" else 1, (name,)) for name in NAMES),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "x": numbers_of([[1.0]], [[0.0]], [[-1.0]]),
            "h": numbers_of([[0.5]], [[0.8]], [[-0.6]], [[0.6]]),
            "doutput": numbers_of([[0.84]], [[0.34]], [[0.2]]),
            "dh_n": numbers_of([0.3]),
            "weight_ih": numbers_of([2.0]),
            "weight_hh": numbers_of([0.5]),
        },
        {"T": 3, "B": 1, "I": 1, "H": 1},
    ),
    use=call_with_arrays,
    forbid=BY_HAND,
    agree="the derivation",
)

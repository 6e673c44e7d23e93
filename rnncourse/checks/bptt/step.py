"""Task 2, rnn_step_backward: one step, with all its shapes."""

import numpy as np
import torch

from rnncourse.checks.bptt.arrays import Array, call_with_arrays
from rnncourse.checks.bptt.lesson import BY_HAND, LESSON, ONE_STEP_SHAPES, numbers_of
from rnncourse.checks.framework.cases import H_ZERO, X_ZERO, Case, Trait, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.7)

    def case(B: int, I: int, H: int, *zero: Trait) -> Case:
        x_t, h, a = numbers(B, I), torch.tanh(numbers(B, H)), numbers(B, H)
        for trait in zero:
            {H_ZERO: h, X_ZERO: x_t}[trait].zero_()
        arguments = {"dh_t": 2 * numbers(B, H), "x_t": x_t, "h": h, "h_t": torch.tanh(a)}
        arguments |= {"weight_ih": numbers(H, I), "weight_hh": numbers(H, H)}
        return Case(arguments, {"B": B, "I": I, "H": H}, frozenset(zero))

    return [
        case(3, 5, 4),
        case(5, 2, 3),
        case(2, 4, 6),
        case(4, 3, 3),  # I = H: exchanged and transposed weights run
        case(3, 4, 5, H_ZERO),
        case(4, 5, 2, X_ZERO),
        case(1, 3, 4),
    ]


def _truth(dh_t, x_t, h, h_t, weight_ih, weight_hh):
    da = dh_t * (1 - h_t**2)
    return da @ weight_ih, da @ weight_hh, da.T @ x_t, da.T @ h, da.sum(axis=0)


wrong = Mistakes(ONE_STEP_SHAPES, _truth)

wrong.edits("""
no square | the slope is 1 - h_t in your code. Near h_t = -1, where tanh is flat, that is 2.
    h_t**2 => h_t
slope left out | nothing has passed the tanh: da is dh_t itself in your code.
    * (1 - h_t**2) =>
§ Which test would have seen it?
slope at the old state | the slope is made with h, the state before the step. Which state came out of this
    tanh?
    h_t**2 => h**2
§
slope is h_t squared | da is dh_t times h_t²: where h_t is 0, tanh is steepest.
    (1 - h_t**2) => h_t**2
slope's sign | all signs are turned: is the slope of tanh ever negative?
    1 - h_t**2 => h_t**2 - 1
tanh once more | tanh is applied to h_t in the slope: h_t has been through it already.
    h_t**2 => np.tanh(h_t) ** 2
slope of a sigmoid | h_t (1 - h_t) is the slope of a sigmoid.
    (1 - h_t**2) => h_t * (1 - h_t)
slope twice | the slope of tanh is there twice. How many tanh lie on the way?
    h_t**2) => h_t**2) ** 2
dh: weight_hh transposed | dh is made with weight_hh the other way round; it is square, so no shape complains.
    Over which of its axes does the sum run on the way back?
    da @ weight_hh => da @ weight_hh.T
dx_t: weight_ih transposed | weight_ih is used the other way round, so only a square case (I = H) runs.
    Compare (B, H) and (H, I).
    da @ weight_ih => da @ weight_ih.T
both weights transposed | both weights are used the other way round, so only a square case (I = H) runs. Over
    which of their axes does the sum run on the way back?
    da @ weight_ih => da @ weight_ih.T
    da @ weight_hh => da @ weight_hh.T
dh is da | dh is da: what of weight_hh, through which h was read?
    da @ weight_hh => da
dh_t added to dh | dh_t is added to dh. Is there a way from h to h_t beside the tanh?
    da @ weight_hh => da @ weight_hh + dh_t
dh has the step before's slope | dh is multiplied by 1 - h², too. That belongs to the step before, which will
    do it.
    da @ weight_hh => da @ weight_hh * (1 - h**2)
dh and dx_t from dh_t | dx_t and dh are made with dh_t. What x_t and h go into lies before the tanh.
    da @ weight_ih, da @ weight_hh => dh_t @ weight_ih, dh_t @ weight_hh
parameters from dh_t | the weights and the bias are given dh_t. What they go into lies before the tanh.
    da.T @ x_t, da.T @ h, da.sum => dh_t.T @ x_t, dh_t.T @ h, dh_t.sum
§ Which test would have seen it?
dweight_hh with h_t | dweight_hh is made with h_t, the state after the step. Which state did weight_hh
    multiply?
    da.T @ h, => da.T @ h_t,
§
dweight_hh transposed | dweight_hh is transposed; it is square, so no shape complains. Row k belongs to which
    unit?
    da.T @ h, => h.T @ da,
dweight_ih transposed | dweight_ih is (I, H): a gradient has the shape of its weight.
    da.T @ x_t => x_t.T @ da
both dweights transposed | both weights' gradients are transposed; that of weight_hh is square, so no shape
    complains. Row k belongs to which unit?
    da.T @ x_t, da.T @ h, => x_t.T @ da, h.T @ da,
means over the batch | the gradients of the parameters are means over the rows. Does one more row make the
    others count less?
    da.T @ x_t, da.T @ h, da.sum(axis=0) => da.T @ x_t / len(da), da.T @ h / len(da), da.mean(axis=0)
dbias a mean | dbias is a mean over the batch. Does one more row make the others count less?
    da.sum(axis=0) => da.mean(axis=0)
dweights a mean | the gradients of the weights are means over the batch; that of the bias is a sum, as it
    should be.
    da.T @ x_t, da.T @ h => da.T @ x_t / len(da), da.T @ h / len(da)
dbias not summed | dbias is (B, H). How many biases are there, and who reads each?
    da.sum(axis=0) => da
dbias summed over the units | dbias is (B): the sum runs over the units. Each unit has a bias of its own.
    da.sum(axis=0) => da.sum(axis=1)
dbias one number | dbias is one number: the sum runs over the units, too.
    axis=0 =>
dbias with two axes | dbias is (1, H): the summed axis is still there.
    axis=0 => axis=0, keepdims=True
""")


@wrong(
    "a made anew without biases",
    "the slope is made from an a that you compute anew, without its biases. Which of the numbers that you are"
    " given has been through the tanh?",
)
def _(dh_t, x_t, h, h_t, weight_ih, weight_hh):
    return _truth(dh_t, x_t, h, np.tanh(x_t @ weight_ih.T + h @ weight_hh.T), weight_ih, weight_hh)


@wrong(
    "dweights not summed",
    "each row of the batch has weight gradients of its own. The rows share the weights.",
)
def _(dh_t, x_t, h, h_t, weight_ih, weight_hh):
    da = dh_t * (1 - h_t**2)
    return (
        da @ weight_ih,
        da @ weight_hh,
        np.einsum("bh,bi->bhi", da, x_t),
        np.einsum("bh,bk->bhk", da, h),
        da.sum(axis=0),
    )


NAMES = ("dx_t", "dh", "dweight_ih", "dweight_hh", "dbias")

rnn_step_backward = Check(
    name="rnn_step_backward",
    lesson=LESSON,
    section=ONE_STEP_SHAPES,
    parts=tuple(
        Array(name, axes) for name, axes in zip(NAMES, ("B I", "B H", "H I", "H H", "H"), strict=True)
    ),
    criteria=tuple(Criterion(name, 1, (name,)) for name in NAMES),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "dh_t": numbers_of([1.0, 1.0], [0.0, 2.0]),
            "x_t": numbers_of([1.0], [-1.0]),
            "h": numbers_of([0.5, 0.0], [0.0, 1.0]),
            "h_t": numbers_of([0.0, 0.5], [0.5, 0.0]),
            "weight_ih": numbers_of([1.0], [2.0]),
            "weight_hh": numbers_of([1.0, 0.0], [2.0, -1.0]),
        },
        {"B": 2, "I": 1, "H": 2},
    ),
    use=call_with_arrays,
    forbid=BY_HAND,
    agree="the derivation",
)

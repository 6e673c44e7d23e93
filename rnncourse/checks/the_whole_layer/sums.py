"""Task 5, after_loop: what stands after the loop of the way back, for all steps at once."""

import torch

from rnncourse.checks.framework.cases import ONE_STEP, Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.the_whole_layer.lesson import AHEAD, BACKWARD, BY_HAND, LESSON, REVERSE, numbers_of


def _truth(da, x, output, h_0, weight_ih, reverse):
    before = torch.cat([output[1:], h_0[None]]) if reverse else torch.cat([h_0[None], output[:-1]])
    rows, read, kept = da.flatten(0, 1), x.flatten(0, 1), before.flatten(0, 1)
    return da @ weight_ih, rows.T @ read, rows.T @ kept, rows.sum(0)


def _cases(seed):
    numbers = random_numbers(seed, 0.8)

    def case(T, B, I, H, *traits):
        arguments = {
            "da": numbers(T, B, 4 * H),
            "x": numbers(T, B, I),
            "output": numbers(T, B, H),
            "h_0": numbers(B, H),
            "weight_ih": numbers(4 * H, I),
            "reverse": REVERSE in traits,
        }
        return Case(arguments, {"T": T, "B": B, "I": I, "H": H}, frozenset(traits))

    return [
        case(5, 3, 2, 4, AHEAD),
        case(5, 3, 2, 4, REVERSE),
        case(3, 3, 8, 2, AHEAD),  # I = 4H: a weight runs the other way round, too
        case(3, 3, 8, 2, REVERSE),
        case(1, 4, 5, 3, REVERSE, ONE_STEP),
        case(2, 4, 1, 3, AHEAD),
    ]


wrong = Mistakes(BACKWARD, _truth)

wrong.edits("""
h_t for the one before | dweight_hh pairs da_t with the h that step t made. Which one did it read?
    before.flatten(0, 1) => output.flatten(0, 1)
reverse ignored | reverse makes no difference: with it, which neighbour's output did step t read?
    torch.cat([output[1:], h_0[None]]) if reverse else torch.cat => torch.cat
reverse the other way round | step t's neighbour is taken on the wrong side, with reverse and without.
    if reverse => if not reverse
first state zero | the first step of the loop is taken to have read zeros. It read h_0.
    h_0[None]]) if reverse => 0 * h_0[None]]) if reverse
    torch.cat([h_0 => torch.cat([0 * h_0
h_0 at the wrong end | with reverse, h_0 stands at step 0. Which step of the loop reads it?
    torch.cat([output[1:], h_0[None]]) => torch.cat([h_0[None], output[1:]])
h_0 for all steps | each step is taken to have read h_0.
    before.flatten(0, 1) => h_0.repeat(len(x), 1)
last step's share | the weights' gradients are the last step's share alone.
    da.flatten(0, 1), x.flatten(0, 1), before.flatten(0, 1) => da[-1], x[-1], before[-1]
first step's share | the weights' gradients are the first step's share alone.
    da.flatten(0, 1), x.flatten(0, 1), before.flatten(0, 1) => da[0], x[0], before[0]
means over time | the gradients of weights and bias are means over time. A sum is asked: each step uses the
    same weights.
    - return da @ weight_ih, rows.T @ read, rows.T @ kept, rows.sum(0)
    + return da @ weight_ih, rows.T @ read / len(x), rows.T @ kept / len(x), rows.sum(0) / len(x)
means over the batch | the gradients of weights and bias are means over the batch.
    - return da @ weight_ih, rows.T @ read, rows.T @ kept, rows.sum(0)
    + return da @ weight_ih, rows.T @ read / len(h_0), rows.T @ kept / len(h_0), rows.sum(0) / len(h_0)
means over rows | the gradients of weights and bias are means over all rows.
    - return da @ weight_ih, rows.T @ read, rows.T @ kept, rows.sum(0)
    + return da @ weight_ih, rows.T @ read / len(rows), rows.T @ kept / len(rows), rows.sum(0) / len(rows)
dbias a mean | dbias is a mean over the rows.
    rows.sum(0) => rows.mean(0)
dbias over time only | dbias has a row for each sequence: sum over the batch, too.
    rows.sum(0) => da.sum(0)
dbias over the batch only | dbias has a row for each step: sum over time, too.
    rows.sum(0) => da.sum(1)
dbias over the units | dbias is summed over the units: asked is one number for each.
    rows.sum(0) => rows.sum(1)
dbias twice | dbias is twice too large. There are two biases, each with this gradient.
    rows.sum(0) => 2 * rows.sum(0)
sums of products apart | the sums are multiplied. Asked is the sum of the products.
    rows.T @ read, rows.T @ kept => rows.sum(0)[:, None] * read.sum(0), rows.sum(0)[:, None] * kept.sum(0)
dweights transposed | dweight_ih and dweight_hh lie the other way round than the weights.
    rows.T @ read, rows.T @ kept => read.T @ rows, kept.T @ rows
dweights exchanged | dweight_ih and dweight_hh are exchanged.
    rows.T @ read, rows.T @ kept => rows.T @ kept, rows.T @ read
dx as rows | steps and batch are one axis in dx: bring it back to (T, B, I).
    da @ weight_ih, => rows @ weight_ih,
dx summed | dx is summed over time. Each x_t is read at one step alone.
    da @ weight_ih, => (da @ weight_ih).sum(0),
dx turned round | dx lies in the order of the way back.
    da @ weight_ih, => (da @ weight_ih).flip(0),
batch and time exchanged | the rows of x and of da are in different orders: one is flattened time-first, the
    other batch-first.
    x.flatten(0, 1) => x.transpose(0, 1).flatten(0, 1)
    before.flatten(0, 1) => before.transpose(0, 1).flatten(0, 1)
""")

after_loop = Check(
    name="after_loop",
    lesson=LESSON,
    section=BACKWARD,
    parts=(
        Part("dx", "T B I"),
        Part("dweight_ih", "4H I"),
        Part("dweight_hh", "4H H"),
        Part("dbias", "4H"),
    ),
    criteria=(
        Criterion("dx", 1, ("dx",)),
        Criterion("dweight_ih and dbias", 1, ("dweight_ih", "dbias")),
        Criterion("dweight_hh, time forward", 1, ("dweight_hh",), (AHEAD,)),
        Criterion("dweight_hh, time backward", 1, ("dweight_hh",), (REVERSE,)),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "da": numbers_of([[1.0, 0.0, 0.0, 0.0]], [[10.0, 0.0, 0.0, 1.0]]),
            "x": numbers_of([[2.0]], [[3.0]]),
            "output": numbers_of([[0.5]], [[0.7]]),
            "h_0": numbers_of([0.2]),
            "weight_ih": numbers_of([1.0], [1.0], [1.0], [2.0]),
            "reverse": False,
        },
        {"T": 2, "B": 1, "I": 1, "H": 1},
    ),
    forbid=BY_HAND,
    agree="autograd",
)

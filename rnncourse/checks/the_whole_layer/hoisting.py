"""Task 2, input_part: what reads no state, for all steps at once."""

import torch

from rnncourse.checks.framework.cases import Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.the_whole_layer.lesson import HOISTED, LESSON, numbers_of


def _truth(x, weight_ih, bias_ih, bias_hh):
    a = x @ weight_ih.T
    return a + bias_ih + bias_hh


def _cases(seed):
    numbers = random_numbers(seed, 0.8)

    def case(T, B, I, H):
        arguments = {
            "x": numbers(T, B, I),
            "weight_ih": numbers(4 * H, I),
            "bias_ih": numbers(4 * H),
            "bias_hh": numbers(4 * H),
        }
        return Case(arguments, {"T": T, "B": B, "I": I, "H": H})

    # In the last I = 4H: the weight runs the other way round, too.
    return [case(5, 3, 2, 4), case(3, 4, 6, 2), case(2, 2, 5, 3), case(4, 3, 8, 2)]


wrong = Mistakes(HOISTED, _truth)

wrong.edits("""
no biases | the biases are missing: they read no state, either.
    + bias_ih + bias_hh =>
bias_hh left out | one of the two biases is missing.
    + bias_hh =>
bias_ih left out | one of the two biases is missing.
    + bias_ih =>
bias_ih twice | one bias is added twice, the other not at all.
    - return a + bias_ih + bias_hh
    + return a + bias_ih + bias_ih
bias_hh twice | one bias is added twice, the other not at all.
    a + bias_ih => a + bias_hh
biases subtracted | a bias has the wrong sign.
    + bias_hh => - bias_hh
rows not brought back | steps and batch are one axis: bring the result back to (T, B, 4H).
    x @ weight_ih.T => x.flatten(0, 1) @ weight_ih.T
first step only | it is made for the first step only.
    x @ => x[0] @
last step only | it is made for the last step only.
    x @ => x[-1] @
summed over time | the steps are summed. Each has a part of its own.
    x @ => x.sum(0) @
batch first | batch and time are exchanged in the result.
    x @ => x.transpose(0, 1) @
""")


@wrong("rows mixed", "the numbers are right, but view has put them into other rows than they belong to.")
def _(x, weight_ih, bias_ih, bias_hh):
    T, B, _ = x.shape
    rows = x.transpose(0, 1).reshape(T * B, -1) @ weight_ih.T + bias_ih + bias_hh
    return rows.view(T, B, -1)


@wrong("squashed", "the gates' squashing is applied already. Without the state's part it comes too early.")
def _(x, weight_ih, bias_ih, bias_hh):
    i, f, g, o = (x @ weight_ih.T + bias_ih + bias_hh).chunk(4, dim=-1)
    return torch.cat([i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()], dim=-1)


input_part = Check(
    name="input_part",
    lesson=LESSON,
    section=HOISTED,
    parts=(Part("a", "T B 4H"),),
    criteria=(Criterion("the input's part", 2),),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "x": numbers_of([[1.0, 0.0]], [[0.0, 2.0]]),
            "weight_ih": numbers_of([1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]),
            "bias_ih": torch.full((4,), 0.5, dtype=torch.float64),
            "bias_hh": torch.zeros(4, dtype=torch.float64),
        },
        {"T": 2, "B": 1, "I": 2, "H": 1},
    ),
    agree="the same step by step",
)

"""Task 6, measure: the reach of a net's gradient, and the share of its states that are saturated."""

import dataclasses

import torch

from rnncourse.checks.framework.cases import Case, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.vanishing_and_exploding.lesson import LESSON, UPDATE, matrix


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(T: int, B: int, I: int, H: int) -> Case:
        rnn = random_module("RNN", numbers, input_size=I, hidden_size=H)
        return Case({"rnn": rnn, "x": 3 * numbers(T, B, I)}, {"T": T, "B": B, "I": I, "H": H})

    return [case(4, 3, 2, 5), case(3, 6, 4, 2), case(5, 2, 3, 6), case(2, 7, 5, 3)]


def _truth(rnn, x):
    x = x.clone().requires_grad_()
    output, _ = rnn(x)
    (dx,) = torch.autograd.grad(output[-1].sum(), x)
    reach = dx[0].norm() / dx[-1].norm()
    saturated = (output.abs() > 0.99).double().mean()
    return reach, saturated


wrong = Mistakes(UPDATE, _truth)

wrong.edits("""
reach upside down | reach is upside down: the last input's gradient by the first's.
    dx[0].norm() / dx[-1].norm() => dx[-1].norm() / dx[0].norm()
along the batch | reach compares the first row of the batch with the last. Along which axis does time run?
    dx[0].norm() / dx[-1].norm() => dx[:, 0].norm() / dx[:, -1].norm()
loss at each step | the outputs of all steps are added up: the first input then reaches its own output
    directly.
    output[-1].sum() => output.sum()
first output | the gradient is that of the first output. What is measured is how the last hears the first
    input.
    output[-1].sum() => output[0].sum()
mean of absolute values | reach compares means of absolute values: what is asked are norms.
    dx[0].norm() / dx[-1].norm() => dx[0].abs().mean() / dx[-1].abs().mean()
squares | reach compares the squares of the norms: a root is missing.
    dx[0].norm() / dx[-1].norm() => dx[0].square().sum() / dx[-1].square().sum()
first norm alone | reach is the norm of the first input's gradient alone. It is asked as a share of that of
    the last.
    dx[0].norm() / dx[-1].norm() => dx[0].norm()
share of all | the first input's gradient is compared with that of all inputs together.
    dx[0].norm() / dx[-1].norm() => dx[0].norm() / dx.norm()
§ Saturation lowers it
only +1 | only states near 1 are counted. A unit is saturated at -1, too.
    (output.abs() > 0.99) => (output > 0.99)
the others | saturated is the share of the units that are not.
    output.abs() > 0.99 => output.abs() <= 0.99
last step only | only the last step's states are counted. Asked are those of all steps.
    (output.abs() > 0.99) => (output[-1].abs() > 0.99)
a count | saturated is the number of such states. Asked is their share.
    .double().mean() => .double().sum()
any unit | a step counts as a whole where one of its units is saturated. Asked is the share of all states.
    (output.abs() > 0.99) => (output.abs() > 0.99).any(2)
mean of |h| | saturated is the mean of the absolute values. Asked is how many are above 0.99.
    (output.abs() > 0.99).double() => output.abs()
slope below 0.01 | you count where the slope is below 0.01, which is |h| > 0.995. Asked is |h| > 0.99.
    output.abs() > 0.99 => 1 - output**2 < 0.01
percent | saturated is in percent. Asked is a share, from 0 to 1.
    .mean() => .mean() * 100
""")


def _example() -> Case:
    rnn = random_module("RNN", random_numbers(0, 1.0), input_size=1, hidden_size=1)
    weights = (matrix([3.0]), matrix([0.5]), matrix([0.0])[0], matrix([0.0])[0])
    rnn = dataclasses.replace(rnn, parameters=dict(zip(rnn.parameters, weights, strict=True)))
    return Case({"rnn": rnn, "x": matrix([1.0], [0.2])[:, None]}, {"T": 2, "B": 1, "I": 1, "H": 1})


measure = Check(
    name="measure",
    lesson=LESSON,
    section=UPDATE,
    parts=(Part("reach"), Part("saturated")),
    criteria=(Criterion("reach", 2, ("reach",)), Criterion("saturated", 1, ("saturated",))),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=_example(),
    forbid=frozenset(),
    agree="what autograd gives",
)

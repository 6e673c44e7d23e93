"""Task 2, rnn_step. The right one is the library's own, which the tests compare with torch.nn."""

import torch
from torch import Tensor
from torch.nn.functional import linear

from rnncourse.checks.framework.cases import BATCH, SINGLE, Case
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistake
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.rnn_cell.lesson import EQUATION, LESSON, NONLINEARITY, RELU, TANH
from rnncourse.checks.rnn_cell.summed import (
    PRE_ACTIVATION_MISTAKES,
    pencil_case,
    right_sum,
    step_cases,
    wrong,
)
from rnncourse.steps import rnn_step as _rnn_step


def _both_cases(seed: int) -> list[Case]:
    # tanh is the default, so it is not passed.
    return step_cases(seed, TANH) + step_cases(seed + 1000, RELU, nonlinearity="relu")


def activated(a: Tensor, nonlinearity: str) -> Tensor:
    return torch.relu(a) if nonlinearity == "relu" else torch.tanh(a)


def then_activate(mistake: Mistake) -> Mistake:
    """The mistake in the pre-activation, followed by the right nonlinearity."""

    def step(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh, nonlinearity="tanh"):
        return activated(mistake.function(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh), nonlinearity)

    return Mistake(mistake.name, step, mistake.hint, mistake.section)


@wrong("no nonlinearity", "this is the pre-activation: the nonlinearity is missing.", EQUATION)
def no_nonlinearity(x, h, W, U, b, d, nonlinearity="tanh"):
    return right_sum(x, h, W, U, b, d)


@wrong(
    "always tanh", "nonlinearity makes no difference: the numbers are tanh's, for relu as well.", NONLINEARITY
)
def _always_tanh(x, h, W, U, b, d, nonlinearity="tanh"):
    return torch.tanh(right_sum(x, h, W, U, b, d))


@wrong(
    "always relu", "nonlinearity makes no difference: the numbers are relu's, for tanh as well.", NONLINEARITY
)
def _always_relu(x, h, W, U, b, d, nonlinearity="tanh"):
    return torch.relu(right_sum(x, h, W, U, b, d))


@wrong("tanh and relu exchanged", "tanh where relu is asked, and relu where tanh is.", NONLINEARITY)
def _nonlinearities_exchanged(x, h, W, U, b, d, nonlinearity="tanh"):
    return activated(right_sum(x, h, W, U, b, d), "tanh" if nonlinearity == "relu" else "relu")


@wrong("tanh, then relu", "for relu the numbers have been through tanh first.", NONLINEARITY)
def _tanh_then_relu(x, h, W, U, b, d, nonlinearity="tanh"):
    return activated(torch.tanh(right_sum(x, h, W, U, b, d)), nonlinearity)


@wrong("no nonlinearity for relu", "where relu is asked, this is the bare pre-activation.", NONLINEARITY)
def _no_relu(x, h, W, U, b, d, nonlinearity="tanh"):
    a = right_sum(x, h, W, U, b, d)
    return a if nonlinearity == "relu" else torch.tanh(a)


@wrong(
    "sigmoid for tanh", "where tanh is asked, the numbers are those of a sigmoid (between 0 and 1).", EQUATION
)
def sigmoid_for_tanh(x, h, W, U, b, d, nonlinearity="tanh"):
    a = right_sum(x, h, W, U, b, d)
    return torch.relu(a) if nonlinearity == "relu" else torch.sigmoid(a)


@wrong(
    "nonlinearity inside the sum",
    "the nonlinearity is applied to each half and then they are added. What does the equation do first?",
    EQUATION,
)
def inside_the_sum(x, h, W, U, b, d, nonlinearity="tanh"):
    return activated(linear(x, W, b), nonlinearity) + activated(linear(h, U, d), nonlinearity)


@wrong(
    "nonlinearity on the input's half only",
    "only the input's half goes through the nonlinearity; the state's half is added after it.",
    EQUATION,
)
def on_the_input_only(x, h, W, U, b, d, nonlinearity="tanh"):
    return activated(linear(x, W, b), nonlinearity) + linear(h, U, d)


@wrong(
    "nonlinearity on the state's half only",
    "only the state's half goes through the nonlinearity; the input's half is added after it.",
    EQUATION,
)
def _on_the_state_only(x, h, W, U, b, d, nonlinearity="tanh"):
    return linear(x, W, b) + activated(linear(h, U, d), nonlinearity)


@wrong("biases outside", "the biases are added after the nonlinearity.", EQUATION)
def _biases_outside(x, h, W, U, b, d, nonlinearity="tanh"):
    return activated(linear(x, W) + linear(h, U), nonlinearity) + b + d


@wrong(
    "old state added", "the old state is added to the new one. Here the new state takes its place.", EQUATION
)
def old_state_added(x, h, W, U, b, d, nonlinearity="tanh"):
    return h + _rnn_step(x, h, W, U, b, d, nonlinearity)


STEP_MISTAKES = (
    *map(then_activate, PRE_ACTIVATION_MISTAKES),
    no_nonlinearity,
    _always_tanh,
    _always_relu,
    _nonlinearities_exchanged,
    _tanh_then_relu,
    _no_relu,
    sigmoid_for_tanh,
    inside_the_sum,
    on_the_input_only,
    _on_the_state_only,
    _biases_outside,
    old_state_added,
)

rnn_step = Check(
    name="rnn_step",
    lesson=LESSON,
    section=EQUATION,
    parts=(Part("h", "B H"),),
    criteria=(
        Criterion("tanh with a batch", 1, where=(TANH, BATCH)),
        Criterion("tanh without a batch", 1, where=(TANH, SINGLE)),
        Criterion("relu with a batch", 1, where=(RELU, BATCH)),
        Criterion("relu without a batch", 1, where=(RELU, SINGLE)),
    ),
    truth=_rnn_step,
    cases=_both_cases,
    example_case=pencil_case(),
    mistakes=STEP_MISTAKES,
)

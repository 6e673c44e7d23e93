"""Task 1, pre_activation: the sum that goes into the nonlinearity."""

from collections.abc import Callable

import torch
from torch.nn.functional import linear

from rnncourse.checks.framework.cases import (
    BATCH,
    BIAS_ZERO,
    H_ZERO,
    SINGLE,
    X_ZERO,
    Case,
    Trait,
    random_numbers,
    random_weights,
)
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistake
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.rnn_cell.lesson import (
    EQUATION,
    LESSON,
    NUMPY,
)

# Cases: float64, sizes all different but for one square case, which brings exchanged weights to light.


def step_cases(seed: int, *traits: Trait, **more: str) -> list[Case]:
    """One step's arguments: batches, rows without a batch, zeros one at a time, one square case."""
    numbers = random_numbers(seed, 0.6)

    def case(B: int | None, I: int, H: int, zero: Trait | None = None) -> Case:
        rows = () if B is None else (B,)
        arguments = {"x_t": numbers(*rows, I), "h": numbers(*rows, H), **random_weights(numbers, 1, I, H)}
        zeroed = {H_ZERO: ["h"], X_ZERO: ["x_t"], BIAS_ZERO: ["bias_ih", "bias_hh"]}
        for name in zeroed[zero] if zero else ():
            arguments[name].zero_()
        marks = {SINGLE if B is None else BATCH, *traits, *([zero] if zero else [])}
        sizes = {"I": I, "H": H} if B is None else {"B": B, "I": I, "H": H}
        return Case(arguments | more, sizes, frozenset(marks))

    return [
        case(3, 5, 4),
        case(2, 4, 7),
        case(4, 3, 3),
        case(3, 2, 5, H_ZERO),
        case(2, 5, 3, X_ZERO),
        case(5, 3, 2, BIAS_ZERO),
        case(None, 5, 4),
        case(None, 3, 6, H_ZERO),
    ]


def pencil_case(I: int = 2, H: int = 1, **arguments: object) -> Case:
    """Numbers small enough for a pencil."""
    row = lambda *numbers: torch.tensor(numbers, dtype=torch.float64)  # noqa: E731
    weights = {
        "weight_ih": row([0.5, -1.0]),
        "weight_hh": row([0.8]),
        "bias_ih": row(0.1),
        "bias_hh": row(0.2),
    }
    return Case({"x_t": row(1.0, 2.0), "h": row(0.5), **weights, **arguments}, {"I": I, "H": H})


def wrong(name: str, hint: str, section: str) -> Callable[[Callable], Mistake]:
    """The hint stands above the wrong code."""
    return lambda function: Mistake(name, function, hint, section)


def right_sum(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh):
    return linear(x_t, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)


@wrong("bias_hh missing", "a bias is missing: bias_hh is not added. torch's cell has two.", EQUATION)
def _no_bias_hh(x, h, W, U, b, d):
    return linear(x, W, b) + linear(h, U)


@wrong("bias_ih missing", "a bias is missing: bias_ih is not added. torch's cell has two.", EQUATION)
def _no_bias_ih(x, h, W, U, b, d):
    return linear(x, W) + linear(h, U, d)


@wrong("no bias", "neither bias is added.", EQUATION)
def _no_bias(x, h, W, U, b, d):
    return linear(x, W) + linear(h, U)


@wrong("bias_ih twice", "bias_ih is added twice and bias_hh never: a slip of the keyboard?", EQUATION)
def _bias_ih_twice(x, h, W, U, b, d):
    return linear(x, W, b) + linear(h, U, b)


@wrong("bias_hh twice", "bias_hh is added twice and bias_ih never: a slip of the keyboard?", EQUATION)
def _bias_hh_twice(x, h, W, U, b, d):
    return linear(x, W, d) + linear(h, U, d)


@wrong("h without its weights", "the previous state is added as it is: no weight is applied to h.", EQUATION)
def _h_without_weights(x, h, W, U, b, d):
    return linear(x, W, b) + h + d


@wrong("h left out", "the previous state has no part in it: your numbers do not depend on h.", EQUATION)
def h_left_out(x, h, W, U, b, d):
    return linear(x, W, b) + d


@wrong("h and its bias left out", "only the input's half is there: what of the state's half?", EQUATION)
def _h_and_bias_left_out(x, h, W, U, b, d):
    return linear(x, W, b)


@wrong("x left out", "the input has no part in it: your numbers do not depend on x_t.", EQUATION)
def _x_left_out(x, h, W, U, b, d):
    return linear(h, U, b) + d


@wrong(
    "weight_hh transposed",
    "weight_hh is used the other way round. It is square, so no shape complains. Each row of it makes one new"
    " unit: on which side of the product, and transposed or not?",
    NUMPY,
)
def _hh_transposed(x, h, W, U, b, d):
    return linear(x, W, b) + linear(h, U.T, d)


@wrong(
    "both weights transposed",
    "both weights are used the other way round; only a square case (I = H) runs at all. Each row of a weight"
    " makes one new unit: on which side of the product, and transposed or not?",
    NUMPY,
)
def _both_transposed(x, h, W, U, b, d):
    return x @ W + b + h @ U + d


@wrong(
    "weight_ih transposed",
    "weight_ih is used the other way round; only a square case (I = H) runs at all. Compare its shape (H, I)"
    " with the input's.",
    NUMPY,
)
def _ih_transposed(x, h, W, U, b, d):
    return x @ W + b + linear(h, U, d)


@wrong(
    "weights exchanged",
    "the weights are exchanged: x_t meets weight_hh, h meets weight_ih. Where I = H no shape complains.",
    EQUATION,
)
def _weights_exchanged(x, h, W, U, b, d):
    return linear(x, U, b) + linear(h, W, d)


@wrong("a difference", "the state's half is subtracted; the equation has a sum.", EQUATION)
def _difference(x, h, W, U, b, d):
    return linear(x, W, b) - linear(h, U, d)


# Wrong ways to the pre-activation: they are mistakes of every task below, too.
PRE_ACTIVATION_MISTAKES = (
    _no_bias_hh,
    _no_bias_ih,
    _no_bias,
    _bias_ih_twice,
    _bias_hh_twice,
    _h_without_weights,
    h_left_out,
    _h_and_bias_left_out,
    _x_left_out,
    _hh_transposed,
    _both_transposed,
    _ih_transposed,
    _weights_exchanged,
    _difference,
)


@wrong("tanh applied", "these are the values after tanh. Asked is what goes into it.", EQUATION)
def _tanh_applied(*arguments):
    return torch.tanh(right_sum(*arguments))


pre_activation = Check(
    name="pre_activation",
    lesson=LESSON,
    section=EQUATION,
    parts=(Part("a", "B H"),),
    criteria=(Criterion("with a batch", 1, where=(BATCH,)), Criterion("without a batch", 1, where=(SINGLE,))),
    truth=right_sum,
    cases=step_cases,
    example_case=pencil_case(),
    mistakes=(*PRE_ACTIVATION_MISTAKES, _tanh_applied),
)

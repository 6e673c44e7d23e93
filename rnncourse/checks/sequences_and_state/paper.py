"""Tasks 1 and 2, three_steps and with_tanh: a recurrence on paper.

Each wrong way is computed as a learner would: the whole chain with the one slip in it.
"""

import itertools
import math
from collections.abc import Callable, Iterable

from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.predict import predicted
from rnncourse.checks.sequences_and_state.lesson import ARITHMETIC, FOLD, LAMP, LESSON

NAMES = ("h_1", "h_2", "h_3")
Step = Callable[[float, float], float]


def _chain(step: Step, x: Iterable[float], h_0: float) -> dict[str, float]:
    states = [*itertools.accumulate(x, step, initial=h_0)][1:]
    return dict(zip(NAMES, states, strict=True))


def _differing(wrong: dict[str, float], right: dict[str, float]) -> dict[str, float]:
    return {name: number for name, number in wrong.items() if abs(number - right[name]) > 0.01}


# ---- task 1: h_t = u h_{t-1} + w x_t

U, W, H_0, X = -0.5, 2.0, 6.0, (4.0, -1.0, 3.0)
_right = _chain(lambda h, x: U * h + W * x, X, H_0)

wrong = Mistakes(ARITHMETIC, _right)


def _slip(name: str, hint: str, step: Step, section: str = "") -> None:
    wrong(name, hint, section)(_differing(_chain(step, X, H_0), _right))


wrong(
    "h_0 taken for 0",
    "This is what comes out if h_0 were 0. The state before the first step is given.",
    FOLD,
)(_chain(lambda h, x: U * h + W * x, X, 0.0))
wrong(
    "h_0 at each step",
    "Here the step has started from h_0 again. Which state does the step before hand on?",
    FOLD,
)(_differing({name: U * H_0 + W * x for name, x in zip(NAMES, X, strict=True)}, _right))
wrong.edits("""
nothing carried | The old state has no part in this number: it is the input's share alone.
    h_2 => -2.0
    h_3 => 6.0
""")
_slip("u without its sign", "The sign of u is lost: u is negative.", lambda h, x: -U * h + W * x)
_slip(
    "u and w exchanged",
    "u and w are exchanged. Which of them multiplies the old state?",
    lambda h, x: W * h + U * x,
)
_slip("u left out", "The old state comes in whole, without its weight.", lambda h, x: h + W * x)
_slip("w left out", "The input comes in without its weight.", lambda h, x: U * h + x)
_slip("sign of the input lost", "The sign of an input is lost.", lambda h, x: U * h + W * abs(x))
_slip("a difference", "The input's share is subtracted; the step has a sum.", lambda h, x: U * h - W * x)
_slip("w over the whole sum", "w multiplies the old state, too.", lambda h, x: W * (U * h + x))

three_steps = predicted("three_steps", LESSON, ARITHMETIC, _right, wrong, tolerance=1e-6)


# ---- task 2: h_t = tanh(u h_{t-1} + w x_t)

U_TANH, W_TANH, H_0_TANH, X_TANH = 0.8, 0.5, -0.5, (2.0, -3.0, 2.0)
_right_tanh = _chain(lambda h, x: math.tanh(U_TANH * h + W_TANH * x), X_TANH, H_0_TANH)
_linear = _chain(lambda h, x: U_TANH * h + W_TANH * x, X_TANH, H_0_TANH)

wrong_tanh = Mistakes(LAMP, _right_tanh)


def _slip_tanh(name: str, hint: str, step: Step, section: str = "") -> None:
    wrong_tanh(name, hint, section)(_differing(_chain(step, X_TANH, H_0_TANH), _right_tanh))


_slip_tanh("no tanh", "This has not been through tanh.", lambda h, x: U_TANH * h + W_TANH * x)
wrong_tanh(
    "tanh at the end only",
    "This is tanh of the chain without tanh. Is the state that is handed on squashed, or the sum before it?",
)(_differing({name: math.tanh(number) for name, number in _linear.items()}, _right_tanh))
wrong_tanh.edits("""
the sum, not its tanh | This is the sum that goes into tanh.
    h_2 => -1.070360346
    h_3 => 0.3683224454
""")
_slip_tanh(
    "tanh of the input only",
    "Only the input's share has been through tanh. What stands inside its brackets?",
    lambda h, x: U_TANH * h + math.tanh(W_TANH * x),
)
_slip_tanh(
    "tanh of the state only",
    "Only the old state's share has been through tanh. What stands inside its brackets?",
    lambda h, x: math.tanh(U_TANH * h) + W_TANH * x,
)
_slip_tanh(
    "tanh inside the sum",
    "Each share has been through tanh, and then they are added. What comes first?",
    lambda h, x: math.tanh(U_TANH * h) + math.tanh(W_TANH * x),
)
_slip_tanh(
    "tan for tanh",
    "This is tan, the tangent. tanh is another function, and stays between -1 and 1.",
    lambda h, x: math.tan(U_TANH * h + W_TANH * x),
)
_slip_tanh(
    "a sigmoid for tanh",
    "This is a sigmoid of the sum, which is never negative.",
    lambda h, x: 1 / (1 + math.exp(-U_TANH * h - W_TANH * x)),
)
wrong_tanh(
    "h_0 taken for 0",
    "This is what comes out if h_0 were 0. The state before the first step is given.",
    FOLD,
)(_chain(lambda h, x: math.tanh(U_TANH * h + W_TANH * x), X_TANH, 0.0))
wrong_tanh(
    "h_0 at each step",
    "Here the step has started from h_0 again. Which state does the step before hand on?",
    FOLD,
)(
    _differing(
        {name: math.tanh(U_TANH * H_0_TANH + W_TANH * x) for name, x in zip(NAMES, X_TANH, strict=True)},
        _right_tanh,
    )
)
_slip_tanh(
    "u and w exchanged",
    "u and w are exchanged. Which of them multiplies the old state?",
    lambda h, x: math.tanh(W_TANH * h + U_TANH * x),
    ARITHMETIC,
)
_slip_tanh(
    "u left out",
    "The old state comes in whole, without its weight.",
    lambda h, x: math.tanh(h + W_TANH * x),
    ARITHMETIC,
)
_slip_tanh(
    "sign of h_0 lost",
    "The sign of h_0 is lost: it is negative.",
    lambda h, x: math.tanh(U_TANH * (abs(h) if h == H_0_TANH else h) + W_TANH * x),
    ARITHMETIC,
)

wrong_tanh("two digits", "Two digits are not enough: asked are three.")(
    {name: round(_right_tanh[name], 2) for name in ("h_1", "h_3")}  # of h_2 the third is 0
)

with_tanh = predicted("with_tanh", LESSON, LAMP, _right_tanh, wrong_tanh, tolerance=2e-3)

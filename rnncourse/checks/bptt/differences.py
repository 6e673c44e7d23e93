"""Task 3, numerical_gradient: the witness that knows no calculus.

The loss that the check hands over is the length of v, np.linalg.norm: no number of v moves it alone, and it
bends, so that with a step of 0.2 a forward difference is told from a central one.
"""

import numpy as np

from rnncourse.checks.bptt.arrays import Array, call_with_arrays
from rnncourse.checks.bptt.lesson import BY_HAND, LESSON, WITNESS, numbers_of
from rnncourse.checks.framework.cases import Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(e: float, **sizes: int) -> Case:
        return Case({"loss": "np.linalg.norm", "v": numbers(*sizes.values()), "e": e}, sizes)

    return [case(0.2, H=4, I=3), case(0.1, H=5), case(0.3, T=2, B=4, H=3), case(1e-4, H=2, I=5)]


def _truth(loss, v, e):
    gradient = np.zeros_like(v)
    for index in np.ndindex(v.shape):
        up, down = v.copy(), v.copy()
        up[index] += e
        down[index] -= e
        gradient[index] = (loss(up) - loss(down)) / (2 * e)
    return gradient


wrong = Mistakes(WITNESS, _truth)

wrong.edits("""
forward difference | the loss is taken at v + e and at v itself. The quotient asked for looks to both sides.
    loss(down) => loss(v)
    2 * e => e
backward difference | the loss is taken at v and at v - e. The quotient asked for looks to both sides.
    loss(up) => loss(v)
    2 * e => e
divided by e | the numbers are twice too large. How far apart are v + e and v - e?
    2 * e => e
not divided | these are differences of the loss: by what must they be divided?
    / (2 * e) =>
a missing bracket | `/ 2 * e` divides by 2 and multiplies by e. A bracket is missing.
    / (2 * e) => / 2 * e
moved by half | each number is moved by e / 2. Asked is e to each side.
    += e => += e / 2
    -= e => -= e / 2
    2 * e => e
moved by half, divided by 2 e | each number is moved by e / 2, and the difference is divided by 2 e.
    += e => += e / 2
    -= e => -= e / 2
the other sign | all signs are turned: which loss is subtracted from which?
    loss(up) - loss(down) => loss(down) - loss(up)
a sum of losses | the two losses are added. What is asked is how they differ.
    loss(up) - loss(down) => loss(up) + loss(down)
in proportion | each number is moved by e times itself, and the quotient does not know of it.
    up[index] += e => up[index] *= 1 + e
    down[index] -= e => down[index] *= 1 - e
forward, divided by 2 e | the second loss is taken at v itself: that number was moved back to its place, and
    no further.
    loss(down) => loss(v)
""")


@wrong("one array by two names", "it is zero: `up` and `down` are two names of one array, moved to and fro.")
def _(loss, v, e):
    return np.zeros_like(v)


@wrong("not put back", "a number that was moved is not put back, so later ones are measured somewhere else.")
def _(loss, v, e):
    v, gradient = v.copy(), np.zeros_like(v)
    for index in np.ndindex(v.shape):
        v[index] += e
        up = loss(v)
        v[index] -= 2 * e
        gradient[index] = (up - loss(v)) / (2 * e)
    return gradient


@wrong(
    "all moved at once", "all numbers are moved together. Each has a gradient of its own: move one at a time."
)
def _(loss, v, e):
    return np.full_like(v, (loss(v + e) - loss(v - e)) / (2 * e))


@wrong("one number", "it is one number, all of v moved together. Asked is one for each number in v.")
def _(loss, v, e):
    return np.array((loss(v + e) - loss(v - e)) / (2 * e))


@wrong("row by row", "the numbers of a row are moved together: does the loop run over the first axis alone?")
def _(loss, v, e):
    gradient = np.zeros_like(v)
    for row in range(len(v)):
        up, down = v.copy(), v.copy()
        up[row] += e
        down[row] -= e
        gradient[row] = (loss(up) - loss(down)) / (2 * e)
    return gradient


@wrong(
    "one number for each row", "there is one number for each row: the loop runs over the first axis alone."
)
def _(loss, v, e):
    quotients = []
    for row in range(len(v)):
        up, down = v.copy(), v.copy()
        up[row] += e
        down[row] -= e
        quotients.append((loss(up) - loss(down)) / (2 * e))
    return np.array(quotients)


@wrong("the first number only", "only the first number has its quotient. How far is the `return` indented?")
def _(loss, v, e):
    first = np.zeros_like(v)
    first.flat[0] = 1
    return _truth(loss, v, e) * first


@wrong("flat", "the numbers are right and lie in one row: give them the shape of v.")
def _(loss, v, e):
    return _truth(loss, v, e).reshape(-1)


@wrong(
    "a step of its own",
    "the e that you are given has no part in it: these are the quotients of a much smaller one.",
)
def _(loss, v, e):
    return _truth(loss, v, 1e-5)


numerical_gradient = Check(
    name="numerical_gradient",
    lesson=LESSON,
    section=WITNESS,
    parts=(Array("gradient"),),
    criteria=(Criterion("every quotient", 3),),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case({"loss": "np.linalg.norm", "v": numbers_of(3.0, 4.0), "e": 1.0}, {"H": 2}),
    use=call_with_arrays,
    forbid=BY_HAND,
    agree="the quotient",
)

"""Task 7, weight_of: how much of one input is left in the last state."""

import torch

from rnncourse.checks.framework.cases import Case, Trait, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.sequences_and_state.lesson import LESSON, UNROLLED

LAST = Trait("k is T, the last input", "what you do with earlier inputs")
EARLIER = Trait("k is an earlier step", "what you do with the last input")


def _truth(k, T, W_ih, W_hh):
    return torch.linalg.matrix_power(W_hh, T - k) @ W_ih


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.7)

    def case(k: int, T: int, I: int, H: int) -> Case:
        arguments = {"k": k, "T": T, "W_ih": numbers(H, I), "W_hh": numbers(H, H)}
        return Case(arguments, {"k": k, "T": T, "I": I, "H": H}, frozenset({LAST if k == T else EARLIER}))

    return [
        case(2, 5, 3, 4),
        case(1, 7, 2, 3),
        case(4, 6, 3, 5),
        case(3, 4, 2, 5),
        case(1, 4, 3, 3),  # I = H: matrices in the wrong order run
        case(5, 5, 4, 2),
        case(1, 1, 2, 3),
    ]


wrong = Mistakes(UNROLLED, _truth)

wrong.edits("""
one W_hh too many | one W_hh too many. The step in which x_k comes in does not multiply it by W_hh.
    T - k => T - k + 1
the power k | the power is k, so later inputs count for less. Which inputs fade?
    T - k => k
the power k - 1 | the power is k - 1, so later inputs count for less. Which inputs fade?
    T - k => k - 1
the power T | every input has the power T: that is h_0's.
    T - k => T
the power T - 1 | every input has the power T - 1: that is the first one's.
    T - k => T - 1
W_hh once | every input is multiplied by W_hh once, however long ago it came.
    T - k => 1
W_ih left out | W_ih is missing: what of x_k comes in at all?
    @ W_ih =>
W_ih alone | this is W_ih, whatever k and T are: nothing fades or grows.
    torch.linalg.matrix_power(W_hh, T - k) @ =>
W_hh transposed | W_hh is transposed. It is square, so no shape complains.
    (W_hh, => (W_hh.T,
elementwise power | each number of W_hh is raised to a power by itself. `**` is no product of matrices.
    torch.linalg.matrix_power(W_hh, T - k) => W_hh ** (T - k)
a factor for a power | W_hh is taken T - k times and added. Each step multiplies.
    torch.linalg.matrix_power(W_hh, T - k) => (T - k) * W_hh
matrices in the wrong order | W_ih stands on the left; only where I = H that runs. Which of the two does x_k
    meet first?
    torch.linalg.matrix_power(W_hh, T - k) @ W_ih => W_ih @ torch.linalg.matrix_power(W_hh, T - k)
W_ih at each step | W_ih comes in at each step. x_k comes in once.
    matrix_power(W_hh, T - k) @ W_ih => matrix_power(W_hh, T - k) @ W_ih * (T - k + 1)
""")


@wrong("one W_hh too few", "one W_hh too few: as if k counted from 0. The first input is x_1.")
def _(k, T, W_ih, W_hh):
    share = W_ih
    for _ in range(T - k - 1):
        share = W_hh @ share
    return share


wrong.edits("""
one W_hh too few, and an inverse | one W_hh too few: as if k counted from 0. The first input is x_1. For k = T
    it comes to an inverse.
    T - k => T - k - 1
""")


@wrong(
    "all inputs up to k", "these are the shares of the inputs 1 to k together. Asked is that of x_k alone."
)
def _(k, T, W_ih, W_hh):
    return sum(_truth(j, T, W_ih, W_hh) for j in range(1, k + 1))


@wrong(
    "all inputs from k on", "these are the shares of the inputs k to T together. Asked is that of x_k alone."
)
def _(k, T, W_ih, W_hh):
    return sum(_truth(j, T, W_ih, W_hh) for j in range(k, T + 1))


weight_of = Check(
    name="weight_of",
    lesson=LESSON,
    section=UNROLLED,
    parts=(Part("share", "H I"),),
    criteria=(Criterion("earlier inputs", 2, where=(EARLIER,)), Criterion("the last input, too", 1)),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "k": 1,
            "T": 3,
            "W_ih": torch.tensor([[1.0], [2.0]]),
            "W_hh": torch.tensor([[0.5, 0.0], [1.0, -1.0]]),
        },
        {"k": 1, "T": 3, "I": 1, "H": 2},
    ),
)

"""Task 5, forget_bias: how far open a forget gate must be for a memory to last."""

import torch

from rnncourse.checks.framework.cases import Case
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.h_and_c.lesson import LESSON, WEIGHTS


def _truth(share, T):
    f = share ** (1 / T)
    return torch.log(f / (1 - f))


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def case(T: int, H: int) -> Case:
        share = 0.05 + 0.9 * torch.rand(H, generator=generator, dtype=torch.float64)
        return Case({"share": share, "T": T}, {"T": T, "H": H})

    return [case(10, 3), case(2, 5), case(100, 2), case(37, 4), case(1, 6)]


wrong = Mistakes(WEIGHTS, _truth)
wrong.edits("""
f itself | this is the gate f, not yet the bias that makes it: f = σ(bias).
    torch.log(f / (1 - f)) => f
logarithm of f | this is log f. Which function turns σ round?
    torch.log(f / (1 - f)) => f.log()
the other way | this is the bias of 1 - f: that gate would forget instead of keeping.
    f / (1 - f) => (1 - f) / f
one step | so much is left after one step: T has no part in it.
    share ** (1 / T) => share
a loss that is shared out | you take the same amount away at each step. From step to step c is multiplied.
    share ** (1 / T) => 1 - (1 - share) / T
divided by T | you divide the share by T. What is multiplied T times?
    share ** (1 / T) => share / T
to the power T | you raise the share to T: that is what is left if each step keeps the share.
    share ** (1 / T) => share ** T
what is lost | you take the share for what is lost. It is what is left.
    share ** (1 / T) => (1 - share) ** (1 / T)
T + 1 steps | this would last for T + 1 steps.
    (1 / T) => (1 / (T + 1))
""")


@wrong("σ for its inverse", "f goes through σ once more. Which number has σ made into f?")
def _(share, T):
    return torch.sigmoid(share ** (1 / T))


@wrong("tanh's inverse", "you turn tanh round. A forget gate is a σ.")
def _(share, T):
    return torch.atanh(share ** (1 / T))


forget_bias = Check(
    name="forget_bias",
    lesson=LESSON,
    section=WEIGHTS,
    parts=(Part("bias", "H"),),
    criteria=(Criterion("the bias", 2),),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case({"share": torch.tensor([0.5, 0.99], dtype=torch.float64), "T": 40}, {"T": 40, "H": 2}),
)

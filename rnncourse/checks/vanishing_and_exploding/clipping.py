"""Task 4, clip_global: gradients clipped by their global norm, by hand."""

from typing import Any

import torch
from torch import Tensor

from rnncourse.checks.framework.cases import Case, Trait, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.framework.plain import Plain
from rnncourse.checks.framework.use import Problem
from rnncourse.checks.framework.watch import CLIPPING, RECURRENT
from rnncourse.checks.vanishing_and_exploding.lesson import CLIPPING as SECTION
from rnncourse.checks.vanishing_and_exploding.lesson import LESSON, matrix

LARGE = Trait("the norm is above max_norm", "what you do where it is too long")
SMALL = Trait("the norm is below max_norm", "what you do where nothing is to be clipped")


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 1.0)

    def case(H: int, I: int, max_norm: float, trait: Trait, scale: float = 3.0) -> Case:
        shapes = (H, I), (H, H), (H,), (1, H), (1,)
        gradients = [scale * numbers(*shape) for shape in shapes]
        gradients[0] *= 0.01  # below the others by far: a clip of its own would leave it alone
        return Case({"gradients": gradients, "max_norm": max_norm}, {"H": H, "I": I}, frozenset({trait}))

    # Norms are about 3 * sqrt(H² + 2H + 1) = 3 (H + 1), and 0.3 (H + 1).
    return [
        case(4, 3, 1.0, LARGE),
        case(3, 5, 2.5, LARGE),
        case(2, 6, 0.5, LARGE),
        case(3, 4, 10.0, SMALL, 0.3),
        case(5, 2, 12.0, SMALL, 0.3),
    ]


def _derive(returned: Plain, arguments: dict[str, Any]) -> tuple[Tensor, Plain]:
    """The clipped gradients end to end, and the norm."""
    given = arguments["gradients"]
    if not isinstance(returned, tuple | list) or len(returned) != 2:
        raise Problem("asked is the pair (clipped, norm).")
    clipped, norm = returned
    if isinstance(norm, list | tuple) and not isinstance(clipped, list | tuple):
        raise Problem("asked is the pair (clipped, norm), in this order: yours comes as (norm, clipped).")
    if not isinstance(clipped, list | tuple) or not all(isinstance(g, Tensor) for g in clipped):
        raise Problem("clipped is no list of tensors, one for each gradient.")
    if [g.shape for g in clipped] != [g.shape for g in given]:
        raise Problem("clipped is to hold as many tensors as gradients, of the same shapes.")
    if not isinstance(norm, float | int | Tensor):
        raise Problem("norm is no number: asked is one for all the gradients.")
    return torch.cat([g.flatten() for g in clipped]), torch.as_tensor(norm, dtype=torch.float64)


def _truth(gradients, max_norm):
    norm = torch.stack([g.norm() for g in gradients]).norm()
    factor = torch.clamp(max_norm / norm, max=1)
    return [g * factor for g in gradients], norm


wrong = Mistakes(SECTION, _truth)


@wrong("each tensor", "each tensor is clipped by its own norm: small and large come out alike.")
def _(gradients, max_norm):
    clipped = [g * torch.clamp(max_norm / g.norm(), max=1) for g in gradients]
    return clipped, torch.stack([g.norm() for g in gradients]).norm()


@wrong(
    "each tensor, norm after",
    "each tensor is clipped by its own norm, and norm is that of the clipped ones.",
)
def _(gradients, max_norm):
    clipped = [g * torch.clamp(max_norm / g.norm(), max=1) for g in gradients]
    return clipped, torch.stack([g.norm() for g in clipped]).norm()


@wrong("each number", "each number is cut to [-max_norm, max_norm]: this changes the direction.")
def _(gradients, max_norm):
    norm = torch.stack([g.norm() for g in gradients]).norm()
    return [g.clamp(-max_norm, max_norm) for g in gradients], norm


wrong.edits("""
always scaled | short gradients are made longer, up to max_norm. Clipping only shortens.
    torch.clamp(max_norm / norm, max=1) => max_norm / norm
norm after clipping | norm is that of the clipped gradients. Asked is the one before: it tells of an
    explosion.
    for g in gradients], norm => for g in gradients], norm * factor
the factor for the norm | norm is the factor. Asked is the global norm before clipping.
    for g in gradients], norm => for g in gradients], factor
norms added | the tensors' norms are added up. In one long vector it is their squares that are added.
    for g in gradients]).norm() => for g in gradients]).sum()
largest norm | the norm is the largest of the tensors' norms. What is the norm of one long vector of all?
    for g in gradients]).norm() => for g in gradients]).max()
mean of the norms | the norm is the mean of the tensors' norms. What is the norm of one long vector of all?
    for g in gradients]).norm() => for g in gradients]).mean()
no root | the root is missing: norm is the sum of the squares.
    for g in gradients]).norm() => for g in gradients]).square().sum()
largest number | the norm is the largest absolute value in all the gradients.
    g.norm() for g in gradients]).norm() => g.abs().max() for g in gradients]).max()
sum of absolute values | the norm is the sum of all absolute values. Asked is the root of the squares added
    up.
    g.norm() for g in gradients]).norm() => g.abs().sum() for g in gradients]).sum()
first tensor's norm | the norm is that of the first tensor alone.
    for g in gradients]).norm() => for g in gradients[:1]]).norm()
last tensor's norm | the norm is that of the last tensor alone: does a loop overwrite it?
    for g in gradients]).norm() => for g in gradients[-1:]]).norm()
never above 1 | too long gradients get the norm 1, whatever max_norm is.
    torch.clamp(max_norm / norm, max=1) => torch.where(norm > max_norm, 1 / norm, 1)
upside down | the quotient is upside down: what is too long stays, what is short is shortened.
    max_norm / norm => norm / max_norm
the larger for the smaller | the factor is the larger of 1 and the quotient: what is too long stays, what is
    short is made longer.
    max=1 => min=1
not clipped | the gradients come back as they were.
    g * factor => g * 1
all to zero where too long | where the norm is too large, all gradients become zero: the update is skipped,
    not shortened.
    torch.clamp(max_norm / norm, max=1) => (norm <= max_norm).double()
""")

clip_global = Check(
    name="clip_global",
    lesson=LESSON,
    section=SECTION,
    parts=(Part("clipped", "P"), Part("norm")),
    criteria=(
        Criterion("too long gradients", 2, ("clipped",), (LARGE,)),
        Criterion("norm", 1, ("norm",)),
        Criterion("all cases", 1),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {"gradients": [matrix([2.0, -1.0]), matrix([2.0])[0]], "max_norm": 1.5}, {"H": 1, "I": 2}
    ),
    forbid=RECURRENT | CLIPPING,
    derive=_derive,
)

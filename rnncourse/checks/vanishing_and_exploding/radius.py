"""Task 3, scale_to_radius: a recurrent matrix brought to a spectral radius."""

import torch
from torch import Tensor

from rnncourse.checks.framework.cases import Case, Trait, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.vanishing_and_exploding.lesson import BOUND, LESSON, matrix

COMPLEX = Trait("the largest eigenvalue is complex", "how you compare complex numbers")
NEGATIVE = Trait("the largest eigenvalue is negative", "what you do with a negative eigenvalue")


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def weight(H: int, trait: Trait) -> Tensor:
        while True:
            found = numbers(H, H)
            values = torch.linalg.eigvals(found)
            top = values[values.abs().argmax()]
            if (top.imag.abs() > 1e-9) == (trait is COMPLEX):
                return found if top.real < 0 else -found

    def case(H: int, rho: float, trait: Trait) -> Case:
        return Case({"weight_hh": weight(H, trait), "rho": rho}, {"H": H}, frozenset({trait}))

    return [
        case(4, 0.9, COMPLEX),
        case(3, 6.0, COMPLEX),
        case(5, 1.1, NEGATIVE),
        case(2, 7.5, NEGATIVE),
    ]


def _truth(weight_hh, rho):
    return weight_hh * (rho / torch.linalg.eigvals(weight_hh).abs().max())


wrong = Mistakes(BOUND, _truth)
RADIUS = "torch.linalg.eigvals(weight_hh).abs().max()"

wrong.edits("""
largest singular value | the largest singular value is rho now. That is the norm; the spectral radius is never
    above it.
    torch.linalg.eigvals(weight_hh).abs().max() => torch.linalg.matrix_norm(weight_hh, 2)
Frobenius norm | the root of all squares added up is rho now: a norm, not the spectral radius.
    torch.linalg.eigvals(weight_hh).abs().max() => weight_hh.norm()
largest entry | the largest entry is rho now. An entry is no eigenvalue.
    torch.linalg.eigvals(weight_hh).abs().max() => weight_hh.abs().max()
largest real part | you divide by the largest real part. Eigenvalues may be negative or complex: what is
    compared?
    torch.linalg.eigvals(weight_hh).abs().max() => torch.linalg.eigvals(weight_hh).real.max()
absolute real parts | the imaginary parts are dropped before the absolute value is taken.
    torch.linalg.eigvals(weight_hh).abs().max() => torch.linalg.eigvals(weight_hh).real.abs().max()
symmetric matrix assumed | eigvalsh is for symmetric matrices: it reads one half of the matrix only.
    torch.linalg.eigvals(weight_hh).abs().max() => torch.linalg.eigvalsh(weight_hh).abs().max()
mean of the absolute values | you divide by the mean of the absolute values. Which of the eigenvalues decides
    in the end?
    torch.linalg.eigvals(weight_hh).abs().max() => torch.linalg.eigvals(weight_hh).abs().mean()
smallest eigenvalue | you divide by the smallest absolute value. Which of the eigenvalues decides in the end?
    torch.linalg.eigvals(weight_hh).abs().max() => torch.linalg.eigvals(weight_hh).abs().min()
to 1 | the spectral radius is 1 now, for every rho.
    (rho / => (1 /
rho times | rho times the matrix: the spectral radius that it had has no part in it.
    / torch.linalg.eigvals(weight_hh).abs().max() =>
rho where it was rho | the quotient is upside down: what was large becomes larger.
    rho / torch.linalg.eigvals(weight_hh).abs().max() => torch.linalg.eigvals(weight_hh).abs().max() / rho
only made smaller | a matrix whose spectral radius is below rho stays as it was. Here it is to be rho in any
    case.
    - return weight_hh * (rho / torch.linalg.eigvals(weight_hh).abs().max())
    + return weight_hh * min(1, rho / torch.linalg.eigvals(weight_hh).abs().max())
nothing changed | the matrix is as it was.
    * (rho / torch.linalg.eigvals(weight_hh).abs().max()) =>
""")

scale_to_radius = Check(
    name="scale_to_radius",
    lesson=LESSON,
    section=BOUND,
    parts=(Part("weight_hh", "H H"),),
    criteria=(Criterion("weight_hh", 2),),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case({"weight_hh": matrix([0.0, -2.0], [2.0, 0.0]), "rho": 0.5}, {"H": 2}),
)

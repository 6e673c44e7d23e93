"""Task 1, step_jacobian: the Jacobian of one step of the tanh cell."""

import torch

from rnncourse.checks.framework.cases import Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.framework.watch import AUTOGRAD, RECURRENT
from rnncourse.checks.vanishing_and_exploding.lesson import LESSON, PRODUCT, matrix


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(H: int) -> Case:
        return Case({"h_t": torch.tanh(numbers(H)), "weight_hh": numbers(H, H)}, {"H": H})

    return [case(4), case(3), case(6), case(2)]


def _truth(h_t, weight_hh):
    return torch.diag(1 - h_t**2) @ weight_hh


wrong = Mistakes(PRODUCT, _truth)

wrong.edits("""
slope 1 - h | the slope of tanh is taken as 1 - h. It is 1 - tanh².
    h_t**2 => h_t
tanh once more | h_t is squashed a second time: it is the tanh already.
    h_t**2 => torch.tanh(h_t) ** 2
columns scaled | the columns are multiplied by the slopes. Row k belongs to unit k of the new state; whose
    slope is it?
    torch.diag(1 - h_t**2) @ weight_hh => weight_hh * (1 - h_t**2)
no slope | this is W_hh alone: the tanh has no part in it.
    torch.diag(1 - h_t**2) @ weight_hh => weight_hh
no weights | these are the slopes alone: W_hh has no part in it.
    @ weight_hh =>
elementwise product | diag(slopes) is multiplied entry by entry: all off the diagonal becomes 0. Asked is a
    matrix product.
    @ => *
transposed weights | W_hh is transposed in it.
    @ weight_hh => @ weight_hh.T
transposed | this is Jᵀ, which carries a gradient back. Row k of J is for unit k of the new state.
    torch.diag(1 - h_t**2) @ weight_hh => (torch.diag(1 - h_t**2) @ weight_hh).T
1 + h² | the slope has the wrong sign in it: it is at most 1.
    1 - h_t**2 => 1 + h_t**2
h² for the slope | h² alone is no slope: where h is 0, tanh is steepest.
    1 - h_t**2 => h_t**2
sigmoid's slope | h * (1 - h) is the slope of a sigmoid.
    1 - h_t**2 => h_t * (1 - h_t)
""")

step_jacobian = Check(
    name="step_jacobian",
    lesson=LESSON,
    section=PRODUCT,
    parts=(Part("J", "H H"),),
    criteria=(Criterion("J", 2),),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case({"h_t": matrix([0.5, 0.0])[0], "weight_hh": matrix([4.0, 8.0], [1.0, 2.0])}, {"H": 2}),
    forbid=RECURRENT | AUTOGRAD,
)

"""Task 2, product_norms: the norm of the product of Jacobians against the distance."""

import torch

from rnncourse.checks.framework.cases import Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.framework.watch import AUTOGRAD, RECURRENT
from rnncourse.checks.vanishing_and_exploding.lesson import BOUND, LESSON, PRODUCT, matrix


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(T: int, H: int) -> Case:
        return Case({"states": torch.tanh(numbers(T, H)), "weight_hh": numbers(H, H)}, {"T": T, "H": H})

    return [case(5, 3), case(4, 6), case(6, 2), case(3, 4), case(4, 4)]  # T = H: rows taken for columns


def _truth(states, weight_hh):
    product = torch.eye(len(weight_hh), dtype=weight_hh.dtype)
    norms = []
    for h_t in states:
        product = torch.diag(1 - h_t**2) @ weight_hh @ product
        norms.append(torch.linalg.matrix_norm(product, 2))
    return torch.stack(norms)


wrong = Mistakes(PRODUCT, _truth)

wrong.edits("""
latest on the right | the factors stand in the wrong order: the latest Jacobian is on the right.
    torch.diag(1 - h_t**2) @ weight_hh @ product => product @ torch.diag(1 - h_t**2) @ weight_hh
§ How large can the product be?
Frobenius norm | this is the Frobenius norm, the root of all squares added up. Asked is the largest singular
    value.
    torch.linalg.matrix_norm(product, 2) => torch.linalg.matrix_norm(product)
largest column sum | this is the largest column sum, another norm. Asked is the largest singular value.
    torch.linalg.matrix_norm(product, 2) => torch.linalg.matrix_norm(product, 1)
largest entry | this is the largest entry of the product. Asked is the most that it can stretch a vector.
    torch.linalg.matrix_norm(product, 2) => product.abs().max()
smallest singular value | this is the smallest singular value: the least that it stretches a vector.
    torch.linalg.matrix_norm(product, 2) => torch.linalg.svdvals(product)[-1]
spectral radius | this is the spectral radius of the product: its eigenvalues. The norm is another number.
    torch.linalg.matrix_norm(product, 2) => torch.linalg.eigvals(product).abs().max()
§
each step alone | each norm is that of one step's Jacobian: nothing is multiplied.
    @ weight_hh @ product => @ weight_hh
slopes left out | the slopes are left out: these are the norms of the powers of W_hh.
    torch.diag(1 - h_t**2) @ weight_hh => weight_hh
slope 1 - h | the slope of tanh is taken as 1 - h. It is 1 - tanh².
    h_t**2 => h_t
columns scaled | the slopes multiply the columns of W_hh. Row k belongs to unit k of the new state; whose
    slope is it?
    torch.diag(1 - h_t**2) @ weight_hh @ => (weight_hh * (1 - h_t**2)) @
weights transposed | W_hh is transposed in each factor.
    @ weight_hh @ => @ weight_hh.T @
""")


@wrong(
    "product of norms",
    "the norms of the steps are multiplied: that is a bound. Multiply the matrices, then take the norm.",
    section=BOUND,
)
def _(states, weight_hh):
    jacobians = (1 - states**2)[:, :, None] * weight_hh
    return torch.linalg.matrix_norm(jacobians, 2).cumprod(0)


@wrong(
    "the bound",
    "these are the powers of the norm of W_hh: the bound, not the norm itself.",
    section=BOUND,
)
def _(states, weight_hh):
    return torch.linalg.matrix_norm(weight_hh, 2) ** torch.arange(1, len(states) + 1)


@wrong("first slope left out", "the first factor is W_hh alone: the slopes of the first step are not in it.")
def _(states, weight_hh):
    return _truth(torch.cat([0 * states[:1], states[1:]]), weight_hh)


@wrong("slopes one step late", "each factor has the slopes of the step before, the first has none.")
def _(states, weight_hh):
    return _truth(torch.cat([0 * states[:1], states[:-1]]), weight_hh)


@wrong("first factor twice", "the first Jacobian is in it twice. What is the product before any step?")
def _(states, weight_hh):
    return _truth(torch.cat([states[:1], states]), weight_hh)[1:]


@wrong("one step late", "it begins with a norm of 1, before any step: all come one step late.")
def _(states, weight_hh):
    one = torch.ones(1, dtype=states.dtype)
    return torch.cat([one, _truth(states, weight_hh)[:-1]])


@wrong("the norm before any step, too", "there are T + 1 norms: the first, before any step, is not asked.")
def _(states, weight_hh):
    return torch.cat([torch.ones(1, dtype=states.dtype), _truth(states, weight_hh)])


@wrong("from the end", "you go from the last step to the first: the distance is counted from h_T.")
def _(states, weight_hh):
    return _truth(states.flip(0), weight_hh)


@wrong("from the end, order kept", "these are the norms of J_T … J_k, counted from the last step back.")
def _(states, weight_hh):
    product, norms = torch.eye(len(weight_hh), dtype=weight_hh.dtype), []
    for h_t in states.flip(0):
        product = product @ torch.diag(1 - h_t**2) @ weight_hh
        norms.append(torch.linalg.matrix_norm(product, 2))
    return torch.stack(norms)


@wrong("last norm only", "this is the norm of the whole product alone. Asked is one for each distance.")
def _(states, weight_hh):
    return _truth(states, weight_hh)[-1]


@wrong("return inside the loop", "the loop ends after its first step. How far is the `return` indented?")
def _(states, weight_hh):
    return _truth(states[:1], weight_hh)


@wrong("logarithm", "these are the logarithms of the norms: the axis is logarithmic, the numbers are not.")
def _(states, weight_hh):
    return _truth(states, weight_hh).log10()


product_norms = Check(
    name="product_norms",
    lesson=LESSON,
    section=PRODUCT,
    parts=(Part("norms", "T"),),
    criteria=(Criterion("norms", 3),),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {"states": matrix([0.0, 0.0], [0.0, 0.5]), "weight_hh": matrix([0.0, 2.0], [1.0, 0.0])},
        {"T": 2, "H": 2},
    ),
    forbid=RECURRENT | AUTOGRAD,
)

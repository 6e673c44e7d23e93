"""The checks of exercise set 05: Jacobians and their product, clipping, four runs, the road along c."""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from rnncourse.checks.framework.authoring import (
    AUTOGRAD,
    CLIPPING,
    RECURRENT,
    Case,
    ExerciseSet,
    Mistakes,
    Problem,
    TorchModule,
    Trait,
    cases,
    random_module,
    random_numbers,
    row,
    rows,
)
from rnncourse.checks.given.vanishing_and_exploding import four_runs
from rnncourse.checks.uses.vanishing_and_exploding import train

CHECKS = ExerciseSet("05", "Vanishing and exploding")


# ---- Task 1, step_jacobian: the Jacobian of one step of the tanh cell.
def _step_jacobian(h_t, weight_hh):
    slopes = 1 - h_t**2
    J = torch.diag(slopes) @ weight_hh
    return J


@cases(0.8, "H4; H3; H6; H2")
def _step_jacobian_cases(numbers, H):
    return {"h_t": torch.tanh(numbers(H)), "weight_hh": numbers(H, H)}


wrong = Mistakes("Many units: a product of Jacobians", _step_jacobian).edits("""
slope 1 - h | you take the slope of tanh as 1 - h. It is 1 - tanh². | h_t**2 => h_t
tanh once more | h_t is squashed a second time, but it is already the tanh. | h_t**2 => torch.tanh(h_t) ** 2
columns scaled | the columns are multiplied by the slopes. Row k belongs to unit k of the new state; whose
    slope does it need?
    torch.diag(slopes) @ weight_hh => weight_hh * slopes
no slope | this is only W_hh: the tanh is not used. | torch.diag(slopes) @ =>
no weights | these are only the slopes: W_hh is not used. | @ weight_hh =>
elementwise product | you multiply diag(slopes) entry by entry: everything off the diagonal becomes 0. You
    need a matrix product.
    @ => *
transposed weights | W_hh is transposed. | @ weight_hh => @ weight_hh.T
transposed | this is Jᵀ, which carries a gradient back. Row k of J is for unit k of the new state.
    return J => return J.T
1 + h² | the slope has a wrong sign in it: a slope of tanh is at most 1. | 1 - h_t**2 => 1 + h_t**2
h² for the slope | h² alone is not the slope: where h is 0, tanh is steepest. | 1 - h_t**2 => h_t**2
sigmoid's slope | h * (1 - h) is the slope of a sigmoid. | 1 - h_t**2 => h_t * (1 - h_t)
""")

step_jacobian = CHECKS.task(
    "step_jacobian",
    wrong,
    returns="J (H H)",
    points="J 2",
    cases=_step_jacobian_cases,
    example={"h_t": row(0.5, 0), "weight_hh": rows([4, 8], [1, 2])},
    forbid=RECURRENT | AUTOGRAD,
)


# ---- Task 2, product_norms: the norm of the product of Jacobians against the distance.
def _product_norms(states, weight_hh):
    product = torch.eye(len(weight_hh), dtype=weight_hh.dtype)
    norms = []
    for h_t in states:
        J = torch.diag(1 - h_t**2) @ weight_hh
        product = J @ product
        norms.append(torch.linalg.matrix_norm(product, 2))
    return torch.stack(norms)


@cases(0.8, "T5 H3; T4 H6; T6 H2; T3 H4; T4 H4")  # T = H: rows read as columns
def _product_norms_cases(numbers, T, H):
    return {"states": torch.tanh(numbers(T, H)), "weight_hh": numbers(H, H)}


wrong = Mistakes("Many units: a product of Jacobians", _product_norms).edits("""
latest on the right | the factors are in the wrong order: the latest Jacobian is on the right.
    J @ product => product @ J
Frobenius norm | this is the Frobenius norm, the root of the sum of all squares. Return the largest singular
    value. § How large can the product be?
    (product, 2) => (product)
largest column sum | this is the largest column sum, a different norm. Return the largest singular value.
    (product, 2) => (product, 1) § How large can the product be?
largest entry | this is the largest entry of the product. You need the most that it can stretch a vector.
    torch.linalg.matrix_norm(product, 2) => product.abs().max() § How large can the product be?
smallest singular value | this is the smallest singular value: the least that the product stretches a vector.
    matrix_norm(product, 2) => svdvals(product)[-1] § How large can the product be?
spectral radius | this is the spectral radius of the product, from its eigenvalues. The norm is a different
    number.
    matrix_norm(product, 2) => eigvals(product).abs().max() § How large can the product be?
each step alone | each norm is that of one step's Jacobian: nothing is multiplied. | J @ product => J
slopes left out | the slopes are left out: these are the norms of the powers of W_hh.
    torch.diag(1 - h_t**2) @ =>
slope 1 - h | you take the slope of tanh as 1 - h. It is 1 - tanh². | h_t**2 => h_t
columns scaled | the slopes multiply the columns of W_hh. Row k belongs to unit k of the new state; whose
    slope does it need?
    torch.diag(1 - h_t**2) @ weight_hh => weight_hh * (1 - h_t**2)
weights transposed | W_hh is transposed in each factor. | @ weight_hh => @ weight_hh.T
product of norms | you multiply the norms of the steps: that is a bound. Multiply the matrices, then take the
    norm.
    § How large can the product be?
    J @ product => torch.linalg.matrix_norm(J, 2) * product
the bound | these are the powers of the norm of W_hh: the bound, not the norm itself.
    J @ product => torch.linalg.matrix_norm(weight_hh, 2) * product § How large can the product be?
first slope left out | the first factor is only W_hh: the slopes of the first step are missing.
    in states: => in [0 * states[0], *states[1:]]:
slopes one step late | each factor has the slopes of the previous step, the first has none.
    in states: => in [0 * states[0], *states[:-1]]:
first factor twice | the first Jacobian appears twice. What is the product before any step?
    torch.eye(len(weight_hh), dtype=weight_hh.dtype) => torch.diag(1 - states[0] ** 2) @ weight_hh
one step late | it begins with a norm of 1, before any step: everything comes one step late.
    norms = [] => norms = [product[0, 0]]
    torch.stack(norms) => torch.stack(norms[:-1])
the norm before any step, too | there are T + 1 norms: leave out the first one, before any step.
    norms = [] => norms = [product[0, 0]]
from the end | you go from the last step to the first: the distance is counted from h_T.
    in states: => in states.flip(0):
from the end, order kept | these are the norms of J_T … J_k, counted from the last step back.
    in states: => in states.flip(0):
    J @ product => product @ J
last norm only | this is only the norm of the whole product. Return one for each distance.
    torch.stack(norms) => norms[-1]
return inside the loop | the loop ends after its first step. How far is the `return` indented?
    in states: => in states[:1]:
logarithm | these are the logarithms of the norms: the axis is logarithmic, the numbers are not.
    torch.stack(norms) => torch.stack(norms).log10()
""")

product_norms = CHECKS.task(
    "product_norms",
    wrong,
    returns="norms (T)",
    points="norms 3",
    cases=_product_norms_cases,
    example={"states": rows([0, 0], [0, 0.5]), "weight_hh": rows([0, 2], [1, 0])},
    forbid=RECURRENT | AUTOGRAD,
)


# ---- Task 3, scale_to_radius: a recurrent matrix scaled to a spectral radius.
COMPLEX = Trait("the largest eigenvalue is complex", "how you compare complex numbers")
NEGATIVE = Trait("the largest eigenvalue is negative", "what you do with a negative eigenvalue")


def _scale_to_radius(weight_hh, rho):
    eigenvalues = torch.linalg.eigvals(weight_hh)
    radius = eigenvalues.abs().max()
    return weight_hh * (rho / radius)


@cases(0.8, "H4 rho=0.9 complex; H3 rho=6.0 complex; H5 rho=1.1; H2 rho=7.5")
def _scale_to_radius_cases(numbers, H, rho, complex=False):
    while True:
        weight_hh = numbers(H, H)
        values = torch.linalg.eigvals(weight_hh)
        top = values[values.abs().argmax()]
        if (top.imag.abs() > 1e-9) == complex:
            weight_hh = weight_hh if top.real < 0 else -weight_hh
            return {"weight_hh": weight_hh, "rho": rho}, COMPLEX if complex else NEGATIVE


wrong = Mistakes("How large can the product be?", _scale_to_radius).edits("""
largest singular value | now the largest singular value is rho. That is the norm; the spectral radius is never
    larger than it.
    eigenvalues.abs().max() => torch.linalg.matrix_norm(weight_hh, 2)
Frobenius norm | now the root of the sum of all squares is rho: a norm, not the spectral radius.
    eigenvalues.abs().max() => weight_hh.norm()
largest entry | now the largest entry is rho. An entry is not an eigenvalue.
    eigenvalues.abs().max() => weight_hh.abs().max()
largest real part | you divide by the largest real part. Eigenvalues may be negative or complex: how do you
    compare them?
    abs() => real
absolute real parts | the imaginary parts are dropped before the absolute value is taken.
    abs() => real.abs()
symmetric matrix assumed | eigvalsh is for symmetric matrices: it only reads one half of the matrix.
    eigvals => eigvalsh
mean of the absolute values | you divide by the mean of the absolute values. Which eigenvalue decides in the
    end?
    max() => mean()
smallest eigenvalue | you divide by the smallest absolute value. Which eigenvalue decides in the end?
    max() => min()
to 1 | the spectral radius is now 1, for every rho. | rho / => 1 /
rho times | this is rho times the matrix: you do not use the spectral radius that it had. | / radius =>
rho where it was rho | the quotient is upside down: what was large becomes larger.
    rho / radius => radius / rho
only made smaller | a matrix whose spectral radius is below rho stays as it was. Here it should become rho in
    any case.
    (rho / radius) => min(1, rho / radius)
nothing changed | the matrix is as it was. | * (rho / radius) =>
""")

scale_to_radius = CHECKS.task(
    "scale_to_radius",
    wrong,
    returns="weight_hh (H H)",
    points="weight_hh 2",
    cases=_scale_to_radius_cases,
    example={"weight_hh": rows([0, -2], [2, 0]), "rho": 0.5},
)


# ---- Task 4, clip_global: gradients clipped by their global norm, by hand.
LARGE = Trait("the norm is above max_norm", "what you do where it is too long")
SMALL = Trait("the norm is below max_norm", "what you do where nothing has to be clipped")


def _clip_global(gradients, max_norm):
    norms = torch.stack([g.norm() for g in gradients])
    norm = norms.norm()
    factor = torch.clamp(max_norm / norm, max=1)
    clipped = [g * factor for g in gradients]
    return clipped, norm


# Norms are about 3 * sqrt(H² + 2H + 1) = 3 (H + 1), and 0.3 (H + 1).
@cases(
    1.0,
    "H4 I3 max_norm=1.0; H3 I5 max_norm=2.5; H2 I6 max_norm=0.5",
    "H3 I4 max_norm=10.0 small; H5 I2 max_norm=12.0 small",
)
def _clip_global_cases(numbers, H, I, max_norm, small=False):
    scale = 0.3 if small else 3.0
    gradients = [scale * numbers(*shape) for shape in ((H, I), (H, H), (H,), (1, H), (1,))]
    gradients[0] *= 0.01  # far below the others: clipping it by its own norm would leave it alone
    return {"gradients": gradients, "max_norm": max_norm}, SMALL if small else LARGE


def _derive(returned, arguments):
    """Return the clipped gradients end to end, and the norm."""
    given = arguments["gradients"]
    if not isinstance(returned, tuple | list) or len(returned) != 2:
        raise Problem("expected the pair (clipped, norm).")
    clipped, norm = returned
    if isinstance(norm, list | tuple) and not isinstance(clipped, list | tuple):
        raise Problem("expected the pair (clipped, norm), in this order: you return (norm, clipped).")
    if not isinstance(clipped, list | tuple) or not all(isinstance(g, Tensor) for g in clipped):
        raise Problem("clipped is not a list of tensors, one for each gradient.")
    if [g.shape for g in clipped] != [g.shape for g in given]:
        raise Problem("clipped must have as many tensors as there are gradients, with the same shapes.")
    if not isinstance(norm, float | int | Tensor):
        raise Problem("norm is not a number: expected one for all the gradients.")
    return torch.cat([g.flatten() for g in clipped]), torch.as_tensor(norm, dtype=torch.float64)


wrong = Mistakes("Clipping", _clip_global).edits("""
each tensor | each tensor is clipped by its own norm: small and large ones come out alike.
    g * factor => g * torch.clamp(max_norm / g.norm(), max=1)
each tensor, norm after | each tensor is clipped by its own norm, and norm is that of the clipped ones.
    g * factor => g * torch.clamp(max_norm / g.norm(), max=1)
    return clipped, norm => return clipped, torch.stack([g.norm() for g in clipped]).norm()
each number | each number is cut off at [-max_norm, max_norm]: this changes the direction.
    g * factor => g.clamp(-max_norm, max_norm)
always scaled | short gradients are made longer, up to max_norm. Clipping only shortens.
    torch.clamp(max_norm / norm, max=1) => max_norm / norm
norm after clipping | norm is that of the clipped gradients. Return the one before: it reveals an explosion.
    clipped, norm => clipped, norm * factor
the factor for the norm | norm is the factor. Return the global norm before clipping.
    clipped, norm => clipped, factor
norms added | the tensors' norms are added up. For one long vector, it is their squares that are added.
    norms.norm() => norms.sum()
largest norm | norm is the largest of the tensors' norms. What is the norm of one long vector of all of them?
    norms.norm() => norms.max()
mean of the norms | norm is the mean of the tensors' norms. What is the norm of one long vector of all of
    them?
    norms.norm() => norms.mean()
no root | the root is missing: norm is the sum of the squares. | norms.norm() => norms.square().sum()
largest number | norm is the largest absolute value in all the gradients.
    g.norm() => g.abs().max()
    norms.norm() => norms.max()
sum of absolute values | norm is the sum of all absolute values. Return the root of the sum of the squares.
    g.norm() => g.abs().sum()
    norms.norm() => norms.sum()
first tensor's norm | norm is only that of the first tensor. | norms.norm() => norms[0]
last tensor's norm | norm is only that of the last tensor: does a loop overwrite it?
    norms.norm() => norms[-1]
never above 1 | gradients that are too long get the norm 1, whatever max_norm is.
    torch.clamp(max_norm / norm, max=1) => torch.where(norm > max_norm, 1 / norm, 1)
upside down | the quotient is upside down: what is too long stays, what is short is shortened.
    max_norm / norm => norm / max_norm
the larger for the smaller | the factor is the larger of 1 and the quotient: what is too long stays, what is
    short becomes longer.
    max=1 => min=1
not clipped | you return the gradients as they were. | g * factor => g * 1
all to zero where too long | where the norm is too large, all gradients become zero: the update is skipped,
    not shortened.
    torch.clamp(max_norm / norm, max=1) => (norm <= max_norm).double()
""")

clip_global = CHECKS.task(
    "clip_global",
    wrong,
    returns="clipped (P), norm ()",
    points="""
        gradients that are too long 2 = clipped where the norm is above max_norm
        norm 1
        all cases 1 = clipped, norm, arguments
    """,
    cases=_clip_global_cases,
    example={"gradients": [rows([2, -1]), row(2)], "max_norm": 1.5},
    forbid=RECURRENT | CLIPPING,
    derive=_derive,
)


# ---- Task 5, train_clipped: the place of clipping in a training loop.
clip = nn.utils.clip_grad_norm_


def _net(numbers, I, H):
    """Return a recurrent layer and a head, as two arguments."""
    rnn = random_module("RNN", numbers, input_size=I, hidden_size=H)
    head = random_module("Linear", numbers, in_features=H, out_features=1)
    return {"rnn": replace(rnn, trains=True), "head": replace(head, trains=True)}


def _train_clipped(rnn, head, optimizer, batches, max_norm):
    parameters = [*rnn.parameters(), *head.parameters()]
    norms = []
    for x, target in batches:
        optimizer.zero_grad()
        output, _ = rnn(x)
        loss = mse_loss(head(output[-1]), target)
        loss.backward()
        norm = clip(parameters, max_norm)
        optimizer.step()
        norms.append(norm)
    return norms


def _train_clipped_cases(seed):
    numbers = random_numbers(seed, 1.0)

    def case(updates, T, B, I, H, max_norm, far):
        batches = [(numbers(T, B, I), far * numbers(B, 1)) for _ in range(updates)]
        arguments = {**_net(random_numbers(seed + H, 0.7), I, H), "lr": 0.2}
        arguments |= {"batches": batches, "max_norm": max_norm}
        return Case(arguments, {"T": T, "B": B, "I": I, "H": H})

    # Large targets are clipped at each update; small ones with a large max_norm never are. One update comes
    # first: it is quick, and it rules out most mistakes.
    return [case(1, 4, 2, 3, 5, 0.6, 5.0), case(3, 3, 5, 2, 6, 0.4, 6.0), case(2, 5, 4, 2, 3, 50.0, 1.0)]


wrong = Mistakes("Clipping", _train_clipped).edits("""
clipped after the step | each update uses the gradients as they were: the clipping comes too late, or not at
    all.
    norm = clip => optimizer.step(); norm = clip
    - optimizer.step()
clipped before backward | the clipping comes before backward: there is no gradient yet.
    loss.backward() =>
    optimizer.step() => loss.backward(); optimizer.step()
zero_grad left out | the gradients are never reset: each backward adds to those of the previous batches.
    optimizer.zero_grad() =>
    § After one update
zero_grad after backward | the gradients are reset right after backward: the norms are 0, and no weight moves.
    § After one update
    optimizer.zero_grad() =>
    loss.backward() => loss.backward(); optimizer.zero_grad()
no step | no weight moves: the step is missing, or the gradients are reset before it.
    optimizer.step() =>
    § After one update
recurrent layer only | you only clip the recurrent layer's gradients, and only they are in the norm.
    clip(parameters => clip(rnn.parameters()
head only | you only clip the head's gradients, and only they are in the norm.
    clip(parameters => clip(head.parameters()
layer by layer | you clip the recurrent layer and the head one by one: two factors where there should be one.
    clip(parameters, max_norm) => torch.stack([clip(m.parameters(), max_norm) for m in (rnn, head)]).norm()
each tensor | each tensor is clipped by its own norm: called in a loop, clip_grad_norm_ sees one at a time.
    clip(parameters, max_norm) => torch.stack([clip([p], max_norm) for p in parameters]).norm()
each tensor, last norm | each tensor is clipped by its own norm, and the norm that you save is that of the
    last one.
    clip(parameters, max_norm) => [clip([p], max_norm) for p in parameters][-1]
each number | each number is cut off at max_norm (clip_grad_value_): this changes the direction.
    clip(parameters, max_norm) => clip(parameters, torch.inf)
    optimizer.step() => nn.utils.clip_grad_value_(parameters, max_norm); optimizer.step()
norm after clipping | your norms are those after clipping, never above max_norm. Return those before.
    loss.backward() => loss.backward(); clip(parameters, max_norm)
losses returned | you return the losses. Return the norms of the gradient.
    append(norm) => append(loss.detach())
loss clipped | you cut off the loss at max_norm: above it the loss is constant and its gradient is 0.
    target) => target).clamp(max=max_norm)
first batch only | the loop ends after the first batch. How far is the `return` indented?
    in batches: => in batches[:1]: § After one update
last norm alone | you return only the last norm. Return one for each batch.
    return norms => return norms[-1]
loss at each step | the head reads the outputs of all steps, but the prediction is made from the last.
    head(output[-1]) => head(output) § After one update
first output | the prediction is made from the first output instead of the last. § After one update
    output[-1] => output[0]
always scaled | short gradients are made longer, up to max_norm. Clipping only shortens.
    optimizer.step() => [p.grad.mul_(max(1, max_norm / norm)) for p in parameters]; optimizer.step()
""")

train_clipped = CHECKS.task(
    "train_clipped",
    wrong,
    returns="norms (N), weights (P)",
    points="norms 1; weights 2",
    cases=_train_clipped_cases,
    example={
        **_net(random_numbers(1, 0.5), 1, 1),
        "lr": 0.1,
        "batches": [(rows([[1]], [[2]]), rows([3])), (rows([[0]], [[1]]), rows([2]))],
        "max_norm": 1.0,
    },
    use=train,
    forbid=frozenset(),
    agree="the right loop",
    seconds=20,
)


# ---- Task 6, measure: the reach of a net's gradient, and the share of its states that are saturated.
def _measure(rnn, x):
    x = x.clone().requires_grad_()
    output, _ = rnn(x)
    (dx,) = torch.autograd.grad(output[-1].sum(), x)
    first, last = dx[0], dx[-1]
    reach = first.norm() / last.norm()
    saturated = (output.abs() > 0.99).double().mean()
    return reach, saturated


@cases(0.8, "T4 B3 I2 H5; T3 B6 I4 H2; T5 B2 I3 H6; T2 B7 I5 H3")
def _measure_cases(numbers, T, B, I, H):
    rnn = random_module("RNN", numbers, input_size=I, hidden_size=H)
    return {"rnn": rnn, "x": 3 * numbers(T, B, I)}


wrong = Mistakes("After one update", _measure).edits("""
reach upside down | reach is upside down: the last input's gradient divided by the first's.
    first.norm() / last.norm() => last.norm() / first.norm()
along the batch | reach compares the first row of the batch with the last. Along which axis does time run?
    dx[0], dx[-1] => dx[:, 0], dx[:, -1]
loss at each step | the outputs of all steps are added up: then the first input reaches its own output
    directly.
    output[-1].sum() => output.sum()
first output | the gradient is that of the first output. You should measure how the last output depends on the
    first input.
    output[-1].sum() => output[0].sum()
mean of absolute values | reach compares means of absolute values: use norms.
    first.norm() / last.norm() => first.abs().mean() / last.abs().mean()
squares | reach compares the squares of the norms: a square root is missing.
    first.norm() / last.norm() => first.square().sum() / last.square().sum()
first norm alone | reach is only the norm of the first input's gradient. It should be divided by that of the
    last.
    / last.norm() =>
share of all | the first input's gradient is compared with that of all inputs together.
    last.norm() => dx.norm()
only +1 | only states near 1 are counted. A unit is also saturated at -1. § Saturated units
    output.abs() > => output >
the others | saturated is the share of the units that are not saturated. § Saturated units
    output.abs() > 0.99 => output.abs() <= 0.99
last step only | you only count the last step's states. Count those of all steps. § Saturated units
    output.abs() => output[-1].abs()
a count | saturated is the number of such states. Return their share. § Saturated units
    .double().mean() => .double().sum()
any unit | a step counts as a whole if one of its units is saturated. Return the share of all states.
    (output.abs() > 0.99) => (output.abs() > 0.99).any(2) § Saturated units
mean of |h| | saturated is the mean of the absolute values. Return how many are above 0.99, as a share.
    (output.abs() > 0.99).double() => output.abs() § Saturated units
slope below 0.01 | you count where the slope is below 0.01, which is |h| > 0.995. The task says |h| > 0.99.
    output.abs() > 0.99 => 1 - output**2 < 0.01 § Saturated units
percent | saturated is in percent. Return a share from 0 to 1. § Saturated units
    .mean() => .mean() * 100
""")


weights = {"weight_ih_l0": rows([3]), "weight_hh_l0": rows([0.5]), "bias_ih_l0": row(0), "bias_hh_l0": row(0)}
one_unit = TorchModule("RNN", {"input_size": 1, "hidden_size": 1}, weights)

measure = CHECKS.task(
    "measure",
    wrong,
    returns="reach (), saturated ()",
    points="reach 2; saturated 1",
    cases=_measure_cases,
    example={"rnn": one_unit, "x": rows([[1]], [[0.2]])},
    forbid=frozenset(),
    agree="what autograd gives",
)


# ---- Task 7, diagnosis: four runs (given.py), and what is wrong with each.
WORDS = "vanishing", "exploding", "saturated", "healthy"

TRUTH = {"P": "vanishing", "Q": "exploding", "R": "saturated", "S": "healthy"}

wrong = Mistakes("Four runs", TRUTH).edits("""
# These hints are never shown: they only say what the tests try.
P and R exchanged | P and R are exchanged.
    P => 'saturated'
    R => 'vanishing'
Q and S exchanged | Q and S are exchanged.
    Q => 'healthy'
    S => 'exploding'
both quiet runs vanish | P and R both vanish. | R => 'vanishing'
""")

diagnosis = CHECKS.chosen(
    "diagnosis",
    wrong,
    choices=WORDS,
    points="all four runs 3",
    forbid=frozenset(),
    seconds=30,
)


# ---- Task 8, memory_road: what an LSTM's forget gates let through along c.
def _memory_road(f):
    backwards = f.flip(0).cumprod(0)
    road = backwards.flip(0)
    return road


@cases(1.0, "T4 B3 H2; T5 B2 H6; T3 B5 H4; T2 B4 H3")
def _memory_road_cases(numbers, T, B, H):
    return {"f": torch.sigmoid(1 + numbers(T, B, H))}


wrong = Mistakes("What an LSTM solves", _memory_road).edits("""
from the start | your products start at the first step. But the road from c_k leads on to the end.
    backwards.flip(0) => f.cumprod(0)
not transposed back | the products are right, but in reversed time. | backwards.flip(0) => backwards
along the batch | the product runs along the batch. Along which axis does time run?
    f.flip(0).cumprod(0) => f.flip(1).cumprod(1)
    backwards.flip(0) => backwards.flip(1)
sums | the gates are added up. But from step to step c is multiplied. | cumprod => cumsum
1 - f | you multiply by 1 - f. Does f = 1 keep or lose it? | f.flip => (1 - f).flip
sigmoid again | f is squashed a second time, but it is already activated. | f.flip => f.sigmoid().flip
one gate alone | each entry is a single gate: nothing is multiplied. | return road => return f.clone()
logarithm | this is the sum of the logarithms: an exp is missing. | cumprod(0) => log().cumsum(0)
one gate too few | one gate too few: there is also a gate from c_k to c_{k+1}, f_{k+1}.
    return road => return torch.cat([road[1:], torch.ones_like(road[:1])])
one gate too many | there is one gate too many: f_k itself computed c_k, and lies before it.
    return road => return torch.cat([road[:1], road[:-1]])
T + 1 entries | there are T + 1 entries: leave out the one from c_T to itself, which is 1.
    return road => return torch.cat([road, torch.ones_like(road[:1])])
the whole road at each step | each entry is the whole product: the road from c_0.
    return road => return f.prod(0).expand_as(f).clone()
whole product alone | this is only the road from c_0. Return one for each step.
    return road => return f.prod(0)
a power of one gate | each entry is a power of one step's gate. The gates change from step to step.
    return road => return f ** torch.arange(len(f), 0, -1)[:, None, None]
""")

memory_road = CHECKS.task(
    "memory_road",
    wrong,
    returns="road (T B H)",
    points="road 2",
    cases=_memory_road_cases,
    example={"f": rows([[0.5]], [[1]], [[0.1]])},
    forbid=RECURRENT | AUTOGRAD,
)

__all__ = ["CHECKS", "four_runs", *(check.name for check in CHECKS)]

"""Task 7, gru_step_backward: the way back through one step."""

import torch
from torch.nn.functional import linear

from rnncourse.checks.framework.cases import Case, random_numbers, random_weights
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.framework.watch import AUTOGRAD, RECURRENT
from rnncourse.checks.gru.lesson import BACKWARD, LESSON, PENCIL, row


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(B: int, I: int, H: int) -> Case:
        arguments = {"dh_t": numbers(B, H), "x_t": numbers(B, I), "h": numbers(B, H)}
        return Case(arguments | random_weights(numbers, 3, I, H), {"B": B, "I": I, "H": H})

    return [case(3, 5, 4), case(2, 4, 6), case(5, 2, 3), case(4, 3, 2)]


def _truth(dh_t, x_t, h, weight_ih, weight_hh, bias_ih, bias_hh):
    ih_r, ih_z, ih_n = linear(x_t, weight_ih, bias_ih).chunk(3, dim=-1)
    hh_r, hh_z, hh_n = linear(h, weight_hh, bias_hh).chunk(3, dim=-1)
    r, z = torch.sigmoid(ih_r + hh_r), torch.sigmoid(ih_z + hh_z)
    n = torch.tanh(ih_n + r * hh_n)
    dz = dh_t * (h - n)
    dn = dh_t * (1 - z)
    dih_n = dn * (1 - n**2)
    dr = dih_n * hh_n
    dhh_n = dih_n * r
    dih_r = dhh_r = dr * (r * (1 - r))
    dih_z = dhh_z = dz * (z * (1 - z))
    dih = torch.cat([dih_r, dih_z, dih_n], dim=-1)
    dhh = torch.cat([dhh_r, dhh_z, dhh_n], dim=-1)
    dh = dh_t * z + dhh @ weight_hh
    dx_t = dih @ weight_ih
    return dx_t, dh, dih.T @ x_t, dhh.T @ h, dih.sum(0), dhh.sum(0)


wrong = Mistakes(BACKWARD, _truth)

wrong.edits("""
dz: sign | dz has the wrong sign: z stands with h, and with a minus with n.
    (h - n) => (n - h)
dz: h alone | dz forgets that z stands with n, too, in 1 - z.
    dh_t * (h - n) => dh_t * h
dz: n alone | dz forgets that z stands with h, too.
    dh_t * (h - n) => dh_t * -n
dn: z | dn has the factor z. With which share is n written?
    dh_t * (1 - z) => dh_t * z
dn: whole | dn is dh_t whole: n is written with a factor.
    dh_t * (1 - z) => dh_t
tanh's slope: 1 - n | the slope of tanh is taken as 1 - n. It is 1 - n².
    (1 - n**2) => (1 - n)
tanh's slope left out | the tanh's slope is left out on the way to n's sum.
    dn * (1 - n**2) => dn
tanh's slope as sigmoid's | n * (1 - n) is the slope of a sigmoid. n comes out of a tanh.
    (1 - n**2) => (n * (1 - n))
dr: h for hh_n | dr has h as its partner. What does r multiply?
    dih_n * hh_n => dih_n * h
dr: whole sum | dr has the whole sum of n as its partner. r multiplies one part of it.
    dih_n * hh_n => dih_n * (ih_n + r * hh_n)
dr: before the tanh | dr comes from dn: the tanh's slope lies between.
    dih_n * hh_n => dn * hh_n
one da for both parts | dih and dhh are the same in your code. In n's block r stands between the sum and the
    state's part.
    dhh_n = dih_n * r => dhh_n = dih_n
r on both parts | both parts of n get the factor r. It multiplies one of them.
    [dih_r, dih_z, dih_n] => [dih_r, dih_z, dhh_n]
r's slope left out | the sigmoid's slope is left out for r.
    dr * (r * (1 - r)) => dr
z's slope left out | the sigmoid's slope is left out for z.
    dz * (z * (1 - z)) => dz
both slopes left out | the sigmoid's slope is left out for r and for z.
    dr * (r * (1 - r)) => dr
    dz * (z * (1 - z)) => dz
sigmoid's slopes as tanh's | 1 - r² and 1 - z² are slopes of a tanh. Gates come out of a sigmoid.
    dr * (r * (1 - r)) => dr * (1 - r**2)
    dz * (z * (1 - z)) => dz * (1 - z**2)
dh: no direct way | dh lacks the direct way, from the mix: h is read there, too.
    dh_t * z + =>
dh: direct way alone | dh is the direct way alone: gates and candidate read h, too.
    + dhh @ weight_hh =>
dh: 1 - z | the direct way has the factor 1 - z. With which share is h kept?
    dh_t * z => dh_t * (1 - z)
dh: whole | the direct way has no factor: h is kept with a share.
    dh_t * z + => dh_t +
dh from dih | dh is made with dih. Which of the two belongs to the state's part?
    dhh @ weight_hh => dih @ weight_hh
dx_t from dhh | dx_t is made with dhh. Which of the two belongs to the input's part?
    dih @ weight_ih => dhh @ weight_ih
dh without n's part | dh lacks what the candidate sends back.
    dhh @ weight_hh => dhh[:, : 2 * h.shape[1]] @ weight_hh[: 2 * h.shape[1]]
biases: mean | the biases' gradients are means over the batch. Each row has its say: add.
    dih.sum(0), dhh.sum(0) => dih.mean(0), dhh.mean(0)
biases: not summed | the biases' gradients still have a row for each sample: add them up.
    dih.sum(0), dhh.sum(0) => dih, dhh
biases the same | both biases get the same. They do in r's and z's block; in n's?
    dhh.sum(0) => dih.sum(0)
weight_hh from dih | dweight_hh is made with dih. Which of the two belongs to the state's part?
    dhh.T @ h => dih.T @ h
weights transposed | the weights' gradients are transposed: each has its weight's shape.
    dih.T @ x_t, dhh.T @ h => x_t.T @ dih, h.T @ dhh
blocks z, r, n | the blocks of your gradients lie z, r, n. torch stacks them r, z, n.
    [dih_r, dih_z, dih_n] => [dih_z, dih_r, dih_n]
    [dhh_r, dhh_z, dhh_n] => [dhh_z, dhh_r, dhh_n]
weight_hh from the new state | dweight_hh is made with the new state. Which state did the step read?
    dhh.T @ h, => dhh.T @ ((1 - z) * n + z * h),
""")

gru_step_backward = Check(
    name="gru_step_backward",
    lesson=LESSON,
    section=BACKWARD,
    parts=(
        Part("dx_t", "B I"),
        Part("dh", "B H"),
        Part("dweight_ih", "3H I"),
        Part("dweight_hh", "3H H"),
        Part("dbias_ih", "3H"),
        Part("dbias_hh", "3H"),
    ),
    criteria=(
        Criterion("dx_t", 1, ("dx_t",)),
        Criterion("dh", 2, ("dh",)),
        Criterion("the weights", 2, ("dweight_ih", "dweight_hh")),
        Criterion("the biases", 1, ("dbias_ih", "dbias_hh")),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "dh_t": row(1.0)[None],
            "x_t": PENCIL["x_t"][None],
            "h": PENCIL["h"][None],
            **{name: PENCIL[name] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")},
        },
        {"B": 1, "I": 2, "H": 1},
    ),
    forbid=RECURRENT | AUTOGRAD,
)

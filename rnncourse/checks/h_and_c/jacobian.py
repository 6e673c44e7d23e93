"""Task 6, state_jacobian: the whole state by the whole state, one step, in four blocks."""

import torch

from rnncourse.checks.framework.cases import Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.framework.watch import AUTOGRAD, RECURRENT
from rnncourse.checks.h_and_c.lesson import LESSON, ROAD


def _truth(i, f, g, o, c_before, weight_hh):
    W_i, W_f, W_g, W_o = weight_hh.chunk(4)
    c = f * c_before + i * g
    seen = o * (1 - torch.tanh(c) ** 2)
    c_by_c = torch.diag(f)
    by_f = torch.diag(c_before * f * (1 - f)) @ W_f
    by_i = torch.diag(g * i * (1 - i)) @ W_i
    by_g = torch.diag(i * (1 - g**2)) @ W_g
    by_o = torch.diag(torch.tanh(c) * o * (1 - o)) @ W_o
    c_by_h = by_f + by_i + by_g
    h_by_c = torch.diag(seen * f)
    h_by_h = torch.diag(seen) @ c_by_h + by_o
    return c_by_c, c_by_h, h_by_c, h_by_h


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 1.0)

    def case(H: int) -> Case:
        i, f, o = (torch.sigmoid(numbers(H)) for _ in range(3))
        g, c_before = torch.tanh(numbers(H)), 1.5 * numbers(H)
        weight_hh = numbers(4 * H, H)
        return Case({"i": i, "f": f, "g": g, "o": o, "c_before": c_before, "weight_hh": weight_hh}, {"H": H})

    return [case(3), case(4), case(2), case(5)]


wrong = Mistakes(ROAD, _truth)
wrong.edits("""
h by c without f | h_by_c is the slope of h by the new c. Asked is the old one: what lies between the two?
    h_by_c = torch.diag(seen * f) => h_by_c = torch.diag(seen)
h by h without c | h_by_h takes the road through o alone. h_{t−1} moves c_t, too.
    torch.diag(seen) @ c_by_h + by_o => by_o
h by h without o | h_by_h takes the road through c alone. h_{t−1} moves o, too.
    torch.diag(seen) @ c_by_h + by_o => torch.diag(seen) @ c_by_h
tanh's slope left out | the slope of tanh(c) is missing where h is made.
    seen = o * (1 - torch.tanh(c) ** 2) => seen = o
o left out | o is missing where h is made from c.
    seen = o * (1 - torch.tanh(c) ** 2) => seen = 1 - torch.tanh(c) ** 2
tanh not squared | the slope of tanh is not 1 − tanh(c): something is squared.
    (1 - torch.tanh(c) ** 2) => (1 - torch.tanh(c))
old c in h | h is made from the new c. Your slope is taken at the old one.
    c = f * c_before + i * g => c = c_before
road through f left out | the road through f is missing: h_{t−1} moves f.
    by_f + by_i + by_g => by_i + by_g
road through i left out | the road through i is missing: h_{t−1} moves i.
    by_f + by_i + by_g => by_f + by_g
road through g left out | the road through g is missing: h_{t−1} moves g.
    by_f + by_i + by_g => by_f + by_i
g's slope | g is a tanh: its slope is not g (1 − g).
    (1 - g**2) => g * (1 - g)
g's slope not squared | g is a tanh: something in its slope is squared.
    (1 - g**2) => (1 - g)
slopes of i, f and o left out | the slopes of σ are missing: how does a gate move with its pre-activation?
    c_before * f * (1 - f) => c_before
    g * i * (1 - i) => g
    torch.tanh(c) * o * (1 - o) => torch.tanh(c)
new c with f | f multiplies the old c. In your road through f stands the new one.
    torch.diag(c_before * f * (1 - f)) => torch.diag(c * f * (1 - f))
i and g exchanged | in i ⊙ g each moves with the other as its factor: yours are exchanged.
    g * i * (1 - i) => i * i * (1 - i)
    i * (1 - g**2) => g * (1 - g**2)
order i, f, o, g | your blocks of weight_hh are taken in the order i, f, o, g. torch's is another.
    W_i, W_f, W_g, W_o => W_i, W_f, W_o, W_g
order f, i, g, o | your blocks of weight_hh are taken in the order f, i, g, o. torch's is another.
    W_i, W_f, W_g, W_o => W_f, W_i, W_g, W_o
c in place of tanh(c) | in the road through o, o multiplies tanh(c), and yours has c.
    torch.tanh(c) * o * (1 - o) => c * o * (1 - o)
gates held fixed | by h you have zeros: that is the direct road alone. h_{t−1} moves all four gates.
    c_by_h = by_f + by_i + by_g => c_by_h = torch.zeros_like(W_i)
    torch.diag(seen) @ c_by_h + by_o => torch.zeros_like(W_i)
""")


@wrong(
    "blocks transposed",
    "the blocks of weight_hh are transposed. Row: a unit of what moves; column: a unit of h_{t−1}.",
)
def _(i, f, g, o, c_before, weight_hh):
    return _truth(i, f, g, o, c_before, torch.cat([block.T for block in weight_hh.chunk(4)]))


@wrong(
    "scaled along the columns",
    "your factors scale the columns of the blocks. diag(v) on the left scales rows.",
    look="Which of v[:, None] * W and v * W is diag(v) W?",
)
def _(i, f, g, o, c_before, weight_hh):
    W_i, W_f, W_g, W_o = weight_hh.chunk(4)
    c = f * c_before + i * g
    seen = o * (1 - torch.tanh(c) ** 2)
    c_by_h = c_before * f * (1 - f) * W_f + g * i * (1 - i) * W_i + i * (1 - g**2) * W_g
    h_by_h = seen * c_by_h + torch.tanh(c) * o * (1 - o) * W_o
    return torch.diag(f), c_by_h, torch.diag(seen * f), h_by_h


state_jacobian = Check(
    name="state_jacobian",
    lesson=LESSON,
    section=ROAD,
    parts=tuple(Part(name, "H H") for name in ("c_by_c", "c_by_h", "h_by_c", "h_by_h")),
    criteria=tuple(Criterion(name, 1, (name,)) for name in ("c_by_c", "c_by_h", "h_by_c", "h_by_h")),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            name: torch.tensor(numbers, dtype=torch.float64)
            for name, numbers in {
                "i": [0.5],
                "f": [0.9],
                "g": [0.5],
                "o": [0.5],
                "c_before": [1.0],
                "weight_hh": [[1.0], [2.0], [3.0], [4.0]],
            }.items()
        },
        {"H": 1},
    ),
    forbid=RECURRENT | AUTOGRAD,
)

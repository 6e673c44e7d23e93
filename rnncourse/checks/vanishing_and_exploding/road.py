"""Task 8, memory_road: what an LSTM's forget gates let through along c."""

import torch

from rnncourse.checks.framework.cases import Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.framework.watch import AUTOGRAD, RECURRENT
from rnncourse.checks.vanishing_and_exploding.lesson import LESSON, LSTM, matrix


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 1.0)

    def case(T: int, B: int, H: int) -> Case:
        return Case({"f": torch.sigmoid(1 + numbers(T, B, H))}, {"T": T, "B": B, "H": H})

    return [case(4, 3, 2), case(5, 2, 6), case(3, 5, 4), case(2, 4, 3)]


def _truth(f):
    return f.flip(0).cumprod(0).flip(0)


wrong = Mistakes(LSTM, _truth)

wrong.edits("""
from the start | your products run from the first step on. The road from c_k leads on to the end.
    f.flip(0).cumprod(0).flip(0) => f.cumprod(0)
not turned back | the products are right, but lie backwards in time.
    .cumprod(0).flip(0) => .cumprod(0)
along the batch | the product runs along the batch. Along which axis does time run?
    f.flip(0).cumprod(0).flip(0) => f.flip(1).cumprod(1).flip(1)
sums | the gates are added up. From step to step c is multiplied.
    .cumprod(0) => .cumsum(0)
1 - f | 1 - f is multiplied. Does f = 1 keep or lose it?
    f.flip(0). => (1 - f).flip(0).
sigmoid again | f is squashed a second time: it comes activated.
    f.flip(0). => f.sigmoid().flip(0).
one gate alone | each entry is one gate alone: nothing is multiplied.
    .flip(0).cumprod(0).flip(0) => .clone()
logarithm | this is the sum of the logarithms: an exp is missing.
    .cumprod(0) => .log().cumsum(0)
""")


@wrong("one gate too few", "one gate too few: from c_k to c_{k+1} there is a gate, too, f_{k+1}.")
def _(f):
    road = _truth(f)
    return torch.cat([road[1:], torch.ones_like(road[:1])])


@wrong("one gate too many", "there is one gate too many: f_k itself made c_k, and lies before it.")
def _(f):
    road = _truth(f)
    return torch.cat([road[:1], road[:-1]])


@wrong("T + 1 entries", "there are T + 1 entries: that from c_T to itself, 1, is not asked.")
def _(f):
    road = _truth(f)
    return torch.cat([road, torch.ones_like(road[:1])])


@wrong("the whole road at each step", "each entry is the whole product: the road from c_0.")
def _(f):
    return f.prod(0).expand_as(f).clone()


@wrong("whole product alone", "this is the road from c_0 alone. Asked is one for each step.")
def _(f):
    return f.prod(0)


@wrong("a power of one gate", "each entry is a power of one step's gate. The gates change from step to step.")
def _(f):
    return f ** torch.arange(len(f), 0, -1)[:, None, None]


memory_road = Check(
    name="memory_road",
    lesson=LESSON,
    section=LSTM,
    parts=(Part("road", "T B H"),),
    criteria=(Criterion("road", 2),),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case({"f": matrix([0.5], [1.0], [0.1])[:, None]}, {"T": 3, "B": 1, "H": 1}),
    forbid=RECURRENT | AUTOGRAD,
)

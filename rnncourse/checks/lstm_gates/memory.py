"""Task 1, cell_state: what is kept and what is written."""

import torch

from rnncourse.checks.framework.cases import Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.lstm_gates.lesson import LESSON, MEMORY, row


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(*shape: int) -> Case:
        f, i = torch.sigmoid(numbers(*shape)), torch.sigmoid(numbers(*shape))
        g, c = torch.tanh(numbers(*shape)), 2 * numbers(*shape)
        sizes = dict(zip("BH", shape, strict=True)) if len(shape) == 2 else {"H": shape[0]}
        return Case({"f": f, "i": i, "g": g, "c": c}, sizes)

    return [case(3, 4), case(2, 5), case(4, 3), case(6)]


def _truth(f, i, g, c):
    return f * c + i * g


wrong = Mistakes(MEMORY, _truth)

wrong.edits("""
f and i exchanged | f and i are exchanged: which of them keeps?
    f * c + i * g => i * c + f * g
f over the whole sum | f multiplies what is written, too. It should only decide what is kept of the old c.
    f * c + i * g => f * (c + i * g)
1 - f | you keep 1 - f of the old c. Does f = 1 keep or lose it?
    f * c => (1 - f) * c
1 - f for i | i has no part in it; you write with 1 - f (a GRU's way).
    i * g => (1 - f) * g
i left out | i has no part in it: all of g is written.
    i * g => g
f left out | f has no part in it: the old c is kept whole.
    f * c => c
g left out | g has no part in it: i says how much is written, g what.
    i * g => i
c left out | the old c has no part in it: nothing is remembered.
    f * c + =>
""")


@wrong("sums and products exchanged", "sums and products are exchanged.")
def _(f, i, g, c):
    return (f + c) * (i + g)


@wrong("tanh over c", "the new c is squashed by tanh. c itself has no bounds.")
def _(f, i, g, c):
    return torch.tanh(f * c + i * g)


@wrong("gates applied twice", "f, i and g come activated: they go through sigmoid and tanh a second time.")
def _(f, i, g, c):
    return torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)


cell_state = Check(
    name="cell_state",
    lesson=LESSON,
    section=MEMORY,
    parts=(Part("c", "B H"),),
    criteria=(Criterion("c", 2),),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case({"f": row(0.5), "i": row(0.25), "g": row(-1.0), "c": row(3.0)}, {"H": 1}),
)

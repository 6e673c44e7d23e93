"""Task 4, toggle: weights by hand, so that each pulse turns c over: g must know what is kept."""

import torch

from rnncourse.checks.framework.cases import Case
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.h_and_c.by_hand import LONG, SHORT, Memory, memory, unit
from rnncourse.checks.h_and_c.lesson import LESSON, READERS, WEIGHTS

# For each gate: the weight of the pulse, the weight of h, the bias.
RIGHT = {
    "i": (40.0, 0.0, -20.0),
    "f": (-40.0, 0.0, 20.0),
    "g": (0.0, -100.0, 20.0),
    "o": (0.0, 0.0, 20.0),
}


def _with(**different):
    return unit(**RIGHT | different)


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def case(T: int, trait) -> Case:
        pulse = (torch.rand(T, generator=generator) < 0.3).double()
        pulse[:8] = torch.tensor([0.0, 1, 0, 1, 1, 0, 0, 1])
        pulse[T // 2 :] *= trait is SHORT
        return Case({"x": pulse[:, None]}, {"T": T}, frozenset({trait}))

    return [case(9, SHORT), case(13, SHORT), case(18, SHORT), case(150, LONG), case(200, LONG)]


wrong = Mistakes(WEIGHTS)

wrong(
    "never −1",
    "each pulse writes +1, also where c is +1 already: g does not turn negative when h is positive.",
    section=READERS,
    look="h is at most tanh(1) = 0.76, and 0 if o is shut. Does its weight, in g's row, outweigh the bias?",
)(_with(g=(0.0, 0.0, 20.0)))
wrong(
    "never leaves 0",
    "c is 0 for ever: at the first pulse h is 0, and nothing else tells g what to write.",
    look="What is a_g when h = 0?",
)(_with(g=(0.0, -100.0, 0.0)))
wrong("begins with −1", "the first pulse writes −1; asked is +1. What is a_g when h = 0?")(
    _with(g=(0.0, -100.0, -20.0))
)
wrong(
    "f always open",
    "c goes 1, 0, 1, 0: where it is 1, a pulse leaves 0 and not −1.",
    look="Either f keeps the 1 and g's −1 comes on top, or f drops it and i writes nothing: which is yours?",
)(_with(f=(0.0, 0.0, 20.0)))
wrong("f always shut", "one step after a pulse c is 0 again: f is shut when it should keep.")(
    _with(f=(0.0, 0.0, -20.0))
)
wrong("f at zero", "c halves at each step: f is 0.5.", look="σ(0) is 0.5. Which a_f keeps nearly all?")(
    _with(f=(0.0, 0.0, 0.0))
)
wrong(
    "pulse only cancels the bias",
    "at a pulse i and f are half open: the pulse's weights bring a_i and a_f to 0, and no further.",
    look="A weight as large as the bias takes it away. What turns it over?",
)(_with(i=(20.0, 0.0, -20.0), f=(-20.0, 0.0, 20.0)))
wrong("f's sign", "f does the opposite: it keeps at a pulse, and drops c where there is none.")(
    _with(f=(40.0, 0.0, -20.0))
)
wrong(
    "i always open",
    "c changes at steps without a pulse: i is open there.",
)(_with(i=(0.0, 0.0, 20.0)))
wrong("i's sign", "i does the opposite: it writes where there is no pulse.")(_with(i=(-40.0, 0.0, 20.0)))
wrong(
    "i and f exchanged",
    "your first row keeps and your second writes: i and f are exchanged. torch's order is i, f, g, o.",
)(_with(i=RIGHT["f"], f=RIGHT["i"]))

toggle = Check(
    name="toggle",
    lesson=LESSON,
    section=WEIGHTS,
    parts=(Memory("c", "T"),),
    criteria=(
        Criterion("c in short sequences", 2, where=(SHORT,)),
        Criterion("c in long ones", 2, where=(LONG,)),
    ),
    truth=_with(),
    mistakes=wrong,
    cases=_cases,
    example_case=Case({"x": torch.tensor([[0.0], [1.0], [0.0], [1.0], [0.0], [1.0]])}, {"T": 6}),
    use=memory,
    forbid=frozenset(),
    agree="the rule",
)

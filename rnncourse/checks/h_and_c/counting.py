"""Task 3, counter: weights by hand, so that c is how deep we are in brackets."""

import torch

from rnncourse.checks.framework.cases import Case
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.h_and_c.by_hand import LONG, SHORT, Memory, memory, unit
from rnncourse.checks.h_and_c.lesson import HOLD, LESSON, WEIGHTS

# For each gate: the weights of open, close and end, the weight of h, the bias.
RIGHT = {
    "i": (0.0, 0.0, 0.0, 0.0, 20.0),
    "f": (0.0, 0.0, -40.0, 0.0, 20.0),
    "g": (20.0, -20.0, 0.0, 0.0, 0.0),
    "o": (0.0, 0.0, 0.0, 0.0, 20.0),
}


def _with(**different):
    return unit(**RIGHT | different)


def _one_hot(kinds) -> torch.Tensor:
    """(T, 3) from 0 open, 1 close, 2 end, 3 none of them."""
    return (torch.as_tensor(kinds)[:, None] == torch.arange(3)).double()


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def case(T: int, trait) -> Case:
        chances = torch.tensor([0.45, 0.2, 0.05, 0.3])
        kinds = torch.multinomial(chances, T, replacement=True, generator=generator)
        kinds[:7] = torch.tensor([0, 0, 3, 1, 0, 2, 0])  # each of them, and one more after the end
        return Case({"x": _one_hot(kinds)}, {"T": T}, frozenset({trait}))

    return [case(9, SHORT), case(12, SHORT), case(17, SHORT), case(150, LONG), case(200, LONG)]


wrong = Mistakes(WEIGHTS)

wrong(
    "no reset",
    "c goes on counting after the end of a line.",
    look="Which row of yours reads the third input? torch's order is i, f, g, o.",
)(_with(f=(0.0, 0.0, 0.0, 0.0, 20.0)))
wrong(
    "f's sign",
    "f does the opposite: it drops c at every step but the end of a line.",
)(_with(f=(0.0, 0.0, 40.0, 0.0, -20.0)))
wrong("f always shut", "c knows the last step only: f is shut when it should keep.")(
    _with(f=(0.0, 0.0, 0.0, 0.0, -20.0))
)
wrong("f at zero", "c halves at each step: f is 0.5.", look="σ(0) is 0.5. Which a_f keeps nearly all?")(
    _with(f=(0.0, 0.0, 0.0, 0.0, 0.0))
)
wrong(
    "f at zero but for the end",
    "c halves at each step that does not end a line: f is 0.5 there.",
    look="σ(0) is 0.5. Which a_f keeps nearly all?",
)(_with(f=(0.0, 0.0, -40.0, 0.0, 0.0)))
wrong(
    "end only cancels the bias",
    "at the end of a line half of c is left: f is 0.5 there.",
    look="A weight as large as the bias brings a_f to 0, and no further. What turns it over?",
)(_with(f=(0.0, 0.0, -20.0, 0.0, 20.0)))
wrong("closing not counted", "what closes is not counted: c never goes down before the end of a line.")(
    _with(g=(20.0, 0.0, 0.0, 0.0, 0.0))
)
wrong(
    "closing counted up",
    "what closes counts upwards, too.",
    look="What carries a sign: the gate i, or g?",
)(_with(g=(20.0, 20.0, 0.0, 0.0, 0.0)))
wrong("opening not counted", "what opens is not counted.")(_with(g=(0.0, -20.0, 0.0, 0.0, 0.0)))
wrong("up and down exchanged", "up and down are exchanged: c is the negative of what was asked.")(
    _with(g=(-20.0, 20.0, 0.0, 0.0, 0.0))
)
wrong(
    "every step counts",
    "every step counts 1, whatever it is: your third row does not read what opens and closes.",
    look="torch's order is i, f, g, o: is your third row g's?",
)(_with(g=(0.0, 0.0, 0.0, 0.0, 20.0), o=RIGHT["g"]))
wrong(
    "a step without a bracket counts down",
    "every step that does not open counts down, the end of a line too.",
    look="What is g where nothing opens and nothing closes? It has a bias.",
)(_with(g=(40.0, 0.0, 0.0, 0.0, -20.0)))
wrong(
    "g not saturated",
    "a bracket counts 0.76 = tanh(1), not 1: g is not near its bounds.",
)(_with(g=(1.0, -1.0, 0.0, 0.0, 0.0)))
wrong("i at zero", "a bracket counts a half: i is 0.5.")(_with(i=(0.0, 0.0, 0.0, 0.0, 0.0)))
wrong("i shut", "c is 0 at every step: i is shut, nothing is written.")(_with(i=(0.0, 0.0, 0.0, 0.0, -20.0)))
wrong(
    "tied gates",
    "c lies between −1 and 1: where you write, you drop the old c. A count has to keep and write.",
    section=HOLD,
)(_with(i=(40.0, 40.0, 0.0, 0.0, -20.0), f=(-40.0, -40.0, -40.0, 0.0, 20.0)))

counter = Check(
    name="counter",
    lesson=LESSON,
    section=WEIGHTS,
    parts=(Memory("c", "T"),),
    criteria=(
        Criterion("c in short sequences", 1, where=(SHORT,)),
        Criterion("c in long ones", 2, where=(LONG,)),
    ),
    truth=_with(),
    mistakes=wrong,
    cases=_cases,
    example_case=Case({"x": _one_hot([0, 0, 3, 1, 2, 0])}, {"T": 6}),
    use=memory,
    forbid=frozenset(),
    agree="the rule",
)

"""Task 2, latch: weights by hand, so that c holds the value that was set last."""

import torch

from rnncourse.checks.framework.cases import Case
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.h_and_c.by_hand import LONG, SHORT, Memory, memory, unit
from rnncourse.checks.h_and_c.lesson import LESSON, WEIGHTS

# For each gate: the weights of value and set, the weight of h, the bias.
RIGHT = {
    "i": (0.0, 40.0, 0.0, -20.0),
    "f": (0.0, -40.0, 0.0, 20.0),
    "g": (20.0, 0.0, 0.0, 0.0),
    "o": (0.0, 0.0, 0.0, 20.0),
}
OPEN, SHUT, ZERO = (0.0, 0.0, 0.0, 20.0), (0.0, 0.0, 0.0, -20.0), (0.0, 0.0, 0.0, 0.0)


def _with(**different):
    return unit(**RIGHT | different)


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def case(T: int, trait) -> Case:
        value = 2.0 * torch.randint(2, (T,), generator=generator) - 1
        flag = (torch.rand(T, generator=generator) < 0.25).double()
        flag[:4] = torch.tensor([0.0, 1.0, 1.0, 0.0])  # nothing set yet; set twice running, then held
        value[:4] = torch.tensor([-1.0, 1.0, -1.0, 1.0])
        flag[T // 2 :] *= trait is SHORT  # the second half of a long one: nothing but holding
        return Case({"x": torch.stack([value.double(), flag], dim=1)}, {"T": T}, frozenset({trait}))

    return [case(8, SHORT), case(12, SHORT), case(16, SHORT), case(150, LONG), case(200, LONG)]


wrong = Mistakes(WEIGHTS)

wrong(
    "f always open",
    "when a value is set, what was there before stays: c adds up.",
    look="What should f be at a step where a new value is set?",
)(_with(f=OPEN))
wrong(
    "f always shut",
    "one step after it was set, c is 0 again: f is shut when it should keep.",
    look="Which sign of a_f keeps?",
)(_with(f=SHUT))
wrong(
    "f at zero",
    "c halves at each step: f is 0.5.",
    look="σ(0) is 0.5. Which a_f keeps nearly all?",
)(_with(f=ZERO))
wrong(
    "f's sign",
    "f does the opposite: it keeps where a value is set, and drops c where nothing is.",
)(_with(f=(0.0, 40.0, 0.0, -20.0)))
wrong(
    "i always open",
    "every step writes its value, whether it is to be set or not.",
    look="What should i be where the flag is 0?",
)(_with(i=OPEN))
wrong(
    "i's sign",
    "i does the opposite: it writes where nothing is to be set, and not where it is.",
)(_with(i=(0.0, -40.0, 0.0, 20.0)))
wrong("i at zero", "i is 0.5 at every step, so half of each value is written.")(_with(i=ZERO))
wrong("nothing written", "c is 0 for ever: nothing is written.")(_with(i=SHUT))
wrong(
    "i and f exchanged",
    "your first row keeps and your second writes: i and f are exchanged. torch's order is i, f, g, o.",
)(_with(i=RIGHT["f"], f=RIGHT["i"]))
wrong(
    "the third row does not read the value",
    "each set writes +1, whatever the value: your third row does not read it.",
    look="torch's order is i, f, g, o: is your third row g's?",
)(_with(g=OPEN, o=RIGHT["g"]))
wrong(
    "i, g, f, o",
    "your numbers are those of rows in the order i, g, f, o. torch's is another.",
)(_with(f=RIGHT["g"], g=RIGHT["f"]))
wrong(
    "the value's sign",
    "the opposite of the value is written: what is the sign of your g?",
)(_with(g=(-20.0, 0.0, 0.0, 0.0)))
wrong(
    "columns exchanged",
    "the two inputs are exchanged: your gates read the value as the flag, and g writes the flag.",
    look="x_t is (value, set): column 0 is the value's.",
)(unit(**{gate: (row[1], row[0], *row[2:]) for gate, row in RIGHT.items()}))
wrong(
    "flag only cancels the bias",
    "where a value is set, i and f are half open: the flag's weights bring a_i and a_f to 0, and no further.",
    look="A weight as large as the bias takes it away. What turns it over?",
)(_with(i=(0.0, 20.0, 0.0, -20.0), f=(0.0, -20.0, 0.0, 20.0)))
wrong(
    "g not saturated",
    "c becomes ±0.76 = tanh(±1), not ±1: g is not near its bounds.",
)(_with(g=(1.0, 0.0, 0.0, 0.0)))

latch = Check(
    name="latch",
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
    example_case=Case(
        {
            "x": torch.tensor(
                [[-1.0, 0.0], [1.0, 1.0], [-1.0, 0.0], [-1.0, 1.0], [1.0, 0.0]], dtype=torch.float64
            )
        },
        {"T": 5},
    ),
    use=memory,
    forbid=frozenset(),
    agree="the rule",
)

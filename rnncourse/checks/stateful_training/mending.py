"""Task 6, Reader: a module with three faults (given.py) that keeps its state from chunk to chunk."""

import torch
from torch import nn

from rnncourse.checks.framework.cases import Case, Trait, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.stateful_training import given
from rnncourse.checks.stateful_training.lesson import EPOCHS, LESSON
from rnncourse.checks.stateful_training.reading import read_twice

FLOAT = Trait("the module is as it was built", "what `.double()` moves, and what it does not")
DOUBLE = Trait("the module is moved by .double()", "the module as it was built")


class _Reader(nn.Module):
    def __init__(self, input_size, hidden_size, batch_size):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size)
        self.register_buffer("h", torch.zeros(1, batch_size, hidden_size), persistent=False)
        self.register_buffer("c", torch.zeros(1, batch_size, hidden_size), persistent=False)

    def reset(self):
        self.h = torch.zeros_like(self.h)
        self.c = torch.zeros_like(self.c)

    def forward(self, x):
        output, (h, c) = self.lstm(x, (self.h, self.c))
        self.h, self.c = h.detach(), c.detach()
        return output


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8, torch.float32)

    def case(B: int, I: int, H: int, *steps: int, double: bool = False) -> Case:
        sizes = {"input_size": I, "hidden_size": H}
        parameters = random_module("LSTM", numbers, **sizes).parameters
        chunks = [numbers(K, B, I) for K in steps]
        chunks = [chunk.double() for chunk in chunks] if double else chunks
        arguments = sizes | {"batch_size": B, "parameters": parameters, "double": double, "chunks": chunks}
        letters = {"T": sum(steps), "K": steps[0], "B": B, "I": I, "H": H}
        return Case(arguments, letters, frozenset({DOUBLE if double else FLOAT}))

    return [
        case(3, 2, 5, 4, 4, 4),
        case(2, 5, 6, 3, 3, 1),
        case(6, 3, 4, 2, 2, 2, double=True),
        case(4, 3, 2, 5, 5, 5),
    ]


_BUFFERS = (
    'self.register_buffer("h", torch.zeros(1, batch_size, hidden_size), persistent=False)',
    "self.h = torch.zeros(1, batch_size, hidden_size)",
    'self.register_buffer("c", torch.zeros(1, batch_size, hidden_size), persistent=False)',
    "self.c = torch.zeros(1, batch_size, hidden_size)",
)
_NO_RESET = ("        self.c = torch.zeros_like(self.c)\n", "")
_C_CARRIED = ("h.detach(), c.detach()", "h.detach(), c")

wrong = Mistakes(EPOCHS, _Reader)
wrong("as given", "it does what the class as given does: no repair shows yet.", look="Begin with `forward`.")(
    given.Reader
)
wrong.edits("""
§ Detach the state
c not detached | the last chunk's gradient goes back into the chunks before: c is carried with its past.
    h.detach(), c.detach() => h.detach(), c
h not detached | the last chunk's gradient goes back into the chunks before: h is carried with its past.
    h.detach(), c.detach() => h, c.detach()
neither detached | the last chunk's gradient goes back into the chunks before: h and c are carried with their
    past.
    h.detach(), c.detach() => h, c
§ When to reset
c not reset | after reset() the state is not that of a beginning: c is left as it was.
    self.c = torch.zeros_like(self.c) =>
no reset | reset() changes nothing.
    - self.h = torch.zeros_like(self.h)
    - self.c = torch.zeros_like(self.c)
    + pass
h not reset | after reset() the state is not that of a beginning: h is left as it was.
    self.h = torch.zeros_like(self.h) =>
§
no buffers | `.double()` moves the layer, and the state, or a half of it, stays behind.
    - self.register_buffer("h", torch.zeros(1, batch_size, hidden_size), persistent=False)
    - self.register_buffer("c", torch.zeros(1, batch_size, hidden_size), persistent=False)
    + self.h = torch.zeros(1, batch_size, hidden_size)
    + self.c = torch.zeros(1, batch_size, hidden_size)
§ Detach the state
c not detached, c not reset | the last chunk's gradient goes back into the chunks before. And reset() leaves c
    as it was.
    h.detach(), c.detach() => h.detach(), c
    self.c = torch.zeros_like(self.c) =>
c not detached, no buffers | the last chunk's gradient goes back into the chunks before. And the state does
    not follow `.double()`.
    - self.register_buffer("h", torch.zeros(1, batch_size, hidden_size), persistent=False)
    - self.register_buffer("c", torch.zeros(1, batch_size, hidden_size), persistent=False)
    + self.h = torch.zeros(1, batch_size, hidden_size)
    + self.c = torch.zeros(1, batch_size, hidden_size)
    - self.h, self.c = h.detach(), c.detach()
    + self.h, self.c = h.detach(), c
§ When to reset
c not reset, no buffers | reset() leaves c as it was. And the state does not follow `.double()`.
    - self.register_buffer("h", torch.zeros(1, batch_size, hidden_size), persistent=False)
    - self.register_buffer("c", torch.zeros(1, batch_size, hidden_size), persistent=False)
    + self.h = torch.zeros(1, batch_size, hidden_size)
    + self.c = torch.zeros(1, batch_size, hidden_size)
    - self.c = torch.zeros_like(self.c)
§
state not kept | every chunk starts from zeros: the state is not kept.
    self.h, self.c = h.detach(), c.detach() =>
h and c exchanged | h is kept as c, and c as h.
    h.detach(), c.detach() => c.detach(), h.detach()
""")

Reader = Check(
    name="Reader",
    lesson=LESSON,
    section=EPOCHS,
    parts=(Part("output", "T B H"), Part("gradient", "P"), Part("after reset", "K B H")),
    criteria=(
        Criterion("the outputs", 1, ("output",), (FLOAT,)),
        Criterion("the gradient", 1, ("gradient",), (FLOAT,)),
        Criterion("the reset", 1, ("after reset",), (FLOAT,)),
        Criterion("all of it, after .double() too", 2),
    ),
    truth=_Reader,
    mistakes=wrong,
    cases=_cases,
    use=read_twice,
    forbid=frozenset(),
    agree="a state that is carried, cut and reset",
)

"""Task 6, Stream: a sequence that comes in pieces."""

import torch

from rnncourse.checks.framework.cases import Case, Trait, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.output_h_n_c_n.lesson import IS_LSTM, LAST_SLICE, LESSON, NO_LSTM, PIECES
from rnncourse.checks.output_h_n_c_n.uses import push_pieces

ONE_SEQUENCE = Trait("one sequence comes alone", "what happens after a reset, or beside another stream")
RESET = Trait("a stream is reset", "what happens where nothing is reset")
TWO_STREAMS = Trait("two streams share the layer", "what happens where there is one stream")


class _Truth:
    def __init__(self, layer):
        self.layer = layer
        self.state = None

    def push(self, piece):
        output, self.state = self.layer(piece, self.state)
        return output

    def reset(self):
        self.state = None


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(kind: str, B: int, I: int, H: int, L: int, calls: list, *traits: Trait, batch_first=False):
        """calls: (which stream, the piece's length, or None for a reset)."""
        options = {"input_size": I, "hidden_size": H, "num_layers": L, "batch_first": batch_first}
        pieces = []
        for which, steps in calls:
            rows = () if steps is None else (B, steps) if batch_first else (steps, B)
            pieces.append((which, None if steps is None else numbers(*rows, I)))
        arguments = {"layer": random_module(kind, numbers, **options), "calls": pieces}
        T = sum(steps or 0 for _, steps in calls)
        of_kind = IS_LSTM if kind == "LSTM" else NO_LSTM
        return Case(arguments, {"T": T, "B": B, "I": I, "H": H}, frozenset({*traits, of_kind}))

    alone = [(0, 3), (0, 1), (0, 3)]
    again = [(0, 2), (0, 3), (0, None), (0, 2), (0, 2)]
    both = [(0, 2), (1, 3), (0, 1), (1, 2), (0, 1)]
    return [
        case("LSTM", 3, 5, 4, 2, alone, ONE_SEQUENCE),
        case("GRU", 2, 3, 5, 1, alone, ONE_SEQUENCE),
        case("LSTM", 2, 6, 3, 2, alone, ONE_SEQUENCE, batch_first=True),
        case("LSTM", 4, 2, 5, 1, again, RESET),
        case("RNN", 3, 4, 6, 2, again, RESET, batch_first=True),
        case("LSTM", 2, 4, 3, 2, both, TWO_STREAMS),
        case("GRU", 4, 2, 3, 1, both, TWO_STREAMS),
    ]


wrong = Mistakes(PIECES, _Truth)

wrong.edits("""
state forgotten | each piece begins from zeros: the state that the last one ended with has no part in it.
    output, self.state = self.layer(piece, self.state) => output, self.state = self.layer(piece)
""")


@wrong(
    "first state kept",
    "from the third piece on the state is wrong: it is still the one that the first piece ended with.",
)
class _FirstStateKept(_Truth):
    def push(self, piece):
        output, state = self.layer(piece, self.state)
        if self.state is None:
            self.state = state
        return output


@wrong("h without c", "of an LSTM's state the h is carried, and c begins from zeros with each piece.")
class _WithoutC(_Truth):
    def push(self, piece):
        output = super().push(piece)
        if isinstance(self.state, tuple):
            self.state = self.state[0], torch.zeros_like(self.state[1])
        return output


@wrong("c without h", "of an LSTM's state the c is carried, and h begins from zeros with each piece.")
class _WithoutH(_Truth):
    def push(self, piece):
        output = super().push(piece)
        if isinstance(self.state, tuple):
            self.state = torch.zeros_like(self.state[0]), self.state[1]
        return output


@wrong(
    "output for h_n",
    "you carry the last slice of output as h. With two layers, what does the first one begin with?",
    section=LAST_SLICE,
)
class _OutputForH(_Truth):
    def push(self, piece):
        output = super().push(piece)
        last = output[:, -1] if self.layer.batch_first else output[-1]
        h = last.repeat(self.layer.num_layers, 1, 1)
        self.state = (h, self.state[1]) if isinstance(self.state, tuple) else h
        return output


wrong.edits("""
never reset | after a reset it goes on with the old sequence's state.
    - def reset(self):
    -     self.state = None
    + def reset(self):
    +     pass
state on the layer | two streams get in each other's way: they keep their states in one place.
    - self.layer = layer
    - self.state = None
    + self.layer = layer
    + layer.state = None
    - output, self.state = self.layer(piece, self.state)
    + output, self.layer.state = self.layer(piece, self.layer.state)
    - def reset(self):
    -     self.state = None
    + def reset(self):
    +     self.layer.state = None
""")

_example = random_numbers(0, 1.0)

Stream = Check(
    name="Stream",
    lesson=LESSON,
    section=PIECES,
    parts=(Part("outputs", "T B H"),),
    criteria=(
        Criterion("one sequence in pieces", 1, where=(ONE_SEQUENCE,)),
        Criterion("reset", 1, where=(RESET,)),
        Criterion("two streams", 1, where=(TWO_STREAMS,)),
    ),
    truth=_Truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "layer": random_module("RNN", _example, input_size=1, hidden_size=1),
            "calls": [
                (0, torch.tensor([[[1.0]]], dtype=torch.float64)),
                (0, torch.tensor([[[0.5]]], dtype=torch.float64)),
                (0, None),
                (0, torch.tensor([[[1.0]]], dtype=torch.float64)),
            ],
        },
        {"T": 3, "B": 1, "I": 1, "H": 1},
    ),
    use=push_pieces,
    forbid=frozenset({"rnncourse"}),
    agree="one call for each sequence",
)

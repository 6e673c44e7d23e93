"""Task 7, Streams: many sequences, in batches that change from call to call."""

import torch

from rnncourse.checks.framework.cases import Case, Trait, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.output_h_n_c_n.lesson import LESSON, PIECES
from rnncourse.checks.output_h_n_c_n.uses import push_batches

SAME_BATCH = Trait("every batch has the same sequences in the same order", "which state goes to which row")
SHUFFLED = Trait("the sequences change places", "what happens where they keep their places")
CHANGING = Trait("sequences stay away, or are new", "what happens where all are there in every batch")


class _Truth:
    def __init__(self, layer):
        self.layer = layer
        self.states = {}

    def push(self, ids, pieces):
        zeros = pieces.new_zeros(self.layer.num_layers, self.layer.hidden_size)
        known = [self.states.get(i, (zeros, zeros)) for i in ids]
        h_0 = torch.stack([h for h, c in known], dim=1)
        c_0 = torch.stack([c for h, c in known], dim=1)
        output, (h_n, c_n) = self.layer(pieces, (h_0, c_0))
        for b, i in enumerate(ids):
            self.states[i] = h_n[:, b], c_n[:, b]
        return output


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(I: int, H: int, L: int, batches: list, trait: Trait, batch_first: bool = False) -> Case:
        """batches: (ids, the number of steps)."""
        options = {"input_size": I, "hidden_size": H, "num_layers": L, "batch_first": batch_first}
        calls = []
        for ids, steps in batches:
            rows = (len(ids), steps) if batch_first else (steps, len(ids))
            calls.append((tuple(ids), numbers(*rows, I)))
        arguments = {"layer": random_module("LSTM", numbers, **options), "calls": calls}
        return Case(arguments, {"I": I, "H": H, "L": L}, frozenset({trait}))

    same = [("abc", 2), ("abc", 1), ("abc", 3)]
    shuffled = [("abc", 2), ("cab", 3), ("bca", 1)]
    changing = [("ab", 2), ("bcd", 1), ("dae", 2), ("c", 3), ("cabde", 2)]
    # Twice B = L: there a state with the batch in front runs.
    return [
        case(5, 4, 2, same, SAME_BATCH),
        case(2, 5, 1, same, SAME_BATCH, batch_first=True),
        case(4, 3, 2, shuffled, SHUFFLED),
        case(2, 4, 3, shuffled, SHUFFLED),
        case(5, 6, 3, shuffled, SHUFFLED, batch_first=True),
        case(3, 5, 2, changing, CHANGING),
        case(2, 3, 1, changing, CHANGING, batch_first=True),
    ]


wrong = Mistakes(PIECES, _Truth)


@wrong("ids not looked at", "the state is carried from row to row, whichever sequence is in the row.")
class _Rows:
    def __init__(self, layer):
        self.layer, self.state = layer, None

    def push(self, ids, pieces):
        output, self.state = self.layer(pieces, self.state)
        return output


wrong.edits("""
state forgotten | each batch begins from zeros: no state has a part in it.
    self.layer(pieces, (h_0, c_0)) => self.layer(pieces)
h without c | the h of each sequence is carried, and c begins from zeros with each batch.
    h_n[:, b], c_n[:, b] => (h_n[:, b], zeros)
first state kept | a sequence's state is kept once and never renewed.
    self.states[i] = h_n[:, b], c_n[:, b] => self.states.setdefault(i, (h_n[:, b], c_n[:, b]))
absent sequences lost | a sequence that stays away for a batch has lost its state when it comes back.
    - output, (h_n, c_n) = self.layer(pieces, (h_0, c_0))
    + output, (h_n, c_n) = self.layer(pieces, (h_0, c_0))
    + self.states = {}
new ones reset all | where a batch has a new sequence, the others in it begin from zeros, too.
    - known = [self.states.get(i, (zeros, zeros)) for i in ids]
    + known = [self.states.get(i) for i in ids]
    + known = [(zeros, zeros)] * len(ids) if None in known else known
sorted on the way out | the rows of your output are sorted by id. Asked is the order in which they came.
    - return output
    + order = sorted(range(len(ids)), key=lambda b: ids[b])
    + return output[order] if self.layer.batch_first else output[:, order]
kept by sorted ids | the states are taken out in the order of the batch, but put back as if the ids were
    sorted.
    enumerate(ids) => enumerate(sorted(ids))
§ Does batch_first move the states?
batch in front of the state | with batch_first you put the batch in front of the states. Where B = L that
    runs, and mixes them up.
    - h_0 = torch.stack([h for h, c in known], dim=1)
    - c_0 = torch.stack([c for h, c in known], dim=1)
    + h_0 = torch.stack([h for h, c in known], dim=0 if self.layer.batch_first else 1)
    + c_0 = torch.stack([c for h, c in known], dim=0 if self.layer.batch_first else 1)
states joined on axis 0 | you join the sequences' states along a new first axis. Where B = L that runs, and
    mixes them up.
    h_0 = torch.stack([h for h, c in known], dim=1) => h_0 = torch.stack([h for h, c in known])
    c_0 = torch.stack([c for h, c in known], dim=1) => c_0 = torch.stack([c for h, c in known])
joined by reshape | the states are joined on the wrong axis and forced into shape by a view or reshape: that
    mixes them up.
    - h_0 = torch.stack([h for h, c in known], dim=1)
    - c_0 = torch.stack([c for h, c in known], dim=1)
    + h_0 = torch.stack([h for h, c in known]).reshape(len(zeros), len(ids), -1)
    + c_0 = torch.stack([c for h, c in known]).reshape(len(zeros), len(ids), -1)
""")

_example = random_numbers(0, 1.0)

Streams = Check(
    name="Streams",
    lesson=LESSON,
    section=PIECES,
    parts=(Part("outputs", "rows H"),),
    criteria=(
        Criterion("the same batch again", 1, where=(SAME_BATCH,)),
        Criterion("another order", 1, where=(SHUFFLED,)),
        Criterion("absent and new sequences", 2, where=(CHANGING,)),
    ),
    truth=_Truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "layer": random_module("LSTM", _example, input_size=1, hidden_size=1),
            "calls": [
                (("a", "b"), torch.tensor([[[1.0], [2.0]]], dtype=torch.float64)),
                (("b", "c"), torch.tensor([[[1.0], [1.0]]], dtype=torch.float64)),
            ],
        },
        {"I": 1, "H": 1, "L": 1},
    ),
    use=push_batches,
    forbid=frozenset({"rnncourse"}),
    agree="one call for each sequence",
)

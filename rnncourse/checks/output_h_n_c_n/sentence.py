"""Task 5, SentenceVector: one vector for each sequence, from any recurrent layer."""

import torch
from torch import nn

from rnncourse.checks.framework.cases import Case, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.output_h_n_c_n.lesson import (
    BATCH_FIRST,
    IS_LSTM,
    LESSON,
    NO_LSTM,
    ONE_DIRECTION,
    TWO_DIRECTIONS,
    WHICH,
    traits,
)
from rnncourse.checks.output_h_n_c_n.uses import build_and_call


class _Truth(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.D = 2 if layer.bidirectional else 1

    def forward(self, x):
        result = self.layer(x)
        state = result[1]
        h_n = state[0] if isinstance(state, tuple) else state
        ends = h_n[-self.D :]  # (D, B, H)
        return torch.cat(list(ends), dim=-1)


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(kind: str, T: int, B: int, I: int, H: int, L: int, D: int, batch_first: bool = False) -> Case:
        options = {"input_size": I, "hidden_size": H, "num_layers": L}
        options |= {"bidirectional": D == 2, "batch_first": batch_first}
        rows = (B, T) if batch_first else (T, B)
        arguments = {"layer": random_module(kind, numbers, **options), "x": numbers(*rows, I)}
        of_kind = {IS_LSTM if kind == "LSTM" else NO_LSTM}
        return Case(arguments, {"T": T, "B": B, "I": I, "H": H}, traits(D, batch_first) | of_kind)

    return [
        case("GRU", 5, 3, 6, 4, 2, 1),
        case("LSTM", 4, 3, 2, 5, 2, 1, batch_first=True),
        case("LSTM", 3, 2, 5, 4, 1, 1),
        case("RNN", 4, 5, 2, 3, 1, 2),
        case("LSTM", 5, 3, 2, 4, 2, 2),
        case("LSTM", 3, 4, 6, 5, 3, 2),
        case("GRU", 5, 4, 2, 3, 2, 2, batch_first=True),
        case("LSTM", 3, 5, 4, 2, 2, 2, batch_first=True),
        case("LSTM", 4, 4, 3, 2, 2, 2, batch_first=True),  # B = T = L*D
    ]


wrong = Mistakes(WHICH, _Truth)

wrong.edits("""
§ Every index
backward alone | of two directions you take one: h_n[-1] is the backward one alone.
    h_n[-self.D :] => h_n[-1:]
forward alone | of two directions you take the forward one alone.
    h_n[-self.D :] => h_n[-self.D :][:1]
§ A row and a column
first layer | this is the first layer's state. Which layer has seen most?
    h_n[-self.D :] => h_n[: self.D]
§ Every index
first layer, where there are two directions | with two directions you take the first layer's two rows. Where
    are the last layer's?
    h_n[-self.D :] => (h_n[:2] if self.D == 2 else h_n[-1:])
§ A row and a column
all layers | all layers lie side by side. Asked is the last layer.
    h_n[-self.D :] => h_n
§ In which order are the rows of h_n?
all forward first | you take the rows of h_n for all forward layers first, then all backward ones.
    h_n[-self.D :] => h_n[self.layer.num_layers - 1 :: self.layer.num_layers]
§ Every index
directions exchanged | the backward direction comes first. Asked is forward, then backward, as in output.
    list(ends) => list(ends.flip(0))
§
directions added | the two directions are added up. Asked is one beside the other.
    torch.cat(list(ends), dim=-1) => ends.sum(0)
directions averaged | the two directions are averaged. Asked is one beside the other.
    torch.cat(list(ends), dim=-1) => ends.mean(0)
§ `output.view(seq, batch, D, H)` beside `batch_first=True`
sequences mixed | with two directions a row of yours holds numbers of two sequences: a view or reshape put
    them there.
    torch.cat(list(ends), dim=-1) => ends.reshape(ends.shape[1], -1)
§
direction kept as an axis | the directions still have an axis of their own. Asked is (B, D*H).
    torch.cat(list(ends), dim=-1) => ends
§ `output, h_n = lstm(x)`
c for h | of an LSTM you take the c.
    state[0] if => state[1] if
pair taken for h_n | of an LSTM you index the pair (h_n, c_n) as if it were h_n.
    state[0] if isinstance(state, tuple) else state => state
pair indexed like h_n | state[-1] is another thing for an LSTM, whose state is a pair, than for the others.
    And of two directions, which is the last row?
    torch.cat(list(ends), dim=-1) => state[-1]
§ Does batch_first move the states?
batch taken for rows | with batch_first you look for the batch in front of h_n.
    ends = h_n[-self.D :] => ends = (h_n.transpose(0, 1) if self.layer.batch_first else h_n)[-self.D :]
§ Is h_n the state at the last time step?
last step of output | this is output at the last step: the backward half of it has made one step.
    torch.cat(list(ends), dim=-1) => (result[0][:, -1] if self.layer.batch_first else result[0][-1])
output[-1] | this is output[-1], whatever batch_first is. What is that where the batch comes first? And with
    two directions?
    torch.cat(list(ends), dim=-1) => result[0][-1]
§ `output[:, -1]`, copied from a net with batch_first
output[:, -1] | this is output[:, -1], whatever batch_first is. What is that where time comes first? And with
    two directions?
    torch.cat(list(ends), dim=-1) => result[0][:, -1]
§
mean over time | this is the mean of output over time. Asked are the states at the end.
    torch.cat(list(ends), dim=-1) => result[0].mean(1 if self.layer.batch_first else 0)
§ In nn.Sequential
output as it is | this is output, with all steps. Asked is one vector for each sequence.
    torch.cat(list(ends), dim=-1) => result[0]
""")

_example = random_numbers(0, 1.0)

SentenceVector = Check(
    name="SentenceVector",
    lesson=LESSON,
    section=WHICH,
    parts=(Part("vector", "B D*H"),),
    criteria=(
        Criterion("one direction", 1, where=(ONE_DIRECTION,)),
        Criterion("two directions", 2, where=(TWO_DIRECTIONS,)),
        Criterion("batch_first", 1, where=(BATCH_FIRST,)),
    ),
    truth=_Truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "layer": random_module("RNN", _example, input_size=1, hidden_size=1, bidirectional=True),
            "x": torch.tensor([[[1.0]], [[-1.0]], [[0.5]]], dtype=torch.float64),
        },
        {"T": 3, "B": 1, "I": 1, "H": 1},
    ),
    use=build_and_call,
    forbid=frozenset({"rnncourse"}),
    agree="the states at the end",
)

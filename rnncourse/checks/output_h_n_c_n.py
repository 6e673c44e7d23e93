"""The checks of exercise set 10: which entry is which, one view from another, sequences in pieces."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from rnncourse.checks.framework.authoring import (
    Case,
    ExerciseSet,
    Mistakes,
    Trait,
    cases,
    random_module,
    random_numbers,
    random_state,
    rows,
)
from rnncourse.checks.uses.output_h_n_c_n import build_and_call, push_batches, push_pieces

CHECKS = ExerciseSet("10", "output, h_n, c_n")

TIME_FIRST = Trait("time comes first", "what you do with batch_first=True")
BATCH_FIRST = Trait("batch_first is True", "what you do without batch_first")
ONE_DIRECTION = Trait("there is one direction", "what you do with the second direction")
TWO_DIRECTIONS = Trait("there are two directions", "what you do where there is only one")
IS_LSTM = Trait("the layer is an LSTM", "what you do with a state that is not a pair")
NO_LSTM = Trait("the layer is not an LSTM", "what you do with an LSTM's pair of states")


def traits(D: int, batch_first: bool) -> frozenset[Trait]:
    order = BATCH_FIRST if batch_first else TIME_FIRST
    return frozenset({order, TWO_DIRECTIONS if D == 2 else ONE_DIRECTION})


def sequences(numbers: Callable[..., Tensor], T: int, B: int, width: int, batch_first: bool) -> Tensor:
    return numbers(B, T, width) if batch_first else numbers(T, B, width)


def counted(*shape: int) -> Tensor:
    """Return 0, 1, 2, … for the examples, so that you can see which number went where."""
    return torch.arange(float(torch.Size(shape).numel())).reshape(shape)


# ---- Task 1, entries: shapes and indices, predicted.
# nn.LSTM(7, 9, num_layers=3, bidirectional=True, batch_first=True) on x of shape (4, 5, 7)
ANSWERS = {"output": (4, 5, 18), "h_n": (6, 4, 9), "row": 3, "layer": 2, "step": 0, "shared": 2}

wrong = Mistakes("Every index", ANSWERS)

# The order of the sizes, and how many there are.
wrong.edits("""
output time first | The input is (B, T, I) here. Which axis leads the output?
    output => (5, 4, 18) § Does batch_first move the states?
output of one direction | Two directions write into it, side by side.
    output => (4, 5, 9) § Which holds every step, output or hidden?
output of all layers | All layers side by side? Which layers does output show? § A row and a column
    output => (4, 5, 54)
output like h_n | These are the axes of the state. output has a row for each step.
    output => (6, 4, 9) § Which holds every step, output or hidden?
h_n batch first | You put the batch first. Does batch_first move a state?
    h_n => (4, 6, 9) § Does batch_first move the states?
h_n without directions | A row for each layer: where does the second direction's state go? | h_n => (3, 4, 9)
h_n without layers | A row for each direction: of which layer? There are three. § A row and a column
    h_n => (2, 4, 9)
h_n as one state | One row: whose state is it, of three layers and two directions? § A row and a column
    h_n => (1, 4, 9)
h_n as wide as output | The directions have rows of their own in h_n. How wide is one state?
    h_n => (6, 4, 18) § Which holds every step, output or hidden?
h_n with directions side by side | In output the directions lie side by side. Do they in h_n?
    h_n => (3, 4, 18) § Which holds every step, output or hidden?
h_n with T | You made the time steps an axis. A state belongs to one moment.
    h_n => (6, 5, 9) § Which holds every step, output or hidden?
# Which row, which layer, which step.
all forward first | You count all forward layers first, then all backward ones.
    row => 4
    layer => 1 § In which order are the rows of h_n?
row is the layer | You count one row for each layer, as with one direction.
    row => 1
    layer => 4
row of the other direction | That is the same layer's other direction. Which one comes first? | row => 2
layers from 1 | Layers count from 0. § A row and a column | layer => 3
the last step | This direction begins at the last step. Where does it end?
    step => 4 § Is h_n the state at the last time step?
the last sequence | You use the batch size as the number of steps. § Does batch_first move the states?
    step => 3
after the last step | There is no step 5: t counts from 0. § Is h_n the state at the last time step?
    step => 5
all rows shared | All rows? Which layers does output show? § A row and a column | shared => 6
one row shared | That is the answer for one direction. Here there are two, and each has its end.
    shared => 1 § From one to the other
a row of each layer shared | One of each layer? Which layers does output show? § A row and a column
    shared => 3
no row shared | None? Look for the last layer's states in output. § From one to the other | shared => 0
""")

entries = CHECKS.predicted("entries", wrong)


# ---- Task 2, split_directions: the two halves of a bidirectional output, time first.
def _split_directions(output, batch_first):
    if batch_first:
        output = output.transpose(0, 1)
    forward, backward = output.chunk(2, dim=-1)
    return forward, backward


@cases(
    0.8,
    "T4 B3 H5; T2 B5 H3; T5 B2 H4 batch_first; T3 B4 H6 batch_first",
    "T4 B4 H3 batch_first",  # T = B: no shape tells time from batch
)
def _split_directions_cases(numbers, T, B, H, batch_first=False):
    output = sequences(numbers, T, B, 2 * H, batch_first)
    return {"output": output, "batch_first": batch_first}, *traits(2, batch_first)


wrong = Mistakes("From one to the other", _split_directions).edits("""
view for transpose | with batch_first the sequences are mixed: a view or reshape renames axes, it does not
    exchange them. § `output.view(seq, batch, D, H)` beside `batch_first=True`
    output.transpose(0, 1) => output.reshape(output.shape[1], output.shape[0], -1)
batch kept in front | with batch_first the halves are still batch first. Return them time first in every case.
    if batch_first => if False § Does batch_first move the states?
always transposed | you exchange time and batch in every case, but without batch_first time is already first.
    if batch_first => if True § Does batch_first move the states?
transposed the wrong time | you exchange time and batch where time is already first, and do not where it is
    not. § Does batch_first move the states?
    if batch_first => if not batch_first
every other number | you split the last axis into every other number. The directions lie side by side, one
    block after the other.
    output.chunk(2, dim=-1) => output.unflatten(-1, (-1, 2)).unbind(-1)
every other number, batch in front | you split the last axis into every other number; and with batch_first the
    batch is still first.
    if batch_first => if False
    output.chunk(2, dim=-1) => output.unflatten(-1, (-1, 2)).unbind(-1)
halves exchanged | forward and backward are exchanged: which of them comes first?
    return forward, backward => return backward, forward
backward reversed | your backward half is flipped in time. Which input does output[t] belong to, in both
    halves? § Every index
    return forward, backward => return forward, backward.flip(0)
cut along the batch | you cut along the batch: each of your results has half of the sequences.
    dim=-1 => dim=1
cut along time | you cut along time, into the first and the second half of the steps. Along which axis do the
    directions lie?
    dim=-1 => dim=0
""")

split_directions = CHECKS.task(
    "split_directions",
    wrong,
    returns="forward (T B H), backward (T B H)",
    points="time first 1 where time comes first; batch_first 2 where batch_first is True",
    cases=_split_directions_cases,
    example={"output": counted(1, 3, 4), "batch_first": True},
    agree="the right halves",
)


# ---- Task 3, h_n_from_output: the last layer's rows of h_n, from output alone.
def _h_n_from_output(output, D, batch_first):
    if batch_first:
        output = output.transpose(0, 1)
    apart = output.unflatten(-1, (D, -1))  # (T, B, D, H)
    ends = [apart[-1, :, 0], apart[0, :, -1]]
    return torch.stack(ends[:D])


@cases(
    0.8,
    "T4 B3 H5 D1; T5 B4 H3 D1 batch_first; T5 B3 H4 D2; T3 B5 H4 D2",
    "T4 B5 H3 D2 batch_first; T3 B6 H5 D2 batch_first",
    "T4 B4 H3 D2 batch_first",  # T = B: no shape tells time from batch
)
def _h_n_from_output_cases(numbers, T, B, H, D, batch_first=False):
    output = sequences(numbers, T, B, D * H, batch_first)
    return {"output": output, "D": D, "batch_first": batch_first}, *traits(D, batch_first)


wrong = Mistakes("From one to the other", _h_n_from_output).edits("""
backward at the last step | you take the backward half at the last step, where that direction has made only
    one step. § Is h_n the state at the last time step?
    apart[0, :, -1] => apart[-1, :, -1]
forward at the first step | you take the forward half at the first step, where that direction has made only
    one step. § Every index
    apart[-1, :, 0] => apart[0, :, 0]
ends exchanged | you take both directions where they begin. Where does each of them end? § Every index
    apart[-1, :, 0], apart[0, :, -1] => apart[0, :, 0], apart[-1, :, -1]
directions exchanged | your first row is backward, your second forward: which has the smaller index in h_n?
    ends[:D] => ends[:D][::-1] § Every index
halves exchanged | the steps are right, the halves are not: which direction comes first in output?
    apart[-1, :, 0], apart[0, :, -1] => apart[-1, :, -1], apart[0, :, 0]
batch_first ignored | with batch_first you take the last sequence, at every step, instead of the last step.
    if batch_first => if False § Does batch_first move the states?
always batch first | without batch_first you take the last sequence, at every step, instead of the last step.
    if batch_first => if True § `output[:, -1]`, copied from a net with batch_first
view for transpose | with batch_first the sequences are mixed: a view or reshape renames axes, it does not
    exchange them. § `output.view(seq, batch, D, H)` beside `batch_first=True`
    output.transpose(0, 1) => output.reshape(output.shape[1], output.shape[0], -1)
every other number | you split the last axis into every other number. The directions lie side by side, one
    block after the other.
    output.unflatten(-1, (D, -1)) => output.unflatten(-1, (-1, D)).transpose(-1, -2)
batch before direction | your axes are (B, D, H). Which axis comes first in h_n?
    torch.stack(ends[:D]) => torch.stack(ends[:D], dim=1)
side by side | the directions lie side by side, (B, D*H). In h_n each has a row of its own.
    torch.stack(ends[:D]) => torch.cat(ends[:D], dim=-1)
forward alone | only the forward direction is there. Where is the end of the other? | ends[:D] => ends[:1]
the last slice | this is the last slice of output, as it is. Which state is that?
    torch.stack(ends[:D]) => output[-1:] § Is the last slice of output the hidden state?
the last slice, without rows | this is the last slice of output, as it is. But h_n has a row for each
    direction, and is each one's end there? § Is the last slice of output the hidden state?
    torch.stack(ends[:D]) => output[-1]
""")

h_n_from_output = CHECKS.task(
    "h_n_from_output",
    wrong,
    returns="rows (D B H)",
    points="""
        one direction 1 where there is one direction
        two directions, time first 1 where there are two directions & time comes first
        two directions, batch_first 2 where there are two directions & batch_first is True
    """,
    cases=_h_n_from_output_cases,
    example={"output": counted(3, 1, 4), "D": 2, "batch_first": False},
    agree="h_n",
)


# ---- Task 4, every_state: the states that one call does not return.
def _every_state(layer, x, state):
    every_h, every_c = [], []
    h, c = state
    for x_t in x.split(1):
        _, (h, c) = layer(x_t, (h, c))
        every_h.append(h)
        every_c.append(c)
    return torch.stack(every_h), torch.stack(every_c)


@cases(0.8, "T5 B3 I6 H4 L2; T4 B2 I5 H6 L3; T3 B5 I2 H4 L1; T2 B2 I3 H5 L2")
def _every_state_cases(numbers, T, B, I, H, L):
    layer = random_module("LSTM", numbers, input_size=I, hidden_size=H, num_layers=L)
    return {"layer": layer, "x": numbers(T, B, I), "state": random_state(numbers, L, B, H)}


wrong = Mistakes("From one to the other", _every_state).edits("""
state not carried | each step begins with the given state. Which state should the second step begin with?
    layer(x_t, (h, c)) => layer(x_t, state) § A sequence in pieces
from zeros at each step | each step begins from zeros: nothing is carried, and the given state is not used.
    § A sequence in pieces
    layer(x_t, (h, c)) => layer(x_t)
given state ignored | you carry the state, but begin from zeros. Which state should the first step begin with?
    h, c = state => h, c = map(torch.zeros_like, state) § A sequence in pieces
h carried without c | each step begins with the right h, but with zeros for c. § A sequence in pieces
    every_c.append(c) => every_c.append(c); c = torch.zeros_like(c)
state before the step | these are the states before each step: the first is the given one, and the last is
    missing. § What a call returns
    _, (h, c) = => every_h.append(h); every_c.append(c); _, (h, c) =
    - every_h.append(h)
    - every_c.append(c)
top layer alone | this is only the last layer. Return all layers, with an axis for them.
    append(h) => append(h[-1])
    append(c) => append(c[-1]) § A row and a column
output for h | your h is output, which has only the last layer. § A row and a column
    _, (h, c) = => output, (h, c) =
    append(h) => append(output)
layers before time | your axes are (L, T, B, H). Return them with time first.
    torch.stack(every_h), torch.stack(every_c) => torch.stack(every_h, dim=1), torch.stack(every_c, dim=1)
time and layers in one axis | time and layers share one axis. Which of torch.cat and torch.stack creates a new
    one?
    torch.stack(every_h), torch.stack(every_c) => torch.cat(every_h), torch.cat(every_c)
""")

every_state = CHECKS.task(
    "every_state",
    wrong,
    returns="h (T L B H), c (T L B H)",
    points="h 1; c 2",
    cases=_every_state_cases,
    example={
        "layer": random_module("LSTM", random_numbers(0, 1.0), input_size=1, hidden_size=1),
        "x": rows([[1.0]], [[2.0]]),
        "state": (rows([[0.5]]), rows([[-1.0]])),
    },
    forbid=frozenset({"rnncourse"}),
    agree="what the layer computes",
)


# ---- Task 5, SentenceVector: one vector for each sequence, from any recurrent layer.
class _Truth_SentenceVector(nn.Module):
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


@cases(
    0.8,
    "T5 B3 I6 H4 kind='GRU' L=2 D=1; T4 B3 I2 H5 kind='LSTM' L=2 D=1 batch_first",
    "T3 B2 I5 H4 kind='LSTM' L=1 D=1; T4 B5 I2 H3 kind='RNN' L=1 D=2; T5 B3 I2 H4 kind='LSTM' L=2 D=2",
    "T3 B4 I6 H5 kind='LSTM' L=3 D=2; T5 B4 I2 H3 kind='GRU' L=2 D=2 batch_first",
    "T3 B5 I4 H2 kind='LSTM' L=2 D=2 batch_first",
    "T4 B4 I3 H2 kind='LSTM' L=2 D=2 batch_first",  # B = T = L*D
)
def _SentenceVector_cases(numbers, T, B, I, H, kind, L, D, batch_first=False):
    options = {"input_size": I, "hidden_size": H, "num_layers": L}
    options |= {"bidirectional": D == 2, "batch_first": batch_first}
    layer, x = random_module(kind, numbers, **options), sequences(numbers, T, B, I, batch_first)
    return {"layer": layer, "x": x}, *traits(D, batch_first), IS_LSTM if kind == "LSTM" else NO_LSTM


wrong = Mistakes("Which one do you want?", _Truth_SentenceVector).edits("""
backward alone | you take only one of two directions: h_n[-1] is the backward one. § Every index
    h_n[-self.D :] => h_n[-1:]
forward alone | you take only the forward one of two directions. § Every index
    h_n[-self.D :] => h_n[-self.D :][:1]
first layer | this is the first layer's state. Which layer has processed the most? § A row and a column
    h_n[-self.D :] => h_n[: self.D]
first layer, where there are two directions | with two directions you take the first layer's two rows. Where
    are the last layer's? § Every index
    h_n[-self.D :] => (h_n[:2] if self.D == 2 else h_n[-1:])
all layers | all layers lie side by side. Return the last layer. § A row and a column
    h_n[-self.D :] => h_n
all forward first | you take the rows of h_n for all forward layers first, then all backward ones.
    h_n[-self.D :] => h_n[self.layer.num_layers - 1 :: self.layer.num_layers]
    § In which order are the rows of h_n?
directions exchanged | the backward direction comes first. Return forward, then backward, as in output.
    list(ends) => list(ends.flip(0)) § Every index
directions added | you add the two directions. Return them side by side.
    torch.cat(list(ends), dim=-1) => ends.sum(0)
directions averaged | you average the two directions. Return them side by side.
    torch.cat(list(ends), dim=-1) => ends.mean(0)
sequences mixed | with two directions each of your rows holds numbers from two sequences: a view or reshape
    put them there. § `output.view(seq, batch, D, H)` beside `batch_first=True`
    torch.cat(list(ends), dim=-1) => ends.reshape(ends.shape[1], -1)
direction kept as an axis | the directions still have an axis of their own. Return (B, D*H).
    torch.cat(list(ends), dim=-1) => ends
c for h | for an LSTM you take the c. § `output, h_n = lstm(x)` | state[0] if => state[1] if
pair mistaken for h_n | for an LSTM you index the pair (h_n, c_n) as if it were h_n. § `output, h_n = lstm(x)`
    state[0] if isinstance(state, tuple) else state => state
pair indexed like h_n | for an LSTM, whose state is a pair, state[-1] is not what it is for the
    others. And with two directions, which one is the last row? § `output, h_n = lstm(x)`
    torch.cat(list(ends), dim=-1) => state[-1]
batch mistaken for rows | with batch_first you expect the batch to be the first axis of h_n.
    ends = h_n[-self.D :] => ends = (h_n.transpose(0, 1) if self.layer.batch_first else h_n)[-self.D :]
    § Does batch_first move the states?
last step of output | this is output at the last step, where the backward half has made only one step.
    torch.cat(list(ends), dim=-1) => (result[0][:, -1] if self.layer.batch_first else result[0][-1])
    § Is h_n the state at the last time step?
output[-1] | this is output[-1], whatever batch_first is. What is that where the batch comes first? And with
    two directions? § Is h_n the state at the last time step?
    torch.cat(list(ends), dim=-1) => result[0][-1]
output[:, -1] | this is output[:, -1], whatever batch_first is. What is that where time comes first? And with
    two directions? § `output[:, -1]`, copied from a net with batch_first
    torch.cat(list(ends), dim=-1) => result[0][:, -1]
mean over time | this is the mean of output over time. Return the states at the end.
    torch.cat(list(ends), dim=-1) => result[0].mean(1 if self.layer.batch_first else 0)
output as it is | this is output, with all steps. Return one vector for each sequence. § In nn.Sequential
    torch.cat(list(ends), dim=-1) => result[0]
""")

SentenceVector = CHECKS.task(
    "SentenceVector",
    wrong,
    returns="vector (B D*H)",
    points="""
        one direction 1 where there is one direction
        two directions 2 where there are two directions
        batch_first 1 where batch_first is True
    """,
    cases=_SentenceVector_cases,
    example={
        "layer": random_module(
            "RNN", random_numbers(0, 1.0), input_size=1, hidden_size=1, bidirectional=True
        ),
        "x": rows([[1.0]], [[-1.0]], [[0.5]]),
    },
    use=build_and_call,
    forbid=frozenset({"rnncourse"}),
    agree="the states at the end",
)


# ---- Task 6, Stream: a sequence that comes in pieces.
ONE_SEQUENCE = Trait("one sequence comes alone", "what happens after a reset, or next to another stream")
RESET = Trait("a stream is reset", "what happens where nothing is reset")
TWO_STREAMS = Trait("two streams share the layer", "what happens where there is one stream")


class _Truth_Stream:
    def __init__(self, layer):
        self.layer, self.state = layer, None

    def push(self, piece):
        output, self.state = self.layer(piece, self.state)
        return output

    def reset(self):
        self.state = None


def _Stream_cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(kind: str, B: int, I: int, H: int, L: int, calls: list, *traits: Trait, batch_first=False):
        """Return a case. calls: (which stream, the piece's length, or None for a reset)."""
        options = {"input_size": I, "hidden_size": H, "num_layers": L, "batch_first": batch_first}
        pieces = [(which, steps and sequences(numbers, steps, B, I, batch_first)) for which, steps in calls]
        layer = random_module(kind, numbers, **options)
        T = sum(steps or 0 for _, steps in calls)
        of_kind = IS_LSTM if kind == "LSTM" else NO_LSTM
        sizes = {"T": T, "B": B, "I": I, "H": H}
        return Case({"layer": layer, "calls": pieces}, sizes, frozenset({*traits, of_kind}))

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


wrong = Mistakes("A sequence in pieces", _Truth_Stream).edits("""
state forgotten | each piece begins from zeros: the final state of the previous piece is not used.
    self.layer(piece, self.state) => self.layer(piece)
first state kept | from the third piece on the state is wrong: it is still the final state of the first piece.
    output, self.state = => output, state =
    return output => self.state = state if self.state is None else self.state; return output
h without c | you carry the h of an LSTM's state, but c begins from zeros with each piece.
    - return output
    + if isinstance(self.state, tuple):
    +     self.state = self.state[0], torch.zeros_like(self.state[1])
    + return output
c without h | you carry the c of an LSTM's state, but h begins from zeros with each piece.
    - return output
    + if isinstance(self.state, tuple):
    +     self.state = torch.zeros_like(self.state[0]), self.state[1]
    + return output
output for h_n | you carry the last slice of output as h. With two layers, what does the first one begin with?
    - return output
    + last = output[:, -1] if self.layer.batch_first else output[-1]
    + h = last.repeat(self.layer.num_layers, 1, 1)
    + self.state = (h, self.state[1]) if isinstance(self.state, tuple) else h
    + return output
    § Is the last slice of output the hidden state?
never reset | after a reset it continues with the old sequence's state. | self.state = None => pass
state on the layer | two streams disturb each other: they store their states in the same place.
    self.layer, self.state => self.layer, layer.state
    output, self.state = => output, self.layer.state =
    (piece, self.state) => (piece, self.layer.state)
    self.state = None => self.layer.state = None
""")

Stream = CHECKS.task(
    "Stream",
    wrong,
    returns="outputs (T B H)",
    points="""
        one sequence in pieces 1 where one sequence comes alone
        reset 1 where a stream is reset
        two streams 1 where two streams share the layer
    """,
    cases=_Stream_cases,
    example={
        "layer": random_module("RNN", random_numbers(0, 1.0), input_size=1, hidden_size=1),
        "calls": [(0, rows([[1.0]])), (0, rows([[0.5]])), (0, None), (0, rows([[1.0]]))],
    },
    use=push_pieces,
    forbid=frozenset({"rnncourse"}),
    agree="one call for each sequence",
)


# ---- Task 7, Streams: many sequences, in batches that change from call to call.
SAME_BATCH = Trait("every batch has the same sequences in the same order", "which state goes to which row")
SHUFFLED = Trait("the sequences change places", "what happens where they keep their places")
CHANGING = Trait("sequences are absent, or are new", "what happens where all are there in every batch")


class _Truth_Streams:
    def __init__(self, layer):
        self.layer = layer
        self.states = {}

    def push(self, ids, pieces):
        zeros = pieces.new_zeros(self.layer.num_layers, self.layer.hidden_size)
        known = [self.states.get(i, (zeros, zeros)) for i in ids]
        h_0, c_0 = (torch.stack(parts, dim=1) for parts in zip(*known, strict=True))
        output, (h_n, c_n) = self.layer(pieces, (h_0, c_0))
        for b, i in enumerate(ids):
            self.states[i] = h_n[:, b], c_n[:, b]
        return output


def _Streams_cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(I: int, H: int, L: int, batches: list, trait: Trait, batch_first: bool = False) -> Case:
        """Return a case. batches: (ids, the number of steps)."""
        options = {"input_size": I, "hidden_size": H, "num_layers": L, "batch_first": batch_first}
        calls = [(tuple(i), sequences(numbers, T, len(i), I, batch_first)) for i, T in batches]
        layer = random_module("LSTM", numbers, **options)
        return Case({"layer": layer, "calls": calls}, {"I": I, "H": H, "L": L}, frozenset({trait}))

    same = [("abc", 2), ("abc", 1), ("abc", 3)]
    shuffled = [("abc", 2), ("cab", 3), ("bca", 1)]
    changing = [("ab", 2), ("bcd", 1), ("dae", 2), ("c", 3), ("cabde", 2)]
    # In two cases B = L: there a state with the batch first runs.
    return [
        case(5, 4, 2, same, SAME_BATCH),
        case(2, 5, 1, same, SAME_BATCH, batch_first=True),
        case(4, 3, 2, shuffled, SHUFFLED),
        case(2, 4, 3, shuffled, SHUFFLED),
        case(5, 6, 3, shuffled, SHUFFLED, batch_first=True),
        case(3, 5, 2, changing, CHANGING),
        case(2, 3, 1, changing, CHANGING, batch_first=True),
    ]


wrong = Mistakes("A sequence in pieces", _Truth_Streams)


@wrong("ids not looked at", "you carry the state from row to row, no matter which sequence is in the row.")
class _Rows:
    def __init__(self, layer):
        self.layer, self.state = layer, None

    def push(self, ids, pieces):
        output, self.state = self.layer(pieces, self.state)
        return output


wrong.edits("""
state forgotten | each batch begins from zeros: no state is used.
    self.layer(pieces, (h_0, c_0)) => self.layer(pieces)
h without c | you carry the h of each sequence, but c begins from zeros with each batch.
    h_n[:, b], c_n[:, b] => (h_n[:, b], zeros)
first state kept | a sequence's state is stored once and never updated.
    self.states[i] = h_n[:, b], c_n[:, b] => self.states.setdefault(i, (h_n[:, b], c_n[:, b]))
absent sequences lost | a sequence that is absent from a batch has lost its state when it comes back.
    output, (h_n, c_n) = => self.states = {}; output, (h_n, c_n) =
new ones reset all | where a batch has a new sequence, the others in it begin from zeros as well.
    for i in ids] => for i in ids] if all(i in self.states for i in ids) else [(zeros, zeros)] * len(ids)
sorted on the way out | the rows of your output are sorted by id. Return them in the order of the batch.
    - return output
    + order = sorted(range(len(ids)), key=lambda b: ids[b])
    + return output[order] if self.layer.batch_first else output[:, order]
kept by sorted ids | you take the states out in the order of the batch, but put them back as if the ids were
    sorted.
    enumerate(ids) => enumerate(sorted(ids))
batch in front of the state | with batch_first you put the batch first in the states. Where B = L that runs,
    but mixes them up. § Does batch_first move the states?
    dim=1) for => dim=0 if self.layer.batch_first else 1) for
states joined on axis 0 | you join the sequences' states along a new first axis. Where B = L that runs, but
    mixes them up. § Does batch_first move the states?
    torch.stack(parts, dim=1) => torch.stack(parts)
joined by reshape | the states are joined on the wrong axis and forced into shape by a view or reshape, which
    mixes them up. § Does batch_first move the states?
    torch.stack(parts, dim=1) => torch.stack(parts).reshape(len(zeros), len(ids), -1)
""")

Streams = CHECKS.task(
    "Streams",
    wrong,
    returns="outputs (rows H)",
    points="""
        the same batch again 1 where every batch has the same sequences in the same order
        a different order 1 where the sequences change places
        absent and new sequences 2 where sequences are absent, or are new
    """,
    cases=_Streams_cases,
    example={
        "layer": random_module("LSTM", random_numbers(0, 1.0), input_size=1, hidden_size=1),
        "calls": [(("a", "b"), rows([[1.0], [2.0]])), (("b", "c"), rows([[1.0], [1.0]]))],
    },
    use=push_batches,
    forbid=frozenset({"rnncourse"}),
    agree="one call for each sequence",
)

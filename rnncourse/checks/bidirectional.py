"""The checks of exercise set 12: two directions, and a published class repaired until it is nn.LSTM."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from rnncourse.checks.framework.authoring import (
    LAYER,
    NO_BIAS,
    ONE_STEP,
    STATE,
    ExerciseSet,
    Mistakes,
    Problem,
    Trait,
    cases,
    cell_of,
    check_random,
    fresh_case,
    in_float64,
    is_random,
    layer_case,
    masked_case,
    random_cell,
    random_numbers,
    rows,
    small_parameters,
)
from rnncourse.checks.framework.notation import parse
from rnncourse.checks.given import bidirectional as given
from rnncourse.checks.given.bidirectional import PUBLISHED
from rnncourse.checks.uses.bidirectional import EXPECTED, load_set_and_call

CHECKS = ExerciseSet("12", "Bidirectional")


# ---- Task 1, seen: how much each entry has seen, and where it is.
TRUTH = {
    "forward_half": 3,
    "backward_half": 5,
    "last_backward": 1,
    "row": 3,
    "step": 0,
    "h_n": (6, 4, 20),
    "weight_ih_l2": (80, 40),
    "output": (7, 4, 40),
}

wrong = Mistakes("What each half has seen", TRUTH).edits("""
forward, from 0 | The count leaves out an input: the step also reads its own. | forward_half => 2
forward, all | The forward half has not read what comes after its step. | forward_half => 7
backward, own step left out | The count leaves out an input: the step also reads its own. | backward_half => 4
backward, from the left | This counts from the left end. From which end does this half come?
    backward_half => 3
last backward, all | The backward direction has only just begun there. | last_backward => 7
last backward, none | It has read something: the step's own input. | last_backward => 0
all forward first | This would be the row if all forward states came first. They do not.
    § The states interleave
    row => 4
one row too early | This row is the forward state of the layer. § The states interleave | row => 2
row from the end | That is the right row, but counted from the end. Give its number from 0.
    row => -3 § The states interleave
counted from 1 | Layers count from 0: this row belongs to layer 2. § The states interleave | row => 5
the last step | Row 5 is a backward state. At which end does the backward direction stop?
    step => 6 § The states interleave
the last step, from the end | Row 5 is a backward state. At which end does the backward direction stop?
    step => -1 § The states interleave
directions forgotten in h_n | Only one direction of each layer is counted. § The states interleave
    h_n => (3, 4, 20)
directions joined in h_n | A state is not joined like an output: each direction has its own row.
    h_n => (3, 4, 40) § The states interleave
h_n of one layer | h_n has the states of all layers, not only of the last. § The states interleave
    h_n => (2, 4, 20)
one half goes up | Layer 2 reads both halves of layer 1's output. § Both halves go up
    weight_ih_l2 => (80, 20)
every layer reads x | Only layer 0 reads the input. What does layer 2 read? § Both halves go up
    weight_ih_l2 => (80, 10)
transposed | The rows are the output, the columns are the input. § Both halves go up
    weight_ih_l2 => (40, 80)
one direction in output | This is one half of the output. § Two passes, lined up in time
    output => (7, 4, 20)
output of all layers | Only the last layer's two halves are in output. § Two passes, lined up in time
    output => (7, 4, 120)
batch first | The layer is not batch_first: time comes first. § Two passes, lined up in time
    output => (4, 7, 40)
""")

seen = CHECKS.predicted(
    "seen",
    wrong,
    points="""
        the three counts 1 = forward_half, backward_half, last_backward
        the row and the step 1 = row, step
        the shapes 1 = h_n, weight_ih_l2, output
    """,
)


# ---- Task 2, both_ends: one vector for a whole sequence, from the output of two directions.
def _both_ends(output):
    H = output.shape[-1] // 2
    forward, backward = output[-1, :, :H], output[0, :, H:]
    return torch.cat([forward, backward], dim=-1)


@cases(1.0, "T5 B3 H2; T4 B2 H5; T3 B3 H4")
def _both_ends_cases(numbers, T, B, H):
    return {"output": numbers(T, B, 2 * H)}


wrong = Mistakes("The trap in the last step", _both_ends).edits("""
the last step | this is the whole last step. How much has its backward half seen?
    torch.cat([forward, backward], dim=-1) => output[-1]
the first step | this is the whole first step. How much has its forward half seen?
    torch.cat([forward, backward], dim=-1) => output[0]
the wrong ends | you take each half where it has just begun.
    output[-1, :, :H], output[0, :, H:] => output[0, :, :H], output[-1, :, H:]
halves exchanged | both parts are right, but the backward half comes first.
    [forward, backward] => [backward, forward] § Two passes, lined up in time
halves confused | the first H numbers of a step are its forward half, but you treat them as the
    backward half. § Two passes, lined up in time
    output[-1, :, :H], output[0, :, H:] => output[-1, :, H:], output[0, :, :H]
both ends added | you add the two halves. Concatenate them instead of adding.
    torch.cat([forward, backward], dim=-1) => forward + backward
forward only | this is only the forward half. | torch.cat([forward, backward], dim=-1) => forward
batch first | you take the last sequence of the batch: `[:, -1]` is for batch_first=True.
    torch.cat([forward, backward], dim=-1) => output[:, -1]
the mean | this is the mean over all steps. Return the last state of each direction.
    torch.cat([forward, backward], dim=-1) => output.mean(0)
stacked | you stack the two halves on an axis of their own. Return them side by side, (B, 2H).
    torch.cat([forward, backward], dim=-1) => torch.stack([forward, backward])
both steps whole | these are two whole steps, (B, 4H). Only one half of each has seen everything.
    [forward, backward] => [output[-1], output[0]]
""")

both_ends = CHECKS.task(
    "both_ends",
    wrong,
    returns="summary (B 2H)",
    points="summary 2",
    cases=_both_ends_cases,
    example={"output": torch.arange(1.0, 7.0).view(3, 1, 2)},
    agree="the last state of each direction",
)


# ---- Task 3, merged: the states of two directions side by side, layer by layer.
def _merged(h_n):
    forward, backward = h_n[0::2], h_n[1::2]
    return torch.cat([forward, backward], dim=-1)


@cases(1.0, "L3 B4 H2; L2 B3 H5; L1 B3 H4; L2 B2 H3")
def _merged_cases(numbers, L, B, H):
    return {"h_n": numbers(2 * L, B, H)}


wrong = Mistakes("The states interleave", _merged).edits("""
reshaped | the shape is right, but the sequences of the batch are mixed: a row holds numbers from two of them.
    torch.cat([forward, backward], dim=-1) => h_n.reshape(*forward.shape[:2], -1)
    look: reshape keeps the order of the numbers in memory. Which axes must be next to each other before it?
all forward first | you take the first half of the rows as the forward ones. Which row is layer 0, backward?
    h_n[0::2], h_n[1::2] => h_n.chunk(2)
backward first | the backward state comes before the forward one.
    [forward, backward] => [backward, forward]
added | you add the two directions. Return them side by side.
    torch.cat([forward, backward], dim=-1) => forward + backward
last layer only | this is only the last layer, (B, 2H). | [forward, backward] => [forward[-1], backward[-1]]
last layer only, with an axis | this is only the last layer. Return all L of them.
    [forward, backward] => [forward[-1:], backward[-1:]]
forward only | these are only the forward states. | torch.cat([forward, backward], dim=-1) => forward
joined along the layers | you join the two directions along the layers. Return them side by side.
    dim=-1 => dim=0
joined along the batch | you join the two directions along the batch. Return them side by side.
    dim=-1 => dim=1
units interleaved | forward and backward numbers alternate in a row. Return two blocks of H.
    torch.cat([forward, backward], dim=-1) => torch.stack([forward, backward], dim=-1).flatten(-2)
batch first | the batch comes first. In a state it is the second axis, whatever batch_first is.
    [forward, backward], dim=-1) => [forward, backward], dim=-1).transpose(0, 1)
""")

merged = CHECKS.task(
    "merged",
    wrong,
    returns="merged (L B 2H)",
    points="merged 2",
    cases=_merged_cases,
    example={"h_n": torch.arange(1.0, 9.0).view(4, 2, 1)},
    agree="the states, layer by layer",
)


# ---- Task 4, reverse_padded: each sequence reversed within its own length.
def _reverse_padded(x, lengths):
    reversed_x = x.clone()
    for b, n in enumerate(lengths.tolist()):
        reversed_x[b, :n] = x[b, :n].flip(0)
    return reversed_x


@cases(
    1.0,
    "B4 T6 I3 lengths=[3,6,2,5]; B3 T5 I2 lengths=[5,1,4]",
    "B5 T6 I4 lengths=[2,4,4,3,1]",  # no sequence fills all T steps
    "B4 T4 I4 lengths=[4,2,3,3]",  # all sizes equal: a flip along another axis runs
)
def _reverse_padded_cases(numbers, B, T, I, lengths):
    """Draw padding that is not zero, so that it shows where it goes."""
    return {"x": numbers(B, T, I), "lengths": torch.tensor(lengths)}


wrong = Mistakes("Rows of different length", _reverse_padded).edits("""
flipped whole | the padding comes to the front: every sequence is reversed over all T steps.
    return reversed_x => return x.flip(1)
flipped along the batch | you reverse the batch: the sequences change places.
    return reversed_x => return x.flip(0)
nothing reversed | nothing is reversed. | return reversed_x => return x
padding set to zero | the padding has become zero. Leave it as it is. | x.clone() => x * 0
features flipped | you reverse the numbers of each step instead of the steps. | flip(0) => flip(1)
both flipped | you also reverse the numbers of each step. | flip(0) => flip(0, 1)
padding reversed, too | the padding comes after the sequence, but in reverse order.
    x[b, :n].flip(0) => x[b, :n].flip(0); reversed_x[b, n:] = x[b, n:].flip(0)
one step too few | the last step of each sequence has stayed where it was. A slice leaves out its end index.
    lengths.tolist() => (lengths - 1).tolist()
one step too many | one step of padding is also moved, where there is one.
    lengths.tolist() => (lengths + 1).tolist()
the longest for all | all sequences are reversed over the longest length.
    lengths.tolist() => [int(lengths.max())] * len(x)
the first for all | all sequences are reversed over the length of the first.
    lengths.tolist() => [int(lengths[0])] * len(x)
overwritten while read | the second half of each sequence mirrors the first: you overwrite the tensor while
    you read it.
    - reversed_x[b, :n] = x[b, :n].flip(0)
    + for t in range(n):
    +     reversed_x[b, t] = reversed_x[b, n - 1 - t]
    look: Read from the given tensor, write to a copy.
rolled | the steps keep their order and are only shifted. Reverse their order.
    reversed_x[b, :n] = x[b, :n].flip(0) => reversed_x[b] = x[b].roll(-n, 0)
time first | you apply the lengths along the batch, but x is (B, T, I) here.
    reversed_x[b, :n] = x[b, :n].flip(0) => reversed_x[:n, b] = x[:n, b].flip(0)
""")

reverse_padded = CHECKS.task(
    "reverse_padded",
    wrong,
    returns="reversed (B T I)",
    points="reversed 3",
    cases=_reverse_padded_cases,
    example={
        "x": torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 0.0, 0.0]])[..., None],
        "lengths": torch.tensor([4, 2]),
    },
    agree="each sequence reversed by itself",
)


# ---- Task 5, two_ways: a bidirectional layer from two cells.
def _pass(cell, steps, state=None):
    outputs = []
    for x_t in steps:
        state = cell(x_t, state)
        outputs.append(state[0])
    return torch.stack(outputs), state


def _two_ways(x, ahead, back):
    forward, (h, c) = _pass(ahead, x)
    backward, (h_back, c_back) = _pass(back, x.flip(0))
    output = torch.cat([forward, backward.flip(0)], dim=-1)
    h_n, c_n = torch.stack([h, h_back]), torch.stack([c, c_back])
    return output, h_n, c_n


@cases(
    0.8,
    "T5 B3 I2 H4; T4 B2 I5 H3",
    "T3 B3 I4 H2",  # T = B: what runs over the wrong axis fits
    "T1 B4 I3 H2",
)
def _two_ways_cases(numbers, T, B, I, H):
    ahead, back = random_cell(numbers, I, H), random_cell(numbers, I, H)
    return {"x": numbers(T, B, I), "ahead": ahead, "back": back}, T == 1 and ONE_STEP


wrong = Mistakes("Two passes, lined up in time", _two_ways).edits("""
not flipped back | the backward half is in the order in which it was computed: each step is next to another
    step's input.
    backward.flip(0) => backward
never flipped | both passes run from the first step to the last.
    x.flip(0) => x
    backward.flip(0) => backward
flipped once, too late | the backward pass runs forward; only its outputs are flipped. | x.flip(0) => x
flipped along the batch | you flip the batch instead of time.
    x.flip(0) => x.flip(1)
    backward.flip(0) => backward.flip(1)
one cell for both | both passes use `ahead`, but each direction has weights of its own.
    _pass(back, => _pass(ahead,
cells exchanged | `back` runs forward, and `ahead` backward.
    _pass(ahead, x) => _pass(back, x)
    _pass(back, x.flip(0)) => _pass(ahead, x.flip(0))
state handed over | the backward pass starts from the state in which the forward pass ended. Each starts from
    zeros.
    x.flip(0)) => x.flip(0), (h, c))
added | you add the two halves in output. Return them side by side.
    torch.cat([forward, backward.flip(0)], dim=-1) => forward + backward.flip(0)
backward first | the backward half comes first in output.
    [forward, backward.flip(0)] => [backward.flip(0), forward]
joined along time | output has 2T steps: the halves are joined along time.
    backward.flip(0)], dim=-1 => backward.flip(0)]
forward only | output has only the forward half. | torch.cat([forward, backward.flip(0)], dim=-1) => forward
backward state of the last step | you take the backward rows of the states at the last step, where that
    direction begins. § The states interleave
    h_n, c_n = torch => _, (h_back, c_back) = _pass(back, x[-1:]); h_n, c_n = torch
states at both first steps | you take the forward rows of the states at the first step, where that direction
    begins. § The states interleave
    h_n, c_n = torch => _, (h, c) = _pass(ahead, x[:1]); h_n, c_n = torch
states exchanged | the backward state is the first row of h_n and c_n. § The states interleave
    [h, h_back] => [h_back, h]
    [c, c_back] => [c_back, c]
forward state only | h_n and c_n have only the forward state, without a row for each direction.
    torch.stack([h, h_back]), torch.stack([c, c_back]) => h, c § The states interleave
states side by side | h_n and c_n are (B, 2H). Return a row for each direction. § The states interleave
    torch.stack([h, h_back]) => torch.cat([h, h_back], dim=-1)
    torch.stack([c, c_back]) => torch.cat([c, c_back], dim=-1)
h and c mixed | h_n holds h and c of the forward direction, c_n those of the backward one.
    [h, h_back] => [h, c]
    [c, c_back] => [h_back, c_back] § The states interleave
h for c | c_n is h_n again. § The states interleave | [c, c_back] => [h, h_back]
c collected | output is made of c. What a cell shows is h.
    - output = torch.cat([forward, backward.flip(0)], dim=-1)
    + def memories(cell, steps):
    +     return torch.stack([_pass(cell, steps[: t + 1])[1][1] for t in range(len(steps))])
    + output = torch.cat([memories(ahead, x), memories(back, x.flip(0)).flip(0)], dim=-1)
nothing carried | each step starts from zeros: no state is carried from step to step.
    _pass(ahead, x) => torch.stack([ahead(x_t)[0] for x_t in x]), ahead(x[-1])
    _pass(back, x.flip(0)) => torch.stack([back(x_t)[0] for x_t in x.flip(0)]), back(x[0])
    § What each half has seen
""")

ONES, MINUS, ZEROS = 4 * [1.0], 4 * [-1.0], 4 * [0.0]

two_ways = CHECKS.task(
    "two_ways",
    wrong,
    returns="output (T B 2H), h_n (D B H), c_n (D B H)",
    points="output 2; h_n 1; c_n 1",
    cases=_two_ways_cases,
    example={
        "x": rows([[1.0]], [[0.0]]),
        "ahead": cell_of(ONES, ONES, ZEROS, torch.float64),
        "back": cell_of(MINUS, ONES, ZEROS, torch.float64),
    },
    forbid=LAYER,
    agree="two passes lined up in time",
)


# ---- Task 6, BiLSTM: a published class, repaired fault by fault until it equals torch.nn.LSTM.
PLAIN = Trait("there is one layer and no option but batch_first", "what several layers and the options need")
DEEP = Trait("there are several layers", "what goes from one layer to the next")
DROPS = Trait("there is dropout", "when dropout is applied, and where")


class _Torch(nn.LSTM):
    """The oracle: torch's own."""

    def __init__(self, input_size, hidden_size, **options):
        super().__init__(input_size, hidden_size, bidirectional=True, **options)


class _BiLSTM(nn.Module):
    """The published class, repaired. The mistakes are edits of it."""

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0):
        super().__init__()
        self.hidden_size, self.num_layers, self.bias = hidden_size, num_layers, bias
        self.batch_first, self.dropout = batch_first, dropout
        for layer in range(num_layers):
            width = 2 * hidden_size if layer else input_size
            for end in (f"_l{layer}", f"_l{layer}_reverse"):
                self.add("weight_ih" + end, 4 * hidden_size, width)
                self.add("weight_hh" + end, 4 * hidden_size, hidden_size)
                if bias:
                    self.add("bias_ih" + end, 4 * hidden_size)
                    self.add("bias_hh" + end, 4 * hidden_size)

    def add(self, name, *shape):
        bound = self.hidden_size**-0.5
        self.register_parameter(name, nn.Parameter(torch.empty(shape).uniform_(-bound, bound)))

    def run(self, x, end, h, c):
        bias = getattr(self, "bias_ih" + end) + getattr(self, "bias_hh" + end) if self.bias else None
        recurrent, outputs = getattr(self, "weight_hh" + end).T, []
        for a in F.linear(x, getattr(self, "weight_ih" + end), bias):  # all steps' inputs at once
            i, f, g, o = (a + h @ recurrent).chunk(4, dim=-1)  # (B, H) each
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs), h, c

    def forward(self, x, hx=None):
        if self.batch_first:
            x = x.transpose(0, 1)
        zeros = x.new_zeros(2 * self.num_layers, x.shape[1], self.hidden_size)
        h_0, c_0 = (zeros, zeros) if hx is None else hx
        states = []
        for layer in range(self.num_layers):
            if layer > 0:
                x = F.dropout(x, self.dropout, self.training)
            k = 2 * layer
            forward, *ahead = self.run(x, f"_l{layer}", h_0[k], c_0[k])
            backward, *back = self.run(x.flip(0), f"_l{layer}_reverse", h_0[k + 1], c_0[k + 1])
            x = torch.cat([forward, backward.flip(0)], dim=-1)
            states += [ahead, back]
        h_n, c_n = (torch.stack(parts) for parts in zip(*states, strict=True))
        return (x.transpose(0, 1) if self.batch_first else x), (h_n, c_n)


def _BiLSTM_cases(seed):
    numbers = random_numbers(seed, 0.8, torch.float32)
    case = partial(layer_case, numbers, always={"bidirectional": True})
    whole = {"num_layers": 2, "state": True, "batch_first": True}
    return [  # in the order of the lesson, which a verdict follows
        case((5, 3, 4, 2), PLAIN),
        case((4, 5, 3, 2), PLAIN, batch_first=True),
        case((2, 4, 5, 6), DEEP, num_layers=3, batch_first=True),
        case((3, 5, 2, 4), STATE, state=True),
        case((2, 5, 3, 6), STATE, **whole),
        case((4, 2, 3, 5), NO_BIAS, bias=False),
        # Here everything is dropped or nothing, so no random draw matters.
        case((3, 4, 6, 5), DROPS, num_layers=3, dropout=1.0, train=True),
        case((2, 4, 5, 6), DROPS, num_layers=2, dropout=1.0),
        masked_case(numbers, DROPS, always={"bidirectional": True}),
        fresh_case(numbers, num_layers=2, always={"bidirectional": True}),
        in_float64(case((2, 3, 4, 5), num_layers=2)),
        case((2, 3, 5, 6), **whole, bias=False, dropout=1.0),
    ]


# The seven faults in the lesson's order, and the initialisation.
FAULTS = """
axes | time and batch are exchanged: the loop runs over the batch. § The axes
    if self.batch_first: => if not self.batch_first:
    if self.batch_first else x => if not self.batch_first else x
flip | the backward half is in the order in which it was computed, not in the order of the input.
    backward.flip(0) => backward § The backward half, flipped back
layers | nn.LSTM's weights do not fit a second layer: in yours, each direction reads only its own outputs.
    width = 2 * hidden_size if => width = hidden_size if § Both halves go up
states | h_n and c_n are those of one direction of one layer, without an axis for the others.
    (h_n, c_n) => tuple(ahead) § The other five
start | the given states are not used. § The other five | else hx => else (zeros, zeros)
bias | with bias=False there are still biases. § The other five | if bias: => if True:
eval | dropout is also applied in eval. § The other five | self.dropout, self.training) => self.dropout)
zeros | all weights of a new layer are zero. What does layer 1 read then, and which gradient does it send
    down?
    § The other five
    torch.empty(shape).uniform_(-bound, bound) => torch.zeros(shape)
    look: nn.LSTM draws its weights. Print the largest weight of a new layer, with H = 4 and with H = 100.
"""
faults = list(parse(FAULTS, __file__, 0))

wrong = Mistakes("A published class, repaired", _BiLSTM)
wrong.edits(FAULTS)
wrong.edits("""
batch_first ignored | batch_first has no effect. § The axes
    if self.batch_first: => if False:
    if self.batch_first else x => if False else x
output not transposed | with batch_first, output is still time first: it is not transposed back. § The axes
    if self.batch_first else x => if False else x
states batch first | with batch_first, h_n and c_n come batch first. In a state the batch is the second axis.
    (h_n, c_n) => tuple(s.transpose(0, 1) if self.batch_first else s for s in (h_n, c_n))
    § The other five
never flipped | both directions run from the first step to the last. § Two passes, lined up in time
    x.flip(0) => x
    backward.flip(0) => backward
flipped along the batch | you flip the batch instead of time. § Two passes, lined up in time
    x.flip(0) => x.flip(1)
    backward.flip(0) => backward.flip(1)
halves exchanged | the backward half comes first in output. § Two passes, lined up in time
    [forward, backward.flip(0)] => [backward.flip(0), forward]
all forward first | the rows of h_n and c_n are in a different order: all forward ones come first.
    zip(*states, strict=True) => zip(*states[0::2], *states[1::2], strict=True) § The states interleave
last layer's states only | h_n and c_n only have the two rows of the last layer. § The other five
    zip(*states, strict=True) => zip(*states[-2:], strict=True)
h for c | c_n is h_n again. § The other five | (h_n, c_n) => (h_n, h_n)
hx all forward first | you read the rows of hx in a different order: all forward ones first.
    h_0[k], c_0[k] => h_0[layer], c_0[layer] § The states interleave
    h_0[k + 1], c_0[k + 1] => h_0[layer + self.num_layers], c_0[layer + self.num_layers]
all forward first, hx too | the rows of h_n, c_n and hx are in a different order: all forward ones come first.
    zip(*states, strict=True) => zip(*states[0::2], *states[1::2], strict=True)
    h_0[k], c_0[k] => h_0[layer], c_0[layer]
    h_0[k + 1], c_0[k + 1] => h_0[layer + self.num_layers], c_0[layer + self.num_layers]
    § The states interleave
hx for forward only | the backward direction starts from zeros, although a state is given.
    h_0[k + 1], c_0[k + 1] => zeros[0], zeros[0] § The other five
hx of the first layer for all | every layer starts from the states of layer 0. § The other five
    k = 2 * layer => k = 0
no dropout at all | dropout is not applied anywhere, not even in training. § The other five
    self.dropout, self.training) => 0.0)
dropout on the input | dropout is also applied to the input of layer 0. § The other five
    if layer > 0: => if True:
dropout on the output | dropout is also applied after the last layer. § The other five
    - if layer > 0:
    + if False:
    - states += [ahead, back]
    + states += [ahead, back]
    + x = F.dropout(x, self.dropout, self.training)
nothing made larger | in training, what dropout keeps is not scaled up. nn.LSTM preserves the mean of what
    goes up. § The other five
    F.dropout(x, self.dropout, self.training) => x * (torch.rand_like(x) >= self.dropout * self.training)
divided by zero | in training with dropout=1.0 there is nan: nothing is left, and 1 - p is 0.
    - x = F.dropout(x, self.dropout, self.training)
    + kept = torch.rand_like(x) >= self.dropout * self.training
    + x = x * kept / (1 - self.dropout * self.training)
    § The other five
the share that stays | you use dropout as the share that stays. It is the share that is dropped.
    x = F.dropout(x, self.dropout, => x = F.dropout(x, 1 - self.dropout, § The other five
one mask for all steps | the same units are dropped at all steps. nn.LSTM draws a new mask for each.
    F.dropout(x, => x * F.dropout(torch.ones_like(x[0]), § The other five
one mask for all sequences | the same units are dropped in all sequences of the batch. § The other five
    F.dropout(x, => x * F.dropout(torch.ones_like(x[:, :1]),
whole steps dropped | all units of a step are dropped, or none. § The other five
    F.dropout(x, => x * F.dropout(torch.ones_like(x[..., :1]),
one mask for both halves | the same units are dropped in the forward half and in the backward half.
    - x = F.dropout(x, self.dropout, self.training)
    + kept = F.dropout(torch.ones_like(x.chunk(2, dim=-1)[0]), self.dropout, self.training)
    + x = x * torch.cat([kept, kept], dim=-1)
    § The other five
a mask for each direction | each direction reads a mask of its own. nn.LSTM draws one for both.
    - if layer > 0:
    + if False:
    self.run(x, => self.run(F.dropout(x, self.dropout * (layer > 0), self.training),
    self.run(x.flip(0), => self.run(F.dropout(x.flip(0), self.dropout * (layer > 0), self.training),
    § The other five
biases start at zero | the biases of a new layer are zero. nn.LSTM draws them, too.
    uniform_(-bound, bound) => uniform_(-bound, bound) * ("bias" not in name) § The other five
range too wide | a new layer has numbers that are larger than nn.LSTM's ever are: these depend on H.
    torch.empty(shape).uniform_(-bound, bound) => torch.randn(shape) § The other five
not below zero | no number in a new layer is negative. nn.LSTM's range is as wide below 0 as above.
    uniform_(-bound, bound) => uniform_(0, bound) § The other five
zeros in float32 | where x is float64, it starts from zeros of torch's default dtype.
    x.new_zeros( => torch.zeros( § A published class, repaired
state kept as a parameter | a state is among the parameters: state_dict() has it, and an optimizer would
    change it. § A published class, repaired
    super().__init__() => super().__init__(); self.h_0 = nn.Parameter(torch.zeros(1, 1, 1))
no gradient | the numbers are right, but no gradient flows back from them. § A published class, repaired
    return (x.transpose => x, h_n, c_n = (v.detach() for v in (x, h_n, c_n)); return (x.transpose
""")
wrong(
    "as given",
    "it gives the same results as the given class: no repair has an effect yet.",
    look="The lesson begins with the axes, because everything else depends on them.",
)(given.BiLSTM)


def _halves(returned, arguments):
    """Return both halves of output, time first, and the two states: each has points of its own."""
    if is_random(arguments):
        check_random(returned if arguments["x"] is None else returned[0], arguments)
        return dict.fromkeys(("forward half", "backward half", "h_n", "c_n"), torch.zeros(0))
    try:
        output, (h_n, c_n) = returned
        H = arguments["hidden_size"]
        if arguments["options"].get("batch_first"):
            output = output.transpose(0, 1)
        return {"forward half": output[..., :H], "backward half": output[..., H:], "h_n": h_n, "c_n": c_n}
    except (TypeError, ValueError, AttributeError, IndexError):
        raise Problem(EXPECTED) from None


BiLSTM = CHECKS.task(
    "BiLSTM",
    wrong,
    returns="forward half (T B H), backward half (T B H), h_n (L*D B H), c_n (L*D B H)",
    points="""
        the axes 1 = forward half where there is one layer and no option but batch_first
        the backward half in order 1 = backward half where there is one layer and no option but batch_first
        both halves go up 1 = forward half, backward half where there are several layers
        all states 1 = h_n, c_n where there are several layers
        hx 1 = forward half, backward half where a state is given
        bias=False 1 = forward half, backward half where there are no biases
        dropout only in training 1 = forward half, backward half where there is dropout
        drawn parameters 1 = forward half where it is newly built
        all of it together 2
    """,
    truth=_Torch,
    cases=_BiLSTM_cases,
    example={
        "input_size": 1,
        "hidden_size": 1,
        "options": {"batch_first": True},
        "parameters": small_parameters("_l0") | small_parameters("_l0_reverse", -1.0),
        "train": False,
        "x": torch.tensor([[[2.0], [1.0], [0.0]]]),
        "hx": None,
    },
    use=load_set_and_call,
    derive=_halves,
    agree="torch.nn.LSTM",
)

__all__ = ["CHECKS", "PUBLISHED", *(check.name for check in CHECKS)]

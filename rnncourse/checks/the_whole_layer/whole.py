"""Task 6, MyLSTM: the whole layer, judged by its properties against torch.nn.LSTM."""

import random

import torch
import torch.nn.functional as F
from torch import nn

from rnncourse.checks.framework.cases import (
    NO_BIAS,
    SINGLE,
    STATE,
    Case,
    Trait,
    random_module,
    random_numbers,
)
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.the_whole_layer.lesson import CONTRACT, LESSON
from rnncourse.checks.the_whole_layer.using import load_call_and_differentiate

PLAIN = Trait("there is one layer, one direction and no option", "what the options need")
BATCH_FIRST = Trait("batch_first is set", "what you do where batch_first is False")
LAYERS = Trait("there are several layers", "what goes from one layer to the next")
TWO_WAYS = Trait("there are two directions", "what you do with one direction")
DROPS = Trait("there is dropout", "when dropout acts, and where")


class _MyLSTM(nn.Module):
    """The right one in torch's operations, from which the mistakes are made."""

    def __init__(
        self,
        input_size,
        hidden_size,
        num_layers=1,
        bias=True,
        batch_first=False,
        dropout=0.0,
        bidirectional=False,
    ):
        super().__init__()
        self.hidden_size, self.num_layers, self.batch_first = hidden_size, num_layers, batch_first
        self.dropout, self.D, self.bias = dropout, 2 if bidirectional else 1, bias
        for layer in range(num_layers):
            width = self.D * hidden_size if layer else input_size
            for end in ("", "_reverse")[: self.D]:
                self.add(f"weight_ih_l{layer}{end}", 4 * hidden_size, width)
                self.add(f"weight_hh_l{layer}{end}", 4 * hidden_size, hidden_size)
                if bias:
                    self.add(f"bias_ih_l{layer}{end}", 4 * hidden_size)
                    self.add(f"bias_hh_l{layer}{end}", 4 * hidden_size)

    def add(self, name, *shape):
        self.register_parameter(name, nn.Parameter(torch.zeros(shape)))

    def run(self, x, end, h, c, reverse):
        own = self._parameters
        bias = own["bias_ih" + end] + own["bias_hh" + end] if self.bias else None
        a = F.linear(x, own["weight_ih" + end], bias)
        weight_hh = own["weight_hh" + end]
        output, steps = [h] * len(x), range(len(x))
        for t in reversed(steps) if reverse else steps:
            i, f, g, o = (a[t] + h @ weight_hh.T).chunk(4, dim=-1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            output[t] = h
        return torch.stack(output), h, c

    def forward(self, x, hx=None):
        single = x.dim() == 2
        if single:
            x, hx = x.unsqueeze(1), hx and tuple(s.unsqueeze(1) for s in hx)
        elif self.batch_first:
            x = x.transpose(0, 1)
        zeros = x.new_zeros(self.D * self.num_layers, x.shape[1], self.hidden_size)
        h_0, c_0 = (zeros, zeros) if hx is None else hx
        hs, cs = [], []
        for layer in range(self.num_layers):
            if layer > 0:
                x = F.dropout(x, self.dropout, self.training)
            halves = []
            for d in range(self.D):
                k = self.D * layer + d
                half, h, c = self.run(x, f"_l{layer}" + d * "_reverse", h_0[k], c_0[k], d == 1)
                halves.append(half)
                hs.append(h)
                cs.append(c)
            x = torch.cat(halves, dim=-1)
        h_n, c_n = torch.stack(hs), torch.stack(cs)
        if single:
            return x.squeeze(1), (h_n.squeeze(1), c_n.squeeze(1))
        return (x.transpose(0, 1) if self.batch_first else x), (h_n, c_n)


class _LayerCase(Case):
    """Its words name the options, too: it is over these that a layer stumbles."""

    def __str__(self):
        arguments = self.arguments
        said = [f"{name}={value}" for name, value in arguments["options"].items()]
        said += ["no batch axis"] * (arguments["x"].dim() == 2) + ["hx given"] * (arguments["hx"] is not None)
        return ", ".join([super().__str__(), *said, *["in training"] * arguments["train"]])


def _cases(seed):
    numbers, chance = random_numbers(seed, 0.8, torch.float32), random.Random(seed)

    def case(T, B, I, H, *traits, single=False, state=False, train=False, **options):
        L, D = options.get("num_layers", 1), 2 if options.get("bidirectional") else 1
        rows = () if single else (B,)
        sizes = {"input_size": I, "hidden_size": H}
        parameters = random_module("LSTM", numbers, **sizes, **options).parameters
        x = numbers(B, T, I) if options.get("batch_first") and not single else numbers(T, *rows, I)
        hx = (numbers(L * D, *rows, H), numbers(L * D, *rows, H)) if state else None
        arguments = sizes | {"options": options, "parameters": parameters, "train": train, "x": x, "hx": hx}
        return _LayerCase(arguments, {"T": T, "B": B, "I": I, "H": H}, frozenset(traits))

    # Dropout is all or nothing, so that no draw of a mask plays a part.
    T, (B, I, H) = chance.choice((2, 3)), chance.sample(range(2, 6), 3)
    by_chance = {name: chance.random() < 0.5 for name in ("single", "train", "bias", "batch_first")}
    by_chance |= {"num_layers": 2, "bidirectional": True, "dropout": chance.choice((0.0, 1.0))}
    # In the order in which a layer is built: what fails first is what to add next.
    return [
        case(3, 5, 2, 4, PLAIN),
        case(2, 4, 5, 3, STATE, state=True),
        case(2, 4, 3, 5, BATCH_FIRST, batch_first=True, state=True),
        case(2, 4, 3, 5, SINGLE, single=True, batch_first=True, state=True),
        case(4, 2, 5, 3, SINGLE, single=True),
        case(2, 4, 3, 6, LAYERS, num_layers=2, state=True),
        case(2, 4, 5, 3, TWO_WAYS, bidirectional=True, state=True),
        case(2, 3, 4, 5, NO_BIAS, bias=False),
        case(2, 4, 6, 5, DROPS, num_layers=2, dropout=1.0, train=True),
        case(2, 4, 5, 6, DROPS, num_layers=2, dropout=1.0),
        case(T, B, I, H, state=True, **by_chance),
    ]


wrong = Mistakes(CONTRACT, _MyLSTM)

wrong.edits("""
§ Names first
one direction goes up | the weights of nn.LSTM do not fit where there are two directions: a layer reads both
    halves.
    width = self.D * hidden_size if => width = hidden_size if
biases always | with bias=False there are biases all the same.
    if bias: => if True:
§ The loop
hx ignored | the states that are given have no part in it.
    else hx => else (zeros, zeros)
hx needed | it fails without hx. Which states does nn.LSTM start from?
    (zeros, zeros) if hx is None else hx => hx
hx exchanged | h_0 and c_0 are taken for each other.
    h_0, c_0 = (zeros => c_0, h_0 = (zeros
states exchanged | h_n and c_n are exchanged.
    x), (h_n, c_n) => x), (c_n, h_n)
§ Other layouts
batch_first ignored | batch_first makes no difference.
    elif self.batch_first: => elif False:
    if self.batch_first else x => if False else x
batch_first the other way round | batch_first is obeyed the wrong way round.
    elif self.batch_first: => elif not self.batch_first:
    if self.batch_first else x => if not self.batch_first else x
output not brought back | with batch_first, output is time-first.
    if self.batch_first else x => if False else x
states batch-first | with batch_first, h_n and c_n come batch-first. States keep the batch second.
    else x), (h_n, c_n) => else x), tuple(s.transpose(0, 1) if self.batch_first else s for s in (h_n, c_n))
output reshaped | with batch_first, output has the right shape, and each sequence the numbers of others: a
    reshape.
    - return (x.transpose(0, 1) if self.batch_first else x), (h_n, c_n)
    + return (x.reshape(x.shape[1], x.shape[0], -1) if self.batch_first else x), (h_n, c_n)
unbatched not known | a sequence without a batch axis, (T, I), is not taken for one.
    single = x.dim() == 2 => single = False
unbatched comes back batched | for a sequence without a batch axis, what comes back has one.
    x.squeeze(1), (h_n.squeeze(1), c_n.squeeze(1)) => x, (h_n, c_n)
unbatched hx ignored | for a sequence without a batch axis, the states that are given have no part in it.
    x.unsqueeze(1), hx and tuple(s.unsqueeze(1) for s in hx) => x.unsqueeze(1), None
unbatched taken for one step | (T, I) is read as one step of a batch of T. It is T steps of one sequence.
    - x, hx = x.unsqueeze(1), hx and tuple(s.unsqueeze(1) for s in hx)
    + x, hx = x.unsqueeze(0), hx and tuple(s.unsqueeze(1).expand(-1, len(x), -1) for s in hx)
    - return x.squeeze(1), (h_n.squeeze(1), c_n.squeeze(1))
    + return x.squeeze(0), (h_n[:, -1], c_n[:, -1])
§ Layers, directions, dropout
states of the last layer only | h_n and c_n are the last layer's alone.
    torch.stack(hs), torch.stack(cs) => torch.stack(hs[-self.D :]), torch.stack(cs[-self.D :])
first layer's states for all | every layer starts from the states of layer 0.
    k = self.D * layer + d => k = d
all forward first | with two directions, the rows of the states are in another order: all forward ones first.
    k = self.D * layer + d => k = self.num_layers * d + layer
    torch.stack(hs) => torch.stack(hs[:: self.D] + hs[1 :: self.D] * (self.D - 1))
    torch.stack(cs) => torch.stack(cs[:: self.D] + cs[1 :: self.D] * (self.D - 1))
hx all forward first | with two directions, the rows of hx are read in another order: all forward ones first.
    k = self.D * layer + d => k = self.num_layers * d + layer
backward outputs not put back | the backward half of output stands in the order in which it was made.
    torch.stack(output), h => torch.stack(output[::-1] if reverse else output), h
both forward | both directions run from the first step to the last.
    reversed(steps) if reverse else steps => steps
flipped along the batch | the backward direction turns the batch round, not the time.
    a = F.linear(x, => a = F.linear(x.flip(1) if reverse else x,
    reversed(steps) if reverse else steps => steps
    torch.stack(output), h => torch.stack(output).flip(1) if reverse else torch.stack(output), h
halves exchanged | the backward half stands first in output.
    torch.cat(halves, => torch.cat(halves[::-1],
shared weights | both directions use the forward weights.
    "_reverse", h_0 => "", h_0
h_n at the last step | the backward rows of h_n are from the last step. Where does that direction end?
    hs.append(h) => hs.append(half[-1])
no dropout | dropout acts nowhere.
    self.dropout, self.training) => 0.0)
dropout in eval | dropout acts in eval, too.
    self.dropout, self.training) => self.dropout)
dropout on the input | dropout acts on the input of layer 0, too.
    if layer > 0: => if True:
dropout on the output | dropout acts after the last layer, too.
    - for layer in range(self.num_layers):
    -     if layer > 0:
    -         x = F.dropout(x, self.dropout, self.training)
    -     halves = []
    -     for d in range(self.D):
    -         k = self.D * layer + d
    -         half, h, c = self.run(x, f"_l{layer}" + d * "_reverse", h_0[k], c_0[k], d == 1)
    -         halves.append(half)
    -         hs.append(h)
    -         cs.append(c)
    -     x = torch.cat(halves, dim=-1)
    + for layer in range(self.num_layers):
    +     if layer > 0:
    +         x = F.dropout(x, self.dropout, self.training)
    +     halves = []
    +     for d in range(self.D):
    +         k = self.D * layer + d
    +         half, h, c = self.run(x, f"_l{layer}" + d * "_reverse", h_0[k], c_0[k], d == 1)
    +         halves.append(half)
    +         hs.append(h)
    +         cs.append(c)
    +     x = torch.cat(halves, dim=-1)
    + x = F.dropout(x, self.dropout, self.training)
§
one gradient cut | the numbers are right, the gradients are not: the state is detached between steps.
    - h = torch.sigmoid(o) * torch.tanh(c)
    + h = torch.sigmoid(o) * torch.tanh(c)
    + c = c.detach()
h cut | the numbers are right, the gradients are not: h is detached on its way to the next step.
    h @ weight_hh.T => h.detach() @ weight_hh.T
layers cut | the numbers are right, the gradients are not: what goes up to the next layer is detached.
    x = F.dropout(x, => x = F.dropout(x.detach(),
§ The loop
order i f o g | the gates are cut in another order than torch's.
    i, f, g, o = => i, f, o, g =
""")

STATES, GRADIENTS = ("h_n", "c_n"), ("dx", "dparameters")
FORWARD = ("output", *STATES)

MyLSTM = Check(
    name="MyLSTM",
    lesson=LESSON,
    section=CONTRACT,
    parts=(
        Part("output", "T B D*H"),
        Part("h_n", "L*D B H"),
        Part("c_n", "L*D B H"),
        Part("dx", "T B I", tolerance=1e-4),
        Part("dparameters", "all", tolerance=1e-4),
    ),
    criteria=(
        Criterion("one layer, no options", 1, FORWARD, (PLAIN,)),
        Criterion("hx", 1, FORWARD, (STATE,)),
        Criterion("batch_first", 1, FORWARD, (BATCH_FIRST,)),
        Criterion("without a batch", 1, FORWARD, (SINGLE,)),
        Criterion("layers", 1, FORWARD, (LAYERS,)),
        Criterion("directions", 1, FORWARD, (TWO_WAYS,)),
        Criterion("bias=False", 1, FORWARD, (NO_BIAS,)),
        Criterion("dropout in training alone", 1, FORWARD, (DROPS,)),
        Criterion("all of it together, gradients too", 2),
    ),
    truth=nn.LSTM,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "input_size": 1,
            "hidden_size": 1,
            "options": {"batch_first": True},
            "parameters": {
                "weight_ih_l0": torch.tensor([[1.0], [0.0], [1.0], [0.0]]),
                "weight_hh_l0": torch.zeros(4, 1),
                "bias_ih_l0": torch.zeros(4),
                "bias_hh_l0": torch.zeros(4),
            },
            "train": False,
            "x": torch.tensor([[[2.0], [1.0], [0.0]]]),
            "hx": None,
        },
        {"T": 3, "B": 1, "I": 1, "H": 1},
    ),
    use=load_call_and_differentiate,
    agree="torch.nn.LSTM",
)

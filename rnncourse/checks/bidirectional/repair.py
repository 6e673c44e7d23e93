"""Task 6, BiLSTM: a published class, repaired fault by fault until it equals torch.nn.LSTM."""

import torch
import torch.nn.functional as F
from torch import nn

from rnncourse.checks.bidirectional import given
from rnncourse.checks.bidirectional.lesson import (
    AXES,
    DROPOUT,
    FLIPPED,
    LAYERS,
    LESSON,
    NO_BIASES,
    REPAIRED,
    START,
    STATES,
)
from rnncourse.checks.bidirectional.using import halves, load_set_and_call
from rnncourse.checks.framework.cases import NO_BIAS, STATE, Case, Trait, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part

PLAIN = Trait("there is one layer and no option but batch_first", "what several layers and the options need")
DEEP = Trait("there are several layers", "what goes from one layer to the next")
DROPS = Trait("there is dropout", "when dropout acts, and where")


class _Torch(nn.LSTM):
    """The oracle: torch's own."""

    def __init__(self, input_size, hidden_size, **options):
        super().__init__(input_size, hidden_size, bidirectional=True, **options)


class _BiLSTM(nn.Module):
    """The published class repaired, from which the mistakes are made."""

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
        self.register_parameter(name, nn.Parameter(torch.zeros(shape)))

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


def _cases(seed):
    numbers = random_numbers(seed, 0.8, torch.float32)

    def case(T, B, I, H, L, *traits, state=False, train=False, **options):
        options = {"num_layers": L, **options}
        sizes = {"input_size": I, "hidden_size": H}
        parameters = random_module("LSTM", numbers, **sizes, **options, bidirectional=True).parameters
        x = numbers(B, T, I) if options.get("batch_first") else numbers(T, B, I)
        hx = (numbers(2 * L, B, H), numbers(2 * L, B, H)) if state else None
        arguments = sizes | {"options": options, "parameters": parameters, "train": train, "x": x, "hx": hx}
        return Case(arguments, {"T": T, "B": B, "I": I, "H": H, "L": L}, frozenset(traits))

    # The first cases tell most mistakes apart. All or nothing is dropped: no draw of a mask plays a part.
    return [
        case(2, 3, 5, 6, 2, state=True, batch_first=True, bias=False, dropout=1.0),
        case(2, 5, 3, 6, 2, STATE, state=True, batch_first=True),
        case(3, 4, 6, 5, 2, DROPS, dropout=1.0, train=True),
        case(2, 4, 5, 6, 2, DROPS, dropout=1.0),
        case(4, 2, 3, 5, 1, NO_BIAS, bias=False),
        case(2, 4, 5, 6, 3, DEEP, batch_first=True),
        case(3, 5, 2, 4, 1, STATE, state=True),
        case(5, 3, 4, 2, 1, PLAIN),
        case(4, 5, 3, 2, 1, PLAIN, batch_first=True),
    ]


# The seven faults in the lesson's order: name, section, hint, and what brings it about.
FAULTS = (
    (
        "axes",
        AXES,
        "time and batch are exchanged: the loop runs over the batch.",
        """if self.batch_first: => if not self.batch_first:
    if self.batch_first else x => if not self.batch_first else x""",
    ),
    (
        "flip",
        FLIPPED,
        "the backward half stands in the order in which it was made, not in the order of the input.",
        "backward.flip(0) => backward",
    ),
    (
        "layers",
        LAYERS,
        "the weights of nn.LSTM do not fit a second layer: there each direction reads its own outputs only.",
        "width = 2 * hidden_size if => width = hidden_size if",
    ),
    (
        "states",
        STATES,
        "h_n and c_n are those of one direction of one layer, without an axis for the others.",
        "(h_n, c_n) => tuple(ahead)",
    ),
    ("start", START, "the states that are given have no part in it.", "else hx => else (zeros, zeros)"),
    ("bias", NO_BIASES, "with bias=False there are biases all the same.", "if bias: => if True:"),
    ("eval", DROPOUT, "dropout acts in eval, too.", "self.dropout, self.training) => self.dropout)"),
)

wrong = Mistakes(REPAIRED, _BiLSTM)
wrong(
    "as given",
    "it gives what the class as given gives: no repair shows yet.",
    look="The lesson begins with the axes, since all else stands on them.",
)(given.BiLSTM)
for at, (name, section, hint, edits) in enumerate(FAULTS):
    wrong.edits(f"""
§ {section}
{name} | {hint}
    {edits}
""")
    if 0 < at < len(FAULTS) - 1:  # this one and all after it are left
        left = "\n    ".join(fault[-1] for fault in FAULTS[at:])
        wrong.edits(f"""
§ {section}
{name}, and more | {hint} And it is not the last fault.
    {left}
""")
wrong.edits("""
§ The axes
batch_first ignored | batch_first makes no difference.
    if self.batch_first: => if False:
    if self.batch_first else x => if False else x
output not turned back | with batch_first, output is time-first: it is not turned back.
    if self.batch_first else x => if False else x
§ All states come out
states batch first | with batch_first, h_n and c_n come batch-first. States keep the batch second.
    (h_n, c_n) => tuple(s.transpose(0, 1) if self.batch_first else s for s in (h_n, c_n))
§ Two passes, lined up in time
never flipped | both directions run from the first step to the last.
    x.flip(0) => x
    backward.flip(0) => backward
flipped along the batch | the batch is flipped, not the time.
    x.flip(0) => x.flip(1)
    backward.flip(0) => backward.flip(1)
halves exchanged | the backward half stands first in output.
    [forward, backward.flip(0)] => [backward.flip(0), forward]
§ The states interleave
all forward first | the rows of h_n and c_n are in another order: all forward ones come first.
    zip(*states, strict=True) => zip(*states[0::2], *states[1::2], strict=True)
§ All states come out
last layer's states only | h_n and c_n have the two rows of the last layer only.
    zip(*states, strict=True) => zip(*states[-2:], strict=True)
h for c | c_n is h_n once more.
    (h_n, c_n) => (h_n, h_n)
§ A state goes in
hx all forward first | the rows of hx are read in another order: all forward ones first.
    h_0[k], c_0[k] => h_0[layer], c_0[layer]
    h_0[k + 1], c_0[k + 1] => h_0[layer + self.num_layers], c_0[layer + self.num_layers]
§ The states interleave
all forward first, hx too | the rows of h_n, c_n and hx are in another order: all forward ones come first.
    zip(*states, strict=True) => zip(*states[0::2], *states[1::2], strict=True)
    h_0[k], c_0[k] => h_0[layer], c_0[layer]
    h_0[k + 1], c_0[k + 1] => h_0[layer + self.num_layers], c_0[layer + self.num_layers]
§ A state goes in
hx for forward only | the backward direction starts from zeros, though a state is given.
    h_0[k + 1], c_0[k + 1] => zeros[0], zeros[0]
hx of the first layer for all | every layer starts from the states of layer 0.
    k = 2 * layer => k = 0
§ No dropout in eval
no dropout at all | dropout acts nowhere, in training neither.
    self.dropout, self.training) => 0.0)
dropout on the input | dropout acts on the input of layer 0, too.
    if layer > 0: => if True:
dropout on the output | dropout acts after the last layer, too.
    - if layer > 0:
    + if False:
    - states += [ahead, back]
    + states += [ahead, back]
    + x = F.dropout(x, self.dropout, self.training)
""")

OUTPUT = "forward half", "backward half"

BiLSTM = Check(
    name="BiLSTM",
    lesson=LESSON,
    section=REPAIRED,
    parts=(
        Part("forward half", "T B H"),
        Part("backward half", "T B H"),
        Part("h_n", "L*D B H"),
        Part("c_n", "L*D B H"),
    ),
    criteria=(
        Criterion("the axes", 1, ("forward half",), (PLAIN,)),
        Criterion("the backward half in order", 1, ("backward half",), (PLAIN,)),
        Criterion("both halves go up", 1, OUTPUT, (DEEP,)),
        Criterion("all states", 1, ("h_n", "c_n"), (DEEP,)),
        Criterion("hx", 1, OUTPUT, (STATE,)),
        Criterion("bias=False", 1, OUTPUT, (NO_BIAS,)),
        Criterion("dropout in training alone", 1, OUTPUT, (DROPS,)),
        Criterion("all of it together", 2),
    ),
    truth=_Torch,
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
                "weight_ih_l0_reverse": torch.tensor([[1.0], [0.0], [-1.0], [0.0]]),
                "weight_hh_l0_reverse": torch.zeros(4, 1),
                "bias_ih_l0_reverse": torch.zeros(4),
                "bias_hh_l0_reverse": torch.zeros(4),
            },
            "train": False,
            "x": torch.tensor([[[2.0], [1.0], [0.0]]]),
            "hx": None,
        },
        {"T": 3, "B": 1, "I": 1, "H": 1, "L": 1},
    ),
    use=load_set_and_call,
    derive=halves,
    agree="torch.nn.LSTM",
)

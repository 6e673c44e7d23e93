"""The checks of exercise set 15: shapes, counts and rows, two biases, initial weights, a different order."""

import math
import re
from dataclasses import replace

import torch
from torch import nn

from rnncourse.checks.framework.authoring import (
    RECURRENT,
    Case,
    ExerciseSet,
    Mistakes,
    TorchModule,
    Trait,
    cases,
    random_module,
    random_numbers,
)
from rnncourse.checks.uses.parameters_and_init import changed_module, parameters_after

CHECKS = ExerciseSet("15", "Parameters and initialisation")

# A layer or a cell, once built, would give the answers: making one is forbidden, not only running it.
LAYERS = RECURRENT | {
    f"torch.nn.{name}.__init__"
    for name in ("RNN", "LSTM", "GRU", "RNNBase", "RNNCell", "LSTMCell", "GRUCell", "RNNCellBase")
}

PARAMETERS = "weight_ih", "weight_hh", "bias_ih", "bias_hh"


def one_unit(*columns, trains=False):
    """Return an LSTM for the examples, of one unit that reads one number, with a number for each gate."""
    weight_ih, weight_hh, bias_ih, bias_hh = map(torch.tensor, columns)
    values = weight_ih[:, None], weight_hh[:, None], bias_ih, bias_hh
    parameters = {f"{name}_l0": value for name, value in zip(PARAMETERS, values, strict=True)}
    return TorchModule("LSTM", {"input_size": 1, "hidden_size": 1}, parameters, trains)


# ---- Task 1, layout: the shapes of one LSTM with every option, predicted.
# nn.LSTM(10, 7, num_layers=3, bidirectional=True, proj_size=3) on x of shape (T=5, B=4, I=10)
right = {
    "weight_ih_l2_reverse": (28, 6),
    "weight_hh_l2": (28, 3),
    "weight_hr_l0": (3, 7),
    "parameters": 30,
    "forget_from": 7,
    "forget_to": 14,
    "h_n": (6, 4, 3),
    "c_n": (6, 4, 7),
}

wrong = Mistakes("Every parameter by name", right).edits("""
weight_ih reads x | Layer 2 does not read x. What is below it? | weight_ih_l2_reverse => (28, 10)
weight_ih reads x twice | Layer 2 does not read x. What is below it? | weight_ih_l2_reverse => (28, 20)
weight_ih reads one direction | That is one direction of the layer below; it has two.
    weight_ih_l2_reverse => (28, 3)
weight_ih reads without projection | Two directions, but 7 numbers of each: how wide is h here? § A narrower h
    weight_ih_l2_reverse => (28, 14)
weight_ih transposed | A weight has a row for each number that it computes: yours is transposed.
    weight_ih_l2_reverse => (6, 28)
weight_ih, rows of h | Gates are as wide as the memory, not as h: count the rows again. § A narrower h
    weight_ih_l2_reverse => (12, 6)
weight_hh without projection | weight_hh reads h. How wide is h here? § A narrower h
    weight_hh_l2 => (28, 7)
weight_hh reads both | In time a cell reads its own h, not the other direction's. | weight_hh_l2 => (28, 6)
weight_hh reads both, without projection | In time a cell reads its own h. And how wide is h here?
    weight_hh_l2 => (28, 14) § A narrower h
weight_hh as weight_ih_l0 | In layer 2, and in time, nothing is 10 wide. | weight_hh_l2 => (28, 10)
weight_hh, rows of h | Gates are as wide as the memory, not as h: count the rows again. § A narrower h
    weight_hh_l2 => (12, 3)
weight_hr transposed | It computes 3 numbers from 7; the rows are the output. § A narrower h
    weight_hr_l0 => (7, 3)
weight_hr of four gates | The projection is applied to one vector, after the gates. § A narrower h
    weight_hr_l0 => (3, 28)
weight_hr for both directions | Each direction has a projection of its own. § A narrower h
    weight_hr_l0 => (6, 7)
a kind left out | One kind is missing in each cell. Which kind does a cell with a projection have?
    § A narrower h
    parameters => 24
one direction's parameters | That is one direction's. How many cells are there? | parameters => 15
one layer's parameters | That is one layer's. How many cells are there? | parameters => 10
numbers, not tensors | That is how many numbers they hold. Count the tensors. | parameters => 2198
the first slice | That is the first block of rows. Which gate is first in torch? § A gate's rows
    forget_from => 0
    forget_to => 7
the third slice | That is the third block, the candidate's. § A gate's rows
    forget_from => 14
    forget_to => 21
last row counted | `forget_to` is where the slice ends, as in Python: that row is not part of it.
    § A gate's rows
    forget_to => 13
slices of h's width | A gate has a row for each unit of the memory, also with a projection. § A gate's rows
    forget_from => 3
    forget_to => 6
h not projected | That is as wide as c. What does proj_size make narrower? § A narrower h | h_n => (6, 4, 7)
c projected | proj_size makes h narrower. Does it touch c? § A narrower h | c_n => (6, 4, 3)
rows without directions | A state has a row for each layer and each direction. § A narrower h
    h_n => (3, 4, 3)
    c_n => (3, 4, 7)
directions side by side | In a state the directions have rows of their own. § A narrower h
    h_n => (3, 4, 6)
    c_n => (3, 4, 14)
states with the batch in front | In a state the rows of cells come first, and then the batch.
    h_n => (4, 6, 3)
    c_n => (4, 6, 7)
states with T | That axis is time; a state belongs to one moment, for each of 4 sequences. § A narrower h
    h_n => (6, 5, 3)
    c_n => (6, 5, 7)
""")

layout = CHECKS.predicted(
    "layout",
    wrong,
    points="""
        the weights 1 = weight_ih_l2_reverse, weight_hh_l2, weight_hr_l0
        their number and the rows 1 = parameters, forget_from, forget_to
        the states 1 = h_n, c_n
    """,
    forbid=LAYERS,
)


# ---- Task 2, count_parameters: all of them, by formula, with any options.
PLAIN = Trait("there is no projection", "what you do where proj_size is 0")
PROJECTED = Trait("there is a projection", "what you do where there is a projection")


def _count_parameters(mode, input_size, hidden_size, num_layers, bidirectional, bias, proj_size):
    I, H, L, D = input_size, hidden_size, num_layers, 2 if bidirectional else 1
    rows, wide, biases = {"RNN": 1, "GRU": 3, "LSTM": 4}[mode] * H, proj_size or H, 2 if bias else 0
    projection = proj_size * H
    first = rows * (I + wide + biases) + projection
    upper = rows * (D * wide + wide + biases) + projection
    return D * (first + (L - 1) * upper)


def _case(mode, I, H, L, both, bias=True, P=0):
    options = {"num_layers": L, "bidirectional": both, "bias": bias, "proj_size": P}
    arguments = {"mode": mode, "input_size": I, "hidden_size": H} | options
    return Case(arguments, {"I": I, "H": H, "L": L}, frozenset({PROJECTED if P else PLAIN}))


def _count_parameters_cases(seed):
    random = torch.Generator().manual_seed(seed)

    def between(low, high):
        return int(torch.randint(low, high, (), generator=random))

    def case(mode, L, both, bias=True, projected=False):
        H = between(9, 19)
        return _case(mode, between(20, 40), H, L, both, bias, between(5, H - 1) if projected else 0)

    plain = [case("LSTM", 3, False), case("LSTM", 2, True), case("GRU", 4, True)]
    plain += [case("RNN", 5, False, bias=False), case("LSTM", 1, True)]
    return [*plain, case("LSTM", 3, True, projected=True), case("LSTM", 4, False, bias=False, projected=True)]


# Each is used as it is here, and again as it looks in an answer without the projection.
COUNTS = """
one bias | you count one bias vector for each cell. torch has two. | 2 if bias => 1 if bias
biases always | bias=False has no effect on your count. | 2 if bias else 0 => 2
biases never | you do not count the biases. | 2 if bias else 0 => 0
all read x | each layer's count contains I. What does layer 1 read? | (D * wide + => (I +
upper layers read one direction | with two directions you count the upper layers' weight_ih too narrow: a
    layer reads both.
    (D * wide + => (wide +
weight_hh reads both | you count weight_hh too wide with two directions: in time a cell reads its own h.
    I + wide + => I + D * wide +
    D * wide + wide => D * wide + D * wide
one direction counted | you count only one of two directions. | D * (first + => (first +
directions not at all | you count as if there were one direction. | 2 if bidirectional else 1 => 1
one layer | you count only one layer. | (first + (L - 1) * upper) => first
one layer too many | you count one of the upper layers one time too many. | (L - 1) => L
four gates always | you always count four blocks. How many does a GRU have, and an RNN?
    "RNN": 1, "GRU": 3 => "RNN": 4, "GRU": 4
the textbook's LSTM | 4H(I + H + 1) for each layer is a textbook LSTM. torch has two biases, layers that
    read h, two directions, and other modes than the LSTM.
    2 if bidirectional else 1 => 1
    "RNN": 1, "GRU": 3 => "RNN": 4, "GRU": 4
    2 if bias else 0 => 1
    (D * wide + => (I +
"""

wrong = Mistakes("Count them", _count_parameters)
for mistake in re.split(r"\n(?! )", COUNTS.strip()):
    name, _, rest = mistake.partition(" | ")
    wrong.edits(mistake)
    wrong.edits(f"""{name}; no projection | {rest}
    In addition, you do not use proj_size.
    proj_size or H => H
    projection = proj_size * H => projection = 0""")

wrong.edits("""
two gates in a GRU | you count a GRU with two blocks, but n needs rows, too. | "GRU": 3 => "GRU": 2
two biases of one gate | you count the biases for only one gate.
    (I + wide + biases) => (I + wide) + biases * H
    (D * wide + wide + biases) => (D * wide + wide) + biases * H
no proj_size | you do not use proj_size in your count. § A narrower h
    proj_size or H => H
    projection = proj_size * H => projection = 0
weight_hr without a projection | you count weight_hr even where there is no projection. § A narrower h
    projection = proj_size * H => projection = wide * H
weight_hr left out | you do not count weight_hr. § A narrower h | projection = proj_size * H => projection = 0
weight_hr added, nothing narrower | you count weight_hr, but what reads h is counted as wide as without it.
    proj_size or H => H § A narrower h
one weight_hr | you count weight_hr only once. Which cells have one? § A narrower h
    projection = proj_size * H => projection = 0
    D * (first + (L - 1) * upper) => D * (first + (L - 1) * upper) + proj_size * H
rows of the projection | with a projection you count too few rows: gates are as wide as the memory.
    "LSTM": 4}[mode] * H, => "LSTM": 4}[mode] * (proj_size or H), § A narrower h
upper layers not narrower | with a projection you count the upper layers too wide: what do they read?
    (D * wide + => (D * H + § A narrower h
weight_hh not narrower | with a projection you count weight_hh too wide: what does it read? § A narrower h
    (I + wide + => (I + H +
    D * wide + wide => D * wide + H
""")

count_parameters = CHECKS.task(
    "count_parameters",
    wrong,
    returns="count whole",
    points="without a projection 2 where there is no projection; with one 1 where there is a projection",
    cases=_count_parameters_cases,
    example=_case("LSTM", 10, 20, 2, True).arguments,
    forbid=LAYERS,
    agree="torch's own",
)


# ---- Task 3, gate_rows: the name of a parameter, and one gate's rows in it.
LSTM_ROWS = Trait("the module is an LSTM", "what you do with an LSTM")
GRU_ROWS = Trait("the module is a GRU", "how many blocks a GRU has, and in which order")


def _gate_rows(module, kind, gate, layer, reverse):
    order = "ifgo" if type(module).__name__ == "LSTM" else "rzn"
    name = f"{kind}_l{layer}" + ("_reverse" if reverse else "")
    parameter, H = getattr(module, name), module.hidden_size
    k = order.index(gate)
    start, end = k * H, (k + 1) * H
    return parameter[start:end]


def _gate_rows_cases(seed):
    numbers = random_numbers(seed, 0.7, torch.float32)

    def case(of, kind, gate, layer, reverse, L, I, H, **more):
        options = {"input_size": I, "hidden_size": H, "num_layers": L, "bidirectional": True}
        module = random_module(of, numbers, **options, **more)
        arguments = {"module": module, "kind": kind, "gate": gate, "layer": layer, "reverse": reverse}
        sizes = {"layer": layer, "L": L, "I": I, "H": H}
        return Case(arguments, sizes, frozenset({LSTM_ROWS if of == "LSTM" else GRU_ROWS}))

    return [
        case("LSTM", "weight_ih", "f", 0, False, 2, 5, 4),
        case("LSTM", "weight_hh", "g", 1, True, 2, 5, 6),
        case("LSTM", "bias_hh", "o", 1, False, 3, 4, 5),
        case("LSTM", "weight_hh", "f", 1, False, 2, 3, 8, proj_size=4),
        case("GRU", "weight_ih", "z", 1, False, 2, 3, 4),
        case("GRU", "weight_hh", "n", 0, True, 1, 2, 8),
        case("GRU", "bias_ih", "r", 1, True, 3, 2, 4),
    ]


wrong = Mistakes("A gate's rows", _gate_rows).edits("""
i, f, o, g | g and o are exchanged: cs231n has i, f, o, g. And torch? § Weights from elsewhere
    "ifgo" => "ifog"
ONNX's order | you take an LSTM's blocks in ONNX's order, i, o, f, c. § Weights from elsewhere
    "ifgo" => "iofg"
f first | the input and the forget gate are exchanged in an LSTM. | "ifgo" => "figo"
z first | r and z are exchanged in a GRU. | "rzn" => "zrn"
reverse left out | you return the forward direction's rows, whichever is requested. § Every parameter by name
    "_reverse" if reverse else "" => ""
reverse inverted | forward and backward are exchanged. § Every parameter by name
    if reverse => if not reverse
always layer 0 | you return layer 0's rows, whichever is requested. § Every parameter by name
    _l{layer} => _l0
the last layer | you return the last layer's rows, whichever is requested. § Every parameter by name
    _l{layer} => _l{module.num_layers - 1}
every fourth row | you take every fourth (third) row, but each gate is one block of rows.
    start:end => k :: len(order)
a row | you return one row, but a gate has one for each unit. | start:end => k
one row, as a block | you return one row, but a gate has one for each unit. | start:end => k : k + 1
as four blocks always | you cut a GRU's parameters into four blocks; how many does it have?
    parameter[start:end] => parameter.tensor_split(4)[k]
from the end | you count the blocks from the end.
    parameter[start:end] => parameter.chunk(len(order))[-1 - k]
one too far | you return the block after the requested one.
    parameter[start:end] => parameter.chunk(len(order))[(k + 1) % len(order)]
counted from 1 | you return the block after the requested one, and nothing for the last gate.
    start:end => start + H : end + H
last row left out | the block's last row is missing: in Python a slice ends before its second number.
    start:end => start : end - 1
all to the end | you return all rows from the gate's first row on; where does the block end?
    start:end => start:
transposed | the rows are right, but transposed. | parameter[start:end] => parameter[start:end].T
blocks of h's width | with proj_size the block is too small: a gate has a row for each unit of the memory.
    module.hidden_size => getattr(module, 'proj_size', 0) or module.hidden_size § A narrower h
weight_ih for weight_hh | you return weight_ih's rows where weight_hh is requested. § Every parameter by name
    {kind}_l => {kind.replace('weight_hh', 'weight_ih')}_l
bias_ih for bias_hh | you return bias_ih's rows where bias_hh is requested. § Every parameter by name
    {kind}_l => {kind.replace('bias_hh', 'bias_ih')}_l
the whole parameter | you return the whole parameter, with all its gates. | parameter[start:end] => parameter
cells of all_weights miscounted | you return a different cell's rows: all_weights holds a cell for each
    direction of each layer.
    getattr(module, name) => module.all_weights[layer + reverse][PARAMETERS.index(kind)]
""")

gate_rows = CHECKS.task(
    "gate_rows",
    wrong,
    returns="rows (H columns)",
    points="of an LSTM 2 where the module is an LSTM; of a GRU 1 where the module is a GRU",
    cases=_gate_rows_cases,
    example={
        "module": one_unit([1.0, 2, 3, 4], [10.0, 20, 30, 40], [0.1, 0.2, 0.3, 0.4], [0.0, 0, 0, 0]),
        "kind": "weight_hh",
        "gate": "f",
        "layer": 0,
        "reverse": False,
    },
    agree="the layer's own weights",
)


# ---- Task 4, set_forget_bias: in place, in every layer and direction, the sum of both biases.
BIASES = Trait("there are biases", "what you do with a module that has biases")
NO_BIASES = Trait("there are no biases", "what you do where bias=False")


def _set_forget_bias(lstm, value):
    if not lstm.bias:
        raise ValueError("there is no forget bias to set: bias=False")
    H = lstm.hidden_size
    with torch.no_grad():
        for name, parameter in lstm.named_parameters():
            if name.startswith("bias"):
                share = value if name.startswith("bias_ih") else 0.0
                parameter[H : 2 * H] = share


@cases(
    0.6,
    "I3 H4 L1 value=1.0; I4 H3 L2 value=1.5; I3 H4 L2 value=3.0 bidirectional",
    "I3 H5 L2 value=0.5 bidirectional proj_size=2; I4 H5 L2 value=1.0 bias=False",
    dtype=torch.float32,
)
def _set_forget_bias_cases(numbers, I, H, L, value, **options):
    lstm = random_module("LSTM", numbers, input_size=I, hidden_size=H, num_layers=L, **options)
    arguments = {"lstm": replace(lstm, trains=True), "value": value}
    return arguments, BIASES if options.get("bias", True) else NO_BIASES


def _derive_set_forget_bias(returned, arguments):
    """Return the sums of the forget slices, a row for each cell, and all other numbers end to end."""
    lstm = arguments["lstm"]
    after, H = parameters_after(returned, lstm), lstm.options["hidden_size"]
    names = [name for name in after if name.startswith("bias_ih")]
    sums = [(after[name] + after[name.replace("_ih", "_hh")])[H : 2 * H] for name in names]
    others = [
        torch.cat([value[:H], value[2 * H :]]) if name.startswith("bias") else value.flatten()
        for name, value in after.items()
    ]
    return {
        "forget_bias": torch.stack(sums) if sums else torch.zeros(0, H),
        "others": torch.cat(others),
        "refused": returned["refused"],
    }


wrong = Mistakes("The forget bias", _set_forget_bias).edits("""
set in both | the forget bias is twice the value: you set both biases, and they add up. | = share => = value
bias_hh left as it was | bias_ih has the value, but bias_hh still counts: their sum is what takes effect.
    "bias"): => "bias_ih"):
rows 0:H | you set the first slice: whose is it? § A gate's rows | [H : 2 * H] => [:H]
the third slice | you set the third slice, which is the candidate's. § A gate's rows
    [H : 2 * H] => [2 * H : 3 * H]
the last slice | you set the last slice, which is the output gate's. § A gate's rows
    [H : 2 * H] => [3 * H :]
every gate | you set all four gates. Set only the forget gate. § A gate's rows | [H : 2 * H] => [:]
layer 0 alone | you set layer 0, but not the other layers. § Every parameter by name
    "bias"): => "bias") and "_l0" in name:
forward alone | you set the forward direction, but not the backward one. § Every parameter by name
    "bias"): => "bias") and not name.endswith("reverse"):
weights, too | you also overwrite rows of the weights. § Every parameter by name
    if name.startswith("bias") => if True
added | you add the value to what was there. The sum should be the value itself. | = share => += share
always 1 | the forget bias is 1, whichever value is requested. | share = value => share = 1.0
half | the sum is half of the value: one bias has half of it, and the other has 0.
    share = value => share = value / 2
bias_hh emptied | you set all of bias_hh to 0: the other gates' biases are lost.
    parameter[H : 2 * H] => parameter[slice(H, 2 * H) if name.startswith('bias_ih') else slice(None)]
in a copy | the module is as it was: you changed a copy, or rebound a name. Write into the parameters.
    parameter[H : 2 * H] => parameter.clone()[H : 2 * H] § A gate's rows
silent without biases | with bias=False it returns as if the bias were set. Raise a ValueError.
    raise ValueError("there is no forget bias to set: bias=False") => return
""")

set_forget_bias = CHECKS.task(
    "set_forget_bias",
    wrong,
    returns="forget_bias (L*D H), others (N), refused flag",
    points="""
        the forget bias 2 = forget_bias
        nothing else changed 1
        bias=False 1 = refused where there are no biases
    """,
    cases=_set_forget_bias_cases,
    example={
        "lstm": one_unit(
            [0.1, 0.2, 0.3, 0.4],
            [0.5, 0.6, 0.7, 0.8],
            [0.01, 0.02, 0.03, 0.04],
            [0.05, 0.06, 0.07, 0.08],
            trains=True,
        ),
        "value": 1.0,
    },
    use=changed_module,
    forbid=frozenset({"rnncourse"}),
    derive=_derive_set_forget_bias,
    agree="what the task asks for",
)


# ---- Task 5, orthogonal_per_gate: in place, each gate's block of each weight_hh on its own.
LSTM_BLOCKS = Trait("the module is an LSTM", "how many blocks you cut")
GRU_BLOCKS = Trait("the module is a GRU", "how many blocks you cut")
KINDS = "weight_ih", "bias", "weight_hr"


def _orthogonal_per_gate(module):
    H = module.hidden_size
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if name.startswith("weight_hh"):
                for block in weight.split(H):
                    nn.init.orthogonal_(block)


@cases(
    0.4,
    "I3 H5 L1 of='LSTM'; I4 H6 L2 of='LSTM' bidirectional; I2 H7 L2 of='LSTM' proj_size=4",
    "I3 H6 L2 of='GRU' bidirectional",
    dtype=torch.float32,
)
def _orthogonal_per_gate_cases(numbers, I, H, L, of, **options):
    module = random_module(of, numbers, input_size=I, hidden_size=H, num_layers=L, **options)
    return {"module": replace(module, trains=True)}, LSTM_BLOCKS if of == "LSTM" else GRU_BLOCKS


def _derive_orthogonal_per_gate(returned, arguments):
    """Describe the blocks of each cell: many blocks are orthogonal, so they are not compared by number."""
    module = arguments["module"]
    after, H = parameters_after(returned, module), module.options["hidden_size"]
    stacks = [value for name, value in after.items() if name.startswith("weight_hh")]
    blocks = torch.stack(stacks).unflatten(1, (-1, H))  # (L*D, gates, H, P)
    grams = blocks.mT @ blocks
    orthogonal = (grams - torch.eye(grams.shape[-1])).abs().amax(dim=(1, 2, 3)) < 1e-4
    each = blocks.flatten(0, 1).flatten(1)  # a row for each block
    alike = torch.cdist(each, each).fill_diagonal_(1.0).amin(dim=1) < 1e-3
    equal = {name: torch.equal(after[name], value) for name, value in module.parameters.items()}
    kept = [all(equal[name] for name in equal if name.startswith(kind)) for kind in KINDS]
    return {
        "blocks": torch.stack([grams.diagonal(dim1=2, dim2=3).mean(dim=(1, 2)), orthogonal.float()], dim=1),
        "different": ~alike.unflatten(0, (len(stacks), -1)).any(dim=1),
        "others_kept": torch.tensor(kept),
    }


wrong = Mistakes("Gate by gate", _orthogonal_per_gate).edits("""
the whole stack | the columns of the whole stack are orthonormal, but no gate's block is orthogonal: each one
    halves what passes through it (in an LSTM).
    weight.split(H) => [weight]
the first gate | the first gate's block is orthogonal, but the others are as they were.
    weight.split(H) => [weight[:H]]
all but the last gate | the last gate's block is as it was. | weight.split(H) => weight.split(H)[:-1]
layer 0 alone | layer 0's blocks are orthogonal, but those above are as they were. § Every parameter by name
    "weight_hh" => "weight_hh_l0"
forward alone | the backward direction's blocks are as they were. § Every parameter by name
    "weight_hh") => "weight_hh") and not name.endswith("reverse")
weight_ih, too | you also change weight_ih. Change only weight_hh. | "weight_hh" => ("weight_hh", "weight_ih")
weight_ih instead | you change weight_ih. Which weight multiplies h from step to step?
    "weight_hh" => "weight_ih"
all weights | you change all weights, even the projection. Change only weight_hh. | "weight_hh" => "weight"
one block for all gates | each block is orthogonal, but they are all the same: every gate starts with the same
    weights.
    nn.init.orthogonal_(block) => block.copy_(nn.init.orthogonal_(weight[:H]))
with a gain | the blocks are orthogonal up to a factor of 5/3, the gain for tanh.
    (block) => (block, gain=5 / 3)
in a copy | the module is as it was: you changed a copy. Write into the parameters.
    (block) => (block.clone())
biases emptied | you also set the biases to 0. Change only weight_hh.
    H = => [bias.data.zero_() for name, bias in module.named_parameters() if "bias" in name]; H =
""")

orthogonal_per_gate = CHECKS.task(
    "orthogonal_per_gate",
    wrong,
    returns="blocks (L*D 2) to 0.0001, different (L*D) bool, others_kept (kind) bool",
    points="""
        the blocks of an LSTM 1 = blocks where the module is an LSTM
        the blocks of a GRU 1 = blocks where the module is a GRU
        each drawn separately, and nothing else changed 1
    """,
    cases=_orthogonal_per_gate_cases,
    use=changed_module,
    forbid=frozenset({"rnncourse"}),
    derive=_derive_orthogonal_per_gate,
    agree="what the task asks for",
)


# ---- Task 6, bias_numbers: how two biases change a step, and what a forget bias is worth, on paper.
# b_ih = 0.3, b_hh = -0.1, the gradient of their sum is 0.4.
SUM, GRADIENT = 0.3 - 0.1, 0.4

right = {
    "sgd": SUM - 0.1 * 2 * GRADIENT,  # lr 0.1
    "sgd_folded": SUM - 0.1 * GRADIENT,
    "sgd_decay": SUM - 0.1 * (2 * GRADIENT + 0.2 * SUM),  # weight decay 0.2
    "adam": SUM - 2 * 0.01,  # lr 0.01, the first step
    "gradient_b_hn": 0.25 * GRADIENT,  # r = 0.25, the gradient of b_in is 0.4
    "f": 1 / (1 + math.exp(-2.0)),  # both slices 1
    "half_life": math.log(0.5) / math.log(0.9),  # f = 0.9
    "chrono": math.log(20 - 1),  # a memory of 20 steps
}

wrong = Mistakes("Two biases", right).edits("""
the sum moves once | Your sum makes one step. How many biases each make one? | sgd => 0.16
the sum goes up | A step of SGD goes against the gradient.
    sgd => 0.28
    sgd_folded => 0.24
one bias alone | This is bias_ih after the step. Give the sum of both. | sgd => 0.26
the step, not the sum | This is how far the sum moves. Give the sum after the step.
    sgd => -0.08
    sgd_folded => -0.04
the gradient shared out | This is half of a step. Does the chain rule divide a gradient among the terms of a
    sum?
    sgd_folded => 0.18
folded moves twice | Now only one bias learns, so there is one step. | sgd_folded => 0.12
folded starts from bias_ih | The folded bias starts from the sum of both. | sgd_folded => 0.26
decay left out | Weight decay is not used. | sgd_decay => 0.12
decay twice | You doubled the decay, too: each bias decays by its own size, and what do the sizes add up to?
    sgd_decay => 0.112
decay, gradient once | With decay, too, both biases make their step. | sgd_decay => 0.156
decay the other way | Weight decay makes a number smaller in size, not larger. | sgd_decay => 0.124
decay without the learning rate | The decay is multiplied by the learning rate, just like the gradient.
    sgd_decay => 0.08
Adam once | Adam moves each parameter by about its learning rate. How many parameters are there?
    adam => 0.19
Adam as SGD | That is SGD's step. What does Adam divide the gradient by, at the first step? | adam => 0.192
Adam, one as SGD | That is one step of SGD. What does Adam divide the gradient by? | adam => 0.196
b_hn as b_in | In n the two are not terms of the same sum: where is b_hn? § Where they can't be folded
    gradient_b_hn => 0.4
divided by r | It is multiplied by r in the forward pass. And in the backward pass?
    § Where they can't be folded
    gradient_b_hn => 1.6
1 - r | That is 1 - r of it. What is b_hn multiplied by? § Where they can't be folded | gradient_b_hn => 0.3
r alone | That is r. The gradient of b_in is a factor as well. § Where they can't be folded
    gradient_b_hn => 0.25
one slice | That is σ(1). Both slices are 1, and they are added. § The forget bias | f => 0.7310585786
the sum itself | That is b_f. Give the gate. § The forget bias | f => 2.0
tanh for σ | That is tanh. A gate is a sigmoid. § The forget bias | f => 0.9640275801
σ reversed | That is 1 - f: what is forgotten. § The forget bias | f => 0.119202922
1/(1-f) | After that many steps about 1/e is left. The task asks for one half. § The forget bias
    half_life => 10.0
half lost in equal parts | Each step takes a tenth of what is left, not of the initial value.
    half_life => 5.0 § The forget bias
the logarithms divided the other way | The quotient is upside down: ln f is the divisor. § The forget bias
    half_life => 0.1520030934
a negative time | The sign: both logarithms are negative. § The forget bias | half_life => -6.578813479
rounded | Close, but rounded: give three decimals. § The forget bias
    half_life => 6.58
    chrono => 2.94
ln τ | Close, but σ(ln τ) is τ / (τ + 1). It should be f = 1 - 1/τ. § As long as the task needs
    chrono => 2.995732274
f itself | That is f. Give the bias that results in it. § As long as the task needs | chrono => 0.95
b_i | The sign: that is the input gate's bias. § As long as the task needs | chrono => -2.944438979
base 10 | That is the logarithm to base 10. § As long as the task needs | chrono => 1.278753601
base 2 | That is the logarithm to base 2. § As long as the task needs | chrono => 4.247927513
""")

bias_numbers = CHECKS.predicted(
    "bias_numbers",
    wrong,
    tolerance=1e-3,
    points="""
        SGD 1 = sgd, sgd_folded
        decay and Adam 1 = sgd_decay, adam
        the GRU's b_hn 1 = gradient_b_hn
        the forget gate 1 = f, half_life, chrono
    """,
)


# ---- Task 7, fold_biases: two biases into one, as far as possible.
ONE_SUM = Trait("it is an RNN or an LSTM", "what you do for an RNN and an LSTM")
TWO_SUMS = Trait("it is a GRU", "what the GRU's reset gate multiplies")


def _fold_biases(mode, bias_ih, bias_hh):
    rows = len(bias_ih)
    if mode == "GRU":
        rows = rows // 3 * 2  # all but n
    one, other = bias_ih.clone(), bias_hh.clone()
    one[:rows] += bias_hh[:rows]
    other[:rows] = 0
    return one, other


@cases(1.0, "G4 H3 mode='LSTM'; G1 H6 mode='RNN'; G3 H4 mode='GRU'; G4 H6 mode='LSTM'; G3 H8 mode='GRU'")
def _fold_biases_cases(numbers, G, H, mode):
    arguments = {"mode": mode, "bias_ih": numbers(G * H), "bias_hh": numbers(G * H)}
    return arguments, TWO_SUMS if mode == "GRU" else ONE_SUM


wrong = Mistakes("Two biases", _fold_biases).edits("""
all of a GRU folded | in a GRU you fold everything, even what the reset gate multiplies: then the GRU computes
    something else. § Where they can't be folded
    rows // 3 * 2 => rows
nothing of a GRU folded | you leave a GRU's biases as they are. Two of its three blocks are plain sums.
    rows // 3 * 2 => 0 § Where they can't be folded
one block of a GRU | in a GRU you fold one block, but two can be. § Where they can't be folded
    // 3 * 2 => // 3
an LSTM as a GRU | you never fold the last block, whichever the mode. In which mode is it multiplied by a
    gate?
    mode == "GRU" => mode != "RNN" § Where they can't be folded
n first | in a GRU you fold the wrong blocks: the order is r, z, n. § A gate's rows
    one[:rows] += bias_hh[:rows] => one[-rows:] += bias_hh[-rows:]
    other[:rows] = 0 => other[-rows:] = 0
bias_hh kept | bias_hh is still there, so the layer adds it a second time. | other[:rows] = 0 =>
bias_ih kept | bias_hh is set to 0, but was not added anywhere. | one[:rows] += bias_hh[:rows] =>
the mean | you take the mean. Two biases add up.
    one[:rows] += bias_hh[:rows] => one[:rows] = (bias_ih + bias_hh)[:rows] / 2
the difference | the sign is wrong: you subtract one bias from the other.
    one[:rows] += bias_hh[:rows] => one[:rows] -= bias_hh[:rows]
half in each | you split the sum, half in each. Put zeros in bias_hh.
    one[:rows] += bias_hh[:rows] => one[:rows] = (bias_ih + bias_hh)[:rows] / 2
    other[:rows] = 0 => other[:rows] = one[:rows]
all of bias_hh emptied | bias_hh is all zeros: in a GRU the part that can't be folded is lost.
    other[:rows] = 0 => other[:] = 0 § Where they can't be folded
n folded and kept | in a GRU you add n's b_hn to b_in and leave it in bias_hh as well: it counts twice.
    one[:rows] += bias_hh[:rows] => one += bias_hh § Where they can't be folded
folded the other way | the sum is in bias_hh, and the zeros are in bias_ih. It should be the other way round.
    one[:rows] += bias_hh[:rows] => one[:rows] = 0
    other[:rows] = 0 => other[:rows] += bias_ih[:rows]
exchanged | the two are exchanged: return bias_ih first. | return one, other => return other, one
""")

fold_biases = CHECKS.task(
    "fold_biases",
    wrong,
    returns="bias_ih (GH), bias_hh (GH)",
    points="RNN and LSTM 1 where it is an RNN or an LSTM; GRU 2 where it is a GRU",
    cases=_fold_biases_cases,
    example={"mode": "RNN", "bias_ih": torch.tensor([1.0, 2.0]), "bias_hh": torch.tensor([0.1, 0.2])},
)


# ---- Task 8, to_onnx: a layer's weights in another library's order, layout and bias.
ONE_WAY = Trait("there is one direction", "what you do with one direction")
TWO_WAYS = Trait("there are two directions", "what you do with the second direction")


def _to_onnx(lstm):
    def iofc(parameter):
        i, f, g, o = parameter.chunk(4)
        return torch.cat([i, o, f, g])

    W, R, B = [], [], []
    for way in ["", "_reverse"] if lstm.bidirectional else [""]:
        weight_ih, weight_hh, bias_ih, bias_hh = (getattr(lstm, f"{name}_l0{way}") for name in PARAMETERS)
        W.append(iofc(weight_ih))
        R.append(iofc(weight_hh))
        biases = [iofc(bias_ih), iofc(bias_hh)]
        B.append(torch.cat(biases))
    return torch.stack(W), torch.stack(R), torch.stack(B)


@cases(0.7, "D1 I5 H4; D2 I4 H3; D1 I2 H3; D2 I3 H5; D2 I3 H3", dtype=torch.float32)
def _to_onnx_cases(numbers, D, I, H):
    lstm = random_module("LSTM", numbers, input_size=I, hidden_size=H, bidirectional=D == 2)
    return {"lstm": lstm}, TWO_WAYS if D == 2 else ONE_WAY


wrong = Mistakes("Weights from elsewhere", _to_onnx).edits("""
order kept | the gates are in torch's order, i, f, g, o. ONNX has i, o, f, c. | [i, o, f, g] => [i, f, g, o]
the way from ONNX | you move the gates as if converting from ONNX to torch. That is not the same permutation
    as the other way.
    [i, o, f, g] => [i, g, o, f]
    look: Write the order that you have and the order that you want one below the other.
f and o exchanged | f and o have changed places, but g is where torch has it: compare both orders.
    [i, o, f, g] => [i, o, g, f]
cs231n's order | the gates are in the order i, f, o, g: that is cs231n's. | [i, o, f, g] => [i, f, o, g]
biases in torch's order | you reorder the weights, but not the biases.
    [iofc(bias_ih), iofc(bias_hh)] => [bias_ih, bias_hh]
eight blocks as four | you cut B into four blocks of 2H. It has eight: cut each bias separately.
    torch.cat(biases) => iofc(torch.cat([bias_ih, bias_hh]))
biases added | you add the biases. ONNX has both, end to end. | torch.cat(biases) => sum(biases)
the sum and zeros | B has the sum and then zeros: that gives the same results, but return both biases as they
    are.
    [iofc(bias_ih), iofc(bias_hh)] => [iofc(bias_ih + bias_hh), 0 * bias_hh]
biases exchanged | in B the state's bias comes first. The input's bias should come first.
    [iofc(bias_ih), iofc(bias_hh)] => [iofc(bias_hh), iofc(bias_ih)]
biases gate by gate | in B each gate has its two biases side by side. Put one whole bias first, then the
    other.
    torch.cat(biases) => torch.stack([bias.view(4, -1) for bias in biases], dim=1).flatten()
one bias twice | B holds bias_ih twice. | iofc(bias_hh) => iofc(bias_ih)
W and R exchanged | W and R are exchanged: W should read the input.
    return torch.stack(W), torch.stack(R) => return torch.stack(R), torch.stack(W)
transposed | the matrices are transposed. ONNX applies them as torch does.
    return torch.stack(W), torch.stack(R) => return torch.stack(W).mT, torch.stack(R).mT
backward first | the backward direction comes first. § Every parameter by name
    ["", "_reverse"] => ["_reverse", ""]
forward twice | both directions have the forward's weights. § Every parameter by name | l0{way} => l0
forward alone | only the forward direction is there. § Every parameter by name
    if lstm.bidirectional else [""] => [:1]
directions end to end | the directions lie end to end. They need an axis of their own, the first one.
    torch.stack(W), torch.stack(R), torch.stack(B) => torch.cat(W), torch.cat(R), torch.cat(B)
no axis for one direction | with one direction the first axis is missing: it has size 1 there.
    - return torch.stack(W), torch.stack(R), torch.stack(B)
    + return tuple(torch.stack(t) if len(t) > 1 else t[0] for t in (W, R, B))
biases on two axes | B has an axis for the two biases. Put them end to end, (D, 8H).
    torch.cat(biases) => torch.stack(biases)
""")

to_onnx = CHECKS.task(
    "to_onnx",
    wrong,
    returns="W (D gates*H I), R (D gates*H H), B (D 8H)",
    points="W 1; R 1; B 2",
    cases=_to_onnx_cases,
    example={
        "lstm": one_unit([1.0, 2, 3, 4], [10.0, 20, 30, 40], [0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8])
    },
    forbid=frozenset({"rnncourse"}),
    agree="ONNX's order and layout",
)

"""Task 3, gate_rows: the name of a parameter, and one gate's rows in it."""

import torch

from rnncourse.checks.framework.cases import Case, TorchModule, Trait, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.parameters_and_init.lesson import LESSON, ROWS

IS_LSTM = Trait("the module is an LSTM", "what you do with an LSTM")
IS_GRU = Trait("the module is a GRU", "how many blocks a GRU has, and in which order")


def _truth(module, kind, gate, layer, reverse):
    order = "ifgo" if type(module).__name__ == "LSTM" else "rzn"
    parameter = getattr(module, f"{kind}_l{layer}" + ("_reverse" if reverse else ""))
    k, H = order.index(gate), module.hidden_size
    return parameter[k * H : (k + 1) * H]


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.7, torch.float32)

    def case(
        of: str, kind: str, gate: str, layer: int, reverse: bool, L: int, I: int, H: int, **more
    ) -> Case:
        module = random_module(
            of, numbers, input_size=I, hidden_size=H, num_layers=L, bidirectional=True, **more
        )
        arguments = {"module": module, "kind": kind, "gate": gate, "layer": layer, "reverse": reverse}
        sizes = {"layer": layer, "L": L, "I": I, "H": H}
        return Case(arguments, sizes, frozenset({IS_LSTM if of == "LSTM" else IS_GRU}))

    return [
        case("LSTM", "weight_ih", "f", 0, False, 2, 5, 4),
        case("LSTM", "weight_hh", "g", 1, True, 2, 5, 6),
        case("LSTM", "bias_hh", "o", 1, False, 3, 4, 5),
        case("LSTM", "weight_hh", "f", 1, False, 2, 3, 8, proj_size=4),
        case("GRU", "weight_ih", "z", 1, False, 2, 3, 4),
        case("GRU", "weight_hh", "n", 0, True, 1, 2, 8),
        case("GRU", "bias_ih", "r", 1, True, 3, 2, 4),
    ]


def _numbered() -> TorchModule:
    weights = {
        "weight_ih_l0": torch.arange(1.0, 5.0)[:, None],
        "weight_hh_l0": torch.arange(10.0, 50.0, 10.0)[:, None],
        "bias_ih_l0": torch.arange(0.1, 0.45, 0.1),
        "bias_hh_l0": torch.zeros(4),
    }
    return TorchModule("LSTM", {"input_size": 1, "hidden_size": 1}, weights)


wrong = Mistakes(ROWS, _truth)
ROWS_OF = "parameter[k * H : (k + 1) * H]"
PARAMETERS = "weight_ih", "weight_hh", "bias_ih", "bias_hh"

wrong.edits("""
§ Weights from elsewhere
i, f, o, g | g and o are exchanged: cs231n has i, f, o, g. torch?
    "ifgo" => "ifog"
ONNX's order | an LSTM's blocks are taken in ONNX's order, i, o, f, c.
    "ifgo" => "iofg"
§
f first | the input and the forget gate are exchanged in an LSTM.
    "ifgo" => "figo"
z first | r and z are exchanged in a GRU.
    "rzn" => "zrn"
§ Every parameter by name
reverse left out | the forward direction's rows come, whichever is asked.
    "_reverse" if reverse else "" => ""
reverse turned round | forward and backward are exchanged.
    if reverse => if not reverse
always layer 0 | layer 0's rows come, whichever is asked.
    _l{layer} => _l0
the last layer | the last layer's rows come, whichever is asked.
    _l{layer} => _l{module.num_layers - 1}
§
every fourth row | the gates lie in blocks, not in turns: you take every fourth (third) row.
    parameter[k * H : (k + 1) * H] => parameter[k :: len(order)]
a row | one row comes, where a gate has one for each unit.
    parameter[k * H : (k + 1) * H] => parameter[k]
one row, as a block | one row comes, where a gate has one for each unit.
    parameter[k * H : (k + 1) * H] => parameter[k : k + 1]
as four blocks always | a GRU's parameters are cut into four; how many blocks has it?
    parameter[k * H : (k + 1) * H] => parameter.tensor_split(4)[k]
from the end | blocks are counted from the end.
    parameter[k * H : (k + 1) * H] => parameter.chunk(len(order))[-1 - k]
one too far | the block after the one that was asked comes.
    parameter[k * H : (k + 1) * H] => parameter.chunk(len(order))[(k + 1) % len(order)]
counted from 1 | the block after the one that was asked comes, and of the last gate nothing.
    parameter[k * H : (k + 1) * H] => parameter[(k + 1) * H : (k + 2) * H]
last row left out | the block's last row is missing: in Python a slice ends before its second number.
    parameter[k * H : (k + 1) * H] => parameter[k * H : (k + 1) * H - 1]
all to the end | all rows from the gate's first on come; where does the block end?
    parameter[k * H : (k + 1) * H] => parameter[k * H :]
transposed | the rows are right, but transposed.
    parameter[k * H : (k + 1) * H] => parameter[k * H : (k + 1) * H].T
§ A narrower h
blocks of h's width | with proj_size the block is too small: a gate has a row for each unit of the memory.
    module.hidden_size => getattr(module, 'proj_size', 0) or module.hidden_size
§ Every parameter by name
weight_ih for weight_hh | weight_ih's rows come where weight_hh's are asked.
    {kind}_l => {kind.replace('weight_hh', 'weight_ih')}_l
bias_ih for bias_hh | bias_ih's rows come where bias_hh's are asked.
    {kind}_l => {kind.replace('bias_hh', 'bias_ih')}_l
""")


@wrong("the whole parameter", "the whole parameter comes, with all its gates.")
def _(module, kind, gate, layer, reverse):
    return getattr(module, f"{kind}_l{layer}" + ("_reverse" if reverse else ""))


@wrong(
    "cells of all_weights miscounted",
    "another cell's rows come: all_weights holds a cell for each direction of each layer.",
    section=ROWS,
)
def _(module, kind, gate, layer, reverse):
    parameter = module.all_weights[layer + reverse][PARAMETERS.index(kind)]
    order = "ifgo" if type(module).__name__ == "LSTM" else "rzn"
    return parameter.chunk(len(order))[order.index(gate)]


gate_rows = Check(
    name="gate_rows",
    lesson=LESSON,
    section=ROWS,
    parts=(Part("rows", "H columns"),),
    criteria=(Criterion("of an LSTM", 2, where=(IS_LSTM,)), Criterion("of a GRU", 1, where=(IS_GRU,))),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {"module": _numbered(), "kind": "weight_hh", "gate": "f", "layer": 0, "reverse": False},
        {"layer": 0, "L": 1, "I": 1, "H": 1},
    ),
    agree="the layer's own weights",
)

"""Task 3, cell_weights: one layer's weights, by the names of a cell."""

import torch
from torch import nn

from rnncourse.checks.framework.cases import Case, TorchModule, Trait, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.lstmcell_looping.lesson import EQUAL, LAYER, LAYERS, LESSON

FIRST = Trait("layer is 0", "how the layer's number comes into the names")
HIGHER = Trait("layer is not 0", "layer 0")
NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def _truth(lstm, layer):
    return {name: getattr(lstm, f"{name}_l{layer}") for name in NAMES}


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.7, torch.float32)

    def case(layer: int, L: int, I: int, H: int) -> Case:
        lstm = random_module("LSTM", numbers, input_size=I, hidden_size=H, num_layers=L)
        sizes = {"layer": layer, "L": L, "I": I, "H": H}
        return Case({"lstm": lstm, "layer": layer}, sizes, frozenset({HIGHER if layer else FIRST}))

    return [
        case(1, 2, 3, 4),
        case(0, 2, 4, 3),
        case(2, 4, 3, 5),
        case(1, 3, 4, 2),
        case(1, 2, 4, 4),
        case(0, 1, 4, 5),
    ]


def _numbered() -> dict[str, torch.Tensor]:
    """For the example: two layers' weights, their numbers 1, 2, 3 …"""
    names = [f"{name}_l{layer}" for layer in range(2) for name in NAMES]
    weights = dict(zip(names, torch.arange(1.0, 33.0).chunk(8), strict=True))
    return {name: weight[:, None] if "weight" in name else weight for name, weight in weights.items()}


wrong = Mistakes(EQUAL, _truth)

wrong.edits("""
always layer 0 | these are layer 0's weights, whichever layer is asked.
    _l{layer} => _l0
always the last layer | these are the last layer's weights, whichever is asked.
    _l{layer} => _l{lstm.num_layers - 1}
§ Two layers from cells
counted from 1 | the layer is one too low: layers are counted from 0.
    _l{layer} => _l{layer - 1}
the layer above | the layer is one too high: layers are counted from 0.
    _l{layer} => _l{layer + 1}
§
names of the layer | the names still end in the layer's number. A cell has no layers, so its names have none.
    {name: getattr => {f"{name}_l{layer}": getattr
""")


@wrong("all layers", "these are the weights of all layers. A cell is one of them.")
def _(lstm, layer):
    return dict(lstm.state_dict())


@wrong(
    "the cell itself",
    "it returns the cell. Asked is the dict of its four tensors, as cell.state_dict() gives it.",
)
def _(lstm, layer):
    return nn.LSTMCell(1, 1)


@wrong(
    "biases exchanged",
    "bias_ih and bias_hh are exchanged. The cell adds them, so its numbers stay right, but not its training.",
)
def _(lstm, layer):
    right = _truth(lstm, layer)
    return right | {"bias_ih": right["bias_hh"], "bias_hh": right["bias_ih"]}


@wrong("bias_ih twice", "bias_hh is a second bias_ih: a slip of the keyboard?")
def _(lstm, layer):
    right = _truth(lstm, layer)
    return right | {"bias_hh": right["bias_ih"]}


@wrong("bias_hh twice", "bias_ih is a second bias_hh: a slip of the keyboard?")
def _(lstm, layer):
    right = _truth(lstm, layer)
    return right | {"bias_ih": right["bias_hh"]}


@wrong("biases added", "bias_ih holds the sum of both biases. Asked are the four tensors as they are.")
def _(lstm, layer):
    right = _truth(lstm, layer)
    return right | {"bias_ih": right["bias_ih"] + right["bias_hh"], "bias_hh": 0 * right["bias_hh"]}


@wrong("weight_ih in the place of weight_hh", "weight_hh is a second weight_ih: a slip of the keyboard?")
def _(lstm, layer):
    right = _truth(lstm, layer)
    return right | {"weight_hh": right["weight_ih"]}


@wrong(
    "weights exchanged", "weight_ih and weight_hh are exchanged. Above layer 0 they have one shape.", LAYERS
)
def _(lstm, layer):
    right = _truth(lstm, layer)
    return right | {"weight_ih": right["weight_hh"], "weight_hh": right["weight_ih"]}


@wrong(
    "transposed", "the weights are transposed. A cell keeps them in the layer's layout, (4H, I) and (4H, H)."
)
def _(lstm, layer):
    return {name: weight.T if weight.ndim == 2 else weight for name, weight in _truth(lstm, layer).items()}


cell_weights = Check(
    name="cell_weights",
    lesson=LESSON,
    section=EQUAL,
    parts=(
        Part("weight_ih", "4H I"),
        Part("weight_hh", "4H H"),
        Part("bias_ih", "4H"),
        Part("bias_hh", "4H"),
    ),
    criteria=(Criterion("layer 0", 1, where=(FIRST,)), Criterion("every layer", 1)),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "lstm": TorchModule("LSTM", {"input_size": 1, "hidden_size": 1, "num_layers": 2}, _numbered()),
            "layer": 1,
        },
        {"layer": 1, "L": 2, "I": 1, "H": 1},
    ),
    forbid=LAYER,
    agree="the layer's own weights",
)

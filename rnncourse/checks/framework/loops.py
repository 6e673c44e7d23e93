"""What the sets with a cell in a loop share: what they forbid, how results are read, small examples."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rnncourse.checks.framework.cases import TorchModule, random_module
from rnncourse.checks.framework.watch import RECURRENT

# The cell is given here; the loop around it is what learners build.
LAYER = RECURRENT - {"torch.nn.LSTMCell", "torch.lstm_cell"}


def flat(returned: Any, arguments: dict[str, Any]) -> Any:
    """Return output, (h, c) as output, h, c; return anything else unchanged."""
    if isinstance(returned, tuple | list) and len(returned) == 2:
        output, state = returned
        if isinstance(state, tuple | list) and len(state) == 2 and not isinstance(output, tuple):
            return output, *state
    return returned


def random_cell(numbers: Callable[..., Tensor], I: int, H: int) -> TorchModule:
    return random_module("LSTMCell", numbers, input_size=I, hidden_size=H)


def random_cells(numbers: Callable[..., Tensor], L: int, I: int, H: int) -> list[TorchModule]:
    """Return one cell for each layer: the first reads I numbers, the others H."""
    return [random_cell(numbers, H if layer else I, H) for layer in range(L)]


def random_head(numbers: Callable[..., Tensor], H: int, I: int) -> TorchModule:
    return random_module("Linear", numbers, in_features=H, out_features=I)


def random_state(numbers: Callable[..., Tensor], *shape: int) -> tuple[Tensor, Tensor]:
    """Return h and c; c may be larger than 1."""
    return numbers(*shape), 2 * numbers(*shape)


# For the examples: one unit, one number in each input, weights that fit on one line.


def cell_of(
    weight_ih: list[float],
    weight_hh: list[float],
    bias_ih: list[float],
    dtype: torch.dtype = torch.float32,
    trains: bool = False,
) -> TorchModule:
    """Return an LSTM's cell; each weight is given as four numbers, in the order i, f, g, o."""
    weights = {"weight_ih": weight_ih, "weight_hh": weight_hh, "bias_ih": bias_ih, "bias_hh": 4 * [0.0]}
    parameters = {name: torch.tensor(numbers, dtype=dtype) for name, numbers in weights.items()}
    parameters |= {name: parameters[name][:, None] for name in ("weight_ih", "weight_hh")}
    return TorchModule("LSTMCell", {"input_size": 1, "hidden_size": 1}, parameters, trains)


def small_cell(dtype: torch.dtype = torch.float64, trains: bool = False) -> TorchModule:
    return cell_of([1.0, 0.0, 2.0, 1.0], [0.0, 1.0, -1.0, 0.0], [0.0, 1.0, 0.0, 0.0], dtype, trains)


def small_head(dtype: torch.dtype = torch.float32, trains: bool = False) -> TorchModule:
    weights = {"weight": torch.tensor([[2.0]], dtype=dtype), "bias": torch.tensor([0.5], dtype=dtype)}
    return TorchModule("Linear", {"in_features": 1, "out_features": 1}, weights, trains)


def small_parameters(end: str, g: float = 1.0) -> dict[str, Tensor]:
    """Return the parameters of a layer's direction, names ending in `end`: i and g read x, the rest is 0."""
    zeros = torch.zeros(4)
    weights = {"weight_ih": torch.tensor([[1.0], [0.0], [g], [0.0]]), "weight_hh": zeros[:, None]}
    return {name + end: weight for name, weight in (weights | {"bias_ih": zeros, "bias_hh": zeros}).items()}

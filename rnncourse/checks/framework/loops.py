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
    """Return output, (h, c) as output, h, c; return anything else unchanged.

    Args:
        returned: what the learner's function returned.
        arguments: those of the case; they are not used.

    Example:
        >>> from rnncourse.checks.framework.authoring import flat
        >>> flat(("output", ("h", "c")), {})
        ('output', 'h', 'c')
    """
    if isinstance(returned, tuple | list) and len(returned) == 2:
        output, state = returned
        if isinstance(state, tuple | list) and len(state) == 2 and not isinstance(output, tuple):
            return output, *state
    return returned


def random_cell(numbers: Callable[..., Tensor], I: int, H: int) -> TorchModule:
    """Return an LSTMCell with random parameters.

    Args:
        numbers: draws its parameters.
        I: the width of the input.
        H: the width of the state.

    Example:
        >>> from rnncourse.checks.framework.authoring import random_cell, random_numbers
        >>> str(random_cell(random_numbers(seed=0, scale=0.5), I=3, H=4))
        'torch.nn.LSTMCell(input_size=3, hidden_size=4)'
    """
    return random_module("LSTMCell", numbers, input_size=I, hidden_size=H)


def random_cells(numbers: Callable[..., Tensor], L: int, I: int, H: int) -> list[TorchModule]:
    """Return one cell for each layer: the first reads I numbers, the others H.

    Args:
        numbers: draws their parameters.
        L: the number of layers.
        I: the width of the input.
        H: the width of the state.

    Example:
        >>> from rnncourse.checks.framework.authoring import random_cells, random_numbers
        >>> cells = random_cells(random_numbers(seed=0, scale=0.5), L=3, I=2, H=4)
        >>> [cell.options["input_size"] for cell in cells]
        [2, 4, 4]
    """
    return [random_cell(numbers, H if layer else I, H) for layer in range(L)]


def random_head(numbers: Callable[..., Tensor], H: int, I: int) -> TorchModule:
    """Return a Linear with random parameters.

    Args:
        numbers: draws its parameters.
        H: the width of what it reads.
        I: the width of what it returns.

    Example:
        >>> from rnncourse.checks.framework.authoring import random_head, random_numbers
        >>> str(random_head(random_numbers(seed=0, scale=0.5), H=4, I=3))
        'torch.nn.Linear(in_features=4, out_features=3)'
    """
    return random_module("Linear", numbers, in_features=H, out_features=I)


def random_state(numbers: Callable[..., Tensor], *shape: int) -> tuple[Tensor, Tensor]:
    """Return h and c; c may be larger than 1.

    Args:
        numbers: draws them.
        *shape: the shape of each, such as B, H.

    Example:
        >>> from rnncourse.checks.framework.authoring import random_numbers, random_state
        >>> h, c = random_state(random_numbers(seed=0, scale=0.5), 2, 4)
        >>> tuple(h.shape), tuple(c.shape)
        ((2, 4), (2, 4))
    """
    return numbers(*shape), 2 * numbers(*shape)


# For the examples: one unit, one number in each input, weights that fit on one line.


def cell_of(
    weight_ih: list[float],
    weight_hh: list[float],
    bias_ih: list[float],
    dtype: torch.dtype = torch.float32,
    trains: bool = False,
) -> TorchModule:
    """Return an LSTM's cell of one unit; each weight is given as four numbers, in the order i, f, g, o.

    Args:
        weight_ih: reads the input, one number wide.
        weight_hh: reads the state, one unit wide.
        bias_ih: the first bias; the second is 0.
        dtype: the dtype of the parameters.
        trains: whether they require gradients.

    Example:
        >>> from rnncourse.checks.framework.authoring import cell_of
        >>> cell_of([1.0, 0.0, 2.0, 1.0], [0.0, 1.0, -1.0, 0.0], [0.0] * 4).parameters["weight_ih"].tolist()
        [[1.0], [0.0], [2.0], [1.0]]
    """
    weights = {"weight_ih": weight_ih, "weight_hh": weight_hh, "bias_ih": bias_ih, "bias_hh": 4 * [0.0]}
    parameters = {name: torch.tensor(numbers, dtype=dtype) for name, numbers in weights.items()}
    parameters |= {name: parameters[name][:, None] for name in ("weight_ih", "weight_hh")}
    return TorchModule("LSTMCell", {"input_size": 1, "hidden_size": 1}, parameters, trains)


def small_cell(dtype: torch.dtype = torch.float64, trains: bool = False) -> TorchModule:
    """Return an LSTMCell of one unit, always the same, for an example.

    Args:
        dtype: the dtype of its parameters.
        trains: whether they require gradients.

    Example:
        >>> from rnncourse.checks.framework.authoring import small_cell
        >>> str(small_cell())
        'torch.nn.LSTMCell(input_size=1, hidden_size=1)'
    """
    return cell_of([1.0, 0.0, 2.0, 1.0], [0.0, 1.0, -1.0, 0.0], [0.0, 1.0, 0.0, 0.0], dtype, trains)


def small_head(dtype: torch.dtype = torch.float32, trains: bool = False) -> TorchModule:
    """Return a Linear that computes 2 h + 0.5, for an example.

    Args:
        dtype: the dtype of its parameters.
        trains: whether they require gradients.

    Example:
        >>> from rnncourse.checks.framework.authoring import small_head
        >>> small_head().build()(torch.tensor([3.0]))
        tensor([6.5000])
    """
    weights = {"weight": torch.tensor([[2.0]], dtype=dtype), "bias": torch.tensor([0.5], dtype=dtype)}
    return TorchModule("Linear", {"in_features": 1, "out_features": 1}, weights, trains)


def small_parameters(end: str, g: float = 1.0) -> dict[str, Tensor]:
    """Return the parameters of a layer's direction, names ending in `end`: i and g read x, the rest is 0.

    Example:
        >>> from rnncourse.checks.framework.authoring import small_parameters
        >>> list(small_parameters("_l0", g=2.0))
        ['weight_ih_l0', 'weight_hh_l0', 'bias_ih_l0', 'bias_hh_l0']
    """
    zeros = torch.zeros(4)
    weights = {"weight_ih": torch.tensor([[1.0], [0.0], [g], [0.0]]), "weight_hh": zeros[:, None]}
    return {name + end: weight for name, weight in (weights | {"bias_ih": zeros, "bias_hh": zeros}).items()}

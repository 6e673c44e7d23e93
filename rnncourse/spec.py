"""Find out which recurrent module this is: its kind, options and weights' names, torch.nn's and ours alike.

A Spec has the attributes that shapes.py reads from our own modules, so its axes and checks work for torch's
too.
"""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from rnncourse import cells, layers
from rnncourse.shapes import GATES, KINDS, parameter_shapes

Layer = nn.RNN | nn.LSTM | nn.GRU | layers.RNN | layers.LSTM | layers.GRU
Cell = nn.RNNCell | nn.LSTMCell | nn.GRUCell | cells.RNNCell | cells.LSTMCell | cells.GRUCell
Recurrent = Layer | Cell

CLASSES: dict[str, tuple[type[nn.Module], ...]] = {
    "RNN": (nn.RNN, nn.RNNCell, layers.RNN, cells.RNNCell),
    "GRU": (nn.GRU, nn.GRUCell, layers.GRU, cells.GRUCell),
    "LSTM": (nn.LSTM, nn.LSTMCell, layers.LSTM, cells.LSTMCell),
}

Place = tuple[int, bool]  # a layer's index, and whether it runs backward in time


@dataclass(frozen=True)
class Spec:
    """The description of a recurrent module. A cell counts as one layer in one direction that takes one step.

    The options are those of the module when the Spec is made, even where torch.nn accepts one that it should
    refuse.
    """

    module: nn.Module
    kind: str  # "RNN", "GRU" or "LSTM"
    is_cell: bool
    input_size: int
    hidden_size: int
    bias: bool
    num_layers: int
    batch_first: bool
    dropout: float
    bidirectional: bool
    proj_size: int
    nonlinearity: str  # "tanh" or "relu" for an RNN, otherwise ""

    @classmethod
    def find(cls, module: object) -> "Spec | None":
        """Return the Spec of a module, or None for anything else."""
        kind = next((kind for kind, classes in CLASSES.items() if isinstance(module, classes)), None)
        if kind is None:
            return None
        read: Any = module
        return cls(
            read,
            kind,
            isinstance(module, Cell),
            read.input_size,
            read.hidden_size,
            read.bias,
            getattr(read, "num_layers", 1),
            getattr(read, "batch_first", False),
            getattr(read, "dropout", 0.0),
            getattr(read, "bidirectional", False),
            getattr(read, "proj_size", 0),
            getattr(read, "nonlinearity", ""),
        )

    @classmethod
    def of(cls, module: object, argument: str) -> "Spec":
        """Return the Spec of a module; for anything else raise a TypeError that names the argument."""
        found = cls.find(module)
        if found is None:
            got = f"the class {module.__name__}" if isinstance(module, type) else type(module).__name__
            raise TypeError(f"{argument}: expected an RNN, LSTM or GRU, or a cell of these, got {got}.")
        return found

    @property
    def mode(self) -> str:
        """torch's name for the kind: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU"."""
        return f"RNN_{self.nonlinearity.upper()}" if self.kind == "RNN" else self.kind

    @property
    def gates(self) -> int:
        """The number of blocks of H rows in each weight."""
        return next(gates for gates, kind in KINDS.items() if kind == self.kind)

    @property
    def letters(self) -> str:
        """The gates' letters in the order of their blocks; an RNN has none."""
        return GATES[self.gates]

    @property
    def states(self) -> str:
        """The letters of the states that a step passes to the next."""
        return "hc" if self.kind == "LSTM" else "h"

    @property
    def has_cell_state(self) -> bool:
        """Whether the module has a cell state c, as only an LSTM has."""
        return self.kind == "LSTM"

    @property
    def L(self) -> int:
        """The number of layers."""
        return self.num_layers

    @property
    def D(self) -> int:
        """The number of directions."""
        return 2 if self.bidirectional else 1

    @property
    def h_size(self) -> int:
        """The width of h: P with a projection, otherwise H."""
        return self.proj_size or self.hidden_size

    @property
    def places(self) -> list[Place]:
        """Each layer and direction, in the order of h_n's rows."""
        return [(layer, reverse) for layer in range(self.L) for reverse in (False, True)[: self.D]]

    def suffix(self, place: Place) -> str:
        """Return the ending of the weights' names in one layer and direction."""
        layer, reverse = place
        return "" if self.is_cell else f"_l{layer}" + "_reverse" * reverse

    @property
    def weight_names(self) -> list[str]:
        """The names of the weights of one layer and direction, without their suffix."""
        sized = (self.gates, self.input_size, self.hidden_size, self.bias, self.proj_size)
        return [name for name, _ in parameter_shapes(*sized)]

    @property
    def title(self) -> str:
        """The module as its repr shows it."""
        return f"{type(self.module).__name__}({self.module.extra_repr()})"

    # The checks of shapes.py read one weight, to compare dtypes and devices.

    @property
    def weight_ih_l0(self) -> Tensor:
        """The first weight of a layer."""
        return stored(self.module, "weight_ih_l0")

    @property
    def weight_ih(self) -> Tensor:
        """The first weight of a cell."""
        return stored(self.module, "weight_ih")


def stored(module: nn.Module, name: str) -> Tensor:
    """Return a weight; of a parametrized one, the first tensor from which it is computed.

    Computing it could change it: in training, spectral_norm takes a step at each access.
    """
    parametrized = getattr(module, "parametrizations", {})
    if name not in parametrized:
        weight: Tensor = getattr(module, name)
    else:
        weight = next(parametrized[name].parameters(recurse=False))
    return weight

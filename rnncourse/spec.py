"""Which recurrent module is this? Its kind, options and weights' names, torch.nn's and ours alike.

A Spec has the attributes that shapes.py reads of our own modules, so its axes and checks serve torch's too.
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
    """What a recurrent module is. A cell has one layer in one direction, in which it takes one step.

    The options are the module's own, as they are when the Spec is made: also where torch.nn takes one that
    it should refuse.
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
    nonlinearity: str  # of an RNN "tanh" or "relu", otherwise ""

    @classmethod
    def find(cls, module: object) -> "Spec | None":
        """The Spec of a module, None of anything else."""
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
        """The Spec of a module; for anything else a TypeError, which names the argument."""
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
        """The gates' letters, in the order of their blocks; none of an RNN."""
        return GATES[self.gates]

    @property
    def states(self) -> str:
        """The letters of the states that a step passes to the next."""
        return "hc" if self.kind == "LSTM" else "h"

    @property
    def has_cell_state(self) -> bool:
        return self.kind == "LSTM"

    @property
    def L(self) -> int:
        return self.num_layers

    @property
    def D(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def h_size(self) -> int:
        """How wide h is: P with a projection, otherwise H."""
        return self.proj_size or self.hidden_size

    @property
    def places(self) -> list[Place]:
        """Each layer and direction, in the order of h_n's rows."""
        return [(layer, reverse) for layer in range(self.L) for reverse in (False, True)[: self.D]]

    def suffix(self, place: Place) -> str:
        """How the names of the weights of one layer and direction end."""
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

    # What the checks of shapes.py read, to compare dtypes and devices: a layer's first weight, a cell's.

    @property
    def weight_ih_l0(self) -> Tensor:
        return stored(self.module, "weight_ih_l0")

    @property
    def weight_ih(self) -> Tensor:
        return stored(self.module, "weight_ih")


def stored(module: nn.Module, name: str) -> Tensor:
    """A weight; of one that is computed at each reading, the first tensor that it is computed from.

    To compute it could change it: spectral_norm in training takes a step at each reading.
    """
    parametrized = getattr(module, "parametrizations", {})
    if name not in parametrized:
        weight: Tensor = getattr(module, name)
    else:
        weight = next(parametrized[name].parameters(recurse=False))
    return weight

"""How a call of a recurrent module is laid out: the axes of all that goes in and comes out."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from rnncourse.cells import GRUCell, LSTMCell, RNNCell
from rnncourse.layers import GRU, LSTM, RNN
from rnncourse.shapes import (
    BATCH,
    KINDS,
    Axes,
    Axis,
    input_axes,
    is_layer,
    joined_axis,
    output_axes,
    state_axes,
)

CLASSES = {  # by the number of gates
    1: (nn.RNN, nn.RNNCell, RNN, RNNCell),
    3: (nn.GRU, nn.GRUCell, GRU, GRUCell),
    4: (nn.LSTM, nn.LSTMCell, LSTM, LSTMCell),
}


def gates_of(module: object) -> int | None:
    """The number of gates of a recurrent cell or layer; None for what is neither."""
    return next((gates for gates, classes in CLASSES.items() if isinstance(module, classes)), None)


class AsOurs:
    """A module, torch.nn's too, with the attributes that shapes.py reads and torch's modules lack."""

    # Read from the module, which has those of a layer or those of a cell.
    input_size: int
    hidden_size: int
    bias: bool
    num_layers: int
    batch_first: bool
    dropout: float
    bidirectional: bool
    proj_size: int
    weight_ih: nn.Parameter
    weight_ih_l0: nn.Parameter
    extra_repr: Callable[[], str]

    def __init__(self, module: object, gates: int) -> None:
        self.module = module
        self.gates = gates
        self.has_cell_state = gates == 4
        self.class_name = type(module).__name__

    def __getattr__(self, name: str) -> Any:
        return getattr(self.module, name)


class Call:
    """One call, or with input=None any call on a batch, whose sizes are then unknown.

    batch: (("B", B),), or () without one. T: the number of time steps. N: the rows of a packed input's data.
    Unknown, or not there: None.
    """

    def __init__(self, module: AsOurs, input: Tensor | PackedSequence | None = None) -> None:
        self.module = module
        self.known = input is not None
        self.batch: Axes = BATCH
        self.T: int | None = None
        self.N: int | None = None
        if isinstance(input, PackedSequence):
            self.batch = (("B", int(input.batch_sizes[0])),)
            self.T, self.N = len(input.batch_sizes), len(input.data)
        elif input is not None:
            batched = input.dim() == len(input_axes(module))
            names = [name for name, _ in input_axes(module, BATCH if batched else ())]
            found = dict(zip(names, input.shape, strict=True))
            self.batch = (("B", found["B"]),) if batched else ()
            self.T = found.get("T")

    @property
    def B(self) -> int | None:
        return self.batch[0][1] if self.batch else None

    @property
    def states_in(self) -> dict[str, Axes]:
        return self._states("_0")

    @property
    def states_out(self) -> dict[str, Axes]:
        return self._states("_n" if is_layer(self.module) else "_1")

    def _states(self, ending: str) -> dict[str, Axes]:
        names = [letter + ending for letter in ("hc" if self.module.has_cell_state else "h")]
        return {name: state_axes(self.module, name, self.batch) for name in names}

    @property
    def input_axes(self) -> Axes:
        """The input's axes; a packed one's are its data's."""
        if self.N is not None:
            return (("N", self.N), ("I", self.module.input_size))
        return input_axes(self.module, self.batch, self.T)

    @property
    def output_axes(self) -> Axes:
        if self.N is not None:
            return (("N", self.N), joined_axis(self.module))
        return output_axes(self.module, self.batch, self.T)

    @property
    def code(self) -> str:
        """The call as it is written: output, (h_n, c_n) = lstm(input, (h_0, c_0))."""
        before, after = ", ".join(self.states_in), ", ".join(self.states_out)
        if self.module.has_cell_state:
            before = f"({before})"
        if not is_layer(self.module):
            return f"{after} = cell(input, {before})"
        if self.module.has_cell_state:
            after = f"({after})"
        return f"output, {after} = {KINDS[self.module.gates].lower()}(input, {before})"

    def reading(self, state_given: bool) -> str:
        """The call in a sentence: how its numbers are read."""
        I, by = self.module.input_size, ""
        steps = "one step" if self.T == 1 else f"{self.T} steps"
        if not is_layer(self.module):
            what = f"one step of {_count(self.B if self.batch else 1, 'sequence')}"
        elif self.N is not None:
            what = f"{_count(self.B, 'packed sequence')} of up to {steps}"
        elif not self.batch:
            what = f"one sequence of {steps}, without a batch axis"
        else:
            what = f"{_count(self.B, 'sequence')} of {steps}"
            by = f" (batch_first={self.module.batch_first})"
        start = "from the state given" if state_given else "from a state of zeros"
        each = "one number" if I == 1 else f"{I} numbers"
        return f"This call reads {what}, {each} each{by}, {start}."

    @property
    def legend(self) -> str:
        """The letters of the axes: time T, batch B, input I=10 …"""
        module = self.module
        words: dict[str, Axis] = {"I": ("input", module.input_size), "H": ("hidden", module.hidden_size)}
        if is_layer(module):
            words = {"T": ("time", self.T)} | ({"B": ("batch", self.B)} if self.batch else {}) | words
            if self.N is not None:
                words["N"] = ("steps of all sequences", self.N)
            if module.proj_size:
                words["P"] = ("projection", module.proj_size)
            words |= {
                "L": ("layers", module.num_layers),
                "D": ("directions", 2 if module.bidirectional else 1),
            }
        elif self.batch:
            words = {"B": ("batch", self.B)} | words
        shown = (
            f"{word} {letter}" + f"={size}" * (size is not None) for letter, (word, size) in words.items()
        )
        return ", ".join(shown)


def _count(number: int | None, what: str) -> str:
    return f"one {what}" if number == 1 else f"{number} {what}s"

"""The values of a direction or a module, and their gradients, by name.

Which names exist depends on the cell. All of them are declared here, for type checkers and editors.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from rnncourse.tracing.equations import GATES, Values, names_of
from rnncourse.tracing.health import scalars
from rnncourse.tracing.statistics import statistics
from rnncourse.tracing.table import Table, Tabled

if TYPE_CHECKING:
    from rnncourse.tracing.view import DirectionTrace, LayerDirections

EVERY_NAME = {name for mode in GATES for name in (*names_of(mode, projected=True), "c_0", "h_prev", "c_prev")}


class NamedValues(Tabled):
    """Tensors by name. Which of them exist depends on the cell and on what `trace` was asked to save.

    It is also a mapping: `d["f"]`, `list(d)`, `dict(d)`.
    """

    x: Tensor
    # the pre-activations of an RNN, an LSTM, a GRU
    a: Tensor
    a_i: Tensor
    a_f: Tensor
    a_g: Tensor
    a_o: Tensor
    a_r: Tensor
    a_z: Tensor
    a_n: Tensor
    # the gates
    i: Tensor
    f: Tensor
    g: Tensor
    o: Tensor
    r: Tensor
    z: Tensor
    n: Tensor
    hh_n: Tensor
    # the states
    q: Tensor
    h: Tensor
    c: Tensor
    h_0: Tensor
    c_0: Tensor
    h_prev: Tensor
    c_prev: Tensor

    def keys(self) -> tuple[str, ...]:
        """Return the names of the values."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, name: str) -> Tensor:
        try:
            value = getattr(self, name)
        except AttributeError as error:  # its message says what was meant
            raise KeyError(str(error)) from None
        if not isinstance(value, Tensor):
            raise KeyError(f"{name!r} is not a value: read it as .{name}")
        return value

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.keys())


class Gradients(NamedValues):
    """The gradients d loss / d value by name, laid out as the values, and those of h_0 and c_0: `d.grad.f`.

    The loss is the sum of all losses whose backward pass ran inside the block. The gradient of x is the part
    that comes back through this layer and direction.
    """

    def __init__(
        self,
        values: Values,
        saved: Sequence[str],
        reason: str,
        sentence: Callable[[str], str],
        lengths: Tensor | None = None,
        reverse: bool = False,
    ) -> None:
        self._names, self._saved, self._reason, self._sentence = tuple(values), saved, reason, sentence
        self._lengths, self._reverse = lengths, reverse
        vars(self).update(values)

    def keys(self) -> tuple[str, ...]:
        """Return the names of the values that have a gradient."""
        return self._names

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        no_gradient = self._reason and name in self._saved
        raise AttributeError(f"grad.{name}: {self._reason}" if no_gradient else self._sentence(name))

    def _table(self) -> Table:
        if self._reason:
            return Table(f"no gradients: {self._reason}", (), ())
        return Table("gradients", *statistics(dict(self), self._lengths, self._reverse))


class Direction(NamedValues):
    """One layer in one direction, as read from a DirectionTrace or from what contains only one."""

    names: tuple[str, ...]
    mode: str
    is_reverse: bool
    grad: Gradients
    mask: Tensor | None
    lengths: Tensor | None
    resets: Tensor
    max_error: float
    where: str

    def gradient_norm(self, name: str = "h") -> Tensor:
        """Return |d loss / d value_t|, the norm over batch and units at each step, (T)."""
        gradient = self.grad[name].flatten(1)
        norms: Tensor = (gradient if self.lengths is None else gradient.nan_to_num()).norm(dim=1)
        return norms

    def scalars(self) -> dict[str, float]:
        """Return this direction's health in numbers, as a dict for TensorBoard, a data frame or a log file.

        Returns:
            For each gate between 0 and 1, "f below 0.05" and "f above 0.95" are the shares of all its
            numbers. "dead units" is the share of units whose h is the same at every step of every row.
            "gradient of h, first step" and "gradient of h, last step" are the norms over batch and units, if
            a backward pass was traced. "not finite" counts the numbers that are nan or inf. What the trace
            did not save is left out.
        """
        return scalars(self)

    @property
    def nbytes(self) -> int:
        """The memory that the values take, in bytes."""
        raise NotImplementedError


class ModuleTrace(Direction):
    """What can be read of one module. The docstrings of LayerTrace and CellTrace list it."""

    num_layers: int
    bidirectional: bool
    output: Tensor | PackedSequence
    h_n: Tensor
    c_n: Tensor
    forward: "DirectionTrace"
    reverse: "DirectionTrace"
    layer: Callable[[int], "LayerDirections"]

"""What the figures need to know of a recurrent module, and the checks of what a caller gives them.

A TypeError (no recurrent module, no int) or a ValueError (a size below 1, an index out of range) says in one
sentence what is wrong.
"""

import numbers
from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor, nn

from rnncourse.explaining.call import AsOurs, gates_of
from rnncourse.shapes import GATES, is_layer

DIRECTIONS = ("forward", "backward")


@dataclass(frozen=True)
class Sizes:
    """The sizes and options of a recurrent module, as `of` reads them."""

    module: AsOurs  # with what shapes.py reads
    L: int
    D: int
    H: int
    width: int  # of h: P with a projection, else H
    gates: str  # their letters, none for an RNN
    batch_first: bool
    is_cell: bool

    @classmethod
    def of(cls, module: object, cells: bool = False) -> "Sizes":
        """Those of a layer, with `cells` of a cell too; a TypeError for anything else."""
        gates = gates_of(module)
        if gates is None or not (cells or is_layer(module)):
            raise TypeError(_not_recurrent(module, cells))
        ours = AsOurs(module, gates)
        return cls(
            ours,
            L=getattr(ours, "num_layers", 1),
            D=2 if getattr(ours, "bidirectional", False) else 1,
            H=check_size("hidden_size", ours.hidden_size),
            width=getattr(ours, "proj_size", 0) or ours.hidden_size,
            gates=GATES[gates],
            batch_first=getattr(ours, "batch_first", False),
            is_cell=not is_layer(ours),
        )

    @property
    def title(self) -> str:
        """The module as its repr shows it, on one line."""
        return f"{self.module.class_name}({self.module.extra_repr()})"

    @property
    def states(self) -> tuple[str, ...]:
        """The letters of what a step hands to the next."""
        return ("h", "c") if self.gates == GATES[4] else ("h",)


def _not_recurrent(module: object, cells: bool) -> str:
    expected = f"module: expected a recurrent layer (RNN, LSTM, GRU){' or cell' if cells else ''}, got"
    if isinstance(module, type):
        return f"{expected} the class {module.__name__}. Make one first: {module.__name__}(…)."
    slip = ""
    if gates_of(module) is not None:
        slip = " A cell takes one time step: only a layer has time, depth and directions."
    elif isinstance(module, nn.Module):
        held = [name for name, part in module.named_modules() if gates_of(part) is not None]
        slip = f" It holds {', '.join(held)}: pass one of these." if held else ""
    return f"{expected} {type(module).__name__}.{slip}"


def check_size(name: str, value: int) -> int:
    """The value as an int of at least 1."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name}: expected an int, got {value!r}.")
    if value < 1:
        raise ValueError(f"{name}: expected an int of at least 1, got {value}.")
    return int(value)


def check_index(name: str, value: int, size: int) -> int:
    """The value as an index from 0 to size - 1; negative ones count from the end, as in Python."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name}: expected an int, got {value!r}.")
    if not -size <= value < size:
        raise ValueError(f"{name}: expected from 0 to {size - 1}, got {value}.")
    return int(value) % size


def check_lengths(lengths: Iterable[int] | Tensor, T: int | None = None) -> list[int]:
    """The lengths, a sequence or tensor (B,), as ints of at least 1, and at most T where it is given."""
    given = lengths.tolist() if hasattr(lengths, "tolist") else lengths
    if not isinstance(given, Iterable) or isinstance(given, str):
        raise TypeError(f"lengths: expected one int for each row of the batch, got {given!r}.")
    checked = [check_size(f"lengths[{b}]", length) for b, length in enumerate(given)]
    if not checked:
        raise ValueError("lengths: expected one int for each row of the batch, got none.")
    if T is not None and max(checked) > T:
        raise ValueError(f"lengths: expected at most T={T}, got {max(checked)}.")
    return checked

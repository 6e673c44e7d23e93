"""Check the arguments of figures: a recurrent module, sizes, indices, lengths.

A TypeError (not a recurrent module, not an int) or a ValueError (a size below 1, an index out of range) says
in one sentence what is wrong.
"""

import numbers
from collections.abc import Iterable

from torch import Tensor, nn

from rnncourse.spec import Spec

DIRECTIONS = ("forward", "backward")


def spec_of(module: object, cells: bool = False) -> Spec:
    """Return the Spec of a layer or, with `cells`, of a cell; raise a TypeError for anything else."""
    spec = Spec.find(module)
    if spec is None or (spec.is_cell and not cells):
        raise TypeError(_not_recurrent(module, cells))
    check_size("hidden_size", spec.hidden_size)
    return spec


def _not_recurrent(module: object, cells: bool) -> str:
    expected = f"module: expected a recurrent layer (RNN, LSTM, GRU){' or cell' if cells else ''}, got"
    if isinstance(module, type):
        return f"{expected} the class {module.__name__}. Make one first: {module.__name__}(…)."
    slip = ""
    if Spec.find(module):
        slip = " A cell takes one time step: only a layer has time, depth and directions."
    elif isinstance(module, nn.Module):
        held = [name for name, part in module.named_modules() if Spec.find(part)]
        slip = f" It holds {', '.join(held)}: pass one of these." if held else ""
    return f"{expected} {type(module).__name__}.{slip}"


def check_size(name: str, value: int) -> int:
    """Return the value as an int of at least 1."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name}: expected an int, got {value!r}.")
    if value < 1:
        raise ValueError(f"{name}: expected an int of at least 1, got {value}.")
    return int(value)


def check_index(name: str, value: int, size: int) -> int:
    """Return the value as an index from 0 to size - 1; negative ones count from the end, as in Python."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name}: expected an int, got {value!r}.")
    if not -size <= value < size:
        raise ValueError(f"{name}: expected from 0 to {size - 1}, got {value}.")
    return int(value) % size


def check_lengths(lengths: Iterable[int] | Tensor, T: int | None = None) -> list[int]:
    """Return the lengths, a sequence or tensor (B,), as ints of at least 1 and, if T is given, at most T."""
    given = lengths.tolist() if hasattr(lengths, "tolist") else lengths
    if not isinstance(given, Iterable) or isinstance(given, str):
        raise TypeError(f"lengths: expected one int for each row of the batch, got {given!r}.")
    checked = [check_size(f"lengths[{b}]", length) for b, length in enumerate(given)]
    if not checked:
        raise ValueError("lengths: expected one int for each row of the batch, got none.")
    if T is not None and max(checked) > T:
        raise ValueError(f"lengths: expected at most T={T}, got {max(checked)}.")
    return checked

"""Which axis is the batch and which is time, and what each argument is."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn

from rnncourse.auditing.inputs import Inputs, Leaf, callee, read
from rnncourse.spec import Cell, Layer


@dataclass(frozen=True)
class Settled:
    """The inputs with all roles settled, and how sure that is.

    confirmed: whether the batch axis was told, or follows from another argument. told: whether an axis was
    told. notes: what was inferred.
    """

    inputs: Inputs
    confirmed: bool
    time_told: bool
    told: bool
    notes: tuple[str, ...]


def settle(
    model: Any,
    call: Callable[..., Any] | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    target: Any,
    lengths: Any,
    starts: Tensor | None,
    batch: int | None,
    time: int | None,
) -> Settled:
    """Read the arguments of a call. Raises ValueError if none has a batch axis and a time axis."""
    leaves, packed_lengths = read(callee(model, call), args, kwargs)
    notes: list[str] = []
    known = packed_lengths if lengths is None else torch.as_tensor(lengths).detach().cpu().long()
    main = _sequence(model, leaves, target, known)
    if main is None:
        raise ValueError(
            "audit: expected an input with a batch axis and a time axis, such as (B, T) or (B, T, I); got "
            + (", ".join(f"{leaf.name} {_shape(leaf.value)}" for leaf in leaves) or "no tensor")
            + ". Is it made inside the model? Pass it, or pass call=."
        )
    if known is None:
        known = _named_lengths(leaves, main, notes)
    if main.packed:
        batch, time = 0, 1
    told = batch is not None or time is not None or main.packed
    time_told = time is not None or main.packed
    if told:
        if batch is None:
            assert time is not None
            batch = 1 if time % main.value.dim() == 0 else 0
        if time is None:
            time = 1 if batch == 0 else 0
        batch, time = batch % main.value.dim(), time % main.value.dim()
        confirmed = True
    else:
        found = _evidence(model, leaves, main, known, target)
        mask = None if known is not None or found is not None else _prefix_mask(leaves, main)
        if mask is not None:
            found, known = mask
        confirmed, batch = found is not None, found or 0
        time = 1 - batch
    assert batch is not None
    assert time is not None
    B, T = main.value.shape[batch], main.value.shape[time]
    if known is None:
        mask = _prefix_mask(leaves, main)
        if mask is not None and mask[0] == batch:
            known = mask[1]
            notes.append("Lengths were taken from a mask among the arguments.")
    if known is not None and (len(known) != B or int(known.max()) > T or int(known.min()) < 0):
        raise ValueError(
            f"lengths: expected {B} numbers up to {T}, one for each row of {main.name} (batch on axis "
            f"{batch}, time on axis {time}), got {known.tolist()}."
        )
    settled = [_settled(model, leaf, main, batch, time, B, T, known) for leaf in leaves]
    goal = None if target is None else _settled_target(target, batch, time, B, T)
    if goal is not None:
        goal = replace(goal, pad=_padding(goal, known))
    settled = [replace(leaf, pad=_padding(leaf, known)) for leaf in settled]
    begins = None if starts is None else _settled_starts(starts, B, T, batch < time)
    inputs = Inputs(tuple(args), kwargs, tuple(settled), goal, known, begins, B, tuple(range(B)))
    return Settled(inputs, confirmed, time_told, told, tuple(notes))


def chosen_rows(inputs: Inputs, most: int) -> list[int]:
    """The rows to keep: the shortest and the longest among them, and those in which an episode starts."""
    first: list[int] = []
    if inputs.lengths is not None:
        first += [int(inputs.lengths.argmin()), int(inputs.lengths.argmax())]
    if inputs.starts is not None:
        inner = inputs.starts[:, 1:].any(dim=1)
        first += [int(inner.float().argmax()), int((~inner).float().argmax())]
    order = list(dict.fromkeys([*first, *range(inputs.B)]))
    chosen = sorted(order[:most])
    if inputs.lengths is None or len(order) <= most:
        return chosen
    # Sorted twice by their lengths, rows must not be as before: a model that undoes its sorting wrongly would
    # look sound on them.
    shortest, longest = first[:2]  # without the longest, a packed output would be shorter than the batch
    for rows in sorted(combinations(sorted(order[:10]), most), key=lambda rows: shortest not in rows):
        turn = inputs.lengths[list(rows)].argsort(descending=True, stable=True)
        if longest in rows and not torch.equal(turn[turn], torch.arange(len(rows))):
            return list(rows)
    return chosen


def _sequence(model: Any, leaves: Sequence[Leaf], target: Any, lengths: Tensor | None) -> Leaf | None:
    """The argument whose axes are batch and time: the first with two axes, unless these are features (B, F).

    That is so if a later argument of the same batch has tokens, or three axes, or the target's steps.
    """
    found = [leaf for leaf in leaves if isinstance(leaf.value, Tensor) and leaf.value.dim() >= 2]
    if not found or found[0].value.dim() > 2 or not found[0].floating:
        return found[0] if found else None
    first = found[0].value
    steps = tuple(target.shape[:2]) if isinstance(target, Tensor) and target.dim() >= 2 else ()
    if steps == tuple(first.shape) or (lengths is not None and int(lengths.max()) == first.shape[1]):
        return found[0]
    for leaf in found[1:]:
        value = leaf.value
        if first.shape[0] not in value.shape[:2] or set(value.shape[:2]) <= set(first.shape):
            continue
        tokens = not leaf.floating and value.dtype != torch.bool
        if tokens or (value.dim() > 2 and not _is_state(model, value)) or steps == tuple(value.shape[:2]):
            return leaf
    return found[0]


def _shape(value: object) -> str:
    return str(tuple(value.shape)) if isinstance(value, Tensor) else type(value).__name__


def _named_lengths(leaves: Sequence[Leaf], main: Leaf, notes: list[str]) -> Tensor | None:
    sizes = set(main.value.shape[:2])
    for leaf in leaves:
        if "len" not in leaf.name.lower() or (isinstance(leaf.value, Tensor) and leaf.value.dim() != 1):
            continue
        if not isinstance(leaf.value, Tensor) and not all(type(v) is int for v in leaf.value):
            continue
        numbers = torch.as_tensor(leaf.value).detach().cpu()
        if numbers.is_floating_point() or len(numbers) not in sizes or not len(numbers):
            continue
        if int(numbers.min()) >= 0 and int(numbers.max()) in sizes:
            notes.append(f"Lengths were taken from the argument {leaf.name}.")
            return numbers.long()
    return None


def _evidence(
    model: Any, leaves: Sequence[Leaf], main: Leaf, lengths: Tensor | None, target: Any
) -> int | None:
    """The batch axis, 0 or 1, as far as another argument's size says it."""
    a, b = main.value.shape[:2]
    if a == b:
        return None
    sizes = [len(lengths)] if lengths is not None else []
    for leaf in leaves:
        if leaf is main:
            continue
        if not isinstance(leaf.value, Tensor) or leaf.value.dim() == 1:
            sizes.append(len(leaf.value))
        elif _is_state(model, leaf.value):
            sizes.append(leaf.value.shape[1])
    if isinstance(target, Tensor) and (target.dim() == 1 or (target.dim() == 2 and target.shape[1] == 1)):
        sizes.append(len(target))
    elif isinstance(target, Tensor) and target.dim() >= 2 and target.shape[0] != target.shape[1]:
        shared = {a, b} & set(target.shape[:2])  # one of two: steps may differ in number, rows do not
        sizes += shared if len(shared) == 1 else ()
    return next((0 if size == a else 1 for size in sizes if size in (a, b)), None)


def _is_state(model: Any, value: Tensor) -> bool:
    """Whether a tensor has the sizes of h_0 or c_0 of a layer inside the model."""
    if value.dim() != 3 or not value.is_floating_point() or not isinstance(model, nn.Module):
        return False
    for module in model.modules():
        if isinstance(module, Layer):
            stacked = module.num_layers * (2 if module.bidirectional else 1)
            if value.shape[0] == stacked and value.shape[2] in (module.hidden_size, module.proj_size):
                return True
        elif isinstance(module, Cell) and value.shape[2] == module.hidden_size:
            return True
    return False


def _prefix_mask(leaves: Sequence[Leaf], main: Leaf) -> tuple[int, Tensor] | None:
    """The batch axis and the lengths by a mask (B, T) or (T, B) whose rows begin with real steps."""
    for leaf in leaves:
        value = leaf.value
        named = any(word in leaf.name.lower() for word in ("mask", "pad", "valid"))
        if not named or not isinstance(value, Tensor) or value.dim() != 2 or leaf is main:
            continue
        if tuple(value.shape) != tuple(main.value.shape[:2]) or not _is_flags(value):
            continue
        for batch in (0, 1):
            real = value.bool() if batch == 0 else value.bool().t()
            if not bool(real[:, 0].all()):
                real = ~real
            falls = real[:, 1:].long() <= real[:, :-1].long()
            if bool(real[:, 0].all()) and bool(falls.all()) and not bool(real.all()):
                return batch, real.sum(1).cpu()
    return None


def _is_flags(value: Tensor) -> bool:
    return value.dtype == torch.bool or bool(((value == 0) | (value == 1)).all())


def _settled(
    model: Any, leaf: Leaf, main: Leaf, batch: int, time: int, B: int, T: int, lengths: Tensor | None
) -> Leaf:
    value = leaf.value
    if not isinstance(value, Tensor):
        if len(value) != B:
            return leaf
        ints = all(type(v) is int for v in value)
        return replace(leaf, role="lengths" if ints and lengths is not None else "list", batch=0)
    if leaf.packed:
        return leaf
    if leaf is main:
        return replace(leaf, role="sequence", batch=batch, time=time)
    shape = tuple(value.shape)
    if len(shape) == 1:
        if shape[0] != B:
            return leaf
        same = lengths is not None and not value.is_floating_point() and value.cpu().long().equal(lengths)
        return replace(leaf, role="lengths" if same else "row", batch=0)
    if _is_state(model, value) and shape[1] == B:
        return replace(leaf, role="row", batch=1)
    if len(shape) == 2 and shape == (T, T) and B != T:
        return replace(leaf, role="square")
    fits = len(shape) > batch and shape[batch] == B
    if fits and len(shape) > time and shape[time] == T:
        flags = value.dtype == torch.bool or (
            _is_flags(value) and (len(shape) == 2 or (len(shape) == 3 and shape[-1] == 1))
        )
        return replace(leaf, role="flags" if flags else "sequence", batch=batch, time=time)
    if fits and len(shape) > time and (len(shape) > 2 or not value.is_floating_point()):
        flags = value.dtype == torch.bool
        return replace(leaf, role="flags" if flags else "sequence", batch=batch, time=time)
    axis = next((k for k, size in enumerate(shape) if size == B), None)
    if axis is None:
        return leaf
    return replace(leaf, role="row" if value.is_floating_point() else "other", batch=axis)


def _settled_target(target: Any, batch: int, time: int, B: int, T: int) -> Leaf | None:
    if not isinstance(target, Tensor):
        return Leaf("target", target)
    shape = tuple(target.shape)
    if len(shape) > max(batch, time) and shape[batch] == B and shape[time] in (T, T - 1, T + 1):
        return Leaf("target", target, "sequence", batch, time)
    if len(shape) > max(batch, time) and shape[batch] == B and not target.is_floating_point():
        return Leaf("target", target, "sequence", batch, time)
    if shape and shape[0] == B:
        return Leaf("target", target, "row", 0)
    return Leaf("target", target)


def _settled_starts(starts: Tensor, B: int, T: int, batch_first: bool) -> Tensor:
    flags = starts.detach().cpu().bool()
    flags = flags.squeeze(-1) if flags.dim() == 3 else flags
    if tuple(flags.shape) not in ((B, T), (T, B)):
        raise ValueError(f"starts: expected (B={B}, T={T}) or (T={T}, B={B}), got {tuple(flags.shape)}.")
    rows_first = batch_first if B == T else tuple(flags.shape) == (B, T)
    return flags if rows_first else flags.t()


def _padding(leaf: Leaf, lengths: Tensor | None) -> float:
    """The value that a leaf holds at padded steps."""
    if lengths is None or leaf.time is None or leaf.batch is None or leaf.time > 1 or leaf.batch > 1:
        return 0.0
    rows = leaf.value.transpose(0, 1) if leaf.batch == 1 else leaf.value
    row = int(lengths.argmin())
    if int(lengths[row]) >= rows.shape[1]:
        return 0.0
    return float(rows[row, -1].flatten()[0])


def takes(model: Any, call: Callable[..., Any] | None, name: str) -> bool:
    """Whether the model's forward has a parameter of this name."""
    try:
        return name in inspect.signature(callee(model, call)).parameters
    except (TypeError, ValueError):
        return False

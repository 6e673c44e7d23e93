"""Determine the batch axis, the time axis and the role of each argument."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from rnncourse.auditing.evidence import batch_axis, is_flags, is_state, named_lengths, prefix_mask, sequence
from rnncourse.auditing.inputs import Inputs, Leaf, callee, read


@dataclass(frozen=True)
class Settled:
    """The inputs with their roles, and how certain these are.

    confirmed: whether the batch axis was passed, or follows from another argument. told: whether an axis was
    passed. notes: what was inferred. lengths_told: whether lengths were passed.
    """

    inputs: Inputs
    confirmed: bool
    time_told: bool
    told: bool
    notes: tuple[str, ...]
    lengths_told: bool


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
    """Determine the roles of a call's arguments. Raises ValueError if none has a batch and a time axis."""
    leaves, packed_lengths = read(callee(model, call), args, kwargs)
    notes: list[str] = []
    known = packed_lengths if lengths is None else torch.as_tensor(lengths).detach().cpu().long()
    main = sequence(model, leaves, target, known)
    if main is None:
        raise ValueError(
            "audit: expected an input with a batch axis and a time axis, such as (B, T) or (B, T, I); got "
            + (", ".join(f"{leaf.name} {_shape(leaf.value)}" for leaf in leaves) or "no tensor")
            + ". Is it made inside the model? Pass it, or pass call=."
        )
    if known is None:
        known = named_lengths(leaves, main, notes)
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
        found = batch_axis(model, leaves, main, known, target)
        mask = None if known is not None or found is not None else prefix_mask(leaves, main)
        if mask is not None:
            found, known = mask
        confirmed, batch = found is not None, found or 0
        time = 1 - batch
    assert batch is not None
    assert time is not None
    B, T = main.value.shape[batch], main.value.shape[time]
    if known is None:
        mask = prefix_mask(leaves, main)
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
    settled = [_answers(leaf, goal) for leaf in settled]
    settled = _with_own_lengths(settled, main.value, known)
    settled = [
        replace(leaf, pad=_padding(leaf, known if leaf.lengths is None else leaf.lengths)) for leaf in settled
    ]
    begins = None if starts is None else _settled_starts(starts, B, T, batch < time)
    inputs = Inputs(tuple(args), kwargs, tuple(settled), goal, known, begins, B, tuple(range(B)))
    return Settled(inputs, confirmed, time_told, told, tuple(notes), lengths is not None)


def chosen_rows(inputs: Inputs, most: int) -> list[int]:
    """Return the rows to run, among them the shortest, the longest and some in which an episode starts."""
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
    # Sorting the rows by length twice must not restore their order, or a model that undoes its sorting
    # wrongly would look correct.
    shortest, longest = first[:2]  # without the longest, a packed output would be shorter than the batch
    for rows in sorted(combinations(sorted(order[:10]), most), key=lambda rows: shortest not in rows):
        order_of = inputs.lengths[list(rows)].argsort(descending=True, stable=True)
        if longest in rows and not torch.equal(order_of[order_of], torch.arange(len(rows))):
            return list(rows)
    return chosen


def _shape(value: object) -> str:
    return str(tuple(value.shape)) if isinstance(value, Tensor) else type(value).__name__


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
    if is_state(model, value) and shape[1] == B:
        return replace(leaf, role="row", batch=1)
    if len(shape) == 2 and shape == (T, T) and B != T:
        return replace(leaf, role="square")
    fits = len(shape) > batch and shape[batch] == B
    if fits and len(shape) > time and shape[time] == T:
        flags = value.dtype == torch.bool or (
            is_flags(value) and (len(shape) == 2 or (len(shape) == 3 and shape[-1] == 1))
        )
        return replace(leaf, role="flags" if flags else "sequence", batch=batch, time=time)
    if fits and len(shape) > time and (len(shape) > 2 or not value.is_floating_point()):
        flags = value.dtype == torch.bool
        return replace(leaf, role="flags" if flags else "sequence", batch=batch, time=time)
    axis = next((k for k, size in enumerate(shape) if size == B), None)
    if axis is None:
        return leaf
    return replace(leaf, role="row" if value.is_floating_point() else "other", batch=axis)


def _answers(leaf: Leaf, goal: Leaf | None) -> Leaf:
    """Return 0/1 integers that are also the target as a sequence: answers, not a mask."""
    value, other = leaf.value, None if goal is None else goal.value
    if leaf.role != "flags" or value.dtype == torch.bool or not isinstance(other, Tensor) or value.dim() != 2:
        return leaf
    other = other.squeeze(-1) if other.dim() == 3 else other
    if other.dim() != 2 or other.shape[leaf.batch or 0] != value.shape[leaf.batch or 0]:
        return leaf
    assert leaf.batch is not None
    mine, theirs = value.movedim(leaf.batch, 0), other.movedim(leaf.batch, 0)
    G, T = theirs.shape[1], mine.shape[1]
    same = G == T and bool((mine == theirs).all())
    ahead = 2 < G in (T - 1, T) and bool((mine[:, 1:] == theirs[:, : T - 1]).all())
    return replace(leaf, role="sequence") if same or ahead else leaf


def _with_own_lengths(leaves: list[Leaf], main: Tensor, known: Tensor | None) -> list[Leaf]:
    """Find inputs that are padded to lengths of their own, which another argument holds."""
    T = next(leaf.T for leaf in leaves if leaf.value is main)
    result = list(leaves)
    for at, holder in enumerate(leaves if known is not None else ()):
        numbers = holder.value
        if isinstance(numbers, Tensor):
            if holder.role != "row" or numbers.dim() != 1 or numbers.is_floating_point():
                continue
        elif holder.role != "lengths":
            continue
        own = torch.as_tensor(numbers).detach().cpu().long()
        if known is None or own.equal(known):
            continue
        for k, leaf in enumerate(leaves):
            same = leaf.role == "sequence" and not leaf.packed and leaf.T == T
            named = at == k + 1 and "len" in holder.name and 0 < int(own.min()) <= int(own.max()) <= leaf.T
            if leaf.value is not main and result[k].lengths is None and same and (named or _fits(leaf, own)):
                result[k] = replace(leaf, lengths=own)
                result[at] = holder if isinstance(numbers, Tensor) else replace(holder, role="list")
                break
    return result


def _fits(leaf: Leaf, lengths: Tensor) -> bool:
    """Return whether each row is padded with one value after its length, and not before."""
    assert leaf.batch is not None
    assert leaf.time is not None
    rows = leaf.value.detach().cpu().movedim((leaf.batch, leaf.time), (0, 1))
    rows = rows.reshape(len(lengths), leaf.T, -1)
    real = torch.arange(leaf.T) < lengths[:, None]
    if bool(real.all()) or int(lengths.min()) < 1 or int(lengths.max()) > leaf.T:
        return False
    pad = rows[~real].flatten()[0]
    last = rows[torch.arange(len(rows)), lengths - 1]
    return bool((rows[~real] == pad).all()) and bool((last != pad).any(1).all())


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
    """Return the value that a leaf has at padded steps."""
    if lengths is None or leaf.time is None or leaf.batch is None or leaf.time > 1 or leaf.batch > 1:
        return 0.0
    rows = leaf.value.transpose(0, 1) if leaf.batch == 1 else leaf.value
    row = int(lengths.argmin())
    if int(lengths[row]) >= rows.shape[1]:
        return 0.0
    return float(rows[row, -1].flatten()[0])

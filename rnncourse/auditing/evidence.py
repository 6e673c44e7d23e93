"""What the arguments reveal about one another: the sequence, the batch axis, the lengths of the rows."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from rnncourse.auditing.inputs import Leaf
from rnncourse.spec import Cell, Layer


def sequence(model: Any, leaves: Sequence[Leaf], target: Any, lengths: Tensor | None) -> Leaf | None:
    """Return the argument with batch and time: the first with two axes, unless it is features (B, F).

    It is features if a later argument of the same batch has tokens, or three axes, or the target's steps.
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
        if tokens or (value.dim() > 2 and not is_state(model, value)) or steps == tuple(value.shape[:2]):
            return leaf
    return found[0]


def named_lengths(leaves: Sequence[Leaf], main: Leaf, notes: list[str]) -> Tensor | None:
    """Return the lengths from an argument with such a name, and add a note."""
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


def batch_axis(
    model: Any, leaves: Sequence[Leaf], main: Leaf, lengths: Tensor | None, target: Any
) -> int | None:
    """Return the batch axis, 0 or 1, if the size of another argument tells; otherwise None."""
    a, b = main.value.shape[:2]
    if a == b:
        return None
    sizes = [len(lengths)] if lengths is not None else []
    for leaf in leaves:
        if leaf is main:
            continue
        if not isinstance(leaf.value, Tensor) or leaf.value.dim() == 1:
            sizes.append(len(leaf.value))
        elif is_state(model, leaf.value):
            sizes.append(leaf.value.shape[1])
    if isinstance(target, Tensor) and (target.dim() == 1 or (target.dim() == 2 and target.shape[1] == 1)):
        sizes.append(len(target))
    elif isinstance(target, Tensor) and target.dim() >= 2 and target.shape[0] != target.shape[1]:
        shared = {a, b} & set(target.shape[:2])  # the target may have more or fewer steps, but not rows
        sizes += shared if len(shared) == 1 else ()
    return next((0 if size == a else 1 for size in sizes if size in (a, b)), None)


def is_state(model: Any, value: Tensor) -> bool:
    """Return whether a tensor has the shape of h_0 or c_0 of a layer inside the model."""
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


def prefix_mask(leaves: Sequence[Leaf], main: Leaf) -> tuple[int, Tensor] | None:
    """Return the batch axis and the lengths from a mask (B, T) or (T, B) whose rows begin with real steps."""
    for leaf in leaves:
        value = leaf.value
        named = any(word in leaf.name.lower() for word in ("mask", "pad", "valid"))
        if not named or not isinstance(value, Tensor) or value.dim() != 2 or leaf is main:
            continue
        if tuple(value.shape) != tuple(main.value.shape[:2]) or not is_flags(value):
            continue
        for batch in (0, 1):
            real = value.bool() if batch == 0 else value.bool().t()
            if not bool(real[:, 0].all()):
                real = ~real
            falls = real[:, 1:].long() <= real[:, :-1].long()
            if bool(real[:, 0].all()) and bool(falls.all()) and not bool(real.all()):
                return batch, real.sum(1).cpu()
    return None


def is_flags(value: Tensor) -> bool:
    """Return whether a tensor holds only 0 and 1."""
    return value.dtype == torch.bool or bool(((value == 0) | (value == 1)).all())


def looks_padded(leaf: Leaf) -> Tensor:
    """Return which steps, (B, T), may be padding: from there on the row repeats one value.

    A row of which only the last step may be padding ends with 0, with a negative token, or as another row
    that repeats its last value.
    """
    assert leaf.batch is not None
    assert leaf.time is not None
    rows = leaf.value.detach().cpu().movedim((leaf.batch, leaf.time), (0, 1))
    rows = torch.nan_to_num(rows.reshape(*rows.shape[:2], -1).double(), nan=-1e9)
    last = rows[:, -1:]
    tail = (rows == last).all(2).flip(1).cumprod(1).flip(1).bool()
    repeated = tail[:, -2:].all(1) if leaf.T > 1 else tail[:, 0]
    known = (last == 0).all(2) | (last == leaf.pad).all(2)
    if not leaf.floating:
        known |= (last < 0).all(2)
    known |= ((last == last.transpose(0, 1)).all(2) & repeated).any(1, keepdim=True)
    return tail & known

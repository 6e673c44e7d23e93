"""Views that tear steps apart, found from the axis of a view's argument along which late steps come last."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from rnncourse.auditing.blame import VIEWS, Story
from rnncourse.auditing.tape import Call


def torn_views(stories: Sequence[tuple[int, Story]], T: int) -> tuple[list[int], bool]:
    """Return the views that spread a step's entries over several steps and mix them with others'.

    stories: each with the step from which on the inputs are disturbed. Also return whether some view's
    argument had an axis of steps: without one, nothing could be found.
    """
    found, seen = [], False
    for i, call in enumerate(stories[0][1].base if stories else []):
        if call.name not in VIEWS or not call.args or call.function is None:
            continue
        late = [story.before(i, 0)[0] for _, story in stories]
        axis = next((a for mask in late if (a := axis_of_steps(mask, T)) is not None), None)
        if axis is None:  # fewer steps, as after a convolution with a stride
            axis = _axis_that_moves(late)
        if axis is None or late[0].shape[axis] < 2:
            continue
        moved = _moved(call, late[0].shape, axis)
        if moved is None:
            continue
        seen = True
        if _torn(moved, late[0].shape[axis]) and not in_a_skew(stories[0][1].base, i):
            found.append(i)
    return found, seen


def in_a_skew(calls: Sequence[Call], number: int) -> bool:
    """Return whether a view is one of two that exchange sizes forth and back, with a slice between them.

    Transformer-XL shifts each row of its scores by its number this way: pad, view, slice, view.
    """
    for first in range(max(0, number - 3), number + 1):
        for second in range(max(first + 1, number), min(first + 4, len(calls))):
            one, two = calls[first], calls[second]
            if number not in (first, second) or one.name not in VIEWS or two.name not in VIEWS:
                continue
            if not (one.results and two.args) or one.results[0].numel() == two.args[0].numel():
                continue
            same = one.results[0].untyped_storage().data_ptr() == two.args[0].untyped_storage().data_ptr()
            if same and all(sorted(c.before[0].shape) == sorted(c.after[0].shape) for c in (one, two)):
                return True
    return False


def exchanged(before: Sequence[int], after: Sequence[int]) -> bool:
    """Return whether sizes that are neighbors come out in the reverse order: (…, a, b, …), (…, b, a, …)."""
    while before and after:
        i = j = 1
        while prod(before[:i]) != prod(after[:j]) or prod(before[:i]) == 1:
            if prod(before[:i]) <= prod(after[:j]) and i < len(before):
                i += 1
            elif j < len(after):
                j += 1
            else:
                return False
        mine, other = ([n for n in sizes if n > 1] for sizes in (before[:i], after[:j]))
        if mine != other and sorted(mine) == sorted(other):
            return True
        before, after = before[i:], after[j:]
    return False


def axis_of_steps(late: Tensor, T: int) -> int | None:
    """Return the only axis of T entries along which the late entries come last; None if there are several."""
    found = [a for a in range(late.dim()) if late.shape[a] == T and 0 < (begin(late, a) or 0) < T]
    return found[0] if len(found) == 1 else None


def _axis_that_moves(late: Sequence[Tensor]) -> int | None:
    """Return the only axis along which late entries come last, and fewer of them if the cut is later."""
    found = []
    for axis in range(late[0].dim()):
        begins = [begin(mask, axis) for mask in late]
        known = [begin for begin in begins if begin is not None]
        if len(known) == len(late) and known == sorted(known) and len(set(known)) > 1:
            found.append(axis)
    return found[0] if len(found) == 1 else None


def begin(late: Tensor, axis: int) -> int | None:
    """Return the index from which on all entries along an axis are late; None if they do not come last."""
    along = late.movedim(axis, 0).reshape(late.shape[axis], -1).any(1)
    if not bool((along[1:] >= along[:-1]).all()):
        return None
    return late.shape[axis] - int(along.sum())


def _moved(call: Call, shape: torch.Size, axis: int) -> Tensor | None:
    """Return the step of each entry after the view; None if the view can't be repeated."""
    label = torch.arange(shape[axis]).reshape([-1 if k == axis else 1 for k in range(len(shape))])
    try:
        moved = call.function(label.expand(shape).contiguous(), *call.given[1:], **call.options)
    except Exception:  # for example a view with another dtype
        return None
    return moved if isinstance(moved, Tensor) else None


def torn_in_time(story: Story, call: Call, T: int) -> bool:
    """Return whether a view's result has an axis of T entries, but each of them holds several steps.

    It may be windows of steps, so this is a bug only if the outputs show that the axis is used as time.
    """
    at = next(i for i, other in enumerate(story.base) if other is call)
    if call.name not in VIEWS or not call.args or call.function is None:
        return False
    axis = axis_of_steps(story.before(at, 0)[0], T)
    moved = None if axis is None else _moved(call, call.before[0].shape, axis)
    if axis is None or moved is None:
        return False
    apart = []
    for a in range(moved.dim()):
        if moved.shape[a] == T:
            flat = moved.movedim(a, 0).reshape(T, -1)
            apart.append(bool((flat.min(1).values == flat.max(1).values).all()))
    return bool(apart) and not any(apart)


def _torn(label: Tensor, T: int) -> bool:
    fits = False
    for axis in range(label.dim()):
        flat = label.movedim(axis, 0).reshape(label.shape[axis], -1)
        low, high = flat.min(1).values, flat.max(1).values
        one_each = bool((low == high).all())  # each index holds entries of one step
        apart = bool((low[1:] > high[:-1]).all())  # each step's entries lie at one index
        if label.shape[axis] == T and not one_each:
            continue
        fits = fits or one_each or (apart and label.shape[axis] > 1)
    return not fits

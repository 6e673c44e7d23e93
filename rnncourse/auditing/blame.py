"""Find the call to blame by comparing the tape of a run with the tapes of disturbed runs.

All comparisons are exact: on one device the same shapes give the same bits, and a mask's -1e9 would blind a
tolerance. The walk starts at a bad output and goes back, call by call, through bad arguments, to the call
whose result is bad although none of its arguments is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rnncourse.auditing.tape import Call, Tape

Masks = list[Tensor]  # for each disturbed run, which entries of a tensor differ from the base run's
Bad = Callable[[Masks], bool]


def differs(a: Tensor, b: Tensor) -> Tensor:
    """Return which entries differ; NaN equals NaN."""
    return (a != b) & ~((a != a) & (b != b))


@dataclass
class Story:
    """The calls of the base run and of the disturbed runs, side by side."""

    base: list[Call]
    runs: list[list[Call]]

    @classmethod
    def of(cls, base: Tape, others: Sequence[Tape]) -> "Story | None":
        """Return the story, or None if the runs did not make the same calls."""
        names = [call.name for call in base.calls]
        for other in others:
            if [call.name for call in other.calls] != names:
                return None
        return cls(base.calls, [other.calls for other in others])

    def before(self, i: int, j: int) -> Masks:
        return self._masks(i, j, "before")

    def after(self, i: int, j: int) -> Masks:
        return self._masks(i, j, "after")

    def _masks(self, i: int, j: int, side: str) -> Masks:
        one = getattr(self.base[i], side)[j]
        found = []
        for run in self.runs:
            other = getattr(run[i], side)
            if j >= len(other) or other[j].shape != one.shape:
                found.append(torch.ones_like(one, dtype=torch.bool))
            else:
                found.append(differs(one, other[j]))
        return found

    def producer(self, tensor: Tensor, before: int) -> tuple[int, int] | None:
        """Return the last earlier call that made the tensor or wrote into it, and which result it was."""
        storage = _storage(tensor)
        for i in range(before - 1, -1, -1):
            call = self.base[i]
            for j, result in enumerate(call.results):
                if result is tensor or (call.writes and _storage(result) == storage):
                    return i, j
        for i in range(before - 1, -1, -1):
            for j, result in enumerate(self.base[i].results):
                if _storage(result) == storage:
                    return i, j
        return None

    def walk(self, output: Tensor, bad: Bad) -> tuple[int, int] | None:
        """Return the index of the call to blame for a bad output, and which of its results is bad."""
        at = self.producer(output, len(self.base))
        for _ in range(len(self.base)):
            if at is None:
                return None
            i, j = at
            call = self.base[i]
            earlier = None
            for k, arg in enumerate(call.args):
                if bad(self.before(i, k)):
                    earlier = self.producer(arg, i)
                    if earlier is not None:
                        break
            if earlier is None:
                return i, j
            at = earlier
        return None

    def relevant(self, outputs: Sequence[Tensor]) -> set[int]:
        """Return the indices of the calls that the outputs are computed from."""
        live = {_storage(t) for t in outputs}
        found = set()
        for i in range(len(self.base) - 1, -1, -1):
            call = self.base[i]
            if any(_storage(t) in live for t in call.results):
                found.add(i)
                live |= {_storage(t) for t in call.args}
        return found


def _storage(tensor: Tensor) -> int:
    try:
        return tensor.untyped_storage().data_ptr() or id(tensor)
    except (RuntimeError, NotImplementedError):
        return id(tensor)


VIEWS = {"view", "reshape", "flatten", "unflatten", "view_as", "reshape_as", "_unsafe_view"}

# ---- rows


def row_labels(masks: Masks) -> tuple[Tensor, bool]:
    """Return which row each entry depends on, -1 if none, and whether some entry depends on several."""
    count = torch.stack(masks).sum(0)
    label = torch.full_like(masks[0], -1, dtype=torch.long)
    for row, mask in enumerate(masks):
        label[mask] = row
    return label, bool((count > 1).any())


def axis_of(label: Tensor) -> int | None:
    """Return the axis whose index determines the labels, or None; entries of -1 fit anything."""
    if label.dim() == 0:
        return 0
    for axis in range(label.dim()):
        flat = label.movedim(axis, 0).reshape(label.shape[axis], -1)
        high = flat.max(1).values
        low = torch.where(flat < 0, high[:, None], flat).min(1).values
        if bool((low == high).all()):
            return axis
    return None


def mixed(masks: Masks) -> bool:
    """Return whether a tensor mixes rows: an entry depends on several, or no axis holds the rows."""
    if masks[0].dim() == 0:
        return sum(bool(mask) for mask in masks) > 1
    label, several = row_labels(masks)
    return several or axis_of(label) is None


def row_order(masks: Masks) -> list[int] | None:
    """Return the order of the rows in a tensor, if each row has one index of one axis."""
    label, several = row_labels(masks)
    if several or label.dim() == 0 or bool((label < 0).all()):
        return None
    axis = axis_of(label)
    if axis is None or label.shape[axis] != len(masks):
        return None
    order = label.movedim(axis, 0).reshape(len(masks), -1).max(1).values.tolist()
    return order if sorted(order) == list(range(len(masks))) else None


def order_along(masks: Masks) -> list[int] | None:
    """Return the row of each index along the axis of rows, -1 for none; None if there is no such axis."""
    label, several = row_labels(masks)
    axis = None if several or label.dim() == 0 or bool((label < 0).all()) else axis_of(label)
    if axis is None:
        return None
    found: list[int] = label.movedim(axis, 0).reshape(label.shape[axis], -1).max(1).values.tolist()
    return found


def unlike(one: list[int], other: list[int]) -> bool:
    """Return whether two tensors whose indices along some axis belong to these rows do not fit together."""
    return len(one) == len(other) and any(a != b and min(a, b) >= 0 for a, b in zip(one, other, strict=True))


def moved_into_another_axis(story: Story, i: int) -> bool:
    """Return whether a view merges the axis of rows with a part of the time axis before it.

    If (T, B, H) is viewed as (B, T, H) and T is a multiple of B, each entry still belongs to one row, and the
    rows still lie along one axis, but as 0, 1, 2, 0, 1, 2 …, separated from the rest of the steps.
    """
    call = story.base[i]
    if call.name not in VIEWS or not call.args:
        return False
    before, after = story.before(i, 0), story.after(i, 0)
    if _flat_rows_exchanged(before, after) or (not mixed(before) and mixed(after)):
        return True
    order = row_order(before)
    label, several = row_labels(after)
    if order is None or several or label.dim() == 0:
        return False
    axis, B = axis_of(label), len(after)
    first = axis_of(row_labels(before)[0])
    if axis is None or first is None or first == 0 or label.shape[axis] % B or label.shape[axis] == B:
        return False
    along = label.movedim(axis, 0).reshape(label.shape[axis], -1).max(1).values
    cyclic = bool((along[B:] == along[:-B]).all()) and not bool((along[1:B] == along[: B - 1]).any())
    outer = 1
    for size in before[0].shape[:first]:
        outer *= size
    return cyclic and label.shape[axis] != outer * B


def _flat_rows_exchanged(before: Masks, after: Masks) -> bool:
    """Return whether T * B entries are viewed as (B, T), or B * T entries as (T, B)."""
    order, viewed = order_along(before), order_along(after)
    B = len(before)
    if order is None or viewed is None or len(order) % B or len(order) in (B, B * B):
        return False
    T = len(order) // B
    cyclic, blocks = list(range(B)) * T, [row for row in range(B) for _ in range(T)]
    if order == cyclic:
        return len(viewed) == T and viewed == [t % B for t in range(T)]
    return order == blocks and len(viewed) == T and viewed == sorted(viewed)


# ---- steps


def reads_ahead(late: Tensor, cuts: Mapping[int, int]) -> bool:
    """Return whether early entries depend on late steps, along every axis that may be time.

    cuts: for each size that an axis of time may have, the index of its first late entry.
    """
    if not bool(late.any()):
        return False
    axes = [axis for axis in range(late.dim()) if late.shape[axis] in cuts]
    return bool(axes) and all(bool(late.narrow(axis, 0, cuts[late.shape[axis]]).any()) for axis in axes)


def in_time(late: Tensor, cuts: Mapping[int, int]) -> bool:
    """Return whether a tensor has a time axis along which only late entries depend on late steps."""
    axes = [axis for axis in range(late.dim()) if late.shape[axis] in cuts]
    return bool(late.any()) and any(not bool(late.narrow(n, 0, cuts[late.shape[n]]).any()) for n in axes)


def first_ahead(story: Story, output: Tensor, cuts: Mapping[int, int]) -> int | None:
    """Return the index of the call that makes an output's early steps depend on late ones."""
    at = story.producer(output, len(story.base))
    for _ in range(len(story.base)):
        if at is None:
            return None
        i = at[0]
        call = story.base[i]
        late = [story.before(i, k)[0] for k in range(len(call.args))]
        ahead = [k for k, mask in enumerate(late) if reads_ahead(mask, cuts)]
        fine = [k for k, mask in enumerate(late) if in_time(mask, cuts)]
        plain = [k for k, mask in enumerate(late) if bool(mask.any()) and k not in ahead and k not in fine]
        candidates = ahead or ([] if fine and not call.writes else plain)
        at = next((p for k in candidates if (p := story.producer(call.args[k], i))), None)
        if at is None:
            return i
    return None

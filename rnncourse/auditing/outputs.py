"""The model's outputs as (B, T, ·): their axes are found by removing a row, and a step."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """The axes of one output: batch, time, or one axis for both, with rows first or steps first."""

    shape: tuple[int, ...]
    batch: int | None = None
    time: int | None = None
    joined: int | None = None  # the axis of B * T entries
    rows_first: bool = True
    B: int = 1

    @property
    def has_rows(self) -> bool:
        return self.batch is not None or self.joined is not None

    @property
    def T(self) -> int | None:
        if self.joined is not None:
            return self.shape[self.joined] // self.B
        return None if self.time is None else self.shape[self.time]

    def canonical(self, tensor: Tensor) -> Tensor:
        """Return (B, T, ·); T is 1 without a time axis, B is 1 without a batch axis."""
        if tensor.dtype == torch.bool or not (tensor.is_floating_point() or tensor.is_complex()):
            tensor = tensor.to(torch.float64)
        if self.joined is not None:
            tensor = tensor.movedim(self.joined, 0)
            T = tensor.shape[0] // self.B
            if self.rows_first:
                return tensor.reshape(self.B, T, -1)
            return tensor.reshape(T, self.B, -1).transpose(0, 1)
        if self.batch is None and self.time is None:
            return tensor.reshape(1, 1, -1)
        if self.batch is None:
            assert self.time is not None
            return tensor.movedim(self.time, 0).flatten(1).reshape(1, tensor.shape[self.time], -1)
        if self.time is None:
            moved = tensor.movedim(self.batch, 0)
            return moved.reshape(self.B, 1, -1)
        moved = tensor.movedim((self.batch, self.time), (0, 1))
        return moved.reshape(self.B, moved.shape[1], -1)

    def spread(self, mask: Tensor) -> Tensor:
        """Return a mask (B, T) with ones for the other axes, to be multiplied by a tensor of the shape."""
        if self.joined is not None:
            flat = mask.reshape(-1) if self.rows_first else mask.t().reshape(-1)
            return flat.reshape([-1 if axis == self.joined else 1 for axis in range(len(self.shape))])
        assert self.batch is not None
        assert self.time is not None
        mask = mask if self.batch < self.time else mask.t()
        return mask.reshape([n if a in (self.batch, self.time) else 1 for a, n in enumerate(self.shape)])


def find(
    shape: tuple[int, ...],
    row_less: tuple[int, ...] | None,
    step_less: tuple[int, ...] | None,
    B: int,
    T: int,
) -> Layout:
    """Return the layout of an output from its shapes with one row less and with one step less.

    If the model refused one of these runs, sizes decide.
    """
    axes = range(len(shape))
    by_row = [a for a in axes if row_less and len(row_less) == len(shape) and row_less[a] != shape[a]]
    by_step = [a for a in axes if step_less and len(step_less) == len(shape) and step_less[a] != shape[a]]
    if B == 1 or row_less is None:
        by_row = [a for a in axes if shape[a] == B and a not in by_step][:1]
        by_row = by_row or [a for a in axes if shape[a] == B * T][:1]
    if step_less is None:
        by_step = [a for a in axes if shape[a] == T and a not in by_row][:1]
        by_step = by_step or [a for a in by_row if shape[a] == B * T != B]
    both = [a for a in by_row if a in by_step]
    if both and shape[both[0]] % B == 0:
        return Layout(shape, joined=both[0], B=B)
    batch = next((a for a in by_row if shape[a] % B == 0), None)
    time = next((a for a in by_step if a != batch), None)
    return Layout(shape, batch, time, B=B)

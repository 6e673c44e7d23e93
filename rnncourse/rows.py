"""Cut the rows of all time steps into those of each one, as views that bptt.py's loops work on in place.

Values of all steps lie step after step in one tensor (N, ·), N the number of rows of all steps; a state is
(B, ·). Step t has b_t rows, which are the first b_t of a state.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

# numbers of an array in one part of the backward pass: ten such arrays fit a processor's cache
CACHED = 2**18
Array = Any  # the rows of one step, a NumPy array or a tensor: the loops use what both have
Values = TypeVar("Values", Tensor, np.ndarray)


class Steps:
    """How rows (N, ·) and states (B, ·) are cut into time steps."""

    def __init__(self, sizes: Sequence[int], reverse: bool) -> None:
        self.sizes, self.reverse = list(sizes), reverse
        self.dense = sizes[0] == sizes[-1]
        time = range(len(sizes))
        self.forward, self.backward = (time[::-1], time) if reverse else (time, time[::-1])

    def rows(self, values: Values) -> list[Values]:
        """Return for each step its own rows, (b_t, ·), of values (N, ·)."""
        if isinstance(values, Tensor):
            return list(values.split(self.sizes))
        if self.dense:  # the same views, made more quickly
            return list(values.reshape(len(self.sizes), self.sizes[0], *values.shape[1:]))
        return [values[end - b : end] for end, b in zip(accumulate(self.sizes), self.sizes, strict=True)]

    def running(self, state: Values, axis: int = 0) -> list[Values]:
        """Return for each step the rows, (b_t, ·), of a state (B, ·) that it works on, along this axis."""
        leading = {b: state.swapaxes(0, axis)[:b].swapaxes(0, axis) for b in set(self.sizes)}
        return [leading[b] for b in self.sizes]

    def parts(self, width: int) -> Iterator[tuple[slice, "Steps"]]:
        """Yield the rows and the steps of each part of the backward pass; a part fits a processor's cache."""
        length = max(1, CACHED // max(1, width * self.sizes[0]))  # steps in a part
        ends = [0, *accumulate(self.sizes)]
        for start in range(0, len(self.backward), length):
            part = self.backward[start : start + length]
            first, last = sorted((part[0], part[-1]))
            yield slice(ends[first], ends[last + 1]), Steps(self.sizes[first : last + 1], self.reverse)

    def before(self, start: Tensor, states: Tensor, rows: slice = slice(None)) -> Tensor:
        """Return the state before each row's step, for these rows of `states`, (N, ·); `start` is (B, ·)."""
        begin, end, _ = rows.indices(len(states))
        if self.dense:
            shift = self.sizes[0] if self.reverse else -self.sizes[0]
            known = states[max(0, begin + shift) : end + shift]
            if len(known) == end - begin:
                return known
            return torch.cat([known, start] if self.reverse else [start, known])
        sizes = np.array(self.sizes)
        row, t = np.arange(begin, end), np.repeat(np.arange(len(sizes)), sizes)[rows]
        sequence = row - (np.cumsum(sizes) - sizes)[t]  # the position of a row in its step
        if self.reverse:
            first, earlier = sequence >= np.append(sizes, 0)[t + 1], row + sizes[t]
        else:
            first, earlier = t == 0, row - sizes[t - 1]
        indices = (first[:, np.newaxis], sequence, np.where(first, 0, earlier))
        is_first, in_start, in_states = (torch.from_numpy(v).to(start.device) for v in indices)
        return torch.where(is_first, start.index_select(0, in_start), states.index_select(0, in_states))


def in_place(tensor: Tensor) -> Array:
    """Return the tensor's memory as a NumPy array if possible, otherwise the tensor itself."""
    numpy_can = tensor.device.type == "cpu" and tensor.dtype in (torch.float32, torch.float64)
    return tensor.numpy() if numpy_can else tensor


def library(tensor: Tensor) -> Any:
    """Return NumPy if `in_place` gives an array, otherwise torch; both have `tanh` and `multiply`."""
    return torch if isinstance(in_place(tensor), Tensor) else np


def copy_of(state: Tensor) -> Tensor:
    """Return a copy of a state (B, ·), to be changed in place."""
    return state.detach().clone(memory_format=torch.contiguous_format)

"""Convert the tensors of one call: from the caller's axes to packed rows, and from steps to (T, B, ·)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from rnncourse.spec import Cell, Recurrent


@dataclass(frozen=True)
class Layout:
    """The layout of one call's tensors: the caller's axes, packed rows (N, ·), and values (T, B, ·)."""

    batch_sizes: tuple[int, ...]
    batch_first: bool = False
    unbatched: bool = False
    is_cell: bool = False
    packed: bool = False
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None

    @classmethod
    def of(cls, module: Recurrent, input: Tensor | PackedSequence, is_cell: bool) -> "Layout":
        """Return the layout of a call with this input."""
        if isinstance(input, PackedSequence):
            sizes = tuple(input.batch_sizes.tolist())
            return cls(sizes, False, False, False, True, input.sorted_indices, input.unsorted_indices)
        if is_cell:
            unbatched = input.dim() == 1
            return cls((1 if unbatched else len(input),), unbatched=unbatched, is_cell=True)
        assert not isinstance(module, Cell)
        if input.dim() == 2:
            return cls((1,) * len(input), unbatched=True)
        B, T = input.shape[:2] if module.batch_first else input.shape[1::-1]
        return cls((B,) * T, batch_first=module.batch_first)

    def rows(self, sequence: Tensor | PackedSequence) -> Tensor:
        """Return the input or output of a layer or a cell as rows (N, ·)."""
        if isinstance(sequence, PackedSequence):
            return sequence.data
        if self.packed:
            return sequence
        if self.is_cell:
            return sequence.unsqueeze(0) if self.unbatched else sequence
        if self.unbatched:
            return sequence
        return (sequence.transpose(0, 1) if self.batch_first else sequence).flatten(0, 1)

    def states(self, state: Tensor) -> Tensor:
        """Return the caller's state as (S, B, ·) with the longest sequence first."""
        if self.unbatched:
            state = state.unsqueeze(-2)
        if self.is_cell:
            state = state.unsqueeze(0)
        return state if self.sorted_indices is None else state.index_select(1, self.sorted_indices)

    def over_time(self, steps: Sequence[Tensor]) -> Tensor:
        """Stack the steps of a value, (b_t, ·) each, to (T, B, ·) in the caller's batch order, or (T, ·).

        After the end of a sequence, the values are nan.
        """
        B = self.batch_sizes[0]
        if self.batch_sizes[-1] == B:
            values = torch.stack(list(steps))
        else:
            values = steps[0].new_full((len(steps), B, *steps[0].shape[1:]), torch.nan)
            for t, (step, b_t) in enumerate(zip(steps, self.batch_sizes, strict=True)):
                values[t, :b_t] = step
        return self._as_called(values, 1)

    def as_called(self, rows: Tensor, template: Tensor | PackedSequence) -> Tensor | PackedSequence:
        """Return a layer's output or a cell's h, rows (N, ·), in the form of its input, the template."""
        if isinstance(template, PackedSequence):
            return PackedSequence(rows, *template[1:])
        if self.unbatched:
            return rows
        output: Tensor = rows.unflatten(0, (len(self.batch_sizes), self.batch_sizes[0]))
        return output.transpose(0, 1) if self.batch_first else output

    def state_as_called(self, state: Tensor) -> Tensor:
        """Return a state (S, B, ·) in the caller's layout."""
        if self.unsorted_indices is not None:
            state = state.index_select(1, self.unsorted_indices)
        if self.unbatched:
            state = state.squeeze(1)
        return state.squeeze(0) if self.is_cell else state

    def rows_over_time(self, rows: Tensor) -> Tensor:
        """Lay the rows of one value, (N, ·), out as `over_time` does, in the same memory if possible."""
        if self.batch_sizes[-1] != self.batch_sizes[0]:
            return self.over_time(rows.split(self.batch_sizes))
        return self._as_called(rows.unflatten(0, (len(self.batch_sizes), self.batch_sizes[0])), 1)

    def initial_as_called(self, state: Tensor) -> Tensor:
        """Return the state of one layer and direction, (B, ·), in the caller's order; unbatched, (·)."""
        return self._as_called(state.clone(), 0)

    def _as_called(self, values: Tensor, batch: int) -> Tensor:
        if self.unsorted_indices is not None:
            values = values.index_select(batch, self.unsorted_indices)
        return values.squeeze(batch) if self.unbatched else values

    @property
    def lengths(self) -> Tensor | None:
        """For a packed call, each sequence's number of steps, (B), in the caller's order; otherwise None."""
        if not self.packed:
            return None
        sizes = torch.tensor(self.batch_sizes)
        lengths = (sizes.unsqueeze(1) > torch.arange(self.batch_sizes[0])).sum(0)
        return lengths if self.unsorted_indices is None else lengths[self.unsorted_indices.cpu()]

"""Join several calls, one after the other in time, into one sequence: a loop over a cell, or over a layer.

A place is one layer in one direction. Each value is (T, B, ·) over all calls, or (T, ·) without a batch. If
the batch shrinks from call to call, the rows that have ended are nan.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from rnncourse.spec import Place
from rnncourse.tracing.equations import INITIAL, Values
from rnncourse.tracing.record import Call


def follow_each_other(calls: Sequence[Call]) -> bool:
    """Return whether the calls are a loop over time: of a cell, or of a layer step by step or in chunks."""
    if len(calls) == 1 or calls[0].plan.is_cell:
        return True
    if any(call.layout.packed or call.layout.batch_first != calls[0].layout.batch_first for call in calls):
        return False
    return all(len(call.layout.batch_sizes) == 1 for call in calls) or all(c.given for c in calls[1:])


def check_rows(name: str, calls: Sequence[Call]) -> None:
    """Raise LookupError if the batch grows: then nobody can know which row continues which."""
    sizes = [call.layout.batch_sizes[0] for call in calls]
    for k, (before, after) in enumerate(pairwise(sizes), start=1):
        if after > before or calls[k].layout.unbatched != calls[0].layout.unbatched:
            change = f"grew from {before} to {after}" if after > before else "came or went"
            raise LookupError(
                f"the calls of {name!r} can't be put in one row over time: at call {k} the batch {change}. "
                f"Read each alone: t[{name!r}, k].f"
            )


def values_over(calls: Sequence[Call], place: Place) -> Values:
    """Return the saved values by name."""
    return _over_time(calls, [call.values[place] for call in calls])


def gradients_over(calls: Sequence[Call], place: Place) -> Values:
    """Return the gradients of the values and of the first initial states by name; none if no gradient came.

    If gradients reached only some of the calls, those of the others are zeros.
    """
    if not any(call.gradients for call in calls):
        return {}
    by_call = [call.gradients[place] if call.gradients else _zeros(call, place) for call in calls]
    initial = {name: by_call[0][name] for name in INITIAL if name in by_call[0]}
    over_time = [{name: values[name] for name in calls[0].values[place]} for values in by_call]
    return _over_time(calls, over_time) | initial


def mask_over(calls: Sequence[Call], layer: int) -> Tensor | None:
    """Return the mask by which dropout multiplied this layer's input; None if a call had no dropout."""
    if not all(layer in call.masks for call in calls):
        return None
    return _joined([call.masks[layer] for call in calls], calls[0].layout.unbatched)


def read_by_each_step(calls: Sequence[Call], place: Place, state: str) -> Tensor:
    """Return the h or c that each step read: that of the step before, and for the first the initial one."""
    parts = []
    for call in calls:
        after, initial = call.values[place][state], call.initial[place]["hc".index(state)].unsqueeze(0)
        reverse, lengths = place[1], call.layout.lengths
        before = torch.cat([after[1:], initial] if reverse else [initial, after[:-1]])
        for b, length in enumerate([] if lengths is None else lengths.tolist()):
            before[length:, b] = torch.nan  # the row does not have these steps
            if reverse:
                before[length - 1, b] = initial[0, b]
        parts.append(before)
    return _joined(parts, calls[0].layout.unbatched)


def resets(calls: Sequence[Call], place: Place) -> Tensor:
    """Return where a step did not read the state that the call before it returned: bool, (T, B) or (T)."""
    plan, unbatched, B = calls[0].plan, calls[0].layout.unbatched, calls[0].layout.batch_sizes[0]
    row, parts = plan.places.index(place), []
    for k, call in enumerate(calls):
        T, b_k = len(call.layout.batch_sizes), call.layout.batch_sizes[0]
        part = torch.zeros(T, B, dtype=torch.bool)
        for final, initial in zip(calls[k - 1].final if k else (), call.initial[place], strict=False):
            final = final if plan.is_cell else final[row]
            final, initial = (v.unsqueeze(0) if unbatched else v for v in (final, initial))
            same = (final[:b_k] == initial) | (final[:b_k].isnan() & initial.isnan())
            part[-1 if place[1] else 0, :b_k] |= ~same.all(-1).cpu()
        parts.append(part)
    found = torch.cat(parts)
    return found.squeeze(1) if unbatched else found


def lengths_of(calls: Sequence[Call]) -> Tensor | None:
    """Return the number of steps of each row, (B), for packed input or a shrinking batch; otherwise None."""
    if len(calls) == 1:
        return calls[0].layout.lengths
    sizes = [(call.layout.batch_sizes[0], len(call.layout.batch_sizes)) for call in calls]
    if sizes[-1][0] == sizes[0][0]:
        return None
    return torch.tensor([sum(T for size, T in sizes if size > b) for b in range(sizes[0][0])])


def output_over(calls: Sequence[Call]) -> Tensor | PackedSequence:
    """Return the outputs of a layer's calls as one, laid out as each of them is."""
    outputs = [call.output for call in calls if call.output is not None]
    if isinstance(outputs[0], PackedSequence) or len(outputs) == 1:
        return outputs[0]
    layout, tensors = calls[0].layout, [output for output in outputs if isinstance(output, Tensor)]
    if layout.batch_first and not layout.unbatched:
        return _joined([tensor.transpose(0, 1) for tensor in tensors], False).transpose(0, 1)
    return _joined(tensors, layout.unbatched)


def largest(errors: Iterable[float]) -> float:
    """Return the largest error, or nan if one of them is nan, which max would lose."""
    found = list(errors)
    return next((error for error in found if error != error), max(found))


def _over_time(calls: Sequence[Call], by_call: Sequence[Values]) -> Values:
    unbatched = calls[0].layout.unbatched
    return {name: _joined([values[name] for values in by_call], unbatched) for name in by_call[0]}


def _zeros(call: Call, place: Place) -> Values:
    """Return zeros for each value and initial state."""
    values = call.values[place] | dict(zip(INITIAL, call.initial[place], strict=False))
    return {name: torch.zeros_like(value) for name, value in values.items()}


def _joined(parts: Sequence[Tensor], unbatched: bool) -> Tensor:
    """Join (T_k, b_k, ·) of each call, unbatched (T_k, ·), to (T, B, ·), with nan where b_k < B."""
    if len(parts) == 1:
        return parts[0]
    if unbatched or parts[0].shape[1] == parts[-1].shape[1]:
        return torch.cat(list(parts))
    values = parts[0].new_full((sum(map(len, parts)), *parts[0].shape[1:]), torch.nan)
    t = 0
    for part in parts:
        values[t : t + len(part), : part.size(1)] = part
        t += len(part)
    return values

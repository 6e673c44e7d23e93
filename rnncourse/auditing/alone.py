"""A row beside itself alone: the first call that gives it another result without the batch's padding."""

import torch
from torch import Tensor

from rnncourse.auditing.blame import Story
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call


def first_unlike(s: Subject, row: int) -> Call | None:
    """The first call that is given the same in the batch and alone, and returns something else."""
    assert s.inputs.lengths is not None
    fewer = s.T - int(s.inputs.lengths[row])
    try:
        run = s.probe.run(inputs=s.inputs.rows([row]).shorter(fewer, all_inputs=False), record=True)
    except Exception:  # a model that wants its batch or its steps as they are
        return None
    calls, alone = s.base.tape.calls, run.tape.calls
    if [call.name for call in calls] != [call.name for call in alone]:
        return None
    outputs = [s.base.outputs[k] for k in s.numeric]
    relevant = Story(calls, []).relevant(outputs)
    read = {t.untyped_storage().data_ptr() for t in outputs}  # what nothing reads, an h_n say, may differ
    read |= {t.untyped_storage().data_ptr() for c in calls for t in c.args}
    for i, (call, other) in enumerate(zip(calls, alone, strict=True)):
        if i not in relevant or len(call.before) != len(other.before) or len(call.after) != len(other.after):
            continue
        pairs = zip(call.before, other.before, strict=True)
        given = [_alike(a, b, s.B, fewer) for a, b in pairs]
        results = [
            _alike(a, b, s.B, fewer)
            for a, b, made in zip(call.after, other.after, call.results, strict=True)
            if made.untyped_storage().data_ptr() in read
        ]
        if False in results and False not in given and True in given:
            return call
    return None


def _alike(whole: Tensor, alone: Tensor, B: int, fewer: int) -> bool | None:
    """Whether a tensor is the same in both runs at what both have; None if its axes do not say where that is.

    Any row of the batch may be the one: rows that are packed are sorted first.
    """
    if whole.dim() != alone.dim() or whole.dtype != alone.dtype:
        return None
    rows = None
    for axis, (a, b) in enumerate(zip(whole.shape, alone.shape, strict=True)):
        if a == B and b == 1 and rows is None:
            rows = axis
        elif 0 < b < a and a - b <= fewer:  # after a stride, fewer steps less
            whole = whole.narrow(axis, 0, b)
        elif a != b:
            return None
    if not whole.is_floating_point():
        return None
    one, other = torch.nan_to_num(whole), torch.nan_to_num(alone)
    atol = 1e-5 * float(one.abs().max()) if one.numel() else 0.0
    candidates = [one] if rows is None else one.split(1, rows)
    return any(bool(torch.allclose(part, other, rtol=1e-4, atol=atol)) for part in candidates)

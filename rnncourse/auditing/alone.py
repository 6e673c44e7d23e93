"""Compare a row in the batch with the same row alone, without the batch's padding."""

import torch
from torch import Tensor

from rnncourse.auditing.blame import Story
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call


def first_unlike(s: Subject, row: int) -> Call | None:
    """Return the first call that returns something different in the batch and alone, for the same input."""
    assert s.inputs.lengths is not None
    fewer = s.T - int(s.inputs.lengths[row])
    try:
        run = s.probe.run(inputs=s.inputs.rows([row]).shorter(fewer, all_inputs=False), record=True)
    except Exception:  # a model with a fixed batch size or number of steps
        return None
    calls, alone = s.base.tape.calls, run.tape.calls
    if [call.name for call in calls] != [call.name for call in alone]:
        return None
    outputs = [s.base.outputs[k] for k in s.numeric]
    relevant = Story(calls, []).relevant(outputs)
    read = {
        t.untyped_storage().data_ptr() for t in outputs
    }  # results that nothing reads, such as h_n, may differ
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
    """Return whether both runs agree on the entries they share; None if the axes do not tell which these are.

    Any row of the batch may be the one to compare with, since packed rows are sorted first.
    """
    if whole.dim() != alone.dim() or whole.dtype != alone.dtype:
        return None
    rows = None
    for axis, (a, b) in enumerate(zip(whole.shape, alone.shape, strict=True)):
        if a == B and b == 1 and rows is None:
            rows = axis
        elif 0 < b < a and a - b <= fewer:  # after a stride the difference is smaller
            whole = whole.narrow(axis, 0, b)
        elif a != b:
            return None
    if not whole.is_floating_point():
        return None
    one, other = torch.nan_to_num(whole), torch.nan_to_num(alone)
    atol = 1e-5 * float(one.abs().max()) if one.numel() else 0.0
    candidates = [one] if rows is None else one.split(1, rows)
    return any(bool(torch.allclose(part, other, rtol=1e-4, atol=atol)) for part in candidates)

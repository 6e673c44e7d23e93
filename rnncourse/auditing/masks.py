"""An inverted padding mask, recognised by its values."""

import torch
from torch import Tensor

from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call

HIDES = -1e3  # a score below this gets no weight in a softmax


def inverted_mask(s: Subject) -> Call | None:
    """Return the call that hides the real steps of all rows from a softmax instead of the padded ones."""
    if s.real is None or bool(s.real.all()):
        return None
    for call in s.base.tape.calls:
        if call.name not in ("masked_fill", "masked_fill_") or len(call.given) < 3:
            continue
        fill = call.given[2]
        if isinstance(fill, int | float) and fill < HIDES and _lies_as(call.before[1], s.real):
            return call
    return None


def _lies_as(mask: Tensor, real: Tensor) -> bool:
    flags = mask.squeeze().cpu()
    return mask.dtype == torch.bool and any(torch.equal(flags, way) for way in (real, real.t()))

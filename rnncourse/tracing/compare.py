"""Compare a recomputed call with what the module itself returned, and judge what rounding can explain."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

# Relative to the largest number. A different order of rounding gave 1.1e-6 in float32, 300 steps, 512 units.
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.float16: 1e-2, torch.bfloat16: 5e-2}
TF32 = 1e-2  # cuDNN rounds float32 to ten bits, unless told otherwise


def max_error(own: Sequence[Tensor], again: Sequence[Tensor]) -> tuple[float, bool]:
    """Return the largest |again - own|, and whether some numbers are nan on both sides.

    Two equal infinities do not differ; a nan on one side only differs by inf. Two nan cannot be compared:
    they are left out of the first result and reported by the second.
    """
    largest, nan = 0.0, False
    for theirs, ours in zip(own, again, strict=True):
        if theirs.shape != ours.shape:
            raise ValueError(f"it returned {tuple(theirs.shape)} where {tuple(ours.shape)} was expected")
        apart = (theirs - ours).abs()
        furthest = apart.max().item() if apart.numel() else 0.0
        if not math.isfinite(furthest):  # some are not finite: which of them on both sides?
            both_nan = theirs.isnan() & ours.isnan()
            same = (theirs == ours) | both_nan
            furthest = apart.masked_fill(same, 0).nan_to_num(nan=math.inf, posinf=math.inf).max().item()
            nan = nan or bool(both_nan.any())
        largest = max(largest, furthest)
    return largest, nan


def allowed(own: Sequence[Tensor], autocast: dict[str, Any]) -> float:
    """Return the error that rounding can explain."""
    dtypes = {tensor.dtype for tensor in own} | ({autocast["dtype"]} if autocast["enabled"] else set())
    tolerance = max(TOLERANCE.get(dtype, 0.0) for dtype in dtypes)
    if own[0].is_cuda and torch.float32 in dtypes and torch.backends.cudnn.allow_tf32:
        tolerance = max(tolerance, TF32)
    finite = [tensor.abs().nan_to_num(nan=0, posinf=0) for tensor in own if tensor.numel()]
    return tolerance * (max((tensor.max().item() for tensor in finite), default=0.0) or 1.0)

"""A softmax that normalises the wrong axis: one with a single entry, or not the one that is summed over."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rnncourse.auditing.report import QUESTION, WRONG, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call

KINDS = ("softmax of one", "softmax axis")


def run(s: Subject) -> Iterator[Finding]:
    soft = [c for c in s.base.tape.calls if c.name in ("softmax", "log_softmax") and c.after and c.before]
    # by line: a decoder's first step may attend to a single entry, its later ones to more
    sizes: dict[object, set[int]] = {}
    for call in soft:
        axis = _axis(call)
        if axis is not None and call.after[0].dim():
            s.made("softmax of one")
            sizes.setdefault(call.place or call.module, set()).add(call.after[0].shape[axis])
    for call in soft:
        axis = _axis(call)
        if axis is None or s.T == 1 or sizes.get(call.place or call.module) != {1}:
            continue
        yield Finding(
            "softmax of one",
            WRONG,
            f"The softmax over axis {axis} of {tuple(call.after[0].shape)} is over a single entry, so it is "
            f"always {0 if call.name == 'log_softmax' else 1}.",
            call.place,
            call.module,
            numbers={"axis": float(axis)},
            by=f"By {call.name}",
        )
        return
    weights = [call for call in soft if call.name == "softmax"]
    found = list(_summed_over_another(s, weights))
    yield from found or _multiplied_and_summed(s, weights)


def _axis(call: Call) -> int | None:
    dim = call.options.get("dim", call.given[1] if len(call.given) > 1 else None)
    if isinstance(dim, int):
        return dim % max(1, call.after[0].dim())
    return None


def _summed_over_another(s: Subject, soft: list[Call]) -> Iterator[Finding]:
    """Check weights in a matrix product: along the axis that it sums over they must sum to 1."""
    calls = s.base.tape.calls
    storages = {call.results[0].untyped_storage().data_ptr(): call for call in soft}
    for call in calls:
        if call.name not in ("bmm", "matmul", "__matmul__") or len(call.before) < 2:
            continue
        left, right = call.before[0], call.before[1]
        for weights, axis, arg in (
            (left, left.dim() - 1, call.args[0]),
            (right, right.dim() - 2, call.args[1]),
        ):
            source = storages.get(arg.untyped_storage().data_ptr())
            if source is None or weights.dim() < 3 or axis < 1 or weights.shape[axis] < 2:
                continue
            s.made("softmax axis")
            if _sums_to_one(weights, axis) or bool((weights < 0).any()):
                continue
            other = next(
                (
                    a
                    for a in range(1, weights.dim())
                    if a != axis and weights.shape[a] > 1 and _sums_to_one(weights, a)
                ),
                None,
            )
            if other is not None:
                yield _wrong_axis(source, weights, other, axis)
                return


def _multiplied_and_summed(s: Subject, soft: list[Call]) -> Iterator[Finding]:
    """Check weights in (w * x).sum(axis): along this axis they must sum to 1, if they do along another."""
    calls = s.base.tape.calls
    storages = {call.results[0].untyped_storage().data_ptr(): call for call in soft}
    products: dict[int, tuple[Call, Tensor]] = {}
    for call in calls:
        if call.name in ("mul", "__mul__", "__rmul__") and len(call.before) == 2 and call.results:
            for arg, value in zip(call.args, call.before, strict=True):
                source = storages.get(arg.untyped_storage().data_ptr())
                if source is not None and value.dim() == call.after[0].dim():
                    products[call.results[0].untyped_storage().data_ptr()] = source, value
        if call.name != "sum" or not call.args:
            continue
        made = products.get(call.args[0].untyped_storage().data_ptr())
        axis = call.options.get("dim", call.given[1] if len(call.given) > 1 else None)
        if made is None or not isinstance(axis, int) or call.before[0].dim() != made[1].dim():
            continue
        source, weights = made
        axis %= weights.dim()
        if axis == 0 or weights.shape[axis] < 2 or bool((weights < 0).any()):
            continue
        s.made("softmax axis")
        others = (a for a in range(1, weights.dim()) if a != axis and weights.shape[a] > 1)
        other = next((a for a in others if _sums_to_one(weights, a)), None)
        if _sums_to_one(weights, axis) or other is None:
            continue
        yield _wrong_axis(source, weights, other, axis)
        return


def _wrong_axis(source: Call, weights: Tensor, other: int, axis: int) -> Finding:
    sums = weights.sum(axis)
    return Finding(
        "softmax axis",
        QUESTION,
        f"The weights {tuple(weights.shape)} sum to 1 along axis {other}, but the weighted sum is along axis "
        f"{axis}, where they sum to between {float(sums.min()):.2g} and {float(sums.max()):.2g}. Is the "
        "softmax over the wrong axis?",
        source.place,
        source.module,
        numbers={"axis": float(other)},
        by=f"By {source.name}",
    )


def _sums_to_one(weights: Tensor, axis: int) -> bool:
    return bool(torch.allclose(weights.sum(axis), torch.ones(()).to(weights), atol=1e-4))

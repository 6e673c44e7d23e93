"""Parts of an input that no output reads: a range of steps, or some features."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rnncourse.auditing.checks.arguments import changes, changes_in_train
from rnncourse.auditing.evidence import looks_padded
from rnncourse.auditing.inputs import Leaf
from rnncourse.auditing.probe import others
from rnncourse.auditing.report import QUESTION, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call

KINDS = ("part unread",)
TAKING = {"__getitem__", "narrow", "select", "index_select", "chunk", "split", "unbind", "tensor_split"}
STRIDED = {
    "conv1d", "conv2d", "conv3d", "max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d", "lp_pool1d",
    "boolean_dispatch",
}  # fmt: skip
SCALES = (1.0, 30.0)  # the second is large enough to win a maximum


def run(s: Subject) -> Iterator[Finding]:
    total = s.summed(s.graph) if s.learns else None
    if total is None:
        s.skip("which parts of the inputs are read (no output has a gradient)", *KINDS)
        return
    spare = _left_over(s)
    for number, square in s.entry_gradients(total).items():
        leaf = s.inputs.leaves[number]
        if not leaf.disturbed or not bool(square.any()):  # unread as a whole: another check
            continue
        s.made("part unread")
        read = square.cpu() > 0
        for axis, size in enumerate(read.shape):
            if axis == leaf.batch:
                continue
            unread = ~read.movedim(axis, 0).reshape(size, -1).any(1)
            least = 1 + (spare if axis == leaf.time or read.dim() > 3 else 0)
            if axis == leaf.time:
                unread &= _expected(s, leaf, unread)
                if not _opens(s, unread):
                    least = max(least, 2)  # one step may be left out by a shift
                if s.has("state dropped", "last step unread"):
                    continue
            ranges = [(a, b) for a, b in _ranges(unread) if b - a >= least]
            chosen = torch.zeros(size, dtype=torch.bool)
            for first, stop in ranges:
                chosen[first:stop] = True
            if ranges and not chosen.all() and not _read_after_all(s, number, leaf, axis, chosen):
                yield _finding(s, number, leaf, axis, ranges)


def _finding(s: Subject, number: int, leaf: Leaf, axis: int, ranges: list[tuple[int, int]]) -> Finding:
    shown = ", ".join(f"{a} to {b - 1}" if b - a > 1 else str(a) for a, b in ranges[:3])
    shown += f" and {len(ranges) - 3} more ranges" if len(ranges) > 3 else ""
    count = sum(b - a for a, b in ranges)
    last = axis == leaf.value.dim() - 1
    what = "step" if axis == leaf.time else "feature" if last else f"axis-{axis} position"
    plural = "" if count == 1 else "s"
    they = "it" if count == 1 else "they"
    call = _taken(s, number)
    return Finding(
        "part unread",
        QUESTION,
        f"No output depends on {what}{plural} {shown} of {leaf.name} ({count} of {leaf.value.shape[axis]}): "
        f"{they} may be changed, and nothing changes. Is this intended?",
        call.place if call else None,
        call.module if call else "",
        step=ranges[0][0] if axis == leaf.time else None,
        numbers={"unlawful": 0.0, "count": float(count)},
        by=f"Last taken by {call.name}" if call else "",
    )


def _opens(s: Subject, unread: Tensor) -> bool:
    """Return whether in all rows an episode starts at some of these steps."""
    starts = s.inputs.starts
    return starts is not None and len(unread) == s.T and bool((starts.bool().all(0) & unread).any())


def _expected(s: Subject, leaf: Leaf, unread: Tensor) -> Tensor:
    """Return the steps, (T,), that some row should read: those that are not padding in all rows."""
    real = s.real if s.real is not None and leaf.T == s.T else ~looks_padded(leaf)
    starts = s.inputs.starts
    if starts is not None and not s.timed and leaf.T == s.T:  # only the last episode is read
        real = real & (starts.flip(1).long().cumsum(1).flip(1) - starts.long() == 0)
    expected = real.any(0)
    longest = leaf.T - int(unread.flip(0).int().cumprod(0).sum())  # nothing is read from there on
    for other in s.inputs.leaves:
        if other.batch is None:
            continue
        value = torch.as_tensor(other.value) if _integers(other.value) else other.value
        if not isinstance(value, Tensor):
            continue
        if value.dim() == 1 and not value.is_floating_point() and int(value.max()) == longest:  # its lengths
            expected = expected & (torch.arange(leaf.T) < longest)
        if other.role == "flags" and other.time is not None and value.dim() == 2 and other.T == leaf.T:
            flags = value.movedim(other.batch, 0).cpu()
            expected = expected & ~((flags == flags[:1]).all(0) & (flags != flags[:, :1]).all(0))
    return expected


def _integers(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) > 0 and all(type(v) is int for v in value)


def _ranges(chosen: Tensor) -> list[tuple[int, int]]:
    """Return the ranges of chosen indices, each as its first one and the one after its last."""
    padded = torch.cat([chosen.new_zeros(1), chosen, chosen.new_zeros(1)]).int()
    edges = (padded[1:] != padded[:-1]).nonzero().flatten().tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


def _left_over(s: Subject) -> int:
    """Return how many steps strides may leave over: a convolution's, a window's, or those between outputs."""
    product = 1
    for call in s.base.tape.calls:
        if not call.before or not call.after or not call.before[0].dim() or not call.after[0].dim():
            continue
        if call.name in STRIDED:
            product *= max(1, round(call.before[0].shape[-1] / max(1, call.after[0].shape[-1])))
        elif call.name == "unfold" and len(call.given) == 4 and type(call.given[3]) is int:
            product *= call.given[3]
    between = max((-(-s.T // max(1, s.layouts[k].T or s.T)) for k in s.timed), default=1)
    return max(product, between) - 1


def _read_after_all(s: Subject, number: int, leaf: Leaf, axis: int, chosen: Tensor) -> bool:
    """Return whether other values there change an output, which has no gradient or reads a maximum."""
    shape = [-1 if k == axis else 1 for k in range(leaf.value.dim())]
    mask = chosen.reshape(shape).expand(leaf.value.shape).to(leaf.value.device)
    where = s.steps(chosen, number) if axis == leaf.time else None
    try:
        for scale in SCALES:
            if leaf.floating:
                moved = leaf.value + scale * s.probe.noise(number, leaf) * mask
                run = s.probe.run(values={number: moved})
            elif where is not None:
                run = s.disturb(where, scale=scale)
            else:
                continue
            if changes(s, run):
                return True
        if not leaf.floating and changes(
            s, s.probe.run(values={number: torch.where(mask, others(leaf), leaf.value)})
        ):
            return True
    except Exception:  # a model that refuses such values reads them
        return True
    return where is not None and changes_in_train(s, where)


def _taken(s: Subject, number: int) -> Call | None:
    """Return the last call that takes a part of this input."""
    given = s.base.given[number]
    if not isinstance(given, Tensor):
        return None
    memory = given.untyped_storage().data_ptr()
    calls = [c for c in s.base.tape.calls if c.name in TAKING and c.place and c.args]
    return next((c for c in reversed(calls) if c.args[0].untyped_storage().data_ptr() == memory), None)

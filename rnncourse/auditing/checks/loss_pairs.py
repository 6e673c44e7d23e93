"""Which target row the loss compares with which output row, and what the loss does not read."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from rnncourse.auditing import criterion
from rnncourse.auditing.horizon import wrong_axis
from rnncourse.auditing.inputs import Leaf
from rnncourse.auditing.probe import Run
from rnncourse.auditing.report import QUESTION, WRONG, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call

COLUMNS = 8  # so many parts of a target are tried

KINDS = ("unread by the loss", "target mispaired", "loss couples rows")


def run(s: Subject) -> Iterator[Finding]:
    if s.loss is None:
        return
    target = criterion.target_of(s)
    yield from _unread(s, target)
    yield from _pairs(s, target)
    yield from wrong_axis(s)


def _unread(s: Subject, target: Any) -> Iterator[Finding]:
    """Find a target, or an input that the outputs read, on which the loss does not depend."""
    assert s.loss is not None
    now = float(s.loss[0].detach())
    if s.has("random in eval", "dropout in eval", "state kept", "not finite"):
        return
    for number, leaf in enumerate(s.inputs.leaves):
        others = [x for x in s.inputs.leaves if x.disturbed and x.floating == leaf.floating]
        if not leaf.disturbed or len(others) < 2 or (run := s.alone.get(number)) is None:
            continue
        effect = max(float(s.effect(run, k).max()) for k in range(len(s.base.outputs)))
        try:
            loss = float(s.probe.loss_of(run.returned, target)[0].detach())
        except Exception:  # the loss refuses such outputs
            continue
        s.made("unread by the loss")
        if effect > 0 and loss == now and not _learns_from(s, run, target):
            yield _ignores(s, f"{leaf.name}, though the outputs do ({effect:.2g})")
            return
    goal = s.inputs.target
    if goal is None or not isinstance(target, Tensor):
        return
    other = criterion.other_values(target, target)
    if not criterion.loss_takes(
        s, other
    ):  # some values are not allowed in some entries: use those of other rows
        other = target if goal.batch is None else target.roll(1, goal.batch)
    if other.equal(target) or not criterion.loss_takes(s, other):
        s.skip("whether the loss reads the target (it accepts no other one)", "unread by the loss")
        return
    loss = float(s.probe.loss_of(s.base.returned, other)[0].detach())
    s.made("unread by the loss")
    if loss == now and _same_gradients(s, target, other):
        yield _ignores(s, "the target")
    else:
        yield from _part_unread(s, goal, now)


def _part_unread(s: Subject, goal: Leaf, now: float) -> Iterator[Finding]:
    """Find one of a few columns of the target, such as the end of a span, that the loss does not read."""
    target, batch = goal.value, goal.batch
    most = COLUMNS if target.is_floating_point() else 2  # more integers may be words, of which some begin
    if batch is None or (target.dim() > 2 and not target.is_floating_point()):
        return
    steps = goal.time if goal.time is not None and goal.T == s.T else None
    axes = [a for a in range(target.dim()) if a not in (batch, steps) and 1 < target.shape[a] <= most]
    for axis in axes:
        for index in range(target.shape[axis]):
            other = target.clone()
            part = other.select(axis, index)
            part.copy_(part.roll(1, batch - (axis < batch)))
            if other.equal(target) or not criterion.loss_takes(s, other):
                continue
            loss = float(s.probe.loss_of(s.base.returned, other)[0].detach())
            if loss == now and _same_gradients(s, target, other):
                yield Finding(
                    "unread by the loss",
                    QUESTION,
                    f"The loss does not read entry {index} of axis {axis} of the target "
                    f"{tuple(target.shape)}: it stays {now:.4g} if the rows exchange their values there. Is "
                    "this intended?",
                    numbers={"unlawful": 0.0},
                )
                return


def _same_gradients(s: Subject, target: Any, other: Any) -> bool:
    """Return whether the outputs get the same gradients with both targets; rounding may hide a change."""
    first, second = criterion.gradients(s, target), criterion.gradients(s, other)
    return all(
        (a is None and b is None) or (a is not None and b is not None and torch.equal(a, b))
        for a, b in zip(first or [], second or [], strict=False)
    )


def _learns_from(s: Subject, run: Run, target: Any) -> bool:
    """Return whether the loss has a gradient at an output that changes; rounding may hide the change."""
    gradients = criterion.gradients(s, target)
    if gradients is None:
        return True
    return any(
        gradient is not None and bool(gradient.any()) and float(s.effect(run, k).max()) > 0
        for k, gradient in enumerate(gradients)
    )


def _ignores(s: Subject, what: str) -> Finding:
    assert s.loss is not None
    tape = s.loss[1]
    call = next((call for call in tape.calls if call.place and _with_itself(call)), None)
    by = f"{call.name} compares a tensor with itself" if call else ""
    return Finding(
        "unread by the loss",
        WRONG,
        f"The loss does not depend on {what}: it stays {float(s.loss[0].detach()):.4g} for any values.",
        call.place if call else None,
        numbers={"unlawful": 0.0},
        by=by,
    )


def _with_itself(call: Call) -> bool:
    """Return whether a call's two tensors share their memory, as in a product of z and z.t()."""
    if len(call.args) < 2 or not call.args[0].is_floating_point():
        return False
    one, other = call.args[:2]
    same = one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()
    return bool(one.numel() == other.numel() and same)


def _pairs(s: Subject, target: Any) -> Iterator[Finding]:
    """Change one row of the target, and see which rows of the outputs get a different gradient."""
    leaf = s.inputs.target
    if s.B < 2 or leaf is None or not isinstance(target, Tensor):
        yield from _coupled(s, target)
        return
    first = criterion.gradients(s, target)
    if first is None or all(gradient is None for gradient in first):
        s.skip("which target meets which output (the loss has no gradient at the outputs)", *KINDS[1:])
        return
    changed = _other_target(s, leaf.value, leaf.batch)
    if changed is None:
        yield from _coupled(s, target)
        return
    moved: list[tuple[int, Tensor]] = []
    for row, other in changed:
        try:
            second = criterion.gradients(s, other)
        except Exception as error:  # the loss refuses such a target
            s.skip(f"which target meets which output (the loss raises {type(error).__name__})", *KINDS[1:])
            return
        if second is None:
            return
        s.made("target mispaired")
        rows = criterion.moved_along(0, first, second, s.B)
        if bool(rows.all()) and bool(criterion.moved_along(1, first, second, s.T).all()) and s.T > s.B:
            rows[:] = (
                False  # each row is compared with the targets of all rows, at all steps: in-batch negatives
            )
        moved.append((row, rows))
    unlike = [(row, rows) for row, rows in moved if bool(rows.any())]
    coupled = list(_coupled(s, target))
    for row, rows in unlike:
        others = [r for r in rows.nonzero().flatten().tolist() if r != row]
        # a loss that couples all rows changes all gradients: "loss couples rows" asks about it
        if others and (not coupled or not bool(rows[row]) or len(others) < s.B - 1):
            assert s.loss is not None
            call = criterion.comparing_call(s.loss[1])
            yield Finding(
                "target mispaired",
                WRONG,
                f"Target row {s.number(row)} is compared with output row {s.number(others[0])}: are both in "
                "the same order? One may be flattened time first, the other batch first.",
                call.place if call else None,
                row=s.number(row),
                numbers={"row": float(s.number(others[0]))},
                lesson="03",
                by=f"Compared by {call.name}" if call else "",
            )
            return
    yield from coupled


def _other_target(s: Subject, value: Tensor, batch: int | None) -> list[tuple[int, Tensor]] | None:
    """Return the target with other values in one row, once for the first and once for the last row."""
    if batch is None:  # flattened to B * T: its first T entries are row 0's only if rows come first
        return _flat_target(s, value)
    found = []
    for row in (0, s.B - 1):
        other = value.clone()
        part = other.select(batch, row)
        part.copy_(criterion.other_values(value, part))
        if not criterion.loss_takes(s, other):
            part.copy_(value.select(batch, (row + 1) % s.B))
        if not other.equal(value):
            found.append((row, other))
    return found or None


def _flat_target(s: Subject, value: Tensor) -> list[tuple[int, Tensor]] | None:
    """Change row 0 of a target of B * T entries: its first T, or every B-th if the inputs are time first."""
    if value.dim() == 0 or value.shape[0] != s.B * s.T:
        return None
    other = value.clone()
    main = s.inputs.main
    assert main.batch is not None
    assert main.time is not None
    row = slice(0, s.T) if main.batch < main.time else slice(0, None, s.B)
    other[row] = criterion.other_values(value, value[row])
    return None if other.equal(value) else [(0, other)]


def _coupled(s: Subject, target: Any) -> Iterator[Finding]:
    """Find a row whose gradient depends on another row's outputs."""
    if s.B < 2 or not s.numeric or s.has("target mispaired", "shapes broadcast"):
        return
    first = criterion.gradients(s, target)
    if first is None:
        return
    move = {}
    for k in s.numeric:
        out = s.base.outputs[k]
        if not out.is_floating_point() or first[k] is None:
            continue
        mask = torch.zeros(s.B, 1, 1, dtype=torch.float64)
        mask[0] = 1
        noise = (
            torch.randn(out.shape, generator=torch.Generator().manual_seed(5)).to(out)
            * 0.1
            * (s.size(k) or 1.0)
        )
        row = _row_mask(s, k)
        if row is None:
            return
        move[k] = out.detach() + noise * row
    if not move:
        return
    try:
        second = criterion.gradients(s, target, move)
    except Exception:  # the loss refuses such outputs
        return
    if second is None:
        return
    rows = criterion.moved_along(0, first, second, s.B)
    s.made("loss couples rows")
    rows[0] = False
    if bool(rows.any()):
        other = s.number(int(rows.nonzero()[0]))
        yield Finding(
            "loss couples rows",
            QUESTION,
            f"The gradient of the loss at row {other} depends on the outputs of row {s.number(0)}: the loss "
            "is not a sum over rows. Is this intended, as in a contrastive loss?",
            row=other,
        )


def _row_mask(s: Subject, k: int) -> Tensor | None:
    layout, out = s.layouts[k], s.base.outputs[k]
    if layout.joined is not None:
        n = out.shape[layout.joined]
        index = torch.arange(n)
        mine = index < n // s.B if layout.rows_first else index % s.B == 0
        axis = layout.joined
    elif layout.batch is not None:
        axis = layout.batch
        mine = torch.arange(out.shape[axis]) < out.shape[axis] // s.B
    else:
        return None
    shape = [1] * out.dim()
    shape[axis] = -1
    return mine.reshape(shape).to(out)

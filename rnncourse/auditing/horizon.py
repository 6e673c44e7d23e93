"""Outputs with two axes of one size, of which the loss may compare the wrong one with the target's steps."""

from collections.abc import Iterator
from itertools import pairwise

from torch import Tensor

from rnncourse.auditing import criterion
from rnncourse.auditing.report import QUESTION, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call

FEWEST = 3  # steps of a horizon that show which axis is time


def wrong_axis(s: Subject) -> Iterator[Finding]:
    """Find a target whose steps meet one axis of an output, while later inputs change the other one later."""
    for k in s.pooled:
        layout = s.layouts[k]
        axes = [a for a in range(len(layout.shape)) if a != layout.batch]
        if len(axes) != 2 or layout.shape[axes[0]] != layout.shape[axes[1]]:
            continue
        n = layout.shape[axes[0]]
        paired = _paired_axis(s, k, n) if n >= FEWEST else None
        if paired is None:
            continue
        s.made("target mispaired")
        if not _is_time(s, k, n, 1 - paired) or _is_time(s, k, n, paired):
            continue
        call = _broadcast(s)
        yield Finding(
            "target mispaired",
            QUESTION,
            f"Each step of the target is compared with one entry of axis {axes[paired]} of the output "
            f"{layout.shape} and with all of axis {axes[1 - paired]}, but axis {axes[1 - paired]} is time: "
            f"later steps of {s.inputs.main.name} change only its later entries. Are the two axes exchanged?",
            call.place if call else None,
            lesson="03",
            by=f"Compared by {call.name}" if call else "",
        )
        return


def _paired_axis(s: Subject, k: int, n: int) -> int | None:
    """Return along which axis of (n, n) the target's last steps meet one entry each, in their order."""
    goal = s.inputs.target
    if s.loss is None or goal is None or not isinstance(goal.value, Tensor) or goal.batch is None:
        return None
    if goal.value.dim() != 2:
        return None
    T = goal.value.shape[1 - goal.batch]
    found = [criterion.compared_entries(s, step).get(k) for step in range(max(0, T - n), T)]
    masks = [entries.view(n, n) for entries in found if entries is not None]
    for axis in (0, 1):
        places = [mask.any(1 - axis).nonzero().flatten().tolist() for mask in masks]
        if len(masks) >= FEWEST and places == [[n - len(masks) + i] for i in range(len(masks))]:
            return axis if all(bool(mask.any(axis).all()) for mask in masks) else None
    return None


def _is_time(s: Subject, k: int, n: int, axis: int) -> bool:
    """Return whether inputs from one step later on change entries from one index later on, up to the last."""
    first = []
    for cut in range(max(1, s.T - n), s.T):
        run = s.nudged(cut, late=True)
        moved = (s.values(run, k) != s.values(s.base, k)).flatten(0, 1).any(0).view(n, n)
        along = moved.any(1 - axis).nonzero().flatten()
        if len(along):
            first.append(int(along[0]))
    return len(first) >= FEWEST - 1 and all(b == a + 1 for a, b in pairwise(first))


def _broadcast(s: Subject) -> Call | None:
    """Return the first call in the loss that broadcasts two tensors of different shapes."""
    assert s.loss is not None
    for call in s.loss[1].calls:
        if call.place and call.after and len(call.before) > 1:
            one, other = call.before[:2]
            if one.shape != other.shape and min(one.dim(), other.dim()) == call.after[0].dim():
                return call
    return criterion.comparing_call(s.loss[1])

"""Arguments that change nothing: an input that is not read, a mask that is not applied."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rnncourse.auditing.inputs import Leaf
from rnncourse.auditing.report import QUESTION, WRONG, Finding
from rnncourse.auditing.subject import Subject

KINDS = ("input unread", "mask unread")


def run(s: Subject) -> Iterator[Finding]:
    sizes = max((s.size(k) for k in range(len(s.layouts))), default=0.0)
    if not sizes or not s.layouts:
        return
    for number, leaf in enumerate(s.inputs.leaves):
        if leaf.disturbed and (len([x for x in s.inputs.leaves if x.disturbed]) > 1 or leaf is s.inputs.main):
            yield from _input(s, number, leaf)
        elif leaf.role in ("flags", "lengths"):
            yield from _flags(s, number, leaf)


def _input(s: Subject, number: int, leaf: Leaf) -> Iterator[Finding]:
    def where(other: Leaf) -> Tensor | None:
        if other is not leaf:
            return None
        return torch.ones((s.B, leaf.T) if leaf.time is not None else (s.B,), dtype=torch.bool)

    if not _changes(s, s.disturb(where)):
        yield Finding(
            "input unread",
            WRONG,
            f"No output depends on {leaf.name}: it may be changed as a whole, and nothing changes.",
            lesson="03",
        )


def _flags(s: Subject, number: int, leaf: Leaf) -> Iterator[Finding]:
    try:
        run = s.probe.run(values={number: _other(leaf)})
    except Exception:  # a mask or lengths that the model refuses: then it reads them
        return
    if _changes(s, run):
        return
    if leaf.role == "lengths":
        yield Finding(
            "mask unread", QUESTION, f"No output depends on {leaf.name}. Is it meant for the loss alone?", lesson="13"
        )
        return
    yield Finding(
        "mask unread",
        WRONG,
        f"{leaf.name} is not applied: its entries may be exchanged, True for False, and no output changes.",
        lesson="13",
    )


def _other(leaf: Leaf) -> Tensor | list[int]:
    """The flags with one entry of each row changed; lengths all at their longest."""
    value = leaf.value
    if leaf.role == "lengths":
        if not isinstance(value, Tensor):
            return [max(value)] * len(value)  # type: ignore[return-value]
        changed = value.roll(1)
        return changed if not changed.equal(value) else (value - 1).clamp(min=1)
    assert leaf.batch is not None
    assert leaf.time is not None
    rows = value.clone().movedim((leaf.batch, leaf.time), (0, 1))
    for k in range(rows.shape[0]):
        flags = rows[k].reshape(rows.shape[1], -1)[:, 0]
        minority = bool(flags.float().mean() < 0.5)
        places = (flags.bool() == minority).nonzero().flatten()
        at = int(places[0]) if len(places) else (k + 1) % rows.shape[1]
        rows[k, at] = ~rows[k, at] if value.dtype == torch.bool else 1 - rows[k, at]
    return rows.movedim((0, 1), (leaf.batch, leaf.time)).contiguous()


def _changes(s: Subject, run: object) -> bool:
    outputs = run.outputs  # type: ignore[attr-defined]
    if len(outputs) != len(s.base.outputs):
        return True
    for out, base in zip(outputs, s.base.outputs, strict=True):
        if out.shape != base.shape or bool((torch.nan_to_num(out.detach()) != torch.nan_to_num(base.detach())).any()):
            return True
    return False

"""Outputs that depend on a row's place in the batch: positions counted over the wrong axis."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rnncourse.auditing.blame import Story
from rnncourse.auditing.masks import mask_before
from rnncourse.auditing.report import WRONG, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call

KINDS = ("place in batch",)


def run(s: Subject) -> Iterator[Finding]:
    if s.B < 2 or not s.numeric:
        return
    if s.has("batch as time", "batch mixed", "rows reordered", "random in eval", "dropout in eval"):
        return
    unknown = any(isinstance(leaf.value, Tensor) and leaf.batch is None for leaf in s.inputs.leaves)
    backward = list(range(s.B))[::-1]
    if unknown or not s.takes_fewer_rows:
        s.skip("whether a row's place in the batch matters (the batch's order can't be reversed)", *KINDS)
        return
    try:
        turned = s.probe.run(inputs=s.inputs.rows(backward))
    except Exception:  # rows that must be sorted by length
        s.skip("whether a row's place in the batch matters (the model refuses other orders)", *KINDS)
        return
    s.made("place in batch")
    for k in s.numeric:
        if len(turned.outputs) != len(s.base.outputs) or not s.base.outputs[k].is_floating_point():
            continue
        one, other = s.values(s.base, k), s.values(turned, k).flip(0)
        if one.shape != other.shape or not one.numel():
            continue
        gap = (one - other).abs().amax((1, 2))
        if float(gap.max()) > s.tolerance(k, shapes_change=True):
            row = int(gap.argmax())
            call = _first(s, k, backward)
            made = "" if call is None else mask_before(s, call)[1]
            yield Finding(
                "place in batch",
                WRONG,
                f"The output of row {s.number(row)} depends on the row's place in the batch: in a reversed "
                f"batch it differs by {float(gap.max()):.2g} (its size {s.size(k):.2g}).{made}",
                call.place if call else None,
                call.module if call else "",
                row=s.number(row),
                numbers={"unlawful": float(gap.max()), "lawful": s.size(k)},
                lesson="03",
                by=f"First by {call.name}" if call else "",
            )
            return


def _first(s: Subject, k: int, backward: list[int]) -> Call | None:
    """Return the first call whose result is not reversed along with its arguments."""
    turned = s.probe.run(inputs=s.inputs.rows(backward), record=True)
    story = Story.of(s.base.tape, [turned.tape])
    if story is None:
        return None
    at = story.producer(s.base.outputs[k], len(story.base))
    for _ in range(len(story.base)):
        if at is None:
            return None
        i = at[0]
        call, other = story.base[i], story.runs[0][i]
        earlier = None
        for arg, a, b in zip(call.args, call.before, other.before, strict=True):
            if not _is_turned(a, b, s.B):
                earlier = story.producer(arg, i)
                if earlier is not None:
                    break
        if earlier is None:
            return call
        at = earlier
    return None


def _is_turned(a: Tensor, b: Tensor, B: int) -> bool:
    if a.shape != b.shape:
        return False
    if not a.is_floating_point():
        return True
    a, b = torch.nan_to_num(a), torch.nan_to_num(b)
    atol = 1e-5 * float(a.abs().max()) if a.numel() else 0.0
    if torch.allclose(a, b, rtol=1e-4, atol=atol):
        return True
    for axis in range(a.dim()):
        if a.shape[axis] % B:
            continue
        for inner in (True, False):  # B * n entries, with rows as the outer or inner axis
            parts = a.unflatten(axis, (B, -1) if inner else (-1, B)).flip(axis if inner else axis + 1)
            if torch.allclose(parts.flatten(axis, axis + 1), b, rtol=1e-4, atol=atol):
                return True
    return False

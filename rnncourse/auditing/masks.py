"""Masks: an inverted one, recognised by its values, and the lines where one is applied and made."""

import torch
from torch import Tensor

from rnncourse.auditing.blame import Story
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call, Place

APPLY = {
    "masked_fill", "masked_fill_", "where", "multi_head_attention_forward", "scaled_dot_product_attention",
}  # fmt: skip
SUMS = {"sum", "matmul", "__matmul__", "bmm", "einsum", "mean"}
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


def mask_before(s: Subject, call: Call) -> tuple[Call | None, str]:
    """Return the call that applied a mask on the way to this one, and a sentence on how the mask was made."""
    calls = s.base.tape.calls
    story = Story(calls, [])
    front = [next(i for i, c in enumerate(calls) if c is call)]
    for _ in range(6):
        for i in front:
            masks = [a for a in calls[i].args if a.dtype == torch.bool and a.dim() > 0]
            if masks and calls[i].name in APPLY:
                return calls[i], _how_made(s, story, masks[-1], i)
        arguments = [(a, i) for i in front for a in calls[i].args if a.is_floating_point()]
        front = [at[0] for a, i in arguments if (at := story.producer(a, i)) is not None]
    return None, ""


def _how_made(s: Subject, story: Story, mask: Tensor, before: int) -> str:
    """Return where a mask was made, and where it was changed last."""
    chain: list[Call] = []
    while (at := story.producer(mask, before)) is not None:
        before = at[0]
        chain.append(story.base[before])
        parts = [a for a in chain[-1].args if a.dtype == torch.bool and a.dim() > 0]
        if not parts:
            break
        mask = next((a for a in parts if s.B in a.shape), parts[0])
    placed = [c for c in chain if c.place is not None]
    if not placed:
        return ""
    made, changed = placed[-1], placed[0]
    text = f" The mask there is made by {made.name} ({_line(made.place)})"
    if changed.place != made.place:
        text += f" and last changed by {changed.name} ({_line(changed.place)})"
    return text + "."


def _line(place: Place | None) -> str:
    return "" if place is None else str(place).split("  ")[0]

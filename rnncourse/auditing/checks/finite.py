"""NaN or inf in the outputs: the row, the step, and the call where it begins."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rnncourse.auditing.blame import Story
from rnncourse.auditing.report import WRONG, Finding
from rnncourse.auditing.subject import Subject

KINDS = ("not finite",)


def poisoned(tensor: Tensor) -> Tensor:
    """Return where a tensor is NaN or +inf; a mask's -inf, and logits that it set to -inf, are intended."""
    if not tensor.is_floating_point():
        return torch.zeros_like(tensor, dtype=torch.bool)
    return torch.isnan(tensor) | (tensor == float("inf"))


def run(s: Subject) -> Iterator[Finding]:
    s.made("not finite")
    for k, out in enumerate(s.base.outputs):
        bad = poisoned(out.detach())
        if not bool(bad.any()):
            continue
        story = Story(s.base.tape.calls, [])
        at = _begins(story, out)
        call = story.base[at] if at is not None else None
        layout = s.layouts[k]
        where = layout.canonical(bad.double()).amax(2).nonzero()[0].tolist()
        row, step = (s.number(where[0]), where[1]) if layout.has_rows else (None, None)
        step = None if layout.T is None else step
        shown = "" if row is None else f" first in row {row}"
        shown += "" if step is None else f", step {step}"
        kind = "NaN" if bool(torch.isnan(out).any()) else "inf"
        yield Finding(
            "not finite",
            WRONG,
            f"The output has {kind}: {int(bad.sum())} of {bad.numel()} entries,{shown}. Nothing else was "
            "checked.",
            call.place if call else None,
            call.module if call else "",
            row,
            step,
            {"entries": float(bad.sum())},
            by=f"It begins in {call.name}" if call else "",
        )
        return


def _begins(story: Story, out: Tensor) -> int | None:
    at = story.producer(out, len(story.base))
    for _ in range(len(story.base)):
        if at is None:
            return None
        call = story.base[at[0]]
        for value, arg in zip(call.before, call.args, strict=True):
            if bool(poisoned(value).any()):
                earlier = story.producer(arg, at[0])
                if earlier is not None:
                    break
        else:
            return at[0]
        at = earlier
    return None

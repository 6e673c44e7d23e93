"""Arguments that change nothing: an input that is not read, a mask that is not applied."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from rnncourse.auditing.inputs import Leaf
from rnncourse.auditing.probe import Where
from rnncourse.auditing.report import FACT, QUESTION, WRONG, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call

ZEROS = ("zeros", "new_zeros", "zeros_like")

KINDS = ("input unread", "mask unread")


def run(s: Subject) -> Iterator[Finding]:
    sizes = max((s.size(k) for k in range(len(s.layouts))), default=0.0)
    if not sizes or not s.learns:
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

    s.made("input unread")
    run = s.alone[number] = s.disturb(where)
    if not changes(s, run):
        if changes_in_train(s, where):
            yield Finding(
                "read in train",
                FACT,
                f"The outputs depend on {leaf.name} in train mode, but not in eval mode.",
            )
            return
        zeros = _zeros_instead(s, leaf)
        yield Finding(
            "input unread",
            WRONG,
            f"No output depends on {leaf.name}: changing all of its values changes nothing else.",
            zeros.place if zeros else None,
            by=f"Zeros of its shape are made by {zeros.name}" if zeros else "",
        )


def _zeros_instead(s: Subject, leaf: Leaf) -> Call | None:
    """Return the call that makes zeros of the shape of a state that is passed, such as may replace it."""
    if leaf.role != "row" or leaf.value.dim() < 2:
        return None
    shape = leaf.value.shape
    made = (call for call in s.base.tape.calls if call.name in ZEROS and call.results)
    return next((call for call in made if call.results[0].shape == shape), None)


def _flags(s: Subject, number: int, leaf: Leaf) -> Iterator[Finding]:
    s.made("mask unread")
    for other in _others(leaf):
        try:
            run = s.probe.run(values={number: other})
        except Exception:  # the model refuses such a mask or lengths, so it reads them
            return
        if changes(s, run):
            return
    if leaf.role == "lengths":
        s.options["unread lengths"] = leaf.name
        yield Finding(
            "mask unread",
            QUESTION,
            f"No output depends on {leaf.name}. Is it needed only for the loss?",
            module=leaf.name,
            lesson="13",
        )
        return
    yield Finding(
        "mask unread",
        QUESTION if "[" in leaf.name else WRONG,  # in a dict it may be there for another model
        f"{leaf.name} is not applied: if True and False are exchanged in it, no output changes.",
        lesson="13",
    )


def _others(leaf: Leaf) -> Iterator[Any]:
    """Yield other values: flags with some or all entries inverted; lengths of other rows, and shorter."""
    value = leaf.value
    if leaf.role == "lengths":
        if not isinstance(value, Tensor):
            yield [max(value)] * len(value)
            return
        yield from (other for other in (value.roll(1), (value - 1).clamp(min=1)) if not other.equal(value))
        return
    flags = value if value.dtype == torch.bool else value != 0
    for share in (0.2, 0.5, 1.0):
        chosen = torch.rand(value.shape, generator=torch.Generator().manual_seed(3)) < share
        yield (flags ^ chosen.to(flags.device)).to(value.dtype)


def changes_in_train(s: Subject, where: Where) -> bool:
    """Return whether outputs change in train mode, as they do if teacher forcing is used only in training."""
    try:
        base, other = s.probe.run(train=True), s.probe.run(where, train=True)
    except Exception:  # a model that can't train on so few rows
        return False
    return len(base.outputs) != len(other.outputs) or any(
        a.shape != b.shape or bool((torch.nan_to_num(a.detach()) != torch.nan_to_num(b.detach())).any())
        for a, b in zip(base.outputs, other.outputs, strict=True)
    )


def changes(s: Subject, run: object) -> bool:
    outputs = run.outputs  # type: ignore[attr-defined]
    if len(outputs) != len(s.base.outputs):
        return True
    for out, base in zip(outputs, s.base.outputs, strict=True):
        if out.shape != base.shape or bool(
            (torch.nan_to_num(out.detach()) != torch.nan_to_num(base.detach())).any()
        ):
            return True
    return False

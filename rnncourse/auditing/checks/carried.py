"""A layer or cell that is called for one step at a time, every time from the same state."""

from collections.abc import Iterator

import torch

from rnncourse.auditing.probe import RecurrentCall
from rnncourse.auditing.report import QUESTION, WRONG, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.spec import Cell

KINDS = ("state not carried",)
FEWEST = 3  # calls


def run(s: Subject) -> Iterator[Finding]:
    calls: dict[str, list[RecurrentCall]] = {}
    for call in s.base.recurrent:
        if one_step(call):
            calls.setdefault(call.name, []).append(call)
    for name, several in calls.items():
        if len(several) < FEWEST:
            continue
        s.made("state not carried")
        if s.has("state dropped", "starts ignored", "reset too early") or not _alike(several):
            continue
        if all(torch.equal(call.given, several[0].given) for call in several):
            continue
        given = bool(several[0].state_values) and any(bool(v.any()) for v in several[0].state_values)
        what = "from the same state" if given else "from a state of zeros"
        doubt = "" if given else " Is this meant?"
        yield Finding(
            "state not carried",
            WRONG if given else QUESTION,
            f"{type(several[0].module).__name__} {name!r} is called {len(several)} times for one step each, "
            f"every time {what}: what it returns as its state does not reach its next call.{doubt}",
            several[1].place,
            name,
            numbers={"calls": float(len(several))},
            lesson="09",
            by="Called",
        )
        return


def one_step(call: RecurrentCall) -> bool:
    """Whether a call goes over one step alone."""
    if call.packed:
        return False
    if isinstance(call.module, Cell):
        return True
    time = 1 if getattr(call.module, "batch_first", False) else 0
    return call.input.dim() == 3 and call.input.shape[time] == 1


def _alike(calls: list[RecurrentCall]) -> bool:
    first = calls[0].state_values
    for call in calls[1:]:
        if not first and not any(bool(v.any()) for v in call.state_values):
            continue
        if len(call.state_values) != len(first):
            return False
        if not all(torch.equal(a, b) for a, b in zip(first, call.state_values, strict=True)):
            return False
    return True

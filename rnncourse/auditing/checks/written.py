"""Arguments that the model, or a target that the loss, changes in place in the caller's tensors."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from rnncourse.auditing.probe import Run
from rnncourse.auditing.report import QUESTION, WRONG, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call
from rnncourse.auditing.trees import tensors_in

KINDS = ("input changed",)
DATA = ("sequence", "flags", "lengths")  # another argument may be a cache, meant to be filled


def run(s: Subject) -> Iterator[Finding]:
    s.made("input changed")
    for actor, run in _runs(s):
        for leaf, now in zip(s.inputs.leaves, run.given, strict=True):
            if isinstance(now, Tensor) and isinstance(leaf.value, Tensor) and not leaf.packed:
                if _same(now, leaf.value):
                    continue
                level = WRONG if leaf.role in DATA else QUESTION
                yield _finding(actor, leaf.name, level, _writer(run.tape.calls, now))
                return
    if s.loss is None or s.inputs.target is None:
        return
    before = tensors_in(s.inputs.target.value)
    for old, now in zip(before, tensors_in(s.options["target given"]), strict=False):
        if not _same(now, old):
            yield _finding("The loss", "the target", WRONG, _writer(s.loss[1].calls, now))
            return


def _runs(s: Subject) -> Iterator[tuple[str, Run]]:
    yield "The model", s.base
    if s.trained is not None:
        yield "In train mode, the model", s.trained


def _finding(who: str, what: str, level: str, call: Call | None) -> Finding:
    return Finding(
        "input changed",
        level,
        f"{who} changes {what} in place: the caller's own tensor has different values after the "
        f"call, and in the next epoch.{'' if level == WRONG else ' Is this intended, as for a cache?'}",
        call.place if call else None,
        call.module if call else "",
        by=f"Changed by {call.name}" if call else "",
    )


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool(((one == other) | ((one != one) & (other != other))).all())


def _writer(calls: Sequence[Call], tensor: Tensor) -> Call | None:
    """Return the first call that changes values in the memory of this tensor."""
    memory = tensor.untyped_storage().data_ptr()
    for call in calls:
        if not call.args or call.args[0].untyped_storage().data_ptr() != memory:
            continue
        if call.writes and call.after and not torch.equal(call.before[0], call.after[0]):
            return call
    return None

"""Logits that a ReLU has clipped at 0 before a loss that expects any real number."""

from collections.abc import Iterator

from torch import Tensor

from rnncourse.auditing.blame import Story
from rnncourse.auditing.report import WRONG, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call

KINDS = ("logits clipped",)
TAKE_LOGITS = {"cross_entropy", "binary_cross_entropy_with_logits", "log_softmax"}
CLIPS = {"relu", "relu_", "relu6"}
# Calls that move values without changing them.
MOVES = {
    "view", "reshape", "flatten", "unflatten", "transpose", "permute", "movedim", "t", "squeeze", "unsqueeze",
    "contiguous", "clone", "__getitem__", "select", "narrow", "swapaxes", "float", "to",
}  # fmt: skip


def run(s: Subject) -> Iterator[Finding]:
    if s.loss is None:
        return
    calls = [*s.base.tape.calls, *s.loss[1].calls]
    for taking in s.loss[1].calls:
        if taking.name not in TAKE_LOGITS or not taking.args:
            continue
        s.made("logits clipped")
        clip = _clip(Story(calls, []), taking.args[0])
        if clip is not None:
            yield Finding(
                "logits clipped",
                WRONG,
                f"The logits for {taking.name} come from {clip.name}: none can be below 0, and those "
                "at 0 get no gradient. Pass the output of the last linear layer instead.",
                clip.place or taking.place,
                clip.module,
                lesson="05",
                by=f"Clipped by {clip.name}",
            )
            return


def _clip(story: Story, tensor: Tensor) -> Call | None:
    """Return the ReLU that a tensor comes from, if its values were only moved since."""
    before = len(story.base)
    while (at := story.producer(tensor, before)) is not None:
        call = story.base[at[0]]
        if call.name in CLIPS:
            return call
        if call.name not in MOVES or not call.args:
            return None
        tensor, before = call.args[0], at[0]
    return None

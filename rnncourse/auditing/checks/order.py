"""The steps as a recurrent layer gets them: backward and not put back, or as its features."""

from collections.abc import Iterator

import torch

from rnncourse.auditing.report import QUESTION, WRONG, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call
from rnncourse.spec import Layer

KINDS = ("steps reversed", "time as features")


def run(s: Subject) -> Iterator[Finding]:
    if s.T < 3 or not s.numeric or s.has("batch as time", "batch mixed", "steps torn"):
        return
    cut = s.T // 2 if s.T % 2 else s.T // 2 - 1  # not the middle: turned round it must look different
    story = s.story(s.nudged(cut, late=True, record=True))
    if story is None:
        return
    late = torch.arange(s.T) >= cut
    number = -1
    for i, call in enumerate(story.base):
        if call.function is not None or call.module not in s.probe.recurrent:
            continue
        number += 1
        module = s.probe.recurrent[call.module]
        mask = story.before(i, 0)[0]
        if not isinstance(module, Layer) or mask.dim() != 3:
            continue
        s.made("steps reversed", "time as features")
        time = 1 if module.batch_first else 0
        if mask.shape[2] == s.T and torch.equal(mask.any(0).any(0), late) and mask.shape[time] != s.T:
            yield _as_features(call, tuple(mask.shape))
            return
        along = mask.movedim(time, 0).flatten(1).any(1)
        if mask.shape[time] == s.T and torch.equal(along, late.flip(0)) and _read_in_place(s, number):
            yield Finding(
                "steps reversed",
                WRONG,
                f"{call.name} gets the steps in reversed order, and what it gives is not reversed back: the "
                f"output at step t reads it at its step t, which stands for step {s.T} - 1 - t.",
                call.place,
                call.module,
                lesson="12",
                by="Called",
            )
            return


def _as_features(call: Call, shape: tuple[int, ...]) -> Finding:
    return Finding(
        "time as features",
        QUESTION,
        f"{call.name} gets the steps as its features: time is the last axis of its input {shape}. Is this "
        "meant?",
        call.place,
        call.module,
        lesson="03",
        by="Called",
    )


def _read_in_place(s: Subject, number: int) -> bool:
    """Whether the output at a step reads the layer's output at the step of the same number alone."""
    ks = [k for k in s.timed if s.layouts[k].T == s.T and s.graph.outputs[k].requires_grad]
    if not ks or number >= len(s.graph.recurrent):
        return False
    call = s.graph.recurrent[number]
    if call.output is None or call.output.dim() != 3:
        return False
    canonical = s.layouts[ks[0]].canonical(s.graph.outputs[ks[0]])
    [gradient] = s.probe.gradients(canonical[:, 0].sum(), [call.output], keep=True)
    if gradient is None:
        return False
    time = 1 if getattr(call.module, "batch_first", False) else 0
    read = gradient.movedim(time, 0).flatten(1).abs().amax(1) > 0
    return bool(read[0]) and not bool(read[1:].any())

"""The steps that a recurrent layer gets: reversed without being reversed back, or as its features."""

from collections.abc import Iterator

import torch

from rnncourse.auditing.blame import Story
from rnncourse.auditing.report import QUESTION, WRONG, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call
from rnncourse.auditing.views import begin
from rnncourse.spec import Layer

KINDS = ("steps reversed", "time as features")
# Calls that combine entries of the same index.
JOINS = {
    "add", "__add__", "__radd__", "add_", "__iadd__", "sub", "__sub__", "mul", "__mul__", "cat", "concat",
    "stack", "where", "lerp", "maximum", "minimum",
}  # fmt: skip


def run(s: Subject) -> Iterator[Finding]:
    if s.T < 3 or not s.numeric or s.has("batch as time", "batch mixed", "steps torn"):
        return
    cut = s.T // 2 if s.T % 2 else s.T // 2 - 1  # not the middle: reversed it must look different
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
                f"{call.name} gets the steps in reversed order, but its output is not reversed back: the "
                f"model's output at step t reads its entry t, which belongs to step {s.T} - 1 - t.",
                call.place,
                call.module,
                lesson="12",
                by="Called",
            )
            return
    yield from _reversed_branch(s, story, cut)


def _reversed_branch(s: Subject, late: Story, cut: int) -> Iterator[Finding]:
    """Find a branch over the reversed steps that is combined, index by index, with one in forward order.

    Its entry i has read the last i steps. So steps before the cut reach only its entries from T - cut on;
    reversed back they would reach the first ones.
    """
    if not s.base.recurrent:
        return
    s.made("steps reversed")
    relevant = late.relevant([s.base.outputs[k] for k in s.numeric])
    both = [(i, *at) for i in sorted(relevant) if (at := _all_along(late, i, s.T, cut)) is not None]
    early = s.story(s.nudged(cut, late=False, record=True)) if both else None
    for i, k, axis in both if early else ():
        assert early is not None
        call = early.base[i]
        if begin(early.before(i, k)[0], axis) in (s.T - cut, s.T - cut + 1):
            yield Finding(
                "steps reversed",
                WRONG,
                f"{call.name} combines two branches, one over the steps and one over the reversed steps, "
                f"which is not reversed back: its entry t belongs to step {s.T} - 1 - t.",
                call.place,
                call.module,
                lesson="12",
                by=f"Combined by {call.name}",
            )
            return


def _all_along(late: Story, i: int, T: int, cut: int) -> tuple[int, int] | None:
    """Return which argument of a call changes at all steps while another changes only late; and the axis."""
    call = late.base[i]
    if call.name not in JOINS or len(call.args) < 2:
        return None
    masks = [late.before(i, k)[0] for k in range(len(call.args))]
    axis = next((a for a in range(masks[0].dim()) if masks[0].shape[a] == T), None)
    if axis is None or any(mask.dim() <= axis or mask.shape[axis] != T for mask in masks):
        return None
    begins = [begin(mask, axis) for mask in masks]
    whole = next((k for k, first in enumerate(begins) if first in (0, 1)), None)
    return (whole, axis) if whole is not None and {cut, cut + 1} & set(begins) else None


def _as_features(call: Call, shape: tuple[int, ...]) -> Finding:
    return Finding(
        "time as features",
        QUESTION,
        f"{call.name} gets the steps as its features: time is the last axis of its input {shape}. Is this "
        "intended?",
        call.place,
        call.module,
        lesson="03",
        by="Called",
    )


def _read_in_place(s: Subject, number: int) -> bool:
    """Return whether the output at a step reads only the layer's output at the step with the same number."""
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

"""A target that is among the inputs: the input itself, or shifted to where the output has read it."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rnncourse.auditing.inputs import Leaf
from rnncourse.auditing.report import QUESTION, WRONG, Finding
from rnncourse.auditing.subject import Subject

KINDS = ("target in input",)


def shifts(leaf: Leaf, target: Leaf, lengths: Tensor | None) -> list[int]:
    """By how many steps the target runs ahead of a leaf: target[t] == leaf[t + shift], for most t."""
    mine, goal = _rows(leaf), _rows(target)
    if mine is None or goal is None or mine.shape[0] != goal.shape[0] or mine.shape[2:] != goal.shape[2:]:
        return []
    T, G = mine.shape[1], goal.shape[1]
    found = []
    for shift in range(-2, max(3, T - G + 3)):
        start, stop = max(0, -shift), min(G, T - shift)
        if stop - start < min(2, G) or (stop - start < G - 2):
            continue
        a, b = goal[:, start:stop], mine[:, start + shift : stop + shift]
        same = (
            (a == b) if not a.is_floating_point() else torch.isclose(a, b.to(a.dtype), rtol=1e-5, atol=1e-7)
        )
        same = same.reshape(*same.shape[:2], -1).all(2)
        counts = torch.ones_like(same)
        if lengths is not None and G >= T - 1:
            counts = torch.arange(start, stop)[None, :] + max(shift, 0) < lengths[:, None]
        ignored = (
            (a.reshape(*a.shape[:2], -1) < 0).all(2) if not a.is_floating_point() else torch.zeros_like(same)
        )
        counts = counts & ~ignored
        if int(counts.sum()) >= 3 and bool(same[counts].all()) and len(a[counts].unique()) > 1:
            found.append(shift)
    return found


def _rows(leaf: Leaf) -> Tensor | None:
    """(B, T) or (B, T, I)."""
    value = leaf.value
    if not isinstance(value, Tensor) or leaf.batch is None or value.dim() > 3 or value.dtype == torch.bool:
        return None
    if leaf.time is None:
        if value.dim() != 2:
            return None
        return value.movedim(leaf.batch, 0)
    return value.movedim((leaf.batch, leaf.time), (0, 1))


def candidates(s: Subject, target: Leaf) -> list[tuple[int, Leaf, int]]:
    """The shifts by which the target is found in a leaf, or in one feature of it."""
    found = []
    for number, leaf in enumerate(s.inputs.leaves):
        if leaf.role != "sequence":
            continue
        for shift in shifts(leaf, target, s.inputs.lengths):
            found.append((number, leaf, shift))
        value, goal = leaf.value, target.value
        if (
            value.dim() == 3
            and goal.dim() in (2, 3)
            and leaf.floating
            and (goal.dim() == 2 or goal.shape[2] == 1)
        ):
            flat = goal if goal.dim() == 2 else goal[:, :, 0]
            for feature in range(min(value.shape[2], 64)):
                one = Leaf(leaf.name, value[:, :, feature], "sequence", leaf.batch, leaf.time)
                other = Leaf(
                    "target", flat, "sequence", target.batch, 1 if target.time is None else target.time
                )
                for shift in shifts(one, other, s.inputs.lengths):
                    found.append((number, leaf, shift))
    return found


def shifted_leaf(s: Subject) -> int | None:
    """The number of the leaf that the target is one step ahead of."""
    target = s.inputs.target
    if target is None or not isinstance(target.value, Tensor) or target.batch is None:
        return None
    return next((number for number, _, shift in candidates(s, target) if shift == 1), None)


def run(s: Subject) -> Iterator[Finding]:
    target = s.inputs.target
    if target is None or not isinstance(target.value, Tensor) or target.batch is None:
        return
    if s.has("batch as time", "batch mixed"):
        return
    found = candidates(s, target)
    if any(shift == 1 for _, _, shift in found) and (s.timed and s.causal):
        return  # one step ahead, as it should be: whether it is read is the check of the future
    for number, leaf, shift in found:
        reads = _reads(s, number, leaf, shift)
        if reads is None or reads <= 0:
            continue
        where = {0: "at the same step"}.get(shift, f"{abs(shift)} step{'s' * (abs(shift) > 1)} " + (
            "later" if shift > 0 else "earlier"))  # fmt: skip
        causal = s.options.get("reads future") is False and bool(s.timed)
        level = WRONG if causal or shift != 0 else QUESTION
        meant = "" if level == WRONG else " Is this meant, as in an autoencoder?"
        yield Finding(
            "target in input",
            level,
            f"The target is {leaf.name} itself, {where}, and the outputs read it there ({reads:.2g}): the "
            f"answer is in the input.{meant}",
            numbers={"unlawful": reads, "shift": float(shift)},
            lesson="14",
        )
        return


def _reads(s: Subject, number: int, leaf: Leaf, shift: int) -> float | None:
    """How much an output step reads the input step that is its target."""
    assert s.inputs.target is not None
    T = leaf.T
    goal = s.inputs.target
    G = goal.T if goal.time is not None else goal.value.shape[1 - (goal.batch or 0)]
    t = G // 2
    at = t + shift
    if not 0 <= at < T:
        return None
    nudged = s.disturb(s.steps(torch.arange(T) == at, number))
    ks = [k for k in s.timed if s.layouts[k].T == G]
    if ks:
        return max(float(s.effect(nudged, k)[:, t].max()) for k in ks)
    return max((float(s.effect(nudged, k).max()) for k in s.numeric), default=None)

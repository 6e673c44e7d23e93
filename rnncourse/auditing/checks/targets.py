"""A target that is among the inputs: the input itself, or shifted to a step that the output has read."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rnncourse.auditing import criterion
from rnncourse.auditing.checks.cut import CHOICES
from rnncourse.auditing.inputs import Leaf
from rnncourse.auditing.report import FACT, QUESTION, WRONG, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call

KINDS = ("target in input", "target skips steps")
ENTRIES = 12  # so many of the last steps of a target are paired with entries of outputs without steps
FARTHEST = 4  # steps by which a target of tokens may be ahead of an input


def shifts(leaf: Leaf, target: Leaf, lengths: Tensor | None) -> list[int]:
    """Return by how many steps the target is ahead of a leaf: target[t] == leaf[t + shift], for most t."""
    mine, goal = _rows(leaf), _rows(target)
    if mine is None or goal is None or mine.shape[0] != goal.shape[0] or mine.shape[2:] != goal.shape[2:]:
        return []
    T, G = mine.shape[1], goal.shape[1]
    found = []
    for shift in range(-2, max(3 if leaf.floating else FARTHEST + 1, T - G + 3)):
        start, stop = max(0, -shift), min(G, T - shift)
        if stop - start < min(2, G) or (stop - start < (G - 2 if shift <= 2 else G // 2 + 1)):
            continue
        a, b = goal[:, start:stop], mine[:, start + shift : stop + shift]
        same = (
            (a == b) if not a.is_floating_point() else torch.isclose(a, b.to(a.dtype), rtol=1e-5, atol=1e-7)
        )
        missing = a != a  # NaN: not observed
        same = (same | missing).reshape(*same.shape[:2], -1).all(2)
        counts = torch.ones_like(same)
        if lengths is not None and G >= T - 1:
            counts = torch.arange(start, stop)[None, :] + max(shift, 0) < lengths[:, None]
        ignored = (
            (a.reshape(*a.shape[:2], -1) < 0).all(2)
            if not a.is_floating_point()
            else missing.reshape(*a.shape[:2], -1).all(2)
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
    """Return the shifts at which the target is found in a leaf, or in one of its features."""
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
    """Return the number of the leaf that the target is one step ahead of, preferably the outputs' own."""
    target = s.inputs.target
    ahead = criterion.offset(s)
    if target is None or not isinstance(target.value, Tensor) or target.batch is None or ahead is None:
        return None
    found = [number for number, _, shift in candidates(s, target) if shift + ahead == 1]
    own = [number for number in found if number in s.owners.values()]
    return next(iter(own or found), None)


def run(s: Subject) -> Iterator[Finding]:
    target = s.inputs.target
    if target is None or not isinstance(target.value, Tensor) or target.batch is None:
        return
    if s.has("batch as time", "batch mixed"):
        return
    if of_words_in_steps(s):
        s.skip(
            "whether the target is in the input (a step has several words, read one after the other)", *KINDS
        )
        return
    ahead = criterion.offset(s)
    found = candidates(s, target)
    if s.timed and ahead is None:
        if found:
            s.skip(
                "whether the target is in the input (it is unclear which of its steps the loss compares with "
                "which outputs)",
                *KINDS,
            )
        return
    if _comparable(s, target):
        s.made("target in input")
    ahead = ahead or 0
    if s.timed:
        yield from _alignment(s, found, ahead)
        yield from _skipping(s, found, ahead)
    if any(shift + ahead == 1 for _, _, shift in found) and (s.timed and s.causal):
        return  # one step ahead, as it should be: future.py checks whether it is read
    for number, leaf, shift in found:
        reads = _reads(s, number, leaf, shift + ahead)
        if reads is None:
            continue
        size, step = reads
        steps = shift + ahead
        where = {0: "at the same step"}.get(steps, f"{abs(steps)} step{'s' * (abs(steps) > 1)} " + (
            "later" if steps > 0 else "earlier"))  # fmt: skip
        own = number == s.options.get("causal leaf") and s.options.get("reads future") is False
        coded = any(call.name in CHOICES for call in s.cuts)  # for example an autoencoder with a codebook
        sure = steps != 0 or (own and bool(s.timed) and not coded)
        level = WRONG if sure else QUESTION
        meant = "" if sure else " Is this intended, as in an autoencoder?"
        shifting = ahead or (s.timed and target.value.shape[target.time or 0] != s.layouts[s.timed[0]].T)
        call = _aligned(s) if shifting else None
        by = f"Aligned by {call.name}" if call else ""
        if call is None and not s.timed and s.loss is not None:
            call = _first_reader(s, number, leaf, step)
            by = f"First read by {call.name}" if call else ""
        if call is None and s.loss is not None:
            call = criterion.comparing_call(s.loss[1])
            by = f"Compared by {call.name}" if call else ""
        yield Finding(
            "target in input",
            level,
            f"The target is {leaf.name} itself, {where}, and the outputs read it there ({size:.2g} at step "
            f"{step}): the answer is in the input.{meant}",
            call.place if call else None,
            step=step,
            numbers={"unlawful": size, "shift": float(steps)},
            lesson="19",
            by=by,
        )
        return


def of_words_in_steps(s: Subject) -> bool:
    """Return whether each step of the target holds several tokens, as an utterance of a dialogue does.

    The words before a word may be read then, although they are in the same step as the answer.
    """
    value = None if s.inputs.target is None else s.inputs.target.value
    if not isinstance(value, Tensor) or value.is_floating_point():
        return False
    return value.dim() > 2 and int(value.max()) > 1


def _comparable(s: Subject, target: Leaf) -> bool:
    """Return whether some input has the target's shape, or a feature of that shape."""
    goal = _rows(target)
    for leaf in s.inputs.leaves:
        mine = _rows(leaf) if leaf.role == "sequence" else None
        if mine is None or goal is None or mine.shape[0] != goal.shape[0]:
            continue
        single = goal.dim() == 2 or goal.shape[2] == 1
        if mine.shape[2:] == goal.shape[2:] or (leaf.floating and mine.dim() == 3 and single):
            return True
    return False


def _alignment(s: Subject, found: list[tuple[int, Leaf, int]], ahead: int) -> Iterator[Finding]:
    """State what the loss compares, if the target is a part of the inputs."""
    for _, leaf, shift in found[:1]:
        steps = shift + ahead
        step = "t" if not steps else f"t {'+' if steps > 0 else '-'} {abs(steps)}"
        compares = (
            "The loss compares the output" if s.loss else "The target is assumed to belong to the output"
        )
        with_ = "with" if s.loss else "and is"
        yield Finding(
            "target",
            FACT,
            f"{compares} at step t {with_} {leaf.name} at step {step}.",
            numbers={"shift": float(steps)},
        )


def _skipping(s: Subject, found: list[tuple[int, Leaf, int]], ahead: int) -> Iterator[Finding]:
    """Find tokens of which each output is compared with the one after the next, by two shifts for one."""
    if s.causal is False or not (s.causal or s.options.get("reads future") is False):
        return
    steps = [shift + ahead for _, leaf, shift in found if not leaf.floating]
    if not steps:
        return
    s.made("target skips steps")
    if min(steps) < 2:
        return
    leaf = next(leaf for _, leaf, shift in found if not leaf.floating and shift + ahead == min(steps))
    call = _aligned(s) if ahead else None
    yield Finding(
        "target skips steps",
        QUESTION,
        f"The output at step t is compared with {leaf.name} at step t + {min(steps)}: no output learns to "
        "predict the next step. Is the target shifted twice?",
        call.place if call else None,
        numbers={"shift": float(min(steps))},
        lesson="19",
        by=f"Shifted by {call.name}" if call else "",
    )


def _first_reader(s: Subject, number: int, leaf: Leaf, step: int) -> Call | None:
    """Return the first call whose result depends on a step of a leaf, among those that reach an output."""
    story = s.story(s.disturb(s.steps(torch.arange(leaf.T) == step, number), record=True))
    if story is None:
        return None
    outputs = [s.base.outputs[k] for k in s.pooled]
    walks = (story.walk(output, lambda masks: bool(masks[0].any())) for output in outputs)
    return next((story.base[at[0]] for at in walks if at is not None), None)


def _aligned(s: Subject) -> Call | None:
    """Return the call in the loss that cuts steps off the target or the outputs to align them."""
    if s.loss is None:
        return None
    placed = [call for call in s.loss[1].calls if call.place]
    return next((call for call in placed if call.name in ("__getitem__", "narrow")), None)


def _reads(s: Subject, number: int, leaf: Leaf, steps: int) -> tuple[float, int] | None:
    """Return how much an output step reads the input step that is its target, and which one, or None.

    A summary of all steps, such as a decoder may get, reads each of them. So the target's step must be read
    more than all later ones together.
    """
    lengths = [(s.layouts[k].T or 0, k) for k in s.timed]
    if not lengths:
        assert s.inputs.target is not None
        goal = s.inputs.target
        T = goal.T if goal.time is not None else goal.value.shape[1 - (goal.batch or 0)]
        paired = list(_entries(s, leaf, T, steps)) if s.loss is not None else []
        if paired:
            return _reads_in_entries(s, number, leaf, paired)
        at = T // 2 + steps
        if not 0 <= at < leaf.T:
            return None
        nudged = s.disturb(s.steps(torch.arange(leaf.T) == at, number))
        size = max((float(s.effect(nudged, k).max()) for k in s.numeric), default=0.0)
        return (size, at) if size > 0 else None
    T, k = lengths[0]
    worst: tuple[float, int] | None = None
    for t in sorted({0, T // 2, T - 1}):
        at = t + steps
        if not 0 <= at < leaf.T:
            continue
        size = _effect(s, torch.arange(leaf.T) == at, number, k, t)
        if size <= s.tolerance(k) or (worst is not None and size <= worst[0]):
            continue
        if s.options.get("reads future") is not False:
            later = torch.arange(leaf.T) > at
            if int(later.sum()) < leaf.T // 3:
                continue
            goes_on = torch.ones(s.B, dtype=torch.bool)
            if s.real is not None and leaf.T == s.T:  # only rows with later steps count
                goes_on = s.real[:, at + 1]
            size = _effect(s, torch.arange(leaf.T) == at, number, k, t, goes_on)
            if size <= 2 * _effect(s, later, number, k, t, goes_on):
                continue
        worst = size, t
    return worst


def _entries(s: Subject, leaf: Leaf, T: int, shift: int) -> Iterator[tuple[int, dict[int, Tensor]]]:
    """Yield steps of a leaf that are the target's, each with the output entries that the loss compares."""
    for step in range(T - 1, max(-1, T - 1 - ENTRIES), -1):
        if 0 <= step + shift < leaf.T and (entries := criterion.compared_entries(s, step)):
            yield step + shift, entries


def _reads_in_entries(
    s: Subject, number: int, leaf: Leaf, paired: list[tuple[int, dict[int, Tensor]]]
) -> tuple[float, int] | None:
    """Return how much outputs without steps read their own targets in the input, and the last such step.

    Each of them must be read: a model may read a step for all outputs but the one that is compared with it.
    """
    sizes = []
    for at, entries in paired:
        run = s.disturb(s.steps(torch.arange(leaf.T) == at, number))
        gaps = [(s.values(run, k) - s.values(s.base, k))[:, :, moved] for k, moved in entries.items()]
        sizes.append((max(float(gap.abs().max()) for gap in gaps), at))
    return None if min(sizes)[0] == 0.0 else sizes[0]


def _effect(s: Subject, mask: Tensor, number: int, k: int, t: int, rows: Tensor | None = None) -> float:
    """Return how much output k at step t reads these steps of a leaf, in some rows."""
    effect = s.effect(s.disturb(s.steps(mask, number)), k)[:, t]
    return float(effect.max() if rows is None else (effect * rows).max())

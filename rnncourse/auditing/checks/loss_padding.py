"""Padded steps that contribute to the loss, and real ones that are mistaken for padding."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from rnncourse.auditing import criterion
from rnncourse.auditing.blame import Masks, Story
from rnncourse.auditing.checks.padding import only_padded
from rnncourse.auditing.packed import short_for_ctc
from rnncourse.auditing.report import QUESTION, WRONG, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call, Place
from rnncourse.auditing.trees import tensors_in

KINDS = ("loss on padding",)


def run(s: Subject) -> Iterator[Finding]:
    if s.loss is not None:
        yield from short_for_ctc(s)
        yield from _padding(s, criterion.target_of(s))


def _padding(s: Subject, target: Any) -> Iterator[Finding]:
    """Measure the share of the loss's gradient on padded steps of the outputs."""
    if s.real is None or bool(s.real.all()):
        return
    gradients = criterion.gradients(s, target)
    if gradients is None:
        s.skip("the loss on padding (the outputs can't be detached from the model)", *KINDS)
        return
    if not any(gradient is not None and k in s.in_step for k, gradient in enumerate(gradients)):
        yield from _mean_over_padding(s, target)
        return
    s.made("loss on padding")
    on, off = 0.0, 0.0
    for k, gradient in enumerate(gradients):
        if gradient is None or k not in s.in_step:
            continue
        size = gradient.double().square().sum(2)
        on, off = on + float((size * ~s.real).sum()), off + float((size * s.real).sum())
    if on > 0:
        share = (on**0.5) / (on**0.5 + off**0.5)
        joins = _joins(s, target)
        yield Finding(
            "loss on padding",
            WRONG,
            f"The loss counts padded steps: {100 * share:.0f} % of its gradient is there. Mask them, or "
            "give them a target that the loss ignores.",
            joins.place if joins else None,
            numbers={"unlawful": on**0.5, "lawful": off**0.5},
            lesson="13",
            by=f"Counted by {joins.name}" if joins else "",
        )
        return
    yield from _left_out(s, target, [gradients[k] for k in s.in_step])
    yield from _mean_over_padding(s, target)


def _joins(s: Subject, target: Any) -> Call | None:
    """Return the call in the loss whose result first depends on padded steps other than as padded steps.

    It is found by comparing the loss's calls with those for outputs that are disturbed at padded steps.
    """
    assert s.loss is not None
    assert s.real is not None
    usual, real = criterion.comparing_call(s.loss[1]), s.real
    tape = criterion.disturbed(s, target, ~real)
    story = None if tape is None else Story.of(s.loss[1], [tape])
    if story is None:
        return usual

    def bad(masks: Masks) -> bool:
        return bool(masks[0].any()) and not only_padded(masks[0], real, (s.B, s.T))

    at = story.walk(s.loss[0], bad)
    call = None if at is None else story.base[at[0]]
    return call if call is not None and call.place is not None else usual


def _left_out(s: Subject, target: Any, gradients: list[Tensor | None]) -> Iterator[Finding]:
    """Find real steps that the loss leaves out because their target has the value that padding has."""
    assert s.real is not None
    for gradient in gradients:
        if gradient is None:
            continue
        counts = s.real & gradient.any(2)
        left = s.real & ~counts & _between(counts)  # not only at the ends, where a shifted target has none
        if not bool(left.any()):
            continue
        for values in _of_steps(s, target):
            value = int(values[left][0])
            padding = bool((values[~s.real] == value).all())
            if value < 0 or not padding or not (values == value)[s.real].equal(~counts[s.real]):
                continue
            yield Finding(
                "loss on padding",
                QUESTION,
                f"The loss leaves out {int((s.real & ~counts).sum())} of {int(s.real.sum())} real steps: "
                f"those with the target {value}, which padding has, too. Should they count?",
                *_where(s),
                numbers={"target": float(value)},
                lesson="13",
                by=f"Computed by {call.name}" if (call := _call(s)) else "",
            )
            return


def _between(counts: Tensor) -> Tensor:
    """Return which steps lie between two that count: (B, T)."""
    before = counts.cumsum(1) > 0
    after = counts.flip(1).cumsum(1).flip(1) > 0
    return before & after


def _of_steps(s: Subject, target: Any) -> Iterator[Tensor]:
    """Yield the integers of a target, or of its parts, that belong to steps: (B, T)."""
    for value in tensors_in(target):
        if value.is_floating_point() or value.dtype == torch.bool or value.dim() != 2:
            continue
        for rows in (value, value.t()):
            if tuple(rows.shape) == (s.B, s.T):
                yield rows.cpu()
                break


def _mean_over_padding(s: Subject, target: Any) -> Iterator[Finding]:
    if s.has("padding read", "random in eval", "dropout in eval") or s.inputs.main.packed:
        return
    try:
        longer = s.inputs.longer(2)
        run = s.probe.run(inputs=longer)
        more = float(
            s.probe.loss_of(run.returned, longer.target.value if longer.target else None)[0].detach()
        )
        now = float(s.probe.loss_of(s.base.returned, target)[0].detach())
    except Exception:  # a model or a loss with a fixed number of steps
        return
    if all(out.shape == base.shape for out, base in zip(run.outputs, s.base.outputs, strict=False)):
        return
    s.made("loss on padding")
    if abs(more - now) > 1e-4 * abs(now):
        yield Finding(
            "loss on padding",
            WRONG,
            f"With two more padded steps the loss goes from {now:.4g} to {more:.4g}: does its mean "
            "include padded steps?",
            *_where(s),
            numbers={"unlawful": more, "lawful": now},
            lesson="13",
            by=_by(s),
        )


def _call(s: Subject) -> Call | None:
    return criterion.comparing_call(s.loss[1]) if s.loss is not None else None


def _where(s: Subject) -> tuple[Place | None]:
    call = _call(s)
    return (call.place if call else None,)


def _by(s: Subject) -> str:
    call = _call(s)
    return f"Counted by {call.name}" if call else ""

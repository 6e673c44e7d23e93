"""Padded steps that contribute to the loss."""

from collections.abc import Iterator
from typing import Any

from rnncourse.auditing import criterion
from rnncourse.auditing.report import WRONG, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call, Place

KINDS = ("loss on padding",)


def run(s: Subject) -> Iterator[Finding]:
    if s.loss is not None:
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
        yield Finding(
            "loss on padding",
            WRONG,
            f"The loss counts padded steps: {100 * share:.0f} % of its gradient is there. Mask them, or "
            "give them a target that the loss ignores.",
            *_where(s),
            numbers={"unlawful": on**0.5, "lawful": off**0.5},
            lesson="13",
            by=_by(s),
        )
        return
    yield from _mean_over_padding(s, target)


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

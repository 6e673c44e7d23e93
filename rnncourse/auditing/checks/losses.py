"""The arguments of the loss: probabilities, shapes that broadcast, outputs torn apart by a view."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from rnncourse.auditing import criterion
from rnncourse.auditing.blame import Story
from rnncourse.auditing.report import FACT, WRONG, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call, Place, Tape
from rnncourse.auditing.views import torn_views

KINDS = ("probabilities", "shapes broadcast")


def run(s: Subject) -> Iterator[Finding]:
    if s.probe.loss is None:
        s.skip("the loss (pass loss=)", *KINDS, "loss on padding", "target mispaired", "loss couples rows",
               "unread by the loss")  # fmt: skip
        return
    target = criterion.target_of(s)
    try:
        loss, tape = s.probe.loss_of(s.base.returned, target, record=True)
        given = s.probe.target_given
    except Exception as error:
        s.skip(f"the loss (it raises {type(error).__name__}: {_first_line(error)})", *KINDS)
        return
    if not isinstance(loss, Tensor) or (loss.dim() > 0 and loss.numel() > 1):
        s.skip("the loss (it does not return a single number)", *KINDS)
        return
    yield from _inputs(s, tape.calls)
    yield from _broadcast(s, tape.calls)
    if not bool(torch.isfinite(loss)):
        yield Finding("not finite", WRONG, f"The loss is {float(loss.detach())}.", _last_place(tape.calls))
        return
    s.loss = loss, tape
    s.options["target given"] = given
    of = f"of {s.B} rows " if s.B > 1 else ""
    yield Finding("loss", FACT, f"The loss {of}was computed: {float(loss.detach()):.4g}.")
    yield from _torn(s, target, tape)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:80]


def _last_place(calls: list[Call]) -> Any:
    return next((call.place for call in reversed(calls) if call.place), None)


# ---- inputs of the loss


def _inputs(s: Subject, calls: list[Call]) -> Iterator[Finding]:
    for call in calls:
        if not call.before or not call.before[0].is_floating_point():
            continue
        if call.name in ("cross_entropy", "nll_loss", "binary_cross_entropy_with_logits", "ctc_loss"):
            s.made("probabilities")
        given = call.before[0]
        if call.name == "cross_entropy" and given.dim() > 1 and given.shape[1] > 1:
            axis = 1
            likely = bool((given >= 0).all()) and bool(
                torch.allclose(given.sum(axis), _one(given), atol=1e-4)
            )
            if likely:
                yield _probabilities(
                    s, call, "probabilities", "it expects logits, and applies log_softmax itself"
                )
                return
        if call.name == "nll_loss" and given.dim() > 1 and given.shape[1] > 1:
            mass = torch.logsumexp(given.double(), 1)
            if float(mass.abs().max()) > 1e-3:
                positive = bool((given >= 0).all()) and bool(
                    torch.allclose(given.sum(1), _one(given), atol=1e-4)
                )
                what = "probabilities" if positive else "logits"
                yield _probabilities(
                    s, call, what, "it expects log-probabilities, as log_softmax returns them"
                )
                return
        if call.name in ("binary_cross_entropy_with_logits",) and _is_sigmoid(s, call.args[0], calls):
            yield _probabilities(
                s, call, "probabilities", "it expects logits, and applies the sigmoid itself"
            )
            return
        if call.name == "ctc_loss" and given.dim() == 3:
            mass = torch.logsumexp(given.double(), 2)
            if float(mass.abs().max()) > 1e-3:
                yield _probabilities(
                    s, call, "numbers that are not log-probabilities", "it expects the result of log_softmax"
                )
                return


def _one(given: Tensor) -> Tensor:
    return torch.ones(()).to(given)


def _is_sigmoid(s: Subject, tensor: Tensor, calls: list[Call]) -> bool:
    storage = tensor.untyped_storage().data_ptr()
    return any(
        call.name in ("sigmoid", "sigmoid_", "softmax")
        and any(result.untyped_storage().data_ptr() == storage for result in call.results)
        for call in [*s.base.tape.calls, *calls]
    )


def _probabilities(s: Subject, call: Call, what: str, why: str) -> Finding:
    soft = next(
        (c for c in reversed(s.base.tape.calls) if c.name in ("softmax", "sigmoid", "log_softmax")), None
    )
    place = call.place or (soft.place if soft else None)
    by = f"By {call.name}" if call.place or not soft else f"They come from {soft.name}"
    return Finding("probabilities", WRONG, f"{call.name} gets {what}: {why}.", place, by=by)


def _broadcast(s: Subject, calls: list[Call]) -> Iterator[Finding]:
    names = {
        "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "gaussian_nll_loss", "poisson_nll_loss",
        "sub", "__sub__", "rsub", "__rsub__", "mul", "__mul__", "eq", "__eq__",
    }  # fmt: skip
    for call in calls:
        if call.name not in names or len(call.before) < 2:
            continue
        one, other = call.before[0], call.before[1]
        less, more = sorted((one, other), key=lambda t: t.dim())
        s.made("shapes broadcast")
        if less.dim() == more.dim() or not less.dim() or less.shape[-1] < 2:
            continue
        if more.shape[-1] == 1 and more.shape[-2] == less.shape[-1]:
            out = torch.broadcast_shapes(one.shape, other.shape)
            size = one.new_empty(out, device="meta").numel()
            place, by = (call.place, f"By {call.name}") if call.place else _made(s, more)
            yield Finding(
                "shapes broadcast",
                WRONG,
                f"{call.name} gets {tuple(one.shape)} and {tuple(other.shape)}, and compares every entry "
                f"with every other: {tuple(out)}. Give both the same shape.",
                place,
                numbers={"entries": float(size)},
                lesson="03",
                by=by,
            )
            return


def _made(s: Subject, tensor: Tensor) -> tuple[Place | None, str]:
    """Return the model's line that made an output of these values, for a loss without a line of its own."""
    for k, out in enumerate(s.base.outputs):
        if out.shape == tensor.shape and torch.equal(out.detach(), tensor):
            at = Story(s.base.tape.calls, []).producer(out, len(s.base.tape.calls))
            call = None if at is None else s.base.tape.calls[at[0]]
            return (call.place, f"Output {k} is made by {call.name}") if call else (None, "")
    return None, ""


def _torn(s: Subject, target: Any, tape: Tape) -> Iterator[Finding]:
    """Find a view in the loss that tears a step's outputs apart, such as (B, T, C) viewed as (B, C, T)."""
    if s.has("steps torn"):
        return
    for k in s.timed:
        T, out = s.layouts[k].T or 1, s.base.outputs[k]
        axis = s.layouts[k].time
        if T < 3 or axis is None or not out.is_floating_point():
            continue
        for cut in (1, T // 2, T - 1):
            late = (torch.arange(T) >= cut).reshape([-1 if a == axis else 1 for a in range(out.dim())])
            others = [o.detach() for o in s.base.outputs]
            others[k] = out.detach() + late.to(out) * 0.1 * (s.size(k) or 1.0)
            try:
                _, other = s.probe.loss_of(criterion.again(s, others), target, record=True)
                story = Story.of(tape, [other])
            except Exception:  # outputs that can't be replaced, or that the loss refuses
                return
            torn = torn_views([(cut, story)], T)[0] if story else []
            call = story.base[torn[0]] if story and torn else None
            if call is not None:
                yield Finding(
                    "steps torn",
                    WRONG,
                    f"In the loss, a step's outputs are torn apart: from {tuple(call.before[0].shape)} to "
                    f"{tuple(call.after[0].shape)} each step gets entries of several steps. To exchange "
                    "axes, use transpose.",
                    call.place,
                    numbers={"T": float(T)},
                    lesson="03",
                    by=f"Torn by {call.name}",
                )
                return

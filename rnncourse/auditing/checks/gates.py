"""Gates that are shut or open at nearly every step, and ReLU units that are never active."""

import warnings
from collections.abc import Iterator

import torch
from torch import Tensor

from rnncourse.auditing.report import WRONG, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call
from rnncourse.shapes import SIGMOID
from rnncourse.spec import Spec
from rnncourse.tracing import trace

KINDS = ("gates saturated", "dead ReLU")

NEAR = 0.01


def run(s: Subject) -> Iterator[Finding]:
    yield from _gates(s)
    yield from _dead(s)


def _gates(s: Subject) -> Iterator[Finding]:
    bounded = {name: _bounded(Spec.of(module, name)) for name, module in s.probe.recurrent.items()}
    if not any(bounded.values()):
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with trace(s.model, names=sorted(set().union(*bounded.values()))) as t:
                s.probe.run(hooks=False)
    except (TypeError, ValueError, RuntimeError):
        s.skip("gates (the recurrent modules can't be traced)", *KINDS)
        return
    for watched in t._recorder.watched:
        shares: dict[str, list[Tensor]] = {}
        for call in watched.calls:
            for values in call.values.values():
                for name, value in values.items():
                    if name in bounded[watched.name]:
                        shares.setdefault(name, []).append(value.detach().flatten().abs())
        if not shares:
            continue
        s.made("gates saturated")
        whole = {name: torch.cat(values) for name, values in shares.items()}
        share = {
            name: float(((value < NEAR) | (value > 1 - NEAR)).float().mean()) for name, value in whole.items()
        }
        # f at 1 with i at 0 is a long memory, perhaps the initial state; o has no reason to saturate
        judged = share.get("o", 0.0) if watched.plan.mode == "LSTM" else min(share.values())
        if max(judged, min(share.values())) > 0.5:
            name, worst = max(share.items(), key=lambda item: item[1])
            mean = float(whole[name].mean())
            yield Finding(
                "gates saturated",
                WRONG,
                f"{_what(watched.plan.mode)} of {type(watched.module).__name__} {watched.name!r} are shut "
                "or open: "
                + ", ".join(f"{gate} {100 * part:.0f} %" for gate, part in share.items())
                + f" of all values lie within {NEAR} of 0 or 1 (the mean of {name} is {mean:.2f}). Almost no "
                "gradient passes. Are inputs or weights too large?",
                module=watched.name,
                numbers={"share": worst},
                lesson="06",
                see=f"rnncourse.trace(model)[{watched.name!r}]",
            )


def _bounded(spec: Spec) -> frozenset[str]:
    """Return the names of a module's values that a sigmoid, or in an RNN tanh, bounds."""
    if spec.kind == "RNN":
        return frozenset({"h"} if spec.nonlinearity == "tanh" else ())
    return SIGMOID & set(spec.letters)


def _what(mode: str) -> str:
    return "The states" if mode == "RNN_TANH" else "The gates"


def _dead(s: Subject) -> Iterator[Finding]:
    """Find ReLUs most of whose units are never active; a line in a loop is judged by all of its calls."""
    lines: dict[tuple[object, str], list[Call]] = {}
    for call in s.base.tape.calls:
        relu = call.name in ("relu", "relu_") and call.after
        if relu and call.after[0].dim() > 1 and call.after[0].shape[-1] >= 4:
            lines.setdefault((call.place, call.module), []).append(call)
    for calls in lines.values():
        values = [call.after[0] for call in calls]
        if len({value.dim() for value in values}) > 1:
            continue
        s.made("dead ReLU")
        dead = min(_never_active(values, axis) for axis in {values[0].dim() - 1, 1})
        if dead > 0.9:
            yield Finding(
                "dead ReLU",
                WRONG,
                f"{100 * dead:.0f} % of the units of a ReLU are 0 in every row at every step: no gradient "
                "passes through them.",
                calls[0].place,
                calls[0].module,
                numbers={"share": dead},
                lesson="05",
                by=f"By {calls[0].name}",
            )
            return


def _never_active(values: list[Tensor], axis: int) -> float:
    """Return the share of the units along an axis that are 0 in all values; 0 if the axis varies."""
    if len({value.shape[axis] for value in values}) > 1:
        return 0.0
    silent = [(v <= 0).movedim(axis, 0).reshape(v.shape[axis], -1).all(1) for v in values]
    return float(torch.stack(silent).all(0).float().mean())

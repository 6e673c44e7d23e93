"""A state that outlives a call, with its graph, so that the next backward fails or grows, or detached."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from rnncourse.auditing.probe import Run
from rnncourse.auditing.report import QUESTION, WRONG, Finding
from rnncourse.auditing.source import place_of
from rnncourse.auditing.subject import Subject

KINDS = ("state kept",)
MAX_KEPT = 4  # so many attributes are tried, two forward passes each


def run(s: Subject) -> Iterator[Finding]:
    s.made("state kept")
    s.probe.saved.restore()
    before = dict(_attributes(s))
    first = s.probe.run(restore=True)
    left = [
        (path, value)
        for path, value in _attributes(s)
        if before.get(path) is not value and not isinstance(value, nn.Parameter)
    ]
    version = s.probe.run(restore=False)
    changed = len(first.outputs) == len(version.outputs)
    change = 0.0
    if changed:
        pairs = zip(first.outputs, version.outputs, strict=True)
        change = max((_difference(a, b) for a, b in pairs), default=0.0)
    size = max((s.size(k) for k in range(len(s.layouts))), default=1.0)
    carried = _carried(version.outputs, [value for _, value in left])
    name = next((path for (path, value) in left if carried is value), "") or _blamed(left)
    place = place_of(s, name)
    if carried is not None:
        yield Finding(
            "state kept",
            WRONG,
            f"{name} keeps its graph from one call to the next: the next call's outputs have a gradient with "
            "respect to it, so backward reaches into the previous batch, and fails or takes ever longer. "
            "Detach it.",
            place,
            numbers={"unlawful": change},
            lesson="14",
            by="It is set",
        )
    elif change > 1e-5 * (size or 1.0):
        what = name or "Something"
        yield Finding(
            "state kept",
            QUESTION,
            f"{what} is kept from one call to the next, without its graph: the same call made twice gives "
            f"outputs that differ by {change:.2g}. Is this intended, and is it reset for each new sequence?",
            place,
            numbers={"unlawful": change},
            lesson="14",
            by="It is set",
        )
    elif (path := _read_when_changed(s, left, first)) is not None:
        yield Finding(
            "state kept",
            QUESTION,
            f"{path} is kept from one call to the next, without its graph: with other values there, the next "
            "call gives other outputs. Is this intended, and is it reset for each new sequence?",
            place_of(s, path),
            lesson="14",
            by="It is set",
        )
    s.probe.saved.restore()


def _read_when_changed(s: Subject, left: list[tuple[str, Tensor]], first: Run) -> str | None:
    """Return what a call leaves and the next one reads, though a short memory hardly shows it."""
    for path, value in left[:MAX_KEPT]:
        if not value.is_floating_point() or not value.numel():
            continue
        s.probe.saved.restore()
        s.probe.run(restore=True)
        kept = next((now for name, now in _attributes(s) if name == path), None)
        if kept is None:
            continue
        with torch.no_grad():
            kept.data = kept.data + 10 * torch.randn(
                kept.shape, generator=torch.Generator().manual_seed(6)
            ).to(kept)
        again = s.probe.run(restore=False)
        pairs = zip(first.outputs, again.outputs, strict=False)
        if max((_difference(a, b) for a, b in pairs), default=0.0) > 1e-5 * (s.size(0) or 1.0):
            return path
    return None


def _carried(outputs: list[Tensor], left: list[Tensor]) -> Tensor | None:
    """Return a tensor left by the first call that the second call's outputs have a gradient for."""
    total = sum((out.sum() for out in outputs if out.requires_grad), start=torch.zeros(()))
    wanted = [value for value in left if value.requires_grad and value.grad_fn is not None]
    if not wanted or not total.requires_grad:
        return None
    with torch.backends.cudnn.flags(enabled=False):
        found = torch.autograd.grad(total, wanted, allow_unused=True, retain_graph=True)
    return next((value for value, gradient in zip(wanted, found, strict=True) if gradient is not None), None)


def _attributes(s: Subject) -> list[tuple[str, Tensor]]:
    found: list[tuple[str, Tensor]] = []
    for name, module in s.probe.modules.items():
        own = {**vars(module), **module._buffers}
        for key, value in own.items():
            if key not in ("_parameters", "_buffers", "_modules"):
                found += _tensors(f"{name}.{key}".lstrip("."), value, 0)
    return found


def _tensors(path: str, value: Any, depth: int) -> list[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        return [(path, value)]
    if depth > 3:
        return []
    if isinstance(value, dict):
        items = [(f"{path}[{key!r}]", item) for key, item in value.items()]
    elif isinstance(value, list | tuple):
        items = [(f"{path}[{key}]", item) for key, item in enumerate(value)]
    else:
        return []
    return [pair for sub, item in items for pair in _tensors(sub, item, depth + 1)]


def _difference(a: Tensor, b: Tensor) -> float:
    if a.shape != b.shape:
        return float("inf")
    if a.dtype == torch.bool or not a.numel():
        return float((a != b).any()) if a.numel() else 0.0
    return float((torch.nan_to_num(a.detach().double()) - torch.nan_to_num(b.detach().double())).abs().max())


def _blamed(left: list[tuple[str, Tensor]]) -> str:
    return left[0][0] if left else ""

"""Small changes that would make a result right: axis order, sign, a factor, one step, gate order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

AXIS_WORDS = {
    "T": "time",
    "B": "batch",
    "I": "input",
    "H": "hidden",
    "L": "layers",
    "D": "directions",
    "P": "projection",
    "3H": "three gates of hidden",
    "4H": "four gates of hidden",
    "L*D": "layers and directions",
    "D*H": "directions and hidden",
    "2H": "two halves of hidden",
}
GATES = {"4H": "ifgo", "3H": "rzn"}  # torch's order

Change = Callable[[Tensor], Tensor]


def changes(axes: Sequence[str]) -> Iterator[tuple[Change, str]]:
    """Each change to try on a result that should have these axes, with what is said if it makes it right."""
    yield lambda v: -v, "right after changing the sign."
    for a, b in itertools.combinations(range(len(axes)), 2):
        yield (
            partial(_exchanged, a=a, b=b, ndim=len(axes)),
            f"right after exchanging axes {a} and {b}; asked was ({', '.join(axes)}): "
            + ", then ".join(AXIS_WORDS.get(axis, axis) for axis in axes)
            + ".",
        )
    yield lambda v: v.squeeze(0), "right, but for an extra first axis of size 1."
    yield lambda v: v.squeeze(-1), "right, but for an extra last axis of size 1."
    for at, axis in enumerate(axes):
        if axis == "T":
            yield partial(torch.flip, dims=(at,)), "right when read backwards in time."
        if axis in GATES:
            yield from _gate_orders(at, GATES[axis])


def _exchanged(v: Tensor, a: int, b: int, ndim: int) -> Tensor:
    return v.transpose(a, b) if v.ndim == ndim else v


def _gate_orders(at: int, order: str) -> Iterator[tuple[Change, str]]:
    for other in itertools.permutations(order):
        if "".join(other) != order:

            def change(v: Tensor, other: tuple = other) -> Tensor:
                blocks = dict(zip(other, v.chunk(len(order), dim=at), strict=True))
                return torch.cat([blocks[gate] for gate in order], dim=at)

            words = ", ".join(other)
            yield change, f"right, but for the blocks' order: yours lie {words}; asked is torch's order."


def shifted(found: Sequence[Tensor], expected: Sequence[Tensor], at: int) -> str:
    """ "late" or "early" if all is right but one time step off, along axis `at`."""
    pairs = [(f.movedim(at, 0), e.movedim(at, 0)) for f, e in zip(found, expected, strict=True)]
    if any(f.shape != e.shape for f, e in pairs):
        return ""
    pairs = [(f.double(), e.double()) for f, e in pairs if len(f) > 1]
    near = lambda f, e: torch.allclose(f, e, rtol=1e-5, atol=1e-5)  # noqa: E731
    if pairs and all(near(f[1:], e[:-1]) for f, e in pairs):
        return "late"
    return "early" if pairs and all(near(f[:-1], e[1:]) for f, e in pairs) else ""


def factor(found: Sequence[Tensor], expected: Sequence[Tensor], sizes: Sequence[dict[str, int]]) -> str:
    """In words the one factor by which all results are off: a number, or a size such as B; else ''."""
    ratios = []
    for f, e in zip(found, expected, strict=True):
        f, e = f.double().flatten(), e.double().flatten()
        norm = float((e * e).sum())
        if f.shape != e.shape or norm == 0:
            return ""
        ratio = float((f * e).sum()) / norm
        if abs(ratio) < 1e-3 or not torch.allclose(f, ratio * e, rtol=1e-5, atol=1e-6):
            return ""
        ratios.append(ratio)

    def all_near(wanted: Sequence[float]) -> bool:
        return all(abs(ratio / want - 1) < 1e-4 for ratio, want in zip(ratios, wanted, strict=True))

    for letter in sizes[0]:
        values = [size.get(letter, 0) for size in sizes]
        if len(set(values)) > 1 and all(values):
            if all_near(values):
                return f"{letter} times too large: a sum where a mean is asked?"
            if all_near([1 / size for size in values]):
                return f"{letter} times too small: a mean where a sum is asked?"
    if len(ratios) > 1 and all_near([ratios[0]] * len(ratios)):
        return f"{ratios[0]:.4g} times what it should be."
    return ""

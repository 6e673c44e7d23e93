"""Find small changes that would make a result right: axis order, sign, a factor, one step, gate order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from rnncourse.checks.framework.language import say

AXIS_WORDS = {
    "T": "time T={size}",
    "B": "batch B={size}",
    "I": "input I={size}",
    "H": "hidden H={size}",
    "L": "layers L={size}",
    "D": "directions D={size}",
    "P": "projection P={size}",
    "3H": "three gates of hidden 3H={size}",
    "4H": "four gates of hidden 4H={size}",
    "L*D": "layers and directions L*D={size}",
    "D*H": "directions and hidden D*H={size}",
    "2H": "two halves of hidden 2H={size}",
}
GATES = {"4H": "ifgo", "3H": "rzn"}  # torch's order

Change = Callable[[Tensor], Tensor]
Sentence = Callable[..., str]  # takes the field `parts`


def changes(axes: Sequence[str]) -> Iterator[tuple[Change, Sentence]]:
    """Yield each change to try on a result that should have these axes, with its sentence if it fits."""
    yield lambda v: -v, partial(say, "{parts}: right after changing the sign.")
    for a, b in itertools.combinations(range(len(axes)), 2):
        yield (
            partial(_exchanged, a=a, b=b, ndim=len(axes)),
            partial(
                say,
                "{parts}: right after exchanging axes {a} and {b}; expected ({axes}).",
                a=a,
                b=b,
                axes=", ".join(axes),
            ),
        )
    yield lambda v: v.squeeze(0), partial(say, "{parts}: right, except for an extra first axis of size 1.")
    yield lambda v: v.squeeze(-1), partial(say, "{parts}: right, except for an extra last axis of size 1.")
    for at, axis in enumerate(axes):
        if axis == "T":
            yield partial(torch.flip, dims=(at,)), partial(say, "{parts}: right when read backwards in time.")
        if axis in GATES:
            yield from _gate_orders(at, GATES[axis])


def _exchanged(v: Tensor, a: int, b: int, ndim: int) -> Tensor:
    return v.transpose(a, b) if v.ndim == ndim else v


def _gate_orders(at: int, order: str) -> Iterator[tuple[Change, Sentence]]:
    for other in itertools.permutations(order):
        if "".join(other) != order:

            def change(v: Tensor, other: tuple = other) -> Tensor:
                blocks = dict(zip(other, v.chunk(len(order), dim=at), strict=True))
                return torch.cat([blocks[gate] for gate in order], dim=at)

            sentence = (
                "{parts}: right, except for the order of the blocks: yours is {yours}, torch's is {order}."
            )
            yield change, partial(say, sentence, yours=", ".join(other), order=", ".join(order))


def shifted(found: Sequence[Tensor], expected: Sequence[Tensor], at: int) -> Sentence | None:
    """Return a sentence if everything is right except one time step late or early along axis `at`."""
    pairs = [(f.movedim(at, 0), e.movedim(at, 0)) for f, e in zip(found, expected, strict=True)]
    if any(f.shape != e.shape for f, e in pairs):
        return None
    pairs = [(f.double(), e.double()) for f, e in pairs if len(f) > 1]
    near = lambda f, e: torch.allclose(f, e, rtol=1e-5, atol=1e-5)  # noqa: E731
    if pairs and all(near(f[1:], e[:-1]) for f, e in pairs):
        return partial(say, "{parts}: right, but one time step too late.")
    if pairs and all(near(f[:-1], e[1:]) for f, e in pairs):
        return partial(say, "{parts}: right, but one time step too early.")
    return None


def factor(
    found: Sequence[Tensor], expected: Sequence[Tensor], sizes: Sequence[dict[str, int]]
) -> Sentence | None:
    """Return a sentence if all results are off by one factor: a number, or a size such as B."""
    ratios = []
    for f, e in zip(found, expected, strict=True):
        f, e = f.double().flatten(), e.double().flatten()
        norm = float((e * e).sum())
        if f.shape != e.shape or norm == 0:
            return None
        ratio = float((f * e).sum()) / norm
        if abs(ratio) < 1e-3 or not torch.allclose(f, ratio * e, rtol=1e-5, atol=1e-6):
            return None
        ratios.append(ratio)

    def all_near(wanted: Sequence[float]) -> bool:
        return all(abs(ratio / want - 1) < 1e-4 for ratio, want in zip(ratios, wanted, strict=True))

    for letter in sizes[0]:
        values = [size.get(letter, 0) for size in sizes]
        if len(set(values)) > 1 and all(values):
            if all_near(values):
                words = "{parts}: {letter} times too large. Is it a sum instead of a mean?"
                return partial(say, words, letter=letter)
            if all_near([1 / size for size in values]):
                words = "{parts}: {letter} times too small. Is it a mean instead of a sum?"
                return partial(say, words, letter=letter)
    if len(ratios) > 1 and all_near([ratios[0]] * len(ratios)):
        return partial(say, "{parts}: {factor:.4g} times what it should be.", factor=ratios[0])
    return None

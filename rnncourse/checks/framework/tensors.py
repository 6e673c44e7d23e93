"""What is wrong with a tensor: its type, its dtype, one small change, its shape, or a place in it."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from rnncourse.checks.framework.answers import Comparison
from rnncourse.checks.framework.near import AXIS_WORDS, Change, changes, factor, shifted
from rnncourse.checks.framework.parts import Score
from rnncourse.checks.framework.verdict import Finding
from rnncourse.checks.framework.words import kind_of, listed

NEARLY = 1e-2  # up to here a difference may be rounding


def wrong_type(c: Comparison) -> Finding | None:
    if c.unreadable is None:
        return None
    returned, row = c.answers[c.unreadable].returned, c.read[c.unreadable]
    if returned is None:
        return Finding("type", " returns None: is a `return` missing?")
    if row is not None and len(c.names) > 1:
        k = row.unread[0]
        came, asked = kind_of(row.raw[k]), c.parts[k].asked
        return Finding("type", f": {c.names[k]} is {came}; asked is {asked}.{_stacked(c, k)}")
    asked = f"the tensor {c.names[0]}" if len(c.names) == 1 else f"the tuple ({', '.join(c.names)})"
    if isinstance(returned, tuple | list):
        came = f"a {type(returned).__name__} of {len(returned)}"
        stacked = _stacked(c, 0) if len(c.names) == 1 else ""
        return Finding("type", f" returns {came}; asked is {asked}.{stacked}")
    return Finding("type", f" returns {kind_of(returned)}; asked is {asked}.")


def _stacked(c: Comparison, k: int) -> str:
    """Would it be right if a list of tensors were one tensor?"""
    try:
        for row, expected in zip(c.read, c.expected, strict=True):
            raw = None if row is None else row.raw[k]
            if not isinstance(raw, list | tuple | Tensor):
                return ""
            if not c.parts[k].right(torch.stack(list(raw)), expected[k]):
                return ""
    except (TypeError, ValueError, RuntimeError, AttributeError):
        return ""
    return " The numbers in it are right."


def wrong_dtype(c: Comparison) -> Finding | None:
    for k in c.wrong:
        remark = next((row.remarks[k] for row in c.read if row and "holds" in row.remarks[k]), "")
        if remark:
            return Finding("type", f": {c.names[k]} {remark}.")
    return None


def not_finite(c: Comparison) -> Finding | None:
    """nan or inf where numbers are due."""
    for k, name in enumerate(c.names):
        if any(not found.isfinite().all() and expected.isfinite().all() for found, expected in c.pairs(k)):
            return Finding("wrong", f": {name} has nan or inf in it.")
    return None


def other_order(c: Comparison) -> Finding | None:
    """Right results, but in another order."""
    for order in itertools.permutations(range(len(c.names))) if len(c.names) <= 5 else ():
        if c.right_with(partial(_in_order, order)):
            yours = ", ".join(c.names[order.index(k)] for k in range(len(order)))
            what = "exchanging your two results" if len(order) == 2 else "putting your results in order"
            asked = ", ".join(c.names)
            return Finding("close", f": right after {what}: you return ({yours}), asked was ({asked}).")
    return None


def _in_order(order: Sequence[int], found: list[Any]) -> list[Any]:
    return [found[k] for k in order]


def one_change(c: Comparison) -> Finding | None:
    """Right but for one small change, the same in all that is wrong."""
    longest = max((c.axes(k) for k in c.wrong), key=len)
    for change, words in changes(longest):
        if c.right_with(partial(_changed, change, c.wrong)):
            return Finding("close", f": {listed([c.names[k] for k in c.wrong])}: {words}")
    return None


def _changed(change: Change, wrong: Collection[int], found: list[Any]) -> list[Any]:
    return [change(v) if k in wrong else v for k, v in enumerate(found)]


def one_step_or_factor(c: Comparison) -> Finding | None:
    k, *others = c.wrong
    found, expected = zip(*c.pairs(k), strict=True)
    if others or [f.shape for f in found] != [e.shape for e in expected]:
        return None
    axes = c.axes(k)
    if "T" in axes and all(e.ndim == len(axes) for e in expected):
        side = shifted(found, expected, axes.index("T"))
        if side:
            return Finding("close", f": {c.names[k]}: right, but one time step too {side}.")
    times = factor(found, expected, [case.sizes for case in c.cases])
    return Finding("close", f": {c.names[k]}: right, but for a factor: {times}") if times else None


def nearly(c: Comparison) -> Finding | None:
    largest = max(map(c.difference, c.wrong))
    if largest >= NEARLY:
        return None
    names = f"{listed([c.names[k] for k in c.wrong])} {'is' if len(c.wrong) == 1 else 'are'}"
    ask = "Is something rounded, or of a coarser dtype?"
    return Finding("close", f": {names} nearly right: the largest difference is {largest:.1g}. {ask}")


def wrong_shape(c: Comparison) -> Finding | None:
    for k, part in enumerate(c.parts):
        wrong = [n for n, (found, expected) in enumerate(c.pairs(k)) if found.shape != expected.shape]
        if not wrong:
            continue
        n = wrong[0]
        found, expected = (tuple(tensor.shape) for tensor in c.pairs(k)[n])
        axes = c.axes(k)
        axes = axes if len(axes) == len(expected) else [axis for axis in axes if axis != "B"]
        pairs = zip(axes, expected, strict=False)
        named = [f"{AXIS_WORDS.get(axis, '')} {axis}={size}".strip() for axis, size in pairs]
        words = " first, then ".join(named) if len(named) == 2 else ", then ".join(named)
        trait = c.trait_of(wrong)
        came = f"{part.name} has shape {found}{f' where {trait.name}' if trait else ''}"
        asked = f"expected {expected}{': ' if words else ''}{words}"
        return Finding("shape", f": {came}, {asked}. (Here {c.cases[n]}.)")
    return None


def wrong_place(c: Comparison) -> Finding:
    """Nothing of the above: where it is wrong."""
    k, total = c.wrong[0], len(c.cases)
    if isinstance(c.parts[k], Score):
        return Finding("wrong", f": {c.scores()}.")
    wrong = [n for n, right in enumerate(c.right[k]) if not right]
    right = [n for n in range(total) if n not in wrong]
    there, elsewhere = c.trait_of(wrong), c.trait_of(right)
    if elsewhere:
        text = f"right where {elsewhere.name} and wrong elsewhere"
    elif there:
        text = f"wrong only where {there.name}"
    else:
        text = f"wrong{f' in {len(wrong)} of {total} cases' if right else ''}{c.place(k)}"
    far = f"largest difference {c.difference(k):.2g}, first at case {wrong[0] + 1} ({c.cases[wrong[0]]})"
    names = [name for j, name in enumerate(c.names) if j not in c.wrong]
    others = f"{listed(names)} {'is' if len(names) == 1 else 'are'} right in every case; " if names else ""
    look = f"Look at {elsewhere.look}." if elsewhere else ""
    return Finding("wrong", f": {others}{c.names[k]} is {text} ({far}).", look=look)

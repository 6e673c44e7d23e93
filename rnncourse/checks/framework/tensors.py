"""Say what is wrong with a tensor: its type, its dtype, one small change, its shape, or a place in it."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from rnncourse.checks.framework.answers import Comparison
from rnncourse.checks.framework.language import listed, say, say_count, sentences
from rnncourse.checks.framework.near import AXIS_WORDS, GATES, Change, changes, factor, shifted
from rnncourse.checks.framework.parts import Part, Score
from rnncourse.checks.framework.verdict import Finding
from rnncourse.checks.framework.words import describe_case, kind_of

NEARLY = 1e-2  # a smaller difference may be rounding
UNITS = {"T": "step", "B": "row of the batch", "H": "unit"}  # one entry of such an axis


def wrong_type(c: Comparison) -> Finding | None:
    if c.unreadable is None:
        return None
    returned, row = c.answers[c.unreadable].returned, c.read[c.unreadable]
    if returned is None:
        return Finding("type", _none(c))
    if row is not None and len(c.names) > 1:
        k = row.unread[0]
        words = "{part} is {kind}; expected {expected}."
        text = say(words, part=c.names[k], kind=kind_of(row.raw[k]), expected=say(c.parts[k].expects))
        return Finding("type", sentences(text, _stacked(c, k)))
    if len(c.names) == 1:
        expected = say("the tensor {part}", part=c.names[0])
    else:
        expected = say("the tuple ({parts})", parts=", ".join(c.names))
    if isinstance(returned, tuple | list):
        words = "it returns {kind} of {count}; expected {expected}."
        text = say(words, kind=kind_of(returned), count=len(returned), expected=expected)
        return Finding("type", sentences(text, _stacked(c, 0) if len(c.names) == 1 else ""))
    return Finding(
        "type", say("it returns {kind}; expected {expected}.", kind=kind_of(returned), expected=expected)
    )


def _none(c: Comparison) -> str:
    cases = [n for n, answer in enumerate(c.answers) if answer.failure is None and answer.returned is None]
    trait = c.trait_of(cases)
    if trait:
        words = "it returns None only where {trait}: is there a branch for that without a `return`?"
        return say(words, trait=say(trait.name))
    if len(cases) < len(c.cases):
        return say("it returns None in {count} of {total} cases.", count=len(cases), total=len(c.cases))
    return say("it returns None: is a `return` missing?")


def _stacked(c: Comparison, k: int) -> str:
    """Say whether a list of tensors would be right as one tensor."""
    try:
        for row, expected in zip(c.read, c.expected, strict=True):
            raw = None if row is None else row.raw[k]
            if not isinstance(raw, list | tuple | Tensor):
                return ""
            if not c.parts[k].right(torch.stack(list(raw)), expected[k]):
                return ""
    except (TypeError, ValueError, RuntimeError, AttributeError):
        return ""
    return say("The numbers in it are right.")


def wrong_dtype(c: Comparison) -> Finding | None:
    for k in c.wrong:
        part = c.parts[k]
        for row in filter(None, c.read):
            raw = row.raw[k]
            if isinstance(part, Part) and isinstance(raw, Tensor) and not part.holds(raw):
                return Finding("type", row.remarks[k])
    return None


def not_finite(c: Comparison) -> Finding | None:
    """Find nan or inf where numbers are expected."""
    for k, name in enumerate(c.names):
        for n, (found, expected) in enumerate(c.pairs(k)):
            if found.isfinite().all() or not expected.isfinite().all():
                continue
            if any(tensor.isnan().any() for tensor in _tensors(c.cases[n].arguments)):
                words = "{part} contains nan, which comes from the padding: there the arguments are nan."
                return Finding("wrong", say(words, part=name))
            return Finding("wrong", say("{part} contains nan or inf.", part=name))
    return None


def _tensors(value: Any) -> Iterator[Tensor]:
    """Yield all tensors in the arguments of a case."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _tensors(item)


def other_order(c: Comparison) -> Finding | None:
    """Find right results in a different order."""
    for order in itertools.permutations(range(len(c.names))) if len(c.names) <= 5 else ():
        if c.right_with(partial(_in_order, order)):
            words = (
                "right after exchanging your two results: you return ({yours}), expected ({expected})."
                if len(order) == 2
                else "right after putting your results in order: you return ({yours}), expected ({expected})."
            )
            yours = ", ".join(c.names[order.index(k)] for k in range(len(order)))
            return Finding("close", say(words, yours=yours, expected=", ".join(c.names)))
    return None


def _in_order(order: Sequence[int], found: list[Any]) -> list[Any]:
    return [found[k] for k in order]


def one_change(c: Comparison) -> Finding | None:
    """Find one small change, the same in everything that is wrong, that makes it right."""
    longest = max((c.axes(k) for k in c.wrong), key=len)
    for change, sentence in changes(longest):
        if c.right_with(partial(_changed, change, c.wrong)):
            return Finding("close", sentence(parts=listed([c.names[k] for k in c.wrong])))
    return None


def _changed(change: Change, wrong: Collection[int], found: list[Any]) -> list[Any]:
    return [change(v) if k in wrong else v for k, v in enumerate(found)]


def one_step_or_factor(c: Comparison) -> Finding | None:
    k, *others = c.wrong
    found, expected = zip(*c.pairs(k), strict=True)
    if others or [f.shape for f in found] != [e.shape for e in expected]:
        return None
    axes, sentence = c.axes(k), None
    if "T" in axes and all(e.ndim == len(axes) for e in expected):
        sentence = shifted(found, expected, axes.index("T"))
    sentence = sentence or factor(found, expected, [case.sizes for case in c.cases])
    return Finding("close", sentence(parts=c.names[k])) if sentence else None


def nearly(c: Comparison) -> Finding | None:
    largest = max(map(c.difference, c.wrong))
    if largest >= NEARLY:
        return None
    text = say_count(
        "{names} is nearly right: the largest difference is {largest:.1g}.",
        "{names} are nearly right: the largest difference is {largest:.1g}.",
        len(c.wrong),
        names=listed([c.names[k] for k in c.wrong]),
        largest=largest,
    )
    return Finding("close", sentences(text, say("Is something rounded, or of a lower precision?")))


def wrong_shape(c: Comparison) -> Finding | None:
    for k, part in enumerate(c.parts):
        wrong = [n for n, (found, expected) in enumerate(c.pairs(k)) if found.shape != expected.shape]
        if not wrong:
            continue
        n = wrong[0]
        found, expected = (tuple(tensor.shape) for tensor in c.pairs(k)[n])
        axes = c.axes(k)
        axes = axes if len(axes) == len(expected) else [axis for axis in axes if axis != "B"]
        named = [
            say(AXIS_WORDS.get(axis, "{axis}={size}"), axis=axis, size=size)
            for axis, size in zip(axes, expected, strict=False)
        ]
        fields = {"part": part.name, "found": found, "expected": expected}
        trait = c.trait_of(wrong)
        where = say("Only where {trait}.", trait=say(trait.name)) if trait else ""
        if len(named) == 2:
            words = "{part} has shape {found}, expected {expected}: {first} first, then {second}."
            text = say(words, first=named[0], second=named[1], **fields)
        elif named:
            words = "{part} has shape {found}, expected {expected}: {axes}."
            text = say(words, axes=", ".join(named), **fields)
        else:
            text = say("{part} has shape {found}, expected {expected}.", **fields)
        cause = _cause(found, axes, c.cases[n].sizes)
        return Finding("shape", sentences(text, cause, where, describe_case(c.cases[n])))
    return None


def _cause(found: tuple[int, ...], axes: list[str], sizes: dict[str, int]) -> str:
    """Say what produces such a shape, if there is a single cause."""
    if any(axis not in sizes for axis in axes):
        return ""
    shape = [sizes[axis] for axis in axes]
    if axes == ["H"] and found == ():
        return say("A matrix product has summed over H: use `*` to multiply entry by entry.")
    if axes == ["B", "H"]:
        B, H = shape
        if found == (2 * B, H):
            return say("Two tensors are concatenated along the batch, axis 0, instead of the last axis.")
        if found == (B, B):
            return say("A matrix product has summed over H: use `*` to multiply entry by entry.")
        if found == (H, H):
            return say("A matrix product has summed over the batch: use `*` to multiply entry by entry.")
    for at, axis in enumerate(axes):
        rest = tuple(size for k, size in enumerate(shape) if k != at)
        if found == rest and shape.count(shape[at]) == 1:
            return say(
                "The axis {axis} is missing: was it summed, averaged, indexed or squeezed away?", axis=axis
            )
    return ""


def copied(c: Comparison) -> Finding | None:
    """Find a result that repeats another result, or an argument as it was given."""
    for k in c.wrong:
        found = [f for f, _ in c.pairs(k)]
        for j, name in enumerate(c.names):
            if j != k and all(map(_equal, found, (f for f, _ in c.pairs(j)))):
                words = "{part} is the same as your {other}."
                return Finding("wrong", say(words, part=c.names[k], other=name))
        for name in c.cases[0].arguments:
            given = [case.arguments.get(name) for case in c.cases]
            if all(map(_equal, found, given)):
                words = "{part} is the argument {name}, unchanged."
                return Finding("wrong", say(words, part=c.names[k], name=name))
    return None


def _equal(a: Any, b: Any) -> bool:
    return isinstance(b, Tensor) and a.numel() > 0 and a.shape == b.shape and bool((a == b).all())


def wrong_place(c: Comparison) -> Finding:
    """Say where it is wrong, if nothing above fits."""
    k, total = c.wrong[0], len(c.cases)
    if isinstance(c.parts[k], Score):
        return Finding("wrong", c.scores())
    wrong = [n for n, right in enumerate(c.right[k]) if not right]
    right = [n for n in range(total) if n not in wrong]
    there, elsewhere, part = c.trait_of(wrong), c.trait_of(right), c.names[k]
    if elsewhere:
        text = say("{part} is right where {trait} and wrong elsewhere.", part=part, trait=say(elsewhere.name))
    elif there:
        text = say("{part} is wrong only where {trait}.", part=part, trait=say(there.name))
    elif right:
        words = "{part} is wrong in {wrong} of {total} cases."
        text = sentences(say(words, part=part, wrong=len(wrong), total=total), _place(c, k))
    else:
        text = sentences(say("{part} is wrong.", part=part), _place(c, k))
    far = say("The largest difference is {difference:.2g}.", difference=c.difference(k))
    names = [name for j, name in enumerate(c.names) if j not in c.wrong]
    right_too = "{names} is right in every case.", "{names} are right in every case."
    others = say_count(*right_too, len(names), names=listed(names)) if names else ""
    trait = elsewhere or there
    look = say("Look at {what}.", what=say(trait.look)) if trait and trait.look else ""
    return Finding("wrong", sentences(text, far, others, describe_case(c.cases[wrong[0]])), look=look)


def _place(c: Comparison, k: int) -> str:
    """Say which part of an axis of a tensor is wrong, if it is the same part in every wrong case."""
    axes = c.axes(k)
    pairs = [pair for pair, right in zip(c.pairs(k), c.right[k], strict=True) if not right]
    for axis, letter in enumerate(axes):
        places = []
        for found, expected in pairs:
            if found.ndim == len(axes) and found.shape[axis] > 1:
                far = (found.double() - expected.double()).abs() > 1e-5
                along = far.movedim(axis, 0).reshape(far.shape[axis], -1).any(dim=1)
                if letter in GATES:  # one entry for each gate's block
                    along = along.reshape(len(GATES[letter]), -1).any(dim=1)
                    places.append(set(_blocks(GATES[letter], along)))
                elif letter in UNITS:
                    places.append(set(_along(say(UNITS[letter]), along)))
                elif len(axes) > 1:
                    places.append(set(_along(say("entry of axis {axis}", axis=axis), along)))
                else:
                    places.append(set(_along(say("entry"), along)))
        same_in_all = set.intersection(*places) if places else ()
        if same_in_all:
            return min(same_in_all)
    return ""


def _blocks(gates: str, wrong: Tensor) -> Iterator[str]:
    only = [gate for gate, bad in zip(gates, wrong, strict=True) if bad]
    if len(only) < len(gates):
        words = "Only the block of {gates} is wrong.", "Only the blocks of {gates} are wrong."
        yield say_count(*words, len(only), gates=listed(only))


def _along(unit: str, wrong: Tensor) -> Iterator[str]:
    """Yield all that can be said about where an axis (a row of booleans) is wrong."""
    where, size = wrong.nonzero().flatten().tolist(), len(wrong)
    if where == [0]:
        yield say("Only the first {unit} is wrong.", unit=unit)
    if where == [size - 1]:
        yield say("Only the last {unit} is wrong.", unit=unit)
    if where == list(range(size - 1)):
        yield say("Only the last {unit} is right.", unit=unit)
    for n in range(1, size):
        if where == list(range(n, size)):
            yield say("It is wrong from {unit} {n} on, counting from 0.", unit=unit, n=n)

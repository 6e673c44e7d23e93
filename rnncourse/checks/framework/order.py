"""Judge a layer in the order in which it is built, and report the first criterion that is not met.

The criteria are in that order. A fault is therefore named by the mistake that shows the same there,
whatever else is still missing.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable
from typing import Any

from rnncourse.checks.framework.answers import Comparison
from rnncourse.checks.framework.evaluate import Answer
from rnncourse.checks.framework.mistakes import Mistake
from rnncourse.checks.framework.parts import read

Places = list[tuple[int, int]]  # part k of case n, as (n, k)


def first_not_met(c: Comparison) -> tuple[Mistake | None, Comparison]:
    """Return the known mistake that the answers show, or None, and the comparison where they first show it.

    That is the mistake that gives the same results everywhere; otherwise the first one that gives the same
    results where the first criterion fails, and right ones for all criteria before it.
    """
    before: Places = []
    for criterion in c.task.criteria:
        parts = [k for k, name in enumerate(c.names) if not criterion.parts or name in criterion.parts]
        cases = [n for n, case in enumerate(c.cases) if case.has(*criterion.where)]
        places = [(n, k) for n in cases for k in parts]
        if not all(c.right[k][n] for n, k in places):
            break
        before += places
    places.sort(key=lambda place: c.right[place[1]][place[0]])  # wrong ones first: they tell mistakes apart
    everywhere = [(n, k) for n in range(len(c.cases)) for k in range(len(c.names))]
    agreeing = [m for m in range(len(c.task.mistakes)) if _agrees(c, m, places)]
    known = next((m for m in agreeing if _agrees(c, m, everywhere)), None)
    if known is None:
        known = next((m for m in agreeing if _right(c, m, before)), None)
    return None if known is None else c.task.mistakes[known], _within(c, cases, parts)


def _within(c: Comparison, cases: list[int], parts: list[int]) -> Comparison:
    """Return the same answers, restricted to those cases and parts."""
    some = c.only(cases)
    key = copy.copy(some.key)
    key.task = dataclasses.replace(c.task, parts=tuple(c.parts[k] for k in parts))
    return Comparison(key, some.given)


def _agrees(c: Comparison, m: int, places: Iterable[tuple[int, int]]) -> bool:
    """Return whether mistake m gives the same results as the learner's answers there."""
    for n, k in places:
        mine, theirs = c.answers[n], c.key.mistaken(m, n)
        if mine.failure or theirs.failure:
            if _failure(mine) != _failure(theirs):
                return False
        else:
            a, b = _value(c, mine, k), _value(c, theirs, k)
            if a is None or b is None or not c.parts[k].same(a, b):
                return False
    return True


def _right(c: Comparison, m: int, places: Iterable[tuple[int, int]]) -> bool:
    """Return whether mistake m is right there."""
    for n, k in places:
        value = _value(c, c.key.mistaken(m, n), k)
        if value is None or not c.parts[k].right(value, c.expected[n][k]):
            return False
    return True


def _value(c: Comparison, answer: Answer, k: int) -> Any:
    """Return part k of an answer, or None if there is none."""
    row = None if answer.failure else read(c.parts, answer.returned)
    return None if row is None else row.values[k]


def _failure(answer: Answer) -> tuple[str, ...]:
    """Return what two equal failures have in common; for a problem that includes its sentence."""
    failure = answer.failure
    if failure is None:
        return ()
    return failure.kind, failure.error, failure.message if failure.kind == "problem" else ""

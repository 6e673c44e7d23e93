"""What is right, and beside it what came: where they agree, how far apart they are, which mistake it is.

Nothing is judged here: each question has a number, a place or a known mistake as its answer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rnncourse.checks.framework.cases import Case, Trait
from rnncourse.checks.framework.evaluate import Answer, Failure, evaluate
from rnncourse.checks.framework.mistakes import Mistake
from rnncourse.checks.framework.near import GATES
from rnncourse.checks.framework.parts import Part, Read, Score, read, same
from rnncourse.checks.framework.use import Problem
from rnncourse.checks.framework.words import listed, parts_of_axis

if TYPE_CHECKING:
    from rnncourse.checks.framework.check import Check

PATIENCE = 300.0  # seconds for the truth, which does end, on a machine however busy


class AnswerKey:
    """What a check's own ways give on some cases: the truth, and each mistake once it is asked for."""

    def __init__(self, check: Check, cases: Sequence[Case]) -> None:
        self.check, self.cases = check, list(cases)
        self.truths = self._run(check.truth, self.cases, seconds=PATIENCE)
        self._mistaken: dict[tuple[int, int], Answer] = {}

    def mistaken(self, m: int, n: int) -> Answer:
        """Mistake m's answer in case n."""
        if (m, n) not in self._mistaken:
            wrong_way = self.check.mistakes[m].function
            self._mistaken[m, n] = self._run(wrong_way, [self.cases[n]], self.check.seconds)[0]
        return self._mistaken[m, n]

    def _run(self, way: Any, cases: Sequence[Case], seconds: float) -> list[Answer]:
        answers = evaluate(way, cases, self.check.use, frozenset(), seconds)  # nothing is forbidden to it
        return [self.derived(case, answer) for case, answer in zip(cases, answers, strict=True)]

    def derived(self, case: Case, answer: Answer) -> Answer:
        """The answer with what its parts are read from, where that is not what was returned."""
        if self.check.derive is None or answer.failure is not None:
            return answer
        try:
            return dataclasses.replace(answer, returned=self.check.derive(answer.returned, case.arguments))
        except Problem as problem:
            failure = Failure("problem", message=str(problem))
        except Exception as error:
            message = " ".join(str(error).split())[:200]
            failure = Failure("problem", message=f"what it returns cannot be used: {message}")
        return dataclasses.replace(answer, returned=None, failure=failure)


class Comparison:
    """A learner's answers beside those of the key. Case n, part k.

    given: one answer for each case. answers: the same, with what is derived from them.
    read: each answer by parts, None where there are none to read.
    found: read's values. expected: the right ones. Both [n][k].
    right: is it, [k][n]. wrong: the parts that are not right in every case.
    unreadable: the first case with a part that cannot be read, or None. tensors: is every part one?
    """

    def __init__(self, key: AnswerKey, answers: Sequence[Answer]) -> None:
        self.key, self.check, self.cases, self.parts = key, key.check, key.cases, key.check.parts
        self.names = [part.name for part in self.parts]
        self.given = list(answers)
        self.answers = [key.derived(case, answer) for case, answer in zip(self.cases, answers, strict=True)]
        self.read = [self._read(answer) for answer in self.answers]
        self.found = [None if row is None else row.values for row in self.read]
        self.expected = [self._values(answer) for answer in key.truths]
        self.right = [
            [found is not None and part.right(found, expected) for found, expected in self.pairs(k)]
            for k, part in enumerate(self.parts)
        ]
        self.wrong = [k for k, row in enumerate(self.right) if not all(row)]
        self.unreadable = next((n for n, row in enumerate(self.read) if row is None or row.unread), None)
        self.tensors = all(isinstance(part, Part) for part in self.parts)

    def _read(self, answer: Answer) -> Read | None:
        return None if answer.failure else read(self.parts, answer.returned)

    def _values(self, truth: Answer) -> list[Any]:
        row = self._read(truth)
        if row is None:
            raise ValueError(f"{self.check.name}: the truth cannot be read: {truth}")
        return row.values

    def pairs(self, k: int) -> list[tuple[Any, Any]]:
        """Part k in each case: what came, None where it cannot be read, and what is right."""
        return [(f and f[k], e[k]) for f, e in zip(self.found, self.expected, strict=True)]

    def mistake(self) -> Mistake | None:
        """The first known mistake that gives just what the learner has, in every case."""

        def agrees(n: int, wrong: Answer) -> bool:
            a, b = self.answers[n].failure, wrong.failure
            if a is not None and b is not None:
                return (a.kind, a.error) == (b.kind, b.error)
            if a is not None or b is not None:
                return False
            mine, theirs = self.read[n], self._read(wrong)
            if not mine or not theirs or mine.unread or theirs.unread:
                return same(wrong.returned, self.answers[n].returned)
            values = zip(self.parts, mine.values, theirs.values, strict=True)
            return all(part.same(*both) for part, *both in values)

        return self._mistake_that(agrees)

    def mistake_in(self, k: int) -> Mistake | None:
        """The first known mistake that gives the learner's part k, in every case."""

        def agrees(n: int, wrong: Answer) -> bool:
            mine, theirs = self.read[n], self._read(wrong)
            if not mine or not theirs or k in mine.unread or k in theirs.unread:
                return False
            return self.parts[k].same(mine.values[k], theirs.values[k])

        return self._mistake_that(agrees)

    def _mistake_that(self, agrees: Callable[[int, Answer], bool]) -> Mistake | None:
        """The first mistake that agrees in every case; most are out after one."""
        for m, mistake in enumerate(self.check.mistakes):
            if all(agrees(n, self.key.mistaken(m, n)) for n in range(len(self.cases))):
                return mistake
        return None

    def trait_of(self, cases: list[int]) -> Trait | None:
        """What is true of just these cases, where there are others; None if nothing is known."""
        for trait in sorted({trait for case in self.cases for trait in case.traits}):
            has = [n for n, case in enumerate(self.cases) if case.has(trait)]
            if has == cases and len(has) < len(self.cases):
                return trait
        return None

    def scores(self) -> str:
        """What each Score measures in its worst case, "accuracy 0.93, asked is at least 0.9"."""
        said = []
        for k, part in enumerate(self.parts):
            pairs = self.pairs(k)
            if isinstance(part, Score) and all(
                f is not None and f.shape == e.shape and bool(f.double().isfinite().all()) for f, e in pairs
            ):
                wrong = [pair for pair in pairs if not part.right(*pair)]
                said.append(part.report(*(wrong or pairs)[0]))
        return "; ".join(said)

    def right_with(self, change: Callable[[list[Any]], list[Any]]) -> bool:
        """Would all be right if each case's values were changed so?"""

        def right(found: list[Any], expected: list[Any]) -> bool:
            each = zip(self.parts, change(found), expected, strict=True)
            return all(part.right(value, wanted) for part, value, wanted in each)

        try:
            rows = zip(self.found, self.expected, strict=True)
            return all(found is not None and right(found, expected) for found, expected in rows)
        except (RuntimeError, IndexError, ValueError):
            return False

    def axes(self, k: int) -> list[str]:
        """The letters of a tensor's axes."""
        part = self.parts[k]
        return part.axes.split() if isinstance(part, Part) else []

    def difference(self, k: int) -> float:
        """The largest difference of a tensor over all cases; infinite where a shape is wrong."""
        pairs = self.pairs(k)
        if any(f.shape != e.shape or f.is_complex() for f, e in pairs):
            return float("inf")
        return max([0.0, *(float((f.double() - e.double()).abs().max()) for f, e in pairs if f.numel())])

    def place(self, k: int) -> str:
        """Which part of an axis of a tensor is wrong, if it is the same part in every wrong case."""
        axes = self.axes(k)
        pairs = [pair for pair, right in zip(self.pairs(k), self.right[k], strict=True) if not right]
        for axis, letter in enumerate(axes):
            places = []
            for found, expected in pairs:
                if found.ndim == len(axes) and found.shape[axis] > 1:
                    far = (found.double() - expected.double()).abs() > 1e-5
                    along = far.movedim(axis, 0).reshape(far.shape[axis], -1).any(dim=1)
                    if letter in GATES:  # one entry for each gate's block
                        along = along.reshape(len(GATES[letter]), -1).any(dim=1)
                        only = [gate for gate, bad in zip(GATES[letter], along, strict=True) if bad]
                        words = f"only in the block of {listed(only)}"
                        places.append({words} if len(only) < len(along) else set())
                    else:
                        places.append(parts_of_axis(along))
            same_in_all = set.intersection(*places) if places else ()
            if same_in_all:
                units = {"T": "step", "B": "row of the batch", "H": "unit"}
                entry = f"entry of axis {axis}" if len(axes) > 1 else "entry"
                return ", " + min(same_in_all).format(units.get(letter, entry))
        return ""

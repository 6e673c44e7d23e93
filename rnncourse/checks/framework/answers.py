"""Compare a learner's answers with the right ones: where they agree, how far apart, which mistake fits.

Nothing is judged here: each question is answered by a number, a place or a known mistake.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rnncourse.checks.framework.cases import Case, Trait
from rnncourse.checks.framework.evaluate import Answer, Failure, evaluate
from rnncourse.checks.framework.extra_cases import ONE_ROW
from rnncourse.checks.framework.language import say, sentences
from rnncourse.checks.framework.mistakes import Mistake
from rnncourse.checks.framework.parts import Flag, Part, Read, Score, read, same
from rnncourse.checks.framework.task import Task
from rnncourse.checks.framework.use import Problem

PAIRS = 1500  # pairs of mistakes that are tried: a second or two for a function
PATIENCE = 300.0  # seconds for the truth, which is known to end, even on a busy machine


class AnswerKey:
    """The results of the truth and of each mistake on some cases; a mistake is run when first asked for."""

    def __init__(self, task: Task, cases: Sequence[Case]) -> None:
        self.task, self.cases = task, list(cases)
        self.truths = self._run(task.truth, self.cases, seconds=PATIENCE)
        self._mistaken: dict[tuple[int, int], Answer] = {}
        self._all = list(range(len(self.cases)))  # the index of each case among all of them

    def only(self, chosen: Sequence[int]) -> AnswerKey:
        """Return the key for some of the cases."""
        key = copy.copy(self)
        for name in ("cases", "truths", "_all"):
            setattr(key, name, [getattr(self, name)[n] for n in chosen])
        return key

    def mistaken(self, m: int, n: int) -> Answer:
        """Return the answer of mistake m in case n."""
        at = m, self._all[n]
        if at not in self._mistaken:
            wrong_way = self.task.mistakes[m].function
            self._mistaken[at] = self._run(wrong_way, [self.cases[n]], self.task.seconds)[0]
        return self._mistaken[at]

    def answers_of(self, way: Any) -> Iterator[tuple[int, Answer]]:
        """Yield the answers of another implementation, case by case."""
        for n, case in enumerate(self.cases):
            yield n, self._run(way, [case], self.task.seconds)[0]

    def _run(self, way: Any, cases: Sequence[Case], seconds: float) -> list[Answer]:
        answers = evaluate(way, cases, self.task.use, frozenset(), seconds)  # it may call anything
        return [self.derived(case, answer) for case, answer in zip(cases, answers, strict=True)]

    def derived(self, case: Case, answer: Answer) -> Answer:
        """Return the answer with the value that its parts are read from, if that is not what was returned."""
        if self.task.derive is None or answer.failure is not None:
            return answer
        try:
            return dataclasses.replace(answer, returned=self.task.derive(answer.returned, case.arguments))
        except Problem as problem:
            failure = Failure("problem", message=str(problem))
        except Exception as error:
            message = " ".join(str(error).split())[:200]
            failure = Failure(
                "problem", message=say("what it returns cannot be used: {error}.", error=message)
            )
        return dataclasses.replace(answer, returned=None, failure=failure)


class Comparison:
    """A learner's answers next to those of the key. Index n is a case, k a part.

    given: one answer for each case. answers: the same, with what is derived from them.
    read: each answer split into parts; None where it cannot be split.
    found: the values that were read. expected: the right ones. Both are indexed [n][k].
    right: whether a value is right, [k][n]. wrong: the parts that are not right in every case.
    unreadable: the first case with a part that cannot be read, or None. tensors: whether every part is one.
    """

    def __init__(self, key: AnswerKey, answers: Sequence[Answer]) -> None:
        self.key, self.task, self.cases, self.parts = key, key.task, key.cases, key.task.parts
        self.names, self.given = [part.name for part in self.parts], answers
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

    def only(self, chosen: Sequence[int]) -> Comparison:
        """Return the comparison of some of the cases."""
        return Comparison(self.key.only(chosen), [self.given[n] for n in chosen])

    def part(self, k: int) -> Comparison:
        """Return the comparison of part k alone."""
        alone = copy.copy(self)
        alone.parts, alone.names, alone.right = (self.parts[k],), [self.names[k]], [self.right[k]]
        alone.found = [row and [row[k]] for row in self.found]
        alone.expected = [[row[k]] for row in self.expected]
        alone.wrong = [0] * (k in self.wrong)
        return alone

    def _read(self, answer: Answer) -> Read | None:
        return None if answer.failure else read(self.parts, answer.returned)

    def _values(self, truth: Answer) -> list[Any]:
        row = self._read(truth)
        if row is None:
            raise ValueError(f"{self.task.name}: the truth cannot be read: {truth}")
        return row.values

    def pairs(self, k: int) -> list[tuple[Any, Any]]:
        """Return part k of each case as (found, expected); found is None where it cannot be read."""
        return [(f and f[k], e[k]) for f, e in zip(self.found, self.expected, strict=True)]

    def mistake(self) -> Mistake | None:
        """Return the first known mistake that gives exactly the learner's results in every case."""
        return self._mistake_that(self._agrees)

    def _agrees(self, n: int, wrong: Answer) -> bool:
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

    def two_mistakes(self) -> tuple[Mistake, Mistake] | None:
        """Return the first two known mistakes that together give exactly the learner's results everywhere."""
        edited = sorted((m for m in self.task.mistakes if m.edit), key=lambda m: m.template is not None)
        pairs = ((a, b) for at, b in enumerate(edited) for a in edited[:at])
        for a, b in itertools.islice(pairs, PAIRS):
            both = a.edit and b.edit and a.edit.combined_with(b.edit)
            if both is not None and all(self._agrees(n, answer) for n, answer in self.key.answers_of(both)):
                return a, b
        return None

    def mistake_in(self, k: int) -> Mistake | None:
        """Return the first known mistake that gives the learner's part k in every case.

        For tensors, skip mistakes that would spoil a part which is right. Where part k has at most two
        values, the other parts must agree, too: one of two values is easily right by chance.
        """
        tensor = isinstance(self.parts[k], Part)
        few = isinstance(self.parts[k], Flag) or (
            tensor and len({v for row in self.expected for v in row[k].flatten().tolist()}) <= 2
        )

        def agrees(n: int, wrong: Answer) -> bool:
            mine, theirs = self.read[n], self._read(wrong)
            if not mine or not theirs or k in mine.unread or k in theirs.unread:
                return False
            if not self.parts[k].same(mine.values[k], theirs.values[k]):
                return False
            others = [j for j in range(len(self.parts)) if j != k]
            if few:
                return all(self._same_in(j, n, theirs) for j in others)
            if not tensor:  # the same number or shape is no coincidence
                return True
            return all(self._same_in(j, n, theirs) for j in others if self.right[j][n])

        return self._mistake_that(agrees)

    def _same_in(self, j: int, n: int, theirs: Read) -> bool:
        mine = self.read[n]
        if j in theirs.unread:  # the mistake is given as some entries only
            return True
        if mine is None or j in mine.unread:
            return False
        return self.parts[j].same(mine.values[j], theirs.values[j])

    def _mistake_that(self, agrees: Callable[[int, Answer], bool]) -> Mistake | None:
        """Return the first mistake that agrees in every case; most are ruled out by the first one."""
        for m, mistake in enumerate(self.task.mistakes):
            if all(agrees(n, self.key.mistaken(m, n)) for n in range(len(self.cases))):
                return mistake
        return None

    def trait_of(self, cases: list[int]) -> Trait | None:
        """Return the one trait that exactly these cases have; None if there is none, several, or all have it.

        Whether a batch of one row is among them matters only for that trait: many wrong answers are right
        for one row.
        """
        one_row = {n for n, case in enumerate(self.cases) if case.has(ONE_ROW)}
        fits = []
        for trait in {trait for case in self.cases for trait in case.traits}:
            has = {n for n, case in enumerate(self.cases) if case.has(trait)}
            beside = set() if trait == ONE_ROW else one_row
            if has - beside == set(cases) - beside and has - beside and len(has) < len(self.cases):
                fits.append(trait)
        return fits[0] if len(fits) == 1 else None

    def scores(self) -> str:
        """Return what each Score measures in its worst case, "accuracy 0.93, expected at least 0.9."."""
        said = []
        for k, part in enumerate(self.parts):
            pairs = self.pairs(k)
            if isinstance(part, Score) and all(
                f is not None and f.shape == e.shape and bool(f.double().isfinite().all()) for f, e in pairs
            ):
                worst = min if part.at_most is None else max
                said.append(part.report(*worst(pairs, key=lambda pair: part.measure(*pair))))
        return sentences(*said)

    def right_with(self, change: Callable[[list[Any]], list[Any]]) -> bool:
        """Return whether everything would be right after this change to each case's values."""

        def right(found: list[Any], expected: list[Any]) -> bool:
            each = zip(self.parts, change(found), expected, strict=True)
            return all(part.right(value, wanted) for part, value, wanted in each)

        try:
            rows = zip(self.found, self.expected, strict=True)
            return all(found is not None and right(found, expected) for found, expected in rows)
        except (RuntimeError, IndexError, ValueError):
            return False

    def axes(self, k: int) -> list[str]:
        """Return the letters of a tensor's axes."""
        part = self.parts[k]
        return part.axes.split() if isinstance(part, Part) else []

    def difference(self, k: int) -> float:
        """Return the largest difference of a tensor over all cases; infinite where a shape is wrong."""
        pairs = self.pairs(k)
        if any(f.shape != e.shape or f.is_complex() for f, e in pairs):
            return float("inf")
        far = [(f.double() - e.double()).abs().max() for f, e in pairs if f.numel()]
        return max([0.0, *(float(each.nan_to_num(nan=float("inf"))) for each in far)])

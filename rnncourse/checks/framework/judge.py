"""Plain data in, verdict out: is it right, or which mistake is it?

A known mistake is named when the learner's results equal, in every case, those of the mistake's own small
wrong implementation. What matches none gets the most that can be said without giving the answer away.
Nothing of the learner's runs here.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from rnncourse.checks.framework.cases import Case
from rnncourse.checks.framework.evaluate import Answer, Failure, evaluate
from rnncourse.checks.framework.near import AXIS_WORDS, GATES, changes, factor, shifted
from rnncourse.checks.framework.parts import TOLERANCE, UNANSWERED, AnyPart, Part, Score, equal
from rnncourse.checks.framework.plain import Plain
from rnncourse.checks.framework.use import Problem
from rnncourse.checks.framework.verdict import Verdict
from rnncourse.checks.framework.words import kind_of, likely_slip, listed, parts_of_axis

if TYPE_CHECKING:
    from rnncourse.checks.framework.check import Check, Mistake

PATIENCE = 300.0  # seconds for the truth, which does end, on a machine however busy
NEARLY = 1e-2  # up to here a difference may be rounding


def judge(key: AnswerKey, answers: Sequence[Answer]) -> Verdict:
    """The verdict on `answers`, one for each of the key's cases. Pure: the same data gives the same words."""
    return _Judgement(key, answers).verdict()


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


class Read(NamedTuple):
    """What was returned, taken apart: a value for each part (None: unreadable), and a remark for each."""

    values: list[Any]
    remarks: list[str]
    raw: list[Plain]


def read(parts: Sequence[AnyPart], returned: Plain) -> Read | None:
    """The returned value by parts, by position or (a dict) by name; None if their number is another."""
    if isinstance(returned, dict) and any(part.name in returned for part in parts):
        raw = [returned.get(part.name) for part in parts]
    elif len(parts) == 1:
        raw = [returned]
        if isinstance(returned, tuple | list) and len(returned) == 1 and isinstance(returned[0], Tensor):
            kind = type(returned).__name__
            value, _ = parts[0].read(returned[0])
            return Read([value], [f"comes in a {kind} of 1: a stray comma or bracket?"], [returned[0]])
    elif isinstance(returned, tuple | list) and len(returned) == len(parts):
        raw = list(returned)
    else:
        return None
    values, remarks = zip(*(part.read(value) for part, value in zip(parts, raw, strict=True)), strict=True)
    return Read(list(values), list(remarks), raw)


def same(a: Plain, b: Plain) -> bool:
    """Do two returned values agree, tensors, tuples, lists and dicts alike?"""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return equal(a, b)
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return type(a) is type(b) and not isinstance(a, Tensor) and bool(a == b)


class _Judgement:
    """One judgement: what is compared is worked out once, then each question is asked in turn."""

    def __init__(self, key: AnswerKey, answers: Sequence[Answer]) -> None:
        self.key, self.check, self.cases, self.parts = key, key.check, key.cases, key.check.parts
        self.names = [part.name for part in self.parts]
        self.answers = [key.derived(case, answer) for case, answer in zip(self.cases, answers, strict=True)]
        self.expected = [self._read(answer).values for answer in key.truths]  # [case][part]
        self.read = [None if answer.failure else self._read(answer) for answer in self.answers]
        self.found = [None if row is None else row.values for row in self.read]
        # [part][case]
        self.right = [
            [
                found is not None and found[k] is not None and part.right(found[k], expected[k])
                for found, expected in zip(self.found, self.expected, strict=True)
            ]
            for k, part in enumerate(self.parts)
        ]
        self.tensors = all(isinstance(part, Part) for part in self.parts)

    def _read(self, answer: Answer) -> Read | None:
        return read(self.parts, answer.returned)

    # The order of the questions is the order in which an answer helps most.
    def verdict(self) -> Verdict:
        for question in (
            self._unusable,
            self._forbidden,
            self._not_written,
            self._right,
            self._untold,
            self._known_mistake,
            self._failed,
            self._wrong_type,
            self._wrong_dtype,
            self._not_finite,
            self._close,
            self._known_mistake_in_a_part,
            self._each_part,
            self._wrong_shape,
        ):
            verdict = question()
            if verdict is not None:
                return verdict
        return self._wrong()

    def _say(
        self,
        state: str,
        text: str,
        mistake: str | None = None,
        counted: bool = True,
        look: str = "",
        section: str = "",
    ) -> Verdict:
        """A verdict with the points of the criteria that are met; none at all with counted=False."""
        met = [criterion for criterion in self.check.criteria if counted and self._met(criterion)]
        section = section or (
            self.check.section if state not in ("right", "forbidden", "not written") else ""
        )
        return Verdict(
            task=self.check.name,
            state=state,
            text=text,
            points=sum(criterion.points for criterion in met),
            total=self.check.points,
            mistake=mistake,
            earned=tuple(criterion.words for criterion in met),
            remarks=self._remarks() if state != "not written" else (),
            look=look,
            lesson=f'See lesson {self.check.lesson}, "{section}".' if section else "",
        )

    def _met(self, criterion) -> bool:
        parts = [k for k, name in enumerate(self.names) if not criterion.parts or name in criterion.parts]
        where = [n for n, case in enumerate(self.cases) if case.has(*criterion.where)]
        return all(self.right[k][n] for k in parts for n in where)

    def _remarks(self) -> tuple[str, ...]:
        remarks = []
        for k, name in enumerate(self.names):
            odd = [row.remarks[k] for row in self.read if row is not None and row.remarks[k]]
            if odd:
                remarks.append(f"{name} {odd[0]}.".replace("..", ".").replace("?.", "?"))
        changed = sorted({name for answer in self.answers for name in answer.changed})
        if changed:
            arguments = f"argument{'s' * (len(changed) > 1)} {listed(changed)}"
            remarks.append(f"It changes its {arguments} in place: what the caller handed in changes.")
        coarser = sorted(
            {
                name
                for found, expected in zip(self.found, self.expected, strict=True)
                for name, value, wanted in zip(self.names, found or (), expected, strict=False)
                if isinstance(value, Tensor)
                and value.dtype == torch.float32
                and wanted.dtype == torch.float64
            }
        )
        if coarser:
            verb = "is" if len(coarser) == 1 else "are"
            remarks.append(
                f"{listed(coarser)} {verb} float32 though the inputs are float64: digits are lost."
            )
        printed = next((answer.printed for answer in self.answers if answer.printed.strip()), "")
        if printed:
            remarks.append(f"It prints: `{_quotable(printed)}`")
        warned = next((answer.warned for answer in self.answers if answer.warned), "")
        if warned:
            remarks.append(f"It warns: `{_quotable(warned)}`")
        slowest = max((answer.seconds for answer in self.answers if answer.failure is None), default=0)
        if slowest > self.check.seconds / 5:
            remarks.append(f"It is slow: {slowest:.1f} s for one case.")
        return tuple(remarks)

    # The questions.

    def _unusable(self) -> Verdict | None:
        failure = self.answers[0].failure
        if failure is not None and failure.kind == "not a function":
            return self._say("type", f": {failure.message}")
        return None

    def _forbidden(self) -> Verdict | None:
        answer = next((answer for answer in self.answers if answer.calls), None)
        if answer is not None:
            line = f" in your line `{_quotable(answer.at)}`" if answer.at else ""
            return self._say(
                "forbidden",
                f": this calls {answer.calls}{line}: that is the thing to build here.",
                counted=False,
            )
        return None

    def _not_written(self) -> Verdict | None:
        if all(
            answer.failure is not None and answer.failure.kind == "not written" for answer in self.answers
        ):
            inner = self.answers[0].failure.inner
            what = f" calls {inner}, which is not written yet." if inner else " is not written yet."
            return self._say("not written", what)
        if self.check.use.wants == "a value" and all(
            _unanswered(value) for value in _leaves(self.answers[0].returned)
        ):
            return self._say("not written", " is not written yet.")
        return None

    def _right(self) -> Verdict | None:
        if not all(all(row) for row in self.right):
            return None
        if self.check.use.wants == "a value":
            count = len(self.names)
            words = "the answer is right" if count == 1 else f"all {count} answers are right"
            return self._say("right", f": {words}.")
        total = len(self.cases)
        what = {1: "the case", 2: "both cases"}.get(total, f"all {total} cases")
        scores = self._scores()
        if scores:
            return self._say("right", f": {scores}.")
        if not self.tensors:
            return self._say("right", f": {what} {'is' if total == 1 else 'are'} right.")
        verb = "agrees" if total == 1 else "agree"
        tolerances = [part.tolerance or self._digits(k) for k, part in enumerate(self.parts)]
        to = f" to {max(tolerances):.0e}".replace("e-0", "e-") if max(tolerances) else ""
        return self._say("right", f": {what} {verb} with {self.check.agree}{to}.")

    def _digits(self, k: int) -> float:
        return max(
            TOLERANCE.get(found[k].dtype, 1e-5) if found[k].is_floating_point() else 0.0
            for found in self.found
        )

    def _scores(self) -> str:
        """What each Score measures in its worst case, "accuracy 0.93, asked is at least 0.9"."""
        said = []
        for k, part in enumerate(self.parts):
            if isinstance(part, Score):
                pairs = [
                    (f[k], e[k])
                    for f, e in zip(self.found, self.expected, strict=True)
                    if f is not None and f[k] is not None and f[k].shape == e[k].shape
                ]
                if len(pairs) == len(self.cases) and all(bool(f.double().isfinite().all()) for f, _ in pairs):
                    wrong = [pair for pair in pairs if not part.right(*pair)]
                    said.append(part.report(*(wrong or pairs)[0]))
        return "; ".join(said)

    def _untold(self) -> Verdict | None:
        """Where the verdict must not say which part is wrong, it says only what cannot be read."""
        if self.check.tells or any(answer.failure for answer in self.answers):
            return None
        return self._unreadable() or self._say(
            "wrong", ": at least one answer is wrong. Which, this check does not say.", counted=False
        )

    def _known_mistake(self) -> Verdict | None:
        def agrees(n: int, wrong: Answer) -> bool:
            answer = self.answers[n]
            if wrong.failure or answer.failure:
                return _both_fail(wrong, answer)
            return self._same(self.read[n], answer, wrong)

        if self.check.use.wants == "a value" or all(answer.failure for answer in self.answers):
            return None
        mistake = self._mistake_that(agrees)
        return mistake and self._name(
            mistake, self._how_often() if any(all(row) for row in self.right) else ""
        )

    def _same(self, mine: Read | None, answer: Answer, wrong: Answer) -> bool:
        theirs = self._read(wrong)
        if mine is None or theirs is None or _lacks(mine.values) or _lacks(theirs.values):
            return same(wrong.returned, answer.returned)
        return all(part.same(a, b) for part, a, b in zip(self.parts, mine.values, theirs.values, strict=True))

    def _known_mistake_in_a_part(self) -> Verdict | None:
        """A mistake that shows in one result alone, beside another fault in the next."""
        wrong = [k for k, row in enumerate(self.right) if not all(row)]
        if len(self.names) == 1 or not self._all_readable() or self.check.use.wants == "a value":
            return None
        for k in wrong:
            mistake = self._mistake_that(lambda n, wrong, k=k: self._same_part(k, n, wrong))
            if mistake:
                others = listed([self.names[j] for j in wrong if j != k])
                more = f" ({others}: wrong, too. One thing at a time.)" if others else ""
                return self._name(mistake, f"first {self.names[k]}: ", more)
        return None

    def _same_part(self, k: int, n: int, wrong: Answer) -> bool:
        theirs = None if wrong.failure else self._read(wrong)
        return (
            theirs is not None
            and theirs.values[k] is not None
            and self.parts[k].same(self.found[n][k], theirs.values[k])
        )

    def _mistake_that(self, agrees: Callable[[int, Answer], bool]) -> Mistake | None:
        """The first mistake that agrees in every case; most are out after one."""
        for m, mistake in enumerate(self.check.mistakes):
            if all(agrees(n, self.key.mistaken(m, n)) for n in range(len(self.cases))):
                return mistake
        return None

    def _name(self, mistake: Mistake, before: str = "", after: str = "") -> Verdict:
        return self._say(
            "mistake",
            f": {before}{mistake.hint}{after}",
            mistake=mistake.name,
            look=mistake.look,
            section=mistake.section,
        )

    def _failed(self) -> Verdict | None:
        failed = [n for n, answer in enumerate(self.answers) if answer.failure is not None]
        if not failed:
            return None
        failure, case = self.answers[failed[0]].failure, self.cases[failed[0]]
        where = self._where(failed)
        line = f" in your line `{failure.line}`" if failure.line else ""
        if failure.kind == "too slow":
            return self._say(
                "too slow",
                f" is not done after {failure.message} seconds{line}. Is there a loop that does not end?",
            )
        if failure.kind == "not written":
            return self._say("raised", f" is not written yet {where or 'in some cases'}.")
        if failure.kind == "problem":
            return self._say("raised", f": {failure.message}")
        if failure.error == "RecursionError":
            return self._say("raised", " calls itself without end (RecursionError). Which call was meant?")
        where = f" {where}" if where else ""
        slip = likely_slip(failure, case)
        message = f": {failure.message.rstrip('.')}." if failure.message else "."
        return self._say("raised", f" raised {failure.error}{where}{line}{message}{slip}")

    def _all_readable(self) -> bool:
        return all(found is not None and not _lacks(found) for found in self.found)

    def _wrong_type(self) -> Verdict | None:
        if self._all_readable() or not self.tensors:
            return None
        n = next(n for n, found in enumerate(self.found) if found is None or _lacks(found))
        returned = self.answers[n].returned
        names = ", ".join(self.names)
        asked = f"the tensor {names}" if len(self.names) == 1 else f"the tuple ({names})"
        if returned is None:
            return self._say("type", " returns None: is a `return` missing?")
        if self.read[n] is not None and len(self.names) > 1:
            k = next(k for k, value in enumerate(self.found[n]) if value is None)
            came = kind_of(self.read[n].raw[k])
            return self._say(
                "type", f": {self.names[k]} is {came}; asked is {self.parts[k].asked}.{self._stacked(k)}"
            )
        if isinstance(returned, tuple | list):
            kind = type(returned).__name__
            stacked = self._stacked(0) if len(self.names) == 1 else ""
            return self._say("type", f" returns a {kind} of {len(returned)}; asked is {asked}.{stacked}")
        return self._say("type", f" returns {kind_of(returned)}; asked is {asked}.")

    def _stacked(self, k: int) -> str:
        """Would it be right if a list of tensors were one tensor?"""
        try:
            for row, expected in zip(self.read, self.expected, strict=True):
                if not self.parts[k].right(torch.stack(list(row.raw[k])), expected[k]):
                    return ""
        except (TypeError, ValueError, RuntimeError, AttributeError):
            return ""
        return " The numbers in it are right."

    def _not_finite(self) -> Verdict | None:
        """nan or inf where numbers are due."""
        for k, name in enumerate(self.names if self.tensors else ()):
            for found, expected in zip(self.found, self.expected, strict=True):
                if not found[k].isfinite().all() and expected[k].isfinite().all():
                    return self._say("wrong", f": {name} has nan or inf in it.")
        return None

    def _wrong_dtype(self) -> Verdict | None:
        for k, part in enumerate(self.parts if self.tensors else ()):
            if all(self.right[k]):
                continue
            remark = next((row.remarks[k] for row in self.read if "holds" in row.remarks[k]), "")
            if remark:
                return self._say("type", f": {part.name} {remark}.")
        return None

    def _close(self) -> Verdict | None:
        """One small change from right?"""
        if not self._all_readable() or not self.tensors:
            return None
        if 1 < len(self.names) <= 5:
            for order in itertools.permutations(range(len(self.names))):
                if self._right_with(lambda found, order=order: [found[k] for k in order]):
                    yours = ", ".join(self.names[order.index(k)] for k in range(len(order)))
                    what = (
                        "exchanging your two results" if len(order) == 2 else "putting your results in order"
                    )
                    asked = ", ".join(self.names)
                    return self._say(
                        "close", f": right after {what}: you return ({yours}), asked was ({asked})."
                    )
        wrong = [k for k, row in enumerate(self.right) if not all(row)]
        names = listed([self.names[k] for k in wrong])
        longest = max((self.parts[k].axes.split() for k in wrong), key=len)
        for change, words in changes(longest):
            if self._right_with(
                lambda found, change=change: [change(v) if k in wrong else v for k, v in enumerate(found)]
            ):
                return self._say("close", f": {names}: {words}")
        for k in wrong if len(wrong) == 1 else ():
            found, expected = [f[k] for f in self.found], [e[k] for e in self.expected]
            if [f.shape for f in found] != [e.shape for e in expected]:
                continue
            axes = self.parts[k].axes.split()
            if "T" in axes and all(e.ndim == len(axes) for e in expected):
                side = shifted(found, expected, axes.index("T"))
                if side:
                    return self._say("close", f": {names}: right, but one time step too {side}.")
            times = factor(found, expected, [case.sizes for case in self.cases])
            if times:
                return self._say("close", f": {names}: right, but for a factor: {times}")
        largest = max((self._difference(k) for k in wrong), default=None)
        if largest is not None and largest < NEARLY:
            return self._say(
                "close",
                f": {names} {'is' if len(wrong) == 1 else 'are'} nearly right:"
                f" the largest difference is {largest:.1g}. Is something rounded, or of a coarser dtype?",
            )
        return None

    def _right_with(self, change: Callable) -> bool:
        try:
            return all(
                part.right(value, wanted)
                for found, expected in zip(self.found, self.expected, strict=True)
                for part, value, wanted in zip(self.parts, change(found), expected, strict=True)
            )
        except (RuntimeError, IndexError, ValueError):
            return False

    def _wrong_shape(self) -> Verdict | None:
        for k, part in enumerate(self.parts):
            for n, (found, expected) in enumerate(zip(self.found, self.expected, strict=True)):
                if found[k].shape == expected[k].shape:
                    continue
                axes = part.axes.split()
                axes = axes if len(axes) == expected[k].ndim else [axis for axis in axes if axis != "B"]
                named = [
                    f"{AXIS_WORDS.get(a, a)} {a}={size}"
                    for a, size in zip(axes, expected[k].shape, strict=False)
                ]
                words = " first, then ".join(named) if len(named) == 2 else ", then ".join(named)
                wrong = [
                    m for m in range(len(self.cases)) if self.found[m][k].shape != self.expected[m][k].shape
                ]
                where = self._where(wrong)
                return self._say(
                    "shape",
                    f": {part.name} has shape {tuple(found[k].shape)}{' ' + where if where else ''}, "
                    f"expected {tuple(expected[k].shape)}{': ' if words else ''}{words}. "
                    f"(Here {self.cases[n]}.)",
                )
        return None

    # Single answers: numbers, shapes, words.

    def _unreadable(self) -> Verdict | None:
        """What cannot be read as what was asked."""
        n = next((n for n, found in enumerate(self.found) if found is None or _lacks(found)), None)
        if n is None:
            return None
        returned = self.answers[n].returned
        if self.read[n] is None:
            names = listed(self.names)
            return self._say("type", f": it is {kind_of(returned)}; asked are {names}.", counted=False)
        k = next(k for k, value in enumerate(self.found[n]) if value is None)
        return self._say("type", f": {self._unread(k, n)}", counted=False)

    def _unread(self, k: int, n: int) -> str:
        raw, part = self.read[n].raw[k], self.parts[k]
        if _unanswered(raw):
            return f"{part.name} is not answered yet."
        came = f'"{_quotable(raw)}"' if isinstance(raw, str) else kind_of(raw)
        return f"{part.name} is {came}; asked is {part.asked}."

    def _each_part(self) -> Verdict | None:
        """A sentence for each answer that is wrong: what came, and the hint if the slip is known."""
        if self.tensors:
            return None
        if any(row is None for row in self.read):
            return self._unreadable()
        lines, named = [], []
        for k, part in enumerate(self.parts):
            wrong = [n for n, right in enumerate(self.right[k]) if not right]
            if not wrong:
                continue
            n = wrong[0]
            if self.found[n][k] is None:
                lines.append(self._unread(k, n))
                continue
            mistake = self._mistake_that(
                lambda n, wrong, k=k: self.found[n][k] is not None and self._same_part(k, n, wrong)
            )
            if mistake:
                named.append(mistake)
            if isinstance(part, Part):
                lines.append(f"{part.name} is wrong. {mistake.hint if mistake else ''}".rstrip())
                continue
            where = f" ({self.cases[n]})" if self.cases[n].sizes else ""
            often = f" in {len(wrong)} of {len(self.cases)} cases" if len(self.cases) > 1 else ""
            lines.append(
                f"{part.name}: {_shown(self.found[n][k])}{where} is not right{often}."
                + (f" {mistake.hint}" if mistake else "")
            )
        right = len(self.parts) - len(lines)
        count = f"{right} of {len(self.parts)} are right.\n  " if len(self.parts) > 1 else ""
        first = named[0] if named else None
        return self._say(
            "mistake" if first else "wrong",
            f": {count}" + "\n  ".join(lines),
            mistake=first and first.name,
            look=first.look if first else "",
            section=first.section if first else "",
        )

    # Nothing of the above: say where it is wrong.

    def _wrong(self) -> Verdict:
        k = next(k for k, row in enumerate(self.right) if not all(row))
        name = self.names[k]
        wrong = [n for n, right in enumerate(self.right[k]) if not right]
        if isinstance(self.parts[k], Score):
            return self._say("wrong", f": {self._scores()}.")
        n = wrong[0]
        far = f"largest difference {self._difference(k):.2g}, first at case {n + 1} ({self.cases[n]})"
        where, look = self._where(wrong), ""
        for trait in sorted({trait for case in self.cases for trait in case.traits}):
            if [n for n, case in enumerate(self.cases) if trait not in case.traits] == wrong:
                where, look = f"right where {trait.name} and wrong elsewhere", f"Look at {trait.look}."
        if look:
            text = f"{name} is {where} ({far})."
        elif where:
            text = f"{name} is wrong only {where} ({far})."
        else:
            often = f" in {len(wrong)} of {len(self.cases)} cases" if len(wrong) < len(self.cases) else ""
            text = f"{name} is wrong{often}{self._place(k, wrong)} ({far})."
        right = [name for name, row in zip(self.names, self.right, strict=True) if all(row)]
        verb = "is" if len(right) == 1 else "are"
        others = f"{listed(right)} {verb} right in every case; " if right else ""
        return self._say("wrong", f": {others}{text}", look=look)

    def _how_often(self) -> str:
        """How often each part is right: "h is right in no case, c in every case: "."""
        total, groups = len(self.cases), {}
        for name, row in zip(self.names, self.right, strict=True):
            count = sum(row)
            words = (
                "no case" if count == 0 else "every case" if count == total else f"{count} of {total} cases"
            )
            groups.setdefault(words, []).append(name)
        rows = [f"{listed(names)} in {words}" for words, names in groups.items()]
        verb = "is" if len(next(iter(groups.values()))) == 1 else "are"
        return ", ".join(rows).replace(" in ", f" {verb} right in ", 1) + ": "

    def _where(self, wrong: list[int]) -> str:
        """Exactly where the wrong cases are, "where there is no batch"; else ''."""
        for trait in sorted({trait for case in self.cases for trait in case.traits}):
            has = [n for n, case in enumerate(self.cases) if trait in case.traits]
            if has == wrong and len(has) < len(self.cases):
                return f"where {trait.name}"
        return ""

    def _difference(self, k: int) -> float:
        """The largest difference of a part over all cases; infinite where a shape is wrong."""
        far = 0.0
        for found, expected in zip(self.found, self.expected, strict=True):
            if found[k].shape != expected[k].shape or found[k].is_complex():
                return float("inf")
            if found[k].numel():
                far = max(far, float((found[k].double() - expected[k].double()).abs().max()))
        return far

    def _place(self, k: int, wrong: list[int]) -> str:
        """Which part of an axis is wrong, if it is the same part in every wrong case."""
        axes = self.parts[k].axes.split()
        for axis, letter in enumerate(axes):
            places = []
            for n in wrong:
                found, expected = self.found[n][k], self.expected[n][k]
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
                unit = {"T": "step", "B": "row of the batch", "H": "unit"}.get(
                    letter, f"entry of axis {axis}"
                )
                return ", " + min(same_in_all).format(unit)
        return ""


def _both_fail(a: Answer, b: Answer) -> bool:
    return (
        bool(a.failure and b.failure)
        and a.failure.kind == b.failure.kind
        and a.failure.error == b.failure.error
    )


def _lacks(values: list[Any]) -> bool:
    return any(value is None for value in values)


def _unanswered(value: Plain) -> bool:
    return not isinstance(value, Tensor | np.ndarray) and value in UNANSWERED


def _leaves(value: Plain) -> list[Plain]:
    """All single answers in a dict or list, nested ones too."""
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    if isinstance(value, list) and value:
        return [leaf for item in value for leaf in _leaves(item)]
    return [value]


def _shown(value: Any) -> str:
    return (
        f'"{value}"' if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
    )


def _quotable(text: str) -> str:
    return " ".join(text.split())[:120].replace("`", "'")

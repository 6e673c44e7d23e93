"""Arrays in, verdict out: is it right, or which mistake is it?

A known mistake is named when the learner's arrays equal, in every case, those of the mistake's own small
wrong implementation. What matches none gets the most that can be said without giving the answer away.
Nothing of the learner's runs here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from rnncourse.checks.cases import Case
from rnncourse.checks.evaluate import Answer, Plain, evaluate
from rnncourse.checks.verdict import Verdict
from rnncourse.checks.words import kind_of, likely_slip, listed, parts_of_axis

if TYPE_CHECKING:
    from rnncourse.checks.check import Check, Mistake

TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-5}  # absolute, and relative to the expected value
NEARLY = 1e-2  # up to here a difference may be rounding
AXIS_WORDS = {"T": "time", "B": "batch", "I": "input", "H": "hidden", "4H": "four gates of hidden"}


def judge(check: Check, cases: Sequence[Case], answers: Sequence[Answer]) -> Verdict:
    """The verdict on `answers`, one for each of `cases`. Pure: the same arrays give the same words."""
    return _Judgement(check, cases, answers).verdict()


def equal(value: Tensor, expected: Tensor) -> bool:
    """Same shape and, to the tolerance of the coarser dtype, the same numbers."""
    if value.shape != expected.shape or not value.is_floating_point():
        return False
    tolerance = max(TOLERANCE.get(value.dtype, 0.0), TOLERANCE.get(expected.dtype, 0.0))
    return torch.allclose(value.double(), expected.double(), rtol=tolerance, atol=tolerance)


def same(a: Plain, b: Plain) -> bool:
    """Do two returned values agree, tensors, tuples and lists alike?"""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.is_floating_point() and b.is_floating_point() and equal(a, b)
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return a is None and b is None


class _Judgement:
    """One judgement: what is compared is worked out once, then each question is asked in turn."""

    def __init__(self, check: Check, cases: Sequence[Case], answers: Sequence[Answer]) -> None:
        self.check, self.cases, self.answers = check, list(cases), list(answers)
        self.names = [part.name for part in check.parts]
        # [case][part]
        self.expected = [self._parts(answer.returned) for answer in evaluate(check.truth, cases, check.use)]
        self.found = [None if answer.failure else self._parts(answer.returned) for answer in answers]
        # [part][case]
        self.right = [
            [
                found is not None and equal(found[k], expected[k])
                for found, expected in zip(self.found, self.expected, strict=True)
            ]
            for k in range(len(self.names))
        ]

    def _parts(self, returned: Plain) -> tuple[Tensor, ...] | None:
        """The returned tensors, one for each part; None if it is anything else."""
        values = (returned,) if len(self.names) == 1 else returned
        if isinstance(values, tuple | list) and len(values) == len(self.names):
            return tuple(values) if all(isinstance(value, Tensor) for value in values) else None
        return None

    # The order of the questions is the order in which an answer helps most.
    def verdict(self) -> Verdict:
        for question in (
            self._unusable,
            self._forbidden,
            self._not_written,
            self._right,
            self._known_mistake,
            self._failed,
            self._wrong_type,
            self._close,
            self._known_mistake_in_a_part,
            self._wrong_shape,
        ):
            verdict = question()
            if verdict is not None:
                return verdict
        return self._wrong()

    def _say(self, state: str, text: str, mistake: str | None = None, counted: bool = True) -> Verdict:
        """A verdict with the points of the criteria that are met; none at all with counted=False."""
        met = [criterion for criterion in self.check.criteria if counted and self._met(criterion)]
        return Verdict(
            task=self.check.name,
            state=state,
            text=text,
            points=sum(criterion.points for criterion in met),
            total=self.check.points,
            mistake=mistake,
            earned=tuple(criterion.words for criterion in met),
            remarks=self._remarks(),
        )

    def _met(self, criterion) -> bool:
        parts = [k for k, name in enumerate(self.names) if not criterion.parts or name in criterion.parts]
        where = [n for n, case in enumerate(self.cases) if case.traits.issuperset(criterion.where)]
        return all(self.right[k][n] for k in parts for n in where)

    def _remarks(self) -> tuple[str, ...]:
        remarks = []
        changed = sorted({name for answer in self.answers for name in answer.changed})
        if changed:
            remarks.append(
                f"It changes its argument {listed(changed)} in place: the caller's tensor changes."
            )
        coarser = sorted(
            {
                name
                for found, expected in zip(self.found, self.expected, strict=True)
                for name, value, wanted in zip(self.names, found or (), expected, strict=False)
                if value.dtype == torch.float32 and wanted.dtype == torch.float64
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
        return tuple(remarks)

    # The questions.

    def _unusable(self) -> Verdict | None:
        failure = self.answers[0].failure
        if failure is not None and failure.kind == "not a function":
            return self._say("type", f": {failure.message}")
        return None

    def _forbidden(self) -> Verdict | None:
        calls = next((answer.calls for answer in self.answers if answer.calls), None)
        if calls is not None:
            return self._say(
                "forbidden", f": this calls {calls}: that is the thing to build here.", counted=False
            )
        return None

    def _not_written(self) -> Verdict | None:
        if all(
            answer.failure is not None and answer.failure.kind == "not written" for answer in self.answers
        ):
            inner = self.answers[0].failure.inner
            what = f" calls {inner}, which is not written yet." if inner else " is not written yet."
            return self._say("not written", what)
        return None

    def _right(self) -> Verdict | None:
        if not all(all(row) for row in self.right):
            return None
        digits = max(TOLERANCE.get(value.dtype, 1e-5) for found in self.found for value in found)
        what = "both cases" if len(self.cases) == 2 else f"all {len(self.cases)} cases"
        return self._say("right", f": {what} agree with the equations to {digits:.0e}.".replace("e-0", "e-"))

    def _known_mistake(self) -> Verdict | None:
        def agrees(n: int, wrong: Answer) -> bool:
            answer = self.answers[n]
            if wrong.failure or answer.failure:
                return _both_fail(wrong, answer)
            return same(wrong.returned, answer.returned)

        if all(answer.failure for answer in self.answers):
            return None
        mistake = self._mistake_that(agrees)
        return mistake and self._name(
            mistake, self._how_often() if any(all(row) for row in self.right) else ""
        )

    def _known_mistake_in_a_part(self) -> Verdict | None:
        """A mistake that shows in one result alone, beside another fault in the next."""
        wrong = [k for k, row in enumerate(self.right) if not all(row)]
        if len(self.names) == 1 or None in self.found:
            return None
        for k in wrong:

            def agrees(n: int, wrong: Answer, k: int = k) -> bool:
                parts = None if wrong.failure else self._parts(wrong.returned)
                return parts is not None and equal(self.found[n][k], parts[k])

            mistake = self._mistake_that(agrees)
            if mistake:
                others = listed([self.names[j] for j in wrong if j != k])
                more = f" ({others}: wrong, too. One thing at a time.)" if others else ""
                return self._name(mistake, f"first {self.names[k]}: ", more)
        return None

    def _mistake_that(self, agrees: Callable[[int, Answer], bool]) -> Mistake | None:
        """The first mistake that agrees in every case; most are out after one."""
        for mistake in self.check.mistakes:
            runs = (evaluate(mistake.function, [case], self.check.use)[0] for case in self.cases)
            if all(agrees(n, answer) for n, answer in enumerate(runs)):
                return mistake
        return None

    def _name(self, mistake: Mistake, before: str = "", after: str = "") -> Verdict:
        where = f' See lesson {self.check.lesson}, "{mistake.section}".'
        return self._say("mistake", f": {before}{mistake.hint}{after}{where}", mistake=mistake.name)

    def _failed(self) -> Verdict | None:
        failed = [n for n, answer in enumerate(self.answers) if answer.failure is not None]
        if not failed:
            return None
        failure, case = self.answers[failed[0]].failure, self.cases[failed[0]]
        where = self._where(failed)
        if failure.kind == "not written":
            return self._say("raised", f" is not written yet {where or 'in some cases'}.")
        if failure.kind == "parameters":
            return self._say("raised", f": {failure.message}")
        if failure.error == "RecursionError":
            return self._say("raised", " calls itself without end (RecursionError). Which call was meant?")
        line = f" in your line `{failure.line}`" if failure.line else ""
        where = f" {where}" if where else ""
        slip = likely_slip(failure, case)
        message = f": {failure.message.rstrip('.')}." if failure.message else "."
        return self._say("raised", f" raised {failure.error}{where}{line}{message}{slip}")

    def _wrong_type(self) -> Verdict | None:
        n = next((n for n, found in enumerate(self.found) if found is None), None)
        if n is None:
            for k, name in enumerate(self.names):
                value = next((found[k] for found in self.found if not found[k].is_floating_point()), None)
                if value is not None:
                    kind = str(value.dtype).removeprefix("torch.")
                    return self._say("type", f": {name} holds {kind}; asked are floating-point numbers.")
            return None
        returned = self.answers[n].returned
        names = ", ".join(self.names)
        asked = f"the tensor {names}" if len(self.names) == 1 else f"the tuple ({names})"
        if returned is None:
            return self._say("type", " returns None: is a `return` missing?")
        if isinstance(returned, tuple | list):
            kind = "tuple" if isinstance(returned, tuple) else "list"
            if len(self.names) == 1:
                stray = " Is there a stray comma?" if kind == "tuple" and len(returned) == 1 else ""
                return self._say("type", f" returns a {kind} of {len(returned)}; asked is {asked}.{stray}")
            if len(returned) != len(self.names):
                return self._say("type", f" returns a {kind} of {len(returned)}; asked is {asked}.")
            k = next(k for k, value in enumerate(returned) if not isinstance(value, Tensor))
            right = self._numbers_right_in_arrays()
            return self._say(
                "type", f": {self.names[k]} is {kind_of(returned[k])}; asked is a torch.Tensor.{right}"
            )
        return self._say(
            "type", f" returns {kind_of(returned)}; asked is {asked}.{self._numbers_right_in_arrays()}"
        )

    def _numbers_right_in_arrays(self) -> str:
        """Would it be right if its arrays and lists were tensors?"""
        try:
            for answer, expected in zip(self.answers, self.expected, strict=True):
                values = [answer.returned] if len(self.names) == 1 else answer.returned
                if not all(equal(_as_tensor(value), e) for value, e in zip(values, expected, strict=True)):
                    return ""
        except (TypeError, ValueError, RuntimeError):
            return ""
        return " The numbers in it are right."

    def _close(self) -> Verdict | None:
        """One small change from right?"""
        if None in self.found:
            return None
        if len(self.names) > 1:
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
        for change, words in self._changes(wrong):
            if self._right_with(
                lambda found, change=change: [change(v) if k in wrong else v for k, v in enumerate(found)]
            ):
                return self._say("close", f": {names}: {words}")
        largest = max((self._difference(k) for k in wrong), default=None)
        if largest is not None and largest <= NEARLY:
            halves = {str(found[k].dtype).removeprefix("torch.") for found in self.found for k in wrong}
            dtype = f" It is {listed(sorted(halves))}." if halves - {"float32", "float64"} else ""
            return self._say(
                "close",
                f": {names} is nearly right: the largest difference is {largest:.1g}.{dtype}"
                " Is a number rounded, or a small constant added?",
            )
        return None

    def _right_with(self, change: Callable) -> bool:
        try:
            return all(
                all(map(equal, change(found), expected))
                for found, expected in zip(self.found, self.expected, strict=True)
            )
        except (RuntimeError, IndexError):
            return False

    def _changes(self, wrong: list[int]):
        ndim = max(len(self.check.parts[k].axes.split()) for k in wrong)
        axes = self.check.parts[wrong[0]].axes.split()
        yield lambda v: -v, "right after changing the sign."
        for a, b in itertools.combinations(range(ndim), 2):
            yield (
                lambda v, a=a, b=b: v.transpose(a, b) if v.ndim == ndim else v,
                f"right after exchanging axes {a} and {b}; asked was ({', '.join(axes)}): "
                + ", then ".join(AXIS_WORDS.get(axis, axis) for axis in axes)
                + ".",
            )
        yield lambda v: v.squeeze(0), "right, but for an extra first axis of size 1."
        yield lambda v: v.squeeze(-1), "right, but for an extra last axis of size 1."
        if "T" in axes:
            yield lambda v: v.flip(axes.index("T")), "right when read backwards in time."

    def _wrong_shape(self) -> Verdict | None:
        for k, part in enumerate(self.check.parts):
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
                    f"expected {tuple(expected[k].shape)}: {words}. (Here {self.cases[n]}.)",
                )
        return None

    # Nothing of the above: say where it is wrong.

    def _wrong(self) -> Verdict:
        k = next(k for k, row in enumerate(self.right) if not all(row))
        name = self.names[k]
        wrong = [n for n, right in enumerate(self.right[k]) if not right]
        values = [self.found[n][k] for n in wrong]
        if not all(value.isfinite().all() for value in values):
            return self._say("wrong", f": {name} has nan or inf in it.")
        n = wrong[0]
        far = f"largest difference {self._difference(k):.2g}, first at case {n + 1} ({self.cases[n]})"
        where, look = self._where(wrong), ""
        for trait in sorted({trait for case in self.cases for trait in case.traits}):
            if [n for n, case in enumerate(self.cases) if trait not in case.traits] == wrong:
                where, look = f"right where {trait.name} and wrong elsewhere", f" Look at {trait.look}."
        if look:
            text = f"{name} is {where} ({far}).{look}"
        elif where:
            text = f"{name} is wrong only {where} ({far})."
        else:
            often = f" in {len(wrong)} of {len(self.cases)} cases" if len(wrong) < len(self.cases) else ""
            text = f"{name} is wrong{often}{self._place(k, wrong)} ({far})."
        right = [name for name, row in zip(self.names, self.right, strict=True) if all(row)]
        verb = "is" if len(right) == 1 else "are"
        others = f"{listed(right)} {verb} right in every case; " if right else ""
        return self._say("wrong", f": {others}{text}")

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
        if any(
            found[k].shape != expected[k].shape
            for found, expected in zip(self.found, self.expected, strict=True)
        ):
            return float("inf")
        return max(
            float((found[k].double() - expected[k].double()).abs().max())
            for found, expected in zip(self.found, self.expected, strict=True)
        )

    def _place(self, k: int, wrong: list[int]) -> str:
        """Which part of an axis is wrong, if it is the same part in every wrong case."""
        axes = self.check.parts[k].axes.split()
        for axis, letter in enumerate(axes):
            places = []
            for n in wrong:
                found, expected = self.found[n][k], self.expected[n][k]
                if found.ndim == len(axes) and found.shape[axis] > 1:
                    far = (found.double() - expected.double()).abs() > 1e-5
                    places.append(parts_of_axis(far.movedim(axis, 0).flatten(1).any(dim=1)))
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


def _as_tensor(value: Plain) -> Tensor:
    if isinstance(value, tuple | list):
        return torch.stack([_as_tensor(item) for item in value])
    return torch.as_tensor(value, dtype=torch.float64)


def _quotable(text: str) -> str:
    return " ".join(text.split())[:120].replace("`", "'")

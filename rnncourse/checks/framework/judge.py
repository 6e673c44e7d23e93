"""Plain data in, verdict out: is it right, or which mistake is it?

A known mistake is named when the learner's results equal, in every case, those of the mistake's own small
wrong implementation. What matches none gets the most that can be said without giving the answer away.
Nothing of the learner's runs here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from rnncourse.checks.framework import tensors, values
from rnncourse.checks.framework.answers import AnswerKey, Comparison
from rnncourse.checks.framework.evaluate import Answer
from rnncourse.checks.framework.layer import LayerCase
from rnncourse.checks.framework.order import first_not_met
from rnncourse.checks.framework.parts import TOLERANCE, Part
from rnncourse.checks.framework.verdict import Finding, Verdict
from rnncourse.checks.framework.words import likely_slip, listed, quotable


def judge(key: AnswerKey, answers: Sequence[Answer]) -> Verdict:
    """The verdict on `answers`, one for each of the key's cases. Pure: the same data gives the same words."""
    c = Comparison(key, answers)
    questions = (*FIRST, *(ON_TENSORS if c.tensors else ON_VALUES))
    return _verdict(c, next(found for question in questions if (found := question(c))))


def _verdict(c: Comparison, found: Finding) -> Verdict:
    """With the points of the criteria that are met, and the remarks."""
    check, mistake = c.check, found.mistake
    met = [criterion for criterion in check.criteria if found.counted and _met(c, criterion)]
    section = (mistake.section if mistake else "") or check.section
    explained = section and found.state not in ("right", "forbidden", "not written")
    return Verdict(
        task=check.name,
        state=found.state,
        text=found.text,
        points=sum(criterion.points for criterion in met),
        total=check.points,
        mistake=mistake.name if mistake else None,
        earned=tuple(criterion.words for criterion in met),
        remarks=tuple(_remarks(c)) if found.state != "not written" else (),
        look=mistake.look if mistake else found.look,
        lesson=f'See lesson {check.lesson}, "{section}".' if explained else "",
    )


def _met(c: Comparison, criterion) -> bool:
    parts = [k for k, name in enumerate(c.names) if not criterion.parts or name in criterion.parts]
    where = [n for n, case in enumerate(c.cases) if case.has(*criterion.where)]
    return all(c.right[k][n] for k in parts for n in where)


def _remarks(c: Comparison) -> Iterator[str]:
    """What costs no points, but is said."""
    for k, name in enumerate(c.names):
        odd = next((row.remarks[k] for row in c.read if row is not None and row.remarks[k]), "")
        if odd:
            yield f"{name} {odd}.".replace("?.", "?")
    changed = sorted({name for answer in c.answers for name in answer.changed})
    if changed:
        arguments = f"argument{'s' * (len(changed) > 1)} {listed(changed)}"
        yield f"It changes its {arguments} in place: what the caller handed in changes."
    coarser = sorted(name for k, name in enumerate(c.names) if any(_coarser(*pair) for pair in c.pairs(k)))
    if coarser:
        verb = "is" if len(coarser) == 1 else "are"
        yield f"{listed(coarser)} {verb} float32 though the inputs are float64: digits are lost."
    printed = next((answer.printed for answer in c.answers if answer.printed.strip()), "")
    if printed:
        yield f"It prints: `{quotable(printed)}`"
    warned = next((answer.warned for answer in c.answers if answer.warned), "")
    if warned:
        yield f"It warns: `{quotable(warned)}`"
    slowest = max((answer.seconds for answer in c.answers if answer.failure is None), default=0)
    if slowest > c.check.seconds / 5:
        yield f"It is slow: {slowest:.1f} s for one case."


def _coarser(found: Any, expected: Any) -> bool:
    return isinstance(found, Tensor) and (found.dtype, expected.dtype) == (torch.float32, torch.float64)


# The questions.


def _unusable(c: Comparison) -> Finding | None:
    failure = c.answers[0].failure
    if failure is None or failure.kind != "not a function":
        return None
    return Finding("type", f": {failure.message}")


def _forbidden(c: Comparison) -> Finding | None:
    answer = next((answer for answer in c.answers if answer.calls), None)
    if answer is None:
        return None
    line = f" in your line `{quotable(answer.at)}`" if answer.at else ""
    text = f": this calls {answer.calls}{line}: that is the thing to build here."
    return Finding("forbidden", text, counted=False)


def _not_written(c: Comparison) -> Finding | None:
    failures = [answer.failure for answer in c.answers if answer.failure is not None]
    if len(failures) == len(c.answers) and all(failure.kind == "not written" for failure in failures):
        inner = failures[0].inner
        return Finding("not written", f"{f' calls {inner}, which' if inner else ''} is not written yet.")
    first = c.answers[0]
    if c.check.use.wants == "a value" and first.failure is None and values.blank(first.returned):
        return Finding("not written", " is not written yet.")
    return None


def _right(c: Comparison) -> Finding | None:
    if c.wrong:
        return None
    count, total = len(c.names), len(c.cases)
    what = {1: "the case", 2: "both cases"}.get(total, f"all {total} cases")
    if c.check.use.wants == "a value":
        words = "the answer is right" if count == 1 else f"all {count} answers are right"
    elif c.scores():
        words = c.scores()
    elif not c.tensors:
        words = f"{what} {'is' if total == 1 else 'are'} right"
    else:
        parts = [part for part in c.parts if isinstance(part, Part)]  # as all are
        tolerance = max(part.tolerance or _tolerance(c, k) for k, part in enumerate(parts))
        to = f" to {tolerance:.0e}".replace("e-0", "e-") if tolerance else ""
        words = f"{what} {'agrees' if total == 1 else 'agree'} with {c.check.agree}{to}"
    return Finding("right", f": {words}.")


def _tolerance(c: Comparison, k: int) -> float:
    """That of the coarsest dtype among the results."""
    return max(TOLERANCE.get(f.dtype, 1e-5) if f.is_floating_point() else 0.0 for f, _ in c.pairs(k))


def _untold(c: Comparison) -> Finding | None:
    """Where the verdict must not say which part is wrong, it says only what cannot be read."""
    if c.check.tells or any(answer.failure for answer in c.answers):
        return None
    text = ": at least one answer is wrong. Which, this check does not say."
    return values.unreadable(c) or Finding("wrong", text, counted=False)


def _in_order(c: Comparison) -> Finding | None:
    """Of a layer, what is wrong first in the order in which it is built, and with which options."""
    if not isinstance(c.cases[0], LayerCase):
        return None
    mistake, first = first_not_met(c)
    if mistake is not None:
        found = Finding("mistake", f": {mistake.hint}", mistake)
    else:
        found = next(found for question in (_failed, *ON_TENSORS) if (found := question(first)))
    wrong = (n for n in range(len(first.cases)) if not all(row[n] for row in first.right))
    said = first.cases[next(wrong)].said
    return found._replace(text=f" with {said}{found.text}") if said else found


def _known_mistake(c: Comparison) -> Finding | None:
    if c.check.use.wants == "a value" or all(answer.failure for answer in c.answers):
        return None
    mistake = c.mistake()
    if mistake is None:
        return None
    how_often = _how_often(c) if any(all(row) for row in c.right) else ""
    return Finding("mistake", f": {how_often}{mistake.hint}", mistake)


def _how_often(c: Comparison) -> str:
    """How often each part is right: "h is right in no case, c in every case: "."""
    total = len(c.cases)
    groups: dict[str, list[str]] = {}
    for name, row in zip(c.names, c.right, strict=True):
        count = sum(row)
        words = "no case" if count == 0 else "every case" if count == total else f"{count} of {total} cases"
        groups.setdefault(words, []).append(name)
    rows = [f"{listed(names)} in {words}" for words, names in groups.items()]
    verb = "is" if len(next(iter(groups.values()))) == 1 else "are"
    return ", ".join(rows).replace(" in ", f" {verb} right in ", 1) + ": "


def _known_mistake_in_a_part(c: Comparison) -> Finding | None:
    """A mistake that shows in one result alone, beside another fault in the next."""
    if len(c.names) == 1 or c.unreadable is not None or c.check.use.wants == "a value":
        return None
    for k in c.wrong:
        mistake = c.mistake_in(k)
        if mistake:
            others = listed([c.names[j] for j in c.wrong if j != k])
            more = f" ({others}: wrong, too. One thing at a time.)" if others else ""
            return Finding("mistake", f": first {c.names[k]}: {mistake.hint}{more}", mistake)
    return None


def _failed(c: Comparison) -> Finding | None:
    failed = {n: answer.failure for n, answer in enumerate(c.answers) if answer.failure is not None}
    if not failed:
        return None
    first, failure = next(iter(failed.items()))
    case, trait = c.cases[first], c.trait_of(list(failed))
    where = f" where {trait.name}" if trait else ""
    line = f" in your line `{failure.line}`" if failure.line else ""
    if failure.kind == "too slow":
        ask = "Is there a loop that does not end?"
        return Finding("too slow", f" is not done after {failure.message} seconds{line}. {ask}")
    if failure.kind == "not written":
        return Finding("raised", f" is not written yet{where or ' in some cases'}.")
    if failure.kind == "problem":
        return Finding("raised", f": {failure.message}")
    if failure.error == "RecursionError":
        return Finding("raised", " calls itself without end (RecursionError). Which call was meant?")
    message = f": {failure.message.rstrip('.')}." if failure.message else "."
    return Finding("raised", f" raised {failure.error}{where}{line}{message}{likely_slip(failure, case)}")


# The order of the questions is the order in which an answer helps most. One of them always finds something.
FIRST = (_unusable, _forbidden, _not_written, _right, _untold, _in_order, _known_mistake, _failed)
ON_TENSORS = (
    tensors.wrong_type,
    tensors.wrong_dtype,
    tensors.not_finite,
    tensors.other_order,
    tensors.one_change,
    tensors.one_step_or_factor,
    tensors.nearly,
    _known_mistake_in_a_part,
    tensors.wrong_shape,
    tensors.wrong_place,
)
ON_VALUES = (_known_mistake_in_a_part, values.each_wrong)

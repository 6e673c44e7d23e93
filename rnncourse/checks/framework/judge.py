"""Turn plain data into a verdict: is it right, and if not, which mistake is it?

A known mistake is named when the learner's results equal, in every case, those of the mistake's own small
wrong implementation. If none matches, the verdict says as much as it can without giving the answer away.
No learner's code runs here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from rnncourse.checks.framework import explain, proof, tensors, values
from rnncourse.checks.framework.answers import AnswerKey, Comparison
from rnncourse.checks.framework.evaluate import Answer, Failure
from rnncourse.checks.framework.language import listed, say, say_count, sentences
from rnncourse.checks.framework.layer import LayerCase
from rnncourse.checks.framework.mistakes import Mistake
from rnncourse.checks.framework.order import first_not_met
from rnncourse.checks.framework.parts import TOLERANCE, Part
from rnncourse.checks.framework.prove import prove
from rnncourse.checks.framework.task import ARGUMENTS, Criterion
from rnncourse.checks.framework.use import call
from rnncourse.checks.framework.verdict import Finding, Verdict
from rnncourse.checks.framework.words import describe_case, likely_slip, quotable


def judge(key: AnswerKey, answers: Sequence[Answer]) -> Verdict:
    """Return the verdict on `answers`, one for each of the key's cases. Equal data gives equal words."""
    c = Comparison(key, answers)
    return _verdict(c, _first(c, (*FIRST, *(ON_TENSORS if c.tensors else ON_VALUES))))


def _first(c: Comparison, questions: Sequence[Question]) -> Finding:
    return next(found for question in questions if (found := question(c)))


def _verdict(c: Comparison, found: Finding) -> Verdict:
    """Build the verdict, with the points of the criteria that are met and with the remarks."""
    task, mistake = c.task, found.mistake
    met = [criterion for criterion in task.criteria if found.counted and _met(c, criterion)]
    section = (mistake.section if mistake else "") or task.section
    explained = section and found.state not in ("right", "forbidden", "not written")
    lesson = say('See lesson {lesson}, "{section}".', lesson=task.lesson, section=section)
    return Verdict(
        task=task.name,
        state=found.state,
        text=_shown(found.text),
        points=sum(criterion.points for criterion in met),
        total=task.points,
        mistake=mistake.name if mistake else None,
        earned=tuple(criterion.words for criterion in met),
        remarks=tuple(_shown(remark) for remark in _remarks(c) if remark not in found.text)
        if found.state != "not written"
        else (),
        look=mistake.look if mistake else found.look,
        lesson=lesson if explained else "",
        origin=mistake.origin if mistake else None,
    )


def _shown(text: str) -> str:
    """Drop control characters, such as an escape sequence in a learner's error message."""
    return "".join(sign for sign in text if sign == "\n" or sign.isprintable())


def _met(c: Comparison, criterion: Criterion) -> bool:
    parts = [k for k, name in enumerate(c.names) if not criterion.parts or name in criterion.parts]
    where = [n for n, case in enumerate(c.cases) if case.has(*criterion.where)]
    kept = ARGUMENTS not in criterion.parts or not any(c.answers[n].changed for n in where)
    return kept and all(c.right[k][n] for k in parts for n in where)


def _remarks(c: Comparison) -> Iterator[str]:
    """Yield what costs no points but is worth saying."""
    for k in range(len(c.names)):
        yield from [row.remarks[k] for row in c.read if row is not None and row.remarks[k]][:1]
    if not c.task.keeps_arguments or c.wrong:
        yield from filter(None, [_changes(c)])
    coarser = [name for k, name in enumerate(c.names) if any(_coarser(*pair) for pair in c.pairs(k))]
    if coarser:
        yield say_count(
            "{names} is float32 although the inputs are float64: precision is lost.",
            "{names} are float32 although the inputs are float64: precision is lost.",
            len(coarser),
            names=listed(sorted(coarser)),
        )
    printed = next((answer.printed for answer in c.answers if answer.printed.strip()), "")
    if printed:
        yield say("It prints: `{text}`", text=quotable(printed))
    warned = next((answer.warned for answer in c.answers if answer.warned), "")
    if warned:
        yield say("It warns: `{text}`", text=quotable(warned))
    slowest = max((answer.seconds for answer in c.answers if answer.failure is None), default=0)
    if slowest > c.task.seconds / 5:
        yield say("It is slow: {seconds:.1f} s for one case.", seconds=slowest)


def _changes(c: Comparison) -> str:
    changed = sorted({name for answer in c.answers for name in answer.changed})
    if not changed:
        return ""
    return say_count(
        "It changes its argument {names} in place: the caller's own tensor changes.",
        "It changes its arguments {names} in place: the caller's own tensors change.",
        len(changed),
        names=listed(changed),
    )


def _coarser(found: Any, expected: Any) -> bool:
    return isinstance(found, Tensor) and (found.dtype, expected.dtype) == (torch.float32, torch.float64)


# The questions.


def _unusable(c: Comparison) -> Finding | None:
    failure = c.answers[0].failure
    if failure is None or failure.kind != "not a function":
        return None
    return Finding("type", failure.message)


def _forbidden(c: Comparison) -> Finding | None:
    answer = next((answer for answer in c.answers if answer.calls), None)
    if answer is None:
        return None
    if answer.at:
        words = "this calls {name} in your line `{line}`: that is what you should build here."
        return Finding("forbidden", say(words, name=answer.calls, line=quotable(answer.at)), counted=False)
    text = say("this calls {name}: that is what you should build here.", name=answer.calls)
    return Finding("forbidden", text, counted=False)


def _not_written(c: Comparison) -> Finding | None:
    failures = [answer.failure for answer in c.answers if answer.failure is not None]
    if len(failures) == len(c.answers) and all(failure.kind == "not written" for failure in failures):
        inner = failures[0].inner
        text = (
            say("it calls {name}, which is not written yet.", name=inner)
            if inner
            else say("not written yet.")
        )
        return Finding("not written", text)
    first = c.answers[0]
    if c.task.use.wants == "a value" and first.failure is None and values.blank(first.returned):
        return Finding("not written", say("not written yet."))
    return None


def _changed(c: Comparison) -> Finding | None:
    if c.wrong or not c.task.keeps_arguments or not _changes(c):
        return None
    return Finding("wrong", sentences(_changes(c), say("Leave the given tensors as they are.")))


def _right(c: Comparison) -> Finding | None:
    return None if c.wrong else Finding("right", _praise(c))


def _praise(c: Comparison) -> str:
    count = len(c.cases)
    if c.task.use.wants == "a value":
        return say_count("the answer is right.", "all {count} answers are right.", len(c.names))
    if c.scores():
        return c.scores()
    if c.task.use is prove:
        return proof.praise(c)
    if not c.tensors:
        return say_count("the case is right.", "all {count} cases are right.", count)
    parts = [part for part in c.parts if isinstance(part, Part)]  # which they all are
    tolerance = max(part.tolerance or _tolerance(c, k) for k, part in enumerate(parts))
    if not tolerance:
        words = "the case agrees with {what}.", "all {count} cases agree with {what}."
        return say_count(*words, count, what=say(c.task.agree))
    return say_count(
        "the case agrees with {what} to {tolerance}.",
        "all {count} cases agree with {what} to {tolerance}.",
        count,
        what=say(c.task.agree),
        tolerance=f"{tolerance:.0e}".replace("e-0", "e-"),
    )


def _tolerance(c: Comparison, k: int) -> float:
    """Return the tolerance of the coarsest dtype among the results."""
    return max(TOLERANCE.get(f.dtype, 1e-5) if f.is_floating_point() else 0.0 for f, _ in c.pairs(k))


def _untold(c: Comparison) -> Finding | None:
    """Where the verdict must not say which part is wrong, say only what cannot be read."""
    if c.task.tells or any(answer.failure for answer in c.answers):
        return None
    text = say("at least one answer is wrong. This check does not say which.")
    return values.unreadable(c) or Finding("wrong", text, counted=False)


def _in_order(c: Comparison) -> Finding | None:
    """For a layer, find what is wrong first in the order in which it is built, and with which options."""
    if not isinstance(c.cases[0], LayerCase):
        return None
    mistake, first = first_not_met(c)
    if mistake is None:
        return _first(first, (_failed, *ON_TENSORS))
    wrong = next(n for n in range(len(first.cases)) if not all(row[n] for row in first.right))
    return Finding("mistake", sentences(mistake.hint, describe_case(first.cases[wrong])), mistake)


def _known_mistake(c: Comparison) -> Finding | None:
    if c.task.use.wants == "a value" or all(answer.failure for answer in c.answers):
        return None
    mistake = c.mistake()
    if mistake is None:
        return None
    said = proof.outcome(c)
    more = [said[:1].upper() + said[1:]] if c.task.use is prove else _right_elsewhere(c)
    return Finding("mistake", sentences(mistake.hint, *more), mistake)


def _right_elsewhere(c: Comparison) -> Iterator[str]:
    """Say which parts are right in spite of a mistake, and in how many cases."""
    total = len(c.cases)
    groups: dict[int, list[str]] = {}
    for name, row in zip(c.names, c.right, strict=True):
        groups.setdefault(sum(row), []).append(name)
    for count, names in sorted(groups.items(), reverse=True):
        if count == total:
            words = "{names} is right in every case.", "{names} are right in every case."
            yield say_count(*words, len(names), names=listed(names))
        elif count:
            words = (
                "{names} is right in {right} of {total} cases.",
                "{names} are right in {right} of {total} cases.",
            )
            yield say_count(*words, len(names), names=listed(names), right=count, total=total)


def _two_known_mistakes(c: Comparison) -> Finding | None:
    """Find two mistakes made at once, in a function whose results all have the right shape."""
    if c.task.use is not call or c.unreadable is not None or any(answer.failure for answer in c.answers):
        return None
    if not all(found.shape == expected.shape for k in c.wrong for found, expected in c.pairs(k)):
        return None
    if any(part.dtype != "float" for part in c.parts if isinstance(part, Part)):
        return None
    if tensors.copied(c) or not any(found.any() for k in c.wrong for found, _ in c.pairs(k)):
        return None  # an unchanged argument, or zeros, would fit many pairs
    pair = c.two_mistakes()
    if pair is None:
        return None
    first, second = pair
    text = say(
        "you made two mistakes at once. One: {first} The other: {second}",
        first=first.hint,
        second=second.hint,
    )
    name = f"{first.name}, and {second.name}"
    both = Mistake(name, None, text, first.section, sentences(first.look, second.look))
    return Finding("mistake", sentences(text, *_right_elsewhere(c)), both)


def _known_mistake_in_a_part(c: Comparison) -> Finding | None:
    """Find a mistake that shows in one result alone, next to another fault in a different result."""
    if len(c.names) == 1 or c.unreadable is not None or c.task.use.wants == "a value":
        return None
    for k in c.wrong:
        mistake = c.mistake_in(k)
        if mistake is None:
            continue
        text = say("start with {part}: {hint}", part=c.names[k], hint=mistake.hint)
        others = [c.names[j] for j in c.wrong if j != k]
        if others:
            words = (
                "({names} is wrong as well. Fix one thing at a time.)",
                "({names} are wrong as well. Fix one thing at a time.)",
            )
            text = sentences(text, say_count(*words, len(others), names=listed(others)))
        return Finding("mistake", text, mistake)
    return None


def _tensor_among_values(c: Comparison) -> Finding | None:
    """Find a shape that is wrong, or nan, in a tensor that is returned beside other values."""
    for k in c.wrong:
        if isinstance(c.parts[k], Part) and all(found is not None for found, _ in c.pairs(k)):
            found = tensors.wrong_shape(c.part(k)) or tensors.not_finite(c.part(k))
            if found is not None:
                return found
    return None


def _failed(c: Comparison) -> Finding | None:
    failed = [n for n, answer in enumerate(c.answers) if answer.failure is not None]
    if not failed:
        return None
    failure = _failure(c, failed)
    others = [n for n in range(len(c.cases)) if n not in failed]
    rest = c.only(others) if others else None
    if rest is None or not rest.wrong or not c.tensors:
        return failure
    # An error in a few cases (where there are no steps, say) must not hide a slip that shows in all others.
    found = _first(rest, (_known_mistake, *ON_TENSORS))
    if len(failed) >= len(others) and found.state not in ("mistake", "close"):
        return failure
    return found._replace(text=sentences(found.text, failure.text[:1].upper() + failure.text[1:]))


def _failure(c: Comparison, failed: list[int]) -> Finding:
    first = failed[0]
    failure, case, trait = c.answers[first].failure or Failure("raised"), c.cases[first], c.trait_of(failed)
    line = say("Your line: `{line}`.", line=failure.line) if failure.line else ""
    if failure.kind == "too slow":
        words = "it has not finished after {seconds} seconds. Is there a loop that never ends?"
        return Finding("too slow", sentences(say(words, seconds=failure.message), line))
    if failure.kind == "not written":
        if trait:
            return Finding("raised", say("not written yet where {trait}.", trait=say(trait.name)))
        return Finding("raised", say("not written yet in some cases."))
    where = say("Only where {trait}.", trait=say(trait.name)) if trait else ""
    if failure.kind == "problem":
        return Finding("raised", sentences(failure.message, where, describe_case(case)))
    if failure.error == "RecursionError":
        text = say("it keeps calling itself (RecursionError). Which function did you mean to call?")
        return Finding("raised", text)
    if failure.message:
        words = "it raised {error}: {message}."
        what = say(words, error=failure.error, message=failure.message.rstrip("."))
    else:
        what = say("it raised {error}.", error=failure.error)
    return Finding("raised", sentences(what, line, where, likely_slip(failure, case)))


# The questions come in the order in which an answer helps most. One of them always finds something.
Question = Callable[[Comparison], Finding | None]
FIRST = (_unusable, _forbidden, _not_written, _changed, _right, _untold, _in_order, _known_mistake, _failed)
ON_TENSORS = (
    tensors.wrong_type,
    tensors.wrong_dtype,
    tensors.other_order,
    tensors.one_change,
    tensors.one_step_or_factor,
    tensors.nearly,
    _two_known_mistakes,
    _known_mistake_in_a_part,
    tensors.copied,
    tensors.wrong_shape,
    tensors.not_finite,
    explain.explained,
    tensors.wrong_place,
)
ON_VALUES = (proof.missed_or_refused, _known_mistake_in_a_part, _tensor_among_values, values.each_wrong)

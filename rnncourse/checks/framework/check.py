"""A check: it runs a learner's answer to a task, judges it and shows the verdict."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from rnncourse.checks.framework import progress
from rnncourse.checks.framework.answers import AnswerKey
from rnncourse.checks.framework.cases import Case, TorchModule
from rnncourse.checks.framework.evaluate import Answer, evaluate
from rnncourse.checks.framework.judge import judge
from rnncourse.checks.framework.language import say
from rnncourse.checks.framework.misnamed import find_misnamed
from rnncourse.checks.framework.parts import Part, read
from rnncourse.checks.framework.picture import HeatMaps, drawable
from rnncourse.checks.framework.plain import Plain
from rnncourse.checks.framework.task import Task
from rnncourse.checks.framework.verdict import Verdict, carried, show, show_rich
from rnncourse.printing import printable

WANTED, YOURS = ("wanted", "wanted {part}"), ("yours", "yours {part}")  # of one result, of one among several
# By lesson, then by task: the mistake of the last verdict in this process.
last_mistakes: dict[str, dict[str, str | None]] = {}


class Check(Task):
    """A task that learners can try: `check(function)` shows the verdict and returns the points."""

    def evaluate(self, learner: Any, cases: Sequence[Case]) -> list[Answer]:
        """Run the learner's code. This half needs only the check's `use`, `forbid` and `seconds`."""
        return evaluate(learner, cases, self.use, self.forbid, self.seconds)

    def judge(self, cases: Sequence[Case], answers: Sequence[Answer]) -> Verdict:
        """Judge the answers. This half knows what is right and sees plain data only."""
        return judge(AnswerKey(self, cases), answers)

    def verdict(self, learner: Any, seed: int = 0) -> Verdict:
        cases = self.cases(seed)
        return self.judge(cases, self.evaluate(learner, cases))

    def __call__(self, learner: Any) -> int:
        """Show the verdict, save the progress and return the points (nbgrader reads them as the score)."""
        verdict = self.verdict(learner)
        before = last_mistakes.setdefault(self.lesson, {})
        before[self.name] = verdict.mistake
        verdict = replace(verdict, text=carried(verdict.text, verdict.origin, before))
        if verdict.state == "not written":
            other = find_misnamed(self, learner, sys._getframe(1).f_globals)
            words = "Your `{other}` looks like the answer: name it `{name}`."
            verdict = replace(verdict, remarks=(say(words, other=other, name=self.name),) if other else ())
        show(verdict)
        progress.note(self.lesson, self.name, verdict.points, verdict.total)
        return verdict.points

    def example(self, learner: Any) -> None:
        """Show one small case: the arguments, the results wanted, and what the learner's function gives."""
        if self.example_case is None:
            print(say("This task has no example: it would give the answer away."))
            return
        answer, wanted = (
            self.evaluate(function, [self.example_case])[0] for function in (learner, self.truth)
        )
        rows = [row for name, value in self.example_case.arguments.items() for row in _rows(name, value)]
        rows += self._results(WANTED, wanted.returned)
        if answer.failure is None:
            rows += self._results(YOURS, answer.returned)
        elif answer.failure.kind == "not written":
            rows += [(say(YOURS[0]), say("not written yet"))]
        else:
            rows += [(say(YOURS[0]), f"{answer.failure.error} {answer.failure.message}".strip())]
        width = max(len(name) for name, _ in rows)
        for name, words in rows:
            print(printable(f"{name:<{width}}  {words}"))
        self._picture(answer.returned, wanted.returned)

    def _picture(self, yours: Plain, wanted: Plain) -> None:
        found, expected = read(self.parts, yours), read(self.parts, wanted)
        if found is None or expected is None:
            return
        rows = zip(self.parts, found.values, expected.values, strict=True)
        pairs = {
            part.name: (b, a)
            for part, a, b in rows
            if type(part) is Part and a is not None and drawable(b, a) and not part.right(a, b)
        }
        if pairs:
            show_rich(HeatMaps(pairs))

    def _results(self, whose: tuple[str, str], returned: Any) -> list[tuple[str, str]]:
        alone, of_part = whose
        if isinstance(returned, tuple | list) and len(returned) == len(self.parts) > 1:
            returned = {part.name: item for part, item in zip(self.parts, returned, strict=True)}
        if isinstance(returned, dict):
            return [(say(of_part, part=name), _words(item)) for name, item in returned.items()]
        return [(say(alone), _words(returned))]


def _rows(name: str, given: Any) -> list[tuple[str, str]]:
    """Return a row for each tensor; a module's parameters and a dict's entries each get their own."""
    if isinstance(given, TorchModule):
        parameters = [(f"{name}.{key}", _words(item)) for key, item in given.parameters.items()]
        return [(name, str(given)), *parameters]
    if isinstance(given, dict):
        return [(key, _words(item)) for key, item in given.items()]
    return [(name, _words(given))]


def _words(given: Any) -> str:
    """Return the numbers of a small tensor, rounded to four decimals."""
    if isinstance(given, Tensor):
        rounded = torch.round(given.double(), decimals=4) + 0.0 if given.is_floating_point() else given
        return str(rounded.tolist())
    if isinstance(given, tuple | list):
        return "(" + ", ".join(_words(item) for item in given) + ")"
    return str(given)

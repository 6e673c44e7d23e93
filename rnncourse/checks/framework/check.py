"""What a check is: its cases, the true answer, the known mistakes, the points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rnncourse.checks.framework import progress
from rnncourse.checks.framework.answers import AnswerKey
from rnncourse.checks.framework.cases import Case, TorchModule, Trait
from rnncourse.checks.framework.evaluate import SECONDS, Answer, evaluate
from rnncourse.checks.framework.judge import judge
from rnncourse.checks.framework.mistakes import Mistake
from rnncourse.checks.framework.parts import AnyPart, Part, read
from rnncourse.checks.framework.picture import HeatMaps, drawable
from rnncourse.checks.framework.plain import Plain
from rnncourse.checks.framework.use import Use, call, value
from rnncourse.checks.framework.verdict import Verdict, show, show_rich
from rnncourse.checks.framework.watch import RECURRENT
from rnncourse.printing import printable


@dataclass(frozen=True)
class Criterion:
    """Whole points for named parts (all, if none is named) being right in every case of a kind.

    where: the traits of the cases that count; none: all cases.
    """

    words: str
    points: int
    parts: tuple[str, ...] = ()
    where: tuple[Trait, ...] = ()


def one_case(seed: int) -> list[Case]:
    """Of a task that asks for values: there is nothing to draw."""
    return [Case({}, {})]


@dataclass(frozen=True)
class Check:
    """The check of one task. `check(function)` shows the verdict and returns the points.

    name: the function's name. lesson: the number of the lesson that the hints point to; section: of that
    lesson, for a fault that is no known mistake.
    truth: the right function, class, or dict of values; its sources are named where it is written.
    cases: seed -> cases, random but the same for one seed.
    example_case: one small case to see by eye. mistakes: a Mistakes, or a tuple of them.
    use: how the learner's object is used (use.py). forbid: what is to be built (watch.py).
    derive: (returned, arguments) -> what the parts are read from, where that is not what is returned itself:
        the outputs of a cell that has the returned weights, say. It may raise Problem.
    tells: whether a verdict says which part is wrong; not where that would let an answer be guessed.
    agree: completes "all 12 cases agree with ...". seconds: the time for one case.
    explain: all cases (explain.Seen) -> a sentence on numbers that no known mistake gives, or "".
    """

    name: str
    lesson: str
    parts: tuple[AnyPart, ...]
    criteria: tuple[Criterion, ...]
    truth: Any
    mistakes: Sequence[Mistake] = ()
    cases: Callable[[int], list[Case]] = one_case
    example_case: Case | None = None
    use: Use = call
    forbid: frozenset[str] = RECURRENT
    derive: Callable[[Plain, dict[str, Any]], Any] | None = None
    tells: bool = True
    section: str = ""
    agree: str = "the equations"
    seconds: float = SECONDS
    explain: Callable[[Sequence[Any]], str] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "mistakes", tuple(self.mistakes))
        if self.use is value and isinstance(self.truth, dict):
            for mistake in self.mistakes:  # given as the wrong entries only
                if isinstance(mistake.function, dict):
                    assert mistake.function.keys() <= self.truth.keys(), f"{self.name}: {mistake.name}"

    @property
    def points(self) -> int:
        return sum(criterion.points for criterion in self.criteria)

    def evaluate(self, learner: Any, cases: Sequence[Case]) -> list[Answer]:
        """The half that runs the learner's code; it needs of the check only `use`, `forbid` and `seconds`."""
        return evaluate(learner, cases, self.use, self.forbid, self.seconds)

    def judge(self, cases: Sequence[Case], answers: Sequence[Answer]) -> Verdict:
        """The half that knows what is right; it sees plain data only."""
        return judge(AnswerKey(self, cases), answers)

    def verdict(self, learner: Any, seed: int = 0) -> Verdict:
        cases = self.cases(seed)
        return self.judge(cases, self.evaluate(learner, cases))

    def made(self, mistake: Mistake) -> Any:
        """What a learner who makes that mistake, and no other, hands in."""
        if isinstance(mistake.function, dict) and isinstance(self.truth, dict):
            return self.truth | mistake.function
        return mistake.function

    def __call__(self, learner: Any) -> int:
        """Shows the verdict, notes the progress, returns the points (for nbgrader, the cell's score)."""
        verdict = self.verdict(learner)
        show(verdict)
        progress.note(self.lesson, self.name, verdict.points, verdict.total)
        return verdict.points

    def example(self, learner: Any) -> None:
        """Shows one small case: the arguments, the results wanted, and what the learner's function gives."""
        if self.example_case is None:
            print("No example here: the answer would be in it.")
            return
        answer, wanted = (
            self.evaluate(function, [self.example_case])[0] for function in (learner, self.truth)
        )
        rows = [row for name, value in self.example_case.arguments.items() for row in _rows(name, value)]
        rows += self._results("wanted", wanted.returned)
        if answer.failure is None:
            rows += self._results("yours", answer.returned)
        elif answer.failure.kind == "not written":
            rows += [("yours", "not written yet")]
        else:
            rows += [("yours", f"{answer.failure.error} {answer.failure.message}".strip())]
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

    def _results(self, whose: str, returned: Any) -> list[tuple[str, str]]:
        if isinstance(returned, dict):
            return [(f"{whose} {name}", _words(item)) for name, item in returned.items()]
        if isinstance(returned, tuple | list) and len(returned) == len(self.parts) > 1:
            named = zip(self.parts, returned, strict=True)
            return [(f"{whose} {part.name}", _words(item)) for part, item in named]
        return [(whose, _words(returned))]


def _rows(name: str, given: Any) -> list[tuple[str, str]]:
    """A row for each tensor; a module's parameters and a dict's entries have their own."""
    if isinstance(given, TorchModule):
        parameters = [(f"{name}.{key}", _words(item)) for key, item in given.parameters.items()]
        return [(name, str(given)), *parameters]
    if isinstance(given, dict):
        return [(key, _words(item)) for key, item in given.items()]
    return [(name, _words(given))]


def _words(given: Any) -> str:
    """The numbers of a small tensor, rounded to four digits."""
    if isinstance(given, Tensor):
        rounded = torch.round(given.double(), decimals=4) + 0.0 if given.is_floating_point() else given
        return str(rounded.tolist())
    if isinstance(given, tuple | list):
        return "(" + ", ".join(_words(item) for item in given) + ")"
    return str(given)

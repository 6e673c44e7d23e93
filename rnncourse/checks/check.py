"""What a check is: its cases, the true function, the known mistakes, the points."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rnncourse.checks.cases import Case, TorchCell, Trait
from rnncourse.checks.evaluate import Answer, Use, call_function, evaluate
from rnncourse.checks.judge import judge
from rnncourse.checks.verdict import Verdict, show


@dataclass(frozen=True)
class Part:
    """One result: its name and its axes, e.g. Part("h", "B H"). Without a batch the B is left out."""

    name: str
    axes: str


@dataclass(frozen=True)
class Criterion:
    """Whole points for named parts (all, if none is named) being right in every case of a kind.

    where: the traits of the cases that count; none: all cases.
    """

    words: str
    points: int
    parts: tuple[str, ...] = ()
    where: tuple[Trait, ...] = ()


@dataclass(frozen=True)
class Mistake:
    """A known mistake: a small wrong implementation beside its hint.

    hint: what is wrong and where to look, never the solution. section: of the lesson, where it is explained.
    """

    name: str
    function: Callable
    hint: str
    section: str


@dataclass(frozen=True)
class Check:
    """The check of one task. `check(function)` shows the verdict and returns the points.

    name: the function's name. truth: the right function; its sources are named where it is written.
    cases: seed -> cases, random but the same for one seed.
    lesson: the number of the lesson that the hints point to. example_case: one small case to see by eye.
    use: how the learner's object is called (evaluate.py).
    """

    name: str
    lesson: str
    parts: tuple[Part, ...]
    criteria: tuple[Criterion, ...]
    truth: Callable
    cases: Callable[[int], list[Case]]
    example_case: Case
    mistakes: tuple[Mistake, ...]
    use: Use = call_function

    @property
    def points(self) -> int:
        return sum(criterion.points for criterion in self.criteria)

    def evaluate(self, learner: Any, cases: Sequence[Case]) -> list[Answer]:
        """The half that runs the learner's code; it needs of the check only `use`."""
        return evaluate(learner, cases, self.use)

    def judge(self, cases: Sequence[Case], answers: Sequence[Answer]) -> Verdict:
        """The half that knows what is right; it sees arrays only."""
        return judge(self, cases, answers)

    def verdict(self, learner: Any, seed: int = 0) -> Verdict:
        cases = self.cases(seed)
        return self.judge(cases, self.evaluate(learner, cases))

    def __call__(self, learner: Any) -> int:
        """Shows the verdict and returns the points (which nbgrader takes for the cell's score)."""
        verdict = self.verdict(learner)
        show(verdict)
        return verdict.points

    def example(self, learner: Any) -> None:
        """Prints one small case: the arguments, the results wanted, and what the learner's function gives."""
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
            print(f"{name:<{width}}  {words}")

    def _results(self, whose: str, returned: Any) -> list[tuple[str, str]]:
        if isinstance(returned, tuple | list) and len(returned) == len(self.parts) > 1:
            named = zip(self.parts, returned, strict=True)
            return [(f"{whose} {part.name}", _words(value)) for part, value in named]
        return [(whose, _words(returned))]


def _rows(name: str, value: Any) -> list[tuple[str, str]]:
    """A row for each tensor; a cell's parameters and a dict's entries have their own."""
    if isinstance(value, TorchCell):
        return [
            (name, str(value)),
            *((f"{name}.{key}", _words(item)) for key, item in value.parameters.items()),
        ]
    if isinstance(value, dict):
        return [(key, _words(item)) for key, item in value.items()]
    return [(name, _words(value))]


def _words(value: Any) -> str:
    """The numbers of a small tensor, rounded to four digits."""
    if isinstance(value, Tensor):
        return str(
            (torch.round(value.double(), decimals=4) + 0.0 if value.is_floating_point() else value).tolist()
        )
    if isinstance(value, tuple | list):
        return "(" + ", ".join(_words(item) for item in value) + ")"
    return str(value)

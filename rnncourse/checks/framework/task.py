"""What a task is: its cases, the true answer, the known mistakes, the points. check.py runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rnncourse.checks.framework.cases import Case, Trait
from rnncourse.checks.framework.evaluate import SECONDS
from rnncourse.checks.framework.mistakes import Mistake
from rnncourse.checks.framework.parts import AnyPart
from rnncourse.checks.framework.plain import Plain
from rnncourse.checks.framework.use import Use, call, value
from rnncourse.checks.framework.watch import RECURRENT

ARGUMENTS = "arguments"  # what a criterion may name beside the parts


@dataclass(frozen=True)
class Criterion:
    """Whole points for named parts (all, if none is named) being right in every case of a kind.

    where: the traits of the cases that count; none: all cases. ARGUMENTS among the parts asks that the
    arguments stay as they were.
    """

    words: str
    points: int
    parts: tuple[str, ...] = ()
    where: tuple[Trait, ...] = ()


def one_case(seed: int) -> list[Case]:
    """Of a task that asks for values: there is nothing to draw."""
    return [Case({}, {})]


@dataclass(frozen=True)
class Task:
    """A task as data.

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
    follows: of an answer worked out from earlier ones, what it would be with the learner's own: a function
        whose parameters are their names.
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
    follows: Mapping[str, Callable[..., float]] | None = None
    explain: Callable[[Sequence[Any]], str] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "mistakes", tuple(self.mistakes))
        if self.use is value and isinstance(self.truth, dict):
            for mistake in self.mistakes:  # given as the wrong entries only
                if isinstance(mistake.function, dict):
                    assert mistake.function.keys() <= self.truth.keys(), f"{self.name}: {mistake.name}"

    @property
    def keeps_arguments(self) -> bool:
        """Whether a point is lost when an argument is changed in place."""
        return any(ARGUMENTS in criterion.parts for criterion in self.criteria)

    @property
    def points(self) -> int:
        return sum(criterion.points for criterion in self.criteria)

    def made(self, mistake: Mistake) -> Any:
        """Return what a learner who makes that mistake, and no other, hands in."""
        if isinstance(mistake.function, dict) and isinstance(self.truth, dict):
            return self.truth | mistake.function
        return mistake.function

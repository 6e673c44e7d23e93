"""A task: its cases, the true answer, the known mistakes, the points. check.py runs it."""

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

ARGUMENTS = "arguments"  # what a criterion may name besides the parts


@dataclass(frozen=True)
class Criterion:
    """Points for named parts (all, if none is named) that are right in every case of a kind.

    where: the traits of the cases that count; by default all cases count. ARGUMENTS among the parts requires
    that the arguments stay unchanged.
    """

    words: str
    points: int
    parts: tuple[str, ...] = ()
    where: tuple[Trait, ...] = ()


def one_case(seed: int) -> list[Case]:
    """Return the single case of a task that asks for values: there is nothing to draw."""
    return [Case({}, {})]


@dataclass(frozen=True)
class Task:
    """A task as data.

    name: the function's name. lesson: the number of the lesson that the hints point to; section: its section
    for a fault that is not a known mistake.
    truth: the right function, class, or dict of values; its sources are named where it is written.
    cases: seed -> cases, random but the same for the same seed.
    example_case: one small case to look at. mistakes: a Mistakes, or a tuple of them.
    use: how the learner's object is used (use.py). forbid: what learners must build themselves (watch.py).
    derive: (returned, arguments) -> what the parts are read from, if that is not the returned value itself,
        for example the outputs of a cell with the returned weights. It may raise Problem.
    tells: whether a verdict says which part is wrong; False where that would let learners guess the answer.
    agree: completes "all 12 cases agree with ...". seconds: the processor time for one case.
    follows: for an answer worked out from earlier ones, what it would be with the learner's own: a function
        whose parameters are named after them.
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
        """Whether changing an argument in place costs a point."""
        return any(ARGUMENTS in criterion.parts for criterion in self.criteria)

    @property
    def points(self) -> int:
        return sum(criterion.points for criterion in self.criteria)

    def made(self, mistake: Mistake) -> Any:
        """Return the answer of a learner who makes that mistake and no other."""
        if isinstance(mistake.function, dict) and isinstance(self.truth, dict):
            return self.truth | mistake.function
        return mistake.function

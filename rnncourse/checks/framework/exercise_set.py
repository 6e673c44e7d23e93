"""The checks of one exercise set; what its tasks have in common is stated once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from rnncourse.checks.framework.cases import Case
from rnncourse.checks.framework.check import Check
from rnncourse.checks.framework.extra_cases import with_extra_cases
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import AnyPart, Flag, Number, Shape, Whole, Word
from rnncourse.checks.framework.task import one_case
from rnncourse.checks.framework.task_text import read_criteria, read_parts
from rnncourse.checks.framework.use import value
from rnncourse.checks.framework.watch import RECURRENT


class ExerciseSet(list[Check]):
    """A set's checks in the order in which they are written, which is the notebook's order.

    Args:
        lesson: the number of the lesson that the hints point to.
        title: what the list of all sets calls it.
        forbid: what its tasks forbid, unless a task says otherwise.
        supplement: whether it comes after the lesson's own set.

    Example:
        >>> from rnncourse.checks.framework.authoring import ExerciseSet, Mistakes
        >>> checks = ExerciseSet("03", "Shapes")
        >>> wrong = Mistakes("Shapes", {"steps": 3, "rows": 5})
        >>> count = checks.predicted("count", wrong)
        >>> count.verdict(lambda: {"steps": 3, "rows": 4}).points, count.points
        (1, 2)
    """

    def __init__(
        self, lesson: str, title: str, *, forbid: frozenset[str] = RECURRENT, supplement: bool = False
    ) -> None:
        super().__init__()
        self.lesson, self.title, self.forbid, self.supplement = lesson, title, forbid, supplement

    def task(
        self,
        name: str,
        mistakes: Mistakes,
        *,
        returns: str | Iterable[AnyPart],
        points: str,
        truth: Any = None,
        section: str = "",
        cases: Callable[[int], list[Case]] = one_case,
        example: dict[str, Any] | None = None,
        forbid: frozenset[str] | None = None,
        **more: Any,
    ) -> Check:
        """Add a task and return its check.

        Args:
            name: the name of the learner's function.
            mistakes: the bank of mistakes.
            returns: the results in order, such as `h (B H), mask (T B) bool, dx (T B I) to 1e-4`: a tensor
                with its axes. A single value has `shape`, `whole`, `flag` or `number to 1e-3` instead. Parts
                may be passed as well.
            points: what they are for, such as `h 2; the weights 1 = dweight_ih, dweight_hh; c in a batch 1 =
                c where there is a batch`, separated by semicolons or one on a line. A criterion with the name
                of a part is for that part; any other, without `=`, is for all. `arguments` among the parts
                requires that the given tensors stay unchanged. Join several traits with &.
            truth: the right answer, if it is not the bank's own.
            section: the lesson's section, if it is not the bank's own.
            example: the arguments of one small case.
            cases, forbid, more: as in Check.

        Raises:
            NotationError: The text does not fit, or names a part or a trait that does not exist.
        """
        mistakes.task = name
        parts = tuple(read_parts(name, returns) if isinstance(returns, str) else returns)
        check = Check(
            name=name,
            lesson=self.lesson,
            section=section or mistakes.section,
            parts=parts,
            criteria=tuple(read_criteria(name, points, [part.name for part in parts], cases)),
            truth=mistakes.truth if truth is None else truth,
            mistakes=mistakes,
            cases=cases if cases is one_case else with_extra_cases(cases),
            example_case=None if example is None else Case(example, {}),
            forbid=self.forbid if forbid is None else forbid,
            **more,
        )
        self.append(check)
        return check

    def predicted(
        self, name: str, mistakes: Mistakes, tolerance: float = 1e-3, points: str = "", **words: Any
    ) -> Check:
        """Add a task that asks for the values of the bank's truth by name.

        A tuple becomes a Shape, an int a Whole, a bool a Flag and a float a Number to `tolerance`.
        points: by default one for each value.
        """
        kinds: dict[type, Callable[[str], AnyPart]] = {
            tuple: Shape,
            int: Whole,
            bool: Flag,
            float: partial(Number, tolerance=tolerance),
        }
        returns = [kinds[type(right)](part) for part, right in _values(mistakes).items()]
        points = points or "; ".join(f"{part.name} 1 = {part.name}" for part in returns)
        return self.task(name, mistakes, returns=returns, points=points, use=value, **words)

    def chosen(self, name: str, mistakes: Mistakes, choices: Iterable[str], **words: Any) -> Check:
        """Add a task that asks for one of these words by name. The verdict does not say which is wrong."""
        choices = tuple(choices)
        returns = [Word(part, choices) for part in _values(mistakes)]
        return self.task(name, mistakes, returns=returns, use=value, tells=False, **words)


def _values(mistakes: Mistakes) -> dict[str, Any]:
    assert isinstance(mistakes.truth, dict), "a bank for values is Mistakes(section, values)"
    return mistakes.truth

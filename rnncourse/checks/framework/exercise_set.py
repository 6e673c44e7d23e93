"""The checks of one exercise set: what its tasks have in common is said once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from rnncourse.checks.framework.cases import Case
from rnncourse.checks.framework.check import Check
from rnncourse.checks.framework.completed import completed
from rnncourse.checks.framework.in_words import criteria_in_words, parts_in_words
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import AnyPart, Flag, Number, Shape, Whole, Word
from rnncourse.checks.framework.task import one_case
from rnncourse.checks.framework.use import value
from rnncourse.checks.framework.watch import RECURRENT


class ExerciseSet(list[Check]):
    """A set's checks in the order in which they are written, which is the notebook's.

    lesson: the number of the lesson that the hints point to.
    forbid: what its tasks forbid, if they do not say otherwise.
    """

    def __init__(self, lesson: str, forbid: frozenset[str] = RECURRENT) -> None:
        super().__init__()
        self.lesson, self.forbid = lesson, forbid

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
            name: the learner's function's. mistakes: the bank.
            returns: the results in their order, as `h (B H), mask (T B) bool, dx (T B I) to 1e-4`: a tensor
                with its axes; a single value has `shape`, `whole`, `flag` or `number to 1e-3` instead. Or
                the parts.
            points: what they are for, as `h 2; the weights 1 = dweight_ih, dweight_hh; c in a batch 1 = c
                where there is a batch`, by semicolons or each on its line. A criterion that is called like a
                part is for that part; otherwise, without `=`, for all. `arguments` among the parts asks that
                the given tensors stay as they are. Several traits are joined by &.
            truth, section: where they are not the bank's own.
            example: the arguments of one small case.
            cases, forbid, more: as in Check.

        Raises:
            NotationError: the text does not fit, or names a part or a trait that does not exist.
        """
        mistakes.task = name
        parts = tuple(parts_in_words(name, returns) if isinstance(returns, str) else returns)
        check = Check(
            name=name,
            lesson=self.lesson,
            section=section or mistakes.section,
            parts=parts,
            criteria=tuple(criteria_in_words(name, points, [part.name for part in parts], cases)),
            truth=mistakes.truth if truth is None else truth,
            mistakes=mistakes,
            cases=cases if cases is one_case else completed(cases),
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

        A tuple is asked as a Shape, an int as a Whole, a bool as a Flag, a float as a Number to `tolerance`.
        points: one for each value, if not given.
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
        """Add a task that asks for one of these words by name. It does not say which of them is wrong."""
        choices = tuple(choices)
        returns = [Word(part, choices) for part in _values(mistakes)]
        return self.task(name, mistakes, returns=returns, use=value, tells=False, **words)


def _values(mistakes: Mistakes) -> dict[str, Any]:
    assert isinstance(mistakes.truth, dict), "a bank for values is Mistakes(section, values)"
    return mistakes.truth

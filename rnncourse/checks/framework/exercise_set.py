"""The checks of one exercise set: what its tasks have in common is said once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from rnncourse.checks.framework.check import Check
from rnncourse.checks.framework.in_words import task
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import AnyPart, Flag, Number, Shape, Whole, Word
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

    def task(self, name: str, mistakes: Mistakes, **words: Any) -> Check:
        """Add a task and return its check. words: as in in_words.task."""
        self.append(task(name, self.lesson, mistakes, **{"forbid": self.forbid} | words))
        return self[-1]

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

"""Tasks that ask for values: shapes and counts predicted, numbers found on paper."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from rnncourse.checks.framework.check import Check
from rnncourse.checks.framework.mistakes import Mistake
from rnncourse.checks.framework.parts import AnyPart, Flag, Number, Shape, Whole
from rnncourse.checks.framework.task import Criterion
from rnncourse.checks.framework.use import value
from rnncourse.checks.framework.watch import RECURRENT


def predicted(
    name: str,
    lesson: str,
    section: str,
    truth: Mapping[str, object],
    mistakes: Sequence[Mistake],
    tolerance: float = 1e-3,
    criteria: tuple[Criterion, ...] = (),
    forbid: frozenset[str] = RECURRENT,
    follows: Mapping[str, Callable[..., float]] | None = None,
) -> Check:
    """The check of a task that asks for these values by name, a point for each if no criteria are given.

    A tuple is asked as a Shape, an int as a Whole, a bool as a Flag, a float as a Number to `tolerance`.
    follows: as in Task.
    """
    kinds: dict[type, Callable[[str], AnyPart]] = {
        tuple: Shape,
        int: Whole,
        bool: Flag,
        float: partial(Number, tolerance=tolerance),
    }
    return Check(
        name=name,
        lesson=lesson,
        section=section,
        parts=tuple(kinds[type(right)](part) for part, right in truth.items()),
        criteria=criteria or tuple(Criterion(part, 1, (part,)) for part in truth),
        truth=truth,
        mistakes=mistakes,
        use=value,
        forbid=forbid,
        follows=follows,
    )

"""Lesson 03: its number and its sections; and how a task that asks for shapes is made."""

from collections.abc import Iterable

from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistake
from rnncourse.checks.framework.parts import Shape
from rnncourse.checks.framework.use import value

LESSON = "03"
NAMES, STEP_TO_LAYER, BATCH_FIRST = (
    "Three axes, three names",
    "From a step to a layer",
    "What batch_first moves",
)
EQUAL_SIZES, TRANSPOSE = "When two sizes are equal", "Transpose, not view"
UNBATCHED, CELL, MOVE = "Without a batch", "A cell reads one step", "Move it"


def predicted(
    name: str, truth: dict[str, tuple[int, ...]], mistakes: Iterable[Mistake], section: str
) -> Check:
    """A task that asks for these shapes by name, a point for each."""
    return Check(
        name=name,
        lesson=LESSON,
        section=section,
        parts=tuple(Shape(part) for part in truth),
        criteria=tuple(Criterion(part, 1, (part,)) for part in truth),
        truth=truth,
        mistakes=mistakes,
        use=value,
    )

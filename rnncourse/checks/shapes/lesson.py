"""Lesson 03: its number and its sections."""

LESSON = "03"
NAMES, STEP_TO_LAYER, BATCH_FIRST = (
    "Three axes, three names",
    "From a step to a layer",
    "What batch_first moves",
)
EQUAL_SIZES, TRANSPOSE = "When two sizes are equal", "Transpose, not view"
UNBATCHED, CELL, MOVE = "Without a batch", "A cell reads one step", "Move it"

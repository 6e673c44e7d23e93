"""The course's figures, one function each. Each takes and returns an Axes or a Figure, as matplotlib's do."""

from rnncourse.plots.cells import lstm_cell, state_paths
from rnncourse.plots.lessons import LESSONS, lesson_map
from rnncourse.plots.loops import loop_step, unrolled_loop
from rnncourse.plots.style import COLOURS, STYLE

__all__ = [
    "COLOURS",
    "LESSONS",
    "STYLE",
    "lesson_map",
    "loop_step",
    "lstm_cell",
    "state_paths",
    "unrolled_loop",
]

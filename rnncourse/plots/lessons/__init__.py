"""The lessons' own figures: each is drawn in one lesson, from its own numbers, not from a user's model.

A lesson calls them like the others, `plots.unrolling(...)`; `rnncourse.plots` does not list them. Each
returns an Axes or a Figure and sets `figure.alt`. Those that are drawn side by side take an Axes too.
"""

from rnncourse.plots.cells import gru_cell, lstm_cell, rnn_cell
from rnncourse.plots.lessons.attention import attention_matrix
from rnncourse.plots.lessons.axes import cube_slices, who_is_where
from rnncourse.plots.lessons.dependencies import dependency_grid
from rnncourse.plots.lessons.graph import two_steps
from rnncourse.plots.lessons.images import row_by_row
from rnncourse.plots.lessons.jacobians import jacobian_norms, norm_against_distance
from rnncourse.plots.lessons.loops import loop_step, unrolled_loop, unrolling
from rnncourse.plots.lessons.overview import LESSONS, arrangements, lesson_map
from rnncourse.plots.lessons.roads import step_roads
from rnncourse.plots.lessons.speed import matmuls, time_ratios
from rnncourse.plots.lessons.states import state_paths
from rnncourse.plots.lessons.tagging import confusion_matrix, tag_heat_map
from rnncourse.plots.lessons.truncation import truncation_grid

__all__ = [
    "LESSONS",
    "arrangements",
    "attention_matrix",
    "confusion_matrix",
    "cube_slices",
    "dependency_grid",
    "gru_cell",
    "jacobian_norms",
    "lesson_map",
    "loop_step",
    "lstm_cell",
    "matmuls",
    "norm_against_distance",
    "rnn_cell",
    "row_by_row",
    "state_paths",
    "step_roads",
    "tag_heat_map",
    "time_ratios",
    "truncation_grid",
    "two_steps",
    "unrolled_loop",
    "unrolling",
    "who_is_where",
]

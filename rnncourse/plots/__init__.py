"""The course's figures, one function each. Each takes and returns an Axes or a Figure, as matplotlib's do.

Each sets `figure.alt` on the Figure that it draws in: one sentence with the numbers, for who can't see them.
Where several share a Figure, the last one's sentence stands.
"""

from rnncourse.extras import require

require("plots need", "matplotlib", extra="plots")

from rnncourse.plots.audits import dependence
from rnncourse.plots.axes import cube_slices, who_is_where
from rnncourse.plots.cells import gru_cell, lstm_cell, rnn_cell, state_paths
from rnncourse.plots.dependencies import dependency_grid
from rnncourse.plots.directions import seen_inputs
from rnncourse.plots.gradients import (
    gradient_norms,
    gradient_over_time,
    jacobian_norms,
    norm_against_distance,
)
from rnncourse.plots.indices import index_grid
from rnncourse.plots.lessons import LESSONS, arrangements, lesson_map, two_steps
from rnncourse.plots.loops import loop_step, unrolled, unrolled_loop, unrolling
from rnncourse.plots.packing import batch_sizes
from rnncourse.plots.speed import matmuls, time_ratios
from rnncourse.plots.structure import parameter_map
from rnncourse.plots.style import COLOURS, LINE_COLOURS, STYLE
from rnncourse.plots.tagging import confusion_matrix, tag_heat_map
from rnncourse.plots.traces import c_against_h, cell_diagram, gates_over_time
from rnncourse.plots.truncation import truncation_grid

__all__ = [
    "COLOURS",
    "LESSONS",
    "LINE_COLOURS",
    "STYLE",
    "arrangements",
    "batch_sizes",
    "c_against_h",
    "cell_diagram",
    "confusion_matrix",
    "cube_slices",
    "dependence",
    "dependency_grid",
    "gates_over_time",
    "gradient_norms",
    "gradient_over_time",
    "gru_cell",
    "index_grid",
    "jacobian_norms",
    "lesson_map",
    "loop_step",
    "lstm_cell",
    "matmuls",
    "norm_against_distance",
    "parameter_map",
    "rnn_cell",
    "seen_inputs",
    "state_paths",
    "tag_heat_map",
    "time_ratios",
    "truncation_grid",
    "two_steps",
    "unrolled",
    "unrolled_loop",
    "unrolling",
    "who_is_where",
]

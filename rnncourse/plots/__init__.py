"""Figures of your own model, one function each. Each takes and returns an Axes or a Figure.

Each sets `figure.alt` on its Figure: one sentence with the numbers, for those who cannot see them. If several
are drawn in one Figure, it is the sentence of the last one.
"""

import importlib

from rnncourse.extras import require

require("plots need", "matplotlib", extra="plots")

from rnncourse.plots.audits import dependence
from rnncourse.plots.gradients import gradient_norms, gradient_over_time
from rnncourse.plots.indices import index_grid
from rnncourse.plots.over_time import unrolled
from rnncourse.plots.packing import batch_sizes
from rnncourse.plots.structure import parameter_map
from rnncourse.plots.style import COLORS, LINE_COLORS, STYLE
from rnncourse.plots.traces import c_against_h, cell_diagram, gates_over_time

__all__ = [
    "COLORS",
    "LINE_COLORS",
    "STYLE",
    "batch_sizes",
    "c_against_h",
    "cell_diagram",
    "dependence",
    "gates_over_time",
    "gradient_norms",
    "gradient_over_time",
    "index_grid",
    "parameter_map",
    "unrolled",
]


def __getattr__(name: str) -> object:
    """Return one of the lessons' own figures, which are called plots.name but not listed here."""
    lessons = importlib.import_module("rnncourse.plots.lessons")
    if name in lessons.__all__:
        return getattr(lessons, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

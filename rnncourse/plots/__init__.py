"""Figures of your own model, one function each. Each takes and returns an Axes or a Figure.

Each sets `figure.alt` on the Figure that it draws in: one sentence with the numbers, for who can't see them.
Where several share a Figure, the last one's sentence stands.
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
from rnncourse.plots.style import COLOURS, LINE_COLOURS, STYLE
from rnncourse.plots.traces import c_against_h, cell_diagram, gates_over_time

__all__ = [
    "COLOURS",
    "LINE_COLOURS",
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
    """Return one of the lessons' own figures, which lessons call as plots.name, and which are not listed."""
    lessons = importlib.import_module("rnncourse.plots.lessons")
    if name in lessons.__all__:
        return getattr(lessons, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

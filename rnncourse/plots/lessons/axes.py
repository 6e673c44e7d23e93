"""Draw the axes of an input: its block of numbers with the axes named, and where each sequence is in it."""

import itertools
import math
from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from torch import Tensor

from rnncourse.plots.drawing import CODE, GREY, INK, Style, box, canvas, figure_of, ink, set_alt, tint
from rnncourse.plots.sizes import check_index
from rnncourse.plots.style import COLORS, sequence_color
from rnncourse.shapes import named

_SIDE, _DEPTH, _HIGH = 0.5, 0.3, 0.22  # a cube, in inches: its front, and how far its depth goes right and up
_WORDS = {"T": "one step of every sequence", "B": "one sequence, every step", "I": "one feature, everywhere"}


def cube_slices(x: Tensor, t: int, b: int, i: int, batch_first: bool = False) -> Figure:
    """Draw an input as three blocks of small cubes, with one index of each axis marked. Return the Figure.

    Time goes to the right, the batch down, the features back, in both layouts: only the code above a block
    differs. There is a block for each axis of x in turn, with the cubes of step t, of sequence b or of
    feature i marked. The front shows the numbers of feature 0, rounded to whole ones. Up to 6 steps are
    readable.

    Raises:
        ValueError: x does not have three axes, or an index is out of range.
    """
    order = "BTI" if batch_first else "TBI"
    if x.dim() != 3:
        raise ValueError(f"x: expected ({', '.join(order)}), got {tuple(x.shape)}.")
    sizes = dict(zip(order, x.shape, strict=True))
    T, B, I = (sizes[axis] for axis in "TBI")
    marks = {"T": check_index("t", t, T), "B": check_index("b", b, B), "I": check_index("i", i, I)}
    across, high = max(T * _SIDE + I * _DEPTH + 0.55, 2.6), B * _SIDE + I * _HIGH
    title = f"x is {named(tuple(sizes.items()))}; the same block three times, one index of each axis marked"
    ax = canvas(None, (-0.4, 3 * across - 0.4), (-0.45, high + 0.75), title, "")
    said = []
    for k, axis in enumerate(order):
        left, index = k * across, f"x[{':, ' * k}{marks[axis]}]"
        shape = f"({order.replace(axis, '')[0]}, {order.replace(axis, '')[1]})"
        code: Style = {"family": "monospace", "fontsize": 9.5, "color": INK}
        ax.text(left, high + 0.58, f"{index}   {shape}", **code)
        ax.text(left, high + 0.3, _WORDS[axis], fontsize=8.5, color=GREY)
        _block(ax, left, x.transpose(0, 1) if batch_first else x, axis, marks[axis])
        _axis_names(ax, left, T, B, I)
        said.append(f"{index} is {shape}, {_WORDS[axis]}")
    set_alt(
        ax, f"A block of cubes, time to the right, batch down, features back. {title}: {'; '.join(said)}."
    )
    return figure_of(ax)


def _block(ax: Axes, left: float, x: Tensor, axis: str, at: int) -> None:
    """Draw the cubes of x (T, B, I) from back, bottom and left, so that each hides what is behind it."""
    T, B, I = x.shape
    for i, b, t in itertools.product(reversed(range(I)), reversed(range(B)), range(T)):
        marked = {"T": t, "B": b, "I": i}[axis] == at
        gid = f"{axis} {t},{b},{i}{' marked' * marked}"
        x0, y0 = left + t * _SIDE + i * _DEPTH, (B - 1 - b) * _SIDE + i * _HIGH
        x1, y1 = x0 + _SIDE, y0 + _SIDE
        back_x, back_y = x1 + _DEPTH, y1 + _HIGH
        faces = (  # each with its share of the mark's colour, and its colour without a mark
            ([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], 0.55, "white"),  # front
            ([(x0, y1), (x1, y1), (back_x, back_y), (x0 + _DEPTH, back_y)], 0.75, "#EDEDED"),  # top
            ([(x1, y0), (back_x, y0 + _HIGH), (back_x, back_y), (x1, y1)], 0.9, "#DDDDDD"),  # right side
        )
        for corners, share, plain in faces:
            face = tint(COLORS["o"], share) if marked else plain
            ax.add_patch(Polygon(corners, facecolor=face, edgecolor=GREY, linewidth=0.7, gid=gid))
        if i == 0:
            style = CODE | {"fontsize": 9}
            ax.text(x0 + _SIDE / 2, y0 + _SIDE / 2, f"{x[t, b, i]:03.0f}", gid=gid, **style)


def _axis_names(ax: Axes, left: float, T: int, B: int, I: int) -> None:
    words: Style = {"fontsize": 9, "color": INK, "va": "center"}
    ax.text(left, -0.22, f"T={T} steps →", **words)
    ax.text(left - 0.12, B * _SIDE / 2, f"B={B} sequences", rotation=90, ha="right", **words)
    x, y = left + T * _SIDE + I * _DEPTH / 2 + 0.12, I * _HIGH / 2 - 0.12
    slope = math.degrees(math.atan2(_HIGH, _DEPTH))
    ax.text(x, y, f"I={I} features", rotation=slope, ha="center", **words)


def who_is_where(tables: Mapping[str, Tensor]) -> Figure:
    """Draw tables whose entries say which sequence and step they are. Return the Figure.

    Args:
        tables: by title, a tensor (rows, columns, 2) of whole numbers; the last axis is (sequence, step). For
            x[t, b] = (b, t), for example: x itself, x.transpose(0, 1), x.view(B, T, 2). A cell "b,t" is step
            t of sequence b; each sequence has a colour.
    """
    wide = [max(table.shape[1] * _SIDE, 1.9) + 0.5 for table in tables.values()]
    high = max(table.shape[0] for table in tables.values()) * _SIDE
    title = "in each cell: sequence, step; one colour for each sequence"
    alt, left = [], 0.0
    ax = canvas(None, (-0.1, sum(wide) - 0.1), (-high - 0.1, 0.5), title, "")
    for (name, table), across in zip(tables.items(), wide, strict=True):
        ax.text(left, 0.28, name, family="monospace", fontsize=9.5, color=INK, va="center")
        rows = table.tolist()
        for r, row in enumerate(rows):
            for k, (b, t) in enumerate(row):
                color, gid = sequence_color(b), f"{name} {r},{k}"
                centre = left + (k + 0.5) * _SIDE, -(r + 0.5) * _SIDE
                box(ax, *centre, _SIDE, _SIDE, gid, facecolor=color, edgecolor="white")
                ax.text(*centre, f"{b},{t}", gid=gid, **(CODE | {"color": ink(color), "fontsize": 10}))
        said = " / ".join(" ".join(f"{b},{t}" for b, t in row) for row in rows)
        alt.append(f"{name} has the rows {said}")
        left += across
    set_alt(ax, f"Tables of cells, each sequence,step: {'; '.join(alt)}.")
    return figure_of(ax)

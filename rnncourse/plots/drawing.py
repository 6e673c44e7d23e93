"""Shared by the figures: alt text; boxes, arrows and colours; an Axes with a title and alt text."""

import textwrap
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure, FigureBase
from matplotlib.patches import FancyBboxPatch

from rnncourse.plots.style import contrast

Style = dict[str, Any]  # keyword arguments of matplotlib's functions
Point = tuple[float, float]
GREY, INK, PALE = "#555555", "#222222", "#AAAAAA"
CODE: Style = {"family": "monospace", "ha": "center", "va": "center", "color": INK, "linespacing": 1.15}


def set_alt(drawn: Axes | FigureBase, sentence: str) -> None:
    """Set `figure.alt`, an attribute of ours, on the figure that contains the drawing."""
    figure = drawn.figure if isinstance(drawn, Axes) else drawn
    vars(figure)["alt"] = sentence


def alt_of(drawn: Axes | FigureBase) -> str:
    """Return what `set_alt` set."""
    figure = drawn.figure if isinstance(drawn, Axes) else drawn
    return str(vars(figure)["alt"])


def figure_of(ax: Axes) -> Figure:
    """Return the Figure of an Axes that is not in a SubFigure."""
    assert isinstance(ax.figure, Figure)
    return ax.figure


def tint(color: str, share: float) -> tuple[float, ...]:
    """Mix a colour with white; `share` is the colour's share."""
    return tuple(1 - share * (1 - part) for part in to_rgb(color))


def color_bar(image: ScalarMappable, ax: Axes, label: str, **style: Any) -> None:
    """Draw a colour bar beside the Axes, with its label upright above it."""
    bar = ax.figure.colorbar(image, ax=ax, **style)
    # A text, since the layout leaves no room for a title as wide as this.
    bar.ax.text(0, 1.03, label, transform=bar.ax.transAxes, fontsize="medium")


def ink(color: str) -> str:
    """Return black or white, whichever has the higher contrast with the colour: at least 4.5."""
    color = to_hex(color)
    return "white" if contrast(color, "#FFFFFF") > contrast(color, "#000000") else "black"


def canvas(ax: Axes | None, xlim: Point, ylim: Point, title: str, alt: str) -> Axes:
    """Return an Axes without a frame for a drawing in these limits, with title and alt text.

    If `ax` is None, it is in a new figure in which one unit of the drawing is one inch.
    """
    width, height = xlim[1] - xlim[0], ylim[1] - ylim[0]
    title = textwrap.fill(title, int(12.5 * width))
    if ax is None:
        above, margin = 0.18 + 0.17 * len(title.splitlines()), 0.08
        size = width + 2 * margin, height + above + margin
        place = (margin / size[0], margin / size[1], width / size[0], height / size[1])
        ax = plt.figure(figsize=size).add_axes(place)
    ax.set(xlim=xlim, ylim=ylim, aspect="equal")
    ax.set_axis_off()
    ax.set_title(title, loc="left", fontsize=10)
    set_alt(ax, alt)
    return ax


def box(
    ax: Axes, x: float, y: float, width: float, height: float, gid: str | None = None, **style: Any
) -> None:
    """Draw a rounded box around its centre (x, y)."""
    style = Style(facecolor="#F2F2F2", edgecolor=GREY, linewidth=1) | style
    shape = f"round,pad=0,rounding_size={min(0.08, height / 4)}"
    ax.add_patch(FancyBboxPatch((x - width / 2, y - height / 2), width, height, shape, gid=gid, **style))


def arrow(
    ax: Axes, start: Point, end: Point, color: str = GREY, width: float = 1.2, zorder: float = 2
) -> None:
    """Draw an arrow from `start` to `end`; with a zorder below 1 it runs behind the boxes."""
    line: Style = {"arrowstyle": "-|>", "mutation_scale": 9, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops=line | {"color": color, "linewidth": width}, zorder=zorder)


def fitting(code: str, wide: float, high: float) -> float:
    """Return the largest font size, up to 8.5, at which these lines of code fit into a box, in inches."""
    lines = code.splitlines() or [""]
    longest = max(1, *map(len, lines))  # a letter of DejaVu Sans Mono is 0.602 times the size wide
    return min(8.5, 72 * wide / (0.602 * longest), 72 * (high - 0.04) / (1.36 * len(lines)))

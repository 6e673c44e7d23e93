"""Draw the parameters of a recurrent module to scale."""

import math
import textwrap

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch.nn import Module

from rnncourse.plots.drawing import GREY, INK, Style, canvas, ink
from rnncourse.plots.sizes import DIRECTIONS, spec_of
from rnncourse.plots.style import COLORS
from rnncourse.shapes import SizedAxes, named, parameter_axes
from rnncourse.shapes import sizes as shape
from rnncourse.spec import Spec

Parameter = tuple[str, SizedAxes]

# In inches (one unit of the drawing): the least side of a rectangle, the space between two directions, the
# largest width of all directions together.
_THIN, _GAP, _WIDTH = 0.07, 0.3, 9.4


def parameter_map(module: Module, ax: Axes | None = None) -> Axes:
    """Draw every parameter of a layer or cell as a rectangle to scale, and return the Axes.

    There is a row for each layer, the first at the bottom, and a column for each direction. Under each
    parameter are its name, its axes by name and size, and its count. Each gate has a slice of H rows in its
    colour, from the top in torch's order: i, f, g, o or r, z, n. A rectangle that would be too thin to see,
    as a bias mostly is, is drawn wider. A dashed line separates the columns that read the forward h of the
    layer below from those that read the backward h.

    Args:
        module: the layer or cell, of torch.nn or rnncourse.
        ax: the Axes to draw in; a new one if None.

    Raises:
        TypeError: the module is neither a layer nor a cell.
        ValueError: its hidden_size is 0.

    Example:
        >>> ax = rnncourse.plots.parameter_map(torch.nn.LSTM(3, 4))
        >>> "144" in ax.figure.alt  # the sum of all counts
        True
    """
    net = spec_of(module, cells=True)
    parameters = list(parameter_axes(net))
    each = len(parameters) // (net.L * net.D)  # parameters in one layer and direction
    blocks = [parameters[start : start + each] for start in range(0, len(parameters), each)]
    scale, slots = _scale(net, blocks)
    high = max(_sides(axes, scale)[1] for _, axes in parameters)
    lines = max(_label(*parameter).count("\n") + 1 for parameter in parameters)
    up, across = high + 0.15 * lines + 0.55, sum(slots) + _GAP
    width = max(net.D * across - _GAP, 6.0)
    sides = [scale * size for _, axes in parameters for size in shape(axes)]
    note = textwrap.fill(_note(net, sides), int(14 * width))
    title = f"{net.title}: {_count(parameters):,} numbers in {len(parameters)} parameters"
    names = "; ".join(f"{name} {named(axes)}" for name, axes in parameters)
    alt = f"Parameter map of {title}, each a rectangle to scale: {names}."
    ax = canvas(ax, (-0.05, width), (-0.2 - 0.15 * note.count("\n"), net.L * up), title, alt)
    for k, block in enumerate(blocks):
        layer, d = divmod(k, net.D)
        left, top = d * across, (layer + 1) * up - 0.3
        where = [] if net.is_cell else [f"layer {layer}", DIRECTIONS[d]][: net.D]
        heading = f"{', '.join(where)}: {_count(block):,} numbers".removeprefix(": ")
        ax.text(left, top + 0.15, heading, weight="bold", fontsize=9, va="center", color=INK)
        for (name, axes), slot in zip(block, slots, strict=True):
            halved = name.startswith("weight_ih") and layer > 0 and net.D == 2
            gates = "" if name.startswith("weight_hr") else net.letters
            _slices(ax, name, left, top, *_sides(axes, scale), gates, halved)
            words: Style = {"fontsize": 9, "va": "top", "color": INK, "linespacing": 1.2}
            ax.text(left, top - high - 0.06, _label(name, axes), gid=name, **words)
            left += slot
    ax.text(0, 0, note, fontsize=8.5, va="top", color=GREY)
    return ax


def _count(parameters: list[Parameter]) -> int:
    return sum(math.prod(shape(axes)) for _, axes in parameters)


def _sides(axes: SizedAxes, scale: float) -> tuple[float, float]:
    """Return a parameter's width and height in inches: its columns (a bias has one) and rows."""
    rows, columns = (*shape(axes), 1)[:2]
    return max(scale * columns, _THIN), max(scale * rows, _THIN)


def _scale(net: Spec, blocks: list[list[Parameter]]) -> tuple[float, list[float]]:
    """Return the inches of a row or column, and each parameter's width with its label, so that all fit."""
    least = 1.1 if net.D == 1 else 0.93  # the width of a label
    scale = max(1.2, 3.0 / net.L**0.5) / max(shape(axes)[0] for block in blocks for _, axes in block)
    while True:
        slots = [
            max(least, *(_sides(axes, scale)[0] + 0.3 for _, axes in column))
            for column in zip(*blocks, strict=True)
        ]
        if net.D * sum(slots) <= _WIDTH - _GAP or max(slots) == least:
            return scale, slots
        scale *= 0.95


def _slices(
    ax: Axes, name: str, left: float, top: float, wide: float, tall: float, gates: str, halved: bool
) -> None:
    """Draw a parameter's rectangle: a slice for each gate, its letter inside or, without room, beside it."""
    each = tall / (len(gates) or 1)
    for k, gate in enumerate(gates or "h"):
        bottom, color = top - (k + 1) * each, COLORS[gate]
        gid = f"{name} {gate}" if gates else name
        style: Style = {"facecolor": color, "edgecolor": "white", "linewidth": 0.6}
        ax.add_patch(Rectangle((left, bottom), wide, each, gid=gid, **style))
        if gates and each > 0.12:
            inside = wide > 0.2 and not halved
            x, letter = (left + wide / 2, ink(color)) if inside else (left + wide + 0.09, INK)
            ax.text(x, bottom + each / 2, gate, ha="center", va="center_baseline", fontsize=9, color=letter)
    if halved:
        half = [left + wide / 2] * 2
        ax.plot(half, [top - tall, top], "--", color="white", linewidth=1.4, gid=f"{name} half")


def _label(name: str, axes: SizedAxes) -> str:
    """Write a parameter's name, axes and count under it; the name is broken before the layer's number."""
    stem, _, suffix = name.partition("_l")
    sized = named(axes)
    sized = sized if len(sized) < 12 else sized.replace(", ", ",\n ")
    return "\n".join([stem, *(["_l" + suffix] if suffix else []), sized, f"{math.prod(shape(axes)):,}"])


def _note(net: Spec, sides: list[float]) -> str:
    note = (
        f"A gate's slice is H={net.hidden_size} rows, from the top {' '.join(net.letters)}. "
        if net.letters
        else ""
    )
    thin = net.bias or min(sides) < _THIN
    note += "To scale, but what is too thin to see is drawn wider." if thin else "To scale."
    if net.D == 2 and net.L > 1:
        note += (
            " Left of the dashed line the columns for the forward h of the layer below, right the backward."
        )
    return note

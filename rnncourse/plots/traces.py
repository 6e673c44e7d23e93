"""Draw what happened inside a layer from a trace, one row of the batch in one direction at a time.

Each figure takes `d`, one layer in one direction of a call that `rnncourse.trace` recorded: a DirectionTrace,
or an object that contains only one, such as the trace of a model with one such call. b is the row of the
batch. Steps that a packed row does not have stay empty. Each raises IndexError if there is no such row, unit
or step, AttributeError if d contains several directions, layers or calls, and TypeError if it is not a trace.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from torch import Tensor

from rnncourse.plots.cells import gru_cell, lstm_cell, rnn_cell
from rnncourse.plots.drawing import Style, alt_of, set_alt
from rnncourse.plots.style import COLORS, LINE_COLORS
from rnncourse.shapes import SIGMOID
from rnncourse.tracing import Direction
from rnncourse.tracing.equations import GATES
from rnncourse.tracing.table import in_words

Array = NDArray[np.float64]

SHOWN = {mode: (*gates, *("c", "q") * (mode == "LSTM"), "h") for mode, gates in GATES.items()}
DASHES = {"f": "--", "z": "--", "o": ":", "g": "--", "n": "--"}  # so that lines differ even without colours
WORDS = {
    "LSTM": "an LSTM",
    "GRU": "a GRU",
    "RNN_TANH": "a tanh RNN",
    "RNN_RELU": "a relu RNN",
    "OWN": "a cell",
}


def gates_over_time(
    d: Direction, b: int = 0, unit: int | None = None, t: int | None = None, figure: Figure | None = None
) -> Figure:
    """Draw every gate and state over time, and return the Figure.

    Without `unit`, there is a heat map for each value, with units down and time to the right. Gates range
    from 0 to 1, and g and n from -1 to 1, on the same two scales everywhere; the scales of c and h are
    symmetric about 0 and as wide as their numbers need, for h at least to 1. With `unit`, there are lines of
    this one unit; if there is a projection, h has other units, so q, which the projection reads, replaces it.
    Dotted lines are resets.

    Args:
        d: the direction to draw.
        b: the row of the batch.
        unit: the unit to draw; all if None.
        t: a step to mark.
        figure: the Figure to draw in; a new one if None.

    Raises:
        TypeError: `d` is not one direction of a trace.
        IndexError: an index is out of range.
        ValueError: the trace saved no gate and no state.

    Example:
        >>> lstm = torch.nn.LSTM(3, 4)
        >>> with rnncourse.trace(lstm) as t:
        ...     output, _ = lstm(torch.randn(5, 2, 3))
        >>> figure = rnncourse.plots.gates_over_time(t.layer(0).forward, b=1)
        >>> len(figure.axes) >= 6  # i, f, g, o, c and h
        True
    """
    _check_direction(d)
    values = {name: _row(d, name, b) for name in _shown(d)}  # (T, H) each
    length = row_length(d, b)
    if t is not None:
        _check_index("t", t, length, f"row b={b} has {length} steps")
    if unit is None:
        figure = figure or plt.figure(figsize=(9.0, 0.7 + 1.0 * len(values)), layout="constrained")
        _heat_maps(figure, d.mode, values)
    else:
        if "q" in values:
            values.pop("h", None)
        width = min(v.shape[1] for v in values.values())
        _check_index("unit", unit, width, f"there are {width} units")
        values = {name: v[:, unit] for name, v in values.items()}
        panels = len({name in SIGMOID for name in values})
        figure = figure or plt.figure(figsize=(9.0, 0.2 + 2.0 * panels), layout="constrained")
        _lines(figure, d.mode, values)
    resets = _resets(d, b)
    for ax in figure.axes:
        if ax.get_label() != "<colorbar>":
            if t is not None:
                ax.axvline(t, color="black", linewidth=1, linestyle=(0, (4, 2)), gid="t")
            for reset in resets:  # between two steps; time runs backward in a reverse direction
                between = reset + 0.5 if d.is_reverse else reset - 0.5
                ax.axvline(between, color="black", linewidth=1, linestyle=":", gid="reset")
    ranges = ", ".join(f"{name} {_from_to(v)}" for name, v in values.items())
    who = f"unit {unit}" if unit is not None else f"{max(v.shape[1] for v in values.values())} units"
    at = "" if t is None else f"; step {t} is marked"
    if t is not None and unit is not None:
        at += ": " + ", ".join(f"{name} = {v[t]:z.2f}" for name, v in values.items())
    if resets:
        at += f"; the state was reset before {steps_in_words(resets)}"
    figure.suptitle(_title(d, b), x=0.01, ha="left", fontsize="medium")
    set_alt(figure, f"Row {b} of {_kind(d)}, {who} over {length} steps: {ranges}{at}.")
    return figure


def c_against_h(d: Direction, b: int = 0, unit: int = 0, figure: Figure | None = None) -> Figure:
    """Draw what one unit of an LSTM remembers, c, beside what it shows, h = o * tanh(c). Return the Figure.

    On the left are both over time; on the right c is across and h up, with a dot for each step, from dark to
    bright. h lies between 0 and tanh(c), the curve, and so between -1 and 1, the dashed lines, which are in
    view if c comes near them; c has no bounds. If there is a projection, o * tanh(c) is q, which is drawn
    instead of h.

    Args:
        d: the direction of an LSTM to draw.
        b: the row of the batch.
        unit: the unit to draw.
        figure: the Figure to draw in; a new one if None.

    Raises:
        TypeError: `d` is not one direction of a trace.
        IndexError: an index is out of range.
        ValueError: it is not an LSTM.

    Example:
        >>> lstm = torch.nn.LSTM(3, 4)
        >>> with rnncourse.trace(lstm) as t:
        ...     output, _ = lstm(torch.randn(5, 2, 3))
        >>> figure = rnncourse.plots.c_against_h(t.layer(0).forward, b=1, unit=2)
        >>> [ax.get_ylabel() for ax in figure.axes]
        ['', 'h']
    """
    _check_direction(d)
    if d.mode != "LSTM":
        raise ValueError(f"c_against_h: only an LSTM has c beside h, this is the trace of {WORDS[d.mode]}.")
    shown = "q" if _projected(d) else "h"
    c, h = _row(d, "c", b), _row(d, shown, b)
    _check_index("unit", unit, c.shape[1], f"there are {c.shape[1]} units")
    c, h = c[:, unit], h[:, unit]
    figure = figure or plt.figure(figsize=(9.0, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    for name, values in (("c", c), ("h", h)):
        label = shown if name == "h" else "c"
        dash = "-" if name == "c" else "--"
        left.plot(values, marker=".", color=LINE_COLORS[name], linestyle=dash, label=label)
    _time_axis(left, len(c))
    left.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, fontsize="small")
    bound: Style = {"color": COLORS["x"], "linewidth": 1, "linestyle": (0, (4, 3)), "zorder": 0}
    for ax in (left, right):
        ax.axhline(1, **bound)
        ax.axhline(-1, **bound)
    reach = 1.1 * (_largest(c) or 1.0)
    curve = np.linspace(-reach, reach, 200)
    right.plot(curve, np.tanh(curve), color="#888888", linewidth=1, label="tanh(c), all shown: o = 1")
    right.plot(c, h, color="#888888", linewidth=0.8, zorder=1)
    right.scatter(c, h, c=np.arange(len(c)), cmap="viridis", s=22, zorder=2)
    height = min(1.15, reach)  # |h| < |c|
    if reach < 1:  # otherwise the lines of the bound are in view
        left.set_ylim(-reach, reach)
    right.set(xlabel="c", ylabel=shown, xlim=(-reach, reach), ylim=(-height, height))
    right.legend(loc="lower center", bbox_to_anchor=(0.5, 1), fontsize="small")
    figure.suptitle(f"{_title(d, b)}, unit {unit}", x=0.01, ha="left", fontsize="medium")
    set_alt(
        figure,
        f"Unit {unit}, row {b} of {_kind(d)}, over {row_length(d, b)} steps: c runs {_from_to(c)}, "
        f"{shown} = o * tanh(c) {_from_to(h)}, "
        "inside its bound of −1 and 1.",
    )
    return figure


def cell_diagram(d: Direction, t: int, b: int = 0, unit: int = 0, ax: Axes | None = None) -> Axes:
    """Draw step t of one unit as a diagram of its cell, with the numbers that were computed. Return the Axes.

    The figure is `lstm_cell`, `gru_cell` or `rnn_cell`, depending on the trace's mode. The state before the
    step is the one that it read, `h_prev` or `c_prev`.

    Args:
        d: the direction to draw.
        t: the step.
        b: the row of the batch.
        unit: the unit.
        ax: the Axes to draw in; a new one if None.

    Raises:
        TypeError: `d` is not one direction of a trace.
        IndexError: an index is out of range.
        ValueError: it is a cell of your own, or a number in the diagram is nan or inf.

    Example:
        >>> gru = torch.nn.GRU(3, 4)
        >>> with rnncourse.trace(gru) as trace:
        ...     output, _ = gru(torch.randn(5, 2, 3))
        >>> ax = rnncourse.plots.cell_diagram(trace.layer(0).forward, t=3, unit=2)
        >>> ax.get_title()
        'GRU: t = 3, unit 2, row 0'
    """
    _check_direction(d)
    if d.mode == "OWN":
        raise ValueError(
            "cell_diagram: it draws torch's cells and cannot know how a cell of your own is built."
        )
    length = row_length(d, b)
    _check_index("t", t, length, f"row b={b} has {length} steps")
    if d.mode == "LSTM":
        names = ["a_i", "a_f", "a_g", "a_o"]
    elif d.mode == "GRU":
        names = ["a_r", "a_z", "a_n", "hh_n", "r"]
    else:
        names = ["a"]
    rows = [_row(d, name, b)[t] for name in names]  # (H) each
    _check_index("unit", unit, len(rows[0]), f"there are {len(rows[0])} units")
    numbers = [row[unit] for row in rows]
    before = _row(d, "c_prev" if d.mode == "LSTM" else "h_prev", b)[t, unit]
    if not np.isfinite([*numbers, before]).all():
        raise ValueError(f"cell_diagram: unit {unit} is nan or inf at t={t}: there is no number to draw.")
    if d.mode == "LSTM":
        a_i, a_f, a_g, a_o = numbers
        ax = lstm_cell(a_i, a_f, a_g, a_o, before, ax=ax, projected=_projected(d))
    elif d.mode == "GRU":
        a_r, a_z, a_n, hh_n, r = numbers
        ax = gru_cell(a_r, a_z, a_n - r * hh_n, hh_n, before, ax=ax)
    else:
        (a,) = numbers
        ax = rnn_cell(a, before, ax=ax, nonlinearity=d.mode.removeprefix("RNN_").lower())
    where = f"t = {t}, unit {unit}, row {b}" + ", time running backward: t + 1 comes before t" * d.is_reverse
    where += ", reads a state that was reset" * (t in _resets(d, b))
    ax.set_title(f"{d.where}: {where}")
    set_alt(ax, alt_of(ax).replace("in one step", f"at {where}", 1))
    return ax


def _heat_maps(figure: Figure, mode: str, values: dict[str, Array]) -> None:
    axes = figure.subplots(len(values), 1, sharex=True, squeeze=False)[:, 0]
    for ax, (name, array) in zip(axes, values.items(), strict=True):
        low, high = _range(mode, name, array)
        colors = "viridis" if low == 0 else "RdBu_r"
        image = ax.imshow(
            array.T, aspect="auto", cmap=colors, vmin=low, vmax=high, interpolation="nearest", gid=name
        )
        ax.patch.set(hatch="////", edgecolor="#CCCCCC")  # visible where there is no number
        ax.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True, min_n_ticks=1))
        ax.set_ylabel(name, rotation=0, fontsize="large", fontweight="bold", labelpad=14, va="center")
        ax.spines["left"].set(color=COLORS[_letter(name)], linewidth=6)
        bar = figure.colorbar(image, ax=ax, aspect=8, pad=0.01, ticks=[low, (low + high) / 2, high])
        bar.ax.set_yticklabels([f"{tick:.3g}" for tick in (low, (low + high) / 2, high)], fontsize="small")
        bar.outline.set_visible(False)
    _time_axis(axes[-1], len(array))
    figure.supylabel("unit", fontsize="medium")


def _lines(figure: Figure, mode: str, values: dict[str, Array]) -> None:
    gates = [name for name in values if name in SIGMOID]
    rest = [name for name in values if name not in SIGMOID]
    panels = [group for group in (gates, rest) if group]
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for ax, names in zip(axes, panels, strict=True):
        for name in names:
            line: Style = {
                "color": LINE_COLORS[_letter(name)],
                "linestyle": DASHES.get(name, "-"),
                "marker": ".",
                "gid": name,
            }
            ax.plot(values[name], label=name, **line)
        ranges = [_range(mode, name, values[name]) for name in names]
        low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
        room = 0.05 * (high - low)
        ax.set_ylim(low - room, high + room)
        if low < 0:
            ax.axhline(0, color="#CCCCCC", linewidth=0.8, zorder=0)
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    _time_axis(axes[-1], len(next(iter(values.values()))))


def _time_axis(ax: Axes, T: int) -> None:
    ax.set(xlabel="t", xlim=(-0.5, T - 0.5))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _range(mode: str, name: str, array: Array) -> tuple[float, float]:
    """Return the range of a value: its bounds if it has any, otherwise as far as its numbers reach."""
    largest = _largest(array)
    if name in SIGMOID:
        return 0.0, 1.0
    if name in ("g", "n", "q"):
        return -1.0, 1.0
    if name == "h" and mode == "RNN_RELU":
        return 0.0, max(1.0, largest)
    limit = max(1.0, largest) if name == "h" else largest or 1.0
    return -limit, limit


def _largest(array: Array) -> float:
    """Return the largest absolute value, without nan and inf (from padding or from a run that blew up)."""
    return float(abs(array[np.isfinite(array)]).max(initial=0.0))


def _from_to(array: Array) -> str:
    finite = array[np.isfinite(array)]
    return f"from {finite.min():z.2f} to {finite.max():z.2f}" if finite.size else "without a finite number"


def _letter(name: str) -> str:
    """Return the letter whose colour a value has: q, what an LSTM shows before its projection, has h's."""
    return "h" if name == "q" else name


def _check_direction(d: object) -> None:
    """Check for a direction or what may contain one; if it contains several, its attributes raise."""
    if not isinstance(d, Direction):
        what = "t.layer(0).forward of `with trace(model) as t:`"
        raise TypeError(f"d: expected one direction of a trace, as {what}, got {type(d).__name__}.")


def _shown(d: Direction) -> list[str]:
    """Return the names of the gates and states that the trace saved."""
    if d.mode == "OWN":  # its other values are unknown: show those that have a colour
        return [name for name in d.names if name in COLORS and name != "x"]
    names = [name for name in SHOWN[d.mode] if name in d.names]
    if not names:
        every = " ".join(SHOWN[d.mode])
        raise ValueError(f"the trace saved {' '.join(d.names)}: none of {every} is there to be drawn.")
    return names


def _row(d: Direction, name: str, b: int) -> Array:
    """Return one row of the batch of a value: (T, width) in NumPy's float64."""
    values: Tensor = getattr(d, name)
    values = values.unsqueeze(1) if values.dim() == 2 else values  # unbatched: a batch of one
    _check_index("b", b, values.shape[1], f"the batch has {values.shape[1]} rows")
    return _numbers(values[:, b])


def _numbers(values: Tensor) -> Array:
    numbers: Array = values.detach().cpu().double().numpy()
    return numbers


def row_length(d: Direction, b: int = 0) -> int:
    """Return the number of steps of row b: T or, for packed input, its own length."""
    T = len(_row(d, d.names[0], b))
    return T if d.lengths is None else int(d.lengths[b])


def _resets(d: Direction, b: int) -> list[int]:
    """Return the steps of row b that did not read the state that the call before them returned."""
    return [step for step, *row in d.resets.nonzero().tolist() if row in ([], [b])]


def steps_in_words(steps: list[int]) -> str:
    """Return "step 2" or "steps 2 and 4"; if there are more than six, the first six and how many more."""
    shown = (
        in_words(steps[:6])
        if len(steps) <= 6
        else f"{', '.join(map(str, steps[:6]))} and {len(steps) - 6} more"
    )
    return f"step{'s' * (len(steps) > 1)} {shown}"


def _title(d: Direction, b: int) -> str:
    """Return module, layer and direction and, for a batch, the row."""
    return d.where + f", row {b}" * (d.h_0.dim() > 1)


def _kind(d: Direction) -> str:
    """Return the kind of layer in words, and its name if it has one: "an LSTM (encoder, reverse)"."""
    article, kind = WORDS[d.mode].split(" ", 1)
    noun = kind.split()[-1]
    if d.where.partition(",")[0] in (noun, f"{noun} cell"):  # no name
        return f"{article} {d.where.replace(noun, kind, 1)}"
    return f"{article} {kind} ({d.where})"


def _projected(d: Direction) -> bool:
    return d.h_0.shape[-1] != d.c_0.shape[-1]


def _check_index(name: str, index: int, size: int, have: str) -> None:
    if not 0 <= index < size:
        raise IndexError(f"{name}: expected a number from 0 to {size - 1}, since {have}, got {index}.")

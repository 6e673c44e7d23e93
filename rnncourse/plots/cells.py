"""Draw one step of an LSTM, GRU or RNN cell as a diagram with its numbers."""

import math
from itertools import pairwise

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Rectangle

from rnncourse.plots.drawing import Point, Style, set_alt
from rnncourse.plots.style import COLORS, LINE_COLORS


def lstm_cell(
    a_i: float,
    a_f: float,
    a_g: float,
    a_o: float,
    c: float,
    ax: Axes | None = None,
    *,
    projected: bool = False,
) -> Axes:
    """Draw one unit of an LSTM in one step, each number at its place, and return the Axes.

    A gauge is filled from 0 to its gate's value: i, f, o between 0 and 1, g between -1 and 1. The further a
    number is from 0, the thicker the line that carries it, up to 2.

    Args:
        a_i: the pre-activation of the input gate.
        a_f: that of the forget gate.
        a_g: that of the new content.
        a_o: that of the output gate.
        c: the memory before the step.
        ax: the Axes to draw in; a new one if None.
        projected: whether a projection follows, so that the result is called q instead of h.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(9.6, 5.2), layout="constrained")
    i, f, o = (_sigmoid(a) for a in (a_i, a_f, a_o))
    g = math.tanh(a_g)
    c_t = f * c + i * g
    shown = math.tanh(c_t)
    h_t = o * shown

    _line(ax, c, "c", (0.9, 5.3), (2.74, 5.3))
    _line(ax, f, "f", (3, 3.2), (3, 5.04))
    _line(ax, f * c, "c", (3.26, 5.3), (5.34, 5.3))
    _line(ax, i, "i", (4.7, 3.2), (5.44, 4.04))
    _line(ax, g, "g", (6.5, 3.2), (5.76, 4.04))
    _line(ax, i * g, "g", (5.6, 4.51), (5.6, 5.04))
    _line(ax, c_t, "c", (5.86, 5.3), (11.4, 5.3))
    _line(ax, c_t, "c", (9.9, 5.3), (9.9, 4.3))
    _line(ax, shown, "c", (9.9, 3.8), (9.9, 2.66))
    _line(ax, o, "o", (8.55, 2.4), (9.64, 2.4))
    _line(ax, h_t, "h", (10.16, 2.4), (11.05, 2.4))
    for x, y, sign in ((3, 5.3, "×"), (5.6, 4.25, "×"), (5.6, 5.3, "+"), (9.9, 2.4, "×")):
        _node(ax, x, y, sign)
    _function(ax, 9.9, 4.05, "tanh")
    ax.text(4.3, 5.6, f"f * c = {f * c:z.2f}", ha="center", va="center")
    ax.text(5.85, 4.72, f"i * g = {i * g:z.2f}", va="center")
    ax.text(10.1, 3.2, f"{shown:z.2f}", va="center")
    for x, y, role in ((3.15, 3.6, "keep"), (4.25, 3.6, "write"), (6.55, 3.6, "what"), (8.8, 2.65, "show")):
        ax.text(x, y, role, va="center", style="italic")
    _state(ax, 0.8, 5.3, "c", "$c_{t-1}$", c)
    _state(ax, 8.1, 5.3, "c", "$c_t$", c_t)
    _state(ax, 11.6, 2.4, "h", "$q_t$" if projected else "$h_t$", h_t)
    _note(ax, 11.5, 5.3, "to the\nnext step")
    _note(ax, 10.95, 1.5, "to the\nprojection" if projected else "out, and to\nthe next step")
    for x, name, value, formula in (
        (3, "f", f, f"σ({a_f:z.2f})"),
        (4.7, "i", i, f"σ({a_i:z.2f})"),
        (6.5, "g", g, f"tanh({a_g:z.2f})"),
        (8.2, "o", o, f"σ({a_o:z.2f})"),
    ):
        _gauge(ax, x, name, value, formula, low=-1 if name == "g" else 0)
        _line(ax, 0, "x", (x, 0.34), (x, 0.66))
    _sums(ax, 2.4, 8.8, r"$W_{ih}\,x_t + b_{ih} + W_{hh}\,h_{t-1} + b_{hh}$ gives all four")
    ax.set(xlim=(0, 12.5), ylim=(-0.2, 6.0), aspect="equal")
    ax.set_axis_off()
    set_alt(
        ax,
        f"One LSTM unit in one step: i = {i:z.2f}, f = {f:z.2f}, g = {g:z.2f}, o = {o:z.2f}; "
        f"c goes from {c:z.2f} to f * c + i * g = {c_t:z.2f}, and o * tanh(c) = {h_t:z.2f} comes out.",
    )
    return ax


def gru_cell(a_r: float, a_z: float, ih_n: float, hh_n: float, h: float, ax: Axes | None = None) -> Axes:
    """Draw one unit of a GRU in one step, each number at its place, and return the Axes.

    The names are those of `rnncourse.steps.gru_step`, the gauges and lines those of `lstm_cell`.

    Args:
        a_r: the pre-activation of the reset gate.
        a_z: that of the update gate.
        ih_n: the input's part of the candidate's pre-activation.
        hh_n: the state's part of it.
        h: the state before the step.
        ax: the Axes to draw in; a new one if None.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(9.6, 5.2), layout="constrained")
    r, z = _sigmoid(a_r), _sigmoid(a_z)
    a_n = ih_n + r * hh_n
    n = math.tanh(a_n)
    h_t = (1 - z) * n + z * h

    _line(ax, h, "h", (0.9, 5.3), (2.54, 5.3))
    _line(ax, z, "z", (2.8, 3.2), (2.8, 5.04))
    _line(ax, z, "z", (2.8, 4.25), (3.86, 4.25))
    _line(ax, 1 - z, "z", (4.54, 4.25), (5.44, 4.25))
    _line(ax, z * h, "h", (3.06, 5.3), (5.44, 5.3))
    _line(ax, n, "n", (5.7, 3.2), (5.7, 3.99))
    _line(ax, (1 - z) * n, "n", (5.7, 4.51), (5.7, 5.04))
    _line(ax, h_t, "h", (5.96, 5.3), (9.65, 5.3))
    _line(ax, a_n, "n", (7.24, 2.4), (6.07, 2.4))
    _line(ax, ih_n, "x", (7.5, 0.34), (7.5, 2.14))
    _line(ax, r * hh_n, "n", (9.14, 2.4), (7.76, 2.4))
    _line(ax, hh_n, "h", (9.4, 0.34), (9.4, 2.14))
    _line(ax, r, "r", (10.85, 2.4), (9.66, 2.4))
    for x, y, sign in (
        (2.8, 5.3, "×"),
        (5.7, 4.25, "×"),
        (5.7, 5.3, "+"),
        (7.5, 2.4, "+"),
        (9.4, 2.4, "×"),
    ):
        _node(ax, x, y, sign)
    _function(ax, 4.2, 4.25, "1 − z")
    ax.text(4.25, 5.6, f"z * h = {z * h:z.2f}", ha="center", va="center")
    ax.text(5.95, 4.72, f"(1 − z) * n = {(1 - z) * n:z.2f}", va="center")
    ax.text(8.45, 2.68, f"r * hh_n\n= {r * hh_n:z.2f}", ha="center", va="bottom", fontsize=9)
    ax.text(7.6, 1.25, f"ih_n =\n{ih_n:z.2f}", va="center")
    ax.text(9.5, 1.25, f"hh_n =\n{hh_n:z.2f}", va="center")
    for x, y, role in ((2.95, 3.6, "keep"), (5.85, 3.6, "what"), (9.75, 2.65, "read")):
        ax.text(x, y, role, va="center", style="italic")
    _state(ax, 0.8, 5.3, "h", "$h_{t-1}$", h)
    _state(ax, 10.1, 5.3, "h", "$h_t$", h_t)
    _note(ax, 10.75, 5.3, "out, and to\nthe next step")
    _gauge(ax, 2.8, "z", z, f"σ({a_z:z.2f})")
    _gauge(ax, 5.7, "n", n, f"tanh({a_n:z.2f})", low=-1)
    _gauge(ax, 11.2, "r", r, f"σ({a_r:z.2f})")
    for x in (2.8, 11.2):
        _line(ax, 0, "x", (x, 0.34), (x, 0.66))
    _sums(ax, 2.2, 11.8, r"$W_{ih}\,x_t + b_{ih}$ and $W_{hh}\,h_{t-1} + b_{hh}$ give all three")
    ax.set(xlim=(0, 12.5), ylim=(-0.2, 6.0), aspect="equal")
    ax.set_axis_off()
    set_alt(
        ax,
        f"One GRU unit in one step: r = {r:z.2f}, z = {z:z.2f}, n = tanh(ih_n + r * hh_n) = {n:z.2f}; "
        f"h goes from {h:z.2f} to (1 − z) * n + z * h = {h_t:z.2f}.",
    )
    return ax


def rnn_cell(a: float, h: float, ax: Axes | None = None, *, nonlinearity: str = "tanh") -> Axes:
    """Draw one unit of a simple RNN in one step, each number at its place, and return the Axes.

    Gauge and lines are those of `lstm_cell`; relu's gauge is as high as its value if that is above 1.

    Args:
        a: the pre-activation, W_ih x_t + b_ih + W_hh h + b_hh.
        h: the unit's state before the step.
        ax: the Axes to draw in; a new one if None.
        nonlinearity: "tanh" or "relu".
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(9.6, 2.9), layout="constrained")
    h_t = math.tanh(a) if nonlinearity == "tanh" else max(0.0, a)
    _line(ax, h, "h", (0.9, 2.4), (2.2, 2.4))
    _line(ax, a, "h", (6.9, 2.4), (8.35, 2.4))
    _line(ax, h_t, "h", (9.35, 2.4), (11.05, 2.4))
    _line(ax, 0, "x", (4.55, 1.45), (4.55, 2.18))
    _sums(ax, 2.2, 6.9, r"$W_{ih}\,x_t + b_{ih} + W_{hh}\,h_{t-1} + b_{hh}$", y=2.4)
    ax.text(4.55, 1.25, "$x_t$", ha="center", va="center", fontsize=12)
    ax.text(4.55, 2.85, "with the whole $h_{t-1}$, all units", ha="center", va="center", style="italic")
    ax.text(7.55, 2.75, f"a = {a:z.2f}", ha="center", va="center")
    _state(ax, 0.8, 2.4, "h", "$h_{t-1}$", h)
    _state(ax, 11.6, 2.4, "h", "$h_t$", h_t)
    _note(ax, 10.95, 1.5, "out, and to\nthe next step")
    if nonlinearity == "tanh":
        _gauge(ax, 9.0, "h", h_t, f"tanh({a:z.2f})", low=-1)
    else:
        _gauge(ax, 9.0, "h", h_t, f"max(0, {a:z.2f})", high=max(1.0, h_t))
    ax.set(xlim=(0, 12.5), ylim=(0.6, 3.5), aspect="equal")
    ax.set_axis_off()
    set_alt(
        ax, f"One RNN unit in one step: a = {a:z.2f}; h goes from {h:z.2f} to {nonlinearity}(a) = {h_t:z.2f}."
    )
    return ax


def _sigmoid(a: float) -> float:
    return torch.sigmoid(torch.tensor(float(a))).item()


def _line(ax: Axes, value: float, name: str, *points: Point) -> None:
    """Draw the arrow through the points that carries `value`, in the colour of `name`."""
    style = {
        "color": LINE_COLORS[name],
        "linewidth": 1 + 2.5 * min(abs(value), 2),
        "shrinkA": 0,
        "shrinkB": 0,
    }
    for start, end in pairwise(points):
        last = end == points[-1]
        ends = {
            "arrowstyle": "-|>" if last else "-",
            "mutation_scale": 16,
            "capstyle": "butt" if last else "round",
        }
        ax.annotate("", end, start, arrowprops=style | ends)


def _node(ax: Axes, x: float, y: float, sign: str) -> None:
    """Draw an operation on two numbers: a circle."""
    ax.add_patch(Circle((x, y), 0.26, facecolor="white", edgecolor="#333333", linewidth=1.5, zorder=3))
    ax.text(x, y, sign, ha="center", va="center_baseline", fontsize=14, zorder=4)


def _function(ax: Axes, x: float, y: float, words: str) -> None:
    """Draw a function of one number: a box."""
    box = {"facecolor": "white", "edgecolor": "#333333"}
    ax.text(x, y, words, ha="center", va="center", bbox=box, zorder=3)


def _state(ax: Axes, x: float, y: float, name: str, label: str, value: float) -> None:
    """Draw a state with its number, in a round box of its colour."""
    style = {
        "boxstyle": "round,pad=0.4",
        "facecolor": "white",
        "edgecolor": COLORS[name],
        "linewidth": 2.5,
    }
    ax.text(x, y, f"{label}\n{value:z.2f}", ha="center", va="center", fontsize=12, bbox=style, zorder=3)


def _note(ax: Axes, x: float, y: float, words: str) -> None:
    """Write where a line that leaves the picture leads."""
    ax.text(x, y, words, va="center", fontsize=9, color="#555555")


def _gauge(
    ax: Axes, x: float, name: str, value: float, formula: str, low: float = 0, high: float = 1
) -> None:
    """Draw a gauge from y = 1.6 to 3.2, filled from 0 to `value`, with number and formula below it."""
    unit = 1.6 / (high - low)
    zero = 1.6 - low * unit
    frame: Style = {"facecolor": "#F2F2F2", "edgecolor": "#555555"}
    ax.add_patch(Rectangle((x - 0.35, 1.6), 0.7, 1.6, **frame))
    ax.add_patch(Rectangle((x - 0.35, zero), 0.7, unit * value, color=COLORS[name], linewidth=0, gid=name))
    ax.plot([x - 0.35, x + 0.35], [zero, zero], color="#333333", linewidth=1)
    for tick in sorted({low, 0, high}):
        height = zero + unit * tick
        ax.text(x - 0.42, height, f"{tick:.3g}", ha="right", va="center", fontsize=8, color="#555555")
    ax.text(x, 1.25, f"{name} = {value:z.2f}", ha="center", va="center", fontsize=12, weight="bold")
    ax.text(x, 0.85, formula, ha="center", va="center", fontsize=10)


def _sums(ax: Axes, left: float, right: float, words: str, y: float = 0.12) -> None:
    """Draw the matmuls that give every gate's pre-activation: a grey bar."""
    ax.add_patch(
        Rectangle((left, y - 0.22), right - left, 0.44, facecolor="#E6E6E6", edgecolor="#555555", zorder=2)
    )
    ax.text((left + right) / 2, y, words, ha="center", va="center", fontsize=10, zorder=3)

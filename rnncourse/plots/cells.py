"""One cell: the paths of its state, and an LSTM's step as a diagram with its numbers."""

import math
from itertools import pairwise

import matplotlib.pyplot as plt
import torch
from matplotlib.patches import Circle, Rectangle

from rnncourse.plots.style import COLOURS


def state_paths(states, ax=None):
    """Draw how a state of two units moves: one path for each start, dark dots early, bright dots late.

    states: (S + 1, B, 2), the states of B runs from start (open circle) to step S. The dashed square is the
    range of tanh. Returns the Axes.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(3.5, 3.5))
    time = torch.arange(len(states))
    for path in states.detach().unbind(1):  # (S + 1, 2) each
        ax.plot(*path.T, color="#BBBBBB", linewidth=0.8, zorder=1)
        ax.scatter(*path.T, c=time, cmap="viridis", s=14, zorder=2)
        ax.plot(*path[0], "o", markersize=9, markerfacecolor="none", markeredgecolor="black")
    ax.plot([-1, 1, 1, -1, -1], [-1, -1, 1, 1, -1], "--", color=COLOURS["x"], linewidth=0.8, zorder=0)
    limit = 1.1 * max(1.0, states.abs().max().item())
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xlabel="h[0]", ylabel="h[1]")
    return ax


def lstm_cell(a_i, a_f, a_g, a_o, c, ax=None):
    """Draw one unit of an LSTM in one step, each number at its place: the Axes.

    a_i, a_f, a_g, a_o are the four pre-activations and c the memory before the step, five floats. A gauge is
    filled from 0 to its gate's value: i, f, o between 0 and 1, g between -1 and 1. The further a number is
    from 0, the thicker the line that carries it (beyond 2 no thicker).
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(9.6, 5.2), layout="constrained")
    i, f, o = (torch.sigmoid(torch.tensor(float(a))).item() for a in (a_i, a_f, a_o))
    g = math.tanh(a_g)
    c_t = f * c + i * g
    shown = math.tanh(c_t)
    h_t = o * shown

    def line(value, name, *points, arrow="-|>"):
        style = {
            "color": COLOURS[name],
            "linewidth": 1 + 2.5 * min(abs(value), 2),
            "shrinkA": 0,
            "shrinkB": 0,
        }
        for start, end in pairwise(points):
            last = end == points[-1]
            ends = {
                "arrowstyle": arrow if last else "-",
                "mutation_scale": 16,
                "capstyle": "butt" if last else "round",
            }
            ax.annotate("", end, start, arrowprops=style | ends)

    def node(x, y, sign):
        ax.add_patch(Circle((x, y), 0.26, facecolor="white", edgecolor="#333333", linewidth=1.5, zorder=3))
        ax.text(x, y, sign, ha="center", va="center_baseline", fontsize=14, zorder=4)

    def state(x, y, name, label, value):
        style = {
            "boxstyle": "round,pad=0.4",
            "facecolor": "white",
            "edgecolor": COLOURS[name],
            "linewidth": 2.5,
        }
        ax.text(x, y, f"{label}\n{value:z.2f}", ha="center", va="center", fontsize=12, bbox=style, zorder=3)

    def gauge(x, name, value, formula):
        low = -1 if name == "g" else 0
        unit = 1.6 / (1 - low)  # the gauge is 1.6 high
        zero = 1.6 - low * unit
        frame = {"facecolor": "#F2F2F2", "edgecolor": "#555555"}
        ax.add_patch(Rectangle((x - 0.35, 1.6), 0.7, 1.6, **frame))
        ax.add_patch(
            Rectangle((x - 0.35, zero), 0.7, unit * value, color=COLOURS[name], linewidth=0, gid=name)
        )
        ax.plot([x - 0.35, x + 0.35], [zero, zero], color="#333333", linewidth=1)
        for tick in range(low, 2):
            ax.text(x - 0.42, zero + unit * tick, tick, ha="right", va="center", fontsize=8, color="#555555")
        ax.text(x, 1.25, f"{name} = {value:z.2f}", ha="center", va="center", fontsize=12, weight="bold")
        ax.text(x, 0.85, formula, ha="center", va="center", fontsize=10)
        line(0, "x", (x, 0.34), (x, 0.66))

    line(c, "c", (0.9, 5.3), (2.74, 5.3))
    line(f, "f", (3, 3.2), (3, 5.04))
    line(f * c, "c", (3.26, 5.3), (5.34, 5.3))
    line(i, "i", (4.7, 3.2), (5.44, 4.04))
    line(g, "g", (6.5, 3.2), (5.76, 4.04))
    line(i * g, "g", (5.6, 4.51), (5.6, 5.04))
    line(c_t, "c", (5.86, 5.3), (11.4, 5.3))
    line(c_t, "c", (9.9, 5.3), (9.9, 4.3))
    line(shown, "c", (9.9, 3.8), (9.9, 2.66))
    line(o, "o", (8.55, 2.4), (9.64, 2.4))
    line(h_t, "h", (10.16, 2.4), (11.05, 2.4))
    for x, y, sign in ((3, 5.3, "×"), (5.6, 4.25, "×"), (5.6, 5.3, "+"), (9.9, 2.4, "×")):
        node(x, y, sign)
    ax.text(9.9, 4.05, "tanh", ha="center", va="center", bbox={"facecolor": "white", "edgecolor": "#333333"})
    ax.text(4.3, 5.6, f"f * c = {f * c:z.2f}", ha="center", va="center")
    ax.text(5.85, 4.72, f"i * g = {i * g:z.2f}", va="center")
    ax.text(10.1, 3.2, f"{shown:z.2f}", va="center")
    for x, y, role in ((3.15, 3.6, "keep"), (4.25, 3.6, "write"), (6.55, 3.6, "what"), (8.8, 2.65, "show")):
        ax.text(x, y, role, va="center", style="italic")
    state(0.8, 5.3, "c", "$c_{t-1}$", c)
    state(8.1, 5.3, "c", "$c_t$", c_t)
    state(11.6, 2.4, "h", "$h_t$", h_t)
    for x, y, to in ((11.5, 5.3, "to the\nnext step"), (10.95, 1.5, "out, and to\nthe next step")):
        ax.text(x, y, to, va="center", fontsize=9, color="#555555")
    gauge(3, "f", f, f"σ({a_f:z.2f})")
    gauge(4.7, "i", i, f"σ({a_i:z.2f})")
    gauge(6.5, "g", g, f"tanh({a_g:z.2f})")
    gauge(8.2, "o", o, f"σ({a_o:z.2f})")
    ax.add_patch(Rectangle((2.4, -0.1), 6.4, 0.44, facecolor="#E6E6E6", edgecolor="#555555"))
    sum_ = r"$W_{ih}\,x_t + b_{ih} + W_{hh}\,h_{t-1} + b_{hh}$"
    ax.text(5.6, 0.12, f"{sum_} gives all four", ha="center", va="center", fontsize=10)
    ax.set(xlim=(0, 12.5), ylim=(-0.2, 6.0), aspect="equal")
    ax.set_axis_off()
    return ax

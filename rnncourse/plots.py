"""The course's figures: one colour for each gate and state everywhere, one function a figure.

The colours are those of Okabe & Ito 2008, "Color universal design", which readers with any of the usual
colour blindnesses can tell apart. Figures have a white ground of their own: they read in a dark theme too.
"""

import math
from itertools import pairwise

import matplotlib.pyplot as plt
import torch
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle

# Gates that do the same work share a colour: z keeps the old state as f does, n is the new content as g is.
COLOURS = {
    "i": "#0072B2",
    "f": "#D55E00",
    "g": "#009E73",
    "o": "#E69F00",
    "c": "#000000",
    "h": "#CC79A7",
    "r": "#56B4E9",
    "z": "#D55E00",
    "n": "#009E73",
    "x": "#7F7F7F",
}

# matplotlib's rcParams for every notebook: figures at most 1000 pixels wide.
STYLE = {
    "figure.figsize": (7.0, 3.0),
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": "medium",
    "axes.titlelocation": "left",
    "lines.linewidth": 2,
    "legend.frameon": False,
    "image.cmap": "RdBu_r",
    "image.interpolation": "nearest",
}


# The lessons: number: (title, column of the map, numbers of the lessons that it stands on).
LESSONS = {
    1: ("sequences and state", 1, ()),
    2: ("the RNN cell", 1, (1,)),
    3: ("shapes", 0, (2,)),
    4: ("backward through time", 2, (2,)),
    5: ("vanishing, exploding", 2, (4,)),
    6: ("LSTM gates", 1, (2, 5)),
    7: ("h and c", 1, (6,)),
    8: ("GRU", 3, (6,)),
    9: ("looping a cell", 0, (3, 6)),
    10: ("output, h_n, c_n", 1, (9,)),
    11: ("stacking, dropout", 0, (10,)),
    12: ("bidirectional", 1, (10,)),
    13: ("padding, packing", 1, (12,)),
    14: ("stateful training", 2, (5, 10)),
    15: ("parameters, init", 0, (11,)),
    16: ("the whole layer", 0, (13, 15)),
    17: ("tagging", 1, (13,)),
    18: ("images as sequences", 3, (8, 10)),
    19: ("language model", 2, (14,)),
    20: ("forecasting", 3, (14,)),
    21: ("encoder and decoder", 2, (13, 19)),
    22: ("fix the internet", 1, (16,)),
    23: ("where next", 0, (16,)),
}


def lesson_map(written, ax=None):
    """Draw what stands on what: a box for each lesson, a line down to each that builds on it.

    written: the numbers of the lessons that are there to be read; their boxes are filled.
    A lesson lies one row below the lowest that it needs. Returns the Axes.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(9.6, 6.6))
    places = {}
    for number, (_, column, needs) in LESSONS.items():
        places[number] = (column, -1 + min((places[other][1] for other in needs), default=1))
    for number, (title, _, needs) in LESSONS.items():
        x, y = places[number]
        for other in needs:
            ax.plot([places[other][0], x], [places[other][1], y], color="#999999", linewidth=1.5, zorder=1)
        colour = COLOURS["r"] if number in written else "white"
        box = {"boxstyle": "round,pad=0.35", "facecolor": colour, "edgecolor": "#555555"}
        ax.text(x, y, f"{number:02d}  {title}", ha="center", va="center", bbox=box, zorder=2)
    ax.set(xlim=(-0.5, 3.5), ylim=(min(y for _, y in places.values()) - 0.5, 0.5))
    ax.axis("off")
    return ax


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


def unrolled_loop(T, B, I, H, num_layers=2, ax=None):
    """The time loop over stacked LSTM cells, step by step, the shape of each tensor on its arrow: the Axes.

    The T steps run to the right, the layers upward. A cell reads x[t], (B, I), or the h below it, (B, H), and
    its own (h, c) from the step before; only h goes up. T from 2 to 4 keeps the shapes readable.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(9.5, 1.6 + 1.5 * num_layers), layout="constrained")
    across, up, width, height = 3.1, 2.0, 1.3, 0.9  # from cell to cell; the size of one
    words = {"va": "center", "color": "#333333"}
    code = words | {"family": "monospace"}

    def box(x, y, width, height, **style):
        style = {"edgecolor": "#555555", "facecolor": "#F2F2F2"} | style
        ax.add_patch(FancyBboxPatch((x, y), width, height, "round,pad=0,rounding_size=0.1", **style))

    def arrow(start, end, name, label, shift, **text):
        line = {"arrowstyle": "-|>", "color": COLOURS[name], "linewidth": 1.8}
        ax.annotate("", end, start, arrowprops=line)
        middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        ax.annotate(label, middle, shift, textcoords="offset points", **(words | text))

    for t in range(T):
        x = t * across
        ax.text(x, -1.5, f"x[{t}]", ha="center", **code)
        arrow((x, -1.3), (x, -height / 2), "x", f"({B}, {I})", (5, 0))
        for layer in range(num_layers):
            y = layer * up
            box(x - width / 2, y - height / 2, width, height)
            ax.text(x, y, f"cells[{layer}]", ha="center", fontsize=9, **code)
            arrow((x, y + height / 2), (x, y + up - height / 2), "h", f"h ({B}, {H})", (5, 0))
            for k in [0, 1] if t == 0 else [1]:  # into the first cell, and out of each
                left = x + (k - 1) * across + width / 2
                for name, side, va in (("h", 1, "bottom"), ("c", -1, "top")):
                    ends = [(end, y + 0.22 * side) for end in (left, left + across - width)]
                    arrow(*ends, name, f"{name} ({B}, {H})", (0, 4 * side), ha="center", va=va)
    for layer in range(num_layers):
        ax.text(-across + width / 2 - 0.1, layer * up, "zeros", ha="right", **code)
        ax.text(T * across - width / 2 + 0.1, layer * up, f"h_n[{layer}]\nc_n[{layer}]", **code)
    right, top = (T - 1) * across, num_layers * up - height / 2
    box(-width / 2, top, right + width, 0.7, facecolor="none", edgecolor=COLOURS["h"], linestyle="--")
    ax.text(right / 2, top + 0.35, f"torch.stack(outputs)  ({T}, {B}, {H})", ha="center", **code)
    ax.set(xlim=(-across + 0.1, right + across + 0.3), ylim=(-1.7, top + 0.8))
    ax.set_axis_off()
    return ax


def loop_step(x, h, c, t):
    """The loop over an LSTMCell, stopped after step t of one sequence: what each line made, as a Figure.

    x (T, I) holds the inputs; h and c, (T + 1, H) each, the states, row 0 before the first step.
    """
    x, h, c = (values.detach().numpy() for values in (x, h, c))
    limit = max(abs(h).max(), abs(c).max())  # inputs beyond it take the last colour
    T, H = len(x), h.shape[1]
    loop = "h = c = torch.zeros(H)", "for x_t in x:", "    h, c = cell(x_t, (h, c))", "    outputs.append(h)"
    before = "line 1: the zeros" if t == 0 else f"line 3, at t = {t - 1}"
    rows = [  # height on the page, name, numbers, which line made them
        (0, "x_t", x[t], f"line 2: x[{t}]"),
        (1.5, "h before", h[t], before),
        (2.5, "c before", c[t], before),
        (4, "h after", h[t + 1], "line 3, now"),
        (5, "c after", c[t + 1], "line 3, now"),
        *((6.5 + s, f"outputs[{s}]", h[s + 1], "line 4, now" * (s == t)) for s in range(t + 1)),
    ]
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(9.5, 0.9 + 0.3 * (6 + T)), width_ratios=(3, 6), layout="constrained"
    )
    for number, line in enumerate(loop, start=1):
        left.text(0, 1.45 * number - 0.5, f"{number}  {line}", family="monospace", va="center", fontsize=9.5)
    for y, name, values, made_by in rows:
        box = (0, len(values), y + 0.92, y)
        right.imshow(values[None], extent=box, vmin=-limit, vmax=limit, aspect="auto", gid=name)
        for k, value in enumerate(values.tolist()):
            ink = "white" if abs(value) > 0.6 * limit else "black"
            right.text(k + 0.5, y + 0.46, f"{value:.2f}", ha="center", va="center", color=ink, fontsize=9)
        right.text(-0.15, y + 0.46, name, ha="right", va="center", family="monospace", fontsize=9.5)
        right.text(H + 0.15, y + 0.46, made_by, va="center", fontsize=9.5)
    for s in range(t + 1, T):  # still to come
        right.add_patch(Rectangle((0, 6.5 + s), H, 0.92, facecolor="none", edgecolor="#DDDDDD", linewidth=1))
    for axes, width in ((left, (0, 1)), (right, (-0.35 * H, 1.5 * H))):
        axes.set(xlim=width, ylim=(6.5 + T, -0.2))
        axes.set_axis_off()
    left.set_title(f"t = {t}")
    return figure


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

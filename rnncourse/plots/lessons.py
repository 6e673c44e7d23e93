"""The map of the lessons, three arrangements of inputs and answers, and the graph of two steps."""

import math
from collections.abc import Collection

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from rnncourse.plots.drawing import CODE, GREY, INK, Style, arrow, box, canvas, set_alt
from rnncourse.plots.style import COLOURS

# The lessons: number: (title, column of the map, numbers of the lessons that it stands on).
LESSONS: dict[int, tuple[str, int, tuple[int, ...]]] = {
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


def lesson_map(written: Collection[int], ax: Axes | None = None) -> Axes:
    """Draw what stands on what: a box for each lesson, a line down to each that builds on it.

    written: the numbers of the lessons that are there to be read; their boxes are filled.
    A lesson lies one row below the lowest that it needs. Returns the Axes.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(9.6, 6.6))
    places: dict[int, tuple[int, int]] = {}
    for number, (_, column, needs) in LESSONS.items():
        places[number] = (column, -1 + min((places[other][1] for other in needs), default=1))
    for number, (title, _, needs) in LESSONS.items():
        x, y = places[number]
        for other in needs:
            ax.plot([places[other][0], x], [places[other][1], y], color="#999999", linewidth=1.5, zorder=1)
        colour = COLOURS["r"] if number in written else "white"
        frame = {"boxstyle": "round,pad=0.35", "facecolor": colour, "edgecolor": "#555555"}
        ax.text(x, y, f"{number:02d}  {title}", ha="center", va="center", bbox=frame, zorder=2)
    ax.set(xlim=(-0.5, 3.5), ylim=(min(y for _, y in places.values()) - 0.5, 0.5))
    ax.axis("off")
    numbers = sorted(LESSONS.keys() & set(written))
    there = ", ".join(f"{number:02d} {LESSONS[number][0]}" for number in numbers) or "none"
    set_alt(ax, f"Map of the {len(LESSONS)} lessons, each below those that it needs; written are: {there}.")
    return ax


# The three arrangements: name: (steps with an input, steps with an answer, an example).
_ARRANGEMENTS = {
    "many to one": ((1, 2, 3), (3,), "a review → a grade"),
    "one to many": ((1,), (1, 2, 3), "a picture → its caption"),
    "many to many": ((1, 2, 3), (1, 2, 3), "words → a tag for each"),
}


def arrangements() -> Axes:
    """Draw which steps of a recurrent net get an input and which give an answer, in three arrangements."""
    title = "The same cell, read at different steps: y = W_hy h + b_y"
    ax = canvas(None, (0, 9.4), (-0.15, 2.75), title, "")
    said = []
    for k, (name, (inputs, answers, example)) in enumerate(_ARRANGEMENTS.items()):
        left = 0.75 + 3.15 * k
        ax.text(left - 0.4, 2.55, name, color=INK, fontsize=11)
        ax.text(left - 0.4, 2.3, example, color=GREY, fontsize=9)
        for step in (1, 2, 3):
            x = left + 0.85 * (step - 1)
            box(ax, x, 1.05, 0.5, 0.4)
            ax.text(x, 1.05, "cell", **CODE, fontsize=8.5)
            if step < 3:
                arrow(ax, (x + 0.25, 1.05), (x + 0.6, 1.05), COLOURS["h"])
            if step in inputs:
                arrow(ax, (x, 0.35), (x, 0.85), COLOURS["x"])
                ax.text(x, 0.2, f"x_{step}", **CODE, fontsize=9)
            if step in answers:
                arrow(ax, (x, 1.25), (x, 1.75), COLOURS["i"])
                ax.text(x, 1.9, f"y_{step}", **CODE, fontsize=9)
        said.append(f"{name} ({example}): inputs at steps {inputs}, answers at steps {answers}")
    set_alt(ax, f"{title}. {'; '.join(said)}.")
    return ax


_GRADIENT = "#A84800"  # that of f, darker: small letters on white


def two_steps(
    x: tuple[float, float], y: tuple[float, float], h_0: float, w: float, u: float, gradients: bool = False
) -> Axes:
    """Draw two steps of an RNN of one unit as a graph, with the number of each symbol.

    h_t = tanh(w x_t + u h_(t-1)), with losses (h_t - y_t)² / 2. An arrow means "is read by". With gradients,
    the derivative of the sum of both losses with respect to each symbol stands below its box.
    """
    h, a = [h_0], []
    for x_t in x:
        a.append(w * x_t + u * h[-1])
        h.append(math.tanh(a[-1]))
    da_2 = (h[2] - y[1]) * (1 - h[2] ** 2)
    dh_1 = (h[1] - y[0]) + u * da_2
    da_1 = dh_1 * (1 - h[1] ** 2)
    nodes = {  # name: (value, gradient, place)
        "h_0": (h[0], u * da_1, (0.6, 1.6)),
        "a_1": (a[0], da_1, (2.5, 1.6)),
        "h_1": (h[1], dh_1, (4.4, 1.6)),
        "a_2": (a[1], da_2, (6.3, 1.6)),
        "h_2": (h[2], h[2] - y[1], (8.2, 1.6)),
        "x_1": (x[0], w * da_1, (2.5, 0.2)),
        "x_2": (x[1], w * da_2, (6.3, 0.2)),
        "L_1": ((h[1] - y[0]) ** 2 / 2, 1.0, (4.4, 3.0)),
        "L_2": ((h[2] - y[1]) ** 2 / 2, 1.0, (8.2, 3.0)),
    }
    title = "Two steps, each symbol with its number" + (" and, below it, its gradient" if gradients else "")
    ax = canvas(None, (0, 8.9), (-0.4, 3.35), title, "")
    for start, end, words in (
        ("h_0", "a_1", f"u = {u:g}"),
        ("a_1", "h_1", "tanh"),
        ("h_1", "a_2", f"u = {u:g}"),
        ("a_2", "h_2", "tanh"),
        ("x_1", "a_1", f"w = {w:g}"),
        ("x_2", "a_2", f"w = {w:g}"),
        ("h_1", "L_1", f"target {y[0]:g}"),
        ("h_2", "L_2", f"target {y[1]:g}"),
    ):
        (x_0, y_0), (x_1, y_1) = nodes[start][2], nodes[end][2]
        if y_0 == y_1:
            arrow(ax, (x_0 + 0.45, y_0), (x_1 - 0.45, y_1))
            ax.text((x_0 + x_1) / 2, y_0 + 0.12, words, ha="center", fontsize=9, color=GREY)
        else:
            arrow(ax, (x_0, y_0 + 0.25), (x_1, y_1 - (0.55 if end[0] == "a" and gradients else 0.25)))
            ax.text(x_0 + 0.1, y_0 + 0.45, words, fontsize=9, color=GREY)
    said = []
    for name, (value, gradient, (left, high)) in nodes.items():
        box(ax, left, high, 0.9, 0.5)
        ax.text(left, high, f"{name}\n{value:.2f}", **CODE, fontsize=9)
        said.append(f"{name} {value:.2f}")
        if gradients:
            below: Style = CODE | {"color": _GRADIENT, "fontsize": 9}
            beside = (left - 0.95, high) if name[0] == "L" else (left, high - 0.4)  # an arrow ends below L
            ax.text(*beside, f"d{name} {gradient:.2f}", **below)
            said[-1] += f", gradient {gradient:.2f}"
    set_alt(ax, f"{title}. {'; '.join(said)}.")
    return ax

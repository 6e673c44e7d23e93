"""Draw the map of the lessons, and three arrangements of inputs and answers."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from rnncourse.plots.drawing import CODE, GREY, INK, arrow, box, canvas, set_alt
from rnncourse.plots.style import COLORS

# The lessons: number: (title, column of the map, numbers of the lessons that it builds on).
LESSONS: dict[int, tuple[str, float, tuple[int, ...]]] = {
    1: ("sequences and state", 1, ()),
    2: ("the RNN cell", 1, (1,)),
    3: ("shapes", 0, (2,)),
    4: ("backward through time", 2, (2,)),
    5: ("vanishing, exploding", 2, (4,)),
    6: ("LSTM gates", 1, (2, 5)),
    7: ("h and c", 1, (6,)),
    8: ("GRU", 3.55, (6,)),
    9: ("looping a cell", 0, (3, 6)),
    10: ("output, h_n, c_n", 1, (9,)),
    11: ("stacking, dropout", 0, (10,)),
    12: ("bidirectional", 1, (10,)),
    13: ("padding, packing", 1, (12,)),
    14: ("stateful training", 2, (5, 10)),
    15: ("parameters, init", 0, (11, 12)),
    16: ("the whole layer", 0, (13, 15)),
    17: ("tagging", 1, (13,)),
    18: ("images by rows", 3.7, (8, 10)),
    19: ("language model", 2, (8, 14)),
    20: ("forecasting", 3.0, (8, 14)),
    21: ("encoder and decoder", 2.1, (17, 19)),
    22: ("fix the internet", 1, (16,)),
    23: ("where next", 0, (16,)),
}


# The parts of the course: name: (its lessons, the tint of their boxes).
PARTS = {
    "the RNN, its gradients": (range(1, 6), "#D6E6F5"),
    "LSTM and GRU": (range(6, 9), "#FBE3C8"),
    "torch's layers": (range(9, 17), "#D5EDE0"),
    "real sequences": (range(17, 22), "#F3DDEB"),
    "errors, and what is new": (range(22, 24), "#EEEEEE"),
}


def lesson_map() -> Axes:
    """Draw which lesson builds on which, a box for each and lines between them. Return the Axes.

    A lesson is one row below the lowest one that it needs, and has the tint of its part of the course.
    """
    _, ax = plt.subplots(figsize=(9.8, 6.6))
    places: dict[int, tuple[float, int]] = {}
    for number, (_, column, needs) in LESSONS.items():
        places[number] = (column, -1 + min((places[other][1] for other in needs), default=1))
    for number, (title, _, needs) in LESSONS.items():
        x, y = places[number]
        for other in needs:
            ax.plot([places[other][0], x], [places[other][1], y], color="#888888", linewidth=1.5, zorder=1)
        [tint] = [tint for lessons, tint in PARTS.values() if number in lessons]
        frame = {"boxstyle": "round,pad=0.35", "facecolor": tint, "edgecolor": "#555555"}
        ax.text(x, y, f"{number:02d}  {title}", ha="center", va="center", bbox=frame, zorder=2)
    ax.set(xlim=(-0.45, 4.35), ylim=(min(y for _, y in places.values()) - 0.5, 0.5))
    ax.axis("off")
    said = []
    for name, (lessons, tint) in PARTS.items():
        label = f"{lessons[0]:02d}–{lessons[-1]:02d} {name}"
        ax.scatter([], [], s=90, marker="s", color=tint, edgecolor="#555555", label=label)
        said.append(f"{label}: {', '.join(f'{n:02d} {LESSONS[n][0]}' for n in lessons)}")
    ax.legend(loc="upper right")
    set_alt(ax, f"Map of the {len(LESSONS)} lessons, each below those that it needs. {'; '.join(said)}.")
    return ax


# The three arrangements: name: (steps with an input, steps with an answer, an example).
_ARRANGEMENTS = {
    "many to one": ((1, 2, 3), (3,), "a review → a grade"),
    "one to many": ((1,), (1, 2, 3), "a picture → its caption"),
    "many to many": ((1, 2, 3), (1, 2, 3), "words → a tag for each"),
}


def arrangements() -> Axes:
    """Draw which steps of a recurrent net get an input and which give an answer, in three arrangements."""
    title = "The same cell, read at different steps: $y_t = W_{hy} h_t + b_y$"
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
                arrow(ax, (x + 0.25, 1.05), (x + 0.6, 1.05), COLORS["h"])
            if step in inputs:
                arrow(ax, (x, 0.35), (x, 0.85), COLORS["x"])
                ax.text(x, 0.2, f"$x_{step}$", **CODE, fontsize=10.5)
            if step in answers:
                arrow(ax, (x, 1.25), (x, 1.75), COLORS["i"])
                ax.text(x, 1.9, f"$y_{step}$", **CODE, fontsize=10.5)
        said.append(f"{name} ({example}): inputs at steps {inputs}, answers at steps {answers}")
    set_alt(ax, f"The same cell, read at different steps. {'; '.join(said)}.")
    return ax

"""The map of the lessons."""

from collections.abc import Collection

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from rnncourse.plots.drawing import set_alt
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
        box = {"boxstyle": "round,pad=0.35", "facecolor": colour, "edgecolor": "#555555"}
        ax.text(x, y, f"{number:02d}  {title}", ha="center", va="center", bbox=box, zorder=2)
    ax.set(xlim=(-0.5, 3.5), ylim=(min(y for _, y in places.values()) - 0.5, 0.5))
    ax.axis("off")
    numbers = sorted(LESSONS.keys() & set(written))
    there = ", ".join(f"{number:02d} {LESSONS[number][0]}" for number in numbers) or "none"
    set_alt(ax, f"Map of the {len(LESSONS)} lessons, each below those that it needs; written are: {there}.")
    return ax

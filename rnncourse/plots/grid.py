"""The cells of a recurrent layer over depth, direction and time, laid out as a grid.

Time goes to the right, layers go upward; in a layer the forward direction lies below the backward.
"""

from dataclasses import dataclass

from matplotlib.axes import Axes

from rnncourse.plots.drawing import GREY, INK, Style, arrow, box
from rnncourse.plots.sizes import DIRECTIONS

Cell = tuple[int, int, int]  # layer, direction (0 forward, 1 backward), time step


@dataclass(frozen=True)
class Grid:
    """Where the cells stand, in inches: the first layer's forward cell at t = 0 has its centre at (0, 0)."""

    L: int
    D: int
    T: int
    across: float  # from a time step to the next
    wide: float  # a cell
    high: float = 0.6
    between: float = 0.1  # two directions
    above: float = 0.35  # a layer

    def y(self, layer: int, d: int) -> float:
        return layer * (self.D * (self.high + self.between) + self.above) + d * (self.high + self.between)

    def at(self, cell: Cell) -> tuple[float, float]:
        """The centre of a cell."""
        layer, d, t = cell
        return t * self.across, self.y(layer, d)

    def bottom(self, layer: int) -> float:
        return self.y(layer, 0) - self.high / 2

    def top(self, layer: int) -> float:
        return self.y(layer, self.D - 1) + self.high / 2

    def cells(self) -> list[Cell]:
        return [(k, d, t) for k in range(self.L) for d in range(self.D) for t in range(self.T)]

    def frame(self, ax: Axes, layer: int, t: int) -> None:
        """Around both directions' cells, what goes up from here: their h side by side."""
        if self.D == 2:
            middle, high = (self.bottom(layer) + self.top(layer)) / 2, self.top(layer) - self.bottom(layer)
            style: Style = {"facecolor": "none", "edgecolor": GREY, "linewidth": 0.8, "linestyle": ":"}
            box(ax, t * self.across, middle, self.wide + 0.12, high + 0.12, **style)

    def time_arrow(self, ax: Axes, cell: Cell, colour: str = GREY, width: float = 1.2) -> None:
        """The arrow from the cell that this one follows in its direction of time."""
        x, y = self.at(cell)
        side = -1 if cell[1] == 0 else 1
        near, far = x + side * self.wide / 2, x + side * (self.across - self.wide / 2)
        arrow(ax, (far, y), (near, y), colour, width)

    def label_rows(self, ax: Axes, x: float) -> None:
        for layer in range(self.L):
            for d in range(self.D):
                direction = f"\n{('forward →', '← backward')[d]}" if self.D == 2 else ""
                words: Style = {"ha": "right", "va": "center", "fontsize": 8.5, "color": INK}
                ax.text(x, self.y(layer, d), f"layer {layer}{direction}", **words)


def cell_name(cell: Cell) -> str:
    """By which a cell's patch and text are found: their gid."""
    return f"layer {cell[0]} {DIRECTIONS[cell[1]]} t={cell[2]}"

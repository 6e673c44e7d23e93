"""Lay the cells of a recurrent layer out as a grid of depth, direction and time.

Time goes to the right, layers go upward; in a layer the forward direction is below the backward one.
"""

from dataclasses import dataclass

from matplotlib.axes import Axes

from rnncourse.plots.drawing import GREY, INK, Style, arrow, box
from rnncourse.plots.sizes import DIRECTIONS

Cell = tuple[int, int, int]  # layer, direction (0 forward, 1 backward), time step


@dataclass(frozen=True)
class Grid:
    """The positions of the cells, in inches; the first layer's forward cell at t = 0 is centred at (0, 0)."""

    L: int
    D: int
    T: int
    across: float  # the distance between two time steps
    wide: float  # the size of a cell
    high: float = 0.6
    between: float = 0.1  # the space between two directions
    above: float = 0.35  # the space above a layer

    def y(self, layer: int, d: int) -> float:
        """Return the height of the centres of a layer's cells in one direction."""
        return layer * (self.D * (self.high + self.between) + self.above) + d * (self.high + self.between)

    def at(self, cell: Cell) -> tuple[float, float]:
        """Return the centre of a cell."""
        layer, d, t = cell
        return t * self.across, self.y(layer, d)

    def bottom(self, layer: int) -> float:
        """Return the lower edge of a layer."""
        return self.y(layer, 0) - self.high / 2

    def top(self, layer: int) -> float:
        """Return the upper edge of a layer."""
        return self.y(layer, self.D - 1) + self.high / 2

    def cells(self) -> list[Cell]:
        """Return all cells: layer by layer, direction by direction, step by step."""
        return [(k, d, t) for k in range(self.L) for d in range(self.D) for t in range(self.T)]

    def frame(self, ax: Axes, layer: int, t: int) -> None:
        """Draw a frame around both directions' cells: their h go up from here side by side."""
        if self.D == 2:
            middle, high = (self.bottom(layer) + self.top(layer)) / 2, self.top(layer) - self.bottom(layer)
            style: Style = {"facecolor": "none", "edgecolor": GREY, "linewidth": 0.8, "linestyle": ":"}
            box(ax, t * self.across, middle, self.wide + 0.12, high + 0.12, **style)

    def time_arrow(self, ax: Axes, cell: Cell, color: str = GREY, width: float = 1.2) -> None:
        """Draw the arrow to this cell from the one before it in its direction of time."""
        x, y = self.at(cell)
        side = -1 if cell[1] == 0 else 1
        near, far = x + side * self.wide / 2, x + side * (self.across - self.wide / 2)
        arrow(ax, (far, y), (near, y), color, width)

    def label_rows(self, ax: Axes, x: float) -> None:
        """Write the layer, and with two directions the direction, left of each row, up to x."""
        for layer in range(self.L):
            for d in range(self.D):
                direction = f"\n{('forward →', '← backward')[d]}" if self.D == 2 else ""
                words: Style = {"ha": "right", "va": "center", "fontsize": 8.5, "color": INK}
                ax.text(x, self.y(layer, d), f"layer {layer}{direction}", **words)


def cell_name(cell: Cell) -> str:
    """Return the gid by which a cell's patch and text are found."""
    return f"layer {cell[0]} {DIRECTIONS[cell[1]]} t={cell[2]}"

"""Draw what a value inside a recurrent layer depends on, over layers and time."""

from matplotlib.axes import Axes

from rnncourse.plots.drawing import CODE, GREY, INK, arrow, box, canvas, ink
from rnncourse.plots.grid import Cell, Grid, cell_name
from rnncourse.plots.sizes import check_index, check_size
from rnncourse.plots.style import COLORS


def dependency_grid(
    num_layers: int,
    T: int,
    bidirectional: bool = False,
    of: tuple[int, int] | None = None,
    dropout: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw what the output of one layer at one step depends on, over layers and time. Return the Axes.

    The states h and the inputs x[t] that it depends on are coloured, and so are the arrows that lead to it.
    `of` is (layer, t), by default the last layer at the last step; with `bidirectional`, both directions' h
    there. `dropout` shows where dropout acts in training: between layers, nowhere else.

    Raises:
        TypeError: a size or an index is not an int.
        ValueError: a size or an index is out of range.
    """
    L, T, D = check_size("num_layers", num_layers), check_size("T", T), 2 if bidirectional else 1
    if of is None:
        of = (L - 1, T - 1)
    if not (isinstance(of, tuple) and len(of) == 2):
        raise TypeError(f"of: expected a pair (layer, t), got {of!r}.")
    layer, t = check_index("of: layer", of[0], L), check_index("of: t", of[1], T)
    cells = _dependencies(D, T, layer, t)
    inputs = sorted({s for k, _, s in cells if k == 0})
    goals = {(layer, d, t) for d in range(D)}
    grid = Grid(L, D, T, 1.05, 0.5, high=0.32, between=0.1, above=0.6)
    apart = 0.06 * (D - 1)  # from a cell to its frame
    others = len(cells - goals)
    title = (
        f"layer {layer} at t = {t}{', both directions,' if bidirectional else ''} depends on {others} of the "
        f"{L * D * T - len(goals)} other states and on {len(inputs)} of {T} inputs: "
        f"x[{inputs[0]}]{f' … x[{inputs[-1]}]' if len(inputs) > 1 else ''}."
    )
    if dropout:
        title += " Dropout acts between layers" + (
            ", never after the last." if L > 1 else ": here there is one."
        )
    bottom, top = grid.bottom(0) - 0.75, grid.top(L - 1)
    right = (T - 1) * grid.across + 0.55
    ax = canvas(ax, (-1.4, max(right, 4.6)), (bottom - 0.4, top + 0.4), title, title)
    on, off = COLORS["i"], "#CCCCCC"
    for k, s in ((k, s) for k in range(L + 1) for s in range(T)):  # up into layer k, or out of the last one
        x, start = s * grid.across, grid.top(k - 1) + apart if k else bottom + 0.17
        end = grid.bottom(k) - apart if k < L else top + 0.35
        used = any((k, d, s) in cells for d in range(D))
        arrow(ax, (x, start), (x, end), on if used else off, 2 if used else 1)
        if dropout and 0 < k < L:
            words = CODE | {"fontsize": 7.5, "gid": f"dropout {k - 1} t={s}", "color": "black"}
            frame = {"boxstyle": "round,pad=0.25", "facecolor": COLORS["o"], "edgecolor": "none"}
            ax.text(x, (start + end) / 2 - 0.04, "dropout", bbox=frame, **words)
    for k in range(L):
        for s in range(T):
            grid.frame(ax, k, s)
    for s in range(T):
        words = CODE | {"fontsize": 9, "color": "white" if s in inputs else GREY}
        box(ax, s * grid.across, bottom, 0.5, 0.34, f"x t={s}", facecolor=on if s in inputs else "#F2F2F2")
        ax.text(s * grid.across, bottom, f"x[{s}]", **words)
    for cell in grid.cells():
        used, goal = cell in cells, cell in goals
        ground = COLORS["f"] if goal else on if used else "#F2F2F2"
        x, y = grid.at(cell)
        before = cell[2] + (1 if cell[1] else -1)
        if 0 <= before < T:
            grid.time_arrow(ax, cell, on if used else off, 2 if used else 1)
        edge = {"edgecolor": GREY if used else "#BBBBBB"}
        box(ax, x, y, grid.wide, grid.high, cell_name(cell), facecolor=ground, **edge)
        ax.text(x, y, "h" if goal else "", **(CODE | {"color": ink(ground), "fontsize": 9}))
    grid.label_rows(ax, -0.4)
    for s in range(T):
        words = {"ha": "center", "va": "center", "fontsize": 9, "color": INK}
        ax.text(s * grid.across, bottom - 0.3, f"t = {s}", **words)
    return ax


def _dependencies(D: int, T: int, layer: int, t: int) -> set[Cell]:
    """Return the cells that the output of a layer at t depends on, with its own cells."""
    found: set[Cell] = set()
    waiting = [(layer, d, t) for d in range(D)]
    while waiting:
        k, d, s = cell = waiting.pop()
        if k < 0 or not 0 <= s < T or cell in found:
            continue
        found.add(cell)
        waiting += [(k, d, s + (1 if d else -1)), *((k - 1, below, s) for below in range(D))]
    return found

"""Draw a layer unrolled over its time steps, with the shape of each tensor."""

from matplotlib.axes import Axes
from torch.nn import Module

from rnncourse.plots.drawing import CODE, INK, Style, arrow, box, canvas
from rnncourse.plots.grid import Grid, cell_name
from rnncourse.plots.sizes import check_size, spec_of
from rnncourse.plots.style import COLORS
from rnncourse.shapes import input_axes, named, output_axes, state_axes


def unrolled(module: Module, T: int, B: int, ax: Axes | None = None) -> Axes:
    """Draw a layer unrolled over T steps, the shape of each tensor on its arrow, and return the Axes.

    A box is one cell; h and c go along time, and only h goes up. With two directions, a frame joins both:
    forward h and backward h go up from it side by side. Input and output are below and above, with their
    axes, batch_first or not; the entries of the initial and final states are on the left and right.

    Args:
        module: an RNN, LSTM or GRU of torch.nn or rnncourse.
        T: the number of steps; up to 6 keep the shapes readable.
        B: the size of the batch.
        ax: the Axes to draw in; a new one if None.

    Raises:
        TypeError: an argument is not a layer or not an int.
        ValueError: a size is below 1.

    Example:
        >>> ax = rnncourse.plots.unrolled(torch.nn.LSTM(3, 4), T=2, B=5)
        >>> ax.figure.alt.partition(";")[0]
        'LSTM(3, 4) unrolled over 2 steps'
    """
    spec, T, B = spec_of(module), check_size("T", T), check_size("B", B)
    L, D, w, H = spec.L, spec.D, spec.h_size, spec.hidden_size
    across = min(1.8, 7.2 / (T + 0.62))
    grid = Grid(L, D, T, across, 0.38 * across, high=0.56, between=0.16, above=0.62)
    apart = 0.06 * (D - 1)  # from a cell to its frame
    bottom, top = grid.bottom(0) - 0.85, grid.top(L - 1) + 0.85
    ends = -across + grid.wide / 2, T * across - grid.wide / 2  # of the first and the last arrow of time
    batch = (("B", B),)
    axes = {
        "input": named(input_axes(spec, batch, T)),
        "output": named(output_axes(spec, batch, T)),
    }
    title = f"{spec.title} unrolled over {T} step{'s' if T > 1 else ''}; " + ", ".join(
        f"{state}_0 and {state}_n {named(state_axes(spec, state, batch))}" for state in spec.states
    )
    into, up = f"({B}, {module.input_size})", f"({B}, {D}*{w}={D * w})" if D == 2 else f"({B}, {w})"
    along = {"h": f"h ({B}, {w})", "c": f"c ({B}, {H})"}
    alt = f"{title}; input {axes['input']}, output {axes['output']}. Into layer 0 goes {into}, up from each "
    alt += f"layer {up}, along time "
    alt += " and ".join(along[state] for state in spec.states) + "."
    limits = (ends[0] - 1.5, max(ends[1] + 0.65, ends[0] + 4.5)), (bottom - 0.3, top + 0.3)
    ax = canvas(ax, *limits, title, alt)
    words: Style = {"fontsize": 7.5, "color": INK}

    for name, letter, y in (("input", "x", bottom), ("output", "output", top)):
        middle, width = (T - 1) * across / 2, (T - 1) * across + grid.wide + 0.5
        box(ax, middle, y, width, 0.4, name, facecolor="none", linestyle="--")
        label: Style = {"ha": "right", "va": "center", "fontsize": 8.5, "color": INK}
        ax.text(-grid.wide / 2 - 0.35, y, f"{name}\n{axes[name]}", **label)
        for t in range(T):
            index = f":, {t}" if spec.batch_first else t
            ax.text(t * across, y, f"{letter}[{index}]", **(CODE | {"fontsize": 8}))
    for layer in range(L + 1):
        for t in range(T):
            start = (t * across, grid.top(layer - 1) + apart if layer else bottom + 0.2)
            end = (t * across, grid.bottom(layer) - apart if layer < L else top - 0.2)
            arrow(ax, start, end, COLORS["h" if layer else "x"], 1.6)
            ax.text(start[0] + 0.06, (start[1] + end[1]) / 2, up if layer else into, va="center", **words)
    for layer, d, t in grid.cells():
        grid.frame(ax, layer, t)
        box(ax, *grid.at((layer, d, t)), grid.wide, grid.high, cell_name((layer, d, t)))
    for layer, d in ((layer, d) for layer in range(L) for d in range(D)):
        y, k = grid.y(layer, d), layer * D + d
        for t in range(T + 1):  # the arrow to the left of cell t, and the one after the last cell
            near, far = t * across - grid.wide / 2, (t - 1) * across + grid.wide / 2
            for state in spec.states:
                side = 0 if len(spec.states) == 1 else 0.09 if state == "h" else -0.09
                start, end = ((near, y + side), (far, y + side)) if d else ((far, y + side), (near, y + side))
                arrow(ax, start, end, COLORS[state], 1.4)
                place = ((near + far) / 2, y + side + (0.03 if side >= 0 else -0.04))
                va = "bottom" if side >= 0 else "top"
                ax.text(*place, along[state], ha="center", va=va, **words)
        first, last = (f"{'{0}'}_0[{k}]", f"{'{0}'}_n[{k}]")[:: -1 if d else 1]
        for x, ha, text in ((ends[0] - 0.05, "right", first), (ends[1] + 0.05, "left", last)):
            names = "\n".join(text.format(state) for state in spec.states)
            ax.text(x, y, names, **(CODE | {"ha": ha, "fontsize": 8}))
    grid.label_rows(ax, ends[0] - 0.6)
    return ax

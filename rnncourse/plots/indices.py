"""Draw which cell of the computation each entry of output, h_n and c_n reads."""

from collections.abc import Iterable

from matplotlib.axes import Axes
from torch import Tensor
from torch.nn import Module

from rnncourse.plots.drawing import CODE, GREY, INK, PALE, arrow, box, canvas, fitting, tint
from rnncourse.plots.grid import Cell, Grid, cell_name
from rnncourse.plots.sizes import DIRECTIONS, check_index, check_lengths, check_size, spec_of
from rnncourse.plots.style import COLORS
from rnncourse.shapes import named, output_axes
from rnncourse.spec import Spec


def index_grid(
    module: Module,
    T: int,
    pick: tuple[str, int] | None = None,
    lengths: Iterable[int] | Tensor | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw which cell of the computation each entry of output, h_n and c_n reads, and return the Axes.

    A box is one cell: a layer and direction at one of T steps. It contains the entries that hold its h (for
    c_n its c), as Python indexes them. The title and `figure.alt` say the same in words.

    Args:
        module: a layer, RNN, LSTM or GRU.
        T: the number of steps; up to 7 keep the boxes readable.
        pick: ("h_n", k), ("c_n", k) or ("output", t), to mark the cells that one entry reads and, paler, the
            steps that led there.
        lengths: B ints up to T, for a packed batch in which each row ends at its own length. `output` is then
            the result of pad_packed_sequence.
        ax: the Axes to draw in; a new one if None.

    Raises:
        TypeError: an argument is not a layer or not an int.
        ValueError: an argument is out of range.

    Example:
        >>> ax = rnncourse.plots.index_grid(torch.nn.LSTM(3, 4, num_layers=2), T=5, pick=("h_n", -1))
        >>> ax.figure.alt.partition(",")[0]
        'h_n[1] is the h of layer 1 at t = 4'
    """
    spec, T = spec_of(module), check_size("T", T)
    lengths = None if lengths is None else check_lengths(lengths, T)
    last = max(lengths or [T])  # from this step on, no row runs
    across = min(1.6, 7.2 / T)
    grid = Grid(spec.L, spec.D, T, across, across - 0.16)
    entries = {cell: _entries(spec, T, lengths, cell) for cell in grid.cells()}
    sources, path, said = _picked(spec, T, lengths, pick)
    held = "; ".join(f"{cell_name(cell)}: {', '.join(texts)}" for cell, texts in entries.items() if texts)
    alt = said if pick is not None else f"{said} {held}."
    left, right = -across / 2 - 0.9, (T - 1) * across + across / 2
    top = grid.top(spec.L - 1)
    ax = canvas(ax, (left, right + 1.3), (-0.85, top + 0.85), said, alt)
    for cell, texts in entries.items():
        _, d, t = cell
        runs, states = t < last, any(text[0] in "hc" for text in texts)
        pale = not runs or (pick is not None and cell not in sources | path)
        if pick is None and runs:
            ground = tint(COLORS["r"], 0.35) if cell[0] == spec.L - 1 else "#F2F2F2"
        else:
            ground = COLORS["o"] if cell in sources else tint(COLORS["o"], 0.3) if cell in path else "white"
        edge = COLORS["h"] if states else PALE if pale else GREY
        x, y = grid.at(cell)
        style = {"facecolor": ground, "edgecolor": edge, "linewidth": 2.5 if states else 1}
        box(ax, x, y, grid.wide, grid.high, cell_name(cell), **style)
        if runs and 0 <= t + (1 if d else -1) < last:
            grid.time_arrow(ax, cell, PALE if pale else GREY)
        if 72 * (grid.wide - 0.12) < 8.5 * 0.602 * max(map(len, texts), default=0):
            texts = [text.replace("output[", "output\n[") for text in texts]
        shown = "\n".join(texts)
        words = {"fontsize": fitting(shown, grid.wide - 0.12, grid.high), "color": GREY if pale else INK}
        ax.text(x, y, shown, gid=cell_name(cell), **(CODE | words))
    _draw_output(ax, grid, spec, last, pick, sources)
    _draw_states(ax, grid, spec, T, lengths, pick, right + 0.65)
    grid.label_rows(ax, left + 0.85)
    for t in range(T):
        ax.text(
            t * across, grid.bottom(0) - 0.17, f"t = {t}", ha="center", va="center", fontsize=9, color=INK
        )
    pink = " and ".join(f"{state}_n" for state in spec.states)
    if pick is None:
        key = f"Blue: in output. Pink edge: in {pink}. The others are not returned."
    else:
        key = f"Orange: what it reads; pale: the same pass before that. Pink edge: in {pink}."
    key += " White: no row runs." if last < T and pick is None else ""
    ax.text(left, -0.75, key, fontsize=8.5, color=GREY)
    return ax


def _entries(spec: Spec, T: int, lengths: list[int] | None, cell: Cell) -> list[str]:
    """Return the entries of output, h_n and c_n that hold the state of this cell, as Python indexes them."""
    layer, d, t = cell
    ends = [T] if lengths is None else lengths
    running = [b for b, length in enumerate(ends) if t < length]
    ending = [b for b, length in enumerate(ends) if t == (0 if d else length - 1)]

    def rows(chosen: list[int]) -> str:
        """Return an index into the batch axis: all of its rows, one, or several."""
        return ":" if len(chosen) == len(ends) else str(chosen[0] if len(chosen) == 1 else chosen)

    texts = []
    if layer == spec.L - 1 and running:
        places = [rows(running), str(t)] if spec.batch_first else [str(t), rows(running)]
        places += [("{}:" if d else ":{}").format(spec.h_size)] if spec.D == 2 else []
        while places[-1] == ":":
            places.pop()
        texts.append(f"output[{', '.join(places)}]")
    if ending:
        of_rows = "" if rows(ending) == ":" else f", {rows(ending)}"
        texts += [f"{state}_n[{layer * spec.D + d}{of_rows}]" for state in spec.states]
    return texts


def _picked(
    spec: Spec, T: int, lengths: list[int] | None, pick: tuple[str, int] | None
) -> tuple[set[Cell], set[Cell], str]:
    """Return the cells that the picked entry reads, the steps before them in their rows, and the sentence."""
    ends, top = lengths or [T], spec.L - 1
    if pick is None:
        end = "its row's last step" if len(set(ends)) > 1 else f"t = {ends[0] - 1}"
        rule = f"h_n[k] is layer k at {end}."
        if spec.D == 2:
            rule = f"h_n[k] is layer k // 2: for even k forward at {end}, for odd k backward at t = 0."
        if "c" in spec.states:
            rule += " c_n[k] is the c of the same cell."
        return set(), set(), f"{rule} output is layer {top} alone."
    if not (isinstance(pick, tuple) and len(pick) == 2):
        raise TypeError(f'pick: expected a pair such as ("h_n", 0) or ("output", 0), got {pick!r}.')
    name, index = pick
    if name not in ("output", *(f"{state}_n" for state in spec.states)):
        slip = " Only an LSTM has a c_n." if name == "c_n" else ""
        raise ValueError(f"pick: expected an entry of output or h_n, got one of {name!r}.{slip}")
    index = check_index("pick", index, T if name == "output" else spec.L * spec.D)
    if name != "output":
        layer, d = divmod(index, spec.D)
        sources = {(layer, d, 0 if d else end - 1) for end in ends}
        path = {(layer, d, t) for t in range(max(ends))} - sources
        return sources, path, _say_state(spec, ends, name, index)
    sources = {(top, d, index) for d in range(spec.D) if index < max(ends)}
    steps = (range(index), range(index + 1, max(ends)))
    path = {(top, d, t) for _, d, _ in sources for t in steps[d]}
    return sources, path, _say_output(spec, ends, index)


def _say_state(spec: Spec, ends: list[int], name: str, k: int) -> str:
    """Say how h_n[k] or c_n[k] was computed, and whether output holds it too."""
    layer, d = divmod(k, spec.D)
    row = f"layer {layer}, {DIRECTIONS[d]}," if spec.D == 2 else f"layer {layer}"
    last = max(ends) - 1
    if len(set(ends)) == 1:
        read = _source(layer) + (_steps(last, 0) if d else _steps(0, last))
        end = f"at t = {0 if d else last}, after reading {read}"
    elif d:
        end = f"at t = 0, each row after its own steps, the first of them t = {_list(e - 1 for e in ends)}"
    else:
        end = f"at each row's own last step, t = {_list(e - 1 for e in ends)}"
    said = f"{name}[{k}] is the {name[0]} of {row} {end}."
    if name == "c_n":
        return f"{said} output holds no c."
    if layer < spec.L - 1:
        return f"{said} output does not hold it: that is layer {spec.L - 1} alone."
    if len(set(ends)) > 1 and not d:
        return f"{said} output holds it too, at these steps."
    t = 0 if d else last
    part = f", {':' if not d else ''}{spec.h_size}{':' if d else ''}" if spec.D == 2 else ""
    index = f":, {t}{part}" if spec.batch_first else f"{t}, :{part}" if part else str(t)
    return f"{said} output[{index}] is the same."


def _say_output(spec: Spec, ends: list[int], t: int) -> str:
    """Say how output at step t was computed."""
    index, last, top = f":, {t}" if spec.batch_first else str(t), max(ends) - 1, spec.L - 1
    ended = [b for b, end in enumerate(ends) if end <= t]
    if len(ended) == len(ends):
        return f"output[{index}] is padding, 0: every row has ended."
    read = f"after reading {_source(top)}{_steps(0, t)}"
    if spec.D == 2:
        w, begin = spec.h_size, _source(top) + _steps(last, t)
        if len(set(ends)) > 1:
            begin = f"each row's steps from its own last to t = {t}"
        read = (
            f": its first {w} numbers are forward, {read}; its last {w} are backward, after reading {begin}"
        )
    said = f"output[{index}] is the h of layer {top} at t = {t}{'' if spec.D == 2 else ', '}{read}."
    if ended:
        rows = f"Row {ended[0]} has" if len(ended) == 1 else f"Rows {_list(ended)} have"
        said += f" {rows} ended, so the output there is padding, 0."
    return said


def _source(layer: int) -> str:
    """Say whose steps a layer reads: the layer's below, each of which may depend on the whole input."""
    return f"layer {layer - 1}'s " if layer else ""


def _steps(first: int, last: int) -> str:
    return f"t = {first} alone" if first == last else f"t = {first} … {last}"


def _list(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


def _draw_output(
    ax: Axes, grid: Grid, spec: Spec, last: int, pick: tuple[str, int] | None, sources: set[Cell]
) -> None:
    """Draw the tensor output above the grid: a box for each step, with a half for each direction."""
    top, T = grid.top(grid.L - 1), grid.T
    y, part = top + 0.55, grid.wide / grid.D
    text = "output\n" + ",\n".join(named(output_axes(spec, T=T)).rsplit(",", 1))
    right = (T - 1) * grid.across + grid.wide / 2
    ax.text(right + 0.15, y, text, va="center", fontsize=8.5, color=INK, linespacing=1.1)
    for t in range(T):
        picked = pick is not None and pick[0] == "output" and pick[1] % T == t
        for d in range(grid.D):
            x = t * grid.across + (d - (grid.D - 1) / 2) * part
            cell = (grid.L - 1, d, t)
            ground = "white" if t >= last else tint(COLORS["r"], 0.35)
            if pick is not None:
                ground = COLORS["o"] if picked and cell in sources else "white"
            box(
                ax,
                x,
                y,
                part,
                0.3,
                f"output {d} t={t}",
                facecolor=ground,
                edgecolor=GREY if t < last else PALE,
            )
            half = "" if grid.D == 1 else f"{spec.h_size}:" if d else f":{spec.h_size}"
            ax.text(x, y, half if grid.D == 2 else f"t = {t}", **(CODE | {"fontsize": 8}))
            if t < last:
                start = x, grid.at(cell)[1] + grid.high / 2
                arrow(ax, start, (x, y - 0.15), PALE if pick is not None and not picked else GREY, zorder=0.5)


def _draw_states(
    ax: Axes,
    grid: Grid,
    spec: Spec,
    T: int,
    lengths: list[int] | None,
    pick: tuple[str, int] | None,
    x: float,
) -> None:
    """Draw h_n and c_n beside the grid, row by row: a box for each, with the step that it reads."""
    for layer in range(grid.L):
        for d in range(grid.D):
            k = layer * grid.D + d
            ends = sorted({0 if d else end - 1 for end in lengths or [T]})
            picked, states = False, spec.states
            if pick is not None and pick[0] != "output" and pick[1] % (grid.L * grid.D) == k:
                picked, states = True, pick[0][0]  # h or c
            ground = COLORS["o"] if picked else "white"
            names = [f"{state}_n[{k}]" for state in states]
            style = {
                "facecolor": ground,
                "edgecolor": COLORS["h"],
                "linewidth": 2.5 if pick is None or picked else 1,
            }
            box(ax, x, grid.y(layer, d), 1.15, grid.high, f"states {k}", **style)
            shown = f"{', '.join(names)}\nt = {_list(ends)}"
            words = CODE | {"fontsize": fitting(shown, 1.07, grid.high)}
            ax.text(x, grid.y(layer, d), shown, **words)

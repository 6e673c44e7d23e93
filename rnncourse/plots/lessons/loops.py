"""Draw the loop over time: which tensor goes where."""

from collections.abc import Iterable
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from torch import Tensor

from rnncourse.plots.drawing import Point, Style, set_alt
from rnncourse.plots.style import COLORS


def unrolled_loop(T: int, B: int, I: int, H: int, num_layers: int = 2) -> Axes:
    """Draw the time loop over stacked LSTM cells, the shape of each tensor on its arrow, and return the Axes.

    The T steps go to the right, the layers upward. A cell reads x[t], (B, I), or the h below it, (B, H), and
    its own (h, c) from the step before; only h goes up. T from 2 to 4 keeps the shapes readable.
    """
    _, ax = plt.subplots(figsize=(9.5, 1.6 + 1.5 * num_layers), layout="constrained")
    across, up, width, height = 3.1, 2.0, 1.3, 0.9  # the distance from cell to cell; the size of a cell
    words: Style = {"va": "center", "color": "#333333"}
    code = words | {"family": "monospace"}

    def frame(x: float, y: float, width: float, height: float, **style: Any) -> None:
        style = {"edgecolor": "#555555", "facecolor": "#F2F2F2"} | style
        ax.add_patch(FancyBboxPatch((x, y), width, height, "round,pad=0,rounding_size=0.1", **style))

    def labelled(start: Point, end: Point, name: str, label: str, shift: Point, **text: Any) -> None:
        line = {"arrowstyle": "-|>", "color": COLORS[name], "linewidth": 1.8}
        ax.annotate("", end, start, arrowprops=line)
        middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        ax.annotate(label, middle, shift, textcoords="offset points", **(words | text))

    for t in range(T):
        x = t * across
        ax.text(x, -1.5, f"x[{t}]", ha="center", **code)
        labelled((x, -1.3), (x, -height / 2), "x", f"({B}, {I})", (5, 0))
        for layer in range(num_layers):
            y = layer * up
            frame(x - width / 2, y - height / 2, width, height)
            ax.text(x, y, f"cells[{layer}]", ha="center", fontsize=9, **code)
            labelled((x, y + height / 2), (x, y + up - height / 2), "h", f"h ({B}, {H})", (5, 0))
            for k in [0, 1] if t == 0 else [1]:  # into the first cell, and out of each
                left = x + (k - 1) * across + width / 2
                for name, side, va in (("h", 1, "bottom"), ("c", -1, "top")):
                    start, end = (left, y + 0.22 * side), (left + across - width, y + 0.22 * side)
                    labelled(start, end, name, f"{name} ({B}, {H})", (0, 4 * side), ha="center", va=va)
    for layer in range(num_layers):
        ax.text(-across + width / 2 - 0.1, layer * up, "zeros", ha="right", **code)
        ax.text(T * across - width / 2 + 0.1, layer * up, f"h_n[{layer}]\nc_n[{layer}]", **code)
    right, top = (T - 1) * across, num_layers * up - height / 2
    frame(-width / 2, top, right + width, 0.7, facecolor="none", edgecolor=COLORS["h"], linestyle="--")
    ax.text(right / 2, top + 0.35, f"torch.stack(outputs)  ({T}, {B}, {H})", ha="center", **code)
    ax.set(xlim=(-across + 0.1, right + across + 0.3), ylim=(-1.7, top + 0.8))
    ax.set_axis_off()
    set_alt(
        ax,
        f"The loop over {T} steps and {num_layers} stacked cells: each reads ({B}, {I}) or the h below it, "
        f"({B}, {H}), and its own h and c; the top h are stacked to ({T}, {B}, {H}).",
    )
    return ax


def loop_step(x: Tensor, h: Tensor, c: Tensor, t: int) -> Figure:
    """Draw the loop over an LSTMCell, stopped after step t: the result of each line. Return the Figure.

    x (T, I) holds the inputs; h and c, (T + 1, H) each, the states, with row 0 before the first step.
    """
    xs, hs, cs = (values.detach().numpy() for values in (x, h, c))
    limit = max(abs(hs).max(), abs(cs).max())  # inputs beyond it get the last colour
    T, H = len(xs), hs.shape[1]
    loop = "h = c = torch.zeros(H)", "for x_t in x:", "    h, c = cell(x_t, (h, c))", "    outputs.append(h)"
    before = "line 1: the zeros" if t == 0 else f"line 3, at t = {t - 1}"
    rows = [  # height on the page, name, numbers, the line that computed them
        (0, "x_t", xs[t], f"line 2: x[{t}]"),
        (1.5, "h before", hs[t], before),
        (2.5, "c before", cs[t], before),
        (4, "h after", hs[t + 1], "line 3, now"),
        (5, "c after", cs[t + 1], "line 3, now"),
        *((6.5 + s, f"outputs[{s}]", hs[s + 1], "line 4, now" * (s == t)) for s in range(t + 1)),
    ]
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(9.5, 0.9 + 0.3 * (6 + T)), width_ratios=(3, 6), layout="constrained"
    )
    for number, line in enumerate(loop, start=1):
        left.text(0, 1.45 * number - 0.5, f"{number}  {line}", family="monospace", va="center", fontsize=9.5)
    for y, name, values, made_by in rows:
        extent = (0, len(values), y + 0.92, y)
        right.imshow(values[None], extent=extent, vmin=-limit, vmax=limit, aspect="auto", gid=name)
        for k, value in enumerate(values.tolist()):
            ink = "white" if abs(value) > 0.6 * limit else "black"
            right.text(k + 0.5, y + 0.46, f"{value:.2f}", ha="center", va="center", color=ink, fontsize=9)
        right.text(-0.15, y + 0.46, name, ha="right", va="center", family="monospace", fontsize=9.5)
        right.text(H + 0.15, y + 0.46, made_by, va="center", fontsize=9.5)
    for s in range(t + 1, T):  # still to come
        right.add_patch(Rectangle((0, 6.5 + s), H, 0.92, facecolor="none", edgecolor="#DDDDDD", linewidth=1))
    for axes, width in ((left, (0.0, 1.0)), (right, (-0.35 * H, 1.5 * H))):
        axes.set(xlim=width, ylim=(6.5 + T, -0.2))
        axes.set_axis_off()
    left.set_title(f"t = {t}")
    h_t, c_t = (", ".join(f"{value:.2f}" for value in values[t + 1]) for values in (hs, cs))
    set_alt(figure, f"The loop after step {t} of {T}: h is now {h_t}; c is now {c_t}; outputs holds {t + 1}.")
    return figure


def unrolling(
    x: Iterable[float],
    h: Iterable[float],
    t: int | None = None,
    cell: str = "cell",
) -> Axes:
    """Draw a recurrence with a state of one number, rolled up and unrolled over time. Return the Axes.

    `figure.alt` names the known states. The numbers are readable up to T = 5.

    Args:
        x: the inputs, (T).
        h: the states, (T + 1), h[0] before the first step.
        t: how many steps have run, None for all. Later steps are drawn pale and without numbers.
        cell: the text in every box, since it is the same in each.
    """
    x, h = [float(value) for value in x], [float(value) for value in h]
    T = len(x)
    if len(h) != T + 1:
        raise ValueError(
            f"h: expected T + 1 = {T + 1} states, the one before the first step included, got {len(h)}"
        )
    t = T if t is None else t
    if not 0 <= t <= T:
        raise ValueError(f"t: expected a number of steps from 0 to T = {T}, got {t}")
    _, ax = plt.subplots(figsize=(9.8, 2.6), layout="constrained")
    across, width, height, rolled = 2.3, 1.25, 0.9, -1.5
    pale, ink = "#AAAAAA", "#333333"
    words: Style = {"ha": "center", "fontsize": 11}

    def frame(centre: float, color: str, fill: str, line: float) -> None:
        corner = (centre - width / 2, -height / 2)
        style: Style = {"edgecolor": color, "facecolor": fill, "linewidth": line}
        ax.add_patch(FancyBboxPatch(corner, width, height, "round,pad=0,rounding_size=0.1", **style))
        ax.text(centre, 0, cell, va="center", color=pale if color == pale else ink, **words | {"fontsize": 9})

    def line_to(start: Point, end: Point, color: str) -> None:
        line = {"arrowstyle": "-|>", "color": color, "linewidth": 1.8, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", end, start, arrowprops=line)

    known = t > 0
    frame(rolled, ink if known else pale, "#FFF4D6" if known else "white", 2 if known else 1)
    line_to((rolled, -1.15), (rolled, -height / 2), COLORS["x"] if known else pale)
    ax.text(rolled, -1.45, f"x = {x[t - 1]:.3g}" if known else "x", color=ink if known else pale, **words)
    right, left, over = rolled + width / 2 + 0.35, rolled - width / 2 - 0.35, height / 2 + 0.3
    road = [(rolled + width / 2, 0), (right, 0), (right, over), (left, over), (left, 0)]
    ax.plot(*zip(*road, strict=True), color=COLORS["h"], linewidth=1.8, solid_joinstyle="round")
    line_to((left, 0), (rolled - width / 2, 0), COLORS["h"])
    ax.text(rolled, over + 0.1, f"h = {h[t]:.3g}", va="bottom", color=ink, **words)
    ax.text((right + width / 2) / 2, 0, "=", ha="center", va="center", fontsize=18, color=ink)

    for s in range(1, T + 1):
        centre, done = s * across, s <= t
        now = s == t
        frame(
            centre,
            ink if done else pale,
            "#FFF4D6" if now else "#F2F2F2" if done else "white",
            2 if now else 1,
        )
        line_to((centre, -1.15), (centre, -height / 2), COLORS["x"] if done else pale)
        ax.text(centre, -1.45, f"$x_{s}$ = {x[s - 1]:.3g}", color=ink if done else pale, **words)
    for s in range(T + 1):
        left, color = s * across + width / 2, COLORS["h"] if s <= t else pale
        line_to((left, 0), (left + across - width, 0), color)
        name = f"$h_{s}$\n{h[s]:.3g}" if s <= t else f"$h_{s}$\n"
        ax.text(left + (across - width) / 2, 0.1, name, va="bottom", color=ink if s <= t else pale, **words)
    ax.set(xlim=(rolled - 1.2, (T + 1) * across - width / 2 + 0.25), ylim=(-1.6, 1.4))
    ax.set_axis_off()
    states = ", ".join(f"h_{s} = {h[s]:.3g}" for s in range(t + 1))
    set_alt(ax, f"A recurrence after {t} of {T} steps; its states so far: {states}")
    return ax

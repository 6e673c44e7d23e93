"""The loop over time: which tensor goes where."""

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch, Rectangle

from rnncourse.plots.style import COLOURS


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

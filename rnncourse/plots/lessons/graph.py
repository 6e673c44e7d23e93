"""Draw two steps of an RNN as a graph, with the number of each symbol."""

import math

from matplotlib.axes import Axes

from rnncourse.plots.drawing import CODE, GREY, Style, arrow, box, canvas, set_alt

_GRADIENT = "#A84800"  # that of f, darker: small letters on white


def two_steps(
    x: tuple[float, float], y: tuple[float, float], h_0: float, w: float, u: float, gradients: bool = False
) -> Axes:
    """Draw two steps of an RNN of one unit as a graph, with the number of each symbol.

    h_t = tanh(w x_t + u h_(t-1)), with losses (h_t - y_t)² / 2. An arrow means "is read by". With gradients,
    the derivative of the sum L of both losses with respect to each symbol is below its box, and that with
    respect to u, a sum over the steps, is between the inputs.
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
        ax.text(left, high, f"{name}\n{value:z.2f}", **CODE, fontsize=9)
        said.append(f"{name} {value:z.2f}")
        if gradients:
            below: Style = CODE | {"color": _GRADIENT, "fontsize": 9}
            beside = (left - 0.95, high) if name[0] == "L" else (left, high - 0.4)  # an arrow ends below L
            ax.text(*beside, f"d{name} {gradient:z.2f}", **below)
            said[-1] += f", gradient {gradient:z.2f}"
    if gradients:
        loss = nodes["L_1"][0] + nodes["L_2"][0]
        shares = [f"{share:z.3f}" for share in (h[0] * da_1, h[1] * da_2, h[0] * da_1 + h[1] * da_2)]
        names = "du at step 1", "du at step 2", "du together"
        lines = [f"L            {loss:6.3f}"] + [f"{n:12} {s:>6}" for n, s in zip(names, shares, strict=True)]
        ax.text(4.4, 0.25, "\n".join(lines), **CODE | {"color": _GRADIENT, "fontsize": 9})
        said.append(f"L {loss:.3f}; du {shares[2]}, {shares[0]} from step 1 and {shares[1]} from step 2")
    set_alt(ax, f"{title}. {'; '.join(said)}.")
    return ax

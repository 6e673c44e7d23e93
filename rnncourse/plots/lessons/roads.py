"""Draw the four roads of one LSTM step, from the old state to the new, each with its derivative."""

import math

from matplotlib.axes import Axes

from rnncourse.plots.drawing import arrow, box, canvas, set_alt
from rnncourse.plots.style import LINE_COLORS


def step_roads(
    i: float, f: float, g: float, o: float, c: float, weight_hh: tuple[float, float, float, float]
) -> Axes:
    """Draw how the state of one unit reaches its next state, with the derivative along each road.

    Args:
        i: the activated input gate.
        f: the activated forget gate.
        g: the activated candidate.
        o: the activated output gate.
        c: the memory before the step.
        weight_hh: the unit's weight for its own h in each gate, in torch's order.
    """
    w_i, w_f, w_g, w_o = weight_hh
    shown = math.tanh(f * c + i * g)
    by_gate = c * f * (1 - f) * w_f, g * i * (1 - i) * w_i, i * (1 - g**2) * w_g
    terms = " + ".join(f"{term:z.2f}" for term in by_gate)
    roads = {  # (from, to): (words, the gate or state whose colour it has)
        ("c_(t-1)", "c_t"): (f"f = {f:z.2f}", "c"),
        ("h_(t-1)", "c_t"): (f"through f, i and g:\n{terms} = {sum(by_gate):z.2f}", "h"),
        ("c_t", "h_t"): (f"o * (1 - tanh² c_t) = {o * (1 - shown**2):z.2f}", "o"),
        ("h_(t-1)", "h_t"): (f"through o: {shown * o * (1 - o) * w_o:z.2f}", "h"),
    }
    names = {"c_(t-1)": "$c_{t-1}$", "c_t": "$c_t$", "h_(t-1)": "$h_{t-1}$", "h_t": "$h_t$"}
    places = {"c_(t-1)": (0.5, 2.0), "c_t": (5.6, 2.0), "h_(t-1)": (0.5, 0.4), "h_t": (5.6, 0.4)}
    words_at = ((3.05, 2.18), (1.75, 1.4), (5.75, 1.2), (3.05, 0.22))
    ax = canvas(None, (0, 8.2), (0, 2.45), "The four roads of one step of an LSTM, for one unit", "")
    for ((start, end), (words, color)), (x, y) in zip(roads.items(), words_at, strict=True):
        (x_0, y_0), (x_1, y_1) = places[start], places[end]
        if x_0 == x_1:
            ends = (x_0, y_0 - 0.25), (x_1, y_1 + 0.25)
        else:
            rise = 0.45 * (y_1 - y_0) / (x_1 - x_0)
            ends = (x_0 + 0.45, y_0 + rise), (x_1 - 0.45, y_1 - rise)
        arrow(ax, *ends, LINE_COLORS[color], 1.8)
        ax.text(x, y, words, ha="left" if x_0 == x_1 else "center", va="center")
    for name, (x, y) in places.items():
        box(ax, x, y, 0.8, 0.5)
        ax.text(x, y, names[name], ha="center", va="center", fontsize=12)
    said = "; ".join(f"from {start} to {end}, {words}" for (start, end), (words, _) in roads.items())
    said = said.replace("\n", " ")
    set_alt(ax, f"The four roads of one step of an LSTM, for one unit: {said}.")
    return ax

"""The course's interactive figures: one function each, a few controls and the figure that they redraw.

Each draws into a PNG of its own: no figure stays open, and nothing flickers. They need a live kernel.
"""

import io
import math

import ipywidgets
import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure

from rnncourse import plots
from rnncourse.steps import rnn_step


def _png(figure: Figure) -> bytes:
    """The figure as the bytes of a PNG, for an ipywidgets.Image."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def state_paths(steps: int = 40) -> ipywidgets.VBox:
    """The state of a two-unit cell without input, from four starts, with W_hh a scaled rotation.

    Controls: scale and angle of W_hh, and the nonlinearity. The figure is that of `plots.state_paths`.
    """
    scale = ipywidgets.FloatSlider(value=0.9, min=0.0, max=2.0, step=0.05, description="scale")
    angle = ipywidgets.IntSlider(value=30, min=-180, max=180, step=5, description="angle (°)")
    nonlinearity = ipywidgets.ToggleButtons(options=["tanh", "relu"], description="nonlinearity")
    picture = ipywidgets.Image(format="png", layout=ipywidgets.Layout(width="450px", max_width="100%"))
    starts = torch.tensor([[0.9, 0.1], [-0.3, 0.8], [-0.6, -0.5], [0.1, -0.2]])  # (B, H)
    no_input, weight_ih = torch.zeros(1), torch.zeros(2, 1)

    def redraw(_=None):
        cos, sin = math.cos(math.radians(angle.value)), math.sin(math.radians(angle.value))
        weight_hh = scale.value * torch.tensor([[cos, -sin], [sin, cos]])
        states = [starts]
        for _ in range(steps):
            h = rnn_step(no_input, states[-1], weight_ih, weight_hh, nonlinearity=nonlinearity.value)
            states.append(h)
        figure = Figure(figsize=(4.5, 4.5), layout="constrained")
        ax = plots.state_paths(torch.stack(states), figure.add_subplot())
        lengths = states[-1].norm(dim=1)
        ax.set_title(f"after {steps} steps: |h| from {lengths.min():.4g} to {lengths.max():.4g}")
        picture.value = _png(figure)

    for control in (scale, angle, nonlinearity):
        control.observe(redraw, names="value")
    redraw()
    return ipywidgets.VBox([scale, angle, nonlinearity, picture])


def step_debugger(x, h, c) -> ipywidgets.VBox:
    """The loop over an LSTMCell, stopped after the step that a slider picks.

    x (T, I) holds the inputs of one sequence; h and c, (T + 1, H) each, its states, row 0 before the first
    step. The figure is that of `plots.loop_step`.
    """
    step = ipywidgets.IntSlider(value=0, min=0, max=len(x) - 1, description="t")
    picture = ipywidgets.Image(format="png")

    def redraw(_=None):
        figure = plots.loop_step(x, h, c, step.value)
        picture.value = _png(figure)
        plt.close(figure)

    step.observe(redraw, names="value")
    redraw()
    return ipywidgets.VBox([step, picture])


def gate_sliders() -> ipywidgets.VBox:
    """One unit of an LSTM in one step, its memory and its four pre-activations on sliders.

    The figure is that of `plots.lstm_cell`; each slider has its gate's colour.
    """
    sliders = {
        name: ipywidgets.FloatSlider(
            value=value,
            min=-limit,
            max=limit,
            step=0.1,
            description=label,
            style={"handle_color": plots.COLOURS[name[-1]]},
        )
        for name, value, limit, label in (
            ("c", 2.0, 4.0, "c before"),
            ("a_f", 2.0, 6.0, "a_f"),
            ("a_i", 0.0, 6.0, "a_i"),
            ("a_g", 0.5, 6.0, "a_g"),
            ("a_o", 1.0, 6.0, "a_o"),
        )
    }
    picture = ipywidgets.Image(format="png")

    def redraw(_=None):
        ax = plots.lstm_cell(**{name: slider.value for name, slider in sliders.items()})
        picture.value = _png(ax.figure)
        plt.close(ax.figure)

    for slider in sliders.values():
        slider.observe(redraw, names="value")
    redraw()
    return ipywidgets.VBox([*sliders.values(), picture])

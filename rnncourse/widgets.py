"""The course's interactive figures, each a function that returns a few controls and the figure they redraw.

Each draws into a PNG of its own, so no figure stays open and nothing flickers. They need a live kernel.
"""

import html
import io
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from rnncourse.extras import require

require("widgets need", "ipywidgets", "matplotlib", extra="notebook")

import ipywidgets
import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from rnncourse import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell, explain, plots
from rnncourse.explaining import Row
from rnncourse.plots import lessons
from rnncourse.plots.drawing import alt_of, figure_of
from rnncourse.plots.sizes import spec_of
from rnncourse.plots.traces import row_length
from rnncourse.shapes import is_layer
from rnncourse.steps import rnn_step
from rnncourse.tracing import Direction

# The style of what only a screen reader reads: it takes no room.
_UNSEEN = "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap"


class _Drawing:
    """A figure as a picture, and below it its description (`alt`), for those who cannot see it.

    A long description, all of whose numbers are in the figure, is read by screen readers alone: `unseen`.
    """

    def __init__(self, width: str = "auto", *, unseen: bool = False) -> None:
        self.picture = ipywidgets.Image(format="png", layout={"width": width, "max_width": "100%"})
        self.words = ipywidgets.HTML()
        self._begin = f"<p style='{_UNSEEN}'>" if unseen else "<p>"

    def __iter__(self) -> Iterator[ipywidgets.Widget]:
        return iter((self.picture, self.words))

    def show(self, drawn: Axes | Figure) -> None:
        """Show what is drawn in this figure, and close it."""
        figure = figure_of(drawn) if isinstance(drawn, Axes) else drawn
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        words = f"{self._begin}{html.escape(alt_of(figure))}</p>"
        self.picture.value, self.words.value = buffer.getvalue(), words
        self.picture.layout.display = ""
        plt.close(figure)

    def refuse(self, why: str) -> None:
        """Show a sentence instead of the picture."""
        self.picture.layout.display, self.words.value = "none", f"<p>✗ {html.escape(why)}</p>"


def _draw_on_change(redraw: Callable[..., None], controls: Iterable[ipywidgets.Widget]) -> None:
    """Draw now, and again whenever the value of a control changes."""
    for control in controls:
        control.observe(redraw, names="value")
    redraw()


def state_paths(steps: int = 40) -> ipywidgets.VBox:
    """Show the state of a two-unit cell without input, from four starts, with W_hh a scaled rotation.

    Args:
        steps: how many steps to draw.

    Returns:
        Controls for scale and angle of W_hh and for the nonlinearity, and the figure of `plots.state_paths`.

    Example:
        >>> box = rnncourse.widgets.state_paths(steps=5)
        >>> [control.description for control in box.children[:3]]
        ['scale', 'angle (°)', 'nonlinearity']
    """
    scale = ipywidgets.FloatSlider(value=0.9, min=0.0, max=2.0, step=0.05, description="scale")
    angle = ipywidgets.IntSlider(value=30, min=-180, max=180, step=5, description="angle (°)")
    nonlinearity = ipywidgets.ToggleButtons(options=["tanh", "relu"], description="nonlinearity")
    drawing = _Drawing(width="450px")
    starts = torch.tensor([[0.9, 0.1], [-0.3, 0.8], [-0.6, -0.5], [0.1, -0.2]])  # (B, H)
    no_input, weight_ih = torch.zeros(1), torch.zeros(2, 1)

    def redraw(_: object = None) -> None:
        cos, sin = math.cos(math.radians(angle.value)), math.sin(math.radians(angle.value))
        weight_hh = scale.value * torch.tensor([[cos, -sin], [sin, cos]])
        states = [starts]
        for _ in range(steps):
            h = rnn_step(no_input, states[-1], weight_ih, weight_hh, nonlinearity=nonlinearity.value)
            states.append(h)
        figure = Figure(figsize=(4.5, 4.5), layout="constrained")
        ax = lessons.state_paths(torch.stack(states), figure.add_subplot())
        lengths = states[-1].norm(dim=1)
        ax.set_title(f"after {steps} steps: |h| from {lengths.min():.4g} to {lengths.max():.4g}")
        drawing.show(figure)

    _draw_on_change(redraw, (scale, angle, nonlinearity))
    return ipywidgets.VBox([scale, angle, nonlinearity, *drawing])


def step_debugger(x: Tensor, h: Tensor, c: Tensor) -> ipywidgets.VBox:
    """Show the loop over an LSTMCell, stopped after the step that a slider selects.

    Args:
        x: the inputs of one sequence, (T, I).
        h: its states h, (T + 1, H); row 0 is before the first step.
        c: its states c, (T + 1, H).

    Returns:
        The slider of t and the figure of `plots.loop_step`.

    Example:
        >>> box = rnncourse.widgets.step_debugger(torch.randn(4, 1), torch.zeros(5, 2), torch.zeros(5, 2))
        >>> box.children[0].max  # the last step
        3
    """
    step = ipywidgets.IntSlider(value=0, min=0, max=len(x) - 1, description="t")
    drawing = _Drawing()

    def redraw(_: object = None) -> None:
        drawing.show(lessons.loop_step(x, h, c, step.value))

    _draw_on_change(redraw, (step,))
    return ipywidgets.VBox([step, *drawing])


def gate_sliders() -> ipywidgets.VBox:
    """Show one unit of an LSTM in one step, with its memory and its four pre-activations on sliders.

    Returns:
        The sliders, each in its gate's colour, and the figure of `plots.lstm_cell`.

    Example:
        >>> box = rnncourse.widgets.gate_sliders()
        >>> [slider.description for slider in box.children[:5]]
        ['c before', 'a_f', 'a_i', 'a_g', 'a_o']
    """
    return _cell_sliders(
        lessons.lstm_cell,
        ("c", 2.0, 4.0, 0.1, "c before", "c"),
        ("a_f", 2.0, 6.0, 0.1, "a_f", "f"),
        ("a_i", 0.0, 6.0, 0.1, "a_i", "i"),
        ("a_g", 0.5, 6.0, 0.1, "a_g", "g"),
        ("a_o", 1.0, 6.0, 0.1, "a_o", "o"),
    )


def gru_sliders() -> ipywidgets.VBox:
    """Show one unit of a GRU in one step, with its state and the numbers that its gates and candidate read.

    Returns:
        The sliders, each in its colour, and the figure of `plots.gru_cell`. Each moves alone, although in a
        layer hh_n and the pre-activations of the gates depend on h.

    Example:
        >>> box = rnncourse.widgets.gru_sliders()
        >>> [slider.description for slider in box.children[:5]]
        ['h before', 'a_z', 'a_r', 'ih_n', 'hh_n']
    """
    return _cell_sliders(
        lessons.gru_cell,
        ("h", 0.5, 1.0, 0.1, "h before", "h"),
        ("a_z", 1.0, 6.0, 0.5, "a_z", "z"),
        ("a_r", 0.0, 6.0, 0.5, "a_r", "r"),
        ("ih_n", -1.5, 6.0, 0.5, "ih_n", "x"),
        ("hh_n", 1.0, 6.0, 0.5, "hh_n", "h"),
    )


def _cell_sliders(
    draw: Callable[..., Axes], *numbers: tuple[str, float, float, float, str, str]
) -> ipywidgets.VBox:
    """Return a figure with a slider for each of its numbers: name, value, limit, step, label and colour."""
    sliders = {
        name: ipywidgets.FloatSlider(
            value=value,
            min=-limit,
            max=limit,
            step=step,
            description=label,
            style={"handle_color": plots.COLORS[color]},
        )
        for name, value, limit, step, label, color in numbers
    }
    drawing = _Drawing()

    def redraw(_: object = None) -> None:
        drawing.show(draw(**{name: slider.value for name, slider in sliders.items()}))

    _draw_on_change(redraw, sliders.values())
    return ipywidgets.VBox([*sliders.values(), *drawing])


def unrolling(x: Iterable[float]) -> ipywidgets.VBox:
    """Show the recurrence h = u h + x, or its tanh, stopped where a slider says.

    Args:
        x: the inputs, (T).

    Returns:
        Controls for the step (with a button that plays it from 0 to T), for the weight u of the old state and
        for the squashing, and the figure of `plots.unrolling`.

    Example:
        >>> box = rnncourse.widgets.unrolling([1.0, 0.0, 2.0])
        >>> [control.description for control in box.children[1:3]]
        ['u', 'squashing']
    """
    x = [float(value) for value in x]
    step = ipywidgets.IntSlider(value=0, min=0, max=len(x), description="steps done")
    play = ipywidgets.Play(value=0, min=0, max=len(x), interval=1000)
    ipywidgets.jslink((play, "value"), (step, "value"))
    weight = ipywidgets.FloatSlider(value=0.5, min=-1.5, max=1.5, step=0.1, description="u")
    squash = ipywidgets.ToggleButtons(options=["no squashing", "tanh"], description="squashing")
    drawing = _Drawing()

    def redraw(_: object = None) -> None:
        function: Callable[[float], float] = float
        cell = f"{weight.value:.1f} h + x"
        if squash.value == "tanh":
            cell, function = f"tanh(\n{cell})", math.tanh
        h = [*itertools.accumulate(x, lambda h, x_t: function(weight.value * h + x_t), initial=0.0)]
        ax = lessons.unrolling(x, h, step.value, cell)
        drawing.show(ax)

    _draw_on_change(redraw, (step, weight, squash))
    return ipywidgets.VBox([ipywidgets.HBox([play, step]), weight, squash, *drawing])


def two_steps(
    x: tuple[float, float], y: tuple[float, float], h_0: float, w: float = 1.0, u: float = 2.0
) -> ipywidgets.VBox:
    """Show two steps of an RNN of one unit as a graph with its gradients, for a weight u that you choose.

    Args:
        x: the two inputs.
        y: the two targets.
        h_0: the initial state.
        w: the weight of the inputs.
        u: the first value of the weight of the old state.

    Returns:
        The slider of u and the figure of `plots.two_steps`.

    Example:
        >>> box = rnncourse.widgets.two_steps((1.0, -0.5), (0.0, 1.0), h_0=-0.25)
        >>> box.children[0].description
        'u'
    """
    weight = ipywidgets.FloatSlider(value=u, min=0.0, max=8.0, step=0.1, description="u")
    drawing = _Drawing()

    def redraw(_: object = None) -> None:
        drawing.show(lessons.two_steps(x, y, h_0, w, weight.value, gradients=True))

    _draw_on_change(redraw, (weight,))
    return ipywidgets.VBox([weight, *drawing])


def time_slider(d: Direction, b: int = 0, unit: int = 0) -> ipywidgets.VBox:
    """Show one unit of a trace step by step: its gates and states over time, and its cell with their values.

    Args:
        d: one layer in one direction of a call that `rnncourse.trace` recorded.
        b: the row of the batch.
        unit: the unit to show first.

    Returns:
        Controls for the unit and the step t, the figures of `plots.cell_diagram` and `plots.gates_over_time`,
        and below both their description in words, for screen readers alone. Controls and figures together are
        low enough for a laptop's screen, so all of them are in view while t moves.

    Example:
        >>> gru = torch.nn.GRU(3, 4)
        >>> with rnncourse.trace(gru) as trace:
        ...     output, _ = gru(torch.randn(5, 2, 3))
        >>> controls, *figures = rnncourse.widgets.time_slider(trace.layer(0).forward).children
        >>> [control.description for control in controls.children]
        ['unit', 't']
    """
    units = (d.c_0 if d.mode == "LSTM" else d.h_0).shape[-1]
    chosen = ipywidgets.IntSlider(value=unit, min=0, max=units - 1, description="unit")
    step = ipywidgets.IntSlider(value=0, min=0, max=row_length(d, b) - 1, description="t")
    cell, lines = (_Drawing(width="720px", unseen=True) for _ in range(2))

    def redraw(_: object = None) -> None:
        cell.show(plots.cell_diagram(d, step.value, b, chosen.value))
        low = Figure(figsize=(9.0, 2.6), layout="constrained")
        lines.show(plots.gates_over_time(d, b, unit=chosen.value, t=step.value, figure=low))

    _draw_on_change(redraw, (chosen, step))
    controls = ipywidgets.HBox([chosen, step])
    return ipywidgets.VBox([controls, cell.picture, lines.picture, cell.words, lines.words])


def spectral_radius(steps: int = 40) -> ipywidgets.VBox:
    """Show how far a gradient reaches in a simple RNN of 16 units, by the spectral radius ρ of W_hh.

    Args:
        steps: how many steps back to look.

    Returns:
        Controls for ρ and for the size of the inputs, which drives tanh into saturation, and the figure of
        `plots.norm_against_distance`, for tanh, relu and no nonlinearity with the same weights and inputs.

    Example:
        >>> box = rnncourse.widgets.spectral_radius(steps=5)
        >>> [slider.description for slider in box.children[:2]]
        ['ρ of W_hh', 'input size']
    """
    random = torch.Generator().manual_seed(0)
    weight_hh = torch.randn(16, 16, generator=random, dtype=torch.float64)
    weight_hh /= torch.linalg.eigvals(weight_hh).abs().max()  # spectral radius 1
    inputs = torch.randn(steps, 16, generator=random, dtype=torch.float64)
    rho = ipywidgets.FloatSlider(value=0.9, min=0.1, max=2.0, step=0.05, description="ρ of W_hh")
    size = ipywidgets.FloatSlider(value=0.1, min=0.0, max=2.0, step=0.1, description="input size")
    drawing = _Drawing(width="800px")

    def redraw(_: object = None) -> None:
        norms = {
            kind: lessons.jacobian_norms(rho.value * weight_hh, size.value * inputs, kind)
            for kind in ("linear", "tanh", "relu")
        }
        ax = lessons.norm_against_distance(norms, rho.value)
        ax.set_ylim(1e-12, 1e12)  # fixed, so that the lines move and not the axis
        drawing.show(ax)

    _draw_on_change(redraw, (rho, size))
    return ipywidgets.VBox([rho, size, *drawing])


# The classes that shape_explorer offers, and each argument with its first value; sizes also have a largest.
_CLASSES = {cls.__name__: cls for cls in (LSTM, GRU, RNN, LSTMCell, GRUCell, RNNCell)}
_SIZES = {"input_size": (10, 64), "hidden_size": (20, 64), "num_layers": (2, 4), "proj_size": (0, 63)}
_FLAGS = {"bias": True, "batch_first": False, "bidirectional": False}


def shape_explorer() -> ipywidgets.HBox:
    """Show every shape of a recurrent module, its call and its parameters, for arguments that you choose.

    Returns:
        Controls for the class, its arguments, and the input (batched, unbatched or packed, T steps, B rows),
        and beside them the table of `rnncourse.explain`. The rows that the last change affected are marked,
        and named above it.

    Example:
        >>> controls, table = rnncourse.widgets.shape_explorer().children
        >>> "weight_ih_l0" in table.value
        True
    """
    kind = ipywidgets.Dropdown(options=list(_CLASSES), description="class")
    sizes = {
        name: ipywidgets.BoundedIntText(
            value=value, min=0 if name == "proj_size" else 1, max=most, description=name
        )
        for name, (value, most) in _SIZES.items()
    }
    flags = {name: ipywidgets.Checkbox(value=value, description=name) for name, value in _FLAGS.items()}
    form = ipywidgets.Dropdown(options=["batched", "unbatched", "packed"], description="input")
    lengths = {
        name: ipywidgets.BoundedIntText(value=value, min=1, max=64, description=name)
        for name, value in (("T", 7), ("B", 3))
    }
    arguments = sizes | flags
    table = ipywidgets.HTML()
    before: dict[str, Row] = {}

    def update(_: object = None) -> None:
        is_cell = kind.value.endswith("Cell")
        for name, control in arguments.items():
            control.disabled = is_cell and name not in ("input_size", "hidden_size", "bias")
        sizes["proj_size"].disabled = kind.value != "LSTM"
        lengths["T"].disabled, lengths["B"].disabled = is_cell, form.value == "unbatched"
        given = {name: control.value for name, control in arguments.items() if not control.disabled}
        try:
            module = _CLASSES[kind.value](**given)
        except ValueError as error:
            table.value = f"✗ {html.escape(str(error))}"
            return
        explained = explain(module, _input(module, form.value, lengths["T"].value, lengths["B"].value))
        rows = {row.name: row for part in explained.table.values() for row in part}
        changed = [name for name, row in rows.items() if row != before.get(name)] if before else []
        gone = [name for name in before if name not in rows]
        shown = _changes(changed, gone) + _marked(explained._repr_html_(), changed)
        table.value = f"<div style='line-height:1.3'>{shown}</div>"
        before.clear()
        before.update(rows)

    _draw_on_change(update, (kind, form, *arguments.values(), *lengths.values()))
    groups = ([kind, *sizes.values()], [*flags.values()], [form, *lengths.values()])
    for control in itertools.chain(*groups):
        control.layout.width = "210px"
    # Side by side on one screen, so that what a change marks is in view; a longer table is scrolled. On a
    # narrow page the table goes below.
    controls = ipywidgets.VBox([ipywidgets.VBox(group) for group in groups])
    table.layout = {"flex": "1 1 500px", "min_width": "0", "max_height": "600px", "overflow": "auto"}
    return ipywidgets.HBox([controls, table], layout={"flex_flow": "row wrap"})


def _input(module: Any, form: str, T: int, B: int) -> Tensor | PackedSequence:
    """Return zeros that the module accepts; packed rows are each a step shorter than the last."""
    I = module.input_size
    if not is_layer(module):
        return torch.zeros(I) if form == "unbatched" else torch.zeros(B, I)
    if form == "unbatched":
        return torch.zeros(T, I)
    if form == "packed":
        return pack_sequence([torch.zeros(max(T - b, 1), I) for b in range(B)])
    return torch.zeros(B, T, I) if module.batch_first else torch.zeros(T, B, I)


def _changes(changed: list[str], gone: list[str]) -> str:
    """Say in words what has just changed, since not everyone can see a mark."""
    lines = [
        f"<b>{word}:</b> {', '.join(names)}"
        for word, names in (("Changed", changed), ("Gone", gone))
        if names
    ]
    return f"<div aria-live='polite' style='min-height:3em;max-width:60em'>{'<br>'.join(lines)}</div>"


def _marked(table: str, names: list[str]) -> str:
    """Return the HTML of an explanation with a bar beside the rows of these names; each row is one line."""
    bar = f"<tr style='box-shadow:inset 5px 0 {plots.LINE_COLORS['o']};background:rgba(230,159,0,0.2)'>"
    mine = tuple(f"<code>{name}</code>" for name in names)
    return "\n".join(
        line.replace("<tr>", bar, 1)
        if mine and any(name in line.split("</td>")[0] for name in mine)
        else line
        for line in table.split("\n")
    )


def index_grid(module: nn.Module, T: int = 5, lengths: Iterable[int] | None = None) -> ipywidgets.VBox:
    """Choose an entry of output, h_n or c_n, and see which cells of the computation it reads.

    Args:
        module: a layer.
        T: the number of steps.
        lengths: the lengths of a packed batch, (B).

    Returns:
        Controls for the tensor and its index, the figure of `plots.index_grid`, and a sentence below it that
        says how the entry is computed.

    Raises:
        TypeError: the module is not a layer.

    Example:
        >>> box = rnncourse.widgets.index_grid(torch.nn.GRU(3, 4), T=3)
        >>> box.children[0].options
        ('output', 'h_n')
    """
    spec = spec_of(module)
    rows = spec.L * spec.D
    names = {"output": T} | {f"{state}_n": rows for state in spec.states}
    name = ipywidgets.ToggleButtons(options=list(names), value="h_n", description="entry of")
    index = ipywidgets.ToggleButtons(options=range(rows), value=0, description="index")
    drawing = _Drawing(width="960px")

    def redraw(_: object = None) -> None:
        ax = plots.index_grid(module, T, (name.value, index.value), lengths)
        drawing.show(ax)

    def choose(_: object) -> None:
        index.unobserve(redraw, names="value")  # new options set the index too, but draw only once, below
        index.options = range(names[name.value])
        index.value = 0
        index.observe(redraw, names="value")
        redraw()

    name.observe(choose, names="value")
    _draw_on_change(redraw, (index,))
    return ipywidgets.VBox([name, index, *drawing])


def dependency_grid(num_layers: int = 3, T: int = 6) -> ipywidgets.VBox:
    """Choose a layer and a step of a stack, and see which states and inputs its output depends on.

    Args:
        num_layers: the number of layers.
        T: the number of steps.

    Returns:
        Controls for the layer, the step t, both directions or one, and whether dropout is shown; the figure
        of `plots.dependency_grid`, and a sentence below it that counts them.

    Example:
        >>> box = rnncourse.widgets.dependency_grid(num_layers=2, T=3)
        >>> [control.description for control in box.children[:4]]
        ['layer', 't', 'bidirectional', 'dropout']
    """
    layer = ipywidgets.IntSlider(value=num_layers - 1, min=0, max=num_layers - 1, description="layer")
    step = ipywidgets.IntSlider(value=T // 2, min=0, max=T - 1, description="t")
    both = ipywidgets.Checkbox(description="bidirectional")
    dropout = ipywidgets.Checkbox(description="dropout")
    drawing = _Drawing()

    def redraw(_: object = None) -> None:
        of = (layer.value, step.value)
        ax = lessons.dependency_grid(num_layers, T, both.value, of, dropout.value)
        drawing.show(ax)

    _draw_on_change(redraw, (layer, step, both, dropout))
    return ipywidgets.VBox([layer, step, both, dropout, *drawing])


def truncation(nets: Mapping[str, Tensor]) -> ipywidgets.VBox:
    """Show which terms of the gradient truncated backpropagation through time keeps, and the error it makes.

    Args:
        nets: by name, the gradients (T, T, P) that `plots.truncation_grid` draws.

    Returns:
        Controls for the net, the number K of steps, and how it is truncated (into chunks of K steps, or K
        steps back from each loss), and the figure.

    Example:
        >>> box = rnncourse.widgets.truncation({"GRU": torch.rand(6, 6, 4).tril()})
        >>> [control.description for control in box.children[:3]]
        ['net', 'K, steps', 'cut']
    """
    T = min(len(gradients) for gradients in nets.values())
    net = ipywidgets.ToggleButtons(options=list(nets), description="net")
    size = ipywidgets.IntSlider(value=min(5, T), min=1, max=T, description="K, steps")
    way = ipywidgets.ToggleButtons(options=["chunks", "steps back"], description="cut")
    drawing = _Drawing(width="640px")

    def redraw(_: object = None) -> None:
        ax = lessons.truncation_grid(nets[net.value], size.value, way.value == "steps back")
        drawing.show(ax)

    _draw_on_change(redraw, (net, size, way))
    return ipywidgets.VBox([net, size, way, *drawing])


def batch_sizes(lengths: Iterable[int], most: int = 8) -> ipywidgets.VBox:
    """Show how torch packs a batch whose lengths are on sliders.

    Args:
        lengths: the first lengths, (B).
        most: the largest length.

    Returns:
        A slider for each length, enforce_sorted, which refuses lengths that increase, and the figure of
        `plots.batch_sizes`.

    Example:
        >>> box = rnncourse.widgets.batch_sizes([3, 2])
        >>> [control.description for control in box.children[:3]]
        ['sequence 0', 'sequence 1', 'enforce_sorted']
    """
    sliders = [
        ipywidgets.IntSlider(value=int(length), min=1, max=most, description=f"sequence {b}")
        for b, length in enumerate(lengths)
    ]
    enforce_sorted = ipywidgets.Checkbox(value=False, description="enforce_sorted")
    drawing = _Drawing()

    def redraw(_: object = None) -> None:
        chosen = [slider.value for slider in sliders]
        try:
            drawing.show(plots.batch_sizes(chosen, enforce_sorted.value))
        except ValueError as error:
            drawing.refuse(str(error))

    _draw_on_change(redraw, (*sliders, enforce_sorted))
    return ipywidgets.VBox([*sliders, enforce_sorted, *drawing])


def parameter_map() -> ipywidgets.VBox:
    """Show every parameter of a layer to scale, and their count, for arguments that you choose.

    Returns:
        Controls for the class, its sizes, both directions and the biases, and the figure of
        `plots.parameter_map`.

    Example:
        >>> box = rnncourse.widgets.parameter_map()
        >>> box.children[0].options
        ('LSTM', 'GRU', 'RNN')
    """
    kind = ipywidgets.ToggleButtons(options=["LSTM", "GRU", "RNN"], description="class")
    sizes = {
        name: ipywidgets.IntSlider(value=value, min=least, max=most, description=name)
        for name, value, least, most in (
            ("input_size", 5, 1, 24),
            ("hidden_size", 6, 1, 24),
            ("num_layers", 2, 1, 3),
            ("proj_size", 0, 0, 23),
        )
    }
    flags = {
        name: ipywidgets.Checkbox(value=value, description=name)
        for name, value in (("bidirectional", False), ("bias", True))
    }
    drawing = _Drawing()

    def redraw(_: object = None) -> None:
        sizes["proj_size"].disabled = kind.value != "LSTM"
        options = {name: control.value for name, control in (sizes | flags).items() if not control.disabled}
        try:
            module = _CLASSES[kind.value](**options, device="meta")  # uses no random number of torch's
        except ValueError as error:
            drawing.refuse(str(error))
            return
        figure = figure_of(plots.parameter_map(module))
        pixels = figure.get_figwidth() * figure.dpi  # the width varies with the options
        drawing.picture.layout.width = f"{pixels:.0f}px"
        drawing.show(figure)

    _draw_on_change(redraw, (kind, *sizes.values(), *flags.values()))
    controls = ipywidgets.HBox([ipywidgets.VBox([*sizes.values()]), ipywidgets.VBox([*flags.values()])])
    return ipywidgets.VBox([kind, controls, *drawing])


def matmuls() -> ipywidgets.VBox:
    """Choose T, B, I and H, and see how the LSTM's work is cut into matmuls, step by step and hoisted.

    Returns:
        A slider for each size, the figure of `plots.matmuls`, and a sentence below it that counts the
        operations.

    Example:
        >>> box = rnncourse.widgets.matmuls()
        >>> [slider.description for slider in box.children[:4]]
        ['T', 'B', 'I', 'H']
    """
    sizes = {
        name: ipywidgets.IntSlider(value=value, min=1, max=most, description=name)
        for name, value, most in (("T", 35, 100), ("B", 20, 64), ("I", 64, 512), ("H", 128, 512))
    }
    drawing = _Drawing(width="900px")

    def redraw(_: object = None) -> None:
        ax = lessons.matmuls(**{name: slider.value for name, slider in sizes.items()})
        drawing.show(ax)

    _draw_on_change(redraw, sizes.values())
    return ipywidgets.VBox([*sizes.values(), *drawing])


def tag_text(tag: Callable[[str], Iterable[tuple[str, str]]], text: str) -> ipywidgets.VBox:
    """Type a text and see its pieces, each above its tag; a tag always has the same colour.

    Args:
        tag: returns the pieces of a text in their order, each with its tag.
        text: the initial text.

    Returns:
        The box to type in and the tagged text.

    Example:
        >>> def tag(text):
        ...     return [(word, "name" if word.istitle() else "word") for word in text.split()]
        >>> box, tagged = rnncourse.widgets.tag_text(tag, "ask Ada").children
        >>> "Ada" in tagged.value
        True
    """
    box = ipywidgets.Text(value=text, description="text", continuous_update=False, layout={"width": "95%"})
    tagged = ipywidgets.HTML()
    colors: dict[str, str] = {}
    palette = itertools.cycle(plots.LINE_COLORS[name] for name in "ifgohrx")

    def redraw(_: object = None) -> None:
        pieces = []
        for piece, name in tag(box.value) if box.value.strip() else ():
            color = colors[name] = colors.get(name) or next(palette)
            pieces.append(
                f'<span style="display:inline-block; margin:0 3px 6px 0; border-bottom:4px solid {color}">'
                f'<span style="font-family:monospace; white-space:pre">{html.escape(piece)}</span><br>'
                f'<span style="font-size:75%">{html.escape(name)}</span></span>'
            )
        tagged.value = "".join(pieces)

    _draw_on_change(redraw, (box,))
    return ipywidgets.VBox([box, tagged])


def draw_digit(read: Callable[[Tensor], Tensor], image: Tensor) -> ipywidgets.VBox:
    """Draw an image on a grid of cells, and see what a net says of it after each row.

    A click fills a cell or empties it.

    Args:
        read: returns the probability of each class after each row, (T, C), for an image (T, W) of 0 and 1.
        image: the initial image, (T, W).

    Returns:
        The grid beside the figure of `plots.row_by_row`, and a button that empties it.

    Example:
        >>> def read(image):
        ...     return image.new_full((len(image), 10), 0.1)
        >>> drawn, clear, words = rnncourse.widgets.draw_digit(read, torch.zeros(8, 8)).children
        >>> clear.description
        'Clear'
    """
    image = image.clone()
    T, W = image.shape
    styles = [ipywidgets.ButtonStyle(button_color=color) for color in ("#E6E6E6", "#000000")]
    small = ipywidgets.Layout(width="20px", height="20px", margin="0", padding="0")
    cells = [
        ipywidgets.Button(layout=small, tooltip=f"row {t}, column {k}") for t in range(T) for k in range(W)
    ]
    clear = ipywidgets.Button(description="Clear")
    drawing = _Drawing(width="560px")

    def redraw() -> None:
        for cell, value in zip(cells, image.flatten().tolist(), strict=True):
            cell.style = styles[int(value)]
        figure = Figure(figsize=(6.4, 3.4), layout="constrained")
        drawing.show(lessons.row_by_row(image, read(image), figure))

    def flip(cell: ipywidgets.Button) -> None:
        place = divmod(cells.index(cell), W)
        image[place] = 1 - image[place]
        redraw()

    def empty(_: object) -> None:
        image.zero_()
        redraw()

    for cell in cells:
        cell.on_click(flip)
    clear.on_click(empty)
    redraw()
    grid = ipywidgets.GridBox(
        cells, layout={"grid_template_columns": f"repeat({W}, 20px)", "grid_gap": "1px"}
    )
    return ipywidgets.VBox([ipywidgets.HBox([grid, drawing.picture]), clear, drawing.words])


def draw_text(draw: Callable[[str], Axes | Figure], text: str) -> ipywidgets.VBox:
    """Type a text and see it drawn.

    Args:
        draw: draws a text, which is not empty, and returns the Axes or the Figure.
        text: the initial text.

    Returns:
        The box to type in and the figure.

    Example:
        >>> def draw(text):
        ...     return rnncourse.plots.batch_sizes(sorted(map(len, text.split()), reverse=True))
        >>> box = rnncourse.widgets.draw_text(draw, "two words")
        >>> box.children[0].value
        'two words'
    """
    box = ipywidgets.Text(value=text, description="text", continuous_update=False, layout={"width": "95%"})
    drawing = _Drawing()

    def redraw(_: object = None) -> None:
        if box.value.strip():
            drawing.show(draw(box.value))

    _draw_on_change(redraw, (box,))
    return ipywidgets.VBox([box, *drawing])

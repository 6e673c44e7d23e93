"""Compute and draw how a gradient shrinks or grows in the backward pass through time."""

from collections.abc import Callable
from itertools import cycle
from typing import Any, overload

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.ticker import MaxNLocator
from torch import Tensor
from torch.nn import Module

from rnncourse.plots.drawing import color_bar, set_alt
from rnncourse.plots.style import LINE_COLORS
from rnncourse.spec import Spec
from rnncourse.steps import gru_step, lstm_step, rnn_step
from rnncourse.tracing import Direction, Trace
from rnncourse.tracing.view import directions_of

State = tuple[Tensor, ...]  # (h,) or (h, c)
Step = Callable[[Tensor, State], State]
Loss = Callable[[Tensor, int], Tensor]

# Lines that stand for no gate: colours that everybody can tell apart, and dashes where there is no colour.
LINES = [*zip((LINE_COLORS[name] for name in "ifgohr"), ("-", "--", "-.", ":", "-", "--"), strict=True)]


def gradient_norms(layer: Module, x: Tensor, state: str = "h", loss: Loss | None = None) -> Tensor:
    """Return |d loss_s / d h_t| for each loss step s and step t, (T, T): row s, column t, nan where t > s.

    The norm is over batch and units. It takes T backward passes through a plain loop over `rnncourse.steps`.

    Args:
        layer: an RNN, LSTM or GRU of torch.nn or rnncourse with one layer in one direction.
        x: its input, (T, B, I), with batch_first (B, T, I), or (T, I); the initial state is zeros.
        state: "h", or "c" for |d loss_s / d c_t|, which includes the path through h_t.
        loss: loss(h_s, s) returns the scalar loss of step s from h_s (B, H). If None, it is the sum of h_s,
            as in `output.sum().backward()`, so the diagonal is the same at each step.

    Raises:
        TypeError: the module is not such a layer.
        ValueError: it has more layers or directions, or no such state.

    Example:
        >>> norms = rnncourse.plots.gradient_norms(torch.nn.GRU(3, 4), torch.randn(5, 2, 3))
        >>> tuple(norms.shape), norms[1].isnan().tolist()  # no loss depends on a later state
        ((5, 5), [False, False, True, True, True])
    """
    step, first = _unfolded(layer, x, state)
    x = x.unsqueeze(1) if x.dim() == 2 else x.transpose(0, 1) if layer.batch_first else x  # (T, B, I)
    T, B, _ = x.shape
    loss = loss or (lambda h_s, s: h_s.sum())
    with torch.enable_grad():
        # Leaves that require a gradient, so that there is a graph even if the layer is frozen.
        states = [tuple(x.new_zeros(B, width).requires_grad_() for width in first)]
        for x_t in x.detach():
            states.append(step(x_t, states[-1]))
        nodes = [after["hc".index(state)] for after in states[1:]]
        norms = x.new_full((T, T), torch.nan)
        for s in range(T):
            loss_s = loss(states[s + 1][0], s)
            gradients = torch.autograd.grad(loss_s, nodes[: s + 1], retain_graph=True)
            norms[s, : s + 1] = torch.stack([gradient.norm() for gradient in gradients])
    return norms


@overload
def gradient_over_time(layer: Direction, *, state: str = "h", ax: Axes | None = None) -> Axes: ...
@overload
def gradient_over_time(
    layer: Module, x: Tensor, state: str = "h", loss: Loss | None = None, ax: Axes | None = None
) -> Axes: ...
def gradient_over_time(
    layer: Module | Direction,
    x: Tensor | None = None,
    state: str = "h",
    loss: Loss | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how large the gradient of the loss is at each step, and return the Axes.

    For a trace, this is |d loss / d h_t| against t on a log axis, with a line for each module, layer and
    direction; the loss is the one whose backward pass ran in the traced block. For a layer and its input x,
    it is a heat map of |d loss_s / d h_t|: how much the loss of step s changes with the state of step t, with
    t to the right and s down. Above the diagonal there is nothing, since no loss depends on a later state.
    Exact zeros are grey.

    Args:
        layer: a trace or a part of one; or a layer, as in `gradient_norms`, which computes the heat map.
        x: the layer's input; not for a trace.
        state: "h" or "c".
        loss: as in `gradient_norms`; not for a trace.
        ax: the Axes to draw in; a new one if None.

    Raises:
        TypeError: it is neither a trace nor a layer with its input.
        ValueError: the layer does not fit, every gradient is 0, or nothing was traced.
        KeyError: the trace has no gradients; the message says why.

    Example:
        >>> lstm = torch.nn.LSTM(3, 4)
        >>> with rnncourse.trace(lstm) as trace:
        ...     lstm(torch.randn(5, 2, 3))[0].sum().backward()
        >>> ax = rnncourse.plots.gradient_over_time(trace)
        >>> len(ax.lines), ax.get_yscale()
        (1, 'log')
    """
    if isinstance(layer, Direction):
        return _traced_gradients(layer, state, ax)
    if x is None:
        raise TypeError("gradient_over_time: of a layer, pass its input too: gradient_over_time(layer, x).")
    norms = gradient_norms(layer, x, state, loss).double().numpy()
    T = len(norms)
    positive = norms[norms > 0]
    if not positive.size:
        raise ValueError("gradient_over_time: every gradient is 0. Are all units of a relu net off?")
    if ax is None:
        _, ax = plt.subplots(figsize=(6.0, 4.6), layout="constrained")
    low, high = positive.min(), positive.max()
    if high < 1.01 * low:  # a scale needs two different ends
        low, high = low / 10, high * 10
    drawn = np.where(norms == 0, low / 10, norms)  # below the scale
    colors = plt.get_cmap("viridis").with_extremes(under="#BBBBBB")
    image = ax.imshow(drawn, cmap=colors, norm=LogNorm(low, high), interpolation="nearest", gid="norms")
    label = rf"$\|\partial\, \mathrm{{loss}}_s / \partial\, {state}_t\|$"
    color_bar(image, ax, label, extend="min" if (norms == 0).any() else "neither")
    ax.set(xlabel="t, step of the state", ylabel="s, step of the loss")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    set_alt(
        ax,
        f"Heat map of the norm of d loss_s / d {state}_t over {T} steps, from {positive.min():.3g} to "
        f"{positive.max():.3g}; the last step's loss has {norms[-1, -1]:.3g} at its own step and "
        f"{norms[-1, 0]:.3g} at step 0.",
    )
    return ax


def _traced_gradients(trace: Direction, state: str, ax: Axes | None) -> Axes:
    found = trace.directions() if isinstance(trace, Trace) else directions_of(trace)
    directions = [d for d in found if state in d.grad]
    if not directions:
        if not found:
            raise ValueError("gradient_over_time: no recurrent module was called inside the traced block.")
        found[0].grad[state]  # raises an error that says why there is no gradient
    if ax is None:
        _, ax = plt.subplots(figsize=(8.0, 3.8), layout="constrained")
    ends = []
    for d, (color, dash) in zip(directions, cycle(LINES)):
        norms = d.gradient_norm(state).cpu().double().numpy()
        drawn = np.where(norms > 0, norms, np.nan)  # a log axis has no 0
        ax.plot(drawn, color=color, linestyle=dash, marker="." if len(norms) <= 60 else None, label=d.where)
        ends.append(f"{d.where}: {norms[0]:.3g} at step 0, {norms[-1]:.3g} at step {len(norms) - 1}")
    ax.set(yscale="log", xlabel="t", ylabel=rf"$\|\partial\, \mathrm{{loss}} / \partial\, {state}_t\|$")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    set_alt(ax, f"Norm of the gradient of the loss with respect to {state}_t over time. {'; '.join(ends)}.")
    return ax


def _unfolded(layer: Any, x: Tensor, state: str) -> tuple[Step, tuple[int, ...]]:
    """Return a step of the layer, (x_t, state) -> state, and the widths of its states."""
    spec = Spec.find(layer)
    if spec is None or spec.is_cell:
        raise TypeError(f"layer: expected an RNN, LSTM or GRU, got {type(layer).__name__}.")
    if spec.L > 1 or spec.D > 1:
        raise ValueError(
            "layer: expected one layer in one direction, got "
            f"num_layers={spec.num_layers}, bidirectional={spec.bidirectional}."
        )
    if state not in [*spec.states]:
        have = "h and c" if spec.has_cell_state else "h alone"
        raise ValueError(f"state: {type(layer).__name__} has {have}, got {state!r}.")
    if x.dim() not in (2, 3):
        raise ValueError(f"x: expected (T, I) or a batch of such, got {tuple(x.shape)}.")
    weights: dict[str, Tensor] = {name: getattr(layer, f"{name}_l0").detach() for name in spec.weight_names}
    if spec.kind == "LSTM":
        return (lambda x_t, hx: lstm_step(x_t, hx, **weights)), (spec.h_size, spec.hidden_size)
    if spec.kind == "GRU":
        return (lambda x_t, hx: (gru_step(x_t, hx[0], **weights),)), (spec.h_size,)
    nonlinearity = spec.nonlinearity
    return (lambda x_t, hx: (rnn_step(x_t, hx[0], **weights, nonlinearity=nonlinearity),)), (spec.h_size,)

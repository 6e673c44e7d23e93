"""Compute and draw how far a gradient reaches in a simple RNN: norms of products of Jacobians."""

from collections.abc import Callable, Mapping
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor
from torch.nn.functional import linear

from rnncourse.plots.drawing import Style, set_alt
from rnncourse.plots.gradients import LINES


def jacobian_norms(weight_hh: Tensor, inputs: Tensor, nonlinearity: str = "tanh") -> Tensor:
    """Return the largest singular value of dh_k / dh_0 for k = 1 … T, (T), in a simple RNN from h_0 = 0.

    dh_k / dh_0 is the product of the steps' Jacobians diag(φ'(a_t)) W_hh.

    Args:
        weight_hh: (H, H).
        inputs: (T, H), the sum W_ih x_t + b_ih + b_hh of each step.
        nonlinearity: "tanh", "relu" or "linear" (none).
    """
    slopes: dict[str, Callable[[Tensor], Tensor]] = {
        "tanh": lambda a: 1 - torch.tanh(a) ** 2,
        "relu": lambda a: (a > 0).to(a.dtype),
        "linear": torch.ones_like,
    }
    shapes: dict[str, Callable[[Tensor], Tensor]] = {
        "tanh": torch.tanh,
        "relu": torch.relu,
        "linear": lambda a: a,
    }
    if nonlinearity not in shapes:
        raise ValueError(f"nonlinearity: expected 'tanh', 'relu' or 'linear', got {nonlinearity!r}.")
    h = torch.zeros_like(inputs[0])
    product, norms = torch.eye(len(h), dtype=h.dtype), []
    for x_t in inputs:
        a = x_t + linear(h, weight_hh)
        h = shapes[nonlinearity](a)
        product = slopes[nonlinearity](a)[:, None] * weight_hh @ product  # (H, H)
        norms.append(torch.linalg.matrix_norm(product, 2))
    return torch.stack(norms)


def norm_against_distance(
    norms: Mapping[str, Tensor], rho: float | None = None, ax: Axes | None = None
) -> Axes:
    """Draw how norms change with the distance in steps, on a log axis, and return the Axes.

    Args:
        norms: a dict from a line's label to its norms at distance 1, 2 …, as `jacobian_norms` returns them.
        rho: if given, rho to the power of the distance is drawn too, dotted: a straight line on a log axis.
        ax: the Axes to draw in; a new one if None.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(8.0, 3.8), layout="constrained")
    far = max(len(values) for values in norms.values())
    if rho is not None:
        power = float(rho) ** np.arange(1, far + 1)
        dotted: Style = {"color": "#777777", "linestyle": (0, (1, 2)), "label": f"{rho:.3g} ** distance"}
        ax.plot(range(1, far + 1), power, **dotted)
    for (label, values), (color, dash) in zip(norms.items(), cycle(LINES)):
        ax.plot(range(1, len(values) + 1), values, color=color, linestyle=dash, label=label)
    ax.axhline(1, color="#CCCCCC", linewidth=0.8, zorder=0)
    ax.set(yscale="log", xlabel="distance in steps", ylabel="norm of the Jacobian", xlim=(0, far + 1))
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    ends = ", ".join(f"{label}: {float(values[-1]):.3g}" for label, values in norms.items())
    set_alt(ax, f"Norm of the Jacobian against distance on a log axis; after {far} steps {ends}.")
    return ax

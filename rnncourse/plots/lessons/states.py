"""Draw the paths of a state of two units."""

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from torch import Tensor

from rnncourse.plots.drawing import set_alt
from rnncourse.plots.style import COLORS


def state_paths(states: Tensor, ax: Axes | None = None) -> Axes:
    """Draw how a state of two units moves: a path for each start, from dark to bright. Return the Axes.

    states (S + 1, B, 2) holds the states of B runs from the start (open circle) to step S. The dashed square
    is the range of tanh.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(3.5, 3.5))
    time = torch.arange(len(states))
    for path in states.detach().unbind(1):  # (S + 1, 2) each
        ax.plot(path[:, 0], path[:, 1], color="#888888", linewidth=0.8, zorder=1)
        ax.scatter(path[:, 0], path[:, 1], c=time, cmap="viridis", s=14, zorder=2)
        ax.plot(*path[0], "o", markersize=9, markerfacecolor="none", markeredgecolor="black")
    ax.plot([-1, 1, 1, -1, -1], [-1, -1, 1, 1, -1], "--", color=COLORS["x"], linewidth=0.8, zorder=0)
    limit = 1.1 * max(1.0, states.abs().max().item())
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xlabel="h[0]", ylabel="h[1]")
    lengths = states[-1].norm(dim=-1)
    set_alt(
        ax,
        f"Paths of a state of two units from {states.shape[1]} starts over {len(states) - 1} steps: "
        f"their last distances from 0 lie between {lengths.min():.4g} and {lengths.max():.4g}.",
    )
    return ax

"""What each direction of a layer has seen: which inputs its output at each step depends on."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from rnncourse.plots.drawing import set_alt


def seen_inputs(norms: Mapping[str, ArrayLike]) -> Figure:
    """Draw which inputs each half of an output has seen: one heat map for each entry, as a Figure.

    norms: a dict from a name to an array (T, T): row t, column s holds |d sum(output[t]) / d x[s]|, 0 where
    output[t] has not seen x[s]. One log scale for all; exact zeros are grey. `figure.alt` counts, for each
    name, the inputs seen at the first and at the last step. Raises ValueError if all are 0.
    """
    maps = {name: np.asarray(values, dtype=float) for name, values in norms.items()}
    positive = np.concatenate([values[values > 0] for values in maps.values()])
    if not positive.size:
        raise ValueError("seen_inputs: every gradient is 0. Does the output depend on the input?")
    low, high = positive.min(), max(positive.max(), 1.01 * positive.min())
    colours = plt.get_cmap("viridis").with_extremes(under="#DDDDDD")
    figure, axes = plt.subplots(
        1, len(maps), figsize=(0.9 + 2.9 * len(maps), 3.1), sharey=True, squeeze=False, layout="constrained"
    )
    for ax, (name, values) in zip(axes[0], maps.items(), strict=True):
        drawn = np.where(values == 0, low / 10, values)  # below the scale
        image = ax.imshow(drawn, cmap=colours, norm=LogNorm(low, high), interpolation="nearest", gid=name)
        ticks = range(len(values))
        ax.set(title=name, xlabel="s, step of the input", xticks=ticks, yticks=ticks)
    axes[0, 0].set_ylabel("t, step of the output")
    label = r"$\|\partial \sum \mathrm{output}_t / \partial\, x_s\|$; grey: 0"
    figure.colorbar(image, ax=axes[0].tolist(), label=label)
    seen = "; ".join(
        f"{name}: {(values[0] > 0).sum()} and {(values[-1] > 0).sum()} of {len(values)}"
        for name, values in maps.items()
    )
    set_alt(figure, f"Inputs seen at the first and at the last step: {seen}.")
    return figure

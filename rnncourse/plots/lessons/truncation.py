"""Draw which terms of a gradient truncated backpropagation through time keeps, and the error it makes."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from rnncourse.plots.drawing import color_bar, set_alt
from rnncourse.plots.sizes import check_size


def truncation_grid(gradients: ArrayLike, K: int, window: bool = False) -> Axes:
    """Draw the terms of a gradient by loss step and weight step, the dropped ones grey. Return the Axes.

    The title shows the relative error |kept - all| / |all| of the sums over s and t.

    Args:
        gradients: (T, T, P), row s, column t: the part of d loss_s / dW that comes from the use of the P
            weights at step t, 0 where t > s.
        K: the number of steps.
        window: keep the terms with s - t < K instead of those in one chunk, s // K == t // K.

    Raises:
        ValueError: the shape is wrong, all terms are 0, or K is not in 1 … T.
        TypeError: K is not an int.
    """
    terms = np.asarray(gradients, dtype=float)
    if terms.ndim != 3 or terms.shape[0] != terms.shape[1]:
        raise ValueError(f"gradients: expected (T, T, P), got {terms.shape}.")
    T = len(terms)
    if check_size("K", K) > T:
        raise ValueError(f"K: expected at most T = {T}, got {K}.")
    s, t = np.arange(T)[:, None], np.arange(T)
    below = t <= s
    kept = below & ((s - t < K) if window else (s // K == t // K))
    norms, whole = np.linalg.norm(terms, axis=2), terms.sum(axis=(0, 1))
    positive = norms[norms > 0]
    if not positive.size or not whole.any():
        raise ValueError("truncation_grid: the gradient is 0.")
    error = np.linalg.norm(terms[kept].sum(axis=0) - whole) / np.linalg.norm(whole)
    _, ax = plt.subplots(figsize=(6.4, 4.8), layout="constrained")
    cut = np.ma.masked_where(kept | ~below, np.zeros((T, T)))
    ax.imshow(cut, cmap=ListedColormap(["#DDDDDD"]), interpolation="nearest", gid="cut")
    low, high = max(positive.min(), 1e-8 * positive.max()), 1.01 * positive.max()
    drawn = np.ma.masked_where(~kept, np.maximum(norms, low))
    image = ax.imshow(drawn, cmap="viridis", norm=LogNorm(low, high), interpolation="nearest", gid="kept")
    label = "part of\n" + r"$\|\partial L_s / \partial W\|$"
    color_bar(image, ax, label)
    steps = f"{K} step{'s' if K > 1 else ''}"
    how = f"each loss looks back over {steps}" if window else f"chunks of {steps}"
    said = f"{kept.sum()} of {below.sum()} terms kept, relative error {error:.2g}"
    ax.set(xlabel="t, step at which the weights are read", ylabel="s, step of the loss")
    ax.set_title(f"{how}:\n{said}", fontsize=10)  # one line would be wider than the figure
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    set_alt(ax, f"Grid of the terms of a gradient over {T} steps, cut terms grey; {how}: {said}.")
    return ax

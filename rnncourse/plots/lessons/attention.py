"""Draw where a decoder looks."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from torch import Tensor

from rnncourse.plots.drawing import set_alt


def attention_matrix(
    weights: Tensor, read: Sequence[str], written: Sequence[str], ax: Axes | None = None
) -> Axes:
    """Draw how much each written symbol (down) looks at each symbol that was read (across); return the Axes.

    `weights` is (U, T), a row for each of the U written symbols, a column for each of the T read ones.
    """
    if weights.shape != (len(written), len(read)):
        expected = (len(written), len(read))
        raise ValueError(f"weights: expected (U, T) = {expected}, got {tuple(weights.shape)}.")
    size = 1.2 + 0.24 * len(read), 0.8 + 0.22 * len(written)
    ax = plt.subplots(figsize=size, layout="constrained")[1] if ax is None else ax
    ax.imshow(weights.numpy(), cmap="Greys", vmin=0, vmax=1)
    ax.set_xticks(range(len(read)), read)
    ax.set_yticks(range(len(written)), written)
    ax.xaxis.tick_top()
    ax.set(xlabel="read", ylabel="written")
    looks = ", ".join(
        f"{symbol!r} at {read[t]!r} ({share:.2f})"
        for symbol, t, share in zip(
            written, weights.argmax(1).tolist(), weights.amax(1).tolist(), strict=True
        )
    )
    set_alt(ax, f"Attention of {len(written)} written symbols over {len(read)} read ones. Most: {looks}.")
    return ax

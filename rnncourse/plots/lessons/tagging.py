"""Draw what a tagger predicts at each step, and which tags it confuses."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from torch import Tensor

from rnncourse.plots.drawing import set_alt


def tag_heat_map(
    probabilities: Tensor, symbols: Sequence[str], tags: Sequence[str], ax: Axes | None = None
) -> Axes:
    """Draw the probability of each tag (down) at each step (across), and return the Axes.

    `probabilities` is (T, C); the T symbols name the steps, the C tags the rows.
    """
    if probabilities.shape != (len(symbols), len(tags)):
        expected = (len(symbols), len(tags))
        raise ValueError(f"probabilities: expected (T, C) = {expected}, got {tuple(probabilities.shape)}.")
    ax = plt.subplots(figsize=(9.6, 2.6), layout="constrained")[1] if ax is None else ax
    ax.imshow(probabilities.T.numpy(), cmap="Greys", vmin=0, vmax=1, aspect="auto")
    ax.set_xticks(range(len(symbols)), [symbol.replace("\n", "↵") for symbol in symbols], fontsize=7)
    ax.set_yticks(range(len(tags)), tags)
    said = ", ".join(f"{tags[tag]} {n}" for tag, n in _counted(probabilities.argmax(1), len(tags)))
    set_alt(
        ax, f"Probability of {len(tags)} tags at {len(symbols)} steps. Steps by their likeliest tag: {said}."
    )
    return ax


def confusion_matrix(counts: Tensor, tags: Sequence[str], ax: Axes | None = None) -> Axes:
    """Draw how often each tag (down) was predicted as each other (across), and return the Axes.

    `counts` is (C, C): counts[k, j] steps of tag k were predicted as tag j. Each row is divided by its sum;
    shares of 1 % and more are written out.
    """
    if counts.shape != (len(tags), len(tags)):
        raise ValueError(f"counts: expected (C, C), C={len(tags)}, got {tuple(counts.shape)}.")
    size = 1.4 + 0.45 * len(tags)
    ax = plt.subplots(figsize=(size, size), layout="constrained")[1] if ax is None else ax
    shares = counts / counts.sum(1, keepdim=True).clamp(min=1)
    ax.imshow(shares.numpy(), cmap="Greys", vmin=0, vmax=1)
    for k, row in enumerate(shares.tolist()):
        for j, share in enumerate(row):
            if share >= 0.01:
                ink = "white" if share > 0.5 else "black"
                ax.text(j, k, f"{share:.2f}".lstrip("0"), ha="center", va="center", color=ink, fontsize=7)
    ax.set_xticks(range(len(tags)), tags, rotation=90)
    ax.set_yticks(range(len(tags)), tags)
    ax.set(xlabel="predicted", ylabel="right")
    said = ", ".join(
        f"{tag} {share:.2f}" for tag, share in zip(tags, shares.diagonal().tolist(), strict=True)
    )
    set_alt(ax, f"Confusion matrix of {len(tags)} tags. Share of each that was found: {said}.")
    return ax


def _counted(tags: Tensor, C: int) -> list[tuple[int, int]]:
    return [(tag, n) for tag, n in enumerate(torch.bincount(tags, minlength=C).tolist()) if n]

"""Draw an image and what a net says of it after each row."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from rnncourse.plots.drawing import set_alt


def row_by_row(image: Tensor, probabilities: Tensor, figure: Figure | None = None) -> Axes:
    """Draw an image and, beside each of its rows, the probability of each class after it. Return the Axes.

    `image` is (T, W), a row for each step; `probabilities` is (T, C).
    """
    T, C = probabilities.shape
    if image.shape[0] != T:
        raise ValueError(f"image: expected (T={T}, W), a row for each step, got {tuple(image.shape)}.")
    figure = plt.figure(figsize=(6.4, 3.4), layout="constrained") if figure is None else figure
    left: Axes
    right: Axes
    left, right = figure.subplots(1, 2, width_ratios=[image.shape[1] / T, 1])
    left.imshow(image.numpy(), cmap="Greys", aspect="auto")
    left.set(ylabel="row", xticks=[], title="read from the top")
    right.imshow(probabilities.numpy(), cmap="Greys", vmin=0, vmax=1, aspect="auto")
    right.set(xticks=range(C), yticks=[], xlabel="class", title="probability after each row")
    best, classes = probabilities.max(1)
    said = ", ".join(
        f"{classes[t]} with {best[t]:.2f} after row {t}" for t in sorted({T // 4, T // 2, 3 * T // 4, T - 1})
    )
    set_alt(right, f"An image of {T} rows, and the likeliest class as they are read: {said}.")
    return right

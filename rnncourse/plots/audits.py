"""Draw which output step of a model reads which input step, from an audit."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.ticker import MaxNLocator

from rnncourse.auditing import Audit
from rnncourse.plots.drawing import color_bar, set_alt

NOTHING = "#E4E4E4"


def dependence(report: Audit, ax: Axes | None = None) -> Axes:
    """Draw which output step reads which input step, and return the Axes.

    Row t and column s show the norm of the gradient of output t with respect to input s, on a log scale over
    eight powers of ten; where it is 0 the cell is grey. Left of the diagonal an output reads the past, right
    of it the future. The title counts both.

    Args:
        report: the result of `rnncourse.audit`.
        ax: the Axes to draw in; a new one if None.

    Raises:
        TypeError: `report` is not a report.
        ValueError: the outputs have no gradient.

    Example:
        >>> lstm = torch.nn.LSTM(3, 4, batch_first=True)
        >>> report = rnncourse.audit(lstm, torch.randn(2, 3, 3))
        >>> rnncourse.plots.dependence(report).get_title(loc="left")
        'LSTM: 0 pairs read ahead, 3 back'
    """
    if not isinstance(report, Audit):
        raise TypeError(f"report: expected what rnncourse.audit returned, got {type(report).__name__}.")
    norms = report.dependence.cpu().numpy().astype(float)  # (T_out, T_in)
    T_out, T_in = norms.shape
    positive = norms[norms > 0]
    if not positive.size:
        raise ValueError("dependence: the gradient is 0 everywhere.")
    if ax is None:
        _, ax = plt.subplots(figsize=(4.8, 4.0), layout="constrained")
    highest = float(positive.max())
    scale = LogNorm(max(float(positive.min()), 1e-8 * highest), 1.01 * highest)
    ax.set_facecolor(NOTHING)
    image = ax.imshow(
        np.ma.masked_equal(norms, 0), cmap="viridis", norm=scale, aspect="equal", interpolation="nearest"
    )
    color_bar(image, ax, "gradient", shrink=0.8)
    ahead = int((np.triu(norms, 1) > 0).sum())
    pairs = T_out * T_in
    if T_out == T_in:
        ax.plot([-0.5, T_in - 0.5], [-0.5, T_out - 0.5], color="white", linewidth=1, gid="own step")
        past = int((np.tril(norms, -1) > 0).sum())
        title = f"{ahead} pairs read ahead, {past} back"
        words = f"{ahead} of {pairs} pairs of steps read ahead, {past} back"
    else:
        title = f"{positive.size} of {pairs} pairs are read"
        words = f"{positive.size} of {pairs} pairs of steps are read"
    ax.set(xlabel="input step", ylabel="output step")
    ax.set_title(f"{report.model}: {title}", loc="left")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    set_alt(
        ax,
        f"Which of {T_out} output steps of {report.model} reads which of {T_in} input steps: {words}; "
        f"gradient norms from {positive.min():.2g} to {highest:.2g}.",
    )
    return ax

"""Draw what a layer's speed depends on: how its work is cut into matmuls, and times side by side."""

from collections.abc import Mapping
from itertools import accumulate, cycle
from typing import TypeVar

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from rnncourse.plots.drawing import set_alt
from rnncourse.plots.sizes import check_size
from rnncourse.plots.style import COLORS, LINE_COLORS

Size = TypeVar("Size")  # a size's label


def matmuls(T: int, B: int, I: int, H: int) -> Axes:
    """Draw the multiply-adds of an LSTM layer's forward pass as two bars, cut into matmuls. Return the Axes.

    Above, step by step: for each of T steps W_ih x_t, (B, I) by (I, 4H), and W_hh h, (B, H) by (H, 4H).
    Below, hoisted: W_ih x for all steps, (T*B, I) by (I, 4H), then W_hh h step by step. A block is one
    matmul, as long as its share of the multiply-adds; both bars have the same length.

    Raises:
        TypeError: a size is not an int.
        ValueError: a size is below 1.
    """
    T, B, I, H = (check_size(name, value) for name, value in zip("TBIH", (T, B, I, H), strict=True))
    _, ax = plt.subplots(figsize=(9.0, 2.6), layout="constrained")
    x_t, h, whole = B * I * 4 * H, B * H * 4 * H, T * B * (I + H) * 4 * H  # multiply-adds
    rows = {
        f"step by step: {2 * T} matmuls": [
            (name, work) for _ in range(T) for name, work in (("x", x_t), ("h", h))
        ],
        f"hoisted: {T + 1} matmuls": [("x", T * x_t), *[("h", h)] * T],
    }
    for y, blocks in enumerate(rows.values()):
        ends = [*accumulate(work / whole for _, work in blocks)]
        spans = [(end - work / whole, work / whole) for end, (_, work) in zip(ends, blocks, strict=True)]
        colors = [COLORS[name] for name, _ in blocks]
        ax.broken_barh(spans, (-y - 0.35, 0.7), facecolors=colors, edgecolor="white", linewidth=0.5)
    ax.set(yticks=[0, -1], yticklabels=rows, xlim=(0, 1), xlabel="share of the multiply-adds")
    share = I / (I + H)
    ax.set_title(
        f"T={T}, B={B}, I={I}, H={H}: {whole:,} multiply-adds; grey: W_ih x, {share:.0%}; pink: W_hh h"
    )
    set_alt(
        ax,
        f"Two bars of {whole:,} multiply-adds. Step by step: {2 * T} matmuls, by turns W_ih x_t of {x_t:,} "
        f"and W_hh h of {h:,}. Hoisted: one W_ih x of {T * x_t:,}, {share:.0%} of all, then {T} W_hh h "
        f"of {h:,}.",
    )
    return ax


def time_ratios(seconds: Mapping[str, Mapping[Size, float]], baseline: str) -> Axes:
    """Draw how many times the baseline's time each contestant took, at each size, and return the Axes.

    The axis is logarithmic, so equal factors are equally far apart.

    Args:
        seconds: {contestant: {size: seconds}}, where a size is any label.
        baseline: one of the contestants.
    """
    _, ax = plt.subplots(figsize=(8.0, 3.2), layout="constrained")
    sizes = list(seconds[baseline])
    said = []
    looks = cycle(zip("cifgoh", "osD^vP", strict=True))  # a colour and a marker for each contestant
    for (name, by_size), (color, marker) in zip(seconds.items(), looks, strict=False):
        ratios = [by_size[size] / seconds[baseline][size] for size in sizes]
        ax.plot(range(len(sizes)), ratios, marker=marker, color=LINE_COLORS[color], label=name, linewidth=1)
        said.append(f"{name}: {', '.join(f'{ratio:.1f}' for ratio in ratios)}")
    ax.set(xticks=range(len(sizes)), xticklabels=sizes, yscale="log", ylabel=f"seconds over {baseline}'s")
    low, high = ax.get_ylim()
    ticks = [tick for tick in (0.25, 0.5, 1, 2, 4, 8, 16, 32) if low <= tick <= high]
    ax.set_yticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize="small")
    set_alt(ax, f"Seconds over {baseline}'s, at the sizes {'; '.join(map(str, sizes))}. {'. '.join(said)}.")
    return ax

"""Draw a batch of sequences of different lengths, packed: the staircase of a PackedSequence."""

from collections.abc import Iterable

import torch
from matplotlib.axes import Axes
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence

from rnncourse.plots.drawing import CODE, GREY, INK, PALE, Style, arrow, box, canvas, ink
from rnncourse.plots.sizes import check_lengths
from rnncourse.plots.style import sequence_color

_SIDE = 0.42  # the side of a cell, in inches
_WORDS: Style = {"fontsize": 8.5, "color": INK, "va": "center"}
Row = tuple[int, int]  # of data: the sequence b, and its step t


def batch_sizes(lengths: Iterable[int] | Tensor, enforce_sorted: bool = True, ax: Axes | None = None) -> Axes:
    """Draw how torch packs a batch: the padded batch, the staircase and the data. Return the Axes.

    A cell "b,t" is step t of sequence b. On the left is the batch as it was passed; beside it the rows sorted
    by length, with the batch size under each column; below them the rows of `data` in their order, column by
    column. Without enforce_sorted, the indices that sort the batch and restore its order are written out.
    Everything is read from pack_padded_sequence. Up to 10 steps are readable.

    Args:
        lengths: B ints, one for each sequence.
        enforce_sorted: as in pack_padded_sequence.
        ax: the Axes to draw in; a new one if None.

    Raises:
        TypeError: a length is not an int.
        ValueError: a length is below 1 or, with enforce_sorted, the lengths increase.

    Example:
        >>> ax = rnncourse.plots.batch_sizes([3, 2])
        >>> ax.get_title(loc="left")
        'lengths [3, 2]: 5 of 6 cells are packed'
    """
    lengths = check_lengths(lengths)
    if enforce_sorted and lengths != sorted(lengths, reverse=True):
        raise ValueError(
            f"lengths: expected the longest first, as enforce_sorted=True asks, got {lengths}. "
            "enforce_sorted=False lets torch sort them."
        )
    B, T = len(lengths), max(lengths)
    code = torch.arange(B) * T + torch.arange(T)[:, None]  # (T, B), entry b*T + t
    packed = pack_padded_sequence(code[..., None], torch.tensor(lengths), enforce_sorted=enforce_sorted)
    data = [divmod(entry, T) for entry in packed.data.flatten().tolist()]  # (b, t) of each of the N rows
    sizes = packed.batch_sizes.tolist()
    order = range(B) if packed.sorted_indices is None else packed.sorted_indices.tolist()
    back = range(B) if packed.unsorted_indices is None else packed.unsorted_indices.tolist()

    across = min(_SIDE, 3.6 / T)
    middle, per_line = max(T * across + 1.3, 2.9), 20  # the left end of the staircase; rows of data in a line
    lines = -(-len(data) // per_line)
    width = max(middle + T * across + 1.3, 1.05 + _SIDE * min(len(data), per_line), 6.5)
    floor = -B * _SIDE - 0.95  # the first line of data
    bottom = floor - lines * (_SIDE + 0.3) - (0.0 if enforce_sorted else 0.5)
    steps = f"batch_sizes {sizes}" + (
        "" if enforce_sorted else f", sorted_indices {list(order)}, unsorted_indices {list(back)}"
    )
    title = f"lengths {lengths}: {sum(lengths)} of {B * T} cells are packed"
    alt = f"{title}; {steps}; the rows of data, as sequence,step: {' '.join(f'{b},{t}' for b, t in data)}."
    ax = canvas(ax, (-0.95, width - 0.95), (bottom, 0.65), title, alt)
    ax.text(0, 0.45, f"padded, (B={B}, T={T}, …): a row a sequence", **_WORDS)
    ax.text(middle, 0.45, "the longest first", **_WORDS)
    for b, length in enumerate(lengths):
        y = -(b + 0.5) * _SIDE
        ax.text(-0.1, y, f"sequence {b}", ha="right", **_WORDS)
        for t in range(length):
            _cell(ax, (t + 0.5) * across, y, across, b, t, f"padded {b} {t}")
        for t in range(length, T):
            x, style = (t + 0.5) * across, {"facecolor": "white", "edgecolor": PALE}
            box(ax, x, y, across, _SIDE, f"pad {b} {t}", **style)
        to = -(back[b] + 0.5) * _SIDE
        arrow(ax, (T * across + 0.1, y), (middle - 0.1, to), sequence_color(b), 1.6)
    _draw_staircase(ax, data, sizes, middle, across)
    _draw_data(ax, data, floor, per_line)
    if not enforce_sorted:
        small = _WORDS | {"fontsize": 8, "family": "monospace"}
        sort = f"sorted_indices   {list(order)}: row k of the staircase is sequence sorted_indices[k]"
        bring = f"unsorted_indices {list(back)}: sequence b is row unsorted_indices[b], so h_n comes back"
        ax.text(-0.95, bottom + 0.35, sort, **small)
        ax.text(-0.95, bottom + 0.12, bring, **small)
    return ax


def _draw_staircase(ax: Axes, data: list[Row], sizes: list[int], left: float, across: float) -> None:
    """Draw the rows sorted by length from `left` on, with the batch size under each column."""
    position, below = 0, -sizes[0] * _SIDE - 0.2
    for t, size in enumerate(sizes):
        x = left + (t + 0.5) * across
        for row, (b, s) in enumerate(data[position : position + size]):
            _cell(ax, x, -(row + 0.5) * _SIDE, across, b, s, f"sorted {row} {t}")
        position += size
        ax.text(x, below, str(size), gid=f"batch_sizes {t}", **(CODE | {"fontsize": 10}))
    ax.text(left - 0.1, below, "batch_sizes", ha="right", family="monospace", **_WORDS)


def _draw_data(ax: Axes, data: list[Row], top: float, per_line: int) -> None:
    """Draw the rows of `data` in their order, so many in a line, each with its index."""
    ax.text(-0.1, top - 0.3, "data", ha="right", family="monospace", **_WORDS)
    ax.text(0, top + 0.1, f"({len(data)}, …): column after column of the staircase", **_WORDS)
    for position, (b, t) in enumerate(data):
        line, column = divmod(position, per_line)
        x, y = (column + 0.5) * _SIDE, top - 0.3 - line * (_SIDE + 0.3)
        _cell(ax, x, y, _SIDE, b, t, f"data {position}")
        words = _WORDS | {"ha": "center", "fontsize": 7.5, "color": GREY}
        ax.text(x, y - _SIDE / 2 - 0.1, str(position), **words)


def _cell(ax: Axes, x: float, y: float, wide: float, b: int, t: int, gid: str) -> None:
    """Draw step t of sequence b."""
    color, size = sequence_color(b), min(9, 72 * wide / (0.65 * len(f"{b},{t}")))
    box(ax, x, y, wide, _SIDE, gid, facecolor=color, edgecolor="white")
    ax.text(x, y, f"{b},{t}", gid=gid, **(CODE | {"color": ink(color), "fontsize": size}))

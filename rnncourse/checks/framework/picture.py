"""Two small heat maps for the example case: the wanted values next to the learner's."""

import html

from torch import Tensor

from rnncourse.checks.framework.language import say

CELL, MAX_SIZE = 18, 24  # pixels; the most rows or columns that are drawn
POSITIVE, NEGATIVE = "217,98,43", "46,120,178"  # orange and blue: distinct for every kind of colour vision


class HeatMaps:
    """wanted and yours, for each part that differs. Opacity shows size, so it reads on any background."""

    def __init__(self, pairs: dict[str, tuple[Tensor, Tensor]]) -> None:
        self.pairs = pairs

    def __repr__(self) -> str:
        return f"heat maps of {', '.join(self.pairs)}"

    def _repr_html_(self) -> str:
        return "".join(_pair(name, *pair) for name, pair in self.pairs.items())


def drawable(wanted: Tensor, yours: Tensor) -> bool:
    """Return whether both can be drawn: more than one number, at most two long axes, none too long."""
    sizes = [max(size) if size else 0 for size in (_matrix(wanted).shape, _matrix(yours).shape)]
    return wanted.numel() > 1 and yours.numel() > 0 and max(sizes) <= MAX_SIZE


def _matrix(tensor: Tensor) -> Tensor:
    tensor = tensor.double()
    return tensor[None] if tensor.ndim < 2 else tensor.flatten(0, -2)


def _pair(name: str, wanted: Tensor, yours: Tensor) -> str:
    a, b = _matrix(wanted), _matrix(yours)
    largest = max(float(a.abs().nan_to_num().max()), float(b.abs().nan_to_num().max()), 1e-12)
    differs = (a - b).abs() > 1e-5 * largest if wanted.shape == yours.shape else None
    maps = "".join(
        "<div style='display:inline-block;vertical-align:top;margin:4px 20px 4px 0'>"
        f"{html.escape(heading)}<br>{_map(matrix, largest, outlined)}</div>"
        for heading, matrix, outlined in (
            (say("{part}, wanted {shape}", part=name, shape=tuple(wanted.shape)), a, None),
            (say("{part}, yours {shape}", part=name, shape=tuple(yours.shape)), b, differs),
        )
    )
    if differs is None:
        note = say("The shapes differ. Orange is positive, blue is negative.")
    else:
        words = "{count} of {total} numbers differ (outlined). Orange is positive, blue is negative."
        note = say(words, count=int(differs.sum()), total=b.numel())
    return f"<div>{maps}<div>{note}</div></div>"


def _map(matrix: Tensor, largest: float, outlined: Tensor | None) -> str:
    rows, columns = matrix.shape
    cells = []
    for r in range(rows):
        for c in range(columns):
            number = float(matrix[r, c])
            color = f"rgba({POSITIVE if number > 0 else NEGATIVE},{min(abs(number) / largest, 1):.2f})"
            edge = (
                " stroke='currentColor' stroke-width='2'"
                if outlined is not None and outlined[r, c]
                else " stroke='#8a8f98' stroke-width='.5'"
            )
            cells.append(
                f"<rect x='{c * CELL + 1}' y='{r * CELL + 1}' width='{CELL - 2}' height='{CELL - 2}'"
                f" fill='{color if number == number else 'none'}'{edge}><title>{number:.4g}</title></rect>"
            )
    size = f"width='{columns * CELL}' height='{rows * CELL}'"
    label = html.escape(say("{rows} by {columns} numbers", rows=rows, columns=columns))
    return f"<svg {size} role='img' aria-label='{label}'>{''.join(cells)}</svg>"

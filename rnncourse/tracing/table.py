"""A table, as plain text and as HTML for Jupyter."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from textwrap import wrap

from rnncourse.printing import printable

WIDTH = 80  # of the text, as of a terminal


@dataclass
class Table:
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __str__(self) -> str:
        title = printable(self.title)
        if not self.rows:
            return title
        lines = [[printable(cell) for cell in line] for line in (self.header, *self.rows)]
        widths = _fitting(list(zip(*lines, strict=True)))
        shown = []
        for line in lines:
            cells = [wrap(cell, max(1, width)) for cell, width in zip(line, widths, strict=True)]
            for parts in zip_longest(*cells, fillvalue=""):
                shown.append("  ".join(part.ljust(width) for part, width in zip(parts, widths, strict=True)))
        return "\n".join([*wrap(title, WIDTH), *(f"  {line}".rstrip() for line in shown)])

    def html(self) -> str:
        """No colours of its own: it must be readable on a light and on a dark page."""
        title = html.escape(self.title)
        if not self.rows:
            return f"<p>{title}</p>"
        style = ' style="text-align: left"'
        head = "".join(f'<th scope="col"{style}>{html.escape(cell)}</th>' for cell in self.header)
        body = "".join(
            "<tr>" + "".join(f"<td{style}>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self.rows
        )
        caption = f'<caption style="text-align: left; caption-side: top">{title}</caption>'
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _fitting(columns: Sequence[Sequence[str]]) -> list[int]:
    """The columns' widths, the widest of them narrowed until a line has WIDTH signs or words would break."""
    widths = [max(map(len, column)) for column in columns]
    words = [max((len(word) for cell in column for word in cell.split()), default=0) for column in columns]
    for _ in range(sum(widths) + 2 * len(widths) - WIDTH):
        widest = max(range(len(widths)), key=lambda k: (widths[k] > words[k], widths[k]))
        widths[widest] -= widths[widest] > words[widest]
    return widths


class Tabled:
    """An object whose repr is its table."""

    def _table(self) -> Table:
        raise NotImplementedError

    def __repr__(self) -> str:
        return str(self._table())

    def _repr_html_(self) -> str:
        return self._table().html()


def in_words(names: Sequence[object]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    *most, last = (str(name) for name in names)
    return f"{', '.join(most)} and {last}" if most else last


def in_units(size: float) -> str:
    """Bytes as a reader says them: 320 B, 1.5 KiB."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.3g} GiB"

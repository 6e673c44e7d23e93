"""A table, as plain text and as HTML for Jupyter."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from textwrap import wrap

from rnncourse.printing import WIDTH, printable


@dataclass
class Table:
    """A table with a title."""

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
        """Return the table as HTML without colours, to be readable on light and dark pages."""
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
    """Return the columns' widths: the widest shrink until a line fits WIDTH or a word would break."""
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
    """Return 'a', 'a and b' or 'a, b and c'."""
    *most, last = (str(name) for name in names)
    return f"{', '.join(most)} and {last}" if most else last


def in_units(size: float) -> str:
    """Return a number of bytes in units that are easy to read: 320 B, 1.5 KiB."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.3g} GiB"

"""An explanation as plain text, and as HTML for a notebook."""

from dataclasses import dataclass, field
from html import escape
from textwrap import TextWrapper

from rnncourse.printing import printable
from rnncourse.shapes import Axes, named

# A message is marked by a coloured edge, never by coloured text: readable on a light page and on a dark one.
EDGES = {"✗": "#d9622b", "!": "#c98f00", "✓": "#2e9e6b"}
LEFT = "style='text-align:left'"  # JupyterLab would align a table's cells to the right


@dataclass(frozen=True)
class Row:
    """One tensor: its name, its axes as in shapes.py, what was given for it, a word on what it is."""

    name: str
    axes: Axes
    given: str = ""
    note: str = ""


@dataclass(frozen=True, repr=False)
class Explanation:
    """What `explain` found: prints as text, shows as a table in a notebook.

    problem: the sentence of the error, "" if there is none. warnings: on slips that would raise nothing.
    fits: what was found right. table: by heading, a Row for each tensor; explanation["h_0"] is one of them.
    """

    title: str = ""
    legend: str = ""
    problem: str = ""
    warnings: tuple[str, ...] = ()
    fits: str = ""
    code: str = ""
    table: dict[str, list[Row]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Row:
        rows = {row.name: row for row in self._rows}
        if name not in rows:
            raise KeyError(f"{name!r}: the table has {', '.join(rows) or 'no rows'}")
        return rows[name]

    @property
    def _rows(self) -> list[Row]:
        return [row for rows in self.table.values() for row in rows]

    @property
    def messages(self) -> list[tuple[str, str]]:
        """A mark and a sentence each: ✗ wrong, ! perhaps not what was meant, ✓ right."""
        marked = [("✗", self.problem), *(("!", warning) for warning in self.warnings), ("✓", self.fits)]
        return [(mark, text) for mark, text in marked if text]

    def __str__(self) -> str:
        lines = [self.title, *_wrapped("", self.legend)] if self.title else []
        for mark, text in self.messages:
            lines += _wrapped(f"{mark} ", text)
        if self.code:
            lines += ["", f"    {self.code}"]
        columns = list(zip(*map(_cells, self._rows), strict=True))
        widths = [max(map(len, column)) for column in columns]
        for heading, rows in self.table.items():
            lines += ["", heading]
            for row in rows:
                cells = zip(_cells(row), widths, strict=True)
                lines.append("  " + "  ".join(cell.ljust(width) for cell, width in cells if width).rstrip())
        if self.notes:
            lines.append("")
        for note in self.notes:
            lines += _wrapped("· ", note)
        return printable("\n".join(lines))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = [f"<b><code>{escape(self.title)}</code></b><br>{escape(self.legend)}"] if self.title else []
        for mark, text in self.messages:
            style = f"border-left:4px solid {EDGES[mark]};padding:2px 0 2px 12px;margin:6px 0;max-width:50em"
            parts.append(f"<div style='{style}'><b>{mark}</b> {escape(text)}</div>")
        if self.code:
            parts.append(f"<pre style='margin:8px 0'>{escape(self.code)}</pre>")
        if self.table:
            parts.append(self._html_table())
        if self.notes:
            items = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
            parts.append(f"<ul style='max-width:60em;margin-top:8px'>{items}</ul>")
        return "\n".join(["<div>", *parts, "</div>"])

    def _html_table(self) -> str:
        given = any(row.given for row in self._rows)  # otherwise the column is left out
        lines = ["<table style='margin:0'>"]
        for heading, rows in self.table.items():
            lines.append(f"<tr><th colspan='{3 + given}' {LEFT}>{escape(heading)}</th></tr>")
            for row in rows:
                name, axes, came, note = map(escape, _cells(row))
                cells = [f"<code>{name}</code>", f"<code>{axes}</code>", *[came] * given, note]
                lines.append("<tr>" + "".join(f"<td {LEFT}>{cell}</td>" for cell in cells) + "</tr>")
        return "\n".join([*lines, "</table>"])


def _cells(row: Row) -> tuple[str, str, str, str]:
    return row.name, named(row.axes), row.given and f"given {row.given}", row.note


def _wrapped(start: str, text: str) -> list[str]:
    return TextWrapper(100, initial_indent=start, subsequent_indent=" " * len(start)).wrap(text)

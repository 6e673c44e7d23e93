"""Show an explanation as plain text, and as HTML for a notebook."""

from dataclasses import dataclass, field, replace
from html import escape
from textwrap import TextWrapper

from rnncourse.printing import WIDTH, printable
from rnncourse.shapes import Axes, named

# A coloured edge marks a message, never coloured text: it is readable on light and dark pages.
EDGES = {"✗": "#d9622b", "!": "#c98f00", "→": "#2e7dae"}
LEFT = "style='text-align:left'"  # JupyterLab would align a table's cells to the right


@dataclass(frozen=True)
class Row:
    """One tensor: its name, its axes as in shapes.py, what was passed for it, and a note."""

    name: str
    axes: Axes
    given: str = ""
    note: str = ""


@dataclass(frozen=True, repr=False)
class Explanation:
    """The result of `explain`: prints as text, and shows as a table in a notebook.

    Attributes:
        title: the module as its repr shows it.
        legend: the letters of the axes.
        problem: the sentence of the error, "" if there is none.
        warnings: sentences on slips that raise no error.
        reading: a sentence that says how a call that fits is read.
        code: the call as code.
        table: a Row for each tensor by heading; explanation["h_0"] returns one of them.
        notes: the sentences below the table.
    """

    title: str = ""
    legend: str = ""
    problem: str = ""
    warnings: tuple[str, ...] = ()
    reading: str = ""
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
        """Pairs of a mark and a sentence: ✗ wrong, → how it is read, ! perhaps not what was meant."""
        marked = [("✗", self.problem), ("→", self.reading), *(("!", warning) for warning in self.warnings)]
        return [(mark, text) for mark, text in marked if text]

    def __str__(self) -> str:
        lines = [*_wrapped("", self.title), *_wrapped("", self.legend)]
        for mark, text in self.messages:
            lines += _wrapped(f"{mark} ", text)
        if self.code:
            lines += ["", f"    {printable(self.code)}"]
        for heading, rows in self.table.items():
            shown = [[printable(cell) for cell in _cells(row)] for row in _gathered(rows)]
            widths = [max(map(len, column)) for column in zip(*shown, strict=True)][:3]
            lines += ["", *_wrapped("", heading)]
            for *cells, note in shown:
                before = "  ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True) if w)
                lines += _wrapped(f"  {before}  ", note) if note else [f"  {before}".rstrip()]
        if self.notes:
            lines.append("")
        for note in self.notes:
            lines += _wrapped("· ", note)
        return "\n".join(lines)

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


def _gathered(rows: list[Row]) -> list[Row]:
    """Return the rows, joining parameters with the same axes that differ only in layer and direction."""
    gathered: dict[object, list[Row]] = {}
    for row in rows:
        stem, _, layer = row.name.partition("_l")
        gathered.setdefault((stem, row.axes) if layer[:1].isdigit() else row.name, []).append(row)
    return [_with_the_others(*same) for same in gathered.values()]


def _with_the_others(first: Row, *others: Row) -> Row:
    if not others:
        return first
    notes = dict.fromkeys(row.note for row in (first, *others))
    note = first.note if len(notes) == 1 else "times the output of the layer below"
    endings = [row.name.removeprefix(row.name.partition("_l")[0]) for row in others]
    also = f"also {', '.join(endings)}" if len(endings) <= 3 else f"also {endings[0]} to {endings[-1]}"
    return replace(first, note=f"{note}; {also}" if note else also)


def _wrapped(start: str, text: str) -> list[str]:
    """Wrap a text to lines of at most WIDTH characters, indented like its start if there is room."""
    start, text = printable(start), printable(text)  # first, since some signs are longer in ASCII
    indent = " " * len(start) if len(start) <= WIDTH - 24 else " " * 6
    if len(start) > WIDTH - 24 and len(start) + len(text) > WIDTH:
        return [start.rstrip(), *_wrapped(indent, text)]
    return TextWrapper(WIDTH, initial_indent=start, subsequent_indent=indent).wrap(text)

"""A report as plain text, and as HTML for a notebook."""

from html import escape
from pathlib import Path
from textwrap import TextWrapper
from typing import TYPE_CHECKING

from rnncourse.printing import printable

if TYPE_CHECKING:
    from rnncourse.auditing.report import Audit, Finding

# A message is marked by a coloured edge, never by coloured text: readable on a light page and on a dark one.
EDGES = {"✗": "#d9622b", "?": "#c98f00", "·": "#888888", "✓": "#2e9e6b"}
WIDTH = 110


def finding_as_text(finding: "Finding") -> str:
    return printable("\n".join(_lines(finding)))


def as_text(report: "Audit") -> str:
    lines = [f"audit of {report.model}"]
    for finding in report.findings:
        lines += _lines(finding)
    for finding in report.meant:
        lines += _wrapped("· ", f"Expected: {finding.kind}. {finding.text}")
    lines += _wrapped("✓ ", _last_line(report))
    return printable("\n".join(lines))


def as_html(report: "Audit") -> str:
    parts = [f"<b>audit of <code>{escape(report.model)}</code></b>"]
    parts += [_block(finding.level, _html(finding)) for finding in report.findings]
    for finding in report.meant:
        parts.append(_block("·", f"Expected: {escape(finding.kind)}. {escape(finding.text)}"))
    parts.append(_block("✓", escape(_last_line(report))))
    return "\n".join(["<div>", *parts, "</div>"])


def _lines(finding: "Finding", indent: str = "") -> list[str]:
    text = finding.text + (f" {finding.by}," if finding.where and finding.by else "")
    lines = _wrapped(indent or f"{finding.level} ", text)
    inner = " " * len(indent or "  ")
    if finding.where:
        lines.append(f"{inner}{finding.where}")
    for other in finding.so:
        lines += _lines(other, inner + "  so: ")
    if finding.see and not indent:
        lines.append(f"{inner}see {finding.see}")
    elif finding.lesson and not indent:
        lines.append(f"{inner}see lesson {finding.lesson}")
    return lines


def _html(finding: "Finding") -> str:
    parts = [escape(finding.text)]
    if finding.where:
        name = f"{Path(finding.where.file).name}:{finding.where.line}"
        parts.append(f"{escape(finding.by or 'At')}, {name}<br><code>{escape(finding.where.code)}</code>")
    if finding.so:
        items = "".join(f"<li>{_html(other)}</li>" for other in finding.so)
        parts.append(f"<ul style='margin:4px 0'>{items}</ul>")
    if finding.see or finding.lesson:
        parts.append(f"see <code>{escape(finding.see or 'lesson ' + finding.lesson)}</code>")
    return "<br>".join(parts)


def _block(mark: str, inner: str) -> str:
    style = f"border-left:4px solid {EDGES[mark]};padding:2px 0 2px 12px;margin:6px 0;max-width:60em"
    return f"<div style='{style}'><b>{mark}</b> {inner}</div>"


def _last_line(report: "Audit") -> str:
    found = {f.kind for f in (*report.findings, *report.meant)}
    found |= {below.kind for f in report.findings for below in f.so}
    quiet = [kind for kind in report.checked if kind not in found]
    text = (
        f"{len(quiet)} checks found nothing: {', '.join(quiet)}." if quiet else "Every check found something."
    )
    if report.not_checked:
        text += f" Not checked: {'; '.join(report.not_checked)}."
    passes = f"{report.cost['forward']:.0f} forward, {report.cost['backward']:.0f} backward passes"
    rows = f"The audit ran rows {', '.join(map(str, report.rows))}; shapes above are theirs"
    return f"{text} {rows}; {passes}, {report.cost['seconds']:.2f} s."


def _wrapped(start: str, text: str) -> list[str]:
    wrapper = TextWrapper(WIDTH, initial_indent=start, subsequent_indent=" " * len(start))
    return wrapper.wrap(text) or [start]

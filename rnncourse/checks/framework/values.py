"""What is wrong with single answers: numbers, shapes, words."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from rnncourse.checks.framework.answers import Comparison
from rnncourse.checks.framework.parts import UNANSWERED, AnyPart, Part
from rnncourse.checks.framework.plain import Plain
from rnncourse.checks.framework.verdict import Finding
from rnncourse.checks.framework.words import kind_of, listed, quotable


def blank(value: Plain) -> bool:
    """Is nothing answered in a dict or list, nested ones too?"""
    if isinstance(value, dict):
        return all(map(blank, value.values()))
    if isinstance(value, list) and value:
        return all(map(blank, value))
    return _unanswered(value)


def _unanswered(value: Plain) -> bool:
    return not isinstance(value, Tensor | np.ndarray) and value in UNANSWERED


def unreadable(c: Comparison) -> Finding | None:
    """What cannot be read as what was asked."""
    n = c.unreadable
    if n is None:
        return None
    other = f"it is {kind_of(c.answers[n].returned)}; asked are {listed(c.names)}."
    row = c.read[n]
    words = other if row is None else _unread(c.parts[row.unread[0]], row.raw[row.unread[0]])
    return Finding("type", f": {words}", counted=False)


def _unread(part: AnyPart, raw: Plain) -> str:
    if _unanswered(raw):
        return f"{part.name} is not answered yet."
    came = f'"{quotable(raw)}"' if isinstance(raw, str) else kind_of(raw)
    return f"{part.name} is {came}; asked is {part.asked}."


def each_wrong(c: Comparison) -> Finding | None:
    """A sentence for each answer that is wrong: what came, and the hint if the slip is known."""
    rows = [row for row in c.read if row is not None]
    if len(rows) < len(c.read):
        return unreadable(c)
    lines, named = [], []
    for k in c.wrong:
        part, wrong = c.parts[k], [n for n, right in enumerate(c.right[k]) if not right]
        n = wrong[0]
        found = rows[n].values[k]
        if found is None:
            lines.append(_unread(part, rows[n].raw[k]))
            continue
        mistake = c.mistake_in(k)
        hint = f" {mistake.hint}" if mistake else ""
        named += [mistake] if mistake else []
        if isinstance(part, Part):
            lines.append(f"{part.name} is wrong.{hint}".rstrip())
            continue
        where = f" ({c.cases[n]})" if c.cases[n].sizes else ""
        often = f" in {len(wrong)} of {len(c.cases)} cases" if len(c.cases) > 1 else ""
        lines.append(f"{part.name}: {_shown(found)}{where} is not right{often}.{hint}")
    total = len(c.parts)
    count = f"{total - len(lines)} of {total} are right.\n  " if total > 1 else ""
    text = f": {count}" + "\n  ".join(lines)
    return Finding("mistake", text, named[0]) if named else Finding("wrong", text)


def _shown(v: Any) -> str:
    return f'"{v}"' if isinstance(v, str) else f"{v:g}" if isinstance(v, float) else str(v)

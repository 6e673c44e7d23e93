"""Say what is wrong with single answers: numbers, shapes, words."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np
from torch import Tensor

from rnncourse.checks.framework.answers import Comparison
from rnncourse.checks.framework.language import listed, say, say_count, sentences
from rnncourse.checks.framework.parts import UNANSWERED, AnyPart, Part
from rnncourse.checks.framework.plain import Plain
from rnncourse.checks.framework.verdict import Finding
from rnncourse.checks.framework.words import describe_case, kind_of, quotable


def blank(value: Plain) -> bool:
    """Return whether nothing is answered in a dict or list, including nested ones."""
    if isinstance(value, dict):
        return all(map(blank, value.values()))
    if isinstance(value, list) and value:
        return all(map(blank, value))
    return _unanswered(value)


def _unanswered(value: Plain) -> bool:
    return not isinstance(value, Tensor | np.ndarray) and value in UNANSWERED


def unreadable(c: Comparison) -> Finding | None:
    """Find an answer that is not of the expected kind."""
    n = c.unreadable
    if n is None:
        return None
    row, returned = c.read[n], c.answers[n].returned
    if row is not None:
        text = _unread(c.parts[row.unread[0]], row.raw[row.unread[0]])
    elif isinstance(returned, dict) and returned:
        text = say("its keys are {keys}; expected {names}.", keys=_keys(returned), names=listed(c.names))
    else:
        text = say("it is {kind}; expected {names}.", kind=kind_of(returned), names=listed(c.names))
    return Finding("type", text, counted=False)


def _keys(keys: Iterable[Plain]) -> str:
    """Write the first keys of a learner's dict."""
    return listed([quotable(str(key)) for key in itertools.islice(keys, 8)])


def _strange_keys(c: Comparison, n: int) -> str:
    """Write a sentence for the keys of an answer that no part has."""
    returned = c.answers[n].returned
    strange = [key for key in returned if key not in c.names] if isinstance(returned, dict) else []
    if not strange:
        return ""
    words = "{keys} is not among the keys that are asked for: {names}."
    more = "{keys} are not among the keys that are asked for: {names}."
    return say_count(words, more, len(strange), keys=_keys(strange), names=listed(c.names))


def _unread(part: AnyPart, raw: Plain) -> str:
    if _unanswered(raw):
        return say("{part} is not answered yet.", part=part.name)
    came = f'"{quotable(raw)}"' if isinstance(raw, str) else kind_of(raw)
    return say(
        "{part} is {kind}; expected {expected}.", part=part.name, kind=came, expected=say(part.expects)
    )


def each_wrong(c: Comparison) -> Finding | None:
    """Write a sentence for each wrong answer: its value, and the hint if the slip is known."""
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
        carried = _carried(c, k, rows[n].values)
        mistake = None if carried else c.mistake_in(k)
        named += [mistake] if mistake else []
        lines.append(
            sentences(
                say("{part} is wrong.", part=part.name)
                if isinstance(part, Part)
                else say("{part}: {value} is not right.", part=part.name, value=_shown(found)),
                say("Wrong in {count} of {total} cases.", count=len(wrong), total=len(c.cases))
                if len(c.cases) > 1
                else "",
                describe_case(c.cases[n]),
                carried or (mistake.hint if mistake else ""),
            )
        )
    total = len(c.parts)
    if total > 1:
        right = total - len(lines)
        lines = [
            say_count("{count} of {total} is right.", "{count} of {total} are right.", right, total=total),
            *(f"  {line}" for line in lines),
            *(f"  {line}" for line in [_strange_keys(c, 0)] if line),
        ]
    return Finding("mistake" if named else "wrong", "\n".join(lines), named[0] if named else None)


def _carried(c: Comparison, k: int, found: list[Any]) -> str:
    """Write a sentence for an answer that is wrong only because earlier ones are."""
    follows = (c.task.follows or {}).get(c.names[k])
    if follows is None:
        return ""
    earlier = {name: c.names.index(name) for name in inspect.signature(follows).parameters}
    own = {name: found[j] for name, j in earlier.items()}
    wrong = [name for name, j in earlier.items() if not all(c.right[j])]
    if None in own.values() or not wrong or not c.parts[k].right(found[k], follows(**own)):
        return ""
    return say("It follows from your {names}: fix that first.", names=listed(wrong))


def _shown(v: Any) -> str:
    return f'"{v}"' if isinstance(v, str) else f"{v:g}" if isinstance(v, float) else str(v)

"""All known mistakes in tables: `python -m rnncourse.checks.framework.bank docs/mistakes.md`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from rnncourse.checks.framework.mistakes import Mistake
from rnncourse.checks.framework.progress import all_sets

HEAD = """# What the checks know

Every known mistake of every task, by name, with the hint that a learner gets (and, folded, where to look),
and the section of the lesson that explains it. An answer that gives a mistake's numbers in every case is told
its hint; any other wrong answer is described by what is wrong with its numbers. A row with {gate}
in it stands for several mistakes, one for each gate. Made by
`python -m rnncourse.checks.framework.bank docs/mistakes.md`; the tests see that it is up to date.
"""


def bank() -> str:
    return "\n".join([HEAD, *_lines()]) + "\n"


def _lines() -> Iterator[str]:
    for name, checks in all_sets().items():
        lesson = checks[0].lesson
        points = sum(check.points for check in checks)
        mistakes = sum(len(check.mistakes) for check in checks)
        yield f"## {lesson} `{name}`: {len(checks)} tasks, {points} points, {mistakes} mistakes\n"
        for check in checks:
            yield f"### {lesson} `{check.name}`: {check.points} point{'s' * (check.points != 1)}\n"
            yield "| mistake | hint | section |\n|---|---|---|"
            yield from _rows(check.mistakes)
            yield ""


def _rows(mistakes: Sequence[Mistake]) -> Iterator[str]:
    """A row for each mistake; several that are written as one have one, and their number in it."""
    written = [(m.section, m.template or (m.name, m.hint), m.look) for m in mistakes]
    for (section, (name, hint), look), count in Counter(written).items():
        times = f" ({count} of them)" if "{" in name else ""
        words = " ".join(filter(None, (hint, look)))
        yield f"| {_cell(name)}{times} | {_cell(words)} | {_cell(section)} |"


def _cell(words: str) -> str:
    return " ".join(words.split()).replace("|", "\\|")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(bank(), encoding="utf-8")

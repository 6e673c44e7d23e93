"""All known mistakes in tables: `python -m rnncourse.checks.framework.bank docs/mistakes.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from rnncourse.checks.framework.progress import all_sets

HEAD = """# What the checks know

Every known mistake of every task, by name, with the hint that a learner gets (and, folded, where to look),
and the section of the lesson that explains it. An answer that gives a mistake's numbers in every case is told
its hint; any other wrong answer is described by what is wrong with its numbers. Made by
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
            for mistake in check.mistakes:
                hint = " ".join(filter(None, (mistake.hint, mistake.look)))
                yield f"| {_cell(mistake.name)} | {_cell(hint)} | {_cell(mistake.section)} |"
            yield ""


def _cell(words: str) -> str:
    return " ".join(words.split()).replace("|", "\\|")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(bank(), encoding="utf-8")

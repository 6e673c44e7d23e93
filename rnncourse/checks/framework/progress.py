"""Record which tasks are done, in one small file on the learner's own machine. None of it is sent anywhere.

The variable RNNCOURSE_PROGRESS has the file's path; `course.py` sets it to work/progress.json, in the
learner's copy. Without it, the file is ~/.rnncourse/progress.json; "off" saves nothing. Nothing is written
while nbgrader grades. A file that cannot be read or written never disturbs a check.
"""

from __future__ import annotations

import contextlib
import html
import importlib
import itertools
import json
import os
import pathlib
import pkgutil
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from rnncourse.printing import printable

VARIABLE = "RNNCOURSE_PROGRESS"


def path() -> pathlib.Path | None:
    """Return where progress is saved; None if it is not saved."""
    chosen = os.environ.get(VARIABLE, "")
    if chosen.lower() == "off" or "NBGRADER_EXECUTION" in os.environ:
        return None
    try:
        return pathlib.Path(chosen) if chosen else pathlib.Path.home() / ".rnncourse" / "progress.json"
    except RuntimeError:  # no home
        return None


def read() -> dict[str, dict[str, list[int]]]:
    """Return {lesson: {task: [points, total]}}, the best so far; {} if there is no valid file."""
    where = path()
    try:
        kept = json.loads(where.read_text(encoding="utf-8")) if where else {}
        return {
            lesson: {task: [int(points), int(total)] for task, (points, total) in tasks.items()}
            for lesson, tasks in kept.items()
        }
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def note(lesson: str, task: str, points: int, total: int) -> None:
    """Save the points of a task if they are the best so far."""
    where = path()
    if where is None:
        return
    kept = read()
    before = kept.get(lesson, {}).get(task)
    if before == [max(points, before[0] if before else 0), total]:
        return
    best = max(points, before[0]) if before and before[1] == total else points
    kept.setdefault(lesson, {})[task] = [best, total]
    with contextlib.suppress(OSError):
        where.parent.mkdir(parents=True, exist_ok=True)
        # Written to a temporary file and moved into place: no reader, and no crash, leaves half a file.
        handle, aside = tempfile.mkstemp(dir=where.parent, prefix=".progress")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(kept, file, indent=1)
            os.replace(aside, where)
        except OSError:
            os.unlink(aside)


STATES = DONE, PARTLY, NOT_YET, TO_DO = ("✓", "done"), ("◐", "partly"), ("✗", "not yet"), ("…", "to do")
TOTAL = "{done} of {tasks} tasks done, {earned} of {points} points."
POINTS = "{earned} of {points}"
EXERCISE = "exercise {lesson}"
NEXT = "Next: {exercise}, {task}."
HEADS = "lesson", "exercise", "tasks", "points"


class Progress:
    """A row for each task: (lesson, set, task, points, total). points is None for a task not tried yet."""

    def __init__(self, rows: list[tuple[str, str, str, int | None, int]]) -> None:
        self.rows = rows

    @property
    def total(self) -> str:
        return TOTAL.format(
            done=sum(points == total for *_, points, total in self.rows),
            tasks=len(self.rows),
            earned=sum(points or 0 for *_, points, _ in self.rows),
            points=sum(row[-1] for row in self.rows),
        )

    @property
    def next(self) -> str:
        """The first task that is not done, in words; empty if all are."""
        return self._next(lambda lesson, name: EXERCISE.format(lesson=lesson))

    def _next(self, shown: Callable[[str, str], str]) -> str:
        open_ = ((lesson, name, task) for lesson, name, task, points, total in self.rows if points != total)
        return next(
            (NEXT.format(exercise=shown(lesson, name), task=task) for lesson, name, task in open_),
            "",
        )

    def __repr__(self) -> str:
        lines, set_before = [], None
        for lesson, name, task, points, total in self.rows:
            if name != set_before:
                lines.append(f"{lesson} {name.replace('_', ' ')}")
                set_before = name
            state = printable(" ".join(_state(points, total)))
            lines.append(f"   {state:<14}{task:<24}{POINTS.format(earned=points or 0, points=total)}")
        return "\n".join([*lines, self.total, *filter(None, [self.next])])

    def _repr_html_(self) -> str:
        """Return what is next, and a table with a row for each exercise, with links to what exists."""
        body = ""
        for (lesson, name), rows in itertools.groupby(self.rows, key=lambda row: row[:2]):
            tasks, earned, total = [], 0, 0
            for *_, task, points, of in rows:
                mark, words = _state(points, of)
                tasks.append(f"<span title='{words}'>{mark} <code>{html.escape(task)}</code></span>")
                earned, total = earned + (points or 0), total + of
            title = _link(f"{lesson} {name.replace('_', ' ')}", f"notebooks/{lesson}_{name}.ipynb")
            shown = POINTS.format(earned=earned, points=total)
            cells = title, _exercise(lesson, name), ", ".join(tasks), shown
            body += "<tr>" + "".join(f"<td style='text-align:left'>{cell}</td>" for cell in cells) + "</tr>"
        head = "".join(f"<th style='text-align:left'>{word}</th>" for word in HEADS)
        marks = ", ".join(" ".join(state) for state in STATES)
        words = f"<p>{self.total} <b>{self._next(_exercise)}</b></p>"
        return f"{words}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{marks}</p>"


def _exercise(lesson: str, name: str) -> str:
    """Return an exercise's name, as a link to it in the learner's copy or in the course."""
    places = f"exercises/exercise_{lesson}_{name}.ipynb", f"exercises/{lesson}_{name}/{name}.ipynb"
    return _link(EXERCISE.format(lesson=lesson), *places)


def _state(points: int | None, total: int) -> tuple[str, str]:
    """Return the mark of a task and its words."""
    if points is None:
        return TO_DO
    return DONE if points == total else NOT_YET if points == 0 else PARTLY


def _link(text: str, *places: str) -> str:
    """Return the text, as a link to the first of these files in the parent directory that exists."""
    for place in places:
        if pathlib.Path("..", place).is_file():
            return f"<a href='../{place}'>{html.escape(text)}</a>"
    return html.escape(text)


def progress() -> Progress:
    """Show which tasks are done: a table in a notebook, text in a terminal.

    Returns:
        The best points of each task so far, as the checks saved them, and what is next.

    Example:
        >>> rnncourse.progress().next  # before the first exercise
        'Next: exercise 01, three_steps.'
    """
    kept = read()
    return Progress(
        [
            (
                check.lesson,
                name,
                check.name,
                kept.get(check.lesson, {}).get(check.name, [None])[0],
                check.points,
            )
            for name, checks in all_sets().items()
            for check in checks
        ]
    )


def all_sets() -> dict[str, Sequence[Any]]:
    """Return the exercise sets by lesson: each module of rnncourse/checks and its CHECKS."""
    package = importlib.import_module("rnncourse.checks")
    names = [found.name for found in pkgutil.iter_modules(package.__path__) if not found.ispkg]
    sets = {name: importlib.import_module(f"{package.__name__}.{name}").CHECKS for name in names}
    return dict(sorted(sets.items(), key=lambda item: item[1][0].lesson))

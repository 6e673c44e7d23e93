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
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from rnncourse.printing import printable

if TYPE_CHECKING:
    from rnncourse.checks.framework.exercise_set import ExerciseSet

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


STATES = DONE, PARTLY, NOT_YET, TO_DO = ("✓", "done"), ("◐", "partly"), ("✗", "not yet"), ("○", "to do")
TOTAL = "{done} of {tasks} tasks done, {earned} of {points} points."
POINTS = "{earned} of {points}"
NEXT = "Next: exercise {lesson}, {title}: {task}."
HEADS = "lesson", "exercise", "tasks", "points"


class Row(NamedTuple):
    """A task: lesson, name and title of its set, its own name, points (None: not tried yet), their total."""

    lesson: str
    set: str
    title: str
    task: str
    points: int | None
    total: int


class Progress:
    """What is done: a row for each task, in the order of the course."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows

    @property
    def total(self) -> str:
        return TOTAL.format(
            done=sum(row.points == row.total for row in self.rows),
            tasks=len(self.rows),
            earned=sum(row.points or 0 for row in self.rows),
            points=sum(row.total for row in self.rows),
        )

    @property
    def next(self) -> str:
        """The first task that is not done, in words; empty if all are."""
        return self._next(lambda row: row.title)

    def _next(self, title: Callable[[Row], str]) -> str:
        open_ = (row for row in self.rows if row.points != row.total)
        return next((NEXT.format(lesson=row.lesson, title=title(row), task=row.task) for row in open_), "")

    def __repr__(self) -> str:
        lines, set_before = [], None
        for row in self.rows:
            if row.set != set_before:
                lines.append(f"{row.lesson} {row.title}")
                set_before = row.set
            state = printable(" ".join(_state(row)))
            points = POINTS.format(earned=row.points or 0, points=row.total)
            lines.append(f"   {state:<14}{row.task:<24}{points}")
        return "\n".join([*lines, self.total, *filter(None, [self.next])])

    def _repr_html_(self) -> str:
        """Return what is next, and a table with a row for each exercise, with links to what exists."""
        body = ""
        for _, group in itertools.groupby(self.rows, key=lambda row: row.set):
            rows = list(group)
            first = rows[0]
            points = POINTS.format(
                earned=sum(row.points or 0 for row in rows), points=sum(row.total for row in rows)
            )
            lesson = _link(f"{first.lesson} {first.title}", f"notebooks/{first.lesson}_{first.set}.ipynb")
            cells = lesson, _exercise(first, first.lesson), " ".join(map(_mark, rows)), points
            body += "<tr>" + "".join(f"<td style='text-align:left'>{cell}</td>" for cell in cells) + "</tr>"
        head = "".join(f"<th style='text-align:left'>{word}</th>" for word in HEADS)
        marks = ", ".join(" ".join(state) for state in STATES)
        words = f"<p>{self.total} <b>{self._next(lambda row: _exercise(row, row.title))}</b></p>"
        return f"{words}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{marks}</p>"


def _mark(row: Row) -> str:
    """Return the mark of a task's state; its words show under the pointer, and are what is read aloud."""
    mark, words = _state(row)
    said = html.escape(f"{row.task}: {words}", quote=True)
    return f"<span role='img' aria-label='{said}' title='{said}'>{mark}</span>"


def _exercise(row: Row, text: str) -> str:
    """Return the text, as a link to the exercise in the learner's copy or in the course."""
    name = f"{row.lesson}_{row.set}"
    return _link(text, f"exercises/exercise_{name}.ipynb", f"exercises/{name}/{row.set}.ipynb")


def _state(row: Row) -> tuple[str, str]:
    """Return the mark of a task and its words."""
    if row.points is None:
        return TO_DO
    return DONE if row.points == row.total else NOT_YET if row.points == 0 else PARTLY


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
        'Next: exercise 01, Sequences and state: three_steps.'
    """
    kept = read()
    rows = []
    for name, checks in all_sets().items():
        best = kept.get(checks.lesson, {})
        for check in checks:
            points = best.get(check.name, [None])[0]
            rows.append(Row(checks.lesson, name, checks.title, check.name, points, check.points))
    return Progress(rows)


def all_sets() -> dict[str, ExerciseSet]:
    """Return the exercise sets in the order of the course: each module of rnncourse/checks and its CHECKS."""
    package = importlib.import_module("rnncourse.checks")
    names = [found.name for found in pkgutil.iter_modules(package.__path__) if not found.ispkg]
    sets = {name: importlib.import_module(f"{package.__name__}.{name}").CHECKS for name in names}
    return dict(sorted(sets.items(), key=lambda item: (item[1].lesson, item[1].supplement)))

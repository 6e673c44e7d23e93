"""Apply a teacher's own points from RESULTS/overrides.csv. No run changes that file; every output uses it.

```
student,assignment,task,points,comment
ana,06_lstm_gates,gates,3,"the idea is right"
ben,06_lstm_gates,,12,"shown in my office"
```

A line without a task gives the points of the whole submission.
"""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

from rnncourse.grading.errors import UserError
from rnncourse.grading.report.result import STATES, Result, TaskResult

NAME = "overrides.csv"
COLUMNS = ("student", "assignment", "task", "points", "comment")
Overrides = dict[tuple[str, str], dict[str, tuple[int, str]]]  # (student, assignment): {task or "": …}


def read_overrides(out: Path) -> Overrides:
    """Read overrides.csv in a folder of results, if it exists; raise UserError if it is malformed."""
    path = out / NAME
    if not path.exists():
        return {}
    try:
        rows = csv.DictReader(io.StringIO(path.read_text("utf-8-sig")))
        if not {"student", "assignment", "points"} <= set(rows.fieldnames or ()):
            raise UserError(f"{path}: expected the columns {', '.join(COLUMNS)} in the first line")
        found: Overrides = {}
        for row in rows:
            where = f"{path}, line {rows.line_num}"
            points = (row["points"] or "").strip()
            if not points.isdecimal():
                raise UserError(f"{where}: expected a whole number of points, got {points or 'nothing'}")
            key = (row["student"] or "").strip(), (row["assignment"] or "").strip()
            task, comment = (row.get("task") or "").strip(), (row.get("comment") or "").strip()
            found.setdefault(key, {})[task] = int(points), comment
        return found
    except (OSError, UnicodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read ({error})") from None


def apply_overrides(result: Result, overrides: Overrides) -> Result:
    """Return the result with the teacher's own points, if there are any."""
    given = overrides.get((result.student, result.assignment))
    if not given:
        return result
    tasks = tuple(_task(task, *given[task.task]) if task.task in given else task for task in result.tasks)
    points = [task.points for task in tasks if task.points is not None]
    total = sum(points) if tasks and len(points) == len(tasks) else None
    remarks = result.remarks
    state = max((task.state for task in tasks), key=list(STATES).index, default=result.state)
    if "" in given:
        total, comment = given[""]
        state = "graded"
        remarks = (*remarks, _words(total, result.total, comment))
    return replace(
        result,
        tasks=tasks,
        points=total,
        state=state,
        reason="" if state == "graded" else result.reason,
        remarks=remarks,
        overridden=True,
    )


def _task(task: TaskResult, points: int, comment: str) -> TaskResult:
    task = task if task.points is not None else replace(task, text="a person has judged this.")
    verdict = task.verdict or ("right" if points == task.total else "wrong")
    remarks = (*task.remarks, _words(points, task.total, comment))
    return replace(task, state="graded", verdict=verdict, points=points, remarks=remarks, earned=())


def _words(points: int, total: int, comment: str) -> str:
    return f"Your teacher gave {points} of {total} points{f': {comment}' if comment else '.'}"

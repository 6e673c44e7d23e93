"""Write the feedback for one student: a page and a JSON file, with the same words as in the notebook.

```
RESULTS/feedback/<assignment>/<student>.html, .json
```

The feedback reveals nothing about the cases. It has no digest (which would allow a search for the seed), no
names of mistakes, and no long numbers from the student's own error messages (which could contain inputs).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from markupsafe import Markup

from rnncourse.checks.framework.verdict import Verdict
from rnncourse.grading.intake.submissions import safe_name
from rnncourse.grading.report.pages import CODE, write_page
from rnncourse.grading.report.result import STATES, Result, TaskResult
from rnncourse.grading.report.writing import atomic_write, to_utf8

NOTHING: Mapping[str, str] = MappingProxyType({})
# Verdicts that repeat words from the student's process.
QUOTING = {"raised", "type", "forbidden", "too slow"}
LONG = r"[-+]?(?:\d*\.\d+(?:e[-+]?\d+)?|\d+e[-+]?\d+|\d{5,})"
LONG_NUMBERS = re.compile(rf"{LONG}(?:[\s,\[\]]+{LONG})*", re.IGNORECASE)


def feedback(result: Result) -> dict:
    """Return what a student may know about a result, as plain data. points: None if a task was not judged."""
    return {
        "student": result.student,
        "assignment": result.assignment,
        "state": result.state,
        "meaning": STATES[result.state],
        "reason": _withheld(result.reason),
        "remarks": list(result.remarks),
        "points": result.points,
        "total": result.total,
        "tasks": [_task(task) for task in result.tasks],
        "stopped": [
            {"line": each.line, "error": _withheld(each.error), "went_on": each.went_on}
            for each in result.stopped
        ],
    }


def _task(task: TaskResult) -> dict:
    data = {"task": task.task, "state": task.state, "points": task.points, "total": task.total}
    data |= {"code": task.code}
    if task.points is None:
        return data | {"text": not_judged(task)}
    shown = verdict(task)
    return data | {
        "verdict": shown.state,
        "mark": shown.mark,
        "text": f"{shown.task}: {shown.text}",
        "look": shown.look,
        "lesson": shown.lesson,
        "remarks": list(shown.remarks),
        "earned": list(shown.earned),
        "score": shown.score,
    }


def not_judged(task: TaskResult) -> str:
    """Return a sentence that says that a task was not judged, and why if that is known."""
    why = _withheld(task.text)
    if why:
        return f"{task.task} was not judged: {why} It has no score yet, which does not mean 0 points."
    return f"{task.task} was not judged. It has no score yet, which does not mean 0 points."


def verdict(task: TaskResult) -> Verdict:
    """Return a task's verdict, without long numbers where it repeats words of the student's process."""
    assert task.points is not None, "use not_judged for such a task"
    remarks = tuple(CODE.sub(lambda quoted: _withheld(quoted[0]), remark) for remark in task.remarks)
    return Verdict(
        task=task.task,
        state=task.verdict,
        text=_withheld(task.text) if task.verdict in QUOTING else task.text,
        points=task.points,
        total=task.total,
        earned=task.earned,
        remarks=remarks,
        look=task.look,
        lesson=task.lesson,
    )


def _withheld(text: str) -> str:
    return LONG_NUMBERS.sub("…", text)


def write_feedback(out: Path, result: Result) -> None:
    """Write the page and the JSON of one student, each whole or not at all."""
    target = out / "feedback" / result.assignment
    name = safe_name(result.student)
    data = feedback(result)
    _write(target / f"{name}.html", result, data)
    with atomic_write(target / f"{name}.json") as file:
        file.write(to_utf8(json.dumps(data, ensure_ascii=False, indent=1) + "\n"))


def write_teachers_page(out: Path, result: Result, solutions: Mapping[str, str]) -> None:
    """Write RESULTS/students/<assignment>/<student>.html, with the full reason and the solutions."""
    path = out / "students" / result.assignment / f"{safe_name(result.student)}.html"
    data = feedback(result) | {"reason": result.reason}
    _write(path, result, data, solutions=solutions, teacher=True)


def _write(
    path: Path,
    result: Result,
    data: dict,
    *,
    solutions: Mapping[str, str] = NOTHING,
    teacher: bool = False,
) -> None:
    judged = [(task.points, task.total) for task in result.tasks if task.points is not None]
    write_page(
        path,
        "student.html",
        data=data,
        verdicts=[
            Markup(verdict(task)._repr_html_()) if task.points is not None else None for task in result.tasks
        ],
        judged=(sum(points for points, _ in judged), sum(total for _, total in judged)),
        solutions=solutions,
        teacher=teacher,
    )

"""The feedback for one student: a page and a JSON file, in the notebook's own words.

```
RESULTS/feedback/<assignment>/<student>.html, .json
```

It holds nothing of the cases: no digest (the cases' seed could be searched by it), no name of a mistake, no
long number from the student's own error messages and prints (an input could be carried out by it).
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
    """What a student may know of a result, as plain data. points: None where something was not judged."""
    return {
        "student": result.student,
        "assignment": result.assignment,
        "state": result.state,
        "meaning": STATES[result.state],
        "reason": _withheld(result.reason),
        "remarks": list(result.remarks),
        "points": result.points,
        "total": result.total,
        "tasks": [_told(task) for task in result.tasks],
        "stopped": [
            {"line": each.line, "error": _withheld(each.error), "went_on": each.went_on}
            for each in result.stopped
        ],
    }


def _told(task: TaskResult) -> dict:
    said = {"task": task.task, "state": task.state, "points": task.points, "total": task.total}
    said |= {"code": task.code}
    if task.points is None:
        return said | {"text": not_judged(task)}
    spoken = verdict(task)
    return said | {
        "verdict": spoken.state,
        "mark": spoken.mark,
        "text": f"{spoken.task}: {spoken.text}",
        "look": spoken.look,
        "lesson": spoken.lesson,
        "remarks": list(spoken.remarks),
        "earned": list(spoken.earned),
        "score": spoken.score,
    }


def not_judged(task: TaskResult) -> str:
    why = _withheld(task.text)
    if why:
        return f"{task.task} was not judged: {why} It has no points, and that is not 0."
    return f"{task.task} was not judged. It has no points, and that is not 0."


def verdict(task: TaskResult) -> Verdict:
    """The verdict as it was said, but for long numbers where it repeats the student's process."""
    assert task.points is not None, "not_judged has the words for it"
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
    said = feedback(result)
    _write(target / f"{name}.html", result, said)
    with atomic_write(target / f"{name}.json") as file:
        file.write(to_utf8(json.dumps(said, ensure_ascii=False, indent=1) + "\n"))


def write_teachers_page(out: Path, result: Result, solutions: Mapping[str, str]) -> None:
    """Write RESULTS/students/<assignment>/<student>.html: nothing withheld, with the solutions."""
    path = out / "students" / result.assignment / f"{safe_name(result.student)}.html"
    said = feedback(result) | {"reason": result.reason}
    _write(path, result, said, solutions=solutions, teacher=True)


def _write(
    path: Path,
    result: Result,
    said: dict,
    *,
    solutions: Mapping[str, str] = NOTHING,
    teacher: bool = False,
) -> None:
    judged = [(task.points, task.total) for task in result.tasks if task.points is not None]
    write_page(
        path,
        "student.html",
        said=said,
        verdicts=[
            Markup(verdict(task)._repr_html_()) if task.points is not None else None for task in result.tasks
        ],
        judged=(sum(points for points, _ in judged), sum(total for _, total in judged)),
        solutions=solutions,
        teacher=teacher,
    )

"""What became of a submission: one named state, and for each task its verdict or why there is none."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from rnncourse.grading.intake.cells import Stopped

# In order of gravity: a submission has the gravest state of its tasks.
STATES = {
    "graded": "every task was judged",
    "stopped": "a cell stopped before it defined what a task needs; the points count, a person should look",
    "flagged": "a task calls the thing that it asks to build; a person should look",
    "timeout": "stopped when its time was up; what was not judged has no points, and not 0",
    "memory": "it wanted more memory than it may have; what was not judged has no points, and not 0",
    "crashed": "its process ended before its time; what was not judged has no points, and not 0",
    "fault": "the grader's own code failed; what was not judged has no points, and not 0",
    "invalid": "what was handed in is no notebook that can be read",
    "missing": "nothing was handed in",
}


@dataclass(frozen=True)
class TaskResult:
    """One task. points: None if it was not judged (never 0 then). verdict: the verdict's own state, "right",
    "mistake" …; mistake: the known mistake's name. text, look, lesson, remarks, earned: as in a Verdict.
    code: the cell of the answer."""

    task: str
    grade_id: str
    state: str
    points: int | None
    total: int
    verdict: str = ""
    mistake: str | None = None
    text: str = ""
    look: str = ""
    lesson: str = ""
    remarks: tuple[str, ...] = ()
    earned: tuple[str, ...] = ()
    code: str = ""


@dataclass(frozen=True)
class Result:
    """One submission. points: None unless every task was judged. digest: of what was graded, and by what.
    remarks: which of several files was taken, and the like. stopped: of the cells' statements.
    number, email: the student's in the LMS. handed_in, late: when, and by how much too late, where that is
    known. likeness: the same for the same code. overridden: whether a person gave points."""

    student: str
    assignment: str
    state: str
    reason: str
    points: int | None
    total: int
    tasks: tuple[TaskResult, ...]
    digest: str
    seconds: float = 0.0
    remarks: tuple[str, ...] = ()
    stopped: tuple[Stopped, ...] = ()
    number: str = ""
    email: str = ""
    handed_in: str = ""
    late: str = ""
    likeness: str = ""
    overridden: bool = False

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Result:
        """Raises ValueError, KeyError or TypeError where the text is no result."""
        fields = json.loads(text)
        tasks = tuple(
            TaskResult(**task | {name: tuple(task[name]) for name in ("remarks", "earned")})
            for task in fields.pop("tasks")
        )
        stopped = tuple(
            Stopped(**each | {"names": tuple(each["names"])}) for each in fields.get("stopped", ())
        )
        remarks = tuple(fields.get("remarks", ()))
        return cls(**fields | {"tasks": tasks, "remarks": remarks, "stopped": stopped})

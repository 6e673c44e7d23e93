"""The result of a submission: a named state, and for each task its verdict or the reason for having none."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from rnncourse.grading.intake.cells import Stopped

# In order of severity: a submission has the most severe state of its tasks.
STATES = {
    "graded": "every task was judged",
    "stopped": "a cell stopped before it defined what a task needs; the points count, a person should look",
    "flagged": "a task calls the thing that it asks to build; a person should look",
    "timeout": "it ran out of time; tasks that were not judged get no score rather than 0",
    "memory": "it ran out of memory; tasks that were not judged get no score rather than 0",
    "crashed": "its process ended early; tasks that were not judged get no score rather than 0",
    "fault": "the grader's own code failed; tasks that were not judged get no score rather than 0",
    "invalid": "no notebook in it can be read",
    "missing": "nothing was submitted",
}


@dataclass(frozen=True)
class TaskResult:
    """The result of one task.

    points: None if the task was not judged (never 0 then). verdict: the state of the Verdict, "right",
    "mistake" …; mistake: the name of the known mistake. text, look, lesson, remarks, earned: as in a Verdict.
    code: the source of the answer's cell.
    """

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
    """The result of one submission.

    points: None unless every task was judged. digest: identifies what was graded, the exercise and the cases.
    remarks: sentences, for example which of several files was graded. stopped: the statements that stopped.
    number, email: the student's number and address in the LMS. handed_in, late: the time of submission and
    the delay in words; "" if unknown. likeness: equal for equal code. overridden: a teacher set the points.
    """

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
        """Decode a result; raise ValueError, KeyError or TypeError if the text is not one."""
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

"""The messages between the grader (client.py) and its warm server (server.py): JSON and raw bytes.

No function, class or closure is sent, so nothing depends on how a version of a library pickles them. The
`use` of a check is sent as the names of a module and an attribute.
"""

from __future__ import annotations

import dataclasses
import json
import mmap
from dataclasses import dataclass, field

from rnncourse.grading.sandbox.limits import Limits

Buffer = bytes | mmap.mmap | memoryview


@dataclass(frozen=True)
class Task:
    """What the answerer must know about a check. It contains no answers.

    use: the module and the name of the check's Use. seconds: the time limit for a case. cases: their number.
    """

    name: str
    use: tuple[str, str]
    forbid: frozenset[str]
    seconds: float
    cases: int


@dataclass(frozen=True)
class Group:
    """The tasks that one answerer answers.

    locked: the names of the torch operations that all of them build.
    """

    tasks: tuple[Task, ...]
    locked: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """The part of a job that contains neither a student's work nor secrets.

    optimizers: whether a cell seems to use torch.optim. points: each check's points, by its name.
    """

    groups: tuple[Group, ...]
    limits: Limits
    optimizers: bool
    points: dict[str, int]

    def to_bytes(self) -> bytes:
        return json.dumps(dataclasses.asdict(self), default=sorted).encode()

    @classmethod
    def from_bytes(cls, message: bytes) -> Plan:
        fields = json.loads(message)
        groups = (
            Group(tuple(_task(**task) for task in group["tasks"]), tuple(group["locked"]))
            for group in fields["groups"]
        )
        return cls(tuple(groups), Limits(**fields["limits"]), fields["optimizers"], fields["points"])


def _task(name: str, use: list[str], forbid: list[str], seconds: float, cases: int) -> Task:
    module, attribute = use
    return Task(name, (module, attribute), frozenset(forbid), seconds, cases)


@dataclass(frozen=True)
class Job:
    """One notebook to run.

    steps: the cells' sources, and a Group wherever tasks are answered. inputs: for each group, the cases'
    inputs as packed by wire.py. points: each check's points, by its name. files: the files beside the
    notebook, by name.
    """

    steps: list[str | Group]
    inputs: list[bytes]
    limits: Limits
    points: dict[str, int] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def plan(self) -> Plan:
        groups = tuple(step for step in self.steps if isinstance(step, Group))
        optimizers = any("optim" in step for step in self.steps if isinstance(step, str))
        return Plan(groups, self.limits, optimizers, self.points)

    @property
    def script(self) -> bytes:
        """The runner's part of the job: each cell's source, with null for the next group; and the files."""
        steps = [step if isinstance(step, str) else None for step in self.steps]
        files = {name: data.decode("latin-1") for name, data in self.files.items()}
        return json.dumps({"steps": steps, "files": files}).encode()


@dataclass
class JobResult:
    """The outcome of a job.

    answers: for each task in the order of the steps, its answers as packed by wire.py, or None.
    ends: for each task, "" if it was answered, otherwise why not: "timeout", "crashed" or "fault".
    end: the same for the whole notebook. fault: an error in the grader's own code, in words.
    at: the number, counted from 1, of the step that was running when the notebook's process ended; 0 if it
    ended before the first. stopped: the runner's report of statements that stopped, as JSON (cells.py decodes
    it).
    """

    answers: list[Buffer | None] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    end: str = ""
    at: int = 0
    fault: Buffer = b""
    stopped: Buffer = b"[]"

    def header(self) -> bytes:
        """Return everything except the student's bytes, which follow the header, but with their lengths."""
        lengths = [None if answer is None else len(answer) for answer in self.written]
        return json.dumps({"lengths": lengths, "ends": self.ends, "end": self.end, "at": self.at}).encode()

    @property
    def written(self) -> list[Buffer | None]:
        return [*self.answers, self.fault, self.stopped]

"""The messages between the grader (client.py) and its warm server (server.py): JSON and raw bytes.

No function, class or closure is sent, so that nothing hangs on how a version of a library pickles them: a
check's `use` goes by the names of its module and of itself.
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
    """What the answerer must know of a check; no answer is in it.

    use: the module and the name of its Use. seconds: for one case. cases: how many there are.
    """

    name: str
    use: tuple[str, str]
    forbid: frozenset[str]
    seconds: float
    cases: int


@dataclass(frozen=True)
class Group:
    """Tasks that one answerer answers. locked: the names of torch's operations that all of them build."""

    tasks: tuple[Task, ...]
    locked: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """The part of a job that is neither a student's nor secret.

    optimizers: whether a cell seems to use torch.optim. points: of each check, by its name.
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
    """One notebook to run. steps: cells' sources and Groups. inputs: for each group a message of wire.py.

    points: of each check, by its name. files: what lies beside the notebook, by its name.
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
        """What the runner reads: each cell's source, or null where the next group has its turn; the files."""
        steps = [step if isinstance(step, str) else None for step in self.steps]
        files = {name: data.decode("latin-1") for name, data in self.files.items()}
        return json.dumps({"steps": steps, "files": files}).encode()


@dataclass
class JobResult:
    """What came of a job.

    answers: a message of wire.py for each task, in the order of the steps; None where there is none.
    ends: why there is none, "timeout", "crashed" or "fault"; "" where there is an answer. end: the same of
    the whole notebook. fault: an error of the grader's own code, in words. at: the number, counted from 1, of
    the step that was being run when the notebook's process ended; 0 before the first. stopped: JSON, what the
    runner says of statements that stopped (cells.py has the fields).
    """

    answers: list[Buffer | None] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    end: str = ""
    at: int = 0
    fault: Buffer = b""
    stopped: Buffer = b"[]"

    def header(self) -> bytes:
        """Everything but what a student's process has written, which follows it; of that the lengths."""
        lengths = [None if answer is None else len(answer) for answer in self.written]
        return json.dumps({"lengths": lengths, "ends": self.ends, "end": self.end, "at": self.at}).encode()

    @property
    def written(self) -> list[Buffer | None]:
        return [*self.answers, self.fault, self.stopped]

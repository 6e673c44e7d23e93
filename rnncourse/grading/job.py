"""The messages between the grader (host.py) and its warm server (server.py): JSON and raw bytes.

No function, class or closure is sent, so that nothing hangs on how a version of a library pickles them: a
check's `use` goes by the names of its module and of itself.
"""

from __future__ import annotations

import dataclasses
import json
import mmap
from dataclasses import dataclass, field

from rnncourse.grading.sandbox import Limits

Buffer = bytes | mmap.mmap


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

    optimizers: whether a cell seems to use torch.optim.
    """

    groups: tuple[Group, ...]
    limits: Limits
    optimizers: bool

    def to_bytes(self) -> bytes:
        return json.dumps(dataclasses.asdict(self), default=sorted).encode()

    @classmethod
    def from_bytes(cls, message: bytes) -> Plan:
        fields = json.loads(message)
        groups = (
            Group(tuple(_task(**task) for task in group["tasks"]), tuple(group["locked"]))
            for group in fields["groups"]
        )
        return cls(tuple(groups), Limits(**fields["limits"]), fields["optimizers"])


def _task(name: str, use: list[str], forbid: list[str], seconds: float, cases: int) -> Task:
    module, attribute = use
    return Task(name, (module, attribute), frozenset(forbid), seconds, cases)


@dataclass(frozen=True)
class Job:
    """One notebook to run. steps: cells' sources and Groups. inputs: for each group a message of wire.py."""

    steps: list[str | Group]
    inputs: list[bytes]
    limits: Limits

    @property
    def plan(self) -> Plan:
        groups = tuple(step for step in self.steps if isinstance(step, Group))
        optimizers = any("optim" in step for step in self.steps if isinstance(step, str))
        return Plan(groups, self.limits, optimizers)

    @property
    def script(self) -> bytes:
        """The steps as the runner reads them: a cell's source, or null where the next group has its turn."""
        return json.dumps([step if isinstance(step, str) else None for step in self.steps]).encode()


@dataclass
class JobResult:
    """What came of a job.

    answers: a message of wire.py for each task, in the order of the steps; None where there is none.
    ends: why there is none, "timeout", "crashed" or "fault"; "" where there is an answer. end: the same of
    the whole notebook. fault: an error of the grader's own code, in words. at: the number, counted from 1, of
    the step that was being run when the notebook's process ended; 0 before the first.
    """

    answers: list[Buffer | None] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    end: str = ""
    fault: str = ""
    at: int = 0

    def header(self) -> bytes:
        """Everything but the answers themselves, which follow it; of these the lengths."""
        lengths = [None if answer is None else len(answer) for answer in self.answers]
        said = {"lengths": lengths, "ends": self.ends, "end": self.end, "fault": self.fault, "at": self.at}
        return json.dumps(said).encode()

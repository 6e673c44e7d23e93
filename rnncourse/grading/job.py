"""What a server is asked to run, and what came of it: the messages between host.py and server.py."""

from __future__ import annotations

import mmap
from dataclasses import dataclass, field

from rnncourse.grading.sandbox import Limits
from rnncourse.grading.student import Group


@dataclass(frozen=True)
class Job:
    """steps: a cell's source, or a Group. inputs: for each group its tasks' cases' arguments, pickled."""

    steps: list[str | Group]
    inputs: list[bytes]
    limits: Limits

    @property
    def plan(self) -> Plan:
        optimizers = any("optim" in step for step in self.steps if isinstance(step, str))
        return Plan([step for step in self.steps if isinstance(step, Group)], self.limits, optimizers)


@dataclass(frozen=True)
class Plan:
    """Of a job, what is no student's and no secret. Steps and inputs come after it, each a message."""

    groups: list[Group]
    limits: Limits
    optimizers: bool


@dataclass
class Ran:
    """answers: a message for each task, in the order of the steps; None where there is none. (The server says
    their lengths, and they come after it.)

    ends: why not: "timeout", "crashed"; "" where there is an answer. end: the same of the whole notebook.
    """

    answers: list[bytes | mmap.mmap | int | None] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    end: str = ""

"""One worker: the assignments, a warm server, and what grades one submission after the other with them.

As a command (`python -m rnncourse.grading.worker`) it is a worker of pool.py's, which sends it settings and
submissions on standard input and reads its results from standard output.
"""

from __future__ import annotations

import dataclasses
import json
import os
import queue
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from rnncourse.grading.errors import GraderError
from rnncourse.grading.intake.assignment import Assignment
from rnncourse.grading.report.result import Result
from rnncourse.grading.sandbox.client import SandboxClient
from rnncourse.grading.sandbox.limits import Limits
from rnncourse.grading.sandbox.pipes import read_message, send
from rnncourse.grading.sandbox.walls import missing
from rnncourse.grading.selftest import run_self_test
from rnncourse.grading.submission import grade

THREADS = 2  # of a worker: while its server runs one notebook, it judges another


@dataclass(frozen=True)
class Settings:
    """What a worker grades with, as plain data that can be sent to another process or machine.

    exercises: name, stem, notebook and seed of each Assignment. hidden: paths that no student's code may
    read.
    """

    exercises: tuple[tuple[str, str, bytes, int], ...]
    hidden: tuple[str, ...]
    limits: dict[str, float]

    @classmethod
    def of(cls, assignments: Iterable[Assignment], hidden: Iterable[Path], limits: Limits) -> Settings:
        exercises = tuple((each.name, each.stem, each.notebook, each.seed) for each in assignments)
        return cls(exercises, tuple(map(str, hidden)), dataclasses.asdict(limits))

    def to_bytes(self) -> bytes:
        fields = dataclasses.asdict(self)
        # A notebook's file is bytes: in latin-1 each of them is one character.
        fields["exercises"] = [
            [n, stem, file.decode("latin-1"), seed] for n, stem, file, seed in self.exercises
        ]
        return json.dumps(fields).encode()

    @classmethod
    def from_bytes(cls, message: bytes) -> Settings:
        fields = json.loads(message)
        exercises = tuple(
            (n, stem, file.encode("latin-1"), seed) for n, stem, file, seed in fields["exercises"]
        )
        return cls(exercises, tuple(fields["hidden"]), fields["limits"])


@dataclass(frozen=True)
class GradeRequest:
    """One submission, as it is sent to a worker. helpers: the files beside the notebook, by their names."""

    student: str
    assignment: str
    notebook: bytes
    helpers: dict[str, bytes] = field(default_factory=dict)

    def header(self) -> dict:
        """Everything but the notebook, as JSON has it."""
        helpers = {name: data.decode("latin-1") for name, data in self.helpers.items()}
        return {"student": self.student, "assignment": self.assignment, "helpers": helpers}

    @classmethod
    def of(cls, header: dict, notebook: bytes) -> GradeRequest:
        helpers = {name: text.encode("latin-1") for name, text in header["helpers"].items()}
        return cls(header["student"], header["assignment"], notebook, helpers)


class Grader:
    """Grades with these settings from `start()` to `stop()`, in several threads at once."""

    def __init__(self, settings: Settings) -> None:
        self.limits = Limits(**settings.limits)  # type: ignore[arg-type]
        self.assignments = {
            name: Assignment(name, stem, notebook, seed) for name, stem, notebook, seed in settings.exercises
        }
        self.host = SandboxClient([Path(path) for path in settings.hidden])

    def start(self) -> None:
        """Raise RuntimeError where this machine has no sandbox, GraderError where the self-test fails."""
        lacks = missing() if self.limits.walls else []
        if lacks:
            raise RuntimeError(f"it has no sandbox: {'; '.join(lacks)}")
        torch.set_num_threads(1)
        try:
            self.host.start()
        except (EOFError, OSError) as error:
            raise GraderError(
                f"the server that runs notebooks did not start ({type(error).__name__})"
            ) from None
        for assignment in self.assignments.values():
            run_self_test(assignment, self.host, self.limits)

    def stop(self) -> None:
        self.host.stop()

    def grade(self, handed_in: GradeRequest) -> Result:
        assignment = self.assignments[handed_in.assignment]
        return grade(
            handed_in.student, assignment, handed_in.notebook, self.host, self.limits, handed_in.helpers
        )


def main() -> None:
    requests, replies = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(2, 1)
    grader = Grader(Settings.from_bytes(read_message(requests)))
    try:
        grader.start()
    except Exception as error:  # whatever keeps this worker from grading, the class's own process says it
        fault = not isinstance(error, RuntimeError)
        words = str(error) if isinstance(error, RuntimeError | GraderError) else repr(error)
        send(replies, json.dumps({"problem": words, "fault": fault}).encode())
        grader.stop()
        return
    send(replies, json.dumps({"problem": ""}).encode())
    waiting: queue.SimpleQueue[tuple[int, GradeRequest]] = queue.SimpleQueue()
    one_at_a_time = threading.Lock()

    def serve() -> None:
        while True:
            number, handed_in = waiting.get()
            result = grader.grade(handed_in)
            with one_at_a_time:
                send(replies, json.dumps({"number": number, "result": result.to_json()}).encode())

    for _ in range(THREADS):
        threading.Thread(target=serve, daemon=True).start()
    try:
        while True:
            asked = json.loads(read_message(requests))
            waiting.put((asked["number"], GradeRequest.of(asked, read_message(requests))))
    except EOFError:  # the class is done, or its process was killed
        grader.stop()
        os._exit(0)


if __name__ == "__main__":
    main()

"""A worker, which has the assignments and a warm server and grades one submission after another.

Started as a command (`python -m rnncourse.grading.worker`), it works for pool.py, which sends settings and
submissions to its standard input and reads results from its standard output.
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

THREADS = 2  # per worker: it judges one notebook while its server runs the next


@dataclass(frozen=True)
class Settings:
    """Everything a worker needs for grading, as plain data that can be sent to another process or machine.

    exercises: name, stem, notebook and seed of each Assignment. hidden: paths that students' code must not
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
        # JSON has no bytes; latin-1 turns each byte into one character.
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
    """One submission, as it is sent to a worker.

    helpers: the files beside the notebook, by name.
    """

    student: str
    assignment: str
    notebook: bytes
    helpers: dict[str, bytes] = field(default_factory=dict)

    def header(self) -> dict:
        """Return everything except the notebook, as JSON values."""
        helpers = {name: data.decode("latin-1") for name, data in self.helpers.items()}
        return {"student": self.student, "assignment": self.assignment, "helpers": helpers}

    @classmethod
    def of(cls, header: dict, notebook: bytes) -> GradeRequest:
        helpers = {name: text.encode("latin-1") for name, text in header["helpers"].items()}
        return cls(header["student"], header["assignment"], notebook, helpers)


class Grader:
    """Grades with given settings between `start()` and `stop()`; several threads may use it at once."""

    def __init__(self, settings: Settings) -> None:
        self.limits = Limits(**settings.limits)  # type: ignore[arg-type]
        self.assignments = {
            name: Assignment(name, stem, notebook, seed) for name, stem, notebook, seed in settings.exercises
        }
        self.client = SandboxClient([Path(path) for path in settings.hidden])

    def start(self) -> None:
        """Start the sandbox and run the self-tests.

        Raises:
            RuntimeError: this machine has no sandbox.
            GraderError: the server does not start, or a self-test fails.
        """
        lacks = missing() if self.limits.walls else []
        if lacks:
            raise RuntimeError(f"it has no sandbox: {'; '.join(lacks)}")
        torch.set_num_threads(1)
        try:
            self.client.start()
        except (EOFError, OSError) as error:
            raise GraderError(
                f"the server that runs notebooks did not start ({type(error).__name__})"
            ) from None
        for assignment in self.assignments.values():
            run_self_test(assignment, self.client, self.limits)

    def stop(self) -> None:
        self.client.stop()

    def grade(self, request: GradeRequest) -> Result:
        assignment = self.assignments[request.assignment]
        return grade(request.student, assignment, request.notebook, self.client, self.limits, request.helpers)


def main() -> None:
    requests, replies = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(2, 1)
    grader = Grader(Settings.from_bytes(read_message(requests)))
    try:
        grader.start()
    except Exception as error:  # the main process reports whatever keeps this worker from grading
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
            number, request = waiting.get()
            result = grader.grade(request)
            with one_at_a_time:
                send(replies, json.dumps({"number": number, "result": result.to_json()}).encode())

    for _ in range(THREADS):
        threading.Thread(target=serve, daemon=True).start()
    try:
        while True:
            header = json.loads(read_message(requests))
            waiting.put((header["number"], GradeRequest.of(header, read_message(requests))))
    except EOFError:  # the run is over, or the main process was killed
        grader.stop()
        os._exit(0)


if __name__ == "__main__":
    main()

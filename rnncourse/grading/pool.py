"""Grade many submissions with worker processes on this machine, which are reached through pipes.

No other process can open a pipe, so a run exposes no port or socket to the machine's other users. If a worker
dies, no result is lost: its submissions are graded again, each on its own.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from rnncourse.grading.errors import GraderError, UserError
from rnncourse.grading.intake.assignment import Assignment
from rnncourse.grading.report.result import Result
from rnncourse.grading.sandbox.pipes import read_message, send
from rnncourse.grading.submission import ungraded
from rnncourse.grading.worker import GradeRequest, Settings

WORKER = "rnncourse.grading.worker"
IN_FLIGHT = 4  # submissions per worker: no worker waits, and few submissions are held in memory


@dataclass(frozen=True)
class Pending:
    """A submission that is waiting for its result.

    suspect: a worker died while it had this submission.
    """

    request: GradeRequest
    suspect: bool = False


class Worker:
    """A worker's process and its pending submissions, by number."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.pending: dict[int, Pending] = {}

    def begin(self) -> None:
        """Start the process. `wait` returns when it is ready."""
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C must reach the main process only, which then ends its workers
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.requests, self.replies = self.process.stdin, self.process.stdout
        with suppress(BrokenPipeError):  # wait() reports that the process has ended
            send(self.requests.fileno(), self.settings.to_bytes())

    def wait(self) -> None:
        """Wait until the process is ready; raise UserError or GraderError if it cannot grade."""
        try:
            reply = self.receive()
        except EOFError:
            raise GraderError("a worker ended while it was starting") from None
        if reply["problem"]:
            raise (
                GraderError(reply["problem"])
                if reply["fault"]
                else UserError(f"a worker on this machine cannot grade: {reply['problem']}")
            )

    def end(self) -> None:
        self.requests.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.replies.close()

    def has_room_for(self, new: Pending) -> bool:
        """Return whether the worker can take this submission. It grades a suspect alone."""
        alone = new.suspect or any(each.suspect for each in self.pending.values())
        return not self.pending if alone else len(self.pending) < IN_FLIGHT

    def send(self, number: int, new: Pending) -> None:
        self.pending[number] = new
        header = {"number": number, **new.request.header()}
        with suppress(BrokenPipeError):  # receive() reports that the process has ended
            send(self.requests.fileno(), json.dumps(header).encode())
            send(self.requests.fileno(), new.request.notebook)

    def receive(self) -> dict:
        return json.loads(read_message(self.replies.fileno()))


def results(
    count: int,
    settings: Settings,
    assignments: dict[str, Assignment],
    submissions: Iterable[GradeRequest],
) -> Generator[Result, None, None]:
    """Yield the result of each submission as it arrives from `count` workers."""
    workers = [Worker(settings) for _ in range(count)]
    waiting = map(Pending, submissions)
    again: deque[Pending] = deque()
    upcoming = next(waiting, None)
    number = 0
    with ExitStack() as stack:
        for worker in workers:
            worker.begin()
            stack.callback(worker.end)
        for worker in workers:
            worker.wait()
        while True:
            for worker in workers:
                while (new := again[0] if again else upcoming) is not None and worker.has_room_for(new):
                    if again:
                        again.popleft()
                    else:
                        upcoming = next(waiting, None)
                    worker.send(number, new)
                    number += 1
            busy = {worker.replies.fileno(): worker for worker in workers if worker.pending}
            if not busy:
                return
            for file in select.select(list(busy), [], [])[0]:
                worker = busy[file]
                try:
                    reply = worker.receive()
                except EOFError:
                    lost, worker.pending = list(worker.pending.values()), {}
                    worker.end()
                    worker.begin()
                    worker.wait()
                    for each in lost:
                        if each.suspect:
                            yield _given_up(each.request, assignments)
                        else:
                            again.append(Pending(each.request, suspect=True))
                else:
                    del worker.pending[reply["number"]]
                    yield Result.from_json(reply["result"])


def _given_up(request: GradeRequest, assignments: dict[str, Assignment]) -> Result:
    why = "The grader's own process ended twice while it graded this submission."
    return ungraded(request.student, assignments[request.assignment], "fault", why, request.notebook)

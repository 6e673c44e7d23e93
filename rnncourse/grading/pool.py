"""Many submissions on the workers of this machine: processes that are spoken to through pipes.

Nobody else can open a pipe, so no port and no socket of a run is open to the machine's other users. A worker
that dies costs no result: what it was asked is asked once more, each submission by itself.
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
IN_FLIGHT = 4  # submissions of each worker, so that it never waits and few are held in memory


@dataclass(frozen=True)
class Pending:
    """A submission to be graded. suspect: a worker has died while it had this one."""

    handed_in: GradeRequest
    suspect: bool = False


class Worker:
    """A worker's process, and what it has been asked: submissions by their numbers."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.asked: dict[int, Pending] = {}

    def begin(self) -> None:
        """Start the process. `wait` returns when it is ready."""
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the class's own process, which then ends its workers
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.requests, self.replies = self.process.stdin, self.process.stdout
        with suppress(BrokenPipeError):  # wait() says that it has ended
            send(self.requests.fileno(), self.settings.to_bytes())

    def wait(self) -> None:
        """Raise UserError or GraderError, in a sentence, where it can't grade."""
        try:
            said = self.receive()
        except EOFError:
            raise GraderError("a worker ended while it started") from None
        if said["problem"]:
            raise (
                GraderError(said["problem"])
                if said["fault"]
                else UserError(f"a worker on this machine can't grade: {said['problem']}")
            )

    def end(self) -> None:
        self.requests.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.replies.close()

    def fits(self, asked: Pending) -> bool:
        """Is there room for it? What a worker may have died of is graded with nothing beside it."""
        alone = asked.suspect or any(each.suspect for each in self.asked.values())
        return not self.asked if alone else len(self.asked) < IN_FLIGHT

    def send(self, number: int, asked: Pending) -> None:
        self.asked[number] = asked
        header = {"number": number, **asked.handed_in.header()}
        with suppress(BrokenPipeError):  # receive() says that it has ended
            send(self.requests.fileno(), json.dumps(header).encode())
            send(self.requests.fileno(), asked.handed_in.notebook)

    def receive(self) -> dict:
        return json.loads(read_message(self.replies.fileno()))


def results(
    count: int,
    settings: Settings,
    assignments: dict[str, Assignment],
    submissions: Iterable[GradeRequest],
) -> Generator[Result, None, None]:
    """Yield the result of each submission as it comes, from `count` workers."""
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
                while (asked := again[0] if again else upcoming) is not None and worker.fits(asked):
                    if again:
                        again.popleft()
                    else:
                        upcoming = next(waiting, None)
                    worker.send(number, asked)
                    number += 1
            busy = {worker.replies.fileno(): worker for worker in workers if worker.asked}
            if not busy:
                return
            for file in select.select(list(busy), [], [])[0]:
                worker = busy[file]
                try:
                    answer = worker.receive()
                except EOFError:
                    lost, worker.asked = list(worker.asked.values()), {}
                    worker.end()
                    worker.begin()
                    worker.wait()
                    for asked in lost:
                        if asked.suspect:
                            yield _given_up(asked, assignments)
                        else:
                            again.append(Pending(asked.handed_in, suspect=True))
                else:
                    del worker.asked[answer["number"]]
                    yield Result.from_json(answer["result"])


def _given_up(asked: Pending, assignments: dict[str, Assignment]) -> Result:
    why = "The grader's own process ended twice while this was graded."
    lost = asked.handed_in
    return ungraded(lost.student, assignments[lost.assignment], "fault", why, lost.notebook)

"""Supervise the processes of one submission from the first fork to the end of the last one.

A fork inherits this process's whole memory, including memory that is no longer used. This process therefore
holds notebooks, inputs and answers only in memory that forks do not inherit (`_apart`).
"""

from __future__ import annotations

import importlib
import mmap
import os
import pkgutil
import resource
import select
import signal
import time
from contextlib import suppress
from types import ModuleType

from rnncourse.checks import given
from rnncourse.checks.framework.limit import PATIENCE
from rnncourse.checks.framework.use import Use
from rnncourse.checks.framework.watch import ANSWERS, Watch
from rnncourse.grading.sandbox.messages import Group, JobResult, Plan, Task
from rnncourse.grading.sandbox.pipes import read
from rnncourse.grading.sandbox.processes import (
    Process,
    children,
    kill_all_children,
    switches,
    threads,
    why_ended,
)
from rnncourse.grading.sandbox.runner import DONE, HERE, Channel, SharedPage, run
from rnncourse.grading.sandbox.walls import Sandbox
from rnncourse.grading.sandbox.warm import warm_up_optimizers
from rnncourse.grading.sandbox.wire import MAX_BYTES

SLACK = 5.0  # seconds for an answerer beyond the sum of its cases' own limits
MAX_LEFT_IN_PIPE = 2**20
MAX_REPORTED = 2**17  # bytes of the report about cells that stopped
CROWD, LOOK = 2, 0.25  # allowed children (the runner and an answerer); seconds until they are counted again


class Supervisor:
    """Supervises one submission at a time: its runner, and one answerer after another."""

    def __init__(self, box: Sandbox) -> None:
        self.box = box
        self.given = {found.name: _given(found.name) for found in pkgutil.iter_modules(given.__path__)}

    def run(self, plan: Plan, requests: int) -> JobResult:
        if plan.optimizers:
            warm_up_optimizers()
        result = JobResult()
        uses = {task.use: find_use(*task.use) for group in plan.groups for task in group.tasks}
        for group in plan.groups:
            for task in group.tasks:
                Watch(task.forbid | ANSWERS)  # looks up, and caches, what is forbidden
        up, up_write = os.pipe()
        down_read, down = os.pipe()
        go_read, go = os.pipe()
        os.set_blocking(up, False)
        page = SharedPage()
        pid = os.fork()
        if pid == 0:
            try:
                _close_all_but(up_write, down_read, go_read, *self.box.files)
                run(Channel(up_write, down_read, go_read, page), self.box, plan, uses, self.given)
            except BaseException as error:
                if page.step[0] == 0:  # no student code has run yet
                    page.blame(error)
            finally:
                os._exit(1)
        page.keep_apart()
        os.close(go_read)
        self.up, self.down, self.down_read, self.page = up, down, down_read, page
        runner = Process(pid)
        try:
            steps, *inputs = [_read_apart(requests) for _ in range(1 + len(plan.groups))]
            self._give(steps, runner, time.monotonic() + plan.limits.wall)
            self._oversee(plan.groups, inputs, plan.limits.wall, result, runner, go)
        finally:
            runner.kill()
            if children():
                self.box.end_all()
                kill_all_children()
            for end in (up, up_write, down_read, down, go):
                os.close(end)
            self.box.empty()
            result.at, result.fault = page.step[0], page.fault
        return result

    def _oversee(
        self,
        groups: tuple[Group, ...],
        messages: list[mmap.mmap],
        wall: float,
        result: JobResult,
        runner: Process,
        go: int,
    ) -> None:
        left = wall
        for group, inputs in zip(groups, messages, strict=True):
            begin = time.monotonic()
            here = self._take(len(HERE), runner, begin + left)
            left -= time.monotonic() - begin
            if here is None:
                break
            answers, why = self._answers(group.tasks, inputs, runner, wall)
            result.answers += answers
            why = "fault" if len(self.page.fault) else why
            result.ends += ["" if answer is not None else why for answer in answers]
            with suppress(BrokenPipeError):
                os.write(go, b"g")
            runner.signal(signal.SIGCONT)
        else:
            if self._take(len(DONE), runner, time.monotonic() + left) is not None:
                report = self._message(runner, time.monotonic() + SLACK)
                result.stopped = memoryview(report or b"[]")[:MAX_REPORTED]
                return
        result.end = "timeout" if left <= 0.01 else why_ended(runner)
        if self.page.step[0] == 0:
            result.end = "fault"
        unanswered = sum(len(group.tasks) for group in groups) - len(result.answers)
        result.answers += [None] * unanswered
        result.ends += [result.end] * unanswered

    def _answers(
        self, tasks: tuple[Task, ...], inputs: mmap.mmap, runner: Process, wall: float
    ) -> tuple[list[mmap.mmap | None], str]:
        """Run one answerer; return its answers, None for those that are missing, and why they are missing.

        The answers count only if the stopped runner was never scheduled meanwhile.
        """
        answers: list[mmap.mmap | None] = [None] * len(tasks)
        runner.signal(signal.SIGSTOP)
        others = [pid for pid in children() if pid != runner.pid]
        if len(others) != 1 or not runner.wait_stopped():
            return answers, "crashed"
        answerer, asleep = Process(others[0]), switches(runner.pid)
        end = time.monotonic() + wall + SLACK
        deadline = time.monotonic() + SLACK
        try:
            _drain(self.up)
            if threads(answerer.pid) == 1 and self._give(inputs, answerer, deadline):
                for k, task in enumerate(tasks):
                    deadline = min(end, time.monotonic() + PATIENCE * task.seconds * task.cases + SLACK)
                    answers[k] = self._message(answerer, deadline)
                    if answers[k] is None:
                        break
            if switches(runner.pid) != asleep:
                return [None] * len(tasks), "crashed"
            return answers, "timeout" if time.monotonic() >= deadline else why_ended(answerer)
        finally:
            answerer.kill()
            _drain(self.up)
            _drain(self.down_read)

    def _message(self, process: Process, deadline: float) -> mmap.mmap | None:
        """Receive a message; return None if the process ends, time runs out, or the message is too long."""
        head = self._take(8, process, deadline)
        length = int.from_bytes(head, "little") if head else 0
        message = _apart(length) if 0 < length <= MAX_BYTES else None
        return message if message and self._take_into(memoryview(message), process, deadline) else None

    def _take(self, length: int, process: Process, deadline: float) -> bytes | None:
        taken = bytearray(length)
        return bytes(taken) if self._take_into(memoryview(taken), process, deadline) else None

    def _take_into(self, rest: memoryview, process: Process, deadline: float) -> bool:
        """Fill `rest`; return False if the process ends, time runs out, or there are too many processes."""
        ended, look = False, time.monotonic() + LOOK
        poll = select.poll()
        poll.register(self.up, select.POLLIN)
        poll.register(process.file, select.POLLIN)
        while rest:
            try:
                rest = rest[os.readv(self.up, [rest]) :]
            except BlockingIOError:
                now = time.monotonic()
                if ended or now >= deadline or (now >= look and len(children()) > CROWD):
                    return False
                look = now + LOOK if now >= look else look
                ready = poll.poll((min(deadline, look) - now) * 1000)
                ended = any(file == process.file for file, _ in ready)
        return True

    def _give(self, message: mmap.mmap, process: Process, deadline: float) -> bool:
        """Send a message; return False if the process ends or time runs out before it has read it."""
        os.set_blocking(self.down, False)
        poll = select.poll()
        poll.register(self.down, select.POLLOUT)
        poll.register(process.file, select.POLLIN)
        for part in (len(message).to_bytes(8, "little"), message):
            rest = memoryview(part)
            while rest:
                try:
                    rest = rest[os.write(self.down, rest) :]
                except BlockingIOError:
                    ready = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
                    if not ready or any(file == process.file for file, _ in ready):
                        return False
        return True


def _apart(length: int) -> mmap.mmap:
    """Return memory that no fork inherits and that returns to the system when it is no longer used."""
    memory = mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_DONTFORK)
    return memory


def _read_apart(file: int) -> mmap.mmap:
    """Read the next message, which has at least one byte, into memory that no fork inherits."""
    message = _apart(int.from_bytes(read(file, 8), "little"))
    rest = memoryview(message)
    while rest:
        length = os.readv(file, [rest])
        if not length:
            raise EOFError
        rest = rest[length:]
    return message


def _drain(file: int) -> None:
    """Discard what is in a pipe, up to MAX_LEFT_IN_PIPE: a writer without end must not block this process.

    The pipe is not made non-blocking, because its other readers share that setting.
    """
    poll = select.poll()
    poll.register(file, select.POLLIN)
    left = MAX_LEFT_IN_PIPE
    while left > 0 and any(event & select.POLLIN for _, event in poll.poll(0)):
        length = len(os.read(file, 2**16))
        if not length:
            return
        left -= length


def _close_all_but(*keep: int) -> None:
    """Close all files except `keep`; connect standard input, output and error to /dev/null."""
    null = os.open(os.devnull, os.O_RDWR)
    for file in (0, 1, 2):
        os.dup2(null, file)
    at = 3
    for file in sorted(keep):
        os.closerange(at, file)
        at = file + 1
    os.closerange(at, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _given(name: str) -> ModuleType:
    return importlib.import_module(f"{given.__name__}.{name}")


def find_use(module: str, name: str) -> Use:
    """Return the Use of that name. Its module, in the framework or in `uses`, contains no answers."""
    return getattr(importlib.import_module(module), name)

"""A warm process, with torch imported and nothing of a student's: it forks for each submission, and watches.

Jobs come in on standard input and events go out on standard output: this process's messages are pickles
between two sides that trust each other (host.py is the other). What a student's process says is passed on as
it came: bytes. It has one thread from its first torch operation on: a fork after two threads would hang.

A fork has this process's whole memory, also what is no longer used of it. So this process never has a
notebook, a case's inputs or an answer in memory that a fork could inherit: they lie apart (`_apart`).
"""

from __future__ import annotations

import functools
import gc
import importlib.util
import mmap
import os
import pickle
import resource
import select
import signal
import sys
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

import rnncourse
from rnncourse.checks.framework import use as framework_use
from rnncourse.checks.framework.cases import Case
from rnncourse.checks.framework.evaluate import evaluate
from rnncourse.checks.framework.use import Use, call, load_and_call
from rnncourse.checks.framework.watch import ANSWERS, Watch
from rnncourse.grading.sandbox import Box, Limits
from rnncourse.grading.student import (
    DONE,
    HERE,
    Channel,
    Group,
    Task,
    hooks_in_child,
    no_recordings,
    read,
    read_message,
    run,
    send,
    write_all,
)
from rnncourse.grading.wire import MOST_BYTES, pack_answers

CHECKS = Path(framework_use.__file__).parents[1]
FIRST_CELL = """
import torch
from torch import nn
import numpy as np
from rnncourse.notebook import setup
setup()
"""
SLACK = 5.0  # seconds for an answerer beyond the sum of its cases' own limits


MOST_LEFT_IN_PIPE = 2**20
CROWD, LOOK = 2, 0.25  # of children: the runner and an answerer. seconds until they are counted again


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


class Overseer:
    """One submission at a time: its runner, and one answerer after the other."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.given = {path.parent.name: _load(str(path)) for path in sorted(CHECKS.glob("*/given.py"))}

    def run(self, plan: Plan, requests: int) -> Ran:
        if plan.optimizers:
            _warm_up_optimizers()
        ran = Ran()
        uses = {task.use: _use(*task.use) for group in plan.groups for task in group.tasks}
        for group in plan.groups:
            for task in group.tasks:
                Watch(task.forbid | ANSWERS)  # finds, and remembers, what that forbids
        up, up_write = os.pipe()
        down_read, down = os.pipe()
        go_read, go = os.pipe()
        os.set_blocking(up, False)
        pid = os.fork()
        if pid == 0:
            try:
                _close_all_but(up_write, down_read, go_read, *self.box.files)
                run(Channel(up_write, down_read, go_read), self.box, plan.limits, uses, self.given)
            finally:
                os._exit(1)
        os.close(go_read)
        self.up, self.down, self.down_read = up, down, down_read
        runner = _Process(pid)
        try:
            steps, *inputs = [_read_apart(requests) for _ in range(1 + len(plan.groups))]
            self._give(steps, runner, time.monotonic() + plan.limits.wall)
            self._oversee(plan.groups, inputs, plan.limits.wall, ran, runner, go)
        finally:
            runner.kill()
            if _children():
                self.box.end_all()
                _kill_all_children()
            for end in (up, up_write, down_read, down, go):
                os.close(end)
            self.box.empty()
        return ran

    def _oversee(
        self, groups: list[Group], given: list[mmap.mmap], wall: float, ran: Ran, runner: _Process, go: int
    ) -> None:
        left = wall
        for group, inputs in zip(groups, given, strict=True):
            begin = time.monotonic()
            here = self._take(len(HERE), runner, begin + left)
            left -= time.monotonic() - begin
            if here is None:
                break
            answers, why = self._answers(group.tasks, inputs, runner, wall)
            ran.answers += answers
            ran.ends += ["" if answer is not None else why for answer in answers]
            with suppress(BrokenPipeError):
                os.write(go, b"g")
            runner.signal(signal.SIGCONT)
        else:
            if self._take(len(DONE), runner, time.monotonic() + left) is not None:
                return
        ran.end = "timeout" if left <= 0.01 else _why(runner)
        unanswered = sum(len(group.tasks) for group in groups) - len(ran.answers)
        ran.answers += [None] * unanswered
        ran.ends += [ran.end] * unanswered

    def _answers(
        self, tasks: tuple[Task, ...], inputs: mmap.mmap, runner: _Process, wall: float
    ) -> tuple[list[mmap.mmap | None], str]:
        """One answerer, from its first word to its end. It counts if the stopped runner slept through it."""
        answers: list[mmap.mmap | None] = [None] * len(tasks)
        runner.signal(signal.SIGSTOP)
        others = [pid for pid in _children() if pid != runner.pid]
        if len(others) != 1 or not runner.wait_stopped():
            return answers, "crashed"
        answerer, asleep = _Process(others[0]), _switches(runner.pid)
        end = time.monotonic() + wall + SLACK
        deadline = time.monotonic() + SLACK
        try:
            self._drain()
            if _threads(answerer.pid) == 1 and self._give(inputs, answerer, deadline):
                for k, task in enumerate(tasks):
                    deadline = min(end, time.monotonic() + task.seconds * task.cases + SLACK)
                    answers[k] = self._message(answerer, deadline)
                    if answers[k] is None:
                        break
            if _switches(runner.pid) != asleep:
                return [None] * len(tasks), "crashed"
            return answers, "timeout" if time.monotonic() >= deadline else _why(answerer)
        finally:
            answerer.kill()
            self._drain()
            _drain(self.down_read)

    def _message(self, process: _Process, deadline: float) -> mmap.mmap | None:
        """An answer, without its length; None as in `_take`, or if it is too long."""
        head = self._take(8, process, deadline)
        length = int.from_bytes(head, "little") if head else 0
        message = _apart(length) if 0 < length <= MOST_BYTES else None
        return message if message and self._take_into(memoryview(message), process, deadline) else None

    def _take(self, length: int, process: _Process, deadline: float) -> bytes | None:
        taken = bytearray(length)
        return bytes(taken) if self._take_into(memoryview(taken), process, deadline) else None

    def _take_into(self, rest: memoryview, process: _Process, deadline: float) -> bool:
        """All that fits in. False if the process ends, or time does, before; or if processes multiply."""
        ended, look = False, time.monotonic() + LOOK
        poll = select.poll()
        poll.register(self.up, select.POLLIN)
        poll.register(process.file, select.POLLIN)
        while rest:
            try:
                rest = rest[os.readv(self.up, [rest]) :]
            except BlockingIOError:
                now = time.monotonic()
                if ended or now >= deadline or (now >= look and len(_children()) > CROWD):
                    return False
                look = now + LOOK if now >= look else look
                ready = poll.poll((min(deadline, look) - now) * 1000)
                ended = any(file == process.file for file, _ in ready)
        return True

    def _give(self, message: mmap.mmap, process: _Process, deadline: float) -> bool:
        """A message after its length. False if the process ends, or time does, before it has taken it."""
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

    def _drain(self) -> None:
        _drain(self.up)


class _Process:
    """A child of this process."""

    def __init__(self, pid: int) -> None:
        self.pid, self.file, self.status = pid, os.pidfd_open(pid), None

    def signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.file, number)

    def wait_stopped(self) -> bool:
        """Until it is stopped. False if it has ended instead."""
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            return True
        self.status = os.waitstatus_to_exitcode(status)
        return False

    def end(self) -> int:
        """Wait for its end; its exit status, or minus the signal that ended it."""
        if self.status is None:
            _, status = os.waitpid(self.pid, 0)
            self.status = os.waitstatus_to_exitcode(status)
        return self.status

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.end()
        if self.file >= 0:
            os.close(self.file)
            self.file = -1


def _why(process: _Process) -> str:
    """Of a process that has ended before it should."""
    process.signal(signal.SIGKILL)  # of no effect on one that has
    return "timeout" if process.end() == -signal.SIGXCPU else "crashed"


def _apart(length: int) -> mmap.mmap:
    """Memory that no fork inherits, and that is the system's again when it is not used any more."""
    memory = mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_DONTFORK)
    return memory


def _read_apart(file: int) -> mmap.mmap:
    """The next message, which has at least a byte."""
    message = _apart(int.from_bytes(read(file, 8), "little"))
    rest = memoryview(message)
    while rest:
        length = os.readv(file, [rest])
        if not length:
            raise EOFError
        rest = rest[length:]
    return message


def _children() -> list[int]:
    return [int(pid) for pid in Path("/proc/self/task", str(os.getpid()), "children").read_text().split()]


def _kill_all_children() -> None:
    """All of them; RuntimeError, which ends this server, if they are made quicker than they die."""
    for _ in range(1000):
        children = _children()
        if not children:
            return
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in children:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
    raise RuntimeError("a student's processes can't be ended")


def _switches(pid: int) -> list[str]:
    """How often each thread of a process has been given a processor, by now: it changes if one wakes."""
    found = []
    for status in sorted(Path(f"/proc/{pid}/task").glob("*/status")):
        with suppress(OSError):
            found += [line for line in status.read_text().splitlines() if "ctxt_switches" in line]
    return found


def _threads(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0


def _drain(file: int) -> None:
    """Throw away what lies in a pipe. (Not by making it non-blocking: its other readers share that.)

    And not what is written meanwhile: whoever does so without end would keep this process here.
    """
    poll = select.poll()
    poll.register(file, select.POLLIN)
    left = MOST_LEFT_IN_PIPE
    while left > 0 and any(event & select.POLLIN for _, event in poll.poll(0)):
        length = len(os.read(file, 2**16))
        if not length:
            return
        left -= length


def _close_all_but(*keep: int) -> None:
    """Standard input, output and error become /dev/null; of all else only `keep` stays open."""
    null = os.open(os.devnull, os.O_RDWR)
    for file in (0, 1, 2):
        os.dup2(null, file)
    at = 3
    for file in sorted(keep):
        os.closerange(at, file)
        at = file + 1
    os.closerange(at, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _warm_up() -> None:
    """Import what notebooks import, and run once what is slow the first time."""
    torch.set_num_threads(1)
    hooks_in_child()
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config, colors="NoColor")
    shell.showtraceback = shell.showsyntaxerror = lambda *arguments, **named: None  # nobody reads it
    shell.run_cell(FIRST_CELL)
    x = pickle.loads(pickle.dumps(torch.from_numpy(np.ones((4, 2, 3)))))
    weights = rnncourse.LSTMCell(3, 5).double().state_dict()
    for learner, use, arguments in (
        (rnncourse.LSTMCell, load_and_call, {"I": 3, "H": 5, "parameters": weights, "x_t": x[0]}),
        (_steps, call, {"x": x, "weights": weights}),
    ):
        (answer,) = evaluate(learner, [Case(arguments, {})], use, frozenset())
        pack_answers([answer])
    shell.reset(new_session=False)
    # torch warns once that an operation is replaced: here, for there it would call a student's warnings.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = torch.library.Library("rnncourse_grading", "DEF")
        own.define("nothing() -> ()")
        twice = [torch._C._dispatch_library("IMPL", "rnncourse_grading", "CPU", "grading") for _ in range(2)]
        for library in twice:
            library.impl("nothing", torch._C.DispatchKey.CPU, lambda: None)
    # By this an operation could be kept that is to be taken out of the dispatcher later.
    del torch._C._dispatch_get_computed_kernel_for_dispatch_key
    no_recordings()


@functools.cache
def _warm_up_optimizers() -> None:
    """The first optimizer of a process imports torch's compiler, for two seconds: only where one is used."""
    torch.optim.SGD([torch.zeros(1)])
    _freeze()


def _freeze() -> None:
    """Or each fork's first collection would write to, and so copy, all that is here."""
    gc.collect()
    gc.freeze()


def _steps(x: torch.Tensor, weights: dict[str, torch.Tensor]) -> torch.Tensor:
    """What answers do: so that torch's first time is over."""
    h = c = torch.zeros(x.shape[1], 5, dtype=x.dtype)
    w = {name: weight.requires_grad_() for name, weight in weights.items()}
    hs = []
    for x_t in x:
        a = x_t @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"]
        i, f, g, o = a.chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        hs.append(h)
    output = torch.stack(hs)
    torch.cat([output.flip(0), output], dim=-1).sum().backward()
    return output.transpose(0, 1).detach()


def _reply(file: int, ran: Ran) -> None:
    lengths = [None if answer is None else len(answer) for answer in ran.answers]
    send(file, pickle.dumps(Ran(lengths, ran.ends, ran.end)))
    for answer in ran.answers:
        if answer is not None:
            write_all(file, answer)


def main() -> None:
    folder, uid = Path(sys.argv[1]), int(sys.argv[2])
    requests, replies = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(2, 1)
    os.environ.update(HOME=str(folder), TMPDIR=str(folder), RNNCOURSE_PROGRESS="off", IPYTHONDIR=str(folder))
    _warm_up()
    hidden = [Path(path) for path in pickle.loads(read_message(requests))]
    box = Box(folder, uid if uid >= 0 else None, hidden)
    overseer = Overseer(box)
    _freeze()
    send(replies, pickle.dumps("ready"))
    while True:
        try:
            plan = pickle.loads(read_message(requests))
        except EOFError:
            os._exit(0)  # nothing here needs an orderly end, which would take a second
        _reply(replies, overseer.run(plan, requests))


@functools.cache
def _load(file: str) -> ModuleType:
    """A module of a set from its file alone: the package around it holds the answers."""
    spec = importlib.util.spec_from_file_location(Path(file).stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _use(file: str, name: str) -> Use:
    return getattr(framework_use if file == framework_use.__file__ else _load(file), name)


if __name__ == "__main__":
    from rnncourse.grading.server import main as named_main  # whose classes are those that pickle names

    named_main()

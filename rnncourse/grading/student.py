"""A student's process: runs the cells of one notebook; at the checks a copy of itself answers the cases.

Two roles. The *runner* executes the cells, in a thread, so that no frame of this module lies under a
student's code. At a check it clones itself; the copy, the *answerer*, is the server's child, and while it is
at work the runner is stopped. So a task's inputs and its answers are out of reach of threads that cells have
left behind, and what is forbidden in an answerer is forbidden for good.

Nothing here is called, or can be found, by a student's code before the answerer has locked itself: not by a
module's name (it is taken out of sys.modules), not through gc or ctypes (refused by an audit hook, which
nothing removes), not by replacing a builtin (the runner's loop calls none).
"""

from __future__ import annotations

import _imp
import _thread
import ast
import ctypes
import functools
import gc
import json
import linecache
import mmap
import os
import re
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from typing import Any

import torch

from rnncourse.checks.framework.cases import Case
from rnncourse.checks.framework.evaluate import Answer, Failure, evaluate
from rnncourse.checks.framework.evaluate import _answer as evaluate_one
from rnncourse.checks.framework.use import Use
from rnncourse.checks.framework.watch import STAND_INS, Watch
from rnncourse.grading.job import Group, Plan, Task
from rnncourse.grading.sandbox import CLONE_PARENT, Box, die_with_parent
from rnncourse.grading.wire import pack_answers, unpack_inputs

SIGCHLD, SYS_CLONE = 17, {"x86_64": 56, "aarch64": 220}
DENIED_EVENTS: tuple[str, ...] = (
    "ctypes.",
    "gc.get_",
    "sys._current_",
    "sys.setprofile",
    "sys.settrace",
    "os.fork",
    "os.exec",
    "sys.monitoring",
    "cpython.PyInterpreterState_New",
)
DENIED_EVENTS += ("os.posix_spawn", "os.system", "subprocess.", "socket.", "pty.", "sys.addaudithook")
# torch's recurrent operations, as its dispatcher knows them: below Python, so however they are called.
OPERATIONS = {
    "torch.lstm_cell": ("lstm_cell", "_thnn_fused_lstm_cell"),
    "torch.gru_cell": ("gru_cell", "_thnn_fused_gru_cell"),
    "torch.rnn_tanh_cell": ("rnn_tanh_cell",),
    "torch.rnn_relu_cell": ("rnn_relu_cell",),
    "torch.lstm": ("lstm.input", "lstm.data", "mkldnn_rnn_layer"),
    "torch.gru": ("gru.input", "gru.data"),
    "torch.rnn_tanh": ("rnn_tanh.input", "rnn_tanh.data"),
    "torch.rnn_relu": ("rnn_relu.input", "rnn_relu.data"),
}


@dataclass(frozen=True)
class Channel:
    """The runner's and the answerer's ends of their pipes: numbers of open files."""

    up: int  # to the server: "here I am" (the answerer), then its answer
    down: int  # to the answerer: a task's inputs
    go: int  # to the runner: a byte when the answerer is done
    page: Page  # to the server, which reads it when all is over


class Page:
    """Memory that the server shares with one submission's processes: how far they came, and what failed.

    step: the number, from 1 on, of the step that is being run; 0 until a student's code may have run.
    fault: an error in the grader's own code, in words.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 4096)
        self.step = memoryview(self._memory)[:4].cast("I")

    def blame(self, error: BaseException) -> None:
        """Note that the grader's own code failed."""
        words = f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:500]
        self._memory[4:6] = len(words).to_bytes(2, "little")
        self._memory[6 : 6 + len(words)] = words

    @property
    def fault(self) -> str:
        length = min(int.from_bytes(self._memory[4:6], "little"), 500)
        return self._memory[6 : 6 + length].decode("utf-8", "replace")

    def close(self) -> None:
        self.step.release()
        self._memory.close()


class _Unlike:
    """In the place of a check, which holds the answers: takes any call, says nothing."""

    def __call__(self, *arguments, **named) -> int:
        return 0

    def example(self, *arguments, **named) -> None:
        pass

    verdict = example


class _Sets:
    """Finds rnncourse.checks.<set>, and puts a module there with what the set gives, and no check."""

    def __init__(self, given: dict[str, types.ModuleType]) -> None:
        self.given = given

    def find_spec(self, name, path=None, target=None):
        parts = name.split(".")
        if parts[:2] == ["rnncourse", "checks"] and len(parts) > 2 and parts[2] != "framework":
            return ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        module, given = types.ModuleType(spec.name), self.given.get(spec.name.split(".")[2])

        def attribute(name: str):
            if name.startswith("__"):
                raise AttributeError(name)
            return getattr(given, name, None) or _Unlike()

        module.__getattr__ = attribute
        return module

    def exec_module(self, module):
        pass


def run(
    channel: Channel,
    box: Box,
    plan: Plan,
    uses: dict[tuple[str, str], Use],
    given: dict[str, types.ModuleType],
) -> None:
    """Live the runner's life: run the cells, and have each group's tasks answered where it has its turn.

    Ends the process. given: for each set the module of what it gives to the learner, where there is one.
    """
    groups = iter(plan.groups)
    steps = [next(groups) if cell is None else cell for cell in json.loads(read_message(channel.down))]
    shell = _shell()
    errors: list[Any] = []
    text: list[Any] = [""]
    begin, finished = _thread.allocate_lock(), _thread.allocate_lock()
    begin.acquire()
    finished.acquire()
    # What lies under a cell's frames is CELLS, whose globals hold this and nothing else. It is one thread for
    # all cells: one that ends could hold a lock of the C library's at the moment of the clone.
    apart = {"shell": shell, "errors": errors, "text": text, "begin": begin, "finished": finished}
    apart["cache"] = linecache.cache
    exec(CELLS, apart)
    lock, clone, answer, prepare = _locks(), _cloner(), _answer, die_with_parent
    collect_no_more, collect_again = ctypes.pythonapi.PyGC_Disable, ctypes.pythonapi.PyGC_Enable
    write, read, leave, up, go = os.write, os.read, os._exit, channel.up, channel.go
    at, number = channel.page.step, 0
    if plan.limits.walls:
        prepare = box.last_wall
    box.enter(plan.limits)
    sys.meta_path.insert(0, _Sets(given))
    _hide()
    sys.addaudithook(_audit())
    _thread.start_new_thread(apart["cells"], ())
    begin.release()  # one empty cell: then that thread has begun, and holds nothing
    finished.acquire()
    # From here to lock(), no builtin and no function of Python's: a student may have replaced them.
    for step in steps:
        number = number + 1
        at[0] = number
        if step.__class__ is GROUP:
            if clone() == 0:
                collect_no_more()  # or finalizers, which are a student's code, could run here
                lock(step.locked)
                prepare()
                collect_again()
                answer(step.tasks, channel, shell.user_ns, errors, uses)
                leave(0)
            read(go, 1)
        else:
            text[0] = step
            begin.release()
            finished.acquire()
    write(up, DONE)
    leave(0)


GROUP, DONE, HERE = Group, b"done", b"here"
# A cell of plain Python is run as such; IPython, ten times slower, gets those with magics or await.
CELLS = """
def cells():
    number = 0
    while True:
        begin.acquire()
        source, number = text[0], number + 1
        try:
            name = f"<cell {number}>"
            try:
                code = compile(source, name, "exec")
            except SyntaxError:
                code = None
            if code is not None:
                cache[name] = len(source), None, source.splitlines(True), name
                exec(code, shell.user_ns)
            else:
                result = shell.run_cell(source, store_history=False, silent=True)
                error = result.error_before_exec or result.error_in_exec
                if error is not None:
                    raise error
        except BaseException as error:
            try:
                errors.append((source, type(error).__name__, str(error)))
            except BaseException:
                errors.append((source, "an error", ""))
        finished.release()
"""


def _shell():
    from IPython.core.interactiveshell import InteractiveShell

    return InteractiveShell.instance()


def _cloner() -> Callable[[], int]:
    """A fork whose child is the server's, not the runner's; 0 there. The C library never forks so."""
    number = SYS_CLONE[os.uname().machine]
    flags, zero = ctypes.c_ulong(CLONE_PARENT | SIGCHLD), ctypes.c_ulong(0)
    syscall, python = ctypes.PyDLL(None).syscall, ctypes.pythonapi
    # The import lock, as os.fork takes it, but none of the functions that a student may have had registered.
    before, parent, child = _imp.acquire_lock, _imp.release_lock, python.PyOS_AfterFork_Child
    child.restype = None
    arguments = ctypes.c_long(number), flags, zero, zero, zero, zero
    hooks = hooks_in_child()

    def clone() -> int:
        hooks.clear()
        before()
        pid = syscall(*arguments)  # a tuple that is there: to make one could begin a collection
        child() if pid == 0 else parent()
        return pid

    return clone


@functools.cache
def hooks_in_child() -> list:
    """Where Python keeps what os.register_at_fork has for a child. Asked before gc.freeze, which hides it."""

    def mark() -> None:
        pass

    os.register_at_fork(after_in_child=mark)
    (hooks,) = (found for found in gc.get_referrers(mark) if type(found) is list)
    return hooks


class Forbidden(BaseException):
    """The thing to build was called."""


def no_recordings() -> None:
    """Of torch's recurrent operations: torch.jit.trace, or a mode, would keep what they are made of."""

    def deny(*arguments, **named):
        raise RuntimeError("torch's recurrent operations can't be recorded in code that is graded.")

    for name in ("Tracer", "PythonTLSSnapshot"):
        table = torch._C._dispatch_library("IMPL", "aten", name, "grading")
        for operations in OPERATIONS.values():
            for operation in operations:
                table.impl(operation, torch._C._dispatch_key_parse(name), deny)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(table))  # for good


def _locks() -> Callable[[tuple[str, ...]], None]:
    """lock(names): these of torch's operations are gone from this process, however they are called."""
    library, keys, by_name = torch._C._dispatch_library, torch._C.DispatchKey, OPERATIONS
    keep, boxed = ctypes.pythonapi.Py_IncRef, ctypes.py_object
    tables = [(name, getattr(keys, name)) for name in ("CompositeImplicitAutograd", "CPU", "AutogradCPU")]

    def deny(*arguments, **named):
        raise Forbidden("this calls torch's own recurrent operation: that is the thing to build here.")

    STAND_INS[id(deny.__code__)] = "torch's own recurrent operation"

    def lock(names: tuple[str, ...]) -> None:
        for key_name, key in tables:
            # Not made before: it could be found then, and reset.
            table = library("IMPL", "aten", key_name, "grading")
            for name in names:
                for operation in by_name[name]:
                    table.impl(operation, key, deny)
            keep(boxed(table))  # what a table put in place is taken away with it

    return lock


def _audit() -> Callable[[str, tuple], None]:
    denied, frame_at, deepest = DENIED_EVENTS, sys._getframe, sys.getrecursionlimit
    watching, answering = (Watch.__enter__.__code__, Watch.__exit__.__code__), evaluate_one.__code__

    def hook(event: str, arguments: tuple) -> None:
        if event.startswith(denied):
            frame: types.FrameType | None = frame_at(1)
            caller = None if frame is None else frame.f_back
            ours = (
                event == "sys.setprofile"
                and (frame is not None and frame.f_code in watching)
                and (caller is not None and caller.f_code is answering)
            )
            if not ours:
                # Python itself takes away a profile function for which the stack had no room.
                room = deepest() // 3 if event == "sys.setprofile" else -1  # C has its part of it
                while room > 0 and frame is not None:
                    room, frame = room - 1, frame.f_back
                if room == 0:
                    raise RecursionError("maximum recursion depth exceeded")
                raise RuntimeError(f"{event} is not open to code that is graded")

    return hook


def _hide() -> None:
    """Take this package, and what evaluates, out of a student's reach."""
    hidden = ("rnncourse.grading", "rnncourse.checks.framework", "rnncourse.checks.uses", "pyseccomp")
    for name in [name for name in sys.modules if name.startswith(hidden)]:
        parent, _, own = name.rpartition(".")
        package = sys.modules.get(parent)
        del sys.modules[name]
        if package is not None and own in vars(package):
            delattr(package, own)


def _answer(
    tasks: tuple[Task, ...],
    channel: Channel,
    names: dict[str, Any],
    errors: list,
    uses: dict[tuple[str, str], Use],
) -> None:
    """The answerer's life: the inputs of all its tasks come, an answer for each goes."""
    os.write(channel.up, HERE)
    message = read_message(channel.down)
    try:
        for task, inputs in zip(tasks, unpack_inputs(message), strict=True):
            given = [Case(arguments, {}) for arguments in inputs]
            try:
                learner = eval(compile(ast.parse(task.name, mode="eval"), "<check>", "eval"), names)
            except BaseException as error:
                answers = [Answer(failure=_absent(task, error, errors))] * len(given)
            else:
                answers = evaluate(learner, given, uses[task.use], task.forbid, task.seconds)
            send(channel.up, pack_answers(answers))
    except (OSError, MemoryError):  # of the process that it is in, and so the student's
        raise
    except Exception as error:
        channel.page.blame(error)


def _absent(task: Task, error: BaseException, errors: list) -> Failure:
    """Why there is nothing to call, by the cell that should have made it."""
    makes = re.compile(rf"\b(def|class)\s+{task.name}\b|^\s*{task.name}\s*=", re.MULTILINE)
    for source, kind, words in errors:
        if makes.search(source):
            message = f"its cell stopped with {kind}: {' '.join(str(words).split())[:200]}"
            return Failure("not a function", message=message)
    return Failure("not a function", message=f"there is no {task.name} in the notebook.")


def read_message(file: int) -> bytes:
    length = int.from_bytes(read(file, 8), "little")
    return read(file, length)


def read(file: int, length: int) -> bytes:
    parts = []
    while length:
        part = os.read(file, min(length, 2**20))
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def send(file: int, message: bytes) -> None:
    write_all(file, len(message).to_bytes(8, "little") + message)


def write_all(file: int, message: bytes | mmap.mmap) -> None:
    rest = memoryview(message)
    while rest:
        rest = rest[os.write(file, rest) :]

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

    def keep_apart(self) -> None:
        """Let no later fork inherit it."""
        self._memory.madvise(mmap.MADV_DONTFORK)

    @property
    def fault(self) -> memoryview:
        """What is noted, or nothing; not copied."""
        length = min(int.from_bytes(self._memory[4:6], "little"), 500)
        return memoryview(self._memory)[6 : 6 + length]


class _Unlike:
    """In place of a check, which holds the answers: it takes any call, says nothing and gives all points."""

    def __init__(self, points: int) -> None:
        self.points = points

    def __call__(self, *arguments, **named) -> int:
        return self.points

    def example(self, *arguments, **named) -> None:
        pass

    verdict = example


class _Sets:
    """Finds rnncourse.checks.<set>, and puts a module there with what the set gives, and no check."""

    def __init__(self, given: dict[str, types.ModuleType], points: dict[str, int]) -> None:
        self.given, self.points = given, points

    def find_spec(self, name, path=None, target=None):
        parts = name.split(".")
        if parts[:2] == ["rnncourse", "checks"] and len(parts) > 2 and parts[2] != "framework":
            return ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        module, points = types.ModuleType(spec.name), self.points
        given = self.given.get(spec.name.split(".")[2])

        def attribute(name: str):
            if name.startswith("__"):
                raise AttributeError(name)
            return getattr(given, name, None) or _Unlike(points.get(name, 0))

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
    script = json.loads(read_message(channel.down))
    steps = [next(groups) if cell is None else cell for cell in script["steps"]]
    shell = _shell()
    errors: list[Any] = []
    text: list[Any] = [""]
    begin, finished = _thread.allocate_lock(), _thread.allocate_lock()
    begin.acquire()
    finished.acquire()
    # What lies under a cell's frames is CELLS, whose globals hold this and nothing else. It is one thread for
    # all cells: one that ends could hold a lock of the C library's at the moment of the clone.
    apart = {"shell": shell, "errors": errors, "text": text, "begin": begin, "finished": finished}
    apart |= {"cache": linecache.cache, "ast": ast, "sys": sys}
    exec(CELLS, apart)
    shell.showtraceback = apart["swallowed"]
    lock, clone, answer, prepare = _locks(), _cloner(), _answer, die_with_parent
    collect_no_more, collect_again = ctypes.pythonapi.PyGC_Disable, ctypes.pythonapi.PyGC_Enable
    write, read, leave, up, go = os.write, os.read, os._exit, channel.up, channel.go
    at, number = channel.page.step, 0
    if plan.limits.walls:
        prepare = box.last_wall
    box.enter(plan.limits)
    for name, content in script["files"].items():
        with open(name, "wb") as file:
            file.write(content.encode("latin-1"))
    sys.path.insert(0, str(box.folder))
    sys.meta_path.insert(0, _Sets(given, dict(plan.points)))
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
    # All tasks are answered. Whatever a student has replaced, only what is told of the cells can suffer.
    stopped = [entry[1:] for entry in errors[:MOST_STOPPED]]
    send(up, json.dumps(stopped).encode("utf-8", "replace"))
    leave(0)


MOST_STOPPED = 100
GROUP, DONE, HERE = Group, b"done", b"here"
# A cell is run as plain Python, its magics as IPython writes them; one with a top-level await by IPython,
# which is ten times slower. What the sandbox refuses, or this machine lacks, ends one statement and not its
# cell.
# errors: of each statement that stopped (the cell's source, the cell's number, the statement's number from
# 0 on or -1 for all, the line's number in the cell or 0, the error's name and words, did the cell go on?).
CELLS = """
LACKING = (OSError, ImportError, EOFError)
WORDS = ("is not open to code that is graded", "CUDA", "NVIDIA")
PLAIN = ("%%time", "%%capture", "%%prun")
lost = set()
now = [0]

def cells():
    number = 0
    while True:
        begin.acquire()
        now[0] = number
        number = number + 1
        try:
            run(now[0], text[0])
        except BaseException as error:
            note(now[0], -1, 0, error, False)
        finished.release()

def note(number, at, line, error, goes_on):
    try:
        words = str(error)
    except BaseException:
        words = ""
    errors.append((text[0], number, at, line, type(error).__name__, words[:300], goes_on))

def swallowed(*arguments, **named):
    error = sys.exc_info()[1]
    if error is not None:
        note(now[0], -1, 0, error, False)

def run(number, source):
    name = f"<cell {number}>"
    if source.startswith(PLAIN):
        source = "#" + source
    try:
        body = ast.parse(source, name).body
        code = compile(source, name, "exec")
    except SyntaxError:
        source = shell.transform_cell(source)
        try:
            body = ast.parse(source, name).body
            code = compile(source, name, "exec")
        except SyntaxError:
            result = shell.run_cell(source, store_history=False, silent=True)
            error = result.error_before_exec or result.error_in_exec
            if error is not None:
                note(number, -1, 0, error, False)
            return
    cache[name] = len(source), None, source.splitlines(True), name
    done = 0
    while True:
        try:
            exec(code, shell.user_ns)
            return
        except BaseException as error:
            line = line_of(error, name)
            at = len(body)
            while at > done and body[at - 1].lineno > line:
                at = at - 1
            at = at - 1
            goes_on = at >= done and is_lacking(error)
            note(number, at if at >= done else -1, line, error, goes_on)
            if not goes_on:
                return
            for node in ast.walk(body[at]):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    lost.add(node.id)
                elif isinstance(node, ast.alias):
                    lost.add(node.asname or node.name.partition(".")[0])
        done = at + 1
        code = compile(ast.Module(body[done:], []), name, "exec")

def line_of(error, name):
    trace, line = error.__traceback__, 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == name and trace.tb_frame.f_code.co_name == "<module>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line

def is_lacking(error):
    if isinstance(error, NameError) and error.name in lost:
        return True
    return isinstance(error, LACKING) or any(words in str(error) for words in WORDS)
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
    for source, _, _, _, kind, words, _ in errors:
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


def write_all(file: int, message: bytes | mmap.mmap | memoryview) -> None:
    rest = memoryview(message)
    while rest:
        rest = rest[os.write(file, rest) :]

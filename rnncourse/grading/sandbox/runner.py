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
from typing import Any

from rnncourse.checks.framework.cases import Case
from rnncourse.checks.framework.evaluate import Answer, Failure, evaluate
from rnncourse.checks.framework.use import Use
from rnncourse.grading.sandbox.cell_loop import CELLS
from rnncourse.grading.sandbox.guards import _CheckFinder, audit_hook, hide_grader, operation_lock
from rnncourse.grading.sandbox.messages import Group, Plan, Task
from rnncourse.grading.sandbox.pipes import read_message, send
from rnncourse.grading.sandbox.system import CLONE_PARENT, die_with_parent
from rnncourse.grading.sandbox.walls import Sandbox
from rnncourse.grading.sandbox.wire import pack_answers, unpack_inputs

SIGCHLD, SYS_CLONE = 17, {"x86_64": 56, "aarch64": 220}


@dataclass(frozen=True)
class Channel:
    """The runner's and the answerer's ends of their pipes: numbers of open files."""

    up: int  # to the server: "here I am" (the answerer), then its answer
    down: int  # to the answerer: a task's inputs
    go: int  # to the runner: a byte when the answerer is done
    page: SharedPage  # to the server, which reads it when all is over


class SharedPage:
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


def run(
    channel: Channel,
    box: Sandbox,
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
    lock, clone, answer, prepare = operation_lock(), _cloner(), _answer, die_with_parent
    collect_no_more, collect_again = ctypes.pythonapi.PyGC_Disable, ctypes.pythonapi.PyGC_Enable
    write, read, leave, up, go = os.write, os.read, os._exit, channel.up, channel.go
    at, number = channel.page.step, 0
    if plan.limits.walls:
        prepare = box.seal
    box.enter(plan.limits)
    for name, content in script["files"].items():
        with open(name, "wb") as file:
            file.write(content.encode("latin-1"))
    sys.path.insert(0, str(box.folder))
    sys.meta_path.insert(0, _CheckFinder(given, dict(plan.points)))
    hide_grader()
    sys.addaudithook(audit_hook())
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

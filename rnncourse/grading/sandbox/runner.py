"""The student's process: it runs the cells of one notebook, and copies of it answer the checks' cases.

It has two roles. The *runner* executes the cells in a thread, so that no frame of this module lies below a
student's code. At a check it clones itself. The copy, the *answerer*, is the server's child, and the runner
is stopped while the copy works. Threads that cells have left behind therefore cannot reach a task's inputs
and answers, and what is forbidden in an answerer cannot be allowed again.

A student's code can neither call nor find anything in this module before the answerer has locked itself: not
by a module's name (it is removed from sys.modules), not through gc or ctypes (an audit hook refuses them, and
nothing removes it), not by replacing a builtin (the runner's loop calls none).
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
    """The runner's and the answerer's ends of their pipes, as numbers of open files."""

    up: int  # to the server: the answerer reports that it exists, then sends its answers
    down: int  # to the answerer: the inputs of its tasks
    go: int  # to the runner: a byte when the answerer is done
    page: SharedPage  # to the server, which reads it at the end


class SharedPage:
    """Memory that the server shares with one submission's processes, for their progress and a failure.

    step: the number, counted from 1, of the step that is running; 0 until a student's code may have run.
    fault: an error in the grader's own code, in words.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 4096)
        self.step = memoryview(self._memory)[:4].cast("I")

    def blame(self, error: BaseException) -> None:
        """Record that the grader's own code failed."""
        words = f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:500]
        self._memory[4:6] = len(words).to_bytes(2, "little")
        self._memory[6 : 6 + len(words)] = words

    def keep_apart(self) -> None:
        """Exclude the page from later forks."""
        self._memory.madvise(mmap.MADV_DONTFORK)

    @property
    def fault(self) -> memoryview:
        """The recorded error, or nothing; a view, not a copy."""
        length = min(int.from_bytes(self._memory[4:6], "little"), 500)
        return memoryview(self._memory)[6 : 6 + length]


def run(
    channel: Channel,
    box: Sandbox,
    plan: Plan,
    uses: dict[tuple[str, str], Use],
    given: dict[str, types.ModuleType],
) -> None:
    """Run the cells, have each group's tasks answered where the plan says, and end the process.

    given: for each exercise set, the module with what it gives to learners, if there is one.
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
    # The frames below a cell's are those of CELLS, whose globals hold only this. One thread runs all cells:
    # a thread that is ending could hold a lock of the C library at the moment of the clone.
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
    begin.release()  # run one empty cell: after it, the thread has started and holds no locks
    finished.acquire()
    # From here to lock(), call no builtin and no Python function: a student may have replaced them.
    for step in steps:
        number = number + 1
        at[0] = number
        if step.__class__ is GROUP:
            if clone() == 0:
                collect_no_more()  # otherwise finalizers, which are a student's code, could run here
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
    # All tasks are answered. What a student has replaced can now affect only the report about the cells.
    stopped = [entry[1:] for entry in errors[:MAX_STOPPED]]
    send(up, json.dumps(stopped).encode("utf-8", "replace"))
    leave(0)


MAX_STOPPED = 100
GROUP, DONE, HERE = Group, b"done", b"here"


def _shell():
    from IPython.core.interactiveshell import InteractiveShell

    return InteractiveShell.instance()


def _cloner() -> Callable[[], int]:
    """Return a fork function (0 in the child) whose child belongs to the server, not to the runner.

    The C library has no such fork, so it is a system call.
    """
    number = SYS_CLONE[os.uname().machine]
    flags, zero = ctypes.c_ulong(CLONE_PARENT | SIGCHLD), ctypes.c_ulong(0)
    syscall, python = ctypes.PyDLL(None).syscall, ctypes.pythonapi
    # Take the import lock, as os.fork does, but call no function that a student may have registered.
    before, parent, child = _imp.acquire_lock, _imp.release_lock, python.PyOS_AfterFork_Child
    child.restype = None
    arguments = ctypes.c_long(number), flags, zero, zero, zero, zero
    hooks = hooks_in_child()

    def clone() -> int:
        hooks.clear()
        before()
        pid = syscall(*arguments)  # the tuple exists already: making one could start a garbage collection
        child() if pid == 0 else parent()
        return pid

    return clone


@functools.cache
def hooks_in_child() -> list:
    """Return Python's own list of os.register_at_fork's functions for a child.

    It must be found before gc.freeze hides it.
    """

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
    """Act as the answerer: receive the inputs of all tasks, and send the answers for each."""
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
    except (OSError, MemoryError):  # caused by the student's process, not by the grader
        raise
    except Exception as error:
        channel.page.blame(error)


def _absent(task: Task, error: BaseException, errors: list) -> Failure:
    """Return the failure for a task whose function does not exist: its cell stopped, or there is none."""
    makes = re.compile(rf"\b(def|class)\s+{task.name}\b|^\s*{task.name}\s*=", re.MULTILINE)
    for source, _, _, _, kind, words, _ in errors:
        if makes.search(source):
            message = f"its cell stopped with {kind}: {' '.join(str(words).split())[:200]}"
            return Failure("not a function", message=message)
    return Failure("not a function", message=f"there is no {task.name} in the notebook.")

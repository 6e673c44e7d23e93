"""Grade one submission: plan what to run, have the sandbox run it, judge the answers, settle the state.

No student's code runs in this process. The cases are drawn from the class's own seed, so numbers copied from
the notebook are wrong for them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from rnncourse.checks.framework.answers import AnswerKey
from rnncourse.checks.framework.check import Check
from rnncourse.checks.framework.judge import judge
from rnncourse.checks.framework.task import Task as CheckTask
from rnncourse.checks.framework.verdict import Verdict, carried
from rnncourse.grading.errors import NotebookError
from rnncourse.grading.intake.assignment import NONE, Assignment
from rnncourse.grading.intake.cells import Cell, Stopped, all_reads, answer, likeness, needed, read_stopped
from rnncourse.grading.intake.notebook import grouped, read_cells, steps
from rnncourse.grading.report.result import STATES, Result, TaskResult
from rnncourse.grading.sandbox.client import SandboxClient
from rnncourse.grading.sandbox.guards import OPERATIONS
from rnncourse.grading.sandbox.limits import Limits
from rnncourse.grading.sandbox.messages import Buffer, Group, Job, Task
from rnncourse.grading.sandbox.wire import unpack_answers

log = logging.getLogger(__name__)

JUDGING = threading.Lock()  # the checks' own code runs with this process's output redirected
MAX_SHOWN = 4_000  # characters of an answer
OUT_OF_MEMORY = ("MemoryError", "can't allocate memory", "not enough memory", "bad_alloc")


def ungraded(
    student: str, assignment: Assignment, state: str, reason: str, notebook: bytes | None = None
) -> Result:
    """Return the result of a submission of which no task could be judged."""
    tasks = tuple(_unjudged(check, state) for check in assignment.checks.values())
    digest = assignment.digest(notebook)
    return Result(student, assignment.name, state, reason, None, assignment.total, tasks, digest)


def grade(
    student: str,
    assignment: Assignment,
    notebook: bytes,
    client: SandboxClient,
    limits: Limits,
    helpers: Mapping[str, bytes] = NONE,
) -> Result:
    """Grade one submission; if the grader itself fails, try once more on a fresh server. Raises nothing."""
    result = _attempt(student, assignment, notebook, client, limits, helpers)
    if result.state == "fault":
        client.restart()
        result = _attempt(student, assignment, notebook, client, limits, helpers)
    return result


def _attempt(
    student: str,
    assignment: Assignment,
    notebook: bytes,
    client: SandboxClient,
    limits: Limits,
    helpers: Mapping[str, bytes],
) -> Result:
    try:
        return _graded(student, assignment, notebook, client, limits, helpers)
    except Exception as error:  # the grader's own code failed: for example, a check cannot draw its cases
        log.exception("The grader failed on the submission by %s.", student)
        words = " ".join(str(error).split())[:300]
        reason = f"The grader's own code failed ({type(error).__name__}: {words})."
        return ungraded(student, assignment, "fault", reason, notebook)


def _graded(
    student: str,
    assignment: Assignment,
    notebook: bytes,
    client: SandboxClient,
    limits: Limits,
    helpers: Mapping[str, bytes],
) -> Result:
    begin = time.monotonic()
    try:
        order = steps(read_cells(notebook), assignment.source)
    except NotebookError as problem:
        reason = str(problem) if str(problem).endswith("?") else f"{problem}."
        return ungraded(student, assignment, "invalid", reason, notebook)
    run = _run(assignment, list(grouped(order)), client, limits, helpers)
    if any(task.points is None and task.state != "fault" for task in run.tasks):
        # What ended one task may have prevented others: run again, each task on its own at its check.
        alone = [[step] if isinstance(step, int) else step for step in order]
        run = _run(
            assignment, _cut(alone, run.cells) if run.in_cell else alone, client, limits, helpers, run.end
        )
    cells = [Cell.of(step) for step in order if isinstance(step, str)]
    tasks = _judged_at_the_end(assignment, order, cells, run, client, limits, helpers)
    tasks = _with_causes(tasks, cells, run.stopped)
    tasks = _with_carried(tasks, assignment)
    tasks = [replace(task, code=_code(task.task, cells)) for task in tasks]
    state = max((task.state for task in tasks), key=list(STATES).index)
    reason = _reason(state, tasks) or (f"After the last task {WHY[run.end]}." if run.end else "")
    points = [task.points for task in tasks if task.points is not None]
    return Result(
        student,
        assignment.name,
        state,
        reason,
        sum(points) if len(points) == len(tasks) else None,
        assignment.total,
        tuple(tasks),
        assignment.digest(notebook, helpers),
        round(time.monotonic() - begin, 3),
        stopped=tuple(run.stopped),
        likeness=likeness((check.name for check in assignment.checks.values()), cells),
    )


def _with_carried(tasks: list[TaskResult], assignment: Assignment) -> list[TaskResult]:
    """If a mistake repeats one in an earlier task, say so, as the notebook does."""
    made = {task.task: task.mistake for task in tasks}
    origins = {
        (check.name, mistake.name): mistake.origin
        for check in assignment.checks.values()
        for mistake in check.mistakes
    }
    return [
        replace(task, text=carried(task.text, origins.get((task.task, task.mistake or "")), made))
        for task in tasks
    ]


def _code(name: str, cells: list[Cell]) -> str:
    cell = answer(name, cells)
    return cell.source[:MAX_SHOWN].encode("utf-8", "replace").decode() if cell else ""


def _cut(order: list[str | list[int]], count: int) -> list[str | list[int]]:
    """Return the steps before the cell with that number, counted from 1: it would not end now either."""
    at = [k for k, step in enumerate(order) if isinstance(step, str)][count - 1]
    return order[:at]


def _judged_at_the_end(
    assignment: Assignment,
    order: list[str | int],
    cells: list[Cell],
    run: Run,
    client: SandboxClient,
    limits: Limits,
    helpers: Mapping[str, bytes],
) -> list[TaskResult]:
    """Judge tasks that lost points again at the end of the notebook if their answer may be in another cell.

    A stub is skipped if another cell has the answer; a cell that stopped at an undefined name is run again.
    """
    lost = [
        k
        for k, task in zip(assignment.checks, run.tasks, strict=True)
        if task.state == "graded" and task.points != task.total
    ]
    if not lost or run.end:
        return run.tasks
    reads = all_reads(cells)
    needs = {k: needed(assignment.checks[k].name, reads) for k in lost}
    names = set().union(*needs.values())
    binding = Counter(name for cell in cells for name in cell.bound)
    stubs = [
        any(binding[name] > 1 and cell.is_stub(name) for name in cell.bound & names)
        and not all(each.is_stub(name) for name in cell.bound & names for each in cells if name in each.bound)
        for cell in cells
    ]
    missed = {each.cell for each in run.stopped if each.error.startswith("NameError")}
    below = any(_bound_below(order, cells, k) & needs[k] for k in lost)
    if not (below or missed or any(stubs)):
        return run.tasks
    plan: list[str | list[int]] = [cell.source for cell, stub in zip(cells, stubs, strict=True) if not stub]
    plan += [cells[k].source for k in sorted(missed) if not stubs[k]]
    later = _run(assignment, [*plan, lost], client, limits, helpers)
    return [_better(*pair) for pair in zip(run.tasks, later.tasks, strict=True)]


def _bound_below(order: list[str | int], cells: list[Cell], check: int) -> set[str]:
    """Return the names that the cells below a check define."""
    above = sum(isinstance(step, str) for step in order[: order.index(check)])
    return set().union(*(cell.bound for cell in cells[above:]))


def _better(at_check: TaskResult, at_end: TaskResult) -> TaskResult:
    if at_end.state != "graded" or (at_end.points or 0) <= (at_check.points or 0):
        return at_check
    return replace(at_end, remarks=(*at_end.remarks, AT_END))


AT_END = "This was judged at the end of the notebook: at its check, the right answer was not there yet."
CAUSE = (
    "The line `{line}` in your notebook stopped with `{error}`, so {names} not defined."
    " If that is why points are missing, your answer itself may be right: your teacher is asked to look."
)


def _with_causes(tasks: list[TaskResult], cells: list[Cell], stopped: list[Stopped]) -> list[TaskResult]:
    """Mark tasks that lost points and read a name that a stopped statement would have defined."""
    if not any(each.names for each in stopped):
        return tasks
    reads = all_reads(cells)
    return [_with_cause(task, needed(task.task, reads), stopped) for task in tasks]


def _with_cause(task: TaskResult, needs: set[str], stopped: list[Stopped]) -> TaskResult:
    if task.state != "graded" or task.points == task.total:
        return task
    for each in stopped:
        if names := [name for name in each.names if name in needs]:
            which = f"`{'`, `'.join(names[:3])}` {'was' if len(names) == 1 else 'were'}"
            remark = CAUSE.format(line=each.line, error=each.error, names=which)
            return replace(task, state="stopped", remarks=(*task.remarks, remark))
    return task


WHY = {
    "timeout": "its time was up",
    "memory": "it needed more memory than the limit allows",
    "crashed": "its process crashed or was ended",
    "fault": "the grader's own code failed",
}


@dataclass
class Run:
    """The outcome of running a notebook.

    tasks: in the order of the checks. end: "" if it ran to its end. cells: how many cells were started.
    in_cell: whether the run ended inside the last of them. stopped: the statements that stopped.
    """

    tasks: list[TaskResult]
    end: str
    cells: int
    in_cell: bool
    stopped: list[Stopped]


def _run(
    assignment: Assignment,
    plan: list[str | list[int]],
    client: SandboxClient,
    limits: Limits,
    helpers: Mapping[str, bytes],
    end: str = "",
) -> Run:
    """Run the steps of a plan in the sandbox and judge the answers.

    end: why a task that is not in the plan has no answer.
    """
    split = [
        step if isinstance(step, str) else groups for step in plan for groups in _split(assignment, step)
    ]
    groups = [step for step in split if isinstance(step, list)]
    with JUDGING:
        steps = [step if isinstance(step, str) else _group(assignment, step) for step in split]
        inputs = [assignment.inputs(tuple(group)) for group in groups]
    points = {check.name: check.points for check in assignment.checks.values()}
    done = client.run(Job(steps, inputs, limits, points, dict(helpers)))
    order = [k for group in groups for k in group]
    fault = bytes(done.fault).decode("utf-8", "replace")
    with JUDGING:
        found = {
            k: _judged(assignment.key(k), answer, ending, fault)
            for k, answer, ending in zip(order, done.answers, done.ends, strict=True)
        }
    tasks = [found.get(k) or _unjudged(check, done.end or end) for k, check in assignment.checks.items()]
    sources = [step for step in split if isinstance(step, str)]
    return Run(
        tasks,
        done.end or end,
        cells=sum(isinstance(step, str) for step in split[: done.at]),
        in_cell=bool(done.end) and done.at > 0 and isinstance(split[done.at - 1], str),
        stopped=read_stopped(bytes(done.stopped), sources),
    )


def _unjudged(check: CheckTask, state: str) -> TaskResult:
    return TaskResult(check.name, f"{check.name}_check", state, None, check.points)


def _split(assignment: Assignment, step: str | list[int]) -> list[list[int] | str]:
    """Split a group by the torch operations that its tasks build: a copy locks them for all its tasks."""
    if isinstance(step, str):
        return [step]
    groups: dict[tuple[str, ...], list[int]] = {}
    for k in step:
        groups.setdefault(_locked(assignment.checks[k]), []).append(k)
    return list(groups.values())


def _locked(check: Check) -> tuple[str, ...]:
    return tuple(name for name in OPERATIONS if name in check.forbid)


def _group(assignment: Assignment, numbers: list[int]) -> Group:
    checks = {k: assignment.checks[k] for k in numbers}
    tasks = tuple(
        Task(check.name, check.use.names, check.forbid, check.seconds, len(assignment.key(k).cases))
        for k, check in checks.items()
    )
    return Group(tasks, _locked(checks[numbers[0]]))


def _judged(key: AnswerKey, message: Buffer | None, end: str, fault: str) -> TaskResult:
    nothing = _unjudged(key.task, end)
    if message is None:
        return (
            replace(nothing, text=f"the grader's own code failed ({fault}).") if end == "fault" else nothing
        )
    try:
        answers = unpack_answers(message, len(key.cases))
    except Exception as error:  # WireError if the bytes are not answers
        return _fault(nothing, "reading the answer", error)
    if any(
        a.failure and any(w in f"{a.failure.error} {a.failure.message}" for w in OUT_OF_MEMORY)
        for a in answers
    ):
        return replace(nothing, state="memory")
    try:
        verdict = judge(key, answers)
    except Exception as error:  # a bug in the judge must neither score 0 nor end the run
        return _fault(nothing, "judging it", error)
    return _task(verdict)


def _fault(nothing: TaskResult, what: str, error: Exception) -> TaskResult:
    words = " ".join(str(error).split())[:300]
    text = f"the grader's own code failed while {what} ({type(error).__name__}: {words})."
    return replace(nothing, state="fault", text=text)


def _task(verdict: Verdict) -> TaskResult:
    return TaskResult(
        verdict.task,
        f"{verdict.task}_check",
        "flagged" if verdict.state == "forbidden" else "graded",
        verdict.points,
        verdict.total,
        verdict.state,
        verdict.mistake,
        verdict.text,
        verdict.look,
        verdict.lesson,
        verdict.remarks,
        verdict.earned,
    )


def _reason(state: str, tasks: list[TaskResult]) -> str:
    """Name in a sentence the tasks that give the submission its state."""
    named = [task for task in tasks if task.state == state]
    if state == "fault":
        return " ".join(f"{task.task}: {task.text}" for task in named)
    if state == "stopped":
        causes: dict[str, list[str]] = {}
        for task in named:
            causes.setdefault(task.remarks[-1], []).append(task.task)
        return " ".join(f"{', '.join(tasks)}: {cause}" for cause, tasks in causes.items())
    if state == "flagged":
        return " ".join(f"{task.task}: {task.text}" for task in named)
    if state not in WHY:
        return ""
    return f"Not judged: {', '.join(task.task for task in named)}, because {WHY[state]}."

"""The grader grades what it knows before it grades anyone: the solution, the empty exercise, known mistakes.

All three go the same way as a student's notebook: into a fork behind the walls, over the wire, to the judge.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping

from rnncourse.checks.framework.check import Check
from rnncourse.grading.errors import GraderError
from rnncourse.grading.intake.assignment import Assignment
from rnncourse.grading.intake.notebook import read
from rnncourse.grading.report.result import Result, TaskResult
from rnncourse.grading.sandbox.client import CHECKS, SandboxClient
from rnncourse.grading.sandbox.limits import Limits
from rnncourse.grading.submission import grade

SOLUTION = re.compile(r"^([ \t]*)### BEGIN SOLUTION\n.*?### END SOLUTION[^\n]*", re.DOTALL | re.MULTILINE)
STUB = r'\1raise NotImplementedError("not written yet")'
MOST_MISTAKES = 5  # of a task that are tried until one is named

# In a notebook the sets are hidden. This cell brings their code along as if a student had written it.
BANK = """
import linecache, sys, types
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__name__ != "_CheckFinder"]
for name in [name for name in sys.modules if name.startswith("rnncourse.checks.")]:
    del sys.modules[name]
for name, text in {sources!r}.items():
    file = f"<{{name}}>"
    linecache.cache[file] = len(text), None, text.splitlines(True), file
    module = sys.modules[name] = types.ModuleType(name)
    module.__file__ = file
    exec(compile(text, file, "exec"), vars(module))
made = {{check.name: [check.made(m) for m in check.mistakes] for check in sys.modules[{stem!r}].CHECKS}}
"""


def run_self_test(assignment: Assignment, host: SandboxClient, limits: Limits) -> None:
    """Raise GraderError unless this grader judges the exercise's own notebooks as it must."""
    for what, notebook, problem in _trials(assignment):
        result = grade("self-test", assignment, notebook, host, limits)
        words = result.reason if result.state != "graded" else ""
        words = words or next(filter(None, map(problem, result.tasks)), "")
        if words:
            raise GraderError(f"the self-test of {assignment.name} failed on {what}: {words}")
    _prove_mistakes(assignment, host, limits)


def _trials(assignment: Assignment) -> Iterator[tuple[str, bytes, Callable[[TaskResult], str]]]:
    """What is graded, and for each of its tasks what is wrong with the verdict."""
    empty = _changed(assignment, lambda name, source: SOLUTION.sub(STUB, source))
    if empty != _changed(
        assignment, lambda name, source: source
    ):  # else there are no solutions in the course
        yield (
            "the solution",
            assignment.notebook,
            lambda t: "" if t.points == t.total else f"{t.task} has {t.points} of {t.total} points: {t.text}",
        )
    yield (
        "the empty exercise",
        empty,
        lambda t: "" if t.points == 0 else f"{t.task} has {t.points} points, and not 0",
    )


def _prove_mistakes(assignment: Assignment, host: SandboxClient, limits: Limits) -> None:
    """Each task's first mistake must be named, or the next: one that calls what is to be built is flagged."""
    checks = {check.name: check for check in assignment.checks.values() if check.mistakes}
    tried = dict.fromkeys(checks, 0)
    said: dict[str, str] = {}
    while tried:
        result = grade("self-test", assignment, _mistaken(assignment, tried), host, limits)
        for task in result.tasks:
            if task.task not in tried:
                continue
            check, k = checks[task.task], tried[task.task]
            if _named(check, k, task):
                del tried[task.task]
                continue
            said.setdefault(
                task.task, f"{task.task} with the mistake `{check.mistakes[k].name}`: {_words(task)}"
            )
            tried[task.task] = k + 1
            if k + 1 == min(MOST_MISTAKES, len(check.mistakes)):
                what = "a known mistake that was not named"
                raise GraderError(
                    f"the self-test of {assignment.name} failed on {what}: {said[task.task]}{_more(result)}"
                )


def _named(check: Check, k: int, task: TaskResult) -> bool:
    if not check.tells:  # such a check must not say what is wrong
        return task.points is not None and task.points < task.total
    return task.mistake == check.mistakes[k].name


def _words(task: TaskResult) -> str:
    return f"state {task.state}, verdict {task.verdict or 'none'}: {task.text}"


def _more(result: Result) -> str:
    return f" {result.reason}" if result.reason else ""


def _mistaken(assignment: Assignment, tried: Mapping[str, int]) -> bytes:
    """The exercise with these mistakes as answers, by task."""
    sources = {
        f"rnncourse.checks.uses.{path.stem}": path.read_text("utf-8")
        for path in (CHECKS / "uses").glob("[!_]*.py")
        if path.stem == assignment.stem
    }
    sources[assignment.stem] = (CHECKS / f"{assignment.stem}.py").read_text("utf-8")
    bank = BANK.format(sources=sources, stem=assignment.stem)
    first = next(iter(tried))

    def change(name: str, source: str) -> str:
        if name not in tried:
            return source
        return (bank if name == first else "") + f"{name} = made[{name!r}][{tried[name]}]"

    return _changed(assignment, change)


def _changed(assignment: Assignment, change: Callable[[str, str], str]) -> bytes:
    """The exercise with each answer's cell changed: change(the cell's grade_id, its source)."""
    cells = []
    for cell in read(assignment.notebook):
        marks = cell.get("metadata", {}).get("nbgrader", {})
        source = "".join(cell["source"])
        if marks.get("solution"):
            source = change(marks["grade_id"], source)
        cells.append(cell | {"source": source})
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()

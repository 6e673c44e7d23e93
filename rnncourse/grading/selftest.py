"""The grader's self-test: it grades the solution, the empty exercise and known mistakes before any student.

All three are graded exactly as a student's notebook is: run in the sandbox, sent back as bytes, judged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping

from rnncourse.checks.framework.check import Check
from rnncourse.grading.errors import GraderError
from rnncourse.grading.intake.assignment import Assignment
from rnncourse.grading.intake.notebook import read_cells
from rnncourse.grading.report.result import Result, TaskResult
from rnncourse.grading.sandbox.client import CHECKS, SandboxClient
from rnncourse.grading.sandbox.limits import Limits
from rnncourse.grading.submission import grade

SOLUTION = re.compile(r"^([ \t]*)### BEGIN SOLUTION\n.*?### END SOLUTION[^\n]*", re.DOTALL | re.MULTILINE)
STUB = r'\1raise NotImplementedError("not written yet")'
MAX_MISTAKES = 5  # per task: how many are tried until the judge names one

# A notebook cannot read the exercise sets. This cell contains their code, as if a student had written it.
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


def run_self_test(assignment: Assignment, client: SandboxClient, limits: Limits) -> None:
    """Raise GraderError unless this grader judges the exercise's own notebooks correctly."""
    for what, notebook, problem in _trials(assignment):
        result = grade("self-test", assignment, notebook, client, limits)
        words = result.reason if result.state != "graded" else ""
        words = words or next(filter(None, map(problem, result.tasks)), "")
        if words:
            raise GraderError(f"the self-test of {assignment.name} failed on {what}: {words}")
    _prove_mistakes(assignment, client, limits)


def _trials(assignment: Assignment) -> Iterator[tuple[str, bytes, Callable[[TaskResult], str]]]:
    """Yield a name, a notebook, and a function that says what is wrong with a task's result, or ""."""
    empty = _changed(assignment, lambda name, source: SOLUTION.sub(STUB, source))
    unchanged = _changed(assignment, lambda name, source: source)
    if empty != unchanged:  # if they are equal, the course has no solutions
        yield (
            "the solution",
            assignment.notebook,
            lambda t: "" if t.points == t.total else f"{t.task} has {t.points} of {t.total} points: {t.text}",
        )
    yield (
        "the empty exercise",
        empty,
        lambda t: "" if t.points == 0 else f"{t.task} has {t.points} points instead of 0",
    )


def _prove_mistakes(assignment: Assignment, client: SandboxClient, limits: Limits) -> None:
    """Raise GraderError unless the judge names one of each task's first mistakes.

    Several are tried, because a mistake that calls the thing to build is flagged instead of named.
    """
    checks = {check.name: check for check in assignment.checks.values() if check.mistakes}
    tried = dict.fromkeys(checks, 0)
    first_words: dict[str, str] = {}
    while tried:
        result = grade("self-test", assignment, _mistaken(assignment, tried), client, limits)
        for task in result.tasks:
            if task.task not in tried:
                continue
            check, k = checks[task.task], tried[task.task]
            if _named(check, k, task):
                del tried[task.task]
                continue
            first_words.setdefault(
                task.task, f"{task.task} with the mistake `{check.mistakes[k].name}`: {_words(task)}"
            )
            tried[task.task] = k + 1
            if k + 1 == min(MAX_MISTAKES, len(check.mistakes)):
                what = "a known mistake that was not named"
                raise GraderError(
                    f"the self-test of {assignment.name} failed on {what}:"
                    f" {first_words[task.task]}{_more(result)}"
                )


def _named(check: Check, k: int, task: TaskResult) -> bool:
    if not check.tells:  # a check that must not say what is wrong
        return task.points is not None and task.points < task.total
    return task.mistake == check.mistakes[k].name


def _words(task: TaskResult) -> str:
    return f"state {task.state}, verdict {task.verdict or 'none'}: {task.text}"


def _more(result: Result) -> str:
    return f" {result.reason}" if result.reason else ""


def _mistaken(assignment: Assignment, tried: Mapping[str, int]) -> bytes:
    """Return the exercise with a known mistake as each task's answer.

    tried: for each task, the number of the mistake to use.
    """
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
    """Return the exercise with `change(grade_id, source)` as the new source of each answer's cell."""
    cells = []
    for cell in read_cells(assignment.notebook):
        marks = cell.get("metadata", {}).get("nbgrader", {})
        source = "".join(cell["source"])
        if marks.get("solution"):
            source = change(marks["grade_id"], source)
        cells.append(cell | {"source": source})
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()

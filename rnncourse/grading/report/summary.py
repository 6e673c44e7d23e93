"""Write the teacher's page, RESULTS/index.html: counts, submissions to look at, points and mistakes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from rnncourse.grading.intake.submissions import safe_name
from rnncourse.grading.report.feedback import NOTHING
from rnncourse.grading.report.pages import write_page
from rnncourse.grading.report.result import STATES, Result, TaskResult
from rnncourse.grading.report.store import ResultStore

# What the summary calls verdicts that name no mistake.
UNNAMED = {
    "not written": "not written yet",
    "close": "nearly right",
    "wrong": "wrong, in a way that no known mistake explains",
    "shape": "a wrong shape",
    "type": "a wrong type, or nothing to call",
    "raised": "raised an error",
    "too slow": "not done in time",
    "forbidden": "calls the thing to build",
}
ALARMING = ("stopped", "timeout", "memory", "crashed", "fault", "invalid")
MISSING = re.compile(r"ModuleNotFoundError: No module named '(\w+)")
CLOUD_MODULES = {"google", "kaggle_secrets", "dbutils"}  # parts of a cloud service: they cannot be installed
NEED_A_LOOK = [state for state in STATES if state != "graded"]


@dataclass
class TaskCount:
    """A class's results for one task."""

    total: int
    points: Counter[int | None] = field(default_factory=Counter)  # None: not judged
    faults: Counter[tuple[str, str]] = field(default_factory=Counter)  # (mistake or verdict, its kind)
    hints: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)  # their first sentences
    who: dict[tuple[str, str], list[tuple[str, str]]] = field(default_factory=dict)  # (student, link)

    def add(self, task: TaskResult, student: str, link: str) -> None:
        self.points[task.points] += 1
        if task.points is None or task.verdict == "right":
            return
        name = (task.mistake, "mistake") if task.mistake else (UNNAMED.get(task.verdict, task.verdict), "")
        self.faults[name] += 1
        self.who.setdefault(name, []).append((student, link))
        if task.mistake:
            self.hints.setdefault(name, Counter())[first_sentence(task.text)] += 1

    @property
    def judged(self) -> int:
        return sum(count for points, count in self.points.items() if points is not None)

    @property
    def mean(self) -> float | None:
        """The average points; None if nobody's answer was judged."""
        earned = sum(points * count for points, count in self.points.items() if points is not None)
        return earned / self.judged if self.judged else None

    @property
    def rows(self) -> list[tuple[str, int]]:
        """For each number of points, the highest first, how many students have it; the unjudged come last."""
        whole = [(str(points), self.points[points]) for points in range(self.total, -1, -1)]
        return [*whole, ("not judged", self.points[None])] if self.points[None] else whole

    @property
    def mistakes(self) -> list[tuple[str, bool, int, str, list[tuple[str, str]]]]:
        """Name, whether it is a known mistake, count, hint and students; the most frequent first."""
        found = sorted(self.faults.items(), key=lambda item: (-item[1], item[0]))
        hint = {name: min(texts, key=lambda text: (-texts[text], text)) for name, texts in self.hints.items()}
        return [
            (fault[0], bool(fault[1]), count, hint.get(fault, ""), sorted(self.who[fault]))
            for fault, count in found
        ]


@dataclass(frozen=True)
class Row:
    """One student's row. tasks: the points for each task; None if it was not judged."""

    student: str
    link: str
    points: int | None
    state: str
    late: str
    tasks: list[int | None]


@dataclass
class Summary:
    """A class's results for one assignment."""

    assignment: str
    total: int = 0
    states: Counter[str] = field(default_factory=Counter)
    tasks: dict[str, TaskCount] = field(default_factory=dict)
    # By state: (student, reason, link).
    look: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)
    remarks: list[tuple[str, str]] = field(default_factory=list)  # (student, which file was graded …)
    rows: list[Row] = field(default_factory=list)
    solution: str = ""  # the likeness of the solution
    _alike: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    lacking: Counter[str] = field(default_factory=Counter)  # missing module: number of students

    def add(self, result: Result, out: Path) -> None:
        missed = {match[1] for each in result.stopped if (match := MISSING.match(each.error))}
        self.lacking.update(missed - CLOUD_MODULES)
        link = _link(out, result)
        self.total = result.total
        self.states[result.state] += 1
        for task in result.tasks:
            self.tasks.setdefault(task.task, TaskCount(task.total)).add(task, result.student, link)
        points = [task.points for task in result.tasks]
        self.rows.append(Row(result.student, link, result.points, result.state, result.late, points))
        if result.likeness and result.points:
            self._alike.setdefault(result.likeness, []).append((result.student, link))
        if result.state in NEED_A_LOOK:
            self.look.setdefault(result.state, []).append((result.student, result.reason, link))
        if result.remarks:
            self.remarks.append((result.student, " ".join(result.remarks)))

    @property
    def sorted_rows(self) -> list[Row]:
        return sorted(self.rows, key=lambda row: (row.student.casefold(), row.student))

    @property
    def has_late(self) -> bool:
        return any(row.late for row in self.rows)

    @property
    def distribution(self) -> list[tuple[str, int]]:
        """How many students have how many points, in about twenty steps at most, the highest first."""
        width = max(1, -(-self.total // 20))
        found = Counter(row.points // width for row in self.rows if row.points is not None)
        steps = [
            (
                f"{low}–{min(low + width - 1, self.total)}" if width > 1 and low < self.total else f"{low}",
                found[k],
            )
            for k in range(self.total // width, -1, -1)
            for low in (k * width,)
        ]
        lacking = sum(row.points is None for row in self.rows)
        return [*steps, ("not judged", lacking)] if lacking else steps

    @property
    def alike(self) -> list[tuple[list[tuple[str, str]], bool]]:
        """Groups of students with the same code, each with whether it is the solution's code."""
        return [
            (sorted(students), code == self.solution)
            for code, students in self._alike.items()
            if len(students) > 1 or code == self.solution
        ]

    @property
    def alarms(self) -> list[str]:
        """Sentences about problems so frequent that the exercise or the grader may be the cause."""
        handed_in = self.count - self.states["missing"]
        found = [
            f"{self.states[state]} of {handed_in} submissions of {self.assignment} are in the state {state}:"
            " check the exercise and this grader before you give out marks."
            for state in ALARMING
            if handed_in > 1 and 2 * self.states[state] > handed_in
        ]
        found += [
            f"Nobody has a point for `{name}` of {self.assignment} ({task.judged} judged): check the exercise"
            " before you give out marks."
            for name, task in self.tasks.items()
            if task.judged > 2 and task.mean == 0
        ]
        return found + [
            f"The module `{name}` was missing for {count} {'student' if count == 1 else 'students'} of"
            f" {self.assignment}: install it where the grader runs, and grade again."
            for name, count in self.lacking.most_common()
        ]

    @property
    def count(self) -> int:
        return self.states.total()


def first_sentence(text: str) -> str:
    return re.split(r"(?<=[.?!])\s", text, maxsplit=1)[0]


def _link(out: Path, result: Result) -> str:
    """Return a link to the teacher's page, otherwise to the feedback, otherwise to the saved result."""
    name = f"{safe_name(result.student)}.html"
    pages = [out / folder / result.assignment / name for folder in ("students", "feedback")]
    there = next((page for page in pages if page.exists()), None)
    path = there or ResultStore(out).path(result.student, result.assignment)
    return quote(path.relative_to(out).as_posix())


def write_summary(out: Path, results: Iterable[Result], solutions: Mapping[str, str] = NOTHING) -> list[str]:
    """Write the page and return its alarms, each a sentence.

    solutions: the likeness of each assignment's solution.
    """
    found: dict[str, Summary] = {}
    for result in results:
        name = result.assignment
        found.setdefault(name, Summary(name, solution=solutions.get(name, ""))).add(result, out)
    summaries = list(found.values())
    write_page(out / "index.html", "index.html", summaries=summaries, states=STATES, needing=NEED_A_LOOK)
    return [alarm for summary in summaries for alarm in summary.alarms]

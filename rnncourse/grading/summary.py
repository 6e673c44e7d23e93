"""The teacher's page, RESULTS/index.html: how many in each state, who needs a look, what went wrong where."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from rnncourse.grading.pages import write_page
from rnncourse.grading.result import STATES, Result, TaskResult
from rnncourse.grading.results import Results
from rnncourse.grading.submissions import safe_name

# What a verdict that names no mistake is called in the summary.
UNNAMED = {
    "not written": "not written yet",
    "close": "nearly right",
    "wrong": "wrong, in a way that no known mistake explains",
    "shape": "a wrong shape",
    "type": "not what was asked for (wrong type, or not there)",
    "raised": "raised an error",
    "too slow": "not done in time",
    "forbidden": "calls the thing to build",
}
ALARMING = ("stopped", "timeout", "memory", "crashed", "fault", "invalid")
MISSING = re.compile(r"ModuleNotFoundError: No module named '(\w+)")
ELSEWHERE = {
    "google",
    "kaggle_secrets",
    "dbutils",
}  # of a service where notebooks are run: nothing to install
NEED_A_LOOK = [state for state in STATES if state != "graded"]


@dataclass
class TaskCount:
    """What a class did with one task."""

    total: int
    points: Counter[int | None] = field(default_factory=Counter)  # None: not judged
    faults: Counter[tuple[str, str]] = field(default_factory=Counter)  # (mistake or verdict, its kind)
    hints: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)  # their first sentences

    def add(self, task: TaskResult) -> None:
        self.points[task.points] += 1
        if task.points is None or task.verdict == "right":
            return
        name = (task.mistake, "mistake") if task.mistake else (UNNAMED.get(task.verdict, task.verdict), "")
        self.faults[name] += 1
        if task.mistake:
            self.hints.setdefault(name, Counter())[first_sentence(task.text)] += 1

    @property
    def judged(self) -> int:
        return sum(count for points, count in self.points.items() if points is not None)

    @property
    def mean(self) -> float | None:
        """None if nobody's was judged."""
        earned = sum(points * count for points, count in self.points.items() if points is not None)
        return earned / self.judged if self.judged else None

    @property
    def rows(self) -> list[tuple[str, int]]:
        """A row for each number of points, the highest first, with how many have it; then the unjudged."""
        whole = [(str(points), self.points[points]) for points in range(self.total, -1, -1)]
        return [*whole, ("not judged", self.points[None])] if self.points[None] else whole

    @property
    def mistakes(self) -> list[tuple[str, bool, int, str]]:
        """Name, whether it is a known mistake's, count, hint; the most frequent first."""
        found = sorted(self.faults.items(), key=lambda item: (-item[1], item[0]))
        hint = {name: min(texts, key=lambda text: (-texts[text], text)) for name, texts in self.hints.items()}
        return [(name, bool(kind), count, hint.get((name, kind), "")) for (name, kind), count in found]


@dataclass
class Summary:
    """What a class did with one assignment."""

    assignment: str
    total: int = 0
    states: Counter[str] = field(default_factory=Counter)
    tasks: dict[str, TaskCount] = field(default_factory=dict)
    look: dict[str, list[tuple[str, str, str]]] = field(
        default_factory=dict
    )  # state: (student, reason, link)
    remarks: list[tuple[str, str]] = field(default_factory=list)  # (student, which file was taken …)
    lacking: Counter[str] = field(default_factory=Counter)  # modules that were not there, by students

    def add(self, result: Result, out: Path) -> None:
        missed = {match[1] for each in result.stopped if (match := MISSING.match(each.error))}
        self.lacking.update(missed - ELSEWHERE)
        self.total = result.total
        self.states[result.state] += 1
        for task in result.tasks:
            self.tasks.setdefault(task.task, TaskCount(task.total)).add(task)
        if result.state in NEED_A_LOOK:
            page = out / "feedback" / result.assignment / f"{safe_name(result.student)}.html"
            path = page if page.exists() else Results(out).path(result.student, result.assignment)
            link = quote(path.relative_to(out).as_posix())
            self.look.setdefault(result.state, []).append((result.student, result.reason, link))
        if result.remarks:
            self.remarks.append((result.student, " ".join(result.remarks)))

    @property
    def alarms(self) -> list[str]:
        """What befell so many that the exercise or the grader, and not each of them, may be the cause."""
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
    """Of a hint as a verdict has it, after its colon."""
    words = text.removeprefix(":").strip()
    return re.split(r"(?<=[.?!])\s", words, maxsplit=1)[0]


def write_summary(out: Path, results: Iterable[Result]) -> list[str]:
    """Write the page and return its alarms, each a sentence."""
    found: dict[str, Summary] = {}
    for result in results:
        found.setdefault(result.assignment, Summary(result.assignment)).add(result, out)
    summaries = list(found.values())
    write_page(out / "index.html", SUMMARY, summaries=summaries, states=STATES, needing=NEED_A_LOOK)
    return [alarm for summary in summaries for alarm in summary.alarms]


SUMMARY = """{% from "macros" import bar, page with context %}
{% call page("Results of the class") %}
<h1>Results of the class</h1>
<p class="soft">All of it as tables: <a href="results.csv">results.csv</a>,
<a href="results.json">results.json</a>. What was not judged has no points there, and not 0.</p>
{% for summary in summaries %}
{% for alarm in summary.alarms %}
<p class="alarm">{{ alarm | coded }}</p>
{% endfor %}
{% endfor %}
{% for summary in summaries %}
<h2>{{ summary.assignment }}</h2>
<p>{{ summary.count }} {{ "submission" if summary.count == 1 else "submissions" }},
{{ summary.total }} points, {{ summary.tasks | length }}
{{ "task" if summary.tasks | length == 1 else "tasks" }}.</p>
<table>
<caption>In each state</caption>
<thead><tr><th scope="col">state</th><th scope="col" class="n">how many</th><th scope="col"></th>
<th scope="col">what it means</th></tr></thead>
<tbody>
{% for state, meaning in states.items() if summary.states[state] %}
<tr><th scope="row" class="nowrap">{{ state }}</th><td class="n">{{ summary.states[state] }}</td>
<td class="bar">{{ bar(share(summary.states[state], summary.count)) }}</td>
<td class="soft">{{ meaning }}</td></tr>
{% endfor %}
</tbody>
</table>
{% if summary.look %}
<h3>Who needs a look</h3>
{% for state in needing if state in summary.look %}
<details{{ " open" if summary.states[state] <= 20 }}>
<summary class="all">{{ state }}: {{ summary.states[state] }}</summary>
<table>
<thead><tr><th scope="col">student</th><th scope="col">why</th></tr></thead>
<tbody>
{% for student, reason, link in summary.look[state] %}
<tr><th scope="row" class="name"><a href="{{ link }}"><bdi>{{ student }}</bdi></a></th>
<td>{{ (reason or states[state] ~ ".") | coded }}</td></tr>
{% endfor %}
</tbody>
</table>
</details>
{% endfor %}
{% endif %}
{% if summary.remarks %}
<h3>Which files were taken</h3>
<details{{ " open" if summary.remarks | length <= 20 }}>
<summary class="all">with a remark: {{ summary.remarks | length }}</summary>
<table>
<thead><tr><th scope="col">student</th><th scope="col">remark</th></tr></thead>
<tbody>
{% for student, remark in summary.remarks %}
<tr><th scope="row" class="name"><bdi>{{ student }}</bdi></th><td>{{ remark | coded }}</td></tr>
{% endfor %}
</tbody>
</table>
</details>
{% endif %}
<h3>What went wrong, task by task</h3>
{% for name, task in summary.tasks.items() %}
<h4><code>{{ name }}</code></h4>
<p class="soft">{% if task.mean is none %}Nobody's was judged.{% else %}
On average {{ "%.1f" | format(task.mean) }} of {{ task.total }} points ({{ task.judged }} judged).
{% endif %}</p>
<table>
<thead><tr><th scope="col" class="nowrap">points</th><th scope="col" class="n">students</th>
<th scope="col"></th></tr></thead>
<tbody>
{% for points, count in task.rows %}
<tr><th scope="row" class="nowrap">{{ points }}</th><td class="n">{{ count }}</td>
<td class="bar">{{ bar(share(count, summary.count)) }}</td></tr>
{% endfor %}
</tbody>
</table>
{% if task.mistakes %}
<table>
<caption>Mistakes</caption>
<thead><tr><th scope="col" class="n">students</th><th scope="col">mistake</th>
<th scope="col">what the student is told first</th></tr></thead>
<tbody>
{% for name, known, count, hint in task.mistakes %}
<tr><td class="n">{{ count }}</td>
<th scope="row" class="name">{% if known %}<b>{{ name }}</b>{% else %}{{ name }}{% endif %}</th>
<td>{{ hint | coded }}</td></tr>
{% endfor %}
</tbody>
</table>
{% endif %}
{% endfor %}
{% else %}
<p>There is no result yet.</p>
{% endfor %}
{% endcall %}
"""

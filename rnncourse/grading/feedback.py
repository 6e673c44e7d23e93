"""The feedback for one student: a page and a JSON file, in the notebook's own words.

```
RESULTS/feedback/<assignment>/<student>.html, .json
```

It holds nothing of the cases: no digest (the cases' seed could be searched by it), no name of a mistake, no
long number from the student's own error messages and prints (an input could be carried out by it).
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from markupsafe import Markup

from rnncourse.checks.framework.verdict import Verdict
from rnncourse.grading.pages import CODE, write_page
from rnncourse.grading.result import STATES, Result, TaskResult
from rnncourse.grading.results import encoded, replacing
from rnncourse.grading.submissions import safe_name

# Verdicts that repeat words from the student's process.
QUOTING = {"raised", "type", "forbidden", "too slow"}
LONG = r"[-+]?(?:\d*\.\d+(?:e[-+]?\d+)?|\d+e[-+]?\d+|\d{5,})"
LONG_NUMBERS = re.compile(rf"{LONG}(?:[\s,\[\]]+{LONG})*", re.IGNORECASE)


def feedback(result: Result) -> dict:
    """What a student may know of a result, as plain data. points: None where something was not judged."""
    return {
        "student": result.student,
        "assignment": result.assignment,
        "state": result.state,
        "meaning": STATES[result.state],
        "reason": _withheld(result.reason),
        "remarks": list(result.remarks),
        "points": result.points,
        "total": result.total,
        "tasks": [_told(task) for task in result.tasks],
    }


def _told(task: TaskResult) -> dict:
    said = {"task": task.task, "state": task.state, "points": task.points, "total": task.total}
    if task.points is None:
        return said | {"text": not_judged(task)}
    spoken = verdict(task)
    return said | {
        "verdict": spoken.state,
        "mark": spoken.mark,
        "text": f"{spoken.task}: {spoken.text}",
        "look": spoken.look,
        "lesson": spoken.lesson,
        "remarks": list(spoken.remarks),
        "earned": list(spoken.earned),
        "score": spoken.score,
    }


def not_judged(task: TaskResult) -> str:
    why = _withheld(task.text)
    if why:
        return f"{task.task} was not judged: {why} It has no points, and that is not 0."
    return f"{task.task} was not judged. It has no points, and that is not 0."


def verdict(task: TaskResult) -> Verdict:
    """The verdict as it was said, but for long numbers where it repeats the student's process."""
    assert task.points is not None, "not_judged has the words for it"
    remarks = tuple(CODE.sub(lambda quoted: _withheld(quoted[0]), remark) for remark in task.remarks)
    return Verdict(
        task=task.task,
        state=task.verdict,
        text=_withheld(task.text) if task.verdict in QUOTING else task.text,
        points=task.points,
        total=task.total,
        earned=task.earned,
        remarks=remarks,
        look=task.look,
        lesson=task.lesson,
    )


def _withheld(text: str) -> str:
    return LONG_NUMBERS.sub("…", text)


def write_feedback(out: Path, result: Result) -> None:
    """The page and the JSON of one student, each written whole or not at all."""
    said = feedback(result)
    judged = [(task.points, task.total) for task in result.tasks if task.points is not None]
    target = out / "feedback" / result.assignment
    name = safe_name(result.student)
    write_page(
        target / f"{name}.html",
        FEEDBACK,
        said=said,
        verdicts=[
            Markup(verdict(task)._repr_html_()) if task.points is not None else None for task in result.tasks
        ],
        judged=(sum(points for points, _ in judged), sum(total for _, total in judged)),
    )
    with replacing(target / f"{name}.json") as file:
        file.write(encoded(json.dumps(said, ensure_ascii=False, indent=1) + "\n"))


FEEDBACK = """{% from "macros" import bar, page with context %}
{% call page(said.assignment ~ ": " ~ said.student) %}
<h1><bdi>{{ said.student }}</bdi></h1>
<p class="soft">Exercise {{ said.assignment }}</p>
{% if said.points is not none %}
<p class="big"><b>{{ said.points }} of {{ said.total }} points</b></p>
{% elif judged[1] %}
<p class="big"><b>{{ judged[0] }} of {{ judged[1] }} points so far.</b>
 The other {{ said.total - judged[1] }} could not be judged: that is not 0.</p>
{% else %}
<p class="big"><b>No points yet.</b> Nothing could be judged: that is not 0.</p>
{% endif %}
{% if said.state != "graded" or said.reason %}
<p>{% if said.state != "graded" %}<b>{{ said.state }}</b>: {{ said.meaning }}.{% endif %}
 {{ said.reason }}</p>
{% endif %}
{% for remark in said.remarks %}
<p class="soft">{{ remark | coded }}</p>
{% endfor %}
{% if said.tasks %}
<h2>At a glance</h2>
<table>
<thead><tr><th scope="col">task</th><th scope="col" class="n">points</th>
<th scope="col"><span class="soft">share</span></th></tr></thead>
<tbody>
{% for task in said.tasks %}
<tr><th scope="row" class="nowrap">{{ task.mark or "–" }} <code>{{ task.task }}</code></th>
<td class="n">
{% if task.points is none %}not judged{% else %}{{ task.points }} of {{ task.total }}{% endif %}</td>
<td class="bar">{% if task.points is not none %}{{ bar(share(task.points, task.total)) }}{% endif %}</td></tr>
{% endfor %}
</tbody>
</table>
<h2>Task by task</h2>
{% for task in said.tasks %}
<div class="verdict">
{% if verdicts[loop.index0] %}
{{ verdicts[loop.index0] }}
{% else %}
<div class="unjudged">– {{ task.text }}</div>
{% endif %}
</div>
{% endfor %}
{% endif %}
{% endcall %}
"""

"""The pages: a student gets the notebook's words, the teacher gets names and counts, and no case leaks."""

import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import torch

from rnncourse.checks import lstm_gates
from rnncourse.checks.framework.answers import AnswerKey
from rnncourse.checks.framework.evaluate import Answer, Failure
from rnncourse.checks.framework.judge import judge
from rnncourse.grading.intake.cells import Stopped
from rnncourse.grading.intake.submissions import safe_name
from rnncourse.grading.report.feedback import feedback, write_feedback, write_teachers_page
from rnncourse.grading.report.result import STATES, Result, TaskResult
from rnncourse.grading.report.store import ResultStore
from rnncourse.grading.report.summary import first_sentence, write_summary
from rnncourse.grading.submission import _task

SEED = 5
NAME = "06_lstm_gates"
CHECKS = {check.name: check for check in lstm_gates.CHECKS}
VOID = {"meta", "rect", "br", "link", "img", "hr", "input"}


@pytest.fixture(scope="module")
def keys():
    return {check.name: AnswerKey(check, check.cases(SEED)) for check in lstm_gates.CHECKS}


def judged(key, answers):
    """Return the judge's verdict, and the task's result that grading makes from it."""
    verdict = judge(key, [replace(answer, calls=None) for answer in answers])
    return verdict, _task(verdict)


def right(key):
    return judged(key, key.truths)


def mistaken(key, m):
    return judged(key, [key.mistaken(m, n) for n in range(len(key.cases))])


def failing(key, **failure):
    return judged(key, [Answer(failure=Failure(**failure))] * len(key.cases))


def unjudged(name, state, **more):
    return TaskResult(name, f"{name}_check", state, None, CHECKS[name].points, **more)


def result(tasks, student="Zoë", state="graded", reason=""):
    points = [task.points for task in tasks]
    whole = None if None in points else sum(points)
    return Result(
        student, NAME, state, reason, whole, sum(t.total for t in tasks), tuple(tasks), "d1gest", 0.1
    )


class Page(HTMLParser):
    """A page's elements, words, headings and links. Every tag must be closed."""

    def __init__(self, path):
        super().__init__()
        self.open, self.tags, self.headings, self.links, self.words = [], [], [], [], []
        self.feed(path.read_bytes().decode("utf-8"))
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag in ("tr", "th", "td", "p", "div"):
            self.words.append(" ")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "a":
            self.links.append(dict(attributes)["href"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self):
        return " ".join("".join(self.words).split())


def student_page(out, one):
    write_feedback(out, one)
    path = out / "feedback" / NAME / f"{safe_name(one.student)}.html"
    return Page(path), json.loads(path.with_suffix(".json").read_bytes())


def teacher_page(out, *results):
    for one in results:
        ResultStore(out).write(one)
    write_summary(out, ResultStore(out))
    return Page(out / "index.html")


# ---- for a student


def test_page_has_the_notebooks_words(tmp_path, keys):
    """For right answers, each known mistake and an empty task, the page has exactly the notebook's output."""
    shown = [right(key) for key in keys.values()]
    shown += [mistaken(key, m) for key in keys.values() for m in range(len(key.task.mistakes))]
    shown += [failing(keys["gates"], kind="not written")]
    page, data = student_page(tmp_path, result([task for _, task in shown]))
    html = (tmp_path / "feedback" / NAME / f"{safe_name('Zoë')}.html").read_text("utf-8")
    assert len(shown) > 30
    for verdict, task in zip((verdict for verdict, _ in shown), data["tasks"], strict=True):
        assert verdict._repr_html_() in html
        score = () if verdict.state == "not written" else (task["score"],)
        parts = (f"{task['mark']} {task['text']}", task["look"], task["lesson"], *score, *task["remarks"])
        assert " ".join(filter(None, parts)) == str(verdict)
    assert page.headings == [1, 2, 2]


def test_unjudged_task_is_named_and_is_not_0(tmp_path, keys):
    for state in ("timeout", "memory", "crashed"):
        tasks = [right(keys["cell_state"])[1], unjudged("gates", state)]
        page, data = student_page(
            tmp_path, result(tasks, state=state, reason="gates: not judged, for a reason.")
        )
        assert "2 of 2 points so far. The other 4 could not be judged, which does not mean 0." in page.text
        assert f"{state}: {STATES[state]}. gates: not judged, for a reason." in page.text
        assert "gates was not judged. It has no score yet, which does not mean 0 points." in page.text
        assert not re.search(r"\b0 of", page.text)
        assert data["points"] is None
        assert [task["points"] for task in data["tasks"]] == [2, None]
        assert data["state"] == state
    for state in ("invalid", "missing"):
        page, data = student_page(tmp_path, result([unjudged("gates", state)], state=state, reason="Why."))
        assert "No score yet. Nothing could be judged, which does not mean 0 points." in page.text
        assert "Why." in page.text
        assert not re.search(r"\b0 of", page.text)
        assert data["points"] is data["tasks"][0]["points"] is None


def test_a_bar_is_as_long_as_its_share(tmp_path, keys):
    tasks = [replace(right(keys["gates"])[1], points=points) for points in (0, 1, 4)]  # of 4
    page, _ = student_page(tmp_path, result(tasks))
    widths = [float(attributes["width"]) for tag, attributes in page.tags if tag == "rect"]
    assert widths == [100, 0, 100, 25, 100, 100]  # each bar lies on an empty one


def test_nothing_of_the_cases_is_in_the_feedback(tmp_path, keys):
    """An answer that raises, prints or warns its inputs gets none of them back. No digest, no mistake."""
    tasks, numbers = [], set()
    for key in keys.values():
        tensors = [v for case in key.cases for v in _tensors(case.arguments)]
        numbers |= {f"{abs(x):.4f}" for t in tensors for x in t.flatten().tolist() if abs(x) > 1e-3}
        for tensor in tensors[:3]:
            for shown in (
                str(tensor),
                str(tensor.tolist()),
                f"{tensor.flatten()[0]:e}",
                str((tensor * 1e6).long()),
            ):
                quoted = shown[:1500]
                tasks.append(
                    failing(key, kind="raised", error="ValueError", message=quoted, line=quoted[:200])[1]
                )
                tasks.append(failing(key, kind="problem", message=quoted)[1])
                tasks.append(failing(key, kind="not a function", message=quoted)[1])
        printing = [replace(answer, printed=str(tensors[0]), warned=str(tensors[1])) for answer in key.truths]
        tasks.append(judged(key, printing)[1])
        tasks.append(mistaken(key, 0)[1])
    one = result(tasks)
    assert any(number in one.to_json() for number in numbers)  # the teacher's file has them
    page, data = student_page(tmp_path, one)
    for text in (page.text, json.dumps(data)):
        assert not [number for number in numbers if number in text]
        assert not re.search(r"\d{5}", text)
        assert "d1gest" not in text
    assert not {"digest", "mistake", "seconds"} & (
        data.keys() | {name for task in data["tasks"] for name in task}
    )
    assert {task["text"] for task in data["tasks"] if "it raised ValueError: " in task["text"]}


def _tensors(value):
    if isinstance(value, torch.Tensor):
        return [value] if value.is_floating_point() else []
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [tensor for item in items for tensor in _tensors(item)]


def test_sizes_and_short_numbers_are_not_withheld(keys):
    message = "mat1 and mat2 shapes cannot be multiplied (3x4 and 5x16)"
    verdict, task = failing(keys["gates"], kind="raised", error="RuntimeError", message=message)
    (shown,) = feedback(result([task]))["tasks"]
    assert shown["text"] == f"{verdict.task}: {verdict.text}"
    assert message in shown["text"]


BAD = "<script>alert(1)</script>\"'&lt;{{ 7*7 }}\u202e\ud800"


def test_forged_names_and_words_are_escaped(tmp_path, keys):
    task = replace(failing(keys["gates"], kind="raised", error=BAD, message=BAD, line=BAD)[1], remarks=(BAD,))
    lost = unjudged("cell_state", "crashed", text=BAD)
    one = result([task, lost], student=BAD, state="crashed", reason=BAD)
    named = replace(one, student="b", tasks=(replace(task, mistake=BAD, text=BAD, verdict="mistake"), lost))
    pages = [student_page(tmp_path, one)[0], teacher_page(tmp_path, one, named)]
    for page in pages:
        assert not {"img", "iframe", "link"} & {tag for tag, _ in page.tags}
        scripts = [tag for tag, _ in page.tags].count("script")
        assert scripts == (
            page is pages[1]
        )  # the teacher's page has one script, and its hash allows no other
        assert "{{ 7*7 }}" in page.text
        assert "<script>alert(1)</script>\"'&lt;" in page.text
        assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)


def test_pages_need_no_network_and_say_their_language(tmp_path, keys):
    pages = [student_page(tmp_path, result([right(keys["gates"])[1]]))[0], teacher_page(tmp_path)]
    for page in pages:
        tags = dict(page.tags)
        assert tags["html"]["lang"] == "en-GB"
        assert not any("src" in attributes for _, attributes in page.tags)
        assert all(not link.startswith(("http", "/", "file")) for link in page.links)
    for path in tmp_path.rglob("*.html"):
        text = path.read_text("utf-8")
        assert not re.search(r"url\(|@import|https?:", text)
        assert "prefers-color-scheme: dark" in text


# ---- for the teacher


def test_the_summary_counts(tmp_path, keys):
    """The counts for a small class equal those made by hand."""
    gates, memory = keys["gates"], keys["cell_state"]
    names = [mistake.name for mistake in gates.task.mistakes]
    full, first, second = right(gates)[1], mistaken(gates, 0)[1], mistaken(gates, 1)[1]
    raised = failing(gates, kind="raised", error="ValueError", message="no")[1]
    fine = right(memory)[1]
    flagged = replace(fine, state="flagged", verdict="forbidden", points=0, text="calls nn.LSTMCell.")
    page = teacher_page(
        tmp_path,
        *(result([fine, full], f"good{n}") for n in range(3)),
        *(result([fine, first], f"first{n}") for n in range(2)),
        *(result([fine, second], f"second{n}") for n in range(4)),
        result([fine, raised], "raised"),
        result([flagged, full], "Łukasz", "flagged", "cell_state: calls nn.LSTMCell."),
        result([fine, unjudged("gates", "timeout")], "slow", "timeout", "gates: not judged."),
        result([unjudged("cell_state", "missing"), unjudged("gates", "missing")], "away", "missing"),
    )
    text = page.text
    assert "13 submissions, 6 points, 2 tasks." in text
    assert "graded 10 every task was judged flagged 1 a task calls" in text
    assert "timeout 1 it ran out of time" in text
    assert "missing 1 nothing was submitted" in text
    assert "crashed" not in text
    assert "Łukasz cell_state: calls nn.LSTMCell. timeout: 1" in text
    assert "slow gates: not judged. missing: 1" in text
    assert "away nothing was submitted." in text
    assert text.count("good1") == 1  # only in the table of all students
    assert "raised 6 graded 3 3" not in text
    assert "student total state cell_state gates away – missing – – first0" in text
    assert "Łukasz 4 flagged 0 4" in text
    # gates: 4 with full points, 6 with the points that the mistakes leave, 1 that raised, 2 not judged
    points = Counter([4] * 4 + [first.points] * 2 + [second.points] * 4 + [0])
    shares = " ".join(f"{n} {points[n]}" for n in (4, 3, 2, 1, 0))
    assert f"points students {shares} not judged 2" in text
    mean = sum(n * count for n, count in points.items()) / 11
    assert f"gates On average {mean:.1f} of 4 points (11 judged)." in text
    table = text.split("Mistakes students mistake first sentence of the hint")[-1]
    assert table.startswith(f" 4 {names[1]} ")
    assert f" 2 {names[0]} " in table
    assert " 1 raised an error" in table
    for m in (0, 1):
        assert first_sentence(mistaken(gates, m)[1].text).replace("`", "") in table
    assert re.search(r" 4 .{5,300}? who second0, second1, second2, second3 2 ", table)
    assert page.headings == [1, 2, 3, 3, 3, 3, 4, 4]


def test_links_lead_to_the_most_detailed_page(tmp_path, keys):
    one = result([unjudged("gates", "crashed")], "Zoë #1 100%", "crashed", "Why.")
    name = safe_name(one.student)
    path = f"results/{NAME}/{name}.json"
    assert teacher_page(tmp_path, one).links == ["results.csv", "results.json", path, path]
    write_feedback(tmp_path, one)
    assert teacher_page(tmp_path).links[2] == f"feedback/{NAME}/{name}.html"
    assert (tmp_path / "feedback" / NAME / f"{name}.html").exists()
    write_teachers_page(tmp_path, one, {"gates": "def gates(a):"})
    assert teacher_page(tmp_path).links[2] == f"students/{NAME}/{name}.html"
    assert "def gates(a):" in (tmp_path / "students" / NAME / f"{name}.html").read_text("utf-8")
    assert "def gates(a):" not in (tmp_path / "feedback" / NAME / f"{name}.html").read_text("utf-8")


def test_page_of_a_class_without_a_judged_task(tmp_path):
    page = teacher_page(tmp_path, result([unjudged("gates", "missing")], "ana", "missing"))
    assert "Nobody's answer was judged." in page.text
    assert "On average" not in page.text
    assert "not judged 1" in page.text


def test_two_assignments_are_summarized_separately(tmp_path, keys):
    other = replace(result([right(keys["gates"])[1]], "ana"), assignment="02_rnn_cell")
    page = teacher_page(tmp_path, result([right(keys["gates"])[1]], "ana"), other)
    assert page.text.count("1 submission, 4 points, 1 task.") == 2
    assert page.headings == [1, 2, 3, 3, 3, 4, 2, 3, 3, 3, 4]


@pytest.mark.parametrize(("text", "first"), [
    ("this is the sum. Look there.", "this is the sum."),
    ("i is right in every case: is g squashed? Perhaps not.", "i is right in every case: is g squashed?"),
    ("it returns None: is a `return` missing?", "it returns None: is a `return` missing?"),
    ("0.5 times too large", "0.5 times too large"),
    ("", ""),
])  # fmt: skip
def test_first_sentence(text, first):
    assert first_sentence(text) == first


def test_writing_again_gives_the_same_bytes(tmp_path, keys):
    class_ = [result([mistaken(keys["gates"], m)[1]], f"s{m}") for m in range(5)]
    seen = []
    for _ in range(2):
        for one in class_:
            write_feedback(tmp_path, one)
        teacher_page(tmp_path, *class_)
        seen.append({path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()})
    assert seen[0] == seen[1]
    assert len(seen[0]) == 16


def test_alarm_if_more_than_half_of_a_class_failed(tmp_path, keys):
    """There is no alarm if half of the class failed, nor for a task that one student solved."""
    good = [right(key)[1] for key in keys.values()]
    none = [replace(task, points=0, verdict="not written") for task in good]
    lost = [unjudged(name, "crashed") for name in keys]
    pandas = Stopped(
        "import pandas", "ModuleNotFoundError: No module named 'pandas.core'", True, ("pandas",), 1
    )
    colab = replace(pandas, error="ModuleNotFoundError: No module named 'google.colab'")
    few = [result(good, "a"), replace(result(none, "b"), stopped=(pandas, pandas, colab))]
    assert write_summary(tmp_path, [*few, result(lost, "c", "crashed"), result(lost, "d", "crashed")]) == [
        "The module `pandas` was missing for 1 student of 06_lstm_gates: install it where the grader runs,"
        " and grade again."
    ]
    many = [result(lost, name, "crashed", "It crashed.") for name in "cde"]
    alarms = write_summary(tmp_path, [result(none, "a"), result(none, "b"), *many])
    assert alarms[0] == (
        "3 of 5 submissions of 06_lstm_gates are in the state crashed: check the exercise and this grader"
        " before you give out marks."
    )
    assert alarms[0] in (tmp_path / "index.html").read_text("utf-8")
    alarms = write_summary(tmp_path, [result(none, name) for name in "abc"])
    assert alarms[0].startswith("Nobody has a point for `cell_state` of 06_lstm_gates (3 judged)")
    assert len(alarms) == len(keys)

"""Recording in nbgrader's gradebook: the rows equal nbgrader's own, and formgrader shows them."""

import contextlib
import os
import shutil
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter
from nbgrader.api import Grade, Gradebook, MissingEntry
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from nbgrader.server_extensions.formgrader import handlers
from sample_submissions import EXERCISE, LSTM_GATES, ROOT, solved
from traitlets.config import PyFileConfigLoader

from rnncourse.grading.errors import GradebookError
from rnncourse.grading.intake.assignment import Assignment
from rnncourse.grading.report.autograded import autograded
from rnncourse.grading.report.gradebook import prepare, record
from rnncourse.grading.report.result import Result, TaskResult
from rnncourse.grading.submission import ungraded

NAME, STEM = LSTM_GATES.name, LSTM_GATES.stem
OWN = {"id", "timestamp"}  # fields that differ between two gradebooks


@pytest.fixture(scope="module")
def assignment():
    return Assignment(NAME, STEM, EXERCISE.read_bytes(), 0)


@pytest.fixture(scope="module")
def empty(assignment, tmp_path_factory):
    """Make a new gradebook. nbgrader needs seconds for it, so each test gets a copy."""
    path = tmp_path_factory.mktemp("empty") / "gradebook.db"
    record(path, assignment, [], handed_in)
    return path


@pytest.fixture
def path(empty, tmp_path):
    return Path(shutil.copy(empty, tmp_path))


def result(assignment, student="ana", points=(2, 4, 0, 0, 4), state="graded", **more):
    tasks = []
    for check, given in zip(assignment.checks.values(), points, strict=True):
        one = TaskResult(check.name, f"{check.name}_check", state, None, check.points)
        if given is not None:
            verdict = "right" if given == check.points else "wrong"
            one = replace(one, state="graded", points=given, verdict=verdict, text="so it is.")
        tasks.append(one)
    whole = None if None in points else sum(points)
    return replace(Result(student, NAME, state, "", whole, assignment.total, tuple(tasks), "d"), **more)


def handed_in(student):
    return EXERCISE.read_bytes()


def rows(path):
    """Return everything in the gradebook except its own ids and times."""
    with Gradebook(f"sqlite:///{path}") as book:
        said = [s.to_dict() for a in book.assignments for s in a.submissions]
        said += [a.to_dict() for a in book.assignments] + [s.to_dict() for s in book.students]
        for a in book.assignments:
            said += [
                cell.to_dict()
                for n in a.notebooks
                for cell in [n, *n.grade_cells, *n.solution_cells, *n.source_cells]
            ]
            for submission in a.submissions:
                for page in submission.notebooks:
                    said += [row.to_dict() for row in [page, *page.grades, *page.comments]]
    return sorted((sorted((k, v) for k, v in row.items() if k not in OWN) for row in said), key=repr)


def grades(path, student="ana"):
    """Return auto_score and needs_manual_grade by task."""
    with Gradebook(f"sqlite:///{path}") as book:
        page = book.find_submission_notebook(STEM, NAME, student)
        return {g.name.removesuffix("_check"): (g.auto_score, g.needs_manual_grade) for g in page.grades}


def nbgrader(folder):
    config = PyFileConfigLoader("nbgrader_config.py", path=str(folder)).load_config()
    course = CourseDirectory(root=str(folder), config=config)
    return NbGraderAPI(coursedir=course, config=config, log_level="ERROR")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """Make a course that only nbgrader has set up and graded. Ana has answered two tasks."""
    folder = tmp_path_factory.mktemp("theirs")
    shutil.copytree(ROOT / "solutions" / NAME, folder / "solutions" / NAME)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    (folder / "submitted" / "ana" / NAME).mkdir(parents=True)
    notebook = nbformat.read(EXERCISE, as_version=4)
    answers = {cell.id: cell.source for cell in solved().cells if cell.id in ("cell-state", "gates")}
    for cell in notebook.cells:
        cell.source = answers.get(cell.id, cell.source)
    nbformat.write(notebook, folder / "submitted" / "ana" / NAME / f"{STEM}.ipynb")
    (folder / "submitted" / "ana" / NAME / "timestamp.txt").write_text("2026-02-03 10:00:00 UTC")
    api = nbgrader(folder)
    with pytest.MonkeyPatch.context() as patch:  # nbgrader finds alembic through PATH
        patch.setenv("PATH", os.path.dirname(sys.executable), prepend=os.pathsep)
        done = [api.generate_assignment(NAME), api.autograde(NAME, "ana")]
    assert all(one["success"] for one in done), done
    return folder


def test_rows_equal_those_that_nbgrader_writes(theirs, assignment, path, tmp_path):
    shutil.copytree(theirs / "submitted", tmp_path / "submitted")
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    said = (theirs / "submitted/ana" / NAME / f"{STEM}.ipynb").read_bytes()
    record(path, assignment, [result(assignment, points=(2, 4, 0, 0, 0))], lambda student: said)

    def but_words(path):
        return sorted(([(k, v) for k, v in row if k != "auto_comment"] for row in rows(path)), key=repr)

    assert but_words(path) == but_words(theirs / "gradebook.db")
    (ours,), (nbgraders,) = nbgrader(tmp_path).get_submissions(NAME), nbgrader(theirs).get_submissions(NAME)
    assert {k: v for k, v in ours.items() if k != "id"} == {k: v for k, v in nbgraders.items() if k != "id"}
    assert ours["display_timestamp"] == "2026-02-03 10:00:00 UTC"


def test_recording_into_a_gradebook_made_by_nbgrader(theirs, assignment, tmp_path):
    path = tmp_path / "course" / "gradebook.db"
    shutil.copytree(theirs, path.parent)

    def of_ana():
        return [row for row in rows(path) if ("student", "ana") in row]

    before = of_ana()
    record(path, assignment, [result(assignment, "bea")], handed_in)
    assert of_ana() == before
    assert grades(path, "bea")["gates"] == (4.0, False)
    record(path, assignment, [result(assignment, points=(0, 4, 0, 0, 0))], handed_in)
    assert grades(path)["cell_state"] == (0.0, False)
    assert of_ana() != before


def test_ungraded_has_no_score_and_needs_manual_grading(assignment, path, tmp_path):
    lost = [ungraded(state, assignment, state, "Why.") for state in ("invalid", "missing", "crashed")]
    part = result(assignment, "part", (2, None, 0, 0, 4), "timeout")
    record(path, assignment, [*lost, part], handed_in)
    for student in ("invalid", "crashed"):
        assert set(grades(path, student).values()) == {(None, True)}
    assert grades(path, "part") == {
        "cell_state": (2.0, False), "gates": (None, True), "lstm_step": (0.0, False),
        "from_cs231n": (0.0, False), "MyLSTMCell": (4.0, False),
    }  # fmt: skip
    with Gradebook(f"sqlite:///{path}") as book:
        assert sorted(student.id for student in book.students) == ["crashed", "invalid", "missing", "part"]
        assert book.find_submission(NAME, "part").needs_manual_grade
        with pytest.raises(MissingEntry):
            book.find_submission(NAME, "missing")
        words = {c.name: c.auto_comment for c in book.find_submission_notebook(STEM, NAME, "part").comments}
    assert words["gates"].startswith("gates was not judged")
    assert words["cell_state"] == "✓ cell_state: so it is. 2 of 2 points."
    assert {path.name for path in (tmp_path / "autograded").iterdir()} == {"crashed", "invalid", "part"}


def test_ungraded_after_graded_has_no_score(assignment, path):
    record(path, assignment, [result(assignment)], handed_in)
    record(path, assignment, [ungraded("ana", assignment, "crashed", "Why.")], handed_in)
    assert set(grades(path).values()) == {(None, True)}


def test_recording_twice_changes_nothing(assignment, path, tmp_path):
    class_ = [result(assignment, f"s{n}") for n in range(3)] + [
        result(assignment, "t", (None,) * 5, "memory")
    ]
    seen = []
    for _ in range(2):
        record(path, assignment, class_, handed_in)
        files = {p: p.read_bytes() for p in (tmp_path / "autograded").rglob("*.ipynb")}
        with Gradebook(f"sqlite:///{path}") as book:
            seen.append((rows(path), files, sorted(grade.id for grade in book.db.query(Grade))))
    assert seen[0] == seen[1]
    assert len(seen[0][1]) == 4


def test_more_than_one_batch(assignment, path, monkeypatch):
    monkeypatch.setattr("rnncourse.grading.report.gradebook.BATCH", 2)
    record(path, assignment, (result(assignment, f"s{n}") for n in range(5)), handed_in)
    with Gradebook(f"sqlite:///{path}") as book:
        assert [s["score"] for s in book.submission_dicts(NAME)] == [10.0] * 5


def test_manual_score_stays(assignment, path):
    """A person settles a flagged task. The same result leaves that so; another one asks the person again."""
    one = result(assignment)
    tasks = [replace(task, state="flagged", verdict="forbidden", points=0) for task in one.tasks[:1]]
    flagged = replace(one, state="flagged", tasks=(*tasks, *one.tasks[1:]))
    record(path, assignment, [flagged], handed_in)
    assert grades(path)["cell_state"] == (0.0, True)
    with Gradebook(f"sqlite:///{path}") as book:
        grade = book.find_grade("cell_state_check", STEM, NAME, "ana")
        grade.manual_score, grade.needs_manual_grade = 1.0, False
        book.db.commit()
    record(path, assignment, [flagged], handed_in)
    assert grades(path)["cell_state"] == (0.0, False)
    record(path, assignment, [one], handed_in)
    assert grades(path)["cell_state"] == (2.0, True)
    with Gradebook(f"sqlite:///{path}") as book:
        assert book.find_grade("cell_state_check", STEM, NAME, "ana").score == 1.0


def test_flag_requests_manual_grading_even_if_the_score_is_the_same(assignment, path):
    wrong = result(assignment, points=(0, 4, 0, 0, 4))
    tasks = [
        replace(task, state="flagged", verdict="forbidden", text="calls it.") for task in wrong.tasks[:1]
    ]
    record(path, assignment, [wrong], handed_in)
    assert grades(path)["cell_state"] == (0.0, False)
    record(path, assignment, [replace(wrong, state="flagged", tasks=(*tasks, *wrong.tasks[1:]))], handed_in)
    assert grades(path)["cell_state"] == (0.0, True)


def test_another_versions_gradebook_is_refused(assignment, path):
    record(path, assignment, [result(assignment)], handed_in)
    with Gradebook(f"sqlite:///{path}") as book:
        book.find_grade_cell("gates_check", STEM, NAME).max_score = 3
        book.db.commit()
    before = rows(path)
    with pytest.raises(GradebookError, match=r"'gates_check': 3.*another version") as refused:
        record(path, assignment, [result(assignment, points=(0,) * 5)], handed_in)
    assert "\n" not in str(refused.value)
    assert rows(path) == before


def test_odd_names(assignment, path, tmp_path, caplog):
    """All get scores. A notebook is written if the name can be a folder name, never outside autograded/."""
    names = [
        "Zoë Ñandú",
        "李 雷",
        "{x}%s",
        "..",
        "../../up",
        "a/b",
        "x" * 300,
        "half \ud800",
        "'; DROP TABLE grade; --",
    ]
    (tmp_path / "in").mkdir()
    path = Path(shutil.copy(path, tmp_path / "in"))
    record(path, assignment, [result(assignment, name) for name in names], handed_in)
    with Gradebook(f"sqlite:///{path}") as book:
        assert [s["score"] for s in book.submission_dicts(NAME)] == [10.0] * len(names)
        assert {s.id for s in book.students} == {*names[:7], "half \\ud800", names[8]}
    shown = {path.parent.parent.name for path in tmp_path.rglob("*.ipynb")}
    assert shown == {"Zoë Ñandú", "李 雷", "{x}%s", "'; DROP TABLE grade; --"}
    assert {path.name for path in tmp_path.iterdir()} == {"in", "gradebook.db"}
    assert len(caplog.records) == 5


@pytest.mark.parametrize("stamp", [b"", b"yesterday", b"\xff\xfe", b"9999999999999999999999", b"1-1-1-1-1"])
def test_a_students_timestamp_does_no_harm(assignment, path, tmp_path, stamp):
    (tmp_path / "submitted" / "ana" / NAME).mkdir(parents=True)
    (tmp_path / "submitted" / "ana" / NAME / "timestamp.txt").write_bytes(stamp)
    record(path, assignment, [result(assignment)], handed_in)
    assert grades(path)["gates"] == (4.0, False)


# ---- what formgrader shows


def test_formgrader_shows_code_and_verdict(assignment, path, tmp_path):
    notebook = nbformat.read(EXERCISE, as_version=4)
    cell = next(cell for cell in notebook.cells if cell.id == "gates")
    cell.source = "def gates(a):\n    return 'mine'"
    check = next(cell for cell in notebook.cells if cell.id == "gates-check")
    check.source, check.outputs = "print('full marks')", [nbformat.v4.new_output("stream", text="FORGED")]
    bad = nbformat.v4.new_markdown_cell("<script>alert(1)</script>")
    notebook.cells += [nbformat.v4.new_code_cell("own = 1"), bad, cell, check]
    notebook.cells = [c for c in notebook.cells if c.id not in ("lstm-step", "lstm-step-check")]
    text = nbformat.writes(notebook)
    record(
        path,
        assignment,
        [result(assignment, points=(2, 4, None, 0, 4), state="crashed")],
        lambda s: text.encode(),
    )
    shown = nbformat.read(tmp_path / "autograded" / "ana" / NAME / f"{STEM}.ipynb", as_version=4)
    nbformat.validate(shown)
    given = nbformat.read(EXERCISE, as_version=4)
    ids = [cell.id for cell in shown.cells]
    assert [i for i in ids if not i.startswith("own-")] == ["state", *(cell.id for cell in given.cells)]
    sources = {cell.id: cell.source for cell in shown.cells}
    assert sources["gates"] == cell.source
    assert sources["gates-check"] == "check.gates(gates)"
    assert sources["lstm-step"] == "# this cell is missing from the submission"
    assert [source for name, source in sources.items() if name.startswith("own-")] == ["own = 1"]
    assert {c.id: c.metadata for c in given.cells}.items() <= {c.id: c.metadata for c in shown.cells}.items()
    exporter = HTMLExporter(template_name="formgrade", extra_template_basedirs=[handlers.template_path])
    html, _ = exporter.from_filename(
        str(tmp_path / "autograded" / "ana" / NAME / f"{STEM}.ipynb"),
        resources={
            "base_url": "",
            "index": 0,
            "total": 1,
            "notebook_path": "",
            "submission_id": "x",
            "student": "ana",
        },
    )
    assert "gates:</b> so it is." in html
    assert "lstm_step was not judged. It has no score yet, which does not mean 0 points." in html
    assert "FORGED" not in html
    assert "alert(1)" not in html


@pytest.mark.parametrize(
    "said", [b"", b"{", b"\xff", None, b'{"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}']
)
def test_unreadable_notebook_is_shown_as_the_empty_exercise(assignment, said):
    shown = autograded(assignment, said, ungraded("ana", assignment, "invalid", "Why."))
    nbformat.validate(shown)
    solutions = [c for c in shown.cells if c.metadata.get("nbgrader", {}).get("solution")]
    assert {cell.source for cell in solutions} == {"# this cell is missing from the submission"}
    assert shown.cells[0].source.startswith("**invalid**")


def test_no_answer_from_the_teachers_source_is_shown():
    notebook = autograded(LSTM_GATES, handed_in("ana"), result(LSTM_GATES))
    assert [cell.id for cell in notebook.cells if cell.get("outputs")] == [
        cell.id for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")
    ]
    shown = nbformat.writes(notebook)
    assert "BEGIN SOLUTION" not in shown
    assert "**Why?**" not in shown
    assert "f * c + i * g" not in shown


def test_file_that_is_not_a_gradebook_is_refused_and_unchanged(assignment, tmp_path):
    text, other = tmp_path / "notes.txt", tmp_path / "moodle.db"
    text.write_text("not a database")
    with contextlib.closing(sqlite3.connect(other)) as database:
        database.execute("CREATE TABLE users (name)")
    before = other.read_bytes()
    for path, words in [
        (text, "file is not a database"),
        (tmp_path / "nowhere" / "gradebook.db", "unable to open"),
        (other, "moodle.db is a database, but not a gradebook of nbgrader"),
    ]:
        with pytest.raises(GradebookError, match=words):
            prepare(path, [assignment])
    assert other.read_bytes() == before

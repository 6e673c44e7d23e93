"""rnncourse.progress(): what a check notes, what is shown, and that no file disturbs a check."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rnncourse
from rnncourse.checks import lstm_gates
from rnncourse.checks.framework import progress
from rnncourse.lab.workspace import Workspace

ROOT = Path(__file__).parent.parent


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "progress.json"
    monkeypatch.setenv(progress.VARIABLE, str(path))
    return path


def right(f, i, g, c):
    return f * c + i * g


def test_a_check_notes_the_best_points(file, capsys):
    assert lstm_gates.cell_state(lambda f, i, g, c: f * c) == 0
    assert json.loads(file.read_text()) == {"06": {"cell_state": [0, 2]}}
    assert lstm_gates.cell_state(right) == 2
    assert lstm_gates.cell_state(lambda f, i, g, c: f * c) == 0
    assert progress.read() == {"06": {"cell_state": [2, 2]}}
    assert [path.name for path in file.parent.iterdir()] == ["progress.json"]  # nothing left aside


def test_what_is_shown(file, capsys):
    lstm_gates.cell_state(right)
    progress.note("06", "gates", 2, 4)
    progress.note("06", "lstm_step", 0, 4)
    shown = rnncourse.progress()
    text = repr(shown)
    assert (
        "06 The LSTM's gates\n   ✓ done        cell_state              2 of 2\n   ◐ partly      gates" in text
    )
    assert "✗ not yet     lstm_step               0 of 4" in text
    assert "○ to do       MyLSTMCell              0 of 4" in text
    whole, bugs = (text.index(f"16 {title}\n   ○ to do") for title in ("The whole layer", "Silent bugs"))
    assert whole < bugs  # the lesson's own set comes first
    tasks = sum(len(checks) for checks in progress.all_sets().values())
    points = sum(check.points for checks in progress.all_sets().values() for check in checks)
    first = progress.all_sets()["sequences_and_state"][0].name
    total = f"1 of {tasks} tasks done, 4 of {points} points."
    assert text.endswith(f"{total}\nNext: exercise 01, Sequences and state: {first}.")
    page = shown._repr_html_()
    assert page.count("<tr>") == len(progress.all_sets()) + 1
    assert page.startswith(f"<p>{total} <b>Next: ")
    assert f": {first}.</b></p><table>" in page
    assert "title='cell_state: done'>✓</span> <span role='img' aria-label='gates: partly'" in page


def test_next_is_the_first_task_that_is_not_done(file):
    checks = [check for checks in progress.all_sets().values() for check in checks]
    for check in checks[:-1]:
        progress.note(check.lesson, check.name, check.points, check.points)
    assert rnncourse.progress().next == f"Next: exercise {checks[-1].lesson}, Where next: {checks[-1].name}."
    progress.note(checks[-1].lesson, checks[-1].name, checks[-1].points, checks[-1].points)
    assert rnncourse.progress().next == ""
    assert repr(rnncourse.progress()).endswith(" points.")


def test_in_the_learners_copy_lessons_and_exercises_are_links(file, tmp_path, monkeypatch):
    for folder in ("notebooks", "exercises"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    Workspace(tmp_path).renew()
    sets = [f"{checks[0].lesson}_{name}" for name, checks in progress.all_sets().items()]
    there = [
        (ROOT / "notebooks" / f"{name}.ipynb").exists() + (ROOT / "exercises" / name).exists()
        for name in sets
    ]
    assert sum(there) >= 32  # lessons 01 to 16 and their exercises
    # The copy, and the original, whose exercises have folders.
    for folder, exercise in {"work/notebooks": "exercise_01_", "notebooks": "exercises/01_"}.items():
        monkeypatch.chdir(tmp_path / folder)
        links = re.findall("href='([^']+)'", rnncourse.progress()._repr_html_())
        assert len(links) == sum(there) + 1  # the first is what is next
        assert exercise in links[0]
        assert all(Path(link).is_file() for link in links)
    monkeypatch.chdir(tmp_path)  # nothing lies beside it
    assert "href" not in rnncourse.progress()._repr_html_()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", '{"06": 3}', '{"06": {"cell_state": "x"}}', '{"06": {"cell_state": [1]}}', "\0"],
)
def test_a_broken_file_is_as_good_as_none(file, text, capsys):
    file.parent.mkdir()
    file.write_text(text)
    assert progress.read() == {}
    assert lstm_gates.cell_state(right) == 2
    assert progress.read() == {"06": {"cell_state": [2, 2]}}


def test_where_nothing_can_be_written_a_check_goes_on(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "below.json", tmp_path):  # below a file; a folder in its place
        monkeypatch.setenv(progress.VARIABLE, str(place))
        assert lstm_gates.cell_state(right) == 2
        assert progress.read() == {}
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_changed_points_of_a_task_count_anew(file):
    progress.note("06", "gates", 4, 4)
    progress.note("06", "gates", 3, 5)
    assert progress.read() == {"06": {"gates": [3, 5]}}


def test_nothing_is_kept_while_a_grader_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.delenv(progress.VARIABLE)
    assert progress.path() == tmp_path / ".rnncourse" / "progress.json"
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert progress.path() is None
    progress.note("06", "gates", 4, 4)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv(progress.VARIABLE, "off")
    assert progress.path() is None


def test_these_tests_keep_none():
    assert os.environ[progress.VARIABLE] == "off"


def test_no_check_is_imported_before_progress_is_asked_for():
    code = "import sys, rnncourse; print([m for m in sys.modules if m.startswith('rnncourse.checks.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['rnncourse.checks.framework', 'rnncourse.checks.framework.progress']"

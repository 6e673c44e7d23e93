"""`rnncourse grade` as a teacher runs it: a class of all kinds, interrupted runs, killed workers."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import psutil
import pytest
from sample_submissions import EXERCISE, LSTM_GATES, PERFECT, ROOT, replaced

from rnncourse.cli import main
from rnncourse.grading import pool
from rnncourse.grading.errors import NotebookError
from rnncourse.grading.intake.notebook import read_cells
from rnncourse.grading.report.writing import exclusive_folder
from rnncourse.grading.sandbox import walls
from rnncourse.grading.sandbox.client import SandboxClient, remove_left_behind
from rnncourse.grading.sandbox.limits import Limits
from rnncourse.grading.sandbox.walls import missing
from rnncourse.grading.worker import GradeRequest, Settings

COMMAND = [sys.executable, "-c", "from rnncourse.cli import main; raise SystemExit(main())", "grade"]

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"no sandbox here: {missing()}")

KINDS = {
    "perfect": PERFECT,
    "empty": EXERCISE.read_bytes(),
    "half": replaced("a_i, a_f, a_g, a_o = ", "a_i, a_f, a_o, a_g = "),
    "builtin": replaced("return lstm_step(x_t, state, ", "return torch.lstm_cell(x_t, state, "),
    "exits": replaced("return f * c + i * g", "import os; os._exit(0)"),
    "torn": PERFECT[: len(PERFECT) // 2],
}


def hand_in(folder: Path, kinds: dict[str, bytes]) -> Path:
    for student, notebook in kinds.items():
        path = folder / student / LSTM_GATES.name / EXERCISE.name
        path.parent.mkdir(parents=True)
        path.write_bytes(notebook)
    return folder


def grade(*words) -> subprocess.CompletedProcess:
    return subprocess.run([*COMMAND, *map(str, words)], cwd=ROOT, capture_output=True, text=True)


def table(out: Path) -> dict[str, dict[str, str]]:
    with (out / "results.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_a_class_of_all_kinds(tmp_path):
    submitted, out = hand_in(tmp_path / "submitted", KINDS), tmp_path / "results"
    (submitted / "absent").mkdir()
    before_grading = {path: path.read_bytes() for path in submitted.rglob("*.ipynb")}
    done = grade(submitted, "--out", out, "--workers", 1, "--feedback", "--assignment", LSTM_GATES.name)
    assert done.returncode == 3, done.stderr
    rows = table(out)
    assert {student: (row["state"], row["points"]) for student, row in rows.items()} == {
        "perfect": ("graded", "17"),
        "empty": ("graded", "0"),
        "half": ("graded", "7"),
        "builtin": ("flagged", "13"),
        "exits": ("crashed", ""),
        "torn": ("invalid", ""),
        "absent": ("missing", ""),
    }
    assert "calls torch.lstm_cell in your line `return torch.lstm_cell(" in rows["builtin"]["reason"]
    assert rows["exits"]["cell_state"] == ""
    assert rows["exits"]["from_cs231n"] == "3"
    page = next((out / "feedback" / "06_lstm_gates").glob("half*.html")).read_text("utf-8")
    assert "your numbers are those of gates in the order i, f, o, g" in page
    assert "mistake" in (out / "index.html").read_text("utf-8")

    # Grade again, with nothing changed: no byte of a result changes.
    before = {path: path.read_bytes() for path in sorted(out.rglob("*.json"))}
    again = grade(submitted, "--out", out, "--resume", "--feedback", "--assignment", LSTM_GATES.name)
    assert again.returncode == 3
    assert {path: path.read_bytes() for path in sorted(out.rglob("*.json"))} == before
    assert {path: path.read_bytes() for path in submitted.rglob("*") if path.is_file()} == before_grading


def test_run_killed_midway_can_be_resumed(tmp_path):
    kinds = {f"s{k}": KINDS[name] for k, name in enumerate(("perfect", "half", "empty") * 4)}
    submitted, out = hand_in(tmp_path / "submitted", kinds), tmp_path / "results"
    words = [*COMMAND, str(submitted), "--out", str(out), "--workers", "1"]
    process = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True)
    saved = []
    while len(saved) < 3 and process.poll() is None:
        saved = sorted((out / "results").rglob("*.json"))
        time.sleep(0.005)
    family = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(saved) >= 3
    whole = {path: path.read_bytes() for path in sorted((out / "results").rglob("[!.]*.json"))}
    assert all(json.loads(text)["points"] is not None for text in whole.values())
    psutil.wait_procs(family)  # all workers and servers end

    done = grade(submitted, "--out", out, "--workers", 1, "--resume")
    assert done.returncode == 0, done.stderr
    assert {path: path.read_bytes() for path in whole} == whole  # finished submissions were not graded again
    expected = {"perfect": "17", "half": "7", "empty": "0"}
    names = ("perfect", "half", "empty") * 4
    assert {s: row["points"] for s, row in table(out).items()} == {
        f"s{k}": expected[name] for k, name in enumerate(names)
    }


def test_a_killed_worker_costs_no_result():
    settings = Settings.of([LSTM_GATES], [ROOT / "solutions"], Limits())
    names = ("perfect", "empty", "half", "perfect", "perfect", "half")
    class_ = [GradeRequest(f"s{k}", LSTM_GATES.name, KINDS[name]) for k, name in enumerate(names)]
    found = {}
    for result in pool.results(1, settings, {LSTM_GATES.name: LSTM_GATES}, class_):
        if not found:
            (worker,) = (p for p in psutil.Process().children() if pool.WORKER in p.cmdline())
            os.kill(worker.pid, signal.SIGKILL)
        assert result.student not in found
        found[result.student] = result.points
    points = {"perfect": 17, "empty": 0, "half": 7}
    assert found == {f"s{k}": points[name] for k, name in enumerate(names)}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nowhere", "--out", "OUT"), "nowhere"),
        (("SUBMITTED", "--out", "OUT", "--assignment", "06_lstm_gate"), "Did you mean 06_lstm_gates?"),
        (("SUBMITTED", "--out", "OUT", "--course", "OUT"), "Start in the course's folder, or pass --course"),
    ],
)
def test_ungradable_input_is_refused_in_a_sentence(words, says, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    hand_in(tmp_path / "submitted", {"ana": PERFECT})
    places = {"SUBMITTED": str(tmp_path / "submitted"), "OUT": str(tmp_path / "out")}
    assert main(["grade", *(places.get(word, word) for word in words)]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said


def test_a_run_without_its_seed_is_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    out = tmp_path / "out"
    out.mkdir()
    (out / "run.json").write_text("{}")
    submitted = hand_in(tmp_path / "submitted", {"ana": PERFECT})
    assert main(["grade", str(submitted), "--out", str(out)]) == 2
    assert "run.json cannot be read" in capsys.readouterr().err


def test_grading_is_refused_without_a_sandbox(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(walls, "missing", lambda: ["Landlock"])
    assert main(["grade", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "Pass --no-sandbox to grade anyway" in capsys.readouterr().err


def test_ctrl_c_says_where_the_results_are(monkeypatch, capsys, tmp_path):
    def stopped(options):
        raise KeyboardInterrupt

    monkeypatch.setattr("rnncourse.grading.classroom.grade_class", stopped)
    assert main(["grade", str(tmp_path), "--out", str(tmp_path / "out")]) == 130
    assert "pass --resume to continue" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("SUBMITTED", "--out", "SUBMITTED"), "look like a student's: choose another --out"),
        (("SUBMITTED", "--out", "SUBMITTED/results"), "look like a student's: choose another --out"),
        ((".", "--out", "OUT"), "did you mean its subfolder submitted/?"),
        (
            ("SUBMITTED", "--out", "SUBMITTED/ana/06_lstm_gates/lstm_gates.ipynb"),
            "is a file: expected a folder",
        ),
        (("SUBMITTED", "--out", "/proc/results"), "cannot be written"),
        (("SUBMITTED", "--out", "OUT", "--scheduler", "tcp://127.0.0.1:1"), "does not begin with tls://"),
        (("SUBMITTED", "--out", "OUT", "--scheduler", "tls://127.0.0.1:1"), "pass --tls-ca-file, --tls-cert"),
        (
            ("SUBMITTED", "--out", "OUT", "--scheduler", "nonsense", "--insecure"),
            "no Dask scheduler answers at nonsense",
        ),
        (("SUBMITTED", "--out", "OUT", "--gradebook", "pyproject.toml"), "file is not a database"),
    ],
)
def test_impossible_paths_and_addresses_are_refused(words, says, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    submitted = hand_in(tmp_path / "submitted", {"ana": PERFECT})
    places = (("SUBMITTED", str(submitted)), ("OUT", str(tmp_path / "out")))
    for name, place in places:
        words = [word.replace(name, place) for word in words]
    assert main(["grade", *words]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said
    assert [path.name for path in submitted.rglob("*")] == ["ana", "06_lstm_gates", "lstm_gates.ipynb"]


OWN = """{"cells": [{"cell_type": "code", "source": "x = 1", "metadata": {"nbgrader": {"grade": true,
"locked": true, "grade_id": "my_test"}}}], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}"""


def test_a_teachers_own_exercise_is_left_to_nbgrader(tmp_path, capsys, caplog):
    course, submitted = tmp_path / "course", hand_in(tmp_path / "submitted", {"ana": KINDS["torn"]})
    for folder in (course / "solutions", submitted / "ana"):
        (folder / "13_own").mkdir(parents=True)
        (folder / "13_own" / "own.ipynb").write_text(OWN)
    ours = course / "solutions" / "06_lstm_gates" / "lstm_gates.ipynb"
    ours.parent.mkdir()
    ours.write_bytes(PERFECT)
    (ours.parent / "notes.ipynb").write_text(OWN)
    options = ("--out", tmp_path / "out", "--course", course, "--workers", 1)
    words = ["grade", *map(str, (submitted, *options))]
    assert main(words) == 3
    assert "13_own is not graded" in caplog.text
    assert {student: row["state"] for student, row in table(tmp_path / "out").items()} == {"ana": "invalid"}
    assert main([*words, "--assignment", "13_own"]) == 2
    assert "`nbgrader autograde 13_own` grades it" in capsys.readouterr().err
    ours.write_text(OWN)  # the teacher's own check in one of the course's exercises
    assert main(words) == 2
    assert "has a graded cell 'my_test', for which the course has no check" in capsys.readouterr().err


def test_everyone_is_told_which_file_was_graded(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    submitted, out = hand_in(tmp_path / "submitted", {"ana": KINDS["torn"]}), tmp_path / "out"
    (submitted / "ana" / "06_lstm_gates" / "lstm_gates-Copy1.ipynb").write_bytes(PERFECT)
    assert main(["grade", str(submitted), "--out", str(out), "--workers", "1", "--feedback"]) == 3
    said = "`06_lstm_gates/lstm_gates.ipynb` was graded"
    assert said in table(out)["ana"]["remarks"]
    for page in (out / "index.html", out / "feedback" / "06_lstm_gates" / "ana.html"):
        assert said.replace("`", "") in re.sub("</?code>", "", page.read_text("utf-8"))


def test_sentences_for_files_that_are_not_notebooks():
    for data, words in [
        (b"# %% a script\nx = 1", r"begins with `# %% a script`: was another file renamed to \.ipynb\?"),
        (b"\n<!DOCTYPE html><html>", "begins with `<!DOCTYPE html>"),
        (PERFECT[:1000], r"\. Was the upload cut off\?"),
    ]:
        with pytest.raises(NotebookError, match=words):
            read_cells(data)


def test_ctrl_c_during_the_start(monkeypatch, capsys, tmp_path):
    def stopped():
        raise KeyboardInterrupt

    monkeypatch.setattr(walls, "missing", stopped)
    assert main(["grade", str(tmp_path), "--out", str(tmp_path / "out")]) == 130
    assert "Stopped" in capsys.readouterr().err


def test_invalid_number_of_workers_is_refused(capsys):
    for word in ("two", "0", "-1", "²"):
        with pytest.raises(SystemExit):
            main(["grade", "x", "--out", "y", "--workers", word])
        assert f"expected a whole number of at least 1, got {word}" in capsys.readouterr().err


def test_files_beside_the_notebook_are_copied_along(tmp_path):
    """A helper module and its data are copied, also from a student's zip, but not a file named torch.py."""
    notebook = replaced("return f * c + i * g", "from helpers import new; return new(f, c, i, g)")
    module = b"import json\none = json.load(open('one.json'))\n"
    module += b"def new(f, c, i, g):\n    return one * (f * c + i * g)\n"
    files = {EXERCISE.name: notebook, "helpers.py": module, "one.json": b"1", "torch.py": b"1 / 0"}
    submitted, out = tmp_path / "submitted", tmp_path / "out"
    for name, data in files.items():
        path = submitted / "ana" / LSTM_GATES.name / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (submitted / "ben").mkdir()
    with zipfile.ZipFile(submitted / "ben" / "work.zip", "w") as archive:
        for name, data in files.items():
            archive.writestr(f"work/{name}", data)
    hand_in(submitted, {"cem": notebook})
    grade(submitted, "--out", out, "--workers", 1, "--assignment", LSTM_GATES.name)
    rows = table(out)
    assert {student: (row["state"], row["points"]) for student, row in rows.items()} == {
        "ana": ("graded", "17"),
        "ben": ("graded", "17"),
        "cem": ("graded", "7"),
    }
    assert "because a package has that name: `06_lstm_gates/torch.py`" in rows["ana"]["remarks"]


def test_second_run_into_one_folder_is_refused(tmp_path, monkeypatch, capsys):
    """The second run is refused with the reason, and the first is not disturbed."""
    monkeypatch.chdir(ROOT)
    submitted, out = hand_in(tmp_path / "submitted", {"ana": KINDS["torn"]}), tmp_path / "out"
    out.mkdir()
    words = ["grade", str(submitted), "--out", str(out)]
    with exclusive_folder(out):
        assert main(words) == 2
        assert "another run is writing into" in capsys.readouterr().err
        assert list(out.iterdir()) == []
    assert main(words) == 3


def test_folders_that_a_killed_grader_left_are_removed(tmp_path, monkeypatch):
    """A folder that is in use stays, and so does what only looks like such a folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / "rnncourse-left"
    (left / "box" / "deep").mkdir(parents=True)
    (tmp_path / "rnncourse-file").write_text("mine")
    (tmp_path / "rnncourse-link").symlink_to(ROOT)
    with SandboxClient() as used:
        assert not left.exists()
        remove_left_behind()
        assert used.folder.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rnncourse-file", "rnncourse-link"]

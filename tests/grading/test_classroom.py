"""`rnncourse grade` as a teacher runs it: a class of all kinds, cut off and gone on with, workers killed."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest

from rnncourse.cli import main
from rnncourse.grading import sandbox
from rnncourse.grading.cluster import Grading, results, workers
from rnncourse.grading.grade import Assignment
from rnncourse.grading.sandbox import Limits

ROOT = Path(__file__).parents[2]
GRADED = Path("06_lstm_gates/lstm_gates.ipynb")
COMMAND = [sys.executable, "-c", "from rnncourse.cli import main; raise SystemExit(main())", "grade"]
PERFECT = (ROOT / "solutions" / GRADED).read_bytes()

pytestmark = pytest.mark.skipif(bool(sandbox.missing()), reason=f"no sandbox here: {sandbox.missing()}")


def changed(old: str, new: str) -> bytes:
    notebook = nbformat.reads(PERFECT.decode(), as_version=4)
    assert sum(old in cell.source for cell in notebook.cells) > 0
    for cell in notebook.cells:
        cell.source = cell.source.replace(old, new)
    return nbformat.writes(notebook).encode()


KINDS = {
    "perfect": PERFECT,
    "empty": (ROOT / "exercises" / GRADED).read_bytes(),
    "half": changed("a_i, a_f, a_g, a_o = ", "a_i, a_f, a_o, a_g = "),
    "builtin": changed("return lstm_step(x_t, state, ", "return torch.lstm_cell(x_t, state, "),
    "exits": changed("return f * c + i * g", "import os; os._exit(0)"),
    "torn": PERFECT[: len(PERFECT) // 2],
}


def hand_in(folder: Path, kinds: dict[str, bytes]) -> Path:
    for student, notebook in kinds.items():
        path = folder / student / GRADED
        path.parent.mkdir(parents=True)
        path.write_bytes(notebook)
    return folder


def grade(*words, timeout=200) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*COMMAND, *map(str, words)], cwd=ROOT, capture_output=True, text=True, timeout=timeout
    )


def table(out: Path) -> dict[str, dict[str, str]]:
    with (out / "results.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_a_class_of_all_kinds(tmp_path):
    submitted, out = hand_in(tmp_path / "submitted", KINDS), tmp_path / "results"
    (submitted / "absent").mkdir()
    handed = {path: path.read_bytes() for path in submitted.rglob("*.ipynb")}
    done = grade(submitted, "--out", out, "--workers", 1, "--feedback", "--assignment", GRADED.parent)
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

    # Again, and nothing has changed: no worker is started, no byte of a result is another.
    before = {path: path.read_bytes() for path in sorted(out.rglob("*.json"))}
    again = grade(submitted, "--out", out, "--resume", "--feedback", "--assignment", GRADED.parent)
    assert again.returncode == 3
    assert {path: path.read_bytes() for path in sorted(out.rglob("*.json"))} == before
    assert {path: path.read_bytes() for path in submitted.rglob("*") if path.is_file()} == handed


def test_killed_midway_and_gone_on_with(tmp_path):
    kinds = {f"s{k}": KINDS[name] for k, name in enumerate(("perfect", "half", "empty") * 4)}
    submitted, out = hand_in(tmp_path / "submitted", kinds), tmp_path / "results"
    words = [*COMMAND, str(submitted), "--out", str(out), "--workers", "1"]
    process = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True)
    kept, deadline = [], time.monotonic() + 100
    while len(kept) < 3 and process.poll() is None and time.monotonic() < deadline:
        kept = sorted((out / "results").rglob("*.json"))
        time.sleep(0.005)
    family = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(kept) >= 3
    whole = {path: path.read_bytes() for path in sorted((out / "results").rglob("[!.]*.json"))}
    assert all(json.loads(text)["points"] is not None for text in whole.values())
    _, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []  # neither workers nor servers stay behind

    done = grade(submitted, "--out", out, "--workers", 1, "--resume")
    assert done.returncode == 0, done.stderr
    assert {path: path.read_bytes() for path in whole} == whole  # what was finished was not done again
    expected = {"perfect": "17", "half": "7", "empty": "0"}
    names = ("perfect", "half", "empty") * 4
    assert {s: row["points"] for s, row in table(out).items()} == {
        f"s{k}": expected[name] for k, name in enumerate(names)
    }


def test_a_killed_worker_costs_no_result():
    assignment = Assignment("06_lstm_gates", "lstm_gates", (ROOT / "solutions" / GRADED).read_bytes(), seed=5)
    plugin = Grading({assignment.name: assignment}, [ROOT / "solutions"], Limits())
    names = ("perfect", "empty", "half", "perfect", "perfect", "half")
    class_ = [(f"s{k}", assignment.name, KINDS[name]) for k, name in enumerate(names)]
    found = {}
    with workers(1, None, plugin) as client:
        for result in results(client, plugin, class_):
            if not found:
                (worker,) = client.run(os.getpid).values()
                os.kill(worker, signal.SIGKILL)
            found[result.student] = result.points
    points = {"perfect": 17, "empty": 0, "half": 7}
    assert found == {f"s{k}": points[name] for k, name in enumerate(names)}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nowhere", "--out", "OUT"), "nowhere"),
        (("SUBMITTED", "--out", "OUT", "--assignment", "06_lstm_gate"), "Is 06_lstm_gates meant?"),
        (("SUBMITTED", "--out", "OUT", "--course", "OUT"), "Start in the course's folder, or say --course"),
    ],
)
def test_what_cannot_be_graded_is_said_in_a_sentence(words, says, tmp_path, capsys, monkeypatch):
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
    assert "run.json can't be read" in capsys.readouterr().err


def test_without_a_sandbox_it_refuses(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sandbox, "missing", lambda: ["Landlock"])
    assert main(["grade", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "--no-sandbox grades all the same" in capsys.readouterr().err


def test_ctrl_c_says_what_is_kept(monkeypatch, capsys, tmp_path):
    def stopped(wishes):
        raise KeyboardInterrupt

    monkeypatch.setattr("rnncourse.grading.classroom.grade_class", stopped)
    assert main(["grade", str(tmp_path), "--out", str(tmp_path / "out")]) == 130
    assert "with --resume it goes on" in capsys.readouterr().err

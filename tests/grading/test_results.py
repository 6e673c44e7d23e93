"""The results folder: only complete files, nothing lost, and a task that was not judged never 0."""

import csv
import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from rnncourse.grading.errors import UserError
from rnncourse.grading.report.result import STATES, Result, TaskResult
from rnncourse.grading.report.store import COLUMNS, ResultStore
from rnncourse.grading.report.writing import atomic_write


def task(name, points, total=4, state="graded", **more):
    return TaskResult(name, f"{name}_check", state, points, total, **more)


def result(student="ana", state="graded", points=(2, 4), assignment="06_lstm_gates", reason="", digest="d1"):
    tasks = tuple(
        task(f"task{n}", p, state="graded" if p is not None else state) for n, p in enumerate(points)
    )
    whole = None if None in points else sum(points)
    return Result(student, assignment, state, reason, whole, 4 * len(points), tasks, digest, 0.1)


def table(out):
    with (out / "results.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_what_is_written_is_read_back(tmp_path):
    results = ResultStore(tmp_path)
    odd = task("f", 1, mistake="order", text=": “quoted” 李\ud800\\", remarks=("a", "b"), earned=("c",))
    for n, name in enumerate(
        ["ana", "Zoë Ñandú", "李 雷", "../../etc", "=cmd()", "a/b\\c\n", "half \ud800", ""]
    ):
        written = replace(result(name, digest=f"d{n}"), tasks=(odd,))
        results.write(written)
        assert results.find(name, "06_lstm_gates", f"d{n}") == written
    assert len(list(results)) == 8
    assert {p.parent for p in tmp_path.rglob("*.json")} == {tmp_path / "results" / "06_lstm_gates"}


def test_result_with_another_digest_is_not_found(tmp_path):
    results = ResultStore(tmp_path)
    assert results.find("ana", "06_lstm_gates", "d1") is None
    results.write(result())
    assert results.find("ana", "06_lstm_gates", "d1") == result()
    assert results.find("ana", "06_lstm_gates", "d2") is None
    assert results.find("bea", "06_lstm_gates", "d1") is None
    assert results.find("ana", "02_rnn_cell", "d1") is None


@pytest.mark.parametrize("text", [
    "", "{", result().to_json()[:-40], "[]", '"text"', "3", "null", "{}", "[" * 5000, '{"tasks": [1]}',
    '{"tasks": {}}', result().to_json().replace('"graded"', '"excellent"'), result("bea").to_json(),
    result().to_json().replace('"points": 6', '"points": "6"'),
    result().to_json().replace('"ana"', '["ana"]'),
    result().to_json().replace('"total": 4', '"total": null'), result().to_json().replace('"d1"', "1"),
], ids=range(17))  # fmt: skip
def test_invalid_result_file_is_ignored_with_a_warning(tmp_path, caplog, text):
    results = ResultStore(tmp_path)
    results.write(result("carl"))
    path = results.path("ana", "06_lstm_gates")
    path.write_text(text)
    assert results.find("ana", "06_lstm_gates", "d1") is None
    caplog.clear()
    assert [found.student for found in results] == ["carl"]
    (record,) = caplog.records
    assert str(path) in record.message
    assert "is ignored" in record.message
    results.write_tables()
    assert [row["student"] for row in table(tmp_path)] == ["carl"]
    results.write(result())  # a valid result replaces it
    assert results.find("ana", "06_lstm_gates", "d1") == result()


def test_foreign_files_do_no_harm(tmp_path):
    results = ResultStore(tmp_path)
    results.write(result())
    folder = results.path("ana", "06_lstm_gates").parent
    (folder / "notes.txt").write_text("mine")
    (folder / "latin.json").write_bytes(b"\xff\xfe{")
    (folder / "folder.json").mkdir()
    (folder / "link.json").symlink_to(folder / "nowhere")
    (folder / ".ana.json.tmp").write_text("{")
    (folder.parent / "stray.json").write_text("{}")
    results.write_tables()
    assert [found.student for found in results] == ["ana"]
    assert (folder / "notes.txt").read_text() == "mine"


def test_interrupted_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a" / "file"
    with atomic_write(path) as file:
        file.write(b"old")
    with pytest.raises(TypeError), atomic_write(path) as file:
        file.writelines([b"half of the n", None])
    assert path.read_bytes() == b"old"
    with atomic_write(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert os.listdir(path.parent) == ["file"]


def test_finished_results_survive_a_kill(tmp_path):
    """A process that prints what it has finished is killed with SIGKILL at some moment."""
    code = (
        "import sys; from pathlib import Path\n"
        "from rnncourse.grading.report.result import Result\n"
        "from rnncourse.grading.report.store import ResultStore\n"
        "results = ResultStore(Path(sys.argv[1]))\n"
        "for n in range(10**6):\n"
        "    results.write(Result(f's{n}', 'a', 'missing', 'x' * 9999, None, 4, (), f'd{n}'))\n"
        "    print(n, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if int(line) == 30:
            break
    process.send_signal(signal.SIGKILL)
    finished = 31 + len(process.stdout.read().splitlines())
    process.wait()
    process.stdout.close()
    results = ResultStore(tmp_path)
    assert all(results.find(f"s{n}", "a", f"d{n}") for n in range(finished))
    assert finished <= len(list(results)) <= finished + 1


# ---- the tables


def test_ungraded_is_never_0(tmp_path):
    results = ResultStore(tmp_path)
    results.write(result("zero", points=(0, 0)))
    for state in STATES:
        if state not in ("graded", "flagged"):
            results.write(result(state, state, points=(4, None), reason="Why."))
    results.write_tables()
    rows = {row["student"]: row for row in table(tmp_path)}
    assert (rows["zero"]["points"], rows["zero"]["task0"], rows["zero"]["task1"]) == ("0", "0", "0")
    found = {entry["student"]: entry for entry in json.loads((tmp_path / "results.json").read_bytes())}
    for state in rows.keys() - {"zero"}:
        assert (rows[state]["points"], rows[state]["task0"], rows[state]["task1"]) == ("", "4", "")
        assert (rows[state]["state"], rows[state]["total"], rows[state]["reason"]) == (state, "8", "Why.")
        assert found[state]["points"] is None
        assert [t["points"] for t in found[state]["tasks"]] == [4, None]


def test_columns_and_order(tmp_path):
    results = ResultStore(tmp_path)
    results.write_tables()
    assert (tmp_path / "results.csv").read_text("utf-8-sig").split() == [
        "student,assignment,state,points,total,reason,remarks"
    ]
    assert json.loads((tmp_path / "results.json").read_bytes()) == []
    other = Result("ana", "02_rnn_cell", "graded", "", 3, 3, (task("rnn_step", 3, 3),), "d")
    for one in (result("zoe"), result("Ána"), other):
        results.write(one)
    results.write_tables()
    assert (tmp_path / "results.csv").read_bytes().startswith(b"\xef\xbb\xbfstudent,")
    rows = table(tmp_path)
    assert list(rows[0]) == [*COLUMNS, "rnn_step", "task0", "task1"]
    assert [list(row.values()) for row in rows] == [
        ["ana", "02_rnn_cell", "graded", "3", "3", "", "", "3", "", ""],
        ["Ána", "06_lstm_gates", "graded", "6", "8", "", "", "", "2", "4"],
        ["zoe", "06_lstm_gates", "graded", "6", "8", "", "", "", "2", "4"],
    ]
    assert [
        Result.from_json(json.dumps(entry)) for entry in json.loads((tmp_path / "results.json").read_bytes())
    ] == list(results)


def test_writing_again_gives_the_same_bytes(tmp_path):
    results = ResultStore(tmp_path)
    for n in range(5):
        results.write(result(f"s{n}"))
    seen = []
    for _ in range(2):
        results.write_tables()
        results.write(result("s3"))
        seen.append({path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()})
    assert seen[0] == seen[1]
    assert len(seen[0]) == 7


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", " =1+1", "\t=1", "\r=1", "＝1"])
def test_no_cell_is_a_formula(tmp_path, name):
    results = ResultStore(tmp_path)
    results.write(result(name, "invalid", (None,), reason=name))
    results.write_tables()
    (row,) = table(tmp_path)
    assert row["student"] == row["reason"] == f"'{name}"
    (entry,) = json.loads((tmp_path / "results.json").read_bytes())
    assert entry["student"] == name


def test_names_are_unchanged_in_the_table(tmp_path):
    results = ResultStore(tmp_path)
    names = ['Ana "Anita" María, O\'Neill', "two\nlines", "Łukasz;ß", "половина", "a=b"]
    for name in names:
        results.write(result(name))
    results.write_tables()
    assert {row["student"] for row in table(tmp_path)} == set(names)


def test_remarks_are_saved_and_in_the_table(tmp_path):
    results = ResultStore(tmp_path)
    remarked = replace(result("ana", points=(4,)), remarks=("`b` was graded.", "And more."))
    results.write(remarked)
    results.write_tables()
    assert list(results) == [remarked]
    (row,) = table(tmp_path)
    assert (row["reason"], row["remarks"]) == ("", "`b` was graded. And more.")


def test_failed_write_raises_a_sentence(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    beneath = tmp_path / "file" / "x" / "a.json"
    with pytest.raises(UserError, match=r"x/a.json cannot be written \(.+\)"), atomic_write(beneath):
        pass
    with pytest.raises(UserError, match="No space left on device"), atomic_write(tmp_path / "b.json"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not (tmp_path / "b.json").exists()

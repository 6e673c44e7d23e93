"""Marks in the LMS's own files, feedback for it, a teacher's own points, and grading one student again."""

import csv
import json
import zipfile
from datetime import UTC, datetime

import pytest
from sample_submissions import EXERCISE, LSTM_GATES, PERFECT, ROOT, answered, replaced

from rnncourse.cli import main
from rnncourse.grading.classroom import late_by
from rnncourse.grading.errors import UserError
from rnncourse.grading.report.lms import fill_canvas, fill_moodle
from rnncourse.grading.report.overrides import apply_overrides, read_overrides
from rnncourse.grading.report.result import Result, TaskResult
from rnncourse.grading.sandbox.walls import missing

needs_sandbox = pytest.mark.skipif(bool(missing()), reason=f"no sandbox here: {missing()}")

HALF = replaced("a_i, a_f, a_g, a_o = ", "a_i, a_f, a_o, a_g = ")
MOODLE = {
    "Ana María Gómez_101_assignsubmission_file_": PERFECT,
    "Ben O'Neill_102_assignsubmission_file_": HALF,
    "Ben O'Neill_103_assignsubmission_file_": EXERCISE.read_bytes(),
    "Cem Öz_104_assignsubmission_file_": answered(gates="import os\ndef gates(a): os._exit(0)"),
}
WORKSHEET = """\ufeffIdentifier,"Full name","Email address",Status,Grade,"Maximum Grade","Feedback comments"
"Participant 101","Ana María Gómez",ana@example.org,Submitted,,100.00,
"Participant 102","Ben O'Neill",ben@example.org,Submitted,,100.00,
"Participant 103","Ben O'Neill",ben2@example.org,Submitted,,100.00,
"Participant 104","Cem Öz",cem@example.org,Submitted,5.00,100.00,"as before"
"Participant 105","Dora Nobody",dora@example.org,"No submission",,100.00,
"""
CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section,"LSTM Gates (991)","Other (992)",Final Score
"    Points Possible",,,,,17.0,5.0,
"Gómez, Ana María",501,a1,ana,S1,,3,
"O'Neill, Ben",502,b1,ben,S1,,4,
"""


def rows(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def moodle_class(tmp_path_factory):
    folder = tmp_path_factory.mktemp("moodle")
    with zipfile.ZipFile(folder / "export.zip", "w") as archive:
        for name, notebook in MOODLE.items():
            info = zipfile.ZipInfo(f"{name}/lstm_gates.ipynb", (2026, 11, 20, 14, 3, 0))
            archive.writestr(info, notebook)
    (folder / "worksheet.csv").write_text(WORKSHEET, encoding="utf-8")
    return folder


def grade(folder, *more):
    words = ["grade", folder / "export.zip", "--out", folder / "out", "--course", ROOT, "--workers", 1]
    return main([*map(str, words), "--assignment", LSTM_GATES.name, "--feedback", *map(str, more)])


@needs_sandbox
def test_moodle_class_round_trip(moodle_class, capsys):
    out = moodle_class / "out"
    assert grade(moodle_class, "--moodle", moodle_class / "worksheet.csv", "--due", "2026-11-20T12:00") == 3
    filled = {row["Identifier"][-3:]: row for row in rows(out / "worksheet.csv")}
    grades = {number: row["Grade"] for number, row in filled.items()}
    assert grades == {"101": "100.00", "102": f"{700 / 17:.2f}", "103": "0.00", "104": "5.00", "105": ""}
    assert list(filled["101"]) == list(rows(moodle_class / "worksheet.csv")[0])
    assert filled["102"]["Feedback comments"].startswith("7 of 17 points. cell_state: 2 of 2; gates: ")
    assert filled["104"]["Feedback comments"] == "as before"
    table = {row["student"]: row for row in rows(out / "results.csv")}
    assert table["Ana María Gómez"]["number"] == "101"
    assert table["Ana María Gómez"]["handed_in"] == "2026-11-20 14:03"
    assert table["Ana María Gómez"]["late"] == "late by 2:03"
    with zipfile.ZipFile(out / f"moodle_feedback_{LSTM_GATES.name}.zip") as archive:
        assert sorted(archive.namelist()) == sorted(f"{name}/feedback.html" for name in MOODLE)
        assert "17 of 17 points" in archive.read(f"{next(iter(MOODLE))}/feedback.html").decode()
    # A teacher's points survive a run and are in every file. Only one student is graded again.
    (out / "overrides.csv").write_text(
        f"student,assignment,task,points,comment\nCem Öz,{LSTM_GATES.name},gates,3,shown in my office\n"
        f"Ben O'Neill_103,{LSTM_GATES.name},,5,a late try\n",
        encoding="utf-8",
    )
    before = {path: path.stat().st_mtime_ns for path in (out / "results").rglob("*.json")}
    assert grade(moodle_class, "--moodle", moodle_class / "worksheet.csv", "--only", "Ana María Gómez") == 0
    written = {path for path in (out / "results").rglob("*.json") if path.stat().st_mtime_ns != before[path]}
    assert [json.loads(path.read_text())["student"] for path in written] == ["Ana María Gómez"]
    table = {row["student"]: row for row in rows(out / "results.csv")}
    assert (table["Ben O'Neill_103"]["points"], table["Ben O'Neill_103"]["overridden"]) == ("5", "yes")
    assert table["Cem Öz"]["gates"] == "3"
    assert "Your teacher gave 5 of 17 points: a late try" in table["Ben O'Neill_103"]["remarks"]
    filled = {row["Identifier"][-3:]: row["Grade"] for row in rows(out / "worksheet.csv")}
    assert filled["103"] == f"{500 / 17:.2f}"
    pages = [path.read_text("utf-8") for path in (out / "feedback").rglob("cem*.html")]
    assert "shown in my office" in pages[0]
    assert "Ben O&#39;Neill_103" in (out / "index.html").read_text("utf-8")
    assert grade(moodle_class, "--only", "Ana Maria Gomez") == 2
    assert "Did you mean Ana María Gómez?" in capsys.readouterr().err


def result(student, points, number="", total=17):
    task = TaskResult("gates", "gates_check", "graded", points, total, "right")
    return Result(student, LSTM_GATES.name, "graded", "", points, total, (task,), "d", number=number)


def test_canvas_rows_are_found_by_number_or_name(tmp_path):
    path, out = tmp_path / "gradebook.csv", tmp_path / "out"
    path.write_text(CANVAS, encoding="utf-8")
    class_ = [result("gomezanamaria", 17, "501"), result("oneillben", 7), result("stranger", 3)]
    assert fill_canvas(path, out, class_, LSTM_GATES.name) == ["stranger"]
    filled = rows(out / "gradebook.csv")
    assert list(filled[0]) == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "LSTM Gates (991)"]
    assert [row["LSTM Gates (991)"] for row in filled] == ["17.0", "17", "7"]
    with pytest.raises(UserError, match="expected one column whose name contains gru"):
        fill_canvas(path, out, class_, "08_gru")


def test_moodle_with_semicolons_and_without_numbers(tmp_path):
    path, out = tmp_path / "w.csv", tmp_path / "out"
    path.write_text(WORKSHEET.replace(",", ";"), encoding="utf-8")
    none = result("Dora Nobody", None)
    assert fill_moodle(path, out, [result("Cem Öz", 17), none, result("Eve", 1)]) == ["Eve"]
    assert [row["Grade"] for row in rows(out / "w.csv")] == ["", "", "", "100.00", ""]


def test_file_that_is_not_a_table_is_refused(tmp_path):
    path = tmp_path / "w.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read as a table"):
        fill_moodle(path, tmp_path, [])
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="no column Grade"):
        fill_moodle(path, tmp_path, [])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("student,points\nana,x\n", "line 2: expected a whole number of points, got x"),
        ("name,mark\nana,4\n", "expected the columns student, assignment, task, points, comment"),
    ],
)
def test_malformed_overrides_are_refused(tmp_path, text, words):
    (tmp_path / "overrides.csv").write_text(text.replace("student,points", "student,assignment,points")
                                            .replace("ana,x", "ana,06_lstm_gates,x"))  # fmt: skip
    with pytest.raises(UserError, match=words):
        read_overrides(tmp_path)


def test_an_override_of_a_task_and_of_the_whole():
    one = result("ana", 7)
    key = ("ana", LSTM_GATES.name)
    task = apply_overrides(one, {key: {"gates": (9, "")}})
    assert (task.points, task.tasks[0].points, task.overridden) == (9, 9, True)
    assert task.tasks[0].remarks == ("Your teacher gave 9 of 17 points.",)
    whole = apply_overrides(one, {key: {"": (12, "spoken")}})
    assert (whole.points, whole.tasks[0].points) == (12, 7)
    assert apply_overrides(result("ben", 7), {key: {"": (12, "")}}) == result("ben", 7)


@pytest.mark.parametrize(
    ("stamp", "late"),
    [
        ("2026-11-20 12:00:00 UTC", ""),
        ("2026-11-20 14:05:30.123456 UTC", "late by 1:05"),
        ("2026-11-23 14:00 UTC", "late by 3 days, 1:00"),
        ("yesterday", ""),
        ("", ""),
    ],
)
def test_lateness_in_words(stamp, late):
    assert late_by(stamp, datetime(2026, 11, 20, 13, tzinfo=UTC)) == late

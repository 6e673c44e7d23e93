"""A class of 49, submitted through five systems: every honest student gets the points a person would give.

Each answer below has the points that its author earned, settled before the grader ran. The first page lists
the students a person should look at, and the marks are in the file that the system reads.
"""

import csv
import html
import subprocess
import sys
import zipfile
from dataclasses import dataclass

import pytest
from sample_submissions import EXERCISE, LSTM_GATES, PERFECT, ROOT, answered, replaced, with_cell
from test_everyday import GATES, moved, stub_left_above, stub_left_below, without_marks_and_checks

from rnncourse.cli import main
from rnncourse.grading.sandbox.walls import missing

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"no sandbox here: {missing()}")

NAME, STEM = LSTM_GATES.name, LSTM_GATES.stem
CRASH = "import ctypes\ndef gates(a):\n    import os\n    os._exit(3)"
BUILT_IN = "class MyLSTMCell(nn.LSTMCell):\n    pass"


@dataclass(frozen=True)
class Kind:
    """One kind of submission.

    points: None if a person has to give them. look: whether a person should look at it.
    """

    notebook: bytes
    points: int | None
    look: bool = False


KINDS = {
    "right": Kind(PERFECT, 17),
    "pip above the answer": Kind(answered(gates="!pip install torchinfo\n" + GATES), 17),
    "colab": Kind(answered(gates="from google.colab import drive; drive.mount('/content')\n" + GATES), 17),
    "a GPU": Kind(answered(gates="device = torch.device('cuda'); torch.zeros(2).cuda()\n" + GATES), 17),
    "asks for a name": Kind(answered(gates="name = input('Your name: ')\n" + GATES), 17),
    "a check in the answer's cell": Kind(answered(gates=GATES + "\nassert check.gates(gates) == 4"), 17),
    "stub left above": Kind(moved(stub_left_above), 17),
    "stub left below": Kind(moved(stub_left_below), 17),
    "cells without their marks": Kind(moved(without_marks_and_checks), 17),
    "no tanh": Kind(replaced("o * torch.tanh(c)", "o * c"), 12),  # c is right, h is not
    "gates in a wrong order": Kind(replaced("a_i, a_f, a_g, a_o = ", "a_i, a_f, a_o, a_g = "), 7),
    "nothing written": Kind(EXERCISE.read_bytes(), 0),
    "an error in a cell of their own": Kind(with_cell("1 / 0", before=None), 17),
    "a file that is not here": Kind(
        answered(gates="k = int(open('/content/k.txt').read())\n" + GATES.replace("chunk(4", "chunk(k")),
        5,
        look=True,
    ),
    "calls the thing to build": Kind(answered(MyLSTMCell=BUILT_IN), 13, look=True),
    "its process ends": Kind(answered(gates=CRASH), None, look=True),
    "not a notebook": Kind(b"%PDF-1.4", None, look=True),
}
FIRST = ("Ana María", "Ben", "Cem", "Đorđe", "Ева", "小明", "Zoë")
LAST = ("Gómez", "O'Neill", "Öz", "Nguyễn", "Иванова", "王", "van der Berg")
STUDENTS = [f"{first} {last}" for first in FIRST for last in LAST]
CLASS = {name: list(KINDS)[k % len(KINDS)] for k, name in enumerate(STUDENTS)}


def login(student):
    return f"s{STUDENTS.index(student):02}"


def canvas_name(student):
    first, _, last = student.partition(" ")
    return "".join(c for c in (last + first).lower() if c.isalnum())


def write_all(folder, files):
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def zip_all(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 20, 14, 3, 0)), content)
    return path


def write_table(path, *rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def rows(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def notebooks():
    return {student: KINDS[kind].notebook for student, kind in CLASS.items()}


def nbgrader(folder):
    files = {f"{login(s)}/{NAME}/{STEM}.ipynb": data for s, data in notebooks().items()}
    gradebook = folder / "gradebook.db"
    return write_all(folder / "submitted", files), ("--gradebook", gradebook), login


def moodle(folder):
    files = {
        f"{s}_{900 + k}_assignsubmission_file/{STEM}.ipynb": d for k, (s, d) in enumerate(notebooks().items())
    }
    head = ("Identifier", "Full name", "Email address", "Grade", "Maximum Grade", "Feedback comments")
    lines = [
        (f"Participant {900 + k}", s, f"{login(s)}@example.org", "", "17.00", "") for k, s in enumerate(CLASS)
    ]
    table = write_table(folder / "worksheet.csv", head, *lines)
    return zip_all(folder / "export.zip", files), ("--moodle", table, "--feedback"), str


def canvas(folder):
    files = {
        f"{canvas_name(s)}_{500 + k}_{7000 + k}_{STEM}-1.ipynb": d
        for k, (s, d) in enumerate(notebooks().items())
    }
    head = ("Student", "ID", "SIS Login ID", "Section", "LSTM gates (991)")
    lines = [(", ".join(s.split(" ", 1)[::-1]), 500 + k, login(s), "S1", "") for k, s in enumerate(CLASS)]
    possible = ("    Points Possible", "", "", "", "17.0")
    table = write_table(folder / "canvas.csv", head, possible, *lines)
    return zip_all(folder / "submissions.zip", files), ("--canvas", table), canvas_name


def github_classroom(folder):
    """Write a repository per student, named after the assignment's slug and the login."""
    files = {}
    for student, data in notebooks().items():
        repository = f"lstm-gates-{login(student)}"
        files[f"{repository}/{NAME}/{STEM}.ipynb"] = data
        files[f"{repository}/README.md"] = b"# LSTM gates"
        files[f"{repository}/.git/HEAD"] = b"ref: refs/heads/main"
        files[f"{repository}/.github/workflows/classroom.yml"] = b"name: Autograding"
    return write_all(folder / "lstm-gates-submissions", files), (), login


def google_drive(folder):
    """Write Google Classroom's folder as Drive exports it: all copies in it, named after the students."""
    files = {f"LSTM gates/{student} - {STEM}.ipynb": data for student, data in notebooks().items()}
    return zip_all(folder / "LSTM gates-20261120T140300Z-001.zip", files), (), str


def marks_in_the_gradebook(folder, out):
    command = [sys.executable, "-m", "nbgrader", "export", "--db", f"sqlite:///{folder / 'gradebook.db'}"]
    subprocess.run([*command, "--to", str(folder / "grades.csv")], check=True, cwd=folder, timeout=120)
    return {row["student_id"]: float(row["score"]) for row in rows(folder / "grades.csv")}


def marks_in_moodle(folder, out):
    table = rows(out / "worksheet.csv")
    emails = {row["student"]: row["email"] for row in rows(out / "results.csv")}
    assert emails == {row["Full name"]: row["Email address"] for row in table}
    return {row["Full name"]: float(row["Grade"]) if row["Grade"] else None for row in table}


def marks_in_canvas(folder, out):
    _, *table = rows(out / "canvas.csv")
    return {
        canvas_name(" ".join(row["Student"].split(", ")[::-1])): float(row["LSTM gates (991)"] or "nan")
        for row in table
    }


def marks_in_the_results(folder, out):
    return {
        row["student"]: float(row["points"]) if row["points"] else None for row in rows(out / "results.csv")
    }


SYSTEMS = {
    nbgrader: marks_in_the_gradebook,
    moodle: marks_in_moodle,
    canvas: marks_in_canvas,
    github_classroom: marks_in_the_results,
    google_drive: marks_in_the_results,
}


def test_class_is_complete():
    assert len(CLASS) == len(set(map(login, CLASS))) == len(set(map(canvas_name, CLASS))) == 49
    assert set(CLASS.values()) == set(KINDS)


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.__name__)
def test_a_class_of_49(tmp_path, capsys, system):
    submitted, options, name = system(tmp_path)
    out = tmp_path / "out"
    words = ["grade", submitted, "--out", out, "--course", ROOT, "--assignment", NAME, "--workers", 2]
    status = main([str(word) for word in (*words, *options)])
    assert status == 3, capsys.readouterr().err  # some need a look
    table = {row["student"]: row for row in rows(out / "results.csv")}
    assert set(table) == set(map(name, CLASS))
    expected = {name(student): KINDS[kind] for student, kind in CLASS.items()}
    points = {student: row["points"] for student, row in table.items()}
    wanted = {s: "" if kind.points is None else str(kind.points) for s, kind in expected.items()}
    assert points == wanted
    first_page = html.unescape((out / "index.html").read_text("utf-8")).partition("All students")[0]
    for student, row in table.items():
        assert (row["state"] != "graded") == expected[student].look, (student, row)
        assert (f"<bdi>{student}</bdi>" in first_page) == expected[student].look, student
    marks = SYSTEMS[system](tmp_path, out)
    for student, kind in expected.items():
        assert marks[student] == kind.points or kind.points is None, student

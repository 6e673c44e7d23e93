"""Finding out who submitted what, in all the ways in which a class submits, and what is refused."""

import io
import json
import os
import pickle
import random
import re
import stat
import struct
import sys
import unicodedata
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnncourse.grading.errors import UserError
from rnncourse.grading.intake import archives
from rnncourse.grading.intake.submissions import find_submissions, safe_name

SETS = {
    "02_rnn_cell": "rnn_cell",
    "03_shapes": "shapes",
    "06_lstm_gates": "lstm_gates",
    "08_gru": "gru",
    "09_lstmcell_looping": "lstmcell_looping",
}
LSTM, GRU = "06_lstm_gates", "08_gru"


def folder(where, content):
    """Write the content, a dict from path to bytes. Later files are newer."""
    for k, (name, data) in enumerate(content.items()):
        path = where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir()
        else:
            path.write_bytes(data)
            os.utime(path, (1.7e9 + 10 * k,) * 2)
    return where


def zipped(content):
    """Return the bytes of a zip. A key of the content may be a ZipInfo."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for k, (name, data) in enumerate(content.items()):
            if isinstance(name, str):
                name = zipfile.ZipInfo(name, (2024, 1, 1 + k // 60, 0, k % 60, 0))
                name.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(name, data)
    return stream.getvalue()


def zip_file(where, content):
    where.mkdir(exist_ok=True)
    path = where / "all.zip"
    path.write_bytes(content if isinstance(content, bytes) else zipped(content))
    return path


def entry(name, mode=stat.S_IFREG | 0o644):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


def handed_in(path, only=None):
    """Return the notebook, or the state, for each (student, assignment)."""
    found = find_submissions(path, SETS, only)
    keys = [(one.student, one.assignment) for one in found]
    assert len(set(keys)) == len(keys)
    assert all(bool(one.state) == bool(one.reason) == (one.location is None) for one in found)
    assert all(re.fullmatch(r"[^\n]+\.", one.reason) for one in found if one.state)
    return {key: one.state or one.read() for key, one in zip(keys, found, strict=True)}


def the_only(path, only=LSTM):
    (one,) = find_submissions(path, SETS, only)
    return one


def refused(path, only=None):
    with pytest.raises(UserError) as error:
        find_submissions(path, SETS, only)
    return str(error.value)


# ---- every layout, in a folder, in a zip, and inside one more folder

MOODLE, CANVAS = "Ana María_12_assignsubmission_file", "garcíaana_LATE_12_345_lstm_gates-1.ipynb"
LAYOUTS = {
    "nbgrader": (
        {
            "ana/06_lstm_gates/lstm_gates.ipynb": b"a6",
            "ana/06_lstm_gates/timestamp.txt": b"2024-01-01",
            "ana/06_lstm_gates/.ipynb_checkpoints/lstm_gates-checkpoint.ipynb": b"old",
            "ana/08_gru/gru.ipynb": b"a8",
            "ben/06_lstm_gates/lstm_gates.ipynb": b"b6",
            "ben/06_lstm_gates/data.csv": b"1,2",
        },
        None,
        {("ana", LSTM): b"a6", ("ben", LSTM): b"b6", ("ana", GRU): b"a8", ("ben", GRU): "missing"},
    ),
    "nbgrader, one requested": (
        {
            "ana/06_lstm_gates/lstm_gates.ipynb": b"a6",
            "ben/08_gru/gru.ipynb": b"b8",
            "cleo/06_lstm_gates/.DS_Store": b"",
            "dan/06_lstm_gates/answers.pdf": b"%PDF",
        },
        LSTM,
        {("ana", LSTM): b"a6", ("ben", LSTM): "missing", ("cleo", LSTM): "missing", ("dan", LSTM): "invalid"},
    ),
    "nbgrader, another name": (
        {"ana/06_lstm_gates/my work.ipynb": b"a6", "ben/06_lstm_gates/gru.ipynb": b"b8"},
        LSTM,
        {("ana", LSTM): b"a6", ("ben", LSTM): "invalid"},
    ),
    "a folder per student": (
        {
            "ana/lstm_gates.ipynb": b"a6",
            "ben/homework/LSTM-Gates (2).ipynb": b"b6",
            "cleo/x/gru_final.IPYNB": b"c8",
        },
        None,
        {
            ("ana", LSTM): b"a6",
            ("ben", LSTM): b"b6",
            ("cleo", LSTM): "missing",
            ("ana", GRU): "missing",
            ("ben", GRU): "missing",
            ("cleo", GRU): b"c8",
        },
    ),
    "Moodle in folders": (
        {
            f"{MOODLE}/lstm_gates.ipynb": b"a",
            "Bo Ek_13_assignsubmission_file_/lstm_gates(1).ipynb.txt": b"b",
            "Bo Ek_13_assignsubmission_onlinetext/onlinetext.html": b"<p>",
            "Cy_14_assignsubmission_file/06_lstm_gates/untitled.ipynb": b"c",
            "Di_15_assignsubmission_file/lstm_gates.py": b"import torch",
            "Default group_assignsubmission_file/lstm_gates.ipynb": b"d",
        },
        None,
        {
            ("Ana María", LSTM): b"a",
            ("Bo Ek", LSTM): b"b",
            ("Cy", LSTM): b"c",
            ("Default group", LSTM): b"d",
            ("Di", LSTM): "invalid",
        },
    ),
    "Moodle, flat": (
        {
            f"{MOODLE}_lstm_gates.ipynb": b"a",
            "Bo Ek_13_assignsubmission_file_Homework 6.ipynb": b"b",
            "Cy_14_assignsubmission_onlinetext_onlinetext.html": b"<p>",
        },
        None,
        {("Ana María", LSTM): b"a", ("Bo Ek", LSTM): b"b", ("Cy", LSTM): "invalid"},
    ),
    "Moodle, one name twice": (
        {
            "Ana_12_assignsubmission_file/lstm_gates.ipynb": b"12",
            "Ana_13_assignsubmission_file/lstm_gates.ipynb": b"13",
            "Bo_14_assignsubmission_file/lstm_gates.ipynb": b"14",
        },
        None,
        {("Ana_12", LSTM): b"12", ("Ana_13", LSTM): b"13", ("Bo", LSTM): b"14"},
    ),
    "Canvas": (
        {
            CANVAS: b"a",
            "ekbo_13_346_lstm_gates.ipynb": b"b",
            "liucy_LATE_14_text.html": b"<p>",
            "liudi_15_347_notes.pdf": b"%PDF",
            "anon_aB3xY_348_lstm_gates.ipynb": b"n",
            "LATE_anon_zZ9_349_lstm_gates.ipynb": b"z",
        },
        None,
        {
            ("garcíaana", LSTM): b"a",
            ("ekbo", LSTM): b"b",
            ("liucy", LSTM): "invalid",
            ("liudi", LSTM): "invalid",
            ("anon_aB3xY", LSTM): b"n",
            ("anon_zZ9", LSTM): b"z",
        },
    ),
    "exports in assignments' folders": (
        {
            f"06_lstm_gates/{MOODLE}/work.ipynb": b"a6",
            "08_gru/garcíaben_13_346_work.ipynb": b"b8",
            "08_gru/ana.ipynb": b"a8",
        },
        None,
        {
            ("Ana María", LSTM): b"a6",
            ("ana", LSTM): "missing",
            ("garcíaben", LSTM): "missing",
            ("Ana María", GRU): "missing",
            ("ana", GRU): b"a8",
            ("garcíaben", GRU): b"b8",
        },
    ),
    "flat": (
        {
            "ana_lstm_gates.ipynb": b"a",
            "06_lstm_gates_ben_v2.ipynb": b"b",
            "7654321_lstmgates.ipynb": b"s",
            "Zoë Ångström - LSTM Gates.ipynb": b"z",
            "roster.xlsx": b"",
        },
        None,
        {("7654321", LSTM): b"s", ("ana", LSTM): b"a", ("ben_v2", LSTM): b"b", ("Zoë Ångström", LSTM): b"z"},
    ),
    "flat, names of students only": (
        {"ana.ipynb": b"a", "ben.maria.ipynb": b"b", "王小明.ipynb": b"w", "ben.maria (1).ipynb": b"b1"},
        LSTM,
        {("ana", LSTM): b"a", ("ben.maria", LSTM): b"b1", ("王小明", LSTM): b"w"},
    ),
    "a zip per student": (
        {
            "ana.zip": zipped({"lstm_gates.ipynb": b"a", "__MACOSX/._lstm_gates.ipynb": b"\0"}),
            "ben.zip": zipped({"home/work.ipynb": b"b", "home/__pycache__/x.pyc": b""}),
            "Cy_14_assignsubmission_file_06_lstm_gates.zip": zipped({"notebook.ipynb": b"c"}),
            "liudi_15_347_all.zip": zipped({"gru.ipynb": b"d8", "lstm_gates.ipynb": b"d6"}),
            "Ed_16_assignsubmission_file/x.zip": zipped({"readme.txt": b""}),
        },
        LSTM,
        {
            ("ana", LSTM): b"a",
            ("ben", LSTM): b"b",
            ("Cy", LSTM): b"c",
            ("Ed", LSTM): "invalid",
            ("liudi", LSTM): b"d6",
        },
    ),
}


@pytest.mark.parametrize("within", ["folder", "zip", "zip of a folder", "folder in a folder"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path, layout, within):
    content, only, expected = LAYOUTS[layout]
    if within == "zip":
        path = zip_file(tmp_path, content)
    elif within == "zip of a folder":
        litter = {"__MACOSX/._sub": b"\0", "Class of 2024/.DS_Store": b""}
        path = zip_file(tmp_path, litter | {f"Class of 2024/{name}": data for name, data in content.items()})
    else:
        inner = folder(tmp_path / "x" / "Class of 2024", content)
        path = inner if within == "folder" else inner.parent
    assert handed_in(path, only) == expected


def test_order_does_not_depend_on_the_files_order(tmp_path):
    content, only, expected = LAYOUTS["nbgrader"]
    backwards = zip_file(tmp_path, dict(reversed(content.items())))
    for path in (backwards, folder(tmp_path / "f", content)):
        assert list(handed_in(path, only)) == list(expected)  # by assignment, then student


def test_students_own_folder_is_not_removed_as_a_common_one(tmp_path):
    both = folder(tmp_path / "1", {"ana/lstm_gates.ipynb": b"6", "ana/gru.ipynb": b"8"})
    assert handed_in(both) == {("ana", LSTM): b"6", ("ana", GRU): b"8"}
    layout = folder(tmp_path / "2", {"ana/06_lstm_gates/lstm_gates.ipynb": b"6"})
    assert handed_in(layout) == {("ana", LSTM): b"6"}
    deeper = folder(tmp_path / "3", {"class/ana/06_lstm_gates/lstm_gates.ipynb": b"6"})
    assert handed_in(deeper) == {("ana", LSTM): b"6"}
    other = folder(tmp_path / "4", {"ana/my work.ipynb": b"6"})
    assert handed_in(other, LSTM) == {("ana", LSTM): b"6"}


def test_assignment_folder_names_the_assignment(tmp_path):
    path = folder(tmp_path, {"06_lstm_gates/ana.ipynb": b"a", "06_lstm_gates/ben.ipynb": b"b"})
    assert handed_in(path) == {("ana", LSTM): b"a", ("ben", LSTM): b"b"}


def test_folders_that_look_like_canvas_files_are_students(tmp_path):
    path = folder(tmp_path, {"g_2024_01_a/lstm_gates.ipynb": b"a", "g_2024_02_b/lstm_gates.ipynb": b"b"})
    assert handed_in(path) == {("g_2024_01_a", LSTM): b"a", ("g_2024_02_b", LSTM): b"b"}


def test_zip_that_cannot_be_opened_counts_for_every_assignment(tmp_path):
    content = {"ana/lstm_gates.ipynb": b"6", "ana/gru.ipynb": b"8", "eve.zip": b"not a zip"}
    expected = {("ana", LSTM): b"6", ("ana", GRU): b"8", ("eve", LSTM): "invalid", ("eve", GRU): "invalid"}
    assert handed_in(folder(tmp_path, content)) == expected


def test_innermost_folder_decides_if_the_file_name_does_not(tmp_path):
    names = ["ana/LSTM gates/untitled", "ben/lstm_gates/old gru/untitled"]
    path = folder(tmp_path, {f"{name}.ipynb": name.encode() for name in names})
    found = handed_in(path)
    assert (found["ana", LSTM], found["ben", GRU]) == (names[0].encode(), names[1].encode())
    assert found["ana", GRU] == found["ben", LSTM] == "missing"


def test_longer_name_wins_if_one_is_part_of_the_other(tmp_path):
    path = folder(tmp_path, {"ana/lstm_gates.ipynb": b"x"})
    (one,) = find_submissions(path, {"05_lstm": "lstm", "06_lstm_gates": "lstm_gates", "07_gates": "gates"})
    assert one.assignment == LSTM


def test_a_student_with_nothing_is_missing(tmp_path):
    path = folder(tmp_path, {"ana/06_lstm_gates/lstm_gates.ipynb": b"a", "ben/": b"", "cleo/08_gru/": b""})
    assert handed_in(path) == {("ana", LSTM): b"a", ("ben", LSTM): "missing", ("cleo", LSTM): "missing"}


def test_missing_says_what_else_there_is(tmp_path):
    content = {"ana/06_lstm_gates/lstm_gates.ipynb": b"a", "ben/gru.ipynb": b"b", "cleo/draft.ipynb": b"c"}
    found = {(one.student, one.assignment): one for one in find_submissions(folder(tmp_path, content), SETS)}
    assert "`gru.ipynb`" in found["ben", LSTM].reason
    assert "`draft.ipynb`" in found["cleo", LSTM].reason
    assert found["cleo", LSTM].state == found["cleo", GRU].state == "missing"


def test_unnamed_notebook_counts_for_the_only_assignment_with_a_remark(tmp_path):
    content = {"ana/06_lstm_gates/lstm_gates.ipynb": b"a", "ben/draft.ipynb": b"b"}
    ana, ben = find_submissions(folder(tmp_path, content), SETS)
    assert (ana.remarks, ben.read()) == ((), b"b")
    assert "`draft.ipynb`" in ben.remarks[0]


@pytest.mark.parametrize(
    ("name", "assignment"),
    {
        "lstm_gates": LSTM,
        "06_lstm_gates": LSTM,
        "LSTM Gates": LSTM,
        "lstmgates2": LSTM,
        "lstm_gates-Copy1": LSTM,
        "lstm_gates_final (3)": LSTM,
        "homework_lstm_gates": LSTM,
        "lstmcell-looping": "09_lstmcell_looping",
        "RNNCell": "02_rnn_cell",
        "gru": GRU,
        "gru_and_lstm_gates": None,  # names two assignments
        "grumble": None,
        "congru": None,
        "shapeshifter": None,
        "lstm": None,
    }.items(),
)
def test_assignment_is_found_in_a_name(tmp_path, name, assignment):
    path = folder(tmp_path, {f"ana/{name}.ipynb": b"x"})
    if assignment is None:
        assert "expected names such as rnn_cell.ipynb" in refused(path)
    else:
        assert handed_in(path) == {("ana", assignment): b"x"}


# ---- several notebooks for one assignment


def test_canvas_newest_upload_is_graded(tmp_path):
    # Canvas numbers its uploads: 1000 is newer than 999, whatever the order of names and times.
    content = {"ana_12_1000_lstm_gates-1.ipynb": b"new", "ana_12_999_lstm_gates.ipynb": b"old"}
    one = the_only(zip_file(tmp_path, content))
    assert one.read() == b"new"
    both = "Submitted for 06_lstm_gates: `lstm_gates.ipynb`, `lstm_gates-1.ipynb`."
    assert one.remarks == (f"{both} `lstm_gates-1.ipynb` was graded.",)


def test_released_name_is_graded_in_nbgraders_layout(tmp_path):
    names = ["lstm_gates", "lstm_gates-Copy1", "lstm_gates_final", "old/lstm_gates"]
    path = folder(tmp_path, {f"ana/06_lstm_gates/{name}.ipynb": name.encode() for name in names})
    one = the_only(path)
    assert one.read() == b"lstm_gates"
    assert all(f"{name}.ipynb`" in one.remarks[0] for name in names)


def test_folder_of_perhaps_several_students_gets_a_remark(tmp_path):
    names = ["on time/ana", "on time/ben", "late/cleo", "late/dan"]
    path = folder(tmp_path, {f"{name}/06_lstm_gates/lstm_gates.ipynb": b"x" for name in names})
    for one in find_submissions(path, SETS):
        assert re.search("^If these belong to several students", one.remarks[1])
    path = folder(tmp_path / "Bo", {f"Bo_1_assignsubmission_file/{k}/lstm_gates.ipynb": b"x" for k in "ab"})
    assert len(the_only(path).remarks) == 1


@pytest.mark.parametrize("make", [folder, zip_file])
def test_newest_is_graded_in_other_layouts(tmp_path, make):
    names = ["lstm_gates (2)", "lstm_gates", "lstm_gates (1)"]
    path = make(tmp_path, {f"ana/{name}.ipynb": name.encode() for name in names})
    assert the_only(path).read() == b"lstm_gates (1)"


def test_higher_number_is_graded_if_times_are_equal(tmp_path):
    content = {entry(f"ana/lstm_gates{tail}.ipynb"): tail.encode() for tail in (" (2)", " (10)", "")}
    assert the_only(zip_file(tmp_path, content)).read() == b" (10)"


def test_named_notebook_beats_a_newer_unnamed_one(tmp_path):
    path = folder(tmp_path, {"ana/lstm_gates.ipynb": b"named", "ana/scratch.ipynb": b"newer"})
    assert the_only(path).read() == b"named"


def test_names_in_two_unicode_forms_are_one_student(tmp_path):
    jose = "José"
    content = {
        f"{unicodedata.normalize('NFD', jose)}/lstm_gates.ipynb": b"old",
        f"{unicodedata.normalize('NFC', jose)}/lstm_gates.ipynb": b"new",
    }
    assert handed_in(zip_file(tmp_path, content)) == {(jose, LSTM): b"new"}


def test_newer_of_two_entries_with_one_name_is_graded(tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo("ana/lstm_gates.ipynb", (2024, 5, 1, 0, 0, 0)), b"new")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(zipfile.ZipInfo("ana/lstm_gates.ipynb", (2024, 4, 1, 0, 0, 0)), b"old")
    assert the_only(zip_file(tmp_path, stream.getvalue())).read() == b"new"


# ---- names in zips


def test_utf8_names_without_the_flag_written_by_macos(tmp_path):
    data = zipped({"Jos__/lstm_gates.ipynb": b"x"}).replace(b"Jos__", "José".encode())
    assert handed_in(zip_file(tmp_path, data)) == {("José", LSTM): b"x"}


def test_old_dos_names(tmp_path):
    data = zipped({"Jos_/lstm_gates.ipynb": b"x"}).replace(b"Jos_", "José".encode("cp437"))
    assert handed_in(zip_file(tmp_path, data)) == {("José", LSTM): b"x"}


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("gbk", ("王小明", "李娜", "欧阳修 (2)")),
        ("cp1256", ("محمد علي", "فاطمة", "سارة")),
        ("cp866", ("Иван Петров", "Ольга")),
        ("cp437", ("José", "Zoë", "Håkan Ñuñez")),
    ],
)
def test_names_written_by_windows_in_other_languages(tmp_path, encoding, names):
    """The zip does not state its encoding: the first one that turns all names into letters is used."""
    content, data = {}, {}
    for k, name in enumerate(names):
        placeholder = f"student{k}".ljust(len(name.encode(encoding)), "_")[: len(name.encode(encoding))]
        assert len(placeholder) == len(name.encode(encoding))
        content[f"{placeholder}/lstm_gates.ipynb"] = str(k).encode()
        data[placeholder] = name
    raw = zipped(content)
    for placeholder, name in data.items():
        raw = raw.replace(placeholder.encode() + b"/", name.encode(encoding) + b"/")
    assert handed_in(zip_file(tmp_path, raw)) == {(n, LSTM): str(k).encode() for k, n in enumerate(names)}


def test_notebook_with_many_equal_lines_is_not_a_bomb(tmp_path):
    cell = {"cell_type": "code", "source": [], "metadata": {}, "outputs": [{"text": ["step\n"] * 250_000}]}
    notebook = json.dumps({"nbformat": 4, "cells": [cell]}).encode()
    raw = zipped({"ana/lstm_gates.ipynb": notebook})
    assert len(notebook) > 200 * len(raw)
    assert handed_in(zip_file(tmp_path, raw)) == {("ana", LSTM): notebook}


def test_copies_named_by_google_drive(tmp_path):
    """`Copy of` is not a student's name, neither in a flat folder nor in a folder per student."""
    names = [f"Copy of lstm_gates.ipynb - {name}.ipynb" for name in ("ana", "ben", "cem")]
    found = handed_in(folder(tmp_path / "flat", {name: name.encode() for name in names}))
    assert found == {(name[27:30], LSTM): name.encode() for name in names}
    each = {f"{name}/Copy of lstm_gates.ipynb": b"x" for name in ("ana", "ben")}
    assert handed_in(folder(tmp_path / "folders", each)) == {("ana", LSTM): b"x", ("ben", LSTM): b"x"}
    copies = {f"Copy of lstm_gates ({k}).ipynb": b"x" for k in range(1, 20)}
    with pytest.raises(UserError, match="says whose it is"):
        find_submissions(folder(tmp_path / "class", copies), SETS)


def test_a_class_in_one_folder_with_numbers_for_names_is_refused(tmp_path):
    """Otherwise the class would count as one student, and all others would be lost silently."""
    names = ["lstm_gates.ipynb", *(f"lstm_gates({k}).ipynb" for k in range(1, 47))]
    with pytest.raises(UserError, match=r"contains 47 notebooks whose names differ only in a number"):
        find_submissions(folder(tmp_path / "one", {f"class/{name}": b"x" for name in names}), SETS)
    with pytest.raises(UserError, match="says whose it is"):
        find_submissions(folder(tmp_path / "two", dict.fromkeys(names, b"x")), SETS)
    assert (
        len(find_submissions(folder(tmp_path / "three", {f"ana/{name}": b"x" for name in names[:4]}), SETS))
        == 1
    )


def test_backslashes_written_by_some_windows_programs(tmp_path):
    content = {"ana\\06_lstm_gates\\lstm_gates.ipynb": b"a", "ben\\06_lstm_gates\\lstm_gates.ipynb": b"b"}
    assert handed_in(zip_file(tmp_path, content)) == {("ana", LSTM): b"a", ("ben", LSTM): b"b"}


def test_names_are_clean(tmp_path):
    spoofed = "ana\u202e\n\x1b[31m"
    (one,) = find_submissions(zip_file(tmp_path, {f"{spoofed}/lstm_gates.ipynb": b"x"}), SETS)
    assert one.student.isprintable()
    assert one.where.isprintable()
    one.student.encode()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a file's name is always text")
def test_file_name_that_is_not_utf8(tmp_path):
    os.makedirs(os.fsencode(tmp_path) + b"/Jos\xe9")
    (tmp_path / os.fsdecode(b"Jos\xe9") / "lstm_gates.ipynb").write_bytes(b"x")
    assert handed_in(tmp_path) == {("José", LSTM): b"x"}
    (one,) = find_submissions(tmp_path, SETS)
    (one.where + one.student).encode()
    assert pickle.loads(pickle.dumps(one)).read() == b"x"


# ---- the whole class's folder or zip is refused


def patched(data, at, value):
    """Return the zip with `value` at that offset in each entry of its directory."""
    for match in re.finditer(b"PK\x01\x02", data):
        start = match.start() + at
        data = data[:start] + value + data[start + len(value) :]
    return data


ONE = {"ana/lstm_gates.ipynb": b"notebook " * 9}
ENCRYPTED = patched(zipped(ONE), 8, b"\x01\x00")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"not a zip", "is not a zip: expected a folder or a zip"),
        (b"", "is not a zip"),
        (zipped({}), "is empty: expected students' notebooks"),
        (zipped({"__MACOSX/._x": b"", ".DS_Store": b""}), "is empty"),
        (ENCRYPTED, "it is encrypted. Unpack it with its password"),
        (zipped(ONE | {"../evil.ipynb": b""}), "its entry `../evil.ipynb` points outside"),
        (zipped(ONE | {"ana/../../evil.ipynb": b""}), "points outside"),
        (zipped(ONE | {"/etc/evil.ipynb": b""}), "points outside"),
        (zipped(ONE | {"..\\evil.ipynb": b""}), "points outside"),
        (zipped(ONE | {"C:\\evil.ipynb": b""}), "points outside"),
        (zipped(ONE)[:40], "is not a zip"),
        (zipped(ONE).replace(b"PK\x01\x02", b"PK\x01\x03"), "is not a complete zip"),
        (zipped({"ana/readme.txt": b""}), "says which assignment it belongs to: .* got no notebook"),
        (zipped({"ana/work.ipynb": b""}), "got `work.ipynb`. Name the assignment with --assignment"),
        (
            zipped({"lstm_gates.ipynb": b""}),
            "nothing in .* says whose it is.* Did you mean its parent folder?",
        ),
        (zipped({"06_lstm_gates/lstm_gates-1.ipynb": b""}), "says whose it is"),
    ],
)
def test_zips_that_are_refused(tmp_path, content, words):
    message = refused(zip_file(tmp_path, content))
    assert re.search(words, message)
    assert "all.zip" in message
    assert "\n" not in message


def test_paths_that_are_refused(tmp_path):
    assert "there is no file or folder" in refused(tmp_path / "nowhere")
    assert "is empty" in refused(tmp_path)
    assert "expected a folder or a zip" in refused(Path("/dev/null"))
    assert "got `work.ipynb`" in refused(folder(tmp_path, {"ana/work.ipynb": b""}))


def test_unknown_assignment_is_refused(tmp_path):
    path = folder(tmp_path, ONE)
    for part in ("06_lstm", "06", "lstm_gates"):
        assert refused(path, part).endswith("Did you mean 06_lstm_gates?")
    assert "expected one of 02_rnn_cell, " in refused(path, "?")


def test_a_zip_with_too_many_entries_is_refused_before_it_is_opened(tmp_path, monkeypatch):
    path = zip_file(tmp_path, {f"s{k}/lstm_gates.ipynb": b"" for k in range(20)})
    monkeypatch.setattr(archives, "MAX_ENTRIES", 19)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert "more than 19 files" in refused(path)


def test_file_without_an_owner_does_not_stop_the_others(tmp_path):
    path = folder(tmp_path, {f"{name}lstm_gates.ipynb": name.encode() for name in ("ana/", "", "ben/")})
    assert handed_in(path) == {
        ("ana", LSTM): b"ana/",
        ("ben", LSTM): b"ben/",
        ("lstm_gates", LSTM): "invalid",
    }


# ---- one student's submission is refused, the others' are graded

BOMB = bytes(10 * 2**20)


def third_level():
    return zipped({"inner.zip": zipped({"lstm_gates.ipynb": b"x"})})


def other_compression():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("lstm_gates.ipynb", b"x" * 100)
    return stream.getvalue()


EVILS = {
    "not a zip": (lambda: b"not a zip", "the file is damaged or not a zip"),
    "cut off": (lambda: zipped(ONE)[:-30], "the file is damaged or not a zip"),
    "climbs": (lambda: zipped({"../../ana/lstm_gates.ipynb": b"evil"}), "points outside the folder"),
    "link": (
        lambda: zipped({entry("lstm_gates.ipynb", stat.S_IFLNK | 0o777): b"/etc/passwd"}),
        "links are not followed",
    ),
    "device": (
        lambda: zipped({entry("lstm_gates.ipynb", stat.S_IFCHR | 0o777): b""}),
        "is not a regular file",
    ),
    "encrypted": (lambda: patched(zipped({"lstm_gates.ipynb": b"x"}), 8, b"\x01\x00"), "is encrypted"),
    "zip in a zip in a zip": (third_level, "is a zip inside a zip"),
    "lzma": (other_compression, "compressed in an unusual way"),
    "bomb of entries": (lambda: zipped({f"{k}.py": b"" for k in range(10_001)}), "more than 10000 files"),
}


@pytest.mark.parametrize("evil", EVILS)
@pytest.mark.parametrize("make", [folder, zip_file])
def test_evil_zips_of_one_student(tmp_path, evil, make):
    make_evil, words = EVILS[evil]
    content = {"ana/lstm_gates.ipynb": b"a", "eve/work.zip": make_evil(), "zoe/lstm_gates.ipynb": b"z"}
    ana, eve, zoe = find_submissions(make(tmp_path, content), SETS)
    assert (ana.read(), zoe.read()) == (b"a", b"z")
    assert (eve.student, eve.state) == ("eve", "invalid")
    assert words in eve.reason
    with pytest.raises(UserError, match=re.escape(words)):
        eve.read()


BOMBS = {
    "by its unpacked size": (lambda: zipped({"lstm_gates.ipynb": bytes(65 * 2**20)}), "more than 64 MB"),
    "that claims to be small": (
        lambda: patched(zipped({"lstm_gates.ipynb": BOMB}), 24, struct.pack("<I", 10)),
        "damaged",
    ),
    "by its size": (
        lambda: zipped({"lstm_gates.ipynb": random.Random(0).randbytes(3 * 2**20)}),
        "more than 2 MB",
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("nested", [False, True], ids=["in the zip", "in a zip in the zip"])
def test_zip_bombs_are_invalid_when_read(tmp_path, bomb, nested, monkeypatch):
    if bomb == "by its size":
        monkeypatch.setattr(archives, "MAX_BYTES", 2 * 2**20)
    make_bomb, words = BOMBS[bomb]
    data = make_bomb()
    data = zipped({"eve.zip": data}) if nested else data.replace(b"lstm_gates.ipynb", b"eve/0gates.ipynb")
    one = the_only(zip_file(tmp_path, data))
    assert one.student == "eve"
    with pytest.raises(UserError, match=words):
        one.read()


def test_a_bomb_of_zips_is_invalid(tmp_path):
    eve = zipped({"x.zip": zipped({"lstm_gates.ipynb": BOMB})})
    path = zip_file(tmp_path, {"eve.zip": eve, "ana.zip": zipped({"a.ipynb": b"a"})})
    assert handed_in(path, LSTM) == {("ana", LSTM): b"a", ("eve", LSTM): "invalid"}
    many = {f"eve/{k:02}.zip": zipped({"x.txt": b""}) for k in range(11)}
    path = folder(tmp_path / "many", many | {"ana/lstm_gates.ipynb": b"a"})
    assert "more than 10 zips" in next(
        one.reason for one in find_submissions(path, SETS) if one.student == "eve"
    )


def test_zip_that_claims_to_be_huge_is_read(tmp_path):
    data = patched(zipped({"ana/lstm_gates.ipynb": b"small"}), 24, struct.pack("<I", 2**32 - 2))
    assert the_only(zip_file(tmp_path, data)).read() == b"small"


def test_zip_changed_after_listing_is_refused(tmp_path):
    path = zip_file(tmp_path, ONE)
    one = the_only(path)
    path.write_bytes(zipped({"ben/lstm_gates.ipynb": b"ben's instead of ana's work"}))
    with pytest.raises(UserError, match="was changed"):
        one.read()


def test_any_damage_to_a_zip_is_reported_in_a_sentence(tmp_path):
    """A hundred random faults in a class's zip and in a student's: refused, invalid, or read correctly."""
    random_number = random.Random(0)
    whole = zipped({"ana/lstm_gates.ipynb": b"{}" * 50, "ben/lstm_gates.ipynb": b"[]" * 50})
    students = zipped({"lstm_gates.ipynb": b"{}" * 50})
    ends = set()
    for k in range(200):
        data = bytearray(students if k % 2 else whole)
        for _ in range(random_number.choice([1, 3, 20])):
            data[random_number.randrange(len(data))] = random_number.randrange(256)
        content = {"ana.zip": bytes(data), "zoe/lstm_gates.ipynb": b"z"} if k % 2 else bytes(data)
        try:
            found = find_submissions(zip_file(tmp_path, content), SETS, LSTM)
        except UserError:
            assert k % 2 == 0
            ends.add("refused")
            continue
        for one in found:
            try:
                assert one.read() in (b"{}" * 50, b"[]" * 50, b"z")
                ends.add("read")
            except UserError:
                ends.add("invalid")
        assert k % 2 == 0 or "zoe" in {one.student for one in found}
    assert ends == {"refused", "read", "invalid"}


# ---- what a folder may contain


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows")
def test_links_and_devices_in_a_folder(tmp_path):
    secret = tmp_path / "secret" / "lstm_gates.ipynb"
    secret.parent.mkdir()
    secret.write_bytes(b"the answers")
    top = folder(tmp_path / "all", {f"{name}/x.txt": b"" for name in ("ana", "ben", "cy", "dan")})
    (top / "ana/lstm_gates.ipynb").write_bytes(b"a")
    (top / "ben/lstm_gates.ipynb").symlink_to(secret)
    os.mkfifo(top / "cy/lstm_gates.ipynb")
    (top / "dan/06_lstm_gates").symlink_to(secret.parent)
    (top / "eve").symlink_to(top / "ana")
    (top / "fay.ipynb").symlink_to(tmp_path / "nothing")
    found = {one.student: one for one in find_submissions(top, SETS, LSTM)}
    assert {name: one.state for name, one in found.items()} == {"ana": ""} | dict.fromkeys(
        ["ben", "cy", "dan", "eve", "fay"], "invalid"
    )
    assert "links are not followed" in found["ben"].reason
    assert "is not a regular file" in found["cy"].reason
    assert "links are not followed" in found["eve"].reason


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows")
def test_file_replaced_by_a_link_or_a_pipe_after_listing_is_refused(tmp_path):
    one = the_only(folder(tmp_path, ONE))
    path = tmp_path / "ana/lstm_gates.ipynb"
    path.unlink()
    with pytest.raises(UserError, match="cannot be read"):
        one.read()
    path.symlink_to("/etc/hostname")
    with pytest.raises(UserError, match="cannot be read"):
        one.read()
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(UserError, match="not a regular file"):
        one.read()


def test_link_does_not_replace_an_older_notebook(tmp_path):
    top = folder(tmp_path, {"ana/lstm_gates.ipynb": b"a"})
    (top / "ana/lstm_gates-2.ipynb").symlink_to("/etc/hostname")
    assert the_only(top).read() == b"a"


def test_notebook_of_a_gigabyte_is_refused(tmp_path):
    path = folder(tmp_path, ONE | {"ben/lstm_gates.ipynb": b"b"})
    os.truncate(path / "ana/lstm_gates.ipynb", 2**30)  # a sparse file: it takes no space
    ana, ben = find_submissions(path, SETS)
    with pytest.raises(UserError, match="it has 1024 MB, more than 64 MB"):
        ana.read()
    assert ben.read() == b"b"


def test_unreadable_folder_is_invalid(tmp_path, monkeypatch):
    path = folder(tmp_path, {"ana/lstm_gates.ipynb": b"a", "ben/lstm_gates.ipynb": b"b"})
    scandir = os.scandir

    def guarded(where):  # root may read everything, so the error is made here
        if str(where).endswith("ben"):
            raise PermissionError(13, "Permission denied")
        return scandir(where)

    monkeypatch.setattr(os, "scandir", guarded)
    ana, ben = find_submissions(path, SETS)
    assert (ana.read(), ben.state) == (b"a", "invalid")
    assert ben.reason == "`ben` cannot be opened (Permission denied)."


# ---- forged names: nothing inside a student's own folder or zip counts as another student's work

CLEAN = {"ana/06_lstm_gates/lstm_gates.ipynb": b"ana's"}
FORGED = {
    "folders": {"eve/06_lstm_gates/ana/06_lstm_gates/lstm_gates.ipynb": b"evil"},
    "folders outside": {"eve/ana/06_lstm_gates/lstm_gates.ipynb": b"evil"},
    "Moodle's": {"eve/06_lstm_gates/ana_1_assignsubmission_file_lstm_gates.ipynb": b"evil"},
    "Canvas's": {"eve/06_lstm_gates/ana_LATE_1_999_lstm_gates.ipynb": b"evil"},
    "in a zip": {"eve/work.zip": zipped({"ana/06_lstm_gates/lstm_gates.ipynb": b"evil"})},
    "in a zip, flat": {"eve.zip": zipped({"ana_lstm_gates.ipynb": b"evil"})},
    "in Moodle's name": {"eve_9_assignsubmission_file_ana_1_assignsubmission_file_lstm_gates.ipynb": b"evil"},
    "in Moodle's folder": {
        "eve_9_assignsubmission_file_/ana_1_assignsubmission_file_/lstm_gates.ipynb": b"evil"
    },
    "in Canvas's name": {"eve_9_10_ana_1_999_lstm_gates.ipynb": b"evil"},
}


@pytest.mark.parametrize("forged", FORGED)
@pytest.mark.parametrize("make", [folder, zip_file])
def test_forged_names(tmp_path, forged, make):
    path = make(tmp_path, CLEAN | FORGED[forged])
    assert handed_in(path, LSTM) == {("ana", LSTM): b"ana's", ("eve", LSTM): b"evil"}


# ---- many submissions, and other processes


@pytest.mark.parametrize("name", ["all", "all.zip"])
def test_read_in_another_process_from_another_folder(tmp_path, monkeypatch, name):
    content = {"ana.zip": zipped({"lstm_gates.ipynb": b"a"}), "ben/lstm_gates.ipynb": b"b"}
    folder(tmp_path / "all", content)
    zip_file(tmp_path, content)
    monkeypatch.chdir(tmp_path)
    sent = [pickle.dumps(one) for one in find_submissions(Path(name), SETS)]
    monkeypatch.chdir("/")
    assert [pickle.loads(one).read() for one in sent] == [b"a", b"b"]
    assert all(len(one) < 1000 for one in sent)


def test_a_large_zip_is_opened_once_and_no_notebook_is_kept(tmp_path):
    count, size = 500, 100_000
    path = zip_file(tmp_path, {f"s{k:04}_{k}_{k}_lstm_gates.ipynb": bytes(size) for k in range(count)})
    archives._archive.cache_clear()
    found = find_submissions(path, SETS)
    assert len(pickle.dumps(found)) < 1000 * count
    assert sum(len(one.read()) for one in found) == count * size
    assert archives._archive.cache_info().misses == 1


# ---- names for files


@pytest.mark.parametrize("student", ["ana", "jdoe-2", "a_b", "7654321"])
def test_safe_name_keeps_a_safe_name(student):
    assert safe_name(student) == student


def test_other_names_become_safe():
    assert re.fullmatch("ana-maria-garcia-[0-9a-f]{16}", safe_name("Ana María García"))
    assert re.fullmatch("student-[0-9a-f]{16}", safe_name("王小明"))
    assert re.fullmatch("nul-[0-9a-f]{16}", safe_name("nul"))  # a device on Windows
    names = [
        "",
        ".",
        "..",
        "a/b",
        "a\\b",
        "a:b",
        "CON",
        "con",
        "nul",
        "com1",
        "Ana",
        "ANA",
        "ana",
        "x" * 300,
        "x" * 301,
    ]
    names += [" ana", "ana.", "-ana", "ana\n", "\ud800", safe_name("Ana"), safe_name(safe_name("Ana"))]
    assert len({safe_name(name).lower() for name in names}) == len(names)


@given(st.lists(st.text(st.characters(exclude_categories=[])), unique=True))
def test_safe_name_is_portable_and_unique(students):
    safe = [safe_name(student) for student in students]
    assert len(set(safe)) == len(students)
    for name in safe:
        assert re.fullmatch("[a-z0-9][a-z0-9_-]{0,40}", name)
        assert name not in {"con", "prn", "aux", "nul"}

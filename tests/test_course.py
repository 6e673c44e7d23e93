"""course.py in a folder of its own; in its venv pip, pytest and jupyterlab are stubs: no network, no wait."""

import ast
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import venv
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "course.py"

# pip does what the file pip.json beside course.py tells it to, and counts how often it was called.
STUB_PIP = """
import json, pathlib, sys, time
told = json.loads(pathlib.Path("pip.json").read_text())
with open("pip.calls", "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
print(told["says"], flush=True)
time.sleep(told["seconds"])
sys.exit(told["code"])
"""
# pytest and jupyterlab tell what they were started with, and end with a code of their own.
STUB_PROGRAM = """
import json, os, sys
told = {name: os.environ.get(name) for name in ("PATH", "VIRTUAL_ENV", "PYTHONPATH")}
print(json.dumps({"words": sys.argv[1:], "folder": os.getcwd(), **told}))
sys.exit(7)
"""
# Runs course.py with the stubs in place of a real `python -m venv`.
DRIVER = """
import sys
folder, tests, *words = sys.argv[1:]
sys.path[:0] = [folder, tests]
import course, test_course
course.make_venv = lambda: test_course.make_stub_venv(course)
course.main(words)
"""


def load(path):
    spec = importlib.util.spec_from_file_location("course_under_test", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_stub_venv(course):
    """In place of course.make_venv: the same folder, unfinished, with the stubs as its packages."""
    shutil.rmtree(course.VENV, ignore_errors=True)
    os.mkdir(course.VENV)
    course.write_stamp(["unfinished"])
    venv.create(course.VENV, with_pip=False, symlinks=os.name != "nt")
    site = subprocess.check_output(
        [course.PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    ).strip()
    Path(site, "pip.py").write_text(STUB_PIP)
    Path(site, "pytest.py").write_text(STUB_PROGRAM)
    Path(site, "jupyterlab.py").write_text(STUB_PROGRAM)


class Folder:
    """A copy of the course: its course.py, something to install, and what its pip is to do."""

    def __init__(self, path):
        self.path = path
        path.mkdir()
        shutil.copy(SOURCE, path)
        (path / "pyproject.toml").write_text('[project]\nname = "tiny"\nversion = "1"\n')
        (path / "constraints.txt").write_text("")
        self.pip()

    def pip(self, says="Collecting tiny", code=0, seconds=0):
        (self.path / "pip.json").write_text(json.dumps({"says": says, "code": code, "seconds": seconds}))

    @property
    def pip_calls(self):
        calls = self.path / "pip.calls"
        return calls.read_text().splitlines() if calls.exists() else []

    @property
    def stamp(self):
        return self.path / ".venv" / "course-stamp.txt"

    def load(self, monkeypatch):
        """course.py in this process, ending where it would hand over; `handed_over` collects to what."""
        course = load(self.path / "course.py")
        course.handed_over = []
        monkeypatch.setattr(course, "make_venv", lambda: make_stub_venv(course))
        monkeypatch.setattr(course, "hand_over", course.handed_over.append)
        return course

    def start(self, *words, **environment):
        """course.py in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-c", DRIVER, self.path, SOURCE.parent / "tests", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **environment},
        )


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "a course")  # a space in its name, as in many a learner's folder


@pytest.fixture
def course(folder, monkeypatch):
    return folder.load(monkeypatch)


# ---- the words on the command line


def test_help_names_both_commands_and_installs_nothing(course, folder, capsys):
    for words in ([], ["--help"], ["-h"]):
        course.main(words)
        said = capsys.readouterr().out
        assert "course.py lab" in said
        assert "course.py test" in said
    assert not (folder.path / ".venv").exists()


@pytest.mark.parametrize(
    ("word", "slip"),
    [
        ("labs", "course.py lab"),
        ("Test", "course.py test"),
        ("tests", "course.py test"),
        ("run", "lab and test"),
    ],
)
def test_an_unknown_word_gets_one_sentence_with_the_likely_slip(course, folder, word, slip):
    with pytest.raises(SystemExit, match=slip) as ended:
        course.main([word])
    assert word in str(ended.value)
    assert not (folder.path / ".venv").exists()


# ---- the first start, the second, and a change


def test_first_start_announces_installs_and_stamps(course, folder, capsys):
    course.main(["test", "-k", "lstm"])
    said = capsys.readouterr().out
    assert said.index("about 1.6 GB") < said.index("Installed in")
    assert folder.pip_calls == ["install --prefer-binary --constraint constraints.txt --editable .[test]"]
    assert folder.stamp.read_text().splitlines() == course.wanted_stamp()
    assert course.handed_over == [["-m", "pytest", "-k", "lstm"]]


def test_second_start_only_starts(course, folder, capsys):
    course.main(["test"])
    capsys.readouterr()
    course.main(["lab"])
    assert capsys.readouterr().out == ""
    assert len(folder.pip_calls) == 1
    assert len(course.handed_over) == 2


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_changed_needs_are_installed_into_the_same_venv(course, folder, capsys, name):
    course.main(["test"])
    kept = folder.path / ".venv" / "kept"
    kept.touch()
    with (folder.path / name).open("a") as file:
        file.write("\n# changed\n")
    course.main(["test"])
    assert "bringing .venv up to date" in capsys.readouterr().out
    assert kept.exists()
    assert len(folder.pip_calls) == 2


# ---- a .venv that cannot be used


def test_moved_folder_gets_a_new_venv(course, folder, monkeypatch, capsys):
    course.main(["test"])
    (folder.path / ".venv" / "old").touch()
    folder.path = folder.path.rename(folder.path.with_name("moved"))
    folder.load(monkeypatch).main(["test"])
    assert "moved or copied" in capsys.readouterr().out
    assert not (folder.path / ".venv" / "old").exists()
    assert str(folder.path) in folder.stamp.read_text()


def test_venv_of_another_python_is_made_anew(course, folder, capsys):
    course.main(["test"])
    lines = folder.stamp.read_text().splitlines()
    folder.stamp.write_text("\n".join(["Python 3.99", *lines[1:]]))
    course.main(["test"])
    assert (
        "it was made by Python 3.99, this is Python {}.{}".format(*sys.version_info)
        in capsys.readouterr().out
    )
    assert folder.stamp.read_text().splitlines() == lines


def test_venv_whose_python_is_gone_is_made_anew(course, folder, capsys):
    course.main(["test"])
    os.remove(course.PYTHON)
    course.main(["test"])
    assert "does not start any more" in capsys.readouterr().out
    assert course.starts()


def test_venv_that_someone_else_made_is_left_alone(course, folder):
    theirs = folder.path / ".venv" / "pyvenv.cfg"
    theirs.parent.mkdir()
    theirs.touch()
    with pytest.raises(SystemExit, match=r"not made by course\.py. Delete it or move it away"):
        course.main(["test"])
    assert theirs.exists()


# ---- installations that fail


@pytest.mark.parametrize(
    ("says", "hint"),
    [
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "disk is full",
        ),
        (
            "WARNING: Retrying after connection broken by 'NewConnectionError()'",
            "package index was not reached",
        ),
        ("ERROR: No matching distribution found for torch==2.13.0", "no PyTorch for this Python"),
        ("ERROR: [Errno 13] Permission denied: 'x'", "could not be written"),
        ("ERROR: something never seen", "see its last words"),
    ],
)
def test_failed_installation_says_why_and_is_begun_again(course, folder, capsys, says, hint):
    folder.pip(says=says, code=1)
    with pytest.raises(SystemExit, match=f"installing failed: .*{hint}.*run the same command again"):
        course.main(["test"])
    assert says in capsys.readouterr().out
    assert course.handed_over == []

    folder.pip()
    course.main(["test"])
    assert "installation was not finished" in capsys.readouterr().out
    assert course.handed_over == [["-m", "pytest"]]


def test_failed_update_is_not_taken_for_a_finished_one(course, folder):
    course.main(["test"])
    (folder.path / "constraints.txt").write_text("numpy<3\n")
    folder.pip(code=1)
    with pytest.raises(SystemExit, match="installing failed"):
        course.main(["test"])
    assert folder.stamp.read_text() == "unfinished"


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands in for Python")
def test_real_venv_step_that_fails_says_so(folder, monkeypatch):
    course = load(folder.path / "course.py")
    monkeypatch.setattr(course.sys, "executable", str(folder.path / "broken"))
    stub = Path(course.sys.executable)
    stub.write_text("#!/bin/sh\necho '[Errno 28] No space left on device'; exit 1\n")
    stub.chmod(0o755)
    with pytest.raises(SystemExit, match=r"making \.venv failed: the disk is full"):
        course.make_venv()
    assert folder.stamp.read_text() == "unfinished"


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent otherwise on Windows")
def test_ctrl_c_during_the_installation(folder):
    folder.pip(seconds=60)
    process = folder.start("test")
    while not folder.pip_calls and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Stopped before the end" in said
    assert "Traceback" not in said
    assert folder.stamp.read_text() == "unfinished"


def test_no_ensurepip_names_the_package(course, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "ensurepip", None)  # as on Debian without python3-venv
    with pytest.raises(SystemExit, match=r"sudo apt install python{}\.{}-venv".format(*sys.version_info)):
        course.main(["lab"])
    assert not (folder.path / ".venv").exists()


def test_nearly_full_disk_is_seen_before_anything_is_made(course, folder, monkeypatch):
    usage = shutil.disk_usage(folder.path)._replace(free=100_000_000)
    monkeypatch.setattr(course.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(SystemExit, match=r"0\.1 GB free, 1\.6 needed"):
        course.main(["lab"])
    assert not (folder.path / ".venv").exists()


def test_folder_that_cannot_be_written(course, folder, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(course, "make_venv", lambda: course.os.mkdir(course.VENV))
    monkeypatch.setattr(course.os, "mkdir", refuse)
    with pytest.raises(SystemExit, match=r"\.venv: Permission denied"):
        course.main(["lab"])


# ---- handing over


def test_program_gets_its_words_the_venv_and_the_last_say(folder):
    process = folder.start("test", "-q", "some file", PYTHONPATH="elsewhere")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 7, said
    got = json.loads(said.splitlines()[-1])
    assert got["words"] == ["-q", "some file"]
    assert Path(got["VIRTUAL_ENV"]) == folder.path / ".venv"
    assert Path(got["PATH"].split(os.pathsep)[0]).parent == folder.path / ".venv"
    assert Path(got["folder"]) == folder.path
    assert got["PYTHONPATH"] is None


def test_lab_opens_the_first_lesson_and_hands_words_on(course):
    command = course.command_for("lab", ["--no-browser", "--port", "8899"])
    assert command[:2] == ["-m", "jupyterlab"]
    assert command[-3:] == ["--no-browser", "--port", "8899"]
    [lesson] = [word for word in command if word.endswith(".ipynb")]
    assert lesson.endswith("=/lab/tree/notebooks/00_start_here.ipynb")


# ---- a Python that is too old


@pytest.mark.parametrize("version", [(2, 7), (3, 6), (3, 10)])
def test_old_python_is_told_so(course, monkeypatch, version):
    monkeypatch.setattr(course.sys, "version_info", (*version, 1, "final", 0))
    with pytest.raises(SystemExit, match=r"This is Python {}\.{}, the course needs 3\.11".format(*version)):
        course.main(["lab"])


def test_grammar_is_that_of_old_pythons():
    newer = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.AsyncFunctionDef, ast.Nonlocal, ast.Match)
    tree = ast.parse(SOURCE.read_text(encoding="ascii"))
    for node in ast.walk(tree):
        assert not isinstance(node, newer), f"line {node.lineno}: {ast.unparse(node)}"
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):  # f(*a) is old; [*a] and f(*a, b) are not
            assert not any(isinstance(item, ast.Starred) for item in node.elts), f"line {node.lineno}"
        if isinstance(node, ast.Call):
            unpacked = [isinstance(argument, ast.Starred) for argument in node.args]
            assert True not in unpacked[:-1], f"line {node.lineno}"
        if isinstance(node, ast.arguments):
            assert not node.kwonlyargs
            assert not node.posonlyargs
        if isinstance(node, ast.arg):
            assert node.annotation is None
        if isinstance(node, ast.Raise):
            assert node.cause is None


@pytest.mark.parametrize("name", ["python2.7", "python3.6", "python3.8", "python3.10"])
def test_a_real_old_python_reads_the_file(name):
    if shutil.which(name) is None or subprocess.call([name, "-c", ""], stderr=subprocess.DEVNULL) != 0:
        pytest.skip(f"there is no {name} here")
    ended = subprocess.run([name, SOURCE, "lab"], capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.startswith("This is Python " + name.removeprefix("python"))

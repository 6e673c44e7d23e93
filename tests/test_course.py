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
WORKSPACE = SOURCE.parent / "rnncourse" / "lab" / "workspace.py"

# pip does what pip.json beside course.py tells it to, and keeps its process id and the words of each call.
STUB_PIP = """
import json, os, pathlib, sys, time
told = json.loads(pathlib.Path("pip.json").read_text())
pathlib.Path("pip.pid").write_text(str(os.getpid()))
with open("pip.calls", "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
print(told["says"], flush=True)
time.sleep(told["seconds"])
sys.exit(told["code"] if told["if"] in sys.argv else 0)
"""
# pytest and jupyterlab tell what they were started with, and end with a code of their own.
STUB_PROGRAM = """
import json, os, sys
told = {name: os.environ.get(name) for name in ("PATH", "VIRTUAL_ENV", "PYTHONPATH", "RNNCOURSE_PROGRESS")}
print(json.dumps({"words": sys.argv[1:], "folder": os.getcwd(), **told}))
sys.exit(7)
"""
# Runs course.py with the stubs in place of a real `python -m venv`.
DRIVER = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored where tests run in the background
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
    course.VENV.mkdir()
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
        (path / "rnncourse" / "lab").mkdir(parents=True)
        shutil.copy(WORKSPACE, path / "rnncourse" / "lab")
        (path / "notebooks").mkdir()
        (path / "notebooks" / "00_start_here.ipynb").write_text('{"cells": []}')
        self.pip()

    def pip(self, says="Collecting tiny", code=0, seconds=0, only_for="install"):
        told = {"says": says, "code": code, "seconds": seconds, "if": only_for}
        (self.path / "pip.json").write_text(json.dumps(told))

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
        monkeypatch.setattr(course, "exec_in_venv", course.handed_over.append)
        monkeypatch.setattr(course, "pytorch_build", lambda: None)
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


def test_help_and_unknown_words_show_both_commands_and_install_nothing(course, folder, capsys):
    for words in ([], ["--help"], ["-h"]):
        course.main(words)
        assert capsys.readouterr().out.strip() == course.USAGE
    with pytest.raises(SystemExit, match='no command "labs"') as ended:
        course.main(["labs"])
    assert ended.value.code.endswith(course.USAGE)
    assert "course.py lab " in course.USAGE
    assert "course.py test " in course.USAGE
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
    course.main(["lab", "--no-browser"])
    assert capsys.readouterr().out == ""
    assert len(folder.pip_calls) == 1
    module, more = course.handed_over[1][1], course.handed_over[1][-1]
    assert (module, more) == ("jupyterlab", "--no-browser")
    (first_lesson,) = (word for word in course.handed_over[1] if "=/lab/tree/" in word)
    assert (folder.path / "work" / first_lesson.partition("=/lab/tree/")[2]).is_file()
    assert "--ServerApp.root_dir=work" in course.handed_over[1]
    (settings,) = (word.partition("=")[2] for word in course.handed_over[1] if "app_settings_dir" in word)
    assert Path(settings) == folder.path / "rnncourse" / "lab" / "settings"


def test_a_copy_that_cannot_be_made_starts_nothing(course, folder):
    (folder.path / "work").write_text("a file in its place")
    with pytest.raises(SystemExit, match="the copy of the course in work could not be made"):
        course.main(["lab"])
    assert course.handed_over == []


def test_reset_and_progress_run_in_the_venv(course):
    course.main(["reset", "13"])
    course.main(["progress"])
    reset, progress = course.handed_over
    assert [Path(reset[0]).name, *reset[1:]] == ["workspace.py", "reset", "13"]
    assert "progress()" in progress[1]


def test_site_adds_what_it_needs_once_and_builds(course, folder):
    course.main(["site"])
    site_packages = next((folder.path / ".venv").rglob("jupyterlab.py")).parent
    (site_packages / "sphinx_book_theme.py").touch()
    course.main(["site"])
    packages = [call.rpartition(" ")[2] for call in folder.pip_calls]
    assert packages == [".[test]", ".[test,docs]"]
    built = [str(folder.path / "docs" / "site" / "build.py"), "site"]
    assert course.handed_over == [built, built]


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


# ---- PyTorch's builds


@pytest.mark.parametrize(
    ("system", "driver", "variables", "build"),
    [
        ("linux", None, {}, "CPU"),
        ("linux", "/usr/bin/nvidia-smi", {}, "CUDA"),
        ("linux", "/proc/driver/nvidia/version", {}, "CUDA"),
        ("linux", None, {"PIP_EXTRA_INDEX_URL": "their own"}, None),
        ("darwin", None, {}, None),
        ("win32", None, {}, None),
    ],
)
def test_pytorch_build_follows_the_driver_and_the_users_index(monkeypatch, system, driver, variables, build):
    course = load(SOURCE)
    monkeypatch.setattr(course.sys, "platform", system)
    monkeypatch.setattr(course.os, "environ", variables)
    monkeypatch.setattr(course.shutil, "which", lambda name: driver if driver and name in driver else None)
    monkeypatch.setattr(course.os.path, "exists", lambda path: path == driver)
    assert course.pytorch_build() == build


def test_without_a_driver_torch_alone_comes_from_the_index_of_cpu_builds(course, folder, monkeypatch, capsys):
    monkeypatch.setattr(course, "pytorch_build", lambda: "CPU")
    course.main(["test"])
    assert "PyTorch comes without CUDA" in capsys.readouterr().out
    torch, everything = folder.pip_calls
    assert "--constraint constraints.txt --index-url https://download.pytorch.org/whl/cpu" in torch
    assert torch.endswith("--no-deps torch")
    assert "index" not in everything

    folder.pip(code=1, only_for="--index-url")  # as where that index is out of reach
    course.write_stamp([])
    course.main(["test"])
    assert "from PyPI comes with CUDA" in capsys.readouterr().out
    assert len(course.handed_over) == 2


def test_with_a_driver_pip_chooses_and_more_disk_is_needed(course, folder, monkeypatch, capsys):
    monkeypatch.setattr(course, "pytorch_build", lambda: "CUDA")
    course.main(["test"])
    said = capsys.readouterr().out
    assert "about 6 GB" in said
    assert "PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu" in said
    assert len(folder.pip_calls) == 1


# ---- a .venv that cannot be used


def move_the_folder(folder):
    folder.path = folder.path.rename(folder.path.with_name("moved"))


def make_it_another_pythons(folder):
    folder.stamp.write_text(folder.stamp.read_text().replace("Python 3", "Python 4"))


def remove_its_python(folder):
    shutil.rmtree(folder.path / ".venv" / ("Scripts" if os.name == "nt" else "bin"))


@pytest.mark.parametrize("spoil", [move_the_folder, make_it_another_pythons, remove_its_python])
def test_venv_that_cannot_be_used_is_rebuilt(course, folder, monkeypatch, capsys, spoil):
    course.main(["test"])
    (folder.path / ".venv" / "old").touch()
    spoil(folder)
    course = folder.load(monkeypatch)
    course.main(["test"])
    assert "Rebuilding .venv" in capsys.readouterr().out
    assert not (folder.path / ".venv" / "old").exists()
    assert course.read_stamp() == course.wanted_stamp()
    assert course.venv_starts()


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
        ("ERROR: OSError: [Errno 28] No space left on device", "disk is full"),
        ("WARNING: Retrying after connection broken by 'NewConnectionError()'", "index was not reached"),
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
    assert "Rebuilding .venv" in capsys.readouterr().out
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
    stub = folder.path / "broken"
    stub.write_text("#!/bin/sh\necho '[Errno 28] No space left on device'; exit 1\n")
    stub.chmod(0o755)
    monkeypatch.setattr(course.sys, "executable", str(stub))
    with pytest.raises(course.InstallationError, match=r"making \.venv failed: the disk is full"):
        course.make_venv()
    assert folder.stamp.read_text() == "unfinished"


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent otherwise on Windows")
def test_ctrl_c_during_the_installation(folder):
    folder.pip(seconds=600)  # so that this ends only because pip was ended
    process = folder.start("test", PIP_EXTRA_INDEX_URL="none")
    while not folder.pip_calls and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate()
    assert process.returncode == 130
    assert "Stopped before the end" in said
    assert "Traceback" not in said
    assert folder.stamp.read_text() == "unfinished"
    with pytest.raises(ProcessLookupError):  # pip was ended, too
        os.kill(int((folder.path / "pip.pid").read_text()), 0)


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


def test_folder_that_cannot_be_written(course, monkeypatch):
    def refuse():
        raise PermissionError(13, "Permission denied", ".venv")

    monkeypatch.setattr(course, "make_venv", refuse)
    with pytest.raises(SystemExit, match=r"\.venv: Permission denied"):
        course.main(["lab"])


# ---- handing over


def test_program_gets_its_words_the_venv_and_the_last_say(folder):
    process = folder.start("test", "-q", "some file", PYTHONPATH="elsewhere")
    said, _ = process.communicate()
    assert process.returncode == 7, said
    got = json.loads(said.splitlines()[-1])
    assert got["words"] == ["-q", "some file"]
    assert Path(got["VIRTUAL_ENV"]) == folder.path / ".venv"
    assert Path(got["PATH"].split(os.pathsep)[0]).parent == folder.path / ".venv"
    assert Path(got["folder"]) == folder.path
    assert got["PYTHONPATH"] is None
    assert got["RNNCOURSE_PROGRESS"] == "off"  # as these tests have it


def test_progress_is_saved_in_the_learners_copy_unless_a_variable_says_where(course, folder, monkeypatch):
    monkeypatch.delenv("RNNCOURSE_PROGRESS")
    assert Path(course.environment()["RNNCOURSE_PROGRESS"]) == folder.path / "work" / "progress.json"
    monkeypatch.setenv("RNNCOURSE_PROGRESS", "elsewhere.json")
    assert course.environment()["RNNCOURSE_PROGRESS"] == "elsewhere.json"


# ---- a Python that is too old


@pytest.mark.parametrize("version", [(3, 6), (3, 10)])
def test_old_python_is_told_so(course, monkeypatch, version):
    monkeypatch.setattr(course.sys, "version_info", (*version, 1, "final", 0))
    with pytest.raises(SystemExit, match=r"This is Python {}\.{}; the course needs 3\.11".format(*version)):
        course.main(["lab"])


def test_grammar_is_that_of_python_3_6():
    ast.parse(SOURCE.read_text(encoding="ascii"), feature_version=(3, 7))  # the oldest that ast still knows

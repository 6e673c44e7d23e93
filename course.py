#!/usr/bin/env python3
"""Set up and start the course: `python course.py lab` opens it, `python course.py test` tests it.

This file needs nothing but Python; what the course needs it installs into .venv, beside itself. It keeps to
the grammar that Python 2.7 and 3.0 share, so that an old Python can read it and say what is wrong.
"""

from __future__ import print_function

import difflib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

OLDEST_PYTHON = (3, 11)
ROOT = os.path.dirname(os.path.realpath(__file__))
VENV = os.path.join(ROOT, ".venv")
BIN = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin")
PYTHON = os.path.join(BIN, "python.exe" if os.name == "nt" else "python")
STAMP = os.path.join(VENV, "course-stamp.txt")
FIRST_LESSON = "/lab/tree/notebooks/00_start_here.ipynb"  # its address; links lead on from there
GIGABYTES = 1.6  # on the disk; with less free, no installation ends well

USAGE = """\
python course.py lab    open the course in JupyterLab; more words go to JupyterLab: --no-browser --port 8899
python course.py test   run all tests, lessons included; more words go to pytest: -k lstm

The first time, either one installs what the course needs into the folder .venv, beside course.py.
To undo that, delete .venv."""
ANNOUNCEMENT = """\
First start: PyTorch, JupyterLab and what they need are installed into .venv, about {} GB on the disk.
This takes some minutes, once, and needs the network.""".format(GIGABYTES)
ON_LINUX = """\
On Linux, PyTorch brings its GPU libraries: 3 GB more to download, 6 GB on the disk in all. To do without
them, stop this (Ctrl-C), export PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu and start again."""
TRY_AGAIN = "Put that right and run the same command again."
KNOWN_FAILURES = {  # what venv or pip says: what it means
    "No space left on device": "the disk is full",
    "not enough space on the disk": "the disk is full",
    "connection broken by": "the package index was not reached (offline? a proxy without HTTPS_PROXY?)",
    "distribution found for torch": "there is no PyTorch for this Python and this machine; see pytorch.org",
    "Permission denied": "a file could not be written (it is not yours, or a program is using .venv)",
    "Access is denied": "a file could not be written (it is not yours, or a program is using .venv)",
}


def main(words):
    refuse_old_python()
    if not words or words[0] in ("-h", "--help", "help"):
        print(USAGE)
        return
    start = command_for(words[0], words[1:])
    try:
        prepare()
    except OSError as error:
        fail("course.py was stopped by {}: {}. {}", error.filename or "the system", error.strerror, TRY_AGAIN)
    except KeyboardInterrupt:
        print("\nStopped before the end. The same command starts afresh.")
        sys.exit(130)
    hand_over(start)


def fail(message, *values):
    sys.exit(message.format(*values))


def refuse_old_python():
    if sys.version_info[:2] < OLDEST_PYTHON:
        newer = "py -3" if os.name == "nt" else "python{}.{}".format(*OLDEST_PYTHON)
        has, needs = ("{}.{}".format(*version) for version in (sys.version_info, OLDEST_PYTHON))
        fail(
            "This is Python {}, the course needs {} or newer (python.org): {} course.py lab",
            has,
            needs,
            newer,
        )


def command_for(word, more):
    """What the Python of .venv is asked to run."""
    if word == "lab":
        # -y: Ctrl-C ends it without a question
        return ["-m", "jupyterlab", "-y", "--LabApp.default_url=" + FIRST_LESSON] + more
    if word == "test":
        return ["-m", "pytest"] + more
    likely = difflib.get_close_matches(word.lower(), ["lab", "test"], 1, 0.5)
    slip = "did you mean: python course.py " + likely[0] if likely else "the commands are lab and test"
    fail('course.py has no command "{}"; {}', word, slip)


def prepare():
    """Make .venv, or make it anew, or bring it up to date; do nothing if it is as it should be."""
    wanted, found = wanted_stamp(), found_stamp()
    sound = found[:2] == wanted[:2] and starts()
    if sound and found == wanted:
        return
    began = time.time()
    if sound:
        print("pyproject.toml or constraints.txt has changed: bringing .venv up to date.")
        write_stamp(["unfinished"])
    else:
        refuse_poor_ground()
        if found:
            print("Making .venv anew: {}.".format(why_anew(found, wanted)))
        print(ANNOUNCEMENT)
        if sys.platform.startswith("linux"):
            print(ON_LINUX)
        make_venv()
    pip_install = [PYTHON, "-m", "pip", "install", "--prefer-binary"]
    run("installing", pip_install + ["--constraint", "constraints.txt", "--editable", ".[test]"])
    write_stamp(wanted)
    print("Installed in {:.0f} s. From now on the course starts at once.".format(time.time() - began))


def wanted_stamp():
    """Python, folder (the scripts in .venv hold its path) and what is to be installed: one line each."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return ["Python {}.{}".format(*sys.version_info), ROOT, digest.hexdigest()]


def found_stamp():
    if os.path.isfile(STAMP):
        with open(STAMP, encoding="utf-8") as file:
            return file.read().splitlines()
    if os.path.isdir(VENV) and os.listdir(VENV):
        fail("{} was not made by course.py. Delete it or move it away, and run this again.", VENV)
    return []


def write_stamp(lines):
    with open(STAMP, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))


def starts():
    """Whether the Python of .venv runs: the one it was made from may have been removed."""
    try:
        return subprocess.call([PYTHON, "-I", "-S", "-c", ""], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def why_anew(found, wanted):
    if len(found) < len(wanted):
        return "its installation was not finished"
    if found[0] != wanted[0]:
        return "it was made by {}, this is {}".format(found[0], wanted[0])
    if found[1] != wanted[1]:
        return "the course's folder was moved or copied"
    return "its Python does not start any more"


def refuse_poor_ground():
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        package = "python{}.{}-venv".format(*sys.version_info)
        fail("This Python has no venv or no ensurepip. On Debian and Ubuntu: sudo apt install {}", package)
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < GIGABYTES:
        fail("The disk is nearly full: {:.1f} GB free, {:.1f} needed. {}", free, GIGABYTES, TRY_AGAIN)


def make_venv():
    if os.path.lexists(VENV):
        shutil.rmtree(VENV)
    os.mkdir(VENV)
    write_stamp(["unfinished"])  # until pip is done
    run("making .venv", [sys.executable, "-m", "venv", VENV])


def run(doing, command):
    """Run one step of the installation, its output as one line of progress; if it fails, say why and end."""
    output = []
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    text = {"encoding": "ascii", "errors": "replace"}  # what every terminal can show
    process = subprocess.Popen(command, cwd=ROOT, env=environment(), **dict(pipes, **text))
    reader = threading.Thread(target=lambda: [output.append(line.strip()) for line in process.stdout])
    reader.daemon = True
    reader.start()
    try:
        show_progress(doing, reader, output)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    if process.wait() != 0:
        print("\n".join([line for line in output if line.startswith("ERROR")] or output[-8:]))
        causes = [cause for sign, cause in KNOWN_FAILURES.items() if any(sign in line for line in output)]
        fail("course.py: {} failed: {}. {}", doing, causes[0] if causes else "see its last words", TRY_AGAIN)


def show_progress(doing, reader, output):
    began, terminal = time.time(), sys.stdout.isatty()
    width = shutil.get_terminal_size().columns - 1
    while reader.is_alive():
        reader.join(0.2 if terminal else 30)
        steps = [line for line in output if line.startswith(("Collecting", "Downloading", "Installing"))]
        line = "{:4.0f} s  {}: {}".format(time.time() - began, doing, steps[-1] if steps else "")[:width]
        print("\r" + line.ljust(width) if terminal else line, end="" if terminal else "\n", flush=True)
    print(end="\n" if terminal else "")


def environment():
    """As in an activated .venv: nbgrader, for one, calls other programs by their bare names."""
    variables = dict(os.environ, VIRTUAL_ENV=VENV, PATH=BIN + os.pathsep + os.environ.get("PATH", os.defpath))
    variables.update(PIP_USER="0", PIP_DISABLE_PIP_VERSION_CHECK="1", JUPYTER_PREFER_ENV_PATH="1")
    for name in ("PYTHONHOME", "PYTHONPATH"):  # they would bring in packages from outside .venv
        variables.pop(name, None)
    return variables


def hand_over(arguments):
    """Become the program that is started: Ctrl-C, signals and the exit code are then its own."""
    sys.stdout.flush()
    os.chdir(ROOT)
    if os.name == "nt":  # no process can become another one: wait for it, and leave Ctrl-C to it
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.exit(subprocess.call([PYTHON] + arguments, env=environment()))
    os.execve(PYTHON, [PYTHON] + arguments, environment())


if __name__ == "__main__":
    main(sys.argv[1:])

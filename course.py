#!/usr/bin/env python3
"""Set up and start the course: `python course.py lab` opens it, `python course.py test` tests it.

`reset` and `progress` are for learners: USAGE explains them.

This file needs nothing but Python; it installs what the course needs into .venv beside it. Its grammar is
that of Python 3.6, so that an old Python can read it and say that it is too old.
"""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

OLDEST_PYTHON = (3, 11)
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
WORKSPACE = ROOT / "rnncourse" / "lab" / "workspace.py"
STAMP = VENV / "course-stamp.txt"
PROGRESS = ROOT / "work" / "progress.json"  # which tasks are done; rnncourse reads and writes it
PIP = [PYTHON, "-m", "pip", "install", "--prefer-binary", "--constraint", "constraints.txt"]
PYTORCH_INDEX = "https://download.pytorch.org/whl/"  # /cpu has builds without CUDA, /cu130 builds with it
COMMANDS = {
    # -y: Ctrl-C stops JupyterLab without a question. It opens the first lesson; links lead on from there.
    "lab": [
        "-m",
        "jupyterlab",
        "-y",
        "--ServerApp.root_dir=work",
        "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb",
        "--LabApp.app_settings_dir=" + str(ROOT / "rnncourse" / "lab" / "settings"),
        "--LabApp.workspaces_dir=" + str(ROOT / "work" / ".jupyterlab"),  # which pages are open, and how wide
    ],
    "test": ["-m", "pytest"],
    "site": [str(ROOT / "docs" / "site" / "build.py"), "site"],
    "reset": [str(WORKSPACE), "reset"],
    "progress": ["-c", "import rnncourse; print(rnncourse.progress())"],
}
KNOWN_FAILURES = {  # the words of venv or pip: what they mean
    "No space left on device|not enough space on the disk": "the disk is full",
    "connection broken by": "the package index was not reached (offline? a proxy without HTTPS_PROXY?)",
    "distribution found for torch": "there is no PyTorch for this Python and this machine; see pytorch.org",
    "Permission denied|Access is denied": "a file could not be written (is it yours? is .venv in use?)",
}

USAGE = """\
python course.py lab        open the course in JupyterLab; you can add its options: --no-browser --port 8899
python course.py reset 13   restore the original exercise 13; what you wrote is saved in work/old
python course.py progress   show which exercises are done
python course.py test       run all tests, lessons included; you can add pytest's options: -k lstm
python course.py site       build the course's pages into the folder site; open site/index.html

The first time, a command installs what the course needs into the folder .venv, beside course.py. You read
and write in the folder work, which lab creates. To undo the installation, delete .venv."""
FIRST_START = """\
First start: installing PyTorch, JupyterLab and what they need into .venv, about {gigabytes} GB on the disk.
This takes some minutes, only this once, and needs the network."""
CPU = f"""\
No NVIDIA driver was found, so PyTorch comes without CUDA. If you want CUDA (3 GB more to download), press
Ctrl-C, set PIP_EXTRA_INDEX_URL={PYTORCH_INDEX}cu130 and start again."""
CUDA = f"""\
An NVIDIA driver was found, so PyTorch comes with CUDA (3 GB to download). If you don't want CUDA, press
Ctrl-C, set PIP_EXTRA_INDEX_URL={PYTORCH_INDEX}cpu and start again."""
NO_CPU = """\
PyTorch without CUDA could not be installed from its own index. pip now uses the index that you configured;
PyTorch from PyPI comes with CUDA (3 GB to download, 6 GB on the disk)."""
TRY_AGAIN = "Fix that and run the same command again."


class InstallationError(Exception):
    """A step of the installation failed; the message says which and why."""


def main(words):
    """Run the command that the words name, after preparing .venv."""
    if sys.version_info[:2] < OLDEST_PYTHON:
        newer = "py -3" if os.name == "nt" else "python{}.{}".format(*OLDEST_PYTHON)
        message = "This is Python {}.{}; the course needs {}.{} or newer (python.org): {} course.py lab"
        sys.exit(message.format(*sys.version_info[:2], *OLDEST_PYTHON, newer))
    if not words or words[0] in ("-h", "--help", "help"):
        print(USAGE)
        return
    if words[0] not in COMMANDS:
        sys.exit(f'course.py has no command "{words[0]}".\n\n{USAGE}')
    try:
        prepare()
        if words[0] == "site":
            install_extra("docs", "sphinx_book_theme")
    except InstallationError as error:
        sys.exit(f"course.py: {error}. {TRY_AGAIN}")
    except OSError as error:
        sys.exit(f"course.py: {error.filename or 'the system'}: {error.strerror}. {TRY_AGAIN}")
    except KeyboardInterrupt:
        print("\nStopped before the end. To begin again, run the same command.")
        sys.exit(130)
    if words[0] == "lab" and subprocess.call([PYTHON, WORKSPACE, "renew"], cwd=ROOT, env=environment()) != 0:
        sys.exit("course.py: the copy of the course in work could not be made. Its last words say why.")
    exec_in_venv(COMMANDS[words[0]] + words[1:])


def prepare():
    """Create .venv, rebuild it or bring it up to date; do nothing if it is already right."""
    wanted, found = wanted_stamp(), read_stamp()
    usable = found[:2] == wanted[:2] and venv_starts()
    if usable and found == wanted:
        return
    began = time.time()
    if usable:
        print("pyproject.toml or constraints.txt has changed: bringing .venv up to date.")
        write_stamp(["unfinished"])
    else:
        if found:
            print("Rebuilding .venv: it was not finished, or the course's folder or its Python has changed.")
        announce()
        make_venv()
    install()
    write_stamp(wanted)
    print(f"Installed in {time.time() - began:.0f} s. From now on the course starts at once.")


def wanted_stamp():
    """Return a line each for Python, the folder (scripts in .venv contain its path) and the requirements."""
    needs = (ROOT / "pyproject.toml").read_bytes() + (ROOT / "constraints.txt").read_bytes()
    return ["Python {}.{}".format(*sys.version_info), str(ROOT), hashlib.sha256(needs).hexdigest()]


def read_stamp():
    """Return the lines of .venv's stamp, or none if there is no .venv; exit if it is not ours."""
    if STAMP.is_file():
        return STAMP.read_text(encoding="utf-8").splitlines()
    if VENV.is_dir() and os.listdir(VENV):
        sys.exit(f"{VENV} was not made by course.py. Delete it or move it away, and run this again.")
    return []


def write_stamp(lines):
    """Write these lines to .venv's stamp."""
    STAMP.write_text("\n".join(lines), encoding="utf-8")


def venv_starts():
    """Return whether the Python of .venv runs: the Python that it was made from may have been removed."""
    try:
        return subprocess.run([PYTHON, "-I", "-S", "-c", ""], stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def pytorch_build():
    """Return "CPU" or "CUDA", or None if PyPI has no CUDA builds or the user has chosen an index."""
    if not sys.platform.startswith("linux") or "PIP_EXTRA_INDEX_URL" in os.environ:
        return None
    has_driver = shutil.which("nvidia-smi") or os.path.exists("/proc/driver/nvidia/version")
    return "CUDA" if has_driver else "CPU"


def announce():
    """Print what will be installed, or exit with the reason why it cannot be."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        package = "python{}.{}-venv".format(*sys.version_info)
        sys.exit(f"This Python has no venv or no ensurepip. On Debian and Ubuntu: sudo apt install {package}")
    build = pytorch_build()
    free, needed = shutil.disk_usage(ROOT).free / 1e9, 6 if build == "CUDA" else 1.6
    if free < needed:
        sys.exit(f"The disk is nearly full: {free:.1f} GB free, {needed} needed. {TRY_AGAIN}")
    print(FIRST_START.format(gigabytes=needed))
    if build:
        print({"CPU": CPU, "CUDA": CUDA}[build])


def make_venv():
    """Create an empty .venv with a stamp that says that it is unfinished."""
    if os.path.lexists(VENV):
        shutil.rmtree(VENV)
    VENV.mkdir()
    write_stamp(["unfinished"])  # until pip is done
    run("making .venv", [sys.executable, "-m", "venv", VENV])


def install():
    """Install PyTorch, in the build for this machine, and the course with all that it needs."""
    if pytorch_build() == "CPU":
        # The index is for torch alone: where it can't be reached, pip would retry for each of 130 packages.
        index = ["--index-url", PYTORCH_INDEX + "cpu", "--retries", "2", "--timeout", "15"]
        try:
            run("installing PyTorch", [*PIP, *index, "--no-deps", "torch"])
        except InstallationError:
            print(NO_CPU)
    run("installing", [*PIP, "--editable", ".[test]"])


def install_extra(extra, module):
    """Install one more of the course's extras if its module is not there yet."""
    look = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"
    if subprocess.call([PYTHON, "-c", look, module], env=environment()) != 0:
        run("installing", [*PIP, "--editable", f".[test,{extra}]"])


def run(step, command):
    """Run one step of the installation and show its latest line; if it fails, say why."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    text = {"encoding": "ascii", "errors": "replace"}  # what every terminal can show
    width, output = shutil.get_terminal_size().columns - 1, []
    with subprocess.Popen(command, cwd=ROOT, env=environment(), **pipes, **text) as process:
        try:
            for line in process.stdout:
                output.append(line.strip())
                if sys.stdout.isatty():
                    print("\r" + f"{step}: {output[-1]}"[:width].ljust(width), end="", flush=True)
                elif output[-1].startswith("Downloading"):
                    print(output[-1], flush=True)
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            raise
    print(end="\n" if sys.stdout.isatty() else "")
    if process.returncode != 0:
        print("\n".join([line for line in output if line.startswith("ERROR")] or output[-8:]))
        said = "\n".join(output)
        causes = [cause for sign, cause in KNOWN_FAILURES.items() if re.search(sign, said)]
        raise InstallationError(f"{step} failed: {causes[0] if causes else 'see its last words'}")


def environment():
    """Return the variables of an activated .venv; nbgrader calls other programs by their bare names."""
    outside = ("PYTHONHOME", "PYTHONPATH")  # they would bring in packages from outside .venv
    variables = {name: value for name, value in os.environ.items() if name not in outside}
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    variables.setdefault("RNNCOURSE_PROGRESS", str(PROGRESS))
    pip = {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return {**variables, **pip, "VIRTUAL_ENV": str(VENV), "PATH": path, "JUPYTER_PREFER_ENV_PATH": "1"}


def exec_in_venv(arguments):
    """Replace this process with the program, so that Ctrl-C, signals and the exit code are the program's."""
    sys.stdout.flush()
    os.chdir(ROOT)
    if os.name == "nt":  # no process can become another one: wait for it, and leave Ctrl-C to it
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.exit(subprocess.call([PYTHON, *arguments], env=environment()))
    os.execve(PYTHON, [PYTHON, *arguments], environment())


if __name__ == "__main__":
    main(sys.argv[1:])

"""Replace functions that an honest notebook may call and a sandbox cannot allow by ones that do nothing.

A notebook may install packages, ask for input, start a profiler or a data loader's processes. If the sandbox
refused such a call, its cell would stop and an answer below it would be lost. A student's code can reach what
is defined here, so this module imports nothing from the grader.
"""

from __future__ import annotations

import builtins
import cProfile
import functools
import gc
import getpass
import io
import os
import platform
import signal
import subprocess
import webbrowser
from typing import Any

import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.text import SList

NAME = "student"
WORKERS = {"num_workers", "timeout", "multiprocessing_context", "prefetch_factor", "persistent_workers"}
# Magics that run other programs or install packages.
MAGICS = {
    *("pip", "conda", "mamba", "micromamba", "uv", "system", "sx", "sc"),
    *("bash", "sh", "script", "cmd", "perl", "ruby", "python", "python2", "python3", "pypy"),
}
RUNNING = {"time", "timeit", "run", "prun", "capture"}  # magics that run a student's code


class EndedProcess:
    """Stands in for subprocess.Popen: a program that has ended successfully and printed nothing."""

    def __init__(self, args: Any, *positional: Any, **options: Any) -> None:
        words = ("text", "universal_newlines", "encoding", "errors")
        text = any(options.get(name) for name in words)
        self.args, self.pid, self.returncode = args, 0, 0
        self._nothing: Any = "" if text else b""
        for name in ("stdin", "stdout", "stderr"):
            pipe = options.get(name) == subprocess.PIPE
            setattr(self, name, (io.StringIO() if text else io.BytesIO()) if pipe else None)
        self._out = self._nothing if options.get("stdout") == subprocess.PIPE else None
        self._err = self._nothing if options.get("stderr") == subprocess.PIPE else None

    def __enter__(self):
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def communicate(self, *arguments: Any, **named: Any) -> tuple[Any, Any]:
        return self._out, self._err

    def wait(self, *arguments: Any, **named: Any) -> int:
        return 0

    poll = wait

    def kill(self, *arguments: Any) -> None:
        pass

    terminate = send_signal = kill

    def __class_getitem__(cls, item: Any) -> type:
        return cls


def make_harmless() -> None:
    """Replace such functions in this process. From then on, no program can be started."""
    builtins.input = lambda prompt="": ""
    getpass.getpass = lambda *arguments, **named: ""
    os.environ.update(LOGNAME=NAME, USER=NAME)  # getpass.getuser reads these
    os.getlogin = lambda: NAME
    os.system = lambda command: 0
    subprocess.Popen = EndedProcess  # type: ignore[misc, assignment]
    webbrowser.open = lambda *arguments, **named: False
    for name in ("get_objects", "get_referrers", "get_referents"):
        setattr(gc, name, lambda *arguments, **named: [])
    platform.platform(), platform.uname().processor, platform.python_build()  # these are cached
    for name in ("enable", "disable"):
        setattr(cProfile.Profile, name, lambda self, *arguments, **named: None)
    cProfile.Profile.create_stats = _no_stats  # type: ignore[method-assign]
    signal.signal = _signal(signal.signal)
    torch.compile = _compile
    torch.jit.trace = _trace
    _without_workers(torch.utils.data.DataLoader)
    _without_programs(InteractiveShell.instance())


def _no_stats(self: Any) -> None:
    self.stats = {("notebook", 1, "cell"): (1, 1, 0.0, 0.0, {})}  # pstats fails without an entry


def _signal(real: Any) -> Any:
    """Return signal.signal without its error: cells do not run in the main thread, where handlers are set."""

    def handle(number: Any, handler: Any) -> Any:
        try:
            return real(number, handler)
        except ValueError:
            return signal.SIG_DFL

    return handle


def _compile(model: Any = None, **named: Any) -> Any:
    """Return the model as it is, or a decorator that does."""
    return model if model is not None else _compile


def _trace(func: Any, *arguments: Any, **named: Any) -> Any:
    return func


def _without_workers(loader: Any) -> None:
    """Make a data loader ignore `num_workers` and load the data in its own process."""
    begin = loader.__init__

    @functools.wraps(begin)
    def __init__(self: Any, *arguments: Any, **named: Any) -> None:
        arguments = (*arguments[:5], 0, *arguments[6:]) if len(arguments) > 5 else arguments
        if named.get("num_workers"):
            named = {k: v for k, v in named.items() if k not in WORKERS}
        begin(self, *arguments, **named)

    loader.__init__ = __init__


def _without_programs(shell: Any) -> None:
    """Make `!command` and package magics do nothing, and ignore the errors of other magics."""
    shell.system = shell.system_raw = shell.system_piped = lambda command: None
    shell.getoutput = lambda command, split=True, depth=0: SList([]) if split else ""
    for kind in ("run_line_magic", "run_cell_magic"):
        setattr(shell, kind, _passing(getattr(shell, kind)))


def _passing(run: Any) -> Any:
    def magic(name: str, *arguments: Any, **named: Any) -> Any:
        if name in MAGICS:
            return None
        try:
            return run(name, *arguments, **named)
        except Exception:
            if name in RUNNING:
                raise
            return None

    return magic

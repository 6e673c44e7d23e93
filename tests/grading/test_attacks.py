"""Hostile submissions: each ends in a named state, earns nothing by it, and does not affect the next student."""

# ruff: noqa: E501 - learners' code, one piece a line

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_submissions import LSTM_GATES, PERFECT, ROOT, answered, solved, with_cell, written

from rnncourse.checks.framework.evaluate import Answer, Failure
from rnncourse.checks.framework.plain import Other
from rnncourse.grading.intake.notebook import names
from rnncourse.grading.report.result import Result
from rnncourse.grading.sandbox.client import SandboxClient
from rnncourse.grading.sandbox.limits import Limits
from rnncourse.grading.sandbox.walls import (
    FOLDER_BYTES,
    FOLDER_FILES,
    can_mount_in_memory,
    missing,
    unused_uid,
)
from rnncourse.grading.sandbox.wire import WireError, pack_answers, unpack_answers, unpack_inputs
from rnncourse.grading.submission import grade

if sys.platform != "linux":
    pytest.skip("the sandbox needs Linux", allow_module_level=True)

SMALL = Limits(memory=200 * 2**20)
# Only for submissions that may be stopped: on a busy machine, these limits would stop any.
SHORT = replace(SMALL, cpu=1, wall=1.0)


@pytest.fixture(scope="module")
def sandbox():
    if lacks := missing():
        pytest.skip("; ".join(lacks))
    os.environ["A_PASSWORD"] = "secret"
    with SandboxClient([ROOT / "solutions"]) as sandbox:
        yield sandbox
    del os.environ["A_PASSWORD"]


def processes(sandbox):
    """Return the processes that a student's code has left: the server's children and those of the student uid."""
    server = sandbox._process.pid
    found = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and unused_uid() is not None:
            try:
                if entry.stat().st_uid == unused_uid():
                    found.append(entry.name)
            except FileNotFoundError:
                continue
    return found


def attack(sandbox, notebook, limits=SMALL):
    """Return the result, after asserting that server, folder and the next student are unaffected."""
    server = sandbox._process.pid
    result = grade("mallory", LSTM_GATES, notebook, sandbox, limits)
    if result.state == "fault":  # tried once more, on a fresh server
        server = sandbox._process.pid
    assert sandbox._process.pid == server, "it ended the server"
    assert processes(sandbox) == []
    # Look at the folder as the server sees it, too: it may be a mount that only the server has.
    assert os.listdir(f"/proc/{server}/root{sandbox.folder}/box") == os.listdir(sandbox.folder / "box") == []
    neighbour = grade("perfect", LSTM_GATES, PERFECT, sandbox, Limits())
    assert (neighbour.state, neighbour.points) == ("graded", 17), neighbour
    assert Result.from_json(result.to_json().encode().decode()) == result  # it can be written, and read
    if result.state not in ("graded", "flagged", "stopped"):
        assert result.points is None
        assert result.reason
    return result


def may_be(states):
    """Return the states, and those that may come instead if the code breaks the process that it runs in."""
    return states.replace("crashed", "crashed fault").replace("graded", "graded stopped").split()


def earned(result):
    return sum(task.points or 0 for task in result.tasks)


# ---- faulty or hostile cells and answers: their code, the states that may result, the most points

OTHERS = 17 - 4 - 4 - 4  # the points left if `gates` is wrong: lstm_step and MyLSTMCell call it
WRONG = "\ndef gates(a):\n    return (torch.zeros(*a.shape[:-1], a.shape[-1] // 4),) * 4\n"

FILES = """
import os
def files(data):
    for file in range(256):
        try:
            os.fstat(file)
        except OSError:
            continue
        try:
            os.write(file, data)
        except OSError:
            pass
"""

# Find the C library's syscall() from memmove's address, and make the one kind of new process that the filter
# allows a runner, each making the next. This ends by itself even if the walls do not hold.
SYSCALL = """
import ctypes, _ctypes, os, struct, time
data = open('/usr/lib/x86_64-linux-gnu/libc.so.6', 'rb').read()
shoff, = struct.unpack_from('<Q', data, 0x28)
size, count, _ = struct.unpack_from('<HHH', data, 0x3a)
parts = [struct.unpack_from('<IIQQQQIIQQ', data, shoff + k * size) for k in range(count)]
symbols = next(part for part in parts if part[1] == 11)
text = parts[symbols[6]][4]
found = {}
for at in range(symbols[4], symbols[4] + symbols[5], 24):
    name, *_, value, _ = struct.unpack_from('<IBBHQQ', data, at)
    found[data[text + name : data.index(b'\\0', text + name)]] = value
page = _ctypes._memmove_addr & ~0xfff
while ctypes.cast(page, ctypes.POINTER(ctypes.c_uint32))[0] != 0x464c457f: page -= 0x1000
syscall = ctypes.CFUNCTYPE(ctypes.c_long, *[ctypes.c_long] * 7)(page + found[b'syscall'])
"""
CLONES = (
    SYSCALL
    + """
begin = time.time()
while time.time() - begin < 20:
    if syscall(56, 0x8000 | 17, 0, 0, 0, 0, 0): os._exit(0)
"""
)
# Look for a system call that is allowed, and report it by ending the process.
NATIVE = """
def refused(*numbers):
    answer = syscall(*numbers, *[0] * (7 - len(numbers)))
    if answer == 0 and numbers[0] == 56: os._exit(0)
    if answer >= 0: os._exit(1)
for flag in (0x4000, 0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
    refused(56, 0x8000 | flag | 17)  # clone: a parent that waits, namespaces
refused(463); refused(469)  # setxattrat, file_setattr
refused(253); refused(294)  # inotify
refused(314); refused(142)  # sched_setattr, sched_setparam
"""

CELLS = {
    "loop": ("while True: pass", "timeout", 17),
    "stops itself": (
        "import signal, threading; signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)",
        "timeout",
        17,
    ),
    "exit": ("import os; os._exit(0)", "crashed", 17),
    "abort": ("import os; os.abort()", "crashed", 17),
    "kills itself": ("import signal; signal.raise_signal(signal.SIGKILL)", "crashed", 17),
    "segfault": ("import faulthandler; faulthandler._sigsegv()", "crashed", 17),
    "stack": (
        "import sys\nsys.setrecursionlimit(10**9)\ndef f():\n    return [f() for _ in 'a']\nf()",
        "crashed memory timeout graded",
        17,
    ),
    "closes all files": ("import os; os.closerange(0, 256)", "crashed", 17),
    "a list that grows": ("x = [0]\nwhile True: x += x", "graded memory", 17),
    "prints 100 MB": ("for _ in range(100): print('x' * 10**6)", "graded", 17),
    "a file of 1 GB": ("with open('x', 'wb') as f:\n  while True: f.write(bytes(2**24))", "graded", 17),
    "loops in __del__": ("class D:\n    def __del__(self):\n        while True: pass\nd = D()", "graded", 17),
    "loops at exit": ("import atexit\n@atexit.register\ndef f():\n    while True: pass", "graded", 17),
    "changes folder": ("import os; os.mkdir('d'); os.chdir('d')", "graded", 17),
    "removes its folder": ("import os, shutil; shutil.rmtree(os.getcwd(), ignore_errors=True)", "graded", 17),
    "locks its folder": ("import os; os.mkdir('d'); open('d/f', 'w'); os.chmod('d', 0); os.chmod('.', 0)", "graded", 17),
    "links": (
        "import os\nfor k, to in enumerate(('/etc', '/', '..', 'nowhere', '/etc/shadow', '.')): os.symlink(to, str(k))",
        "graded",
        17,
    ),
    "odd names": ("open(b'\\xff\\n', 'w'); open('-rf', 'w'); open('x' * 255, 'w')", "graded", 17),
    "300 files": ("for k in range(300): open(str(k), 'w')", "graded", 17),
    "very deep folders": (
        "import os\nfor _ in range(3000): os.mkdir('d'); os.chdir('d')",
        "graded",
        17,
    ),
    "600 magics": ("\n".join(["!ls"] * 600), "graded timeout", 17),
    "clones itself": (CLONES, "graded crashed timeout", 17),
    "system calls": (SYSCALL + NATIVE, "graded", 17),
    "folders in folders": ("import os\nfor _ in range(200): os.mkdir('d'); os.chdir('d')", "graded", 17),
    "forged: here": (FILES + "files(b'here')", "crashed graded", 17),
    "forged: done": (FILES + "files(b'done' * 9)", "crashed graded", 17),
    "forged: garbage": (FILES + "files(bytes(range(256)) * 200)", "crashed graded", 17),
    "forged: a long answer": (FILES + "files(b'here' + b'\\xff' * 8)", "crashed graded", 17),
    "forged for ever": (
        FILES + "import threading, time\ndef f():\n    while True: files(b'here'); time.sleep(.002)\n"
        "threading.Thread(target=f, daemon=True).start()",
        "crashed timeout graded",
        17,
    ),
    "computes for ever": (
        "import threading\nfrom torch import nn\ndef f():\n    while True: nn.LSTM(3, 4)(torch.zeros(5, 3))\n"
        "threading.Thread(target=f, daemon=True).start()",
        "graded",
        17,
    ),
    "many threads": (
        "import threading, time\nfor _ in range(200): threading.Thread(target=time.sleep, args=(99,), daemon=True).start()",
        "graded",
        17,
    ),
    "ends the loop of cells": (
        "import sys\nf = sys._getframe()\nwhile f.f_back: f = f.f_back\nf.f_globals.clear()",
        "timeout crashed graded",
        17,
    ),
    "lets the next cell in": (
        "import sys\nf = sys._getframe()\nwhile f.f_back: f = f.f_back\nf.f_globals['finished'].release()",
        "graded crashed timeout",
        17,
    ),
    "IPython patched": (
        "ip = get_ipython(); type(ip).run_cell = lambda *a, **k: None; ip.user_ns.clear()",
        "graded crashed",
        2,
    ),
    "magics that start processes": ("!ls\n%system ls\n!kill -0 1\n!kill -0 $PPID", "graded", 17),
    "a shell cell": ("%%bash\nkill -0 -1", "graded", 17),
    "packages patched": (
        "import rnncourse, numpy\nfor m in (rnncourse, numpy, torch.nn):\n"
        "    for n in list(vars(m)):\n        if not n.startswith('_'): setattr(m, n, None)",
        "graded crashed",
        17,
    ),
    "modules gone": ("import sys; sys.modules.clear()", "graded crashed timeout", 17),
    "signals ignored": (
        "import signal\nfor n in signal.valid_signals():\n    try: signal.signal(n, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass",
        "graded",
        17,
    ),
    "traced": ("import sys\ntry: sys.settrace(lambda *a: None)\nexcept RuntimeError: pass", "graded", 17),
}  # fmt: skip


@pytest.mark.parametrize("name", CELLS)
def test_hostile_cell_earns_nothing(sandbox, name):
    source, states, most = CELLS[name]
    result = attack(sandbox, with_cell(source), SHORT if "timeout" in states else SMALL)
    assert result.state in may_be(states), result
    assert earned(result) <= most
    if result.state == "graded" and states == "graded":
        assert result.points == most, result


@pytest.mark.parametrize(("size", "most"), [(2**23, FOLDER_BYTES // 2**23 + 1), (1, FOLDER_FILES)])
def test_total_size_of_files_is_bounded(sandbox, tmp_path, size, most):
    if not can_mount_in_memory(tmp_path):
        pytest.skip("this process may not mount anything")
    fill = f"""
import os
written = 0
try:
    while written <= {most}:
        with open(str(written), "wb") as file:
            file.write(bytes({size}))
        written += 1
except OSError:
    pass
if written >= {most} or written < {most} // 2:
    os._exit(1)
"""
    result = attack(sandbox, with_cell(fill), Limits())
    assert (result.state, result.points) == ("graded", 17), result


# Answers to `gates`. They are called in the process that answers the cases, where no cell's code runs.
ANSWERS = {
    "exit": ("import os\ndef gates(a): os._exit(0)", "crashed"),
    "abort": ("import os\ndef gates(a): os.abort()", "crashed"),
    # an answer cannot send signals, not even to itself
    "segfault": ("import faulthandler\ndef gates(a): faulthandler._sigsegv()", "crashed graded"),
    "kills itself": ("import signal\ndef gates(a): signal.raise_signal(signal.SIGKILL)", "crashed graded"),
    "SystemExit": ("def gates(a): raise SystemExit(0)", "graded"),
    "half a character": ("def gates(a): raise ValueError('\\ud800')", "graded"),
    "a thread": ("import threading\ndef gates(a): threading.Thread(target=print).start()", "graded"),
    "wakes the runner": (
        "import fcntl, os\ndef gates(a):\n    r, w = os.pipe()\n    fcntl.fcntl(r, fcntl.F_SETOWN, os.getppid())",
        "graded",
    ),
    "KeyboardInterrupt": ("def gates(a): raise KeyboardInterrupt", "crashed graded"),
    "recursion": ("def gates(a): return gates(a)", "graded"),
    "input": ("def gates(a): return input()", "graded"),
    "a tensor of 8 TB": ("def gates(a): return torch.zeros(10**12)", "memory"),
    "closes all files": ("import os\ndef gates(a): os.closerange(0, 256)", "crashed"),
    "prints 100 MB": (f"{WRONG}right = gates\ndef gates(a):\n    print('x' * 10**8)\n    return right(a)", "graded"),
    "forged: done": (f"{FILES}def gates(a): files(b'done' * 9)", "crashed"),
    "forged: here": (f"{FILES}def gates(a): files(b'here')", "crashed"),
    "forged: a huge length": (f"{FILES}def gates(a): files(b'\\xff' * 8)", "crashed"),
    "forged: no answers": (f"{FILES}def gates(a): files(bytes(8))", "crashed"),
    "forged: deep": (
        f"{FILES}def gates(a):\n    m = b'[' * 9999\n    m = len(m).to_bytes(8, 'little') + m\n"
        "    files(len(m).to_bytes(8, 'little') + m)",
        "crashed",
    ),
    "a lying class": (
        "class Liar:\n    __class__ = torch.Tensor\n    shape = (3, 4)\n    def __eq__(self, other): return True\n"
        "    def __array__(self, *a, **k): raise KeyboardInterrupt\n    def __getattr__(self, name): return self\n"
        "    def __call__(self, *a, **k): return self\n    def __iter__(self): return iter([self] * 4)\n"
        "def gates(a): return (Liar(),) * 4",
        "graded",
    ),
    "a tensor of its own kind": (
        "class Sly(torch.Tensor):\n    @classmethod\n    def __torch_function__(cls, f, types, args=(), kwargs=None):\n"
        "        return True if f.__name__ in ('allclose', 'equal') else super().__torch_function__(f, types, args, kwargs or {})\n"
        "    def __eq__(self, other): return True\n    def detach(self): raise SystemExit\n"
        "def gates(a): return tuple(torch.zeros(*a.shape[:-1], a.shape[-1] // 4).as_subclass(Sly) for _ in range(4))",
        "graded",
    ),
    "a metaclass": (
        "class M(type):\n    def __call__(cls, *a): return cls\n    def __instancecheck__(cls, x): return True\n"
        "    def __getattribute__(cls, name): raise SystemExit\n    __mro__ = property(lambda cls: 1 / 0)\n"
        "class gates(metaclass=M): pass",
        "graded",
    ),
    "an object that is called": (
        "class G:\n    def __call__(self, a): return a\n    def __getattr__(self, name): raise SystemExit\n"
        "    def __repr__(self): raise SystemExit\ngates = G()",
        "graded",
    ),
    "a list without end": (
        "class L(list):\n    def __iter__(self):\n        while True: yield 1\n    def __len__(self): return -1\n"
        "def gates(a): return L([1, 2, 3, 4])",
        "graded",
    ),
    "numbers too large": ("def gates(a): return 10**1000, 10**30, float('nan'), 1j", "graded"),
    "an error that cannot be read": (
        "class E(BaseException):\n    def __str__(self): raise SystemExit\n    __repr__ = __str__\n"
        "    __traceback__ = property(lambda self: 1 / 0)\ndef gates(a): raise E",
        "graded",
    ),
    "comparisons patched": (
        WRONG + "torch.allclose = torch.equal = torch.isclose = torch.Tensor.allclose = torch.Tensor.__eq__ = "
        "lambda *a, **k: True\nimport numpy as np\nnp.allclose = np.array_equal = lambda *a, **k: True",
        "graded crashed",
    ),
    "builtins that cheat": (
        WRONG + "import builtins\nbuiltins.isinstance = lambda *a: True\nbuiltins.max = lambda *a: 17\n"
        "builtins.all = builtins.any = lambda *a: True\nbuiltins.sum = lambda *a: 17",
        "graded crashed",
    ),
    "builtins gone": (
        WRONG + "import builtins\nfor n in ('open', '__import__', 'print', 'zip', 'getattr', 'type'): delattr(builtins, n)",
        "graded crashed timeout",
    ),
    "json says what it likes": (
        WRONG + "import json\njson.dumps = lambda rows: '[{\"returned\": true, \"points\": 17}]'",
        "crashed",
    ),
    "json patched": (WRONG + "import json\njson.loads = lambda data: ['list', []]", "crashed graded"),
    "os patched": (WRONG + "import os\nos.read = lambda *a: b''; os.write = lambda *a: 10**9", "crashed timeout graded"),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_hostile_answer_earns_nothing(sandbox, name):
    source, states = ANSWERS[name]
    result = attack(sandbox, answered(gates=source), SHORT if "timeout" in states else SMALL)
    assert result.state in may_be(states), result
    assert earned(result) <= OTHERS
    if states == "graded":
        assert result.points == OTHERS, result


@pytest.mark.parametrize(
    "swallow", ["", "    signal.signal(signal.SIGALRM, signal.SIG_IGN)\n"], ids=["", "deaf"]
)
def test_endless_answer_is_ended(sandbox, swallow):
    """The check's limit of 5 seconds ends it; if that is ignored, the process's limit of processor time does."""
    source = f"import signal\ndef from_cs231n(Wx, Wh, b):\n{swallow}    while True: pass"
    result = attack(sandbox, answered(from_cs231n=source), Limits(cpu=1 if swallow else 60))
    task = result.tasks[3]
    if swallow:
        assert (task.state, task.points) in (("timeout", None), ("crashed", None))
    else:
        assert (task.state, task.points, task.verdict) == ("graded", 0, "too slow")
    assert earned(result) == 14


# ---- the walls, tested from a cell and from an answer, with nothing that would do harm if they did not hold

PROBES = {
    "solutions": "open(ROOT + '/solutions/06_lstm_gates/lstm_gates.ipynb').read()",
    "solutions' folder": "os.listdir(ROOT + '/solutions')",
    "checks": "open(ROOT + '/rnncourse/checks/lstm_gates.py').read()",
    "checks, by import": "from rnncourse.checks.lstm_gates import lstm_step; lstm_step.truth.__code__",
    "checks, by path": "import runpy; runpy.run_path(ROOT + '/rnncourse/checks/lstm_gates.py')",
    "checks, by pkgutil": "import pkgutil; len(pkgutil.get_data('rnncourse', 'checks/lstm_gates.py'))",
    "how answers are used, by name": "import sys; sys.modules['rnncourse.checks.uses.bptt'].call_with_arrays",
    "tests": "open(ROOT + '/tests/conftest.py').read()",
    "another's": "open(OTHER).read()",
    "another's, by a link": "os.symlink(OTHER, 'link'); open('link').read()",
    "another's, by a hard link": "os.link(OTHER, 'hard'); open('hard').read()",
    "another's, by moving it": "os.rename(OTHER, 'moved'); open('moved').read()",
    "another's, emptied": "os.truncate(OTHER, 0)",
    "another's, unlinked": "os.unlink(OTHER)",
    "another's, of another mode": "os.chmod(OTHER, 0o600); 1 / (os.stat(OTHER).st_mode & 0o777 == 0o600)",
    "another's, of another time": "os.utime(OTHER, (5, 5)); 1 / (os.stat(OTHER).st_mtime == 5)",
    "another's, marked": "os.setxattr(OTHER, 'user.x', b'y')",
    "its folder, marked": "os.setxattr('.', 'user.x', b'y')",
    "its folder, of another time": "os.utime('.', (5, 5)); 1 / (os.stat('.').st_atime == 5)",
    "another interpreter": "import _xxsubinterpreters as x; x.create()",
    "the teacher's environment": "os.environ['A_PASSWORD']",
    "shadow": "open('/etc/shadow').read()",
    "environ": "open('/proc/1/environ').read()",
    "own environ": "open('/proc/self/environ').read()",
    "own files": "os.listdir('/proc/self/fd')",
    "own memory": "open('/proc/self/mem', 'rb').read(1)",
    "root": "os.listdir('/')",
    "home": "os.listdir(os.path.expanduser('~root'))",
    "writes beside": "open('../x', 'w')",
    "writes in /tmp": "open('/tmp/rnncourse-was-here', 'w')",
    "writes in /dev/shm": "open('/dev/shm/rnncourse-was-here', 'w')",
    "writes to the library": "open(ROOT + '/rnncourse/steps.py', 'a')",
    "moves out": "open('f', 'w').close(); os.rename('f', '/tmp/rnncourse-was-here')",
    "fifo": "os.mkfifo('fifo')",
    "TCP": "import socket; socket.create_connection(('127.0.0.1', 1))",
    "UDP": "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'', ('127.0.0.1', 9))",
    "a socket's file": "import socket; socket.socket(socket.AF_UNIX).bind('s')",
    "an open socket": "import _socket; _socket.socket(_socket.AF_INET, _socket.SOCK_RAW, 1)",
    "a URL": "import urllib.request; urllib.request.urlopen('http://127.0.0.1:1')",
    "fork": "os.fork() or os._exit(0)",
    "forkpty": "os.forkpty()[0] or os._exit(0)",
    "spawn": "os.posix_spawn('/bin/true', ['true'], {})",
    "spawnv": "os.spawnv(os.P_WAIT, '/bin/true', ['true']) == 0 or 1 / 0",
    "system": "import posix; posix.system('true')",
    "subprocess, below it": "from multiprocessing.util import spawnv_passfds as s; s(b'/usr/bin/true', [b'true'], [])",
    "exec": "os.execv('/bin/true', ['true'])",
    "_posixsubprocess": "import _posixsubprocess as p; p.fork_exec([b'/bin/true'], [b'/bin/true'], True, (), None, None,"
    " -1, -1, -1, -1, -1, -1, *os.pipe(), False, False, 0, None, None, None, -1, None, True)",
    "multiprocessing": "import multiprocessing as m; m.get_context('fork').Process(target=print).start()",
    "spawned worker": "import multiprocessing as m; m.get_context('spawn').Process(target=print).start()",
    "shared memory": "from multiprocessing import shared_memory as s; s.SharedMemory(create=True, size=9)",
    "kills the server": "os.kill(os.getppid(), 18)",
    "asks for the server": "os.kill(os.getppid(), 0)",
    "kills all": "os.kill(-1, 0)",
    "kills its group": "os.killpg(os.getpgid(os.getppid()), 0)",
    "kills init": "os.kill(1, 0)",
    "by a file": "import signal; signal.pidfd_send_signal(os.pidfd_open(os.getppid()), 0)",
    "more memory": "import resource as r; r.setrlimit(r.RLIMIT_AS, (-1, -1))",
    "more files": "import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (2**40, 2**40))",
    "the server's limits": "import resource as r; r.prlimit(os.getppid(), r.RLIMIT_CORE, (0, 0))",
    "root again": "os.setuid(0)",
    "root group": "os.setgroups([0])",
    "chroot": "os.chroot('.')",
    "unshare": "os.unshare(0x10000000)" if hasattr(os, "unshare") else "1 / 0",
    "priority": "os.nice(-5)",
    "processors": "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))",
    "chown": "open('f', 'w').close(); os.chown('f', 0, 0)",
    "gc": "sys.modules.pop('gc'); import gc; gc.get_objects()",
    "gc, referrers": "sys.modules.pop('gc'); import gc; gc.get_referrers(os)",
    "frames of all threads": "sys._current_frames()",
    "profile": "sys.setprofile(None)",
    "trace": "sys.settrace(None)",
    "cProfile": "import _lsprof; _lsprof.Profiler().enable()",
    "ctypes, a library": "import ctypes; ctypes.CDLL(None)",
    "ctypes, memory": "import ctypes; ctypes.string_at(id(sys), 8)",
    "ctypes, an object": "import ctypes; ctypes.c_long.from_address(id(sys))",
    "ctypes, Python": "import ctypes; ctypes.pythonapi.PySys_SetObject",
}  # fmt: skip


@pytest.fixture(scope="module")
def probed(sandbox, tmp_path_factory):
    """Return the results of two tasks that report which PROBES succeeded in a cell and in an answer."""
    other = tmp_path_factory.mktemp("submitted") / "lstm_gates.ipynb"
    other.write_text("mine")
    other.chmod(0o666)
    source = f"""
        ROOT, OTHER, PROBES = {str(ROOT)!r}, {str(other)!r}, {PROBES!r}
        import os, sys
        def probe():
            found = []
            for name, source in PROBES.items():
                try:
                    exec(source, dict(globals()))
                except BaseException as error:
                    if isinstance(error, (NameError, SyntaxError)): found.append(repr(error))
                else:
                    found.append(name)
            return found
        found = probe()
        def gates(a): raise ValueError(found)
        def from_cs231n(Wx, Wh, b):
            PROBES.pop("checks, by import")  # that is a call of this library's, and flagged
            raise ValueError(probe())
    """
    lines = [line.removeprefix(" " * 8) for line in source.splitlines()]
    notebook = answered(
        gates="\n".join(lines).replace("def from_", "def other_"),
        from_cs231n="from_cs231n = other_cs231n",
    )
    result = attack(sandbox, notebook, Limits())
    assert other.read_text() == "mine"
    return {"cell": result.tasks[1], "answer": result.tasks[3]}


@pytest.mark.parametrize("where", ["cell", "answer"])
def test_probe_is_refused(probed, where):
    assert "raised ValueError" in probed[where].text
    assert ": []." in probed[where].text, probed[where].text


# ---- calling the thing to build in spite of the lock

# Code that Python may run between the start of the copy and the moment when it is locked.
MEANWHILE = """
import gc, os, sys, threading
found = []
def look(*arguments):
    frame = sys._getframe()
    while frame is not None:
        tables = [frame.f_locals.get('table')]
        for cell in getattr(frame.f_locals.get('lock'), '__closure__', None) or ():
            if isinstance(cell.cell_contents, list):
                tables += [table[0] for table in cell.cell_contents if isinstance(table, tuple)]
        found.extend(table for table in tables if hasattr(table, 'reset'))
        frame = frame.f_back
class Last:
    def __del__(self): look()
"""
# Two-dimensional inputs, as the operation requires: otherwise the inputs would fail, not the lock.
TWO = """
def two(f, x, state, *weights):
    if x.dim() == 2: return tuple(f(x, list(state), *weights))
    return tuple(t[0] for t in f(x[None], [s[None] for s in state], *weights))
"""
RECORDED = """
def f(x, h, c, *weights): return torch.lstm_cell(x, [h, c], *weights)
some = [torch.randn(*shape).double() for shape in ((2, 3), (2, 5), (2, 5), (20, 3), (20, 5), (20,), (20,))]
"""
HOOKED = """
import rnncourse
given, found = [], []
def run():
    if given and not found: found.append(tuple(rnncourse.steps.lstm_step(*given)))
class Name(str):
    def startswith(self, *arguments): run(); return False
class Constant:
    def __hash__(self): run(); return 5
def innocent(): pass
"""
STEP = "def lstm_step(x_t, state, weight_ih, weight_hh, bias_ih, bias_hh):\n"
ALL = "(x_t, list(state), weight_ih, weight_hh, bias_ih, bias_hh)"
BANNED = {
    "by name": f"{STEP}    return torch.lstm_cell{ALL}",
    "getattr": f"{STEP}    return getattr(torch, 'lstm' + '_cell'){ALL}",
    "importlib": f"import importlib\n{STEP}    return importlib.import_module('to' + 'rch').lstm_cell{ALL}",
    "_VF": f"{STEP}    return torch._VF.lstm_cell{ALL}",
    "_C": f"{STEP}    return torch._C._VariableFunctions.lstm_cell{ALL}",
    "ops": f"{STEP}    return torch.ops.aten.lstm_cell{ALL}",
    "ops, the default": f"{STEP}    return torch.ops.aten.lstm_cell.default{ALL}",
    "ops, with no dispatch": f"{STEP}    return torch._C._jit_get_operation('aten::lstm_cell')[0]{ALL}",
    "its table found": f"""{STEP}    import sys
    f = sys._getframe()
    while f is not None:
        lock = f.f_locals.get('lock')
        for cell in getattr(lock, '__closure__', None) or ():
            for table in cell.cell_contents if isinstance(cell.cell_contents, list) else ():
                table[0].reset()
        f = f.f_back
    with torch._C.DisableTorchFunction():
        return torch.lstm_cell{ALL}""",
    "decomposed": f"{STEP}    from torch._decomp.decompositions import lstm_cell\n    h, c = state\n"
    "    return lstm_cell(x_t @ weight_ih.T + bias_ih, h, c, weight_hh, bias_hh, None, chunk_dim=1)",
    "ours in a thread": f"{STEP}    import threading, rnncourse\n    r = []\n"
    "    t = threading.Thread(target=lambda: r.append(rnncourse.steps.lstm_step(x_t, state, weight_ih, weight_hh, bias_ih, bias_hh)))\n"
    "    t.start()\n    t.join()\n    return tuple(r[0])",
    "kept before": f"mine = torch.lstm_cell\n{STEP}    return mine{ALL}",
    "in a default": STEP.replace("hh):", f"hh, f=torch.lstm_cell):\n    return f{ALL}\n#"),
    "functions' mode off": f"{STEP}    with torch._C.DisableTorchFunction():\n        return torch.lstm_cell{ALL}",
    "functions' modes popped": f"{STEP}    while torch._C._len_torch_function_stack(): torch._C._pop_torch_function_stack()\n"
    f"    return torch.lstm_cell{ALL}",
    "no profile": f"import sys\n{STEP}    try: sys.setprofile(None)\n    except RuntimeError: pass\n"
    f"    with torch._C.DisableTorchFunction(): return torch.ops.aten.lstm_cell{ALL}",
    "another thread": f"import threading\n{STEP}    out = []\n"
    f"    t = threading.Thread(target=lambda: out.append(torch.lstm_cell{ALL})); t.start(); t.join()\n    return out[0]",
    "swallowed": f"{STEP}    try: return torch.lstm_cell{ALL}\n    except BaseException: return state",
    "nn.LSTMCell": f"{STEP}    cell = nn.LSTMCell(weight_ih.shape[1], weight_hh.shape[1]).double()\n"
    "    cell.load_state_dict(dict(weight_ih=weight_ih, weight_hh=weight_hh, bias_ih=bias_ih, bias_hh=bias_hh))\n"
    "    return cell(x_t, state)",
    "nn.LSTMCell, its code another": "import types\nc = nn.LSTMCell.forward.__code__.replace(co_name='f', co_filename='f')\n"
    "class Mine(nn.LSTMCell):\n    forward = types.FunctionType(c, nn.LSTMCell.forward.__globals__, 'f', (None,))\n"
    f"{STEP}    cell = Mine(weight_ih.shape[1], weight_hh.shape[1]).double()\n"
    "    cell.load_state_dict(dict(weight_ih=weight_ih, weight_hh=weight_hh, bias_ih=bias_ih, bias_hh=bias_hh))\n"
    "    with torch._C.DisableTorchFunction(): return cell(x_t, state)",
    "a layer of one step": f"{STEP}    x, s = x_t[None], [t[None] for t in state]\n"
    "    with torch._C.DisableTorchFunction():\n"
    "        o, h, c = torch._VF.lstm(x, s, [weight_ih, weight_hh, bias_ih, bias_hh], True, 1, 0., False, False, False)\n"
    "    return h[0], c[0]",
    "packed": f"{STEP}    with torch._C.DisableTorchFunction():\n"
    "        o, h, c = torch._VF.lstm(x_t, torch.tensor([len(x_t)]), [t[None] for t in state],"
    " [weight_ih, weight_hh, bias_ih, bias_hh], True, 1, 0., False, False)\n    return h[0], c[0]",
    "inference mode": f"{STEP}    with torch.inference_mode(), torch._C.DisableTorchFunction(): return torch.lstm_cell{ALL}",
    "below autograd": f"{STEP}    with torch._C._AutoDispatchBelowAutograd(): return torch.ops.aten.lstm_cell{ALL}",
    "vmap": f"{STEP}    return torch.func.vmap(lambda x, h, c: torch.lstm_cell(x[None], [h[None], c[None]], weight_ih,"
    " weight_hh, bias_ih, bias_hh))(x_t, *state)",
    "functionalised": f"{STEP}    return torch.func.functionalize(torch.lstm_cell){ALL}",
    "differentiated": f"{STEP}    return torch.func.jvp(lambda x: torch.lstm_cell(x, {ALL[6:-1]}), (x_t,), (x_t,))[0]",
    "autocast": f"{STEP}    with torch.autocast('cpu'), torch._C.DisableTorchFunction(): return torch.lstm_cell{ALL}",
    "scripted": "from torch import Tensor\n@torch.jit.script\n"
    "def f(x: Tensor, h: Tensor, c: Tensor, w: Tensor, u: Tensor, b: Tensor, d: Tensor):\n"
    "    return torch.lstm_cell(x, [h, c], w, u, b, d)\n"
    f"{STEP}    return f(x_t, *state, weight_ih, weight_hh, bias_ih, bias_hh)",
    "put back": "lib = torch.library.Library('aten', 'IMPL')\nold = torch.ops.aten.lstm_cell.default\n"
    f"{STEP}    lib.impl('lstm_cell', lambda *a: old(*a), 'CPU', allow_override=True)\n    return torch.lstm_cell{ALL}",
    "hidden from the report": "import json\nsay = json.dumps\ndef quiet(rows):\n    for row in rows: row['calls'] = None\n"
    f"    return say(rows)\njson.dumps = quiet\n{STEP}    with torch._C.DisableTorchFunction(): return torch.lstm_cell{ALL}",
    "this library's": f"import rnncourse\n{STEP}    return rnncourse.steps.lstm_step(x_t, state, weight_ih, weight_hh, bias_ih, bias_hh)",
    **{f"meanwhile: {name}": f"{MEANWHILE}{how}\n{TWO}{STEP}"
       f"    for table in found: table.reset()\n    found.clear()\n"
       f"    with torch._C.DisableTorchFunction():\n        return two(torch.lstm_cell, {ALL[1:]}"
       for name, how in {
           "a hook of fork's": "os.register_at_fork(after_in_child=look)",
           "a hook before": "os.register_at_fork(before=look)",
           "a thread's own": "own = threading.local(); own.last = Last()",
           "a collection": "gc.callbacks.append(look); gc.set_threshold(1)",
       }.items()},
    "its kernel kept": "kernel = torch.library.get_kernel('aten::lstm_cell', 'CPU')\n"
    f"keys = torch._C.DispatchKeySet(torch._C.DispatchKey.CPU)\n{TWO}{STEP}"
    f"    return two(lambda *a: kernel.call_boxed(keys, *a), {ALL[1:]}",
    "recorded by jit.trace": f"{RECORDED}g = torch.jit.trace(f, tuple(some), check_trace=False)\n{TWO}{STEP}"
    f"    return two(lambda x, s, *w: g(x, *s, *w), {ALL[1:]}",
    "within the hook, by a file's name": f"{HOOKED}innocent.__code__ = innocent.__code__.replace(co_filename=Name('f'))\n"
    f"{STEP}    found.clear(); given[:] = {ALL}; innocent(); return found[0]",
    "within the hook, by a constant": f"{HOOKED}innocent.__code__ = innocent.__code__.replace(co_consts=(None, Constant()))\n"
    f"{STEP}    found.clear(); given[:] = {ALL}; innocent(); return found[0]",
    "this library's, of another module": "import rnncourse, types\nf = rnncourse.steps.lstm_step\n"
    "mine = types.FunctionType(f.__code__, dict(f.__globals__, __name__='mine'), 'mine', f.__defaults__)\n"
    f"{STEP}    return mine{ALL}",
    "this library's, by another name": "import rnncourse.steps as s\nf = s.lstm_step; f.__name__ = f.__qualname__ = 'mine'; f.__module__ = 'm'\n"
    f"{STEP}    return f(x_t, state, weight_ih, weight_hh, bias_ih, bias_hh)",
}  # fmt: skip


@pytest.mark.parametrize("name", BANNED)
def test_thing_to_build_earns_nothing(sandbox, name):
    """lstm_step, and MyLSTMCell, which calls it, earn nothing. The task is flagged if the call was seen."""
    result = grade("mallory", LSTM_GATES, answered(lstm_step=BANNED[name]), sandbox, Limits())
    assert result.state in ("flagged", "graded", "stopped"), result
    assert earned(result) <= 17 - 4 - 4, result
    assert [task.points for task in result.tasks][:2] == [2, 4]


def test_the_class_is_torchs(sandbox):
    result = attack(sandbox, answered(MyLSTMCell="MyLSTMCell = nn.LSTMCell"))
    assert (result.state, result.points) == ("flagged", 13)
    assert result.reason == "MyLSTMCell: this calls torch.nn.LSTMCell: that is what you should build here."


# ---- the notebook itself


def test_duplicated_ids_and_forged_metadata_earn_nothing(sandbox):
    """All cells claim to be the check of the task with the most points."""
    notebook = solved()
    for cell in notebook.cells:
        cell.metadata["nbgrader"] = {
            "grade": True,
            "grade_id": "gates_check",
            "points": 10**6,
            "locked": True,
        }
        cell.id = "same"
    result = attack(sandbox, json.dumps(notebook).encode())
    assert result.state == "graded"
    assert earned(result) == 0  # no answer is found


def test_no_data_of_a_student_is_left_for_the_next(sandbox):
    """The server's memory, which each fork inherits, contains no student's code, no input and no answer."""
    group = next(iter(LSTM_GATES._inputs), None)
    answer = (
        "leftbehind = 1\ndef cell_state(f, i, g, c):\n    print('said' 'aloud')\n    return f * c + i * g"
    )
    result = attack(sandbox, answered(cell_state=answer), Limits())
    group = group or next(iter(LSTM_GATES._inputs))
    inputs = unpack_inputs(LSTM_GATES.inputs(group))[0][0]
    tensor = next(value for value in inputs.values() if isinstance(value, torch.Tensor) and value.numel() > 3)
    assert result.points == 17
    assert "It prints: `saidaloud`" in result.tasks[0].remarks
    memory = _memory(sandbox._process.pid)
    assert b"rnncourse" in memory
    assert b"left" + b"behind = 1" not in memory
    assert tensor.numpy().tobytes()[:32] not in memory
    assert b"said" + b"aloud" not in memory  # the message with the answers contains what was printed


def _memory(pid):
    parts = []
    os.kill(pid, signal.SIGSTOP)  # otherwise its memory would change while it is read
    os.waitpid(pid, os.WUNTRACED)
    try:
        with open(f"/proc/{pid}/mem", "rb", 0) as memory:
            for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
                span, rights, *_ = line.split()
                begin, end = (int(at, 16) for at in span.split("-"))
                if rights.startswith("rw"):
                    memory.seek(begin)
                    parts.append(memory.read(end - begin))
    except PermissionError:
        pytest.skip("another process's memory cannot be read here")
    finally:
        os.kill(pid, signal.SIGCONT)
    return b"".join(parts)


def test_processes_that_multiply_are_ended(sandbox):
    """This holds after the last answer, too."""
    crowd = """
for _ in range(5):
    if syscall(56, 0x8000 | 17, 0, 0, 0, 0, 0) == 0:
        time.sleep(60); os._exit(0)
time.sleep(60)
"""
    result = attack(sandbox, with_cell(SYSCALL + crowd, before=None), Limits())
    assert (result.state, result.points) == ("graded", 17)
    assert result.reason == "After the last task its process crashed or was ended."


def test_points_in_the_notebook_are_ignored(sandbox):
    notebook = solved()
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = "pass"
        elif cell.metadata.get("nbgrader", {}).get("grade"):
            cell.metadata.nbgrader.points = 100
            cell.source = "4"
    result = attack(sandbox, written(notebook))
    assert (result.state, result.points, result.total) == ("graded", 0, 17)


@pytest.mark.parametrize("data", [
    b"", b"\xff\xfe garbage", b"[" * 10**6, b"{}", b"[]", b"null", b"NaN", b'{"nbformat": 4, "cells": 5}',
    b'{"nbformat": "x", "cells": []}', b'{"nbformat": 99, "cells": []}', b'{"nbformat": 4, "cells": [5, "x"]}',
    b'{"nbformat": 4, "cells": [{"cell_type": 5}]}', b'{"nbformat": 3}', b'{"nbformat": 3, "worksheets": 7}',
    PERFECT[: len(PERFECT) // 2], b"PK\x03\x04" + bytes(100), b'{"cells": ' + b"9" * 5000,
], ids=lambda data: repr(data[:30]))  # fmt: skip
def test_file_that_is_not_a_notebook_is_invalid(sandbox, data):
    result = grade("mallory", LSTM_GATES, data, sandbox, SMALL)
    assert result.state == "invalid"
    assert result.points is None
    assert result.reason.endswith((".", "?"))


@pytest.mark.parametrize("cell", [
    {"cell_type": "code", "source": 5}, {"cell_type": "code", "source": {"a": []}, "metadata": 7},
    {"cell_type": "code", "source": ["x = 1\n", 5, None]}, {"cell_type": "code"}, {"cell_type": "odd", "source": "x"},
    {"cell_type": "code", "source": "x = 1", "metadata": {"nbgrader": {"grade_id": ["gates"], "locked": {}}}},
    {"cell_type": "code", "source": "'\ud800'", "id": {}}, {"cell_type": "code", "source": "x\0y = 1"},
    {"cell_type": "code", "source": "(" * 5000}, {"cell_type": "code", "source": "-" * 50_000 + "1"},
    {"cell_type": "code", "source": "lambda: " * 3000 + "1"}, {"cell_type": "code", "source": "x = " + "1+" * 10**4 + "1"},
    {"cell_type": "code", "source": "\f\r\x0b\u2028" * 50}, {"cell_type": "code", "source": "%" * 1000 + "\n!" * 100},
], ids=lambda cell: repr(cell)[:60])  # fmt: skip
def test_odd_cell_does_not_affect_other_cells(sandbox, cell):
    document = json.loads(PERFECT)
    document["cells"].insert(3, cell)
    result = attack(sandbox, json.dumps(document).encode(), Limits())
    assert (result.state, result.points) == ("graded", 17), result


def test_names_of_any_text():
    """names() parses a student's code in the grader's own process, so no text may break it."""
    for text in (
        "lambda: " * 3000 + "1",
        "[x for x in " * 3000,
        "\0",
        "\ud800",
        "if 1:\n" * 200,
        "(" * 9**5,
        "x." * 10**5,
    ):
        assert all(found is None or isinstance(found, set) for found in names(text))


# ---- forged bytes instead of answers

ROW = {
    "returned": None, "failure": None, "calls": None, "at": "", "changed": [], "printed": "", "warned": "", "seconds": 0.1,
}  # fmt: skip
VALUES = [
    torch.arange(6.0).view(2, 3), torch.zeros(0, 3), torch.tensor(True), torch.ones(2, dtype=torch.complex64),
    torch.tensor(1.5, dtype=torch.bfloat16), np.arange(4, dtype="u4").reshape(2, 2), np.zeros((0, 2), "f4"),
    (1, 2.5, "x", None, True, [{"a": -3, 4: ()}]), Other("Thing"), 2**63 - 1, "é\u2028", float("inf"),
]  # fmt: skip


def same(a, b):
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, np.ndarray):
        return (
            isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b)
        )
    if isinstance(a, tuple | list):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_value_survives_a_round_trip(value):
    answer = Answer(value, Failure("raised", "E", "m", "l", "f"), "torch.lstm", "at", ("h",), "p", "w", 0.5)
    (back,) = unpack_answers(pack_answers([answer]), 1)
    assert same(back.returned, value)
    assert {**vars(back), "returned": 0} == {**vars(answer), "returned": 0}


def message(rows, tail=b""):
    head = rows if isinstance(rows, bytes) else json.dumps(rows).encode()
    return len(head).to_bytes(8, "little") + head + tail


HUGE = 2**62
TREES = [
    ["tensor", "float64", [0, HUGE, HUGE]], ["tensor", "float64", [0, 10**30]], ["array", "<f8", [0, HUGE, HUGE]],
    ["tensor", "float64", [HUGE, HUGE, 4]], ["tensor", "float64", [10**9]], ["tensor", "float64", [-1]], ["tensor", "float64", [True]],
    ["tensor", "float64", [1] * 17], ["tensor", "float64"], ["array", "<f8"], ["tensor", "float64", 5], ["tensor", "float64", {}],
    ["tensor", "object", [1]], ["array", "|O", [1]], ["array", "<M8[s]", [1]], ["array", [], []], ["pickle", "x"], ["__class__", "x"],
    ["int", "9" * 5000], ["int", "x"], ["float", "x"], ["float", 1], ["str", 5], ["str", "x" * 10**4], ["dict", [[None, 1.0]]],
    ["dict", [[["list", []], 1.0]]], ["dict", 5], ["list", 5], 5, "ab", {}, [], ["list"], {"a": 1, "b": 2},
]  # fmt: skip


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: repr(tree)[:40])
def test_forged_value_is_refused(tree):
    for tail in (b"", bytes(8)):
        with pytest.raises(WireError):
            unpack_answers(message([ROW | {"returned": tree}], tail), 1)


@pytest.mark.parametrize("rows", [
    b"", b"{}", b"null", b"[1]", b"[null]", b"[[]]", b"\xff", b"[" * 10**5, b"[" + b"9" * 5000 + b"]", [], [ROW, ROW],
    [ROW | {"failure": {"kind": "right"}}], [ROW | {"failure": []}], [ROW | {"seconds": float("nan")}], [ROW | {"seconds": -1}],
    [ROW | {"changed": 5}], [ROW | {"changed": [5]}], [ROW | {"calls": 5}], [ROW | {"printed": "x" * 10**4}], [{}],
], ids=lambda rows: repr(rows)[:40])  # fmt: skip
def test_forged_rows_are_refused(rows):
    with pytest.raises(WireError):
        unpack_answers(message(rows), 1)


@pytest.mark.parametrize("data", [b"", b"\0" * 7, b"\xff" * 8, b"\xff" * 100, b"\1" + bytes(7)], ids=repr)
def test_bytes_that_are_not_a_message_are_refused(data):
    with pytest.raises(WireError):
        unpack_answers(data, 1)


@settings(max_examples=600)
@given(
    st.sampled_from(VALUES),
    st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=4), st.integers(0, 4)), max_size=6),
)
def test_message_with_changed_bytes_is_refused_or_read(value, changes):
    """Nothing but a WireError may be raised. The length is corrected, or most changes would only fail there."""
    whole = bytearray(pack_answers([Answer(value)]))
    length = int.from_bytes(whole[:8], "little")
    body = whole[8:]
    for at, new, old in changes:
        at %= len(body) or 1
        length += (len(new) - len(body[at : at + old])) if at < length else 0
        body[at : at + old] = new
    try:
        answers = unpack_answers(max(0, length).to_bytes(8, "little") + body, 1)
    except WireError:
        return
    pack_answers(answers)

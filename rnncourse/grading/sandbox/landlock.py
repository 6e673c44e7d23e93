"""Restrict with Landlock which files a process may read and write, and TCP. See landlock(7)."""

from __future__ import annotations

import ctypes
import os
import stat
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from rnncourse.grading.sandbox.system import checked, libc

# Landlock's system calls have the same numbers on every architecture.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF, RULE_PATH_BENEATH = 444, 445, 446, 1
# Access rights to files, bit by bit, and all rights that exist since a version of Landlock.
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
ALL_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
MAKE_DEVICES = (1 << 6) | (1 << 9) | (1 << 10) | (1 << 11)  # character, socket, fifo, block
TCP = (1 << 0) | (1 << 1)  # version 4: bind, connect
SCOPES = (1 << 0) | (1 << 1)  # version 6: abstract sockets, signals to processes outside


def landlock_version() -> int:
    version = libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    return max(version, 0)


def readable_paths(hidden: tuple[Path, ...]) -> Iterator[Path]:
    """Yield Python, its packages and the system's libraries, without the hidden paths."""
    library = Path(__file__).parents[2]
    roots = [sys.prefix, sys.base_prefix, *map(sysconfig.get_path, ("stdlib", "purelib", "platlib"))]
    roots += ["/usr", "/lib", "/lib64", "/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"]
    roots += [
        "/etc/ld.so.cache",
        "/etc/localtime",
        "/etc/mime.types",
        "/etc/passwd",
        "/etc/fonts",
        "/etc/ssl",
    ]
    for root in {Path(root).resolve() for root in (*roots, str(library))}:
        if root.exists():
            yield from _without(root, hidden)


def _without(root: Path, hidden: tuple[Path, ...]) -> Iterator[Path]:
    """Yield `root` if it contains nothing hidden, otherwise the parts of it that contain nothing hidden."""
    if not any(path == root or root in path.parents for path in hidden):
        yield root
    elif root not in hidden:
        for entry in root.iterdir():
            if not entry.is_symlink():
                yield from _without(entry, hidden)


class _RulesetAttributes(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def make_ruleset(folder: Path, readable: Iterable[Path]) -> int:
    version = landlock_version()
    rights = ALL_FILE_RIGHTS[max(v for v in ALL_FILE_RIGHTS if v <= version)]
    attributes = _RulesetAttributes(rights, TCP if version >= 4 else 0, SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = checked(libc.syscall(CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), 0))
    _allow(ruleset, folder, rights & ~EXECUTE & ~MAKE_DEVICES)
    for path in readable:
        _allow(ruleset, path, READ_FILE | READ_DIR | (WRITE_FILE if path == Path("/dev/null") else 0))
    return ruleset


def _allow(ruleset: int, path: Path, rights: int) -> None:
    there = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(there).st_mode):
            rights &= EXECUTE | WRITE_FILE | READ_FILE
        rule = _PathBeneath(rights, there)
        checked(libc.syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, ctypes.byref(rule), 0))
    finally:
        os.close(there)

"""The walls around a student's process: what Linux offers, put up from inside before any of their code.

Landlock (files, TCP), seccomp (system calls), another user, and limits. A wall once up can't be taken down by
the process behind it. `missing()` says what this machine lacks. The system calls and constants are those of
Linux's own documentation: landlock(7), seccomp(2), prctl(2), setrlimit(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import secrets
import signal
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from rnncourse.grading.sandbox.landlock import RESTRICT_SELF, landlock_version, make_ruleset, readable_paths
from rnncourse.grading.sandbox.limits import Limits
from rnncourse.grading.sandbox.seccomp import compile_filter, load_filter, make_filter
from rnncourse.grading.sandbox.system import (
    CLONE_NEWNS,
    CLONE_NEWUSER,
    PR_SET_DUMPABLE,
    PR_SET_KEEPCAPS,
    PR_SET_NO_NEW_PRIVS,
    checked,
    die_with_parent,
    libc,
)

MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 2, 4, 8, 1 << 14, 1 << 18
MOST_PROCESSES = 128  # and threads, of a student's own user
FOLDER_BYTES, FOLDER_FILES = 256 * 2**20, 10_000  # of the private folder, all together
CAPABILITY_VERSION_3, DAC_READ_SEARCH = 0x20080522, 1 << 2


def missing() -> list[str]:
    """What the kernel, or the system, does not offer of the walls; [] if all stand."""
    if sys.platform != "linux":
        return [f"the sandbox needs Linux, this is {sys.platform}"]
    lacks = []
    if landlock_version() < 1:
        lacks.append("Landlock (Linux 5.13): files could be read and written")
    try:
        make_filter(may_answer=True)
    except (ImportError, OSError, RuntimeError) as error:
        lacks.append(f"seccomp, by libseccomp and pyseccomp: network and new processes stay open ({error})")
    return lacks


def unused_uid() -> int | None:
    """The number of a user that is nobody's, for a student's process; None where this is not root."""
    return 2_000_000_000 + os.getpid() if os.geteuid() == 0 else None


def weaknesses() -> list[str]:
    """What is weaker here than it could be, with all walls up."""
    found = []
    if unused_uid() is None:
        found.append("not started as root: students' code runs as you, behind Landlock and seccomp")
    if 1 <= landlock_version() < 6:
        found.append(
            f"Landlock has version {landlock_version()}: seccomp alone stops TCP (4) and signals (6)"
        )
    with tempfile.TemporaryDirectory() as folder:
        if not can_mount_in_memory(Path(folder)):
            found.append(
                "no mounts of one's own (CAP_SYS_ADMIN, or user namespaces): many files could fill the disk"
            )
    return found


def can_mount_in_memory(folder: Path) -> bool:
    """May `bound` do what it says? A process of its own tries it: what fails midway can't be taken back."""
    helper = os.fork()
    if helper == 0:
        with contextlib.suppress(OSError):
            mount_in_memory(folder)
            os._exit(0)
        os._exit(1)
    return os.waitpid(helper, 0)[1] == 0


def mount_in_memory(folder: Path) -> None:
    """Let a folder lie in memory, with a limit, in the eyes of this process and its children alone.

    OSError where the system refuses. It is a mount that ends with the last of them.
    """
    user, group = os.geteuid(), os.getegid()
    checked(libc.unshare(CLONE_NEWNS if user == 0 else CLONE_NEWNS | CLONE_NEWUSER))
    if user != 0:  # who is not root may mount in a user namespace alone, and there has a name to give itself
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    checked(libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None))
    options = f"size={FOLDER_BYTES},nr_inodes={FOLDER_FILES},mode=700".encode()
    flags = ctypes.c_ulong(MS_NOSUID | MS_NODEV | MS_NOEXEC)
    checked(libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", flags, options))
    if user != 0:
        _keep_powers(0)


def kill_processes_of(uid: int) -> None:
    """Kill all processes of a user's; only root may."""
    helper = os.fork()
    if helper == 0:
        with contextlib.suppress(OSError):
            os.setresuid(uid, uid, uid)
            os.kill(-1, signal.SIGKILL)  # all of that user's, but this one
        os._exit(0)
    os.waitpid(helper, 0)


class Sandbox:
    """A private folder and the walls around it, made once and put up in one process after the other."""

    def __init__(self, folder: Path, uid: int | None, hidden: Iterable[Path]) -> None:
        """folder: the only place for files. uid: another user's, None to stay. hidden: never readable."""
        self.folder, self.uid = folder, uid
        self.empty()
        self.files: list[int] = []  # open ones, that its walls need
        self.counted = uid is not None  # are its processes apart from all others: by user, or user namespace?
        if not missing():
            if can_mount_in_memory(folder):
                mount_in_memory(folder)
                self.empty()  # another one, now
                self.counted = True
            self.ruleset = make_ruleset(folder, readable_paths(tuple(path.resolve() for path in hidden)))
            self.files = [self.ruleset]
            self.seccomp, self.no_more = (
                compile_filter(make_filter(may_answer)) for may_answer in (True, False)
            )

    def enter(self, limits: Limits) -> None:
        """Put the walls up around this process, for good."""
        os.setsid()
        die_with_parent()
        os.chdir(self.folder)
        _limit(limits)
        if not limits.walls:
            return
        if self.counted:
            resource.setrlimit(resource.RLIMIT_NPROC, (MOST_PROCESSES, MOST_PROCESSES))
        if self.uid is not None:
            _become(self.uid)
            die_with_parent()  # a change of user took that away
        libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        checked(libc.syscall(RESTRICT_SELF, self.ruleset, ctypes.c_uint32(0)))
        os.close(self.ruleset)
        load_filter(self.seccomp)

    def seal(self) -> None:
        """For a process that is made within the walls: none is made by it, and it wakes no other."""
        die_with_parent()
        load_filter(self.no_more)

    def end_all(self) -> None:
        """Kill all that runs within these walls."""
        if self.uid is not None:
            kill_processes_of(self.uid)

    def empty(self) -> None:
        """Remove what a student left in the folder, whatever its rights, and never what a link points to."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        os.chmod(self.folder, 0o700)
        empty_folder(self.folder)
        if self.uid is not None:
            os.chown(self.folder, self.uid, self.uid)


class _Capabilities(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def _become(uid: int) -> None:
    """Another user. It keeps root's power to read, for a Python in root's home; Landlock says what."""
    os.setgroups([])
    libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    _keep_powers(DAC_READ_SEARCH)


def _keep_powers(capabilities: int) -> None:
    """Of root's powers, these alone."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    few = (_Capabilities * 2)(_Capabilities(capabilities, capabilities, 0), _Capabilities(0, 0, 0))
    checked(libc.capset(header, few))


def empty_folder(folder: Path) -> None:
    """Empty a folder, of whatever depth: what lies in a folder of it is moved up beside that, and so on."""
    while entries := list(os.scandir(folder)):
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
                continue
            os.chmod(entry.path, 0o700)
            for inner in list(os.scandir(entry.path)):
                if inner.is_dir(follow_symlinks=False):
                    os.chmod(inner.path, 0o700)
                    os.rename(inner.path, folder / secrets.token_hex(16))
                else:
                    os.unlink(inner.path)
            os.rmdir(entry.path)


def _limit(limits: Limits) -> None:
    here = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    # At the first limit of the two, the end's signal says why; at the second, there is no other end.
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu, limits.cpu + 1))
    for what, value in (
        (resource.RLIMIT_AS, here + limits.memory),
        (resource.RLIMIT_FSIZE, limits.file),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (value, value))

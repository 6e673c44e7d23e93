"""Put up walls around a student's process from inside it, before any of the student's code runs.

The walls are Landlock (files, TCP), seccomp (system calls), another user, and limits. The process behind a
wall cannot remove it. `missing()` says which walls this machine lacks. Linux's own documentation explains the
system calls and constants: landlock(7), seccomp(2), prctl(2), setrlimit(2).
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
MAX_PROCESSES = 128  # processes and threads of the student's own user
FOLDER_BYTES, FOLDER_FILES = 256 * 2**20, 10_000  # for the whole private folder
CAPABILITY_VERSION_3, DAC_READ_SEARCH = 0x20080522, 1 << 2


def missing() -> list[str]:
    """Return in words which walls this kernel or system cannot provide; [] if none is missing."""
    if sys.platform != "linux":
        return [f"the sandbox needs Linux, this is {sys.platform}"]
    lacks = []
    if landlock_version() < 1:
        lacks.append(
            "Landlock (Linux 5.13 or newer), without which students' code could read and write files"
        )
    try:
        make_filter(may_answer=True)
    except (ImportError, OSError, RuntimeError) as error:
        lacks.append(
            "seccomp (libseccomp and pyseccomp), without which students' code could use the network and start"
            f" processes ({error})"
        )
    return lacks


def unused_uid() -> int | None:
    """Return an unused uid for student processes, or None if not root."""
    return 2_000_000_000 + os.getpid() if os.geteuid() == 0 else None


def weaknesses() -> list[str]:
    """Return in words which protections are weaker here than they could be, although all walls are up."""
    found = []
    if unused_uid() is None:
        found.append("not started as root: students' code runs as you, behind Landlock and seccomp")
    if 1 <= landlock_version() < 6:
        found.append(
            f"Landlock has version {landlock_version()}: only seccomp stops TCP (Landlock needs version 4)"
            " and signals (version 6)"
        )
    with tempfile.TemporaryDirectory() as folder:
        if not can_mount_in_memory(Path(folder)):
            found.append(
                "the private folder is not a separate mount (that needs CAP_SYS_ADMIN or user namespaces):"
                " many files could fill the disk"
            )
    return found


def can_mount_in_memory(folder: Path) -> bool:
    """Return whether `mount_in_memory` works. A child process tries it: half an attempt cannot be undone."""
    helper = os.fork()
    if helper == 0:
        with contextlib.suppress(OSError):
            mount_in_memory(folder)
            os._exit(0)
        os._exit(1)
    return os.waitpid(helper, 0)[1] == 0


def mount_in_memory(folder: Path) -> None:
    """Mount a bounded in-memory file system on a folder, visible only to this process and its children.

    The mount ends with the last of them. Raise OSError if the system refuses.
    """
    user, group = os.geteuid(), os.getegid()
    checked(libc.unshare(CLONE_NEWNS if user == 0 else CLONE_NEWNS | CLONE_NEWUSER))
    if user != 0:  # only root may mount outside a user namespace; inside one, the ids must be mapped first
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    checked(libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None))
    options = f"size={FOLDER_BYTES},nr_inodes={FOLDER_FILES},mode=700".encode()
    flags = ctypes.c_ulong(MS_NOSUID | MS_NODEV | MS_NOEXEC)
    checked(libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", flags, options))
    if user != 0:
        _drop_all_but(0)


def kill_processes_of(uid: int) -> None:
    """Kill all processes of a user. Only root may do that."""
    helper = os.fork()
    if helper == 0:
        with contextlib.suppress(OSError):
            os.setresuid(uid, uid, uid)
            os.kill(-1, signal.SIGKILL)  # all processes of that user except this one
        os._exit(0)
    os.waitpid(helper, 0)


class Sandbox:
    """A private folder and the walls around it, prepared once and put up in one process after another."""

    def __init__(self, folder: Path, uid: int | None, hidden: Iterable[Path]) -> None:
        """Prepare the walls.

        Args:
            folder: the only folder that can be written to.
            uid: the user to become, or None to keep the current one.
            hidden: paths that must not be readable.
        """
        self.folder, self.uid = folder, uid
        self.empty()
        self.files: list[int] = []  # open files that the walls need
        self.counted = uid is not None  # whether a limit on processes counts only the student's
        if not missing():
            if can_mount_in_memory(folder):
                mount_in_memory(folder)
                self.empty()  # the path now leads to the mounted folder
                self.counted = True
            self.ruleset = make_ruleset(folder, readable_paths(tuple(path.resolve() for path in hidden)))
            self.files = [self.ruleset]
            self.seccomp, self.no_more = (
                compile_filter(make_filter(may_answer)) for may_answer in (True, False)
            )

    def enter(self, limits: Limits) -> None:
        """Put up the walls around this process. They cannot be removed."""
        os.setsid()
        die_with_parent()
        os.chdir(self.folder)
        _limit(limits)
        if not limits.walls:
            return
        if self.counted:
            resource.setrlimit(resource.RLIMIT_NPROC, (MAX_PROCESSES, MAX_PROCESSES))
        if self.uid is not None:
            _become(self.uid)
            die_with_parent()  # the change of user has cleared it
        libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        checked(libc.syscall(RESTRICT_SELF, self.ruleset, ctypes.c_uint32(0)))
        os.close(self.ruleset)
        load_filter(self.seccomp)

    def seal(self) -> None:
        """Restrict an answerer further: it cannot create processes or threads or wake others."""
        die_with_parent()
        load_filter(self.no_more)

    def end_all(self) -> None:
        """Kill all processes within these walls."""
        if self.uid is not None:
            kill_processes_of(self.uid)

    def empty(self) -> None:
        """Remove what a student left in the folder, whatever its permissions; never follow a link."""
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
    """Become another user who can still read like root, for a Python in root's home; Landlock limits that."""
    os.setgroups([])
    libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    _drop_all_but(DAC_READ_SEARCH)


def _drop_all_but(capabilities: int) -> None:
    """Drop all capabilities except these."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    few = (_Capabilities * 2)(_Capabilities(capabilities, capabilities, 0), _Capabilities(0, 0, 0))
    checked(libc.capset(header, few))


def empty_folder(folder: Path) -> None:
    """Empty a folder of any depth without recursion: move up the folders inside its folders."""
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
    # At the first limit, the process gets SIGXCPU, which tells why it ended; at the second, it is killed.
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu, limits.cpu + 1))
    for what, value in (
        (resource.RLIMIT_AS, here + limits.memory),
        (resource.RLIMIT_FSIZE, limits.file),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (value, value))

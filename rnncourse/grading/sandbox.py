"""The walls around a student's process: what Linux offers, put up from inside before any of their code.

Landlock (files, TCP), seccomp (system calls), another user, and limits. A wall once up can't be taken down by
the process behind it. `missing()` says what this machine lacks. The system calls and constants are those of
Linux's own documentation: landlock(7), seccomp(2), prctl(2), setrlimit(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
import secrets
import signal
import stat
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

CLONE_THREAD, CLONE_PARENT = 0x00010000, 0x00008000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_NO_NEW_PRIVS = 1, 4, 8, 38
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
F_NOTIFY, F_SETOWN, F_SETSIG, F_SETOWN_EX = 1026, 8, 10, 15
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 2, 4, 8, 1 << 14, 1 << 18
MOST_PROCESSES = 128  # and threads, of a student's own user
FOLDER_BYTES, FOLDER_FILES = 256 * 2**20, 10_000  # of the private folder, all together
CAPABILITY_VERSION_3, DAC_READ_SEARCH = 0x20080522, 1 << 2

# Landlock's system calls have the same numbers on every architecture.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF, RULE_PATH_BENEATH = 444, 445, 446, 1
# Access rights to files, bit by bit, and in which version of Landlock they came.
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
ALL_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
MAKE_DEVICES = (1 << 6) | (1 << 9) | (1 << 10) | (1 << 11)  # character, socket, fifo, block
TCP = (1 << 0) | (1 << 1)  # version 4: bind, connect
SCOPES = (1 << 0) | (1 << 1)  # version 6: abstract sockets, signals to processes outside

# What no exercise needs. Each gives "operation not permitted".
DENIED = """
    socket socketcall connect bind listen accept accept4 fork vfork execve execveat ptrace
    process_vm_readv process_vm_writev pidfd_open pidfd_getfd pidfd_send_signal kill tkill
    rt_sigqueueinfo rt_tgsigqueueinfo mount umount2 pivot_root chroot move_mount open_tree fsopen
    fsconfig fsmount fspick mount_setattr unshare setns bpf perf_event_open userfaultfd keyctl add_key
    request_key io_uring_setup io_uring_enter io_uring_register init_module finit_module delete_module
    kexec_load kexec_file_load reboot swapon swapoff acct quotactl nfsservctl personality syslog
    sethostname setdomainname settimeofday clock_settime adjtimex clock_adjtime name_to_handle_at
    open_by_handle_at lookup_dcookie shmget shmat shmctl semget semop semctl msgget msgsnd msgrcv msgctl
    mq_open mq_unlink iopl ioperm ioprio_set sched_setaffinity sched_setscheduler setpriority setuid
    setgid setreuid setregid setresuid setresgid setgroups setfsuid setfsgid capset setrlimit vhangup
    memfd_create memfd_secret timer_create setxattr lsetxattr fsetxattr removexattr lremovexattr
    fremovexattr chown lchown fchown fchownat truncate inotify_init inotify_init1 fanotify_init
    sched_setattr sched_setparam
""".split()  # noqa: SIM905
# What Landlock leaves open for a file's owner, wherever it is. It does nothing, and says that it was done: a
# copy of a file is made with them.
WITHOUT_EFFECT = "chmod fchmod fchmodat fchmodat2 utime utimes futimesat utimensat".split()  # noqa: SIM905
SET_FILE_FLAGS = (0x40086602, 0x401C5820)  # ioctls: FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR
# Of a new process: a parent that waits for it, and namespaces of its own (but the two above).
CLONE_APART = (0x00004000, 0x02000000, 0x04000000, 0x08000000, 0x20000000, 0x40000000)
# System calls from here on are newer than this list: they are said not to exist (setxattrat, Linux 6.13).
UNKNOWN = range(463, 512)

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Limits:
    """For one submission. memory: bytes beyond what its process starts with. cpu: seconds of processor time
    of all its cells (a task's cases have the check's limit); wall: seconds by the clock, for cells that wait,
    and more of them, since a busy machine is not the student's fault. file: bytes of one file. walls: False
    for no sandbox."""

    memory: int = 2 * 2**30
    cpu: int = 120
    wall: float = 360.0
    file: int = 64 * 2**20
    walls: bool = True


def missing() -> list[str]:
    """What the kernel, or the system, does not offer of the walls; [] if all stand."""
    if sys.platform != "linux":
        return [f"the sandbox needs Linux, this is {sys.platform}"]
    lacks = []
    if landlock_version() < 1:
        lacks.append("Landlock (Linux 5.13): files could be read and written")
    try:
        _filter(may_answer=True)
    except (ImportError, OSError, RuntimeError) as error:
        lacks.append(f"seccomp, by libseccomp and pyseccomp: network and new processes stay open ({error})")
    return lacks


def own_user() -> int | None:
    """The number of a user that is nobody's, for a student's process; None where this is not root."""
    return 2_000_000_000 + os.getpid() if os.geteuid() == 0 else None


def remarks() -> list[str]:
    """What is weaker here than it could be, with all walls up."""
    found = []
    if own_user() is None:
        found.append("not started as root: students' code runs as you, behind Landlock and seccomp")
    if 1 <= landlock_version() < 6:
        found.append(
            f"Landlock has version {landlock_version()}: seccomp alone stops TCP (4) and signals (6)"
        )
    with tempfile.TemporaryDirectory() as folder:
        if not can_bound(Path(folder)):
            found.append(
                "no mounts of one's own (CAP_SYS_ADMIN, or user namespaces): many files could fill the disk"
            )
    return found


def landlock_version() -> int:
    version = _libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    return max(version, 0)


def can_bound(folder: Path) -> bool:
    """May `bound` do what it says? A process of its own tries it: what fails midway can't be taken back."""
    helper = os.fork()
    if helper == 0:
        with contextlib.suppress(OSError):
            bound(folder)
            os._exit(0)
        os._exit(1)
    return os.waitpid(helper, 0)[1] == 0


def bound(folder: Path) -> None:
    """Let a folder lie in memory, with a limit, in the eyes of this process and its children alone.

    OSError where the system refuses. It is a mount that ends with the last of them.
    """
    user, group = os.geteuid(), os.getegid()
    _checked(_libc.unshare(CLONE_NEWNS if user == 0 else CLONE_NEWNS | CLONE_NEWUSER))
    if user != 0:  # who is not root may mount in a user namespace alone, and there has a name to give itself
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _checked(_libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None))
    options = f"size={FOLDER_BYTES},nr_inodes={FOLDER_FILES},mode=700".encode()
    flags = ctypes.c_ulong(MS_NOSUID | MS_NODEV | MS_NOEXEC)
    _checked(_libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", flags, options))
    if user != 0:
        _keep_powers(0)


def die_with_parent() -> None:
    """This process ends when its parent does. Not handed down by a fork, so each says it for itself."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def kill_all_of(uid: int) -> None:
    """Kill all processes of a user's; only root may."""
    helper = os.fork()
    if helper == 0:
        with contextlib.suppress(OSError):
            os.setresuid(uid, uid, uid)
            os.kill(-1, signal.SIGKILL)  # all of that user's, but this one
        os._exit(0)
    os.waitpid(helper, 0)


class Box:
    """A private folder and the walls around it, made once and put up in one process after the other."""

    def __init__(self, folder: Path, uid: int | None, hidden: Iterable[Path]) -> None:
        """folder: the only place for files. uid: another user's, None to stay. hidden: never readable."""
        self.folder, self.uid = folder, uid
        self.empty()
        self.files: list[int] = []  # open ones, that its walls need
        self.counted = uid is not None  # are its processes apart from all others: by user, or user namespace?
        if not missing():
            if can_bound(folder):
                bound(folder)
                self.empty()  # another one, now
                self.counted = True
            self.ruleset = _ruleset(folder, _readable(tuple(path.resolve() for path in hidden)))
            self.files = [self.ruleset]
            self.seccomp, self.no_more = (_program(_filter(may_answer)) for may_answer in (True, False))

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
        _libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        _checked(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _checked(_libc.syscall(RESTRICT_SELF, self.ruleset, ctypes.c_uint32(0)))
        os.close(self.ruleset)
        _load(self.seccomp)

    def last_wall(self) -> None:
        """For a process that is made within the walls: none is made by it, and it wakes no other."""
        die_with_parent()
        _load(self.no_more)

    def end_all(self) -> None:
        """Kill all that runs within these walls."""
        if self.uid is not None:
            kill_all_of(self.uid)

    def empty(self) -> None:
        """Remove what a student left in the folder, whatever its rights, and never what a link points to."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        os.chmod(self.folder, 0o700)
        remove_within(self.folder)
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
    _libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    _keep_powers(DAC_READ_SEARCH)


def _keep_powers(capabilities: int) -> None:
    """Of root's powers, these alone."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    few = (_Capabilities * 2)(_Capabilities(capabilities, capabilities, 0), _Capabilities(0, 0, 0))
    _checked(_libc.capset(header, few))


def remove_within(folder: Path) -> None:
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


# ---- Landlock


def _readable(hidden: tuple[Path, ...]) -> Iterator[Path]:
    """Python, its packages and the system's libraries, without what is hidden."""
    library = Path(__file__).parents[1]
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
    """`root` if nothing hidden is in it; else its entries, as far as nothing hidden is in them."""
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


def _ruleset(folder: Path, readable: Iterable[Path]) -> int:
    version = landlock_version()
    rights = ALL_FILE_RIGHTS[max(v for v in ALL_FILE_RIGHTS if v <= version)]
    attributes = _RulesetAttributes(rights, TCP if version >= 4 else 0, SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _checked(_libc.syscall(CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), 0))
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
        _checked(_libc.syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, ctypes.byref(rule), 0))
    finally:
        os.close(there)


# ---- seccomp


def _filter(may_answer: bool):
    """All is allowed but what is DENIED, and new processes and threads.

    With may_answer there are threads, and processes made with CLONE_PARENT, which the C library's fork never
    sets. clone3 hides its flags from the filter, so it is said not to exist: then the C library takes clone.
    """
    import pyseccomp as sec

    filter = sec.SyscallFilter(sec.ALLOW)
    for name in DENIED:
        try:
            filter.add_rule(sec.ERRNO(errno.EPERM), name)
        except (ValueError, OSError):  # not a system call of this architecture
            continue
    for name in WITHOUT_EFFECT:
        with contextlib.suppress(ValueError, OSError):
            filter.add_rule(sec.ERRNO(0), name)
    for number in ("clone3", *UNKNOWN):
        filter.add_rule(sec.ERRNO(errno.ENOSYS), number)
    for command in SET_FILE_FLAGS:
        filter.add_rule(sec.ERRNO(errno.EPERM), "ioctl", sec.Arg(1, sec.EQ, command))
    filter.add_rule(sec.ERRNO(errno.EPERM), "prlimit64", sec.Arg(0, sec.NE, 0))  # of another process
    for command in (F_SETOWN, F_SETSIG, F_SETOWN_EX, F_NOTIFY):  # signals by way of a file
        filter.add_rule(sec.ERRNO(errno.EPERM), "fcntl", sec.Arg(1, sec.EQ, command))
    if not may_answer:
        filter.add_rule(sec.ERRNO(errno.EPERM), "tgkill")
    if may_answer:
        allowed = CLONE_THREAD | CLONE_PARENT
        filter.add_rule(sec.ERRNO(errno.EPERM), "clone", sec.Arg(0, sec.MASKED_EQ, allowed, 0))
        for flag in (CLONE_NEWNS, CLONE_NEWUSER, *CLONE_APART):
            filter.add_rule(sec.ERRNO(errno.EPERM), "clone", sec.Arg(0, sec.MASKED_EQ, flag, flag))
    else:  # not even a thread: the watch sees but one
        filter.add_rule(sec.ERRNO(errno.EPERM), "clone")
    return filter


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _program(filter) -> _Program:
    """The filter as the kernel takes it: made once, and not by each process that it is for."""
    with tempfile.TemporaryFile() as file:
        filter.export_bpf(file)
        file.seek(0)
        instructions = file.read()
    return _Program(len(instructions) // 8, instructions)


def _load(program: _Program) -> None:
    _checked(_libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result

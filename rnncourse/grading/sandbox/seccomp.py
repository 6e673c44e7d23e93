"""Restrict with seccomp which system calls a process may make. See seccomp(2)."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import tempfile

from rnncourse.grading.sandbox.system import (
    CLONE_NEWNS,
    CLONE_NEWUSER,
    CLONE_PARENT,
    CLONE_THREAD,
    checked,
    libc,
)

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
F_NOTIFY, F_SETOWN, F_SETSIG, F_SETOWN_EX = 1026, 8, 10, 15
# System calls that no exercise needs. Each fails with "operation not permitted".
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
# Calls that Landlock does not restrict for a file's owner. They do nothing and report success, because
# copying a file makes them.
WITHOUT_EFFECT = "chmod fchmod fchmodat fchmodat2 utime utimes futimesat utimensat".split()  # noqa: SIM905
SET_FILE_FLAGS = (0x40086602, 0x401C5820)  # ioctls: FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR
# Flags for a new process: its parent waits for it (vfork), or it gets namespaces (besides mount and user).
CLONE_APART = (0x00004000, 0x02000000, 0x04000000, 0x08000000, 0x20000000, 0x40000000)
# System calls newer than this list (from setxattrat, Linux 6.13): the process is told they do not exist.
UNKNOWN = range(463, 512)


def make_filter(may_answer: bool):
    """Return a filter that allows everything except what is DENIED and new processes and threads.

    With `may_answer`, it also allows threads, and processes made with CLONE_PARENT, which the C library's
    fork never sets. The flags of clone3 are hidden from a filter, so the process is told that clone3 does not
    exist; the C library then uses clone.
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
    else:  # not even a thread: the watch sees only one thread
        filter.add_rule(sec.ERRNO(errno.EPERM), "clone")
    return filter


class FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def compile_filter(filter) -> FilterProgram:
    """Return the filter in the kernel's form, compiled once for all processes that load it."""
    with tempfile.TemporaryFile() as file:
        filter.export_bpf(file)
        file.seek(0)
        instructions = file.read()
    return FilterProgram(len(instructions) // 8, instructions)


def load_filter(program: FilterProgram) -> None:
    checked(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0))

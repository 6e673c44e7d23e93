"""A server's children: how each is signalled, waited for and ended, and what the system says of them."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path


class Process:
    """A child of this process."""

    def __init__(self, pid: int) -> None:
        self.pid, self.file = pid, os.pidfd_open(pid)
        self.status: int | None = None

    def signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.file, number)

    def wait_stopped(self) -> bool:
        """Until it is stopped. False if it has ended instead."""
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            return True
        self.status = os.waitstatus_to_exitcode(status)
        return False

    def end(self) -> int:
        """Wait for its end; its exit status, or minus the signal that ended it."""
        if self.status is None:
            _, status = os.waitpid(self.pid, 0)
            self.status = os.waitstatus_to_exitcode(status)
        return self.status

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.end()
        if self.file >= 0:
            os.close(self.file)
            self.file = -1


def why_ended(process: Process) -> str:
    """Of a process that has ended before it should."""
    process.signal(signal.SIGKILL)  # of no effect on one that has
    return "timeout" if process.end() == -signal.SIGXCPU else "crashed"


def children() -> list[int]:
    return [int(pid) for pid in Path("/proc/self/task", str(os.getpid()), "children").read_text().split()]


def kill_all_children() -> None:
    """All of them; RuntimeError, which ends this server, if they are made quicker than they die."""
    for _ in range(1000):
        left = children()
        if not left:
            return
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in left:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
    raise RuntimeError("a student's processes can't be ended")


def switches(pid: int) -> list[str]:
    """How often each thread of a process has been given a processor, by now: it changes if one wakes."""
    found = []
    for status in sorted(Path(f"/proc/{pid}/task").glob("*/status")):
        with suppress(OSError):
            found += [line for line in status.read_text().splitlines() if "ctxt_switches" in line]
    return found


def threads(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0

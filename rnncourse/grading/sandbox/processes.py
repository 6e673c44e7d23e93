"""Signal, wait for and end a server's child processes, and ask the system about them."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path


class Process:
    """A child process of this process."""

    def __init__(self, pid: int) -> None:
        self.pid, self.file = pid, os.pidfd_open(pid)
        self.status: int | None = None

    def signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.file, number)

    def wait_stopped(self) -> bool:
        """Wait until the process is stopped; return False if it has ended instead."""
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            return True
        self.status = os.waitstatus_to_exitcode(status)
        return False

    def end(self) -> int:
        """Wait until it ends; return its exit status, or minus the number of the signal that ended it."""
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
    """Return "timeout" or "crashed" for a process that ended too early; kill it if it has not ended."""
    process.signal(signal.SIGKILL)  # has no effect on a process that has ended
    return "timeout" if process.end() == -signal.SIGXCPU else "crashed"


def children() -> list[int]:
    return [int(pid) for pid in Path("/proc/self/task", str(os.getpid()), "children").read_text().split()]


def kill_all_children() -> None:
    """Kill all children; raise RuntimeError, which ends the server, if they multiply faster than they die."""
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
    raise RuntimeError("a student's processes cannot be ended")


def switches(pid: int) -> list[str]:
    """Return how often each thread of a process has been scheduled so far: it changes if a thread wakes."""
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

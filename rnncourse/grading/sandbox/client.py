"""The grader's side of a warm server: start it, send it jobs, restart it if it dies, stop it."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from rnncourse.grading.sandbox.messages import Buffer, Job, JobResult
from rnncourse.grading.sandbox.pipes import read, read_message, send
from rnncourse.grading.sandbox.walls import empty_folder, kill_processes_of, unused_uid

CHECKS = Path(__file__).parents[2] / "checks"
PREFIX = "rnncourse-"  # of a server's folder in the system's temporary folder
SERVER_ENDED = b"the server that runs notebooks ended"
SERVER = "rnncourse.grading.sandbox.server"
# Only what Python needs to start is inherited: the teacher's environment may contain passwords.
INHERITED = ["PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX"]
INHERITED += ["LANG", "LC_ALL", "TZ"]
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # large pages make a fork a third faster
}


def remove_left_behind() -> None:
    """Remove the folders of servers whose grader was killed: no process holds their lock."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(held).st_uid == os.geteuid():
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    empty_folder(folder)
                    folder.rmdir()
            finally:
                os.close(held)


class SandboxClient:
    """A client of one warm server: `with SandboxClient(hidden) as client: client.run(job)`.

    Several threads may use it; they wait for one another. Students' code can read only Python, its packages
    and the system's libraries.

    Args:
        hidden: paths among those that students' code must not read, in addition to the exercise sets.
    """

    def __init__(self, hidden: Iterable[Path] = ()) -> None:
        sets = [path for path in CHECKS.glob("*.py") if path.name != "__init__.py"]
        self.hidden = [*sets, *hidden]
        self._one_at_a_time = threading.Lock()
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> SandboxClient:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        remove_left_behind()
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self.folder.chmod(0o711)
        self._held = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(self._held, fcntl.LOCK_SH)  # held until this process ends, however it ends
        self.uid = unused_uid()
        process = subprocess.Popen(
            [
                sys.executable,
                "-P",  # the working directory may contain a student's torch.py
                "-m",
                SERVER,
                str(self.folder / "box"),
                str(-1 if self.uid is None else self.uid),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={name: os.environ[name] for name in INHERITED if name in os.environ} | ENVIRONMENT,
            start_new_session=True,  # Ctrl-C must reach the grader only, which then ends the server
        )
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._requests, self._replies = process, process.stdin, process.stdout
        self._send(json.dumps([str(path) for path in self.hidden]).encode())
        self._receive()  # the server is ready

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        self._requests.close()
        try:
            process.wait(1)
        except subprocess.TimeoutExpired:  # student code is running; it must end with the server
            process.kill()
            process.wait()
            if self.uid is not None:
                kill_processes_of(self.uid)
        self._replies.close()
        empty_folder(self.folder)
        self.folder.rmdir()
        os.close(self._held)

    def restart(self) -> None:
        """Stop the server; the next job starts a fresh one."""
        with self._one_at_a_time:
            self.stop()

    def run(self, job: Job) -> JobResult:
        """Run a job; start a server if there is none. If the server ends meanwhile, the result is a fault."""
        with self._one_at_a_time:
            try:
                if self._process is None:
                    self.start()
                for message in (job.plan.to_bytes(), job.script, *job.inputs):
                    self._send(message)
                header = json.loads(self._receive())
                file = self._replies.fileno()
                written: list[Buffer | None] = [
                    None if length is None else read(file, length) for length in header.pop("lengths")
                ]
                *answers, fault, stopped = written
                return JobResult(answers, **header, fault=fault or b"", stopped=stopped or b"")
            except (EOFError, OSError):
                self.stop()
            tasks = sum(len(step.tasks) for step in job.steps if not isinstance(step, str))
            return JobResult([None] * tasks, ["fault"] * tasks, "fault", fault=SERVER_ENDED)

    def _send(self, message: bytes) -> None:
        send(self._requests.fileno(), message)

    def _receive(self) -> bytes:
        return read_message(self._replies.fileno())

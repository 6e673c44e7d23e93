"""A warm server and its folder, seen from the grader: started, asked, ended."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rnncourse.grading.sandbox import own_user
from rnncourse.grading.server import Job, Ran
from rnncourse.grading.student import read_message, send


class Host:
    """`with Host(hidden) as host: host.run(job)`. hidden: folders that no student's code may read."""

    def __init__(self, hidden: list[Path]) -> None:
        self.hidden = hidden

    def __enter__(self) -> Host:
        self.folder = Path(tempfile.mkdtemp(prefix="rnncourse-"))
        os.chmod(self.folder, 0o711)
        uid = own_user()
        environment = os.environ | {
            "OMP_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from rnncourse.grading.server import main; main()", str(self.folder / "box"), str(-1 if uid is None else uid)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True,
        )  # fmt: skip
        self._send(self.hidden)
        self._receive()
        return self

    def run(self, job: Job) -> Ran:
        self._send(job)
        return self._receive()

    def __exit__(self, *error: object) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _send(self, message: object) -> None:
        send(self.process.stdin.fileno(), pickle.dumps(message))

    def _receive(self):
        return pickle.loads(read_message(self.process.stdout.fileno()))

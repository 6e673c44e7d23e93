"""The warm server: a process with torch imported that forks for each submission and supervises the fork.

It receives jobs on standard input and sends their results to standard output (messages.py has the format,
client.py is the other side). Bytes from a student's process are passed on undecoded. From its first torch
operation on, this process has one thread: a fork of a process that has used several would hang.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from rnncourse.grading.sandbox.harmless import make_harmless
from rnncourse.grading.sandbox.messages import JobResult, Plan
from rnncourse.grading.sandbox.pipes import read_message, send, write_all
from rnncourse.grading.sandbox.supervisor import Supervisor
from rnncourse.grading.sandbox.walls import Sandbox
from rnncourse.grading.sandbox.warm import freeze, warm_up


def main() -> None:
    folder, uid = Path(sys.argv[1]), int(sys.argv[2])
    requests, replies = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(2, 1)
    os.environ.update(HOME=str(folder), TMPDIR=str(folder), RNNCOURSE_PROGRESS="off", IPYTHONDIR=str(folder))
    warm_up()
    hidden = [Path(path) for path in json.loads(read_message(requests))]
    box = Sandbox(folder, uid if uid >= 0 else None, hidden)
    supervisor = Supervisor(box)
    make_harmless()
    freeze()
    send(replies, b"ready")
    while True:
        try:
            plan = Plan.from_bytes(read_message(requests))
        except EOFError:
            os._exit(0)  # a regular exit would take a second and is not needed
        _reply(replies, supervisor.run(plan, requests))


def _reply(file: int, result: JobResult) -> None:
    send(file, result.header())
    for answer in result.written:
        if answer is not None:
            write_all(file, answer)


if __name__ == "__main__":
    main()

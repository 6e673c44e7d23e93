"""A warm process, with torch imported and nothing of a student's: it forks for each submission, and watches.

Jobs come in on standard input and what came of them goes out on standard output: this process's messages
are pickles between two sides that trust each other (host.py is the other). What a student's process says is
passed on as it came: bytes. It has one thread from its first torch operation on: a fork after two threads
would hang.
"""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path

from rnncourse.grading.job import Ran
from rnncourse.grading.overseer import Overseer
from rnncourse.grading.sandbox import Box
from rnncourse.grading.student import read_message, send, write_all
from rnncourse.grading.warm import freeze, warm_up


def main() -> None:
    folder, uid = Path(sys.argv[1]), int(sys.argv[2])
    requests, replies = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(2, 1)
    os.environ.update(HOME=str(folder), TMPDIR=str(folder), RNNCOURSE_PROGRESS="off", IPYTHONDIR=str(folder))
    warm_up()
    hidden = [Path(path) for path in pickle.loads(read_message(requests))]
    box = Box(folder, uid if uid >= 0 else None, hidden)
    overseer = Overseer(box)
    freeze()
    send(replies, pickle.dumps("ready"))
    while True:
        try:
            plan = pickle.loads(read_message(requests))
        except EOFError:
            os._exit(0)  # nothing here needs an orderly end, which would take a second
        _reply(replies, overseer.run(plan, requests))


def _reply(file: int, ran: Ran) -> None:
    lengths = [None if answer is None else len(answer) for answer in ran.answers]
    send(file, pickle.dumps(Ran(lengths, ran.ends, ran.end)))
    for answer in ran.answers:
        if answer is not None:
            write_all(file, answer)


if __name__ == "__main__":
    main()

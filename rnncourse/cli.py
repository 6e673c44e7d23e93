"""The command `rnncourse`: `rnncourse grade SUBMITTED --out RESULTS` grades a class."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import datetime
from pathlib import Path

from rnncourse.extras import MissingExtraError
from rnncourse.printing import printable


def main(words: list[str] | None = None) -> int:
    """Run the command and return its exit status.

    0 if every submission was graded, 3 if some need a look, 2 if nothing was done, 4 if the grader itself
    failed.
    """
    parser = _parser()
    asked = parser.parse_args(words)
    try:
        return _grade(asked)
    except KeyboardInterrupt:
        print(
            f"\nStopped. What was graded is in {asked.out}; with --resume it goes on from there.",
            file=sys.stderr,
        )
        return 130


def _grade(asked: argparse.Namespace) -> int:
    if sys.platform != "linux":
        return _refuse(f"grading needs Linux, this is {sys.platform}: use a container or a virtual machine.")
    try:
        from rnncourse.grading.classroom import GradeOptions, grade_class
        from rnncourse.grading.cluster import Scheduler
        from rnncourse.grading.errors import GraderError, UserError
        from rnncourse.grading.sandbox.limits import Limits
        from rnncourse.grading.sandbox.walls import missing, weaknesses
    except MissingExtraError as error:
        return _refuse(str(error))
    lacks = missing()
    if lacks and not asked.no_sandbox:
        return _refuse(
            f"no sandbox here, so a student's code could do what you can. Missing: {'; '.join(lacks)}.\n"
            "--no-sandbox grades all the same."
        )
    open_sandbox = ["no sandbox: students' code runs with your permissions"]
    for remark in open_sandbox if asked.no_sandbox else weaknesses():
        print(f"note: {remark}", file=sys.stderr)
    scheduler = asked.scheduler and Scheduler(
        asked.scheduler, asked.tls_ca_file, asked.tls_cert, asked.tls_key, asked.insecure
    )
    options = GradeOptions(
        submitted=asked.submitted,
        out=asked.out,
        course=asked.course,
        assignment=asked.assignment,
        workers=asked.workers,
        scheduler=scheduler,
        resume=asked.resume,
        gradebook=asked.gradebook,
        feedback=asked.feedback,
        only=tuple(asked.only),
        due=asked.due,
        moodle=asked.moodle,
        canvas=asked.canvas,
        limits=Limits(cpu=asked.seconds, wall=3 * asked.seconds, walls=not asked.no_sandbox),
    )
    try:
        outcome = grade_class(options)
    except UserError as problem:
        return _refuse(str(problem))
    except GraderError as fault:
        print(
            f"rnncourse: {fault}. This is a fault of the grader, not of any student: it stopped, and wrote no"
            " mark.",
            file=sys.stderr,
        )
        return 4
    states = outcome.states
    for alarm in outcome.alarms:
        print(printable(f"Look first: {alarm.replace('`', '')}"), file=sys.stderr)
    counts = ", ".join(f"{count} {state}" for state, count in states.most_common())
    print(printable(f"{counts}: {asked.out / 'index.html'}"))
    return 0 if set(states) <= {"graded"} else 4 if "fault" in states else 3


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rnncourse", description="RNN, LSTM and GRU from their equations.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    grade = commands.add_parser(
        "grade",
        help="grade a class",
        description="Grades what a class handed in. What could not be judged is no 0.",
    )
    grade.add_argument(
        "submitted",
        type=Path,
        metavar="SUBMITTED",
        help="nbgrader's submitted folder, a folder of notebooks, or a zip",
    )
    grade.add_argument(
        "--out", type=Path, required=True, metavar="RESULTS", help="the folder for the results"
    )
    grade.add_argument("--assignment", metavar="NAME", help="this one alone, as 06_lstm_gates")
    grade.add_argument(
        "--course", type=Path, default=Path(), metavar="FOLDER", help="with solutions/ in it; else here"
    )
    grade.add_argument(
        "--workers",
        type=_positive,
        default=os.cpu_count() or 1,
        metavar="N",
        help="on this machine; else one a core",
    )
    grade.add_argument(
        "--scheduler", metavar="ADDRESS", help="use a Dask cluster, for example tls://10.0.0.1:8786"
    )
    for option, what in (
        ("--tls-ca-file", "the certificate authority's file that the cluster was started with"),
        ("--tls-cert", "this machine's certificate"),
        ("--tls-key", "the private key of --tls-cert"),
    ):
        grade.add_argument(option, metavar="FILE", help=what)
    grade.add_argument(
        "--insecure",
        action="store_true",
        help="use a scheduler without TLS: anyone who reaches its port can run code on all workers",
    )
    grade.add_argument("--resume", action="store_true", help="keep the results that are there and still true")
    grade.add_argument(
        "--gradebook", type=Path, metavar="FILE", help="nbgrader's gradebook.db, to write the points into"
    )
    grade.add_argument("--feedback", action="store_true", help="a page for each student")
    grade.add_argument(
        "--only", action="append", default=[], metavar="STUDENT", help="grade this student again (repeatable)"
    )
    grade.add_argument(
        "--due", type=_moment, metavar="TIME", help="when work was due, for example 2026-11-30T23:59"
    )
    grade.add_argument(
        "--moodle", type=Path, metavar="CSV", help="Moodle's grading worksheet, to fill in and upload"
    )
    grade.add_argument("--canvas", type=Path, metavar="CSV", help="Canvas's gradebook, to fill in and upload")
    grade.add_argument(
        "--seconds",
        type=_positive,
        default=120,
        metavar="S",
        help="processor time for all cells of one notebook (default: 120); three times that by the clock",
    )
    grade.add_argument(
        "--no-sandbox", action="store_true", help="no sandbox: students' code runs with your permissions"
    )
    return parser


def _moment(words: str) -> datetime:
    try:
        return datetime.fromisoformat(words)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a time such as 2026-11-30T23:59, got {words}") from None


def _positive(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got {word}")
    return int(word)


def _refuse(sentence: str) -> int:
    print(f"rnncourse: {sentence}", file=sys.stderr)
    return 2

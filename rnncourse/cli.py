"""The command `rnncourse`: `rnncourse grade SUBMITTED --out RESULTS` grades a class."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import datetime
from pathlib import Path

from rnncourse.extras import MissingExtraError
from rnncourse.printing import printable

NO_SANDBOX = "no sandbox: students' code runs with your permissions"


def main(words: list[str] | None = None) -> int:
    """Run the command and return its exit status.

    The status is 0 if every submission was graded, 3 if a person should look at some, 2 if nothing was done,
    and 4 if the grader itself failed.
    """
    parser = _parser()
    arguments = parser.parse_args(words)
    try:
        return _grade(arguments)
    except KeyboardInterrupt:
        print(
            f"\nStopped. The results so far are in {arguments.out}; pass --resume to continue from there.",
            file=sys.stderr,
        )
        return 130


def _grade(arguments: argparse.Namespace) -> int:
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
    if lacks and not arguments.no_sandbox:
        return _refuse(
            "this machine has no sandbox, so students' code would run with your permissions."
            f" Missing: {'; '.join(lacks)}.\nPass --no-sandbox to grade anyway."
        )
    for remark in [NO_SANDBOX] if arguments.no_sandbox else weaknesses():
        print(f"note: {remark}", file=sys.stderr)
    scheduler = arguments.scheduler and Scheduler(
        arguments.scheduler, arguments.tls_ca_file, arguments.tls_cert, arguments.tls_key, arguments.insecure
    )
    options = GradeOptions(
        submitted=arguments.submitted,
        out=arguments.out,
        course=arguments.course,
        assignment=arguments.assignment,
        workers=arguments.workers,
        scheduler=scheduler,
        resume=arguments.resume,
        gradebook=arguments.gradebook,
        feedback=arguments.feedback,
        only=tuple(arguments.only),
        due=arguments.due,
        moodle=arguments.moodle,
        canvas=arguments.canvas,
        limits=Limits(cpu=arguments.seconds, wall=3 * arguments.seconds, walls=not arguments.no_sandbox),
    )
    try:
        outcome = grade_class(options)
    except UserError as problem:
        return _refuse(str(problem))
    except GraderError as fault:
        print(
            f"rnncourse: {fault}. This is a fault of the grader, not of any student: it has stopped without"
            " writing any mark.",
            file=sys.stderr,
        )
        return 4
    states = outcome.states
    for alarm in outcome.alarms:
        print(printable(f"Look first: {alarm.replace('`', '')}"), file=sys.stderr)
    counts = ", ".join(f"{count} {state}" for state, count in states.most_common())
    print(printable(f"{counts}: {arguments.out / 'index.html'}"))
    return 0 if set(states) <= {"graded"} else 4 if "fault" in states else 3


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rnncourse", description="RNN, LSTM and GRU from their equations.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    grade = commands.add_parser(
        "grade",
        help="grade a class",
        description="Grade a class's submissions. A task that cannot be judged gets no score rather than 0.",
    )
    grade.add_argument(
        "submitted",
        type=Path,
        metavar="SUBMITTED",
        help="nbgrader's folder submitted/, another folder of notebooks, or a zip",
    )
    grade.add_argument(
        "--out", type=Path, required=True, metavar="RESULTS", help="the folder for the results"
    )
    grade.add_argument(
        "--assignment", metavar="NAME", help="grade only this assignment, for example 06_lstm_gates"
    )
    grade.add_argument(
        "--course",
        type=Path,
        default=Path(),
        metavar="FOLDER",
        help="the course's folder, which contains solutions/ (default: the current folder)",
    )
    grade.add_argument(
        "--workers",
        type=_positive,
        default=os.cpu_count() or 1,
        metavar="N",
        help="number of local workers (default: one per core)",
    )
    grade.add_argument(
        "--scheduler", metavar="ADDRESS", help="use a Dask cluster, for example tls://10.0.0.1:8786"
    )
    for option, what in (
        ("--tls-ca-file", "the certificate authority's file with which the cluster was started"),
        ("--tls-cert", "this machine's certificate"),
        ("--tls-key", "the private key of --tls-cert"),
    ):
        grade.add_argument(option, metavar="FILE", help=what)
    grade.add_argument(
        "--insecure",
        action="store_true",
        help="use a scheduler without TLS: anyone who reaches its port can run code on all workers",
    )
    grade.add_argument(
        "--resume", action="store_true", help="keep the existing results of submissions that have not changed"
    )
    grade.add_argument(
        "--gradebook", type=Path, metavar="FILE", help="write the points into this gradebook.db of nbgrader"
    )
    grade.add_argument("--feedback", action="store_true", help="write a page for each student")
    grade.add_argument(
        "--only", action="append", default=[], metavar="STUDENT", help="grade this student again (repeatable)"
    )
    grade.add_argument(
        "--due", type=_time, metavar="TIME", help="mark later work as late, for example 2026-11-30T23:59"
    )
    grade.add_argument(
        "--moodle", type=Path, metavar="CSV", help="fill in a copy of this Moodle grading worksheet"
    )
    grade.add_argument("--canvas", type=Path, metavar="CSV", help="fill in a copy of this Canvas gradebook")
    grade.add_argument(
        "--seconds",
        type=_positive,
        default=120,
        metavar="S",
        help="processor time for all cells of a notebook (default: 120); the limit by the clock is three"
        " times as long",
    )
    grade.add_argument("--no-sandbox", action="store_true", help=NO_SANDBOX)
    return parser


def _time(words: str) -> datetime:
    try:
        return datetime.fromisoformat(words)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a time such as 2026-11-30T23:59, got {words}") from None


def _positive(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {word}")
    return int(word)


def _refuse(sentence: str) -> int:
    print(f"rnncourse: {sentence}", file=sys.stderr)
    return 2

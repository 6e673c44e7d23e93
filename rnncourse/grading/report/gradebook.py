"""Into nbgrader's gradebook, by its own API: formgrader shows what was graded, and a person can go on there.

A task that was not judged has no score in it and is marked for a person; it is never 0. Who handed in nothing
is a student without a submission. What a person gave by hand stays. Writing the same again changes nothing.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook, MissingEntry, SubmittedNotebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import ComputeChecksums, SaveCells
from nbgrader.utils import parse_utc
from sqlalchemy import create_engine, inspect
from sqlalchemy.exc import DatabaseError, SAWarning

from rnncourse.grading.errors import GradebookError
from rnncourse.grading.intake.assignment import Assignment
from rnncourse.grading.report.autograded import autograded
from rnncourse.grading.report.feedback import not_judged, verdict
from rnncourse.grading.report.result import Result, TaskResult
from rnncourse.grading.report.writing import atomic_write, to_utf8

COURSE = "rnncourse"

log = logging.getLogger(__name__)

BATCH = 50  # submissions written at once; a formgrader that is open waits so long


def prepare(gradebook: Path, assignments: Iterable[Assignment]) -> None:
    """Puts the assignments in, where they are not there; GradebookError if they don't fit."""
    with _opened(gradebook) as (book, url):
        for assignment in assignments:
            _assignment(book, url, assignment)


def record(
    gradebook: Path,
    assignment: Assignment,
    results: Iterable[Result],
    handed_in: Callable[[str], bytes | None],
) -> None:
    """Writes the results of one assignment; GradebookError if the gradebook's own has other tasks or points.

    gradebook: the database, made if it is not there. Beside it lies autograded/, where formgrader looks for
    the notebooks. handed_in: of a student, the notebook's file.
    """
    course = CourseDirectory(root=str(gradebook.resolve().parent))
    rest = iter(results)
    with _opened(gradebook) as (book, url), warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # of nbgrader's own code
        _assignment(book, url, assignment)
        while batch := list(islice(rest, BATCH)):
            with _transaction(book):
                for result in batch:
                    _record(book, course, assignment.stem, result)
            for result in batch:
                _show(course, assignment, result, handed_in)


@contextmanager
def _opened(gradebook: Path) -> Iterator[tuple[Gradebook, str]]:
    """The gradebook and its URL; GradebookError if the file is none, or can't be written."""
    url = f"sqlite:///{gradebook.resolve()}"
    # To make a new one, nbgrader calls alembic by its bare name; it lies beside this Python.
    path = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), path])
    try:
        tables = inspect(create_engine(url)).get_table_names()
        if tables and "submitted_assignment" not in tables:
            raise GradebookError(f"{gradebook} is a database, but no gradebook of nbgrader's.")
        with Gradebook(url, COURSE) as book:
            yield book, url
    except DatabaseError as error:
        raise GradebookError(
            f"{gradebook} can't be used as nbgrader's gradebook ({error.orig}). Does its folder exist,"
            " is it another file, or has another program locked it?"
        ) from None
    finally:
        os.environ["PATH"] = path


@contextmanager
def _transaction(book: Gradebook) -> Iterator[None]:
    """Nbgrader commits after each step, and each commit waits for the disk: here they become one."""
    book.db.remove()
    with book.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        book.db.configure(bind=connection, join_transaction_mode="create_savepoint")
        yield
        book.db.remove()
        connection.commit()
    book.db.configure(bind=book.engine, join_transaction_mode="conditional_savepoint")


def _assignment(book: Gradebook, url: str, assignment: Assignment) -> None:
    """The assignment with its cells, as `nbgrader generate_assignment` writes them, if it is not there."""
    name, stem = assignment.name, assignment.stem
    book.update_or_create_assignment(name)
    try:
        cells = book.find_notebook(stem, name).grade_cells
    except MissingEntry:
        notebook = nbformat.reads(assignment.notebook.decode(), as_version=4)
        resources = {"nbgrader": {"notebook": stem, "assignment": name, "db_url": url}}
        for step in (ComputeChecksums(), SaveCells()):
            notebook, resources = step.preprocess(notebook, resources)
        book.db.expire_all()
        cells = book.find_notebook(stem, name).grade_cells
    theirs = {cell.name: cell.max_score for cell in cells}
    ours = {f"{check.name}_check": check.points for check in assignment.checks.values()}
    if theirs != ours:
        raise GradebookError(
            f"The gradebook's {name} has the tasks and points {theirs}; those of this exercise are {ours}. "
            "Was it made from another version? Take another gradebook, or let nbgrader make it anew."
        )


def _record(book: Gradebook, course: CourseDirectory, stem: str, result: Result) -> None:
    student = _id(result)
    book.update_or_create_student(student)
    if result.state == "missing":
        return
    book.update_or_create_submission(
        result.assignment, student, **_timestamp(course, student, result.assignment)
    )
    page = book.find_submission_notebook(stem, result.assignment, student)
    for task in result.tasks:
        _grade(page, task)
    book.db.commit()


def _show(
    course: CourseDirectory, assignment: Assignment, result: Result, handed_in: Callable[[str], bytes | None]
) -> None:
    """Puts the notebook where formgrader looks for it, if the student's name can be a folder's."""
    student = _id(result)
    if result.state == "missing":
        return
    if (
        student in (".", "..")
        or Path(student).name != student
        or "\\" in student
        or len(student.encode()) > 255
    ):
        log.warning("%r is no name of a folder: formgrader has the scores, but shows no notebook.", student)
        return
    folder = Path(course.format_path(course.autograded_directory, student, assignment.name))
    notebook = autograded(assignment, handed_in(result.student), result)
    with atomic_write(folder / f"{assignment.stem}.ipynb") as file:
        file.write(to_utf8(nbformat.writes(notebook)))


def _id(result: Result) -> str:
    """The student's name as a database can keep it."""
    return to_utf8(result.student).decode()


def _timestamp(course: CourseDirectory, student: str, assignment: str) -> dict:
    """When it was handed in, where nbgrader's submitted/ lies beside the gradebook and says it."""
    folder = Path(course.format_path(course.submitted_directory, student, assignment))
    try:
        stamp = (folder / "timestamp.txt").read_text("utf-8").strip()
        return {"timestamp": parse_utc(stamp)} if stamp else {}
    except (OSError, ValueError, OverflowError):  # the file is not there, or not a time: it is the student's
        return {}


def _grade(page: SubmittedNotebook, task: TaskResult) -> None:
    """Write score and words of a task. A person is asked where there is no score, where it was flagged or
    a cell stopped before it, and where something else was found after a person gave points."""
    (grade,) = [grade for grade in page.grades if grade.name == task.grade_id]
    comments = [comment for comment in page.comments if comment.name == task.task]
    score = None if task.points is None else float(task.points)
    words = not_judged(task) if task.points is None else verdict(task).words
    if grade.auto_score == score and all(comment.auto_comment == words for comment in comments):
        return
    grade.auto_score = score
    grade.needs_manual_grade = (
        score is None or task.state in ("flagged", "stopped") or grade.manual_score is not None
    )
    for comment in comments:
        comment.auto_comment = words

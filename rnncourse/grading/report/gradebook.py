"""Record results in nbgrader's gradebook through its API, so that a person can continue in formgrader.

A task that was not judged gets no score, never 0, and is marked for manual grading. A student who submitted
nothing is recorded without a submission. Manual scores stay. Recording the same results again has no effect.
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

BATCH = 50  # submissions per transaction; an open formgrader has to wait for each


def prepare(gradebook: Path, assignments: Iterable[Assignment]) -> None:
    """Add missing assignments; raise GradebookError if the gradebook's own have other tasks or points."""
    with _opened(gradebook) as (book, url):
        for assignment in assignments:
            _assignment(book, url, assignment)


def record(
    gradebook: Path,
    assignment: Assignment,
    results: Iterable[Result],
    read_notebook: Callable[[str], bytes | None],
) -> None:
    """Record the results of one assignment, and write the notebooks that formgrader shows.

    Args:
        gradebook: the database, created if it does not exist. The notebooks go into autograded/ beside it.
        assignment: the assignment that the results belong to.
        results: the results to record.
        read_notebook: returns the contents of a student's notebook file, or None.

    Raises:
        GradebookError: the gradebook's own assignment has other tasks or points, or it cannot be written.
    """
    course = CourseDirectory(root=str(gradebook.resolve().parent))
    rest = iter(results)
    with _opened(gradebook) as (book, url), warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # nbgrader's own code causes them
        _assignment(book, url, assignment)
        while batch := list(islice(rest, BATCH)):
            with _transaction(book):
                for result in batch:
                    _record(book, course, assignment.stem, result)
            for result in batch:
                _show(course, assignment, result, read_notebook)


@contextmanager
def _opened(gradebook: Path) -> Iterator[tuple[Gradebook, str]]:
    """Yield the gradebook and its URL; raise GradebookError if it is not one or cannot be written."""
    url = f"sqlite:///{gradebook.resolve()}"
    # To create a database, nbgrader calls `alembic`, which is installed beside this Python.
    path = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), path])
    try:
        tables = inspect(create_engine(url)).get_table_names()
        if tables and "submitted_assignment" not in tables:
            raise GradebookError(f"{gradebook} is a database, but not a gradebook of nbgrader.")
        with Gradebook(url, COURSE) as book:
            yield book, url
    except DatabaseError as error:
        raise GradebookError(
            f"{gradebook} cannot be used as nbgrader's gradebook ({error.orig}). Does its folder exist?"
            " Is it a different kind of file, or locked by another program?"
        ) from None
    finally:
        os.environ["PATH"] = path


@contextmanager
def _transaction(book: Gradebook) -> Iterator[None]:
    """Combine nbgrader's many commits into one, because each of them waits for the disk."""
    book.db.remove()
    with book.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        book.db.configure(bind=connection, join_transaction_mode="create_savepoint")
        yield
        book.db.remove()
        connection.commit()
    book.db.configure(bind=book.engine, join_transaction_mode="conditional_savepoint")


def _assignment(book: Gradebook, url: str, assignment: Assignment) -> None:
    """Add the assignment and its cells, as `nbgrader generate_assignment` does, unless they are there."""
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
            f"In the gradebook, {name} has the tasks and points {theirs}, but this exercise has {ours}. "
            "Was it made from another version? Use another gradebook, or let nbgrader create it again."
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
    course: CourseDirectory,
    assignment: Assignment,
    result: Result,
    read_notebook: Callable[[str], bytes | None],
) -> None:
    """Write the notebook where formgrader looks for it, if the student's name can be a folder name."""
    student = _id(result)
    if result.state == "missing":
        return
    if (
        student in (".", "..")
        or Path(student).name != student
        or "\\" in student
        or len(student.encode()) > 255
    ):
        log.warning("%r is not a folder name: formgrader has the scores, but shows no notebook.", student)
        return
    folder = Path(course.format_path(course.autograded_directory, student, assignment.name))
    notebook = autograded(assignment, read_notebook(result.student), result)
    with atomic_write(folder / f"{assignment.stem}.ipynb") as file:
        file.write(to_utf8(nbformat.writes(notebook)))


def _id(result: Result) -> str:
    """Return the student's name in a form that a database can store."""
    return to_utf8(result.student).decode()


def _timestamp(course: CourseDirectory, student: str, assignment: str) -> dict:
    """Return the time of submission if nbgrader's submitted/ lies beside the gradebook and states it."""
    folder = Path(course.format_path(course.submitted_directory, student, assignment))
    try:
        stamp = (folder / "timestamp.txt").read_text("utf-8").strip()
        return {"timestamp": parse_utc(stamp)} if stamp else {}
    except (OSError, ValueError, OverflowError):  # there is no file, or the student's file is not a time
        return {}


def _grade(page: SubmittedNotebook, task: TaskResult) -> None:
    """Write the score and the comment of a task, if they have changed.

    Manual grading is requested if there is no score, if the task was flagged or a cell stopped before it, or
    if a person had already given points for an earlier result.
    """
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

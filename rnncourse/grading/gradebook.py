"""Into nbgrader's gradebook, by its own API, so that formgrader shows what was graded and a person can go on there.

A task that was not judged has no score in it and is marked for a person; it is never 0. Who handed in nothing is a
student without a submission. What a person gave by hand stays. Writing the same again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import nbformat

from rnncourse.grading.feedback import not_judged, verdict
from rnncourse.grading.result import Result, TaskResult
from rnncourse.grading.results import encoded

try:
    from nbgrader.api import Gradebook, MissingEntry, SubmittedNotebook
    from nbgrader.coursedir import CourseDirectory
    from nbgrader.preprocessors import SaveCells
except ImportError as error:
    raise ImportError("A gradebook is nbgrader's, and nbgrader is not here: pip install nbgrader") from error

COURSE = "rnncourse"


class WrongGradebook(ValueError):
    """Says in a sentence why these results don't fit into that gradebook."""


def record(gradebook: Path, notebook: Path, results: Iterable[Result]) -> None:
    """Writes the results of one assignment; WrongGradebook if the gradebook's own has other tasks or points.

    gradebook: the database, made if it is not there. notebook: the assignment as it was given out.
    """
    url = f"sqlite:///{gradebook.resolve()}"
    course = CourseDirectory(root=str(gradebook.resolve().parent))
    with Gradebook(url, COURSE) as book:
        known: set[str] = set()
        for result in results:
            if result.assignment not in known:
                _assignment(book, url, result, notebook)
                known.add(result.assignment)
            _record(book, course, notebook.stem, result)


def _assignment(book: Gradebook, url: str, result: Result, notebook: Path) -> None:
    """The assignment with its cells, as `nbgrader generate_assignment` writes them, if it is not there."""
    book.update_or_create_assignment(result.assignment)
    try:
        cells = book.find_notebook(notebook.stem, result.assignment).grade_cells
    except MissingEntry:
        named = {"notebook": notebook.stem, "assignment": result.assignment, "db_url": url}
        SaveCells().preprocess(nbformat.read(notebook, as_version=4), {"nbgrader": named})
        book.db.expire_all()
        cells = book.find_notebook(notebook.stem, result.assignment).grade_cells
    theirs = {cell.name: cell.max_score for cell in cells}
    ours = {task.grade_id: task.total for task in result.tasks}
    if theirs != ours:
        raise WrongGradebook(
            f"The gradebook's {result.assignment} has the tasks and points {theirs}; graded were {ours}. "
            "Was it made from another version? Then take another gradebook, or make this one's assignment anew."
        )


def _record(book: Gradebook, course: CourseDirectory, stem: str, result: Result) -> None:
    student = encoded(result.student).decode()
    book.update_or_create_student(student)
    if result.state == "missing":
        return
    book.update_or_create_submission(result.assignment, student, **_timestamp(course, student, result.assignment))
    page = book.find_submission_notebook(stem, result.assignment, student)
    for task in result.tasks:
        _grade(page, task)
    book.db.commit()


def _timestamp(course: CourseDirectory, student: str, assignment: str) -> dict:
    """When it was handed in, where nbgrader's submitted/ lies beside the gradebook and says it."""
    try:
        stamp = course.get_existing_timestamp(course.format_path("submitted", student, assignment))
    except (ValueError, OverflowError, OSError):  # the file is the student's
        stamp = None
    return {"timestamp": stamp} if stamp else {}


def _grade(page: SubmittedNotebook, task: TaskResult) -> None:
    """Score and words of a task. A person is asked where there is no score, where it was flagged, and where what
    was found has changed since a person gave points."""
    (grade,) = [grade for grade in page.grades if grade.name == task.grade_id]
    comments = [comment for comment in page.comments if comment.name == task.task]
    score = None if task.points is None else float(task.points)
    words = not_judged(task) if task.points is None else str(verdict(task))
    if grade.auto_score == score and all(comment.auto_comment == words for comment in comments):
        return
    grade.auto_score = score
    grade.needs_manual_grade = score is None or task.state == "flagged" or grade.manual_score is not None
    for comment in comments:
        comment.auto_comment = words

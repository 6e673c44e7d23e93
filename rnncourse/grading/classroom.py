"""Grade a class, from the submitted files to the results. Each result is saved as soon as it is known."""

from __future__ import annotations

import difflib
import json
import logging
import secrets
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path

from tqdm.auto import tqdm

from rnncourse.grading import cluster, pool
from rnncourse.grading.cluster import Scheduler
from rnncourse.grading.errors import GradebookError, GraderError, NotebookError, UserError
from rnncourse.grading.intake.assignment import Assignment
from rnncourse.grading.intake.submissions import Submission, find_submissions
from rnncourse.grading.report.feedback import write_feedback, write_teachers_page
from rnncourse.grading.report.lms import Table, fill_canvas, fill_moodle, zip_feedback
from rnncourse.grading.report.overrides import apply_overrides
from rnncourse.grading.report.result import Result
from rnncourse.grading.report.store import ResultStore
from rnncourse.grading.report.summary import write_summary
from rnncourse.grading.report.writing import as_user_error, atomic_write, exclusive_folder
from rnncourse.grading.sandbox.client import CHECKS
from rnncourse.grading.sandbox.limits import Limits
from rnncourse.grading.submission import ungraded
from rnncourse.grading.worker import GradeRequest, Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GradeOptions:
    """The arguments of `rnncourse grade`.

    course: the folder that contains solutions/ or exercises/.
    """

    submitted: Path
    out: Path
    course: Path = Path()
    assignment: str | None = None
    workers: int = 1
    scheduler: Scheduler | None = None
    resume: bool = False
    gradebook: Path | None = None
    feedback: bool = False
    limits: Limits = field(default_factory=Limits)
    only: tuple[str, ...] = ()
    due: datetime | None = None
    moodle: Path | None = None
    canvas: Path | None = None


@dataclass
class ClassOutcome:
    """The outcome of grading a class.

    states: the number of submissions in each state. alarms: sentences about problems that so many submissions
    share that the exercise or the grader may be the cause.
    """

    states: Counter[str]
    alarms: list[str]


def grade_class(options: GradeOptions) -> ClassOutcome:
    """Grade a class and write the results.

    Raises:
        UserError: nothing can be graded.
        GraderError: the grader does not work on this machine.
    """
    _check_paths(options)
    found = _exercises(options.course)
    stems = {name: path.stem for name, path in found.items()}
    submissions = _with_checks(find_submissions(options.submitted, stems, options.assignment), stems)
    if options.only:
        submissions = _select(submissions, options.only)
    if options.scheduler:
        options.scheduler.security()
    for table in filter(None, (options.moodle, options.canvas)):
        Table(table)  # report an unreadable table now, not after an hour of grading
        if len({each.assignment for each in submissions}) > 1:
            raise UserError(f"{table} is for one assignment, but several are being graded: add --assignment")
    with as_user_error(options.out):
        if not options.out.exists():  # only the teacher may see the seed, the marks and the students' code
            options.out.mkdir(parents=True)
            options.out.chmod(0o700)
    with exclusive_folder(options.out):
        return _grade(options, found, submissions)


def _grade(options: GradeOptions, found: dict[str, Path], submissions: list[Submission]) -> ClassOutcome:
    seed = _seed(options.out)
    used = {
        name: _assignment(name, found[name], seed)
        for name in dict.fromkeys(submission.assignment for submission in submissions)
    }
    if options.gradebook:
        _prepare_gradebook(options.gradebook, used)
    store = ResultStore(options.out)
    roster = options.moodle or options.canvas
    table = Table(roster) if roster else None
    by_key = {(each.student, each.assignment): each for each in submissions}
    states: Counter[str] = Counter()
    with (
        tqdm(total=len(submissions), desc="grading", unit="", disable=None) as bar,
        closing(_results(options, used, submissions, store)) as results,
    ):
        for result in results:
            of = by_key[result.student, result.assignment]
            late = "late" if of.late else late_by(of.handed_in, options.due)
            result = replace(result, remarks=of.remarks, number=of.number, handed_in=of.handed_in, late=late)
            if table:
                result = replace(result, email=table.email(of.number, of.student))
            store.write(result)
            _write_pages(options, used, apply_overrides(result, store.overrides))
            states[result.state] += 1
            bar.update()

    store.write_tables()
    for result in store:
        if result.overridden and result.assignment in used:
            _write_pages(options, used, result)  # also if this run did not grade it
    alarms = write_summary(options.out, store, {name: each.likeness for name, each in used.items()})
    _fill_lms_files(options, list(used), store)
    if options.gradebook:
        _record_in_gradebook(options.gradebook, used, submissions, store)
    return ClassOutcome(states, alarms)


def _results(
    options: GradeOptions, used: dict[str, Assignment], submissions: list[Submission], store: ResultStore
) -> Generator[Result, None, None]:
    """Yield each submission's result.

    Those that need no run follow a graded one: nothing is saved before the grader has passed its self-test.
    """
    settled: list[Result] = []

    def to_grade() -> Iterator[GradeRequest]:
        """Yield the submissions that have to be run; settle the others."""
        for submission in submissions:
            assignment = used[submission.assignment]
            notebook, problem = _read(submission)
            if notebook is None:
                state = submission.state or "invalid"
                settled.append(ungraded(submission.student, assignment, state, problem))
                continue
            helpers = submission.read_helpers()
            digest = assignment.digest(notebook, helpers)
            again = not options.resume or options.only
            before = None if again else store.find(submission.student, assignment.name, digest)
            if before is None:
                yield GradeRequest(submission.student, assignment.name, notebook, helpers)
            else:
                settled.append(before)

    waiting = to_grade()
    first = next(waiting, None)
    if first is not None:  # if nothing has to be run, no worker is started
        hidden = [path.resolve() for path in (options.course, options.submitted, options.out)]
        settings, requests = Settings.of(used.values(), hidden, options.limits), chain([first], waiting)
        if options.scheduler:
            graded = cluster.results(options.scheduler, settings, used, requests)
        else:
            graded = pool.results(options.workers, settings, used, requests)
        with closing(graded):
            for result in graded:
                yield result
                while settled:
                    yield settled.pop()
    yield from settled


def _write_pages(options: GradeOptions, used: dict[str, Assignment], result: Result) -> None:
    write_teachers_page(options.out, result, used[result.assignment].solutions)
    if options.feedback:
        write_feedback(options.out, result)


def _prepare_gradebook(gradebook: Path, assignments: dict[str, Assignment]) -> None:
    """Raise UserError now, not after an hour of grading, if the gradebook cannot take these assignments."""
    from rnncourse.grading.report.gradebook import prepare  # nbgrader takes a second, and few runs need it

    try:
        prepare(gradebook, assignments.values())
    except GradebookError as problem:
        raise UserError(str(problem)) from None


def _record_in_gradebook(
    gradebook: Path, assignments: dict[str, Assignment], submissions: list[Submission], store: ResultStore
) -> None:
    from rnncourse.grading.report.gradebook import record

    for name, assignment in assignments.items():
        by_student = {each.student: each for each in submissions if each.assignment == name}
        graded = (result for result in store if result.assignment == name and result.student in by_student)
        try:
            record(gradebook, assignment, graded, partial(_notebook, by_student))
        except GradebookError as problem:
            raise UserError(str(problem)) from None


def _select(submissions: list[Submission], students: tuple[str, ...]) -> list[Submission]:
    """Return the submissions of these students; raise UserError if a student does not exist."""
    names = {each.student for each in submissions}
    for student in students:
        if student not in names:
            close = difflib.get_close_matches(student, names, 1)
            meant = f" Did you mean {close[0]}?" if close else ""
            raise UserError(f"there is no submission by {student}.{meant}")
    return [each for each in submissions if each.student in students]


def _fill_lms_files(options: GradeOptions, assignments: list[str], store: ResultStore) -> None:
    for name in assignments:
        results = [result for result in store if result.assignment == name]
        if options.feedback:
            zip_feedback(options.out, name, results)
        lost: list[str] = []
        if options.moodle:
            lost = fill_moodle(options.moodle, options.out, results)
        if options.canvas:
            lost += fill_canvas(options.canvas, options.out, results, name)
        if lost:
            log.warning(
                "These students are not in the LMS's file, so they have no mark there: %s.",
                ", ".join(sorted(set(lost))),
            )


def late_by(handed_in: str, due: datetime | None) -> str:
    """Return in words how late a submission was; "" if it was on time or the time is unknown."""
    if due is None or not handed_in:
        return ""
    stamp, _, zone = handed_in.partition(" UTC")
    try:
        when = datetime.fromisoformat(stamp.strip())
    except ValueError:
        return ""
    when = when.replace(tzinfo=UTC) if zone or handed_in.endswith("UTC") else when
    late = when.astimezone() - due.astimezone()
    minutes = int(late.total_seconds() // 60)
    return f"late by {timedelta(minutes=minutes)}".removesuffix(":00") if minutes > 0 else ""


def _notebook(submissions: dict[str, Submission], student: str) -> bytes | None:
    return _read(submissions[student])[0]


def _read(submission: Submission) -> tuple[bytes | None, str]:
    """Return the notebook and "", or None and the reason."""
    try:
        return submission.read(), ""
    except UserError as problem:
        return None, str(problem)


def _check_paths(options: GradeOptions) -> None:
    """Raise UserError if the results would be written among the submissions, or those contain the course."""
    submitted, out, course = (path.resolve() for path in (options.submitted, options.out, options.course))
    if out.exists() and not out.is_dir():
        raise UserError(f"{options.out} is a file: expected a folder for the results, such as --out results")
    if course.is_relative_to(submitted):
        raise UserError(
            f"{options.submitted} contains the course itself: did you mean its subfolder submitted/?"
        )
    if out.is_relative_to(submitted):
        raise UserError(
            f"the results would be inside {options.submitted} and look like a student's: choose another --out"
        )


def _with_checks(submissions: list[Submission], stems: dict[str, str]) -> list[Submission]:
    """Leave out a teacher's own exercises, which have no checks; raise UserError if nothing is left."""
    own = {each.assignment for each in submissions if not (CHECKS / f"{stems[each.assignment]}.py").is_file()}
    left = [each for each in submissions if each.assignment not in own]
    for name in sorted(own):
        why = f"{name} is not graded: the course has no checks for it. `nbgrader autograde {name}` grades it"
        if not left:
            raise UserError(why)
        log.warning("%s.", why)
    return left


def _assignment(name: str, path: Path, seed: int) -> Assignment:
    """Return the assignment; raise UserError if a teacher has added a graded cell that has no check."""
    assignment = Assignment(name, path.stem, path.read_bytes(), seed)
    try:
        assignment.checks  # noqa: B018 - each graded cell's
    except NotebookError as problem:
        raise UserError(f"{path}: {problem}") from None
    except KeyError as cell:
        raise UserError(
            f"{path} has a graded cell {cell}, for which the course has no check."
            f" If you added it, grade the notebook with `nbgrader autograde {name}`"
        ) from None
    except Exception as error:
        words = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        raise GraderError(f"the checks of {name} cannot be imported ({words})") from error
    return assignment


def _exercises(course: Path) -> dict[str, Path]:
    """Return a course's notebooks by assignment: from solutions/ if it exists, otherwise from exercises/."""
    folder = next((course / name for name in ("solutions", "exercises") if (course / name).is_dir()), None)
    if folder is None:
        raise UserError(
            f"{course.resolve()} contains neither solutions/ nor exercises/. "
            "Start in the course's folder, or pass --course FOLDER."
        )
    found = sorted(
        folder.glob("[!.]*/*.ipynb"),
        key=lambda path: ((CHECKS / path.with_suffix(".py").name).is_file(), path),
    )
    return {path.parent.name: path for path in found}  # of two in one folder, take the one with checks


def _seed(out: Path) -> int:
    """Return the seed of this class's cases, drawn once and saved: a second run uses the same cases."""
    path = out / "run.json"
    try:
        return int(json.loads(path.read_text("utf-8"))["seed"])
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} cannot be read ({error}). "
            "It contains the seed of the cases: restore it, or pass another --out."
        ) from None
    seed = secrets.randbits(48)
    with atomic_write(path) as file:
        file.write(json.dumps({"seed": seed}).encode())
    return seed

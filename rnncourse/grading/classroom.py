"""A class, from what was handed in to its results, each on the disk as soon as it is there."""

from __future__ import annotations

import difflib
import json
import logging
import secrets
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path

from tqdm.auto import tqdm

from rnncourse.grading import cluster, pool
from rnncourse.grading.cluster import Scheduler
from rnncourse.grading.errors import GraderError, NotebookError, UserError
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
    """What a teacher asked for: the command's arguments. course: the folder with solutions/ or exercises/."""

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
    """What came of a class: how many submissions in each state, and what befell too many of them."""

    states: Counter[str]
    alarms: list[str]


def grade_class(options: GradeOptions) -> ClassOutcome:
    """Grade a class. Raise UserError, in a sentence, where nothing can be graded."""
    _places(options)
    found = _exercises(options.course)
    stems = {name: path.stem for name, path in found.items()}
    submissions = _with_checks(find_submissions(options.submitted, stems, options.assignment), stems)
    if options.only:
        submissions = _only(submissions, options.only)
    if options.scheduler:
        options.scheduler.security()
    for table in filter(None, (options.moodle, options.canvas)):
        Table(table)  # better refused now than after an hour of grading
        if len({each.assignment for each in submissions}) > 1:
            raise UserError(f"{table} belongs to one assignment, but several are graded: add --assignment")
    with as_user_error(options.out):
        if not options.out.exists():  # the seed, the marks and all code are for the teacher's eyes alone
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
        _fits(options.gradebook, used)
    kept = ResultStore(options.out)
    hidden = [path.resolve() for path in (options.course, options.submitted, options.out)]
    settings = Settings.of(used.values(), hidden, options.limits)
    states: Counter[str] = Counter()

    roster = options.moodle or options.canvas
    table = Table(roster) if roster else None
    about = {(each.student, each.assignment): each for each in submissions}

    def keep(result: Result) -> None:
        of = about[result.student, result.assignment]
        late = "late" if of.late else late_by(of.handed_in, options.due)
        result = replace(result, remarks=of.remarks, number=of.number, handed_in=of.handed_in, late=late)
        if table:
            result = replace(result, email=table.email(of.number, of.student))
        kept.write(result)
        show(apply_overrides(result, kept.overrides))

    def show(result: Result) -> None:
        write_teachers_page(options.out, result, used[result.assignment].solutions)
        if options.feedback:
            write_feedback(options.out, result)

    early: list[Result] = []  # without running anything; written once the grader has proved itself
    proved = False

    with tqdm(total=len(submissions), desc="grading", unit="", disable=None) as bar:

        def note(result: Result) -> None:
            states[result.state] += 1
            bar.update()

        def to_grade() -> Iterator[GradeRequest]:
            """What is left after the submissions that need no running."""
            for submission in submissions:
                assignment = used[submission.assignment]
                notebook, problem = _read(submission)
                if notebook is None:
                    state = submission.state or "invalid"
                    result = ungraded(submission.student, assignment, state, problem)
                else:
                    helpers = submission.read_helpers()
                    digest = assignment.digest(notebook, helpers)
                    again = not options.resume or options.only
                    before = None if again else kept.find(submission.student, assignment.name, digest)
                    if before is None:
                        yield GradeRequest(submission.student, assignment.name, notebook, helpers)
                        continue
                    result = before
                if proved:
                    keep(result)
                else:
                    early.append(result)
                note(result)

        waiting = to_grade()
        first = next(waiting, None)
        if first is not None:  # nobody waits for workers who would have nothing to do
            rest = chain([first], waiting)
            if options.scheduler:
                graded = cluster.results(options.scheduler, settings, used, rest)
            else:
                graded = pool.results(options.workers, settings, used, rest)
            with closing(graded):
                for result in graded:
                    proved = True
                    while early:
                        keep(early.pop())
                    keep(result)
                    note(result)
        for result in early:
            keep(result)

    kept.write_tables()
    for result in kept:
        if result.overridden and result.assignment in used:
            show(result)  # also those that this run did not grade
    alarms = write_summary(options.out, kept, {name: each.likeness for name, each in used.items()})
    _into_lms(options, list(used), kept)
    if options.gradebook:
        _into_gradebook(options.gradebook, used, submissions, kept)
    return ClassOutcome(states, alarms)


def _fits(gradebook: Path, assignments: dict[str, Assignment]) -> None:
    """Raise UserError now, not after an hour of grading, if the gradebook cannot take these assignments."""
    from rnncourse.grading.errors import GradebookError
    from rnncourse.grading.report.gradebook import prepare

    try:
        prepare(gradebook, assignments.values())
    except GradebookError as problem:
        raise UserError(str(problem)) from None


def _into_gradebook(
    gradebook: Path, assignments: dict[str, Assignment], submissions: list[Submission], kept: ResultStore
) -> None:
    from rnncourse.grading.errors import GradebookError
    from rnncourse.grading.report.gradebook import record

    for name, assignment in assignments.items():
        theirs = {each.student: each for each in submissions if each.assignment == name}
        of_it = (result for result in kept if result.assignment == name and result.student in theirs)
        try:
            record(gradebook, assignment, of_it, partial(_notebook, theirs))
        except GradebookError as problem:
            raise UserError(str(problem)) from None


def _only(submissions: list[Submission], students: tuple[str, ...]) -> list[Submission]:
    """Those of these students; UserError where there is no such student."""
    names = {each.student for each in submissions}
    for student in students:
        if student not in names:
            close = difflib.get_close_matches(student, names, 1)
            meant = f" Is {close[0]} meant?" if close else ""
            raise UserError(f"nothing was handed in by {student}.{meant}")
    return [each for each in submissions if each.student in students]


def _into_lms(options: GradeOptions, assignments: list[str], kept: ResultStore) -> None:
    for name in assignments:
        results = [result for result in kept if result.assignment == name]
        if options.feedback:
            zip_feedback(options.out, name, results)
        lost: list[str] = []
        if options.moodle:
            lost = fill_moodle(options.moodle, options.out, results)
        if options.canvas:
            lost += fill_canvas(options.canvas, options.out, results, name)
        if lost:
            log.warning("Not in the LMS's file, so without a mark there: %s.", ", ".join(sorted(set(lost))))


def late_by(handed_in: str, due: datetime | None) -> str:
    """How much too late, in words; "" for what is in time, or where that is not known."""
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
    """The notebook, or None and why not."""
    try:
        return submission.read(), ""
    except UserError as problem:
        return None, str(problem)


def _places(options: GradeOptions) -> None:
    """Raise UserError if the results would lie among the submissions, or these are the course itself."""
    submitted, out, course = (path.resolve() for path in (options.submitted, options.out, options.course))
    if out.exists() and not out.is_dir():
        raise UserError(f"{options.out} is a file: expected a folder for the results, as --out results")
    if course.is_relative_to(submitted):
        raise UserError(f"the course itself lies in {options.submitted}: is its folder submitted/ meant?")
    if out.is_relative_to(submitted):
        raise UserError(
            f"the results would lie in {options.submitted}, and look like a student's: choose another --out"
        )


def _with_checks(submissions: list[Submission], stems: dict[str, str]) -> list[Submission]:
    """Without those of a teacher's own exercises, that these checks don't know; UserError if none is left."""
    own = {each.assignment for each in submissions if not (CHECKS / f"{stems[each.assignment]}.py").is_file()}
    left = [each for each in submissions if each.assignment not in own]
    for name in sorted(own):
        why = f"{name} is not graded: the course has no checks for it. `nbgrader autograde {name}` grades it"
        if not left:
            raise UserError(why)
        log.warning("%s.", why)
    return left


def _assignment(name: str, path: Path, seed: int) -> Assignment:
    """UserError where a teacher has added to it what these checks don't know."""
    assignment = Assignment(name, path.stem, path.read_bytes(), seed)
    try:
        assignment.checks  # noqa: B018 - each graded cell's
    except NotebookError as problem:
        raise UserError(f"{path}: {problem}") from None
    except KeyError as cell:
        raise UserError(
            f"{path} has a graded cell {cell}, which is none of this course's checks."
            f" Is it your own? `nbgrader autograde {name}` grades the notebook as it is"
        ) from None
    except Exception as error:
        words = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        raise GraderError(f"the checks of {name} can't be imported ({words})") from error
    return assignment


def _exercises(course: Path) -> dict[str, Path]:
    """The notebooks of a course by their assignments: from solutions/, else from exercises/."""
    folder = next((course / name for name in ("solutions", "exercises") if (course / name).is_dir()), None)
    if folder is None:
        raise UserError(
            f"there is no solutions/ and no exercises/ in {course.resolve()}. "
            "Start in the course's folder, or say --course FOLDER."
        )
    found = sorted(
        folder.glob("[!.]*/*.ipynb"),
        key=lambda path: ((CHECKS / path.with_suffix(".py").name).is_file(), path),
    )
    return {path.parent.name: path for path in found}  # of two in one folder, the one with checks


def _seed(out: Path) -> int:
    """Of this class's cases: drawn once and kept, so that a second run judges by the same ones."""
    path = out / "run.json"
    try:
        return int(json.loads(path.read_text("utf-8"))["seed"])
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} can't be read ({error}). "
            "It holds the seed of the cases: restore it, or take another --out."
        ) from None
    seed = secrets.randbits(48)
    with atomic_write(path) as file:
        file.write(json.dumps({"seed": seed}).encode())
    return seed

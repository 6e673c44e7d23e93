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
from rnncourse.grading.errors import GraderFault, Refused, Unreadable
from rnncourse.grading.intake.assignment import Assignment
from rnncourse.grading.intake.submissions import Submission, find
from rnncourse.grading.report.feedback import write_feedback, write_teachers_page
from rnncourse.grading.report.lms import check_table, fill_canvas, fill_moodle, zip_feedback
from rnncourse.grading.report.overrides import overridden
from rnncourse.grading.report.result import Result
from rnncourse.grading.report.store import Results
from rnncourse.grading.report.summary import write_summary
from rnncourse.grading.report.writing import alone_in, refusing, replacing
from rnncourse.grading.sandbox.client import CHECKS
from rnncourse.grading.sandbox.limits import Limits
from rnncourse.grading.submission import ungraded
from rnncourse.grading.worker import HandedIn, Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wishes:
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
class Outcome:
    """What came of a class: how many submissions in each state, and what befell too many of them."""

    states: Counter[str]
    alarms: list[str]


def grade_class(wishes: Wishes) -> Outcome:
    """Grade a class. Raise Refused, in a sentence, where nothing can be graded."""
    _places(wishes)
    found = _exercises(wishes.course)
    stems = {name: path.stem for name, path in found.items()}
    submissions = _with_checks(find(wishes.submitted, stems, wishes.assignment), stems)
    if wishes.only:
        submissions = _only(submissions, wishes.only)
    if wishes.scheduler:
        wishes.scheduler.security()
    for table in filter(None, (wishes.moodle, wishes.canvas)):
        check_table(table)
        if len({each.assignment for each in submissions}) > 1:
            raise Refused(f"{table} is of one assignment, but several are graded: name it with --assignment")
    with refusing(wishes.out):
        if not wishes.out.exists():  # the seed, the marks and all code are for the teacher's eyes alone
            wishes.out.mkdir(parents=True)
            wishes.out.chmod(0o700)
    with alone_in(wishes.out):
        return _grade(wishes, found, submissions)


def _grade(wishes: Wishes, found: dict[str, Path], submissions: list[Submission]) -> Outcome:
    seed = _seed(wishes.out)
    used = {
        name: _assignment(name, found[name], seed)
        for name in dict.fromkeys(submission.assignment for submission in submissions)
    }
    if wishes.gradebook:
        _fits(wishes.gradebook, used)
    kept = Results(wishes.out)
    hidden = [path.resolve() for path in (wishes.course, wishes.submitted, wishes.out)]
    settings = Settings.of(used.values(), hidden, wishes.limits)
    states: Counter[str] = Counter()

    about = {(each.student, each.assignment): each for each in submissions}

    def keep(result: Result) -> None:
        of = about[result.student, result.assignment]
        late = "late" if of.late else late_by(of.handed_in, wishes.due)
        result = replace(result, remarks=of.remarks, number=of.number, handed_in=of.handed_in, late=late)
        kept.write(result)
        show(overridden(result, kept.overrides))

    def show(result: Result) -> None:
        write_teachers_page(wishes.out, result, used[result.assignment].solutions)
        if wishes.feedback:
            write_feedback(wishes.out, result)

    early: list[Result] = []  # without running anything; written once the grader has proved itself
    proved = False

    with tqdm(total=len(submissions), desc="grading", unit="", disable=None) as bar:

        def note(result: Result) -> None:
            states[result.state] += 1
            bar.update()

        def to_grade() -> Iterator[HandedIn]:
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
                    again = not wishes.resume or wishes.only
                    before = None if again else kept.find(submission.student, assignment.name, digest)
                    if before is None:
                        yield HandedIn(submission.student, assignment.name, notebook, helpers)
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
            if wishes.scheduler:
                graded = cluster.results(wishes.scheduler, settings, used, rest)
            else:
                graded = pool.results(wishes.workers, settings, used, rest)
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
    alarms = write_summary(wishes.out, kept, {name: each.likeness for name, each in used.items()})
    _into_lms(wishes, list(used), kept)
    if wishes.gradebook:
        _into_gradebook(wishes.gradebook, used, submissions, kept)
    return Outcome(states, alarms)


def _fits(gradebook: Path, assignments: dict[str, Assignment]) -> None:
    """Refused where these assignments can't be written into it: better now than after an hour of grading."""
    from rnncourse.grading.errors import WrongGradebook
    from rnncourse.grading.report.gradebook import prepare

    try:
        prepare(gradebook, assignments.values())
    except WrongGradebook as problem:
        raise Refused(str(problem)) from None


def _into_gradebook(
    gradebook: Path, assignments: dict[str, Assignment], submissions: list[Submission], kept: Results
) -> None:
    from rnncourse.grading.errors import WrongGradebook
    from rnncourse.grading.report.gradebook import record

    for name, assignment in assignments.items():
        theirs = {each.student: each for each in submissions if each.assignment == name}
        of_it = (result for result in kept if result.assignment == name and result.student in theirs)
        try:
            record(gradebook, assignment, of_it, partial(_notebook, theirs))
        except WrongGradebook as problem:
            raise Refused(str(problem)) from None


def _only(submissions: list[Submission], students: tuple[str, ...]) -> list[Submission]:
    """Those of these students; Refused where there is no such student."""
    names = {each.student for each in submissions}
    for student in students:
        if student not in names:
            close = difflib.get_close_matches(student, names, 1)
            meant = f" Is {close[0]} meant?" if close else ""
            raise Refused(f"nothing was handed in by {student}.{meant}")
    return [each for each in submissions if each.student in students]


def _into_lms(wishes: Wishes, assignments: list[str], kept: Results) -> None:
    for name in assignments:
        results = [result for result in kept if result.assignment == name]
        if wishes.feedback:
            zip_feedback(wishes.out, name, results)
        lost: list[str] = []
        if wishes.moodle:
            lost = fill_moodle(wishes.moodle, wishes.out, results)
        if wishes.canvas:
            lost += fill_canvas(wishes.canvas, wishes.out, results, name)
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
    except Refused as problem:
        return None, str(problem)


def _places(wishes: Wishes) -> None:
    """Refused where the results would lie among what was handed in, or the course itself is to be graded."""
    submitted, out, course = (path.resolve() for path in (wishes.submitted, wishes.out, wishes.course))
    if out.exists() and not out.is_dir():
        raise Refused(f"{wishes.out} is a file: expected a folder for the results, as --out results")
    if course.is_relative_to(submitted):
        raise Refused(f"the course itself lies in {wishes.submitted}: is its folder submitted/ meant?")
    if out.is_relative_to(submitted):
        raise Refused(
            f"the results would lie in {wishes.submitted}, and look like a student's: take an --out beside it"
        )


def _with_checks(submissions: list[Submission], stems: dict[str, str]) -> list[Submission]:
    """Without those of a teacher's own exercises, that these checks don't know; Refused if none is left."""
    own = {each.assignment for each in submissions if not (CHECKS / f"{stems[each.assignment]}.py").is_file()}
    left = [each for each in submissions if each.assignment not in own]
    for name in sorted(own):
        why = f"{name} is not graded: the course has no checks for it. `nbgrader autograde {name}` grades it"
        if not left:
            raise Refused(why)
        log.warning("%s.", why)
    return left


def _assignment(name: str, path: Path, seed: int) -> Assignment:
    """Refused where a teacher has added to it what these checks don't know."""
    assignment = Assignment(name, path.stem, path.read_bytes(), seed)
    try:
        assignment.checks  # noqa: B018 - each graded cell's
    except Unreadable as problem:
        raise Refused(f"{path}: {problem}") from None
    except KeyError as cell:
        raise Refused(
            f"{path} has a graded cell {cell}, which is none of this course's checks."
            f" Is it your own? `nbgrader autograde {name}` grades the notebook as it is"
        ) from None
    except Exception as error:
        words = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        raise GraderFault(f"the checks of {name} can't be imported ({words})") from error
    return assignment


def _exercises(course: Path) -> dict[str, Path]:
    """The notebooks of a course by their assignments: from solutions/, else from exercises/."""
    folder = next((course / name for name in ("solutions", "exercises") if (course / name).is_dir()), None)
    if folder is None:
        raise Refused(
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
        raise Refused(
            f"{path} can't be read ({error}). "
            "It holds the seed of the cases: restore it, or take another --out."
        ) from None
    seed = secrets.randbits(48)
    with replacing(path) as file:
        file.write(json.dumps({"seed": seed}).encode())
    return seed

"""A class, from what was handed in to its results, each on the disk as soon as it is there."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tqdm.auto import tqdm

from rnncourse.grading.cluster import Grading, results, workers
from rnncourse.grading.feedback import write_feedback
from rnncourse.grading.files import Refused
from rnncourse.grading.grade import Assignment, ungraded
from rnncourse.grading.result import Result
from rnncourse.grading.results import Results, replacing
from rnncourse.grading.sandbox import Limits
from rnncourse.grading.submissions import Submission, find
from rnncourse.grading.summary import write_summary


@dataclass(frozen=True)
class Wishes:
    """What a teacher asked for: the command's arguments. course: the folder with solutions/ or exercises/."""

    submitted: Path
    out: Path
    course: Path = Path()
    assignment: str | None = None
    workers: int = 1
    scheduler: str | None = None
    resume: bool = False
    gradebook: Path | None = None
    feedback: bool = False
    limits: Limits = field(default_factory=Limits)


def grade_class(wishes: Wishes) -> Counter[str]:
    """How many submissions there are in each state. Refused, in a sentence, where nothing can be graded."""
    assignments = _assignments(wishes.course, _seed(wishes.out))
    stems = {name: assignment.stem for name, assignment in assignments.items()}
    submissions = find(wishes.submitted, stems, wishes.assignment)
    kept = Results(wishes.out)
    used = {submission.assignment: assignments[submission.assignment] for submission in submissions}
    plugin = Grading(
        used, [wishes.course.resolve(), wishes.submitted.resolve(), wishes.out.resolve()], wishes.limits
    )
    states: Counter[str] = Counter()

    def keep(result: Result) -> None:
        kept.write(result)
        if wishes.feedback:
            write_feedback(wishes.out, result)

    with tqdm(total=len(submissions), desc="grading", unit="", disable=None) as bar:

        def note(result: Result) -> None:
            states[result.state] += 1
            bar.update()

        def to_grade() -> Iterator[tuple[str, str, bytes]]:
            """What is left after the submissions that need no running."""
            for submission in submissions:
                assignment = used[submission.assignment]
                notebook, problem = _read(submission)
                if notebook is None:
                    state = submission.state or "invalid"
                    result = ungraded(submission.student, assignment, state, problem)
                else:
                    result = wishes.resume and kept.find(
                        submission.student, assignment.name, assignment.digest(notebook)
                    )
                if not result:
                    yield submission.student, assignment.name, notebook
                    continue
                keep(result)
                note(result)

        waiting = to_grade()
        first = next(waiting, None)
        if first is not None:  # nobody waits for workers who would have nothing to do
            with workers(wishes.workers, wishes.scheduler, plugin) as client:
                for result in results(client, plugin, _chained(first, waiting)):
                    keep(result)
                    note(result)

    kept.write_tables()
    write_summary(wishes.out, kept)
    if wishes.gradebook:
        _into_gradebook(wishes.gradebook, used, submissions, kept)
    return states


def _into_gradebook(
    gradebook: Path, assignments: dict[str, Assignment], submissions: list[Submission], kept: Results
) -> None:
    from rnncourse.grading.gradebook import WrongGradebook, record  # nbgrader takes a second to import

    for name, assignment in assignments.items():
        theirs = {each.student: each for each in submissions if each.assignment == name}
        of_it = (result for result in kept if result.assignment == name and result.student in theirs)
        try:
            record(gradebook, assignment, of_it, lambda student, theirs=theirs: _read(theirs[student])[0])
        except WrongGradebook as problem:
            raise Refused(str(problem)) from None


def _chained(first, rest):
    yield first
    yield from rest


def _read(submission: Submission) -> tuple[bytes | None, str]:
    """The notebook, or None and why not."""
    try:
        return submission.read(), ""
    except Refused as problem:
        return None, str(problem)


def _assignments(course: Path, seed: int) -> dict[str, Assignment]:
    """The exercises of a course: from solutions/, else from exercises/."""
    folder = next((course / name for name in ("solutions", "exercises") if (course / name).is_dir()), None)
    if folder is None:
        raise Refused(
            f"there is no solutions/ and no exercises/ in {course.resolve()}. "
            "Start in the course's folder, or say --course FOLDER."
        )
    found = sorted(folder.glob("*/*.ipynb"))
    return {
        path.parent.name: Assignment(path.parent.name, path.stem, path.read_bytes(), seed) for path in found
    }


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

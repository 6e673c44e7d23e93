"""The exercise sets: exercises/ is what nbgrader makes of solutions/, and nbgrader grades them fairly."""

import importlib
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib
import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from nbgrader.nbgraderformat import MetadataValidator
from traitlets.config import PyFileConfigLoader

from rnncourse.grading.intake.assignment import Assignment
from rnncourse.grading.sandbox.client import SandboxClient
from rnncourse.grading.sandbox.limits import Limits
from rnncourse.grading.sandbox.walls import missing
from rnncourse.grading.submission import grade

ROOT = Path(__file__).parent.parent
SETS = sorted(path.relative_to(ROOT / "solutions") for path in ROOT.glob("solutions/*/*.ipynb"))
ANSWER = re.compile(r"^ *### BEGIN SOLUTION\n(.*?)^ *### END SOLUTION$", flags=re.MULTILINE | re.DOTALL)

WRITE = "(Write|Fill in|Repair|Mend|Complete) `{}`"  # a task says so of its own name, once

every_set = pytest.mark.parametrize("path", SETS, ids=str)


def read(folder, path):
    return nbformat.read(ROOT / folder / path, as_version=4)


def cells(notebook, kind):
    """The cells with nbgrader's mark `kind` ("grade", "solution"), by their grade_id."""
    marked = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get(kind)]
    return {cell.metadata.nbgrader.grade_id: cell for cell in marked}


def checks(path):
    module = importlib.import_module(f"rnncourse.checks.{path.stem}")
    return {f"{check.name}_check": check for check in module.CHECKS}


def shown(cell):
    return "".join(
        output.data.get("text/plain", "") for output in cell.outputs if output.output_type == "display_data"
    )


def points(cell):
    """The number that the cell ends in, as nbgrader reads it."""
    (result,) = [output for output in cell.outputs if output.output_type == "execute_result"]
    return int(result.data["text/plain"])


def nbgrader(*arguments, cwd):
    # nbgrader calls alembic by its bare name; and a kernel started elsewhere must find this rnncourse.
    bin_folder = os.path.dirname(sys.executable)
    environment = os.environ | {
        "PATH": os.pathsep.join([bin_folder, os.environ.get("PATH", "")]),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def nbgrader_in_this_process(folder):
    """What its commands do, without the seconds that each takes to begin."""
    config = PyFileConfigLoader("nbgrader_config.py", path=str(folder)).load_config()
    return NbGraderAPI(CourseDirectory(root=str(folder), config=config), config=config, log_level="ERROR")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A teacher's folder, after the one command that makes the exercises."""
    folder = tmp_path_factory.mktemp("course")
    shutil.copytree(ROOT / "solutions", folder / "solutions", ignore=shutil.ignore_patterns(".*"))
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    nbgrader("generate_assignment", "*", cwd=folder)
    return folder


# ---- exercises/ comes from solutions/


def test_exercises_are_up_to_date(course):
    """Byte for byte. If this fails: nbgrader generate_assignment "*"."""
    tracked = {p.relative_to(ROOT / "exercises") for p in (ROOT / "exercises").glob("*/*.ipynb")}
    assert tracked == set(SETS)
    for path in SETS:
        assert (ROOT / "exercises" / path).read_bytes() == (course / "exercises" / path).read_bytes(), path


@every_set
def test_no_answer_is_given_out(path):
    solution, exercise = read("solutions", path), read("exercises", path)
    released = "\n".join(cell.source for cell in exercise.cells)
    answers = [a for cell in cells(solution, "solution").values() for a in ANSWER.findall(cell.source)]
    assert len(answers) >= len(checks(path))
    for line in (line.strip() for answer in answers for line in answer.splitlines()):
        assert len(line) < 8 or line not in released, line
    explanations = [c.source for c in solution.cells if "explanation" in c.metadata.get("tags", [])]
    assert len(explanations) == len(checks(path))
    assert not any(text in released for text in explanations)
    assert not re.search("(BEGIN|END) SOLUTION", released)
    assert all(not cell.get("outputs") for cell in exercise.cells)


@every_set
def test_metadata(path):
    """Each answer has its locked check with the check's own points; all of it valid for nbgrader."""
    solution = read("solutions", path)
    for cell in solution.cells:
        if "nbgrader" in cell.metadata:
            MetadataValidator().validate_cell(cell)
            assert cell.metadata.nbgrader.schema_version == 3
    ids = [cell.metadata.nbgrader.grade_id for cell in solution.cells if "nbgrader" in cell.metadata]
    assert len(ids) == len(set(ids))
    graded = cells(solution, "grade")
    assert list(graded) == list(checks(path))
    for grade_id, cell in graded.items():
        check = checks(path)[grade_id]
        assert cell.source == f"check.{check.name}({check.name})"
        assert cell.metadata.nbgrader.locked
        assert not cell.metadata.nbgrader.solution
        assert cell.metadata.nbgrader.points == check.points
        assert check.name in cells(solution, "solution")
    total = sum(check.points for check in checks(path).values())
    number = "zero one two three four five six seven eight nine ten eleven twelve".split()[len(graded)]  # noqa: SIM905
    first = solution.cells[0].source.lower()
    assert re.search(rf"\b({len(graded)}|{number}) tasks?, {total} points", first), (
        f'the first cell should say "{number} tasks, {total} points"'
    )


@every_set
def test_tasks_say_how_their_points_fall(path):
    prose = [cell.source for cell in read("solutions", path).cells if cell.cell_type == "markdown"]
    for check in checks(path).values():
        (task,) = [
            text for text in prose if text.startswith("## ") and re.search(WRITE.format(check.name), text)
        ]
        assert re.search(rf"^{check.points} points[:,] ", task, flags=re.MULTILINE), check.name


# ---- solved and unsolved


@every_set
def test_the_solution_earns_all_points(path):
    """As stored; that the stored outputs are true is nbval's part."""
    graded = cells(read("solutions", path), "grade")
    earned = {grade_id: points(cell) for grade_id, cell in graded.items()}
    assert earned == {grade_id: check.points for grade_id, check in checks(path).items()}
    assert all(shown(cell).startswith("✓ ") for cell in graded.values())


@every_set
def test_the_unsolved_exercise_runs_to_its_end_and_earns_nothing(path, monkeypatch, tmp_path):
    """It runs as plain Python, which its cells are. (The solutions run in kernels.)"""
    verdicts, names = [], {"__name__": "__main__"}
    monkeypatch.setattr("rnncourse.checks.framework.check.show", verdicts.append)
    monkeypatch.chdir(ROOT / "exercises" / path.parent)
    with matplotlib.rc_context():
        for cell in read("exercises", path).cells:
            if cell.metadata.get("nbgrader", {}).get("grade"):
                assert eval(cell.source, names) == 0
            elif cell.cell_type == "code":
                file = tmp_path / f"{cell.id}.py"  # a check tells a stub by its source line
                file.write_text(cell.source, encoding="utf-8")
                exec(compile(cell.source, file, "exec"), names)
    expected = [f"… {check.name}: not written yet." for check in checks(path).values()]
    assert [str(verdict) for verdict in verdicts] == expected


# ---- a class, graded by nbgrader itself


def hand_in(course, path, student, change):
    """The exercise, each answer cell's source being change(grade_id, the solution's source, the stub)."""
    notebook = nbformat.read(course / "exercises" / path, as_version=4)
    solutions = cells(read("solutions", path), "solution")
    for grade_id, cell in cells(notebook, "solution").items():
        cell.source = change(grade_id, solutions[grade_id].source, cell.source)
    target = course / "submitted" / student / path
    target.parent.mkdir(parents=True)
    nbformat.write(notebook, target)


def noisy(grade_id, solution, stub):
    """Right, and full of warnings and prints: when the cell runs, and at each call."""
    if "class " in solution:
        return solution
    noise = "    import sys, warnings; warnings.warn('careful'); print('here', file=sys.stderr)\n"
    before = "import warnings\nwarnings.warn('a FutureWarning of sorts')\n"
    return before + solution.replace("    ### BEGIN SOLUTION\n", noise + "    ### BEGIN SOLUTION\n", 1)


def test_nbgrader_grades_a_class_and_our_grader_agrees(course, run_number):
    """Of one set, which is drawn. Half of a class's answers are missing, or all are there and noisy."""
    path = random.Random(run_number).choice(SETS)
    full = {grade_id: check.points for grade_id, check in checks(path).items()}
    half = list(full)[: len(full) // 2]

    def first_half(grade_id, solution, stub):
        return solution if f"{grade_id}_check" in half else stub

    hand_in(course, path, "half", first_half)
    hand_in(course, path, "noisy", noisy)
    expected = {
        "half": {grade_id: points if grade_id in half else 0 for grade_id, points in full.items()},
        "noisy": full,
    }
    api = nbgrader_in_this_process(course)
    done = [api.autograde(path.parent.name, student) for student in expected]
    assert all(one["success"] for one in done), done
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        for student, points in expected.items():
            submission = gradebook.find_submission_notebook(path.stem, path.parent.name, student)
            assert {grade.name: grade.auto_score for grade in submission.grades} == points, (path, student)
    if missing():
        pytest.skip(f"only nbgrader's half: {missing()}")
    assignment = Assignment(path.parent.name, path.stem, (ROOT / "solutions" / path).read_bytes(), seed=3)
    with SandboxClient() as host:
        for student, points in expected.items():
            notebook = (course / "submitted" / student / path).read_bytes()
            result = grade(student, assignment, notebook, host, Limits())
            assert {task.grade_id: task.points for task in result.tasks} == points, (path, student)
    done = api.generate_feedback(path.parent.name)
    assert done["success"], done
    assert (course / "feedback" / "half" / path.with_suffix(".html")).exists()

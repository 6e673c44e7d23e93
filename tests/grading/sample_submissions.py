"""Sample submissions for the tests of grading: the solution of exercise 06 with one change."""

import copy
from pathlib import Path

import nbformat

from rnncourse.grading.intake.assignment import Assignment

ROOT = Path(__file__).parents[2]
SEED = 20260707


def assignment(name, seed=SEED):
    (path,) = (ROOT / "solutions" / name).glob("*.ipynb")
    return Assignment(name, path.stem, path.read_bytes(), seed)


LSTM_GATES = assignment("06_lstm_gates")
PERFECT = LSTM_GATES.notebook
EXERCISE = ROOT / "exercises" / LSTM_GATES.name / f"{LSTM_GATES.stem}.ipynb"
_SOLVED = nbformat.reads(PERFECT.decode(), as_version=4)


def marks(cell):
    return cell.metadata.get("nbgrader", {})


def solved():
    """Return a copy of the solution that a test can change."""
    return copy.deepcopy(_SOLVED)


def written(notebook):
    return nbformat.writes(notebook).encode()


def code(source):
    return nbformat.v4.new_code_cell(source)


def answered(**sources):
    """Return the solution with other answers to the named tasks."""
    notebook = solved()
    for cell in notebook.cells:
        if marks(cell).get("solution") and marks(cell)["grade_id"] in sources:
            cell.source = sources.pop(marks(cell)["grade_id"])
    assert not sources
    return written(notebook)


def replaced(old, new):
    """Return the solution with `new` for `old`, which contain no quotes or line ends (JSON escapes those)."""
    assert old.encode() in PERFECT
    return PERFECT.replace(old.encode(), new.encode())


def with_cell(source, before="gates"):
    """Return the solution with one more cell before that task's answer; at the end if `before` is None."""
    notebook = solved()
    ids = [marks(cell).get("grade_id") for cell in notebook.cells]
    at = len(ids) if before is None else ids.index(before)
    notebook.cells.insert(at, code(source))
    return written(notebook)

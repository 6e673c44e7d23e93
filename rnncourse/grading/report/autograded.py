"""Make the notebook that formgrader shows: the released exercise with a student's code and the verdicts.

nbgrader shows the outputs of the student's notebook on the teacher's page, where they could contain scripts.
Here, only the code of the student's cells is kept, and the outputs are the verdicts.
"""

from __future__ import annotations

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from rnncourse.grading.errors import NotebookError
from rnncourse.grading.intake.assignment import Assignment
from rnncourse.grading.intake.notebook import read_cells, text_of
from rnncourse.grading.report.feedback import not_judged, verdict
from rnncourse.grading.report.result import STATES, Result, TaskResult


def autograded(assignment: Assignment, submitted: bytes | None, result: Result) -> NotebookNode:
    """Return a valid notebook, whatever was submitted. The student's extra cells stay in their places."""
    notebook = nbformat.reads(assignment.notebook.decode(), as_version=4)
    answers, own = _answers(assignment, submitted)
    tasks = {task.grade_id: task for task in result.tasks}
    woven, k = list(own.get(-1, ())), -1
    if result.state != "graded":
        words = f"**{result.state}**: {STATES[result.state]}."
        woven.insert(0, new_markdown_cell(words, id="state"))
    for cell in notebook.cells:
        if "explanation" in cell.metadata.get("tags", ()):
            continue
        woven.append(cell)
        if cell.cell_type == "code":
            k += 1
            cell.outputs, cell.execution_count = [], None
            if assignment.source.grade_id(k) and not assignment.source.is_locked(k):
                cell.source = answers.get(k, "# this cell is missing from the submission")
            elif assignment.source.grade_id(k) in tasks:
                cell.outputs = [_output(tasks[assignment.source.grade_id(k)])]
            woven += own.get(k, ())
    notebook.cells = woven
    return notebook


def _answers(
    assignment: Assignment, submitted: bytes | None
) -> tuple[dict[int, str], dict[int, list[NotebookNode]]]:
    """Return the sources of the exercise's cells, and the student's extra cells.

    The keys of both are numbers of the exercise's cells; an extra cell follows the cell with that number, or
    comes first if it is -1.
    """
    try:
        cells = read_cells(submitted) if submitted is not None else []
    except NotebookError:
        cells = []
    answers: dict[int, str] = {}
    own: dict[int, list[NotebookNode]] = {}
    given = {cell["source"].strip(): k for k, cell in enumerate(assignment.source.cells)}
    last = -1
    for n, cell in enumerate(cells):
        k = assignment.source.where(cell)
        text = text_of(cell)
        if k is None:
            k = given.get(text.strip())  # a cell that lost its metadata but was not edited
        if k is not None and k not in answers:
            answers[k] = text
            last = k
        elif k is None and cell["cell_type"] == "code":
            own.setdefault(last, []).append(new_code_cell(text, id=f"own-{n}"))
    return answers, own


def _output(task: TaskResult) -> NotebookNode:
    if task.points is None:
        return new_output("stream", name="stdout", text=not_judged(task) + "\n")
    shown = verdict(task)
    data = {"text/plain": shown.words, "text/html": shown._repr_html_()}
    return new_output("display_data", data=data)

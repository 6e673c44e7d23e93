"""Which cells are run, and in which order: the student's answers and the source's checks."""

import json

import pytest

from rnncourse.grading.intake.notebook import Source, grouped, read_cells, steps


def cell(source, **marks):
    """Return a code cell; marks: nbgrader's metadata."""
    return {"cell_type": "code", "source": source, "metadata": {"nbgrader": marks} if marks else {}}


def answer(name, source):
    return cell(source, grade_id=name, solution=True)


def check(name, source=None):
    return cell(source or f"check.{name}({name})", grade_id=f"{name}_check", grade=True, locked=True)


IMPORTS = cell("import torch", grade_id="imports", locked=True)
CELLS = [IMPORTS, answer("f", "f = 1"), check("f"), answer("g", "g = 2"), check("g")]


def file(cells):
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()


SOURCE = Source.of(file(CELLS))
F_CHECK, G_CHECK = 2, 4  # the numbers of their cells in the source


def run(*cells):
    return steps(read_cells(file(cells)), SOURCE)


def test_released_cells_run_in_order():
    assert run(*CELLS) == ["import torch", "f = 1", F_CHECK, "g = 2", G_CHECK]


def test_a_students_own_cells_stay_where_they_are():
    text = {"cell_type": "markdown", "source": "my thoughts", "metadata": {}}
    own = [*CELLS[:2], cell("f += 1"), text, *CELLS[2:], cell("print(g)")]
    assert run(*own) == ["import torch", "f = 1", "f += 1", F_CHECK, "g = 2", G_CHECK, "print(g)"]


def test_edited_check_is_restored_from_the_source():
    edited = [*CELLS[:2], check("f", "print('full points')"), *CELLS[3:]]
    assert run(*edited) == run(*CELLS)


def test_duplicated_check_counts_once():
    assert run(*CELLS, check("f")) == run(*CELLS)


@pytest.mark.parametrize("gone", [0, 2, 4])
def test_deleted_check_follows_its_answer(gone):
    assert run(*CELLS[:gone], *CELLS[gone + 1 :]) == run(*CELLS)


def test_check_stays_where_the_student_has_it():
    moved = [IMPORTS, CELLS[1], CELLS[3], CELLS[4], CELLS[2]]
    assert run(*moved) == ["import torch", "f = 1", "g = 2", G_CHECK, F_CHECK]


def test_checks_wait_for_one_another():
    assert list(grouped(run(*CELLS))) == ["import torch", "f = 1", "g = 2", [F_CHECK, G_CHECK]]


def test_a_check_does_not_wait_for_a_cell_that_changes_its_answer():
    f, g = "def f():\n    return k", "k = 2\ng = 1"  # f reads a name that is defined after its check
    found = list(grouped(run(IMPORTS, answer("f", f), CELLS[2], answer("g", g), CELLS[4])))
    assert found == ["import torch", f, [F_CHECK], g, [G_CHECK]]

"""The museum of lesson 22: each test fails before the repair and passes after it; page and lesson follow."""

import re
from pathlib import Path

import nbformat
import pytest
import torch

from rnncourse import museum

ROOT = Path(__file__).parents[1]
LESSON = ROOT / "notebooks" / "22_fix_the_internet.ipynb"
BY_NAME = {exhibit.name: exhibit for exhibit in museum.EXHIBITS}
each_exhibit = pytest.mark.parametrize("exhibit", museum.EXHIBITS, ids=lambda exhibit: exhibit.name)


@each_exhibit
def test_each_test_fails_before_the_repair_and_passes_after_it(exhibit):
    names = exhibit.run("claim", "refute", "repair", "test")
    for _ in range(10):  # other weights each time
        with pytest.raises((AssertionError, TypeError)):
            names["test"](names["claimed"])
        names["test"](names["repaired"])


def test_there_are_twenty_exhibits_and_half_of_them_are_code():
    assert len(BY_NAME) == len(museum.EXHIBITS) >= 20
    code = [exhibit for exhibit in museum.EXHIBITS if exhibit.kind == "code"]
    assert 2 * len(code) >= len(museum.EXHIBITS)
    assert {exhibit.kind for exhibit in museum.EXHIBITS} == {"code", "words"}


@each_exhibit
def test_sources_are_threads_and_nobody_is_blamed(exhibit):
    links = re.findall(r"\]\((\S+?)\)", exhibit.source)
    threads = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+/(?:issues|pull)/\d+")
    assert all(threads.fullmatch(link) or (LESSON.parent / link).exists() for link in links)
    assert links or exhibit.source.startswith(("a note", "a widely read"))


def test_the_refutation_does_not_touch_the_callers_random_numbers():
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    museum.EXHIBITS[0].printed()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_page_is_up_to_date():
    text = (ROOT / "docs" / "museum.md").read_text(encoding="utf-8")
    assert text == museum.page(), "run: python -m rnncourse.museum docs/museum.md"


def cells():
    notebook = nbformat.read(LESSON, as_version=nbformat.NO_CONVERT)
    return {cell.id: cell for cell in notebook.cells}


@each_exhibit
def test_the_lesson_shows_each_exhibit_from_the_one_source(exhibit):
    shown = cells()
    words = shown[exhibit.name].source
    for text in (exhibit.title, exhibit.source, exhibit.claim, exhibit.question, exhibit.answer):
        assert text in words
    refutation, repair = shown[f"{exhibit.name}-refute"], shown[f"{exhibit.name}-test"]
    assert exhibit.code["claim"] in refutation.source
    assert exhibit.code["refute"] in refutation.source
    assert exhibit.code["repair"] in repair.source
    assert exhibit.code["test"] in repair.source
    said = "".join(output.text for output in repair.outputs)
    assert "claimed   ✗ the test fails" in said
    assert "repaired  ✓ the test passes" in said
    assert exhibit.more in shown[f"{exhibit.name}-more"].source

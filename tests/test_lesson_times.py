"""What a lesson says of itself at its ends: how long it takes, what can be skipped, and what comes next."""

import importlib
import pkgutil
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import rnncourse.checks

ROOT = Path(__file__).parent.parent
LESSONS = {int(path.name[:2]): path for path in sorted(ROOT.glob("notebooks/[0-8][0-9]_*.ipynb"))}
LAST = 23  # its end leads back to the list of lessons
EXERCISES = sorted(ROOT.glob("solutions/*/*.ipynb"))  # a lesson may have more than one
DEEPER = "*Going deeper:"  # begins the line under the heading of a section that can be skipped
TIME = re.compile(
    r"Reading and running takes about (\d+) minutes"
    r"(?:, and (\d+) more for the sections marked \*Going deeper\*, which you can skip on a first reading)?\."
)
DISPLAYED = re.compile(r"\$\$.*?\$\$", re.DOTALL)


@dataclass
class Section:
    heading: str
    level: int
    deeper: bool = False  # itself, or a section around it
    minutes: float = 0.0


def sections(notebook):
    """The sections of a lesson, each without those below it, with the minutes that it takes.

    180 words or 12 lines of code are a minute, and so is a question; a displayed equation is half of one.
    A folded cell takes no time: there is nothing to read in it.
    """
    found = [Section("", 1)]
    for cell in notebook.cells:
        if cell.metadata.get("jupyter", {}).get("source_hidden"):
            continue
        if cell.cell_type == "code":
            found[-1].minutes += sum(bool(line.strip()) for line in cell.source.splitlines()) / 12
            continue
        for text in re.split(r"(?m)^(?=##+ )", cell.source):
            if heading := re.match(r"(##+) (.*)", text):
                level = len(heading[1])
                around = next((s.deeper for s in reversed(found) if s.level < level), False)
                found.append(Section(heading[2], level, DEEPER in text or around))
            words = len(DISPLAYED.sub(" ", text).split())
            found[-1].minutes += words / 180 + text.count("**Predict") + len(DISPLAYED.findall(text)) / 2
    return found


def counted(notebook):
    """The minutes of the main road and those of the sections that can be skipped, rounded to five."""
    for deeper in (False, True):
        minutes = sum(s.minutes for s in sections(notebook) if s.deeper == deeper)
        yield 5 * round(minutes / 5)


def stated(notebook):
    [(main, deeper)] = TIME.findall(notebook.cells[0].source)
    return int(main), int(deeper or 0)


def read(path):
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


def links(text):
    return re.findall(r"\]\(([^)#]+)", text)


@pytest.mark.parametrize("number", sorted(set(LESSONS) - {0}))
def test_a_lesson_says_how_long_it_takes(number):
    notebook = read(LESSONS[number])
    assert stated(notebook) == tuple(counted(notebook))


def test_lesson_00_and_the_readme_say_the_same_time():
    notebook = read(LESSONS[0])
    [minutes] = re.findall(r"it takes about (\d+) minutes", notebook.cells[0].source)
    assert [int(minutes), 0] == list(counted(notebook))
    word = {5: "five", 10: "ten", 15: "fifteen"}[int(minutes)]
    assert f"Lesson 00 takes {word} minutes" in " ".join(
        (ROOT / "README.md").read_text(encoding="utf-8").split()
    )


@pytest.mark.parametrize("number", sorted(LESSONS))
def test_the_main_road_is_shorter_than_50_minutes(number):
    assert sum(s.minutes for s in sections(read(LESSONS[number])) if not s.deeper) < 50


@pytest.mark.parametrize("number", sorted(LESSONS))
def test_a_lesson_ends_with_a_link_to_the_next(number):
    [end] = re.findall(r"(?m)^\*\*Next:\*\* .*", read(LESSONS[number]).cells[-1].source)
    if number + 1 in LESSONS:
        assert links(end)[0] == LESSONS[number + 1].name
    elif number == LAST:
        assert links(end)[0] == LESSONS[0].name
    else:
        assert not links(end)
        assert f"lesson {number + 1:02}" in end


@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.parent.name)
def test_an_exercise_ends_with_links_to_its_lesson_and_to_the_next(path):
    number = int(path.parent.name[:2])
    found = links(read(path).cells[-1].source)
    assert f"../../notebooks/{LESSONS[number].name}" in found
    following = LESSONS.get(number + 1, LESSONS[0])  # after the last: the list of lessons
    assert f"../../notebooks/{following.name}" in found


def named_by_hints():
    """{lesson: the headings of the sections that the checks send learners to}"""
    for found in pkgutil.iter_modules(rnncourse.checks.__path__):
        if not found.ispkg:
            checks = importlib.import_module(f"rnncourse.checks.{found.name}").CHECKS
            for check in checks:
                yield int(check.lesson), check.section
                yield from ((int(check.lesson), mistake.section) for mistake in check.mistakes)


def test_no_exercise_needs_a_section_that_can_be_skipped():
    skipped = {
        (number, section.heading)
        for number, path in LESSONS.items()
        for section in sections(read(path))
        if section.deeper
    }
    assert skipped & set(named_by_hints()) == set()


# ---- the count, on a page that can be counted by hand


def page(*extra):
    words = " ".join(["word"] * 178)
    return new_notebook(
        cells=[
            new_markdown_cell("# A"),
            new_markdown_cell(f"## B\n\n{words}"),  # 180 words, with the heading: one minute
            new_code_cell("\n\n".join(["x = 1"] * 24)),  # two minutes; empty lines are not counted
            *extra,
        ]
    )


@pytest.mark.parametrize(
    ("extra", "main", "deeper"),
    [
        ((), 3, 0),
        (("**Predict.** " * 5,), 8, 0),
        (("$$a\n= b$$ " * 6,), 6, 0),
        (("## C\n\n*Going deeper: run.*", "**Predict.** " * 4), 3, 4),
        (("## C\n\n*Going deeper: run.*\n\n### D", "**Predict.** " * 4), 3, 4),  # a section in a section
        (("## C\n\n*Going deeper: run.*\n\n## D", "**Predict.** " * 4), 7, 0),  # the next section
    ],
)
def test_minutes_are_counted(extra, main, deeper):
    found = sections(page(*map(new_markdown_cell, extra)))
    assert sum(s.minutes for s in found if not s.deeper) == pytest.approx(main, abs=0.1)
    assert sum(s.minutes for s in found if s.deeper) == pytest.approx(deeper, abs=0.1)

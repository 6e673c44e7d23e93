"""The learner's own copy: what is renewed, what is kept, and that nothing of theirs is ever lost."""

import contextlib
import datetime
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from rnncourse.lab import workspace
from rnncourse.lab.workspace import Workspace

ROOT = Path(__file__).parent.parent
DAY = datetime.date(2026, 3, 1)


def notebook(*sources, outputs=()):
    cells = [
        {"cell_type": "code", "source": s, "outputs": list(outputs), "execution_count": 3, "metadata": {}}
        for s in sources
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


OUTPUT = {"output_type": "stream", "name": "stdout", "text": "the answer"}


class Course:
    """A course of one lesson and one exercise."""

    def __init__(self, root):
        self.root = root
        for folder in ("notebooks", "exercises/13_packing", "docs"):
            (root / folder).mkdir(parents=True)
        (root / "docs" / "a.png").write_bytes(b"png")
        self.lesson("x = 1")
        self.exercise("def f(): ...")

    def lesson(self, *sources):
        text = notebook(
            *sources, "[](../exercises/13_packing/packing.ipynb) ![](../docs/a.png)", outputs=[OUTPUT]
        )
        (self.root / "notebooks" / "13_packing.ipynb").write_text(text)

    def exercise(self, *sources):
        text = notebook(*sources, "[](../../notebooks/13_packing.ipynb) [](../12_b/b.ipynb)")
        (self.root / "exercises" / "13_packing" / "packing.ipynb").write_text(text)

    def renew(self, day=DAY):
        return Workspace(self.root, day).renew()

    @property
    def mine(self):
        return self.root / "work" / "exercises" / "exercise_13_packing.ipynb"

    @property
    def my_lesson(self):
        return self.root / "work" / "notebooks" / "13_packing.ipynb"

    def everything(self):
        """All texts of notebooks in the copy."""
        return {file.read_text() for file in (self.root / "work").rglob("*.ipynb")}


@pytest.fixture
def home(tmp_path_factory, monkeypatch):
    """The home of the machine's user, where progress was saved before it came into the copy."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    (home / ".rnncourse").mkdir()
    (home / ".rnncourse" / "progress.json").write_text('{"06": {"gates": [4, 4]}}')
    return home


@pytest.fixture
def course(tmp_path, home):
    return Course(tmp_path)


def test_lessons_come_without_their_answers_and_links_lead_on(course):
    assert course.renew() == []
    cells = json.loads(course.my_lesson.read_text())["cells"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    assert "(../exercises/exercise_13_packing.ipynb)" in cells[-1]["source"]
    assert (course.root / "work" / "docs" / "a.png").read_bytes() == b"png"
    assert "(../notebooks/13_packing.ipynb)" in course.mine.read_text()
    assert "(exercise_12_b.ipynb)" in course.mine.read_text()


def test_what_was_not_changed_is_renewed(course):
    course.renew()
    course.exercise("def g(): ...")
    assert course.renew() == []
    assert "def g" in course.mine.read_text()
    assert not (course.root / "work" / "old").exists()


def test_what_was_only_run_is_renewed_and_its_outputs_are_kept(course):
    course.renew()
    ran = notebook(
        "def f(): ...", "[](../notebooks/13_packing.ipynb) [](exercise_12_b.ipynb)", outputs=[OUTPUT]
    )
    course.mine.write_text(ran)
    assert course.renew() == []  # nothing new in the course: nothing happens
    assert course.mine.read_text() == ran
    course.exercise("def g(): ...")
    (said,) = course.renew()
    assert said == (
        "exercises/exercise_13_packing.ipynb has changed in the course and was updated. Yours, with its"
        " outputs, is in old/exercises/exercise_13_packing (2026-03-01).ipynb."
    )
    assert ran in course.everything()
    assert "def g" in course.mine.read_text()


def test_what_was_written_stays_and_the_new_one_is_laid_beside_once(course):
    course.renew()
    course.mine.write_text(notebook("def f(): return 1"))
    course.exercise("def g(): ...")
    (said,) = course.renew()
    assert said == (
        "exercises/exercise_13_packing.ipynb has changed in the course. Yours stays, because you have written"
        " in it; the new one is exercise_13_packing (new, 2026-03-01).ipynb."
    )
    assert "return 1" in course.mine.read_text()
    assert "def g" in course.mine.with_name("exercise_13_packing (new, 2026-03-01).ipynb").read_text()
    assert course.renew(datetime.date(2026, 3, 2)) == []


def test_what_was_written_into_the_new_one_stays_too(course):
    course.renew()
    course.mine.write_text(notebook("mine"))
    course.exercise("def g(): ...")
    course.renew()
    course.mine.with_name("exercise_13_packing (new, 2026-03-01).ipynb").write_text(notebook("mine, too"))
    course.exercise("def h(): ...")
    (said,) = course.renew()  # a second update on the same day
    assert said.endswith("the new one is exercise_13_packing (new, 2026-03-01) 2.ipynb.")
    assert {notebook("mine"), notebook("mine, too")} <= course.everything()
    assert "def h" in "".join(course.everything())


def test_a_script_that_was_changed_stays_and_is_set_aside_when_the_course_changes_it(course):
    given, mine = course.root / "docs" / "a.py", course.root / "work" / "docs" / "a.py"
    given.write_text("theirs")
    course.lesson("[](../docs/a.py)")
    course.renew()
    mine.write_text("mine")
    assert course.renew() == []
    assert mine.read_text() == "mine"
    given.write_text("new")
    assert course.renew() == [
        "docs/a.py has changed in the course and was updated. Yours, which you had changed, is in"
        " old/docs/a (2026-03-01).py."
    ]
    assert mine.read_text() == "new"
    assert (course.root / "work" / "old" / "docs" / "a (2026-03-01).py").read_text() == "mine"


def test_the_file_browser_is_wide_at_first_and_later_as_the_learner_has_it(course):
    course.renew()
    layout = course.root / "work" / workspace.LAYOUT
    assert json.loads(layout.read_text()) == workspace.WIDE_FILE_BROWSER
    layout.write_text("the learner's")
    course.renew()
    assert layout.read_text() == "the learner's"


def test_jupyterlab_looks_for_the_layout_where_it_is():
    handler = pytest.importorskip("jupyterlab_server.workspaces_handler")
    name = handler.slugify("default") + handler.WORKSPACE_EXTENSION
    assert Path(workspace.LAYOUT).name == name
    folder = ROOT / "work" / Path(workspace.LAYOUT).parent
    course = runpy.run_path(str(ROOT / "course.py"))
    assert f"--LabApp.workspaces_dir={folder}" in course["COMMANDS"]["lab"]


def test_what_was_deleted_comes_back_and_what_cannot_be_read_is_kept(course):
    course.renew()
    course.mine.unlink()
    assert course.renew() == []
    assert course.mine.exists()
    course.mine.write_text("half a file")
    (said,) = course.renew()
    assert "cannot be read as a notebook" in said
    assert "half a file" in course.everything()
    assert "def f" in course.mine.read_text()


def test_reset_gives_an_exercise_back_and_keeps_the_old(course):
    course.renew()
    for n in range(3):
        course.mine.write_text(notebook(f"mine {n}"))
        said = Workspace(course.root, DAY).reset("13")
        assert said.startswith(
            "exercises/exercise_13_packing.ipynb is the original again. What you had written is in old/"
        )
        assert "def f" in course.mine.read_text()
    assert {notebook(f"mine {n}") for n in range(3)} <= course.everything()
    assert Workspace(course.root, DAY).reset("13") == "exercises/exercise_13_packing.ipynb is the original."
    assert Workspace(course.root, DAY).reset("7") == "There is no exercise 7. There are: 13."


def test_of_two_exercises_of_a_lesson_the_one_named_is_reset(course):
    folder = course.root / "exercises" / "13_masking"
    folder.mkdir()
    (folder / "masking.ipynb").write_text(notebook("def g(): ..."))
    course.renew()
    other = course.root / "work" / "exercises" / "exercise_13_masking.ipynb"
    course.mine.write_text(notebook("mine"))
    other.write_text(notebook("mine, too"))
    reset = Workspace(course.root, DAY).reset
    assert reset("13") == "Lesson 13 has more than one exercise. Name one of them: 13_masking, 13_packing."
    assert reset("masking").startswith("exercises/exercise_13_masking.ipynb is the original again.")
    assert "def g" in other.read_text()
    assert course.mine.read_text() == notebook("mine")
    assert reset("13_packing").startswith("exercises/exercise_13_packing.ipynb is the original again.")


def test_progress_of_an_older_copy_comes_into_it_and_a_new_copy_begins_with_none(course, home):
    before, mine = home / ".rnncourse" / "progress.json", course.root / "work" / "progress.json"
    for _ in range(2):  # on the second day, too
        course.renew()
        assert mine.read_text() == "{}"
    mine.unlink()  # as in a copy that an earlier version made
    course.renew()
    assert mine.read_text() == before.read_text()
    mine.write_text("{}")
    course.renew()
    assert mine.read_text() == "{}"
    assert "gates" in before.read_text()


def test_sliders_of_a_saved_page_become_a_sentence(course):
    course.renew()
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "VBox(…)"}
    slider = {"output_type": "display_data", "data": view, "metadata": {}}
    course.my_lesson.write_text(notebook("x = 1", "y = 2", outputs=[slider, OUTPUT]))
    sources = [cell["source"] for cell in json.loads(course.my_lesson.read_text())["cells"]]
    course.renew()
    cells = json.loads(course.my_lesson.read_text())["cells"]
    assert [cell["source"] for cell in cells] == sources
    for cell in cells:
        assert [output.get("data") for output in cell["outputs"]] == [
            {"text/plain": workspace.RUN_AGAIN},
            None,
        ]
        assert cell["outputs"][1] == OUTPUT


def test_a_document_comes_with_its_pictures_and_without_dead_links(course):
    (course.root / "README.md").write_text(
        "![a](docs/a.png) [e](exercises/13_packing/packing.ipynb) [l](notebooks/13_packing.ipynb)"
        " [d](docs/design.md) [w](https://pytorch.org)"
    )
    course.lesson("[](../README.md)")
    course.renew()
    assert (course.root / "work" / "README.md").read_text() == (
        "![a](docs/a.png) [e](exercises/exercise_13_packing.ipynb) [l](notebooks/13_packing.ipynb)"
        " d [w](https://pytorch.org)"
    )
    assert (course.root / "work" / "docs" / "a.png").read_bytes() == b"png"


def test_an_exercise_with_its_lessons_name_is_renamed_with_what_was_written_in_it(course):
    course.renew()
    given, before = course.root / "work" / workspace.GIVEN, course.mine.with_name("13_packing.ipynb")
    course.mine.rename(before)
    given.write_text(given.read_text().replace("exercise_13", "13"))
    before.write_text(notebook("mine"))
    assert course.renew() == []
    assert course.mine.read_text() == notebook("mine")
    assert not before.exists()
    assert course.renew() == []


class Killed(BaseException):
    """In place of a kill: whatever would run next does not."""


@pytest.mark.parametrize("step", range(8))
@pytest.mark.parametrize("written", [True, False])
def test_killed_at_any_step_nothing_is_lost_and_the_next_start_ends_it(course, monkeypatch, step, written):
    course.renew()
    own = notebook("mine") if written else notebook(
        "def f(): ...", "[](../notebooks/13_packing.ipynb) [](exercise_12_b.ipynb)", outputs=[OUTPUT]
    )  # fmt: skip
    course.mine.write_text(own)
    course.lesson("x = 2")
    course.exercise("def g(): ...")
    steps = iter(range(100))
    kept = {"replace": os.replace, "copy2": workspace.shutil.copy2}

    def dying(name):
        def call(*arguments):
            if next(steps) == step:
                raise Killed
            return kept[name](*arguments)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(workspace.os, "replace", dying("replace"))
        patch.setattr(workspace.shutil, "copy2", dying("copy2"))
        with contextlib.suppress(Killed):
            course.renew()
    assert own in course.everything()
    course.renew()
    assert own in course.everything()
    texts = "".join(course.everything())
    assert "def g" in texts
    assert "x = 2" in course.my_lesson.read_text()


def test_a_page_given_out_before_a_kill_does_not_look_like_the_learners_own(course, monkeypatch):
    course.renew()
    course.lesson("x = 2")
    course.exercise("def g(): ...")
    replaced = iter(range(100))

    def dying(*arguments, kept=os.replace):
        if next(replaced) == 2:  # after the lesson and the note that it was given out
            raise Killed
        return kept(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(workspace.os, "replace", dying)
        with pytest.raises(Killed):
            course.renew()
    course.lesson("x = 3")
    assert course.renew() == []
    assert "x = 3" in course.my_lesson.read_text()


def test_it_needs_the_standard_library_alone():
    file = Path(workspace.__file__)
    code = (
        f"import runpy, sys; runpy.run_path({str(file)!r})\n"
        "print({'torch', 'numpy', 'rnncourse'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_copy_of_the_real_course_has_no_output_and_no_dead_link(tmp_path):
    for folder in ("notebooks", "exercises", "docs", "examples", "README.md"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    Workspace(tmp_path, DAY).renew()
    pages = list((tmp_path / "work").rglob("*.ipynb"))
    assert len(pages) == len([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("exercises/*/*.ipynb")])
    for page in pages:
        content = json.loads(page.read_text())
        for cell in content["cells"]:
            assert not cell.get("outputs")
            for link in workspace.re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", "".join(cell["source"])):
                if (cell["cell_type"] == "markdown" and "/" in link) or link.endswith(".ipynb"):
                    assert (page.parent / link).exists(), f"{page.name}: {link}"
    for document in (tmp_path / "work").rglob("*.md"):
        for link in workspace.re.findall(r"\]\((?!https?:|#)([^)#\s]+)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"

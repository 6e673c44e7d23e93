"""Manage the learner's copy of the course, in work/: the lessons without their outputs, and the exercises.

Git tracks the originals and never sees the copy. So the answers are not visible below a lesson's questions,
and an update of the course never conflicts with a file that somebody is working in. Nothing that the learner
wrote is overwritten or deleted: what is replaced is moved to work/old/, and what was changed stays where it
is.

`course.py` runs this file by its path, with only Python's standard library, so it need not wait for torch.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

GIVEN = ".given.json"  # for each page, the digest of the version that was given out last
LAYOUT = ".jupyterlab/default-37a8.jupyterlab-workspace"  # JupyterLab's name for its first workspace
PROGRESS = "progress.json"  # which tasks are done: `rnncourse.progress` reads and writes it
EXERCISE = "exercise_"  # before its name: a tab must say whether it has the lesson or the exercise
TO_AN_EXERCISE = re.compile(r"(?:\.\./exercises/|\.\./)(\d\d_\w+)/\w+\.ipynb")
TO_A_LESSON = re.compile(r"\.\./\.\./(notebooks/\w+\.ipynb)")
TO_A_FILE = re.compile(r"\]\(\.\./((?!notebooks/|exercises/)[\w./-]+)(?:#[\w-]+)?\)")
LINK = re.compile(r"(!?)\[([^]]*)\]\((?!https?:|#)([^)\s]+)\)")  # to a file of the course
SLIDERS = "application/vnd.jupyter.widget-view+json"
RUN_AGAIN = "The sliders need a running kernel: run this cell again, and those above it."

# The file browser takes as much of the window as the longest name of an exercise needs.
WIDE_FILE_BROWSER = {
    "data": {
        "layout-restorer:data": {
            "left": {"collapsed": False, "visible": True, "current": "filebrowser"},
            "right": {"collapsed": True, "visible": True},
            "relativeSizes": [0.28, 0.72, 0],
        }
    },
    "metadata": {"id": "default"},
}

KEPT = "{page} has changed in the course. Yours stays, because you have written in it; the new one is {new}."
RENEWED = "{page} has changed in the course and was updated. Yours, with its outputs, is in {old}."
UNREADABLE = "{page} cannot be read as a notebook, so it was moved to {old} and replaced with a new one."
CHANGED = "{file} has changed in the course and was updated. Yours, which you had changed, is in {old}."
RESET = "{page} is the original again. What you had written is in {old}."
NO_EXERCISE = "There is no exercise {number}. There are: {numbers}."
SEVERAL = "Lesson {number} has more than one exercise. Name one of them: {names}."
AS_GIVEN = "{page} is the original."


class Workspace:
    """The copy in `root`/work of the course in `root`."""

    def __init__(self, root: Path, today: datetime.date | None = None) -> None:
        self.root, self.work = root, root / "work"
        self.today = today or datetime.date.today()

    def renew(self) -> list[str]:
        """Update the copy and return a sentence for each page that the learner should know about."""
        given = self._given()
        self._begin_progress(new=not given)
        self._adopt_names(given)
        if not (self.work / LAYOUT).exists():  # later, JupyterLab writes there what the learner has chosen
            _write(self.work / LAYOUT, json.dumps(WIDE_FILE_BROWSER).encode())
        said: list[str] = []
        for page, text in self._pages():
            said += self._renew(page, text, given)
            self._note(given, page, _digest(text))
            _drop_dead_sliders(self.work / page)
        for name in sorted({found for _, text in self._pages() for found in TO_A_FILE.findall(text)}):
            if (self.root / name).is_file():
                said += self._renew_file(name, given)
        return said

    def reset(self, number: str) -> str:
        """Restore the original of an exercise and move what the learner wrote to work/old/.

        Args:
            number: the number of its lesson or, if the lesson has several exercises, the exercise's name,
                such as 16_silent_bugs.

        Returns:
            A sentence that says what was done.
        """
        pages = {
            Path(page).stem.removeprefix(EXERCISE): (page, text)
            for page, text in self._pages()
            if page.startswith("exercises")
        }
        named = [name for name in pages if number in (name, name[3:]) or number.zfill(2) == name[:2]]
        if not named:
            numbers = sorted({name[:2] for name in pages})
            return NO_EXERCISE.format(number=number, numbers=", ".join(numbers))
        if len(named) > 1:
            return SEVERAL.format(number=number, names=", ".join(named))
        page, text = pages[named[0]]
        mine = self.work / page
        if mine.exists() and mine.read_text(encoding="utf-8") == text:
            return AS_GIVEN.format(page=page)
        old = self._set_aside(page) if mine.exists() else None
        _write(mine, text.encode())
        self._note(self._given(), page, _digest(text))
        return RESET.format(page=page, old=old) if old else AS_GIVEN.format(page=page)

    def _renew(self, page: str, text: str, given: dict[str, str]) -> Iterator[str]:
        mine = self.work / page
        if not mine.exists():
            _write(mine, text.encode())
            return
        found = _digest_of(mine)
        if found == _digest(text):  # whichever cells have been run since
            return
        if found is None:
            old = self._set_aside(page)
            _write(mine, text.encode())
            yield UNREADABLE.format(page=page, old=old)
        elif found == given.get(page):
            if _was_run(mine):
                yield RENEWED.format(page=page, old=self._set_aside(page))
            _write(mine, text.encode())
        elif given.get(page) != _digest(text):
            new = mine.with_name(f"{mine.stem} (new, {self.today}).ipynb")
            if _digest_of(new) != _digest(text):
                new = _free(new)  # the learner may have written in an earlier one of the same day
                _write(new, text.encode())
            yield KEPT.format(page=page, new=new.name)

    def _renew_file(self, name: str, given: dict[str, str]) -> Iterator[str]:
        """Copy a document, a picture or a script that the pages link to."""
        theirs, mine = self.root / name, self.work / name
        content = self._readable(theirs).encode() if name.endswith(".md") else theirs.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        found = hashlib.sha256(mine.read_bytes()).hexdigest() if mine.is_file() else digest
        if name in given and found not in (given[name], digest):  # the learner has changed it
            if given[name] == digest:
                return
            yield CHANGED.format(file=name, old=self._set_aside(name))
        _write(mine, content)
        self._note(given, name, digest)

    def _pages(self) -> Iterator[tuple[str, str]]:
        """Yield each lesson and exercise: its path in the copy, and its text as it is given out."""
        for lesson in sorted(self.root.glob("notebooks/[0-9][0-9]_*.ipynb")):
            yield (
                f"notebooks/{lesson.name}",
                TO_AN_EXERCISE.sub(rf"../exercises/{EXERCISE}\1.ipynb", _cleared(lesson)),
            )
        for exercise in sorted(self.root.glob("exercises/[0-9][0-9]_*/*.ipynb")):
            text = TO_A_LESSON.sub(r"../\1", _cleared(exercise))
            page = f"exercises/{EXERCISE}{exercise.parent.name}.ipynb"
            yield page, TO_AN_EXERCISE.sub(rf"{EXERCISE}\1.ipynb", text)

    def _readable(self, document: Path) -> str:
        """Copy a document's pictures and return its text without links to files that the copy lacks."""

        def adapted(link: re.Match[str]) -> str:
            picture, words, target = link.groups()
            file = document.parent / target
            if picture and file.is_file():
                _write(self.work / file.relative_to(self.root), file.read_bytes())
                return link[0]
            page = re.sub(r"exercises/(\d\d_\w+)/\w+\.ipynb$", rf"exercises/{EXERCISE}\1.ipynb", target)
            there = (self.work / document.parent.relative_to(self.root) / page).is_file()
            return f"[{words}]({page})" if there else words

        return LINK.sub(adapted, document.read_text(encoding="utf-8"))

    def _begin_progress(self, new: bool) -> None:
        """Start a new copy without progress; copy into an older one what the home folder has."""
        mine = self.work / PROGRESS
        with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: there is no home
            if not mine.exists():
                _write(mine, b"{}" if new else (Path.home() / ".rnncourse" / PROGRESS).read_bytes())

    def _adopt_names(self, given: dict[str, str]) -> None:
        """Rename the exercises of a copy in which they are still called as their lessons are."""
        for page in {page for page, _ in self._pages() if page.startswith("exercises")}:
            before = page.replace(EXERCISE, "", 1)
            if (self.work / before).is_file() and not (self.work / page).exists():
                os.rename(self.work / before, self.work / page)
                if before in given:
                    self._note(given, page, given.pop(before))

    def _note(self, given: dict[str, str], page: str, digest: str) -> None:
        """Save at once what was given out, so that a kill does not make it look like the learner's own."""
        if given.get(page) != digest:
            given[page] = digest
            _write(self.work / GIVEN, json.dumps(given, indent=1).encode())

    def _given(self) -> dict[str, str]:
        try:
            return dict(json.loads((self.work / GIVEN).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return {}

    def _set_aside(self, page: str) -> str:
        """Copy one of the learner's files to work/old/, under a free name, and return where it is."""
        at = self.work / "old" / page
        place = _free(at.with_name(f"{at.stem} ({self.today}){at.suffix}"))
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(self.work / page, place)  # the page itself is replaced in one step, after this
        return place.relative_to(self.work).as_posix()


def _cleared(notebook: Path) -> str:
    """Return the notebook's text without outputs and execution counts."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _drop_dead_sliders(page: Path) -> None:
    """Replace the sliders that a saved page cannot show, since their kernel has ended, with a sentence."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        text = page.read_text(encoding="utf-8")
        if SLIDERS not in text:
            return
        content = json.loads(text)
        shown = [output for cell in content["cells"] for output in cell.get("outputs", [])]
        for output in shown:
            if SLIDERS in output.get("data", {}):
                output["data"] = {"text/plain": RUN_AGAIN}
        content["metadata"].pop("widgets", None)
        _write(page, (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode())


def _free(place: Path) -> Path:
    """Return this path or, if a file is there, the same with the first number that is free."""
    free, n = place, 1
    while free.exists():
        n += 1
        free = place.with_stem(f"{place.stem} {n}")
    return free


def _digest(text: str) -> str:
    """Return a digest of what a learner can change in a notebook: the sources of its cells, in order."""
    cells = json.loads(text)["cells"]
    sources = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def _digest_of(notebook: Path) -> str | None:
    try:
        return _digest(notebook.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _was_run(notebook: Path) -> bool:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return any(cell.get("outputs") for cell in cells)


def _write(file: Path, content: bytes) -> None:
    """Write in one step: a killed process leaves a complete file, either the old one or the new one."""
    if file.exists() and file.read_bytes() == content:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=file.parent, prefix=".", suffix=".new")
    try:
        with os.fdopen(handle, "wb") as written:
            written.write(content)
        os.chmod(aside, 0o644)
        os.replace(aside, file)
    except BaseException:
        os.unlink(aside)
        raise


def main(words: list[str]) -> None:
    """Run the command, `renew` or `reset 13 14`, for the course in the working directory."""
    workspace = Workspace(Path.cwd())
    command, *numbers = words
    said = workspace.renew()
    if command == "reset":
        said += [workspace.reset(number) for number in numbers]
    print(*said, sep="\n", end="\n" if said else "")


if __name__ == "__main__":
    main(sys.argv[1:])

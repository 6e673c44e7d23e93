"""Whose the notebooks are that were handed in, and of which assignment. What is read is names; the notebooks wait.

Whose. The outermost name decides, so that nothing inside a student's own folder or zip can speak for another:
  ana/06_lstm_gates/lstm_gates.ipynb                        nbgrader's layout: "ana"
  ana/lstm_gates.ipynb, ana.zip                             a folder or a zip of each student's: "ana"
  Ana María_123_assignsubmission_file/lstm_gates.ipynb      Moodle, in folders or (after one more _) flat: "Ana María"
  garcíaana_LATE_123_4567_lstm_gates-1.ipynb                Canvas: "garcíaana"
  ana_lstm_gates.ipynb, lstm_gates_ana.ipynb, ana.ipynb     flat: "ana", what is left beside the assignment's name
Moodle's or Canvas's number is added ("Ana María_123") where one export has two students of one name. Folders that
all have in common are left out; an assignment's folder may hold any of these.

Which assignment. nbgrader's folder; else the file's name, with more around it (`LSTM-Gates (1).ipynb`); else its
folder's or zip's; else, where one assignment alone is graded, that one. Without `only`, those are graded that
someone handed in; each student has one Submission for each of them.

Which of several. Canvas's newest; in nbgrader's layout the one with the name that was given out; else the newest.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rnncourse.grading.files import NOTEBOOK, File, Place, Refused, inside, listing

MOODLE = re.compile(r"(?P<name>.+?)(_(?P<number>\d+))?_assignsubmission_[a-z]+(_(?P<rest>.*))?", re.DOTALL)
CANVAS = re.compile(
    r"(?P<name>.+?)_(LATE_)?(?P<number>\d+)_((?P<order>\d+)_(?P<rest>.+)|text\.html|link\.html)", re.DOTALL
)
CANVAS_ANONYMOUS = re.compile(r"(LATE_)?(?P<name>anon_[^_]+)_(?P<order>\d+)_(?P<rest>.+)", re.DOTALL)  # fmt: skip
LMS = (MOODLE, CANVAS_ANONYMOUS, CANVAS)

# What is put after a file's name, and is nobody's.
TAIL = re.compile(
    r"(copy|copia|kopie|final|v|version|new|fixed|solved|solution|submission|\d)?\d{0,2}", re.IGNORECASE
)
MOST_ZIPS = 10  # of one student
RESERVED = re.compile(r"con|prn|aux|nul|(com|lpt)\d")  # no file names on Windows


@dataclass(frozen=True)
class Submission:
    """One student's notebook for one assignment, or why there is none.

    state: "", or "missing" or "invalid", with its reason in a sentence. where: the file, as a person finds it.
    remarks: which was taken of several, and the like. place: for read(), in this process or in another.
    """

    student: str
    assignment: str
    place: Place | None = None
    where: str = ""
    state: str = ""
    reason: str = ""
    remarks: tuple[str, ...] = ()

    def read(self) -> bytes:
        """The notebook's file as it is; Refused, with the reason for "invalid", where it can't be had."""
        if self.place is None or self.state:
            raise Refused(self.reason)
        return self.place.read()


@dataclass(frozen=True)
class Handed:
    """A file, and what its place says. number, order: Moodle's or Canvas's, of the student and of the upload.

    rest: the path below what names the student. export: the assignment whose folder it all lies in.
    folder: the assignment that nbgrader's layout gives it.
    """

    file: File
    student: str
    number: str
    order: int
    rest: tuple[str, ...]
    export: str | None
    folder: str | None


def find(path: Path, assignments: Mapping[str, str], only: str | None = None) -> list[Submission]:
    """A Submission for each student and assignment, by assignment, then student.

    path: a folder or a zip. assignments: of each its name and its notebook's stem, {"06_lstm_gates": "lstm_gates"}.
    Refused, in a sentence, where the whole can't be read, or nothing in it be told whose and which it is.
    """
    if only is not None and only not in assignments:
        close = difflib.get_close_matches(only, assignments, 1, 0.3)
        meant = f" Is {close[0]} meant?" if close else ""
        raise Refused(f"there is no assignment {only}: expected one of {', '.join(assignments)}.{meant}")
    names = Names(assignments)
    files = _without_common_folders(listing(path), names)
    handed = [whose for file in files if (whose := _whose(file, names)) is not None]
    if not handed:
        raise Refused(
            f"nothing in {path} says whose it is: expected a folder for each student, an export of Moodle or Canvas,"
            f" or files such as ana.ipynb. Is the folder above it meant?"
        )
    everyone = _with_numbers(handed)
    by_student = {student: _unpacked(theirs) for student, theirs in everyone.items()}
    told = {
        names.of(file) for theirs in by_student.values() for file in theirs if file.file.kind == "notebook"
    }
    graded = [only] if only else [name for name in assignments if name in told]
    if not graded:
        if len(assignments) != 1:
            raise Refused(_which(path, by_student, assignments))
        graded = list(assignments)
    return [
        _submission(student, name, by_student[student], names, alone=len(graded) == 1)
        for name in graded
        for student in sorted(by_student, key=lambda student: (student.casefold(), student))
    ]


def safe_name(student: str) -> str:
    """A name for the student's files on any system: short ASCII, another one for each student, whatever their name.

    It is the student's own if that is so already ("ana", "jdoe-2"); else what can be kept of it and 16 hex digits.
    """
    own = re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", student)
    if own and not RESERVED.fullmatch(student) and not re.search(r"-[0-9a-f]{16}$", student):
        return student
    ascii_only = unicodedata.normalize("NFKD", student).encode("ascii", "ignore").decode().lower()
    kept = re.sub(r"[^a-z0-9]+", "-", ascii_only)[:24].strip("-")
    return f"{kept or 'student'}-{hashlib.sha256(student.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


class Names:
    """The assignments as they may be written: `06_lstm_gates`, `LSTM-Gates (1)`, `ana_lstmgates_final2`."""

    def __init__(self, assignments: Mapping[str, str]) -> None:
        self.stems = assignments
        self.folders = {name.casefold(): name for name in assignments}
        self.patterns = [
            (name, re.compile(rf"(?<![^\W_]){r'[\W_]*'.join(tokens)}\d{{0,2}}(?![^\W_])", re.IGNORECASE))
            for name, stem in assignments.items()
            for tokens in (
                [re.escape(token) for token in re.findall(r"[^\W_]+", words)] for words in (name, stem)
            )
        ]

    def folder(self, part: str) -> str | None:
        return self.folders.get(part.casefold())

    def split(self, text: str) -> tuple[str | None, str, str]:
        """The assignment named in the text, and what stands before and after it; None if there is none, or two."""
        found = [(name, match) for name, pattern in self.patterns for match in pattern.finditer(text)]
        if not found:
            return None, text, ""
        name, longest = max(found, key=lambda pair: len(pair[1].group()))
        start, end = longest.span()
        for other, match in found:
            if other != name and not (start <= match.start() and match.end() <= end):
                return None, text, ""
        return name, _trimmed(text[:start]), _trimmed(text[end:])

    def student(self, text: str) -> str:
        """Whose a file is by its name alone; "" if the name says no more than the assignment."""
        name, before, after = self.split(text)
        if name is None:
            return text
        before = re.sub(r"^\d{1,2}$", "", before)
        return before or ("" if _is_tail(after) else after)

    def own(self, handed: Handed) -> str | None:
        """The assignment in a file's own name."""
        return self.split(_stem(handed.rest[-1]))[0] if handed.rest else None

    def of(self, handed: Handed) -> str | None:
        if handed.folder or handed.export:
            return handed.folder or handed.export
        around = (self.split(_stem(part))[0] for part in reversed(handed.rest[:-1]))
        return self.own(handed) or next(filter(None, around), None)

    def is_exact(self, handed: Handed, name: str) -> bool:
        return _stem(handed.rest[-1]) == self.stems[name]


def _whose(file: File, names: Names) -> Handed | None:
    """None: a file that lies about, and is nobody's."""
    export, parts = None, file.parts
    if len(parts) > 1 and (export := names.folder(parts[0])):
        parts = parts[1:]
    lms = _lms(parts[0])
    if lms:
        rest = (lms["rest"],) if lms["rest"] else ()
        name = _trimmed(lms["name"]) or "_"
        return Handed(
            file, name, lms.get("number") or "", int(lms.get("order") or 0), rest + parts[1:], export, None
        )
    if len(parts) > 1 or file.kind == "folder":
        if export is None and file.kind == "folder" and len(parts) == 1 and names.folder(parts[0]):
            return None
        folder = names.folder(parts[1]) if len(parts) > 1 else None
        return Handed(file, parts[0], "", 0, parts[1:], export, folder)
    student = names.student(_stem(parts[0])) if file.kind != "other" else ""
    return Handed(file, student, "", 0, parts, export, None) if student else None


def _without_common_folders(files: list[File], names: Names) -> list[File]:
    """A zip often has all in one folder more. A student's own folder, were it the only one, is not that."""
    for _ in range(5):
        tops = {file.parts[0] for file in files}
        if len(tops) != 1 or _lms(top := tops.pop()) or names.folder(top):
            break
        below = [file.parts[1:] for file in files if len(file.parts) > 1]
        if any(names.folder(parts[0]) for parts in below):
            break
        sure = any(_lms(parts[0]) or (len(parts) > 1 and names.folder(parts[1])) for parts in below)
        work = [file.parts[1:] for file in files if len(file.parts) > 1 and file.kind in ("notebook", "zip")]
        several = len(work) > 1 and all(len(parts) > 1 or names.student(_stem(parts[0])) for parts in work)
        if not (sure or several):
            break
        files = [replace(file, parts=file.parts[1:]) for file in files if len(file.parts) > 1]
    return files


def _with_numbers(handed: Iterable[Handed]) -> dict[str, list[Handed]]:
    """By student. The number is part of the name where one export has the name with two numbers."""
    handed = list(handed)
    numbers = defaultdict(set)
    for file in handed:
        numbers[file.export, file.student].add(file.number)
    students = defaultdict(list)
    for file in handed:
        two = len(numbers[file.export, file.student]) > 1 and file.number
        students[f"{file.student}_{file.number}" if two else file.student].append(file)
    return students


def _unpacked(theirs: list[Handed]) -> list[Handed]:
    """With a student's zips looked into, one level deep; one that can't be is a file with a problem."""
    found, zips = [], 0
    for handed in theirs:
        if handed.file.kind != "zip" or handed.file.problem:
            found.append(handed)
            continue
        zips += 1
        try:
            if zips > MOST_ZIPS:
                raise Refused(f"there are more than {MOST_ZIPS} zips")
            for file in inside(handed.file):
                if file.kind == "zip":
                    file = replace(file, problem="is a zip in a zip: hand in the notebook itself")
                found.append(replace(handed, file=file, rest=handed.rest + file.parts))
        except Refused as error:
            found.append(replace(handed, file=replace(handed.file, problem=f"is not opened: {error}")))
    return found


def _submission(student: str, name: str, theirs: list[Handed], names: Names, alone: bool) -> Submission:
    """alone: no other assignment is graded, so a notebook that names none is of this one."""
    of = {id(handed): names.of(handed) for handed in theirs}
    here = [handed for handed in theirs if of[id(handed)] == name or (alone and of[id(handed)] is None)]
    other = [handed for handed in here if names.own(handed) not in (None, name)]
    work = [handed for handed in here if _is_work(handed) and handed not in other]
    if not work:
        return _without_work(student, name, theirs, here, other, alone)
    in_folder = all(handed.folder for handed in work)

    def newest_last(handed: Handed) -> tuple:
        exact, own = names.is_exact(handed, name), names.own(handed) == name
        numbers = re.findall(r"\d+", names.split(_stem(handed.rest[-1]))[2]) if handed.rest else []
        return (
            not handed.file.problem, own, handed.order, exact and in_folder, handed.file.when,
            int(numbers[-1]) if numbers else 0, exact, handed.file.parts, handed.file.place.entries,
        )  # fmt: skip

    *left, taken = sorted(work, key=newest_last)
    where = _where(taken)
    if taken.file.problem:
        return Submission(student, name, None, where, "invalid", f"{_quoted(taken)} {taken.file.problem}.")
    remarks = []
    if left:
        why = (
            "it has the name that was given out"
            if in_folder and names.is_exact(taken, name)
            else "the newest"
        )
        remarks.append(
            f"{len(work)} files could be the notebook of {name}: {_quoted(taken)} was taken, {why}; not {_list(left)}."
        )
    if names.of(taken) is None:
        remarks.append(f"{_quoted(taken)} was taken for {name}: its name does not say what it is of.")
    if other:
        remarks.append(f"Not looked at, as by its name it is of another assignment: {_list(other)}.")
    return Submission(student, name, taken.file.place, where, remarks=tuple(remarks))


def _without_work(
    student: str, name: str, theirs: list[Handed], here: list[Handed], other: list[Handed], alone: bool
) -> Submission:
    handed_in = [handed for handed in here if handed.file.kind != "folder" and handed not in other]
    unnamed = [handed for handed in theirs if handed.file.kind == "notebook" and handed not in here]
    if other:
        reason = f"there is no notebook of {name}: by its name {_list(other)} is of another assignment."
        return Submission(student, name, None, _where(other[0]), "invalid", reason)
    if handed_in:
        reason = f"there is no notebook: expected a file that ends in .ipynb, got {_list(handed_in)}."
        return Submission(student, name, None, _where(handed_in[0]), "invalid", reason)
    reason = f"nothing was handed in for {name}."
    if unnamed:
        reason += f" There is {_list(unnamed)}, of another assignment or with a name that says none."
    return Submission(student, name, None, "", "missing", reason)


def _which(path: Path, by_student: Mapping[str, list[Handed]], assignments: Mapping[str, str]) -> str:
    notebooks = [h for theirs in by_student.values() for h in theirs if h.file.kind == "notebook"]
    if not notebooks:
        return f"there is no notebook in {path}: expected files that end in .ipynb, and are not encrypted or links"
    return (
        f"no name in {path} says which assignment it is of (got {_list(notebooks)}): expected names such as"
        f" {next(iter(assignments.values()))}.ipynb. Name the assignment with --assignment"
    )


def _lms(part: str) -> dict | None:
    return next((match.groupdict() for pattern in LMS if (match := pattern.fullmatch(part))), None)


def _is_work(handed: Handed) -> bool:
    """A notebook, or what stands where one was expected and can't be read."""
    return handed.file.kind == "notebook" or (handed.file.kind != "other" and bool(handed.file.problem))


def _stem(name: str) -> str:
    return re.sub(r"\.\w{1,5}$", "", NOTEBOOK.sub("", name))


def _trimmed(text: str) -> str:
    return text.strip(" _-.,()[]")


def _is_tail(text: str) -> bool:
    return all(TAIL.fullmatch(token) for token in re.findall(r"[^\W_]+", text))


def _where(handed: Handed) -> str:
    """The path of the file on disk; behind it, the path in the zip."""
    return " › ".join([handed.file.place.path, *(name for _, name in handed.file.place.entries)])


def _quoted(handed: Handed) -> str:
    name = "/".join(handed.rest) or handed.file.name
    return f"`{name if len(name) <= 80 else '…' + name[-79:]}`"


def _list(handed: list[Handed]) -> str:
    more = f" and {len(handed) - 5} more" if len(handed) > 5 else ""
    return ", ".join(_quoted(one) for one in handed[:5]) + more

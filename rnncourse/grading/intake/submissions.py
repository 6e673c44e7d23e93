"""Whose the notebooks are that were handed in, and of which assignment. Names tell; no notebook is read yet.

Whose. The outermost name decides, so that nothing inside a student's own folder or zip can speak for another.

    ana/06_lstm_gates/lstm_gates.ipynb                     nbgrader's layout: "ana"
    ana/lstm_gates.ipynb, ana.zip                          a folder or a zip of each student's: "ana"
    lstm-gates-ana/lstm_gates.ipynb                        GitHub Classroom: "ana"
    Ana María_12_assignsubmission_file/lstm_gates.ipynb    Moodle, and flat with one more _: "Ana María"
    garcíaana_LATE_12_345_lstm_gates-1.ipynb               Canvas: "garcíaana"
    ana_lstm_gates.ipynb, lstm_gates_ana.ipynb, ana.ipynb  flat: what is left beside the assignment's name

Moodle's or Canvas's number is added ("Ana María_12") where one export has two students of one name.
Folders that everything lies in are left out. An assignment's folder may hold any of these.

Which assignment. nbgrader's folder; else the file's name, also with more around it (`LSTM-Gates (1).ipynb`);
else its folder's or zip's; else, where one assignment alone is graded, that one. Without `only`, those are
graded that someone handed in. Each student has one Submission for each of them.

Which of several. Canvas's newest; in nbgrader's layout the one with the name given out; else the newest.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import re
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from rnncourse.grading.errors import UserError
from rnncourse.grading.intake.archives import (
    NOTEBOOK,
    File,
    Location,
    list_files,
    list_zip,
    printable_name,
    sort_key,
)

MOODLE = re.compile(r"(?P<name>.+?)(_(?P<number>\d+))?_assignsubmission_[a-z]+(_(?P<rest>.*))?", re.DOTALL)
CANVAS = re.compile(
    r"(?P<name>.+?)(?P<late>_LATE)?_(?P<number>\d+)_((?P<order>\d+)_(?P<rest>.+)|text\.html|link\.html)",
    re.DOTALL,
)
CANVAS_UNNAMED = re.compile(r"(?P<late>LATE_)?(?P<name>anon_[^_]+)_(?P<order>\d+)_(?P<rest>.+)", re.DOTALL)

# What Google Drive and Colab put before the name of a copy.
COPY_OF = re.compile(r"(copy of|kopie von|copia de|copie de)$", re.IGNORECASE)
# What is put after a file's name, and is nobody's.
TAIL = re.compile(
    r"(copy|copia|kopie|final|v|version|new|fixed|solved|solution|submission)?\d{0,2}", re.IGNORECASE
)
RESERVED = re.compile(r"con|prn|aux|nul|(com|lpt)\d")  # no file names on Windows
MOST_ZIPS = 10  # of one student
# What a notebook may read or import from beside it.
HELPER = re.compile(r"[A-Za-z_][\w-]*\.(py|csv|tsv|txt|json|npy|npz)")
SHADOWED = {*sys.stdlib_module_names, "torch", "numpy", "IPython", "matplotlib", "rnncourse", "sitecustomize"}
MOST_HELPERS, MOST_HELPING = 20, 4 * 2**20  # files, bytes of all of them
MOST_COPIES = 10  # of one name, told apart by a number: more are a class's and not a student's
MOST_LISTED = 5  # files, in a sentence
NOBODYS = "does not say whose it is: expected a name such as ana.ipynb, or a folder for each student"


@dataclass(frozen=True)
class Submission:
    """One student's notebook for one assignment, or why there is none.

    state: "", or "missing" or "invalid", with its reason in a sentence. where: the file, for a person.
    remarks: which was taken of several, and the like. place: for read(), in this process or another.
    helpers: by their names, the Python and data files that lie beside the notebook. number: the LMS's, of the
    student or participant. handed_in: when, where nbgrader or an LMS says it. late: whether Canvas says so.
    """

    student: str
    assignment: str
    place: Location | None = None
    where: str = ""
    state: str = ""
    reason: str = ""
    remarks: tuple[str, ...] = ()
    helpers: tuple[tuple[str, Location], ...] = ()
    number: str = ""
    handed_in: str = ""
    late: bool = False

    def read_helpers(self) -> dict[str, bytes]:
        """Return those of the helpers that can be read and are small enough, together too."""
        found: dict[str, bytes] = {}
        left = MOST_HELPING
        for name, place in self.helpers:
            with suppress(UserError):
                data = place.read()
                if len(data) <= left:
                    found[name], left = data, left - len(data)
        return found

    def read(self) -> bytes:
        """The notebook's file as it is; UserError, with the reason for "invalid", where it can't be had."""
        if self.place is None:
            raise UserError(self.reason)
        return self.place.read()


@dataclass(frozen=True)
class Upload:
    """A file, and what its place says. number, order: Moodle's or Canvas's, of the student and of the upload.

    late: whether Canvas says so. rest: the path below what names the student. export: the assignment in
    whose folder everybody's files lie. folder: the assignment that nbgrader's layout gives it.
    """

    file: File
    student: str
    rest: tuple[str, ...]
    number: str = ""
    order: int = 0
    late: bool = False
    export: str | None = None
    folder: str | None = None

    @property
    def name(self) -> str:
        return self.rest[-1] if self.rest else ""

    @property
    def is_closed(self) -> bool:
        """A folder or a zip that can't be looked into: anything may be in it."""
        return self.file.kind in ("folder", "zip") and bool(self.file.problem)


def find_submissions(path: Path, assignments: Mapping[str, str], only: str | None = None) -> list[Submission]:
    """A Submission for each student and assignment, by assignment, then student.

    path: a folder or a zip. assignments: names, and stems of the notebooks, {"06_lstm_gates": "lstm_gates"}.
    UserError, in a sentence, where the whole can't be read, or nothing tells whose it is and of what.
    """
    if only is not None and only not in assignments:
        close = [name for name in assignments if name.startswith(only)]
        close = close or difflib.get_close_matches(only, assignments, 1, 0.3)
        meant = f" Is {close[0]} meant?" if len(close) == 1 else ""
        raise UserError(f"there is no assignment {only}: expected one of {', '.join(assignments)}.{meant}")
    names = AssignmentNames(assignments)
    files = _without_common_folders(list_files(path), names)
    students = _by_student([handed for file in files if (handed := _whose(file, names)) is not None])
    everything = [handed for theirs in students.values() for handed in theirs]
    if all(handed.file.problem == NOBODYS for handed in everything):
        raise UserError(
            f"nothing in {path} says whose it is: expected a folder for each student, an export of Moodle or"
            f" Canvas, or files such as ana.ipynb. Is the folder above it meant?"
        )
    told = {names.of(handed) for handed in everything if handed.file.kind == "notebook"}
    graded = [only] if only else [name for name in assignments if name in told]
    if not graded and len(assignments) == 1:
        graded = list(assignments)
    if not graded:
        notebooks = [handed for handed in everything if handed.file.kind == "notebook"]
        got = _list(notebooks) if notebooks else "no notebook"
        raise UserError(
            f"no name in {path} says of which assignment it is: expected names such as"
            f" {next(iter(assignments.values()))}.ipynb, got {got}. The assignment can be named: --assignment"
        )
    in_turn = sorted(students, key=lambda student: (student.casefold(), student))
    return [
        _submission(student, name, students[student], names, alone=len(graded) == 1)
        for name in graded
        for student in in_turn
    ]


def safe_name(student: str) -> str:
    """A name for the student's files on any system: short, ASCII, lower case, for each student another.

    The student's own if it is so already ("ana", "jdoe-2"); else what can be kept of it, and 16 hex digits.
    """
    own = re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", student)
    if own and not RESERVED.fullmatch(student) and not re.search(r"-[0-9a-f]{16}$", student):
        return student
    plain = unicodedata.normalize("NFKD", student).encode("ascii", "ignore").decode().lower()
    kept = re.sub(r"[^a-z0-9]+", "-", plain)[:24].strip("-") or "student"
    return f"{kept}-{hashlib.sha256(student.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


class AssignmentNames:
    """The assignments, as they may be written: `06_lstm_gates`, `LSTM-Gates (1)`, `ana_lstmgates_final2`."""

    def __init__(self, assignments: Mapping[str, str]) -> None:
        self.stems = assignments
        self.folders = {name.casefold(): name for name in assignments}
        self.patterns = [
            (name, _pattern(words)) for name, stem in assignments.items() for words in (name, stem)
        ]
        self.split = functools.lru_cache(maxsize=1000)(self._split)

    def folder(self, part: str) -> str | None:
        """The assignment whose folder this is."""
        return self.folders.get(part.casefold())

    def _split(self, words: str) -> tuple[str | None, str, str]:
        """The assignment that is named, what is before it and after; None if none is named, or two are."""
        found = [(name, match) for name, pattern in self.patterns for match in pattern.finditer(words)]
        if not found:
            return None, words, ""
        name, longest = max(found, key=lambda pair: len(pair[1].group()))
        start, end = longest.span()
        if any(other != name and not start <= m.start() < m.end() <= end for other, m in found):
            return None, words, ""
        return name, _trimmed(words[:start]), _trimmed(words[end:])

    def student(self, words: str) -> str:
        """Whose a file is by its name alone; "" if that says no more than the assignment."""
        name, before, after = self.split(words)
        before, after = COPY_OF.sub("", before), re.sub(r"^ipynb[ _-]*", "", after, flags=re.IGNORECASE)
        if name is None:
            return re.sub(r"( ?\(\d+\)|-Copy\d*)$", "", words)  # a browser's, Jupyter's
        if re.fullmatch(r"\d{0,2}", before):
            return "" if _is_tail(after) else after
        return before

    def owner(self, folder: str) -> str:
        """Whose a folder is: GitHub Classroom puts the assignment's name before the login."""
        return self.student(folder) or folder if self.split(folder)[0] else folder

    def own(self, handed: Upload) -> str | None:
        """The assignment that the file's own name tells."""
        return self.split(_stem(handed.name))[0]

    def is_copy(self, handed: Upload) -> bool:
        """Is its name the assignment's, with nothing but a number added?"""
        _, before, after = self.split(_stem(handed.name))
        before = COPY_OF.sub("", before)
        return (
            self.own(handed) is not None
            and not before.strip("0123456789")
            and after.isdecimal() | (not after)
        )

    def of(self, handed: Upload) -> str | None:
        """The assignment that a file is of."""
        if handed.folder or handed.export:
            return handed.folder or handed.export
        around = (self.split(_stem(part))[0] for part in reversed(handed.rest[:-1]))
        return self.own(handed) or next(filter(None, around), None)


def _whose(file: File, names: AssignmentNames) -> Upload | None:
    """None: what lies beside the submissions, and is none."""
    parts = file.parts
    export = names.folder(parts[0])
    parts = parts[1:] if export else parts
    if not parts:
        return None
    if lms := _lms(parts, file.kind):
        rest = (lms["rest"],) if lms["rest"] else ()
        number, order = lms.get("number") or "", int(lms.get("order") or 0)
        return Upload(
            file, _trimmed(lms["name"]) or "_", rest + parts[1:], number, order, bool(lms.get("late")), export
        )
    if len(parts) > 1 or file.kind == "folder":
        folder = names.folder(parts[1]) if len(parts) > 1 else None
        return Upload(file, names.owner(parts[0]), parts[1:], export=export, folder=folder)
    if file.kind == "other":
        return None
    if student := names.student(_stem(parts[0])):
        return Upload(file, student, parts, export=export)
    return Upload(replace(file, problem=NOBODYS), _stem(parts[0]), parts, export=export)


def _lms(parts: tuple[str, ...], kind: str) -> dict | None:
    """What Moodle or Canvas says in a name. Canvas's exports have no folders."""
    flat = len(parts) == 1 and kind != "folder"
    for pattern in (MOODLE, CANVAS_UNNAMED, CANVAS) if flat else (MOODLE,):
        if match := pattern.fullmatch(parts[0]):
            return match.groupdict()
    return None


def _without_common_folders(files: list[File], names: AssignmentNames) -> list[File]:
    """A zip often has all in one folder more. A student's own folder, were it the only one, is not that."""
    while len(tops := {file.parts[0] for file in files}) == 1:
        top = tops.pop()
        below = [replace(file, parts=file.parts[1:]) for file in files if len(file.parts) > 1]
        sure = any(_is_layout(file, names) for file in below)
        if names.folder(top) or MOODLE.fullmatch(top):
            break
        if not sure and any(names.folder(file.parts[0]) for file in below):
            break
        work = [file.parts for file in below if file.kind in ("notebook", "zip")]
        several = len(work) > 1 and all(len(parts) > 1 or names.student(_stem(parts[0])) for parts in work)
        if not (sure or several):
            break
        files = below
    return files


def _is_layout(file: File, names: AssignmentNames) -> bool:
    """From its top on, it is Moodle's, Canvas's or nbgrader's."""
    parts = file.parts[1:] if names.folder(file.parts[0]) else file.parts
    if parts and _lms(parts, file.kind):
        return True
    return parts is file.parts and len(parts) > 1 and names.folder(parts[1]) is not None


def _by_student(everything: list[Upload]) -> dict[str, list[Upload]]:
    """Their files, zips opened. The number is in the name where one export has the name with two numbers."""
    numbers = defaultdict(set)
    for handed in everything:
        numbers[handed.export, handed.student].add(handed.number)
    students = defaultdict(list)
    for handed in everything:
        two = len(numbers[handed.export, handed.student]) > 1 and handed.number
        students[f"{handed.student}_{handed.number}" if two else handed.student].append(handed)
    return {student: _unpacked(theirs) for student, theirs in students.items()}


def _unpacked(theirs: list[Upload]) -> list[Upload]:
    """With zips looked into, one level deep; one that can't be is a file with a problem."""
    found, zips = [], 0
    for handed in theirs:
        if handed.file.kind != "zip" or handed.file.problem:
            found.append(handed)
            continue
        zips += 1
        try:
            if zips > MOST_ZIPS:
                raise UserError(f"there are more than {MOST_ZIPS} zips")
            for file in _without_most_others(list_zip(handed.file)):
                if file.kind == "zip":
                    file = replace(file, problem="is a zip in a zip: expected the notebook itself")
                found.append(replace(handed, file=file, rest=handed.rest + file.parts))
        except UserError as error:
            found.append(replace(handed, file=replace(handed.file, problem=f"is not opened: {error}")))
    return found


def _without_most_others(files: list[File]) -> list[File]:
    """What is no notebook is only told of, and there may be very much of it."""
    others = [file for file in files if file.kind == "other"]
    others.sort(key=lambda file: HELPER.fullmatch(file.name) is None)
    return [file for file in files if file.kind != "other"] + others[:MOST_HELPERS]


def _submission(
    student: str, name: str, theirs: list[Upload], names: AssignmentNames, alone: bool
) -> Submission:
    """alone: no other assignment is graded, so what names none is of this one."""
    here = [h for h in theirs if (of := names.of(h)) == name or (of is None and (alone or h.is_closed))]
    strange = [handed for handed in here if names.own(handed) not in (None, name)]
    work = [h for h in here if (h.file.kind == "notebook" or h.is_closed) and h not in strange]
    if not work:
        return _without_work(student, name, theirs, here, strange)
    in_layout = all(handed.folder for handed in work)

    def newest_last(handed: Upload) -> tuple:
        file, stem = handed.file, _stem(handed.name)
        exact, numbers = stem == names.stems[name], re.findall(r"\d+", names.split(stem)[2])
        return (
            not file.problem, names.own(handed) == name, handed.order,
            in_layout and exact, in_layout and -len(handed.rest),
            file.when, int(numbers[-1]) if numbers else 0, exact, sort_key(file),
        )  # fmt: skip

    copies = [h for h in work if not (h.number or h.folder) and len(h.rest) == 1 and names.is_copy(h)]
    if len(copies) > MOST_COPIES:
        raise UserError(
            f"{student} holds {len(copies)} notebooks whose names differ by a number alone ({_list(copies)}):"
            " nothing says whose each is. Give each file its student's name, as ana.ipynb, or a folder."
        )
    *left, taken = sorted(work, key=newest_last)
    where = _where(taken)
    if taken.file.problem:
        return Submission(student, name, None, where, "invalid", f"{_quoted(taken)} {taken.file.problem}.")
    remarks = []
    if left:
        remarks.append(f"Handed in for {name}: {_list([*left, taken])}. Graded is {_quoted(taken)}.")
        folders = {h.rest[0] for h in work if len(h.rest) > 1 and not (h.number or h.folder)}
        if len(folders) > 1:
            remarks.append(
                "Are these several students'? Then grade that folder by itself, with the same --out."
            )
    if names.of(taken) is None:
        remarks.append(
            f"{_quoted(taken)} is graded as {name}: its name does not say of which assignment it is."
        )
    if strange:
        remarks.append(f"By its name of another assignment, and not graded here: {_list(strange)}.")
    helpers, shadows = _helpers(taken, theirs)
    if shadows:
        remarks.append(f"Not taken along, as a package has that name: {_list(shadows)}.")
    return Submission(
        student,
        name,
        taken.file.place,
        where,
        remarks=tuple(remarks),
        helpers=tuple(helpers.items()),
        number=taken.number,
        handed_in=_handed_in(taken),
        late=taken.late,
    )


def _handed_in(taken: Upload) -> str:
    """When, as far as it is known: by nbgrader's timestamp.txt, or by an LMS's zip."""
    place = taken.file.place
    if taken.number and place.entries and taken.file.when:
        return "{:04}-{:02}-{:02} {:02}:{:02}".format(*taken.file.when)
    if not place.entries:
        with suppress(OSError, ValueError):
            stamp = (Path(place.path).parent / "timestamp.txt").read_bytes()[:100].decode().strip()
            return printable_name(stamp) if stamp else ""
    return ""


def _helpers(taken: Upload, theirs: list[Upload]) -> tuple[dict[str, Location], list[Upload]]:
    """The files beside a notebook that it may read or import; and those whose names are a package's."""
    helpers: dict[str, Location] = {}
    shadows = []
    for each in theirs:
        beside = each.rest[:-1] == taken.rest[:-1] and HELPER.fullmatch(each.name) and not each.file.problem
        if not beside or each.file.kind != "other":
            continue
        if each.name.endswith(".py") and each.name[:-3] in SHADOWED:
            shadows.append(each)
        elif len(helpers) < MOST_HELPERS:
            helpers[each.name] = each.file.place
    return helpers, shadows


def _without_work(
    student: str, name: str, theirs: list[Upload], here: list[Upload], strange: list[Upload]
) -> Submission:
    others = [handed for handed in here if handed.file.kind != "folder"]
    elsewhere = [handed for handed in theirs if handed.file.kind == "notebook" and handed not in here]
    if strange:
        reason = f"there is no notebook of {name}: by its name, {_list(strange)} is of another assignment."
    elif others:
        reason = f"there is no notebook: expected a file that ends in .ipynb, got {_list(others)}."
    else:
        also = f" There is {_list(elsewhere)}, which by its name is not of it." if elsewhere else ""
        return Submission(student, name, state="missing", reason=f"nothing was handed in for {name}.{also}")
    return Submission(student, name, None, _where((strange or others)[0]), "invalid", reason)


def _pattern(words: str) -> re.Pattern:
    between = r"[\W_]*".join(re.escape(word) for word in re.findall(r"[^\W_]+", words))
    return re.compile(rf"(?<![^\W_]){between}\d{{0,2}}(?![^\W_])", re.IGNORECASE)


def _stem(name: str) -> str:
    return NOTEBOOK.sub("", name) if NOTEBOOK.search(name) else re.sub(r"\.\w{1,5}$", "", name)


def _trimmed(words: str) -> str:
    return words.strip(" _-.,()[]")


def _is_tail(words: str) -> bool:
    return all(TAIL.fullmatch(word) for word in re.findall(r"[^\W_]+", words))


def _where(handed: Upload) -> str:
    """The path on disk; behind it, the path in the zip."""
    place = handed.file.place
    return printable_name(" › ".join([place.path, *(name for _, name in place.entries)]))


def _quoted(handed: Upload) -> str:
    name = "/".join(handed.rest) or handed.file.name
    return f"`{name if len(name) <= 80 else '…' + name[-79:]}`"


def _list(handed: list[Upload]) -> str:
    more = " and more" if len(handed) > MOST_LISTED else ""
    return ", ".join(_quoted(one) for one in handed[:MOST_LISTED]) + more

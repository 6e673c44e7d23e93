"""Find out from file names alone who submitted each notebook and for which assignment.

Student. The outermost name decides, so nothing inside a student's folder or zip can count as another's work.

    ana/06_lstm_gates/lstm_gates.ipynb                     nbgrader's layout: "ana"
    ana/lstm_gates.ipynb, ana.zip                          a folder or a zip per student: "ana"
    lstm-gates-ana/lstm_gates.ipynb                        GitHub Classroom: "ana"
    Ana María_12_assignsubmission_file/lstm_gates.ipynb    Moodle, and flat with one more _: "Ana María"
    garcíaana_LATE_12_345_lstm_gates-1.ipynb               Canvas: "garcíaana"
    ana_lstm_gates.ipynb, lstm_gates_ana.ipynb, ana.ipynb  flat: the name without the assignment's name

If one export has two students with the same name, Moodle's or Canvas's number is added ("Ana María_12").
A folder that contains everything else is ignored. An assignment's folder may contain any of these layouts.

Assignment. The first of these that applies: nbgrader's folder; the file's own name, also with additions
(`LSTM-Gates (1).ipynb`); the name of its folder or zip; the only assignment that is graded. Without `only`,
all assignments for which there is a submission are graded. Each student has one Submission for each of them.

Several notebooks. Canvas's newest upload; in nbgrader's layout the one with the released name; otherwise the
newest.
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

# The words that Google Drive and Colab put before the name of a copy.
COPY_OF = re.compile(r"(copy of|kopie von|copia de|copie de)$", re.IGNORECASE)
# Words after a file's name that are not a student's name.
TAIL = re.compile(
    r"(copy|copia|kopie|final|v|version|new|fixed|solved|solution|submission)?\d{0,2}", re.IGNORECASE
)
RESERVED = re.compile(r"con|prn|aux|nul|(com|lpt)\d")  # not allowed as file names on Windows
MAX_ZIPS = 10  # per student
# Files beside a notebook that it may read or import.
HELPER = re.compile(r"[A-Za-z_][\w-]*\.(py|csv|tsv|txt|json|npy|npz)")
SHADOWED = {*sys.stdlib_module_names, "torch", "numpy", "IPython", "matplotlib", "rnncourse", "sitecustomize"}
MAX_HELPERS, MAX_HELPER_BYTES = 20, 4 * 2**20  # files; bytes in all
MAX_COPIES = 10  # with names that differ only in a number: more than that belong to a class, not a student
MAX_LISTED = 5  # files in a sentence
NO_OWNER = "does not say whose it is: expected a name such as ana.ipynb, or a folder for each student"


@dataclass(frozen=True)
class Submission:
    """One student's notebook for one assignment, or the reason why there is none.

    location: where the file is, for read() in this process or another. where: its path, for people.
    state: "", "missing" or "invalid"; reason: a sentence about that state. remarks: sentences, for example
    which of several files is graded. helpers: the Python and data files beside the notebook, by name. number:
    the LMS's number of the student or participant. handed_in: the time of submission, if nbgrader or an LMS
    states it. late: whether Canvas marks it as late.
    """

    student: str
    assignment: str
    location: Location | None = None
    where: str = ""
    state: str = ""
    reason: str = ""
    remarks: tuple[str, ...] = ()
    helpers: tuple[tuple[str, Location], ...] = ()
    number: str = ""
    handed_in: str = ""
    late: bool = False

    def read_helpers(self) -> dict[str, bytes]:
        """Return the helpers that can be read, up to MAX_HELPER_BYTES in all."""
        found: dict[str, bytes] = {}
        left = MAX_HELPER_BYTES
        for name, location in self.helpers:
            with suppress(UserError):
                data = location.read()
                if len(data) <= left:
                    found[name], left = data, left - len(data)
        return found

    def read(self) -> bytes:
        """Return the notebook's file; raise UserError with the reason if it cannot be read."""
        if self.location is None:
            raise UserError(self.reason)
        return self.location.read()


@dataclass(frozen=True)
class Upload:
    """A file, and what its path says about it.

    rest: the path below the part that names the student. number, order: Moodle's or Canvas's numbers of the
    student and of the upload. late: whether Canvas marks it as late. export: the assignment whose folder
    contains all students' files. folder: the assignment according to nbgrader's layout.
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
        """Whether this is a folder or a zip that cannot be opened: it may contain anything."""
        return self.file.kind in ("folder", "zip") and bool(self.file.problem)


def find_submissions(path: Path, assignments: Mapping[str, str], only: str | None = None) -> list[Submission]:
    """Return a Submission for each student and assignment, sorted by assignment, then student.

    Args:
        path: a folder or a zip.
        assignments: the stem of each assignment's notebook, {"06_lstm_gates": "lstm_gates"}.
        only: the name of the one assignment to grade.

    Raises:
        UserError: the path cannot be read, or no name says whose the files are or for which assignment.
    """
    if only is not None and only not in assignments:
        close = [name for name in assignments if name.startswith(only)]
        close = close or difflib.get_close_matches(only, assignments, 1, 0.3)
        meant = f" Did you mean {close[0]}?" if len(close) == 1 else ""
        raise UserError(f"there is no assignment {only}: expected one of {', '.join(assignments)}.{meant}")
    names = AssignmentNames(assignments)
    files = _without_common_folders(list_files(path), names)
    students = _by_student([upload for file in files if (upload := _upload(file, names)) is not None])
    everything = [upload for uploads in students.values() for upload in uploads]
    if all(upload.file.problem == NO_OWNER for upload in everything):
        raise UserError(
            f"nothing in {path} says whose it is: expected a folder for each student, an export from Moodle"
            " or Canvas, or files such as ana.ipynb. Did you mean its parent folder?"
        )
    named = {names.of(upload) for upload in everything if upload.file.kind == "notebook"}
    graded = [only] if only else [name for name in assignments if name in named]
    if not graded and len(assignments) == 1:
        graded = list(assignments)
    if not graded:
        notebooks = [upload for upload in everything if upload.file.kind == "notebook"]
        got = _list(notebooks) if notebooks else "no notebook"
        raise UserError(
            f"no name in {path} says which assignment it belongs to: expected names such as"
            f" {next(iter(assignments.values()))}.ipynb, got {got}. Name the assignment with --assignment"
        )
    in_turn = sorted(students, key=lambda student: (student.casefold(), student))
    return [
        _submission(student, name, students[student], names, alone=len(graded) == 1)
        for name in graded
        for student in in_turn
    ]


def safe_name(student: str) -> str:
    """Return a file name for a student that works on any system: short, ASCII, lower case, unique.

    It is the student's name if that is already such a name ("ana", "jdoe-2"); otherwise as much of it as
    possible, followed by 16 hex digits.
    """
    own = re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", student)
    if own and not RESERVED.fullmatch(student) and not re.search(r"-[0-9a-f]{16}$", student):
        return student
    plain = unicodedata.normalize("NFKD", student).encode("ascii", "ignore").decode().lower()
    readable = re.sub(r"[^a-z0-9]+", "-", plain)[:24].strip("-") or "student"
    return f"{readable}-{hashlib.sha256(student.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


class AssignmentNames:
    """Finds assignments in names: `06_lstm_gates`, `LSTM-Gates (1)`, `ana_lstmgates_final2`."""

    def __init__(self, assignments: Mapping[str, str]) -> None:
        self.stems = assignments
        self.folders = {name.casefold(): name for name in assignments}
        self.patterns = [
            (name, _pattern(words)) for name, stem in assignments.items() for words in (name, stem)
        ]
        self.split = functools.lru_cache(maxsize=1000)(self._split)

    def folder(self, part: str) -> str | None:
        """Return the assignment whose folder this is, or None."""
        return self.folders.get(part.casefold())

    def _split(self, words: str) -> tuple[str | None, str, str]:
        """Return the assignment named, and the words before and after; None if not exactly one is named."""
        found = [(name, match) for name, pattern in self.patterns for match in pattern.finditer(words)]
        if not found:
            return None, words, ""
        name, longest = max(found, key=lambda pair: len(pair[1].group()))
        start, end = longest.span()
        if any(other != name and not start <= m.start() < m.end() <= end for other, m in found):
            return None, words, ""
        return name, _trimmed(words[:start]), _trimmed(words[end:])

    def student(self, words: str) -> str:
        """Return the student named by a file's name; "" if it names only the assignment."""
        name, before, after = self.split(words)
        before, after = COPY_OF.sub("", before), re.sub(r"^ipynb[ _-]*", "", after, flags=re.IGNORECASE)
        if name is None:
            return re.sub(r"( ?\(\d+\)|-Copy\d*)$", "", words)  # added by a browser or by Jupyter
        if re.fullmatch(r"\d{0,2}", before):
            return "" if _is_tail(after) else after
        return before

    def owner(self, folder: str) -> str:
        """Return the student whose folder this is. GitHub Classroom puts the assignment before the login."""
        return self.student(folder) or folder if self.split(folder)[0] else folder

    def own(self, upload: Upload) -> str | None:
        """Return the assignment named in the file's own name, or None."""
        return self.split(_stem(upload.name))[0]

    def is_copy(self, upload: Upload) -> bool:
        """Return whether its name is the assignment's name with at most a number added."""
        _, before, after = self.split(_stem(upload.name))
        before = COPY_OF.sub("", before)
        return (
            self.own(upload) is not None
            and not before.strip("0123456789")
            and after.isdecimal() | (not after)
        )

    def of(self, upload: Upload) -> str | None:
        """Return the assignment that a file belongs to, or None if no name says so."""
        if upload.folder or upload.export:
            return upload.folder or upload.export
        around = (self.split(_stem(part))[0] for part in reversed(upload.rest[:-1]))
        return self.own(upload) or next(filter(None, around), None)


def _upload(file: File, names: AssignmentNames) -> Upload | None:
    """Return the file as a student's upload; None if it lies beside the submissions and is not one."""
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
    return Upload(replace(file, problem=NO_OWNER), _stem(parts[0]), parts, export=export)


def _lms(parts: tuple[str, ...], kind: str) -> dict | None:
    """Return the parts of a name that Moodle or Canvas made, or None. Canvas's exports have no folders."""
    flat = len(parts) == 1 and kind != "folder"
    for pattern in (MOODLE, CANVAS_UNNAMED, CANVAS) if flat else (MOODLE,):
        if match := pattern.fullmatch(parts[0]):
            return match.groupdict()
    return None


def _without_common_folders(files: list[File], names: AssignmentNames) -> list[File]:
    """Remove outer folders that contain everything, but never a student's folder that happens to be alone."""
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
    """Return whether the path, from its top on, has Moodle's, Canvas's or nbgrader's layout."""
    parts = file.parts[1:] if names.folder(file.parts[0]) else file.parts
    if parts and _lms(parts, file.kind):
        return True
    return parts is file.parts and len(parts) > 1 and names.folder(parts[1]) is not None


def _by_student(everything: list[Upload]) -> dict[str, list[Upload]]:
    """Return each student's files, zips opened. A name that two students share gets the LMS's number."""
    numbers = defaultdict(set)
    for upload in everything:
        numbers[upload.export, upload.student].add(upload.number)
    students = defaultdict(list)
    for upload in everything:
        two = len(numbers[upload.export, upload.student]) > 1 and upload.number
        students[f"{upload.student}_{upload.number}" if two else upload.student].append(upload)
    return {student: _unpacked(uploads) for student, uploads in students.items()}


def _unpacked(uploads: list[Upload]) -> list[Upload]:
    """Replace zips by the files in them, one level deep. A zip that cannot be opened gets a problem."""
    found, zips = [], 0
    for upload in uploads:
        if upload.file.kind != "zip" or upload.file.problem:
            found.append(upload)
            continue
        zips += 1
        try:
            if zips > MAX_ZIPS:
                raise UserError(f"there are more than {MAX_ZIPS} zips")
            for file in _without_most_others(list_zip(upload.file)):
                if file.kind == "zip":
                    file = replace(file, problem="is a zip inside a zip: expected the notebook itself")
                found.append(replace(upload, file=file, rest=upload.rest + file.parts))
        except UserError as error:
            found.append(replace(upload, file=replace(upload.file, problem=f"cannot be opened: {error}")))
    return found


def _without_most_others(files: list[File]) -> list[File]:
    """Limit the number of files that are not notebooks: they are only listed, and there may be very many."""
    others = [file for file in files if file.kind == "other"]
    others.sort(key=lambda file: HELPER.fullmatch(file.name) is None)
    return [file for file in files if file.kind != "other"] + others[:MAX_HELPERS]


def _submission(
    student: str, name: str, uploads: list[Upload], names: AssignmentNames, alone: bool
) -> Submission:
    """Choose the notebook that is graded for a student and an assignment.

    alone: no other assignment is graded, so a file that names no assignment belongs to this one.
    """
    here = [h for h in uploads if (of := names.of(h)) == name or (of is None and (alone or h.is_closed))]
    strange = [upload for upload in here if names.own(upload) not in (None, name)]
    work = [h for h in here if (h.file.kind == "notebook" or h.is_closed) and h not in strange]
    if not work:
        return _without_work(student, name, uploads, here, strange)
    in_layout = all(upload.folder for upload in work)

    def newest_last(upload: Upload) -> tuple:
        file, stem = upload.file, _stem(upload.name)
        exact, numbers = stem == names.stems[name], re.findall(r"\d+", names.split(stem)[2])
        return (
            not file.problem, names.own(upload) == name, upload.order,
            in_layout and exact, in_layout and -len(upload.rest),
            file.when, int(numbers[-1]) if numbers else 0, exact, sort_key(file),
        )  # fmt: skip

    copies = [h for h in work if not (h.number or h.folder) and len(h.rest) == 1 and names.is_copy(h)]
    if len(copies) > MAX_COPIES:
        raise UserError(
            f"{student} contains {len(copies)} notebooks whose names differ only in a number"
            f" ({_list(copies)}): nothing says whose they are. Rename each file to its student's name, such"
            " as ana.ipynb, or give each student a folder."
        )
    *left, taken = sorted(work, key=newest_last)
    where = _where(taken)
    if taken.file.problem:
        return Submission(student, name, None, where, "invalid", f"{_quoted(taken)} {taken.file.problem}.")
    remarks = []
    if left:
        remarks.append(f"Submitted for {name}: {_list([*left, taken])}. {_quoted(taken)} was graded.")
        folders = {h.rest[0] for h in work if len(h.rest) > 1 and not (h.number or h.folder)}
        if len(folders) > 1:
            remarks.append(
                "If these belong to several students, grade that folder by itself with the same --out."
            )
    if names.of(taken) is None:
        remarks.append(f"{_quoted(taken)} was graded as {name}, although its name names no assignment.")
    if strange:
        remarks.append(f"Not graded here, because the name is another assignment's: {_list(strange)}.")
    helpers, shadows = _helpers(taken, uploads)
    if shadows:
        remarks.append(f"Not copied along, because a package has that name: {_list(shadows)}.")
    return Submission(
        student,
        name,
        taken.file.location,
        where,
        remarks=tuple(remarks),
        helpers=tuple(helpers.items()),
        number=taken.number,
        handed_in=_handed_in(taken),
        late=taken.late,
    )


def _handed_in(taken: Upload) -> str:
    """Return the time of submission from nbgrader's timestamp.txt or an LMS's zip; "" if neither has it."""
    location = taken.file.location
    if taken.number and location.entries and taken.file.when:
        return "{:04}-{:02}-{:02} {:02}:{:02}".format(*taken.file.when)
    if not location.entries:
        with suppress(OSError, ValueError):
            stamp = (Path(location.path).parent / "timestamp.txt").read_bytes()[:100].decode().strip()
            return printable_name(stamp) if stamp else ""
    return ""


def _helpers(taken: Upload, uploads: list[Upload]) -> tuple[dict[str, Location], list[Upload]]:
    """Return the files beside a notebook that it may use, and those left out because they hide a package."""
    helpers: dict[str, Location] = {}
    shadows = []
    for each in uploads:
        beside = each.rest[:-1] == taken.rest[:-1] and HELPER.fullmatch(each.name) and not each.file.problem
        if not beside or each.file.kind != "other":
            continue
        if each.name.endswith(".py") and each.name[:-3] in SHADOWED:
            shadows.append(each)
        elif len(helpers) < MAX_HELPERS:
            helpers[each.name] = each.file.location
    return helpers, shadows


def _without_work(
    student: str, name: str, uploads: list[Upload], here: list[Upload], strange: list[Upload]
) -> Submission:
    others = [upload for upload in here if upload.file.kind != "folder"]
    elsewhere = [upload for upload in uploads if upload.file.kind == "notebook" and upload not in here]
    if strange:
        reason = f"there is no notebook for {name}: the name of {_list(strange)} is another assignment's."
    elif others:
        reason = f"there is no notebook: expected a file that ends in .ipynb, got {_list(others)}."
    else:
        also = f" There is {_list(elsewhere)}, whose name does not belong to it." if elsewhere else ""
        return Submission(student, name, state="missing", reason=f"nothing was submitted for {name}.{also}")
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


def _where(upload: Upload) -> str:
    """Return the path on disk, followed by the path in the zip."""
    location = upload.file.location
    return printable_name(" › ".join([location.path, *(name for _, name in location.entries)]))


def _quoted(upload: Upload) -> str:
    name = "/".join(upload.rest) or upload.file.name
    return f"`{name if len(name) <= 80 else '…' + name[-79:]}`"


def _list(uploads: list[Upload]) -> str:
    more = " and more" if len(uploads) > MAX_LISTED else ""
    return ", ".join(_quoted(one) for one in uploads[:MAX_LISTED]) + more

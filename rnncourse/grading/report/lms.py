"""Fill in the LMS's own files: Moodle's grading worksheet, Canvas's gradebook, and feedback for Moodle.

The filled-in file is written to RESULTS under the same name. A row whose student has no points is unchanged.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import zipfile
from collections.abc import Iterable
from pathlib import Path

from rnncourse.grading.errors import UserError
from rnncourse.grading.intake.archives import printable_name
from rnncourse.grading.intake.submissions import safe_name
from rnncourse.grading.report.result import Result
from rnncourse.grading.report.writing import as_text_cell, atomic_write


class Table:
    """A table exported from an LMS, in which a student's row can be found.

    A row is found by the LMS's number of the student, otherwise by the name. Case, accents and commas do not
    matter, nor does the number that is added if two students share a name.
    """

    def __init__(self, path: Path) -> None:
        """Read the CSV file of a Moodle worksheet or a Canvas gradebook; raise UserError if it is not one."""
        self.path = path
        try:
            text = path.read_text("utf-8-sig")
            reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
            self.rows = [{k: v or "" for k, v in row.items() if k is not None} for row in reader]
        except (OSError, UnicodeError, csv.Error) as error:
            raise UserError(f"{path} cannot be read as a table ({error})") from None
        self.columns = list(reader.fieldnames or ())
        if len(self.columns) < 2:
            raise UserError(f"{path} is not a table: expected the CSV file that the LMS exports")
        self._by_key: dict[str, dict[str, str]] = {}
        for row in self.rows:
            last, _, first = row.get("Student", "").partition(",")
            number = re.search(r"\d+", row[self.columns[0]])  # "Participant 101"
            for text in (*row.values(), number[0] if number else "", last + first, first + last):
                self._by_key.setdefault(_key(text), row)

    def row(self, number: str, student: str) -> dict[str, str] | None:
        """Return a student's row, or None."""
        keys = (_key(number), _key(student), _key(re.sub(r"_\d+$", "", student)))
        return next((self._by_key[key] for key in keys if key and key in self._by_key), None)

    def email(self, number: str, student: str) -> str:
        """Return a student's e-mail address; "" if the table has none."""
        row = self.row(number, student) or {}
        return next((text for name, text in row.items() if "mail" in name.casefold()), "")

    def column(self, pattern: str) -> str | None:
        """Return the first column whose name contains the pattern, or None."""
        return next((name for name in self.columns if re.search(pattern, name, re.IGNORECASE)), None)

    def write(self, out: Path, columns: list[str] | None = None) -> None:
        """Write RESULTS/<the table's name>, with only these columns if they are given."""
        with atomic_write(out / self.path.name) as file:
            text = io.TextIOWrapper(file, "utf-8-sig", "backslashreplace", newline="", write_through=True)
            writer = csv.DictWriter(text, columns or self.columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(self.rows)
            text.detach()


def fill_moodle(worksheet: Path, out: Path, results: Iterable[Result]) -> list[str]:
    """Write RESULTS/<worksheet's name> with grades and comments; return students that are not in it.

    Points are scaled to Moodle's maximum grade.
    """
    table = Table(worksheet)
    grade = table.column("^(Grade|Bewertung|Note|Calificación)$")
    if grade is None:
        raise UserError(f"{worksheet} has no column Grade: expected Moodle's grading worksheet")
    comment = table.column("feedback comment|Feedback als")
    most = table.column("maximum grade|Bestwertung")
    lost = []
    for result in results:
        row = table.row(result.number, result.student)
        if row is None:
            lost.append(result.student)
        elif result.points is not None:
            top = _number(row[most]) if most else None
            points = result.points * top / result.total if top and result.total else float(result.points)
            row[grade] = f"{points:.2f}"
            if comment:
                row[comment] = as_text_cell(_comment(result))
    table.write(out)
    return lost


def fill_canvas(gradebook: Path, out: Path, results: Iterable[Result], assignment: str) -> list[str]:
    """Write RESULTS/<gradebook's name> with the points, and return students that are not in it."""
    table = Table(gradebook)
    words = re.sub(r"^\d+_", "", assignment)
    named = [name for name in table.columns if _key(words) in _key(name) and "(" in name]
    if len(named) != 1:
        raise UserError(
            f"{gradebook}: expected one column whose name contains {words}, such as `{words} (12345)`,"
            f" got {len(named)} of {len(table.columns)}. Export it again, or rename that column."
        )
    lost = []
    for result in results:
        row = table.row(result.number, result.student)
        if row is None:
            lost.append(result.student)
        elif result.points is not None:
            row[named[0]] = str(result.points)
    identity = ("Student", "ID", "Section")
    identifying = [name for name in table.columns if name in identity or name.startswith("SIS ")]
    table.write(out, [*identifying, *named])
    return lost


def zip_feedback(out: Path, assignment: str, results: Iterable[Result]) -> Path | None:
    """Write the students' pages as a zip for Moodle ("Upload multiple feedback files in a zip").

    Return its path, or None if no result has a participant number, that is, if they are not from Moodle.
    """
    path = out / f"moodle_feedback_{assignment}.zip"
    found = [result for result in results if result.number]
    if not found:
        return None
    with atomic_write(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for result in found:
            page = out / "feedback" / assignment / f"{safe_name(result.student)}.html"
            name = printable_name(re.sub(r"_\d+$", "", result.student)).replace("/", " ").replace("\\", " ")
            if page.exists():
                archive.write(page, f"{name}_{result.number}_assignsubmission_file_/feedback.html")
    return path


def _delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


def _key(text: str) -> str:
    """Return only letters and digits: case, accents and commas differ from file to file."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c for c in plain if c.isalnum())


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None


def _comment(result: Result) -> str:
    tasks = [
        f"{task.task}: {task.points} of {task.total}" for task in result.tasks if task.points is not None
    ]
    return f"{result.points} of {result.total} points. {'; '.join(tasks)}. {' '.join(result.remarks)}".strip()

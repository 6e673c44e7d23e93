"""The marks in the LMS's own files: Moodle's grading worksheet, Canvas's gradebook, feedback for Moodle.

A line whose student has no points stays as it was. What is written lies in RESULTS, under its name.
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


def fill_moodle(worksheet: Path, out: Path, results: Iterable[Result]) -> list[str]:
    """Write RESULTS/<worksheet's name> with grades and comments; return students that are not in it.

    Moodle's participant number tells whose a line is, else the full name or the e-mail address. Points are
    scaled to Moodle's maximum grade.
    """
    columns, rows = _table(worksheet)
    grade = _column(columns, worksheet, "Grade", "Bewertung", "Note", "Calificación")
    comment = next((name for name in columns if re.search("feedback comment|Feedback als", name, re.I)), None)
    most = next((name for name in columns if re.search("maximum grade|Bestwertung", name, re.I)), None)
    lines: dict[str, dict[str, str]] = {}
    for row in rows:
        number = re.search(r"\d+", row.get(columns[0], ""))
        for key in (*row.values(), number[0] if number else ""):
            lines.setdefault(_key(key), row)
    lost = []
    for result in results:
        keys = (_key(result.number), _key(result.student), _key(re.sub(r"_\d+$", "", result.student)))
        line = next((lines[key] for key in keys if key and key in lines), None)
        if line is None:
            lost.append(result.student)
        elif result.points is not None:
            top = _number(line.get(most, "")) if most else None
            points = result.points * top / result.total if top and result.total else float(result.points)
            line[grade] = f"{points:.2f}"
            if comment:
                line[comment] = as_text_cell(_comment(result))
    _write(out / worksheet.name, columns, rows)
    return lost


def fill_canvas(gradebook: Path, out: Path, results: Iterable[Result], assignment: str) -> list[str]:
    """Write RESULTS/<gradebook's name> with the points, and return students that are not in it."""
    columns, rows = _table(gradebook)
    words = re.sub(r"^\d+_", "", assignment)
    named = [name for name in columns if _key(words) in _key(name) and "(" in name]
    if len(named) != 1:
        raise UserError(
            f"{gradebook}: expected one column whose name has {words} in it, as `{words} (12345)`,"
            f" got {len(named)} of {len(columns)}. Export it anew, or give the column that name."
        )
    keep = [name for name in columns if name in ("Student", "ID", "Section") or name.startswith("SIS ")]
    lines: dict[str, dict[str, str]] = {}
    for row in rows:
        last, _, first = row.get("Student", "").partition(",")
        for key in (row.get("ID", ""), last + first, first + last):
            lines.setdefault(_key(key), row)
    lost = []
    for result in results:
        keys = (_key(result.number), _key(re.sub(r"_\d+$", "", result.student)))
        line = next((lines[key] for key in keys if key and key in lines), None)
        if line is None:
            lost.append(result.student)
        elif result.points is not None:
            line[named[0]] = str(result.points)
    _write(out / gradebook.name, [*keep, *named], rows)
    return lost


def zip_feedback(out: Path, assignment: str, results: Iterable[Result]) -> Path | None:
    """Write the students' pages as Moodle takes them ("Upload multiple feedback files in a zip").

    None where no result has a participant number: they are not from Moodle.
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


def check_table(path: Path) -> None:
    """Raise UserError where this can't be filled in: better now than after an hour of grading."""
    _table(path)


def _table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        text = path.read_text("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
        rows = [{k: v or "" for k, v in row.items() if k is not None} for row in reader]
    except (OSError, UnicodeError, csv.Error) as error:
        raise UserError(f"{path} can't be read as a table ({error})") from None
    if len(reader.fieldnames or ()) < 2:
        raise UserError(f"{path} is not a table: expected the CSV file that the LMS exports")
    return list(reader.fieldnames or ()), rows


def _delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


def _column(columns: list[str], path: Path, *names: str) -> str:
    found = next((name for name in columns if name.strip() in names), None)
    if found is None:
        raise UserError(f"{path} has no column {names[0]}: expected Moodle's grading worksheet")
    return found


def _key(text: str) -> str:
    """Return letters and digits alone: case, accents and commas differ from file to file."""
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


def _write(path: Path, columns: list[str], rows: list[dict[str, str]]) -> None:
    with atomic_write(path) as file:
        text = io.TextIOWrapper(file, "utf-8-sig", "backslashreplace", newline="", write_through=True)
        writer = csv.DictWriter(text, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        text.detach()

"""The results on disk: a JSON file for each submission, never half written, and tables made from them.

```
RESULTS/results/<assignment>/<student>.json
RESULTS/results.csv, results.json
```

A task that was not judged is an empty cell in the CSV and null in the JSON, never 0.
"""

from __future__ import annotations

import csv
import io
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from rnncourse.grading.intake.submissions import safe_name
from rnncourse.grading.report.overrides import apply_overrides, read_overrides
from rnncourse.grading.report.result import STATES, Result, TaskResult
from rnncourse.grading.report.writing import as_text_cell, atomic_write, to_utf8

COLUMNS = ("student", "assignment", "state", "points", "total", "reason", "remarks")
OPTIONAL_COLUMNS = ("number", "email", "handed_in", "late", "overridden")  # left out if empty

log = logging.getLogger(__name__)


class ResultStore:
    """A folder of results, created when the first result is written."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.overrides = read_overrides(out)

    def path(self, student: str, assignment: str) -> Path:
        return self.out / "results" / assignment / f"{safe_name(student)}.json"

    def write(self, result: Result) -> None:
        with atomic_write(self.path(result.student, result.assignment)) as file:
            file.write(to_utf8(result.to_json()))
            file.flush()
            os.fsync(file.fileno())  # only here: all other files can be made again from the results

    def find(self, student: str, assignment: str, digest: str) -> Result | None:
        """Return the saved result for exactly this notebook, exercise and cases, or None."""
        path = self.path(student, assignment)
        result = self._read(path) if path.exists() else None
        return result if result is not None and result.digest == digest else None

    def __iter__(self) -> Iterator[Result]:
        """Yield all results by assignment and file name, with the teacher's own points applied."""
        for path in sorted((self.out / "results").glob("*/*.json")):
            result = None if path.name.startswith(".") else self._read(path)
            if result is not None:
                yield apply_overrides(result, self.overrides)

    def write_tables(self) -> None:
        """Write results.csv and results.json from the saved results."""
        rows: list[dict[str, str | int]] = []
        with atomic_write(self.out / "results.json") as file:
            file.write(b"[")
            for result in self:
                file.write((b",\n" if rows else b"\n") + to_utf8(result.to_json()))
                rows.append(_row(result))
            file.write(b"\n]\n")
        columns = dict.fromkeys(name for row in rows for name in row)
        with atomic_write(self.out / "results.csv") as file:
            # The byte order mark tells Excel that this is UTF-8.
            text = io.TextIOWrapper(file, "utf-8-sig", "backslashreplace", newline="", write_through=True)
            writer = csv.DictWriter(text, columns or COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
            text.detach()

    def _read(self, path: Path) -> Result | None:
        try:
            result = Result.from_json(path.read_text("utf-8"))
            problem = _problem(result)
            if not problem and self.path(result.student, result.assignment) != path:
                problem = (
                    f"it belongs to {result.student}, {result.assignment}, whose file has a different name"
                )
        except OSError as error:
            problem = error.strerror or str(error)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            problem = f"{type(error).__name__}: {str(error)[:100]}"
        if problem:
            log.warning("%s is not a result of rnncourse grade and is ignored (%s).", path, problem)
            return None
        return result


def _problem(result: Result) -> str:
    """Return why a decoded result is not valid; "" if it is."""
    parts: list[Result | TaskResult] = [result, *result.tasks]
    for part in parts:
        if part.state not in STATES:
            return f"there is no state {part.state!r}"
        if type(part.total) is not int or type(part.points) not in (int, type(None)):
            return "points and total are not whole numbers"
    texts = [result.student, result.assignment, result.reason, result.digest, *result.remarks]
    texts += [text for task in result.tasks for text in (task.task, task.grade_id, task.verdict, task.text)]
    return "" if all(type(text) is str for text in texts) else "a text field is not a string"


def _row(result: Result) -> dict[str, str | int]:
    """Return a result's cells by column, with a column for each task; empty optional columns are left out."""
    cells = {name: getattr(result, name) for name in COLUMNS} | {t.task: t.points for t in result.tasks}
    cells["remarks"] = " ".join(result.remarks)
    cells |= {name: value for name in OPTIONAL_COLUMNS if (value := getattr(result, name))}
    cells |= {"overridden": "yes"} if result.overridden else {}
    return {
        name: as_text_cell(cell) if isinstance(cell, str) else "" if cell is None else cell
        for name, cell in cells.items()
    }

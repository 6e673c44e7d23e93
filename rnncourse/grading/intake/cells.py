"""What cells define and read, to find out why a right answer may have lost points.

Either a statement stopped with an error, or the answer is in another cell. All of this is read from the text
of the cells; nothing is run.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import symtable
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rnncourse.grading.intake.notebook import MAX_LENGTH, symbols

WHOLE_CELL = re.compile(r"%%(time|capture|prun)\b.*")  # magics that run the rest of their cell as it is
MAGIC = re.compile(r"^(\s*)([!%?].*|[\w.]+\?+\s*)$", re.MULTILINE)
ASSIGNED = re.compile(r"^(\s*[\w, ]+=\s*)[!%].*$", re.MULTILINE)
BLOCKS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.ListComp, ast.SetComp,
          ast.DictComp, ast.GeneratorExp)  # fmt: skip


def statements(source: str) -> list[ast.stmt]:
    """Return a cell's statements, with `pass` for a magic; [] if the cell is not Python."""
    if len(source) > MAX_LENGTH:
        return []
    source = WHOLE_CELL.sub("", source, count=1)
    if source.lstrip().startswith("%%"):
        return []
    try:
        return ast.parse(ASSIGNED.sub(r"\1None", MAGIC.sub(r"\1pass", source))).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def names_bound(nodes: Iterable[ast.AST]) -> set[str]:
    """Return the names that these statements bind in the notebook."""
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        if not isinstance(node, BLOCKS):
            waiting += ast.iter_child_nodes(node)
    return found


def names_read(statement: ast.stmt) -> set[str]:
    """Return the notebook's names that a statement reads, including those read inside its functions."""
    try:
        table = symtable.symtable(ast.unparse(statement), "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    found = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    return found | {symbol.get_name() for symbol in symbols(table) if symbol.is_global()}


@dataclass(frozen=True)
class Cell:
    """The text of a cell, its statements, and the names that it binds."""

    source: str
    statements: list[ast.stmt]
    bound: set[str]

    @classmethod
    def of(cls, source: str) -> Cell:
        body = statements(source)
        return cls(source, body, names_bound(body))

    def is_stub(self, name: str) -> bool:
        """Return whether the cell defines that name as the exercise does, as an unwritten stub."""
        for statement in self.statements:
            if isinstance(statement, ast.FunctionDef | ast.ClassDef) and statement.name == name:
                raised = (node.exc for node in ast.walk(statement) if isinstance(node, ast.Raise))
                return any(ast.unparse(each).startswith("NotImplementedError") for each in raised if each)
        return False


def all_reads(cells: Sequence[Cell]) -> dict[str, set[str]]:
    """Return, for each name that the cells bind, the names that the statements which bind it read."""
    reads: dict[str, set[str]] = {}
    for cell in cells:
        for statement in cell.statements:
            names = names_read(statement)
            for each in names_bound([statement]):
                reads.setdefault(each, set()).update(names)
    return reads


def needed(name: str, reads: Mapping[str, set[str]]) -> set[str]:
    """Return the names on which a task's answer depends: its own, and all that its statements read."""
    found, waiting = {name}, [name]
    while waiting:
        new = reads.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def likeness(names: Iterable[str], cells: Sequence[Cell]) -> str:
    """Return a digest that is equal for equal code behind these names, whatever the comments."""
    found = hashlib.sha256()
    for name in names:
        cell = answer(name, cells)
        for statement in cell.statements if cell else ():
            for node in ast.walk(statement):
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node, clean=False):
                    node.body = node.body[1:]
            found.update(ast.dump(statement).encode("utf-8", "replace"))
        found.update(b"|")
    return found.hexdigest()[:16]


def answer(name: str, cells: Sequence[Cell]) -> Cell | None:
    """Return the last cell that defines a task's answer; a stub only if there is no other cell."""
    defining = [cell for cell in cells if name in cell.bound]
    written = [cell for cell in defining if not cell.is_stub(name)] or defining
    return written[-1] if written else None


def read_stopped(message: bytes, sources: Sequence[str]) -> list[Stopped]:
    """Decode the runner's report of statements that stopped. A student's process wrote it: trust nothing."""
    return list(_stopped(message, sources))


def _stopped(message: bytes, sources: Sequence[str]) -> Iterator[Stopped]:
    try:
        rows = json.loads(message)
        for number, at, line, kind, words, goes_on in rows[:100]:
            if not 1 <= number <= len(sources):
                continue
            cell = Cell.of(sources[number - 1])
            lines = cell.source.splitlines() or [""]
            body = cell.statements
            left = body if at < 0 else body[at : at + 1] if goes_on else body[at:]
            text = lines[line - 1] if 1 <= line <= len(lines) else next(filter(str.strip, lines), "")
            error = _text(kind, 60) + (f": {_text(words, 200)}" if words else "")
            yield Stopped(
                _text(text, 100), error, bool(goes_on), tuple(sorted(names_bound(left))), number - 1
            )
    except (ValueError, TypeError, RecursionError):
        return


def _text(value: object, most: int) -> str:
    words = " ".join(str(value).split())[:most]
    return words.encode("utf-8", "replace").decode().replace("`", "'")


@dataclass(frozen=True)
class Stopped:
    """A statement in a student's cell that stopped with an error.

    went_on: whether the rest of the cell was run. names: the names that therefore were not defined. cell: the
    number of the cell among those that were run.
    """

    line: str
    error: str
    went_on: bool
    names: tuple[str, ...] = ()
    cell: int = 0

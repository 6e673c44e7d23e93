"""Decide which cells of a notebook are run, and in which order.

The student's cells are run, with the released version of each locked cell. A cell is recognised by nbgrader's
grade_id, otherwise by its id, and a locked cell otherwise by its text. A locked cell that was edited,
duplicated, turned into text or deleted is restored from the source. A check stays where the student has it;
if it is missing, it follows the answer that it checks.
"""

from __future__ import annotations

import ast
import json
import symtable
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rnncourse.grading.errors import NotebookError
from rnncourse.grading.intake.archives import MAX_BYTES

MAX_CELLS = 5_000
MAX_LENGTH = 50_000  # characters; longer cells are not analysed
SHOWING = {"check", "print", "display", "plt", "setup"}
UNSEEN = {"exec", "eval", "globals", "locals", "vars", "setattr", "delattr", "get_ipython", "__import__"}


@dataclass(frozen=True)
class Source:
    """An assignment as it was released: its code cells, in order."""

    cells: tuple[dict, ...]

    @classmethod
    def of(cls, notebook: bytes) -> Source:
        code = (cell for cell in read_cells(notebook) if cell["cell_type"] == "code")
        return cls(tuple(cell | {"source": text_of(cell)} for cell in code))

    def is_check(self, k: int) -> bool:
        return bool(_marks(self.cells[k]).get("grade"))

    def is_locked(self, k: int) -> bool:
        return bool(_marks(self.cells[k]).get("locked"))

    def grade_id(self, k: int) -> str:
        return _marks(self.cells[k]).get("grade_id", "")

    def answer(self, k: int) -> int | None:
        """Return the number of the cell that a check checks: the last answer before it."""
        return next((j for j in range(k, -1, -1) if _marks(self.cells[j]).get("solution")), None)

    def where(self, cell: Mapping) -> int | None:
        """Return the number of the source's cell that this is, or None."""
        grade_id, text = _marks(cell).get("grade_id"), text_of(cell).strip()
        for k in range(len(self.cells)):
            if grade_id and grade_id == self.grade_id(k):
                return k
        for k, own in enumerate(self.cells):
            if cell.get("id") and cell["id"] == own.get("id") and _marks(own):
                return k
        for k, own in enumerate(self.cells):
            if self.is_locked(k) and text == own["source"].strip():
                return k
        return None


def read_cells(data: bytes) -> list[dict]:
    """Return the cells of a notebook file of any format version; raise NotebookError if it is not one."""
    if not data.strip():
        raise NotebookError("the file is empty")
    if len(data) > MAX_BYTES:
        raise NotebookError(f"the file has {len(data) / 2**20:.0f} MB, more than {MAX_BYTES // 2**20} MB")
    try:
        try:
            document = json.loads(data)
        except UnicodeDecodeError:
            document = json.loads(data.decode("latin-1"))
        except ValueError:
            document = json.loads(data.decode("utf-8-sig"))
        if document.get("nbformat") != 4:
            document = _converted(document)
        if len(document["cells"]) > MAX_CELLS:
            raise NotebookError(f"the notebook has {len(document['cells'])} cells, more than {MAX_CELLS}")
        cells = [dict(cell) for cell in document["cells"]]
        if not all(isinstance(cell.get("cell_type"), str) for cell in cells):
            raise TypeError
        return cells
    except NotebookError:
        raise
    except RecursionError:
        raise NotebookError("the file is nested too deeply to be a notebook") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        words = " ".join(str(error).split())[:120] or type(error).__name__
        raise NotebookError(f"the file is not a Jupyter notebook ({words}){_likely_cause(data)}") from None


def _likely_cause(data: bytes) -> str:
    """Return a question about what may have happened to a notebook that cannot be read, or ""."""
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:40].split(b"\n")[0].decode("ascii", "replace").strip()
    if start.startswith("{"):
        return "" if data.rstrip().endswith(b"}") else ". Was the upload cut off?"
    return f". It begins with `{start}`: was another file renamed to .ipynb?"


def _converted(document: dict) -> dict:
    """Convert a notebook of an older or newer format to format 4."""
    import nbformat  # importing it takes more than a second, and hardly any class needs it

    try:
        return nbformat.convert(nbformat.from_dict(document), 4)
    except nbformat.ValidationError as error:
        raise ValueError(str(error)) from None


def steps(cells: list[dict], source: Source) -> list[str | int]:
    """Return what is run, in order: the text of a cell, or the number of one of the source's checks."""
    found: list[tuple[int | None, str | int]] = []
    seen: set[int] = set()
    for cell in cells:
        k = source.where(cell)
        if k is not None and source.is_locked(k):
            if k not in seen:
                found.append((k, _given(source, k)))
        elif cell["cell_type"] == "code" or k is not None:
            found.append((k, text_of(cell)))
        if k is not None:
            seen.add(k)
    for k in range(len(source.cells)):
        if source.is_locked(k) and k not in seen:
            before = [at for at, (j, _) in enumerate(found) if j is not None and j < k]
            # If the answer's cell is not found, the answer may be in any cell: check it at the end.
            lost = source.is_check(k) and source.answer(k) not in seen
            at = len(found) if lost else max(before, default=-1) + 1
            found.insert(at, (k, _given(source, k)))
    return [step for _, step in found]


def grouped(steps: list[str | int]) -> Iterator[str | list[int]]:
    """Yield the steps with each check as late as possible, so that one process can answer several checks.

    A check waits for the next one unless a cell between them changes, or may change, what the functions so
    far read.
    """
    waiting: list[int] = []
    read: set[str] | None = set()
    for step in steps:
        if isinstance(step, int):
            waiting.append(step)
            continue
        bound, reads = names(step)
        if waiting and (bound is ANYTHING or read is ANYTHING or bound & read):
            yield waiting
            waiting = []
        read = ANYTHING if reads is ANYTHING or read is ANYTHING else read | reads
        yield step
    if waiting:
        yield waiting


ANYTHING = None  # stands for any names: the text does not tell which


def names(text: str) -> tuple[set[str] | None, set[str] | None]:
    """Return the names that a cell may change, and those that its functions and checks may read."""
    try:
        if len(text) > MAX_LENGTH:
            return ANYTHING, ANYTHING
        tree, table = ast.parse(text), symtable.symtable(text, "cell", "exec")
    except (SyntaxError, ValueError, RuntimeError, MemoryError):
        return ANYTHING, ANYTHING  # a magic, or code that will not run
    bound = {
        symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()
    }
    bound |= {s.get_name() for s in symbols(table) if s.is_declared_global() and s.is_assigned()}
    reads = {symbol.get_name() for symbol in symbols(table) if symbol.is_global()}
    reads |= {
        n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in UNSEEN:
            return ANYTHING, reads
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            bound |= {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            return ANYTHING, reads
    if any(_may_change(statement) for statement in tree.body):
        return ANYTHING, reads
    return bound, reads


def _may_change(statement: ast.stmt) -> bool:
    """Return whether a statement calls something for its effect, such as torch.set_default_dtype(...)."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    calls = [node.value for node in ast.walk(statement) if isinstance(node, ast.Expr)]
    roots = [_root(call) for call in calls if isinstance(call, ast.Call | ast.Await)]
    return any(root not in SHOWING for root in roots)


def _root(node: ast.AST) -> str:
    """Return the name at the beginning of a call: `check` for check.gates.example(gates)."""
    while not isinstance(node, ast.Name):
        inner = next(ast.iter_child_nodes(node), None)
        if inner is None or isinstance(inner, ast.expr_context):
            break
        node = inner
    return node.id if isinstance(node, ast.Name) else ""


def symbols(table: symtable.SymbolTable) -> Iterator[symtable.Symbol]:
    """Yield the symbols of all inner scopes."""
    for child in table.get_children():
        yield from child.get_symbols()
        yield from symbols(child)


def _given(source: Source, k: int) -> str | int:
    return k if source.is_check(k) else source.cells[k]["source"]


def _marks(cell: Mapping) -> Mapping:
    marks = cell.get("metadata", {}).get("nbgrader", {}) if isinstance(cell.get("metadata"), dict) else {}
    return marks if isinstance(marks, dict) else {}


def text_of(cell: Mapping) -> str:
    """Return a cell's source, which a notebook holds as a text or as a list of lines."""
    text = cell.get("source", "")
    return "".join(map(str, text)) if isinstance(text, list) else str(text)

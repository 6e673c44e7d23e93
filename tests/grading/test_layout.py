"""The subpackages of grading/ import one another in one direction only."""

import ast
from pathlib import Path

import rnncourse

PACKAGE = Path(rnncourse.__file__).parent / "grading"
SUBPACKAGES = {"intake", "sandbox", "report"}
# What each subpackage may import: other subpackages, and modules at the top level that all may use.
MAY_IMPORT = {
    "intake": {"errors", "sandbox.wire"},
    "sandbox": {"errors"},
    "report": {"errors", "intake"},
}


def imports(path):
    """Yield what a module imports from grading, such as "errors" or "sandbox.wire"."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rnncourse.grading"):
            inner = node.module.removeprefix("rnncourse.grading").removeprefix(".")
            yield from [inner] if inner else [alias.name for alias in node.names]


def test_subpackages_import_in_one_direction():
    wrong = {
        (path.relative_to(PACKAGE).as_posix(), name)
        for package, allowed in MAY_IMPORT.items()
        for path in (PACKAGE / package).glob("*.py")
        for name in imports(path)
        if not {name, name.partition(".")[0]} & (allowed | {package})
    }
    assert not wrong


def test_every_subpackage_is_listed():
    assert {path.parent.name for path in PACKAGE.rglob("*.py")} == SUBPACKAGES | {"grading"}
    assert set(MAY_IMPORT) == SUBPACKAGES

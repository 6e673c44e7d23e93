"""The rooms of grading/: imports go one way."""

import ast
from pathlib import Path

import rnncourse

PACKAGE = Path(rnncourse.__file__).parent / "grading"
ROOMS = {"intake", "sandbox", "report"}
# From a room to what it may import: other rooms, and the modules at the top that are everybody's.
MAY_IMPORT = {
    "intake": {"errors", "sandbox.wire"},
    "sandbox": {"errors"},
    "report": {"errors", "intake"},
}


def imports(path):
    """What a module imports of grading, as "errors" or "sandbox.wire"."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rnncourse.grading"):
            inner = node.module.removeprefix("rnncourse.grading").removeprefix(".")
            yield from [inner] if inner else [alias.name for alias in node.names]


def test_rooms_import_one_way():
    wrong = {
        (path.relative_to(PACKAGE).as_posix(), name)
        for room, allowed in MAY_IMPORT.items()
        for path in (PACKAGE / room).glob("*.py")
        for name in imports(path)
        if not {name, name.partition(".")[0]} & (allowed | {room})
    }
    assert not wrong


def test_each_module_has_its_room():
    assert {path.parent.name for path in PACKAGE.rglob("*.py")} == ROOMS | {"grading"}
    assert set(MAY_IMPORT) == ROOMS

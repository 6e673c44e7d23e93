"""Importing rnncourse is cheap and changes nothing: what draws or shows comes in when asked for."""

import ast
import functools
import json
import subprocess
import sys
from pathlib import Path

import torch

import rnncourse

PACKAGE = Path(rnncourse.__file__).parent
HEAVY = ["matplotlib", "ipywidgets", "IPython", "sklearn", "pandas", "nbformat", "jupyter_client"]
ON_FIRST_USE = ["checks", "convert", "data", "notebook", "plots", "reference", "scan", "steps", "training"]
ON_FIRST_USE += ["widgets"]
PROBE = """
import json, random, sys
import numpy, torch

def state():
    return [torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled(),
            torch.random.get_rng_state().tolist(), random.getstate(), str(numpy.random.get_state())]

before = state()
import rnncourse
changed, modules, names = state() != before, sorted(sys.modules), dir(rnncourse)
later = {name: getattr(rnncourse, name).__name__ for name in json.loads(sys.argv[1])}
print(json.dumps({"modules": modules, "changed": changed, "names": names, "later": later}))
"""


@functools.cache
def after_import():
    said = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(ON_FIRST_USE)], capture_output=True, text=True, check=True
    )
    return json.loads(said.stdout)


def test_import_brings_in_nothing_heavy_and_changes_nothing():
    found = after_import()
    assert "rnncourse" in found["modules"]
    assert [name for name in HEAVY if name in found["modules"]] == []
    assert not found["changed"]


def test_modules_are_listed_without_being_imported_and_come_on_first_use():
    found = after_import()
    assert {*rnncourse.__all__, *ON_FIRST_USE, "__version__"} <= set(found["names"])
    assert "rnncourse.plots" not in found["modules"]
    assert found["later"] == {name: f"rnncourse.{name}" for name in ON_FIRST_USE}


def names_bound_in(init):
    """The names that an __init__.py defines, or imports from elsewhere."""
    for node in ast.parse(init.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name


def test_no_name_hides_a_submodule():
    """A name x of a package means one thing, whether or not its module x has been imported."""
    hidden = [
        str(init.with_name(name).relative_to(PACKAGE))
        for init in PACKAGE.rglob("__init__.py")
        for name in names_bound_in(init)
        if init.with_name(f"{name}.py").exists() or (init.parent / name / "__init__.py").exists()
    ]
    assert hidden == []


def test_types_that_a_user_holds_can_be_imported():
    import rnncourse.explaining
    import rnncourse.tracing

    lstm = rnncourse.LSTM(2, 3)
    assert type(rnncourse.explain(lstm)) is rnncourse.explaining.Explanation
    assert type(rnncourse.explain(lstm)["h_0"]) is rnncourse.explaining.Row
    with rnncourse.trace(lstm) as t:
        lstm(torch.ones(4, 1, 2))
    held = {"Trace": t, "LayerTrace": t[""], "LayerDirections": t.layer(0)}
    held |= {"DirectionTrace": t.layer(0).forward, "Gradients": t.layer(0).forward.grad}
    for name, value in held.items():
        assert type(value) is getattr(rnncourse.tracing, name)

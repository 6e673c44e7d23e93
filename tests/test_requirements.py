"""What the package requires, in pyproject.toml: every import is declared where it is made, and no more is."""

import ast
import functools
import json
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "rnncourse"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# The extra for which a folder or a file is; what is not listed goes with the library itself.
EXTRAS = {
    PACKAGE / "plots": "plots",
    # the other data sets are the course's own files
    **{PACKAGE / "data" / f"{name}.py": "data" for name in ("__init__", "images", "translation")},
    PACKAGE / "notebook.py": "notebook",
    PACKAGE / "training.py": "notebook",
    PACKAGE / "widgets.py": "notebook",
    PACKAGE / "grading": "grading",
    PACKAGE / "cli.py": "grading",
    ROOT / "notebooks": "course",
    ROOT / "solutions": "course",
    ROOT / "tests": "test",
}
# What is declared though no file imports it.
RUN = {
    "axe-playwright-python": "tests/test_site.py reads its script",
    "ipywidgets": "students' notebooks may show some",
    "jupyterlab": "python course.py lab",
    "mypy": "a command",
    "myst-nb": "an extension of Sphinx",
    "nbval": "pytest's plugin",
    "pre-commit": "a command",
    "pytest-cov": "pytest's plugin",
    "pytest-timeout": "pytest's plugin",
    "pytest-xdist": "pytest's plugin",
    "ruff": "a command",
    "sphinx": "python course.py site",
    "sphinx-book-theme": "the site's theme",
    "sphinx-mathjax-offline": "docs/site/build.py copies its files",
    "setuptools": "builds the wheel in test_packaging.py",
}
DISTRIBUTIONS = packages_distributions()
OF_THE_TESTS = {path.stem for path in (ROOT / "tests").rglob("*.py")} | {"sets"}


def declared(extra):
    """The distributions that the library needs and those of an extra, with the extras that this one names."""
    names = set()
    for line in [*PROJECT["dependencies"], *(PROJECT["optional-dependencies"][extra] if extra else [])]:
        need = Requirement(line)
        if need.name == PROJECT["name"]:
            names = names.union(*map(declared, need.extras))
        else:
            names.add(canonicalize_name(need.name))
    return names


def extra_of(path):
    return next((EXTRAS[place] for place in (path, *path.parents) if place in EXTRAS), "")


@functools.cache
def trees():
    """Each file of the package and the tests, each cell of a notebook: its path, parsed."""
    found = [
        (path, ast.parse(path.read_text(encoding="utf-8")))
        for path in [*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    ]
    for path in [*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("solutions/*/*.ipynb")]:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                lines = [line for line in cell["source"] if not line.lstrip().startswith(("%", "!"))]
                found.append((path, ast.parse("".join(lines))))
    return found


def modules_imported(tree):
    """The full names of what a file imports: rnncourse.plots for `from rnncourse import plots`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "importorskip":
            yield node.args[0].value


def imported_from_others(path, tree):
    """The distributions that a file imports from, our own left out."""
    ours = sys.stdlib_module_names | {"rnncourse"} | (OF_THE_TESTS if extra_of(path) == "test" else set())
    for top in {module.split(".")[0] for module in modules_imported(tree)} - ours:
        [name] = {canonicalize_name(name) for name in DISTRIBUTIONS.get(top, [top])}
        yield name


def needed(path, tree):
    """The distributions that a file's imports need, those of our own parts included."""
    yield from imported_from_others(path, tree)
    for module in modules_imported(tree):
        if module.startswith("rnncourse."):
            part, *below = module.split(".")[1:]
            inside = PACKAGE.joinpath(part, *below[:1]).with_suffix(".py")
            whole = PACKAGE / part
            file = inside if inside.exists() else whole if whole.is_dir() else whole.with_suffix(".py")
            yield from declared(extra_of(file))


def test_each_import_is_declared():
    missing = {
        f"{path.relative_to(ROOT)} imports {name}, which [{extra_of(path)}] does not declare"
        for path, tree in trees()
        for name in needed(path, tree)
        if name not in declared(extra_of(path))
    }
    assert sorted(missing) == []


def test_nothing_is_declared_that_no_file_imports():
    imported = {name for path, tree in trees() for name in imported_from_others(path, tree)}
    everything = set().union(*map(declared, PROJECT["optional-dependencies"]))
    assert sorted(everything - imported - set(RUN)) == []


def test_require_asks_for_what_is_imported():
    """The calls of require in a part of the package name all that this part imports, and nothing else."""
    asked, wanted = {}, {}
    library = {"torch", "numpy"}
    for path, tree in trees():
        part = path if path in EXTRAS else next((place for place in path.parents if place in EXTRAS), None)
        if part is None or PACKAGE not in part.parents:
            continue
        tops = {module.split(".")[0] for module in modules_imported(tree)}
        wanted.setdefault(part, set()).update(tops - sys.stdlib_module_names - library - {"rnncourse"})
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "require":
                asked.setdefault(part, set()).update(name.value for name in node.args[1:])
    assert asked == {part: names for part, names in wanted.items() if names}

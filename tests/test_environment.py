"""pyproject.toml, constraints.txt and environment.yml agree with one another and with what is installed."""

import itertools
import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
PINS = [Requirement(line) for line in CONSTRAINTS if not line.startswith("#")]

# What the lock is for: torch's wheels, PyPI's and those of its own index.
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
SYSTEMS = {
    "Linux": {"sys_platform": "linux", "os_name": "posix", "platform_machine": "x86_64"},
    "Linux on ARM": {"sys_platform": "linux", "os_name": "posix", "platform_machine": "aarch64"},
    "macOS": {"sys_platform": "darwin", "os_name": "posix", "platform_machine": "arm64"},
    "Windows": {"sys_platform": "win32", "os_name": "nt", "platform_machine": "AMD64"},
}

# Where conda-forge's name is not PyPI's: there without GPU libraries, here without Qt.
CONDA_NAMES = {
    "torch": "pytorch-cpu",
    "matplotlib": "matplotlib-base",
    "jupyter-client": "jupyter_client",
    "jupyterlab-server": "jupyterlab_server",
    "playwright": "playwright-python",
}
BY_PIP = {"pyseccomp"}

# The part of conda's match-spec grammar that the file keeps to: `name`, `name 1.2.*`, `name >=1,<2`.
VERSION = r"\d+(?:\.\d+)*"
BOUND = rf"(?:[<>]=?|==){VERSION}"
MATCH_SPEC = re.compile(
    rf"(?P<name>[a-z0-9][a-z0-9._-]*)(?: (?P<bounds>{VERSION}\.\*|{BOUND}(?:,{BOUND})*))?"
)


def parse(line):
    """A match spec as (name, bounds), the bounds as PyPI writes them."""
    found = MATCH_SPEC.fullmatch(line)
    if found is None:
        raise ValueError(f"{line!r} is not a match spec of the form `name >=1.2,<2`")
    bounds = found["bounds"] or ""
    return found["name"], SpecifierSet(f"=={bounds}" if bounds[:1].isdigit() else bounds)


def conda_lines():
    return [line for line in ENVIRONMENT["dependencies"] if isinstance(line, str)]


def needs(lines):
    """Yield the requirements in these lines of pyproject.toml, and those of our own extras that they name."""
    for need in map(Requirement, lines):
        if need.name == PROJECT["name"]:
            for extra in need.extras:
                yield from needs(EXTRAS[extra])
        else:
            yield need


def required():
    """Return what pyproject.toml asks for with the extra `test`, under conda's names."""
    return {"python": SpecifierSet(PROJECT["requires-python"])} | {
        CONDA_NAMES.get(need.name, need.name): need.specifier
        for need in needs([*PROJECT["dependencies"], *EXTRAS["test"]])
        if need.name not in BY_PIP
    }


# ---- environment.yml


def test_names_and_bounds_agree_with_pyproject():
    listed = dict(parse(line) for line in conda_lines())
    assert len(listed) == len(conda_lines()), "a package is listed twice"
    del listed["pip"]
    assert listed == required()


def test_pip_adds_only_the_course_and_what_conda_lacks():
    [pip] = [line["pip"] for line in ENVIRONMENT["dependencies"] if isinstance(line, dict)]
    assert pip == ["--editable .[grading]"]  # with BY_PIP; the rest is there by then


def test_channel_is_conda_forge_alone():
    assert ENVIRONMENT["channels"] == ["conda-forge", "nodefaults"]


@pytest.mark.parametrize(
    "line", ["numpy>=1.26", "numpy >= 1.26", "numpy ~=1.26", "numpy >=1.26 <3", "numpy 1.26", "Numpy"]
)
def test_lines_outside_the_grammar_are_refused(line):
    with pytest.raises(ValueError, match="is not a match spec"):
        parse(line)


# ---- constraints.txt


def holds(requirement, environment=None):
    return requirement.marker is None or requirement.marker.evaluate(environment)


def pin_of(name, environment=None):
    """Return the one version pinned for this environment, this machine's own by default."""
    found = [pin for pin in PINS if canonicalize_name(pin.name) == canonicalize_name(name)]
    [pin] = [pin for pin in found if holds(pin, environment)]
    return next(iter(pin.specifier)).version


def test_lock_has_only_pins_and_names_no_host():
    for pin in PINS:
        [version] = pin.specifier
        assert version.operator == "==", pin
        assert "*" not in version.version, pin
        assert pin.url is None
    assert not [line for line in CONSTRAINTS if "//" in line or " /" in line or "index" in line]


def test_command_in_the_lock_makes_it_for_every_extra_and_system():
    [command] = [line for line in CONSTRAINTS[:3] if "uv pip compile" in line]
    assert {"--universal", "--all-extras", "3.11", "pyproject.toml", "constraints.txt"} <= set(
        command.split()
    )


@pytest.mark.parametrize(("python", "system"), [*itertools.product(PYTHONS, SYSTEMS)])
def test_every_requirement_is_pinned_once_within_its_bounds(python, system):
    environment = {"python_version": python, "python_full_version": f"{python}.9", **SYSTEMS[system]}
    for need in needs([*PROJECT["dependencies"], *itertools.chain(*EXTRAS.values())]):
        if holds(need, environment):
            assert pin_of(need.name, environment) in need.specifier, need


def test_torch_is_the_one_that_stored_outputs_come_from():
    [torch] = map(Requirement, PYPROJECT["tool"]["uv"]["constraint-dependencies"])
    assert torch.name == "torch"
    assert pin_of("torch") in torch.specifier


def installed_tree(lines):
    """Return the names of all that is installed here for these lines, and for what they need in turn."""
    todo, seen = [(need, "") for need in needs(lines)], set()
    while todo:
        need, extra = todo.pop()
        if not (need.marker is None or need.marker.evaluate({"extra": extra})):
            continue
        name = canonicalize_name(need.name)
        for wanted in {"", *need.extras}:
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                todo += [(Requirement(line), wanted) for line in metadata.requires(name) or ()]
    return sorted({name for name, _ in seen})


@pytest.mark.lock
def test_what_is_installed_is_what_is_pinned():
    names = installed_tree([*PROJECT["dependencies"], *EXTRAS["test"]])
    assert {"numpy", "distributed", "jupyterlab", "debugpy"} <= set(names), "the tree was not walked"
    here = {name: metadata.version(name).partition("+")[0] for name in names}  # torch's 2.13.0+cpu is 2.13.0
    assert here == {name: pin_of(name) for name in names}

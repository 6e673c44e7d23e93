"""environment.yml says the same as pyproject.toml, in conda's words."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))

# Where conda-forge's name is not PyPI's: there without GPU libraries, here without Qt.
CONDA_NAMES = {
    "torch": "pytorch-cpu",
    "matplotlib": "matplotlib-base",
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
    """The requirements in these lines of pyproject.toml, and those of the extras of ours that they name."""
    for need in map(Requirement, lines):
        if need.name == PROJECT["name"]:
            for extra in need.extras:
                yield from needs(PROJECT["optional-dependencies"][extra])
        else:
            yield need


def required():
    """What pyproject.toml asks for, the extra `test` and what that brings included, under conda's names."""
    return {"python": SpecifierSet(PROJECT["requires-python"])} | {
        CONDA_NAMES.get(need.name, need.name): need.specifier
        for need in needs([*PROJECT["dependencies"], "rnncourse[test]"])
        if need.name not in BY_PIP
    }


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


def test_constraints_lie_within_the_bounds():
    """The one pinned version is one that pyproject.toml admits, and it names no host and no build."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    [pin] = [line for line in lines if not line.startswith("#")]
    [version] = re.fullmatch(rf"torch==({VERSION})", pin).groups()
    assert version in required()["pytorch-cpu"]

"""Read the words in which a set states what a task returns and what its points are for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from rnncourse.checks.framework.cases import Case, Trait
from rnncourse.checks.framework.notation import NotationError
from rnncourse.checks.framework.parts import AnyPart, Flag, Number, Part, Shape, Whole
from rnncourse.checks.framework.task import ARGUMENTS, Criterion

TENSOR = re.compile(
    r"(?P<name>.+?) \((?P<axes>[^)]*)\)(?: (?P<dtype>int|bool))?(?: to (?P<tolerance>[\d.e-]+))?"
)
SINGLE = re.compile(r"(?P<name>.+) (?P<kind>shape|whole|flag|number)(?: to (?P<tolerance>[\d.e-]+))?")
POINTS = re.compile(r"(?P<words>.+?) (?P<points>\d+)(?: = (?P<parts>.+?))?(?: where (?P<where>.+))?")


def read_parts(task_name: str, text: str) -> Iterator[AnyPart]:
    """Read the results: `h (B H), mask (T B) bool, dx (T B I) to 1e-4`. Raise NotationError."""
    kinds: dict[str, Callable[[str], AnyPart]] = {"shape": Shape, "whole": Whole, "flag": Flag}
    for words in re.split(r",\s+(?![^(]*\))", text.strip()):
        if found := TENSOR.fullmatch(words):
            tolerance = None if found["tolerance"] is None else float(found["tolerance"])
            yield Part(found["name"], found["axes"], found["dtype"] or "float", tolerance)
        elif found := SINGLE.fullmatch(words):
            number = partial(Number, tolerance=float(found["tolerance"] or 1e-3))
            yield kinds.get(found["kind"], number)(found["name"])
        else:
            raise NotationError(f"{task_name}: expected a result such as `h (B H)`, got `{words}`.")


def read_criteria(
    task_name: str, text: str, parts: list[str], cases: Callable[[int], list[Case]]
) -> Iterator[Criterion]:
    """Read what points are for: `h 2; c in a batch 1 = c where there is a batch`. Raise NotationError."""
    for words in filter(None, map(str.strip, re.split(r"[;\n]", text))):
        found = POINTS.fullmatch(words)
        if not found:
            raise NotationError(f"{task_name}: expected points such as `h 2`, got `{words}`.")
        of = tuple(found["parts"].split(", ")) if found["parts"] else ()
        if not of and found["words"] in parts and len(parts) > 1:
            of = (found["words"],)
        if unknown := set(of) - {*parts, ARGUMENTS}:
            raise NotationError(f"{task_name}: no result is called {', '.join(sorted(unknown))}.")
        where = tuple(_trait(task_name, each, cases) for each in (found["where"] or "").split(" & ") if each)
        yield Criterion(found["words"], int(found["points"]), of, where)


def _trait(task_name: str, name: str, cases: Callable[[int], list[Case]]) -> Trait:
    traits = {trait.name: trait for case in cases(0) for trait in case.traits}
    if name not in traits:
        raise NotationError(f"{task_name}: no case has `{name}`; there are: {'; '.join(sorted(traits))}.")
    return traits[name]

"""A task as it is written in a set: what it returns and what its points are for, in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from rnncourse.checks.framework.cases import Case, Trait
from rnncourse.checks.framework.check import Check
from rnncourse.checks.framework.completed import completed
from rnncourse.checks.framework.evaluate import SECONDS
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.notation import NotationError
from rnncourse.checks.framework.parts import AnyPart, Flag, Number, Part, Shape, Whole
from rnncourse.checks.framework.task import ARGUMENTS, Criterion, one_case
from rnncourse.checks.framework.use import Use, call
from rnncourse.checks.framework.watch import RECURRENT

TENSOR = re.compile(
    r"(?P<name>.+?) \((?P<axes>[^)]*)\)(?: (?P<dtype>int|bool))?(?: to (?P<tolerance>[\d.e-]+))?"
)
SINGLE = re.compile(r"(?P<name>.+) (?P<kind>shape|whole|flag|number)(?: to (?P<tolerance>[\d.e-]+))?")
POINTS = re.compile(r"(?P<words>.+?) (?P<points>\d+)(?: = (?P<parts>.+?))?(?: where (?P<where>.+))?")


def task(
    name: str,
    lesson: str,
    mistakes: Mistakes,
    *,
    returns: str | Iterable[AnyPart],
    points: str,
    truth: Any = None,
    section: str = "",
    cases: Callable[[int], list[Case]] = one_case,
    example: dict[str, Any] | None = None,
    use: Use = call,
    forbid: frozenset[str] = RECURRENT,
    derive: Callable[[Any, dict[str, Any]], Any] | None = None,
    tells: bool = True,
    agree: str = "the equations",
    seconds: float = SECONDS,
    follows: Mapping[str, Callable[..., float]] | None = None,
    explain: Callable[[Sequence[Any]], str] | None = None,
) -> Check:
    """Return the check of one task.

    Args:
        name, lesson, cases, use, forbid, derive, tells, agree, seconds, follows, explain: as in
            Check.
        mistakes: the bank; truth, section: where they are not the bank's own.
        returns: the results in their order, as `h (B H), mask (T B) bool, dx (T B I) to 1e-4`: a tensor with
            its axes; a single value has `shape`, `whole`, `flag` or `number to 1e-3` instead. Or the parts.
        points: what they are for, as `h 2; the weights 1 = dweight_ih, dweight_hh; c in a batch 1 = c where
            there is a batch`, by semicolons or each on its line. A criterion that is called like a part is
            for that part; otherwise, without `=`, for all. `arguments` among the parts asks that the given
            tensors stay as they are. Several traits are joined by &.
        example: the arguments of one small case.

    Raises:
        NotationError: the text does not fit, or names a part or a trait that does not exist.
    """
    mistakes.task = name
    parts = tuple(_parts(name, returns)) if isinstance(returns, str) else tuple(returns)
    return Check(
        name=name,
        lesson=lesson,
        section=section or mistakes.section,
        parts=parts,
        criteria=tuple(_criteria(name, points, [part.name for part in parts], cases)),
        truth=mistakes.truth if truth is None else truth,
        mistakes=mistakes,
        cases=cases if cases is one_case else completed(cases),
        example_case=None if example is None else Case(example, {}),
        use=use,
        forbid=forbid,
        derive=derive,
        tells=tells,
        agree=agree,
        seconds=seconds,
        follows=follows,
        explain=explain,
    )


def _parts(task_name: str, text: str) -> Iterable[AnyPart]:
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


def _criteria(
    task_name: str, text: str, parts: list[str], cases: Callable[[int], list[Case]]
) -> Iterable[Criterion]:
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
        raise NotationError(f"{task_name}: in no case `{name}`; there are: {'; '.join(sorted(traits))}.")
    return traits[name]

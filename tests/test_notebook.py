"""rnncourse.notebook: what a lesson's first cell does."""

import matplotlib
import pytest
import torch

from rnncourse import notebook


def test_check_environment_prints_ok_twice(capsys):
    notebook.check_environment()
    assert [line[:2] for line in capsys.readouterr().out.splitlines()] == ["OK", "OK"]


@pytest.mark.parametrize("extra", ["", "; extra == 'notebook'"])
def test_check_environment_names_the_package_that_does_not_fit(monkeypatch, capsys, extra):
    monkeypatch.setattr(notebook, "requires", lambda _: [f"numpy>=1{extra}", f"matplotlib>=99,<100{extra}"])
    monkeypatch.setattr(notebook, "version", {"numpy": "2.0", "matplotlib": "3.9"}.get)
    with pytest.raises(RuntimeError, match=r"matplotlib 3\.9 is installed; .* matplotlib<100,>=99"):
        notebook.check_environment()
    assert capsys.readouterr().out == ""


def test_check_environment_leaves_out_what_other_extras_need(monkeypatch):
    monkeypatch.setattr(notebook, "requires", lambda _: ["matplotlib>=99; extra == 'grading'"])
    notebook.check_environment()


def test_check_environment_sees_a_library_that_computes_something_else(monkeypatch):
    class Off(notebook.LSTM):
        def forward(self, x):
            output, state = super().forward(x)
            return output + 0.01, state

    monkeypatch.setattr(notebook, "LSTM", Off)
    with pytest.raises(AssertionError):
        notebook.check_environment()


def test_setup_makes_random_numbers_the_same():
    with matplotlib.rc_context():
        notebook.setup()
        first = torch.rand(3)
        notebook.setup()
        assert torch.equal(torch.rand(3), first)

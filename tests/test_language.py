"""All that a verdict says can be translated: each sentence is a whole, found by gettext.

The language of this test writes each sentence as it is, between ⟦ and ⟧. What stands outside of them was
never given to gettext; a sentence glued from parts leaves its glue outside.
"""

import dataclasses
import re

import pytest
import torch
from test_checks import CHECKS, key

from rnncourse.checks import lstm_gates
from rnncourse.checks.framework import language
from rnncourse.checks.framework.evaluate import Answer, Failure
from rnncourse.checks.framework.judge import judge
from rnncourse.checks.framework.picture import HeatMaps
from rnncourse.checks.framework.use import wrong_kind

INNER = re.compile(r"⟦[^⟦⟧]*⟧")


class Bracketed:
    """A catalog in which each sentence is its own translation, in brackets."""

    def gettext(self, sentence):
        return f"⟦{sentence}⟧"

    def ngettext(self, one, many, count):
        return f"⟦{one if count == 1 else many}⟧"


def outside(text, hints=()):
    """What of a text is in no sentence. Hints are the sets' own, whole sentences already."""
    for hint in sorted(filter(None, hints), key=len, reverse=True):
        text = text.replace(hint, "")
    while INNER.search(text):
        text = INNER.sub("", text)
    return text.strip()


def test_an_example_and_its_heat_maps_can_be_translated(monkeypatch, capsys):
    monkeypatch.setattr(language, "catalog", Bracketed())
    check = lstm_gates.lstm_step
    check.example(lambda *arguments: tuple(-part for part in check.truth(*arguments)))
    rows = [line for line in capsys.readouterr().out.splitlines() if "⟦" in line]
    assert [row.partition("  ")[0] for row in rows] == [
        "⟦wanted h⟧",
        "⟦wanted c⟧",
        "⟦yours h⟧",
        "⟦yours c⟧",
    ]
    maps = HeatMaps({"h": (torch.ones(2, 2), torch.zeros(2, 2))})._repr_html_()
    assert re.findall(r"⟦[^⟦⟧]*⟧", maps) == [
        "⟦h, wanted (2, 2)⟧",
        "⟦2 by 2 numbers⟧",
        "⟦h, yours (2, 2)⟧",
        "⟦2 by 2 numbers⟧",
        "⟦4 of 4 numbers differ (outlined). Orange is positive, blue is negative.⟧",
    ]


def spoiled(value, change):
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, tuple | list):
        return type(value)(spoiled(item, change) for item in value)
    if isinstance(value, dict):
        return {name: spoiled(item, change) for name, item in value.items()}
    return value


CHANGES = {
    "sign": torch.neg,
    "order": lambda v: v.flip(0) if v.ndim else v,
    "axes": lambda v: v.transpose(0, -1) if v.ndim else v,
    "half": lambda v: v / 2,
    "nearly": lambda v: v + 1e-3 if v.is_floating_point() else v,
    "square": lambda v: v * v + 1 if v.is_floating_point() else v + 1,
    "row": lambda v: v[:1],
    "nan": lambda v: v * torch.nan,
    "list": lambda v: v.tolist(),
    "array": lambda v: v.numpy(),
    "int": lambda v: v.long(),
    "float32": lambda v: v.float(),
}
FAILURES = [
    Failure("not written"),
    Failure("not written", inner="f"),
    Failure("too slow", message="5", line="while True:"),
    Failure("raised", "RecursionError"),
    Failure("raised", "RuntimeError", "(16x5 and 3x5)", "x @ w"),
    Failure("raised", "TypeError", "missing 1 required positional argument"),
    Failure("raised", "ValueError", "too many values to unpack"),
    Failure("raised", "OddError"),
]


@pytest.mark.parametrize("check", CHECKS)
def test_all_that_is_said_is_given_to_gettext(check, monkeypatch):
    known = key(check.name, check.lesson, 0)
    expected = known.truths
    answers = [[dataclasses.replace(a, returned=odd) for a in expected] for odd in (None, "x", 3, [], {})]
    answers += [[Answer(failure=failure)] * len(expected) for failure in FAILURES]
    answers += [[*expected[:-1], Answer(failure=failure)] for failure in FAILURES]
    answers.append([Answer(calls="torch.lstm_cell", at="f(x)")] * len(expected))
    remarks = {"printed": "hello", "warned": "old", "changed": ("x",), "seconds": 4.0}
    answers.append([dataclasses.replace(a, **remarks) for a in expected])
    for change in CHANGES.values():
        try:
            spoiled_ones = [spoiled(a.returned, change) for a in expected]
        except (RuntimeError, IndexError, TypeError):
            continue
        pairs = zip(expected, spoiled_ones, strict=True)
        answers.append([dataclasses.replace(a, returned=returned) for a, returned in pairs])
        halves = zip(expected, spoiled_ones, strict=True)
        answers.append(
            [dataclasses.replace(a, returned=r) if n % 2 else a for n, (a, r) in enumerate(halves)]
        )
    hints = [mistake.hint for mistake in check.mistakes] + [mistake.look for mistake in check.mistakes]
    monkeypatch.setattr(language, "catalog", Bracketed())
    for given in answers:
        verdict = judge(known, given)
        for said in (verdict.text, verdict.look, verdict.lesson, verdict.score, *verdict.remarks):
            assert outside(said, hints) == "", said


@pytest.mark.parametrize("wants", ["a function", "a class"])
def test_what_cannot_be_used_is_said_in_whole_sentences(wants, monkeypatch):
    monkeypatch.setattr(language, "catalog", Bracketed())
    for learner in (None, 3, torch.zeros(2), torch.nn.Linear(2, 3), torch.nn.LSTM, len, "lstm_step"):
        said = wrong_kind(learner, wants)
        assert outside(said) == "", said


def test_a_sentence_that_is_glued_is_found(monkeypatch):
    monkeypatch.setattr(language, "catalog", Bracketed())
    assert outside("h is " + language.say("right")) == "h is"
    assert outside(language.say("{part} is {kind}.", part="h", kind=language.say("a list"))) == ""

"""A task that asks for a test: what it says of one that misses a piece, or refuses one that is right."""

import pytest
import torch

from rnncourse.checks.framework import language
from rnncourse.checks.framework.authoring import ExerciseSet, Mistakes, pieces, prove
from rnncourse.checks.framework.check import Check
from rnncourse.checks.framework.notation import NotationError


def _doubled(x):
    return 2 * x


def _test_doubled(doubled):
    x = torch.randn(3)
    torch.testing.assert_close(doubled(x), x + x)


BANK = Mistakes("A section", _doubled).edits("""
tripled | three times. | 2 * x => 3 * x
squared | squared. | 2 * x => x**2
a list | a list. | 2 * x => [2 * x]
""")
CASES = pieces(BANK, right="added | right | 2 * x => x + x", wrong="tripled; squared; a list")
TESTS = Mistakes("A section", _test_doubled).edits("""
nothing is asserted | you assert nothing.
    torch.testing.assert_close(doubled(x), x + x) => x + x
""")


def check() -> Check:
    words = {"returns": "refuses flag", "points": "every piece 3", "use": prove, "cases": CASES}
    return ExerciseSet("22", "Tests", forbid=frozenset()).task("test_doubled", TESTS, **words)


def verdict(test):
    return check().verdict(test)


def test_a_right_test_is_told_what_it_did():
    found = verdict(_test_doubled)
    assert (found.state, found.points) == ("right", 3)
    assert "refuses 3 wrong ways and passes on 2 right ones" in str(found)


def test_it_may_raise_whatever_it_likes():
    def other(doubled):
        if not torch.equal(doubled(torch.ones(2) * 3), torch.full((2,), 6.0)):
            raise ValueError

    assert verdict(other).state == "right"


def test_what_is_missed_is_named_and_earns_nothing():
    def at_two(doubled):  # 2 * 2 = 2²
        assert torch.equal(doubled(torch.tensor(2.0)), torch.tensor(4.0))

    found = verdict(at_two)
    assert (found.state, found.points) == ("wrong", 0)
    assert "passes on code that is wrong: squared." in str(found)
    assert "Of 3 wrong ways it refuses 2." in str(found)


def test_what_is_refused_is_named_with_its_error_and_earns_nothing():
    def misspelt(doubled):
        assert doubled(torch.ones(1)) == two  # noqa: F821

    found = verdict(misspelt)
    assert (found.state, found.points) == ("wrong", 0)
    assert "refuses code that is right: " in str(found)
    assert "`NameError: name 'two' is not defined`" in str(found)


def test_an_error_without_a_message_is_named_without_a_colon():
    def never(doubled):
        raise AssertionError

    assert "It raises `AssertionError`." in str(verdict(never))


def test_a_test_that_returns_its_verdict_is_told_to_raise():
    def answering(doubled):
        return doubled(1.0) == 2.0

    found = verdict(answering)
    assert found.points == 0
    assert "it returns" in str(found)
    assert "Use `assert`" in str(found)
    assert "Here" not in str(found)  # the number of a piece tells a learner nothing


def test_a_known_mistake_says_what_it_misses():
    def nothing(doubled):
        doubled(torch.ones(1))

    found = verdict(nothing)
    assert (found.state, found.mistake, found.points) == ("mistake", "nothing is asserted", 0)
    assert "passes on code that is wrong: " in str(found)
    assert "Of 3 wrong ways it refuses 0." in str(found)


def test_a_test_that_is_not_written_says_so():
    def stub(doubled):
        raise NotImplementedError

    assert verdict(stub).state == "not written"


def test_the_sentences_can_be_translated(monkeypatch):
    class Bracketed:
        def gettext(self, sentence):
            return f"⟦{sentence}⟧"

        def ngettext(self, one, many, count):
            return f"⟦{many}⟧"

    monkeypatch.setattr(language, "catalog", Bracketed())
    for test in (lambda doubled: None, lambda doubled: 1 / 0, _test_doubled):
        text = verdict(test).text
        assert text.replace("you assert nothing. ", "").startswith("⟦")
        assert text.endswith("⟧")


def test_a_learners_process_does_not_get_which_pieces_are_right():
    for case in CASES(3):
        assert case.arguments.keys() == {"piece", "name", "seed"}
        assert case.about not in str(case.arguments)
    orders = {tuple(case.about for case in CASES(seed)) for seed in range(5)}
    assert len(orders) > 1  # nor does their order say it


def test_a_piece_that_is_not_in_the_bank_is_refused():
    with pytest.raises(NotationError, match="no edit of the bank is called halved"):
        pieces(BANK, right="", wrong="halved")


def test_each_case_draws_its_own_random_numbers_the_same_for_the_same_seed():
    seen = []

    def drawing(doubled):
        seen.append(torch.randn(1).item())

    verdict(drawing)
    first = list(seen)
    assert len(set(first)) == len(first) - 1  # one case comes twice
    seen.clear()
    verdict(drawing)
    assert seen == first

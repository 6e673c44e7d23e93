"""How mistakes and tasks are written as text, and what is said of a text that does not fit."""

import re

import pytest
import torch

from rnncourse.checks.framework.authoring import (
    AUTOGRAD,
    BATCH,
    SINGLE,
    Case,
    ExerciseSet,
    Mistakes,
    Part,
    Shape,
    Whole,
)
from rnncourse.checks.framework.bank import _rows
from rnncourse.checks.framework.notation import NotationError, parse
from rnncourse.checks.framework.parts import Flag, Number, Word


def _last_sum(x, y):
    total = x + y
    for _ in range(2):
        total = total * 2
    return total


def made(text, truth=_last_sum):
    """The mistakes of a text by name."""
    wrong = Mistakes("Own section", truth)
    wrong.edits(text)
    return {mistake.name: mistake for mistake in wrong}


def test_an_arrow_replaces_what_stands_once():
    found = made("""
minus | the sign is wrong.
    x + y => x - y
nothing doubled | neither is doubled,
    and that shows.
    total * 2 => total
    look: Look at the loop.
""")
    assert found["minus"].function(7, 2) == (7 - 2) * 4
    assert found["nothing doubled"].function(7, 2) == 9
    assert found["nothing doubled"].hint == "neither is doubled, and that shows."
    assert found["nothing doubled"].look == "Look at the loop."


def test_an_empty_side_removes():
    assert made("y left out | y is missing.\n    + y =>")["y left out"].function(7, 2) == 28


def test_lines_are_replaced_as_in_a_diff():
    found = made("""
once more | doubled once too often.
    - return total
    + total = total * 2
    + return total
once | doubled once.
    - for _ in range(2):
    -     total = total * 2
    + total = total * 2
gone | not doubled.
    - total = total * 2
    + pass
""")
    assert found["once more"].function(7, 2) == 9 * 8
    assert found["once"].function(7, 2) == 9 * 2
    assert found["gone"].function(7, 2) == 9


def test_a_single_change_may_follow_the_hint():
    wrong = made("minus | the sign is wrong. | x + y => x - y | 8\nx | y is missing. | + y =>")
    assert wrong["minus"].function(7, 2) == (7 - 2 | 8) * 4
    assert (wrong["minus"].hint, wrong["x"].function(7, 2)) == ("the sign is wrong.", 28)


def test_a_section_is_its_mistakes_own():
    found = made("""
a | first.
    x + y => x
b | second. § The loop
    x + y => y
c | third, § and more. § The loop | x + y => 2 * x
d | fourth,
    in two lines. § The loop
    x + y => 2 * y
    look: Look there.
e | fifth.
    x + y => 3 * x § The loop
f | sixth.
    - return total
    + return 3 * total
    § The loop
g | seventh. | x + y => 3 * y
""")
    sections = [mistake.section for mistake in found.values()]
    assert sections == ["Own section", *5 * ["The loop"], "Own section"]
    assert found["c"].hint == "third, § and more."
    assert found["d"].hint == "fourth, in two lines."
    assert (found["e"].function(7, 2), found["f"].function(7, 2)) == (84, 108)


def test_a_section_for_those_that_name_none():
    wrong = Mistakes("Own section", _last_sum).edits("c | zeroth. | x + y => 0")
    wrong.edits("a | first. | x + y => x\nb | second. § The loop | x + y => y", section="The sum")
    assert [mistake.section for mistake in wrong] == ["Own section", "The sum", "The loop"]


def test_values_are_changed_by_name():
    found = made("h_n | its axes are exchanged.\n    h_n => (2, 3)", {"h_n": (3, 2), "count": 4})
    assert found["h_n"].function == {"h_n": (2, 3)}
    found = made("both | they have a row too many. | h_n, c_n => (4, 2)", {"h_n": (3, 2), "c_n": (3, 2)})
    assert found["both"].function == {"h_n": (4, 2), "c_n": (4, 2)}


WRONG = {
    "x + z => x": "expected once in the truth, found 0 times: `x + z`",
    "total => x": "expected once in the truth, found 4 times: `total`",
    "x + y => x +": "after the edit, the truth is not Python",
    "x + y => x\n    + y => z": "two changes of 'm' overlap",
    "and nothing more": "the mistake 'm' changes nothing",
    "+ a line": r"lines with + must follow the lines with - that they replace",
    "- no such line\n    + x": "expected once in the truth, found 0 times: `no such line`",
}


@pytest.mark.parametrize("change", WRONG)
def test_a_text_that_does_not_fit_is_refused_with_its_place(change):
    with pytest.raises(NotationError, match=re.escape(WRONG[change])) as error:
        made(f"""
# a comment
m | a hint.
    {change}
""")
    line = made.__code__.co_firstlineno + 3  # of wrong.edits, and there the mistake stands in the third line
    assert str(error.value).startswith(f"{__file__}, line {line + 2}: ")


def test_what_is_no_mistake_is_refused():
    with pytest.raises(NotationError, match=r"sets.py, line 12: expected `name | hint`, got `minus`"):
        list(parse("\n\nminus\n", "sets.py", 10))
    with pytest.raises(NotationError, match=r"sets.py, line 10: `x => y` belongs to no mistake"):
        list(parse("    x => y", "sets.py", 10))
    with pytest.raises(NotationError, match=r"no value is called z: x"):
        made("m | hint.\n    z => 1", {"x": 2})
    with pytest.raises(NotationError, match="no truth to edit"):
        made("m | hint.\n    z => 1", None)


def some_cases(seed):
    x = torch.ones(3)
    return [Case({"x": x}, {"B": 3}, frozenset({BATCH})), Case({"x": x[0]}, {}, frozenset({SINGLE}))]


def written(**more):
    words = {
        "returns": "h (B H), mask (T B) bool, dx (T B I) to 1e-4, sizes shape, a count whole",
        "points": "h 2",
    }
    return ExerciseSet("01", "Titles").task("t", Mistakes("s", len), cases=some_cases, **words | more)


def test_results_are_read_from_words():
    assert written().parts == (
        Part("h", "B H"),
        Part("mask", "T B", "bool"),
        Part("dx", "T B I", tolerance=1e-4),
        Shape("sizes"),
        Whole("a count"),
    )


def test_points_are_read_from_words():
    points = """
        h 2
        both 1 = h, mask
        all of it, once more 3
        h in a batch 1 = h where there is a batch
    """
    h, both, everything, batch = written(points=points).criteria
    assert (h.words, h.points, h.parts, h.where) == ("h", 2, ("h",), ())
    assert (both.points, both.parts) == (1, ("h", "mask"))
    assert (everything.words, everything.points, everything.parts) == ("all of it, once more", 3, ())
    assert (batch.parts, batch.where) == (("h",), (BATCH,))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"returns": "h, c"}, "t: expected a result such as `h (B H)`, got `h`."),
        ({"points": "h"}, "t: expected points such as `h 2`, got `h`."),
        ({"points": "h 2 = hh"}, "t: no result is called hh."),
        (
            {"points": "h 2 where it rains"},
            "t: no case has `it rains`; there are: there is a batch; there is no batch.",
        ),
    ],
)
def test_a_task_that_does_not_fit_is_refused(more, words):
    with pytest.raises(NotationError) as error:
        written(**more)
    assert str(error.value) == words


def test_a_set_has_its_checks_in_order_and_what_they_have_in_common():
    checks = ExerciseSet("07", "Titles", forbid=AUTOGRAD)
    state = checks.task("a", Mistakes("s", len), returns="h (B)", points="h 1", cases=some_cases)
    values = {"shape": (3, 2), "count": 4, "flag": True, "x": 0.5}
    predicted = checks.predicted("b", Mistakes("t", values), tolerance=0.1, forbid=frozenset())
    chosen = checks.chosen("c", Mistakes("u", {"P": "grows"}), choices=("grows", "fails"), points="all 2")
    assert checks == [state, predicted, chosen]
    assert {check.lesson for check in checks} == {"07"}
    assert (state.forbid, predicted.forbid, chosen.forbid) == (AUTOGRAD, frozenset(), AUTOGRAD)
    assert predicted.parts == (Shape("shape"), Whole("count"), Flag("flag"), Number("x", tolerance=0.1))
    assert [(each.points, each.parts) for each in predicted.criteria] == [(1, (name,)) for name in values]
    assert (predicted.section, predicted.truth, predicted.tells) == ("t", values, True)
    assert (chosen.parts, chosen.points, chosen.tells) == ((Word("P", ("grows", "fails")),), 2, False)


def test_each_makes_one_mistake_of_several_choices():
    found = made("""
each side: x y
each other: x y
{side} alone | only {side} is doubled.
    x + y => {side}
{side} for {other} | {side} stands where {other} should.
    x + y => {side} + {side}
both | nothing is {added}.
    x + y => 0
""")
    assert list(found) == ["x alone", "y alone", "x for y", "y for x", "both"]
    assert found["y for x"].hint == "y stands where x should."
    assert found["y for x"].function(7, 2) == (2 + 2) * 4
    assert found["x for y"].template == ("{side} for {other}", "{side} stands where {other} should.")
    assert (found["both"].hint, found["both"].template) == ("nothing is {added}.", None)


def test_of_several_mistakes_those_that_change_nothing_or_are_known_are_left_out():
    wrong = Mistakes("Own section", _last_sum)
    wrong.edits("y alone | written by hand.\n    x + y => y")
    wrong.edits("each side: x y x+y\n{side} alone | only {side} is doubled.\n    x + y => {side}")
    assert [(m.name, m.hint) for m in wrong] == [
        ("y alone", "written by hand."),
        ("x alone", "only x is doubled."),
        ("x+y alone", "only x+y is doubled."),
    ]
    wrong.edits("each sign: + -\na {sign} b | it is {sign}.\n    x + y => x {sign} y")
    assert [m.name for m in wrong[3:]] == ["a - b"]


def test_what_is_left_out_must_be_there():
    wrong = Mistakes("Own section", _last_sum)
    text = "each side: x y\n{side} alone | only {side} is doubled.\n    x + y => {side}"
    wrong.edits(text, but="x alone")
    assert [m.name for m in wrong] == ["y alone"]
    with pytest.raises(
        NotationError, match=r"test_check_notation\.py, line \d+: no mistake is called z alone"
    ):
        wrong.edits(text, but="z alone; y alone")


def test_the_table_has_one_row_for_mistakes_that_are_written_as_one():
    wrong = Mistakes("Own section", _last_sum)
    wrong.edits("each side: x y\n{side} alone | only {side} is doubled.\n    x + y => {side}")
    larger = wrong.through(lambda function: function, name="step: {}", hint="in the step: {}")
    assert list(_rows(larger)) == [
        "| step: {side} alone (2 of them) | in the step: only {side} is doubled. | Own section |"
    ]

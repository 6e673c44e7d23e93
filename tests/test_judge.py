"""Plain data in, the whole verdict out: nothing of a learner's runs here."""

from dataclasses import replace

import pytest
import torch

from rnncourse.checks.framework.answers import AnswerKey
from rnncourse.checks.framework.cases import Case, Trait
from rnncourse.checks.framework.check import Check
from rnncourse.checks.framework.evaluate import Answer, Failure
from rnncourse.checks.framework.judge import judge
from rnncourse.checks.framework.mistakes import Mistake
from rnncourse.checks.framework.parts import Number, Part, Whole
from rnncourse.checks.framework.task import Criterion
from rnncourse.checks.framework.use import value

LONG = Trait("x is long", "what you do with a long x")


def cases(*lengths):
    """x is 1, 2 … , of these lengths."""
    return [
        Case({"x": torch.arange(1.0, n + 1).double(), "y": 0}, {"T": n}, frozenset({LONG} if n > 3 else ()))
        for n in lengths
    ]


def sums(x, y):
    return x.cumsum(0), x.sum()


check = Check(
    name="sums",
    lesson="09",
    section="Loops",
    parts=(Part("so_far", "T"), Part("whole")),
    criteria=(
        Criterion("so_far", 2, ("so_far",)),
        Criterion("the whole", 1, ("whole",)),
        Criterion("long ones", 1, where=(LONG,)),
    ),
    truth=sums,
    mistakes=(
        Mistake("nothing added", lambda x, y: (x, x.sum()), "nothing is added up.", "Sums", "Look at +."),
        Mistake("twice", lambda x, y: (2 * x, x[0]), "everything is doubled.", ""),
    ),
)


def judged(answers, on=(3, 4, 5), of=check):
    """The verdict on an answer for each case, or on one function that gives them."""
    given = cases(*on)
    if callable(answers):
        answers = [Answer(returned=answers(**case.arguments)) for case in given]
    return judge(AnswerKey(of, given), answers)


def said(*arguments, **named):
    return str(judged(*arguments, **named))


def failing(on=(3, 4, 5), **failure):
    return [Answer(failure=Failure(**failure))] * len(on)


# ---- right


@pytest.mark.parametrize(
    ("on", "words"),
    [((4,), "the case agrees"), ((3, 4, 5), "all 3 cases agree")],
)
def test_right_in_one_case_and_in_all(on, words):
    assert said(sums, on) == f"✓ sums: {words} with the equations to 1e-6. 4 of 4 points."


def test_whole_numbers_have_no_tolerance():
    whole = Check(
        "lengths", "09", (Part("n", dtype="int"),), (Criterion("n", 1),), lambda x, y: torch.tensor(len(x))
    )
    right = said(lambda x, y: torch.tensor(len(x)), of=whole)
    assert right == "✓ lengths: all 3 cases agree with the equations. 1 of 1 point."


def test_the_tolerance_is_the_coarsest():
    assert " to 1e-5. " in said(lambda x, y: (x.cumsum(0), x.sum().float()))
    assert " to 1e-5. " in said(lambda x, y: (x.cumsum(0).half(), x.sum()))
    own = Check(
        "sum", "09", (Part("a"), Part("b", tolerance=1e-2)), (Criterion("all", 1),), lambda x, y: (x[0], x[0])
    )
    assert " to 1e-2. " in said(lambda x, y: (x[0], x[0] + 0.001), of=own)


@pytest.mark.parametrize(("on", "words"), [((4,), "the case is right"), ((3, 4, 5), "all 3 cases are right")])
def test_right_numbers_of_several_cases(on, words):
    number = Check("length", "09", (Whole("n"),), (Criterion("n", 1),), lambda x, y: len(x))
    assert said(lambda x, y: len(x), on, number) == f"✓ length: {words}. 1 of 1 point."


def test_one_answer_is_right():
    one = Check("one", "09", (Number("n"),), (Criterion("n", 1),), {"n": 2.5}, use=value)
    key = AnswerKey(one, one.cases(0))
    assert str(judge(key, [Answer(returned={"n": 2.5})])) == "✓ one: the answer is right. 1 of 1 point."
    assert str(judge(key, [Answer(returned={"n": None})])) == "… one: not written yet."


def test_several_answers():
    two = Check(
        "two", "09", (Number("a"), Number("b")), (Criterion("all", 1),), {"a": 1.5, "b": 2}, use=value
    )
    key = AnswerKey(two, two.cases(0))
    assert str(judge(key, [Answer(returned=[1.5, 2])])) == "✓ two: all 2 answers are right. 1 of 1 point."
    wrong = str(judge(key, [Answer(returned={"a": 1.5, "b": 3})]))
    assert wrong == "✗ two: 1 of 2 is right.\n  b: 3 is not right. 0 of 1 point."


# ---- points


def test_points_are_for_the_parts_and_cases_that_are_right():
    def wrong_when_long(x, y):
        return (x.cumsum(0), x.sum()) if len(x) < 4 else (x.cumsum(0), x.sum() ** 3 + 7)

    assert "2 of 4 points (so_far)." in said(wrong_when_long)
    assert "1 of 4 points (long ones)." in said(
        lambda x, y: sums(x, y) if len(x) > 3 else (x.cumsum(0) ** 3 + 7, x.sum() ** 3 + 7)
    )


# ---- a known mistake


def test_a_known_mistake_says_how_often_each_part_is_right():
    assert said(lambda x, y: (x, x.sum())) == (
        "✗ sums: nothing is added up. whole is right in every case. Look at +."
        ' See lesson 09, "Sums". 1 of 4 points (the whole).'
    )
    assert said(lambda x, y: (x, x.sum()), (1, 3)).startswith(
        "✗ sums: nothing is added up. whole is right in every case. so_far is right in 1 of 2 cases."
    )
    assert said(lambda x, y: (x, x.sum()), (1,)).startswith("✓")


def test_parts_that_are_right_as_often_are_named_together():
    three = Check(
        "three", "09", (Part("a"), Part("b"), Part("c")), (Criterion("all", 1),), lambda x, y: (x[0],) * 3,
        (Mistake("late", lambda x, y: (x[-1], x[-1], x[0]), "too late.", ""),),
    )  # fmt: skip
    assert said(lambda x, y: (x[-1], x[-1], x[0]), of=three).startswith(
        "✗ three: too late. c is right in every case."
    )


def test_a_known_mistake_has_a_name():
    given = cases(3, 4)
    key = AnswerKey(check, given)
    mistaken = [Answer(returned=(case.arguments["x"], case.arguments["x"].sum())) for case in given]
    assert (judge(key, mistaken).state, judge(key, mistaken).mistake) == ("mistake", "nothing added")
    in_a_part = judged(lambda x, y: (2 * x, x.sum() ** 3 + 7))
    assert (in_a_part.state, in_a_part.mistake) == ("mistake", "twice")
    assert judge(key, key.truths).mistake is None


def test_a_mistake_that_leaves_no_part_right_says_only_its_hint():
    assert said(lambda x, y: (2 * x, x[0])) == (
        '✗ sums: everything is doubled. See lesson 09, "Loops". 0 of 4 points.'
    )


def test_a_known_mistake_in_one_part_alone():
    assert (
        ": start with so_far: nothing is added up. (whole is wrong as well. Fix one thing at a time.) "
        in said(lambda x, y: (x, x.sum() ** 3 + 7))
    )
    assert ": start with so_far: everything is doubled. (whole is wrong as well." in said(
        lambda x, y: (2 * x, x.sum() ** 3 + 7)
    )


def test_no_mistake_is_told_that_another_part_contradicts():
    assert "everything is doubled" not in said(lambda x, y: (2 * x, x.sum()))


def test_no_mistake_is_told_for_one_of_two_values():
    """A flag that is wrong has one wrong value only: it proves nothing."""
    flags = Check(
        "flags", "09", (Part("long", dtype="bool"), Part("whole")), (Criterion("all", 1),),
        lambda x, y: (torch.tensor(len(x) > 3), x.sum()),
        (Mistake("turned", lambda x, y: (torch.tensor(len(x) <= 3), -x.sum()), "this is turned.", ""),),
    )  # fmt: skip
    assert "this is turned." in said(lambda x, y: (torch.tensor(len(x) <= 3), -x.sum()), of=flags)
    assert "this is turned." not in said(lambda x, y: (torch.tensor(len(x) <= 3), x[0] + 9), of=flags)


def test_a_copy_of_something_else_is_told():
    two = Check(
        "two", "09", (Part("so_far", "T"), Part("twice", "T")), (Criterion("all", 1),),
        lambda x, y: (x.cumsum(0), 2 * x),
    )  # fmt: skip
    assert "twice is the same as your so_far." in said(lambda x, y: (x.cumsum(0), x.cumsum(0)), of=two)
    assert "so_far is the argument x, unchanged." in said(lambda x, y: (x, x**2 + 5), of=two)


def test_a_trait_is_told_only_if_no_other_fits():
    right = [Answer(returned=sums(**case.arguments)) for case in cases(3, 4, 5)]
    wrong = [replace(answer, returned=(answer.returned[0] ** 2 + 3, answer.returned[1])) for answer in right]
    given = cases(3, 4, 5)
    text = str(judge(AnswerKey(check, given), [right[0], *wrong[1:]]))
    assert "so_far is wrong only where x is long." in text
    also = Trait("x is not short", "the end")
    given = [replace(case, traits=case.traits | {also}) if case.has(LONG) else case for case in given]
    text = str(judge(AnswerKey(check, given), [right[0], *wrong[1:]]))
    assert "so_far is wrong in 2 of 3 cases." in text


def test_a_known_mistake_in_a_single_answer():
    slip = Mistake("off by one", {"n": 3}, "Count from 0.", "")
    one = Check("one", "09", (Number("n"),), (Criterion("n", 1),), {"n": 2}, (slip,), use=value)
    text = str(judge(AnswerKey(one, one.cases(0)), [Answer(returned={"n": 3})]))
    assert text == "✗ one: n: 3 is not right. Count from 0. 0 of 1 point."
    two = Check("two", "09", (*one.parts, Number("m")), one.criteria, {"n": 2, "m": 5}, (slip,), use=value)
    text = str(judge(AnswerKey(two, two.cases(0)), [Answer(returned={"n": 3, "m": 5})]))
    assert text == "✗ two: 1 of 2 is right.\n  n: 3 is not right. Count from 0. 0 of 1 point."


def test_a_known_mistake_beside_an_answer_that_cannot_be_read():
    slip = Mistake("last", lambda x, y: (len(x), 9), "This is the last.", "")
    two = Check(
        "two", "09", (Whole("a"), Whole("b")), (Criterion("all", 1),), lambda x, y: (len(x), 1), (slip,)
    )
    assert said(lambda x, y: ("?", 9), (3,), two) == (
        '✗ two: 0 of 2 are right.\n  a is "?"; expected a whole number.\n'
        "  b: 9 is not right. Here T=3. This is the last. 0 of 1 point."
    )


def test_a_check_that_tells_nothing():
    two = Check(
        "two", "09", (Number("a"), Number("b")), (Criterion("a", 1, ("a",)), Criterion("b", 1, ("b",))),
        {"a": 1.5, "b": 2}, use=value, tells=False,
    )  # fmt: skip
    key = AnswerKey(two, two.cases(0))
    verdict = judge(key, [Answer(returned={"a": 1.5, "b": 3})])
    said = "✗ two: at least one answer is wrong. This check does not say which. 0 of 2 points."
    assert (verdict.state, str(verdict)) == ("wrong", said)
    unread = str(judge(key, [Answer(returned={"a": 1.5, "b": "x"})]))
    assert unread == '✗ two: b is "x"; expected a number. 0 of 2 points.'
    failed = judge(key, [Answer(failure=Failure("raised", "OddError", "no"))])
    assert str(failed) == "✗ two: it raised OddError: no. 0 of 2 points."


# ---- what failed


def test_an_error_with_and_without_a_line_and_a_message():
    error = {"kind": "raised", "error": "OddError"}
    rest = ' Here T=3. See lesson 09, "Loops". 0 of 4 points.'
    assert said(failing(**error)) == f"✗ sums: it raised OddError.{rest}"
    assert (
        said(failing(**error, message="It broke at X."))
        == f"✗ sums: it raised OddError: It broke at X.{rest}"
    )
    assert said(failing(**error, line="x + y", message="no")) == (
        f"✗ sums: it raised OddError: no. Your line: `x + y`.{rest}"
    )


def test_an_error_in_some_cases():
    right = [Answer(returned=sums(**case.arguments)) for case in cases(3, 4, 5)]
    broken = Answer(failure=Failure("raised", "OddError", "no"))
    unwritten = Answer(failure=Failure("not written"))
    assert "✗ sums: it raised OddError: no. Only where x is long. Here T=4." in said(
        [right[0], broken, broken]
    )
    assert "✗ sums: it raised OddError: no. Here T=5." in said([right[0], right[1], broken])
    assert "✗ sums: not written yet where x is long." in said([right[0], unwritten, unwritten])
    assert "✗ sums: not written yet in some cases." in said([right[0], right[1], unwritten])


def test_what_does_not_end():
    slow = said(failing(kind="too slow", message="5"))
    assert slow.startswith("✗ sums: it has not finished after 5 seconds. Is there a loop that never ends? ")
    line = said(failing(kind="too slow", message="5", line="while x:"))
    assert line.startswith(
        "✗ sums: it has not finished after 5 seconds. Is there a loop that never ends? Your line: `while x:`."
    )


def test_what_is_not_written():
    assert said(failing(kind="not written")) == "… sums: not written yet."
    assert said(failing((3,), kind="not written"), (3,)) == "… sums: not written yet."
    assert said(failing(kind="not written", inner="f")) == "… sums: it calls f, which is not written yet."


def test_what_is_no_function():
    text = said(failing(kind="not a function", message="it got None."))
    assert text == '✗ sums: it got None. See lesson 09, "Loops". 0 of 4 points.'


@pytest.mark.parametrize(("at", "where"), [("", ""), ("torch.cumsum(x)", " in your line `torch.cumsum(x)`")])
def test_what_is_to_be_built_has_no_points_and_no_lesson(at, where):
    right = [Answer(returned=sums(**case.arguments)) for case in cases(3, 4, 5)]
    right[1] = Answer(returned=right[1].returned, calls="cumsum", at=at)
    assert (
        said(right) == f"✗ sums: this calls cumsum{where}: that is what you should build here. 0 of 4 points."
    )


@pytest.mark.parametrize(
    ("failure", "state"),
    [
        ({"kind": "not a function"}, "type"),
        ({"kind": "too slow"}, "too slow"),
        ({"kind": "problem"}, "raised"),
        ({"kind": "raised", "error": "OddError"}, "raised"),
        ({"kind": "raised", "error": "RecursionError"}, "raised"),
        ({"kind": "not written"}, "not written"),
    ],
)
def test_the_state_of_what_failed(failure, state):
    assert judged(failing(**failure)).state == state
    right = [Answer(returned=sums(**case.arguments)) for case in cases(3, 4)]
    if state != "type":  # which is found before any case is run
        broken = Answer(failure=Failure(**failure))
        assert judged([*right, broken]).state == ("raised" if state == "not written" else state)


def test_a_problem_is_said_as_it_is():
    text = said(failing(kind="problem", message="it yields nothing."))
    assert text == '✗ sums: it yields nothing. Here T=3. See lesson 09, "Loops". 0 of 4 points.'


def test_a_call_without_end():
    assert said(failing(kind="raised", error="RecursionError", message="maximum", line="f()")) == (
        "✗ sums: it keeps calling itself (RecursionError). Which function did you mean to call?"
        ' See lesson 09, "Loops". 0 of 4 points.'
    )


# ---- what costs no points


def remarks(**about):
    """What is said after the points of a right answer about which this is true in the second case."""
    right = [Answer(returned=sums(**case.arguments)) for case in cases(3, 4, 5)]
    right[1] = Answer(**{"returned": right[1].returned} | about)
    verdict, _, rest = said(right).partition("4 of 4 points.")
    assert verdict.startswith("✓")
    return rest


def test_remarks():
    assert remarks() == ""
    assert remarks(changed=("x",)) == (
        " It changes its argument x in place: the caller's own tensor changes."
    )
    assert remarks(changed=("y", "x")) == (
        " It changes its arguments x and y in place: the caller's own tensors change."
    )
    so_far, whole = sums(*cases(4)[0].arguments.values())
    coarse = "float32 although the inputs are float64: precision is lost."
    assert remarks(returned=(so_far.float(), whole)) == f" so_far is {coarse}"
    assert remarks(returned=(so_far.float(), whole.float())) == f" so_far and whole are {coarse}"
    assert remarks(printed=" \n") == remarks(printed="") == ""
    assert remarks(printed="x is\n`3`") == " It prints: `x is '3'`"
    assert remarks(warned="old") == " It warns: `old`"
    assert remarks(seconds=1.0) == ""
    assert remarks(seconds=1.06) == " It is slow: 1.1 s for one case."  # from a fifth of the limit, 5 s, on


def test_a_wrong_answer_has_remarks_too_and_an_unwritten_one_has_none():
    unwritten = [Answer(failure=Failure("not written"), printed="hello")] * 3
    assert said(unwritten) == "… sums: not written yet."
    wrong = [
        Answer(returned=(case.arguments["x"], case.arguments["x"][0] / 2), printed="hello")
        for case in cases(3, 4, 5)
    ]
    assert said(wrong).endswith(" 0 of 4 points. It prints: `hello`")


def test_seconds_of_a_case_that_failed_are_not_slow():
    right = [Answer(returned=sums(**case.arguments)) for case in cases(3, 4, 5)]
    right[2] = Answer(failure=Failure("too slow", message="5"), seconds=5.0)
    assert "It is slow" not in said(right)
    quick = Check("sums", "09", check.parts, check.criteria, sums, seconds=2)
    assert "It is slow" not in said(failing(kind="raised", error="OddError"), of=quick)


def test_a_result_in_a_tuple_of_one():
    whole = Check("whole", "09", (Part("n"),), (Criterion("n", 1),), lambda x, y: x.sum())
    assert said(lambda x, y: (x.sum(),), of=whole).endswith(
        " 1 of 1 point. n comes in a tuple of length one: is there a stray comma or bracket?"
    )

"""Find and fix: a task that asks for a test, which is judged by what it refuses (prove.py runs it).

The learner's test is run on pieces of code, one in a case: the repair and other right ways, on which it must
pass, and wrong ways, which it must refuse, by raising whatever it likes. It earns nothing if it misses one or
refuses one that is right. A known mistake of such a task is a test that is too weak or too strict.

The pieces come from the bank of the task that asks for the repair: the truth, edits of it that are right as
well, and its mistakes. A learner's process gets them one by one as text, in an order drawn from the seed, and
nothing says which of them are right. In a set, the task that asks for the repair must come before the one
that asks for the test: a test could save what it is given.
"""

from __future__ import annotations

import inspect
import random
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rnncourse.checks.framework.answers import Comparison
from rnncourse.checks.framework.cases import Case
from rnncourse.checks.framework.language import say, say_count, sentences
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.notation import NotationError, parse
from rnncourse.checks.framework.prove import prove
from rnncourse.checks.framework.verdict import Finding
from rnncourse.checks.framework.words import quotable

MISSED = "your test passes on code that is wrong: {about}."
REFUSED = "your test refuses code that is right: {about}. It raises `{error}`."
IN_ALL = (
    "Of {count} wrong way it refuses {caught}.",
    "Of {count} wrong ways it refuses {caught}.",
)


@dataclass(frozen=True)
class Piece(Case):
    """One piece of code. about: what it is, which a verdict says and the learner's process does not get."""

    about: str = ""

    def __str__(self) -> str:
        """Return nothing: a piece's number says nothing to a learner."""
        return ""


def pieces(bank: Mistakes, *, right: str, wrong: str) -> Callable[[int], list[Case]]:
    """Return the cases of a task that asks for a test.

    Args:
        bank: the bank of the task that asks for the repair.
        right: other right ways, as edits of the truth, each `name | what it is`, then the changes. The name
            is what a verdict says.
        wrong: the names of the mistakes that the test must refuse, separated by semicolons.

    Raises:
        NotationError: An edit does not fit, or there is no such mistake, or it is not an edit.

    Example:
        >>> from rnncourse.checks.framework.authoring import Mistakes, pieces
        >>> def mean(x):
        ...     return x.mean(0)
        >>> bank = Mistakes("Shapes", mean).edits("summed | this is the sum. | mean(0) => sum(0)")
        >>> two = pieces(bank, right="", wrong="summed")(seed=0)
        >>> sorted(case.about for case in two)
        ['summed', 'the repair as it is meant']
    """
    frame = inspect.stack()[1]
    place = f"{frame.filename}, line {frame.lineno}"
    truth = bank.truth
    assert callable(truth)
    source = textwrap.dedent(inspect.getsource(truth))
    known = {mistake.name: mistake for mistake in bank}
    texts = [("the repair as it is meant", source)]
    for entry in parse(right, frame.filename, frame.lineno):
        texts.append((entry.name, entry.applied_to(source)))
    for name in map(str.strip, wrong.split(";")):
        edit = known[name].edit if name in known else None
        if edit is None:
            raise NotationError(f"{place}: no edit of the bank is called {name}.")
        texts.append((name, edit.entry.applied_to(source)))

    def cases(seed: int) -> list[Case]:
        shuffled = random.Random(seed).sample(texts, len(texts))
        return [
            Piece({"piece": text, "name": truth.__name__, "seed": 1000 * seed + n}, {"piece": n}, about=about)
            for n, (about, text) in enumerate(shuffled)
        ]

    return cases


def outcome(c: Comparison) -> str:
    """Say which piece the test misses or wrongly refuses; "" if that can't be said, or in other tasks."""
    if c.task.use is not prove or c.unreadable is not None:
        return ""
    rows = dict(_outcomes(c))
    refused = [(about, error) for about, (found, expected, error) in rows.items() if found and not expected]
    missed = [about for about, (found, expected, _) in rows.items() if expected and not found]
    wrong = sum(expected for _, expected, _ in rows.values())
    said = ""
    if refused:
        about, error = refused[0]
        said = say(REFUSED, about=say(about), error=quotable(error))
    elif missed:
        said = say(MISSED, about=say(missed[0]))
    if not missed:
        return said
    return sentences(said, say_count(*IN_ALL, wrong, caught=wrong - len(missed)))


def _outcomes(c: Comparison) -> Iterator[tuple[str, tuple[bool, bool, str]]]:
    """Yield what each piece is, whether it was refused, whether it should be, and the error.

    One case comes twice.
    """
    for case, found, expected, answer in zip(c.cases, c.found, c.expected, c.answers, strict=True):
        assert isinstance(case, Piece)
        error = answer.returned.get("error", "") if isinstance(answer.returned, dict) else ""
        yield case.about, (found is not None and found[0], expected[0], str(error))


def missed_or_refused(c: Comparison) -> Finding | None:
    """Find a test that misses or refuses a piece, in no way that is known."""
    said = outcome(c)
    return Finding("wrong", said) if said else None


def praise(c: Comparison) -> str:
    """Say what a right test did."""
    rows = dict(_outcomes(c))
    wrong = sum(expected for _, expected, _ in rows.values())
    words = "it refuses {wrong} wrong ways and passes on {right} right ones."
    return say(words, wrong=wrong, right=len(rows) - wrong)

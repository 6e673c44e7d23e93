"""Runs a learner's object on the cases of a check, and gives plain data: no expected value is known here.

Whatever it does (raise, recurse or loop without end, print, warn, change its inputs, return nonsense) ends in
an Answer; only KeyboardInterrupt goes through. What kills the process, or fills its memory, is for a sandbox.
"""

from __future__ import annotations

import contextlib
import io
import linecache
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from rnncourse.checks.framework.cases import Case, fresh, unchanged
from rnncourse.checks.framework.limit import TooSlow, time_limit
from rnncourse.checks.framework.plain import Plain, kinds, plain, type_name
from rnncourse.checks.framework.use import Problem, Use, call, wrong_kind
from rnncourse.checks.framework.watch import ANSWERS, NOT_THEIRS, RECURRENT, Watch

KEPT_OUTPUT = 200  # characters of what a function prints
SECONDS = 5.0  # of processor time for one case


@dataclass(frozen=True)
class Failure:
    """Why there is no returned value.

    kind: "not written", "raised", "problem" (the Use says what, e.g. parameters that do not fit), "too slow",
    or "not a function" (or class).
    error, message: the exception's class name and text.
    line: the learner's own source line, if it can be had.
    inner: the learner's other function that it happened in, if it was not the one that was called.
    """

    kind: str
    error: str = ""
    message: str = ""
    line: str = ""
    inner: str = ""


@dataclass(frozen=True)
class Answer:
    """What one call gave, as plain data (plain.py).

    failure: why nothing was returned, else None.
    calls: the forbidden function that was called, else None. at: the learner's own line of that call.
    changed: names of the arguments that were changed in place.
    printed, warned: the beginning of what the call printed, and its first warning.
    seconds: of processor time, so that a busy machine makes nobody slow.
    """

    returned: Plain = None
    failure: Failure | None = None
    calls: str | None = None
    at: str = ""
    changed: tuple[str, ...] = ()
    printed: str = ""
    warned: str = ""
    seconds: float = 0.0


def evaluate(
    learner: Any,
    cases: Sequence[Case],
    use: Use = call,
    forbid: Iterable[str] = RECURRENT,
    seconds: float = SECONDS,
) -> list[Answer]:
    """Uses `learner` on a copy of each case's arguments. One Answer for each case; raises nothing.

    use: how (use.py). forbid: what is to be built (watch.py). seconds: for one case; after one that took
    longer the others are not tried.
    """
    problem = _safely(wrong_kind, "it got an object that cannot be read.", learner, use.wants)
    if problem:
        return [Answer(failure=Failure("not a function", message=problem)) for _ in cases]
    answers: list[Answer] = []
    with torch.random.fork_rng(devices=[]):  # a learner's seed stays the learner's
        for case in cases:
            failure = answers[-1].failure if answers else None
            if failure is not None and failure.kind == "too slow":
                answers.append(Answer(failure=failure))
            else:
                answers.append(_answer(learner, case, use, frozenset(forbid) | ANSWERS, seconds))
    return answers


def _answer(learner: Any, case: Case, use: Use, forbid: frozenset[str], seconds: float) -> Answer:
    arguments = {name: fresh(value) for name, value in case.arguments.items()}
    returned, failure, printed, watch = None, None, _Printed(), Watch(forbid, use.run.__code__)
    begin = time.thread_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            try:
                with time_limit(seconds), watch:
                    watch.scripted(learner)
                    returned = plain(use.run(learner, arguments))
            except KeyboardInterrupt:
                raise
            except TooSlow as error:
                failure = Failure("too slow", message=f"{seconds:g}", line=_their_line(error)[0])
            except Problem as problem:
                failure = Failure("problem", message=str(problem))
            except BaseException as error:  # SystemExit, too: a check must not end the notebook
                failure = _safely(_describe, Failure("raised", "an error that cannot be read"), error)
    changed = tuple(
        name for name, value in case.arguments.items() if not _safely(unchanged, True, value, arguments[name])
    )
    return Answer(
        returned=returned,
        failure=failure,
        calls=watch.seen,
        at=_safely(lambda: str(watch.line), ""),
        changed=changed,
        printed=printed.text,
        warned=_safely(lambda: str(caught[0].message).splitlines()[0][:KEPT_OUTPUT], "") if caught else "",
        seconds=time.thread_time() - begin,
    )


class _Printed(io.TextIOBase):
    """Keeps the beginning of what is written to it and drops the rest."""

    text = ""

    def write(self, text: str) -> int:
        self.text += text[: KEPT_OUTPUT - len(self.text)]
        return len(text)


def _safely(function: Callable, otherwise: Any, *arguments: Any) -> Any:
    """The function's value, or `otherwise` where a learner's object turns out to raise when touched."""
    try:
        return function(*arguments)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return otherwise


def _describe(error: BaseException) -> Failure:
    message = _safely(lambda: " ".join(str(error).split())[:300], "")
    line, inner = _safely(_their_line, ("", ""), error)
    # The stub's own, not torch's: "not implemented for 'Half'", a module without forward(), a meta tensor.
    torchs = not line or "not implemented for" in message or "[" in message
    stub = NotImplementedError in kinds(error) and not torchs
    return Failure("not written" if stub else "raised", type_name(error), message, line, inner)


def _their_line(error: BaseException) -> tuple[str, str]:
    """The learner's own line in which it happened, and the function, if it is not the one called; else ''."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not frame.filename.startswith(NOT_THEIRS)]
    if not theirs:
        return "", ""
    last = theirs[-1]
    line = (last.line or linecache.getline(last.filename, last.lineno or 0)).strip()[:100]
    return line, last.name if last.name != theirs[0].name else ""

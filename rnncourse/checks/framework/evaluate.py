"""Run a learner's object on the cases of a check and return plain data. No expected value is known here.

Whatever the object does (raise, recurse or loop forever, print, warn, change its inputs, return nonsense)
becomes an Answer; only KeyboardInterrupt passes through. A sandbox has to deal with code that kills the
process or fills its memory.
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

KEPT_OUTPUT = 200  # characters of what a function prints that are saved
SECONDS = 5.0  # of processor time for one case


@dataclass(frozen=True)
class Failure:
    """Why there is no returned value.

    kind: "not written", "raised", "problem" (found by the Use, e.g. parameters that do not fit), "too slow",
    or "not a function" (or class).
    error, message: the exception's class name and text.
    line: the learner's own source line, if it is known.
    inner: the learner's function in which it happened, if that is not the one that was called.
    """

    kind: str
    error: str = ""
    message: str = ""
    line: str = ""
    inner: str = ""


@dataclass(frozen=True)
class Answer:
    """The result of one call, as plain data (plain.py).

    failure: why nothing was returned, otherwise None.
    calls: the forbidden function that was called, or None. at: the learner's own line of that call.
    changed: the names of the arguments that were changed in place.
    printed, warned: the beginning of what the call printed, and its first warning.
    seconds: processor time, so that nobody looks slow because the machine is busy.
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
    """Use `learner` on a copy of each case's arguments. Never raises.

    Args:
        learner: the learner's object; it may be anything.
        cases: the inputs.
        use: how the object is used (use.py).
        forbid: the names of what the learner has to build (watch.py).
        seconds: the processor time for one case. After a case that took longer, the others are not tried.

    Returns:
        One Answer for each case.
    """
    problem = _safely(wrong_kind, "it got an object that cannot be read.", learner, use.wants)
    if problem:
        return [Answer(failure=Failure("not a function", message=problem)) for _ in cases]
    answers: list[Answer] = []
    with torch.random.fork_rng(devices=[]):  # the learner's own seed is left alone
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
            except BaseException as error:  # SystemExit as well: a check must not end the notebook
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
    """Saves the beginning of what is written to it and drops the rest."""

    text = ""

    def write(self, text: str) -> int:
        self.text += text[: KEPT_OUTPUT - len(self.text)]
        return len(text)


def _safely(function: Callable, otherwise: Any, *arguments: Any) -> Any:
    """Return the function's value, or `otherwise` if a learner's object raises when touched."""
    try:
        return function(*arguments)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return otherwise


def _describe(error: BaseException) -> Failure:
    message = _safely(lambda: " ".join(str(error).split())[:300], "")
    line, inner = _safely(_their_line, ("", ""), error)
    # Only errors of the stub itself, not torch's: "not implemented for 'Half'", a module without forward().
    torchs = not line or "not implemented for" in message or "[" in message
    stub = NotImplementedError in kinds(error) and not torchs
    return Failure("not written" if stub else "raised", type_name(error), message, line, inner)


def _their_line(error: BaseException) -> tuple[str, str]:
    """Return the learner's own line that failed, and its function if that is not the one called; or ''."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not frame.filename.startswith(NOT_THEIRS)]
    if not theirs:
        return "", ""
    last = theirs[-1]
    line = (last.line or linecache.getline(last.filename, last.lineno or 0)).strip()[:100]
    return line, last.name if last.name != theirs[0].name else ""

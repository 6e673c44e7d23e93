"""Axes exchanged by a reshape, which exchanges no axes, and a batch that is as long as another axis."""

import traceback
from collections.abc import Iterator

from rnncourse.auditing.blame import VIEWS, Story
from rnncourse.auditing.report import QUESTION, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import HERE, LIBRARIES, Call, Place
from rnncourse.auditing.views import exchanged, in_a_skew

KINDS = ("axes torn", "batch size fixed")


def run(s: Subject) -> Iterator[Finding]:
    yield from _torn(s)
    yield from _fixed(s)


def _torn(s: Subject) -> Iterator[Finding]:
    calls = s.base.tape.calls
    for i in sorted(Story(calls, []).relevant(s.base.outputs)):
        call = calls[i]
        if call.name not in VIEWS or not call.before or not call.after:
            continue
        s.made("axes torn")
        before, after = tuple(call.before[0].shape), tuple(call.after[0].shape)
        if not exchanged(before, after) or bool((call.before[0] == call.before[0].flatten()[0]).all()):
            continue
        if (
            any(f.where == call.place for f in s.found)
            or in_a_skew(calls, i)
            or not _still_exchanged(s, i, call)
        ):
            continue
        yield Finding(
            "axes torn",
            QUESTION,
            f"From {before} to {after}: the sizes of two axes are exchanged, but {call.name} keeps all "
            "numbers in their order, so each entry gets parts of several others. Is transpose meant?",
            call.place,
            call.module,
            lesson="03",
            by=f"By {call.name}",
        )
        return


def _still_exchanged(s: Subject, number: int, call: Call) -> bool:
    """Return whether the sizes are exchanged with fewer steps, too, if the model takes so few."""
    for fewer in range(1, min(4, s.T - 1)):
        try:
            calls = s.probe.run(inputs=s.inputs.shorter(fewer), record=True).tape.calls
        except Exception:  # a model with a fixed number of steps
            return True
        if number >= len(calls) or calls[number].place != call.place:
            return True
        before, after = tuple(calls[number].before[0].shape), tuple(calls[number].after[0].shape)
        if len(set(before)) == len(set(call.before[0].shape)):  # sizes that have become equal tell nothing
            return exchanged(before, after)
    return True


def _fixed(s: Subject) -> Iterator[Finding]:
    """Ask for the reason if a batch of one row less fails where two sizes must agree."""
    if s.B < 3:
        return
    s.made("batch size fixed")
    if s.takes_fewer_rows:
        return
    try:
        s.probe.run(inputs=s.inputs.rows(range(s.B - 1)))
    except RuntimeError as error:
        sizes = f"{s.B - 1}", f"{s.B}"
        reason = str(error).splitlines()[0] if str(error) else ""
        if "must match the size of tensor" not in reason or not all(f"({n})" in reason for n in sizes):
            return
        place = _raised_at(error)
        yield Finding(
            "batch size fixed",
            QUESTION,
            f"With {s.B} rows the model runs, with {s.B - 1} it raises: {reason.rstrip('.')}. Another axis "
            f"is {s.B} long, too: do the rows meet it here, so that each row's number goes to an entry of "
            "another axis?",
            place,
            lesson="03",
            by="Raised",
        )


def _raised_at(error: BaseException) -> Place | None:
    """Return the innermost line of the user's code on the way to an error."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith((HERE, *LIBRARIES)):
            return Place(frame.filename, frame.lineno or 0, frame.line or "")
    return None

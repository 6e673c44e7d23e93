"""A layer or cell that is called once per step, each time with the same state."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from rnncourse.auditing.checks.arguments import ZEROS
from rnncourse.auditing.probe import RecurrentCall, Run
from rnncourse.auditing.report import QUESTION, WRONG, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call
from rnncourse.spec import Cell, Recurrent

KINDS = ("state not carried",)
MIN_CALLS = 3
PRODUCTS = ("mul", "__mul__", "__rmul__", "linear", "matmul", "__matmul__")


def run(s: Subject) -> Iterator[Finding]:
    yield from _returned_as_given(s)
    yield from _same_zeros(s)
    stepwise = _by_name(s.base)
    yield from _not_fed_back(s, stepwise)
    for several in stepwise.values():
        if len(several) < MIN_CALLS:
            continue
        s.made("state not carried")
        if s.has("state dropped", "starts ignored", "reset too early"):
            continue
        if _fed_to_input(several):
            yield _finding(
                several,
                QUESTION,
                f"{_called(several)} each time with the state that it returned last as its input, and with "
                "something else as its state. Are the two arguments exchanged? The order is input, state.",
            )
            return
        if (giver := _of_another(several, s.base.recurrent + s.base.own)) is not None:
            yield _finding(
                several,
                QUESTION,
                f"{_called(several)} each time with the h that {giver!r} returned in place of its own, while "
                "its own c is carried. Is this intended?",
            )
            return
        lost = None if _own(several[0]) else _lost_part(several)
        if lost is not None:
            other, part = lost
            yield _finding(
                several,
                WRONG,
                f"{_called(several)} each time with the same {part}, while {other} is passed from call to "
                f"call: the {part} that it returns is dropped.",
            )
            return
        if not _alike(several) or (_own(several[0]) and not _zeros(several[0])):
            continue
        if all(torch.equal(call.given, several[0].given) for call in several):
            continue
        given = bool(several[0].state_values) and not _zeros(several[0])
        what = "with the same state" if given else "with a state of zeros"
        doubt = "" if given else " Is this intended?"
        yield _finding(
            several,
            WRONG if given else QUESTION,
            f"{_called(several)} each time {what}: the state that it returns does not reach the next "
            f"call.{doubt}",
        )
        return


def _by_name(run: Run) -> dict[str, list[RecurrentCall]]:
    """Return the calls for one step each, by the name of their layer or cell."""
    calls: dict[str, list[RecurrentCall]] = {}
    for call in run.recurrent + run.own:
        if one_step(call):
            calls.setdefault(call.name, []).append(call)
    return calls


def _not_fed_back(s: Subject, stepwise: dict[str, list[RecurrentCall]]) -> Iterator[Finding]:
    """Find a cell that reads the steps, and then the last of them again instead of what is predicted."""
    for several in stepwise.values():
        if s.T < MIN_CALLS or len(several) < s.T + MIN_CALLS - 1:
            continue
        s.made("state not carried")
        if not _repeats_last(several, s.T):
            continue
        yield _finding(
            several[s.T - 1 :],
            QUESTION,
            f"{_called(several)} with a new input at first, and the last {len(several) - s.T + 1} times with "
            "the same one. Should it get what the model predicts there?",
        )
        return


def _repeats_last(calls: list[RecurrentCall], T: int) -> bool:
    """Return whether T calls get different inputs, and all further ones that of call T."""
    if any(call.given.shape != calls[0].given.shape for call in calls):
        return False
    same = [torch.equal(one.given, other.given) for one, other in pairwise(calls)]
    return all(same[T - 1 :]) and not any(same[: T - 1])


def _returned_as_given(s: Subject) -> Iterator[Finding]:
    """Find a layer's state that the model returns as it got it, so the next batch begins as this one did."""
    given = [value for value in s.base.given if isinstance(value, Tensor)]
    for call in s.base.recurrent:
        if not call.state or one_step(call) or not any(_memory(v) == _memory(call.state[0]) for v in given):
            continue
        s.made("state not carried")
        returned = {_memory(out) for out in s.base.outputs}
        if _memory(call.state[0]) in returned and _memory(call.ends[0]) not in returned:
            yield _finding(
                [call, call],
                QUESTION,
                f"The model returns the state that it passes to {type(call.module).__name__} {call.name!r}, "
                "not the one that comes back: the next batch would begin as this one did. Is this intended?",
            )
            return


def _same_zeros(s: Subject) -> Iterator[Finding]:
    """Find zeros for each row that every step multiplies, or that no call reads, in a loop without cells."""
    calls = s.base.tape.calls
    held = {_memory(t) for t in (*s.probe.parameters_and_buffers(), *s.base.outputs)}
    for i, made in enumerate(calls):
        if made.name not in ZEROS or not made.after or s.B == 1:
            continue
        value, memory = made.after[0], _memory(made.results[0])
        if value.dim() < 2 or value.shape[0] != s.B or not value.is_floating_point() or memory in held:
            continue
        readers = [c for c in calls[i + 1 :] if any(_memory(arg) == memory for arg in c.args)]
        s.made("state not carried")
        lines: dict[object, list[Call]] = {}
        for call in readers:
            lines.setdefault((call.place, call.name), []).append(call)
        several = next((c for c in lines.values() if len(c) >= max(MIN_CALLS, s.T // 2)), None)
        if several and len(lines) == 1 and several[0].name in PRODUCTS and not bool(made.results[0].any()):
            yield _of_zeros(
                several[0],
                f"The same zeros {tuple(value.shape)} are multiplied in each of {len(several)} steps. Are "
                "they a state that is never updated?",
            )
            return
        if not readers:
            yield _of_zeros(
                made,
                f"No call reads these zeros {tuple(value.shape)}. Are they a state that is overwritten "
                "before it is read?",
            )
            return


def _of_zeros(call: Call, sentence: str) -> Finding:
    return Finding(
        "state not carried", QUESTION, sentence, call.place, call.module, lesson="09", by=f"By {call.name}"
    )


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _called(calls: list[RecurrentCall]) -> str:
    kind, name = type(calls[0].module).__name__, calls[0].name
    return f"{kind} {name!r} is called {len(calls)} times for one step each,"


def _finding(calls: list[RecurrentCall], level: str, sentence: str) -> Finding:
    return Finding(
        "state not carried",
        level,
        sentence,
        calls[1].place,
        calls[0].name,
        numbers={"calls": float(len(calls))},
        lesson="09",
        by="Called",
    )


def one_step(call: RecurrentCall) -> bool:
    """Return whether a call covers only one step."""
    if call.packed:
        return False
    if isinstance(call.module, Cell) or _own(call):
        return True
    time = 1 if getattr(call.module, "batch_first", False) else 0
    return call.input.dim() == 3 and call.input.shape[time] == 1


def _fed_to_input(calls: list[RecurrentCall]) -> bool:
    """Return whether each call's input is the h that the call before returned, and its state is not."""
    return all(
        bool(before.ends and now.state)
        and _begins_alike(before.ends[0].detach(), now.given)
        and not _begins_alike(before.ends[0].detach(), now.state_values[0])
        for before, now in pairwise(calls)
    )


def _of_another(calls: list[RecurrentCall], every: list[RecurrentCall]) -> str | None:
    """Return the name of the cell whose h an LSTM cell gets, with its own c, in each call after the first."""
    if any(len(call.state) != 2 or len(call.ends) != 2 for call in calls):
        return None
    others = {_memory(call.ends[0]): call.name for call in every if call.ends}
    givers = set()
    for before, now in pairwise(calls):
        giver = others.get(_memory(now.state[0]))
        if giver is None or _around(giver, now.name) or _around(now.name, giver):
            return None
        if not _begins_alike(before.ends[1].detach(), now.state_values[1]):
            return None
        givers.add(giver)
    return givers.pop() if len(givers) == 1 else None


def _around(outer: str, inner: str) -> bool:
    """Return whether a module is another one, or contains it: a wrapper hands on the state of its cell."""
    return f"{inner}.".startswith(f"{outer}.")


def _own(call: RecurrentCall) -> bool:
    """Return whether the user wrote this cell. What it gets in each call may be a context, if not zeros."""
    return not isinstance(call.module, Recurrent)


def _zeros(call: RecurrentCall) -> bool:
    return not any(bool(value.any()) for value in call.state_values)


def _lost_part(calls: list[RecurrentCall]) -> tuple[str, str] | None:
    """Return which part of an LSTM's state is carried, and which is the initial one in each call."""
    if any(len(call.state) != 2 or len(call.ends) != 2 for call in calls):
        return None
    same = [all(_begins_alike(calls[0].state_values[k], c.state_values[k]) for c in calls) for k in (0, 1)]
    if same.count(True) != 1:
        return None
    lost, other = same.index(True), same.index(False)
    first, second, *_ = calls
    carried = second.state[other]
    by_value = _begins_alike(first.ends[other].detach(), carried.detach())
    if not by_value and not _depends_on(carried, first.ends):
        return None
    return "hc"[other], "hc"[lost]


def _begins_alike(first: Tensor, later: Tensor) -> bool:
    """Return whether a state equals the first one, or its first rows: a batch may shrink as rows end."""
    rows = first.dim() - 2
    if first.dim() != later.dim() or later.shape[rows] > first.shape[rows]:
        return False
    part = first.narrow(rows, 0, later.shape[rows])
    return part.shape == later.shape and torch.equal(part, later)


def _depends_on(tensor: Tensor, ends: list[Tensor]) -> bool:
    """Return whether one of these tensors is in the graph of a tensor."""
    made = {end.grad_fn for end in ends if end.grad_fn is not None}
    seen: set[Any] = set()
    waiting: list[Any] = [tensor.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        if node in made:
            return True
        seen.add(node)
        waiting += [parent for parent, _ in node.next_functions]
    return False


def _alike(calls: list[RecurrentCall]) -> bool:
    first = calls[0].state_values
    for call in calls[1:]:
        if not first and not any(bool(v.any()) for v in call.state_values):
            continue
        if len(call.state_values) != len(first):
            return False
        if not all(torch.equal(a, b) for a, b in zip(first, call.state_values, strict=True)):
            return False
    return True

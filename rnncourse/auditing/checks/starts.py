"""Outputs must not depend on steps before the start of their episode; otherwise memory must continue."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rnncourse.auditing.blame import Story
from rnncourse.auditing.checks.carried import one_step
from rnncourse.auditing.probe import RecurrentCall, Run
from rnncourse.auditing.report import WRONG, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call, Place

KINDS = ("starts ignored", "reset too early", "start unread")


def run(s: Subject) -> Iterator[Finding]:
    starts = s.inputs.starts
    if starts is None:
        s.skip("episode starts (pass starts=)", *KINDS)
        return
    outputs = s.in_step or [k for k in s.timed if s.late_by(k) is not None]
    if not outputs:
        s.skip(
            "episode starts (no output has a step for each of the input's, or for each of the last ones)",
            *KINDS,
        )
        return
    yield from _unread(s, starts, outputs)
    inner = [(int(r), int(t) + 1) for r, t in starts[:, 1:].nonzero()]
    if not inner:
        s.skip("episode starts (none lies after the first step)", *KINDS[:2])
        return
    s.made(*KINDS[:2])
    yield from _ignored(s, starts, outputs, inner)
    if not s.has("starts ignored"):
        yield from _early(s, starts, outputs, inner)


def _effect(s: Subject, run: Run, k: int) -> Tensor:
    """Return how much output k differs at each input step: 0 at those of a burn-in, which have no output."""
    effect = s.effect(run, k)
    return torch.cat([effect.new_zeros(s.B, s.T - effect.shape[1]), effect], 1)


def _unread(s: Subject, starts: Tensor, outputs: list[int]) -> Iterator[Finding]:
    """Check that the output at a start reads the input there, as outputs at other steps read their own."""
    begins = s.T - min(s.layouts[k].T or s.T for k in outputs)  # a burn-in's steps have no output
    counts = torch.arange(s.T).expand(s.B, -1) >= begins
    if s.real is not None:
        counts = counts & s.real
    opens = starts.bool() & counts
    usual: dict[int, list[int]] = {}
    for row, step in (~starts.bool() & counts).nonzero().tolist():
        usual.setdefault(row, []).append(step)
    if not usual or not bool(opens.any()):
        return
    own: list[float] = []
    for part in (0.5, 1.0):  # one step of each row at a time: later ones would read it
        chosen = {row: steps[int(part * (len(steps) - 1))] for row, steps in usual.items()}
        at = torch.zeros_like(opens)
        at[list(chosen), list(chosen.values())] = True
        run = s.disturb(s.steps(at))
        own += torch.stack([_effect(s, run, k) for k in outputs]).amax(0)[at].tolist()
    if min(own) <= max(s.tolerance(k) for k in outputs):  # outputs of other steps may not read theirs either
        return
    s.made("start unread")
    run = s.disturb(s.steps(opens))
    unread = opens & (torch.stack([_effect(s, run, k) for k in outputs]).amax(0) == 0)
    if not bool(unread.any()):
        return
    row, step = max(unread.nonzero().tolist(), key=lambda at: at[1] > 0)  # not the first step, if possible
    zeroed, mask, call = _zeroed_at(s, row, step), _mask_at(s, step), _call_at(s, step)
    late = " The state is reset after the step that opens the episode, not before it." if zeroed else ""
    blamed = zeroed or mask
    by = f"Reset by {zeroed.name}" if zeroed else f"The starts are read by {mask.name}" if mask else "Called"
    yield Finding(
        "start unread",
        WRONG,
        f"An episode starts at row {s.number(row)}, step {step}, but the output there does not depend on the "
        f"input there (0; at other steps {min(own):.2g}).{late}",
        blamed.place if blamed else call.place if call else None,
        row=s.number(row),
        step=step,
        numbers={"unlawful": 0.0, "lawful": min(own)},
        lesson="14",
        by=by,
    )


def _ignored(
    s: Subject, starts: Tensor, outputs: list[int], inner: list[tuple[int, int]]
) -> Iterator[Finding]:
    """Disturb in all rows at once the steps before one of the row's starts."""
    last = dict(inner)
    first: dict[int, int] = {}
    for row, step in inner:
        first.setdefault(row, step)
    for chosen in (last, first) if first != last else (last,):
        before = torch.zeros(s.B, s.T, dtype=torch.bool)
        for row, step in chosen.items():
            before[row, :step] = True
        nudged = s.disturb(s.steps(before))
        for k in outputs:
            effect = _effect(s, nudged, k)
            reads = effect > s.tolerance(k)
            lawful = float((effect * before).max())
            for row, step in chosen.items():
                if not bool(reads[row, step:].any()):
                    continue
                at = step + int(reads[row, step:].nonzero()[0])
                size = float(effect[row, step:].max())
                late = all(
                    bool(reads[r, t]) and not bool(reads[r, t + 1 :].any())
                    for r, t in chosen.items()
                    if t + 1 < s.T
                )
                late = late and any(t + 1 < s.T for t in chosen.values())
                why, place, by = _through(s, before, outputs, row, step) or _reason(
                    s, starts, outputs, row, step, late
                )
                yield Finding(
                    "starts ignored",
                    WRONG,
                    f"An episode starts at row {s.number(row)}, step {step}, but the output at step "
                    f"{at} depends on the steps before ({size:.2g}; the outputs before {lawful:.2g}){why}",
                    place,
                    row=s.number(row),
                    step=step,
                    numbers={"unlawful": size, "lawful": lawful},
                    lesson="14",
                    by=by,
                )
                return


def _through(
    s: Subject, before: Tensor, outputs: list[int], row: int, step: int
) -> tuple[str, Place | None, str] | None:
    """Return the one argument through which an episode depends on the steps before it, if others do not."""
    leaves = [n for n, leaf in enumerate(s.inputs.leaves) if leaf.role == "sequence" and leaf.T == s.T]
    if len(leaves) < 2:
        return None
    crossing = []
    for number in leaves:
        run = s.disturb(s.steps(before, number))
        if any(bool((_effect(s, run, k)[row, step:] > s.tolerance(k)).any()) for k in outputs):
            crossing.append(number)
    if len(crossing) != 1 or crossing[0] == s.main_number:  # the state carries the main input on
        return None
    number = crossing[0]
    tokens = not s.inputs.leaves[number].floating
    story = s.story(s.disturb(s.steps(before, number), record=True, exchange=tokens))
    call = None if story is None else _first_across(s, story, outputs, row, step)
    if call is None:
        return None
    return f", through {s.inputs.leaves[number].name} alone.", call.place, f"First by {call.name}"


def _first_across(s: Subject, story: Story, outputs: list[int], row: int, step: int) -> Call | None:
    """Return the first call whose result has other values from this start on, though its arguments do not."""
    relevant = story.relevant([s.base.outputs[k] for k in outputs])
    for i, call in enumerate(story.base):
        if i not in relevant:
            continue
        after = [_reaches(story.after(i, j)[0], s, row, step) for j in range(len(call.after))]
        before = [_reaches(story.before(i, j)[0], s, row, step) for j in range(len(call.before))]
        if True in after and True not in before:
            return call
    return None


def _reaches(changed: Tensor, s: Subject, row: int, step: int) -> bool | None:
    """Return whether entries of the row's episode changed; None without axes of rows and steps."""
    if changed.dim() < 2:
        return None
    for a, b in ((0, 1), (1, 0)):
        if changed.shape[a] == s.B and changed.shape[b] == s.T:
            return bool(changed.movedim((a, b), (0, 1))[row, step:].any())
    return None


def _reason(
    s: Subject, starts: Tensor, outputs: list[int], row: int, step: int, late: bool
) -> tuple[str, Place | None, str]:
    """Return what the numbers tell about the reset: the rest of the sentence, and the line to look at."""
    call = _call_at(s, step)
    place, by = (call.place, "Called") if call else (None, "")
    lost = _lost_elsewhere(s, starts, outputs)
    if lost is not None:
        mask = _mask_at(s, step)
        why = (
            f", and row {s.number(lost[0])} forgets at step {lost[1]}, where no episode starts: the mask is "
            "inverted."
        )
        return why, *((mask.place, f"It is read by {mask.name}") if mask else (place, by))
    kept = _kept(call, row)
    if kept:
        return f": {kept}", place, by
    if late:
        return ", but no later one does: the reset comes one step late.", place, by
    return ".", place, by


def _kept(call: RecurrentCall | None, row: int) -> str:
    """Return a sentence if the values show that only one part of an LSTM's state is reset."""
    if call is None or len(call.state_values) != 2:
        return ""
    h, c = (bool(v[..., row, :].any()) for v in call.state_values)
    if h == c:
        return ""
    there, gone = ("h", "c") if h else ("c", "h")
    return f"{type(call.module).__name__} {call.name!r} gets zeros for {gone}, but its {there} is not reset."


def _call_at(s: Subject, step: int) -> RecurrentCall | None:
    """Return the call for this step if a layer is called once per step, or else the first recurrent call."""
    by_name: dict[str, list[RecurrentCall]] = {}
    for call in s.base.recurrent:
        by_name.setdefault(call.name, []).append(call)
    for calls in by_name.values():
        if len(calls) == s.T and one_step(calls[0]):
            return calls[step]
    return s.base.recurrent[0] if s.base.recurrent else None


def _mask_at(s: Subject, step: int) -> Call | None:
    """Return the first call that reads the starts, at this step if possible."""
    starts, given = s.inputs.starts, None
    for leaf, value in zip(s.inputs.leaves, s.base.given, strict=False):
        if starts is not None and isinstance(value, Tensor) and leaf.role in ("flags", "sequence"):
            rows = value.squeeze(-1) if value.dim() == 3 and value.shape[-1] == 1 else value
            ways = (rows, rows.t()) if rows.dim() == 2 else ()
            if any(w.shape == starts.shape and torch.equal(w.cpu().bool(), starts) for w in ways):
                given = value
    if given is None:
        return None
    memory = given.untyped_storage().data_ptr()
    calls = s.base.tape.calls
    cells = [k for k, call in enumerate(calls) if call.function is None]
    window = range(cells[step - 1], cells[step]) if len(cells) == s.T else range(0)
    reading = [k for k, c in enumerate(calls) if c.args and c.args[0].untyped_storage().data_ptr() == memory]
    reading = [k for k in reading if calls[k].place]
    at = next((k for k in reading if k in window), reading[0] if reading else None)
    return None if at is None else calls[at]


def _zeroed_at(s: Subject, row: int, step: int) -> Call | None:
    """Return the first call after a step's cell whose result is zero in a row where its argument is not."""
    calls = s.base.tape.calls
    cells = [k for k, call in enumerate(calls) if call.function is None]
    if len(cells) != s.T:
        return None
    for call in calls[cells[step] + 1 : [*cells, len(calls)][step + 1]]:
        if not call.before or not call.after or call.place is None:
            continue
        one, other = call.before[0], call.after[0]
        rows = one.shape == other.shape and one.dim() > 0 and len(one) == s.B and one.is_floating_point()
        if rows and bool(one[row].any()) and not bool(other[row].any()):
            return call
    return None


def _lost_elsewhere(s: Subject, starts: Tensor, outputs: list[int]) -> tuple[int, int] | None:
    """Return a row and a step at which it forgets without a start, if every row forgets at the step tried."""
    chosen: dict[int, int] = {}
    before = torch.zeros(s.B, s.T, dtype=torch.bool)
    for row in range(s.B):
        free = [t for t in range(1, s.T) if not bool(starts[row, t])]
        if free:
            chosen[row] = free[len(free) // 2]
            before[row, chosen[row] - 1] = True
    if not chosen:
        return None
    nudged = s.disturb(s.steps(before))
    for row, step in chosen.items():
        if any(float(_effect(s, nudged, k)[row, step]) > 0 for k in outputs):
            return None
    return next(iter(chosen.items()))


def _early(s: Subject, starts: Tensor, outputs: list[int], inner: list[tuple[int, int]]) -> Iterator[Finding]:
    """Check that memory reaches back one step right before a start, and where only another row starts."""
    places: list[tuple[int, int, str]] = []
    for row, step in inner:
        if step >= 2 and not starts[row, step - 1]:
            places.append((row, step - 1, f"the step before the start at step {step}"))
        for other in range(s.B):
            if other != row and not starts[other, step] and (step < 2 or not starts[other, step - 1]):
                places.append(
                    (other, step, f"where row {s.number(row)} starts and row {s.number(other)} does not")
                )
    places = [place for place in places if place[1] >= 1]
    done: set[tuple[int, int]] = set()
    rounds = 0
    while places and rounds < 4:
        rounds += 1
        before = torch.zeros(s.B, s.T, dtype=torch.bool)
        chosen: dict[int, tuple[int, str]] = {}
        for row, step, what in places:
            if row not in chosen and (row, step) not in done:
                chosen[row] = step, what
                done.add((row, step))
                before[row, step - 1] = True
        if not chosen:
            return
        nudged = s.disturb(s.steps(before))
        for row, (step, what) in chosen.items():
            size = max(float(_effect(s, nudged, k)[row, step]) for k in outputs)
            own = max(float(_effect(s, nudged, k)[row, step - 1]) for k in outputs)
            if size == 0.0 and own > 0.0 and _remembers(s, outputs):
                others = [s.number(r) for r in range(s.B) if r != row and bool(starts[r, step])]
                if others:
                    what = f"where row {others[0]} starts and row {s.number(row)} does not"
                mask, call = _mask_at(s, step), _call_at(s, step)
                yield Finding(
                    "reset too early",
                    WRONG,
                    f"Row {s.number(row)} forgets at step {step}, {what}: the output there does not depend "
                    f"on the step before (0; the step itself {own:.2g}).",
                    mask.place if mask else call.place if call else None,
                    row=s.number(row),
                    step=step,
                    numbers={"unlawful": 0.0, "lawful": own},
                    lesson="14",
                    by=f"The starts are read by {mask.name}" if mask else "Called",
                )
                return


def _remembers(s: Subject, outputs: list[int]) -> bool:
    return any(
        float(_effect(s, s.nudged(cut, late=False), k)[:, cut:].max()) > 0
        for cut in range(1, s.T)
        for k in outputs
    )

"""Where an episode starts, nothing may depend on what was before; elsewhere, memory must go on."""

from collections.abc import Iterator

import torch

from rnncourse.auditing.report import WRONG, Finding
from rnncourse.auditing.subject import Subject

KINDS = ("starts ignored", "reset too early")


def run(s: Subject) -> Iterator[Finding]:
    starts = s.inputs.starts
    if starts is None:
        s.skip("episode starts (give starts=)", *KINDS)
        return
    outputs = s.in_step
    if not outputs:
        s.skip("episode starts (no output has a step for each step of the input)", *KINDS)
        return
    inner = [(int(r), int(t) + 1) for r, t in starts[:, 1:].nonzero()]
    if not inner:
        s.skip("episode starts (none lies after the first step)", *KINDS)
        return
    yield from _ignored(s, outputs, inner)
    if not s.has("starts ignored"):
        yield from _early(s, starts, outputs, inner)


def _ignored(s: Subject, outputs: list[int], inner: list[tuple[int, int]]) -> Iterator[Finding]:
    """Disturb, in each row at once, what lies before one of its starts."""
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
            effect = s.effect(nudged, k)
            lawful = float((effect * before).max())
            for row, step in chosen.items():
                after = effect[row, step:]
                if float(after.max()) > s.tolerance(k):
                    at = step + int((after > s.tolerance(k)).nonzero()[0])
                    yield Finding(
                        "starts ignored",
                        WRONG,
                        f"An episode starts at row {s.number(row)}, step {step}, but the output at step "
                        f"{at} depends on the steps before ({float(after.max()):.2g}; what is before it "
                        f"{lawful:.2g}).",
                        row=s.number(row),
                        step=step,
                        numbers={"unlawful": float(after.max()), "lawful": lawful},
                        lesson="14",
                    )
                    return


def _early(
    s: Subject, starts: torch.Tensor, outputs: list[int], inner: list[tuple[int, int]]
) -> Iterator[Finding]:
    """At the step before a start, and where another row starts, memory must still reach back one step."""
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
            size = max(float(s.effect(nudged, k)[row, step]) for k in outputs)
            own = max(float(s.effect(nudged, k)[row, step - 1]) for k in outputs)
            if size == 0.0 and own > 0.0 and _remembers(s, outputs):
                yield Finding(
                    "reset too early",
                    WRONG,
                    f"Row {s.number(row)} forgets at step {step}, {what}: the output there does not depend "
                    f"on the step before (0; the step itself {own:.2g}).",
                    row=s.number(row),
                    step=step,
                    numbers={"unlawful": 0.0, "lawful": own},
                    lesson="14",
                )
                return


def _remembers(s: Subject, outputs: list[int]) -> bool:
    nudged = s.nudged(1, late=False)
    return any(float(s.effect(nudged, k)[:, 1:].max()) > 0 for k in outputs)

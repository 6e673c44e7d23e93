"""Steps that do not depend on earlier ones, steps torn by a view, and a last step that nothing reads."""

from collections.abc import Iterator

import torch

from rnncourse.auditing.checks.carried import one_step
from rnncourse.auditing.evidence import looks_padded
from rnncourse.auditing.packed import packed_short
from rnncourse.auditing.report import QUESTION, WRONG, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call
from rnncourse.auditing.views import torn_views
from rnncourse.spec import Cell

CHOOSING = {"max", "amax", "max_pool1d", "adaptive_max_pool1d", "topk", "argmax", "median", "where"}

KINDS = ("steps torn", "state dropped", "last step unread")


def run(s: Subject) -> Iterator[Finding]:
    if s.T < 2 or not s.numeric:
        s.skip("what steps depend on (one step, or no output with rows)", *KINDS)
        return
    yield from _torn(s)
    if not s.learns:
        s.skip("memory and gradients (all outputs are integers)", "state dropped", "last step unread")
        return
    yield from _dropped(s)
    yield from _unread(s)


def _torn(s: Subject) -> Iterator[Finding]:
    stories = []
    for cut in sorted({1, s.T // 2, s.T - 1}):
        story = s.story(s.nudged(cut, late=True, record=True))
        if story is None:
            return
        stories.append((cut, story))
    views, seen = torn_views(stories, s.T)
    if seen:
        s.made("steps torn")
    story = stories[0][1]
    blamed = set(views) & story.relevant([s.base.outputs[k] for k in s.numeric]) if views else set()
    if blamed:
        yield torn(story.base[min(blamed)], s.T)


def torn(call: Call, T: int) -> Finding:
    """Return the finding for a view that tears steps apart."""
    shapes = f"{tuple(call.before[0].shape)} to {tuple(call.after[0].shape)}"
    return Finding(
        "steps torn",
        WRONG,
        f"A step's values are torn apart: from {shapes} each step gets entries of several steps. To "
        "exchange axes, use transpose; view only divides the memory differently.",
        call.place,
        call.module,
        numbers={"T": float(T)},
        lesson="03",
        by=f"Torn by {call.name}",
    )


def _dropped(s: Subject) -> Iterator[Finding]:
    if s.real is not None and bool((s.real.sum(1) < 2).all()):
        return
    outputs = s.timed or s.pooled
    if s.timed:
        outputs = [k for k in s.timed if (s.layouts[k].T or 0) > 1]
        if not outputs:
            return
    effects = {}
    if s.timed:
        nudged = s.nudged(s.T // 2, late=False)
        for k in outputs:
            T_out = s.layouts[k].T or s.T
            first = (s.T // 2) * T_out // s.T if T_out < s.T else s.T // 2 + max(0, T_out - s.T)
            later = s.effect(nudged, k)[:, first:]
            effects[k] = float(later.max()) if later.numel() else 1.0
        # a pooled output may still read all steps
        for k in s.pooled:
            effects[k] = float(s.effect(nudged, k).max()) if s.base.outputs[k].is_floating_point() else 0.0
    else:
        last = torch.full((s.B,), s.T - 1) if s.real is None else s.real.sum(1) - 1
        early = torch.arange(s.T) < last[:, None]
        nudged = s.disturb(s.steps(early))
        effects = {k: float(s.effect(nudged, k).max()) for k in outputs}
    if not effects:
        return
    if max(effects.values()) > 0:
        s.made("state dropped")
        return
    if not _reads_inputs(s, outputs):
        return
    s.made("state dropped")
    if s.timed and _reads_some_earlier(s, outputs):
        return
    runs = _over_steps(s)
    if not runs and len(s.base.recurrent) == 1 and not isinstance(s.base.recurrent[0].module, Cell):
        runs = [0]
    text = "No output depends on an earlier step: each step is computed on its own."
    if not runs:
        yield Finding(
            "state dropped",
            QUESTION,
            f"{text} The model has no recurrent layer. Is this intended?",
            lesson="01",
        )
        return
    call = s.base.recurrent[runs[0]]
    times = sum(other.name == call.name for other in s.base.recurrent)
    drops = f"{type(call.module).__name__} {call.name!r} is called {times} times"
    why = f"{drops}: is its state passed on from call to call?" if times > 1 else ""
    if times == 1 and one_step(call):
        why = f"{type(call.module).__name__} {call.name!r} gets only one step of {s.T}."
    yield Finding(
        "state dropped", WRONG, f"{text} {why}".strip(), call.place, call.name, lesson="09", by="Called",
        numbers={"unlawful": 0.0},
    )  # fmt: skip


def _reads_some_earlier(s: Subject, outputs: list[int]) -> bool:
    """Return whether an output after some cut reads a step before it; at a single cut, episodes may start."""
    for cut in range(1, s.T):
        run = s.disturb(s.steps(torch.arange(s.T) < cut))
        for k in outputs:
            T_out = s.layouts[k].T or s.T
            first = cut * T_out // s.T if T_out < s.T else cut + T_out - s.T
            if float(s.effect(run, k)[:, first:].max()) > 0:
                return True
    return False


def _reads_inputs(s: Subject, outputs: list[int]) -> bool:
    """Return whether outputs read the inputs at all; if not, as with a head of zeros, another check tells."""
    nudged = s.disturb(s.steps(torch.ones(s.T, dtype=torch.bool)))
    return any(float(s.effect(nudged, k).max()) > 0 for k in outputs)


def _over_steps(s: Subject) -> list[int]:
    """Return the recurrent calls over the main input's steps: one call for all steps, or one for each."""
    cells = [k for k, call in enumerate(s.base.recurrent) if one_step(call)]
    if len(cells) > 1:
        return cells
    found = []
    for k, call in enumerate(s.base.recurrent):
        if call.packed:
            found.append(k)
        elif call.input.dim() == 3 and not isinstance(call.module, Cell):
            time = 1 if getattr(call.module, "batch_first", False) else 0
            if 1 < call.input.shape[time] <= s.T:
                found.append(k)
    return found


def _unread(s: Subject) -> Iterator[Finding]:
    """Check whether outputs that read the step before the last real step also read that last step."""
    if s.has("state dropped"):
        return
    last = torch.full((s.B,), s.T - 1) if s.real is None else s.real.sum(1) - 1
    if bool((last < 1).any()):
        return
    at_last = torch.arange(s.T) == last[:, None]
    before = torch.arange(s.T) == (last - 1)[:, None]
    yield from packed_short(s)
    yield from _without_gradient(s)
    outputs = s.pooled if not s.timed else s.in_step
    if not outputs or (s.timed and s.real is None):
        return
    if any(call.name in CHOOSING for call in s.base.tape.calls):  # the choice may be any step
        return
    s.made("last step unread")
    nudged, other = s.disturb(s.steps(at_last)), s.disturb(s.steps(before))
    read = torch.stack([s.effect(nudged, k).amax(1) for k in dict.fromkeys(s.pooled + outputs)]).amax(
        0
    )  # (B,)
    lawful = torch.stack([s.effect(other, k).amax(1) for k in outputs]).amax(0)
    unread = (read == 0) & (lawful > max(s.tolerance(k) for k in outputs))
    level, doubt = WRONG, ""
    if s.real is None:
        padded = looks_padded(s.inputs.main)[:, -1]
        unread &= ~padded
        if not bool(unread[~padded].all()) or _end_alike(s):
            level, doubt = QUESTION, " If it is padding, pass lengths=."
    if not s.takes_fewer_steps and any(n in (s.T - 1, s.T + 1) for k in outputs for n in s.layouts[k].shape):
        shape = s.layouts[outputs[0]].shape
        level = QUESTION
        doubt = (
            f" Is an axis of the outputs {shape} time? The model refuses fewer steps, so audit can't tell."
        )
    if (
        not bool(unread.any())
        or (s.timed and _shifted(s, outputs[0], last))
        or _skips_others(s, last, unread)
    ):
        return
    rows = [s.number(row) for row in unread.nonzero().flatten().tolist()]
    which = "any row" if len(rows) == s.B else f"row {rows[0]}"
    real = " real" if s.real is not None else ""
    yield Finding(
        "last step unread",
        level,
        f"No output reads the last{real} step of {which}; the step before it changes them by "
        f"{float(lawful[unread].max()):.2g}.{doubt}",
        row=None if len(rows) == s.B else rows[0],
        numbers={"unlawful": 0.0, "lawful": float(lawful[unread].max())},
        lesson="10",
    )


def _without_gradient(s: Subject) -> Iterator[Finding]:
    """Find last steps that the outputs read only through what is detached, such as a mean."""
    tokens = not s.inputs.main.floating  # they may select an output, and need no gradient for that
    total = None if tokens or s.in_step or s.real is not None else s.summed(s.graph)
    norms = None if total is None else s.input_gradients(total).get(s.main_number)
    if norms is None or norms.dim() != 2 or any(call.name in CHOOSING for call in s.base.tape.calls):
        return
    s.made("last step unread")
    learns = (norms > 0).any(0)  # (T)
    count = s.T - 1 - int(learns.nonzero().max()) if bool(learns.any()) else 0
    if not 0 < count < s.T // 2 or not bool(learns[: s.T - count].all()):
        return
    nudged = s.disturb(s.steps(torch.arange(s.T) >= s.T - count, s.main_number))
    value = max(float(s.effect(nudged, k).max()) for k in s.numeric)
    if value == 0.0:
        return
    yield Finding(
        "last step unread",
        QUESTION,
        f"The outputs have no gradient at the last {count} of {s.T} steps of {s.inputs.main.name}: they read "
        f"these steps only through what is detached, such as a mean ({value:.2g}). Are the steps cut off "
        "elsewhere, as by windows without padding?",
        numbers={"gradient": 0.0, "value": value},
        lesson="10",
    )


def _skips_others(s: Subject, last: torch.Tensor, unread: torch.Tensor) -> bool:
    """Return whether each of these rows has unread steps before its last one too, as in x[:, ::2]."""
    total = s.summed(s.graph)
    square = None if total is None else s.entry_gradients(total).get(s.main_number)
    if square is None:
        return False
    main = s.inputs.main
    assert main.batch is not None
    assert main.time is not None
    read = square.cpu().movedim((main.batch, main.time), (0, 1)).reshape(s.B, s.T, -1).any(2)
    earlier = torch.arange(s.T) < last[:, None]
    return bool((earlier & ~read).any(1)[unread].all())


def _end_alike(s: Subject) -> bool:
    """Return whether all rows end with the same token, such as an end of sentence, which may be masked."""
    main = s.inputs.main
    assert main.time is not None
    last = main.value.select(main.time, -1)
    return s.B > 1 and not main.floating and bool((last == last.flatten()[0]).all())


def _shifted(s: Subject, k: int, last: torch.Tensor) -> bool:
    """Return whether outputs read the inputs up to the step before their own, as in a shifting decoder."""
    earlier = torch.arange(s.T) == (last - 1).clamp(min=0)[:, None]
    effect = s.effect(s.disturb(s.steps(earlier)), k)
    rows = torch.arange(s.B)
    return float(effect[rows, (last - 1).clamp(min=0)].max()) == 0 and float(effect[rows, last].max()) > 0

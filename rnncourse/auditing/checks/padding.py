"""Padding that reaches outputs at real steps, found with different padding, more of it, and none."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rnncourse.auditing.alone import first_unlike
from rnncourse.auditing.masks import APPLY, SUMS, inverted_mask, mask_before
from rnncourse.auditing.probe import Run
from rnncourse.auditing.report import QUESTION, WRONG, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call

KINDS = ("padding read",)


def run(s: Subject) -> Iterator[Finding]:
    real = s.real
    if real is None or s.inputs.lengths is None:
        s.skip("padding (pass lengths=)", *KINDS)
        return
    if bool(real.all()) or not s.numeric:
        s.skip("padding (no row is shorter than the batch)", *KINDS)
        return
    other = None if s.inputs.main.packed else _disturbed(s)
    by_value = None if other is None else _worst(s, other, real, s.base)
    by_chance = s.has("random in eval", "dropout in eval")  # other shapes draw different random numbers
    alone = None if by_chance else _alone(s)
    more = None if by_chance or s.inputs.main.packed else _more(s)
    if (other, alone, more) == (None, None, None):
        s.skip("padding (the model accepts no changed, shortened or extended padding)", *KINDS)
        return
    s.made("padding read")
    real_effects = [e for e in (alone, more) if e is not None]
    found = max((e for e in real_effects), key=lambda e: e[0] / (e[3] or 1), default=None)
    actual = found is not None and found[0] > found[3]
    noisy = by_value is not None and by_value[0] > by_value[3]
    if not actual and not noisy:
        return
    if not actual and real_effects:
        assert by_value is not None
        needs = _needs_padding(s) if alone is None and not by_chance else None
        if needs is None and _makes_a_mask(s, other):
            return
        assert other is not None
        call = _first(s, other, real)
        text = f"Outputs at real steps read padded inputs{_of_one(s, real)} ({by_value[0]:.2g}"
        yield Finding(
            "padding read",
            WRONG if needs else QUESTION,
            f"{text}): {needs}"
            if needs
            else f"{text}), but this padding's own values have no effect. Is padding always this value?"
            if alone is not None
            else f"{text}). More padding of this value changes nothing, but no row could be run without any.",
            call.place if call else None,
            call.module if call else "",
            row=s.number(by_value[1]),
            step=by_value[2],
            numbers={"unlawful": by_value[0]},
            lesson="13",
            by=f"First by {call.name}" if call else "",
        )
        return
    floating = [k for k in s.numeric if s.base.outputs[k].is_floating_point()]  # not lengths, returned again
    lawful = max((s.size(k) for k in floating), default=0.0)
    call, by = _first(s, other, real) if noisy and other is not None else None, "First by"
    size, row, step, _ = by_value if noisy and by_value is not None else found  # type: ignore[misc]
    if not noisy and not s.has("rows reordered", "batch mixed"):
        other_row = alone[1] if alone is not None and alone[0] > alone[3] else row
        call = first_unlike(s, row) or first_unlike(s, other_row)
        by = "First different result from"
    inverted = inverted_mask(s)
    call, by = (inverted, "Masked by") if inverted else (call, by)
    made = ""
    if call is not None and not inverted:
        mask, made = mask_before(s, call)
        if call.name not in APPLY and not noisy:  # the masked values may be right, and a mean's divisor wrong
            made = ""
        elif mask is not None and call.name in SUMS:  # its weights were masked, and are not 0 at padding
            call, by = mask, "Padding keeps some weight after"
    length, row = int(s.inputs.lengths[row]), s.number(row)
    if noisy:
        text = f"Outputs at real steps read padded inputs: row {row}, length {length}, changes by {size:.2g}"
    elif found is alone:
        text = f"Row {row} alone, without padding (length {length}), gives outputs that differ by {size:.2g}"
    else:
        text = f"Two more padded steps change the outputs of row {row} (length {length}) by {size:.2g}"
    yield Finding(
        "padding read",
        WRONG,
        f"{text} (their size {lawful:.2g}).{_unread_lengths(s)}"
        + (" The mask is inverted: it hides the real steps." if inverted else made),
        call.place if call else None,
        call.module if call else "",
        row=row,
        step=step,
        numbers={"unlawful": size, "lawful": lawful},
        lesson="13",
        by=f"{by} {call.name}" if call else "",
    )


def _of_one(s: Subject, real: Tensor) -> str:
    """Return the name of the only input whose padding outputs read, if there are several."""
    padded = s.padded()
    numbers = [n for n, x in enumerate(s.inputs.leaves) if x.disturbed and padded(x) is not None]
    if len(numbers) < 2:
        return ""
    read = []
    for number in numbers:
        worst = _worst(s, s.disturb(s.steps(~real, number)), real, s.base)
        if worst is not None and worst[0] > worst[3]:
            read.append(s.inputs.leaves[number].name)
    return f" of {read[0]}" if len(read) == 1 else ""


def _unread_lengths(s: Subject) -> str:
    """Return the reason if the lengths are an unread argument, and remove its separate finding."""
    name = s.options.get("unread lengths")
    if not name:
        return ""
    s.found = [f for f in s.found if not (f.kind == "mask unread" and f.module == name)]
    return f" No output depends on {name}."


Effect = tuple[float, int, int, float]  # the largest effect, its row and step, the tolerance


def _disturbed(s: Subject) -> Run | None:
    try:
        return s.disturb(s.padded())
    except Exception:  # the model refuses such values
        return None


def _worst(s: Subject, run: Run, real: Tensor, base: Run) -> Effect | None:
    worst: Effect | None = None
    for k in s.numeric:
        if not s.base.outputs[k].is_floating_point():
            continue
        effect = s.effect(run, k, base)
        T_out = effect.shape[1]
        if s.layouts[k].T is not None and s.owners[k] != s.main_number:
            mask = torch.ones_like(effect, dtype=torch.bool)
        elif s.layouts[k].T is not None and T_out in (s.T, s.T - 1, s.T + 1):
            mask = _at_real(real, T_out)
        elif s.layouts[k].T is not None:
            mask = torch.arange(T_out) < _scaled(s, T_out)[:, None]
        else:
            mask = torch.ones_like(effect, dtype=torch.bool)
        effect = effect * mask
        row, step = divmod(int(effect.argmax()), T_out)
        candidate = float(effect.max()), row, step, s.tolerance(k, shapes_change=True)
        if worst is None or candidate[0] / (candidate[3] or 1) > worst[0] / (worst[3] or 1):
            worst = candidate
    return worst


def _at_real(real: Tensor, T_out: int) -> Tensor:
    lengths = real.sum(1) + min(0, T_out - real.shape[1])
    return torch.arange(T_out) < lengths[:, None]


def _scaled(s: Subject, T_out: int) -> Tensor:
    """Estimate how many steps of a shorter output read only real steps: their share, less one."""
    assert s.inputs.lengths is not None
    return (s.inputs.lengths * T_out // s.T - 1).clamp(min=0)


def _alone(s: Subject) -> Effect | None:
    """Compare the shortest rows with the same rows alone, cut to their lengths."""
    assert s.inputs.lengths is not None
    worst: Effect | None = None
    short = [row for row in s.inputs.lengths.argsort().tolist() if 0 < s.inputs.lengths[row] < s.T][:2]
    for row in short:
        length = int(s.inputs.lengths[row])
        try:
            run = s.probe.run(inputs=s.inputs.rows([row]).shorter(s.T - length, all_inputs=False))
        except Exception:  # a model with a fixed batch size or number of steps
            continue
        if len(run.outputs) != len(s.base.outputs):
            continue
        for k in s.numeric:
            layout = s.layouts[k]
            if not s.base.outputs[k].is_floating_point() or layout.joined is not None:
                continue
            out = run.outputs[k].detach()
            if out.dim() != len(layout.shape):
                continue
            alone = torch.nan_to_num(out, neginf=0.0).movedim(layout.batch or 0, 0)
            whole = torch.nan_to_num(s.base.outputs[k].detach(), neginf=0.0).movedim(layout.batch or 0, 0)[
                row : row + 1
            ]
            if alone.shape[0] != 1:
                continue
            # it may have further time axes, as in attention: compare the entries that both have
            cut = [min(a, b) for a, b in zip(alone.shape, whole.shape, strict=True)]
            if layout.T is not None and s.owners[k] == s.main_number and abs(layout.T - s.T) > 1:
                at = layout.time if layout.time is not None else 1
                at = at if at > (layout.batch or 0) else at + 1
                cut[at] = int(_scaled(s, layout.T)[row])
            parts = [t[tuple(slice(size) for size in cut)] for t in (alone, whole)]
            if not parts[0].numel():
                continue
            gap = (parts[0] - parts[1]).abs().double()
            candidate = float(gap.max()), row, length - 1, s.tolerance(k, shapes_change=True)
            if worst is None or candidate[0] / (candidate[3] or 1) > worst[0] / (worst[3] or 1):
                worst = candidate
    return worst


def _needs_padding(s: Subject) -> str | None:
    """Return a sentence if rows of different lengths all fail without padding, and run with one padded step.

    A model with a least number of steps would take the longer rows without padding.
    """
    assert s.inputs.lengths is not None
    rows: dict[int, int] = {}
    for row, length in enumerate(s.inputs.lengths.tolist()):
        if 0 < length < s.T - 1:
            rows.setdefault(length, row)
    if len(rows) < 2:
        return None
    text = None
    for length, row in (min(rows.items()), max(rows.items())):
        one = s.inputs.rows([row])
        try:
            s.probe.run(inputs=one.shorter(s.T - length - 1, all_inputs=False))
        except Exception:  # it refuses short inputs, or a single row
            return None
        try:
            s.probe.run(inputs=one.shorter(s.T - length, all_inputs=False))
        except Exception as error:
            text = (
                f"without padding, row {s.number(row)} of length {length} raises {type(error).__name__}; "
                "with one padded step more it runs."
            )
        else:
            return None
    return text


def _more(s: Subject) -> Effect | None:
    """Add two padded steps to the end of each row."""
    assert s.real is not None
    try:
        run = s.probe.run(inputs=s.inputs.longer(2))
    except Exception:  # a model with a fixed number of steps
        return None
    if len(run.outputs) != len(s.base.outputs):
        return None
    worst: Effect | None = None
    for k in s.numeric:
        layout = s.layouts[k]
        out = run.outputs[k]
        if not out.is_floating_point() or layout.joined is not None or out.dim() != len(layout.shape):
            continue
        if layout.T is None and tuple(out.shape) != layout.shape:
            continue
        cut = out[tuple(slice(size) for size in layout.shape)]
        if tuple(cut.shape) != layout.shape:
            continue
        shortened = Run(None, [cut if n == k else o for n, o in enumerate(s.base.outputs)], run.tape, [], [])
        candidate = _worst(s, shortened, s.real, s.base)
        if candidate is not None and (worst is None or candidate[0] > worst[0]):
            worst = candidate
    return worst


def _makes_a_mask(s: Subject, run: Run | None) -> bool:
    """Return whether a mask is computed from the inputs' values, as in `x.abs().sum(-1) != 0`."""
    if run is None:
        return False
    story = s.story(s.disturb(s.padded(), record=True)) if s.real is not None else None
    if story is None:
        return True
    for i, call in enumerate(story.base):
        for k, after in enumerate(call.after):
            if after.dtype == torch.bool and bool(story.after(i, k)[0].any()):
                return True
    return False


def _first(s: Subject, run: Run, real: Tensor) -> Call | None:
    """Return the first call whose result, at real steps or without a time axis, depends on padded steps."""
    story = s.story(s.disturb(s.padded(), record=True))
    if story is None:
        return None
    sizes = (real.shape[0], real.shape[1])

    def bad(masks: list[Tensor]) -> bool:
        return bool(masks[0].any()) and not only_padded(masks[0], real, sizes)

    k = next((k for k in s.pooled + s.timed if bool(s.effect(run, k).max() > 0)), None)
    if k is None:
        return None
    at = story.walk(s.base.outputs[k], bad)
    call = story.base[at[0]] if at else None
    cells = [c for c in story.base if c.function is None]
    if call is not None and call.function is not None and len(cells) == s.T:
        # in a loop over steps: a step's own values have no time axis, and may be padding
        short = int(real.sum(1).min())
        return cells[short] if short < len(cells) else call
    return call


def only_padded(mask: Tensor, real: Tensor, sizes: tuple[int, int]) -> bool:
    """Return whether only entries at padded steps changed, for axes (B, T) or one axis of B * T."""
    B, T = sizes
    for a in range(mask.dim()):
        if mask.shape[a] == B * T:
            flat = mask.movedim(a, 0).reshape(B * T, -1).any(1)
            if not bool((flat & real.reshape(-1)).any()) or not bool((flat & real.t().reshape(-1)).any()):
                return True
        for b in range(mask.dim()):
            if a == b or mask.shape[a] != B:
                continue
            more = mask.shape[b] - T  # 1 if a token is added before or after each row
            if more not in (0, 1):
                continue
            changed = mask.movedim((a, b), (0, 1)).reshape(B, T + more, -1).any(2)
            for first in range(more + 1):
                if not bool((changed[:, first : first + T] & real).any()):
                    return True
    return _only_padded_after_a_stride(mask, real)


def _only_padded_after_a_stride(mask: Tensor, real: Tensor) -> bool:
    """Return whether along an axis of T / 2, T / 3 … only the steps that read nothing but padding changed."""
    B, T = real.shape
    strided = {size for k in range(2, T // 2 + 1) for size in (T // k, -(-T // k))}
    for a in range(mask.dim()):
        for b in range(mask.dim()):
            if a == b or mask.shape[a] != B or mask.shape[b] not in strided:
                continue
            steps = mask.shape[b]
            changed = mask.movedim((a, b), (0, 1)).reshape(B, steps, -1).any(2)
            kept = torch.arange(steps) < (real.sum(1) * steps // T)[:, None]
            if not bool((changed & kept).any()):
                return True
    return False

"""An audit from its first run to its last check."""

import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from rnncourse.auditing.axes import Settled, chosen_rows, settle
from rnncourse.auditing.checks import (
    arguments,
    carried,
    chance,
    clipped,
    cut,
    finite,
    future,
    gates,
    layers,
    loss_padding,
    loss_pairs,
    losses,
    memory,
    order,
    padding,
    parameters,
    parts,
    place,
    recurrent,
    reshaped,
    rows,
    shared,
    softmax,
    starts,
    steps,
    targets,
    written,
)
from rnncourse.auditing.probe import Probe
from rnncourse.auditing.report import FACT, QUESTION, WRONG, Finding
from rnncourse.auditing.source import TORCH
from rnncourse.auditing.subject import Subject, feature_weights, layouts_of, rows_first
from rnncourse.auditing.tape import HERE
from rnncourse.auditing.untouched import generators_restored

# In running order: a check may use what earlier ones have found.
ALL: tuple[ModuleType, ...] = (
    chance,
    memory,
    rows,
    place,
    arguments,
    steps,
    reshaped,
    order,
    future,
    cut,
    parts,
    starts,
    carried,
    padding,
    recurrent,
    layers,
    gates,
    softmax,
    losses,
    clipped,
    written,
    loss_padding,
    loss_pairs,
    targets,
    shared,
    parameters,
)
FIRST: ModuleType = finite
OURS = "a fault of rnncourse's own, please report it:"


def first_subject(
    model: Any,
    call: Callable[..., Any] | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    loss: Callable[..., Any] | None,
    given: tuple[Any, ...],
    causal: bool | None,
    most: int,
) -> tuple[Subject, Settled]:
    """Determine the axes, run the model once, and find the layout of its outputs."""
    target, lengths, starts, batch, time = given

    def settled_with(axis: int | None) -> Settled:
        return settle(model, call, args, kwargs, target, lengths, starts, batch, axis)

    settled = settled_with(time)
    probe, base = _first_run(model, call, settled, loss, most)
    layouts, gaps, accepted, fewer = layouts_of(probe, base)
    main = settled.inputs.main
    if not accepted and not settled.time_told and not main.packed and main.value.dim() > 2:
        first = settled.inputs.main.batch
        for axis in range(main.value.dim() - 1, 0, -1):
            if axis in (main.batch, main.time) or main.value.shape[axis] < 2:
                continue
            batch_axis = first if batch is None else batch
            try:
                other = settle(model, call, args, kwargs, target, lengths, starts, batch_axis, axis)
            except ValueError:  # lengths or starts that do not fit this axis
                continue
            second, again = _first_run(model, call, other, loss, most)
            found, more, fits, fewer_again = layouts_of(second, again)
            if fits:
                settled = replace(other, confirmed=settled.confirmed, told=settled.told)
                probe, base, layouts, gaps, accepted = second, again, found, more, fits
                fewer = fewer_again
                break
    subject = Subject(model, probe, base, layouts, settled.confirmed, causal, gaps=list(gaps))
    subject.takes_fewer_rows, subject.takes_fewer_steps = fewer, accepted
    if not accepted and probe.inputs.T > 1:
        subject.gaps.append("output axes by taking a step away (the model refuses): their sizes decide")
    return subject, settled


def _first_run(
    model: Any, call: Callable[..., Any] | None, settled: Settled, loss: Any, most: int
) -> tuple[Probe, Any]:
    """Run the model on a few rows, or on all of them if the model or its loss refuses fewer."""
    whole = settled.inputs
    chosen = chosen_rows(whole, max(2, most))
    if len(chosen) < whole.B and not _flattened(settled):
        probe = Probe(model, call, whole.rows(chosen), loss)
        try:
            base = probe.run(record=True)
            if loss is not None:
                goal = probe.inputs.target
                probe.loss_of(base.returned, None if goal is None else goal.value)
            return probe, base
        except Exception:  # with all rows it either works or raises a clear error
            probe.saved.restore()
    probe = Probe(model, call, whole, loss)
    try:
        return probe, probe.run(record=True)
    except Exception:
        probe.saved.restore()
        raise


def _flattened(settled: Settled) -> bool:
    """Return whether some tensor can't be indexed by rows, such as a target of B * T entries."""
    goal = settled.inputs.target
    leaves = [*settled.inputs.leaves, *([goal] if goal is not None else [])]
    return any(
        isinstance(leaf.value, Tensor)
        and leaf.batch is None
        and leaf.value.dim() > 0
        and leaf.role == "other"
        and leaf.value.shape[0] == settled.inputs.B * settled.inputs.T
        for leaf in leaves
    )


def run_checks(s: Subject, settled: Settled) -> list[Finding]:
    """Run the checks one after the other; stop at NaN."""
    main = s.inputs.main
    if not settled.told:
        usual = (main.batch, main.time) == (0, 1)
        how = (
            "according to other arguments"
            if settled.confirmed
            else "as assumed"
            if usual
            else "according to the outputs"
        )
        text = f"The batch is axis {main.batch} and time is axis {main.time} of {main.name}, {how}."
        s.found.append(Finding("axes", FACT, text))
    for note in settled.notes:
        s.found.append(Finding("inferred", FACT, note))
    s.found += FIRST.run(s)
    if s.has("not finite"):
        s.gaps.append("everything else (the outputs are not finite)")
        return s.found
    if s.B > 1:
        rows_first(s)
    _settle_causal(s)
    for check in ALL:
        try:
            for finding in check.run(s):
                s.found.append(finding)
        except Exception as error:  # mostly the model's own, in an unusual run; the other checks go on
            reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:90]}"
            who = OURS if _ours(error) else "the model raised"
            s.skip(f"{', '.join(check.KINDS)} ({who} {reason})", *check.KINDS)
            s.checked = [kind for kind in s.checked if kind not in check.KINDS]
    if s.has("parameter without gradient"):  # parts cut off from the input learn nothing
        wrong = any(f.kind == "parameter without gradient" and f.level == WRONG for f in s.found)
        s.found = [
            replace(f, level=WRONG)
            if wrong and f.kind == "gradient cut" and "value" not in f.numbers and f.numbers.get("whole")
            else f
            for f in s.found
        ]
    sure = {(f.kind, f.where) for f in s.found if f.level == WRONG and f.where}
    s.found = [f for f in s.found if f.level != QUESTION or (f.kind, f.where) not in sure]
    if s.causal is None:
        s.skip("whether the future may be read (pass causal=)", "future read")
    for number in sorted(s.probe.coded):
        name = s.inputs.leaves[number].name
        s.skip(f"the tokens of {name} that a sum changes before the embedding (they were not disturbed)")
    s.found += _asked_for(s, settled)
    _report_untested(s)
    return s.found


def _ours(error: Exception) -> bool:
    """Return whether an error came from the audit's own code, not from the model or the loss that it runs."""
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    last = next(file for file in reversed(files) if not file.startswith(TORCH))
    return last.startswith(HERE) and Path(last).name != "probe.py"


def _asked_for(s: Subject, settled: Settled) -> list[Finding]:
    """Ask about each check for which the user passed an argument, but which was not made."""
    starts = s.inputs.starts
    passed = {
        ("future read", "causal=True"): bool(s.causal) and "why causal" not in s.options,
        ("starts ignored", "starts="): starts is not None and bool(starts[:, 1:].any()),
        ("padding read", "lengths="): settled.lengths_told and s.real is not None and not bool(s.real.all()),
    }
    return [
        Finding(kind, QUESTION, f"You passed {argument}, but this was not checked: {s.skipped[kind]}.")
        for (kind, argument), asked in passed.items()
        if asked and kind in s.skipped and kind not in s.checked and not s.has(kind)
    ]


def _report_untested(s: Subject) -> None:
    """List the kinds that had nothing to test, such as gates in a model that has none."""
    kinds = [kind for check in (FIRST, *ALL) for kind in check.KINDS]
    rest = [kind for kind in kinds if kind not in s.checked and kind not in s.skipped and not s.has(kind)]
    if rest:
        s.gaps.append(f"{', '.join(rest)} (nothing to test)")


def swap_axes_if_mixed(
    s: Subject,
    settled: Settled,
    model: Any,
    call: Callable[..., Any] | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    loss: Any,
    given: tuple[Any, ...],
    causal: bool | None,
    most: int,
) -> tuple[Subject, Settled] | None:
    """Return the audit with both axes exchanged if rows mix along the assumed batch axis, but not the other.

    If the outputs have only one of the two axes, it is the batch; if both, the result is a question.
    """
    main = s.inputs.main
    if s.exact or s.B == 1 or main.packed or main.value.dim() < 2 or not s.numeric:
        return None
    target, lengths, starts, _, _ = given
    kept_batch = any(layout.has_rows for layout in s.layouts)
    kept_time = any(layout.T is not None for layout in s.layouts)
    if kept_batch != kept_time:
        s.exact = True
        if kept_batch:
            return None
    if not any(
        float((m - torch.diag(m.diagonal())).max()) > s.tolerance(k) for k in s.numeric for m in [s.matrix(k)]
    ):
        return None
    try:
        swapped = (target, lengths, starts, main.time, main.batch)
        other, resettled = first_subject(model, call, args, kwargs, loss, swapped, causal, most)
        if other.B == 1 or not other.numeric:
            return None
        mixed = [m for k in other.numeric for m in [other.matrix(k)]]
        limit = max(other.tolerance(k) for k in other.numeric)
    except Exception:  # a model that does not take inputs cut that way
        return None
    other.probe.forwards += s.probe.forwards
    resettled = replace(resettled, told=False, confirmed=False)
    if any(float((m - torch.diag(m.diagonal())).max()) > limit for m in mixed):
        s.exact = True  # rows mix whichever axis they are
        return None
    call_ = next((c for c in s.base.recurrent), None)
    other.found.append(
        Finding(
            "batch as time",
            QUESTION,
            f"The batch seems to be axis {main.time} of {main.name} {tuple(main.value.shape)}: along axis "
            f"{main.batch} the entries depend on one another. If your batch is axis {main.batch}, the model "
            "reads it as time. Pass batch= or lengths= to be sure.",
            call_.place if call_ else None,
            call_.name if call_ else "",
            lesson="03",
            see=f"rnncourse.explain(model.{call_.name})" if call_ and call_.name in s.probe.modules else "",
            by=f"{type(call_.module).__name__} {call_.name!r} is called" if call_ else "",
        )
    )
    return other, resettled


def _settle_causal(s: Subject) -> None:
    if s.causal is False:
        return
    number = targets.shifted_leaf(s)
    if number is None or targets.of_words_in_steps(s):
        return
    s.options["shifted leaf"] = number
    if s.causal is None and s.timed:
        s.causal = True
        s.options["why causal"] = f"the target is {s.inputs.leaves[number].name} shifted by one step"


def dependence_of(s: Subject) -> Tensor:
    if not s.timed and not s.pooled:
        raise ValueError("dependence: expected an output with a row for each row of the batch, got none.")
    k = (s.timed or s.pooled)[0]
    with generators_restored():
        s.__dict__.pop("graph", None)
        out = s.graph.outputs[k]
        if not out.requires_grad:
            raise ValueError("dependence: expected an output with a gradient, got none.")
        canonical = s.layouts[k].canonical(torch.nan_to_num(out))
        norms = []
        for t in range(canonical.shape[1]):
            weight = feature_weights(canonical)
            found = s.input_gradients((canonical[:, t] * weight).sum()).get(s.main_number)
            if found is None or found.dim() != 2:
                raise ValueError(
                    "dependence: the input has no gradient. Does it hold tokens that no nn.Embedding gets?"
                )
            norms.append(found.square().sum(0).sqrt())
        s.__dict__.pop("graph", None)
        s.probe.saved.restore()
    return torch.stack(norms)

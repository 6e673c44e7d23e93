"""Silent bugs of a sequence model, found by computing what depends on what.

trees.py      nested arguments and outputs
inputs.py     the arguments: their axes, and shorter or longer copies of them
evidence.py   what the arguments reveal about one another
axes.py       which axis is the batch and which is time, and what each argument is
untouched.py  restores the model to its state before the audit
tokens.py     which entry of an integer tensor is which token of the inputs
tape.py       every torch call of a run, with the user's line; where tokens are embedded
probe.py      runs of the model, with some inputs disturbed, with or without gradients
outputs.py    the outputs' axes
subject.py    what all checks share
criterion.py  the loss on its own: which outputs and which steps it compares
blame.py      finds the call to blame
views.py      views that tear steps apart
ended.py      where looking ahead should have stopped
alone.py      the first call that gives a row a different result without the batch
horizon.py    which axis of a forecast the loss compares with the target's steps
masks.py      an inverted padding mask
packed.py     lengths that drop real steps when packed
source.py     the line where an attribute is set, which no call leads to
checks/       one module per check
report.py     the findings, and which ones follow from which
view.py       the report as text and as HTML
"""

import time as clock
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rnncourse.auditing.report import Audit, Finding, with_causes
from rnncourse.auditing.run import dependence_of, first_subject, run_checks, swap_axes_if_mixed
from rnncourse.auditing.tape import Place
from rnncourse.auditing.untouched import generators_restored

__all__ = ["Audit", "Finding", "Place", "audit"]


def audit(
    model: Any,
    *inputs: Any,
    kwargs: Mapping[str, Any] | None = None,
    loss: Callable[..., Any] | None = None,
    target: Any = None,
    lengths: Tensor | Iterable[int] | None = None,
    causal: bool | None = None,
    starts: Tensor | None = None,
    batch: int | None = None,
    time: int | None = None,
    call: Callable[..., Any] | None = None,
    expect: Iterable[str] = (),
    rows: int = 4,
) -> Audit:
    """Find silent bugs of a sequence model: run it with disturbed inputs, and compute what depends on what.

        print(rnncourse.audit(model, x))
        rnncourse.audit(model, x, lengths, lengths=lengths, loss=criterion, target=y).check()  # in a test

    It works on any model: recurrent or not, tokens or numbers, several inputs, states, masks, packed batches.
    The model, its inputs and the random generators stay unchanged.

    Args:
        model: an nn.Module, or anything that `call` can call.
        *inputs: the model's positional arguments.
        kwargs: its keyword arguments.
        loss: called as loss(outputs, target), or loss(outputs) if there is no target.
        target: what the loss compares the outputs with, as you pass it to your loss; the loss may shift it.
        lengths: (B,), the number of real steps of each row; needed to check padding.
        causal: whether outputs must not read later inputs. By default True if the target is an input shifted
            by one step; otherwise the report only says whether they do.
        starts: (B, T) or (T, B), 1 where an episode begins: no later output may depend on earlier inputs.
        batch, time: the axes of the first tensor with two axes or more, not counting features (B, F) before a
            sequence. By default they are inferred from lengths, target and states, or assumed to be 0 and 1;
            findings about assumed axes are questions.
        call: how to run the model: call(model, *inputs, **kwargs), by default model(*inputs, **kwargs).
        expect: kinds of findings that you intend, such as "state kept"; they are listed and do not count.
        rows: how many rows of the batch to run; the shortest and the longest row are among them.

    Returns:
        The report: `print` it, call `.check()` in a test, read its `.findings`.

    Raises:
        ValueError: if no input has a batch axis and a time axis, if lengths or starts do not fit, or if a
            lazy module was never called.
        Exception: whatever the model itself raises for these inputs.

    Example:
        >>> model = torch.nn.LSTM(3, 4)  # batch_first is missing, and x is (B, T, I)
        >>> x = torch.randn(4, 6, 3)
        >>> rnncourse.audit(model, x, batch=0, time=1).ok
        False
    """
    start = clock.perf_counter()
    args, options = tuple(inputs), dict(kwargs or {})
    with torch.inference_mode(False), generators_restored():
        given = (target, lengths, starts, batch, time)
        subject, settled = first_subject(model, call, args, options, loss, given, causal, rows)
        try:
            other = swap_axes_if_mixed(
                subject, settled, model, call, args, options, loss, given, causal, rows
            )
            if other is not None:
                subject, settled = other
            findings = run_checks(subject, settled)
        finally:
            subject.probe.saved.restore()
    meant = {kind.lower() for kind in expect}
    counted = with_causes(f for f in findings if f.kind.lower() not in meant)
    probe = subject.probe
    cost = {"forward": probe.forwards, "backward": probe.backwards, "seconds": clock.perf_counter() - start}
    return Audit(
        type(model).__name__
        if isinstance(model, nn.Module)
        else getattr(model, "__name__", type(model).__name__),
        tuple(counted),
        tuple(f for f in findings if f.kind.lower() in meant),
        tuple(subject.checked),
        tuple(dict.fromkeys(subject.gaps)),
        subject.inputs.ids,
        cost,
        lambda: dependence_of(subject),
    )

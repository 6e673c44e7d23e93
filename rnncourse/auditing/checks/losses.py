"""The loss: what goes into it, which target row meets which output row, what lies on padding."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from rnncourse.auditing.blame import Story, torn_views
from rnncourse.auditing.report import QUESTION, WRONG, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call, Tape

KINDS = (
    "probabilities",
    "shapes broadcast",
    "target mispaired",
    "loss on padding",
    "loss couples rows",
)


def run(s: Subject) -> Iterator[Finding]:
    if s.probe.loss is None:
        s.skip("the loss (give loss=)", *KINDS)
        return
    leaf = s.inputs.target
    target = None if leaf is None else leaf.value
    try:
        loss, tape = s.probe.loss_of(s.base.returned, target, record=True)
    except Exception as error:
        s.gaps.append(f"the loss (it raises {type(error).__name__}: {_first_line(error)})")
        return
    if not isinstance(loss, Tensor) or (loss.dim() > 0 and loss.numel() > 1):
        s.skip("the loss (it returns no single number)", *KINDS)
        return
    yield from _fed(s, tape.calls)
    yield from _broadcast(s, tape.calls)
    if not bool(torch.isfinite(loss)):
        yield Finding("not finite", WRONG, f"The loss is {float(loss.detach())}.", _last_place(tape.calls))
        return
    yield from _torn(s, target, tape)
    yield from _padding(s, target)
    yield from _pairs(s, target)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:80]


def _last_place(calls: list[Call]) -> Any:
    return next((call.place for call in reversed(calls) if call.place), None)


# ---- what is fed


def _fed(s: Subject, calls: list[Call]) -> Iterator[Finding]:
    for call in calls:
        if not call.before or not call.before[0].is_floating_point():
            continue
        given = call.before[0]
        if call.name == "cross_entropy" and given.dim() > 1 and given.shape[1] > 1:
            axis = 1
            likely = bool((given >= 0).all()) and bool(
                torch.allclose(given.sum(axis), _one(given), atol=1e-4)
            )
            if likely:
                yield _probabilities(
                    s, call, "probabilities", "it takes logits, and applies log_softmax itself"
                )
                return
        if call.name == "nll_loss" and given.dim() > 1 and given.shape[1] > 1:
            mass = torch.logsumexp(given.double(), 1)
            if float(mass.abs().max()) > 1e-3:
                positive = bool((given >= 0).all()) and bool(
                    torch.allclose(given.sum(1), _one(given), atol=1e-4)
                )
                what = "probabilities" if positive else "logits"
                yield _probabilities(s, call, what, "it takes log-probabilities, what log_softmax gives")
                return
        if call.name in ("binary_cross_entropy_with_logits",) and _is_sigmoid(s, call.args[0], calls):
            yield _probabilities(s, call, "probabilities", "it takes logits, and applies the sigmoid itself")
            return
        if call.name == "ctc_loss" and given.dim() == 3:
            mass = torch.logsumexp(given.double(), 2)
            if float(mass.abs().max()) > 1e-3:
                yield _probabilities(
                    s, call, "numbers that are no log-probabilities", "it takes what log_softmax gives"
                )
                return


def _one(given: Tensor) -> Tensor:
    return torch.ones(()).to(given)


def _is_sigmoid(s: Subject, tensor: Tensor, calls: list[Call]) -> bool:
    storage = tensor.untyped_storage().data_ptr()
    return any(
        call.name in ("sigmoid", "sigmoid_", "softmax")
        and any(result.untyped_storage().data_ptr() == storage for result in call.results)
        for call in [*s.base.tape.calls, *calls]
    )


def _probabilities(s: Subject, call: Call, what: str, why: str) -> Finding:
    soft = next(
        (c for c in reversed(s.base.tape.calls) if c.name in ("softmax", "sigmoid", "log_softmax")), None
    )
    place = call.place or (soft.place if soft else None)
    by = f"By {call.name}" if call.place or not soft else f"They come from {soft.name}"
    return Finding("probabilities", WRONG, f"{call.name} is given {what}: {why}.", place, by=by)


def _broadcast(s: Subject, calls: list[Call]) -> Iterator[Finding]:
    names = {
        "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "gaussian_nll_loss", "poisson_nll_loss",
        "sub", "__sub__", "rsub", "__rsub__", "mul", "__mul__", "eq", "__eq__",
    }  # fmt: skip
    for call in calls:
        if call.name not in names or len(call.before) < 2:
            continue
        one, other = call.before[0], call.before[1]
        less, more = sorted((one, other), key=lambda t: t.dim())
        if less.dim() == more.dim() or not less.dim() or less.shape[-1] < 2:
            continue
        if more.shape[-1] == 1 and more.shape[-2] == less.shape[-1]:
            out = torch.broadcast_shapes(one.shape, other.shape)
            size = one.new_empty(out, device="meta").numel()
            yield Finding(
                "shapes broadcast",
                WRONG,
                f"{call.name} gets {tuple(one.shape)} and {tuple(other.shape)}, and compares each entry "
                f"with every one: {tuple(out)}. Give both the same shape.",
                call.place,
                numbers={"entries": float(size)},
                lesson="03",
                by=f"By {call.name}",
            )
            return


def _torn(s: Subject, target: Any, tape: Tape) -> Iterator[Finding]:
    """A view in the loss that tears a step's outputs apart, as (B, T, C) viewed as (B, C, T)."""
    if s.has("steps torn"):
        return
    for k in s.timed:
        T, out = s.layouts[k].T or 1, s.base.outputs[k]
        axis = s.layouts[k].time
        if T < 3 or axis is None or not out.is_floating_point():
            continue
        for cut in (1, T // 2, T - 1):
            late = (torch.arange(T) >= cut).reshape([-1 if a == axis else 1 for a in range(out.dim())])
            others = [o.detach() for o in s.base.outputs]
            others[k] = out.detach() + late.to(out) * 0.1 * (s.size(k) or 1.0)
            try:
                _, other = s.probe.loss_of(_again(s, others), target, record=True)
                story = Story.of(tape, [other])
            except Exception:  # outputs that can't be replaced, or that the loss does not take
                return
            call = next((story.base[i] for i in torn_views(story, T)), None) if story else None
            if call is not None:
                yield Finding(
                    "steps torn",
                    WRONG,
                    f"In the loss a step's outputs are torn apart: from {tuple(call.before[0].shape)} to "
                    f"{tuple(call.after[0].shape)} each step gets entries of several. To exchange axes, "
                    "transpose.",
                    call.place,
                    numbers={"T": float(T)},
                    lesson="03",
                    by=f"Torn by {call.name}",
                )
                return


# ---- rows and steps of the target, and of the output


def _leaves_of_loss(s: Subject) -> tuple[Any, list[Tensor]] | None:
    """What the model returned, cut off from the model, its floating tensors leaves of a graph."""
    from rnncourse.auditing.trees import replace_leaves

    found: list[Tensor] = []

    def cut(path: str, value: Any) -> Any:
        if not isinstance(value, Tensor):
            raise TypeError
        value = value.detach().clone()
        if value.is_floating_point():
            value.requires_grad_()
        found.append(value)
        return value + 0 if value.requires_grad else value

    try:
        returned = replace_leaves(s.base.returned, cut)
    except Exception:  # a packed batch, a distribution
        return None
    return (returned, found) if len(found) == len(s.base.outputs) else None


def _gradients(s: Subject, target: Any, move: dict[int, Tensor] | None = None) -> list[Tensor | None] | None:
    """The gradient of the loss with respect to each output, (B, T, ·), of some outputs moved."""
    cut = _leaves_of_loss(s)
    if cut is None:
        return None
    returned, leaves = cut
    for k, values in (move or {}).items():
        leaves[k].data.copy_(values)
    if move:
        returned = _again(s, leaves)
    loss, _ = s.probe.loss_of(returned, target)
    wanted = [leaf for leaf in leaves if leaf.requires_grad]
    if not loss.requires_grad:
        return None
    found = iter(torch.autograd.grad(loss, wanted, allow_unused=True))
    result: list[Tensor | None] = []
    for k, leaf in enumerate(leaves):
        gradient = next(found) if leaf.requires_grad else None
        result.append(
            None if gradient is None or k not in s.numeric else s.layouts[k].canonical(gradient).cpu()
        )
    return result


def _again(s: Subject, leaves: list[Tensor]) -> Any:
    from rnncourse.auditing.trees import replace_leaves

    left = iter(leaves)

    def put(path: str, value: Any) -> Any:
        leaf = next(left)
        return leaf + 0 if leaf.requires_grad else leaf

    return replace_leaves(s.base.returned, put)


def _padding(s: Subject, target: Any) -> Iterator[Finding]:
    """The share of the loss's gradient that lies on padded steps of the outputs."""
    if s.real is None or bool(s.real.all()):
        return
    gradients = _gradients(s, target)
    if gradients is None:
        s.skip("the loss on padding (the outputs can't be cut off from the model)", *KINDS)
        return
    on, off = 0.0, 0.0
    for k, gradient in enumerate(gradients):
        if gradient is None or k not in s.in_step:
            continue
        size = gradient.double().square().sum(2)
        on, off = on + float((size * ~s.real).sum()), off + float((size * s.real).sum())
    if on > 0:
        share = (on**0.5) / (on**0.5 + off**0.5)
        yield Finding(
            "loss on padding",
            WRONG,
            f"The loss counts padded steps: {100 * share:.0f} % of its gradient lies on them. Mask them, or "
            "give them a target that is ignored.",
            numbers={"unlawful": on**0.5, "lawful": off**0.5},
            lesson="13",
        )
        return
    yield from _mean_over_padding(s, target)


def _mean_over_padding(s: Subject, target: Any) -> Iterator[Finding]:
    if s.has("padding read", "random in eval", "dropout in eval") or s.inputs.main.packed:
        return
    try:
        longer = s.inputs.longer(2)
        run = s.probe.run(inputs=longer)
        more = float(
            s.probe.loss_of(run.returned, longer.target.value if longer.target else None)[0].detach()
        )
        now = float(s.probe.loss_of(s.base.returned, target)[0].detach())
    except Exception:  # a model or a loss with a fixed number of steps
        return
    if all(out.shape == base.shape for out, base in zip(run.outputs, s.base.outputs, strict=False)):
        return
    if abs(more - now) > 1e-4 * abs(now):
        yield Finding(
            "loss on padding",
            WRONG,
            f"With two more padded steps the loss goes from {now:.4g} to {more:.4g}: is its mean taken over "
            "padded steps too?",
            numbers={"unlawful": more, "lawful": now},
            lesson="13",
        )


def _pairs(s: Subject, target: Any) -> Iterator[Finding]:
    """Change the target's row 0, and see which rows of the outputs get another gradient."""
    leaf = s.inputs.target
    if s.B < 2 or leaf is None or not isinstance(target, Tensor):
        yield from _coupled(s, target)
        return
    first = _gradients(s, target)
    if first is None or all(gradient is None for gradient in first):
        s.skip("which target meets which output (the loss has no gradient at the outputs)", *KINDS)
        return
    changed = _other_target(s, leaf.value, leaf.batch)
    if changed is None:
        yield from _coupled(s, target)
        return
    moved: list[tuple[int, Tensor]] = []
    for row, other in changed:
        try:
            second = _gradients(s, other)
        except Exception:  # a target that the loss does not take
            return
        if second is None:
            return
        moved.append((row, _moved_rows(s, first, second)))
    unlike = [(row, rows) for row, rows in moved if bool(rows.any())]
    coupled = list(_coupled(s, target))
    for row, rows in unlike:
        others = [r for r in rows.nonzero().flatten().tolist() if r != row]
        # a loss that couples all rows moves them all, whichever target changes: that is asked about instead
        if others and (not coupled or not bool(rows[row]) or len(others) < s.B - 1):
            yield Finding(
                "target mispaired",
                WRONG,
                f"Target row {s.number(row)} is compared with output row {s.number(others[0])}: are both in "
                "the same order? One may be flattened time first, the other batch first.",
                row=s.number(row),
                numbers={"row": float(s.number(others[0]))},
                lesson="03",
            )
            return
    yield from coupled


def _other_target(s: Subject, value: Tensor, batch: int | None) -> list[tuple[int, Tensor]] | None:
    """The target with other values in one row, for the first and the last row."""
    if batch is None:  # flattened, B * T: its first T entries are row 0's only if rows come first
        return _flat_target(s, value)
    found = []
    for row in (0, s.B - 1):
        other = value.clone()
        part = other.select(batch, row)
        part.copy_(_else(value, part))
        if not other.equal(value):
            found.append((row, other))
    return found or None


def _else(value: Tensor, part: Tensor) -> Tensor:
    if value.is_floating_point():
        span = float(value.detach().max() - value.detach().min()) or 1.0
        if bool(((value >= 0) & (value <= 1)).all()):
            return torch.where(part < 0.5, part + 0.4, part - 0.4)
        return part + 0.3 * span
    known = value[value >= 0].unique()
    if len(known) < 2:
        return part
    place = torch.searchsorted(known, part.clamp(min=int(known[0])).contiguous()).clamp(max=len(known) - 1)
    return torch.where(part < 0, part, known[(place + 1) % len(known)])


def _flat_target(s: Subject, value: Tensor) -> list[tuple[int, Tensor]] | None:
    """Of B * T entries: by the order in which the inputs lie, row 0's are the first T, or each B-th."""
    if value.dim() == 0 or value.shape[0] != s.B * s.T:
        return None
    other = value.clone()
    main = s.inputs.main
    assert main.batch is not None
    assert main.time is not None
    row = slice(0, s.T) if main.batch < main.time else slice(0, None, s.B)
    other[row] = _else(value, value[row])
    return None if other.equal(value) else [(0, other)]


def _moved_rows(s: Subject, first: list[Tensor | None], second: list[Tensor | None]) -> Tensor:
    """The rows whose gradient is another one; a common factor, as of a masked mean, does not count."""
    rows = torch.zeros(s.B, dtype=torch.bool)
    for a, b in zip(first, second, strict=True):
        if a is None or b is None or a.shape[0] != s.B:
            continue
        one, other = a.double().reshape(s.B, -1), b.double().reshape(s.B, -1)
        factors = (one * other).sum(1) / one.square().sum(1).clamp(min=1e-300)
        alike = (other - factors[:, None] * one).norm(dim=1) <= 1e-4 * other.norm(dim=1) + 1e-12
        middle = factors.median()
        same = (factors - middle).abs() <= 1e-4 * middle.abs()
        unmoved = (one - other).norm(dim=1) <= 1e-6 * one.norm(dim=1) + 1e-12
        rows |= ~(unmoved | (alike & same & bool(same.sum() > s.B / 2)))
    return rows


def _coupled(s: Subject, target: Any) -> Iterator[Finding]:
    """Whether the gradient at one row's outputs depends on another row's outputs."""
    if s.B < 2 or not s.numeric or s.has("target mispaired", "shapes broadcast"):
        return
    first = _gradients(s, target)
    if first is None:
        return
    move = {}
    for k in s.numeric:
        out = s.base.outputs[k]
        if not out.is_floating_point() or first[k] is None:
            continue
        mask = torch.zeros(s.B, 1, 1, dtype=torch.float64)
        mask[0] = 1
        noise = (
            torch.randn(out.shape, generator=torch.Generator().manual_seed(5)).to(out)
            * 0.1
            * (s.size(k) or 1.0)
        )
        row = _row_mask(s, k)
        if row is None:
            return
        move[k] = out.detach() + noise * row
    if not move:
        return
    try:
        second = _gradients(s, target, move)
    except Exception:  # outputs that the loss does not take
        return
    if second is None:
        return
    rows = _moved_rows(s, first, second)
    rows[0] = False
    if bool(rows.any()):
        other = s.number(int(rows.nonzero()[0]))
        yield Finding(
            "loss couples rows",
            QUESTION,
            f"The gradient of the loss at row {other} depends on the outputs of row {s.number(0)}: rows are "
            "not simply added up. Is this meant, as in a contrastive loss?",
            row=other,
        )


def _row_mask(s: Subject, k: int) -> Tensor | None:
    layout, out = s.layouts[k], s.base.outputs[k]
    if layout.joined is not None:
        n = out.shape[layout.joined]
        index = torch.arange(n)
        mine = index < n // s.B if layout.rows_first else index % s.B == 0
        axis = layout.joined
    elif layout.batch is not None:
        axis = layout.batch
        mine = torch.arange(out.shape[axis]) < out.shape[axis] // s.B
    else:
        return None
    shape = [1] * out.dim()
    shape[axis] = -1
    return mine.reshape(shape).to(out)

"""The loss on its own: the outputs are detached from the model, and gradients show which ones it reads."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call, Tape
from rnncourse.auditing.trees import replace_leaves

# Functions that compare outputs with a target.
COMPARING = {
    "cross_entropy", "nll_loss", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div", "ctc_loss",
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "gaussian_nll_loss", "poisson_nll_loss",
    "cosine_embedding_loss", "margin_ranking_loss", "triplet_margin_loss",
}  # fmt: skip


def target_of(s: Subject) -> Any:
    leaf = s.inputs.target
    return None if leaf is None else leaf.value


def comparing_call(tape: Tape) -> Call | None:
    """Return the call in the user's code that compares, or else the last call with a known line."""
    placed = [call for call in tape.calls if call.place]
    return next((call for call in placed if call.name in COMPARING), placed[-1] if placed else None)


def _leaves(s: Subject) -> tuple[Any, list[Tensor]] | None:
    """Return what the model returned, detached, with its floating-point tensors as leaves of a new graph."""
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


def gradients(s: Subject, target: Any, move: dict[int, Tensor] | None = None) -> list[Tensor | None] | None:
    """Return the gradient of the loss with respect to each output, (B, T, ·), after moving some of them."""
    cut = _leaves(s)
    if cut is None:
        return None
    returned, leaves = cut
    for k, values in (move or {}).items():
        leaves[k].data.copy_(values)
    if move:
        returned = again(s, leaves)
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


def disturbed(s: Subject, target: Any, steps: Tensor) -> Tape | None:
    """Return the tape of the loss for outputs that are disturbed at these steps, (B, T), if it takes them."""
    cut = _leaves(s)
    if cut is None:
        return None
    _, leaves = cut
    for k in s.in_step:
        if leaves[k].is_floating_point():
            noise = torch.randn(leaves[k].shape, generator=torch.Generator().manual_seed(5)).to(leaves[k])
            mask = s.layouts[k].spread(steps).to(leaves[k])
            leaves[k].data.add_(0.1 * (s.size(k) or 1.0) * noise * mask)
    try:
        return s.probe.loss_of(again(s, leaves), target, record=True)[1]
    except Exception:  # the loss refuses such outputs
        return None


def again(s: Subject, leaves: list[Tensor]) -> Any:
    left = iter(leaves)

    def put(path: str, value: Any) -> Any:
        leaf = next(left)
        return leaf + 0 if leaf.requires_grad else leaf

    return replace_leaves(s.base.returned, put)


def other_values(value: Tensor, part: Tensor) -> Tensor:
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


def loss_takes(s: Subject, target: Any) -> bool:
    """Return whether the loss can be computed with this target; it fails for an invalid class or action."""
    try:
        return bool(torch.isfinite(s.probe.loss_of(s.base.returned, target)[0]).all())
    except Exception:  # whatever a loss raises
        return False


def moved_along(axis: int, first: list[Tensor | None], second: list[Tensor | None], size: int) -> Tensor:
    """Return which rows (axis 0) or steps (axis 1) have a different gradient, in outputs with `size` of them.

    A factor that most of them share, as in a masked mean, does not count.
    """
    moved = torch.zeros(size, dtype=torch.bool)
    for a, b in zip(first, second, strict=True):
        if a is None or b is None or a.shape[axis] != size or a.shape != b.shape:
            continue
        one, other = (t.double().movedim(axis, 0).reshape(size, -1) for t in (a, b))
        factors = (one * other).sum(1) / one.square().sum(1).clamp(min=1e-300)
        alike = (other - factors[:, None] * one).norm(dim=1) <= 1e-4 * other.norm(dim=1) + 1e-12
        read = one.norm(dim=1) > 0
        middle = factors[read].median() if bool(read.any()) else factors.median()
        same = (factors - middle).abs() <= 1e-4 * middle.abs()
        unmoved = (one - other).norm(dim=1) <= 1e-6 * one.norm(dim=1) + 1e-12
        moved |= ~(unmoved | (alike & same & bool(same.sum() > int(read.sum()) / 2)))
    return moved


def offset(s: Subject) -> int | None:
    """Return how many steps the target is ahead of the outputs that it is compared with; None if unknown.

    Three steps of the target are changed, one at a time; the outputs' gradients show which output step each
    is compared with. Without a loss, a target with as many steps as the outputs matches them step by step.
    """
    if "offset" not in s.options:
        s.options["offset"] = _offset(s)
    found: int | None = s.options["offset"]
    return found


def _offset(s: Subject) -> int | None:
    leaf = s.inputs.target
    if leaf is None or leaf.time is None or not s.timed:
        return None
    lengths = {s.layouts[k].T for k in s.timed}
    if s.probe.loss is None:
        return 0 if leaf.T in lengths else None
    try:
        first = gradients(s, leaf.value)
        if first is None:
            return None
        sizes = {a.shape[1] for k, a in enumerate(first) if a is not None and k in s.timed and bool(a.any())}
        if len(sizes) != 1:
            return None
        found = set()
        for step in _probed(s, leaf.T):
            other = leaf.value.clone()
            column = other.select(leaf.time, step)
            column.copy_(other_values(leaf.value, column))
            second = None if other.equal(leaf.value) else gradients(s, other)
            if second is None:
                continue
            moved = moved_along(1, first, second, next(iter(sizes))).nonzero().flatten().tolist()
            if len(moved) == 1:
                found.add(step - moved[0])
            elif moved:
                return None
    except Exception:  # a target that the loss does not take
        return None
    return found.pop() if len(found) == 1 else None


def compared_entries(s: Subject, step: int) -> dict[int, Tensor]:
    """Return by output without steps which of its entries, (F,), the loss compares with this target step.

    Numbers are moved far up and far down, so that a loss with a sign, such as the pinball loss, shows it too.
    """
    leaf = s.inputs.target
    if leaf is None or leaf.batch is None:
        return {}
    axis = leaf.time if leaf.time is not None else 1 - leaf.batch
    span = float((leaf.value.max() - leaf.value.min()).abs()) or 1.0
    found: dict[int, Tensor] = {}
    for far in (10 * span, -10 * span) if leaf.floating else (0.0,):
        other = leaf.value.clone()
        column = other.select(axis, step)
        column.copy_(column + far if leaf.floating else other_values(leaf.value, column))
        if not loss_takes(s, other):
            continue
        first, second = gradients(s, leaf.value), gradients(s, other)
        for k in s.pooled:
            a, b = (None, None) if first is None or second is None else (first[k], second[k])
            if a is not None and b is not None:
                moved = moved_along(2, [a], [b], a.shape[2])
                found[k] = found.get(k, torch.zeros_like(moved)) | moved
    return {k: moved for k, moved in found.items() if bool(moved.any())}


def _probed(s: Subject, T: int) -> Iterator[int]:
    """Yield steps of the target, early ones too for short rows; the first may be a start symbol."""
    yield from sorted({T // 2, T // 3, min(1, T - 1)})

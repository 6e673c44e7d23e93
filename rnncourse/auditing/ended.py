"""Where looking ahead should have stopped: at the mask of attention scores, at the cut after a convolution.

Correct code looks ahead too, in the scores of all pairs of steps or in a convolution that pads both ends. The
mistake comes after that.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from rnncourse.auditing.blame import Story
from rnncourse.auditing.tape import Call

PRODUCTS = {"matmul", "__matmul__", "bmm", "baddbmm", "einsum"}
CONVOLUTIONS = {"conv1d", "conv2d"}
CUTS = {"__getitem__", "narrow", "select", "pad", "split", "chunk", "slice"}
SOFTMAXES = {"softmax", "log_softmax", "sigmoid"}


def where_ahead_ends(story: Story, at: int, sizes: Sequence[int]) -> tuple[Call, str]:
    """Return the call to blame, and how to introduce it, given the call that makes an output read ahead."""
    call = story.base[at]
    if call.name in PRODUCTS and call.after and sum(n in sizes for n in call.after[0].shape) >= 2:
        for later in _of_its_result(story, at):
            if later.name in SOFTMAXES:
                return later, f"The scores are not masked before {later.name}"
            if _masks(later, sizes):
                return later, f"The mask in {later.name} does not stop it"
    if call.name in PRODUCTS:
        for value, arg in zip(call.before, call.args, strict=True):
            masked = (
                _masked_before(story, arg, at, sizes) if sum(n in sizes for n in value.shape) >= 2 else None
            )
            if masked is not None:
                return masked, f"The mask in {masked.name} leaves weight on later steps"
    if call.name in CONVOLUTIONS:
        for later in _of_its_result(story, at):
            if later.name in CUTS and later.after and later.after[0].numel() < later.before[0].numel():
                return later, f"{call.name} pads both ends, and {later.name} cuts off the wrong one"
            if later.name not in ("contiguous", "transpose", "permute", "clone"):
                break
        return call, f"It pads both ends: {call.name}"
    return call, f"First by {call.name}"


def _masked_before(story: Story, weights: Tensor, at: int, sizes: Sequence[int]) -> Call | None:
    """Return the mask that was applied to (T, T) weights a few calls earlier, if there was one."""
    place = story.producer(weights, at)
    for _ in range(6):
        if place is None:
            return None
        call = story.base[place[0]]
        if _masks(call, sizes):
            return call
        place = story.producer(call.args[0], place[0]) if call.args else None
    return None


def _of_its_result(story: Story, at: int) -> Iterator[Call]:
    """Yield the later calls that get this call's result, or something computed from it."""
    live = {t.untyped_storage().data_ptr() for t in story.base[at].results}
    for call in story.base[at + 1 :]:
        if any(t.untyped_storage().data_ptr() in live for t in call.args):
            yield call
            live |= {t.untyped_storage().data_ptr() for t in call.results}


def _masks(call: Call, sizes: Sequence[int]) -> bool:
    """Return whether a call applies a mask of steps by steps."""
    for value in call.before:
        if sum(n in sizes for n in value.shape) < 2:
            continue
        if value.dtype == torch.bool and call.name in ("masked_fill", "masked_fill_", "where"):
            return True
        if call.name in ("add", "__add__", "add_", "sub") and bool((value < -1e3).any()):
            return True
        if call.name in ("mul", "__mul__", "mul_") and bool(((value == 0) | (value == 1)).all()):
            return True
    return False

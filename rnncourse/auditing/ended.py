"""Where looking ahead should have ended: at a mask of attention's scores, at the cut after a convolution.

Scores of all pairs of steps look ahead in sound code too, and so does a convolution that pads both ends. What
is wrong comes after them.
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
    """Return the call to look at, and how to introduce it, for one through which an output reads ahead."""
    call = story.base[at]
    if call.name in PRODUCTS and call.after and sum(n in sizes for n in call.after[0].shape) >= 2:
        for later in _of_its_result(story, at):
            if later.name in SOFTMAXES:
                return later, f"The scores are not masked before {later.name}"
            if _masks(later, sizes):
                return later, f"The mask in {later.name} lets it pass"
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
                return later, f"{call.name} pads both ends, and the wrong one is cut off by {later.name}"
            if later.name not in ("contiguous", "transpose", "permute", "clone"):
                break
        return call, f"It pads both ends: {call.name}"
    return call, f"First by {call.name}"


def _masked_before(story: Story, weights: Tensor, at: int, sizes: Sequence[int]) -> Call | None:
    """The mask that weights of steps by steps went through, a few calls back."""
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
    """The calls after this one that are given what it returned, or what was made of that."""
    live = {t.untyped_storage().data_ptr() for t in story.base[at].results}
    for call in story.base[at + 1 :]:
        if any(t.untyped_storage().data_ptr() in live for t in call.args):
            yield call
            live |= {t.untyped_storage().data_ptr() for t in call.results}


def _masks(call: Call, sizes: Sequence[int]) -> bool:
    """Whether a call puts a mask of steps by steps on what it is given."""
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

"""Compute the linear recurrence h_t = a_t h_{t-1} + b_t for all steps: one after the other, or in pairs.

Step t is the function h -> a_t h + b_t. Two of them in a row are a function of the same form (`combine`),
and it does not matter which neighbours are combined first. So T steps can be computed in about 2 log2(T)
rounds, each one operation on many steps at once. Lesson 23 derives this. `loop`, `doubling` and
`scan` return the same numbers up to rounding.

Values are (T, ...): any axes may follow time, and a step works on each number by itself.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

# numbers of an array that one round of sweeps works on: two such arrays fit a processor's cache
CACHED = 2**19
Step = tuple[Tensor, Tensor]  # (a, b): the function h -> a h + b


def combine(first: Step, second: Step) -> Step:
    """Return the step that does the work of two, `first` before `second`.

    second(first(h)) = a_2 (a_1 h + b_1) + b_2 = (a_2 a_1) h + (a_2 b_1 + b_2). It is associative and not
    commutative.

    Args:
        first: the pair (a_1, b_1), tensors of one shape.
        second: the pair (a_2, b_2), of the same shape.

    Example:
        >>> half, more = (torch.tensor(0.5), torch.tensor(0.0)), (torch.tensor(1.0), torch.tensor(3.0))
        >>> rnncourse.scan.combine(half, more)  # h / 2, then h + 3
        (tensor(0.5000), tensor(3.))
    """
    (a_1, b_1), (a_2, b_2) = first, second
    return a_2 * a_1, a_2 * b_1 + b_2


def loop(a: Tensor, b: Tensor, h_0: Tensor | None = None) -> Tensor:
    """Return all states, one step after the other; a, b, h_0 and the result are those of `scan`.

    Example:
        >>> rnncourse.scan.loop(torch.tensor(0.5), torch.tensor([1.0, 0.0, 2.0]))
        tensor([1.0000, 0.5000, 2.2500])
    """
    a, b, h = _arguments(a, b, h_0)
    states = []
    # unbind once: a[t] in the loop would make the backward pass quadratic in T
    for a_t, b_t in zip(a.unbind(), b.unbind(), strict=True):
        h = a_t * h + b_t
        states.append(h)
    return torch.stack(states) if states else torch.empty_like(b)


def doubling(a: Tensor, b: Tensor, h_0: Tensor | None = None) -> Tensor:
    """Return all states by recursive doubling; a, b, h_0 and the result are those of `scan`.

    After a round with distance d, step t holds the last 2d steps combined. That makes ceil(log2(T)) rounds,
    the fewest possible, but each of them works on all T steps.

    Source: Hillis & Steele 1986, "Data parallel algorithms".

    Example:
        >>> a, b = torch.rand(7, 4), torch.randn(7, 4)
        >>> torch.allclose(rnncourse.scan.doubling(a, b), rnncourse.scan.loop(a, b), atol=1e-6)
        True
    """
    a, b, h_0 = _arguments(a, b, h_0)
    distance = 1
    while distance < len(b):
        earlier, later = (a[:-distance], b[:-distance]), (a[distance:], b[distance:])
        more_a, more_b = combine(earlier, later)
        a, b = torch.cat([a[:distance], more_a]), torch.cat([b[:distance], more_b])
        distance *= 2
    return a * h_0 + b


def scan(a: Tensor, b: Tensor, h_0: Tensor | None = None) -> Tensor:
    """Return all states of h_t = a_t h_{t-1} + b_t, computed in pairs, with a backward pass derived by hand.

    A long sequence is cut into parts that fit the processor's cache, and the state is carried from part to
    part. You can do the same: after `h = scan(a[:m], b[:m], h_0)`, `scan(a[m:], b[m:], h[-1])` returns the
    other states. The gradient of a gradient works; `torch.func` does not.

    Args:
        a: the factors, (T, ...), floating point or complex. It broadcasts against b, so a constant (H) works.
        b: what each step adds, (T, ...), with the dtype of a.
        h_0: the state before the first step, the shape of b without time; zeros by default.

    Returns:
        The states (T, ...). The last one, h[-1], is the state to carry on.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> b = torch.tensor([1.0, 0.0, 0.0, 2.0])
        >>> rnncourse.scan.scan(torch.tensor(0.5), b)  # h_t = h_{t-1} / 2 + b_t
        tensor([1.0000, 0.5000, 0.2500, 2.1250])
    """
    a, b, h_0 = _arguments(a, b, h_0)
    h: Tensor = _Scan.apply(a, b, h_0)  # type: ignore[no-untyped-call]  # torch gives it no types
    return h


class _Scan(Function):
    """The operation that torch's autograd sees."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, h_0: Tensor) -> Tensor:
        h = b.clone(memory_format=torch.contiguous_format)
        K = max(1, CACHED // max(1, h_0.numel()))  # steps in a part
        carried = h_0
        for a_part, h_part in zip(a.split(K), h.split(K), strict=True):
            h_part[:1].addcmul_(a_part[:1], carried)  # [:1]: a sequence may have no step at all
            _sweep(a_part.clone(memory_format=torch.contiguous_format), h_part)
            carried = h_part[-1:]
        ctx.save_for_backward(a, h_0, h)
        return h

    @staticmethod
    def backward(ctx: Any, dh: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, h_0, h = ctx.saved_tensors
        before = torch.cat([h_0.unsqueeze(0), h])[:-1]  # h_{t-1}
        # what h_t receives from its own output and from step t + 1:  g_t = dh_t + a_{t+1} g_{t+1}
        # a linear recurrence again, from the last step, which receives nothing more, to the first
        following = torch.cat([a[1:], torch.zeros_like(a[:1])]).conj()
        g = scan(following.flip(0), dh.flip(0)).flip(0)
        # of a_t h_{t-1} + b_t:  da_t = g_t h_{t-1},  db_t = g_t,  dh_0 = a_1 g_1
        return g * before.conj(), g, (a[:1].conj() * g[:1]).sum(0)


def _sweep(a: Tensor, h: Tensor) -> None:
    """Turn b, passed as h, into the states from zeros, in place; a is used up.

    Up: in the round with stride s, each two blocks of s steps are combined, and the last step of the later
    block holds the result. Down: the states at the ends of blocks of 2s steps are final, and they complete
    the step in the middle of the block that follows. That is fewer than 2T combinations, up and down.
    """
    s = 1
    while 2 * s <= len(h):
        later = slice(2 * s - 1, None, 2 * s)
        earlier = slice(s - 1, len(h) - s, 2 * s)
        h[later].addcmul_(a[later], h[earlier])
        a[later].mul_(a[earlier])
        s *= 2
    while s:
        middle = slice(3 * s - 1, None, 2 * s)
        ends = slice(2 * s - 1, len(h) - s, 2 * s)
        h[middle].addcmul_(a[middle], h[ends])
        s //= 2


def _arguments(a: Tensor, b: Tensor, h_0: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return a and b in one shape, (T, ...), and h_0, the shape of one step."""
    try:
        a, b = torch.broadcast_tensors(a, b)
    except RuntimeError:
        said = f"a: expected a shape that broadcasts against b, {tuple(b.shape)}, got {tuple(a.shape)}."
        raise ValueError(said) from None
    if b.dim() == 0:
        raise ValueError("b: expected (T, ...), got a single number. The first axis is time.")
    if h_0 is None:
        return a, b, b.new_zeros(b.shape[1:])
    if h_0.shape != b.shape[1:]:
        raise ValueError(
            f"h_0: expected the shape of one step, {tuple(b.shape[1:])}, got {tuple(h_0.shape)}."
        )
    return a, b, h_0

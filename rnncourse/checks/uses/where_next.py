"""How a scan is used: its operations are counted, so that a loop over the steps is seen. No answer here."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rnncourse.checks.framework.plain import kind_named, kinds, type_name
from rnncourse.checks.framework.use import NO_GRADIENT, Problem, use

CHANGED_IN_PLACE = (
    "its backward pass raises, so nothing can be trained through it. Is a tensor changed in place that was an"
    " operand before? Put the new values into a new tensor."
)


@use("a function")
def call_and_count(function: Callable, arguments: dict[str, Any]) -> tuple[Any, ...]:
    """Return the results, and whether they took few operations: a number that grows with log2(T), not with T.

    T is the length of the first argument. The operations are those of autograd's graph. Recursive doubling
    and a scan in pairs need about half of the limit. A loop has at least T operations, so it shows only where
    T is large; a short sequence is not judged.
    One backward pass must run: it raises if an operand was overwritten.
    It has no helpers: only its own code may run beside the learner's.
    """
    leaves = []
    given = []
    for value in arguments.values():
        leaves.append(value.clone().requires_grad_())
        given.append(leaves[-1].clone())  # a copy is no leaf: it may be changed in place
    returned = function(*given)
    if returned is None:
        raise Problem("it returns None: is a `return` missing?")
    results = tuple(returned) if {tuple, list} & {*kinds(returned)} else (returned,)
    todo = []
    ends = []
    for result in results:
        if Tensor not in kinds(result):
            raise Problem("it returns {kind}; expected tensors.", kind=kind_named(type_name(result)))
        if result.grad_fn is not None:
            todo.append(result.grad_fn)
            ends.append(result.sum())
    wanted = 2 if "x" in arguments else 1
    if len(results) != wanted:
        raise Problem("number of results: {found}; expected {wanted}.", found=len(results), wanted=wanted)
    if not todo:
        raise Problem(NO_GRADIENT)
    try:
        torch.autograd.grad(ends, leaves, allow_unused=True, retain_graph=True)
    except RuntimeError:
        raise Problem(CHANGED_IN_PLACE) from None
    seen = set()
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            for before, _ in node.next_functions:
                if before is not None:
                    todo.append(before)
    T = len(given[0])
    return *results, T < 100 or len(seen) <= 30 * T.bit_length()

"""How the learner's `detach` of task 2 is looked at: on a state with a past. No answer here."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rnncourse.checks.framework.plain import kinds, type_name
from rnncourse.checks.framework.use import Problem, use


@use("a function")
def cut_state(function: Callable, arguments: dict[str, Any]) -> dict[str, Tensor]:
    """Of each tensor in the state: the numbers that come back, and three booleans.

    cut: what comes back has no past. original: the one given still has its own. noticed: a later write into
    the one given is counted by the one that comes back, if the two share their memory.
    It has no helpers: only its own code may run beside the learner's.
    """
    one = torch.ones((), requires_grad=True)
    state, waiting = arguments["state"], [arguments["state"]]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Tensor):
            item.mul_(one)  # in place: now the tensor itself has a past
        else:
            waiting += item
    returned = function(state)
    numbers, cut, original, noticed, pairs = [], [], [], [], [(state, returned)]
    while pairs:
        given, found = pairs.pop()
        if isinstance(given, Tensor):
            if Tensor not in kinds(found):
                raise Problem(f"where a tensor was given, it returns a {type_name(found)}.")
            numbers.append(found.detach().clone().flatten())
            cut.append(found.grad_fn is None)
            original.append(given.grad_fn is not None)
            version, shared = found._version, found.data_ptr() == given.data_ptr()
            with torch.no_grad():
                given.add_(0)
            noticed.append(not shared or found._version > version)
            continue
        if not {tuple, list} & {*kinds(found)} or len(found) != len(given):
            size = f" of {len(found)}" if {tuple, list} & {*kinds(found)} else ""
            raise Problem(
                f"where a {type_name(given)} of {len(given)} was given, "
                f"it returns a {type_name(found)}{size}."
            )
        pairs += reversed(list(zip(given, found, strict=True)))
    return {
        "numbers": torch.cat(numbers),
        "cut": torch.tensor(cut),
        "original": torch.tensor(original),
        "noticed": torch.tensor(noticed),
    }

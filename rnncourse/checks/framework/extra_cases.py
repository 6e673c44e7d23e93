"""Two cases that every task gets besides its own: its first case a second time, and a batch of one row."""

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import Tensor

from rnncourse.checks.framework.cases import Case, TorchModule, Trait

AGAIN = Trait("the same arguments come a second time", "what your code keeps from one call to the next")
ONE_ROW = Trait("the batch has one row", "what happens to an axis of size 1, for example in a `squeeze`")


def with_extra_cases(cases: Callable[[int], list[Case]]) -> Callable[[int], list[Case]]:
    """Add the two cases to those of a task."""

    @functools.wraps(cases)
    def all_cases(seed: int) -> list[Case]:
        own = cases(seed)
        again = replace(own[0], traits=own[0].traits | {AGAIN})
        return [own[0], again, *own[1:], *_of_one_row(own)]

    return all_cases


def _of_one_row(cases: list[Case]) -> list[Case]:
    """Return the first case whose batch size differs from all other axes, cut to one row; or nothing."""
    for case in cases:
        B = case.sizes.get("B", 1)
        others = [size for letter, size in case.sizes.items() if letter != "B"]
        H, L = case.sizes.get("H", 0), case.sizes.get("L", 1)
        if B > 2 and B not in (*others, 2 * H, 3 * H, 4 * H, 2 * L):
            if "batch_sizes" in case.arguments:
                continue  # a packed batch runs through all of its tensors at once
            arguments = {name: _one_row(value, B) for name, value in case.arguments.items()}
            if "batch_size" in arguments:
                arguments["batch_size"] = 1
            sizes, traits = case.sizes | {"B": 1}, case.traits | {ONE_ROW}
            return [replace(case, arguments=arguments, sizes=sizes, traits=traits)]
    return []


def _one_row(value: Any, B: int) -> Any:
    if isinstance(value, Tensor):
        return value.narrow(list(value.shape).index(B), 0, 1).clone() if B in value.shape else value
    if isinstance(value, dict):
        return {name: _one_row(item, B) for name, item in value.items()}
    if isinstance(value, TorchModule) or not isinstance(value, list | tuple):
        return value
    if len(value) == B and not any(isinstance(item, Tensor) for item in value):
        return value[:1]  # lengths, for example
    items = [_one_row(item, B) for item in value]
    return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)

"""Turn whatever a learner's function returns into plain data, free of the learner's own classes."""

from __future__ import annotations

import decimal
import fractions
import types
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnncourse.checks.framework.language import say

DEPTH, LENGTH = 4, 10_000  # the limits for nested lists, tuples and dicts

# These ask `type`, never the object or its class: both can lie, or raise when asked.
_MRO, _NAME = type.__dict__["__mro__"].__get__, type.__dict__["__name__"].__get__


@dataclass(frozen=True)
class Other:
    """Stands for an object of any other kind."""

    type_name: str


Plain = None | bool | int | float | str | Tensor | np.ndarray | tuple | list | dict | Other


def kinds(value: Any) -> tuple[type, ...]:
    """Return the classes of a value without asking the value itself.

    Example:
        >>> from rnncourse.checks.framework.authoring import kinds
        >>> bool in kinds(True), int in kinds(True)
        (True, True)
    """
    return _MRO(type(value))


def type_name(value: Any) -> str:
    return _NAME(type(value))


def class_name(cls: type) -> str:
    return _NAME(cls)


# Where a likely slip creates such an object, the words mention it.
KIND_WORDS = {
    "NoneType": "None",
    "Tensor": "a tensor",
    "ndarray": "a NumPy array",
    "list": "a list",
    "tuple": "a tuple",
    "dict": "a dict",
    "str": "a string",
    "int": "an int",
    "float": "a float",
    "bool": "a bool",
    "function": "a function that was not called",
    "type": "a class, not an instance of it",
    "generator": "a generator (from a `yield`)",
    "coroutine": "a coroutine (from `async def`)",
}


def kind_named(name: str) -> str:
    """Return how a sentence refers to the objects of a class."""
    return say(KIND_WORDS[name]) if name in KIND_WORDS else say("an object of the class {name}", name=name)


def plain(value: Any, depth: int = 0) -> Plain:
    """Return plain tensors, arrays, numbers, strings, None, and tuples, lists and dicts of them."""
    found = kinds(value)
    if value is None or found[0] in (bool, int, float, str):
        return value
    if Tensor in found:
        with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
            bare = Tensor.detach(value)
            dense = bare if bare.layout == torch.strided else Tensor.to_dense(bare)
            return Tensor.clone(Tensor.cpu(Tensor.as_subclass(dense, Tensor)))
    if (np.ndarray in found or np.generic in found) and np.asarray(value).dtype.kind in "biuf":
        return np.array(np.asarray(value))
    for kind in (list, tuple):
        # The base class's own iterator: that of a subclass could go on forever.
        if kind in found and depth < DEPTH and kind.__len__(value) <= LENGTH:
            items = [plain(item, depth + 1) for item in kind.__iter__(value)]
            return items if kind is list else tuple(items)
    if dict in found and depth < DEPTH and dict.__len__(value) <= LENGTH:
        return {key: plain(item, depth + 1) for key, item in dict.items(value) if type(key) in (str, int)}
    if found[0] in (fractions.Fraction, decimal.Decimal):
        return float(value)
    if found[0] is types.CoroutineType:
        value.close()  # otherwise Python warns that it was never awaited
    # A subclass: an IntEnum, a numpy.float64, a numpy.str_
    if int in found:
        return int.__add__(value, 0)
    if float in found:
        return float.__add__(value, 0.0)
    if str in found:
        return str.__str__(value)
    return Other(type_name(value))

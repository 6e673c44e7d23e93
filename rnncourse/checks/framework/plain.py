"""Plain data from whatever a learner's function returns: none of the learner's own classes is left."""

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

DEPTH, LENGTH = 4, 10_000  # of nested lists, tuples and dicts

# Asked of `type`, never of the object or its class: both can lie, or raise when asked.
_MRO, _NAME = type.__dict__["__mro__"].__get__, type.__dict__["__name__"].__get__


@dataclass(frozen=True)
class Other:
    """Stands for an object that is none of the plain kinds."""

    type_name: str


Plain = None | bool | int | float | str | Tensor | np.ndarray | tuple | list | dict | Other


def kinds(value: Any) -> tuple[type, ...]:
    """The classes of a value, without asking it."""
    return _MRO(type(value))


def type_name(value: Any) -> str:
    return _NAME(type(value))


def class_name(cls: type) -> str:
    return _NAME(cls)


# Where a slip makes such an object, it is said, too.
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
    "function": "a function, not called",
    "type": "a class, not an object of it",
    "generator": "a generator (a `yield` makes one)",
    "coroutine": "a coroutine (`async def` makes one)",
}


def kind_named(name: str) -> str:
    """Return what the objects of a class are called in a sentence."""
    return say(KIND_WORDS[name]) if name in KIND_WORDS else say("an object of the class {name}", name=name)


def plain(value: Any, depth: int = 0) -> Plain:
    """Tensors without graph and subclass, arrays, tuples, lists and dicts of such, numbers, strings, None."""
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
        # The base class's own iterator: a subclass's could go on for ever.
        if kind in found and depth < DEPTH and kind.__len__(value) <= LENGTH:
            items = [plain(item, depth + 1) for item in kind.__iter__(value)]
            return items if kind is list else tuple(items)
    if dict in found and depth < DEPTH and dict.__len__(value) <= LENGTH:
        return {key: plain(item, depth + 1) for key, item in dict.items(value) if type(key) in (str, int)}
    if found[0] in (fractions.Fraction, decimal.Decimal):
        return float(value)
    if found[0] is types.CoroutineType:
        value.close()  # or Python warns that nobody awaited it
    # A subclass: an IntEnum, a numpy.float64, a numpy.str_
    if int in found:
        return int.__add__(value, 0)
    if float in found:
        return float.__add__(value, 0.0)
    if str in found:
        return str.__str__(value)
    return Other(type_name(value))

"""Nested arguments and outputs: their tensors in a fixed order, and the same structure with other tensors."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence


def is_leaf(value: object) -> bool:
    """Return whether a value is replaced as a whole: a tensor, a packed batch, a list of numbers or words."""
    if isinstance(value, Tensor | PackedSequence):
        return True
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(v, int | str) for v in value)


def replace_leaves(tree: Any, replace: Callable[[str, Any], Any], path: str = "") -> Any:
    """Return the structure with each leaf replaced by `replace(path, leaf)` and everything else unchanged."""
    if is_leaf(tree):
        return replace(path, tree)
    if isinstance(tree, Mapping):
        found = {key: replace_leaves(value, replace, f"{path}[{key!r}]") for key, value in tree.items()}
        if type(tree) is dict:
            return found
        try:
            return type(tree)(found)  # type: ignore[call-arg]  # a Mapping does not specify its constructor
        except TypeError:
            return found
    if isinstance(tree, list | tuple):
        items = [replace_leaves(value, replace, f"{path}[{k}]") for k, value in enumerate(tree)]
        if hasattr(tree, "_fields"):  # a NamedTuple
            return type(tree)(*items)
        return type(tree)(items)
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        names = [field.name for field in dataclasses.fields(tree) if field.init]
        new = {name: replace_leaves(getattr(tree, name), replace, f"{path}.{name}") for name in names}
        return dataclasses.replace(tree, **new)
    return tree


def tensors_in(tree: object, depth: int = 0) -> Iterator[Tensor]:
    """Yield the tensors that a model returned; a packed batch is padded, batch first."""
    if isinstance(tree, PackedSequence):
        yield pad_packed_sequence(tree, batch_first=True)[0]
    elif isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, np.ndarray) and tree.dtype.kind in "fiub":
        yield torch.from_numpy(np.ascontiguousarray(tree))
    elif depth > 8:
        return
    elif isinstance(tree, Mapping):
        for value in tree.values():
            yield from tensors_in(value, depth + 1)
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from tensors_in(value, depth + 1)
    elif isinstance(tree, Distribution):
        for name in ("logits", "loc", "scale", "concentration", "rate"):
            value = tree.__dict__.get(name)
            if isinstance(value, Tensor):
                yield value
    elif dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        for field in dataclasses.fields(tree):
            yield from tensors_in(getattr(tree, field.name), depth + 1)

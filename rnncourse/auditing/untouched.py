"""Restore the model: save what a call may change, and restore it before each call and at the end."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

# What nn.Module keeps in __dict__ for itself and no call changes. Code that registers hooks
# removes them itself.
OWN = {"_parameters", "_buffers", "_modules", "training"}
MAX_PARAMETERS = 50_000_000  # the parameters of a larger model are not copied


class Saved:
    """The modes, buffers and attributes of all modules inside a model.

    No deep copies: a hidden state left by an earlier call may be part of a graph, which can't be copied.
    """

    def __init__(self, model: object) -> None:
        self.modules = list(model.modules()) if isinstance(model, nn.Module) else []
        self.modes = [module.training for module in self.modules]
        self.parameters = [p for module in self.modules for p in module._parameters.values() if p is not None]
        if not all(map(_has_shape, self.parameters)):
            raise ValueError(
                "model: a lazy module's parameters have no shape yet. Call the model once first."
            )
        if sum(p.numel() for p in self.parameters) > MAX_PARAMETERS:
            saved = []
        else:
            saved = [(p, p._version, p.detach().clone()) for p in self.parameters]
        self._saved_parameters = saved
        self._undo: list[Callable[[], None]] = []
        self._seen: set[int] = {id(p) for p in self.parameters}
        for module in self.modules:
            self._undo.append(_setter(module, "training", module.training))
            for own in (module._parameters, module._buffers, module._modules):
                self._save(own)
            attributes = {k: v for k, v in vars(module).items() if k not in OWN and "_hooks" not in k}
            self._undo.append(_attributes(module, attributes))
            for value in attributes.values():
                self._save(value)

    def _save(self, value: Any) -> None:
        if id(value) in self._seen:
            return
        self._seen.add(id(value))
        if isinstance(value, Tensor):
            if not isinstance(value, nn.UninitializedParameter | nn.UninitializedBuffer):
                self._undo.append(_tensor(value))
        elif isinstance(value, dict):
            content = dict(value)
            self._undo.append(lambda: _refill_dict(value, content))
            for item in content.values():
                self._save(item)
        elif type(value) is list:
            items = list(value)
            self._undo.append(lambda: _refill_list(value, items))
            for item in items:
                self._save(item)
        elif isinstance(value, tuple):
            for item in value:
                self._save(item)

    def restore(self) -> None:
        for parameter, version, content in self._saved_parameters:  # forward may change them
            if parameter._version != version and not _same(parameter.detach(), content):
                with torch.no_grad():
                    parameter.data.copy_(content)
        for undo in reversed(self._undo):
            undo()


def _has_shape(parameter: Tensor) -> bool:
    return not isinstance(parameter, nn.UninitializedParameter)


def _setter(module: nn.Module, name: str, value: object) -> Callable[[], None]:
    return lambda: vars(module).__setitem__(name, value)


def _attributes(module: nn.Module, attributes: dict[str, object]) -> Callable[[], None]:
    def undo() -> None:
        now = vars(module)
        for name in [
            name for name in now if name not in attributes and name not in OWN and "_hooks" not in name
        ]:
            del now[name]
        for name, value in attributes.items():
            if now.get(name) is not value:
                now[name] = value

    return undo


def _tensor(tensor: Tensor) -> Callable[[], None]:
    if tensor.is_leaf and tensor.requires_grad and isinstance(tensor, nn.Parameter):
        return lambda: None
    content, plain = tensor.detach().clone(), tensor.detach()

    def undo() -> None:
        if not _same(plain, content):
            with torch.no_grad():
                plain.copy_(content)

    return undo


def _same(one: Tensor, other: Tensor) -> bool:
    """Return whether two tensors are equal; NaN equals NaN."""
    return torch.equal(one, other) or torch.equal(torch.nan_to_num(one), torch.nan_to_num(other))


def _refill_dict(there: dict[Any, Any], content: dict[Any, Any]) -> None:
    if there.keys() != content.keys() or any(there[key] is not content[key] for key in content):
        there.clear()
        there.update(content)


def _refill_list(there: list[Any], items: list[Any]) -> None:
    if len(there) != len(items) or any(a is not b for a, b in zip(there, items, strict=True)):
        there[:] = items


@contextmanager
def generators_restored() -> Iterator[None]:
    """Put back the state of every random generator: torch's on each device, NumPy's and Python's."""
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    on_devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    try:
        yield
    finally:
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])
        random.setstate(states[2])
        if on_devices:
            torch.cuda.set_rng_state_all(on_devices)


def seed_all(seed: int) -> None:
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)

"""What a learner's function is called with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from rnncourse.shapes import parameter_shapes


class Trait(NamedTuple):
    """Something true of some cases and not of others, by which a verdict can say where a fault lies.

    name: completes "right where ...", e.g. "h is zero".
    look: completes "Look at ...", for a fault that shows only where the trait is missing.
    """

    name: str
    look: str


@dataclass(frozen=True)
class Case:
    """One call: arguments by name, in order, passed by position.

    arguments: tensors, tuples of tensors, numbers, strings, None, or a TorchCell.
    sizes: the dimensions by letter, {"B": 3, "I": 5, "H": 4}, for the words of a verdict.
    """

    arguments: dict[str, Any]
    sizes: dict[str, int]
    traits: frozenset[Trait] = field(default_factory=frozenset)

    def __str__(self) -> str:
        return ", ".join(f"{letter}={size}" for letter, size in self.sizes.items())


@dataclass(frozen=True)
class TorchCell:
    """A torch.nn cell as plain data: its class's name, its options, its parameters."""

    name: str
    options: dict[str, Any]
    parameters: dict[str, Tensor]

    def build(self) -> nn.Module:
        cell = getattr(nn, self.name)(**self.options)
        cell.to(next(iter(self.parameters.values())).dtype)
        cell.load_state_dict(self.parameters)
        return cell.requires_grad_(False)

    def __str__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        return f"torch.nn.{self.name}({options})"


def fresh(value: Any) -> Any:
    """A copy that a learner's function may do anything to."""
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, TorchCell):
        return value.build()
    if isinstance(value, tuple):
        return tuple(fresh(item) for item in value)
    if isinstance(value, dict):
        return {key: fresh(item) for key, item in value.items()}
    return value


def unchanged(value: Any, copy: Any) -> bool:
    """Is the copy that the learner's function had in hand still equal to the original?"""
    if isinstance(value, Tensor):
        return isinstance(copy, Tensor) and value.shape == copy.shape and torch.equal(value, copy)
    if isinstance(value, TorchCell):
        return unchanged(value.parameters, dict(copy.state_dict()))
    if isinstance(value, tuple):
        return all(unchanged(a, b) for a, b in zip(value, copy, strict=True))
    if isinstance(value, dict):
        return value.keys() == copy.keys() and all(unchanged(value[key], copy[key]) for key in value)
    return True


def random_numbers(seed: int, scale: float, dtype: torch.dtype = torch.float64) -> Callable[..., Tensor]:
    """A function of a shape: normal random numbers of that scale, the same ones for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    return lambda *shape: scale * torch.randn(*shape, generator=generator, dtype=dtype)


def random_weights(numbers: Callable[..., Tensor], gates: int, I: int, H: int) -> dict[str, Tensor]:
    """A cell's four parameters by torch's names, each gate with its H rows."""
    return {name: numbers(*shape) for name, shape in parameter_shapes(gates, I, H, bias=True)}

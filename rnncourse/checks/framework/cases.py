"""The inputs that a learner's function is called with."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from rnncourse.shapes import parameter_shapes


class Trait(NamedTuple):
    """A property of some cases but not of others, by which a verdict can say where a fault lies.

    Attributes:
        name: completes "right where ...", e.g. "h is zero".
        look: completes "Look at ...", for a fault that only shows where the trait is missing.

    Example:
        >>> from rnncourse.checks.framework.authoring import Case, Trait, row
        >>> PAIR = Trait("there are two numbers", "what you do with a single number")
        >>> Case({"x": row(1.0, 2.0)}, {"T": 2}, frozenset({PAIR})).has(PAIR)
        True
    """

    name: str
    look: str


@dataclass(frozen=True)
class Case:
    """One call: its arguments by name, in order; they are passed by position.

    Attributes:
        arguments: tensors, tuples, lists and dicts of them, numbers, strings, None, or a TorchModule.
        sizes: the dimensions by letter, {"B": 3, "I": 5, "H": 4}, which a verdict names.
        traits: the traits that it has.

    Example:
        >>> from rnncourse.checks.framework.authoring import Case, rows
        >>> str(Case({"x": rows([1.0, 2.0])}, {"B": 1, "I": 2}))
        'B=1, I=2'
    """

    arguments: dict[str, Any]
    sizes: dict[str, int]
    traits: frozenset[Trait] = field(default_factory=frozenset)

    def has(self, *traits: Trait) -> bool:
        return self.traits.issuperset(traits)

    def __str__(self) -> str:
        """Return its sizes and, of a class, the options it is built with: B=3, H=4, bias=False."""
        options = self.arguments.get("options", {})
        return ", ".join(f"{name}={value}" for name, value in (self.sizes | options).items())


@dataclass(frozen=True)
class TorchModule:
    """A torch.nn module as plain data. A learner's function receives the module, already built.

    Attributes:
        name: the name of its class.
        options: what the class is called with.
        parameters: its state_dict.
        trains: whether its parameters require gradients.

    Example:
        >>> from rnncourse.checks.framework.authoring import TorchModule, row, rows
        >>> options = {"in_features": 1, "out_features": 1}
        >>> module = TorchModule("Linear", options, {"weight": rows([2.0]), "bias": row(0.5)})
        >>> module.build()(row(3.0))
        tensor([6.5000], dtype=torch.float64)
    """

    name: str
    options: dict[str, Any]
    parameters: dict[str, Tensor]
    trains: bool = False

    def build(self) -> nn.Module:
        module = getattr(nn, self.name)(**self.options)
        module.to(next(iter(self.parameters.values())).dtype)
        module.load_state_dict(self.parameters)
        return module.requires_grad_(self.trains)

    def __str__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        return f"torch.nn.{self.name}({options})"


def fresh(value: Any) -> Any:
    """Return a copy that a learner's function may do anything to."""
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, TorchModule):
        return value.build()
    if isinstance(value, tuple | list):
        items = [fresh(item) for item in value]
        named = hasattr(value, "_fields")  # LSTMState, PackedSequence
        return type(value)(*items) if named else type(value)(items)
    if isinstance(value, dict):
        return {key: fresh(item) for key, item in value.items()}
    return value


def unchanged(value: Any, copy: Any) -> bool:
    """Return whether the copy that the learner's function received is still equal to the original."""
    if isinstance(value, Tensor):
        return value.shape == copy.shape and torch.allclose(value, copy, rtol=0, atol=0, equal_nan=True)
    if isinstance(value, TorchModule):
        return unchanged(value.parameters, dict(copy.state_dict()))
    if isinstance(value, tuple | list):
        return len(value) == len(copy) and all(map(unchanged, value, copy))
    if isinstance(value, dict):
        return value.keys() == copy.keys() and all(unchanged(value[key], copy[key]) for key in value)
    return True


def random_numbers(seed: int, scale: float, dtype: torch.dtype = torch.float64) -> Callable[..., Tensor]:
    """Return a function of a shape that draws normal numbers.

    Args:
        seed: the same seed gives the same numbers.
        scale: their standard deviation.
        dtype: their dtype.

    Example:
        >>> from rnncourse.checks.framework.authoring import random_numbers
        >>> numbers = random_numbers(seed=0, scale=0.5)
        >>> tuple(numbers(3, 4).shape)
        (3, 4)
    """
    generator = torch.Generator().manual_seed(seed)
    return lambda *shape: scale * torch.randn(*shape, generator=generator, dtype=dtype)


def row(*numbers: float) -> Tensor:
    """Return numbers for an example, small enough for a pencil, as a tensor, float64 (N).

    Example:
        >>> from rnncourse.checks.framework.authoring import row
        >>> row(1.0, -2.0)
        tensor([ 1., -2.], dtype=torch.float64)
    """
    return torch.tensor(numbers, dtype=torch.float64)


def rows(*lists: Any) -> Tensor:
    """Return lists as the rows of a matrix for an example, float64; deeper lists give more axes.

    Example:
        >>> from rnncourse.checks.framework.authoring import rows
        >>> tuple(rows([1.0, 2.0, 0.0], [0.0, 1.0, 3.0]).shape)
        (2, 3)
    """
    return torch.tensor(lists, dtype=torch.float64)


def random_weights(numbers: Callable[..., Tensor], gates: int, I: int, H: int) -> dict[str, Tensor]:
    """Return a cell's four parameters by torch's names, with H rows for each gate.

    Args:
        numbers: draws them, as the result of `random_numbers`.
        gates: 1 for an RNN, 3 for a GRU, 4 for an LSTM.
        I: the width of the input.
        H: the width of the state.

    Example:
        >>> from rnncourse.checks.framework.authoring import random_numbers, random_weights
        >>> weights = random_weights(random_numbers(seed=0, scale=0.5), gates=3, I=2, H=4)
        >>> {name: tuple(weight.shape) for name, weight in weights.items()}
        {'weight_ih': (12, 2), 'weight_hh': (12, 4), 'bias_ih': (12,), 'bias_hh': (12,)}
    """
    return {name: numbers(*shape) for name, shape in parameter_shapes(gates, I, H, bias=True)}


def random_module(name: str, numbers: Callable[..., Tensor], **options: Any) -> TorchModule:
    """Return a torch.nn module (of any depth, in one direction or both) with random parameters.

    Args:
        name: the name of its class.
        numbers: draws the parameters.
        **options: what the class is called with.

    Example:
        >>> from rnncourse.checks.framework.authoring import random_module, random_numbers
        >>> module = random_module("LSTM", random_numbers(seed=0, scale=0.5), input_size=3, hidden_size=4)
        >>> str(module), tuple(module.parameters["weight_hh_l0"].shape)
        ('torch.nn.LSTM(input_size=3, hidden_size=4)', (16, 4))
    """
    shapes = {
        key: value.shape for key, value in getattr(nn, name)(**options, device="meta").state_dict().items()
    }
    return TorchModule(name, options, {key: numbers(*shape) for key, shape in shapes.items()})


# Traits that many tasks share.
BATCH = Trait("there is a batch", "what your code needs the batch axis for")
SINGLE = Trait("there is no batch", "what you do with the batch axis")
H_ZERO = Trait("h is zero", "what you do with the previous h")
C_ZERO = Trait("c is zero", "what you do with the previous c")
X_ZERO = Trait("the input is zero", "what you do with the input")
BIAS_ZERO = Trait("the biases are zero", "what you do with the biases")
NO_BIAS = Trait("there are no biases", "what you do with the biases")
STATE = Trait("a state is given", "what you do without a state")
NO_STATE = Trait("no state is given", "what you do with the state that is given")
ONE_STEP = Trait("there is one time step", "what is carried from step to step")
FLOAT64 = Trait("the numbers are float64", "the dtype of the tensors that you create")
MORE_STEPS = Trait("there are several time steps", "what you do at the first step")


def in_float64(case: Case) -> Case:
    """Return the case in float64, where tensors that a learner creates in the default dtype do not fit.

    Example:
        >>> from rnncourse.checks.framework.authoring import FLOAT64, Case, in_float64
        >>> case = in_float64(Case({"x": torch.zeros(3)}, {"T": 3}))
        >>> case.arguments["x"].dtype, case.has(FLOAT64)
        (torch.float64, True)
    """
    return replace(case, arguments=doubled(case.arguments), traits=case.traits | {FLOAT64})


def doubled(value: Any) -> Any:
    """Return a value, also a tuple or a dict, with its floating-point tensors in float64.

    Example:
        >>> from rnncourse.checks.framework.authoring import doubled
        >>> x, lengths = doubled((torch.zeros(3), torch.tensor([3])))
        >>> x.dtype, lengths.dtype
        (torch.float64, torch.int64)
    """
    if isinstance(value, Tensor):
        return value.double() if value.is_floating_point() else value
    if isinstance(value, dict):
        return {name: doubled(item) for name, item in value.items()}
    return tuple(map(doubled, value)) if isinstance(value, tuple) else value


def step_case(
    numbers: Callable[..., Tensor], gates: int, B: int | None, I: int, H: int, *zero: Trait
) -> Case:
    """Return one step of a cell: x_t, then h (for an LSTM's four gates state, (h, c)), then the weights.

    Args:
        numbers: draws all of them.
        gates: 1 for an RNN, 3 for a GRU, 4 for an LSTM.
        B: the size of the batch; None for a single row without a batch axis.
        I: the width of the input.
        H: the width of the state.
        *zero: what is 0: X_ZERO, H_ZERO, C_ZERO, BIAS_ZERO.

    Example:
        >>> from rnncourse.checks.framework.authoring import H_ZERO, random_numbers, step_case
        >>> case = step_case(random_numbers(seed=0, scale=0.8), 3, 2, 4, 5, H_ZERO)
        >>> str(case), case.arguments["h"].any().item()
        ('B=2, I=4, H=5', False)
    """
    batch = () if B is None else (B,)
    x_t, h = numbers(*batch, I), numbers(*batch, H)
    c = 2 * numbers(*batch, H) if gates == 4 else None
    weights = random_weights(numbers, gates, I, H)
    biases = [weights["bias_ih"], weights["bias_hh"]]
    zeroed = {X_ZERO: [x_t], H_ZERO: [h], C_ZERO: [] if c is None else [c], BIAS_ZERO: biases}
    for trait in zero:
        for tensor in zeroed[trait]:
            tensor.zero_()
    state: dict[str, Any] = {"h": h} if c is None else {"state": (h, c)}
    sizes = {"I": I, "H": H} if B is None else {"B": B, "I": I, "H": H}
    return Case({"x_t": x_t, **state, **weights}, sizes, frozenset({SINGLE if B is None else BATCH, *zero}))

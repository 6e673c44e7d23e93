"""Record every torch call of a run with the user's file and line, and find where tokens are embedded.

Tokens have no gradient, and other tokens would change the masks computed from them. So the output of the
embedding is disturbed instead, and gets the gradient; tokens.py tells which entry is which token.
"""

import linecache
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from rnncourse.auditing.tokens import Tokens, flat, writes

HERE = str(Path(__file__).parent)
LIBRARIES = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]))
GIVEN = str(Path(__file__).parents[1] / "checks" / "given")  # the exercises' models count as user code
INSIDE = {"__get__", "__set__", "size", "dim", "shape", "dtype", "device", "requires_grad", "is_nested"}


@dataclass(frozen=True)
class Place:
    """A line of the user's code."""

    file: str
    line: int
    code: str

    def __str__(self) -> str:
        return f"{Path(self.file).name}:{self.line}  {self.code}"


@dataclass
class Call:
    """One call: of a torch function, or of a whole recurrent module.

    before: copies of the arguments' tensors, after: copies of the results'. A call that writes into its first
    argument has that argument among its results.
    """

    name: str
    module: str
    place: Place | None
    args: list[Tensor]
    before: list[Tensor]
    results: list[Tensor]
    after: list[Tensor]
    function: Any = None
    given: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    writes: bool = False
    with_graph: bool = True  # whether autograd recorded it; not under no_grad
    caller: Place | None = None  # the line at which the module around the one that runs calls it


@dataclass
class Tap:
    """An embedding's call with tokens of a leaf: which entry is which token, and the tensor that is added."""

    leaf: int
    origin: Tensor  # the output's leading shape; -1 for entries that are not tokens of the leaf
    zero: Tensor | None  # added to the output: a leaf of the graph, if gradients are wanted


class Tape(TorchFunctionMode):
    """Follows tokens; with `record` it also saves every call.

    noise(leaf, origin, output) is added to an embedding's output if it returns a tensor. moved: the index of
    a call whose result is changed by adding noise. fixed: results by the indices of their calls.
    """

    def __init__(
        self,
        names: dict[int, str],
        record: bool = False,
        taps: bool = False,
        noise: Callable[[int, Tensor, Tensor], Tensor | None] | None = None,
        moved: int | None = None,
        fixed: dict[int, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.names = names  # the modules' names, by id
        self.record, self.with_taps, self.noise, self.moved = record, taps, noise, moved
        self.fixed = fixed or {}
        self.calls: list[Call] = []
        self.taps: list[Tap] = []
        self.embedded: set[int] = set()
        self.coded: set[int] = set()  # leaves of which arithmetic changed some tokens before the embedding
        self.tokens = Tokens()
        self.held: list[object] = []  # kept alive: a freed tensor's id() could be reused
        self.quiet = 0  # inside a recurrent module, which counts as one call

    def __torch_function__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = function_name(func)
        if self.quiet or name in INSIDE:
            return func(*args, **kwargs)
        record = self.record
        ins = list(flat((args, kwargs))) if record or self.tokens else []
        before = [copy(t) for t in ins] if record else []
        result = func(*args, **kwargs)
        if name == "__iter__":
            result = list(result)
        if self.tokens:
            self.tokens.call(func, name, args, kwargs, ins, result)
            if isinstance(result, Tensor) and result.is_floating_point():
                result = self._embedded(name, args, kwargs, result)
        if record and (ins or isinstance(result, Tensor | tuple)):
            index = len(self.calls)
            if index in self.fixed and isinstance(result, Tensor):
                result = self.fixed[index]
            self._keep(func, name, args, kwargs, ins, before, result)
            if self.moved is not None and len(self.calls) == self.moved + 1:
                self.moved, result = None, _moved(result)
        return iter(result) if name == "__iter__" else result

    def _keep(
        self,
        func: Any,
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        ins: list[Tensor],
        before: list[Tensor],
        result: Any,
    ) -> None:
        results = list(flat(result))
        writing = writes(name)
        if name == "__setitem__" or (not results and writing):
            results = ins[:1]
        if not results and name not in ("numpy", "item", "tolist", "__bool__"):
            return
        place, module, caller = where_from(self.names)
        self.held += [*ins, *results]
        after = [copy(t) for t in results]
        with_graph = torch.is_grad_enabled()
        call = Call(
            name, module, place, ins, before, results, after, func, args, kwargs, writing, with_graph, caller
        )
        self.calls.append(call)

    def _embedded(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], result: Tensor) -> Tensor:
        """Return an embedding's output with noise, and with a leaf of the graph, added."""
        index = _looked_up(name, args, kwargs)
        if index is None or result.shape[: index.dim()] != index.shape:
            return result
        origins = self.tokens.origins(index)
        looked_up, zero = result, None
        self.coded |= self.tokens.coded.get(id(index), set())
        for leaf, origin in origins.items():
            self.embedded.add(leaf)
            if self.with_taps:
                if zero is None:
                    zero = torch.zeros_like(looked_up, requires_grad=True)
                    result = result + zero
                self.taps.append(Tap(leaf, origin, zero))
            added = self.noise(leaf, origin, looked_up) if self.noise else None
            result = result if added is None else result + added
        return result

    def module_called(
        self, name: str, module: str, ins: list[Tensor], before: list[Tensor], results: list[Tensor]
    ) -> None:
        """Save a recurrent module's call as a single call."""
        if self.record:
            place, _, _ = where_from(self.names)
            self.held += [*ins, *results]
            after = [copy(t) for t in results]
            call = Call(name, module, place, ins, before, results, after)
            call.with_graph = torch.is_grad_enabled()
            self.calls.append(call)


def _moved(result: Any) -> Any:
    """Return a call's result plus noise of a tenth of its size; the same result if it is not a number."""
    if isinstance(result, Tensor) and result.is_floating_point():
        noise = torch.randn(result.shape, generator=torch.Generator().manual_seed(11)).to(result)
        return result + 0.1 * spread_of(result) * noise
    if isinstance(result, float):
        return result + 0.1 * (abs(result) or 1.0)
    if isinstance(result, np.ndarray) and result.dtype.kind == "f":
        return result + 0.1 * (float(np.abs(result).mean()) or 1.0)
    return result


def _looked_up(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    """Return the integer tensor that looks up rows of a table, if the call does that."""
    if name == "embedding":
        index = args[0] if args else kwargs.get("input")
    elif name == "__getitem__" and isinstance(args[0], Tensor) and args[0].dim() == 2:
        index = args[1]
    else:
        return None
    return index if isinstance(index, Tensor) else None


def function_name(func: Any) -> str:
    name = getattr(func, "__name__", str(func))
    if name == "__get__":
        return getattr(func.__self__, "__name__", name)
    return str(name)


def copy(tensor: Tensor) -> Tensor:
    """Return a copy of the current values; a parameter does not change during a run, so it is not copied."""
    tensor_now = tensor.detach()
    return tensor_now if type(tensor) is nn.Parameter else tensor_now.clone()


def spread_of(values: Tensor) -> float:
    """Return the standard deviation of the finite values; 1 if they do not vary."""
    finite = values.detach()[torch.isfinite(values)].float()
    return (float(finite.std()) if finite.numel() > 1 else 0.0) or 1.0


def where_from(names: dict[int, str]) -> tuple[Place | None, str, Place | None]:
    """Return the innermost line outside torch and rnncourse, the running module, and its caller's line."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    place, module, caller, running = None, "", None, None
    step: Any = frame
    while step is not None:
        file = step.f_code.co_filename
        own = step.f_locals.get("self")
        known = own is not None and id(own) in names
        if file.startswith(HERE):
            if step.f_code.co_name in ("run", "loss_of"):
                break
        elif file.startswith(GIVEN) or not file.startswith(LIBRARIES):
            line = step.f_lineno
            if place is None:
                place = Place(file, line, linecache.getline(file, line).strip())
            if known and running is not None and own is not running:
                caller = Place(file, line, linecache.getline(file, line).strip())
        if known and running is None:
            running, module = own, names[id(own)]
        if place and caller:
            break
        step = step.f_back
    return place, module, caller

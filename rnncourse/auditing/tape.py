"""A record of every torch call of a run, each with the user's file and line; and where tokens are embedded.

Tokens have no gradient, and other tokens would move masks that are made of them. So what is disturbed, and
what has a gradient, is the output of the embedding. For this the tape follows each token through transposes,
slices and loops: `origin` holds for each entry of an integer tensor the number of the token that it is.
"""

import linecache
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.overrides import TorchFunctionMode

HERE = str(Path(__file__).parent)
LIBRARIES = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]))
GIVEN = str(Path(__file__).parents[1] / "checks" / "given")  # models of the exercises: they are to be blamed
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

    before: copies of the tensors that went in, after: of those that came out; a call that writes into its
    first argument has this argument among its results.
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
    with_graph: bool = True  # whether autograd recorded it: not so under no_grad


@dataclass
class Tap:
    """One call of an embedding with tokens of a leaf: which entry is which token, and what is added."""

    leaf: int
    origin: Tensor  # the output's leading shape; -1 for an entry that is no token of the leaf
    zero: Tensor | None  # added to the output: a leaf of the graph, if gradients are wanted


class Tape(TorchFunctionMode):
    """Follows tokens; with `record` it also keeps every call.

    origins: for the tensors of tokens that are given to the model, the leaf's number and the tokens' numbers.
    noise(leaf, origin, output) is added to the output of an embedding, if it returns a tensor.
    """

    def __init__(
        self,
        names: dict[int, str],
        record: bool = False,
        taps: bool = False,
        noise: Callable[[int, Tensor, Tensor], Tensor | None] | None = None,
    ) -> None:
        super().__init__()
        self.names = names  # of modules, by id
        self.record, self.with_taps, self.noise = record, taps, noise
        self.calls: list[Call] = []
        self.taps: list[Tap] = []
        self.embedded: set[int] = set()
        self.sizes: dict[int, float] = {}  # by the id of a tap's zero, the spread of the embeddings there
        self.origins: dict[int, tuple[int, Tensor]] = {}
        self.held: list[object] = []  # so that no id is used twice
        self.quiet = 0  # inside a recurrent module, which counts as one call

    def follow(self, tensor: Tensor, leaf: int, origin: Tensor) -> None:
        self.origins[id(tensor)] = leaf, origin
        self.held.append(tensor)

    def __torch_function__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = function_name(func)
        if self.quiet or name in INSIDE:
            return func(*args, **kwargs)
        record = self.record
        ins = list(_flat((args, kwargs))) if record or self.origins else []
        before = [copy(t) for t in ins] if record else []
        result = func(*args, **kwargs)
        if name == "__iter__":
            result = list(result)
        if self.origins:
            result = self._embedded(func, name, args, kwargs, ins, result)
        if record and (ins or isinstance(result, Tensor | tuple)):
            self._keep(func, name, args, kwargs, ins, before, result)
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
        results = list(_flat(result))
        writes = name == "__setitem__" or (name.endswith("_") and not name.endswith("__"))
        if name == "__setitem__" or (not results and writes):
            results = ins[:1]
        if not results and name not in ("numpy", "item", "tolist", "__bool__"):
            return
        place, module = where_from(self.names)
        self.held += [*ins, *results]
        after = [copy(t) for t in results]
        with_graph = torch.is_grad_enabled()
        call = Call(name, module, place, ins, before, results, after, func, args, kwargs, writes, with_graph)
        self.calls.append(call)

    def _embedded(
        self,
        func: Any,
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        ins: list[Tensor],
        result: Any,
    ) -> Any:
        """Follow tokens into the result, or add noise where they have been embedded."""
        known = [t for t in ins if id(t) in self.origins]
        if not known:
            return result
        leaf = self.origins[id(known[0])][0]
        if isinstance(result, Tensor) and result.is_floating_point():
            index = _looked_up(name, args, kwargs)
            if index is None or id(index) not in self.origins:
                return result
            leaf, origin = self.origins[id(index)]
            if name == "index_select" or result.shape[: origin.dim()] != origin.shape:
                return result
            self.embedded.add(leaf)
            if self.with_taps:
                zero = torch.zeros_like(result, requires_grad=True)
                self.sizes[id(zero)] = spread_of(result)
                self.taps.append(Tap(leaf, origin, zero))
                result = result + zero
            added = self.noise(leaf, origin, result) if self.noise else None
            return result if added is None else result + added
        outs = [t for t in _flat(result) if not t.is_floating_point() and t.dtype != torch.bool]
        if not outs:
            return result
        for out, origin in zip(outs, self._moved(func, args, kwargs, known, outs, leaf), strict=False):
            self.follow(out, leaf, origin)
        return result

    def _moved(
        self,
        func: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        known: list[Tensor],
        outs: list[Tensor],
        leaf: int,
    ) -> list[Tensor]:
        """Where the entries of the results come from: the same call done with the tokens' numbers."""

        def swap(value: Any) -> Any:
            if isinstance(value, Tensor):
                if id(value) in self.origins and self.origins[id(value)][0] == leaf:
                    return self.origins[id(value)][1]
                if value.dtype in (torch.int64, torch.int32) and value is not index:
                    return torch.full_like(value, -1)
                return value
            if type(value) in (list, tuple):
                return type(value)(map(swap, value))
            return value

        index = args[1] if function_name(func) in ("__getitem__",) and len(args) > 1 else None
        moves = function_name(func) not in ("add", "sub", "mul", "argmax", "sum", "cumsum", "where", "clamp")
        if moves:
            try:
                moved = [t for t in _flat(_call_moved(func, args, kwargs, swap)) if t.dtype == torch.int64]
            except Exception:  # whatever it is, it does not move tokens
                moved = []
            if [t.shape for t in moved] == [t.shape for t in outs]:
                return moved
        source, origin = known[0], self.origins[id(known[0])][1]
        return [
            torch.where(out == source, origin, -1)
            if out.shape == source.shape
            else torch.full(out.shape, -1, device=out.device)
            for out in outs
        ]

    def module_called(
        self, name: str, module: str, ins: list[Tensor], before: list[Tensor], results: list[Tensor]
    ) -> None:
        """Keep a recurrent module's call as one."""
        if self.record:
            place, _ = where_from(self.names)
            self.held += [*ins, *results]
            after = [copy(t) for t in results]
            call = Call(name, module, place, ins, before, results, after)
            call.with_graph = torch.is_grad_enabled()
            self.calls.append(call)


def _call_moved(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], swap: Callable[[Any], Any]) -> Any:
    result = func(*swap(args), **{key: swap(value) for key, value in kwargs.items()})
    return list(result) if isinstance(result, Iterator) else result


def _looked_up(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    """The integer tensor with which rows of a table are looked up, if the call does that."""
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
    """The values at this moment; a parameter does not change during a run."""
    tensor_now = tensor.detach()
    return tensor_now if type(tensor) is nn.Parameter else tensor_now.clone()


def _flat(tree: Any) -> Iterator[Tensor]:
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, PackedSequence):
        yield tree.data
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from _flat(value)
    elif isinstance(tree, dict):
        for value in tree.values():
            yield from _flat(value)


flat = _flat


def spread_of(values: Tensor) -> float:
    """The standard deviation of the finite values; 1 if they do not vary."""
    finite = values.detach()[torch.isfinite(values)].float()
    return (float(finite.std()) if finite.numel() > 1 else 0.0) or 1.0


def where_from(names: dict[int, str]) -> tuple[Place | None, str]:
    """The nearest line outside of torch and rnncourse, and the module that is running."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    place, module = None, ""
    step: Any = frame
    while step is not None:
        file = step.f_code.co_filename
        if file.startswith(HERE):
            if step.f_code.co_name in ("run", "loss_of"):
                break
        elif place is None and (file.startswith(GIVEN) or not file.startswith(LIBRARIES)):
            line = step.f_lineno
            place = Place(file, line, linecache.getline(file, line).strip())
        if not module:
            own = step.f_locals.get("self")
            module = names.get(id(own), "") if own is not None else ""
        if place and module:
            break
        step = step.f_back
    return place, module

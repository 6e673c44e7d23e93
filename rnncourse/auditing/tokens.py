"""Where the entries of integer tensors come from: the tape follows each token of the inputs through a run.

Each followed tensor has two shadows of its shape. In the first, each input token is replaced by its index; in
the second, by its index plus the number of all tokens. Each call that makes or fills an integer tensor is
repeated with the shadows. A constant is the same in both shadows, so it can't be mistaken for a token,
whether `full_like`, `pad`, `masked_fill` or an assignment put it there.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

# Arithmetic: an entry that keeps its value keeps its origin; any other entry is a new number.
ARITHMETIC = {
    "add", "sub", "rsub", "mul", "div", "floor_divide", "remainder", "fmod", "clamp", "clamp_min",
    "clamp_max", "clip", "maximum", "minimum", "neg", "abs", "pow", "bitwise_and", "bitwise_or",
}  # fmt: skip
# Calls that draw random numbers, or whose result contains no entry of their arguments.
LEFT_OUT = {"randint_like", "argmax", "argmin", "argsort", "sum", "cumsum", "bincount", "one_hot", "nonzero"}


def flat(tree: Any) -> Iterator[Tensor]:
    """Yield the tensors in nested arguments or results; of a packed batch, its data."""
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, PackedSequence):
        yield tree.data
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from flat(value)
    elif isinstance(tree, dict):
        for value in tree.values():
            yield from flat(value)


def writes(name: str) -> bool:
    """Return whether a call of this name writes into its first argument."""
    return name == "__setitem__" or (name.endswith("_") and not name.endswith("__"))


def _integers(result: Any) -> list[Tensor]:
    return [t for t in flat(result) if not t.is_floating_point() and t.dtype != torch.bool]


@dataclass(frozen=True)
class Shadows:
    first: Tensor
    second: Tensor


class Tokens:
    """The tokens among the inputs of one run, and the tensors into which they were moved."""

    def __init__(self) -> None:
        self.table = torch.zeros(0, dtype=torch.long)  # every token's value
        self.begins: dict[int, int] = {}  # by leaf, the number of its first token
        self._leaves: list[tuple[int, Tensor]] = []
        self._shadows: dict[int, Shadows] = {}
        self.coded: dict[int, set[int]] = {}  # by tensor, the leaves of whose tokens a sum made other numbers
        self._held: list[Tensor] = []  # kept alive: a freed tensor's id() could be reused

    def __bool__(self) -> bool:
        return bool(self._leaves)

    def follow(self, leaves: Sequence[tuple[int, Tensor]]) -> None:
        """Follow these tensors, each with the number of its leaf."""
        self._leaves = list(leaves)
        if not leaves:
            return
        self.table = torch.cat([tensor.detach().reshape(-1).long().cpu() for _, tensor in leaves])
        begin = 0
        for leaf, tensor in leaves:
            self.begins[leaf] = begin
            number = torch.arange(begin, begin + tensor.numel(), device=tensor.device).view(tensor.shape)
            self._set(tensor, Shadows(number, number + len(self.table)))
            begin += tensor.numel()

    def _set(self, tensor: Tensor, shadows: Shadows) -> None:
        self._shadows[id(tensor)] = shadows
        self._held.append(tensor)

    def origins(self, tensor: Tensor) -> dict[int, Tensor]:
        """Return by leaf which of its tokens each entry is, -1 for none; omit leaves without a token."""
        shadows = self._shadows.get(id(tensor))
        if shadows is None:
            return {}
        count = len(self.table)
        first, second = shadows.first, shadows.second
        moved = (second - first == count) & (first >= 0) & (first < count)
        number = torch.where(moved, first, 0)
        moved &= self.table.to(tensor.device)[number] == tensor
        found = {}
        for leaf, given in self._leaves:
            begin = self.begins[leaf]
            mine = moved & (first >= begin) & (first < begin + given.numel())
            if bool(mine.any()):
                found[leaf] = torch.where(mine, first - begin, -1)
        return found

    def _leaves_of(self, tensor: Tensor, where: Tensor) -> set[int]:
        return {leaf for leaf, origin in self.origins(tensor).items() if bool((origin[where] >= 0).any())}

    def call(
        self,
        func: Any,
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        ins: list[Tensor],
        result: Any,
    ) -> None:
        """Follow the tokens of a call's arguments into its results, or into the tensor it writes to."""
        known = [t for t in ins if id(t) in self._shadows]
        if not known or name in LEFT_OUT:
            return
        if writes(name):
            into = args[0] if args else None
            if not isinstance(into, Tensor) or into.is_floating_point() or into.dtype == torch.bool:
                return
            if id(into) not in self._shadows:
                self._begin(into)
            self._both(func, args, kwargs)
            return
        outs = _integers(result)
        if not outs:
            return
        if name in ARITHMETIC:
            source = next((t for t in known if t.shape == outs[0].shape), None)
            if source is not None:
                if name in ("add", "sub") and (lost := self._leaves_of(source, outs[0] != source)):
                    self.coded[id(outs[0])] = lost
                old, same = self._shadows[id(source)], outs[0] == source
                self._set(
                    outs[0], Shadows(torch.where(same, old.first, -1), torch.where(same, old.second, -1))
                )
            return
        pairs = self._both(func, args, kwargs)
        if pairs is None:
            return
        first, second = map(_integers, pairs)
        if [t.shape for t in first] == [t.shape for t in outs] == [t.shape for t in second]:
            for out, one, other in zip(outs, first, second, strict=True):
                self._set(out, Shadows(one.long(), other.long()))

    def _begin(self, tensor: Tensor) -> None:
        """Follow a tensor of constants, and the tensor it is a view of, from now on."""
        base = tensor._base
        whole = tensor if base is None else base
        if id(whole) not in self._shadows:
            constants = whole.detach().long()
            self._set(whole, Shadows(constants.clone(), constants.clone()))
        if base is not None:
            old, place = self._shadows[id(base)], (tensor.shape, tensor.stride(), tensor.storage_offset())
            self._set(tensor, Shadows(old.first.as_strided(*place), old.second.as_strided(*place)))

    def _both(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any] | None:
        """Make the call with each shadow; return None if that fails."""

        def with_shadow(pick: Callable[[Shadows], Tensor]) -> Any:
            def swap(value: Any) -> Any:
                if isinstance(value, Tensor):
                    shadows = self._shadows.get(id(value))
                    return value if shadows is None else pick(shadows)
                if type(value) in (list, tuple):
                    return type(value)(map(swap, value))
                return value

            result = func(*swap(args), **{key: swap(value) for key, value in kwargs.items()})
            return list(result) if isinstance(result, Iterator) else result

        try:
            return with_shadow(lambda s: s.first), with_shadow(lambda s: s.second)
        except Exception:  # such a call does not move tokens
            return None

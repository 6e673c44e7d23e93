"""The arguments of a call, leaf by leaf: their axes, and copies with fewer or more rows and steps."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from rnncourse.auditing.trees import replace_leaves


@dataclass(frozen=True)
class Leaf:
    """One tensor among the arguments, or one list with an entry for each row.

    role: "sequence" (batch and time axes; gets disturbed), "flags" (the same axes, but only 0 and 1: a mask,
    episode starts), "lengths", "row" (a batch axis, no time axis), "square" (T, T), "list" or "other".
    lengths: (B,), if the leaf is padded to other lengths than the main one, which another argument holds.
    """

    name: str
    value: Any
    role: str = "other"
    batch: int | None = None
    time: int | None = None
    packed: bool = False
    sorted: bool = True
    pad: float = 0.0
    lengths: Tensor | None = None

    @property
    def T(self) -> int:
        assert self.time is not None
        return int(self.value.shape[self.time])

    def shorter(self, by: int) -> "Leaf":
        """Return the leaf without its last steps."""
        assert self.time is not None
        return replace(self, value=self.value.narrow(self.time, 0, self.T - by))

    @property
    def floating(self) -> bool:
        return isinstance(self.value, Tensor) and self.value.is_floating_point()

    @property
    def disturbed(self) -> bool:
        """Whether changing its values shows what the model reads; not so for masks, lengths, words."""
        if not isinstance(self.value, Tensor) or self.batch is None:
            return False
        return self.role == "sequence" or (self.role == "row" and self.floating)


@dataclass(frozen=True)
class Inputs:
    """All arguments of a call, with the lengths, the target and the starts that belong to them."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    leaves: tuple[Leaf, ...]
    target: Leaf | None = None
    lengths: Tensor | None = None
    starts: Tensor | None = None  # (B, T)
    B: int = 1
    ids: tuple[int, ...] = ()  # the rows' indices in the batch that the user passed

    @property
    def main(self) -> Leaf:
        """The leaf whose axes are the batch and time of the audit."""
        return next(leaf for leaf in self.leaves if leaf.role == "sequence")

    @property
    def T(self) -> int:
        return self.main.T

    def every(self, change: Callable[[Leaf], Leaf]) -> "Inputs":
        """Return the inputs with every leaf changed, the target's too."""
        target = None if self.target is None else change(self.target)
        return replace(self, leaves=tuple(change(leaf) for leaf in self.leaves), target=target)

    def rows(self, chosen: Sequence[int]) -> "Inputs":
        """Return the inputs with only these rows."""
        index = torch.tensor(chosen, dtype=torch.long)

        def cut(leaf: Leaf) -> Leaf:
            if leaf.batch is None:
                return leaf
            if isinstance(leaf.value, Tensor):
                value = leaf.value.index_select(leaf.batch, index.to(leaf.value.device))
                own = None if leaf.lengths is None else leaf.lengths[index]
                return replace(leaf, value=value, lengths=own)
            return replace(leaf, value=type(leaf.value)(leaf.value[k] for k in chosen))

        ids = [self.ids[row] for row in chosen]
        lengths = None if self.lengths is None else self.lengths[index]
        starts = None if self.starts is None else self.starts[index]
        return replace(self.every(cut), lengths=lengths, starts=starts, B=len(chosen), ids=tuple(ids))

    def shorter(self, by: int, all_inputs: bool = True) -> "Inputs":
        """Return the inputs without the last `by` steps; the lengths are cut with them.

        all_inputs: also cut inputs whose number of steps differs from the main one's; if not, inputs with
        lengths of their own lose only their padding.
        """

        def cut(leaf: Leaf) -> Leaf:
            if leaf.role == "lengths":
                most = self.T - by
                if isinstance(leaf.value, Tensor):
                    return replace(leaf, value=leaf.value.clamp(max=most))
                return replace(leaf, value=type(leaf.value)(min(v, most) for v in leaf.value))
            if leaf.role == "square":
                return replace(leaf, value=leaf.value[: self.T - by, : self.T - by])
            if leaf.time is None or by >= leaf.T or not (all_inputs or leaf.T == self.T):
                return leaf
            if leaf.lengths is not None and not all_inputs:
                return leaf.shorter(leaf.T - max(1, int(leaf.lengths.max())))
            return leaf.shorter(by)

        lengths = None if self.lengths is None else self.lengths.clamp(max=self.T - by)
        starts = None if self.starts is None else self.starts[:, : self.T - by]
        return replace(self.every(cut), lengths=lengths, starts=starts)

    def with_leaf(self, number: int, leaf: Leaf) -> "Inputs":
        """Return the inputs with one leaf replaced."""
        return replace(self, leaves=(*self.leaves[:number], leaf, *self.leaves[number + 1 :]))

    def longer(self, by: int) -> "Inputs":
        """Return the inputs with `by` more padded steps, filled with each leaf's own padding value."""

        def add(leaf: Leaf) -> Leaf:
            if leaf.time is None or (leaf is not self.target and leaf.T != self.T):
                return leaf
            shape = list(leaf.value.shape)
            shape[leaf.time] = by
            more = leaf.value.new_full(shape, leaf.pad)
            return replace(leaf, value=torch.cat([leaf.value, more], dim=leaf.time))

        return self.every(add)

    def build(self, values: Sequence[Any] | None = None) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments built from these values, one per leaf; by default from copies of their own."""
        given = iter(values if values is not None else self.values())
        leaves = iter(self.leaves)

        def put(path: str, old: Any) -> Any:
            leaf, value = next(leaves), next(given)
            return pack(leaf, value, self.lengths) if leaf.packed else value

        args, kwargs = replace_leaves((self.args, self.kwargs), put)
        return tuple(args), kwargs

    def values(self) -> list[Any]:
        return [
            leaf.value.detach().clone() if isinstance(leaf.value, Tensor) else leaf.value
            for leaf in self.leaves
        ]


def pack(leaf: Leaf, value: Tensor, lengths: Tensor | None) -> PackedSequence:
    """Return the padded tensor, packed as the user passed it."""
    assert lengths is not None
    return pack_padded_sequence(value, lengths.cpu(), batch_first=True, enforce_sorted=leaf.sorted)


def read(
    call: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[list[Leaf], Tensor | None]:
    """Return the leaves of the arguments, without roles yet, and the lengths of a packed batch among them."""
    leaves: list[Leaf] = []
    lengths: list[Tensor] = []

    def take(path: str, value: Any) -> Any:
        name = _named(call, path)
        if isinstance(value, PackedSequence):
            padded, sizes = pad_packed_sequence(value, batch_first=True)
            lengths.append(sizes)
            in_order = value.sorted_indices is None
            leaves.append(Leaf(name, padded, "sequence", 0, 1, packed=True, sorted=in_order))
        else:
            leaves.append(Leaf(name, value))
        return value

    replace_leaves((args, kwargs), take)
    return leaves, lengths[0] if lengths else None


def _named(call: Callable[..., object], path: str) -> str:
    """Return the name of an argument, given its path in (args, kwargs): x, state[0]."""
    if path.startswith("[1]"):
        key, _, rest = path[4:].partition("]")
        return key.strip("'\"") + rest
    number, _, rest = path[4:].partition("]")
    try:
        names = [
            name
            for name, parameter in inspect.signature(call).parameters.items()
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
        return names[int(number)] + rest
    except (ValueError, IndexError, TypeError):
        return f"argument {number}{rest}"


def callee(model: object, call: Callable[..., object] | None) -> Callable[..., object]:
    """Return the function whose parameter names appear in messages."""
    if call is not None:
        import functools

        return functools.partial(call, model)
    return model.forward if isinstance(model, nn.Module) else model  # type: ignore[return-value]

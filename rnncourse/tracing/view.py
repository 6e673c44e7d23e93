"""What a trace shows of the calls that it recorded: a call, its layers, a layer in one direction."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from rnncourse.tracing.equations import GATES, Values, names_of
from rnncourse.tracing.recompute import Place, Plan
from rnncourse.tracing.record import Call
from rnncourse.tracing.table import Table, Tabled

EVERY_NAME = {name for mode in GATES for name in (*names_of(mode, projected=True), "c_0")}
KINDS = {"LSTM": "an LSTM", "GRU": "a GRU", "RNN_TANH": "an RNN", "RNN_RELU": "an RNN"}


class NamedValues(Tabled):
    """Tensors by name. Which of them are there depends on the cell, and on what `trace` was asked to keep."""

    x: Tensor
    # the pre-activations: an RNN's, an LSTM's, a GRU's
    a: Tensor
    a_i: Tensor
    a_f: Tensor
    a_g: Tensor
    a_o: Tensor
    a_r: Tensor
    a_z: Tensor
    a_n: Tensor
    # the gates
    i: Tensor
    f: Tensor
    g: Tensor
    o: Tensor
    r: Tensor
    z: Tensor
    n: Tensor
    hh_n: Tensor
    # the states
    q: Tensor
    h: Tensor
    c: Tensor
    h_0: Tensor
    c_0: Tensor


class Gradients(NamedValues):
    """d loss / d value by the value's name, laid out as the value: `d.grad.f`. Of h_0 and c_0 too.

    The loss is the sum of all that ran backward inside the block. x's gradient is what comes back to it
    through this layer and direction.
    """

    def __init__(
        self, values: Values, kept: Sequence[str], reason: str, sentence: Callable[[str], str]
    ) -> None:
        self._names, self._kept, self._reason, self._sentence = tuple(values), kept, reason, sentence
        vars(self).update(values)

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        no_gradient = self._reason and name in self._kept
        raise AttributeError(f"grad.{name}: {self._reason}" if no_gradient else self._sentence(name))

    def _table(self) -> Table:
        if self._reason:
            return Table(f"no gradients: {self._reason}", (), ())
        return Table("gradients", *_statistics({name: getattr(self, name) for name in self._names}))


class Direction(NamedValues):
    """What can be read of one layer in one direction: from a DirectionTrace, or from what holds only one."""

    names: tuple[str, ...]
    mode: str
    is_reverse: bool
    grad: Gradients
    mask: Tensor | None
    lengths: Tensor | None
    difference: float

    @property
    def nbytes(self) -> int:
        """The memory that the values take."""
        raise NotImplementedError


class ModuleTrace(Direction):
    """What can be read of one module. A LayerTrace or a CellTrace: their docstrings say what is there."""

    num_layers: int
    bidirectional: bool
    output: Tensor | PackedSequence
    h_n: Tensor
    c_n: Tensor
    forward: "DirectionTrace"
    reverse: "DirectionTrace"
    layer: Callable[[int], "LayerDirections"]


class DirectionTrace(Direction):
    """One layer in one direction over all time steps, or all calls of a cell.

    Each value is a tensor under its name, (T, B, ·) in forward time order, whatever batch_first is, or (T, ·)
    if the input had no batch. Of packed input, the steps behind a sequence's end are nan, and the batch is in
    the order in which it was packed. x is what this layer and direction read, after dropout. The values:
    LSTM: x a_i a_f a_g a_o i f g o c h, and before h with proj_size q, the h that is projected.
    GRU: x a_r a_z a_n r z n hh_n h.
    RNN: x a h.

    names: the values kept. grad: their gradients by the same names. h_0, c_0: the state before the first step
    (in reverse, the step of the last t), (B, ·). mask: what dropout multiplied onto the output of the layer
    below, 0 or 1/(1-p); None without dropout. lengths: of packed input (B,), else None. mode: "LSTM", "GRU",
    "RNN_TANH" or "RNN_RELU". is_reverse: whether time runs backward. difference: as in LayerTrace. nbytes.
    """

    def __init__(
        self,
        plan: Plan,
        values: Values,
        starts: Sequence[Tensor],
        gradients: Values | None,
        without: str,
        *,
        is_reverse: bool = False,
        mask: Tensor | None = None,
        lengths: Tensor | None = None,
        difference: float = 0.0,
    ) -> None:
        self.names, self.mode, self._plan = tuple(values), plan.mode, plan
        self.is_reverse, self.mask, self.lengths, self.difference = is_reverse, mask, lengths, difference
        vars(self).update(values)
        vars(self).update(zip(("h_0", "c_0"), starts, strict=False))
        kept = (*self.names, *("h_0", "c_0")[: len(starts)])
        self.grad = Gradients(gradients or {}, kept, "" if gradients else without, self._lacks)

    @property
    def nbytes(self) -> int:
        held = [*vars(self).values(), *vars(self.grad).values()]
        return sum(value.nbytes for value in held if isinstance(value, Tensor))

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(self._lacks(name))

    def _lacks(self, name: str) -> str:
        """Why there is nothing under this name, and what may have been meant."""
        kind, plan = KINDS[self.mode], self._plan
        if name in plan.names:
            return f"{name} was not kept: names={list(self.names)} asked for {', '.join(self.names)} alone."
        if name == "q" and self.mode == "LSTM":
            return "q is h before its projection, and this LSTM has none: it was made without proj_size."
        if name in EVERY_NAME:
            gates = GATES[self.mode]
            have = f"its gates are {', '.join(gates)}" if gates else f"its values are {', '.join(plan.names)}"
            return f"{kind} has no {name}: {have}."
        near = get_close_matches(name, [*vars(self), *plan.names], 1)
        meant = f"Did you mean {near[0]}? " if near else ""
        return f"there is no {name} here. {meant}The values of {kind} are {', '.join(plan.names)}."

    def _table(self) -> Table:
        direction = "in reverse" if self.is_reverse else "forward"
        header, rows = _statistics({name: getattr(self, name) for name in self.names})
        if "h_0" in vars(self.grad):
            header = (*header, "largest |gradient|")
            largest = [getattr(self.grad, name).nan_to_num().abs() for name in self.names]
            rows = [
                (*row, f"{g.max().item():.3g}" if g.numel() else "")
                for row, g in zip(rows, largest, strict=True)
            ]
        lengths = "" if self.lengths is None else f", lengths {self.lengths.tolist()}"
        return Table(
            f"{KINDS[self.mode]} {direction}{lengths}".removeprefix("an ").removeprefix("a "), header, rows
        )


class CellTrace(DirectionTrace, ModuleTrace):
    """The calls of an RNNCell, LSTMCell or GRUCell, one time step each, stacked over time."""


class LayerDirections(Direction):
    """One layer of a call: `.forward` and, of a bidirectional one, `.reverse`, a DirectionTrace each.

    With one direction alone, that one's attributes are reached from here.
    """

    def __init__(self, index: int, directions: Sequence[DirectionTrace]) -> None:
        self._index, self._directions = index, directions
        self.forward = directions[0]
        if len(directions) == 2:
            self.reverse = directions[1]

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        if name == "reverse":
            raise AttributeError("there is no .reverse: the module was made with bidirectional=False.")
        if len(self._directions) == 2:
            where = f"layer {self._index} has two directions"
            raise AttributeError(f"{where}: say .forward or .reverse, as in .forward.{name}")
        return getattr(self.forward, name)

    @property
    def nbytes(self) -> int:
        return sum(direction.nbytes for direction in self._directions)

    def _table(self) -> Table:
        return _layers_table(f"layer {self._index}", [(self._index, self._directions)])


class LayerTrace(ModuleTrace):
    """One call of an RNN, LSTM or GRU.

    layer(k): layer k, a LayerDirections. output, h_n, and of an LSTM c_n: copies of what the module gave.
    lengths: of packed input (B,), else None. difference: the largest |recomputed - the module's own| in
    output, h_n and c_n. mode, num_layers, bidirectional. nbytes. Of a module with one layer, that layer's
    attributes are reached from here: `.f`, `.forward`.
    """

    def __init__(self, call: Call) -> None:
        plan = call.plan
        self.mode, self.num_layers, self.bidirectional = plan.mode, plan.num_layers, plan.bidirectional
        assert call.output is not None  # a layer's call has one
        self.output, self.lengths, self.difference = call.output, call.layout.lengths, call.difference
        vars(self).update(zip(("h_n", "c_n"), call.states, strict=False))
        self._nbytes = call.nbytes
        self._layers: dict[int, LayerDirections] = {}
        for layer in sorted({layer for layer, _ in call.values}):
            places = [place for place in call.values if place[0] == layer]
            self._layers[layer] = LayerDirections(layer, [_direction(call, place) for place in places])

    @property
    def nbytes(self) -> int:
        return self._nbytes

    def layer(self, k: int) -> LayerDirections:
        """Layer k, from 0 below to num_layers - 1; -1 is the top one."""
        L = self.num_layers
        if not (isinstance(k, int) and -L <= k < L):
            raise IndexError(f"layer({k!r}): this module has {_count(L, 'layer')}, {_from_to(L)}.")
        if k % L not in self._layers:
            kept = ", ".join(str(layer) for layer in self._layers) or "none"
            raise IndexError(
                f"layer {k % L} was not kept: trace(..., layers=...) asked for {kept} of this module."
            )
        return self._layers[k % L]

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        if name == "c_n":
            raise AttributeError(f"{KINDS[self.mode]} has no c_n: h is its only state.")
        if self.num_layers > 1:
            raise AttributeError(
                f"this module has {self.num_layers} layers: say which, as in .layer(0).{name}"
            )
        return getattr(self.layer(0), name)

    def _table(self) -> Table:
        output = self.output.data if isinstance(self.output, PackedSequence) else self.output
        kind = "packed output, data" if isinstance(self.output, PackedSequence) else "output"
        title = f"one call: {self.mode}, {kind} {tuple(output.shape)}, h_n {tuple(self.h_n.shape)}"
        title += f", difference {self.difference:.1e}"
        return _layers_table(title, [(k, layer._directions) for k, layer in self._layers.items()])


def cell_trace(label: str, calls: Sequence[Call]) -> CellTrace:
    """A cell's calls, one time step each, stacked over time.

    Where the batch gets smaller from call to call, as in a loop over packed steps, the rows that have ended
    are nan. LookupError where it gets larger: whose row is whose can't be known then.
    """
    first, place = calls[0], (0, False)
    sizes = [call.layout.batch_sizes[0] for call in calls]
    unbatched = first.layout.unbatched
    for t, (call, before, after) in enumerate(zip(calls[1:], sizes, sizes[1:], strict=False), start=1):
        if after > before or call.layout.unbatched != unbatched:
            change = f"grew from {before} to {after}" if after > before else "came or went"
            raise LookupError(
                f"the calls of {label} can't be put in one row over time: at call {t} the batch {change}. "
                f"Read each alone: t[{label}, k].f"
            )

    def stacked(kept: Sequence[Values], names: Sequence[str]) -> Values:
        return {name: _stack([values[name] for values in kept], unbatched) for name in names}

    names, gradients = list(first.values[place]), None
    if any(call.gradients for call in calls):  # a call that no gradient reached has the gradient zero
        by_call = [call.gradients[place] if call.gradients else _zeros(call, place) for call in calls]
        gradients = stacked(by_call, names) | {n: by_call[0][n] for n in by_call[0] if n not in names}
    lengths = [sum(size > b for size in sizes) for b in range(sizes[0])]
    return CellTrace(
        first.plan,
        stacked([call.values[place] for call in calls], names),
        first.starts[place],
        gradients,
        calls[-1].without,
        lengths=torch.tensor(lengths) if sizes[-1] < sizes[0] else None,
        difference=max(call.difference for call in calls),
    )


def _zeros(call: Call, place: Place) -> Values:
    """A zero for each value and first state."""
    values = call.values[place] | dict(zip(("h_0", "c_0"), call.starts[place], strict=False))
    return {name: torch.zeros_like(value) for name, value in values.items()}


def _stack(steps: Sequence[Tensor], unbatched: bool) -> Tensor:
    """(1, b_t, ·) each, unbatched (1, ·): (T, B, ·), nan where b_t is smaller than B."""
    if unbatched or steps[0].shape == steps[-1].shape:
        return torch.cat(list(steps))
    values = steps[0].new_full((len(steps), *steps[0].shape[1:]), torch.nan)
    for t, step in enumerate(steps):
        values[t, : step.size(1)] = step[0]
    return values


def _direction(call: Call, place: Place) -> DirectionTrace:
    return DirectionTrace(
        call.plan,
        call.values[place],
        call.starts[place],
        call.gradients[place] if call.gradients else None,
        call.without,
        is_reverse=place[1],
        mask=call.masks.get(place[0]),
        lengths=call.layout.lengths,
        difference=call.difference,
    )


def _statistics(values: Values) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """A table's header and rows: each value's name, shape, and range, nan left out."""
    rows = []
    for name, value in values.items():
        numbers = value[~value.isnan()].double()
        found = (numbers.min(), numbers.mean(), numbers.max()) if numbers.numel() else ()
        rows.append(
            (name, str(tuple(value.shape)), *(f"{v.item():.3g}" for v in found), *[""] * (3 - len(found)))
        )
    return ("value", "shape", "min", "mean", "max"), rows


def _layers_table(title: str, layers: Sequence[tuple[int, Sequence[DirectionTrace]]]) -> Table:
    rows = [
        (
            str(index),
            "reverse" if d.is_reverse else "forward",
            " ".join(d.names),
            str(tuple(getattr(d, d.names[0]).shape)),
            "-" if d.mask is None else f"{(d.mask == 0).sum() / (~d.mask.isnan()).sum():.0%} dropped",
            "yes" if "h_0" in vars(d.grad) else "no",
        )
        for index, directions in layers
        for d in directions
    ]
    shape = f"shape of {layers[0][1][0].names[0]}" if layers else ""
    return Table(title, ("layer", "direction", "values", shape, "dropout below", "gradients"), rows)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _from_to(size: int) -> str:
    return "0" if size == 1 else f"0 to {size - 1}"

"""The traces of a module's calls, of its layers, and of a layer in one direction."""

from collections.abc import Sequence
from difflib import get_close_matches

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from rnncourse.spec import Place
from rnncourse.tracing import joining
from rnncourse.tracing.equations import GATES, INITIAL, WORDS
from rnncourse.tracing.joining import largest
from rnncourse.tracing.recompute import Plan
from rnncourse.tracing.record import Call
from rnncourse.tracing.statistics import largest_gradient, statistics
from rnncourse.tracing.table import Table
from rnncourse.tracing.values import EVERY_NAME, Direction, Gradients, ModuleTrace


class DirectionTrace(Direction):
    """One layer in one direction over all time steps, of one call or of several, one after the other.

    Each value is a tensor under its name, (T, B, ·) in forward time order, whatever batch_first is, or (T, ·)
    if the input has no batch. For packed input, the steps after a sequence's end are nan, and the batch is in
    the order in which it was packed. x is what this layer and direction read, after dropout. The values:

    LSTM: x a_i a_f a_g a_o i f g o c h, and with proj_size q, the h before its projection.
    GRU: x a_r a_z a_n r z n hh_n h.
    RNN: x a h.

    `scalars()` returns its health in numbers.

    Attributes:
        names: the values that were saved; keys(), iteration and d["f"] use them too.
        grad: the gradients of the values by the same names.
        h_0, c_0: the state before the first step (in reverse, the step of the last t), (B, ·).
        h_prev, c_prev: the state that each step read, (T, B, ·).
        resets: True where that is not the state that the call before it returned, (T, B).
        mask: the mask by which dropout multiplied the output of the layer below, 0 or 1/(1-p); None without
            dropout.
        lengths: the lengths of packed input, (B), otherwise None.
        mode: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU".
        is_reverse: whether time runs backward.
        where: module, layer and direction in words.
        max_error: as in LayerTrace.
        nbytes: the memory that the values take.
    """

    def __init__(self, calls: Sequence[Call], place: Place, name: str = "") -> None:
        plan, self.is_reverse = calls[0].plan, place[1]
        self._calls, self._place, self._plan = calls, place, plan
        self.where, self.mode = _where(plan, place, name), plan.mode
        self.names = tuple(calls[0].values[place])
        self.lengths, self.mask = joining.lengths_of(calls), joining.mask_over(calls, place[0])
        self.max_error = largest(call.max_error for call in calls)
        initial = dict(zip(INITIAL, calls[0].initial[place], strict=False))
        vars(self).update(joining.values_over(calls, place) | initial)
        gradients = joining.gradients_over(calls, place)
        reason, saved = "" if gradients else calls[-1].without, (*self.names, *initial)
        self.grad = Gradients(gradients, saved, reason, self._lacks, self.lengths, self.is_reverse)

    def keys(self) -> tuple[str, ...]:
        """Return the names of the values that were saved."""
        return self.names

    @property
    def resets(self) -> Tensor:  # type: ignore[override]
        """Where a step did not read the state that the call before it returned: bool, (T, B) or (T)."""
        return joining.resets(self._calls, self._place)

    @property
    def nbytes(self) -> int:
        """The memory that the values take, in bytes."""
        held = [*vars(self).values(), *vars(self.grad).values()]
        return sum(value.nbytes for value in held if isinstance(value, Tensor))

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in ("h_prev", "c_prev") and name[0] in self._plan.names:  # computed, so they take no memory
            if name[0] in self.names:
                return joining.read_by_each_step(self._calls, self._place, name[0])
            raise AttributeError(f"{name} is read from {name[0]}, and {self._lacks(name[0])}")
        raise AttributeError(self._lacks(name))

    def _lacks(self, name: str) -> str:
        """Say why there is nothing under this name, and what may have been meant."""
        kind, plan = WORDS[self.mode], self._plan
        if name in plan.names:
            return f"{name} was not saved: names={list(self.names)} asked only for {', '.join(self.names)}."
        if name == "q" and self.mode == "LSTM":
            return "q is h before its projection, and this LSTM has none: it was made without proj_size."
        if name in EVERY_NAME and self.mode != "OWN":
            gates = GATES[self.mode]
            have = f"its gates are {', '.join(gates)}" if gates else f"its values are {', '.join(plan.names)}"
            return f"{kind} has no {name}: {have}."
        near = get_close_matches(name, [*vars(self), *plan.names], 1)
        meant = f"Did you mean {near[0]}? " if near else ""
        return f"there is no {name} here. {meant}The values of {kind} are {', '.join(plan.names)}."

    def _table(self) -> Table:
        direction = "in reverse" if self.is_reverse else "forward"
        header, rows = statistics(dict(self), self.lengths, self.is_reverse)
        if "h_0" in vars(self.grad):
            header = (*header, "max |grad|")
            rows = [
                (*row, largest_gradient(self.grad[name], self.lengths))
                for name, row in zip(self.names, rows, strict=True)
            ]
        lengths = "" if self.lengths is None else f", lengths {self.lengths.tolist()}"
        return Table(
            f"{WORDS[self.mode]} {direction}{lengths}".removeprefix("an ").removeprefix("a "), header, rows
        )


class CellTrace(DirectionTrace, ModuleTrace):
    """The calls of an RNNCell, LSTMCell or GRUCell, one time step each, stacked over time."""

    def __init__(self, calls: Sequence[Call], name: str = "") -> None:
        super().__init__(calls, (0, False), name)


class LayerDirections(Direction):
    """One layer of a call: `.forward` and, if it is bidirectional, `.reverse`, each a DirectionTrace.

    If there is only one direction, its attributes are available here.
    """

    def __init__(self, index: int, directions: Sequence[DirectionTrace]) -> None:
        self._index, self._directions = index, directions
        self.forward = directions[0]
        if len(directions) == 2:
            self.reverse = directions[1]

    def keys(self) -> tuple[str, ...]:
        """Return the names of the values, if there is only one direction."""
        return () if len(self._directions) == 2 else self.forward.keys()

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(() if len(self._directions) == 2 else dir(self.forward))})

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
        """The memory that the values take, in bytes."""
        return sum(direction.nbytes for direction in self._directions)

    def _table(self) -> Table:
        return _layers_table(f"layer {self._index}", [(self._index, self._directions)])


class LayerTrace(ModuleTrace):
    """The call of an RNN, LSTM or GRU, or its calls in a loop, one after the other in time.

    `layer(k)` returns layer k, a LayerDirections. If the module has one layer, its attributes are available
    here: `.f`, `.forward`.

    Attributes:
        output: a copy of what the module returned; for several calls, the output of all steps.
        h_n, c_n: copies of the final states; for several calls, those of the last.
        lengths: the lengths of packed input, (B), otherwise None.
        max_error: the largest |recomputed - the module's own| in output, h_n and c_n; nan where they have
            nan.
        mode: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU".
        num_layers: the number of layers.
        bidirectional: whether it also runs backward in time.
        nbytes: the memory that the values take.
    """

    def __init__(self, calls: Sequence[Call], name: str = "") -> None:
        first, plan = calls[0], calls[0].plan
        self._calls = calls
        self.mode, self.num_layers, self.bidirectional = plan.mode, plan.num_layers, plan.bidirectional
        self.output, self.lengths = joining.output_over(calls), first.layout.lengths
        self.max_error = largest(call.max_error for call in calls)
        vars(self).update(zip(("h_n", "c_n"), calls[-1].final, strict=False))
        self._nbytes = sum(call.nbytes for call in calls)
        self._layers: dict[int, LayerDirections] = {}
        for layer in sorted({layer for layer, _ in first.values}):
            places = [place for place in first.values if place[0] == layer]
            self._layers[layer] = LayerDirections(
                layer, [DirectionTrace(calls, place, name) for place in places]
            )

    def keys(self) -> tuple[str, ...]:
        """Return the names of the values, if there is only one layer and direction."""
        return self._layers[0].keys() if self.num_layers == 1 and self._layers else ()

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(dir(self._layers[0]) if self.keys() else ())})

    @property
    def nbytes(self) -> int:
        """The memory that the values take, in bytes."""
        return self._nbytes

    def layer(self, k: int) -> LayerDirections:
        """Return layer k, from 0 at the bottom to num_layers - 1; -1 is the top one."""
        L = self.num_layers
        if not (isinstance(k, int) and -L <= k < L):
            have = "1 layer, 0" if L == 1 else f"{L} layers, 0 to {L - 1}"
            raise IndexError(f"layer({k!r}): this module has {have}.")
        if k % L not in self._layers:
            asked = ", ".join(str(layer) for layer in self._layers) or "none"
            raise IndexError(
                f"layer {k % L} was not saved: trace(..., layers=...) asked for {asked} of this module."
            )
        return self._layers[k % L]

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        if name == "c_n":
            raise AttributeError(f"{WORDS[self.mode]} has no c_n: h is its only state.")
        if self.num_layers > 1:
            raise AttributeError(
                f"this module has {self.num_layers} layers: say which, as in .layer(0).{name}"
            )
        return getattr(self.layer(0), name)

    def _table(self) -> Table:
        output = self.output.data if isinstance(self.output, PackedSequence) else self.output
        kind = "packed output, data" if isinstance(self.output, PackedSequence) else "output"
        many = "one call" if len(self._calls) == 1 else f"{len(self._calls)} calls, one after the other"
        title = f"{many}: {self.mode}, {kind} {tuple(output.shape)}, h_n {tuple(self.h_n.shape)}"
        title += f", max_error {self.max_error:.1e}"
        return _layers_table(title, [(k, layer._directions) for k, layer in self._layers.items()])


def joined_trace(name: str, calls: Sequence[Call]) -> ModuleTrace:
    """Join calls that follow each other in time to one trace; LookupError if that is impossible."""
    joining.check_rows(name, calls)
    return CellTrace(calls, name) if calls[0].plan.is_cell else LayerTrace(calls, name)


def directions_of(trace: Direction) -> list[DirectionTrace]:
    """Return all layers and directions in the trace of one module, or of a part of it."""
    if isinstance(trace, DirectionTrace):
        return [trace]
    if isinstance(trace, LayerDirections):
        return list(trace._directions)
    assert isinstance(trace, LayerTrace)
    return [direction for layer in trace._layers.values() for direction in layer._directions]


def _where(plan: Plan, place: Place, name: str) -> str:
    """Return the module's name or kind and, if there are several, the layer and the direction."""
    layer, reverse = place
    kind = WORDS[plan.mode].partition(" ")[2] + " cell" * (plan.is_cell and plan.mode != "OWN")
    words = [name or kind]
    words += [f"layer {layer}"] * (plan.num_layers > 1)
    words += ["reverse" if reverse else "forward"] * plan.bidirectional
    return ", ".join(words)


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

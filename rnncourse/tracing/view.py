"""What a trace shows of the calls that it recorded: a call, its layers, a layer in one direction."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from rnncourse.tracing.equations import GATES, Values, names_of
from rnncourse.tracing.health import scalars, unusual
from rnncourse.tracing.recompute import Place, Plan
from rnncourse.tracing.record import Call
from rnncourse.tracing.table import Table, Tabled

EVERY_NAME = {name for mode in GATES for name in (*names_of(mode, projected=True), "c_0", "h_prev", "c_prev")}
KINDS = {
    "LSTM": "an LSTM",
    "GRU": "a GRU",
    "RNN_TANH": "an RNN",
    "RNN_RELU": "an RNN",
    "OWN": "a cell of your own",
}


class NamedValues(Tabled):
    """Tensors by name. Which of them are there depends on the cell, and on what `trace` was asked to keep.

    Also a mapping of them: `d["f"]`, `list(d)`, `dict(d)`.
    """

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
    h_prev: Tensor
    c_prev: Tensor

    def keys(self) -> tuple[str, ...]:
        """Return the names of the values."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, name: str) -> Tensor:
        try:
            value = getattr(self, name)
        except AttributeError as error:  # its sentence says what was meant
            raise KeyError(str(error)) from None
        if not isinstance(value, Tensor):
            raise KeyError(f"{name!r} is not a value: read it as .{name}")
        return value

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.keys())


class Gradients(NamedValues):
    """d loss / d value by the value's name, laid out as the value: `d.grad.f`. Of h_0 and c_0 too.

    The loss is the sum of all that ran backward inside the block. x's gradient is what comes back to it
    through this layer and direction.
    """

    def __init__(
        self,
        values: Values,
        kept: Sequence[str],
        reason: str,
        sentence: Callable[[str], str],
        lengths: Tensor | None = None,
        reverse: bool = False,
    ) -> None:
        self._names, self._kept, self._reason, self._sentence = tuple(values), kept, reason, sentence
        self._lengths, self._reverse = lengths, reverse
        vars(self).update(values)

    def keys(self) -> tuple[str, ...]:
        return self._names

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        no_gradient = self._reason and name in self._kept
        raise AttributeError(f"grad.{name}: {self._reason}" if no_gradient else self._sentence(name))

    def _table(self) -> Table:
        if self._reason:
            return Table(f"no gradients: {self._reason}", (), ())
        return Table("gradients", *_statistics(dict(self), self._lengths, self._reverse))


class Direction(NamedValues):
    """What can be read of one layer in one direction: from a DirectionTrace, or from what holds only one."""

    names: tuple[str, ...]
    mode: str
    is_reverse: bool
    grad: Gradients
    mask: Tensor | None
    lengths: Tensor | None
    resets: Tensor
    max_error: float
    where: str

    def gradient_norm(self, name: str = "h") -> Tensor:
        """Return |d loss / d value_t|, the norm over batch and units at each step, (T)."""
        gradient = self.grad[name].flatten(1)
        norms: Tensor = (gradient if self.lengths is None else gradient.nan_to_num()).norm(dim=1)
        return norms

    def scalars(self) -> dict[str, float]:
        """Return this direction's health in numbers, as a dict for TensorBoard, a data frame or a log file.

        For each gate from 0 to 1 the shares "f below 0.05" and "f above 0.95", of all its numbers; "dead
        units", the share of units whose h is the same at every step of every row; of a traced backward pass
        "gradient of h, first step" and "gradient of h, last step", norms over batch and units; "not finite",
        how many of all numbers are nan or inf. What the trace did not keep is left out.
        """
        return scalars(self)

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
    """One layer in one direction over all time steps, of one call or of several, one after the other.

    Each value is a tensor under its name, (T, B, ·) in forward time order, whatever batch_first is, or (T, ·)
    if the input had no batch. Of packed input, the steps behind a sequence's end are nan, and the batch is in
    the order in which it was packed. x is what this layer and direction read, after dropout. The values:
    LSTM: x a_i a_f a_g a_o i f g o c h, and before h with proj_size q, the h that is projected.
    GRU: x a_r a_z a_n r z n hh_n h.
    RNN: x a h.

    names: the values kept; keys(), iteration and d["f"] have them too. grad: their gradients by the same
    names. h_0, c_0: the state before the first step (in reverse, the step of the last t), (B, ·). h_prev,
    c_prev: the state that each step read, (T, B, ·). resets (T, B): True where that is not the state which
    the call before it returned, since the loop changed it. mask: what dropout multiplied onto the output of
    the layer below, 0 or 1/(1-p); None without dropout. lengths: of packed input (B,), else None. mode:
    "LSTM", "GRU", "RNN_TANH" or "RNN_RELU". is_reverse: whether time runs backward. where: module, layer and
    direction in words. max_error: as in LayerTrace. nbytes. scalars(): its health in numbers.
    """

    def __init__(self, calls: Sequence[Call], place: Place, name: str = "") -> None:
        first = calls[0]
        self.where = _where(first.plan, place, name)
        self._calls, self._place, self._plan = calls, place, first.plan
        self.mode, self.is_reverse = first.plan.mode, place[1]
        self.names = tuple(first.values[place])
        self.lengths = _lengths(calls)
        self.max_error = largest(call.max_error for call in calls)
        self.mask = None
        if all(place[0] in call.masks for call in calls):
            self.mask = _joined([call.masks[place[0]] for call in calls], first.layout.unbatched)
        vars(self).update(self._over_calls([call.values[place] for call in calls], self.names))
        vars(self).update(zip(STARTS, first.starts[place], strict=False))
        gradients: Values = {}
        if any(call.gradients for call in calls):  # a call that no gradient reached has the gradient zero
            by_call = [call.gradients[place] if call.gradients else _zeros(call, place) for call in calls]
            gradients = self._over_calls(by_call, self.names)
            gradients |= {name: by_call[0][name] for name in STARTS if name in by_call[0]}
        kept = (*self.names, *STARTS[: len(first.starts[place])])
        without = "" if gradients else calls[-1].without
        self.grad = Gradients(gradients, kept, without, self._lacks, self.lengths, self.is_reverse)

    def _over_calls(self, by_call: Sequence[Values], names: Sequence[str]) -> Values:
        unbatched = self._calls[0].layout.unbatched
        return {name: _joined([values[name] for values in by_call], unbatched) for name in names}

    def keys(self) -> tuple[str, ...]:
        return self.names

    def _read_by_each_step(self, state: str) -> Tensor:
        """h_prev or c_prev: made when it is asked for, so that it costs no memory."""
        if state not in self.names:
            if state not in self._plan.names:
                raise AttributeError(self._lacks(f"{state}_prev"))
            raise AttributeError(f"{state}_prev is read from {state}, and {self._lacks(state)}")
        parts = []
        for call in self._calls:
            after, start = call.values[self._place][state], call.starts[self._place]["hc".index(state)]
            if self.is_reverse:
                before = torch.cat([after[1:], start.unsqueeze(0)])
            else:
                before = torch.cat([start.unsqueeze(0), after[:-1]])
            for b, length in enumerate([] if call.layout.lengths is None else call.layout.lengths.tolist()):
                before[length:, b] = torch.nan  # a step that the row does not have
                if self.is_reverse:
                    before[length - 1, b] = start[b]
            parts.append(before)
        return _joined(parts, self._calls[0].layout.unbatched)

    @property
    def resets(self) -> Tensor:  # type: ignore[override]
        """Where a step did not read the state that the call before it returned: bool, (T, B) or (T)."""
        unbatched, parts = self._calls[0].layout.unbatched, []
        row = self._plan.places.index(self._place)
        B = self._calls[0].layout.batch_sizes[0]
        for k, call in enumerate(self._calls):
            T, b_k = len(call.layout.batch_sizes), call.layout.batch_sizes[0]
            part = torch.zeros(T, B, dtype=torch.bool)
            if k > 0:
                for own, start in zip(self._calls[k - 1].states, call.starts[self._place], strict=True):
                    end = own if self._plan.is_cell else own[row]
                    end, start = (v.unsqueeze(0) if unbatched else v for v in (end, start))
                    same = (end[:b_k] == start) | (end[:b_k].isnan() & start.isnan())
                    part[-1 if self.is_reverse else 0, :b_k] |= ~same.all(-1).cpu()
            parts.append(part)
        resets = torch.cat(parts)
        return resets.squeeze(1) if unbatched else resets

    @property
    def nbytes(self) -> int:
        held = [*vars(self).values(), *vars(self.grad).values()]
        return sum(value.nbytes for value in held if isinstance(value, Tensor))

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in ("h_prev", "c_prev"):
            return self._read_by_each_step(name[0])
        raise AttributeError(self._lacks(name))

    def _lacks(self, name: str) -> str:
        """Why there is nothing under this name, and what may have been meant."""
        kind, plan = KINDS[self.mode], self._plan
        if name in plan.names:
            return f"{name} was not kept: names={list(self.names)} asked for {', '.join(self.names)} alone."
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
        header, rows = _statistics(dict(self), self.lengths, self.is_reverse)
        if "h_0" in vars(self.grad):
            header = (*header, "max |grad|")
            rows = [
                (*row, _largest_gradient(self.grad[name], self.lengths))
                for name, row in zip(self.names, rows, strict=True)
            ]
        lengths = "" if self.lengths is None else f", lengths {self.lengths.tolist()}"
        return Table(
            f"{KINDS[self.mode]} {direction}{lengths}".removeprefix("an ").removeprefix("a "), header, rows
        )


class CellTrace(DirectionTrace, ModuleTrace):
    """The calls of an RNNCell, LSTMCell or GRUCell, one time step each, stacked over time."""

    def __init__(self, calls: Sequence[Call], name: str = "") -> None:
        super().__init__(calls, (0, False), name)


class LayerDirections(Direction):
    """One layer of a call: `.forward` and, of a bidirectional one, `.reverse`, a DirectionTrace each.

    With one direction alone, that one's attributes are reached from here.
    """

    def __init__(self, index: int, directions: Sequence[DirectionTrace]) -> None:
        self._index, self._directions = index, directions
        self.forward = directions[0]
        if len(directions) == 2:
            self.reverse = directions[1]

    def keys(self) -> tuple[str, ...]:
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
        return sum(direction.nbytes for direction in self._directions)

    def _table(self) -> Table:
        return _layers_table(f"layer {self._index}", [(self._index, self._directions)])


class LayerTrace(ModuleTrace):
    """The call of an RNN, LSTM or GRU, or its calls in a loop, one after the other in time.

    layer(k): layer k, a LayerDirections. output, h_n, and of an LSTM c_n: copies of what the module gave; of
    several calls output is that of all steps, h_n and c_n are the last call's. lengths: of packed input (B,),
    else None. max_error: the largest |recomputed - the module's own| in output, h_n and c_n, nan where they
    have nan. mode, num_layers, bidirectional. nbytes. Of a module with one layer, that layer's attributes are
    reached from here: `.f`, `.forward`.
    """

    def __init__(self, calls: Sequence[Call], name: str = "") -> None:
        first, plan = calls[0], calls[0].plan
        self._calls = calls
        self.mode, self.num_layers, self.bidirectional = plan.mode, plan.num_layers, plan.bidirectional
        self.output, self.lengths = _output(calls), first.layout.lengths
        self.max_error = largest(call.max_error for call in calls)
        vars(self).update(zip(("h_n", "c_n"), calls[-1].states, strict=False))
        self._nbytes = sum(call.nbytes for call in calls)
        self._layers: dict[int, LayerDirections] = {}
        for layer in sorted({layer for layer, _ in first.values}):
            places = [place for place in first.values if place[0] == layer]
            self._layers[layer] = LayerDirections(
                layer, [DirectionTrace(calls, place, name) for place in places]
            )

    def keys(self) -> tuple[str, ...]:
        return self._layers[0].keys() if self.num_layers == 1 and self._layers else ()

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(dir(self._layers[0]) if self.keys() else ())})

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
        many = "one call" if len(self._calls) == 1 else f"{len(self._calls)} calls, one after the other"
        title = f"{many}: {self.mode}, {kind} {tuple(output.shape)}, h_n {tuple(self.h_n.shape)}"
        title += f", max_error {self.max_error:.1e}"
        return _layers_table(title, [(k, layer._directions) for k, layer in self._layers.items()])


def joined_trace(name: str, calls: Sequence[Call]) -> ModuleTrace:
    """One call or several, one after the other in time, as one trace.

    Where the batch gets smaller from call to call, as in a loop over packed steps, the rows that have ended
    are nan. Raise LookupError where it gets larger: whose row is whose can't be known then.
    """
    label, unbatched = repr(name), calls[0].layout.unbatched
    sizes = [call.layout.batch_sizes[0] for call in calls]
    for k, (call, before, after) in enumerate(zip(calls[1:], sizes, sizes[1:], strict=False), start=1):
        if after > before or call.layout.unbatched != unbatched:
            change = f"grew from {before} to {after}" if after > before else "came or went"
            raise LookupError(
                f"the calls of {label} can't be put in one row over time: at call {k} the batch {change}. "
                f"Read each alone: t[{label}, k].f"
            )
    return CellTrace(calls, name) if calls[0].plan.is_cell else LayerTrace(calls, name)


def follow_each_other(calls: Sequence[Call]) -> bool:
    """Whether the calls are a loop over time, of a cell, or of a layer step by step or in chunks."""
    if len(calls) == 1 or calls[0].plan.is_cell:
        return True
    if any(call.layout.packed or call.layout.batch_first != calls[0].layout.batch_first for call in calls):
        return False
    return all(len(call.layout.batch_sizes) == 1 for call in calls) or all(c.given for c in calls[1:])


class Health(Tabled):
    """A line for each layer and direction: `print(t.health)`. Its numbers: `t.scalars()`."""

    def __init__(self, directions: Sequence[DirectionTrace]) -> None:
        self._directions = directions

    def _table(self) -> Table:
        header = ("where", "< 0.05", "> 0.95", "dead", "|dh| first, last", "not finite")
        rows = []
        for d in self._directions:
            found = d.scalars()
            gates = [
                [
                    f"{name.split()[0]} {share:.0%}"
                    for name, share in found.items()
                    if f" {side} " in name and share >= 0.005
                ]
                for side in ("below", "above")
            ]
            norms = [found.get(f"gradient of h, {step} step") for step in ("first", "last")]
            rows.append(
                (
                    d.where,
                    *(" ".join(shares) or "-" for shares in gates),
                    f"{found['dead units']:.0%}" if "dead units" in found else "",
                    ", ".join(f"{norm:.2g}" for norm in norms if norm is not None),
                    f"{found['not finite']:.0f}",
                )
            )
        return Table(
            "health: gates whose numbers are < 0.05 or > 0.95, units that never change, gradients",
            header,
            rows,
        )


def directions_of(trace: Direction) -> list[DirectionTrace]:
    """All the layers and directions that a trace of one module, or of a part of it, holds."""
    if isinstance(trace, DirectionTrace):
        return [trace]
    if isinstance(trace, LayerDirections):
        return list(trace._directions)
    assert isinstance(trace, LayerTrace)
    return [direction for layer in trace._layers.values() for direction in layer._directions]


def _where(plan: Plan, place: Place, name: str) -> str:
    """The module, or its kind if it is the model itself; of several the layer and the direction."""
    layer, reverse = place
    words = [name or KINDS[plan.mode].partition(" ")[2] + " cell" * plan.is_cell]
    words += [f"layer {layer}"] * (plan.num_layers > 1)
    words += ["reverse" if reverse else "forward"] * plan.bidirectional
    return ", ".join(words)


STARTS = ("h_0", "c_0")


def _lengths(calls: Sequence[Call]) -> Tensor | None:
    """Of packed input, or calls on fewer and fewer rows, the number of steps of each row, (B)."""
    if len(calls) == 1:
        return calls[0].layout.lengths
    sizes = [(call.layout.batch_sizes[0], len(call.layout.batch_sizes)) for call in calls]
    if sizes[-1][0] == sizes[0][0]:
        return None
    return torch.tensor([sum(T for size, T in sizes if size > b) for b in range(sizes[0][0])])


def _output(calls: Sequence[Call]) -> Tensor | PackedSequence:
    outputs = [call.output for call in calls if call.output is not None]
    if isinstance(outputs[0], PackedSequence) or len(outputs) == 1:
        return outputs[0]
    layout, tensors = calls[0].layout, [output for output in outputs if isinstance(output, Tensor)]
    if layout.batch_first and not layout.unbatched:
        return _joined([tensor.transpose(0, 1) for tensor in tensors], False).transpose(0, 1)
    return _joined(tensors, layout.unbatched)


def _zeros(call: Call, place: Place) -> Values:
    """A zero for each value and first state."""
    values = call.values[place] | dict(zip(STARTS, call.starts[place], strict=False))
    return {name: torch.zeros_like(value) for name, value in values.items()}


def _joined(parts: Sequence[Tensor], unbatched: bool) -> Tensor:
    """(T_k, b_k, ·) of each call, unbatched (T_k, ·): (T, B, ·), nan where b_k is smaller than B."""
    if len(parts) == 1:
        return parts[0]
    if unbatched or parts[0].shape[1] == parts[-1].shape[1]:
        return torch.cat(list(parts))
    values = parts[0].new_full((sum(map(len, parts)), *parts[0].shape[1:]), torch.nan)
    t = 0
    for part in parts:
        values[t : t + len(part), : part.size(1)] = part
        t += len(part)
    return values


def largest(errors: Iterable[float]) -> float:
    """The largest, or nan if one of them is: max would lose it."""
    found = list(errors)
    return next((error for error in found if error != error), max(found))


def _largest_gradient(gradient: Tensor, lengths: Tensor | None) -> str:
    """The largest |gradient|; with one that is not finite, how many are."""
    if words := unusual(gradient, lengths).words:
        return words
    numbers = gradient[gradient.isfinite()].abs()
    return f"{numbers.max().item():.3g}" if numbers.numel() else ""


def _statistics(
    values: Values, lengths: Tensor | None = None, reverse: bool = False
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """A table's header and rows: each value's name, shape and range; if any is not finite, how many are."""
    rows, strange = [], []
    for name, value in values.items():
        numbers = value[value.isfinite()].cpu().double()  # on the CPU: some devices have no float64
        found = (numbers.min(), numbers.mean(), numbers.max()) if numbers.numel() else ()
        rows.append(
            (name, str(tuple(value.shape)), *(f"{v.item():.3g}" for v in found), *[""] * (3 - len(found)))
        )
        timed = name not in STARTS
        strange.append(
            unusual(value if timed else value.unsqueeze(0), lengths if timed else None, reverse).words
        )
    header = ("value", "shape", "min", "mean", "max")
    if not any(strange):
        return header, rows
    return (*header, "not finite"), [(*row, words) for row, words in zip(rows, strange, strict=True)]


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

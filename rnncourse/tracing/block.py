"""`with trace(model) as t:`, the block in which calls are recorded, and `t`, from which they are read."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from typing import Any

from torch import jit, nn

from rnncourse.spec import Recurrent
from rnncourse.tracing.equations import NONE, WORDS, Edits, Values
from rnncourse.tracing.health import Health
from rnncourse.tracing.joining import follow_each_other, largest
from rnncourse.tracing.recompute import Plan
from rnncourse.tracing.record import Recorder, Watched
from rnncourse.tracing.table import Table, in_units, in_words
from rnncourse.tracing.values import ModuleTrace
from rnncourse.tracing.view import DirectionTrace, directions_of, joined_trace


def trace(
    module: nn.Module,
    layers: Iterable[int] | None = None,
    names: Iterable[str] | None = None,
    set: Edits = NONE,
    steps: Mapping[str, Callable[..., Values]] | None = None,
) -> "Trace":
    """Record every gate and state of the recurrent modules in a model, torch.nn's or ours.

        with trace(model) as t:
            loss_function(model(x), y).backward()
        t["encoder"].layer(0).forward.f       # (T, B, H): the forget gate
        t["encoder"].layer(0).forward.grad.f  # d loss / d f, the same shape

    The model is not changed: neither its outputs, its gradients and its parameters, nor the random numbers
    that are drawn after it. Each call is computed again by the cell's equations, and `max_error` is the
    largest difference from what the module returned; a warning reports it if it is more than rounding.
    Outside the block, tracing costs nothing.

    A cell of your own is traced with a function that computes one step and returns its values as a dict, h
    (and c) among them:

        def step(cell, x, h):
            z = torch.sigmoid(cell.gate(torch.cat((x, h), -1)))
            return {"z": z, "h": (1 - z) * h + z * torch.tanh(cell.new(x))}

    Args:
        module: any nn.Module that is or contains an RNN, LSTM, GRU or one of their cells.
        layers: the indices of the layers to save; all if None.
        names: the names of the values to save ("f", "c" …); all if None.
        set: values to replace, such as {"encoder.f": 1.0}. The key is the module's name, a dot and the
            value's name (only "f" for the traced module itself); the new value is a number, a tensor that
            expands to (B, H), or a function of the value. Whatever reads the value reads the new one, in each
            layer, direction and step, and so do the model's outputs.
        steps: the step functions of your own cells by their names in the model: {"cell": step}. They are
            called step(cell, x, h), or step(cell, x, h, c) if there are two states.

    Returns:
        A Trace. LayerTrace and DirectionTrace list its names and shapes.

    Raises:
        TypeError: `module` is not a module, or tracing cannot look inside it (torch.jit, torch.compile,
            quantized).
        ValueError: there is no recurrent module, or none of them has such a layer or value.

    Example:
        >>> lstm = torch.nn.LSTM(3, 4)
        >>> with rnncourse.trace(lstm) as t:
        ...     output, _ = lstm(torch.randn(5, 2, 3))
        >>> tuple(t.layer(0).forward.f.shape), t.max_error < 1e-5
        ((5, 2, 4), True)
    """
    return Trace(module, layers, names, set, steps)


class Trace(ModuleTrace):
    """The calls recorded in a block, to be read after it.

    t["encoder"] is the call of the module with that name, a LayerTrace; "" is the traced module itself. For a
    cell it is a CellTrace of all its calls, one time step each. t["encoder", k] is call k of several. If only
    one module was called, and once, t has the attributes of that call: `t.f`, `t.layer(0)`.

    Attributes:
        modules: the names of the recurrent modules.
        nbytes: the memory that the values take.
    """

    def __init__(
        self,
        module: nn.Module,
        layers: Iterable[int] | None = None,
        names: Iterable[str] | None = None,
        set: Edits = NONE,
        steps: Mapping[str, Callable[..., Values]] | None = None,
    ) -> None:
        own = _own_cells(module, steps or {})
        found, self._sealed = _find(module, own)
        self._of = type(module).__name__
        self._state = "new"
        plans = {
            name: Plan("OWN", is_cell=True, step=partial((steps or {})[name], inner))
            if name in own
            else Plan.of(inner)
            for name, inner in found.items()
        }
        for name, edits in _edits_by_module(set, plans).items():
            plans[name] = replace(plans[name], edits=edits)
        wanted_layers = _wanted_layers(layers, plans)
        wanted_names = _wanted_names(names, plans)
        self._watched: dict[str, Watched] = {}
        by_module: dict[nn.Module, Watched] = {}
        for name, inner in found.items():
            plan = plans[name]
            saved = [
                k
                for k in range(plan.num_layers)
                if wanted_layers is None or k in wanted_layers or k - plan.num_layers in wanted_layers
            ]
            values = [value for value in plan.names if wanted_names is None or value in wanted_names]
            if name in own:  # its first call shows which of them it has
                values = sorted(wanted_names or ())
            if inner not in by_module:
                by_module[inner] = Watched(inner, name, plan, saved if values or name in own else (), values)
            self._watched[name] = by_module[inner]
        self._recorder = Recorder(list(by_module.values()))
        self._views: dict[tuple[str, int | None], ModuleTrace] = {}

    def __enter__(self) -> "Trace":
        if self._state != "new":
            raise RuntimeError("a trace records one block: for another, write trace(model) again.")
        self._state = "recording"
        self._recorder.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: object) -> None:
        self._state = "read"
        self._recorder.stop(
            failed=kind is not None, interrupted=kind is not None and not issubclass(kind, Exception)
        )

    def keys(self) -> tuple[str, ...]:
        """Return the names of the recurrent modules, for `t[name]`."""
        return tuple(self._watched)

    def __dir__(self) -> list[str]:
        only = self._only() if self._state == "read" else None
        return sorted({*super().__dir__(), *(dir(self[only.name]) if only else ())})

    def directions(self) -> list[DirectionTrace]:
        """Return each layer and direction of all modules that were called, with several calls joined."""
        self._check_read()
        called = [
            watched
            for watched in self._recorder.watched
            if watched.calls and watched.layers and watched.names
        ]
        return [d for watched in called for d in directions_of(self[watched.name])]

    def scalars(self) -> dict[str, float]:
        """Return the scalars of all directions: "encoder, layer 0, reverse/f above 0.95" and so on."""
        return {f"{d.where}/{name}": value for d in self.directions() for name, value in d.scalars().items()}

    @property
    def health(self) -> Health:
        """A table of open and closed gates, dead units and gradients."""
        return Health(self.directions())

    @property
    def modules(self) -> list[str]:
        """The names of the recurrent modules; a module with two names in the model has both here."""
        return list(self._watched)

    @property
    def nbytes(self) -> int:
        """The memory that the values take, in bytes."""
        return sum(call.nbytes for watched in self._recorder.watched for call in watched.calls)

    def __getitem__(self, key: str | tuple[str, int]) -> ModuleTrace:  # type: ignore[override]
        self._check_read()
        name, k = key if isinstance(key, tuple) and len(key) == 2 else (key, None)
        if name not in self._watched:
            raise LookupError(self._no_module(name))
        watched = self._watched[name]
        calls, shown = watched.calls, f"t[{name!r}]"
        if not calls:
            not_called = (
                f"{watched.label} was not called inside the block. Call model(x), not model.forward(x)."
            )
            raise LookupError(f"{shown}: {watched.untraced[0] if watched.untraced else not_called}")
        if k is not None and not (isinstance(k, int) and -len(calls) <= k < len(calls)):
            raise LookupError(
                f"t[{name!r}, {k!r}]: {watched.label} was called {_times(len(calls))}, count from 0."
            )
        if k is None and not follow_each_other(calls):
            raise LookupError(
                f"{shown}: {watched.label} was called {_times(len(calls))}. Say which, t[{name!r}, k], "
                f"with k from 0 to {len(calls) - 1}."
            )
        if watched.plan.is_cell and not (watched.layers and watched.names):
            raise LookupError(f"{shown}: layers= and names= asked for nothing that {watched.label} has.")
        view = (watched.name, k if k is None else k % len(calls))
        if view not in self._views:
            chosen = calls if k is None else [calls[k]]
            self._views[view] = joined_trace(watched.name, chosen)
        return self._views[view]

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        self._check_read()
        called = [watched for watched in self._recorder.watched if watched.calls]
        if only := self._only():
            return getattr(self[only.name], name)
        if not called:
            return self[self.modules[0]]  # raises, and says why there is nothing
        say = f"t[{called[-1].name!r}{', 0' if len(called[-1].calls) > 1 else ''}].{name}"
        raise AttributeError(f"t.{name}: more than one call was recorded. Say which, as in {say}")

    def _only(self) -> Watched | None:
        """Return the only module that was called, if its calls form one loop: its attributes are t's too."""
        called = [watched for watched in self._recorder.watched if watched.calls]
        return called[0] if len(called) == 1 and follow_each_other(called[0].calls) else None

    def _check_read(self) -> None:
        if self._state == "new":
            raise RuntimeError(
                "nothing is recorded yet: write `with trace(model) as t:` and call the model in it."
            )
        if self._state == "recording":
            raise RuntimeError("the block has not ended: read the trace after it.")

    def _no_module(self, name: object) -> str:
        if name in self._sealed:
            return self._sealed[name]
        near = get_close_matches(str(name), self.modules, 1)
        meant = f"Did you mean {near[0]!r}? " if near else ""
        return f"there is no recurrent module {name!r}. {meant}There {_are(self.modules)}."

    def _table(self) -> Table:
        count = len(self._recorder.watched)
        title = f"trace of {self._of}: {count} recurrent module{'s' * (count > 1)}"
        if self._state != "read":
            return Table(f"{title}, {'not yet run' if self._state == 'new' else 'being recorded'}", (), ())
        rows = []
        for name, watched in self._watched.items():
            calls, plan = watched.calls, watched.plan
            inputs = {
                (len(c.layout.batch_sizes), None if c.layout.unbatched else c.layout.batch_sizes[0])
                for c in calls
            }
            T, B = next(iter(inputs)) if len(inputs) == 1 else ("varies", "varies")
            T = len(calls) if plan.is_cell else T
            rows.append(
                (
                    repr(name) + ("" if name == watched.name else f" = {watched.name!r}"),
                    f"{type(watched.module).__name__}({watched.module.extra_repr()})",
                    str(len(calls)),
                    *(("" if not calls else "none" if size is None else str(size)) for size in (T, B)),
                    " ".join(watched.names if watched.layers else ()) or "none",
                    "yes" if any(call.gradients for call in calls) else "no",
                    f"{largest(call.max_error for call in calls):.1e}" if calls else "",
                )
            )
        header = ("name", "module", "calls", "T", "B", "saved", "grad", "max_error")
        return Table(f"{title}, {in_units(self.nbytes)}", header, rows)


def _own_cells(module: nn.Module, steps: Mapping[str, object]) -> dict[str, Any]:
    """Return the cells for which the user passed a step, by name."""
    inside = dict(module.named_modules(remove_duplicate=False)) if isinstance(module, nn.Module) else {}
    for name, step in steps.items():
        if name not in inside:
            near = get_close_matches(name, inside, 1)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"steps: there is no module {name!r}.{meant}")
        if not callable(step):
            raise TypeError(f"steps: expected a function for {name!r}, got {type(step).__name__}.")
    return {name: inside[name] for name in steps}


def _find(module: nn.Module, own: dict[str, Any]) -> tuple[dict[str, Recurrent], dict[str, str]]:
    """Return the recurrent modules by name, and the reasons why others cannot be traced, by name."""
    if isinstance(module, type):
        raise TypeError(f"module: expected a module, got the class {module.__name__}: build one first.")
    if not isinstance(module, nn.Module):
        raise TypeError(f"module: expected an nn.Module, got {type(module).__name__}. Write trace(model).")
    found: dict[str, Recurrent] = {}
    sealed: dict[str, str] = {}
    inside: list[str] = []
    for name, inner in module.named_modules(remove_duplicate=False):
        if any(name.startswith(f"{outer}.") or outer == "" for outer in sealed):
            continue
        why = _why_sealed(inner)
        if why:
            sealed[name] = f"trace: {repr(name) if name else 'the model'} {why}"
        elif name in own or isinstance(inner, Recurrent):
            found[name] = inner
        elif not any(inner.children()):
            inside.append(type(inner).__name__)
    if not found and sealed:
        raise TypeError(next(iter(sealed.values())))
    if not found:
        held = f"it holds {in_words(sorted(set(inside)))}" if module._modules else "it has no modules inside"
        raise ValueError(
            f"trace: there is no RNN, LSTM, GRU or cell of theirs in this {type(module).__name__}: {held}."
        )
    return found, sealed


def _why_sealed(module: nn.Module) -> str:
    kind = type(module)
    if isinstance(module, jit.ScriptModule):
        return "is a ScriptModule, which runs where no hook sees it: trace the module that it was made from."
    if kind.__name__ == "OptimizedModule" or module._compiled_call_impl is not None:
        return "is compiled by torch.compile, which fuses its steps: trace the module as it was before."
    recurrent = any(name in kind.__name__ for name in ("LSTM", "GRU", "RNN"))
    if recurrent and kind.__module__.startswith(("torch.ao.nn.quantized", "torch.nn.quantized")):
        return "is quantized: its weights are whole numbers, its equations differ. Trace the model in floats."
    return ""


def _wanted_layers(layers: object, plans: dict[str, Plan]) -> set[int] | None:
    if layers is None:
        return None
    wanted = list(layers) if isinstance(layers, Iterable) else []
    if not wanted or not all(isinstance(k, int) for k in wanted):
        raise TypeError(f"layers: expected a list of layers' indices, such as [0], got {layers!r}.")
    name, deepest = max(plans.items(), key=lambda item: item[1].num_layers)
    L = deepest.num_layers
    for k in wanted:
        if not -L <= k < L:
            who = f"{name!r}" if name else "the module"
            have = "1 layer, layer 0" if L == 1 else f"{L} layers, 0 to {L - 1}"
            raise ValueError(f"layers: there is no layer {k}. {who} has {have}.")
    return set(wanted)


def _wanted_names(names: object, plans: dict[str, Plan]) -> set[str] | None:
    if names is None:
        return None
    wanted = list(names) if isinstance(names, Iterable) and not isinstance(names, str) else []
    if not wanted:
        raise TypeError(f"names: expected a list of values' names, such as ['h'], got {names!r}.")
    there = {WORDS[plan.mode]: plan.names for plan in plans.values()}
    own = any(plan.mode == "OWN" for plan in plans.values())  # such a cell may have a value of any name
    for name in wanted:
        if not own and not any(name in values for values in there.values()):
            have = "; ".join(f"{kind} has {', '.join(values)}" for kind, values in there.items())
            needs = " It needs an LSTM with proj_size." if name == "q" else ""
            raise ValueError(f"names: there is no value {name!r}: {have}.{needs}")
    return set(wanted)


def _edits_by_module(edits: Edits, plans: dict[str, Plan]) -> dict[str, Edits]:
    by_module: dict[str, dict[str, Any]] = {}
    for key, new in edits.items():
        name, _, value = key.rpartition(".")
        if name not in plans:
            raise ValueError(f"set: {key!r} is of no recurrent module. There {_are(list(plans))}.")
        if value not in plans[name].names[1:]:
            kind, have = WORDS[plans[name].mode], ", ".join(plans[name].names[1:])
            raise ValueError(f"set: {key!r}: {kind} has no value {value!r} to be set. It has {have}.")
        by_module.setdefault(name, {})[value] = new
    return dict(by_module)


def _are(names: list[str]) -> str:
    return f"{'is' if len(names) == 1 else 'are'} {in_words([repr(name) for name in names])}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"

"""Record calls with hooks on the recurrent modules of a model: compute each call again and save its values.

Each call is recomputed at once, without gradients, for its values. If a backward pass inside the block
reaches its results, it is recomputed again at the end of the block, for the gradients: one call at a time.
"""

import math
import sys
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Any, get_args

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence
from torch.utils.hooks import RemovableHandle

from rnncourse.explaining import explanation
from rnncourse.explaining.failing import add_note
from rnncourse.spec import Place, Recurrent
from rnncourse.steps import LSTMState
from rnncourse.tracing.aside import aside, autocast, in_backward, random_states, set_random_states
from rnncourse.tracing.compare import allowed, max_error
from rnncourse.tracing.equations import GATES, Values
from rnncourse.tracing.gradients import Replay, gradients, packed, results_of
from rnncourse.tracing.layout import Layout
from rnncourse.tracing.recompute import Inputs, Plan, Weights, initial_states, recompute

LOOPS = 2**28  # bytes to hold at most, so that the gradients need no second loop
LIMIT = 2**30  # bytes. A block that is about to save more warns first
FORWARDS = {kind.forward for kind in get_args(Recurrent)}


@dataclass
class Call:
    """One call: values (T, B, ·), unbatched (T, ·), in the caller's batch order."""

    plan: Plan
    layout: Layout
    values: dict[Place, Values]
    initial: dict[Place, list[Tensor]]  # h_0, or h_0 and c_0, (B, ·) each
    masks: dict[int, Tensor]  # of dropout, by the layer that reads through it
    output: Tensor | PackedSequence | None  # None for a cell
    final: list[Tensor]  # h_n, or h_n and c_n; for a cell h, or h and c
    max_error: float
    given: bool  # whether it was called with a state
    replay: Replay | None
    gradients: dict[Place, Values] | None = None
    without: str = ""  # why there is no gradient

    @property
    def nbytes(self) -> int:
        """The memory that all its tensors take, in bytes."""
        output = self.output.data if isinstance(self.output, PackedSequence) else self.output
        held = [output, *self.final, *self.masks.values(), *chain.from_iterable(self.initial.values())]
        for by_place in (self.values, self.gradients or {}):
            held += chain.from_iterable(values.values() for values in by_place.values())
        return sum(tensor.nbytes for tensor in held if tensor is not None)


@dataclass
class Watched:
    """A recurrent module that is watched, under the first of its names."""

    module: Recurrent
    name: str
    plan: Plan
    layers: Collection[int]  # the layers to save
    names: Sequence[str]  # the names of the values to save
    calls: list[Call] = field(default_factory=list)
    untraced: list[str] = field(default_factory=list)  # why a call could not be traced
    random: dict[torch.device, Tensor] | None = None  # the generators' states before the current call
    computed: dict[str, Tensor] = field(default_factory=dict)  # parametrized weights, as the call read them
    weights: Weights | None = None  # copies, shared by the calls that had the same numbers
    warned: bool = False

    @property
    def label(self) -> str:
        """The module as a message names it."""
        return repr(self.name) if self.name else f"the {type(self.module).__name__}"

    @property
    def is_foreign(self) -> bool:
        """Whether its forward is neither torch's nor ours."""
        return getattr(self.module.forward, "__func__", None) not in FORWARDS

    def warn_once(self, message: str) -> None:
        """Warn, unless this module has caused a warning before."""
        if not self.warned:
            _warn(message)
        self.warned = True


class Recorder:
    """Watches modules from `start` to `stop`."""

    def __init__(self, watched: Sequence[Watched]) -> None:
        self.watched = watched
        self._handles: list[RemovableHandle] = []
        self._bytes = 0  # saved so far, estimated
        self._loops = 0  # bytes that the loops of calls hold until the block ends

    def start(self) -> None:
        """Put hooks on all watched modules."""
        for watched in self.watched:
            # Our hooks are the ones nearest to the call: the last before it, and the first after it.
            module = watched.module
            self._handles += [
                module.register_forward_pre_hook(partial(self._before, watched), with_kwargs=True),
                module.register_forward_hook(
                    partial(self._after, watched), prepend=True, with_kwargs=True, always_call=True
                ),
            ]
            # A parametrized weight is taken from the call itself: computing it again could change it, as
            # spectral_norm does.
            for name, parts in getattr(module, "parametrizations", {}).items():
                self._handles.append(parts.register_forward_hook(partial(_save_computed, watched, name)))

    def stop(self, failed: bool, interrupted: bool = False) -> None:
        """Remove all hooks, then compute the gradients of the backward passes that ran.

        If the block was interrupted, for example by Ctrl-C, nothing more is computed.
        """
        for handle in self._handles:
            handle.remove()
        calls = [call for watched in self.watched for call in watched.calls]
        for call in calls:
            if call.replay:
                call.replay.stop_listening()
        for watched in self.watched:
            watched.random = watched.weights = None
            watched.computed.clear()
        for call in calls:
            replay, call.replay = call.replay, None
            if interrupted:
                call.without = "the block was interrupted."
            elif replay is None:
                call.without = "the call ran under torch.no_grad(), or nothing in it required a gradient."
            elif not replay.arrived:
                call.without = (
                    "no backward pass inside the block reached this call. Call loss.backward() before the "
                    "block ends; with torch.utils.checkpoint, pass use_reentrant=False."
                )
            else:
                names = list(next(iter(call.values.values()), ()))
                try:
                    call.gradients = gradients(call.plan, call.layout, replay, list(call.values), names)
                except Exception as error:
                    if not failed:
                        raise
                    call.without = f"the block ended in an exception, and computing them failed too: {error}"

    def _before(
        self, watched: Watched, module: Recurrent, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        drops = watched.plan.dropout(module) and not in_backward()
        watched.random = random_states(module) if drops else None
        watched.computed.clear()

    def _after(
        self, watched: Watched, module: Recurrent, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
    ) -> Any:
        """Record a call. If values were set, return what the module should have returned, otherwise None."""
        if in_backward():  # torch.utils.checkpoint calls again in the backward pass: already recorded
            return _edited(watched, *args, **kwargs) if watched.plan.edits else None
        if result is None and (error := sys.exception()) is not None:
            add_note(error, module, watched.name, explanation, args, kwargs)
            watched.untraced.append(f"the call of {watched.label} raised {type(error).__name__}: {error}")
            return None
        if torch._C._are_functorch_transforms_active():
            raise RuntimeError(
                f"trace: {watched.label} was called under a transform of torch.func (vmap, grad, ...), where "
                "values are not plain numbers. Trace a call outside of it."
            )
        if any(tensor.is_meta for tensor in module.parameters()):
            raise RuntimeError(
                f"trace: {watched.label} is on the device meta, where tensors have no numbers."
            )
        if watched.plan.edits:
            result = _edited(watched, *args, **kwargs)
        try:
            with aside(module):
                if watched.random is not None:
                    set_random_states(watched.random)
                watched.calls.append(self._record(watched, result, *args, **kwargs))
        except Exception as error:
            if not watched.is_foreign:
                raise
            own, built_on = type(module).__name__, watched.plan.mode.split("_")[0]
            if watched.plan.step is not None:
                watched.untraced.append(f"{watched.label} can't be traced by the step given: {error}.")
            else:
                watched.untraced.append(
                    f"{watched.label} can't be traced: {own} has a forward of its own, and it is not called "
                    f"as {built_on} is, or returns something else ({error})."
                )
            watched.warn_once(f"trace: {watched.untraced[-1]}")
        return result if watched.plan.edits else None

    def _record(self, watched: Watched, result: Any, input: Tensor | PackedSequence, hx: Any = None) -> Call:
        if watched.plan.step is not None and not watched.plan.own_names:
            self._learn_names(watched, input, hx)
        plan, layers, names = watched.plan, watched.layers, watched.names
        layout = Layout.of(watched.module, input, watched.plan.is_cell)
        results = _results(plan, layout, result)
        own = [tensor.detach().clone() for tensor in results]
        rows = layout.rows(input).detach()
        weights = {
            place: {name: weight.detach() for name, weight in named.items()}
            for place, named in plan.weights(watched.module, watched.computed).items()
        }
        initial = {
            place: [state.detach() for state in states]
            for place, states in initial_states(plan, layout, weights, rows, hx).items()
        }
        inputs = Inputs(rows, initial, weights, plan.dropout(watched.module))
        present = autocast(rows.device.type)
        differentiable = any(tensor.requires_grad for tensor in results)
        self._announce(watched, layout, inputs, differentiable)

        keep = differentiable and self._loops < LOOPS and not plan.is_cell
        again = recompute(plan, layout, inputs, layers, names, keep=keep)
        self._loops += sum(ran.nbytes for ran in again.ran.values())
        replay = None
        if differentiable:
            copies = _copies(watched, inputs)
            replay = Replay.of(plan, copies, present, results)
            for place, ran in again.ran.items():
                ran.weights, ran.initial = copies.weights[place], copies.initial[place]
            replay.ran = again.ran
        apart, some_nan = max_error(packed(plan, layout, own), results_of(plan, again))
        if apart > allowed(own, present):
            watched.warn_once(
                f"trace: {watched.label} differs from its equations by up to {apart:.1e}. The "
                f"trace holds the equations' own.{_likely_cause(watched)}"
            )
        output: Tensor | PackedSequence | None = None
        if not plan.is_cell:
            rows_out = own.pop(0)
            output = input._replace(data=rows_out) if isinstance(input, PackedSequence) else rows_out
        return Call(
            plan,
            layout,
            values={place: again.over_time(layout, place) for place in plan.places if place[0] in layers},
            initial={
                p: [layout.initial_as_called(s) for s in states]
                for p, states in initial.items()
                if p[0] in layers
            },
            masks={
                k: layout.over_time(m.split(layout.batch_sizes))
                for k, m in inputs.masks.items()
                if k in layers
            },
            output=output,
            final=own,
            max_error=math.nan if some_nan else apart,
            given=hx is not None,
            replay=replay,
        )

    def _learn_names(self, watched: Watched, x: Any, hx: Any) -> None:
        """Ask the step of the user's own cell which values it has."""
        assert watched.plan.step is not None
        if hx is None:
            raise ValueError("call it with its state, or its step cannot be computed again")
        state = tuple(hx) if isinstance(hx, tuple | list) else (hx,)
        values = watched.plan.step(x, *state)
        needed = ("h", "c")[: len(state)]
        if not (isinstance(values, dict) and all(name in values for name in needed)):
            raise ValueError(f"its step must return a dict of values with {' and '.join(needed)} among them")
        names = ("x", *(name for name in values if name != "x"))
        watched.names = [name for name in names if not watched.names or name in watched.names]
        watched.plan = replace(watched.plan, own_names=names, two_states=len(state) == 2)

    def _announce(self, watched: Watched, layout: Layout, inputs: Inputs, differentiable: bool) -> None:
        """Warn before the call with which the block saves more than LIMIT bytes."""
        if watched.plan.step is not None:
            return  # the widths of its values are not known yet
        plan, T, B = watched.plan, len(layout.batch_sizes), layout.batch_sizes[0]
        width = 0  # the numbers that are saved for one step of one sequence
        for (layer, _), weights in inputs.weights.items():
            H = weights["weight_ih"].size(0) // max(1, len(GATES[plan.mode]))
            widths = {"x": weights["weight_ih"].size(1), "h": weights["weight_hh"].size(1)}
            if layer in watched.layers:
                width += sum(widths.get(name, H) for name in watched.names)
        before = self._bytes
        self._bytes += T * B * width * inputs.rows.element_size() * (1 + differentiable)
        if before <= LIMIT < self._bytes:
            least = ["c" if plan.has_cell_state else "h"]
            _warn(
                f"trace: with this call of {watched.label} (T={T}, B={B}) the block saves about "
                f"{self._bytes / 2**30:.2g} GiB{', gradients included' if differentiable else ''}. To save "
                f"less, say what you want: trace(model, layers=[{plan.num_layers - 1}], names={least})."
            )


def _edited(watched: Watched, input: Tensor | PackedSequence, hx: Any = None) -> Any:
    """Return what the module returns with the values that were set, under autograd like the module itself."""
    plan, layout = watched.plan, Layout.of(watched.module, input, watched.plan.is_cell)
    rows, weights = layout.rows(input), plan.weights(watched.module, watched.computed)
    inputs = Inputs(
        rows, initial_states(plan, layout, weights, rows, hx), weights, plan.dropout(watched.module)
    )
    after = random_states(watched.module)
    if watched.random is not None:  # draw the same dropout masks as the module
        set_random_states(watched.random)
    try:
        again = recompute(plan, layout, inputs, (), ())
    finally:
        set_random_states(after)
    final = [layout.state_as_called(state) for state in again.final]
    state = LSTMState(*final) if plan.has_cell_state else final[0]
    return state if plan.is_cell else (layout.as_called(again.rows, input), state)


def _results(plan: Plan, layout: Layout, result: Any) -> list[Tensor]:
    """Return the results of a module as a flat list: of a layer output, h_n, c_n, of a cell h, c."""
    output = []
    if not plan.is_cell:
        first, result = result
        if isinstance(first, PackedSequence) != layout.packed:
            raise TypeError("of input and output, one is packed")
        output = [first.data if layout.packed else first]
    states = list(result) if plan.has_cell_state else [result]
    if len(states) != 1 + plan.has_cell_state:
        raise TypeError(f"it returned {len(states)} states")
    return output + states


def _copies(watched: Watched, inputs: Inputs) -> Inputs:
    """Copy the inputs, safe from changes in place. Weights are copied only if they have changed."""
    copied = watched.weights
    if copied is None or not all(
        torch.equal(weight, copied[place][name])
        for place, weights in inputs.weights.items()
        for name, weight in weights.items()
    ):
        copied = {
            place: {n: w.clone() for n, w in weights.items()} for place, weights in inputs.weights.items()
        }
        watched.weights = copied
    initial = {place: [state.clone() for state in states] for place, states in inputs.initial.items()}
    return Inputs(inputs.rows.clone(), initial, copied, inputs.drop, inputs.masks)


def _likely_cause(watched: Watched) -> str:
    if watched.is_foreign:
        return f" {type(watched.module).__name__} has a forward of its own."
    if watched.plan.dropout(watched.module) and next(watched.module.parameters()).is_cuda:
        return " cuDNN's dropout can't be drawn again: trace model.eval(), or on the CPU."
    return " Are its weights drawn again at each reading? Over many steps, rounding alone can grow too."


def _save_computed(watched: Watched, name: str, module: object, args: object, weight: Tensor) -> None:
    """Save the weight that a call computes: a hook on a parametrization."""
    watched.computed[name] = weight


def _warn(message: str) -> None:
    """Warn at the line that called the model: the nearest one that is neither torch's nor ours."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals["__name__"].split(".")[0] in ("torch", "rnncourse", "contextlib"):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)

"""Compute the gradient of every value of a call from the gradients that reached its results."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.utils.hooks import RemovableHandle

from rnncourse.spec import Place
from rnncourse.tracing import whole
from rnncourse.tracing.equations import INITIAL, Values
from rnncourse.tracing.layout import Layout
from rnncourse.tracing.recompute import Inputs, Outputs, Plan, recompute

Result = TypeVar("Result", Tensor, Tensor | None)


@dataclass
class Replay:
    """The data to compute a call again under autograd, and the gradients that reached its results."""

    # Copies: the user or an optimizer may change the originals before the block ends.
    inputs: Inputs
    autocast: dict[str, Any]  # torch.autocast's arguments
    results: int
    arrived: dict[int, Tensor] = field(default_factory=dict)  # by result, the sum over all backward passes
    ran: dict[Place, whole.LayerRun] = field(default_factory=dict)  # the loops, if they were saved
    h_reads_c: bool = False  # of a cell: whether the gradient that arrives at c includes the part through h
    handles: list[RemovableHandle] = field(default_factory=list)

    @classmethod
    def of(cls, plan: Plan, inputs: Inputs, autocast: dict[str, Any], results: Sequence[Tensor]) -> "Replay":
        """Return a replay of the call with these results, and start listening for their gradients."""
        replay = cls(inputs, autocast, len(results))
        if plan.is_cell and plan.has_cell_state:
            h, c = results
            replay.h_reads_c = _reads(h.grad_fn, c.grad_fn)
        for k, tensor in enumerate(results):
            if tensor.requires_grad:
                replay.handles.append(tensor.register_hook(partial(replay._collect, k)))
        return replay

    def _collect(self, k: int, gradient: Tensor) -> None:
        gradient = gradient.detach()
        self.arrived[k] = self.arrived[k] + gradient if k in self.arrived else gradient.clone()

    def stop_listening(self) -> None:
        """Remove the hooks on the results."""
        for handle in self.handles:
            handle.remove()


def gradients(
    plan: Plan, layout: Layout, replay: Replay, places: Sequence[Place], names: Sequence[str]
) -> dict[Place, Values]:
    """Return d loss / d value for the values of these names and for h_0 and c_0, laid out as the values are.

    The call is recomputed under autograd, and its graph is freed when this returns. If two directions read
    the same x, each has its own part of the gradient.
    """
    if not places:
        return {}
    inputs = replay.inputs
    everywhere = [(inputs.rows, inputs.initial[p], inputs.weights[p]) for p in plan.places]
    if (
        not (plan.is_cell or plan.edits)
        and not replay.autocast["enabled"]
        and all(whole.possible(*v) for v in everywhere)
    ):
        with torch.inference_mode(False), torch.no_grad():
            return _all_steps_at_once(plan, layout, replay, places, names)
    arrived = packed(plan, layout, [replay.arrived.get(k) for k in range(replay.results)])
    with torch.inference_mode(False), torch.enable_grad(), torch.autocast(**replay.autocast):
        for leaf in (inputs.rows, *(state for states in inputs.initial.values() for state in states)):
            leaf.requires_grad_()
        again = recompute(plan, layout, inputs, {layer for layer, _ in places}, plan.names, step_by_step=True)
        dh, dc = arrived if replay.h_reads_c else (None, None)
        if dh is not None and dc is not None:
            # If a cell is built from torch's single operations, h = o * tanh(c) reads the same c that it
            # returns, so the gradient of c already includes that part. Subtract it: the recomputation
            # below sends it through h again.
            h, c = (again.steps[places[0]][0][name] for name in ("h", "c"))
            (through_h,) = torch.autograd.grad(h, c, dh.squeeze(0), retain_graph=True)
            arrived[1] = dc - through_h
        pairs = zip(results_of(plan, again), arrived, strict=True)
        results, upstream = zip(*((r, d.to(r.dtype)) for r, d in pairs if d is not None), strict=True)
        wanted = [step[name] for place in places for name in names for step in again.steps[place]]
        wanted += [state for place in places for state in inputs.initial[place]]
        found = iter(torch.autograd.grad(results, wanted, upstream, materialize_grads=True))
    by_place = {
        place: {name: layout.over_time([next(found) for _ in layout.batch_sizes]) for name in names}
        for place in places
    }
    for place in places:
        states = zip(INITIAL, inputs.initial[place], strict=False)
        by_place[place] |= {name: layout.initial_as_called(next(found)) for name, _ in states}
    return by_place


def _all_steps_at_once(
    plan: Plan, layout: Layout, replay: Replay, places: Sequence[Place], names: Sequence[str]
) -> dict[Place, Values]:
    """Compute what `gradients` returns with bptt.py's backward pass, one layer and direction at a time."""
    inputs, rows, ran = replay.inputs, replay.inputs.rows, replay.ran
    for layer in range(plan.num_layers if not ran else 0):
        if layer in inputs.masks:
            rows = rows * inputs.masks[layer]
        for place in [p for p in plan.places if p[0] == layer]:
            initial, weights = inputs.initial[place], inputs.weights[place]
            ran[place] = whole.run(plan.mode, rows, layout.batch_sizes, place[1], initial, weights, keep=True)
        rows = torch.cat([ran[place].output for place in plan.places if place[0] == layer], dim=-1)
    drows, *dfinals = packed(plan, layout, [replay.arrived.get(k) for k in range(replay.results)])
    if drows is None:
        top = [ran[place].output for place in plan.places if place[0] == plan.num_layers - 1]
        drows = torch.cat([torch.zeros_like(output) for output in top], dim=-1)
    drows = drows.to(rows.dtype)
    found, lowest = {}, min(layer for layer, _ in places)
    for layer in reversed(range(lowest, plan.num_layers)):
        here = [place for place in plan.places if place[0] == layer]
        below = []
        for place, doutput in zip(here, drows.chunk(len(here), dim=-1), strict=True):
            one, row = ran.pop(place), plan.places.index(place)
            dfinal = [
                torch.zeros_like(final) if d is None else d[row].to(final.dtype)
                for final, d in zip(one.final, dfinals, strict=True)
            ]
            wanted = names if place in places else ()
            values, dx, dinitial = whole.gradients(
                one, doutput.contiguous(), dfinal, wanted, needs_dx=layer > lowest
            )
            below += [] if dx is None else [dx]
            if place in places:
                found[place] = {name: layout.rows_over_time(value) for name, value in values.items()}
                states = zip(INITIAL, dinitial, strict=False)
                found[place] |= {name: layout.initial_as_called(state) for name, state in states}
        if layer == lowest:
            break
        drows = sum(below[1:], below[0])
        if layer in inputs.masks:
            drows = drows * inputs.masks[layer]
    return {place: found[place] for place in places}


def results_of(plan: Plan, outputs: Outputs) -> list[Tensor]:
    """Return the results of a recomputed call: of a layer output, h_n, c_n, of a cell h, c; all packed."""
    return outputs.final if plan.is_cell else [outputs.rows, *outputs.final]


def packed(plan: Plan, layout: Layout, results: Sequence[Result]) -> list[Result]:
    """Return the module's own results, or their gradients, laid out as `results_of` returns them."""
    forms: list[Callable[[Tensor], Tensor]] = [layout.states] * len(results)
    if not plan.is_cell:
        forms[0] = layout.rows
    return [None if tensor is None else form(tensor) for form, tensor in zip(forms, results, strict=True)]


def _reads(node: Node | None, other: Node | None) -> bool:
    """Return whether `other`, a node of autograd's graph, is a few levels below `node`, as c is below h."""
    level = {node}
    for _ in range(4):  # in h = o * tanh(c) two levels; autocast may insert a cast
        level = {below for above in level if above for below, _ in above.next_functions}
        if other in level:
            return other is not None
    return False

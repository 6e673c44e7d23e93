"""The gradient of every value of a call, from the gradients that reached what the call returned."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from rnncourse.trace.recompute import Inputs, Layout, Outputs, Place, Plan, Values, recompute


@dataclass
class Replay:
    """What it takes to compute a call again under autograd, and the gradients that reached its results."""

    inputs: Inputs  # copies: the user or an optimizer may change the originals before the block ends
    autocast: dict  # torch.autocast's arguments
    arrived: list[Tensor | None]  # for each result, the sum over all backward passes
    handles: list = field(default_factory=list)

    @classmethod
    def of(cls, inputs: Inputs, autocast: dict, results: Sequence[Tensor]) -> "Replay":
        """A replay of the call with these results, which begins to listen for their gradients."""
        replay = cls(inputs, autocast, [None] * len(results))
        for k, tensor in enumerate(results):
            if tensor.requires_grad:
                replay.handles.append(tensor.register_hook(partial(replay._collect, k)))
        return replay

    def _collect(self, k: int, gradient: Tensor) -> None:
        before, gradient = self.arrived[k], gradient.detach()
        self.arrived[k] = gradient.clone() if before is None else before + gradient

    def stop_listening(self) -> None:
        for handle in self.handles:
            handle.remove()

    @property
    def is_reached(self) -> bool:
        return any(gradient is not None for gradient in self.arrived)


def gradients(
    plan: Plan, layout: Layout, replay: Replay, places: Sequence[Place], names: Sequence[str]
) -> dict[Place, Values]:
    """d loss / d value, for the values of these names and for h_0 and c_0, laid out as the values are.

    The call is recomputed under autograd, and its graph is gone when this returns. Of an x that two
    directions read, each direction has its own part.
    """
    inputs = replay.inputs
    with torch.inference_mode(False), torch.enable_grad(), torch.autocast(**replay.autocast):
        for leaf in (inputs.rows, *(state for states in inputs.starts.values() for state in states)):
            leaf.requires_grad_()
        again = recompute(plan, layout, inputs, {layer for layer, _ in places}, names)
        reached = [
            (end, gradient.to(end.dtype))
            for end, gradient in zip(
                results_of(plan, again), packed(plan, layout, replay.arrived), strict=True
            )
            if gradient is not None
        ]
        wanted = [step[name] for place in places for name in names for step in again.steps[place]]
        wanted += [state for place in places for state in inputs.starts[place]]
        ends, upstream = zip(*reached, strict=True)
        found = iter(torch.autograd.grad(ends, wanted, upstream, materialize_grads=True) if wanted else ())
    by_place = {
        place: {name: layout.over_time([next(found) for _ in layout.batch_sizes]) for name in names}
        for place in places
    }
    for place in places:
        states = zip(("h_0", "c_0"), inputs.starts[place], strict=False)
        by_place[place] |= {name: layout.at_start(next(found)) for name, _ in states}
    return by_place


def results_of(plan: Plan, outputs: Outputs) -> list[Tensor]:
    """What a recomputed call returns: of a layer output, h_n, c_n, of a cell h, c; rows and states packed."""
    return outputs.ends if plan.is_cell else [outputs.rows, *outputs.ends]


def packed(plan: Plan, layout: Layout, results: Sequence[Tensor | None]) -> list[Tensor | None]:
    """The module's own results, or their gradients, laid out as `results_of` gives them."""
    forms = [layout.states] * len(results)
    if not plan.is_cell:
        forms[0] = layout.rows
    return [None if tensor is None else form(tensor) for form, tensor in zip(forms, results, strict=True)]

"""Compute a recurrent module's call again, step by step: what its fused kernel computes and does not show.

As in layers.py every batch is packed: rows (N, ·) of all steps, batch_sizes[t] of them for step t, and states
(B, ·) with the longest sequence first. A cell's call is a layer's call of one step.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import dropout

from rnncourse.layers import State, unroll
from rnncourse.spec import Layer, Place, Recurrent, Spec
from rnncourse.tracing import whole
from rnncourse.tracing.equations import EQUATIONS, Edits, Values, names_of
from rnncourse.tracing.layout import Layout

Weights = dict[Place, dict[str, Tensor]]  # by the names of a step's arguments


@dataclass(frozen=True)
class Plan:
    """What must be known of a recurrent module to compute its calls again."""

    mode: str  # "LSTM", "GRU", "RNN_TANH", "RNN_RELU"; "OWN" for a cell whose step the user passed
    is_cell: bool = False
    num_layers: int = 1
    bidirectional: bool = False
    projected: bool = False
    edits: Edits = field(default_factory=dict)  # what trace was asked to set
    step: Callable[..., Values] | None = None  # for an "OWN" cell: (x, *state) -> values by name
    own_names: tuple[str, ...] = ()  # the names of these values, known after the first call
    two_states: bool = False  # whether its state is (h, c)

    @classmethod
    def of(cls, module: Recurrent) -> "Plan":
        """Return the plan of a recurrent module of torch.nn or ours."""
        spec = Spec.of(module, "module")
        return cls(spec.mode, spec.is_cell, spec.L, spec.bidirectional, bool(spec.proj_size))

    @property
    def has_cell_state(self) -> bool:
        """Whether the state is a pair (h, c)."""
        return self.mode == "LSTM" or self.two_states

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the values of a step."""
        if self.mode == "OWN":
            return self.own_names
        return names_of(self.mode, self.projected)

    @property
    def places(self) -> list[Place]:
        """Each layer and direction, in the order of h_n's rows."""
        directions = (False, True) if self.bidirectional else (False,)
        return [(layer, reverse) for layer in range(self.num_layers) for reverse in directions]

    def weights(self, module: Recurrent, computed: Mapping[str, Tensor]) -> Weights:
        """Return the current weights, as autograd's leaves; parametrized ones come from `computed`.

        They are not computed again, since that could change them.
        """
        if self.step is not None:
            return {place: {} for place in self.places}  # its step reads the weights itself
        spec = Spec.of(module, "module")
        found = {}
        for place in spec.places:
            names = {name: name + spec.suffix(place) for name in spec.weight_names}
            found[place] = {
                name: computed[full] if full in computed else getattr(module, full)
                for name, full in names.items()
            }
        return found

    def dropout(self, module: Recurrent) -> float:
        """Return the probability with which a call now drops an entry between two layers."""
        if isinstance(module, Layer) and module.training and self.num_layers > 1:
            return module.dropout
        return 0.0


@dataclass
class Inputs:
    """Everything that a call depends on. Dropout masks are drawn once and reused by each recomputation."""

    rows: Tensor  # (N, I)
    initial: dict[Place, list[Tensor]]  # h, or h and c, (B, ·) each
    weights: Weights
    drop: float
    masks: dict[int, Tensor] = field(default_factory=dict)  # by the layer that reads through it, (N, D*H)


@dataclass
class Outputs:
    """The results of a call, and the values on the way to them."""

    rows: Tensor  # (N, D*H)
    final: list[Tensor]  # h_n, or h_n and c_n, (S, B, ·) each
    steps: dict[Place, list[Values]] = field(default_factory=dict)  # step by step: the values of each step
    values: dict[Place, Values] = field(default_factory=dict)  # all steps at once: (N, ·) each
    ran: dict[Place, whole.LayerRun] = field(default_factory=dict)  # with `keep`: what the gradients need

    def over_time(self, layout: Layout, place: Place) -> Values:
        """Return the saved values by name. Those of each step are freed as soon as they are copied."""
        if place in self.values:
            return {name: layout.rows_over_time(value) for name, value in self.values[place].items()}
        steps = self.steps[place]
        return {name: layout.over_time([step.pop(name) for step in steps]) for name in list(steps[0])}


def initial_states(
    plan: Plan, layout: Layout, weights: Weights, rows: Tensor, hx: Any
) -> dict[Place, list[Tensor]]:
    """Return h, or h and c, before each layer and direction's first step, (B, ·) each: from hx, or zeros."""
    if hx is None:
        widths = {place: state_widths(plan, w) for place, w in weights.items()}
        B = layout.batch_sizes[0]
        return {place: [rows.new_zeros(B, width) for width in widths[place]] for place in plan.places}
    states = [layout.states(state) for state in (hx if plan.has_cell_state else (hx,))]
    return {place: [state[k] for state in states] for k, place in enumerate(plan.places)}


def state_widths(plan: Plan, weights: dict[str, Tensor]) -> list[int]:
    """Return the widths of h, or of h and c: weight_hh reads h, and weight_ih has H rows for each gate."""
    h = weights["weight_hh"].size(1)
    return [h, weights["weight_ih"].size(0) // 4] if plan.has_cell_state else [h]


def recompute(
    plan: Plan,
    layout: Layout,
    inputs: Inputs,
    layers: Collection[int],
    names: Collection[str],
    step_by_step: bool = False,
    keep: bool = False,
) -> Outputs:
    """Compute the call again, and save the values of these names in these layers.

    All steps are computed at once if whole.py can, unless `step_by_step` asks for tensors of each step.
    Missing dropout masks are drawn as torch draws them on a CPU, and added to `inputs`.
    """
    rows, finals = inputs.rows, list[State]()
    found = Outputs(rows, [])
    for layer in range(plan.num_layers):
        if layer > 0 and inputs.drop > 0:
            if layer not in inputs.masks:
                inputs.masks[layer] = dropout(torch.ones_like(rows), inputs.drop)
            rows = rows * inputs.masks[layer]
        outputs = []
        final: State
        for reverse in (False, True)[: 1 + plan.bidirectional]:
            place, wanted = (layer, reverse), names if layer in layers else ()
            initial, weights = inputs.initial[place], inputs.weights[place]
            if not (step_by_step or plan.is_cell or plan.edits) and whole.possible(rows, initial, weights):
                ran = whole.run(
                    plan.mode, rows, layout.batch_sizes, reverse, initial, weights, keep=keep or bool(wanted)
                )
                if keep:
                    found.ran[place] = ran
                hs, final = ran.output, ran.final
                found.values[place] = whole.values(ran, wanted) if wanted else {}
            else:
                step, saved = _recorder(plan, wanted)
                hs, final = unroll(step, rows, layout.batch_sizes, reverse, initial, weights)
                found.steps[place] = saved[::-1] if reverse else saved
            outputs.append(hs)
            finals.append(final)
        rows = torch.cat(outputs, dim=-1)
    found.rows, found.final = rows, [torch.stack(parts) for parts in zip(*finals, strict=True)]
    return found


def _recorder(plan: Plan, names: Collection[str]) -> tuple[Callable[..., State], list[Values]]:
    """Return a step for `unroll`, and the list to which it appends each step's values of these names."""
    saved: list[Values] = []

    def step(x_t: Tensor, state: State, weights: Mapping[str, Tensor]) -> State:
        if plan.step is not None:
            values = {"x": x_t} | plan.step(x_t, *state)
        else:
            values = EQUATIONS[plan.mode](x_t, *state, **weights, edits=plan.edits)
        saved.append({name: values[name] for name in names})
        return [values["h"], values["c"]] if plan.has_cell_state else [values["h"]]

    return step, saved

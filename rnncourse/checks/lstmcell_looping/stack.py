"""Task 4, run_cells: layers of cells. The tests compare the right one with torch.nn.LSTM."""

import torch

from rnncourse.checks.framework.cases import Case, Trait, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.lstmcell_looping.lesson import (
    LAYER,
    LAYERS,
    LESSON,
    flat,
    small_cell,
)

ONE_LAYER = Trait("there is one layer", "what goes from layer to layer")
DEEP = Trait("there are several layers", "what you do with a single layer")


def _truth(cells, x, states):
    states, outputs = list(states), []
    for x_t in x:
        for layer, cell in enumerate(cells):
            h, c = cell(x_t, states[layer])
            states[layer] = h, c
            x_t = h
        outputs.append(h)
    h_n, c_n = (torch.stack(parts) for parts in zip(*states, strict=True))
    return torch.stack(outputs), (h_n, c_n)


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.7)

    def case(L: int, T: int, B: int, I: int, H: int) -> Case:
        arguments = {
            "cells": [
                random_module("LSTMCell", numbers, input_size=H if layer else I, hidden_size=H)
                for layer in range(L)
            ],
            "x": numbers(T, B, I),
            "states": [(numbers(B, H), 2 * numbers(B, H)) for _ in range(L)],
        }
        return Case(
            arguments, {"L": L, "T": T, "B": B, "I": I, "H": H}, frozenset({DEEP if L > 1 else ONE_LAYER})
        )

    return [
        case(2, 4, 3, 5, 6),
        case(3, 2, 4, 5, 6),
        case(2, 3, 3, 4, 4),  # T = B, I = H: wrong axes and wrong inputs run
        case(3, 1, 4, 2, 5),
        case(1, 3, 2, 4, 5),
    ]


wrong = Mistakes(LAYERS, _truth)

wrong.edits("""
c goes up | the layer above reads c. What a cell shows is h.
    x_t = h => x_t = c
every layer reads x | every layer reads x; only where I = H that runs. What does the layer above read?
    x_t = h =>
one state for all layers | one state goes from layer to layer. Each layer carries its own, from step to step.
    cell(x_t, states[layer]) => cell(x_t, states[0] if layer == 0 else (h, c))
layer 0's state for all | each layer is given the state of layer 0.
    cell(x_t, states[layer]) => cell(x_t, states[0])
the states from the top down | the given states are handed out from the top down: states[0] belongs to layer
    0.
    list(states) => list(states)[::-1]
the h of the step before goes up | the layer above reads the h that the layer below had before this step: it
    comes one step late.
    - states[layer] = h, c
    - x_t = h
    + x_t = states[layer][0]
    + states[layer] = h, c
§ The state is reset at each step
first states at each step | each step starts from the states that were given: nothing is carried.
    - states, outputs = list(states), []
    - for x_t in x:
    + given, outputs = list(states), []
    + for x_t in x:
    +     states = list(given)
states reset at each step | each step starts from zeros: the states have not been handed in.
    cell(x_t, states[layer]) => cell(x_t)
states ignored | the run starts from zeros, not from the states that are given.
    list(states) => [tuple(map(torch.zeros_like, pair)) for pair in states]
c not carried | h is carried on, c is not: each step starts from c = 0.
    states[layer] = h, c => states[layer] = h, torch.zeros_like(c)
§
layer 0 alone | only the first layer has run.
    enumerate(cells) => enumerate(cells[:1])
one cell for all layers | layer 0's cell serves all layers; only where I = H that runs. Each layer has weights
    of its own.
    h, c = cell( => h, c = cells[0](
the cells from the top down | the cells are run from the last to the first; only where I = H that runs.
    - for layer, cell in enumerate(cells):
    + for layer, cell in reversed(list(enumerate(cells))):
output of layer 0 | output is layer 0's h. Asked is the top layer's.
    outputs.append(h) => outputs.append(states[0][0])
c in the output | output holds the top layer's c. What a step shows is h.
    outputs.append(h) => outputs.append(c)
§ Equal to nn.LSTM
all layers in the output | output holds every layer's h, side by side. Asked is the top layer's alone.
    outputs.append(h) => outputs.append(torch.cat([pair[0] for pair in states], dim=-1))
§
collected within the layers | output has L*T entries: each layer's h is collected, layer by layer.
    - outputs.append(h)
    +     outputs.append(h)
§ The last step instead of all
last step only | output is the last h alone. Asked is the h of each of the T steps.
    return torch.stack(outputs) => return h
§ The loop
not stacked | output is a list of tensors. Asked is one tensor, (T, B, H).
    return torch.stack(outputs) => return outputs
stacked on axis 1 | output is (B, T, H): stacked along the wrong axis. Here time comes first, as in x.
    torch.stack(outputs) => torch.stack(outputs, dim=1)
§ Equal to nn.LSTM
the top layer's state alone | h_n and c_n are the top layer's, (B, H). Asked are all layers', (L, B, H).
    (h_n, c_n) => (h, c)
h_n from the top down | h_n and c_n begin with the top layer. Layer 0 comes first.
    (h_n, c_n) => (h_n.flip(0), c_n.flip(0))
layers on axis 1 | h_n and c_n are (B, L, H). The layers come first.
    torch.stack(parts) for => torch.stack(parts, dim=1) for
(c_n, h_n) returned | the states are returned as (c_n, h_n). Asked is (h_n, c_n), as torch returns them.
    (h_n, c_n) => (c_n, h_n)
a pair for each layer | the states come as a pair for each layer. Asked are two tensors, all h and all c, (L,
    B, H) each.
    (h_n, c_n) => states
§ The loop runs over the batch
loop over the batch | the loop runs over the batch, axis 1 of x: each sequence is taken for a step. It runs
    only where T = B.
    in x: => in x.transpose(0, 1):
""")

run_cells = Check(
    name="run_cells",
    lesson=LESSON,
    section=LAYERS,
    parts=(Part("output", "T B H"), Part("h_n", "L B H"), Part("c_n", "L B H")),
    criteria=(
        Criterion("output", 2, ("output",)),
        Criterion("h_n", 1, ("h_n",)),
        Criterion("c_n", 1, ("c_n",)),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "cells": [small_cell(), small_cell()],
            "x": torch.tensor([[[1.0]], [[0.0]], [[-1.0]]], dtype=torch.float64),
            "states": [
                (torch.tensor([[h]], dtype=torch.float64), torch.tensor([[c]], dtype=torch.float64))
                for h, c in ((0.0, 1.0), (0.5, -1.0))
            ],
        },
        {"L": 2, "T": 3, "B": 1, "I": 1, "H": 1},
    ),
    derive=flat,
    forbid=LAYER,
    agree="torch.nn.LSTM's equations",
)

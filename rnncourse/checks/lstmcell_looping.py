"""The checks of exercise set 09: the time loop around an LSTM cell, layers of cells, predictions fed back."""

import dataclasses
import functools

import torch

from rnncourse.checks.framework import explain
from rnncourse.checks.framework.authoring import (
    C_ZERO,
    H_ZERO,
    LAYER,
    MORE_STEPS,
    NO_STATE,
    ONE_STEP,
    STATE,
    ExerciseSet,
    Mistakes,
    TorchModule,
    Trait,
    cases,
    cell_of,
    flat,
    random_cell,
    random_cells,
    random_head,
    random_module,
    random_state,
    rows,
    small_cell,
    small_head,
)

CHECKS = ExerciseSet("09", "Looping over an LSTMCell", forbid=LAYER)
THREE_STEPS = torch.tensor([[[1.0]], [[0.0]], [[-1.0]]])  # for the examples


# ---- Task 1, run_cell: the loop over time.
def _run_cell(cell, x, state):
    h, c = state
    outputs = []
    for x_t in x:
        h, c = cell(x_t, (h, c))
        outputs.append(h)
    return torch.stack(outputs), (h, c)


@cases(
    0.7,
    "T4 B3 I2 H5; T3 B2 I5 H4",
    "T3 B3 I4 H5",  # T = B: a loop over the wrong axis runs
    "T3 B2 I4 H5 h_zero; T2 B5 I3 H4 c_zero; T1 B4 I2 H3",
)
def _run_cell_cases(numbers, T, B, I, H, h_zero=False, c_zero=False):
    h, c = random_state(numbers, B, H)
    state = h * (not h_zero), c * (not c_zero)
    arguments = {"cell": random_cell(numbers, I, H), "x": numbers(T, B, I), "state": state}
    return arguments, h_zero and H_ZERO, c_zero and C_ZERO, ONE_STEP if T == 1 else MORE_STEPS


run_cell_mistakes = Mistakes("The loop", _run_cell).edits("""
state reset at each step | each step starts from zeros: the state is not passed to the cell.
    cell(x_t, (h, c)) => cell(x_t) § The state is reset at each step
first state at each step | each step starts from the given state. Which one should step 2 start from?
    cell(x_t, (h, c)) => cell(x_t, state) § The state is reset at each step
state ignored | the run starts from zeros, not from the given state. § The state is reset at each step
    = state => = (torch.zeros_like(part) for part in state)
c of the first state | h is carried on, c is not: each step uses the c that was given at the start.
    (x_t, (h, c)) => (x_t, (h, state[1])) § One step, by hand
c zero at each step | h is carried on, c is not: each step starts from c = 0. § One step, by hand
    (x_t, (h, c)) => (x_t, (h, torch.zeros_like(c)))
h of the first state | c is carried on, h is not: each step uses the h that was given at the start.
    (x_t, (h, c)) => (x_t, (state[0], c)) § One step, by hand
h zero at each step | c is carried on, h is not: each step starts from h = 0. § One step, by hand
    (x_t, (h, c)) => (x_t, (torch.zeros_like(h), c))
c instead of h | you pass c twice to the cell. Its state is a pair of two different things.
    (x_t, (h, c)) => (x_t, (c, c)) § One tensor instead of (h, c)
c squashed on the way | you pass tanh(c) to each step. c should be passed on as it is.
    § One tensor instead of (h, c)
    (x_t, (h, c)) => (x_t, (h, torch.tanh(c)))
h squashed on the way | you pass tanh(h) to each step, but h is squashed already.
    § One tensor instead of (h, c)
    (x_t, (h, c)) => (x_t, (torch.tanh(h), c))
h instead of c | you pass h twice to the cell. Its state is a pair of two different things.
    (x_t, (h, c)) => (x_t, (h, h)) § One tensor instead of (h, c)
c collected | output holds c of each step. What a step shows is h. § One step, by hand
    append(h) => append(c)
h recomputed from c | after each step you compute h from c. But the cell returns the h that goes with it.
    - outputs.append(h)
    + h = torch.tanh(c)
    + outputs.append(h)
    § One step, by hand
h squashed once more | output holds tanh(h), but each h is squashed already. § One step, by hand
    append(h) => append(torch.tanh(h))
tanh of c collected | output holds tanh(c). What a step shows is h, which contains the output gate as well.
    append(h) => append(torch.tanh(c)) § One step, by hand
both collected | output holds h and c of each step side by side. What a step shows is h. § One step, by hand
    append(h) => append(torch.cat([h, c], dim=-1))
state taken apart as (c, h) | you unpack the given state as (c, h), but it comes as (h, c).
    h, c = state => c, h = state § One step, by hand
state passed as (c, h) | you pass (c, h) to the cell. Its state is (h, c). § One step, by hand
    (x_t, (h, c)) => (x_t, (c, h))
the cell's results exchanged | you unpack what the cell returns as (c, h), but it is (h, c).
    h, c = cell => c, h = cell § One step, by hand
last step only | output is only the last h. Return the h of each of the T steps.
    torch.stack(outputs) => h § The last step instead of all
not stacked | output is a list of tensors. Return one tensor, (T, B, H). | torch.stack(outputs) => outputs
joined, not stacked | the steps are concatenated along the batch, (T*B, H). Time needs an axis of its own.
    torch.stack(outputs) => torch.cat(outputs)
stacked on axis 1 | output is (B, T, H): stacked along the wrong axis. Here time comes first, as in x.
    torch.stack(outputs) => torch.stack(outputs, dim=1)
stacked on the last axis | output is (B, H, T): stacked along the last axis. Time comes first.
    torch.stack(outputs) => torch.stack(outputs, dim=-1)
collected before the step | output begins with the given h: you append each h before its step, so everything
    comes one step late.
    h, c = cell( => outputs.append(h); h, c = cell(
    outputs.append(h) =>
h_0 among the outputs | output has T + 1 steps: the given h is not the output of a step.
    outputs = [] => outputs = [h]
time backwards | the loop runs from the last step to the first. | in x: => in x.flip(0):
the first input at each step | each step is given the first input. | cell(x_t, => cell(x[0],
one step too few | the loop stops one step early. | in x: => in x[:-1] if len(x) > 1 else x:
loop over the batch | the loop runs over the batch, axis 1 of x: it treats each sequence as a step. That runs
    only where T = B. § The loop runs over the batch
    in x: => in x.transpose(0, 1):
return inside the loop | the loop ends after its first step. How far is the `return` indented?
    - return torch.stack(outputs), (h, c)
    +     return torch.stack(outputs), (h, c)
(c, h) returned | you return the state as (c, h). Return (h, c), as torch does. § One step, by hand
    outputs), (h, c) => outputs), (c, h)
the given state returned | you return the state that was given: a run cannot be continued from it.
    outputs), (h, c) => outputs), state
tanh of c returned | the c that you return is tanh(c): a run cannot be continued from it.
    outputs), (h, c) => outputs), (h, torch.tanh(c))
state with a layer axis | h and c are (1, B, H), as torch.nn.LSTM returns them. Here there are no layers:
    return (B, H). § Equal to nn.LSTM
    outputs), (h, c) => outputs), (h[None], c[None])
""")

run_cell = CHECKS.task(
    "run_cell",
    run_cell_mistakes,
    returns="output (T B H), h (B H), c (B H)",
    points="output 2; h 1; c 1",
    cases=_run_cell_cases,
    example={"cell": small_cell(), "x": THREE_STEPS.double(), "state": (rows([0.0]), rows([1.0]))},
    explain=explain.loop,
    derive=flat,
    agree="torch.nn.LSTM's equations",
)


# ---- Task 2, run_batch_first: the loop over the right axis, with or without a given state.
def _run_batch_first(cell, x, state=None):
    if state is None:
        zeros = x.new_zeros(len(x), cell.hidden_size)
        state = zeros, zeros
    outputs = []
    for x_t in x.unbind(1):
        state = cell(x_t, state)
        outputs.append(state[0])
    return torch.stack(outputs, dim=1), state


@cases(
    0.7,
    "B3 T4 I2 H5 given; B4 T3 I5 H2 given",
    "B3 T3 I2 H4 given",  # T = B: a loop over the batch runs
    "B4 T3 I2 H5; B5 T2 I3 H4",
    dtype=torch.float32,  # torch's default, as torch.zeros makes a state
)
def _run_batch_first_cases(numbers, B, T, I, H, given=False):
    cell, x = random_cell(numbers, I, H), numbers(B, T, I)
    state = random_state(numbers, B, H) if given else None
    return {"cell": cell, "x": x, "state": state}, STATE if given else NO_STATE


wrong = Mistakes("The loop runs over the batch", _run_batch_first).edits("""
loop over the batch | the loop runs over axis 0, the batch: it treats each sequence as a step, and the state
    goes from one to the next. Without a given state no error tells you.
    state is None => False
    x.unbind(1) => x
    (outputs, dim=1) => (outputs)
loop over the batch, stacked on axis 1 | the loop runs over axis 0, the batch: it treats each sequence as a
    step, and the state goes from one to the next. In addition, the result is stacked on axis 1.
    state is None => False
    x.unbind(1) => x
a state of zeros for the batch, and a loop over it | the loop runs over axis 0, the batch: its steps are
    (T, I), but the state has B rows.
    x.unbind(1) => x
    (outputs, dim=1) => (outputs)
time first | output is (T, B, H), time first. Return the layout of x, (B, T, H). § The loop
    (outputs, dim=1) => (outputs)
stacked on the last axis | output is (B, H, T): stacked along the last axis. Time is axis 1. § The loop
    dim=1) => dim=-1)
joined along the units | the steps are concatenated along the units, (B, T*H). Time needs an axis of its own.
    torch.stack(outputs, dim=1) => torch.cat(outputs, dim=1) § The loop
x reshaped | you reshape x to time first. That fills the new shape with the numbers in memory order and mixes
    the sequences; it does not move an axis.
    x.unbind(1) => x.reshape(x.shape[1], x.shape[0], -1)
output reshaped | you reshape output from (T, B, H). That fills the new shape with the numbers in memory order
    and mixes the sequences; it does not move an axis.
    torch.stack(outputs, dim=1) => torch.stack(outputs).reshape(x.shape[0], x.shape[1], -1)
x and output reshaped | you reshape x and output. That fills the new shape with the numbers in memory order
    and mixes the sequences; it does not move an axis.
    x.unbind(1) => x.reshape(x.shape[1], x.shape[0], -1)
    torch.stack(outputs, dim=1) => torch.stack(outputs).reshape(x.shape[0], x.shape[1], -1)
needs a state | it fails without a state: None cannot be unpacked. Which state does torch start from then?
    zeros = x.new => h, c = state; zeros = x.new § The state is reset at each step
starts from ones | without a state it starts from ones. Which state does torch start from?
    new_zeros => new_ones § The state is reset at each step
""")


def _batch_first(run):
    """Return the task's function, built from a function of task 1."""

    def run_batch_first(cell, x, state=None):
        zeros = x.new_zeros(len(x), cell.hidden_size)
        output, state = run(cell, x.transpose(0, 1), state or (zeros, zeros))
        return output.transpose(0, 1), state

    return run_batch_first


SAME = (
    "state reset at each step; first state at each step; state ignored; c zero at each step; c collected; "
    "state passed as (c, h); collected before the step; time backwards; (c, h) returned; "
    "state with a layer axis"
)
wrong.extend(m for m in run_cell_mistakes.through(_batch_first) if m.name in SAME.split("; "))
wrong.edits("""
last step only | output is only the last h. Return the h of each of the T steps. § The loop
    torch.stack(outputs, dim=1) => state[0]
not stacked | output is a list of tensors. Return one tensor, (B, T, H). § The loop
    torch.stack(outputs, dim=1) => outputs
""")

run_batch_first = CHECKS.task(
    "run_batch_first",
    wrong,
    returns="output (B T H), h (B H), c (B H)",
    points="""
        output from a given state 1 = output where a state is given
        h and c from a given state 1 = h, c where a state is given
        without a state, too 1
    """,
    cases=_run_batch_first_cases,
    example={
        "cell": small_cell(torch.float32),
        "x": torch.tensor([[[1.0], [0.0], [-1.0]], [[0.0], [0.0], [2.0]]]),
        "state": None,
    },
    derive=flat,
    agree="torch.nn.LSTM's equations",
)


# ---- Task 3, cell_weights: one layer's weights under the names of a cell.
FIRST = Trait("layer is 0", "how the layer's number enters the names")
HIGHER = Trait("layer is not 0", "layer 0")
NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def _cell_weights(lstm, layer):
    weights = {name: getattr(lstm, f"{name}_l{layer}") for name in NAMES}
    return weights


@cases(
    0.7,
    "layer1 L2 I3 H4; layer0 L2 I4 H3; layer2 L4 I3 H5; layer1 L3 I4 H2; layer1 L2 I4 H4; layer0 L1 I4 H5",
    dtype=torch.float32,
)
def _cell_weights_cases(numbers, layer, L, I, H):
    lstm = random_module("LSTM", numbers, input_size=I, hidden_size=H, num_layers=L)
    return {"lstm": lstm, "layer": layer}, HIGHER if layer else FIRST


def _numbered() -> dict[str, torch.Tensor]:
    """Return two layers' weights for the example, numbered 1, 2, 3 …"""
    names = [f"{name}_l{layer}" for layer in range(2) for name in NAMES]
    weights = dict(zip(names, torch.arange(1.0, 33.0).chunk(8), strict=True))
    return {name: weight[:, None] if "weight" in name else weight for name, weight in weights.items()}


wrong = Mistakes("Equal to nn.LSTM", _cell_weights).edits("""
always layer 0 | these are layer 0's weights, whichever layer is requested. | _l{layer} => _l0
always the last layer | these are the last layer's weights, whichever layer is requested.
    _l{layer} => _l{lstm.num_layers - 1}
counted from 1 | the layer is one too low: layers count from 0. § Two layers from cells
    _l{layer} => _l{layer - 1}
the layer above | the layer is one too high: layers count from 0. § Two layers from cells
    _l{layer} => _l{layer + 1}
names of the layer | the names still end in the layer's number. A cell has no layers, so its names have no
    number.
    {name: getattr => {f"{name}_l{layer}": getattr
all layers | these are the weights of all layers. A cell has only one layer's.
    return weights => return dict(lstm.state_dict())
the cell itself | you return the cell. Return the dict of its four tensors, as cell.state_dict() gives it.
    return weights => return torch.nn.LSTMCell(1, 1)
biases exchanged | bias_ih and bias_hh are exchanged. The cell adds them, so its numbers stay right, but its
    training does not.
    return weights => return weights | {"bias_ih": weights["bias_hh"], "bias_hh": weights["bias_ih"]}
bias_ih twice | bias_hh is a second bias_ih: a typo?
    return weights => return weights | {"bias_hh": weights["bias_ih"]}
bias_hh twice | bias_ih is a second bias_hh: a typo?
    return weights => return weights | {"bias_ih": weights["bias_hh"]}
biases added | bias_ih holds the sum of both biases. Return the four tensors as they are.
    - return weights
    + both = weights["bias_ih"] + weights["bias_hh"]
    + return weights | {"bias_ih": both, "bias_hh": torch.zeros_like(both)}
weight_ih instead of weight_hh | weight_hh is a second weight_ih: a typo?
    return weights => return weights | {"weight_hh": weights["weight_ih"]}
weights exchanged | weight_ih and weight_hh are exchanged. Above layer 0 they have the same shape.
    return weights => return weights | {"weight_ih": weights["weight_hh"], "weight_hh": weights["weight_ih"]}
    § Two layers from cells
transposed | the weights are transposed. A cell has them in the layer's layout, (4H, I) and (4H, H).
    return weights => return {name: weight.t() for name, weight in weights.items()}
""")

cell_weights = CHECKS.task(
    "cell_weights",
    wrong,
    returns="weight_ih (4H I), weight_hh (4H H), bias_ih (4H), bias_hh (4H)",
    points="layer 0 1 where layer is 0; every layer 1",
    cases=_cell_weights_cases,
    example={
        "lstm": TorchModule("LSTM", {"input_size": 1, "hidden_size": 1, "num_layers": 2}, _numbered()),
        "layer": 1,
    },
    agree="the layer's own weights",
)


# ---- Task 4, run_cells: layers of cells.
ONE_LAYER = Trait("there is one layer", "what goes from layer to layer")
DEEP = Trait("there are several layers", "what you do with a single layer")


def _run_cells(cells, x, states):
    states, outputs = list(states), []
    for x_t in x:
        for layer, cell in enumerate(cells):
            h, c = cell(x_t, states[layer])
            states[layer] = h, c
            x_t = h
        outputs.append(h)
    h_n, c_n = (torch.stack(parts) for parts in zip(*states, strict=True))
    return torch.stack(outputs), (h_n, c_n)


@cases(
    0.7,
    "L2 T4 B3 I5 H6; L3 T2 B4 I5 H6",
    "L2 T3 B3 I4 H4",  # T = B, I = H: wrong axes and wrong inputs run
    "L3 T1 B4 I2 H5; L1 T3 B2 I4 H5",
)
def _run_cells_cases(numbers, L, T, B, I, H):
    cells, x = random_cells(numbers, L, I, H), numbers(T, B, I)
    states = [random_state(numbers, B, H) for _ in range(L)]
    return {"cells": cells, "x": x, "states": states}, DEEP if L > 1 else ONE_LAYER


wrong = Mistakes("Two layers from cells", _run_cells).edits("""
c goes up | the layer above reads c. What a cell shows is h. | x_t = h => x_t = c
every layer reads x | every layer reads x, which only runs where I = H. What should the layer above read?
    x_t = h =>
one state for all layers | one state goes from layer to layer. Each layer carries its own, from step to step.
    cell(x_t, states[layer]) => cell(x_t, states[0] if layer == 0 else (h, c))
layer 0's state for all | you pass the state of layer 0 to each layer.
    cell(x_t, states[layer]) => cell(x_t, states[0])
the states from the top down | you assign the given states from the top down, but states[0] belongs to layer
    0.
    list(states) => list(states)[::-1]
the h of the step before goes up | the layer above reads the h that the layer below had before this step: it
    comes one step late.
    states[layer] = h, c => x_t, states[layer] = states[layer][0], (h, c)
    x_t = h =>
first states at each step | each step starts from the given states: nothing is carried.
    states, outputs = list(states), [] => given, states, outputs = states, list(states), []
    cell(x_t, states[layer]) => cell(x_t, given[layer]) § The state is reset at each step
states reset at each step | each step starts from zeros: the states are not passed to the cells.
    cell(x_t, states[layer]) => cell(x_t) § The state is reset at each step
states ignored | the run starts from zeros, not from the given states.
    list(states) => [tuple(map(torch.zeros_like, pair)) for pair in states] § The state is reset at each step
c not carried | h is carried on, c is not: each step starts from c = 0. § The state is reset at each step
    states[layer] = h, c => states[layer] = h, torch.zeros_like(c)
layer 0 alone | only the first layer runs. | enumerate(cells) => enumerate(cells[:1])
one cell for all layers | layer 0's cell serves all layers, which only runs where I = H. Each layer has
    weights of its own.
    h, c = cell( => h, c = cells[0](
the cells from the top down | you run the cells from the last to the first, which only runs where I = H.
    enumerate(cells) => reversed(list(enumerate(cells)))
output of layer 0 | output is layer 0's h. Return the top layer's.
    outputs.append(h) => outputs.append(states[0][0])
c in the output | output holds the top layer's c. What a step shows is h.
    outputs.append(h) => outputs.append(c)
all layers in the output | output holds every layer's h, side by side. Return only the top layer's.
    outputs.append(h) => outputs.append(torch.cat([pair[0] for pair in states], dim=-1)) § Equal to nn.LSTM
collected within the layers | output has L*T entries: you append each layer's h, layer by layer.
    - outputs.append(h)
    +     outputs.append(h)
last step only | output is only the last h. Return the h of each of the T steps.
    return torch.stack(outputs) => return h § The last step instead of all
not stacked | output is a list of tensors. Return one tensor, (T, B, H). § The loop
    return torch.stack(outputs) => return outputs
stacked on axis 1 | output is (B, T, H): stacked along the wrong axis. Here time comes first, as in x.
    torch.stack(outputs) => torch.stack(outputs, dim=1) § The loop
the top layer's state alone | h_n and c_n are only the top layer's, (B, H). Return all layers', (L, B, H).
    (h_n, c_n) => (h, c) § Equal to nn.LSTM
h_n from the top down | h_n and c_n begin with the top layer. Layer 0 comes first. § Equal to nn.LSTM
    (h_n, c_n) => (h_n.flip(0), c_n.flip(0))
layers on axis 1 | h_n and c_n are (B, L, H). The layers come first. § Equal to nn.LSTM
    torch.stack(parts) for => torch.stack(parts, dim=1) for
(c_n, h_n) returned | you return the states as (c_n, h_n). Return (h_n, c_n), as torch does.
    (h_n, c_n) => (c_n, h_n) § Equal to nn.LSTM
a pair for each layer | you return a pair for each layer. Return two tensors, all h and all c, (L, B, H) each.
    § Equal to nn.LSTM
    (h_n, c_n) => states
loop over the batch | the loop runs over the batch, axis 1 of x: it treats each sequence as a step. That runs
    only where T = B. § The loop runs over the batch
    in x: => in x.transpose(0, 1):
""")

run_cells = CHECKS.task(
    "run_cells",
    wrong,
    returns="output (T B H), h_n (L B H), c_n (L B H)",
    points="output 2; h_n 1; c_n 1",
    cases=_run_cells_cases,
    example={
        "cells": [small_cell(), small_cell()],
        "x": THREE_STEPS.double(),
        "states": [(rows([0.0]), rows([1.0])), (rows([0.5]), rows([-1.0]))],
    },
    explain=explain.loop,
    derive=flat,
    agree="torch.nn.LSTM's equations",
)


# ---- Task 5, continue_alone: predictions fed back.
SINGLE_STEP = Trait("one step is requested", "what comes after the first prediction")
MANY_STEPS = Trait("several steps are requested", "when your loop stops")


def _continue_alone(cell, head, seen, steps):
    h = c = seen.new_zeros(seen.shape[1], cell.hidden_size)
    for x_t in seen:
        h, c = cell(x_t, (h, c))
    predictions = [head(h)]
    while len(predictions) < steps:
        h, c = cell(predictions[-1], (h, c))
        predictions.append(head(h))
    return torch.stack(predictions)


@cases(
    0.9,
    "steps4 S2 B3 I1 H5; steps3 S4 B5 I2 H6",
    "steps4 S3 B2 I3 H3",  # I = H: feeding back the state instead of the prediction runs
    "steps1 S4 B3 I2 H5",
    dtype=torch.float32,  # torch's default, as torch.zeros makes a state
)
def _continue_alone_cases(numbers, steps, S, B, I, H):
    cell, head = random_cell(numbers, I, H), random_head(numbers, H, I)
    arguments = {"cell": cell, "head": head, "seen": numbers(S, B, I), "steps": steps}
    return arguments, SINGLE_STEP if steps == 1 else MANY_STEPS


wrong = Mistakes("Feed the prediction back", _continue_alone).edits("""
the last seen value read twice | the last value seen is read twice: once with the others, and again to make
    the first prediction.
    predictions = [head(h)] => predictions = []
    cell(predictions[-1], => cell(predictions[-1] if predictions else seen[-1],
the first prediction missing | the first prediction is missing, so all others come one step early. What
    follows the last value seen?
    < steps => <= steps
    stack(predictions) => stack(predictions[1:])
the last seen value among them | the predictions begin with the last value seen.
    [head(h)] => [seen[-1], head(h)]
the last seen value at each step | each step reads the last value seen: the prediction is not fed back.
    cell(predictions[-1], => cell(seen[-1],
the first prediction at each step | each step reads the first prediction. What does step 3 read?
    cell(predictions[-1], => cell(predictions[0],
the prediction before the last | each step reads the second-to-last prediction: it is fed back one step late.
    cell(predictions[-1], => cell(predictions[-2] if len(predictions) > 1 else seen[-1],
state reset at each step | while predicting, each step starts from zeros: the state is not passed to the cell.
    cell(predictions[-1], (h, c)) => cell(predictions[-1]) § The state is reset at each step
state not carried | while predicting, each step starts from the state after the last value seen: its own new
    state is lost. § The state is reset at each step
    h, c = cell(predictions => new_h, _ = cell(predictions
    append(head(h)) => append(head(new_h))
state thrown away after reading | what was read is forgotten: predicting starts from zeros.
    predictions = [head(h)] => predictions, h, c = [head(h)], 0 * h, 0 * c § The state is reset at each step
only the last value read | only the last of the seen values counts: was the state reset, or was only that
    value read?
    in seen: => in seen[-1:]:
time backwards | the seen values are read from the last to the first. | in seen: => in seen.flip(0):
c zero at each step | while predicting, h is carried and c is not: each step starts from c = 0.
    cell(predictions[-1], (h, c)) => cell(predictions[-1], (h, 0 * c)) § One step, by hand
the state fed back | you feed back h instead of the prediction, which only runs where I = H.
    cell(predictions[-1], => cell(h,
states as predictions | these are the states h, (steps, B, H). The prediction is what the head computes from
    them.
    [head(h)] => [h]
    cell(predictions[-1], => cell(head(h),
    append(head(h)) => append(h)
the head on c | the head is applied to c. What a step shows is h. § One step, by hand
    [head(h)] => [head(c)]
    append(head(h)) => append(head(c))
one step too many | there is one prediction too many: steps + 1. | < steps => <= steps
one step too few | there is one prediction too few. | < steps => < steps - 1
predictions while reading, too | the predictions made while reading are included: S + steps - 1 in all. Return
    only those that come afterwards.
    h = c = seen => predictions = []; h = c = seen
    cell(x_t, (h, c)) => cell(x_t, (h, c)); predictions.append(head(h))
    predictions = [head(h)] =>
    < steps => < len(seen) + steps - 1
the last only | this is only the last prediction. Return those of all steps. § The last step instead of all
    torch.stack(predictions) => predictions[-1]
not stacked | this is a list of tensors. Return one tensor, (steps, B, I). § The loop
    torch.stack(predictions) => predictions
stacked on axis 1 | these are (B, steps, I): stacked along the wrong axis. Here time comes first. § The loop
    torch.stack(predictions) => torch.stack(predictions, dim=1)
joined, not stacked | the steps are concatenated along the batch, (steps*B, I). Time needs an axis of its own.
    torch.stack(predictions) => torch.cat(predictions) § The loop
""")

continue_alone = CHECKS.task(
    "continue_alone",
    wrong,
    returns="predictions (T B I)",
    points="the first prediction 1 where one step is requested; all of them 2",
    cases=_continue_alone_cases,
    example={"cell": small_cell(torch.float32), "head": small_head(), "seen": THREE_STEPS, "steps": 3},
    agree="a loop over the cell's equations",
)


# ---- Task 6, mixed: the true value at some steps, the net's own at others, and the gradient through it.
ALL_TRUE = Trait("every step reads the true value", "what a step reads instead of it")
SOME_OWN = Trait("some steps read the net's own prediction", "the steps that read the true value")


def _mixed(cell, head, x, forced):
    h = c = x.new_zeros(x.shape[1], cell.hidden_size)
    predictions = []
    for t, x_t in enumerate(x):
        if t > 0 and not forced[t]:
            x_t = predictions[-1].detach()
        h, c = cell(x_t, (h, c))
        predictions.append(head(h))
    predictions = torch.stack(predictions)
    (gradient,) = torch.autograd.grad(predictions.sum(), cell.weight_hh)
    return predictions, gradient


# forced: x is the true value, y the previous step's prediction.
@cases(
    0.9,
    "T5 B3 I2 H4 forced='xyyxy'; T4 B2 I1 H5 forced='yxyy'",
    "T5 B4 I3 H2 forced='yyxxy'; T2 B4 I5 H3 forced='xx'",
    dtype=torch.float32,
)
def _mixed_cases(numbers, T, B, I, H, forced):
    cell, head = random_cell(numbers, I, H), random_head(numbers, H, I)
    cell, head = (dataclasses.replace(module, trains=True) for module in (cell, head))
    arguments = {"cell": cell, "head": head, "x": numbers(T, B, I)}
    arguments["forced"] = torch.tensor([letter == "x" for letter in forced])
    return arguments, ALL_TRUE if set(forced) == {"x"} else SOME_OWN


wrong = Mistakes("Feed the prediction back", _mixed).edits("""
always the true value | each step reads the true value: `forced` is not used.
    t > 0 and not forced[t] => False
always its own | after the first step each step reads the net's own prediction: `forced` is not used.
    and not forced[t] =>
the other way round | the true value is read where `forced` is False, and the net's own where it is True.
    not forced[t] => forced[t]
forced of the step before | you look up `forced` one step too early: forced[t] says what step t reads.
    forced[t] => forced[t - 1]
zeros at first | where forced[0] is False the first step reads zeros. It has no prediction yet, so it should
    always read x[0].
    t > 0 and not => not
    predictions[-1].detach() => predictions[-1].detach() if t else 0 * x_t
the true value of the step before | where a step should read its own prediction, it reads the previous step's
    true value.
    predictions[-1].detach() => x[t - 1]
the first prediction | where a step should read its latest prediction, it reads the first one.
    predictions[-1] => predictions[0]
not detached | the gradient also goes through the predictions that are fed back: they are not detached.
    predictions[-1].detach() => predictions[-1] § no_grad or detach
the state detached, too | the gradient ends at each step: the states are detached. Only what is fed back
    should be. § no_grad or detach
    cell(x_t, (h, c)) => cell(x_t, (h.detach(), c.detach()))
the state detached, the prediction not | the states are detached, but the prediction that is fed back is not.
    predictions[-1].detach() => predictions[-1]
    cell(x_t, (h, c)) => cell(x_t, (h.detach(), c.detach())) § no_grad or detach
the state detached where it feeds itself | where a step reads its own prediction, the states are detached as
    well: there the gradient ends. § no_grad or detach
    x_t = predictions[-1].detach() => x_t, h, c = predictions[-1].detach(), h.detach(), c.detach()
state reset at each step | each step starts from zeros: the state is not passed to the cell.
    cell(x_t, (h, c)) => cell(x_t) § The state is reset at each step
c zero at each step | h is carried on, c is not: each step starts from c = 0. § One step, by hand
    (x_t, (h, c)) => (x_t, (h, torch.zeros_like(c)))
gradient of the head's weight | this is the gradient of head.weight. Return that of cell.weight_hh.
    cell.weight_hh) => head.weight) § no_grad or detach
gradient of weight_ih | this is the gradient of cell.weight_ih. Return that of cell.weight_hh.
    cell.weight_hh) => cell.weight_ih) § no_grad or detach
gradient of the last step | this is the gradient of only the last prediction. Return that of the sum of all.
    § no_grad or detach
    predictions.sum() => predictions[-1].sum()
gradient of the mean | this is the gradient of the predictions' mean. Return that of their sum.
    predictions.sum() => predictions.mean() § no_grad or detach
the gradient in a tuple | you return the gradient as torch.autograd.grad gives it, in a tuple of length one.
    Return the tensor in it. § no_grad or detach
    (gradient,) = torch => gradient = torch
not stacked | predictions is a list of tensors. Return one tensor, (T, B, I). § The loop
    return predictions, => return list(predictions),
""")

mixed = CHECKS.task(
    "mixed",
    wrong,
    returns="predictions (T B I), gradient (4H H)",
    points="predictions 2; gradient 1",
    section="no_grad or detach",
    cases=_mixed_cases,
    example={
        "cell": small_cell(torch.float32, trains=True),
        "head": small_head(trains=True),
        "x": THREE_STEPS,
        "forced": torch.tensor([True, True, False]),
    },
    agree="autograd through a loop over the cell",
)


# ---- Task 7, greedy: whole numbers fed back, each sequence until it ends.
GOES_ON = Trait("a sequence continues to the last step", "what you do once all sequences have ended")
ALL_END = Trait("all sequences end before the last step", "sequences that have not ended")


def _greedy(cell, embedding, head, token, state, end, steps):
    h, c = state
    ended = torch.zeros(len(token), dtype=torch.bool)
    tokens = []
    for _ in range(steps):
        new_h, new_c = cell(embedding[token], (h, c))
        h = torch.where(ended[:, None], h, new_h)
        c = torch.where(ended[:, None], c, new_c)
        token = head(h).argmax(dim=-1)
        token = torch.where(ended, end, token)
        ended = ended | (token == end)
        tokens.append(token)
    return torch.stack(tokens), (h, c)


def _draw(numbers, steps: int, B: int, I: int, H: int, V: int, all_end: bool) -> dict | None:
    """Draw arguments once; return None if no token ends the sequences at steps that reveal mistakes."""
    cell, head = random_cell(numbers, I, H), random_head(numbers, H, V)
    arguments = {"cell": cell, "embedding": 2 * numbers(V, I), "head": head}
    arguments |= {"token": numbers(B, V).argmax(dim=-1), "state": random_state(numbers, B, H)}
    built = {**arguments, "cell": cell.build(), "head": head.build()}
    free, _ = _greedy(**built, end=-1, steps=steps)  # -1: no token ends it
    for end in range(1, V):
        ends = [row.tolist().index(end) if end in row else steps for row in free.T]
        if end in arguments["token"] or len(free.unique()) < 3:
            continue
        if all_end and min(ends) < max(ends) < steps - 1:
            return {**arguments, "end": end, "steps": steps}
        if not all_end and 0 < min(ends) < steps - 2 and max(ends) == steps:
            return {**arguments, "end": end, "steps": steps}
    return None


@functools.cache  # it takes many draws
@cases(1.2, "steps6 B4 I3 H5 V7; steps5 B3 I2 H6 V4; steps6 B2 I3 H5 V4 all_end; steps7 B3 I4 H5 V6 all_end")
def _greedy_cases(numbers, steps, B, I, H, V, all_end=False):
    arguments = None
    while arguments is None:
        arguments = _draw(numbers, steps, B, I, H, V, all_end)
    return arguments, ALL_END if all_end else GOES_ON


wrong = Mistakes("Feed the prediction back", _greedy).edits("""
no end | `end` is not used: the sequences continue after it.
    token = torch.where(ended, end, token) =>
    ended = ended | (token == end) =>
the state goes on | the tokens stay at `end`, but the state of an ended sequence keeps changing.
    h = torch.where(ended[:, None], h, new_h) => h = new_h
    c = torch.where(ended[:, None], c, new_c) => c = new_c
c goes on | the h of an ended sequence stays, but its c keeps changing.
    c = torch.where(ended[:, None], c, new_c) => c = new_c
h goes on | the c of an ended sequence stays, but its h keeps changing.
    h = torch.where(ended[:, None], h, new_h) => h = new_h
the state without the last step | the state of an ended sequence is the one before the step that gave `end`.
    But that step counts.
    - h = torch.where(ended[:, None], h, new_h)
    - c = torch.where(ended[:, None], c, new_c)
    + ends = (ended | (head(new_h).argmax(dim=-1) == end))[:, None]
    + h, c = torch.where(ends, h, new_h), torch.where(ends, c, new_c)
    head(h) => head(new_h)
ended only while the token is end | a sequence that has ended starts again: it stays ended for only one step.
    ended = ended | (token == end) => ended = (token == end) & ~ended
one end for all | the first sequence to end stops all others.
    ended = ended | (token == end) => ended = ended | (token == end).any()
shorter when all have ended | the loop stops when all sequences have ended, with fewer than `steps` rows.
    Always return `steps` rows.
    for _ in range(steps): => while len(tokens) < steps and not ended.all():
0 after the end | after its end a sequence has the token 0. It should have `end`, which is a different token.
    torch.where(ended, end, token) => torch.where(ended, 0, token)
the given token at each step | each step reads the given token: its own is not fed back.
    tokens = [] => tokens, given = [], token
    embedding[token] => embedding[given]
collected before the step | the tokens begin with the given one: you append each one before its step, so
    everything comes one step late.
    new_h, new_c = cell( => tokens.append(token); new_h, new_c = cell(
    tokens.append(token) =>
the given token among them | there are steps + 1 rows: the given token is among them.
    tokens = [] => tokens = [token]
a mixture fed back | you feed back a mixture of all embeddings, weighted by softmax. Feed back that of the
    chosen token.
    tokens = [] => tokens, x_t = [], embedding[token]
    cell(embedding[token], => cell(x_t,
    tokens.append(token) => tokens.append(token); x_t = head(h).softmax(dim=-1) @ embedding
the least likely | the token is that of the smallest score. | argmax => argmin
the head on c | the head is applied to c. What a step shows is h. § One step, by hand | head(h) => head(c)
state reset at each step | each step starts from zeros: the state is not passed to the cell.
    (embedding[token], (h, c)) => (embedding[token]) § The state is reset at each step
the first state at each step | each step starts from the given state. Which one should step 2 start from?
    § The state is reset at each step
    (embedding[token], (h, c)) => (embedding[token], state)
c zero at each step | h is carried on, c is not: each step starts from c = 0. § One step, by hand
    (embedding[token], (h, c)) => (embedding[token], (h, torch.zeros_like(c)))
state ignored | the run starts from zeros, not from the given state. § The state is reset at each step
    h, c = state => h, c = map(torch.zeros_like, state)
batch first | the tokens are (B, steps): stacked along the wrong axis. Here time comes first. § The loop
    torch.stack(tokens) => torch.stack(tokens, dim=1)
the last only | these are only the last tokens. Return those of all steps. § The loop
    torch.stack(tokens) => token
not stacked | the tokens are a list of tensors. Return one tensor, (steps, B). § The loop
    torch.stack(tokens) => tokens
""")

greedy = CHECKS.task(
    "greedy",
    wrong,
    returns="tokens (T B) int, h (B H), c (B H)",
    points="tokens 2; h 1; c 1",
    cases=_greedy_cases,
    example={
        "cell": cell_of([-4.0, 2.0, 3.0, 4.0], [2.0, -4.0, 3.0, -3.0], [2.0, 2.0, -2.0, -2.0]),
        "embedding": torch.tensor([[-1.0], [1.0], [-1.0]]),
        "head": TorchModule(
            "Linear",
            {"in_features": 1, "out_features": 3},
            {"weight": torch.tensor([[2.0], [-3.0], [-4.0]]), "bias": torch.tensor([-1.0, 0.0, -0.5])},
        ),
        "token": torch.tensor([0, 1]),
        "state": (torch.zeros(2, 1), torch.zeros(2, 1)),
        "end": 2,
        "steps": 5,
    },
    derive=flat,
    agree="a loop over the cell's equations",
)

"""The checks of exercise set 11: layers upon layers, what each reads, and where dropout goes."""

import torch

from rnncourse.checks.framework.authoring import (
    LAYER,
    MORE_STEPS,
    ONE_STEP,
    Case,
    ExerciseSet,
    Mistakes,
    Trait,
    cases,
    random_cells,
    random_module,
    random_numbers,
)
from rnncourse.checks.uses.stacking_and_dropout import described_mask

CHECKS = ExerciseSet("11", "Stacking and dropout")


# ---- Task 1, stack_shapes: a deep, bidirectional LSTM with dropout, read off its options.
# nn.LSTM(11, 3, num_layers=4, bidirectional=True, dropout=0.5), called with (T=7, B=5, I=11)
TRUTH = {
    "weight_ih_l0": (12, 11),
    "weight_ih_l1": (12, 6),
    "weight_hh_l1": (12, 3),
    "output": (7, 5, 6),
    "h_n": (8, 5, 3),
    "top_row": 6,
    "masks": 3,
}

wrong = Mistakes("What a layer costs", TRUTH).edits("""
weight_ih_l0 transposed | Torch stores it the other way round: the rows are what it computes.
    weight_ih_l0 => (11, 12)
weight_ih_l0 of one gate | That is one gate's share. How many gates does an LSTM have?
    weight_ih_l0 => (3, 11)
layer 1 reads x | That would read x. What does layer 1 read? § What the next layer reads
    weight_ih_l1 => (12, 11)
layer 1 reads one direction | That would read one direction of the layer below. § Two directions below
    weight_ih_l1 => (12, 3)
layer 1 transposed | Torch stores it the other way round: the rows are what it computes.
    weight_ih_l1 => (6, 12)
weight_hh of both | In time a cell reads its own h, not that of the other direction. § Two directions below
    weight_hh_l1 => (12, 6)
weight_hh of one gate | That is one gate's share. How many gates does an LSTM have? | weight_hh_l1 => (3, 3)
output of one direction | That is one direction's. What lies side by side in output? § Two directions below
    output => (7, 5, 3)
output of all layers | That would hold every layer. Which layer does output show? § What the next layer reads
    output => (7, 5, 24)
output batch first | The layer is not batch_first: which axis comes first? § What the next layer reads
    output => (5, 7, 6)
h_n of one direction | That has a row for each layer. How many cells does a layer have here?
    § Two directions below
    h_n => (4, 5, 3)
h_n side by side | The directions lie side by side in output, but not in h_n. § Two directions below
    h_n => (4, 5, 6)
h_n of the top | That is only the top layer's. Whose final states are in h_n? § What the next layer reads
    h_n => (2, 5, 3)
top row is the layer | That is the layer's number. How many rows does each layer have? § Two directions below
    top_row => 3
top row from the end | That is the right row, but counted from the end. Give its number from 0.
    top_row => -2 § What the next layer reads
top row backward | That is the top layer's backward direction. § Two directions below | top_row => 7
top row is the bottom | That is layer 0: the rows go from the bottom up. § What the next layer reads
    top_row => 0
one mask | More than one mask is drawn: there are four layers. Where is dropout applied?
    masks => 1 § Where dropout goes
masks everywhere | One too many: x is read whole, and output is returned whole. § Where dropout goes
    masks => 4
masks around | Two too many: x is read whole, and output is returned whole. § Where dropout goes | masks => 5
masks by direction | Both directions of a layer read the same masked sequence. § Where dropout goes
    masks => 6
masks by step | Count tensors (T, B, D*H): each holds all steps. § Where dropout goes | masks => 21
""")

stack_shapes = CHECKS.predicted(
    "stack_shapes",
    wrong,
    points="""
        the parameters 1 = weight_ih_l0, weight_ih_l1, weight_hh_l1
        the results and the row 1 = output, h_n, top_row
        the masks 1 = masks
    """,
)


# ---- Task 2, parameters_by_layer: what each layer costs.
def _parameters_by_layer(gates, input_size, hidden_size, num_layers, bidirectional):
    I, H, D = input_size, hidden_size, 2 if bidirectional else 1
    reads = [I] + [D * H] * (num_layers - 1)
    counts = torch.tensor([D * gates * H * (wide + H + 2) for wide in reads])
    return counts


def _parameters_by_layer_case(gates: int, I: int, H: int, L: int, both: bool) -> Case:
    options = {"input_size": I, "hidden_size": H, "num_layers": L, "bidirectional": both}
    return Case({"gates": gates} | options, {"I": I, "H": H, "L": L})


def _parameters_by_layer_cases(seed: int) -> list[Case]:
    random = torch.Generator().manual_seed(seed)

    def between(low: int, high: int) -> int:
        return int(torch.randint(low, high, (), generator=random))

    return [
        _parameters_by_layer_case(gates, between(20, 40), between(6, 19), layers, both)
        for gates, layers, both in ((4, 3, False), (4, 2, True), (3, 4, True), (1, 5, False), (3, 1, True))
    ]


wrong = Mistakes("What a layer costs", _parameters_by_layer).edits("""
one bias | you count one bias vector for each cell. torch has two. | + 2) => + 1)
no bias | you do not count the biases. | wide + H + 2 => wide + H
biases not of each gate | you count the biases for only one gate.
    gates * H * (wide + H + 2) => (gates * H * (wide + H) + 2 * H)
all read x | each layer's count contains I. What does layer 1 read? | [D * H] => [I]
upper layers read one direction | from layer 1 on you count H columns of weight_ih. What does a layer read
    with two directions? § Two directions below
    [D * H] => [H]
one direction counted | you count only one of two directions. | D * gates => gates
directions not at all | you count as if there were one direction. § Two directions below
    2 if bidirectional else 1 => 1
weight_hh reads both | you count weight_hh too wide: in time a cell reads its own h. § Two directions below
    wide + H + 2 => wide + D * H + 2
one gate | you count only one gate. | D * gates * H => D * H
four gates | you always count four gates. How many does a GRU have? | D * gates * H => D * 4 * H
weight_hh left out | you do not count weight_hh. | wide + H + 2 => wide + 2
weight_ih left out | you do not count weight_ih. | wide + H + 2 => H + 2
layer 0 as the others | layer 0 reads x, and x has I numbers. | [I] + [D * H] => [D * H] + [D * H]
layer 0 times L | you count every layer like layer 0, in one direction. What does layer 1 read?
    [D * H] => [I]
    2 if bidirectional else 1 => 1
from the top down | right, except for the order: layer 0 comes first. | return counts => return counts.flip(0)
all together | this is the sum over the layers. Return each layer's own count.
    return counts => return counts.sum()
""")

parameters_by_layer = CHECKS.task(
    "parameters_by_layer",
    wrong,
    returns="counts (L) int",
    points="counts 3",
    cases=_parameters_by_layer_cases,
    example=_parameters_by_layer_case(4, 10, 20, 3, False).arguments,
    forbid=frozenset({"torch.nn.RNN", "torch.nn.LSTM", "torch.nn.GRU", "rnncourse"}),
    agree="torch's own",
)


# ---- Task 3, stack_cells: nn.LSTM(num_layers=L) from L cells.
ONE_LAYER = Trait("there is one layer", "what goes from layer to layer")
MORE_LAYERS = Trait("there are several layers", "what you do with one layer")


def _stack_cells(cells, x, h_0, c_0):
    hs, cs, outputs = list(h_0), list(c_0), []
    for x_t in x:
        u = x_t
        for k, cell in enumerate(cells):
            hs[k], cs[k] = cell(u, (hs[k], cs[k]))
            u = hs[k]
        outputs.append(u)
    return torch.stack(outputs), torch.stack(hs), torch.stack(cs)


def _stack_cells_arguments(numbers, T, B, I, H, L):
    cells = random_cells(numbers, L, I, H)
    return {"cells": cells, "x": numbers(T, B, I), "h_0": numbers(L, B, H), "c_0": numbers(L, B, H)}


@cases(
    0.7,
    "T4 B5 I6 H3 L2; T4 B2 I5 H6 L3",
    "T5 B2 I4 H4 L3",  # I = H: a layer that reads x runs
    "T4 B3 I2 H5 L1; T1 B5 I2 H4 L3",
)
def _stack_cells_cases(numbers, T, B, I, H, L):
    traits = ONE_LAYER if L == 1 else MORE_LAYERS, ONE_STEP if T == 1 else MORE_STEPS
    return _stack_cells_arguments(numbers, T, B, I, H, L), *traits


wrong = Mistakes("What the next layer reads", _stack_cells).edits("""
each layer reads x | every layer reads x_t. § What people get wrong
    u = hs[k] => pass
    outputs.append(u) => outputs.append(hs[-1])
c goes up | the next layer reads c of the layer below, so output shows c as well. § What people get wrong
    u = hs[k] => u = cs[k]
c goes up, h comes out | the next layer reads c of the layer below. § What people get wrong
    u = hs[k] => u = cs[k]
    outputs.append(u) => outputs.append(hs[-1])
c comes out | output holds the top layer's c. | outputs.append(u) => outputs.append(cs[-1])
layer 0 comes out | output holds layer 0's h. | outputs.append(u) => outputs.append(hs[0])
states from the top down | you use h_0 and c_0 from the top down: layer 0 begins with the last row.
    list(h_0), list(c_0) => list(h_0.flip(0)), list(c_0.flip(0))
h_0 from the top down | you use h_0 from the top down, but not c_0. | list(h_0) => list(h_0.flip(0))
all layers begin in row 0 | every layer begins from row 0 of h_0 and c_0.
    list(h_0), list(c_0) => [h_0[0] for _ in h_0], [c_0[0] for _ in c_0]
upper layers begin from zeros | from layer 1 on, h_0 and c_0 are not used.
    list(h_0), list(c_0) => [h_0[0], *torch.zeros_like(h_0[1:])], [c_0[0], *torch.zeros_like(c_0[1:])]
begins from zeros | h_0 and c_0 are not used.
    list(h_0), list(c_0) => list(torch.zeros_like(h_0)), list(torch.zeros_like(c_0))
reset at each step | each step begins from h_0 and c_0 again: nothing is carried. § The whole recurrence
    u = x_t => u, hs, cs = x_t, list(h_0), list(c_0)
c not carried | each step begins from c_0 again: h is carried, c is not. § The whole recurrence
    u = x_t => u, cs = x_t, list(c_0)
one cell for all | cells[0] computes every layer. § What people get wrong
    hs[k], cs[k] = cell(u => hs[k], cs[k] = cells[0](u
cells from the top down | the last of the cells reads x: the layers are upside down.
    enumerate(cells) => enumerate(cells[::-1])
(c, h) into the cell | you pass (c, h) to the cell. In which order does it take its state?
    § The whole recurrence
    (hs[k], cs[k])) => (cs[k], hs[k]))
h_n from the top down | output is right, but h_n and c_n are from the top down.
    torch.stack(hs), torch.stack(cs) => torch.stack(hs[::-1]), torch.stack(cs[::-1])
h of the step before goes up | a layer reads what the layer below had one step earlier. § The whole recurrence
    u = x_t => u, late = x_t, list(hs)
    u = hs[k] => u = late[k]
    outputs.append(u) => outputs.append(hs[-1])
the state goes up | a layer begins its step from the state in which the layer below has just ended. Which
    state belongs to a layer? § The whole recurrence
    outputs = list(h_0), list(c_0), [] => outputs, (h, c) = list(h_0), list(c_0), [], (h_0[0], c_0[0])
    hs[k], cs[k] = cell(u, (hs[k], cs[k])) => hs[k], cs[k] = h, c = cell(u, (h, c))
""")


def _layer(cell, x, h, c):
    outputs = []
    for x_t in x:
        h, c = cell(x_t, (h, c))
        outputs.append(h)
    return torch.stack(outputs), h, c


@wrong(
    "a layer begins where the one below ended",
    "a layer begins from the state in which the layer below ended. Which row of h_0 is its own?",
)
def _(cells, x, h_0, c_0):
    ends = [(h_0[0], c_0[0])]
    for cell in cells:
        x, *end = _layer(cell, x, *ends[-1])
        ends.append(end)
    return x, *(torch.stack(parts) for parts in zip(*ends[1:], strict=True))


@wrong(
    "only the last h goes up",
    "the layer above reads the last h of the layer below, at every step. What should it read at step t?",
)
def _(cells, x, h_0, c_0):
    ends = []
    for cell, h, c in zip(cells, h_0, c_0, strict=True):
        output, *end = _layer(cell, x, h, c)
        ends.append(end)
        x = output[-1:].expand_as(output)
    return output, *(torch.stack(parts) for parts in zip(*ends, strict=True))


wrong.edits("""
collected states overwritten | output is the last step's h at every step: later steps overwrite in place what
    you collected.
    torch.stack(outputs) => torch.stack([u] * len(x))
""")

stack_cells = CHECKS.task(
    "stack_cells",
    wrong,
    returns="output (T B H), h_n (L B H), c_n (L B H)",
    points="output 2; h_n 1; c_n 1",
    section="The whole recurrence",
    cases=_stack_cells_cases,
    example=_stack_cells_arguments(random_numbers(1, 0.7), 2, 1, 1, 1, 2),
    forbid=LAYER,
    agree="nn.LSTM(num_layers=L)",
)


# ---- Task 4, run_with_masks: dropout between layers, with given masks.
TRAINING = Trait("training is True", "what you do when training is False")
EVAL = Trait("training is False", "what you do with the masks")


def _run_with_masks(layers, x, keep, p, training):
    u, ends = x, []
    for k, layer in enumerate(layers):
        if k > 0 and training:
            u = u * keep[k - 1] / (1 - p)
        u, (h, _) = layer(u)
        ends.append(h[0])
    h_n = torch.stack(ends)
    return u, h_n


def _run_with_masks_arguments(numbers, T, B, I, H, L, p, training):
    layers = [random_module("LSTM", numbers, input_size=H if k else I, hidden_size=H) for k in range(L)]
    random = torch.Generator().manual_seed(int(1e6 * numbers(1).abs()))
    keep = torch.rand(L - 1, T, B, H, generator=random) >= p
    return {"layers": layers, "x": numbers(T, B, I), "keep": keep, "p": p, "training": training}


@cases(
    0.7,
    "T5 B6 I2 H7 L3 p=0.4 training; T3 B2 I5 H7 L4 p=0.3 training",
    "T5 B4 I6 H6 L3 p=0.4 training",  # I = H: a mask on x runs
    "T4 B5 I3 H6 L2 p=0.25 training; T4 B5 I2 H6 L3 p=0.4; T5 B2 I3 H4 L1 p=0.3",
)
def _run_with_masks_cases(numbers, T, B, I, H, L, p, training=False):
    arguments = _run_with_masks_arguments(numbers, T, B, I, H, L, p, training)
    return arguments, TRAINING if training else EVAL


wrong = Mistakes("Where dropout goes", _run_with_masks).edits("""
not scaled | what is kept is not scaled up. | / (1 - p) =>
scaled by 1/p | what is kept is divided by p. With which probability is it kept? | (1 - p) => p
scaled by p | what is kept is multiplied by p. With which probability is it kept? | / (1 - p) => * p
scaled down | what is kept becomes smaller: it is multiplied by 1 - p. | / (1 - p) => * (1 - p)
keep inverted | what keep marks is dropped, and the rest is kept. | keep[k - 1] => ~keep[k - 1]
in evaluation too | the masks are also applied when training is False. | k > 0 and training => k > 0
only in evaluation | the masks are applied only when training is False. | and training => and not training
no masks | the masks are not used. | u * keep[k - 1] / (1 - p) => u
one mask for all layers | keep[0] is used between all layers, but each gap has its own.
    keep[k - 1] => keep[0]
masks from the top down | the masks are used from the last to the first. | keep[k - 1] => keep[-k]
one mask for all steps | the mask of step 0 is used at every step. Here each step has its own.
    keep[k - 1] => keep[k - 1, 0] § Why not in time?
one mask for the batch | the mask of the first sequence is used for the whole batch.
    keep[k - 1] => keep[k - 1, :, :1]
after the last layer, too | output is dropped as well, but dropout is never applied after the last layer.
    return u, => return (u * keep[-1] / (1 - p) if training else u),
after the last layer alone | output is dropped, but nothing is dropped between the layers.
    k > 0 and training => False
    return u, => return (u * keep[-1] / (1 - p) if training else u),
one layer too early | each mask comes one layer too early, the first one on x. x should be read as it is.
    k > 0 and => k < len(keep) and
    keep[k - 1] => keep[k]
on x, too | x is dropped as well, but dropout is only applied between layers.
    u, ends = x => u, ends = x * keep[0] / (1 - p) if training else x
h_n of the masked copy | output is right. But h_n holds the masked copy that goes up, and a layer's own final
    h is whole.
    ends.append(h[0]) => ends.append(u[-1] * keep[k, -1] / (1 - p) if k < len(keep) and training else h[0])
scaled in evaluation instead | nothing is scaled in training, and in evaluation everything is multiplied by
    1 - p. That is an old form of dropout; torch scales in training.
    k > 0 and training => k > 0
    u * keep[k - 1] / (1 - p) => u * keep[k - 1] if training else u * (1 - p)
""")


@wrong("the last mask in time", "the mask is on what a layer carries from step to step.", "Why not in time?")
def _(layers, x, keep, p, training):
    u, ends = x, []
    for k, layer in enumerate(layers):
        state, outputs = None, []
        for t in range(len(x)):
            h, state = layer(u[t : t + 1], state)
            if training and k < len(keep):
                state = (state[0] * keep[k, t] / (1 - p), state[1])
                h = state[0]
            outputs.append(h)
        u = torch.cat(outputs)
        ends.append(state[0][0])
    return u, torch.stack(ends)


wrong.edits("""
h_n is output's | h_n is taken from output. Which layers' final h does output have?
    return u, h_n => return u, u[-1].expand_as(h_n) § What the next layer reads
""")

run_with_masks = CHECKS.task(
    "run_with_masks",
    wrong,
    returns="output (T B H), h_n (L B H)",
    points="""
        output in training 2 = output where training is True
        h_n in training 1 = h_n where training is True
        in training and in evaluation 1
    """,
    cases=_run_with_masks_cases,
    example=_run_with_masks_arguments(random_numbers(8, 0.7), 3, 1, 1, 1, 2, 0.5, True),
    forbid=frozenset({"rnncourse"}),
    agree="nn.LSTM with these masks",
)


# ---- Task 5, locked_dropout: one mask for the whole sequence.
def _locked_dropout(x, p, training):
    if training:
        mask = torch.rand_like(x[:1]) >= p
        x = x * mask / (1 - p)
    return x


def _locked_dropout_cases(seed: int) -> list[Case]:
    def case(seed: int, T: int, B: int, H: int, p: float) -> Case:
        x = random_numbers(seed, 1.0)(T, B, H)
        x = torch.where(x.abs() < 0.1, torch.ones_like(x), x)  # no zero, so that a zero is a dropped number
        return Case({"x": x, "p": p, "seed": seed}, {"T": T, "B": B, "H": H})

    # So many units that even a mask drawn once for the whole batch drops its share.
    sizes = [(3, 10, 1500, 0.3), (4, 9, 1600, 0.6), (5, 8, 1700, 0.2), (2, 20, 30, 0.0)]
    return [case(seed + k, *size) for k, size in enumerate(sizes)]


wrong = Mistakes("Why not in time?", _locked_dropout).edits("""
new at each step | each step has a mask of its own. That is nn.LSTM's dropout; locked means one mask for all
    steps.
    rand_like(x[:1]) => rand_like(x)
one for the batch | all sequences of the batch share one mask. | rand_like(x[:1]) => rand_like(x[:1, :1])
locked over the batch | the mask is the same for all sequences and new at each step: the wrong axis is locked.
    rand_like(x[:1]) => rand_like(x[:, :1])
    look: Which axis of x is time?
whole sequences dropped | all units of a sequence share one number: whole sequences are dropped, not units.
    rand_like(x[:1]) => rand_like(x[:1, :, :1])
steps dropped | all units of a step are dropped together: the mask runs over the steps, not over the units.
    rand_like(x[:1]) => rand_like(x[:, :, :1])
not scaled | what is kept is not scaled up. § Where dropout goes | / (1 - p) =>
scaled by 1 - p | what is kept becomes smaller. § Where dropout goes | / (1 - p) => * (1 - p)
scaled by p | what is kept is multiplied by p. § Where dropout goes | / (1 - p) => * p
kept with p | the share that is dropped is 1 - p: you use p as the probability of being kept.
    >= p => < p § Where dropout goes
in evaluation too | numbers are also dropped in evaluation. § Where dropout goes | if training: => if True:
only in evaluation | nothing is dropped in training, and something is in evaluation. § Where dropout goes
    if training: => if not training:
never | nothing is ever dropped. § Where dropout goes | if training: => if False:
drawn only once | each call has the same mask: a seed set inside, or a mask saved from the first call?
    torch.rand_like(x[:1]) => torch.rand(x[:1].shape, generator=torch.Generator().manual_seed(0))
noise, not dropout | nothing is set to zero: x is multiplied by the random numbers themselves.
    >= p =>
    § Where dropout goes
scaled in evaluation instead | nothing is scaled in training, and in evaluation everything is multiplied by
    1 - p. That is an old form of dropout; torch scales in training. § Where dropout goes
    / (1 - p) =>
    return x => return x if training else x * (1 - p)
functional.dropout of x | you call functional.dropout without `training`: it always drops, with a new mask at
    each step.
    if training: => if False:
    return x => return torch.nn.functional.dropout(x, p)
""")

locked_dropout = CHECKS.task(
    "locked_dropout",
    wrong,
    returns="evaluation flag, share_dropped number to 0.05, scale number, steps_share_it flag, "
    "sequences_share_it flag, units_share_it flag, calls_share_it flag",
    points="""
        x itself in evaluation, dropout in training 1 = evaluation, share_dropped
        scaled 1 = scale, share_dropped
        one mask for all steps 1 = steps_share_it, share_dropped
        drawn again for each sequence, unit and call 1 = sequences_share_it, units_share_it, calls_share_it
    """,
    cases=_locked_dropout_cases,
    use=described_mask,
    forbid=frozenset({"rnncourse"}),
)


# ---- Task 6, residual_stack: a path around each layer.
EQUAL_WIDTHS = Trait("I = H", "what you do where the widths differ")
OTHER_WIDTH = Trait("I and H differ", "what you do where the widths are equal")


def _residual_stack(layers, x):
    u, ends = x, []
    for layer in layers:
        hs, h = layer(u)
        u = hs + u if hs.shape == u.shape else hs
        ends.append(h[0])
    h_n = torch.stack(ends)
    return u, h_n


def _residual_stack_arguments(numbers, T, B, I, H, L):
    layers = [random_module("GRU", numbers, input_size=H if k else I, hidden_size=H) for k in range(L)]
    return {"layers": layers, "x": numbers(T, B, I)}


@cases(0.7, "T5 B2 I4 H6 L3; T6 B3 I2 H5 L4; T5 B4 I6 H6 L3; T4 B2 I3 H3 L5; T3 B4 I6 H5 L2")
def _residual_stack_cases(numbers, T, B, I, H, L):
    return _residual_stack_arguments(numbers, T, B, I, H, L), EQUAL_WIDTHS if I == H else OTHER_WIDTH


wrong = Mistakes("Counting the paths", _residual_stack).edits("""
no way past | nothing is added: this is a plain stack. | hs + u if => hs if
h_n of the sum | output is right. But h_n holds the sum that goes up, and a layer's state is its own h.
    h[0] => u[-1]
mean | you average the two: the path around a layer has a factor of 1/2. | hs + u if => (hs + u) / 2 if
product | you multiply the two instead of adding them. | hs + u if => hs * u if
difference | you subtract what a layer has read instead of adding it. | hs + u if => hs - u if
added twice | what a layer has read is added twice. | hs + u if => hs + 2 * u if
layer left out | where the widths are equal the layer itself is missing in what goes up. | hs + u if => u if
x added everywhere | x is added at every layer where it fits. What has layer 2 read?
    hs + u if hs.shape == u.shape => hs + x if hs.shape == x.shape
not past the last | there is no path around the last layer.
    hs.shape == u.shape => hs.shape == u.shape and layer is not layers[-1]
not past the first | there is no path around the first layer, not even where I = H.
    hs.shape == u.shape => layer is not layers[0]
past the last alone | something is added only after the last layer.
    hs.shape == u.shape => hs.shape == u.shape and layer is layers[-1]
past the whole stack | the layers are a plain stack, and x is added at its end.
    hs + u if hs.shape == u.shape else hs => hs
    return u, => return (u + x if u.shape == x.shape else u),
the output below added | you add the h of the layer below, without the sum that it was part of.
    u, ends = x, [] => u, ends, below = x, [], x
    u = hs + u if hs.shape == u.shape else hs => u, below = hs + below if hs.shape == below.shape else hs, hs
h_n is output's | h_n is taken from output, for all layers. But each layer has its own final h.
    return u, h_n => return u, u[-1].expand_as(h_n) § What the next layer reads
each layer reads x | every layer reads x where it can. § What the next layer reads | layer(u) => layer(x)
""")

residual_stack = CHECKS.task(
    "residual_stack",
    wrong,
    returns="output (T B H), h_n (L B H)",
    points="output 2; h_n 1",
    cases=_residual_stack_cases,
    example=_residual_stack_arguments(random_numbers(0, 0.7), 2, 1, 1, 1, 2),
    forbid=frozenset({"rnncourse"}),
)

"""The checks of exercise set 02: the RNN cell, one step and many."""

import dataclasses
import functools
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import linear

from rnncourse.checks.framework import explain
from rnncourse.checks.framework.authoring import (
    BIAS_ZERO,
    H_ZERO,
    NO_BIAS,
    X_ZERO,
    Case,
    ExerciseSet,
    Mistakes,
    TorchModule,
    Trait,
    cases,
    random_numbers,
    random_weights,
    row,
    rows,
    step_case,
)
from rnncourse.checks.framework.slips import BIASES, WEIGHTS_EXCHANGED
from rnncourse.checks.framework.variants import BIAS_SIGNS, PRE_ACTIVATION, RNN_STATE

CHECKS = ExerciseSet("02", "The RNN cell")

TANH = Trait("nonlinearity is tanh", "what you do for relu")
RELU = Trait("nonlinearity is relu", "what you do for tanh")


# ---- Task 1, pre_activation: the sum that goes into the nonlinearity.
def _pre_activation(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh):
    a = linear(x_t, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)
    return a


def _step_cases(seed: int, *traits: Trait, **more: str) -> list[Case]:
    numbers = random_numbers(seed, 0.6)

    def case(B: int | None, I: int, H: int, *zero: Trait) -> Case:
        case = step_case(numbers, 1, B, I, H, *zero)
        return dataclasses.replace(
            case, arguments=case.arguments | more, traits=case.traits | frozenset(traits)
        )

    batches = [case(3, 5, 4), case(2, 4, 7), case(4, 3, 3)]  # I = H: exchanged weights run
    zeros = [case(3, 2, 5, H_ZERO), case(2, 5, 3, X_ZERO), case(5, 3, 2, BIAS_ZERO)]
    return batches + zeros + [case(None, 5, 4), case(None, 3, 6, H_ZERO)]


# Two units and no zeros: with one unit weight_hh would be its own transpose.
PENCIL = {
    "x_t": row(1.0, 2.0, -1.0),
    "h": row(0.5, 1.0),
    "weight_ih": rows([0.5, -1.0, 0.5], [1.0, 0.5, 1.0]),
    "weight_hh": rows([0.8, 0.4], [-0.2, 0.6]),
    "bias_ih": row(0.1, 0.3),
    "bias_hh": row(0.2, -0.1),
}

# Also for rnn_step, whose truth has the same line.
SUM = f"""
{BIASES}
h without its weights | the previous state is added as it is: h is not multiplied by a weight.
    linear(h, weight_hh, bias_hh) => h + bias_hh
h left out | the previous state is not used: your numbers do not depend on h.
    linear(h, weight_hh, bias_hh) => bias_hh
h and its bias left out | only the input's half is there: where is the state's half?
    + linear(h, weight_hh, bias_hh) =>
x left out | the input is not used: your numbers do not depend on x_t.
    linear(x_t, weight_ih, bias_ih) => bias_ih
weight_hh transposed | you use weight_hh the other way round. It is square, so no shape error tells you. Each
    row of it computes one new unit: on which side of the product, and transposed or not? § One step in NumPy
    (h, weight_hh, => (h, weight_hh.T,
both weights transposed | you use both weights the other way round, which runs only where I = H.
    Each row of a weight computes one new unit: on which side of the product, and transposed or not?
    (x_t, weight_ih, => (x_t, weight_ih.T,
    (h, weight_hh, => (h, weight_hh.T, § One step in NumPy
weight_ih transposed | you use weight_ih the other way round, which runs only where I = H.
    Compare its shape (H, I) with the input's. § One step in NumPy
    (x_t, weight_ih, => (x_t, weight_ih.T,
{WEIGHTS_EXCHANGED}
a difference | you subtract the state's half; the equation has a sum. | + linear(h, => - linear(h,
"""

wrong = Mistakes("The equation", _pre_activation)
wrong.edits(SUM)
wrong.edits("""
tanh applied | these are the values after tanh. Return what goes into it. | return a => return torch.tanh(a)
relu applied | these are the values after relu. Return what goes into it. | return a => return torch.relu(a)
sigmoid applied | these are the values after a sigmoid. Return what goes into the nonlinearity.
    return a => return torch.sigmoid(a)
""")
wrong.edits(PRE_ACTIVATION + BIAS_SIGNS, but="a difference of the halves")

pre_activation = CHECKS.task(
    "pre_activation",
    wrong,
    returns="a (B H)",
    points="with a batch 1 where there is a batch; without a batch 1 where there is no batch",
    cases=_step_cases,
    explain=explain.pre_activation,
    example=PENCIL,
)


# ---- Task 2, rnn_step: the sum, and the nonlinearity.
def _rnn_step(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh, nonlinearity="tanh"):
    squash = torch.relu if nonlinearity == "relu" else torch.tanh
    a = linear(x_t, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)
    return squash(a)


def _both_cases(seed: int) -> list[Case]:
    # tanh is the default, so it is not passed.
    return _step_cases(seed, TANH) + _step_cases(seed + 1000, RELU, nonlinearity="relu")


step_mistakes = Mistakes("The equation", _rnn_step)
step_mistakes.edits(SUM)
step_mistakes.edits("""
no nonlinearity | this is the pre-activation: the nonlinearity is missing. | squash(a) => a
always tanh | nonlinearity has no effect: your numbers are those of tanh, for relu as well. § tanh or relu
    squash(a) => torch.tanh(a)
always relu | nonlinearity has no effect: your numbers are those of relu, for tanh as well. § tanh or relu
    squash(a) => torch.relu(a)
tanh and relu exchanged | you use tanh where relu is requested, and relu where tanh is. § tanh or relu
    == "relu" => != "relu"
tanh, then relu | for relu your numbers go through tanh first. § tanh or relu
    squash(a) => squash(torch.tanh(a))
no nonlinearity for relu | where relu is requested, you return the bare pre-activation. § tanh or relu
    squash(a) => a if nonlinearity == "relu" else torch.tanh(a)
sigmoid for tanh | where tanh is requested, your numbers are those of a sigmoid (between 0 and 1).
    else torch.tanh => else torch.sigmoid
nonlinearity inside the sum | you apply the nonlinearity to each half and then add them. What does the
    equation do first?
    linear(x_t, weight_ih, bias_ih) => squash(linear(x_t, weight_ih, bias_ih))
    linear(h, weight_hh, bias_hh) => squash(linear(h, weight_hh, bias_hh))
    squash(a) => a
nonlinearity on the input's half only | only the input's half goes through the nonlinearity; the state's half
    is added afterwards.
    linear(x_t, weight_ih, bias_ih) => squash(linear(x_t, weight_ih, bias_ih))
    squash(a) => a
nonlinearity on the state's half only | only the state's half goes through the nonlinearity; the input's half
    is added afterwards.
    linear(h, weight_hh, bias_hh) => squash(linear(h, weight_hh, bias_hh))
    squash(a) => a
biases outside | the biases are added after the nonlinearity.
    (x_t, weight_ih, bias_ih) => (x_t, weight_ih)
    (h, weight_hh, bias_hh) => (h, weight_hh)
    squash(a) => squash(a) + bias_ih + bias_hh
old state added | you add the old state to the new one. Here the new state replaces it.
    squash(a) => h + squash(a)
""")
step_mistakes.edits(PRE_ACTIVATION + BIAS_SIGNS + RNN_STATE, but="a difference of the halves")

rnn_step = CHECKS.task(
    "rnn_step",
    step_mistakes,
    returns="h (B H)",
    points="""
        tanh with a batch 1 where nonlinearity is tanh & there is a batch
        tanh without a batch 1 where nonlinearity is tanh & there is no batch
        relu with a batch 1 where nonlinearity is relu & there is a batch
        relu without a batch 1 where nonlinearity is relu & there is no batch
    """,
    cases=_both_cases,
    explain=explain.rnn_step,
    example=PENCIL,
)


# ---- Task 3, unroll: the step over time.
def _unroll(x, h_0, *weights, step=_rnn_step):
    h, outputs = h_0, []
    for x_t in x:
        h = step(x_t, h, *weights)
        outputs.append(h)
    outputs = torch.stack(outputs)
    return outputs, h


@cases(
    0.6,
    "T5 B3 I2 H4; T4 B2 I5 H3",
    "T3 B3 I4 H4",  # T = B, I = H: a loop over the wrong axis runs, and so do exchanged weights
    "T6 B2 I3 H5 h_zero; T1 B4 I2 H3",
)
def _unroll_cases(numbers, T, B, I, H, h_zero=False):
    arguments = {"x": numbers(T, B, I), "h_0": numbers(B, H), **random_weights(numbers, 1, I, H)}
    if h_zero:
        arguments["h_0"].zero_()
    return arguments, h_zero and H_ZERO


wrong = Mistakes("Over time", _unroll).edits("""
h reset at each step | each step starts from zeros: nothing is carried from step to step.
    step(x_t, h, => step(x_t, 0 * h,
h_0 at each step | each step starts from h_0. Which state should step 2 start from?
    step(x_t, h, => step(x_t, h_0,
h_0 ignored | the run starts from zeros, not from h_0. | h, outputs = h_0 => h, outputs = 0 * h_0
not stacked | outputs is a list of tensors. Return one tensor, time first: (T, B, H).
    torch.stack(outputs) => outputs
joined, not stacked | the steps are concatenated along the batch: (T*B, H). Time needs an axis of its own.
    torch.stack(outputs) => torch.cat(outputs)
stacked on axis 1 | outputs is (B, T, H): stacked along the wrong axis. Time comes first.
    torch.stack(outputs) => torch.stack(outputs, 1)
stacked on the last axis | outputs is (B, H, T): stacked along the last axis. Time comes first.
    torch.stack(outputs) => torch.stack(outputs, -1)
loop over the batch | the loop runs over the batch, axis 1 of x: it treats each sequence as a step. That runs
    only where T = B.
    in x: => in x.transpose(0, 1):
last state only | outputs is only the last state. Return the states of all T steps.
    return outputs, h => return h, h
last state T times | outputs holds the last state T times: every entry of the list is the same tensor, which
    each step overwrites.
    return outputs, h => return h.expand_as(outputs).clone(), h
collected before the step | outputs begins with h_0: you append each state before its step, so everything
    comes one step late.
    h = step => outputs.append(h); h = step
    - outputs.append(h)
h_0 among the outputs | outputs has T + 1 states: h_0 is not the output of a step. | h_0, [] => h_0, [h_0]
return inside the loop | the loop ends after its first step. How far is the `return` indented?
    in x: => in x[:1]:
first state returned | h_T is the state after the first step, not after the last.
    return outputs, h => return outputs, outputs[0]
h_0 returned | h_T is h_0, unchanged: the state in the loop has a different name from the one you return.
    return outputs, h => return outputs, h_0
h_T with a layer axis | h_T is (1, B, H), as torch.nn.RNN returns it (the first axis counts layers). Return
    (B, H).
    return outputs, h => return outputs, h[None]
time backwards | the loop runs from the last step to the first. | in x: => in x.flip(0):
the first input at each step | each step is given the first input. | step(x_t, h, => step(x[0], h,
one step too few | the loop stops one step early: T - 1 states. | in x: => in x[:-1]:
outputs squashed once more | outputs holds tanh(h), but each h is squashed already.
    outputs.append(h) => outputs.append(torch.tanh(h))
h_T squashed once more | h_T is tanh(h), but the last state is squashed already.
    return outputs, h => return outputs, torch.tanh(h)
""")
wrong.extend(
    step_mistakes.through(
        lambda step: functools.partial(_unroll, step=step),
        name="step: {}",
        hint="the loop is right, but the step in it is not: {}",
        but=(
            "h left out",  # the same as "h reset at each step"
            "always tanh",  # these and the others only show for relu, which is not used here, or are rare
            "always relu",
            "tanh and relu exchanged",
            "tanh, then relu",
            "no nonlinearity for relu",
            "nonlinearity on the state's half only",
            "biases outside",
            "sigmoid for the nonlinearity",
            "no nonlinearity for tanh",
            "sigmoid for relu",
        ),
    )
)
(always_relu,) = (m.function for m in step_mistakes if m.name == "always relu")
wrong("relu for tanh", "the steps go through relu. Which nonlinearity does the task ask for?")(
    functools.partial(_unroll, step=always_relu)
)

unroll = CHECKS.task(
    "unroll",
    wrong,
    returns="outputs (T B H), h_T (B H)",
    points="outputs 2; h_T 2",
    cases=_unroll_cases,
    explain=explain.unroll,
    example={
        "x": rows([[1.0]], [[-1.0]], [[2.0]]),
        "h_0": rows([0.5, -1.0]),
        "weight_ih": rows([1.0], [-0.5]),
        "weight_hh": rows([0.5, 0.3], [-0.2, 0.4]),
        "bias_ih": row(0.1, -0.1),
        "bias_hh": row(0.2, 0.3),
    },
)


# ---- Task 4, next_state: a step with the weights of torch's cell.
def _next_state(cell, x_t, h, step=_rnn_step):
    zeros = torch.zeros(cell.hidden_size, dtype=h.dtype)
    bias_ih, bias_hh = (cell.bias_ih, cell.bias_hh) if cell.bias else (zeros, zeros)
    return step(x_t, h, cell.weight_ih, cell.weight_hh, bias_ih, bias_hh, cell.nonlinearity)


def _cell(numbers: Callable[..., Tensor], I: int, H: int, **options: object) -> TorchModule:
    weights = random_weights(numbers, 1, I, H)
    if options.get("bias") is False:
        del weights["bias_ih"], weights["bias_hh"]
    return TorchModule("RNNCell", {"input_size": I, "hidden_size": H, **options}, weights)


def _cell_cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.6)

    def case(B: int, I: int, H: int, trait: Trait, **options: object) -> Case:
        arguments = {"cell": _cell(numbers, I, H, **options), "x_t": numbers(B, I), "h": numbers(B, H)}
        return Case(arguments, {"B": B, "I": I, "H": H}, frozenset({trait}))

    # More than one nonlinearity, and biases in some cases: otherwise two of the step's mistakes would
    # coincide.
    tanh = [case(B, I, H, TANH) for B, I, H in ((3, 5, 4), (2, 3, 6), (4, 3, 3))]
    relu = [case(B, I, H, RELU, nonlinearity="relu") for B, I, H in ((3, 5, 4), (2, 4, 5), (4, 3, 3))]
    return tanh + relu + [case(B, I, H, NO_BIAS, bias=False) for B, I, H in ((3, 4, 2), (2, 5, 3))]


wrong = Mistakes("Equal to nn.RNNCell", _next_state)
wrong.extend(step_mistakes.through(lambda step: functools.partial(_next_state, step=step)))
wrong.edits("""
needs biases | it fails where the cell was built with bias=False: then its bias_ih and bias_hh are None.
    (cell.bias_ih, cell.bias_hh) if cell.bias else (zeros, zeros) => cell.bias_ih + cell.bias_hh, zeros
needs biases, always tanh | you do not look at cell.nonlinearity, and a cell built with bias=False (then
    bias_ih is None) fails.
    (cell.bias_ih, cell.bias_hh) if cell.bias else (zeros, zeros) => cell.bias_ih + cell.bias_hh, zeros
    , cell.nonlinearity) => )
""")

next_state = CHECKS.task(
    "next_state",
    wrong,
    returns="h (B H)",
    points="""
        tanh 1 where nonlinearity is tanh
        relu 1 where nonlinearity is relu
        bias=False 1 where there are no biases
    """,
    cases=_cell_cases,
    explain=explain.rnn_step,
    example={
        "cell": _cell(random_numbers(2, 0.6), 3, 2),
        "x_t": rows([1.0, 2.0, -1.0]),
        "h": rows([0.5, 1.0]),
    },
)


# ---- Task 5, reorder_units: the same net with its units in a different order.
def _reorder_units(order, weight_ih, weight_hh, bias_ih, bias_hh):
    return weight_ih[order], weight_hh[order][:, order], bias_ih[order], bias_hh[order]


def _order_cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.6)
    generator = torch.Generator().manual_seed(seed)

    def case(I: int, H: int) -> Case:
        order = torch.randperm(H, generator=generator)
        while torch.equal(order, order.argsort()):  # an order that is its own inverse would hide a mistake
            order = torch.randperm(H, generator=generator)
        return Case({"order": order, **random_weights(numbers, 1, I, H)}, {"I": I, "H": H})

    return [case(2, 3), case(5, 4), case(3, 6), case(4, 5)]


wrong = Mistakes("The equation", _reorder_units).edits("""
weight_hh: rows only | the rows of weight_hh are in the new order, its columns are not. A row computes a unit;
    what does a column read?
    weight_hh[order][:, order] => weight_hh[order]
weight_hh: columns only | the columns of weight_hh are in the new order, its rows are not. A column reads a
    unit; what does a row compute?
    weight_hh[order][:, order] => weight_hh[:, order]
weight_hh unchanged | weight_hh is as it was. Do its rows and columns not belong to units?
    weight_hh[order][:, order] => weight_hh
the inverse order | your order is the inverse one: old unit k is at order[k]. But new unit k should be old
    unit order[k].
    return => order = order.argsort(); return
weight_hh: columns by the inverse | the rows of weight_hh are in the new order, but its columns are in the
    inverse order.
    [:, order] => [:, order.argsort()]
biases unchanged | the biases are as they were. Each of their entries belongs to a unit as well.
    bias_ih[order], bias_hh[order] => bias_ih, bias_hh
weight_hh transposed | you return weight_hh transposed. § One step in NumPy | [:, order] => [:, order].T
weight_hh[order, order] | weight_hh[order, order] picks H single entries, one for each pair of positions. You
    need H rows of H.
    weight_hh[order][:, order] => weight_hh[order, order]
weight_ih unchanged | weight_ih is as it was. Which unit does each of its rows compute?
    weight_ih[order] => weight_ih
""")

reorder_units = CHECKS.task(
    "reorder_units",
    wrong,
    returns="weight_ih (H I), weight_hh (H H), bias_ih (H), bias_hh (H)",
    points="weight_ih and the biases 1 = weight_ih, bias_ih, bias_hh; weight_hh 2",
    cases=_order_cases,
    example={
        "order": torch.tensor([2, 0, 1]),
        "weight_ih": rows([10.0], [20.0], [30.0]),
        "weight_hh": rows([11.0, 12.0, 13.0], [21.0, 22.0, 23.0], [31.0, 32.0, 33.0]),
        "bias_ih": row(1.0, 2.0, 3.0),
        "bias_hh": row(4.0, 5.0, 6.0),
    },
)

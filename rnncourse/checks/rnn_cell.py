"""The checks of exercise set 02: the RNN cell, one step and many."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import linear

from rnncourse.checks.framework.authoring import (
    BATCH,
    BIAS_ZERO,
    H_ZERO,
    NO_BIAS,
    SINGLE,
    X_ZERO,
    Case,
    Mistake,
    TorchModule,
    Trait,
    random_numbers,
    random_weights,
    task,
)
from rnncourse.steps import rnn_step as _rnn_step

LESSON = "02"

TANH = Trait("nonlinearity is tanh", "what you do for relu")
RELU = Trait("nonlinearity is relu", "what you do for tanh")


# ---- Task 1, pre_activation: the sum that goes into the nonlinearity.

# Cases: float64, sizes all different but for one square case, which brings exchanged weights to light.


def step_cases(seed: int, *traits: Trait, **more: str) -> list[Case]:
    """One step's arguments: batches, rows without a batch, zeros one at a time, one square case."""
    numbers = random_numbers(seed, 0.6)

    def case(B: int | None, I: int, H: int, zero: Trait | None = None) -> Case:
        rows = () if B is None else (B,)
        arguments = {"x_t": numbers(*rows, I), "h": numbers(*rows, H), **random_weights(numbers, 1, I, H)}
        for name in {H_ZERO: ["h"], X_ZERO: ["x_t"], BIAS_ZERO: ["bias_ih", "bias_hh"]}.get(zero, []):
            arguments[name].zero_()
        marks = {SINGLE if B is None else BATCH, *traits, *([zero] if zero else [])}
        sizes = {"I": I, "H": H} if B is None else {"B": B, "I": I, "H": H}
        return Case(arguments | more, sizes, frozenset(marks))

    return [
        case(3, 5, 4),
        case(2, 4, 7),
        case(4, 3, 3),
        case(3, 2, 5, H_ZERO),
        case(2, 5, 3, X_ZERO),
        case(5, 3, 2, BIAS_ZERO),
        case(None, 5, 4),
        case(None, 3, 6, H_ZERO),
    ]


def pencil_case(I: int = 2, H: int = 1, **arguments: object) -> Case:
    """Numbers small enough for a pencil."""
    row = lambda *numbers: torch.tensor(numbers, dtype=torch.float64)  # noqa: E731
    weights = {
        "weight_ih": row([0.5, -1.0]),
        "weight_hh": row([0.8]),
        "bias_ih": row(0.1),
        "bias_hh": row(0.2),
    }
    return Case({"x_t": row(1.0, 2.0), "h": row(0.5), **weights, **arguments}, {"I": I, "H": H})


def pre_activation_mistakes(name: str, hint: str, section: str) -> Callable[[Callable], Mistake]:
    """The hint stands above the wrong code."""
    return lambda function: Mistake(name, function, hint, section)


def right_sum(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh):
    return linear(x_t, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)


@pre_activation_mistakes(
    "bias_hh missing", "a bias is missing: bias_hh is not added. torch's cell has two.", "The equation"
)
def _no_bias_hh(x, h, W, U, b, d):
    return linear(x, W, b) + linear(h, U)


@pre_activation_mistakes(
    "bias_ih missing", "a bias is missing: bias_ih is not added. torch's cell has two.", "The equation"
)
def _no_bias_ih(x, h, W, U, b, d):
    return linear(x, W) + linear(h, U, d)


@pre_activation_mistakes("no bias", "neither bias is added.", "The equation")
def _no_bias(x, h, W, U, b, d):
    return linear(x, W) + linear(h, U)


@pre_activation_mistakes(
    "bias_ih twice", "bias_ih is added twice and bias_hh never: a slip of the keyboard?", "The equation"
)
def _bias_ih_twice(x, h, W, U, b, d):
    return linear(x, W, b) + linear(h, U, b)


@pre_activation_mistakes(
    "bias_hh twice", "bias_hh is added twice and bias_ih never: a slip of the keyboard?", "The equation"
)
def _bias_hh_twice(x, h, W, U, b, d):
    return linear(x, W, d) + linear(h, U, d)


@pre_activation_mistakes(
    "h without its weights",
    "the previous state is added as it is: no weight is applied to h.",
    "The equation",
)
def _h_without_weights(x, h, W, U, b, d):
    return linear(x, W, b) + h + d


@pre_activation_mistakes(
    "h left out", "the previous state has no part in it: your numbers do not depend on h.", "The equation"
)
def h_left_out(x, h, W, U, b, d):
    return linear(x, W, b) + d


@pre_activation_mistakes(
    "h and its bias left out", "only the input's half is there: what of the state's half?", "The equation"
)
def _h_and_bias_left_out(x, h, W, U, b, d):
    return linear(x, W, b)


@pre_activation_mistakes(
    "x left out", "the input has no part in it: your numbers do not depend on x_t.", "The equation"
)
def _x_left_out(x, h, W, U, b, d):
    return linear(h, U, b) + d


@pre_activation_mistakes(
    "weight_hh transposed",
    "weight_hh is used the other way round. It is square, so no shape complains. Each row of it makes one new"
    " unit: on which side of the product, and transposed or not?",
    "One step in NumPy",
)
def _hh_transposed(x, h, W, U, b, d):
    return linear(x, W, b) + linear(h, U.T, d)


@pre_activation_mistakes(
    "both weights transposed",
    "both weights are used the other way round; only a square case (I = H) runs at all. Each row of a weight"
    " makes one new unit: on which side of the product, and transposed or not?",
    "One step in NumPy",
)
def _both_transposed(x, h, W, U, b, d):
    return x @ W + b + h @ U + d


@pre_activation_mistakes(
    "weight_ih transposed",
    "weight_ih is used the other way round; only a square case (I = H) runs at all. Compare its shape (H, I)"
    " with the input's.",
    "One step in NumPy",
)
def _ih_transposed(x, h, W, U, b, d):
    return x @ W + b + linear(h, U, d)


@pre_activation_mistakes(
    "weights exchanged",
    "the weights are exchanged: x_t meets weight_hh, h meets weight_ih. Where I = H no shape complains.",
    "The equation",
)
def _weights_exchanged(x, h, W, U, b, d):
    return linear(x, U, b) + linear(h, W, d)


@pre_activation_mistakes(
    "a difference", "the state's half is subtracted; the equation has a sum.", "The equation"
)
def _difference(x, h, W, U, b, d):
    return linear(x, W, b) - linear(h, U, d)


# Wrong ways to the pre-activation: they are mistakes of every task below, too.
PRE_ACTIVATION_MISTAKES = (
    _no_bias_hh,
    _no_bias_ih,
    _no_bias,
    _bias_ih_twice,
    _bias_hh_twice,
    _h_without_weights,
    h_left_out,
    _h_and_bias_left_out,
    _x_left_out,
    _hh_transposed,
    _both_transposed,
    _ih_transposed,
    _weights_exchanged,
    _difference,
)


@pre_activation_mistakes(
    "tanh applied", "these are the values after tanh. Asked is what goes into it.", "The equation"
)
def _tanh_applied(*arguments):
    return torch.tanh(right_sum(*arguments))


pre_activation = task(
    "pre_activation",
    LESSON,
    "The equation",
    returns="a (B H)",
    points="with a batch 1 where there is a batch; without a batch 1 where there is no batch",
    truth=right_sum,
    mistakes=(*PRE_ACTIVATION_MISTAKES, _tanh_applied),
    cases=step_cases,
    example=pencil_case().arguments,
)


# ---- Task 2, rnn_step. The right one is the library's own, which the tests compare with torch.nn.


def _both_cases(seed: int) -> list[Case]:
    # tanh is the default, so it is not passed.
    return step_cases(seed, TANH) + step_cases(seed + 1000, RELU, nonlinearity="relu")


def activated(a: Tensor, nonlinearity: str) -> Tensor:
    return torch.relu(a) if nonlinearity == "relu" else torch.tanh(a)


def then_activate(mistake: Mistake) -> Mistake:
    """The mistake in the pre-activation, followed by the right nonlinearity."""

    def step(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh, nonlinearity="tanh"):
        return activated(mistake.function(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh), nonlinearity)

    return Mistake(mistake.name, step, mistake.hint, mistake.section)


@pre_activation_mistakes(
    "no nonlinearity", "this is the pre-activation: the nonlinearity is missing.", "The equation"
)
def no_nonlinearity(x, h, W, U, b, d, nonlinearity="tanh"):
    return right_sum(x, h, W, U, b, d)


@pre_activation_mistakes(
    "always tanh",
    "nonlinearity makes no difference: the numbers are tanh's, for relu as well.",
    "tanh or relu",
)
def _always_tanh(x, h, W, U, b, d, nonlinearity="tanh"):
    return torch.tanh(right_sum(x, h, W, U, b, d))


@pre_activation_mistakes(
    "always relu",
    "nonlinearity makes no difference: the numbers are relu's, for tanh as well.",
    "tanh or relu",
)
def _always_relu(x, h, W, U, b, d, nonlinearity="tanh"):
    return torch.relu(right_sum(x, h, W, U, b, d))


@pre_activation_mistakes(
    "tanh and relu exchanged", "tanh where relu is asked, and relu where tanh is.", "tanh or relu"
)
def _nonlinearities_exchanged(x, h, W, U, b, d, nonlinearity="tanh"):
    return activated(right_sum(x, h, W, U, b, d), "tanh" if nonlinearity == "relu" else "relu")


@pre_activation_mistakes(
    "tanh, then relu", "for relu the numbers have been through tanh first.", "tanh or relu"
)
def _tanh_then_relu(x, h, W, U, b, d, nonlinearity="tanh"):
    return activated(torch.tanh(right_sum(x, h, W, U, b, d)), nonlinearity)


@pre_activation_mistakes(
    "no nonlinearity for relu", "where relu is asked, this is the bare pre-activation.", "tanh or relu"
)
def _no_relu(x, h, W, U, b, d, nonlinearity="tanh"):
    a = right_sum(x, h, W, U, b, d)
    return a if nonlinearity == "relu" else torch.tanh(a)


@pre_activation_mistakes(
    "sigmoid for tanh",
    "where tanh is asked, the numbers are those of a sigmoid (between 0 and 1).",
    "The equation",
)
def sigmoid_for_tanh(x, h, W, U, b, d, nonlinearity="tanh"):
    a = right_sum(x, h, W, U, b, d)
    return torch.relu(a) if nonlinearity == "relu" else torch.sigmoid(a)


@pre_activation_mistakes(
    "nonlinearity inside the sum",
    "the nonlinearity is applied to each half and then they are added. What does the equation do first?",
    "The equation",
)
def inside_the_sum(x, h, W, U, b, d, nonlinearity="tanh"):
    return activated(linear(x, W, b), nonlinearity) + activated(linear(h, U, d), nonlinearity)


@pre_activation_mistakes(
    "nonlinearity on the input's half only",
    "only the input's half goes through the nonlinearity; the state's half is added after it.",
    "The equation",
)
def on_the_input_only(x, h, W, U, b, d, nonlinearity="tanh"):
    return activated(linear(x, W, b), nonlinearity) + linear(h, U, d)


@pre_activation_mistakes(
    "nonlinearity on the state's half only",
    "only the state's half goes through the nonlinearity; the input's half is added after it.",
    "The equation",
)
def _on_the_state_only(x, h, W, U, b, d, nonlinearity="tanh"):
    return linear(x, W, b) + activated(linear(h, U, d), nonlinearity)


@pre_activation_mistakes("biases outside", "the biases are added after the nonlinearity.", "The equation")
def _biases_outside(x, h, W, U, b, d, nonlinearity="tanh"):
    return activated(linear(x, W) + linear(h, U), nonlinearity) + b + d


@pre_activation_mistakes(
    "old state added",
    "the old state is added to the new one. Here the new state takes its place.",
    "The equation",
)
def old_state_added(x, h, W, U, b, d, nonlinearity="tanh"):
    return h + _rnn_step(x, h, W, U, b, d, nonlinearity)


STEP_MISTAKES = (
    *map(then_activate, PRE_ACTIVATION_MISTAKES),
    no_nonlinearity,
    _always_tanh,
    _always_relu,
    _nonlinearities_exchanged,
    _tanh_then_relu,
    _no_relu,
    sigmoid_for_tanh,
    inside_the_sum,
    on_the_input_only,
    _on_the_state_only,
    _biases_outside,
    old_state_added,
)

rnn_step = task(
    "rnn_step",
    LESSON,
    "The equation",
    returns="h (B H)",
    points="""
        tanh with a batch 1 where nonlinearity is tanh & there is a batch
        tanh without a batch 1 where nonlinearity is tanh & there is no batch
        relu with a batch 1 where nonlinearity is relu & there is a batch
        relu without a batch 1 where nonlinearity is relu & there is no batch
    """,
    truth=_rnn_step,
    mistakes=STEP_MISTAKES,
    cases=_both_cases,
    example=pencil_case().arguments,
)


# ---- Task 3, unroll: the step over time.


def _unroll_cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.6)

    def case(T: int, B: int, I: int, H: int, *traits: Trait) -> Case:
        arguments = {"x": numbers(T, B, I), "h_0": numbers(B, H), **random_weights(numbers, 1, I, H)}
        if H_ZERO in traits:
            arguments["h_0"].zero_()
        return Case(arguments, {"T": T, "B": B, "I": I, "H": H}, frozenset(traits))

    return [
        case(5, 3, 2, 4),
        case(4, 2, 5, 3),
        case(3, 3, 4, 4),  # T = B, I = H: a loop over the wrong axis runs, and so do exchanged weights
        case(6, 2, 3, 5, H_ZERO),
        case(1, 4, 2, 3),
    ]


def _unroll_with(step: Callable) -> Callable:
    def unroll(x, h_0, *weights):
        outputs, h = [], h_0
        for x_t in x:
            h = step(x_t, h, *weights)
            outputs.append(h)
        return torch.stack(outputs), h

    return unroll


_unroll = _unroll_with(_rnn_step)


@pre_activation_mistakes(
    "h reset at each step", "each step starts from zeros: nothing is carried from step to step.", "Over time"
)
def _reset(x, h_0, *weights):
    return _unroll_with(lambda x_t, h, *w: _rnn_step(x_t, torch.zeros_like(h), *w))(x, h_0, *weights)


@pre_activation_mistakes(
    "h_0 at each step",
    "each step starts from h_0. Which state should step 2 start from?",
    "Over time",
)
def _h_0_at_each_step(x, h_0, *weights):
    return _unroll_with(lambda x_t, h, *w: _rnn_step(x_t, h_0, *w))(x, h_0, *weights)


@pre_activation_mistakes("h_0 ignored", "the run starts from zeros, not from h_0.", "Over time")
def _h_0_ignored(x, h_0, *weights):
    return _unroll(x, torch.zeros_like(h_0), *weights)


@pre_activation_mistakes(
    "not stacked", "outputs is a list of tensors. Asked is one tensor, time first: (T, B, H).", "Over time"
)
def _not_stacked(x, h_0, *weights):
    outputs, h_T = _unroll(x, h_0, *weights)
    return list(outputs), h_T


@pre_activation_mistakes(
    "joined, not stacked",
    "the steps are joined along the batch: (T*B, H). Time wants an axis of its own.",
    "Over time",
)
def _joined(x, h_0, *weights):
    outputs, h_T = _unroll(x, h_0, *weights)
    return outputs.flatten(0, 1), h_T


@pre_activation_mistakes(
    "stacked on axis 1", "outputs is (B, T, H): stacked along the wrong axis. Time comes first.", "Over time"
)
def _stacked_on_axis_1(x, h_0, *weights):
    outputs, h_T = _unroll(x, h_0, *weights)
    return outputs.transpose(0, 1), h_T


@pre_activation_mistakes(
    "stacked on the last axis",
    "outputs is (B, H, T): stacked along the last axis. Time comes first.",
    "Over time",
)
def _stacked_on_the_last_axis(x, h_0, *weights):
    outputs, h_T = _unroll(x, h_0, *weights)
    return outputs.movedim(0, -1), h_T


@pre_activation_mistakes(
    "loop over the batch",
    "the loop runs over the batch, axis 1 of x: each sequence is taken for a step. It runs only where T = B.",
    "Over time",
)
def _over_the_batch(x, h_0, *weights):
    return _unroll(x.transpose(0, 1), h_0, *weights)


@pre_activation_mistakes(
    "last state only", "outputs is the last state alone. Asked are the states of all T steps.", "Over time"
)
def _last_only(x, h_0, *weights):
    _, h_T = _unroll(x, h_0, *weights)
    return h_T, h_T


@pre_activation_mistakes(
    "last state T times",
    "outputs holds the last state T times: the list's entries are one tensor that each step overwrites.",
    "Over time",
)
def _last_repeated(x, h_0, *weights):
    outputs, h_T = _unroll(x, h_0, *weights)
    return h_T.expand_as(outputs).clone(), h_T


@pre_activation_mistakes(
    "collected before the step",
    "outputs begins with h_0: each state is collected before its step, so all come one step late.",
    "Over time",
)
def _one_late(x, h_0, *weights):
    outputs, h_T = _unroll(x, h_0, *weights)
    return torch.cat([h_0[None], outputs[:-1]]), h_T


@pre_activation_mistakes(
    "h_0 among the outputs", "outputs has T + 1 states: h_0 is not the output of a step.", "Over time"
)
def _h_0_collected(x, h_0, *weights):
    outputs, h_T = _unroll(x, h_0, *weights)
    return torch.cat([h_0[None], outputs]), h_T


@pre_activation_mistakes(
    "return inside the loop",
    "the loop ends after its first step. How far is the `return` indented?",
    "Over time",
)
def _return_in_the_loop(x, h_0, *weights):
    return _unroll(x[:1], h_0, *weights)


@pre_activation_mistakes(
    "first state returned", "h_T is the state after the first step, not after the last.", "Over time"
)
def _first_returned(x, h_0, *weights):
    outputs, _ = _unroll(x, h_0, *weights)
    return outputs, outputs[0]


@pre_activation_mistakes(
    "h_0 returned",
    "h_T is h_0, unchanged: the loop's state has another name than the one returned.",
    "Over time",
)
def _h_0_returned(x, h_0, *weights):
    outputs, _ = _unroll(x, h_0, *weights)
    return outputs, h_0


@pre_activation_mistakes(
    "h_T with a layer axis",
    "h_T is (1, B, H), as torch.nn.RNN returns it (the first axis counts layers). Asked is (B, H).",
    "Over time",
)
def _layer_axis(x, h_0, *weights):
    outputs, _ = _unroll(x, h_0, *weights)
    return outputs, outputs[-1:]


@pre_activation_mistakes("time backwards", "the loop runs from the last step to the first.", "Over time")
def _backwards(x, h_0, *weights):
    return _unroll(x.flip(0), h_0, *weights)


@pre_activation_mistakes("the first input at each step", "each step is given the first input.", "Over time")
def _first_input(x, h_0, *weights):
    return _unroll(x[:1].expand_as(x), h_0, *weights)


@pre_activation_mistakes("one step too few", "the loop stops one step early: T - 1 states.", "Over time")
def _one_too_few(x, h_0, *weights):
    return _unroll(x[:-1], h_0, *weights)


def _with_wrong_step(mistake: Mistake) -> Mistake:
    hint = f"the loop is right, the step in it is not: {mistake.hint}"
    return Mistake(f"step: {mistake.name}", _unroll_with(mistake.function), hint, mistake.section)


unroll = task(
    "unroll",
    LESSON,
    "Over time",
    returns="outputs (T B H), h_T (B H)",
    points="outputs 2; h_T 2",
    truth=_unroll,
    mistakes=(
        _reset,
        _h_0_at_each_step,
        _h_0_ignored,
        _not_stacked,
        _joined,
        _stacked_on_axis_1,
        _stacked_on_the_last_axis,
        _over_the_batch,
        _last_only,
        _last_repeated,
        _one_late,
        _h_0_collected,
        _return_in_the_loop,
        _first_returned,
        _h_0_returned,
        _layer_axis,
        _backwards,
        _first_input,
        _one_too_few,
        # Only tanh is asked here, so mistakes that show for relu alone cannot happen;
        # and a step without h is a run without memory, which "h reset at each step" names.
        *(_with_wrong_step(then_activate(m)) for m in PRE_ACTIVATION_MISTAKES if m is not h_left_out),
        *map(
            _with_wrong_step,
            (no_nonlinearity, sigmoid_for_tanh, inside_the_sum, on_the_input_only, old_state_added),
        ),
    ),
    cases=_unroll_cases,
    example={
        "x": torch.tensor([[[1.0]], [[0.0]], [[0.0]]], dtype=torch.float64),
        "h_0": torch.zeros(1, 1, dtype=torch.float64),
        "weight_ih": torch.tensor([[1.0]], dtype=torch.float64),
        "weight_hh": torch.tensor([[0.5]], dtype=torch.float64),
        "bias_ih": torch.zeros(1, dtype=torch.float64),
        "bias_hh": torch.zeros(1, dtype=torch.float64),
    },
)


# ---- Task 4, next_state: a step with the weights of torch's cell.


def _cell(numbers: Callable[..., Tensor], I: int, H: int, **options: object) -> TorchModule:
    weights = random_weights(numbers, 1, I, H)
    if options.get("bias") is False:
        del weights["bias_ih"], weights["bias_hh"]
    return TorchModule("RNNCell", {"input_size": I, "hidden_size": H, **options}, weights)


def _cell_cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.6)

    def case(B: int, I: int, H: int, *traits: Trait, **options: object) -> Case:
        arguments = {"cell": _cell(numbers, I, H, **options), "x_t": numbers(B, I), "h": numbers(B, H)}
        return Case(arguments, {"B": B, "I": I, "H": H}, frozenset(traits))

    return [
        case(3, 5, 4, TANH),
        case(2, 3, 6, TANH),
        case(4, 3, 3, TANH),
        case(3, 5, 4, RELU, nonlinearity="relu"),
        case(2, 4, 5, RELU, nonlinearity="relu"),
        case(4, 3, 3, RELU, nonlinearity="relu"),
        case(3, 4, 2, NO_BIAS, bias=False),
        case(2, 5, 3, NO_BIAS, bias=False),
    ]


def _next_state_with(step: Callable) -> Callable:
    def next_state(cell, x_t, h):
        zeros = torch.zeros(cell.hidden_size, dtype=h.dtype)
        b, d = (cell.bias_ih, cell.bias_hh) if cell.bias else (zeros, zeros)
        return step(x_t, h, cell.weight_ih, cell.weight_hh, b, d, cell.nonlinearity)

    return next_state


def _from_a_cell(mistake: Mistake) -> Mistake:
    return Mistake(mistake.name, _next_state_with(mistake.function), mistake.hint, mistake.section)


@pre_activation_mistakes(
    "needs biases",
    "it fails where the cell was built with bias=False: its bias_ih and bias_hh are None then.",
    "Equal to nn.RNNCell",
)
def _needs_biases(cell, x_t, h):
    a = x_t @ cell.weight_ih.T + cell.bias_ih + h @ cell.weight_hh.T + cell.bias_hh
    return activated(a, cell.nonlinearity)


@pre_activation_mistakes(
    "needs biases, always tanh",
    "cell.nonlinearity is not looked at, and a cell built with bias=False (bias_ih is None then) fails.",
    "Equal to nn.RNNCell",
)
def _needs_biases_always_tanh(cell, x_t, h):
    return torch.tanh(x_t @ cell.weight_ih.T + cell.bias_ih + h @ cell.weight_hh.T + cell.bias_hh)


# Without biases, or with no part for relu, two of the steps' mistakes would be one.
next_state = task(
    "next_state",
    LESSON,
    "Equal to nn.RNNCell",
    returns="h (B H)",
    points="""
        tanh 1 where nonlinearity is tanh
        relu 1 where nonlinearity is relu
        bias=False 1 where there are no biases
    """,
    truth=_next_state_with(_rnn_step),
    mistakes=(*map(_from_a_cell, STEP_MISTAKES), _needs_biases, _needs_biases_always_tanh),
    cases=_cell_cases,
    example={
        "cell": _cell(random_numbers(2, 0.6), 2, 1),
        "x_t": torch.tensor([[1.0, 2.0]], dtype=torch.float64),
        "h": torch.tensor([[0.5]], dtype=torch.float64),
    },
)


# ---- Task 5, reorder_units: the same net with its units in another order.


def _order_cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.6)
    generator = torch.Generator().manual_seed(seed)

    def case(I: int, H: int) -> Case:
        order = torch.randperm(H, generator=generator)
        while torch.equal(order, order.argsort()):  # an order that is its own inverse would hide a mistake
            order = torch.randperm(H, generator=generator)
        return Case({"order": order, **random_weights(numbers, 1, I, H)}, {"I": I, "H": H})

    return [case(2, 3), case(5, 4), case(3, 6), case(4, 5)]


def _reorder_units(order, weight_ih, weight_hh, bias_ih, bias_hh):
    return weight_ih[order], weight_hh[order][:, order], bias_ih[order], bias_hh[order]


@pre_activation_mistakes(
    "weight_hh: rows only",
    "weight_hh has its rows in the new order, its columns not. A row makes a unit; what does a column read?",
    "The equation",
)
def _rows_only(order, W, U, b, d):
    return W[order], U[order], b[order], d[order]


@pre_activation_mistakes(
    "weight_hh: columns only",
    "weight_hh has its columns in the new order, its rows not. A column reads a unit; what does a row make?",
    "The equation",
)
def _columns_only(order, W, U, b, d):
    return W[order], U[:, order], b[order], d[order]


@pre_activation_mistakes(
    "weight_hh unchanged",
    "weight_hh is as it was. Do its rows and columns not belong to units?",
    "The equation",
)
def _hh_unchanged(order, W, U, b, d):
    return W[order], U, b[order], d[order]


@pre_activation_mistakes(
    "the inverse order",
    "your order is the inverse one: old unit k is at order[k]. Asked: new unit k is old unit order[k].",
    "The equation",
)
def _inverse(order, W, U, b, d):
    return _reorder_units(order.argsort(), W, U, b, d)


@pre_activation_mistakes(
    "weight_hh: columns by the inverse",
    "weight_hh has its rows in the new order, but its columns in the inverse order.",
    "The equation",
)
def _columns_inverse(order, W, U, b, d):
    return W[order], U[order][:, order.argsort()], b[order], d[order]


@pre_activation_mistakes(
    "biases unchanged",
    "the biases are as they were. Each of their entries belongs to a unit, too.",
    "The equation",
)
def _biases_unchanged(order, W, U, b, d):
    return W[order], U[order][:, order], b, d


@pre_activation_mistakes("weight_hh transposed", "weight_hh comes back transposed.", "One step in NumPy")
def _reordered_transposed(order, W, U, b, d):
    return W[order], U[order][:, order].T, b[order], d[order]


@pre_activation_mistakes(
    "weight_hh[order, order]",
    "weight_hh[order, order] takes H single entries, one for each pair of places. Asked are H rows of H.",
    "The equation",
)
def _entries_only(order, W, U, b, d):
    return W[order], U[order, order], b[order], d[order]


@pre_activation_mistakes(
    "weight_ih unchanged", "weight_ih is as it was. Which unit does each of its rows make?", "The equation"
)
def _ih_unchanged(order, W, U, b, d):
    return W, U[order][:, order], b[order], d[order]


reorder_units = task(
    "reorder_units",
    LESSON,
    "The equation",
    returns="weight_ih (H I), weight_hh (H H), bias_ih (H), bias_hh (H)",
    points="weight_ih and the biases 1 = weight_ih, bias_ih, bias_hh; weight_hh 2",
    truth=_reorder_units,
    mistakes=(
        _rows_only,
        _columns_only,
        _hh_unchanged,
        _inverse,
        _columns_inverse,
        _biases_unchanged,
        _reordered_transposed,
        _entries_only,
        _ih_unchanged,
    ),
    cases=_order_cases,
    example={
        "order": torch.tensor([2, 0, 1]),
        "weight_ih": torch.tensor([[10.0], [20.0], [30.0]]),
        "weight_hh": torch.tensor([[11.0, 12.0, 13.0], [21.0, 22.0, 23.0], [31.0, 32.0, 33.0]]),
        "bias_ih": torch.tensor([1.0, 2.0, 3.0]),
        "bias_hh": torch.tensor([4.0, 5.0, 6.0]),
    },
)


CHECKS = (pre_activation, rnn_step, unroll, next_state, reorder_units)

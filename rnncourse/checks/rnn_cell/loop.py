"""Task 3, unroll: the step over time."""

from collections.abc import Callable

import torch

from rnncourse.checks.framework.cases import (
    H_ZERO,
    Case,
    Trait,
    random_numbers,
    random_weights,
)
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistake
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.rnn_cell.lesson import (
    LESSON,
    OVER_TIME,
)
from rnncourse.checks.rnn_cell.step import (
    inside_the_sum,
    no_nonlinearity,
    old_state_added,
    on_the_input_only,
    sigmoid_for_tanh,
    then_activate,
)
from rnncourse.checks.rnn_cell.summed import PRE_ACTIVATION_MISTAKES, h_left_out, wrong
from rnncourse.steps import rnn_step as _rnn_step


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


@wrong(
    "h reset at each step", "each step starts from zeros: nothing is carried from step to step.", OVER_TIME
)
def _reset(x, h_0, *weights):
    return _unroll_with(lambda x_t, h, *w: _rnn_step(x_t, torch.zeros_like(h), *w))(x, h_0, *weights)


@wrong(
    "h_0 at each step",
    "each step starts from h_0. Which state should step 2 start from?",
    OVER_TIME,
)
def _h_0_at_each_step(x, h_0, *weights):
    return _unroll_with(lambda x_t, h, *w: _rnn_step(x_t, h_0, *w))(x, h_0, *weights)


@wrong("h_0 ignored", "the run starts from zeros, not from h_0.", OVER_TIME)
def _h_0_ignored(x, h_0, *weights):
    return _unroll(x, torch.zeros_like(h_0), *weights)


@wrong("not stacked", "outputs is a list of tensors. Asked is one tensor, time first: (T, B, H).", OVER_TIME)
def _not_stacked(x, h_0, *weights):
    outputs, h_T = _unroll(x, h_0, *weights)
    return list(outputs), h_T


@wrong(
    "joined, not stacked",
    "the steps are joined along the batch: (T*B, H). Time wants an axis of its own.",
    OVER_TIME,
)
def _joined(x, h_0, *weights):
    outputs, h_T = _unroll(x, h_0, *weights)
    return outputs.flatten(0, 1), h_T


@wrong(
    "stacked on axis 1", "outputs is (B, T, H): stacked along the wrong axis. Time comes first.", OVER_TIME
)
def _stacked_on_axis_1(x, h_0, *weights):
    outputs, h_T = _unroll(x, h_0, *weights)
    return outputs.transpose(0, 1), h_T


@wrong(
    "stacked on the last axis",
    "outputs is (B, H, T): stacked along the last axis. Time comes first.",
    OVER_TIME,
)
def _stacked_on_the_last_axis(x, h_0, *weights):
    outputs, h_T = _unroll(x, h_0, *weights)
    return outputs.movedim(0, -1), h_T


@wrong(
    "loop over the batch",
    "the loop runs over the batch, axis 1 of x: each sequence is taken for a step. It runs only where T = B.",
    OVER_TIME,
)
def _over_the_batch(x, h_0, *weights):
    return _unroll(x.transpose(0, 1), h_0, *weights)


@wrong("last state only", "outputs is the last state alone. Asked are the states of all T steps.", OVER_TIME)
def _last_only(x, h_0, *weights):
    _, h_T = _unroll(x, h_0, *weights)
    return h_T, h_T


@wrong(
    "last state T times",
    "outputs holds the last state T times: the list's entries are one tensor that each step overwrites.",
    OVER_TIME,
)
def _last_repeated(x, h_0, *weights):
    outputs, h_T = _unroll(x, h_0, *weights)
    return h_T.expand_as(outputs).clone(), h_T


@wrong(
    "collected before the step",
    "outputs begins with h_0: each state is collected before its step, so all come one step late.",
    OVER_TIME,
)
def _one_late(x, h_0, *weights):
    outputs, h_T = _unroll(x, h_0, *weights)
    return torch.cat([h_0[None], outputs[:-1]]), h_T


@wrong("h_0 among the outputs", "outputs has T + 1 states: h_0 is not the output of a step.", OVER_TIME)
def _h_0_collected(x, h_0, *weights):
    outputs, h_T = _unroll(x, h_0, *weights)
    return torch.cat([h_0[None], outputs]), h_T


@wrong(
    "return inside the loop",
    "the loop ends after its first step. How far is the `return` indented?",
    OVER_TIME,
)
def _return_in_the_loop(x, h_0, *weights):
    return _unroll(x[:1], h_0, *weights)


@wrong("first state returned", "h_T is the state after the first step, not after the last.", OVER_TIME)
def _first_returned(x, h_0, *weights):
    outputs, _ = _unroll(x, h_0, *weights)
    return outputs, outputs[0]


@wrong(
    "h_0 returned",
    "h_T is h_0, unchanged: the loop's state has another name than the one returned.",
    OVER_TIME,
)
def _h_0_returned(x, h_0, *weights):
    outputs, _ = _unroll(x, h_0, *weights)
    return outputs, h_0


@wrong(
    "h_T with a layer axis",
    "h_T is (1, B, H), as torch.nn.RNN returns it (the first axis counts layers). Asked is (B, H).",
    OVER_TIME,
)
def _layer_axis(x, h_0, *weights):
    outputs, _ = _unroll(x, h_0, *weights)
    return outputs, outputs[-1:]


@wrong("time backwards", "the loop runs from the last step to the first.", OVER_TIME)
def _backwards(x, h_0, *weights):
    return _unroll(x.flip(0), h_0, *weights)


@wrong("the first input at each step", "each step is given the first input.", OVER_TIME)
def _first_input(x, h_0, *weights):
    return _unroll(x[:1].expand_as(x), h_0, *weights)


@wrong("one step too few", "the loop stops one step early: T - 1 states.", OVER_TIME)
def _one_too_few(x, h_0, *weights):
    return _unroll(x[:-1], h_0, *weights)


def _with_wrong_step(mistake: Mistake) -> Mistake:
    hint = f"the loop is right, the step in it is not: {mistake.hint}"
    return Mistake(f"step: {mistake.name}", _unroll_with(mistake.function), hint, mistake.section)


unroll = Check(
    name="unroll",
    lesson=LESSON,
    section=OVER_TIME,
    parts=(Part("outputs", "T B H"), Part("h_T", "B H")),
    criteria=(Criterion("outputs", 2, ("outputs",)), Criterion("h_T", 2, ("h_T",))),
    truth=_unroll,
    cases=_unroll_cases,
    example_case=Case(
        {
            "x": torch.tensor([[[1.0]], [[0.0]], [[0.0]]], dtype=torch.float64),
            "h_0": torch.zeros(1, 1, dtype=torch.float64),
            "weight_ih": torch.tensor([[1.0]], dtype=torch.float64),
            "weight_hh": torch.tensor([[0.5]], dtype=torch.float64),
            "bias_ih": torch.zeros(1, dtype=torch.float64),
            "bias_hh": torch.zeros(1, dtype=torch.float64),
        },
        {"T": 3, "B": 1, "I": 1, "H": 1},
    ),
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
)

"""The step functions against one step of torch's cells (and, for the projection, of torch's LSTM)."""

import inspect
import itertools

import pytest
import torch
from oracle import B, H, I, P, assert_same, random
from torch import nn

from rnncourse import LSTMState
from rnncourse.steps import gru_step, lstm_step, rnn_step

GATES = {"RNNCell": 1, "LSTMCell": 4, "GRUCell": 3}
STEPS = {
    "tanh": ("RNNCell", rnn_step, {}),
    "relu": ("RNNCell", rnn_step, {"nonlinearity": "relu"}),
    "lstm": ("LSTMCell", lstm_step, {}),
    "gru": ("GRUCell", gru_step, {}),
}
WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def gradients(outputs, leaves):
    """The gradients of all leaves under random gradients of all outputs."""
    upstream = [random(*end.shape, seed=40 + i) for i, end in enumerate(outputs)]
    return torch.autograd.grad(outputs, leaves, upstream)


@pytest.mark.parametrize("biases", list(itertools.product([True, False], repeat=2)), ids=str)
@pytest.mark.parametrize("rows", [(B,), ()], ids=["batch", "one row"])
@pytest.mark.parametrize("name", STEPS)
def test_agrees_with_torchs_cell(name, rows, biases):
    """A missing bias is a bias of zeros."""
    kind, step, options = STEPS[name]
    cell = getattr(nn, kind)(I, H, dtype=torch.float64, **options)
    for bias, here in zip((cell.bias_ih, cell.bias_hh), biases, strict=True):
        if not here:
            nn.init.zeros_(bias)
    x_t, h, c = (random(*rows, size, seed=size + i).requires_grad_() for i, size in enumerate((I, H, H)))
    state, held = ((h, c), [h, c]) if kind == "LSTMCell" else (h, [h])

    used = [getattr(cell, weight) for weight in WEIGHTS]
    given = [weight if weight.dim() == 2 or biases[i - 2] else None for i, weight in enumerate(used)]
    leaves = [x_t, *held, *(weight for weight in given if weight is not None)]
    ours, theirs = step(x_t, state, *given, **options), cell(x_t, state)
    ours, theirs = ((r,) if isinstance(r, torch.Tensor) else tuple(r) for r in (ours, theirs))
    assert_same(dict(enumerate(ours)), dict(enumerate(theirs)))
    assert_same(dict(enumerate(gradients(ours, leaves))), dict(enumerate(gradients(theirs, leaves))))


def test_projection_agrees_with_one_step_of_torchs_lstm():
    lstm = nn.LSTM(I, H, proj_size=P, dtype=torch.float64)
    x_t, h, c = random(B, I), random(B, P, seed=2), random(B, H, seed=3)
    weights = [getattr(lstm, f"{name}_l0") for name in (*WEIGHTS, "weight_hr")]
    ours = lstm_step(x_t, (h, c), *weights)
    _, (h_n, c_n) = lstm(x_t[None], (h[None], c[None]))
    assert_same({"h": ours.h, "c": ours.c}, {"h": h_n[0], "c": c_n[0]})
    mine, wanted = gradients(tuple(ours), weights), gradients((h_n[0], c_n[0]), weights)
    assert_same(dict(enumerate(mine)), dict(enumerate(wanted)))


def test_lstm_step_takes_a_pair_and_returns_named_state():
    state = LSTMState(random(B, H, seed=2), random(B, H, seed=3))
    weights = random(4 * H, I, seed=4), random(4 * H, H, seed=5)
    named, plain = (lstm_step(random(B, I), s, *weights) for s in (state, tuple(state)))
    assert isinstance(named, LSTMState)
    assert isinstance(plain, LSTMState)
    assert torch.equal(named.h, plain.h)
    assert torch.equal(named.c, plain.c)


def test_signatures():
    def arguments(function):
        return list(inspect.signature(function).parameters)

    assert arguments(rnn_step) == ["x_t", "h", *WEIGHTS, "nonlinearity"]
    assert arguments(lstm_step) == ["x_t", "state", *WEIGHTS, "weight_hr"]
    assert arguments(gru_step) == ["x_t", "h", *WEIGHTS]

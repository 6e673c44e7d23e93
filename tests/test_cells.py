"""RNNCell, LSTMCell and GRUCell against torch.nn's."""

import copy
import inspect
import pickle

import pytest
import torch
from oracle import (
    CELLS,
    B,
    H,
    I,
    assert_cell_agrees,
    assert_parameters_equal,
    assert_same,
    assert_starts_as_torchs,
    pair,
    random,
    run,
    states,
)
from torch import nn

import rnncourse
from rnncourse import LSTMState

CELL_VARIANTS = {
    "RNNCell-tanh": ("RNNCell", {}),
    "RNNCell-relu": ("RNNCell", {"nonlinearity": "relu"}),
    "LSTMCell": ("LSTMCell", {}),
    "GRUCell": ("GRUCell", {}),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("given", [True, False], ids=["hx", "no hx"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("variant", CELL_VARIANTS)
def test_agrees_with_torch(variant, bias, given, dtype):
    kind, options = CELL_VARIANTS[variant]
    assert_cell_agrees(kind, given, bias=bias, dtype=dtype, **options)


@pytest.mark.parametrize("kind", CELLS)
class TestContract:
    def test_signatures(self, kind):
        """Names, order and defaults of the arguments, of the constructor and of forward."""
        for method in ("__init__", "forward"):
            ours, theirs = (inspect.signature(getattr(getattr(m, kind), method)) for m in (rnncourse, nn))
            assert [(p.name, p.default, p.kind) for p in ours.parameters.values()] == [
                (p.name, p.default, p.kind) for p in theirs.parameters.values()
            ]

    @pytest.mark.parametrize("bias", [True, False])
    def test_parameters_start_as_torchs(self, kind, bias):
        assert_starts_as_torchs(kind, bias=bias)
        assert (getattr(rnncourse, kind)(I, H, bias).bias_ih is None) == (not bias)

    def test_state_dict_both_ways(self, kind):
        ours, theirs = getattr(rnncourse, kind)(I, H), getattr(nn, kind)(I, H)
        ours.load_state_dict(theirs.state_dict(), strict=True)
        assert_parameters_equal(ours, theirs)
        ours.reset_parameters()
        theirs.load_state_dict(ours.state_dict(), strict=True)
        assert_parameters_equal(ours, theirs)

    def test_repr_and_attributes(self, kind):
        relu = {"nonlinearity": "relu"} if kind == "RNNCell" else {}
        for options in ({}, {"bias": False} | relu):
            ours, theirs = pair(kind, **options)
            assert repr(ours) == repr(theirs)
            for name in ("input_size", "hidden_size", "bias", *relu):
                assert getattr(ours, name) == getattr(theirs, name)

    def test_returns_named_state(self, kind):
        cell, _ = pair(kind)
        for rows in ((B,), ()):
            result = cell(random(*rows, I))
            if kind == "LSTMCell":
                assert isinstance(result, LSTMState)
                assert result == (result.h, result.c)
                assert isinstance(cell(random(*rows, I), result), LSTMState)  # and it goes in again
            else:
                assert isinstance(result, torch.Tensor)

    def test_copies_answer_alike(self, kind):
        cell, _ = pair(kind)
        input, hx = random(B, I), states(kind, B, H)
        for twin in (copy.deepcopy(cell), pickle.loads(pickle.dumps(cell))):
            assert_same(run(twin, input, hx), run(cell, input, hx), tolerance=0)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
    def test_moves_to_dtype(self, kind, dtype):
        mine, theirs = (module.to(dtype) for module in pair(kind))
        input, hx = random(B, I, dtype=dtype), states(kind, B, H, dtype=dtype)
        assert_same(run(mine, input, hx), run(theirs, input, hx))

    def test_device_and_dtype_arguments(self, kind):
        cell = getattr(rnncourse, kind)(I, H, device="meta", dtype=torch.float64)
        assert {(str(p.device), p.dtype) for p in cell.parameters()} == {("meta", torch.float64)}
        h = cell(torch.empty(B, I, device="meta", dtype=torch.float64))
        h = h[0] if kind == "LSTMCell" else h
        assert (h.device.type, h.shape) == ("meta", (B, H))

    def test_empty_batch(self, kind):
        mine, theirs = pair(kind)
        for hx in (None, states(kind, 0, H)):
            assert_same(run(mine, random(0, I), hx), run(theirs, random(0, I), hx))

    def test_strided_input_and_state(self, kind):
        mine, theirs = pair(kind)
        input = random(I, B).t()
        h = random(H, B, seed=2).t()
        hx = (h, random(B, 2 * H, seed=3)[:, ::2]) if kind == "LSTMCell" else h
        assert not input.is_contiguous()
        assert_same(run(mine, input, hx), run(theirs, input, hx))

    def test_leaves_its_arguments_alone(self, kind):
        cell, _ = pair(kind)
        input, hx = random(B, I), states(kind, B, H)
        kept = copy.deepcopy((input, hx))
        with torch.no_grad():
            cell(input, hx)
        torch.testing.assert_close((input, hx), kept, rtol=0, atol=0)

    def test_chained_over_time(self, kind):
        """Three steps through one cell: gradients add up over time."""

        def three_steps(cell):
            state, outputs = states(kind, B, H), []
            for step in range(3):
                state = cell(random(B, I, seed=20 + step), state)
                outputs.append(state[0] if kind == "LSTMCell" else state)
            weights = list(cell.parameters())
            end = torch.stack(outputs)  # (3, B, H)
            return torch.autograd.grad(end, weights, random(*end.shape, seed=30))

        ours, theirs = map(three_steps, pair(kind))
        assert_same(dict(enumerate(ours)), dict(enumerate(theirs)))

    def test_double_backward(self, kind):
        cell, _ = pair(kind, 2, 3)
        hx = states(kind, 2, 3)
        hx = hx if isinstance(hx, tuple) else (hx,)
        leaves = [tensor.requires_grad_() for tensor in (random(2, 2), *hx)]

        def step(input, *hx):
            return cell(input, hx if kind == "LSTMCell" else hx[0])

        assert torch.autograd.gradgradcheck(step, leaves)

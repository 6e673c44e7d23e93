"""The T × T picture: its numbers are autograd's own, and it draws them and says them in words."""

import numpy as np
import pytest
import torch
from torch import nn

import rnncourse
from rnncourse import plots

T = 5


def causal_model():
    return nn.LSTM(3, 4, batch_first=True)


def test_dependence_is_the_norm_of_the_jacobian():
    model, x = causal_model(), torch.randn(2, T, 3)
    report = rnncourse.audit(model, x, batch=0, call=lambda model, x: model(x)[0][..., :1])
    jacobian = torch.autograd.functional.jacobian(lambda x: model(x)[0][..., 0], x)  # (B, T, B, T, I)
    own = torch.stack([jacobian[b, :, b] for b in range(2)])  # rows are apart
    expected = own.square().sum((0, 3)).sqrt()
    torch.testing.assert_close(report.dependence.float(), expected)


def test_a_many_to_one_model_has_one_row():
    model = nn.GRU(3, 4, batch_first=True)
    report = rnncourse.audit(model, torch.randn(4, T, 3), call=lambda model, x: model(x)[1][0])
    assert report.dependence.shape == (1, T)
    assert "5 of 5 pairs" in plots.dependence(report).get_title(loc="left")


def test_the_figure_draws_the_numbers_and_says_them():
    report = rnncourse.audit(causal_model(), torch.randn(4, T, 3), batch=0)
    ax = plots.dependence(report)
    drawn = ax.images[0].get_array()
    np.testing.assert_allclose(drawn.filled(0), report.dependence.numpy())
    assert int(drawn.mask.sum()) == T * (T - 1) // 2  # the future is grey
    assert "0 pairs read ahead, 10 back" in ax.get_title(loc="left")
    assert "0 of 25 pairs of steps read ahead, 10 back" in ax.figure.alt


def test_a_bidirectional_layer_reads_ahead():
    model = nn.GRU(3, 4, batch_first=True, bidirectional=True)
    report = rnncourse.audit(model, torch.randn(4, T, 3), batch=0)
    assert "10 pairs read ahead, 10 back" in plots.dependence(report).get_title(loc="left")


def test_plot_without_a_gradient_raises():
    with pytest.raises(TypeError, match="expected what"):
        plots.dependence(torch.eye(3))
    report = rnncourse.audit(nn.Linear(3, 2), torch.randn(4, T, 3), call=lambda m, x: m(x).detach())
    with pytest.raises(ValueError, match="an output with a gradient, got none"):
        plots.dependence(report)


def test_reading_the_dependence_leaves_the_model_alone():
    model = causal_model().train()
    report = rnncourse.audit(model, torch.randn(4, T, 3), batch=0)
    before = torch.get_rng_state()
    assert report.dependence.shape == (T, T)
    assert model.training
    assert torch.equal(torch.get_rng_state(), before)
    assert all(p.grad is None for p in model.parameters())

"""What a trace says of a model's health: shares of gates, dead units, gradients over time, titles."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from rnncourse import plots, trace

T, B, I, H = 7, 3, 2, 4


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.LSTM(I, H, 2, bidirectional=True)
        self.decoder = nn.GRUCell(2 * H, H)

    def forward(self, x):
        h = None
        for x_t in self.encoder(x)[0]:
            h = self.decoder(x_t, h)
        return h


@pytest.fixture
def traced():
    model, x = Model(), torch.randn(T, B, I)
    with trace(model) as t:
        model(x).square().sum().backward()
    return t


def test_shares_of_gates():
    layer = nn.LSTM(I, H)
    with torch.no_grad():
        layer.bias_ih_l0[H : H + 2] = 50  # f of units 0 and 1 stands open
        layer.bias_ih_l0[3 * H] = -50  # o of unit 0 is shut
        with trace(layer) as t:
            layer(torch.randn(T, B, I))
    found = t.scalars()
    assert found["LSTM/f above 0.95"] == pytest.approx(0.5)
    assert found["LSTM/o below 0.05"] == pytest.approx(0.25)
    assert found["LSTM/i above 0.95"] == 0
    assert "f 50%" in repr(t.health)
    assert "o 25%" in repr(t.health)
    for name in "ifo":
        shares = [(t[""][name] < 0.05).float().mean(), (t[""][name] > 0.95).float().mean()]
        got = [t.forward.scalars()[f"{name} {side}"] for side in ("below 0.05", "above 0.95")]
        assert got == pytest.approx([float(share) for share in shares])


def test_dead_units_and_nan():
    layer = nn.RNN(I, H, nonlinearity="relu")
    with torch.no_grad():
        layer.bias_ih_l0[[1, 3]] = -50
        packed = nn.utils.rnn.pack_padded_sequence(10 * torch.rand(T, B, I), [7, 3, 2])
        with trace(layer) as t:
            layer(packed)
        assert (
            t.forward.scalars()["dead units"] == (t.h.nan_to_num() == 0).flatten(0, 1).all(0).float().mean()
        )
        assert t.forward.scalars()["dead units"] >= 0.5
        assert t.forward.scalars()["not finite"] == 0  # padding does not count
        x = torch.rand(T, B, I)
        x[-1, 0, 0] = math.nan
        with trace(layer, names=["a"]) as t:
            layer(x)
        assert t.scalars() == {"RNN/not finite": H}


def test_gradient_norms_by_time(traced):
    d = traced["encoder"].layer(1).reverse
    wanted = [d.grad.c[t].norm().item() for t in range(T)]
    assert d.gradient_norm("c").tolist() == pytest.approx(wanted)
    found = traced.scalars()
    assert found["encoder, layer 1, reverse/gradient of h, first step"] == pytest.approx(
        d.grad.h[0].norm().item()
    )
    assert found["decoder/gradient of h, last step"] == pytest.approx(
        traced["decoder"].grad.h[-1].norm().item()
    )
    assert all(type(value) is float for value in found.values())


def test_health_has_a_line_for_each_direction(traced):
    lines = repr(traced.health).splitlines()
    assert max(map(len, lines)) <= 80
    for where in ("encoder, layer 0, forward", "encoder, layer 1, reverse", "decoder"):
        assert where in " ".join(repr(traced.health).split())
    assert traced.health._repr_html_().count("<tr>") == 6
    assert [d.where for d in traced.directions()] == [
        "encoder, layer 0, forward",
        "encoder, layer 0, reverse",
        "encoder, layer 1, forward",
        "encoder, layer 1, reverse",
        "decoder",
    ]


@pytest.mark.parametrize("state", ["h", "x"])
def test_gradient_over_time_draws_every_traced_direction(traced, state):
    ax = plots.gradient_over_time(traced, state=state)
    drawn = {line.get_label(): line.get_ydata() for line in ax.lines}
    assert list(drawn) == [d.where for d in traced.directions()]
    for d in traced.directions():
        np.testing.assert_allclose(drawn[d.where], d.grad[state].flatten(1).norm(dim=1))
        assert f"{d.where}: {drawn[d.where][0]:.3g} at step 0" in ax.figure.alt
    assert ax.get_yscale() == "log"
    one = plots.gradient_over_time(traced["encoder"].layer(1).reverse)
    assert [line.get_label() for line in one.lines] == ["encoder, layer 1, reverse"]
    two = plots.gradient_over_time(traced["encoder"].layer(1), ax=one)
    assert len(two.lines) == 3


def test_gradient_over_time_says_why_there_is_none():
    layer = nn.GRU(I, H)
    with torch.no_grad(), trace(layer) as t:
        layer(torch.randn(T, B, I))
    with pytest.raises(KeyError, match="the call ran under torch"):
        plots.gradient_over_time(t)
    with trace(layer) as t:
        pass
    with pytest.raises(ValueError, match="no recurrent module was called"):
        plots.gradient_over_time(t)
    with pytest.raises(TypeError, match="pass its input too"):
        plots.gradient_over_time(layer)


def test_titles_say_module_layer_direction_and_row(traced):
    d = traced["encoder"].layer(1).reverse
    assert plots.gates_over_time(d, b=2).get_suptitle() == "encoder, layer 1, reverse, row 2"
    assert plots.c_against_h(d, b=1, unit=3).get_suptitle() == "encoder, layer 1, reverse, row 1, unit 3"
    assert (
        plots.cell_diagram(d, 4, b=1, unit=3)
        .get_title()
        .startswith("encoder, layer 1, reverse: t = 4, unit 3")
    )
    assert "(encoder, layer 1, reverse)" in plots.gates_over_time(d, b=2).alt
    with trace(layer := nn.LSTM(I, H)) as t:
        layer(torch.randn(T, I))
    assert plots.gates_over_time(t).get_suptitle() == "LSTM"  # the model itself, and no batch

"""Cells of the user's own, traced by the step function that the user gives."""

import pytest
import torch
from torch import nn

from rnncourse import plots, trace

T, B, I, H = 5, 3, 2, 4


class Minimal(nn.Module):
    """A gated unit of two Linear layers."""

    def __init__(self):
        super().__init__()
        self.gate, self.new = nn.Linear(I + H, H), nn.Linear(I + H, H)

    def forward(self, x, h):
        both = torch.cat((x, h), dim=-1)
        z = torch.sigmoid(self.gate(both))
        return (1 - z) * h + z * torch.tanh(self.new(both))


def minimal_step(cell, x, h):
    both = torch.cat((x, h), dim=-1)
    z, n = torch.sigmoid(cell.gate(both)), torch.tanh(cell.new(both))
    return {"z": z, "n": n, "h": (1 - z) * h + z * n}


class LayerNormLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.norm = nn.Linear(I + H, 4 * H), nn.LayerNorm(4 * H)

    def forward(self, x, state):
        h, c = state
        i, f, g, o = self.norm(self.linear(torch.cat((x, h), dim=-1))).chunk(4, dim=-1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


def layernorm_step(cell, x, h, c):
    a = cell.norm(cell.linear(torch.cat((x, h), dim=-1)))
    i, f, g, o = (v.tanh() if k == 2 else v.sigmoid() for k, v in enumerate(a.chunk(4, dim=-1)))
    c = f * c + i * g
    return {"i": i, "f": f, "g": g, "o": o, "c": c, "h": o * c.tanh()}


def test_a_cell_of_linear_layers():
    model, x = nn.ModuleDict({"cell": Minimal()}), torch.randn(T, B, I)
    with trace(model, steps={"cell": minimal_step}) as t:
        h, hs = torch.zeros(B, H), []
        for x_t in x:
            h = model["cell"](x_t, h)
            hs.append(h)
        torch.stack(hs).square().sum().backward(inputs=[*hs, *model.parameters()])
    d = t["cell"]
    assert d.names == ("x", "z", "n", "h")
    assert t.max_error < 1e-6
    torch.testing.assert_close(d.h, torch.stack(hs).detach())
    torch.testing.assert_close((1 - d.z) * d.h_prev + d.z * d.n, d.h)
    torch.testing.assert_close(d.grad.h, torch.stack([h.grad for h in hs]))
    assert not d.resets.any()
    assert "z below 0.05" in d.scalars()
    assert "'cell'" in repr(t)
    assert {ax.get_ylabel() for ax in plots.gates_over_time(d).axes} >= {"z", "n", "h"}
    with pytest.raises(ValueError, match="cannot know"):
        plots.cell_diagram(d, 0)


def test_an_lstm_with_layer_norm():
    cell, x = LayerNormLSTM().double(), torch.randn(T, B, I, dtype=torch.float64)
    with trace(cell, steps={"": layernorm_step}) as t:
        state, hs = (x.new_zeros(B, H), x.new_zeros(B, H)), []
        for x_t in x:
            state = cell(x_t, state)
            hs.append(state[0])
        torch.stack(hs).sum().backward(inputs=[*hs, *cell.parameters()])
    torch.testing.assert_close(t.f * t.c_prev + t.i * t.g, t.c)
    torch.testing.assert_close(t.grad.h, torch.stack([h.grad for h in hs]))
    assert t.max_error < 1e-12


def test_of_a_cell_of_your_own_the_names_asked_for_are_saved():
    model, x, h = (
        nn.ModuleDict({"cell": Minimal(), "gru": nn.GRUCell(I, H)}),
        torch.randn(B, I),
        torch.randn(B, H),
    )
    for names, own, grus in ((["z"], ("z",), ("z",)), (["h", "r"], ("h",), ("r", "h"))):
        with trace(model, names=names, steps={"cell": minimal_step}) as t:
            model["cell"](x, model["cell"](x, h))
            model["gru"](x, h)
        assert t["cell"].names == own
        assert t["gru"].names == grus
        assert t["cell"][own[0]].shape == (2, B, H)
    with pytest.raises(AttributeError, match=r"n was not saved: names=\['h'\]"):
        t["cell"].n  # noqa: B018
    with trace(model, names=["r"], steps={"cell": minimal_step}) as t:
        model["cell"](x, h)
    with pytest.raises(LookupError, match="asked for nothing that 'cell' has"):
        t["cell"]
    assert t.directions() == []


def test_a_cell_of_your_own_is_called_so():
    with trace(cell := Minimal(), steps={"": minimal_step}) as t:
        cell(torch.randn(B, I), torch.randn(B, H))
    assert t.where == "cell of your own"


def test_a_step_that_is_wrong_is_told():
    cell, x, h = Minimal(), torch.randn(B, I), torch.randn(B, H)

    def other(cell, x, h):
        return {"h": torch.tanh(cell.new(torch.cat((x, h), dim=-1)))}

    with (
        pytest.warns(UserWarning, match="differs from its equations"),
        trace(cell, steps={"": other}),
    ):
        cell(x, h)
    with pytest.warns(UserWarning, match="must return a dict of values with h among"):  # noqa: SIM117
        with trace(cell, steps={"": lambda cell, x, h: {"z": h}}) as t:
            cell(x, h)
    with pytest.raises(LookupError, match="can't be traced by the step given"):
        t[""]
    with pytest.raises(ValueError, match=r"steps: there is no module 'cel'\. Did you mean 'cell'\?"):
        trace(nn.ModuleDict({"cell": cell}), steps={"cel": other})
    with pytest.raises(TypeError, match="expected a function for 'cell', got int"):
        trace(nn.ModuleDict({"cell": cell}), steps={"cell": 1})

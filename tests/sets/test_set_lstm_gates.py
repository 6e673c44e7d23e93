"""Exercise set 06: the true answers against torch.nn, and honest ways to each task."""

import torch
from honest import torch_cell, ways
from torch import nn

from rnncourse.checks import lstm_gates

ORACLES = ways("""
gates: sliced in NumPy
    H = a.shape[-1] // 4
    i, f, g, o = (a.numpy()[..., k * H : (k + 1) * H] for k in range(4))
    sigmoid = lambda a: 1 / (1 + np.exp(-a))
    return sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
cell_state: in NumPy
    f, i, g, c = (value.numpy() for value in (f, i, g, c))
    return np.add(f * c, i * g)
lstm_step(x_t, state, *weights): torch's cell
    return torch_cell(nn.LSTMCell, *weights)(x_t, state)
""")
ORACLES["MyLSTMCell"] += [nn.LSTMCell]


def test_from_cs231n_equals_its_formula():
    """The formula as cs231n writes it, against torch's cell with the translated weights."""
    for case in lstm_gates.from_cs231n.cases(0):
        Wx, Wh, b = case.arguments.values()
        I, H = case.sizes.values()
        x, h, c = (torch.randn(3, size, dtype=torch.float64) for size in (I, H, H))
        a = x @ Wx + h @ Wh + b
        i, f, o = (torch.sigmoid(a[:, k * H : (k + 1) * H]) for k in range(3))
        next_c = f * c + i * torch.tanh(a[:, 3 * H :])
        weight_ih, weight_hh, bias_ih = lstm_gates.from_cs231n.truth(Wx, Wh, b)
        found = torch_cell(nn.LSTMCell, weight_ih, weight_hh, bias_ih, torch.zeros_like(bias_ih))(x, (h, c))
        torch.testing.assert_close(found, (o * torch.tanh(next_c), next_c))


HONEST = ways("""
cell_state: addcmul
    return torch.addcmul(f * c, i, g)
cell_state: lerp
    return torch.lerp(torch.zeros_like(c), c, f) + torch.lerp(torch.zeros_like(g), g, i)
gates: sliced
    H = a.shape[-1] // 4
    i, f, g, o = (a[..., k * H : (k + 1) * H] for k in range(4))
    return i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
gates: reshaped
    blocks = a.reshape(*a.shape[:-1], 4, -1)
    squashed = 1 / (1 + torch.exp(-blocks))
    return (squashed[..., 0, :], squashed[..., 1, :], 2 * torch.sigmoid(2 * blocks[..., 2, :]) - 1,
        squashed[..., 3, :])
lstm_step: split
    a = torch.cat([x_t, state[0]], dim=-1) @ torch.cat([weight_ih, weight_hh], dim=1).T + bias_ih + bias_hh
    i, f, g, o = gates_sliced(a)
    c = cell_state_lerp(f, i, g, state[1])
    return [o * c.tanh(), c]
lstm_step: four matmuls
    h, c = state
    a = []
    for W, U, b, d in zip(*(t.chunk(4) for t in (weight_ih, weight_hh, bias_ih, bias_hh)), strict=True):
        a.append(torch.einsum("...i,hi->...h", x_t, W) + torch.einsum("...k,hk->...h", h, U) + b + d)
    c = torch.sigmoid(a[1]) * c + torch.sigmoid(a[0]) * torch.tanh(a[2])
    return rnncourse.LSTMState(torch.sigmoid(a[3]) * torch.tanh(c), c)
from_cs231n: rows
    H = len(b) // 4
    rows = [*range(2 * H), *range(3 * H, 4 * H), *range(2 * H, 3 * H)]
    return Wx.T[rows], Wh.T[rows], b[rows]
from_cs231n: in place
    new = []
    for tensor in (Wx.T, Wh.T, b):
        blocks = tensor.reshape(4, len(tensor) // 4, *tensor.shape[1:])
        new.append(blocks[[0, 1, 3, 2]].flatten(0, 1))
    return tuple(new)
MyLSTMCell(DrawnCell): my
    gates = 4
    def forward(self, x_t, state=None):
        h, c = (x_t.new_zeros(x_t.shape[0], self.H),) * 2 if state is None else state
        return lstm_step_four_matmuls(x_t, (h, c), *self.parameters())
MyLSTMCell(DrawnCell): that returns alist
    gates = 4
    def forward(self, x_t, hx=None):
        hx = hx or [x_t.new_zeros(len(x_t), self.H) for _ in range(2)]
        return lstm_step_split(x_t, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
""")

"""Exercise set 06: the true answers against torch.nn, and honest ways to each task."""

import numpy as np
import torch
from honest import ways
from torch import nn

from rnncourse.checks import lstm_gates


def test_gates_and_cell_state_equal_numpy():
    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    for case in lstm_gates.gates.cases(0):
        (a,) = case.arguments.values()
        H = case.sizes["H"]
        blocks = [a.numpy()[..., k * H : (k + 1) * H] for k in range(4)]
        wanted = sigmoid(blocks[0]), sigmoid(blocks[1]), np.tanh(blocks[2]), sigmoid(blocks[3])
        for found, block in zip(lstm_gates.gates.truth(a), wanted, strict=True):
            np.testing.assert_allclose(found, block)
    for case in lstm_gates.cell_state.cases(0):
        f, i, g, c = (value.numpy() for value in case.arguments.values())
        np.testing.assert_allclose(
            lstm_gates.cell_state.truth(*case.arguments.values()), np.add(f * c, i * g)
        )


def torch_lstm_cell(weight_ih, weight_hh, bias_ih, bias_hh):
    cell = nn.LSTMCell(weight_ih.shape[1], weight_hh.shape[1]).to(weight_ih.dtype)
    cell.load_state_dict(
        {"weight_ih": weight_ih, "weight_hh": weight_hh, "bias_ih": bias_ih, "bias_hh": bias_hh}
    )
    return cell.requires_grad_(False)


def test_lstm_step_and_class_equal_torch():
    for case in lstm_gates.lstm_step.cases(0):
        x_t, state, *weights = case.arguments.values()
        found = lstm_gates.lstm_step.truth(x_t, state, *weights)
        torch.testing.assert_close(tuple(found), torch_lstm_cell(*weights)(x_t, state))
    for case in lstm_gates.MyLSTMCell.cases(0):
        I, H, parameters, x_t, state = case.arguments.values()
        cell = lstm_gates.MyLSTMCell.truth(I, H)
        cell.load_state_dict(parameters)
        torch.testing.assert_close(tuple(cell(x_t, state)), torch_lstm_cell(**parameters)(x_t, state))


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
        found = torch_lstm_cell(weight_ih, weight_hh, bias_ih, torch.zeros_like(bias_ih))(x, (h, c))
        torch.testing.assert_close(found, (o * torch.tanh(next_c), next_c))


class CellWithTorchsInitialisation(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.H = hidden_size
        for name, size in {
            "weight_ih": (input_size,),
            "weight_hh": (hidden_size,),
            "bias_ih": (),
            "bias_hh": (),
        }.items():
            self.register_parameter(
                name, nn.Parameter(torch.empty(4 * hidden_size, *size).uniform_(-0.1, 0.1))
            )

    def forward(self, x_t, state=None):
        h, c = (torch.zeros(x_t.shape[0], self.H),) * 2 if state is None else state
        return lstm_step_four_matmuls(x_t, (h, c), *self.parameters())


class CellThatReturnsAList(CellWithTorchsInitialisation):
    def forward(self, x_t, hx=None):
        hx = hx or [x_t.new_zeros(len(x_t), self.H) for _ in range(2)]
        return lstm_step_split(x_t, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)


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
""")
HONEST["MyLSTMCell"] += [CellWithTorchsInitialisation, CellThatReturnsAList]

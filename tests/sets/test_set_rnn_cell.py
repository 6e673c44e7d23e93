"""Exercise set 02: the true answers against torch.nn, and honest ways to each task."""

import torch
from honest import torch_cell, ways
from torch import nn

from rnncourse.checks import rnn_cell

ORACLES = ways("""
rnn_step: torch's cell
    return torch_cell(nn.RNNCell, weight_ih, weight_hh, bias_ih, bias_hh, nonlinearity=nonlinearity)(x_t, h)
unroll(x, h_0, *weights): torch's layer
    outputs, h_n = torch_layer(nn.RNN, [torch_cell(nn.RNNCell, *weights)])(x, h_0[None])
    return outputs, h_n[0]
next_state: the cell called
    return cell(x_t, h)
""")


def test_torchs_cell_squashes_the_pre_activation():
    for case in rnn_cell.pre_activation.cases(0):
        x_t, h, *weights = case.arguments.values()
        a = rnn_cell.pre_activation.truth(x_t, h, *weights)
        torch.testing.assert_close(torch.tanh(a), torch_cell(nn.RNNCell, *weights)(x_t, h))


def test_reordered_units_compute_the_same_in_the_new_order():
    for case in rnn_cell.reorder_units.cases(0):
        order, *weights = case.arguments.values()
        reordered = rnn_cell.reorder_units.truth(order, *weights)
        x_t, h = (torch.randn(3, size, dtype=torch.float64) for size in (weights[0].shape[1], len(order)))
        step = rnn_cell.rnn_step.truth
        torch.testing.assert_close(step(x_t, h[:, order], *reordered), step(x_t, h, *weights)[:, order])


HONEST = ways("""
pre_activation: einsum
    mixed = torch.einsum("...i,hi->...h", x_t, weight_ih) + torch.einsum("...k,hk->...h", h, weight_hh)
    return mixed + (bias_ih + bias_hh)
pre_activation: joined
    both = torch.cat([x_t, h], dim=-1)
    return both @ torch.cat([weight_ih, weight_hh], dim=1).T + bias_ih + bias_hh
pre_activation: loops
    if x_t.ndim == 2:
        rows = [pre_activation_loops(*row, weight_ih, weight_hh, bias_ih, bias_hh) for row in zip(x_t, h,
            strict=True)]
        return torch.stack(rows)
    units = []
    for k in range(len(bias_ih)):
        units.append((weight_ih[k] * x_t).sum() + bias_ih[k] + (weight_hh[k] * h).sum() + bias_hh[k])
    return torch.stack(units)
rnn_step: joined
    a = pre_activation_joined(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh)
    return a.clamp(min=0) if nonlinearity == "relu" else a.tanh()
rnn_step: numpy
    a = (
        x_t.numpy() @ weight_ih.numpy().T
        + h.numpy() @ weight_hh.numpy().T
        + bias_ih.numpy()
        + bias_hh.numpy()
    )
    return torch.from_numpy(np.maximum(a, 0) if nonlinearity == "relu" else np.tanh(a))
rnn_step: float32
    tensors = [tensor.float() for tensor in (x_t, h, weight_ih, weight_hh, bias_ih, bias_hh)]
    return rnn_step_joined(*tensors, nonlinearity)
rnn_step: functional
    linear = nn.functional.linear
    return getattr(torch, nonlinearity)(linear(x_t, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh))
unroll(x, h_0, *weights): by index
    outputs = torch.empty(len(x), *h_0.shape, dtype=x.dtype)
    h = h_0
    for t in range(x.shape[0]):
        h = rnn_step_joined(x[t], h, *weights)
        outputs[t] = h
    return outputs, outputs[-1]
unroll(x, h_0, *weights): recursive
    h = rnn_step_numpy(x[0], h_0, *weights)[None]
    if len(x) == 1:
        return h, h[0]
    later, h_T = unroll_recursive(x[1:], h[0], *weights)
    return torch.cat([h, later]), h_T
next_state(cell, x_t, h): by name
    weights = dict(cell.named_parameters())
    a = x_t @ weights["weight_ih"].T + h @ weights["weight_hh"].T
    for name in ("bias_ih", "bias_hh"):
        a = a + weights.get(name, 0)
    return {"tanh": torch.tanh, "relu": torch.relu}[cell.nonlinearity](a)
next_state(cell, x_t, h): functional
    a = nn.functional.linear(x_t, cell.weight_ih, cell.bias_ih) + nn.functional.linear(h, cell.weight_hh,
        cell.bias_hh)
    return getattr(torch, cell.nonlinearity)(a)
reorder_units: by matrix
    P = torch.eye(len(order), dtype=weight_ih.dtype)[order]
    return P @ weight_ih, P @ weight_hh @ P.T, P @ bias_ih, P @ bias_hh
reorder_units: by loops
    new = [tensor.clone() for tensor in (weight_ih, weight_hh, bias_ih, bias_hh)]
    for k, old in enumerate(order.tolist()):
        new[0][k], new[2][k], new[3][k] = weight_ih[old], bias_ih[old], bias_hh[old]
        for m, other in enumerate(order.tolist()):
            new[1][k, m] = weight_hh[old, other]
    return new  # a list is as good as a tuple
""")

"""Exercise set 04: the true answers against torch's autograd, and honest ways to each task."""

import numpy as np
import torch
from honest import ways

from rnncourse.checks import bptt

ORACLES = ways("""
rnn_step_backward: autograd
    # The bias with which this step makes this h_t: one for each row, so that any h_t will do.
    bias = np.arctanh(h_t) - x_t @ weight_ih.T - h @ weight_hh.T
    leaves = [leaf(array) for array in (x_t, h, weight_ih, weight_hh, np.zeros(len(weight_hh)))]
    a = leaves[0] @ leaves[2].T + leaves[1] @ leaves[3].T + leaves[4] + torch.from_numpy(bias)
    return torch.autograd.grad(torch.tanh(a), leaves, torch.from_numpy(dh_t))
rnn_backward: autograd through torch's layer
    # The biases are not given, but any row of h_1 tells their sum.
    bias = np.arctanh(h[1, 0]) - x[0, 0] @ weight_ih.T - h[0, 0] @ weight_hh.T
    weights = [torch.tensor(array) for array in (weight_ih, weight_hh, bias, 0 * bias)]
    net = torch_layer(nn.RNN, [torch_cell(nn.RNNCell, *weights)]).requires_grad_()
    leaves = [leaf(x), leaf(h[0]), *list(net.parameters())[:3]]
    output, h_n = net(leaves[0], leaves[1][None])
    np.testing.assert_allclose(output.detach(), h[1:], rtol=0, atol=1e-12)
    return torch.autograd.grad(
        (output, h_n), leaves, (torch.from_numpy(doutput), torch.from_numpy(dh_n)[None]))
memory_backward: autograd
    gates, c_0 = [leaf(gate) for gate in (f, i, g, o)], leaf(c[0])
    memory, shown = c_0, []
    for f_t, i_t, g_t, o_t in zip(*gates, strict=True):
        memory = f_t * memory + i_t * g_t
        shown.append(o_t * torch.tanh(memory))
    return torch.autograd.grad(torch.stack(shown), [*gates, c_0], torch.from_numpy(dh))
""")


def leaf(array):
    return torch.tensor(array, dtype=torch.float64, requires_grad=True)


def test_by_hand_equals_autograd():
    """Inputs that make the states of the task; the losses are linear, with the slopes of the task."""
    states, u, h_0 = torch.tensor([-0.6, 0.8, 0.6], dtype=torch.float64), leaf(0.5), leaf(0.5)
    inputs = torch.atanh(states) - 0.5 * torch.tensor([0.5, -0.6, 0.8], dtype=torch.float64)
    h = [h_0]
    for x_t in inputs:
        h.append(torch.tanh(x_t + u * h[-1]))
    found = torch.autograd.grad(-0.68 * h[1] + 0.84 * h[2] + 0.5 * h[3], [h[2], h[1], u, h_0])
    answers = [bptt.by_hand.truth[name] for name in ("dh_2", "dh_1", "du", "dh_0")]
    np.testing.assert_allclose(answers, torch.stack(found), rtol=0, atol=1e-12)


def test_numerical_gradient_comes_near_the_gradient():
    for case in bptt.numerical_gradient.cases(0):
        v = case.arguments["v"].numpy()
        found = bptt.numerical_gradient.truth(np.linalg.norm, v, 1e-5)
        np.testing.assert_allclose(found, v / np.linalg.norm(v), rtol=0, atol=1e-9)


HONEST = ways("""
by_hand: computed
    h, u, sent = [0.5, -0.6, 0.8, 0.6], 0.5, [None, -0.68, 0.84, 0.5]
    dh, du, carried = {}, 0, 0
    for t in (3, 2, 1):
        dh[t] = sent[t] + carried
        da = dh[t] * (1 - h[t] ** 2)
        du += da * h[t - 1]
        carried = u * da
    return {"dh_2": np.float64(dh[2]), "dh_1": dh[1], "du": du, "dh_0": carried}
rnn_step_backward: einsum
    da = dh_t - dh_t * h_t * h_t
    return (np.einsum("bh,hi->bi", da, weight_ih), np.einsum("bk,kl->bl", da, weight_hh),
        np.einsum("bh,bi->hi", da, x_t), np.einsum("bk,bl->kl", da, h), np.einsum("bh->h", da))
rnn_step_backward: row by row
    dx_t, dh = np.zeros_like(x_t), np.zeros_like(h)
    dweight_ih, dweight_hh, dbias = (np.zeros_like(weight_ih), np.zeros_like(weight_hh),
        np.zeros(len(weight_hh)))
    for b in range(len(x_t)):
        da = dh_t[b] * (1 - np.square(h_t[b]))
        dx_t[b], dh[b] = weight_ih.T @ da, weight_hh.T @ da
        dweight_ih += np.outer(da, x_t[b])
        dweight_hh += np.outer(da, h[b])
        dbias += da
    return [dx_t, dh, dweight_ih, dweight_hh, dbias]
rnn_step_backward(*given): in torch
    dh_t, x_t, h, h_t, weight_ih, weight_hh = map(torch.from_numpy, given)
    da = dh_t * (1 + h_t) * (1 - h_t)
    return da.mm(weight_ih), da.mm(weight_hh), da.T.mm(x_t), da.T.mm(h), da.sum(0)
numerical_gradient: difference flat
    quotients = []
    for move in e * np.eye(v.size):
        move = move.reshape(v.shape)
        quotients.append((loss(v + move) - loss(v - move)) / (2 * e))
    return np.array(quotients).reshape(v.shape)
numerical_gradient: difference in place
    gradient = np.empty(v.shape)
    for index, kept in np.ndenumerate(v.copy()):
        v[index] = kept + e
        gradient[index] = loss(v)
        v[index] = kept - e
        gradient[index] -= loss(v)
        v[index] = kept
    return gradient / e / 2
rnn_backward: whole with step
    dx, dh, total = [], dh_n.copy(), None
    for t in range(len(x) - 1, -1, -1):
        dh += doutput[t]
        dx_t, dh, *shares = rnn_step_backward_einsum(dh, x[t], h[t], h[t + 1], weight_ih, weight_hh)
        dx.insert(0, dx_t)
        total = shares if total is None else [a + b for a, b in zip(total, shares, strict=True)]
    return np.array(dx), dh, *total
rnn_backward: whole products after the loop
    da, dh, slope = np.empty_like(doutput), dh_n, 1 - h[1:] ** 2
    for t in reversed(range(len(x))):
        da[t] = (doutput[t] + dh) * slope[t]
        dh = da[t] @ weight_hh
    rows = da.reshape(-1, da.shape[2])  # (T*B, H)
    dweight_ih = rows.T @ x.reshape(len(rows), -1)
    dweight_hh = np.einsum("tbk,tbl->kl", da, h[:-1])
    return da @ weight_ih, dh, dweight_ih, dweight_hh, rows.sum(0)
rnn_backward: whole recursive
    dh_t = dh_n + doutput[-1]
    dx_T, dh, *shares = rnn_step_backward_row_by_row(dh_t, x[-1], h[-2], h[-1], weight_ih, weight_hh)
    if len(x) == 1:
        return dx_T[None], dh, *shares
    dx, dh_0, *sums = rnn_backward_whole_recursive(x[:-1], h[:-1], doutput[:-1], dh, weight_ih, weight_hh)
    return np.concatenate([dx, dx_T[None]]), dh_0, *(a + b for a, b in zip(sums, shares, strict=True))
memory_backward: dc first
    dc = dh * o / np.cosh(c[1:]) ** 2
    for t in range(len(f) - 2, -1, -1):
        dc[t] += f[t + 1] * dc[t + 1]
    return dc * c[:-1], dc * g, dc * i, dh * np.tanh(c[1:]), f[0] * dc[0]
memory_backward: every pair
    # Each loss followed by itself, as the lesson's table does: c_s reaches c_t by the product of f.
    T, shown = len(f), np.tanh(c[1:])
    own = dh * o * (1 - shown**2)
    dc = np.stack([sum(own[s] * f[t + 1 : s + 1].prod(0) for s in range(t, T)) for t in range(T)])
    return {"df": dc * c[:T], "di": dc * g, "dg": dc * i, "do": dh * shown, "dc_0": dc[0] * f[0]}
""")
HONEST["by_hand"] += [lambda: {"dh_2": 1, "dh_1": -0.5, "du": -0.12, "dh_0": -0.16}]

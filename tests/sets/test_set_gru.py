"""Exercise set 08: the true answers against torch.nn and autograd, and honest ways to each task."""

import inspect

import torch
from honest import torch_cell, ways
from torch import nn

from rnncourse.checks import gru

ORACLES = ways("""
gru_step(x_t, h, *weights): torch's cell
    return torch_cell(nn.GRUCell, *weights)(x_t, h)
gru_step_before(*arguments): the NumPy reference
    h, _ = rnncourse.reference.gru_step(*(a.numpy() for a in arguments), reset_after=False)
    return h
gru_step_backward(dh_t, *leaves): autograd
    leaves = [leaf.requires_grad_() for leaf in leaves]
    return torch.autograd.grad(gru.gru_step.truth(*leaves), leaves, dh_t)
first_difference(x, h_0, *weights): torch's layer and the reference
    *weights, tolerance = weights
    layer = torch_layer(nn.GRU, [torch_cell(nn.GRUCell, *weights)])
    arrays, reference = [weight.numpy() for weight in weights], rnncourse.reference
    other, _, _ = reference.sequence(reference.gru_step, arrays, x.numpy(), h_0.numpy(), reset_after=False)
    gap = np.abs(layer(x, h_0[None])[0].numpy() - other).max((1, 2))
    return gap, int(np.argmax([*(gap > tolerance), True]))
""")
ORACLES["MyGRUCell"] += [nn.GRUCell]


def test_a_turned_z_gives_torchs_numbers():
    """The other convention, h = (1 - z) h + z n, written out; torch's cell with the turned weights."""
    for case in gru.turn_z.cases(0):
        W, U, b, d = case.arguments.values()
        x, h = (torch.randn(3, size, dtype=torch.float64) for size in case.sizes.values())
        ih, hh = (x @ W.T + b).chunk(3, dim=1), (h @ U.T + d).chunk(3, dim=1)
        z = torch.sigmoid(ih[1] + hh[1])
        n = torch.tanh(ih[2] + torch.sigmoid(ih[0] + hh[0]) * hh[2])
        found = torch_cell(nn.GRUCell, *gru.turn_z.truth(W, U, b, d))(x, h)
        torch.testing.assert_close(found, (1 - z) * h + z * n)


def test_from_keras_equals_its_formula():
    """The formula as Keras writes it with reset_after=True, against torch's cell."""
    for case in gru.from_keras.cases(0):
        kernel, recurrent_kernel, bias = case.arguments.values()
        I, H = case.sizes.values()
        x, h = (torch.randn(3, size, dtype=torch.float64) for size in (I, H))
        matrix_x, matrix_inner = x @ kernel + bias[0], h @ recurrent_kernel + bias[1]
        z = torch.sigmoid(matrix_x[:, :H] + matrix_inner[:, :H])
        r = torch.sigmoid(matrix_x[:, H : 2 * H] + matrix_inner[:, H : 2 * H])
        hh = torch.tanh(matrix_x[:, 2 * H :] + r * matrix_inner[:, 2 * H :])
        found = torch_cell(nn.GRUCell, *gru.from_keras.truth(kernel, recurrent_kernel, bias))(x, h)
        torch.testing.assert_close(found, z * h + (1 - z) * hh)


def test_the_first_difference_is_at_the_start_in_the_middle_or_nowhere():
    for seed in range(3):
        firsts = []
        for case in inspect.unwrap(gru.first_difference.cases)(seed):
            _, first = gru.first_difference.truth(*case.arguments.values())
            firsts.append(int(first) / len(case.arguments["x"]))
        assert firsts[2:] == [0, 1]
        assert all(0 < first < 1 for first in firsts[:2])


HONEST = ways("""
gru_step: einsum
    H = h.shape[-1]
    ih = torch.einsum("...i,hi->...h", x_t, weight_ih) + bias_ih
    hh = torch.einsum("...k,hk->...h", h, weight_hh) + bias_hh
    gates = torch.sigmoid(ih[..., : 2 * H] + hh[..., : 2 * H])
    r, z = gates[..., :H], gates[..., H:]
    n = torch.tanh(ih[..., 2 * H :] + r * hh[..., 2 * H :])
    return n + z * (h - n)
gru_step: in three
    parts = zip(*(t.chunk(3) for t in (weight_ih, weight_hh, bias_ih, bias_hh)), strict=True)
    (a, b), (c, d), (e, f) = [(x_t @ W.T + v, h @ U.T + w) for W, U, v, w in parts]
    r, z = 1 / (1 + torch.exp(-(a + b))), 1 / (1 + torch.exp(-(c + d)))
    return torch.lerp(torch.tanh(e + f * r), h, z)
gru_step_before: sliced
    H = h.shape[-1]
    ih = x_t @ weight_ih.T + bias_ih
    gates = torch.sigmoid(ih[..., : 2 * H] + h @ weight_hh[: 2 * H].T + bias_hh[: 2 * H])
    r, z = gates.chunk(2, dim=-1)
    n = torch.tanh(ih[..., 2 * H :] + (r * h) @ weight_hh[2 * H :].T + bias_hh[2 * H :])
    return z * h + (1 - z) * n
gru_step_before: in three
    (W_r, W_z, W_n), (U_r, U_z, U_n) = weight_ih.chunk(3), weight_hh.chunk(3)
    b_r, b_z, b_n = (bias_ih + bias_hh).chunk(3)  # in this variant two biases are one
    r = (x_t @ W_r.T + h @ U_r.T + b_r).sigmoid()
    z = (x_t @ W_z.T + h @ U_z.T + b_z).sigmoid()
    n = (x_t @ W_n.T + (h * r) @ U_n.T + b_n).tanh()
    return n - z * n + z * h
turn_z: by signs
    H = weight_hh.shape[1]
    signs = torch.tensor([1.0, -1.0, 1.0], dtype=weight_hh.dtype).repeat_interleave(H)
    return signs[:, None] * weight_ih, signs[:, None] * weight_hh, signs * bias_ih, signs * bias_hh
turn_z(*weights): copies
    turned = []
    for weight in weights:
        weight = weight.clone()
        H = len(weight) // 3
        weight[H : 2 * H] *= -1
        turned.append(weight)
    return turned
from_keras: rows
    H = len(recurrent_kernel)
    order = [*range(H, 2 * H), *range(H), *range(2 * H, 3 * H)]
    return kernel.T[order], recurrent_kernel.T[order], bias[0, order], bias[1, order]
from_keras: reshaped
    def moved(blocks):
        return blocks.reshape(len(blocks), 3, -1)[:, [1, 0, 2]].flatten(1)
    return (*(moved(matrix).transpose(0, 1) for matrix in (kernel, recurrent_kernel)), *moved(bias))
first_difference: stacked
    states = []
    for step in (gru_step_einsum, gru_step_before_sliced):
        h, run = h_0, []
        for t in range(len(x)):
            h = step(x[t], h, weight_ih, weight_hh, bias_ih, bias_hh)
            run.append(h)
        states.append(torch.stack(run))
    gap = (states[0] - states[1]).abs().amax(dim=(1, 2))
    return gap, next((t for t, size in enumerate(gap.tolist()) if size > tolerance), len(x))
first_difference: in the loop
    weights = weight_ih, weight_hh, bias_ih, bias_hh
    gap, first, a, b = torch.zeros(len(x), dtype=x.dtype), torch.tensor(len(x)), h_0.clone(), h_0.clone()
    for t, x_t in enumerate(x):
        a, b = gru_step_in_three(x_t, a, *weights), gru_step_before_in_three(x_t, b, *weights)
        gap[t] = max((a - b).max(), (b - a).max())
        if gap[t] > tolerance and first == len(x):
            first = torch.tensor(t)
    return [gap, first]
gru_step_backward: row by row
    # By rows and in NumPy: gradients of each row added up.
    totals = None
    W, U, b, d = (t.numpy() for t in (weight_ih, weight_hh, bias_ih, bias_hh))
    H, dx, dh = h.shape[1], [], []
    for g, x, s in zip(dh_t.numpy(), x_t.numpy(), h.numpy(), strict=True):
        ih, hh = W @ x + b, U @ s + d
        r, z = 1 / (1 + np.exp(-(ih + hh)[: 2 * H])).reshape(2, H)
        n = np.tanh(ih[2 * H :] + r * hh[2 * H :])
        da_n = g * (1 - z) * (1 - n * n)
        da_r, da_z = da_n * hh[2 * H :] * r * (1 - r), g * (s - n) * z * (1 - z)
        dih, dhh = np.concatenate([da_r, da_z, da_n]), np.concatenate([da_r, da_z, da_n * r])
        dx.append(W.T @ dih)
        dh.append(g * z + U.T @ dhh)
        row = [np.outer(dih, x), np.outer(dhh, s), dih, dhh]
        totals = row if totals is None else [total + part for total, part in zip(totals, row, strict=True)]
    return tuple(torch.from_numpy(np.array(item)) for item in (dx, dh, *totals))
gru_step_backward: by parts
    # Without stacking: each block's three products by themselves.
    parts = list(zip(*(t.chunk(3) for t in (weight_ih, weight_hh, bias_ih, bias_hh)), strict=True))
    (ih_r, hh_r), (ih_z, hh_z), (ih_n, hh_n) = [(x_t @ W.T + b, h @ U.T + d) for W, U, b, d in parts]
    r, z = torch.sigmoid(ih_r + hh_r), torch.sigmoid(ih_z + hh_z)
    n = torch.tanh(ih_n + r * hh_n)
    da_n = dh_t * (1 - z) * (1 - n.square())
    da_r, da_z = da_n * hh_n * r * (1 - r), dh_t * (h - n) * z * (1 - z)
    dx, dh, grads = torch.zeros_like(x_t), dh_t * z, []
    for (W, U, _, _), dih, dhh in zip(parts, (da_r, da_z, da_n), (da_r, da_z, da_n * r), strict=True):
        dx, dh = dx + dih @ W, dh + dhh @ U
        weights = torch.einsum("bh,bi->hi", dih, x_t), torch.einsum("bh,bk->hk", dhh, h)
        grads.append((*weights, dih.sum(0), dhh.sum(0)))
    return {"dx_t": dx, "dh": dh, **{name: torch.cat(blocks) for name, blocks in zip(("dweight_ih",
        "dweight_hh", "dbias_ih", "dbias_hh"), zip(*grads, strict=True), strict=True)}}
MyGRUCell(DrawnCell): drawn in three
    gates = 3
    def forward(self, x_t, hx=None):
        h = x_t.new_zeros(x_t.shape[0], self.H) if hx is None else hx
        return gru_step_in_three(x_t, h, *self.parameters())
MyGRUCell(DrawnCell): with an inner function
    gates = 3
    def forward(self, x_t, h=None):
        if h is None:
            h = x_t.new_zeros(*x_t.shape[:-1], self.H)
        return gru_step_einsum(x_t, h, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
""")

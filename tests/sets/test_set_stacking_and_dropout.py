"""Exercise set 11: the true answers against torch.nn, and honest ways to each task."""

import pytest
import torch
from honest import torch_layer, ways
from torch import nn
from torch.nn import functional

from rnncourse import trace
from rnncourse.checks import stacking_and_dropout as checks

ORACLES = ways("""
parameters_by_layer(gates, I, H, L, both): torch's layers
    layer = {1: nn.RNN, 3: nn.GRU, 4: nn.LSTM}[gates](I, H, L, bidirectional=both, device="meta")
    counts = [sum(p.numel() for p in weights) for weights in layer.all_weights]
    return [sum(counts[k : k + 1 + both]) for k in range(0, len(counts), 1 + both)]
stack_cells: torch's layers
    output, (h_n, c_n) = torch_layer(nn.LSTM, cells)(x, (h_0, c_0))
    return output, h_n, c_n
residual_stack: cell by cell, so that what goes up and what goes on are seen apart
    u, ends = x, []
    for layer in layers:
        cell = nn.GRUCell(layer.input_size, layer.hidden_size, dtype=torch.float64).requires_grad_(False)
        cell.load_state_dict({name.removesuffix("_l0"): w for name, w in layer.state_dict().items()})
        h, ups = None, []
        for u_t in u:
            h = cell(u_t, h)
            ups.append(h + u_t if layer.input_size == layer.hidden_size else h)
        u = torch.stack(ups)
        ends.append(h)
    return u, torch.stack(ends)
""")


def test_stack_shapes_are_torchs():
    lstm, x = nn.LSTM(11, 3, num_layers=4, bidirectional=True, dropout=0.5), torch.randn(7, 5, 11)
    with trace(lstm) as t:
        output, (h_n, _) = lstm(x)
    truth = checks.stack_shapes.truth
    for name in ("weight_ih_l0", "weight_ih_l1", "weight_hh_l1"):
        assert tuple(getattr(lstm, name).shape) == truth[name]
    assert (tuple(output.shape), tuple(h_n.shape)) == (truth["output"], truth["h_n"])
    torch.testing.assert_close(h_n[truth["top_row"]], output[-1, :, :3])
    assert sum(t.layer(k).forward.mask is not None for k in range(4)) == truth["masks"]


@pytest.mark.parametrize("training", [True, False])
def test_run_with_masks_equals_torch_with_the_masks_that_it_drew(training):
    for case in checks.run_with_masks.cases(0):
        layers, x, _, p, _ = case.arguments.values()
        layers = [layer.build() for layer in layers]
        lstm = torch_layer(nn.LSTM, layers, dropout=p if len(layers) > 1 else 0.0).train(training)
        with trace(lstm) as t:
            output, (h_n, _) = lstm(x)
        masks = [t.layer(k).mask for k in range(1, len(layers))] if training else []
        keep = torch.stack(masks) > 0 if masks else torch.ones(len(layers) - 1, 1, 1, 1) > 0
        found = checks.run_with_masks.truth(layers, x, keep, p, training)
        torch.testing.assert_close(found, (output, h_n))


def test_locked_dropout_is_torchs_for_one_step():
    """With T = 1 there is one mask either way: the same share, the same scale."""
    x = torch.ones(1, 200, 300)
    ours, theirs = checks.locked_dropout.truth(x, 0.3, True), functional.dropout(x, 0.3)
    torch.testing.assert_close(ours.unique(), theirs.unique())
    assert abs((ours == 0).float().mean() - (theirs == 0).float().mean()) < 0.02
    x = torch.randn(4, 3, 5)
    assert checks.locked_dropout.truth(x, 0.3, False) is x


HONEST = ways("""
stack_shapes: by formula
    T, B, I, H, L, D = 7, 5, 11, 3, 4, 2
    return {"weight_ih_l0": torch.Size([4 * H, I]), "weight_ih_l1": [4 * H, D * H],
        "weight_hh_l1": (4 * H, H), "output": (T, B, D * H), "h_n": (L * D, B, H), "top_row": -D + L * D,
        "masks": L - 1}
parameters_by_layer: counts in a loop
    counts = torch.zeros(num_layers, dtype=torch.long)
    for k in range(num_layers):
        wide = input_size if k == 0 else hidden_size * (1 + bidirectional)
        weights = gates * hidden_size * wide + gates * hidden_size * hidden_size
        counts[k] = (weights + 2 * gates * hidden_size) * (1 + bidirectional)
    return counts
parameters_by_layer: counts as a list
    D = 1 + int(bidirectional)
    first = D * gates * hidden_size * (input_size + hidden_size + 2)
    return [first] + (num_layers - 1) * [D * gates * hidden_size * ((D + 1) * hidden_size + 2)]
stack_cells: layer by layer
    ends = []
    for cell, h, c in zip(cells, h_0, c_0, strict=True):
        hs = []
        for x_t in x.unbind(0):
            h, c = cell(x_t, (h, c))
            hs.append(h)
        x = torch.stack(hs)
        ends.append((h, c))
    h_n, c_n = map(torch.stack, zip(*ends, strict=True))
    return x, h_n, c_n
stack_cells: along the diagonals
    L, T = len(cells), len(x)
    state = {(k, -1): (h_0[k], c_0[k]) for k in range(L)}
    for n in range(L + T - 1):
        for k in range(L):
            if 0 <= n - k < T:
                below = x[n - k] if k == 0 else state[k - 1, n - k][0]
                state[k, n - k] = cells[k](below, state[k, n - k - 1])
    output = torch.stack([state[L - 1, t][0] for t in range(T)])
    h_n, c_n = (torch.stack([state[k, T - 1][part] for k in range(L)]) for part in (0, 1))
    return output, h_n, c_n
stack_cells: by hand
    output = torch.empty(*x.shape[:2], h_0.shape[2], dtype=x.dtype)
    h, c = h_0.clone(), c_0.clone()
    for t, u in enumerate(x):
        for k, cell in enumerate(cells):
            a = u @ cell.weight_ih.T + cell.bias_ih + h[k] @ cell.weight_hh.T + cell.bias_hh
            i, f, g, o = a.chunk(4, dim=1)
            c[k] = f.sigmoid() * c[k] + i.sigmoid() * g.tanh()
            h[k] = u = o.sigmoid() * c[k].tanh()
        output[t] = h[-1]
    return output, h, c
run_with_masks: where
    output, (h, _) = layers[0](x)
    ends = [h]
    for layer, kept in zip(layers[1:], keep, strict=True):
        u = torch.where(kept, output / (1 - p), torch.zeros_like(output)) if training else output
        output, (h, _) = layer(u)
        ends.append(h)
    return output, torch.cat(ends)
run_with_masks: as factors
    factors = torch.ones(len(layers), *x.shape[:2], layers[0].hidden_size, dtype=x.dtype)
    if training:
        factors[:-1] = keep.to(x.dtype) / (1 - p)
    ends = []
    for layer, factor in zip(layers, factors, strict=True):
        output, _ = layer(x)
        ends.append(output[-1])
        x = output * factor
    return output, torch.stack(ends)
run_with_masks: step by step
    states, outputs = [None] * len(layers), []
    for t in range(len(x)):
        u = x[t].unsqueeze(0)
        for k in range(len(layers)):
            if k and training:
                u = u * (keep[k - 1, t] * (1 / (1 - p)))
            u, states[k] = layers[k](u, states[k])
        outputs.append(u[0])
    return torch.stack(outputs), torch.cat([h for h, _ in states])
locked_dropout: by functional
    return x * F.dropout(torch.ones_like(x[0]), p, training)
locked_dropout: by bernoulli
    if training:
        _, B, H = x.shape
        kept = torch.bernoulli(torch.full((1, B, H), 1 - p, dtype=x.dtype))
        return x * kept.expand_as(x) / (1 - p)
    return x.clone()
locked_dropout: by loop
    if not training or p == 0:
        return x
    dropped = torch.rand(x.shape[1:]) < p
    return torch.stack([x_t.masked_fill(dropped, 0) / (1 - p) for x_t in x])
residual_stack: by width
    ends = []
    for layer in layers:
        output, h_n = layer(x)
        ends.append(h_n)
        x = x + output if layer.input_size == layer.hidden_size else output
    return x, torch.cat(ends)
residual_stack: by step
    h, outputs = [None] * len(layers), []
    for x_t in x:
        u = x_t[None]
        for k, layer in enumerate(layers):
            up, h[k] = layer(u, h[k])
            u = up.add(u) if u.shape[-1] == up.shape[-1] else up
        outputs.append(u[0])
    return torch.stack(outputs), torch.cat(h)
""")

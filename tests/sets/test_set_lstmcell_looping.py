"""Exercise set 09: the true answers against torch.nn, and honest ways to each task."""

import torch
from honest import ways
from torch import nn

from rnncourse.checks import lstmcell_looping

ORACLES = ways("""
run_cell: torch's layer
    h, c = state
    output, (h_n, c_n) = torch_layer(nn.LSTM, [cell])(x, (h[None], c[None]))
    return output, (h_n[0], c_n[0])
run_batch_first: torch's layer
    layer = torch_layer(nn.LSTM, [cell], batch_first=True)
    output, (h_n, c_n) = layer(x, state and tuple(s[None] for s in state))
    return output, (h_n[0], c_n[0])
run_cells: torch's layers
    return torch_layer(nn.LSTM, cells)(x, tuple(torch.stack(parts) for parts in zip(*states, strict=True)))
continue_alone: torch's layer reads all that was seen and predicted before
    known = seen
    for _ in range(steps):
        known = torch.cat([known, head(torch_layer(nn.LSTM, [cell])(known)[0][-1:])])
    return known[len(seen) :]
mixed: torch's layer on what was read
    # The predictions are constants to the gradient.
    predictions, _ = lstmcell_looping.mixed.truth(cell, head, x, forced)
    own = torch.cat([x[:1], predictions[:-1].detach()])
    forced = torch.cat([torch.tensor([True]), forced[1:]])
    lstm = torch_layer(nn.LSTM, [cell]).requires_grad_()
    again = head(lstm(torch.where(forced[:, None, None], x, own))[0])
    again.sum().backward()
    return again, lstm.weight_hh_l0.grad
greedy(cell, embedding, head, token, state, end, steps): each sequence alone
    columns, states = [], []
    for last, h, c in zip(token, *state, strict=True):
        state, written = (h, c), []
        while len(written) < steps and last != end:
            state = cell(embedding[last], state)
            last = head(state[0]).argmax()
            written.append(int(last))
        columns.append(written + [end] * (steps - len(written)))
        states.append(state)
    return torch.tensor(columns).T, tuple(torch.stack(part) for part in zip(*states, strict=True))
""")


def test_cell_weights_make_the_layer():
    """From the bottom up, the cells with these weights give what the layer gives."""
    for case in lstmcell_looping.cell_weights.cases(0):
        lstm = case.arguments["lstm"].build()
        x = torch.randn(4, 3, lstm.input_size)
        wanted, _ = lstm(x)
        for layer in range(lstm.num_layers):
            weights = lstmcell_looping.cell_weights.truth(lstm, layer)
            cell = nn.LSTMCell(weights["weight_ih"].shape[1], lstm.hidden_size)
            cell.load_state_dict(weights)
            x = torch.stack(run(cell, x)[0]).detach()
        torch.testing.assert_close(x, wanted)


def run(cell, x, state=None):
    outputs = []
    for x_t in x:
        state = cell(x_t, state)
        outputs.append(state[0])
    return outputs, state


HONEST = ways("""
run_cell: filled
    output = torch.empty(*x.shape[:2], cell.hidden_size, dtype=x.dtype)
    h, c = state
    for t in range(x.shape[0]):
        h, c = cell(x[t], (h, c))
        output[t] = h
    return output, (h, c)
run_cell: recursive
    state = cell(x[0], state)
    first = state[0][None]
    if len(x) == 1:
        return first, state
    later, state = run_cell_recursive(cell, x[1:], state)
    return [torch.cat([first, later]), list(state)]
run_cell: flat
    outputs, (h, c) = run(cell, x, state)
    return torch.cat(outputs).reshape(len(x), -1, cell.hidden_size), h, c  # laid flat is as good
run_cell: by equation
    h, c = state
    outputs = []
    a_x = x @ cell.weight_ih.T + cell.bias_ih + cell.bias_hh
    for a in a_x.unbind():
        i, f, g, o = (a + torch.einsum("bk,hk->bh", h, cell.weight_hh)).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        outputs.append(h)
    return torch.stack(outputs), (h, c)
run_batch_first: transposed
    outputs, state = run(cell, x.transpose(0, 1), state)
    return torch.stack(outputs).transpose(0, 1), state
run_batch_first: by index
    B, T, _ = x.shape
    h, c = state if state is not None else (torch.zeros(B, cell.hidden_size), torch.zeros(B,
        cell.hidden_size))
    outputs = []
    for t in range(T):
        h, c = cell(x[:, t], (h, c))
        outputs.append(h.unsqueeze(1))
    return torch.cat(outputs, dim=1), (h, c)
run_batch_first: each alone
    # Sequence by sequence, without a batch: slow, and right.
    rows = []
    for b, sequence in enumerate(x):
        outputs, last = run(cell, sequence, state and (state[0][b], state[1][b]))
        rows.append((torch.stack(outputs), *last))
    output, h, c = map(torch.stack, zip(*rows, strict=True))
    return output, (h, c)
cell_weights: from state dict
    end = f"_l{layer}"
    return {k.removesuffix(end): v.clone() for k, v in lstm.state_dict().items() if k.endswith(end)}
cell_weights: of a filled
    cell = nn.LSTMCell(lstm.input_size if layer == 0 else lstm.hidden_size, lstm.hidden_size)
    for parameter, weight in zip(cell.parameters(), lstm.all_weights[layer], strict=True):
        parameter.data.copy_(weight)
    return cell.state_dict()
run_cells: layer by layer
    ends = []
    for cell, state in zip(cells, states, strict=True):
        outputs, state = run(cell, x, state)
        x = torch.stack(outputs)
        ends.append(state)
    return x, tuple(map(torch.stack, zip(*ends, strict=True)))
run_cells: with state tensors
    h_n = torch.stack([h for h, _ in states])
    c_n = torch.stack([c for _, c in states])
    output = []
    for x_t in x:
        below, hs, cs = x_t, [], []
        for k in range(len(cells)):
            below, c = cells[k](below, (h_n[k], c_n[k]))
            hs.append(below)
            cs.append(c)
        h_n, c_n = torch.stack(hs), torch.stack(cs)
        output.append(h_n[-1])
    return torch.stack(output), (h_n, c_n)
continue_alone: one loop
    h = c = torch.zeros(seen.shape[1], cell.hidden_size)
    predictions = []
    for t in range(len(seen) + steps - 1):
        x_t = seen[t] if t < len(seen) else predictions[-1]
        h, c = cell(x_t, (h, c))
        predictions.append(head(h))
    return torch.stack(predictions[len(seen) - 1 :])
continue_alone: without gradient
    with torch.no_grad():
        _, state = run(cell, seen)
        found = (state[0] @ head.weight.T + head.bias)[None]
        for _ in range(steps - 1):
            state = cell(found[-1], state)
            found = torch.cat([found, head(state[0])[None]])
        return found
mixed: where
    state, y, predictions = None, x[0], []
    for t in range(len(x)):
        state = cell(torch.where(forced[t], x[t], y.detach()), state)
        y = head(state[0])
        predictions.append(y)
    predictions = torch.stack(predictions)
    predictions.sum().backward()
    return predictions, cell.weight_hh.grad
mixed: detached under no grad
    state, outputs, feed = None, [], x[0]
    for t, x_t in enumerate(x):
        state = cell(x_t if forced[t] else feed, state)
        outputs.append(state[0])
        with torch.no_grad():
            feed = head(state[0])
    predictions = head(torch.stack(outputs))
    return predictions, torch.autograd.grad(predictions.sum(), cell.parameters())[1]
greedy: rows
    # Only the rows that have not ended are computed.
    h, c = state[0].clone(), state[1].clone()
    tokens = torch.full((steps, len(token)), end)
    going = torch.arange(len(token))
    for t in range(steps):
        if len(going) == 0:
            break
        h[going], c[going] = cell(embedding[token], (h[going], c[going]))
        token = head(h[going]).argmax(-1)
        tokens[t, going] = token
        going, token = going[token != end], token[token != end]
    return tokens, (h, c)
greedy: alone
    columns, hs, cs = [], [], []
    for b, last in enumerate(token.tolist()):
        h, c, column = state[0][b], state[1][b], []
        for _ in range(steps):
            if last != end:
                h, c = cell(embedding[last], (h, c))
                last = int(np.argmax(head(h).numpy()))
            column.append(last)
        columns.append(torch.tensor(column))
        hs.append(h)
        cs.append(c)
    return torch.stack(columns, dim=1), torch.stack(hs), torch.stack(cs)
greedy: arithmetic
    going = torch.ones(len(token), 1, dtype=torch.bool)
    tokens = []
    for _ in range(steps):
        one_hot = nn.functional.one_hot(token, len(embedding)).to(embedding.dtype)
        new = cell(one_hot @ embedding, state)
        state = tuple(torch.where(going, n, s) for n, s in zip(new, state, strict=True))
        chosen = head(state[0]).max(dim=1).indices
        token = chosen * going[:, 0] + end * ~going[:, 0]
        going = going & (token != end)[:, None]
        tokens.append(token)
    return torch.stack(tokens), state
""")
HONEST["cell_weights"] += [lambda lstm, layer: lstm.all_weights[layer]]

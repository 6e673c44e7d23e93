"""Exercise set 19: the true answers against counting and NumPy, and honest ways to each task."""

import math

import torch
import torch.nn.functional as F
from honest import ways
from torch import nn

from rnncourse.checks import language_model
from rnncourse.data import Text, Vocabulary

ORACLES = ways("""
make_streams: place by place
    n = (len(text) - 1) // (R * K)
    x, y = torch.empty(n, R, K, dtype=torch.long), torch.empty(n, R, K, dtype=torch.long)
    for i in range(n):
        for b in range(R):
            for t in range(K):
                place = b * n * K + i * K + t
                x[i, b, t], y[i, b, t] = text[place], text[place + 1]
    return x, y
evaluate: NumPy, character by character
    p = []
    for logits, y in batches:
        for z, k in zip(logits.numpy(), y.tolist(), strict=True):
            p.append(np.exp(z[k]) / np.exp(z).sum())
    return float(-np.mean(np.log2(p))), float(np.prod(p) ** (-1 / len(p)))
train_epoch: step by step, the update by hand
    parameters = [*embed.parameters(), *gru.parameters(), *head.parameters()]
    H, state, losses = gru.hidden_size, None, []
    for x, y in batches:
        cell = nn.GRUCell(gru.input_size, H).to(head.weight.dtype)
        names = [name.removesuffix("_l0") for name, _ in gru.named_parameters()]
        weights = dict(zip(names, gru.parameters(), strict=True))
        h = head.weight.new_zeros(len(x), H) if state is None else state
        terms = []
        for t in range(x.shape[1]):
            h = torch.func.functional_call(cell, weights, (embed(x[:, t]), h))
            log_p = head(h).log_softmax(-1)
            terms += [-log_p[b, y[b, t]] for b in range(len(x))]
        loss = sum(terms) / len(terms)
        gradients = torch.autograd.grad(loss, parameters)
        norm = sum(gradient.square().sum() for gradient in gradients).sqrt()
        scale = min(1.0, (clip / norm).item())
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.data -= optimizer.param_groups[0]["lr"] * scale * gradient
        state = h.detach()
        losses.append(loss.item())
    return losses
reshape: sorted lists
    p_of = {symbol: math.exp(z / temperature) for symbol, z in enumerate(logits.tolist())}
    kept = sorted(p_of, key=p_of.get, reverse=True)[:k]
    total = sum(p_of[symbol] for symbol in kept)
    nucleus, reached = [], 0.0
    for symbol in kept:
        if reached < p:
            nucleus.append(symbol)
            reached += p_of[symbol] / total
    total = sum(p_of[symbol] for symbol in nucleus)
    return torch.tensor([p_of[s] / total if s in nucleus else 0.0 for s in range(len(logits))])
generate: the whole text from the beginning at each step
    text, symbols, chosen = prompt.tolist(), [], []
    for draw in draws.tolist():
        p = head(gru(embed(torch.tensor(text))[None])[0])[0, -1].softmax(-1).tolist()
        reached, symbol = 0.0, -1
        while reached <= draw:
            symbol += 1
            reached += p[symbol]
        text.append(symbol)
        symbols.append(symbol)
        chosen.append(p[symbol])
    return torch.tensor(symbols), torch.tensor(chosen)
line_model: line by line
    letters = text.tolist().index(0)
    rows, since = [], 0
    for symbol in new.tolist():
        since = 0 if symbol == 0 else since + 1
        ends = since == letters
        rows.append([0.0 if ends else -30.0, *[-30.0 if ends else 0.0] * int(text.max())])
    return torch.tensor(rows)
""")


def written_line_model(text, new, kind=nn.GRU, seed=0, lr=0.02):
    torch.manual_seed(seed)
    embed, layer, head = nn.Embedding(5, 8), kind(8, 32, batch_first=True), nn.Linear(32, 5)
    optimizer = torch.optim.Adam([*embed.parameters(), *layer.parameters(), *head.parameters()], lr=lr)
    n = (len(text) - 1) // 8 // 25
    x_all, y_all = text[: 200 * n].view(8, n * 25), text[1 : 200 * n + 1].view(8, n * 25)
    for _ in range(15):
        state = None
        for x, y in zip(x_all.split(25, 1), y_all.split(25, 1), strict=True):
            output, state = layer(embed(x), state)
            state = state.detach() if kind is nn.GRU else tuple(s.detach() for s in state)
            optimizer.zero_grad()
            F.cross_entropy(head(output).transpose(1, 2), y).backward()
            optimizer.step()
    with torch.no_grad():
        return head(layer(embed(new)[None])[0])[0]


def test_the_streams_are_those_of_the_course():
    letters = "what is in the mind of the reader when the line ends"
    vocabulary = Vocabulary.of_inputs([letters])
    text = Text(letters, vocabulary, length=4)
    x, y = language_model.make_streams.truth(vocabulary.encode(letters), 3, 4)
    batches = text.streams(3)
    assert len(batches) == len(x)
    for numbers, x_k, y_k in zip(batches, x, y, strict=True):
        assert torch.equal(torch.stack([text[i][0] for i in numbers]), x_k)
        assert torch.equal(torch.stack([text[i][1] for i in numbers]), y_k)


def test_the_gradients_are_large_enough_to_be_clipped():
    """Otherwise a training without clipping would pass."""
    for seed in range(3):
        for case in language_model.train_epoch.cases(seed):
            modules = [case.arguments[name].build() for name in ("embed", "gru", "head")]
            embed, gru, head = modules
            parameters = [p for module in modules for p in module.parameters()]
            for x, y in case.arguments["batches"]:
                loss = F.cross_entropy(head(gru(embed(x))[0]).transpose(1, 2), y)
                gradients = torch.autograd.grad(loss, parameters)
                assert sum(g.square().sum() for g in gradients).sqrt() > 1.1 * case.arguments["clip"]


def test_a_trigram_does_not_reach_the_threshold_of_the_lines():
    (score,) = language_model.line_model.parts
    for seed in range(3):
        for case in language_model.line_model.cases(seed):
            text, new = case.arguments.values()
            V = int(text.max()) + 1
            counts = torch.full((V, V, V), 0.01)
            counts.index_put_((text[:-2], text[1:-1], text[2:]), torch.tensor(1.0), accumulate=True)
            before = F.pad(new, (1, 0))[:-1]  # the new text begins a line, so a newline is before it
            trigram = (counts / counts.sum(-1, keepdim=True)).log()[before, new]
            found = score.measure(trigram, language_model.line_model.truth(text, new))
            assert found > score.at_most + 0.1


def test_what_is_known_of_a_line_is_enough_for_the_threshold():
    """The truth itself: its entropy, with room for a net that is not perfect."""
    (score,) = language_model.line_model.parts
    for case in language_model.line_model.cases(0):
        truth = language_model.line_model.truth(*case.arguments.values())
        assert score.measure(truth, truth) < score.at_most - 0.25
        assert math.isfinite(score.measure(torch.zeros_like(truth), truth))


HONEST = ways("""
make_streams: unfolded
    n = (len(text) - 1) // (R * K)
    both = text[: n * R * K + 1].unfold(0, K + 1, K).view(R, n, K + 1).transpose(0, 1)
    return both[..., :-1], both[..., 1:]
make_streams: lists
    n = (len(text) - 1) // (R * K)
    starts = [[(b * n + i) * K for b in range(R)] for i in range(n)]
    x = torch.stack([torch.stack([text[s : s + K] for s in row]) for row in starts])
    y = torch.stack([torch.stack([text[s + 1 : s + K + 1] for s in row]) for row in starts])
    return x, y
make_streams: split
    n = (len(text) - 1) // (R * K)
    x = torch.stack(text[: n * R * K].view(R, n * K).split(K, dim=1))
    return x, torch.stack(text[1:][: n * R * K].view(R, n * K).split(K, dim=1))
evaluate: concatenated
    logits, y = torch.cat([z for z, _ in batches]), torch.cat([y for _, y in batches])
    loss = F.cross_entropy(logits, y)
    return loss / math.log(2), loss.exp()
evaluate: weighted means
    count = sum(len(y) for _, y in batches)
    nats = sum(len(y) * F.cross_entropy(z, y).item() for z, y in batches) / count
    return nats / math.log(2), 2 ** (nats / math.log(2))
evaluate: summed
    total = sum(F.cross_entropy(z, y, reduction="sum") for z, y in batches)
    nats = total / sum(y.numel() for _, y in batches)
    return nats * math.log2(math.e), math.exp(nats)
train_epoch: flattened
    parameters = [p for module in (embed, gru, head) for p in module.parameters()]
    state, losses = None, []
    for x, y in batches:
        if state is not None:
            state = state.detach()
        optimizer.zero_grad()
        output, state = gru(embed(x), state)
        loss = F.cross_entropy(head(output).flatten(0, 1), y.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, max_norm=clip)
        optimizer.step()
        losses += [loss]
    return losses
train_epoch: zeros at first
    parameters = [*embed.parameters(), *gru.parameters(), *head.parameters()]
    state = torch.zeros(1, len(batches[0][0]), gru.hidden_size, dtype=head.weight.dtype)
    losses = torch.empty(len(batches), dtype=head.weight.dtype)
    for k, (x, y) in enumerate(batches):
        output, state = gru(embed(x), state.detach())
        log_p = head(output).log_softmax(-1)
        loss = -log_p.gather(-1, y[..., None]).mean()
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = gradient
        torch.nn.utils.clip_grad_norm_(parameters, clip)
        optimizer.step()
        losses[k] = loss.item()
    return losses
reshape: probabilities
    q = (logits / temperature).softmax(-1)
    q[q < q.topk(k).values.min()] = 0
    q = q / q.sum()
    values, order = q.sort(descending=True)
    kept = values.cumsum(0) - values < p
    found = torch.zeros_like(q)
    found[order[kept]] = values[kept]
    return found / found.sum()
reshape: a mask
    z = logits / temperature
    order = z.argsort(descending=True)
    keep = order[:k]
    q = z[keep].softmax(-1)
    count = int((q.cumsum(0) - q < p).sum())
    found = torch.full_like(z, -math.inf)
    found[keep[:count]] = z[keep[:count]]
    return found.softmax(-1)
generate: the prompt first
    _, state = gru(embed(prompt[:-1])[None]) if len(prompt) > 1 else (None, None)
    x, symbols, chosen = prompt[-1:].view(1, 1), [], []
    for draw in draws.tolist():
        output, state = gru(embed(x), state)
        p = torch.softmax(head(output)[0, -1], dim=0)
        symbol = int(torch.searchsorted(p.cumsum(0), draw, right=True))
        symbols.append(symbol)
        chosen.append(p[symbol].item())
        x = torch.tensor([[symbol]])
    return symbols, chosen
generate: the whole text from zeros
    text, chosen = prompt, []
    for draw in draws:
        p = head(gru(embed(text)[None])[0][0, -1]).softmax(-1)
        symbol = (p.cumsum(0) > draw).nonzero()[0]
        text = torch.cat([text, symbol])
        chosen.append(p[symbol])
    return text[len(prompt) :], torch.cat(chosen)
line_model: GRU
    return written_line_model(text, new)
line_model: LSTM
    return written_line_model(text, new, nn.LSTM, seed=1, lr=0.03)
""")

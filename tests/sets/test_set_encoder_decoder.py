"""Exercise set 21: the true answers against loops and brute force, and honest ways to each task."""

import itertools

import torch
import torch.nn.functional as F
from honest import ways
from torch import nn

from rnncourse.checks import encoder_decoder

ORACLES = ways("""
encode: each row by itself
    memories, states = [], []
    for row, length in zip(x, lengths.tolist(), strict=True):
        output, h_n = gru(row[None, :length])
        memories.append(output[0])
        states.append(torch.cat([*h_n[:, 0]]))
    return nn.utils.rnn.pad_sequence(memories, batch_first=True), torch.stack(states)
forced_loss: step by step
    losses = []
    for b, row in enumerate(y.tolist()):
        h, read = state[:, b : b + 1], start
        for symbol in row:
            if symbol == -100:
                break
            _, h = gru(embed(torch.tensor([[read]])), h)
            losses.append(F.cross_entropy(head(h[0, 0]), torch.tensor(symbol)))
            read = symbol
    return torch.stack(losses).mean()
attend: one query at a time
    context, weights = torch.zeros_like(query), query.new_zeros(*query.shape[:2], memory.shape[1])
    for b, length in enumerate(lengths.tolist()):
        for u, q in enumerate(query[b]):
            share = torch.stack([q @ m for m in memory[b, :length]]).exp()
            weights[b, u, :length] = share / share.sum()
            context[b, u] = sum(w * m for w, m in zip(weights[b, u], memory[b], strict=True))
    return context, weights
greedy: each row by itself
    written = torch.full((state.shape[1], steps), end)
    for b, row in enumerate(written):
        h, symbol = state[:, b : b + 1], start
        for u in range(steps):
            _, h = gru(embed(torch.tensor([[symbol]])), h)
            symbol = head(h[0, 0]).argmax().item()
            row[u] = symbol
            if symbol == end:
                break
    return written
beam_search: all beginnings, pruned
    C = log_p.shape[-1]
    found = torch.tensor([[start]])
    totals = log_p.new_zeros(1)
    for table in log_p:
        sums = (totals[:, None] + table[found[:, -1]]).flatten()
        totals, order = sums.topk(min(width, len(sums)))
        found = torch.cat([found[order // C], (order % C)[:, None]], dim=1)
    return found[:, 1:], totals
backwards: Python's lists
    rows = [[k for k in reversed(row) if k] + [2] for row in new_x.tolist()]
    return torch.tensor([row + [-100] * (new_x.shape[1] + 1 - len(row)) for row in rows])
""")


class Net(nn.Module):
    """An LSTM reads in both directions, another one writes; `attention`, or the state at every step."""

    def __init__(self, attention):
        super().__init__()
        self.attention = attention
        self.embed, self.embed_written = nn.Embedding(8, 8), nn.Embedding(8, 8)
        self.encoder = nn.LSTM(8, 16, batch_first=True, bidirectional=True)
        self.decoder = nn.LSTM(8, 32, batch_first=True)
        self.query, self.head = nn.Linear(32, 32), nn.Linear(64, 8)

    def encode(self, x, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(self.embed(x), lengths, True, False)
        output, state = self.encoder(packed)
        memory, _ = nn.utils.rnn.pad_packed_sequence(output, batch_first=True, total_length=x.shape[1])
        return memory, tuple(s.transpose(0, 1).flatten(1)[None] for s in state)

    def decode(self, written, state, memory, lengths, first):
        output, state = self.decoder(self.embed_written(written), state)
        context = first.transpose(0, 1).expand_as(output)
        if self.attention:
            padding = torch.arange(memory.shape[1]) >= lengths[:, None]
            e = (self.query(output) @ memory.mT).masked_fill(padding[:, None], -torch.inf)
            context = e.softmax(-1) @ memory
        return self.head(torch.cat([output, context], -1)), state


def written_backwards(x, lengths, y, new_x, new_lengths, attention=True):
    torch.manual_seed(0)
    net = Net(attention)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(110):
        optimizer.zero_grad()
        memory, state = net.encode(x, lengths)
        read = F.pad(y.clamp(min=0)[:, :-1], (1, 0), value=1)
        scores, _ = net.decode(read, state, memory, lengths, state[0])
        F.cross_entropy(scores.transpose(1, 2), y).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
    with torch.no_grad():
        memory, state = net.encode(new_x, new_lengths)
        first, symbols = state[0], [torch.ones(len(new_x), 1, dtype=torch.long)]
        for _ in range(new_x.shape[1] + 1):
            scores, state = net.decode(symbols[-1], state, memory, new_lengths, first)
            symbols.append(scores.argmax(-1))
    return torch.cat(symbols[1:], dim=1)


def test_without_attention_a_net_does_not_reach_the_threshold():
    (score,) = encoder_decoder.backwards.parts
    for seed in range(2):
        arguments = encoder_decoder.backwards.cases(seed)[0].arguments.values()
        found = written_backwards(*arguments, attention=False)
        assert score.measure(found, encoder_decoder.backwards.truth(*arguments)) < score.at_least


def test_no_row_of_the_test_is_a_training_row():
    for case in encoder_decoder.backwards.cases(0):
        x, _, _, new_x, new_lengths = case.arguments.values()
        assert not {tuple(row) for row in x.tolist()} & {tuple(row) for row in new_x.tolist()}
        assert len(new_x) == case.sizes["N"]
        assert len(new_lengths.unique()) == 4


def test_a_beam_that_is_wide_enough_finds_the_best_of_all_sequences():
    for seed in range(5):
        log_p = torch.randn(4, 3, 3, generator=torch.Generator().manual_seed(seed)).log_softmax(-1)
        scored = []
        for sequence in itertools.product(range(3), repeat=4):
            before = (1, *sequence[:-1])
            scored.append((sum(log_p[u, before[u], k].item() for u, k in enumerate(sequence)), sequence))
        best = sorted(scored, reverse=True)[:2]
        symbols, totals = encoder_decoder.beam_search.truth(log_p, 1, 3**3)
        assert symbols[:2].tolist() == [list(sequence) for _, sequence in best]
        torch.testing.assert_close(totals[:2], torch.tensor([total for total, _ in best]))


def test_in_each_case_of_greedy_a_row_ends_early_and_another_does_not():
    """Otherwise a decoder that never stops, or stops all rows together, would pass."""
    for seed in range(5):
        for case in encoder_decoder.greedy.cases(seed):
            if len(case.arguments["state"][0]) == 1:
                continue  # the batch of one row
            modules = [case.arguments[name].build() for name in ("embed", "gru", "head")]
            state, start, end, steps = list(case.arguments.values())[3:]
            ended = encoder_decoder.greedy.truth(*modules, state, start, end, steps) == end
            assert ended[:, 2].any()
            assert not ended[:, -1].all()


def test_greedy_symbols_are_those_of_teacher_forcing_on_them():
    """The lesson's claim: while all symbols are the same, both ways read the same."""
    for case in encoder_decoder.greedy.cases(0):
        embed, gru, head = (case.arguments[name].build() for name in ("embed", "gru", "head"))
        state, start, _, steps = list(case.arguments.values())[3:]
        written = encoder_decoder.greedy.truth(embed, gru, head, state, start, -1, steps)  # no end
        read = F.pad(written[:, :-1], (1, 0), value=start)
        assert torch.equal(head(gru(embed(read), state)[0]).argmax(-1), written)


HONEST = ways("""
encode: transposed
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths.cpu(), True, False)
    output, h_n = gru(packed)
    memory = nn.utils.rnn.pad_packed_sequence(output, batch_first=True, total_length=x.shape[1])[0]
    return memory, h_n.transpose(0, 1).flatten(1)
encode: pack_sequence
    rows = [row[:length] for row, length in zip(x, lengths, strict=True)]
    output, h_n = gru(nn.utils.rnn.pack_sequence(rows, enforce_sorted=False))
    return nn.utils.rnn.pad_packed_sequence(output, batch_first=True)[0], torch.cat(tuple(h_n), -1)
encode: from the memory
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    memory, _ = nn.utils.rnn.pad_packed_sequence(gru(packed)[0], batch_first=True)
    H = memory.shape[-1] // 2
    last = memory[torch.arange(len(x)), lengths - 1, :H]
    return memory, torch.cat([last, memory[:, 0, H:]], dim=1)
forced_loss: cross_entropy
    read = F.pad(y.clamp(min=0)[:, :-1], (1, 0), value=start)
    scores = head(gru(embed(read), state)[0])
    return F.cross_entropy(scores.transpose(1, 2), y)
forced_loss: a loop
    symbol, scores = torch.full((len(y),), start), []
    for target in y.unbind(1):
        output, state = gru(embed(symbol)[:, None], state)
        scores.append(head(output[:, 0]))
        symbol = target.masked_fill(target == -100, 0)
    return F.cross_entropy(torch.stack(scores, 1).flatten(0, 1), y.flatten(), ignore_index=-100)
attend: einsum
    e = torch.einsum("buh,bth->but", query, memory)
    real = torch.arange(memory.shape[1])[None, None] < lengths[:, None, None]
    weights = torch.where(real, e, float("-inf")).softmax(-1)
    return torch.einsum("but,bth->buh", weights, memory), weights
attend: divided afterwards
    e = torch.bmm(query, memory.transpose(1, 2))
    real = (torch.arange(memory.shape[1]) < lengths.unsqueeze(1)).unsqueeze(1)
    shares = (e - e.amax(-1, keepdim=True)).exp() * real
    weights = shares / shares.sum(-1, keepdim=True)
    return torch.bmm(weights, memory), weights
greedy: list of rows
    B = state.shape[1]
    symbol, rows = torch.tensor([[start]] * B), [[] for _ in range(B)]
    for _ in range(steps):
        h, state = gru(embed(symbol), state)
        symbol = head(h).max(-1).indices
        for row, s in zip(rows, symbol[:, 0].tolist(), strict=True):
            row.append(end if end in row else s)
    return torch.tensor(rows)
greedy: cut afterwards
    symbol, written = torch.full((state.shape[1],), start), []
    for _ in range(steps):
        h, state = gru(embed(symbol)[:, None], state)
        symbol = head(h[:, 0]).argmax(1)
        written.append(symbol)
    written = torch.stack(written, 1)
    before = (written == end).cumsum(1) - (written == end).long() > 0
    return torch.where(before, end, written)
beam_search: topk
    symbols, totals, last = None, log_p.new_zeros(1), torch.tensor([start])
    for table in log_p:
        sums = totals[:, None] + table[last]
        totals, at = sums.flatten().topk(min(width, sums.numel()))
        row, last = at // sums.shape[1], at % sums.shape[1]
        symbols = last[:, None] if symbols is None else torch.cat([symbols[row], last[:, None]], 1)
    return symbols, totals
backwards: two LSTMs
    return written_backwards(x, lengths, y, new_x, new_lengths)
""")

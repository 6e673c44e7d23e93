"""Exercise set 10: the true answers against torch.nn, and honest ways to each task."""

import torch
from honest import ways
from torch import nn

from rnncourse.checks import output_h_n_c_n as checks
from rnncourse.checks.framework.cases import fresh


def test_entries_are_those_of_the_layer():
    lstm, x = nn.LSTM(7, 9, num_layers=3, bidirectional=True, batch_first=True), torch.randn(4, 5, 7)
    output, (h_n, _) = lstm(x)
    halves = [half for t in range(5) for half in output[:, t].chunk(2, dim=-1)]
    shared = [k for k, row in enumerate(h_n) if any(torch.equal(row, half) for half in halves)]
    wanted = checks.entries.truth
    assert (output.shape, h_n.shape) == (wanted["output"], wanted["h_n"])
    assert len(shared) == wanted["shared"]

    # Which rows depend on which weights, and on which steps alone: layer and direction, and where each ends.
    def depends(row, name):
        (gradient,) = torch.autograd.grad(lstm(x)[1][0][row].sum(), getattr(lstm, name), allow_unused=True)
        return gradient is not None and bool(gradient.any())

    def of(row, layer, suffix=""):
        return depends(row, f"weight_hh_l{layer}{suffix}")

    row = wanted["row"]
    assert of(row, 1, "_reverse")
    assert not of(row, 1)
    assert not of(row, 2)
    assert of(4, wanted["layer"])
    assert not of(4, wanted["layer"], "_reverse")
    one = nn.LSTM(7, 9, bidirectional=True, batch_first=True)
    output, (h_n, _) = one(x)
    assert torch.equal(h_n[1], output[:, wanted["step"], 9:])  # backward, as row 3 is


def test_h_n_from_output_is_the_layers_h_n():
    for D in (1, 2):
        for batch_first in (False, True):
            gru = nn.GRU(3, 4, num_layers=2, bidirectional=D == 2, batch_first=batch_first)
            output, h_n = gru(torch.randn(5, 6, 3))
            assert torch.equal(checks.h_n_from_output.truth(output, D, batch_first), h_n[-D:])
            if D == 2:
                forward, backward = checks.split_directions.truth(output, batch_first)
                assert torch.equal(forward[-1], h_n[2])
                assert torch.equal(backward[0], h_n[3])


def test_every_state_ends_in_the_calls_own():
    for case in checks.every_state.cases(0):
        layer, x, state = fresh(case.arguments).values()
        h, c = checks.every_state.truth(layer, x, state)
        output, (h_n, c_n) = layer(x, state)
        torch.testing.assert_close((h[:, -1], h[-1], c[-1]), (output, h_n, c_n))


def test_streams_are_one_call_for_each_sequence():
    for case in checks.Stream.cases(0):
        layer, calls = fresh(case.arguments).values()
        stream, time = checks.Stream.truth(layer), 1 if layer.batch_first else 0
        pieces = [piece for which, piece in calls if which == 0]
        if None in pieces:
            pieces = pieces[: pieces.index(None)]
        found = torch.cat([stream.push(piece) for piece in pieces], dim=time)
        torch.testing.assert_close(found, layer(torch.cat(pieces, dim=time))[0])
    for case in checks.Streams.cases(0):
        layer, calls = fresh(case.arguments).values()
        streams, rows, found, time = checks.Streams.truth(layer), {}, {}, 1 if layer.batch_first else 0
        for ids, pieces in calls:
            output = streams.push(list(ids), pieces)
            for b, name in enumerate(ids):
                of_b = (slice(b, b + 1),) if layer.batch_first else (slice(None), slice(b, b + 1))
                rows.setdefault(name, []).append(pieces[of_b])
                found.setdefault(name, []).append(output[of_b])
        for name in rows:
            output, _ = layer(torch.cat(rows[name], dim=time))
            torch.testing.assert_close(torch.cat(found[name], dim=time), output)


def test_a_class_that_cannot_be_used_is_told_why():
    class Copies(nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.layers = [layer]

    class Bare:
        def __init__(self, layer):
            self.layer = layer

        def push(self, *given):
            return self.layer(given[-1])

        def reset(self):
            pass

    class LastOnly(Bare):
        def push(self, *given):
            return self.layer(given[-1])[0][-1]

    for learner, check, words in (
        (Bare, checks.SentenceVector, "it is not a torch.nn.Module"),
        (Copies, checks.SentenceVector, "not among its own"),
        (Bare, checks.Stream, "push returns a tuple"),
        (Bare, checks.Streams, "push returns a tuple"),
        (LastOnly, checks.Stream, "push returns shape"),
        (LastOnly, checks.Streams, "push returns shape"),
    ):
        verdict = check.verdict(learner)
        assert verdict.points == 0
        assert words in str(verdict)


HONEST = ways("""
entries: by position
    return [torch.Size([4, 5, 18]), [6, 4, 9], 3, 2, 0, 2.0]
entries: by formula
    B, T, H, L, D = 4, 5, 9, 3, 2
    rows = {1 * D + 1: "layer 1 backward"}
    return {"output": (B, T, D * H), "h_n": (L * D, B, H), "row": next(iter(rows)), "layer": 4 // D,
        "step": 0 if 3 % D else T - 1, "shared": D}
split_directions: by slices
    H = output.shape[-1] // 2
    halves = output[..., :H], output[..., H:]
    return [half.permute(1, 0, 2) if batch_first else half for half in halves]
split_directions: by view
    apart = output.reshape(*output.shape[:2], 2, -1)
    order = "btdh->dtbh" if batch_first else "tbdh->dtbh"
    return torch.einsum(order, apart).unbind(0)
h_n_from_output: rows by slices
    H = output.shape[-1] // D
    first, last = (output[:, 0], output[:, -1]) if batch_first else (output[0], output[-1])
    return last.unsqueeze(0) if D == 1 else torch.stack([last[:, :H], first[:, H:]])
h_n_from_output: rows by flipping
    time = 1 if batch_first else 0
    chunks = list(output.chunk(D, dim=-1))
    for d in range(1, D):
        chunks[d] = chunks[d].flip(time)
    return torch.stack([chunk.select(time, -1) for chunk in chunks])
every_state: states by index
    L, (T, B, _) = layer.num_layers, x.shape
    h, c = (x.new_empty(T, L, B, layer.hidden_size) for _ in range(2))
    for t in range(T):
        _, state = layer(x[t].unsqueeze(0), state)
        h[t], c[t] = state
    return h, c
every_state: states by prefixes
    states = [layer(x[: t + 1], state)[1] for t in range(len(x))]
    return [torch.stack(part) for part in zip(*states, strict=True)]
SentenceVector: from hn
    def __init__(self, layer):
        super().__init__()
        self.rnn = layer
    def forward(self, x):
        _, h_n = self.rnn(x)
        if isinstance(self.rnn, nn.LSTM):
            h_n, _ = h_n
        L = self.rnn.num_layers
        return h_n.unflatten(0, (L, -1))[-1].transpose(0, 1).flatten(1)
SentenceVector: from output
    def __init__(self, layer):
        super().__init__()
        self.body = nn.ModuleList([layer])
    def forward(self, x):
        (layer,) = self.body
        rows = h_n_from_output_rows_by_slices(layer(x)[0], 2 if layer.bidirectional else 1, layer.batch_first)
        return torch.einsum("dbh->bdh", rows).reshape(rows.shape[1], -1)
Stream(): with zeros
    def __init__(self, layer):
        self.layer = layer
        self.reset()
    def reset(self):
        self.hx = ()
    def push(self, piece):
        output, hx = self.layer(piece, *self.hx)
        self.hx = (hx,)
        return output
Stream: that reads all again
    # Slow and right: all of the past once more, and of the output the new part.
    def __init__(self, layer):
        super().__init__()
        self.layer, self.past = layer, []
    def push(self, piece):
        time = 1 if self.layer.batch_first else 0
        self.past.append(piece)
        output, _ = self.layer(torch.cat(self.past, dim=time))
        return output.narrow(time, output.shape[time] - piece.shape[time], piece.shape[time])
    def reset(self):
        self.past.clear()
Streams(): in tables
    # The states of all sequences in two tables, a row for each id.
    def __init__(self, layer):
        self.layer, self.rows, self.tables = layer, {}, None
    def push(self, ids, pieces):
        L, H = self.layer.num_layers, self.layer.hidden_size
        if self.tables is None:
            self.tables = [pieces.new_zeros(L, 0, H)] * 2
        for i in ids:
            if i not in self.rows:
                self.rows[i] = len(self.rows)
                new = pieces.new_zeros(L, 1, H)
                self.tables = [torch.cat([table, new], dim=1) for table in self.tables]
        index = torch.tensor([self.rows[i] for i in ids])
        output, after = self.layer(pieces, tuple(table[:, index] for table in self.tables))
        self.tables = [table.index_copy(1, index, new) for table, new in zip(self.tables, after, strict=True)]
        return output
Streams(): one by one
    def __init__(self, layer):
        self.layer, self.streams = layer, {}
    def push(self, ids, pieces):
        batch = 0 if self.layer.batch_first else 1
        outputs = [self.streams.setdefault(i, Stream_with_zeros(self.layer)).push(pieces.narrow(batch, b,
            1)) for b, i in enumerate(ids)]
        return torch.cat(outputs, dim=batch)
""")

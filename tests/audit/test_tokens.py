"""Tokens that are followed to the embedding: a constant made of the input is nobody's token."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import rnncourse
from rnncourse.auditing.checks import rows as rows_check
from rnncourse.auditing.tape import Tape

B, T, V = 5, 7, 12


def by_zeros(x):
    filled = torch.zeros(x.shape, dtype=torch.long)
    filled[:, 1:].copy_(x[:, :-1])
    filled[:, 0].fill_(1)
    return filled


def by_assignment(x):
    filled = x.new_zeros(x.shape)
    filled[:, 1:] = x[:, :-1].clone()
    filled[:, 0] = 1
    return filled


SHIFTS = {
    "full_like": lambda x: torch.cat([torch.full_like(x[:, :1], 1), x[:, :-1]], 1),
    "pad": lambda x: F.pad(x[:, :-1], (1, 0), value=1),
    "assignment": by_assignment,
    "copy into zeros": by_zeros,
    "roll": lambda x: torch.cat([torch.ones_like(x[:, :1]), x.roll(1, 1)[:, 1:]], 1),
}
FILLINGS = {
    "unknown words": lambda x: x.masked_fill(x == 3, 1),
    "word dropout": lambda x: torch.where(torch.arange(T) % 3 == 0, torch.full_like(x, 1), x),
    "clamp": lambda x: x.clamp(max=V - 3),
    "zeros": torch.zeros_like,
}


class Words(nn.Module):
    def __init__(self, prepare):
        super().__init__()
        self.prepare, self.embed, self.gru = prepare, nn.Embedding(V, 4), nn.GRU(4, 6, batch_first=True)

    def forward(self, x):
        return self.gru(self.embed(x) + self.embed(self.prepare(x)))[0]


def origins(prepare, x):
    """Which token of x each entry is, at the last lookup."""
    with Tape({}) as tape:
        tape.tokens.follow([(0, x)])
        found = prepare(x)
        return tape.tokens.origins(found).get(0, torch.full(found.shape, -1))


@pytest.mark.parametrize("way", [*SHIFTS, *FILLINGS])
def test_a_constant_made_of_the_input_mixes_no_rows(way):
    for seed in range(3):
        torch.manual_seed(seed)
        model = Words({**SHIFTS, **FILLINGS}[way])
        report = rnncourse.audit(model, torch.randint(2, V, (B, T)), batch=0, causal=True)
        assert report.ok, str(report)


@pytest.mark.parametrize("way", SHIFTS)
def test_shifted_tokens_keep_their_origin_and_constants_have_none(way):
    x = torch.randint(2, V, (B, T))
    expected = F.pad(torch.arange(B * T).view(B, T)[:, :-1], (1, 0), value=-1)
    assert origins(SHIFTS[way], x).tolist() == expected.tolist()


def test_what_is_calculated_is_no_token_and_what_is_kept_is_one():
    x = torch.randint(2, V, (B, T))
    assert (origins(lambda x: x + 1, x) == -1).all()
    kept = origins(lambda x: x.clamp(max=6), x)
    assert torch.equal(kept >= 0, x <= 6)
    assert (origins(lambda x: x.gather(1, torch.zeros(B, 1, dtype=torch.long)), x)[:, 0] % T == 0).all()


def test_tokens_of_two_inputs_share_a_lookup():
    def forward(self, x, y):
        return self.gru(self.embed(torch.cat([x, y], 1)))[0]

    class Both(Words):
        pass

    Both.forward = forward
    x, y = torch.randint(2, V, (B, T)), torch.randint(2, V, (B, 3))
    report = rnncourse.audit(Both(None), x, y, batch=0)
    assert report.ok, str(report)
    assert "input unread" in report.checked


def test_a_mixed_row_is_confirmed_by_other_tokens(monkeypatch):
    """What noise at the embeddings says alone is not believed."""
    model = Words(SHIFTS["pad"])
    x = torch.randint(2, V, (B, T))
    asked = []

    def spread(s, k):
        asked.append(k)
        return torch.ones(s.B, s.B, dtype=torch.float64)

    monkeypatch.setattr(rows_check.Subject, "matrix", spread)
    report = rnncourse.audit(model, x, batch=0)
    assert asked
    assert "batch mixed" not in [finding.kind for finding in report]

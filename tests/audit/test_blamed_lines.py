"""The line that is named: not what is lawful and mixes, nor where a wrong order or mask only takes effect."""

import pytest
import torch
from composed import Model
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

import rnncourse

B, T, I, H = 5, 9, 3, 4
LENGTHS = torch.tensor([6, 9, 3, 9, 4])


def x(*shape):
    return torch.randn(*(shape or (B, T)), I)


def first(report, kind):
    finding = next(finding for finding in report.wrong if finding.kind == kind)
    assert finding.where is not None, str(report)
    return finding


class TestRows:
    @staticmethod
    def softmax(score):
        weights = torch.exp(score - score.max())  # cancels
        return weights / weights.sum(1, keepdim=True)

    def test_a_maximum_that_cancels_is_not_blamed(self):
        def forward(self, x):
            h = self.gru(x)[0]
            weights = TestRows.softmax(self.score(h))
            h = h - h.mean(0)  # mixes
            return (weights * h).sum(1)

        layers = {"gru": nn.GRU(I, H, batch_first=True), "score": nn.Linear(H, 1)}
        finding = first(rnncourse.audit(Model(forward, **layers), x(), batch=0), "batch mixed")
        assert "# mixes" in finding.where.code

    def test_a_maximum_that_cancels_is_sound(self):
        def forward(self, x):
            h = self.gru(x)[0]
            return (TestRows.softmax(self.score(h)) * h).sum(1)

        layers = {"gru": nn.GRU(I, H, batch_first=True), "score": nn.Linear(H, 1)}
        report = rnncourse.audit(Model(forward, **layers), x(), batch=0)
        assert report.ok, str(report)

    def test_a_packed_batch_without_its_indices(self):
        def forward(self, x, lengths):
            packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            packed, _ = self.gru(packed)
            score = PackedSequence(self.score(packed.data).sigmoid(), packed.batch_sizes)
            score, _ = pad_packed_sequence(score, batch_first=True)  # the packed order
            h, _ = pad_packed_sequence(packed, batch_first=True)
            return (h * score).sum(1)

        layers = {"gru": nn.GRU(I, H, batch_first=True), "score": nn.Linear(H, 1)}
        report = rnncourse.audit(Model(forward, **layers), x(), LENGTHS, lengths=LENGTHS)
        finding = first(report, "batch mixed")
        assert "# the packed order" in finding.where.code
        assert "packed order" in finding.by

    @pytest.mark.parametrize("steps", [8, 9])
    def test_a_flat_batch_viewed_the_other_way_round(self, steps):
        def forward(self, flat, h):
            rows = h.shape[1]
            sequence = flat.reshape(rows, -1, I).transpose(0, 1)  # it is (T * B)
            return self.gru(sequence, h)[0].flatten(0, 1)

        def call(model, x, h):
            return model(x.flatten(0, 1), h).unflatten(0, x.shape[:2])

        model = Model(forward, gru=nn.GRU(I, H))
        report = rnncourse.audit(model, x(steps, B), torch.zeros(1, B, H), batch=1, call=call)
        finding = next(f for f in report.wrong if f.kind in ("batch mixed", "batch as time"))
        assert "# it is (T * B)" in finding.where.code


class TestStarts:
    @staticmethod
    def report(clear):
        def forward(self, x, actions, starts):
            before = torch.cat([torch.zeros_like(actions[:, :1]), actions[:, :-1]], 1)  # shifted
            if clear:
                before = before * (1 - starts.long())
            h, outputs = x.new_zeros(len(x), H), []
            for x_t, a_t, start in zip(x.unbind(1), before.unbind(1), starts.unbind(1), strict=True):
                h = self.cell(torch.cat([x_t, self.embed(a_t)], 1), h * (1 - start)[:, None])
                outputs.append(h)
            return torch.stack(outputs, 1)

        starts = torch.zeros(B, T)
        starts[1, 4] = starts[2, 6] = 1
        model = Model(forward, cell=nn.GRUCell(I + 2, H), embed=nn.Embedding(5, 2))
        return rnncourse.audit(model, x(), torch.randint(1, 5, (B, T)), starts, starts=starts, batch=0)

    def test_the_one_argument_that_crosses_is_named(self):
        finding = first(self.report(clear=False), "starts ignored")
        assert "through argument 1 alone" in finding.text
        assert "# shifted" in finding.where.code

    def test_nothing_crosses(self):
        report = self.report(clear=True)
        assert report.ok, str(report)


class TestMasks:
    @staticmethod
    def report(real, fill=float("-inf")):
        def forward(self, x, lengths):
            h = self.lin(x).tanh()
            mask = real(torch.arange(x.shape[1]), lengths[:, None])
            weights = self.score(h).squeeze(2).masked_fill(~mask, fill).softmax(1)
            return (weights[..., None] * h).sum(1)

        model = Model(forward, lin=nn.Linear(I, H), score=nn.Linear(H, 1))
        return rnncourse.audit(model, x(), LENGTHS, lengths=LENGTHS)

    def test_off_by_one_is_named_where_it_is_made(self):
        report = self.report(lambda steps, lengths: steps <= lengths)
        finding = first(report, "padding read")
        assert "masked_fill" in finding.where.code
        assert "is made by le (test_blamed_lines.py:" in finding.text

    def test_that_keeps_weight_is_named_where_it_is_applied(self):
        finding = first(self.report(lambda steps, lengths: steps < lengths, fill=1e-9), "padding read")
        assert "masked_fill(~mask, fill)" in finding.where.code

    def test_before_a_mean_over_padding_is_not_blamed(self):
        def forward(self, x, lengths):
            padding = torch.arange(x.shape[1]) >= lengths[:, None]
            h = self.lin(x).masked_fill(padding[..., None], 0.0)
            return h.mean(1)  # divides by all steps

        report = rnncourse.audit(Model(forward, lin=nn.Linear(I, H)), x(), LENGTHS, lengths=LENGTHS)
        finding = first(report, "padding read")
        assert "# divides by all steps" in finding.where.code
        assert "mask" not in finding.text

    def test_that_is_right(self):
        report = self.report(lambda steps, lengths: steps < lengths)
        assert report.ok, str(report)


def test_a_head_that_nothing_calls_is_named_where_it_is_set():
    class Heads(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru, self.mean = nn.GRU(I, H, batch_first=True), nn.Linear(H, 2)
            self.deviation = nn.Linear(H, 2)  # dead

        def forward(self, x):
            h = self.gru(x)[0]
            return self.mean(h), self.mean(h).exp()

    [finding] = [f for f in rnncourse.audit(Heads(), x(), batch=0).questions if "deviation" in f.text]
    assert "# dead" in finding.where.code

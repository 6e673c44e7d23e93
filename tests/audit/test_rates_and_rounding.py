"""Bugs of kinds that a ninth outsider planted and audit did not see, each beside a sound model."""

import pytest
import torch
from composed import Model
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import rnncourse

B, T, I, H, V = 4, 8, 3, 6, 12
LENGTHS = torch.tensor([7, 4, 5, 3])


def x(steps=T, features=I):
    return torch.randn(B, steps, features)


def kinds(report, level="✗"):
    return [finding.kind for finding in report if finding.level == level]


def asked(report, kind):
    """The texts of the questions of this kind."""
    return [finding.text for finding in report.questions if finding.kind == kind]


class TestPacked:
    @staticmethod
    def model(halved):
        def forward(self, x, lengths):
            y = self.conv(x.transpose(1, 2)).transpose(1, 2)
            fewer = halved(lengths)
            packed = pack_padded_sequence(y, fewer, batch_first=True, enforce_sorted=False)
            return self.head(self.gru(packed)[1][0])

        layers = {"gru": nn.GRU(H, H, batch_first=True), "head": nn.Linear(H, 2)}
        return Model(forward, conv=nn.Conv1d(I, H, 3, stride=2, padding=1), **layers)

    @pytest.mark.parametrize("up", [True, False])
    def test_half_the_steps_rounded_down(self, up):
        model = self.model(lambda lengths: (lengths + up) // 2)
        report = rnncourse.audit(model, x() * (torch.arange(T) < LENGTHS[:, None])[..., None], lengths=LENGTHS)
        report = rnncourse.audit(model, x(), LENGTHS, lengths=LENGTHS)
        found = [finding for finding in report if finding.kind == "last step unread"]
        assert [finding.level for finding in found] == ([] if up else ["?"]), str(report)
        assert up or "fewer = halved(lengths)" in found[0].where.code

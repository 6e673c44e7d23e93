"""Bugs of kinds that a fifth outsider planted and audit did not see, each beside a sound model."""

import pytest
import torch
from composed import Model
from torch import nn
from torch.nn import functional as F

import rnncourse

B, T, I, H, V = 4, 8, 3, 6, 12


def kinds(report, level="✗"):
    return [finding.kind for finding in report if finding.level == level]


@pytest.mark.parametrize("sound", [True, False])
def test_a_loop_over_zipped_steps_follows_its_main_input(sound):
    def forward(self, x, action, starts):
        h, out = x.new_zeros(len(x), H), []
        for step, act, first in zip(x.unbind(1), action.unbind(1), starts.unbind(1), strict=False):
            keep = (1 - first)[:, None]
            h = self.cell(torch.cat([step, act], 1), h * keep if sound else h)
            out.append(h)
        return torch.stack(out, 1)

    starts = torch.zeros(B, T)
    starts[:, 0] = starts[1, 3] = starts[2, 5] = 1
    model = Model(forward, cell=nn.GRUCell(I + 2, H))
    report = rnncourse.audit(model, torch.randn(B, T, I), torch.randn(B, T, 2), starts, starts=starts, batch=0)
    assert not any("episode starts" in gap for gap in report.not_checked), str(report)
    assert kinds(report) == ([] if sound else ["starts ignored"]), str(report)


class TestLoss:
    @staticmethod
    def report(detached, weight=1.0):
        def forward(self, x):
            h = self.gru(x)[0]
            return self.mean(h), self.prior(h)

        def loss(outputs, target):
            mean, prior = outputs
            prior = prior.detach() if detached else prior
            return F.mse_loss(mean, target) + weight * F.mse_loss(mean, prior)

        layers = {"gru": nn.GRU(I, H, batch_first=True), "mean": nn.Linear(H, 2), "prior": nn.Linear(H, 2)}
        options = {"loss": loss, "target": torch.randn(B, T, 2), "batch": 0}
        return rnncourse.audit(Model(forward, **layers), torch.randn(B, T, I), **options)

    def test_parameters_that_only_a_detached_output_reads(self):
        report = self.report(detached=True)
        assert kinds(report, "?") == ["parameter without gradient"], str(report)
        found = next(f for f in report if f.level == "?")
        assert "prior.weight, prior.bias" in found.text
        nothing = str(report).partition("found nothing")[2]
        assert "parameter without gradient" not in " ".join(nothing.split())

    def test_a_loss_that_reads_all_outputs(self):
        assert not kinds(self.report(detached=False), "?")

    def test_a_head_that_the_loss_leaves_out(self):
        def forward(self, x):
            h = self.gru(x)[0]
            return self.mean(h), self.other(h)

        layers = {"gru": nn.GRU(I, H, batch_first=True), "mean": nn.Linear(H, 2), "other": nn.Linear(H, 3)}
        y = torch.randn(B, T, 2)
        for loss, count in ((None, 0), (lambda outputs, y: F.mse_loss(outputs[0], y), 1)):
            options = {} if loss is None else {"loss": loss, "target": y}
            report = rnncourse.audit(Model(forward, **layers), torch.randn(B, T, I), batch=0, **options)
            assert kinds(report, "?").count("parameter without gradient") == count, str(report)

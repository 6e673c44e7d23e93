"""Bugs of kinds that a fifth outsider planted and audit did not see, each beside a sound model."""

import pytest
import torch
from composed import Model
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence

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
    report = rnncourse.audit(
        model, torch.randn(B, T, I), torch.randn(B, T, 2), starts, starts=starts, batch=0
    )
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


class TestTwoPaddedInputs:
    @staticmethod
    def report(swapped, as_list=False, floats=False, packed=True):
        def forward(self, one, n, two, m):
            def read(tokens, lengths):
                x, lengths = tokens if floats else self.embed(tokens), torch.as_tensor(lengths)
                if packed:
                    return self.gru(pack_padded_sequence(x, lengths, True, enforce_sorted=False))[1][0]
                real = (torch.arange(x.shape[1]) < lengths[:, None])[..., None]
                return (self.gru(x)[0] * real).sum(1) / real.sum(1)

            if swapped:
                n, m = m, n
            return self.head(torch.cat([read(one, n), read(two, m)], 1))

        n, m = torch.tensor([8, 5, 6, 3, 7, 8]), torch.tensor([4, 8, 5, 6, 3, 7])
        layers = {} if floats else {"embed": nn.Embedding(V, I)}
        layers |= {"gru": nn.GRU(I, H, batch_first=True), "head": nn.Linear(2 * H, 2)}

        def padded(lengths):
            real = torch.arange(T) < lengths[:, None]
            return torch.randn(6, T, I) * real[..., None] if floats else torch.randint(1, V, (6, T)) * real

        m_given = m.tolist() if as_list else m
        return rnncourse.audit(Model(forward, **layers), padded(n), n, padded(m), m_given, lengths=n)

    @pytest.mark.parametrize("as_list", [False, True])
    @pytest.mark.parametrize("floats", [False, True])
    @pytest.mark.parametrize("packed", [False, True])
    def test_each_is_padded_to_its_own_lengths(self, as_list, floats, packed):
        report = self.report(False, as_list, floats, packed)
        assert not kinds(report) + kinds(report, "?"), str(report)
        assert "padding read" in report.checked

    def test_lengths_of_the_other(self):
        report = self.report(True, packed=False)
        assert "padding read" in kinds(report), str(report)


class TestPlaces:
    def test_a_parameter_is_set_in_the_users_own_file(self):
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.project = nn.Sequential(nn.Linear(I, I), nn.Tanh())
                self.gru = nn.GRU(I, H, batch_first=True)

            def forward(self, x):
                with torch.no_grad():
                    x = self.project(x)
                return self.gru(x)[0]

        report = rnncourse.audit(Net(), torch.randn(B, T, I), batch=0)
        found = [f for f in report if f.kind == "parameter without gradient"]
        assert [f.where.file for f in found] == [__file__], str(report)

    def test_a_parameter_computed_from_another_is_named(self):
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.gru = nn.GRU(I, H, batch_first=True)
                self.decay = nn.Parameter(torch.ones(2)).repeat(H // 2)

            def forward(self, x):
                return self.gru(x)[0] * self.decay

        report = rnncourse.audit(nn.Sequential(Net()), torch.randn(B, T, I), batch=0)
        assert kinds(report) == ["unregistered"], str(report)
        assert "0.decay" in report.wrong[0].text
        assert "nn.Parameter(torch.ones(2)).repeat" in report.wrong[0].where.code

"""Bugs of kinds that a fourth outsider planted and audit did not see, each beside a sound model."""

import pytest
import torch
from composed import Model
from torch import nn
from torch.nn import functional as F

import rnncourse

B, T, I, H, V = 4, 8, 3, 6, 12


def kinds(report, level="✗"):
    return [finding.kind for finding in report if finding.level == level]


class TestStarts:
    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize("inner", [False, True])
    def test_the_step_that_opens_an_episode_is_read(self, after, inner):
        def forward(self, x, starts):
            h, outputs = x.new_zeros(len(x), H), []
            for t in range(T):
                keep = (1 - starts[:, t])[:, None]
                h = self.cell(x[:, t], h) * keep if after else self.cell(x[:, t], h * keep)
                outputs.append(h)
            return torch.stack(outputs, 1)

        starts = torch.zeros(B, T)
        starts[:, 0] = 1
        if inner:
            starts[1, 4] = starts[2, 6] = 1
        report = rnncourse.audit(
            Model(forward, cell=nn.GRUCell(I, H)), torch.randn(B, T, I), starts, starts=starts, batch=0
        )
        assert kinds(report) == (["start unread"] if after else []), str(report)
        if after:
            assert "* keep" in report.wrong[0].where.code
            assert "part unread" in [finding.kind for finding in report.wrong[0].so]
        else:
            assert "start unread" in report.checked

    def test_outputs_that_never_read_their_own_step_need_not_at_a_start(self):
        def forward(self, x, starts):
            h, outputs = x.new_zeros(len(x), H), []
            for t in range(T):
                h = h * (1 - starts[:, t])[:, None]
                outputs.append(h)
                h = self.cell(x[:, t], h)
            return torch.stack(outputs, 1)

        starts = torch.zeros(B, T)
        starts[1, 4] = starts[2, 6] = 1
        report = rnncourse.audit(
            Model(forward, cell=nn.GRUCell(I, H)), torch.randn(B, T, I), starts, starts=starts, batch=0
        )
        assert not kinds(report), str(report)
        assert "start unread" not in report.checked


@pytest.mark.parametrize("late", [1, 0])
def test_answers_that_reach_the_embedding_through_arithmetic(late):
    def forward(self, questions, answers):
        h = self.gru(self.embed(questions + V * answers))[0]
        return (self.head(h)[:, :-1] * F.one_hot(questions[:, 1:], V)).sum(-1)

    def loss(logits, answers):
        return F.binary_cross_entropy_with_logits(logits, answers[:, late : T - 1 + late].float())

    layers = {"embed": nn.Embedding(2 * V, I), "gru": nn.GRU(I, H, batch_first=True), "head": nn.Linear(H, V)}
    questions, answers = torch.randint(V, (B, T)), torch.randint(2, (B, T))
    model = Model(forward, **layers)
    report = rnncourse.audit(model, questions, answers, loss=loss, target=answers, batch=0, time=1)
    named = kinds(report) + kinds(report, "?")
    assert named == ([] if late else ["target in input"]), str(report)
    assert late == 0 or "target in input" in report.checked


class TestTraining:
    @pytest.mark.parametrize("draw", ["sample", "rsample", "detached"])
    def test_code_that_only_train_mode_runs_cuts_the_graph(self, draw):
        def forward(self, x):
            mean, scale = self.mean(self.encoder(x)[1][0]), self.scale(x.mean(1)).exp()
            z = mean
            if self.training:
                if draw == "detached":
                    z = mean.detach() + scale
                else:
                    z = getattr(torch.distributions.Normal(mean, scale), draw)()
            return self.head(torch.cat([x, z[:, None].expand(-1, x.shape[1], -1)], 2)), mean, scale

        layers = {
            "encoder": nn.GRU(I, H, batch_first=True),
            "mean": nn.Linear(H, 2),
            "scale": nn.Linear(I, 2),
            "head": nn.Linear(I + 2, H),
        }
        report = rnncourse.audit(Model(forward, **layers), torch.randn(B, T, I), batch=0, causal=False)
        assert not kinds(report), str(report)
        assert kinds(report, "?") == ([] if draw == "rsample" else ["gradient cut"]), str(report)
        if draw != "rsample":
            assert "In train mode" in report.questions[0].text
            assert ("draw)()" if draw == "sample" else "detach") in report.questions[0].where.code

    def test_what_can_not_be_repeated_is_not_called_checked(self):
        calls = []

        def forward(self, x):
            calls.append(None)
            y = self.gru(x)[0]
            if self.training:
                for _ in range(len(calls)):
                    y = y + 0 * y.detach()
            return y

        report = rnncourse.audit(Model(forward, gru=nn.GRU(I, H, batch_first=True)), torch.randn(B, T, I))
        assert any("only train mode runs" in gap for gap in report.not_checked), str(report)

    def test_dropout_and_batch_norm_are_no_code_of_their_own(self):
        layers = {"gru": nn.GRU(I, H, batch_first=True), "drop": nn.Dropout(0.5), "norm": nn.BatchNorm1d(H)}
        model = Model(lambda self, x: self.drop(self.norm(self.gru(x)[1][0])), **layers)
        report = rnncourse.audit(model, torch.randn(B, T, I), batch=0)
        assert not kinds(report) + kinds(report, "?"), str(report)
        assert not any("train mode" in gap for gap in report.not_checked)


class TestPadding:
    LENGTHS = torch.tensor([7, 3, 5, 2])

    @pytest.mark.parametrize("after", [0, 1])
    def test_the_step_after_the_last_real_one(self, after):
        def forward(self, words, lengths):
            output = self.gru(self.embed(words))[0]
            at = (lengths - 1 + after).view(-1, 1, 1).expand(-1, 1, H)
            return self.head(output.gather(1, at)[:, 0])

        layers = {
            "embed": nn.Embedding(V, I, padding_idx=0),
            "gru": nn.GRU(I, H, batch_first=True),
            "head": nn.Linear(H, 2),
        }
        words = torch.randint(1, V, (B, T)) * (torch.arange(T) < self.LENGTHS[:, None])
        report = rnncourse.audit(Model(forward, **layers), words, self.LENGTHS, lengths=self.LENGTHS)
        assert kinds(report) == (["padding read"] if after else []), str(report)
        if after:
            assert "gather" in report.wrong[0].where.code
            assert "with one padded step more it runs" in report.wrong[0].text

    def test_a_least_number_of_steps_is_no_read_of_padding(self):
        def forward(self, x, lengths):
            assert x.shape[1] >= 6
            real = (torch.arange(x.shape[1]) < lengths[:, None])[..., None]
            return (self.conv(x.transpose(1, 2)).transpose(1, 2) * real).sum(1)

        x = torch.randn(B, T, I) * (torch.arange(T) < self.LENGTHS[:, None])[..., None]
        model = Model(forward, conv=nn.Conv1d(I, H, 3, padding=1))
        report = rnncourse.audit(model, x, self.LENGTHS, lengths=self.LENGTHS)
        assert not kinds(report), str(report)

    def test_lengths_that_ignore_a_stride(self):
        lengths = torch.tensor([12, 6, 8, 4])

        def forward(self, x, lengths):
            y = self.conv(x.transpose(1, 2)).transpose(1, 2)
            frames = lengths.clamp(max=y.shape[1])
            packed = nn.utils.rnn.pack_padded_sequence(y, frames, batch_first=True, enforce_sorted=False)
            output = self.gru(packed)[0]
            padded = nn.utils.rnn.pad_packed_sequence(output, batch_first=True, total_length=y.shape[1])[0]
            return padded, frames

        x = torch.randn(B, 12, I) * (torch.arange(12) < lengths[:, None])[..., None]
        layers = {"conv": nn.Conv1d(I, H, 2, 2), "gru": nn.GRU(H, 5, batch_first=True, bidirectional=True)}
        report = rnncourse.audit(Model(forward, **layers), x, lengths, lengths=lengths)
        assert kinds(report) == ["padding read"], str(report)
        assert "pack_padded_sequence" in report.wrong[0].where.code
        assert report.wrong[0].numbers["lawful"] < 2, "the returned lengths count as an effect"


class TestLines:
    @pytest.mark.parametrize("torn", [True, False])
    def test_an_axis_of_features_as_long_as_windows(self, torn):
        def forward(self, x):
            y = x.reshape(len(x), -1, x.shape[1]) if torn else x.transpose(1, 2)
            return self.conv(F.pad(y, (1, 0))).transpose(1, 2)

        x = torch.randn(B, 16, 2)
        report = rnncourse.audit(Model(forward, conv=nn.Conv1d(2, H, 2)), x, batch=0, causal=True)
        assert kinds(report) == (["steps torn"] if torn else []), str(report)
        if torn:
            assert [finding.kind for finding in report.wrong[0].so] == ["future read"]
            assert "x.reshape" in report.wrong[0].where.code

    @pytest.mark.parametrize("whole", [True, False])
    def test_the_result_that_nothing_reads(self, whole):
        class Block(nn.Module):
            def __init__(self):
                super().__init__()
                self.one, self.other = nn.Linear(I, I), nn.Linear(I, I)

            def forward(self, x):
                y = x + self.one(x)
                z = torch.sigmoid(self.other(x))
                return y * z if whole else y

        def forward(self, x):
            for block in self.blocks:
                y = block(x)
            return y

        report = rnncourse.audit(
            Model(forward, blocks=nn.ModuleList([Block(), Block()])), torch.randn(B, T, I), batch=0
        )
        assert kinds(report) == ["parameter without gradient"], str(report)
        assert "y = block(x)" in report.wrong[0].where.code

    def test_the_result_that_nothing_reads_inside_a_module_that_learns(self):
        class Block(nn.Module):
            def __init__(self):
                super().__init__()
                self.one, self.other = nn.Linear(I, I), nn.Linear(I, I)

            def forward(self, x):
                y = x + self.one(x)
                z = torch.sigmoid(self.other(x))  # noqa: F841
                return y

        report = rnncourse.audit(
            Model(lambda self, x: self.block(x), block=Block()), torch.randn(B, T, I), batch=0
        )
        assert kinds(report) == ["parameter without gradient"], str(report)
        assert "z = torch.sigmoid" in report.wrong[0].where.code

    def test_the_loss_that_is_not_shifted(self):
        def loss(logits, words):
            return F.cross_entropy(logits.transpose(1, 2), words)

        layers = {"embed": nn.Embedding(V, I), "gru": nn.GRU(I, V, batch_first=True)}
        model, words = Model(lambda self, x: self.gru(self.embed(x))[0], **layers), torch.randint(V, (B, T))
        report = rnncourse.audit(model, words, loss=loss, target=words, causal=True)
        assert kinds(report) == ["target in input"], str(report)
        assert "F.cross_entropy" in report.wrong[0].where.code


class TestNotChecked:
    def test_a_target_of_another_shape_can_not_be_in_the_input(self):
        layers = {"embed": nn.Embedding(V, I), "gru": nn.GRU(I, 2, batch_first=True)}
        model, words = Model(lambda self, x: self.gru(self.embed(x))[0], **layers), torch.randint(V, (B, T))
        report = rnncourse.audit(model, words, loss=F.mse_loss, target=torch.randn(B, T, 2), batch=0)
        assert "target in input" not in report.checked
        assert any("target in input" in gap for gap in report.not_checked)

    def test_tokens_that_a_sum_changes_are_named(self):
        def forward(self, questions, answers):
            return self.gru(self.embed(questions + V * answers))[0]

        layers = {"embed": nn.Embedding(2 * V, I), "gru": nn.GRU(I, H, batch_first=True)}
        questions, answers = torch.randint(V, (B, T)), torch.randint(2, (B, T))
        report = rnncourse.audit(Model(forward, **layers), questions, answers, batch=0, time=1)
        assert any("that a sum changes before the embedding" in gap for gap in report.not_checked)
        assert not kinds(report), str(report)

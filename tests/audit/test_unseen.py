"""What a fourth outsider's bugs showed that audit could not see, each beside a sound model of the same shape."""

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
                if after:
                    h = self.cell(x[:, t], h) * keep
                else:
                    h = self.cell(x[:, t], h * keep)
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

"""Single checks, where the families of models leave a gap."""

import pytest
import torch
from composed import Model
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import rnncourse

B, T, I, H = 6, 7, 3, 4
LENGTHS = torch.tensor([7, 3, 5, 4, 2, 6])


def gru(**options):
    return nn.GRU(I, H, batch_first=True, **options)


def wrong(report):
    return [finding.kind for finding in report.wrong]


def packed(self, x, lengths):
    given = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    return pad_packed_sequence(self.gru(given)[0], batch_first=True, total_length=x.shape[1])[0]


@pytest.mark.parametrize("most", [T, 10 * T])
def test_a_mean_over_padding_is_found_with_and_without_longer_batches(most):
    def forward(self, x, lengths):
        assert x.shape[1] <= most
        return packed(self, x, lengths).mean(1)

    report = rnncourse.audit(Model(forward, gru=gru()), torch.randn(B, T, I), LENGTHS, lengths=LENGTHS)
    assert wrong(report) == ["padding read"]


def test_a_mean_over_padding_is_found_if_no_row_may_come_alone():
    def forward(self, x, lengths):
        assert len(x) > 1
        return packed(self, x, lengths).mean(1)

    report = rnncourse.audit(Model(forward, gru=gru()), torch.randn(B, T, I), LENGTHS, lengths=LENGTHS)
    assert wrong(report) == ["padding read"]


def test_padding_that_only_another_value_would_show_is_a_question():
    def forward(self, x, lengths):
        return packed(self, self.smooth(x.transpose(1, 2)).transpose(1, 2), lengths)

    x = torch.randn(B, T, I) * (torch.arange(T) < LENGTHS[:, None])[:, :, None]
    model = Model(forward, gru=gru(), smooth=nn.Conv1d(I, I, 3, padding=1))
    report = rnncourse.audit(model, x, LENGTHS, lengths=LENGTHS)
    assert report.ok, str(report)
    assert [finding.kind for finding in report.questions] == ["padding read"]


def test_each_run_starts_from_the_same_state():
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru, self.calls = gru(), 0

        def forward(self, x):
            self.calls += 1
            return self.gru(x)[0] + self.calls

    report = rnncourse.audit(Counts(), torch.randn(B, T, I), batch=0, causal=True)
    assert report.ok, str(report)
    assert [finding.kind for finding in report.questions] == ["state kept"]


def test_a_loss_that_weighs_classes_does_not_pair_rows_wrongly():
    weight = torch.tensor([1.0, 5.0, 0.2, 2.0])
    model = Model(lambda self, x: self.gru(x)[0], gru=gru())

    def loss(y, target):
        return F.cross_entropy(y.transpose(1, 2), target, weight)

    report = rnncourse.audit(model, torch.randn(B, T, I), batch=0, loss=loss, target=torch.randint(4, (B, T)))
    assert report.ok, str(report)
    assert not report.questions, str(report)


def test_a_decoders_first_step_may_attend_to_one_entry():
    def forward(self, x):
        o, outputs = self.gru(x)[0], []
        for t in range(x.shape[1]):
            weights = self.score(o[:, : t + 1]).softmax(1)
            outputs.append((weights * o[:, : t + 1]).sum(1))
        return torch.stack(outputs, 1)

    report = rnncourse.audit(
        Model(forward, gru=gru(), score=nn.Linear(H, 1)), torch.randn(B, T, I), causal=True
    )
    assert report.ok, str(report)


def test_a_sum_of_squares_over_rows_is_a_sum_and_a_ratio_is_not():
    def of(number):
        return Model(lambda self, x: number(self.gru(x)[1][0]), gru=gru())

    x = torch.randn(B, T, I)
    assert not rnncourse.audit(of(lambda h: h.square().mean()), x).questions
    [finding] = rnncourse.audit(of(lambda h: h.square().mean() / h.mean().square()), x).questions
    assert finding.kind == "batch mixed"


def test_pooling_may_leave_the_last_step_unread():
    model = Model(lambda self, x: self.gru(x)[0][..., :1].max(1).values, gru=gru())
    for seed in range(5):
        torch.manual_seed(seed)
        assert "last step unread" not in wrong(rnncourse.audit(model, torch.randn(B, T, I)))


def test_one_rows_last_step_unread():
    def forward(self, x, lengths):
        o = packed(self, x, lengths)
        return o[torch.arange(len(o)), (lengths - 1).clamp(max=4)]  # of row 5, step 4 instead of 5

    report = rnncourse.audit(Model(forward, gru=gru()), torch.randn(B, T, I), LENGTHS, lengths=LENGTHS)
    assert wrong(report) == ["last step unread"]
    assert report.wrong[0].row == 5
    assert "the last real step of row 5" in str(report)


def test_a_frozen_teacher_in_a_list_is_left_out():
    teacher = nn.Linear(H, H).requires_grad_(False)
    model = Model(lambda self, x: self.teachers[0](self.gru(x)[0]), gru=gru(), teachers=[teacher])
    assert rnncourse.audit(model, torch.randn(B, T, I), batch=0).ok


def test_a_gradient_that_is_nan_is_found_and_placed():
    def forward(self, x):
        o = self.gru(x)[0]
        return o + torch.sqrt((o - o).square().sum(-1, keepdim=True))

    [finding] = rnncourse.audit(Model(forward, gru=gru()), torch.randn(B, T, I), batch=0).wrong
    assert finding.kind == "not finite"
    assert "torch.sqrt(" in finding.where.code


def test_masked_logits_of_minus_infinity_are_let_pass():
    def forward(self, x, mask):
        return self.gru(x)[0].masked_fill(~mask, float("-inf"))

    mask = torch.rand(B, T, H) < 0.8
    assert rnncourse.audit(Model(forward, gru=gru()), torch.randn(B, T, I), mask, batch=0).ok


def test_time_given_as_features_is_a_question():
    model = Model(lambda self, x: self.layer(x.transpose(1, 2))[1][0], layer=nn.GRU(T, H, batch_first=True))
    report = rnncourse.audit(model, torch.randn(B, T, I), time=1)
    assert [finding.kind for finding in report.questions] == ["time as features"]
    assert "time is axis 2 of argument 0" in str(rnncourse.audit(model, torch.randn(B, T, I)))

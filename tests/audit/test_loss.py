"""What the loss compares with what: steps, rows, and things that it never reads."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import rnncourse

B, T, V = 5, 8, 15


class Language(nn.Module):
    def __init__(self, both_ways=False):
        super().__init__()
        self.embed = nn.Embedding(V, 6)
        self.gru = nn.GRU(6, 5 if both_ways else 10, batch_first=True, bidirectional=both_ways)
        self.head = nn.Linear(10, V)

    def forward(self, ids):
        return self.head(self.gru(self.embed(ids))[0])


class Translation(nn.Module):
    def __init__(self, shift=0):
        super().__init__()
        self.shift = shift
        self.embed, self.words = nn.Embedding(V, 6), nn.Embedding(V, 6)
        self.encoder, self.decoder = nn.GRU(6, 10, batch_first=True), nn.GRU(6, 10, batch_first=True)
        self.head = nn.Linear(10, V)

    def forward(self, source, words):
        given = words[:, 1:] if self.shift else words[:, :-1]
        return self.head(self.decoder(self.words(given), self.encoder(self.embed(source))[1])[0])


def entropy(logits, target):
    return F.cross_entropy(logits.reshape(-1, V), target.reshape(-1))


def shifted(logits, ids):
    return entropy(logits[:, :-1], ids[:, 1:])


def words(steps=T):
    return torch.randint(2, V, (B, steps))


def said(report):
    return [finding.text for finding in report.facts if finding.kind == "target"]


class TestSteps:
    def test_a_loss_that_shifts_makes_the_next_step_the_target(self):
        ids = words()
        report = rnncourse.audit(Language(), ids, loss=shifted, target=ids, batch=0)
        assert report.ok, str(report)
        assert not report.questions
        assert said(report) == ["The loss compares the output at step t with ids at step t + 1."]
        assert "future read" in report.checked  # the target is one step on: so the future may not be read
        leaks = rnncourse.audit(Language(both_ways=True), ids, loss=shifted, target=ids, batch=0)
        assert [finding.kind for finding in leaks.wrong] == ["future read"]

    def test_a_loss_that_does_not_shift_finds_the_answer_in_the_input(self):
        ids = words()
        report = rnncourse.audit(Language(), ids, loss=entropy, target=ids, batch=0)
        assert [finding.kind for finding in report.wrong] == ["target in input"]
        assert "at the same step" in report.wrong[0].text

    def test_teacher_forcing_is_sound_if_the_loss_drops_the_first_word(self):
        source, target = words(), words()
        report = rnncourse.audit(
            Translation(), source, target, loss=lambda y, t: entropy(y, t[:, 1:]), target=target, batch=0
        )
        assert report.ok, str(report)
        assert said(report) == ["The loss compares the output at step t with words at step t + 1."]

    def test_a_target_that_is_not_shifted_is_found_with_the_line_in_the_loss(self):
        def loss(logits, target):
            gold = target[:, :-1]
            return entropy(logits, gold)

        source, target = words(), words()
        report = rnncourse.audit(Translation(), source, target, loss=loss, target=target, batch=0)
        [finding] = report.wrong
        assert finding.kind == "target in input"
        assert finding.where.code == "gold = target[:, :-1]"

    def test_a_decoder_that_is_fed_the_next_word_is_found(self):
        source, target = words(), words()
        report = rnncourse.audit(
            Translation(shift=1),
            source,
            target,
            loss=lambda y, t: entropy(y, t[:, 1:]),
            target=target,
            batch=0,
        )
        assert [finding.kind for finding in report.wrong] == ["future read"]

    def test_a_loss_over_all_steps_pairs_none(self):
        ids = words()

        def loss(logits, target):
            return (logits.mean() - target.float().mean()).square()

        report = rnncourse.audit(Language(), ids, loss=loss, target=ids, batch=0)
        assert any("unclear which of its steps" in gap for gap in report.not_checked)
        assert "target in input" not in report.checked

    def test_a_summary_of_all_steps_is_not_the_answer(self):
        """A decoder that has a summary reads each step a little; given its own word, it reads that most."""

        class Auto(nn.Module):
            def __init__(self, shift):
                super().__init__()
                self.shift, self.embed = shift, nn.Embedding(V, 6)
                self.encoder, self.decoder = nn.GRU(6, 10, batch_first=True), nn.GRU(6, 10, batch_first=True)
                self.head = nn.Linear(10, V)

            def forward(self, ids):
                given = F.pad(ids[:, :-1], (1, 0), value=1) if self.shift else ids
                return self.head(self.decoder(self.embed(given), self.encoder(self.embed(ids))[1])[0])

        for seed in range(3):
            torch.manual_seed(seed)
            ids = words()
            sound = rnncourse.audit(Auto(True), ids, loss=entropy, target=ids, batch=0)
            assert sound.ok, str(sound)
            assert not sound.questions, str(sound)
            given = rnncourse.audit(Auto(False), ids, loss=entropy, target=ids, batch=0)
            assert [finding.kind for finding in given.questions] == ["target in input"]


class Towers(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.other = nn.GRU(3, 6, batch_first=True), nn.GRU(3, 6, batch_first=True)

    def forward(self, left, right):
        return self.one(left)[1][0], self.other(right)[1][0]


class TestUnread:
    def test_a_loss_that_compares_a_thing_with_itself(self):
        def loss(outputs):
            left, _ = outputs
            return F.cross_entropy(left @ left.t(), torch.arange(len(left)))

        report = rnncourse.audit(Towers(), torch.randn(B, T, 3), torch.randn(B, T, 3), loss=loss, batch=0)
        [finding] = report.wrong
        assert finding.kind == "unread by the loss"
        assert "does not depend on right" in finding.text
        assert "left @ left.t()" in finding.where.code

    def test_both_sides_read(self):
        def loss(outputs):
            both, n = torch.cat(outputs), len(outputs[0])
            return F.cross_entropy((both @ both.t()).fill_diagonal_(-1e9), torch.arange(2 * n).roll(n))

        report = rnncourse.audit(Towers(), torch.randn(B, T, 3), torch.randn(B, T, 3), loss=loss, batch=0)
        assert report.ok, str(report)
        assert "unread by the loss" in report.checked

    def test_a_target_that_is_not_read(self):
        model = nn.GRU(3, 4, batch_first=True)
        report = rnncourse.audit(
            model,
            torch.randn(B, T, 3),
            loss=lambda y, t: y[0].square().mean(),
            target=torch.randn(B, T, 4),
            batch=0,
        )
        assert [finding.text.partition(":")[0] for finding in report.wrong] == [
            "The loss does not depend on the target"
        ]

    def test_a_large_number_does_not_hide_what_is_read(self):
        def loss(outputs):
            left, right = outputs
            return (left - right).square().sum() + 1e9

        report = rnncourse.audit(Towers(), torch.randn(B, T, 3), torch.randn(B, T, 3), loss=loss, batch=0)
        assert report.ok, str(report)


class TestLines:
    def test_padding_in_the_loss(self):
        lengths = torch.tensor([8, 3, 5, 8, 2])

        def loss(logits, target):
            return F.cross_entropy(logits.reshape(-1, V), target.reshape(-1))

        report = rnncourse.audit(Language(), words(), loss=loss, target=words(), lengths=lengths)
        [finding] = [f for f in report.wrong if f.kind == "loss on padding"]
        assert "F.cross_entropy(" in finding.where.code

    def test_rows_in_another_order(self):
        def loss(logits, target):
            return F.cross_entropy(logits.transpose(0, 1).reshape(-1, V), target.reshape(-1))

        report = rnncourse.audit(Language(), words(), loss=loss, target=words(), batch=0)
        [finding] = report.wrong
        assert finding.kind == "target mispaired"
        assert "F.cross_entropy(" in finding.where.code

    @pytest.mark.parametrize("loss", [nn.MSELoss(), F.mse_loss])
    def test_a_loss_of_torch_has_no_line_so_the_outputs_has(self, loss):
        class Level(nn.Module):
            def __init__(self):
                super().__init__()
                self.gru, self.head = nn.GRU(3, 6, batch_first=True), nn.Linear(6, 1)

            def forward(self, x):
                last = self.gru(x)[1][0]
                return self.head(last) + x[:, -1, :1]

        report = rnncourse.audit(Level(), torch.randn(B, T, 3), loss=loss, target=torch.randn(B), batch=0)
        [finding] = report.wrong
        assert finding.kind == "shapes broadcast"
        assert "self.head(last)" in finding.where.code

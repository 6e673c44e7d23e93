"""One use of a parameter without a gradient, one part of an input unread, one state in the place of two."""

import pytest
import torch
from composed import Model
from torch import nn
from torch.nn import functional as F

import rnncourse

B, T, I, H, V = 5, 8, 3, 4, 20


def x(steps=T):
    return torch.randn(B, steps, I)


def words(steps=T):
    return torch.randint(3, V, (B, steps))


def gru(size=I):
    return nn.GRU(size, H, batch_first=True)


def questions(report, kind):
    assert report.ok, str(report)
    return [finding for finding in report.questions if finding.kind == kind]


class TestAParameter:
    """It is used twice, once without a gradient."""

    @staticmethod
    def tied(use):
        def forward(self, ids):
            hidden = self.gru(self.embed(ids))[0]
            table = use(self.embed.weight)
            return F.linear(hidden, table)

        return rnncourse.audit(Model(forward, embed=nn.Embedding(V, H), gru=gru(H)), words(), batch=0)

    @staticmethod
    def frozen(weight):
        with torch.no_grad():
            return weight / weight.norm()  # the table, frozen

    @pytest.mark.parametrize(
        ("use", "line"),
        [
            (lambda weight: weight.data, "weight.data"),
            (lambda weight: weight.detach(), "weight.detach()"),
            (lambda weight: TestAParameter.frozen(weight), "the table, frozen"),
        ],
        ids=["data", "detach", "no_grad"],
    )
    def test_used_once_without_gradient_is_a_question(self, use, line):
        [finding] = questions(self.tied(use), "gradient cut")
        assert "embed.weight" in finding.text
        assert line in finding.where.code

    def test_used_twice_with_gradient(self):
        report = self.tied(lambda weight: weight)
        assert not questions(report, "gradient cut"), str(report)

    @pytest.mark.parametrize(
        "start",
        [
            lambda weight, rows: weight.data.new_zeros(1, rows, H),
            lambda weight, rows: weight.new_zeros(1, rows, H),
            lambda weight, rows: torch.zeros_like(weight[:1])[:, None].expand(1, rows, H),
        ],
        ids=["data", "new_zeros", "zeros_like"],
    )
    def test_of_which_only_the_type_and_device_are_read(self, start):
        def forward(self, x):
            start_ = start(self.gru.weight_hh_l0, len(x)).contiguous()
            return self.gru(x.to(self.gru.bias_hh_l0.data.dtype), start_)[0]

        report = rnncourse.audit(Model(forward, gru=gru()), x(), batch=0)
        assert not questions(report, "gradient cut"), str(report)


class TestAPart:
    @pytest.mark.parametrize(
        ("given", "forward", "layers", "said"),
        [
            (
                lambda: (x(), x(12)),
                lambda self, x, calendar: self.gru(
                    torch.cat([x, calendar[:, :T] + calendar[:, : T // 2].mean(1, keepdim=True)], 2)
                )[0],
                {"gru": gru(2 * I)},
                "steps 8 to 11 of argument 1 (4 of 12)",
            ),
            (
                lambda: (x(),),
                lambda self, x: self.gru(torch.cat([x[:, :4], x[:, :4]], 1))[0],
                {"gru": gru()},
                "steps 4 to 7 of argument 0 (4 of 8)",
            ),
            (
                lambda: (words(),),
                lambda self, ids: self.gru(self.embed(ids[:, 5:]))[1][0],
                {"gru": gru(H), "embed": nn.Embedding(V, H)},
                "steps 0 to 4 of argument 0 (5 of 8)",
            ),
            (
                lambda: (x(),),
                lambda self, x: self.gru(x[..., [0, 1, 1]])[0],
                {"gru": gru()},
                "feature 2 of argument 0 (1 of 3)",
            ),
        ],
        ids=["of a second input", "half of the input", "tokens", "a feature"],
    )
    def test_that_nothing_reads_is_a_question(self, given, forward, layers, said):
        report = rnncourse.audit(Model(forward, **layers), *given(), batch=0, time=1)
        [finding] = questions(report, "part unread")
        assert said in finding.text
        assert "[" in finding.where.code

    @pytest.mark.parametrize(
        ("given", "forward", "layers"),
        [
            (lambda: (x(40),), lambda self, x: self.lin(x).amax(1), {"lin": nn.Linear(I, H)}),
            (
                lambda: (x(43),),
                lambda self, x: self.gru(self.conv(x.transpose(1, 2)).transpose(1, 2))[0],
                {"conv": nn.Conv1d(I, I, 5, stride=5), "gru": gru()},
            ),
            (lambda: (x(),), lambda self, x: self.gru(x[:, ::2])[1][0], {"gru": gru()}),
            (
                lambda: (x(), x(5)),
                lambda self, x, y: self.decoder(F.pad(y[:, :-1], (0, 0, 1, 0)), self.gru(x)[1])[0],
                {"gru": gru(), "decoder": gru()},
            ),
            (
                lambda: (x(), x(5)),
                lambda self, x, y: self.decoder(
                    y if self.training else y[:, :1].expand_as(y), self.gru(x)[1]
                )[0],
                {"gru": gru(), "decoder": gru()},
            ),
            (
                lambda: (words(), x(9), torch.tensor([6, 2, 4, 5, 3])),
                lambda self, ids, other, sizes: (
                    self.gru(self.embed(ids))[1][0]
                    + (self.lin(other) * (torch.arange(9) < sizes[:, None])[..., None]).sum(1)
                ),
                {"gru": gru(H), "embed": nn.Embedding(V, H), "lin": nn.Linear(I, H)},
            ),
            (
                lambda: (words(), F.pad(words(4), (0, 5))),
                lambda self, ids, other: (
                    self.gru(self.embed(ids))[1][0] + (self.embed(other) * (other > 0)[..., None]).sum(1)
                ),
                {"gru": gru(H), "embed": nn.Embedding(V, H)},
            ),
        ],
        ids=[
            "a maximum",
            "a stride",
            "every second step",
            "shifted",
            "forced in train",
            "its lengths",
            "padding",
        ],
    )
    def test_that_is_read_or_may_be_left_out(self, given, forward, layers):
        report = rnncourse.audit(Model(forward, **layers), *given(), batch=0, time=1)
        assert not questions(report, "part unread"), str(report)
        assert "part unread" in report.checked


class TestTheLastStep:
    @staticmethod
    def bag(pad):
        def forward(self, ids):
            real = (ids != pad)[..., None]
            return (self.embed(ids).tanh() * real).sum(1) / real.sum(1)

        return Model(forward, embed=nn.Embedding(V, H))

    @staticmethod
    def padded(lengths, pad):
        lengths = torch.tensor(lengths)
        return torch.where(torch.arange(T) < lengths[:, None], words()[: len(lengths)], pad)

    @pytest.mark.parametrize("lengths", [[8, 7, 5, 6], [7, 7, 7, 8], [8, 8, 8, 7]], ids=str)
    def test_may_be_padding_though_no_lengths_are_given(self, lengths):
        report = rnncourse.audit(self.bag(0), self.padded(lengths, 0))
        assert report.ok, str(report)
        assert not report.questions, str(report)

    def test_of_one_row_is_a_question_if_nothing_else_is_padded(self):
        report = rnncourse.audit(self.bag(1), self.padded([8, 8, 8, 7], 1))
        [finding] = questions(report, "last step unread")
        assert "pass lengths=" in finding.text

    def test_of_all_rows_is_wrong(self):
        model = Model(lambda self, x: self.gru(x)[0][:, -2], gru=gru())
        report = rnncourse.audit(model, x())
        assert [finding.kind for finding in report.wrong] == ["last step unread"]


class TestStates:
    @staticmethod
    def translation(pick):
        def forward(self, source, target):
            order = source[:, 0, 0].argsort()
            _, state = self.encoder(source[order])
            h, c = pick(state, order.argsort())
            return self.decoder(target, (h, c))[0]

        layers = {name: nn.LSTM(I, H, batch_first=True) for name in ("encoder", "decoder")}
        return rnncourse.audit(Model(forward, **layers), x(), x(5), batch=0)

    @staticmethod
    def twice(state, index):
        return state[0][:, index], state[0][:, index]  # the pair

    @staticmethod
    def exchanged(state, index):
        return state[1][:, index], state[0][:, index]  # the pair

    @staticmethod
    def lawful(state, index):
        return state[0][:, index], state[1][:, index]

    def test_h_in_the_place_of_c_after_rows_are_put_back(self):
        [finding] = questions(self.translation(self.twice), "h and c exchanged")
        assert "the same h_n twice" in finding.text
        assert "# the pair" in finding.where.code

    def test_exchanged_after_rows_are_put_back(self):
        [finding] = self.translation(self.exchanged).wrong
        assert finding.kind == "h and c exchanged"
        assert "# the pair" in finding.where.code

    def test_rows_put_back(self):
        report = self.translation(self.lawful)
        assert report.ok, str(report)
        assert not questions(report, "h and c exchanged"), str(report)


class TestATarget:
    @staticmethod
    def report(target, loss, **options):
        layers = {
            "embed": nn.Embedding(V, 6),
            "gru": nn.GRU(6, 10, batch_first=True),
            "head": nn.Linear(10, V),
        }
        model = Model(lambda self, ids: self.head(self.gru(self.embed(ids))[0]), **layers)
        text = words(T + 3)
        return rnncourse.audit(model, text[:, :T], loss=loss, target=target(text), batch=0, **options)

    @staticmethod
    def entropy(logits, labels):
        return F.cross_entropy(logits.flatten(0, 1), labels.flatten())

    @staticmethod
    def shifting(logits, labels):
        return TestATarget.entropy(logits[:, :-1], labels[:, 1:])

    def test_shifted_twice_is_a_question(self):
        [finding] = questions(self.report(lambda t: t[:, 1 : T + 1], self.shifting), "target skips steps")
        assert "t + 2" in finding.text
        assert "labels[:, 1:]" in finding.where.code

    def test_three_steps_ahead_is_a_question(self):
        report = self.report(lambda t: t[:, 3 : T + 3], self.entropy, causal=True)
        [finding] = questions(report, "target skips steps")
        assert "t + 3" in finding.text

    @pytest.mark.parametrize(
        ("target", "loss"),
        [(lambda t: t[:, :T], shifting), (lambda t: t[:, 1 : T + 1], entropy)],
        ids=["in the loss", "before"],
    )
    def test_shifted_once(self, target, loss):
        report = self.report(target, loss)
        assert report.ok, str(report)
        assert not report.questions, str(report)

    def test_of_numbers_may_be_further_ahead(self):
        series = torch.randn(B, T + 3, 1).cumsum(1)
        model = Model(lambda self, x: self.head(self.gru(x)[0]), gru=gru(1), head=nn.Linear(H, 1))
        report = rnncourse.audit(
            model, series[:, :T], loss=F.mse_loss, target=series[:, 2 : T + 2], batch=0, causal=True
        )
        assert report.ok, str(report)
        assert not report.questions, str(report)

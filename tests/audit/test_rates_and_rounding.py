"""Bugs of kinds that a ninth outsider planted and audit did not see, each beside a sound model."""

import pytest
import torch
from composed import Model
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import rnncourse

B, T, I, H, V = 4, 8, 3, 6, 12
LENGTHS = torch.tensor([7, 4, 8, 3])
REAL = torch.arange(T) < LENGTHS[:, None]


def x(steps=T, features=I):
    return torch.randn(B, steps, features)


def padded(features=I):
    return x(features=features) * REAL[..., None]


def kinds(report, level="✗"):
    return [finding.kind for finding in report if finding.level == level]


def asked(report, kind):
    """The questions of this kind."""
    return [finding for finding in report.questions if finding.kind == kind]


def gru(inputs=I):
    return nn.GRU(inputs, H, batch_first=True)


class TestNothingWrong:
    """What audit said wrongly about sound models."""

    def test_a_source_whose_steps_its_own_lengths_fix(self):
        def forward(self, words, source, lengths):
            packed = pack_padded_sequence(source, lengths, batch_first=True, enforce_sorted=False)
            memory, h = self.encoder(packed)
            memory = pad_packed_sequence(memory, batch_first=True, total_length=source.shape[1])[0]
            h, outputs = h[0], []
            for word in words[:, :-1].unbind(1):
                h = self.cell(torch.cat([self.embed(word), memory.mean(1)], 1), h)
                outputs.append(self.head(h))
            return torch.stack(outputs, 1)

        def loss(y, words):
            return F.cross_entropy(y.transpose(1, 2), words[:, 1:], ignore_index=0)

        layers = {"encoder": gru(), "cell": nn.GRUCell(2 * H, H), "head": nn.Linear(H, V)}
        words = torch.randint(1, V, (B, T)) * REAL
        report = rnncourse.audit(
            Model(forward, embed=nn.Embedding(V, H, padding_idx=0), **layers),
            words,
            x(6),
            torch.tensor([6, 2, 4, 3]),
            lengths=LENGTHS,
            causal=True,
            loss=loss,
            target=words,
        )
        assert not kinds(report), str(report)
        assert not report.questions, str(report)
        assert "future read" in report.checked

    @pytest.mark.parametrize("unread", ["none", "last"])
    def test_a_last_step_if_no_axis_of_outputs_is_known_to_be_time(self, unread):
        """It refuses fewer steps than its table of places has, and its outputs have one step less."""

        def forward(self, x):
            states = self.gru(x + self.place.weight)[0]
            return self.head(states[:, :-1]) if unread == "none" else self.head(states[:, -2])

        layers = {"gru": gru(), "head": nn.Linear(H, 2), "place": nn.Embedding(T, I)}
        report = rnncourse.audit(Model(forward, **layers), x(), batch=0)
        assert kinds(report) == ([] if unread == "none" else ["last step unread"]), str(report)
        assert len(asked(report, "last step unread")) == (unread == "none"), str(report)

    def test_a_last_step_that_only_another_input_has(self):
        def forward(self, x, u):
            return self.gru(torch.cat([x[:, :-1], u[:, 1:]], 2))[1][0]

        report = rnncourse.audit(Model(forward, gru=gru(I + 2)), x(), x(features=2), batch=0)
        assert not asked(report, "last step unread"), str(report)

    def test_a_head_that_starts_at_zero(self):
        model = Model(lambda self, x: self.head(self.gru(x)[0]), gru=gru(), head=nn.Linear(H, 2))
        for p in model.head.parameters():
            nn.init.zeros_(p)
        report = rnncourse.audit(model, x(), batch=0, loss=F.mse_loss, target=x(features=2))
        assert "state dropped" not in kinds(report), str(report)
        assert "state dropped" not in report.checked

    def test_a_part_of_the_target_that_rounding_hides_in_the_loss(self):
        model = Model(lambda self, x: self.head(self.gru(x)[1][0]), gru=gru(), head=nn.Linear(H, 3))
        report = rnncourse.audit(
            model, x(), batch=0, loss=lambda y, t: F.mse_loss(y, t) + 1e9, target=torch.randn(B, 3)
        )
        assert not asked(report, "unread by the loss"), str(report)


class Recurrence(nn.Module):
    """An LSTM cell of one's own."""

    def __init__(self, inputs):
        super().__init__()
        self.gates = nn.Linear(inputs + H, 4 * H)

    def forward(self, x, state):
        h, c = state
        i, f, o, g = self.gates(torch.cat([x, h], 1)).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class Zoneout(nn.Module):
    """A wrapper that hands on another h than its cell's."""

    def __init__(self, inputs):
        super().__init__()
        self.cell = nn.LSTMCell(inputs, H)

    def forward(self, x, state):
        h, c = self.cell(x, state)
        return 0.9 * h + 0.1 * state[0], c


class TestCells:
    @staticmethod
    def report(cell, exchanged):
        def forward(self, x):
            one = two = tuple(x.new_zeros(len(x), H) for _ in range(2))
            outputs = []
            for x_t in x.unbind(1):
                one = self.one(x_t, one)
                two = self.two(one[0], (one[0], two[1]) if exchanged else two)
                outputs.append(two[0])
            return torch.stack(outputs, 1)

        return rnncourse.audit(Model(forward, one=cell(I), two=cell(H)), x(), batch=0)

    @pytest.mark.parametrize("exchanged", [True, False])
    def test_ones_own_that_gets_the_h_of_another(self, exchanged):
        found = asked(self.report(Recurrence, exchanged), "state not carried")
        named = [f for f in found if "'two' is called 8 times" in f.text and "'one' returned" in f.text]
        assert len(named) == exchanged
        assert not exchanged or "self.two(one[0]" in named[0].where.code

    def test_a_wrapped_one_that_gets_the_h_of_its_wrapper(self):
        assert not asked(self.report(Zoneout, False), "state not carried")

    def test_the_calls_of_the_named_layer_alone_are_counted(self):
        def forward(self, x):
            steps = x.reshape(-1, 1, I)
            return self.two(self.one(steps)[0])[0].view(len(x), T, H)

        report = rnncourse.audit(Model(forward, one=gru(), two=gru(H)), x(), batch=0)
        dropped = next(finding for finding in report if finding.kind == "state dropped")
        assert "GRU 'one' gets only one step of 8." in dropped.text

    @pytest.mark.parametrize("fed", ["prediction", "last", "zeros", "start", "nothing"])
    @pytest.mark.parametrize("cell", [lambda n: nn.LSTMCell(n, H), Recurrence])
    def test_a_prediction_that_is_not_fed_back(self, cell, fed):
        def forward(self, x):
            state, outputs = tuple(x.new_zeros(len(x), H) for _ in range(2)), []
            step = x[:, 0]
            for t in range(T + 4):
                step = x[:, t] if t < T else step
                state = self.cell(step, state)
                y = self.head(state[0])
                if t >= T - 1:
                    outputs.append(y)
                    begin = self.start.weight.expand(len(x), -1)
                    step = {"prediction": y, "zeros": 0 * y, "start": begin}.get(fed, step)
                if fed == "nothing" and t == T - 1:
                    break
            return torch.stack(outputs, 1)

        model = Model(forward, cell=cell(I), head=nn.Linear(H, I), start=nn.Embedding(1, I))
        report = rnncourse.audit(model, x(), batch=0, expect=("parameter without gradient",))
        found = asked(report, "state not carried")
        assert len(found) == (fed == "last"), str(report)
        if fed == "last":
            assert "the last 5 times with the same one" in found[0].text
            assert "self.cell(step, state)" in found[0].where.code


class TestLengths:
    class Encoder(nn.Module):
        def __init__(self, up):
            super().__init__()
            self.up = up
            self.conv = nn.Conv1d(I, H, 3, stride=2, padding=1)
            self.gru, self.head = gru(H), nn.Linear(H, 5)

        def forward(self, x, lengths):
            y = self.conv(x.transpose(1, 2)).transpose(1, 2)
            half = (lengths + 1) // 2 if self.up else lengths // 2
            packed = pack_padded_sequence(y, half, batch_first=True, enforce_sorted=False)
            states = pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=y.shape[1])[0]
            return self.head(states), half

    @pytest.mark.parametrize("up", [True, False])
    def test_rounded_down_for_packing(self, up):
        report = rnncourse.audit(self.Encoder(up), padded(), LENGTHS, lengths=LENGTHS)
        found = asked(report, "last step unread")
        assert len(found) == (not up), str(report)
        assert up or "lengths // 2" in found[0].where.code
        assert "last step unread" in report.checked

    def test_of_words_in_the_sentences_of_a_document(self):
        """Alone, its words are still padded to the longest sentence of all."""

        def forward(self, documents):
            n, s = documents.shape[:2]
            words = documents.flatten(0, 1)
            count = (words != 0).any(2).sum(1).clamp(min=1)
            packed = pack_padded_sequence(words, count, batch_first=True, enforce_sorted=False)
            return self.top(self.gru(packed)[1][0].view(n, s, H))[0]

        counts = torch.tensor([2, 3, 2, 3])
        words = torch.arange(5) < torch.tensor([3, 2, 5])[:, None]
        documents = (
            torch.randn(B, 3, 5, I) * (words * (torch.arange(3) < counts[:, None])[..., None])[..., None]
        )
        report = rnncourse.audit(Model(forward, gru=gru(), top=gru(H)), documents, lengths=counts)
        assert not asked(report, "last step unread"), str(report)

    @pytest.mark.parametrize("up", [True, False])
    def test_rounded_down_for_ctc(self, up):
        def forward(self, x, lengths):
            y = self.conv(x.transpose(1, 2)).transpose(1, 2)
            return self.head(y).log_softmax(2), (lengths + up) // 2

        def loss(outputs, target):
            y, half = outputs
            return F.ctc_loss(y.transpose(0, 1), target, half, torch.ones(B, dtype=torch.long))

        steps = torch.tensor([7, 5, 3, 7])
        report = rnncourse.audit(
            Model(forward, conv=nn.Conv1d(I, H, 3, stride=2, padding=1), head=nn.Linear(H, 5)),
            x(7) * (torch.arange(7) < steps[:, None])[..., None],
            steps,
            lengths=steps,
            loss=loss,
            target=torch.randint(1, 5, (B, 1)),
        )
        found = asked(report, "last step unread")
        assert len(found) == (not up), str(report)
        assert up or "F.ctc_loss" in found[0].where.code


class TestLoss:
    @pytest.mark.parametrize(("pad", "few", "found"), [(-100, False, 0), (-100, True, 0), (0, False, 1)])
    def test_a_class_that_is_mistaken_for_padding(self, pad, few, found):
        tags = torch.arange(B * T).view(B, T) % 3
        tags = tags.masked_fill((tags == 0) & few, pad)
        report = rnncourse.audit(
            Model(lambda self, x: self.head(self.gru(x)[0]), gru=gru(), head=nn.Linear(H, 3)),
            padded(),
            lengths=LENGTHS,
            target=(tags.masked_fill(~REAL, pad), torch.zeros(B)),
            loss=lambda y, target: F.cross_entropy(y.transpose(1, 2), target[0], ignore_index=pad),
        )
        texts = [finding.text for finding in asked(report, "loss on padding")]
        assert len(texts) == found, str(report)
        assert not found or "those with the target 0, which padding has, too" in texts[0]

    def test_last_steps_without_a_next_word(self):
        words = torch.randint(1, V, (B, T)) * REAL
        model = Model(
            lambda self, words: self.gru(self.embed(words))[0],
            embed=nn.Embedding(V, I),
            gru=nn.GRU(I, V, batch_first=True),
        )
        report = rnncourse.audit(
            model,
            words,
            lengths=LENGTHS,
            target=F.pad(words[:, 1:], (0, 1)),
            loss=lambda y, target: F.cross_entropy(y.transpose(1, 2), target, ignore_index=0),
        )
        assert not asked(report, "loss on padding"), str(report)

    @pytest.mark.parametrize("masked", [True, False])
    def test_the_line_where_padding_joins_a_sum_over_steps(self, masked):
        def loss(y, target):
            total = y.new_zeros(B)
            for t in range(T):
                error = (y[:, t, 0] - target[:, t]).square()
                total = total + (error * REAL[:, t] if masked else error)
            total = total / LENGTHS
            return total.mean()

        model = Model(lambda self, x: self.head(self.gru(x)[0]), gru=gru(), head=nn.Linear(H, 1))
        target = torch.randn(B, T) * REAL
        report = rnncourse.audit(model, padded(), lengths=LENGTHS, loss=loss, target=target)
        assert kinds(report) == ([] if masked else ["loss on padding"]), str(report)
        assert masked or "error = (y[:, t, 0]" in report.wrong[0].where.code

    @pytest.mark.parametrize("reads", ["past", "own of one", "all"])
    def test_a_horizon_of_which_each_entry_reads_the_past_alone(self, reads):
        """The target is the whole series, and the outputs have no step for each of the input's."""

        def forward(self, series):
            level = (series if reads == "all" else series[:, :6]).mean(1, keepdim=True)
            states = self.gru((series[:, :-1] - level)[..., None])[0]
            measured = series[:, 6:7] if reads == "own of one" else level
            return self.head(torch.cat([states[:, -3:-2] + measured[..., None], states[:, -2:]], 1))

        def pinball(y, series):
            error = series[:, -3:, None] - y
            return torch.maximum(0.2 * error, -0.8 * error).mean()

        series = torch.randn(B, 9)
        model = Model(forward, gru=gru(1), head=nn.Linear(H, 2))
        report = rnncourse.audit(model, series, loss=pinball, target=series, batch=0)
        found = asked(report, "target in input")
        assert len(found) == (reads == "all"), str(report)
        assert reads != "all" or "level = " in found[0].where.code

    def test_a_target_that_the_loss_does_not_take_far_away(self):
        """Then the outputs' entries cannot be paired, and the middle step tells."""

        def loss(y, series):
            assert float(series.max()) < 5
            return F.mse_loss(y, series[:, -2:])

        model = Model(
            lambda self, s: self.head(self.gru(s[..., None])[1][0]), gru=gru(1), head=nn.Linear(H, 2)
        )
        series = torch.rand(B, 9)
        report = rnncourse.audit(model, series, loss=loss, target=series, batch=0)
        assert len(asked(report, "target in input")) == 1, str(report)

    @pytest.mark.parametrize("paired", ["steps", "levels"])
    @pytest.mark.parametrize("steps_first", [True, False])
    def test_a_broadcast_that_pairs_steps_with_levels(self, paired, steps_first):
        """Four steps and four levels, so the shapes fit either way."""

        def forward(self, series):
            y = self.head(self.gru(series[:, :-1, None])[0][:, -4:])
            return y if steps_first else y.transpose(1, 2)

        def loss(y, series):
            goal = series[:, -4:]
            with_time_first = (paired == "steps") == steps_first
            error = (goal[:, :, None] if with_time_first else goal[:, None]) - y
            return torch.maximum(0.2 * error, -0.8 * error).mean()

        series = torch.randn(B, 10)
        model = Model(forward, gru=gru(1), head=nn.Linear(H, 4))
        report = rnncourse.audit(model, series, loss=loss, target=series, batch=0)
        found = asked(report, "target mispaired")
        assert len(found) == (paired == "levels"), str(report)
        assert "target mispaired" in report.checked or found
        if found:
            assert (
                f"all of axis {1 if steps_first else 2}, but axis {1 if steps_first else 2} is time"
                in found[0].text
            )
            assert "error = (goal[" in found[0].where.code


class TestLines:
    @pytest.mark.parametrize("updated", [True, False])
    def test_a_weight_that_is_multiplied_by_zeros(self, updated):
        def forward(self, x):
            h = x.new_zeros(len(x), H)
            seen = x.new_zeros(len(x), I)
            for x_t in x.unbind(1):
                h = self.cell(x_t, h) + self.of_seen(seen)
                seen = seen + x_t if updated else seen
            return h

        model = Model(forward, cell=nn.GRUCell(I, H), of_seen=nn.Linear(I, H, bias=False))
        report = rnncourse.audit(model, x(), batch=0)
        found = [finding for finding in report.wrong if finding.kind == "parameter without gradient"]
        assert len(found) == (not updated), str(report)
        if not updated:
            assert "In each of 8 calls of_seen.weight is multiplied by zeros." in found[0].text
            assert "self.of_seen(seen)" in found[0].where.code

    @pytest.mark.parametrize("overwritten", [True, False])
    def test_a_state_that_zeros_replace(self, overwritten):
        def forward(self, x, h):
            zeros = x.new_zeros(len(x), H)
            h, outputs = zeros if overwritten else h + zeros, []
            for x_t in x.unbind(1):
                h = self.cell(x_t, h)
                outputs.append(h)
            return torch.stack(outputs, 1)

        report = rnncourse.audit(Model(forward, cell=nn.GRUCell(I, H)), x(), torch.randn(B, H), batch=0)
        assert kinds(report) == (["input unread"] if overwritten else []), str(report)
        assert not overwritten or "zeros = x.new_zeros" in report.wrong[0].where.code

    @pytest.mark.parametrize("dropped", [True, False])
    def test_an_output_that_the_call_leaves_out(self, dropped):
        def forward(self, x):
            states = self.gru(x)[0]
            return self.one(states), self.two(states)

        model = Model(forward, gru=gru(), one=nn.Linear(H, 2), two=nn.Linear(H, 2))
        call = (lambda model, x: model(x)[0]) if dropped else None
        report = rnncourse.audit(model, x(), batch=0, call=call)
        assert not kinds(report), str(report)
        found = asked(report, "parameter without gradient")
        assert len(found) == dropped
        assert not dropped or "two.weight, two.bias" in found[0].text

    def test_an_output_that_the_model_itself_loses(self):
        def forward(self, x):
            states = self.gru(x)[0]
            self.two(states)
            return self.one(states)

        model = Model(forward, gru=gru(), one=nn.Linear(H, 2), two=nn.Linear(H, 2))
        report = rnncourse.audit(model, x(), batch=0, call=lambda model, x: model(x))
        assert kinds(report) == ["parameter without gradient"], str(report)

    def test_the_input_whose_padding_is_read(self):
        def forward(self, x, gaps, lengths):
            until_next = F.pad(gaps[:, 1:], (0, 1))
            both = torch.cat([x, until_next[..., None]], 2)
            return self.gru(pack_padded_sequence(both, lengths, batch_first=True, enforce_sorted=False))[1][0]

        report = rnncourse.audit(
            Model(forward, gru=gru(I + 1)), padded(), torch.rand(B, T) * REAL, LENGTHS, lengths=LENGTHS
        )
        found = asked(report, "padding read")
        assert len(found) == 1, str(report)
        assert "read padded inputs of argument 1 (" in found[0].text
        assert "until_next = F.pad(gaps" in found[0].where.code

    @pytest.mark.parametrize("restored", [True, False])
    def test_the_line_that_puts_the_rows_of_another_output_back(self, restored):
        def forward(self, x, lengths):
            order = lengths.argsort(descending=True)
            back = order.argsort()
            states, h = self.gru(x[order])
            states = x.sum(2, keepdim=True) + states[back]
            return states, h[0][back] if restored else h[0]

        report = rnncourse.audit(Model(forward, gru=gru()), x(), LENGTHS, batch=0)
        assert kinds(report) == ([] if restored else ["rows reordered"]), str(report)
        if not restored:
            assert "are put back by __getitem__ (test_rates_and_rounding.py:" in report.wrong[0].text
            assert "+ states[back])" in report.wrong[0].text


class TestFuture:
    def test_how_far_any_step_reads_ahead(self):
        def forward(self, x):
            states = self.gru(x)[0]
            return torch.cat([states[:, :1] + states[:, -1:], states[:, 1:]], 1)

        report = rnncourse.audit(Model(forward, gru=gru()), x(), causal=True, batch=0)
        assert "up to 7 steps later" in report.wrong[0].text

    @pytest.mark.parametrize("cyclic", [True, False])
    def test_a_slow_input_is_judged_by_its_own_steps(self, cyclic):
        def forward(self, fast, slow):
            means = fast.view(len(fast), 3, 4, I).mean(2)
            known = F.pad(means[:, :-1], (0, 0, 1, 0))
            slow = self.slow(torch.cat([slow, known], 2))[0]
            held = slow.repeat(1, 4, 1) if cyclic else slow.repeat_interleave(4, 1)
            return self.gru(torch.cat([fast, held], 2))[0]

        model = Model(forward, slow=gru(I + 2), gru=gru(I + H))
        report = rnncourse.audit(model, x(12), x(3, 2), causal=True, batch=0)
        assert kinds(report) == (["future read"] if cyclic else []), str(report)
        assert not cyclic or "held = slow.repeat" in report.wrong[0].where.code
        assert any(
            "the future of argument 1 (it has 3 steps for 12 of argument 0)" in gap
            for gap in report.not_checked
        )


class TestAskedFor:
    """What the user asked for and audit could not check is a question."""

    def test_the_future_without_an_output_of_steps(self):
        model = Model(lambda self, x: self.gru(x)[1][0], gru=gru())
        found = asked(rnncourse.audit(model, x(), causal=True, batch=0), "future read")
        assert [f.text.partition(":")[0] for f in found] == [
            "You passed causal=True, but this was not checked"
        ]
        assert not asked(rnncourse.audit(model, x(), batch=0), "future read")
        assert not asked(rnncourse.audit(gru(), x(), causal=True, batch=0), "future read")

    def test_starts_without_an_output_of_steps(self):
        starts = torch.zeros(B, T)
        model = Model(lambda self, x: self.gru(x)[1][0], gru=gru())
        assert not asked(rnncourse.audit(model, x(), starts=starts, batch=0), "starts ignored")
        starts[1, 3] = 1
        found = asked(rnncourse.audit(model, x(), starts=starts, batch=0), "starts ignored")
        assert [f.text.partition(":")[0] for f in found] == ["You passed starts=, but this was not checked"]

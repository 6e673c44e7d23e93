"""Bugs for which a check was blind, or which none looked for, each beside a sound model of the same shape."""

import pytest
import torch
from composed import Model
from torch import nn
from torch.nn import functional as F

import rnncourse

B, T, I, H, V = 5, 9, 3, 6, 12


def x(steps=T):
    return torch.randn(B, steps, I)


def kinds(report, level="✗"):
    return [finding.kind for finding in report if finding.level == level]


class TestState:
    @pytest.mark.parametrize("lost", ["", "h", "c"])
    @pytest.mark.parametrize("shrinks", [False, True])
    @pytest.mark.parametrize("start", ["zeros", "learnt"])
    def test_one_half_of_it_is_the_initial_one_at_every_step(self, lost, shrinks, start):
        def forward(self, x):
            if start == "zeros":
                h, c = x.new_zeros(len(x), H), x.new_zeros(len(x), H)
            else:
                h, c = self.start(x.mean(1)).chunk(2, -1)
            outputs = x.new_zeros(len(x), T, H)
            for t in range(T):
                n = max(2, len(x) - t) if shrinks else len(x)
                new_h, new_c = self.cell(x[:n, t], (h[:n], c[:n]))
                h, c = (h if lost == "h" else new_h), (c if lost == "c" else new_c)
                outputs[:n, t] = new_h + new_c
            return outputs

        model = Model(forward, cell=nn.LSTMCell(I, H), start=nn.Linear(I, 2 * H))
        report = rnncourse.audit(model, x(), expect=("place in batch", "parameter without gradient"), batch=0)
        assert kinds(report) == (["state not carried"] if lost else []), str(report)
        if lost:
            assert f"each time with the same {lost}" in report.wrong[0].text
            assert "self.cell(x[:n, t]" in report.wrong[0].where.code
        else:
            assert "state not carried" in report.checked

    def test_separate_steps_with_states_of_their_own_carry_none(self):
        def forward(self, x):
            zeros = x.new_zeros(len(x), H)
            each = [self.cell(x[:, t], (self.start(x[:, t]), zeros))[0] for t in range(T)]
            return self.gru(torch.stack(each, 1))[0]

        layers = {"cell": nn.LSTMCell(I, H), "start": nn.Linear(I, H), "gru": nn.GRU(H, H, batch_first=True)}
        assert not kinds(rnncourse.audit(Model(forward, **layers), x(), batch=0))

    @pytest.mark.parametrize("layer", [0, -1])
    def test_the_lowest_layers_beside_an_output_that_is_read(self, layer):
        def forward(self, x):
            output, h_n = self.gru(x)
            ends = h_n.view(2, 2, -1, H)
            lowest = ends[layer]
            return output + torch.cat([lowest[0], lowest[1]], 1)[:, None]

        model = Model(forward, gru=nn.GRU(I, H, 2, batch_first=True, bidirectional=True))
        report = rnncourse.audit(model, x(), batch=0)
        assert not kinds(report), str(report)
        assert kinds(report, "?") == (["last layer unread"] if layer == 0 else []), str(report)
        if layer == 0:
            assert "though its output is read" in report.questions[0].text


class TestReversed:
    @pytest.mark.parametrize("back", [True, False])
    @pytest.mark.parametrize("join", ["add", "cat"])
    def test_a_branch_of_cells_that_is_not_flipped_back(self, back, join):
        def over(cell, x):
            h, states = x.new_zeros(len(x), H), []
            for t in range(T):
                h = cell(x[:, t], h)
                states.append(h)
            return torch.stack(states, 1)

        def forward(self, x):
            one = over(self.one, x)
            other = over(self.other, x.flip(1))
            other = other.flip(1) if back else other
            return one + other if join == "add" else torch.cat([one, other], -1)

        report = rnncourse.audit(Model(forward, one=nn.GRUCell(I, H), other=nn.GRUCell(I, H)), x(), batch=0)
        assert kinds(report) == ([] if back else ["steps reversed"]), str(report)
        if back:
            assert "steps reversed" in report.checked
        else:
            assert "return one + other" in report.wrong[0].where.code

    def test_steps_beside_a_summary_of_all_are_not_reversed(self):
        def forward(self, x):
            states = self.gru(x)[0]
            return torch.cat([states, states.mean(1, keepdim=True).expand_as(states)], -1)

        assert not kinds(rnncourse.audit(Model(forward, gru=nn.GRU(I, H, batch_first=True)), x(), batch=0))


class TestViews:
    @pytest.mark.parametrize("stride", [1, 2, 3])
    @pytest.mark.parametrize("torn", [True, False])
    def test_after_a_convolution_with_a_stride(self, stride, torn):
        def forward(self, x):
            y = self.conv(x.transpose(1, 2))
            y = y.view(y.shape[0], y.shape[2], y.shape[1]) if torn else y.transpose(1, 2)
            return self.gru(y.reshape(len(y), -1, H))[1][0]

        conv = nn.Conv1d(I, H, 3, stride=stride, padding=1)
        report = rnncourse.audit(
            Model(forward, conv=conv, gru=nn.GRU(H, 4, batch_first=True)), x(14), batch=0
        )
        assert kinds(report) == (["steps torn"] if torn else []), str(report)
        if torn:
            assert "if torn else" in report.wrong[0].where.code
        else:
            assert "steps torn" in report.checked

    def test_without_a_view_of_steps_nothing_is_claimed(self):
        def forward(self, x):
            return self.head(self.gru(x)[1].view(len(x), H))

        model = Model(forward, gru=nn.GRU(I, H, batch_first=True), head=nn.Linear(H, 2))
        report = rnncourse.audit(model, x(), batch=0)
        assert "steps torn" not in report.checked
        assert any("steps torn" in gap for gap in report.not_checked)

    def test_features_beside_a_summary_are_no_steps(self):
        """Along the features those of the summary come last and change, as late steps do."""

        def forward(self, x, static):
            both = torch.cat([static, self.gru(x)[1][0]], -1)
            return both.view(2 * len(x), -1).sum(-1).view(len(x), 2)

        model = Model(forward, gru=nn.GRU(I, H, batch_first=True))
        report = rnncourse.audit(model, x(), torch.randn(B, H), batch=0)
        assert "steps torn" not in kinds(report), str(report)


class Music(nn.Module):
    """Notes (pitch, duration), and how much time has gone by when each begins."""

    def __init__(self, share):
        super().__init__()
        self.share = share
        self.pitch, self.duration = nn.Embedding(V, H), nn.Embedding(V, H)
        self.place, self.gru = nn.Linear(1, H), nn.GRU(H, H, batch_first=True)

    def forward(self, notes):
        onset = notes[..., 1].cumsum(1).float()
        phase = onset / (onset[:, -1:] if self.share else 16)
        given = self.pitch(notes[..., 0]) + self.duration(notes[..., 1]) + self.place(phase[..., None])
        return self.gru(given)[0]


class TestIntegers:
    @pytest.mark.parametrize("share", [True, False])
    def test_the_future_in_numbers_that_are_made_of_tokens(self, share):
        report = rnncourse.audit(Music(share), torch.randint(1, V, (B, T, 2)), causal=True, batch=0)
        assert kinds(report) == (["future read"] if share else []), str(report)
        if share:
            assert report.wrong[0].where.code.startswith("phase = onset / (")
            assert "computed from later tokens" in report.wrong[0].text
        else:
            assert "future read" in report.checked

    @pytest.mark.parametrize("told", [True, False])
    def test_a_mask_made_of_padding_is_no_leak(self, told):
        """Steps count as real by how many tokens are not padding: padding must not become a token."""

        def forward(self, words):
            real = torch.arange(T) < (words != 1).sum(1, keepdim=True)
            return self.gru(self.embed(words) * real[..., None])[0] * real[..., None]

        lengths = torch.tensor([9, 2, 4, 3, 6])
        words = torch.randint(2, V, (B, T)).masked_fill(torch.arange(T) >= lengths[:, None], 1)
        model = Model(forward, embed=nn.Embedding(V, I), gru=nn.GRU(I, H, batch_first=True))
        options = {"lengths": lengths} if told else {"batch": 0}
        report = rnncourse.audit(model, words, causal=True, **options)
        assert not kinds(report), str(report)
        assert "future read" in report.checked


class TestBurnIn:
    class Agent(nn.Module):
        def __init__(self, first):
            super().__init__()
            self.first, self.cell = first, nn.GRUCell(I, H)

        def forward(self, x, done):
            h, outputs = x.new_zeros(len(x), H), []
            for t in range(x.shape[1]):
                keep = (1 - done[:, t])[:, None]
                h = h * keep if self.first else h
                h = self.cell(x[:, t], h)
                outputs.append(h)
                h = h if self.first else h * keep
            return torch.stack(outputs[3:], 1)

    @pytest.mark.parametrize("first", [True, False])
    def test_starts_are_counted_from_the_first_input_step(self, first):
        done = torch.zeros(B, T)
        done[0, 5] = done[1, 4] = done[2, 6] = done[3, 1] = 1
        starts = F.pad(done[:, :-1], (1, 0))
        report = rnncourse.audit(self.Agent(first), x(), done, starts=starts, batch=0)
        assert kinds(report) == (["starts ignored"] if first else []), str(report)
        assert {"starts ignored", "reset too early"} & set(report.checked)
        if first:
            assert "self.cell(x[:, t], h)" in report.wrong[0].where.code

    def test_a_model_with_a_fixed_number_of_steps_keeps_its_starts(self):
        """Looking for another axis of time, audit must not hold the starts against it."""
        model = Model(
            lambda self, x: self.gru(x[:, torch.arange(T)])[1][0], gru=nn.GRU(I, H, batch_first=True)
        )
        report = rnncourse.audit(model, x(), starts=torch.zeros(B, T), batch=0)
        assert report.ok, str(report)

    def test_outputs_that_are_no_steps_of_the_input_are_not_checked(self):
        done = torch.zeros(B, T)
        done[0, 5] = 1
        model = Model(
            lambda self, x, done: self.gru(x * (1 - done)[..., None])[0][:, ::2],
            gru=nn.GRU(I, H, batch_first=True),
        )
        report = rnncourse.audit(model, x(), done, starts=done, batch=0)
        assert "starts ignored" not in report.checked
        assert any("episode starts (no output" in gap for gap in report.not_checked)


class TestInPlace:
    @pytest.mark.parametrize("place", [True, False])
    def test_an_input(self, place):
        def forward(self, x):
            x = x.clamp_(min=-1) if place else x.clamp(min=-1)
            return self.gru(x)[0]

        report = rnncourse.audit(Model(forward, gru=nn.GRU(I, H, batch_first=True)), x(), batch=0)
        assert kinds(report) == (["input changed"] if place else []), str(report)
        assert "input changed" in report.checked
        if place:
            assert "clamp_" in report.wrong[0].where.code

    @pytest.mark.parametrize("place", [True, False])
    def test_a_target_by_the_loss_and_the_callers_own_stays(self, place):
        def loss(outputs, target):
            scaled = target.div_(2) if place else target / 2
            return F.mse_loss(outputs, scaled)

        target = torch.randn(B, T, H)
        before = target.clone()
        report = rnncourse.audit(
            nn.GRU(I, H, batch_first=True),
            x(),
            batch=0,
            rows=B,
            loss=lambda outputs, target: loss(outputs[0], target),
            target=target,
        )
        assert kinds(report) == (["input changed"] if place else []), str(report)
        assert torch.equal(target, before)
        if place:
            assert "The loss changes the target in place" in report.wrong[0].text
            assert "target.div_(2)" in report.wrong[0].where.code


class TestLoss:
    @pytest.mark.parametrize("clip", [True, False])
    def test_logits_out_of_a_relu(self, clip):
        def forward(self, x):
            logits = self.head(self.gru(x)[0])
            return logits.relu() if clip else logits

        model = Model(forward, gru=nn.GRU(I, H, batch_first=True), head=nn.Linear(H, 4))
        report = rnncourse.audit(
            model,
            x(),
            batch=0,
            loss=lambda y, t: F.cross_entropy(y.transpose(1, 2), t),
            target=torch.randint(4, (B, T)),
        )
        assert kinds(report) == (["logits clipped"] if clip else []), str(report)
        assert "logits clipped" in report.checked
        if clip:
            assert "logits.relu()" in report.wrong[0].where.code

    def test_a_relu_before_the_last_layer_is_none(self):
        model = nn.Sequential(nn.Linear(I, H), nn.ReLU(), nn.Linear(H, 4))
        report = rnncourse.audit(
            model,
            x(),
            batch=0,
            loss=lambda y, t: F.cross_entropy(y.transpose(1, 2), t),
            target=torch.randint(4, (B, T)),
        )
        assert "logits clipped" not in kinds(report), str(report)

    @pytest.mark.parametrize("used", [True, False])
    def test_parameters_that_the_loss_alone_trains(self, used):
        class Weighted(nn.Module):
            def __init__(self):
                super().__init__()
                self.gru, self.scale = nn.GRU(I, H, batch_first=True), nn.Parameter(torch.ones(H))

            def forward(self, x):
                return self.gru(x)[0]

            def loss(self, outputs):
                return (outputs * (self.scale if used else 1)).square().mean()

        model = Weighted()
        report = rnncourse.audit(model, x(), batch=0, loss=model.loss)
        questions = [] if used else ["parameter without gradient"]
        assert [kind for kind in kinds(report, "?") if kind in KINDS_OF_PARAMETERS] == questions, str(report)

    def test_a_target_of_actions_is_exchanged_between_rows(self):
        """Other numbers are no actions: `gather` refuses them."""

        def loss(values, target):
            action, reward = target[..., 0].long(), target[..., 1]
            return F.mse_loss(values.gather(-1, action[..., None])[..., 0], reward)

        target = torch.stack([torch.randint(4, (B, T)).float(), torch.randn(B, T)], -1)
        model = Model(
            lambda self, x: self.head(self.gru(x)[0]),
            gru=nn.GRU(I, H, batch_first=True),
            head=nn.Linear(H, 4),
        )
        report = rnncourse.audit(model, x(), batch=0, loss=loss, target=target)
        assert report.ok, str(report)
        assert {"unread by the loss", "target mispaired", "loss couples rows"} <= set(report.checked)
        assert any(finding.text.startswith("The loss of 4 rows was computed: ") for finding in report.facts)
        mixed = rnncourse.audit(model, x(), batch=0, target=target, loss=lambda y, t: loss(y, t.flip(0)))
        assert kinds(mixed) == ["target mispaired"]

    def test_values_that_were_not_observed_do_not_hide_the_target(self):
        values = x()
        target = values.masked_fill(torch.rand(B, T, I) < 0.3, float("nan"))

        def loss(y, target):
            seen = ~target.isnan()
            return ((y - target.nan_to_num()).abs() * seen).sum()

        model = Model(
            lambda self, x: self.head(self.gru(x)[0]),
            gru=nn.GRU(I, H, batch_first=True),
            head=nn.Linear(H, I),
        )
        report = rnncourse.audit(model, values, loss=loss, target=target, batch=0)
        assert kinds(report) == ["target in input"], str(report)


KINDS_OF_PARAMETERS = ("parameter without gradient", "zero start")


@pytest.mark.parametrize("repeated", [True, False])
@pytest.mark.parametrize("container", [nn.ModuleList, lambda blocks: nn.Sequential(*blocks)])
def test_one_module_many_times_in_a_list(repeated, container):
    class Stack(nn.Module):
        def __init__(self):
            super().__init__()
            blocks = [nn.Linear(I, I)] * 3 if repeated else [nn.Linear(I, I) for _ in range(3)]
            self.blocks = container(blocks)

        def forward(self, x):
            for block in self.blocks:
                x = x + block(x).tanh()
            return x

    report = rnncourse.audit(Stack(), x(), batch=0)
    assert report.ok
    found = [finding for finding in report.questions if finding.kind == "module repeated"]
    assert len(found) == repeated
    assert "module repeated" in report.checked
    for finding in found:
        assert "blocks.0, blocks.1, blocks.2 are one and the same Linear" in finding.text
        assert finding.where.code == "self.blocks = container(blocks)"


def test_layers_without_weights_may_be_repeated():
    model = nn.Sequential(*[nn.Tanh()] * 2, nn.Linear(I, I))
    report = rnncourse.audit(model, x(), batch=0)
    assert "module repeated" not in [finding.kind for finding in report]


def test_lengths_that_are_only_counted_are_read():
    """Exchanged among the rows they count the same; shorter ones do not."""

    def forward(self, x, lengths):
        h, states = x.new_zeros(len(x), H), x.new_zeros(len(x), T, H)
        for t in range(int(lengths.max())):
            n = int((lengths > t).sum())
            h = self.cell(x[:n, t], h[:n])
            states[:n, t] = h
        return states

    lengths = torch.tensor([9, 8, 6, 4, 3])
    model = Model(forward, cell=nn.GRUCell(I, H))
    report = rnncourse.audit(model, x(), lengths, lengths=lengths)
    said = [below.text for finding in report for below in (finding, *finding.so)]
    assert not any("No output depends on" in text for text in said), str(report)


class TestLines:
    @pytest.mark.parametrize("inverted", [True, False])
    def test_an_inverted_padding_mask_is_named(self, inverted):
        def forward(self, words):
            real = words != 0
            scores = self.score(self.embed(words)).squeeze(-1)
            hidden = scores.masked_fill(real if inverted else ~real, -1e9)
            return (hidden.softmax(-1)[..., None] * self.embed(words)).sum(1)

        lengths = torch.tensor([9, 2, 4, 3, 6])
        words = torch.randint(1, V, (B, T)) * (torch.arange(T) < lengths[:, None])
        model = Model(forward, embed=nn.Embedding(V, H), score=nn.Linear(H, 1))
        report = rnncourse.audit(model, words, lengths=lengths)
        assert kinds(report) == (["padding read"] if inverted else []), str(report)
        if inverted:
            assert "The mask is inverted" in report.wrong[0].text
            assert report.wrong[0].where.code.startswith("hidden = scores.masked_fill(")

    @pytest.mark.parametrize("ahead", [0, 1])
    def test_a_word_that_is_chosen_one_step_ahead_in_a_loop(self, ahead):
        def forward(self, words):
            h, outputs = torch.zeros(len(words), H), []
            for t in range(words.shape[1] - 1):
                word = words[:, t + ahead]
                h = self.cell(self.embed(word), h)
                outputs.append(self.head(h))
            return torch.stack(outputs, 1)

        words = torch.randint(1, V, (B, T))
        layers = {"embed": nn.Embedding(V, I), "cell": nn.GRUCell(I, H), "head": nn.Linear(H, V)}
        report = rnncourse.audit(
            Model(forward, **layers),
            words,
            loss=lambda y, ids: F.cross_entropy(y.transpose(1, 2), ids[:, 1:]),
            target=words,
            batch=0,
        )
        assert kinds(report) == (["future read"] if ahead else []), str(report)
        if ahead:
            assert report.wrong[0].where.code == "word = words[:, t + ahead]"

    @pytest.mark.parametrize("halved", [True, False])
    def test_lengths_that_are_not_halved_after_a_stride(self, halved):
        def forward(self, x, lengths):
            x = x * (torch.arange(x.shape[1]) < lengths[:, None])[..., None]
            states = self.gru(self.conv(x.transpose(1, 2)).transpose(1, 2))[0]
            last = (lengths + 1) // 2 - 1 if halved else (lengths - 1).clamp(max=states.shape[1] - 1)
            return states[torch.arange(len(x)), last]

        conv = nn.Conv1d(I, H, 3, stride=2, padding=1, bias=False)
        lengths = torch.tensor([9, 4, 5, 3, 6])
        report = rnncourse.audit(
            Model(forward, conv=conv, gru=nn.GRU(H, 4, batch_first=True)), x(), lengths, lengths=lengths
        )
        assert kinds(report) == ([] if halved else ["padding read"]), str(report)
        if not halved:
            assert report.wrong[0].where.code == "return states[torch.arange(len(x)), last]"

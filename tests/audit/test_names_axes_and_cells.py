"""What outsiders found missing: axes exchanged, own cells, second names, targets read in part, and more."""

import pytest
import torch
from composed import Model
from torch import nn
from torch.nn import functional as F

import rnncourse
from rnncourse.auditing.views import exchanged

B, T, I, H = 5, 7, 3, 4


def x():
    return torch.randn(B, T, I)


def gru(size=I):
    return nn.GRU(size, H, batch_first=True)


def questions(report):
    assert report.ok, str(report)
    return [(finding.kind, finding.where and finding.where.code) for finding in report.questions]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((5, 7, 3), (5, 3, 7), True),
        ((7, 5, 3), (5, 7, 3), True),
        ((35, 7, 3), (5, 7, 3, 7), True),
        ((5, 1, 7, 3), (5, 3, 7), True),
        ((5, 7, 3), (35, 3), False),
        ((5, 7, 6), (5, 7, 2, 3), False),
        ((5, 7, 7), (5, 7, 7), False),
        ((5, 1, 3), (5, 3, 1), False),
        ((6, 4), (8, 3), False),
        ((5, 2, 3, 7), (5, 6, 7), False),
    ],
)
def test_only_sizes_in_another_order_are_exchanged(before, after, expected):
    assert exchanged(before, after) == expected


class TestAReshape:
    @staticmethod
    def of_features(move):
        """Horizons of each feature on its own, as in channel-independent forecasters."""

        def forward(self, x):
            ahead = self.ahead(x.transpose(1, 2))  # (B, I, 4)
            return move(ahead, x.shape[0])

        return rnncourse.audit(Model(forward, ahead=nn.Linear(T, 4)), x(), batch=0, time=1)

    def test_for_a_transpose_is_a_question_with_its_line(self):
        report = self.of_features(lambda ahead, rows: ahead.reshape(rows, 4, I))
        assert questions(report) == [
            ("axes torn", "report = self.of_features(lambda ahead, rows: ahead.reshape(rows, 4, I))")
        ]

    def test_and_a_transpose_is_none(self):
        assert questions(self.of_features(lambda ahead, rows: ahead.transpose(1, 2))) == []

    def test_two_steps_joined_may_exchange_sizes_by_chance(self):
        def forward(self, x):  # (B, 6, 3) to (B, 3, 6): pairs of steps, as in a pyramid
            pairs = x[:, : x.shape[1] // 2 * 2].reshape(x.shape[0], -1, 2 * I)
            return self.gru(pairs)[0]

        report = rnncourse.audit(Model(forward, gru=gru(2 * I)), torch.randn(B, 6, I), batch=0, time=1)
        assert "axes torn" not in [kind for kind, _ in questions(report)]


@pytest.mark.parametrize(("features", "found"), [(4, ["batch size fixed"]), (6, [])])
def test_a_number_for_each_row_that_meets_the_features_is_a_question(features, found):
    def forward(self, x):
        level = torch.rand(x.shape[0], generator=torch.Generator().manual_seed(0))
        if x.shape[2] != 4:  # what the author forgot
            level = level[:, None, None]
        return self.gru(x + level)[0]

    report = rnncourse.audit(
        Model(forward, gru=gru(features)), torch.randn(4, T, features), batch=0, expect=("place in batch",)
    )
    assert [kind for kind, _ in questions(report)] == found


class MyCell(nn.Module):
    def __init__(self):
        super().__init__()
        self.both = nn.Linear(I + H, 2 * H)

    def forward(self, x, h):
        z, n = self.both(torch.cat([x, h], 1)).chunk(2, 1)
        return z.sigmoid() * h + (1 - z.sigmoid()) * n.tanh()


class TestACell:
    @pytest.mark.parametrize(("carried", "found"), [(False, ["state not carried"]), (True, [])])
    def test_of_ones_own_gets_the_state_that_it_returned(self, carried, found):
        def forward(self, x):
            h, top = x.new_zeros(x.shape[0], H), x.new_zeros(x.shape[0], H)
            for x_t in x.unbind(1):
                low = self.cell(x_t, h)
                h = low if carried else h
                top = self.top(low, top)
            return top

        layers = {"cell": MyCell(), "top": nn.GRUCell(H, H)}
        report = rnncourse.audit(Model(forward, **layers), x(), batch=0)
        assert [kind for kind, _ in questions(report)] == found

    @pytest.mark.parametrize(("exchanged", "found"), [(True, ["state not carried"]), (False, [])])
    def test_gets_its_state_second(self, exchanged, found):
        def forward(self, nodes):  # (B, N, H): messages between the nodes of a graph
            for _ in range(4):
                heard = self.message(nodes.mean(1, keepdim=True) + nodes)
                pair = (nodes, heard) if exchanged else (heard, nodes)
                nodes = self.cell(*(part.flatten(0, 1) for part in pair)).view_as(nodes)
            return nodes

        layers = {"message": nn.Linear(H, H), "cell": nn.GRUCell(H, H)}
        report = rnncourse.audit(
            Model(forward, **layers), torch.randn(B, T, H), batch=0, time=1, causal=False
        )
        assert [kind for kind, _ in questions(report)] == found


class TestAModule:
    class Two(nn.Module):
        def __init__(self, make):
            super().__init__()
            self.online = nn.Sequential(nn.Linear(I, H), nn.Tanh(), nn.Linear(H, 2))
            self.target = make(self.online)

        def forward(self, x):
            return self.online(x), self.target(x)

    def test_with_a_second_name_is_a_question(self):
        model = self.Two(lambda online: online)
        [(kind, line)] = questions(rnncourse.audit(model, x(), batch=0, expect=("state dropped",)))
        assert (kind, line) == ("module repeated", "self.target = make(self.online)")

    def test_and_a_second_module_is_none(self):
        def second(online):
            return nn.Sequential(nn.Linear(I, H), nn.Tanh(), nn.Linear(H, 2))

        assert questions(rnncourse.audit(self.Two(second), x(), batch=0, expect=("state dropped",))) == []

    def test_nor_is_one_layer_that_is_tied(self):
        class Tied(self.Two):
            def __init__(self):
                super().__init__(lambda online: online[2])

            def forward(self, x):
                return self.online(x), self.target(torch.tanh(self.online[0](x)))

        assert questions(rnncourse.audit(Tied(), x(), batch=0, expect=("state dropped",))) == []


@pytest.mark.parametrize(("copy", "found"), [(False, ["input changed"]), (True, [])])
def test_words_that_training_replaces_in_the_callers_batch(copy, found):
    def forward(self, words):
        given = words[:, :-1].clone() if copy else words[:, :-1]
        if self.training:
            given[torch.rand(given.shape) < 0.4] = 1
        return self.gru(self.embed(given))[0]

    model = Model(forward, embed=nn.Embedding(20, I), gru=gru())
    report = rnncourse.audit(model, torch.randint(2, 20, (B, T)), batch=0)
    assert [finding.kind for finding in report.wrong] == found, str(report)


@pytest.mark.parametrize(("steps", "found"), [(T - 2, True), (T, False)])
def test_last_steps_that_only_a_detached_mean_reads_are_a_question(steps, found):
    def forward(self, x):
        mean = x.mean(1, keepdim=True).detach()
        return self.head((x - mean)[:, :steps].flatten(1)) + mean[:, 0]

    report = rnncourse.audit(Model(forward, head=nn.Linear(steps * I, I)), x(), batch=0, time=1)
    assert ("last step unread" in [kind for kind, _ in questions(report)]) == found


@pytest.mark.parametrize("gap", [0.0, 5.0])
def test_a_relu_in_a_loop_is_judged_by_all_steps(gap):
    """The time since the last visit is 0 at the first step, as in a GRU-D."""

    def forward(self, x):
        h = x.new_zeros(x.shape[0], H)
        for t, x_t in enumerate(x.unbind(1)):
            decay = F.relu(self.decay(x.new_full((x.shape[0], 1), float(t))) - gap * T)
            h = self.cell(x_t, h * torch.exp(-decay))
        return h

    decay = nn.Linear(1, H, bias=False)
    nn.init.constant_(decay.weight, 0.5)
    report = rnncourse.audit(Model(forward, decay=decay, cell=nn.GRUCell(I, H)), x(), batch=0)
    assert ("dead ReLU" in [finding.kind for finding in report.wrong]) == (gap > 0), str(report)


class TestAStateInALoop:
    """A gated sum written without cells, c = f * c + (1 - f) * z."""

    @staticmethod
    def report(step, make=torch.zeros):
        def forward(self, x):
            f, z = self.gates(x).chunk(2, 2)
            f, z = f.sigmoid(), z.tanh()
            c_0 = c = make(x.shape[0], H)
            states = []
            for t in range(x.shape[1]):
                c = step(f[:, t], c_0, c, z[:, t])
                states.append(c)
            return torch.stack(states, 1)

        expect = ("state dropped", "gradient cut")
        return rnncourse.audit(Model(forward, gates=nn.Linear(I, 2 * H)), x(), batch=0, time=1, expect=expect)

    @pytest.mark.parametrize(
        ("step", "found"),
        [
            (lambda f, c_0, c, z: f * c + (1 - f) * z, []),
            (
                lambda f, c_0, c, z: f * c_0 + (1 - f) * z,
                ["The same zeros (4, 4) are multiplied in each of 7 steps."],
            ),
            (lambda f, c_0, c, z: (1 - f) * z, ["No call reads these zeros (4, 4)."]),
        ],
        ids=["carried", "its start each time", "overwritten"],
    )
    def test_that_begins_with_zeros(self, step, found):
        texts = [
            finding.text for finding in self.report(step).questions if finding.kind == "state not carried"
        ]
        assert [text.startswith(words) for text, words in zip(texts, found, strict=True)] == [True] * len(
            found
        )


@pytest.mark.parametrize(("own", "found"), [(True, []), (False, ["state not carried"])])
def test_a_second_cell_gets_its_own_h(own, found):
    def forward(self, x):
        h = c = h2 = c2 = x.new_zeros(x.shape[0], H)
        for x_t in x.unbind(1):
            h, c = self.first(x_t, (h, c))
            h2, c2 = self.second(h, (h2 if own else h, c2))
        return h2

    model = Model(forward, first=nn.LSTMCell(I, H), second=nn.LSTMCell(H, H))
    assert [kind for kind, _ in questions(rnncourse.audit(model, x(), batch=0))] == found


@pytest.mark.parametrize(("new", "found"), [(True, []), (False, ["state not carried"])])
def test_a_model_returns_the_state_that_came_back(new, found):
    def forward(self, x, h):
        output, h_n = self.gru(x, h)
        return output, h_n if new else h

    report = rnncourse.audit(Model(forward, gru=gru()), x(), torch.zeros(1, B, H), batch=0)
    assert [kind for kind, _ in questions(report)] == found


@pytest.mark.parametrize(("whole", "found"), [(True, []), (False, ["last step unread"])])
def test_a_layer_is_packed_with_the_lengths_of_its_input(whole, found):
    def forward(self, x, real):
        pack = nn.utils.rnn.pack_padded_sequence
        rows = real if whole else (real + 1) // 2
        ends = self.gru(pack(x, rows, batch_first=True, enforce_sorted=False))[1][-1]
        mean = (x * (torch.arange(x.shape[1]) < real[:, None])[:, :, None]).sum(1) / real[:, None]
        return torch.cat([ends, mean], 1)

    real = torch.tensor([7, 3, 5, 4, 2])
    report = rnncourse.audit(Model(forward, gru=gru()), x(), real, lengths=real)
    assert [kind for kind, _ in questions(report)] == found


@pytest.mark.parametrize(("second", "found"), [(1, []), (0, ["unread by the loss"])])
def test_a_loss_reads_both_ends_of_a_span(second, found):
    def loss(scores, spans):
        return F.cross_entropy(scores[..., 0], spans[:, 0]) + F.cross_entropy(
            scores[..., 1], spans[:, second]
        )

    model = Model(lambda self, x: self.ends(self.gru(x)[0]), gru=gru(), ends=nn.Linear(H, 2))
    report = rnncourse.audit(model, x(), loss=loss, target=torch.randint(T, (B, 2)), batch=0)
    assert [kind for kind, _ in questions(report)] == found


@pytest.mark.parametrize("registered", [True, False])
def test_the_weights_of_a_loss_are_parameters(registered):
    class Margin(nn.Module):
        def __init__(self):
            super().__init__()
            weight = torch.randn(9, H)
            self.weight = nn.Parameter(weight) if registered else weight.requires_grad_()

        def forward(self, vectors, speaker):
            return F.cross_entropy(F.normalize(vectors) @ F.normalize(self.weight).T, speaker)

    model = Model(lambda self, x: self.gru(x)[1][0], gru=gru())
    report = rnncourse.audit(model, x(), loss=Margin(), target=torch.randint(9, (B,)), batch=0)
    assert [finding.kind for finding in report.wrong] == ([] if registered else ["unregistered"]), str(report)


@pytest.mark.parametrize(("axis", "found"), [(3, []), (1, ["softmax axis"])])
def test_weights_of_variables_sum_to_one_over_the_variables(axis, found):
    def forward(self, x):  # (B, T, I): a vector for each variable, then their weighted sum
        vectors = x[:, :, None, :] * self.embed.weight  # (B, T, H, I)
        weights = self.score(x)[:, :, None, :].softmax(axis)
        return self.gru((vectors * weights).sum(-1))[0]

    model = Model(forward, embed=nn.Linear(I, H, bias=False), score=nn.Linear(I, I), gru=gru(H))
    assert [kind for kind, _ in questions(rnncourse.audit(model, x(), batch=0, time=1))] == found


@pytest.mark.parametrize(("before", "found"), [(6, []), (3, ["future read"])])
def test_a_causal_encoder_with_a_stride_pads_in_front(before, found):
    def forward(self, wave):  # (B, L, 1), four samples for each output step
        y = wave.transpose(1, 2)
        for layer in self.layers:
            y = layer(F.pad(y, (before, 6 - before)))
        return self.gru(y.transpose(1, 2))[0]

    layers = nn.ModuleList([nn.Conv1d(1, I, 8, 2), nn.Conv1d(I, I, 8, 2), nn.Conv1d(I, I, 7, 1)])
    report = rnncourse.audit(
        Model(forward, layers=layers, gru=gru()), torch.randn(B, 40, 1), batch=0, time=1, causal=True
    )
    assert [kind for kind, _ in questions(report)] == found


def test_the_relative_shift_of_a_transformer_xl_tears_nothing():
    def forward(self, x):
        b, t, _ = x.shape
        scores = self.scores(x)[:, :, :t]  # (B, T, T)
        shifted = F.pad(scores, (1, 0)).view(b, t + 1, t)[:, 1:].view(b, t, t)
        causal = torch.ones(t, t).tril().bool()
        return shifted.masked_fill(~causal, -torch.inf).softmax(2) @ x

    report = rnncourse.audit(Model(forward, scores=nn.Linear(I, 20)), x(), batch=0, time=1)
    assert not report.wrong, str(report)
    assert questions(report) == []


def test_in_batch_negatives_pair_no_rows_wrongly():
    def loss(logits, target):  # (B, T, V): each row's item against the items of all rows
        scores = logits.gather(2, target.T[None].expand(len(logits), -1, -1))  # (B, T, B)
        return F.cross_entropy(
            scores.transpose(1, 2), torch.arange(len(logits))[:, None].expand(target.shape)
        )

    layers = {"embed": nn.Embedding(30, I), "gru": gru(), "head": nn.Linear(H, 30)}
    model = Model(lambda self, ids: self.head(self.gru(self.embed(ids))[0]), **layers)
    items, target = torch.randint(30, (B, T)), torch.randint(30, (B, T))
    report = rnncourse.audit(model, items, loss=loss, target=target, batch=0)
    assert not report.wrong, str(report)


def test_the_words_of_the_next_utterance_may_be_read_while_it_is_written():
    def forward(self, dialogues):  # (B, N, W)
        spoken = self.context(self.embed(dialogues).mean(2))[0][:, :-1]  # (B, N - 1, H)
        words = self.embed(dialogues[:, 1:, :-1])
        given = torch.cat([words, spoken[:, :, None].expand(-1, -1, words.shape[2], -1)], 3)
        answers = self.decoder(given.flatten(0, 1))[0]
        return self.head(answers).unflatten(0, words.shape[:2])

    def loss(logits, dialogues):
        return F.cross_entropy(logits.flatten(0, 2), dialogues[:, 1:, 1:].flatten())

    layers = {"embed": nn.Embedding(30, I), "context": gru(), "decoder": gru(I + H), "head": nn.Linear(H, 30)}
    dialogues = torch.randint(1, 30, (B, 6, T))
    report = rnncourse.audit(
        Model(forward, **layers), dialogues, loss=loss, target=dialogues, batch=0, time=1
    )
    assert not report.wrong, str(report)


@pytest.mark.parametrize(
    ("shape", "found"), [((B - 1, 1, I), []), ((1, T, I), ["dropout shared"]), ((1, 1, I), [])]
)
def test_a_locked_dropout_mask_has_an_entry_for_each_row(shape, found):
    def forward(self, x):
        if self.training:
            x = x * (torch.empty(shape).bernoulli_(0.7) / 0.7)
        return self.gru(x)[0]

    report = rnncourse.audit(Model(forward, gru=gru()), torch.randn(B - 1, T, I), batch=0)
    assert [kind for kind, _ in questions(report)] == found


@pytest.mark.parametrize(("bridge", "found"), [((0, 1), []), ((0, 0), ["backward direction"])])
def test_both_directions_start_the_decoder(bridge, found):
    def forward(self, x):
        memory, h_n = self.gru(x)
        start = torch.cat([h_n[k] for k in bridge], 1)
        return (self.query(start)[:, None] @ memory.transpose(1, 2)).softmax(2) @ memory

    encoder = nn.GRU(I, H, batch_first=True, bidirectional=True)
    report = rnncourse.audit(Model(forward, gru=encoder, query=nn.Linear(2 * H, 2 * H)), x(), batch=0)
    assert [kind for kind, _ in questions(report) if kind == "backward direction"] == found


@pytest.mark.parametrize(("kept", "found"), [(True, ["state kept"]), (False, [])])
def test_a_state_that_is_kept_and_soon_forgotten(kept, found):
    class Keeps(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.state, self.seen = nn.LSTM(I, H, batch_first=True), None, None

        def forward(self, x):
            self.seen = x.detach()  # kept to look at, and never read
            _, (h, c) = self.lstm(x, self.state if kept else None)
            self.state = h.detach(), c.detach()
            return h[-1]

    model = Keeps()
    with torch.no_grad():
        model.lstm.bias_ih_l0[H : 2 * H] = -1.5  # a forget gate that is nearly shut
        model.lstm.weight_hh_l0 *= 0.1
    report = rnncourse.audit(model, torch.randn(B, 8, I), batch=0)
    assert [kind for kind, _ in questions(report)] == found, str(report)


@pytest.mark.parametrize(("draw", "found"), [("normal", ["gradient cut"]), ("rsample", [])])
def test_a_draw_with_a_gradient_that_is_always_zero(draw, found):
    def forward(self, x):
        mean, spread = self.heads(self.gru(x)[1][0]).chunk(2, 1)
        z = mean
        if self.training:
            if draw == "normal":
                z = torch.normal(mean, spread.exp())
            else:
                z = mean + spread.exp() * torch.randn_like(mean)
        return self.decode(z), mean, spread

    layers = {"gru": gru(), "heads": nn.Linear(H, 4), "decode": nn.Linear(2, I)}
    report = rnncourse.audit(Model(forward, **layers), x(), batch=0)
    assert [kind for kind, _ in questions(report)] == found


def test_two_inputs_of_one_length_have_their_own_padding():
    class Pairs(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = gru()

        def encode(self, x, lengths):
            pack = nn.utils.rnn.pack_padded_sequence
            return self.gru(pack(x, lengths, batch_first=True, enforce_sorted=False))[1][0]

        def forward(self, a, a_len, b, b_len):
            return self.encode(a, a_len), self.encode(b, b_len)

    a_len, b_len = torch.tensor([7, 3, 5, 4, 2]), torch.tensor([3, 7, 4, 6, 5])
    report = rnncourse.audit(Pairs(), x(), a_len, x(), b_len, lengths=a_len)
    assert not report.wrong, str(report)
    assert questions(report) == []


def test_the_start_symbol_of_a_target_need_not_be_read():
    def forward(self, x, words):
        return self.head(self.decoder(self.embed(words[:, :-1]), self.encoder(x)[1])[0])

    def loss(logits, words):
        return F.cross_entropy(logits.flatten(0, 1), words[:, 1:].flatten())

    layers = {"encoder": gru(), "decoder": gru(), "embed": nn.Embedding(20, I), "head": nn.Linear(H, 20)}
    words = torch.randint(20, (B, 6))
    report = rnncourse.audit(Model(forward, **layers), x(), words, loss=loss, target=words, batch=0, time=1)
    assert "unread by the loss" not in [kind for kind, _ in questions(report)]

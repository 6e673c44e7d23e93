"""Findings that had no line, or another reason than their own: each is named, with the user's line."""

import pytest
import torch
from composed import Model
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence

import rnncourse

B, T, I, H = 5, 9, 3, 6
LENGTHS = torch.tensor([9, 3, 6, 9, 4])


def x():
    return torch.randn(B, T, I)


def words():
    return torch.randint(1, 12, (B, T))


def only(report, level="✗"):
    """The one finding of this level."""
    [finding] = [finding for finding in report if finding.level == level]
    return finding


class TestDropout:
    class Attends(nn.Module):
        def __init__(self, drop):
            super().__init__()
            self.qkv, self.drop = nn.Linear(I, 3 * I), drop

        def forward(self, x):
            q, k, v = self.qkv(x).chunk(3, -1)
            return F.scaled_dot_product_attention(q, k, v, dropout_p=self.drop(self))

    def test_of_attention_in_eval(self):
        finding = only(rnncourse.audit(self.Attends(lambda m: 0.3), x(), batch=0))
        assert finding.kind == "dropout in eval"
        assert "scaled_dot_product_attention(" in finding.where.code

    def test_of_attention_in_train_alone(self):
        report = rnncourse.audit(self.Attends(lambda m: 0.3 if m.training else 0.0), x(), batch=0)
        assert report.ok, str(report)
        assert "dropout in eval" in report.checked

    def test_in_a_list_is_a_consequence_of_the_list(self):
        layers = [nn.Linear(I, H), nn.Dropout(0.5)]
        finding = only(
            rnncourse.audit(Model(lambda self, x: nn.Sequential(*self.parts)(x), parts=layers), x(), batch=0)
        )
        assert finding.kind == "unregistered"
        assert [below.kind for below in finding.so] == ["dropout in eval"]


class TestCuts:
    @pytest.mark.parametrize(
        "cut", [lambda t: t.data, lambda t: t.detach(), lambda t: torch.from_numpy(t.detach().numpy())]
    )
    def test_beside_a_larger_way_that_learns(self, cut):
        def forward(self, x):
            last = self.gru(x)[1][-1]
            features = cut(last)
            return self.head(features) + 100 * self.skip(x.mean(1))

        model = Model(forward, gru=nn.GRU(I, H, batch_first=True), head=nn.Linear(H, 2), skip=nn.Linear(I, 2))
        finding = only(rnncourse.audit(model, x(), batch=0))
        assert finding.kind == "gradient cut"
        assert "gru.weight_ih_l0" in finding.text
        assert finding.where.file == __file__

    def test_between_steps_takes_the_parameters_in(self):
        def forward(self, x):
            last = self.gru(x)[1][-1].detach()
            return self.head(last) + self.skip(x[:, -1])

        model = Model(forward, gru=nn.GRU(I, H, batch_first=True), head=nn.Linear(H, 2), skip=nn.Linear(I, 2))
        finding = only(rnncourse.audit(model, x(), batch=0))
        assert finding.kind == "gradient cut"
        assert "learns nothing across steps" in finding.text
        assert [below.kind for below in finding.so] == ["parameter without gradient"]

    def test_of_an_output_that_has_no_gradient_at_all(self):
        def forward(self, x):
            left = self.left(x)[1][0]
            right = self.right(x)[1][0].detach()
            return left, right

        layers = {"left": nn.GRU(I, H, batch_first=True), "right": nn.GRU(I, H, batch_first=True)}
        finding = only(rnncourse.audit(Model(forward, **layers), x(), batch=0))
        assert finding.kind == "gradient cut"
        assert ".detach()" in finding.where.code

    @pytest.mark.parametrize("kind", ["sample", "rsample"])
    def test_of_a_draw(self, kind):
        def forward(self, x):
            h = self.encoder(x)[1][0]
            mean, size = self.mean(h), self.size(h).exp()
            z = getattr(torch.distributions.Normal(mean, size), kind)()
            return self.head(z), mean, size

        layers = {"mean": nn.Linear(H, 2), "size": nn.Linear(H, 2), "head": nn.Linear(2, 4)}
        model = Model(forward, encoder=nn.GRU(I, H, batch_first=True), **layers)
        report = rnncourse.audit(model, x(), batch=0)
        cuts = [finding for finding in report.questions if finding.kind == "gradient cut"]
        assert len(cuts) == (kind == "sample")
        for finding in cuts:
            assert "rsample() has one" in finding.text
            assert "getattr(torch.distributions" in finding.where.code

    def test_of_an_action_is_none_since_its_log_prob_learns(self):
        def forward(self, x):
            policy = torch.distributions.Normal(self.mean(self.gru(x)[0]), 1.0)
            action = policy.sample()
            return action, policy.log_prob(action)

        report = rnncourse.audit(
            Model(forward, gru=nn.GRU(I, H, batch_first=True), mean=nn.Linear(H, 2)), x(), batch=0
        )
        assert [finding.kind for finding in report.questions] == ["random in eval"]

    def test_what_changes_nothing_when_it_is_moved_is_let_pass(self):
        def forward(self, x):
            scores = self.score(self.gru(x)[0])
            weights = (scores - scores.max().detach()).exp()
            return (weights / weights.sum(1, keepdim=True) * x).sum(1)

        report = rnncourse.audit(
            Model(forward, gru=nn.GRU(I, H, batch_first=True), score=nn.Linear(H, 1)), x(), batch=0
        )
        assert not [finding for finding in report if finding.kind == "gradient cut"], str(report)


class TestFrozen:
    def test_an_embedding_by_name_and_line(self):
        class Tags(nn.Module):
            def __init__(self, **options):
                super().__init__()
                self.table = nn.Embedding.from_pretrained(torch.randn(12, I), **options)
                self.gru = nn.GRU(I, H, batch_first=True)

            def forward(self, words):
                return self.gru(self.table(words))[0]

        finding = only(rnncourse.audit(Tags(), words(), batch=0), "?")
        assert "table.weight is frozen" in finding.text
        assert "from_pretrained" in finding.where.code
        assert not rnncourse.audit(Tags(freeze=False), words(), batch=0).questions

    def test_other_parameters_are_a_fact_with_their_names(self):
        model = Model(
            lambda self, x: self.gru(self.features(x))[0],
            features=nn.Linear(I, 4),
            gru=nn.GRU(4, H, batch_first=True),
        )
        model.features.requires_grad_(False)
        facts = [finding.text for finding in rnncourse.audit(model, x(), batch=0).facts]
        assert "2 of 6 parameters are frozen: features.weight, features.bias." in facts


class TestStates:
    @pytest.mark.parametrize(("read", "kind"), [(0, "last layer unread"), (-1, None)])
    def test_of_which_layer(self, read, kind):
        def forward(self, x):
            h_n = self.gru(x)[1]
            return h_n[read]

        report = rnncourse.audit(Model(forward, gru=nn.GRU(I, H, 2, batch_first=True)), x(), batch=0)
        assert [finding.kind for finding in report.wrong] == ([kind] if kind else [])
        if kind:
            assert report.wrong[0].where.code == "return h_n[read]"
            assert "the state of layer 0" in report.wrong[0].text
        else:
            assert "last layer unread" in report.checked

    @pytest.mark.parametrize("carried", [True, False])
    def test_a_decoder_that_starts_anew_at_each_step(self, carried):
        def forward(self, x):
            h = self.encoder(x)[1][0]
            word, outputs = x[:, -1], []
            for _ in range(4):
                new = self.decoder(word, h)
                h = new if carried else h
                word = self.head(new)
                outputs.append(word)
            return torch.stack(outputs, 1)

        layers = {
            "encoder": nn.GRU(I, H, batch_first=True),
            "decoder": nn.GRUCell(I, H),
            "head": nn.Linear(H, I),
        }
        report = rnncourse.audit(Model(forward, **layers), x(), batch=0)
        assert [finding.kind for finding in report.wrong] == ([] if carried else ["state not carried"])
        assert "state not carried" in report.checked
        if not carried:
            assert "self.decoder(word, h)" in report.wrong[0].where.code


class TestStarts:
    class Policy(nn.Module):
        def __init__(self, how):
            super().__init__()
            self.how, self.cell = how, nn.LSTMCell(I, H)

        def forward(self, x, begins):
            h, c = x.new_zeros(len(x), H), x.new_zeros(len(x), H)
            outputs = []
            for t in range(x.shape[1]):
                flags = begins[:, t]
                keep = 1 - flags[:, None]
                if self.how == "inverted":
                    keep = 1 - keep
                if self.how == "of any row":
                    keep = 1 - flags.max()
                if self.how == "late":
                    h, c = self.cell(x[:, t], (h, c))
                    outputs.append(h)
                    h, c = keep * h, keep * c
                    continue
                h, c = self.cell(x[:, t], (keep * h, c if self.how == "h alone" else keep * c))
                outputs.append(h)
            return torch.stack(outputs, 1)

    @pytest.mark.parametrize(
        ("how", "kind", "words", "code"),
        [
            ("", None, "", ""),
            ("h alone", "starts ignored", "gets zeros for h, but its c is not reset", "c if self.how"),
            ("late", "starts ignored", "the reset comes one step late", "(h, c))"),
            ("inverted", "starts ignored", "the mask is inverted", "begins[:, t]"),
            ("of any row", "reset too early", "starts and row", "begins[:, t]"),
        ],
    )
    def test_four_masks_four_sentences(self, how, kind, words, code):
        begins = torch.zeros(B, T)
        for row, step in ((0, 3), (1, 6), (2, 2), (2, 7), (4, 5)):
            begins[row, step] = 1
        report = rnncourse.audit(self.Policy(how), x(), begins, starts=begins, batch=0)
        assert [finding.kind for finding in report.wrong] == ([kind] if kind else []), str(report)
        if kind:
            assert words in report.wrong[0].text
            assert code in report.wrong[0].where.code

    def test_episodes_around_one_step_do_not_make_all_steps_separate(self):
        """Around the middle each step starts an episode; before and after, steps depend on one another."""
        begins = torch.zeros(B, T)
        begins[:, 3:7] = 1
        report = rnncourse.audit(self.Policy(""), x(), begins, starts=begins, batch=0)
        assert report.ok, str(report)


class TestAhead:
    @pytest.mark.parametrize(
        ("mask", "code"),
        [
            (lambda s: s.masked_fill(torch.ones(T, T).tril(1) == 0, -1e9), "scores = mask(scores)"),
            (lambda s: s + torch.full((T, T), -1e9).triu(2), "scores = mask(scores)"),
            (lambda s: s * torch.ones(T, T).tril(), "scores = mask(scores)"),
            (lambda s: s, "scores.softmax(-1)"),
        ],
        ids=["off by one", "added, off by one", "times zero", "none"],
    )
    def test_attention_is_blamed_where_its_mask_is(self, mask, code):
        def forward(self, x):
            q, k, v = self.qkv(x).chunk(3, -1)
            scores = q @ k.transpose(1, 2)
            scores = mask(scores)
            weights = scores.softmax(-1)
            return weights @ v

        def here(place):
            return place.code if "lambda" not in place.code else "scores = mask(scores)"

        finding = only(rnncourse.audit(Model(forward, qkv=nn.Linear(I, 12)), x(), batch=0, causal=True))
        assert finding.kind == "future read"
        assert code in here(finding.where)

    def test_a_convolution_is_blamed_where_it_is_cut(self):
        def forward(self, x):
            wide = self.conv(x.transpose(1, 2))
            cut = wide[:, :, 2:]
            return cut.transpose(1, 2)

        finding = only(
            rnncourse.audit(Model(forward, conv=nn.Conv1d(I, H, 3, padding=2)), x(), batch=0, causal=True)
        )
        assert finding.where.code == "cut = wide[:, :, 2:]"
        assert "cuts off the wrong one" in finding.by


class TestPadding:
    def test_attention_without_a_mask_is_blamed_at_its_softmax(self):
        def forward(self, x, lengths):
            o = self.gru(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))[0]
            o = nn.utils.rnn.pad_packed_sequence(o, batch_first=True, total_length=x.shape[1])[0]
            scores = self.score(o)
            weights = scores.softmax(1)
            return (weights * o).sum(1)

        model = Model(forward, gru=nn.GRU(I, H, batch_first=True), score=nn.Linear(H, 1))
        finding = only(rnncourse.audit(model, x(), LENGTHS, lengths=LENGTHS))
        assert finding.kind == "padding read"
        assert finding.where.code == "weights = scores.softmax(1)"

    def test_lengths_that_are_not_read_are_told_as_the_cause(self):
        def forward(self, words, lengths):
            real = (words > 0)[..., None]
            states = self.embed(words) * real
            return states.mean(1)

        model = Model(forward, embed=nn.Embedding(12, H))
        given = words() * (torch.arange(T) < LENGTHS[:, None])
        finding = only(rnncourse.audit(model, given, LENGTHS, lengths=LENGTHS))
        assert finding.kind == "padding read"
        assert "No output depends on argument 1." in finding.text
        assert finding.where.code == "return states.mean(1)"
        assert not finding.so

    def test_a_loop_over_cells_is_blamed_at_the_cell(self):
        def forward(self, words, lengths):
            h = torch.zeros(len(words), H)
            for t in range(words.shape[1]):
                h = self.cell(self.embed(words[:, t]), h)
            return h + 0 * lengths[:, None]

        given = words() * (torch.arange(T) < LENGTHS[:, None])
        model = Model(forward, embed=nn.Embedding(12, I), cell=nn.GRUCell(I, H))
        finding = only(rnncourse.audit(model, given, LENGTHS, lengths=LENGTHS))
        assert "self.cell(" in finding.where.code

    def test_a_token_before_each_row_does_not_hide_the_line(self):
        class Reads(nn.Module):
            def __init__(self):
                super().__init__()
                self.embed = nn.Embedding(12, 8)
                self.layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True)

            def forward(self, words):
                padded = F.pad(words, (1, 0), value=1)
                states = self.embed(padded)
                return self.layer(states, src_key_padding_mask=padded != 0)[:, 0]

        given = words() * (torch.arange(T) < LENGTHS[:, None])
        finding = only(rnncourse.audit(Reads(), given, lengths=LENGTHS))
        assert "self.layer(" in finding.where.code


def test_rows_that_are_sorted_as_tokens_and_not_put_back():
    def forward(self, words, lengths):
        order = lengths.argsort(descending=True)
        chosen = words[order]
        return self.gru(pack_padded_sequence(self.embed(chosen), lengths[order], batch_first=True))[1][0]

    model = Model(forward, embed=nn.Embedding(12, I), gru=nn.GRU(I, H, batch_first=True))
    finding = only(rnncourse.audit(model, words(), LENGTHS, lengths=LENGTHS))
    assert finding.kind == "rows reordered"
    assert finding.where.code == "chosen = words[order]"


def test_an_input_that_is_read_only_in_train_is_a_fact():
    def forward(self, source, answer):
        h, outputs, given = self.encoder(source)[1][0], [], source[:, -1]
        for t in range(answer.shape[1]):
            h = self.cell(given, h)
            outputs.append(self.head(h))
            given = answer[:, t] if self.training else outputs[-1]
        return torch.stack(outputs, 1)

    layers = {"encoder": nn.GRU(I, H, batch_first=True), "cell": nn.GRUCell(I, H), "head": nn.Linear(H, I)}
    report = rnncourse.audit(Model(forward, **layers), x(), torch.randn(B, 5, I), batch=0)
    assert report.ok, str(report)
    assert "The outputs depend on argument 1 in train mode, but not in eval mode." in [
        finding.text for finding in report.facts
    ]

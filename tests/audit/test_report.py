"""The report: what it says, how it prints, what counts; and the errors of audit itself."""

import io
import random

import numpy as np
import pytest
import torch
from composed import Model
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import rnncourse
from rnncourse.auditing import Audit, Finding, Place
from rnncourse.auditing.report import with_causes

B, T, I, H = 6, 7, 3, 4


def gru(**options):
    return Model(lambda self, x: self.gru(x)[0], gru=nn.GRU(I, H, **options))


def kinds(report, level="✗"):
    return [finding.kind for finding in report if finding.level == level]


class TestText:
    def test_a_quiet_report_says_what_was_checked_and_what_was_not(self):
        report = rnncourse.audit(gru(batch_first=True), torch.randn(B, T, I), batch=0)
        text = " ".join(str(report).split())
        assert report.ok
        assert "checks found nothing: not finite, random in eval" in text
        assert "padding (pass lengths=)" in text
        assert "padding read" not in text  # it did not run
        assert "The audit ran rows 0, 1, 2, 3; shapes above are theirs;" in text
        assert report.cost["forward"] > 0

    def test_only_what_could_have_failed_found_nothing(self):
        """What this model has not, and what was not given, is said to be unchecked."""
        report = rnncourse.audit(nn.Linear(I, H), torch.randn(B, T, I), batch=0)
        absent = {
            "dropout in eval", "batch as time", "mask unread", "state not carried", "h and c exchanged",
            "backward direction", "last layer unread", "gates saturated", "dead ReLU", "softmax of one",
            "softmax axis", "target in input",
        }  # fmt: skip
        given = {
            "probabilities", "shapes broadcast", "loss on padding", "target mispaired", "loss couples rows",
            "unread by the loss", "padding read", "starts ignored", "reset too early", "future read",
        }  # fmt: skip
        assert not (absent | given) & set(report.checked)
        said = "; ".join(report.not_checked)
        for kind in absent:
            assert kind in said, kind
        for argument in ("loss=", "lengths=", "starts=", "causal="):
            assert argument in said
        assert "batch mixed" in report.checked

    @pytest.mark.parametrize(
        ("layer", "kinds"),
        [
            (nn.LSTM(I, H, 2, batch_first=True, dropout=0.1),
             {"dropout in eval", "batch as time", "last layer unread", "gates saturated"}),
            (nn.Sequential(nn.Linear(I, 8), nn.ReLU(), nn.Softmax(-1)), {"dead ReLU", "softmax of one"}),
        ],
        ids=["LSTM", "ReLU"],
    )  # fmt: skip
    def test_what_the_model_has_is_checked(self, layer, kinds):
        report = rnncourse.audit(layer, torch.randn(B, T, I), batch=0)
        assert report.ok, str(report)
        assert kinds <= set(report.checked)

    def test_check_lets_questions_pass_unless_it_is_strict(self):
        model = Model(lambda self, x: self.gru(x)[0] + torch.randn(()), gru=nn.GRU(I, H, batch_first=True))
        report = rnncourse.audit(model, torch.randn(B, T, I), batch=0)
        assert kinds(report, "?") == ["random in eval"]
        report.check()
        with pytest.raises(AssertionError, match="another seed changes the outputs"):
            report.check(strict=True)
        meant = rnncourse.audit(model, torch.randn(B, T, I), batch=0, expect=("random in eval",))
        meant.check(strict=True)

    def test_check_raises_with_the_text(self):
        report = rnncourse.audit(gru(), torch.randn(B, T, I), batch=0)
        with pytest.raises(AssertionError, match="reads the batch as time"):
            report.check()
        rnncourse.audit(gru(batch_first=True), torch.randn(B, T, I), batch=0).check()

    def test_the_line_of_the_user_is_shown(self):
        report = rnncourse.audit(gru(), torch.randn(B, T, I), batch=0)
        [finding] = report.wrong
        assert isinstance(finding.where, Place)
        assert finding.where.file == __file__
        assert "self.gru(x)[0]" in finding.where.code
        assert f"test_report.py:{finding.where.line}  " in str(report)

    def test_a_cause_takes_its_consequences_in(self):
        report = rnncourse.audit(gru(), torch.randn(B, T, I), batch=0)
        assert kinds(report) == ["batch as time"]
        assert "batch mixed" in [below.kind for below in report.wrong[0].so]
        assert "so: Row" in str(report)

    def test_html_escapes_code(self):
        model = Model(lambda self, x: self.gru(x)[0] if x.shape[0] < 1e9 else x, gru=nn.GRU(I, H))
        html = rnncourse.audit(model, torch.randn(B, T, I), batch=0)._repr_html_()
        assert "&lt; 1e9" in html
        assert "<b>✗</b>" in html

    @pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
    def test_it_prints_where_the_encoding_is_poor(self, encoding, monkeypatch):
        monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
        report = rnncourse.audit(gru(), torch.randn(B, T, I), batch=0)
        str(report).encode(encoding)
        assert "X GRU 'gru' reads the batch as time" in str(report)

    def test_numbers_are_two(self):
        model = Model(lambda self, x: self.gru(x)[0] - x.mean(), gru=nn.GRU(I, H, batch_first=True))
        [finding] = rnncourse.audit(model, torch.randn(B, T, I), batch=0).wrong
        assert finding.kind == "batch mixed"
        assert finding.numbers["unlawful"] > 0
        assert finding.numbers["lawful"] > 0

    def test_rows_have_the_numbers_of_the_batch_as_given(self):
        def forward(self, x):
            o = self.gru(x)[0]
            return torch.cat([o[:-1], o[-1:] + o[-2:-1]])

        lengths = torch.tensor([7, 7, 7, 7, 7, 2])
        model = Model(forward, gru=nn.GRU(I, H, batch_first=True))
        report = rnncourse.audit(model, torch.randn(B, T, I), lengths=lengths, rows=3)
        assert report.rows == (0, 1, 5)
        assert report.wrong[0].row == 5
        assert "Row 5 of the output depends on row 1" in str(report)


class TestLevels:
    def test_what_is_meant_is_listed_and_does_not_count(self):
        class Keeps(nn.Module):
            def __init__(self):
                super().__init__()
                self.gru, self.h = nn.GRU(I, H, batch_first=True), None

            def forward(self, x):
                output, self.h = self.gru(x, self.h)
                return output

        x = torch.randn(B, T, I)
        assert kinds(rnncourse.audit(Keeps(), x, batch=0)) == ["state kept"]
        report = rnncourse.audit(Keeps(), x, batch=0, expect=("state kept",))
        assert report.ok
        assert [finding.kind for finding in report.meant] == ["state kept"]
        assert "Expected: state kept." in str(report)

    def test_an_assumed_batch_axis_makes_a_question(self):
        report = rnncourse.audit(gru(), torch.randn(B, T, I))
        assert report.ok
        assert kinds(report, "?") == ["batch as time"]

    @pytest.mark.parametrize("options", [{"batch": 0}, {"lengths": torch.full((B,), T)}, {"time": 1}])
    def test_what_tells_the_axis_makes_it_sure(self, options):
        assert kinds(rnncourse.audit(gru(), torch.randn(B, T, I), **options)) == ["batch as time"]

    def test_time_first_is_sound_if_it_is_told(self):
        assert rnncourse.audit(gru(), torch.randn(T, B, I), batch=1).ok

    def test_causes_are_followed_in_their_order(self):
        def of(kind, level="✗"):
            return Finding(kind, level, kind)

        found = with_causes(
            [of("padding read"), of("state kept", "?"), of("batch mixed"), of("batch as time")]
        )
        assert [finding.kind for finding in found] == ["batch as time", "state kept"]
        assert [below.kind for below in found[0].so] == ["padding read", "batch mixed"]


class TestInputs:
    @pytest.mark.parametrize("first", [True, False])
    def test_packed_in_and_out(self, first):
        lengths = torch.tensor([7, 5, 3, 2])
        x = pack_padded_sequence(torch.randn(4, 7, I), lengths, batch_first=True, enforce_sorted=first)
        report = rnncourse.audit(nn.LSTM(I, H), x)
        assert report.ok, str(report)
        assert "padding read" in report.checked

    def test_lengths_are_found_among_the_arguments(self):
        def forward(self, x, lengths):
            packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            return pad_packed_sequence(self.gru(packed)[0], batch_first=True)[0]

        class Named(Model):
            def forward(self, x, lengths):
                return self.compute(self, x, lengths)

        model = Named(forward, gru=nn.GRU(I, H, batch_first=True))
        report = rnncourse.audit(model, torch.randn(B, T, I), torch.tensor([7, 3, 5, 2, 6, 4]))
        assert report.ok
        assert "padding read" in report.checked
        assert "Lengths were taken from the argument lengths." in str(report)

    def test_nested_inputs(self):
        def forward(self, batch):
            return {"logits": self.gru(self.embed(batch["words"][0]))[0], "names": batch["names"]}

        model = Model(forward, gru=nn.GRU(I, H, batch_first=True), embed=nn.Embedding(9, I))
        batch = {"words": (torch.randint(9, (B, T)),), "names": ["a", "b", "c", "d", "e", "f"]}
        report = rnncourse.audit(model, batch, causal=True)
        assert report.ok
        assert "future read" in report.checked

    def test_keyword_arguments_and_a_call(self):
        model = Model(lambda self, *, x: self.gru(x)[0], gru=nn.GRU(I, H, batch_first=True))
        assert rnncourse.audit(model, kwargs={"x": torch.randn(B, T, I)}, batch=0).ok
        layer = nn.GRU(I, H)
        report = rnncourse.audit(
            layer,
            torch.randn(B, T, I),
            batch=0,
            call=lambda layer, x: layer(x.transpose(0, 1))[0].transpose(0, 1),
        )
        assert report.ok

    def test_a_model_that_refuses_fewer_rows_is_run_whole(self):
        def forward(self, x):
            assert x.shape[0] == B
            return self.gru(x)[0]

        report = rnncourse.audit(Model(forward, gru=nn.GRU(I, H, batch_first=True)), torch.randn(B, T, I))
        assert report.rows == tuple(range(B))
        assert "so sizes decide" in " ".join(str(report).split())

    def test_equal_sizes_hide_nothing(self):
        n = 4
        report = rnncourse.audit(nn.GRU(n, n), torch.randn(n, n, n), batch=0)
        assert kinds(report) == ["batch as time"]
        assert rnncourse.audit(nn.GRU(n, n, batch_first=True), torch.randn(n, n, n), batch=0).ok

    def test_one_row_and_one_step(self):
        model = gru(batch_first=True)
        assert rnncourse.audit(model, torch.randn(1, T, I)).ok
        report = rnncourse.audit(model, torch.randn(B, 1, I))
        assert report.ok
        assert any("one step" in gap for gap in report.not_checked)

    def test_what_can_not_be_audited_is_said(self):
        with pytest.raises(ValueError, match="expected an input with a batch axis and a time axis"):
            rnncourse.audit(nn.Linear(3, 2), torch.randn(3))
        with pytest.raises(ValueError, match="lengths: expected 6 numbers up to 7"):
            rnncourse.audit(gru(batch_first=True), torch.randn(B, T, I), lengths=[9] * B)
        with pytest.raises(ValueError, match="starts: expected"):
            rnncourse.audit(gru(batch_first=True), torch.randn(B, T, I), starts=torch.zeros(2, 2))

    def test_a_lazy_module_is_asked_to_be_called_first(self):
        with pytest.raises(ValueError, match="Call the model once first"):
            rnncourse.audit(nn.LazyLinear(H), torch.randn(B, T, I))

    def test_an_array_is_an_output_without_a_gradient(self):
        model = Model(lambda self, x: self.gru(x)[0].detach().numpy(), gru=nn.GRU(I, H, batch_first=True))
        assert kinds(rnncourse.audit(model, torch.randn(B, T, I), batch=0)) == ["no gradient"]

    def test_under_inference_mode(self):
        model = gru(batch_first=True)
        with torch.inference_mode():
            report = rnncourse.audit(model, torch.randn(B, T, I), batch=0)
        assert report.ok
        assert "gradient cut" in report.checked

    def test_a_check_that_the_model_breaks_is_said_and_the_others_go_on(self):
        class Shrinks(nn.Module):
            """It changes its own weight in place, which invalidates the graph of any earlier call."""

            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(I, H)

            def forward(self, x):
                with torch.no_grad():
                    self.layer.weight.mul_(0.9)
                return self.layer(x)

        model = Shrinks()
        weight = model.layer.weight.detach().clone()
        report = rnncourse.audit(model, torch.randn(B, T, I), batch=0)
        assert any("the model raised RuntimeError" in gap for gap in report.not_checked)
        assert "gradient cut" not in report.checked
        assert "batch mixed" in report.checked
        assert torch.equal(model.layer.weight, weight)

    def test_the_models_own_error_is_raised(self):
        with pytest.raises(RuntimeError):
            rnncourse.audit(nn.GRU(I, H), torch.randn(B, T, I + 1))


class TestUntouched:
    def test_a_buffer_a_list_and_a_state_with_its_graph(self):
        class Restless(nn.Module):
            def __init__(self):
                super().__init__()
                self.gru = nn.GRU(I, H, batch_first=True)
                self.register_buffer("calls", torch.zeros(()))
                self.seen, self.norm = [], nn.BatchNorm1d(H)

            def forward(self, x):
                self.calls += 1
                self.seen.append(x)
                self.last = self.gru(x)[0]
                x[:, 0] = 0
                np.random.rand()
                random.random()
                return self.norm(self.last.transpose(1, 2)).transpose(1, 2) + torch.rand(())

        np.random.seed(123)
        random.seed(123)
        model, x = Restless(), torch.randn(B, T, I)
        model(x.clone()).sum().backward()
        model.gru.register_forward_hook(lambda *arguments: None)
        before = x.clone(), model.last, model.calls.clone(), list(model.seen), model.norm.running_mean.clone()
        hooks, seen = dict(model.gru._forward_hooks), model.seen
        generators = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
        grads = [p.grad.clone() for p in model.parameters()]
        versions = [p._version for p in model.parameters()]
        rnncourse.audit(model, x, batch=0)
        assert torch.equal(x, before[0])
        assert model.last is before[1]
        assert model.last.grad_fn is not None
        assert torch.equal(model.calls, before[2])
        assert model.seen is seen
        assert len(seen) == len(before[3])
        assert torch.equal(model.norm.running_mean, before[4])
        assert dict(model.gru._forward_hooks) == hooks
        assert torch.equal(torch.get_rng_state(), generators[0])
        assert (np.random.get_state()[1] == generators[1]).all()
        assert random.getstate() == generators[2]
        assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), grads, strict=True))
        assert [p._version for p in model.parameters()] == versions
        assert model.training

    def test_after_an_error_too(self):
        model = gru(batch_first=True)
        model.count = 0

        def forward(self, x):
            self.count += 1
            if self.count == 1 and x.shape[1] == T:
                raise RuntimeError("no")
            return self.gru(x)[0]

        model.compute = forward
        state = torch.get_rng_state()
        with pytest.raises(RuntimeError, match="no"):
            rnncourse.audit(model, torch.randn(B, T, I, generator=torch.Generator()))
        assert model.count == 0
        assert model.training
        assert torch.equal(torch.get_rng_state(), state)

    def test_parameters_that_were_moved_to_try_are_back_to_the_bit(self):
        model = nn.Sequential(nn.Linear(I, H), nn.ReLU(), nn.Linear(H, 2))
        nn.init.zeros_(model[2].weight)  # so that the first layer has no gradient until the second has moved
        before = [p.detach().clone() for p in model.parameters()]
        report = rnncourse.audit(model, torch.randn(B, T, I), batch=0)
        assert [f.kind for f in report.facts if f.kind == "zero start"]
        assert all(torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))


def test_its_types_can_be_imported():
    assert type(rnncourse.audit(nn.Linear(I, H), torch.randn(B, T, I))) is Audit

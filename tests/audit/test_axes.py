"""Which axis is which: of inputs by what is told or follows, of outputs by taking a row and a step away."""

import pytest
import torch
from composed import Model
from torch import nn

import rnncourse
from rnncourse.auditing.inputs import Inputs, Leaf
from rnncourse.auditing.outputs import find

B, T, I, H = 5, 7, 3, 4


@pytest.mark.parametrize(
    ("shape", "row_less", "step_less", "batch", "time", "joined"),
    [
        ((5, 7, 4), (4, 7, 4), (5, 6, 4), 0, 1, None),
        ((7, 5, 4), (7, 4, 4), (6, 5, 4), 1, 0, None),
        ((5, 4), (4, 4), (5, 4), 0, None, None),
        ((2, 5, 4), (2, 4, 4), (2, 5, 4), 1, None, None),
        ((35, 4), (28, 4), (30, 4), None, None, 0),
        ((5, 4, 3), (4, 4, 3), (5, 3, 3), 0, 1, None),  # fewer steps out than in
        ((), (), (), None, None, None),
        ((5, 7, 4), None, None, 0, 1, None),  # the model refuses: by size
        ((4, 5, 7), None, None, 1, 2, None),
    ],
)
def test_an_output_is_laid_out_by_what_shrinks(shape, row_less, step_less, batch, time, joined):
    layout = find(shape, row_less, step_less, B, T)
    assert (layout.batch, layout.time, layout.joined) == (batch, time, joined)
    canonical = layout.canonical(torch.arange(torch.Size(shape).numel()).reshape(shape))
    assert canonical.shape[0] == (B if layout.has_rows else 1)
    assert canonical.shape[1] == (layout.T or 1)


@pytest.mark.parametrize("rows_first", [True, False])
def test_a_joined_axis_is_taken_apart_in_its_order(rows_first):
    def forward(self, x):
        o = self.gru(x)[0]
        return (o if rows_first else o.transpose(0, 1)).reshape(-1, H)

    model, x = Model(forward, gru=nn.GRU(I, H, batch_first=True)), torch.randn(4, T, I)
    report = rnncourse.audit(model, x, batch=0, causal=True)
    assert report.ok, str(report)
    assert "future read" in report.checked
    report = rnncourse.audit(
        Model(forward, gru=nn.GRU(I, H, batch_first=True, bidirectional=False)),
        x,
        batch=0,
        loss=nn.functional.mse_loss,
        target=torch.randn(4 * T, H),
    )
    assert report.ok is rows_first, str(report)  # the target's rows come first, as the batch does


def test_a_decoder_as_long_as_its_source_is_not_held_to_the_sources_steps():
    def forward(self, source, words, lengths):
        return self.decoder(self.embed(words), self.encoder(source)[1])[0]

    layers = {"encoder": nn.GRU(I, H, batch_first=True), "decoder": nn.GRU(I, H, batch_first=True)}
    model = Model(forward, embed=nn.Embedding(9, I), **layers)
    words = torch.randint(9, (B, T))
    report = rnncourse.audit(model, torch.randn(B, T, I), words, torch.full((B,), T), causal=True)
    assert report.ok, str(report)
    backward = Model(forward, embed=nn.Embedding(9, I), **layers)
    backward.decoder = nn.GRU(I, H // 2, batch_first=True, bidirectional=True)
    backward.encoder = nn.GRU(I, H // 2, 2, batch_first=True)
    report = rnncourse.audit(backward, torch.randn(B, T, I), words, torch.full((B,), T), causal=True)
    assert [finding.kind for finding in report.wrong] == ["future read"]


def test_time_is_the_axis_that_can_be_shortened():
    convolution = nn.Conv1d(I, H, 3, padding=1)
    report = rnncourse.audit(convolution, torch.randn(B, I, T))
    assert report.dependence.shape == (T, T)


def test_the_kept_axis_is_the_batch():
    model = Model(lambda self, x: self.gru(x)[0][-1], gru=nn.GRU(I, H))
    assert rnncourse.audit(model, torch.randn(T, B, I)).ok
    model = Model(lambda self, x: self.gru(x)[0][:, -1], gru=nn.GRU(I, H))
    assert [f.kind for f in rnncourse.audit(model, torch.randn(B, T, I)).wrong] == ["batch as time"]


def test_inputs_are_cut_and_lengthened_together():
    x = Leaf("x", torch.arange(10.0).reshape(2, 5), "sequence", 0, 1)
    h = Leaf("h", torch.zeros(1, 2, 3), "row", 1)
    n = Leaf("n", [5, 3], "lengths", 0)
    inputs = Inputs((x.value, h.value, n.value), {}, (x, h, n), lengths=torch.tensor([5, 3]), B=2, ids=(0, 1))
    shorter = inputs.rows([1]).shorter(1)
    assert [getattr(v, "shape", v) for v in shorter.values()] == [(1, 4), (1, 1, 3), [3]]
    assert shorter.ids == (1,)
    args, _ = inputs.longer(2).build()
    assert args[0].shape == (2, 7)
    assert args[0][0, 5:].tolist() == [0.0, 0.0]


def test_features_in_front_of_a_sequence_are_not_its_steps():
    """A decoder's context (B, F) comes first, and each step is told its own target."""

    def forward(self, context, true):
        steps = context[:, None].expand(-1, true.shape[1], -1)
        return self.head(self.gru(torch.cat([steps, true[:, :, None]], 2))[0])[:, :, 0]

    model = Model(forward, gru=nn.GRU(I + 1, H, batch_first=True), head=nn.Linear(H, 1))
    true = torch.randn(B, T)
    loss = nn.functional.mse_loss
    report = rnncourse.audit(model, torch.randn(B, I), true, target=true, loss=loss, causal=True)
    assert [finding.kind for finding in report.wrong] == ["target in input"]
    assert report.dependence.shape == (T, T)


def test_the_size_that_a_target_shares_is_the_batch():
    """Steps may differ in number, rows do not: the rows mix for certain."""

    def forward(self, regions, tokens):
        mixed = self.gru(tokens)[0] + self.gru(regions)[1][0][:, None]
        return mixed - mixed.mean(0)

    model = Model(forward, gru=nn.GRU(I, H, batch_first=True))
    inputs = torch.randn(B, 9, I), torch.randn(B, T, I)
    report = rnncourse.audit(model, *inputs, target=torch.randn(B, T, H), loss=nn.functional.mse_loss)
    assert [finding.kind for finding in report.wrong] == ["batch mixed"]

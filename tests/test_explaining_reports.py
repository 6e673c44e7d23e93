"""Calls from public bug reports, rebuilt: what explain says where torch computes something, or raises.

Each silent case is called first: torch raises nothing. Beside each warning stands a call that is right, of
which explain must not say it.
"""

import io
import re

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pack_sequence

import rnncourse
from rnncourse import explain, trace


def told(module, *arguments):
    """What explain says of a call that torch computes."""
    module(*arguments)
    said = explain(module, *arguments)
    assert said.problem == ""
    return said


def warned(said, pattern: str) -> bool:
    return any(re.search(pattern, warning) for warning in said.warnings)


# ---- the reading ----

READINGS = [
    (
        nn.LSTM(128, 5),
        torch.randn(256, 4, 128),
        "4 sequences of 256 steps, 128 numbers each (batch_first=False), from a state of zeros",
    ),
    (
        nn.GRU(3, 5, batch_first=True),
        torch.randn(7, 4, 3),
        "7 sequences of 4 steps, 3 numbers each (batch_fir",
    ),
    (nn.GRU(3, 5), torch.randn(7, 3), "one sequence of 7 steps, without a batch axis, 3 numbers each, from"),
    (nn.GRU(1, 5), torch.randn(1, 1, 1), "one sequence of one step, one number each (batch_first=False)"),
    (nn.GRUCell(3, 5), torch.randn(7, 3), "one step of 7 sequences, 3 numbers each, from a state of zeros."),
    (nn.GRUCell(3, 5), torch.randn(3), "one step of one sequence, 3 numbers each"),
    (
        nn.RNN(3, 5),
        pack_padded_sequence(torch.randn(6, 2, 3), [6, 4]),
        "2 packed sequences of up to 6 steps, 3 numbers each, from a state of zeros",
    ),
]


@pytest.mark.parametrize(
    ("module", "input", "reading"), READINGS, ids=lambda v: v[:20] if isinstance(v, str) else ""
)
def test_the_reading_of_a_call_is_said(module, input, reading):
    said = told(module, input)
    assert reading in said.reading
    assert said.messages[0] == ("→", said.reading)
    assert "✓" not in str(said)


def test_the_reading_says_that_a_state_was_given():
    said = told(nn.GRU(3, 5), torch.randn(7, 4, 3), torch.zeros(1, 4, 5))
    assert said.reading.endswith("from the state given.")


# ---- which axis is which ----


def test_images_without_batch_first():
    """100 images of 28 rows of 28 pixels, to a layer that takes time first."""
    said = told(nn.LSTM(28, 64), torch.randn(100, 28, 28))
    assert warned(
        said, "these are 28 sequences of 100 steps. If axis 0 is the batch, make the layer with batch_f"
    )
    said = told(nn.LSTM(28, 64, batch_first=True), torch.randn(100, 28, 28))
    assert warned(said, "T and I are both 28, so nothing notices if these two axes are exchanged")
    assert not warned(said, "make the layer with")


@pytest.mark.parametrize(
    ("batch_first", "shape", "asks"),
    [
        (False, (512, 20, 8), "read as 20 sequences of 512 steps. If it holds 512 sequences of 20 steps"),
        (True, (500, 16, 8), "read as 500 sequences of 16 steps. If it holds 16 sequences of 500 steps"),
        (
            False,
            (4, 500, 8),
            "axis 1 is 500 long and axis 0 only 4. With batch_first=False that is",
        ),
        (False, (40, 20, 8), None),
        (True, (4, 500, 8), None),  # a few long sequences, as the layer was told
        (True, (64, 100, 8), None),
        (False, (500, 1, 8), None),  # one long sequence
    ],
)
def test_one_axis_much_longer_than_the_other(batch_first, shape, asks):
    said = told(nn.GRU(8, 5, batch_first=batch_first), torch.randn(shape))
    if asks is None:
        assert not warned(said, "If it holds")
    else:
        assert warned(said, asks)
    state = torch.zeros(1, shape[0 if batch_first else 1], 5)  # it says which axis is the batch
    assert not warned(told(nn.GRU(8, 5, batch_first=batch_first), torch.randn(shape), state), "If it holds")


def test_columns_of_feature_maps():
    """A CRNN: (B, C, 1, W) as it comes from the convolutions, and (B, W, C) to a time-first layer."""
    maps = torch.randn(4, 32, 1, 25)
    layer = nn.LSTM(32, 7, bidirectional=True)
    said = explain(layer, maps)
    code = re.search(r"input\.flatten\(1, 2\)\.permute\(\d, \d, \d\)", said.problem).group()
    columns = eval(code, {"input": maps})
    assert torch.equal(columns, maps.squeeze(2).permute(2, 0, 1))  # (W, B, C)
    assert layer(columns)[0].shape == (25, 4, 14)
    assert "reads 25 sequences of 4 steps" in told(layer, maps.squeeze(2).permute(0, 2, 1)).reading
    first = nn.LSTM(32, 7, batch_first=True)
    code = re.search(r"input\.flatten\(1, 2\)\.permute\(\d, \d, \d\)", explain(first, maps).problem).group()
    assert torch.equal(eval(code, {"input": maps}), maps.squeeze(2).transpose(1, 2))  # (B, W, C)
    two_high = torch.randn(4, 16, 2, 25)
    assert eval(code, {"input": two_high}).shape == (4, 25, 32)
    assert (
        "input.squeeze(1) makes each row a step" in explain(nn.GRU(28, 9), torch.randn(4, 1, 28, 28)).problem
    )


@pytest.mark.parametrize(
    ("lengths", "sentence"),
    [
        ([5, 5, 3], "1 of the 3 sequences is shorter than 5 steps.* padding for it: its last step is in h_n"),
        ([5, 2, 3], "2 of the 3 sequences are shorter .* padding for them: their last step is in h_n"),
    ],
    ids=["one", "two"],
)
def test_the_last_step_of_a_packed_batch(lengths, sentence):
    rows = [torch.randn(length, 8) for length in lengths]
    assert warned(told(nn.LSTM(8, 12), pack_sequence(rows, enforce_sorted=False)), sentence)


# ---- states ----


def test_a_state_with_a_graph():
    layer, x = nn.LSTM(3, 5), torch.randn(7, 2, 3)
    _, state = layer(x)
    said = told(layer, x, state)
    assert warned(
        said, r"h_0 and c_0: backward will go on through what made them.*h_0.detach\(\), c_0.detach\(\)"
    )
    detached = tuple(s.detach() for s in state)
    assert not warned(told(layer, x, detached), "backward will go on")
    learned = tuple(nn.Parameter(s) for s in detached)
    assert not warned(told(layer, x, learned), "backward will go on")  # a leaf has nothing before it
    made = explain(nn.GRU(3, 5), x, state[0])
    assert warned(made, r"h_0: backward will go on through what made it")


def test_a_state_larger_than_1():
    x = torch.randn(7, 2, 3)
    h, c = torch.full((1, 2, 5), 0.5), torch.full((1, 2, 5), 3.0)
    assert warned(told(nn.LSTM(3, 5), x, (c, h)), r"h_0 reaches 3 in absolute value.*exchanged\?")
    assert not warned(told(nn.LSTM(3, 5), x, (h, c)), "absolute value")
    assert warned(told(nn.GRU(3, 5), x, c), r"h_0 reaches 3")
    assert not warned(told(nn.RNN(3, 5, nonlinearity="relu"), x, c), "absolute value")
    assert not warned(told(nn.LSTM(3, 5, proj_size=2), x, (torch.full((1, 2, 2), 3.0), c)), "absolute value")
    assert warned(told(nn.RNNCell(3, 5), x[0], c[0]), "h_0 reaches 3")


def test_a_view_of_a_bidirectional_state():
    """h_n.view(L, B, 2*H) fits a decoder of twice the width, and puts two sequences into one row."""
    x = torch.randn(7, 4, 3)
    _, h_n = nn.GRU(3, 5, bidirectional=True)(x)
    decoder = nn.GRU(3, 10)
    said = told(decoder, x, h_n.detach().view(1, 4, 10))
    assert warned(
        said, r"h_0 is a view of a tensor \(2, 4, 5\) as \(1, 4, 10\).*torch\.cat\(\(h\[0::2\], h\[1::2\]\)"
    )
    right = torch.cat((h_n[0::2], h_n[1::2]), dim=-1).detach()
    assert not warned(told(decoder, x, right), "is a view")
    assert torch.equal(right[0, 0], torch.cat((h_n[0, 0], h_n[1, 0])))
    assert not torch.equal(right, h_n.detach().view(1, 4, 10))
    assert any(
        "h_n.view(2, B, 10) mixes the sequences" in n
        for n in explain(nn.GRU(3, 5, 2, bidirectional=True)).notes
    )


def test_a_bidirectional_encoders_state_for_a_decoder_in_one_direction():
    x = torch.randn(7, 4, 3)
    _, state = nn.LSTM(3, 5, 2, bidirectional=True)(x)
    decoder = nn.LSTM(3, 5, 2)
    with pytest.raises(RuntimeError):
        decoder(x, state)
    problem = explain(decoder, x, state).problem
    assert "two rows for each layer: is it a bidirectional layer's?" in problem
    code = re.search(r"torch\.cat\(.*dim=-1\)", problem).group()
    joined = tuple(eval(code, {"torch": torch, "h": h}) for h in state)
    assert f"hidden_size={joined[0].shape[-1]}" in problem
    told(nn.LSTM(3, 10, 2), x, joined)
    assert torch.equal(joined[0][1, 0], torch.cat((state[0][2, 0], state[0][3, 0])))  # of the top layer


# ---- numbers ----


def test_padding_that_was_not_packed():
    x = torch.randn(4, 6, 3)
    for b, length in enumerate((6, 2, 4, 5)):
        x[b, length:] = 0
    said = told(nn.GRU(3, 5, batch_first=True), x)
    assert warned(
        said, r"3 of the 4 sequences end in steps of zeros \(row 1 after 2 of 6\).*batch_first=True"
    )
    assert warned(told(nn.GRU(3, 5), x.transpose(0, 1)), r"row 1 after 2 of 6\).*batch_first=False")
    x[1:, 5] = 1  # no row ends in zeros any more
    assert not warned(told(nn.GRU(3, 5, batch_first=True), x), "steps of zeros")
    assert not warned(told(nn.GRU(3, 5, batch_first=True), torch.zeros(4, 6, 3)), "steps of zeros")


def test_nan_and_inf_in_a_call():
    layer, x = nn.LSTM(3, 5), torch.randn(7, 2, 3)
    x[4, 1, 2] = torch.nan
    assert warned(
        told(layer, x), r"input: 1 of its 42 numbers is nan or inf; the first, nan, is at \[4, 1, 2\]"
    )
    bad = torch.zeros(1, 2, 5)
    bad[0, 1, :2] = torch.inf
    said = told(layer, torch.randn(7, 2, 3), (torch.zeros(1, 2, 5), bad))
    assert warned(said, r"c_0: 2 of its 10 numbers are nan or inf; the first, inf")
    with torch.no_grad():
        layer.weight_hh_l0[3, 1] = torch.nan
    assert warned(told(layer, torch.randn(7, 2, 3)), "weight_hh_l0: 1 of its 100 numbers is nan or inf")


def test_the_last_output_of_a_packed_call():
    layer, x, lengths = nn.GRU(3, 5), torch.randn(6, 3, 3), [6, 4, 4]
    packed = pack_padded_sequence(x, lengths)
    output, _ = nn.utils.rnn.pad_packed_sequence(layer(packed)[0])
    assert (output[-1, 1:] == 0).all()
    assert warned(
        told(layer, packed), "2 of the 3 sequences are shorter than 6 steps.*their last step is in h_n"
    )
    assert not warned(told(layer, pack_padded_sequence(x, [6, 6, 6])), "shorter")


# ---- at the point of failure ----


class Translator(nn.Module):
    def __init__(self, library=nn) -> None:
        super().__init__()
        self.encoder = nn.ModuleDict({"rnn": library.GRU(3, 5, bidirectional=True)})
        self.decoder = nn.ModuleList([nn.Identity(), library.GRU(3, 5)])

    def forward(self, x: Tensor) -> Tensor:
        _, h_n = self.encoder["rnn"](x)
        return self.decoder[1](x, hx=h_n)[0]


def notes_of(call, block) -> list[str]:
    with pytest.raises((RuntimeError, ValueError, TypeError)) as caught, block:
        call()
    return getattr(caught.value, "__notes__", [])


@pytest.mark.parametrize("library", [nn, rnncourse])
def test_a_call_that_raises_is_explained_on_the_exception(library):
    model, x = Translator(library), torch.randn(7, 2, 3)
    for block in (explain(), trace(model)):
        (note,) = notes_of(lambda: model(x), block)
        assert note.startswith("rnncourse.explain: in model.decoder[1], GRU(3, 5)")
        sentence = "h_0: expected (L*D=1, B=2, H=5), got (2, 2, 5). It has two rows for each layer"
        assert (sentence in note) == (library is nn)  # ours raises it already
    assert notes_of(lambda: model(x), trace(nn.LSTM(1, 1))) == []
    with trace(model) as t, explain():
        model.encoder["rnn"](x)
    assert t["encoder.rnn"].layer(0).forward.z.shape == (7, 2, 5)
    assert not torch.nn.modules.module._global_forward_hooks


def test_the_exception_keeps_its_class_and_its_message():
    layer, x = nn.LSTM(3, 5), torch.randn(7, 2, 4)
    with pytest.raises(RuntimeError) as plain:
        layer(x)
    with pytest.raises(RuntimeError) as noted, explain(), trace(layer):
        layer(x)
    assert str(noted.value) == str(plain.value)
    (note,) = noted.value.__notes__  # and not one of each
    assert "input: expected (T, B, I=3), got (7, 2, 4)." in note
    assert notes_of(lambda: layer(x, x, x), explain())[0].endswith("Put them in one tuple: (h_0, c_0).")


def test_an_error_that_is_not_the_calls_gets_no_note():
    class Broken(nn.GRU):
        def forward(self, input, hx=None):
            raise ValueError("something else")

    assert notes_of(lambda: Broken(3, 5)(torch.randn(7, 2, 3)), explain()) == []
    assert notes_of(lambda: nn.Linear(3, 5)(torch.randn(7, 2)), explain()) == []
    assert notes_of(lambda: nn.GRU(3, 5)(torch.randn(7, 2, 3), mask=1), explain()) == []


# ---- how wide and how long ----


@pytest.mark.parametrize("call", [False, True])
@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM", "RNNCell", "LSTMCell"])
def test_the_text_fits_80_columns(kind, call):
    cell = kind.endswith("Cell")
    options = {} if cell else {"num_layers": 3, "bidirectional": True, "batch_first": True, "dropout": 0.25}
    module = getattr(nn, kind)(512, 1024, **options)
    given = [torch.zeros(64, 512) if cell else torch.zeros(64, 100, 512), "no state"] if call else []
    lines = str(explain(module, *given)).splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) < 48
    assert len(explain(nn.LSTM(8, 12, 3, bidirectional=True)).table) == 3


def test_the_text_fits_80_columns_in_ascii_too(monkeypatch):
    """There → takes two columns and … three."""
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    lines = str(explain(nn.GRU(3, 4), torch.zeros(2, 2, 3))).splitlines()
    assert max(map(len, lines)) <= 80
    assert "- From (B, T, ...) to (T, B, ...) and back: transpose(0, 1). view and reshape" in lines
    first = next(k for k, line in enumerate(lines) if line.startswith("-> This call reads"))
    assert lines[first + 1].startswith("   from")  # below the text, not below the sign


def test_parameters_that_differ_in_layer_and_direction_share_a_line():
    layer = nn.LSTM(8, 12, 3, bidirectional=True)
    said = explain(layer)
    text = str(said)
    assert "weight_hh_l0  (4*H=48, H=12)    times h; also _l0_reverse to _l2_reverse" in text
    assert "weight_ih_l0  (4*H=48, I=8)     times the input; also _l0_reverse" in text
    assert "also _l1_reverse, _l2, _l2_reverse" in " ".join(text.split())
    for name, parameter in layer.named_parameters():  # each is still there by its name
        assert tuple(size for _, size in said[name].axes) == tuple(parameter.shape)


def test_trace_tables_fit_80_columns():
    model = nn.ModuleDict(
        {"a_rather_long_name": nn.LSTM(8, 12, 3, batch_first=True, dropout=0.3, bidirectional=True)}
    )
    with trace(model) as t:
        model["a_rather_long_name"](torch.randn(4, 9, 8))[0].sum().backward()
    for thing in (t, t["a_rather_long_name"], t.layer(1), t.layer(1).reverse, t.layer(1).reverse.grad):
        assert max(map(len, repr(thing).splitlines())) <= 80
    shown = " ".join(repr(t).split())
    for word in ("'a_rather_long_name'", "bidirectional=True)", "a_i", "max_error"):
        assert word in shown

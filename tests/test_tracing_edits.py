"""`trace(model, set=...)`: the model runs with another value instead of a gate.

The oracle is a loop of the formulas, written out here, with the gate as asked.
"""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

import rnncourse
from rnncourse import trace

T, B, I, H = 6, 3, 2, 4


def lstm_by_hand(layer, x: Tensor, f=lambda f: f, o=lambda o: o) -> Tensor:
    h = c = x.new_zeros(x.shape[1], H)
    outputs = []
    for x_t in x:
        a = x_t @ layer.weight_ih_l0.T + layer.bias_ih_l0 + h @ layer.weight_hh_l0.T + layer.bias_hh_l0
        a_i, a_f, a_g, a_o = a.chunk(4, dim=1)
        c = f(a_f.sigmoid()) * c + a_i.sigmoid() * a_g.tanh()
        h = o(a_o.sigmoid()) * c.tanh()
        outputs.append(h)
    return torch.stack(outputs)


@pytest.mark.parametrize("library", [nn, rnncourse])
def test_an_lstm_that_never_forgets(library):
    layer, x = library.LSTM(I, H).double(), torch.randn(T, B, I, dtype=torch.float64)
    wanted = lstm_by_hand(layer, x, f=torch.ones_like)
    gradients = torch.autograd.grad(wanted.square().sum(), list(layer.parameters()))
    with trace(layer, set={"f": 1.0}) as t:
        output, (h_n, _) = layer(x)
        output.square().sum().backward()
    torch.testing.assert_close(output, wanted)
    torch.testing.assert_close(h_n[0], wanted[-1])
    for parameter, gradient in zip(layer.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
    assert (t.f == 1).all()
    torch.testing.assert_close(t.h, wanted.detach())
    torch.testing.assert_close(t.c, (t.i * t.g).cumsum(0))
    assert t.max_error < 1e-12
    assert (t.grad.a_f == 0).all()  # nothing reads it any more
    assert not torch.allclose(layer(x)[0], output)  # after the block it forgets again


def test_a_function_and_a_tensor():
    layer, x = nn.LSTM(I, H), torch.randn(T, B, I)
    shut = torch.tensor([1.0, 0.0, 1.0, 1.0])
    with torch.no_grad(), trace(layer, set={"f": lambda f: f.clamp(min=0.9), "o": shut}):
        output, _ = layer(x)
    wanted = lstm_by_hand(layer, x, lambda f: f.clamp(min=0.9), lambda o: shut.expand_as(o))
    torch.testing.assert_close(output, wanted.detach())


KINDS = ["RNN", "GRU", "LSTM"]


@pytest.mark.parametrize("form", ["time first", "batch first", "unbatched", "packed"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_value_that_is_set_to_itself_changes_nothing(kind, form):
    """In every form of input, with states, two layers and directions, and dropout's own masks."""
    options = {"num_layers": 2, "bidirectional": True, "dropout": 0.4, "batch_first": form == "batch first"}
    layer = getattr(nn, kind)(I, H, **options)
    x = torch.randn(T, B, I)
    x = {"batch first": x.transpose(0, 1), "unbatched": x[:, 0]}.get(form, x)
    state = torch.randn(4, H) if form == "unbatched" else torch.randn(4, B, H)
    if form == "packed":
        x = pack_padded_sequence(x, [4, 6, 1], enforce_sorted=False)
    hx = (state, state) if kind == "LSTM" else state

    def run(**options):
        torch.manual_seed(5)
        with trace(layer, **options):
            output, end = layer(x, hx)
        return [
            *(output if form == "packed" else [output]),
            *(end if kind == "LSTM" else [end]),
            torch.rand(3),
        ]

    for own, again in zip(run(), run(set={"h": lambda h: h + 0}), strict=True):
        assert (own is None) == (again is None)
        if own is not None:
            torch.testing.assert_close(again, own)


def test_the_values_of_a_run_with_edits_stand_at_their_own_steps():
    layer, x = nn.LSTM(I, H, bidirectional=True), torch.randn(T, B, I)
    with trace(layer, set={"h": lambda h: h + 0}) as t:
        output, _ = layer(x)
    torch.testing.assert_close(t.forward.h, output[..., :H].detach())
    torch.testing.assert_close(t.reverse.h, output[..., H:].detach())


def test_a_module_in_a_model_and_a_cell():
    model = nn.ModuleDict({"encoder": nn.GRU(I, H), "decoder": nn.LSTMCell(H, H)})
    x = torch.randn(T, B, I)
    with torch.no_grad(), trace(model, set={"encoder.z": 1.0, "decoder.o": 0}) as t:
        output, h_n = model["encoder"](x)
        h, c = model["decoder"](output[0])
    assert (h_n == 0).all()  # z = 1 keeps the state of zeros
    assert (h == 0).all()
    assert (c != 0).all()
    assert t.modules == ["encoder", "decoder"]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("enc.f", r"set: 'enc\.f' is of no recurrent module\. There is 'encoder'\."),
        ("encoder.z", r"'encoder\.z': an LSTM has no value 'z' to be set\. It has a_i, a_f"),
        ("encoder.x", "has no value 'x' to be set"),
    ],
)
def test_what_can_not_be_set_is_named(key, words):
    with pytest.raises(ValueError, match=words):
        trace(nn.ModuleDict({"encoder": nn.LSTM(I, H)}), set={key: 1.0})

"""Weights converted to Keras, ONNX and flax give torch's numbers there.

The oracle: each library's own equations as its documentation has them, written out here in NumPy, and the
library itself where it is installed.
"""

import importlib

import numpy as np
import pytest
import torch
from torch import nn

import rnncourse
from rnncourse import convert

T, B, I, H = 5, 3, 2, 4
KINDS = ["RNN", "GRU", "LSTM"]


def σ(a):
    return 1 / (1 + np.exp(-a))


def keras(kind, x, kernel, recurrent, bias):
    """keras.layers: LSTM has i f c o in its matrices; GRU z r h, with reset_after."""
    h = c = np.zeros((x.shape[1], H))
    outputs = []
    for x_t in x:
        if kind == "GRU":
            xs = np.split(x_t @ kernel + bias[0], 3, axis=1)
            hs = np.split(h @ recurrent + bias[1], 3, axis=1)
            z, r = σ(xs[0] + hs[0]), σ(xs[1] + hs[1])
            h = z * h + (1 - z) * np.tanh(xs[2] + r * hs[2])
        elif kind == "LSTM":
            i, f, g, o = np.split(x_t @ kernel + h @ recurrent + bias, 4, axis=1)
            c = σ(f) * c + σ(i) * np.tanh(g)
            h = σ(o) * np.tanh(c)
        else:
            h = np.tanh(x_t @ kernel + h @ recurrent + bias)
        outputs.append(h)
    return np.stack(outputs)


def onnx(kind, x, W, R, B):
    """ONNX's operators: LSTM iofc; GRU zrh with linear_before_reset=1; one direction."""
    Wb, Rb = np.split(B, 2)
    h = c = np.zeros((x.shape[1], H))
    outputs = []
    for x_t in x:
        if kind == "GRU":
            xs, hs = np.split(x_t @ W.T + Wb, 3, axis=1), np.split(h @ R.T + Rb, 3, axis=1)
            z, r = σ(xs[0] + hs[0]), σ(xs[1] + hs[1])
            h = (1 - z) * np.tanh(xs[2] + r * hs[2]) + z * h
        elif kind == "LSTM":
            i, o, f, g = np.split(x_t @ W.T + h @ R.T + Wb + Rb, 4, axis=1)
            c = σ(f) * c + σ(i) * np.tanh(g)
            h = σ(o) * np.tanh(c)
        else:
            h = np.tanh(x_t @ W.T + h @ R.T + Wb + Rb)
        outputs.append(h)
    return np.stack(outputs)


def flax(kind, x, params):
    """flax.linen's cells: a Dense for each gate; which of them have a bias differs."""

    def dense(name, v):
        assert set(params[name]) <= {"kernel", "bias"}
        return v @ params[name]["kernel"] + params[name].get("bias", 0)

    h = c = np.zeros((x.shape[1], H))
    outputs = []
    for x_t in x:
        if kind == "GRU":
            r, z = σ(dense("ir", x_t) + dense("hr", h)), σ(dense("iz", x_t) + dense("hz", h))
            h = (1 - z) * np.tanh(dense("in", x_t) + r * dense("hn", h)) + z * h
        elif kind == "LSTM":
            i, f, o = (σ(dense(f"i{k}", x_t) + dense(f"h{k}", h)) for k in "ifo")
            c = f * c + i * np.tanh(dense("ig", x_t) + dense("hg", h))
            h = o * np.tanh(c)
        else:
            h = np.tanh(dense("i", x_t) + dense("h", h))
        outputs.append(h)
    return np.stack(outputs)


def bidirectional_layer(kind):
    return getattr(nn, kind)(I, H, num_layers=2, bidirectional=True, dtype=torch.float64)


def halves(layer, k, x):
    """Layer k of the module alone, in both directions: outputs (T, B, H) in forward time."""
    found = []
    for reverse in (False, True):
        alone = type(layer)(x.shape[-1], H, dtype=torch.float64)
        ending = f"_l{k}" + "_reverse" * reverse
        alone.load_state_dict({n: getattr(layer, n[:-3] + ending) for n, _ in alone.named_parameters()})
        time = (lambda v: v.flip(0)) if reverse else (lambda v: v)
        found.append(time(alone(time(torch.from_numpy(x)))[0]).detach().numpy())
    return found


@pytest.mark.parametrize("k", [0, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_the_other_librarys_equations_give_torchs_numbers(kind, k):
    layer = bidirectional_layer(kind)
    x = np.random.default_rng(0).normal(size=(T, B, I if k == 0 else 2 * H))
    W, R, Bs = (convert.to_onnx(layer, k)[name] for name in "WRB")
    for reverse, wanted in enumerate(halves(layer, k, x)):
        order = slice(None, None, -1) if reverse else slice(None)
        found = {
            "keras": keras(kind, x[order], *convert.to_keras(layer, k, bool(reverse))),
            "onnx": onnx(kind, x[order], W[reverse], R[reverse], Bs[reverse]),
            "flax": flax(kind, x[order], convert.to_flax(layer, k, bool(reverse))),
        }
        for library, output in found.items():
            np.testing.assert_allclose(output[order], wanted, atol=1e-12, err_msg=library)


@pytest.mark.parametrize("library", [nn, rnncourse])
@pytest.mark.parametrize("kind", [*KINDS, "LSTMCell", "GRUCell", "RNNCell"])
@pytest.mark.parametrize("form", ["keras", "onnx", "flax"])
def test_there_and_back(kind, form, library):
    module, back = (getattr(library, kind)(I, H, dtype=torch.float64) for _ in range(2))
    there, here = getattr(convert, f"to_{form}"), getattr(convert, f"from_{form}")
    here(back, there(module))
    x = torch.randn(T, B, I, dtype=torch.float64)
    x = x[0] if kind.endswith("Cell") else x
    torch.testing.assert_close(back(x)[0], module(x)[0])
    if form == "onnx":  # which keeps both biases apart
        assert all(torch.equal(a, b) for a, b in zip(module.parameters(), back.parameters(), strict=True))


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match="proj_size"):
        convert.to_keras(nn.LSTM(I, H, proj_size=2))
    with pytest.raises(ValueError, match="reset_after=False"):
        convert.from_keras(nn.GRU(I, H), [np.zeros((I, 3 * H)), np.zeros((H, 3 * H)), np.zeros(3 * H)])
    with pytest.raises(ValueError, match="bias=False"):
        convert.from_flax(nn.GRU(I, H, bias=False), convert.to_flax(nn.GRU(I, H)))
    with pytest.raises(ValueError, match=r"weight_hh_l0: expected \(16, 4\), got \(20, 5\)"):
        convert.from_onnx(nn.LSTM(I, H), {"W": np.zeros((1, 16, I)), "R": np.zeros((1, 20, 5))})
    with pytest.raises(
        ValueError, match=r"expected \(12, 2\), got \(16, 2\). Are these weights for LSTM, not GRU"
    ):
        convert.from_keras(nn.GRU(I, H), convert.to_keras(nn.LSTM(I, H)))
    with pytest.raises(ValueError, match="expected hn, hr, hz, in, ir, iz, got hf"):
        convert.from_flax(nn.GRU(I, H), dict(sorted(convert.to_flax(nn.LSTM(I, H)).items())))
    with pytest.raises(ValueError, match=r"got params\. Pass what is under 'params'"):
        convert.from_flax(nn.GRU(I, H), {"params": convert.to_flax(nn.GRU(I, H))})
    layer = nn.LSTM(I, H)
    convert.from_keras(layer, convert.to_keras(nn.LSTM(I, H, bias=False)))
    assert not layer.bias_ih_l0.any()


def test_weights_of_two_directions_are_not_read_as_those_of_one():
    """Nor the other way round: half of the weights would be lost, or half of the layer stay as it was."""
    one, two = nn.LSTM(I, H), nn.LSTM(I, H, bidirectional=True)
    both = [w for reverse in (False, True) for w in convert.to_keras(two, reverse=reverse)]
    with pytest.raises(ValueError, match=r"got 6\. Of a Bidirectional layer"):
        convert.from_keras(one, both)
    for source, target in ((one, two), (two, one)):
        with pytest.raises(ValueError, match=r"W: expected \(D=., G\*H, I\), got \(., 16, 2\)"):
            convert.from_onnx(target, convert.to_onnx(source))


def test_a_refused_conversion_changes_no_weight():
    layer = nn.LSTM(I, H)
    before = {name: weight.clone() for name, weight in layer.state_dict().items()}
    weights = convert.to_onnx(nn.LSTM(I, H)) | {"R": np.zeros((1, 16, 5))}
    with pytest.raises(ValueError, match="weight_hh_l0"):
        convert.from_onnx(layer, weights)
    assert all(torch.equal(weight, before[name]) for name, weight in layer.state_dict().items())


# ---- the libraries themselves, where they are installed: no extra of ours asks for them ----


def library(name):
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        pytest.skip(f"{name} is not installed")


@pytest.mark.parametrize("kind", KINDS)
def test_onnxruntime(kind):
    onnx_, runtime = library("onnx"), library("onnxruntime")
    layer, x = bidirectional_layer(kind).float(), torch.randn(T, B, I)
    weights = convert.to_onnx(layer)
    options = {"linear_before_reset": 1} if kind == "GRU" else {}
    node = onnx_.helper.make_node(
        kind, ["x", *weights], ["y"], hidden_size=H, direction="bidirectional", **options
    )
    number = onnx_.TensorProto.FLOAT
    graph = onnx_.helper.make_graph(
        [node],
        kind,
        [onnx_.helper.make_tensor_value_info("x", number, (T, B, I))],
        [onnx_.helper.make_tensor_value_info("y", number, (T, 2, B, H))],
        [onnx_.numpy_helper.from_array(w.astype(np.float32), name) for name, w in weights.items()],
    )
    opset = [onnx_.helper.make_opsetid("", 14)]
    model = onnx_.helper.make_model(graph, opset_imports=opset, ir_version=8)
    y = runtime.InferenceSession(model.SerializeToString()).run(None, {"x": x.numpy()})[0]
    wanted = np.stack(halves(layer.double(), 0, x.double().numpy()), axis=1)  # (T, 2, B, H)
    np.testing.assert_allclose(y, wanted, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_keras(kind):
    layers = library("keras").layers
    module, x = getattr(nn, kind)(I, H, batch_first=True), torch.randn(B, T, I)
    theirs = getattr(layers, "SimpleRNN" if kind == "RNN" else kind)(H, return_sequences=True)
    theirs.build((B, T, I))
    theirs.set_weights(convert.to_keras(module))
    np.testing.assert_allclose(np.asarray(theirs(x.numpy())), module(x)[0].detach(), atol=1e-6)
    back = getattr(nn, kind)(I, H, batch_first=True)
    convert.from_keras(back, theirs.get_weights())
    torch.testing.assert_close(back(x)[0], module(x)[0])


@pytest.mark.parametrize("kind", ["SimpleCell", "GRUCell", "LSTMCell", "OptimizedLSTMCell"])
def test_flax(kind):
    linen, jax = library("flax.linen"), library("jax")
    ours = {"SimpleCell": nn.RNNCell, "GRUCell": nn.GRUCell}.get(kind, nn.LSTMCell)(I, H)
    cell, x = getattr(linen, kind)(H), torch.randn(B, I)
    carry = cell.initialize_carry(jax.random.key(0), (B, I))
    mine = convert.to_flax(ours)
    theirs = cell.init(jax.random.key(0), carry, x.numpy())["params"]
    shapes = [jax.tree_util.tree_map(np.shape, dict(p)) for p in (mine, theirs)]
    assert shapes[0] == shapes[1]
    h = torch.randn(B, H)
    state = (carry[0], h.numpy()) if isinstance(carry, tuple) else h.numpy()  # an LSTM's carry is (c, h)
    _, y = cell.apply({"params": mine}, state, x.numpy())
    wanted = ours(x, (h, torch.zeros(B, H)))[0] if isinstance(carry, tuple) else ours(x, h)
    np.testing.assert_allclose(y, wanted.detach(), atol=1e-6)

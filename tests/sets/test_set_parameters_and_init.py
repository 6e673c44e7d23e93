"""Exercise set 15: the true answers against torch.nn, and honest ways to each task."""

import math

import numpy as np
import pytest
import torch
from honest import ways
from torch import nn

import rnncourse
from rnncourse.checks import parameters_and_init as checks

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")  # torch: that it takes another way


ORACLES = ways("""
count_parameters: numel
    options = {"num_layers": num_layers, "bidirectional": bidirectional, "bias": bias}
    options |= {"proj_size": proj_size} if proj_size else {}
    return sum(p.numel() for p in getattr(nn, mode)(input_size, hidden_size, **options).parameters())
""")


def test_layout_is_torchs_own():
    lstm = nn.LSTM(10, 7, num_layers=3, bidirectional=True, proj_size=3)
    _, (h_n, c_n) = lstm(torch.zeros(5, 4, 10))
    truth = checks.layout.truth
    for name in ("weight_ih_l2_reverse", "weight_hh_l2", "weight_hr_l0"):
        assert truth[name] == getattr(lstm, name).shape
    assert truth["parameters"] == len(list(lstm.parameters()))
    assert (truth["h_n"], truth["c_n"]) == (h_n.shape, c_n.shape)
    # The forget gate shut by its bias: the memory keeps nothing.
    with torch.no_grad():
        lstm.bias_ih_l0[truth["forget_from"] : truth["forget_to"]] = -1000.0
    with rnncourse.trace(lstm) as inside:
        lstm(torch.randn(5, 4, 10))
    first = inside.layer(0).forward
    assert (first.f == 0).all()
    assert (first.i > 0).all()
    assert (first.o > 0).all()


def test_gate_rows_are_what_the_gate_is_computed_with():
    """With the rows it gives set to zero, and the rest of that gate too, the gate is σ(0), or n tanh(0)."""
    for case in checks.gate_rows.cases(0):
        given, _, gate, layer, reverse = case.arguments.values()
        module = given.build()
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        for kind in kinds:
            checks.gate_rows.truth(module, kind, gate, layer, reverse).zero_()
        with rnncourse.trace(module) as inside:
            module(torch.randn(4, 2, module.input_size))
        d = getattr(inside.layer(layer), "reverse" if reverse else "forward")
        assert (getattr(d, f"a_{gate}") == 0).all()


def test_set_forget_bias_sets_the_gate():
    """With everything else zero, f is σ(value) in every layer and direction."""
    lstm = nn.LSTM(3, 4, num_layers=2, bidirectional=True)
    with torch.no_grad():
        for parameter in lstm.parameters():
            parameter.zero_()
    checks.set_forget_bias.truth(lstm, 1.5)
    with rnncourse.trace(lstm) as inside:
        lstm(torch.randn(5, 2, 3))
    for layer in (inside.layer(0), inside.layer(1)):
        for d in (layer.forward, layer.reverse):
            torch.testing.assert_close(d.f, torch.full_like(d.f, 1 / (1 + math.exp(-1.5))))
            assert (d.i == 0.5).all()


def test_bias_numbers_are_what_torchs_optimizers_do():
    def after(optimizer_class, folded=False, **options):
        one, two = (
            torch.tensor(number, requires_grad=True) for number in ((0.2, 0.0) if folded else (0.3, -0.1))
        )
        optimizer = optimizer_class([one] if folded else [one, two], **options)
        (0.4 * (one + two)).backward()
        optimizer.step()
        return (one + two).item()

    truth = checks.bias_numbers.truth
    found = {
        "sgd": after(torch.optim.SGD, lr=0.1),
        "sgd_folded": after(torch.optim.SGD, folded=True, lr=0.1),
        "sgd_decay": after(torch.optim.SGD, lr=0.1, weight_decay=0.2),
        "adam": after(torch.optim.Adam, lr=0.01),
    }
    for name, number in found.items():
        assert abs(truth[name] - number) < 1e-6, name
    b_hn = torch.tensor(0.7, requires_grad=True)
    a_n = 0.1 + 0.25 * (0.4 + b_hn)  # b_in + r (W_hn h + b_hn)
    (0.4 * a_n).backward()
    assert abs(b_hn.grad - truth["gradient_b_hn"]) < 1e-6
    assert abs(truth["f"] - torch.sigmoid(torch.tensor(2.0))) < 1e-6
    assert abs(0.9 ** truth["half_life"] - 0.5) < 1e-9
    assert abs(torch.sigmoid(torch.tensor(truth["chrono"])) - (1 - 1 / 20)) < 1e-6


def test_folded_biases_compute_the_same():
    for case in checks.fold_biases.cases(0):
        mode, bias_ih, bias_hh = case.arguments.values()
        G, H = case.sizes.values()
        module = getattr(nn, mode)(3, H).double().requires_grad_(False)
        x = torch.randn(4, 2, 3, dtype=torch.float64)
        outputs = []
        for one, other in ((bias_ih, bias_hh), checks.fold_biases.truth(mode, bias_ih, bias_hh)):
            module.bias_ih_l0.copy_(one)
            module.bias_hh_l0.copy_(other)
            outputs.append(module(x)[0])
        torch.testing.assert_close(*outputs)
        assert (other == 0).sum() == (2 * H if mode == "GRU" else G * H)


def test_to_onnx_equals_its_formula():
    """ONNX's equations, as its operator's page writes them, with the tensors made, against torch's layer."""
    for case in checks.to_onnx.cases(0):
        lstm = case.arguments["lstm"].build()
        W, R, B = (tensor.numpy() for tensor in checks.to_onnx.truth(lstm))
        D, I, H = case.sizes.values()
        x = torch.randn(4, 2, I)
        halves = []
        for d in range(D):
            h, c, outputs = np.zeros((2, H)), np.zeros((2, H)), []
            for x_t in x.flip(0).numpy() if d else x.numpy():
                a = x_t @ W[d].T + h @ R[d].T + B[d, : 4 * H] + B[d, 4 * H :]
                i, o, f = (1 / (1 + np.exp(-a[:, k * H : (k + 1) * H])) for k in range(3))
                c = f * c + i * np.tanh(a[:, 3 * H :])
                h = o * np.tanh(c)
                outputs.append(h)
            halves.append(np.stack(outputs[::-1] if d else outputs))
        np.testing.assert_allclose(np.concatenate(halves, -1), lstm(x)[0].numpy(), atol=1e-5)


HONEST = ways("""
layout: by formula
    H, L, D, P, B = 7, 3, 2, 3, 4
    return {"weight_ih_l2_reverse": [4 * H, D * P], "weight_hh_l2": torch.Size([4 * H, P]),
        "weight_hr_l0": (P, H), "parameters": 5 * L * D, "forget_from": H, "forget_to": 2 * H,
        "h_n": (L * D, B, P), "c_n": (L * D, B, H)}
count_parameters: by names
    total = 0
    rows = len({"RNN": "a", "GRU": "rzn", "LSTM": "ifgo"}[mode]) * hidden_size
    h = proj_size if proj_size > 0 else hidden_size
    for layer in range(num_layers):
        for _ in range(1 + bidirectional):
            total += rows * (input_size if layer == 0 else h * (1 + bidirectional))
            total += rows * h
            if bias:
                total += rows
                total += rows
            if proj_size:
                total += proj_size * hidden_size
    return total
count_parameters(mode, I, H, L, both, bias, P): as tensor
    G, D, h = {"RNN": 1, "GRU": 3, "LSTM": 4}[mode], 1 + int(both), P or H
    reads = torch.tensor([I] + [D * h] * (L - 1))
    return (D * (G * H * (reads + h + 2 * bias) + P * H)).sum()
gate_rows: by chunk
    parameter = dict(module.named_parameters())[f"{kind}_l{layer}{'_reverse' * reverse}"]
    order = {nn.LSTM: "ifgo", nn.GRU: "rzn"}[type(module)]
    return dict(zip(order, parameter.chunk(len(order)), strict=True))[gate]
gate_rows: by all weights
    order = "ifgo" if isinstance(module, nn.LSTM) else "rzn"
    index = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].index(kind)
    D = 2 if module.bidirectional else 1
    parameter = module.all_weights[D * layer + reverse][index]
    return parameter.unflatten(0, (len(order), -1))[order.index(gate)].clone()
set_forget_bias: half in each
    if not lstm.bias:
        raise ValueError("no biases")
    for biases in lstm.all_weights:
        for bias in biases[2:4]:
            bias.data.chunk(4)[1].fill_(value / 2)
set_forget_bias: by difference
    if lstm.bias is False:
        raise ValueError
    H = lstm.hidden_size
    for layer in range(lstm.num_layers):
        for way in ("", "_reverse")[: 1 + lstm.bidirectional]:
            bias_ih, bias_hh = (getattr(lstm, f"bias_ih_l{layer}{way}"), getattr(lstm,
                f"bias_hh_l{layer}{way}"))
            with torch.no_grad():
                bias_ih[H : 2 * H].copy_(value - bias_hh[H : 2 * H])
    return lstm
set_forget_bias: by state dict
    state, H = lstm.state_dict(), lstm.hidden_size
    if not any("bias" in name for name in state):
        raise ValueError("bias=False")
    for name in state:
        if "bias_hh" in name:
            state[name][H : 2 * H] = value
        elif "bias_ih" in name:
            state[name][H : 2 * H] = 0
    lstm.load_state_dict(state)
orthogonal_per_gate: by qr
    H, state = module.hidden_size, module.state_dict()
    for name, weight in state.items():
        if "weight_hh" in name:
            blocks = [torch.linalg.qr(torch.randn(H, weight.shape[1]))[0] for _ in range(len(weight) // H)]
            state[name] = torch.cat(blocks)
    module.load_state_dict(state)
orthogonal_per_gate: by data
    for weights in module.all_weights:
        for start in range(0, len(weights[1]), module.hidden_size):
            nn.init.orthogonal_(weights[1].data[start : start + module.hidden_size])
    return module
bias_numbers: by torch
    return {"sgd": torch.tensor(0.12), "sgd_folded": 0.16, "sgd_decay": 0.116, "adam": 0.18,
        "gradient_b_hn": 1 / 10, "f": torch.sigmoid(torch.tensor(2.0)),
        "half_life": np.log(0.5) / np.log(0.9), "chrono": 2.944}
fold_biases: by blocks
    if mode != "GRU":
        return bias_ih + bias_hh, torch.zeros_like(bias_hh)
    (r, z, n), (r_, z_, n_) = bias_ih.chunk(3), bias_hh.chunk(3)
    return torch.cat([r + r_, z + z_, n]), torch.cat([0 * r, 0 * z, n_])
fold_biases: with a mask
    mask = np.ones(len(bias_ih))
    if mode == "GRU":
        mask[2 * len(mask) // 3 :] = 0
    mask = torch.from_numpy(mask)
    return [bias_ih + mask * bias_hh, (1 - mask) * bias_hh]
to_onnx: by rows
    H, D = lstm.hidden_size, 1 + lstm.bidirectional
    rows = [*range(H), *range(3 * H, 4 * H), *range(H, 3 * H)]
    W, R, b, b_ = zip(*lstm.all_weights, strict=True)
    B = torch.stack([torch.cat([b[d][rows], b_[d][rows]]) for d in range(D)])
    return torch.stack(W)[:, rows], torch.stack(R)[:, rows], B
to_onnx: by index
    def moved(name):
        ways = ["_l0", "_l0_reverse"] if lstm.bidirectional else ["_l0"]
        stacked = torch.stack([lstm.state_dict()[name + way] for way in ways])  # (D, 4H, ·)
        return stacked.unflatten(1, (4, -1))[:, [0, 3, 1, 2]].flatten(1, 2)
    return moved("weight_ih"), moved("weight_hh"), torch.cat([moved("bias_ih"), moved("bias_hh")], dim=1)
""")


@pytest.mark.parametrize("made", [nn.RNN, nn.GRU, nn.LSTM, nn.LSTMCell, rnncourse.GRU])
def test_whoever_makes_a_layer_to_ask_it_is_told(made):
    def count_parameters(mode, input_size, hidden_size, *options):
        made(input_size, hidden_size)
        return checks.count_parameters.truth(mode, input_size, hidden_size, *options)

    def layout():
        made(10, 7)
        return checks.layout.truth

    for learner in (count_parameters, layout):
        verdict = getattr(checks, learner.__name__).verdict(learner)
        assert verdict.points == 0
        assert made.__name__ in str(verdict)

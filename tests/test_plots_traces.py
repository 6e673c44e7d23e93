"""The figures of a trace draw the numbers of torch's own layers, and say them in words."""

import re

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from rnncourse import plots, trace

T, B, I, H, P = 6, 4, 2, 5, 3
LENGTHS = [4, 6, 1, 3]  # of the rows of a packed batch, not sorted


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def layer_of(mode: str, **options) -> nn.Module:
    """torch's layer with weights large enough that gates open and close."""
    torch.manual_seed(1)
    kinds = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN_TANH": nn.RNN, "RNN_RELU": nn.RNN}
    if mode == "RNN_RELU":
        options["nonlinearity"] = "relu"
    layer = kinds[mode](I, H, **options)
    for weight in layer.parameters():
        weight.data *= 2
    return layer


def states_for(layer: nn.Module):
    """Random states to start from, h_0 or (h_0, c_0); h_0 reaches beyond 1, so that a GRU's h does too."""
    S = 2 if layer.bidirectional else 1
    h_0, c_0 = 3 * torch.randn(S, B, layer.proj_size or H), torch.randn(S, B, H)
    return (h_0, c_0) if layer.mode == "LSTM" else h_0


def traced(layer: nn.Module, x=None, packed=False):
    """The layer's trace and its output (T, B, ·), from random states."""
    x = torch.randn(T, B, I) if x is None else x
    given = pack_padded_sequence(x, torch.tensor(LENGTHS), enforce_sorted=False) if packed else x
    with torch.no_grad(), trace(layer) as t:
        output, _ = layer(given, states_for(layer))
    if packed:
        output, _ = nn.utils.rnn.pad_packed_sequence(output)
    return t.layer(0), output


def drawn_text(ax) -> set[str]:
    return {text.get_text() for text in ax.texts}


def number_below(ax, label: str) -> float:
    """The number in the box under this label."""
    (text,) = (text for text in drawn_text(ax) if text.startswith(f"{label}\n"))
    return float(text.split("\n")[1])


HEATS = [
    ("LSTM", {}, {"i": (0, 1), "f": (0, 1), "g": (-1, 1), "o": (0, 1), "c": None, "h": (-1, 1)}),
    ("LSTM", {"proj_size": P}, {"i": (0, 1), "g": (-1, 1), "c": None, "q": (-1, 1), "h": None}),
    ("GRU", {}, {"r": (0, 1), "z": (0, 1), "n": (-1, 1), "h": None}),
    ("RNN_TANH", {}, {"h": (-1, 1)}),
    ("RNN_RELU", {}, {"h": None}),
]


@pytest.mark.parametrize(("mode", "options", "scales"), HEATS)
def test_gates_over_time_draws_every_value_on_its_honest_scale(mode, options, scales):
    layer, output = traced(layer_of(mode, **options))
    figure = plots.gates_over_time(layer.forward, b=2)
    images = {image.get_gid(): image for ax in figure.axes for image in ax.images if image.get_gid()}
    assert scales.keys() <= images.keys()
    np.testing.assert_allclose(images["h"].get_array(), output[:, 2].T, atol=1e-6)
    for name, scale in scales.items():
        values = getattr(layer, name)[:, 2]
        np.testing.assert_array_equal(images[name].get_array(), values.T)
        low, high = images[name].get_clim()
        assert scale in (None, (low, high))
        assert (name, mode) != ("h", "GRU") or values.abs().max() > 1  # so that its scale has to follow
        if scale is None:  # it reaches as far as the numbers, and no further than they or 1 do
            largest = values.abs().max().item()
            assert high == pytest.approx(largest if name == "c" else max(1, largest))
            assert low == (0 if mode == "RNN_RELU" else -high)
        assert f"{name} from {values.min():.2f} to {values.max():.2f}" in figure.alt
        assert images[name].cmap.name == ("viridis" if low == 0 else "RdBu_r")
    assert f"Row 2 of a{'n' if mode == 'LSTM' else ''} " in figure.alt
    assert f"{H} units over {T} steps" in figure.alt


def test_steps_that_a_packed_row_does_not_have_stay_empty():
    layer, output = traced(layer_of("LSTM"), packed=True)
    for b, length in enumerate(LENGTHS):
        figure = plots.gates_over_time(layer.forward, b=b)
        image = next(image for ax in figure.axes for image in ax.images if image.get_gid() == "h")
        hidden = np.ma.getmaskarray(image.get_array())
        assert not hidden[:, :length].any()
        assert hidden[:, length:].all()
        np.testing.assert_allclose(image.get_array()[:, :length], output[:length, b].T, atol=1e-6)
        assert f"over {length} steps" in figure.alt
        assert "nan" not in figure.alt


@pytest.mark.parametrize(
    ("mode", "options", "panels"),
    [
        ("LSTM", {}, [["i", "f", "o"], ["g", "c", "h"]]),
        ("LSTM", {"proj_size": P}, [["i", "f", "o"], ["g", "c", "q"]]),  # h has other units
        ("GRU", {}, [["r", "z"], ["n", "h"]]),
        ("RNN_RELU", {}, [["h"]]),
    ],
)
def test_gates_over_time_draws_the_lines_of_one_unit_and_marks_a_step(mode, options, panels):
    layer, _ = traced(layer_of(mode, **options))
    figure = plots.gates_over_time(layer.forward, b=1, unit=4, t=3)
    lines = [{line.get_gid(): line for line in ax.lines if line.get_gid()} for ax in figure.axes]
    assert [[*panel] for panel in lines] == [[*names, "t"] for names in panels]
    for ax, panel in zip(figure.axes, lines, strict=True):
        assert panel.pop("t").get_xdata() == [3, 3]
        for name, line in panel.items():
            values = getattr(layer, name)[:, 1, 4]
            np.testing.assert_array_equal(line.get_ydata(), values)
            assert line.get_color() == plots.LINE_COLORS["h" if name == "q" else name]
            assert ax.get_ylim()[0] < values.min()
            assert values.max() < ax.get_ylim()[1]
            assert f"{name} = {values[3]:z.2f}" in figure.alt
    assert "unit 4" in figure.alt
    assert "step 3 is marked" in figure.alt


def test_gates_over_time_draws_what_the_trace_saved():
    module = layer_of("LSTM")
    with torch.no_grad(), trace(module, names=["f", "a_g"]) as t:
        module(torch.randn(T, B, I))
    figure = plots.gates_over_time(t.layer(0).forward)
    assert [image.get_gid() for ax in figure.axes for image in ax.images if image.get_gid()] == ["f"]
    with torch.no_grad(), trace(module, names=["a_g"]) as t:
        module(torch.randn(T, B, I))
    with pytest.raises(ValueError, match=r"saved a_g: none of i f g o c q h"):
        plots.gates_over_time(t.layer(0).forward)


@pytest.mark.parametrize("options", [{}, {"proj_size": P}])
def test_c_against_h_draws_both_and_the_bound(options):
    layer, _ = traced(layer_of("LSTM", **options))
    figure = plots.c_against_h(layer.forward, b=3, unit=4)
    c, h = layer.c[:, 3, 4], (layer.o * torch.tanh(layer.c))[:, 3, 4]
    left, right = figure.axes
    shown = "q" if options else "h"
    over_time = {line.get_label(): line.get_ydata() for line in left.lines}
    np.testing.assert_array_equal(over_time["c"], c)
    np.testing.assert_allclose(over_time[shown], h, atol=1e-6)
    (dots,) = right.collections
    np.testing.assert_allclose(dots.get_offsets(), torch.stack([c, h], dim=1), atol=1e-6)
    assert (right.get_xlabel(), right.get_ylabel()) == ("c", shown)
    curve = next(line for line in right.lines if line.get_label().startswith("tanh"))
    np.testing.assert_allclose(np.tanh(curve.get_xdata()), curve.get_ydata())
    for ax in (left, right):
        flat = {line.get_ydata()[0] for line in ax.lines if list(line.get_xdata()) == [0, 1]}
        assert {-1, 1} <= flat
    assert f"c runs from {c.min():z.2f} to {c.max():z.2f}" in figure.alt
    assert f"from {h.min():z.2f} to {h.max():z.2f}" in figure.alt


def test_c_against_h_comes_near_to_a_memory_of_small_numbers():
    lstm = nn.LSTM(1, 1)
    for parameter in lstm.parameters():
        nn.init.zeros_(parameter)
    for bias, limit in ((-0.1, 0.11), (5.0, 1.1)):  # with i = f = 0.5, c goes from 0 to tanh(bias)
        lstm.bias_ih_l0.data[2] = bias
        with torch.no_grad(), trace(lstm) as t:
            lstm(torch.zeros(50, 1))
        left, right = plots.c_against_h(t).axes
        for limits in (right.get_xlim(), right.get_ylim(), left.get_ylim()):
            assert limits == pytest.approx((-limit, limit), abs=0.002)
        assert t.c.abs().max() < limit
    lstm.bias_ih_l0.data += 10  # f and i are open: it counts
    with torch.no_grad(), trace(lstm) as t:
        lstm(torch.zeros(12, 1))
    left, _ = plots.c_against_h(t).axes
    assert -2 < left.get_ylim()[0] < -1 < 12 < left.get_ylim()[1] < 13


@pytest.mark.parametrize(
    ("module", "direction", "words"),
    [
        (nn.LSTM(I, H), lambda t: t, "an LSTM"),
        (nn.LSTMCell(I, H), lambda t: t, "an LSTM cell"),
        (nn.RNN(I, H, num_layers=2), lambda t: t.layer(1), "a tanh RNN, layer 1"),
        (
            nn.Sequential(nn.GRU(I, H, bidirectional=True)),
            lambda t: t["0"].layer(0).reverse,
            "a GRU (0, reverse)",
        ),
    ],
    ids=["layer", "cell", "stacked", "named"],
)
def test_words_name_the_layer_once(module, direction, words):
    with torch.no_grad(), trace(module) as t:
        module(torch.randn(T, I))
    assert plots.gates_over_time(direction(t), unit=2).alt.startswith(f"Row 0 of {words}, unit 2 over ")


def test_what_rounds_to_zero_has_no_sign():
    lstm = nn.LSTM(1, 1)
    for parameter in lstm.parameters():
        nn.init.zeros_(parameter)
    lstm.bias_ih_l0.data[2] = -0.004
    with torch.no_grad(), trace(lstm) as t:
        lstm(torch.zeros(2, 1))
    assert -0.005 < t.h.min() < t.h.max() < 0
    alt = plots.gates_over_time(t, unit=0, t=0).alt
    assert "c = 0.00, h = 0.00" in alt
    assert "-0.00" not in alt


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("mode", ["LSTM", "GRU", "RNN_TANH", "RNN_RELU"])
def test_cell_diagram_ends_in_the_modules_own_output_in_both_directions(mode, packed):
    layer, output = traced(layer_of(mode, bidirectional=True), packed=packed)
    length = LENGTHS[3] if packed else T
    for direction, half in ((layer.forward, output[..., :H]), (layer.reverse, output[..., H:])):
        for t in (0, 1, length - 1):
            ax = plots.cell_diagram(direction, t, b=3, unit=2)
            # It is drawn from the pre-activations and the state before: a wrong one gives another h.
            h_t = number_below(ax, "$h_t$")
            assert h_t == pytest.approx(half[t, 3, 2].item(), abs=0.0051)
            assert f"= {h_t:z.2f}" in ax.figure.alt
            assert f"at t = {t}, unit 2, row 3" in ax.figure.alt
            assert ("t + 1 comes before t" in ax.get_title()) == direction.is_reverse
            plt.close(ax.figure)


def test_cell_diagram_of_an_lstm_with_a_projection_shows_q():
    layer, _ = traced(layer_of("LSTM", proj_size=P))
    ax = plots.cell_diagram(layer.forward, 2, b=1, unit=4)
    assert number_below(ax, "$q_t$") == pytest.approx(layer.q[2, 1, 4].item(), abs=0.0051)


def test_the_figures_read_an_unbatched_trace():
    module = layer_of("GRU")
    with torch.no_grad(), trace(module) as t:
        output, _ = module(torch.randn(T, I), torch.randn(1, H))
    figure = plots.gates_over_time(t.layer(0).forward)
    image = next(image for ax in figure.axes for image in ax.images if image.get_gid() == "h")
    np.testing.assert_allclose(image.get_array(), output.T, atol=1e-6)
    for step in (0, 3):
        ax = plots.cell_diagram(t.layer(0).forward, step, unit=3)
        assert number_below(ax, "$h_t$") == pytest.approx(output[step, 3].item(), abs=0.0051)


@pytest.mark.parametrize(
    ("draw", "error", "words"),
    [
        (
            lambda d: plots.gates_over_time(d, b=B),
            IndexError,
            "b: expected a number from 0 to 3, since the batch",
        ),
        (lambda d: plots.gates_over_time(d, b=-1), IndexError, "b: expected .* got -1"),
        (
            lambda d: plots.gates_over_time(d, unit=H),
            IndexError,
            "unit: expected .* 0 to 4, since there are 5",
        ),
        (lambda d: plots.gates_over_time(d, b=3, t=3), IndexError, "t: .* since row b=3 has 3 steps, got 3"),
        (lambda d: plots.c_against_h(d, unit=-1), IndexError, "unit: expected .* got -1"),
        (
            lambda d: plots.cell_diagram(d, 4, b=0),
            IndexError,
            "t: .* 0 to 3, since row b=0 has 4 steps, got 4",
        ),
        (lambda d: plots.cell_diagram(d, 0, unit=H), IndexError, "unit: expected .* 0 to 4"),
    ],
)
def test_what_is_not_there_is_named(draw, error, words):
    layer, _ = traced(layer_of("LSTM"), packed=True)
    with pytest.raises(error, match=words):
        draw(layer.forward)


def test_the_trace_of_one_call_stands_for_its_one_direction():
    module = layer_of("LSTM")
    with torch.no_grad(), trace(module) as t:
        module(torch.randn(T, B, I))
    for draw in (plots.gates_over_time, plots.c_against_h, lambda d: plots.cell_diagram(d, 2).figure):
        assert draw(t).alt == draw(t.layer(0)).alt == draw(t.layer(0).forward).alt


def test_what_is_no_direction_of_a_trace_is_named():
    layer, _ = traced(layer_of("GRU", bidirectional=True))
    with pytest.raises(ValueError, match=r"c_against_h: only an LSTM .* a GRU"):
        plots.c_against_h(layer.reverse)
    for draw in (plots.gates_over_time, plots.c_against_h, lambda d: plots.cell_diagram(d, 0)):
        with pytest.raises(AttributeError, match=r"\.forward"):
            draw(layer)
        with pytest.raises(TypeError, match=r"d: expected one direction of a trace, .* got Tensor"):
            draw(torch.zeros(T, B, H))


def test_cell_diagram_refuses_a_run_that_blew_up():
    layer, _ = traced(layer_of("RNN_RELU"), torch.full((T, B, I), torch.inf))
    with pytest.raises(ValueError, match=r"unit 0 is nan or inf at t=1"):
        plots.cell_diagram(layer.forward, 1)


def test_state_paths_says_how_far_out_the_runs_end():
    states = torch.randn(5, 3, 2)
    lengths = states[-1].norm(dim=1)
    alt = plots.state_paths(states).figure.alt
    assert "3 starts over 4 steps" in alt
    assert f"between {lengths.min():.4g} and {lengths.max():.4g}" in alt


@pytest.mark.parametrize("numbers", [(0.3, 2.0, -0.5, 1.0, 0.8), (-3.0, -1.0, 2.0, -3.0, -1.5)])
def test_gru_cell_writes_and_fills_the_numbers_of_torchs_cell(numbers):
    a_r, a_z, ih_n, hh_n, h = numbers
    cell = nn.GRUCell(1, 1)
    for weight in cell.parameters():
        weight.data.zero_()
    cell.bias_ih.data = torch.tensor([a_r, a_z, ih_n])
    cell.bias_hh.data[2] = hh_n
    h_t = cell(torch.zeros(1), torch.tensor([h])).item()
    new = cell(torch.zeros(1), torch.zeros(1)).item()  # (1 - z) * n
    r, z = 1 / (1 + np.exp(-a_r)), 1 / (1 + np.exp(-a_z))
    ax = plots.gru_cell(*numbers)
    assert {f"$h_t$\n{h_t:.2f}", f"$h_{{t-1}}$\n{h:.2f}", f"r = {r:.2f}", f"z = {z:.2f}"} <= drawn_text(ax)
    assert {f"z * h = {h_t - new:.2f}", f"(1 − z) * n = {new:.2f}"} <= drawn_text(ax)
    height = {patch.get_gid(): patch.get_height() for patch in ax.patches if patch.get_gid()}
    assert height == pytest.approx({"r": 1.6 * r, "z": 1.6 * z, "n": 0.8 * new / (1 - z)}, abs=1e-5)
    assert f"h goes from {h:.2f} to (1 − z) * n + z * h = {h_t:.2f}" in ax.figure.alt


@pytest.mark.parametrize(("a", "full"), [(0.7, 1.0), (-0.7, 1.0), (3.5, 3.5)])
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_rnn_cell_writes_and_fills_the_numbers_of_torchs_cell(nonlinearity, a, full):
    cell = nn.RNNCell(1, 1, nonlinearity=nonlinearity)
    for weight in cell.parameters():
        weight.data.zero_()
    cell.bias_hh.data[0] = a
    h_t = cell(torch.zeros(1)).item()
    ax = plots.rnn_cell(a, 0.4, nonlinearity=nonlinearity)
    assert {f"$h_t$\n{h_t:.2f}", "$h_{t-1}$\n0.40", f"a = {a:.2f}"} <= drawn_text(ax)
    (gauge,) = (patch for patch in ax.patches if patch.get_gid() == "h")
    unit = 0.8 if nonlinearity == "tanh" else 1.6 / full
    assert gauge.get_height() == pytest.approx(unit * h_t, abs=1e-5)
    assert f"{nonlinearity}(a) = {h_t:.2f}" in ax.figure.alt


def losses_by_probe(layer, x, probe, state, loss):
    """The loss of each step (T,), with probe[t] (B, ·) added to h_t or c_t: a loop of torch's formulas."""
    w_ih, w_hh = layer.weight_ih_l0, layer.weight_hh_l0
    biases = (layer.bias_ih_l0, layer.bias_hh_l0) if layer.bias else (0, 0)
    h, c = x.new_zeros(x.shape[1], w_hh.shape[1]), x.new_zeros(x.shape[1], H)
    add = {name: probe if name == state else torch.zeros(len(x)) for name in "hc"}
    losses = []
    for t, x_t in enumerate(x):
        ih, hh = x_t @ w_ih.T + biases[0], h @ w_hh.T + biases[1]
        if layer.mode == "LSTM":
            i, f, g, o = (ih + hh).chunk(4, dim=1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh() + add["c"][t]
            h = o.sigmoid() * c.tanh()
            h = h @ layer.weight_hr_l0.T if layer.proj_size else h
        elif layer.mode == "GRU":
            (ih_r, ih_z, ih_n), (hh_r, hh_z, hh_n) = ih.chunk(3, dim=1), hh.chunk(3, dim=1)
            z = (ih_z + hh_z).sigmoid()
            h = (1 - z) * (ih_n + (ih_r + hh_r).sigmoid() * hh_n).tanh() + z * h
        else:
            h = (ih + hh).tanh() if layer.mode == "RNN_TANH" else (ih + hh).relu()
        h = h + add["h"][t]
        losses.append(loss(h, t))
    return torch.stack(losses)


@pytest.mark.parametrize(
    ("mode", "options", "state"),
    [
        ("LSTM", {}, "h"),
        ("LSTM", {}, "c"),
        ("LSTM", {"proj_size": P, "bias": False}, "h"),
        ("LSTM", {"proj_size": P}, "c"),
        ("GRU", {}, "h"),
        ("RNN_TANH", {}, "h"),
        ("RNN_RELU", {"bias": False}, "h"),
    ],
)
@pytest.mark.parametrize("own_loss", [False, True])
def test_gradient_norms_equal_autograd_through_an_own_loop(mode, options, state, own_loss):
    layer = layer_of(mode, **options).double()
    x = torch.randn(T, B, I, dtype=torch.float64)
    targets = torch.randn(T, B, 1, dtype=torch.float64)
    loss = (lambda h_s, s: ((h_s - targets[s]) ** 2).mean()) if own_loss else None
    norms = plots.gradient_norms(layer, x, state, loss)
    width = layer.proj_size if state == "h" and layer.proj_size else H
    probe = torch.zeros(T, B, width, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(  # (S, T, B, width)
        lambda probe: losses_by_probe(layer, x, probe, state, loss or (lambda h_s, s: h_s.sum())), probe
    )
    theirs = jacobian.flatten(2).norm(dim=2)
    below = torch.ones(T, T).tril().bool()
    torch.testing.assert_close(norms[below], theirs[below], rtol=1e-9, atol=0)
    assert norms[~below].isnan().all()
    assert theirs[~below].abs().max() == 0


def test_gradient_norms_are_the_same_however_the_input_is_laid_out_and_for_frozen_layers():
    layer = layer_of("GRU").requires_grad_(False)
    x = torch.randn(T, B, I)
    with torch.no_grad():
        norms = plots.gradient_norms(layer, x)
    layer.batch_first = True
    torch.testing.assert_close(plots.gradient_norms(layer, x.transpose(0, 1)), norms, equal_nan=True)
    one = plots.gradient_norms(layer, x[:, 2])  # (T, I)
    layer.batch_first = False
    torch.testing.assert_close(one, plots.gradient_norms(layer, x[:, 2:3]), equal_nan=True)
    assert one.isnan().sum() == T * (T - 1) / 2
    assert [weight.grad for weight in layer.parameters()] == [None] * 4


def test_gradient_over_time_draws_the_norms_on_a_log_scale():
    layer, x = layer_of("LSTM"), torch.randn(T, B, I)
    norms = plots.gradient_norms(layer, x, "c")
    ax = plots.gradient_over_time(layer, x, "c")
    (image,) = ax.images
    drawn = image.get_array()
    np.testing.assert_array_equal(np.ma.getmaskarray(drawn), norms.isnan())
    np.testing.assert_allclose(drawn.compressed(), norms[~norms.isnan()])
    assert isinstance(image.norm, matplotlib.colors.LogNorm)
    known = norms[~norms.isnan()]
    np.testing.assert_allclose(image.get_clim(), (known.min(), known.max()))
    assert ax.get_xlabel().startswith("t,")  # columns: t
    assert ax.get_ylabel().startswith("s,")
    assert f"{norms[-1, -1]:.3g} at its own step and {norms[-1, 0]:.3g} at step 0" in ax.figure.alt
    assert f"over {T} steps" in ax.figure.alt


def test_gradient_over_time_shows_a_gradient_of_exactly_0_apart_from_a_small_one():
    layer = layer_of("RNN_RELU")
    x = torch.randn(T, 1, I)
    x[2] = -100 * torch.sign(layer.weight_ih_l0.sum(dim=0))
    layer.weight_ih_l0.data = layer.weight_ih_l0.data.abs()  # x[2] switches every unit off
    x[2] = -100
    norms = plots.gradient_norms(layer, x)
    assert norms[4, 1] == 0
    assert norms[4, 4] > 0
    image = plots.gradient_over_time(layer, x).images[0]
    drawn, low = image.get_array(), image.get_clim()[0]
    assert drawn[4, 4] >= low
    assert image.cmap(image.norm(drawn[4, 1])) == matplotlib.colors.to_rgba("#BBBBBB")  # grey, and not empty
    layer.bias_ih_l0.data -= 1000
    with pytest.raises(ValueError, match=r"every gradient is 0"):
        plots.gradient_over_time(layer, x, loss=lambda h_s, s: h_s.sum() * 0)


@pytest.mark.parametrize(
    ("layer", "given", "error", "words"),
    [
        (nn.Linear(I, H), {}, TypeError, "expected an RNN, LSTM or GRU, got Linear"),
        (nn.GRU(I, H, num_layers=2), {}, ValueError, "got num_layers=2, bidirectional=False"),
        (nn.GRU(I, H, bidirectional=True), {}, ValueError, "num_layers=1, bidirectional=True"),
        (nn.GRU(I, H), {"state": "c"}, ValueError, "state: GRU has h alone, got 'c'"),
        (nn.LSTM(I, H), {"state": "f"}, ValueError, "state: LSTM has h and c, got 'f'"),
        (nn.LSTM(I, H), {"x": torch.randn(I)}, ValueError, r"x: expected \(T, I\) .* got \(2,\)"),
    ],
)
def test_gradient_norms_says_what_it_takes(layer, given, error, words):
    with pytest.raises(error, match=words):
        plots.gradient_norms(layer, **({"x": torch.randn(T, B, I)} | given))


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_jacobian_norms_equal_autograds_through_torchs_rnn(nonlinearity):
    rnn = nn.RNN(H, H, nonlinearity=nonlinearity).double()
    x = torch.randn(T, H, dtype=torch.float64)
    inputs = x @ rnn.weight_ih_l0.T + rnn.bias_ih_l0 + rnn.bias_hh_l0
    norms = plots.jacobian_norms(rnn.weight_hh_l0.detach(), inputs.detach(), nonlinearity)
    h_0 = torch.zeros(1, H, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda h: rnn(x, h)[0], h_0)[:, :, 0]  # (T, H, H)
    torch.testing.assert_close(norms, torch.linalg.svdvals(jacobian)[:, 0], rtol=1e-9, atol=0)


def test_jacobian_norms_without_a_nonlinearity_are_those_of_the_matrix_powers():
    weight_hh = torch.randn(H, H, dtype=torch.float64)
    norms = plots.jacobian_norms(weight_hh, torch.randn(T, H, dtype=torch.float64), "linear")
    powers = [torch.linalg.svdvals(torch.linalg.matrix_power(weight_hh, k + 1))[0] for k in range(T)]
    torch.testing.assert_close(norms, torch.stack(powers))
    with pytest.raises(ValueError, match=r"expected 'tanh', 'relu' or 'linear', got 'sigmoid'"):
        plots.jacobian_norms(weight_hh, torch.randn(T, H), "sigmoid")


def test_norm_against_distance_draws_each_line_and_rhos_powers():
    norms = {"tanh": torch.rand(7), "relu": torch.rand(4)}
    ax = plots.norm_against_distance(norms, rho=0.8)
    lines = {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}
    for label, values in norms.items():
        np.testing.assert_array_equal(lines[label].get_xdata(), range(1, len(values) + 1))
        np.testing.assert_array_equal(lines[label].get_ydata(), values)
        assert f"{label}: {values[-1]:.3g}" in ax.figure.alt
    np.testing.assert_allclose(lines["0.8 ** distance"].get_ydata(), [0.8**k for k in range(1, 8)])
    assert ax.get_yscale() == "log"
    assert len({(line.get_color(), line.get_linestyle()) for line in lines.values()}) == 3


def test_no_figure_is_wider_than_a_page_or_cuts_a_label():
    lstm, gru = traced(layer_of("LSTM"), packed=True)[0].forward, traced(layer_of("GRU"))[0].forward
    x = torch.randn(T, B, I)
    figures = [
        plots.gates_over_time(lstm, b=3),
        plots.gates_over_time(lstm, unit=2, t=1),
        plots.gates_over_time(gru),
        plots.c_against_h(lstm),
        plots.cell_diagram(lstm, 2).figure,
        plots.cell_diagram(gru, 2).figure,
        plots.rnn_cell(-1.0, 0.5).figure,
        plots.gradient_over_time(layer_of("LSTM"), x).figure,
        plots.norm_against_distance({"tanh": torch.rand(7)}, rho=0.8).figure,
    ]
    for figure in figures:
        figure.canvas.draw()
        box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        assert width <= 10
        assert min(box.x0, box.y0) >= -0.01
        assert box.x1 <= width + 0.01
        assert box.y1 <= height + 0.01
        assert re.fullmatch(r"[A-Z].*\d.*\.", figure.alt)

"""A control moved changes the numbers that the figure draws."""

import re
import struct

import matplotlib

matplotlib.use("Agg")

import ipywidgets
import pytest
import torch

from rnncourse import plots, trace, widgets
from rnncourse.plots import lessons


def test_state_paths_draws_the_run_of_torchs_rnn_for_each_setting(monkeypatch):
    drawn = []
    draw = lessons.state_paths
    monkeypatch.setattr(lessons, "state_paths", lambda states, ax: drawn.append(states) or draw(states, ax))
    scale, angle, nonlinearity, picture, about = widgets.state_paths(steps=6).children
    first, words = bytes(picture.value), about.value
    assert first.startswith(b"\x89PNG")
    scale.value, angle.value, nonlinearity.value = 1.2, 90, "relu"
    assert len(drawn) == 4  # once at the start, once for each control that was moved
    assert bytes(picture.value) != first
    assert about.value != words
    for states, kind, weight_hh in [
        (drawn[0], "tanh", [[0.7794, -0.45], [0.45, 0.7794]]),  # 0.9 times cos 30°, sin 30°
        (drawn[3], "relu", [[0.0, -1.2], [1.2, 0.0]]),
    ]:
        rnn = torch.nn.RNN(1, 2, bias=False, nonlinearity=kind)
        rnn.weight_hh_l0.data = torch.tensor(weight_hh)
        theirs, _ = rnn(torch.zeros(6, 4, 1), states[:1])
        torch.testing.assert_close(states[1:], theirs.detach(), rtol=0, atol=1e-3)


def test_step_debugger_draws_the_step_that_the_slider_picks(monkeypatch):
    drawn = []
    draw = lessons.loop_step
    monkeypatch.setattr(lessons, "loop_step", lambda *given: drawn.append(given[-1]) or draw(*given))
    box = widgets.step_debugger(torch.randn(4, 2), torch.randn(5, 3), torch.randn(5, 3))
    step, picture, about = box.children
    assert (step.min, step.max) == (0, 3)
    pictures = {(bytes(picture.value), about.value)}
    for t in (3, 1):
        step.value = t
        pictures.add((bytes(picture.value), about.value))
    assert drawn == [0, 3, 1]
    assert [len(set(shown)) for shown in zip(*pictures, strict=True)] == [3, 3]
    assert matplotlib.pyplot.get_fignums() == []  # a kernel that runs for long keeps no figure open


def test_gate_sliders_draws_the_number_of_each_slider(monkeypatch):
    drawn = []
    draw = lessons.lstm_cell
    monkeypatch.setattr(lessons, "lstm_cell", lambda **given: drawn.append(given) or draw(**given))
    *sliders, picture, about = widgets.gate_sliders().children
    pictures = {(bytes(picture.value), about.value)}
    for slider in sliders:
        slider.value -= 1.5
        pictures.add((bytes(picture.value), about.value))
    # as it opens, then one more for each of five sliders
    assert [len(set(shown)) for shown in zip(*pictures, strict=True)] == [6, 6]
    assert [slider.description for slider in sliders] == ["c before", "a_f", "a_i", "a_g", "a_o"]
    for name, before in drawn[0].items():  # each moved the number of its own name, once
        assert [given[name] for given in drawn[1:]].count(before) == list(drawn[0]).index(name)
        assert drawn[-1][name] == before - 1.5
    assert matplotlib.pyplot.get_fignums() == []


def test_gru_sliders_draws_the_step_of_torchs_cell_for_the_number_of_each_slider(monkeypatch):
    drawn = []
    draw = lessons.gru_cell
    monkeypatch.setattr(lessons, "gru_cell", lambda **given: drawn.append(given) or draw(**given))
    *sliders, picture, about = widgets.gru_sliders().children
    assert [slider.description for slider in sliders] == ["h before", "a_z", "a_r", "ih_n", "hh_n"]
    pictures = {(bytes(picture.value), about.value)}
    for slider in sliders:
        slider.value -= 1.5
        pictures.add((bytes(picture.value), about.value))
    assert [len(set(shown)) for shown in zip(*pictures, strict=True)] == [6, 6]
    for name, before in drawn[0].items():  # each moved the number of its own name, once
        assert [given[name] for given in drawn[1:]].count(before) == list(drawn[0]).index(name)
        assert drawn[-1][name] == before - 1.5

    cell = torch.nn.GRUCell(1, 1)  # all weights 0: its biases make the numbers on the sliders
    given = drawn[-1]
    for parameter in cell.parameters():
        torch.nn.init.zeros_(parameter)
    cell.bias_ih.data = torch.tensor([given["a_r"], given["a_z"], given["ih_n"]])
    cell.bias_hh.data[2] = given["hh_n"]
    h_t = cell(torch.zeros(1, 1), torch.tensor([[given["h"]]])).item()
    assert f"h goes from {given['h']:z.2f} to (1 − z) * n + z * h = {h_t:z.2f}" in about.value
    assert matplotlib.pyplot.get_fignums() == []


def test_unrolling_draws_the_states_of_torchs_rnn_at_the_step_picked(monkeypatch):
    drawn = []
    draw = lessons.unrolling
    monkeypatch.setattr(lessons, "unrolling", lambda *given: drawn.append(given) or draw(*given))
    x = [0.5, -1.5, 2.0]
    bar, weight, squash, picture, about = widgets.unrolling(x).children
    step = bar.children[1]
    assert (step.min, step.max) == (0, 3)
    pictures = {bytes(picture.value)}
    for control, value in ((step, 2), (weight, -0.8), (squash, "tanh")):
        control.value = value
        pictures.add(bytes(picture.value))
    assert len(pictures) == 4
    assert [given[2] for given in drawn] == [0, 2, 2, 2]
    assert drawn[1][1] == [0, 0.5, 0.5 * 0.5 - 1.5, 0.5 * (0.5 * 0.5 - 1.5) + 2]
    rnn = torch.nn.RNN(1, 1, bias=False)
    rnn.weight_ih_l0.data.fill_(1)
    rnn.weight_hh_l0.data.fill_(-0.8)
    theirs, _ = rnn(torch.tensor(x)[:, None])
    torch.testing.assert_close(torch.tensor(drawn[3][1][1:]), theirs.detach()[:, 0])
    assert drawn[3][3] == "tanh(\n-0.8 h + x)"
    assert "after 2 of 3 steps" in about.value
    assert f"h_2 = {drawn[3][1][2]:.3g}" in about.value
    assert matplotlib.pyplot.get_fignums() == []


def test_two_steps_says_the_loss_and_the_gradient_of_the_u_that_is_chosen():
    weight, picture, about = widgets.two_steps((1.0, -0.5), (0.0, 1.0), h_0=-0.25, w=0.5).children
    pictures = set()
    for value in (2.0, 0.0, 8.0):
        weight.value = value
        pictures.add(bytes(picture.value))
        u, h, loss = torch.tensor(value, requires_grad=True), torch.tensor(-0.25), 0
        for x_t, y_t in ((1.0, 0.0), (-0.5, 1.0)):
            h = torch.tanh(0.5 * x_t + u * h)
            loss = loss + (h - y_t) ** 2 / 2
        loss.backward()
        said = re.search(r"; L (\S+); du (\S+),", about.value)
        assert [float(number) for number in said.groups()] == pytest.approx(
            [loss.item(), u.grad.item()], abs=0.00051
        )
    assert len(pictures) == 3
    assert matplotlib.pyplot.get_fignums() == []


@pytest.mark.parametrize("kind", [torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN])
def test_time_slider_shows_the_step_and_the_unit_of_its_sliders(kind):
    layer = kind(2, 5)
    lengths = torch.tensor([3, 6, 4])
    packed = torch.nn.utils.rnn.pack_padded_sequence(torch.randn(6, 3, 2), lengths, enforce_sorted=False)
    with torch.no_grad(), trace(layer) as t:
        output, _ = layer(packed)
    h, _ = torch.nn.utils.rnn.pad_packed_sequence(output)
    assert widgets.time_slider(t.layer(0).forward, b=2, unit=3).children[0].children[0].value == 3
    controls, cell, lines, about_cell, about_lines = widgets.time_slider(t.layer(0).forward, b=2).children
    unit, step = controls.children
    assert (unit.max, step.max) == (4, 3)  # H - 1; row 2 has 4 steps
    pictures = {bytes(lines.value), bytes(cell.value)}
    for unit.value, step.value in [(0, 2), (4, 2), (4, 3)]:
        pictures |= {bytes(lines.value), bytes(cell.value)}
        assert f"unit {unit.value} over 4 steps" in about_lines.value
        assert f"step {step.value} is marked" in about_lines.value
        for about in (about_lines, about_cell):  # of each, h is the last number
            shown = float(re.findall(r"-?\d+\.\d\d", about.value)[-1])
            assert shown == pytest.approx(h[step.value, 2, unit.value].item(), abs=0.0051)
            assert "clip-path:inset(50%)" in about.value  # for screen readers alone: the figures show it all
    assert len(pictures) == 8
    assert matplotlib.pyplot.get_fignums() == []


def test_time_slider_fits_a_laptop():
    """On a screen of 1366 x 768 JupyterLab leaves 650 pixels for a cell's output, below its bars."""
    lstm = torch.nn.LSTM(2, 3)
    with torch.no_grad(), trace(lstm) as t:
        lstm(torch.randn(6, 2))
    _, *pictures = widgets.time_slider(t.layer(0).forward).children[:3]
    height = 40  # the controls, in one row
    for picture in pictures:
        width, pixels = struct.unpack(">II", bytes(picture.value)[16:24])  # of the PNG
        height += pixels * int(picture.layout.width.removesuffix("px")) / width
    assert height < 650


def test_spectral_radius_draws_the_jacobian_of_a_net_with_the_radius_of_its_slider(monkeypatch):
    drawn, made = [], []
    draw, make = lessons.norm_against_distance, lessons.jacobian_norms
    monkeypatch.setattr(lessons, "norm_against_distance", lambda *a: drawn.append(a) or draw(*a))
    monkeypatch.setattr(lessons, "jacobian_norms", lambda *a: made.append(a) or make(*a))
    before = torch.get_rng_state()
    rho, size, picture, about = widgets.spectral_radius(steps=12).children
    pictures = {bytes(picture.value)}
    rho.value = 1.4
    pictures.add(bytes(picture.value))
    size.value = 1.5
    pictures.add(bytes(picture.value))
    assert len(pictures) == len(drawn) == 3
    assert [radius for _, radius in drawn] == [0.9, 1.4, 1.4]
    for (norms, radius), calls in zip(drawn, [made[:3], made[3:6], made[6:]], strict=True):
        assert list(norms) == [kind for _, _, kind in calls] == ["linear", "tanh", "relu"]
        for weight_hh, inputs, kind in calls:
            assert torch.linalg.eigvals(weight_hh).abs().max() == pytest.approx(radius)
            torch.testing.assert_close(norms[kind], make(weight_hh, inputs, kind))
    grew, squashed = (norms["tanh"][-1] for norms, _ in drawn[1:])
    assert squashed < grew  # larger inputs saturate tanh
    torch.testing.assert_close(drawn[1][0]["linear"], drawn[2][0]["linear"])  # which inputs do not touch
    assert f"tanh: {squashed:.3g}" in about.value
    assert torch.equal(torch.get_rng_state(), before)
    assert matplotlib.pyplot.get_fignums() == []


def explorer():
    """shape_explorer's controls by their names, and its table."""
    columns, table = widgets.shape_explorer().children
    controls = {control.description: control for column in columns.children for control in column.children}
    return controls, table


def shape_in(table, name):
    """The sizes of a tensor as the table has them."""
    (axes,) = re.findall(rf"<code>{name}</code></td><td[^>]*><code>\((.*?)\)</code>", table.value)
    return tuple(int(axis.split("=")[1]) for axis in axes.split(", "))


def shape_names(table):
    """The names of the tensors in the table."""
    return set(re.findall(r"<td[^>]*><code>(\w+)</code>", table.value))


def marked_in(table):
    """The rows of the table that bear a mark, and the names in the sentence above it."""
    rows = re.findall(r"<tr style='box-shadow[^>]*><td[^>]*><code>(\w+)</code>", table.value)
    said = re.search(r"<b>Changed:</b> ([\w, ]*)", table.value)
    assert rows == (said[1].split(", ") if said else [])
    return set(rows)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"class": "GRU", "num_layers": 3, "batch_first": True, "T": 4, "B": 5},
        {"bidirectional": True, "proj_size": 6, "input_size": 11, "hidden_size": 13},
        {"class": "RNN", "input": "unbatched", "bidirectional": True, "bias": False},
        {"class": "GRUCell", "B": 8},
        {"class": "LSTMCell", "input": "unbatched"},
    ],
    ids=str,
)
def test_shape_explorer_shows_the_shapes_that_torch_returns(settings):
    controls, table = explorer()
    for name, value in settings.items():
        controls[name].value = value
    kind, form, T, B = (controls[name].value for name in ("class", "input", "T", "B"))
    names = ("input_size", "hidden_size", "num_layers", "proj_size", "bias", "batch_first", "bidirectional")
    given = {name: controls[name].value for name in names if not controls[name].disabled}
    module = getattr(torch.nn, kind)(**given)
    time, batch = ([] if kind.endswith("Cell") else [T]), ([] if form == "unbatched" else [B])
    shape = batch + time if given.get("batch_first") else time + batch
    x = torch.zeros(*shape, module.input_size)
    assert shape_in(table, "input") == x.shape
    returned = module(x)
    if kind.endswith("Cell"):
        states = returned if isinstance(returned, tuple) else (returned,)
        found = [name for name in shape_names(table) if re.fullmatch(r"[hc](_\w+)?", name)]
        assert {name[0] for name in found} == set("hc"[: len(states)])
        assert {shape_in(table, name) for name in found} == {state.shape for state in states}
    else:
        output, state = returned
        assert shape_in(table, "output") == output.shape
        for name, tensor in zip(
            ("h_n", "c_n"), state if isinstance(state, tuple) else (state,), strict=False
        ):
            assert shape_in(table, name) == tensor.shape
    for name, parameter in module.named_parameters():
        assert shape_in(table, name) == parameter.shape


def test_shape_explorer_marks_what_the_last_change_changed_and_that_alone():
    controls, table = explorer()
    assert marked_in(table) == set()  # nothing has changed yet
    controls["T"].value = 9
    assert marked_in(table) == {"input", "output"}
    controls["batch_first"].value = True
    assert marked_in(table) == {"input", "output"}  # it moves no state
    controls["input_size"].value = 12
    assert marked_in(table) == {"input", "weight_ih_l0"}
    controls["num_layers"].value = 1
    assert "<b>Gone:</b> weight_ih_l1, weight_hh_l1, bias_ih_l1, bias_hh_l1" in table.value
    assert {"h_0", "c_0", "h_n", "c_n"} <= marked_in(table)
    controls["input"].value = "packed"
    assert {"input", "output"} <= marked_in(table)
    assert "PackedSequence" in table.value
    assert controls["B"].disabled is False
    controls["class"].value = "GRU"
    assert controls["proj_size"].disabled
    assert "c_0" not in shape_names(table)
    assert "<b>Gone:</b> c_0, c_n" in table.value
    controls["T"].value = 8
    assert "Gone" not in table.value  # the change before this one is no news


def test_shape_explorer_and_its_table_fit_a_laptop_side_by_side():
    """As for time_slider: 650 pixels. What a change marks must be in view beside the control."""
    box = widgets.shape_explorer()
    form, table = box.children
    assert isinstance(box, ipywidgets.HBox)
    assert 32 * sum(len(group.children) for group in form.children) < 650  # 32 pixels a control
    assert int(table.layout.max_height.removesuffix("px")) < 650
    assert table.layout.overflow == "auto"


def test_shape_explorer_says_which_argument_does_not_go():
    controls, table = explorer()
    controls["proj_size"].value = 20
    assert table.value.startswith("✗ proj_size: expected from 1 to hidden_size - 1 = 19")
    controls["proj_size"].value = 19
    assert shape_in(table, "weight_hr_l0") == (19, 20)


def test_index_grid_draws_the_entry_that_is_chosen(monkeypatch):
    drawn = []
    draw = plots.index_grid
    monkeypatch.setattr(plots, "index_grid", lambda *given: drawn.append(given) or draw(*given))
    lstm = torch.nn.LSTM(2, 3, 2, bidirectional=True)
    name, index, picture, about = widgets.index_grid(lstm, 5, [5, 3]).children
    first = bytes(picture.value)
    assert (name.options, tuple(index.options)) == (("output", "h_n", "c_n"), (0, 1, 2, 3))
    index.value = 3
    assert "h_n[3] is the h of layer 1, backward" in about.value
    assert bytes(picture.value) != first
    name.value = "output"
    assert tuple(index.options) == (0, 1, 2, 3, 4)
    index.value = 4
    assert "Row 1 has ended" in about.value
    assert [given[2] for given in drawn] == [("h_n", 0), ("h_n", 3), ("output", 0), ("output", 4)]
    assert all(given[:2] == (lstm, 5) and given[3] == [5, 3] for given in drawn)
    assert matplotlib.pyplot.get_fignums() == []
    assert widgets.index_grid(torch.nn.GRU(2, 3)).children[0].options == ("output", "h_n")
    with pytest.raises(TypeError, match=r"expected a recurrent layer .* got Linear\."):
        widgets.index_grid(torch.nn.Linear(2, 3))


def test_dependency_grid_counts_what_torchs_gradient_finds_for_the_layer_and_step_picked():
    layer, step, both, dropout, picture, about = widgets.dependency_grid(num_layers=2, T=4).children
    assert (layer.max, step.max) == (1, 3)
    pictures = {bytes(picture.value)}
    for control, value in ((layer, 0), (step, 1), (both, True), (layer, 1), (dropout, True)):
        control.value = value
        pictures.add(bytes(picture.value))
        x = torch.randn(4, 1, 2, requires_grad=True)
        rnn = torch.nn.RNN(2, 3, num_layers=layer.value + 1, bidirectional=both.value)
        rnn(x)[0][step.value].sum().backward()
        felt = x.grad.flatten(1).any(1).sum().item()
        assert f"on {felt} of 4 inputs" in about.value
        assert f"layer {layer.value} at t = {step.value}" in about.value
    assert "Dropout acts between layers" in about.value
    assert len(pictures) == 6
    assert matplotlib.pyplot.get_fignums() == []


def test_batch_sizes_draws_the_lengths_of_its_sliders_and_refuses_what_torch_refuses():
    *sliders, enforce_sorted, picture, words = widgets.batch_sizes([3, 5, 2]).children
    assert "batch_sizes [3, 3, 2, 1, 1], sorted_indices [1, 0, 2]" in words.value
    first = bytes(picture.value)
    sliders[2].value = 4
    assert "batch_sizes [3, 3, 3, 2, 1], sorted_indices [1, 2, 0]" in words.value
    assert bytes(picture.value) != first
    enforce_sorted.value = True
    assert (picture.layout.display, words.value[:4]) == ("none", "<p>✗")
    assert "expected the longest first" in words.value
    sliders[0].value = 8  # 8, 5, 4
    assert picture.layout.display == ""
    assert "batch_sizes [3, 3, 3, 3, 2, 1, 1, 1]; the rows" in words.value
    assert matplotlib.pyplot.get_fignums() == []


def test_parameter_map_counts_torchs_own_numbers_for_each_setting_and_refuses_what_torch_refuses():
    kind, controls, picture, about = widgets.parameter_map().children
    (I, H, L, P), (both, bias) = (column.children for column in controls.children)
    pictures = {bytes(picture.value)}
    for control, value in ((both, True), (I, 7), (H, 9), (L, 3), (P, 4), (bias, False)):
        control.value = value
        pictures.add(bytes(picture.value))
        lstm = torch.nn.LSTM(
            I.value, H.value, L.value, bias.value, bidirectional=both.value, proj_size=P.value
        )
        assert f"{sum(p.numel() for p in lstm.parameters()):,} numbers in" in about.value
    assert len(pictures) == 7
    P.value = 9
    assert about.value.startswith("<p>✗ proj_size: expected")
    kind.value = "GRU"
    assert P.disabled
    gru = torch.nn.GRU(7, 9, 3, bias=False, bidirectional=True)
    assert f"{sum(p.numel() for p in gru.parameters()):,} numbers in" in about.value
    assert matplotlib.pyplot.get_fignums() == []


def test_truncation_draws_the_net_the_length_and_the_cut_that_are_chosen(monkeypatch):
    drawn = []
    draw = lessons.truncation_grid
    monkeypatch.setattr(lessons, "truncation_grid", lambda *given: drawn.append(given) or draw(*given))
    nets = {name: torch.randn(6, 6, 2) * torch.ones(6, 6).tril()[..., None] for name in ("short", "long")}
    net, size, way, picture, about = widgets.truncation(nets).children
    assert (size.min, size.max) == (1, 6)
    pictures = {(bytes(picture.value), about.value)}
    for control, value in ((net, "long"), (size, 2), (way, "steps back")):
        control.value = value
        pictures.add((bytes(picture.value), about.value))
    assert drawn == [
        (nets["short"], 5, False),
        (nets["long"], 5, False),
        (nets["long"], 2, False),
        (nets["long"], 2, True),
    ]
    assert [len(set(shown)) for shown in zip(*pictures, strict=True)] == [4, 4]
    assert matplotlib.pyplot.get_fignums() == []

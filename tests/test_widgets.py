"""A control moved changes the numbers that the figure draws."""

import matplotlib

matplotlib.use("Agg")

import torch

from rnncourse import plots, widgets


def test_state_paths_draws_the_run_of_torchs_rnn_for_each_setting(monkeypatch):
    drawn = []
    draw = plots.state_paths
    monkeypatch.setattr(plots, "state_paths", lambda states, ax: drawn.append(states) or draw(states, ax))
    scale, angle, nonlinearity, picture = widgets.state_paths(steps=6).children
    first = bytes(picture.value)
    assert first.startswith(b"\x89PNG")
    scale.value, angle.value, nonlinearity.value = 1.2, 90, "relu"
    assert len(drawn) == 4  # once at the start, once for each control that was moved
    assert bytes(picture.value) != first
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
    draw = plots.loop_step
    monkeypatch.setattr(plots, "loop_step", lambda *given: drawn.append(given[-1]) or draw(*given))
    step, picture = widgets.step_debugger(torch.randn(4, 2), torch.randn(5, 3), torch.randn(5, 3)).children
    assert (step.min, step.max) == (0, 3)
    pictures = {bytes(picture.value)}
    for t in (3, 1):
        step.value = t
        pictures.add(bytes(picture.value))
    assert drawn == [0, 3, 1]
    assert len(pictures) == 3
    assert matplotlib.pyplot.get_fignums() == []  # a kernel that runs for long keeps no figure open


def test_gate_sliders_draws_the_number_of_each_slider(monkeypatch):
    drawn = []
    draw = plots.lstm_cell
    monkeypatch.setattr(plots, "lstm_cell", lambda **given: drawn.append(given) or draw(**given))
    *sliders, picture = widgets.gate_sliders().children
    pictures = {bytes(picture.value)}
    for slider in sliders:
        slider.value -= 1.5
        pictures.add(bytes(picture.value))
    assert len(pictures) == 6  # as it opens, then one more for each of five sliders
    assert [slider.description for slider in sliders] == ["c before", "a_f", "a_i", "a_g", "a_o"]
    for name, before in drawn[0].items():  # each moved the number of its own name, once
        assert [given[name] for given in drawn[1:]].count(before) == list(drawn[0]).index(name)
        assert drawn[-1][name] == before - 1.5
    assert matplotlib.pyplot.get_fignums() == []

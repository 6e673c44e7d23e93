"""The figures draw the numbers that they are given."""

import inspect
import re
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from rnncourse import audit, plots, trace, training
from rnncourse.plots import lessons
from rnncourse.plots.drawing import ink
from rnncourse.plots.style import contrast
from rnncourse.steps import lstm_step

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_lesson_map_tints_the_boxes_by_part_and_joins_each_to_its_needs():
    ax = plots.lesson_map()
    named = dict(zip(ax.get_legend_handles_labels()[1], ax.collections, strict=True))
    for text in ax.texts:
        tint = text.get_bbox_patch().get_facecolor()
        [part] = [name for name, squares in named.items() if np.allclose(squares.get_facecolor(), tint)]
        assert f"{text.get_text()[:2]} " in ax.figure.alt.split(f"{part}: ")[1].split(";")[0]
        assert contrast(to_hex(text.get_color()), to_hex(tint)) >= 4.5
    place = {int(text.get_text()[:2]): text.get_position() for text in ax.texts}
    assert len(set(place.values())) == len(plots.LESSONS) == 23  # no box on another
    joined = {tuple(map(tuple, line.get_xydata())) for line in ax.lines}
    needs = [(other, number) for number, (_, _, others) in plots.LESSONS.items() for other in others]
    assert joined == {(place[other], place[number]) for other, number in needs}
    assert all(other < number and place[other][1] > place[number][1] for other, number in needs)


def test_the_lesson_map_leads_up_to_every_lesson_that_a_page_needs():
    above = {}
    for number, (_, _, needs) in plots.LESSONS.items():
        above[number] = {*needs, *(far for other in needs for far in above[other])}
        if number == 23:
            above[number].add(8)  # lesson 00 says so; its line would cross the map
    for path in sorted(NOTEBOOKS.glob("[0-2][0-9]_*.ipynb"))[1:]:
        top = nbformat.read(path, as_version=4).cells[0].source
        [need] = re.findall(r"(?s)\*\*You need\*\*.*?(?=\n\n)", top)
        sentences = [s for s in need.split(". ") if "help" not in s and "is the subject of" not in s]
        named = {int(number) for number in re.findall(r"\]\((\d\d)_", ". ".join(sentences))} - {0}
        assert named <= above[int(path.name[:2])], path.name


def test_two_steps_says_the_numbers_and_the_gradients_of_autograd():
    x, y, h_0, w, u = (1.0, -0.5), (0.0, 1.0), -0.25, 1.0, 2.0
    values = {
        name: torch.tensor(value, requires_grad=True)
        for name, value in [("h_0", h_0), *zip(("x_1", "x_2"), x, strict=True)]
    }
    us = [torch.tensor(u, requires_grad=True) for _ in range(2)]  # one for each step
    for t in (1, 2):
        values[f"a_{t}"] = w * values[f"x_{t}"] + us[t - 1] * values[f"h_{t - 1}"]
        values[f"h_{t}"] = values[f"a_{t}"].tanh()
        values[f"L_{t}"] = (values[f"h_{t}"] - y[t - 1]) ** 2 / 2
    for value in values.values():
        value.retain_grad()
    (values["L_1"] + values["L_2"]).backward()
    alt = plots.two_steps(x, y, h_0, w, u, gradients=True).figure.alt
    said = {
        name: (float(a), float(b)) for name, a, b in re.findall(r"(\w_\d) (\S+), gradient (-?[\d.]+\d)", alt)
    }
    assert said.keys() == values.keys()
    for name, value in values.items():
        assert said[name] == pytest.approx((value.item(), value.grad.item()), abs=0.0051)
    both = [values[name].item() for name in ("L_1", "L_2")], [u_t.grad.item() for u_t in us]
    loss, du, *shares = map(float, re.findall(r"-?\d\.\d{3}", alt))  # only these have three digits
    assert [loss, du] == pytest.approx([sum(parts) for parts in both], abs=0.00051)
    assert shares == pytest.approx(both[1], abs=0.00051)
    assert "gradient" not in plots.two_steps(x, y, h_0, w, u).figure.alt


def test_two_steps_writes_zero_without_a_sign():
    alt = plots.two_steps((1.0, -0.5), (1.0, 1.0), -0.25, 1.0, u=0.0, gradients=True).figure.alt
    assert "h_0 -0.25, gradient 0.00;" in alt  # u da_1 is -0.0: da_1 is negative


def test_step_roads_says_the_derivatives_of_autograd():
    w_ih, w_hh = torch.tensor([0.3, -0.4, 0.5, 0.6]), torch.tensor([1.0, 2.0, -0.7, 0.5])  # i, f, g, o
    weights = w_ih[:, None], w_hh[:, None], torch.zeros(4), torch.zeros(4)
    x, h, c = torch.tensor([1.2]), torch.tensor([-0.3]), torch.tensor([1.5])

    def step(h, c):
        return lstm_step(x, (h, c), *weights)

    (h_by_h, h_by_c), (c_by_h, c_by_c) = torch.autograd.functional.jacobian(step, (h, c))
    i, f, g, o = (w_ih * x + w_hh * h).tolist()
    i, f, o = (1 / (1 + np.exp(-a)) for a in (i, f, o))
    alt = plots.step_roads(i, f, float(np.tanh(g)), o, c.item(), tuple(w_hh.tolist())).figure.alt
    kept, side, shown, through_o = map(float, re.findall(r"(-?[\d.]+\d)(?:;|\.$)", alt))
    assert (kept, side) == pytest.approx((c_by_c.item(), c_by_h.item()), abs=0.0051)
    assert shown * c_by_c.item() == pytest.approx(h_by_c.item(), abs=0.0051)
    assert shown * c_by_h.item() + through_o == pytest.approx(h_by_h.item(), abs=0.0102)
    [terms] = re.findall(r"through f, i and g: (.+?) = ", alt)
    assert sum(map(float, terms.split(" + "))) == pytest.approx(side, abs=0.0151)


def test_contrast_is_that_of_wcag():
    assert contrast("#FFFFFF", "#000000") == contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#777777") == 1
    assert contrast("#767676", "#FFFFFF") == pytest.approx(4.54, abs=0.005)  # the lightest grey for text


@pytest.mark.parametrize("name", plots.COLORS)
def test_letters_on_a_colour_and_lines_of_a_colour_can_be_seen(name):
    letters = {"black": "#000000", "white": "#FFFFFF"}[ink(plots.COLORS[name])]
    assert contrast(letters, plots.COLORS[name]) >= 4.5
    assert contrast(plots.LINE_COLORS[name], "#FFFFFF") >= 3
    if contrast(plots.COLORS[name], "#FFFFFF") >= 3:
        assert plots.LINE_COLORS[name] == plots.COLORS[name]


def cells_of(kind):
    """A trace of a layer, of which plots draws one unit."""
    layer = getattr(torch.nn, kind)(2, 3)
    with trace(layer) as seen:
        layer(torch.randn(6, 1, 2))
    return seen


def plot_without_colors():
    ax = plt.figure().add_subplot()
    for _ in range(6):
        ax.plot([1, 2])
    return ax.figure


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.gates_over_time(cells_of("LSTM"), b=0, unit=0),
        lambda: plots.gates_over_time(cells_of("GRU"), b=0, unit=0),
        lambda: plots.c_against_h(cells_of("LSTM"), b=0, unit=0),
        lambda: plots.state_paths(torch.randn(5, 3, 2)).figure,
        lambda: plots.lesson_map().figure,
        lambda: training.History(train=[3.0, 2.0, 1.0], valid=[3.0, 2.5, 2.6], best=1).plot().figure,
        plot_without_colors,
    ],
    ids=["LSTM", "GRU", "c against h", "paths", "map", "history", "no colours"],
)
def test_no_line_that_says_something_is_too_pale(draw):
    with plt.rc_context(plots.STYLE):
        lines = [line for ax in draw().axes for line in ax.lines if line.get_linestyle() != "None"]
    seen = [line for line in lines if line.get_zorder() > 0]  # 0: behind all the others, as a grid is
    assert seen
    for line in seen:
        assert contrast(to_hex(line.get_color()).upper(), "#FFFFFF") >= 3, line.get_label()


def test_arrangements_draws_an_arrow_for_each_input_and_each_answer_that_it_names():
    ax = plots.arrangements()
    texts = [text.get_text() for text in ax.texts]
    assert sum(text.startswith("$x_") for text in texts) == 3 + 1 + 3
    assert sum(text.startswith("$y_") for text in texts) == 1 + 3 + 3
    assert "one to many (a picture → its caption): inputs at steps (1,), answers at steps (1, 2, 3)" in (
        ax.figure.alt
    )


def test_lesson_00_links_the_lessons_that_are_there_and_no_others():
    there = {path.name for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")} - {"00_start_here.ipynb"}
    source = (NOTEBOOKS / "00_start_here.ipynb").read_text(encoding="utf-8")
    links = re.findall(r"\]\((\d\d_\w+\.ipynb)\)|href='../notebooks/(\w+\.ipynb)'", source)
    assert {text or output for text, output in links} == there


def test_state_paths_draws_each_run_from_its_start():
    states = torch.randn(5, 3, 2)  # (S + 1, B, 2)
    ax = plots.state_paths(states)
    drawn = np.stack([points.get_offsets() for points in ax.collections], axis=1)
    np.testing.assert_allclose(drawn, states, rtol=1e-6)
    circles = [line.get_xydata()[0] for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(circles, states[0], rtol=1e-6)
    assert ax.get_xlim()[1] > states.abs().max()


def test_unrolled_loop_writes_the_shapes_that_torch_returns():
    T, B, I, H, L = 3, 4, 2, 5, 2
    output, (h_n, c_n) = torch.nn.LSTM(I, H, L)(torch.randn(T, B, I))
    texts = [text.get_text() for text in plots.unrolled_loop(T, B, I, H, num_layers=L).texts]
    assert f"torch.stack(outputs)  {tuple(output.shape)}" in texts
    assert texts.count(f"({B}, {I})") == T  # each x[t]
    # (T + 1) arrows to the right in each layer, and one up from each cell for h alone
    assert texts.count(f"h {tuple(h_n[0].shape)}") == L * (T + 1) + L * T
    assert texts.count(f"c {tuple(c_n[0].shape)}") == L * (T + 1)
    assert [texts.count(f"cells[{layer}]") for layer in range(L + 1)] == [T, T, 0]


@pytest.mark.parametrize("t", [0, 2])
def test_loop_step_shows_the_states_before_and_after_the_step_and_the_outputs_so_far(t):
    x, h, c = torch.randn(4, 2), torch.randn(5, 3), torch.randn(5, 3)
    _, right = plots.loop_step(x, h, c, t).axes
    drawn = {image.get_gid(): image.get_array() for image in right.images}
    expected = {"x_t": x[t], "h before": h[t], "c before": c[t], "h after": h[t + 1], "c after": c[t + 1]}
    expected |= {f"outputs[{s}]": h[s + 1] for s in range(t + 1)}
    assert drawn.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(drawn[name], values[None])
    words = [text.get_text() for text in right.texts]
    assert words.count("line 1: the zeros") == (2 if t == 0 else 0)
    assert words.count(f"line 3, at t = {t - 1}") == (0 if t == 0 else 2)


@pytest.mark.parametrize("numbers", [(0.3, 2.0, 0.5, 1.0, 2.0), (3.0, -1.0, -2.0, -3.0, -1.5)])
def test_lstm_cell_writes_and_fills_the_numbers_of_torchs_cell(numbers):
    *pre_activations, c = numbers
    cell = torch.nn.LSTMCell(1, 1)
    for weight in cell.parameters():
        weight.data.zero_()
    cell.bias_ih.data = torch.tensor(pre_activations)  # i, f, g, o
    h_t, c_t = (state.item() for state in cell(torch.zeros(1), (torch.zeros(1), torch.tensor([c]))))
    without_c = cell(torch.zeros(1))[1].item()
    ax = plots.lstm_cell(*numbers)
    texts = {text.get_text() for text in ax.texts}
    assert {f"$h_t$\n{h_t:.2f}", f"$c_t$\n{c_t:.2f}", f"$c_{{t-1}}$\n{c:.2f}"} <= texts
    assert {f"i * g = {without_c:.2f}", f"f * c = {c_t - without_c:.2f}", f"{np.tanh(c_t):.2f}"} <= texts
    i, f, o = (1 / (1 + np.exp(-a)) for a in np.array(numbers)[[0, 1, 3]])
    height = {patch.get_gid(): patch.get_height() for patch in ax.patches if patch.get_gid()}
    full = 1.6  # the height of a gauge: 1 for i, f, o; from -1 to 1 for g
    expected = {"i": full * i, "f": full * f, "g": full / 2 * np.tanh(numbers[2]), "o": full * o}
    assert height == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("t", [0, 2, None])
def test_unrolling_writes_the_states_of_the_steps_done_and_of_no_other(t):
    x, h = [0.5, -2.0, 3.0, 1.25], [0.0, 0.125, 0.25, 0.375, -7.0625]
    ax = plots.unrolling(x, h, t, cell="f(h, x)")
    done = 4 if t is None else t
    texts = [text.get_text() for text in ax.texts]
    assert [text for text in texts if "$h_" in text] == [
        f"$h_{s}$\n{h[s]:.3g}" if s <= done else f"$h_{s}$\n" for s in range(5)
    ]
    assert [text for text in texts if "$x_" in text] == [f"$x_{s}$ = {x[s - 1]:.3g}" for s in range(1, 5)]
    assert texts.count("f(h, x)") == 5  # rolled up, and once for each step
    assert f"h = {h[done]:.3g}" in texts
    assert (f"x = {x[done - 1]:.3g}" in texts) == (done > 0)
    assert ax.figure.alt.split(": ")[1] == ", ".join(f"h_{s} = {h[s]:.3g}" for s in range(done + 1))


def test_unrolling_refuses_a_state_too_few_and_a_step_too_many():
    with pytest.raises(ValueError, match=r"T \+ 1 = 3 states.* got 2"):
        plots.unrolling([1, 2], [0, 1])
    with pytest.raises(ValueError, match="0 to T = 2, got 3"):
        plots.unrolling([1, 2], [0, 1, 2], 3)


def test_the_map_and_the_loops_say_what_they_show():
    assert "06–08 LSTM and GRU: 06 LSTM gates, 07 h and c, 08 GRU;" in plots.lesson_map().figure.alt
    alt = plots.unrolled_loop(3, 4, 2, 5).figure.alt
    assert "3 steps and 2 stacked cells" in alt
    assert "(4, 2)" in alt
    assert alt.endswith("(3, 4, 5).")
    h, c = torch.randn(5, 2), torch.randn(5, 2)
    alt = plots.loop_step(torch.randn(4, 3), h, c, 2).alt
    assert alt == (
        f"The loop after step 2 of 4: h is now {h[3, 0]:.2f}, {h[3, 1]:.2f}; "
        f"c is now {c[3, 0]:.2f}, {c[3, 1]:.2f}; outputs holds 3."
    )


@pytest.mark.parametrize("name", ["dependence", "gradient_over_time", "truncation_grid"])
def test_the_label_of_a_color_bar_is_upright_and_inside_the_figure(name):
    rnn, x = torch.nn.RNN(2, 3), torch.randn(5, 2, 2)
    ax = {
        "dependence": lambda: plots.dependence(audit(rnn, x, batch=1)),
        "gradient_over_time": lambda: plots.gradient_over_time(rnn, x),
        "truncation_grid": lambda: plots.truncation_grid(torch.ones(5, 5).tril()[..., None], 2),
    }[name]()
    [bar] = [other for other in ax.figure.axes if other.get_label() == "<colorbar>"]
    [label] = bar.texts
    assert not bar.get_ylabel()
    assert label.get_rotation() == 0
    ax.figure.draw_without_rendering()
    assert label.get_window_extent().x1 <= ax.figure.bbox.x1


@pytest.mark.parametrize(
    ("window", "K", "kept"), [(False, 4, 21), (True, 4, 30), (False, 9, 45), (True, 1, 9)]
)
def test_truncation_grid_draws_the_kept_terms_greys_the_cut_and_says_the_error(window, K, kept):
    T, P = 9, 5
    terms = torch.randn(T, T, P, generator=torch.Generator().manual_seed(K)).double()
    terms *= torch.ones(T, T).tril()[..., None]
    ax = plots.truncation_grid(terms, K, window)
    images = {image.get_gid(): image.get_array() for image in ax.images}
    missing, total = torch.zeros(P).double(), torch.zeros(P).double()
    for s in range(T):
        for t in range(T):
            inside = s - K < t <= s if window else t <= s and all((m % K) or not t < m <= s for m in range(T))
            assert images["kept"].mask[s, t] == (not inside)
            assert images["cut"].mask[s, t] == (inside or t > s)
            if inside:
                assert images["kept"][s, t] == pytest.approx(terms[s, t].norm().item())
            elif t <= s:
                missing += terms[s, t]
            total += terms[s, t]
    error = missing.norm() / total.norm()
    said = f"{kept} of 45 terms kept, relative error {error:.2g}"
    assert said in ax.get_title()
    assert said in ax.figure.alt


def test_truncation_grid_refuses_what_is_no_triangle_of_terms():
    with pytest.raises(ValueError, match=r"expected \(T, T, P\), got \(3, 4, 2\)"):
        plots.truncation_grid(torch.ones(3, 4, 2), 1)
    with pytest.raises(ValueError, match="at most T = 3, got 4"):
        plots.truncation_grid(torch.ones(3, 3, 2), 4)
    with pytest.raises(ValueError, match="gradient is 0"):
        plots.truncation_grid(torch.zeros(3, 3, 2), 1)


def test_public_figures_are_of_a_users_own_model():
    """Each takes the user's own: a module, a trace, a report, lengths. The lessons' own are not listed."""
    figures = [name for name in plots.__all__ if callable(getattr(plots, name))]
    firsts = {name: next(iter(inspect.signature(getattr(plots, name)).parameters)) for name in figures}
    assert set(firsts.values()) <= {"d", "module", "layer", "report", "lengths"}
    assert not set(plots.__all__) & set(lessons.__all__)
    assert all(getattr(plots, name) is getattr(lessons, name) for name in lessons.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'unroling'"):
        plots.unroling  # noqa: B018

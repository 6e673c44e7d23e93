"""What the figures of speed show is what torch counts, and the seconds that they are given."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from rnncourse import plots, widgets
from rnncourse.steps import lstm_step


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def blocks(bar):
    """The lengths of a bar's blocks."""
    return [path.get_extents().width for path in bar.get_paths()]


def test_matmuls_cuts_equal_work_into_2T_and_T_plus_1_blocks():
    T, B, I, H = 5, 2, 3, 9
    ax = plots.matmuls(T, B, I, H)
    one_by_one, hoisted = map(blocks, ax.collections)
    assert one_by_one == pytest.approx([0.05, 0.15] * T)  # I : H is 1 : 3, over T steps
    assert hoisted == pytest.approx([0.25] + [0.15] * T)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        state, x = (torch.randn(B, H), torch.randn(B, H)), torch.randn(T, B, I)
        for x_t in x:
            state = lstm_step(x_t, state, torch.randn(4 * H, I), torch.randn(4 * H, H))
    assert f"bars of {counter.get_total_flops() // 2:,} multiply-adds" in ax.figure.alt
    assert "10 matmuls, by turns W_ih x_t of 216 and W_hh h of 648" in ax.figure.alt
    assert "one W_ih x of 1,080, 25% of all" in ax.figure.alt


@pytest.mark.parametrize(("sizes", "error"), [((0, 1, 1, 1), ValueError), ((1, 1, 1.5, 1), TypeError)])
def test_matmuls_refuses_what_is_no_size(sizes, error):
    with pytest.raises(error, match=r"^[TI]: expected an int"):
        plots.matmuls(*sizes)


def test_time_ratios_draws_each_contestants_share_of_the_baseline():
    seconds = {"nn.LSTM": {"small": 0.5, "large": 2.0}, "loop": {"small": 4.0, "large": 3.0}}
    ax = plots.time_ratios(seconds, "nn.LSTM")
    drawn = {line.get_label(): list(line.get_ydata()) for line in ax.lines}
    assert drawn == {"nn.LSTM": [1, 1], "loop": [8, 1.5]}
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["small", "large"]
    assert ax.figure.alt.endswith("at the sizes small; large. nn.LSTM: 1.0, 1.0. loop: 8.0, 1.5.")


def test_the_widget_redraws_with_the_sizes_of_its_sliders():
    *sliders, picture, words = widgets.matmuls().children
    first = bytes(picture.value)
    for slider, value in zip(sliders, (5, 2, 3, 9), strict=True):
        slider.value = value
    assert bytes(picture.value) != first
    assert "Step by step: 10 matmuls" in words.value

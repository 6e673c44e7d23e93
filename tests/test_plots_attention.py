"""The attention matrix shows the weights it is given, and a text that is typed is drawn."""

import matplotlib

matplotlib.use("Agg")

import pytest
import torch

from rnncourse import plots, widgets
from rnncourse.plots.drawing import alt_of


def test_attention_matrix_has_a_row_for_each_written_symbol():
    weights = torch.tensor([[0.9, 0.1, 0.0], [0.25, 0.25, 0.5]])  # (U, T)
    ax = plots.attention_matrix(weights, "abc", ["x", "end"])
    assert torch.equal(torch.as_tensor(ax.images[0].get_array()), weights)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b", "c"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["x", "end"]
    assert "'x' at 'a' (0.90), 'end' at 'c' (0.50)" in alt_of(ax)
    with pytest.raises(ValueError, match=r"expected \(U, T\) = \(2, 3\), got \(3, 2\)"):
        plots.attention_matrix(weights.T, "abc", ["x", "end"])


def test_draw_text_draws_again_when_the_text_changes_and_not_if_there_is_none():
    drawn = []

    def draw(text):
        drawn.append(text)
        return plots.attention_matrix(torch.ones(1, len(text)) / len(text), text, ["y"])

    box, picture, words = widgets.draw_text(draw, "ab").children
    before = bytes(picture.value)
    assert before.startswith(b"\x89PNG")
    assert "over 2 read ones" in words.value
    box.value = "abcd"
    assert bytes(picture.value) != before
    assert "over 4 read ones" in words.value
    box.value = " "
    assert drawn == ["ab", "abcd"]

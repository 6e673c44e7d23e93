"""The taggers' figures show the numbers they are given, and say them."""

import matplotlib

matplotlib.use("Agg")

import pytest
import torch

from rnncourse import plots, widgets
from rnncourse.plots.drawing import alt_of


def test_tag_heat_map_shows_each_steps_probabilities():
    probabilities = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])  # (T, C)
    ax = plots.tag_heat_map(probabilities, "a\nb", ["noun", "verb"])
    assert torch.equal(torch.as_tensor(ax.images[0].get_array()), probabilities.T)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "↵", "b"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["noun", "verb"]
    assert "noun 1, verb 2" in alt_of(ax)
    with pytest.raises(ValueError, match=r"expected \(T, C\) = \(3, 2\), got \(2, 3\)"):
        plots.tag_heat_map(probabilities.T, "abc", ["noun", "verb"])


def test_confusion_matrix_divides_each_row_by_its_sum():
    counts = torch.tensor([[6, 2, 0], [1, 1, 0], [0, 0, 0]])  # the third tag does not occur
    ax = plots.confusion_matrix(counts, ["noun", "verb", "adverb"])
    shares = torch.tensor([[0.75, 0.25, 0], [0.5, 0.5, 0], [0, 0, 0]])
    assert torch.equal(torch.as_tensor(ax.images[0].get_array()), shares)
    written = {text.get_position(): text.get_text() for text in ax.texts}
    assert written == {(0, 0): ".75", (1, 0): ".25", (0, 1): ".50", (1, 1): ".50"}
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("right", "predicted")
    assert "noun 0.75, verb 0.50, adverb 0.00" in alt_of(ax)
    with pytest.raises(ValueError, match=r"counts: expected \(C, C\), C=2, got \(3, 3\)"):
        plots.confusion_matrix(counts, ["noun", "verb"])


def test_tag_text_shows_each_piece_with_its_tag_in_a_color_of_its_own():
    def tag(text):
        return [(word, "long" if len(word) > 3 else "short") for word in text.split()]

    box, shown = widgets.tag_text(tag, "a <word> is").children
    before = shown.value
    assert before.count("<br>") == 3
    assert "&lt;word&gt;" in before
    short, long = plots.COLORS["i"], plots.COLORS["f"]
    assert (before.count(f"solid {short}"), before.count(f"solid {long}")) == (2, 1)
    box.value = "another word"  # the color of a tag stays
    assert (shown.value.count(f"solid {short}"), shown.value.count(f"solid {long}")) == (0, 2)
    box.value = " "
    assert shown.value == ""

"""The figure of a reader shows the numbers it is given, and a click on the grid changes what is read."""

import matplotlib

matplotlib.use("Agg")

import pytest
import torch

from rnncourse import plots, widgets
from rnncourse.plots.drawing import alt_of


def test_row_by_row_shows_the_image_and_each_rows_probabilities():
    image = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.5]])
    probabilities = torch.tensor([[0.25, 0.75], [0.9, 0.1]])  # (T, C)
    right = plots.row_by_row(image, probabilities)
    left = right.figure.axes[0]
    assert torch.equal(torch.as_tensor(left.images[0].get_array()), image)
    assert torch.equal(torch.as_tensor(right.images[0].get_array()), probabilities)
    assert "1 with 0.75 after row 0" in alt_of(right)
    assert "0 with 0.90 after row 1" in alt_of(right)
    with pytest.raises(ValueError, match=r"image: expected \(T=2, W\), a row for each step, got \(3, 2\)"):
        plots.row_by_row(image.T, probabilities)


def test_a_click_changes_one_cell_and_what_is_read():
    seen = []

    def read(image):
        seen.append(image.clone())
        return torch.full((len(image), 4), 0.25)

    given = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    pad = widgets.draw_digit(read, given)
    row, clear, words = pad.children
    grid, picture = row.children
    assert len(grid.children) == 6
    assert torch.equal(seen[-1], given)
    before = picture.value
    grid.children[5].click()
    assert seen[-1].tolist() == [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    assert picture.value != before
    assert grid.children[5].style.button_color == grid.children[1].style.button_color
    assert grid.children[5].style.button_color != grid.children[0].style.button_color
    grid.children[1].click()
    assert seen[-1].tolist() == [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    clear.click()
    assert seen[-1].sum() == 0
    assert given.sum() == 1  # the caller's image is as it was
    assert "after row 1" in words.value

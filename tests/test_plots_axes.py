"""The block of cubes and the tables of sequences: what they draw is what indexing and torch give."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pytest
import torch

from rnncourse import plots

T, B, I = 4, 3, 2


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def places():
    """x[t, b, i] is 100 t + 10 b + i."""
    return 100 * torch.arange(T)[:, None, None] + 10 * torch.arange(B)[:, None] + torch.arange(I)


def gids(ax):
    return [patch.get_gid() for patch in ax.patches]


@pytest.mark.parametrize("batch_first", [False, True])
def test_cube_slices_marks_the_cubes_that_each_index_reads(batch_first):
    x = places()
    given = x.transpose(0, 1) if batch_first else x
    (ax,) = plots.cube_slices(given, 2, -2, 1, batch_first).axes
    assert len(gids(ax)) == 3 * 3 * x.numel()  # three blocks of cubes with three faces each
    # What stands above each block, run as code, is what is marked below.
    codes = [text.get_text().split("   ") for text in ax.texts if text.get_text().startswith("x[")]
    assert [code for code, _ in codes] == (["x[1]", "x[:, 2]", "x[:, :, 1]"] if batch_first else
                                           ["x[2]", "x[:, 1]", "x[:, :, 1]"])  # fmt: skip
    sizes = {"T": T, "B": B, "I": I}
    for (code, shape), axis in zip(codes, "BTI" if batch_first else "TBI", strict=True):
        part = eval(code, {"x": given})
        assert tuple(sizes[letter] for letter in shape.strip("()").split(", ")) == tuple(part.shape)
        marked = {g.split()[1] for g in gids(ax) if g.startswith(axis) and g.endswith("marked")}
        read = {int(f"{t}{b}{i}") for t, b, i in (place.split(",") for place in marked)}
        assert read == set(part.flatten().tolist())
        assert code in ax.figure.alt
        assert shape in ax.figure.alt


def test_cube_slices_writes_the_numbers_of_feature_0():
    x = places()
    (ax,) = plots.cube_slices(x, 0, 0, 0).axes
    for axis in "TBI":
        written = {t.get_gid(): t.get_text() for t in ax.texts if (t.get_gid() or "").startswith(axis)}
        found = {tuple(map(int, gid.split()[1].split(","))): int(text) for gid, text in written.items()}
        assert found == {(t, b, 0): x[t, b, 0] for t in range(T) for b in range(B)}


def test_cube_slices_goes_right_in_time_down_in_the_batch_and_back_in_the_features():
    (ax,) = plots.cube_slices(places(), 0, 0, 0).axes
    corner = {}  # of each cube's front, which is the first of its faces
    for patch in ax.patches:
        axis, place = patch.get_gid().split()[:2]
        corner.setdefault((axis, *map(int, place.split(","))), patch.get_xy()[0])
    for axis in "TBI":
        x, y = corner[axis, 0, 0, 0]
        for t, b, i in [(1, 0, 0), (0, 1, 0), (0, 0, 1)]:
            across, up = corner[axis, t, b, i]
            assert (across > x, across == x) == (t + i > 0, b > 0)
            assert (up < y, up > y) == (b > 0, i > 0)


def test_who_is_where_writes_and_colours_each_entry():
    x = torch.stack(torch.meshgrid(torch.arange(T), torch.arange(B), indexing="ij")[::-1], dim=-1)
    tables = {"as it is": x, "viewed": x.view(B, T, 2)}
    (ax,) = plots.who_is_where(tables).axes
    cells = {text.get_gid(): text.get_text() for text in ax.texts if text.get_gid()}
    colors = {patch.get_gid(): patch.get_facecolor() for patch in ax.patches}
    assert cells.keys() == colors.keys()
    assert len(cells) == 2 * T * B
    by_sequence = {}
    for name, table in tables.items():
        for r, row in enumerate(table.tolist()):
            for k, (b, t) in enumerate(row):
                assert cells[f"{name} {r},{k}"] == f"{b},{t}"
                by_sequence.setdefault(b, set()).add(colors[f"{name} {r},{k}"])
    assert [len(found) for found in by_sequence.values()] == [1] * B
    assert len(set.union(*by_sequence.values())) == B
    assert "viewed has the rows 0,0 1,0 2,0 0,1 / 1,1" in ax.figure.alt


def test_the_figures_fit_a_page():
    x = places()
    table = torch.zeros(4, 4, 2, dtype=torch.int)
    for figure in (plots.cube_slices(x, 0, 0, 0), plots.who_is_where({"x": table, "y": table, "z": table})):
        assert figure.get_size_inches()[0] <= 10
        ends = [text.get_window_extent().x1 for text in figure.axes[0].texts]
        assert max(ends) <= figure.bbox.x1
    with pytest.raises(ValueError, match=r"x: expected \(B, T, I\), got \(4, 3\)"):
        plots.cube_slices(x[..., 0], 0, 0, 0, batch_first=True)
    with pytest.raises(ValueError, match="b: expected from 0 to 2, got 3"):
        plots.cube_slices(x, 0, 3, 0)

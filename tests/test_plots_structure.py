"""What the figures of a module's structure say is true: of the module's own parameters, shapes and numbers.

Sizes all differ, weights are random, and what is compared is read back from the drawing.
"""

import math
import re
from itertools import combinations

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.colors import to_rgb
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import rnncourse
from rnncourse import plots

B, I, H, P = 3, 5, 7, 4
BLUE, RED, ORANGE = (to_rgb(plots.COLORS[name]) for name in "ifo")

LAYERS = {
    "LSTM": lambda: nn.LSTM(I, H),
    "LSTM, deep, two ways, projected": lambda: nn.LSTM(I, H, 3, bidirectional=True, proj_size=P),
    "LSTM of rnncourse, deep, batch first": lambda: rnncourse.LSTM(I, H, 2, batch_first=True),
    "GRU, two ways, batch first": lambda: nn.GRU(I, H, 2, bidirectional=True, batch_first=True),
    "GRU of rnncourse, no bias": lambda: rnncourse.GRU(I, H, bias=False),
    "RNN, two ways": lambda: nn.RNN(I, H, bidirectional=True),
    "RNN of rnncourse": lambda: rnncourse.RNN(I, H, 3),
}
CELLS = {
    f"{home.__name__}.{kind}": lambda home=home, kind=kind, bias=bias: getattr(home, kind)(I, H, bias=bias)
    for home, bias in ((nn, True), (rnncourse, False))
    for kind in ("RNNCell", "LSTMCell", "GRUCell")
}


def made(which):
    torch.manual_seed(0)
    return (LAYERS | CELLS)[which]()


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def texts(ax):
    """The texts of a drawing by their gid."""
    return {text.get_gid(): text.get_text() for text in ax.texts if text.get_gid()}


def patches(ax):
    return {patch.get_gid(): patch for patch in ax.patches if patch.get_gid()}


def ground(patch):
    return pytest.approx(patch.get_facecolor()[:3])


def coloured(ax, *colors):
    """The cells and inputs of a grid that are filled with one of these colours: layer, direction, t."""
    found = set()
    for gid, patch in patches(ax).items():
        match = re.fullmatch(r"layer (\d+) (\w+) t=(\d+)", gid)
        if match and any(ground(patch) == color for color in colors):
            found.add((int(match[1]), ("forward", "backward").index(match[2]), int(match[3])))
    return found


# --- parameter_map


@pytest.mark.parametrize("which", [*LAYERS, *CELLS])
def test_parameter_map_draws_every_parameter_to_scale_with_its_name_shape_and_count(which):
    module = made(which)
    ax = plots.parameter_map(module)
    labels, drawn = texts(ax), patches(ax)
    parameters = dict(module.named_parameters())
    assert {gid for gid in labels if "axes" not in gid} == parameters.keys()
    scales = set()
    for name, parameter in parameters.items():
        stem, rest = re.fullmatch(r"([^(]*)(\(.*)", labels[name], re.DOTALL).groups()
        assert stem.replace("\n", "") == name
        sizes, count = rest.rsplit("\n", 1)
        assert [int(size) for size in re.findall(r"=(\d+)", sizes)] == list(parameter.shape)
        assert count == f"{parameter.numel():,}"
        slices = [patch for gid, patch in drawn.items() if gid.split()[0] == name]
        rows, columns = (*parameter.shape, 1)[:2]
        wide, high = slices[0].get_width(), sum(patch.get_height() for patch in slices)
        scales.add(round(high / rows, 6))
        if columns > 1:
            scales.add(round(wide / columns, 6))
    assert len(scales) == 1  # one scale for all rows and columns; a bias's width alone is not to scale
    total = sum(parameter.numel() for parameter in parameters.values())
    assert f"{total:,} numbers in {len(parameters)} parameters" in ax.figure.alt


def drawn_rows(ax, name, H):
    """A parameter's rows by gate, as the drawing slices them from the top down."""
    slices = {gid.split()[1]: patch for gid, patch in patches(ax).items() if gid.startswith(f"{name} ")}
    top = max(patch.get_y() + patch.get_height() for patch in slices.values())
    rows = {}
    for gate, patch in slices.items():
        assert ground(patch) == to_rgb(plots.COLORS[gate])
        start = (top - patch.get_y() - patch.get_height()) / patch.get_height() * H
        rows[gate] = slice(round(start), round(start) + H)
    return rows


@pytest.mark.parametrize("kind", ["LSTMCell", "GRUCell"])
def test_parameter_map_colours_the_slices_that_torch_computes_with(kind):
    cell = getattr(nn, kind)(I, H)
    ax = plots.parameter_map(cell)
    x, h, c = torch.randn(B, I), torch.randn(B, H), torch.randn(B, H)

    def part(gate, kind, value):
        weight, bias = getattr(cell, f"weight_{kind}"), getattr(cell, f"bias_{kind}")
        rows, rows_of_bias = (
            drawn_rows(ax, f"weight_{kind}", H)[gate],
            drawn_rows(ax, f"bias_{kind}", H)[gate],
        )
        return value @ weight[rows].T + bias[rows_of_bias]

    if kind == "LSTMCell":
        a = {gate: part(gate, "ih", x) + part(gate, "hh", h) for gate in "ifgo"}
        c_t = a["f"].sigmoid() * c + a["i"].sigmoid() * a["g"].tanh()
        torch.testing.assert_close((a["o"].sigmoid() * c_t.tanh(), c_t), cell(x, (h, c)))
    else:
        r, z = ((part(gate, "ih", x) + part(gate, "hh", h)).sigmoid() for gate in "rz")
        n = (part("n", "ih", x) + r * part("n", "hh", h)).tanh()
        torch.testing.assert_close((1 - z) * n + z * h, cell(x, h))


def test_parameter_map_divides_the_columns_that_read_forward_from_those_that_read_backward():
    lstm, x = nn.LSTM(I, H, 2, bidirectional=True), torch.randn(4, B, I)
    ax = plots.parameter_map(lstm)
    halves = {line.get_gid(): line for line in ax.lines}
    assert halves.keys() == {"weight_ih_l1 half", "weight_ih_l1_reverse half"}
    for suffix in ("", "_reverse"):
        slice_i = patches(ax)[f"weight_ih_l1{suffix} i"]
        share = (halves[f"weight_ih_l1{suffix} half"].get_xdata()[0] - slice_i.get_x()) / slice_i.get_width()
        column = share * 2 * H
        assert column == pytest.approx(H)
        getattr(lstm, f"weight_ih_l1{suffix}").data[:, : round(column)] = (
            0  # layer 1 deaf to what is left of it
        )
    before = lstm(x)[0]
    lstm.weight_ih_l0.data += 1
    assert torch.equal(lstm(x)[0], before)
    lstm.weight_ih_l0_reverse.data += 1
    assert not torch.equal(lstm(x)[0], before)


def test_parameter_map_says_what_is_drawn_wider_than_its_scale():
    said = [" ".join(text.get_text() for text in plots.parameter_map(m).texts) for m in (
        nn.GRUCell(3, 4), nn.GRUCell(3, 4, bias=False), nn.GRUCell(3000, 1, bias=False)
    )]  # fmt: skip
    assert ["drawn wider" in text for text in said] == [True, False, True]


# --- index_grid


def every_cell(module, x, lengths):
    """h and c of each cell, (B, ·), nan where a row doesn't run, by torch on one row, layer, prefix in turn.

    x: (T, B, I). Returns {(layer, direction, t): {"h": …, "c": …}}.
    """
    T, kind = len(x), getattr(nn, type(module).__name__)
    projected = {"proj_size": module.proj_size} if module.proj_size else {}
    D = 2 if module.bidirectional else 1
    cells = {}
    for b, length in enumerate(lengths):
        below = x[:length, b]  # (T_b, ·)
        for layer in range(module.num_layers):
            halves = []
            for d in range(D):
                one = kind(below.size(1), H, bias=module.bias, **projected)
                suffix = f"_l{layer}" + "_reverse" * d
                one.load_state_dict(
                    {name: getattr(module, name.replace("_l0", suffix)) for name in one.state_dict()}
                )
                hs = []
                for t in range(length):
                    _, state = one(below[t:].flip(0) if d else below[: t + 1])
                    state = dict(zip("hc", state if kind is nn.LSTM else (state,), strict=False))
                    hs.append(state["h"][0])
                    for letter, value in state.items():
                        rows = cells.setdefault((layer, d, t), {}).setdefault(
                            letter, torch.full((B, value.size(-1)), math.nan)
                        )
                        rows[b] = value[0].detach()
                halves.append(torch.stack(hs))
            below = torch.cat(halves, dim=-1)
    assert {t for *_, t in cells} <= set(range(T))
    return cells


def run(module, x, lengths):
    """output, h_n and for an LSTM c_n, of x (T, B, I), packed if lengths are given."""
    given = x.transpose(0, 1) if module.batch_first else x
    if lengths is not None:
        given = pack_padded_sequence(
            given, torch.tensor(lengths), batch_first=module.batch_first, enforce_sorted=False
        )
    output, state = module(given)
    if lengths is not None:
        output, _ = pad_packed_sequence(output, batch_first=module.batch_first, total_length=len(x))
    state = state if isinstance(state, tuple) else (state,)
    return {"output": output, **dict(zip(("h_n", "c_n"), state, strict=False))}


def entries(ax):
    """Each cell with the entries that stand in it."""
    for text in ax.texts:
        match = re.fullmatch(r"layer (\d+) (\w+) t=(\d+)", text.get_gid() or "")
        if match and text.get_text():
            cell = int(match[1]), ("forward", "backward").index(match[2]), int(match[3])
            yield cell, text.get_text().replace("output\n", "output").split("\n")


@torch.no_grad()
@pytest.mark.parametrize("lengths", [None, [2, 6, 4], [5, 2, 5]], ids=str)
@pytest.mark.parametrize("which", LAYERS)
def test_index_grid_writes_each_entry_into_the_cell_that_it_reads(which, lengths):
    module, T = made(which), 6
    x = torch.randn(T, B, I)
    cells, tensors = every_cell(module, x, lengths or [T] * B), run(module, x, lengths)
    read = {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}
    batch = {name: 0 if name == "output" and module.batch_first else 1 for name in tensors}
    row_of = {
        name: torch.arange(B)
        .reshape([-1 if axis == batch[name] else 1 for axis in range(3)])
        .expand(tensor.shape)
        for name, tensor in tensors.items()
    }
    ax = plots.index_grid(module, T, lengths=lengths)
    for cell, lines in entries(ax):
        for line in lines:
            rows = eval(line, {}, row_of)[..., 0]
            torch.testing.assert_close(eval(line, {}, tensors), cells[cell][line[0].replace("o", "h")][rows])
            exec(f"{line} += 1", {}, read)
            assert line in ax.figure.alt
    for name, count in read.items():  # every entry once, padding never
        expected = torch.ones_like(count)
        if name == "output" and lengths is not None:
            for b, length in enumerate(lengths):
                expected.select(batch[name], b)[length:] = 0
        assert torch.equal(count, expected), name
    assert ("c_n" in ax.figure.alt) == ("c_n" in tensors)


def steps_said(sentence):
    """The sets of steps that a sentence says were read."""
    found = re.findall(r"reading t = (\d+)(?: … (\d+)| alone)", sentence)
    return [set(range(*sorted((int(a), int(b or a))))) | {int(a), int(b or a)} for a, b in found]


@torch.no_grad()
@pytest.mark.parametrize("lengths", [None, [2, 6, 4], [5, 5, 2]], ids=str)
@pytest.mark.parametrize("D", [1, 2])
@pytest.mark.parametrize("name", ["output", "h_n", "c_n"])
def test_index_grid_marks_the_cells_of_a_pick_and_the_steps_that_it_has_read(name, D, lengths):
    torch.manual_seed(1)
    T, module = 6, nn.LSTM(I, H, bidirectional=D == 2)
    x = torch.randn(T, B, I)
    cells, before = every_cell(module, x, lengths or [T] * B), run(module, x, lengths)
    for index in range(T if name == "output" else D):
        ax = plots.index_grid(module, T, pick=(name, index), lengths=lengths)
        sources, path = coloured(ax, ORANGE), coloured(ax, tuple(0.7 + 0.3 * part for part in ORANGE))
        if name != "output":
            entry, found = before[name][index], set()
            for b in range(B):
                found |= {
                    cell
                    for cell in cells
                    if torch.allclose(cells[cell][name[0]][b], entry[b], rtol=0, atol=1e-6)
                }
            assert sources == found
        for d in range(D):
            half = slice(d * H, (d + 1) * H)
            reads = set()
            for t in range(T):
                changed = x.clone()
                changed[t] += 1
                after = run(module, changed, lengths)
                of_d = [tensors[name][index] for tensors in (before, after)]
                if name == "output":
                    of_d = [entry[:, half] for entry in of_d]
                if not torch.equal(*of_d) and (name == "output" or d == index):
                    reads.add((0, d, t))
            assert {cell for cell in sources | path if cell[1] == d} == reads
            said = steps_said(ax.figure.alt)
            if lengths is None and reads:
                assert {t for *_, t in reads} == said[d if name == "output" else 0]
        assert f"{name}[{index}]" in ax.get_title(loc="left").replace("\n", " ")


@torch.no_grad()
@pytest.mark.parametrize("which", LAYERS)
def test_index_grid_says_truly_which_entry_of_output_is_the_same_as_one_of_h_n(which):
    module, T = made(which), 4
    tensors = run(module, torch.randn(T, B, I), None)
    output, h_n = tensors["output"], tensors["h_n"]
    found = 0
    for k in range(len(h_n)):
        said = plots.index_grid(module, T, pick=("h_n", k)).figure.alt
        same = re.search(r"(output\[.*\]) is the same", said)
        in_output = any(
            torch.equal(output[..., s : s + h_n.size(-1)].movedim(int(module.batch_first), 0)[t], h_n[k])
            for t in range(T) for s in range(0, output.size(-1), h_n.size(-1))
        )  # fmt: skip
        assert bool(same) == in_output == ("does not hold it" not in said)
        if same:
            assert torch.equal(eval(same[1], {}, tensors), h_n[k])
            found += 1
    assert found == (2 if module.bidirectional else 1)


def test_index_grid_says_when_a_row_has_ended():
    rnn = nn.RNN(I, H)
    one = plots.index_grid(rnn, 6, pick=("output", 3), lengths=[6, 2, 4]).figure.alt
    assert "Row 1 has ended" in one
    assert "Rows 1, 2 have ended" in plots.index_grid(rnn, 6, ("output", -1), [6, 2, 4]).figure.alt
    assert "every row has ended" in plots.index_grid(rnn, 7, ("output", 6), [6, 2, 4]).figure.alt


# --- dependency_grid


def unrolled_by_cells(L, D, T):
    """An RNN made of cells, T steps of random input: {(layer, direction, t): h}, and the inputs."""
    cells = {(k, d): nn.RNNCell(D * H if k else I, H) for k in range(L) for d in range(D)}
    inputs = [torch.randn(B, I, requires_grad=True) for _ in range(T)]
    below, hs = inputs, {}
    for k in range(L):
        for d in range(D):
            h = torch.zeros(B, H)
            for t in range(T)[:: -1 if d else 1]:
                h = hs[k, d, t] = cells[k, d](below[t], h)
        below = [torch.cat([hs[k, d, t] for d in range(D)], dim=-1) for t in range(T)]
    return hs, inputs


@pytest.mark.parametrize(("L", "T", "D"), [(1, 1, 1), (3, 4, 1), (1, 4, 2), (3, 5, 2)])
def test_dependency_grid_colours_what_autograd_finds(L, T, D):
    torch.manual_seed(2)
    hs, inputs = unrolled_by_cells(L, D, T)
    for layer in range(L):
        for t in range(T):
            goals = {(layer, d, t) for d in range(D)}
            value = sum((hs[goal] * torch.randn(B, H)).sum() for goal in goals)
            gradients = torch.autograd.grad(
                value, [*hs.values(), *inputs], retain_graph=True, allow_unused=True
            )
            felt = [gradient is not None and bool(gradient.any()) for gradient in gradients]
            cells = {cell for cell, touched in zip(hs, felt[: len(hs)], strict=True) if touched}
            steps = {s for s, touched in enumerate(felt[len(hs) :]) if touched}

            ax = plots.dependency_grid(L, T, bidirectional=D == 2, of=(layer, t))
            assert coloured(ax, RED) == goals
            assert coloured(ax, RED, BLUE) == cells
            drawn = patches(ax)
            assert {s for s in range(T) if ground(drawn[f"x t={s}"]) == BLUE} == steps
            numbers = [int(number) for number in re.findall(r"on (\d+)", ax.figure.alt)]
            assert numbers == [len(cells - goals), len(steps)]
            plt.close(ax.figure)


def test_dependency_grid_puts_dropout_where_torch_does():
    L, T, x = 3, 4, torch.randn(4, B, I, requires_grad=True)
    marks = texts(plots.dependency_grid(L, T, dropout=True))
    assert {gid for gid in marks if gid.startswith("dropout")} == {
        f"dropout {k} t={t}" for k in range(L - 1) for t in range(T)
    }
    lstm = nn.LSTM(I, H, L, dropout=1.0)  # drops all: what it acts on is cut off
    output, (h_n, _) = lstm(x)
    assert torch.autograd.grad(output.sum(), x, retain_graph=True)[0].count_nonzero() == 0  # between layers
    assert torch.autograd.grad(h_n[0].sum(), x)[0][0].any()  # not on x, not along time
    assert output.any()  # not after the last
    alone = plots.dependency_grid(1, T, dropout=True)
    assert not any(gid.startswith("dropout") for gid in texts(alone))
    assert not any(gid.startswith("dropout") for gid in texts(plots.dependency_grid(L, T)))


def test_dependency_grid_marks_dropout_between_the_layers_it_names():
    ax = plots.dependency_grid(3, 2, bidirectional=True, dropout=True)
    for text in ax.texts:
        match = re.fullmatch(r"dropout (\d) t=(\d)", text.get_gid() or "")
        if match:
            below, above = (patches(ax)[f"layer {int(match[1]) + up} {d} t={match[2]}"].get_bbox()
                            for up, d in ((0, "backward"), (1, "forward")))  # fmt: skip
            assert below.y1 < text.get_position()[1] < above.y0


# --- batch_sizes


@pytest.mark.parametrize("enforce_sorted", [True, False])
@pytest.mark.parametrize("lengths", [[2, 6, 4], [5, 5, 3, 1], [1], [3, 3], [1, 4, 2, 4, 5]], ids=str)
def test_batch_sizes_draws_the_packed_sequence_of_torch(lengths, enforce_sorted):
    if enforce_sorted:
        lengths = sorted(lengths, reverse=True)
    T, rows = max(lengths), len(lengths)
    x = torch.randn(T, rows, 1)
    packed = pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=enforce_sorted)
    ax = plots.batch_sizes(torch.tensor(lengths), enforce_sorted=enforce_sorted)
    written = texts(ax)

    def number(gid):
        b, t = map(int, written[gid].split(","))
        return x[t, b, 0]

    data = [number(f"data {position}") for position in range(sum(lengths))]
    assert torch.equal(torch.stack(data), packed.data[:, 0])
    assert f"data {sum(lengths)}" not in written
    assert [written.get(f"batch_sizes {t}") for t in range(T)] == [
        str(n) for n in packed.batch_sizes.tolist()
    ]
    column = 0
    for t, size in enumerate(packed.batch_sizes.tolist()):
        stairs = [number(f"sorted {row} {t}") for row in range(size)]
        assert torch.equal(torch.stack(stairs), packed.data[column : column + size, 0])
        assert f"sorted {size} {t}" not in written
        column += size
    for b, length in enumerate(lengths):  # as they were given
        for t in range(T):
            assert (f"padded {b} {t}" in written) == (t < length)
            assert (f"pad {b} {t}" in patches(ax)) == (t >= length)

    boxes, arrows = patches(ax), [text for text in ax.texts if getattr(text, "arrow_patch", None)]
    assert len(arrows) == rows
    for b, arrow in enumerate(arrows):  # from sequence b's row to the stair that begins with it
        (row,) = [row for row in range(rows) if written[f"sorted {row} 0"] == f"{b},0"]
        for gid, y in ((f"padded {b} 0", arrow.xyann[1]), (f"sorted {row} 0", arrow.xy[1])):
            assert boxes[gid].get_bbox().y0 < y < boxes[gid].get_bbox().y1
    said = " ".join(text.get_text() for text in ax.texts)
    for name in ("sorted_indices", "unsorted_indices"):
        indices = getattr(packed, name)
        assert indices is None if enforce_sorted else f"{name} {indices.tolist()}" in re.sub(" +", " ", said)
    assert f"batch_sizes {packed.batch_sizes.tolist()}" in ax.figure.alt


# --- unrolled


@torch.no_grad()
@pytest.mark.parametrize("which", LAYERS)
def test_unrolled_writes_the_shapes_that_torch_returns(which):
    module, T, batch = made(which), 3, 6
    L, D = module.num_layers, 2 if module.bidirectional else 1
    x = torch.randn(batch, T, I) if module.batch_first else torch.randn(T, batch, I)
    output, state = module(x)
    states = state if isinstance(state, tuple) else (state,)
    time = 1 if module.batch_first else 0
    ax = plots.unrolled(module, T, batch)
    written = [text.get_text() for text in ax.texts]

    def shape(text):
        """(6, 2*7=14) is the shape (6, 14), (T=3, B=6, I=5) is (3, 6, 5)."""
        return tuple(int(axis.split("=")[-1]) for axis in text[text.index("(") + 1 : -1].split(", "))

    arrows = [text for text in written if re.fullmatch(r"([hc] )?\(\d.*\)", text)]
    along = {letter: [text for text in arrows if text.startswith(letter)] for letter in "hc"}
    for letter, states_of in zip("hc", states, strict=False):
        assert len(along[letter]) == L * D * (T + 1)
        assert {shape(text) for text in along[letter]} == {states_of[0].shape}
    assert bool(along["c"]) == (len(states) == 2)
    up = [shape(text) for text in arrows if text.startswith("(")]
    assert sorted(up) == sorted([x.select(time, 0).shape] * T + [output.select(time, 0).shape] * T * L)
    for name, tensor in (("input", x), ("output", output)):
        (said,) = [text for text in written if text.startswith(f"{name}\n")]
        assert shape(said) == tensor.shape
    for letter, tensor in zip("hc", states, strict=False):
        said = re.search(rf"{letter}_0 and {letter}_n (\([^)]*\))", ax.figure.alt)[1]
        assert shape(said) == tensor.shape
    for t in range(T):
        for name, tensor in (("x", x), ("output", output)):
            (said,) = [text for text in written if re.fullmatch(rf"{name}\[(:, )?{t}\]", text)]
            assert torch.equal(eval(said, {}, {name: tensor}), tensor.select(time, t))
    assert sum(gid.startswith("layer") for gid in patches(ax)) == L * D * T


@torch.no_grad()
def test_unrolled_lets_states_in_where_time_begins_and_out_where_it_ends():
    module, T = nn.GRU(I, H, 2, bidirectional=True), 4
    ax = plots.unrolled(module, T, B)
    place = {text.get_text(): text.get_position() for text in ax.texts}
    middle = ax.transData.inverted().transform(ax.bbox.get_points()).mean(0)[0]
    x, h_0 = torch.randn(T, B, I), torch.randn(4, B, H)
    output, h_n = module(x, h_0)
    for k in range(4):
        layer, d = divmod(k, 2)
        box = patches(ax)[f"layer {layer} {('forward', 'backward')[d]} t=0"].get_bbox()
        assert box.y0 < place[f"h_0[{k}]"][1] < box.y1
        assert box.y0 < place[f"h_n[{k}]"][1] < box.y1
        into, out = (-1 if place[f"{name}[{k}]"][0] < middle else 1 for name in ("h_0", "h_n"))
        first, last = (0 if side == -1 else T - 1 for side in (into, out))
        if layer == 0:  # the step beside h_0, run alone, is the one that reads h_0
            one = module(x[[first]], h_0)[1][k]
            changed = h_0.clone()
            changed[k] += 1
            assert not torch.equal(module(x[[first]], changed)[1][k], one)
            shorter = x[1:] if d == 0 else x[:-1]  # all the others, begun with what that step handed on
            handed = h_0.clone()
            handed[k] = one
            torch.testing.assert_close(module(shorter, handed)[1][k], h_n[k])
        else:  # the step beside h_n is the one whose output it is
            assert torch.equal(output[last].unflatten(-1, (2, H))[:, d], h_n[k])
        assert {first, last} == {0, T - 1}
        assert (first == 0) == (d == 0)


# --- all of them

WIDE = nn.LSTM(10, 20, 3, bidirectional=True, batch_first=True, proj_size=7)
FIGURES = {
    "parameter_map": lambda **ax: plots.parameter_map(WIDE, **ax),
    "parameter_map, wide": lambda **ax: plots.parameter_map(nn.LSTM(256, 512, 2, bidirectional=True), **ax),
    "parameter_map, two ways": lambda **ax: plots.parameter_map(nn.LSTM(10, 20, 2, bidirectional=True), **ax),
    "parameter_map, cell": lambda **ax: plots.parameter_map(nn.GRUCell(300, 8), **ax),
    "index_grid": lambda **ax: plots.index_grid(WIDE, 6, **ax),
    "index_grid, pick": lambda **ax: plots.index_grid(WIDE, 6, ("output", 5), **ax),
    "index_grid, lengths": lambda **ax: plots.index_grid(WIDE, 6, ("h_n", 4), [6, 2, 4], **ax),
    "index_grid, one step": lambda **ax: plots.index_grid(nn.RNN(3, 4), 1, **ax),
    "dependency_grid": lambda **ax: plots.dependency_grid(3, 6, bidirectional=True, dropout=True, **ax),
    "dependency_grid, one step": lambda **ax: plots.dependency_grid(1, 1, dropout=True, **ax),
    "batch_sizes": lambda **ax: plots.batch_sizes([3, 9, 5, 10, 1, 2, 7, 8], enforce_sorted=False, **ax),
    "batch_sizes, one": lambda **ax: plots.batch_sizes([1], **ax),
    "unrolled": lambda **ax: plots.unrolled(WIDE, 6, 5, **ax),
    "unrolled, one step": lambda **ax: plots.unrolled(nn.GRU(3, 4), 1, 2, **ax),
}


@pytest.mark.parametrize("which", FIGURES)
def test_labels_are_inside_the_figure_and_apart_and_the_figure_fits_a_page(which):
    ax = FIGURES[which]()
    figure = ax.figure
    figure.canvas.draw()
    page = figure.bbox
    assert page.width <= 1000
    shown = [text for text in [ax.title, *ax.texts, ax._left_title] if text.get_text()]
    boxes = [text.get_window_extent() for text in shown]
    for text, box in zip(shown, boxes, strict=True):
        assert page.x0 <= box.x0 < box.x1 <= page.x1, text.get_text()
        assert page.y0 <= box.y0 < box.y1 <= page.y1, text.get_text()
        assert text.get_fontsize() >= 5.5, text.get_text()
    for (one, a), (other, b) in combinations(zip(shown, boxes, strict=True), 2):
        gap = max(a.x0 - b.x1, b.x0 - a.x1), max(a.y0 - b.y1, b.y0 - a.y1)  # beside, below each other
        assert gap[0] >= 3 or gap[1] >= -0.5, (one.get_text(), other.get_text())


@pytest.mark.parametrize("which", FIGURES)
def test_each_draws_in_the_axes_that_it_is_given_and_says_in_words_what_it_draws(which):
    figure, ax = plt.subplots()
    assert FIGURES[which](ax=ax) is ax
    assert plt.get_fignums() == [figure.number]
    assert "\n" not in figure.alt
    assert re.search(r"\d", figure.alt)
    assert figure.alt.endswith(".")


LSTM = nn.LSTM(I, H, 2)
WRONG = {
    "no recurrent module": (lambda: plots.parameter_map(nn.Linear(2, 3)), TypeError, "got Linear."),
    "a tensor": (lambda: plots.unrolled(torch.zeros(2), 3, 3), TypeError, "got Tensor."),
    "the class": (lambda: plots.parameter_map(nn.LSTM), TypeError, "Make one first"),
    "a model": (
        lambda: plots.index_grid(nn.ModuleDict({"encoder": nn.GRU(2, 3)}), 4),
        TypeError,
        "It holds encoder",
    ),
    "a cell": (lambda: plots.index_grid(nn.LSTMCell(2, 3), 4), TypeError, "A cell takes one time step"),
    "a cell unrolled": (lambda: plots.unrolled(nn.GRUCell(2, 3), 4, 2), TypeError, "A cell takes"),
    "no units": (lambda: plots.parameter_map(nn.RNNCell(2, 0)), ValueError, "hidden_size: expected"),
    "no steps": (lambda: plots.index_grid(LSTM, 0), ValueError, "T: expected an int of at least 1, got 0"),
    "half a step": (lambda: plots.unrolled(LSTM, 2.5, 3), TypeError, "T: expected an int, got 2.5"),
    "no batch": (lambda: plots.unrolled(LSTM, 2, 0), ValueError, "B: expected an int of at least 1"),
    "no layers": (lambda: plots.dependency_grid(0, 3), ValueError, "num_layers: expected"),
    "a layer beyond": (lambda: plots.dependency_grid(2, 3, of=(2, 0)), ValueError, "expected from 0 to 1"),
    "a step beyond": (lambda: plots.dependency_grid(2, 3, of=(1, 3)), ValueError, "t: expected from 0 to 2"),
    "of one number": (lambda: plots.dependency_grid(2, 3, of=1), TypeError, "a pair (layer, t)"),
    "pick beyond": (lambda: plots.index_grid(LSTM, 4, ("h_n", 2)), ValueError, "pick: expected from 0 to 1"),
    "pick one number": (lambda: plots.index_grid(LSTM, 4, 2), TypeError, "pick: expected a pair"),
    "c_n of a GRU": (lambda: plots.index_grid(nn.GRU(2, 3), 4, ("c_n", 0)), ValueError, "Only an LSTM"),
    "a length beyond T": (lambda: plots.index_grid(LSTM, 4, lengths=[5]), ValueError, "at most T=4, got 5"),
    "a length of 0": (lambda: plots.batch_sizes([2, 0]), ValueError, "lengths[1]: expected an int"),
    "no lengths": (lambda: plots.batch_sizes([]), ValueError, "got none"),
    "one length": (lambda: plots.batch_sizes(3), TypeError, "one int for each row"),
    "rising lengths": (lambda: plots.batch_sizes([2, 5]), ValueError, "enforce_sorted=False lets torch sort"),
}  # fmt: skip


@pytest.mark.parametrize("which", WRONG)
def test_bad_input_ends_in_a_sentence(which):
    call, error, sentence = WRONG[which]
    with pytest.raises(error) as caught:
        call()
    said = str(caught.value)
    assert sentence in said
    assert said.endswith(".")
    assert "\n" not in said
    assert plt.get_fignums() == []  # nothing half drawn is left open

"""explain: every size in its table is the truth, and every slip about shapes is named.

The truth is the module's own parameters and what a real call returns. A sentence is the one that our own
modules raise; torch's module is called too: it refuses with the same class, or computes in silence.
"""

import itertools
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any, NamedTuple

import pytest
import test_errors
import torch
from oracle import CELLS, LAYERS, LENGTHS, B, H, I, P, T, pair, random, states
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import rnncourse
from rnncourse import explain
from rnncourse.shapes import named, sizes


def make(kind: str, input_size: int = I, hidden_size: int = H, **options):
    """Ours and torch's, with the same weights, in float32."""
    return pair(kind, input_size, hidden_size, dtype=torch.float32, **options)


def zeros(*shape: int) -> torch.Tensor:
    return torch.zeros(shape)


def twice(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(shape), torch.zeros(shape)


def packed() -> PackedSequence:
    return pack_padded_sequence(zeros(T, B, I), LENGTHS, enforce_sorted=False)


# ---- the sizes ----

FORMS = ("batch", "unbatched", "packed")
GRID = [
    (kind, L, D, bias, first, P_)
    for kind, L, D, bias, first in itertools.product(LAYERS, (1, 2, 3), (1, 2), (True, False), (True, False))
    for P_ in ((0, P) if kind == "LSTM" else (0,))
]


def layer_of(library, kind, L, D, bias, first, P_):
    projection = {"proj_size": P_} if P_ else {}
    options = {"num_layers": L, "bidirectional": D == 2, "bias": bias, "batch_first": first}
    return getattr(library, kind)(I, H, **options, **projection)


def returned(module, result) -> dict[str, torch.Tensor]:
    """What a call returned, by the names that explain gives it; a packed output as its data."""
    if isinstance(module, nn.RNNCellBase | rnncourse.cells._Cell):
        return dict(zip(("h_1", "c_1"), (result,) if torch.is_tensor(result) else result, strict=False))
    output, last = result
    output = output.data if isinstance(output, PackedSequence) else output
    return {"output": output} | dict(
        zip(("h_n", "c_n"), (last,) if torch.is_tensor(last) else last, strict=False)
    )


def assert_table_is_true(module, *arguments) -> None:
    """Sizes against the module's parameters, and against what a real call takes and returns."""
    told = explain(module, *arguments)
    assert told.problem == ""
    assert told.reading
    input, *state = arguments
    data = input.data if isinstance(input, PackedSequence) else input
    for name, tensor in (dict(module.named_parameters()) | {"input": data}).items():
        assert sizes(told[name].axes) == tuple(tensor.shape), name
    inputs, outputs, parameters = told.table.values()
    assert [row.name for row in parameters] == [name for name, _ in module.named_parameters()]
    results = returned(module, module(*arguments))
    assert [row.name for row in outputs] == list(results)
    for name, tensor in results.items():
        assert sizes(told[name].axes) == tuple(tensor.shape), name
    given = dict(zip(("h_0", "c_0"), (state[0],) if torch.is_tensor(state[0]) else state[0], strict=False))
    assert [row.name for row in inputs] == ["input", *given]
    for name, tensor in given.items():
        assert sizes(told[name].axes) == tuple(tensor.shape), name
        assert told[name].given == str(tuple(tensor.shape))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", GRID, ids=str)
def test_layers_table_is_true(case, form):
    kind, L, D, _, first, P_ = case
    batch = () if form == "unbatched" else (B,)
    hx = states(kind, L * D, *batch, P_ or H, c_size=H, dtype=torch.float32)
    input = {
        "batch": zeros(*((B, T, I) if first else (T, B, I))),
        "unbatched": zeros(T, I),
        "packed": packed(),
    }[form]
    for library in (nn, rnncourse):
        assert_table_is_true(layer_of(library, *case), input, hx)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch", [(B,), ()], ids=str)
@pytest.mark.parametrize("kind", CELLS)
def test_cells_table_is_true(kind, batch, bias):
    for module in make(kind, bias=bias):
        assert_table_is_true(module, zeros(*batch, I), states(kind, *batch, H, dtype=torch.float32))


@pytest.mark.parametrize("case", GRID, ids=str)
def test_without_input_the_callers_sizes_are_letters(case):
    """The table of a layer alone is the table of a call, less the sizes of T and B."""
    kind, L, D, _, first, P_ = case
    layer = layer_of(nn, *case)
    alone = explain(layer)
    assert alone.messages == []
    hx = states(kind, L * D, B, P_ or H, c_size=H, dtype=torch.float32)
    called = explain(layer, zeros(*((B, T, I) if first else (T, B, I))), hx)
    for (heading, rows), called_rows in zip(alone.table.items(), called.table.values(), strict=True):
        assert heading in called.table
        for row, called_row in zip(rows, called_rows, strict=True):
            letters = tuple((name, None if name in "TB" else size) for name, size in called_row.axes)
            assert (row.name, row.axes, row.given) == (called_row.name, letters, "")


@pytest.mark.parametrize("case", [case for case in GRID if case[3]], ids=str)
def test_axes_are_named_by_what_they_measure(case):
    """Each axis's name, worked out with the options' sizes, gives the axis's size."""
    _, L, D, _, first, P_ = case
    letters = {"T": T, "B": B, "I": I, "H": H, "P": P_, "L": L, "D": D}
    told = explain(layer_of(nn, *case), zeros(*((B, T, I) if first else (T, B, I))))
    for rows in told.table.values():
        for name, size in (axis for row in rows for axis in row.axes):
            assert eval(name, {}, letters) == size, name
    lead = "BT" if first else "TB"
    assert [name for name, _ in told["input"].axes] == [*lead, "I"]
    assert [name for name, _ in told["output"].axes] == [*lead, "D*P" if P_ else "D*H"]
    assert [name for name, _ in told["h_0"].axes] == ["L*D", "B", "P" if P_ else "H"]


def test_example_in_full():
    """One table as it prints."""
    layer = nn.GRU(3, 5, batch_first=True)
    assert str(explain(layer, zeros(7, 4, 3))) == (
        "GRU(3, 5, batch_first=True)\n"
        "time T=4, batch B=7, input I=3, hidden H=5, layers L=1, directions D=1\n"
        "→ This call reads 7 sequences of 4 steps, 3 numbers each (batch_first=True),\n"
        "  from a state of zeros.\n"
        "\n"
        "    output, h_n = gru(input, h_0)\n"
        "\n"
        "goes in\n"
        "  input  (B=7, T=4, I=3)    given (7, 4, 3)  batch first: batch_first=True\n"
        "  h_0    (L*D=1, B=7, H=5)                   zeros if left out\n"
        "\n"
        "comes out\n"
        "  output  (B=7, T=4, D*H=5)  the last layer's h at every step\n"
        "  h_n     (L*D=1, B=7, H=5)  the last h\n"
        "\n"
        "parameters; rows of weight_ih, weight_hh and the biases: r 0:5, z 5:10, n 10:15\n"
        "  weight_ih_l0  (3*H=15, I=3)  times the input\n"
        "  weight_hh_l0  (3*H=15, H=5)  times h\n"
        "  bias_ih_l0    (3*H=15)\n"
        "  bias_hh_l0    (3*H=15)\n"
        "\n"
        "· batch_first moves input and output, never a state: (L*D=1, B, H=5).\n"
        "· From (B, T, …) to (T, B, …) and back: transpose(0, 1). view and reshape mix\n"
        "  the sequences.\n"
        "· output has every step of the last layer, h_n the last step of every layer and\n"
        "  direction.\n"
        "· A call returns a tuple, output and h_n: nn.Sequential would pass on all of it."
    )


# ---- what is wrong ----


class Wrong(NamedTuple):
    """A call that somebody wrote, and a part of the sentence that names the slip."""

    what: str
    kind: str
    options: dict
    arguments: tuple
    says: str
    torch_refuses: bool = True


TWO_WAY = {"num_layers": 2, "bidirectional": True}
FIRST = {"batch_first": True}
S = 4
x, h = zeros(T, B, I), zeros(1, B, H)

# The rows of the course's list of confusions that are wrong calls; the comment is the claim behind the slip.
WRONG = [
    # batch_first moves the states too
    Wrong(
        "state batch first",
        "GRU",
        TWO_WAY | FIRST,
        (zeros(B, T, I), zeros(B, S, H)),
        "batch_first moves input and output, never a state",
    ),
    Wrong(
        "pair batch first",
        "LSTM",
        TWO_WAY | FIRST,
        (zeros(B, T, I), twice(B, S, H)),
        "Are its first two axes exchanged?",
    ),
    Wrong("state's axes", "GRU", TWO_WAY, (x, zeros(H, B, S)), "Its axes are in a different order"),
    # the input is batch first whatever batch_first is
    Wrong(
        "batch_first forgotten",
        "LSTM",
        {},
        (zeros(B, T, I), twice(1, B, H)),
        "which is time with batch_first=False",
    ),
    Wrong("batch_first too many", "LSTM", FIRST, (x, twice(1, B, H)), "which is time with batch_first=True"),
    Wrong("features in the middle", "GRU", {}, (zeros(T, I, B),), "Its axis 1 is 8: are the axes exchanged?"),
    # a state is laid out as the output
    Wrong("joined directions", "GRU", TWO_WAY, (x, zeros(2, B, 2 * H)), "The output joins both directions"),
    Wrong("output for h_0", "GRU", {}, (x, zeros(T, B, H)), "num_layers=1 and 1 direction make 1 row."),
    # a bidirectional layer has one row for each layer
    Wrong("rows for one direction", "LSTM", TWO_WAY, (x, twice(2, B, H)), "two rows for each layer"),
    Wrong(
        "rows for another depth",
        "LSTM",
        TWO_WAY,
        (x, twice(6, B, H)),
        "num_layers=2 and 2 directions make 4 rows",
    ),
    Wrong("h of another width", "GRU", {}, (x, zeros(1, B, I)), "was it made for hidden_size=8?"),
    # bidirectional makes input : hidden 1 : 2, hidden_size is the output's width
    Wrong(
        "after a bidirectional layer",
        "GRU",
        {},
        (zeros(T, B, 2 * I),),
        "Is this the output of a bidirectional layer with hidden_size=8?",
    ),
    Wrong("after another layer", "GRU", {}, (zeros(T, B, 21),), "the output of a layer with hidden_size=21"),
    Wrong("its own width", "GRU", {}, (zeros(T, B, H),), "this module's own hidden_size"),
    # proj_size shrinks c too; it shrinks nothing
    Wrong(
        "c projected",
        "LSTM",
        {"proj_size": P},
        (x, twice(1, B, P)),
        "With proj_size, h is P wide and only c is H wide",
    ),
    Wrong("h not projected", "LSTM", {"proj_size": P}, (x, twice(1, B, H)), "With proj_size, h is P wide"),
    # an unbatched input's state, and a batched one's
    Wrong(
        "batched state, one sequence",
        "LSTM",
        {},
        (zeros(T, I), twice(1, B, H)),
        "The input has no batch axis. Is it one step of a batch?",
    ),
    Wrong(
        "unbatched state, batch",
        "GRU",
        TWO_WAY,
        (x, zeros(S, H)),
        "so the state has three: layers and directions, batch, features",
    ),
    Wrong("layer axis missing", "GRU", {}, (x, zeros(B, H)), "Its layer axis is missing: h.unsqueeze(0)"),
    Wrong(
        "1-D for a layer", "LSTM", {}, (zeros(I),), "One step alone? Add the time axis: input.unsqueeze(0)"
    ),
    Wrong(
        "4-D for a layer",
        "LSTM",
        {},
        (zeros(1, T, B, I),),
        "input: expected (T, B, I=8) or, without a batch, (T, I=8)",
    ),
    Wrong(
        "one row, batched state",
        "GRUCell",
        {},
        (zeros(I), zeros(B, H)),
        "must both have a batch axis, or neither",
    ),
    Wrong(
        "cell's state turned",
        "GRUCell",
        {},
        (zeros(B, I), zeros(H, B)),
        "Its axes are exchanged: the batch comes first",
    ),
    Wrong(
        "layer's h_0 for a cell",
        "GRUCell",
        {},
        (zeros(B, I), h),
        "That is a layer's state: a cell takes one row of it, h_0[k]",
    ),
    Wrong("layer's pair for a cell", "LSTMCell", {}, (zeros(B, I), (h, h)), "That is a layer's state"),
    # a tuple's absence and presence
    Wrong("LSTM, one tensor", "LSTM", {}, (x, h), "One tensor alone is h_0: c_0 is missing"),
    Wrong("LSTMCell, one tensor", "LSTMCell", {}, (zeros(B, I), zeros(B, H)), "c_0 is missing"),
    Wrong(
        "LSTMCell, rows as a pair",
        "LSTMCell",
        {},
        (zeros(I), zeros(2, H)),
        "c_0 is missing",
        torch_refuses=False,
    ),
    Wrong("GRU, a pair", "GRU", {}, (x, (h, h)), "Only an LSTM has two states: pass h_0 alone"),
    Wrong("GRUCell, a pair", "GRUCell", {}, (zeros(B, I), twice(B, H)), "Only an LSTM has two states"),
    Wrong("LSTM, h and c apart", "LSTM", {}, (x, h, h), "Put them in one tuple: (h_0, c_0)"),
    Wrong(
        "LSTMCell, h and c apart",
        "LSTMCell",
        {},
        (zeros(B, I), zeros(B, H), zeros(B, H)),
        "one tuple: (h_0, c_0)",
    ),
    Wrong("GRU, h and c apart", "GRU", {}, (x, h, h), "Only an LSTM has two states: pass h_0 alone"),
    # a layer's result is a tensor
    Wrong(
        "a layer's result",
        "GRU",
        {},
        ((x, h),),
        "Is it what another layer returned, (output, state)? Pass its first part",
    ),
    # LSTMCell takes (seq, batch, input), or a packed sequence
    Wrong(
        "a sequence for a cell",
        "LSTMCell",
        {},
        (x,),
        "A cell takes one time step: input[t]. LSTM takes them all",
    ),
    Wrong(
        "packed for a cell", "LSTMCell", {}, (packed(),), "a layer (RNN, LSTM, GRU) takes a PackedSequence"
    ),
    # dtype, device
    Wrong("NumPy's float64", "LSTM", {}, (x.double(),), "NumPy's floats are float64"),
    Wrong("token numbers", "LSTM", {}, (x.long(),), "Token numbers need an nn.Embedding instead"),
    Wrong("state in float64", "GRU", {}, (x, h.double()), "h_0: expected torch.float32"),
    Wrong(
        "elsewhere", "GRU", {}, (x.to("meta"),), "expected it on cpu, where the weights are, got it on meta"
    ),
    Wrong("state elsewhere", "GRU", {}, (x, h.to("meta")), "h_0: expected it on cpu"),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{wrong.kind}-{wrong.what}")
def test_wrong_call_is_named(wrong):
    ours, theirs = make(wrong.kind, **wrong.options)
    with pytest.raises(Exception) as raised:  # noqa: PT011  torch says which
        ours(*wrong.arguments)
    told = explain(theirs, *wrong.arguments)
    assert told.problem == str(raised.value)
    assert wrong.says in told.problem
    assert told.warnings == ()
    assert told.reading == ""
    assert explain(ours, *wrong.arguments).problem == told.problem
    assert f"✗ {told.problem}" in " ".join(str(told).split())
    if wrong.torch_refuses:
        with pytest.raises(type(raised.value)):
            theirs(*wrong.arguments)
    else:
        theirs(*wrong.arguments)


class Asked:
    """Stands in for a module: a call is put to explain, and what explain finds is raised."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __call__(self, *arguments):
        problem = explain(self.module, *arguments).problem
        if problem:
            raise AssertionError(problem)

    def float(self):
        return Asked(self.module.float())


CAN_BE_ASKED = [
    (kind, refused, options)
    for kinds, refusals, options in (
        (LAYERS, test_errors.LAYER_REFUSALS, {"num_layers": 2, "bidirectional": True}),
        (("RNN", "GRU"), test_errors.ONE_STATE_REFUSALS, {"num_layers": 2, "bidirectional": True}),
        (("LSTM",), test_errors.TWO_STATE_REFUSALS, {"num_layers": 2, "bidirectional": True}),
        (
            ("LSTM",),
            test_errors.PROJECTION_REFUSALS,
            {"num_layers": 2, "bidirectional": True, "proj_size": P},
        ),
        (CELLS, test_errors.CELL_REFUSALS, {}),
        (("RNNCell", "GRUCell"), test_errors.ONE_STATE_CELL_REFUSALS, {}),
        (("LSTMCell",), test_errors.TWO_STATE_CELL_REFUSALS, {}),
    )
    for kind in kinds
    for refused in refusals
    if refused.what not in ("no input", "input None", "h_0 as hx by keyword")
]


@pytest.mark.parametrize(
    ("kind", "refused", "options"), CAN_BE_ASKED, ids=lambda v: v if type(v) is str else None
)
def test_torchs_module_gets_our_sentence(kind, refused, options):
    """Each call of test_errors.py, with torch's module: the sentence is the one that ours raises."""
    ours, theirs = pair(kind, **options)
    with pytest.raises(Exception) as raised:  # noqa: PT011  tested there
        refused.call(ours, kind)
    with pytest.raises(AssertionError) as told:
        refused.call(Asked(theirs), kind)
    assert str(told.value) == str(raised.value)


def test_table_stays_beside_a_problem():
    """What is known keeps its size, and what was given stands beside it."""
    told = explain(nn.LSTM(I, H, **TWO_WAY), x, (zeros(B, S, H), zeros(S, B, H)))
    assert named(told["h_0"].axes) == f"(L*D={S}, B={B}, H={H})"
    assert told["h_0"].given == str((B, S, H))
    assert told["c_0"].given == str((S, B, H))
    told = explain(nn.LSTM(I, H), zeros(T, B, H), h)
    assert named(told["input"].axes) == f"(T, B, I={I})"
    assert [told[name].given for name in ("input", "h_0", "c_0")] == [
        str((T, B, H)),
        str((1, B, H)),
        "missing",
    ]


def test_bidirectional_1():
    """torch builds it and fails when it is called; ours refuses to build it, in the sentence shown here."""
    theirs = nn.LSTM(I, H, bidirectional=1)
    with pytest.raises(TypeError):
        theirs(x)
    with pytest.raises(TypeError) as raised:
        rnncourse.LSTM(I, H, bidirectional=1)
    assert explain(theirs).problem == explain(theirs, x).problem == str(raised.value)
    assert "bidirectional: expected True or False, got 1" in str(raised.value)


def test_state_without_input():
    assert "give both: explain(module, input, hx)" in explain(nn.GRU(I, H), hx=h).problem


# ---- what torch computes in silence ----


class Silent(NamedTuple):
    """A call that computes something, and what explain warns of (None: of nothing)."""

    what: str
    kind: str
    options: dict
    arguments: tuple
    warns: str | None


SILENT = [
    Silent(
        "T == B",
        "GRU",
        {},
        (zeros(7, 7, I),),
        "Axis 0 is read as time, axis 1 as the batch (batch_first=False).",
    ),
    Silent(
        "T == B, batch first",
        "GRU",
        FIRST,
        (zeros(7, 7, I),),
        "Axis 0 is read as the batch, axis 1 as time (batch_first=True).",
    ),
    Silent(
        "B == L*D",
        "GRU",
        TWO_WAY,
        (zeros(T, S, I), zeros(S, S, H)),
        "Axis 0 is read as layers and directions, axis 1 as the batch, whatever batch_first is.",
    ),
    Silent(
        "B == L*D, pair, batch first",
        "LSTM",
        TWO_WAY | FIRST,
        (zeros(S, T, I), twice(S, S, H)),
        "h_0 and c_0: L*D and B are both 4",
    ),
    Silent(
        "B == L*D, projected",
        "LSTM",
        TWO_WAY | {"proj_size": P},
        (zeros(T, S, I), (zeros(S, S, P), zeros(S, S, H))),
        "c_0: L*D and B are both 4",
    ),
    Silent("B == L*D, zeros", "GRU", TWO_WAY, (zeros(T, S, I),), None),
    Silent(
        "every size 2",
        "LSTM",
        {"I": 2, "H": 2, "num_layers": 2},
        (zeros(2, 2, 2), twice(2, 2, 2)),
        "T, B, I and H are all 2: equal sizes hide every exchange",
    ),
    Silent("every size 1", "LSTM", {"I": 1, "H": 1}, (zeros(1, 1, 1),), None),
    Silent(
        "every size of a cell",
        "GRUCell",
        {"I": 2, "H": 2},
        (zeros(2, 2), zeros(2, 2)),
        "B, I and H are all 2: equal sizes hide every exchange",
    ),
    Silent(
        "one cell row",
        "GRUCell",
        {"I": 2, "H": 2},
        (zeros(2), zeros(2)),
        "I and H are both 2: equal sizes hide every exchange",
    ),
    Silent(
        "T == I unbatched",
        "GRU",
        {},
        (zeros(I, I), zeros(1, H)),
        "T and I are both 8, so nothing notices if these two axes are exchanged.",
    ),
    Silent("B == I, cell", "GRUCell", {}, (zeros(I, I), zeros(I, H)), "input: B and I are both 8"),
    Silent(
        "B == H, cell",
        "LSTMCell",
        {},
        (zeros(H, I), twice(H, H)),
        "h_0 and c_0: B and H are both 11, so nothing notices",
    ),
    Silent(
        "L*D == H, unbatched",
        "GRU",
        {"H": 4} | TWO_WAY,
        (zeros(T, I), zeros(4, 4)),
        "h_0: L*D and H are both 4",
    ),
    Silent(
        "2-D input",
        "LSTM",
        {},
        (zeros(B, I),),
        "Is it a batch of 7 single steps? Then add the time axis: input.unsqueeze(0).",
    ),
    Silent(
        "2-D input, batch first", "LSTM", FIRST, (zeros(B, I),), "Then add the time axis: input.unsqueeze(1)."
    ),
    Silent("2-D input and state", "LSTM", {}, (zeros(T, I), twice(1, H)), None),
    Silent(
        "one step each",
        "GRU",
        {},
        (zeros(1, T, I),),
        "read as 5 sequences of one step each (batch_first=False).",
    ),
    Silent(
        "one step each, batch first",
        "GRU",
        FIRST,
        (zeros(T, 1, I),),
        "read as 5 sequences of one step each (batch_first=True)",
    ),
    Silent("one step each, state given", "GRU", {}, (zeros(1, B, I), zeros(1, B, H)), None),
    Silent("one sequence of one step", "GRU", {}, (zeros(1, 1, I),), None),
    Silent(
        "packed, longest == B",
        "GRU",
        {},
        (pack_padded_sequence(zeros(3, 3, I), [3, 2, 1]),),
        "If pack_padded_sequence was given (B, T, I), did it have batch_first=True?",
    ),
    Silent("packed", "GRU", {}, (packed(),), "is padding for them: their last step is in h_n[-1]."),
    Silent("all different", "LSTM", TWO_WAY, (x, twice(S, B, H)), None),
    Silent("all different, batch first", "GRU", FIRST, (zeros(B, T, I),), None),
    Silent("cell, all different", "LSTMCell", {}, (zeros(B, I), twice(B, H)), None),
]


@pytest.mark.parametrize("silent", SILENT, ids=lambda silent: f"{silent.kind}-{silent.what}")
def test_silent_slip_is_warned_of(silent):
    options = dict(silent.options)
    for module in make(silent.kind, options.pop("I", I), options.pop("H", H), **options):
        module(*silent.arguments)  # raises nothing
        told = explain(module, *silent.arguments)
        assert told.problem == ""
        assert told.reading
        if silent.warns is None:
            assert told.warnings == ()
        else:
            assert any(silent.warns in warning for warning in told.warnings), told.warnings
            assert len(told.warnings) <= 2


def test_equal_sizes_do_hide_it():
    """Why the warnings are there: the exchanged input gives the same shapes and other numbers."""
    for layer in make("GRU"):
        square = random(5, 5, I, dtype=torch.float32)
        assert layer(square)[0].shape == layer(square.transpose(0, 1))[0].shape
        assert not torch.allclose(layer(square)[0], layer(square.transpose(0, 1))[0].transpose(0, 1))


def test_a_warning_in_full():
    told = explain(nn.LSTM(I, H, **TWO_WAY), zeros(S, S, I), twice(S, S, H))
    assert told.warnings == (
        "input: T and B are both 4, so nothing notices if these two axes are exchanged. "
        "Axis 0 is read as time, axis 1 as the batch (batch_first=False).",
        "h_0 and c_0: L*D and B are both 4, so nothing notices if these two axes are exchanged. "
        "Axis 0 is read as layers and directions, axis 1 as the batch, whatever batch_first is.",
    )
    assert [mark for mark, _ in told.messages] == ["→", "!", "!"]


# ---- claims about shapes that people make, each against the truth and against the table ----


def test_claim_input_must_be_3d():
    assert explain(nn.LSTM(I, H), zeros(T, I)).problem == ""
    assert f"Without a batch: input (T, I={I})" in str(explain(nn.LSTM(I, H)))


def test_claim_first_axis_is_the_batch():
    """Axis 0 is time: cutting it shortens the sequences, and what stays is computed as before."""
    layer, long = nn.GRU(I, H), torch.randn(T, B, I)
    assert torch.allclose(layer(long[:2])[0], layer(long)[0][:2])
    assert explain(layer)["input"].axes[0][0] == "T"
    assert "time first: batch_first=False" in explain(layer)["input"].note


@pytest.mark.parametrize("first", [True, False])
def test_claim_batch_first_moves_states(first):
    layer = nn.LSTM(I, H, batch_first=first)
    assert layer(zeros(B, T, I) if first else x)[1][0].shape == (1, B, H)
    assert any("never a state" in note or "moves no state" in note for note in explain(layer).notes)


def test_what_batch_first_would_move():
    """The note of a time-first layer names the axes that the other layer has."""
    other = explain(nn.GRU(I, H, bidirectional=True, batch_first=True))
    (note,) = [n for n in explain(nn.GRU(I, H, bidirectional=True)).notes if "would make" in n]
    assert named(other["input"].axes) in note
    assert named(other["output"].axes) in note


def test_claim_a_view_is_a_transpose():
    batch_first = torch.arange(6.0).reshape(2, 3, 1)  # two sequences, 0 1 2 and 3 4 5
    assert not torch.equal(batch_first.view(3, 2, 1), batch_first.transpose(0, 1))
    assert batch_first.view(3, 2, 1)[:, 0].flatten().tolist() == [0, 2, 4]  # both sequences in one
    assert any("view and reshape mix the sequences" in note for note in explain(nn.GRU(1, H)).notes)


def test_claim_output_view_parts_directions():
    """A view as (T, B, D, H) of batch-first output: other numbers. The note's unflatten is right in both."""
    for first in (False, True):
        layer = nn.GRU(I, H, bidirectional=True, batch_first=first)
        output, h_n = layer(torch.randn(B, T, I) if first else torch.randn(T, B, I))
        (note,) = [n for n in explain(layer).notes if n.startswith("The two directions apart")]
        apart = eval(re.search(r"output\.unflatten\(.*\)\)", note).group(), {"output": output})
        last = apart[:, -1] if first else apart[-1]
        assert torch.equal(last[:, 0], h_n[0])
        viewed = output.reshape(T, B, 2, H)
        assert torch.equal(viewed[-1, :, 0], h_n[0]) == (not first)


def test_claim_bidirectional_output_at_the_last_step():
    layer = nn.GRU(I, H, 2, bidirectional=True)
    output, h_n = layer(torch.randn(T, B, I))
    assert torch.equal(output[0, :, H:], h_n[-1])
    assert not torch.allclose(output[-1, :, H:], h_n[-1])
    told = explain(layer)
    assert f"forward [..., :{H}], backward [..., {H}:]" in told["output"].note
    assert any("The backward half of output[-1] has read one step" in note for note in told.notes)
    told = explain(nn.GRU(I, H, 2, bidirectional=True, batch_first=True))
    assert any("The backward half of output[:, -1] has read one step" in note for note in told.notes)
    assert not any("backward" in note for note in explain(nn.GRU(I, H, 2)).notes)


def test_claim_h_n_is_grouped_by_direction():
    """The rows' names in the order of the table, each against a layer of that direction and depth alone."""
    layer, seen = nn.GRU(I, H, 2, bidirectional=True), torch.randn(T, B, I)
    _, h_n = layer(seen)
    assert explain(layer)["h_n"].note == "the last h of layer 0 forward, 0 backward, 1 forward, 1 backward"
    rows = []
    for k in (0, 1):
        ends = []
        for suffix, time in ((f"_l{k}", 1), (f"_l{k}_reverse", -1)):
            alone = nn.GRU(seen.size(-1), H)
            stems = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            alone.load_state_dict({f"{stem}_l0": getattr(layer, stem + suffix) for stem in stems})
            output, last = alone(seen if time == 1 else seen.flip(0))
            rows.append(last[0])
            ends.append(output if time == 1 else output.flip(0))
        seen = torch.cat(ends, dim=-1)
    assert torch.allclose(h_n, torch.stack(rows), atol=1e-6)
    assert explain(nn.GRU(I, H, 3, bidirectional=True))["h_n"].note.endswith("1 backward, …")
    assert explain(nn.GRU(I, H, 2))["h_n"].note == "the last h of layer 0, 1"


def test_claim_output_and_h_n_are_the_same():
    told = explain(nn.LSTM(I, H, 2), x)
    assert sizes(told["output"].axes) == (T, B, H)
    assert sizes(told["h_n"].axes) == (2, B, H)
    assert any(
        "output has every step of the last layer, h_n the last step of every layer" in n for n in told.notes
    )


def test_claim_h_n_is_the_last_time_step():
    """Packed: each sequence's own last step, in the order in which they were packed."""
    layer, padded = nn.GRU(I, H), torch.randn(T, B, I)
    _, h_n = layer(pack_padded_sequence(padded, LENGTHS, enforce_sorted=False))
    own = torch.stack([layer(padded[:n, b])[1][0] for b, n in enumerate(LENGTHS)])
    assert torch.allclose(h_n[0], own, atol=1e-6)
    for told in (explain(layer), explain(layer, packed())):
        assert any("each sequence's own last step, in the order in which you packed" in n for n in told.notes)


def test_claim_h_n_of_an_lstm_is_a_tensor():
    assert explain(nn.LSTM(I, H)).code == "output, (h_n, c_n) = lstm(input, (h_0, c_0))"
    assert explain(nn.GRU(I, H)).code == "output, h_n = gru(input, h_0)"
    assert explain(nn.LSTMCell(I, H)).code == "h_1, c_1 = cell(input, (h_0, c_0))"
    assert explain(nn.RNNCell(I, H)).code == "h_1 = cell(input, h_0)"
    assert isinstance(nn.LSTM(I, H)(x)[1], tuple)
    assert any("output and the pair (h_n, c_n)" in note for note in explain(nn.LSTM(I, H)).notes)


def test_claim_weight_shapes():
    """(4H, I) and (4H, H), never transposed; from layer 1 on (4H, D*H), and weight_hh is never D*H wide."""
    told = explain(nn.LSTM(I, H, 2, bidirectional=True))
    shown = {
        name: named(told[name].axes)
        for name in ("weight_ih_l0", "weight_hh_l0", "weight_ih_l1", "weight_hh_l1")
    }
    assert shown == {
        "weight_ih_l0": f"(4*H={4 * H}, I={I})",
        "weight_hh_l0": f"(4*H={4 * H}, H={H})",
        "weight_ih_l1": f"(4*H={4 * H}, D*H={2 * H})",
        "weight_hh_l1": f"(4*H={4 * H}, H={H})",
    }
    assert told["weight_ih_l1_reverse"].note == "times layer 0's output"
    assert told["weight_ih_l0_reverse"].note == "times the input"


@pytest.mark.parametrize(("kind", "gates"), [("LSTM", "ifgo"), ("GRU", "rzn")])
def test_slices_of_the_weights(kind, gates):
    """The rows that the heading gives to a gate are that gate's: a bias there opens it, others stay."""
    layer = getattr(nn, kind)(I, H)
    (heading,) = [heading for heading in explain(layer).table if heading.startswith("parameters")]
    slices = {gate: slice(int(a), int(b)) for gate, a, b in re.findall(r"(\w) (\d+):(\d+)", heading)}
    assert "".join(slices) == gates
    state, closed = torch.randn(1, 1, H), dict.fromkeys(gates, -50.0)

    def run(**biases: float):
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.zero_()
            for gate, value in biases.items():
                layer.bias_ih_l0[slices[gate]] = value
        hx = (zeros(1, 1, H), state) if kind == "LSTM" else state
        return layer(zeros(1, 1, I), hx)[1]

    if kind == "GRU":
        assert torch.allclose(run(**closed | {"z": 50.0}), state)  # h kept
        assert torch.allclose(run(**closed | {"n": 50.0}), torch.ones(1, 1, H))  # h replaced by n
    else:
        assert torch.allclose(run(**closed | {"f": 50.0})[1], state)  # c kept
        # c replaced by g
        assert torch.allclose(run(**closed | {"i": 50.0, "g": 50.0})[1], torch.ones(1, 1, H))
        h_n, c_n = run(**closed | {"f": 50.0, "o": 50.0})
        assert torch.allclose(h_n, torch.tanh(c_n))  # shown by o


def test_claim_lstm_and_lstmcell_differ():
    """They compute the same with the same weights, whose names differ by _l0, as the note says."""
    layer, cell = nn.LSTM(I, H), nn.LSTMCell(I, H)
    assert any(
        "A one-layer LSTM has the same parameters, with _l0 after each name" in n for n in explain(cell).notes
    )
    layer.load_state_dict({f"{name}_l0": value for name, value in cell.state_dict().items()})
    step = torch.randn(1, B, I)
    assert torch.allclose(layer(step)[1][0][0], cell(step[0])[0], atol=1e-6)


def test_claim_proj_size_shrinks_c():
    told = explain(nn.LSTM(I, H, proj_size=P), x)
    assert sizes(told["h_n"].axes) == (1, B, P)
    assert sizes(told["c_n"].axes) == (1, B, H)
    assert any("c stays H wide" in note for note in told.notes)


def test_claim_sequential_takes_a_layer():
    model = nn.Sequential(nn.LSTM(I, H), nn.Linear(H, 2))
    with pytest.raises(TypeError):
        model(x)
    told = explain(model, x)
    assert "explain(model[0])" in told.problem
    assert "nn.Sequential passes on all that a layer returns, (output, state)" in told.problem
    assert any("nn.Sequential would pass on all of it" in note for note in explain(nn.LSTM(I, H)).notes)


def test_claim_a_cell_takes_a_sequence():
    assert any(
        "one time step, neither a sequence nor a PackedSequence" in n
        for n in explain(nn.LSTMCell(I, H)).notes
    )


# ---- what is no recurrent module ----


class Tagger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Dropout(), rnncourse.GRU(I, H))
        self.heads = nn.ModuleDict({"tags": nn.LSTMCell(H, 3)})


@pytest.mark.parametrize(
    ("module", "input", "says"),
    [
        (nn.LSTM, None, "the class LSTM. Make one first: LSTM(input_size, hidden_size)."),
        (rnncourse.GRUCell, x, "the class GRUCell. Make one first: GRUCell(input_size, hidden_size)."),
        (nn.Linear, None, "the class Linear. Make one first: Linear(…)."),
        (int, None, "the class int."),
        (Tagger(), None, "Tagger. It holds some: explain(model.encoder[1]), explain(model.heads.tags)."),
        (nn.ModuleList([nn.GRU(1, 1) for _ in range(6)]), None, "explain(model[3]) and 2 more."),
        (nn.Sequential(nn.Dropout(), nn.GRU(1, 1)), None, "Sequential. It holds one: explain(model[1])."),
        (nn.Linear(2, 2), None, "Linear. It holds none either."),
        (x, nn.LSTM(I, H), "Tensor. The module comes first: explain(module, input)."),
        (packed(), rnncourse.LSTM(I, H), "PackedSequence. The module comes first"),
        (nn.GRU(I, H)(x), None, "tuple. Is it what a layer returned? Pass the layer itself, then its input."),
        ("lstm", None, "got str."),
        (None, None, "got None."),
        (x, x, "got Tensor."),
    ],
    ids=lambda v: "",
)
def test_what_is_no_recurrent_module(module, input, says):
    told = explain(module, input)
    assert says in told.problem
    assert told.messages == [("✗", told.problem)]
    assert told.table == {}
    assert str(told).startswith("✗ module: expected an RNN, LSTM or GRU, or a cell of these")


def test_paths_in_the_sentence_are_code():
    model = Tagger()
    for path in re.findall(r"explain\((.*?)\)[,.]", explain(model).problem):
        assert explain(eval(path, {"model": model})).problem == ""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scripted_and_compiled():
    assert "explain the module that it was made from" in explain(torch.jit.script(nn.LSTM(I, H))).problem
    assert "explain(model._orig_mod)" in explain(torch.compile(nn.LSTM(I, H))).problem


class Mine(nn.LSTM):
    """A subclass is what it is made of."""


def test_subclass():
    told = explain(Mine(I, H), x)
    assert told.title == f"Mine({I}, {H})"
    assert told.code.startswith("output, (h_n, c_n) = lstm(")
    assert sizes(told["c_n"].axes) == (1, B, H)


# ---- how it is shown ----

ANYTHING: list[Any] = [
    None,
    0,
    1.5,
    True,
    "x",
    b"x",
    [],
    (),
    {},
    [[1.0]],
    object(),
    int,
    nn.Linear,
    torch.float32,
    torch.Size([2]),
    torch.tensor(1.0),
    zeros(0),
    zeros(0, 0, 0),
    zeros(1, 1, 1, 1, 1),
    zeros(T, B, I),
    zeros(B, I),
    packed(),
    (None, None),
    (x,),
    (h, h),
    (h, h, h),
    [h, 1],
    x.to("meta"),
    x.to_sparse(),
    random(2).numpy(),
    nn.GRU(1, 1),
]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_never_raises():
    """Any module with any input and any state: an explanation that can be shown both ways."""
    ragged = torch.nested.nested_tensor([zeros(2, I), zeros(3, I)])
    values = [*ANYTHING, ragged]
    modules = [make(kind)[i] for kind in LAYERS + CELLS for i in (0, 1)]
    calls = [*itertools.product(modules, values, values), *itertools.product(values, values, [None])]
    for module, input, hx in calls:
        assert str(explain(module, input, hx))
    for module, value in itertools.product(modules, values):
        assert "<div>" in explain(module, value, value, value)._repr_html_()


class Page(HTMLParser):
    """The text of a page, and whether each tag that was opened is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.words, self.styles, self.cells = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.styles += [value for name, value in attrs if name == "style"]
        if tag == "tr":
            self.cells.append(0)
        self.cells[-1:] = [n + (tag in ("td", "th")) for n in self.cells[-1:]]
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.mark.parametrize(
    "arguments", [(), (zeros(T, T, I),), (x, h), ((x, h),), (zeros(T, I), "<b>&")], ids=lambda v: f"{len(v)}"
)
def test_html_says_what_the_text_says(arguments):
    told = explain(nn.LSTM(I, H), *arguments)
    page = Page()
    page.feed(told._repr_html_())
    assert page.open == []
    text = " ".join("".join(page.words).split())
    for row in (row for rows in told.table.values() for row in rows):
        for word in (row.name, named(row.axes), row.given, row.note):
            assert word in text
    for word in (told.title, told.legend, told.code, *told.notes, *(message for _, message in told.messages)):
        assert word in text
    # Colours are the theme's own.
    assert not any(re.search(r"(^|;)\s*(color|background)", style) for style in page.styles)


def test_rows_by_name():
    told = explain(nn.GRU(I, H))
    assert told["h_0"].name == "h_0"
    with pytest.raises(KeyError, match="'c_0': the table has input, h_0, output"):
        told["c_0"]


def test_explain_changes_nothing():
    """No call, no draw, no gradient: hooks stay silent, numbers and random state as they were."""
    layer = nn.LSTM(I, H, 2, dropout=0.5)
    called: list[Callable] = []
    layer.register_forward_pre_hook(lambda *_: called.append(explain))
    before = torch.random.get_rng_state(), {n: p.clone() for n, p in layer.named_parameters()}
    explain(layer, x.requires_grad_(), twice(2, B, H))
    x.requires_grad_(False)
    assert called == []
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert all(torch.equal(p, before[1][n]) for n, p in layer.named_parameters())
    assert not hasattr(layer, "gates")

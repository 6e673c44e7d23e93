"""What torch refuses, we refuse, with torch's class of error and a sentence; what torch accepts, we accept.

The class is found by asking torch. The sentence must name the argument, and hold the sizes that were expected
and that came. torch's own sentences don't, so that part is asked of ours alone.
"""

import fractions
import re
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch
from oracle import CELLS, LAYERS, LENGTHS, B, H, I, P, T, assert_same, by_name, pair, random, states
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import rnncourse

S = 4  # rows of a state: 2 layers, 2 directions
LSTMS = ("LSTM", "LSTMCell")


class Refused(NamedTuple):
    what: str
    names: str  # the argument's name, as it must stand in our sentence; "|" between equally good names
    says: tuple  # what else must be there: sizes and words
    call: Callable  # of the module and its kind


def x(*shape: int, dtype=torch.float64) -> torch.Tensor:
    return random(*shape, dtype=dtype)


def pack(input: torch.Tensor, lengths=LENGTHS, enforce_sorted=False) -> PackedSequence:
    return pack_padded_sequence(input, lengths, enforce_sorted=enforce_sorted)


def hx(kind: str, *shape: int, dtype=torch.float64):
    return states(kind, *shape, dtype=dtype)


ANY_STATE = "hx|h_0"
LAYER_REFUSALS = [  # of a layer with 2 layers, 2 directions
    Refused("input of 1 axis", "input", (I, T), lambda m, k: m(x(T))),
    Refused("input of no axis", "input", (I,), lambda m, k: m(torch.tensor(1.0).double())),
    Refused("input of 4 axes", "input", (I, 2, T, B), lambda m, k: m(x(2, T, B, I))),
    Refused("input too wide", "input", (I, T, B, 2 * H), lambda m, k: m(x(T, B, 2 * H))),
    Refused("input too narrow", "input", (I, T, B, 1), lambda m, k: m(x(T, B, 1))),
    Refused("input with features first", "input", (I, T, B), lambda m, k: m(x(I, T, B))),
    Refused("unbatched input too wide", "input", (I, T, 2 * H), lambda m, k: m(x(T, 2 * H))),
    Refused("no time step", "input", (0, B, I), lambda m, k: m(x(0, B, I))),
    Refused("no time step, unbatched", "input", (0, I), lambda m, k: m(x(0, I))),
    Refused("no time step, no batch", "input", (0, I), lambda m, k: m(x(0, 0, I))),
    Refused("input float32", "input", ("float64", "float32"), lambda m, k: m(x(T, B, I).float())),
    Refused("input int64", "input", ("float64", "int64"), lambda m, k: m(x(T, B, I).long())),
    Refused("input bool", "input", ("float64", "bool"), lambda m, k: m(x(T, B, I) > 0)),
    Refused(
        "nested input",
        "input",
        ("nested", "pack_sequence"),
        lambda m, k: m(torch.nested.nested_tensor([x(3, I), x(T, I)], layout=torch.jagged)),
    ),
    Refused("input elsewhere", "input", ("cpu", "meta"), lambda m, k: m(x(T, B, I).to("meta"))),
    Refused("input a list", "input", ("list",), lambda m, k: m([[0.0] * I] * T)),
    Refused("input an array", "input", ("ndarray",), lambda m, k: m(np.zeros((T, B, I)))),
    Refused("input a number", "input", ("int",), lambda m, k: m(3)),
    Refused("input None", "input", ("None",), lambda m, k: m(None)),
    Refused("input a layer's result", "input", ("tuple",), lambda m, k: m((x(T, B, I), x(S, B, H)))),
    Refused("no input", "input", (), lambda m, k: m()),
    Refused("packed too wide", "input", (I, 2 * H), lambda m, k: m(pack(x(T, B, 2 * H)))),
    Refused("packed of 3 axes", "input", (I, 2), lambda m, k: m(pack(x(T, B, 2, I)))),
    Refused("packed of 1 axis", "input", (I, sum(LENGTHS)), lambda m, k: m(pack(x(T, B)))),
    Refused("packed float32", "input", ("float64", "float32"), lambda m, k: m(pack(x(T, B, I).float()))),
    Refused("hx of too few layers", ANY_STATE, (S, 2, B, H), lambda m, k: m(x(T, B, I), hx(k, 2, B, H))),
    Refused("hx of another batch", ANY_STATE, (S, B, 1, H), lambda m, k: m(x(T, B, I), hx(k, S, 1, H))),
    Refused("hx of T rows", ANY_STATE, (S, B, T, H), lambda m, k: m(x(T, B, I), hx(k, S, T, H))),
    Refused("hx too wide", ANY_STATE, (S, B, H, I), lambda m, k: m(x(T, B, I), hx(k, S, B, I))),
    Refused("hx batch first", ANY_STATE, (S, B, H), lambda m, k: m(x(T, B, I), hx(k, B, S, H))),
    Refused("hx without a batch", ANY_STATE, (S, B, H), lambda m, k: m(x(T, B, I), hx(k, S, H))),
    Refused("hx of 1 axis", ANY_STATE, (S, B, H), lambda m, k: m(x(T, B, I), hx(k, H))),
    Refused("hx of 4 axes", ANY_STATE, (S, B, H, 1), lambda m, k: m(x(T, B, I), hx(k, 1, S, B, H))),
    Refused("hx with a batch", ANY_STATE, (S, H, 1), lambda m, k: m(x(T, I), hx(k, S, 1, H))),
    Refused("unbatched hx: layers", ANY_STATE, (S, 3, H), lambda m, k: m(x(T, I), hx(k, 3, H))),
    Refused("unbatched hx: width", ANY_STATE, (S, H, I), lambda m, k: m(x(T, I), hx(k, S, I))),
    Refused(
        "hx float32",
        ANY_STATE,
        ("float64", "float32"),
        lambda m, k: m(x(T, B, I), hx(k, S, B, H, dtype=torch.float32)),
    ),
    Refused("hx a number", "hx", ("int",), lambda m, k: m(x(T, B, I), 0)),
    Refused("hx a string", "hx", ("str",), lambda m, k: m(x(T, B, I), "h0")),
    Refused("hx False", "hx", ("bool",), lambda m, k: m(x(T, B, I), False)),
    Refused("hx an array", "hx", ("ndarray",), lambda m, k: m(x(T, B, I), np.zeros((S, B, H)))),
    Refused("hx of one state", "hx", (), lambda m, k: m(x(T, B, I), (x(S, B, H),))),
    Refused("hx of three states", "hx", (), lambda m, k: m(x(T, B, I), (x(S, B, H),) * 3)),
    Refused("hx of Nones", "hx", (), lambda m, k: m(x(T, B, I), (None, None))),
    Refused("hx empty", "hx", (), lambda m, k: m(x(T, B, I), ())),
    Refused(
        "packed hx of too few layers",
        ANY_STATE,
        (S, 2, B, H),
        lambda m, k: m(pack(x(T, B, I)), hx(k, 2, B, H)),
    ),
    Refused(
        "packed hx of a smaller batch",
        ANY_STATE,
        (S, B, 2, H),
        lambda m, k: m(pack(x(T, B, I)), hx(k, S, 2, H)),
    ),
    Refused("packed hx without a batch", ANY_STATE, (S, B, H), lambda m, k: m(pack(x(T, B, I)), hx(k, S, H))),
    Refused("packed hx too wide", ANY_STATE, (S, B, H, I), lambda m, k: m(pack(x(T, B, I)), hx(k, S, B, I))),
    Refused(
        "packed hx float32",
        ANY_STATE,
        ("float64", "float32"),
        lambda m, k: m(pack(x(T, B, I)), hx(k, S, B, H, dtype=torch.float32)),
    ),
    Refused("h_0 as hx by keyword", "h_0", (), lambda m, k: m(x(T, B, I), h_0=x(S, B, H))),
]
ONE_STATE_REFUSALS = [  # of RNN and GRU
    Refused("hx a pair", "hx", ("tuple",), lambda m, k: m(x(T, B, I), (x(S, B, H), x(S, B, H)))),
    Refused("hx a list", "hx", ("list",), lambda m, k: m(x(T, B, I), [x(S, B, H)])),
    Refused("packed hx a pair", "hx", ("tuple",), lambda m, k: m(pack(x(T, B, I)), (x(S, B, H), x(S, B, H)))),
]
TWO_STATE_REFUSALS = [  # of LSTM
    Refused("hx one tensor", "hx", ("c_0",), lambda m, k: m(x(T, B, I), x(S, B, H))),
    Refused("hx stacked", "hx", ("c_0",), lambda m, k: m(x(T, B, I), x(2, S, B, H))),
    Refused("unbatched hx one tensor", "hx", ("c_0",), lambda m, k: m(x(T, I), x(S, H))),
    Refused("hx one tensor of 1 axis", "hx", ("c_0",), lambda m, k: m(x(T, B, I), x(H))),
    Refused("hx one number", "hx", ("c_0",), lambda m, k: m(x(T, B, I), torch.tensor(0.0))),
    Refused(
        "packed hx one tensor", "hx", ("c_0",), lambda m, k: m(pack(x(T, B, I), [T] * B, True), x(S, B, H))
    ),
    Refused(
        "c_0 of too few layers", "c_0", (S, 2, B, H), lambda m, k: m(x(T, B, I), (x(S, B, H), x(2, B, H)))
    ),
    Refused(
        "c_0 of another batch", "c_0", (S, B, T, H), lambda m, k: m(x(T, B, I), (x(S, B, H), x(S, T, H)))
    ),
    Refused("c_0 too wide", "c_0", (S, B, H, I), lambda m, k: m(x(T, B, I), (x(S, B, H), x(S, B, I)))),
    Refused("c_0 without a batch", "c_0", (S, B, H), lambda m, k: m(x(T, B, I), (x(S, B, H), x(S, H)))),
    Refused(
        "c_0 float64",
        "c_0",
        (
            "float64",
            "float32",
        ),  # torch refuses it beside float32 weights; beside float64 ones it lets float32 pass
        lambda m, k: m.float()(x(T, B, I).float(), (x(S, B, H).float(), x(S, B, H))),
    ),
    Refused("c_0 None", "hx|c_0", ("None",), lambda m, k: m(x(T, B, I), (x(S, B, H), None))),
    Refused(
        "c_0 an array", "hx|c_0", ("ndarray",), lambda m, k: m(x(T, B, I), (x(S, B, H), np.zeros((S, B, H))))
    ),
    Refused("packed hx of one state", "hx", (), lambda m, k: m(pack(x(T, B, I)), (x(S, B, H),))),
    Refused(
        "sorted hx of one state", "hx", (), lambda m, k: m(pack(x(T, B, I), [T] * B, True), (x(S, B, H),))
    ),
    Refused("packed c_0 None", "c_0", ("None",), lambda m, k: m(pack(x(T, B, I)), (x(S, B, H), None))),
    Refused(
        "sorted c_0 None",
        "c_0",
        ("None",),
        lambda m, k: m(pack(x(T, B, I), [T] * B, True), (x(S, B, H), None)),
    ),
    Refused(
        "packed c_0 too wide", "c_0", (S, B, H, I), lambda m, k: m(pack(x(T, B, I)), (x(S, B, H), x(S, B, I)))
    ),
]
PROJECTION_REFUSALS = [  # of LSTM with proj_size=P
    Refused("h_0 unprojected", "h_0", (S, B, P, H), lambda m, k: m(x(T, B, I), (x(S, B, H), x(S, B, H)))),
    Refused("c_0 projected", "c_0", (S, B, H, P), lambda m, k: m(x(T, B, I), (x(S, B, P), x(S, B, P)))),
]
CELL_REFUSALS = [
    Refused("input of 3 axes", "input", (I, T, B), lambda m, k: m(x(T, B, I))),
    Refused("input of no axis", "input", (I,), lambda m, k: m(torch.tensor(1.0).double())),
    Refused("input too wide", "input", (I, B, H), lambda m, k: m(x(B, H))),
    Refused("one row too wide", "input", (I, H), lambda m, k: m(x(H))),
    Refused("input float32", "input", ("float64", "float32"), lambda m, k: m(x(B, I).float())),
    Refused("input int64", "input", ("float64", "int64"), lambda m, k: m(x(B, I).long())),
    Refused("input elsewhere", "input", ("cpu", "meta"), lambda m, k: m(x(B, I).to("meta"))),
    Refused("input a list", "input", ("list",), lambda m, k: m([0.0] * I)),
    Refused("input an array", "input", ("ndarray",), lambda m, k: m(np.zeros((B, I)))),
    Refused("input None", "input", ("None",), lambda m, k: m(None)),
    Refused("input packed", "input", ("PackedSequence",), lambda m, k: m(pack(x(T, B, I)))),
    Refused("hx of another batch", ANY_STATE, (B, H, T), lambda m, k: m(x(B, I), hx(k, T, H))),
    Refused("hx of a batch of 1", ANY_STATE, (B, H, 1), lambda m, k: m(x(B, I), hx(k, 1, H))),
    Refused("hx too wide", ANY_STATE, (B, H, I), lambda m, k: m(x(B, I), hx(k, B, I))),
    Refused("hx of width 1", ANY_STATE, (B, H, 1), lambda m, k: m(x(B, I), hx(k, B, 1))),
    Refused("hx without a batch", ANY_STATE, (B, H), lambda m, k: m(x(B, I), hx(k, H))),
    Refused("hx with a batch", ANY_STATE, (H, 1), lambda m, k: m(x(I), hx(k, 1, H))),
    Refused("hx of 3 axes", ANY_STATE, (B, H, 1), lambda m, k: m(x(B, I), hx(k, 1, B, H))),
    Refused("one row's hx too wide", ANY_STATE, (H, I), lambda m, k: m(x(I), hx(k, I))),
    Refused(
        "hx float32",
        ANY_STATE,
        ("float64", "float32"),
        lambda m, k: m(x(B, I), hx(k, B, H, dtype=torch.float32)),
    ),
    Refused("hx a number", "hx", ("int",), lambda m, k: m(x(B, I), 0)),
    Refused("hx a string", "hx", ("str",), lambda m, k: m(x(B, I), "h0")),
    Refused("hx an array", "hx", ("ndarray",), lambda m, k: m(x(B, I), np.zeros((B, H)))),
    Refused("hx of one state", "hx", (), lambda m, k: m(x(B, I), (x(B, H),))),
    Refused("hx of three states", "hx", (), lambda m, k: m(x(B, I), (x(B, H),) * 3)),
    Refused("hx empty", "hx", (), lambda m, k: m(x(B, I), ())),
]
ONE_STATE_CELL_REFUSALS = [
    Refused("hx a pair", "hx", ("tuple",), lambda m, k: m(x(B, I), (x(B, H), x(B, H)))),
    Refused("hx a list", "hx", ("list",), lambda m, k: m(x(B, I), [x(B, H)])),
]
TWO_STATE_CELL_REFUSALS = [
    Refused("hx one tensor", "hx", ("c_0",), lambda m, k: m(x(B, I), x(B, H))),
    Refused("hx stacked", "hx", ("c_0",), lambda m, k: m(x(B, I), x(2, B, H))),
    Refused("c_0 too wide", "c_0", (B, H, I), lambda m, k: m(x(B, I), (x(B, H), x(B, I)))),
    Refused("c_0 of another batch", "c_0", (B, H, T), lambda m, k: m(x(B, I), (x(B, H), x(T, H)))),
    Refused("c_0 of 3 axes", "c_0", (B, H, 1), lambda m, k: m(x(B, I), (x(B, H), x(1, B, H)))),
    Refused("c_0 None", "hx|c_0", ("None",), lambda m, k: m(x(B, I), (x(B, H), None))),
]


def table(**by_kind: list[Refused]):
    """A parametrisation over (kind, refusal)."""
    cases = [(kind, refused) for kind, refusals in by_kind.items() for refused in refusals]
    return pytest.mark.parametrize(
        ("kind", "refused"), cases, ids=[f"{kind}-{refused.what}" for kind, refused in cases]
    )


def assert_refused_alike(refused: Refused, ours, theirs, kind: str) -> None:
    with pytest.raises(Exception) as wanted:  # noqa: PT011  torch says which
        refused.call(theirs, kind)
    with pytest.raises(Exception) as raised:  # noqa: PT011
        refused.call(ours, kind)
    message = str(raised.value)
    assert type(raised.value) is type(wanted.value), f"ours: {raised.value!r}, torch's: {wanted.value!r}"
    assert re.search(rf"\b({refused.names})\b", message), message
    for word in refused.says:
        assert re.search(rf"\b{word}\b", message), f"{word} is not in: {message}"
    assert "\n" not in message
    assert len(message) < 300


@table(
    RNN=LAYER_REFUSALS + ONE_STATE_REFUSALS,
    GRU=LAYER_REFUSALS + ONE_STATE_REFUSALS,
    LSTM=LAYER_REFUSALS + TWO_STATE_REFUSALS,
)
def test_layers_refuse(kind, refused):
    assert_refused_alike(refused, *pair(kind, num_layers=2, bidirectional=True), kind)


@table(LSTM=PROJECTION_REFUSALS)
def test_projected_layers_refuse(kind, refused):
    assert_refused_alike(refused, *pair(kind, num_layers=2, bidirectional=True, proj_size=P), kind)


@table(
    RNNCell=CELL_REFUSALS + ONE_STATE_CELL_REFUSALS,
    GRUCell=CELL_REFUSALS + ONE_STATE_CELL_REFUSALS,
    LSTMCell=CELL_REFUSALS + TWO_STATE_CELL_REFUSALS,
)
def test_cells_refuse(kind, refused):
    assert_refused_alike(refused, *pair(kind), kind)


@pytest.mark.parametrize("kind", LAYERS)
def test_batch_first_is_in_the_sentence(kind):
    """The axes are named in the order in which this layer takes them."""
    for batch_first, axes in ((False, r"\(T, B, I="), (True, r"\(B, T, I=")):
        with pytest.raises(RuntimeError, match=axes):
            getattr(rnncourse, kind)(I, H, batch_first=batch_first)(torch.rand(B, T, H))


# What torch's constructors refuse, with the name that our sentence must give (None: the sentence is torch's).
LAYER_OPTIONS = [
    ("input_size", {"input_size": 0}),
    ("input_size", {"input_size": -1}),
    ("input_size", {"input_size": 4.0}),
    ("input_size", {"input_size": "4"}),
    ("input_size", {"input_size": None}),
    ("hidden_size", {"hidden_size": 0}),
    ("hidden_size", {"hidden_size": -3}),
    ("hidden_size", {"hidden_size": 6.0}),
    ("hidden_size", {"hidden_size": None}),
    ("num_layers", {"num_layers": 0}),
    ("num_layers", {"num_layers": -1}),
    ("num_layers", {"num_layers": 2.0}),
    ("num_layers", {"num_layers": "2"}),
    ("num_layers", {"num_layers": None}),
    ("bias", {"bias": 1}),
    ("bias", {"bias": None}),
    ("batch_first", {"batch_first": 1}),
    ("batch_first", {"batch_first": "yes"}),
    *(
        ("bidirectional", {"bidirectional": value}) for value in (1, 0, None, "yes")
    ),  # torch: once it is called
    ("dropout", {"num_layers": 2, "dropout": -0.1}),
    ("dropout", {"num_layers": 2, "dropout": 1.1}),
    ("dropout", {"num_layers": 2, "dropout": True}),
    ("dropout", {"num_layers": 2, "dropout": False}),
    ("dropout", {"num_layers": 2, "dropout": "half"}),
    ("dropout", {"num_layers": 2, "dropout": "0.5"}),
    ("dropout", {"num_layers": 2, "dropout": None}),
    ("dropout", {"num_layers": 2, "dropout": [0.5]}),
    ("dropout", {"num_layers": 2, "dropout": float("nan")}),
    ("dropout", {"num_layers": 2, "dropout": torch.tensor(0.5)}),
    ("hidden", {"hidden": 3}),
    ("dtype", {"dtype": "float32"}),
    (None, {"dtype": torch.int64}),
    (None, {"device": "nowhere"}),
]
KIND_OPTIONS = {
    "RNN": [
        ("nonlinearity", {"nonlinearity": "sigmoid"}),
        ("nonlinearity", {"nonlinearity": "TANH"}),
        ("nonlinearity", {"nonlinearity": None}),
        ("nonlinearity", {"nonlinearity": len}),
        ("proj_size", {"proj_size": 2}),
        ("proj_size", {"proj_size": 0}),
    ],
    "GRU": [
        ("nonlinearity", {"nonlinearity": "relu"}),
        ("proj_size", {"proj_size": 2}),
        ("proj_size", {"proj_size": 0}),
    ],
    "LSTM": [
        ("nonlinearity", {"nonlinearity": "relu"}),
        ("proj_size", {"proj_size": H}),
        ("proj_size", {"proj_size": H + 1}),
        ("proj_size", {"proj_size": -1}),
        ("proj_size", {"proj_size": 2.0}),
        ("proj_size", {"proj_size": "2"}),
        ("proj_size", {"proj_size": None}),
        (None, {"proj_size": True}),
    ],
}
CELL_OPTIONS = [
    ("input_size", {"input_size": -1}),
    ("input_size", {"input_size": 4.0}),
    ("input_size", {"input_size": "4"}),
    ("input_size", {"input_size": None}),
    ("hidden_size", {"hidden_size": -1}),
    ("hidden_size", {"hidden_size": 6.0}),
    ("hidden_size", {"hidden_size": None}),
    ("proj_size", {"proj_size": 2}),
    (None, {"dtype": torch.int64}),
]
REFUSED_OPTIONS = [(k, *case) for k in LAYERS for case in LAYER_OPTIONS + KIND_OPTIONS[k]]
REFUSED_OPTIONS += [(k, *case) for k in CELLS for case in CELL_OPTIONS]


def torch_checks_input_size():
    """Return whether this torch refuses to build a layer of input_size 0. 2.6 fails once it is called."""
    try:
        nn.RNN(0, H)
    except ValueError:
        return True
    return False


@pytest.mark.parametrize(("kind", "name", "options"), REFUSED_OPTIONS, ids=str)
def test_constructors_refuse(kind, name, options):
    options = {"input_size": I, "hidden_size": H} | options
    with pytest.raises(Exception) as wanted:  # noqa: PT011  torch says which
        getattr(nn, kind)(**options)(torch.rand(T, B, I))
    with pytest.raises(Exception) as raised:  # noqa: PT011
        getattr(rnncourse, kind)(**options)
    expected = type(wanted.value)
    if kind in LAYERS and options["input_size"] in (0, -1) and not torch_checks_input_size():
        expected = ValueError
    assert type(raised.value) is expected, f"ours: {raised.value!r}, torch's: {wanted.value!r}"
    if name is not None:
        assert re.search(rf"\b{name}\b", str(raised.value)), str(raised.value)


def test_the_sentence_of_a_projection_that_is_too_wide():
    with pytest.raises(ValueError, match="proj_size") as raised:
        rnncourse.LSTM(4, 6, proj_size=6)
    assert str(raised.value) == (
        "proj_size: expected from 1 to hidden_size - 1 = 5, or 0 for no projection, got 6."
    )


@pytest.mark.parametrize("kind", LAYERS + CELLS)
def test_sizes_are_asked_for(kind):
    for arguments, missing in (((), "input_size"), ((I,), "hidden_size")):
        with pytest.raises(TypeError, match=missing):
            getattr(rnncourse, kind)(*arguments)


def test_unknown_nonlinearity_of_a_cell():
    """torch's RNNCell says so when it is called; ours may say so before, with the same class."""
    with pytest.raises(RuntimeError, match="nonlinearity"):
        rnncourse.RNNCell(I, H, nonlinearity="sigmoid")(torch.rand(B, I))


ODD_OPTIONS = [  # that torch accepts
    *((k, {"input_size": True}) for k in LAYERS + CELLS),
    *((k, {"num_layers": np.int64(2)}) for k in LAYERS),
    *((k, {"num_layers": 2, "dropout": 1}) for k in LAYERS),
    *((k, {"num_layers": 2, "dropout": np.float32(0.5)}) for k in LAYERS),
    *((k, {"num_layers": 2, "dropout": fractions.Fraction(1, 4)}) for k in LAYERS),
    *((k, {"bias": value}) for k in CELLS for value in (1, 0, None, "yes")),
    *((k, {"hidden_size": 0}) for k in CELLS),
    *((k, {"input_size": 0}) for k in CELLS),
    ("LSTM", {"proj_size": 0}),
]


@pytest.mark.parametrize(("kind", "options"), ODD_OPTIONS, ids=str)
def test_constructors_accept_what_torchs_accept(kind, options):
    options = {"input_size": I, "hidden_size": H} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of initialising a tensor without elements
        ours, theirs = (getattr(m, kind)(**options) for m in (rnncourse, nn))
    assert repr(ours) == repr(theirs)
    ours.load_state_dict(theirs.state_dict())
    width = options["input_size"]
    input = x(B, width, dtype=torch.float32) if kind in CELLS else x(T, B, width, dtype=torch.float32)
    ours, theirs = (by_name(module.eval(), module.eval()(input)) for module in (ours, theirs))
    assert_same(ours, theirs)


@pytest.mark.parametrize("kind", LSTMS)
def test_lstms_take_any_pair(kind):
    """A list and our LSTMState as well as a tuple."""
    mine, theirs = pair(kind)
    shape = (B, H) if kind == "LSTMCell" else (1, B, H)
    input = x(B, I) if kind == "LSTMCell" else x(T, B, I)
    state = hx(kind, *shape)
    wanted = by_name(theirs, theirs(input, state))
    for form in (tuple, list, rnncourse.LSTMState._make):
        assert_same(by_name(mine, mine(input, form(state))), wanted)


def outcome(module: nn.Module, *arguments):
    """What a call gives: its outputs by name, or the class of its error."""
    try:
        return by_name(module, module(*arguments))
    except Exception as error:
        return type(error)


def near(*shape: int) -> list[tuple[int, ...]]:
    """This shape, and it with its axes reversed, one dropped, one added, or one resized to 0, 1, 2 or 3."""
    resized = [(*shape[:i], size, *shape[i + 1 :]) for i in range(len(shape)) for size in range(4)]
    return list(dict.fromkeys([shape, shape[::-1], shape[1:], (1, *shape), (), *resized]))


@pytest.mark.parametrize("batch", [(), (1,), (2,), (3,)], ids=str)
@pytest.mark.parametrize("kind", LAYERS + CELLS)
def test_any_shapes_end_as_in_torch(kind, batch):
    """One shape is wrong at a time: both agree or both raise the same class. Small sizes meet by accident."""
    for options in [{}] if kind in CELLS else [{"batch_first": False}, {"batch_first": True}]:
        mine, theirs = pair(kind, 2, 3, **options)
        time, layers = ((), ()) if kind in CELLS else ((2,), (1,))
        right = (*batch, *time, 2) if options.get("batch_first") else (*time, *batch, 2)
        right_hx = (*layers, *batch, 3)
        calls = [(shape, None) for shape in near(*right)]
        calls += [(shape, (right_hx, right_hx)) for shape in near(*right)]
        calls += [
            (right, given) for shape in near(*right_hx) for given in ((shape, right_hx), (right_hx, shape))
        ]
        for shape, given in calls:
            if kind in CELLS and len(shape) == 1 and given and {len(given[0]), len(given[1])} & {2}:
                continue  # torch 2.13 crashes on a batched state for one row (LSTMCell)
            state = given and tuple(random(*h, seed=2) for h in given)
            state = state if kind in LSTMS or state is None else state[0]
            ours, wanted = outcome(mine, random(*shape), state), outcome(theirs, random(*shape), state)
            if isinstance(ours, dict) and isinstance(wanted, dict):
                assert_same(ours, wanted, tolerance=1e-11)
            elif wanted is not IndexError:  # torch stumbled over an axis that it did not check
                assert ours is wanted, f"input {shape}, hx {given}"


def torch_lets_pass():
    """(what, kind, options, arguments, error): torch 2.13 computes something, ours refuses."""
    f32, f64 = torch.float32, torch.float64
    unsorted = pack_padded_sequence(torch.randn(5, 3, 2), [3, 5, 2], enforce_sorted=False)
    packed = pack_padded_sequence(torch.randn(5, 3, 2), [5, 3, 2])
    state = {B: torch.randn(1, B, 4) for B in (1, 3, 6)}
    yield "batch too large", "GRU", f32, (unsorted, state[6]), RuntimeError
    yield "batch too large", "LSTM", f32, (unsorted, (state[6], state[6])), RuntimeError
    yield "c_0 of one row", "LSTM", f32, (packed, (state[3], state[1])), RuntimeError
    yield (
        "c_0 float32",
        "LSTM",
        f64,
        (torch.randn(5, 3, 2).double(), (state[3].double(), state[3])),
        RuntimeError,
    )
    yield "one tensor for a pair", "LSTMCell", f32, (torch.randn(2), torch.randn(2, 4)), TypeError


@pytest.mark.parametrize(
    ("what", "kind", "dtype", "arguments", "error"),
    list(torch_lets_pass()),
    ids=lambda v: v if type(v) is str else "",
)
def test_stricter_than_torch(what, kind, dtype, arguments, error):
    getattr(torch.nn, kind)(2, 4, dtype=dtype)(*arguments)
    with pytest.raises(error):
        getattr(rnncourse, kind)(2, 4, dtype=dtype)(*arguments)


def sentences():
    """(call, what was expected and what came, the likely slip): every sentence of a call, in full."""
    x, h, pair_of = torch.zeros(7, 3, 4), torch.zeros(1, 3, 6), lambda v: (v, v)
    lstm, rnn, first = rnncourse.LSTM(4, 6), rnncourse.RNN(4, 6), rnncourse.GRU(4, 6, batch_first=True)
    two_way, projected = rnncourse.LSTM(4, 6, 2, bidirectional=True), rnncourse.LSTM(4, 6, proj_size=5)
    narrow, cell, lstm_cell = rnncourse.LSTM(1, 6), rnncourse.GRUCell(4, 6), rnncourse.LSTMCell(4, 6)
    packed = pack_padded_sequence(x, [7, 5, 2])
    yield (
        lambda: cell(torch.zeros(2, 7, 3, 4)),
        "input: expected (B, I=4) or, without a batch, (I=4), got (2, 7, 3, 4).",
        "",
    )
    yield (
        lambda: cell(x),
        "input: expected (B, I=4) or, without a batch, (I=4), got (7, 3, 4).",
        "A cell takes one time step: input[t]. GRU takes them all.",
    )
    yield (
        lambda: lstm_cell(x[0], pair_of(torch.zeros(2, 1, 3, 6))),
        "h_0: expected (B=3, H=6), got (2, 1, 3, 6).",
        "",
    )
    yield (
        lambda: lstm_cell(x[0], pair_of(h)),
        "h_0: expected (B=3, H=6), got (1, 3, 6).",
        "That is a layer's state: a cell takes one row of it, h_0[k].",
    )
    yield (
        lambda: cell(x[0], h[0, 0]),
        "h_0: expected (B=3, H=6), got (6,).",
        "Input and state must both have a batch axis, or neither.",
    )
    yield (
        lambda: cell(x[0], h[0, :2]),
        "h_0: expected (B=3, H=6), got (2, 6).",
        "Its batch is not the input's.",
    )
    yield (
        lambda: cell(x[0, 0], h[0, 0, :5]),
        "h_0: expected (H=6), got (5,).",
        "Its last axis is 5: was it made for a cell with hidden_size=5?",
    )
    yield (
        lambda: cell(x[0], h[0].double()),
        "h_0: expected torch.float32, the dtype of the weights, got torch.float64.",
        "NumPy's floats are float64. Convert one: h_0.to(torch.float32).",
    )
    yield (
        lambda: cell(x[0, 0].long()),
        "input: expected torch.float32, the dtype of the weights, got torch.int64.",
        "Convert one: input.to(torch.float32). Token numbers need an nn.Embedding instead.",
    )
    yield (
        lambda: cell(torch.zeros(3, 6)),
        "input: expected (B, I=4) or, without a batch, (I=4), got (3, 6).",
        "Its last axis is 6, this module's own hidden_size: was the input meant for the next one?",
    )
    yield (
        lambda: cell(torch.zeros(3, 8)),
        "input: expected (B, I=4) or, without a batch, (I=4), got (3, 8).",
        "Its last axis is 8, twice 4. Is this the output of a bidirectional layer with hidden_size=4? It is"
        " D*H wide.",
    )
    yield (
        lambda: cell(torch.zeros(4, 3)),
        "input: expected (B, I=4) or, without a batch, (I=4), got (4, 3).",
        "Its axis 0 is 4: are the axes exchanged? The features come last.",
    )
    yield (
        lambda: lstm(x.transpose(1, 2)),
        "input: expected (T, B, I=4), got (7, 4, 3).",
        "Its axis 1 is 4: are the axes exchanged? The features come last.",
    )
    yield (
        lambda: lstm(torch.zeros(7, 3, 6)),
        "input: expected (T, B, I=4), got (7, 3, 6).",
        "Its last axis is 6, this module's own hidden_size: was the input meant for the next one?",
    )
    yield (
        lambda: lstm(torch.zeros(7, 3, 9)),
        "input: expected (T, B, I=4), got (7, 3, 9).",
        "Its last axis is 9. Is this the output of a layer with hidden_size=9?",
    )
    yield (
        lambda: lstm(lstm(x)),
        "input: expected a tensor (T, B, I=4) or a PackedSequence, got tuple.",
        "Is it what another layer returned, (output, state)? Pass its first part.",
    )
    yield (
        lambda: cell(torch.zeros(3, 5)),
        "input: expected (B, I=4) or, without a batch, (I=4), got (3, 5).",
        "Its last axis is 5. Is this the output of a layer with hidden_size=5?",
    )
    yield lambda: cell(None), "input: expected a tensor (B, I=4) or, without a batch, (I=4), got None.", ""
    yield (
        lambda: cell([0.0]),
        "input: expected a tensor (B, I=4) or, without a batch, (I=4), got list.",
        "torch.as_tensor turns it into a tensor.",
    )
    yield (
        lambda: cell((x, h)),
        "input: expected a tensor (B, I=4) or, without a batch, (I=4), got tuple.",
        "Is it what another layer returned, (output, state)? Pass its first part.",
    )
    yield (
        lambda: cell(packed),
        "input: expected a tensor (B, I=4) or, without a batch, (I=4), got"
        " torch.nn.utils.rnn.PackedSequence.",
        "A cell takes one time step: a layer (RNN, LSTM, GRU) takes a PackedSequence.",
    )
    yield lambda: cell("x"), "input: expected a tensor (B, I=4) or, without a batch, (I=4), got str.", ""
    yield (
        lambda: lstm(torch.zeros(2, 7, 3, 4)),
        "input: expected (T, B, I=4) or, without a batch, (T, I=4), got (2, 7, 3, 4).",
        "",
    )
    yield (
        lambda: lstm(torch.tensor(0.0)),
        "input: expected (T, B, I=4) or, without a batch, (T, I=4), got ().",
        "",
    )
    yield (
        lambda: lstm(x[0, 0]),
        "input: expected (T, B, I=4) or, without a batch, (T, I=4), got (4,).",
        "One step alone? Add the time axis: input.unsqueeze(0).",
    )
    yield (
        lambda: lstm(torch.zeros(7)),
        "input: expected (T, B, I=4) or, without a batch, (T, I=4), got (7,).",
        "",
    )
    yield (
        lambda: narrow(torch.zeros(2, 7, 3, 1)),
        "input: expected (T, B, I=1) or, without a batch, (T, I=1), got (2, 7, 3, 1).",
        "",
    )
    yield (
        lambda: narrow(torch.zeros(7)),
        "input: expected (T, B, I=1) or, without a batch, (T, I=1), got (7,).",
        "One number for each step? Add the feature axis: input.unsqueeze(-1).",
    )
    yield (
        lambda: narrow(torch.zeros(7, 3)),
        "input: expected (T, I=1), got (7, 3).",
        "One number for each step? Add the feature axis: input.unsqueeze(-1).",
    )
    yield lambda: first(None), "input: expected a tensor (B, T, I=4) or a PackedSequence, got None.", ""
    yield (
        lambda: lstm(np.zeros((7, 3, 4))),
        "input: expected a tensor (T, B, I=4) or a PackedSequence, got numpy.ndarray.",
        "torch.as_tensor turns it into a tensor.",
    )
    yield (
        lambda: lstm(torch.nested.nested_tensor([x[:2, 0], x[:, 0]], layout=torch.jagged)),
        "input: expected a tensor (T, B, I=4) or a PackedSequence, got a nested tensor.",
        "Sequences of different lengths: torch.nn.utils.rnn.pack_sequence("
        "list(tensor.unbind()), enforce_sorted=False) packs them.",
    )
    yield (
        lambda: lstm(x[:0]),
        "input: expected (T, B, I=4) with T of at least 1, got (0, 3, 4): no time step.",
        "",
    )
    yield (
        lambda: first(x[:, :0]),
        "input: expected (B, T, I=4) with T of at least 1, got (7, 0, 4): no time step.",
        "",
    )
    yield (
        lambda: lstm(x[:0, 0]),
        "input: expected (T, I=4) with T of at least 1, got (0, 4): no time step.",
        "",
    )
    yield (
        lambda: lstm(x.long()),
        "input: expected torch.float32, the dtype of the weights, got torch.int64.",
        "Convert one: input.to(torch.float32). Token numbers need an nn.Embedding instead.",
    )
    yield (
        lambda: lstm(x.double()),
        "input: expected torch.float32, the dtype of the weights, got torch.float64.",
        "NumPy's floats are float64. Convert one: input.to(torch.float32).",
    )
    yield (
        lambda: lstm(x.half()),
        "input: expected torch.float32, the dtype of the weights, got torch.float16.",
        "Convert one: input.to(torch.float32).",
    )
    yield (
        lambda: lstm(x.to("meta")),
        "input: expected it on cpu, where the weights are, got it on meta.",
        "Move one: input.to('cpu').",
    )
    yield (
        lambda: lstm(x > 0),
        "input: expected torch.float32, the dtype of the weights, got torch.bool.",
        "Convert one: input.to(torch.float32).",
    )
    yield (
        lambda: rnn(pack_padded_sequence(torch.zeros(7, 3, 8), [7, 5, 2])),
        "input: expected a PackedSequence of sequences (T_b, I=4), so its data (N, I=4), got data (14, 8).",
        "Its last axis is 8, twice 4. Is this the output of a bidirectional layer with hidden_size=4? It is"
        " D*H wide.",
    )
    yield (
        lambda: lstm(x, h),
        "hx: expected a pair of tensors (h_0, c_0), got Tensor.",
        "One tensor alone is h_0: c_0 is missing.",
    )
    yield lambda: lstm(x, 3), "hx: expected a pair of tensors (h_0, c_0), got int.", ""
    yield lambda: lstm(x, (h,)), "hx: expected a pair of tensors (h_0, c_0), got tuple of 1.", ""
    yield lambda: lstm(x, [h, h, h]), "hx: expected a pair of tensors (h_0, c_0), got list of 3.", ""
    yield lambda: lstm(x, (h, None)), "hx: expected a pair of tensors (h_0, c_0), got None for c_0.", ""
    yield (
        lambda: rnn(x, (h, h)),
        "hx: expected one tensor, h_0, got tuple.",
        "Only an LSTM has two states: pass h_0 alone.",
    )
    yield lambda: rnn(x, "h"), "hx: expected one tensor, h_0, got str.", ""
    yield (
        lambda: lstm(x, h, h),
        "hx: expected one pair of tensors (h_0, c_0), got 2 arguments for the state.",
        "Put them in one tuple: (h_0, c_0).",
    )
    yield (
        lambda: rnn(x, h, h),
        "hx: expected one tensor, h_0, got 2 arguments for the state.",
        "Only an LSTM has two states: pass h_0 alone.",
    )
    yield (
        lambda: lstm(x, (h, h.double())),
        "c_0: expected torch.float32, the dtype of the weights, got torch.float64.",
        "NumPy's floats are float64. Convert one: c_0.to(torch.float32).",
    )
    yield (
        lambda: lstm(x[:, 0], pair_of(h)),
        "h_0: expected (L*D=1, H=6), got (1, 3, 6).",
        "The input has no batch axis. Is it one step of a batch? Then input.unsqueeze(0) adds time.",
    )
    yield (
        lambda: lstm(x, pair_of(h[0])),
        "h_0: expected (L*D=1, B=3, H=6), got (3, 6).",
        "Its layer axis is missing: h.unsqueeze(0).",
    )
    yield (
        lambda: two_way(x, pair_of(h[0])),
        "h_0: expected (L*D=4, B=3, H=6), got (3, 6).",
        "The input has a batch axis, so the state has three: layers and directions, batch, features.",
    )
    yield (
        lambda: rnn(x, h.expand(2, 3, 6)),
        "h_0: expected (L*D=1, B=3, H=6), got (2, 3, 6).",
        "It has two rows for each layer: is it a bidirectional layer's? Join each two, "
        "torch.cat((h[0::2], h[1::2]), dim=-1), for hidden_size=12, or add them.",
    )
    yield (
        lambda: rnn(x, torch.zeros(3, 1, 6)),
        "h_0: expected (L*D=1, B=3, H=6), got (3, 1, 6).",
        "Are its first two axes exchanged? batch_first moves input and output, never a state.",
    )
    yield (
        lambda: rnn(x, torch.zeros(3, 6, 1)),
        "h_0: expected (L*D=1, B=3, H=6), got (3, 6, 1).",
        "Its axes are in a different order.",
    )
    yield (
        lambda: projected(x, pair_of(h)),
        "h_0: expected (L*D=1, B=3, P=5), got (1, 3, 6).",
        "With proj_size, h is P wide and only c is H wide.",
    )
    yield (
        lambda: two_way(x, pair_of(torch.zeros(2, 3, 12))),
        "h_0: expected (L*D=4, B=3, H=6), got (2, 3, 12).",
        "The output joins both directions in its last axis; a state keeps them in two rows.",
    )
    yield (
        lambda: two_way(x, pair_of(torch.zeros(4, 3, 5))),
        "h_0: expected (L*D=4, B=3, H=6), got (4, 3, 5).",
        "Its last axis is 5: was it made for hidden_size=5?",
    )
    yield (
        lambda: two_way(x, pair_of(torch.zeros(2, 3, 6))),
        "h_0: expected (L*D=4, B=3, H=6), got (2, 3, 6).",
        "A bidirectional layer has two rows for each layer, forward and backward.",
    )
    yield (
        lambda: two_way(x, pair_of(torch.zeros(3, 3, 6))),
        "h_0: expected (L*D=4, B=3, H=6), got (3, 3, 6).",
        "num_layers=2 and 2 directions make 4 rows.",
    )
    yield (
        lambda: first(x.transpose(0, 1), torch.zeros(1, 7, 6)),
        "h_0: expected (L*D=1, B=3, H=6), got (1, 7, 6).",
        "Its batch is the length of the input's axis 1, which is time with batch_first=True.",
    )
    yield (
        lambda: rnn(x, torch.zeros(1, 7, 6)),
        "h_0: expected (L*D=1, B=3, H=6), got (1, 7, 6).",
        "Its batch is the length of the input's axis 0, which is time with batch_first=False.",
    )
    yield (
        lambda: rnn(x, h[:, :2]),
        "h_0: expected (L*D=1, B=3, H=6), got (1, 2, 6).",
        "Its batch is not the input's.",
    )
    yield (
        lambda: rnn(packed, h[:, :2]),
        "h_0: expected (L*D=1, B=3, H=6), got (1, 2, 6).",
        "Its batch is not the input's.",
    )


@pytest.mark.parametrize(
    ("call", "contract", "slip"), list(sentences()), ids=lambda v: v if type(v) is str else ""
)
def test_the_sentence_in_full(call, contract, slip):
    with pytest.raises(Exception) as raised:  # noqa: PT011  the classes are tested above
        call()
    assert str(raised.value) == " ".join(filter(None, (contract, slip)))

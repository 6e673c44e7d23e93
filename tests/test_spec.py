"""spec.py: what a recurrent module is, of torch.nn and of ours alike."""

import pickle
import re

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

import rnncourse
from rnncourse import convert, explain, shapes
from rnncourse.spec import Spec

MODULES = {
    "LSTM, all options": (
        "LSTM",
        (3, 5),
        {"num_layers": 2, "bidirectional": True, "proj_size": 2, "dropout": 0.5},
    ),
    "LSTM, no bias": ("LSTM", (3, 5), {"bias": False, "batch_first": True}),
    "GRU": ("GRU", (3, 5), {"num_layers": 3}),
    "RNN, relu": ("RNN", (3, 5), {"nonlinearity": "relu", "bidirectional": True}),
    "RNN": ("RNN", (3, 5), {}),
    "LSTMCell": ("LSTMCell", (3, 5), {"bias": False}),
    "GRUCell": ("GRUCell", (3, 5), {}),
    "RNNCell, relu": ("RNNCell", (3, 5), {"nonlinearity": "relu"}),
}


@pytest.fixture(params=MODULES.values(), ids=MODULES.keys())
def modules(request):
    """The same module of torch.nn and of ours."""
    kind, sizes, options = request.param
    return getattr(nn, kind)(*sizes, **options), getattr(rnncourse, kind)(*sizes, **options)


def test_names_and_shapes_of_the_weights_are_the_modules_own(modules):
    for module in modules:
        spec = Spec.find(module)
        own = {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}
        names = [name + spec.suffix(place) for place in spec.places for name in spec.weight_names]
        assert names == list(own)
        assert {name: shapes.sizes(axes) for name, axes in shapes.parameter_axes(spec)} == own


def test_torchs_and_ours_are_the_same(modules):
    theirs, ours = map(Spec.find, modules)
    for name in (
        "kind",
        "is_cell",
        "mode",
        "gates",
        "letters",
        "states",
        "places",
        "title",
        "dropout",
        "h_size",
    ):
        assert getattr(theirs, name) == getattr(ours, name), name
    assert ours.gates == modules[1].gates
    assert shapes.is_layer(theirs) == shapes.is_layer(modules[0]) == ("Cell" not in type(modules[0]).__name__)
    if not theirs.is_cell:
        assert theirs.mode == modules[0].mode == modules[1].mode


def test_a_subclass_by_any_name_is_what_it_is_made_of():
    class Encoder(nn.LSTM):
        pass

    assert Spec.find(Encoder(3, 5)).kind == "LSTM"


@pytest.mark.parametrize(
    "other", [nn.Linear(3, 5), nn.LSTM, "LSTM", None], ids=["Linear", "class", "str", "None"]
)
def test_anything_else_has_none(other):
    assert Spec.find(other) is None
    with pytest.raises(TypeError, match=r"^layer: expected an RNN, LSTM or GRU, or a cell of these, got "):
        Spec.of(other, "layer")


def test_explaining_computes_no_weight():
    """To read a weight under spectral_norm in training takes a step of its power iteration."""
    lstm = parametrizations.spectral_norm(nn.LSTM(3, 5), "weight_hh_l0")
    parametrizations.weight_norm(lstm, "weight_ih_l0")
    before = {name: value.clone() for name, value in lstm.state_dict().items()}
    assert not explain(lstm, torch.randn(7, 2, 3)).problem
    assert "float64" in explain(lstm, torch.randn(7, 2, 3).double()).problem
    after = lstm.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_one_direction_of_a_trace_is_pickled_without_the_model():
    model = nn.Sequential(nn.LSTM(3, 64))
    with rnncourse.trace(model) as t:
        model(torch.randn(2, 1, 3))
    stored = pickle.dumps(t["0"].layer(0).forward)
    assert torch.equal(pickle.loads(stored).f, t["0"].f)
    assert len(stored) < sum(parameter.nbytes for parameter in model.parameters()) / 2


@pytest.mark.parametrize(
    ("k", "reverse", "sentence"),
    [
        (2, False, "no weights for k=2 and reverse=False, since it has num_layers=2 and bidirectional=False"),
        (0, True, "no weights for k=0 and reverse=True, since it has num_layers=2 and bidirectional=False"),
    ],
)
def test_convert_says_which_layers_there_are(k, reverse, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        convert.to_keras(nn.GRU(3, 5, num_layers=2), k, reverse)

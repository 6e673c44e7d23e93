"""A user's typed code. Here it runs: the values have the types that they are declared to have.

`mypy` reads this file as well: to it, each `assert_type` holds, and each `type: ignore` hides an error.
"""

import inspect
from typing import assert_type

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence

import rnncourse
from rnncourse import LSTMState, audit, explain, plots, trace
from rnncourse.auditing import Audit, Finding, Place
from rnncourse.explaining import Explanation, Row
from rnncourse.tracing import (
    CellTrace,
    DirectionTrace,
    Gradients,
    LayerDirections,
    LayerTrace,
    ModuleTrace,
    Trace,
)
from rnncourse.tracing.values import EVERY_NAME, NamedValues

T, B, I, H = 5, 3, 2, 4


def is_a(value: object, *kinds: type) -> None:
    assert isinstance(value, kinds)


def test_a_layer_returns_what_its_input_is() -> None:
    lstm, gru = rnncourse.LSTM(I, H), rnncourse.GRU(I, H)
    x, packed = torch.randn(T, B, I), pack_sequence([torch.randn(T, I)])

    output, state = lstm(x)
    is_a(assert_type(output, Tensor), Tensor)
    is_a(assert_type(state, LSTMState), LSTMState)
    h_n, c_n = lstm(x, state)[1]
    is_a(assert_type(h_n, Tensor), Tensor)
    is_a(assert_type(c_n, Tensor), Tensor)
    is_a(assert_type(lstm(packed)[0], PackedSequence), PackedSequence)
    is_a(assert_type(lstm.forward(packed)[0], PackedSequence), PackedSequence)
    assert_type(lstm.forward(x), tuple[Tensor, LSTMState])

    is_a(assert_type(gru(packed)[0], PackedSequence), PackedSequence)
    is_a(assert_type(gru(x)[1], Tensor), Tensor)
    assert_type(rnncourse.RNN(I, H).forward(x), tuple[Tensor, Tensor])
    is_a(assert_type(lstm.all_weights, list[list[nn.Parameter]])[0][0], nn.Parameter)

    with pytest.raises(IndexError):
        lstm(x, h_n)  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        gru(x, (h_n, c_n))  # type: ignore[arg-type]


def test_a_cell_returns_its_state() -> None:
    x_t = torch.randn(B, I)
    state = rnncourse.LSTMCell(I, H)(x_t)
    is_a(assert_type(state, LSTMState), LSTMState)
    is_a(assert_type(state.c, Tensor), Tensor)
    assert_type(rnncourse.LSTMCell(I, H).forward(x_t, state), LSTMState)
    is_a(assert_type(rnncourse.GRUCell(I, H)(x_t), Tensor), Tensor)
    is_a(assert_type(rnncourse.RNNCell(I, H).forward(x_t, torch.zeros(B, H)), Tensor), Tensor)
    is_a(assert_type(rnncourse.RNNCell(I, H).weight_hh, nn.Parameter), nn.Parameter)
    assert assert_type(rnncourse.RNNCell(I, H, bias=False).bias_hh, nn.Parameter | None) is None


def test_every_value_of_a_trace_is_a_tensor() -> None:
    model = nn.ModuleDict({"layer": nn.LSTM(I, H, 2, bidirectional=True), "cell": nn.GRUCell(I, H)})
    with trace(model, names=["f", "z", "h"]) as t:
        model["layer"](torch.randn(T, B, I))[0].sum().backward()
        model["cell"](torch.randn(B, I))
    assert_type(t, Trace)

    layer = t["layer"]
    assert_type(layer, ModuleTrace)
    is_a(layer, ModuleTrace, LayerTrace)
    is_a(assert_type(layer.layer(0), LayerDirections), LayerDirections)
    is_a(assert_type(layer.layer(0).reverse, DirectionTrace), DirectionTrace)
    is_a(assert_type(layer.layer(1).forward.f, Tensor), Tensor)
    is_a(assert_type(layer.layer(1).forward.grad, Gradients), Gradients)
    is_a(assert_type(layer.layer(1).forward.grad.f, Tensor), Tensor)
    assert assert_type(layer.layer(0).forward.mask, Tensor | None) is None
    is_a(assert_type(layer.output, Tensor | PackedSequence), Tensor)
    is_a(assert_type(layer.c_n, Tensor), Tensor)
    is_a(assert_type(layer.max_error, float), float)
    is_a(assert_type(layer.nbytes, int), int)
    is_a(assert_type(t.modules, list[str])[0], str)

    cell = t["cell", 0]
    is_a(cell, ModuleTrace)
    is_a(cell, CellTrace)
    is_a(assert_type(t["cell"].z, Tensor), Tensor)
    is_a(assert_type(cell.names, tuple[str, ...]), tuple)

    with pytest.raises(AttributeError):
        layer.fx  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(AttributeError):
        layer.layer(0).forward.fx.shape  # type: ignore[attr-defined]  # noqa: B018


def test_all_names_of_values_are_declared() -> None:
    assert inspect.get_annotations(NamedValues).keys() == EVERY_NAME | {"h_0"}


def test_an_explanation_is_made_of_rows() -> None:
    explained = explain(nn.LSTM(I, H), torch.zeros(T, B, I), "a state")
    is_a(assert_type(explained, Explanation), Explanation)
    is_a(assert_type(explained["h_0"], Row), Row)
    assert_type(explained["h_0"].axes, tuple[tuple[str, int | None], ...])
    is_a(assert_type(explained.problem, str), str)
    is_a(assert_type(explained.messages, list[tuple[str, str]]), list)


def test_a_report_is_made_of_findings() -> None:
    report = audit(nn.LSTM(I, H), torch.zeros(T, B, I), batch=0)
    is_a(assert_type(report, Audit), Audit)
    [finding] = report.wrong
    is_a(assert_type(finding, Finding), Finding)
    assert assert_type(finding.where, Place | None) is None
    is_a(assert_type(finding.kind, str), str)
    is_a(assert_type(report.ok, bool), bool)
    is_a(assert_type(report.not_checked, tuple[str, ...]), tuple)
    is_a(assert_type(report.dependence, Tensor), Tensor)


def test_plots_take_any_single_direction() -> None:
    gru = rnncourse.GRU(I, H)
    with trace(gru) as t:
        gru(torch.randn(T, B, I))
    figures = [plots.gates_over_time(d) for d in (t, t[""], t.layer(0), t.forward)]
    assert len(figures) == 4
    is_a(assert_type(plots.gradient_norms(gru, torch.randn(T, B, I)), Tensor), Tensor)

"""The derivative by hand against the plain loop, which autograd derives; torch.nn is test_layers.py's."""

from functools import partial

import numpy as np
import pytest
import torch
from oracle import assert_same
from torch import nn

import rnncourse
from rnncourse import bptt
from rnncourse.layers import unroll
from rnncourse.rows import Steps, in_place

I, H, P, B = 4, 6, 3, 5
DENSE, PACKED = [B] * 7, [5, 5, 4, 2, 2, 1]
LAYERS = {
    "RNN_TANH": rnncourse.RNN(I, H, dtype=torch.float64),
    "RNN_RELU": rnncourse.RNN(I, H, nonlinearity="relu", dtype=torch.float64),
    "LSTM": rnncourse.LSTM(I, H, dtype=torch.float64),
    "projected": rnncourse.LSTM(I, H, proj_size=P, dtype=torch.float64),
    "GRU": rnncourse.GRU(I, H, dtype=torch.float64),
}


def inputs(mode: str, sizes: list[int], bias: bool = True) -> dict[str, torch.Tensor]:
    """Random x, states and weights of one layer and direction, all asking for gradients."""
    layer = LAYERS[mode]
    torch.manual_seed(7)
    shapes = {"x": (sum(sizes), I), "h_0": (B, layer.proj_size or H)}
    shapes |= {"c_0": (B, H)} if layer.has_cell_state else {}
    shapes |= {name.removesuffix("_l0"): tuple(weight.shape) for name, weight in layer.named_parameters()}
    return {
        name: torch.randn(shape, dtype=torch.float64).mul_(0.5).requires_grad_()
        for name, shape in shapes.items()
        if bias or not name.startswith("bias")
    }


def run(fold, mode: str, sizes: list[int], reverse: bool, tensors: dict) -> dict[str, torch.Tensor]:
    """output, h_n (and c_n), by name, of bptt.fold or of the plain loop."""
    names = ["x", "h_0", *(["c_0"] if LAYERS[mode].has_cell_state else [])]
    weights = {name: value for name, value in tensors.items() if name not in names}
    state = [tensors[name] for name in names[1:]]
    output, end = fold(tensors["x"], sizes, reverse, state, weights)
    return dict(zip(["output", "h_n", "c_n"], [output, *end], strict=False))


def both(mode: str):
    plain = partial(unroll, LAYERS[mode]._step)
    return partial(bptt.fold, LAYERS[mode].mode, plain), plain


def with_gradients(results: dict, tensors: dict) -> dict[str, torch.Tensor]:
    """The results and every gradient of a random linear function of them."""
    torch.manual_seed(8)
    upstream = [torch.randn_like(value) for value in results.values()]
    found = torch.autograd.grad(list(results.values()), list(tensors.values()), upstream)
    return results | {f"d{name}": value for name, value in zip(tensors, found, strict=True)}


@pytest.fixture(params=["numpy", "torch", "small cache"])
def memory(request, monkeypatch):
    """The loops on NumPy's views; on torch's alone, as on a GPU; and in parts of two steps."""
    if request.param == "torch":
        for module in ("bptt", "rows"):
            monkeypatch.setattr(f"rnncourse.{module}.in_place", lambda tensor: tensor)
    if request.param == "small cache":
        monkeypatch.setattr("rnncourse.rows.CACHED", 2 * B * H)


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("sizes", [DENSE, PACKED, [B]], ids=["dense", "packed", "one step"])
@pytest.mark.parametrize("mode", LAYERS)
def test_equals_the_plain_loop(mode, sizes, reverse, bias, memory):
    tensors = inputs(mode, sizes, bias)
    by_hand, plain = (with_gradients(run(f, mode, sizes, reverse, tensors), tensors) for f in both(mode))
    assert "_Fold" in type(by_hand["output"].grad_fn).__name__
    assert_same(by_hand, plain, tolerance=1e-12)


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize(
    "sizes", [DENSE, PACKED, [B], [1] * 12], ids=["dense", "packed", "one step", "one row"]
)
@pytest.mark.parametrize("mode", LAYERS)
def test_without_gradients_equals_the_plain_loop(mode, sizes, reverse, bias, memory):
    """The loops without gradients keep nothing, and the LSTM's reads x_t and h side by side."""
    tensors = {name: value.detach() for name, value in inputs(mode, sizes, bias).items()}
    for name in tensors.keys() & {"h_0", "c_0"}:
        tensors[name] = tensors[name][: sizes[0]]
    assert_same(*(run(f, mode, sizes, reverse, tensors) for f in both(mode)), tolerance=1e-13)


@pytest.mark.parametrize(
    ("sizes", "keep", "shape"),
    [(DENSE, True, (sum(DENSE), 4 * H)), (DENSE, False, (4, B, H)), ([1] * 12, False, (12, 4 * H))],
    ids=["with gradients", "without", "one row"],
)
def test_the_lstm_without_gradients_has_the_gates_of_one_step_alone(sizes, keep, shape):
    """This is most of an LSTM's memory. One row is quicker with all steps' gates, and they are few."""
    weights = {name: value.detach() for name, value in inputs("LSTM", sizes).items()}
    x, *state = (weights.pop(name) for name in ("x", "h_0", "c_0"))
    state = [v[: sizes[0]] for v in state]
    _, _, (gates, *_) = bptt.lstm_forward(Steps(sizes, False), keep, x, state, weights)
    assert gates.shape == shape


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("sizes", [DENSE, PACKED], ids=["dense", "packed"])
def test_the_states_before_some_rows_are_those_of_the_whole(sizes, reverse):
    steps, start, states = Steps(sizes, reverse), torch.randn(B, H), torch.randn(sum(sizes), H)
    whole = steps.before(start, states)
    ends = np.cumsum([0, *sizes])
    for first in range(len(sizes)):
        for last in range(first, len(sizes)):
            rows = slice(ends[first], ends[last + 1])
            assert torch.equal(steps.before(start, states, rows), whole[rows])


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("sizes", [DENSE, PACKED], ids=["dense", "packed"])
def test_parts_cover_each_row_once_on_the_way_back(sizes, reverse, monkeypatch):
    monkeypatch.setattr("rnncourse.rows.CACHED", 2 * B * H)
    steps = Steps(sizes, reverse)
    parts = list(steps.parts(H))
    assert len(parts) == (len(sizes) + 1) // 2
    in_time = sorted(parts, key=lambda part: part[0].start)
    assert (parts == in_time) == reverse
    assert [b for _, part in in_time for b in part.sizes] == sizes
    for rows, part in parts:
        assert rows.stop - rows.start == sum(part.sizes)
        assert part.reverse == reverse
    covered = sorted(row for rows, _ in parts for row in range(rows.start, rows.stop))
    assert covered == list(range(sum(sizes)))


@pytest.mark.parametrize("sizes", [DENSE[:3], PACKED], ids=["dense", "packed"])
@pytest.mark.parametrize("mode", LAYERS)
def test_the_gradients_gradient_is_the_plain_loops(mode, sizes):
    tensors = inputs(mode, sizes)
    found = []
    for f in both(mode):
        results = run(f, mode, sizes, False, tensors)
        first = torch.autograd.grad(
            sum(v.square().sum() for v in results.values()), list(tensors.values()), create_graph=True
        )
        second = torch.autograd.grad(sum(v.square().sum() for v in first), list(tensors.values()))
        found.append(dict(zip(tensors, second, strict=True)))
    assert_same(*found, tolerance=1e-11)


@pytest.mark.parametrize("mode", LAYERS)
def test_only_what_needs_a_gradient_gets_one(mode):
    tensors = inputs(mode, DENSE)
    for name in ("x", "weight_hh", "h_0"):
        tensors[name].requires_grad_(False)
    sum(v.sum() for v in run(both(mode)[0], mode, DENSE, False, tensors).values()).backward()
    assert {name for name, value in tensors.items() if value.grad is None} == {"x", "weight_hh", "h_0"}


@pytest.mark.parametrize("mode", LAYERS)
def test_nothing_given_is_changed(mode):
    tensors = inputs(mode, PACKED)
    before = {name: value.detach().clone() for name, value in tensors.items()}
    with_gradients(run(both(mode)[0], mode, PACKED, True, tensors), tensors)
    assert all(torch.equal(value, before[name]) for name, value in tensors.items())


@pytest.mark.parametrize("mode", LAYERS)
def test_gradients_share_no_memory(mode):
    tensors = inputs(mode, DENSE)
    loss = run(both(mode)[0], mode, DENSE, False, tensors)["output"].sum()
    found = torch.autograd.grad(loss, list(tensors.values()), allow_unused=True)
    assert len({gradient.untyped_storage().data_ptr() for gradient in found}) == len(tensors)


@pytest.mark.parametrize("mode", LAYERS)
def test_backward_twice_gives_the_same(mode):
    tensors = inputs(mode, DENSE)
    loss = run(both(mode)[0], mode, DENSE, False, tensors)["output"].square().sum()
    first, second = (torch.autograd.grad(loss, list(tensors.values()), retain_graph=True) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("mode", LAYERS)
def test_no_warning_where_numbers_overflow(mode):
    """Saturated gates have the derivative 0, and 0 * inf is what NumPy warns of and torch does not."""
    tensors = inputs(mode, DENSE)
    with torch.no_grad():
        tensors["x"].mul_(1e30)
    output = run(both(mode)[0], mode, DENSE, False, tensors)["output"]
    output.backward(torch.full_like(output, torch.inf))


def test_every_layer_takes_this_way(monkeypatch):
    """A user meets the plain loop only where the derivative by hand can't serve."""
    monkeypatch.setattr("rnncourse.layers.unroll", lambda *arguments: pytest.fail("the plain loop ran"))
    x = torch.randn(5, 3, I)
    packed = nn.utils.rnn.pack_padded_sequence(x, [4, 5, 2], enforce_sorted=False)
    for kind in (rnncourse.RNN, rnncourse.LSTM, rnncourse.GRU):
        for dtype in (torch.float32, torch.float64, torch.bfloat16):
            layer = kind(I, H, 2, bidirectional=True, dropout=0.3, batch_first=True, dtype=dtype)
            for given in (x.to(dtype), x[0].to(dtype), packed.to(dtype)):
                layer(given)


def test_where_it_does_not_serve():
    x = (torch.randn(3, I),)
    assert bptt.serves(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert not bptt.serves(x)
    with torch.autograd.forward_ad.dual_level():
        assert not bptt.serves(x)
    assert not torch.vmap(lambda v: torch.tensor(bptt.serves((v,))))(torch.randn(2, 3, I)).any()
    assert not bptt.serves((torch.randn(3, I, dtype=torch.complex64),))
    assert not bptt.serves((torch.empty(3, I, device="meta"),))


def test_numpy_works_on_a_cpus_floats_in_place():
    """This is what makes the loops quick: without it the numbers are the same."""
    for dtype in (torch.float32, torch.float64):
        tensor = torch.zeros(2, 3, dtype=dtype)
        in_place(tensor)[:] = 1
        assert isinstance(in_place(tensor), np.ndarray)
        assert torch.equal(tensor, torch.ones_like(tensor))
    for tensor in (torch.zeros(2, dtype=torch.bfloat16), torch.zeros(2, device="meta")):
        assert in_place(tensor) is tensor

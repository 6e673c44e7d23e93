"""A trace against an oracle of its own: each sequence alone, step by step, by the formulas written out here.

The oracle knows neither packing nor batches, and takes its gradients by autograd through its own loop. It is
itself held against the module: its outputs must be the module's.
"""

import copy
import gc
import math
import re
import warnings

import pytest
import torch
from oracle import CELLS, FORMS, LAYERS, LENGTHS, VARIANTS, B, H, I, T, random, sequence, states_for
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

import rnncourse
from rnncourse import trace
from rnncourse.steps import gru_step, lstm_step, rnn_step
from rnncourse.tracing import DirectionTrace, LayerTrace, equations, record

LIBRARIES = {"torch": nn, "ours": rnncourse}
NAMES = {
    "LSTM": "x a_i a_f a_g a_o i f g o c h",
    "GRU": "x a_r a_z a_n r z n hh_n h",
    "RNN_TANH": "x a h",
    "RNN_RELU": "x a h",
}


# --- the oracle ------------------------------------------------------------------------------------------


def step_by_hand(
    mode: str, w: dict[str, Tensor], x: Tensor, h: Tensor, c: Tensor | None
) -> dict[str, Tensor]:
    """All values of one step of one sequence, x (I), h (H), c (H), gate by gate."""
    H = w["weight_hh"].shape[0] // {"LSTM": 4, "GRU": 3}.get(mode, 1)

    def part(kind: str, k: int, v: Tensor) -> Tensor:
        rows = slice(k * H, (k + 1) * H)
        product = (w[f"weight_{kind}"][rows] * v).sum(1)
        return product + w[f"bias_{kind}"][rows] if f"bias_{kind}" in w else product

    def σ(a: Tensor) -> Tensor:
        return 1 / (1 + torch.exp(-a))

    if mode == "LSTM":
        a_i, a_f, a_g, a_o = (part("ih", k, x) + part("hh", k, h) for k in range(4))
        i, f, g, o = σ(a_i), σ(a_f), torch.tanh(a_g), σ(a_o)
        c = f * c + i * g
        values = {
            "x": x,
            "a_i": a_i,
            "a_f": a_f,
            "a_g": a_g,
            "a_o": a_o,
            "i": i,
            "f": f,
            "g": g,
            "o": o,
            "c": c,
        }
        h = o * torch.tanh(c)
        if "weight_hr" in w:
            values["q"] = h
            h = (w["weight_hr"] * h).sum(1)
        return values | {"h": h}
    if mode == "GRU":
        a_r, a_z = (part("ih", k, x) + part("hh", k, h) for k in range(2))
        r, z, hh_n = σ(a_r), σ(a_z), part("hh", 2, h)
        a_n = part("ih", 2, x) + r * hh_n
        n = torch.tanh(a_n)
        h = n + z * (h - n)
        return {"x": x, "a_r": a_r, "a_z": a_z, "a_n": a_n, "r": r, "z": z, "n": n, "hh_n": hh_n, "h": h}
    a = part("ih", 0, x) + part("hh", 0, h)
    return {"x": x, "a": a, "h": torch.tanh(a) if mode == "RNN_TANH" else a.clamp(min=0)}


class ByHand:
    """A layer's call: values[layer, reverse][b][t][name], starts[layer, reverse][b], outputs[b][t], ends."""

    def __init__(self, layer, x: Tensor, lengths: list[int], hx=None, masks: dict[int, Tensor] | None = None):
        """x (T, B, I); hx None, or h_0, or (h_0, c_0), (S, B, ·) each; masks[k] (T, B, D*H) below layer k."""
        D, mode = 2 if layer.bidirectional else 1, layer.mode
        hx = None if hx is None else hx if mode == "LSTM" else (hx,)
        self.values, self.starts, self.outputs, self.ends = {}, {}, [], []
        for b, length in enumerate(lengths):
            xs = [x[t, b].detach().clone().requires_grad_() for t in range(length)]
            for k in range(layer.num_layers):
                if masks:
                    xs = [x_t * masks[k][t, b] if k in masks else x_t for t, x_t in enumerate(xs)]
                sides = []
                for d in range(D):
                    end = f"_l{k}" + "_reverse" * d
                    names = [n.removesuffix(end) for n, _ in layer.named_parameters() if n.endswith(end)]
                    w = {n: getattr(layer, n + end).detach() for n in names}
                    hidden = w["weight_hh"].shape[0] // {"LSTM": 4, "GRU": 3}.get(mode, 1)
                    if hx is None:
                        start = [x.new_zeros(w["weight_hh"].shape[1]), x.new_zeros(hidden)]
                    else:
                        start = [s[k * D + d, b].detach().clone() for s in hx]
                    start = [s.requires_grad_() for s in start[: 2 if mode == "LSTM" else 1]]
                    h, c = start if mode == "LSTM" else (*start, None)
                    steps: list = [None] * length
                    for t in range(length)[:: -1 if d else 1]:
                        steps[t] = step_by_hand(mode, w, xs[t].clone(), h, c)
                        h, c = steps[t]["h"], steps[t].get("c")
                    self.values.setdefault((k, bool(d)), []).append(steps)
                    self.starts.setdefault((k, bool(d)), []).append(start)
                    self.ends.append([h] if c is None else [h, c])
                    sides.append([step["h"] for step in steps])
                xs = [torch.cat(both) for both in zip(*sides, strict=True)]
            self.outputs.append(xs)
        S = layer.num_layers * D
        self.ends = [
            torch.stack(parts).unflatten(0, (-1, S)).transpose(0, 1) for parts in zip(*self.ends, strict=True)
        ]

    def gradients(self, upstream: dict[str, Tensor]) -> dict:
        """(layer, reverse), name → [b][t] gradients, for upstream gradients of output (T, B, ·), h_n, c_n."""
        loss = 0.0
        if "output" in upstream:
            for b, xs in enumerate(self.outputs):
                loss = loss + sum((x_t * upstream["output"][t, b]).sum() for t, x_t in enumerate(xs))
        for name, end in zip(("h_n", "c_n"), self.ends, strict=False):
            if name in upstream:
                loss = loss + (end * upstream[name]).sum()
        steps = [step for rows in self.values.values() for row in rows for step in row]
        firsts = [state for starts in self.starts.values() for start in starts for state in start]
        flat = [value for step in steps for value in step.values()] + firsts
        grads = iter(torch.autograd.grad(loss, flat, materialize_grads=True))
        found: dict = {}
        for place, rows in self.values.items():
            for b, row in enumerate(rows):
                for step in row:
                    for name in step:
                        found.setdefault((place, name), [[] for _ in rows])[b].append(next(grads))
        for place, starts in self.starts.items():
            for start in starts:
                for name, _ in zip(("h_0", "c_0"), start, strict=False):
                    found.setdefault((place, name), []).append(next(grads))
        return found


def padded(rows: list[list[Tensor]]) -> Tensor:
    """[b][t] of (·): (T, B, ·) with nan."""
    longest = max(len(steps) for steps in rows)
    out = torch.full((longest, len(rows), *rows[0][0].shape), math.nan, dtype=rows[0][0].dtype)
    for b, steps in enumerate(rows):
        for t, step in enumerate(steps):
            out[t, b] = step.detach()
    return out


def assert_equal(mine: Tensor, wanted: Tensor, what="", tolerance=1e-12) -> None:
    assert mine.shape == wanted.shape, f"{what}: {tuple(mine.shape)}, expected {tuple(wanted.shape)}"
    torch.testing.assert_close(
        mine,
        wanted,
        rtol=0,
        atol=tolerance * max(1.0, wanted.nan_to_num().abs().max().item()),
        equal_nan=True,
    )


def assert_call_is(
    call: LayerTrace, hand: ByHand, upstream: dict[str, Tensor] | None, unbatched=False
) -> None:
    """Each value, first state and gradient of a call is the oracle's."""
    wanted_gradients = hand.gradients(upstream) if upstream else {}
    for (k, reverse), rows in hand.values.items():
        d = call.layer(k).reverse if reverse else call.layer(k).forward
        assert d.names == tuple(rows[0][0])
        assert d.is_reverse == reverse
        for name in d.names:
            wanted = padded([[step[name] for step in steps] for steps in rows])
            assert_equal(getattr(d, name), wanted[:, 0] if unbatched else wanted, (k, reverse, name))
            if upstream:
                wanted = padded(wanted_gradients[(k, reverse), name])
                wanted = wanted[:, 0] if unbatched else wanted
                assert_equal(getattr(d.grad, name), wanted, (k, reverse, "grad", name))
        for j, name in enumerate(("h_0", "c_0")[: len(hand.starts[k, reverse][0])]):
            wanted = torch.stack([start[j].detach() for start in hand.starts[k, reverse]])
            assert_equal(getattr(d, name), wanted[0] if unbatched else wanted, (k, reverse, name))
            if upstream:
                wanted = torch.stack(wanted_gradients[(k, reverse), name])
                wanted = wanted[0] if unbatched else wanted
                assert_equal(getattr(d.grad, name), wanted, (k, reverse, "grad", name))


def forward_time(form: str, x) -> Tensor:
    """Any form's input or output as (T, B, ·)."""
    if isinstance(x, PackedSequence):
        return pad_packed_sequence(x)[0]
    return {"batch_first": lambda: x.transpose(0, 1), "unbatched": lambda: x.unsqueeze(1)}.get(
        form, lambda: x
    )()


def lengths_of(form: str) -> list[int]:
    return {
        "sorted": sorted(LENGTHS, reverse=True),
        "unsorted": LENGTHS,
        "unbatched": [T],
    }.get(form, [T] * B)


def build(library: str, kind: str, **options):
    torch.manual_seed(0)
    return getattr(LIBRARIES[library], kind)(I, H, dtype=torch.float64, **options)


def call_and_compare(layer, form: str, given: bool, upstream_of=("output", "h_n", "c_n")) -> LayerTrace:
    """Trace one call with a random loss on its outputs; every number must be the oracle's."""
    x = sequence(form)
    hx = states_for(layer, None if form == "unbatched" else B) if given else None
    with trace(layer) as t:
        output, state = layer(x, hx) if given else layer(x)
        ends = dict(zip(("h_n", "c_n"), (state,) if isinstance(state, Tensor) else state, strict=False))
        outs = {"output": forward_time(form, output)} | {
            name: end.unsqueeze(1) if form == "unbatched" else end for name, end in ends.items()
        }
        outs = {name: out for name, out in outs.items() if name in upstream_of}
        upstream = {name: random(*out.shape, seed=20 + k) for k, (name, out) in enumerate(outs.items())}
        sum((out * upstream[name]).sum() for name, out in outs.items()).backward()
    call = t[""]
    masks = {k: call.layer(k).forward.mask for k in range(1, layer.num_layers)}
    masks = {
        k: mask.unsqueeze(1) if form == "unbatched" else mask for k, mask in masks.items() if mask is not None
    }
    if form == "unbatched" and hx is not None:
        hx = tuple(s.unsqueeze(1) for s in hx) if isinstance(hx, tuple) else hx.unsqueeze(1)
    hand = ByHand(layer, forward_time(form, x), lengths_of(form), hx, masks)
    by_hand = padded(hand.outputs)  # the oracle is right: it gives what the module gave
    assert_equal(forward_time(form, output).detach(), by_hand.nan_to_num())
    for name, end in zip(("h_n", "c_n"), hand.ends, strict=False):
        assert_equal(ends[name].detach(), (end[:, 0] if form == "unbatched" else end).detach(), name)
        assert torch.equal(getattr(call, name), ends[name])
    assert_call_is(call, hand, upstream, unbatched=form == "unbatched")
    assert call.max_error < 1e-13
    return call


# --- values and gradients --------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (1, True), (2, False), (3, True)])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_layers(library, variant, layers, bidirectional, form):
    kind, options = VARIANTS[variant]
    layer = build(
        library,
        kind,
        num_layers=layers,
        bidirectional=bidirectional,
        batch_first=form == "batch_first",
        **options,
    )
    call_and_compare(layer, form, given=(layers + FORMS.index(form)) % 2 == 0)


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_layers_without_bias(library, variant, given):
    kind, options = VARIANTS[variant]
    call_and_compare(
        build(library, kind, num_layers=2, bidirectional=True, bias=False, **options), "dense", given
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_dropout_in_training_and_not_in_eval(library, kind, form):
    layer = build(
        library, kind, num_layers=3, bidirectional=True, dropout=0.4, batch_first=form == "batch_first"
    )
    # With the trace's masks the oracle gives the module's output.
    call = call_and_compare(layer, form, given=False)
    assert call.layer(0).forward.mask is None
    for k in (1, 2):
        mask = call.layer(k).forward.mask
        assert call.layer(k).reverse.mask is mask
        numbers = mask[~mask.isnan()].unique()
        torch.testing.assert_close(numbers, torch.tensor([0, 1 / 0.6], dtype=torch.float64))
        assert mask.isnan().any() == (form in ("sorted", "unsorted"))
    layer.eval()
    call = call_and_compare(layer, form, given=True)
    assert [call.layer(k).forward.mask for k in range(3)] == [None] * 3


@pytest.mark.parametrize("upstream", [("output",), ("h_n",), ("c_n",)])
def test_gradients_when_one_result_alone_is_used(upstream):
    call_and_compare(build("torch", "LSTM", num_layers=2, bidirectional=True), "unsorted", True, upstream)


@pytest.mark.parametrize("kind", LAYERS)
def test_the_equations_are_those_of_steps(kind):
    cell = getattr(rnncourse, f"{kind}Cell")(I, H)
    weights = dict(cell.named_parameters())
    x, h, c = (random(B, n, dtype=torch.float32, seed=n) for n in (I, H, H))
    if kind == "LSTM":
        assert torch.equal(equations.lstm_values(x, h, c, **weights)["h"], lstm_step(x, (h, c), **weights).h)
        assert torch.equal(equations.lstm_values(x, h, c, **weights)["c"], lstm_step(x, (h, c), **weights).c)
    elif kind == "GRU":
        assert torch.equal(equations.gru_values(x, h, **weights)["h"], gru_step(x, h, **weights))
    else:
        for nonlinearity in ("tanh", "relu"):
            mine = equations.rnn_values(x, h, **weights, nonlinearity=nonlinearity)["h"]
            assert torch.equal(mine, rnn_step(x, h, **weights, nonlinearity=nonlinearity))


@pytest.mark.parametrize("mode", NAMES)
def test_names_are_in_the_order_of_the_equations(mode):
    layer = {"LSTM": nn.LSTM, "GRU": nn.GRU}.get(mode, nn.RNN)
    options = {"nonlinearity": "relu"} if mode == "RNN_RELU" else {}
    with trace(layer(I, H, **options)) as t:
        t._recorder.watched[0].module(random(T, B, I, dtype=torch.float32))
    assert t[""].mode == mode
    assert " ".join(t.names) == NAMES[mode]
    assert " ".join(equations.names_of("LSTM", projected=True)) == NAMES["LSTM"].replace(" h", " q h")


# --- cells -----------------------------------------------------------------------------------------------


def loop(cell, xs, state=None) -> list:
    """The cell over xs; its state after each step."""
    states = []
    for x in xs:
        state = cell(x, state)
        states.append(state)
    return states


def each(change, state):
    """A state, or a pair of them, changed."""
    return change(state) if isinstance(state, Tensor) else tuple(change(s) for s in state)


def layer_of(cell):
    """torch.nn's layer with the weights of a cell."""
    options = {"nonlinearity": cell.nonlinearity} if hasattr(cell, "nonlinearity") else {}
    layer = getattr(nn, type(cell).__name__.removesuffix("Cell"))(I, H, bias=cell.bias, **options).double()
    layer.load_state_dict({f"{name}_l0": weight for name, weight in cell.state_dict().items()})
    return layer


@pytest.mark.parametrize("unbatched", [False, True])
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("kind", [*CELLS, "RNNCell-relu"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_cells_in_a_loop(library, kind, given, unbatched):
    """The loss is of every h, and of an LSTM's last c."""
    kind, _, nonlinearity = kind.partition("-")
    cell = build(library, kind, bias=given, **({"nonlinearity": nonlinearity} if nonlinearity else {}))
    rows = 0 if unbatched else slice(None)
    x, hx = random(T, B, I), states_for(layer_of(cell)) if given else None
    with trace(cell) as t:
        states = loop(cell, x[:, rows], None if hx is None else each(lambda s: s[0, rows], hx))
        hs = torch.stack([state if isinstance(state, Tensor) else state[0] for state in states])
        upstream = {"output": random(*hs.shape, seed=9)}
        loss = (hs * upstream["output"]).sum()
        if kind == "LSTMCell":
            upstream["c_n"] = random(*hs.shape[1:], seed=10)
            loss = loss + (states[-1].c if library == "ours" else states[-1][1]).mul(upstream["c_n"]).sum()
        loss.backward()
    if unbatched:
        x, hx = x[:, :1], None if hx is None else each(lambda s: s[:, :1], hx)
        upstream = {name: gradient.unsqueeze(-2) for name, gradient in upstream.items()}
    hand = ByHand(layer_of(cell), x, [T] * x.shape[1], hx)
    if "c_n" in upstream:
        upstream["c_n"] = upstream["c_n"].unsqueeze(0)
    d, gradients = t[""], hand.gradients(upstream)
    assert isinstance(d, DirectionTrace)
    assert d.lengths is None
    assert d.max_error < 1e-13

    def called(value: Tensor) -> Tensor:
        return value.squeeze(-2) if unbatched else value

    for name in d.names:
        wanted = [[step[name] for step in steps] for steps in hand.values[0, False]]
        assert_equal(getattr(d, name), called(padded(wanted)), name)
        assert_equal(getattr(d.grad, name), called(padded(gradients[(0, False), name])), ("grad", name))
    for j, name in enumerate(("h_0", "c_0")[: len(hand.starts[0, False][0])]):
        first = torch.stack([start[j].detach() for start in hand.starts[0, False]])
        assert_equal(getattr(d, name), called(first), name)
        assert_equal(getattr(d.grad, name), called(torch.stack(gradients[(0, False), name])), ("grad", name))


def test_a_cell_that_reads_its_own_output():
    cell, head = nn.GRUCell(I, H), nn.Linear(H, I)
    model = nn.ModuleDict({"cell": cell, "head": head})
    with trace(model) as t:
        x, h, hs, read = torch.zeros(B, I), None, [], []
        for _ in range(T):
            read.append(x)
            h = cell(x, h)
            x = head(h)
            hs.append(h)
        (x * random(B, I, dtype=torch.float32)).sum().backward(inputs=[*hs, *cell.parameters()])
    assert_equal(t["cell"].x, torch.stack(read).detach(), tolerance=0)
    assert_equal(t["cell"].h, torch.stack(hs).detach(), tolerance=1e-6)
    assert_equal(t["cell"].grad.h, torch.stack([h.grad for h in hs]), tolerance=1e-6)
    assert_equal(t["cell"].n[3], t["cell", 3].n[0], tolerance=0)


def test_a_cell_over_the_steps_of_a_packed_batch():
    """Rows that have ended are nan; a batch that grows is refused, and each call can be read alone."""
    cell = nn.LSTMCell(I, H, dtype=torch.float64)
    x = pack_padded_sequence(random(T, B, I), sorted(LENGTHS, reverse=True))
    with trace(cell) as t:
        state = None
        for x_t in x.data.split(x.batch_sizes.tolist()):
            state = cell(x_t, None if state is None else [s[: len(x_t)] for s in state])
        state[0].sum().backward()
    hand = ByHand(layer_of(cell), pad_packed_sequence(x)[0], sorted(LENGTHS, reverse=True))
    for name in t.names:
        assert_equal(
            getattr(t, name), padded([[s[name] for s in steps] for steps in hand.values[0, False]]), name
        )
        assert torch.equal(getattr(t.grad, name).isnan(), getattr(t, name).isnan())
    assert t.lengths.tolist() == sorted(LENGTHS, reverse=True)
    with trace(cell) as t:
        cell(random(2, I))
        cell(random(3, I))
    says(LookupError, r"at call 1 the batch grew from 2 to 3\. Read each alone: t\['', k\]", lambda: t[""])
    assert t["", 1].f.shape == (1, 3, H)


def test_calls_of_a_cell_that_no_gradient_reached_have_zero():
    cell = nn.RNNCell(I, H)
    with trace(cell) as t:
        first = cell(random(B, I, dtype=torch.float32))
        cell(random(B, I, dtype=torch.float32), first.detach()).sum().backward()
    assert torch.equal(t.grad.h[0], torch.zeros(B, H))
    assert torch.equal(t.grad.h[1], torch.ones(B, H))


# --- backward, again and again ---------------------------------------------------------------------------


def retained(layer, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """A one-layer LSTM by our steps: output (T, B, H), and its forget gates with retained gradients."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    w = [getattr(layer, f"{name}_l0").detach().clone() for name in names]
    h = c = x.new_zeros(x.shape[1], H)
    hs, fs = [], []
    for x_t in x:
        a = x_t @ w[0].T + w[2] + h @ w[1].T + w[3]
        f = torch.sigmoid(a[:, H : 2 * H]).requires_grad_()
        f.retain_grad()
        c = f * c + torch.sigmoid(a[:, :H]) * torch.tanh(a[:, 2 * H : 3 * H])
        h = torch.sigmoid(a[:, 3 * H :]) * torch.tanh(c)
        hs.append(h)
        fs.append(f)
    return torch.stack(hs), fs


def test_gradients_of_several_losses_add_up():
    layer, x = build("torch", "LSTM"), random(T, B, I).requires_grad_()
    with trace(layer) as t:
        output, (h_n, c_n) = layer(x)
        output.square().sum().backward(retain_graph=True)
        (h_n.sum() * 3).backward(retain_graph=True)
        output.sum().backward(retain_graph=True)  # a second one that reaches the same result
        torch.autograd.grad(c_n.sum(), x)
    output, fs = retained(layer, x)
    (output.square().sum() + output.sum()).backward(retain_graph=True)
    (output[-1].sum() * 3).backward(retain_graph=True)
    sum_of_c = hand_c(layer, x)
    assert_equal(t.grad.f, torch.stack([f.grad for f in fs]) + sum_of_c)


def hand_c(layer, x: Tensor) -> Tensor:
    hand = ByHand(layer, x.detach(), [T] * B)
    return padded(hand.gradients({"c_n": torch.ones(1, B, H, dtype=torch.float64)})[(0, False), "f"])


def test_an_optimizer_step_inside_the_block():
    """A call's gradients belong to the weights that it ran with, whatever becomes of them in the block."""
    layer, x = build("torch", "LSTM"), random(T, B, I)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5)
    before, wanted = copy.deepcopy(layer), []
    with trace(layer) as t:
        for _ in range(2):
            output, fs = retained(layer, x)
            output.square().sum().backward()
            wanted.append(torch.stack([f.grad for f in fs]))
            optimizer.zero_grad()
            layer(x)[0].square().sum().backward()
            optimizer.step()
    assert not torch.equal(before.weight_hh_l0, layer.weight_hh_l0)
    assert (wanted[0] - wanted[1]).abs().max() > 1e-3
    for k in range(2):
        assert_equal(t["", k].grad.f, wanted[k])


def test_values_are_copies():
    """What is changed in place after the call, even inside the block, is not changed in the trace."""
    layer, x = build("ours", "LSTM"), random(T, B, I)
    hx = states_for(layer)
    kept = [v.clone() for v in (x, *hx)]
    with trace(layer) as t:
        output, (h_n, _) = layer(x, hx)
        given, last = output.detach().clone(), h_n.detach().clone()
        output.mul(2).sum().backward()
        with torch.no_grad():
            for tensor in (x, *hx, output, h_n, *layer.parameters()):
                tensor.zero_()
    assert torch.equal(t.output, given)
    assert torch.equal(t.h_n, last)
    for mine, wanted in zip((t.x, t.h_0, t.c_0), (kept[0], kept[1][0], kept[2][0]), strict=True):
        assert torch.equal(mine, wanted)
    assert_equal(t.h, given)
    assert t.grad.f.abs().max() > 0.01


def test_backward_after_the_block_is_not_seen():
    layer = nn.GRU(I, H)
    with trace(layer) as t:
        output, _ = layer(random(T, B, I, dtype=torch.float32))
        output.sum().backward(retain_graph=True)
    before = t.grad.z.clone()
    output.sum().backward()
    assert torch.equal(t.grad.z, before)


def test_backward_with_create_graph():
    layer, x = build("torch", "GRU"), random(T, B, I).requires_grad_()
    with trace(layer) as t:
        torch.autograd.grad(layer(x)[0].sum(), x, create_graph=True)
    assert not t.grad.h.requires_grad
    assert torch.equal(t.grad.h[-1], torch.ones(B, H, dtype=torch.float64))


# --- the model is as it was ------------------------------------------------------------------------------


class Tagger(nn.Module):
    def __init__(self, library=nn, **options):
        super().__init__()
        self.embedding = nn.Embedding(13, I)
        self.encoder = library.LSTM(I, H, num_layers=2, dropout=0.3, batch_first=True, **options)
        self.stack = nn.ModuleList(
            [library.GRU(H, H + 1), nn.Sequential(nn.ReLU(), library.RNNCell(H + 1, 3))]
        )
        self.head = nn.Linear(3, 2)

    def forward(self, tokens):  # (B, T)
        x, _ = self.encoder(self.embedding(tokens))
        h = nn.functional.dropout(self.stack[0](hx=None, input=x)[0], 0.2, self.training)
        return self.head(self.stack[1](h[:, -1]))


TOKENS = torch.randint(13, (B, T), generator=torch.Generator().manual_seed(5))
HOOKS = [name for name in vars(nn.Linear(1, 1)) if "hooks" in name]


def hooks(model) -> list:
    return [list(getattr(module, name)) for module in model.modules() for name in HOOKS]


def training_step(model, seed=8):
    torch.manual_seed(seed)
    model.zero_grad()
    output = model(TOKENS)
    output.square().sum().backward()
    return output.detach(), {n: p.grad.clone() for n, p in model.named_parameters()}, torch.get_rng_state()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_traced_model_is_unchanged(library, training):
    model = Tagger(LIBRARIES[library]).train(training)
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    attributes = [sorted(vars(module)) for module in model.modules()]
    plain = training_step(model)
    with trace(model) as t:
        traced = training_step(model)
    after = training_step(model)
    assert t.modules == ["encoder", "stack.0", "stack.1.1"]
    for found in (traced, after):
        assert torch.equal(found[0], plain[0])
        assert all(torch.equal(found[1][name], plain[1][name]) for name in plain[1])
        assert torch.equal(found[2], plain[2])
    assert all(torch.equal(weight, weights[name]) for name, weight in model.state_dict().items())
    assert all(p.requires_grad for p in model.parameters())
    assert all(module.training == training for module in model.modules())
    assert [sorted(vars(module)) for module in model.modules()] == attributes
    assert not any(hooks(model))
    assert max(t[name].max_error for name in t.modules) < 1e-6


def test_no_hook_is_left_after_an_exception():
    model = Tagger()
    t = trace(model)

    def interrupted():
        with t:
            output = model(TOKENS)
            assert any(hooks(model))
            output.sum().backward()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not any(hooks(model))
    assert t["encoder"].layer(1).forward.f.shape == (T, B, H)
    says(AttributeError, "grad.f: the block was interrupted", lambda: t["encoder"].layer(1).grad.f)
    with pytest.raises(RuntimeError, match="size"), trace(model) as t:
        model.encoder(torch.zeros(B, T, I + 1))
    assert not any(hooks(model))
    says(LookupError, "the call of 'encoder' raised RuntimeError: .*size", lambda: t["encoder"])


def test_other_hooks_stay_and_are_seen():
    """The user's own hooks run as before; the values are of what the module was given."""
    layer = nn.GRU(I, H)
    doubled = layer.register_forward_pre_hook(lambda module, args: (args[0] * 2,))
    layer.register_forward_hook(lambda module, args, result: (result[0] + 1, result[1]))
    x = random(T, B, I, dtype=torch.float32)
    with trace(layer) as t:
        output, _ = layer(x)
    assert torch.equal(t.x, x * 2)
    assert t.max_error < 1e-6
    assert torch.equal(t.output + 1, output)
    assert doubled.id in layer._forward_pre_hooks
    assert len(layer._forward_hooks) == 1


def test_nested_traces():
    model = Tagger()
    torch.manual_seed(1)
    with trace(model) as outer:
        with trace(model.encoder) as inner:
            model(TOKENS).sum().backward()
        model(TOKENS)
    assert_equal(inner.layer(1).f, outer["encoder", 0].layer(1).f, tolerance=0)
    assert_equal(inner.layer(0).grad.f, outer["encoder", 0].layer(0).grad.f, tolerance=0)
    assert torch.equal(inner.layer(1).mask, outer["encoder", 0].layer(1).mask)
    assert not torch.equal(inner.layer(1).mask, outer["encoder", 1].layer(1).mask)
    assert max(outer["encoder", k].max_error for k in range(2)) < 1e-6
    assert not any(hooks(model))


def test_a_module_called_twice_and_one_with_two_names():
    shared = nn.GRU(I, I)
    model = nn.ModuleDict({"a": shared, "b": shared})
    first, second = random(T, B, I, dtype=torch.float32), random(3, B, I, dtype=torch.float32, seed=2)
    with trace(model) as t:
        model["a"](first)
        model["b"](second)
    assert t.modules == ["a", "b"]
    assert t["a", 0] is t["b", 0]
    assert torch.equal(t["a", 0].x, first)
    assert torch.equal(t["b", -1].x, second)
    says(
        LookupError,
        r"t\['a'\]: 'a' was called 2 times\. Say which, t\['a', k\], with k from 0 to 1",
        lambda: t["a"],
    )
    says(LookupError, r"t\['a', 2\]: 'a' was called 2 times", lambda: t["a", 2])
    says(AttributeError, r"more than one call was recorded\. Say which, as in t\['a', 0\]\.z", lambda: t.z)


def traced(module, *inputs):
    """A trace of a call for each input, with the sum of its first result as loss, and the warnings."""
    with warnings.catch_warnings(record=True) as said, trace(module) as t:
        warnings.simplefilter("always")
        for x in inputs:
            first = module(x)
            while not isinstance(first, Tensor):
                first = first[0]
            first.float().sum().backward()
    return t, said


# --- where numbers differ --------------------------------------------------------------------------------


class Scaled(nn.LSTM):
    def forward(self, input, hx=None):
        output, state = super().forward(input, hx)
        return output * 1.5, state


class LastOnly(nn.GRU):
    def forward(self, input):
        return super().forward(input)[1]


class Plain(nn.RNN):
    """A subclass that leaves forward as it is."""


def test_a_subclass_is_traced_and_its_difference_said():
    x = random(T, B, I, dtype=torch.float32)
    layer = Scaled(I, H)
    t, said = traced(layer, x, x)
    output, _ = layer(x)
    (warning,) = said  # at the first call alone
    assert re.search("differs from its equations.* Scaled has a forward of its own", str(warning.message))
    assert warning.filename == __file__
    assert t["", 0].max_error == pytest.approx(output.abs().max().item() / 3, rel=1e-4)
    t, said = traced(Plain(I, H), x)
    assert t.max_error < 1e-6
    assert not said


def test_a_call_that_is_not_its_parents_says_so():
    t, (warning,) = traced(LastOnly(I, H), random(T, B, I, dtype=torch.float32))
    sentence = "LastOnly has a forward of its own, and it is not called as GRU is, or returns something else"
    assert sentence in str(warning.message)
    says(LookupError, sentence, lambda: t[""])


class Nudged(nn.RNN):
    def forward(self, input, hx=None):
        return tuple(value * 1.0001 for value in super().forward(input, hx))


def test_the_warning_is_of_what_rounding_does_not_explain():
    """One part in 10,000 is no rounding in float32, and is in bfloat16."""
    for dtype, warned in ((torch.float64, 1), (torch.float32, 1), (torch.float16, 0), (torch.bfloat16, 0)):
        assert len(traced(Nudged(I, H).to(dtype), random(T, B, I, dtype=dtype))[1]) == warned


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_nan_and_inf_go_through_without_a_warning(bad):
    x = random(T, B, I, dtype=torch.float32)
    x[2, 1, 0] = bad
    t, said = traced(nn.RNN(I, H, nonlinearity="relu"), x)
    assert not said
    assert not t.a[2, 1].isfinite().any()
    assert t.a[:2].isfinite().all()
    assert math.isnan(t.max_error)  # both have nan in the same places: no number says how far they are apart


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("kind", LAYERS)
def test_dtypes(kind, dtype):
    t, said = traced(getattr(nn, kind)(I, H, 2, bidirectional=True).to(dtype), random(T, B, I, dtype=dtype))
    assert not said
    d = t.layer(1).reverse
    assert d.h.dtype == d.grad.h.dtype == dtype
    assert t.max_error <= {torch.float16: 2e-3, torch.bfloat16: 2e-2, torch.float32: 1e-6}.get(dtype, 1e-13)


@pytest.mark.filterwarnings("ignore:TF32")  # of mkldnn.flags
@pytest.mark.parametrize("kind", ["GRU", "LSTM", "LSTMCell"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_autocast(library, kind):
    """Without oneDNN, whose LSTM raises under autocast on a processor for which it has no bfloat16 kernel."""
    module = getattr(LIBRARIES[library], kind)(I, H)
    x = random(T, B, I, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16), torch.backends.mkldnn.flags(enabled=False):
        t, said = traced(module, x[0] if kind == "LSTMCell" else x)
    assert not said
    assert t.max_error < 3e-2
    gate, a = (t.z, t.a_z) if kind == "GRU" else (t.f, t.a_f)
    assert a.dtype == torch.bfloat16  # it was recomputed under autocast, too
    plain = traced(module, x[0] if kind == "LSTMCell" else x)[0]
    exact, exact_gradient = (plain.z, plain.grad.z) if kind == "GRU" else (plain.f, plain.grad.f)
    assert_equal(gate.float(), exact, tolerance=2e-2)
    assert_equal((t.grad.z if kind == "GRU" else t.grad.f).float(), exact_gradient, tolerance=0.1)


def test_weights_that_are_computed():
    """weight_norm: the weight is made anew from two parameters before each call."""
    layer = nn.utils.parametrizations.weight_norm(build("torch", "LSTM"), "weight_hh_l0")
    plain = build("torch", "LSTM")
    with torch.no_grad():
        layer.parametrizations.weight_hh_l0.original0.mul_(2)
        plain.weight_hh_l0.mul_(2)
    t, said = traced(layer, random(T, B, I))
    assert not said
    assert t.max_error < 1e-13
    assert_equal(t.grad.f, traced(plain, random(T, B, I))[0].grad.f)


# --- without gradients -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_without_gradients(mode):
    layer, x = build("torch", "LSTM"), random(T, B, I)
    with mode(), trace(layer) as t:
        layer(x)
    with trace(layer) as wanted:
        layer(x)
    assert torch.equal(t.f, wanted.f)
    assert not t.f.is_inference()
    t.f.requires_grad_().square().sum().backward()  # a plain tensor
    says(AttributeError, r"grad\.f: the call ran under torch\.no_grad\(\)", lambda: t.grad.f)
    says(
        AttributeError, r"grad\.f: no backward pass inside the block reached this call", lambda: wanted.grad.f
    )


@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.filterwarnings("ignore:None of the inputs")
def test_checkpoint(reentrant):
    """The call that is repeated in the backward pass is not recorded twice."""
    layer, x = build("torch", "GRU", num_layers=2, dropout=0.5), random(T, B, I).requires_grad_()
    with trace(layer) as t:
        torch.manual_seed(0)
        output = torch.utils.checkpoint.checkpoint(lambda v: layer(v)[0], x, use_reentrant=reentrant)
        output.square().sum().backward()
    with trace(layer) as wanted:
        torch.manual_seed(0)
        layer(x)[0].square().sum().backward()
    assert torch.equal(t.layer(1).z, wanted.layer(1).z)
    if reentrant:
        says(AttributeError, "the call ran under torch.no_grad", lambda: t.layer(0).grad.z)
    else:
        assert_equal(t.layer(0).grad.z, wanted.layer(0).grad.z)


# --- memory ----------------------------------------------------------------------------------------------


def tensors_held(root, but) -> list[Tensor]:
    """Every tensor that can be reached from an object, modules and their parameters left out."""
    seen, queue, found = set(), [root], []
    skip = {id(module) for module in but.modules()}
    while queue:
        thing = queue.pop()
        if id(thing) in seen or id(thing) in skip or isinstance(thing, type | type(gc)):
            continue
        seen.add(id(thing))
        if isinstance(thing, Tensor):
            found.append(thing)
        elif not callable(thing):
            queue += gc.get_referents(thing)
    return found


def test_what_is_not_asked_for_is_not_held():
    layer, x = nn.LSTM(I, H, 3, bidirectional=True), random(T, B, I, dtype=torch.float32)
    sizes = []
    for options in ({}, {"layers": [1]}, {"layers": [1], "names": ["c", "f"]}):
        with trace(layer, **options) as t:
            layer(x)[0].sum().backward()
        held = tensors_held(t, layer)
        assert all(tensor.grad_fn is None for tensor in held)
        storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in held}
        assert sum(storages.values()) == t.nbytes
        sizes.append(t.nbytes)
    asked = T * B * H * 2 * 2 * 2 * 4  # f and c, two directions, values and gradients, float32
    # output, h_n, c_n; h_0, c_0 and gradients
    least = 4 * (T * B * 2 * H + 2 * 6 * B * H) + 4 * 2 * 2 * 2 * B * H
    assert sizes[2] == asked + least
    assert sizes[0] > 2.5 * sizes[1] > 8 * sizes[2] - 2.5 * least
    assert t.layer(1).forward.names == ("f", "c")
    says(IndexError, r"layer 0 was not saved: trace\(\.\.\., layers=\.\.\.\) asked for 1", lambda: t.layer(0))
    says(AttributeError, r"h was not saved: names=\['f', 'c'\]", lambda: t.layer(1).forward.h)
    says(AttributeError, r"h was not saved: names=\['f', 'c'\]", lambda: t.layer(1).forward.grad.h)


def test_layers_and_names_chosen_are_the_same_numbers():
    layer = build("torch", "LSTM", num_layers=3, bidirectional=True)
    traces = []
    for options in ({}, {"layers": [-1, 0], "names": ["h", "a_f"]}):
        with trace(layer, **options) as t:
            layer(random(T, B, I))[0].square().sum().backward()
        traces.append(t)
    for k in (0, 2):
        for direction in ("forward", "reverse"):
            every, chosen = (getattr(t.layer(k), direction) for t in traces)
            assert chosen.names == ("a_f", "h")
            for name in (*chosen.names, "h_0", "c_0"):
                if name in chosen.names:
                    assert torch.equal(getattr(chosen, name), getattr(every, name))
                assert torch.equal(getattr(chosen.grad, name), getattr(every.grad, name))


def test_each_module_keeps_what_it_has_of_what_was_asked():
    model = Tagger()
    with trace(model, layers=[1], names=["f", "r"]) as t:
        model(TOKENS)
    assert t["encoder"].layer(1).forward.names == ("f",)
    assert t["encoder"].layer(1).f.shape == (T, B, H)
    says(IndexError, "layer 0 was not saved", lambda: t["stack.0"].layer(0))
    says(LookupError, "asked for nothing that 'stack.1.1' has", lambda: t["stack.1.1"])
    assert "none" in repr(t)


def test_much_memory_is_announced_before(monkeypatch):
    layer, x = nn.LSTM(I, H, 2, bidirectional=True), random(T, B, I, dtype=torch.float32)
    width = 2 * (I + 10 * H) + 2 * (2 * H + 10 * H)  # x and ten more of width H, two directions, two layers
    values = 4 * T * B * width
    order = []
    real = record.recompute
    monkeypatch.setattr(
        record, "recompute", lambda *args, **options: [order.append("recompute"), real(*args, **options)][1]
    )
    monkeypatch.setattr(record.warnings, "warn", lambda message, **_: order.append(message))
    for limit, gradients, said in (
        (values, False, 0),
        (values - 1, False, 1),
        (values, True, 1),
        (2 * values, True, 0),
    ):
        order.clear()
        monkeypatch.setattr(record, "LIMIT", limit)
        with torch.set_grad_enabled(gradients), trace(layer):
            layer(x)
        assert len(order) == said + 1
        assert order[-1] == "recompute"
    monkeypatch.setattr(record, "LIMIT", 3 * values // 2)
    order.clear()
    with torch.no_grad(), trace(layer):
        for _ in range(4):
            layer(x)
    (message,) = [word for word in order if word != "recompute"]
    assert order.index(message) == 1
    assert f"(T={T}, B={B})" in message
    assert "layers=[1], names=['c']" in message


def test_a_gigabyte_is_the_limit_and_small_calls_say_nothing():
    assert record.LIMIT == 2**30
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer = nn.GRU(I, H)
        with trace(layer):
            layer(random(T, B, I, dtype=torch.float32))


# --- sentences -------------------------------------------------------------------------------------------


def says(error: type[Exception], sentence: str, ask) -> None:
    with pytest.raises(error) as caught:
        ask()
    assert re.search(sentence, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)


def of(layer, **options):
    with trace(layer, **options) as t:
        layer(random(T, B, I, dtype=torch.float32))
    return t


SENTENCES = [
    (AttributeError, r"^a GRU has no f: its gates are r, z, n\.$", lambda: of(nn.GRU(I, H)).f),
    (AttributeError, r"^an LSTM has no z: its gates are i, f, g, o\.$", lambda: of(nn.LSTM(I, H)).z),
    (AttributeError, r"^an RNN has no i: its values are x, a, h\.$", lambda: of(nn.RNN(I, H)).i),
    (AttributeError, r"^a GRU has no c_0", lambda: of(nn.GRU(I, H)).c_0),
    (AttributeError, r"^a GRU has no c_n: h is its only state", lambda: of(nn.GRU(I, H)).c_n),
    (AttributeError, r"^a GRU has no f", lambda: of(nn.GRU(I, H)).grad.f),
    (AttributeError, r"made without proj_size", lambda: of(nn.LSTM(I, H)).q),
    (AttributeError, r"there is no hh here\. Did you mean hh_n\?", lambda: of(nn.GRU(I, H)).hh),
    (AttributeError, r"there is no \.reverse: .* bidirectional=False", lambda: of(nn.GRU(I, H)).reverse),
    (
        AttributeError,
        r"layer 0 has two directions: say \.forward or \.reverse, as in \.forward\.z",
        lambda: of(nn.GRU(I, H, bidirectional=True)).z,
    ),
    (
        AttributeError,
        r"this module has 3 layers: say which, as in \.layer\(0\)\.z",
        lambda: of(nn.GRU(I, H, 3)).z,
    ),
    (IndexError, r"layer\(3\): this module has 3 layers, 0 to 2\.", lambda: of(nn.GRU(I, H, 3)).layer(3)),
    (IndexError, r"layer\(1\): this module has 1 layer, 0\.", lambda: of(nn.GRU(I, H)).layer(1)),
    (
        ValueError,
        r"there is no layer 5\. the module has 3 layers, 0 to 2",
        lambda: trace(nn.GRU(I, H, 3), layers=[5]),
    ),
    (
        TypeError,
        r"layers: expected a list of layers' indices, such as \[0\], got 1",
        lambda: trace(nn.GRU(I, H), layers=1),
    ),
    (
        ValueError,
        r"no value 'q': an LSTM has x, .* h\. It needs an LSTM with proj",
        lambda: trace(nn.LSTM(I, H), names=["q"]),
    ),
    (ValueError, r"no value 'gate': a GRU has x, a_r", lambda: trace(nn.GRU(I, H), names=["gate"])),
    (TypeError, r"names: expected a list .* got 'h'", lambda: trace(nn.GRU(I, H), names="h")),
    (TypeError, r"names: expected a list .* got \[\]", lambda: trace(nn.GRU(I, H), names=[])),
    (
        ValueError,
        r"there is no RNN, LSTM, GRU or cell of theirs in this Transformer: it holds Dropout, LayerNorm",
        lambda: trace(nn.Transformer(4, 2, batch_first=True)),
    ),
    (ValueError, r"in this Linear: it has no modules inside", lambda: trace(nn.Linear(2, 3))),
    (TypeError, r"got the class LSTM: build one first", lambda: trace(nn.LSTM)),
    (TypeError, r"expected an nn\.Module, got Tensor", lambda: trace(torch.zeros(3))),
    (RuntimeError, r"write `with trace\(model\) as t:`", lambda: trace(nn.GRU(I, H)).z),
    (RuntimeError, r"write `with trace\(model\) as t:`", lambda: trace(nn.GRU(I, H))[""]),
    (
        LookupError,
        r"no recurrent module 'encodr'\. Did you mean 'encoder'\?",
        lambda: trace_of_nothing()["encodr"],
    ),
    (
        LookupError,
        r"'stack\.0' was not called .* Call model\(x\), not",
        lambda: trace_of_nothing()["stack.0"],
    ),
    (LookupError, r"'encoder' was not called inside the block", lambda: trace_of_nothing().f),
]


def trace_of_nothing():
    model = Tagger()
    with trace(model) as t:
        model.encoder.forward(torch.zeros(B, T, I))
    return t


@pytest.mark.parametrize(("error", "sentence", "ask"), SENTENCES, ids=[s[1][:50] for s in SENTENCES])
def test_what_is_not_there_is_said_in_one_sentence(error, sentence, ask):
    says(error, sentence, ask)


def test_a_trace_is_read_after_its_block_and_used_once():
    layer = nn.GRU(I, H)
    with trace(layer) as t:
        layer(random(T, B, I, dtype=torch.float32))
        says(RuntimeError, "the block has not ended: read the trace after it", lambda: t.z)
        says(RuntimeError, "the block has not ended: read the trace after it", lambda: t[""])
        assert "being recorded" in repr(t)
    assert t.z.shape == (T, B, H)
    says(RuntimeError, "a trace records one block", t.__enter__)


def test_reading_attributes_that_python_asks_for():
    """hasattr, copy and Jupyter's probes ask for names that are not there, and get AttributeError."""
    t = of(nn.GRU(I, H, bidirectional=True))
    for thing in (t, t[""], t.layer(0), t.layer(0).reverse, t.layer(0).reverse.grad):
        assert not hasattr(thing, "_repr_png_")
        assert not hasattr(thing, "f")
    assert torch.equal(copy.deepcopy(t[""]).layer(0).reverse.z, t.layer(0).reverse.z)
    assert "z" in dir(t.layer(0).reverse)


# --- modules that can't be seen into ---------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_scripted_compiled_and_quantized_modules_say_so():
    layer = nn.LSTM(I, H)
    scripted = torch.jit.script(nn.LSTM(I, H))
    compiled = torch.compile(nn.Sequential(nn.LSTM(I, H)))
    in_place = nn.GRU(I, H)
    in_place.compile()
    says(TypeError, "the model is a ScriptModule", lambda: trace(scripted))
    says(TypeError, "the model is compiled by torch.compile", lambda: trace(compiled))
    says(TypeError, "the model is compiled by torch.compile", lambda: trace(in_place))
    model = nn.ModuleDict({"free": layer, "scripted": scripted, "compiled": compiled})
    with trace(model) as t:
        layer(random(T, B, I, dtype=torch.float32))
    assert t.modules == ["free"]
    assert t.f.shape == (T, B, H)
    says(LookupError, "'scripted' is a ScriptModule", lambda: t["scripted"])
    if (
        "x86" in torch.backends.quantized.supported_engines
        or "qnnpack" in torch.backends.quantized.supported_engines
    ):
        quantized = torch.ao.quantization.quantize_dynamic(
            nn.Sequential(nn.LSTM(I, H)), {nn.LSTM}, torch.qint8
        )
        says(TypeError, "'0' is quantized", lambda: trace(quantized))


def test_a_transform_of_torch_func_says_so():
    layer = rnncourse.RNN(I, H)
    with pytest.raises(RuntimeError, match="called under a transform of torch"), trace(layer):
        torch.vmap(lambda x: layer(x)[0])(random(3, T, I, dtype=torch.float32))
    with trace(layer) as t:  # functional_call is none: other weights for one call
        weights = {name: weight * 2 for name, weight in layer.state_dict().items()}
        output, _ = torch.func.functional_call(layer, weights, (random(T, B, I, dtype=torch.float32),))
    assert t.max_error < 1e-6
    assert_equal(t.h, output.detach(), tolerance=1e-6)


def test_a_module_without_numbers_says_so():
    layer = nn.LSTM(I, H, device="meta")
    with pytest.raises(RuntimeError, match="the LSTM is on the device meta"), trace(layer):
        layer(torch.empty(T, B, I, device="meta"))


# --- how it looks ----------------------------------------------------------------------------------------


def test_tables():
    model = Tagger(bidirectional=False)
    with trace(model) as t:
        model(TOKENS).sum().backward()
    lines = repr(t).splitlines()
    assert lines[0].startswith("trace of Tagger: 3 recurrent modules, ")
    assert lines[1].split() == [
        "name",
        "module",
        "calls",
        "T",
        "B",
        "saved",
        "grad",
        "max_error",
    ]
    assert lines[2].split()[0] == "'encoder'"
    page = re.sub(r"<[^>]*>", " ", t._repr_html_())
    assert f"LSTM({I}, {H}, num_layers=2, batch_first=True, dropout=0.3)" in page
    assert f"1 {T} {B} {NAMES['LSTM']} yes" in " ".join(page.split())
    d = t["encoder"].layer(1).forward
    row = next(line.split() for line in repr(d).splitlines() if line.split()[0] == "f")
    assert "".join(row[1:4]) == f"({T},{B},{H})"
    for shown, number in zip(row[4:], (d.f.min(), d.f.mean(), d.f.max(), d.grad.f.abs().max()), strict=True):
        assert float(shown) == pytest.approx(number.item(), rel=0.01)
    below = (d.mask == 0).double().mean().item()
    assert f"{below:.0%} dropped" in repr(t["encoder"])
    assert "h_0" in repr(d.grad)
    for thing in (t, t["encoder"], t["encoder"].layer(0), d, d.grad):
        page = thing._repr_html_()
        assert page.startswith("<table>")
        assert "color" not in page
        text = re.sub(r"\s+", "", re.sub(r"<[^>]*>", "", page))
        shown = re.sub(r"\s+", "", repr(thing))  # where a cell takes several lines, in another order
        assert sorted(text.replace("&#x27;", "'")) == sorted(shown)
    assert "<" not in of(nn.GRU(I, H)).grad._repr_html_().removeprefix("<p>").removesuffix("</p>")


def test_numbers_of_a_packed_table_leave_nan_out():
    layer = nn.LSTM(I, H)
    with trace(layer) as t:
        layer(sequence("unsorted", torch.float32))
    assert "nan" not in repr(t.forward)
    assert f"lengths {LENGTHS}" in repr(t.forward)
    assert t.lengths.tolist() == LENGTHS
    assert torch.equal(t.output.data, layer(sequence("unsorted", torch.float32))[0].data)
    assert torch.equal(t.f.isnan().all(2).sum(0), T - t.lengths)

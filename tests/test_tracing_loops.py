"""Traces of loops over calls: the state that each step read, resets, calls joined over time, and nan.

The oracle is the loop itself: it keeps what it gave to each call and what it got back.
"""

import contextlib
import math
import re
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

import rnncourse
from rnncourse import plots, trace, widgets
from rnncourse.tracing import aside

T, B, I, H = 6, 3, 2, 4
CELLS = {"RNNCell": "h", "LSTMCell": "hc", "GRUCell": "h"}
LAYERS = {"RNN": "h", "LSTM": "hc", "GRU": "h"}


def rows(*sizes: int) -> Tensor:
    return torch.randn(*sizes)


def pair(state) -> tuple[Tensor, ...]:
    return (state,) if isinstance(state, Tensor) else tuple(state)


def masked_loop(cell, x, mask):
    """The cell over x (T, B, I), its state times mask[t] (B, 1) before step t: what each read and gave."""
    one = not isinstance(cell, nn.LSTMCell | rnncourse.LSTMCell)
    states = (torch.zeros(x.shape[1], H),) * (1 if one else 2)
    read, gave = [], []
    for x_t, m in zip(x, mask, strict=True):
        states = tuple(s * m for s in states)
        read.append(states)
        states = pair(cell(x_t, states[0] if one else states))
        gave.append(states)
    return [torch.stack(parts) for parts in zip(*read, strict=True)], gave


# --- what each step read ---------------------------------------------------------------------------------


@pytest.mark.parametrize("library", [nn, rnncourse])
@pytest.mark.parametrize("kind", CELLS)
def test_a_loop_that_masks_the_state_is_traced_and_drawn_as_it_ran(kind, library):
    cell = getattr(library, kind)(I, H)
    mask = torch.ones(T, B, 1)
    mask[3, 1] = 0  # row 1 is done before step 3
    mask[4] = 0.5  # and before step 4 every state is changed
    with torch.no_grad(), trace(cell) as t:
        read, _ = masked_loop(cell, rows(T, B, I), mask)
    for letter, wanted in zip(CELLS[kind], read, strict=True):
        assert torch.equal(getattr(t, f"{letter}_prev"), wanted)
    wanted = torch.zeros(T, B, dtype=torch.bool)
    wanted[3, 1] = True
    wanted[4] = True
    assert torch.equal(t.resets, wanted)
    letter, label = ("c", "$c_{t-1}$") if kind == "LSTMCell" else ("h", "$h_{t-1}$")
    before = dict(zip(CELLS[kind], read, strict=True))[letter]
    for step, b, unit in ((3, 1, 2), (3, 0, 2), (4, 2, 0)):
        ax = plots.cell_diagram(t, step, b, unit)
        drawn = next(text.get_text() for text in ax.texts if text.get_text().startswith(label))
        assert float(drawn.split("\n")[1]) == pytest.approx(before[step, b, unit].item(), abs=0.0051)
        after = next(text.get_text() for text in ax.texts if text.get_text().startswith("$h_t$"))
        assert float(after.split("\n")[1]) == pytest.approx(t.h[step, b, unit].item(), abs=0.0051)
        assert ("reset" in ax.get_title()) == bool(wanted[step, b])


def test_time_slider_draws_the_state_that_the_step_read():
    cell, mask = nn.LSTMCell(I, H), torch.ones(T, B, 1)
    mask[2] = 0
    with torch.no_grad(), trace(cell) as t:
        masked_loop(cell, rows(T, B, I), mask)
    controls, _, _, words, _ = widgets.time_slider(t, b=1).children
    _, step = controls.children
    step.value = 2
    assert "c goes from 0.00 to" in words.value
    assert abs(t.c[1, 1, 0]) > 0.01  # so that the state before would have been another number


@pytest.mark.parametrize("options", [{}, {"bidirectional": True, "num_layers": 2}])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", LAYERS)
def test_h_prev_and_c_prev_give_back_the_pre_activations(kind, packed, options):
    """From W_ih x + b_ih + W_hh h_prev + b_hh comes a, in each layer and direction; c from c_prev."""
    layer = getattr(nn, kind)(I, H, **options)
    x = rows(T, B, I)
    if packed:
        x = nn.utils.rnn.pack_padded_sequence(x, [4, 6, 1], enforce_sorted=False)
    states = tuple(rows(layer.num_layers * (2 if layer.bidirectional else 1), B, H) for _ in LAYERS[kind])
    with torch.no_grad(), trace(layer) as t:
        layer(x, states if kind == "LSTM" else states[0])
    for k in range(layer.num_layers):
        directions = [t.layer(k).forward, *([t.layer(k).reverse] if layer.bidirectional else [])]
        for d in directions:
            ending = f"_l{k}" + "_reverse" * d.is_reverse
            w = {n: getattr(layer, n + ending) for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
            with torch.no_grad():
                ih = d.x @ w["weight_ih"].T + w["bias_ih"]
                a = ih + d.h_prev @ w["weight_hh"].T + w["bias_hh"]
            first = {"LSTM": "a_i", "GRU": "a_r", "RNN": "a"}[kind]
            torch.testing.assert_close(a[..., :H], d[first], equal_nan=True)
            assert torch.equal(d.h_prev.isnan(), d.h.isnan())  # a step that a row does not have reads nothing
            if kind == "LSTM":
                torch.testing.assert_close(d.f * d.c_prev + d.i * d.g, d.c, equal_nan=True)
            assert not d.resets.any()


def test_a_state_that_was_not_saved_has_no_prev():
    with torch.no_grad(), trace(layer := nn.LSTM(I, H), names=["f"]) as t:
        layer(rows(T, B, I))
    with pytest.raises(AttributeError, match=r"c_prev is read from c, and c was not saved"):
        t.c_prev  # noqa: B018
    with torch.no_grad(), trace(layer := nn.GRU(I, H)) as t:
        layer(rows(T, I))
    with pytest.raises(AttributeError, match="a GRU has no c_prev"):
        t.c_prev  # noqa: B018
    assert torch.equal(t.h_prev[1:], t.h[:-1])


# --- calls of a layer, joined over time ------------------------------------------------------------------


@pytest.mark.parametrize("form", ["time first", "batch first", "unbatched"])
@pytest.mark.parametrize("chunk", [1, 2])
@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_called_step_by_step_is_one_sequence(kind, chunk, form):
    """With its state carried, the trace is that of one call; its gradients too."""
    layer = getattr(nn, kind)(I, H, num_layers=2, batch_first=form == "batch first").double()
    x = torch.randn(T, B, I, dtype=torch.float64)
    if form == "unbatched":
        x = x[:, 0]
    axis = 1 if form == "batch first" else 0
    x = x.transpose(0, 1) if form == "batch first" else x
    with trace(layer) as whole:
        layer(x)[0].square().sum().backward()
    with trace(layer) as t:
        state, outputs = None, []
        for part in x.split(chunk, dim=axis):
            output, state = layer(part, state)
            outputs.append(output)
        torch.cat(outputs, axis).square().sum().backward()
    assert t._recorder.watched[0].calls[1].given
    torch.testing.assert_close(t.output, whole.output)
    torch.testing.assert_close(t.h_n, whole.h_n)
    for k in range(2):
        for name in whole.layer(k).names:
            torch.testing.assert_close(t.layer(k)[name], whole.layer(k)[name])
            torch.testing.assert_close(t.layer(k).grad[name], whole.layer(k).grad[name])
        torch.testing.assert_close(t.layer(k).h_prev, whole.layer(k).h_prev)
        assert not t.layer(k).resets.any()
        assert t.layer(k).resets.shape == whole.layer(k).h.shape[:-1]
    assert f"{T // chunk} calls, one after the other" in repr(t[""])


def test_resets_of_a_layer_called_step_by_step_are_marked_and_drawn():
    layer, x = nn.LSTM(I, H), rows(T, B, I)
    with torch.no_grad(), trace(layer) as t:
        state = None
        for step, x_t in enumerate(x):
            if step == 2:
                state = None  # every row begins again
            if step == 4:
                state = tuple(s * torch.tensor([1.0, 0.0, 1.0])[:, None] for s in state)
            _, state = layer(x_t[None], state)
    assert t.resets.nonzero().tolist() == [[2, 0], [2, 1], [2, 2], [4, 1]]
    figure = plots.gates_over_time(t.layer(0), b=1)
    marks = {line.get_xdata()[0] for ax in figure.axes for line in ax.lines if line.get_gid() == "reset"}
    assert marks == {1.5, 3.5}
    assert "the state was reset before steps 2 and 4" in figure.alt
    assert "reset" not in plots.gates_over_time(t["", 0].layer(0), b=1).alt


def test_calls_that_do_not_follow_each_other_are_read_one_by_one():
    layer = nn.GRU(I, H)
    with torch.no_grad(), trace(layer) as t:
        for _ in range(2):
            layer(rows(T, B, I))  # two batches, from zeros each
    with pytest.raises(LookupError, match=r"was called 2 times\. Say which, t\['', k\]"):
        t[""]
    with torch.no_grad(), trace(layer) as t:
        layer(rows(1, 2, I))
        layer(rows(1, 3, I))
    with pytest.raises(LookupError, match=r"at call 1 the batch grew from 2 to 3"):
        t[""]


# --- nan and inf -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_nan_and_inf_are_counted_and_the_first_is_named(packed):
    layer = nn.RNN(I, H, nonlinearity="relu", bidirectional=True)
    x = rows(T, B, I)
    x[2, 1] = math.nan
    lengths = [6, 4, 2] if packed else [6] * 3
    given = nn.utils.rnn.pack_padded_sequence(x, lengths) if packed else x
    with torch.no_grad(), trace(layer) as t:
        layer(given)
    for d, count in ((t.forward, lengths[1] - 2), (t.reverse, 3)):
        (line,) = [line for line in repr(d).splitlines() if line.split()[0] == "h"]
        assert line.endswith(f"{count * H} nan from t=2, b=1")
    assert math.isnan(t.max_error)
    assert repr(t).splitlines()[-1].split("  ")[-1].strip() == "nan"
    x[2, 1], x[3, 0] = 0, math.inf
    with torch.no_grad(), trace(layer) as t:
        layer(x)
    line = next(line for line in repr(t.forward).splitlines() if line.split()[0] == "x")
    assert re.search(rf"{I} inf from t=3, b=0$", line)
    assert "not finite" in t.forward._repr_html_()
    with torch.no_grad(), trace(layer) as t:
        layer(rows(T, B, I))
    assert "not finite" not in repr(t.forward)
    assert "nan" not in repr(t)


def test_nan_in_gradients_is_counted():
    layer = nn.LSTM(I, H)
    with trace(layer) as t:
        (layer(rows(T, B, I))[0].sum() * math.nan).backward()
    (line,) = [line for line in repr(t.forward).splitlines() if line.split()[0] == "h"]
    assert line.endswith(f"{T * B * H} nan from t=0, b=0")
    assert f"{T * B * H} nan from t=0, b=0" in repr(t.grad)


# --- reading as a mapping --------------------------------------------------------------------------------


def test_a_trace_and_a_direction_are_mappings():
    model = nn.ModuleDict({"one": nn.GRU(I, H, 2, bidirectional=True), "two": nn.LSTMCell(2 * H, H)})
    with torch.no_grad(), trace(model) as t:
        model["two"](model["one"](rows(T, B, I))[0][0])
    assert list(t) == list(t.keys()) == t._ipython_key_completions_() == ["one", "two"]
    assert len(t) == 2
    assert "one" in t
    d = t["one"].layer(1).reverse
    assert list(d) == list(d.keys()) == list(d.names)
    assert len(d) == 9
    assert dict(d).keys() == set(d.names)
    assert dict(d)["z"] is d["z"] is d.z
    assert d._ipython_key_completions_() == list(d.names)
    with pytest.raises(KeyError, match="a GRU has no f"):
        d["f"]
    with pytest.raises(KeyError, match="say which, as in"):
        t["one"]["z"]
    with pytest.raises(KeyError, match="'names' is not a value"):
        d["names"]
    assert t["two"]["c"] is t["two"].c
    assert t["one"]  # and not empty, though it has no values of its own
    with torch.no_grad(), trace(layer := nn.LSTM(I, H)) as t:
        layer(rows(T, B, I))
    assert {"f", "c_n", "layer"} <= set(dir(t))
    assert {"f", "grad"} <= set(dir(t[""])) & set(dir(t.layer(0)))
    assert t[""]["f"] is t.f


# --- nothing changes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", [nn, rnncourse])
@pytest.mark.parametrize("kind", ["LSTM", "LSTMCell"])
def test_spectral_norm_makes_no_power_iteration_more(kind, library):
    """Its u and v change with each reading of the weight in training: tracing must add no reading."""
    found = []
    for traced in (False, True):
        torch.manual_seed(3)
        module = getattr(library, kind)(I, H)
        name = "weight_hh" if kind == "LSTMCell" else "weight_hh_l0"
        nn.utils.parametrizations.spectral_norm(module, name)
        x = rows(T, B, I)
        x = x[0] if kind == "LSTMCell" else x
        with trace(module) if traced else contextlib.nullcontext() as t:
            for _ in range(2):
                result = module(x)[0]
        found.append([result, *module.buffers()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    assert len(found[0]) == 3  # with u and v
    assert t["", 1].max_error < 1e-6


class DropWeights(nn.Module):
    def forward(self, weight):
        return weight * (torch.rand_like(weight) > 0.5)


@pytest.mark.parametrize("kind", ["LSTM", "LSTMCell"])
def test_a_weight_that_is_drawn_at_each_reading_is_the_one_that_was_used(kind):
    module = getattr(rnncourse, kind)(I, H)
    name = "weight_hh" if kind == "LSTMCell" else "weight_hh_l0"
    nn.utils.parametrize.register_parametrization(module, name, DropWeights())
    x, hx = rows(B, I), (rows(B, H), rows(B, H))
    with trace(module) as t:
        module(x, hx) if kind == "LSTMCell" else module(x[None], tuple(s[None] for s in hx))
    assert t.max_error < 1e-6
    assert not any(parts._forward_hooks for parts in module.parametrizations.values())


class Accelerator:
    """A stand-in for torch.mps or torch.xpu: a random generator with a state."""

    def __init__(self):
        self.state = torch.zeros(2, dtype=torch.uint8)

    def get_rng_state(self, device):
        assert device.type in ("mps", "xpu")
        return self.state.clone()

    def set_rng_state(self, state, device):
        self.state = state


@pytest.mark.parametrize("kind", ["mps", "xpu"])
def test_the_random_generators_of_other_accelerators_stay_as_they_were(kind, monkeypatch):
    there = Accelerator()
    monkeypatch.setattr(torch, "get_device_module", lambda device: {kind: there}[torch.device(device).type])
    module = SimpleNamespace(parameters=lambda: [SimpleNamespace(device=torch.device(kind))])
    before, drawn = torch.get_rng_state(), there.state.clone()
    with aside.aside(module):
        torch.rand(1)
        there.state[0] = 7
    assert torch.equal(there.state, drawn)
    assert torch.equal(torch.get_rng_state(), before)


class Float32Only(Tensor):
    """A tensor as on a device without float64: it can be moved to the CPU, but not widened."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function is Tensor.double:
            raise TypeError("there is no float64 on this device")
        result = super().__torch_function__(function, types, args, kwargs)
        if function is Tensor.cpu:
            return result.as_subclass(Tensor)
        return result


def test_tables_and_figures_need_no_float64_on_the_device():
    layer = nn.LSTM(I, H)
    with trace(layer) as t:
        layer(rows(T, B, I))[0].sum().backward()
    plain = repr(t.forward)
    for name in t.forward.names:
        vars(t.forward)[name] = t.forward[name].as_subclass(Float32Only)
        vars(t.forward.grad)[name] = t.forward.grad[name].as_subclass(Float32Only)
    with pytest.raises(TypeError):
        t.forward.f.double()
    assert repr(t.forward) == plain
    assert repr(t.forward.grad)
    assert plots.gates_over_time(t.forward).alt


# --- a call that fails -----------------------------------------------------------------------------------


def test_a_call_that_fails_leaves_what_ran():
    model = nn.ModuleDict({"encoder": nn.GRU(I, H), "decoder": nn.LSTMCell(H, H)})
    t = trace(model)

    def run():
        with t:
            output, _ = model["encoder"](rows(T, B, I))
            output.sum().backward()
            state = model["decoder"](rows(B, H))
            state = model["decoder"](rows(B, H), state)
            model["decoder"](rows(B, I), state)

    with pytest.raises(RuntimeError, match="input has inconsistent input_size"):
        run()
    assert t["encoder"].z.shape == (T, B, H)
    assert t["encoder"].grad.h[-1].eq(1).all()
    assert t["decoder"].f.shape == (2, B, H)  # two steps ran
    with pytest.raises(RuntimeError), trace(model) as t:
        model["encoder"](rows(T, B, H))
    with pytest.raises(LookupError, match=r"t\['encoder'\]: the call of 'encoder' raised RuntimeError: "):
        t["encoder"]

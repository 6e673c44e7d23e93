"""What is said of a step that no known mistake gives: the gate that must differ, and what it is made of.

Each answer is written out here, with the fault in one place; the sentences must name that place.
"""

import numpy
import pytest
import torch
from torch import nn

from rnncourse.checks.bptt import memory_backward, rnn_backward, rnn_step_backward
from rnncourse.checks.gru import gru_step, gru_step_backward, gru_step_before
from rnncourse.checks.lstm_gates import MyLSTMCell, lstm_step
from rnncourse.checks.rnn_cell import next_state, pre_activation, rnn_step, unroll

SEEDS = range(2)


@pytest.fixture(autouse=True)
def _one_mistake_at_a_time(monkeypatch):
    """Two known mistakes at once are not looked for: no answer here makes two, and it takes a second."""
    monkeypatch.setattr("rnncourse.checks.framework.answers.PAIRS", 0)


def lstm(change=None, show=None, returned=None):
    """An LSTM's step; change(values) is given i, f, g, o, the blocks a_i … and the arguments by name."""

    def step(x_t, state, weight_ih, weight_hh, bias_ih, bias_hh):
        h, c = state
        a = x_t @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh
        v = dict(zip(("a_i", "a_f", "a_g", "a_o"), a.chunk(4, dim=-1), strict=True), h=h, c=c, b=bias_hh)
        v |= {gate: v[f"a_{gate}"].sigmoid() for gate in "ifo"} | {"g": v["a_g"].tanh()}
        v |= change(v) if change else {}
        c_t = v["f"] * c + v["i"] * v["g"]
        h_t = show(v["o"], c_t) if show else v["o"] * torch.tanh(c_t)
        return h_t, returned(c_t) if returned else c_t

    return step


def gru(change):
    """A GRU's step; change(values) is given r, z, and n's two parts."""

    def step(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh):
        x_r, x_z, x_n = (x_t @ weight_ih.T + bias_ih).chunk(3, dim=-1)
        h_r, h_z, h_n = (h @ weight_hh.T + bias_hh).chunk(3, dim=-1)
        v = {"r": (x_r + h_r).sigmoid(), "z": (x_z + h_z).sigmoid(), "x_r": x_r, "h_r": h_r, "x_z": x_z}
        v |= {"x_n": x_n, "h_n": h_n, "h": h}
        v |= change(v)
        n = v.get("n", torch.tanh(v["x_n"] + v["r"] * v["h_n"]))
        return (1 - v["z"]) * n + v["z"] * h

    return step


def words(check, function, seed):
    """The verdict's own words; no known mistake, and no points for it."""
    verdict = check.verdict(function, seed)
    assert (verdict.state, verdict.mistake) == ("wrong", None), str(verdict)
    assert verdict.points < verdict.total
    return str(verdict)


FOLLOWS = "Your h follows correctly from your c: look at c first."


@pytest.mark.parametrize(
    ("step", "sentences"),
    [
        (
            lstm(lambda v: {"o": v["a_o"] * 2}),
            ["h fits the equations if only o is different", "2 × the block of o, not squashed."],
        ),
        (
            lstm(lambda v: {"o": torch.tanh(v["a_o"] - v["a_i"])}),
            ["the tanh of -the block of i + the block of o."],
        ),
        (
            lstm(lambda v: {"f": torch.sigmoid(-2 * v["a_f"])}),
            ["the sigmoid of -2 × the block of f.", FOLLOWS],
        ),
        (
            lstm(lambda v: {"i": v["a_g"]}),
            ["c fits the equations if only i is different", "is then the block of g, not squashed."],
        ),
        (lstm(lambda v: {"g": torch.tanh(v["a_g"] / 2)}), ["the tanh of 0.5 × the block of g.", FOLLOWS]),
        (
            lstm(lambda v: {"f": torch.tanh(v["a_f"] - v["b"].chunk(4)[1])}),
            ["f is then the tanh of f's weight_ih x_t + f's weight_hh h + f's bias_ih.", FOLLOWS],
        ),
        (
            lstm(lambda v: {"g": torch.tanh(v["a_g"] + v["h"])}),
            ["if only g is different", "look at how g is computed and used.", FOLLOWS],
        ),
        (
            lstm(lambda v: {"o": v["o"] ** 2}),
            ["c is right in every case", "if only o is different", "look at how o is computed and used."],
        ),
        (lstm(lambda v: {"i": v["i"] ** 2}), ["if only i or only g is different", FOLLOWS]),
        (
            lstm(lambda v: {"f": v["i"] * v["f"], "i": v["i"] ** 3}),
            ["No other value of f, i or g alone", FOLLOWS],
        ),
        (
            lstm(lambda v: {"f": torch.sigmoid(-2 * v["a_f"])}, show=lambda o, c: o * torch.sin(c)),
            ["the sigmoid of -2 × the block of f.", "your h does not follow from your c"],
        ),
        (
            lstm(show=lambda o, c: o * torch.sin(c)),
            ["c is right", "No value of o between 0 and 1 gives your h"],
        ),
        (
            lstm(returned=lambda c: c + 1),
            ["h is right in every case", "you return a different c."],
        ),
    ],
)
def test_an_lstm_step_is_told_its_gate(step, sentences):
    class Cell(nn.Module):
        def __init__(self, input_size, hidden_size):
            super().__init__()
            self.hidden_size = hidden_size
            for name, of in (("ih", input_size), ("hh", hidden_size)):
                setattr(self, f"weight_{name}", nn.Parameter(torch.zeros(4 * hidden_size, of)))
                setattr(self, f"bias_{name}", nn.Parameter(torch.zeros(4 * hidden_size)))

        def forward(self, x_t, state=None):
            state = state or (torch.zeros(len(x_t), self.hidden_size),) * 2
            return step(x_t, state, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)

    for seed in SEEDS:
        for check, answer in ((lstm_step, step), (MyLSTMCell, Cell)):
            said = words(check, answer, seed)
            assert all(sentence in said for sentence in sentences), said


@pytest.mark.parametrize(
    ("step", "sentences"),
    [
        (
            gru(lambda v: {"z": torch.sigmoid(2 * v["x_z"])}),
            ["z is then the sigmoid of 2 × z's weight_ih x_t + 2 × z's bias_ih."],
        ),
        (
            gru(lambda v: {"r": torch.tanh(v["x_r"])}),
            ["r is then the tanh of r's weight_ih x_t + r's bias_ih."],
        ),
        (
            gru(lambda v: {"z": v["z"] ** 2}),
            ["if only z is different", "look at how z is computed and used."],
        ),
        (gru(lambda v: {"r": v["r"] ** 2}), ["if only r or only n is different"]),
        (
            gru(lambda v: {"n": torch.sin(v["x_n"] + v["r"] * v["h_n"])}),
            ["if only n is different", "look at how n is computed and used."],
        ),
        (
            gru(lambda v: {"n": 2 * torch.tanh(v["x_n"] + v["r"] * v["h_n"])}),
            ["No other value of r, z or n alone"],
        ),
    ],
)
def test_a_gru_step_is_told_its_gate(step, sentences):
    for seed in SEEDS:
        said = words(gru_step, step, seed)
        assert all(sentence in said for sentence in sentences), said


def test_a_gru_step_of_the_other_variant_is_told_its_gate():
    def step(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh):
        x_r, x_z, x_n = (x_t @ weight_ih.T + bias_ih).chunk(3, dim=-1)
        h_r, h_z, _ = (h @ weight_hh.T + bias_hh).chunk(3, dim=-1)
        r, z = (x_r + h_r).sigmoid(), (3 * x_z + h_z).sigmoid()
        n = torch.tanh(x_n + (r * h) @ weight_hh.chunk(3)[2].T + bias_hh.chunk(3)[2])
        return (1 - z) * n + z * h

    for seed in SEEDS:
        said = words(gru_step_before, step, seed)
        assert "if only z is different" in said, said
        assert "3 × z's weight_ih x_t + z's weight_hh h + 3 × z's bias_ih + z's bias_hh." in said


def test_a_plain_step_is_told_its_sum():
    def a(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh):
        return 2 * x_t @ weight_ih.T - 0.5 * h @ weight_hh.T + bias_hh

    def step(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh, nonlinearity="tanh"):
        squash = torch.relu if nonlinearity == "relu" else torch.tanh
        return squash(a(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh))

    def outputs(x, h, *weights):
        states = []
        for x_t in x:
            h = step(x_t, h, *weights)
            states.append(h)
        return torch.stack(states), h

    def of_cell(cell, x_t, h):
        zeros = torch.zeros(len(cell.weight_ih), dtype=h.dtype)
        biases = (cell.bias_ih, cell.bias_hh) if cell.bias else (zeros, zeros)
        return step(x_t, h, cell.weight_ih, cell.weight_hh, *biases, cell.nonlinearity)

    found = "2 × weight_ih x_t - 0.5 × weight_hh h + bias_hh."
    for seed in SEEDS:
        for check, answer in ((pre_activation, a), (rnn_step, step), (next_state, of_cell)):
            assert f"Your numbers fit the sum {found}" in words(check, answer, seed)
        assert f"Each of your steps fits the sum {found}" in words(unroll, outputs, seed)


def test_nothing_is_said_of_numbers_that_fit_no_equation():
    torch.manual_seed(0)

    def noise(x_t, h, *weights, **named):
        return torch.rand(*x_t.shape[:-1], h.shape[-1], dtype=h.dtype) * 2 - 1

    for check in (rnn_step, pre_activation, next_state):
        answer = noise if check is not next_state else lambda cell, x_t, h: noise(x_t, h)
        assert "fit" not in words(check, answer, 0)


def test_a_gate_is_not_blamed_for_what_it_cannot_change():
    """Where the old c is zero, no f changes anything: what differs there is not f's fault."""

    def step(x_t, state, *weights):
        h_t, c_t = lstm()(x_t, state, *weights)
        c_t = torch.where(state[1] == 0, c_t + 0.3, c_t)
        return h_t + 0.01, c_t

    for seed in SEEDS:
        assert "is different" not in words(lstm_step, step, seed)


def loop(change_state=lambda h, t: h, step=torch.tanh):
    """A plain RNN over time; change_state(h, t) is what step t is given for h."""

    def run(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
        states = []
        for t, x_t in enumerate(x):
            h = step(x_t @ weight_ih.T + bias_ih + change_state(h, t) @ weight_hh.T + bias_hh)
            states.append(h)
        return torch.stack(states), h

    return run


def test_a_loop_is_told_whether_its_first_step_is_right():
    for seed in SEEDS:
        said = words(unroll, loop(lambda h, t: h.sin() if t else h), seed)
        assert "Step 0 is right and a later one is not" in said, said
        said = words(unroll, loop(step=torch.sin), seed)
        assert "Step 0 is already wrong" in said, said


def backward(slope=lambda dh_t, h, h_t: dh_t * (1 - h_t**2), dx=lambda da, weight_ih: da @ weight_ih):
    """A plain RNN's step backward, with da or dx made otherwise."""

    def step(dh_t, x_t, h, h_t, weight_ih, weight_hh):
        da = slope(dh_t, h, h_t)
        return dx(da, weight_ih), da @ weight_hh, da.T @ x_t, da.T @ h, da.sum(axis=0)

    return step


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        (
            backward(lambda dh_t, h, h_t: dh_t * (1 - 3 * h_t)),
            "Between which numbers does the slope of tanh lie?",
        ),
        (backward(lambda dh_t, h, h_t: dh_t * (1 - h_t**4)), "follow from one da, and that da is wrong"),
        (backward(dx=lambda da, weight_ih: da @ weight_ih**2), "look at the line that computes dx_t."),
    ],
)
def test_a_step_backward_is_told_whether_its_da_is_right(step, sentence):
    for seed in SEEDS:
        said = words(rnn_step_backward, step, seed)
        assert sentence in said, said


def test_a_loop_backward_is_told_whether_its_last_step_is_right():
    def back(carry=lambda dh: dh, sums=1, at_last=lambda dh: dh):
        def rnn_backward(x, h, doutput, dh_n, weight_ih, weight_hh):
            dx, dh, dweight_ih, dweight_hh, dbias = 0 * x, dh_n, 0, 0, 0
            for t in reversed(range(len(x))):
                da = at_last(doutput[t] + dh) * (1 - h[t + 1] ** 2)
                dx[t], dh = da @ weight_ih, carry(da @ weight_hh)
                dweight_ih = dweight_ih + da.T @ x[t]
                dweight_hh = dweight_hh * sums + da.T @ h[t]
                dbias = dbias + da.sum(axis=0)
            return dx, dh, dweight_ih, dweight_hh, dbias

        return rnn_backward

    for seed in SEEDS:
        said = words(rnn_backward, back(carry=lambda dh: dh * abs(dh)), seed)
        assert "The last step is right and an earlier one is not" in said, said
        said = words(rnn_backward, back(at_last=lambda dh: dh * abs(dh)), seed)
        assert "The last step is already wrong" in said, said
        said = words(rnn_backward, back(sums=0.5), seed)
        assert "look at the line that computes dweight_hh." in said, said


def gru_backward(of_z=1, of_r=1, of_n=1):
    """A GRU's step backward, in which the slopes of z, r and n have another power."""

    def step(dh_t, x_t, h, weight_ih, weight_hh, bias_ih, bias_hh):
        x_r, x_z, x_n = (x_t @ weight_ih.T + bias_ih).chunk(3, dim=-1)
        h_r, h_z, h_n = (h @ weight_hh.T + bias_hh).chunk(3, dim=-1)
        r, z = (x_r + h_r).sigmoid(), (x_z + h_z).sigmoid()
        n = torch.tanh(x_n + r * h_n)
        dn = dh_t * (1 - z) * (1 - n**2) ** of_n
        dr, dz = dn * h_n * (r * (1 - r)) ** of_r, dh_t * (h - n) * (z * (1 - z)) ** of_z
        dih, dhh = torch.cat([dr, dz, dn], dim=-1), torch.cat([dr, dz, dn * r], dim=-1)
        dh = dh_t * z + dhh @ weight_hh
        return dih @ weight_ih, dh, dih.T @ x_t, dhh.T @ h, dih.sum(0), dhh.sum(0)

    return step


def test_a_gru_step_backward_is_told_its_gate():
    for seed in SEEDS:
        assert "look at how you derive z." in words(gru_step_backward, gru_backward(of_z=2), seed)
        assert "look at how you derive r." in words(gru_step_backward, gru_backward(of_r=2), seed)
        said = words(gru_step_backward, gru_backward(of_n=2), seed)
        assert "blocks of r and n are wrong" in said, said


def test_a_memory_backward_is_told_whether_its_last_step_is_right():
    def back(slope=2, carried=1):
        def memory(dh, f, i, g, o, c):
            df, di, dg, do, dc = 0 * f, 0 * f, 0 * f, 0 * f, 0 * c[0]
            for t in reversed(range(len(f))):
                shown = numpy.tanh(c[t + 1])
                dc = dh[t] * o[t] * (1 - abs(shown) ** slope) + dc
                df[t], di[t], dg[t], do[t] = dc * c[t], dc * g[t], dc * i[t], dh[t] * shown
                dc = dc * f[t] ** carried
            return df, di, dg, do, dc

        return memory

    for seed in SEEDS:
        assert "The last step is already wrong" in words(memory_backward, back(slope=3), seed)
        assert "The last step is right and an earlier" in words(memory_backward, back(carried=3), seed)

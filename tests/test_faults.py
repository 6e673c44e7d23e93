"""The tests see: each fault below, planted in a copy of the library, is caught by the tests' comparisons."""

import importlib
import itertools
from pathlib import Path
from unittest import mock

import pytest
from oracle import (
    CELLS,
    LAYERS,
    VARIANTS,
    assert_cell_agrees,
    assert_dropout_agrees,
    assert_layer_agrees,
    assert_starts_as_torchs,
)

import rnncourse

PACKAGE = Path(rnncourse.__file__).parent
copies = itertools.count()


FAULTS = {  # file: what is wrong: the right text, the wrong text
    "steps.py": {
        "rnn: bias forgotten": (
            "linear(h, weight_hh, bias_hh)\n    # h_t",
            "linear(h, weight_hh)\n    # h_t",
        ),
        "rnn: nonlinearity ignored": ("NONLINEARITIES[nonlinearity](a)", "torch.tanh(a)"),
        "lstm: gates i, f, o, g": ("a_i, a_f, a_g, a_o = a.", "a_i, a_f, a_o, a_g = a."),
        "lstm: gates f, i, g, o": ("a_i, a_f, a_g, a_o = a.", "a_f, a_i, a_g, a_o = a."),
        "lstm: sigmoid for g": ("g = torch.tanh(a_g)", "g = torch.sigmoid(a_g)"),
        "lstm: new content forgotten too": ("    c = f * c + i * g", "    c = f * (c + i * g)"),
        "lstm: c shown without tanh": ("h = o * torch.tanh(c)", "h = o * c"),
        "lstm: states exchanged": ("return LSTMState(h, c)", "return LSTMState(c, h)"),
        "lstm: cut, not projected": ("h = linear(h, weight_hr)", "h = h[..., : len(weight_hr)]"),
        "gru: z the other way": ("return (1 - z) * n + z * h", "return z * n + (1 - z) * h"),
        "gru: gates z, r, n": ("hh_r, hh_z, hh_n = linear", "hh_z, hh_r, hh_n = linear"),
        "gru: b_hn outside the reset": (
            "torch.tanh(ih_n + r * hh_n)",
            "torch.tanh(ih_n + hh_n + (r - 1) * linear(h, weight_hh).chunk(3, dim=-1)[2])",
        ),
        "gru: reset of the whole candidate": ("torch.tanh(ih_n + r * hh_n)", "torch.tanh(r * (ih_n + hh_n))"),
    },
    "cells.py": {
        "cell: hx ignored": ("self._zeros(input)) if hx is None else hx", "self._zeros(input))"),
        "cell: nonlinearity ignored": (
            "*self._weights(), nonlinearity=self.nonlinearity",
            "*self._weights()",
        ),
        "initialised from 1/H": ("1 / math.sqrt(hidden_size)", "1 / hidden_size"),
    },
    "layers.py": {
        "backward outputs not flipped back": ("torch.cat(outputs[::order])", "torch.cat(outputs)"),
        "both directions forward in time": ("bool(reverse), next", "False, next"),
        "directions exchanged": ("torch.cat(directions, dim", "torch.cat(directions[::-1], dim"),
        "layer 2 sees the forward direction alone": (
            "torch.cat(directions, dim",
            "torch.cat([directions[0] for _ in directions], dim",
        ),
        "directions share weights": (
            "self._weights(suffix)\n                hs",
            "self._weights(endings[0])\n                hs",
        ),
        "dropout before the first layer": ("if layer > 0:", "if True:"),
        "dropout in eval": ("self.dropout, self.training", "self.dropout, True"),
        "no dropout": ("self.dropout, self.training", "0.0, self.training"),
        "hx ignored": ("        if hx is None:\n", "        if True:\n"),
        "hx of the layers exchanged": ("s.unbind(0) for s in hx", "s.flip(0).unbind(0) for s in hx"),
        "h_n of the layers exchanged": ("torch.stack(parts)", "torch.stack(parts[::-1])"),
        "state detached at each step": (
            "step(x_t, state, weights), b_t",
            "step(x_t, [s.detach() for s in state], weights), b_t",
        ),
        "batch_first ignored for the output": (
            "output.transpose(0, 1) if self.batch_first else output",
            "output",
        ),
        "batch_first for the state too": (
            "else output, state",
            "else output, [s.transpose(0, 1 if self.batch_first else 0) for s in state]",
        ),
        "packed: h_0 not sorted": ("_reorder(hx, sorted_indices)", "hx"),
        "packed: h_0 sorted backward": ("_reorder(hx, sorted_indices)", "_reorder(hx, unsorted_indices)"),
        "packed: h_n left sorted": ("output, _reorder(state, unsorted_indices)", "output, state"),
        "packed: ends in the wrong order": ("*reversed(ended)", "*ended"),
        "packed: late sequences start at zero": (
            "torch.cat([s, s_0[rows:b_t]])",
            "torch.cat([s, 0 * s_0[rows:b_t]])",
        ),
    },
    "bptt.py": {
        "rnn: tanh' without the square": (
            "y.new_ones(()), y, y, value",
            "y.new_ones(()), y, y.sign(), value",
        ),
        "rnn: relu' is 1 everywhere": ("(y > 0).to(y.dtype)", "torch.ones_like(y)"),
        "rnn: the loss read at the last step alone": (
            "dh[t] += dout[t]\n        # da = φ'(a)",
            "dh[t] += dout[t] * (t == steps.backward[0])\n        # da = φ'(a)",
        ),
        "lstm: f left out of the way back": ("dc[t] *= f[t]\n", "pass\n"),
        "lstm: c_t where c is due": ("steps.before(state[1], cells)", "cells"),
        "lstm: σ' without 1 - σ": ("torch.addcmul(gates, gates, gates, value=-1, out=da)", "da.copy_(gates)"),
        "lstm: c's second source left out": ("dc[t] += new[t]\n", "pass\n"),
        "lstm: o's gradient from dc": ("da_o[t] *= dq[t]", "da_o[t] *= dc[t]"),
        "lstm: projection left out of the way back": (
            "torch.mm(dh_mm[t], W_hr, out=dq_mm[t])",
            "dq_mm[t].copy_(dh_mm[t].repeat(1, 9)[:, : dq_mm[t].size(1)])",
        ),
        "lstm: dW_hr from the loss alone": ("dh_all.t().mm(shown)", "doutput.t().mm(shown)"),
        "gru: z left out of the way back": ("dh[t] *= zs[t]\n", "pass\n"),
        "gru: b_hn's gradient without r": ("torch.mul(dih_n, r, out=dhh_n)", "dhh_n.copy_(dih_n)"),
        "gru: h_t where h is due": ("torch.sub(h, n, out=dhh_z)", "torch.sub(output, n, out=dhh_z)"),
        "weights: h_t where h is due": ("da.t().mm(h),", "da.t().mm(output),"),
        "gru: one gradient for both biases": ("if dih_n is not None:", "if False:"),
        "packed: earlier rows one off": ("row - sizes[t - 1]", "row - sizes[t]"),
        "packed: all begin from one state": ("np.where(first, sequence,", "np.where(first, 0,"),
    },
}


@pytest.fixture
def plant(tmp_path, monkeypatch):
    """A function that imports a copy of the library, one text of one file exchanged, under its own name."""
    monkeypatch.syspath_prepend(tmp_path)

    def plant(file: str = "", right: str = "", wrong: str = ""):
        name = f"rnncourse_copy_{next(copies)}"
        for source in PACKAGE.rglob("*.py"):
            text = source.read_text(encoding="utf-8")
            path = source.relative_to(PACKAGE)
            if path.as_posix() == file:
                assert text.count(right) == 1, f"{file} has changed: {right!r} is no longer in it once"
                text = text.replace(right, wrong)
            text = text.replace("rnncourse", name)  # what it imports of itself
            copy = tmp_path / name / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(text, encoding="utf-8")
        importlib.invalidate_caches()
        return importlib.import_module(name)

    return plant


def compare_all(ours) -> None:
    """A short round of the comparisons in test_layers.py, test_packed.py and test_cells.py."""
    for kind in CELLS:
        assert_cell_agrees(kind, ours=ours)
        assert_starts_as_torchs(kind, ours=ours)
    assert_cell_agrees("RNNCell", ours=ours, nonlinearity="relu")
    for kind in LAYERS:
        assert_dropout_agrees(kind, ours=ours)
        assert_dropout_agrees(kind, ours=ours, training=False)
    for variant in VARIANTS:
        for form in ("dense", "batch_first", "unsorted"):
            assert_layer_agrees(variant, form, ours=ours, num_layers=2, bidirectional=True)
        with mock.patch.object(ours.bptt, "serves", return_value=False):  # the plain loop
            assert_layer_agrees(variant, "unsorted", ours=ours, bidirectional=True)


def test_a_copy_without_a_fault_passes(plant):
    compare_all(plant())


@pytest.mark.parametrize(
    ("file", "what"), [(file, what) for file, faults in FAULTS.items() for what in faults], ids=str
)
def test_each_fault_is_seen(file, what, plant):
    faulty = plant(file, *FAULTS[file][what])
    with pytest.raises(AssertionError):  # not any error: the copy runs, and what it computes is wrong
        compare_all(faulty)

"""Compute one time step of each cell as in steps.py, but return every value by its name.

A letter is a gate or state, `a_i` a gate's pre-activation, `q` the h that a projection reads, `hh_n` the
state's part of the GRU's candidate. Shapes are as in steps.py: (b_t, H) each, except x (b_t, I) and, with a
projection, h (b_t, P).

The equations are written twice: steps.py is the page on which they are read; here each value has a name and
can be set. The tests compare the two, to the last bit.
"""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import linear

from rnncourse import shapes
from rnncourse.steps import NONLINEARITIES

# By mode, torch's name for the kind of cell; "OWN" is a cell whose step the user passed.
GATES = {"LSTM": shapes.GATES[4], "GRU": shapes.GATES[3], "RNN_TANH": "", "RNN_RELU": "", "OWN": ""}
WORDS = {
    "LSTM": "an LSTM",
    "GRU": "a GRU",
    "RNN_TANH": "an RNN",
    "RNN_RELU": "an RNN",
    "OWN": "a cell of your own",
}
INITIAL = ("h_0", "c_0")

Values = dict[str, Tensor]
# By a value's name, what `trace(..., set=...)` replaces it with: a number, a tensor, a function of the value
Edits = Mapping[str, float | Tensor | Callable[[Tensor], Tensor]]
NONE: Edits = {}


class Editable(Values):
    """The values of a step by name. If a value is to be set, every later reader gets what it is set to."""

    def __init__(self, edits: Edits, values: Values) -> None:
        super().__init__(values)
        self._edits = edits

    def __setitem__(self, name: str, value: Tensor) -> None:
        new = self._edits.get(name)
        if callable(new) and not isinstance(new, Tensor):
            value = new(value)
        elif new is not None:
            value = torch.as_tensor(new, dtype=value.dtype, device=value.device).expand_as(value).clone()
            if torch.is_grad_enabled():
                value.requires_grad_()  # so that its gradient can be traced
        super().__setitem__(name, value)


def rnn_values(
    x: Tensor,
    h: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    nonlinearity: str = "tanh",
    edits: Edits = NONE,
) -> Values:
    """Compute what rnn_step computes, by name: x a h."""
    v = Editable(edits, {"x": x})
    v["a"] = linear(x, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)
    v["h"] = NONLINEARITIES[nonlinearity](v["a"])
    return v


def lstm_values(
    x: Tensor,
    h: Tensor,
    c: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    weight_hr: Tensor | None = None,
    edits: Edits = NONE,
) -> Values:
    """Compute what lstm_step computes, by name: x a_i a_f a_g a_o i f g o c h, and q with a projection."""
    a = linear(x, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)  # (b_t, 4H)
    v = Editable(edits, {"x": x})
    v["a_i"], v["a_f"], v["a_g"], v["a_o"] = a.chunk(4, dim=-1)
    v["i"], v["f"] = torch.sigmoid(v["a_i"]), torch.sigmoid(v["a_f"])
    v["g"], v["o"] = torch.tanh(v["a_g"]), torch.sigmoid(v["a_o"])
    v["c"] = v["f"] * c + v["i"] * v["g"]
    if weight_hr is None:
        v["h"] = v["o"] * torch.tanh(v["c"])
    else:
        v["q"] = v["o"] * torch.tanh(v["c"])
        v["h"] = linear(v["q"], weight_hr)
    return v


def gru_values(
    x: Tensor,
    h: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    edits: Edits = NONE,
) -> Values:
    """Compute what gru_step computes, by name: x a_r a_z r z hh_n a_n n h."""
    ih_r, ih_z, ih_n = linear(x, weight_ih, bias_ih).chunk(3, dim=-1)
    hh_r, hh_z, hh_n = linear(h, weight_hh, bias_hh).chunk(3, dim=-1)
    v = Editable(edits, {"x": x})
    v["a_r"], v["a_z"], v["hh_n"] = ih_r + hh_r, ih_z + hh_z, hh_n
    v["r"], v["z"] = torch.sigmoid(v["a_r"]), torch.sigmoid(v["a_z"])
    v["a_n"] = ih_n + v["r"] * v["hh_n"]
    v["n"] = torch.tanh(v["a_n"])
    v["h"] = (1 - v["z"]) * v["n"] + v["z"] * h
    return v


EQUATIONS: dict[str, Callable[..., Values]] = {
    "RNN_TANH": rnn_values,
    "RNN_RELU": partial(rnn_values, nonlinearity="relu"),
    "LSTM": lstm_values,
    "GRU": gru_values,
}


def names_of(mode: str, projected: bool = False) -> tuple[str, ...]:
    """Return the names of a step's values, roughly in the order in which they are computed."""
    gates = GATES[mode]
    rest = {"LSTM": ("c", *["q"] * projected), "GRU": ("hh_n",)}.get(mode, ())
    return ("x", *(f"a_{gate}" for gate in gates), *(() if gates else ("a",)), *gates, *rest, "h")

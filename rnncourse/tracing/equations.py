"""One time step of each cell as in steps.py, but giving every value by its name, not the new state alone.

A letter is a gate or state, `a_i` a gate's pre-activation, `q` the h that a projection reads, `hh_n` the
state's part of the GRU's candidate. Shapes as in steps.py: (b_t, H) each, but x (b_t, I), and h (b_t, P)
where there is a projection.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import linear

from rnncourse.steps import NONLINEARITIES

GATES = {"LSTM": ("i", "f", "g", "o"), "GRU": ("r", "z", "n"), "RNN_TANH": (), "RNN_RELU": ()}

Values = dict[str, Tensor]


def rnn_values(
    x: Tensor,
    h: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    nonlinearity: str = "tanh",
) -> Values:
    """What rnn_step computes, named: x a h."""
    a = linear(x, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)
    return {"x": x, "a": a, "h": NONLINEARITIES[nonlinearity](a)}


def lstm_values(
    x: Tensor,
    h: Tensor,
    c: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    weight_hr: Tensor | None = None,
) -> Values:
    """What lstm_step computes, named: x a_i a_f a_g a_o i f g o c h, and q before h with a projection."""
    a = linear(x, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)  # (b_t, 4H)
    a_i, a_f, a_g, a_o = a.chunk(4, dim=-1)
    i, f, g, o = torch.sigmoid(a_i), torch.sigmoid(a_f), torch.tanh(a_g), torch.sigmoid(a_o)
    c = f * c + i * g
    h = o * torch.tanh(c)
    values = {"x": x, "a_i": a_i, "a_f": a_f, "a_g": a_g, "a_o": a_o, "i": i, "f": f, "g": g, "o": o, "c": c}
    if weight_hr is None:
        return values | {"h": h}
    return values | {"q": h, "h": linear(h, weight_hr)}


def gru_values(
    x: Tensor,
    h: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
) -> Values:
    """What gru_step computes, named: x a_r a_z a_n r z n hh_n h."""
    ih_r, ih_z, ih_n = linear(x, weight_ih, bias_ih).chunk(3, dim=-1)
    hh_r, hh_z, hh_n = linear(h, weight_hh, bias_hh).chunk(3, dim=-1)
    a_r, a_z = ih_r + hh_r, ih_z + hh_z
    r, z = torch.sigmoid(a_r), torch.sigmoid(a_z)
    a_n = ih_n + r * hh_n
    n = torch.tanh(a_n)
    h = (1 - z) * n + z * h
    return {"x": x, "a_r": a_r, "a_z": a_z, "a_n": a_n, "r": r, "z": z, "n": n, "hh_n": hh_n, "h": h}


EQUATIONS: dict[str, Callable[..., Values]] = {
    "RNN_TANH": rnn_values,
    "RNN_RELU": partial(rnn_values, nonlinearity="relu"),
    "LSTM": lstm_values,
    "GRU": gru_values,
}


def names_of(mode: str, projected: bool = False) -> tuple[str, ...]:
    """The names of a step's values, in the order in which they are computed."""
    if mode == "LSTM":
        return ("x", "a_i", "a_f", "a_g", "a_o", "i", "f", "g", "o", "c", *(["q"] * projected), "h")
    if mode == "GRU":
        return ("x", "a_r", "a_z", "a_n", "r", "z", "n", "hh_n", "h")
    return ("x", "a", "h")

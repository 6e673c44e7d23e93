"""One time step of each recurrent cell: the equations, each above the line that computes it.

Shapes: T time, B batch, I input, H hidden, P projection. Every step works on a batch, x_t (B, I) and
state (B, H), and on a single row, x_t (I) and state (H). Weights have torch.nn's layout: the gates' blocks
of H rows stacked in one matrix, in the order i, f, g, o (LSTM) or r, z, n (GRU), so one matmul serves
all gates. `σ` is the logistic sigmoid, `*` the product element by element.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

NONLINEARITIES = {"tanh": torch.tanh, "relu": torch.relu}


class LSTMState(NamedTuple):
    """The two states of an LSTM. It unpacks like torch's tuple, `h, c = state`, and reads as words.

    h: what the cell shows, o * tanh(c), in (-1, 1) where there is no projection.
    c: what the cell remembers, not bounded.
    """

    h: Tensor
    c: Tensor


def rnn_step(
    x_t: Tensor,
    h: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    nonlinearity: str = "tanh",
) -> Tensor:
    """One step of the simple (Elman) RNN: the next h, (B, H) or (H).

    x_t (B, I) or (I), h (B, H) or (H), weight_ih (H, I), weight_hh (H, H), biases (H).
    `nonlinearity` is "tanh" or "relu"; another raises KeyError.
    Source: Elman 1990, "Finding structure in time", in torch.nn.RNN's notation (two biases).
    """
    # a = W_ih x_t + b_ih + W_hh h + b_hh
    a = linear(x_t, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)
    # h_t = tanh(a)  or  max(0, a)
    return NONLINEARITIES[nonlinearity](a)


def lstm_step(
    x_t: Tensor,
    state: tuple[Tensor, Tensor],
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    weight_hr: Tensor | None = None,
) -> LSTMState:
    """One step of the LSTM: the next LSTMState(h, c), each (B, H) or (H).

    x_t (B, I) or (I), state = (h, c) of (B, H) or (H), weight_ih (4H, I), weight_hh (4H, H), biases (4H).
    With weight_hr (P, H) the new h is projected to (B, P), and weight_hh is (4H, P).
    Source: Hochreiter & Schmidhuber 1997, "Long short-term memory", with the forget gate of Gers,
    Schmidhuber & Cummins 2000, "Learning to forget"; the projection is Sak, Senior & Beaufays 2014.
    """
    h, c = state
    # a_k = W_ik x_t + b_ik + W_hk h + b_hk  for the four gates k = i, f, g, o
    a = linear(x_t, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)  # (B, 4H)
    a_i, a_f, a_g, a_o = a.chunk(4, dim=-1)  # (B, H) each
    # i = σ(a_i): how much of the new is written
    i = torch.sigmoid(a_i)
    # f = σ(a_f): how much of the old is kept
    f = torch.sigmoid(a_f)
    # g = tanh(a_g): the new itself
    g = torch.tanh(a_g)
    # o = σ(a_o): how much of the memory is shown
    o = torch.sigmoid(a_o)
    # c_t = f * c + i * g
    c = f * c + i * g
    # h_t = o * tanh(c_t)
    h = o * torch.tanh(c)
    if weight_hr is not None:
        # h_t = W_hr (o * tanh(c_t))
        h = linear(h, weight_hr)  # (B, P)
    return LSTMState(h, c)


def gru_step(
    x_t: Tensor,
    h: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
) -> Tensor:
    """One step of the GRU: the next h, (B, H) or (H).

    x_t (B, I) or (I), h (B, H) or (H), weight_ih (3H, I), weight_hh (3H, H), biases (3H).
    Source: Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", as torch.nn.GRU
    computes it: the reset gate acts after the hidden matmul (the paper: before it).
    """
    # ih_k = W_ik x_t + b_ik, from the input, for k = r, z, n
    ih_r, ih_z, ih_n = linear(x_t, weight_ih, bias_ih).chunk(3, dim=-1)  # (B, H) each
    # hh_k = W_hk h + b_hk, from the state
    hh_r, hh_z, hh_n = linear(h, weight_hh, bias_hh).chunk(3, dim=-1)  # (B, H) each
    # r = σ(ih_r + hh_r): how much of the state the candidate sees
    r = torch.sigmoid(ih_r + hh_r)
    # z = σ(ih_z + hh_z): how much of the old state is kept
    z = torch.sigmoid(ih_z + hh_z)
    # n = tanh(ih_n + r * hh_n): the candidate
    n = torch.tanh(ih_n + r * hh_n)
    # h_t = (1 - z) * n + z * h
    return (1 - z) * n + z * h

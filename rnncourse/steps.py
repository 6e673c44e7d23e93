"""One time step of each recurrent cell: the equations, each above the line that computes it.

Shapes: T time, B batch, I input, H hidden, P projection. Every step works on a batch, x_t (B, I) and state
(B, H), and on a single row, x_t (I) and state (H). Weights have torch.nn's layout: the gates' blocks of H
rows are stacked in one matrix, in the order i, f, g, o (LSTM) or r, z, n (GRU), so one matmul serves all
gates. All tensors of a step have one floating-point dtype. `σ` is the logistic sigmoid, `*` the elementwise
product.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

NONLINEARITIES = {"tanh": torch.tanh, "relu": torch.relu}


class LSTMState(NamedTuple):
    """The two states of an LSTM. It unpacks like torch's tuple, `h, c = state`, and has names.

    Each is (B, H) from a cell and (L*D, B, H) from a layer; with a projection, h is P wide.

    Attributes:
        h: what the cell shows, o * tanh(c), which is in (-1, 1) if there is no projection.
        c: what the cell remembers; it has no bounds.

    Example:
        >>> state = rnncourse.LSTMState(h=torch.zeros(2, 4), c=torch.ones(2, 4))
        >>> h, c = state
        >>> h is state.h, tuple(state.c.shape)
        (True, (2, 4))
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
    """Compute one step of the simple (Elman) RNN.

    Source: Elman 1990, "Finding structure in time", in torch.nn.RNN's notation (two biases).

    Args:
        x_t: the input of this step, (B, I) or (I).
        h: the state before it, (B, H) or (H).
        weight_ih: (H, I).
        weight_hh: (H, H).
        bias_ih: (H), or None.
        bias_hh: (H), or None.
        nonlinearity: "tanh" or "relu".

    Returns:
        The next h, (B, H) or (H).

    Raises:
        KeyError: the nonlinearity is neither of the two.

    Example:
        >>> weights = torch.ones(1, 1), torch.ones(1, 1)
        >>> rnncourse.steps.rnn_step(torch.ones(1), torch.zeros(1), *weights)  # tanh(1 + 0)
        tensor([0.7616])
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
    """Compute one step of the LSTM.

    Source: Hochreiter & Schmidhuber 1997, "Long short-term memory", with the forget gate of Gers, Schmidhuber
    & Cummins 2000, "Learning to forget"; the projection is that of Sak, Senior & Beaufays 2014.

    Args:
        x_t: the input of this step, (B, I) or (I).
        state: the pair (h, c) before it, each (B, H) or (H); with a projection h is (B, P) or (P).
        weight_ih: (4H, I).
        weight_hh: (4H, H), with a projection (4H, P).
        bias_ih: (4H), or None.
        bias_hh: (4H), or None.
        weight_hr: the projection (P, H), or None.

    Returns:
        The next LSTMState(h, c), with the shapes of `state`.

    Example:
        >>> weights = torch.zeros(4, 1), torch.zeros(4, 1)  # so every gate is σ(0) = 0.5
        >>> h, c = rnncourse.steps.lstm_step(torch.ones(1), (torch.zeros(1), torch.ones(1)), *weights)
        >>> c, h  # 0.5 * 1 + 0.5 * tanh(0), and 0.5 * tanh(c)
        (tensor([0.5000]), tensor([0.2311]))
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
    """Compute one step of the GRU.

    Source: Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", as torch.nn.GRU
    computes it: the reset gate acts after the hidden matmul, in the paper before it.

    Args:
        x_t: the input of this step, (B, I) or (I).
        h: the state before it, (B, H) or (H).
        weight_ih: (3H, I).
        weight_hh: (3H, H).
        bias_ih: (3H), or None.
        bias_hh: (3H), or None.

    Returns:
        The next h, (B, H) or (H).

    Example:
        >>> weights = torch.zeros(3, 1), torch.zeros(3, 1)  # so z is σ(0) = 0.5, and n is 0
        >>> rnncourse.steps.gru_step(torch.ones(1), torch.ones(1), *weights)
        tensor([0.5000])
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

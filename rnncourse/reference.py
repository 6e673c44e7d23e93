"""Compute the forward and backward pass of each cell by hand, in NumPy, to be read beside the derivations.

The forward functions are those of `steps.py`. Each backward function goes through its forward function from
the last line to the first and computes, for each name v, the gradient dv = ∂loss/∂v, an array of v's shape.
Three rules are enough:

- The chain rule: if y = φ(v), then dv = dy * φ'(v). Here φ' can always be written with y itself:
  σ' = y (1 - y), tanh' = 1 - y², and relu' = 1 where y > 0, otherwise 0.
- If a name is read more than once, its gradient is the sum of what its readers send back. This holds for h
  and c (read by the gates, the loss and the next step) and for the weights (read by every step).
- The rule of the linear map y = W v + b: `linear_backward`, derived once and used everywhere.

Shapes: T time, B batch, I input, H hidden. A step takes x_t (B, I) and states (B, H), or a single row, x_t
(I) and states (H); all arrays are float64. h and c are the states before the step, h_t and c_t those after
it, for t = 1 ... T, so h_0 is the initial state of a sequence. The formulas describe one row, as a column
vector; the code holds a batch of rows, so W v becomes `v @ W.T`, and Σ_B is the sum over the batch. `*` is
the elementwise product, σ the logistic sigmoid. Weights have torch.nn's layout: the gates' blocks of H rows
are in the order i, f, g, o (LSTM) or r, z, n (GRU). The LSTM's projection, `weight_hr` in `steps.py`, is left
out.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Weights = tuple[Array, Array, Array, Array]  # weight_ih, weight_hh, bias_ih, bias_hh


class RNNStep(NamedTuple):
    """The values of an RNN's step that its backward pass needs."""

    x_t: Array  # (B, I)
    h: Array  # (B, H), as h_t
    h_t: Array
    nonlinearity: str


class LSTMStep(NamedTuple):
    """The values of an LSTM's step that its backward pass needs."""

    x_t: Array  # (B, I)
    h: Array  # (B, H), like all arrays below
    c: Array
    i: Array
    f: Array
    g: Array
    o: Array
    c_t: Array


class GRUStep(NamedTuple):
    """The values of a GRU's step that its backward pass needs."""

    x_t: Array  # (B, I)
    h: Array  # (B, H), like all arrays below
    r: Array
    z: Array
    hh_n: Array
    n: Array
    reset_after: bool


class Gradients(NamedTuple):
    """The gradients of an RNN's or a GRU's step: each has the shape of its name without the d."""

    dx_t: Array
    dh: Array
    dweight_ih: Array
    dweight_hh: Array
    dbias_ih: Array
    dbias_hh: Array


class LSTMGradients(NamedTuple):
    """The gradients of an LSTM's step: each has the shape of its name without the d."""

    dx_t: Array
    dh: Array
    dc: Array
    dweight_ih: Array
    dweight_hh: Array
    dbias_ih: Array
    dbias_hh: Array


class SequenceGradients(NamedTuple):
    """The gradients of a whole sequence: each has the shape of its name without the d."""

    dx: Array  # (T, B, I)
    dstate: tuple[Array, ...]  # (dh_0,), for an LSTM (dh_0, dc_0)
    dweight_ih: Array
    dweight_hh: Array
    dbias_ih: Array
    dbias_hh: Array


# φ, and φ' in terms of φ's own value
NONLINEARITIES: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "tanh": (np.tanh, lambda h_t: 1 - h_t**2),
    "relu": (lambda a: np.maximum(a, 0), lambda h_t: np.where(h_t > 0, 1.0, 0.0)),
}


def sigmoid(a: Array) -> Array:
    """Return σ(a) = 1 / (1 + exp(-a)), of any shape, computed in a form that cannot overflow.

    Example:
        >>> rnncourse.reference.sigmoid(np.array([-1000.0, 0.0]))
        array([0. , 0.5])
    """
    return (1 + np.tanh(a / 2)) / 2


def linear(v: Array, weight: Array, bias: Array) -> Array:
    """Return y = W v + b, (B, M) or (M), from v (B, N) or (N), weight (M, N) and bias (M).

    Example:
        >>> rnncourse.reference.linear(np.array([1.0, 2.0]), np.array([[1.0, 1.0]]), np.array([0.5]))
        array([3.5])
    """
    return v @ weight.T + bias


def linear_backward(dy: Array, v: Array, weight: Array) -> tuple[Array, Array, Array]:
    """Return dv, dweight and dbias, shaped like v, weight and bias, from dy (B, M) or (M).

    Example:
        >>> v, weight = np.array([1.0, 2.0]), np.array([[3.0, 4.0]])
        >>> rnncourse.reference.linear_backward(np.ones(1), v, weight)
        (array([3., 4.]), array([[1., 2.]]), array([1.]))
    """
    rows_dy, rows_v = np.atleast_2d(dy), np.atleast_2d(v)  # (B, M), (B, N): a single row is a batch of one
    # dv = Wᵀ dy, because y_m = Σ_n W_mn v_n + b_m gives dv_n = Σ_m dy_m W_mn
    dv = dy @ weight
    # dW = Σ_B dy vᵀ, because ∂y_m/∂W_mn = v_n
    dweight = rows_dy.T @ rows_v
    # db = Σ_B dy, because ∂y_m/∂b_m = 1
    dbias = rows_dy.sum(axis=0)
    return dv, dweight, dbias


def rnn_step(
    x_t: Array,
    h: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array,
    bias_hh: Array,
    nonlinearity: str = "tanh",
) -> tuple[Array, RNNStep]:
    """Compute one step of the simple RNN.

    Source: Elman 1990, "Finding structure in time", in torch.nn.RNN's notation (two biases).

    Args:
        x_t: the input of this step, (B, I) or (I).
        h: the state before it, (B, H) or (H).
        weight_ih: (H, I).
        weight_hh: (H, H).
        bias_ih: (H).
        bias_hh: (H).
        nonlinearity: "tanh" or "relu".

    Returns:
        h_t, (B, H) or (H), and what the backward pass needs.

    Raises:
        KeyError: the nonlinearity is neither of the two.

    Example:
        >>> weights = np.ones((1, 1)), np.ones((1, 1)), np.zeros(1), np.zeros(1)
        >>> h_t, step = rnncourse.reference.rnn_step(np.ones(1), np.zeros(1), *weights)
        >>> h_t.round(4)  # tanh(1 + 0)
        array([0.7616])
    """
    phi, _ = NONLINEARITIES[nonlinearity]
    # a = W_ih x_t + b_ih + W_hh h + b_hh
    a = linear(x_t, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)
    # h_t = φ(a)
    h_t = phi(a)
    return h_t, RNNStep(x_t, h, h_t, nonlinearity)


def rnn_step_backward(dh_t: Array, step: RNNStep, weight_ih: Array, weight_hh: Array) -> Gradients:
    """Return the gradients of one RNN step with respect to its arguments.

    Args:
        dh_t: the sum of what the readers of h_t send back, (B, H) or (H).
        step: what `rnn_step` returned beside h_t.
        weight_ih: (H, I).
        weight_hh: (H, H).

    Example:
        >>> from rnncourse.reference import rnn_step, rnn_step_backward
        >>> weights = np.ones((1, 1)), 3 * np.ones((1, 1)), np.zeros(1), np.zeros(1)
        >>> h_t, step = rnn_step(np.zeros(1), np.zeros(1), *weights)
        >>> rnn_step_backward(np.ones(1), step, *weights[:2]).dh  # 3 * tanh'(0)
        array([3.])
    """
    x_t, h, h_t, nonlinearity = step
    _, phi_prime = NONLINEARITIES[nonlinearity]
    # da = dh_t * φ'(a), which is dh_t * (1 - h_t²) for tanh
    da = dh_t * phi_prime(h_t)
    # dh = W_hhᵀ da,  dW_hh = Σ_B da hᵀ,  db_hh = Σ_B da
    dh, dweight_hh, dbias_hh = linear_backward(da, h, weight_hh)
    # dx_t = W_ihᵀ da,  dW_ih = Σ_B da x_tᵀ,  db_ih = Σ_B da
    dx_t, dweight_ih, dbias_ih = linear_backward(da, x_t, weight_ih)
    return Gradients(dx_t, dh, dweight_ih, dweight_hh, dbias_ih, dbias_hh)


def lstm_step(
    x_t: Array, h: Array, c: Array, weight_ih: Array, weight_hh: Array, bias_ih: Array, bias_hh: Array
) -> tuple[Array, Array, LSTMStep]:
    """Compute one step of the LSTM.

    Source: Hochreiter & Schmidhuber 1997, "Long short-term memory", with the forget gate of Gers, Schmidhuber
    & Cummins 2000, "Learning to forget". Both papers train with a truncated gradient; the backward pass below
    is the full one, first used by Graves & Schmidhuber 2005.

    Args:
        x_t: the input of this step, (B, I) or (I).
        h: the state h before it, (B, H) or (H).
        c: the state c before it, (B, H) or (H).
        weight_ih: (4H, I).
        weight_hh: (4H, H).
        bias_ih: (4H).
        bias_hh: (4H).

    Returns:
        h_t and c_t, (B, H) or (H) each, and what the backward pass needs.

    Example:
        >>> weights = np.zeros((4, 1)), np.zeros((4, 1)), np.zeros(4), np.zeros(4)  # every gate is σ(0)
        >>> h_t, c_t, step = rnncourse.reference.lstm_step(np.ones(1), np.zeros(1), np.ones(1), *weights)
        >>> step.f, c_t
        (array([0.5]), array([0.5]))
    """
    # a_k = W_ik x_t + b_ik + W_hk h + b_hk  for the four gates k = i, f, g, o
    a = linear(x_t, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)  # (B, 4H)
    a_i, a_f, a_g, a_o = np.split(a, 4, axis=-1)  # (B, H) each
    # i = σ(a_i)
    i = sigmoid(a_i)
    # f = σ(a_f)
    f = sigmoid(a_f)
    # g = tanh(a_g)
    g = np.tanh(a_g)
    # o = σ(a_o)
    o = sigmoid(a_o)
    # c_t = f * c + i * g
    c_t = f * c + i * g
    # h_t = o * tanh(c_t)
    h_t = o * np.tanh(c_t)
    return h_t, c_t, LSTMStep(x_t, h, c, i, f, g, o, c_t)


def lstm_step_backward(
    dh_t: Array, dc_t: Array, step: LSTMStep, weight_ih: Array, weight_hh: Array
) -> LSTMGradients:
    """Return the gradients of one LSTM step with respect to its arguments.

    Args:
        dh_t: the sum of what the readers of h_t send back, (B, H) or (H).
        dc_t: what the next step sends back to c_t, of the same shape. The other reader of c_t is h_t; its
            share is added here.
        step: what `lstm_step` returned beside h_t and c_t.
        weight_ih: (4H, I).
        weight_hh: (4H, H).

    Example:
        >>> from rnncourse.reference import lstm_step, lstm_step_backward
        >>> weights = np.zeros((4, 1)), np.zeros((4, 1)), np.zeros(4), np.zeros(4)
        >>> h_t, c_t, step = lstm_step(np.ones(1), np.zeros(1), np.ones(1), *weights)
        >>> lstm_step_backward(np.zeros(1), np.ones(1), step, *weights[:2]).dc  # dc_t * f
        array([0.5])
    """
    x_t, h, c, i, f, g, o, c_t = step
    # do = dh_t * ∂h_t/∂o = dh_t * tanh(c_t)
    do = dh_t * np.tanh(c_t)
    # dc_t = dc_t + dh_t * ∂h_t/∂c_t = dc_t + dh_t * o * (1 - tanh²(c_t))
    dc_t = dc_t + dh_t * o * (1 - np.tanh(c_t) ** 2)
    # dg = dc_t * ∂c_t/∂g = dc_t * i
    dg = dc_t * i
    # di = dc_t * ∂c_t/∂i = dc_t * g
    di = dc_t * g
    # dc = dc_t * ∂c_t/∂c = dc_t * f: on this path back there is no weight and no squashing, only f
    dc = dc_t * f
    # df = dc_t * ∂c_t/∂f = dc_t * c
    df = dc_t * c
    # da_o = do * σ'(a_o) = do * o * (1 - o)
    da_o = do * o * (1 - o)
    # da_g = dg * tanh'(a_g) = dg * (1 - g²)
    da_g = dg * (1 - g**2)
    # da_f = df * σ'(a_f) = df * f * (1 - f)
    da_f = df * f * (1 - f)
    # da_i = di * σ'(a_i) = di * i * (1 - i)
    da_i = di * i * (1 - i)
    da = np.concatenate([da_i, da_f, da_g, da_o], axis=-1)  # (B, 4H)
    # dh = W_hhᵀ da,  dW_hh = Σ_B da hᵀ,  db_hh = Σ_B da
    dh, dweight_hh, dbias_hh = linear_backward(da, h, weight_hh)
    # dx_t = W_ihᵀ da,  dW_ih = Σ_B da x_tᵀ,  db_ih = Σ_B da
    dx_t, dweight_ih, dbias_ih = linear_backward(da, x_t, weight_ih)
    return LSTMGradients(dx_t, dh, dc, dweight_ih, dweight_hh, dbias_ih, dbias_hh)


def gru_step(
    x_t: Array,
    h: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array,
    bias_hh: Array,
    reset_after: bool = True,
) -> tuple[Array, GRUStep]:
    """Compute one step of the GRU.

    Source: Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder" (without biases).

    Args:
        x_t: the input of this step, (B, I) or (I).
        h: the state before it, (B, H) or (H).
        weight_ih: (3H, I).
        weight_hh: (3H, H).
        bias_ih: (3H).
        bias_hh: (3H).
        reset_after: where the reset gate acts (the name is Keras's). True, as in torch.nn.GRU: after the
            matmul, on its result, r * (W_hn h + b_hn). False, as in the paper: before the matmul, on the
            state, W_hn (r * h) + b_hn.

    Returns:
        h_t, (B, H) or (H), and what the backward pass needs.

    Example:
        >>> weights = np.zeros((3, 1)), np.zeros((3, 1)), np.zeros(3), np.zeros(3)  # z is σ(0), and n is 0
        >>> h_t, step = rnncourse.reference.gru_step(np.ones(1), np.ones(1), *weights)
        >>> h_t
        array([0.5])
    """
    two_H = 2 * h.shape[-1]  # the first 2H rows of weight_hh are W_hr and W_hz, the last H are W_hn
    # ih_k = W_ik x_t + b_ik, from the input, for k = r, z, n
    ih_r, ih_z, ih_n = np.split(linear(x_t, weight_ih, bias_ih), 3, axis=-1)  # (B, H) each
    # hh_k = W_hk h + b_hk, from the state, for k = r, z
    hh_r, hh_z = np.split(linear(h, weight_hh[:two_H], bias_hh[:two_H]), 2, axis=-1)  # (B, H) each
    # r = σ(ih_r + hh_r)
    r = sigmoid(ih_r + hh_r)
    # z = σ(ih_z + hh_z)
    z = sigmoid(ih_z + hh_z)
    if reset_after:
        # hh_n = W_hn h + b_hn
        hh_n = linear(h, weight_hh[two_H:], bias_hh[two_H:])
        # n = tanh(ih_n + r * hh_n)
        n = np.tanh(ih_n + r * hh_n)
    else:
        # hh_n = W_hn (r * h) + b_hn
        hh_n = linear(r * h, weight_hh[two_H:], bias_hh[two_H:])
        # n = tanh(ih_n + hh_n)
        n = np.tanh(ih_n + hh_n)
    # h_t = (1 - z) * n + z * h
    h_t = (1 - z) * n + z * h
    return h_t, GRUStep(x_t, h, r, z, hh_n, n, reset_after)


def gru_step_backward(dh_t: Array, step: GRUStep, weight_ih: Array, weight_hh: Array) -> Gradients:
    """Return the gradients of one GRU step with respect to its arguments.

    Args:
        dh_t: the sum of what the readers of h_t send back, (B, H) or (H).
        step: what `gru_step` returned beside h_t.
        weight_ih: (3H, I).
        weight_hh: (3H, H).

    Example:
        >>> from rnncourse.reference import gru_step, gru_step_backward
        >>> weights = np.zeros((3, 1)), np.zeros((3, 1)), np.zeros(3), np.zeros(3)
        >>> h_t, step = gru_step(np.ones(1), np.ones(1), *weights)
        >>> gru_step_backward(np.ones(1), step, *weights[:2]).dh  # dh_t * z
        array([0.5])
    """
    x_t, h, r, z, hh_n, n, reset_after = step
    two_H = 2 * h.shape[-1]
    # dh = dh_t * z + … + …: h is read here, by the candidate n, and by the gates r and z
    dh = dh_t * z
    # dz = dh_t * ∂h_t/∂z = dh_t * (h - n)
    dz = dh_t * (h - n)
    # dn = dh_t * ∂h_t/∂n = dh_t * (1 - z)
    dn = dh_t * (1 - z)
    # dih_n = dn * tanh'(ih_n + …) = dn * (1 - n²)
    dih_n = dn * (1 - n**2)
    if reset_after:
        # dr = dih_n * hh_n
        dr = dih_n * hh_n
        # dhh_n = dih_n * r
        dhh_n = dih_n * r
        # dh = … + W_hnᵀ dhh_n,  dW_hn = Σ_B dhh_n hᵀ,  db_hn = Σ_B dhh_n
        dh_from_n, dweight_hn, dbias_hn = linear_backward(dhh_n, h, weight_hh[two_H:])
    else:
        # dhh_n = dih_n
        dhh_n = dih_n
        # drh = W_hnᵀ dhh_n for the product r * h,  dW_hn = Σ_B dhh_n (r * h)ᵀ,  db_hn = Σ_B dhh_n
        drh, dweight_hn, dbias_hn = linear_backward(dhh_n, r * h, weight_hh[two_H:])
        # dh = … + drh * r
        dh_from_n = drh * r
        # dr = drh * h
        dr = drh * h
    # dih_z = dhh_z = dz * σ'(ih_z + hh_z) = dz * z * (1 - z)
    dih_z = dhh_z = dz * z * (1 - z)
    # dih_r = dhh_r = dr * σ'(ih_r + hh_r) = dr * r * (1 - r)
    dih_r = dhh_r = dr * r * (1 - r)
    dhh_rz = np.concatenate([dhh_r, dhh_z], axis=-1)  # (B, 2H)
    # dh = … + W_hrᵀ dhh_r + W_hzᵀ dhh_z,  dW_hk = Σ_B dhh_k hᵀ,  db_hk = Σ_B dhh_k  for k = r, z
    dh_from_rz, dweight_hrz, dbias_hrz = linear_backward(dhh_rz, h, weight_hh[:two_H])
    dh = dh + dh_from_n + dh_from_rz
    dweight_hh = np.concatenate([dweight_hrz, dweight_hn])  # (3H, H)
    dbias_hh = np.concatenate([dbias_hrz, dbias_hn])  # (3H)
    dih = np.concatenate([dih_r, dih_z, dih_n], axis=-1)  # (B, 3H)
    # dx_t = W_ihᵀ dih,  dW_ih = Σ_B dih x_tᵀ,  db_ih = Σ_B dih
    dx_t, dweight_ih, dbias_ih = linear_backward(dih, x_t, weight_ih)
    return Gradients(dx_t, dh, dweight_ih, dweight_hh, dbias_ih, dbias_hh)


def sequence(
    step: Callable[..., Any], weights: Weights, x: Array, *state: Array, **options: Any
) -> tuple[Array, tuple[Array, ...], list[Any]]:
    """Run a cell over a whole sequence.

        output, (h_n,), steps = sequence(rnn_step, weights, x, h_0, nonlinearity="relu")
        output, (h_n, c_n), steps = sequence(lstm_step, weights, x, h_0, c_0)

    Args:
        step: rnn_step, lstm_step or gru_step.
        weights: weight_ih, weight_hh, bias_ih, bias_hh.
        x: the input (T, B, I) with T ≥ 1, or unbatched (T, I).
        *state: the initial states, (B, H) each, unbatched (H).
        **options: passed to each step.

    Returns:
        The output (T, B, H), unbatched (T, H), the last state, and what each step saved for the backward
        pass.

    Example:
        >>> from rnncourse.reference import rnn_step, sequence
        >>> weights = np.ones((1, 1)), np.ones((1, 1)), np.zeros(1), np.zeros(1)
        >>> output, (h_n,), steps = sequence(rnn_step, weights, np.ones((5, 2, 1)), np.zeros((2, 1)))
        >>> output.shape, h_n.shape, len(steps)
        ((5, 2, 1), (2, 1), 5)
    """
    output, steps = [], []
    for x_t in x:
        # h_t (and c_t) = step(x_t, h_{t-1} (and c_{t-1}))
        *state, kept = step(x_t, *state, *weights, **options)
        output.append(state[0])
        steps.append(kept)
    return np.stack(output), tuple(state), steps


def sequence_backward(
    step_backward: Callable[..., Any], weights: Weights, steps: list[Any], doutput: Array, *dstate: Array
) -> SequenceGradients:
    """Backpropagate through time: return the gradients with respect to all arguments of `sequence`.

        sequence_backward(rnn_step_backward, weights, steps, doutput, dh_n)
        sequence_backward(lstm_step_backward, weights, steps, doutput, dh_n, dc_n)

    Source: Werbos 1990, "Backpropagation through time: what it does and how to do it".

    Args:
        step_backward: the backward function of the step.
        weights: the weights that `sequence` was called with.
        steps: what `sequence` returned as its third result.
        doutput: the gradient of the output, (T, B, H); zeros where the loss does not read it.
        *dstate: the gradients of the last state, dh_n and for an LSTM dc_n, (B, H) each.

    Example:
        >>> from rnncourse.reference import rnn_step, rnn_step_backward, sequence, sequence_backward
        >>> weights = np.ones((1, 1)), np.ones((1, 1)), np.zeros(1), np.zeros(1)
        >>> x, h_0 = np.ones((3, 1, 1)), np.zeros((1, 1))  # T = 3
        >>> output, (h_n,), steps = sequence(rnn_step, weights, x, h_0)
        >>> gradients = sequence_backward(rnn_step_backward, weights, steps, 0 * output, h_n)
        >>> gradients.dx.shape
        (3, 1, 1)
    """
    weight_ih, weight_hh, *_ = weights
    each = []  # the gradients of step T, of step T - 1, ..., of step 1
    for doutput_t, kept in zip(doutput[::-1], steps[::-1], strict=True):
        dh_t, *dc_t = dstate
        # dh_t = dh_t (from step t + 1; at t = T, dh_n) + doutput_t (from the loss at step t)
        dh_t = dh_t + doutput_t
        each.append(step_backward(dh_t, *dc_t, kept, weight_ih, weight_hh))
        # dh, and for an LSTM dc, are what this step sends back to step t - 1
        _, *dstate, _, _, _, _ = each[-1]
    return SequenceGradients(
        dx=np.stack([d.dx_t for d in reversed(each)]),
        dstate=tuple(dstate),
        # dW = Σ_t (dW of step t): every step reads the same weights. The biases likewise.
        dweight_ih=np.sum([d.dweight_ih for d in each], axis=0),
        dweight_hh=np.sum([d.dweight_hh for d in each], axis=0),
        dbias_ih=np.sum([d.dbias_ih for d in each], axis=0),
        dbias_hh=np.sum([d.dbias_hh for d in each], axis=0),
    )

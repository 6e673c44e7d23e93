"""Convert a layer's weights to the layout of Keras, ONNX and flax, and back, as NumPy arrays.

None of these packages needs to be installed. They differ from torch.nn in the order of the gates, in whether
matrices are transposed, and in the biases: Keras and flax mostly have one where torch has two. Only the sum
of the two counts there, so a weight that is converted back has all of it in bias_ih, and bias_hh is zero. A
GRU's candidate needs both, since r multiplies the one that belongs to the state.

| | LSTM | GRU | matrices | biases |
|---|---|---|---|---|
| torch.nn | i f g o | r z n | (G*H, I) | bias_ih, bias_hh |
| Keras | i f g o | z r n | (I, G*H) | one; for a GRU with reset_after=True two rows |
| ONNX | i o f g | z r n | (D, G*H, I) | bias_ih and bias_hh, one after the other |
| flax.linen | one matrix for each gate, by name | the same | (I, H) | one for each gate; two for a GRU's n |

A GRU's reset gate acts after the matmul here: that is reset_after=True in Keras (its default),
linear_before_reset=1 in ONNX, and what flax's GRUCell does. flax's LSTM carries (c, h), not (h, c).

In every function, `layer` is an RNN, LSTM or GRU of torch.nn or rnncourse, or one of their cells; k is the
index of the layer in it, and `reverse` selects its backward direction. Arrays that are returned have the
parameters' dtype.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rnncourse.shapes import GATES, KINDS
from rnncourse.spec import Spec

Array = NDArray[Any]
Weights = dict[str, Array]  # weight_ih, weight_hh, bias_ih, bias_hh

ORDERS = {
    4: {"torch": GATES[4], "keras": "ifgo", "onnx": "iofg"},
    3: {"torch": GATES[3], "keras": "zrn", "onnx": "zrn"},
}
BIASES = ("bias_ih", "bias_hh")


def to_keras(layer: nn.Module, k: int = 0, reverse: bool = False) -> list[Array]:
    """Return the arguments of `set_weights` of keras.layers.LSTM, GRU or SimpleRNN.

    Args:
        layer: the module to read.
        k: which of its layers.
        reverse: whether to read the backward direction.

    Returns:
        The kernel (I, G*H), the recurrent kernel (H, G*H) and the bias (G*H), for a GRU (2, 3*H). Without
        biases the last one is left out.

    Raises:
        TypeError: `layer` is not a recurrent module.
        ValueError: it has a projection, or no such layer or direction.

    Example:
        >>> [w.shape for w in rnncourse.convert.to_keras(torch.nn.LSTM(3, 4))]
        [(3, 16), (4, 16), (16,)]
    """
    weights = {name: _reordered(w, "torch", "keras", layer) for name, w in _read(layer, k, reverse).items()}
    found = [weights["weight_ih"].T, weights["weight_hh"].T]
    if "bias_ih" in weights:
        both = weights["bias_ih"], weights["bias_hh"]
        found.append(np.stack(both) if _gates(layer) == 3 else both[0] + both[1])
    return [np.ascontiguousarray(w) for w in found]


def from_keras(layer: nn.Module, weights: Sequence[Array], k: int = 0, reverse: bool = False) -> None:
    """Copy the result of a Keras layer's `get_weights` into one layer and direction.

    Args:
        layer: the module to write to.
        weights: the arrays that `to_keras` returns, of one keras.layers.LSTM, GRU or SimpleRNN.
        k: which of its layers.
        reverse: whether to write the backward direction.

    Raises:
        TypeError: `layer` is not a recurrent module.
        ValueError: the GRU has reset_after=False, the number of arrays or a shape does not fit, or `layer`
            has no biases, a projection, or no such layer or direction.

    Example:
        >>> lstm, copy = torch.nn.LSTM(3, 4), torch.nn.LSTM(3, 4)
        >>> rnncourse.convert.from_keras(copy, rnncourse.convert.to_keras(lstm))
        >>> x = torch.randn(5, 2, 3)
        >>> torch.allclose(copy(x)[0], lstm(x)[0], atol=1e-6)
        True
    """
    if len(weights) not in (2, 3):
        raise ValueError(
            f"weights: expected the two or three arrays of one Keras layer, got {len(weights)}. Of a "
            "Bidirectional layer, convert forward_layer and backward_layer one by one."
        )
    kernel, recurrent, *bias = weights
    found = {"weight_ih": kernel.T, "weight_hh": recurrent.T}
    if bias:
        one = bias[0]
        if _gates(layer) == 3 and one.shape == kernel.shape[1:] == (3 * len(recurrent),):
            raise ValueError(
                "weights: this Keras GRU has reset_after=False, whose equations torch's GRU lacks."
            )
        found |= {"bias_ih": one[0], "bias_hh": one[1]} if one.ndim == 2 else _one_bias(one)
    _write(layer, found, "keras", k, reverse)


def to_onnx(layer: nn.Module, k: int = 0) -> Weights:
    """Return the weights of ONNX's operator LSTM, GRU or RNN. The GRU needs linear_before_reset=1.

    Args:
        layer: the module to read.
        k: which of its layers, in all of its directions.

    Returns:
        By name W (D, G*H, I), R (D, G*H, H) and, if there are biases, B (D, 2*G*H).

    Raises:
        TypeError: `layer` is not a recurrent module.
        ValueError: it has a projection, or no such layer.

    Example:
        >>> {name: w.shape for name, w in rnncourse.convert.to_onnx(torch.nn.GRU(3, 4)).items()}
        {'W': (1, 12, 3), 'R': (1, 12, 4), 'B': (1, 24)}
    """
    directions = []
    for reverse in (False, True)[: Spec.of(layer, "layer").D]:
        w = {name: _reordered(w, "torch", "onnx", layer) for name, w in _read(layer, k, reverse).items()}
        one = {"W": w["weight_ih"], "R": w["weight_hh"]}
        if "bias_ih" in w:
            one["B"] = np.concatenate([w["bias_ih"], w["bias_hh"]])
        directions.append(one)
    return {name: np.stack([one[name] for one in directions]) for name in directions[0]}


def from_onnx(layer: nn.Module, weights: Mapping[str, Array], k: int = 0) -> None:
    """Copy ONNX's weights into one layer, in all of its directions.

    Args:
        layer: the module to write to.
        weights: W, R and perhaps B, as `to_onnx` returns them.
        k: which of its layers.

    Raises:
        TypeError: `layer` is not a recurrent module.
        ValueError: a shape does not fit, or `layer` has no biases, a projection, or no such layer.

    Example:
        >>> gru, copy = torch.nn.GRU(3, 4, bidirectional=True), torch.nn.GRU(3, 4, bidirectional=True)
        >>> rnncourse.convert.from_onnx(copy, rnncourse.convert.to_onnx(gru))
        >>> torch.equal(copy.weight_hh_l0_reverse, gru.weight_hh_l0_reverse)
        True
    """
    D = Spec.of(layer, "layer").D
    if len(weights["W"]) != D:
        raise ValueError(
            f"W: expected (D={D}, G*H, I), got {weights['W'].shape}. Is one of the two bidirectional?"
        )
    for d in range(D):
        found = {"weight_ih": weights["W"][d], "weight_hh": weights["R"][d]}
        if "B" in weights:
            found["bias_ih"], found["bias_hh"] = np.split(weights["B"][d], 2)
        _write(layer, found, "onnx", k, reverse=d == 1)


def to_flax(layer: nn.Module, k: int = 0, reverse: bool = False) -> dict[str, Weights]:
    """Return the params of flax.linen's LSTMCell, OptimizedLSTMCell, GRUCell or SimpleCell.

    Args:
        layer: the module to read.
        k: which of its layers.
        reverse: whether to read the backward direction.

    Returns:
        By name, "ii" for the input's part of gate i and "hi" for the state's, a kernel (I, H) or (H, H) and,
        where flax has one, a bias (H).

    Raises:
        TypeError: `layer` is not a recurrent module.
        ValueError: it has a projection, or no such layer or direction.

    Example:
        >>> params = rnncourse.convert.to_flax(torch.nn.LSTM(3, 4))
        >>> list(params)
        ['ii', 'hi', 'if', 'hf', 'ig', 'hg', 'io', 'ho']
        >>> params["if"]["kernel"].shape
        (3, 4)
    """
    w = _read(layer, k, reverse)
    gates = GATES[_gates(layer)] or [""]
    bias_ih, bias_hh = (w.get(name, np.zeros(len(w["weight_ih"]), w["weight_ih"].dtype)) for name in BIASES)
    params: dict[str, Weights] = {}
    for gate, rows in zip(gates, np.split(np.arange(len(bias_ih)), len(gates)), strict=True):
        of_x, of_h = {"kernel": w["weight_ih"][rows].T}, {"kernel": w["weight_hh"][rows].T}
        if gate == "n":
            of_x["bias"], of_h["bias"] = bias_ih[rows], bias_hh[rows]
        else:
            (of_h if _gates(layer) == 4 else of_x)["bias"] = bias_ih[rows] + bias_hh[rows]
        params |= {f"i{gate}": of_x, f"h{gate}": of_h}
    return params


def from_flax(
    layer: nn.Module, params: Mapping[str, Mapping[str, Any]], k: int = 0, reverse: bool = False
) -> None:
    """Copy the params of one flax.linen cell into one layer and direction.

    Args:
        layer: the module to write to.
        params: as `to_flax` returns them.
        k: which of its layers.
        reverse: whether to write the backward direction.

    Raises:
        TypeError: `layer` is not a recurrent module.
        ValueError: a name or a shape does not fit, or `layer` has no biases, a projection, or no such layer
            or direction.

    Example:
        >>> lstm, copy = torch.nn.LSTM(3, 4), torch.nn.LSTM(3, 4)
        >>> rnncourse.convert.from_flax(copy, rnncourse.convert.to_flax(lstm))
        >>> torch.equal(copy.weight_ih_l0, lstm.weight_ih_l0)
        True
    """
    gates = GATES[_gates(layer)] or [""]
    expected = {side + gate for side in "ih" for gate in gates}
    if expected != set(params):
        slip = " Pass what is under 'params'." if "params" in params else ""
        raise ValueError(f"params: expected {', '.join(sorted(expected))}, got {', '.join(params)}.{slip}")

    def side(letter: str) -> tuple[Array, Array]:
        parts = [params[letter + gate] for gate in gates]
        kernels = [np.asarray(part["kernel"]).T for part in parts]
        biases = [
            np.asarray(part.get("bias", np.zeros(len(w)))) for part, w in zip(parts, kernels, strict=True)
        ]
        return np.concatenate(kernels), np.concatenate(biases)

    (weight_ih, bias_ih), (weight_hh, bias_hh) = side("i"), side("h")
    found = {"weight_ih": weight_ih, "weight_hh": weight_hh, "bias_ih": bias_ih, "bias_hh": bias_hh}
    _write(layer, found, "torch", k, reverse)


def _one_bias(bias: Array) -> Weights:
    return {"bias_ih": bias, "bias_hh": np.zeros_like(bias)}


def _gates(layer: nn.Module) -> int:
    """Return the number of blocks of H rows in a weight."""
    return Spec.of(layer, "layer").gates


def _checked(layer: nn.Module, k: int, reverse: bool) -> tuple[Spec, str]:
    """Return what the layer is, and the ending of the names of the requested weights."""
    spec = Spec.of(layer, "layer")
    if spec.proj_size:
        raise ValueError("layer: it has proj_size, which none of Keras, ONNX's LSTM and flax has.")
    if (k, reverse) not in spec.places:
        have = f"num_layers={spec.L} and bidirectional={spec.bidirectional}"
        raise ValueError(f"layer: it has no weights for k={k} and reverse={reverse}, since it has {have}.")
    return spec, spec.suffix((k, reverse))


def _read(layer: nn.Module, k: int, reverse: bool) -> Weights:
    spec, ending = _checked(layer, k, reverse)
    return {name: getattr(layer, name + ending).detach().cpu().numpy().copy() for name in spec.weight_names}


def _write(layer: nn.Module, weights: Weights, order: str, k: int, reverse: bool) -> None:
    """Copy weights in torch's layout, but with the gates in this order, into one layer and direction."""
    spec, ending = _checked(layer, k, reverse)
    if not layer.bias:
        if any(np.any(weights.get(name, 0)) for name in BIASES):
            raise ValueError("layer: it was made with bias=False, and the weights have biases.")
        weights = {name: new for name, new in weights.items() if name not in BIASES}
    for name, new in weights.items():  # before anything is written
        expected = tuple(getattr(layer, name + ending).shape)
        if new.shape != expected:
            kinds = [kind for G, kind in KINDS.items() if new.shape[:1] == (G * spec.hidden_size,)]
            slip = (
                f" Are these weights for {kinds[0]}, not {spec.kind}?"
                if kinds not in ([], [spec.kind])
                else ""
            )
            raise ValueError(f"{name}{ending}: expected {expected}, got {new.shape}.{slip}")
    with torch.no_grad():
        for name, new in weights.items():
            ordered = np.array(_reordered(new, order, "torch", layer))
            getattr(layer, name + ending).copy_(torch.from_numpy(ordered))
        if layer.bias and "bias_ih" not in weights:
            for name in BIASES:
                getattr(layer, name + ending).zero_()


def _reordered(weight: Array, before: str, after: str, layer: nn.Module) -> Array:
    """Move the blocks of rows, (G*H, ·) or (G*H), from one order of gates to another."""
    gates = _gates(layer)
    if gates == 1:
        return weight
    orders = ORDERS[gates]
    blocks = dict(zip(orders[before], np.split(weight, gates), strict=True))
    return np.concatenate([blocks[gate] for gate in orders[after]])

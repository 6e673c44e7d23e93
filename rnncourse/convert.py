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
index of the layer in it, and `reverse` selects its backward direction.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rnncourse.shapes import GATES
from rnncourse.spec import Spec

Array = NDArray[Any]
Weights = dict[str, Array]  # weight_ih, weight_hh, bias_ih, bias_hh

ORDERS = {
    4: {"torch": GATES[4], "keras": "ifgo", "onnx": "iofg"},
    3: {"torch": GATES[3], "keras": "zrn", "onnx": "zrn"},
}


def to_keras(layer: nn.Module, k: int = 0, reverse: bool = False) -> list[Array]:
    """Return the arguments of `set_weights` of keras.layers.LSTM, GRU or SimpleRNN.

    Args:
        layer: the module to read.
        k: which of its layers.
        reverse: whether to read the backward direction.

    Returns:
        The kernel (I, G*H), the recurrent kernel (H, G*H) and the bias (G*H), for a GRU (2, 3*H). Without
        biases the last one is left out.

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

    Raises:
        ValueError: the GRU has reset_after=False, a shape does not fit, or `layer` has no biases.
    """
    kernel, recurrent, *bias = weights
    found = {"weight_ih": kernel.T, "weight_hh": recurrent.T}
    if bias:
        one = bias[0]
        if _gates(layer) == 3 and one.ndim == 1:
            raise ValueError(
                "weights: this Keras GRU has reset_after=False, whose equations torch's GRU lacks."
            )
        found |= {"bias_ih": one[0], "bias_hh": one[1]} if one.ndim == 2 else _one_bias(one)
    _write(layer, {name: _reordered(w, "keras", "torch", layer) for name, w in found.items()}, k, reverse)


def to_onnx(layer: nn.Module, k: int = 0) -> Weights:
    """Return W (D, G*H, I), R (D, G*H, H) and B (D, 2*G*H) of ONNX's LSTM, RNN, or GRU.

    The GRU needs the attribute linear_before_reset=1.
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
    """Copy ONNX's W, R and B into one layer, both directions of a bidirectional one."""
    for d in range(len(weights["W"])):
        found = {"weight_ih": weights["W"][d], "weight_hh": weights["R"][d]}
        if "B" in weights:
            found["bias_ih"], found["bias_hh"] = np.split(weights["B"][d], 2)
        found = {name: _reordered(w, "onnx", "torch", layer) for name, w in found.items()}
        _write(layer, found, k, reverse=d == 1)


def to_flax(layer: nn.Module, k: int = 0, reverse: bool = False) -> dict[str, Weights]:
    """Return the params of flax.linen's LSTMCell, OptimizedLSTMCell, GRUCell or SimpleCell."""
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
    """Copy the params of one flax.linen cell into one layer and direction."""
    gates = GATES[_gates(layer)] or [""]

    def side(letter: str) -> tuple[Array, Array]:
        parts = [params[letter + gate] for gate in gates]
        kernels = [np.asarray(part["kernel"]).T for part in parts]
        biases = [
            np.asarray(part.get("bias", np.zeros(len(w)))) for part, w in zip(parts, kernels, strict=True)
        ]
        return np.concatenate(kernels), np.concatenate(biases)

    (weight_ih, bias_ih), (weight_hh, bias_hh) = side("i"), side("h")
    found = {"weight_ih": weight_ih, "weight_hh": weight_hh, "bias_ih": bias_ih, "bias_hh": bias_hh}
    _write(layer, found, k, reverse)


BIASES = ("bias_ih", "bias_hh")


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


def _write(layer: nn.Module, weights: Weights, k: int, reverse: bool) -> None:
    _, ending = _checked(layer, k, reverse)
    if not layer.bias and any(np.any(weights.get(name, 0)) for name in BIASES):
        raise ValueError("layer: it was made with bias=False, and the weights have biases.")
    for name, new in weights.items():
        if name in BIASES and not layer.bias:
            continue
        parameter = getattr(layer, name + ending)
        if tuple(parameter.shape) != new.shape:
            raise ValueError(f"{name}{ending}: expected {tuple(parameter.shape)}, got {new.shape}.")
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(np.array(new)))
    if layer.bias and "bias_ih" not in weights:
        with torch.no_grad():
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

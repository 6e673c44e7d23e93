"""RNN, LSTM, GRU: a step repeated over time, in each direction, layer upon layer.

Inside, every batch is packed: a time step is a run of rows, and the lengths of the runs are the batch sizes.
In a dense batch all of them are equal. So padded, packed, unbatched and reversed input share one loop.

Shapes are as in torch.nn: T time, B batch, I input, H hidden, P projection, L layers, D directions, S = L*D.
N is the total number of rows: T*B for a dense batch, the sum of the lengths for a packed one.
"""

import numbers
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence
from torch.types import Device

from rnncourse.bptt import Weights, fold
from rnncourse.cells import init_uniform
from rnncourse.shapes import (
    check_layer,
    one_state_argument,
    parameter_axes,
    parameter_shapes,
    sizes,
    suffixes,
)
from rnncourse.steps import NONLINEARITIES, LSTMState, gru_step, lstm_step, rnn_step

State = Sequence[Tensor]  # (h,) or (h, c): what one time step passes to the next
Input = TypeVar("Input", Tensor, PackedSequence)  # a layer's output is packed if its input is

HX = TypeVar("HX", contravariant=True)
Last = TypeVar("Last", covariant=True)


class LayerCall(Protocol[HX, Last]):
    """The types that `layer(input, hx)` takes and returns, which nn.Module leaves open to type checkers."""

    def __call__(self, input: Input, hx: HX | None = None) -> tuple[Input, Last]:
        """Compute the output and the final state from an input and the initial state."""


def unroll(
    step: Callable[[Tensor, State, Weights], State],
    x: Tensor,
    batch_sizes: Sequence[int],
    reverse: bool,
    hx: State,
    weights: Weights,
) -> tuple[Tensor, State]:
    """Run one layer and direction over time: the plain loop, which calls `step` at each time step.

    Where a step has fewer rows than the one before, the sequences of the last rows have ended, and their
    state is final. Where it has more (time running backward), sequences begin, each from its own row of hx.

    Args:
        step: computes one time step, (x_t, state, weights) -> state.
        x: the input (N, I), step after step.
        batch_sizes: batch_sizes[t] rows of x belong to step t. The longest sequences come first, so a step
            works on the first rows of the states.
        reverse: whether time runs backward.
        hx: the initial states, (B, ·) each.
        weights: the weights, which are passed to `step`.

    Returns:
        The output, h after each step, (N, H), and the final states, (B, ·) each.
    """
    order = -1 if reverse else 1
    xs = x.split(batch_sizes)[::order]
    outputs, ended = [], []
    rows = xs[0].size(0)
    state: State = [s[:rows] for s in hx]
    for x_t in xs:
        b_t = x_t.size(0)
        if b_t < rows:
            ended.append([s[b_t:] for s in state])
            state = [s[:b_t] for s in state]
        elif b_t > rows:
            state = [torch.cat([s, s_0[rows:b_t]]) for s, s_0 in zip(state, hx, strict=True)]
        state, rows = step(x_t, state, weights), b_t
        outputs.append(state[0])
    if ended:
        state = [torch.cat(parts) for parts in zip(state, *reversed(ended), strict=True)]
    return torch.cat(outputs[::order]), state


class _Layer(nn.Module):
    """The common base of the three layers: parameters, time, direction, depth, packing."""

    gates: int  # blocks of H rows in each weight
    has_cell_state = False
    weight_ih_l0: nn.Parameter

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_options(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size
        )
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                f"dropout={dropout} has no effect with num_layers=1: it acts only between layers.",
                stacklevel=2 if type(self).__init__ is _Layer.__init__ else 3,  # the caller's line
            )
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        for name, axes in parameter_axes(self):
            parameter = nn.Parameter(torch.empty(sizes(axes), device=device, dtype=dtype))
            self.register_parameter(name, parameter)
        self.reset_parameters()

    @property
    def mode(self) -> str:
        """torch's name for the kind: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU"."""
        raise NotImplementedError

    def reset_parameters(self) -> None:
        """Draw all parameters again from U(-1/√H, 1/√H), as torch.nn does."""
        init_uniform(self, self.hidden_size)

    def flatten_parameters(self) -> None:
        """Do nothing: torch's layers lay their weights out for cuDNN here."""

    @property
    def all_weights(self) -> list[list[nn.Parameter]]:
        """The parameters in their order, one list for each layer and direction."""
        return [list(self._weights(suffix).values()) for endings in suffixes(self) for suffix in endings]

    def extra_repr(self) -> str:
        """Return the arguments that the repr shows, as torch.nn's layers show them."""
        shown = f"{self.input_size}, {self.hidden_size}"
        for name, default in _SHOWN_UNLESS.items():
            if getattr(self, name) != default:
                shown += f", {name}={getattr(self, name)}"
        return shown

    def _over_time(self, input: Input, hx: State | None) -> tuple[Input, State]:
        """Turn an input of any form into rows, run them through all layers, and turn the output back."""
        if isinstance(input, PackedSequence):
            data, batch_sizes, sorted_indices, unsorted_indices = input
            hx = None if hx is None else _reorder(hx, sorted_indices)
            rows, state = self._run(data, batch_sizes.tolist(), hx)
            output = PackedSequence(rows, batch_sizes, sorted_indices, unsorted_indices)
            return output, _reorder(state, unsorted_indices)
        if input.dim() == 2:  # unbatched (T, I): a batch of one
            hx = None if hx is None else [s.unsqueeze(1) for s in hx]
            rows, state = self._run(input, [1] * len(input), hx)
            return rows, [s.squeeze(1) for s in state]
        x = input.transpose(0, 1) if self.batch_first else input  # (T, B, I)
        T, B, _ = x.shape
        rows, state = self._run(x.flatten(0, 1), [B] * T, hx)
        output = rows.unflatten(0, (T, B))  # (T, B, D*H)
        return output.transpose(0, 1) if self.batch_first else output, state

    def _run(self, rows: Tensor, batch_sizes: list[int], hx: State | None) -> tuple[Tensor, State]:
        """Run all layers and directions.

        Args:
            rows: the input, (N, I).
            batch_sizes: the number of rows of each time step.
            hx: the initial states, (S, B, ·) each; zeros if None.

        Returns:
            The output (N, D*H) and the final states, (S, B, ·) each.
        """
        if hx is None:
            S = self.num_layers * (2 if self.bidirectional else 1)
            widths = (self.proj_size or self.hidden_size, self.hidden_size)  # of h and c
            hx = [rows.new_zeros(S, batch_sizes[0], width) for width in widths[: 1 + self.has_cell_state]]
        # for each layer and direction, its (B, ·) states
        starts = zip(*(s.unbind(0) for s in hx), strict=True)
        ends = []
        for layer, endings in enumerate(suffixes(self)):
            if layer > 0:
                rows = functional.dropout(rows, self.dropout, self.training)
            directions = []
            for reverse, suffix in enumerate(endings):  # 0 forward, 1 backward in time
                loop, weights = partial(unroll, self._step), self._weights(suffix)
                hs, end = fold(self.mode, loop, rows, batch_sizes, bool(reverse), next(starts), weights)
                directions.append(hs)  # (N, H), in the input's order of time
                ends.append(end)
            # This copies even one direction: the caller may change the output in place, and the
            # backward pass needs the original.
            rows = torch.cat(directions, dim=-1)  # (N, D*H)
        return rows, [torch.stack(parts) for parts in zip(*ends, strict=True)]

    def _step(self, x_t: Tensor, state: State, weights: Weights) -> State:
        """Compute one step of one layer and direction: x_t (b_t, ·) and states (b_t, ·) in, states out."""
        raise NotImplementedError

    def _weights(self, suffix: str) -> dict[str, nn.Parameter]:
        """Return the weights of one layer and direction, by the names of the step's arguments."""
        shapes = parameter_shapes(self.gates, self.input_size, self.hidden_size, self.bias, self.proj_size)
        return {name: getattr(self, name + suffix) for name, _ in shapes}


class RNN(_Layer):
    """The simple (Elman) RNN over whole sequences, drop-in for torch.nn.RNN.

    Parameters for each layer k (with the ending `_reverse` for the backward direction): weight_ih_lk (H, I),
    from k = 1 on (H, D*H); weight_hh_lk (H, H); with bias, bias_ih_lk and bias_hh_lk (H). Equations:
    rnncourse.steps.rnn_step.

    Args:
        input_size: I, the width of the input.
        hidden_size: H, the width of the state.
        num_layers: L, the number of layers.
        nonlinearity: "tanh" or "relu".
        bias: whether there are biases.
        batch_first: whether input and output are (B, T, ·) instead of (T, B, ·); the states never change.
        dropout: the probability of dropout in training, between layers, never after the last.
        bidirectional: whether each layer also runs backward in time (D = 2).
        device: where the parameters are created, as in torch.nn.
        dtype: their floating-point type, as in torch.nn.
        proj_size: refused; only an LSTM has a projection.

    Raises:
        TypeError: an option has the wrong type.
        ValueError: an option has a wrong value. Both are the classes that torch.nn.RNN raises.

    Example:
        >>> layer = rnncourse.RNN(10, 20, num_layers=2, bidirectional=True)
        >>> output, h_n = layer(torch.randn(7, 3, 10))
        >>> tuple(output.shape), tuple(h_n.shape)
        ((7, 3, 40), (4, 3, 20))
    """

    gates = 1
    __call__: LayerCall[Tensor, Tensor]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Device = None,
        dtype: torch.dtype | None = None,
        *,
        proj_size: None = None,
    ) -> None:
        _refuse_projection(proj_size)
        if nonlinearity not in NONLINEARITIES:
            raise ValueError(f"nonlinearity: expected 'tanh' or 'relu', got {nonlinearity!r}.")
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )
        self.nonlinearity = nonlinearity

    @property
    def mode(self) -> str:
        """torch's name for the kind: "RNN_TANH" or "RNN_RELU"."""
        return f"RNN_{self.nonlinearity.upper()}"

    @one_state_argument
    def forward(self, input: Input, hx: Tensor | None = None) -> tuple[Input, Tensor]:
        """Run the layer over all time steps.

        Args:
            input: (T, B, I), with batch_first (B, T, I), unbatched (T, I), or a PackedSequence.
            hx: the initial state h_0, (L*D, B, H), unbatched (L*D, H); zeros if None.

        Returns:
            The output, (T, B, D*H), laid out as the input, and h_n, shaped like h_0.

        Raises:
            ValueError: the input has the wrong number of axes or the wrong dtype.
            RuntimeError: a size, a device or the dtype of the state does not fit.
            AttributeError: an argument is not a tensor. These are the classes that torch.nn.RNN raises.
        """
        check_layer(self, input, hx)
        output, (h_n,) = self._over_time(input, None if hx is None else (hx,))
        return output, h_n

    def _step(self, x_t: Tensor, state: State, weights: Weights) -> State:
        (h,) = state
        return (rnn_step(x_t, h, **weights, nonlinearity=self.nonlinearity),)


class LSTM(_Layer):
    """The LSTM over whole sequences, drop-in for torch.nn.LSTM.

    Parameters for each layer k (with the ending `_reverse` for the backward direction): weight_ih_lk (4H, I),
    from k = 1 on (4H, D*H); weight_hh_lk (4H, H); with bias, bias_ih_lk and bias_hh_lk (4H). The gates are in
    the order i, f, g, o. With proj_size P > 0 there is also weight_hr_lk (P, H), and h is P wide everywhere,
    while c is still H wide. Equations: rnncourse.steps.lstm_step.

    Args:
        input_size: I, the width of the input.
        hidden_size: H, the width of the states.
        num_layers: L, the number of layers.
        bias: whether there are biases.
        batch_first: whether input and output are (B, T, ·) instead of (T, B, ·); the states never change.
        dropout: the probability of dropout in training, between layers, never after the last.
        bidirectional: whether each layer also runs backward in time (D = 2).
        proj_size: P, the width to which h is projected; 0 for no projection.
        device: where the parameters are created, as in torch.nn.
        dtype: their floating-point type, as in torch.nn.

    Raises:
        TypeError: an option has the wrong type.
        ValueError: an option has a wrong value. Both are the classes that torch.nn.LSTM raises.

    Example:
        >>> layer = rnncourse.LSTM(10, 20, num_layers=2, bidirectional=True)
        >>> output, (h_n, c_n) = layer(torch.randn(7, 3, 10))
        >>> tuple(output.shape), tuple(h_n.shape)
        ((7, 3, 40), (4, 3, 20))
    """

    mode = "LSTM"
    gates = 4
    has_cell_state = True
    __call__: LayerCall[tuple[Tensor, Tensor], LSTMState]

    @one_state_argument
    def forward(self, input: Input, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Input, LSTMState]:
        """Run the layer over all time steps.

        Args:
            input: (T, B, I), with batch_first (B, T, I), unbatched (T, I), or a PackedSequence.
            hx: the initial states (h_0, c_0), (L*D, B, H) each, unbatched (L*D, H); zeros if None. With
                proj_size h_0 is P wide.

        Returns:
            The output, (T, B, D*H), laid out as the input, and LSTMState(h_n, c_n), shaped like hx.

        Raises:
            ValueError: the input has the wrong number of axes or the wrong dtype.
            RuntimeError: a size, a device or the dtype of a state does not fit.
            AttributeError, IndexError or TypeError: the input is not a tensor, or hx is not a pair of
                tensors. These are the classes that torch.nn.LSTM raises.
        """
        check_layer(self, input, hx)
        output, (h_n, c_n) = self._over_time(input, hx)
        return output, LSTMState(h_n, c_n)

    def _step(self, x_t: Tensor, state: State, weights: Weights) -> State:
        h, c = state
        return lstm_step(x_t, (h, c), **weights)


class GRU(_Layer):
    """The GRU over whole sequences, drop-in for torch.nn.GRU.

    Parameters for each layer k (with the ending `_reverse` for the backward direction): weight_ih_lk (3H, I),
    from k = 1 on (3H, D*H); weight_hh_lk (3H, H); with bias, bias_ih_lk and bias_hh_lk (3H). The gates are in
    the order r, z, n. Equations: rnncourse.steps.gru_step.

    Args:
        input_size: I, the width of the input.
        hidden_size: H, the width of the state.
        num_layers: L, the number of layers.
        bias: whether there are biases.
        batch_first: whether input and output are (B, T, ·) instead of (T, B, ·); the states never change.
        dropout: the probability of dropout in training, between layers, never after the last.
        bidirectional: whether each layer also runs backward in time (D = 2).
        device: where the parameters are created, as in torch.nn.
        dtype: their floating-point type, as in torch.nn.
        proj_size: refused; only an LSTM has a projection.

    Raises:
        TypeError: an option has the wrong type.
        ValueError: an option has a wrong value. Both are the classes that torch.nn.GRU raises.

    Example:
        >>> layer = rnncourse.GRU(10, 20, num_layers=2, bidirectional=True)
        >>> output, h_n = layer(torch.randn(7, 3, 10))
        >>> tuple(output.shape), tuple(h_n.shape)
        ((7, 3, 40), (4, 3, 20))
    """

    mode = "GRU"
    gates = 3
    __call__: LayerCall[Tensor, Tensor]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Device = None,
        dtype: torch.dtype | None = None,
        *,
        proj_size: None = None,
    ) -> None:
        _refuse_projection(proj_size)
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )

    @one_state_argument
    def forward(self, input: Input, hx: Tensor | None = None) -> tuple[Input, Tensor]:
        """Run the layer over all time steps.

        Args:
            input: (T, B, I), with batch_first (B, T, I), unbatched (T, I), or a PackedSequence.
            hx: the initial state h_0, (L*D, B, H), unbatched (L*D, H); zeros if None.

        Returns:
            The output, (T, B, D*H), laid out as the input, and h_n, shaped like h_0.

        Raises:
            ValueError: the input has the wrong number of axes or the wrong dtype.
            RuntimeError: a size, a device or the dtype of the state does not fit.
            AttributeError: an argument is not a tensor. These are the classes that torch.nn.GRU raises.
        """
        check_layer(self, input, hx)
        output, (h_n,) = self._over_time(input, None if hx is None else (hx,))
        return output, h_n

    def _step(self, x_t: Tensor, state: State, weights: Weights) -> State:
        (h,) = state
        return (gru_step(x_t, h, **weights),)


# A layer's repr shows these options, in torch's order, if they differ from their defaults.
_SHOWN_UNLESS = {
    "proj_size": 0,
    "num_layers": 1,
    "bias": True,
    "batch_first": False,
    "dropout": 0,
    "bidirectional": False,
}


def _reorder(state: State, indices: Tensor | None) -> State:
    """Put the batch rows of the states, (S, B, ·), in the order of `indices`, (B), if there are any."""
    return state if indices is None else [s.index_select(1, indices) for s in state]


def _refuse_projection(proj_size: object) -> None:
    if proj_size is not None:
        raise ValueError("proj_size: only an LSTM has a projection; RNN and GRU take no proj_size.")


def check_options(
    input_size: int,
    hidden_size: int,
    num_layers: int,
    bias: bool,
    batch_first: bool,
    dropout: float,
    bidirectional: bool,
    proj_size: int,
) -> None:
    """Raise what torch.nn raises for a constructor argument that it refuses."""
    is_number = isinstance(dropout, numbers.Real) and not isinstance(dropout, bool)
    if not (is_number and 0 <= dropout <= 1):
        error = ValueError if isinstance(dropout, str) or hasattr(dropout, "__float__") else TypeError
        raise error(f"dropout: expected a probability, a number from 0 to 1, got {dropout!r}.")
    for name, flag in (("bias", bias), ("batch_first", batch_first), ("bidirectional", bidirectional)):
        if not isinstance(flag, bool):
            raise TypeError(f"{name}: expected True or False, got {flag!r}.")
    for name, size in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
        if not isinstance(size, numbers.Integral):
            raise TypeError(f"{name}: expected an int, got {size!r}.")
        if size <= 0:
            raise ValueError(f"{name}: expected an int greater than 0, got {size}.")
    if not isinstance(proj_size, numbers.Integral):
        raise TypeError(f"proj_size: expected an int, got {proj_size!r}.")
    if not 0 <= proj_size < hidden_size:
        raise ValueError(
            f"proj_size: expected from 1 to hidden_size - 1 = {hidden_size - 1}, or 0 for no projection, "
            f"got {proj_size}."
        )

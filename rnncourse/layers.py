"""RNN, LSTM, GRU: a step folded over time, in each direction, layer upon layer.

Inside, every batch is packed: a time step is a run of rows, and the runs' lengths are the batch sizes. A
dense batch is the case in which all are equal: padded, packed, unbatched and reversed input share one loop.

Shapes as in torch.nn: T time, B batch, I input, H hidden, P projection, L layers, D directions, S = L*D, and
N the number of rows in all: T*B for a dense batch, the sum of the lengths for a packed one.
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

State = Sequence[Tensor]  # (h,) or (h, c): what one time step hands to the next
Input = TypeVar("Input", Tensor, PackedSequence)  # a layer's output is packed where its input was

HX = TypeVar("HX", contravariant=True)
Last = TypeVar("Last", covariant=True)


class LayerCall(Protocol[HX, Last]):
    """What `layer(input, hx)` takes and returns. For type checkers: to them, nn.Module's call is open."""

    def __call__(self, input: Input, hx: HX | None = None) -> tuple[Input, Last]: ...


def unroll(
    step: Callable[[Tensor, State, Weights], State],
    x: Tensor,
    batch_sizes: Sequence[int],
    reverse: bool,
    hx: State,
    weights: Weights,
) -> tuple[Tensor, State]:
    """The plain loop of one layer and direction: `step` folded over the time steps of x (N, I).

    batch_sizes[t] rows of x belong to step t; the longest sequences come first, so a step works on the first
    rows of the states, (B, ·) each. Where the runs get shorter, the last rows' sequences have ended: their
    state is final. Where they get longer (time running backward), sequences begin, from their own rows of hx.
    Returns the output, h after each step, (N, H), and the final states, (B, ·) each.
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
    """What the three layers share: parameters with torch.nn's names; time, direction, depth, packing."""

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
        """Draw every parameter anew from U(-1/√H, 1/√H), as torch.nn does."""
        init_uniform(self, self.hidden_size)

    def flatten_parameters(self) -> None:
        """Do nothing: here because torch's layers have it, to lay their weights out for cuDNN."""

    @property
    def all_weights(self) -> list[list[nn.Parameter]]:
        """The parameters in their order, one list for each layer and direction."""
        return [list(self._weights(suffix).values()) for endings in suffixes(self) for suffix in endings]

    def extra_repr(self) -> str:
        shown = f"{self.input_size}, {self.hidden_size}"
        for name, default in _SHOWN_UNLESS.items():
            if getattr(self, name) != default:
                shown += f", {name}={getattr(self, name)}"
        return shown

    def _over_time(self, input: Input, hx: State | None) -> tuple[Input, State]:
        """The input in whatever form as rows, through all layers, and back to its form."""
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
        """All layers and directions: rows (N, I) and states (S, B, ·) in, (N, D*H) and (S, B, ·) out."""
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
            # A copy even of one direction: the caller may change it in place, the way back needs its own.
            rows = torch.cat(directions, dim=-1)  # (N, D*H)
        return rows, [torch.stack(parts) for parts in zip(*ends, strict=True)]

    def _step(self, x_t: Tensor, state: State, weights: Weights) -> State:
        """One step of one layer and direction: x_t (b_t, ·) and states (b_t, ·) in, states out."""
        raise NotImplementedError

    def _weights(self, suffix: str) -> dict[str, nn.Parameter]:
        """The weights of one layer and direction, by the names of its step's arguments."""
        shapes = parameter_shapes(self.gates, self.input_size, self.hidden_size, self.bias, self.proj_size)
        return {name: getattr(self, name + suffix) for name, _ in shapes}


class RNN(_Layer):
    """The simple (Elman) RNN over whole sequences, drop-in for torch.nn.RNN.

    Parameters, for each layer k (and with `_reverse` for each backward direction): weight_ih_lk (H, I), from
    k = 1 on (H, D*H); weight_hh_lk (H, H); with bias, bias_ih_lk and bias_hh_lk (H). `nonlinearity` is
    "tanh" or "relu"; `dropout` acts in training, between layers, never after the last.
    Called with input (T, B, I), with batch_first (B, T, I), unbatched (T, I), or packed, and hx (L*D, B, H),
    unbatched (L*D, H), zeros if None. Returns output, (T, B, D*H), laid out as the input, and h_n, like hx.
    Raises what torch.nn.RNN raises: for options TypeError and ValueError; for calls ValueError for a wrong
    number of input axes or input dtype, RuntimeError for sizes and devices, AttributeError for no tensor.
    Equations: rnncourse.steps.rnn_step.
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
        return f"RNN_{self.nonlinearity.upper()}"

    @one_state_argument
    def forward(self, input: Input, hx: Tensor | None = None) -> tuple[Input, Tensor]:
        check_layer(self, input, hx)
        output, (h_n,) = self._over_time(input, None if hx is None else (hx,))
        return output, h_n

    def _step(self, x_t: Tensor, state: State, weights: Weights) -> State:
        (h,) = state
        return (rnn_step(x_t, h, **weights, nonlinearity=self.nonlinearity),)


class LSTM(_Layer):
    """The LSTM over whole sequences, drop-in for torch.nn.LSTM.

    Parameters, for each layer k (and with `_reverse` for each backward direction): weight_ih_lk (4H, I), from
    k = 1 on (4H, D*H); weight_hh_lk (4H, H); with bias, bias_ih_lk and bias_hh_lk (4H); gates in the order
    i, f, g, o. With proj_size P > 0 also weight_hr_lk (P, H), and h is P wide everywhere, c still H.
    `dropout` acts in training, between layers, never after the last.
    Called with input (T, B, I), with batch_first (B, T, I), unbatched (T, I), or packed, and hx = (h_0, c_0),
    (L*D, B, H) each, unbatched (L*D, H), zeros if None. Returns output, (T, B, D*H), laid out as the input,
    and LSTMState(h_n, c_n), shaped as hx.
    Raises what torch.nn.LSTM raises: for options TypeError and ValueError; for calls ValueError for a wrong
    number of input axes or input dtype, RuntimeError for sizes and devices, AttributeError, IndexError or
    TypeError for what is no tensor or no pair of tensors.
    Equations: rnncourse.steps.lstm_step.
    """

    mode = "LSTM"
    gates = 4
    has_cell_state = True
    __call__: LayerCall[tuple[Tensor, Tensor], LSTMState]

    @one_state_argument
    def forward(self, input: Input, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Input, LSTMState]:
        check_layer(self, input, hx)
        output, (h_n, c_n) = self._over_time(input, hx)
        return output, LSTMState(h_n, c_n)

    def _step(self, x_t: Tensor, state: State, weights: Weights) -> State:
        h, c = state
        return lstm_step(x_t, (h, c), **weights)


class GRU(_Layer):
    """The GRU over whole sequences, drop-in for torch.nn.GRU.

    Parameters, for each layer k (and with `_reverse` for each backward direction): weight_ih_lk (3H, I), from
    k = 1 on (3H, D*H); weight_hh_lk (3H, H); with bias, bias_ih_lk and bias_hh_lk (3H); gates in the order
    r, z, n. `dropout` acts in training, between layers, never after the last.
    Called with input (T, B, I), with batch_first (B, T, I), unbatched (T, I), or packed, and hx (L*D, B, H),
    unbatched (L*D, H), zeros if None. Returns output, (T, B, D*H), laid out as the input, and h_n, like hx.
    Raises what torch.nn.GRU raises: for options TypeError and ValueError; for calls ValueError for a wrong
    number of input axes or input dtype, RuntimeError for sizes and devices, AttributeError for no tensor.
    Equations: rnncourse.steps.gru_step.
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
        check_layer(self, input, hx)
        output, (h_n,) = self._over_time(input, None if hx is None else (hx,))
        return output, h_n

    def _step(self, x_t: Tensor, state: State, weights: Weights) -> State:
        (h,) = state
        return (gru_step(x_t, h, **weights),)


# What a layer's repr shows beside its two sizes, where it differs from these, in torch's order.
_SHOWN_UNLESS = {
    "proj_size": 0,
    "num_layers": 1,
    "bias": True,
    "batch_first": False,
    "dropout": 0,
    "bidirectional": False,
}


def _reorder(state: State, indices: Tensor | None) -> State:
    """The states' (S, B, ·) batch rows in the order of `indices`, (B); as they are where there are none."""
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

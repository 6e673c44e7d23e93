"""RNNCell, LSTMCell, GRUCell: parameters and one step. The caller writes the loop over time."""

import math
import numbers
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.types import Device

from rnncourse.shapes import check_cell, one_state_argument, parameter_shapes
from rnncourse.steps import NONLINEARITIES, LSTMState, gru_step, lstm_step, rnn_step


def init_uniform(module: nn.Module, hidden_size: int) -> None:
    """Draw every parameter of a cell or layer from U(-1/√H, 1/√H), in torch.nn's order."""
    bound = 1 / math.sqrt(hidden_size) if hidden_size else 0
    for parameter in module.parameters():
        nn.init.uniform_(parameter, -bound, bound)


HX = TypeVar("HX", contravariant=True)
Next = TypeVar("Next", covariant=True)


class CellCall(Protocol[HX, Next]):
    """The types that `cell(input, hx)` takes and returns, which nn.Module leaves open to type checkers."""

    def __call__(self, input: Tensor, hx: HX | None = None) -> Next:
        """Compute the next state from one step's input and the state before it."""


class _Cell(nn.Module):
    """The common base of the three cells: parameters with torch.nn's names, shapes and initialisation."""

    gates: int  # blocks of H rows in each weight
    has_cell_state = False
    weight_ih: nn.Parameter
    weight_hh: nn.Parameter
    bias_ih: nn.Parameter | None
    bias_hh: nn.Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
            if not isinstance(size, numbers.Integral):
                raise TypeError(f"{name}: expected an int, got {size!r}.")
            if size < 0:
                raise RuntimeError(f"{name}: expected an int of at least 0, got {size}.")
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        for name, shape in parameter_shapes(self.gates, input_size, hidden_size, bias=True):
            absent = name.startswith("bias") and not bias
            parameter = None if absent else nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
            self.register_parameter(name, parameter)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters again from U(-1/√H, 1/√H), as torch.nn does."""
        init_uniform(self, self.hidden_size)

    def extra_repr(self) -> str:
        """Return the arguments that the repr shows, as torch.nn's cells show them."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias is True else f", bias={self.bias}")

    def _weights(self) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _zeros(self, input: Tensor) -> Tensor:
        return input.new_zeros(*input.shape[:-1], self.hidden_size)  # (B, H) or (H)


class RNNCell(_Cell):
    """One step of the simple (Elman) RNN, drop-in for torch.nn.RNNCell.

    Parameters: weight_ih (H, I), weight_hh (H, H), bias_ih (H), bias_hh (H); the biases are None with
    bias=False. Equations: rnncourse.steps.rnn_step.

    Args:
        input_size: I, the width of the input.
        hidden_size: H, the width of the state.
        bias: whether there are biases.
        nonlinearity: "tanh" or "relu".
        device: where the parameters are created, as in torch.nn.
        dtype: their floating-point type, as in torch.nn.

    Raises:
        RuntimeError: a size is negative, or the nonlinearity is unknown.
        TypeError: a size is not an int.

    Example:
        >>> cell = rnncourse.RNNCell(10, 20)
        >>> h = cell(torch.randn(3, 10))
        >>> tuple(h.shape)
        (3, 20)
    """

    gates = 1
    __call__: CellCall[Tensor, Tensor]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if nonlinearity not in NONLINEARITIES:
            raise RuntimeError(f"nonlinearity: expected 'tanh' or 'relu', got {nonlinearity!r}.")
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity

    def extra_repr(self) -> str:
        """Return the arguments that the repr shows, as torch.nn.RNNCell shows them."""
        return super().extra_repr() + (
            "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        )

    @one_state_argument
    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Compute the next state.

        Args:
            input: (B, I) or (I), of the parameters' dtype.
            hx: the state h, (B, H) or (H); zeros if None.

        Returns:
            The next h, (B, H) or (H).

        Raises:
            ValueError: a tensor has the wrong number of axes.
            RuntimeError: a size, dtype or device does not fit.
            AttributeError: an argument is not a tensor. These are the classes that torch.nn.RNNCell raises.
        """
        check_cell(self, input, hx)
        h = self._zeros(input) if hx is None else hx
        return rnn_step(input, h, *self._weights(), nonlinearity=self.nonlinearity)


class LSTMCell(_Cell):
    """One step of the LSTM, drop-in for torch.nn.LSTMCell.

    Parameters: weight_ih (4H, I), weight_hh (4H, H), bias_ih (4H), bias_hh (4H), with the gates in the order
    i, f, g, o; the biases are None with bias=False. Equations: rnncourse.steps.lstm_step.

    Args:
        input_size: I, the width of the input.
        hidden_size: H, the width of each state.
        bias: whether there are biases.
        device: where the parameters are created, as in torch.nn.
        dtype: their floating-point type, as in torch.nn.

    Raises:
        RuntimeError: a size is negative.
        TypeError: a size is not an int.

    Example:
        >>> cell = rnncourse.LSTMCell(10, 20)
        >>> h, c = cell(torch.randn(3, 10))
        >>> tuple(h.shape)
        (3, 20)
    """

    gates = 4
    has_cell_state = True
    __call__: CellCall[tuple[Tensor, Tensor], LSTMState]

    @one_state_argument
    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> LSTMState:
        """Compute the next states.

        Args:
            input: (B, I) or (I), of the parameters' dtype.
            hx: the pair (h, c), each (B, H) or (H); zeros if None.

        Returns:
            The next LSTMState(h, c), each (B, H) or (H).

        Raises:
            ValueError: a tensor has the wrong number of axes.
            RuntimeError: a size, dtype or device does not fit.
            TypeError or AttributeError: hx is not a pair of tensors. These are the classes that
                torch.nn.LSTMCell raises.
        """
        check_cell(self, input, hx)
        state = (self._zeros(input), self._zeros(input)) if hx is None else hx
        return lstm_step(input, state, *self._weights())


class GRUCell(_Cell):
    """One step of the GRU, drop-in for torch.nn.GRUCell.

    Parameters: weight_ih (3H, I), weight_hh (3H, H), bias_ih (3H), bias_hh (3H), with the gates in the order
    r, z, n; the biases are None with bias=False. Equations: rnncourse.steps.gru_step.

    Args:
        input_size: I, the width of the input.
        hidden_size: H, the width of the state.
        bias: whether there are biases.
        device: where the parameters are created, as in torch.nn.
        dtype: their floating-point type, as in torch.nn.

    Raises:
        RuntimeError: a size is negative.
        TypeError: a size is not an int.

    Example:
        >>> cell = rnncourse.GRUCell(10, 20)
        >>> h = cell(torch.randn(3, 10))
        >>> tuple(h.shape)
        (3, 20)
    """

    gates = 3
    __call__: CellCall[Tensor, Tensor]

    @one_state_argument
    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Compute the next state.

        Args:
            input: (B, I) or (I), of the parameters' dtype.
            hx: the state h, (B, H) or (H); zeros if None.

        Returns:
            The next h, (B, H) or (H).

        Raises:
            ValueError: a tensor has the wrong number of axes.
            RuntimeError: a size, dtype or device does not fit.
            AttributeError: an argument is not a tensor. These are the classes that torch.nn.GRUCell raises.
        """
        check_cell(self, input, hx)
        h = self._zeros(input) if hx is None else hx
        return gru_step(input, h, *self._weights())

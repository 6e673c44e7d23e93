"""The shape contract of cells and layers, stated once: each tensor's axes, and the error if they do not fit.

An error is one sentence. It names the argument, what was expected (axes by name and size), what was given,
and the likely slip. Its class is the one that torch.nn raises for the same input (torch 2.13), so code that
catches torch's errors keeps working. Axes: T time, B batch, I input, H hidden, P projection, S = L*D layers
times directions.
"""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeGuard, TypeVar

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

Axis = tuple[str, int | None]  # an axis by name and size; None where the size is the caller's choice
Axes = tuple[Axis, ...]
SizedAxes = tuple[tuple[str, int], ...]  # axes whose sizes are all known
BATCH: Axes = (("B", None),)  # a batch of any size; () means without a batch
Size = TypeVar("Size", bound=int | None)
KINDS = {1: "RNN", 3: "GRU", 4: "LSTM"}  # by the number of gates, blocks of H rows in each weight
GATES = {1: "", 3: "rzn", 4: "ifgo"}  # by that number: the gates' letters, in the order of the blocks
SIGMOID = frozenset("rzifo")  # the gates that are a sigmoid, and so lie between 0 and 1


class Recurrent(Protocol):
    """The attributes that this module reads of a cell or a layer, or of the Spec of one."""

    @property
    def input_size(self) -> int:
        """I, the width of the input."""

    @property
    def hidden_size(self) -> int:
        """H, the width of the state."""

    @property
    def bias(self) -> bool:
        """Whether there are biases."""

    @property
    def gates(self) -> int:
        """The number of blocks of H rows in each weight."""

    @property
    def has_cell_state(self) -> bool:
        """Whether there is a c beside h, as in an LSTM."""


class Cell(Recurrent, Protocol):
    """A module that takes one time step."""

    @property
    def weight_ih(self) -> Tensor:
        """The weight that is applied to the input."""


class Layer(Recurrent, Protocol):
    """A module that runs over all time steps."""

    @property
    def num_layers(self) -> int:
        """L, the number of layers."""

    @property
    def batch_first(self) -> bool:
        """Whether the batch is the first axis of input and output."""

    @property
    def dropout(self) -> float:
        """The probability of dropout between layers."""

    @property
    def bidirectional(self) -> bool:
        """Whether each layer also runs backward in time."""

    @property
    def proj_size(self) -> int:
        """P, the width of a projected h; 0 without a projection."""

    @property
    def weight_ih_l0(self) -> Tensor:
        """The weight that the first layer applies to the input."""


def named(axes: Axes) -> str:
    """Return the axes as a reader sees them: (T, B, I=10)."""
    return "(" + ", ".join(name if size is None else f"{name}={size}" for name, size in axes) + ")"


def sizes(axes: tuple[tuple[str, Size], ...]) -> tuple[Size, ...]:
    """Return the axes as a shape: only their sizes."""
    return tuple(size for _, size in axes)


def is_layer(module: object) -> TypeGuard[Layer]:
    """Return whether a recurrent module, or the Spec of one, runs over all time steps; a cell takes one."""
    return hasattr(module, "num_layers") and not getattr(module, "is_cell", False)


def suffixes(layer: Layer) -> list[list[str]]:
    """Return how the names of the parameters end, by layer and direction: [["_l0", "_l0_reverse"], …]."""
    directions = ("", "_reverse") if layer.bidirectional else ("",)
    return [[f"_l{k}{direction}" for direction in directions] for k in range(layer.num_layers)]


def input_axes(module: Recurrent, batch: Axes = BATCH, T: int | None = None) -> Axes:
    """Return the axes of the input: (T, B, I), with batch_first (B, T, I), of a cell (B, I)."""
    return (*_leading_axes(module, batch, T), ("I", module.input_size))


def output_axes(layer: Layer, batch: Axes = BATCH, T: int | None = None) -> Axes:
    """Return the axes of a layer's output: laid out as its input, D*H wide, with a projection D*P."""
    return (*_leading_axes(layer, batch, T), joined_axis(layer))


def state_axes(
    module: Recurrent, name: str, batch: tuple[tuple[str, Size], ...]
) -> tuple[tuple[str, Size | int], ...]:
    """Return the axes of one state, `name` h_0, c_n …: (L*D, B, H) of a layer, (B, H) of a cell."""
    P = getattr(module, "proj_size", 0)
    width = ("P", P) if P and name.startswith("h") else ("H", module.hidden_size)
    rows = (("L*D", sum(map(len, suffixes(module)))),) if is_layer(module) else ()
    return (*rows, *batch, width)


def joined_axis(layer: Layer) -> tuple[str, int]:
    """Return the last axis of a layer's output, which the next layer reads: all directions side by side."""
    D = 2 if layer.bidirectional else 1
    return ("D*P", D * layer.proj_size) if layer.proj_size else ("D*H", D * layer.hidden_size)


def parameter_axes(module: Recurrent) -> Iterator[tuple[str, SizedAxes]]:
    """Yield each parameter of a cell or layer in torch's order: its full name and its axes."""
    sized = (module.gates, module.hidden_size, module.bias)
    if not is_layer(module):
        yield from _parameter_axes(("I", module.input_size), *sized)
        return
    for k, endings in enumerate(suffixes(module)):
        # From the second layer on, the input is the output of the layer below: all directions side by side.
        width = joined_axis(module) if k else ("I", module.input_size)
        for ending in endings:
            for name, axes in _parameter_axes(width, *sized, module.proj_size):
                yield name + ending, axes


def parameter_shapes(
    gates: int, input_size: int, hidden_size: int, bias: bool, proj_size: int = 0
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the parameters of one cell (one layer and direction) in torch's order: name and shape."""
    for name, axes in _parameter_axes(("I", input_size), gates, hidden_size, bias, proj_size):
        yield name, sizes(axes)


def _leading_axes(module: Recurrent, batch: Axes, T: int | None) -> Axes:
    if not is_layer(module):
        return batch
    return (*batch, ("T", T)) if module.batch_first else (("T", T), *batch)


def _parameter_axes(
    input: tuple[str, int], gates: int, hidden_size: int, bias: bool, proj_size: int = 0
) -> Iterator[tuple[str, SizedAxes]]:
    h = ("P", proj_size) if proj_size else ("H", hidden_size)
    blocks = ("H" if gates == 1 else f"{gates}*H", gates * hidden_size)
    yield "weight_ih", (blocks, input)
    yield "weight_hh", (blocks, h)
    if bias:
        yield "bias_ih", (blocks,)
        yield "bias_hh", (blocks,)
    if proj_size:
        yield "weight_hr", (h, ("H", hidden_size))


def check_cell(cell: Cell, input: object, hx: object) -> None:
    """Raise an error of one sentence if `cell(input, hx)` cannot be computed.

    Args:
        cell: the cell, or the Spec of one.
        input: (B, I) or (I).
        hx: None, or a tensor (B, H) or (H) for each state.

    Raises:
        ValueError: a tensor has the wrong number of axes.
        AttributeError or TypeError: an argument is not a tensor or not a pair of tensors.
        RuntimeError: a size, dtype or device does not fit.
    """
    expected = f"{named(input_axes(cell))} or, without a batch, {named(input_axes(cell, ()))}"
    input = _tensor("input", input, expected)
    if input.dim() not in (1, 2):
        slip = ""
        if input.dim() == 3:
            slip = f" A cell takes one time step: input[t]. {KINDS[cell.gates]} takes them all."
        raise ValueError(f"input: expected {expected}, got {shape_of(input)}.{slip}")
    batch = tuple(("B", size) for size in input.shape[:-1])
    states = dict(_named_states(cell, hx))
    for name, state in states.items():
        if state.dim() not in (1, 2):
            slip = " That is a layer's state: a cell takes one row of it, h_0[k]." if state.dim() == 3 else ""
            wanted = named(state_axes(cell, name, batch))
            raise ValueError(f"{name}: expected {wanted}, got {shape_of(state)}.{slip}")
    if input.size(-1) != cell.input_size:
        raise RuntimeError(f"input: expected {expected}, got {shape_of(input)}.{_input_slip(cell, input)}")
    _check_like("input", input, cell.weight_ih, RuntimeError)
    for name, state in states.items():
        axes = state_axes(cell, name, batch)
        if state.shape != sizes(axes):
            slip = _cell_state_slip(sizes(batch), cell.hidden_size, state)
            raise RuntimeError(f"{name}: expected {named(axes)}, got {shape_of(state)}.{slip}")
        _check_like(name, state, cell.weight_ih, RuntimeError)


def check_layer(layer: Layer, input: object, hx: object) -> None:
    """Raise an error of one sentence if `layer(input, hx)` cannot be computed.

    Args:
        layer: the layer, or the Spec of one.
        input: (T, B, I), with batch_first (B, T, I), unbatched (T, I), or a PackedSequence of (T_b, I).
        hx: None, or a tensor (S, B, H) for each state, unbatched (S, H); h is P wide with proj_size.

    Raises:
        ValueError: the input has the wrong number of axes or the wrong dtype.
        AttributeError, TypeError or IndexError: an argument is not a tensor or not a pair of tensors.
        RuntimeError: a size, a device or the dtype of a state does not fit.
    """
    packed = input if isinstance(input, PackedSequence) else None
    # torch leaves an LSTM's packed input to its kernels, which raise other classes than its checks do.
    unchecked = packed is not None and layer.has_cell_state
    if packed is None:
        batch = _check_dense(layer, input)  # (B) or ()
    else:
        batch = _check_packed(layer, packed)
        _check_like("input", packed.data, layer.weight_ih_l0, RuntimeError if unchecked else ValueError)

    for name, state in _named_states(layer, hx, packed):
        axes = state_axes(layer, name, tuple(("B", size) for size in batch))
        if state.shape != sizes(axes):
            slip = _layer_state_slip(layer, input, state, *sizes(axes))
            error = IndexError if unchecked and state.dim() < 3 else RuntimeError
            raise error(f"{name}: expected {named(axes)}, got {shape_of(state)}.{slip}")
        _check_like(name, state, layer.weight_ih_l0, RuntimeError)


Module = TypeVar("Module", bound=Recurrent)
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def one_state_argument(
    forward: Callable[Concatenate[Module, Arguments], Result],
) -> Callable[Concatenate[Module, Arguments], Result]:
    """Decorate forward(self, input, hx=None), to explain states that are passed one by one, (input, h, c)."""

    @wraps(forward)
    def checked(self: Module, /, *arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        if len(arguments) > 2:
            count = f"got {len(arguments) - 1} arguments for the state"
            raise TypeError(
                f"hx: expected one pair of tensors (h_0, c_0), {count}. Put them in one tuple: (h_0, c_0)."
                if self.has_cell_state
                else f"hx: expected one tensor, h_0, {count}. Only an LSTM has two states: pass h_0 alone."
            )
        return forward(self, *arguments, **named)

    return checked


def _check_packed(layer: Layer, input: PackedSequence) -> tuple[int, ...]:
    """Check a packed input's data (N, I) and return its batch size, (B)."""
    data = input.data
    if data.dim() != 2 or data.size(-1) != layer.input_size:
        I = ("I", layer.input_size)
        raise RuntimeError(
            f"input: expected a PackedSequence of sequences {named((('T_b', None), I))}, "
            f"so its data {named((('N', None), I))}, got data {shape_of(data)}.{_input_slip(layer, data)}"
        )
    return (int(input.batch_sizes[0]),)


def _check_dense(layer: Layer, input: object) -> tuple[int, ...]:
    """Check an input (T, B, I), (B, T, I) or (T, I) and return its batch size, (B) or ()."""
    I = layer.input_size
    unbatched, batched = named(input_axes(layer, ())), named(input_axes(layer))
    input = _tensor("input", input, f"{batched} or a PackedSequence")
    if input.dim() not in (2, 3):
        slip = ""
        if tuple(input.shape) == (I,):
            slip = " One step alone? Add the time axis: input.unsqueeze(0)."
        elif input.dim() == 1 and I == 1:
            slip = " One number for each step? Add the feature axis: input.unsqueeze(-1)."
        elif input.dim() == 4:
            slip = _feature_map_slip(layer, input)
        raise ValueError(
            f"input: expected {batched} or, without a batch, {unbatched}, got {shape_of(input)}.{slip}"
        )
    _check_like("input", input, layer.weight_ih_l0, ValueError)  # before the size, as in torch
    expected = batched if input.dim() == 3 else unbatched
    if input.size(-1) != I:
        slip = _input_slip(layer, input)
        if I == 1 and input.dim() == 2:
            slip = " One number for each step? Add the feature axis: input.unsqueeze(-1)."
        raise RuntimeError(f"input: expected {expected}, got {shape_of(input)}.{slip}")
    T, *batch = input.shape[:-1]
    if batch and layer.batch_first:
        T, batch = batch[0], [T]
    if T == 0:
        raise RuntimeError(
            f"input: expected {expected} with T of at least 1, got {shape_of(input)}: no time step."
        )
    return tuple(batch)


def _feature_map_slip(layer: Layer, input: Tensor) -> str:
    """Return the slip of an input with four axes: feature maps or images, (B, C, height, W)."""
    C, height, W = input.shape[1:]
    if layer.input_size == W and C == 1:
        by = "" if layer.batch_first else " With batch_first=False, add .transpose(0, 1)."
        return f" Are these images, (B, 1, height, W)? input.squeeze(1) makes each row a step.{by}"
    if layer.input_size == C * height:
        order = "(0, 2, 1)" if layer.batch_first else "(2, 0, 1)"
        return (
            f" Are these feature maps, (B, C, height, W)? input.flatten(1, 2).permute{order} makes each of "
            f"the W={W} columns a step of {C * height} numbers."
        )
    return ""


def shape_of(tensor: Tensor) -> str:
    """Return the tensor's shape as a message shows it: (3, 5, 30)."""
    return str(tuple(tensor.shape))


def kind_of(value: object) -> str:
    """Return the value's type as a message names it: None, list, Tensor, numpy.ndarray."""
    kind = type(value)
    home = "" if kind.__module__ in ("builtins", "torch") else f"{kind.__module__}."
    return "None" if value is None else home + kind.__name__


def _tensor(name: str, value: object, expected: str) -> Tensor:
    """Return the value if it is a tensor, otherwise raise."""
    if isinstance(value, Tensor) and not value.is_nested:
        return value
    slip = ""
    if isinstance(value, Tensor):
        raise RuntimeError(
            f"{name}: expected a tensor {expected}, got a nested tensor. Sequences of different lengths: "
            "torch.nn.utils.rnn.pack_sequence(list(tensor.unbind()), enforce_sorted=False) packs them."
        )
    if isinstance(value, PackedSequence):
        slip = " A cell takes one time step: a layer (RNN, LSTM, GRU) takes a PackedSequence."
    elif isinstance(value, tuple):
        slip = " Is it what another layer returned, (output, state)? Pass its first part."
    elif hasattr(value, "__array__") or isinstance(value, list):
        slip = " torch.as_tensor turns it into a tensor."
    raise AttributeError(f"{name}: expected a tensor {expected}, got {kind_of(value)}.{slip}")


def _check_like(name: str, tensor: Tensor, weight: Tensor, dtype_error: type[Exception]) -> None:
    """Check that the tensor has the weights' device and dtype; autocast converts all but float64."""
    if tensor.device != weight.device:
        raise RuntimeError(
            f"{name}: expected it on {weight.device}, where the weights are, got it on {tensor.device}."
            f" Move one: {name}.to({str(weight.device)!r})."
        )
    if tensor.dtype != weight.dtype:
        autocast = torch.is_autocast_enabled(tensor.device.type)
        if not (autocast and tensor.dtype in (torch.float32, torch.bfloat16, torch.float16)):
            slip = " NumPy's floats are float64." if tensor.dtype == torch.float64 else ""
            tokens = name == "input" and tensor.dtype in (torch.int32, torch.int64)
            instead = " Token numbers need an nn.Embedding instead." if tokens else ""
            raise (RuntimeError if autocast else dtype_error)(
                f"{name}: expected {weight.dtype}, the dtype of the weights, got {tensor.dtype}."
                f"{slip} Convert one: {name}.to({weight.dtype}).{instead}"
            )


def _named_states(
    module: Recurrent, hx: object, packed: PackedSequence | None = None
) -> Iterator[tuple[str, Tensor]]:
    """Yield (name, tensor) for each state in hx: h_0 and, for an LSTM, c_0; nothing if hx is None."""
    if hx is None:
        return
    if not module.has_cell_state:
        if not isinstance(hx, Tensor):
            slip = " Only an LSTM has two states: pass h_0 alone." if isinstance(hx, tuple | list) else ""
            raise AttributeError(f"hx: expected one tensor, h_0, got {kind_of(hx)}.{slip}")
        yield "h_0", hx
        return
    if not isinstance(hx, tuple | list):
        slip = " One tensor alone is h_0: c_0 is missing." if isinstance(hx, Tensor) else ""
        error = _error_for_no_pair(module, hx, packed)
        raise error(f"hx: expected a pair of tensors (h_0, c_0), got {kind_of(hx)}.{slip}")
    if len(hx) != 2:
        error = IndexError if len(hx) < 2 and _torch_indexes(module, packed) else RuntimeError
        raise error(f"hx: expected a pair of tensors (h_0, c_0), got {kind_of(hx)} of {len(hx)}.")
    for name, state in zip(("h_0", "c_0"), hx, strict=True):
        if not isinstance(state, Tensor):
            error = AttributeError if packed is None or _torch_indexes(module, packed) else TypeError
            raise error(f"hx: expected a pair of tensors (h_0, c_0), got {kind_of(state)} for {name}.")
        yield name, state


def _torch_indexes(module: Recurrent, packed: PackedSequence | None) -> bool:
    """Return whether torch takes hx[0] and hx[1] of an LSTM's hx without a check.

    Most of its layers do, its cells do not.
    """
    return is_layer(module) and (packed is None or packed.sorted_indices is not None)


def _error_for_no_pair(module: Recurrent, hx: object, packed: PackedSequence | None) -> type[Exception]:
    """Return the error that torch raises if an LSTM's hx is not a pair: what its first use of hx raises."""
    if not _torch_indexes(module, packed) and packed is not None:
        return TypeError
    if not isinstance(hx, Tensor):
        return AttributeError if isinstance(hx, str) or hasattr(hx, "__array__") else TypeError
    if not is_layer(module):
        return ValueError if hx.dim() == 1 else TypeError
    if packed is not None or hx.dim() == 0 or len(hx) < 2:
        return IndexError
    return TypeError if hx.dim() == 4 else RuntimeError


def _input_slip(module: Recurrent, input: Tensor) -> str:
    width, I = input.size(-1), module.input_size
    if width == module.hidden_size != I:
        return (
            f" Its last axis is {width}, this module's own hidden_size: was the input meant for the next one?"
        )
    if I in input.shape[:-1]:
        axis = list(input.shape).index(I)
        return f" Its axis {axis} is {I}: are the axes exchanged? The features come last."
    if width == 2 * I:
        return (
            f" Its last axis is {width}, twice {I}. Is this the output of a bidirectional layer with"
            f" hidden_size={I}? It is D*H wide."
        )
    return f" Its last axis is {width}. Is this the output of a layer with hidden_size={width}?"


def _cell_state_slip(batch: tuple[int, ...], H: int, state: Tensor) -> str:
    if state.dim() != len(batch) + 1:
        return " Input and state must both have a batch axis, or neither."
    if state.shape == (H, *batch):
        return " Its axes are exchanged: the batch comes first."
    if state.size(-1) == H:
        return " Its batch is not the input's."
    return f" Its last axis is {state.size(-1)}: was it made for a cell with hidden_size={state.size(-1)}?"


def _layer_state_slip(layer: Layer, input: object, state: Tensor, *expected: int) -> str:
    S, *batch, width = expected
    L, shape = layer.num_layers, tuple(state.shape)
    if len(shape) != len(batch) + 2:
        if not batch:
            return (
                " The input has no batch axis. Is it one step of a batch? Then input.unsqueeze(0) adds time."
            )
        if shape == (*batch, width) and S == 1:
            return " Its layer axis is missing: h.unsqueeze(0)."
        return " The input has a batch axis, so the state has three: layers and directions, batch, features."
    if shape == (*batch, S, width):
        return " Are its first two axes exchanged? batch_first moves input and output, never a state."
    if sorted(shape) == sorted((S, *batch, width)):
        return " Its axes are in a different order."
    if layer.proj_size and shape[-1] != width and shape[-1] in (layer.proj_size, layer.hidden_size):
        return " With proj_size, h is P wide and only c is H wide."
    if S == 2 * L and shape == (L, *batch, 2 * width):
        return " The output joins both directions in its last axis; a state keeps them in two rows."
    if shape[-1] != width:
        return f" Its last axis is {shape[-1]}: was it made for hidden_size={shape[-1]}?"
    if shape[0] == L != S:
        return " A bidirectional layer has two rows for each layer, forward and backward."
    if shape[0] == 2 * S == 2 * L:
        return (
            " It has two rows for each layer: is it a bidirectional layer's? Join each two,"
            f" torch.cat((h[0::2], h[1::2]), dim=-1), for hidden_size={2 * width}, or add them."
        )
    if shape[0] != S:
        directions = f"{S // L} direction{'s' if S > L else ''}"
        return f" num_layers={L} and {directions} make {S} row{'s' if S > 1 else ''}."
    if isinstance(input, Tensor) and shape[1] == input.size(1 if layer.batch_first else 0):
        axis, first = (1, "True") if layer.batch_first else (0, "False")
        return f" Its batch is the length of the input's axis {axis}, which is time with batch_first={first}."
    return " Its batch is not the input's."

"""The shape contract of cells and layers, stated once: what fits, and a sentence for what does not.

A sentence names the argument, what was expected (axes by name and size), what came, and the likely slip.
The class of each error is the one that torch.nn raises for the same input (torch 2.13), so code that
catches torch's errors keeps working. Axes: T time, B batch, I input, H hidden, P projection,
S = L*D layers times directions.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence


def parameter_shapes(
    gates: int, input_size: int, hidden_size: int, bias: bool, proj_size: int = 0
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The parameters of one cell (one layer and direction) in torch's order: name, shape."""
    yield "weight_ih", (gates * hidden_size, input_size)
    yield "weight_hh", (gates * hidden_size, proj_size or hidden_size)
    if bias:
        yield "bias_ih", (gates * hidden_size,)
        yield "bias_hh", (gates * hidden_size,)
    if proj_size:
        yield "weight_hr", (proj_size, hidden_size)


def check_cell(cell, input: Tensor, hx) -> None:
    """Raise, in one sentence, if `cell(input, hx)` can't be computed.

    input: (B, I) or (I). hx: None, or for each state a tensor (B, H) or (H).
    Raises ValueError for a wrong number of axes, AttributeError or TypeError for what is no tensor or no
    pair of tensors, RuntimeError for sizes, dtypes and devices.
    """
    expected = f"(B, I={cell.input_size}) or, without a batch, (I={cell.input_size})"
    _check_is_tensor("input", input, expected)
    if input.dim() not in (1, 2):
        layer = type(cell).__name__.removesuffix("Cell")
        slip = f" A cell takes one time step: input[t]. {layer} takes them all." if input.dim() == 3 else ""
        raise ValueError(f"input: expected {expected}, got {_shape(input)}.{slip}")
    H, batch = cell.hidden_size, input.shape[:-1]  # (B) or ()
    states = dict(_named_states(cell, hx))
    wanted = f"(B={batch[0]}, H={H})" if batch else f"(H={H})"
    for name, state in states.items():
        if state.dim() not in (1, 2):
            slip = " That is a layer's state: a cell takes one row of it, h_0[k]." if state.dim() == 3 else ""
            raise ValueError(f"{name}: expected {wanted}, got {_shape(state)}.{slip}")
    if input.size(-1) != cell.input_size:
        raise RuntimeError(f"input: expected {expected}, got {_shape(input)}.{_input_slip(cell, input)}")
    _check_like("input", input, cell.weight_ih, RuntimeError)
    for name, state in states.items():
        if state.shape != (*batch, H):
            slip = _cell_state_slip(batch, H, state)
            raise RuntimeError(f"{name}: expected {wanted}, got {_shape(state)}.{slip}")
        _check_like(name, state, cell.weight_ih, RuntimeError)


def check_layer(layer, input: Tensor | PackedSequence, hx) -> None:
    """Raise, in one sentence, if `layer(input, hx)` can't be computed.

    input: (T, B, I), or (B, T, I) with batch_first, or (T, I), or a PackedSequence of (T_b, I) sequences.
    hx: None, or for each state a tensor (S, B, H), without a batch (S, H); h is P wide with proj_size.
    Raises ValueError for a wrong number of input axes and a wrong input dtype, AttributeError, TypeError or
    IndexError for what is no tensor or no pair of tensors, RuntimeError for sizes, state dtypes and devices.
    """
    packed = input if isinstance(input, PackedSequence) else None
    # torch leaves an LSTM's packed input to its kernels, which raise other classes than its own checks.
    unchecked = packed is not None and layer.has_cell_state
    if packed is None:
        batch = _check_dense(layer, input)  # (B) or ()
    else:
        batch = _check_packed(layer, packed)
        _check_like("input", packed.data, layer.weight_ih_l0, RuntimeError if unchecked else ValueError)

    S = layer.num_layers * (2 if layer.bidirectional else 1)
    for name, state in _named_states(layer, hx, packed):
        projected = layer.proj_size and name == "h_0"
        width = layer.proj_size if projected else layer.hidden_size
        if state.shape != (S, *batch, width):
            axes = [f"L*D={S}", *(f"B={B}" for B in batch), f"{'P' if projected else 'H'}={width}"]
            slip = _layer_state_slip(layer, input, state, S, batch, width)
            error = IndexError if unchecked and state.dim() < 3 else RuntimeError
            raise error(f"{name}: expected ({', '.join(axes)}), got {_shape(state)}.{slip}")
        _check_like(name, state, layer.weight_ih_l0, RuntimeError)


def _check_packed(layer, input: PackedSequence) -> tuple[int, ...]:
    """Check a packed input's data (N, I); return its batch size, (B)."""
    I, data = layer.input_size, input.data
    if data.dim() != 2 or data.size(-1) != I:
        raise RuntimeError(
            f"input: expected a PackedSequence of sequences (T_b, I={I}), "
            f"so its data (N, I={I}), got data {_shape(data)}.{_input_slip(layer, data)}"
        )
    return (int(input.batch_sizes[0]),)


def _check_dense(layer, input: Tensor) -> tuple[int, ...]:
    """Check an input (T, B, I), (B, T, I) or (T, I); return its batch size, (B) or ()."""
    I = layer.input_size
    unbatched, batched = f"(T, I={I})", f"(B, T, I={I})" if layer.batch_first else f"(T, B, I={I})"
    _check_is_tensor("input", input, f"{batched} or a PackedSequence")
    if input.dim() not in (2, 3):
        slip = ""
        if tuple(input.shape) == (I,):
            slip = " One step alone? Add the time axis: input.unsqueeze(0)."
        elif input.dim() == 1 and I == 1:
            slip = " One number for each step? Add the feature axis: input.unsqueeze(-1)."
        raise ValueError(
            f"input: expected {batched} or, without a batch, {unbatched}, got {_shape(input)}.{slip}"
        )
    _check_like("input", input, layer.weight_ih_l0, ValueError)  # before the size, as in torch
    expected = batched if input.dim() == 3 else unbatched
    if input.size(-1) != I:
        slip = _input_slip(layer, input)
        if I == 1 and input.dim() == 2:
            slip = " One number for each step? Add the feature axis: input.unsqueeze(-1)."
        raise RuntimeError(f"input: expected {expected}, got {_shape(input)}.{slip}")
    T, *batch = input.shape[:-1]
    if batch and layer.batch_first:
        T, batch = batch[0], [T]
    if T == 0:
        raise RuntimeError(
            f"input: expected {expected} with T of at least 1, got {_shape(input)}: no time step."
        )
    return tuple(batch)


def _shape(tensor: Tensor) -> str:
    return str(tuple(tensor.shape))


def _kind(value) -> str:
    """The value's type, in a reader's words: None, list, Tensor, numpy.ndarray."""
    kind = type(value)
    home = "" if kind.__module__ in ("builtins", "torch") else f"{kind.__module__}."
    return "None" if value is None else home + kind.__name__


def _check_is_tensor(name: str, value, expected: str) -> None:
    if isinstance(value, Tensor):
        return
    slip = ""
    if isinstance(value, PackedSequence):
        slip = " A cell takes one time step: a layer (RNN, LSTM, GRU) takes a PackedSequence."
    elif isinstance(value, tuple):
        slip = " Is it what another layer returned, (output, state)? Pass its first part."
    elif hasattr(value, "__array__") or isinstance(value, list):
        slip = " torch.as_tensor makes a tensor of it."
    raise AttributeError(f"{name}: expected a tensor {expected}, got {_kind(value)}.{slip}")


def _check_like(name: str, tensor: Tensor, weight: Tensor, dtype_error: type[Exception]) -> None:
    """The tensor must have the weights' device and dtype; autocast takes care of all dtypes but float64."""
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


def _named_states(module, hx, packed: PackedSequence | None = None) -> Iterator[tuple[str, Tensor]]:
    """(name, tensor) for each state in hx: h_0 and c_0 for an LSTM, h_0 alone else; none if hx is None."""
    if hx is None:
        return
    if not module.has_cell_state:
        if not isinstance(hx, Tensor):
            slip = " Only an LSTM has two states: pass h_0 alone." if isinstance(hx, tuple | list) else ""
            raise AttributeError(f"hx: expected one tensor, h_0, got {_kind(hx)}.{slip}")
        yield "h_0", hx
        return
    if not isinstance(hx, tuple | list):
        slip = " One tensor alone is h_0: c_0 is missing." if isinstance(hx, Tensor) else ""
        error = _error_for_no_pair(module, hx, packed)
        raise error(f"hx: expected a pair of tensors (h_0, c_0), got {_kind(hx)}.{slip}")
    if len(hx) != 2:
        error = IndexError if len(hx) < 2 and _torch_indexes(module, packed) else RuntimeError
        raise error(f"hx: expected a pair of tensors (h_0, c_0), got {_kind(hx)} of {len(hx)}.")
    for name, state in zip(("h_0", "c_0"), hx, strict=True):
        if not isinstance(state, Tensor):
            error = AttributeError if packed is None or _torch_indexes(module, packed) else TypeError
            raise error(f"hx: expected a pair of tensors (h_0, c_0), got {_kind(state)} for {name}.")
        yield name, state


def _torch_indexes(module, packed: PackedSequence | None) -> bool:
    """Whether torch takes hx[0] and hx[1] of an LSTM's hx unseen: its layers mostly do, its cells don't."""
    return hasattr(module, "num_layers") and (packed is None or packed.sorted_indices is not None)


def _error_for_no_pair(module, hx, packed: PackedSequence | None) -> type[Exception]:
    """What torch raises where an LSTM's hx is no pair: what its first use of hx happens to raise."""
    if not _torch_indexes(module, packed) and packed is not None:
        return TypeError
    if not isinstance(hx, Tensor):
        return AttributeError if isinstance(hx, str) or hasattr(hx, "__array__") else TypeError
    if not hasattr(module, "num_layers"):
        return ValueError if hx.dim() == 1 else TypeError
    if packed is not None or hx.dim() == 0 or len(hx) < 2:
        return IndexError
    return TypeError if hx.dim() == 4 else RuntimeError


def _input_slip(module, input: Tensor) -> str:
    width, I = input.size(-1), module.input_size
    if width == module.hidden_size != I:
        return (
            f" Its last axis is {width}, this module's own hidden_size: was the input meant for the next one?"
        )
    if I in input.shape[:-1]:
        axis = list(input.shape).index(I)
        return f" Its axis {axis} is {I}: are the axes exchanged? The features come last."
    return f" Its last axis is {width}. Is this the output of a layer with hidden_size={width}?"


def _cell_state_slip(batch: tuple[int, ...], H: int, state: Tensor) -> str:
    if state.dim() != len(batch) + 1:
        return " Input and state must both have a batch axis, or neither."
    if state.shape == (H, *batch):
        return " Its axes are exchanged: the batch comes first."
    if state.size(-1) == H:
        return " Its batch is not the input's."
    return f" Its last axis is {state.size(-1)}: was it made for a cell with hidden_size={state.size(-1)}?"


def _layer_state_slip(layer, input, state: Tensor, S: int, batch: tuple[int, ...], width: int) -> str:
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
        return " Its axes are in another order."
    if layer.proj_size and shape[-1] != width and shape[-1] in (layer.proj_size, layer.hidden_size):
        return " With proj_size, h is P wide and only c is H wide."
    if S == 2 * L and shape == (L, *batch, 2 * width):
        return " The output joins both directions in its last axis; a state keeps them in two rows."
    if shape[-1] != width:
        return f" Its last axis is {shape[-1]}: was it made for hidden_size={shape[-1]}?"
    if shape[0] == L != S:
        return " A bidirectional layer has two rows for each layer, forward and backward."
    if shape[0] != S:
        return f" num_layers={L} and {S // L} direction{'s' if S > L else ''} make {S} rows."
    if isinstance(input, Tensor) and shape[1] == input.size(1 if layer.batch_first else 0):
        axis, first = (1, "True") if layer.batch_first else (0, "False")
        return f" Its batch is the length of the input's axis {axis}, which is time with batch_first={first}."
    return " Its batch is not the input's."

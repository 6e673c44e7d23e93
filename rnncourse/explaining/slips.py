"""What no error can say: calls in which a slip goes unnoticed, and things that are no recurrent module."""

from collections.abc import Iterator

import torch
from torch import nn

from rnncourse.explaining.call import CLASSES, Call, gates_of
from rnncourse.shapes import Axes, input_axes, is_layer, kind_of

READ_AS = {
    "T": "time",
    "B": "the batch",
    "L*D": "layers and directions",
    "I": "features",
    "H": "features",
    "P": "features",
}


def unnoticed(call: Call, hx: object) -> Iterator[str]:
    """A sentence for each slip that this call, whose input and states fit, may hide."""
    module = call.module
    yield from _equal_sizes(call, hx)
    if call.T is None or hx is not None or call.N is not None:
        return  # a cell takes one step; a state that fits says what the axes are
    if not call.batch and call.T > 1:
        yield (
            f"input has two axes, so it is read as one sequence of T={call.T} steps, without a batch. "
            f"Is it a batch of {call.T} single steps? Then add the time axis: "
            f"input.unsqueeze({1 if module.batch_first else 0})."
        )
    if call.B is not None and call.T == 1 < call.B:
        yield (
            f"input is read as {call.B} sequences of one step each (batch_first={module.batch_first}). "
            f"Is it one sequence of {call.B} steps? Then exchange its first two axes: input.transpose(0, 1)."
        )


def _equal_sizes(call: Call, hx: object) -> Iterator[str]:
    """For each tensor whose first two axes have one size: exchanged, they still fit."""
    module = call.module
    axes_in = input_axes(module, call.batch, call.T)  # of a packed input as it was before
    equal = {size for _, size in (*axes_in, ("H", module.hidden_size))}
    if len(equal) == 1 and equal != {1}:
        *letters, last = [name for name, _ in axes_in] + ["H"]
        all_or_both = "all" if len(letters) > 1 else "both"
        yield (
            f"{', '.join(letters)} and {last} are {all_or_both} {equal.pop()}: equal sizes hide every "
            "exchange, of axes, of weights, of states. In an example, give each its own size."
        )
        return
    tensors: dict[Axes, str] = {axes_in: "input"}
    for name, axes in call.states_in.items() if hx is not None else ():
        tensors[axes] = f"{tensors[axes]} and {name}" if axes in tensors else name
    for axes, names in tensors.items():
        if len(axes) == 1 or axes[0][1] != axes[1][1] or axes[0][1] == 1:
            continue
        (first, size), (second, _) = axes[:2]
        yield (
            f"{names}: {first} and {second} are both {size}, "
            "so nothing notices if these two axes are exchanged. " + _reading(call, names, first, second)
        )


def _reading(call: Call, names: str, first: str, second: str) -> str:
    if names == "input" and call.N is not None:
        return "If pack_padded_sequence was given (B, T, I), did it have batch_first=True?"
    why = ""
    if is_layer(call.module) and call.batch:
        by = f" (batch_first={call.module.batch_first})"
        why = by if names == "input" else ", whatever batch_first is"
    return f"Axis 0 is read as {READ_AS[first]}, axis 1 as {READ_AS[second]}{why}."


def not_recurrent(module: object, input: object = None) -> str:
    """The sentence for a `module` that is no recurrent one."""
    expected = "module: expected an RNN, LSTM or GRU, or a cell of these, of torch.nn or rnncourse, got"
    if isinstance(module, type):
        slip = f" Make one first: {module.__name__}(…)." if issubclass(module, nn.Module) else ""
        if issubclass(module, sum(CLASSES.values(), ())):
            slip = f" Make one first: {module.__name__}(input_size, hidden_size)."
        return f"{expected} the class {module.__name__}.{slip}"
    if isinstance(module, nn.Module):
        return f"{expected} {type(module).__name__}.{_what_it_holds(module)}"
    slip = ""
    if gates_of(input) is not None:
        slip = " The module comes first: explain(module, input)."
    elif isinstance(module, tuple):
        slip = " Is it what a layer returned? Pass the layer itself, then its input."
    return f"{expected} {kind_of(module)}.{slip}"


def _what_it_holds(model: nn.Module) -> str:
    if isinstance(model, torch.jit.ScriptModule):
        return " A compiled script can't be looked into: explain the module that it was made from."
    found = [_path(name) for name, part in model.named_modules() if gates_of(part) is not None]
    if not found:
        return " It holds none either."
    calls = ", ".join(f"explain({path})" for path in found[:4])
    more = f" and {len(found) - 4} more" if len(found) > 4 else ""
    slip = f" It holds {'one' if len(found) == 1 else 'some'}: {calls}{more}."
    chains = (list(part) for part in model.modules() if isinstance(part, nn.Sequential))
    if any(gates_of(part) and is_layer(part) for chain in chains for part in chain[:-1]):
        slip += " nn.Sequential hands on all that a layer returns, (output, state), not output alone."
    return slip


def _path(name: str) -> str:
    """A submodule's qualified name as code: encoder.0.rnn is model.encoder[0].rnn."""
    return "model" + "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in name.split("."))

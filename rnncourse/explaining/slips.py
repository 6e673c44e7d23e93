"""Say what no error can say: slips that go unnoticed, and objects that are not recurrent modules."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from rnncourse.explaining.call import Call
from rnncourse.shapes import Axes, input_axes, is_layer, kind_of
from rnncourse.spec import CLASSES, Spec

READ_AS = {
    "T": "time",
    "B": "the batch",
    "L*D": "layers and directions",
    "I": "features",
    "H": "features",
    "P": "features",
}


def unnoticed(call: Call, hx: object) -> Iterator[str]:
    """Yield a sentence for each slip that this call, whose input and states fit, may hide."""
    spec = call.spec
    yield from _equal_sizes(call, hx)
    yield from _mixing_view(hx)
    if call.T is None or hx is not None or call.N is not None:
        return  # a cell takes one step; a state that fits says what the axes are
    if not call.batch and call.T > 1:
        yield (
            f"input has two axes, so it is read as one sequence of T={call.T} steps, without a batch. "
            f"Is it a batch of {call.T} single steps? Then add the time axis: "
            f"input.unsqueeze({1 if spec.batch_first else 0})."
        )
    if call.B is not None and call.T == 1 < call.B:
        yield (
            f"input is read as {call.B} sequences of one step each (batch_first={spec.batch_first}). "
            f"Is it one sequence of {call.B} steps? Then exchange its first two axes: input.transpose(0, 1)."
        )
    elif call.B is not None and call.batch:
        lengths = (call.B, call.T) if spec.batch_first else (call.T, call.B)
        long = lengths.index(max(lengths))
        lopsided = max(lengths) >= LOPSIDED * min(lengths) > 0
        few_and_long = spec.batch_first and long == 1  # what batch_first promises
        if lopsided and call.B > 1 and not few_and_long:
            yield (
                f"input: axis {long} is {lengths[long]} long and axis {1 - long} only {lengths[1 - long]}. "
                f"With batch_first={spec.batch_first} that is read as {call.B} sequences of {call.T} steps. "
                f"If it holds {call.T} sequences of {call.B} steps, make the layer with "
                f"batch_first={not spec.batch_first}, or exchange the axes: input.transpose(0, 1)."
            )


LOPSIDED = 10  # from this ratio of the first two axes on, a call without a state is asked which is time


def _equal_sizes(call: Call, hx: object) -> Iterator[str]:
    """Yield a sentence for each tensor that still fits if its first two axes are exchanged."""
    spec = call.spec
    axes_in = input_axes(spec, call.batch, call.T)  # for a packed input, those before packing
    equal = {size for _, size in (*axes_in, ("H", spec.hidden_size))}
    if len(equal) == 1 and equal != {1}:
        *letters, last = [name for name, _ in axes_in] + ["H"]
        all_or_both = "all" if len(letters) > 1 else "both"
        yield (
            f"{', '.join(letters)} and {last} are {all_or_both} {equal.pop()}: equal sizes hide every "
            "exchange, of axes, of weights, of states. In an example, give each its own size."
        )
        return
    yield from _features_as_long(call, hx, axes_in)
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


def _features_as_long(call: Call, hx: object, axes_in: Axes) -> Iterator[str]:
    """Warn of images, read row by row, with as many features as steps or sequences."""
    if len(axes_in) != 3 or call.N is not None or hx is not None:
        return
    (first, size), (second, middle), (_, I) = axes_in
    if size == middle or I == 1:
        return  # already reported, or one number for each step
    if middle == I and second == "B":
        yield (
            f"input: B and I are both {I}, as in {size} images of {I} rows. With batch_first=False axis 0 is "
            f"time, so these are {I} sequences of {size} steps. If axis 0 is the batch, make the layer with "
            "batch_first=True."
        )
    elif I in (size, middle):
        letter = first if size == I else second
        yield (
            f"input: {letter} and I are both {I}, so nothing notices if these two axes are exchanged. "
            "The last axis is read as features."
        )


def _mixing_view(hx: object) -> Iterator[str]:
    """Warn of a state that h.view(L, B, 2*H) made from a bidirectional layer's (2*L, B, H): it mixes rows."""
    for name, state in zip(("h_0", "c_0"), hx if isinstance(hx, tuple | list) else (hx,), strict=False):
        base = state._base if isinstance(state, Tensor) else None
        if base is None or base.dim() != 3 or state.dim() != 3 or not state.is_contiguous():
            continue
        (S, B, width), rows = base.shape, state.shape
        if B > 1 and rows == (S // 2, B, 2 * width) and S % 2 == 0:
            yield (
                f"{name} is a view of a tensor {(S, B, width)} as {tuple(rows)}. A view keeps the order of "
                "the numbers, so each row holds two sequences, not two directions. To join the directions: "
                f"torch.cat(({name[0]}[0::2], {name[0]}[1::2]), dim=-1)."
            )


def _reading(call: Call, names: str, first: str, second: str) -> str:
    if names == "input" and call.N is not None:
        return "If pack_padded_sequence was given (B, T, I), did it have batch_first=True?"
    why = ""
    if not call.spec.is_cell and call.batch:
        by = f" (batch_first={call.spec.batch_first})"
        why = by if names == "input" else ", whatever batch_first is"
    return f"Axis 0 is read as {READ_AS[first]}, axis 1 as {READ_AS[second]}{why}."


def not_recurrent(module: object, input: object = None) -> str:
    """Return the sentence for a `module` that is not a recurrent one."""
    expected = "module: expected an RNN, LSTM or GRU, or a cell of these, of torch.nn or rnncourse, got"
    if isinstance(module, type):
        slip = f" Make one first: {module.__name__}(…)." if issubclass(module, nn.Module) else ""
        if issubclass(module, sum(CLASSES.values(), ())):
            slip = f" Make one first: {module.__name__}(input_size, hidden_size)."
        return f"{expected} the class {module.__name__}.{slip}"
    if isinstance(module, nn.Module):
        return f"{expected} {type(module).__name__}.{_what_it_holds(module)}"
    slip = ""
    if Spec.find(input):
        slip = " The module comes first: explain(module, input)."
    elif isinstance(module, tuple):
        slip = " Is it what a layer returned? Pass the layer itself, then its input."
    return f"{expected} {kind_of(module)}.{slip}"


def _what_it_holds(model: nn.Module) -> str:
    if isinstance(model, torch.jit.ScriptModule):
        return " A compiled script can't be looked into: explain the module that it was made from."
    found = [path(name) for name, part in model.named_modules() if Spec.find(part)]
    if not found:
        return " It holds none either."
    calls = ", ".join(f"explain({part})" for part in found[:4])
    more = f" and {len(found) - 4} more" if len(found) > 4 else ""
    slip = f" It holds {'one' if len(found) == 1 else 'some'}: {calls}{more}."
    chains = (list(part) for part in model.modules() if isinstance(part, nn.Sequential))
    if any(Spec.find(part) and is_layer(part) for chain in chains for part in chain[:-1]):
        slip += " nn.Sequential passes on all that a layer returns, (output, state), not output alone."
    return slip


def path(name: str) -> str:
    """Return a submodule's qualified name as code: encoder.0.rnn is model.encoder[0].rnn."""
    return "model" + "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in name.split("."))

"""Say what the numbers of a call show: nan, padding that was not packed, states that no cell can compute."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from rnncourse.explaining.call import Call
from rnncourse.shapes import parameter_axes
from rnncourse.spec import stored


def doubtful_numbers(call: Call, input: object, hx: object) -> Iterator[str]:
    """Yield a sentence for each doubt about a call whose input and states fit."""
    states = hx if isinstance(hx, tuple | list) else () if hx is None else (hx,)
    named: dict[str, object] = {"input": input.data if isinstance(input, PackedSequence) else input}
    named |= dict(zip(("h_0", "c_0"), states, strict=False))
    tensors = _readable(named)
    with torch.no_grad():
        yield from _not_finite(call, tensors)
        yield from _states(call, tensors)
        if call.N is None and call.batch and not call.spec.is_cell and "input" in tensors:
            yield from _padding(call, tensors["input"])
    if isinstance(input, PackedSequence) and input.batch_sizes[-1] < input.batch_sizes[0]:
        shorter = int(input.batch_sizes[0] - input.batch_sizes[-1])
        are, them, their = ("is", "it", "its") if shorter == 1 else ("are", "them", "their")
        yield (
            f"{shorter} of the {call.B} sequences {are} shorter than {call.T} steps. After "
            f"pad_packed_sequence, output[:, -1] (batch first) or output[-1] is padding for {them}: {their} "
            "last step is in h_n[-1]."
        )


def _readable(named: dict[str, object]) -> dict[str, Tensor]:
    """Return the tensors whose numbers can be read."""
    return {name: value for name, value in named.items() if isinstance(value, Tensor) and _has_numbers(value)}


def _has_numbers(tensor: Tensor) -> bool:
    if tensor.is_meta or tensor.is_nested or tensor.layout is not torch.strided:
        return False
    return tensor.is_floating_point() and tensor.numel() > 0


def _not_finite(call: Call, tensors: dict[str, Tensor]) -> Iterator[str]:
    weights: dict[str, object] = {
        name: stored(call.spec.module, name) for name, _ in parameter_axes(call.spec)
    }
    for name, tensor in (tensors | _readable(weights)).items():
        bad = ~tensor.isfinite()
        count = int(bad.sum())
        if count:
            first = tuple(bad.nonzero()[0].tolist())
            what, are = "nan" if tensor[first].isnan() else "inf", "is" if count == 1 else "are"
            yield (
                f"{name}: {count} of its {tensor.numel()} numbers {are} nan or inf; the first, {what}, is at "
                f"{list(first)}. A step that reads nan gives nan, and so do all steps after it."
            )


def _states(call: Call, tensors: dict[str, Tensor]) -> Iterator[str]:
    spec = call.spec
    made = [name for name in ("h_0", "c_0") if name in tensors and tensors[name].grad_fn is not None]
    if made:
        them = "it" if len(made) == 1 else "them"
        yield (
            f"{' and '.join(made)}: backward will go on through what made {them}. Between an encoder and its "
            f"decoder that is right. Carried from the batch before, detach {them} first: "
            f"{', '.join(f'{name}.detach()' for name in made)}."
        )
    unbounded = spec.proj_size or spec.nonlinearity == "relu"
    if "h_0" in tensors and not unbounded:
        largest = tensors["h_0"].abs().max().item()
        if largest > 1:
            swapped = " Are h_0 and c_0 exchanged?" if spec.has_cell_state else ""
            yield (
                f"h_0 reaches {largest:.3g} in absolute value. A state that this module computed from zeros "
                f"lies between -1 and 1.{swapped} torch.zeros is the usual start, not torch.randn."
            )


def _padding(call: Call, input: Tensor) -> Iterator[str]:
    """Say so if rows end in steps of zeros, at different steps: they look padded."""
    rows = input if call.spec.batch_first else input.transpose(0, 1)  # (B, T, I)
    filled = (rows != 0).any(-1)
    T = rows.size(1)
    steps = torch.arange(1, T + 1, device=rows.device)
    lengths = (filled * steps).amax(1)  # 0 for a row of zeros
    short = (lengths > 0) & (lengths < T)
    if short.any() and len(lengths.unique()) > 1:
        b = int(short.nonzero()[0])
        ends = "ends" if int(short.sum()) == 1 else "end"
        yield (
            f"{int(short.sum())} of the {len(lengths)} sequences {ends} in steps of zeros (row {b} after "
            f"{int(lengths[b])} of {T}). If that is padding, the layer reads it: h_n and output's last step "
            "come after it. Pack the batch: pack_padded_sequence(input, lengths, "
            f"batch_first={call.spec.batch_first}, enforce_sorted=False)."
        )

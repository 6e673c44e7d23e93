"""The rows of an explanation's table, and the notes below it."""

from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from rnncourse.explaining.call import Call
from rnncourse.explaining.view import Row
from rnncourse.shapes import (
    BATCH,
    input_axes,
    joined_axis,
    kind_of,
    named,
    output_axes,
    parameter_axes,
    shape_of,
    state_axes,
)
from rnncourse.spec import Spec


def rows_by_heading(call: Call, input: object = None, hx: object = None) -> dict[str, list[Row]]:
    """Return a row for each tensor by heading; input and hx, right or wrong, are shown beside the shapes."""
    parameters = "parameters"
    if call.spec.letters:
        parameters += f"; rows of weight_ih, weight_hh and the biases: {_gate_rows(call.spec)}"
    return {
        "goes in": _rows_in(call, input, hx),
        "comes out": _rows_out(call),
        parameters: [Row(name, axes, note=_weight_note(name)) for name, axes in parameter_axes(call.spec)],
    }


def notes(call: Call) -> Iterator[str]:
    """Yield the notes below the table."""
    return _layer_notes(call) if not call.spec.is_cell else _cell_notes(call)


def _rows_in(call: Call, input: object, hx: object) -> list[Row]:
    spec = call.spec
    if spec.is_cell:
        note = "one time step"
    elif call.N is not None:
        note = f"data of a PackedSequence: {call.B} sequences, the longest of {call.T} steps"
    elif not call.batch:
        note = "one sequence, no batch"
    else:
        note = f"{'batch' if spec.batch_first else 'time'} first: batch_first={spec.batch_first}"
    rows = [Row("input", call.input_axes, _given(input), note)]
    given = _given_states(spec, hx)
    for (name, axes), one in zip(call.states_in.items(), given, strict=False):
        rows.append(Row(name, axes, one, "zeros if left out" if name == "h_0" else ""))
    return rows


def _rows_out(call: Call) -> list[Row]:
    spec, rows = call.spec, []
    ends = [f"{name[0]} after this step" for name in call.states_out]
    if not spec.is_cell:
        rows.append(Row("output", call.output_axes, note=_output_note(spec)))
        ends = [f"the last {name[0]}" for name in call.states_out]
        ends[0] += _row_names(spec)
    states = call.states_out.items()
    return rows + [Row(name, axes, note=end) for (name, axes), end in zip(states, ends, strict=True)]


def _given(value: object) -> str:
    """Return what was passed, as the table shows it."""
    if value is None:
        return ""
    if isinstance(value, PackedSequence):
        return f"packed {shape_of(value.data)}"
    if isinstance(value, tuple | list):
        return f"{kind_of(value)} of {len(value)}"
    try:
        return shape_of(value) if isinstance(value, Tensor) else kind_of(value)
    except RuntimeError:  # a nested tensor has no shape
        return kind_of(value)


def _given_states(spec: Spec, hx: object) -> list[str]:
    if hx is None:
        return ["", ""]
    if spec.has_cell_state and isinstance(hx, tuple | list):
        return [*map(_given, hx), "missing", "missing"][:2]
    return [_given(hx), "missing"]


def _output_note(spec: Spec) -> str:
    note = "the last layer's h at every step"
    if spec.bidirectional:
        width = joined_axis(spec)[1] // 2
        note += f": forward [..., :{width}], backward [..., {width}:]"
    return note


def _row_names(spec: Spec) -> str:
    """Return which layer and direction each row of a state belongs to."""
    directions = (" forward", " backward") if spec.bidirectional else ("",)
    names = [f"{k}{direction}" for k in range(spec.num_layers) for direction in directions]
    if len(names) == 1:
        return ""
    return f" of layer {', '.join(names[:4])}{', …' if len(names) > 4 else ''}"


def _gate_rows(spec: Spec) -> str:
    H = spec.hidden_size
    return ", ".join(f"{gate} {k * H}:{(k + 1) * H}" for k, gate in enumerate(spec.letters))


def _weight_note(name: str) -> str:
    stem, _, layer = name.removesuffix("_reverse").partition("_l")
    if stem == "weight_ih":
        return f"times layer {int(layer) - 1}'s output" if layer not in ("", "0") else "times the input"
    return {"weight_hh": "times h", "weight_hr": "projects h from H to P"}.get(stem, "")


def _layer_notes(call: Call) -> Iterator[str]:
    spec = call.spec
    if call.N is not None:
        yield (
            "Packed: h_n holds each sequence's own last step, in the order in which you packed them. "
            "batch_first has no effect here: give it to pack_padded_sequence and pad_packed_sequence."
        )
    elif not call.batch:
        yield "Without a batch, batch_first has no effect."
    elif spec.batch_first:
        yield f"batch_first moves input and output, never a state: {named(state_axes(spec, 'h_0', BATCH))}."
    else:
        other = replace(spec, batch_first=True)
        yield (
            f"batch_first=True would make input {named(input_axes(other))} and output "
            f"{named(output_axes(other))}. It moves no state."
        )
    if call.batch and call.N is None:
        yield "From (B, T, …) to (T, B, …) and back: transpose(0, 1). view and reshape mix the sequences."
    if not call.known:
        alone = [named(axes(spec, ())) for axes in (input_axes, output_axes)]
        yield (
            f"Without a batch: input {alone[0]}, output {alone[1]}, "
            f"h_0 and h_n {named(state_axes(spec, 'h_0', ()))}."
        )
        yield (
            f"Packed: a PackedSequence of sequences {named((('T_b', None), ('I', spec.input_size)))}; the "
            "output is packed too, h_n holds each sequence's own last step, in the order in which you packed."
        )
    yield "output has every step of the last layer, h_n the last step of every layer and direction."
    if spec.bidirectional:
        if call.N is None:
            last = "output[:, -1]" if spec.batch_first and call.batch else "output[-1]"
            yield f"The backward half of {last} has read one step: that direction ends at step 0, in h_n[-1]."
        yield f"The two directions apart: output.unflatten(-1, (2, {joined_axis(spec)[1] // 2}))."
        yield (
            "Both directions' last h of the top layer: torch.cat((h_n[-2], h_n[-1]), dim=-1). "
            f"h_n.view({spec.num_layers}, B, {joined_axis(spec)[1]}) mixes the sequences."
        )
    if spec.proj_size:
        yield "proj_size narrows h, and so output, to P; c stays H wide."
    state = "the pair (h_n, c_n)" if spec.has_cell_state else "h_n"
    yield f"A call returns a tuple, output and {state}: nn.Sequential would pass on all of it."


def _cell_notes(call: Call) -> Iterator[str]:
    spec = call.spec
    yield "A cell takes one time step, neither a sequence nor a PackedSequence: the loop over time is yours."
    if not call.known:
        h = named(state_axes(spec, "h_0", ()))
        yield f"Without a batch: input {named(input_axes(spec, ()))}, h_0 and h_1 {h}."
    yield f"A one-layer {spec.kind} has the same parameters, with _l0 after each name."

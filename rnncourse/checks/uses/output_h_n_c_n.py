"""How the classes of tasks 5 to 7 are used. This runs next to the learner's code and knows no answer."""

import torch

from rnncourse.checks.framework.use import Problem, use


@use("a class")
def build_and_call(module_class, arguments):
    """Use SentenceVector: build it around the layer, as a trainable module of nn.Sequential."""
    layer, x = arguments.values()
    module = module_class(layer)
    if not isinstance(module, torch.nn.Module):
        raise Problem("it is not a torch.nn.Module: derive your class from nn.Module.")
    own = set(map(id, module.parameters()))
    if not own.issuperset(map(id, layer.parameters())):
        raise Problem("the layer's parameters are not among its own: save the layer itself as an attribute.")
    return torch.nn.Sequential(module)(x)


@use("a class")
def push_pieces(stream_class, arguments):
    """Use Stream: two of them on one layer; calls are (which, piece), or (which, None) for a reset.

    All outputs in the order of the calls, joined along time: (T, B, H).
    """
    layer, calls = arguments.values()
    streams = stream_class(layer), stream_class(layer)
    outputs = []
    for which, piece in calls:
        if piece is None:
            streams[which].reset()
            continue
        output = streams[which].push(piece)
        if not isinstance(output, torch.Tensor):
            raise Problem("push returns a {kind}; expected the output, a tensor.", kind=type(output).__name__)
        if output.shape != (*piece.shape[:2], layer.hidden_size):
            raise Problem(
                "push returns shape {found} for a piece of shape {given}; expected {expected}.",
                found=tuple(output.shape),
                given=tuple(piece.shape),
                expected=(*piece.shape[:2], layer.hidden_size),
            )
        outputs.append(output.transpose(0, 1) if layer.batch_first else output)
    for kept in vars(stream_class).values():
        for part in kept if isinstance(kept, tuple | list) else (kept,):
            if isinstance(part, torch.Tensor):
                raise Problem("a state is saved on the class, so all streams share it. Save it on self.")
    return torch.cat(outputs)


@use("a class")
def push_batches(streams_class, arguments):
    """Use Streams: calls are (ids, pieces). Return the rows of all outputs, one below another: (rows, H)."""
    layer, calls = arguments.values()
    streams, rows = streams_class(layer), []
    for ids, pieces in calls:
        output = streams.push(list(ids), pieces)
        if not isinstance(output, torch.Tensor):
            raise Problem("push returns a {kind}; expected the output, a tensor.", kind=type(output).__name__)
        if output.shape != (*pieces.shape[:2], layer.hidden_size):
            raise Problem(
                "push returns shape {found} for pieces of shape {given}; expected {expected}.",
                found=tuple(output.shape),
                given=tuple(pieces.shape),
                expected=(*pieces.shape[:2], layer.hidden_size),
            )
        rows.append(output.flatten(0, 1))
    return torch.cat(rows)

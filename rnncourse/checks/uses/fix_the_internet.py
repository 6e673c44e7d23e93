"""How answers that may draw random numbers are used, and `carry`: chunk after chunk from the state before."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rnncourse.checks.framework.plain import kind_named, kinds, type_name
from rnncourse.checks.framework.use import Problem, use

TWO = "it returns {kind}; expected two things: the output, and the pair (h, c) for the next chunk."
COUNT = "it returns {count} things; expected two: the output, and the pair (h, c) for the next chunk."


@use("a function")
def call_from_a_seed(function: Callable, arguments: dict[str, Any]) -> Any:
    """Call the function; if it starts from noise, it is the same noise each time, so that it can be named."""
    torch.manual_seed(0)
    return function(*arguments.values())


@use("a function")
def chain(carry: Callable, arguments: dict[str, Any]) -> dict[str, Tensor]:
    """Return all outputs, and how the last chunk's output depends on the first chunk and on itself.

    output (B, T, H): the outputs of all chunks. gradient_before (B, T_0, I), gradient_within (B, T_n, I): the
    gradient of the sum of the last output with respect to the first chunk and to the last one; zeros where
    there is none. state_cut: whether no state came back with a graph.
    It has no helpers: only its own code may run beside the learner's.
    """
    torch.manual_seed(0)  # for a state that is drawn
    lstm, state = arguments["lstm"], arguments["state"]
    state_cut = True
    outputs = []
    chunks = []
    for chunk in arguments["chunks"]:
        chunks.append(chunk.requires_grad_())
        returned = carry(lstm, chunk, state)
        if tuple not in kinds(returned):
            raise Problem(TWO, kind=kind_named(type_name(returned)))
        if len(returned) != 2:
            raise Problem(COUNT, count=len(returned))
        output, state = returned
        if Tensor not in kinds(output):
            raise Problem("its first result is not a tensor; expected the output of the chunk.")
        outputs.append(output)
        if {tuple, list} & {*kinds(state)}:
            for part in state:
                if Tensor in kinds(part) and part.requires_grad:
                    state_cut = False
    ends = [chunks[0], chunks[-1]]
    found = [torch.zeros_like(chunks[0]), torch.zeros_like(chunks[-1])]
    if outputs[-1].requires_grad:
        gradients = torch.autograd.grad(outputs[-1].sum(), ends, allow_unused=True)
        for k in range(2):
            if gradients[k] is not None:
                found[k] = gradients[k]
    return {
        "output": torch.cat(outputs, dim=1),
        "gradient_before": found[0],
        "gradient_within": found[1],
        "state_cut": torch.tensor(state_cut),
    }

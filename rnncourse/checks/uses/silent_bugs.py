"""How the six models are used: built, loaded, called, and called again with a part of the input changed."""

from typing import Any

import torch
from torch import Tensor, nn

from rnncourse.checks.framework.plain import kinds, type_name
from rnncourse.checks.framework.use import NO_GRADIENT, Problem, use

OTHER_PARAMETERS = "its parameters are not those of the given class: keep the names and sizes of its layers."


@use("a class")
def run_and_disturb(module_class: type, arguments: dict[str, Any]) -> dict[str, Tensor]:
    """Return the output, which of its rows read which rows of the input, and which steps read which steps.

    rows[i, j]: row i of the output changes with row j of the input. steps[t, s] is the same of steps, or
    [b, s] where the output has no step of its own. Padded steps of an output are set to 0.

    arguments: the sizes and the inputs, each in their order; "parameters"; "timed", the number of the input
    that is changed; "by_step", whether the output has steps. It has no helpers: only its own code may run
    next to the learner's.
    """
    sizes: list = []
    inputs: list = []
    for name, value in arguments.items():
        if name not in ("parameters", "timed", "by_step"):
            (sizes if isinstance(value, int) else inputs).append(value)
    module = module_class(*sizes)
    if nn.Module not in kinds(module):
        raise Problem("it is not a torch.nn.Module: derive your class from nn.Module.")
    try:
        module.double().load_state_dict(arguments["parameters"])
    except RuntimeError:
        raise Problem(OTHER_PARAMETERS) from None
    output = module(*inputs)
    if Tensor not in kinds(output):
        raise Problem("its forward returns a {kind}; expected one tensor.", kind=type_name(output))
    if not output.requires_grad:
        raise Problem(NO_GRADIENT)
    timed, reads = arguments["timed"], []
    real = torch.ones_like(output, dtype=torch.bool)
    if arguments["by_step"] and "lengths" in arguments and output.shape[:2] == inputs[0].shape[:2]:
        real &= (torch.arange(output.shape[1]) < arguments["lengths"][:, None])[:, :, None]
    for axis in (0, 1):
        columns = []
        for k in range(inputs[timed].shape[axis]):
            changed = inputs[timed].clone()
            changed.select(axis, k).add_(1.0)
            again = module(*inputs[:timed], changed, *inputs[timed + 1 :])
            moved = ((again - output).detach().abs() > 1e-9) & real
            kept = 1 if axis == 1 and arguments["by_step"] and moved.dim() > 1 else 0
            columns.append(
                moved.movedim(kept, 0)[..., None].flatten(1).any(1) if moved.dim() else moved[None]
            )
        reads.append(torch.stack(columns, dim=1))
    return {"output": torch.where(real, output, 0.0), "rows": reads[0], "steps": reads[1]}

"""How the learner's epoch of sets 17 and 19 is used: with a net, an optimizer, batches. No answer is here."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from rnncourse.checks.framework.plain import kinds
from rnncourse.checks.framework.use import Problem, first_optimizer, use

first_optimizer()


@use("a function")
def train(function: Callable, arguments: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Return the losses that the function returns, and all weights afterwards, end to end.

    It has no helpers: only its own code may run beside the learner's.
    """
    modules = []
    parameters = []
    for value in arguments.values():
        if nn.Module in kinds(value):
            module = copy.deepcopy(value)
            modules.append(module)
            parameters += module.parameters()
    optimizer = torch.optim.SGD(parameters, lr=arguments["lr"])
    losses = function(*modules, optimizer, arguments["batches"], arguments["clip"])
    if losses is None:
        raise Problem("it returns None; expected the losses, one for each batch.")
    if Tensor not in kinds(losses):
        try:
            numbers = []
            for number in losses:
                numbers.append(float(number.detach() if Tensor in kinds(number) else number))
            losses = torch.tensor(numbers, dtype=torch.float64)
        except (TypeError, ValueError, RuntimeError):
            raise Problem("it does not return a list of numbers, one loss for each batch.") from None
    return losses, nn.utils.parameters_to_vector(parameters)

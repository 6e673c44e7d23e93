"""How the learner's epoch of task 5 is used: with a net, an optimizer, a sequence. No answer here."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from rnncourse.checks.framework.plain import kinds
from rnncourse.checks.framework.use import Problem, use


@use("a function")
def train(function: Callable, arguments: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """The losses that the function returns, and all weights when it is done, end to end.

    It has no helpers: only its own code may run beside the learner's.
    """
    lstm, head = copy.deepcopy(arguments["lstm"]), copy.deepcopy(arguments["head"])
    parameters = [*lstm.parameters(), *head.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=arguments["lr"])
    losses = function(lstm, head, optimizer, arguments["x"], arguments["y"], arguments["K"])
    if losses is None:
        raise Problem("it returns None; asked are the losses, one for each chunk.")
    if Tensor not in kinds(losses):
        try:
            losses = torch.tensor(list(map(float, losses)), dtype=torch.float64)
        except (TypeError, ValueError, RuntimeError):
            raise Problem("what it returns is no list of numbers, one loss for each chunk.") from None
    return losses, nn.utils.parameters_to_vector(parameters)

"""How the learner's training loop of task 5 is used: with a net, an optimizer, batches. No answer here."""

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
    """Return the norms that the function returns, and all weights afterwards, end to end.

    It has no helpers: only its own code may run beside the learner's.
    """
    rnn, head = copy.deepcopy(arguments["rnn"]), copy.deepcopy(arguments["head"])
    parameters = [*rnn.parameters(), *head.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=arguments["lr"])
    norms = function(rnn, head, optimizer, arguments["batches"], arguments["max_norm"])
    if norms is None:
        raise Problem("it returns None; expected the norms, one for each batch.")
    if Tensor not in kinds(norms):
        try:
            numbers = []
            for number in norms:
                numbers.append(float(number.detach() if Tensor in kinds(number) else number))
            norms = torch.tensor(numbers, dtype=torch.float64)
        except (TypeError, ValueError, RuntimeError):
            raise Problem("it does not return a list of numbers, one norm for each batch.") from None
    return norms, nn.utils.parameters_to_vector(parameters)

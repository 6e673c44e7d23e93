"""How the answers of tasks 2, 5 and 6 are used. No answer is here."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from rnncourse.checks.framework.plain import kinds, type_name
from rnncourse.checks.framework.use import Problem, first_optimizer, use

first_optimizer()

# The learner's `detach` of task 2 is called on a state with a past.


@use("a function")
def cut_state(function: Callable, arguments: dict[str, Any]) -> dict[str, Tensor]:
    """Return for each tensor in the state the resulting numbers and three booleans.

    cut: what comes back has no past. original: the one given still has its own. noticed: a later write into
    the one given is counted by the one that comes back, if the two share their memory.
    It has no helpers: only its own code may run beside the learner's.
    """
    one = torch.ones((), requires_grad=True)
    state, waiting = arguments["state"], [arguments["state"]]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Tensor):
            item.mul_(one)  # in place: now the tensor itself has a past
        else:
            waiting += item
    returned = function(state)
    numbers, cut, original, noticed, pairs = [], [], [], [], [(state, returned)]
    while pairs:
        given, found = pairs.pop()
        if isinstance(given, Tensor):
            if Tensor not in kinds(found):
                raise Problem("for a tensor, it returns a {kind}.", kind=type_name(found))
            numbers.append(found.detach().clone().flatten())
            cut.append(found.grad_fn is None)
            original.append(given.grad_fn is not None)
            version, shared = found._version, found.data_ptr() == given.data_ptr()
            with torch.no_grad():
                given.add_(0)
            noticed.append(not shared or found._version > version)
            continue
        if not {tuple, list} & {*kinds(found)} or len(found) != len(given):
            sized = {tuple, list} & {*kinds(found)}
            raise Problem(
                "for {count} states in a {given}, it returns a {kind} of {found}."
                if sized
                else "for {count} states in a {given}, it returns a {kind}.",
                count=len(given),
                given=type_name(given),
                kind=type_name(found),
                found=len(found) if sized else 0,
            )
        pairs += reversed(list(zip(given, found, strict=True)))
    return {
        "numbers": torch.cat(numbers),
        "cut": torch.tensor(cut),
        "original": torch.tensor(original),
        "noticed": torch.tensor(noticed),
    }


# How the learner's epoch of task 5 is used: with a net, an optimizer and a sequence. No answer here.


@use("a function")
def train(function: Callable, arguments: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Return the losses that the function returns, and all weights afterwards, end to end.

    It has no helpers: only its own code may run beside the learner's.
    """
    lstm, head = copy.deepcopy(arguments["lstm"]), copy.deepcopy(arguments["head"])
    parameters = [*lstm.parameters(), *head.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=arguments["lr"])
    losses = function(lstm, head, optimizer, arguments["x"], arguments["y"], arguments["K"])
    if losses is None:
        raise Problem("it returns None; expected the losses, one for each chunk.")
    if Tensor not in kinds(losses):
        try:
            numbers = []
            for number in losses:
                numbers.append(float(number.detach() if Tensor in kinds(number) else number))
            losses = torch.tensor(numbers, dtype=torch.float64)
        except (TypeError, ValueError, RuntimeError):
            raise Problem("it does not return a list of numbers, one loss for each chunk.") from None
    return losses, nn.utils.parameters_to_vector(parameters)


# How the module of task 6 is used: built, loaded, called, reset, called again. No answer here.


@use("a class")
def read_twice(module_class: type, arguments: dict[str, Any]) -> dict[str, Tensor]:
    """Return the outputs of three chunks, the last chunk's gradient, and the first output after a reset.

    The gradient is that of the sum of the squared outputs by the layer's parameters, end to end.
    """
    module = module_class(arguments["input_size"], arguments["hidden_size"], arguments["batch_size"])
    if nn.Module not in kinds(module):
        raise Problem("it is not a torch.nn.Module: derive your class from nn.Module.")
    if nn.LSTM not in kinds(getattr(module, "lstm", None)):
        raise Problem("it has no `self.lstm`, a torch.nn.LSTM: leave that name as it is.")
    module.lstm.load_state_dict(arguments["parameters"])
    if arguments["double"]:
        module.double()
    outputs = []
    for chunk in arguments["chunks"]:
        output = module(chunk)
        if Tensor not in kinds(output):
            raise Problem(
                "its forward returns a {kind}; expected the output, a tensor.", kind=type_name(output)
            )
        outputs.append(output)
        (output.square().sum() + 0).backward(retain_graph=True)
        gradient = []
        for parameter in module.lstm.parameters():
            gradient.append(parameter.grad.flatten())
            parameter.grad = None
    module.reset()
    again = module(arguments["chunks"][0])
    return {"output": torch.cat(outputs), "gradient": torch.cat(gradient), "after reset": again}

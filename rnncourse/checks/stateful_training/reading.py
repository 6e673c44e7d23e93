"""How the module of task 6 is used: built, loaded, read with, reset, read with again. No answer here."""

from typing import Any

import torch
from torch import Tensor, nn

from rnncourse.checks.framework.plain import kinds, type_name
from rnncourse.checks.framework.use import Problem, use


@use("a class")
def read_twice(module_class: type, arguments: dict[str, Any]) -> dict[str, Tensor]:
    """The outputs of three chunks; the last chunk's gradient; the first output after a reset.

    The gradient is that of the sum of the squared outputs by the layer's parameters, end to end.
    """
    module = module_class(arguments["input_size"], arguments["hidden_size"], arguments["batch_size"])
    if nn.Module not in kinds(module):
        raise Problem("it is no torch.nn.Module: derive your class from nn.Module.")
    if nn.LSTM not in kinds(getattr(module, "lstm", None)):
        raise Problem("it has no `self.lstm`, a torch.nn.LSTM: leave that name as it is.")
    module.lstm.load_state_dict(arguments["parameters"])
    if arguments["double"]:
        module.double()
    outputs = []
    for chunk in arguments["chunks"]:
        output = module(chunk)
        if Tensor not in kinds(output):
            raise Problem(f"its forward returns a {type_name(output)}; asked is the output, a tensor.")
        outputs.append(output)
        (output.square().sum() + 0).backward(retain_graph=True)
        gradient = []
        for parameter in module.lstm.parameters():
            gradient.append(parameter.grad.flatten())
            parameter.grad = None
    module.reset()
    again = module(arguments["chunks"][0])
    return {"output": torch.cat(outputs), "gradient": torch.cat(gradient), "after reset": again}

"""How a bidirectional LSTM is used in task 6: built, loaded, set to train or eval, called. No answer here."""

from typing import Any

import torch
from torch import Tensor

from rnncourse.checks.framework.use import NO_GRADIENT, Problem, check_parameters, use

EXPECTED = "return what nn.LSTM returns: output, (h_n, c_n)."


@use("a class")
def load_set_and_call(module_class: type, arguments: dict[str, Any]) -> Any:
    """Return what a call returns, without hx where it is None; without an x, the new parameters."""
    torch.manual_seed(0)  # what it draws is the same each time
    module = module_class(arguments["input_size"], arguments["hidden_size"], **arguments["options"])
    check_parameters(module, arguments["parameters"])
    if arguments["x"] is None:
        return dict(module.state_dict())
    module.to(arguments["x"].dtype).load_state_dict(arguments["parameters"])
    module.train(arguments["train"])
    hx = arguments["hx"]
    returned = module(arguments["x"]) if hx is None else module(arguments["x"], hx)
    check_parameters(module, arguments["parameters"])
    output = returned[0] if isinstance(returned, tuple | list) and returned else None
    if isinstance(output, Tensor) and not output.requires_grad:
        raise Problem(NO_GRADIENT)
    return returned

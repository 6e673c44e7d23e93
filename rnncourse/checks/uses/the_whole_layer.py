"""How a layer is used in task 6: built, loaded, called, and asked for its gradients. No answer here."""

from typing import Any

import torch
from torch import Tensor

from rnncourse.checks.framework.use import NO_GRADIENT, Problem, check_parameters, use

EXPECTED = "return what nn.LSTM returns: output, (h_n, c_n)."


@use("a class")
def load_call_and_differentiate(module_class: type, arguments: dict[str, Any]) -> Any:
    """Return output (time first), h_n, c_n, and the gradients of x and of all parameters.

    Those of the parameters come in torch's order, as one row. The loss weights each number of the three
    results differently, whatever their shapes are. Without an x, return the new parameters.
    """
    torch.manual_seed(0)  # what it draws is the same each time
    module = module_class(arguments["input_size"], arguments["hidden_size"], **arguments["options"])
    check_parameters(module, arguments["parameters"])
    if arguments["x"] is None:
        return dict(module.state_dict())
    module.to(arguments["x"].dtype).load_state_dict(arguments["parameters"])
    module.train(arguments["train"])
    x, hx = arguments["x"].clone().requires_grad_(), arguments["hx"]
    returned = module(x) if hx is None else module(x, hx)
    check_parameters(module, arguments["parameters"])
    if not isinstance(returned, tuple | list) or len(returned) != 2:
        raise Problem(EXPECTED)
    output, states = returned
    if not isinstance(states, tuple | list) or len(states) != 2:
        raise Problem(EXPECTED)
    loss, leaves, gradients = torch.zeros(()), [x], []
    for value in (output, *states):
        if not isinstance(value, Tensor):
            raise Problem(EXPECTED)
        weights = torch.arange(1.0, value.numel() + 1).cos().view(value.shape)
        loss = loss + (value * weights).sum()
    if not loss.requires_grad:
        raise Problem(NO_GRADIENT)
    for name in arguments["parameters"]:
        leaves.append(getattr(module, name))
    for gradient in torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True):
        gradients.append(gradient)
    if arguments["options"].get("batch_first") and x.dim() == 3 and output.dim() == 3:
        output, gradients[0] = output.transpose(0, 1), gradients[0].transpose(0, 1)
    rows = []
    for gradient in gradients[1:]:
        rows.append(gradient.flatten())
    results = {"output": output, "h_n": states[0], "c_n": states[1]}
    return results | {"dx": gradients[0], "dparameters": torch.cat(rows)}

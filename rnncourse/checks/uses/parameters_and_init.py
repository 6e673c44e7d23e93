"""A function that changes a module in place, and the module afterwards. No answer here."""

import copy
from collections.abc import Callable
from typing import Any

from torch import Tensor

from rnncourse.checks.framework.cases import TorchModule
from rnncourse.checks.framework.use import Problem, use


@use("a function")
def changed_module(function: Callable, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return all parameters by name after the function, and whether it refused a module without biases.

    It has no helpers: only its own code may run beside the learner's.
    """
    names = list(arguments)
    module = copy.deepcopy(arguments[names[0]])
    refused = False
    try:
        function(module, *[*arguments.values()][1:])
    except ValueError:
        if module.bias:
            raise
        refused = True
    found = {"refused": refused}
    found.update(module.state_dict())
    return found


def parameters_after(returned: dict[str, Any], module: TorchModule) -> dict[str, Tensor]:
    """Return the parameters by name. Raise Problem if their names or shapes are no longer the module's."""
    after = {name: value for name, value in returned.items() if name != "refused"}
    if after.keys() != module.parameters.keys():
        raise Problem(
            "the module does not have the same parameters as before. Change the numbers in the existing ones."
        )
    for name, value in after.items():
        if value.shape != module.parameters[name].shape:
            raise Problem(
                "{name} has shape {shape} afterwards, which is not the shape it had before.",
                name=name,
                shape=tuple(value.shape),
            )
    return after

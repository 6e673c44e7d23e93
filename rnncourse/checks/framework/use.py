"""How a learner's object is used in one case. This runs beside the learner's code: it knows no answer."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from rnncourse.checks.framework.plain import class_name, kinds, type_name


class Problem(Exception):
    """Says in a sentence why a learner's object cannot be used; the sentence becomes the verdict."""


@dataclass(frozen=True)
class Use:
    """`run(learner, arguments)` gives what the learner's object returns for the arguments of one case.

    wants: "a function", "a class", or "a value", which is judged as it is.
    """

    run: Callable[[Any, dict[str, Any]], Any]
    wants: str = "a function"

    @property
    def names(self) -> tuple[str, str]:
        """The module and the name by which another process finds it."""
        return self.run.__module__, self.run.__name__


def use(wants: str) -> Callable[[Callable], Use]:
    """`@use("a class")` above a function (learner, arguments) makes it a Use."""
    return functools.partial(Use, wants=wants)


@use("a function")
def call(function: Callable, arguments: dict[str, Any]) -> Any:
    """The plain way: the arguments by position."""
    return function(*arguments.values())


@use("a value")
def value(given: Any, arguments: dict[str, Any]) -> Any:
    """A dict, list or number that the learner filled in, or a function without arguments that returns it."""
    return given() if types.FunctionType in kinds(given) else given


@use("a class")
def load_and_call(module_class: type, arguments: dict[str, Any]) -> Any:
    """A class like torch.nn's: built, loaded with parameters, and called.

    arguments, in order: what the class is built with, by position ("options", a dict, by name); then
    "parameters", a state_dict; then what the module is called with (Nones at the end are left out).
    """
    names = list(arguments)
    at = names.index("parameters")
    positions = [arguments[name] for name in names[:at] if name != "options"]
    module = module_class(*positions, **arguments.get("options", {}))
    check_parameters(module, arguments["parameters"])
    for weight in arguments["parameters"].values():
        module.to(weight.dtype)
    module.load_state_dict(arguments["parameters"])
    inputs = [arguments[name] for name in names[at + 1 :]]
    while inputs and inputs[-1] is None:
        inputs.pop()
    returned = module(*inputs)
    check_parameters(module, arguments["parameters"])  # a call adds none
    return returned


def check_parameters(module: Any, expected: dict[str, Tensor]) -> None:
    """Check that a module's parameters have torch's names and shapes. Raises Problem with the first fault."""
    if nn.Module not in kinds(module):
        raise Problem("it is not a torch.nn.Module: derive your class from nn.Module.")
    found = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    trained = dict(module.named_parameters(remove_duplicate=False))
    for name, tensor in expected.items():
        if name not in found and Tensor in kinds(module.__dict__.get(name)):
            raise Problem(
                f"self.{name} is a plain tensor, so state_dict() has no {name}. Wrap it in nn.Parameter."
            )
        if name not in found:
            have = f"it has {', '.join(found)}" if found else "it is empty"
            raise Problem(f"its state_dict() has no {name} ({have}). Use torch's names.")
        if found[name] != tuple(tensor.shape):
            raise Problem(
                f"{name} has shape {found[name]}, torch's has {tuple(tensor.shape)}: use the same layout."
            )
        if name not in trained:
            raise Problem(f"{name} is a buffer, so no optimizer changes it. Make it an nn.Parameter.")
    extra = [name for name in found if name not in expected]
    biases = [name for name in extra if "bias" in name]
    if biases and not any("bias" in name for name in expected):
        raise Problem(f"its state_dict() has {', '.join(biases)}. With bias=False, torch's has no biases.")
    if any("weight" in name or "bias" in name for name in extra):
        raise Problem(f"its state_dict() has {', '.join(extra)}, which torch's does not have.")
    if extra:
        raise Problem(
            f"its state_dict() has {', '.join(extra)}, which torch's does not have. Is it a state? A state is"
            " neither a parameter nor a buffer: each call starts from hx, or from zeros."
        )


def wrong_kind(learner: Any, wants: str) -> str:
    """Why the object cannot be used so, in a sentence; else ''. Nothing of the object runs."""
    if wants == "a value":
        return ""
    is_class = type in kinds(learner)
    if is_class == (wants == "a class") and callable(learner):
        return ""
    if learner is None:
        return f"it got None. Pass {wants} by its name, without brackets: a call passes what it returns."
    if is_class:
        return f"it got the class {class_name(learner)}; asked is {wants}."
    if Tensor in kinds(learner):
        return f"it got a tensor; asked is {wants}. Pass it by its name, without brackets."
    name = type_name(learner)
    article = "an" if name[:1].lower() in "aeiou" else "a"
    if wants == "a class" and nn.Module in kinds(learner):
        return f"it got {article} {name}, built already; asked is the class: its name, without brackets."
    return f"it got {article} {name}; asked is {wants}, passed by its name: no quotes, no brackets."

"""How a learner's object is used in one case. This runs next to the learner's code and knows no answer."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rnncourse.checks.framework.language import say
from rnncourse.checks.framework.plain import class_name, kind_named, kinds, type_name


def first_optimizer() -> None:
    """Make an optimizer in advance, for tasks in which learners train.

    torch's first one imports a lot, for a second or more; that must not count as the learner's time.
    """
    torch.optim.SGD([torch.zeros(1, requires_grad=True)])


NO_GRADIENT = "no gradient flows back from what it returns. Was it detached, or computed under no_grad?"


class Problem(Exception):
    """Why a learner's object cannot be used, as a sentence with named fields. It becomes the verdict.

    Args:
        sentence: what is wrong, with a name in braces for each field.
        **fields: what the names stand for.

    Example:
        >>> from rnncourse.checks.framework.authoring import Problem
        >>> str(Problem("it returns {found} tensors; expected {count}.", found=2, count=3))
        'it returns 2 tensors; expected 3.'
    """

    def __init__(self, sentence: str, **fields: object) -> None:
        super().__init__(say(sentence, **fields))


@dataclass(frozen=True)
class Use:
    """`run(learner, arguments)` returns what the learner's object gives for the arguments of one case.

    wants: "a function", "a class", or "a value", which is judged as it is.
    """

    run: Callable[[Any, dict[str, Any]], Any]
    wants: str = "a function"

    def __post_init__(self) -> None:
        object.__setattr__(self, "__doc__", self.run.__doc__)  # each use has its own, for help() and the site

    @property
    def names(self) -> tuple[str, str]:
        """The module and the name by which another process finds it."""
        return self.run.__module__, self.run.__name__


def use(wants: str) -> Callable[[Callable], Use]:
    """Make a Use of a function (learner, arguments): write `@use("a class")` above it."""
    return functools.partial(Use, wants=wants)


@use("a function")
def call(function: Callable, arguments: dict[str, Any]) -> Any:
    """Call the function with the arguments by position."""
    return function(*arguments.values())


@use("a value")
def value(given: Any, arguments: dict[str, Any]) -> Any:
    """Return the dict, list or number that the learner filled in, calling it first if it is a function.

    Args:
        given: the value, or a function of no argument that returns it.
        arguments: those of the case; they are not used.

    Raises:
        Problem: the function returns None.

    Example:
        >>> from rnncourse.checks.framework.authoring import value
        >>> value.run({"steps": 3}, {}), value.run(lambda: {"steps": 3}, {})
        ({'steps': 3}, {'steps': 3})
    """
    if types.FunctionType not in kinds(given):
        return given
    returned = given()
    if returned is None:
        raise Problem("it returns None: is a `return` missing?")
    return returned


@use("a class")
def load_and_call(module_class: type, arguments: dict[str, Any]) -> Any:
    """Build a class like torch.nn's, load its parameters, call it, and return what it returns.

    Args:
        module_class: the learner's class.
        arguments: in order, what the class is built with, by position ("options", a dict, by name); then
            "parameters", a state_dict; then what the module is called with (Nones at the end are left out).

    Raises:
        Problem: the parameters differ from torch's, or no gradient flows back.

    Example:
        >>> from rnncourse.checks.framework.authoring import load_and_call, row, rows
        >>> parameters = {"weight": rows([2.0]), "bias": row(0.5)}
        >>> arguments = {"in": 1, "out": 1, "parameters": parameters, "x": row(3.0)}
        >>> load_and_call.run(torch.nn.Linear, arguments).item()
        6.5
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
    check_gradient(returned, inputs)
    return returned


def check_gradient(returned: Any, inputs: list[Any]) -> None:
    """Raise Problem if no gradient flows through the results: such a module cannot be trained.

    Inputs that are returned unchanged are a different fault.
    """
    results = _tensors_in(returned)
    given = {tensor.data_ptr() for tensor in _tensors_in(inputs)}
    if results and not any(result.requires_grad or result.data_ptr() in given for result in results):
        raise Problem(NO_GRADIENT)


def _tensors_in(value: Any) -> list[Tensor]:
    if Tensor in kinds(value):
        return [value]
    if {tuple, list} & {*kinds(value)}:
        return [tensor for item in value for tensor in _tensors_in(item)]
    return []


def check_parameters(module: Any, expected: dict[str, Tensor]) -> None:
    """Check that a module's parameters have torch's names and shapes. Raise Problem with the first fault."""
    if nn.Module not in kinds(module):
        raise Problem("it is not a torch.nn.Module: derive your class from nn.Module.")
    found = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    trained = dict(module.named_parameters(remove_duplicate=False))
    for name, tensor in expected.items():
        if name not in found and Tensor in kinds(module.__dict__.get(name)):
            raise Problem(
                "self.{name} is a plain tensor, so state_dict() has no {name}. Wrap it in nn.Parameter.",
                name=name,
            )
        if name not in found and not found:
            raise Problem("its state_dict() has no {name}: it is empty. Use torch's names.", name=name)
        if name not in found:
            raise Problem(
                "its state_dict() has no {name}: it has {names}. Use torch's names.",
                name=name,
                names=", ".join(found),
            )
        if found[name] != tuple(tensor.shape):
            raise Problem(
                "{name} has shape {shape}; torch's has {expected}. Use the same layout.",
                name=name,
                shape=found[name],
                expected=tuple(tensor.shape),
            )
        if name not in trained:
            raise Problem("{name} is a buffer: no optimizer updates it. Wrap it in nn.Parameter.", name=name)
    extra = [name for name in found if name not in expected]
    names = ", ".join(extra)
    if any("bias" in name for name in extra) and not any("bias" in name for name in expected):
        raise Problem(
            "its state_dict() has {names}. With bias=False, torch's layer has no biases.", names=names
        )
    if any("weight" in name or "bias" in name for name in extra):
        raise Problem("its state_dict() has {names}, which torch's does not have.", names=names)
    if extra:
        raise Problem(
            "its state_dict() has {names}, which torch's does not have. Is it a state? A state is neither a"
            " parameter nor a buffer: each call starts from hx, or from zeros.",
            names=names,
        )


def wrong_kind(learner: Any, wants: str) -> str:
    """Return a sentence on why the object cannot be used this way, or ''. None of its code runs."""
    if wants == "a value":
        return ""
    is_class = type in kinds(learner)
    if is_class == (wants == "a class") and callable(learner):
        return ""
    wanted = say(wants)
    if learner is None:
        sentence = (
            "it got None. Pass {wanted} by its name, without parentheses: a call passes only what it returns."
        )
        return say(sentence, wanted=wanted)
    if is_class:
        return say("it got the class {name}; expected {wanted}.", name=class_name(learner), wanted=wanted)
    if Tensor in kinds(learner):
        return say(
            "it got a tensor; expected {wanted}. Pass it by its name, without parentheses.", wanted=wanted
        )
    if wants == "a class" and nn.Module in kinds(learner):
        sentence = (
            "it got an instance of {name}, already built. Pass the class: its name, without parentheses."
        )
        return say(sentence, name=type_name(learner))
    kind = say("a function") if callable(learner) else kind_named(type_name(learner))
    sentence = "it got {kind}; expected {wanted}, passed by its name: no quotes, no parentheses."
    return say(sentence, kind=kind, wanted=wanted)

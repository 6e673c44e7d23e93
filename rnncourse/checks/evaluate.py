"""Runs a learner's function on the cases of a check, and gives plain data: no expected value is known here.

Whatever the function does (raise, recurse without end, print, warn, change its inputs, return nonsense) ends
in an Answer. An endless loop does not: who must survive one runs this in a process of its own.
"""

import contextlib
import io
import linecache
import os
import sysconfig
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rnncourse.checks.cases import Case, fresh, unchanged
from rnncourse.checks.watch import LIBRARY, Watch

NOT_THEIRS = tuple(folder + os.sep for folder in (LIBRARY, *map(sysconfig.get_path, ("stdlib", "purelib"))))
KEPT_OUTPUT = 200  # characters of what a function prints


@dataclass(frozen=True)
class Other:
    """Stands for a returned object that is none of the plain kinds."""

    type_name: str


Plain = None | bool | int | float | str | Tensor | np.ndarray | tuple | list | Other


@dataclass(frozen=True)
class Failure:
    """Why there is no returned value.

    kind: "not written", "raised", "parameters" (a module's do not fit), or "not a function".
    error, message: the exception's class name and text.
    line: the learner's own source line, if it can be had.
    inner: the learner's other function that it happened in, if it was not the one that was called.
    """

    kind: str
    error: str = ""
    message: str = ""
    line: str = ""
    inner: str = ""


@dataclass(frozen=True)
class Answer:
    """What one call gave, as plain data: tensors stripped of graph and subclass, arrays, tuples, lists, None.

    failure: why nothing was returned, else None.
    calls: the forbidden function that was called, else None.
    changed: names of the arguments that were changed in place.
    printed, warned: the beginning of what the call printed, and its first warning.
    """

    returned: Plain = None
    failure: Failure | None = None
    calls: str | None = None
    changed: tuple[str, ...] = ()
    printed: str = ""
    warned: str = ""


def evaluate(learner: Any, cases: Sequence[Case], use: "Use | None" = None) -> list[Answer]:
    """Calls `learner` on a copy of each case's arguments. One Answer for each case; raises nothing.

    use: how the learner's object is called, `call_function` or `run_cell_class`.
    """
    use = use or call_function
    problem = _wrong_kind(learner, wants_class=use is run_cell_class)
    if problem:
        return [Answer(failure=Failure("not a function", message=problem)) for _ in cases]
    with torch.random.fork_rng(devices=[]):  # a learner's seed stays the learner's
        return [_answer(learner, case, use) for case in cases]


def call_function(function: Callable, arguments: dict[str, Any]) -> Any:
    """The plain way: the arguments by position."""
    return function(*arguments.values())


def run_cell_class(cell_class: type, arguments: dict[str, Any]) -> Any:
    """A class like torch.nn.LSTMCell: built, loaded with the given parameters, and run one step."""
    cell = cell_class(arguments["input_size"], arguments["hidden_size"])
    problem = _parameter_problem(cell, arguments["parameters"])
    if problem:
        return Failure("parameters", message=problem)
    cell.load_state_dict(arguments["parameters"])
    state = arguments["state"]
    return cell(arguments["x_t"]) if state is None else cell(arguments["x_t"], state)


Use = Callable[[Any, dict[str, Any]], Any]


def _answer(learner: Any, case: Case, use: Use) -> Answer:
    arguments = {name: fresh(value) for name, value in case.arguments.items()}
    returned, failure, printed = None, None, _Printed()
    with warnings.catch_warnings(record=True) as caught, Watch() as watch:
        warnings.simplefilter("always")
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            try:
                returned = use(learner, arguments)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # SystemExit, too: a check must not end the notebook
                failure = _describe(error)
    if type(returned) is Failure:
        returned, failure = None, returned
    changed = tuple(
        name for name, value in case.arguments.items() if not _safely(unchanged, True, value, arguments[name])
    )
    return Answer(
        returned=_safely(_plain, Other("an object that cannot be read"), returned),
        failure=failure,
        calls=watch.seen,
        changed=changed,
        printed=printed.text,
        warned=_safely(lambda: str(caught[0].message).splitlines()[0][:KEPT_OUTPUT], "") if caught else "",
    )


class _Printed(io.TextIOBase):
    """Keeps the beginning of what is written to it and drops the rest."""

    text = ""

    def write(self, text: str) -> int:
        self.text += text[: KEPT_OUTPUT - len(self.text)]
        return len(text)


def _safely(function: Callable, otherwise: Any, *arguments: Any) -> Any:
    """The function's value, or `otherwise` where a learner's object turns out to raise when touched."""
    try:
        return function(*arguments)
    except Exception:
        return otherwise


def _plain(value: Any, depth: int = 0) -> Plain:
    # type(), never isinstance(): an object can lie about its class, or raise when asked.
    kinds = type(value).__mro__
    if value is None or kinds[0] in (bool, int, float, str):
        return value
    if Tensor in kinds:
        with torch._C.DisableTorchFunctionSubclass():
            return value.detach().clone().as_subclass(Tensor)
    if np.ndarray in kinds or np.generic in kinds:
        return np.array(value)
    if (list in kinds or tuple in kinds) and depth < 3 and len(value) <= 1000:
        items = [_plain(item, depth + 1) for item in value]
        return tuple(items) if tuple in kinds else items
    return Other(type(value).__name__)


def _wrong_kind(learner: Any, wants_class: bool) -> str:
    is_class = type in type(learner).__mro__
    name = "a class" if wants_class else "a function"
    if is_class == wants_class and callable(learner):
        return ""
    if learner is None:
        return f"it got None. Pass {name} by its name, without brackets: a call passes what it returns."
    if is_class:
        return f"it got the class {learner.__name__}; asked is {name}."
    if Tensor in type(learner).__mro__:
        return f"it got a tensor; asked is {name}. Pass it by its name, without brackets."
    kind = type(learner).__name__
    article = "an" if kind[0].lower() in "aeiou" else "a"
    return f"it got {article} {kind}; asked is {name}, passed by its name: no quotes, no brackets."


def _describe(error: BaseException) -> Failure:
    name = type(error).__name__
    message = _safely(lambda: " ".join(str(error).split())[:300], "")
    frames = _safely(lambda: traceback.extract_tb(error.__traceback__), [])
    theirs = [frame for frame in frames if not frame.filename.startswith(NOT_THEIRS)]
    line = inner = ""
    if theirs:
        inner = theirs[-1].name if theirs[-1].name != theirs[0].name else ""
        line = (theirs[-1].line or linecache.getline(theirs[-1].filename, theirs[-1].lineno)).strip()[:100]
    # The stub's own, not torch's "not implemented for 'Half'" or a module without forward().
    stub = (
        isinstance(error, NotImplementedError) and "not implemented for" not in message and "[" not in message
    )
    return Failure("not written" if stub else "raised", name, message, line, inner)


def _parameter_problem(cell: Any, expected: dict[str, Tensor]) -> str:
    """Do the parameters of a cell have torch's names and shapes? Says what is missing, else ''."""
    if nn.Module not in type(cell).__mro__:
        return "it is no torch.nn.Module: derive your class from nn.Module."
    found = {name: tuple(value.shape) for name, value in cell.state_dict().items()}
    for name, value in expected.items():
        if name not in found and Tensor in type(cell.__dict__.get(name)).__mro__:
            return f"self.{name} is a plain tensor, so state_dict() has no {name}. Wrap it in nn.Parameter."
        if name not in found:
            have = f"it has {', '.join(found)}" if found else "it is empty"
            return f"its state_dict() has no {name} ({have}). Asked are torch's four names."
        if found[name] != tuple(value.shape):
            return (
                f"{name} has shape {found[name]}, torch's has {tuple(value.shape)}: asked is the same layout."
            )
    extra = [name for name in found if name not in expected]
    if extra:
        return f"its state_dict() has {', '.join(extra)}, which torch.nn's cell has not."
    return ""

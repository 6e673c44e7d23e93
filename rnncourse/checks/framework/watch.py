"""Notes a call to what an exercise asks to build: torch's recurrent modules and functions, and our own."""

from __future__ import annotations

import functools
import importlib
import inspect
import linecache
import os
import pathlib
import sys
import sysconfig
import threading
from collections.abc import Iterable
from types import CodeType, FrameType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

FRAMEWORK = str(pathlib.Path(__file__).parent)
LIBRARY = str(pathlib.Path(__file__).parents[2])
NOT_THEIRS = tuple(folder + os.sep for folder in (LIBRARY, *map(sysconfig.get_path, ("stdlib", "purelib"))))

# What a task may forbid, by public names. A function of torch stands for the tensor's method, too.
_RNN_OPS = ("rnn_tanh_cell", "rnn_relu_cell", "lstm_cell", "gru_cell", "rnn_tanh", "rnn_relu", "lstm", "gru")
# Where torch has the same equations once more, in Python.
ELSEWHERE_IN_TORCH = tuple(
    str(pathlib.Path(torch.__file__).parent / folder) + os.sep for folder in ("_decomp", "ao/nn/quantizable")
)
RECURRENT = frozenset(
    {f"torch.nn.{name}" for name in ("RNNCell", "LSTMCell", "GRUCell", "RNN", "LSTM", "GRU")}
    | {f"torch.{name}" for name in _RNN_OPS}
    | {"rnncourse"}
)
AUTOGRAD = frozenset(
    {"torch.autograd.grad", "torch.autograd.backward", "torch.Tensor.backward"}
    | {f"torch.func.{name}" for name in ("grad", "vjp", "jvp", "jacrev", "jacfwd")}
    | {f"torch.autograd.functional.{name}" for name in ("vjp", "jvp", "jacobian", "hessian")}
)
PACKING = frozenset(
    f"torch.nn.utils.rnn.{name}"
    for name in (
        "pack_padded_sequence",
        "pad_packed_sequence",
        "pack_sequence",
        "unpack_sequence",
        "unpad_sequence",
    )
)
CLIPPING = frozenset(
    f"torch.nn.utils.{name}"
    for name in ("clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm")
)
ANSWERS = frozenset({"rnncourse.checks"})  # in every task
STAND_INS: dict[
    CodeType, str
] = {}  # code that a grader has put in the place of forbidden operations: their name


class Watch(TorchFunctionMode):
    """Within `with Watch(forbid) as watch`, `watch.seen` is the first forbidden call's name, else None.

    `watch.line` is the source line, outside of libraries, from which it came.

    forbid: public names, "torch.nn.LSTM" (or what is derived from it, when it runs), "torch.autograd.grad",
    "torch.cumsum", and "rnncourse", this library's whole. not_this: the code of the set's own Use.
    It only takes note and lets the call run: an exception could be swallowed by the code that is watched.
    Two views, because neither sees everything: Python's profile hook sees Python code (torch.nn.LSTMCell's,
    rnncourse's), torch's function mode sees torch.lstm_cell however it is reached.
    Not seen: what a scripted (torch.jit) function does inside another.
    """

    def __init__(self, forbid: Iterable[str] = RECURRENT, not_this: CodeType | None = None) -> None:
        super().__init__()
        self.seen: str | None = None
        self.line = ""
        self._code, self._ops = _forbidden(frozenset(forbid))
        self._modules = tuple(name for name in forbid if name.startswith("rnncourse"))
        self._not_this = not_this

    def __enter__(self) -> Watch:
        self._hook_before = sys.getprofile()
        threading.setprofile(self._python_call)  # for threads that begin within
        sys.setprofile(self._python_call)
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        sys.setprofile(self._hook_before)
        threading.setprofile(self._hook_before)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if self.seen is None:
            self._note(self._ops.get(getattr(func, "__name__", "").split(".")[0]), sys._getframe(1))
        return func(*args, **(kwargs or {}))

    def _python_call(self, frame: FrameType, event: str, argument: object) -> None:
        if self.seen is not None or event != "call":
            return
        code = frame.f_code
        if code in self._code or code in STAND_INS:
            self._note(self._code.get(code) or STAND_INS[code], frame)
        elif "torch.lstm_cell" in self._ops.values() and code.co_filename.startswith(ELSEWHERE_IN_TORCH):
            self._note(f"{frame.f_globals.get('__name__')}.{code.co_qualname}", frame)
        elif (
            code.co_filename.startswith(LIBRARY)
            and not code.co_filename.startswith(FRAMEWORK)
            and code is not self._not_this
            and str(frame.f_globals.get("__name__")).startswith(self._modules)
        ):
            self._note(_public_name(frame), frame)

    def _note(self, name: str | None, frame: FrameType | None) -> None:
        self.seen = name
        if name is None:
            return
        while frame is not None and frame.f_code.co_filename.startswith(NOT_THEIRS):
            frame = frame.f_back
        if frame is not None:
            self.line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()[:100]

    def scripted(self, learner: Any) -> None:
        """Looks into a function that torch.jit has compiled: no hook sees its calls."""
        if isinstance(learner, torch.jit.ScriptFunction | torch.jit.ScriptModule):
            graph = str(learner.inlined_graph)
            found = [name for op, name in self._ops.items() if f"aten::{op}(" in graph]
            self.seen = next(iter(found), None)


@functools.cache
def _forbidden(names: frozenset[str]) -> tuple[dict[CodeType, str], dict[str, str]]:
    """Python code and torch's built-in operations of these names, each with its public name."""
    code, ops = {}, {}
    for name in sorted(name for name in names if not name.startswith("rnncourse")):
        thing = _find(name)
        if isinstance(thing, type):
            code[inspect.unwrap(thing.forward).__code__] = name
        elif hasattr(thing, "__code__"):
            code[inspect.unwrap(thing).__code__] = name  # not that of its no_grad wrapper, which all share
        else:
            ops[name.rsplit(".", 1)[1]] = name
    return code, ops


def _find(name: str) -> Any:
    """The object of a public name; raises if there is none, so that no slip of the pen forbids nothing."""
    parts = name.split(".")
    for at in range(len(parts) - 1, 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:at]))
        except ModuleNotFoundError:
            continue
        return functools.reduce(getattr, parts[at:], found)
    raise ModuleNotFoundError(name)


def _public_name(frame: FrameType) -> str:
    """rnncourse.steps.lstm_step for a function; for a method its object's class, rnncourse.cells.LSTMCell."""
    for owner in type(frame.f_locals.get("self")).__mro__:
        if owner.__module__.startswith("rnncourse."):
            return f"{owner.__module__}.{owner.__name__}"
    return f"{frame.f_globals['__name__']}.{frame.f_code.co_qualname}"

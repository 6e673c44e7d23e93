"""Record calls to what an exercise asks to build: torch's recurrent modules and functions, and our own."""

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
CHECKS = str(pathlib.Path(__file__).parents[1]) + os.sep
LIBRARY = str(pathlib.Path(__file__).parents[2]) + os.sep
# What runs a learner's code, and the modules' __getattr__, which pickle calls as it searches all modules.
GETATTR = tuple(os.path.join(LIBRARY, *folder, "__init__.py") for folder in ([], ["plots"]))
OURS = FRAMEWORK, LIBRARY + "grading" + os.sep, *GETATTR
begins = str.startswith
NOT_THEIRS = (LIBRARY, *(sysconfig.get_path(name) + os.sep for name in ("stdlib", "purelib")))

# What a task may forbid, by public names. A function of torch also stands for the tensor's method.
_RNN_OPS = ("rnn_tanh_cell", "rnn_relu_cell", "lstm_cell", "gru_cell", "rnn_tanh", "rnn_relu", "lstm", "gru")
# Where torch has the same equations again, in Python.
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
    | {"torch.autograd.graph._engine_run_backward", "torch._make_dual"}  # what the others come down to
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
) | {"torch._pack_padded_sequence", "torch._pad_packed_sequence"}
CLIPPING = frozenset(
    f"torch.nn.utils.{name}"
    for name in ("clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm")
)
ANSWERS = frozenset({"rnncourse.checks"})  # in every task
# Code with which a grader has replaced forbidden operations, by its id(): their name.
STAND_INS: dict[int, str] = {}
_KEPT: list[CodeType] = []  # kept alive: a freed code object's id() could be reused


class Watch(TorchFunctionMode):
    """Within `with Watch(forbid) as watch`, `watch.seen` is the name of the first forbidden call, or None.

    `watch.line` is the source line outside of libraries that made the call.

    forbid: public names: "torch.nn.LSTM" (which includes classes derived from it, when they run),
    "torch.autograd.grad", "torch.cumsum", or "rnncourse" for this whole library. not_this: the code of the
    set's own Use.
    It only records the call and lets it run: the code that is watched could swallow an exception.
    There are two views, because neither sees everything: Python's profile hook sees Python code
    (torch.nn.LSTMCell's, rnncourse's), torch's function mode sees torch.lstm_cell however it is reached.
    Not seen: what a scripted (torch.jit) function does inside another function.
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
        threading.setprofile(self._python_call)  # for threads that start within the block
        sys.setprofile(self._python_call)
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        sys.setprofile(self._hook_before)
        threading.setprofile(self._hook_before)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = None if self.seen else self._ops.get(getattr(func, "__name__", "").split(".")[0])
        if name is not None:
            self._note(name, sys._getframe(1))
        return func(*args, **(kwargs or {}))

    def _python_call(self, frame: FrameType, event: str, argument: object) -> None:
        if self.seen is not None or event != "call":
            return
        # No student's code may run in here, where no hook sees it: no __hash__ of a constant in the code, no
        # method of a file name or module name that is not a plain string.
        code = frame.f_code
        file = code.co_filename
        if id(code) in self._code or id(code) in STAND_INS:
            self._note(self._code.get(id(code)) or STAND_INS[id(code)], frame)
        elif begins(file, ELSEWHERE_IN_TORCH) and "torch.lstm_cell" in self._ops.values():
            name = str.lower(code.co_qualname)  # much else in there runs during an import
            if "lstm" in name or "gru" in name or "rnn" in name:
                self._note(f"{_module(frame)}.{code.co_qualname}", frame)
        elif begins(file, LIBRARY) and not begins(file, OURS) and code is not self._not_this:
            anywhere = "rnncourse" in self._modules and not begins(file, CHECKS)
            if anywhere or begins(_module(frame), self._modules):
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
        """Inspect a function that torch.jit has compiled: no hook sees its calls."""
        if isinstance(learner, torch.jit.ScriptFunction | torch.jit.ScriptModule):
            graph = str(learner.inlined_graph)
            found = [name for op, name in self._ops.items() if f"aten::{op}(" in graph]
            self.seen = next(iter(found), None)


@functools.cache
def _forbidden(names: frozenset[str]) -> tuple[dict[int, str], dict[str, str]]:
    """Return Python code by its id(), and torch's built-in operations, each with its public name."""
    code, ops = {}, {}
    for name in sorted(name for name in names if not name.startswith("rnncourse")):
        thing = _find(name)
        if isinstance(thing, type):
            assert issubclass(thing, torch.nn.Module), f"{name}: a class without a forward"
            code[_kept(inspect.unwrap(thing.forward).__code__)] = name
        elif hasattr(thing, "__code__"):
            code[_kept(inspect.unwrap(thing).__code__)] = name  # not its no_grad wrapper's, which all share
        else:
            ops[name.rsplit(".", 1)[1]] = name
    return code, ops


def _kept(code: CodeType) -> int:
    _KEPT.append(code)
    return id(code)


def _module(frame: FrameType) -> str:
    name = dict.get(frame.f_globals, "__name__")
    return name if type(name) is str else ""


def _find(name: str) -> Any:
    """Return the object of a public name. Raise if there is none, so that a typo cannot forbid nothing."""
    parts = name.split(".")
    for at in range(len(parts) - 1, 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:at]))
        except ModuleNotFoundError:
            continue
        return functools.reduce(getattr, parts[at:], found)
    raise ModuleNotFoundError(name)


def _public_name(frame: FrameType) -> str:
    """Return rnncourse.steps.lstm_step for a function; for a method its class, rnncourse.cells.LSTMCell."""
    for owner in type(frame.f_locals.get("self")).__mro__:
        if owner.__module__.startswith("rnncourse."):
            return f"{owner.__module__}.{owner.__name__}"
    return f"{_module(frame) or 'rnncourse'}.{frame.f_code.co_qualname}"

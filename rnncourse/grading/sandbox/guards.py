"""Keep a student's code away from the checks and from the operations that a task asks it to build."""

from __future__ import annotations

import ctypes
import sys
import types
from collections.abc import Callable
from importlib.machinery import ModuleSpec

import torch

from rnncourse.checks.framework.evaluate import _answer as evaluate_one
from rnncourse.checks.framework.watch import STAND_INS, Watch

DENIED_EVENTS: tuple[str, ...] = (
    "ctypes.",
    "gc.get_",
    "sys._current_",
    "sys.setprofile",
    "sys.settrace",
    "os.fork",
    "os.exec",
    "sys.monitoring",
    "cpython.PyInterpreterState_New",
)
DENIED_EVENTS += ("os.posix_spawn", "os.system", "subprocess.", "socket.", "pty.", "sys.addaudithook")
# torch's recurrent operations by their names in its dispatcher, which every way to call them goes through.
OPERATIONS = {
    "torch.lstm_cell": ("lstm_cell", "_thnn_fused_lstm_cell"),
    "torch.gru_cell": ("gru_cell", "_thnn_fused_gru_cell"),
    "torch.rnn_tanh_cell": ("rnn_tanh_cell",),
    "torch.rnn_relu_cell": ("rnn_relu_cell",),
    "torch.lstm": ("lstm.input", "lstm.data", "mkldnn_rnn_layer"),
    "torch.gru": ("gru.input", "gru.data"),
    "torch.rnn_tanh": ("rnn_tanh.input", "rnn_tanh.data"),
    "torch.rnn_relu": ("rnn_relu.input", "rnn_relu.data"),
}


class _CheckStandIn:
    """Stands in for a check, which contains answers: accepts any call, prints nothing, returns all points."""

    def __init__(self, points: int) -> None:
        self.points = points

    def __call__(self, *arguments, **named) -> int:
        return self.points

    def example(self, *arguments, **named) -> None:
        pass

    verdict = example


class _CheckFinder:
    """Finds rnncourse.checks.<set>: a module with what the set gives to learners, and stand-in checks."""

    def __init__(self, given: dict[str, types.ModuleType], points: dict[str, int]) -> None:
        self.given, self.points = given, points

    def find_spec(self, name, path=None, target=None):
        parts = name.split(".")
        if parts[:2] == ["rnncourse", "checks"] and len(parts) > 2 and parts[2] != "framework":
            return ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        module, points = types.ModuleType(spec.name), self.points
        given = self.given.get(spec.name.split(".")[2])

        def attribute(name: str):
            if name.startswith("__"):
                raise AttributeError(name)
            return getattr(given, name, None) or _CheckStandIn(points.get(name, 0))

        module.__getattr__ = attribute
        return module

    def exec_module(self, module):
        pass


class ForbiddenCallError(BaseException):
    """A student's code called the thing that it should build."""


def forbid_recordings() -> None:
    """Forbid recordings of torch's recurrent operations: torch.jit.trace or a mode would save their parts."""

    def deny(*arguments, **named):
        raise RuntimeError("torch's recurrent operations cannot be recorded in graded code.")

    for name in ("Tracer", "PythonTLSSnapshot"):
        table = torch._C._dispatch_library("IMPL", "aten", name, "grading")
        for operations in OPERATIONS.values():
            for operation in operations:
                table.impl(operation, torch._C._dispatch_key_parse(name), deny)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(table))  # never freed, or the entries would be removed


def operation_lock() -> Callable[[tuple[str, ...]], None]:
    """Return lock(names), which disables these torch operations in this process, however they are called."""
    library, keys, by_name = torch._C._dispatch_library, torch._C.DispatchKey, OPERATIONS
    keep, boxed = ctypes.pythonapi.Py_IncRef, ctypes.py_object
    tables = [(name, getattr(keys, name)) for name in ("CompositeImplicitAutograd", "CPU", "AutogradCPU")]

    def deny(*arguments, **named):
        raise ForbiddenCallError(
            "this calls torch's own recurrent operation: that is what you should build here."
        )

    STAND_INS[id(deny.__code__)] = "torch's own recurrent operation"

    def lock(names: tuple[str, ...]) -> None:
        for key_name, key in tables:
            # Made here and not earlier, when a student's code could have found and reset it.
            table = library("IMPL", "aten", key_name, "grading")
            for name in names:
                for operation in by_name[name]:
                    table.impl(operation, key, deny)
            keep(boxed(table))  # if the table were freed, its entries would be removed

    return lock


def audit_hook() -> Callable[[str, tuple], None]:
    denied, frame_at, deepest = DENIED_EVENTS, sys._getframe, sys.getrecursionlimit
    watching, answering = (Watch.__enter__.__code__, Watch.__exit__.__code__), evaluate_one.__code__

    def hook(event: str, arguments: tuple) -> None:
        if event.startswith(denied):
            frame: types.FrameType | None = frame_at(1)
            caller = None if frame is None else frame.f_back
            ours = (
                event == "sys.setprofile"
                and (frame is not None and frame.f_code in watching)
                and (caller is not None and caller.f_code is answering)
            )
            if not ours:
                # If the stack has no room left for a profile function, Python itself removes it.
                room = deepest() // 3 if event == "sys.setprofile" else -1  # C uses part of the stack
                while room > 0 and frame is not None:
                    room, frame = room - 1, frame.f_back
                if room == 0:
                    raise RecursionError("maximum recursion depth exceeded")
                raise RuntimeError(f"{event} is not available to graded code")

    return hook


def hide_grader() -> None:
    """Remove this package and the code that evaluates answers from sys.modules."""
    hidden = ("rnncourse.grading", "rnncourse.checks.framework", "rnncourse.checks.uses", "pyseccomp")
    for name in [name for name in sys.modules if name.startswith(hidden)]:
        parent, _, own = name.rpartition(".")
        package = sys.modules.get(parent)
        del sys.modules[name]
        if package is not None and own in vars(package):
            delattr(package, own)

"""Notes a call to what an exercise asks to build: torch's recurrent modules and functions, and our own."""

import pathlib
import sys
from types import FrameType

import torch.nn.modules.rnn
from torch.overrides import TorchFunctionMode

LIBRARY = str(pathlib.Path(__file__).parents[1])
CHECKS_OWN = {str(pathlib.Path(__file__).with_name(name)) for name in ("evaluate.py", "watch.py", "cases.py")}
TORCH_RNN = torch.nn.modules.rnn.__file__

# torch's recurrent functions, whichever way they are reached (torch, torch._VF, torch.ops.aten).
RECURRENT = {"rnn_tanh_cell", "rnn_relu_cell", "lstm_cell", "gru_cell", "rnn_tanh", "rnn_relu", "lstm", "gru"}


class Watch(TorchFunctionMode):
    """Within `with Watch() as watch`, `watch.seen` becomes the first forbidden call's name, else stays None.

    It only takes note and lets the call run: an exception could be swallowed by the code that is watched.
    Two views, because neither sees everything: Python's profile hook sees a call of torch.nn.LSTMCell or of
    rnncourse (NumPy code too), torch's function mode sees torch.lstm_cell however it is reached.
    Not seen: a scripted (torch.jit) module's insides, and other threads.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen: str | None = None

    def __enter__(self) -> "Watch":
        self._hook_before = sys.getprofile()
        sys.setprofile(self._python_call)
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        sys.setprofile(self._hook_before)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "").split(".")[0]
        if self.seen is None and name in RECURRENT:
            self.seen = f"torch.{name}"
        return func(*args, **(kwargs or {}))

    def _python_call(self, frame: FrameType, event: str, argument: object) -> None:
        if self.seen is not None or event != "call":
            return
        code = frame.f_code
        if code.co_filename == TORCH_RNN and code.co_name == "forward":
            self.seen = "torch.nn." + code.co_qualname.removesuffix(".forward")
        elif code.co_filename.startswith(LIBRARY) and code.co_filename not in CHECKS_OWN:
            self.seen = _public_name(frame)


def _public_name(frame: FrameType) -> str:
    """rnncourse.steps.lstm_step for a function; for a method its object's class, rnncourse.cells.LSTMCell."""
    for owner in type(frame.f_locals.get("self")).__mro__:
        if owner.__module__.startswith("rnncourse."):
            return f"{owner.__module__}.{owner.__name__}"
    return f"{frame.f_globals['__name__']}.{frame.f_code.co_qualname}"

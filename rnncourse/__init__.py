"""RNN, LSTM and GRU from their equations: drop-in for torch.nn, and readable."""

import importlib
import types

from rnncourse.auditing import audit
from rnncourse.cells import GRUCell, LSTMCell, RNNCell
from rnncourse.checks.framework.progress import progress
from rnncourse.explaining import explain
from rnncourse.extras import MissingExtraError
from rnncourse.layers import GRU, LSTM, RNN
from rnncourse.steps import LSTMState
from rnncourse.tracing import trace

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "GRUCell",
    "LSTMCell",
    "LSTMState",
    "RNNCell",
    "audit",
    "explain",
    "progress",
    "trace",
]
__version__ = "1.0.0"

# Modules that `import rnncourse` makes reachable and does not import: the first use does.
_ON_FIRST_USE = ("convert", "data", "notebook", "plots", "reference", "scan", "training", "widgets")


def __getattr__(name: str) -> types.ModuleType:
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except MissingExtraError as error:  # so that hasattr and help say no, and do not fail
        raise AttributeError(str(error)) from None


def __dir__() -> list[str]:
    return sorted({*globals(), *_ON_FIRST_USE})

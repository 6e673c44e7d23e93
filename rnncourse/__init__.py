"""RNN, LSTM and GRU from their equations: drop-in for torch.nn, and readable."""

from rnncourse.cells import GRUCell, LSTMCell, RNNCell
from rnncourse.checks.framework.progress import progress
from rnncourse.explaining import explain
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
    "explain",
    "progress",
    "trace",
]

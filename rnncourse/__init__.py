"""RNN, LSTM and GRU from their equations: drop-in for torch.nn, and readable."""

from rnncourse.cells import GRUCell, LSTMCell, RNNCell
from rnncourse.layers import GRU, LSTM, RNN
from rnncourse.steps import LSTMState

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "LSTMState", "RNNCell"]

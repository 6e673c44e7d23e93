"""The checks of exercise set 06: the LSTM's gates, one step, and a cell that torch's weights fit into."""

from rnncourse.checks.lstm_gates.cutting import gates
from rnncourse.checks.lstm_gates.foreign import from_cs231n
from rnncourse.checks.lstm_gates.memory import cell_state
from rnncourse.checks.lstm_gates.module import MyLSTMCell
from rnncourse.checks.lstm_gates.step import lstm_step

CHECKS = (cell_state, gates, lstm_step, from_cs231n, MyLSTMCell)

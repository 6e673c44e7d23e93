"""Lesson 15: its number and its sections, by which the hints point to it; what no task may call."""

from rnncourse.checks.framework.watch import RECURRENT

LESSON = "15"
NAMES, COUNT, PROJECTION = "Every parameter by name", "Count them", "A narrower h"
ROWS, ELSEWHERE = "A gate's rows", "Weights from elsewhere"
BIASES, NOT_FOLDED = "Two biases", "Where they can't be folded"
FORGET, LONG, BLOCKS = "The forget bias", "As long as the task needs", "Gate by gate"

# Whoever builds a layer or a cell can ask it: making one is forbidden, not only running it.
LAYERS = RECURRENT | {
    f"torch.nn.{name}.__init__"
    for name in ("RNN", "LSTM", "GRU", "RNNBase", "RNNCell", "LSTMCell", "GRUCell", "RNNCellBase")
}

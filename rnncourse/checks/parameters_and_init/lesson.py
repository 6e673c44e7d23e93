"""Lesson 15: its number and its sections, by which the hints point to it; what no task may call."""

LESSON = "15"
NAMES, COUNT, PROJECTION = "Every parameter by name", "Count them", "A narrower h"
ROWS, ELSEWHERE = "A gate's rows", "Weights from elsewhere"
BIASES, NOT_FOLDED = "Two biases", "Where they can't be folded"
FORGET, LONG, BLOCKS = "The forget bias", "As long as the task needs", "Gate by gate"

# Whoever builds the layer can ask it.
LAYERS = frozenset({"torch.nn.RNN", "torch.nn.LSTM", "torch.nn.GRU", "rnncourse"})

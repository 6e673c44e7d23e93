"""Lesson 14: its number and its sections, by which the hints point to it."""

LESSON = "14"
SECOND, DETACH = "The second backward", "Detach the state"
WAYS = "`detach`, `detach_` and `.data`"
CUT, ERROR, EACH = "What the cut leaves out", "How large is the error?", "Detach at every step"
RETAIN, RESET = "`retain_graph=True` is the wrong medicine", "When to reset"
LAYOUT, EPOCHS = "Lay out the batch", "Epochs and evaluation"
LEARN = "What carried state can learn"

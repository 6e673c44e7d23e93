"""Lesson 12: its number and its sections, by which the hints point to it."""

LESSON = "12"
TWO_PASSES, SEEN, INTERLEAVE = (
    "Two passes, lined up in time",
    "What each half has seen",
    "The states interleave",
)
TRAP, PADDED, REPAIRED = (
    "The trap in the last step",
    "Rows of different length",
    "A published class, repaired",
)
AXES, FLIPPED, LAYERS = "The axes", "The backward half, flipped back", "Both halves go up"
STATES, START, NO_BIASES = "All states come out", "A state goes in", "Without biases"
DROPOUT = "No dropout in eval"

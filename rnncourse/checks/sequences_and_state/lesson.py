"""Lesson 01: its number and its sections, by which the hints point to it."""

LESSON = "01"
FOLD, ENOUGH, ARITHMETIC = "It is a fold", "What must a state hold?", "The step as arithmetic"
UNROLLED, SHARED, LAMP = (
    "Unrolled with letters",
    "The same weights at each step",
    "The lamp, answered by a net",
)

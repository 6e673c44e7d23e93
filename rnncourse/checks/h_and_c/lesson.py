"""Lesson 07: its number and its sections, by which the hints point to it."""

LESSON = "07"
HOLD, WEIGHTS, READERS = "What each one can hold", "Weights by hand", "Who reads which"
NET, CARRY, ROAD, PEOPLE = (
    "A net that remembers",
    "If you carry only h",
    "The road along c",
    "What people get wrong",
)

"""Lesson 11: its number and its sections, by which the hints point to it."""

LESSON = "11"
READS, EQUATIONS, PATHS = "What the next layer reads", "The whole recurrence", "Counting the paths"
BOTH, COST = "Two directions below", "What a layer costs"
DROPOUT, IN_TIME, PEOPLE = "Where dropout goes", "Why not in time?", "What people get wrong"

"""Lesson 02: its number and its sections, by which the hints point to it; the traits of its tasks."""

from rnncourse.checks.framework.cases import Trait

LESSON = "02"
EQUATION, NUMPY = "The equation", "One step in NumPy"
EQUAL, OVER_TIME, NONLINEARITY = "Equal to nn.RNNCell", "Over time", "tanh or relu"

TANH = Trait("nonlinearity is tanh", "what you do for relu")
RELU = Trait("nonlinearity is relu", "what you do for tanh")

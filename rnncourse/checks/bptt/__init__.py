"""The checks of exercise set 04: a gradient carried back through time by hand, and a witness for it."""

from rnncourse.checks.bptt.chain import by_hand
from rnncourse.checks.bptt.differences import numerical_gradient
from rnncourse.checks.bptt.memory import memory_backward
from rnncourse.checks.bptt.step import rnn_step_backward
from rnncourse.checks.bptt.whole import rnn_backward

CHECKS = (by_hand, rnn_step_backward, numerical_gradient, rnn_backward, memory_backward)

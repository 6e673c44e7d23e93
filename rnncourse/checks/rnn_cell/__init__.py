"""The checks of exercise set 02: the RNN cell, one step and many."""

from rnncourse.checks.rnn_cell.from_cell import next_state
from rnncourse.checks.rnn_cell.loop import unroll
from rnncourse.checks.rnn_cell.reorder import reorder_units
from rnncourse.checks.rnn_cell.step import rnn_step
from rnncourse.checks.rnn_cell.summed import pre_activation

CHECKS = (pre_activation, rnn_step, unroll, next_state, reorder_units)

"""The checks of exercise set 01: a recurrence on paper, as a loop, as a fold, and what its weights do."""

from rnncourse.checks.sequences_and_state.counting import parameters
from rnncourse.checks.sequences_and_state.largest import running_max
from rnncourse.checks.sequences_and_state.loop import run
from rnncourse.checks.sequences_and_state.memory import memory_weight
from rnncourse.checks.sequences_and_state.paper import three_steps, with_tanh
from rnncourse.checks.sequences_and_state.presses import alarm
from rnncourse.checks.sequences_and_state.share import weight_of

CHECKS = (three_steps, with_tanh, run, running_max, alarm, parameters, weight_of, memory_weight)

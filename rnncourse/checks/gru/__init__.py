"""The checks of exercise set 08: the GRU's step in both variants, two conventions, a cell, the way back."""

from rnncourse.checks.gru.backward import gru_step_backward
from rnncourse.checks.gru.before import gru_step_before
from rnncourse.checks.gru.compare import first_difference
from rnncourse.checks.gru.direction import turn_z
from rnncourse.checks.gru.foreign import from_keras
from rnncourse.checks.gru.module import MyGRUCell
from rnncourse.checks.gru.step import gru_step

CHECKS = (
    gru_step,
    gru_step_before,
    turn_z,
    from_keras,
    first_difference,
    MyGRUCell,
    gru_step_backward,
)

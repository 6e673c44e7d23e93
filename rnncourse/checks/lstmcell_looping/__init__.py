"""The checks of exercise set 09: the time loop around an LSTM cell, layers of cells, predictions fed back."""

from rnncourse.checks.lstmcell_looping.alone import continue_alone
from rnncourse.checks.lstmcell_looping.axis import run_batch_first
from rnncourse.checks.lstmcell_looping.forcing import mixed
from rnncourse.checks.lstmcell_looping.loop import run_cell
from rnncourse.checks.lstmcell_looping.stack import run_cells
from rnncourse.checks.lstmcell_looping.tokens import greedy
from rnncourse.checks.lstmcell_looping.weights import cell_weights

CHECKS = (run_cell, run_batch_first, cell_weights, run_cells, continue_alone, mixed, greedy)

"""The checks of exercise set 07: h and c, weights by hand, the whole step's derivative, a strange net."""

from rnncourse.checks.h_and_c.counting import counter
from rnncourse.checks.h_and_c.given import strange_net
from rnncourse.checks.h_and_c.holding import latch
from rnncourse.checks.h_and_c.jacobian import state_jacobian
from rnncourse.checks.h_and_c.lasting import forget_bias
from rnncourse.checks.h_and_c.readers import which_state
from rnncourse.checks.h_and_c.strange import units
from rnncourse.checks.h_and_c.switching import toggle

CHECKS = (which_state, latch, counter, toggle, forget_bias, state_jacobian, units)

__all__ = ["CHECKS", "strange_net", *(check.name for check in CHECKS)]

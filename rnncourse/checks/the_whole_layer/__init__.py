"""The checks of exercise set 16: the pieces of a fast LSTM, and a whole layer judged against torch's."""

from rnncourse.checks.the_whole_layer.counting import counted
from rnncourse.checks.the_whole_layer.hoisting import input_part
from rnncourse.checks.the_whole_layer.looping import one_way
from rnncourse.checks.the_whole_layer.sums import after_loop
from rnncourse.checks.the_whole_layer.way_back import backward_loop
from rnncourse.checks.the_whole_layer.whole import MyLSTM

CHECKS = (counted, input_part, one_way, backward_loop, after_loop, MyLSTM)

__all__ = ["CHECKS", *(check.name for check in CHECKS)]

"""The checks of exercise set 10: which entry is which, one view from another, sequences in pieces."""

from rnncourse.checks.output_h_n_c_n.directions import split_directions
from rnncourse.checks.output_h_n_c_n.many import Streams
from rnncourse.checks.output_h_n_c_n.pieces import Stream
from rnncourse.checks.output_h_n_c_n.predict import entries
from rnncourse.checks.output_h_n_c_n.recover import h_n_from_output
from rnncourse.checks.output_h_n_c_n.sentence import SentenceVector
from rnncourse.checks.output_h_n_c_n.stepping import every_state

CHECKS = (entries, split_directions, h_n_from_output, every_state, SentenceVector, Stream, Streams)

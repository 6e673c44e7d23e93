"""The checks of exercise set 12: two directions, and a published class repaired until it is nn.LSTM."""

from rnncourse.checks.bidirectional.ends import both_ends
from rnncourse.checks.bidirectional.given import PUBLISHED
from rnncourse.checks.bidirectional.merging import merged
from rnncourse.checks.bidirectional.padding import reverse_padded
from rnncourse.checks.bidirectional.passes import two_ways
from rnncourse.checks.bidirectional.places import seen
from rnncourse.checks.bidirectional.repair import BiLSTM

CHECKS = (seen, both_ends, merged, reverse_padded, two_ways, BiLSTM)

__all__ = ["CHECKS", "PUBLISHED", *(check.name for check in CHECKS)]

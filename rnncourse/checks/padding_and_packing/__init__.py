"""The checks of exercise set 13: sequences of different lengths, padded and packed, from a mask to a run."""

from rnncourse.checks.padding_and_packing.ends import last_valid
from rnncourse.checks.padding_and_packing.loss import masked_loss
from rnncourse.checks.padding_and_packing.masks import valid
from rnncourse.checks.padding_and_packing.means import mean_valid
from rnncourse.checks.padding_and_packing.packing import pack
from rnncourse.checks.padding_and_packing.running import run_packed
from rnncourse.checks.padding_and_packing.stairs import batch_sizes
from rnncourse.checks.padding_and_packing.unpacking import unpack

CHECKS = (valid, last_valid, mean_valid, masked_loss, batch_sizes, pack, unpack, run_packed)

__all__ = ["CHECKS", *(check.name for check in CHECKS)]

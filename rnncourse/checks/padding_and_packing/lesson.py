"""Lesson 13: its number and its sections, by which the hints point to it; and what its tasks may not call."""

from rnncourse.checks.framework.watch import PACKING, RECURRENT

LESSON = "13"
MASK, LAST, BACKWARD, MEAN, POISON = (
    "A mask from the lengths",
    "The last step is not the last",
    "The backward direction begins in the padding",
    "The mean counts the padding",
    "Poison the padding",
)
LAST_VALID, WITHOUT = "The last valid output", "Mean, maximum and loss without the padding"
STAIRCASE, SIZES, SORTED = "Packing: the staircase", "From the lengths to batch_sizes", "Sorted and not"
LOOP, UNPACK, TOTAL = "The loop over the staircase", "Back to a padded tensor", "total_length"

BY_HAND = RECURRENT | PACKING  # both are to be built

"""The checks of exercise set 14: the state carried over chunks, cut from its past, begun anew."""

from rnncourse.checks.stateful_training.diagnosing import loops
from rnncourse.checks.stateful_training.documents import read_documents
from rnncourse.checks.stateful_training.epoch import train_epoch
from rnncourse.checks.stateful_training.given import LEAKING, LOOPS
from rnncourse.checks.stateful_training.mending import Reader
from rnncourse.checks.stateful_training.paper import by_hand
from rnncourse.checks.stateful_training.rows import batchify
from rnncourse.checks.stateful_training.state import detach

CHECKS = (batchify, detach, by_hand, loops, train_epoch, Reader, read_documents)

__all__ = ["CHECKS", "LEAKING", "LOOPS", *(check.name for check in CHECKS)]

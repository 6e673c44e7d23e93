"""The checks of exercise set 03: shapes predicted, axes moved, and a function that knows them all."""

from rnncourse.checks.shapes.alone import unbatched_shapes
from rnncourse.checks.shapes.batch import batch_first_shapes
from rnncourse.checks.shapes.dense import layer_shapes
from rnncourse.checks.shapes.every import expected_shapes
from rnncourse.checks.shapes.moving import arrange
from rnncourse.checks.shapes.outcome import outcomes
from rnncourse.checks.shapes.rows import time_first
from rnncourse.checks.shapes.wide import wide_shapes

CHECKS = (
    layer_shapes,
    batch_first_shapes,
    unbatched_shapes,
    wide_shapes,
    outcomes,
    time_first,
    arrange,
    expected_shapes,
)

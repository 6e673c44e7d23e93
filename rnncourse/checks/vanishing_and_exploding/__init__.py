"""The checks of exercise set 05: Jacobians and their product, clipping, four runs, the road along c."""

from rnncourse.checks.vanishing_and_exploding.clipping import clip_global
from rnncourse.checks.vanishing_and_exploding.given import four_runs
from rnncourse.checks.vanishing_and_exploding.looking import measure
from rnncourse.checks.vanishing_and_exploding.one_step import step_jacobian
from rnncourse.checks.vanishing_and_exploding.over_time import product_norms
from rnncourse.checks.vanishing_and_exploding.radius import scale_to_radius
from rnncourse.checks.vanishing_and_exploding.road import memory_road
from rnncourse.checks.vanishing_and_exploding.runs import diagnosis
from rnncourse.checks.vanishing_and_exploding.updates import train_clipped

CHECKS = (
    step_jacobian,
    product_norms,
    scale_to_radius,
    clip_global,
    train_clipped,
    measure,
    diagnosis,
    memory_road,
)

__all__ = ["CHECKS", "four_runs", *(check.name for check in CHECKS)]

"""The checks of exercise set 11: layers upon layers, what each reads, and where dropout goes."""

from rnncourse.checks.stacking_and_dropout.counting import parameters_by_layer
from rnncourse.checks.stacking_and_dropout.locked import locked_dropout
from rnncourse.checks.stacking_and_dropout.masked import run_with_masks
from rnncourse.checks.stacking_and_dropout.residual import residual_stack
from rnncourse.checks.stacking_and_dropout.shapes import stack_shapes
from rnncourse.checks.stacking_and_dropout.stacked import stack_cells

CHECKS = (stack_shapes, parameters_by_layer, stack_cells, run_with_masks, locked_dropout, residual_stack)

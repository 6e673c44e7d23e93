"""What an exercise set is written with, in one place to import from. docs/checks.md shows how."""

from rnncourse.checks.framework.cases import (
    BATCH,
    BIAS_ZERO,
    C_ZERO,
    H_ZERO,
    MORE_STEPS,
    NO_BIAS,
    NO_STATE,
    ONE_STEP,
    SINGLE,
    STATE,
    X_ZERO,
    Case,
    TorchModule,
    Trait,
    random_module,
    random_numbers,
    random_weights,
    row,
    rows,
    step_case,
)
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.loops import LAYER, flat, small_cell, small_head
from rnncourse.checks.framework.mistakes import Mistake, Mistakes
from rnncourse.checks.framework.parts import Flag, Number, Part, Score, Shape, Whole, Word
from rnncourse.checks.framework.plain import Plain, kinds, type_name
from rnncourse.checks.framework.predict import predicted
from rnncourse.checks.framework.task import task
from rnncourse.checks.framework.use import Problem, check_parameters, load_and_call, value
from rnncourse.checks.framework.watch import AUTOGRAD, CLIPPING, PACKING, RECURRENT

__all__ = [
    "AUTOGRAD",
    "BATCH",
    "BIAS_ZERO",
    "CLIPPING",
    "C_ZERO",
    "H_ZERO",
    "LAYER",
    "MORE_STEPS",
    "NO_BIAS",
    "NO_STATE",
    "ONE_STEP",
    "PACKING",
    "RECURRENT",
    "SINGLE",
    "STATE",
    "X_ZERO",
    "Case",
    "Check",
    "Criterion",
    "Flag",
    "Mistake",
    "Mistakes",
    "Number",
    "Part",
    "Plain",
    "Problem",
    "Score",
    "Shape",
    "TorchModule",
    "Trait",
    "Whole",
    "Word",
    "check_parameters",
    "flat",
    "kinds",
    "load_and_call",
    "predicted",
    "random_module",
    "random_numbers",
    "random_weights",
    "row",
    "rows",
    "small_cell",
    "small_head",
    "step_case",
    "task",
    "type_name",
    "value",
]

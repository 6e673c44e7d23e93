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
from rnncourse.checks.framework.check import Check
from rnncourse.checks.framework.drawn import cases
from rnncourse.checks.framework.explain import Seen
from rnncourse.checks.framework.in_words import task
from rnncourse.checks.framework.loops import (
    LAYER,
    cell_of,
    flat,
    random_cell,
    random_cells,
    random_head,
    random_state,
    small_cell,
    small_head,
    small_parameters,
)
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Flag, Number, Part, Score, Shape, Whole, Word
from rnncourse.checks.framework.plain import Plain, kinds
from rnncourse.checks.framework.predict import predicted
from rnncourse.checks.framework.task import Criterion
from rnncourse.checks.framework.use import Problem, load_and_call, value
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
    "Mistakes",
    "Number",
    "Part",
    "Plain",
    "Problem",
    "Score",
    "Seen",
    "Shape",
    "TorchModule",
    "Trait",
    "Whole",
    "Word",
    "cases",
    "cell_of",
    "flat",
    "kinds",
    "load_and_call",
    "predicted",
    "random_cell",
    "random_cells",
    "random_head",
    "random_module",
    "random_numbers",
    "random_state",
    "random_weights",
    "row",
    "rows",
    "small_cell",
    "small_head",
    "small_parameters",
    "step_case",
    "task",
    "value",
]

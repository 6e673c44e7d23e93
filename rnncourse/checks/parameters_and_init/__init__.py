"""The checks of exercise set 15: shapes, counts and rows, two biases, how weights start, another order."""

from rnncourse.checks.parameters_and_init.blocks import orthogonal_per_gate
from rnncourse.checks.parameters_and_init.counting import count_parameters
from rnncourse.checks.parameters_and_init.folding import fold_biases
from rnncourse.checks.parameters_and_init.forget import set_forget_bias
from rnncourse.checks.parameters_and_init.onnx import to_onnx
from rnncourse.checks.parameters_and_init.predicting import layout
from rnncourse.checks.parameters_and_init.slicing import gate_rows
from rnncourse.checks.parameters_and_init.stepping import bias_numbers

CHECKS = (
    layout,
    count_parameters,
    gate_rows,
    set_forget_bias,
    orthogonal_per_gate,
    bias_numbers,
    fold_biases,
    to_onnx,
)

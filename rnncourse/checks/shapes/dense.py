"""Task 1, layer_shapes: one layer, time first: nn.GRU(10, 4) reads 9 steps of 2 sequences."""

from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.predict import predicted
from rnncourse.checks.shapes.lesson import LESSON, STEP_TO_LAYER

SHAPES = {
    "output": (9, 2, 4),  # (T, B, H)
    "h_n": (1, 2, 4),  # (L*D, B, H)
    "weight_ih_l0": (12, 10),  # (3H, I)
    "weight_hh_l0": (12, 4),  # (3H, H)
}

wrong = Mistakes(STEP_TO_LAYER, SHAPES)

wrong.edits("""
§ Three axes, three names
output batch first | The axes T and B are exchanged: the layer was made without batch_first.
    output => (2, 9, 4)
§
output of the last step | That is one step alone. output has every step.
    output => (2, 4)
output without the batch | The batch is missing: two sequences are read.
    output => (9, 4)
output as wide as the input | It is as wide as the input. What comes out is the state, of H units.
    output => (9, 2, 10)
output as wide as three blocks | Three blocks of H numbers are computed inside; the state that they make is
    narrower.
    output => (9, 2, 12)
no layer axis | An axis is missing in front, the one that counts layers and directions.
    h_n => (2, 4)
h_n of every step | That is the state at every step. h_n is from one moment: the last.
    h_n => (9, 2, 4)
h_n batch first | Its first axis counts layers and directions; the batch is not in front.
    h_n => (2, 1, 4)
h_n with time for batch | Time stands where the batch should: a state has no time axis.
    h_n => (1, 9, 4)
h_n without the batch | The batch is missing: each of the two sequences has a state.
    h_n => (1, 4)
h_n as wide as the input | A state is as wide as the layer has units, not as the input.
    h_n => (1, 2, 10)
transposed | It is transposed: a weight has a row for each number that it computes.
    weight_ih_l0 => (10, 12)
    weight_hh_l0 => (4, 12)
one block | That is one block of H rows, as in a simple RNN. How many has a GRU?
    weight_ih_l0 => (4, 10)
    weight_hh_l0 => (4, 4)
one block, transposed | One block is not all that a GRU has; and rows and columns are exchanged.
    weight_ih_l0 => (10, 4)
four blocks | Four blocks are an LSTM's. How many has a GRU?
    weight_ih_l0 => (16, 10)
    weight_hh_l0 => (16, 4)
the weights exchanged | That is the shape of the other weight: which of the two reads the input?
    weight_ih_l0 => (12, 4)
    weight_hh_l0 => (12, 10)
two blocks | Two blocks? r and z are gates, and n, the new content, needs weights as well.
    weight_ih_l0 => (8, 10)
    weight_hh_l0 => (8, 4)
""")

layer_shapes = predicted("layer_shapes", LESSON, STEP_TO_LAYER, SHAPES, wrong)

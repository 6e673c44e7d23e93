"""Task 4, wide_shapes: three layers, two directions, a projection: nn.LSTM(7, 10, 3, …, proj_size=4)."""

from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.predict import predicted
from rnncourse.checks.shapes.lesson import LESSON, STEP_TO_LAYER

SHAPES = {
    "output": (9, 5, 8),  # (T, B, D*P)
    "h_n": (6, 5, 4),  # (L*D, B, P)
    "c_n": (6, 5, 10),  # (L*D, B, H)
    "weight_ih_l0": (40, 7),  # (4H, I)
    "weight_hh_l0": (40, 4),  # (4H, P)
    "weight_ih_l2_reverse": (40, 8),  # (4H, D*P)
}

wrong = Mistakes(STEP_TO_LAYER, SHAPES)

wrong.edits("""
one direction in output | That is one direction's width; two lie side by side.
    output => (9, 5, 4)
§ Move it
the projection left out | H stands where h is meant: the projection has made it narrower.
    output => (9, 5, 20)
    h_n => (6, 5, 10)
    weight_hh_l0 => (40, 10)
    weight_ih_l2_reverse => (40, 20)
neither direction nor projection | Both are left out: two directions, and the projection.
    output => (9, 5, 10)
    weight_ih_l2_reverse => (40, 10)
c projected | Only h is projected, c is not.
    c_n => (6, 5, 4)
§
one row for each layer | Each layer has a row for each of its directions.
    h_n => (3, 5, 4)
    c_n => (3, 5, 10)
one layer's rows | Those are one layer's rows; there are three layers.
    h_n => (2, 5, 4)
    c_n => (2, 5, 10)
directions joined in the states | In output the directions are joined in the last axis; in a state they are
    rows.
    h_n => (3, 5, 8)
    c_n => (3, 5, 20)
directions counted twice | The directions are counted twice, in the rows and in the width.
    h_n => (6, 5, 8)
    c_n => (6, 5, 20)
states batch first | The first axis of a state counts layers and directions, not the batch.
    h_n => (5, 6, 4)
    c_n => (5, 6, 10)
time in the states | Time stands where the batch should.
    h_n => (6, 9, 4)
    c_n => (6, 9, 10)
batch first | The layer was made without batch_first.
    output => (5, 9, 8)
layers side by side | Only directions lie side by side; layers lie one above the other.
    output => (9, 5, 24)
transposed | It is transposed: a weight has a row for each number that it computes.
    weight_ih_l0 => (7, 40)
    weight_hh_l0 => (4, 40)
    weight_ih_l2_reverse => (8, 40)
one block | That is one block of H rows. How many has an LSTM?
    weight_ih_l0 => (10, 7)
    weight_hh_l0 => (10, 4)
    weight_ih_l2_reverse => (10, 8)
three blocks | Three blocks are a GRU's. How many has an LSTM?
    weight_ih_l0 => (30, 7)
    weight_hh_l0 => (30, 4)
    weight_ih_l2_reverse => (30, 8)
§ Move it
blocks of P rows | The blocks have P rows. The projection comes after the gates, which are H wide.
    weight_ih_l0 => (16, 7)
    weight_hh_l0 => (16, 4)
    weight_ih_l2_reverse => (16, 8)
§
both directions in one weight | Each direction has weights of its own.
    weight_ih_l0 => (80, 7)
    weight_hh_l0 => (80, 4)
    weight_ih_l2_reverse => (80, 8)
layer 0 reads a layer | Layer 0 has no layer below it: what does it read?
    weight_ih_l0 => (40, 8)
the input doubled | Both directions read the same input; nothing doubles it.
    weight_ih_l0 => (40, 14)
a direction reads both states | Each direction carries its own state on, and reads no other.
    weight_hh_l0 => (40, 8)
weight_hh reads the input | That is as wide as the input; weight_hh reads the state.
    weight_hh_l0 => (40, 7)
layer 2 reads the input | Only layer 0 reads the input.
    weight_ih_l2_reverse => (40, 7)
layer 2 reads one direction | Also the backward direction reads both directions of the layer below.
    weight_ih_l2_reverse => (40, 4)
""")

wide_shapes = predicted("wide_shapes", LESSON, STEP_TO_LAYER, SHAPES, wrong)

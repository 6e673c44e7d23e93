"""Task 2, batch_first_shapes: nn.LSTM(5, 8, num_layers=2, batch_first=True), 4 sequences of 11 steps."""

from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.predict import predicted
from rnncourse.checks.shapes.lesson import BATCH_FIRST, LESSON

SHAPES = {
    "input": (4, 11, 5),  # (B, T, I)
    "output": (4, 11, 8),  # (B, T, H)
    "last_step": (4, 8),  # output[:, -1]
    "h_0": (2, 4, 8),  # (L*D, B, H)
    "c_n": (2, 4, 8),
}

wrong = Mistakes(BATCH_FIRST, SHAPES)

wrong.edits("""
time first | That is time first: batch_first=True is not looked at.
    input => (11, 4, 5)
    output => (11, 4, 8)
states batch first | The batch is in front. What does batch_first move, and what does it not?
    h_0 => (4, 2, 8)
    c_n => (4, 2, 8)
§ From a step to a layer
one row | That is the state of one layer; there are two.
    h_0 => (1, 4, 8)
    c_n => (1, 4, 8)
no layer axis | The axis that counts layers and directions is missing.
    h_0 => (4, 8)
    c_n => (4, 8)
states with time | It has a time axis. A state is from one moment.
    h_0 => (4, 11, 8)
    c_n => (4, 11, 8)
time for batch in states | Time stands where the batch should.
    h_0 => (2, 11, 8)
    c_n => (2, 11, 8)
states as wide as the input | It is as wide as the input; a state has H numbers.
    h_0 => (2, 4, 5)
    c_n => (2, 4, 5)
states without the batch | The batch is missing: each sequence has states.
    h_0 => (2, 8)
    c_n => (2, 8)
both layers side by side | Layers are not laid side by side: only directions are.
    output => (4, 11, 16)
an output for each layer | The lower layer's steps are not handed out: of how many layers is output?
    output => (2, 4, 11, 8)
output as wide as the input | It is as wide as the input. The last axis of output is the state's.
    output => (4, 11, 5)
output of one step | That is one step; output has every step.
    output => (4, 8)
§ Three axes, three names
input as wide as the state | It is as wide as the state: which number is input_size?
    input => (4, 11, 8)
the axis kept | A number as index takes its axis away; a range would keep it.
    last_step => (4, 1, 8)
§
the last sequence | That is output[-1]: the last sequence, at every step.
    last_step => (11, 8)
§ Three axes, three names
last step of one sequence | That is one sequence's; output[:, -1] has all of them.
    last_step => (8,)
§ From a step to a layer
h_n for the last step | That is h_n, which has all layers; output has the last layer alone.
    last_step => (2, 4, 8)
""")

batch_first_shapes = predicted("batch_first_shapes", LESSON, BATCH_FIRST, SHAPES, wrong)

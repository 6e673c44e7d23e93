"""Task 3, unbatched_shapes: a layer on one sequence, a cell on one step, and an input misread."""

from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.predict import predicted
from rnncourse.checks.shapes.lesson import LESSON, UNBATCHED

SHAPES = {
    "output": (10, 7),  # (T, H)
    "h_n": (2, 7),  # (L*D, H)
    "cell_h": (4, 7),  # (B, H)
    "cell_c": (7,),  # (H)
    "misread_h_n": (2, 7),  # (B, I) is read as (T, I)
}

wrong = Mistakes(UNBATCHED, SHAPES)

wrong.edits("""
a batch of one | It has a batch axis of size 1. The input has none, so no result has one.
    output => (10, 1, 7)
    h_n => (2, 1, 7)
a batch of one, in front | It has a batch axis, in front; the input has none.
    output => (1, 10, 7)
as wide as the input | It is as wide as the input; what comes out are the H units of the state.
    output => (10, 3)
    h_n => (2, 3)
the last step alone | That is one step of one layer. output has every step, h_n every layer.
    output => (7,)
    h_n => (7,)
both layers side by side | The two layers are not laid side by side: output is the last one's.
    output => (10, 14)
an output for each layer | The lower layer's steps are not handed out.
    output => (2, 10, 7)
one layer's h_n | That is one layer's; there are two.
    h_n => (1, 7)
time in h_n | It has a time axis. h_n is the state after the last step, of each layer.
    h_n => (2, 10, 7)
h_n of every step | That is output's shape. Along what does h_n's first axis count?
    h_n => (10, 7)
§ A cell reads one step
a layer axis in a cell | An axis of size 1 stands in front. A cell has no layers to count.
    cell_h => (1, 4, 7)
    cell_c => (1, 7)
a cell's state as wide as its input | It is as wide as the input; a state has H numbers.
    cell_h => (4, 3)
    cell_c => (3,)
four blocks in a cell | Four blocks of H are computed inside; the state that they make has H.
    cell_h => (4, 28)
    cell_c => (28,)
the cell's batch lost | The batch is missing: a cell reads two axes as (B, I).
    cell_h => (7,)
a batch in the unbatched cell | It has a batch axis, but the input was one vector, (I).
    cell_c => (4, 7)
§
read as meant | So it was meant. But how does a layer read an input of two axes?
    misread_h_n => (2, 4, 7)
read as meant, one layer | A layer reads two axes otherwise; and there are two layers.
    misread_h_n => (1, 4, 7)
output for the misread h_n | That would be output. What is the first axis of h_n?
    misread_h_n => (4, 7)
one layer misread | There are two layers, each with a state.
    misread_h_n => (1, 7)
""")

unbatched_shapes = predicted("unbatched_shapes", LESSON, UNBATCHED, SHAPES, wrong)

"""Task 1, entries: shapes and indices, predicted."""

from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.predict import predicted
from rnncourse.checks.output_h_n_c_n.lesson import (
    EVERY_INDEX,
    LESSON,
)

# nn.LSTM(7, 9, num_layers=3, bidirectional=True, batch_first=True) on x of shape (4, 5, 7)
ANSWERS = {"output": (4, 5, 18), "h_n": (6, 4, 9), "row": 3, "layer": 2, "step": 0, "shared": 2}

wrong = Mistakes(EVERY_INDEX, ANSWERS)

# The order of the sizes, and how many there are.
wrong.edits("""
§ Does batch_first move the states?
output time first | The input is (B, T, I) here. Which axis leads the output?
    output => (5, 4, 18)
§ Which holds every step, output or hidden?
output of one direction | Two directions write into it, side by side.
    output => (4, 5, 9)
§ A row and a column
output of all layers | All layers side by side? Which layers does output show?
    output => (4, 5, 54)
§ Which holds every step, output or hidden?
output like h_n | These are the axes of the state. output has a row for each step.
    output => (6, 4, 9)
§ Does batch_first move the states?
h_n batch first | You put the batch in front. Does batch_first move a state?
    h_n => (4, 6, 9)
§
h_n without directions | A row for each layer: where does the second direction's state go?
    h_n => (3, 4, 9)
§ A row and a column
h_n without layers | A row for each direction: of which layer? There are three.
    h_n => (2, 4, 9)
h_n as one state | One row: whose state is it, of three layers and two directions?
    h_n => (1, 4, 9)
§ Which holds every step, output or hidden?
h_n as wide as output | The directions have rows of their own in h_n. How wide is one state?
    h_n => (6, 4, 18)
h_n with directions side by side | In output the directions lie side by side. In h_n?
    h_n => (3, 4, 18)
h_n with T | You have the time steps for an axis. A state belongs to one moment.
    h_n => (6, 5, 9)
# Which row, which layer, which step.
§ In which order are the rows of h_n?
all forward first | You count all forward layers first, then all backward ones.
    row => 4
    layer => 1
§
row is the layer | You count a row for each layer, as with one direction.
    row => 1
    layer => 4
row of the other direction | That is the same layer's other direction. Which comes first?
    row => 2
§ A row and a column
layers from 1 | Layers are counted from 0.
    layer => 3
§ Is h_n the state at the last time step?
the last step | At the last step this direction begins. Where does it end?
    step => 4
§ Does batch_first move the states?
the last sequence | You take the batch's size for the number of steps.
    step => 3
§ Is h_n the state at the last time step?
after the last step | There is no step 5: t counts from 0.
    step => 5
§ A row and a column
all rows shared | All rows? Which layers does output show?
    shared => 6
§ From one to the other
one row shared | One, where there is one direction. Here there are two, with an end each.
    shared => 1
§ A row and a column
a row of each layer shared | One of each layer? Which layers does output show?
    shared => 3
§ From one to the other
no row shared | None? Look for the last layer's states in output.
    shared => 0
""")

entries = predicted("entries", LESSON, EVERY_INDEX, ANSWERS, wrong)

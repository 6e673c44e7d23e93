"""Task 1, entries: shapes and indices, predicted."""

from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.predict import predicted
from rnncourse.checks.output_h_n_c_n.lesson import (
    ACROSS,
    BATCH_IN_FRONT,
    EVERY_INDEX,
    LAST_STEP,
    LESSON,
    ORDER,
    ROW_COLUMN,
    WIDTH,
)

# nn.LSTM(7, 9, num_layers=3, bidirectional=True, batch_first=True) on x of shape (4, 5, 7)
ANSWERS = {"output": (4, 5, 18), "h_n": (6, 4, 9), "row": 3, "layer": 2, "step": 0, "shared": 2}

wrong = Mistakes(EVERY_INDEX)

# The order of the sizes, and how many there are.
wrong("output time first", "The input is (B, T, I) here. Which axis leads the output?", BATCH_IN_FRONT)(
    {"output": (5, 4, 18)}
)
wrong("output of one direction", "Two directions write into it, side by side.", WIDTH)({"output": (4, 5, 9)})
wrong("output of all layers", "All layers side by side? Which layers does output show?", ROW_COLUMN)(
    {"output": (4, 5, 54)}
)
wrong("output like h_n", "These are the axes of the state. output has a row for each step.", WIDTH)(
    {"output": (6, 4, 9)}
)
wrong("h_n batch first", "You put the batch in front. Does batch_first move a state?", BATCH_IN_FRONT)(
    {"h_n": (4, 6, 9)}
)
wrong("h_n without directions", "A row for each layer: where does the second direction's state go?")(
    {"h_n": (3, 4, 9)}
)
wrong("h_n without layers", "A row for each direction: of which layer? There are three.", ROW_COLUMN)(
    {"h_n": (2, 4, 9)}
)
wrong("h_n as one state", "One row: whose state is it, of three layers and two directions?", ROW_COLUMN)(
    {"h_n": (1, 4, 9)}
)
wrong("h_n as wide as output", "The directions have rows of their own in h_n. How wide is one state?", WIDTH)(
    {"h_n": (6, 4, 18)}
)
wrong("h_n with directions side by side", "In output the directions lie side by side. In h_n?", WIDTH)(
    {"h_n": (3, 4, 18)}
)
wrong("h_n with T", "You have the time steps for an axis. A state belongs to one moment.", WIDTH)(
    {"h_n": (6, 5, 9)}
)

# Which row, which layer, which step.
wrong("all forward first", "You count all forward layers first, then all backward ones.", ORDER)(
    {"row": 4, "layer": 1}
)
wrong("row is the layer", "You count a row for each layer, as with one direction.")({"row": 1, "layer": 4})
wrong("row of the other direction", "That is the same layer's other direction. Which comes first?")(
    {"row": 2}
)
wrong("layers from 1", "Layers are counted from 0.", ROW_COLUMN)({"layer": 3})
wrong("the last step", "At the last step this direction begins. Where does it end?", LAST_STEP)({"step": 4})
wrong("the last sequence", "You take the batch's size for the number of steps.", BATCH_IN_FRONT)({"step": 3})
wrong("after the last step", "There is no step 5: t counts from 0.", LAST_STEP)({"step": 5})
wrong("all rows shared", "All rows? Which layers does output show?", ROW_COLUMN)({"shared": 6})
wrong("one row shared", "One, where there is one direction. Here there are two, with an end each.", ACROSS)(
    {"shared": 1}
)
wrong("a row of each layer shared", "One of each layer? Which layers does output show?", ROW_COLUMN)(
    {"shared": 3}
)
wrong("no row shared", "None? Look for the last layer's states in output.", ACROSS)({"shared": 0})

entries = predicted("entries", LESSON, EVERY_INDEX, ANSWERS, wrong)

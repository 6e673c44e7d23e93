"""Task 1, layout: the shapes of one LSTM with every option, predicted."""

from rnncourse.checks.framework.check import Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.predict import predicted
from rnncourse.checks.parameters_and_init.lesson import LAYERS, LESSON, NAMES

# nn.LSTM(10, 7, num_layers=3, bidirectional=True, proj_size=3) on x of shape (T=5, B=4, I=10)
TRUTH = {
    "weight_ih_l2_reverse": (28, 6),
    "weight_hh_l2": (28, 3),
    "weight_hr_l0": (3, 7),
    "parameters": 30,
    "forget_from": 7,
    "forget_to": 14,
    "h_n": (6, 4, 3),
    "c_n": (6, 4, 7),
}

wrong = Mistakes(NAMES, TRUTH)

wrong.edits("""
weight_ih reads x | Layer 2 does not read x. What is below it?
    weight_ih_l2_reverse => (28, 10)
weight_ih reads x twice | Layer 2 does not read x. What is below it?
    weight_ih_l2_reverse => (28, 20)
weight_ih reads one direction | That is one direction of the layer below; it has two.
    weight_ih_l2_reverse => (28, 3)
§ A narrower h
weight_ih reads without projection | Two directions, but 7 numbers of each: how wide is h here?
    weight_ih_l2_reverse => (28, 14)
§
weight_ih transposed | A weight has a row for each number that it computes: yours is transposed.
    weight_ih_l2_reverse => (6, 28)
§ A narrower h
weight_ih, rows of h | Gates are as wide as the memory, not as h: count the rows again.
    weight_ih_l2_reverse => (12, 6)
weight_hh without projection | What weight_hh reads is h. How wide is h here?
    weight_hh_l2 => (28, 7)
§
weight_hh reads both | In time a cell reads its own h, not the other direction's.
    weight_hh_l2 => (28, 6)
§ A narrower h
weight_hh reads both, without projection | In time a cell reads its own h. And how wide is h here?
    weight_hh_l2 => (28, 14)
§
weight_hh as weight_ih_l0 | In layer 2, and in time, nothing is 10 wide.
    weight_hh_l2 => (28, 10)
§ A narrower h
weight_hh, rows of h | Gates are as wide as the memory, not as h: count the rows again.
    weight_hh_l2 => (12, 3)
weight_hr transposed | It makes 3 numbers of 7; rows are what comes out.
    weight_hr_l0 => (7, 3)
weight_hr of four gates | The projection is of one vector, after the gates.
    weight_hr_l0 => (3, 28)
weight_hr for both directions | Each direction has a projection of its own.
    weight_hr_l0 => (6, 7)
a kind left out | One kind is left out in each cell. Which has a cell with a projection?
    parameters => 24
§
one direction's parameters | That is one direction's. How many cells are there?
    parameters => 15
one layer's parameters | That is one layer's. How many cells are there?
    parameters => 10
numbers, not tensors | That is how many numbers they hold. Asked is how many tensors.
    parameters => 2198
§ A gate's rows
the first slice | That is the first block of rows. Which gate is first in torch?
    forget_from => 0
    forget_to => 7
the third slice | That is the third block, the candidate's.
    forget_from => 14
    forget_to => 21
last row counted | `forget_to` is where the slice ends, as in Python: that row is not in it.
    forget_to => 13
slices of h's width | A gate has a row for each unit of the memory, also with a projection.
    forget_from => 3
    forget_to => 6
§ A narrower h
h not projected | That is as wide as c. What does proj_size make narrower?
    h_n => (6, 4, 7)
c projected | proj_size makes h narrower. Does it touch c?
    c_n => (6, 4, 3)
rows without directions | A state has a row for each layer and each direction.
    h_n => (3, 4, 3)
    c_n => (3, 4, 7)
directions side by side | In a state the directions have rows of their own.
    h_n => (3, 4, 6)
    c_n => (3, 4, 14)
§
states with the batch in front | A state has its rows of cells in front, and then the batch.
    h_n => (4, 6, 3)
    c_n => (4, 6, 7)
§ A narrower h
states with T | That axis is time; a state is of one moment, for each of 4 sequences.
    h_n => (6, 5, 3)
    c_n => (6, 5, 7)
""")

layout = predicted(
    "layout",
    LESSON,
    NAMES,
    TRUTH,
    wrong,
    criteria=(
        Criterion("the weights", 1, ("weight_ih_l2_reverse", "weight_hh_l2", "weight_hr_l0")),
        Criterion("their number and the rows", 1, ("parameters", "forget_from", "forget_to")),
        Criterion("the states", 1, ("h_n", "c_n")),
    ),
    forbid=LAYERS,
)

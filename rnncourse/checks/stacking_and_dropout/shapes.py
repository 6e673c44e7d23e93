"""Task 1, stack_shapes: a deep, bidirectional LSTM with dropout, read off its options."""

from rnncourse.checks.framework.check import Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.predict import predicted
from rnncourse.checks.stacking_and_dropout.lesson import COST, LESSON

# nn.LSTM(11, 3, num_layers=4, bidirectional=True, dropout=0.5), called with (T=7, B=5, I=11)
TRUTH = {
    "weight_ih_l0": (12, 11),
    "weight_ih_l1": (12, 6),
    "weight_hh_l1": (12, 3),
    "output": (7, 5, 6),
    "h_n": (8, 5, 3),
    "top_row": 6,
    "masks": 3,
}

wrong = Mistakes(COST, TRUTH)

wrong.edits("""
weight_ih_l0 transposed | Torch stores it the other way round: what it makes comes first.
    weight_ih_l0 => (11, 12)
weight_ih_l0 of one gate | That is one gate's share. How many gates has an LSTM?
    weight_ih_l0 => (3, 11)
§ What the next layer reads
layer 1 reads x | That would read x. What does layer 1 read?
    weight_ih_l1 => (12, 11)
§ Two directions below
layer 1 reads one direction | That would read one direction of the layer below.
    weight_ih_l1 => (12, 3)
§
layer 1 transposed | Torch stores it the other way round: what it makes comes first.
    weight_ih_l1 => (6, 12)
§ Two directions below
weight_hh of both | In time a cell reads its own h, not that of the other direction.
    weight_hh_l1 => (12, 6)
§
weight_hh of one gate | That is one gate's share. How many gates has an LSTM?
    weight_hh_l1 => (3, 3)
§ Two directions below
output of one direction | That is one direction's. What stands side by side in output?
    output => (7, 5, 3)
§ What the next layer reads
output of all layers | That would hold every layer. Which layer does output show?
    output => (7, 5, 24)
output batch first | The layer is not batch_first: which axis comes first?
    output => (5, 7, 6)
§ Two directions below
h_n of one direction | That has a row for each layer. How many cells has a layer here?
    h_n => (4, 5, 3)
h_n side by side | The directions stand side by side in output, but not in h_n.
    h_n => (4, 5, 6)
§ What the next layer reads
h_n of the top | That is the top layer's alone. Whose final states are in h_n?
    h_n => (2, 5, 3)
§ Two directions below
top row is the layer | That is the layer's number. How many rows has each layer?
    top_row => 3
§ What the next layer reads
top row from the end | It is the row, but counted from the end. Asked is its number from 0.
    top_row => -2
§ Two directions below
top row backward | That is the top layer's backward direction.
    top_row => 7
§ What the next layer reads
top row is the bottom | That is layer 0: the rows go from the bottom up.
    top_row => 0
§ Where dropout goes
one mask | A mask is not drawn once for all: there are four layers. Where does dropout stand?
    masks => 1
masks everywhere | One is too many: x is read whole, and output leaves whole.
    masks => 4
masks around | Two are too many: x is read whole, and output leaves whole.
    masks => 5
masks by direction | Both directions of a layer read the same masked sequence.
    masks => 6
masks by step | Counted are tensors (T, B, D*H): all steps are in one.
    masks => 21
""")

stack_shapes = predicted(
    "stack_shapes",
    LESSON,
    COST,
    TRUTH,
    wrong,
    criteria=(
        Criterion("the parameters", 1, ("weight_ih_l0", "weight_ih_l1", "weight_hh_l1")),
        Criterion("what comes out", 1, ("output", "h_n", "top_row")),
        Criterion("the masks", 1, ("masks",)),
    ),
)

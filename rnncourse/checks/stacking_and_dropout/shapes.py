"""Task 1, stack_shapes: a deep, bidirectional LSTM with dropout, read off its options."""

from rnncourse.checks.framework.check import Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.predict import predicted
from rnncourse.checks.stacking_and_dropout.lesson import BOTH, COST, DROPOUT, LESSON, READS

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

wrong = Mistakes(COST)

wrong("weight_ih_l0 transposed", "Torch stores it the other way round: what it makes comes first.")(
    {"weight_ih_l0": (11, 12)}
)
wrong("weight_ih_l0 of one gate", "That is one gate's share. How many gates has an LSTM?")(
    {"weight_ih_l0": (3, 11)}
)
wrong("layer 1 reads x", "That would read x. What does layer 1 read?", READS)({"weight_ih_l1": (12, 11)})
wrong("layer 1 reads one direction", "That would read one direction of the layer below.", BOTH)(
    {"weight_ih_l1": (12, 3)}
)
wrong("layer 1 transposed", "Torch stores it the other way round: what it makes comes first.")(
    {"weight_ih_l1": (6, 12)}
)
wrong("weight_hh of both", "In time a cell reads its own h, not that of the other direction.", BOTH)(
    {"weight_hh_l1": (12, 6)}
)
wrong("weight_hh of one gate", "That is one gate's share. How many gates has an LSTM?")(
    {"weight_hh_l1": (3, 3)}
)
wrong("output of one direction", "That is one direction's. What stands side by side in output?", BOTH)(
    {"output": (7, 5, 3)}
)
wrong("output of all layers", "That would hold every layer. Which layer does output show?", READS)(
    {"output": (7, 5, 24)}
)
wrong("output batch first", "The layer is not batch_first: which axis comes first?", READS)(
    {"output": (5, 7, 6)}
)
wrong("h_n of one direction", "That has a row for each layer. How many cells has a layer here?", BOTH)(
    {"h_n": (4, 5, 3)}
)
wrong("h_n side by side", "The directions stand side by side in output, but not in h_n.", BOTH)(
    {"h_n": (4, 5, 6)}
)
wrong("h_n of the top", "That is the top layer's alone. Whose final states are in h_n?", READS)(
    {"h_n": (2, 5, 3)}
)
wrong("top row is the layer", "That is the layer's number. How many rows has each layer?", BOTH)(
    {"top_row": 3}
)
wrong("top row from the end", "It is the row, but counted from the end. Asked is its number from 0.", READS)(
    {"top_row": -2}
)
wrong("top row backward", "That is the top layer's backward direction.", BOTH)({"top_row": 7})
wrong("top row is the bottom", "That is layer 0: the rows go from the bottom up.", READS)({"top_row": 0})
wrong(
    "one mask", "A mask is not drawn once for all: there are four layers. Where does dropout stand?", DROPOUT
)({"masks": 1})
wrong("masks everywhere", "One is too many: x is read whole, and output leaves whole.", DROPOUT)({"masks": 4})
wrong("masks around", "Two are too many: x is read whole, and output leaves whole.", DROPOUT)({"masks": 5})
wrong("masks by direction", "Both directions of a layer read the same masked sequence.", DROPOUT)(
    {"masks": 6}
)
wrong("masks by step", "Counted are tensors (T, B, D*H): all steps are in one.", DROPOUT)({"masks": 21})

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

"""Task 1, seen: what has seen how much, and where it stands."""

from rnncourse.checks.bidirectional.lesson import LESSON, SEEN
from rnncourse.checks.framework.check import Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.predict import predicted

COUNTS = "forward_half", "backward_half", "last_backward"
TRUTH = {
    "forward_half": 3,
    "backward_half": 5,
    "last_backward": 1,
    "row": 3,
    "step": 0,
    "h_n": (6, 4, 20),
    "weight_ih_l2": (80, 40),
    "output": (7, 4, 40),
}

wrong = Mistakes(SEEN, TRUTH)

wrong.edits("""
forward, from 0 | The count leaves out an input: the step's own is read, too.
    forward_half => 2
forward, all | The forward half has not read what comes after its step.
    forward_half => 7
backward, own step left out | The count leaves out an input: the step's own is read, too.
    backward_half => 4
backward, from the left | This counts from the left end. From which end does this half come?
    backward_half => 3
last backward, all | The backward direction has only begun there.
    last_backward => 7
last backward, none | It has read something: the step's own input.
    last_backward => 0
§ The states interleave
all forward first | This is the row if all forward states came first. They do not.
    row => 4
one row too early | This row is the forward state of the layer.
    row => 2
row from the end | It is the row, but counted from the end. Asked is its number from 0.
    row => -3
counted from 1 | Layers are counted from 0: this row belongs to layer 2.
    row => 5
the last step | Row 5 is a backward state. At which end does the backward direction stop?
    step => 6
the last step, from the end | Row 5 is a backward state. At which end does the backward direction stop?
    step => -1
directions forgotten in h_n | Only one direction of each layer is counted.
    h_n => (3, 4, 20)
directions joined in h_n | A state is not joined as an output is: each direction has its row.
    h_n => (3, 4, 40)
h_n of one layer | h_n has the states of all layers, not of the last alone.
    h_n => (2, 4, 20)
§ Both halves go up
one half goes up | Layer 2 reads both halves of layer 1's output.
    weight_ih_l2 => (80, 20)
every layer reads x | Only layer 0 reads the input. What does layer 2 read?
    weight_ih_l2 => (80, 10)
turned round | The rows are what comes out, the columns what goes in.
    weight_ih_l2 => (40, 80)
§ Two passes, lined up in time
one direction in output | This is one half of the output.
    output => (7, 4, 20)
output of all layers | Only the last layer's two halves are in output.
    output => (7, 4, 120)
batch first | The layer is not batch_first: time comes first.
    output => (4, 7, 40)
""")

seen = predicted(
    "seen",
    LESSON,
    SEEN,
    TRUTH,
    wrong,
    criteria=(
        Criterion("the three counts", 1, COUNTS),
        Criterion("the row and the step", 1, ("row", "step")),
        Criterion("the shapes", 1, ("h_n", "weight_ih_l2", "output")),
    ),
)

"""Task 1, counted: how the work of a layer is cut into matmuls."""

from rnncourse.checks.framework.check import Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.predict import predicted
from rnncourse.checks.the_whole_layer.lesson import HOISTED, LESSON

T, B, I, H = 50, 20, 30, 40
TRUTH = {
    "step_by_step": 2 * T,
    "hoisted": T + 1,
    "first_result": (T * B, 4 * H),
    "multiply_adds": T * B * 4 * H * (I + H),
    "share": I / (I + H),
    "backward": T + 3,
}

wrong = Mistakes(HOISTED, TRUTH)

wrong.edits("""
one a step | A step multiplies two things by a weight: which?
    step_by_step => 50
eight a step | The four gates' weights lie in one matrix: they share a matmul.
    step_by_step => 400
four a step | Count a step's matmuls, not its gates: the four share a matrix.
    step_by_step => 200
one in all | The input's part is one. What must still be multiplied at each step?
    hoisted => 1
input's part forgotten | These are the state's. The input's part is a matmul, too.
    hoisted => 50
two before the loop | The biases are added, not multiplied: how many matmuls stand before the loop?
    hoisted => 52
nothing hoisted | This is the count of the step by step loop.
    hoisted => 100
one step's result | This is the part of one step. The hoisted matmul makes it for all.
    first_result => (20, 160)
one gate's result | These are the columns of one gate. How many rows has weight_ih?
    first_result => (1000, 40)
result turned round | Rows are steps and sequences, columns are what comes out.
    first_result => (160, 1000)
what goes in | This is the shape of what goes into the matmul. What comes out?
    first_result => (1000, 30)
batch forgotten in the result | Each step has a row for each sequence of the batch.
    first_result => (50, 160)
steps and batch kept apart | For one matmul the steps and the batch are one axis of rows.
    first_result => (50, 20, 160)
multiplications and additions | A multiply-add is counted once: this is twice as many.
    multiply_adds => 22400000
input's work only | This is the input's part alone.
    multiply_adds => 4800000
state's work only | This is the state's part alone.
    multiply_adds => 6400000
one gate's work | This is the work of one gate.
    multiply_adds => 2800000
one step's work | This is the work of one step.
    multiply_adds => 224000
one sequence's work | This is the work of one sequence of the batch.
    multiply_adds => 560000
the state's share | This is the share that stays in the loop.
    share => 0.5714285714
input over state | This is the input's part over the state's. Asked is its share of the whole.
    share => 0.75
half | It would be half if I were H.
    share => 0.5
share of the calls | This is a share of the matmuls' count. Asked is the share of the multiply-adds.
    share => 0.01960784314
percent | Asked is a share, a number from 0 to 1.
    share => 42.85714286
§ The backward of a whole sequence
two a step on the way back | Only one product of the way back must wait for the next step. The others can
    stand after the loop.
    backward => 100
all in the loop | This is three a step. Which of them need not stand in the loop?
    backward => 150
after the loop forgotten | These are the loop's. Some stand after it.
    backward => 50
one after the loop | After the loop there is more than one gradient to make.
    backward => 51
two after the loop | One gradient is missing: two weights, and what the layer read.
    backward => 52
bias by a matmul | The biases' gradient is a sum of rows: no matmul.
    backward => 54
""")

counted = predicted(
    "counted",
    LESSON,
    HOISTED,
    TRUTH,
    wrong,
    tolerance=0.01,
    criteria=(
        Criterion("the matmuls", 1, ("step_by_step", "hoisted")),
        Criterion("their sizes", 1, ("first_result", "multiply_adds", "share")),
        Criterion("the way back", 1, ("backward",)),
    ),
)

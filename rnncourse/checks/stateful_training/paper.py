"""Task 3, by_hand: the gradient of a linear recurrence by one number, whole and truncated.

h_t = u h_{t-1} + x_t with u = 2, x = 1, 0, -5, 5 and y = 0, -1, -2, 5 gives h = 1, 2, -1, 3 and
dL_t/dh_t = h_t - y_t = 1, 3, 1, -2. The term of loss s and step t is (h_s - y_s) u^(s-t) h_{t-1}.
tests/sets asks autograd.
"""

from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.predict import predicted
from rnncourse.checks.framework.watch import AUTOGRAD
from rnncourse.checks.stateful_training.lesson import CUT, LESSON

TRUTH = {"whole": -7.0, "chunks": -1.0, "every_step": 7.0, "steps_back": 1.0}

wrong = Mistakes(CUT, TRUTH)

wrong.edits("""
whole: only the last loss | That is the last loss alone. Each step has a loss.
    whole => -14.0
whole: u left out | A term has a factor u for each step between t and s.
    whole => 2.0
whole: cut at every step | That is each step's own term alone. In the whole, earlier steps count, too.
    whole => 7.0
chunks: the whole | Nothing is cut in that.
    chunks => -7.0
chunks: state zeroed | Detaching leaves the state's value: h_2 is -1, not -5.
    chunks => 53.0
chunks: last chunk only | That is the second chunk alone. The first one has a term that is not 0.
    chunks => -4.0
chunks: first chunk only | That is the first chunk alone.
    chunks => 3.0
chunks: border a step early | That is cut between 0 and 1, and between 2 and 3.
    chunks => 9.0
§ Detach at every step
chunks: cut at every step | That is cut at every step. Chunks have 2 steps.
    chunks => 7.0
§ How large is the error?
chunks: two steps back | That lets each loss look back over two steps. Chunks have borders.
    chunks => 1.0
§ Detach at every step
every_step: nothing | A detached state is a constant, not 0: it still multiplies u.
    every_step => 0.0
every_step: the whole | Nothing is cut in that.
    every_step => -7.0
§ How large is the error?
steps_back: chunks | That has borders. Here every loss looks back over two steps.
    steps_back => -1.0
steps_back: three | s - t < 2 allows two values of s - t: 0 and 1.
    steps_back => -7.0
steps_back: one | s - t < 2 allows two values of s - t: 0 and 1.
    steps_back => 7.0
""")

by_hand = predicted("by_hand", LESSON, CUT, TRUTH, wrong, forbid=AUTOGRAD)

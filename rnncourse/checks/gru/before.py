"""Task 2, gru_step_before: the published paper's step, the reset gate before the matmul."""

import torch
from torch.nn.functional import linear

from rnncourse.checks.framework.cases import BATCH, SINGLE, Case
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.gru.lesson import LESSON, PENCIL, RESET
from rnncourse.checks.gru.step import common_mistakes, step_cases


# Names that only the mistakes use are kept: these change single words of the source.
def reset_before(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh):
    ih_r, ih_z, ih_n = linear(x_t, weight_ih, bias_ih).chunk(3, dim=-1)
    hh_r, hh_z, hh_n = linear(h, weight_hh, bias_hh).chunk(3, dim=-1)  # noqa: RUF059
    r = torch.sigmoid(ih_r + hh_r)
    z = torch.sigmoid(ih_z + hh_z)
    W_r, W_z, W_n = weight_hh.chunk(3)  # noqa: RUF059
    b_r, b_z, b_n = bias_hh.chunk(3)  # noqa: RUF059
    n = torch.tanh(ih_n + linear(r * h, W_n, b_n))
    return (1 - z) * n + z * h


STATE = "linear(r * h, W_n, b_n)"

wrong = Mistakes(RESET, reset_before)

wrong.edits("""
reset after the matmul | your reset gate acts after the matmul: these are torch's numbers. Asked is the other
    variant.
    linear(r * h, W_n, b_n) => r * hh_n
reset after, bias outside | your reset gate acts after the matmul, on all but the bias. In this variant it
    acts on h.
    linear(r * h, W_n, b_n) => r * linear(h, W_n) + b_n
r on the bias, too | r multiplies b_hn, too. Here it acts on h alone, before the matmul.
    linear(r * h, W_n, b_n) => (linear(r * h, W_n) + r * b_n)
reset twice | the reset gate acts twice, before the matmul and after it.
    linear(r * h, W_n, b_n) => r * linear(r * h, W_n, b_n)
§ Four biases, not three and not six
b_hn missing | b_hn is not added.
    linear(r * h, W_n, b_n) => linear(r * h, W_n)
""")
common_mistakes(wrong, STATE, parts=("ih", "hh", "W", "b"))
wrong.edits("""
r left out | r has no part in it: the candidate reads the whole old state.
    linear(r * h, W_n, b_n) => hh_n
z for r | z stands where r should: which gate says how much n reads?
    r * h, => z * h,
the gates read r * h, too | the gates read r * h as well. z reads the old state as it is.
    - z = torch.sigmoid(ih_z + hh_z)
    + z = torch.sigmoid(ih_z + linear(r * h, weight_hh, bias_hh).chunk(3, dim=-1)[1])
W_hr for W_hn | r * h meets the first block of weight_hh, that of r. Which block is n's?
    linear(r * h, W_n, b_n) => linear(r * h, W_r, b_r)
""")

gru_step_before = Check(
    name="gru_step_before",
    lesson=LESSON,
    section=RESET,
    parts=(Part("h", "B H"),),
    criteria=(Criterion("with a batch", 2, where=(BATCH,)), Criterion("without a batch", 1, where=(SINGLE,))),
    truth=reset_before,
    mistakes=wrong,
    cases=step_cases,
    example_case=Case(PENCIL, {"I": 2, "H": 1}),
)

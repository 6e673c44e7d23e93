"""Task 7, fold_biases: two biases into one, as far as that goes."""

import torch

from rnncourse.checks.framework.cases import Case, Trait, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.parameters_and_init.lesson import BIASES, LESSON

ONE_SUM = Trait("it is an RNN or an LSTM", "what you do for an RNN and an LSTM")
IS_GRU = Trait("it is a GRU", "what stands behind the GRU's reset gate")


def _truth(mode, bias_ih, bias_hh):
    rows = len(bias_ih) // 3 * 2 if mode == "GRU" else len(bias_ih)  # all but n
    one, other = bias_ih.clone(), bias_hh.clone()
    one[:rows] += bias_hh[:rows]
    other[:rows] = 0
    return one, other


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 1.0)

    def case(mode: str, G: int, H: int) -> Case:
        arguments = {"mode": mode, "bias_ih": numbers(G * H), "bias_hh": numbers(G * H)}
        return Case(arguments, {"G": G, "H": H}, frozenset({IS_GRU if mode == "GRU" else ONE_SUM}))

    return [case("LSTM", 4, 3), case("RNN", 1, 6), case("GRU", 3, 4), case("LSTM", 4, 6), case("GRU", 3, 8)]


wrong = Mistakes(BIASES, _truth)
ROWS_OF = 'len(bias_ih) // 3 * 2 if mode == "GRU" else len(bias_ih)'

wrong.edits("""
§ Where they can't be folded
all of a GRU folded | in a GRU all is folded, also what the reset gate stands before: the GRU computes
    something else then.
    len(bias_ih) // 3 * 2 if mode == "GRU" else len(bias_ih) => len(bias_ih)
nothing of a GRU folded | a GRU's biases are left as they are. Two of its three blocks are plain sums.
    len(bias_ih) // 3 * 2 if mode == "GRU" else len(bias_ih) => 0 if mode == "GRU" else len(bias_ih)
one block of a GRU | in a GRU one block is folded; two can be.
    - rows = len(bias_ih) // 3 * 2 if mode == "GRU" else len(bias_ih)  # all but n
    + rows = len(bias_ih) // 3 if mode == "GRU" else len(bias_ih)  # all but n
an LSTM as a GRU | the last block is never folded, whichever the mode. Where does something stand before it?
    - rows = len(bias_ih) // 3 * 2 if mode == "GRU" else len(bias_ih)  # all but n
    + rows = len(bias_ih) // 3 * 2 if mode != "RNN" else len(bias_ih)  # all but n
§ A gate's rows
n first | in a GRU the wrong blocks are folded: the order is r, z, n.
    one[:rows] += bias_hh[:rows] => one[-rows:] += bias_hh[-rows:]
    other[:rows] = 0 => other[-rows:] = 0
§
bias_hh kept | bias_hh is still there, so it is added once more in the layer.
    other[:rows] = 0 =>
bias_ih kept | bias_hh is set to 0 and has gone nowhere.
    one[:rows] += bias_hh[:rows] =>
the mean | the mean is taken. Two biases add up.
    one[:rows] += bias_hh[:rows] => one[:rows] = (bias_ih + bias_hh)[:rows] / 2
the difference | the sign: one bias is subtracted from the other.
    one[:rows] += bias_hh[:rows] => one[:rows] -= bias_hh[:rows]
half in each | the sum is shared out, half in each. Asked are zeros in bias_hh.
    one[:rows] += bias_hh[:rows] => one[:rows] = (bias_ih + bias_hh)[:rows] / 2
    other[:rows] = 0 => other[:rows] = one[:rows]
§ Where they can't be folded
all of bias_hh emptied | bias_hh is all zeros: in a GRU the part that can't be folded is lost.
    other[:rows] = 0 => other[:] = 0
n folded and kept | in a GRU n's b_hn is added to b_in and stays in bias_hh as well: it counts twice.
    one[:rows] += bias_hh[:rows] => one += bias_hh
""")


@wrong(
    "folded the other way", "the sum stands in bias_hh, and zeros in bias_ih. Asked is the other way round."
)
def _(mode, bias_ih, bias_hh):
    return _truth(mode, bias_hh, bias_ih)[::-1]


@wrong("exchanged", "the two are exchanged: asked is bias_ih first.")
def _(mode, bias_ih, bias_hh):
    return _truth(mode, bias_ih, bias_hh)[::-1]


fold_biases = Check(
    name="fold_biases",
    lesson=LESSON,
    section=BIASES,
    parts=(Part("bias_ih", "GH"), Part("bias_hh", "GH")),
    criteria=(Criterion("RNN and LSTM", 1, where=(ONE_SUM,)), Criterion("GRU", 2, where=(IS_GRU,))),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {"mode": "RNN", "bias_ih": torch.tensor([1.0, 2.0]), "bias_hh": torch.tensor([0.1, 0.2])},
        {"G": 1, "H": 2},
    ),
)

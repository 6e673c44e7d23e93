"""Task 4, from_keras: weights of another layout and order."""

import torch

from rnncourse.checks.framework.cases import Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.gru.lesson import EQUAL, LESSON


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(I: int, H: int) -> Case:
        arguments = {
            "kernel": numbers(I, 3 * H),
            "recurrent_kernel": numbers(H, 3 * H),
            "bias": numbers(2, 3 * H),
        }
        return Case(arguments, {"I": I, "H": H})

    return [case(5, 3), case(2, 4), case(6, 2), case(4, 1)]  # I = 3H: a forgotten transposition fits


def _truth(kernel, recurrent_kernel, bias):
    def rzn(blocks):
        z, r, n = blocks.chunk(3, dim=-1)
        return torch.cat([r, z, n], dim=-1)

    return rzn(kernel).T, rzn(recurrent_kernel).T, rzn(bias[0]), rzn(bias[1])


wrong = Mistakes(EQUAL, _truth)
ORDER = "[r, z, n]"

wrong.edits("""
order kept | all is transposed as it should be, but the blocks lie as before, z, r, n.
    [r, z, n] => [z, r, n]
not transposed | the blocks are in torch's order, but not transposed: Keras writes x @ kernel, and torch?
    rzn(kernel).T, rzn(recurrent_kernel).T => rzn(kernel), rzn(recurrent_kernel)
nothing changed | these are Keras's own: compare the two layouts first, then the two orders.
    [r, z, n] => [z, r, n]
    rzn(kernel).T, rzn(recurrent_kernel).T => rzn(kernel), rzn(recurrent_kernel)
reshaped | the shapes fit, but reshape keeps the numbers in their row order: that is not a transposition.
    rzn(kernel).T => rzn(kernel).reshape(-1, len(kernel))
    rzn(recurrent_kernel).T => rzn(recurrent_kernel).reshape(-1, len(recurrent_kernel))
biases in the old order | the weights are in torch's order, the biases are not: they have three blocks, too.
    rzn(bias[0]), rzn(bias[1]) => bias[0], bias[1]
§ Four biases, not three and not six
biases exchanged | the two biases are exchanged. For r and z it would not matter, for n it does.
    rzn(bias[0]), rzn(bias[1]) => rzn(bias[1]), rzn(bias[0])
biases added up | the biases are added into one, and the other is zero. For n the two do different things.
    rzn(bias[0]), rzn(bias[1]) => rzn(bias[0] + bias[1]), torch.zeros_like(bias[1])
one bias twice | bias_hh is the input's bias once more.
    rzn(bias[1]) => rzn(bias[0])
§ Which way z points
z turned | z's block has its sign changed. In Keras z keeps, as in torch.
    [r, z, n] => [r, -z, n]
§
z and n exchanged | the wrong blocks change places. Write both orders down, one below the other.
    [r, z, n] => [n, r, z]
r and n exchanged | the wrong blocks change places. Write both orders down, one below the other.
    [r, z, n] => [z, n, r]
turned round | the blocks lie n, z, r now. Write both orders down, one below the other.
    [r, z, n] => [n, z, r]
moved on by one | the blocks lie r, n, z now. torch: r, z, n.
    [r, z, n] => [r, n, z]
""")

from_keras = Check(
    name="from_keras",
    lesson=LESSON,
    section=EQUAL,
    parts=(
        Part("weight_ih", "3H I"),
        Part("weight_hh", "3H H"),
        Part("bias_ih", "3H"),
        Part("bias_hh", "3H"),
    ),
    criteria=(
        Criterion("weight_ih", 1, ("weight_ih",)),
        Criterion("weight_hh", 1, ("weight_hh",)),
        Criterion("the biases", 1, ("bias_ih", "bias_hh")),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "kernel": torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
            "recurrent_kernel": torch.tensor([[10.0, 20.0, 30.0]]),
            "bias": torch.tensor([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]),
        },
        {"I": 2, "H": 1},
    ),
)

"""Task 3, turn_z: weights from the other convention of z."""

import torch

from rnncourse.checks.framework.cases import Case, random_numbers, random_weights
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.gru.lesson import DIRECTION, LESSON, PENCIL


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)
    sizes = (5, 3), (2, 4), (6, 2), (3, 1)
    return [Case(random_weights(numbers, 3, I, H), {"I": I, "H": H}) for I, H in sizes]


def _truth(weight_ih, weight_hh, bias_ih, bias_hh):
    def turned(weight):
        r, z, n = weight.chunk(3)
        return torch.cat([r, -z, n])

    return turned(weight_ih), turned(weight_hh), turned(bias_ih), turned(bias_hh)


wrong = Mistakes(DIRECTION, _truth)
ALL = "turned(weight_ih), turned(weight_hh), turned(bias_ih), turned(bias_hh)"

wrong.edits("""
biases as they were | the weights are turned, the biases are not. What else goes into z's sum?
    - return turned(weight_ih), turned(weight_hh), turned(bias_ih), turned(bias_hh)
    + return turned(weight_ih), turned(weight_hh), bias_ih, bias_hh
one bias as it was | bias_hh is as it was. It goes into z's sum as bias_ih does.
    turned(bias_hh) => bias_hh
bias_ih as it was | bias_ih is as it was.
    turned(bias_ih) => bias_ih
weight_hh as it was | weight_hh is as it was: z reads the state, too.
    turned(weight_hh) => weight_hh
weight_ih as it was | weight_ih is as it was: z reads the input, too.
    turned(weight_ih) => weight_ih
§ Equal to torch
r's block | it is r's block that you turn. In which order do the blocks lie?
    [r, -z, n] => [-r, z, n]
n's block | it is n's block that you turn. In which order do the blocks lie?
    [r, -z, n] => [r, z, -n]
§
all blocks | all three blocks are turned. Only z changes its meaning.
    [r, -z, n] => [-r, -z, -n]
r and z | r's block is turned, too. Only z changes its meaning.
    [r, -z, n] => [-r, -z, n]
1 - weights | you take 1 minus the weights. It is the gate that becomes 1 - z, after the sigmoid; what goes
    into it?
    -z => 1 - z
1 - all weights | you take 1 minus all the weights. It is the gate that becomes 1 - z, after the sigmoid.
    [r, -z, n] => [1 - r, 1 - z, 1 - n]
blocks exchanged | r and z change places. The order of the blocks is the same in both.
    [r, -z, n] => [z, r, n]
nothing changed | the weights are as they were.
    -z => z
z's block set to zero | z's block is zero now: then z is 0.5 for every input.
    -z => 0 * z
""")

turn_z = Check(
    name="turn_z",
    lesson=LESSON,
    section=DIRECTION,
    parts=(
        Part("weight_ih", "3H I"),
        Part("weight_hh", "3H H"),
        Part("bias_ih", "3H"),
        Part("bias_hh", "3H"),
    ),
    criteria=(
        Criterion("the weights", 1, ("weight_ih", "weight_hh")),
        Criterion("the biases", 1, ("bias_ih", "bias_hh")),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {name: PENCIL[name] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}, {"I": 2, "H": 1}
    ),
)

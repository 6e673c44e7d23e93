"""Task 2, parameters_by_layer: what each layer costs."""

import torch

from rnncourse.checks.framework.cases import Case
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.stacking_and_dropout.lesson import COST, LESSON


def _truth(gates, input_size, hidden_size, num_layers, bidirectional):
    I, H, D = input_size, hidden_size, 2 if bidirectional else 1
    reads = [I] + [D * H] * (num_layers - 1)
    return torch.tensor([D * gates * H * (wide + H + 2) for wide in reads])


def _case(gates: int, I: int, H: int, L: int, both: bool) -> Case:
    arguments = {
        "gates": gates,
        "input_size": I,
        "hidden_size": H,
        "num_layers": L,
        "bidirectional": both,
    }
    return Case(arguments, {"I": I, "H": H, "L": L})


def _cases(seed: int) -> list[Case]:
    random = torch.Generator().manual_seed(seed)

    def between(low: int, high: int) -> int:
        return int(torch.randint(low, high, (), generator=random))

    return [
        _case(gates, between(20, 40), between(6, 19), layers, both)
        for gates, layers, both in ((4, 3, False), (4, 2, True), (3, 4, True), (1, 5, False), (3, 1, True))
    ]


wrong = Mistakes(COST, _truth)

wrong.edits("""
one bias | one vector of biases is counted for each cell. torch has two.
    + 2) => + 1)
no bias | the biases are not counted.
    wide + H + 2 => wide + H
biases not of each gate | the biases are counted for one gate only.
    gates * H * (wide + H + 2) => (gates * H * (wide + H) + 2 * H)
all read x | each layer's count has I in it. What does layer 1 read?
    [D * H] => [I]
§ Two directions below
upper layers read one direction | from layer 1 on you count H columns of weight_ih. What does a layer read
    with two directions?
    [D * H] => [H]
§
one direction counted | one direction is counted of two.
    D * gates => gates
§ Two directions below
directions not at all | you count as if there were one direction.
    2 if bidirectional else 1 => 1
weight_hh reads both | weight_hh is counted too wide: in time a cell reads its own h.
    wide + H + 2 => wide + D * H + 2
§
one gate | one gate is counted.
    D * gates * H => D * H
four gates | four gates are counted, always. How many has a GRU?
    D * gates * H => D * 4 * H
weight_hh left out | weight_hh is not counted.
    wide + H + 2 => wide + 2
weight_ih left out | weight_ih is not counted.
    wide + H + 2 => H + 2
layer 0 as the others | layer 0 reads x, and x has I numbers.
    [I] + [D * H] => [D * H] + [D * H]
layer 0 times L | every layer is counted as layer 0, in one direction. What does layer 1 read?
    [D * H] => [I]
    2 if bidirectional else 1 => 1
""")


@wrong("from the top down", "right, but for the order: layer 0 comes first.")
def _(*arguments):
    return _truth(*arguments).flip(0)


@wrong("all together", "this is the sum over the layers. Asked is each layer's own count.")
def _(*arguments):
    return _truth(*arguments).sum()


parameters_by_layer = Check(
    name="parameters_by_layer",
    lesson=LESSON,
    section=COST,
    parts=(Part("counts", "L", dtype="int"),),
    criteria=(Criterion("counts", 3),),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=_case(4, 10, 20, 3, False),
    forbid=frozenset({"torch.nn.RNN", "torch.nn.LSTM", "torch.nn.GRU", "rnncourse"}),
    agree="torch's own",
)

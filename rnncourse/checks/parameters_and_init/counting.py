"""Task 2, count_parameters: all of them, by formula, with any options."""

import torch

from rnncourse.checks.framework.cases import Case, Trait
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Whole
from rnncourse.checks.parameters_and_init.lesson import COUNT, LAYERS, LESSON

PLAIN = Trait("there is no projection", "what you do where proj_size is 0")
PROJECTED = Trait("there is a projection", "what you do where there is a projection")


def _truth(mode, input_size, hidden_size, num_layers, bidirectional, bias, proj_size):
    I, H, L, D = input_size, hidden_size, num_layers, 2 if bidirectional else 1
    rows, wide, biases = {"RNN": 1, "GRU": 3, "LSTM": 4}[mode] * H, proj_size or H, 2 if bias else 0
    projection = proj_size * H
    first = rows * (I + wide + biases) + projection
    upper = rows * (D * wide + wide + biases) + projection
    return D * (first + (L - 1) * upper)


def _case(mode: str, I: int, H: int, L: int, both: bool, bias: bool = True, P: int = 0) -> Case:
    arguments = {
        "mode": mode,
        "input_size": I,
        "hidden_size": H,
        "num_layers": L,
        "bidirectional": both,
        "bias": bias,
        "proj_size": P,
    }
    return Case(arguments, {"I": I, "H": H, "L": L}, frozenset({PROJECTED if P else PLAIN}))


def _cases(seed: int) -> list[Case]:
    random = torch.Generator().manual_seed(seed)

    def between(low: int, high: int) -> int:
        return int(torch.randint(low, high, (), generator=random))

    def case(mode: str, L: int, both: bool, bias: bool = True, projected: bool = False) -> Case:
        H = between(9, 19)
        return _case(mode, between(20, 40), H, L, both, bias, between(5, H - 1) if projected else 0)

    return [
        case("LSTM", 3, False),
        case("LSTM", 2, True),
        case("GRU", 4, True),
        case("RNN", 5, False, bias=False),
        case("LSTM", 1, True),
        case("LSTM", 3, True, projected=True),
        case("LSTM", 4, False, bias=False, projected=True),
    ]


wrong = Mistakes(COUNT, _truth)

# Each as it is, and by those who have not come to the projection yet.
for name, hint, edits in (
    (
        "one bias",
        "one vector of biases is counted for each cell. torch has two.",
        "2 if bias => 1 if bias",
    ),
    (
        "biases always",
        "bias=False makes no difference in your count.",
        "2 if bias else 0 => 2",
    ),
    (
        "biases never",
        "the biases are not counted.",
        "2 if bias else 0 => 0",
    ),
    (
        "all read x",
        "each layer's count has I in it. What does layer 1 read?",
        "(D * wide + => (I +",
    ),
    (
        "upper layers read one direction",
        "with two directions the upper layers' weight_ih are counted too narrow: a layer reads both.",
        "(D * wide + => (wide +",
    ),
    (
        "weight_hh reads both",
        "weight_hh is counted too wide with two directions: in time a cell reads its own h.",
        """I + wide + => I + D * wide +
    D * wide + wide => D * wide + D * wide""",
    ),
    (
        "one direction counted",
        "one direction is counted of two.",
        "D * (first + => (first +",
    ),
    (
        "directions not at all",
        "you count as if there were one direction.",
        "2 if bidirectional else 1 => 1",
    ),
    (
        "one layer",
        "one layer is counted.",
        "(first + (L - 1) * upper) => first",
    ),
    (
        "one layer too many",
        "one of the upper layers is counted once too often.",
        "(L - 1) => L",
    ),
    (
        "four gates always",
        "four blocks are counted, always. How many has a GRU, and an RNN?",
        '"RNN": 1, "GRU": 3 => "RNN": 4, "GRU": 4',
    ),
    (
        "the textbook's LSTM",
        "4H(I + H + 1) for each layer is a textbook's LSTM. torch has two biases, layers that read h,"
        " two directions, and other modes than the LSTM.",
        """2 if bidirectional else 1 => 1
    "RNN": 1, "GRU": 3 => "RNN": 4, "GRU": 4
    2 if bias else 0 => 1
    (D * wide + => (I +""",
    ),
):
    wrong.edits(f"""
{name} | {hint}
    {edits}
{name}; no projection | {hint} And proj_size has no part in it.
    {edits}
    proj_size or H => H
    projection = proj_size * H => projection = 0
""")

wrong.edits("""
two gates in a GRU | a GRU is counted with two blocks: n needs rows, too.
    "GRU": 3 => "GRU": 2
two biases of one gate | the biases are counted for one gate only.
    (I + wide + biases) => (I + wide) + biases * H
    (D * wide + wide + biases) => (D * wide + wide) + biases * H
§ A narrower h
no proj_size | proj_size has no part in your count.
    proj_size or H => H
    projection = proj_size * H => projection = 0
weight_hr without a projection | weight_hr is counted where there is no projection, too.
    projection = proj_size * H => projection = wide * H
weight_hr left out | weight_hr is not counted.
    projection = proj_size * H => projection = 0
weight_hr added, nothing narrower | weight_hr is counted, but what reads h is counted as wide as without it.
    proj_size or H => H
one weight_hr | weight_hr is counted once. Which cells have one?
    projection = proj_size * H => projection = 0
    D * (first + (L - 1) * upper) => D * (first + (L - 1) * upper) + proj_size * H
rows of the projection | with a projection too few rows are counted: gates are as wide as the memory.
    "LSTM": 4}[mode] * H, => "LSTM": 4}[mode] * (proj_size or H),
upper layers not narrower | with a projection the upper layers are counted too wide: what do they read?
    (D * wide + => (D * H +
weight_hh not narrower | with a projection weight_hh is counted too wide: what does it read?
    (I + wide + => (I + H +
    D * wide + wide => D * wide + H
""")

count_parameters = Check(
    name="count_parameters",
    lesson=LESSON,
    section=COUNT,
    parts=(Whole("count"),),
    criteria=(
        Criterion("without a projection", 2, where=(PLAIN,)),
        Criterion("with one", 1, where=(PROJECTED,)),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=_case("LSTM", 10, 20, 2, True),
    forbid=LAYERS,
    agree="torch's own",
)

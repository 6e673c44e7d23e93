"""Task 2, split_directions: the two halves of a bidirectional output, time first."""

from rnncourse.checks.framework.cases import Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.output_h_n_c_n.lesson import (
    ACROSS,
    BATCH_FIRST,
    LESSON,
    TIME_FIRST,
    counted,
    traits,
)


def _truth(output, batch_first):
    if batch_first:
        output = output.transpose(0, 1)
    forward, backward = output.chunk(2, dim=-1)
    return forward, backward


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(T: int, B: int, H: int, batch_first: bool) -> Case:
        rows = (B, T) if batch_first else (T, B)
        arguments = {"output": numbers(*rows, 2 * H), "batch_first": batch_first}
        return Case(arguments, {"T": T, "B": B, "H": H}, traits(2, batch_first))

    return [
        case(4, 3, 5, False),
        case(2, 5, 3, False),
        case(5, 2, 4, True),
        case(3, 4, 6, True),
        case(4, 4, 3, True),  # T = B: no shape tells time from batch
    ]


wrong = Mistakes(ACROSS, _truth)

wrong.edits("""
§ `output.view(seq, batch, D, H)` beside `batch_first=True`
view for transpose | with batch_first the sequences are mixed: a view or reshape renames axes, it does not
    exchange them.
    output.transpose(0, 1) => output.reshape(output.shape[1], output.shape[0], -1)
§ Does batch_first move the states?
batch kept in front | with batch_first the halves are still batch first. Asked is time first, whatever came.
    if batch_first => if False
always transposed | you exchange time and batch in every case: without batch_first time is in front already.
    if batch_first => if True
transposed the wrong time | you exchange time and batch where time is in front already, and not where it
    isn't.
    if batch_first => if not batch_first
§
every other number | you give the directions every other number in turn. They lie side by side, one block
    after the other.
    output.chunk(2, dim=-1) => output.unflatten(-1, (-1, 2)).unbind(-1)
every other number, batch in front | you give the directions every other number in turn; and with batch_first
    the batch is still in front.
    if batch_first => if False
    output.chunk(2, dim=-1) => output.unflatten(-1, (-1, 2)).unbind(-1)
halves exchanged | forward and backward are exchanged: which of them lies first?
    return forward, backward => return backward, forward
§ Every index
backward turned round | your backward half is turned round in time. To which input does output[t] belong, in
    both halves?
    return forward, backward => return forward, backward.flip(0)
§
cut along the batch | you cut along the batch: each of your two has half of the sequences.
    dim=-1 => dim=1
cut along time | you cut along time: the first half of the steps and the second. Along which axis do
    directions lie?
    dim=-1 => dim=0
""")

split_directions = Check(
    name="split_directions",
    lesson=LESSON,
    section=ACROSS,
    parts=(Part("forward", "T B H"), Part("backward", "T B H")),
    criteria=(
        Criterion("time first", 1, where=(TIME_FIRST,)),
        Criterion("batch_first", 2, where=(BATCH_FIRST,)),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {"output": counted(1, 3, 4), "batch_first": True}, {"T": 3, "B": 1, "H": 2}, traits(2, True)
    ),
    agree="the right halves",
)

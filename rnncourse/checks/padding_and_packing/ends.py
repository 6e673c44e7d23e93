"""Task 2, last_valid: the end of each sequence, out of a padded output."""

import torch

from rnncourse.checks.framework.cases import Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.padding_and_packing.batches import FINITE, ONE_WAY, TWO_WAYS, padded, some_lengths
from rnncourse.checks.padding_and_packing.lesson import LAST_VALID, LESSON


def _truth(output, lengths, batch_first, bidirectional):
    if not batch_first:
        output = output.transpose(0, 1)
    last = output[torch.arange(len(lengths)), lengths - 1]
    if not bidirectional:
        return last
    H = output.shape[-1] // 2
    return torch.cat([last[:, :H], output[:, 0, H:]], dim=-1)


def _cases(seed):
    numbers = random_numbers(seed, 1.0)

    def case(B, longest, T, H, batch_first, bidirectional, nan):
        lengths = some_lengths(numbers, B, longest)
        output = padded(numbers, lengths, T, 2 * H if bidirectional else H, nan=nan)
        arguments = {
            "output": output if batch_first else output.transpose(0, 1).contiguous(),
            "lengths": lengths,
            "batch_first": batch_first,
            "bidirectional": bidirectional,
        }
        traits = {TWO_WAYS if bidirectional else ONE_WAY} | (set() if nan else {FINITE})
        return Case(arguments, {"B": B, "T": T, "H": H}, frozenset(traits))

    return [
        case(3, 6, 6, 4, True, False, nan=False),
        case(4, 7, 7, 2, False, False, nan=True),
        case(5, 5, 7, 4, True, False, nan=True),  # no sequence fills all steps
        case(3, 7, 7, 2, True, True, nan=False),
        case(4, 6, 6, 3, False, True, nan=True),
        case(3, 4, 6, 2, True, True, nan=True),
        case(4, 4, 4, 3, False, False, nan=True),  # T = B: axes exchanged run
        case(4, 4, 4, 2, False, True, nan=False),
    ]


wrong = Mistakes(LAST_VALID, _truth)

wrong.edits("""
§ The last step is not the last
step T - 1 for all | this is the last step of the tensor, the same for all. In most rows that is padding.
    output[torch.arange(len(lengths)), lengths - 1] => output[:, -1]
step T - 1 for all, whole | this is the last step of the tensor, whole and the same for all. In most rows that
    is padding.
    last = output[torch.arange(len(lengths)), lengths - 1] => last = output[:, -1]
    torch.cat([last[:, :H], output[:, 0, H:]], dim=-1) => last
the longest for all | every row is read where the longest sequence ends.
    lengths - 1] => lengths.max() - 1]
§
one step too far | each row is read one step behind its end. Which step is the last of three, counted from 0?
    lengths - 1] => lengths.clamp(max=output.shape[1] - 1)]
one step too far, unclamped | each row is read one step behind its end.
    lengths - 1] => lengths]
one step too early | each row is read one step before its end.
    lengths - 1] => lengths - 2]
every step for every row | these are the last steps of all sequences for each row. Each row wants its own.
    output[torch.arange(len(lengths)), lengths - 1] => output[:, lengths - 1]
the backward half at the end | with two directions, both halves are taken at the end. How much has the
    backward half read there?
    output[:, 0, H:] => last[:, H:]
the backward half at T - 1 | the backward half is taken at the last step of the tensor.
    output[:, 0, H:] => output[:, -1, H:]
the forward half at 0 | with two directions, both halves are taken at step 0. How much has the forward half
    read there?
    last[:, :H] => output[:, 0, :H]
the wrong ends | each half is taken where it begins, not where it ends.
    last[:, :H], output[:, 0, H:] => output[:, 0, :H], last[:, H:]
backward half first | the numbers are right, but the backward half stands first.
    last[:, :H], output[:, 0, H:] => output[:, 0, H:], last[:, :H]
forward half only | with two directions this is the forward half alone.
    torch.cat([last[:, :H], output[:, 0, H:]], dim=-1) => last[:, :H]
halves on an axis of their own | the halves stand on an axis of their own. Asked are they side by side.
    torch.cat([last[:, :H], output[:, 0, H:]], dim=-1) => torch.stack([last[:, :H], output[:, 0, H:]])
always two directions | with one direction, too, the second half is taken at step 0.
    if not bidirectional => if False
always batch first | where time comes first, its axis is taken for the batch.
    if not batch_first => if False
always time first | where the batch comes first, its axis is taken for time.
    if not batch_first => if True
reshaped, not transposed | where time comes first, the axes are reshaped, not exchanged: a row holds steps of
    several sequences.
    output.transpose(0, 1) => output.reshape(len(lengths), -1, output.shape[-1])
batch_first the wrong way round | batch_first is taken for its opposite.
    if not batch_first => if batch_first
""")

last_valid = Check(
    name="last_valid",
    lesson=LESSON,
    section=LAST_VALID,
    parts=(Part("summary", "B D*H"),),
    criteria=(
        Criterion("one direction", 2, where=(ONE_WAY,)),
        Criterion("two directions", 2, where=(TWO_WAYS,)),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "output": torch.tensor(
                [[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [[7.0, 8.0], [9.0, 0.5], [0.0, 0.0]]]
            ),
            "lengths": torch.tensor([3, 2]),
            "batch_first": True,
            "bidirectional": True,
        },
        {"B": 2, "T": 3, "H": 1},
    ),
    agree="where each sequence ends",
)

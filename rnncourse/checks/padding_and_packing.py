"""The checks of exercise set 13: sequences of different lengths, padded and packed, from a mask to a run."""

import torch
import torch.nn.functional as F

from rnncourse.checks.framework.authoring import (
    PACKING,
    RECURRENT,
    ExerciseSet,
    Mistakes,
    Trait,
    cases,
    random_cell,
    random_state,
    rows,
    small_cell,
)

CHECKS = ExerciseSet("13")

BY_HAND = RECURRENT | PACKING  # both are to be built


# ---- Batches of different lengths: drawn, padded with numbers or poison, laid out as a staircase.
FINITE = Trait("the padding is finite", "what you do with the padding: nan stands in it")
ONE_WAY = Trait("there is one direction", "what you do with the second half")
TWO_WAYS = Trait("there are two directions", "what you do where there is no second half")
FITTING = Trait("the longest sequence fills all steps", "what you do with more steps than any sequence has")


def some_lengths(numbers, B, longest):
    """B different lengths up to `longest`, which is among them, but not in front; random order."""
    others = numbers(longest - 1).argsort()[: B - 1] + 1
    place = 1 + int(numbers(B - 1).argmax())
    return torch.cat([others[:place], torch.tensor([longest]), others[place:]])


def padding(lengths, T):
    """True where a batch of these lengths is padded: (B, T)."""
    return torch.arange(T) >= lengths[:, None]


def padded(numbers, lengths, T, *axes, nan=False):
    """Random numbers (B, T, *axes), those of the padding too; there nan, if asked."""
    x = numbers(len(lengths), T, *axes)
    if nan:
        x[padding(lengths, T)] = torch.nan
    return x


def staircase(lengths):
    """batch_sizes (T), and the two indices (B) each."""
    order = lengths.argsort(descending=True)
    return (~padding(lengths, int(lengths.max()))).sum(0), order, order.argsort()


# ---- Task 1, valid: the mask from the lengths.
def _valid(lengths, T):
    return torch.arange(T) < lengths[:, None]


@cases(1.0, "B3 T7 longest=7; B4 T9 longest=9; B3 T8 longest=5; B5 T5 longest=5")
def _valid_cases(numbers, B, T, longest):
    return {"lengths": some_lengths(numbers, B, longest), "T": T}, longest == T and FITTING


wrong = Mistakes("A mask from the lengths", _valid).edits("""
one too many | each sequence has one step too many. Its last step is which, when steps are counted from 0?
    < => <=
one too few | each sequence has one step too few. | arange(T) < => arange(T) + 1 <
padding marked | true and false are exchanged: the padding is marked. | < => >=
time first | the mask is (T, B). Asked is (B, T).
    lengths[:, None] => lengths[:, None]).T
    torch => (torch
as long as the longest | the mask ends with the longest sequence. T may be larger. § total_length
    arange(T) => arange(int(lengths.max()))
no new axis | the lengths are compared along time. A mask has a row for each sequence.
    lengths[:, None] => lengths
padding in front | the valid steps stand at the end of each row: the padding is in front.
    arange(T) => arange(T - 1, -1, -1)
only the last step | one step of each sequence is marked, its last. Asked are all of its steps.
    arange(T) < => arange(T) + 1 ==
""")

valid = CHECKS.task(
    "valid",
    wrong,
    returns="mask (B T) bool",
    points="mask 2",
    cases=_valid_cases,
    example={"lengths": torch.tensor([1, 3]), "T": 4},
    agree="the lengths",
)


# ---- Task 2, last_valid: the end of each sequence, out of a padded output.
def _last_valid(output, lengths, batch_first, bidirectional):
    if not batch_first:
        output = output.transpose(0, 1)
    last = output[torch.arange(len(lengths)), lengths - 1]
    if not bidirectional:
        return last
    H = output.shape[-1] // 2
    forward, backward = last[:, :H], output[:, 0, H:]
    return torch.cat([forward, backward], dim=-1)


@cases(
    1.0,
    "B3 T6 H4 longest=6 batch_first; B4 T7 H2 longest=7 nan",
    "B5 T7 H4 longest=5 batch_first nan",  # no sequence fills all steps
    "B3 T7 H2 longest=7 batch_first bidirectional; B4 T6 H3 longest=6 bidirectional nan",
    "B3 T6 H2 longest=4 batch_first bidirectional nan",
    "B4 T4 H3 longest=4 nan; B4 T4 H2 longest=4 bidirectional",  # T = B: axes exchanged run
)
def _last_valid_cases(numbers, B, T, H, longest, batch_first=False, bidirectional=False, nan=False):
    lengths = some_lengths(numbers, B, longest)
    output = padded(numbers, lengths, T, 2 * H if bidirectional else H, nan=nan)
    output = output if batch_first else output.transpose(0, 1).contiguous()
    arguments = {"output": output, "lengths": lengths}
    arguments |= {"batch_first": batch_first, "bidirectional": bidirectional}
    return arguments, TWO_WAYS if bidirectional else ONE_WAY, not nan and FINITE


wrong = Mistakes("The last valid output", _last_valid).edits("""
step T - 1 for all | this is the last step of the tensor, the same for all. In most rows that is padding.
    torch.arange(len(lengths)), lengths - 1 => :, -1 § The last step is not the last
step T - 1 for all, whole | this is the last step of the tensor, whole and the same for all. In most rows that
    is padding. § The last step is not the last
    torch.arange(len(lengths)), lengths - 1 => :, -1
    torch.cat([forward, backward], dim=-1) => last
the longest for all | every row is read where the longest sequence ends. § The last step is not the last
    lengths - 1] => lengths.max() - 1]
one step too far | each row is read one step behind its end. Which step is the last of three, counted from 0?
    lengths - 1] => lengths.clamp(max=output.shape[1] - 1)]
one step too far, unclamped | each row is read one step behind its end. | lengths - 1] => lengths]
one step too early | each row is read one step before its end. | lengths - 1] => lengths - 2]
every step for every row | these are the last steps of all sequences for each row. Each row wants its own.
    torch.arange(len(lengths)), lengths - 1 => :, lengths - 1
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
    [forward, backward] => [backward, forward]
forward half only | with two directions this is the forward half alone.
    torch.cat([forward, backward], dim=-1) => forward
halves on an axis of their own | the halves stand on an axis of their own. Asked are they side by side.
    torch.cat([forward, backward], dim=-1) => torch.stack([forward, backward])
always two directions | with one direction, too, the second half is taken at step 0.
    if not bidirectional => if False
always batch first | where time comes first, its axis is taken for the batch. | if not batch_first => if False
always time first | where the batch comes first, its axis is taken for time. | if not batch_first => if True
reshaped, not transposed | where time comes first, the axes are reshaped, not exchanged: a row holds steps of
    several sequences.
    output.transpose(0, 1) => output.reshape(len(lengths), -1, output.shape[-1])
batch_first the wrong way round | batch_first is taken for its opposite.
    if not batch_first => if batch_first
""")

last_valid = CHECKS.task(
    "last_valid",
    wrong,
    returns="summary (B D*H)",
    points="one direction 2 where there is one direction; two directions 2 where there are two directions",
    cases=_last_valid_cases,
    example={
        "output": rows([[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 0.5], [0, 0]]),
        "lengths": torch.tensor([3, 2]),
        "batch_first": True,
        "bidirectional": True,
    },
    agree="where each sequence ends",
)


# ---- Task 3, mean_valid: the mean over the valid steps.
def _mean_valid(output, lengths):
    mask = torch.arange(output.shape[1]) < lengths[:, None]
    kept = torch.where(mask[..., None], output, 0)
    return kept.sum(1) / lengths[:, None]


@cases(
    1.0,
    "B3 T6 H4 longest=6; B4 T7 H2 longest=7; B3 T8 H4 longest=5",
    "B4 T7 H3 longest=7 nan; B5 T8 H2 longest=5 nan",
)
def _mean_valid_cases(numbers, B, T, H, longest, nan=False):
    lengths = some_lengths(numbers, B, longest)
    return {"output": padded(numbers, lengths, T, H, nan=nan), "lengths": lengths}, not nan and FINITE


wrong = Mistakes("Mean, maximum and loss without the padding", _mean_valid).edits("""
padding counted | the padding is in the mean. § The mean counts the padding
    kept.sum(1) / lengths[:, None] => output.mean(1)
padding in the sum | each row is divided by its own length, but the padding is in the sum.
    kept.sum(1) => output.sum(1) § The mean counts the padding
divided by T | the sum is right, but it is divided by T in every row. How many numbers were added?
    / lengths[:, None] => / output.shape[1] § The mean counts the padding
divided by the longest | the sum is right, but every row is divided by the longest length.
    / lengths[:, None] => / lengths.max() § The mean counts the padding
the sum | this is the sum, not yet the mean. | / lengths[:, None] =>
multiplied by the mask | right where the padding is finite. Where nan stands in it, it comes through: what is
    0 times nan? § Poison the padding
    torch.where(mask[..., None], output, 0) => output * mask[..., None]
nanmean | only a nan is left out. Padding may hold any number.
    kept.sum(1) / lengths[:, None] => output.nanmean(1)
nan_to_num | a nan is taken for zero, and any other number of the padding is added. The lengths say what is
    padding.
    kept.sum(1) => output.nan_to_num().sum(1)
one step too many | one step of padding is added to each sum. § A mask from the lengths | < => <=
one step too few | the last step of each sequence is left out of its sum. § A mask from the lengths
    arange(output.shape[1]) < => arange(output.shape[1]) + 1 <
padding instead | the padding is added, and the steps of the sequence are left out. § A mask from the lengths
    < => >=
one mean for all | this is one mean over the steps of all sequences. Asked is one for each.
    kept.sum(1) / lengths[:, None] => kept.sum((0, 1)) / lengths.sum()
divided by all steps | every row is divided by the number of steps in the whole batch.
    / lengths[:, None] => / lengths.sum()
over the batch | this adds over the batch, not over time.
    kept.sum(1) / lengths[:, None] => kept.sum(0) / mask.sum(0)[:, None].clamp(min=1)
""")

mean_valid = CHECKS.task(
    "mean_valid",
    wrong,
    returns="mean (B H)",
    points="finite padding 1 where the padding is finite; nan in the padding 1",
    cases=_mean_valid_cases,
    example={"output": rows([[1], [2], [6]], [[3], [5], [9]]), "lengths": torch.tensor([3, 2])},
    agree="the mean of each sequence alone",
)


# ---- Task 4, masked_loss: the cross-entropy over the valid steps.
def _masked_loss(logits, targets, lengths):
    mask = torch.arange(logits.shape[1]) < lengths[:, None]
    loss = F.cross_entropy(logits[mask], targets[mask])
    return loss


@cases(
    1.0,
    "B3 T6 K4 longest=6; B4 T7 K3 longest=7; B5 T8 K4 longest=6",
    "B4 T7 K5 longest=7 nan; B3 T8 K4 longest=5 nan",
)
def _masked_loss_cases(numbers, B, T, K, longest, nan=False):
    lengths = some_lengths(numbers, B, longest)
    logits = padded(numbers, lengths, T, K, nan=nan)
    targets = numbers(B, T, K).argmax(-1)  # in the padding any class
    targets[0, 0] = 0  # class 0 is a class like any other
    return {"logits": logits, "targets": targets, "lengths": lengths}, not nan and FINITE


wrong = Mistakes("Mean, maximum and loss without the padding", _masked_loss).edits("""
padding counted | the padding is in the mean: its classes are learned, too.
    logits[mask], targets[mask] => logits.flatten(0, 1), targets.flatten()
multiplied by the mask | right where the padding is finite. Where nan stands in it, it comes through: what is
    0 times nan? § Poison the padding
    logits[mask], targets[mask] => logits.mT, targets, reduction="none"
    return loss => return (loss * mask).sum() / mask.sum()
logits set to zero | the logits of the padding are zero, and their loss is counted. What is the loss of K
    equal logits?
    logits[mask], targets[mask] => torch.where(mask[..., None], logits, 0).flatten(0, 1), targets.flatten()
targets set to zero | the targets of the padding are zero, and they are counted: class 0 is learned there.
    logits[mask], targets[mask] => logits.flatten(0, 1), (targets * mask).flatten()
reshaped, not transposed | time and classes are reshaped, not exchanged: the numbers of a step are not its
    own.
    logits[mask] => logits.reshape(len(logits), -1, mask.shape[1])
    targets[mask] => targets.masked_fill(~mask, -100)
divided by all places | the sum is right, but it is divided by all B*T places.
    return loss => return loss * lengths.sum() / targets.numel()
mean of means | this is the mean of the sequences' means: a step of a short sequence counts more. Asked is the
    mean over all steps.
    logits[mask], targets[mask] => logits.mT, targets, reduction="none"
    return loss => return (torch.where(mask, loss, 0).sum(1) / lengths).mean()
sum of means | this is the sum of the sequences' means. Asked is the mean over all steps.
    logits[mask], targets[mask] => logits.mT, targets, reduction="none"
    return loss => return (torch.where(mask, loss, 0).sum(1) / lengths).sum()
divided by B | the sum is divided by the number of sequences. Asked is the mean over all steps.
    return loss => return loss * lengths.sum() / len(lengths)
the sum | this is the sum over the valid steps. Asked is their mean.
    targets[mask] => targets[mask], reduction="sum"
class 0 ignored | steps of class 0 are left out. Here it is a class like any other: only the lengths say what
    is padding.
    targets[mask] => targets[mask], ignore_index=0
class 0 for padding | every target 0 is taken for padding, and nothing else. Here only the lengths say what is
    padding.
    logits[mask], targets[mask] => logits.flatten(0, 1), targets.flatten(), ignore_index=0
one step too many | a step of padding of each sequence is counted. § A mask from the lengths | < => <=
one step too few | the last step of each sequence is left out. § A mask from the lengths
    arange(logits.shape[1]) < => arange(logits.shape[1]) + 1 <
only the last step | only the last step of each sequence is counted. Asked are all of its steps.
    arange(logits.shape[1]) < => arange(logits.shape[1]) + 1 == § A mask from the lengths
softmax before | softmax is applied before cross_entropy, which applies it too.
    logits[mask] => logits[mask].softmax(-1)
one loss for each step | this is the loss of each step. Asked is one number, their mean.
    targets[mask] => targets[mask], reduction="none"
""")

masked_loss = CHECKS.task(
    "masked_loss",
    wrong,
    returns="loss ()",
    points="finite padding 1 where the padding is finite; nan in the padding 1",
    cases=_masked_loss_cases,
    example={
        "logits": rows([[0, 0], [0, 1]], [[2, 0], [9, 9]]),
        "targets": torch.tensor([[0, 1], [1, 0]]),
        "lengths": torch.tensor([2, 1]),
    },
    agree="the loss of the valid steps",
)


# ---- Task 5, batch_sizes: the staircase from the lengths.
def _batch_sizes(lengths):
    t = torch.arange(int(lengths.max()))
    return (t < lengths[:, None]).sum(0)


@cases(1.0, "B3 T7; B5 T8; B4 T6; B5 T6 twice")
def _batch_sizes_cases(numbers, B, T, twice=False):
    if twice:
        return {"lengths": torch.tensor([2, 6, 2, 6, 3])[[0, *numbers(4).argsort().add(1).tolist()]]}
    return {"lengths": some_lengths(numbers, B, T)}


wrong = Mistakes("From the lengths to batch_sizes", _batch_sizes).edits("""
ends counted too | each sequence runs one step too long: at its own length it has no step any more. | < => <=
one step late | step 0 is missing: the counting begins at 1.
    arange(int(lengths.max())) => arange(1, int(lengths.max()) + 1)
a zero at the end | there is an entry too many: at step T no sequence has a step.
    lengths.max()) => lengths.max()) + 1
an entry too few | an entry is missing: the last step of the longest sequence.
    lengths.max()) => lengths.max()) - 1
rising | the sizes rise. At which step are the most sequences running? | .sum(0) => .sum(0).flip(0)
the first for the longest | the first sequence is taken for the longest: this runs to its length only.
    lengths.max() => lengths[0] § Sorted and not
the lengths, sorted | these are the lengths, sorted. Asked is a number for each time step.
    (t < lengths[:, None]).sum(0) => lengths.sort(descending=True).values
the lengths | these are the lengths. Asked is a number for each time step. | .sum(0) => .sum(1)
those that end | this counts the sequences that end at each step. | t < => t + 1 ==
those that have ended | this counts the sequences that have ended. | < => >=
B at each step | this counts every sequence at every step: it is a dense batch.
    t < lengths => t < lengths.max() + 0 * lengths
added up | the sizes are added up over time: these are places in data. | .sum(0) => .sum(0).cumsum(0)
""")

batch_sizes = CHECKS.task(
    "batch_sizes",
    wrong,
    returns="sizes (T) int",
    points="sizes 2",
    cases=_batch_sizes_cases,
    example={"lengths": torch.tensor([1, 4, 2])},
    forbid=BY_HAND,
    agree="torch's batch_sizes",
)


# ---- Task 6, pack: a padded batch packed by hand. The tests compare the right one with torch's.
def _pack(x, lengths):
    order = lengths.argsort(descending=True)
    sizes = (torch.arange(int(lengths.max())) < lengths[:, None]).sum(0)
    data = torch.cat([x[order[:size], t] for t, size in enumerate(sizes)])
    return data, sizes, order, order.argsort()


@cases(
    1.0,
    "B4 T5 I3 lengths=(2,5,3,4)",  # the order does not undo itself
    "B3 T6 I2 longest=6 nan; B5 T7 I4 longest=7 nan",
    "B3 T8 I2 longest=5 nan",  # no sequence fills all steps
    "B3 T4 I2 lengths=(4,3,1)",  # sorted already
)
def _pack_cases(numbers, B, T, I, longest=0, lengths=(), nan=False):
    lengths = torch.tensor(lengths) if lengths else some_lengths(numbers, B, longest)
    return {"x": padded(numbers, lengths, T, I, nan=nan), "lengths": lengths}, not nan and FINITE


wrong = Mistakes("Packing: the staircase", _pack).edits("""
not sorted | column t takes the first rows of the batch as it was given: some of them have no step t any more.
    x[order[:size], t] => x[:size, t] § Sorted and not
rows in the order given | each column holds the right steps, but in the order of the batch: the longest is not
    on top. § Sorted and not
    x[order[:size], t] => x[lengths > t, t]
the shortest first | the shortest sequence is on top. § Sorted and not
    lengths.argsort(descending=True) => lengths.argsort()
rows by the other index | the rows are taken by unsorted_indices: it says at which place a sequence stands,
    not which one stands at a place. § Sorted and not
    x[order[:size], t] => x[order.argsort()[:size], t]
row by row | data holds sequence after sequence. The steps of one time belong together.
    [x[order[:size], t] for t, size in enumerate(sizes)] => [x[b, : lengths[b]] for b in order]
row by row, as given | data holds sequence after sequence, in the order of the batch. The steps of one time
    belong together.
    [x[order[:size], t] for t, size in enumerate(sizes)] => [x[b, :n] for b, n in enumerate(lengths)]
padding packed | every row is in every column: the padding is packed with the rest.
    < lengths[:, None] => < torch.full_like(lengths, x.shape[1])[:, None]
    int(lengths.max()) => x.shape[1]
one step too many | each sequence goes on for a step of padding. § From the lengths to batch_sizes
    int(lengths.max())) < => x.shape[1]) <=
zeros at the end | batch_sizes ends in zeros. It ends with the longest sequence. § total_length
    int(lengths.max()) => x.shape[1]
the first for the longest | the first sequence is taken for the longest: the lengths are used before they are
    sorted. § Sorted and not
    lengths.max() => lengths[0]
the same index twice | unsorted_indices is sorted_indices once more. One takes a row to its place, the other
    brings it back. § Sorted and not
    order.argsort() => order
indices exchanged | sorted_indices and unsorted_indices are exchanged. § Sorted and not
    order, order.argsort() => order.argsort(), order
back by turning round | unsorted_indices is sorted_indices turned round. It has to undo it. § Sorted and not
    order.argsort() => order.flip(0)
lengths for indices | sorted_indices holds the sorted lengths. Asked is which sequence stands at each place.
    sizes, order, => sizes, lengths[order], § Sorted and not
lengths for batch_sizes | batch_sizes holds the sorted lengths. Asked is a number for each time step.
    data, sizes, => data, lengths[order], § From the lengths to batch_sizes
stacked | data is a list of columns. Asked is one tensor, (N, I). | torch.cat( => list(
""")

pack = CHECKS.task(
    "pack",
    wrong,
    returns="data (N I), batch_sizes (T) int, sorted_indices (B) int, unsorted_indices (B) int",
    points="data 2; batch_sizes 1; the indices 1 = sorted_indices, unsorted_indices",
    cases=_pack_cases,
    example={
        "x": rows([[1], [2], [0]], [[3], [0], [0]], [[4], [5], [6]]),
        "lengths": torch.tensor([2, 1, 3]),
    },
    forbid=BY_HAND,
    agree="torch's PackedSequence",
)


# ---- Task 7, unpack: a packed batch back into a padded tensor. The tests compare the right one with torch's.
def _unpack(data, batch_sizes, unsorted_indices, total_length):
    B = len(unsorted_indices)
    lengths = (torch.arange(B)[:, None] < batch_sizes).sum(1)  # sorted, as data is
    padded = data.new_zeros(B, total_length, data.shape[1])
    for t, column in enumerate(data.split(batch_sizes.tolist())):
        padded[: len(column), t] = column
    return padded[unsorted_indices], lengths[unsorted_indices]


@cases(
    1.0,
    "B4 T5 H3 lengths=(2,5,3,4)",  # the order does not undo itself
    "B3 T6 H2 longest=6; B5 T9 H4 longest=7; B3 T8 H4 lengths=(3,2,5)",
    "B3 T6 H2 lengths=(4,3,1)",  # sorted already
)
def _unpack_cases(numbers, B, T, H, longest=0, lengths=()):
    lengths = torch.tensor(lengths) if lengths else some_lengths(numbers, B, longest)
    sizes, _, back = staircase(lengths)
    data = numbers(int(lengths.sum()), H)
    data[-1] = 0  # the longest sequence ends in a step that is zero, and no padding
    arguments = {"data": data, "batch_sizes": sizes, "unsorted_indices": back, "total_length": T}
    return arguments, lengths.max() == T and FITTING


wrong = Mistakes("Back to a padded tensor", _unpack).edits("""
order not restored | the rows are still sorted, the longest first, and so are the lengths. § Sorted and not
    padded[unsorted_indices], lengths[unsorted_indices] => padded, lengths
padded not restored | the rows of padded are still sorted, the longest first. § Sorted and not
    padded[unsorted_indices], => padded,
lengths not restored | the lengths are still sorted, the longest first. § Sorted and not
    lengths[unsorted_indices] => lengths
sorted once more | the rows are sorted once more, not brought back: unsorted_indices is used the wrong way
    round. § Sorted and not
    return => unsorted_indices = unsorted_indices.argsort(); return
total_length ignored | padded ends with the longest sequence: total_length asks for more. § total_length
    total_length, data => len(batch_sizes), data
total_length more | padded is total_length longer than the longest sequence. total_length is the length of the
    whole. § total_length
    total_length, data => len(batch_sizes) + total_length, data
time first | padded is (T, B, H). Asked is (B, T, H).
    padded[unsorted_indices] => padded[unsorted_indices].transpose(0, 1)
row by row | data is read as if it held sequence after sequence. It holds column after column.
    batch_sizes.tolist() => lengths.tolist()
    padded[: len(column), t] => padded[t, : len(column)] § Packing: the staircase
from below | each column stands on the bottom of the batch. It hangs from the top, where the longest is.
    padded[: len(column), t] => padded[B - len(column) :, t] § Packing: the staircase
padding in front | the steps stand at the end of each row's total_length: the padding is in front.
    len(column), t] => len(column), total_length - len(batch_sizes) + t]
batch_sizes for lengths | the lengths are batch_sizes themselves. Asked is a number for each sequence.
    lengths[unsorted_indices] => batch_sizes § From the lengths to batch_sizes
zeros taken for padding | steps that are zero are not counted. A step may be zero and no padding: batch_sizes
    knows. § From the lengths to batch_sizes
    return => lengths = (padded != 0).any(-1).sum(1); return
one too many | each length is one too large. § From the lengths to batch_sizes | .sum(1) => .sum(1) + 1
one too few | each length is one too small. § From the lengths to batch_sizes | .sum(1) => .sum(1) - 1
all as long as the longest | all lengths are the longest. § From the lengths to batch_sizes
    lengths[unsorted_indices] => lengths.max().expand(B)
total_length for lengths | all lengths are total_length: the padding is counted. § total_length
    lengths[unsorted_indices] => torch.full_like(lengths, total_length)
""")

unpack = CHECKS.task(
    "unpack",
    wrong,
    returns="padded (B T H), lengths (B) int",
    points="padded 3; lengths 1",
    cases=_unpack_cases,
    example={
        "data": rows([4], [1], [3], [5], [2], [6]),
        "batch_sizes": torch.tensor([3, 2, 1]),
        "unsorted_indices": torch.tensor([1, 2, 0]),
        "total_length": 4,
    },
    forbid=BY_HAND,
    agree="torch's pad_packed_sequence",
)


# ---- Task 8, run_packed: an LSTM cell over the staircase. The tests compare the right one with nn.LSTM.
def _run_packed(cell, data, batch_sizes, unsorted_indices, state):
    order = unsorted_indices.argsort()
    h, c = (part[order] for part in state)
    outputs = []
    for x_t in data.split(batch_sizes.tolist()):
        size = len(x_t)
        h_t, c_t = cell(x_t, (h[:size], c[:size]))
        h, c = torch.cat([h_t, h[size:]]), torch.cat([c_t, c[size:]])
        outputs.append(h_t)
    return torch.cat(outputs), h[unsorted_indices], c[unsorted_indices]


@cases(
    0.7,
    "B4 T5 I3 H6 lengths=(2,5,3,4)",  # the order does not undo itself
    "B3 T6 I2 H5; B3 T5 I4 H6 lengths=(3,2,5)",
    "B3 T4 I2 H5 lengths=(4,3,1)",  # sorted already
)
def _run_packed_cases(numbers, B, T, I, H, lengths=()):
    lengths = torch.tensor(lengths) if lengths else some_lengths(numbers, B, T)
    sizes, _, back = staircase(lengths)
    cell, data = random_cell(numbers, I, H), numbers(int(lengths.sum()), I)
    arguments = {"cell": cell, "data": data, "batch_sizes": sizes, "unsorted_indices": back}
    return arguments | {"state": random_state(numbers, B, H)}


wrong = Mistakes("The loop over the staircase", _run_packed).edits("""
state not sorted | each sequence starts from the state of another: the state comes in the order given, data is
    sorted. § Sorted and not
    part[order] => part
state sorted the wrong way | each sequence starts from the state of another: unsorted_indices brings back, it
    does not sort. § Sorted and not
    part[order] => part[unsorted_indices]
order not restored | the rows of h_n and c_n are still sorted, the longest first. § Sorted and not
    h[unsorted_indices], c[unsorted_indices] => h, c
sorted once more | the rows of h_n and c_n are sorted once more, not brought back. § Sorted and not
    h[unsorted_indices], c[unsorted_indices] => h[order], c[order]
c not restored | the rows of c_n are still sorted, the longest first. § Sorted and not
    c[unsorted_indices] => c
no order at all | the order is forgotten twice: the state that comes in is not sorted, what goes out is not
    brought back. § Sorted and not
    part[order] => part
    h[unsorted_indices], c[unsorted_indices] => h, c
state ignored | the run starts from zeros, not from the state that is given.
    part[order] => torch.zeros_like(part)
state reset at each step | each step starts from zeros: the state is not handed in.
    cell(x_t, (h[:size], c[:size])) => cell(x_t)
ended states lost | h_n and c_n are zero for sequences that end before the longest. Their states are to be
    kept.
    h[size:] => 0 * h[size:]
    c[size:] => 0 * c[size:]
first state of what has ended | sequences that end before the longest get back the state that they started
    from.
    h[size:] => state[0][order][size:]
    c[size:] => state[1][order][size:]
only the rows that still run | h_n and c_n hold the longest sequence alone: the states of the others are
    dropped when they end.
    h, c = torch.cat([h_t, h[size:]]), torch.cat([c_t, c[size:]]) => h, c = h_t, c_t
    h[unsorted_indices], c[unsorted_indices] => h, c
the last rows go on | at each step the last rows of the state are taken. Those that go on are on top.
    (h[:size], c[:size]) => (h[len(h) - size :], c[len(c) - size :])
c of the first state | h is carried on, c is not: each step takes the c that was given.
    (h[:size], c[:size]) => (h[:size], state[1][order][:size])
h in the place of c | the cell is given h twice. | (h[:size], c[:size]) => (h[:size], h[:size])
c collected | output holds c. What a step shows is h. | append(h_t) => append(c_t)
(c, h) returned | h_n and c_n are exchanged.
    h[unsorted_indices], c[unsorted_indices] => c[unsorted_indices], h[unsorted_indices]
the cell's results exchanged | what the cell returns is taken apart as (c, h). It is (h, c).
    h_t, c_t = => c_t, h_t =
outputs overwritten | output shows later states: what was collected is overwritten by the steps after it.
    h, c = torch.cat([h_t, h[size:]]), torch.cat([c_t, c[size:]]) => h[:size], c[:size] = h_t, c_t
    append(h_t) => append(h[:size])
    look: A slice of h is h's own memory. Collect what the cell returns.
a list | output is a list of columns. Asked is one tensor, (N, H). | torch.cat(outputs) => outputs
one output for each sequence | output holds the last state of each sequence. Asked is the h of every step, in
    the order of data.
    torch.cat(outputs) => h[unsorted_indices]
a row at a time | each step takes a single row of data. A column has as many rows as its batch size says.
    data.split(batch_sizes.tolist()) => data[: len(batch_sizes)].split(1)
""")


run_packed = CHECKS.task(
    "run_packed",
    wrong,
    returns="output (N H), h_n (B H), c_n (B H)",
    points="output 2; h_n 2; c_n 1",
    cases=_run_packed_cases,
    example={
        "cell": small_cell(),
        "data": rows([1], [-1], [0]),
        "batch_sizes": torch.tensor([2, 1]),
        "unsorted_indices": torch.tensor([1, 0]),
        "state": (rows([0], [0]), rows([1], [0])),
    },
    forbid=BY_HAND - {"torch.nn.LSTMCell", "torch.lstm_cell"},
    agree="torch.nn.LSTM on a packed batch",
)

__all__ = ["CHECKS", *(check.name for check in CHECKS)]

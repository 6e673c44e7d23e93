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

CHECKS = ExerciseSet("13", "Padding and packing")

BY_HAND = RECURRENT | PACKING  # learners build both


# ---- Batches of different lengths: drawn, padded with numbers or poison, laid out as a staircase.
FINITE = Trait("the padding is finite", "what you do with the padding: it holds nan")
ONE_WAY = Trait("there is one direction", "what you do with the second half")
TWO_WAYS = Trait("there are two directions", "what you do where there is no second half")
FITTING = Trait("the longest sequence fills all steps", "what you do with more steps than any sequence has")


def some_lengths(numbers, B, longest):
    """Return B different lengths in random order; `longest` is among them, but not the first."""
    others = numbers(longest - 1).argsort()[: B - 1] + 1
    place = 1 + int(numbers(B - 1).argmax())
    return torch.cat([others[:place], torch.tensor([longest]), others[place:]])


def padding(lengths, T):
    """Return True where a batch of these lengths is padded: (B, T)."""
    return torch.arange(T) >= lengths[:, None]


def padded(numbers, lengths, T, *axes, nan=False):
    """Return random numbers (B, T, *axes), also in the padding; there nan, if asked."""
    x = numbers(len(lengths), T, *axes)
    if nan:
        x[padding(lengths, T)] = torch.nan
    return x


def staircase(lengths):
    """Return batch_sizes (T), and the two indices (B) each."""
    order = lengths.argsort(descending=True)
    return (~padding(lengths, int(lengths.max()))).sum(0), order, order.argsort()


# ---- Task 1, valid: the mask from the lengths.
def _valid(lengths, T):
    return torch.arange(T) < lengths[:, None]


@cases(1.0, "B3 T7 longest=7; B4 T9 longest=9; B3 T8 longest=5; B5 T5 longest=5")
def _valid_cases(numbers, B, T, longest):
    return {"lengths": some_lengths(numbers, B, longest), "T": T}, longest == T and FITTING


wrong = Mistakes("A mask from the lengths", _valid).edits("""
one too many | each sequence has one step too many. If steps count from 0, which one is its last?
    < => <=
one too few | each sequence has one step too few. | arange(T) < => arange(T) + 1 <
padding marked | true and false are exchanged: you mark the padding. | < => >=
time first | the mask is (T, B). Return (B, T).
    lengths[:, None] => lengths[:, None]).T
    torch => (torch
as long as the longest | the mask ends with the longest sequence. T may be larger. § total_length
    arange(T) => arange(int(lengths.max()))
no new axis | you compare the lengths along time. A mask has a row for each sequence.
    lengths[:, None] => lengths
padding in front | the valid steps are at the end of each row: the padding comes first.
    arange(T) => arange(T - 1, -1, -1)
only the last step | only the last step of each sequence is marked. Mark all of its steps.
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


# ---- Task 2, last_valid: the end of each sequence, from a padded output.
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
step T - 1 for all, whole | this is the tensor's last step, all rows of it. In most rows that is
    padding. § The last step is not the last
    torch.arange(len(lengths)), lengths - 1 => :, -1
    torch.cat([forward, backward], dim=-1) => last
the longest for all | you read every row where the longest sequence ends. § The last step is not the last
    lengths - 1] => lengths.max() - 1]
one step too far | you read each row one step after its end. Which is the last of three steps that count from
    0?
    lengths - 1] => lengths.clamp(max=output.shape[1] - 1)]
one step too far, unclamped | you read each row one step after its end. | lengths - 1] => lengths]
one step too early | you read each row one step before its end. | lengths - 1] => lengths - 2]
every step for every row | for each row, these are the last steps of all sequences. Each row needs only its
    own.
    torch.arange(len(lengths)), lengths - 1 => :, lengths - 1
the backward half at the end | with two directions, you take both halves at the end. How much has the backward
    half read there?
    output[:, 0, H:] => last[:, H:]
the backward half at T - 1 | you take the backward half at the last step of the tensor.
    output[:, 0, H:] => output[:, -1, H:]
the forward half at 0 | with two directions, you take both halves at step 0. How much has the forward half
    read there?
    last[:, :H] => output[:, 0, :H]
the wrong ends | you take each half where it begins, not where it ends.
    last[:, :H], output[:, 0, H:] => output[:, 0, :H], last[:, H:]
backward half first | the numbers are right, but the backward half comes first.
    [forward, backward] => [backward, forward]
forward half only | with two directions you return only the forward half.
    torch.cat([forward, backward], dim=-1) => forward
halves on an axis of their own | the halves have an axis of their own. Return them side by side.
    torch.cat([forward, backward], dim=-1) => torch.stack([forward, backward])
always two directions | with one direction, too, you take the second half at step 0.
    if not bidirectional => if False
always batch first | where time comes first, you treat its axis as the batch. | if not batch_first => if False
always time first | where the batch comes first, you treat its axis as time. | if not batch_first => if True
reshaped, not transposed | where time comes first, you reshape the axes instead of exchanging them: a row
    holds steps of several sequences.
    output.transpose(0, 1) => output.reshape(len(lengths), -1, output.shape[-1])
batch_first read as its opposite | you treat batch_first as its opposite.
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
padding counted | the mean includes the padding. § The mean counts the padding
    kept.sum(1) / lengths[:, None] => output.mean(1)
padding in the sum | each row is divided by its own length, but the sum includes the padding.
    kept.sum(1) => output.sum(1) § The mean counts the padding
divided by T | the sum is right, but it is divided by T in every row. How many numbers were added?
    / lengths[:, None] => / output.shape[1] § The mean counts the padding
divided by the longest | the sum is right, but every row is divided by the longest length.
    / lengths[:, None] => / lengths.max() § The mean counts the padding
the sum | this is the sum, not yet the mean. | / lengths[:, None] =>
multiplied by the mask | right where the padding is finite. Where it holds nan, the nan comes through: what is
    0 times nan? § Poison the padding
    torch.where(mask[..., None], output, 0) => output * mask[..., None]
nanmean | you only leave out nan. Padding may hold any number.
    kept.sum(1) / lengths[:, None] => output.nanmean(1)
nan_to_num | you replace nan by zero, but add any other number of the padding. The lengths say what is
    padding.
    kept.sum(1) => output.nan_to_num().sum(1)
one step too many | one step of padding is added to each sum. § A mask from the lengths | < => <=
one step too few | the last step of each sequence is left out of its sum. § A mask from the lengths
    arange(output.shape[1]) < => arange(output.shape[1]) + 1 <
padding instead | the padding is added, and the steps of the sequence are left out. § A mask from the lengths
    < => >=
one mean for all | this is one mean over the steps of all sequences. Return one for each.
    kept.sum(1) / lengths[:, None] => kept.sum((0, 1)) / lengths.sum()
divided by all steps | every row is divided by the number of steps in the whole batch.
    / lengths[:, None] => / lengths.sum()
over the batch | you add over the batch instead of over time.
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
padding counted | the mean includes the padding: its classes are learned, too.
    logits[mask], targets[mask] => logits.flatten(0, 1), targets.flatten()
multiplied by the mask | right where the padding is finite. Where it holds nan, the nan comes through: what is
    0 times nan? § Poison the padding
    logits[mask], targets[mask] => logits.mT, targets, reduction="none"
    return loss => return (loss * mask).sum() / mask.sum()
logits set to zero | the logits of the padding are zero, and their loss is counted. What is the loss of K
    equal logits?
    logits[mask], targets[mask] => torch.where(mask[..., None], logits, 0).flatten(0, 1), targets.flatten()
targets set to zero | the targets of the padding are zero, and they are counted: class 0 is learned there.
    logits[mask], targets[mask] => logits.flatten(0, 1), (targets * mask).flatten()
reshaped, not transposed | you reshape time and classes instead of exchanging them: a step gets numbers that
    are not its own.
    logits[mask] => logits.reshape(len(logits), -1, mask.shape[1])
    targets[mask] => targets.masked_fill(~mask, -100)
divided by all places | the sum is right, but it is divided by all B*T positions.
    return loss => return loss * lengths.sum() / targets.numel()
mean of means | this is the mean of the sequences' means: a step of a short sequence counts more. Return the
    mean over all steps.
    logits[mask], targets[mask] => logits.mT, targets, reduction="none"
    return loss => return (torch.where(mask, loss, 0).sum(1) / lengths).mean()
sum of means | this is the sum of the sequences' means. Return the mean over all steps.
    logits[mask], targets[mask] => logits.mT, targets, reduction="none"
    return loss => return (torch.where(mask, loss, 0).sum(1) / lengths).sum()
divided by B | the sum is divided by the number of sequences. Return the mean over all steps.
    return loss => return loss * lengths.sum() / len(lengths)
the sum | this is the sum over the valid steps. Return their mean.
    targets[mask] => targets[mask], reduction="sum"
class 0 ignored | steps of class 0 are left out. Here it is a class like any other: only the lengths say what
    is padding.
    targets[mask] => targets[mask], ignore_index=0
class 0 for padding | every target 0 is treated as padding, and nothing else. Here only the lengths say what
    is padding.
    logits[mask], targets[mask] => logits.flatten(0, 1), targets.flatten(), ignore_index=0
one step too many | one step of padding is counted in each sequence. § A mask from the lengths | < => <=
one step too few | the last step of each sequence is left out. § A mask from the lengths
    arange(logits.shape[1]) < => arange(logits.shape[1]) + 1 <
only the last step | only the last step of each sequence is counted. Count all of its steps.
    arange(logits.shape[1]) < => arange(logits.shape[1]) + 1 == § A mask from the lengths
softmax before | you apply softmax before cross_entropy, which applies it as well.
    logits[mask] => logits[mask].softmax(-1)
one loss for each step | this is the loss of each step. Return one number, their mean.
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
ends counted too | each sequence runs one step too long: at its own length it has no more steps. | < => <=
one step late | step 0 is missing: you start counting at 1.
    arange(int(lengths.max())) => arange(1, int(lengths.max()) + 1)
a zero at the end | there is one entry too many: at step T no sequence has a step.
    lengths.max()) => lengths.max()) + 1
an entry too few | one entry is missing: the last step of the longest sequence.
    lengths.max()) => lengths.max()) - 1
rising | the sizes rise. At which step are the most sequences running? | .sum(0) => .sum(0).flip(0)
the first for the longest | you treat the first sequence as the longest: the result is only as long as that
    one.
    lengths.max() => lengths[0] § Sorted and not
the lengths, sorted | these are the lengths, sorted. Return a number for each time step.
    (t < lengths[:, None]).sum(0) => lengths.sort(descending=True).values
the lengths | these are the lengths. Return a number for each time step. | .sum(0) => .sum(1)
those that end | this counts the sequences that end at each step. | t < => t + 1 ==
those that have ended | this counts the sequences that have ended. | < => >=
B at each step | this counts every sequence at every step, as in a dense batch.
    t < lengths => t < lengths.max() + 0 * lengths
added up | the sizes are added up over time: these are positions in data. | .sum(0) => .sum(0).cumsum(0)
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


# ---- Task 6, pack: a padded batch packed by hand. The tests compare the right answer with torch's.
def _pack(x, lengths):
    order = lengths.argsort(descending=True)
    sizes = (torch.arange(int(lengths.max())) < lengths[:, None]).sum(0)
    data = torch.cat([x[order[:size], t] for t, size in enumerate(sizes)])
    return data, sizes, order, order.argsort()


@cases(
    1.0,
    "B4 T5 I3 lengths=(2,5,3,4)",  # an order that is not its own inverse
    "B3 T6 I2 longest=6 nan; B5 T7 I4 longest=7 nan",
    "B3 T8 I2 longest=5 nan",  # no sequence fills all steps
    "B3 T4 I2 lengths=(4,3,1)",  # already sorted
)
def _pack_cases(numbers, B, T, I, longest=0, lengths=(), nan=False):
    lengths = torch.tensor(lengths) if lengths else some_lengths(numbers, B, longest)
    return {"x": padded(numbers, lengths, T, I, nan=nan), "lengths": lengths}, not nan and FINITE


wrong = Mistakes("Packing: the staircase", _pack).edits("""
not sorted | column t takes the first rows of the batch in the given order: some of them no longer have a step
    t.
    x[order[:size], t] => x[:size, t] § Sorted and not
rows in the order given | each column holds the right steps, but in the order of the batch: the longest is not
    at the top. § Sorted and not
    x[order[:size], t] => x[lengths > t, t]
the shortest first | the shortest sequence is at the top. § Sorted and not
    lengths.argsort(descending=True) => lengths.argsort()
rows by the other index | you take the rows by unsorted_indices, which says at which place a sequence is, not
    which sequence is at a place. § Sorted and not
    x[order[:size], t] => x[order.argsort()[:size], t]
row by row | data holds one sequence after another. The steps of one time belong together.
    [x[order[:size], t] for t, size in enumerate(sizes)] => [x[b, : lengths[b]] for b in order]
row by row, as given | data holds one sequence after another, in the order of the batch. The steps of one time
    belong together.
    [x[order[:size], t] for t, size in enumerate(sizes)] => [x[b, :n] for b, n in enumerate(lengths)]
padding packed | every row is in every column: the padding is packed with the rest.
    < lengths[:, None] => < torch.full_like(lengths, x.shape[1])[:, None]
    int(lengths.max()) => x.shape[1]
one step too many | each sequence continues for one step of padding. § From the lengths to batch_sizes
    int(lengths.max())) < => x.shape[1]) <=
zeros at the end | batch_sizes ends in zeros. It should end with the longest sequence. § total_length
    int(lengths.max()) => x.shape[1]
the first for the longest | you treat the first sequence as the longest: you use the lengths before they are
    sorted. § Sorted and not
    lengths.max() => lengths[0]
the same index twice | unsorted_indices is sorted_indices again. One takes a row to its place, the other
    brings it back. § Sorted and not
    order.argsort() => order
indices exchanged | sorted_indices and unsorted_indices are exchanged. § Sorted and not
    order, order.argsort() => order.argsort(), order
back by reversing | unsorted_indices is sorted_indices reversed. It should undo it. § Sorted and not
    order.argsort() => order.flip(0)
lengths for indices | sorted_indices holds the sorted lengths. It should say which sequence is at each place.
    sizes, order, => sizes, lengths[order], § Sorted and not
lengths for batch_sizes | batch_sizes holds the sorted lengths. Return a number for each time step.
    data, sizes, => data, lengths[order], § From the lengths to batch_sizes
stacked | data is a list of columns. Return one tensor, (N, I). | torch.cat( => list(
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


# ---- Task 7, unpack: a packed batch back into a padded tensor. The tests compare the right answer with
# torch's.
def _unpack(data, batch_sizes, unsorted_indices, total_length):
    B = len(unsorted_indices)
    lengths = (torch.arange(B)[:, None] < batch_sizes).sum(1)  # sorted, as data is
    padded = data.new_zeros(B, total_length, data.shape[1])
    for t, column in enumerate(data.split(batch_sizes.tolist())):
        padded[: len(column), t] = column
    return padded[unsorted_indices], lengths[unsorted_indices]


@cases(
    1.0,
    "B4 T5 H3 lengths=(2,5,3,4)",  # an order that is not its own inverse
    "B3 T6 H2 longest=6; B5 T9 H4 longest=7; B3 T8 H4 lengths=(3,2,5)",
    "B3 T6 H2 lengths=(4,3,1)",  # already sorted
)
def _unpack_cases(numbers, B, T, H, longest=0, lengths=()):
    lengths = torch.tensor(lengths) if lengths else some_lengths(numbers, B, longest)
    sizes, _, back = staircase(lengths)
    data = numbers(int(lengths.sum()), H)
    data[-1] = 0  # the longest sequence ends in a step that is zero but not padding
    arguments = {"data": data, "batch_sizes": sizes, "unsorted_indices": back, "total_length": T}
    return arguments, lengths.max() == T and FITTING


wrong = Mistakes("Back to a padded tensor", _unpack).edits("""
order not restored | the rows are still sorted, the longest first, and so are the lengths. § Sorted and not
    padded[unsorted_indices], lengths[unsorted_indices] => padded, lengths
padded not restored | the rows of padded are still sorted, the longest first. § Sorted and not
    padded[unsorted_indices], => padded,
lengths not restored | the lengths are still sorted, the longest first. § Sorted and not
    lengths[unsorted_indices] => lengths
sorted once more | the rows are sorted again instead of brought back: you use unsorted_indices the wrong way
    round. § Sorted and not
    return => unsorted_indices = unsorted_indices.argsort(); return
total_length ignored | padded ends with the longest sequence: total_length asks for more. § total_length
    total_length, data => len(batch_sizes), data
total_length more | padded is longer than the longest sequence by total_length. total_length is the length of
    the whole. § total_length
    total_length, data => len(batch_sizes) + total_length, data
time first | padded is (T, B, H). Return (B, T, H).
    padded[unsorted_indices] => padded[unsorted_indices].transpose(0, 1)
row by row | you read data as if it held one sequence after another. It holds one column after another.
    batch_sizes.tolist() => lengths.tolist()
    padded[: len(column), t] => padded[t, : len(column)] § Packing: the staircase
from below | each column is aligned with the bottom of the batch. It should be aligned with the top, where the
    longest is.
    padded[: len(column), t] => padded[B - len(column) :, t] § Packing: the staircase
padding in front | the steps are at the end of each row's total_length: the padding comes first.
    len(column), t] => len(column), total_length - len(batch_sizes) + t]
batch_sizes for lengths | the lengths are batch_sizes themselves. Return a number for each sequence.
    lengths[unsorted_indices] => batch_sizes § From the lengths to batch_sizes
zeros treated as padding | you do not count steps that are zero. A step may be zero without being padding:
    batch_sizes knows. § From the lengths to batch_sizes
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


# ---- Task 8, run_packed: an LSTM cell over the staircase. The tests compare the right answer with nn.LSTM.
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
    "B4 T5 I3 H6 lengths=(2,5,3,4)",  # an order that is not its own inverse
    "B3 T6 I2 H5; B3 T5 I4 H6 lengths=(3,2,5)",
    "B3 T4 I2 H5 lengths=(4,3,1)",  # already sorted
)
def _run_packed_cases(numbers, B, T, I, H, lengths=()):
    lengths = torch.tensor(lengths) if lengths else some_lengths(numbers, B, T)
    sizes, _, back = staircase(lengths)
    cell, data = random_cell(numbers, I, H), numbers(int(lengths.sum()), I)
    arguments = {"cell": cell, "data": data, "batch_sizes": sizes, "unsorted_indices": back}
    return arguments | {"state": random_state(numbers, B, H)}


wrong = Mistakes("The loop over the staircase", _run_packed).edits("""
state not sorted | each sequence starts from another one's state: the state comes in the given order, but data
    is sorted. § Sorted and not
    part[order] => part
state sorted the wrong way | each sequence starts from another one's state: unsorted_indices brings back, it
    does not sort. § Sorted and not
    part[order] => part[unsorted_indices]
order not restored | the rows of h_n and c_n are still sorted, the longest first. § Sorted and not
    h[unsorted_indices], c[unsorted_indices] => h, c
sorted once more | the rows of h_n and c_n are sorted again instead of brought back. § Sorted and not
    h[unsorted_indices], c[unsorted_indices] => h[order], c[order]
c not restored | the rows of c_n are still sorted, the longest first. § Sorted and not
    c[unsorted_indices] => c
no order at all | the order is forgotten twice: the given state is not sorted, and the result is not brought
    back.
    § Sorted and not
    part[order] => part
    h[unsorted_indices], c[unsorted_indices] => h, c
state ignored | the run starts from zeros, not from the given state.
    part[order] => torch.zeros_like(part)
state reset at each step | each step starts from zeros: the state is not passed to the cell.
    cell(x_t, (h[:size], c[:size])) => cell(x_t)
ended states lost | h_n and c_n are zero for sequences that end before the longest. Their states should be
    kept.
    h[size:] => 0 * h[size:]
    c[size:] => 0 * c[size:]
first state of what has ended | sequences that end before the longest get the state back from which they
    started.
    h[size:] => state[0][order][size:]
    c[size:] => state[1][order][size:]
only the rows that still run | h_n and c_n only hold the longest sequence: the states of the others are
    dropped when they end.
    h, c = torch.cat([h_t, h[size:]]), torch.cat([c_t, c[size:]]) => h, c = h_t, c_t
    h[unsorted_indices], c[unsorted_indices] => h, c
the last rows go on | at each step you take the last rows of the state. Those that continue are at the top.
    (h[:size], c[:size]) => (h[len(h) - size :], c[len(c) - size :])
c of the first state | h is carried on, c is not: each step uses the given c.
    (h[:size], c[:size]) => (h[:size], state[1][order][:size])
h instead of c | you pass h twice to the cell. | (h[:size], c[:size]) => (h[:size], h[:size])
c collected | output holds c. What a step shows is h. | append(h_t) => append(c_t)
(c, h) returned | h_n and c_n are exchanged.
    h[unsorted_indices], c[unsorted_indices] => c[unsorted_indices], h[unsorted_indices]
the cell's results exchanged | you unpack what the cell returns as (c, h), but it is (h, c).
    h_t, c_t = => c_t, h_t =
outputs overwritten | output shows later states: later steps overwrite what you collected.
    h, c = torch.cat([h_t, h[size:]]), torch.cat([c_t, c[size:]]) => h[:size], c[:size] = h_t, c_t
    append(h_t) => append(h[:size])
    look: A slice of h shares h's memory. Collect what the cell returns.
a list | output is a list of columns. Return one tensor, (N, H). | torch.cat(outputs) => outputs
one output for each sequence | output holds the last state of each sequence. Return the h of every step, in
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

"""The checks of exercise set 17: the loss, the scores and the training of a tagger, without the padding."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnncourse.checks.framework.authoring import (
    Case,
    ExerciseSet,
    Mistakes,
    Score,
    TorchModule,
    Trait,
    cases,
    random_head,
    random_module,
    random_numbers,
    rows,
    small_cell,
)
from rnncourse.checks.uses.tagging import train

CHECKS = ExerciseSet("17", "Tagging", forbid=frozenset())
IGNORED = -100

FULL = Trait("no row is padded", "what you do with padded steps")
PADDED = Trait("rows are padded", "what you do where no row is padded")
SQUARE = Trait("there are as many tags as steps", "which axis is which")


def _targets(numbers, B, T, C, full=False):
    """Random tags, padded after each row's end; the first row is the longest, the last has two steps."""
    y = (1000 * numbers(B, T)).long() % C
    if not full:
        lengths = torch.linspace(T, 2, B).long()
        y[torch.arange(T) >= lengths[:, None]] = IGNORED
    return y


def _scored(numbers, B, T, C, full=False):
    """Scores of which somewhat more than half are right, and targets."""
    y = _targets(numbers, B, T, C, full)
    scores = numbers(B, T, C) + 1.5 * F.one_hot(y.clamp(min=0), C)
    return {"scores": scores, "y": y}, FULL if full else PADDED, T == C and SQUARE


# ---- Task 1, masked_loss: cross-entropy, the mean over real steps.
def _masked_loss(scores, y):
    real = y != -100
    log_p = scores.log_softmax(-1)
    right = log_p.gather(-1, y.clamp(min=0)[..., None])[..., 0]
    return -(right * real).sum() / real.sum()


@cases(1.2, "B3 T7 C4; B4 T6 C5; B2 T5 C3 full; B3 T4 C4")
def _masked_loss_cases(numbers, **sizes):
    return _scored(numbers, **sizes)


wrong = Mistakes("A loss that ignores the padding", _masked_loss).edits("""
padding in the mean | the sum is right, but you divide by the number of all steps, padded ones included.
    real.sum() => y.numel()
padding as tag 0 | padded steps count as if their tag were 0. | y != -100 => y == y
summed | this is the sum over the steps; return their mean. | / real.sum() =>
mean over rows | you divide by the number of rows; divide by the number of real steps.
    real.sum() => len(y)
every row counts the same | you average each row first. A short row then counts as much as a long one; return
    the mean over all real steps.
    (right * real).sum() / real.sum() => ((right * real).sum(1) / real.sum(1)).mean()
softmax over time | the probabilities sum to 1 over the steps; they must do so over the tags.
    log_softmax(-1) => log_softmax(1) § "Expected target size"
softmax over the batch | the probabilities sum to 1 over the rows; they must do so over the tags.
    log_softmax(-1) => log_softmax(0) § "Expected target size"
not transposed | `transpose(1, 2)` must bring the tags to axis 1. If they stay where they are, or come there
    by `view` or `reshape`, they are mixed with the steps.
    scores.log_softmax(-1) => scores.reshape(len(y), scores.shape[2], -1).transpose(1, 2).log_softmax(-1)
        § "Expected target size"
no softmax | the scores themselves are treated as logarithms of probabilities. | .log_softmax(-1) =>
no logarithm | this is the mean of the probabilities; the loss is made of their logarithms.
    log_softmax => softmax
softmax twice | softmax is applied twice. `F.cross_entropy` has one inside; it takes the scores.
    scores.log_softmax => scores.softmax(-1).log_softmax
wrong sign | the sign is wrong: a loss is large where the right tag has a small probability.
    -(right => (right
tag 0 left out | steps with tag 0 are left out, too. Only the target -100 means padding. | y != -100 => y > 0
in bits | this is in bits: the logarithm has base 2. Use the natural logarithm.
    real.sum() => real.sum() / 0.6931471805599453
all tags | you sum over all tags; only the right tag's probability counts.
    log_p.gather(-1, y.clamp(min=0)[..., None])[..., 0] => log_p.sum(-1)
the last step only | only the last real step of each row is counted.
    y != -100 => (y != -100) & F.pad(y == -100, (0, 1), value=True)[:, 1:]
""")

masked_loss = CHECKS.task(
    "masked_loss",
    wrong,
    returns="loss ()",
    points="the loss without padding 1 where no row is padded; the loss with padding 2",
    cases=_masked_loss_cases,
    example={
        "scores": torch.tensor([[[2.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [5.0, 0.0]]]),
        "y": torch.tensor([[0, 1], [1, IGNORED]]),
    },
    agree="the mean over real steps",
)


# ---- Task 2, accuracy: the share of real steps that are right.
def _accuracy(scores, y):
    real = y != -100
    predicted = scores.argmax(-1)
    hit = (predicted == y) & real
    return hit.sum() / real.sum()


wrong = Mistakes("An accuracy that ignores the padding", _accuracy).edits("""
padding counted as wrong | you divide by the number of all steps: a padded step counts as wrong.
    real.sum() => y.numel()
padding counted as right | padded steps count as right.
    & real => | ~real
    real.sum() => y.numel()
padding as tag 0 | padded steps are counted as if their tag were 0.
    real = y != -100 => y = y.clamp(min=0); real = y == y
the error rate | this is the share of wrong steps; return the share of right ones. | == y => != y
in percent | this is in percent; return a share between 0 and 1. | return hit => return 100 * hit
counted | this is the number of right steps; return their share. | / real.sum() =>
the least likely | you take the tag with the lowest score. | argmax => argmin
the second best | you take the tag with the second-highest score. | argmax(-1) => topk(2).indices[..., 1]
one of the best two | a step counts as right if its tag is among the best two.
    (predicted == y) => (scores.topk(2).indices == y[..., None]).any(-1)
every row counts the same | you average each row first. Return the share of all real steps.
    hit.sum() / real.sum() => (hit.sum(1) / real.sum(1)).mean()
whole rows | this is the share of rows in which every step is right. Count steps.
    return hit.sum() / real.sum() => return (hit | ~real).all(1).double().mean()
tag 0 left out | steps with tag 0 are left out, too. Only the target -100 means padding. | y != -100 => y > 0
per row | you divide by the number of rows. | real.sum() => len(y)
the first row only | only the first row of the batch is counted. | real = y != -100 => real = y[:1] != -100
""")

accuracy = CHECKS.task(
    "accuracy",
    wrong,
    returns="accuracy ()",
    points="the share without padding 1 where no row is padded; the share with padding 1",
    cases=cases(1.2, "B3 T7 C4; B4 T6 C5; B2 T5 C3 full; B3 T4 C4; B5 T9 C3")(_scored),
    example={
        "scores": torch.tensor([[[2.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [5.0, 0.0]]]),
        "y": torch.tensor([[0, 1], [1, IGNORED]]),
    },
    agree="the share of real steps",
)


# ---- Task 3, confusion: how often each tag was predicted as each.
def _confusion(predicted, y, C):
    real = y != -100
    pairs = C * y[real] + predicted[real]
    return torch.bincount(pairs, minlength=C * C).view(C, C)


@cases(1.2, "B3 T7 C4; B4 T6 C5; B2 T5 C3 full; B5 T9 C3; B3 T8 C6")
def _confusion_cases(numbers, C, **sizes):
    given, *traits = _scored(numbers, C=C, **sizes)
    return {"predicted": given["scores"].argmax(-1), "y": given["y"], "C": C}, *traits


wrong = Mistakes("Where does it fail?", _confusion).edits("""
transposed | rows and columns are exchanged: a row belongs to a right tag, a column to a prediction.
    C * y[real] + predicted[real] => C * predicted[real] + y[real]
padding as tag 0 | padded steps are counted as if their tag were 0.
    real = y != -100 => y = y.clamp(min=0); real = y == y
tag 0 left out | steps with tag 0 are left out, too. Only the target -100 means padding. | y != -100 => y > 0
prediction 0 left out | steps that were predicted as tag 0 are left out.
    y != -100 => (y != -100) & (predicted > 0)
right steps only | only right steps are counted. | y != -100 => (y != -100) & (y == predicted)
wrong steps only | only wrong steps are counted; the diagonal belongs to it.
    y != -100 => (y != -100) & (y != predicted)
at most once | a pair is counted once, however often it occurs.
    .view(C, C) => .view(C, C).clamp(max=1)
symmetric | both (k, j) and (j, k) are counted for a step. | .view(C, C) => .view(C, C); m = m + m.T; return m
    return => m =
the first row only | only the first row of the batch is counted.
    real = y != -100 => y, predicted = y[:1], predicted[:1]; real = y != -100
the last row left out | the last row of the batch is left out, if there are several.
    real = y != -100 => n = max(len(y) - 1, 1); y, predicted = y[:n], predicted[:n]; real = y != -100
the first step left out | the first step of every row is left out.
    real = y != -100 => y, predicted = y[:, 1:], predicted[:, 1:]; real = y != -100
the tag before | the prediction of the step before is compared.
    predicted[real] => predicted.roll(1, 1)[real]
tags backwards | the last tag is in the first row and column. | .view(C, C) => .view(C, C).flip(0, 1)
""")

confusion = CHECKS.task(
    "confusion",
    wrong,
    returns="counts (C C) int",
    points="the counts without padding 1 where no row is padded; the counts with padding 1",
    cases=_confusion_cases,
    example={
        "predicted": torch.tensor([[0, 1, 1], [1, 0, 0]]),
        "y": torch.tensor([[0, 1, 0], [1, 1, IGNORED]]),
        "C": 2,
    },
    agree="the counts",
)


# ---- Task 4, spelled: the targets of words that are read by their characters.
ONE_WORD = Trait("there is one word", "the spaces between words")


def _spelled(words, tags):
    y = torch.full((len(" ".join(words)),), -100)
    end = -1
    for word, tag in zip(words, tags, strict=True):
        end += len(word)
        y[end] = tag
        end += 1
    return y


@cases(3.0, "N3 words='12,Main,St'; N1 words='Oak'; N5 words='7,W,5th,Ave,Chicago'; N4 words='a,bcd,ef,g'")
def _spelled_cases(numbers, N, words):
    tags = (torch.arange(N) + (100 * numbers(1)).long()) % 7
    return {"words": words.split(","), "tags": tags.tolist()}, N == 1 and ONE_WORD


wrong = Mistakes("Words that nobody has seen", _spelled).edits("""
at the first character | the tag is at the first character of each word. There the forward direction has
    not read the word.
    - end += len(word)
    - y[end] = tag
    - end += 1
    + y[end + 1] = tag
    + end += len(word) + 1
at every character | each character of a word has the tag; only the last one is asked for.
    y[end] = tag => y[end - len(word) + 1 : end + 1] = tag
padded with 0 | where no tag is asked for, the target is 0; that is a tag. | -100 => 0
padded with -1 | where no tag is asked for, the target is -1; `F.cross_entropy` skips -100. | -100 => -1
no spaces | the spaces between the words are missing.
    " ".join => "".join
    - end += 1
at the space | the tag is at the space after a word; the last word has none there.
    y[end] = tag => y[min(end + 1, len(y) - 1)] = tag
a space at the end | there is one target too many: no space follows the last word.
    len(" ".join(words)) => len(" ".join(words)) + 1
the last word left out | the last word has no tag.
    y[end] = tag => y[end] = tag if end + 1 < len(y) else -100
the first word left out | the first word has no tag.
    y[end] = tag => y[end] = tag if end + 1 > len(word) else -100
tags backwards | the tags are in the opposite order. | zip(words, tags => zip(words, tags[::-1]
at the spaces, too | the space after a word has its tag, too. None is asked for there.
    y[end] = tag => y[end : end + 2] = tag
both ends | the first character of a word has its tag, too.
    y[end] = tag => y[end] = y[end - len(word) + 1] = tag
""")

spelled = CHECKS.task(
    "spelled",
    wrong,
    returns="y (T) int",
    points="one word 1 where there is one word; several words 1",
    cases=_spelled_cases,
    example={"words": ["5th", "Ave"], "tags": [2, 4]},
    agree="one target at the end of each word",
)


# ---- Task 5, train_epoch: the loop by hand, once over all batches.
def _train_epoch(embed, lstm, head, optimizer, batches, clip):
    parameters = [*embed.parameters(), *lstm.parameters(), *head.parameters()]
    losses = []
    for x, lengths, y in batches:
        packed = pack_padded_sequence(embed(x), lengths, batch_first=True, enforce_sorted=False)
        output, _ = pad_packed_sequence(lstm(packed)[0], batch_first=True)
        loss = F.cross_entropy(head(output).transpose(1, 2), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, clip)
        optimizer.step()
        losses.append(loss.item())
    return torch.tensor(losses, dtype=head.weight.dtype)


@cases(0.8, "n2 B4 T7 V9 E3 H5 C6; n4 B5 T6 V8 E3 H2 C7; n3 B4 T5 V7 E2 H6 C8")
def _train_epoch_cases(numbers, n, B, T, V, E, H, C):
    embed = TorchModule(
        "Embedding", {"num_embeddings": V, "embedding_dim": E}, {"weight": numbers(V, E)}, True
    )
    lstm = random_module("LSTM", numbers, input_size=E, hidden_size=H, bidirectional=True, batch_first=True)
    head = random_head(numbers, 2 * H, C)
    batches = []
    for _ in range(n):
        y = _targets(numbers, B, T, C)
        y[0, 1] = IGNORED  # a real step that nobody asks about
        lengths = torch.linspace(T, 2, B).long()
        x = 1 + (1000 * numbers(B, T)).long() % (V - 1)
        x[torch.arange(T) >= lengths[:, None]] = 0
        order = torch.tensor([0, *range(B - 1, 0, -1)])  # not sorted by length
        batches.append((x[order], lengths[order], y[order]))
    modules = {"embed": embed, "lstm": replace(lstm, trains=True), "head": replace(head, trains=True)}
    return {**modules, "lr": 0.5, "batches": batches, "clip": 0.2}


one_unit = {"weight": rows([0.0], [1.0], [-1.0])}
two_ways = {
    f"{name}_l0{direction}": numbers
    for direction in ("", "_reverse")
    for name, numbers in small_cell().parameters.items()
}
sizes = {"input_size": 1, "hidden_size": 1, "bidirectional": True, "batch_first": True}
_train_epoch_example = {
    "embed": TorchModule("Embedding", {"num_embeddings": 3, "embedding_dim": 1}, one_unit, trains=True),
    "lstm": TorchModule("LSTM", sizes, two_ways, trains=True),
    "head": TorchModule(
        "Linear",
        {"in_features": 2, "out_features": 2},
        {"weight": rows([1.0, 0.0], [0.0, 1.0]), "bias": torch.zeros(2, dtype=torch.float64)},
        trains=True,
    ),
    "lr": 0.5,
    "batches": [(torch.tensor([[1, 2], [2, 0]]), torch.tensor([2, 1]), torch.tensor([[0, 1], [1, IGNORED]]))],
    "clip": 0.2,
}

wrong = Mistakes("The loop, by hand", _train_epoch).edits("""
gradients pile up | the gradients of all batches so far pile up: set them to zero before each backward.
    optimizer.zero_grad() =>
no clipping | the gradients are not clipped at the given norm before the step.
    nn.utils.clip_grad_norm_(parameters, clip) =>
each parameter separately | each parameter's gradient is clipped separately, which changes the direction of
    the step. Clip the norm of all of them together.
    - nn.utils.clip_grad_norm_(parameters, clip)
    + for p in parameters:
    +     nn.utils.clip_grad_norm_([p], clip)
clipped by value | each number of the gradient is clipped; clip the norm of all of them together.
    clip_grad_norm_ => clip_grad_value_
only the LSTM clipped | only the LSTM's gradients are clipped.
    clip_grad_norm_(parameters => clip_grad_norm_(lstm.parameters()
no packing | the rows are not packed: the backward direction begins in the padding. § The tagger
    - packed = pack_padded_sequence(embed(x), lengths, batch_first=True, enforce_sorted=False)
    - output, _ = pad_packed_sequence(lstm(packed)[0], batch_first=True)
    + output, _ = lstm(embed(x))
loss over the padding | steps with the target -100 count as if their tag were 0.
    § A loss that ignores the padding
    .transpose(1, 2), y) => .transpose(1, 2), y.clamp(min=0))
summed | the loss is a sum over the steps; take their mean. § A loss that ignores the padding
    .transpose(1, 2), y) => .transpose(1, 2), y, reduction="sum")
no update | the weights have not changed: you never update them. | optimizer.step() =>
one update | the weights change once, after the last batch. Make an update after each batch.
    - optimizer.step()
    - losses.append(loss.item())
    + losses.append(loss.item())
    + last = len(losses) == len(batches)
    + (optimizer.step if last else int)()
the first batch only | training ends after the first batch. | in batches => in batches[:1]
the last batch left out | the last batch is left out. | in batches => in batches[:-1]
backwards | the batches are read in the opposite order. | in batches => in batches[::-1]
the LSTM does not learn | only the head learns: the output that it reads is detached.
    head(output) => head(output.detach())
the sum so far | the losses are sums over all batches so far; return each batch's own.
    dtype=head.weight.dtype) => dtype=head.weight.dtype).cumsum(0)
""")

train_epoch = CHECKS.task(
    "train_epoch",
    wrong,
    returns="losses (n), weights (P)",
    points="the losses 2 = losses; the weights afterwards 2 = weights",
    cases=_train_epoch_cases,
    example=_train_epoch_example,
    use=train,
    agree="the loop of the lesson",
    seconds=20,
)


# ---- Task 6, tag_brackets: a tagger of one's own, better than a window.
def _tag_brackets(x, lengths, y, new_x, new_lengths):
    opened = (new_x == 1).cumsum(1)
    closed = (new_x == 2).cumsum(1)
    inside = (opened - closed > 0) | (new_x == 2)
    return inside.long().masked_fill(new_x == 0, -100)


def _bracket_rows(numbers, B, T, V):
    """Letters 3 to V - 1, one pair of brackets far apart in each row of T/2 to T steps, then zeros."""
    lengths = torch.linspace(T // 2, T, B).long()
    x = 3 + (1000 * numbers(B, T).abs()).long() % (V - 3)
    for row, length in zip(x, lengths.tolist(), strict=True):
        fifth = length // 5
        begin, end = (fifth + numbers(2, fifth).argmax(1)).tolist()  # from the left, from the right
        row[begin], row[length - 1 - end], row[length:] = 1, 2, 0
    return x, lengths


def _tag_brackets_cases(seed):
    numbers = random_numbers(seed, 1.0)

    def case(B, N, T, V):
        x, lengths = _bracket_rows(numbers, B, T, V)
        new_x, new_lengths = _bracket_rows(numbers, N, T, V)
        y = _tag_brackets(None, None, None, x, None)
        arguments = {"x": x, "lengths": lengths, "y": y, "new_x": new_x, "new_lengths": new_lengths}
        return Case(arguments, {"R": B, "N": N, "T": T})  # no "B": one row is not enough to learn from

    return [case(64, 40, 30, 6), case(64, 48, 34, 6), case(80, 40, 28, 6)]


def _share_right(found, tags):
    real = tags != IGNORED
    return (found == tags)[real].double().mean().item()


wrong = Mistakes("The tagger", _tag_brackets).edits("""
the commonest tag | every step has the tag 0. That is a baseline, not an answer.
    inside.long() => torch.zeros_like(new_x)
always inside | every step has the tag 1. | inside.long() => torch.ones_like(new_x)
brackets only | only the brackets themselves have the tag 1; so have the letters between them.
    (opened - closed > 0) | (new_x == 2) => (new_x == 1) | (new_x == 2)
never closed | the tag stays 1 after the closing bracket.
    (opened - closed > 0) | (new_x == 2) => opened > 0
from the beginning on | the tag is 1 from the beginning of the row on, not from the opening bracket on.
    (opened - closed > 0) | (new_x == 2) => (closed == 0) | (new_x == 2)
the closing bracket outside | the closing bracket has the tag 0; it belongs to the inside.
    (opened - closed > 0) | (new_x == 2) => opened - closed > 0
the opening bracket outside | the opening bracket has the tag 0; it belongs to the inside.
    (opened - closed > 0) | (new_x == 2) => ((opened - closed > 0) & (new_x != 1)) | (new_x == 2)
the letters alone | both brackets have the tag 0; they belong to the inside.
    (opened - closed > 0) | (new_x == 2) => (opened - closed > 0) & (new_x != 1)
three steps at most | the tag is 1 for three steps at most. A window forgets; a state need not.
    opened - closed > 0 => (opened - closed > 0) & (opened - F.pad(opened, (3, 0))[:, :-3] > 0)
exchanged | the tags 0 and 1 are exchanged. | inside.long() => (~inside).long()
a step late | each tag is a step too late. | inside.long() => inside.long().roll(1, 1)
backwards | each row's tags run from its last column to its first. | inside.long() => inside.long().flip(1)
rows in a different order | the rows are not in the order of new_x. Were they sorted by length?
    inside.long() => inside.long().flip(0)
everything ignored | -100 is a target to be skipped; as a prediction it is never right.
    new_x == 0, -100 => new_x >= 0, -100
""")

tag_brackets = CHECKS.task(
    "tag_brackets",
    wrong,
    returns=(
        Score(
            "tags",
            "N T",
            "int",
            measure=_share_right,
            at_least=0.97,
            baseline="logistic regression on a window of ±2 symbols: 0.85",
        ),
    ),
    points="all cases 3",
    cases=_tag_brackets_cases,
    agree="the tags",
    seconds=20,
)

"""The checks of exercise set 22, fix the internet: three jobs, twelve published ways, three tests."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence  # noqa: F401 (for the mistakes)

from rnncourse.checks.framework.authoring import ExerciseSet, Mistakes, cases, pieces, prove, random_module
from rnncourse.checks.uses.fix_the_internet import call_from_a_seed, chain

CHECKS = ExerciseSet("22", "Fix the internet", forbid=frozenset())
TEETH = "A test with teeth"
proof = partial(CHECKS.task, returns="refuses flag", points="every piece 3", use=prove)


# ---- Task 1, summary: where both directions end.
def _summary(lstm, x, lengths):
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    output, (h_n, c_n) = lstm(packed)  # noqa: RUF059 (for the mistakes)
    return torch.cat([h_n[0], h_n[1]], dim=1)


@cases(0.8, "B3 T6 I2 H4 lengths=[2,6,4]; B4 T7 I3 H2 lengths=[3,5,7,2]; B3 T7 I5 H2 lengths=[3,2,5]")
def _summary_cases(numbers, B, T, I, H, lengths):
    sizes = {"input_size": I, "hidden_size": H, "batch_first": True, "bidirectional": True}
    lstm = random_module("LSTM", numbers, **sizes)
    return {"lstm": lstm, "x": numbers(B, T, I), "lengths": torch.tensor(lengths)}


wrong = Mistakes("Reshape the last states to one row for each sequence", _summary).edits("""
the last step of the output | this is the last step of the padded batch. How much has its backward half read?
    lstm(packed) => lstm(x)
    torch.cat([h_n[0], h_n[1]], dim=1) => output[:, -1]
    look: Compare with `summary_a`.
a view of h_n | the view keeps the order in memory, so a row holds states of two sequences.
    torch.cat([h_n[0], h_n[1]], dim=1) => h_n.view(len(x), -1)
    look: h_n is (2, B, H). Which of its numbers are next to each other in memory?
the padding is read | without packing, each direction also reads the padding. | lstm(packed) => lstm(x)
    look: Where does the backward direction begin?
only the backward half reads the padding | the forward half is right; the backward direction begins in
    the padding.
    - packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    - output, (h_n, c_n) = lstm(packed)  # noqa: RUF059 (for the mistakes)
    - return torch.cat([h_n[0], h_n[1]], dim=1)
    + forward, backward = lstm(x)[0].chunk(2, dim=2)
    + return torch.cat([forward[torch.arange(len(x)), lengths - 1], backward[:, 0]], dim=1)
    look: What does the backward direction read before the last real step?
both halves at the last real step | at the last real step of a row, the backward half has read one step.
    - return torch.cat([h_n[0], h_n[1]], dim=1)
    + output, _ = pad_packed_sequence(output, batch_first=True)
    + return output[torch.arange(len(x)), lengths - 1]
both halves at step 0 | at step 0 the forward half has read one step.
    - return torch.cat([h_n[0], h_n[1]], dim=1)
    + return pad_packed_sequence(output, batch_first=True)[0][:, 0]
the backward direction first | the backward state comes first. | [h_n[0], h_n[1]] => [h_n[1], h_n[0]]
the forward direction twice | the forward state appears twice. | [h_n[0], h_n[1]] => [h_n[0], h_n[0]]
the backward direction twice | the backward state appears twice. | [h_n[0], h_n[1]] => [h_n[1], h_n[1]]
the directions added | you add the two directions; put them side by side instead of adding.
    torch.cat([h_n[0], h_n[1]], dim=1) => h_n[0] + h_n[1]
the memories c_n | these are the memories, c_n. What does an LSTM show? | [h_n[0], h_n[1]] => [c_n[0], c_n[1]]
a step too short | the last real step of each row is left out. | (x, lengths, => (x, lengths - 1,
the units take turns | forward and backward units alternate.
    torch.cat([h_n[0], h_n[1]], dim=1) => h_n.permute(1, 2, 0).flatten(1)
the longest row first | the rows come in the order of their lengths.
    torch.cat([h_n[0], h_n[1]], dim=1) => torch.cat([h_n[0], h_n[1]], dim=1)[lengths.argsort(descending=True)]
the rows reversed | the rows come in reverse order.
    torch.cat([h_n[0], h_n[1]], dim=1) => torch.cat([h_n[0], h_n[1]], dim=1).flip(0)
a random start | you start from noise: the same call gives two results.
    - output, (h_n, c_n) = lstm(packed)  # noqa: RUF059 (for the mistakes)
    + noise = torch.randn(2, len(x), lstm.hidden_size, dtype=x.dtype)
    + output, (h_n, c_n) = lstm(packed, (noise, noise))
""")

summary = CHECKS.task(
    "summary",
    wrong,
    returns="summary (B 2H)",
    points="the last state of both directions 2",
    cases=_summary_cases,
    use=call_from_a_seed,
    agree="each row read alone",
)


# ---- Task 2, test_summary.
def _test_summary(summary):
    lstm = nn.LSTM(2, 4, batch_first=True, bidirectional=True)
    x, lengths = torch.randn(3, 5, 2), torch.tensor([3, 5, 2])
    found = summary(lstm, x, lengths)
    for b in range(len(x)):
        _, (h_n, _) = lstm(x[b, : lengths[b]])
        torch.testing.assert_close(found[b], torch.cat([h_n[0], h_n[1]]))


SUMMARIES = pieces(
    wrong,
    right="""
a transpose instead of cat | right | torch.cat([h_n[0], h_n[1]], dim=1) => h_n.transpose(0, 1).flatten(1)
read from the output where each direction ends | right
    - return torch.cat([h_n[0], h_n[1]], dim=1)
    + output, _ = pad_packed_sequence(output, batch_first=True)
    + forward, backward = output.chunk(2, dim=2)
    + return torch.cat([forward[torch.arange(len(x)), lengths - 1], backward[:, 0]], dim=1)
row by row, each cut to its length | right
    - packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    - output, (h_n, c_n) = lstm(packed)  # noqa: RUF059 (for the mistakes)
    - return torch.cat([h_n[0], h_n[1]], dim=1)
    + return torch.stack([lstm(row[:n])[1][0].flatten() for row, n in zip(x, lengths)])
""",
    wrong="the last step of the output; a view of h_n; the padding is read; both halves at the last real"
    " step; both halves at step 0; the forward direction twice; the backward direction first; the directions"
    " added; a step too short; the longest row first; a random start",
)
wrong = Mistakes(TEETH, _test_summary).edits("""
nothing is asserted | your test refuses no code at all. Does it compare what comes back with what is right?
    - torch.testing.assert_close(found[b], torch.cat([h_n[0], h_n[1]]))
    + torch.cat([h_n[0], h_n[1]])
    look: A test raises an AssertionError if the code is wrong: use `assert` or torch.testing.assert_close.
only the shape | your test compares shapes only. Nearly every wrong way has the right shape.
    - torch.testing.assert_close(found[b], torch.cat([h_n[0], h_n[1]]))
    + assert found[b].shape == (8,)
no padding in the batch | no row of your batch is padded. | torch.tensor([3, 5, 2]) => torch.tensor([5, 5, 5])
    look: Which of the given ways are right where all lengths are equal?
a batch of one row | there is nothing to mix in a batch of one row.
    torch.randn(3, 5, 2), torch.tensor([3, 5, 2]) => torch.randn(1, 5, 2), torch.tensor([3])
only the forward half | your test looks at the forward half only.
    found[b], torch.cat([h_n[0], h_n[1]]) => found[b, :4], h_n[0]
only the backward half | your test looks at the backward half only.
    found[b], torch.cat([h_n[0], h_n[1]]) => found[b, 4:], h_n[1]
compared with the padded row | what you compare with has read the padding itself.
    lstm(x[b, : lengths[b]]) => lstm(x[b])
the wrong half first | what you compare with has the backward direction first.
    torch.cat([h_n[0], h_n[1]])) => torch.cat([h_n[1], h_n[0]]))
the other way round | your test raises if the numbers agree.
    - torch.testing.assert_close(found[b], torch.cat([h_n[0], h_n[1]]))
    + assert not torch.allclose(found[b], torch.cat([h_n[0], h_n[1]]))
called twice, compared with itself | you compare the code with itself: a wrong way can agree with itself.
    - torch.testing.assert_close(found[b], torch.cat([h_n[0], h_n[1]]))
    + torch.testing.assert_close(found[b], summary(lstm, x, lengths)[b])
each row alone, by the same code | you compare the code with itself, row by row: a way that is wrong in every
    row agrees with itself.
    - torch.testing.assert_close(found[b], torch.cat([h_n[0], h_n[1]]))
    + n = lengths[b : b + 1]
    + torch.testing.assert_close(found[b], summary(lstm, x[b : b + 1, :n], n)[0])
blind to the order of rows | your test does not notice rows that change places. Are your lengths in
    descending order, or do you compare sums over the rows?
    - for b in range(len(x)):
    -     _, (h_n, _) = lstm(x[b, : lengths[b]])
    -     torch.testing.assert_close(found[b], torch.cat([h_n[0], h_n[1]]))
    + states = [lstm(row[:n])[1][0] for row, n in zip(x, lengths)]
    + torch.testing.assert_close(found.sum(0), sum(torch.cat([h_n[0], h_n[1]]) for h_n in states))
""")

test_summary = proof("test_summary", wrong, cases=SUMMARIES)


# ---- Task 3, sequence_loss.
def _sequence_loss(scores, target, lengths):
    real = torch.arange(scores.shape[1]) < lengths[:, None]
    losses = F.cross_entropy(scores.transpose(1, 2), target, reduction="none")
    return losses[real].mean()


@cases(1.5, "B3 T6 K4 lengths=[2,6,4]; B4 T7 K3 lengths=[3,5,7,2]; B3 T8 K5 lengths=[3,2,5]")
def _loss_cases(numbers, B, T, K, lengths):
    scores, target = numbers(B, T, K), numbers(B, T, K).argmax(2)
    return {"scores": scores, "target": target, "lengths": torch.tensor(lengths)}


wrong = Mistakes("A masked loss is a mean over the steps", _sequence_loss).edits("""
softmax before cross_entropy | the softmax is taken twice: cross_entropy takes scores.
    scores.transpose(1, 2) => scores.softmax(dim=2).transpose(1, 2)
    look: How small can this loss get, if the net is sure and right?
the mean counts padded steps as zeros | the padded steps are zeros in the sum, but the mean still counts them.
    losses[real].mean() => (losses * real).mean()
    look: What does `mean` divide by?
the padding is not masked | padded steps count like real ones. | losses[real].mean() => losses.mean()
a reshape instead of a transpose | you reshape where a transpose is meant: the scores of one step come from
    several.
    scores.transpose(1, 2) => scores.reshape(len(scores), -1, scores.shape[1])
    look: cross_entropy takes (B, K, T). Which axes have to be exchanged?
the sum | this is the sum over the real steps. | losses[real].mean() => losses[real].sum()
the mean over rows of their sums | you sum over the steps of a row and average over rows.
    losses[real].mean() => (losses * real).sum(1).mean()
the mean of the rows' means | a step of a short row counts more than a step of a long one.
    losses[real].mean() => ((losses * real).sum(1) / lengths).mean()
a loss for each row | this is one number for each row.
    losses[real].mean() => (losses * real).sum(1) / lengths
the mask is inverted | you average over the padded steps. | losses[real] => losses[~real]
a step too many | one padded step of each row counts. | < lengths[:, None] => <= lengths[:, None]
a step too few | the last real step of each row does not count. | < lengths[:, None] => < lengths[:, None] - 1
class 0 read as padding | steps whose answer is class 0 are left out: 0 is a class like the others.
    target, reduction="none" => target, reduction="none", ignore_index=0
class 0 ignored | steps whose answer is class 0 are not counted at all: 0 is a class like the others.
    - losses = F.cross_entropy(scores.transpose(1, 2), target, reduction="none")
    - return losses[real].mean()
    + return F.cross_entropy(scores.transpose(1, 2), target * real, ignore_index=0)
the softmax is over the steps | the probabilities sum to 1 over the steps, not over the classes.
    F.cross_entropy(scores.transpose(1, 2), => F.nll_loss(scores.log_softmax(1).transpose(1, 2),
no softmax at all | nll_loss takes the logarithm of a softmax, and there is none.
    F.cross_entropy( => F.nll_loss(
the wrong sign | the loss has the wrong sign. | return losses[real].mean() => return -losses[real].mean()
""")

sequence_loss = CHECKS.task(
    "sequence_loss",
    wrong,
    returns="loss ()",
    points="the mean over the real steps 2",
    cases=_loss_cases,
    agree="the losses of the real steps, one by one",
)


# ---- Task 4, test_sequence_loss.
def _test_sequence_loss(sequence_loss):
    scores, target = 2 * torch.randn(3, 5, 4), torch.randint(4, (3, 5))
    lengths = torch.tensor([3, 4, 2])
    found = sequence_loss(scores, target, lengths)
    real = [(scores[b, t], target[b, t]) for b in range(len(lengths)) for t in range(lengths[b])]
    losses = torch.stack([F.cross_entropy(score, answer) for score, answer in real])
    torch.testing.assert_close(found, losses.mean())


LOSSES = pieces(
    wrong,
    right="""
ignore_index | right
    - losses = F.cross_entropy(scores.transpose(1, 2), target, reduction="none")
    - return losses[real].mean()
    + return F.cross_entropy(scores.transpose(1, 2), target.masked_fill(~real, -100))
the real steps picked first | right
    - losses = F.cross_entropy(scores.transpose(1, 2), target, reduction="none")
    - return losses[real].mean()
    + return F.cross_entropy(scores[real], target[real])
the sum of the real steps by their number | right
    losses[real].mean() => (losses * real).sum() / lengths.sum()
""",
    wrong="softmax before cross_entropy; the mean counts padded steps as zeros; the padding is not masked;"
    " a reshape instead of a transpose; the mean over rows of their sums; the mean of the rows' means;"
    " a loss for each row; a step too many; the wrong sign",
)
wrong = Mistakes(TEETH, _test_sequence_loss).edits("""
nothing is asserted | your test refuses no code at all. Does it compare what comes back with what is right?
    torch.testing.assert_close(found, losses.mean()) => losses.mean()
    look: A test raises an AssertionError if the code is wrong: use `assert` or torch.testing.assert_close.
only one number is asked for | your test checks that there is a single number, but not which one.
    torch.testing.assert_close(found, losses.mean()) => assert found.shape == ()
only a positive number is asked for | a loss is positive, and so are most wrong ones.
    torch.testing.assert_close(found, losses.mean()) => assert found.mean() > 0
no padding in the batch | no row of your batch is padded. | torch.tensor([3, 4, 2]) => torch.tensor([5, 5, 5])
    look: Which of the given ways are right where all lengths are equal to T?
equal lengths | all rows have the same length: then the mean of the rows' means is right as well.
    torch.tensor([3, 4, 2]) => torch.tensor([3, 3, 3])
no scores but zeros | where all scores are zero, every step has the loss log K.
    2 * torch.randn(3, 5, 4) => torch.zeros(3, 5, 4)
compared with the mean of the rows' means | what you compare with weights the steps of short rows more.
    - losses = torch.stack([F.cross_entropy(score, answer) for score, answer in real])
    - torch.testing.assert_close(found, losses.mean())
    + rows = [F.cross_entropy(scores[b, :n], target[b, :n]) for b, n in enumerate(lengths)]
    + torch.testing.assert_close(found, torch.stack(rows).mean())
compared with the loss of all steps | what you compare with counts the padding.
    for t in range(lengths[b])] => for t in range(5)]
compared with a softmax taken twice | what you compare with takes the softmax twice.
    F.cross_entropy(score, answer) for => F.cross_entropy(score.softmax(0), answer) for
the other way round | your test raises if the numbers agree.
    torch.testing.assert_close(found, losses.mean()) => assert not torch.allclose(found, losses.mean())
only that padding changes nothing | more padding must not change the loss, but that does not make it right.
    - torch.testing.assert_close(found, losses.mean())
    + more = torch.cat([scores, scores], dim=1), torch.cat([target, target], dim=1)
    + torch.testing.assert_close(found, sequence_loss(*more, lengths))
only a net that is sure and right | where every loss is near 0, so is every mean of them.
    - found = sequence_loss(scores, target, lengths)
    + scores = 50 * F.one_hot(target, 4).float()
    + found = sequence_loss(scores, target, lengths)
""")

test_sequence_loss = proof("test_sequence_loss", wrong, cases=LOSSES)


# ---- Task 5, carry.
def _carry(lstm, x, state):
    output, (h, c) = lstm(x, state)
    return output, (h.detach(), c.detach())


@cases(0.8, "B3 I2 H4 T=[3,2]; B2 I3 H5 T=[1,3,2]; B4 I5 H2 T=[2,4,1]")
def _carry_cases(numbers, B, I, H, T):
    lstm = random_module("LSTM", numbers, input_size=I, hidden_size=H, batch_first=True)
    state = numbers(1, B, H), 2 * numbers(1, B, H)
    return {"lstm": lstm, "chunks": [numbers(B, n, I) for n in T], "state": state}


wrong = Mistakes("h and c are the same thing at different moments", _carry).edits("""
h is passed on as c | you pass h where c belongs. | c.detach() => h.detach()
    look: What are the two states, and which of them is the memory?
detach without keeping its result | the state still has its graph. `detach` alone changes nothing: it returns
    a new tensor.
    return output, (h.detach(), c.detach()) => return output, (h, c)
    look: What does `detach` return, and what happens to it?
the state is not used | each chunk starts from zeros: the state is not used. | lstm(x, state) => lstm(x)
the state is random | each chunk starts from noise.
    - output, (h, c) = lstm(x, state)
    + noise = torch.randn(1, len(x), lstm.hidden_size, dtype=x.dtype)
    + output, (h, c) = lstm(x, (noise, noise))
zeros are passed on | you pass zeros to the next chunk.
    (h.detach(), c.detach()) => (torch.zeros_like(h), torch.zeros_like(c))
h and c exchanged | h and c are exchanged. | (h.detach(), c.detach()) => (c.detach(), h.detach())
c is passed on as h | you pass c where h belongs. | (h.detach(), => (c.detach(),
only h is cut | c still has its graph. | c.detach() => c
only c is cut | h still has its graph. | (h.detach(), => (h,
the graph is cut only where the state comes in | the state that you return still has its graph; you cut it
    only in the next call. Until then it keeps the whole chunk in memory.
    - output, (h, c) = lstm(x, state)
    - return output, (h.detach(), c.detach())
    + return lstm(x, (state[0].detach(), state[1].detach()))
the old state is passed on | you return the state that was passed in: the next chunk starts where this one
    did.
    (h.detach(), c.detach()) => state
the output is cut as well | the output has no graph, so nothing can be learned from this chunk.
    return output, => return output.detach(),
a step too short | the state does not include the last step.
    - output, (h, c) = lstm(x, state)
    + output, _ = lstm(x, state)
    + h, c = lstm(x[:, :-1], state)[1] if x.shape[1] > 1 else state
only the last output | you return the last step of the chunk; return every step.
    return output, => return output[:, -1:],
backward in time | the steps are read in reverse order. | lstm(x, state) => lstm(x.flip(1), state)
""")

carry = CHECKS.task(
    "carry",
    wrong,
    returns="output (B T H), gradient_before (B T I), gradient_within (B T I), state_cut () bool",
    points="the numbers 1 = output; the cut graph 1 = gradient_before, gradient_within, state_cut",
    cases=_carry_cases,
    use=chain,
    agree="the whole sequence in one call",
)


# ---- Task 6, test_carry.
def _test_carry(carry):
    lstm, x = nn.LSTM(2, 4, batch_first=True), torch.randn(3, 6, 2)
    first, state = carry(lstm, x[:, :4], None)
    second, (h, c) = carry(lstm, x[:, 4:], state)  # noqa: RUF059 (for the mistakes)
    torch.testing.assert_close(torch.cat([first, second], dim=1), lstm(x)[0])
    assert not state[0].requires_grad
    assert not state[1].requires_grad
    assert first.requires_grad


CHUNKS = pieces(
    wrong,
    right="""
detached by a loop | right
    return output, (h.detach(), c.detach()) => return output, tuple(part.detach() for part in (h, c))
detached in place, and copied | right
    return output, (h.detach(), c.detach()) => return output, (h.clone().detach_(), c.clone().detach_())
the state detached when it comes in as well | right
    - output, (h, c) = lstm(x, state)
    + output, (h, c) = lstm(x, state and tuple(part.detach() for part in state))
""",
    wrong="h is passed on as c; detach without keeping its result; the state is not used; zeros are passed"
    " on; h and c exchanged; only h is cut; only c is cut; the output is cut as well; backward in time;"
    " only the last output; the state is random",
)
wrong = Mistakes(TEETH, _test_carry).edits("""
nothing is asserted | your test refuses no code at all. Does it assert anything?
    - torch.testing.assert_close(torch.cat([first, second], dim=1), lstm(x)[0])
    - assert not state[0].requires_grad
    - assert not state[1].requires_grad
    - assert first.requires_grad
    + lstm(x)
    look: Raise an AssertionError: use `assert` or torch.testing.assert_close.
only the numbers | your test does not look at the graph of the state, nor at that of the output.
    - assert not state[0].requires_grad
    - assert not state[1].requires_grad
    - assert first.requires_grad
only the graph | your test does not look at the numbers.
    - torch.testing.assert_close(torch.cat([first, second], dim=1), lstm(x)[0])
only the first chunk | your test compares the first chunk only, where nothing has been carried yet.
    torch.cat([first, second], dim=1), lstm(x)[0] => first, lstm(x[:, :4])[0]
the other way round | your test raises if the numbers agree.
    - torch.testing.assert_close(torch.cat([first, second], dim=1), lstm(x)[0])
    + assert not torch.allclose(torch.cat([first, second], dim=1), lstm(x)[0])
the graph of h is not looked at | your test does not look at the graph of h.
    - assert not state[0].requires_grad
the graph of c is not looked at | your test does not look at the graph of c.
    - assert not state[1].requires_grad
the graph of the output is not looked at | your test does not ask whether the output can still be trained.
    - assert first.requires_grad
the chunks compared with fresh starts | what you compare with starts each chunk from zeros.
    lstm(x)[0]) => torch.cat([lstm(x[:, :4])[0], lstm(x[:, 4:])[0]], dim=1))
a graph is asked for | you ask for a graph where there must be none.
    - assert not state[0].requires_grad
    - assert not state[1].requires_grad
    + assert state[0].requires_grad
only shapes | your test compares the shape of the output only.
    - torch.testing.assert_close(torch.cat([first, second], dim=1), lstm(x)[0])
    - assert not state[0].requires_grad
    - assert not state[1].requires_grad
    - assert first.requires_grad
    + assert torch.cat([first, second], dim=1).shape == (3, 6, 4)
""")

test_carry = proof("test_carry", wrong, cases=CHUNKS)

__all__ = ["CHECKS", *(check.name for check in CHECKS)]

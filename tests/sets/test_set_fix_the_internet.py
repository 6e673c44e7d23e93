"""Exercise set 22, fix the internet: the jobs in other ways, other tests with teeth, the published twelve."""

import inspect

import pytest
import torch
from honest import ways
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence  # noqa: F401 (for HONEST)

from rnncourse.checks import fix_the_internet
from rnncourse.checks.given import fix_the_internet as given

JOBS = {"summary": "test_summary", "sequence_loss": "test_sequence_loss", "carry": "test_carry"}
CHECKS = {check.name: check for check in fix_the_internet.CHECKS}
PUBLISHED = [(job, letter) for job in JOBS for letter in "abcd"]

HONEST = ways("""
summary: by a transpose
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    return lstm(packed)[1][0].transpose(0, 1).flatten(1)
summary: from the output
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    output, _ = pad_packed_sequence(lstm(packed)[0], batch_first=True)
    forward, backward = output.chunk(2, dim=-1)
    return torch.cat([forward[torch.arange(len(x)), lengths - 1], backward[:, 0]], dim=-1)
sequence_loss: by ignore_index
    padded = torch.arange(scores.shape[1]) >= lengths[:, None]
    return F.cross_entropy(scores.flatten(0, 1), target.masked_fill(padded, -1).flatten(), ignore_index=-1)
sequence_loss: by hand
    real = torch.arange(scores.shape[1]) < lengths[:, None]
    picked = scores.log_softmax(2).gather(2, target[:, :, None])[:, :, 0]
    return -(picked * real).sum() / lengths.sum()
carry: by a loop over the two
    output, after = lstm(x, state)
    return output, tuple(part.detach() for part in after)
carry: detached where it comes in as well
    before = None if state is None else (state[0].detach(), state[1].detach())
    output, (h, c) = lstm(x, before)
    return output, (h.detach(), c.detach())
test_summary: against one-way runs
    lstm = nn.LSTM(3, 5, batch_first=True, bidirectional=True)
    x, lengths = torch.randn(4, 6, 3), torch.tensor([2, 6, 4, 3])
    found = summary(lstm, x, lengths)
    assert found.shape == (4, 10)
    for row, n, mine in zip(x, lengths, found):
        output, _ = lstm(row[None, :n])
        assert torch.allclose(mine[:5], output[0, -1, :5], atol=1e-5)
        assert torch.allclose(mine[5:], output[0, 0, 5:], atol=1e-5)
test_summary: with plain raises
    lstm = nn.LSTM(2, 3, batch_first=True, bidirectional=True)
    x, lengths = torch.randn(4, 5, 2), torch.tensor([1, 5, 3, 2])
    rows = [lstm(row[None, :n])[1][0].transpose(0, 1).flatten() for row, n in zip(x, lengths)]
    found, expected = summary(lstm, x, lengths), torch.stack(rows)
    if found.shape != expected.shape or (found - expected).abs().max() > 1e-5:
        raise ValueError("summary is wrong")
test_sequence_loss: row by row
    scores, target, lengths = torch.randn(4, 6, 3), torch.randint(3, (4, 6)), torch.tensor([2, 5, 4, 3])
    total = sum(F.cross_entropy(s[:n], t[:n], reduction="sum") for s, t, n in zip(scores, target, lengths))
    torch.testing.assert_close(sequence_loss(scores, target, lengths), total / lengths.sum())
test_sequence_loss: numbers by hand
    scores = torch.tensor([[[0.0, 2.0], [1.0, 0.0], [3.0, 0.0]], [[0.0, 1.0], [1.0, 4.0], [2.0, 0.0]]])
    target, lengths = torch.tensor([[0, 0, 1], [1, 1, 0]]), torch.tensor([1, 2])
    expected = (np.log(1 + np.exp(2)) + np.log(1 + np.exp(-1)) + np.log(1 + np.exp(-3))) / 3
    found = sequence_loss(scores, target, lengths)
    assert found.dim() == 0
    assert abs(float(found) - expected) < 1e-5
test_carry: by backward
    lstm, x = nn.LSTM(3, 5, batch_first=True), torch.randn(2, 7, 3, requires_grad=True)
    state, outputs = None, []
    for chunk in x.split([2, 2, 3], dim=1):
        output, state = carry(lstm, chunk, state)
        outputs.append(output)
    torch.testing.assert_close(torch.cat(outputs, dim=1), lstm(x)[0])
    assert all(not part.requires_grad for part in state)
    (gradient,) = torch.autograd.grad(outputs[-1].sum(), x)
    assert (gradient[:, :4] == 0).all() and (gradient[:, 4:] != 0).any()
""")
ORACLES = ways("""
summary: row by row
    rows = [lstm(row[:n])[1][0].flatten() for row, n in zip(x, lengths)]
    return torch.stack(rows)
sequence_loss: step by step
    steps = [(b, t) for b in range(len(lengths)) for t in range(lengths[b])]
    return sum(F.cross_entropy(scores[b, t], target[b, t]) for b, t in steps) / len(steps)
""")

for learner in (learner for job in JOBS for learner in HONEST[JOBS[job]]):
    globals().pop(learner.__name__, None)  # a learner's test is none of pytest's


def copied(job, letter):
    """A published way as a learner copies it: a call into the package would be forbidden."""
    way = getattr(given, f"{job}_{letter}")
    names = dict(vars(given))
    exec(inspect.getsource(way), names)
    return names[way.__name__]


@pytest.mark.parametrize(("job", "letter"), PUBLISHED)
def test_a_published_way_is_a_known_mistake_and_the_test_refuses_it(job, letter, run_number):
    way = copied(job, letter)
    verdict = CHECKS[job].verdict(way, run_number)
    assert (verdict.state, verdict.points) in {("mistake", 0), ("mistake", 1)}, str(verdict)
    wrong = {case.about for case in CHECKS[JOBS[job]].cases(0)}
    assert verdict.mistake in wrong
    torch.manual_seed(run_number)
    with pytest.raises((AssertionError, TypeError)):
        CHECKS[JOBS[job]].truth(way)


@pytest.mark.parametrize("job", JOBS)
def test_the_pieces_are_what_they_are_said_to_be(job, run_number):
    """The reference test refuses the bank's mistakes and passes on what the repair's check finds right."""
    check, repair = CHECKS[JOBS[job]], CHECKS[job]
    cases = check.cases(run_number)
    mistakes = {mistake.name for mistake in repair.mistakes}
    for case, answer in zip(cases, check.evaluate(check.truth, cases), strict=True):
        about = case.about
        assert answer.returned["refuses"] == (about in mistakes), about
        names = dict(vars(fix_the_internet))
        exec(case.arguments["piece"], names)
        verdict = repair.verdict(names[case.arguments["name"]], run_number)
        assert (verdict.state == "right") == (about not in mistakes), f"{about}: {verdict}"


def test_a_state_that_comes_back_with_its_graph_costs_a_point():
    def carry(lstm, x, state):
        return lstm(x, state and tuple(part.detach() for part in state))

    verdict = CHECKS["carry"].verdict(carry)
    assert verdict.mistake == "the graph is cut only where the state comes in", str(verdict)
    assert verdict.points == 1


def test_what_carry_should_return_is_said_with_what_it_returns():
    def three(lstm, x, state):
        output, (h, c) = lstm(x, state)
        return output, h.detach(), c.detach()

    assert "it returns 3 things; expected two" in str(CHECKS["carry"].verdict(three))
    assert "it returns a tensor; expected two" in str(CHECKS["carry"].verdict(lambda lstm, x, state: x))


def test_sorted_lengths_are_named_as_what_hides_the_order_of_the_rows():
    def test(summary):
        lstm = nn.LSTM(3, 4, batch_first=True, bidirectional=True)
        x, lengths = torch.randn(3, 5, 3), torch.tensor([5, 4, 2])
        rows = [lstm(row[:n])[1][0].flatten() for row, n in zip(x, lengths, strict=True)]
        torch.testing.assert_close(summary(lstm, x, lengths), torch.stack(rows))

    said = str(CHECKS["test_summary"].verdict(test))
    assert "Are your lengths in descending order" in said


def test_an_empty_test_is_not_said_to_compute_anything():
    for name in JOBS.values():
        verdict = CHECKS[name].verdict(lambda way: None)
        assert (verdict.mistake, verdict.points) == ("nothing is asserted", 0)
        assert "refuses no code at all" in str(verdict)


@pytest.mark.parametrize("job", JOBS)
def test_the_repair_is_asked_for_before_its_test(job):
    """A test is given right ways to call: it must not be able to save one for the repair."""
    names = list(CHECKS)
    assert names.index(job) < names.index(JOBS[job])


def test_what_is_given_holds_no_answer():
    text = inspect.getsource(given)
    assert "torch.cat([h_n[0], h_n[1]], dim=1)" in text  # of an LSTM that has read the padding
    for job in JOBS:
        for letter in "abcd":
            verdict = CHECKS[job].verdict(copied(job, letter))
            assert verdict.points < verdict.total

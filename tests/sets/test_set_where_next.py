"""Exercise set 23: the true answers against the library's scan, autograd and a joined batch; honest ways."""

import pytest
import torch
from honest import ways

from rnncourse.checks import where_next

ORACLES = ways("""
combine: two steps of a number, from their values at 0 and 1
    at_0 = a_2 * (a_1 * 0 + b_1) + b_2
    at_1 = a_2 * (a_1 * 1 + b_1) + b_2
    return at_1 - at_0, at_0
scan: the library's
    from rnncourse.scan import scan
    return scan(a, b, h_0)
min_gru: the library's scan
    from rnncourse.scan import scan
    z = torch.sigmoid(F.linear(x, weight_z, bias_z))
    h = scan(z, (1 - z) * F.linear(x, weight_n, bias_n), h_0)
    return h, h[-1]
scan_backward: autograd
    from rnncourse.scan import loop
    before = torch.cat([h_0[None], h[:-1]])
    given = [v.clone().requires_grad_() for v in (a, h - a * before, h_0)]
    return torch.autograd.grad(loop(*given), given, dh)
rank_loss: a step counts the same on each rank
    mean_of_ranks = sum(float(v) for row, is_valid in zip(losses, valid) for v in row[is_valid])
    return mean_of_ranks / (counts.double().mean()).item()
""")


def loops(a, b, h):
    states = []
    for a_t, b_t in zip(a, b, strict=True):
        h = torch.addcmul(b_t, a_t, h)  # one operation a step: a loop can't have fewer
        states.append(h)
    return torch.stack(states)


def in_the_round(a, b, h_0):
    d = 1
    while d < len(a):
        a, b, old_a, old_b = a.clone(), b.clone(), a, b
        for t in range(d, len(a)):
            a[t] = old_a[t] * old_a[t - d]
            b[t] = old_a[t] * old_b[t - d] + old_b[t]
        d *= 2
    return a * h_0 + b


def halves(a, b, h_0):
    if len(b) == 1:
        return a * h_0 + b
    n = len(b) // 2
    first = halves(a[:n], b[:n], h_0)
    return torch.cat([first, halves(a[n:], b[n:], first[-1])])


@pytest.mark.parametrize("slow", [loops, in_the_round, halves])
def test_an_operation_for_each_step_is_named_and_costs_points(slow):
    def min_gru(x, h_0, weight_z, bias_z, weight_n, bias_n):
        z = torch.sigmoid(x @ weight_z.T + bias_z)
        h = slow(z, (1 - z) * (x @ weight_n.T + bias_n), h_0)
        return h, h[-1]

    for check, learner, points in (where_next.scan, slow, 1), (where_next.min_gru, min_gru, 2):
        verdict = check.verdict(learner)
        assert (verdict.mistake, verdict.points) == ("a loop over the steps", points), str(verdict)


def test_states_without_a_gradient_and_other_things_are_refused_in_words():
    for returned, words in (
        (lambda a, b, h_0: (a * h_0 + b).detach(), "no gradient flows back"),
        (lambda a, b, h_0: None, "is a `return` missing?"),
        (lambda a, b, h_0: {"h": b}, "it returns a dict; expected tensors."),
        (lambda a, b, h_0: (a, b), "number of results: 2; expected 1."),
    ):
        verdict = where_next.scan.verdict(returned)
        assert words in str(verdict), str(verdict)
        assert verdict.points == 0


def in_place(a, b, h_0):
    d = 1
    while d < len(a):
        b[d:] += a[d:] * b[:-d].clone()
        a[d:] *= a[:-d].clone()
        d *= 2
    return b.addcmul_(a, h_0)


def assigned(a, b, h_0):
    d = 1
    while d < len(a):
        a, b = a.clone(), b.clone()
        a[d:], b[d:] = a[d:] * a[:-d], a[d:] * b[:-d] + b[d:]
        d *= 2
    return a * h_0 + b


@pytest.mark.parametrize("scan", [in_place, assigned])
def test_states_without_a_backward_pass_are_refused_in_words(scan):
    verdict = where_next.scan.verdict(scan)
    assert "its backward pass raises" in str(verdict), str(verdict)
    assert verdict.points == 0


@pytest.mark.parametrize("rounds", range(3, 10))
def test_a_fixed_number_of_rounds_is_not_enough(rounds):
    def scan(a, b, h_0):
        for d in (2**k for k in range(rounds) if 2**k < len(a)):
            a, b = torch.cat([a[:d], a[d:] * a[:-d]]), torch.cat([b[:d], a[d:] * b[:-d] + b[d:]])
        return a * h_0 + b

    def min_gru(x, h_0, weight_z, bias_z, weight_n, bias_n):
        z = torch.sigmoid(x @ weight_z.T + bias_z)
        h = scan(z, (1 - z) * (x @ weight_n.T + bias_n), h_0)
        return h, h[-1]

    for check, learner in (where_next.scan, scan), (where_next.min_gru, min_gru):
        assert check.verdict(learner).state != "right"


def test_average_of_rank_losses_is_the_mean_of_the_joined_batch():
    torch.manual_seed(0)
    losses, lengths = torch.rand(6, 5), torch.tensor([5, 4, 5, 1, 2, 1])
    valid = torch.arange(5) < lengths[:, None]
    counts = torch.stack([part.sum() for part in valid.chunk(2)])
    of_ranks = [
        where_next.rank_loss.truth(loss, real, counts)
        for loss, real in zip(losses.chunk(2), valid.chunk(2), strict=True)
    ]
    torch.testing.assert_close(torch.stack(of_ranks).mean(), losses[valid].mean())


HONEST = ways("""
combine: plain
    return a_1 * a_2, b_2 + a_2 * b_1
combine: fused
    return a_2.mul(a_1), torch.addcmul(b_2, a_2, b_1)
scan: h_0 in the first step
    b = torch.cat([a[:1] * h_0 + b[:1], b[1:]])
    d = 1
    while d < len(a):
        one, zero = torch.ones_like(a[:d]), torch.zeros_like(b[:d])
        b = a * torch.cat([zero, b[:-d]]) + b
        a = a * torch.cat([one, a[:-d]])
        d *= 2
    return b
scan: h_0 as a step
    a, b = torch.cat([torch.zeros_like(a[:1]), a]), torch.cat([h_0[None], b])
    for k in range(math.ceil(math.log2(len(a)))):
        a, b = (
            torch.cat([a[: 2**k], a[2**k :] * a[: -(2**k)]]),
            torch.cat([b[: 2**k], a[2**k :] * b[: -(2**k)] + b[2**k :]]),
        )
    return b[1:]
scan: in pairs
    def pairs(a, b):
        if len(b) == 1:
            return b
        n = len(b) // 2
        a_1, b_1, a_2, b_2 = a[: 2 * n : 2], b[: 2 * n : 2], a[1::2], b[1::2]
        even = pairs(a_2 * a_1, a_2 * b_1 + b_2)
        h = torch.empty_like(b)
        h[1::2] = even
        h[:1] = b[:1]
        h[2::2] = a[2::2] * even[: len(h[2::2])] + b[2::2]
        return h
    return pairs(a, torch.cat([a[:1] * h_0 + b[:1], b[1:]]))
scan: a matrix of products
    T = len(a)
    log = a.log().cumsum(0)
    later = torch.ones(T, T, dtype=torch.bool).tril()[:, :, None, None]
    products = torch.where(later, log[:, None] - log, -torch.inf).exp()
    return (products * b).sum(1) + log.exp() * h_0
min_gru: recursive doubling
    a = torch.sigmoid(F.linear(x, weight_z, bias_z))
    b = (1 - a) * F.linear(x, weight_n, bias_n)
    d = 1
    while d < len(a):
        a, b = (
            torch.cat([a[:d], a[d:] * a[:-d]]),
            torch.cat([b[:d], a[d:] * b[:-d] + b[d:]]),
        )
        d *= 2
    h = a * h_0 + b
    return h, h[-1]
min_gru: h_0 in the first step
    n = torch.addmm(bias_n, x.flatten(0, 1), weight_n.T).view(*x.shape[:2], -1)
    z = 1 / (1 + (-F.linear(x, weight_z, bias_z)).exp())
    b = torch.cat([z[:1] * h_0 + n[:1] - z[:1] * n[:1], (n - z * n)[1:]])
    d = 1
    while d < len(x):
        b = torch.cat([b[:d], torch.addcmul(b[d:], z[d:], b[:-d])])
        z = torch.cat([z[:d], z[d:] * z[:-d]])
        d *= 2
    return [b, b[-1]]
scan_backward: from the end
    db = torch.zeros_like(dh)
    db[-1] = dh[-1]
    for t in range(len(a) - 2, -1, -1):
        db[t] = dh[t] + a[t + 1] * db[t + 1]
    da = db.clone()
    da[0] *= h_0
    da[1:] *= h[:-1]
    return da, db, a[0] * db[0]
rank_loss: zeros in the padding
    return (losses * valid).sum() / counts.double().mean()
rank_loss: a number
    share = valid.sum() / counts.sum()
    return (losses[valid].mean() * share * len(counts)).item()
which: as asked
    return {"P": "scan", "Q": "not linear", "R": "reads the state", "S": "matrices", "T": "another operator",
            "U": "scan"}
which: spelt freely
    return {"P": "Scan", "Q": "NOT LINEAR", "R": "reads_the_state", "S": "matrices ", "T": "another operator",
            "U": "scan"}
""")

"""Exercise set 23: the true answers against the library's scan, autograd and a joined batch; honest ways."""

import torch
from honest import ways

from rnncourse.checks import where_next
from rnncourse.scan import scan

ORACLES = ways("""
combine: two steps of a number, from their values at 0 and 1
    at_0 = a_2 * (a_1 * 0 + b_1) + b_2
    at_1 = a_2 * (a_1 * 1 + b_1) + b_2
    return at_1 - at_0, at_0
one_round: step by step
    from rnncourse.scan import combine
    steps = list(zip(a, b, strict=True))
    done = [combine(steps[t - d], steps[t]) if t >= d else steps[t] for t in range(len(steps))]
    return torch.stack([one for one, _ in done]), torch.stack([other for _, other in done])
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


def test_rounds_until_the_end_are_a_scan():
    for seed in range(3):
        for case in where_next.one_round.cases(seed):
            a, b = case.arguments["a"], case.arguments["b"]
            expected, d = scan(a, b), 1
            while d < len(b):
                a, b = where_next.one_round.truth(a, b, d)
                d *= 2
            torch.testing.assert_close(b, expected)


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
one_round: copies
    new_a, new_b = a.clone(), b.clone()
    for t in range(d, len(a)):
        new_a[t] = a[t] * a[t - d]
        new_b[t] = a[t] * b[t - d] + b[t]
    return new_a, new_b
one_round: padded
    one, zero = torch.ones_like(a[:d]), torch.zeros_like(b[:d])
    return a * torch.cat([one, a[:-d]]), a * torch.cat([zero, b[:-d]]) + b
one_round: backwards in place
    a, b = a.clone(), b.clone()
    for t in reversed(range(d, len(a))):
        b[t] += a[t] * b[t - d]
        a[t] *= a[t - d].clone()
    return a, b
min_gru: a list of states
    states = [h_0]
    for x_t in x:
        z_t = torch.sigmoid(x_t @ weight_z.T + bias_z)
        n_t = x_t @ weight_n.T + bias_n
        states.append(n_t + z_t * (states[-1] - n_t))
    return torch.stack(states[1:]), states[-1]
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

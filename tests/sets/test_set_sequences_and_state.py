"""Exercise set 01: the true answers by other means, and honest ways to each task."""

import itertools

import pytest
import torch
from honest import ways

from rnncourse.checks import sequences_and_state

ORACLES = ways("""
three_steps: as the task's own text says them
    h_1 = -0.5 * 6.0 + 2 * 4
    h_2 = -0.5 * h_1 + 2 * -1
    return {"h_1": h_1, "h_2": h_2, "h_3": -0.5 * h_2 + 2 * 3}
with_tanh: torch's layer
    rnn = nn.RNN(1, 1, bias=False).double().requires_grad_(False)
    rnn.weight_hh_l0.fill_(0.8)
    rnn.weight_ih_l0.fill_(0.5)
    states, _ = rnn(torch.tensor([[2.0], [-3.0], [2.0]]).double(), torch.tensor([[-0.5]]).double())
    return states.flatten().tolist()
run: the closed form, u^T h_0 + the sum of u^(T-k) w x_k
    states = [u**T * h_0 + sum(u ** (T - k) * w * x[k - 1] for k in range(1, T + 1))
        for T in range(len(x) + 1)]
    return torch.stack([*states[1:], states[-1]])[:-1], states[-1]
running_max: torch's
    return x.cummax(0).values
alarm: looking back at the whole past
    past, states = "1" * int(h_0), []  # what leads to h_0
    for press in x.tolist():
        past += str(press)
        states.append(3 if "111" in past else len(past) - len(past.rstrip("1")))
    return torch.tensor(states)
parameters: counted by torch
    cell = sum(p.numel() for name, p in nn.RNN(3, 5).named_parameters() if name != "bias_hh_l0")
    window_10, window_1000 = (sum(p.numel() for p in nn.Linear(3 * T, 5).parameters()) for T in (10, 1000))
    return {"cell_10": cell, "cell_1000": cell, "window_10": window_10, "window_1000": window_1000}
weight_of: the derivative
    def last(x_k):
        h = torch.ones(len(W_hh), dtype=W_hh.dtype)
        for t in range(1, T + 1):
            h = W_hh @ h + W_ih @ (x_k if t == k else torch.ones_like(x_k))
        return h
    return torch.func.jacrev(last)(torch.zeros(W_ih.shape[1], dtype=W_ih.dtype))
""")


def test_alarm_goes_along_every_arrow_of_the_table():
    for seed in range(5):
        seen = set()
        for case in sequences_and_state.alarm.cases(seed):
            x, h_0 = case.arguments.values()
            states = [int(h_0), *sequences_and_state.alarm.truth(x, h_0).tolist()]
            seen |= set(zip(states, x.tolist(), strict=False))
        assert seen == set(itertools.product(range(4), range(2)))


@pytest.mark.parametrize("u", [1.0, 1.05, 1.3, 2.0, 3.5, 50])
def test_memory_weight_takes_whatever_works(u):
    check = sequences_and_state.memory_weight
    assert (check.verdict(lambda w: u).state == "right") == (1.05 < u < 50)
    assert check.verdict(lambda w: torch.tensor([[u]])).state == check.verdict(lambda w: u).state
    assert "expected one number" in str(check.verdict(lambda w: "strong"))


LAMPS = {
    0.7: "goes out by itself in the pause",
    0.9: "goes out by itself in the pause",
    1.05: "goes out by itself in the pause",
    -0.9: "it comes on by itself",
    5.5: "lets the button win for some w but not for others",
}


@pytest.mark.parametrize("u", LAMPS)
def test_any_weight_of_the_lamp_is_told_what_it_does(u):
    verdict = sequences_and_state.memory_weight.verdict(lambda w: u)
    assert (verdict.points, verdict.mistake) == (0, None)
    assert LAMPS[u] in str(verdict), str(verdict)


ARROWS = {(0, 0): 0, (0, 1): 1, (1, 0): 0, (1, 1): 2, (2, 0): 0, (2, 1): 3, (3, 0): 3, (3, 1): 3}


HONEST = ways("""
run: accumulated
    states = [*itertools.accumulate(x, lambda h, x_t: u * h + w * x_t, initial=h_0)]
    return torch.tensor([float(h) for h in states[1:]], dtype=x.dtype), states[-1]
run: filled
    states = torch.empty(len(x), dtype=x.dtype)
    h = h_0
    for t in range(len(x)):
        states[t] = h = w * x[t] + h * u
    return states, h
run: numpy
    h, states = h_0.item(), []
    for x_t in x.numpy():
        h = u.item() * h + w.item() * x_t
        states.append(h)
    return np.array(states), np.array(h)
run: by the formula
    T = len(x)
    later = torch.arange(1, T + 1)[:, None] - torch.arange(1, T + 1)
    powers = torch.where(later >= 0, u ** later.clamp(min=0), torch.zeros((), dtype=x.dtype))
    states = powers @ (w * x) + u ** torch.arange(1, T + 1) * h_0
    return states, states[-1] if T else h_0
running_max: accumulated
    return torch.stack([*itertools.accumulate(x, max)])
running_max: from minus infinity
    h, states = torch.tensor(-math.inf), torch.zeros_like(x)
    for t, x_t in enumerate(x):
        h = x_t if x_t > h else h
        states[t] = h
    return states
running_max: numpy
    return torch.from_numpy(np.maximum.accumulate(x.numpy()))
running_max: looking back
    return torch.stack([x[: t + 1].max() for t in range(len(x))])
alarm: by table
    return torch.tensor([*itertools.accumulate(x.tolist(), lambda h, p: ARROWS[h, p],
        initial=h_0.item())][1:])
alarm: without if
    states, h = [], h_0
    for press in x:
        h = torch.where(h == 3, h, press * (h + 1))
        states.append(h)
    return torch.stack(states)
alarm: list
    states, h = [], int(h_0)
    for press in x:
        h = 3 if h == 3 else min(h + 1, 3) * int(press)
        states.append(h)
    return states  # whole numbers in a list are as good
three_steps: a tuple
    return 5, -4.5, 8.25
three_steps: fractions
    return {"h_1": torch.tensor(5), "h_2": -9 / 2, "h_3": 33 / 4}
with_tanh: three digits
    return {"h_1": 0.537, "h_2": -0.79, "h_3": 0.353}
with_tanh: a list
    return [0.5370, -0.7896, 0.3525]
with_tanh: rounded at each step
    return {"h_1": 0.537, "h_2": -0.789, "h_3": 0.354}
parameters: a dict
    return {"cell_10": 45, "cell_1000": 45, "window_10": 155, "window_1000": 15005}
parameters: a list
    return [45, 45.0, 155, torch.tensor(15005)]
weight_of: loop
    power = torch.eye(len(W_hh), dtype=W_hh.dtype)
    for _ in range(T - k):
        power = power @ W_hh
    return power @ W_ih
weight_of: by running
    # Column by column: what a single 1 at step k has become.
    h = torch.zeros_like(W_ih)
    for t in range(1, T + 1):
        x_t = torch.eye(W_ih.shape[1], dtype=W_ih.dtype) * (t == k)
        h = torch.einsum("hk,ki->hi", W_hh, h) + W_ih @ x_t
    return h
weight_of: numpy
    return torch.from_numpy(np.linalg.matrix_power(W_hh.numpy(), T - k) @ W_ih.numpy())
""")
HONEST["memory_weight"] += [lambda w: 3, lambda w: torch.tensor(w / 2), lambda w: w - 1.5, lambda w: 1.5]

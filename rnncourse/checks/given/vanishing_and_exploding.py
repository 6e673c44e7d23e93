"""What the exercise gives: four runs to diagnose.

The nets are trained on the learner's machine: nothing of them is stored."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

UPDATES, LAST = 80, 20  # the last input is at step T - 1


class Run(NamedTuple):
    """One training run: the net before the first update, and two numbers for each update.

    rnn: a torch.nn.RNN, float64. x: its first batch of inputs, (T, B, 2). loss, norm: (updates,), the norm
    of the whole gradient before it is clipped.
    """

    rnn: nn.RNN
    x: Tensor
    loss: Tensor
    norm: Tensor


def _run(rho: float, scale: float, seed: int) -> Run:
    """Train a net on the lesson's bit task: tell the sign of the first input after the last one."""
    numbers = torch.Generator().manual_seed(seed)
    before, rnn = (nn.RNN(2, 24, dtype=torch.float64) for _ in range(2))
    head = nn.Linear(24, 1, dtype=torch.float64)
    parameters = [*rnn.parameters(), *head.parameters()]
    for parameter in parameters:
        nn.init.uniform_(parameter, -0.2, 0.2, generator=numbers)
    weights = dict(rnn.named_parameters())
    nn.init.orthogonal_(weights["weight_hh_l0"], gain=rho, generator=numbers)
    with torch.no_grad():
        weights["weight_ih_l0"].mul_(scale)
    before.load_state_dict(rnn.state_dict())
    first = torch.empty(0)
    losses: list[float] = []
    norms: list[float] = []
    for _ in range(UPDATES):
        bit = torch.randint(2, (32,), generator=numbers).double()
        x = torch.zeros(LAST + 1, 32, 2, dtype=torch.float64)
        x[0, :, 0] = 2 * bit - 1
        x[:, :, 1] = torch.randn(LAST + 1, 32, generator=numbers, dtype=torch.float64)
        first = first if losses else x
        loss = nn.functional.binary_cross_entropy_with_logits(head(rnn(x)[0][-1])[:, 0], bit)
        gradients = torch.autograd.grad(loss, parameters)
        norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.sub_(0.1 * min(1.0, 1.0 / norm.item()) * gradient)
        losses.append(loss.item())
        norms.append(norm.item())
    return Run(before, first, torch.tensor(losses), torch.tensor(norms))


def four_runs() -> dict[str, Run]:
    """Return the runs P, Q, R and S, trained on the spot, always the same."""
    return {
        "P": _run(0.4, 1.0, 4),
        "Q": _run(4.0, 0.1, 2),
        "R": _run(1.0, 150.0, 1),
        "S": _run(1.0, 1.0, 3),
    }

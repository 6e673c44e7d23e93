"""Task 5, train_epoch: one pass over a long sequence, chunk by chunk."""

import dataclasses

import torch
import torch.nn.functional as F

from rnncourse.checks.framework.cases import Case, Trait, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.stateful_training.learning import train
from rnncourse.checks.stateful_training.lesson import DETACH, LESSON, RETAIN, SECOND

WHOLE_CHUNKS = Trait("all chunks have K steps", "what you do with a last chunk that is shorter")
SHORT_CHUNK = Trait("the last chunk is shorter", "what you do where all chunks have K steps")


def _truth(lstm, head, optimizer, x, y, K):
    state, losses = None, []
    for x_k, y_k in zip(x.split(K), y.split(K), strict=True):
        output, state = lstm(x_k, state)
        loss = F.mse_loss(head(output), y_k)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        state = tuple(s.detach() for s in state)
        losses.append(loss.item())
    return torch.tensor(losses, dtype=torch.float64)


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(T: int, B: int, I: int, H: int, O: int, K: int, L: int = 1) -> Case:
        lstm = random_module("LSTM", numbers, input_size=I, hidden_size=H, num_layers=L)
        head = random_module("Linear", numbers, in_features=H, out_features=O)
        arguments = {
            "lstm": dataclasses.replace(lstm, trains=True),
            "head": dataclasses.replace(head, trains=True),
            "lr": 0.5,
            "x": numbers(T, B, I),
            "y": numbers(T, B, O),
            "K": K,
        }
        trait = SHORT_CHUNK if T % K else WHOLE_CHUNKS
        sizes = {"T": T, "B": B, "I": I, "H": H, "O": O, "K": K, "n": -(-T // K)}
        return Case(arguments, sizes, frozenset({trait}))

    return [
        case(12, 5, 2, 6, 1, 4),
        case(14, 7, 4, 5, 2, 6),
        case(9, 2, 6, 5, 1, 4, L=2),
    ]


wrong = Mistakes(SECOND, _truth)

wrong.edits("""
§ When to reset
state zeroed | each chunk starts from zeros: the state is not carried.
    lstm(x_k, state) => lstm(x_k)
§ Detach the state
c zeroed | h is carried from chunk to chunk, c starts from zeros.
    tuple(s.detach() for s in state) => state[0].detach(), torch.zeros_like(state[1])
h zeroed | c is carried from chunk to chunk, h starts from zeros.
    tuple(s.detach() for s in state) => torch.zeros_like(state[0]), state[1].detach()
h and c exchanged | the carried state is (c, h). A layer takes (h, c).
    tuple(s.detach() for s in state) => state[1].detach(), state[0].detach()
§
gradients pile up | the gradients of all chunks so far pile up: they are not set to zero in between.
    optimizer.zero_grad() =>
no update | the weights are as they were: there is no update, or it finds no gradient.
    optimizer.step() =>
one update | the weights change once, at the end. Asked is an update after each chunk.
    optimizer.zero_grad() =>
    - optimizer.step()
    return torch.tensor => optimizer.step(); return torch.tensor
the whole in one piece | the sequence is not cut: there is one loss, of all T steps.
    x.split(K), y.split(K) => [x], [y]
K chunks | there are K chunks. Asked are chunks of K steps.
    x.split(K), y.split(K) => x.chunk(K), y.chunk(K)
the short chunk left out | the last chunk is left out where it has fewer than K steps. A state does not mind a
    short chunk.
    - for x_k, y_k in zip(x.split(K), y.split(K), strict=True):
    + for x_k, y_k in zip(x.split(K), y.split(K), strict=True):
    +     if len(x_k) < K:
    +         break
summed | the loss is a sum. Asked is the mean of the squared errors.
    head(output), y_k) => head(output), y_k, reduction="sum")
halved | the loss is half of what is asked: the mean of the squared errors has no factor ½ here.
    F.mse_loss(head(output), y_k) => 0.5 * F.mse_loss(head(output), y_k)
summed over the outputs | the squared errors of each step are summed over the O outputs. Asked is the mean
    over everything.
    F.mse_loss(head(output), y_k) => (head(output) - y_k).square().sum(-1).mean()
the layer does not learn | only the head learns: the output that it reads is cut from its past, so the layer
    gets no gradient.
    head(output) => head(output.detach())
the last step only | the loss is that of each chunk's last step. Asked are all its steps.
    head(output), y_k => head(output[-1]), y_k[-1]
the sum so far returned | the losses are sums over all chunks so far. Asked is each chunk's own.
    torch.tensor(losses, dtype=torch.float64) => torch.tensor(losses, dtype=torch.float64).cumsum(0)
""")


@wrong("full gradient", "the gradient goes back over all chunks: one backward, at the end.", section=RETAIN)
def _(lstm, head, optimizer, x, y, K):
    state, losses = None, []
    for x_k, y_k in zip(x.split(K), y.split(K), strict=True):
        output, state = lstm(x_k, state)
        losses.append(F.mse_loss(head(output), y_k))
    optimizer.zero_grad()
    torch.stack(losses).sum().backward()
    optimizer.step()
    return losses


_LSTM = {
    "weight_ih_l0": torch.tensor([[1.0], [0.0], [2.0], [1.0]], dtype=torch.float64),
    "weight_hh_l0": torch.tensor([[0.0], [1.0], [-1.0], [0.0]], dtype=torch.float64),
    "bias_ih_l0": torch.tensor([0.0, 1.0, 0.0, 0.0], dtype=torch.float64),
    "bias_hh_l0": torch.zeros(4, dtype=torch.float64),
}
_HEAD = {
    "weight": torch.tensor([[2.0]], dtype=torch.float64),
    "bias": torch.tensor([0.5], dtype=torch.float64),
}


def _example() -> Case:
    numbers = random_numbers(0, 1.0)
    lstm = random_module("LSTM", numbers, input_size=1, hidden_size=1)
    head = random_module("Linear", numbers, in_features=1, out_features=1)
    x = torch.tensor([[[1.0]], [[0.0]], [[-1.0]]], dtype=torch.float64)
    arguments = {
        "lstm": dataclasses.replace(lstm, parameters=_LSTM, trains=True),
        "head": dataclasses.replace(head, parameters=_HEAD, trains=True),
        "lr": 0.5,
        "x": x,
        "y": x.flip(0),
        "K": 2,
    }
    return Case(arguments, {"T": 3, "B": 1, "I": 1, "H": 1, "O": 1, "K": 2, "n": 2})


train_epoch = Check(
    name="train_epoch",
    lesson=LESSON,
    section=DETACH,
    parts=(Part("losses", "n"), Part("weights", "P")),
    criteria=(Criterion("the losses", 2, ("losses",)), Criterion("the weights afterwards", 2, ("weights",))),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=_example(),
    use=train,
    forbid=frozenset(),
    agree="truncated backpropagation",
    seconds=20,  # torch's first optimizer takes a second to be made
)

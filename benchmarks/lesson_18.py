"""Train the nets of lesson 18 on ten seeds and print the table that the lesson shows.

    python benchmarks/lesson_18.py [--seeds 10] [--only rows pixels shapes]

RNN, GRU and LSTM get the same number of parameters, the same batches, the same number of epochs and the same
learning rates to choose from. The choice is made once for each, in the validation part, at seed 0. Logistic
regression reads the same numbers at once; its C is chosen in the validation part, too. A line comes out as
soon as a net is trained. All of it takes about twenty minutes of one core.
"""

import argparse
import os

os.environ["TQDM_DISABLE"] = "1"  # a bar for each training would be all that one sees

import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.utils.data import TensorDataset

import rnncourse
from rnncourse.data import Splits, digits, digits_1d, mnist
from rnncourse.training import fit

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
RATES = 1e-3, 3e-3, 1e-2


def tensors(parts: Splits) -> list[tuple[Tensor, Tensor]]:
    return [part.tensors for part in parts]  # type: ignore[attr-defined]


def scaled(parts: Splits, shape: tuple[int, int]) -> Splits:
    """Center and scale all parts by the training part's mean and deviation, as (N, *shape)."""
    mean, std = tensors(parts)[0][0].mean(), tensors(parts)[0][0].std()
    return Splits(*(TensorDataset((x - mean).view(-1, *shape) / std, y) for x, y in tensors(parts)))


TASKS = {  # name: (data, parameters at most, epochs at most)
    "rows": (lambda: scaled(mnist(), (28, 28)), 30_000, 12),
    "pixels": (lambda: scaled(digits(), (64, 1)), 6_000, 20),
    "shapes": (lambda: scaled(digits_1d(), (40, 1)), 10_000, 15),
}


class Reader(nn.Module):
    def __init__(self, kind: str, input_size: int, hidden_size: int) -> None:
        super().__init__()
        library = nn if kind == "LSTM" else rnncourse  # the same numbers; rnncourse's RNN and GRU are faster
        self.rnn = getattr(library, kind)(input_size, hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, 10)

    def forward(self, x: Tensor) -> Tensor:  # (B, T, I)
        return self.head(self.rnn(x)[0])  # (B, T, 10)


def count(kind: str, I: int, H: int) -> int:
    return GATES[kind] * (H * I + H * H + 2 * H) + 10 * (H + 1)


def largest(kind: str, I: int, most: int) -> int:
    """Return the largest H with at most so many parameters."""
    return max(H for H in range(1, 1000) if count(kind, I, H) <= most)


def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    x, y = batch
    return F.cross_entropy(model(x)[:, -1], y)


def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        return (model(x)[:, -1].argmax(-1) == y).float().mean().item()


def logistic(parts: Splits) -> float:
    (x, y), *others = ([v.flatten(start_dim=1).numpy() for v in (x, y[:, None])] for x, y in tensors(parts))
    found = []
    for C in (0.001, 0.01, 0.1, 1.0):
        model = LogisticRegression(C=C, max_iter=2000).fit(x, y[:, 0])
        found.append([model.score(a, b[:, 0]) for a, b in others])
    return max(found)[1]


def train(kind: str, parts: Splits, most: int, epochs: int, rate: float, seed: int) -> tuple[float, float]:
    """Return the lowest validation loss and the accuracy in the test part."""
    I = parts.train[0][0].shape[-1]
    torch.manual_seed(seed)
    model = Reader(kind, I, largest(kind, I, most))
    assert sum(p.numel() for p in model.parameters()) == count(kind, I, model.rnn.hidden_size)
    loaders = parts.loaders(32)[:2]
    history = fit(model, (loaders[0], loaders[1]), loss, epochs=epochs, lr=rate, patience=epochs, seed=seed)
    return min(history.valid), accuracy(model, *tensors(parts)[2])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", nargs="*", choices=TASKS, default=list(TASKS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    for task in options.only:
        load, most, epochs = TASKS[task]
        parts = load()
        print(f"{task}: logistic regression {logistic(parts):.3f}", flush=True)
        for kind in GATES:
            first = {rate: train(kind, parts, most, epochs, rate, 0) for rate in RATES}
            rate = min(RATES, key=lambda rate: first[rate][0])
            H = largest(kind, parts.train[0][0].shape[-1], most)
            print(f"{task} {kind:4} H={H} lr={rate:g}", f"{first[rate][1]:.3f}", end=" ", flush=True)
            for seed in range(1, options.seeds):
                print(f"{train(kind, parts, most, epochs, rate, seed)[1]:.3f}", end=" ", flush=True)
            print()


if __name__ == "__main__":
    main()

"""Train the nets of lesson 20 on ten seeds and print the table that the lesson shows.

For each series: the mean absolute error in the test period, in the unit of the series, of the last value, of
the value a season earlier, of ridge regression and of a GRU. Ridge and GRU get the same windows, relative to
their last value. What can be chosen (ridge's alpha, the GRU's epoch) is chosen in the validation period.
It takes about three minutes of one core.
"""

import argparse
import itertools

import torch
from torch import Tensor, nn

from rnncourse.data import Scale, Splits, co2, el_nino, sunspots, windows
from rnncourse.training import fit


def henon(n: int) -> Tensor:
    """Return n values of Hénon's map, v_t = 1 - 1.4 v_{t-1}^2 + 0.3 v_{t-2}."""
    values = [0.1, 0.1]
    while len(values) < n:
        values.append(1 - 1.4 * values[-1] ** 2 + 0.3 * values[-2])
    return torch.tensor(values)


TASKS = {  # name: (series, season, context, horizon, epochs at most)
    "sunspots, 1 year": (lambda: sunspots().values, 11, 22, 1, 60),
    "sunspots, 11 years": (lambda: sunspots().values, 11, 22, 11, 60),
    "El Niño, 6 months": (lambda: el_nino().values, 12, 24, 6, 40),
    "Hénon, 1 step": (lambda: henon(600), 1, 8, 1, 60),
    "CO2, 12 weeks": (lambda: co2().values[::4], 13, 26, 3, 60),  # every fourth week
}


class Forecaster(nn.Module):
    def __init__(self, horizon: int, hidden_size: int = 16) -> None:
        super().__init__()
        self.gru = nn.GRU(1, hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, horizon)

    def forward(self, x: Tensor) -> Tensor:  # (B, context, 1)
        last = x[:, -1]  # (B, 1)
        output, _ = self.gru(x - last[:, None])
        return last + self.head(output[:, -1])  # (B, horizon)


def squared_error(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    x, y = batch
    return (model(x) - y).square().mean()


def error(forecast: Tensor, y: Tensor, scale: Scale) -> float:
    return (forecast - y).abs().mean().item() * scale.std


def features(x: Tensor) -> tuple[Tensor, Tensor]:
    x = x.squeeze(-1).double()
    return torch.cat([x - x[:, -1:], torch.ones(len(x), 1).double()], dim=1), x[:, -1:]


def ridge(parts: Splits, scale: Scale) -> float:
    (x, y), valid, test = (part.tensors for part in parts)  # type: ignore[attr-defined]
    X, last = features(x)
    found = []
    for alpha in (0.01, 0.1, 1, 10, 100):
        weight = torch.linalg.solve(X.T @ X + alpha * torch.eye(X.shape[1]).double(), X.T @ (y - last))
        errors = []
        for inputs, targets in (valid, test):
            rows, ends = features(inputs)
            errors.append(error(rows @ weight + ends, targets, scale))
        found.append(errors)
    return min(found)[1]  # the test error where the validation error is lowest


def net(parts: Splits, scale: Scale, horizon: int, epochs: int, seed: int) -> float:
    torch.manual_seed(seed)
    model = Forecaster(horizon)
    train, valid, _ = parts.loaders(32)
    fit(model, (train, valid), squared_error, epochs=epochs, lr=1e-2, patience=10, seed=seed)
    x, y = parts.test.tensors  # type: ignore[attr-defined]
    with torch.no_grad():
        return error(model(x), y, scale)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=10)
    arguments.add_argument("--epochs", type=int, default=60, help="at most so many, for a quick try")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    print("test error           last season  ridge  GRU, seeds 0, 1, 2 ...")
    for name, (series, season, context, horizon, epochs) in TASKS.items():
        parts, scale = windows(series(), context, horizon)
        x, y = parts.test.tensors  # type: ignore[attr-defined]
        before = [context + step % season - season for step in range(horizon)]
        known = [error(x[:, -1], y, scale), error(x[:, before, 0], y, scale), ridge(parts, scale)]
        epochs = min(epochs, options.epochs)
        nets = [net(parts, scale, horizon, epochs, seed) for seed in range(options.seeds)]
        numbers = " ".join(f"{value:6.3g}" for value in itertools.chain(known, nets))
        print(f"{name:18} {numbers}", flush=True)


if __name__ == "__main__":
    main()

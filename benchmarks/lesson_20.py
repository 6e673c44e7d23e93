"""Train the nets of lesson 20 on ten seeds and print the table that the lesson shows.

For each series: the mean absolute error in the test period, in the unit of the series, of the last value, of
the value a season earlier, of ridge regression and of a GRU. Ridge and GRU get the same windows, relative to
their last value. What can be chosen (ridge's alpha, the GRU's epoch) is chosen in the validation period.
The last line is for the section "Many steps": the one-step models, fed their own forecasts for 11 years.
It takes about four minutes of one core.
"""

import argparse
from collections.abc import Callable, Iterable
from functools import partial

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


def recursive(one_step: Callable[[Tensor], Tensor], x: Tensor, horizon: int) -> Tensor:
    forecasts = []
    for _ in range(horizon):
        forecasts.append(one_step(x))
        x = torch.cat([x[:, 1:], forecasts[-1][:, None]], dim=1)
    return torch.cat(forecasts, dim=1)  # (B, horizon)


def ridge(parts: Splits, scale: Scale) -> Callable[[Tensor], Tensor]:
    (x, y), valid, _ = (part.tensors for part in parts)  # type: ignore[attr-defined]
    X, last = features(x)

    def forecast(weight: Tensor, x: Tensor) -> Tensor:
        rows, ends = features(x)
        return rows @ weight + ends

    weights = [
        torch.linalg.solve(X.T @ X + alpha * torch.eye(X.shape[1]).double(), X.T @ (y - last))
        for alpha in (0.01, 0.1, 1, 10, 100)
    ]
    return partial(forecast, min(weights, key=lambda w: error(forecast(w, valid[0]), valid[1], scale)))


def net(parts: Splits, horizon: int, epochs: int, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    model = Forecaster(horizon)
    train, valid, _ = parts.loaders(32)
    fit(model, (train, valid), squared_error, epochs=epochs, lr=1e-2, patience=10, seed=seed)
    return model


def show(name: str, forecasts: Iterable[Tensor], y: Tensor, scale: Scale) -> None:
    numbers = " ".join(f"{error(forecast, y, scale):6.3g}" for forecast in forecasts)
    print(f"{name:18} {numbers}", flush=True)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=10)
    arguments.add_argument("--epochs", type=int, default=60, help="at most so many, for a quick try")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    print("test error           last season  ridge  GRU, seeds 0, 1, 2 ...")
    models: dict[str, list[Callable[[Tensor], Tensor]]] = {}
    known: dict[str, list[Tensor]] = {}
    for name, (series, season, context, horizon, epochs) in TASKS.items():
        parts, scale = windows(series(), context, horizon)
        x, y = parts.test.tensors  # type: ignore[attr-defined]
        before = [context + step % season - season for step in range(horizon)]
        known[name] = [x[:, -1], x[:, before, 0]]
        nets = (net(parts, horizon, min(epochs, options.epochs), seed) for seed in range(options.seeds))
        models[name] = [ridge(parts, scale), *nets]
        with torch.no_grad():
            show(name, [*known[name], *(model(x) for model in models[name])], y, scale)
        if name == "sunspots, 11 years":
            far = x, y, scale
    x, y, scale = far
    with torch.no_grad():
        fed_back = [recursive(model, x, 11) for model in models["sunspots, 1 year"]]
        show("11 years, fed back", [*known["sunspots, 11 years"], *fed_back], y, scale)


if __name__ == "__main__":
    main()

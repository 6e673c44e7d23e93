"""Lesson 20: time series, and windows of them that do not look ahead."""

import math
from datetime import date
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from rnncourse.data.sequences import Splits, read


class Series(NamedTuple):
    """A series: `time` in years, float64 (N), and `values`, float32 (N)."""

    time: Tensor
    values: Tensor


class Scale(NamedTuple):
    """The scale of a series before the validation period.

    Attributes:
        mean: the mean of its values.
        std: their standard deviation.

    Example:
        >>> scale = rnncourse.data.Scale(mean=10.0, std=2.0)
        >>> scale.apply(torch.tensor([10.0, 14.0])), scale.undo(torch.tensor([2.0]))
        (tensor([0., 2.]), tensor([14.]))
    """

    mean: float
    std: float

    def apply(self, values: Tensor) -> Tensor:
        """Return the values in standard deviations from the mean."""
        return (values - self.mean) / self.std

    def undo(self, values: Tensor) -> Tensor:
        """Return scaled values in their own unit."""
        return values * self.std + self.mean


def sunspots() -> Series:
    """Load the mean number of sunspots in each year from 1700 to 2008: 309 values.

    Source: National Geophysical Data Center, by way of statsmodels. Licence: public domain.

    Returns:
        The Series; its time is float64 (309), its values are float32 (309).

    Example:
        >>> series = rnncourse.data.sunspots()
        >>> len(series.values), int(series.time[0])
        (309, 1700)
    """
    rows = _rows("sunspots.csv")
    return _series([float(year) for year, _ in rows], [float(value) for _, value in rows])


def co2() -> Series:
    """Load the weekly carbon dioxide level at Mauna Loa, March 1958 to December 2001, in ppm: 2,284 values.

    Source: Keeling and Whorf, Scripps Institution of Oceanography, by way of statsmodels. Licence: public
    domain. 59 weeks have no measurement; they repeat the last measured value, because an interpolated value
    would know the future.

    Returns:
        The Series; its time is float64 (2284), its values are float32 (2284).

    Example:
        >>> series = rnncourse.data.co2()
        >>> len(series.values), int(series.time[0])
        (2284, 1958)
    """
    times: list[float] = []
    values: list[float] = []
    for day, value in _rows("co2.csv"):
        times.append(1958 + (date.fromisoformat(day) - date(1958, 1, 1)).days / 365.25)
        values.append(float(value) if value else values[-1])
    return _series(times, values)


def el_nino() -> Series:
    """Load the monthly sea surface temperature off Peru (Niño 1+2) from 1950 to 2010, in °C: 732 values.

    Source: National Oceanic and Atmospheric Administration, by way of statsmodels. Licence: public domain.

    Returns:
        The Series; its time is float64 (732), its values are float32 (732).

    Example:
        >>> series = rnncourse.data.el_nino()
        >>> len(series.values), int(series.time[0])
        (732, 1950)
    """
    rows = _rows("el_nino.csv")
    times = [float(year) + month / 12 for year, *_ in rows for month in range(12)]
    return _series(times, [float(value) for _, *months in rows for value in months])


def windows(values: Tensor, context: int, horizon: int = 1) -> tuple[Splits, Scale]:
    """Cut a series into what is known and what follows; the last fifth of the time is the test.

    Item i of a part is (x, y): x (context, 1) holds the values before a moment, y (horizon) those after it.
    The targets of validation (a tenth of the time) and of the test lie entirely in their own period; their x
    may reach back into an earlier one, as a forecaster's does. All values are scaled by the mean and standard
    deviation of the training period alone.

    Args:
        values: the series, (N).
        context: how many values before the moment are known.
        horizon: how many values after it are the target.

    Returns:
        The splits, and the scale to undo.

    Raises:
        ValueError: `values` is not one series, or a period is too short for one window.

    Example:
        >>> years = rnncourse.data.sunspots()
        >>> splits, scale = rnncourse.data.windows(years.values, context=22, horizon=11)
        >>> x, y = splits.train[0]
        >>> tuple(x.shape), tuple(y.shape)
        ((22, 1), (11,))
    """
    if values.dim() != 1:
        raise ValueError(f"values: expected one series, (N), got {tuple(values.shape)}.")
    first_valid, first_test = math.floor(0.7 * len(values)), math.floor(0.8 * len(values))
    if first_valid < context + horizon:
        raise ValueError(
            f"context + horizon: expected at most {first_valid}, the length of the training period; "
            f"got {context} + {horizon}"
        )
    if horizon > first_test - first_valid:
        raise ValueError(
            f"horizon: expected at most {first_test - first_valid}, the length of the validation period; "
            f"got {horizon}"
        )
    scale = Scale(values[:first_valid].mean().item(), values[:first_valid].std().item())
    scaled = scale.apply(values)
    bounds = [(context, first_valid), (first_valid, first_test), (first_test, len(values))]
    parts = []
    for begin, end in bounds:
        moments = range(begin, end - horizon + 1)
        x = torch.stack([scaled[m - context : m] for m in moments])
        y = torch.stack([scaled[m : m + horizon] for m in moments])
        parts.append(TensorDataset(x.unsqueeze(-1), y))  # (N, context, 1), (N, horizon)
    return Splits(*parts), scale


def _rows(name: str) -> list[list[str]]:
    return [line.split(",") for line in read(name).splitlines()[1:]]


def _series(times: list[float], values: list[float]) -> Series:
    return Series(torch.tensor(times, dtype=torch.float64), torch.tensor(values, dtype=torch.float32))

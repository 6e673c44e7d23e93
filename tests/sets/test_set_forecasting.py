"""Exercise set 20: the true answers against the course's windows and against counting; honest ways."""

import pytest
import torch
from honest import ways

from rnncourse.checks import forecasting
from rnncourse.data import windows

ORACLES = ways("""
make_windows: torch's unfold
    both = values.unfold(0, context + horizon, 1)
    return both[:, :context], both[:, context:]
scale_series: numpy
    known = values.numpy()[:end]
    mean, std = known.mean(), known.std(ddof=1)
    return torch.from_numpy((values.numpy() - mean) / std), float(mean), float(std)
baselines: step by step
    B, K = x.shape
    last, seasonal = torch.empty(B, horizon, dtype=x.dtype), torch.empty(B, horizon, dtype=x.dtype)
    for b in range(B):
        known = x[b].tolist()
        for m in range(horizon):
            last[b, m] = x[b, K - 1]
            known.append(known[K + m - season])  # a season before it: a known value, or its repetition
            seasonal[b, m] = known[-1]
    return last, seasonal
recursive: one row at a time, from the weights
    rows = []
    for known in x:
        known = known.clone()
        for _ in range(horizon):
            known = torch.cat([known, known[-x.shape[1] :] @ model.weight[0] + model.bias])
        rows.append(known[x.shape[1] :])
    return torch.stack(rows)
report: counted
    pairs = list(zip(forecast[:, 0].tolist(), y.tolist(), last.tolist(), strict=True))
    of_net = sum(abs(f - t) for f, t, _ in pairs) / len(pairs)
    of_last = sum(abs(v - t) for _, t, v in pairs) / len(pairs)
    return of_net * std, (of_last - of_net) / of_last
""")


def test_the_windows_and_the_scale_are_those_of_the_course():
    values = torch.arange(30.0).square()
    parts, scale = windows(values, context=5, horizon=3)
    scaled, mean, std = forecasting.scale_series.truth(values, 21)
    assert (mean.item(), std.item()) == pytest.approx(scale)
    x, y = forecasting.make_windows.truth(scaled[:21], 5, 3)  # the training period: 70 % of 30
    theirs_x, theirs_y = parts.train.tensors
    torch.testing.assert_close(x, theirs_x[..., 0])
    torch.testing.assert_close(y, theirs_y)


def test_no_window_reads_its_target():
    for seed in range(3):
        for case in forecasting.make_windows.cases(seed):
            values = torch.arange(len(case.arguments["values"]))
            x, y = forecasting.make_windows.truth(**{**case.arguments, "values": values})
            assert (x.max(dim=1).values < y.min(dim=1).values).all()


def test_a_broadcast_is_told_as_one():
    def broadcast(forecast, y, last, std):
        wrong_by = (forecast - y).abs().mean()
        return wrong_by * std, 1 - wrong_by / (last - y).abs().mean()

    assert "(B, 1) minus (B,)" in str(forecasting.report.verdict(broadcast))


HONEST = ways("""
make_windows: empty
    n = len(values) - context - horizon + 1
    x, y = torch.empty(n, context, dtype=values.dtype), torch.empty(n, horizon, dtype=values.dtype)
    for i in range(n):
        x[i] = values[i : i + context]
        y[i] = values[i + context : i + context + horizon]
    return x, y
make_windows: indexed
    n = len(values) - context - horizon + 1
    i = torch.arange(n)[:, None]
    return values[i + torch.arange(context)], values[i + context + torch.arange(horizon)]
make_windows: unfolded
    both = values.unfold(0, context + horizon, 1)
    return both[:, :context], both[:, context:]
scale_series: item
    std, mean = torch.std_mean(values[:end])
    return (values - mean) / std, mean.item(), std.item()
scale_series: by hand
    mean = sum(values[:end]) / end
    std = (sum((v - mean) ** 2 for v in values[:end]) / (end - 1)) ** 0.5
    return torch.stack([(v - mean) / std for v in values]), mean, std
baselines: repeated
    last = x[:, -1:].repeat(1, horizon)
    seasonal = x[:, -season:].repeat(1, horizon // season + 1)[:, :horizon]
    return last, seasonal
baselines: stacked
    K = x.shape[1]
    last = torch.stack([x[:, -1]] * horizon, dim=1)
    return last, torch.stack([x[:, K - season + m % season] for m in range(horizon)], dim=1)
recursive: growing
    K = x.shape[1]
    for _ in range(horizon):
        x = torch.cat([x, model(x[:, -K:])], dim=1)
    return x[:, K:]
recursive: rolled
    window, out = x.clone(), torch.empty(len(x), horizon, dtype=x.dtype)
    for m in range(horizon):
        out[:, m] = model(window)[:, 0]
        window = window.roll(-1, dims=1)
        window[:, -1] = out[:, m]
    return out
recursive: no grad
    forecasts = []
    with torch.no_grad():
        for _ in range(horizon):
            forecasts.append(model(x)[:, 0])
            x = torch.cat([x[:, 1:], forecasts[-1][:, None]], dim=1)
    return torch.stack(forecasts, dim=1)
report: unsqueezed
    net = (forecast - y.unsqueeze(1)).abs().mean()
    naive = (last - y).abs().mean()
    return (net * std).item(), (1 - net / naive).item()
report: undone first
    net = (std * forecast[:, 0] - std * y).abs()
    return net.mean(), 1 - net.sum() / (std * last - std * y).abs().sum()
stories: as asked
    return {"P": "nothing to learn", "Q": "broadcast", "R": "honest", "S": "target in window", "T": "leak"}
stories: spelt freely
    return {"P": "Nothing to learn", "Q": "BROADCAST", "R": "honest ", "S": "target_in_window", "T": "leak"}
""")

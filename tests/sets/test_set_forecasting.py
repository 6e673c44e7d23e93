"""Exercise set 20: the true answers against the course's windows and against counting; honest ways."""

from dataclasses import replace
from unittest.mock import patch

import pytest
import torch
from honest import ways

from rnncourse.checks import forecasting
from rnncourse.checks.framework.answers import AnswerKey
from rnncourse.checks.framework.judge import judge
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
train_and_forecast: one step at a time, the update by hand
    known = values[:end]
    mean, std = known.sum() / end, known.var().sqrt()
    parameters = [*gru.parameters(), *head.parameters()]
    names = [name.removesuffix("_l0") for name, _ in gru.named_parameters()]
    cell = nn.GRUCell(1, gru.hidden_size, dtype=values.dtype)

    def forecast(first, after):
        h = values.new_zeros(after - first, gru.hidden_size)
        for back in range(context, 0, -1):
            x_t = (values[first - back : after - back, None] - mean) / std
            h = torch.func.functional_call(cell, dict(zip(names, gru.parameters(), strict=True)), (x_t, h))
        return mean + std * (h @ head.weight[0] + head.bias)

    averages = [(torch.zeros_like(p), torch.zeros_like(p)) for p in parameters]
    for k in range(1, updates + 1):
        errors = (forecast(context, end) - values[context:end]) / std
        gradients = torch.autograd.grad(errors.square().mean(), parameters)
        for p, g, (m, v) in zip(parameters, gradients, averages, strict=True):
            m.mul_(0.9).add_(0.1 * g)
            v.mul_(0.999).add_(0.001 * g * g)
            p.data -= lr * (m / (1 - 0.9**k)) / ((v / (1 - 0.999**k)).sqrt() + 1e-8)
    return forecast(end, len(values))
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


def test_the_last_value_and_the_season_do_not_reach_the_threshold_of_the_net():
    """The two errors are those that the check and the exercise name."""
    *_, score = forecasting.train_and_forecast.parts
    for case in forecasting.train_and_forecast.cases(0):
        values, end = case.arguments["values"], case.arguments["end"]
        for back, error in ((1, 25.4), (11, 27.9)):
            found = score.measure(values[end - back : -back], values[end:])
            assert found == pytest.approx(error, abs=0.05)
            assert found > score.at_most + 5


@pytest.mark.parametrize("name", ["scale of all values", "trained on all windows", "still scaled"])
def test_a_mistake_of_a_net_that_is_trained_to_the_end_is_named(name):
    """The bank's mistakes train for two updates only; a learner's trains for all of them."""
    check = forecasting.train_and_forecast
    (mistake,) = [mistake for mistake in check.mistakes if mistake.name == name]
    cases = check.cases(0)
    with patch.dict(mistake.function.__globals__, FEW=10**9):
        answers = [replace(answer, calls=None) for answer in check.evaluate(mistake.function, cases)]
    verdict = judge(AnswerKey(check, cases), answers)
    assert verdict.mistake == name, str(verdict)
    reached = "forecast is right in every case" in str(verdict)  # a leak makes the error no larger
    assert reached == (name != "still scaled"), str(verdict)


@pytest.mark.parametrize(("most", "said"), [(2, "the same as your early forecast"), (5, "at most 20")])
def test_a_net_that_stops_early_is_told_so(most, said):
    """A few right updates and no more: the weights are right, and the error is not."""
    honest = HONEST["train_and_forecast"][0]

    def few_updates(values, end, context, gru, head, lr, updates):
        return honest(values, end, context, gru, head, lr, min(most, updates))

    verdict = forecasting.train_and_forecast.verdict(few_updates)
    assert (verdict.state, verdict.points) == ("wrong", 2), str(verdict)
    assert said in str(verdict)


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
train_and_forecast: a module
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru, self.head = gru, head

        def forward(self, x):
            _, h_n = self.gru(x)
            return self.head(h_n[-1])[:, 0]

    known = values[:end]
    scaled = (values - known.mean()) / known.std()
    both = scaled.unfold(0, context + 1, 1)
    x, y = both[:, :-1, None], both[:, -1]
    n, net = end - context, Net()
    optimizer = torch.optim.Adam(net.parameters(), lr)
    net.train()
    for _ in range(updates):
        optimizer.zero_grad()
        nn.MSELoss()(net(x[:n]), y[:n]).backward()
        optimizer.step()
    net.eval()
    return net(x[n:]) * known.std() + known.mean()
train_and_forecast: a loader, and the test window by window
    torch.manual_seed(7)
    mean, std = values[:end].mean().item(), values[:end].std().item()
    scaled = (values - mean) / std
    rows = [scaled[m - context : m + 1] for m in range(context, end)]
    x, y = torch.stack(rows).split([context, 1], dim=1)
    data = torch.utils.data.TensorDataset(x.unsqueeze(2), y)
    loader = torch.utils.data.DataLoader(data, batch_size=len(x), shuffle=True)
    optimizer = torch.optim.Adam([{"params": head.parameters()}, {"params": gru.parameters()}], lr=lr)
    for _ in range(updates):
        for x_batch, y_batch in loader:
            loss = (head(gru(x_batch)[0][:, -1]) - y_batch).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    forecast = []
    with torch.no_grad():
        for m in range(end, len(values)):
            output, _ = gru(scaled[m - context : m, None])
            forecast.append(head(output[-1]).item() * std + mean)
    return forecast
stories: as asked
    return {"P": "nothing to learn", "Q": "broadcast", "R": "honest", "S": "target in window", "T": "leak"}
stories: spelt freely
    return {"P": "Nothing to learn", "Q": "BROADCAST", "R": "honest ", "S": "target_in_window", "T": "leak"}
""")

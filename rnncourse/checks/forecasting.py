"""The checks of exercise set 20: windows, a scale without a leak, baselines, many steps, honest reports."""

from dataclasses import replace

import torch
import torch.nn.functional as F

from rnncourse.checks.framework.authoring import (
    ExerciseSet,
    Mistakes,
    Part,
    Score,
    TorchModule,
    Trait,
    cases,
    random_head,
    random_module,
    rows,
)
from rnncourse.checks.uses.forecasting import FEW, train_twice
from rnncourse.data.series import sunspots

CHECKS = ExerciseSet("20", "Forecasting")


# ---- Task 1, make_windows: what is known before each moment, and what follows.
def _make_windows(values, context, horizon):
    moments = range(context, len(values) - horizon + 1)
    x = torch.stack([values[m - context : m] for m in moments])
    y = torch.stack([values[m : m + horizon] for m in moments])
    return x, y


@cases(1.0, "N12 K4 M3 n6; N15 K5 M2 n9; N9 K3 M4 n3; N10 K6 M1 n4")
def _make_windows_cases(numbers, N, K, M, n):
    return {"values": numbers(N), "context": K, "horizon": M}


wrong = Mistakes("Windows", _make_windows).edits("""
target in the window | the last value of each window is the first value of its target: the future is in the
    window.
    m - context : m] => m - context + 1 : m + 1]
    look: Cut torch.arange(8), and read the last row.
known value in the target | each target begins with the last value of its window, which is known.
    m : m + horizon] => m - 1 : m + horizon - 1]
a gap | a value is missing between each window and its target.
    - horizon + 1) => - horizon)
    m : m + horizon] => m + 1 : m + 1 + horizon]
the last window missing | there is one window too few: the last value of the series is in no target.
    - horizon + 1) => - horizon)
the first window missing | there is one window too few: the first value of the series is in no window.
    range(context, => range(context + 1,
no overlap | the windows do not overlap: each should begin one step after the previous one.
    horizon + 1) => horizon + 1, context)
targets without overlap | the targets do not overlap: each should begin one step after the previous one.
    horizon + 1) => horizon + 1, horizon)
one step only | each target has one value. Take `horizon` values. | m : m + horizon] => m : m + 1]
the last step only | each target is only the value `horizon` steps ahead. Take the values before it, too.
    m : m + horizon] => m + horizon - 1 : m + horizon]
the window moved on | each target is the window, moved by `horizon` steps: most of it is known.
    m : m + horizon] => m + horizon - context : m + horizon]
time backwards | the windows run from the newest value to the oldest.
    m - context : m] for => m - context : m].flip(0) for
x and y exchanged | x and y are exchanged. | return x, y => return y, x
windows in columns | the windows are columns. Each should be a row. | return x, y => return x.T, y.T
the latest window first | the windows run from the latest moment to the earliest.
    return x, y => return x.flip(0), y.flip(0)
""")

make_windows = CHECKS.task(
    "make_windows",
    wrong,
    returns="x (n K), y (n M)",
    points="x 1; y 1",
    cases=_make_windows_cases,
    example={"values": torch.arange(8.0), "context": 4, "horizon": 2},
    agree="windows that end before their target",
)


# ---- Task 2, scale_series: by what was known when training ended.
def _scale_series(values, end):
    known = values[:end]
    mean, std = known.mean(), known.std()
    return (values - mean) / std, mean, std


@cases(1.0, "N12 E7; N15 E10; N9 E5; N11 E8")
def _scale_series_cases(numbers, N, E):
    return {"values": 5 + (1 + numbers(N)).cumsum(0), "end": E}  # it rises, so that a leak shows


wrong = Mistakes("Scaling without leakage", _scale_series).edits("""
all values | mean and deviation are those of the whole series: they know the future. | values[:end] => values
mean of all values | the mean is that of the whole series: it knows the future.
    known.mean() => values.mean()
deviation of all values | the deviation is that of the whole series: it knows the future.
    known.std() => values.std()
the later part | mean and deviation are those of the values from `end` on. Those are not known.
    values[:end] => values[end:]
one value too many | mean and deviation know one value too many, the one at `end`. | [:end] => [: end + 1]
one value too few | the last known value is left out of mean and deviation. | [:end] => [: end - 1]
each part by its own | the later part is scaled by its own mean and deviation, which are not known when it
    begins.
    (values - mean) / std => torch.cat([(p - p.mean()) / p.std() for p in (known, values[end:])])
known part only | you scale only the known part. The later one is scaled, too, by the same two numbers.
    (values - mean) / std => (known - mean) / std
variance | you divide by the variance. Its square root is the deviation. | known.std() => known.var()
divided by n | the deviation divides by the number of values; torch's `std()` divides by one less.
    known.std() => known.std(unbiased=False)
not centred | the mean is not subtracted. | (values - mean) / std => values / std
not divided | the deviation is not used. | (values - mean) / std => values - mean
multiplied | you multiply by the deviation. | / std => * std
to between 0 and 1 | this is a scale from the smallest to the largest value. Use mean and deviation.
    known.mean(), known.std() => known.min(), known.max() - known.min()
about 0 | the deviation is measured from 0, not from the mean. | known.std() => known.square().mean().sqrt()
median | this is the median, not the mean. | known.mean() => known.median()
""")

scale_series = CHECKS.task(
    "scale_series",
    wrong,
    returns="scaled (N), mean (), std ()",
    points="the scaled values 1 = scaled; mean and deviation 1 = mean, std",
    cases=_scale_series_cases,
    example={"values": torch.tensor([1.0, 2.0, 3.0, 8.0, 9.0]), "end": 3},
    agree="a scale that knows no future",
)


# ---- Task 3, baselines: what every forecast has to beat.
SHORT = Trait("the horizon fits into a season", "what you do beyond a season")
LONG = Trait("the horizon is longer than a season", "what you do within a season")


def _baselines(x, horizon, season):
    last = x[:, -1:].expand(-1, horizon)
    steps = torch.arange(horizon) % season - season
    seasonal = x[:, steps]
    return last, seasonal


@cases(1.0, "B3 K9 M4 S6; B2 K7 M5 S3; B5 K8 M7 S4; B4 K6 M2 S5")
def _baselines_cases(numbers, B, K, M, S):
    return {"x": numbers(B, K), "horizon": M, "season": S}, LONG if M > S else SHORT


wrong = Mistakes("Baselines", _baselines).edits("""
from the beginning of the window | beyond a season you read the beginning of the window: an index has passed
    0. Begin the season again.
    torch.arange(horizon) % season => torch.arange(horizon)
the last season's end | beyond a season you repeat its last value. Begin the season again.
    torch.arange(horizon) % season => torch.arange(horizon).clamp(max=season - 1)
a step too far back | the season is one step too long. | season - season => season - season - 1
a step too late | the season is one step too short. | season - season => season - season + 1
one value for all steps | the value of one season ago is used for all steps. Each step has its own.
    x[:, steps] => x[:, [-season]].expand(-1, horizon)
the first season | the season is taken from the beginning of the window. Take the latest one.
    season - season => season
season backwards | the season runs backwards. | x[:, steps] => x[:, steps.flip(0)]
the oldest value | `last` is the oldest value of the window. | x[:, -1:] => x[:, :1]
the mean | `last` is the mean of the window. | x[:, -1:] => x.mean(dim=1, keepdim=True)
the last change goes on | `last` continues the last change. Repeat the last value.
    x[:, -1:].expand(-1, horizon) => x[:, -1:] + (x[:, -1:] - x[:, -2:-1]) * torch.arange(1, horizon + 1)
the latest values | `last` is the latest values in their order. Repeat the very last one.
    x[:, -1:].expand(-1, horizon) => x[:, torch.arange(horizon).clamp(max=x.shape[1] - 1) - horizon]
one step | `last` has one step. Repeat it for all steps. | x[:, -1:].expand(-1, horizon) => x[:, -1:]
exchanged | the two are exchanged. | return last, seasonal => return seasonal, last
""")

baselines = CHECKS.task(
    "baselines",
    wrong,
    returns="last (B M), seasonal (B M)",
    points="""
        the last value 1 = last
        the season 1 = seasonal where the horizon fits into a season
        beyond a season, too 1 = seasonal where the horizon is longer than a season
    """,
    cases=_baselines_cases,
    example={"x": rows([1, 2, 3, 4, 5]), "horizon": 4, "season": 3},
    agree="the two baselines",
)


# ---- Task 4, recursive: a model of one step, fed with its own forecasts.
def _recursive(model, x, horizon):
    forecasts = []
    for _ in range(horizon):
        following = model(x)
        forecasts.append(following)
        x = torch.cat([x[:, 1:], following], dim=1)
    return torch.cat(forecasts, dim=1)


@cases(0.8, "B3 K5 M4; B2 K4 M7; B5 K6 M3; B4 K3 M2")
def _recursive_cases(numbers, B, K, M):
    return {"model": random_head(numbers, K, 1), "x": numbers(B, K), "horizon": M}


wrong = Mistakes("Many steps", _recursive).edits("""
the window stays | every step gets the same window, so every forecast is that of the first step.
    torch.cat([x[:, 1:], following], dim=1) => x
the newest value dropped | the newest known value leaves the window. The oldest one has to leave.
    x[:, 1:], following => x[:, :-1], following
the forecast in front | the forecast enters at the beginning of the window, where the oldest value is.
    x[:, 1:], following => following, x[:, :-1]
the forecast for the oldest | the forecast replaces the oldest value, at the beginning. It belongs at the end.
    x[:, 1:], following => following, x[:, 1:]
the last value again | the last known value enters the window again, not the forecast.
    x[:, 1:], following => x[:, 1:], x[:, -1:]
rotated | the oldest value comes back as the newest one. The forecast should enter there.
    torch.cat([x[:, 1:], following], dim=1) => x.roll(-1, 1)
zeros enter | a zero enters the window, not the forecast.
    x[:, 1:], following => x[:, 1:], torch.zeros_like(following)
the first forecast again | from the second step on, the first forecast enters the window again and again.
    x[:, 1:], following => x[:, 1:], forecasts[0]
one step too few | the last step is missing. | range(horizon) => range(horizon - 1)
one step too many | there is one step too many. | range(horizon) => range(horizon + 1)
the last step only | this is the last step's forecast. Return all of them.
    torch.cat(forecasts, dim=1) => following
in reverse | the steps are in reverse order.
    torch.cat(forecasts, dim=1) => torch.cat(forecasts[::-1], dim=1)
steps below each other | the steps are below each other along the batch. Put them side by side.
    torch.cat(forecasts, dim=1) => torch.cat(forecasts, dim=0)
an axis too many | there is an axis too many: each forecast is (B, 1) already.
    torch.cat(forecasts, dim=1) => torch.stack(forecasts, dim=1)
a change added | you add each forecast to the last value. This model forecasts the value itself.
    following = model(x) => following = x[:, -1:] + model(x)
""")

recursive = CHECKS.task(
    "recursive",
    wrong,
    returns="forecasts (B M)",
    points="forecasts 2",
    cases=_recursive_cases,
    example={
        "model": TorchModule(
            "Linear",
            {"in_features": 3, "out_features": 1},
            {"weight": rows([0, 1, 1]), "bias": torch.tensor([0.0])},
        ),
        "x": rows([0, 1, 1]),
        "horizon": 4,
    },
    agree="forecasts that are fed back",
)


# ---- Task 5, report: an error in the unit of the series, and the skill.
def _report(forecast, y, last, std):
    wrong_by = (forecast.squeeze(1) - y).abs().mean()
    return wrong_by * std, 1 - wrong_by / (last - y).abs().mean()


@cases(1.0, "B6 std=3.0; B4 std=0.5; B9 std=20.0")
def _report_cases(numbers, B, std):
    y = numbers(B)
    return {"forecast": (y + 0.4 * numbers(B))[:, None], "y": y, "last": y + numbers(B), "std": std}


wrong = Mistakes("Two bugs of the forums", _report).edits("""
every forecast with every target | each forecast is compared with the target of each row: (B, 1) minus (B,) is
    (B, B).
    forecast.squeeze(1) - y => forecast - y
still scaled | the error is in scaled numbers. Report it in the unit of the series. § Scaling without leakage
    wrong_by * std => wrong_by
divided by the deviation | you divide by the deviation. Undo the scale. § Scaling without leakage
    wrong_by * std => wrong_by / std
squared | this is the mean of the squares. Take the absolute errors.
    (forecast.squeeze(1) - y).abs() => (forecast.squeeze(1) - y).square()
root of the mean square | this is the root of the mean square. Take the absolute errors.
    (forecast.squeeze(1) - y).abs().mean() => (forecast.squeeze(1) - y).square().mean().sqrt()
signs cancel | errors of both signs cancel. Take their absolute values first.
    (forecast.squeeze(1) - y).abs().mean() => (forecast.squeeze(1) - y).mean()
summed | the errors are added up. Take their mean.
    (forecast.squeeze(1) - y).abs().mean() => (forecast.squeeze(1) - y).abs().sum()
the ratio | this is the ratio of the errors. The skill is what is missing from it to 1.
    1 - wrong_by / (last - y).abs().mean() => wrong_by / (last - y).abs().mean()
upside down | the ratio in the skill is upside down.
    1 - wrong_by / (last - y).abs().mean() => 1 - (last - y).abs().mean() / wrong_by
against the mean | the skill compares with the mean of the targets, which nobody knew. Compare with the last
    value.
    (last - y) => (y.mean() - y)
against each other | the skill divides by how far the forecast is from the last value, not by the last value's
    error.
    (last - y) => (last - forecast.squeeze(1))
the last value's error | the error is that of the last value.
    wrong_by * std => (last - y).abs().mean() * std
in percent | the skill is in percent. A perfect forecast has a skill of 1.
    1 - wrong_by / (last - y).abs().mean() => 100 * (1 - wrong_by / (last - y).abs().mean())
the median | this is the median of the errors.
    (forecast.squeeze(1) - y).abs().mean() => (forecast.squeeze(1) - y).abs().median()
two scales in one ratio | in the skill, one error is scaled and the other is not.
    1 - wrong_by / => 1 - wrong_by * std /
exchanged | error and skill are exchanged.
    - return wrong_by * std, 1 - wrong_by / (last - y).abs().mean()
    + return 1 - wrong_by / (last - y).abs().mean(), wrong_by * std
""")

report = CHECKS.task(
    "report",
    wrong,
    returns="error (), skill ()",
    points="error 1; skill 1",
    cases=_report_cases,
    example={
        "forecast": rows([1], [3]),
        "y": torch.tensor([1.0, 2.0]),
        "last": torch.tensor([0.0, 1.0]),
        "std": 10.0,
    },
    agree="error and skill",
)


# ---- Task 6, stories: five forecasts that their authors were happy with.
WORDS = "broadcast", "target in window", "nothing to learn", "leak", "honest"

TRUTH = {"P": "nothing to learn", "Q": "broadcast", "R": "honest", "S": "target in window", "T": "leak"}

wrong = Mistakes("Two bugs of the forums", TRUTH).edits("""
# These hints are never shown: they only say what the tests try.
P is praised | The correlation is high. | P => 'honest'
P leaks | Nothing leaks in P. | P => 'leak'
P has its target | Then the error would be 0. | P => 'target in window'
Q has nothing to learn | Ridge learns. | Q => 'nothing to learn'
Q is praised | It is flat. | Q => 'honest'
R leaks | It is split by time. | R => 'leak'
R has nothing to learn | It has skill. | R => 'nothing to learn'
S is praised | It is too good. | S => 'honest'
S has nothing to learn | The error is 0. | S => 'nothing to learn'
T is praised | The maximum is that of all values. | T => 'honest'
T has its target | Its error is not 0. | T => 'target in window'
P and S exchanged | Both repeat a value. | P => 'target in window'
    S => 'nothing to learn'
""")

stories = CHECKS.chosen(
    "stories",
    wrong,
    choices=WORDS,
    points="all five stories 3",
    forbid=frozenset(),
)


# ---- Task 7, train_and_forecast: a net of one's own, better than the baselines.
def _train_and_forecast(values, end, context, gru, head, lr, updates):
    if updates > FEW:  # then only the error is judged, and this has none: no mistake is trained for long
        return values[end:]
    mean, std = values[:end].mean(), values[:end].std()
    scaled = (values - mean) / std
    x = torch.stack([scaled[m - context : m] for m in range(context, len(values))]).unsqueeze(-1)
    y = scaled[context:].unsqueeze(-1)
    n = end - context
    optimizer = torch.optim.Adam([*gru.parameters(), *head.parameters()], lr=lr)
    for _ in range(updates):
        output, _ = gru(x[:n])
        loss = F.mse_loss(head(output[:, -1]), y[:n])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        output, _ = gru(x[n:])
        forecasts = head(output[:, -1]).squeeze(1)
    return mean + std * forecasts


@cases(0.25, "N269 K10 H8; N289 K11 H12; N309 K12 H10")  # the smallest first: it rules out most mistakes
def _train_and_forecast_cases(numbers, N, K, H):
    values = sunspots().values[-N:].double()
    gru = random_module("GRU", numbers, input_size=1, hidden_size=H, batch_first=True)
    head = random_head(numbers, H, 1)
    return {
        "values": values,
        "end": N - 62,  # the test period of the lesson, 1947 to 2008
        "context": K,
        "gru": replace(gru, trains=True),
        "head": replace(head, trains=True),
        "lr": 0.03,
        "updates": 80,
    }


class _Trained(Score):
    """A forecast after many updates. Rounding grows in it: mistakes are recognised by the other results."""

    def same(self, a, b):
        return True


def _absolute_error(found, expected):
    return (found.double() - expected).abs().mean().item()


wrong = Mistakes("A GRU", _train_and_forecast).edits("""
every forecast with every target | the loss compares each forecast with the target of each window: (B, 1)
    against (B,) is (B, B). The net learns the mean.
    y[:n]) => y[:n, 0])
    § (B,) against (B, 1)
scale of all values | mean and deviation are those of the whole series: they know the future.
    values[:end].mean(), values[:end].std() => values.mean(), values.std()
    § Scaling without leakage
scale of each part | the later part is scaled by its own mean and deviation, which are not known when it
    begins.
    (values - mean) / std => torch.cat([(p - p.mean()) / p.std() for p in (values[:end], values[end:])])
    § Scaling without leakage
divided by n | the deviation divides by the number of values; torch's `std()` divides by one less.
    values[:end].std() => values[:end].std(unbiased=False)
    § Scaling without leakage
not scaled | the net reads the values in their own unit: they are far too large for it.
    values[:end].mean(), values[:end].std() => 0.0, 1.0
    § Scaling without leakage
still scaled | the forecasts are in scaled numbers. Return them in the unit of the series.
    mean + std * forecasts => forecasts
    § Scaling without leakage
the mean not added | the forecasts are multiplied by the deviation, but the mean is missing.
    mean + std * forecasts => std * forecasts
    § Scaling without leakage
scaled twice | the forecasts are scaled once more. Undo the scale.
    mean + std * forecasts => (forecasts - mean) / std
    § Scaling without leakage
target in the window | the last value of each window is its target: the future is in the window.
    m - context : m] => m - context + 1 : m + 1]
    § A forecast that repeats the last value
known value as the target | the target of each window is its own last value: the net learns to repeat it.
    scaled[context:] => scaled[context - 1 : -1]
    § A forecast that repeats the last value
the last value repeated | the forecasts are the last value of each window. Where is the net that you trained?
    head(output[:, -1]).squeeze(1) => x[n:, -1, 0]
    § A forecast that repeats the last value
a step late | each forecast stands a step too late: its window ends two values before it.
    gru(x[n:]) => gru(x[n - 1 : -1])
    § A forecast that repeats the last value
trained on all windows | the net is trained on the windows that it forecasts. Train on those whose target is
    before `end`.
    gru(x[:n]) => gru(x)
    y[:n]) => y)
    § Split by time
shuffled before the split | the windows are shuffled before they are split: the test windows lie between
    training windows that hold their targets.
    - n = end - context
    + n, order = end - context, torch.randperm(len(x))
    + x, y = x[order], y[order]
    § Split by time
one training window too many | the last training window has the value at `end` as its target.
    n = end - context => n = end - context + 1
    § Split by time
one training window too few | the value at `end - 1` is the target of no training window.
    n = end - context => n = end - context - 1
    § Split by time
the training period forecast | you forecast the training period, which the net has seen. Forecast the values
    from `end` on.
    gru(x[n:]) => gru(x[:n])
    § Split by time
all windows forecast | you forecast all windows, those of the training period included.
    gru(x[n:]) => gru(x)
    § Split by time
windows that begin at the end | the first forecasts are missing: your windows begin at `end`. May a
    forecaster know the values before it?
    gru(x[n:]) => gru(x[n + context :])
    § Split by time
fed with its own forecasts | from the second forecast on, the window holds forecasts. The known values belong
    there: this is one step ahead.
    - output, _ = gru(x[n:])
    - forecasts = head(output[:, -1]).squeeze(1)
    + known = x[n : n + 1]
    + for _ in range(len(values) - end):
    +     known = torch.cat([known, head(gru(known[:, -context:])[0][:, -1:])], dim=1)
    + forecasts = known[0, context:, 0]
    § Many steps
an axis too many | the forecasts are (n, 1). Return one number for each value, (n).
    .squeeze(1) =>
    § (B,) against (B, 1)
zero_grad left out | the gradients are never reset: each backward pass adds to those of the previous updates.
    optimizer.zero_grad() =>
no update | no weight moves: the step is missing, or the gradients are reset before it.
    optimizer.step() =>
too few updates | you make fewer updates than `updates`. How far is what follows the loop indented?
    in range(updates) => in range(updates - 1)
too many updates | you make more updates than `updates`. | in range(updates) => in range(updates + 1)
a new optimizer each time | you build a new optimizer for each update. Adam then forgets its averages.
    - optimizer = torch.optim.Adam([*gru.parameters(), *head.parameters()], lr=lr)
    - for _ in range(updates):
    + for _ in range(updates):
    +     optimizer = torch.optim.Adam([*gru.parameters(), *head.parameters()], lr=lr)
the GRU does not learn | only the head learns: the optimizer does not have the GRU's parameters, or its
    output is detached.
    [*gru.parameters(), *head.parameters()] => head.parameters()
the head does not learn | only the GRU learns: the optimizer does not have the head's parameters.
    [*gru.parameters(), *head.parameters()] => gru.parameters()
learning rate left out | the optimizer has its own learning rate, 0.001: that is too slow here. | , lr=lr =>
learning rate ten times too high | the learning rate is ten times `lr`. | lr=lr => lr=10 * lr
SGD | this is plain gradient descent. The task asks for Adam. | optim.Adam => optim.SGD
AdamW | this is AdamW, which also makes all weights smaller. The task asks for Adam.
    optim.Adam => optim.AdamW
absolute errors | the loss is the mean absolute error. Train with the mean square. | F.mse_loss => F.l1_loss
summed | the loss is a sum over the windows. Take their mean. | y[:n]) => y[:n], reduction="sum")
the first step | the forecast is made from the output of the first step, which has read one value.
    head(output[:, -1]), y => head(output[:, 0]), y
    head(output[:, -1]).squeeze => head(output[:, 0]).squeeze
the mean of all steps | the forecast is made from the mean of all outputs. Which one has read the whole
    window?
    head(output[:, -1]), y => head(output.mean(1)), y
    head(output[:, -1]).squeeze => head(output.mean(1)).squeeze
a loss at every step | every step is trained on the window's target. Only the last one has read the window.
    head(output[:, -1]), y[:n]) => head(output), y[:n, None].expand(-1, context, -1))
the batch read as time | the GRU reads the windows one after the other as if they were time steps: it was
    built with batch_first=True.
    gru(x[:n]) => gru(x[:n].transpose(0, 1))
    head(output[:, -1]), y => head(output[-1]), y
    gru(x[n:]) => gru(x[n:].transpose(0, 1))
    head(output[:, -1]).squeeze => head(output[-1]).squeeze
state carried | the state of one update is carried into the next one. Each window begins from zeros.
    - for _ in range(updates):
    -     output, _ = gru(x[:n])
    + state = None
    + for _ in range(updates):
    +     output, state = gru(x[:n], state)
    +     state = state.detach()
""")

train_and_forecast = CHECKS.task(
    "train_and_forecast",
    wrong,
    returns=(
        Part("weights", "P"),
        Part("early forecast", "n"),
        _Trained(
            "forecast",
            "n",
            measure=_absolute_error,
            words="mean absolute error",
            at_most=20,
            baseline="the last value: 25.4, the value 11 years before: 27.9",
        ),
    ),
    points="""
        the weights after two updates 1 = weights
        the forecast after two updates 1 = early forecast
        better than the baselines 2 = forecast
    """,
    cases=_train_and_forecast_cases,
    use=train_twice,
    forbid=frozenset(),
    agree="a forecaster that knows no future",
    seconds=20,
)

__all__ = ["CHECKS", *(check.name for check in CHECKS)]

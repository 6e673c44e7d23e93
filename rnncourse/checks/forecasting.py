"""The checks of exercise set 20: windows, a scale without a leak, baselines, many steps, an honest report."""

import torch

from rnncourse.checks.framework.authoring import (
    ExerciseSet,
    Mistakes,
    TorchModule,
    Trait,
    cases,
    random_head,
    rows,
)

CHECKS = ExerciseSet("20")


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

__all__ = ["CHECKS", *(check.name for check in CHECKS)]

"""Measure what tracing costs: a training step of torch.nn.LSTM alone, with other tools, and traced.

    python benchmarks/tracing.py [--threads 1] [--rounds 5] [--small]

The step is forward, loss and backward. The plain hook saves what a model's own hook can see of the module:
its outputs and their gradients; so does torchlens, if it is installed. To show gates, torchlens needs the
layer as a loop of single operations: the second table has one layer in one direction, written that way.
Seconds are the median of rounds in which all ways take turns. Memory is how much the peak of the process grew
during one step; each way runs in a process of its own.
"""

import argparse
import importlib
import importlib.util
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from rnncourse import steps, trace

Step = Callable[[nn.Module, Tensor], object]  # one training step; what was saved is returned


class Loop(nn.Module):
    """The layer of an nn.LSTM, one layer in one direction, as a loop of single operations."""

    def __init__(self, lstm: nn.LSTM) -> None:
        super().__init__()
        self.lstm = lstm

    def forward(self, x: Tensor) -> tuple[Tensor]:
        h = c = x.new_zeros(x.shape[1], self.lstm.hidden_size)
        weights, outputs = self.lstm.all_weights[0], []
        for x_t in x:
            h, c = steps.lstm_step(x_t, (h, c), *weights)
            outputs.append(h)
        return (torch.stack(outputs),)


def as_it_is(model: nn.Module, x: Tensor) -> None:
    model.zero_grad()
    model(x)[0].square().mean().backward()


def with_plain_hook(model: nn.Module, x: Tensor) -> list[Tensor]:
    """Save the outputs of the model and their gradients."""
    saved: list[Tensor] = []

    def save(module: nn.Module, args: object, result: tuple[Tensor, object]) -> None:
        saved.append(result[0].detach().clone())
        result[0].register_hook(lambda gradient: saved.append(gradient.clone()))

    handle = model.register_forward_hook(save)
    as_it_is(model, x)
    handle.remove()
    return saved


def with_torchlens(model: nn.Module, x: Tensor) -> object:
    import torchlens

    model.zero_grad()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        log = torchlens.trace(model, x)
        log.backward(log["output_1"].out.square().mean())
    return log


def traced(model: nn.Module, x: Tensor) -> object:
    with trace(model) as t:
        as_it_is(model, x)
    return t


def traced_h_alone(model: nn.Module, x: Tensor) -> object:
    with trace(model, names=["h"]) as t:
        as_it_is(model, x)
    return t


# By table: the layer, its input, the factor by which --small shrinks both, and the ways.
WAYS: dict[str, Step] = {
    "as it is": as_it_is,
    "plain hook, outputs alone": with_plain_hook,
    "torchlens, outputs alone": with_torchlens,
    'trace(model, names=["h"])': traced_h_alone,
    "trace(model)": traced,
}
OF_ONE_LAYER: dict[str, Step] = {
    "as it is": as_it_is,
    "trace(model)": traced,
    "a loop, as it is": lambda model, x: as_it_is(Loop(model), x),  # type: ignore[arg-type]
    "a loop, torchlens": lambda model, x: with_torchlens(Loop(model), x),  # type: ignore[arg-type]
}
if importlib.util.find_spec("torchlens") is None:
    WAYS, OF_ONE_LAYER = (
        {name: step for name, step in ways.items() if "torchlens" not in name}
        for ways in (WAYS, OF_ONE_LAYER)
    )


def layer_and_input(small: bool, one_layer: bool = False) -> tuple[nn.LSTM, Tensor]:
    torch.manual_seed(0)
    I, H, T, B = (8, 16, 10, 4) if small else (256, 384, 100 if one_layer else 200, 8)
    layer = nn.LSTM(I, H) if one_layer else nn.LSTM(I, H, 2 if small else 3, bidirectional=True)
    return layer, torch.randn(T, B, I)


def seconds(ways: dict[str, Step], model: nn.Module, x: Tensor, rounds: int) -> dict[str, float]:
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    found: dict[str, list[float]] = {way: [] for way in ways}
    for round_ in range(rounds + 1):  # the first warms up
        for way, step in ways.items():
            begin = clock()
            step(model, x)
            if round_:
                found[way].append(clock() - begin)
    return {way: statistics.median(times) for way, times in found.items()}


def peak(way: str, options: argparse.Namespace) -> float:
    """Return the MiB that one step adds to the peak of a process, measured in a process of its own."""
    command = [sys.executable, __file__, "--peak", way, "--threads", str(options.threads)]
    done = subprocess.run(
        command + ["--small"] * options.small, stdout=subprocess.PIPE, text=True, check=True
    )
    return float(done.stdout.split()[-1])


def peak_here(way: str, small: bool) -> float:
    model, x = layer_and_input(small)
    as_it_is(model, x[:2])  # what torch allocates once
    if "torchlens" in way:
        importlib.import_module("torchlens")
    before = high_water()
    WAYS[way](model, x)
    return (high_water() - before) / 1024


def high_water() -> int:
    """Return the peak memory of this process in kB, as Linux accounts it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="small layers, to see that the benchmark runs")
    parser.add_argument("--peak", help=argparse.SUPPRESS, choices=list(WAYS))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.peak:
        print(peak_here(options.peak, options.small))
        return
    model, x = layer_and_input(options.small)
    times = seconds(WAYS, model, x, options.rounds)
    peaks = {way: peak(way, options) for way in WAYS}
    say(model, x, options.threads, "  peak MiB  saved MiB")
    for way, time_ in times.items():
        saved = getattr(WAYS[way](model, x), "nbytes", 0) / 2**20
        print(f"{way:28} {time_:7.3f}  {time_ / times['as it is']:5.2f}  {peaks[way]:8.0f}  {saved:9.1f}")
    model, x = layer_and_input(options.small, one_layer=True)
    times = seconds(OF_ONE_LAYER, model, x, options.rounds)
    say(model, x, options.threads)
    for way, time_ in times.items():
        print(f"{way:28} {time_:7.3f}  {time_ / times['as it is']:5.2f}")


def say(model: nn.Module, x: Tensor, threads: int, more: str = "") -> None:
    print(f"\n{type(model).__name__}({model.extra_repr()}), input {tuple(x.shape)}, {threads} threads")
    print(f"{'':28} seconds  ratio{more}")


if __name__ == "__main__":
    main()

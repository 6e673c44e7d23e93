"""What tracing costs: a training step of torch.nn.LSTM as it is, with a plain hook, and traced.

    python benchmarks/tracing.py [--threads 1] [--rounds 5] [--small]

The step is forward, loss and backward. The plain hook keeps what a model's own hook can see of the module,
its outputs and their gradients. Seconds are the median of rounds in which all ways take turns; memory is the
most that the process came to hold during one step more than before it, each way in a process of its own.
"""

import argparse
import contextlib
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from rnncourse import trace


@contextlib.contextmanager
def plain_hook(model: nn.Module) -> Iterator[list[Tensor]]:
    """Keep the outputs of the model and their gradients."""
    kept: list[Tensor] = []

    def keep(module: nn.Module, args: object, result: tuple[Tensor, object]) -> None:
        kept.append(result[0].detach().clone())
        result[0].register_hook(lambda gradient: kept.append(gradient.clone()))

    handle = model.register_forward_hook(keep)
    try:
        yield kept
    finally:
        handle.remove()


WAYS: dict[str, Callable[[nn.Module], contextlib.AbstractContextManager[object]]] = {
    "as it is": lambda model: contextlib.nullcontext(),
    "plain hook, outputs alone": plain_hook,
    'trace(model, names=["h"])': lambda model: trace(model, names=["h"]),
    "trace(model)": trace,
}


def layer_and_input(small: bool) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    if small:
        return nn.LSTM(8, 16, 2, bidirectional=True), torch.randn(10, 4, 8)
    return nn.LSTM(256, 384, 3, bidirectional=True), torch.randn(200, 8, 256)


def training_step(model: nn.Module, x: Tensor, way: str) -> object:
    with WAYS[way](model) as kept:
        model.zero_grad()
        model(x)[0].square().mean().backward()
    return kept


def seconds(rounds: int, small: bool) -> dict[str, float]:
    model, x = layer_and_input(small)
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    for round_ in range(rounds + 1):  # the first warms up
        for way in WAYS:
            begin = time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()
            training_step(model, x, way)
            end = time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()
            if round_:
                found[way].append(end - begin)
    return {way: statistics.median(times) for way, times in found.items()}


def peak(way: str, small: bool, threads: int) -> float:
    """MiB that one step adds to the most that the process held: run in a fresh process."""
    torch.set_num_threads(threads)
    model, x = layer_and_input(small)
    model(x[:2])[0].sum().backward()
    before = high_water()
    training_step(model, x, way)
    return (high_water() - before) / 1024


def high_water() -> int:
    """The most memory that this process has held, in kB: Linux's own account of it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="a small layer, to see that the benchmark runs")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    times = seconds(options.rounds, options.small)
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        peaks = {way: pool.apply(peak, (way, options.small, options.threads)) for way in WAYS}
    model, x = layer_and_input(options.small)
    print(f"{type(model).__name__}({model.extra_repr()}), input {tuple(x.shape)}, {options.threads} threads")
    print(f"{'':28} seconds  ratio  peak MiB  kept MiB")
    for way, time_ in times.items():
        kept = getattr(training_step(model, x, way), "nbytes", 0) / 2**20
        print(f"{way:28} {time_:7.3f}  {time_ / times['as it is']:5.2f}  {peaks[way]:8.0f}  {kept:8.1f}")


if __name__ == "__main__":
    main()

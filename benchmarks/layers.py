"""Compare the speed of the layers with torch.nn's: one process, alternating, ratios of medians.

    python benchmarks/layers.py [--threads 1 2] [--rounds 15] [--out FOLDER]

For each kind and size (T, B, I, H): `train` is forward and backward of one batch, `infer` is forward without
gradients. `plain` is the library's own loop over steps.py. The peers opacus, keras (on torch) and labml_nn
are measured if they are installed. A ratio below 1 is faster than torch.nn. It prints tables and writes
layers.json and layers.png into FOLDER.
"""

import argparse
import importlib.util
import itertools
import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import rnncourse

KINDS = ["RNN", "GRU", "LSTM"]
SIZES = [(35, 20, 64, 128), (100, 32, 128, 256), (100, 64, 512, 512), (200, 1, 64, 128), (784, 32, 1, 64)]
VARIANTS = {"one layer": {}, "bidirectional": {"bidirectional": True}, "2 layers": {"num_layers": 2}}
MEMORY_SIZE = (200, 64, 256, 512)


def ours(kind: str, *sizes: int, **options) -> nn.Module:
    return getattr(rnncourse, kind)(*sizes, **options)


def torchs(kind: str, *sizes: int, **options) -> nn.Module:
    return getattr(nn, kind)(*sizes, **options)


def plain(kind: str, *sizes: int, **options) -> nn.Module:
    """Return our layer without the derivative by hand."""
    layer = ours(kind, *sizes, **options)
    forward = layer.forward

    def slow(*arguments):
        with mock.patch("rnncourse.bptt.serves", return_value=False):
            return forward(*arguments)

    layer.forward = slow
    return layer


def opacus(kind: str, *sizes: int) -> nn.Module:
    from opacus import layers

    return getattr(layers, f"DP{kind}")(*sizes)


def keras(kind: str, input_size: int, hidden_size: int) -> nn.Module:
    os.environ["KERAS_BACKEND"] = "torch"
    from keras import layers

    class TimeFirst(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = getattr(layers, "SimpleRNN" if kind == "RNN" else kind)(
                hidden_size, return_sequences=True
            )

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
            return (self.layer(x.transpose(0, 1)),)

    return TimeFirst()


def labml_nn(kind: str, input_size: int, hidden_size: int) -> nn.Module:
    from labml_nn.lstm import LSTM

    return LSTM(input_size, hidden_size, 1)


PEERS = {opacus: KINDS, keras: KINDS, labml_nn: ["LSTM"]}


def contestants(kind: str) -> dict[str, Callable]:
    installed = [peer for peer in PEERS if kind in PEERS[peer] and importlib.util.find_spec(peer.__name__)]
    return {"torch.nn": torchs, "ours": ours, "plain": plain} | {peer.__name__: peer for peer in installed}


def train(layer: nn.Module, x: torch.Tensor) -> None:
    layer.zero_grad(set_to_none=True)
    output = layer(x)[0]
    output = output.data if isinstance(output, PackedSequence) else output
    output.backward(torch.ones_like(output))


def infer(layer: nn.Module, x: torch.Tensor) -> None:
    with torch.no_grad():
        layer(x)


def alternate(calls: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Return the median time of each call: all are called in turn, `rounds` times after one to warm up."""
    seconds = {name: [] for name in calls}
    for round in range(rounds + 1):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            if round:
                seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}


def measure(kind: str, size: tuple[int, ...], rounds: int, makers: dict[str, Callable], **options) -> dict:
    """Return {"train": {name: seconds}, "infer": {name: seconds}} for one kind and size."""
    T, B, I, H = size
    x = torch.randn(T, B, I)
    layers = {name: make(kind, I, H, **options) for name, make in makers.items()}
    for name in layers.keys() & {"ours", "plain"}:
        layers[name].load_state_dict(layers["torch.nn"].state_dict())
    return {
        what.__name__: alternate(
            {name: lambda layer=layer, what=what: what(layer, x) for name, layer in layers.items()}, rounds
        )
        for what in (train, infer)
    }


def packed_against_padded(kind: str, rounds: int) -> float:
    """Return the training time of lengths 1 … T packed, over that of the same batch padded to T steps."""
    T, B, I, H = 64, 64, 64, 128
    layer, x = ours(kind, I, H), torch.randn(T, B, I)
    packed = pack_padded_sequence(x, torch.arange(T, 0, -1))
    calls = {"padded": lambda: train(layer, x), "packed": lambda: train(layer, packed)}
    seconds = alternate(calls, rounds)
    return seconds["packed"] / seconds["padded"]


def peak_memory(name: str, kind: str) -> float:
    """Return the megabytes that one training step adds to the peak of a fresh process."""
    command = [sys.executable, __file__, "--peak", name, kind]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def print_peak(name: str, kind: str) -> None:
    torch.set_num_threads(1)
    T, B, I, H = MEMORY_SIZE
    layer, x = contestants(kind)[name](kind, I, H), torch.randn(T, B, I)
    train(layer, x[:2])  # what a first call loads
    before = high_water()
    train(layer, x)
    print((high_water() - before) / 1024)


def high_water() -> int:
    """Return the peak memory of this process in kB, as Linux accounts it."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])


def geometric_mean(values: list[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, values)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path, default=Path("."))
    parser.add_argument("--tiny", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--peak", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peak:
        print_peak(*args.peak)
        return
    sizes = [(3, 2, 4, 5), (2, 1, 3, 4)] if args.tiny else SIZES
    rows = []
    for threads, (variant, options), kind in itertools.product(args.threads, VARIANTS.items(), KINDS):
        torch.set_num_threads(threads)
        makers = {"torch.nn": torchs, "ours": ours} if options else contestants(kind)
        measured = [(size, measure(kind, size, args.rounds, makers, **options)) for size in sizes]
        for what in ("train", "infer"):
            new = [
                {"threads": threads, "variant": variant, "kind": kind, "what": what, "size": size}
                | {"seconds": found[what]}
                for size, found in measured
            ]
            print_rows(new)
            rows += new
    torch.set_num_threads(1)
    packed = {kind: packed_against_padded(kind, args.rounds) for kind in KINDS}
    print("packed lengths 1 … 64 over padded:", {kind: round(ratio, 2) for kind, ratio in packed.items()})
    linux = Path("/proc/self/status").exists()
    memory = (
        {}
        if args.tiny or not linux
        else {k: peak_memory("ours", k) / peak_memory("torch.nn", k) for k in KINDS}
    )
    print("peak memory of a training step over torch.nn's:", {k: round(v, 2) for k, v in memory.items()})
    machine = {"python": platform.python_version(), "torch": torch.__version__, "machine": platform.machine()}
    args.out.mkdir(parents=True, exist_ok=True)
    result = {"machine": machine, "rows": rows, "packed": packed, "memory": memory}
    (args.out / "layers.json").write_text(json.dumps(result, indent=1))
    draw(rows, args.out / "layers.png")


def ratios(row: dict) -> dict[str, float]:
    seconds = row["seconds"]
    return {name: seconds[name] / seconds["torch.nn"] for name in seconds if name != "torch.nn"}


def print_rows(rows: list[dict]) -> None:
    """Print a line for each contestant: the ratios by size, and their geometric mean."""
    first = rows[0]
    for name in ratios(first):
        values = [ratios(row)[name] for row in rows]
        head = f"{first['threads']} thread(s)  {first['variant']:<13} {first['kind']:<4} {first['what']}"
        row = " ".join(f"{value:5.2f}" for value in values)
        print(f"{head} {name:<8} {row}   mean {geometric_mean(values):.2f}", flush=True)


def draw(rows: list[dict], path: Path) -> None:
    """Draw ours over torch.nn's, one layer, for each kind and size."""
    import matplotlib.pyplot as plt

    threads = sorted({row["threads"] for row in rows})
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True, layout="constrained")
    for ax, what in zip(axes, ("train", "infer"), strict=True):
        for k, kind in enumerate(KINDS):
            for thread, marker in zip(threads, "os^v", strict=False):
                values = [
                    ratios(row)["ours"]
                    for row in rows
                    if (row["kind"], row["what"], row["threads"], row["variant"])
                    == (kind, what, thread, "one layer")
                ]
                label = f"{kind}, {thread} thread{'s' if thread > 1 else ''}"
                ax.plot(range(len(values)), values, marker, color=f"C{k}", label=label, fillstyle="none")
        sizes = ["{}, {}\n{}, {}".format(*size) for size in dict.fromkeys(tuple(row["size"]) for row in rows)]
        ax.axhline(1, color="grey", linewidth=1)
        ax.set(title=what, xticks=range(len(sizes)), xticklabels=sizes, xlabel="T, B, I, H", yscale="log")
        ax.minorticks_off()
        ax.set_yticks([0.25, 0.5, 1, 2, 4], labels=["¼", "½", "1", "2", "4"])
        ax.tick_params(axis="x", labelsize=8)
    axes[0].set_ylabel("seconds over torch.nn's")
    axes[1].legend(fontsize=7, frameon=False)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()

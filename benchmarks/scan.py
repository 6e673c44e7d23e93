"""Compare ways to compute h_t = a_t h_{t-1} + b_t, forward and backward, and torch.nn.GRU at the same size.

    python benchmarks/scan.py [--steps 64 256 1024 ...] [--rounds 5] [--batch 8] [--units 64]

On one thread, in turn, so that ratios hold on a busy machine. A time is processor time, the least of all
rounds; in brackets is the loop's time over it: above 1 is faster than the loop.

- `loop`: one step after the other, under autograd
- `doubling`: Hillis and Steele's scan; at T = 65,536 its graph takes 6 GB
- `pairs`: rnncourse.scan.scan
- `log space`: the form of the minGRU paper, which needs b > 0
- `nn.GRU`: reads as many inputs as it has units; left out, like log space, above --most steps
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from rnncourse.scan import doubling, loop, scan


def log_space(a: Tensor, b: Tensor) -> Tensor:
    """Return the states from a sum of exponentials: h_t = exp(A_t) Σ_s exp(log b_s - A_s), A = Σ log a."""
    A = a.log().cumsum(0)
    return (A + (b.log() - A).logcumsumexp(0)).exp()


def sample(T: int, B: int, H: int) -> tuple[Tensor, Tensor]:
    """Return a and b (T, B, H), between 0 and 1, as the gates of a minGRU make them."""
    z = torch.rand(T, B, H) * 0.98 + 0.01
    return z.requires_grad_(), ((1 - z) * torch.rand(T, B, H)).detach().requires_grad_()


def processor_time(call: Callable[[], Tensor]) -> float:
    """Return the seconds of one forward and backward pass."""
    began = time.process_time()
    h = call()
    h.backward(torch.ones_like(h))
    return time.process_time() - began


def measure(T: int, B: int, H: int, rounds: int, most: int) -> dict[str, float]:
    """Return {way: seconds}; all ways run in turn, `rounds` times after one to warm up."""
    a, b = sample(T, B, H)
    gru, x = nn.GRU(H, H), torch.randn(T, B, H)
    ways: dict[str, Callable[[], Tensor]] = {
        "loop": lambda: loop(a, b),
        "doubling": lambda: doubling(a, b),
        "pairs": lambda: scan(a, b),
    }
    if most >= T:
        ways |= {"log space": lambda: log_space(a, b), "nn.GRU": lambda: gru(x)[0]}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for round in range(rounds + 1):
        for name, way in ways.items():
            took = processor_time(way)
            if round:
                seconds[name].append(took)
    return {name: min(values) for name, values in seconds.items()}


def errors(T: int, B: int, H: int) -> dict[str, float]:
    """Return the largest error of each way in float32, against the loop in float64."""
    a, b = (v.detach() for v in sample(T, B, H))
    right = loop(a.double(), b.double())
    ways = {"loop": loop, "doubling": doubling, "pairs": scan, "log space": log_space}
    return {name: (way(a, b) - right).abs().max().item() for name, way in ways.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, nargs="+", default=[64, 256, 1024, 4096, 16384, 65536])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--most", type=int, default=65536, help="the longest T for nn.GRU and log space")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"B={args.batch} H={args.units}, milliseconds (loop's time over it)")
    for T in args.steps:
        seconds = measure(T, args.batch, args.units, args.rounds, args.most)
        parts = [f"{name} {1e3 * took:.1f} ({seconds['loop'] / took:.2f})" for name, took in seconds.items()]
        print(f"T={T:<6}", "   ".join(parts), flush=True)
    T = min(4096, max(args.steps))
    found = "   ".join(f"{name} {value:.0e}" for name, value in errors(T, args.batch, args.units).items())
    print(f"largest error at T={T}: {found}")


if __name__ == "__main__":
    main()

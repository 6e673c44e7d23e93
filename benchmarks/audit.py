"""What an audit costs: passes over the test's families of models, and seconds for a large LSTM.

    python benchmarks/audit.py [--threads 1] [--rounds 3]

Seconds are processor seconds of this process, the least of the rounds.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import torch

import rnncourse

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "audit"))


def seconds(run, rounds: int) -> float:
    best = float("inf")
    for _ in range(rounds):
        begin = time.process_time()
        run()
        best = min(best, time.process_time() - begin)
    return best


def passes() -> None:
    from families import PLANTED, SOUND, family

    costs = []
    for name, bug in [*SOUND, *((name, bug.name) for name, bug in PLANTED)]:
        torch.manual_seed(0)
        model, inputs, options = family(name).make(bug)
        begin = time.process_time()
        cost = rnncourse.audit(model, *inputs, **options).cost
        costs.append((cost["forward"], cost["backward"], time.process_time() - begin))
    for what, values in zip(("forward", "backward", "seconds"), zip(*costs, strict=True), strict=True):
        print(f"{what:9} median {statistics.median(values):.3g}, most {max(values):.3g}, of {len(values)} models")


def large(rounds: int) -> None:
    x, model = torch.randn(32, 100, 512), torch.nn.LSTM(512, 512, 2, batch_first=True)
    for rows in (4, 32):
        spent = seconds(lambda rows=rows: rnncourse.audit(model, x, batch=0, rows=rows), rounds)
        print(f"LSTM(512, 512, 2), B=32, T=100, rows={rows}: {spent:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    passes()
    large(options.rounds)


if __name__ == "__main__":
    main()

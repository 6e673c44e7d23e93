"""Measure what an audit costs: passes over the test's families of models, and seconds for a large LSTM.

    python benchmarks/audit.py [--threads 1] [--rounds 3]
    python benchmarks/audit.py --picture docs/audit.png

With --picture it only draws README's picture. Seconds are processor seconds of this process, the minimum over
the rounds.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import torch
from torch import nn

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
        middle, most = statistics.median(values), max(values)
        print(f"{what:9} median {middle:.3g}, most {most:.3g}, of {len(values)} models")


def large(rounds: int) -> None:
    x, model = torch.randn(32, 100, 512), torch.nn.LSTM(512, 512, 2, batch_first=True)
    for rows in (4, 32):
        spent = seconds(lambda rows=rows: rnncourse.audit(model, x, batch=0, rows=rows), rounds)
        print(f"LSTM(512, 512, 2), B=32, T=100, rows={rows}: {spent:.2f} s")


def detached(cell: nn.LSTMCell, x: torch.Tensor) -> torch.Tensor:
    state, outputs = None, []
    for t, x_t in enumerate(x.unbind(1)):
        state = cell(x_t, state)
        outputs.append(state[0])
        if t % 8 == 7:
            state = state[0].detach(), state[1].detach()
    return torch.stack(outputs, 1)


def picture(path: str) -> None:
    import matplotlib.pyplot as plt

    from rnncourse import plots

    torch.manual_seed(0)
    x = torch.randn(4, 24, 8)
    shown = {
        "LSTM: sound": (nn.LSTM(8, 16, batch_first=True), None),
        "causal mask forgotten": (nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True), None),
        "state detached every 8 steps": (nn.LSTMCell(8, 16), detached),
    }
    with plt.rc_context(plots.STYLE):
        figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
        for ax, (title, (model, call)) in zip(axes, shown.items(), strict=True):
            plots.dependence(rnncourse.audit(model, x, batch=0, call=call), ax=ax)
            ax.set_title(f"{title}\n{ax.get_title(loc='left').partition(': ')[2]}", loc="left", fontsize=10)
        figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--picture")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.picture:
        picture(options.picture)
        return
    passes()
    large(options.rounds)


if __name__ == "__main__":
    main()

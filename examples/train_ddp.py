"""Train an LSTM on one process, on several, or on several machines, with the same result.

    python examples/train_ddp.py
    torchrun --nproc-per-node 2 examples/train_ddp.py
    torchrun --nnodes 2 --node-rank 0 --master-addr ADDRESS --master-port 29500 examples/train_ddp.py
    torchrun --nnodes 2 --node-rank 1 --master-addr ADDRESS --master-port 29500 examples/train_ddp.py

The LSTM says at each step whether the sum of the numbers so far is above 0. Sequences have different lengths.
The loss is the mean over all valid steps of the batch, whichever process has them. With --checkpoint, an
interrupted run continues from the last checkpoint, for example after a restart by
torchrun --max-restarts.
"""

import argparse
import os
import signal
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


class Tagger(nn.Module):
    """An LSTM with one logit for each step: x (B, T) to (B, T)."""

    def __init__(self, hidden_size: int = 16) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (B, T)."""
        output, _ = self.lstm(x.unsqueeze(-1))  # (B, T, H)
        return self.head(output).squeeze(-1)


def join() -> tuple[int, int]:
    """Join the other processes that torchrun has started, and return this one's rank and their number.

    The processes find each other through a store, which outlives a restart. Without a prefix of its own, a
    restarted process may read the address of one that no longer exists (seen with torch 2.13 and gloo).
    """
    store, rank, world = next(iter(dist.rendezvous("env://")))
    attempt = dist.PrefixStore(f"attempt {os.environ['TORCHELASTIC_RESTART_COUNT']}", store)
    dist.init_process_group("gloo", store=attempt, rank=rank, world_size=world)
    return rank, world


def draw_batch(step: int, B: int = 16, T: int = 20) -> tuple[Tensor, Tensor, Tensor]:
    """Return x, y and valid, (B, T) each: the same for this step in every process, however many there are.

    The lengths are sorted, so that the ranks, which take one part after the other, have very different ones.
    """
    generator = torch.Generator().manual_seed(step)
    lengths = torch.randint(1, T + 1, (B,), generator=generator).sort().values
    valid = torch.arange(T) < lengths[:, None]
    x = torch.randn(B, T, generator=generator) * valid
    return x, (x.cumsum(1) > 0).float(), valid


def batch_loss(model: nn.Module, step: int, rank: int, world: int) -> Tensor:
    """Return this rank's loss. DDP averages its gradient over the ranks.

    The sum of the losses of a rank's own valid steps, times world, over the number of all ranks' valid steps:
    the average of that over the ranks is the mean over the joined batch. The mean over the rank's own steps
    would give a step more weight on the rank of the short sequences.
    """
    x, y, valid = (v.tensor_split(world)[rank] for v in draw_batch(step))
    losses = F.binary_cross_entropy_with_logits(model(x), y, reduction="none")
    total, count = losses[valid].sum(), valid.sum()
    if world > 1:
        dist.all_reduce(count)  # now the number of all ranks
    return total * world / count


def save(state: dict, path: Path) -> None:
    """Write a file so that it is always complete: the old one or the new one."""
    fresh = path.with_name(f"{path.name}.new")
    torch.save(state, fresh)
    os.replace(fresh, path)


def main() -> None:
    """Train with the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--checkpoint", type=Path, help="written every 5 steps; a run continues from it")
    parser.add_argument("--out", type=Path, help="write the first gradients and the last weights here")
    parser.add_argument("--kill-at", type=int, help="in a first run, the last rank kills itself at this step")
    args = parser.parse_args()

    distributed = "RANK" in os.environ  # torchrun sets it
    rank, world = join() if distributed else (0, 1)
    torch.set_num_threads(1)
    torch.manual_seed(0)  # the same initial weights in each process
    tagger = Tagger()
    model = DistributedDataParallel(tagger) if distributed else tagger
    optimizer = torch.optim.Adam(tagger.parameters(), lr=1e-2)

    begin, first_gradients = 0, None
    if args.checkpoint and args.checkpoint.exists():
        saved = torch.load(args.checkpoint, weights_only=True)
        tagger.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        begin = saved["step"]
    for step in range(begin, args.steps):
        if args.kill_at == step and rank == world - 1 and os.environ.get("TORCHELASTIC_RESTART_COUNT") == "0":
            os.kill(os.getpid(), signal.SIGKILL)  # as if the machine were gone
        optimizer.zero_grad()
        loss = batch_loss(model, step, rank, world)
        loss.backward()
        if first_gradients is None:
            first_gradients = {name: p.grad.clone() for name, p in tagger.named_parameters()}
        optimizer.step()
        if args.checkpoint and rank == 0 and (step + 1) % 5 == 0:
            state = {"model": tagger.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}
            save(state, args.checkpoint)
    if rank == 0:
        print(f"rank 0 of {world}: steps {begin} to {args.steps}")
        if args.out:
            save({"gradients": first_gradients, "weights": tagger.state_dict(), "begin": begin}, args.out)
    if distributed:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()

"""A training loop for the lessons: one function, short enough to read. Lesson 17 writes it by hand first."""

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rnncourse.extras import require

require("training needs", "matplotlib", "tqdm", extra="notebook")

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from torch import Tensor, nn
from tqdm.auto import tqdm

Loss = Callable[[nn.Module, Any], Tensor]  # of a model and a batch


@dataclass
class History:
    """The mean loss of every completed epoch, in training and in validation.

    `best` is the index of the epoch with the lowest validation loss, or -1 before the first. `interrupted`
    says whether Ctrl-C or Stop ended the run.
    """

    train: list[float] = field(default_factory=list)
    valid: list[float] = field(default_factory=list)
    best: int = -1
    interrupted: bool = False

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw both losses against the epoch, mark the best epoch, and return the Axes."""
        ax = plt.subplots(figsize=(5, 3))[1] if ax is None else ax
        epochs = range(1, len(self.train) + 1)
        ax.plot(epochs, self.train, label="training")
        ax.plot(epochs, self.valid, "--", label="validation")
        said = f"Training and validation loss over {len(self.train)} epochs"
        if self.best >= 0:
            ax.plot(self.best + 1, self.valid[self.best], "ko", label="kept")
            said += f"; the lowest validation loss, {self.valid[self.best]:.3f}, is in epoch {self.best + 1}"
        ax.set(xlabel="epoch", ylabel="loss")
        ax.legend()
        ax.figure.alt = f"{said}."  # type: ignore[union-attr]
        return ax


def fit(
    model: nn.Module,
    data: tuple[Iterable[Any], Iterable[Any]],
    loss: Loss,
    *,
    epochs: int = 20,
    lr: float = 3e-3,
    clip: float = 1.0,
    patience: int = 5,
    seed: int = 0,
    checkpoint: str | Path | None = None,
) -> History:
    """Train a model with Adam and leave it with the weights of its best epoch, in evaluation mode.

    Each epoch is seeded by `seed` and its own number, so a resumed run repeats an uninterrupted one; that
    holds for what draws from torch's global generator, as dropout and a DataLoader without a generator of its
    own do. Ctrl-C, or Stop in JupyterLab, ends the training and keeps the best weights so far.

    Args:
        model: the module to train, in place.
        data: the batches for training and for validation, two DataLoaders as a rule.
        loss: returns the mean loss of `model` on a batch without its padding (cross_entropy skips -100).
        epochs: how many epochs to train at most, those of the checkpoint included.
        lr: Adam's learning rate.
        clip: the largest norm of all gradients together; a larger one is scaled down to it.
        patience: stop after so many epochs in a row without a lower validation loss.
        seed: seeds shuffling and dropout. The initial weights are the caller's.
        checkpoint: a file that is written after each epoch. If it exists, training continues from it.

    Raises:
        TypeError: the batches come from an iterator, which gives them only once.
        ValueError: the checkpoint was written by a run with another lr, clip or seed; or there is no batch.

    Example:
        >>> model, x = torch.nn.Linear(2, 1), torch.randn(64, 2)
        >>> def loss(model, batch):
        ...     return (model(batch) - batch.sum(1, keepdim=True)).square().mean()
        >>> history = rnncourse.training.fit(model, ([x], [x]), loss, epochs=30)
        >>> history.valid[-1] < history.valid[0]
        True
    """
    if any(isinstance(batches, Iterator) for batches in data):
        raise TypeError("data: an iterator gives its batches only once; pass a list or a DataLoader.")
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    history, best = History(), copy.deepcopy(model.state_dict())
    settings = {"lr": lr, "clip": clip, "seed": seed}
    if checkpoint is not None and Path(checkpoint).exists():
        saved = torch.load(checkpoint, weights_only=True)
        if saved["settings"] != settings:
            raise ValueError(
                f"checkpoint: {checkpoint} was written with {saved['settings']}, this run has {settings}. "
                "Delete the file to start over."
            )
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        history, best = History(**saved["history"]), saved["best"]
    done = len(history.train)
    try:
        with torch.random.fork_rng(), tqdm(total=epochs, initial=done, desc="epochs") as bar:
            while done < epochs and done - (history.best + 1) < patience:
                torch.manual_seed(1_000_003 * seed + done)
                trained = _train(model, data[0], loss, optimizer, clip)
                validated = _validate(model, data[1], loss)
                history.train.append(trained)
                history.valid.append(validated)
                if validated < (history.valid[history.best] if history.best >= 0 else math.inf):
                    history.best, best = done, copy.deepcopy(model.state_dict())
                done += 1
                if checkpoint is not None:
                    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "best": best}
                    _save({**state, "history": asdict(history), "settings": settings}, Path(checkpoint))
                bar.update()
                bar.set_postfix(train=f"{trained:.3f}", valid=f"{validated:.3f}")
            if done < epochs:  # a bar below its total turns red in a notebook, as if training had failed
                bar.total, bar.desc = done, "epochs, stopped early: "
    except KeyboardInterrupt:
        history.interrupted = True
    model.load_state_dict(best)
    model.eval()
    return history


def _train(
    model: nn.Module, batches: Iterable[Any], loss: Loss, optimizer: torch.optim.Optimizer, clip: float
) -> float:
    model.train()
    losses = []
    for batch in batches:
        optimizer.zero_grad()
        value = loss(model, batch)
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        losses.append(value.item())
    return _mean(losses)


@torch.no_grad()
def _validate(model: nn.Module, batches: Iterable[Any], loss: Loss) -> float:
    model.eval()
    return _mean([loss(model, batch).item() for batch in batches])


def _mean(losses: list[float]) -> float:
    if not losses:
        raise ValueError("data: expected batches, got none. Does drop_last leave out the only one?")
    return math.fsum(losses) / len(losses)


def _save(state: dict[str, Any], path: Path) -> None:
    """Write a checkpoint so that the file is always complete: the old one or the new one."""
    fresh = path.with_name(f"{path.name}.new")
    torch.save(state, fresh)
    fresh.replace(path)

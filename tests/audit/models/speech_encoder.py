"""An encoder of speech: (B, F, T) in, pairs of frames go into the second layer."""

import torch
from families import Bug
from torch import nn

BUGS = [
    Bug("view", "steps torn", ".view(", "vitrioil/Speech-Separation#4"),
    Bug("rows torn", "batch mixed", ".view(", "cyxtj, in pytorch/pytorch#3587"),
    Bug("no batch_first", "batch as time", "self.top(", "pytorch/pytorch#34036"),
    Bug("not flipped back", "steps reversed", "self.bottom(", "as told"),
    Bug("norm over batch", "batch mixed", "x.mean(0", "Lightning-Universe/lightning-bolts#1077"),
    Bug("numpy", "gradient cut", "", "as told"),
    Bug("tuple", "unregistered", "self.extra", "kanezaki/pytorch-unsupervised-segmentation#6"),
]


class Encoder(nn.Module):
    def __init__(self, bug=""):
        super().__init__()
        self.bug = bug
        self.bottom = nn.LSTM(3, 3, batch_first=True, bidirectional=True)
        self.top = nn.LSTM(12, 4, batch_first=bug != "no batch_first")
        self.norm = nn.LayerNorm(4)
        if bug == "tuple":
            self.extra = (nn.Linear(4, 4),)

    def forward(self, x):  # (B, 3, T)
        B, F, T = x.shape
        if self.bug == "view":
            x = x.contiguous().view(B, T, F)
        elif self.bug == "rows torn":
            x = x.permute(2, 0, 1).contiguous()
            x = x.view(B, T, F)
        else:
            x = x.transpose(1, 2)
        if self.bug == "norm over batch":
            x = x - x.mean(0, keepdim=True)
        x, _ = self.bottom(x.flip(1) if self.bug == "not flipped back" else x)
        if self.bug == "not flipped back":
            return x
        if self.bug == "numpy":
            x = torch.from_numpy(x.detach().numpy())
        x, _ = self.top(x.reshape(B, T // 2, 12))  # pairs of frames
        x = self.norm(x)
        return self.extra[0](x) if self.bug == "tuple" else x


def make(bug):
    even = torch.randn(5, 3, 12)
    return Encoder(bug), (even,), {"batch": 0, "time": 2}

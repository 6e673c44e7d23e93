"""A temporal convolutional network, causal, channels first inside."""

import torch
from families import Bug
from torch import nn
from torch.nn import functional as F

BUGS = [
    Bug("same padding", "future read", "self.second(", "MarkusThill/bioma-tcn-ae#4"),
    Bug("not chomped enough", "future read", "F.pad(x, (4, 1))", "locuslab/TCN#8"),
    Bug("norm over time", "future read", "mean(", "unit8co/darts#480"),
    Bug("view", "steps torn", ".view(", "vitrioil/Speech-Separation#4"),
    Bug("list", "unregistered", "self.convs", "pytorch/pytorch#38639"),
    Bug("flip", "future read", "flip", "as told"),
    Bug("dead", "dead ReLU", "relu", "as told"),
]


class Tcn(nn.Module):
    def __init__(self, bug=""):
        super().__init__()
        self.bug = bug
        self.first, self.second = nn.Conv1d(3, 8, 3), nn.Conv1d(8, 8, 3, dilation=2)
        if bug == "list":
            self.convs = [self.second, nn.Conv1d(8, 8, 1)]
        if bug == "dead":
            nn.init.constant_(self.first.bias, -20.0)
        self.head = nn.Linear(8, 2)

    def forward(self, x):  # (B, T, 3)
        x = x.contiguous().view(x.shape[0], 3, -1) if self.bug == "view" else x.transpose(1, 2)
        if self.bug == "norm over time":
            x = x - x.mean(2, keepdim=True)
        x = torch.relu(self.first(F.pad(x, (2, 0))))
        if self.bug == "flip":
            x = torch.flip(x, (2,))
        if self.bug == "same padding":
            x = torch.relu(self.second(F.pad(x, (2, 2))))
        elif self.bug == "not chomped enough":
            x = self.second(F.pad(x, (4, 1)))
            x = torch.relu(x[:, :, 1:])
        else:
            x = torch.relu(self.second(F.pad(x, (4, 0))))
        if self.bug == "list":
            x = self.convs[1](x)
        return self.head(x.transpose(1, 2))


def make(bug):
    return Tcn(bug), (torch.randn(5, 10, 3),), {"causal": True, "batch": 0}

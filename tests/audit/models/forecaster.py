"""A forecast of one number from a window of several series."""

import torch
from families import Bug
from torch import nn

BUGS = [
    Bug("no batch_first", "batch as time", "self.lstm(", "yunjey/pytorch-tutorial#151"),
    Bug("broadcast", "shapes broadcast", "mse_loss", "FernandoLpz/Text-Classification-LSTMs-PyTorch#9"),
    Bug("target in window", "target in input", "", "maxim5/time-series-machine-learning#12"),
    Bug("view", "steps torn", ".view(", "vitrioil/Speech-Separation#4"),
    Bug("c for h", "h and c exchanged", "self.lstm(", "microsoft/nni#2839"),
    Bug("last step alone", "state dropped", "", "AndersonJo/dqn-pytorch#1"),
    Bug("not scaled", "gates saturated", "", "as told"),
    Bug("zero", "zero start", "", "as told"),
    Bug("one step short", "last step unread", "", "andabi/voice-vector#9"),
    Bug("nan", "not finite", "log", "as told"),
]


class Forecaster(nn.Module):
    def __init__(self, bug=""):
        super().__init__()
        self.bug = bug
        self.lstm = nn.LSTM(4, 6, batch_first=bug != "no batch_first")
        self.hidden, self.head = nn.Linear(6, 6), nn.Linear(6, 1)
        if bug == "zero":
            for layer in (self.hidden, self.head):
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, x):  # (B, T, 4)
        if self.bug == "view":
            x = x.transpose(1, 2).contiguous()
            x = x.view(x.shape[0], -1, 4)
        if self.bug == "last step alone":
            o, _ = self.lstm(x[:, -1:])
        elif self.bug == "nan":
            o, _ = self.lstm(torch.log(x))
        else:
            o, _ = self.lstm(x)
        last = o[:, -2] if self.bug == "one step short" else o[:, -1]
        if self.bug == "c for h":
            _, (_, h) = self.lstm(x)
            last = h[-1]
        return self.head(torch.tanh(self.hidden(last)))  # (B, 1)


def make(bug):
    x, y = torch.randn(6, 10, 4), torch.randn(6, 1)
    if bug == "target in window":
        y = x[:, -1:, 2]
    if bug == "not scaled":
        x = x * 500 + 20000

    def loss(forecast, y):
        return nn.functional.mse_loss(forecast, y.squeeze(1) if bug == "broadcast" else y)

    return Forecaster(bug), (x,), {"loss": loss, "target": y}

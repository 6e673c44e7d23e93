"""A decoder of spectrogram frames on LSTMCells with zoneout, as Tacotron has."""

import torch
from families import Bug
from torch import nn

BUGS = [
    Bug("exchanged", "h and c exchanged", "cells[1](", "microsoft/nni#2839"),
    Bug("c out", "h and c exchanged", "self.cells[1](", "microsoft/nni#2839"),
    Bug("frame unshifted", "target in input", "", "BogiHsu/Tacotron2-PyTorch, as told"),
    Bug("prenet dropout", "dropout in eval", "dropout(", "BogiHsu/Tacotron2-PyTorch#8"),
    Bug("zoneout by row", "batch mixed", "", "as told"),
    Bug("loop over rows", "batch mixed", "cells[0](", "AndersonJo/dqn-pytorch#1"),
    Bug("list", "unregistered", "self.cells", "asyml/texar-pytorch#72"),
    Bug("data", "gradient cut", "h.data", "MorvanZhou/PyTorch-Tutorial#57", "?"),
]


class Decoder(nn.Module):
    def __init__(self, bug=""):
        super().__init__()
        self.bug = bug
        self.prenet = nn.Linear(3, 6)
        cells = [nn.LSTMCell(6, 5), nn.LSTMCell(5, 5)]
        self.cells = cells if bug == "list" else nn.ModuleList(cells)
        self.head = nn.Linear(5, 3)

    def zoneout(self, new, old):
        if self.training:
            return torch.where(torch.rand_like(new) < 0.1, old, new)
        return 0.9 * new + 0.1 * old

    def forward(self, frames):  # (B, T, 3): each frame's predecessor
        steps = frames if self.bug == "loop over rows" else frames.unbind(1)
        outs, states = [], [None, None]
        for x in steps:
            x = torch.relu(self.prenet(x))
            x = nn.functional.dropout(x, 0.5, training=self.training or self.bug == "prenet dropout")
            h, c = self.cells[0](x, states[0])
            old = states[0] or (torch.zeros_like(h), torch.zeros_like(c))
            if self.bug == "zoneout by row":
                old = tuple(s.mean(0, keepdim=True).expand_as(s) for s in old)
            h, c = self.zoneout(h, old[0]), self.zoneout(c, old[1])
            states[0] = (h.data, c.data) if self.bug == "data" else (h, c)
            if self.bug == "exchanged" and states[1]:
                states[1] = states[1][1], states[1][0]
            states[1] = self.cells[1](h, states[1])
            outs.append(self.head(states[1][self.bug == "c out"]))
        return torch.stack(outs, 0 if self.bug == "loop over rows" else 1)


def make(bug):
    frames = torch.randn(5, 9, 3)
    x, y = frames[:, :-1], frames[:, 1:]
    if bug == "frame unshifted":
        y = x
    return Decoder(bug), (x,), {"loss": nn.MSELoss(), "target": y, "batch": 0, "time": 1}

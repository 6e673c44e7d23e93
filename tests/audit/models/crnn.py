"""Reading a line of text: convolutions over the image, an LSTM over its columns, CTC."""

import torch
from families import Bug
from torch import nn

BUGS = [
    Bug("view", "steps torn", ".view(", "vitrioil/Speech-Separation#4"),
    Bug("columns first", "batch mixed", ".view(", "zhiqwang/sightseq#16"),
    Bug("no batch_first", "batch as time", "self.lstm(", "pytorch/pytorch#1538"),
    Bug("not log", "probabilities", "", "zhiqwang/sightseq#10"),
    Bug("batch statistics", "batch mixed", "self.norm(", "Lightning-Universe/lightning-bolts#568"),
    Bug("dead", "dead ReLU", "relu", "as told"),
]


class Crnn(nn.Module):
    def __init__(self, bug=""):
        super().__init__()
        self.bug = bug
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4, track_running_stats=bug != "batch statistics")
        self.pool = nn.MaxPool2d((2, 1))
        self.lstm = nn.LSTM(12, 5, bidirectional=True, batch_first=bug != "no batch_first")
        self.head = nn.Linear(10, 7)
        if bug == "dead":
            nn.init.constant_(self.norm.bias, -10.0)

    def forward(self, image):  # (B, 1, 6, W)
        x = self.pool(torch.relu(self.norm(self.conv(image))))  # (B, 4, 3, W)
        B, C, H, W = x.shape
        if self.bug == "view":
            x = x.reshape(B, C * H, W)
            x = x.view(B, W, C * H)
        elif self.bug == "columns first":
            x = x.permute(3, 0, 1, 2).contiguous()
            x = x.view(B, W, C * H)
        else:
            x = x.permute(0, 3, 1, 2).flatten(2)
        y = self.head(self.lstm(x)[0])
        return y if self.bug == "not log" else y.log_softmax(2)  # (B, W, 7)


def make(bug):
    target = torch.randint(1, 7, (5, 3))

    def loss(y, target):
        B, W, _ = y.shape
        return nn.functional.ctc_loss(
            y.transpose(0, 1), target, torch.full((B,), W), torch.full((B,), target.shape[1])
        )

    options = {"batch": 0, "time": 3, "loss": loss, "target": target}
    return Crnn(bug), (torch.randn(5, 1, 6, 11),), options

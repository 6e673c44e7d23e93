"""Translation: a bidirectional encoder, a decoder on cells with attention, teacher forced."""

import torch
from families import Bug
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

BUGS = [
    Bug("h_n view", "batch mixed", ".view(", "timbmg/Sentence-VAE#15"),
    Bug("softmax over batch", "batch mixed", "softmax(", "PetrochukM/PyTorch-NLP#2"),
    Bug("no mask", "padding read", "", "tensorflow/tensorflow#512"),
    Bug("sees its target", "future read", "now = trg[:, t + 1]", "alex-matton/causal-transformer-decoder#1"),
    Bug("softmax over queries", "softmax axis", "softmax(", "labmlai/annotated_deep_learning_paper_implementations#282",  # noqa: E501
        "?"),
    Bug("encoder unread", "input unread", "", "bentrevett/pytorch-seq2seq, as told"),
    Bug("no grad", "gradient cut", "", "sgadgil6/cnslab_fmri#4"),
]  # fmt: skip


class Seq2Seq(nn.Module):
    def __init__(self, bug=""):
        super().__init__()
        self.bug = bug
        self.source, self.goal = nn.Embedding(15, 5, padding_idx=0), nn.Embedding(14, 5)
        self.encoder = nn.GRU(5, 4, bidirectional=True, batch_first=True)
        self.bridge = nn.Linear(8, 6)
        self.keys, self.query = nn.Linear(8, 6), nn.Linear(6, 6)
        self.cell = nn.GRUCell(13, 6)
        self.head = nn.Linear(6, 14)

    def forward(self, src, lengths, trg):
        packed = pack_padded_sequence(self.source(src), lengths, batch_first=True, enforce_sorted=False)
        o, h_n = self.encoder(packed)
        o, _ = pad_packed_sequence(o, batch_first=True, total_length=src.shape[1])  # (B, S, 8)
        if self.bug == "h_n view":
            last = h_n.view(src.shape[0], -1)
        else:
            last = h_n.transpose(0, 1).reshape(src.shape[0], -1)
        h = torch.tanh(self.bridge(last))
        keys, real = self.keys(o), torch.arange(src.shape[1]) < lengths[:, None]
        outs = []
        for t in range(trg.shape[1]):
            score = torch.bmm(keys, self.query(h).unsqueeze(2)).squeeze(2)  # (B, S)
            if self.bug == "softmax over batch":
                weights = torch.softmax(score, 0)
            else:
                weights = (score if self.bug == "no mask" else score.masked_fill(~real, -1e9)).softmax(1)
            context = torch.bmm(weights.unsqueeze(1), o).squeeze(1)
            if self.bug == "encoder unread":
                context = torch.zeros_like(context)
                h = torch.zeros_like(h) if t == 0 else h
            if self.bug == "softmax over queries":
                grid = torch.bmm(keys, keys.transpose(1, 2)).masked_fill(~real[:, None], -1e9)
                soft = torch.softmax(grid.masked_fill(~real[:, :, None], -1e9), 1)
                context = context + (torch.bmm(soft, o) * real[:, :, None]).sum(1)
            now = trg[:, t + 1] if self.bug == "sees its target" and t + 1 < trg.shape[1] else trg[:, t]
            h = self.cell(torch.cat([self.goal(now), context], 1), h)
            if self.bug == "no grad":
                with torch.no_grad():
                    h = h * 1
            outs.append(self.head(h))
        return torch.stack(outs, 1)


def make(bug):
    lengths = torch.tensor([6, 4, 5, 2, 3])
    src = torch.randint(1, 15, (5, 6)) * (torch.arange(6) < lengths[:, None])
    text = torch.randint(14, (5, 8))

    def loss(y, goal):
        return nn.functional.cross_entropy(y.flatten(0, 1), goal.flatten())

    return (
        Seq2Seq(bug),
        (src, lengths, text[:, :-1]),
        {"lengths": lengths, "loss": loss, "target": text[:, 1:]},
    )

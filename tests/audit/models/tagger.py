"""A BiLSTM tagger of words, packed; lengths and a target for each word."""

import torch
from families import Bug
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

BUGS = [
    Bug("no batch_first", "batch as time", "self.lstm(", "pytorch/pytorch#1538"),
    Bug("view", "batch mixed", ".view(", "HHTseng/video-classification#42"),
    Bug("not packed", "padding read", "self.lstm(", "keitakurita/practical-torchtext#5"),
    Bug("not unsorted", "rows reordered", "[order]", "ruotianluo/self-critical.pytorch#125"),
    Bug("sorted twice", "rows reordered", "[order]", "ruotianluo/self-critical.pytorch#125"),
    Bug("loss on padding", "loss on padding", "", "IBM/pytorch-seq2seq#125"),
    Bug("time flattened", "target mispaired", "", "openai/baselines#340"),
    Bug("loss viewed", "steps torn", ".reshape(", "vitrioil/Speech-Separation#4"),
    Bug("dropout", "dropout in eval", "dropout(", "delip/PyTorchNLPBook#28"),
    Bug("softmax", "probabilities", "", "bkitano/llama-from-scratch#5"),
]


class Tagger(nn.Module):
    def __init__(self, bug=""):
        super().__init__()
        self.bug = bug
        self.embed = nn.Embedding(20, 6, padding_idx=0)
        self.lstm = nn.LSTM(6, 5, batch_first=bug != "no batch_first", bidirectional=True)
        self.head = nn.Linear(10, 4)

    def forward(self, words, lengths):
        x = self.embed(words)
        if self.bug == "dropout":
            x = nn.functional.dropout(x, 0.3)
        if self.bug in ("not packed", "no batch_first"):
            o, _ = self.lstm(x)
        elif self.bug in ("not unsorted", "sorted twice"):
            lengths, order = lengths.sort(descending=True)
            x = x[order]
            o, _ = self.lstm(pack_padded_sequence(x, lengths, batch_first=True))
            o, _ = pad_packed_sequence(o, batch_first=True)
            o = o[order] if self.bug == "sorted twice" else o
        else:
            o, _ = self.lstm(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
            o, _ = pad_packed_sequence(o, batch_first=True, total_length=words.shape[1])
        if self.bug == "view":
            o = o.transpose(0, 1).contiguous()
            o = o.view(words.shape[0], words.shape[1], -1)
        y = self.head(o)  # (B, T, 4)
        return y.softmax(-1) if self.bug == "softmax" else y


def make(bug):
    lengths = torch.tensor([7, 3, 5, 4, 6, 2])
    real = torch.arange(7) < lengths[:, None]
    words = torch.randint(1, 20, (6, 7)) * real
    tags = torch.randint(4, (6, 7)).masked_fill(~real, -1)

    def loss(y, tags):
        if bug == "time flattened":
            return nn.functional.cross_entropy(
                y.transpose(0, 1).reshape(-1, 4), tags.reshape(-1), ignore_index=-1
            )
        if bug == "loss viewed":
            return nn.functional.cross_entropy(y.reshape(len(y), 4, -1), tags, ignore_index=-1)
        if bug == "loss on padding":
            return nn.functional.cross_entropy(y.reshape(-1, 4), tags.clamp(min=0).reshape(-1))
        return nn.functional.cross_entropy(y.reshape(-1, 4), tags.reshape(-1), ignore_index=-1)

    return Tagger(bug), (words, lengths), {"lengths": lengths, "loss": loss, "target": tags}

"""A classifier of sentences: a bidirectional LSTM, attention over its steps, packed."""

import torch
from families import Bug
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

ALSO_SOUND = ("mean",)
BUGS = [
    Bug("last of output", "backward direction", "self.lstm(", "yunjey/pytorch-tutorial#149"),
    Bug("last real of output", "backward direction", "self.lstm(", "slp-ntua/patrec-labs#210"),
    Bug("view", "batch mixed", ".view(", "graykode/nlp-tutorial#68"),
    Bug("mean over padding", "padding read", "", "Lizhen0628/text_classification#12"),
    Bug("attends to padding", "padding read", "", "hyunwoongko/transformer#40"),
    Bug(
        "softmax over batch", "batch mixed", "softmax(0)", "jadore801120/attention-is-all-you-need-pytorch#52"
    ),
    Bug("softmax of one", "softmax of one", "softmax(2)", "phanideepgampa/stacked-capsule-networks#5"),
    Bug("last row", "batch mixed", "", "yunjey/pytorch-tutorial#151"),
    Bug("squeezed", "shapes broadcast", "", "deepset-ai/FARM#229"),
    Bug("not unsorted", "rows reordered", "", "ruotianluo/self-critical.pytorch#125"),
]


class Classifier(nn.Module):
    def __init__(self, bug=""):
        super().__init__()
        self.bug = bug
        self.embed = nn.Embedding(16, 5)
        self.lstm = nn.LSTM(5, 4, bidirectional=True, batch_first=True)
        self.score, self.head = nn.Linear(8, 1), nn.Linear(8, 1 if bug == "squeezed" else 3)

    def forward(self, words, lengths):
        x, bug = self.embed(words), self.bug
        real = torch.arange(words.shape[1]) < lengths[:, None]
        if bug == "not unsorted":
            lengths, order = torch.sort(lengths, descending=True)
            x, real = x.index_select(0, order), real[order]
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        o, (h_n, _) = self.lstm(packed)
        o, _ = pad_packed_sequence(o, batch_first=True, total_length=words.shape[1])
        if bug == "last of output":
            o, _ = self.lstm(x)
            pooled = o[:, -1]
        elif bug == "last real of output":
            pooled = o[torch.arange(len(o)), lengths - 1]
        elif bug == "view":
            pooled = h_n.view(-1, 8)
        elif bug == "mean over padding":
            pooled = (o + self.score.bias).mean(1)
        elif bug == "last row":
            o = o.transpose(0, 1)
            pooled = o[:, -1:].mean(0).expand(words.shape[0], -1) + h_n.transpose(0, 1).flatten(1)
        elif bug == "mean":
            pooled = (o * real[:, :, None]).sum(1) / lengths[:, None]
        else:
            scores = self.score(torch.tanh(o))  # (B, T, 1)
            if bug != "attends to padding":
                scores = scores.masked_fill(~real[:, :, None], float("-inf"))
            if bug == "softmax over batch":
                weights = scores.masked_fill(~real[:, :, None], -1e4).softmax(0)
            elif bug == "softmax of one":
                weights = scores.masked_fill(~real[:, :, None], -1e4).softmax(2) * real[:, :, None]
            else:
                weights = scores.softmax(1)
            pooled = (weights * o).sum(1)
        return self.head(pooled)


def make(bug):
    lengths = torch.tensor([7, 3, 5, 2, 6])
    words, y = torch.randint(16, (5, 7)), torch.randint(3, (5,))

    def loss(logits, y):
        if bug == "squeezed":
            return ((logits - y.float()) ** 2).mean()
        return nn.functional.cross_entropy(logits, y)

    return Classifier(bug), (words, lengths), {"lengths": lengths, "loss": loss, "target": y}

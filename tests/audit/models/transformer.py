"""A Transformer over tokens with a padding mask; causal for a language model."""

import torch
from families import Bug
from torch import nn

ALSO_SOUND = ("encoder",)
BUGS = [
    Bug("no causal mask", "future read", "self.layer(", "pytorch/tutorials#2478"),
    Bug("mask off by one", "future read", "self.layer(", "jadore801120/attention-is-all-you-need-pytorch#57"),
    Bug("no batch_first", "batch mixed", "self.layer(", "bentrevett/pytorch-seq2seq#96"),
    Bug("mask inverted", "padding read", "", "speechbrain/speechbrain#2276"),
    Bug("mask unread", "padding read", "", "jingyaogong/minimind-v#76"),
    Bug("heads viewed", "steps torn", ".view(", "vitrioil/Speech-Separation#4"),
    Bug("positions over batch", "batch mixed", "cumsum", "as told"),
    Bug("positions of rows", "place in batch", "self.place(", "pytorch/tutorials, positions by x.size(0)"),
    Bug("softmax twice", "probabilities", "", "bkitano/llama-from-scratch#5"),
]
CAUSAL = ("", "no causal mask", "mask off by one", "softmax twice", "heads viewed")


class Transformer(nn.Module):
    def __init__(self, bug="", causal=True):
        super().__init__()
        self.bug, self.causal = bug, causal
        self.embed, self.place = nn.Embedding(17, 8, padding_idx=0), nn.Embedding(9, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=bug != "no batch_first")
        self.project = nn.Linear(8, 8)
        self.head = nn.Linear(8, 17)

    def forward(self, tokens, padded):
        T = tokens.shape[1]
        x = self.embed(tokens)
        if self.bug == "positions of rows":
            x = x + self.place(torch.arange(x.shape[0]))[:, None]
        else:
            x = x + self.place(torch.arange(T))
        if self.bug == "positions over batch":
            x = x + 0.1 * x.cumsum(0)
        if self.bug == "heads viewed":
            q = self.project(x).view(x.shape[0], 2, T, 4)
            x = x + q.transpose(1, 2).flatten(2)
        mask = None
        if self.causal and self.bug != "no causal mask":
            mask = torch.ones(T, T, dtype=torch.bool).triu(2 if self.bug == "mask off by one" else 1)
        keys = None if self.bug in ("mask unread", "no batch_first") else padded
        if self.bug == "mask inverted":
            keys = ~padded
        y = self.head(self.layer(x, src_mask=mask, src_key_padding_mask=keys))
        return y.softmax(-1) if self.bug == "softmax twice" else y


def make(bug):
    lengths = torch.tensor([7, 4, 6, 5, 3])
    padded = torch.arange(7) >= lengths[:, None]
    text = torch.randint(1, 17, (5, 8))
    tokens = text[:, :-1].masked_fill(padded, 0)
    model = Transformer("" if bug == "encoder" else bug, bug in CAUSAL)
    if bug not in CAUSAL:
        return model, (tokens, padded), {"lengths": lengths}
    target = text[:, 1:].masked_fill(padded, -100)

    def loss(y, target):
        return nn.functional.cross_entropy(y.transpose(1, 2), target)

    return model, (tokens, padded), {"lengths": lengths, "loss": loss, "target": target}

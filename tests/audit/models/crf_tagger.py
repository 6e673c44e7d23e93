"""The emissions of a BiLSTM-CRF, characters and words together, with a mask."""

import torch
from families import Bug
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

BUGS = [
    Bug("mask unread", "padding read", "", "jingyaogong/minimind-v#76"),
    Bug("characters mixed", "batch mixed", ".view(", "graykode/nlp-tutorial#38"),
    Bug("lengths of another", "padding read", "", "pytorch/rl#3711"),
    Bug("normalised over batch", "batch mixed", "mean(", "Lightning-Universe/lightning-bolts#568"),
    Bug("argmax fed", "gradient cut", "argmax", "as told", "?"),
    Bug("new layer", "unregistered", "nn.Linear(", "yangze0930/NTS-Net#14"),
]


class CrfTagger(nn.Module):
    def __init__(self, bug=""):
        super().__init__()
        self.bug = bug
        self.words, self.letters = nn.Embedding(18, 4, padding_idx=0), nn.Embedding(9, 3, padding_idx=0)
        self.spelling = nn.GRU(3, 3, batch_first=True, bidirectional=True)
        self.lstm = nn.LSTM(10, 5, batch_first=True, bidirectional=True)
        self.head, self.again = nn.Linear(10, 4), nn.Embedding(4, 4)

    def forward(self, words, letters, mask):  # (B, T), (B, T, C), (B, T)
        B, T, C = letters.shape
        _, h_n = self.spelling(self.letters(letters.view(B * T, C)))  # (2, B * T, 3)
        if self.bug == "characters mixed":
            spelled = h_n.view(B, T, 6)
        else:
            spelled = torch.cat([h_n[0], h_n[1]], 1).view(B, T, 6)
        x = torch.cat([self.words(words), spelled], 2)
        if self.bug == "normalised over batch":
            x = x - x.mean((0, 1), keepdim=True)
        lengths = mask.sum(1).cpu()
        if self.bug == "lengths of another":
            lengths = lengths.max().expand_as(lengths)
        if self.bug == "mask unread":
            o, _ = self.lstm(x)
        else:
            o, _ = self.lstm(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
            o, _ = pad_packed_sequence(o, batch_first=True, total_length=T)
        if self.bug == "new layer":
            o = o + nn.Linear(10, 10)(o)
        y = self.head(o)
        if self.bug == "argmax fed":
            y = y + self.again(y.argmax(-1)).detach() * y.new_tensor(1.0) + self.again(y.argmax(-1))
        return y


def make(bug):
    lengths = torch.tensor([6, 3, 5, 2, 4])
    mask = torch.arange(6) < lengths[:, None]
    words, letters = torch.randint(1, 18, (5, 6)) * mask, torch.randint(1, 9, (5, 6, 4)) * mask[:, :, None]
    return CrfTagger(bug), (words, letters, mask), {"lengths": lengths}

"""What the exercise gives: six models that run, train, and are wrong. Each has one bug.

Written for the course; each bug has been published, some of them many times.
"""

import torch
from torch import nn
from torch.nn.functional import softmax
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Forecaster(nn.Module):
    """A forecast at each step of x (B, T, I), from what came so far: (B, T)."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size)
        self.head = nn.Linear(hidden_size, 1)

    def forward(self, x):
        output, _ = self.lstm(x)
        return self.head(output).squeeze(-1)


class Classifier(nn.Module):
    """K scores for each sequence of x (B, T, I), read in both directions: (B, K)."""

    def __init__(self, input_size, hidden_size, classes):
        super().__init__()
        self.gru = nn.GRU(input_size, hidden_size, bidirectional=True, batch_first=True)
        self.head = nn.Linear(2 * hidden_size, classes)

    def forward(self, x):
        _, h_n = self.gru(x)
        return self.head(h_n.view(x.shape[0], -1))


class Tagger(nn.Module):
    """K scores for each step of x (B, T, I), of which lengths[b] are real: (B, T, K)."""

    def __init__(self, input_size, hidden_size, classes):
        super().__init__()
        self.gru = nn.GRU(input_size, hidden_size, bidirectional=True, batch_first=True)
        self.head = nn.Linear(2 * hidden_size, classes)

    def forward(self, x, lengths):
        order = lengths.argsort(descending=True)
        packed = pack_padded_sequence(x[order], lengths[order], batch_first=True)
        packed, _ = self.gru(packed)
        output, _ = pad_packed_sequence(packed, batch_first=True, total_length=x.shape[1])
        return self.head(output)


class Rater(nn.Module):
    """One number for each sequence of x (B, T, I), of which lengths[b] steps are real: (B)."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size, bidirectional=True, batch_first=True)
        self.head = nn.Linear(2 * hidden_size, 1)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        packed, _ = self.lstm(packed)
        output, _ = pad_packed_sequence(packed, batch_first=True)
        last = output[torch.arange(len(x)), lengths - 1]
        return self.head(last).squeeze(-1)


class Pooler(nn.Module):
    """One vector for each sequence of x (B, T, I): its real steps (mask (B, T) is True), weighted: (B, H)."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.gru = nn.GRU(input_size, hidden_size, batch_first=True)
        self.score = nn.Linear(hidden_size, 1)

    def forward(self, x, mask):
        output, _ = self.gru(x)
        scores = self.score(output).squeeze(-1)
        scores.masked_fill(~mask, -torch.inf)
        weights = softmax(scores, dim=1)
        return (weights[:, :, None] * output).sum(1)


class Decoder(nn.Module):
    """Predictions (B, T) for a context (B, I); each is told the true values before it, (B, T), step 0 a 0."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.gru = nn.GRU(input_size + 1, hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, 1)

    def forward(self, context, true):
        steps = context[:, None].expand(-1, true.shape[1], -1)
        output, _ = self.gru(torch.cat([steps, true[:, :, None]], dim=2))
        return self.head(output).squeeze(-1)

"""What exercise 22 gives: twelve published ways to do three jobs. Each is wrong.

Written for the course; each has been published, some of them many times.
"""

import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

# ---- Where both directions of an LSTM end: lstm, x (B, T, I), lengths (B) -> (B, 2H).


def summary_a(lstm, x, lengths):
    output, _ = lstm(x)
    return output[:, -1]


def summary_b(lstm, x, lengths):
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    _, (h_n, _) = lstm(packed)
    return h_n.view(len(x), -1)


def summary_c(lstm, x, lengths):
    _, (h_n, _) = lstm(x)
    return torch.cat([h_n[0], h_n[1]], dim=1)


def summary_d(lstm, x, lengths):
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    output, _ = pad_packed_sequence(lstm(packed)[0], batch_first=True)
    return output[torch.arange(len(x)), lengths - 1]


# ---- A loss over the real steps: scores (B, T, K), target (B, T), lengths (B) -> one number.


def sequence_loss_a(scores, target, lengths):
    real = torch.arange(scores.shape[1]) < lengths[:, None]
    losses = F.cross_entropy(scores.softmax(dim=2).transpose(1, 2), target, reduction="none")
    return losses[real].mean()


def sequence_loss_b(scores, target, lengths):
    real = torch.arange(scores.shape[1]) < lengths[:, None]
    losses = F.cross_entropy(scores.transpose(1, 2), target, reduction="none")
    return (losses * real).mean()


def sequence_loss_c(scores, target, lengths):
    return F.cross_entropy(scores.transpose(1, 2), target)


def sequence_loss_d(scores, target, lengths):
    real = torch.arange(scores.shape[1]) < lengths[:, None]
    scores = scores.reshape(len(scores), -1, scores.shape[1])  # (B, K, T)
    losses = F.cross_entropy(scores, target, reduction="none")
    return losses[real].mean()


# ---- One chunk of a long sequence: lstm, x (B, T, I), the state before or None -> output, the state after.


def carry_a(lstm, x, state):
    output, (h, _) = lstm(x, state)
    return output, (h.detach(), h.detach())


def carry_b(lstm, x, state):
    output, (h, c) = lstm(x, state)
    h.detach()
    c.detach()
    return output, (h, c)


def carry_c(lstm, x, state):
    output, (h, c) = lstm(x)
    return output, (h.detach(), c.detach())


def carry_d(lstm, x, state):
    clean = torch.randn(1, len(x), lstm.hidden_size, dtype=x.dtype)
    output, (h, c) = lstm(x, (clean, clean))
    return output, (h.detach(), c.detach())

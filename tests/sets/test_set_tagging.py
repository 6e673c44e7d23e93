"""Exercise set 17: the true answers against torch's loss and counting, and honest ways to each task."""

import torch
import torch.nn.functional as F
from honest import ways
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnncourse.checks import tagging

ORACLES = ways("""
masked_loss: torch's
    return nn.CrossEntropyLoss()(scores.flatten(0, 1), y.flatten())
accuracy: counted
    hits = [scores[b, t].argmax() == y[b, t] for b, t in (y != -100).nonzero()]
    return torch.tensor(sum(hits) / len(hits))
confusion: counted
    counts = torch.zeros(C, C, dtype=torch.long)
    for row, right in zip(predicted.tolist(), y.tolist(), strict=True):
        for j, k in zip(row, right, strict=True):
            if k != -100:
                counts[k, j] += 1
    return counts
spelled: found by the spaces
    text = " ".join(words) + " "
    y, left = [], list(tags)
    for character, after in zip(text, text[1:], strict=False):
        y.append(left.pop(0) if after == " " and character != " " else -100)
    return torch.tensor(y)
train_epoch: row by row, the step by hand
    parameters = [*embed.parameters(), *lstm.parameters(), *head.parameters()]
    losses = []
    for x, lengths, y in batches:
        terms = []
        for row, length, tags in zip(x, lengths.tolist(), y, strict=True):
            log_p = head(lstm(embed(row[:length]))[0]).log_softmax(-1)
            terms += [-log_p[t, k] for t, k in enumerate(tags[:length].tolist()) if k != -100]
        loss = sum(terms) / len(terms)
        gradients = torch.autograd.grad(loss, parameters)
        norm = sum(gradient.square().sum() for gradient in gradients).sqrt()
        scale = min(1.0, (clip / norm).item())
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.data -= optimizer.param_groups[0]["lr"] * scale * gradient
        losses.append(loss.item())
    return losses
tag_brackets: read step by step
    tags = torch.full_like(new_x, -100)
    for row, found, length in zip(new_x, tags, new_lengths.tolist(), strict=True):
        inside = 0
        for t in range(length):
            inside = 1 if row[t] == 1 else inside
            found[t] = inside
            inside = 0 if row[t] == 2 else inside
    return tags
""")


def trained(embed, lstm, head, x, lengths, y, updates=40):
    def scores(x, lengths):
        packed = pack_padded_sequence(embed(x), lengths, batch_first=True, enforce_sorted=False)
        return head(pad_packed_sequence(lstm(packed)[0], batch_first=True)[0])

    optimizer = torch.optim.Adam([*embed.parameters(), *lstm.parameters(), *head.parameters()], lr=0.05)
    for _ in range(updates):
        optimizer.zero_grad()
        F.cross_entropy(scores(x, lengths).transpose(1, 2), y).backward()
        optimizer.step()
    return scores


def test_the_gradients_are_large_enough_to_be_clipped():
    """Otherwise a training without clipping would pass."""
    for seed in range(3):
        for case in tagging.train_epoch.cases(seed):
            modules = [case.arguments[name].build() for name in ("embed", "lstm", "head")]
            embed, lstm, head = modules
            parameters = [p for module in modules for p in module.parameters()]
            for x, lengths, y in case.arguments["batches"]:
                packed = pack_padded_sequence(embed(x), lengths, batch_first=True, enforce_sorted=False)
                output, _ = pad_packed_sequence(lstm(packed)[0], batch_first=True)
                gradients = torch.autograd.grad(F.cross_entropy(head(output).transpose(1, 2), y), parameters)
                assert sum(g.square().sum() for g in gradients).sqrt() > 1.1 * case.arguments["clip"]


def test_a_window_does_not_reach_the_threshold_of_the_brackets():
    (score,) = tagging.tag_brackets.parts
    shares = []
    for seed in range(3):
        for case in tagging.tag_brackets.cases(seed)[:1]:
            x, _, y, new_x, _ = case.arguments.values()
            torch.manual_seed(seed)
            window = nn.Conv1d(6, 2, 5, padding=2)
            optimizer = torch.optim.Adam(window.parameters(), lr=0.1)
            for _ in range(100):
                optimizer.zero_grad()
                F.cross_entropy(window(F.one_hot(x, 6).float().transpose(1, 2)), y).backward()
                optimizer.step()
            found = window(F.one_hot(new_x, 6).float().transpose(1, 2)).argmax(1)
            shares.append(score.measure(found, tagging.tag_brackets.truth(*case.arguments.values())))
    assert max(shares) < score.at_least - 0.05


HONEST = ways("""
masked_loss: cross_entropy
    return F.cross_entropy(scores.transpose(1, 2), y)
masked_loss: flattened
    return F.cross_entropy(scores.reshape(-1, scores.shape[-1]), y.reshape(-1), ignore_index=-100)
masked_loss: picked
    real = y != -100
    p = scores[real].softmax(-1)
    return -p[torch.arange(len(p)), y[real]].log().mean()
masked_loss: one hot
    real = (y != -100).unsqueeze(-1)
    hot = F.one_hot(y.clamp(min=0), scores.shape[-1]) * real
    return -(hot * F.log_softmax(scores, dim=-1)).sum() / real.sum()
accuracy: picked
    real = y != -100
    return (scores[real].argmax(-1) == y[real]).float().mean()
accuracy: a number
    real = y != -100
    return ((scores.max(dim=2).indices == y) * real).sum().item() / real.sum().item()
confusion: index_put
    real = y != -100
    counts = torch.zeros(C, C, dtype=torch.long)
    return counts.index_put((y[real], predicted[real]), torch.tensor(1), accumulate=True)
confusion: one hot
    real = y != -100
    return F.one_hot(y[real], C).T @ F.one_hot(predicted[real], C)
spelled: lists
    y = []
    for word, tag in zip(words, tags, strict=True):
        y += [-100] * (len(word) - 1) + [tag, -100]
    return torch.tensor(y[:-1])
spelled: cumsum
    y = torch.full((sum(map(len, words)) + len(words) - 1,), -100)
    ends = torch.tensor([len(word) + 1 for word in words]).cumsum(0) - 2
    y[ends] = torch.tensor(tags)
    return y
train_epoch: flattened
    parameters = [*embed.parameters(), *lstm.parameters(), *head.parameters()]
    losses = []
    for x, lengths, y in batches:
        optimizer.zero_grad()
        packed = pack_padded_sequence(embed(x), lengths.cpu(), batch_first=True, enforce_sorted=False)
        output, _ = pad_packed_sequence(lstm(packed)[0], batch_first=True, total_length=x.shape[1])
        loss = F.cross_entropy(head(output).flatten(0, 1), y.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, max_norm=clip)
        optimizer.step()
        losses += [loss]
    return losses
train_epoch: clipped by hand
    parameters = [p for module in (embed, lstm, head) for p in module.parameters()]
    losses = torch.empty(len(batches), dtype=head.weight.dtype)
    for k, (x, lengths, y) in enumerate(batches):
        packed = pack_padded_sequence(embed(x), lengths, True, False)
        scores = head(pad_packed_sequence(lstm(packed)[0], True)[0])
        loss = F.cross_entropy(scores[y != -100], y[y != -100])
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = gradient
        norm = torch.stack([p.grad.square().sum() for p in parameters]).sum().sqrt()
        for parameter in parameters:
            parameter.grad *= min(1.0, clip / norm)
        optimizer.step()
        losses[k] = loss.item()
    return losses
tag_brackets: BiLSTM
    torch.manual_seed(0)
    embed, lstm = nn.Embedding(6, 8), nn.LSTM(8, 16, batch_first=True, bidirectional=True)
    return trained(embed, lstm, nn.Linear(32, 2), x, lengths, y)(new_x, new_lengths).argmax(-1)
tag_brackets: GRU
    torch.manual_seed(1)
    embed, gru = nn.Embedding(6, 8), nn.GRU(8, 16, batch_first=True, bidirectional=True)
    return trained(embed, gru, nn.Linear(32, 2), x, lengths, y)(new_x, new_lengths).argmax(-1)
""")

"""Exercise set 18: the true answers against loops and counting, and honest ways to each task."""

import torch
import torch.nn.functional as F
from honest import ways
from torch import nn

from rnncourse.checks import images_as_sequences

ORACLES = ways("""
sequences: number by number
    B, H, W = images.shape
    time_first, columns, pixels = torch.zeros(H, B, W), torch.zeros(B, W, H), torch.zeros(B, H * W, 1)
    for b in range(B):
        for i in range(H):
            for j in range(W):
                time_first[i, b, j] = columns[b, j, i] = pixels[b, i * W + j, 0] = images[b, i, j]
    return time_first, columns, pixels
hidden_size: torch's own count
    cell = {1: nn.RNN, 3: nn.GRU, 4: nn.LSTM}[gates]
    H = 0
    while True:
        modules = cell(I, H + 1, device="meta"), nn.Linear(H + 1, C, device="meta")
        if sum(p.numel() for module in modules for p in module.parameters()) > most:
            return H
        H += 1
last_scores: image by image
    return torch.stack([head(rnn(image)[0][-1]) for image in images])
accuracy_by_row: counted
    B, T, _ = scores.shape
    right = [[int(scores[b, t].argmax()) == int(y[b]) for b in range(B)] for t in range(T)]
    return torch.tensor([sum(row) / B for row in right])
scale_images: NumPy's
    mean, std = np.mean(train.numpy()), np.std(train.numpy(), ddof=1)
    return torch.from_numpy((train.numpy() - mean) / std), torch.from_numpy((test.numpy() - mean) / std)
same_side: row by row
    half = new_x.shape[2] // 2
    answers = []
    for image in new_x:
        sides = []
        for row in image:
            sides += ["left"] * bool(row[:half].min() > 0.4) + ["right"] * bool(row[half:].min() > 0.4)
        answers.append(int(sides[0] == sides[1]))
    return torch.tensor(answers)
""")


def trained(kind, x, y, new_x, seed=0, updates=80):
    torch.manual_seed(seed)
    rnn, head = getattr(nn, kind)(x.shape[-1], 16, batch_first=True), nn.Linear(16, 2)
    optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=0.03)
    for _ in range(updates):
        optimizer.zero_grad()
        F.cross_entropy(head(rnn(x)[0][:, -1]), y).backward()
        optimizer.step()
    with torch.no_grad():
        return head(rnn(new_x)[0][:, -1]).argmax(-1)


def test_logistic_regression_does_not_reach_the_threshold_of_the_strokes():
    (score,) = images_as_sequences.same_side.parts
    shares = []
    for seed in range(3):
        for case in images_as_sequences.same_side.cases(seed)[:1]:
            x, y, new_x = case.arguments.values()
            torch.manual_seed(seed)
            weigh = nn.Linear(x[0].numel(), 2)
            optimizer = torch.optim.Adam(weigh.parameters(), lr=0.05)
            for _ in range(200):
                optimizer.zero_grad()
                F.cross_entropy(weigh(x.flatten(1)), y).backward()
                optimizer.step()
            found = weigh(new_x.flatten(1)).argmax(-1)
            shares.append(score.measure(found, images_as_sequences.same_side.truth(x, y, new_x)))
    assert max(shares) < 0.7


HONEST = ways("""
sequences: permute
    B, H, W = images.shape
    return images.permute(1, 0, 2), images.mT, images.reshape(B, H * W, 1)
sequences: stacked
    time_first = torch.stack([images[:, t] for t in range(images.shape[1])])
    columns = torch.stack([images[:, :, t] for t in range(images.shape[2])], dim=1)
    return time_first, columns, images.view(len(images), -1)[..., None]
hidden_size: the root
    b = gates * I + 2 * gates + C
    return int((-b + (b * b + 4 * gates * (most - C)) ** 0.5) / (2 * gates))
hidden_size: the largest of many
    return max(H for H in range(1, 500) if gates * H * (I + H + 2) + C * (H + 1) <= most)
last_scores: h_n
    _, (h_n, _) = rnn(images.transpose(0, 1))
    return head(h_n[-1])
last_scores: all steps first
    return head(rnn(images.permute(1, 0, 2))[0])[-1]
accuracy_by_row: row by row
    return torch.stack([(scores[:, t].argmax(1) == y).float().mean() for t in range(scores.shape[1])])
accuracy_by_row: sorted
    best = scores.sort(dim=2, descending=True).indices[:, :, 0]
    return (best.T == y).sum(1) / len(y)
scale_images: one by one
    mean = train.sum() / train.numel()
    std = ((train - mean).square().sum() / (train.numel() - 1)).sqrt()
    return [(part - mean) / std for part in (train, test)]
scale_images: std_mean
    std, mean = torch.std_mean(train)
    return train.sub(mean).div(std), test.sub(mean).div(std)
same_side: GRU
    return trained("GRU", x, y, new_x)
same_side: LSTM
    return trained("LSTM", x, y, new_x, seed=1, updates=120)
""")

"""A language model over characters, time first, with its state given and returned."""

import torch
from families import Bug
from torch import nn

BUGS = [
    Bug("kept with graph", "state kept", "self.state", "pytorch/pytorch#2769"),
    Bug("kept", "state kept", "self.state", "IC3Net/IC3Net#7", "?"),
    Bug("bidirectional", "future read", "self.rnn(", "pytorch/tutorials#2478"),
    Bug("not shifted", "target in input", "", "karpathy/char-rnn, as told"),
    Bug("shifted back", "target in input", "", "as above, the other way round"),
    Bug("list", "unregistered", "self.heads", "pytorch/pytorch#666"),
    Bug("detached", "gradient cut", "detach()", "dpressel/dliss-tutorial#1"),
    Bug("state dropped", "state dropped", "self.cell(", "pytorch/pytorch#517"),
    Bug("state unread", "input unread", "", "ray-project/ray#15800"),
]


class Characters(nn.Module):
    def __init__(self, bug=""):
        super().__init__()
        self.bug = bug
        self.embed = nn.Embedding(12, 5)
        self.rnn = nn.GRU(5, 6, bidirectional=bug == "bidirectional")
        self.cell = nn.GRUCell(5, 6) if bug in ("detached", "state dropped") else None
        if self.cell is not None:
            self.rnn = nn.Identity()
        head = nn.Linear(12 if bug == "bidirectional" else 6, 12)
        if bug == "list":
            self.heads = [head]
        else:
            self.heads = nn.ModuleList([head])
        self.state = None

    def forward(self, x, h):
        e = self.embed(x)  # (T, B, 5)
        if self.bug == "kept with graph":
            o, self.state = self.rnn(e, h if self.state is None else self.state)
        elif self.bug == "kept":
            o, h = self.rnn(e, h if self.state is None else self.state)
            self.state = h.detach()
        elif self.bug == "bidirectional":
            o, h = self.rnn(e, torch.cat([h, h]))
        elif self.bug == "state unread":
            o, h = self.rnn(e)
        elif self.cell is not None:
            outs, h = [], h[0]
            for e_t in e:
                state = h if self.bug == "detached" else torch.zeros_like(h)
                h_t = self.cell(e_t, state)
                outs.append(h_t)
                h = h_t.detach() if self.bug == "detached" else h
            o = torch.stack(outs)
        else:
            o, h = self.rnn(e, h)
        return self.heads[0](o), h


def make(bug):
    text = torch.randint(12, (10, 5))
    x, y = text[1:-1], text[2:]
    if bug == "not shifted":
        y = x
    if bug == "shifted back":
        y = text[:-2]

    def loss(returned, y):
        return nn.functional.cross_entropy(returned[0].reshape(-1, 12), y.reshape(-1))

    h = 0.1 * torch.randn(1, 5, 6)
    return Characters(bug), (x, h), {"loss": loss, "target": y, "batch": 1, "time": 0}

"""What the exercise gives: five loops to judge, and a module with three faults that saves its state."""

from pathlib import Path

import torch
from torch import nn


class Reader(nn.Module):
    """Reads one long sequence, chunk by chunk, and saves its state in between."""

    def __init__(self, input_size, hidden_size, batch_size):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size)
        self.h = torch.zeros(1, batch_size, hidden_size)
        self.c = torch.zeros(1, batch_size, hidden_size)

    def reset(self):
        """Start another sequence."""
        self.h = torch.zeros_like(self.h)

    def forward(self, x):
        output, (h, c) = self.lstm(x, (self.h, self.c))
        self.h, self.c = h.detach(), c
        return output


# Its source, for learners to read, copy and repair.
_TEXT = Path(__file__).read_text("utf-8")
LEAKING = "class Reader" + _TEXT.split("\nclass Reader")[1].split("\n\n\n#")[0] + "\n"


def loop_p(lstm, chunks, optimizer):
    state = None
    for x in chunks:
        output, state = lstm(x, state)
        loss = output.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        state = state[0].detach(), state[1]


def loop_q(cell, chunks, optimizer):
    h = None
    for x in chunks:
        loss = 0
        for x_t in x:
            h = cell(x_t, None if h is None else h.detach())
            loss = loss + h.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def loop_r(gru, chunks, optimizer):
    h, total = None, 0
    for x in chunks:
        output, h = gru(x, h)
        loss = output.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        h = h.detach()
        total = total + loss
    return total


def loop_s(lstm, chunks, optimizer):
    state = None
    for x in chunks:
        output, state = lstm(x, state)
        loss = output.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for s in state:
            s.detach_()


def loop_t(gru, chunks, optimizer):
    h = None
    optimizer.zero_grad()
    for x in chunks:
        output, h = gru(x, h)
        loss = output.square().mean()
        loss.backward(retain_graph=True)
    optimizer.step()


LOOPS = "def loop_p" + _TEXT.split("\ndef loop_p")[1].split("\n\n\nLOOPS")[0] + "\n"

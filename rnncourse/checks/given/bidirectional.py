"""What the exercise gives: a bidirectional LSTM "with the same interface as nn.LSTM", with eight faults.

Written for the course from the faults of a class that is published elsewhere."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn


class BiLSTM(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0):
        super().__init__()
        self.hidden_size, self.num_layers, self.bias = hidden_size, num_layers, bias
        self.batch_first, self.dropout = batch_first, dropout
        for layer in range(num_layers):
            width = hidden_size if layer else input_size
            for end in (f"_l{layer}", f"_l{layer}_reverse"):
                self.add("weight_ih" + end, 4 * hidden_size, width)
                self.add("weight_hh" + end, 4 * hidden_size, hidden_size)
                self.add("bias_ih" + end, 4 * hidden_size)
                self.add("bias_hh" + end, 4 * hidden_size)

    def add(self, name, *shape):
        self.register_parameter(name, nn.Parameter(torch.zeros(shape)))

    def step(self, x_t, h, c, end):
        a = x_t @ getattr(self, "weight_ih" + end).T + h @ getattr(self, "weight_hh" + end).T
        a = a + getattr(self, "bias_ih" + end) + getattr(self, "bias_hh" + end)  # (B, 4H)
        i, f, g, o = a.chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    def run(self, x, end):
        """Return outputs (T, B, H), last h and last c of one direction of one layer over x (T, B, ·)."""
        h = c = x.new_zeros(x.shape[1], self.hidden_size)
        outputs = []
        for x_t in x:
            h, c = self.step(x_t, h, c, end)
            outputs.append(h)
        return torch.stack(outputs), h, c

    def forward(self, x, hx=None):
        if not self.batch_first:
            x = x.transpose(0, 1)  # from here on time comes first
        forward = backward = x
        for layer in range(self.num_layers):
            if layer > 0:
                forward, backward = F.dropout(forward, self.dropout), F.dropout(backward, self.dropout)
            forward, h_n, c_n = self.run(forward, f"_l{layer}")
            backward, _, _ = self.run(backward.flip(0), f"_l{layer}_reverse")
        output = torch.cat([forward, backward], dim=-1)
        if not self.batch_first:
            output = output.transpose(0, 1)
        return output, (h_n, c_n)


# Its source, for learners to read, copy and repair.
PUBLISHED = (
    "class BiLSTM" + Path(__file__).read_text("utf-8").split("\nclass BiLSTM")[1].split("\n\n\n#")[0] + "\n"
)

"""What the exercise gives: a net of five units; the task is to find out what each of them remembers."""

import torch
from torch import nn

# For each unit its gates i, f, g, o: the weights of value and pulse, the weight of its own h, the bias.
_UNITS = (
    ((0, 0, 0, 20), (0, 0, 0, 1.4), (20, 0, 0, 0), (0, 0, 0, 0)),
    ((0, 40, 0, -20), (0, -40, 0, 20), (0, 0, -80, 20), (0, 0, 0, 20)),
    ((0, 0, 0, 20), (0, 0, 0, 20), (0, 20, 0, 0), (0, 0, 0, -1)),
    ((0, 40, 0, -20), (0, -40, 0, 20), (-20, 0, 0, 0), (0, 20, 0, -10)),
    ((0, 0, 0, 20), (0, 0, 0, -20), (20, 0, 0, 0), (0, 0, 0, 20)),
)


def strange_net() -> nn.LSTM:
    """Return an LSTM of I = 2 inputs, a value (−1 or 1) and a pulse (0 or 1), and H = 5 units, in float32."""
    units = torch.tensor(_UNITS, dtype=torch.float32).transpose(0, 1)  # (4, H, 4): gates, units, numbers
    lstm = nn.LSTM(2, len(_UNITS)).requires_grad_(False)
    parameters = dict(lstm.named_parameters())
    parameters["weight_ih_l0"].copy_(units[..., :2].flatten(0, 1))
    parameters["weight_hh_l0"].copy_(torch.cat([row.diag() for row in units[..., 2]]))
    parameters["bias_ih_l0"].copy_(units[..., 3].flatten())
    parameters["bias_hh_l0"].zero_()
    return lstm

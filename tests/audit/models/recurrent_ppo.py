"""A recurrent agent: 64 calls of one step, the state reset where an episode starts."""

import torch
from families import Bug
from torch import nn

STEPS = 64
BUGS = [
    Bug("ignored", "starts ignored", "", "thu-ml/tianshou#486"),
    Bug("h alone", "starts ignored", "", "edbeeching/3d_control_deep_rl#3"),
    Bug("a step late", "starts ignored", "", "instadeepai/Mava#1006"),
    Bug("a step early", "starts ignored", "", "luchris429/purejaxrl#23"),
    Bug("all rows", "reset too early", "", "leggedrobotics/rsl_rl#28"),
    Bug("detached", "gradient cut", "", "hill-a/stable-baselines#759"),
    Bug("view", "batch mixed", ".view(", "ikostrikov/pytorch-a2c-ppo-acktr-gail#193"),
]


class Agent(nn.Module):
    def __init__(self, bug=""):
        super().__init__()
        self.bug = bug
        self.body = nn.Linear(3, 5)
        self.lstm = nn.LSTM(5, 5)
        self.actor, self.critic = nn.Linear(5, 2), nn.Linear(5, 1)

    def step(self, x, state):
        o, state = self.lstm(torch.tanh(self.body(x)).unsqueeze(0), state)
        return o[0], state


def rollout(agent, x, starts):  # (T, B, 3), (T, B)
    bug, outs = agent.bug, []
    h, c = (x.new_zeros(1, x.shape[1], 5) for _ in range(2))
    for t in range(STEPS):
        start = starts[t]
        if bug == "ignored":
            start = torch.zeros_like(start)
        if bug == "a step late":
            start = starts[t - 1] if t else torch.zeros_like(start)
        if bug == "a step early":
            start = starts[min(t + 1, STEPS - 1)]
        if bug == "all rows":
            start = start.max().expand_as(start)
        keep = (1 - start)[None, :, None]
        o, (h, c) = agent.step(x[t], (keep * h, c if bug == "h alone" else keep * c))
        if bug == "detached":
            h, c = h.detach(), c.detach()
        outs.append(o)
    o = torch.stack(outs)
    if bug == "view":
        o = o.view(x.shape[1], STEPS, -1).transpose(0, 1)
    return agent.actor(o), agent.critic(o).squeeze(-1)


def make(bug):
    x, starts = torch.randn(STEPS, 4, 3), torch.zeros(STEPS, 4)
    starts[0] = 1
    starts[20, 0] = starts[36, 1] = starts[50, 1] = starts[9, 3] = 1
    options = {"starts": starts, "call": rollout, "batch": 1, "time": 0}
    return Agent(bug), (x, starts), options

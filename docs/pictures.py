"""Make the pictures of README: `python docs/pictures.py`. All that they show is computed here."""

import io
import textwrap
from contextlib import redirect_stdout
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from torch import nn

import rnncourse
from rnncourse import plots
from rnncourse.checks.lstm_gates import lstm_step as check

HERE = Path(__file__).parent
INK = "#24292F"


def learner(x_t, state, weight_ih, weight_hh, bias_ih, bias_hh):
    """Take the gates in the order i, f, o, g: the mistake that the picture's verdict names."""
    h, c = state
    a = x_t @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh
    a_i, a_f, a_o, a_g = a.chunk(4, dim=-1)
    c = torch.sigmoid(a_f) * c + torch.sigmoid(a_i) * torch.tanh(a_g)
    return torch.sigmoid(a_o) * torch.tanh(c), c


class Forecaster(nn.Module):
    """Forecasts each step from those before it, so its author thinks; the smoothing reads the next one."""

    def __init__(self) -> None:
        super().__init__()
        self.smooth = nn.Conv1d(3, 3, 3, padding=1)
        self.lstm = nn.LSTM(3, 8, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (B, T, 8) for x (B, T, 3)."""
        x = self.smooth(x.mT).mT
        return self.lstm(x)[0]


def card(ax: Axes, title: str, code: str, words: str) -> None:
    """Write what was typed and, in the course's own words, what came back."""
    ax.axis("off")
    ax.set_title(title, fontsize=13, color=INK, loc="left")
    text = "\n".join(textwrap.wrap(" ".join(words.split()), 48))
    style = {"family": "monospace", "fontsize": 10.5, "linespacing": 1.5, "va": "top"}
    ax.text(0, 0.96, code, color=INK, **style)
    ax.text(0, 0.96 - 0.1 * (code.count("\n") + 1.7), text, color="#B00020", **style)


def front(path: Path) -> None:
    """Draw the three things that the course does: it shows a step, names a mistake and finds a silent bug."""
    torch.manual_seed(1)
    said = io.StringIO()
    with redirect_stdout(said):
        check(learner)
    report = rnncourse.audit(Forecaster(), torch.randn(4, 16, 3), causal=True)
    finding = report.wrong[0]

    figure = plt.figure(figsize=(13, 8.8), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1.3, 1), hspace=0.04)
    plots.lstm_cell(a_i=0.0, a_f=2.0, a_g=0.5, a_o=1.0, c=2.0, ax=above.subplots())
    left, middle, right = below.subplots(1, 3, width_ratios=(1.1, 1.1, 0.9))
    typed = "a_i, a_f, a_o, a_g = a.chunk(4, dim=-1)\n...\ncheck.lstm_step(lstm_step)"
    card(left, "A wrong answer is told which mistake it is", typed, said.getvalue())
    typed = "x = self.smooth(x.mT).mT\n...\nrnncourse.audit(forecaster, x, causal=True)"
    card(
        middle,
        "A bug that raises no error is found, with its line",
        typed,
        f"✗ {finding.text} {finding.by}, {finding.where}",
    )
    plots.dependence(report, ax=right)
    right.set_title("what each output reads", fontsize=13, loc="left", color=INK)
    figure.savefig(path, dpi=100, bbox_inches="tight")


if __name__ == "__main__":
    front(HERE / "front.png")

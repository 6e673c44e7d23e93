'''Ways to the tasks of an exercise set as text, in the grain in which a set's mistakes are written.

    HONEST = ways("""
    cell_state: addcmul
        return torch.addcmul(f * c, i, g)
    run_batch_first(cell, x, state=None): row by row
        ...
    """)
    HONEST["MyLSTMCell"] += [MyCell]

Below a task's name and a word on the way stands the body of a function with the truth's own signature, or
with the one that is given; where the truth is a class, of a class, with its bases if it is not an nn.Module
alone. It sees math, np, torch, nn, F, rnncourse, the helpers below and the names of the module that calls
`ways`, and is one of those: `cell_state_addcmul`. Of a task that asks for values, it is a way as a function
and as what that returns.
'''

import importlib
import inspect
import math
import re
import sys
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import rnncourse
from rnncourse.checks.framework.notation import parse


def torch_cell(kind, weight_ih, weight_hh, bias_ih, bias_hh, **options):
    """torch's cell of that kind with these weights."""
    cell = kind(weight_ih.shape[1], weight_hh.shape[1], dtype=weight_ih.dtype, **options)
    weights = {"weight_ih": weight_ih, "weight_hh": weight_hh, "bias_ih": bias_ih, "bias_hh": bias_hh}
    cell.load_state_dict(weights)
    return cell.requires_grad_(False)


def torch_layer(kind, cells, **options):
    """torch's layer of that kind with the weights of cells, or of layers of one, from the bottom up."""
    weights = {
        f"{name.removesuffix('_l0')}_l{k}": weight
        for k, cell in enumerate(cells)
        for name, weight in cell.state_dict().items()
    }
    dtype = next(iter(weights.values())).dtype
    layer = kind(cells[0].input_size, cells[0].hidden_size, len(cells), dtype=dtype, **options)
    layer.load_state_dict(weights)
    return layer.requires_grad_(False)


def edited(truth, text):
    """Return the truth with changes, written as those of a mistake."""
    (entry,) = parse(f"edited | in place\n{text}", __file__, 0)
    return entry.edited(truth)


class DrawnCell(nn.Module):
    """A cell's parameters by torch's names, of as many gates as the subclass has."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.H = hidden_size
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            width = {"weight_ih": (input_size,), "weight_hh": (hidden_size,)}.get(name, ())
            drawn = torch.empty(self.gates * hidden_size, *width).uniform_(-0.1, 0.1)
            self.register_parameter(name, nn.Parameter(drawn))


class DrawnLSTM(nn.Module):
    """An LSTM with torch's start, modules for dropout, all steps' inputs in one product, and flips."""

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, *rest, **options):
        super().__init__()
        template = nn.LSTM(input_size, hidden_size, num_layers, bias, batch_first, *rest, **options)
        self.H, self.batch_first = hidden_size, batch_first
        self.ends = [
            [f"_l{k}", f"_l{k}_reverse"][: 1 + template.bidirectional] for k in range(template.num_layers)
        ]
        self.drop = nn.Dropout(template.dropout)
        for name, parameter in template.named_parameters():
            setattr(self, name, nn.Parameter(parameter.detach()))

    def parts(self, x, end):
        weight, bias = getattr(self, "weight_ih" + end), getattr(self, "bias_ih" + end, None)
        return (
            F.linear(x, weight, bias),
            getattr(self, "weight_hh" + end),
            getattr(self, "bias_hh" + end, None),
        )

    def one(self, x, end, state):
        a, weight, bias = self.parts(x, end)
        outputs = []
        for a_t in a:
            i, f, g, o = (a_t + F.linear(state[0], weight, bias)).tensor_split(4, dim=-1)
            c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
            state = o.sigmoid() * c.tanh(), c
            outputs.append(state[0])
        return torch.stack(outputs), state

    def forward(self, input, hx=None):
        alone = input.ndim == 2
        x = input[:, None] if alone else input.transpose(0, 1) if self.batch_first else input
        rows = sum(map(len, self.ends))
        hx = (x.new_zeros(rows, x.shape[1], self.H),) * 2 if hx is None else hx
        h_0, c_0 = (s[:, None] for s in hx) if alone and hx[0].ndim == 2 else hx
        starts, final = list(zip(h_0, c_0, strict=True)), []
        for k, ends in enumerate(self.ends):
            x, halves = (self.drop(x) if k else x), []
            for end in ends:
                back = end.endswith("reverse")
                half, state = self.one(x.flip(0) if back else x, end, starts[len(final)])
                halves.append(half.flip(0) if back else half)
                final.append(state)
            x = torch.cat(halves, -1)
        h_n, c_n = (torch.stack(s) for s in zip(*final, strict=True))
        if alone:
            return x[:, 0], (h_n[:, 0], c_n[:, 0])
        return (x.transpose(0, 1) if self.batch_first else x), (h_n, c_n)


SEEN = {"math": math, "np": np, "torch": torch, "nn": nn, "F": F, "rnncourse": rnncourse}
SEEN |= {"DrawnCell": DrawnCell, "DrawnLSTM": DrawnLSTM, "torch_cell": torch_cell, "torch_layer": torch_layer}
HEADING = re.compile(r"(?P<task>\w+)(?P<signature>\(.*\))?: (?P<words>.+)")


def ways(text):
    """Return the ways of each task of the set that the calling module tests."""
    names = sys._getframe(1).f_globals
    checks = importlib.import_module("rnncourse.checks." + names["__name__"].rpartition("test_set_")[2])
    truths = {check.name: check.truth for check in checks.CHECKS}
    found = {task: [] for task in truths}
    names.update(SEEN)
    for entry in re.split(r"\n(?=\w)", text.strip("\n")):
        heading, _, body = entry.partition("\n")
        words = HEADING.fullmatch(heading)
        assert words, f"expected `task: words`, got `{heading}`"
        task, signature = words["task"], words["signature"]
        assert task in truths, f"no task of the set is called {task}: {', '.join(truths)}"
        kind = "class" if inspect.isclass(truths[task]) else "def"
        if signature is None and kind == "class":
            signature = "(nn.Module)"
        if signature is None and callable(truths[task]):
            parameters = inspect.signature(truths[task]).parameters.values()
            told = (p.replace(annotation=p.empty) for p in parameters if not inspect.isfunction(p.default))
            signature = f"({', '.join(map(str, told))})"
        name = re.sub(r"\W+", "_", f"{task} {words['words']}")
        exec(compile(f"{kind} {name}{signature or '()'}:\n{body}", f"<{heading}>", "exec"), names)
        found[task].append(names[name])
        if not callable(truths[task]):
            with warnings.catch_warnings(action="ignore"):  # of torch, where it is an oracle
                found[task].append(names[name]())
    return found

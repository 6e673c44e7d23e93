"""The checks: each known mistake is caught and named, honest work gets its points, no input breaks them."""

import copy
import dataclasses
import html
import itertools
import json
import pathlib
import pickle
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from torch import nn

import rnncourse
from rnncourse.checks import lstm_gates, rnn_cell
from rnncourse.checks.cases import Case, TorchCell
from rnncourse.checks.evaluate import evaluate

CHECKS = (*rnn_cell.CHECKS, *lstm_gates.CHECKS)
SEEDS = range(5)
by_name = {check.name: check for check in CHECKS}
MISTAKES = [
    pytest.param(check, mistake, id=f"{check.name}-{mistake.name}")
    for check in CHECKS
    for mistake in check.mistakes
]


def own_answers(check, function, cases):
    """The answers of one of the checks' own functions, which may use the library."""
    return [dataclasses.replace(answer, calls=None) for answer in check.evaluate(function, cases)]


def numbers(value):
    """All that is in a list of cases, as plain numbers and words that can be compared."""
    if isinstance(value, torch.Tensor):
        return value.tolist()
    if isinstance(value, Case | TorchCell):
        return numbers(vars(value))
    if isinstance(value, tuple | list):
        return [numbers(item) for item in value]
    if isinstance(value, dict):
        return {key: numbers(item) for key, item in value.items()}
    return value


def verdicts(check, learner):
    return [check.verdict(learner, seed) for seed in SEEDS]


# ---- the truth, compared with torch.nn and with NumPy


def test_pre_activation_and_rnn_step_equal_torch():
    for case in rnn_cell.rnn_step.cases(0):
        x_t, h, weight_ih, weight_hh, bias_ih, bias_hh, *nonlinearity = case.arguments.values()
        cell = nn.RNNCell(*weight_ih.shape[::-1], nonlinearity=(nonlinearity or ["tanh"])[0]).double()
        cell.load_state_dict(
            {"weight_ih": weight_ih, "weight_hh": weight_hh, "bias_ih": bias_ih, "bias_hh": bias_hh}
        )
        found = rnn_cell.rnn_step.truth(*case.arguments.values())
        torch.testing.assert_close(found, cell(x_t, h).detach())
        if not nonlinearity:
            a = rnn_cell.pre_activation.truth(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh)
            torch.testing.assert_close(torch.tanh(a), cell(x_t, h).detach())


def test_unroll_equals_torch():
    for case in rnn_cell.unroll.cases(0):
        x, h_0, *weights = case.arguments.values()
        net = nn.RNN(x.shape[2], h_0.shape[1]).double()
        for parameter, weight in zip(net.parameters(), weights, strict=True):
            parameter.data = weight
        outputs, h_n = net(x, h_0[None])
        found = rnn_cell.unroll.truth(x, h_0, *weights)
        torch.testing.assert_close(found, (outputs.detach(), h_n[0].detach()))


def test_next_state_equals_the_cell_called():
    for case in rnn_cell.next_state.cases(0):
        description, x_t, h = case.arguments.values()
        cell = description.build()
        torch.testing.assert_close(rnn_cell.next_state.truth(cell, x_t, h), cell(x_t, h))


def test_reordered_units_compute_the_same_in_the_new_order():
    for case in rnn_cell.reorder_units.cases(0):
        order, *weights = case.arguments.values()
        reordered = rnn_cell.reorder_units.truth(order, *weights)
        x_t = torch.randn(3, weights[0].shape[1], dtype=torch.float64)
        h = torch.randn(3, len(order), dtype=torch.float64)
        step = rnn_cell.rnn_step.truth
        torch.testing.assert_close(step(x_t, h[:, order], *reordered), step(x_t, h, *weights)[:, order])


def test_gates_and_cell_state_equal_numpy():
    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    for case in lstm_gates.gates.cases(0):
        (a,) = case.arguments.values()
        H = case.sizes["H"]
        blocks = [a.numpy()[..., k * H : (k + 1) * H] for k in range(4)]
        wanted = sigmoid(blocks[0]), sigmoid(blocks[1]), np.tanh(blocks[2]), sigmoid(blocks[3])
        for found, block in zip(lstm_gates.gates.truth(a), wanted, strict=True):
            np.testing.assert_allclose(found, block)
    for case in lstm_gates.cell_state.cases(0):
        f, i, g, c = (value.numpy() for value in case.arguments.values())
        np.testing.assert_allclose(
            lstm_gates.cell_state.truth(*case.arguments.values()), np.add(f * c, i * g)
        )


def torch_lstm_cell(weight_ih, weight_hh, bias_ih, bias_hh):
    cell = nn.LSTMCell(weight_ih.shape[1], weight_hh.shape[1]).to(weight_ih.dtype)
    cell.load_state_dict(
        {"weight_ih": weight_ih, "weight_hh": weight_hh, "bias_ih": bias_ih, "bias_hh": bias_hh}
    )
    return cell.requires_grad_(False)


def test_lstm_step_and_class_equal_torch():
    for case in lstm_gates.lstm_step.cases(0):
        x_t, state, *weights = case.arguments.values()
        found = lstm_gates.lstm_step.truth(x_t, state, *weights)
        torch.testing.assert_close(tuple(found), torch_lstm_cell(*weights)(x_t, state))
    for case in lstm_gates.MyLSTMCell.cases(0):
        I, H, parameters, x_t, state = case.arguments.values()
        cell = lstm_gates.MyLSTMCell.truth(I, H)
        cell.load_state_dict(parameters)
        torch.testing.assert_close(tuple(cell(x_t, state)), torch_lstm_cell(**parameters)(x_t, state))


def test_from_cs231n_equals_its_formula():
    """The formula as cs231n writes it, against torch's cell with the translated weights."""
    for case in lstm_gates.from_cs231n.cases(0):
        Wx, Wh, b = case.arguments.values()
        I, H = case.sizes.values()
        x, h, c = (torch.randn(3, size, dtype=torch.float64) for size in (I, H, H))
        a = x @ Wx + h @ Wh + b
        i, f, o = (torch.sigmoid(a[:, k * H : (k + 1) * H]) for k in range(3))
        next_c = f * c + i * torch.tanh(a[:, 3 * H :])
        weight_ih, weight_hh, bias_ih = lstm_gates.from_cs231n.truth(Wx, Wh, b)
        found = torch_lstm_cell(weight_ih, weight_hh, bias_ih, torch.zeros_like(bias_ih))(x, (h, c))
        torch.testing.assert_close(found, (o * torch.tanh(next_c), next_c))


# ---- the mistakes


@pytest.mark.parametrize(("check", "mistake"), MISTAKES)
def test_each_mistake_is_caught_and_named(check, mistake):
    for seed in SEEDS:
        cases = check.cases(seed)
        verdict = check.judge(cases, own_answers(check, mistake.function, cases))
        assert verdict.mistake == mistake.name, f"seed {seed}: {verdict}"
        assert verdict.state == "mistake"
        assert verdict.points < check.points
        assert mistake.hint in str(verdict)
        assert f'lesson {check.lesson}, "{mistake.section}"' in str(verdict)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_truth_is_right_and_names_are_unique(check):
    for seed in SEEDS:
        cases = check.cases(seed)
        verdict = check.judge(cases, own_answers(check, check.truth, cases))
        assert (verdict.state, verdict.points) == ("right", check.points), str(verdict)
    names = [mistake.name for mistake in check.mistakes]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_cases_leave_no_mistake_a_hiding_place(check):
    """The same for one seed, other numbers for another; sizes all different, but for few."""
    assert numbers(check.cases(1)) == numbers(check.cases(1))
    assert numbers(check.cases(1)) != numbers(check.cases(2))
    cases = check.cases(0)
    sizes = [tuple(case.sizes.values()) for case in cases]
    assert len(set(sizes)) >= 3
    assert sum(len(set(size)) == len(size) for size in sizes) > len(sizes) / 2
    tensors = [value for value in cases[0].arguments.values() if isinstance(value, torch.Tensor)]
    assert all(tensor.double().abs().sum() > 0 for tensor in tensors)


ROOT = pathlib.Path(__file__).parent.parent


@pytest.mark.parametrize("lesson", sorted({check.lesson for check in CHECKS}))
def test_hints_name_sections_that_the_lesson_has(lesson):
    files = list(ROOT.glob(f"notebooks/{lesson}_*.ipynb"))
    assert len(files) == 1, f"lesson {lesson}: {files}"
    cells = json.loads(files[0].read_text())["cells"]
    prose = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    headings = re.findall(r"^#+ (?:\d+\.? )?(.*)$", prose, flags=re.MULTILINE)
    named = {mistake.section for check in CHECKS if check.lesson == lesson for mistake in check.mistakes}
    assert named <= set(headings), f"{files[0].name} has no section {named - set(headings)}"


# ---- honest work, written in several ways


def pre_activation_einsum(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh):
    mixed = torch.einsum("...i,hi->...h", x_t, weight_ih) + torch.einsum("...k,hk->...h", h, weight_hh)
    return mixed + (bias_ih + bias_hh)


def pre_activation_joined(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh):
    both = torch.cat([x_t, h], dim=-1)
    return both @ torch.cat([weight_ih, weight_hh], dim=1).T + bias_ih + bias_hh


def pre_activation_loops(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh):
    if x_t.ndim == 2:
        rows = [
            pre_activation_loops(*row, weight_ih, weight_hh, bias_ih, bias_hh)
            for row in zip(x_t, h, strict=True)
        ]
        return torch.stack(rows)
    units = []
    for k in range(len(bias_ih)):
        units.append((weight_ih[k] * x_t).sum() + bias_ih[k] + (weight_hh[k] * h).sum() + bias_hh[k])
    return torch.stack(units)


def rnn_step_functional(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh, nonlinearity="tanh"):
    linear = nn.functional.linear
    return getattr(torch, nonlinearity)(linear(x_t, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh))


def rnn_step_joined(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh, nonlinearity="tanh"):
    a = pre_activation_joined(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh)
    return a.clamp(min=0) if nonlinearity == "relu" else a.tanh()


def rnn_step_numpy(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh, nonlinearity="tanh"):
    a = (
        x_t.numpy() @ weight_ih.numpy().T
        + h.numpy() @ weight_hh.numpy().T
        + bias_ih.numpy()
        + bias_hh.numpy()
    )
    return torch.from_numpy(np.maximum(a, 0) if nonlinearity == "relu" else np.tanh(a))


def rnn_step_float32(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh, nonlinearity="tanh"):
    tensors = [tensor.float() for tensor in (x_t, h, weight_ih, weight_hh, bias_ih, bias_hh)]
    return rnn_step_joined(*tensors, nonlinearity)


def unroll_by_index(x, h_0, *weights):
    outputs = torch.empty(len(x), *h_0.shape, dtype=x.dtype)
    h = h_0
    for t in range(x.shape[0]):
        h = rnn_step_joined(x[t], h, *weights)
        outputs[t] = h
    return outputs, outputs[-1]


def unroll_recursive(x, h_0, *weights):
    h = rnn_step_numpy(x[0], h_0, *weights)[None]
    if len(x) == 1:
        return h, h[0]
    later, h_T = unroll_recursive(x[1:], h[0], *weights)
    return torch.cat([h, later]), h_T


def next_state_by_name(cell, x_t, h):
    weights = dict(cell.named_parameters())
    a = x_t @ weights["weight_ih"].T + h @ weights["weight_hh"].T
    for name in ("bias_ih", "bias_hh"):
        a = a + weights.get(name, 0)
    return {"tanh": torch.tanh, "relu": torch.relu}[cell.nonlinearity](a)


def next_state_functional(cell, x_t, h):
    a = nn.functional.linear(x_t, cell.weight_ih, cell.bias_ih) + nn.functional.linear(
        h, cell.weight_hh, cell.bias_hh
    )
    return getattr(torch, cell.nonlinearity)(a)


def reorder_by_matrix(order, weight_ih, weight_hh, bias_ih, bias_hh):
    P = torch.eye(len(order), dtype=weight_ih.dtype)[order]
    return P @ weight_ih, P @ weight_hh @ P.T, P @ bias_ih, P @ bias_hh


def reorder_by_loops(order, weight_ih, weight_hh, bias_ih, bias_hh):
    new = [tensor.clone() for tensor in (weight_ih, weight_hh, bias_ih, bias_hh)]
    for k, old in enumerate(order.tolist()):
        new[0][k], new[2][k], new[3][k] = weight_ih[old], bias_ih[old], bias_hh[old]
        for m, other in enumerate(order.tolist()):
            new[1][k, m] = weight_hh[old, other]
    return new  # a list is as good as a tuple


def cell_state_addcmul(f, i, g, c):
    return torch.addcmul(f * c, i, g)


def cell_state_lerp(f, i, g, c):
    return torch.lerp(torch.zeros_like(c), c, f) + torch.lerp(torch.zeros_like(g), g, i)


def gates_sliced(a):
    H = a.shape[-1] // 4
    i, f, g, o = (a[..., k * H : (k + 1) * H] for k in range(4))
    return i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()


def gates_reshaped(a):
    blocks = a.reshape(*a.shape[:-1], 4, -1)
    squashed = 1 / (1 + torch.exp(-blocks))
    return (
        squashed[..., 0, :],
        squashed[..., 1, :],
        2 * torch.sigmoid(2 * blocks[..., 2, :]) - 1,
        squashed[..., 3, :],
    )


def lstm_step_split(x_t, state, weight_ih, weight_hh, bias_ih, bias_hh):
    a = torch.cat([x_t, state[0]], dim=-1) @ torch.cat([weight_ih, weight_hh], dim=1).T + bias_ih + bias_hh
    i, f, g, o = gates_sliced(a)
    c = cell_state_lerp(f, i, g, state[1])
    return [o * c.tanh(), c]


def lstm_step_four_matmuls(x_t, state, weight_ih, weight_hh, bias_ih, bias_hh):
    h, c = state
    a = []
    for W, U, b, d in zip(*(t.chunk(4) for t in (weight_ih, weight_hh, bias_ih, bias_hh)), strict=True):
        a.append(torch.einsum("...i,hi->...h", x_t, W) + torch.einsum("...k,hk->...h", h, U) + b + d)
    c = torch.sigmoid(a[1]) * c + torch.sigmoid(a[0]) * torch.tanh(a[2])
    return rnncourse.LSTMState(torch.sigmoid(a[3]) * torch.tanh(c), c)


def from_cs231n_rows(Wx, Wh, b):
    H = len(b) // 4
    rows = [*range(2 * H), *range(3 * H, 4 * H), *range(2 * H, 3 * H)]
    return Wx.T[rows], Wh.T[rows], b[rows]


def from_cs231n_in_place(Wx, Wh, b):
    new = []
    for tensor in (Wx.T, Wh.T, b):
        blocks = tensor.reshape(4, len(tensor) // 4, *tensor.shape[1:])
        new.append(blocks[[0, 1, 3, 2]].flatten(0, 1))
    return tuple(new)


class CellWithTorchsInitialisation(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.H = hidden_size
        for name, size in {
            "weight_ih": (input_size,),
            "weight_hh": (hidden_size,),
            "bias_ih": (),
            "bias_hh": (),
        }.items():
            self.register_parameter(
                name, nn.Parameter(torch.empty(4 * hidden_size, *size).uniform_(-0.1, 0.1))
            )

    def forward(self, x_t, state=None):
        h, c = (torch.zeros(x_t.shape[0], self.H),) * 2 if state is None else state
        return lstm_step_four_matmuls(x_t, (h, c), *self.parameters())


class CellThatReturnsAList(CellWithTorchsInitialisation):
    def forward(self, x_t, hx=None):
        hx = hx or [x_t.new_zeros(len(x_t), self.H) for _ in range(2)]
        return lstm_step_split(x_t, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)


HONEST = {
    "pre_activation": [pre_activation_einsum, pre_activation_joined, pre_activation_loops],
    "rnn_step": [rnn_step_joined, rnn_step_numpy, rnn_step_float32, rnn_step_functional],
    "unroll": [unroll_by_index, unroll_recursive],
    "next_state": [next_state_by_name, next_state_functional],
    "reorder_units": [reorder_by_matrix, reorder_by_loops],
    "cell_state": [cell_state_addcmul, cell_state_lerp],
    "gates": [gates_sliced, gates_reshaped],
    "lstm_step": [lstm_step_split, lstm_step_four_matmuls],
    "from_cs231n": [from_cs231n_rows, from_cs231n_in_place],
    "MyLSTMCell": [CellWithTorchsInitialisation, CellThatReturnsAList],
}


@pytest.mark.parametrize(
    ("name", "learner"),
    [pytest.param(n, f, id=f.__name__) for n, functions in HONEST.items() for f in functions],
)
def test_honest_work_gets_all_points(name, learner):
    for verdict in verdicts(by_name[name], learner):
        assert (verdict.state, verdict.points) == ("right", by_name[name].points), str(verdict)


def test_every_check_has_honest_ways():
    assert HONEST.keys() == by_name.keys()


# ---- what a verdict says. right_step is the base that the following spoil.

right_step = lstm_step_split


def spoiled(change):
    """A learner's lstm_step: the right h and c, then changed."""

    def lstm_step(*arguments):
        h, c = right_step(*arguments)
        return change(h, c)

    return lstm_step


def not_written(*arguments):
    raise NotImplementedError("not written yet")


def calls_the_unwritten(*arguments):
    return not_written(*arguments)


def unfinished_without_a_batch(x_t, *arguments):
    if x_t.ndim == 1:
        raise NotImplementedError("later")
    return right_step(x_t, *arguments)


def forgets_return(*arguments):
    right_step(*arguments)


def wrong_side(x_t, state, weight_ih, weight_hh, bias_ih, bias_hh):
    a = weight_ih @ x_t
    return a, a


def needs_a_batch(x_t, state, weight_ih, weight_hh, bias_ih, bias_hh):
    a = x_t @ weight_ih.T + bias_ih + state[0] @ weight_hh.T + bias_hh
    i, f, g, o = a.chunk(4, dim=1)
    c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def unknown_name(*arguments):
    return undefined  # noqa: F821


def without_end(*arguments):
    return without_end(*arguments)


def gives_up(*arguments):
    raise SystemExit(3)


class Hostile:
    """Raises whatever is asked of it."""

    def __getattribute__(self, name):
        raise RuntimeError("no")

    def __repr__(self):
        raise RuntimeError("no")

    __str__ = __len__ = __bool__ = __eq__ = __hash__ = __iter__ = __repr__


class HostileError(Exception):
    def __str__(self):
        raise RuntimeError("no")


def raises_hostile(*arguments):
    raise HostileError


def h_depends_on_h(x_t, state, *weights):
    h, c = right_step(x_t, state, *weights)
    return h + 0.3 * state[0], c


def one_for_the_batch(*arguments):
    h, c = right_step(*arguments)
    return (h[:1].expand_as(h) if h.ndim == 2 else h), c


def fault_in_both(x_t, state, weight_ih, weight_hh, bias_ih, bias_hh):
    """The forget and input gates exchanged in c, and c not squashed in h."""
    h, c = state
    i, f, g, o = (x_t @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh).chunk(4, dim=-1)
    c = i.sigmoid() * c + f.sigmoid() * g.tanh()
    return o.sigmoid() * c, c


@pytest.mark.parametrize(
    ("learner", "state", "points", "words"),
    [
        (
            right_step,
            "right",
            4,
            "✓ lstm_step: all 12 cases agree with the equations to 1e-6. 4 of 4 points.",
        ),
        (not_written, "not written", 0, "… lstm_step is not written yet."),
        (calls_the_unwritten, "not written", 0, "… lstm_step calls not_written, which is not written yet."),
        (unfinished_without_a_batch, "raised", 2, "is not written yet where there is no batch."),
        (
            spoiled(lambda h, c: (c, h)),
            "close",
            0,
            "right after exchanging your two results: you return (c, h)",
        ),
        (spoiled(lambda h, c: (-h, c)), "close", 2, "h: right after changing the sign."),
        (spoiled(lambda h, c: (h[None], c)), "close", 2, "h: right, but for an extra first axis of size 1."),
        (
            spoiled(lambda h, c: (h.half(), c)),
            "close",
            2,
            "h is nearly right: the largest difference is 0.000",
        ),
        (spoiled(lambda h, c: (h + 1e-3, c)), "close", 2, "the largest difference is 0.001."),
        (
            spoiled(lambda h, c: (h.movedim(0, -1), c)),
            "close",
            3,
            "exchanging axes 0 and 1; asked was (B, H)",
        ),
        (
            spoiled(lambda h, c: (h[..., :-1], c)),
            "shape",
            2,
            "h has shape (3, 3), expected (3, 4): batch B=3 first",
        ),
        (spoiled(lambda h, c: (h, c, h)), "type", 0, "returns a tuple of 3; asked is the tuple (h, c)."),
        (spoiled(lambda h, c: torch.stack([h, c])), "type", 0, "returns one tensor of shape (2, 3, 4)"),
        (
            spoiled(lambda h, c: (h.numpy(), c.numpy())),
            "type",
            0,
            "h is a NumPy array; asked is a torch.Tensor. The nu",
        ),
        (spoiled(lambda h, c: (h.tolist(), c)), "type", 0, "h is a list; asked is a torch.Tensor."),
        (spoiled(lambda h, c: (h.long(), c)), "type", 2, "h holds int64; asked are floating-point numbers."),
        (spoiled(lambda h, c: Hostile()), "type", 0, "returns a Hostile; asked is the tuple (h, c)."),
        (spoiled(lambda h, c: (h * torch.nan, c)), "wrong", 2, "h has nan or inf in it."),
        (
            spoiled(lambda h, c: (h**2 + 1, c)),
            "wrong",
            2,
            "c is right in every case; h is wrong (largest difference",
        ),
        (forgets_return, "type", 0, "returns None: is a `return` missing?"),
        (
            wrong_side,
            "raised",
            0,
            "in your line `a = weight_ih @ x_t`: mat1 and mat2 shapes cannot be multiplied (16x5",
        ),
        (
            wrong_side,
            "raised",
            0,
            "Both have 5 as their last axis: one of them wants transposing. Here B=3, I=5, H=4.",
        ),
        (needs_a_batch, "raised", 2, "raised IndexError where there is no batch in your line"),
        (needs_a_batch, "raised", 2, "there is one axis fewer: count axes from the end"),
        (
            unknown_name,
            "raised",
            0,
            "raised NameError in your line `return undefined  # noqa: F821`: name 'undefined'",
        ),
        (without_end, "raised", 0, "calls itself without end (RecursionError)."),
        (gives_up, "raised", 0, "raised SystemExit in your line `raise SystemExit(3)`: 3."),
        (raises_hostile, "raised", 0, "raised HostileError in your line `raise HostileError`."),
        (h_depends_on_h, "wrong", 2, "h is right where h is zero and wrong elsewhere (largest difference"),
        (
            h_depends_on_h,
            "wrong",
            2,
            "first at case 1 (B=3, I=5, H=4)). Look at what you do with the previous h.",
        ),
        (one_for_the_batch, "wrong", 3, "h is right where there is no batch and wrong elsewhere"),
        (fault_in_both, "mistake", 0, "first c: forget and input gate are exchanged"),
        (fault_in_both, "mistake", 0, "(h: wrong, too. One thing at a time.)"),
        (None, "type", 0, "it got None. Pass a function by its name, without brackets"),
        (3.5, "type", 0, "it got a float; asked is a function, passed by its name: no quotes, no brackets."),
        ("lstm_step", "type", 0, "it got a str; asked is a function"),
        (nn.LSTMCell, "type", 0, "it got the class LSTMCell; asked is a function."),
        (torch.zeros(2), "type", 0, "it got a tensor; asked is a function."),
    ],
)
def test_verdicts_on_lstm_step(learner, state, points, words):
    verdict = lstm_gates.lstm_step.verdict(learner)
    assert words in str(verdict)
    assert (verdict.state, verdict.points) == (state, points)
    assert "Traceback" not in str(verdict)
    assert "rnncourse/checks" not in str(verdict)


def test_a_hostile_object_in_the_place_of_a_function():
    assert "it got a Hostile; asked is a function" in str(lstm_gates.lstm_step.verdict(Hostile()))


def test_place_along_the_time_axis():
    def wrong_from_step_2_on(*arguments):
        outputs, h_T = unroll_by_index(*arguments)
        outputs = outputs.clone()
        outputs[2:] *= 3
        return outputs, h_T

    verdict = rnn_cell.unroll.verdict(wrong_from_step_2_on)
    assert "outputs is wrong in 4 of 5 cases, from step 2 on (counted from 0)" in str(verdict)
    assert verdict.points == 2


def test_read_backwards_in_time():
    verdict = rnn_cell.unroll.verdict(lambda *a: (unroll_by_index(*a)[0].flip(0), unroll_by_index(*a)[1]))
    assert "outputs: right when read backwards in time." in str(verdict)


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ({}, "its state_dict() has no weight_ih (it is empty)."),
        (
            {"weight_ih": torch.zeros(16, 5)},
            "self.weight_ih is a plain tensor, so state_dict() has no weight_ih.",
        ),
        ({"weight_ih": nn.Parameter(torch.zeros(5, 16))}, "weight_ih has shape (5, 16), torch's has (16, 5)"),
        (
            {"linear": nn.Linear(5, 16)},
            "no weight_ih (it has linear.weight, linear.bias). Asked are torch's four names.",
        ),
    ],
)
def test_parameters_that_do_not_fit(member, words):
    class MyLSTMCell(nn.Module):
        def __init__(self, input_size, hidden_size):
            super().__init__()
            for name, value in member.items():
                setattr(self, name, value)

    verdict = lstm_gates.MyLSTMCell.verdict(MyLSTMCell)
    assert words in str(verdict)
    assert (verdict.state, verdict.points) == ("raised", 0)


def test_a_class_where_a_function_is_due_and_back():
    assert "it got a function; asked is a class" in str(lstm_gates.MyLSTMCell.verdict(right_step))
    assert "it is no torch.nn.Module" in str(
        lstm_gates.MyLSTMCell.verdict(type("Plain", (), {"__init__": lambda *a: None}))
    )


# ---- what costs no points, but is said


def changes_its_input(x_t, state, *weights):
    h, c = right_step(x_t, state, *weights)
    x_t.zero_()
    return h, c


def prints(*arguments):
    print("x_t has shape", tuple(arguments[0].shape))
    return right_step(*arguments)


def warns(*arguments):
    warnings.warn("something is old", stacklevel=1)
    return right_step(*arguments)


@pytest.mark.parametrize(
    ("learner", "words"),
    [
        (changes_its_input, "It changes its argument x_t in place"),
        (prints, "It prints: `x_t has shape (3, 5)`"),
        (warns, "It warns: `something is old`"),
        (spoiled(lambda h, c: (h.float(), c)), "h is float32 though the inputs are float64"),
    ],
)
def test_remarks_cost_nothing(learner, words, capsys):
    verdict = lstm_gates.lstm_step.verdict(learner)
    assert words in str(verdict)
    assert (verdict.state, verdict.points) == ("right", 4)
    assert capsys.readouterr().out == ""


def test_a_flood_of_text_is_cut():
    def lstm_step(*arguments):
        for _ in range(100):
            print("x" * 10_000)
        return right_step(*arguments)

    check = lstm_gates.lstm_step
    assert all(len(answer.printed) <= 200 for answer in check.evaluate(lstm_step, check.cases(0)))
    assert len(str(check.verdict(lstm_step))) < 400


# ---- what is to be built may not be called


def torch_cell(x_t, state, *weights):
    return torch_lstm_cell(*weights)(x_t, state)


def torch_layer(x_t, state, *weights):
    net = nn.LSTM(x_t.shape[-1], state[0].shape[-1]).to(x_t.dtype)
    for parameter, weight in zip(net.parameters(), weights, strict=True):
        parameter.data = weight
    _, (h, c) = net(x_t[None], (state[0][None], state[1][None]))
    return h[0], c[0]


def hidden_in_try(*arguments):
    try:
        return rnncourse.steps.lstm_step(*arguments)
    except BaseException:
        return None


def only_without_a_batch(x_t, state, *weights):
    return torch.lstm_cell(x_t, state, *weights) if x_t.ndim == 2 else right_step(x_t, state, *weights)


@pytest.mark.parametrize(
    ("learner", "name"),
    [
        (torch_cell, "torch.nn.LSTMCell"),
        (torch_layer, "torch.nn.LSTM"),
        (torch.lstm_cell, "torch.lstm_cell"),
        (only_without_a_batch, "torch.lstm_cell"),
        (lambda x_t, state, *weights: torch._VF.lstm_cell(x_t, state, *weights), "torch.lstm_cell"),
        (
            lambda x_t, state, *weights: torch.ops.aten.lstm_cell.default(x_t, state, *weights),
            "torch.lstm_cell",
        ),
        (rnncourse.steps.lstm_step, "rnncourse.steps.lstm_step"),
        (hidden_in_try, "rnncourse.steps.lstm_step"),
        (lstm_gates.lstm_step.truth, "rnncourse.steps.lstm_step"),
    ],
)
def test_forbidden_in_lstm_step(learner, name):
    verdict = lstm_gates.lstm_step.verdict(learner)
    words = f"✗ lstm_step: this calls {name}: that is the thing to build here. 0 of 4 points."
    assert (str(verdict), verdict.points) == (words, 0)


def test_forbidden_elsewhere():
    class Derived(nn.LSTMCell):
        pass

    assert "this calls torch.nn.LSTMCell" in str(lstm_gates.MyLSTMCell.verdict(Derived))
    assert "this calls rnncourse.cells.LSTMCell" in str(
        lstm_gates.MyLSTMCell.verdict(type("Ours", (rnncourse.LSTMCell,), {}))
    )
    assert "this calls torch.nn.RNNCell" in str(
        rnn_cell.next_state.verdict(lambda cell, x_t, h: cell(x_t, h))
    )
    assert "this calls torch.rnn_tanh_cell" in str(rnn_cell.pre_activation.verdict(torch.rnn_tanh_cell))


def test_looking_at_a_cell_is_allowed():
    def next_state(cell, x_t, h):
        print(cell)
        return next_state_by_name(cell, x_t, h)

    assert rnn_cell.next_state.verdict(next_state).points == 3


# ---- evaluate and judge, apart


def test_evaluate_leaves_the_cases_alone_and_needs_no_check():
    def greedy(x_t, state, *weights):
        for tensor in (x_t, *state, *weights):
            tensor.zero_()
        torch.manual_seed(1)
        return tuple(state)

    cases = lstm_gates.lstm_step.cases(0)
    before = copy.deepcopy(cases)
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    evaluate(greedy, cases)
    assert torch.equal(torch.rand(3), wanted)  # the generator is as it was
    assert numbers(cases) == numbers(before)
    assert sys.getprofile() is None


def test_answers_are_plain_data():
    """They survive a trip to another process and back, and the verdict is the same."""

    class Tagged(torch.Tensor):
        pass

    def subclass(*arguments):
        h, c = right_step(*arguments)
        return h.as_subclass(Tagged).requires_grad_(), nn.Parameter(c)

    check = lstm_gates.lstm_step
    cases = check.cases(0)
    answers = check.evaluate(subclass, cases)
    for answer in answers:
        assert [type(value) for value in answer.returned] == [torch.Tensor, torch.Tensor]
        assert not any(value.requires_grad for value in answer.returned)
    arrived = pickle.loads(pickle.dumps((cases, answers)))
    assert check.judge(*arrived) == check.judge(cases, answers) == check.verdict(right_step)


def test_evaluate_imports_no_answer():
    """The half that runs in a learner's process gets along without the half that knows."""
    code = (
        "import sys, rnncourse.checks.evaluate\n"
        "print([name for name in sys.modules if name.startswith('rnncourse.checks.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    found = set(re.findall(r"checks\.(\w+)", done.stdout))
    assert found == {"evaluate", "cases", "watch"}


# ---- shown


def test_in_a_terminal_one_line_and_no_ipython():
    code = (
        "import sys\n"
        "from rnncourse.checks import lstm_gates as check\n"
        "points = check.cell_state(lambda f, i, g, c: f * c + i * g)\n"
        "print(type(points).__name__, points, 'IPython' in sys.modules, 'matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines() == [
        "✓ cell_state: all 4 cases agree with the equations to 1e-6. 2 of 2 points.",
        "int 2 False False",
    ]


def test_html_is_escaped_and_sets_no_text_colour():
    def lstm_step(*arguments):
        raise ValueError("<script>alert(1)</script> & `code`")

    shown = lstm_gates.lstm_step.verdict(lstm_step)._repr_html_()
    assert "<script>" not in shown
    assert html.escape("<script>") in shown
    assert "<code>code</code>" in shown
    assert not re.search(r"<div[^>]*[; ']color:", shown)


def test_the_example_says_what_is_wanted_and_what_came(capsys):
    for check, learner in itertools.product(CHECKS, [None, not_written]):
        check.example(learner)
    assert "not written yet" in capsys.readouterr().out
    lstm_gates.cell_state.example(lambda f, i, g, c: f * c)
    assert capsys.readouterr().out.splitlines()[-2:] == ["wanted  [1.25]", "yours   [1.5]"]
    lstm_gates.lstm_step.example(right_step)
    last = capsys.readouterr().out.splitlines()[-4:]
    assert [line.split("  ")[0].split() for line in last] == [
        ["wanted", "h"],
        ["wanted", "c"],
        ["yours", "h"],
        ["yours", "c"],
    ]
    assert [line.split()[-1] for line in last[:2]] == [line.split()[-1] for line in last[2:]]


def test_points_are_whole_and_add_up():
    for check in CHECKS:
        assert all(isinstance(criterion.points, int) and criterion.points > 0 for criterion in check.criteria)
        assert check.points == sum(criterion.points for criterion in check.criteria)
    assert sum(check.points for check in rnn_cell.CHECKS) == 16
    assert sum(check.points for check in lstm_gates.CHECKS) == 17

"""The checks' framework: what a verdict says, what costs nothing, what may not be called."""

import copy
import html
import itertools
import pathlib
import pickle
import re
import subprocess
import sys
import warnings

import honest
import pytest
import torch
from sets.test_set_lstm_gates import lstm_step_split
from sets.test_set_rnn_cell import next_state_by_name, unroll_by_index
from test_checks import numbers
from torch import nn

import rnncourse
from rnncourse.checks import lstm_gates, rnn_cell, sequences_and_state
from rnncourse.checks.framework.evaluate import evaluate

ROOT = pathlib.Path(__file__).parent.parent
CHECKS = (*rnn_cell.CHECKS, *lstm_gates.CHECKS)

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


def cut_across(x_t, state, weight_ih, weight_hh, bias_ih, bias_hh):
    first, second = x_t.chunk(7)
    return second, first


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


def one_known_one_not(*arguments):
    h, c = fault_in_both(*arguments)
    return h**2 + 7, c


@pytest.mark.parametrize(
    ("learner", "state", "points", "words"),
    [
        (
            right_step,
            "right",
            4,
            "✓ lstm_step: all 14 cases agree with the equations to 1e-6. 4 of 4 points.",
        ),
        (not_written, "not written", 0, "… lstm_step: not written yet."),
        (
            calls_the_unwritten,
            "not written",
            0,
            "… lstm_step: it calls not_written, which is not written yet.",
        ),
        (unfinished_without_a_batch, "raised", 2, "not written yet where there is no batch."),
        (
            spoiled(lambda h, c: (c, h)),
            "close",
            0,
            "right after exchanging your two results: you return (c, h)",
        ),
        (spoiled(lambda h, c: (h, -c)), "close", 2, "c: right after changing the sign."),
        (
            spoiled(lambda h, c: (h[None], c)),
            "close",
            2,
            "h: right, except for an extra first axis of size 1.",
        ),
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
            "exchanging axes 0 and 1; expected (B, H)",
        ),
        (
            spoiled(lambda h, c: (h[..., :-1], c)),
            "shape",
            2,
            "h has shape (3, 3), expected (3, 4): batch B=3 first",
        ),
        (spoiled(lambda h, c: (h, c, h)), "type", 0, "returns a tuple of 3; expected the tuple (h, c)."),
        (spoiled(lambda h, c: torch.stack([h, c])), "type", 0, "returns a tensor of shape (2, 3, 4)"),
        (
            spoiled(lambda h, c: (h.numpy(), c.numpy())),
            "right",
            4,
            "4 of 4 points. h is a NumPy array; expected a torch.Tensor. c is a NumPy array; expected",
        ),
        (spoiled(lambda h, c: (h.tolist(), c)), "right", 4, "h is a list; expected a torch.Tensor."),
        (
            spoiled(lambda h, c: (list(h), c)),
            "type",
            2,
            "h is a list; expected a torch.Tensor. The numbers in it are right.",
        ),
        (spoiled(lambda h, c: {"c": c, "h": h}), "right", 4, "all 14 cases agree"),
        (
            spoiled(lambda h, c: (x for x in (h, c))),
            "type",
            0,
            "returns a generator (from a `yield`); expected",
        ),
        (
            lambda f, i: f,
            "raised",
            0,
            "It is called with x_t, state, weight_ih, weight_hh, bias_ih, bias_hh, in",
        ),
        (spoiled(lambda h, c: (h.long(), c)), "type", 2, "h holds int64; expected floating-point numbers."),
        (
            spoiled(lambda h, c: Hostile()),
            "type",
            0,
            "returns an object of the class Hostile; expected the tuple (h, c).",
        ),
        (spoiled(lambda h, c: (h * torch.nan, c)), "wrong", 2, "h contains nan or inf."),
        (
            spoiled(lambda h, c: (h**2 + 1, c)),
            "wrong",
            2,
            "h is wrong. The largest difference is",
        ),
        (forgets_return, "type", 0, "returns None: is a `return` missing?"),
        (
            wrong_side,
            "raised",
            0,
            "mat1 and mat2 shapes cannot be multiplied (16x5 and 3x5). Your line: `a = weight_ih @ x_t`.",
        ),
        (
            wrong_side,
            "raised",
            0,
            "Both have 5 as their last axis: one of them needs to be transposed. Here B=3, I=5, H=4.",
        ),
        (cut_across, "raised", 0, "`chunk` cuts along the first axis unless `dim` says another."),
        (needs_a_batch, "raised", 2, "Only where there is no batch. Without"),
        (needs_a_batch, "raised", 2, "there is one axis fewer: count axes from the end"),
        (
            unknown_name,
            "raised",
            0,
            "raised NameError: name 'undefined' is not defined. Your line: `return undefined",
        ),
        (without_end, "raised", 0, "keeps calling itself (RecursionError)."),
        (gives_up, "raised", 0, "raised SystemExit: 3. Your line: `raise SystemExit(3)`."),
        (raises_hostile, "raised", 0, "raised HostileError. Your line: `raise HostileError`."),
        (
            h_depends_on_h,
            "wrong",
            2,
            "h is right where h is zero and wrong elsewhere. The largest",
        ),
        (
            h_depends_on_h,
            "wrong",
            2,
            "Look at what you do with the previous h.",
        ),
        (one_for_the_batch, "wrong", 3, "h is right where there is no batch and wrong elsewhere"),
        (fault_in_both, "mistake", 0, "two mistakes at once. One: forget and input gate are exchanged"),
        (fault_in_both, "mistake", 0, "The other: your h looks like `o * c`"),
        (one_known_one_not, "mistake", 0, "start with c: forget and input gate are exchanged"),
        (one_known_one_not, "mistake", 0, "(h is wrong as well. Fix one thing at a time.)"),
        (None, "type", 0, "it got None. Pass a function by its name, without parentheses"),
        (
            3.5,
            "type",
            0,
            "it got a float; expected a function, passed by its name: no quotes, no parentheses.",
        ),
        ("lstm_step", "type", 0, "it got a string; expected a function"),
        (nn.LSTMCell, "type", 0, "it got the class LSTMCell; expected a function."),
        (torch.zeros(2), "type", 0, "it got a tensor; expected a function."),
    ],
)
def test_verdicts_on_lstm_step(learner, state, points, words):
    verdict = lstm_gates.lstm_step.verdict(learner)
    assert words in str(verdict)
    assert (verdict.state, verdict.points) == (state, points)
    assert "Traceback" not in str(verdict)
    assert "rnncourse/checks" not in str(verdict)


def test_a_hostile_object_in_the_place_of_a_function():
    assert "it got an object of the class Hostile; expected a function" in str(
        lstm_gates.lstm_step.verdict(Hostile())
    )


def test_place_along_the_time_axis():
    def wrong_from_step_2_on(*arguments):
        outputs, h_T = unroll_by_index(*arguments)
        outputs = outputs.clone()
        outputs[2:] *= 3
        return outputs, h_T

    verdict = rnn_cell.unroll.verdict(wrong_from_step_2_on)
    assert "outputs is wrong in 6 of 7 cases. It is wrong from step 2 on, counting from 0." in str(verdict)
    assert verdict.points == 2


def test_read_backwards_in_time():
    verdict = rnn_cell.unroll.verdict(lambda *a: (unroll_by_index(*a)[0].flip(0), unroll_by_index(*a)[1]))
    assert "outputs: right when read backwards in time." in str(verdict)


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ({}, "its state_dict() has no weight_ih: it is empty."),
        (
            {"weight_ih": torch.zeros(16, 5)},
            "self.weight_ih is a plain tensor, so state_dict() has no weight_ih.",
        ),
        ({"weight_ih": nn.Parameter(torch.zeros(5, 16))}, "weight_ih has shape (5, 16); torch's has (16, 5)"),
        (
            {"linear": nn.Linear(5, 16)},
            "no weight_ih: it has linear.weight, linear.bias. Use torch's names.",
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
    assert "it got a function; expected a class" in str(lstm_gates.MyLSTMCell.verdict(right_step))
    assert "it is not a torch.nn.Module" in str(
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
        (spoiled(lambda h, c: (h.float(), c)), "h is float32 although the inputs are float64"),
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
    return honest.torch_cell(nn.LSTMCell, *weights)(x_t, state)


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
        (lstm_gates.lstm_step.truth, "rnncourse.checks.lstm_gates._lstm_step"),
    ],
)
def test_forbidden_in_lstm_step(learner, name):
    verdict = lstm_gates.lstm_step.verdict(learner)
    line = (
        f"✗ lstm_step: this calls {re.escape(name)} in your line `.+`: that is what you should build here. "
    )
    assert re.fullmatch(line + "0 of 4 points.", str(verdict))
    assert verdict.points == 0


def test_forbidden_in_a_line_of_the_learners_own():
    assert "in your line `return rnncourse.steps.lstm_step(*arguments)`: that is what you" in str(
        lstm_gates.lstm_step.verdict(hidden_in_try)
    )


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


def test_looking_for_a_name_in_all_modules_is_allowed():
    def next_state(cell, x_t, h):
        def nobodys():
            pass

        nobodys.__module__, nobodys.__qualname__ = None, "nobodys"
        with pytest.raises(pickle.PicklingError):
            pickle.dumps(nobodys)  # it looks for the function in every module, in rnncourse too
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
        "import sys, rnncourse.checks.framework.evaluate\n"
        "print([name for name in sys.modules if name.startswith('rnncourse.checks.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    found = set(re.findall(r"framework\.(\w+)", done.stdout)) - {"progress"}  # progress comes with rnncourse
    assert found == {"evaluate", "cases", "watch", "use", "limit", "plain", "language"}
    assert set(re.findall(r"checks\.(\w+)", done.stdout)) == {"framework"}


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
        "✓ cell_state: all 6 cases agree with the equations to 1e-6. 2 of 2 points.",
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


def test_a_place_in_a_result_of_one_axis():
    """No mistake known, the last step alone wrong, in a result that has time and no other axis."""

    def run(x, h_0, u, w):
        h, states = h_0, []
        for x_t in x:
            h = u * h + w * x_t
            states.append(h)
        return torch.stack([*states[:-1], 7 + h]) if states else x, h

    verdict = sequences_and_state.run.verdict(run)
    assert verdict.state == "wrong"
    assert "states is wrong in 6 of 7 cases. Only the last step is wrong." in str(verdict)

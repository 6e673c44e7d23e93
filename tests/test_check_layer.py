"""What is said of a layer's random numbers, and in which order of what is wrong with it."""

import dataclasses
import re

import pytest
import torch
import torch.nn.functional as F
from honest import DrawnLSTM, edited
from torch import nn

from rnncourse.checks import bidirectional, the_whole_layer
from rnncourse.checks.framework.cases import random_numbers
from rnncourse.checks.framework.layer import check_masks, check_start, fresh_case, masked_case
from rnncourse.checks.framework.use import Problem

MyLSTM, BiLSTM = the_whole_layer.MyLSTM, bidirectional.BiLSTM


def dropped(drop, D, seed=0):
    """A masked case and the output of a layer that drops with `drop(x, p)`."""
    options = {"bidirectional": D == 2}
    arguments = masked_case(random_numbers(seed, 0.8, torch.float32), **options).arguments
    layer = DrawnLSTM(arguments["input_size"], arguments["hidden_size"], **arguments["options"])
    layer.load_state_dict(arguments["parameters"])
    del layer.drop  # a module: its name takes no function
    layer.drop = lambda x: drop(x, arguments["options"]["dropout"])
    return layer(arguments["x"])[0].detach(), arguments


def by_hand(x, p):
    return x * (torch.rand(x.shape) >= p) / (1 - p)


def batch_first(x, p):
    return F.dropout(x.transpose(0, 1), p).transpose(0, 1)


def step_by_step(x, p):
    return torch.stack([x_t * torch.bernoulli(torch.full(x_t.shape, 1 - p)) / (1 - p) for x_t in x])


@pytest.mark.parametrize("drop", [F.dropout, by_hand, batch_first, step_by_step])
@pytest.mark.parametrize("D", [1, 2])
def test_masks_may_be_drawn_in_any_order(drop, D, run_number):
    for k in range(20):
        torch.manual_seed(run_number + k)
        check_masks(*dropped(drop, D, run_number + k))


@pytest.mark.parametrize(
    ("drop", "words"),
    [
        (lambda x, p: x, "no number is zeroed"),
        (lambda x, p: 0 * x, "neither 0 nor the output times one common factor"),
        (lambda x, p: x * (1 + torch.rand(x.shape)), "no number is zeroed"),
        (
            lambda x, p: by_hand(x, p) * torch.rand(x.shape),
            "neither 0 nor the output times one common factor",
        ),
        (
            lambda x, p: by_hand(x, p) * (1 - p),
            "with dropout=0.25, what is not dropped is multiplied by 1.00",
        ),
        (lambda x, p: F.dropout(x, 1 - p), "what is not dropped is multiplied by 4.00"),
        (lambda x, p: x * F.dropout(torch.ones_like(x[0]), p), "the same numbers are dropped at all steps"),
        (
            lambda x, p: x * F.dropout(torch.ones_like(x[:, :1]), p),
            "the same numbers are dropped in all sequences",
        ),
        (
            lambda x, p: x * F.dropout(torch.ones_like(x[..., :1]), p),
            "all units of a half are dropped together",
        ),
        (lambda x, p: F.dropout(x, 3 * p) * (1 - 3 * p) / (1 - p), "a different share of the numbers"),
    ],
)
def test_other_masks_are_told_by_what_is_wrong_with_them(drop, words):
    with pytest.raises(Problem, match=words):
        check_masks(*dropped(drop, 2))


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (torch.zeros_like, "weight_ih_l0 holds the same number everywhere"),
        (torch.randn_like, "larger than nn.LSTM's ever are"),
        (lambda weight: weight / 10, "smaller than nn.LSTM's"),
        (torch.abs, "not drawn uniformly around 0"),
        (lambda weight: 32**-0.5 * weight.sign(), "not drawn uniformly around 0"),
        (torch.Tensor.int, "does not hold floating-point numbers"),
    ],
)
def test_another_start_is_told_by_what_is_wrong_with_it(draw, words, run_number):
    arguments = fresh_case(random_numbers(0, 0.8, torch.float32), num_layers=2).arguments
    torch.manual_seed(run_number)
    drawn = nn.LSTM(arguments["input_size"], arguments["hidden_size"], 2).state_dict()
    check_start(drawn, arguments["hidden_size"])
    with pytest.raises(Problem, match=words):
        check_start({name: draw(weight) for name, weight in drawn.items()}, arguments["hidden_size"])


class OneLayer(nn.Module):
    """One layer, one direction, no options yet; of one state the wrong shape."""

    def __init__(self, input_size, hidden_size, **options):
        super().__init__()
        for name, weight in nn.LSTM(input_size, hidden_size).named_parameters():
            setattr(self, name, nn.Parameter(weight.detach()))

    def forward(self, x, hx=None):
        h = c = x.new_zeros(x.shape[-2], self.weight_hh_l0.shape[1])
        outputs = []
        for x_t in x:
            a = F.linear(x_t, self.weight_ih_l0, self.bias_ih_l0)
            i, f, g, o = (a + F.linear(h, self.weight_hh_l0, self.bias_hh_l0)).chunk(4, dim=-1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            outputs.append(h)
        return torch.stack(outputs), (h, c[None])


class WithState(OneLayer):
    def forward(self, x, hx=None):
        output, (h, c) = super().forward(x)
        return output, (h[None], c)


def test_what_a_layer_lacks_later_does_not_hide_what_is_wrong_now():
    """Neither class has a second layer's parameters; the verdict speaks of what comes before."""
    said = str(MyLSTM.verdict(OneLayer))
    assert said.startswith("✗ MyLSTM: h_n has shape (5, 4), expected (1, 5, 4)")
    said = str(MyLSTM.verdict(WithState))
    assert said.startswith("✗ MyLSTM: the given states are not used. Here T=2, B=4, I=5, H=3, hx given.")


def test_no_mistake_is_named_that_is_wrong_where_the_answer_is_right():
    """Both show the same where hx is given; only one of them has h_n in another order."""
    changes = """
    if bias: => if True:
    h_0[k], c_0[k] => h_0[layer], c_0[layer]
    h_0[k + 1], c_0[k + 1] => h_0[layer + self.num_layers], c_0[layer + self.num_layers]
    """
    check = dataclasses.replace(BiLSTM, mistakes=BiLSTM.mistakes[::-1])  # the other one is tried first
    assert check.verdict(edited(bidirectional._BiLSTM, changes)).mistake == "hx all forward first"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("if bias: => if True:", "with bias=False there are still biases."),
        ("if bias: => if bias or self.H:", "it raised AttributeError"),
        (
            "width = 2 * hidden_size if => width = 3 * hidden_size if",
            "weight_ih_l1 has shape (24, 18); torch's has (24, 12)",
        ),
    ],
)
def test_the_options_of_the_case_are_said(change, words):
    wrong = edited(bidirectional._BiLSTM, f"    {change}\n    uniform_(-bound, bound) => zero_()")
    said = str(BiLSTM.verdict(wrong))
    assert said.startswith(f"✗ BiLSTM: {words}")
    assert re.search(r"Here T=\d, B=\d, I=\d, H=\d, (num_layers=3, batch_first=True|bias=False)\.", said)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (
            "self.h_0 = nn.Parameter(torch.zeros(2, 1, hidden_size))",
            "has h_0, which torch's does not have. Is it a state?",
        ),
        (
            'self.register_buffer("h_0", torch.zeros(2, 1, hidden_size))',
            "has h_0, which torch's does not have. Is it",
        ),
        ("self.weight_hr = nn.Parameter(torch.zeros(1))", "has weight_hr, which torch's does not have. "),
    ],
)
def test_a_state_among_the_parameters_is_told(made, words):
    wrong = edited(
        bidirectional._BiLSTM, f"    super().__init__() => super().__init__(); {made}; self.more = 1"
    )
    failures = [answer.failure for answer in BiLSTM.evaluate(wrong, BiLSTM.cases(0)[:1])]
    assert words in failures[0].message + " "


def test_a_parameter_that_a_call_makes_is_seen():
    wrong = edited(
        bidirectional._BiLSTM, "    states = [] => states = []; self.h = nn.Parameter(x[0, 0].detach())"
    )
    (answer,) = BiLSTM.evaluate(wrong, BiLSTM.cases(0)[:1])
    assert "its state_dict() has h, which torch's does not have. Is it a state?" in answer.failure.message


def test_a_buffer_is_no_parameter():
    buffer = "self.register_buffer(name, torch.empty(shape).uniform_(-bound, bound))"
    old = "self.register_parameter(name, nn.Parameter(torch.empty(shape).uniform_(-bound, bound)))"
    verdict = BiLSTM.verdict(edited(bidirectional._BiLSTM, f"    {old} => {buffer}"))
    assert "weight_ih_l0 is a buffer: no optimizer updates it. Wrap it in nn.Parameter." in str(verdict)

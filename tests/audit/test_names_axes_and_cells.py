"""Axes exchanged by a reshape, own cells, modules with two names, arguments that training changes."""

import pytest
import torch
from composed import Model
from torch import nn
from torch.nn import functional as F

import rnncourse
from rnncourse.auditing.checks.reshaped import exchanged

B, T, I, H = 5, 7, 3, 4


def x():
    return torch.randn(B, T, I)


def gru(size=I):
    return nn.GRU(size, H, batch_first=True)


def questions(report):
    assert report.ok, str(report)
    return [(finding.kind, finding.where and finding.where.code) for finding in report.questions]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((5, 7, 3), (5, 3, 7), True),
        ((7, 5, 3), (5, 7, 3), True),
        ((35, 7, 3), (5, 7, 3, 7), True),
        ((5, 1, 7, 3), (5, 3, 7), True),
        ((5, 7, 3), (35, 3), False),
        ((5, 7, 6), (5, 7, 2, 3), False),
        ((5, 7, 7), (5, 7, 7), False),
        ((5, 1, 3), (5, 3, 1), False),
        ((6, 4), (8, 3), False),
        ((5, 2, 3, 7), (5, 6, 7), False),
    ],
)
def test_only_sizes_in_another_order_are_exchanged(before, after, expected):
    assert exchanged(before, after) == expected


class TestAReshape:
    @staticmethod
    def of_features(move):
        """Horizons of each feature on its own, as in channel-independent forecasters."""

        def forward(self, x):
            ahead = self.ahead(x.transpose(1, 2))  # (B, I, 4)
            return move(ahead, x.shape[0])

        return rnncourse.audit(Model(forward, ahead=nn.Linear(T, 4)), x(), batch=0, time=1)

    def test_for_a_transpose_is_a_question_with_its_line(self):
        report = self.of_features(lambda ahead, rows: ahead.reshape(rows, 4, I))
        assert questions(report) == [
            ("axes torn", "report = self.of_features(lambda ahead, rows: ahead.reshape(rows, 4, I))")
        ]

    def test_and_a_transpose_is_none(self):
        assert questions(self.of_features(lambda ahead, rows: ahead.transpose(1, 2))) == []

    def test_two_steps_joined_may_exchange_sizes_by_chance(self):
        def forward(self, x):  # (B, 6, 3) to (B, 3, 6): pairs of steps, as in a pyramid
            pairs = x[:, : x.shape[1] // 2 * 2].reshape(x.shape[0], -1, 2 * I)
            return self.gru(pairs)[0]

        report = rnncourse.audit(Model(forward, gru=gru(2 * I)), torch.randn(B, 6, I), batch=0, time=1)
        assert "axes torn" not in [kind for kind, _ in questions(report)]


@pytest.mark.parametrize(("features", "found"), [(4, ["batch size fixed"]), (6, [])])
def test_a_number_for_each_row_that_meets_the_features_is_a_question(features, found):
    def forward(self, x):
        level = torch.rand(x.shape[0], generator=torch.Generator().manual_seed(0))
        if x.shape[2] != 4:  # what the author forgot
            level = level[:, None, None]
        return self.gru(x + level)[0]

    report = rnncourse.audit(
        Model(forward, gru=gru(features)), torch.randn(4, T, features), batch=0, expect=("place in batch",)
    )
    assert [kind for kind, _ in questions(report)] == found


class MyCell(nn.Module):
    def __init__(self):
        super().__init__()
        self.both = nn.Linear(I + H, 2 * H)

    def forward(self, x, h):
        z, n = self.both(torch.cat([x, h], 1)).chunk(2, 1)
        return z.sigmoid() * h + (1 - z.sigmoid()) * n.tanh()


class TestACell:
    @pytest.mark.parametrize(("carried", "found"), [(False, ["state not carried"]), (True, [])])
    def test_of_ones_own_gets_the_state_that_it_returned(self, carried, found):
        def forward(self, x):
            h, top = x.new_zeros(x.shape[0], H), x.new_zeros(x.shape[0], H)
            for x_t in x.unbind(1):
                low = self.cell(x_t, h)
                h = low if carried else h
                top = self.top(low, top)
            return top

        layers = {"cell": MyCell(), "top": nn.GRUCell(H, H)}
        report = rnncourse.audit(Model(forward, **layers), x(), batch=0)
        assert [kind for kind, _ in questions(report)] == found

    @pytest.mark.parametrize(("exchanged", "found"), [(True, ["state not carried"]), (False, [])])
    def test_gets_its_state_second(self, exchanged, found):
        def forward(self, nodes):  # (B, N, H): messages between the nodes of a graph
            for _ in range(4):
                heard = self.message(nodes.mean(1, keepdim=True) + nodes)
                pair = (nodes, heard) if exchanged else (heard, nodes)
                nodes = self.cell(*(part.flatten(0, 1) for part in pair)).view_as(nodes)
            return nodes

        layers = {"message": nn.Linear(H, H), "cell": nn.GRUCell(H, H)}
        report = rnncourse.audit(
            Model(forward, **layers), torch.randn(B, T, H), batch=0, time=1, causal=False
        )
        assert [kind for kind, _ in questions(report)] == found


class TestAModule:
    class Two(nn.Module):
        def __init__(self, make):
            super().__init__()
            self.online = nn.Sequential(nn.Linear(I, H), nn.Tanh(), nn.Linear(H, 2))
            self.target = make(self.online)

        def forward(self, x):
            return self.online(x), self.target(x)

    def test_with_a_second_name_is_a_question(self):
        model = self.Two(lambda online: online)
        [(kind, line)] = questions(rnncourse.audit(model, x(), batch=0, expect=("state dropped",)))
        assert (kind, line) == ("module repeated", "self.target = make(self.online)")

    def test_and_a_second_module_is_none(self):
        def second(online):
            return nn.Sequential(nn.Linear(I, H), nn.Tanh(), nn.Linear(H, 2))

        assert questions(rnncourse.audit(self.Two(second), x(), batch=0, expect=("state dropped",))) == []

    def test_nor_is_one_layer_that_is_tied(self):
        class Tied(self.Two):
            def __init__(self):
                super().__init__(lambda online: online[2])

            def forward(self, x):
                return self.online(x), self.target(torch.tanh(self.online[0](x)))

        assert questions(rnncourse.audit(Tied(), x(), batch=0, expect=("state dropped",))) == []


@pytest.mark.parametrize(("copy", "found"), [(False, ["input changed"]), (True, [])])
def test_words_that_training_replaces_in_the_callers_batch(copy, found):
    def forward(self, words):
        given = words[:, :-1].clone() if copy else words[:, :-1]
        if self.training:
            given[torch.rand(given.shape) < 0.4] = 1
        return self.gru(self.embed(given))[0]

    model = Model(forward, embed=nn.Embedding(20, I), gru=gru())
    report = rnncourse.audit(model, torch.randint(2, 20, (B, T)), batch=0)
    assert [finding.kind for finding in report.wrong] == found, str(report)


@pytest.mark.parametrize(("steps", "found"), [(T - 2, True), (T, False)])
def test_last_steps_that_only_a_detached_mean_reads_are_a_question(steps, found):
    def forward(self, x):
        mean = x.mean(1, keepdim=True).detach()
        return self.head((x - mean)[:, :steps].flatten(1)) + mean[:, 0]

    report = rnncourse.audit(Model(forward, head=nn.Linear(steps * I, I)), x(), batch=0, time=1)
    assert ("last step unread" in [kind for kind, _ in questions(report)]) == found


@pytest.mark.parametrize("gap", [0.0, 5.0])
def test_a_relu_in_a_loop_is_judged_by_all_steps(gap):
    """The time since the last visit is 0 at the first step, as in a GRU-D."""

    def forward(self, x):
        h = x.new_zeros(x.shape[0], H)
        for t, x_t in enumerate(x.unbind(1)):
            decay = F.relu(self.decay(x.new_full((x.shape[0], 1), float(t))) - gap * T)
            h = self.cell(x_t, h * torch.exp(-decay))
        return h

    decay = nn.Linear(1, H, bias=False)
    nn.init.constant_(decay.weight, 0.5)
    report = rnncourse.audit(Model(forward, decay=decay, cell=nn.GRUCell(I, H)), x(), batch=0)
    assert ("dead ReLU" in [finding.kind for finding in report.wrong]) == (gap > 0), str(report)

"""Exercise set 16, silent bugs: the true answers row by row, what they read, what audit says of the six."""

import inspect
import textwrap

import pytest
import torch
from honest import edited, ways
from torch import nn

import rnncourse
from rnncourse.checks import silent_bugs
from rnncourse.checks.given import silent_bugs as given

REPAIRS = silent_bugs.CHECKS[1:]

# Each row by itself, without its padding: no axis can be taken for another.
ORACLES = ways("""
Forecaster(given.Forecaster): row by row
    def forward(self, x):
        return torch.stack([self.head(self.lstm(row)[0])[:, 0] for row in x])
Classifier(given.Classifier): row by row
    def forward(self, x):
        return torch.stack([self.head(self.gru(row)[1].flatten()) for row in x])
Tagger(given.Tagger): row by row
    def forward(self, x, lengths):
        rows = [self.head(self.gru(row[:n])[0]) for row, n in zip(x, lengths)]
        return torch.stack([F.pad(row, (0, 0, 0, x.shape[1] - len(row))) for row in rows])
Rater(given.Rater): row by row
    def forward(self, x, lengths):
        return torch.cat([self.head(self.lstm(row[:n])[1][0].flatten()) for row, n in zip(x, lengths)])
Pooler(given.Pooler): row by row
    def forward(self, x, mask):
        rows = [self.gru(row[real])[0] for row, real in zip(x, mask)]
        return torch.stack([self.score(row).softmax(0).T[0] @ row for row in rows])
Decoder(given.Decoder): step by step
    def forward(self, context, true):
        told, h, found = torch.zeros(len(true), 1, dtype=true.dtype), None, []
        for t in range(true.shape[1]):
            output, h = self.gru(torch.cat([context, told], dim=1)[:, None], h)
            found.append(self.head(output[:, 0])[:, 0])
            told = true[:, t : t + 1]
        return torch.stack(found, dim=1)
""")


@pytest.mark.parametrize("check", REPAIRS, ids=lambda check: check.name)
def test_the_truth_reads_what_it_may(check):
    """Its own row; in a forecast or a decoder no later step, in a padded row no padded one."""
    for case, answer in zip(check.cases(3), check.evaluate(check.truth, check.cases(3)), strict=True):
        B, T = case.sizes["B"], case.sizes["T"]
        past = torch.ones(T, T, dtype=torch.bool).tril()
        lengths = case.arguments.get("lengths", torch.full((B,), T))
        real = case.arguments.get("mask", torch.arange(T) < lengths[:, None])
        steps = {
            "Forecaster": past,
            "Decoder": past & ~torch.eye(T, dtype=torch.bool),
            "Tagger": (real[:, :, None] & real[:, None, :]).any(0),
        }.get(check.name, real)
        assert torch.equal(answer.returned["rows"], torch.eye(B, dtype=torch.bool))
        assert torch.equal(answer.returned["steps"], steps)


@pytest.mark.parametrize("check", REPAIRS, ids=lambda check: check.name)
def test_the_class_as_given_earns_nothing(check):
    mistake = next(mistake for mistake in check.mistakes if mistake.name == "as given")
    text = inspect.getsource(mistake.function).replace(f"class {check.name}", "class Copied")
    names = dict(vars(given))
    exec(text, names)  # as a learner copies it
    verdict = check.verdict(names["Copied"])
    assert (verdict.mistake, verdict.points) == ("as given", 0)


KINDS = {
    "Forecaster": ("batch as time", "self.lstm("),
    "Classifier": ("batch mixed", "h_n.view("),
    "Tagger": ("rows reordered", "x[order]"),
    "Rater": ("backward direction", ""),
    "Pooler": ("padding read", "softmax("),
    "Decoder": ("target in input", ""),
}


def audited(name, model):
    torch.manual_seed(0)
    x, lengths, true = torch.randn(5, 7, 3), torch.tensor([4, 7, 2, 5, 3]), torch.randn(5, 7)
    told = {
        "Forecaster": ((x,), {"batch": 0}),
        "Tagger": ((x, lengths), {}),
        "Rater": ((x, lengths), {}),
        "Pooler": ((x, torch.arange(7) < lengths[:, None]), {}),
        "Decoder": ((x[:, 0], true), {"target": true, "loss": nn.functional.mse_loss, "causal": True}),
    }
    inputs, options = told.get(name, ((x,), {}))
    return rnncourse.audit(model, *inputs, **options)


@pytest.mark.parametrize("check", REPAIRS, ids=lambda check: check.name)
def test_audit_finds_the_bug_and_nothing_in_the_repaired_model(check):
    sizes = (3, 4, 6) if check.name in ("Classifier", "Tagger") else (3, 4)
    kind, code = KINDS[check.name]
    (finding,) = audited(check.name, getattr(given, check.name)(*sizes)).wrong
    assert finding.kind == kind
    if code:
        assert finding.where.file == given.__file__
        assert code in finding.where.code
    repaired = audited(check.name, check.truth(*sizes))
    assert not repaired.wrong, str(repaired)


def test_an_unknown_wrong_way_is_told_what_reads_what(run_number):
    """A mixing that no mistake of the bank makes."""
    turned = edited(given.Forecaster, "    self.lstm(x) => self.lstm(x.flip(0))")
    verdict = silent_bugs.Forecaster.verdict(turned, run_number)
    assert (verdict.state, verdict.points) == ("wrong", 0)
    assert "of your output changes with row" in str(verdict)


HONEST = ways("""
diagnosis: as a list of pairs
    return dict(list(silent_bugs.diagnosis.truth.items()))
""")
for name, texts in {  # the classes as given, repaired in one way or another
    "Forecaster": ["nn.LSTM(input_size, hidden_size) => nn.LSTM(input_size, hidden_size, batch_first=True)"],
    "Classifier": [
        "h_n.view(x.shape[0], -1) => h_n.transpose(0, 1).reshape(len(x), -1)",
        """
        - _, h_n = self.gru(x)
        - return self.head(h_n.view(x.shape[0], -1))
        + forward, backward = self.gru(x)[0].chunk(2, dim=2)
        + return self.head(torch.cat([forward[:, -1], backward[:, 0]], dim=1))
        """,
    ],
    "Tagger": [
        "self.head(output) => self.head(output[order.argsort()])",
        """
        - order = lengths.argsort(descending=True)
        x[order], lengths[order], batch_first=True => x, lengths, batch_first=True, enforce_sorted=False
        """,
        """
        - return self.head(output)
        + found = torch.zeros_like(output)
        + found[order] = output
        + return self.head(found)
        """,
    ],
    "Rater": [
        """
        - packed, _ = self.lstm(packed)
        - output, _ = pad_packed_sequence(packed, batch_first=True)
        - last = output[torch.arange(len(x)), lengths - 1]
        + last = self.lstm(packed)[1][0].transpose(0, 1).flatten(1)
        """,
        """
        - last = output[torch.arange(len(x)), lengths - 1]
        + forward, backward = output.chunk(2, dim=2)
        + last = torch.cat([forward[torch.arange(len(x)), lengths - 1], backward[:, 0]], dim=1)
        """,
    ],
    "Pooler": [
        "scores.masked_fill( => scores.masked_fill_(",
        "scores.masked_fill( => scores = scores.masked_fill(",
        """
        - scores.masked_fill(~mask, -torch.inf)
        weights = softmax(scores, dim=1) => weights = scores.exp() * mask
        (weights[:, :, None] * output).sum(1) => (weights[:, None] @ output)[:, 0] / weights.sum(1)[:, None]
        """,
    ],
    "Decoder": [
        "true[:, :, None] => nn.functional.pad(true, (1, -1))[:, :, None]",
        """
        - steps = context[:, None].expand(-1, true.shape[1], -1)
        + steps = context[:, None].expand(-1, true.shape[1], -1)
        + true = torch.cat([torch.zeros_like(true[:, :1]), true], dim=1)[:, :-1]
        """,
    ],
}.items():
    HONEST[name] += [
        edited(getattr(given, name), textwrap.indent(textwrap.dedent(text), "    ")) for text in texts
    ]
